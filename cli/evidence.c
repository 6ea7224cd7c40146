/* jwb evidence list: the gateway's journals, and its log, as NDJSON. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/evidence.h"
#include "evidence/entry.h"
#include "evidence/tlog.h"
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

/* The licence's salted reference; null: not known, or none. */
static json_t *licence_json(const struct journal_record *r)
{
    char text[2 * sizeof r->licence + 1];
    struct buf hex = BUF_OVER(text);
    buf_put_hex(&hex, bytes_of(r->licence, sizeof r->licence));
    return r->licence_known ? json_string(buf_cstr(&hex)) : json_null();
}

static json_t *code_json(uint8_t code)
{
    return code == JOURNAL_CODE_NONE ? json_null() : json_integer(code);
}

/* A status by its code of the issuers' data. */
static json_t *status_json(uint8_t code)
{
    for (int i = 0; code != JOURNAL_CODE_NONE && i < LICENCE_STATUS_COUNT; i++)
        if (licence_status_code((enum licence_status)i) == code)
            return json_string(licence_status_text((enum licence_status)i));
    return code_json(code);
}

static void add_event(json_t *object, const struct journal_record *r)
{
    json_object_set_new(object, "number", json_integer((json_int_t)r->number));
    json_object_set_new(object, "status", status_json(r->status));
    json_object_set_new(object, "detail", code_json(r->detail));
    json_object_set_new(object, "agency",
                        json_stringn((const char *)r->agency.data, r->agency.len));
}

static json_t *record_json(const struct journal_record *r)
{
    char time_text[32], cti_text[2 * sizeof r->cti + 1], request[17];
    struct buf at = BUF_OVER(time_text), cti = BUF_OVER(cti_text);
    static const uint8_t none[sizeof r->cti];
    buf_put_timestamp(&at, r->at_us / 1000000);
    buf_put_hex(&cti, bytes_of(r->cti, sizeof r->cti));
    snprintf(request, sizeof request, "%016llx", (unsigned long long)r->request_id);
    json_t *object = json_pack(
        "{s:s, s:I, s:s, s:o, s:o, s:s%, s:s%, s:o, s:o, s:o, s:o, s:o, s:s?, s:o, s:o, s:s%, "
        "s:s%}",
        "at", buf_cstr(&at), "at_us", (json_int_t)r->at_us, "request", request, "kind",
        kind_json(r->kind), "role", role_json(r->role), "subject", r->subject.data, r->subject.len,
        "client", r->client.data, r->client.len, "licence", licence_json(r), "type",
        r->type == JOURNAL_TYPE_NONE ? json_null() : json_integer(r->type), "place", place_json(r),
        "result", result_json(r->result), "reason", reason_json(r->reason), "cti",
        memcmp(r->cti, none, sizeof none) == 0 ? NULL : buf_cstr(&cti), "acting",
        acting_json(r->acting), "fields", fields_json(r->fields), "purpose", r->purpose.data,
        r->purpose.len, "reference", r->reference.data, r->reference.len);
    if (object && r->number) /* one of the registry's events */
        add_event(object, r);
    return object;
}

bool evidence_print(const struct journal_record *record)
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
        else if (!end && !evidence_print(&record))
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

/* The same of a log, by its folder. */
static bool list_bundle(const char *path, struct tlog_reader *reader, uint64_t bundle,
                        uint64_t size)
{
    struct bytes entries[TLOG_BUNDLE_ENTRIES];
    struct journal_record record;
    size_t count;
    enum tlog_error error = tlog_read_bundle(reader, bundle, size, entries, &count);
    if (error) {
        command_failed("%s: bundle %llu: %s", path, (unsigned long long)bundle,
                       tlog_error_text(error));
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (entries[i].len && !(entry_read(entries[i], &record) && evidence_print(&record))) {
            command_failed("%s: entry %llu can't be printed", path,
                           (unsigned long long)(bundle * TLOG_BUNDLE_ENTRIES + i));
            return false;
        }
    return true;
}

static bool list_log(const char *path)
{
    struct tlog_reader *reader;
    struct merkle_hash root;
    uint64_t size;
    enum tlog_error error = tlog_reader_open(path, &reader);
    if (!error)
        error = tlog_read_state(reader, &size, &root, NULL, NULL);
    bool listed = !error;
    for (uint64_t bundle = 0; listed && bundle * TLOG_BUNDLE_ENTRIES < size; bundle++)
        listed = list_bundle(path, reader, bundle, size);
    if (error)
        command_failed("%s: %s", path, tlog_error_text(error));
    tlog_reader_close(&reader);
    return listed;
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int command_evidence_list(const struct command *command, int argc, char **argv)
{
    const char *config = NULL;
    const struct command_option options[] = {{"config", &config, NULL}, {NULL, NULL, NULL}};
    const char **paths = check_alloc(((size_t)argc + 1) * sizeof *paths);
    if (!command_read(command, argc, argv, options, paths, 1, argc)) {
        free(paths);
        return EXIT_USAGE;
    }
    const bool noted = evidence_note_reading(config, paths);
    bool listed = noted;
    for (size_t i = 0; noted && paths[i]; i++)
        listed = (is_folder(paths[i]) ? list_log(paths[i]) : list(paths[i])) && listed;
    free(paths);
    return listed ? EXIT_SUCCESS : EXIT_FAILURE;
}
