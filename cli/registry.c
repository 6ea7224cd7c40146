/* The registry as a whole, and who may act for its enterprises. */
#include "registry/registry.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/desk.h"

static bool print_counts(struct desk *desk)
{
    struct registry_counts counts;
    enum registry_error error = registry_count(desk->reader, &counts);
    if (error) {
        command_failed("the registry can't be read: %s", registry_error_text(error));
        return false;
    }
    printf("holders     %llu\n"
           "licences    %llu\n"
           "places      %llu (every version of a licence has one)\n"
           "open holds  %llu\n"
           "changes     %llu\n"
           "outbox      %llu (changes that Redis was not told yet)\n",
           (unsigned long long)counts.holders, (unsigned long long)counts.licences,
           (unsigned long long)counts.places, (unsigned long long)counts.open_holds,
           (unsigned long long)counts.changes, (unsigned long long)counts.outbox);
    return true;
}

static bool restored(struct desk *desk)
{
    struct registry_change change = {.kind = CHANGE_RESTORED};
    if (!desk_commit(desk, &change, "there is no list"))
        return false;
    puts("every status list has a new generation; gateways and Redis rebuild theirs from it");
    return true;
}

/* A command without arguments that does one thing with the registry. */
static int run_plain(const struct command *command, int argc, char **argv,
                     bool (*act)(struct desk *))
{
    const char *config = NULL;
    const struct command_option options[] = {{"config", &config, NULL}, {NULL, NULL, NULL}};
    struct desk desk;
    if (!command_read(command, argc, argv, options, NULL, 0, 0))
        return EXIT_USAGE;
    bool done = desk_open(&desk, config, DESK_REGISTRY) && act(&desk);
    desk_close(&desk);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_registry_count(const struct command *command, int argc, char **argv)
{
    return run_plain(command, argc, argv, print_counts);
}

int command_registry_restored(const struct command *command, int argc, char **argv)
{
    return run_plain(command, argc, argv, restored);
}

static int change_agent(const char *config, const char *const numbers[2],
                        struct registry_change *change)
{
    struct desk desk;
    bool done = desk_open(&desk, config, DESK_REGISTRY) &&
                desk_find_holder(&desk, numbers[0], "enterprise", change->holder) &&
                desk_find_holder(&desk, numbers[1], "person", change->agent) &&
                desk_commit(&desk, change, "the person is no agent of the enterprise");
    if (done)
        puts(
            change->kind == CHANGE_AGENT_GRANT
                ? "granted: the person may display the enterprise's licences"
                : "ended: the person may no longer display the enterprise's licences as its agent");
    desk_close(&desk);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_agent_grant(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *until = NULL, *numbers[2];
    const struct command_option options[] = {
        {"config", &config, NULL}, {"until", &until, NULL}, {NULL, NULL, NULL}};
    struct registry_change change = {.kind = CHANGE_AGENT_GRANT};
    int32_t last_day;
    if (!command_read(command, argc, argv, options, numbers, 2, 2))
        return EXIT_USAGE;
    if (until) {
        if (!civil_read_date(bytes_str(until), &last_day))
            return command_misused(command, "--until is a date: 2027-12-31");
        change.until = (int64_t)(last_day + 1) * 86400 - CLOCK_UTC8_S;
        if (change.until <= clock_wall_s())
            return command_misused(command, "--until %s has passed", until);
    }
    return change_agent(config, numbers, &change);
}

int command_agent_end(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *numbers[2];
    const struct command_option options[] = {{"config", &config, NULL}, {NULL, NULL, NULL}};
    struct registry_change change = {.kind = CHANGE_AGENT_END};
    if (!command_read(command, argc, argv, options, numbers, 2, 2))
        return EXIT_USAGE;
    return change_agent(config, numbers, &change);
}
