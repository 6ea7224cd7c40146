#include <stdio.h>

#include "protocol/identifier.h"
#include "tests/support.h"

/* Identifiers of licences printed as examples in public documents of several authorities, so that
 * the check character's computation is compared with other people's. */
static const char *const PUBLISHED[] = {
    "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.002.S",
    "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U",
    "1.2.156.3005.2.11100000000013338W087.11370800MB28559184.37080001202411010001.001.3",
    "1.2.156.3005.2.11100000000013338W009.11330105002500287C.2025052201.002.0",
    "1.2.156.3005.2.11100000MB03271699022.340100.000000016.001.9",
};

static enum identifier_error read_licence(const char *text, struct licence_identifier *id)
{
    return licence_identifier_read(guarded(0, bytes_str(text)), id);
}

/* Without this real licences would be refused at import, or ours elsewhere. */
static void published_licence_identifiers_are_read_and_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof PUBLISHED / sizeof *PUBLISHED; i++) {
        struct licence_identifier id;
        uint8_t storage[IDENTIFIER_BYTES_MAX + 1];
        struct buf out = BUF_OVER(storage);
        assert_int_equal(read_licence(PUBLISHED[i], &id), IDENTIFIER_OK);
        id.check = '?';
        licence_identifier_write(&out, &id);
        assert_string_equal(buf_cstr(&out), PUBLISHED[i]);
    }
}

/* Without this a mistyped identifier would name another licence: ISO 7064 MOD 37,36 finds every
 * single wrong character. */
static void every_wrong_character_is_found(void **state)
{
    (void)state;
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t altered = 0;
    char text[IDENTIFIER_BYTES_MAX + 1];
    snprintf(text, sizeof text, "%s", PUBLISHED[0]);
    for (size_t i = 15; text[i]; i++) {
        const char right = text[i];
        for (size_t k = 0; right != '.' && k < 36; k++) {
            struct licence_identifier id;
            text[i] = alphabet[k];
            if (text[i] != right && ++altered)
                assert_int_equal(read_licence(text, &id), IDENTIFIER_ERR_CHECK);
        }
        text[i] = right;
    }
    assert_int_equal(altered, 35 * 54);
}

/* Without this a text of another shape would be stored as an identifier, or crash the reader. */
static void other_shapes_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum identifier_error error;
    } cases[] = {
        {"", IDENTIFIER_ERR_ROOT},
        {"1.2.156.3005.2", IDENTIFIER_ERR_ROOT},
        {"1.2.156.3005.3.A.340100.1.1.A", IDENTIFIER_ERR_ROOT},
        {"1.2.156.3005.2.", IDENTIFIER_ERR_SEGMENT},
        {"1.2.156.3005.2.A.340100.1.1", IDENTIFIER_ERR_SEGMENT},
        {"1.2.156.3005.2.A.340100.1.1.", IDENTIFIER_ERR_SEGMENT},
        {"1.2.156.3005.2.A.340100..1.A", IDENTIFIER_ERR_SEGMENT},
        {"1.2.156.3005.2..340100.1.1.A", IDENTIFIER_ERR_SEGMENT},
        {"1.2.156.3005.2.A.34010.1.1.A", IDENTIFIER_ERR_SEGMENT},
        {"1.2.156.3005.2.A.3401000.1.1.A", IDENTIFIER_ERR_SEGMENT},
        {"1.2.156.3005.2.A.340100.1.1234.A", IDENTIFIER_ERR_SEGMENT},
        {"1.2.156.3005.2.A.340100.1.1.AA", IDENTIFIER_ERR_SEGMENT},
        {"1.2.156.3005.2.A.340100.1.1.A.", IDENTIFIER_ERR_SEGMENT},
        {"1.2.156.3005.2.A.340100.1.1.A.B", IDENTIFIER_ERR_SEGMENT},
        {"1.2.156.3005.2.AAAAAAAAAABBBBBBBBBBCCCCCCCCCCD.340100.1.1.A", IDENTIFIER_ERR_SEGMENT},
        {"1.2.156.3005.2.a.340100.1.1.A", IDENTIFIER_ERR_CHARACTER},
        {"1.2.156.3005.2.A.340100.1-1.1.A", IDENTIFIER_ERR_CHARACTER},
        {"1.2.156.3005.2.A.340100.1.1.A ", IDENTIFIER_ERR_CHARACTER},
        {"1.2.156.3005.2.A.340100.证.1.A", IDENTIFIER_ERR_CHARACTER},
    };
    struct licence_identifier id;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(read_licence(cases[i].text, &id), cases[i].error);

    char text[IDENTIFIER_BYTES_MAX + 2];
    memset(text, '1', sizeof text);
    text[sizeof text - 1] = 0;
    memcpy(text, "1.2.156.3005.2.A.340100.", 24);
    assert_int_equal(read_licence(text, &id), IDENTIFIER_ERR_LENGTH);
    text[IDENTIFIER_BYTES_MAX] = 0;
    assert_int_equal(read_licence(text, &id), IDENTIFIER_ERR_SEGMENT);
}

/* Without this persons would be told apart or thrown together wrongly (numbers: the examples of
 * GB 11643-1999 and other public ones that belong to nobody). */
static void citizen_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum identifier_error error;
        const char *read;
    } cases[] = {
        {"11010519491231002X", IDENTIFIER_OK, "11010519491231002X"},
        {"34052419800101001X", IDENTIFIER_OK, "34052419800101001X"},
        {"34052419800101001x", IDENTIFIER_OK, "34052419800101001X"},
        {"340524800101001", IDENTIFIER_OK, "34052419800101001X"},
        {"340524800230001", IDENTIFIER_ERR_DATE, NULL},
        {"340524198001010010", IDENTIFIER_ERR_CHECK, "340524198001010010"},
        {"11010519491231003X", IDENTIFIER_ERR_CHECK, "11010519491231003X"},
        {"11010519490229002X", IDENTIFIER_ERR_DATE, NULL},
        {"11010519491331002X", IDENTIFIER_ERR_DATE, NULL},
        {"1101051949123100X2", IDENTIFIER_ERR_CHARACTER, NULL},
        {"34052480010100X", IDENTIFIER_ERR_CHARACTER, NULL},
        {"11010519491231002Y", IDENTIFIER_ERR_CHARACTER, NULL},
        {"1101051949123100", IDENTIFIER_ERR_LENGTH, NULL},
        {"11010519491231002X0", IDENTIFIER_ERR_LENGTH, NULL},
        {"", IDENTIFIER_ERR_LENGTH, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[CITIZEN_NUMBER_BYTES];
        assert_int_equal(citizen_number_read(guarded(0, bytes_str(cases[i].text)), out),
                         cases[i].error);
        if (cases[i].read)
            assert_memory_equal(out, cases[i].read, sizeof out);
    }
    assert_int_equal(citizen_number_check("44052418800101001"),
                     '4'); /* GB 11643's second example */
}

/* Without this lawful enterprises would be warned about (codes: public ones of public bodies). */
static void credit_codes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum identifier_error error;
    } cases[] = {
        {"11100000000013338W", IDENTIFIER_OK},
        {"11430000006122244L", IDENTIFIER_OK},
        {"11330105002500287C", IDENTIFIER_OK},
        {"11370800MB28559184", IDENTIFIER_OK},
        {"11100000000013338X", IDENTIFIER_ERR_CHECK},
        {"11100000000013383W", IDENTIFIER_ERR_CHECK},
        {"1110000000001333I8", IDENTIFIER_ERR_CHARACTER},
        {"11370800mb28559184", IDENTIFIER_ERR_CHARACTER},
        {"11100000000013338", IDENTIFIER_ERR_LENGTH},
        {"", IDENTIFIER_ERR_LENGTH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(credit_code_check(guarded(0, bytes_str(cases[i].text))), cases[i].error);
    assert_int_equal(credit_code_check(bytes_of("1110000000001333\0W", 18)),
                     IDENTIFIER_ERR_CHARACTER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_licence_identifiers_are_read_and_written),
        cmocka_unit_test(every_wrong_character_is_found),
        cmocka_unit_test(other_shapes_are_told_apart),
        cmocka_unit_test(citizen_numbers),
        cmocka_unit_test(credit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
