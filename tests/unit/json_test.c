/* gateway/json.h: members of answers. */
#include "gateway/config/policy.h"
#include "gateway/json.h"
#include "tests/support.h"

/* An answer would be no JSON, or say "" where it means that there is nothing. */
static void members_stand_in_a_row(void **state)
{
    (void)state;
    const uint8_t id[REGISTRY_ID_BYTES] = {0xab};
    char text[512];
    struct buf out = BUF_OVER(text);
    buf_put_u8(&out, '{');
    json_put_text(&out, "none", (struct bytes){0});
    json_put_text(&out, "empty", BYTES(""));
    json_put_text(&out, "quoted", BYTES("\"{"));
    json_put_bool(&out, "yes", true);
    json_put_id(&out, "id", id);
    json_put_date(&out, "day", 0);
    json_put_time(&out, "never", 0);
    json_put_time(&out, "time", 1700000000);
    buf_put_str(&out, ",\"in\":{");
    json_put_fields(&out, FIELD_BIT(FIELD_TYPE) | FIELD_BIT(FIELD_NUMBER));
    json_put_verdict(&out, REASON_NONE);
    json_put_verdict(&out, REASON_LICENCE_SEIZED);
    buf_put_str(&out, "}}");
    assert_true(buf_ok(&out));
    assert_string_equal(buf_cstr(&out),
                        "{\"none\":null,\"empty\":\"\",\"quoted\":\"\\\"{\",\"yes\":true,"
                        "\"id\":\"ab000000000000000000000000000000\",\"day\":\"1970-01-01\","
                        "\"never\":null,\"time\":\"2023-11-15T06:13:20+08:00\",\"in\":{"
                        "\"fields\":[\"type\",\"number\"],\"result\":\"valid\",\"reason\":null,"
                        "\"result\":\"invalid\",\"reason\":\"licence_seized\"}}");
}

/* What has no room would be cut in the middle and sent. */
static void what_does_not_fit_is_an_overflow(void **state)
{
    (void)state;
    uint8_t text[8];
    struct buf out = BUF_OVER(text);
    json_put_text(&out, "name", BYTES("x"));
    assert_false(buf_ok(&out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_stand_in_a_row),
        cmocka_unit_test(what_does_not_fit_is_an_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
