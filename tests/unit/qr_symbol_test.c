#include "qr/symbol.h"

#include <qrencode.h>
#include <stdio.h>

#include "qr/segments.h"
#include "tests/support.h"

static struct rs_field field;
static uint8_t plan[SYMBOL_SIDE_MAX * SYMBOL_SIDE_MAX];
static float darkness[SYMBOL_SIDE_MAX * SYMBOL_SIDE_MAX];
static uint8_t storage[8192];

static const QRecLevel levels[] = {QR_ECLEVEL_L, QR_ECLEVEL_M, QR_ECLEVEL_Q, QR_ECLEVEL_H};

/* Takes the symbol's modules, all of them equally sure. */
static void see(const QRcode *code)
{
    symbol_plan((unsigned)code->version, plan);
    for (int i = 0; i < code->width * code->width; i++)
        darkness[i] = code->data[i] & 1 ? 1 : -1;
}

static enum qr_error read_text(unsigned version, struct bytes *text)
{
    struct buf out = BUF_OVER(storage);
    enum qr_error error = symbol_read(&field, version, plan, darkness, &out);
    *text = buf_bytes(&out);
    return error;
}

static QRcode *draw(const char *text, int version, QRecLevel level)
{
    QRcode *code = QRcode_encodeString(text, version, level, QR_MODE_8, 1);
    assert_non_null(code);
    return code;
}

/* Symbols of one version or level would never be read, or read wrongly: of all 160, and of all
 * kinds of segments. */
static void every_version_and_level_is_read(void **state)
{
    (void)state;
    for (int version = 1; version <= QR_VERSION_MAX; version++)
        for (size_t level = 0; level < 4; level++) {
            char text[32] = "a,1";
            struct bytes read;
            snprintf(text, sizeof text, version > 2 ? "ab%d,AB:%d" : "%d", version, version * 997);
            QRcode *code = draw(text, version, levels[level]);
            assert_int_equal(code->version, version);
            see(code);
            assert_int_equal(read_text((unsigned)version, &read), QR_OK);
            assert_true(bytes_equal(read, bytes_str(text)));
            QRcode_free(code);
        }
}

/* ---- error correction ------------------------------------------------------------------------ */

/* Multiplication as one learns it, without tables. */
static uint8_t times(unsigned a, unsigned b)
{
    unsigned product = 0;
    for (; b; b >>= 1, a = a << 1 ^ (a & 0x80 ? 0x11D : 0))
        product ^= b & 1 ? a : 0;
    return (uint8_t)product;
}

/* Random data with its parity: the remainder of its division by (x - 1)(x - 2)(x - 4)... */
static void make_block(struct seeded *random, uint8_t *block, unsigned len, unsigned parity)
{
    uint8_t divisor[RS_PARITY_BYTES_MAX + 1] = {1}, root = 1;
    for (unsigned i = 0; i < parity; i++, root = times(root, 2))
        for (unsigned k = i + 1; k > 0; k--)
            divisor[k] ^= times(divisor[k - 1], root);
    for (unsigned i = 0; i < len; i++)
        block[i] = i < len - parity ? (uint8_t)seeded_next(random) : 0;
    uint8_t rest[RS_BLOCK_BYTES_MAX];
    memcpy(rest, block, len);
    for (unsigned i = 0; i < len - parity; i++)
        for (unsigned k = parity + 1; k-- > 0;)
            rest[i + k] ^= times(rest[i], divisor[k]);
    memcpy(block + len - parity, rest + len - parity, parity);
}

/* Spoils octets at so many different places, which it lists. */
static void spoil(struct seeded *random, uint8_t *block, unsigned len, unsigned count,
                  uint8_t *places)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t at = (uint8_t)(seeded_next(random) % len);
        if (memchr(places, at, i)) {
            i--;
            continue;
        }
        places[i] = at;
        block[at] ^= (uint8_t)(1 + seeded_next(random) % 255);
    }
}

/* A symbol with as many errors as the standard promises to bear would be lost; with more it would
 * be read as something else. */
static void as_much_is_corrected_as_promised(void **state)
{
    (void)state;
    struct seeded random = {5};
    for (unsigned round = 0; round < 4000; round++) {
        uint8_t block[RS_BLOCK_BYTES_MAX], spoilt[RS_BLOCK_BYTES_MAX], before[RS_BLOCK_BYTES_MAX];
        uint8_t places[RS_BLOCK_BYTES_MAX];
        unsigned parity = 7 + (unsigned)seeded_next(&random) % (RS_PARITY_BYTES_MAX - 6);
        unsigned len = parity + 1 + (unsigned)seeded_next(&random) % (123 - 1);
        unsigned spare = round % 2 ? 4 : 0, errors = (parity - spare) / 2;
        make_block(&random, block, len, parity);
        memcpy(spoilt, block, len);
        spoil(&random, spoilt, len, errors, places);
        assert_true(rs_correct(&field, spoilt, len, parity, spare));
        assert_memory_equal(spoilt, block, len);

        memcpy(spoilt, block, len);
        spoil(&random, spoilt, len, errors + 1, places);
        memcpy(before, spoilt, len);
        if (!rs_correct(&field, spoilt, len, parity, spare))
            assert_memory_equal(spoilt, before, len);
        else
            assert_true(spare == 0 && parity < 16); /* few enough that chance finds another word */
    }
}

/* The smallest symbols, whose parity is short, would be read wrongly for a few errors more than the
 * standard lets them bear: in version 1 at level L two wrong octets. */
static void smallest_symbols_are_not_overtaxed(void **state)
{
    (void)state;
    struct bytes read;
    QRcode *code = draw("12345", 1, QR_ECLEVEL_L);
    see(code);
    for (unsigned octet = 0; octet < 3; octet++) {
        assert_int_equal(read_text(1, &read), QR_OK);
        assert_true(bytes_equal(read, BYTES("12345")));
        darkness[(9 + 4 * octet) * 21 + 18] *= -1; /* a module of the fourth and following ones */
    }
    assert_int_equal(read_text(1, &read), QR_ERR_NOT_FOUND);
    QRcode_free(code);
}

/* ---- segments -------------------------------------------------------------------------------- */

/* A symbol of an input that the caller filled; its text or its error. */
static enum qr_error read_input(QRinput *input, struct bytes *read)
{
    QRcode *code = QRcode_encodeInput(input);
    assert_non_null(code);
    see(code);
    enum qr_error error = read_text((unsigned)code->version, read);
    QRcode_free(code);
    QRinput_free(input);
    return error;
}

/* A text whose parts are of several kinds would lose one, or an encoding's number would be read as
 * part of it. */
static void segments_follow_one_another(void **state)
{
    (void)state;
    struct bytes read;
    QRinput *input = QRinput_new2(0, QR_ECLEVEL_M);
    assert_int_equal(QRinput_appendECIheader(input, 26), 0);
    assert_int_equal(QRinput_append(input, QR_MODE_8, 4, (const uint8_t *)"\xE4\xBA\xAE!"), 0);
    assert_int_equal(QRinput_append(input, QR_MODE_NUM, 5, (const uint8_t *)"00700"), 0);
    assert_int_equal(QRinput_appendECIheader(input, 899), 0);
    assert_int_equal(QRinput_append(input, QR_MODE_AN, 3, (const uint8_t *)"Z:9"), 0);
    assert_int_equal(read_input(input, &read), QR_OK);
    assert_true(bytes_equal(read, BYTES("\xE4\xBA\xAE!00700Z:9")));

    /* libqrencode writes numbers of three octets wrongly: ECI 20000, one octet 'A' */
    struct buf text = BUF_OVER(storage);
    assert_int_equal(segments_read(BYTES("\x7C\x04\xE2\x04\x01\x41\x00"), 1, &text), QR_OK);
    assert_true(bytes_equal(buf_bytes(&text), BYTES("A")));
}

/* What we can't tell the octets of would be read with a hole. */
static void unknown_segments_are_no_text(void **state)
{
    (void)state;
    struct bytes read;
    QRinput *input = QRinput_new2(0, QR_ECLEVEL_M);
    QRinput_append(input, QR_MODE_8, 2, (const uint8_t *)"ab");
    QRinput_append(input, QR_MODE_KANJI, 2, (const uint8_t *)"\x93\x5F");
    assert_int_equal(read_input(input, &read), QR_ERR_NOT_FOUND);
    assert_int_equal(read.len, 0);
}

/* Noise that was taken for a symbol would be read as a text, or past the tables. */
static void noise_is_no_symbol(void **state)
{
    (void)state;
    struct seeded random = {6};
    struct bytes read;
    for (unsigned version = 1; version <= QR_VERSION_MAX; version++)
        for (unsigned round = 0; round < 20; round++) {
            symbol_plan(version, plan);
            for (unsigned i = 0; i < symbol_side(version) * symbol_side(version); i++)
                darkness[i] = (float)(int)(seeded_next(&random) % 2001) - 1000;
            assert_int_equal(read_text(version, &read), QR_ERR_NOT_FOUND);
            assert_int_equal(read.len, 0);
        }
}

int main(void)
{
    rs_field_init(&field);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_and_level_is_read),
        cmocka_unit_test(as_much_is_corrected_as_promised),
        cmocka_unit_test(smallest_symbols_are_not_overtaxed),
        cmocka_unit_test(segments_follow_one_another),
        cmocka_unit_test(unknown_segments_are_no_text),
        cmocka_unit_test(noise_is_no_symbol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
