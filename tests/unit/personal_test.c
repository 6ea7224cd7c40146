#include "registry/personal.h"
#include "tests/support.h"

#define CITIZEN "11010119900307002X"

static struct bytes text(const char *t)
{
    return guarded(0, bytes_str(t));
}

/* Without this a citizen number would stand in evidence as soon as somebody put a space into it, or
 * typed it with an input method for Chinese. */
static void a_citizen_number_is_found_however_it_is_written(void **state)
{
    (void)state;
    static const char *const written[] = {
        CITIZEN,
        "11010119900307002x",
        "case " CITIZEN "/7",
        "2026" CITIZEN "7",
        "110101 19900307 002X",
        "110101-1990.0307_002(X)",
        "１１０１０１１９９００３０７００２Ｘ",
        "110101\u300019900307·002ｘ",
        "110101\u200b19900307\ufeff002X",
    };
    static const char *const others[] = {
        "",
        "焦公交〔2026〕17号",
        "110101199003070021",   /* the check */
        "11010119901307002X",   /* the month */
        "110101299003070028",   /* a date of the thirtieth century */
        "1101011990030700 3",   /* one short */
        "11010119900307案002X", /* letters between */
        "110101900307002",      /* of 15 digits: many a number reads so */
        "\xff\xfe"
        "11010119900307002",
    };
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        assert_true(personal_number_in(text(written[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(personal_number_in(text(others[i])));
}

/* Without this a case number could name, in evidence, the licence that it is about or its holder.
 */
static void a_licence_and_its_holder_are_found(void **state)
{
    (void)state;
    const struct registry_licence licence = {
        .number = BYTES("焦运字H12-345"),
        .identifier = BYTES("1.2.156.3005.2.A1.114108.77.1.X"),
        .holder_number = BYTES(CITIZEN),
        .holder_name = BYTES("阿依古丽·买买提"),
    };
    static const char *const naming[] = {
        "案 焦运字 h12345 号", "12156300 52A1114108771x", "2026-" CITIZEN,
        "阿依古丽买买提案",    "阿依古丽・买买提",        "110101 900307002",
    };
    for (size_t i = 0; i < sizeof naming / sizeof *naming; i++)
        assert_true(personal_licence_in(text(naming[i]), &licence));
    assert_false(personal_licence_in(text("焦公交〔2026〕17号"), &licence));
    assert_false(personal_licence_in(text(""), &licence));
}

/* Without this a licence without an identifier, or whose holder is called LI, would make every case
 * number one that names him, and an inspector would be refused what is his duty. */
static void what_is_missing_or_short_is_in_no_text(void **state)
{
    (void)state;
    const struct registry_licence licence = {.number = BYTES("H9999999"),
                                             .identifier = BYTES("-"),
                                             .holder_number = BYTES("91410800MA44Q0XX1K"),
                                             .holder_name = BYTES("LI")};
    assert_false(personal_licence_in(text("LI-2026 - 17"), &licence));
    assert_true(personal_licence_in(text("91410800ma44q0xx1k"), &licence));
    assert_false(personal_word_in(text("2026-17"), BYTES("")));
    assert_true(personal_word_in(text("2026-17"), BYTES("２０２６17")));
    assert_false(personal_word_in(text("2026-17"), BYTES("2026-17-1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_citizen_number_is_found_however_it_is_written),
        cmocka_unit_test(a_licence_and_its_holder_are_found),
        cmocka_unit_test(what_is_missing_or_short_is_in_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
