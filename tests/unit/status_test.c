/* protocol/status.h: what a licence is worth on a day. */
#include "protocol/status.h"
#include "tests/support.h"

/* A display, a lookup and a partner's check would say different things of one licence, or one that
 * has ended or not begun be valid. */
static void a_licence_is_worth_what_its_days_and_status_say(void **state)
{
    (void)state;
    static const struct {
        enum licence_status status;
        int32_t from, until;
        enum verdict_reason reason;
    } rows[] = {
        {LICENCE_STATUS_VALID, -1, -1, REASON_NONE},
        {LICENCE_STATUS_VALID, 100, 100, REASON_NONE}, /* its first day and its last */
        {LICENCE_STATUS_VALID, -1, 99, REASON_LICENCE_EXPIRED},
        {LICENCE_STATUS_VALID, 101, -1, REASON_LICENCE_NOT_IN_FORCE},
        {LICENCE_STATUS_SEIZED, 100, 100, REASON_LICENCE_SEIZED},
        {LICENCE_STATUS_SEIZED, 101, -1, REASON_LICENCE_SEIZED},
        {LICENCE_STATUS_REVOKED, -1, 99, REASON_LICENCE_EXPIRED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(licence_reason(rows[i].status, rows[i].from, rows[i].until, 100),
                         rows[i].reason);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_licence_is_worth_what_its_days_and_status_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
