#include "evidence/retention.h"

#include "tests/support.h"

#define DAY_US INT64_C(86400000000)
#define NOW_US INT64_C(1700000000000000)

static char why_text[512];
static struct buf why;

static bool type_of(void *context, struct bytes code, uint16_t *type)
{
    (void)context;
    *type = (uint16_t)(code.len == 1 ? code.data[0] - 'A' : 0);
    return code.len == 1 && code.data[0] >= 'A';
}

static bool read_rules(struct retention *retention, const char *kinds, const char *types)
{
    why = (struct buf)BUF_OVER(why_text);
    return retention_read(retention, 100, bytes_str(kinds), bytes_str(types), type_of, NULL, &why);
}

static bool due_after(const struct retention *retention, enum journal_kind kind, uint16_t type,
                      int days)
{
    struct journal_record record = {.kind = kind, .type = type, .at_us = NOW_US - days * DAY_US};
    struct journal_record younger = record;
    younger.at_us++;
    return retention_is_due(retention, &record, NOW_US) &&
           !retention_is_due(retention, &younger, NOW_US);
}

static void the_longest_rule_holds(void **state)
{
    /* If this failed, evidence would be taken away before the day that its owner has set. */
    struct retention r;
    (void)state;
    assert_true(read_rules(&r, "verify=365,display=30", "B=200,C=1000"));
    assert_true(due_after(&r, JOURNAL_CHECK, JOURNAL_TYPE_NONE, 100));
    assert_true(due_after(&r, JOURNAL_VERIFY, JOURNAL_TYPE_NONE, 365));
    assert_true(due_after(&r, JOURNAL_DISPLAY, JOURNAL_TYPE_NONE, 30));
    assert_true(due_after(&r, JOURNAL_DISPLAY, 0, 30));
    assert_true(due_after(&r, JOURNAL_DISPLAY, 1, 200));
    assert_true(due_after(&r, JOURNAL_VERIFY, 1, 365));
    assert_true(due_after(&r, JOURNAL_CHECK, 2, 1000));
    assert_true(read_rules(&r, "", ""));
    assert_true(due_after(&r, JOURNAL_VERIFY, 1, 100));
}

static void what_a_registry_is_put_right_from_is_never_due(void **state)
{
    /* If this failed, a registry restored from a backup could call a revoked licence valid. */
    static const enum journal_kind kept[] = {JOURNAL_ISSUED, JOURNAL_HOLD, JOURNAL_CONSENT,
                                             JOURNAL_OPERATOR, JOURNAL_ARCHIVED};
    struct retention r;
    (void)state;
    assert_true(read_rules(&r, "hold=1,archived=1", "B=1"));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        struct journal_record record = {.kind = kept[i], .type = 1, .at_us = 1, .number = i + 1};
        assert_false(retention_is_due(&r, &record, NOW_US));
    }
    assert_true(due_after(&r, JOURNAL_CONSENT, JOURNAL_TYPE_NONE, 100));
}

static void refuses_rules_that_are_none(void **state)
{
    /* If this failed, a mistyped rule would be passed over, and evidence go by another. */
    static const struct {
        const char *kinds, *types, *said;
    } rows[] = {
        {"verify", "", "NAME=DAYS"},
        {"verify=", "", "NAME=DAYS"},
        {"verify=0", "", "NAME=DAYS"},
        {"verify=36501", "", "NAME=DAYS"},
        {"verify=99999999999999999999", "", "NAME=DAYS"},
        {"verify=-1", "", "NAME=DAYS"},
        {"verify=1 ", "", "NAME=DAYS"},
        {"verify=1,", "", "comma"},
        {",verify=1", "", "NAME=DAYS"},
        {"verify=1,,display=1", "", "NAME=DAYS"},
        {"scan=1", "", "no such kind"},
        {"=1", "", "no such kind"},
        {"verify=1,verify=2", "", "twice"},
        {"", "a-code=1", "no such type"},
        {"", "B=1,B=1", "twice"},
    };
    struct retention r;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (read_rules(&r, rows[i].kinds, rows[i].types))
            fail_msg("'%s' '%s' was taken", rows[i].kinds, rows[i].types);
        if (!strstr(buf_cstr(&why), rows[i].said))
            fail_msg("'%s' '%s': %s", rows[i].kinds, rows[i].types, buf_cstr(&why));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_rule_holds),
        cmocka_unit_test(what_a_registry_is_put_right_from_is_never_due),
        cmocka_unit_test(refuses_rules_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
