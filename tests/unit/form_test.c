#include "gateway/form.h"
#include "tests/support.h"

static uint8_t room[4096];
static struct form form;

static bool reads(struct bytes text)
{
    struct buf storage;
    buf_init(&storage, room, text.len); /* no more than is promised to be enough */
    return form_read(guarded(0, text), &storage, &form);
}

static void assert_value(const char *name, const char *expected)
{
    struct bytes value = form_value(&form, name);
    assert_true(bytes_equal(value, bytes_str(expected)));
    assert_int_equal(value.data == NULL, *expected == '\0');
}

/* Without this a client that encodes as the standard says would be misunderstood. */
static void what_was_encoded_is_read(void **state)
{
    (void)state;
    assert_true(
        reads(BYTES("grant_type=client_credentials&scope=verify+check&x=%E4%BA%AE%2B%26%3d")));
    assert_int_equal(form.count, 3);
    assert_value("grant_type", "client_credentials");
    assert_value("scope", "verify check");
    assert_value("x", "亮+&=");
    assert_value("grant", "");
    assert_true(reads(BYTES("urn=urn:a:b&url=https://x/y?z&twice=a=b&%6eame=1")));
    assert_value("urn", "urn:a:b");
    assert_value("url", "https://x/y?z");
    assert_value("twice", "a=b");
    assert_value("name", "1");
}

/* Without this RFC 6749 section 3.1 would be broken: no value is as if it were not there. */
static void a_parameter_without_a_value_is_none(void **state)
{
    (void)state;
    assert_true(reads(BYTES("")));
    assert_int_equal(form.count, 0);
    assert_value("scope", "");
    assert_true(reads(BYTES("scope=&client_id")));
    assert_value("scope", "");
    assert_value("client_id", "");
}

/* Without this a parameter could mean one thing here and another to whoever looks over the form
 * before us. */
static void what_can_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "a=1&a=1",  "a=1&%61=2", "a=&a=1",   "a&a",      "&",           "a=1&",     "&a=1",
        "a=1&&b=2", "=1",        "a=%",      "a=%4",     "a=%4g",       "a=%g4",    "%=1",
        "a=%%41",   "a=1 2",     "a=1\n",    "a=\t",     "a=\x7f",      "a=%00",    "a=%0a",
        "a=%7F",    "a=亮",      "a=%E4%BA", "a=%C0%80", "a=%ED%A0%80", "a=%C2%85", "%00=1",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (reads(bytes_str(forms[i])))
            fail_msg("read: %s", forms[i]);
}

/* Without this a form of a thousand parameters would write behind the array. */
static void there_is_a_most(void **state)
{
    (void)state;
    char text[1024];
    struct buf out = BUF_OVER(text);
    for (int i = 0; i < FORM_PARAMETERS_MAX; i++)
        buf_printf(&out, "%sp%d=%d", i ? "&" : "", i, i);
    assert_true(reads(buf_bytes(&out)));
    assert_int_equal(form.count, FORM_PARAMETERS_MAX);
    assert_value("p31", "31");
    buf_put_str(&out, "&p32=32");
    assert_false(reads(buf_bytes(&out)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_encoded_is_read),
        cmocka_unit_test(a_parameter_without_a_value_is_none),
        cmocka_unit_test(what_can_be_read_in_two_ways_is_refused),
        cmocka_unit_test(there_is_a_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
