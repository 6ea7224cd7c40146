/* jwb reconcile: do an authority and the registry hold the same? */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/desk.h"
#include "registry/import_record.h"
#include "registry/issuing.h"

struct groups {
    struct registry_digest_group *all;
    size_t count, room;
};

static void keep_group(void *context, const struct registry_digest_group *group)
{
    struct groups *groups = context;
    if (groups->count == groups->room) {
        groups->room = groups->room ? 2 * groups->room : 256;
        groups->all = realloc(groups->all, groups->room * sizeof *groups->all);
        CHECK(groups->all);
    }
    groups->all[groups->count++] = *group;
}

/* ---- the authority's side: its file ---- */

struct file_count {
    uint64_t lines, bad, others; /* of another issuer's licences */
};

static bool add_line(struct registry_digest *digest, const struct registry_record *record)
{
    const struct registry_digest_line line = {
        .number = record->number,
        .source_version = record->source_version,
        .status = record->issuer_status,
        .issued_on = record->issued_on,
        .valid_from = record->valid_from,
        .valid_until = record->valid_until,
    };
    return registry_digest_add(digest, record->type_code, &line);
}

static bool read_lines(struct import_reader *reader, const char *issuer, uint64_t source_version,
                       struct registry_digest *digest, struct file_count *count)
{
    struct import_line line;
    struct registry_record record;
    struct import_fault fault;
    uint8_t storage[IMPORT_RECORD_BYTES_MAX];
    unsigned warnings;
    enum import_read read;
    while ((read = import_reader_next(reader, &line)) != IMPORT_READ_END) {
        if (read == IMPORT_READ_FAILED)
            return false;
        count->lines++;
        if (read == IMPORT_READ_BAD ||
            !import_record_make(&line.fields, source_version, storage, &record, &warnings, &fault))
            count->bad++;
        else if (!bytes_equal(record.issuer_code, bytes_str(issuer)))
            count->others++;
        else if (!add_line(digest, &record))
            return false;
    }
    return true;
}

static bool digest_file(const char *path, const char *issuer, uint64_t source_version,
                        struct registry_digest *digest)
{
    char text[512];
    struct buf why = BUF_OVER(text);
    enum import_error error;
    struct file_count count = {0};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        command_failed("%s: %s", path, strerror(errno));
        return false;
    }
    struct import_reader *reader = import_reader_create(file, &error, &why);
    bool read = reader && read_lines(reader, issuer, source_version, digest, &count);
    if (!reader)
        command_failed("%s: %s", path, buf_cstr(&why));
    else if (!read)
        command_failed("%s: it can't be read to its end", path);
    else if (count.bad || count.others)
        fprintf(stderr,
                "jwb: %s: of %llu lines %llu are bad, which no import takes, and %llu are another "
                "authority's\n",
                path, (unsigned long long)count.lines, (unsigned long long)count.bad,
                (unsigned long long)count.others);
    import_reader_destroy(&reader);
    close(file);
    return read;
}

/* ---- both sides ---- */

static json_t *group_json(const struct registry_digest_group *group, const char *of)
{
    char day_text[16] = "", hex[2 * CRYPTO_HASH_BYTES + 1];
    struct buf day = BUF_OVER(day_text), digest = BUF_OVER(hex);
    if (group->day >= 0)
        buf_put_date(&day, group->day);
    buf_put_hex(&digest, bytes_of(group->digest, sizeof group->digest));
    return json_pack("{s:s?, s:s, s:s?, s:I, s:s}", "of", of, "type", group->type_code, "day",
                     group->day >= 0 ? buf_cstr(&day) : NULL, "count", (json_int_t)group->count,
                     "digest", buf_cstr(&digest));
}

static void print_group(const struct registry_digest_group *group, const char *of, bool json)
{
    json_t *object = group_json(group, of);
    if (json && object)
        json_dumpf(object, stdout, JSON_COMPACT);
    else if (object)
        printf("%-9s %s  %s  %8lld  %s", of ? of : "",
               json_string_value(json_object_get(object, "type")),
               group->day >= 0 ? json_string_value(json_object_get(object, "day")) : "no day    ",
               (long long)group->count, json_string_value(json_object_get(object, "digest")));
    putchar('\n');
    json_decref(object);
}

static int order(const struct registry_digest_group *a, const struct registry_digest_group *b)
{
    int by_type = strcmp(a->type_code, b->type_code);
    return by_type ? by_type : (a->day > b->day) - (a->day < b->day);
}

/* Both in order; prints what differs. How many groups do. */
static size_t compare(const struct groups *registry, const struct groups *file, bool json)
{
    size_t r = 0, f = 0, differ = 0;
    while (r < registry->count || f < file->count) {
        const struct registry_digest_group *ours = &registry->all[r], *theirs = &file->all[f];
        int which = r == registry->count ? 1 : f == file->count ? -1 : order(ours, theirs);
        bool same = which == 0 && memcmp(ours->digest, theirs->digest, sizeof ours->digest) == 0;
        if (which <= 0 && !same)
            print_group(ours, "registry", json);
        if (which >= 0 && !same)
            print_group(theirs, "file", json);
        r += which <= 0;
        f += which >= 0;
        differ += !same;
    }
    return differ;
}

struct reconcile_call {
    const char *config, *issuer, *path;
    uint64_t source_version;
    bool json;
};

static bool collect(struct registry_digest *digest, struct groups *groups)
{
    if (registry_digest_each(digest, keep_group, groups))
        return true;
    command_failed("the digests could not be computed");
    return false;
}

static bool reconcile(struct desk *desk, const struct reconcile_call *call,
                      struct registry_digest *ours, struct registry_digest *theirs)
{
    struct groups registry = {0}, file = {0};
    bool same =
        desk_read(registry_digest_licences(desk->reader, bytes_str(call->issuer), ours)) &&
        collect(ours, &registry) &&
        (!call->path || (digest_file(call->path, call->issuer, call->source_version, theirs) &&
                         collect(theirs, &file)));
    if (same && registry.count == 0 && file.count == 0) { /* a code that is mistyped */
        command_failed("there is no licence of %s", call->issuer);
        same = false;
    } else if (same && call->path) {
        size_t differ = compare(&registry, &file, call->json);
        same = differ == 0;
        fprintf(stderr, same ? "jwb: both hold the same, %zu groups\n" : "jwb: %zu groups differ\n",
                same ? registry.count : differ);
    } else if (same) {
        for (size_t i = 0; i < registry.count; i++)
            print_group(&registry.all[i], NULL, call->json);
    }
    free(registry.all);
    free(file.all);
    return same;
}

int command_reconcile(const struct command *command, int argc, char **argv)
{
    const char *version = NULL;
    struct reconcile_call call = {0};
    const struct command_option options[] = {{"config", &call.config, NULL},
                                             {"issuer", &call.issuer, NULL},
                                             {"source-version", &version, NULL},
                                             {"json", NULL, &call.json},
                                             {NULL, NULL, NULL}};
    struct desk desk;
    if (!command_read(command, argc, argv, options, &call.path, 0, 1) ||
        !command_number(command, "--source-version", version, 0, 999999999999999999,
                        &call.source_version))
        return EXIT_USAGE;
    if (!call.issuer)
        return command_misused(command, "--issuer is the authority's code");
    struct registry_digest *ours = registry_digest_create(&crypto_openssl),
                           *theirs = registry_digest_create(&crypto_openssl);
    CHECK(ours && theirs);
    bool same =
        desk_open(&desk, call.config, DESK_REGISTRY) && reconcile(&desk, &call, ours, theirs);
    desk_close(&desk);
    registry_digest_destroy(&ours);
    registry_digest_destroy(&theirs);
    return same ? EXIT_SUCCESS : EXIT_FAILURE;
}
