#include "gateway/scan_report.h"

#include <stdio.h>
#include <string.h>

#include "protocol/code.h"
#include "tests/support.h"

#define ID "0123456789abcdef0123456789abcdef"
#define SCAN(result, reason, more)                                                                 \
    "{\"id\":\"" ID "\",\"at\":\"2026-11-23T10:00:00+08:00\",\"result\":" result                   \
    ",\"reason\":" reason                                                                          \
    ",\"status_as_of\":\"2026-11-23T01:55:00Z\",\"bundle_version\":1795400000," more               \
    "\"code\":\"https://h/v#123\"}"
#define BODY(scans) "{\"scans\":[" scans "]}"
#define GOOD        SCAN("\"valid\"", "null", "")

static uint8_t storage[65536];

static bool read_text(const char *json, struct scan_report *reports, size_t *count)
{
    struct buf texts;
    buf_init(&texts, storage, strlen(json));
    return scan_reports_read(guarded(0, bytes_str(json)), reports, count, &texts);
}

/* Broken: evidence would say something else than the terminal did. */
static void a_report_is_read(void **state)
{
    (void)state;
    struct scan_report reports[REGISTRY_SCANS_MAX];
    size_t count;
    assert_true(read_text(BODY(GOOD), reports, &count));
    const struct registry_scan *scan = &reports[0].scan;
    assert_int_equal(count, 1);
    assert_int_equal(scan->id[0], 0x01);
    assert_int_equal(scan->id[15], 0xef);
    assert_int_equal(scan->at, 1795399200);
    assert_int_equal(scan->status_as_of, 1795398900);
    assert_int_equal(scan->bundle_version, 1795400000);
    assert_int_equal(scan->reason, REASON_NONE);
    assert_false(scan->authentic);
    assert_true(bytes_equal(reports[0].code, BYTES("https://h/v#123")));
}

/* Broken: an answer that no terminal gives would stand in the evidence, or one that it does give
 * would never be delivered. */
static void a_reason_has_one_result(void **state)
{
    (void)state;
    struct scan_report reports[REGISTRY_SCANS_MAX];
    char text[512];
    size_t count;
    for (int r = 0; r < REASON_COUNT; r++)
        for (int v = 0; v < RESULT_COUNT; v++) {
            enum verdict_reason reason = (enum verdict_reason)r;
            const char *word = verdict_reason_text(reason);
            snprintf(text, sizeof text, BODY(SCAN("\"%s\"", "%s%s%s", "")),
                     verdict_result_text((enum verdict_result)v), r ? "\"" : "", r ? word : "null",
                     r ? "\"" : "");
            bool fits = v == (int)verdict_reason_result_offline(reason);
            assert_int_equal(read_text(text, reports, &count), fits);
            if (fits)
                assert_int_equal(reports[0].scan.reason, r);
        }
}

/* Broken: a body that is none of ours would be taken for one, or a scan in it be passed over. */
static void what_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"scans\":{}}",
        BODY(""),
        "{\"scans\":[" GOOD "],\"more\":1}",
        BODY(GOOD ",1"),
        BODY(GOOD ",{}"),
        BODY(SCAN("\"valid\"", "null", "\"more\":1,")),
        BODY(SCAN("\"valid\"", "null", "\"id\":\"" ID "\",")),
        BODY(SCAN("\"valid\"", "\"none\"", "")),
        BODY(SCAN("\"valid\"", "1", "")),
        BODY(SCAN("1", "null", "")),
        BODY(SCAN("\"invalid\"", "\"nonsense\"", "")),
    };
    static const struct {
        const char *part, *instead;
    } changed[] = {
        {ID, "0123456789abcdef0123456789abcde"},
        {ID, "0123456789abcdef0123456789abcdef00"},
        {ID, "0123456789abcdef0123456789abcdeg"},
        {"2026-11-23T10:00:00+08:00", "2026-11-23"},
        {"2026-11-23T10:00:00+08:00", "1970-01-01T00:00:00Z"},
        {"\"2026-11-23T01:55:00Z\"", "\"yesterday\""},
        {"\"2026-11-23T01:55:00Z\"", "17"},
        {"1795400000", "-1"},
        {"1795400000", "1.5"},
        {"1795400000", "\"1\""},
        {"https://h/v#123", ""},
        {"https://h/v#123", "a\\nb"},
        {"https://h/v#123", "a\\u0000b"},
    };
    struct scan_report reports[REGISTRY_SCANS_MAX];
    char text[1024];
    size_t count;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(read_text(wrong[i], reports, &count));
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        const char *at = strstr(BODY(GOOD), changed[i].part);
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - BODY(GOOD)), BODY(GOOD),
                 changed[i].instead, at + strlen(changed[i].part));
        assert_false(read_text(text, reports, &count));
    }
}

/* Broken: a long body would be read past what there is room for, or a full one be refused. */
static void there_are_sixteen_at_most(void **state)
{
    (void)state;
    struct scan_report reports[REGISTRY_SCANS_MAX];
    static char text[20 * (sizeof GOOD + CODE_TEXT_BYTES_MAX + 1)];
    size_t count;
    for (int n = 1; n <= REGISTRY_SCANS_MAX + 1; n++) {
        int len = snprintf(text, sizeof text, "{\"scans\":[");
        for (int i = 0; i < n; i++)
            len += snprintf(text + len, sizeof text - (size_t)len, "%s%s", i ? "," : "", GOOD);
        snprintf(text + len, sizeof text - (size_t)len, "]}");
        assert_int_equal(read_text(text, reports, &count), n <= REGISTRY_SCANS_MAX);
    }
    for (int digits = CODE_TEXT_BYTES_MAX; digits <= CODE_TEXT_BYTES_MAX + 1; digits++) {
        const char *at = strstr(BODY(GOOD), "https://h/v#123");
        snprintf(text, sizeof text, "%.*s%0*d%s", (int)(at - BODY(GOOD)), BODY(GOOD), digits, 7,
                 at + strlen("https://h/v#123"));
        assert_int_equal(read_text(text, reports, &count), digits == CODE_TEXT_BYTES_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_read),
        cmocka_unit_test(a_reason_has_one_result),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(there_are_sixteen_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
