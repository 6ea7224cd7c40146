#include "gateway/use_list.h"
#include "tests/support.h"

/* Without this a name, a space or a control could get into evidence as somebody's staff number. */
static void a_code_has_letters_digits_and_three_signs_alone(void **state)
{
    (void)state;
    static const char allowed[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.";
    for (unsigned c = 0; c < 256; c++) {
        const uint8_t text[] = {'a', (uint8_t)c, '9'};
        bool expected = c && strchr(allowed, (int)c);
        assert_int_equal(use_list_is_code(guarded(0, bytes_of(text, sizeof text))), expected);
        assert_int_equal(use_list_is_code(guarded(0, bytes_of(text + 1, 1))), expected);
    }
    assert_false(use_list_is_code(BYTES("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_has_letters_digits_and_three_signs_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
