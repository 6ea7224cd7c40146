/* Applications for the use list (使用清单): what business systems asked for, decided by the data's
 * owner. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/desk.h"
#include "cli/print.h"
#include "gateway/config/policy.h"

#define LISTED_MAX 1000000

static bool is_overdue(const struct registry_access_request *r, int32_t today)
{
    return r->state == ACCESS_SUBMITTED && r->due_on < today;
}

/* ---- list ---- */

struct listing {
    bool overdue; /* only these */
    int32_t today;
};

static void print_row(void *context, const struct registry_access_request *r)
{
    const struct listing *listing = context;
    bool overdue = is_overdue(r, listing->today);
    if (listing->overdue && !overdue)
        return;
    print_id("", r->id);
    printf("  %-9s", registry_access_state_text(r->state));
    print_date("  due ", r->due_on, "");
    printf("%s  %s  %s\n", overdue ? "  overdue" : "", r->system, r->matter);
}

int command_access_list(const struct command *command, int argc, char **argv)
{
    const char *config = NULL;
    struct listing listing = {.today = civil_day_at(clock_wall_s())};
    const struct command_option options[] = {
        {"config", &config, NULL}, {"overdue", NULL, &listing.overdue}, {NULL, NULL, NULL}};
    struct desk desk;
    if (!command_read(command, argc, argv, options, NULL, 0, 0))
        return EXIT_USAGE;
    bool done = desk_open(&desk, config, DESK_REGISTRY) &&
                desk_read(registry_access_requests(desk.reader, bytes_of(NULL, 0), LISTED_MAX,
                                                   print_row, &listing));
    desk_close(&desk);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- show ---- */

struct search {
    uint8_t id[REGISTRY_ID_BYTES];
    bool found;
    struct registry_access_request request;
};

static void compare_id(void *context, const struct registry_access_request *r)
{
    struct search *search = context;
    if (memcmp(r->id, search->id, sizeof search->id) != 0)
        return;
    search->request = *r;
    search->found = true;
}

static bool find(struct desk *desk, struct search *search)
{
    if (!desk_read(registry_access_requests(desk->reader, bytes_of(NULL, 0), LISTED_MAX, compare_id,
                                            search)))
        return false;
    if (!search->found)
        command_failed("there is no application of this id");
    return search->found;
}

static bool read_id(const struct command *command, const char *text, uint8_t id[REGISTRY_ID_BYTES])
{
    struct buf out;
    buf_init(&out, id, REGISTRY_ID_BYTES);
    bool read = buf_put_from_hex(&out, bytes_str(text)) && out.len == REGISTRY_ID_BYTES;
    if (!read)
        command_misused(command, "an application's id has %d hexadecimal digits",
                        2 * REGISTRY_ID_BYTES);
    return read;
}

static void print_decision(const struct registry_access_request *r)
{
    if (r->state == ACCESS_SUBMITTED)
        return;
    print_time("\ndecided      ", r->decided_at);
    printf(" by %s", r->decided_by);
    if (r->state == ACCESS_REFUSED)
        printf("\nreason       %s", r->reason);
    else
        print_time("\nholds until  ", r->expires_at);
}

static void print_request(const struct registry_access_request *r)
{
    bool overdue = is_overdue(r, civil_day_at(clock_wall_s()));
    print_id("id           ", r->id);
    printf("\nsystem       %s\nmatter       %s\npurpose      %s\nlegal basis  %s\ntypes       ",
           r->system, r->matter, r->purpose, r->legal_basis);
    for (unsigned i = 0; i < r->type_count; i++)
        printf(" %s", r->types[i]);
    printf("\nfields      ");
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        if (r->fields & FIELD_BIT(i))
            printf(" %s", field_member((enum field)i));
    print_time("\nsubmitted    ", r->submitted_at);
    print_date("\ndue          ", r->due_on, "");
    printf("%s\nstate        %s", overdue ? ", overdue" : "", registry_access_state_text(r->state));
    print_decision(r);
    putchar('\n');
}

int command_access_show(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *id;
    const struct command_option options[] = {{"config", &config, NULL}, {NULL, NULL, NULL}};
    struct search search = {.found = false};
    struct desk desk;
    if (!command_read(command, argc, argv, options, &id, 1, 1) || !read_id(command, id, search.id))
        return EXIT_USAGE;
    bool found = desk_open(&desk, config, DESK_REGISTRY) && find(&desk, &search);
    if (found)
        print_request(&search.request);
    desk_close(&desk);
    return found ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- decide ---- */

static bool read_line(const struct command *command, const char *name, const char *text, char *out,
                      size_t bytes_max)
{
    size_t len = text ? strlen(text) : 0;
    bool good = len >= 1 && len <= bytes_max && utf8_printable(bytes_of(text, len));
    if (good)
        memcpy(out, text, len + 1);
    else
        command_misused(command, text ? "%s is a text of 1 to %zu bytes" : "%s is missing", name,
                        bytes_max);
    return good;
}

/* Whoever runs the command, unless it says who decided. */
static const char *decider(const char *by)
{
    const struct passwd *user = by ? NULL : getpwuid(geteuid());
    return by ? by : user ? user->pw_name : NULL;
}

static bool decide(struct desk *desk, struct registry_access_request *request)
{
    struct registry_change change = {.kind = CHANGE_ACCESS_DECIDE, .request = request};
    if (request->state == ACCESS_APPROVED && !request->expires_at)
        request->expires_at = civil_day_begins(civil_day_at(clock_wall_s()) +
                                               (int32_t)desk->config->access_life_days + 1);
    return desk_commit(desk, &change, "there is no application of this id");
}

int command_access_approve(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *until = NULL, *by = NULL, *id;
    const struct command_option options[] = {
        {"config", &config, NULL}, {"until", &until, NULL}, {"by", &by, NULL}, {NULL, NULL, NULL}};
    struct registry_access_request request = {.state = ACCESS_APPROVED};
    struct desk desk;
    if (!command_read(command, argc, argv, options, &id, 1, 1) ||
        !read_id(command, id, request.id) ||
        !command_last_day(command, "--until", until, &request.expires_at) ||
        !read_line(command, "--by", decider(by), request.decided_by, ACCESS_ID_BYTES_MAX))
        return EXIT_USAGE;
    bool done = desk_open(&desk, config, DESK_REGISTRY) && decide(&desk, &request);
    if (done)
        print_time("approved until ", request.expires_at);
    if (done)
        putchar('\n');
    desk_close(&desk);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_access_refuse(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *reason = NULL, *by = NULL, *id;
    const struct command_option options[] = {{"config", &config, NULL},
                                             {"reason", &reason, NULL},
                                             {"by", &by, NULL},
                                             {NULL, NULL, NULL}};
    struct registry_access_request request = {.state = ACCESS_REFUSED};
    struct desk desk;
    if (!command_read(command, argc, argv, options, &id, 1, 1) ||
        !read_id(command, id, request.id) ||
        !read_line(command, "--reason", reason, request.reason, ACCESS_TEXT_BYTES_MAX) ||
        !read_line(command, "--by", decider(by), request.decided_by, ACCESS_ID_BYTES_MAX))
        return EXIT_USAGE;
    bool done = desk_open(&desk, config, DESK_REGISTRY) && decide(&desk, &request);
    if (done)
        puts("refused; the system is told the reason");
    desk_close(&desk);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
