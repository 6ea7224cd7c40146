/* The registry as a whole. */
#include "registry/registry.h"

#include <stdio.h>

#include "cli/command.h"
#include "cli/desk.h"

static bool print_counts(struct desk *desk)
{
    struct registry_counts counts;
    if (!desk_read(registry_count(desk->reader, &counts)))
        return false;
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

int command_registry_count(const struct command *command, int argc, char **argv)
{
    return desk_run(command, argc, argv, print_counts);
}

int command_registry_restored(const struct command *command, int argc, char **argv)
{
    return desk_run(command, argc, argv, restored);
}
