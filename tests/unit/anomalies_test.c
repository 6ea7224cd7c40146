/* gateway/anomalies.h. Each test begins with what would be broken if it failed. */
#include <stdio.h>

#include "gateway/anomalies.h"
#include "protocol/status.h"
#include "protocol/token.h"
#include "tests/support.h"

#define HOUR_US INT64_C(3600000000)
#define NOW_US  INT64_C(1700000000000000)

static struct anomalies *anomalies;
static struct config *config;
static struct {
    unsigned calls;
    enum anomaly_rule rule;
    char whom[2 * JOURNAL_TEXT_BYTES_MAX + 1];
    uint64_t count;
} told;

static void found(void *context, enum anomaly_rule rule, struct bytes whom, uint64_t count)
{
    assert_ptr_equal(context, &told);
    told.calls++;
    told.rule = rule;
    snprintf(told.whom, sizeof told.whom, "%.*s", (int)whom.len, (const char *)whom.data);
    told.count = count;
}

static int begin(void **state)
{
    (void)state;
    config = config_create();
    anomalies = anomalies_create((size_t)config->anomalies_tracked_max, found, &told);
    memset(&told, 0, sizeof told);
    return 0;
}

static int end(void **state)
{
    (void)state;
    anomalies_destroy(&anomalies);
    config_destroy(&config);
    return 0;
}

/* A scan of licence n, which was found and valid. */
static struct journal_record scan(const char *client, unsigned n, int64_t at_us)
{
    struct journal_record record = {
        .kind = JOURNAL_VERIFY,
        .role = TOKEN_ROLE_INSPECTOR,
        .result = RESULT_VALID,
        .place_known = true,
        .licence_known = true,
        .at_us = at_us,
        .client = bytes_str(client),
    };
    memcpy(record.licence, &n, sizeof n);
    return record;
}

static void see(struct journal_record record)
{
    anomalies_see(anomalies, config, &record);
}

static void see_check(enum verdict_result result, bool licence_known)
{
    see((struct journal_record){.kind = JOURNAL_CHECK,
                                .role = TOKEN_ROLE_PARTNER,
                                .result = (uint8_t)result,
                                .place_known = licence_known,
                                .at_us = NOW_US,
                                .client = BYTES("car-rental")});
}

/* A terminal that reads out the city's licences would go unnoticed, or an inspector with much to do
 * be reported. */
static void a_terminal_that_sees_too_many_is_told_once(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 3; round++) /* the same again and again is no more */
        for (unsigned n = 0; n < 300; n++)
            see(scan("terminal-7", n, NOW_US + round));
    assert_int_equal(told.calls, 0);
    for (unsigned n = 300; n < 400; n++)
        see(scan("terminal-8", n, NOW_US)); /* another's do not count */
    assert_int_equal(told.calls, 0);
    see(scan("terminal-7", 300, NOW_US + HOUR_US - 1));
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.rule, ANOMALY_PEOPLE);
    assert_string_equal(told.whom, "terminal-7");
    assert_int_equal(told.count, 301);
    assert_string_equal(anomaly_rule_text(told.rule), "people_per_hour");
    for (unsigned n = 301; n < 700; n++)
        see(scan("terminal-7", n, NOW_US));
    assert_int_equal(told.calls, 1);
}

/* Yesterday's would be counted with today's, or a second hour like the first not be told. */
static void an_hour_begins_with_the_first_look(void **state)
{
    (void)state;
    config->anomalies_people_per_hour = 2;
    see(scan("terminal-7", 1, NOW_US));
    see(scan("terminal-7", 2, NOW_US + HOUR_US - 1));
    see(scan("terminal-7", 3, NOW_US + HOUR_US)); /* another hour's first */
    see(scan("terminal-7", 4, NOW_US + HOUR_US + 1));
    assert_int_equal(told.calls, 0);
    see(scan("terminal-7", 5, NOW_US - 5)); /* another gateway's, which came late: of this hour */
    assert_int_equal(told.calls, 1);
    for (unsigned n = 0; n < 3; n++)
        see(scan("terminal-7", n, NOW_US + 2 * HOUR_US));
    assert_int_equal(told.calls, 2);
}

/* Nobody would hear that a person is looked up from everywhere; or of the one inspector who looks
 * at him again. */
static void a_licence_that_many_look_at_is_told(void **state)
{
    (void)state;
    char client[16];
    config->anomalies_looks_per_hour = 3;
    for (unsigned i = 0; i < 100; i++)
        see(scan("terminal-7", 5, NOW_US));
    for (unsigned i = 0; i < 2; i++) {
        snprintf(client, sizeof client, "terminal-%u", 100 + i);
        see(scan(client, 5, NOW_US));
    }
    assert_int_equal(told.calls, 0);
    struct journal_record lookup = scan("terminal-9", 5, NOW_US);
    lookup.kind = JOURNAL_LOOKUP;
    see(lookup);
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.rule, ANOMALY_LOOKS);
    assert_int_equal(told.count, 4);
    assert_int_equal(strlen(told.whom), 64);
    assert_memory_equal(told.whom, "0500000000", 10);
}

/* A partner that guesses numbers would not be seen; or one be accused whose customers' licences
 * have expired. */
static void a_partner_that_is_mostly_refused_is_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++)
        see_check(RESULT_INVALID, true); /* expired, revoked: found */
    for (unsigned i = 0; i < 49; i++)
        see_check(RESULT_INVALID, false);
    see_check(RESULT_INDETERMINATE, false); /* could not find out: no guess */
    assert_int_equal(told.calls, 0);
    see_check(RESULT_INVALID, false);
    assert_int_equal(told.calls, 0); /* 50 of 101 */
    see_check(RESULT_INVALID, false);
    assert_int_equal(told.calls, 1); /* 51 of 102 */
    assert_int_equal(told.rule, ANOMALY_MISSES);
    assert_string_equal(told.whom, "car-rental");
    assert_int_equal(told.count, 51);
    see_check(RESULT_INVALID, false);
    assert_int_equal(told.calls, 1);
}

/* A lookup, or a business system's retrieval, that found nobody. */
static void see_nobody(enum journal_kind kind, enum token_role role, const char *client)
{
    see((struct journal_record){.kind = kind,
                                .role = (uint8_t)role,
                                .result = RESULT_INDETERMINATE,
                                .reason = REASON_LICENCE_UNKNOWN,
                                .at_us = NOW_US,
                                .client = bytes_str(client)});
}

/* An officer or a clerk who tries numbers until one is somebody's would not be seen; or one who
 * found a holder of many licences among many that are none hide behind them. */
static void who_guesses_numbers_is_told(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 100; n++) { /* one lookup, a record for each licence */
        struct journal_record record = scan("terminal-7", n, NOW_US);
        record.kind = JOURNAL_LOOKUP;
        record.request_id = 77;
        see(record);
    }
    for (unsigned i = 0; i < 18; i++)
        see_nobody(JOURNAL_LOOKUP, TOKEN_ROLE_INSPECTOR, "terminal-7");
    for (unsigned i = 0; i < 19; i++)
        see_nobody(JOURNAL_RETRIEVE, TOKEN_ROLE_SYSTEM, "hall");
    assert_int_equal(told.calls, 0);
    see_nobody(JOURNAL_LOOKUP, TOKEN_ROLE_INSPECTOR, "terminal-7");
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.rule, ANOMALY_MISSES);
    assert_string_equal(told.whom, "terminal-7");
    assert_int_equal(told.count, 19);
    see_nobody(JOURNAL_RETRIEVE, TOKEN_ROLE_SYSTEM, "hall");
    assert_int_equal(told.calls, 2);
    assert_string_equal(told.whom, "hall");
}

/* A registry that can't be asked would make every officer one who guesses. */
static void what_could_not_be_found_out_is_no_miss(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        see((struct journal_record){.kind = JOURNAL_LOOKUP,
                                    .role = TOKEN_ROLE_INSPECTOR,
                                    .result = RESULT_INDETERMINATE,
                                    .reason = REASON_STATUS_UNAVAILABLE,
                                    .at_us = NOW_US,
                                    .client = BYTES("terminal-7")});
    assert_int_equal(told.calls, 0);
}

/* Made at `at` (RFC 3339), delivered at NOW_US. */
static void see_offline(unsigned n, const char *at)
{
    char reference[80];
    struct journal_record record = scan("terminal-7", n, NOW_US);
    snprintf(reference, sizeof reference, "%032x %s", n, at);
    record.kind = JOURNAL_OFFLINE_SCAN;
    record.number = n + 1;
    record.reference = bytes_str(reference);
    see(record);
}

/* Whoever switches the network off could see as many as he likes; or a terminal that delivers a
 * day's scans at once be reported for it. */
static void offline_scans_count_in_the_hour_they_were_made_in(void **state)
{
    (void)state;
    config->anomalies_people_per_hour = 3;
    for (unsigned n = 0; n < 3; n++)
        see(scan("terminal-7", 100 + n, NOW_US));
    for (unsigned hour = 0; hour < 5; hour++)
        for (unsigned n = 0; n < 3; n++) {
            char at[32];
            snprintf(at, sizeof at, "2023-11-14T%02u:%02u:00+08:00", 8 + hour, n);
            see_offline(10 * hour + n, at);
        }
    assert_int_equal(told.calls, 0);
    see_offline(50, "2023-11-14T12:30:00+08:00");
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.rule, ANOMALY_PEOPLE);
    assert_string_equal(told.whom, "terminal-7");
    see_offline(51, "no time"); /* of another version: when it was delivered, a new hour */
    assert_int_equal(told.calls, 1);
}

/* A person could be looked up by every counter and every patrol of the city, unseen. */
static void a_licence_is_looked_at_in_every_way(void **state)
{
    (void)state;
    config->anomalies_looks_per_hour = 2;
    see(scan("terminal-8", 5, NOW_US));
    see_offline(5, "2023-11-14T12:30:00+08:00");
    assert_int_equal(told.calls, 0);
    struct journal_record retrieval = scan("hall", 5, NOW_US);
    retrieval.kind = JOURNAL_RETRIEVE;
    retrieval.role = TOKEN_ROLE_SYSTEM;
    see(retrieval);
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.rule, ANOMALY_LOOKS);
    assert_int_equal(told.count, 3);
}

/* A service hall would be reported every hour for serving whoever comes. */
static void a_system_may_see_many(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 1000; n++) {
        struct journal_record retrieval = scan("hall", n, NOW_US);
        retrieval.kind = JOURNAL_RETRIEVE;
        retrieval.role = TOKEN_ROLE_SYSTEM;
        see(retrieval);
    }
    assert_int_equal(told.calls, 0);
}

/* One slip of a partner's first customer would raise an alarm. */
static void a_share_needs_enough_checks(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 19; i++)
        see_check(RESULT_INVALID, false);
    assert_int_equal(told.calls, 0);
    see_check(RESULT_INVALID, false);
    assert_int_equal(told.calls, 1);
}

/* What nobody looked at would be counted: holders' own displays, changes, the gateway's own. */
static void only_looks_of_terminals_and_partners_count(void **state)
{
    (void)state;
    static const enum journal_kind kinds[] = {JOURNAL_DISPLAY, JOURNAL_RETRIEVE, JOURNAL_HOLD,
                                              JOURNAL_TRACE};
    static const enum token_role roles[] = {TOKEN_ROLE_ANYBODY, TOKEN_ROLE_HOLDER,
                                            TOKEN_ROLE_SYSTEM, TOKEN_ROLE_OPERATOR};
    config->anomalies_people_per_hour = config->anomalies_looks_per_hour = 1;
    for (unsigned i = 0; i < 4; i++)
        for (unsigned n = 0; n < 8; n++) {
            struct journal_record record = scan(n % 2 ? "a" : "b", n / 2, NOW_US);
            record.kind = kinds[i];
            see(record);
            record.kind = JOURNAL_VERIFY;
            record.role = (uint8_t)roles[i];
            see(record);
            record.role = TOKEN_ROLE_INSPECTOR;
            record.licence_known = false;
            see(record);
        }
    assert_int_equal(told.calls, 0);
}

/* A rule that was turned off would still report, and one that is turned on by a reload never. */
static void zero_is_never(void **state)
{
    (void)state;
    config->anomalies_people_per_hour = config->anomalies_looks_per_hour = 0;
    config->anomalies_miss_percent = 0;
    for (unsigned n = 0; n < 500; n++)
        see(scan("terminal-7", n, NOW_US));
    for (unsigned i = 0; i < 100; i++)
        see_check(RESULT_INVALID, false);
    assert_int_equal(told.calls, 0);
    config->anomalies_people_per_hour = 1;
    see(scan("terminal-7", 1, NOW_US));
    see(scan("terminal-7", 2, NOW_US));
    assert_int_equal(told.calls, 1);
}

/* Memory would grow with the city, what is full stay full for ever, or what could not be counted
 * not be known. */
static void what_is_tracked_is_bounded(void **state)
{
    (void)state;
    char client[16];
    anomalies_destroy(&anomalies);
    anomalies = anomalies_create(100, found, &told);
    config->anomalies_people_per_hour = 1;
    config->anomalies_looks_per_hour = 0;
    for (unsigned i = 0; i < 150; i++) {
        snprintf(client, sizeof client, "terminal-%u", i);
        see(scan(client, i, NOW_US + i));
    }
    assert_int_equal(anomalies_untracked(anomalies), 50);
    see(scan("terminal-99", 1, NOW_US)); /* those that are in go on being counted */
    assert_int_equal(told.calls, 1);
    see(scan("terminal-149", 0, NOW_US + HOUR_US)); /* takes the place of terminal-0 */
    see(scan("terminal-149", 1, NOW_US + HOUR_US));
    assert_int_equal(told.calls, 2);
    assert_string_equal(told.whom, "terminal-149");
    see(scan("terminal-0", 0, NOW_US + HOUR_US)); /* terminal-1's hour has 1 us left */
    assert_int_equal(anomalies_untracked(anomalies), 51);

    for (unsigned i = 0; i < 1000; i++) { /* hours later, all places change hands in turn */
        snprintf(client, sizeof client, "later-%u", i);
        see(scan(client, 1, NOW_US + (i / 100 + 3) * HOUR_US));
        see(scan(client, 2, NOW_US + (i / 100 + 3) * HOUR_US));
        assert_int_equal(told.calls, 3 + i);
    }
    assert_int_equal(anomalies_untracked(anomalies), 51);
}

/* One terminal could take all memory there is. */
static void members_are_bounded_too(void **state)
{
    (void)state;
    anomalies_destroy(&anomalies);
    anomalies = anomalies_create(2, found, &told);
    config->anomalies_people_per_hour = 1000;
    config->anomalies_looks_per_hour = 0;
    for (unsigned n = 0; n < 250; n++)
        see(scan("terminal-7", n, NOW_US));
    assert_int_equal(anomalies_untracked(anomalies), 50);
    for (unsigned n = 0; n < 150; n++) /* given back at the hour's end */
        see(scan("terminal-7", n, NOW_US + HOUR_US));
    assert_int_equal(anomalies_untracked(anomalies), 50);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_terminal_that_sees_too_many_is_told_once),
        TEST(an_hour_begins_with_the_first_look),
        TEST(a_licence_that_many_look_at_is_told),
        TEST(a_partner_that_is_mostly_refused_is_told),
        TEST(who_guesses_numbers_is_told),
        TEST(what_could_not_be_found_out_is_no_miss),
        TEST(offline_scans_count_in_the_hour_they_were_made_in),
        TEST(a_licence_is_looked_at_in_every_way),
        TEST(a_system_may_see_many),
        TEST(a_share_needs_enough_checks),
        TEST(only_looks_of_terminals_and_partners_count),
        TEST(zero_is_never),
        TEST(what_is_tracked_is_bounded),
        TEST(members_are_bounded_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
