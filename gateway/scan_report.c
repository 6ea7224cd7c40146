#include "gateway/scan_report.h"

#include <jansson.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "protocol/code.h"

/* Unix seconds, 1 or more: 0 would be no time. */
static bool read_time(const char *text, int64_t *time)
{
    return civil_read_timestamp(bytes_str(text), time) && *time > 0;
}

static bool read_reason(const char *word, enum verdict_reason *reason)
{
    *reason = REASON_NONE;
    if (!word)
        return true;
    for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
        if (strcmp(word, verdict_reason_text((enum verdict_reason)i)) == 0)
            *reason = (enum verdict_reason)i;
    return *reason != REASON_NONE;
}

static bool is_text_or_null(const json_t *value)
{
    return json_is_string(value) || json_is_null(value);
}

static bool read_code(const char *text, size_t len, struct buf *texts, struct bytes *code)
{
    const size_t before = texts->len;
    const struct bytes read = bytes_of(text, len);
    if (len == 0 || len > CODE_TEXT_BYTES_MAX || !utf8_printable(read))
        return false;
    buf_put(texts, read);
    CHECK(buf_ok(texts)); /* no text is longer than in JSON */
    *code = bytes_from(buf_bytes(texts), before);
    return true;
}

static bool read_report(json_t *object, struct scan_report *report, struct buf *texts)
{
    const char *id, *at, *result, *code;
    size_t code_len;
    json_t *reason, *as_of;
    json_int_t version;
    struct registry_scan *scan = &report->scan;
    struct buf octets;
    *report = (struct scan_report){0};
    buf_init(&octets, scan->id, sizeof scan->id);
    return json_unpack(object, "{s:s, s:s, s:s, s:o, s:o, s:I, s:s%!}", "id", &id, "at", &at,
                       "result", &result, "reason", &reason, "status_as_of", &as_of,
                       "bundle_version", &version, "code", &code, &code_len) == 0 &&
           strlen(id) == 2 * sizeof scan->id && buf_put_from_hex(&octets, bytes_str(id)) &&
           read_time(at, &scan->at) && is_text_or_null(reason) &&
           read_reason(json_string_value(reason), &scan->reason) &&
           strcmp(result, verdict_result_text(verdict_reason_result_offline(scan->reason))) == 0 &&
           is_text_or_null(as_of) &&
           (json_is_null(as_of) || read_time(json_string_value(as_of), &scan->status_as_of)) &&
           version >= 0 && (scan->bundle_version = (uint64_t)version, true) &&
           read_code(code, code_len, texts, &report->code);
}

static bool read_all(json_t *document, struct scan_report *reports, size_t *count,
                     struct buf *texts)
{
    json_t *scans;
    if (!document || json_unpack(document, "{s:o!}", "scans", &scans) != 0)
        return false;
    *count = json_array_size(scans); /* 0 for what is none */
    if (*count == 0 || *count > REGISTRY_SCANS_MAX)
        return false;
    for (size_t i = 0; i < *count; i++)
        if (!read_report(json_array_get(scans, i), &reports[i], texts))
            return false;
    return true;
}

bool scan_reports_read(struct bytes json, struct scan_report reports[REGISTRY_SCANS_MAX],
                       size_t *count, struct buf *texts)
{
    json_t *document = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
    bool read = read_all(document, reports, count, texts);
    json_decref(document);
    return read;
}
