/* jwb evidence list: the gateway's journals as NDJSON. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/command.h"
#include "evidence/journal.h"
#include "gateway/config/policy.h"
#include "protocol/status.h"
#include "protocol/token.h"
#include "registry/registry.h"

/* A number that this version has no name for stays a number. */
static json_t *role_json(uint8_t role)
{
    return role < TOKEN_ROLE_COUNT ? json_string(token_role_text((enum token_role)role))
                                   : json_integer(role);
}

static json_t *result_json(uint8_t result)
{
    return result < RESULT_COUNT ? json_string(verdict_result_text((enum verdict_result)result))
                                 : json_integer(result);
}

static json_t *reason_json(uint8_t reason)
{
    return reason < REASON_COUNT ? json_string(verdict_reason_text((enum verdict_reason)reason))
                                 : json_integer(reason);
}

static json_t *kind_json(enum journal_kind kind)
{
    const char *text = journal_kind_text(kind);
    return text ? json_string(text) : json_integer(kind);
}

static json_t *acting_json(uint8_t acting)
{
    return acting == JOURNAL_ACTING_NONE ? json_null()
           : acting < ACTING_COUNT ? json_string(registry_acting_text((enum registry_acting)acting))
                                   : json_integer(acting);
}

static json_t *fields_json(uint32_t fields)
{
    json_t *list = json_array();
    for (unsigned field = 0; list && field < 32; field++)
        if (fields >> field & 1)
            json_array_append_new(list, field < FIELD_COUNT
                                            ? json_string(field_member((enum field)field))
                                            : json_integer(field));
    return list;
}

static json_t *place_json(const struct journal_record *r)
{
    return r->place_known ? json_pack("[I, I]", (json_int_t)r->list, (json_int_t)r->index)
                          : json_null();
}

static json_t *record_json(const struct journal_record *r)
{
    char time_text[32], cti_text[2 * sizeof r->cti + 1], request[17];
    struct buf at = BUF_OVER(time_text), cti = BUF_OVER(cti_text);
    static const uint8_t none[sizeof r->cti];
    buf_put_timestamp(&at, r->at_us / 1000000);
    buf_put_hex(&cti, bytes_of(r->cti, sizeof r->cti));
    snprintf(request, sizeof request, "%016llx", (unsigned long long)r->request_id);
    return json_pack(
        "{s:s, s:I, s:s, s:o, s:o, s:s%, s:s%, s:o, s:o, s:o, s:s?, s:o, s:o, s:s%, s:s%}", "at",
        buf_cstr(&at), "at_us", (json_int_t)r->at_us, "request", request, "kind",
        kind_json(r->kind), "role", role_json(r->role), "subject", r->subject.data, r->subject.len,
        "client", r->client.data, r->client.len, "place", place_json(r), "result",
        result_json(r->result), "reason", reason_json(r->reason), "cti",
        memcmp(r->cti, none, sizeof none) == 0 ? NULL : buf_cstr(&cti), "acting",
        acting_json(r->acting), "fields", fields_json(r->fields), "purpose", r->purpose.data,
        r->purpose.len, "reference", r->reference.data, r->reference.len);
}

static bool print_record(const struct journal_record *record)
{
    json_t *line = record_json(record);
    bool printed = line && json_dumpf(line, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF;
    json_decref(line);
    return printed;
}

/* All that can be read of one file; false after a complaint. */
static bool list(const char *path)
{
    struct journal_reader *reader;
    struct journal_record record;
    uint64_t torn_bytes = 0, damages = 0;
    bool end = false, whole = true;
    enum journal_error error = journal_reader_open(path, &reader);
    if (error) {
        command_failed("%s: %s", path,
                       error == JOURNAL_ERR_OPEN ? strerror(errno) : "no journal of this version");
        return false;
    }
    while (!end) {
        error = journal_reader_next(reader, &record, &end, &torn_bytes);
        if (error == JOURNAL_ERR_OPEN)
            break;
        if (error)
            damages++;
        else if (!end && !print_record(&record))
            whole = false;
    }
    if (error == JOURNAL_ERR_OPEN)
        command_failed("%s: %s", path, strerror(errno));
    if (damages)
        command_failed("%s: damaged in %llu places; what is whole was listed", path,
                       (unsigned long long)damages);
    if (!whole)
        command_failed("%s: records that can't be printed", path);
    if (torn_bytes)
        fprintf(stderr,
                "jwb: %s: %llu bytes at the end are no whole record (written just now, or"
                " left by a crash)\n",
                path, (unsigned long long)torn_bytes);
    journal_reader_close(&reader);
    return !error && !damages && whole;
}

int command_evidence_list(const struct command *command, int argc, char **argv)
{
    const struct command_option options[] = {{NULL, NULL, NULL}};
    const char **paths = check_alloc(((size_t)argc + 1) * sizeof *paths);
    bool listed = true;
    if (!command_read(command, argc, argv, options, paths, 1, argc)) {
        free(paths);
        return EXIT_USAGE;
    }
    for (size_t i = 0; paths[i]; i++)
        listed = list(paths[i]) && listed;
    free(paths);
    return listed ? EXIT_SUCCESS : EXIT_FAILURE;
}
