/* Who may act for an enterprise, or for a person: mandates that the authority records, and a list
 * of all. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/desk.h"
#include "cli/print.h"

static int change_agent(const char *config, const char *const numbers[2],
                        struct registry_change *change, const char *done_text)
{
    struct desk desk;
    bool done =
        desk_open(&desk, config, DESK_REGISTRY) &&
        desk_find_holder(&desk, numbers[0], "holder", change->holder) &&
        desk_find_holder(&desk, numbers[1], "person", change->agent) &&
        desk_commit(&desk, change,
                    "the person is no agent of the enterprise and no guardian of the holder");
    if (done)
        puts(done_text);
    desk_close(&desk);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_agent_grant(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *until = NULL, *numbers[2];
    const struct command_option options[] = {
        {"config", &config, NULL}, {"until", &until, NULL}, {NULL, NULL, NULL}};
    struct registry_change change = {.kind = CHANGE_AGENT_GRANT};
    if (!command_read(command, argc, argv, options, numbers, 2, 2) ||
        !command_last_day(command, "--until", until, &change.until))
        return EXIT_USAGE;
    return change_agent(config, numbers, &change,
                        "granted: the person may display the holder's licences");
}

int command_agent_end(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *numbers[2];
    const struct command_option options[] = {{"config", &config, NULL}, {NULL, NULL, NULL}};
    struct registry_change change = {.kind = CHANGE_AGENT_END};
    if (!command_read(command, argc, argv, options, numbers, 2, 2))
        return EXIT_USAGE;
    return change_agent(config, numbers, &change,
                        "ended: the person may no longer display the holder's licences by it");
}

/* ---- list ---- */

static void print_party(const char *label, struct bytes name, const uint8_t id[REGISTRY_ID_BYTES],
                        bool masked)
{
    printf("\n%s", label);
    print_masked(name, masked ? 1 : utf8_count(name), 0);
    print_id(" ", id);
}

static void print_mandate(void *context, const struct registry_mandate *m, bool asker_gives)
{
    const bool *full = context;
    (void)asker_gives;
    print_id("id        ", m->id);
    printf("\nas        %s", registry_acting_text(m->acting));
    print_party("for       ", m->giver_name, m->giver, !*full && m->giver_kind == HOLDER_PERSON);
    print_party("who acts  ", m->agent_name, m->agent, !*full);
    if (m->has_licence)
        print_id("\nlicence   ", m->licence);
    if (m->issuer_name.len) {
        fputs("\nissuer    ", stdout);
        print_text(m->issuer_name);
    }
    print_time("\nsince     ", m->since);
    if (m->until)
        print_time("\nuntil     ", m->until);
    puts("\n");
}

int command_agent_list(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *number;
    bool full = false;
    const struct command_option options[] = {
        {"config", &config, NULL}, {"full", NULL, &full}, {NULL, NULL, NULL}};
    uint8_t id[REGISTRY_ID_BYTES];
    struct desk desk;
    if (!command_read(command, argc, argv, options, &number, 1, 1))
        return EXIT_USAGE;
    bool done = desk_open(&desk, config, DESK_REGISTRY) &&
                desk_find_holder(&desk, number, "holder", id) &&
                desk_read(registry_mandates(desk.reader, id, clock_wall_s(), print_mandate, &full));
    desk_close(&desk);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
