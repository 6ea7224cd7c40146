/* Making files of fictional licences, and looking at one of the registry's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/desk.h"
#include "cli/generate.h"
#include "cli/print.h"

#define TAIL_CHARACTERS 4

/* ---- generate ---- */

static int generate(const struct generate_options *options, const char *path)
{
    char text[512];
    struct buf why = BUF_OVER(text);
    FILE *file = fopen(path, "wb");
    if (!file)
        return command_failed("%s: %s", path, strerror(errno));
    bool written = generate_licences(options, file, &why);
    if (fclose(file) != 0 && written) {
        written = false;
        buf_put_str(&why, strerror(errno));
    }
    if (!written)
        return command_failed("%s is incomplete: %s", path, buf_cstr(&why));
    printf("%s: %llu fictional licences, %llu of them bad lines\n", path,
           (unsigned long long)options->count, (unsigned long long)options->bad_lines);
    return EXIT_SUCCESS;
}

int command_licence_generate(const struct command *command, int argc, char **argv)
{
    const char *count, *out = NULL, *seed = NULL, *bad = NULL, *format = "csv", *encoding = "utf-8";
    const struct command_option options[] = {
        {"out", &out, NULL},       {"seed", &seed, NULL},         {"bad", &bad, NULL},
        {"format", &format, NULL}, {"encoding", &encoding, NULL}, {NULL, NULL, NULL}};
    struct generate_options wanted = {.seed = 1};
    if (!command_read(command, argc, argv, options, &count, 1, 1) ||
        !command_number(command, "N", count, 1, GENERATE_COUNT_MAX, &wanted.count) ||
        !command_number(command, "--seed", seed, 0, 999999999999999999, &wanted.seed) ||
        !command_number(command, "--bad", bad, 0, wanted.count - 1, &wanted.bad_lines))
        return EXIT_USAGE;
    wanted.ndjson = strcmp(format, "ndjson") == 0;
    wanted.gb18030 = strcmp(encoding, "gb18030") == 0;
    if (!wanted.ndjson && strcmp(format, "csv") != 0)
        return command_misused(command, "--format is csv or ndjson");
    if (!wanted.gb18030 && strcmp(encoding, "utf-8") != 0)
        return command_misused(command, "--encoding is gb18030 or utf-8");
    if (!out)
        return command_misused(command, "--out is missing");
    return generate(&wanted, out);
}

/* ---- show ---- */

/* A number of a person's: its last characters, at most half of it. */
static void print_number(struct bytes number, bool full)
{
    size_t half = utf8_count(number) / 2;
    print_masked(number, 0,
                 full                     ? utf8_count(number)
                 : half < TAIL_CHARACTERS ? half
                                          : TAIL_CHARACTERS);
}

/* Holder, number and identifier of a person's licence lead to him; an enterprise's are public. */
static void print_face(const struct registry_licence *l, bool full)
{
    bool person = l->holder_kind == HOLDER_PERSON;
    bool open = full || !person;
    printf("type             %.*s (%.*s)\n", (int)l->type_name.len, l->type_name.data,
           (int)l->type_code.len, l->type_code.data);
    printf("name             %.*s\nnumber           ", (int)l->name.len, l->name.data);
    print_number(l->number, open);
    printf("\nidentifier       ");
    print_text(!l->identifier.len ? BYTES("none") : open ? l->identifier : BYTES("hidden"));
    printf("\nissuer           %.*s (%.*s)\nholder           ", (int)l->issuer_name.len,
           l->issuer_name.data, (int)l->issuer_code.len, l->issuer_code.data);
    print_masked(l->holder_name, open ? utf8_count(l->holder_name) : 1, 0);
    printf(" (%s, ", person ? "person" : "enterprise");
    print_number(l->holder_number, open);
    print_date(")\nissued on        ", l->issued_on, "not given");
    print_date("\nvalid from       ", l->valid_from, "not given");
    print_date("\nvalid until      ", l->valid_until, "long-term");
    putchar('\n');
}

static void print_licence(const struct registry_licence *l, bool full)
{
    print_id("id               ", l->id);
    print_id("\nholder's id      ", l->holder_id);
    putchar('\n');
    print_face(l, full);
    print_time("status           ", l->status_since);
    printf(": %s\n", licence_status_text(l->status));
    printf("issuer's status  %02u %s\n", licence_status_code(l->issuer_status),
           licence_status_text(l->issuer_status));
    printf("strictest hold   ");
    print_text(l->hold_agency.len ? l->hold_agency : BYTES("none"));
    printf("\nversion          %u, place [%u, %u]\n", l->version, l->list, l->index);
    print_time("received         ", l->received_at);
    printf(" from %.*s, version %llu there\n", (int)l->source.len, l->source.data,
           (unsigned long long)l->source_version);
}

int command_licence_show(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *licence;
    bool full = false;
    const struct command_option options[] = {
        {"config", &config, NULL}, {"full", NULL, &full}, {NULL, NULL, NULL}};
    struct desk desk;
    if (!command_read(command, argc, argv, options, &licence, 1, 1))
        return EXIT_USAGE;
    struct registry_query *query = check_alloc(sizeof *query);
    bool found =
        desk_open(&desk, config, DESK_REGISTRY) && desk_find_licence(&desk, licence, query);
    if (found)
        print_licence(&query->licence, full);
    desk_close(&desk);
    crypto_wipe(query, sizeof *query);
    free(query);
    return found ? EXIT_SUCCESS : EXIT_FAILURE;
}
