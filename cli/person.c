/* Persons who are shut out: their tokens are good no longer, and they get no new ones. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/desk.h"
#include "cli/print.h"

/* Finds out who is meant and commits. */
static bool change_person(struct desk *desk, const char *officer, const char *holder_number,
                          struct registry_change *change)
{
    char subject[2 * REGISTRY_ID_BYTES];
    struct buf hex = BUF_OVER(subject);
    uint8_t id[REGISTRY_ID_BYTES];
    change->role = officer ? TOKEN_ROLE_INSPECTOR : TOKEN_ROLE_HOLDER;
    if (!officer && !desk_find_holder(desk, holder_number, "holder", id))
        return false;
    if (!officer)
        buf_put_hex(&hex, bytes_of(id, sizeof id));
    change->text = officer ? bytes_str(officer) : buf_bytes(&hex);
    return desk_commit(desk, change, "this person is not shut out");
}

static int run(const struct command *command, int argc, char **argv, enum registry_change_kind kind,
               const char *done_text)
{
    const char *config = NULL, *officer = NULL, *holder_number = NULL;
    const struct command_option options[] = {{"config", &config, NULL},
                                             {"officer", &officer, NULL},
                                             {"holder-number", &holder_number, NULL},
                                             {NULL, NULL, NULL}};
    struct registry_change change = {.kind = kind};
    struct desk desk;
    if (!command_read(command, argc, argv, options, NULL, 0, 0))
        return EXIT_USAGE;
    if (!officer == !holder_number)
        return command_misused(command, "either --officer AGENCY/OFFICER or --holder-number N");
    if (officer && (!client_is_name(officer, TOKEN_SUBJECT_BYTES_MAX) || !strchr(officer, '/')))
        return command_misused(command, "--officer is AGENCY/OFFICER, printable ASCII, no space");
    bool done = desk_open(&desk, config, DESK_REGISTRY) &&
                change_person(&desk, officer, holder_number, &change);
    if (done)
        printf("%s; gateways know it within 5 seconds\n", done_text);
    desk_close(&desk);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_person_shut_out(const struct command *command, int argc, char **argv)
{
    return run(command, argc, argv, CHANGE_SHUT_OUT, "shut out, with the tokens this person has");
}

int command_person_let_in(const struct command *command, int argc, char **argv)
{
    return run(command, argc, argv, CHANGE_LET_IN, "let in again");
}

static void print_person(void *context, const struct registry_shut_out *person)
{
    (void)context;
    printf("%-9s  %s", token_role_text(person->role), person->subject);
    print_time("  since ", person->since);
    putchar('\n');
}

static bool list(struct desk *desk)
{
    return desk_read(registry_shut_outs(desk->reader, print_person, NULL));
}

int command_person_list(const struct command *command, int argc, char **argv)
{
    return desk_run(command, argc, argv, list);
}
