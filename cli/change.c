/* Changes of what a licence is worth, on a running system: committed, then waited for until no
 * gateway can still believe the old state. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "cli/command.h"
#include "cli/desk.h"
#include "registry/personal.h"

/* A case number that there is already may be lifted whatever it says. */
static bool may_be_kept(const struct registry_change *change,
                        const struct registry_licence *licence)
{
    bool kept =
        change->kind != CHANGE_HOLD_PLACE || (!personal_number_in(change->case_number) &&
                                              !personal_licence_in(change->case_number, licence));
    if (!kept)
        command_failed("nothing was changed: " PERSONAL_CASE_TOLD);
    return kept;
}

/* Commits, tells what was done, waits. `done` is a sentence without its end. */
static bool change_licence(struct desk *desk, const char *licence, struct registry_change *change,
                           const char *done, const char *not_found)
{
    struct registry_query *query = check_alloc(sizeof *query);
    bool found = desk_find_licence(desk, licence, query) && may_be_kept(change, &query->licence);
    if (found)
        memcpy(change->licence, query->licence.id, sizeof change->licence);
    free(query);
    if (!found || !desk_commit(desk, change, not_found))
        return false;
    printf("%s; the licence is now %s\n", done, licence_status_text(change->effective));
    fflush(stdout); /* it is done, whatever happens while waiting */
    desk_wait_in_force(desk, stdout);
    return true;
}

static int run_change(const char *config, const char *licence, struct registry_change *change,
                      const char *done, const char *not_found)
{
    struct desk desk;
    bool changed = desk_open(&desk, config, DESK_REGISTRY) &&
                   change_licence(&desk, licence, change, done, not_found);
    desk_close(&desk);
    return changed ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_licence_status(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *arguments[2];
    const struct command_option options[] = {{"config", &config, NULL}, {NULL, NULL, NULL}};
    struct registry_change change = {.kind = CHANGE_ISSUER_STATUS};
    char text[128];
    struct buf done = BUF_OVER(text);
    if (!command_read(command, argc, argv, options, arguments, 2, 2))
        return EXIT_USAGE;
    if (!licence_status_read(bytes_str(arguments[1]), &change.status))
        return command_misused(command, "'%s' is no status of an issuer", arguments[1]);
    buf_printf(&done, "issuer's status set to %s", licence_status_text(change.status));
    return run_change(config, arguments[0], &change, buf_cstr(&done), "no such licence");
}

static bool read_case(const struct command *command, const char *name, const char *text,
                      struct bytes *value)
{
    if (!text || !*text || strlen(text) > REGISTRY_CASE_BYTES_MAX) {
        command_misused(command, text ? "--%s has 1 to %d bytes" : "--%s is missing", name,
                        REGISTRY_CASE_BYTES_MAX);
        return false;
    }
    *value = bytes_str(text);
    return true;
}

int command_hold_place(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *agency = NULL, *case_number = NULL, *kind = "seize", *licence;
    const struct command_option options[] = {{"config", &config, NULL},
                                             {"agency", &agency, NULL},
                                             {"case", &case_number, NULL},
                                             {"kind", &kind, NULL},
                                             {NULL, NULL, NULL}};
    struct registry_change change = {.kind = CHANGE_HOLD_PLACE};
    char text[128];
    struct buf done = BUF_OVER(text);
    if (!command_read(command, argc, argv, options, &licence, 1, 1) ||
        !read_case(command, "agency", agency, &change.agency) ||
        !read_case(command, "case", case_number, &change.case_number))
        return EXIT_USAGE;
    if (!hold_kind_read(bytes_str(kind), &change.hold_kind))
        return command_misused(command, "'%s' is no kind of hold", kind);
    buf_printf(&done, "hold placed (%s)", hold_kind_text(change.hold_kind));
    return run_change(config, licence, &change, buf_cstr(&done), "no such licence");
}

int command_hold_lift(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *agency = NULL, *case_number = NULL, *licence;
    const struct command_option options[] = {{"config", &config, NULL},
                                             {"agency", &agency, NULL},
                                             {"case", &case_number, NULL},
                                             {NULL, NULL, NULL}};
    struct registry_change change = {.kind = CHANGE_HOLD_LIFT};
    if (!command_read(command, argc, argv, options, &licence, 1, 1) ||
        !read_case(command, "agency", agency, &change.agency) ||
        !read_case(command, "case", case_number, &change.case_number))
        return EXIT_USAGE;
    return run_change(config, licence, &change, "hold lifted",
                      "this agency and case have no open hold on the licence");
}
