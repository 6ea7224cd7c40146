#include "qr/qr.h"

#include <png.h>
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support.h"

#define CAPPED(pixels) (&(struct qr_read_options){pixels, 2000})

#define PREFIX "https://ysz.city.example/gateway/v#" /* 35 characters, the longest allowed */

static uint8_t picture_storage[QR_PICTURE_BYTES_MAX];
static uint8_t text_storage[4096];
static uint8_t canvas[2048 * 2048];

/* The text of a code of so many bytes: each 7 as 17 digits, a tail of 1 to 6 as protocol.md says.
 */
static struct bytes code_text(size_t code_bytes, uint64_t seed)
{
    static const size_t tail_digits[] = {0, 3, 5, 8, 10, 13, 15};
    static uint8_t storage[QR_TEXT_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    struct seeded random = {seed};
    size_t digits = code_bytes / 7 * 17 + tail_digits[code_bytes % 7];
    buf_put_str(&text, PREFIX);
    while (digits--)
        buf_put_u8(&text, (uint8_t)('0' + seeded_next(&random) % 10));
    assert_true(buf_ok(&text));
    return buf_bytes(&text);
}

static struct bytes write_picture(struct bytes text, enum qr_format format,
                                  struct qr_options options)
{
    struct buf out = BUF_OVER(picture_storage);
    assert_int_equal(qr_write(text, format, &options, &out), QR_OK);
    return buf_bytes(&out);
}

static void assert_same(struct bytes actual, struct bytes expected)
{
    assert_int_equal(actual.len, expected.len);
    assert_memory_equal(actual.data, expected.data, expected.len);
}

static void assert_png_reads(struct bytes png, struct bytes expected)
{
    struct buf text = BUF_OVER(text_storage);
    assert_int_equal(qr_read_picture(guarded(0, png), &QR_READ_PICTURE, &text), QR_OK);
    assert_same(buf_bytes(&text), expected);
}

static QRcode *reference(struct bytes text, QRecLevel level)
{
    char string[QR_TEXT_BYTES_MAX + 1] = {0};
    memcpy(string, text.data, text.len);
    QRcode *code = QRcode_encodeString(string, 0, level, QR_MODE_8, 1);
    assert_non_null(code);
    return code;
}

/* Every pixel of a square grey picture against the symbol, each module pixels wide. */
static void assert_drawn(const uint8_t *grey, unsigned side_pixels, const QRcode *code,
                         unsigned module_pixels, unsigned quiet)
{
    unsigned symbol = (unsigned)code->width;
    assert_int_equal(side_pixels, (symbol + 2 * quiet) * module_pixels);
    for (unsigned y = 0; y < side_pixels; y++) {
        for (unsigned x = 0; x < side_pixels; x++) {
            unsigned column = x / module_pixels - quiet, row = y / module_pixels - quiet;
            bool dark = column < symbol && row < symbol && code->data[row * symbol + column] & 1;
            if (grey[y * side_pixels + x] != (dark ? 0 : 255))
                fail_msg("pixel %u,%u is wrong", x, y);
        }
    }
}

/* Draws what our SVG says, at its own width; returns the width in pixels. A reader for this shape
 * of path alone: M x y h width v1 h -width z, in units of the view box. */
static unsigned draw_svg(struct bytes svg)
{
    unsigned width, height, box, box_height, x, y, run, back;
    int used = 0;
    const char *at = (const char *)svg.data;
    assert_int_equal(sscanf(at,
                            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\""
                            " viewBox=\"0 0 %u %u\" shape-rendering=\"crispEdges\">"
                            "<rect width=\"%u\" height=\"%u\" fill=\"#fff\"/>"
                            "<path fill=\"#000\" d=\"%n",
                            &width, &height, &box, &box_height, &x, &y, &used),
                     6);
    assert_true(used > 0 && width == height && box == box_height && x == box && y == box);
    assert_true((size_t)width * width <= sizeof canvas && width % box == 0);
    unsigned scale = width / box;
    memset(canvas, 255, (size_t)width * width);
    at += used;
    while (used = 0, sscanf(at, "M%u %uh%uv1h-%uz%n", &x, &y, &run, &back, &used) == 4 && used) {
        assert_true(run == back && x + run <= box && y < box);
        for (unsigned row = y * scale; row < (y + 1) * scale; row++)
            memset(canvas + row * width + x * scale, 0, run * scale);
        at += used;
    }
    assert_string_equal(at, "\"/></svg>\n");
    return width;
}

static struct bytes write_svg(struct bytes text, struct qr_options options)
{
    struct bytes svg = write_picture(text, QR_FORMAT_SVG, options);
    picture_storage[svg.len] = 0;
    return svg;
}

/* A code of typical length shown as SVG would not scan. */
static void svg_round_trips(void **state)
{
    (void)state;
    struct bytes text = code_text(135, 1);
    unsigned side = draw_svg(write_svg(text, QR_OPTIONS_DEFAULT));
    struct buf read = BUF_OVER(text_storage);
    struct bytes grey = guarded(0, bytes_of(canvas, (size_t)side * side));
    assert_int_equal(qr_read_grey(grey, side, side, CAPPED(side * side), &read), QR_OK);
    assert_same(buf_bytes(&read), text);
}

/* A code of typical length shown as PNG would not scan. */
static void png_round_trips(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct bytes text = code_text(130 + seed, seed);
        assert_png_reads(write_picture(text, QR_FORMAT_PNG, QR_OPTIONS_DEFAULT), text);
    }
}

/* The terminal would show another symbol than the pictures do, or one without its light frame. */
static void terminal_shows_the_matrix(void **state)
{
    (void)state;
    static const char *const blocks[] = {" ", "\u2580", "\u2584", "\u2588"};
    struct bytes text = code_text(135, 2);
    QRcode *code = reference(text, QR_ECLEVEL_M);
    unsigned side = (unsigned)code->width + 2 * QR_QUIET_MODULES;
    struct bytes rest = write_picture(text, QR_FORMAT_TERMINAL, QR_OPTIONS_DEFAULT);
    memset(canvas, 255, sizeof canvas);
    for (unsigned y = 0; y < side; y += 2) {
        struct bytes on = BYTES("\x1b[38;5;16;48;5;231m"), off = BYTES("\x1b[0m\n");
        assert_true(bytes_start_with(rest, on));
        rest = bytes_from(rest, on.len);
        for (unsigned x = 0; x < side; x++) {
            unsigned halves = 4;
            while (halves-- && !bytes_start_with(rest, bytes_str(blocks[halves])))
                ;
            assert_true(halves < 4);
            rest = bytes_from(rest, strlen(blocks[halves]));
            canvas[y * side + x] = halves & 1 ? 0 : 255;
            canvas[(y + 1) * side + x] = halves & 2 ? 0 : 255;
        }
        assert_true(bytes_start_with(rest, off));
        rest = bytes_from(rest, off.len);
    }
    assert_int_equal(rest.len, 0);
    assert_drawn(canvas, side, code, 1, QR_QUIET_MODULES);
    QRcode_free(code);
}

/* The options would be accepted and not observed in the picture. */
static void options_are_observed(void **state)
{
    (void)state;
    static const struct qr_options all[] = {
        {QR_LEVEL_L, 1, 0}, {QR_LEVEL_M, 3, 1}, {QR_LEVEL_Q, 5, 4}, {QR_LEVEL_H, 8, 32}};
    static const QRecLevel levels[] = {QR_ECLEVEL_L, QR_ECLEVEL_M, QR_ECLEVEL_Q, QR_ECLEVEL_H};
    struct bytes text = code_text(135, 3);
    for (size_t i = 0; i < 4; i++) {
        QRcode *code = reference(text, levels[i]);
        unsigned module_pixels = all[i].module_pixels, quiet = all[i].quiet_modules;
        unsigned side = draw_svg(write_svg(text, all[i]));
        assert_drawn(canvas, side, code, module_pixels, quiet);

        struct bytes png = write_picture(text, QR_FORMAT_PNG, all[i]);
        assert_int_equal(png.data[24], 1); /* bits a pixel */
        assert_int_equal(png.data[25], PNG_COLOR_TYPE_GRAY);
        png_image image = {.version = PNG_IMAGE_VERSION};
        assert_true(png_image_begin_read_from_memory(&image, png.data, png.len));
        assert_int_equal(image.width, image.height);
        image.format = PNG_FORMAT_GRAY;
        assert_true(png_image_finish_read(&image, NULL, canvas, 0, NULL));
        assert_drawn(canvas, image.width, code, module_pixels, quiet);
        QRcode_free(code);
    }
}

/* A code would need a larger symbol than the protocol promises: the segments are not what they
 * should be (a byte part and a numeric part). */
static void versions_are_as_small_as_promised(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        unsigned version;
    } table[] = {{142, 9},  {143, 10}, {174, 10}, {175, 11},
                 {211, 11}, {212, 12}, {247, 12}, {248, 13}};
    assert_int_equal(strlen(PREFIX), 35);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(qr_version(code_text(table[i].bytes, i), QR_LEVEL_M), table[i].version);
    assert_int_equal(qr_version(BYTES(""), QR_LEVEL_M), 0);
    assert_int_equal(qr_version(BYTES("1"), (enum qr_level)4), 0);
}

/* Text that is not ASCII would be read back as another encoding's. */
static void utf8_stays_as_it_is(void **state)
{
    (void)state;
    static const char *const texts[] = {"亮证码", "张三·李四 0123456789012345", "Ä",
                                        "\xEF\xBB\xBFx"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct bytes text = bytes_str(texts[i]);
        assert_png_reads(write_picture(text, QR_FORMAT_PNG, QR_OPTIONS_DEFAULT), text);
    }
}

/* The longest text, at the highest level, would be lost or overrun a buffer. */
static void longest_text_round_trips(void **state)
{
    (void)state;
    uint8_t text[QR_TEXT_BYTES_MAX + 1];
    memset(text, 'a', sizeof text);
    struct bytes longest = bytes_of(text, QR_TEXT_BYTES_MAX);
    struct qr_options options = {QR_LEVEL_H, 4, QR_QUIET_MODULES};
    assert_png_reads(write_picture(longest, QR_FORMAT_PNG, options), longest);
    write_picture(longest, QR_FORMAT_SVG, options);
    options = (struct qr_options){QR_LEVEL_H, QR_MODULE_PIXELS_MAX, 32};
    assert_true(write_picture(longest, QR_FORMAT_PNG, options).len < QR_PICTURE_BYTES_MAX);
}

/* A mistake of the caller's would crash or draw nonsense instead of being told. */
static void wrong_calls_are_told(void **state)
{
    (void)state;
    static const struct qr_options wrong[] = {
        {(enum qr_level)4, 6, 4}, {QR_LEVEL_M, 0, 4}, {QR_LEVEL_M, 65, 4}, {QR_LEVEL_M, 6, 33}};
    uint8_t text[QR_TEXT_BYTES_MAX + 1];
    memset(text, '7', sizeof text);
    struct qr_options options = QR_OPTIONS_DEFAULT;
    struct buf out = BUF_OVER(picture_storage);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(qr_write(BYTES("1"), QR_FORMAT_SVG, &wrong[i], &out), QR_ERR_OPTION);
    assert_int_equal(qr_write(BYTES("1"), (enum qr_format)3, &options, &out), QR_ERR_OPTION);
    assert_int_equal(qr_write(BYTES(""), QR_FORMAT_SVG, &options, &out), QR_ERR_TEXT);
    assert_int_equal(qr_write(BYTES("a\0b"), QR_FORMAT_SVG, &options, &out), QR_ERR_TEXT);
    assert_int_equal(qr_write(bytes_of(text, sizeof text), QR_FORMAT_PNG, &options, &out),
                     QR_ERR_TEXT);
    assert_int_equal(out.len, 0);
    assert_int_equal(qr_read_picture(BYTES("x"), CAPPED(QR_PIXELS_MAX + 1), &out), QR_ERR_OPTION);
    assert_int_equal(qr_read_grey(BYTES("123456"), 7, 1, CAPPED(100), &out), QR_ERR_OPTION);
    assert_int_equal(qr_read_grey(BYTES("123456"), 6, 1, CAPPED(QR_PIXELS_MAX + 1), &out),
                     QR_ERR_OPTION);
    for (int error = QR_OK; error <= QR_ERR_MEMORY; error++)
        assert_string_not_equal(qr_error_text((enum qr_error)error), "unknown error");
}

/* A buffer that is too small would be overrun, or an incomplete picture or text returned as whole.
 */
static void small_buffers_are_told(void **state)
{
    (void)state;
    struct bytes text = code_text(135, 4);
    struct qr_options options = QR_OPTIONS_DEFAULT;
    for (int format = QR_FORMAT_SVG; format <= QR_FORMAT_TERMINAL; format++) {
        size_t whole = write_picture(text, (enum qr_format)format, options).len;
        for (size_t cap = 0; cap <= whole; cap += cap + 40 < whole ? 40 : 1) {
            struct buf out;
            buf_init(&out, (uint8_t *)guarded(0, bytes_of(canvas, cap)).data, cap);
            assert_int_equal(qr_write(text, (enum qr_format)format, &options, &out),
                             cap == whole ? QR_OK : QR_ERR_SPACE);
        }
    }
    struct bytes png = write_picture(text, QR_FORMAT_PNG, options);
    struct buf out;
    buf_init(&out, text_storage, text.len - 1);
    assert_int_equal(qr_read_picture(png, &QR_READ_PICTURE, &out), QR_ERR_SPACE);
}

/* A frame larger than the caps would be scanned, for as long as it takes. */
static void grey_caps_are_exact(void **state)
{
    (void)state;
    struct buf out = BUF_OVER(text_storage);
    unsigned side = draw_svg(write_svg(BYTES("https://ysz.example/v#"), QR_OPTIONS_DEFAULT));
    struct bytes grey = bytes_of(canvas, (size_t)side * side);
    assert_int_equal(qr_read_grey(grey, side, side, CAPPED(side * side - 1), &out), QR_ERR_PICTURE);
    assert_int_equal(qr_read_grey(bytes_of(canvas, 0), 0, 9, CAPPED(100), &out), QR_ERR_PICTURE);
    assert_int_equal(qr_read_grey(bytes_of(canvas, 8193), 1, 8193, CAPPED(10000), &out),
                     QR_ERR_PICTURE);
    assert_int_equal(qr_read_grey(bytes_of(canvas, 8193), 8193, 1, CAPPED(10000), &out),
                     QR_ERR_PICTURE);
    assert_int_equal(out.len, 0);
    assert_int_equal(qr_read_grey(grey, side, side, CAPPED(side * side), &out), QR_OK);
}

/* One part of a divided message (structured append) would be taken for the whole. */
static void part_of_a_message_is_no_text(void **state)
{
    (void)state;
    QRcode_List *codes = QRcode_encodeStringStructured(
        "012345678901234567890123456789012345678901234567890123456789", 1, QR_ECLEVEL_L, QR_MODE_8,
        1);
    assert_true(QRcode_List_size(codes) > 1);
    unsigned modules = (unsigned)codes->code->width, side = (modules + 8) * 4;
    memset(canvas, 255, (size_t)side * side);
    for (unsigned y = 0; y < modules * 4; y++)
        for (unsigned x = 0; x < modules * 4; x++)
            if (codes->code->data[y / 4 * modules + x / 4] & 1)
                canvas[(y + 16) * side + x + 16] = 0;
    struct buf text = BUF_OVER(text_storage);
    struct bytes grey = bytes_of(canvas, (size_t)side * side);
    assert_int_equal(qr_read_grey(grey, side, side, &QR_READ_PICTURE, &text), QR_ERR_NOT_FOUND);
    QRcode_List_free(codes);
}

/* Noise from a camera would crash the reader or be read as a code. */
static void noise_holds_no_code(void **state)
{
    (void)state;
    struct seeded random = {8};
    struct buf text = BUF_OVER(text_storage);
    for (unsigned side = 1; side <= 257; side += 16) {
        for (unsigned i = 0; i < side * side; i++)
            canvas[i] = (uint8_t)seeded_next(&random);
        struct bytes grey = guarded(0, bytes_of(canvas, side * side));
        assert_int_equal(qr_read_grey(grey, side, side, &QR_READ_PICTURE, &text), QR_ERR_NOT_FOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(svg_round_trips),
        cmocka_unit_test(png_round_trips),
        cmocka_unit_test(terminal_shows_the_matrix),
        cmocka_unit_test(options_are_observed),
        cmocka_unit_test(versions_are_as_small_as_promised),
        cmocka_unit_test(utf8_stays_as_it_is),
        cmocka_unit_test(longest_text_round_trips),
        cmocka_unit_test(wrong_calls_are_told),
        cmocka_unit_test(small_buffers_are_told),
        cmocka_unit_test(grey_caps_are_exact),
        cmocka_unit_test(part_of_a_message_is_no_text),
        cmocka_unit_test(noise_holds_no_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
