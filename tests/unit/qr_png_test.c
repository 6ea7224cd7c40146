#include "qr/qr.h"

#include <png.h>
#include <qrencode.h>
#include <zlib.h>

#include "tests/support.h"

#define CAPPED(pixels) (&(struct qr_read_options){pixels, 2000})

#define STREAM_AT  (8 + 25 + 8) /* behind the signature, IHDR, and length and name of IDAT */
#define SHORT_TEXT BYTES("https://ysz.example/v#0123456789")
#define LICENCE_TEXT                                                                               \
    BYTES("https://ysz.city.example/gateway/v#"                                                    \
          "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"  \
          "6180339887498948482045868343656381177203091798057628621354486227052604628189024497072"  \
          "5772156649015328606065120900824024310421593359399235988057672348848677267776646709369"  \
          "7071067811865475244008443621048490392848359376884740365883398689953662392310535194251")

static uint8_t picture_storage[QR_PICTURE_BYTES_MAX + 1];
static uint8_t text_storage[QR_TEXT_BYTES_MAX];
static uint8_t canvas[512 * 512];

static struct bytes write_png(struct bytes text, struct qr_options options)
{
    struct buf out = BUF_OVER(picture_storage);
    assert_int_equal(qr_write(text, QR_FORMAT_PNG, &options, &out), QR_OK);
    return buf_bytes(&out);
}

/* The symbol in canvas, 4 pixels a module; returns the side in pixels. */
static unsigned draw(const char *text)
{
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    assert_non_null(code);
    unsigned modules = (unsigned)code->width, side = 4 * (modules + 2 * QR_QUIET_MODULES);
    assert_true((size_t)side * side <= sizeof canvas);
    memset(canvas, 255, sizeof canvas);
    for (unsigned y = 0; y < 4 * modules; y++)
        for (unsigned x = 0; x < 4 * modules; x++)
            if (code->data[y / 4 * modules + x / 4] & 1)
                canvas[(y + 4 * QR_QUIET_MODULES) * side + x + 4 * QR_QUIET_MODULES] = 0;
    QRcode_free(code);
    return side;
}

static enum qr_error read_png_error(struct bytes png, unsigned pixels_max)
{
    struct buf text = BUF_OVER(text_storage);
    enum qr_error error = qr_read_picture(guarded(0, png), CAPPED(pixels_max), &text);
    if (error)
        assert_int_equal(text.len, 0);
    return error;
}

static void assert_png_reads(struct bytes png, struct bytes expected)
{
    struct buf text = BUF_OVER(text_storage);
    assert_int_equal(qr_read_picture(guarded(0, png), &QR_READ_PICTURE, &text), QR_OK);
    assert_true(bytes_equal(buf_bytes(&text), expected));
}

/* A cut picture would be taken for a whole one, or read past its end. */
static void truncated_png_is_refused(void **state)
{
    (void)state;
    struct bytes png = write_png(LICENCE_TEXT, QR_OPTIONS_DEFAULT);
    for (size_t len = 0; len < png.len; len++)
        assert_int_equal(read_png_error(bytes_of(png.data, len), QR_PIXELS_MAX), QR_ERR_PICTURE);
}

/* A damaged picture would crash the reader or be taken for an intact one. */
static void flipped_png_is_refused(void **state)
{
    (void)state;
    struct qr_options options = {QR_LEVEL_L, 1, 1};
    struct bytes png = write_png(SHORT_TEXT, options);
    for (size_t bit = 0; bit < png.len * 8; bit++) {
        picture_storage[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(read_png_error(png, QR_PIXELS_MAX), QR_ERR_PICTURE);
        picture_storage[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(read_png_error(png, QR_PIXELS_MAX), QR_OK);
}

static void put_crc(uint8_t *chunk, size_t data_len)
{
    struct buf crc;
    buf_init(&crc, chunk + 8 + data_len, 4);
    buf_put_u32be(&crc, (uint32_t)crc32(0, chunk + 4, (uInt)(4 + data_len)));
}

/* Damage behind a right checksum, in the zlib stream and the rows, would crash the reader. */
static void flips_with_right_checksums_do_not_crash(void **state)
{
    (void)state;
    struct qr_options options = {QR_LEVEL_L, 1, 1};
    struct bytes png = write_png(SHORT_TEXT, options);
    size_t stream = png.len - STREAM_AT - 4 - 12, refused = 0;
    for (size_t bit = 0; bit < stream * 8; bit++) {
        uint8_t *at = picture_storage + STREAM_AT + bit / 8;
        *at ^= (uint8_t)(1 << bit % 8);
        put_crc(picture_storage + STREAM_AT - 8, stream);
        enum qr_error error = read_png_error(png, QR_PIXELS_MAX);
        assert_true(error == QR_OK || error == QR_ERR_PICTURE || error == QR_ERR_NOT_FOUND);
        refused += error == QR_ERR_PICTURE;
        *at ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(refused > stream);
}

/* AddressSanitizer's; absent from a build without it. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *))
    __attribute__((weak));

static size_t largest_allocation;

static void note_allocation(const volatile void *memory, size_t size)
{
    (void)memory;
    largest_allocation = size > largest_allocation ? size : largest_allocation;
}

static void note_free(const volatile void *memory)
{
    (void)memory;
}

/* A few octets that declare a huge picture would make us allocate and unpack it. */
static void huge_png_is_refused_before_unpacking(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{0x7FFFFFFF, 0x7FFFFFFF},
                                        {1, 0x7FFFFFFF},
                                        {0x7FFFFFFF, 1},
                                        {0xFFFFFFFF, 8},
                                        {0, 8},
                                        {8192, 8192},
                                        {8193, 16},
                                        {16, 8193},
                                        {4096, 4097}};
    if (__sanitizer_install_malloc_and_free_hooks)
        __sanitizer_install_malloc_and_free_hooks(note_allocation, note_free);
    struct bytes png = write_png(SHORT_TEXT, QR_OPTIONS_DEFAULT);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buf head;
        buf_init(&head, picture_storage + 16, 8);
        buf_put_u32be(&head, sizes[i][0]);
        buf_put_u32be(&head, sizes[i][1]);
        put_crc(picture_storage + 8, 13);
        largest_allocation = 0;
        assert_int_equal(read_png_error(png, QR_PIXELS_MAX), QR_ERR_PICTURE);
        assert_true(largest_allocation < 128 * 1024);
    }
    png = write_png(SHORT_TEXT, (struct qr_options){QR_LEVEL_M, 16, QR_QUIET_MODULES});
    assert_int_equal(read_png_error(png, QR_PIXELS_MAX), QR_OK);
    if (__sanitizer_install_malloc_and_free_hooks)
        assert_true(largest_allocation > 128 * 1024); /* the hook sees what it must */
}

/* The pixel cap of the caller's would be off by one, or a file of any length accepted. */
static void caps_are_exact(void **state)
{
    (void)state;
    struct bytes png = write_png(SHORT_TEXT, (struct qr_options){QR_LEVEL_M, 2, 4});
    unsigned side = (4 * qr_version(SHORT_TEXT, QR_LEVEL_M) + 17 + 2 * 4) * 2;
    assert_int_equal(read_png_error(png, side * side), QR_OK);
    assert_int_equal(read_png_error(png, side * side - 1), QR_ERR_PICTURE);
    struct buf text = BUF_OVER(text_storage);
    static uint8_t longer[QR_READ_BYTES_MAX + 1];
    memcpy(longer, png.data, png.len);
    struct bytes padded = bytes_of(longer, sizeof longer);
    assert_int_equal(qr_read_picture(padded, &QR_READ_PICTURE, &text), QR_ERR_PICTURE);
    padded.len--;
    assert_int_equal(qr_read_picture(padded, &QR_READ_PICTURE, &text), QR_OK);
}

/* The symbol in canvas as a PNG of libpng's simplified formats, opaque or as dark on nothing. */
static struct bytes png_in_format(unsigned side, unsigned format, bool transparent)
{
    static uint8_t wide[512 * 512 * 8];
    assert_true((size_t)side * side * 8 <= sizeof wide);
    unsigned channels = PNG_IMAGE_SAMPLE_CHANNELS(format), bytes = 1 + !!(format & 4);
    for (size_t i = 0; i < (size_t)side * side; i++) {
        bool light = canvas[i] != 0, clear = transparent && light;
        uint8_t *pixel = wide + i * channels * bytes;
        memset(pixel, light && !clear ? 255 : 0, channels * bytes);
        if (format & PNG_FORMAT_FLAG_ALPHA)
            memset(pixel + (channels - 1) * bytes, clear ? 0 : 255, bytes);
    }
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = side, .height = side, .format = format};
    size_t len = sizeof picture_storage;
    assert_true(png_image_write_to_memory(&image, picture_storage, &len, 0, wide, 0, NULL));
    return bytes_of(picture_storage, len);
}

/* A screenshot in another colour type than ours would not be read. */
static void every_colour_type_is_read(void **state)
{
    (void)state;
    static const struct {
        unsigned format;
        bool transparent;
        uint8_t colour_type, depth;
    } table[] = {
        {PNG_FORMAT_GRAY, false, PNG_COLOR_TYPE_GRAY, 8},
        {PNG_FORMAT_GA, true, PNG_COLOR_TYPE_GRAY_ALPHA, 8},
        {PNG_FORMAT_RGB, false, PNG_COLOR_TYPE_RGB, 8},
        {PNG_FORMAT_RGBA, false, PNG_COLOR_TYPE_RGB_ALPHA, 8},
        {PNG_FORMAT_RGBA, true, PNG_COLOR_TYPE_RGB_ALPHA, 8},
        {PNG_FORMAT_LINEAR_RGB, false, PNG_COLOR_TYPE_RGB, 16},
        {PNG_FORMAT_LINEAR_RGB_ALPHA, true, PNG_COLOR_TYPE_RGB_ALPHA, 16},
    };
    struct bytes text = LICENCE_TEXT;
    unsigned side = draw((const char *)text.data);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct bytes png = png_in_format(side, table[i].format, table[i].transparent);
        assert_int_equal(png.data[24], table[i].depth);
        assert_int_equal(png.data[25], table[i].colour_type);
        assert_png_reads(png, text);
    }
}

static void put_png(png_structp png, png_bytep data, size_t len)
{
    buf_put(png_get_io_ptr(png), bytes_of(data, len));
}

static void flush_png(png_structp png)
{
    (void)png;
}

/* An interlaced picture with a palette, a transparent colour and comments would not be read. */
static void interlaced_palette_is_read(void **state)
{
    (void)state;
    png_color colours[] = {{40, 0, 60}, {0, 0, 0}};
    png_byte alphas[] = {255, 0}, row[512];
    png_text comment = {.compression = PNG_TEXT_COMPRESSION_zTXt,
                        .key = (char[]){"Comment"},
                        .text = (char[]){"a screenshot"}};
    struct bytes text = LICENCE_TEXT;
    unsigned side = draw((const char *)text.data);
    struct buf out = BUF_OVER(picture_storage);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &out, put_png, flush_png);
    png_set_IHDR(png, info, side, side, 8, PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_ADAM7, 0, 0);
    png_set_PLTE(png, info, colours, 2);
    png_set_tRNS(png, info, alphas, 2, NULL);
    png_set_text(png, info, &comment, 1);
    png_write_info(png, info);
    for (int passes = png_set_interlace_handling(png); passes; passes--) {
        for (unsigned y = 0; y < side; y++) {
            for (unsigned x = 0; x < side; x++)
                row[x] = canvas[y * side + x] != 0;
            png_write_row(png, row);
        }
    }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    assert_png_reads(buf_bytes(&out), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truncated_png_is_refused),
        cmocka_unit_test(flipped_png_is_refused),
        cmocka_unit_test(flips_with_right_checksums_do_not_crash),
        cmocka_unit_test(huge_png_is_refused_before_unpacking),
        cmocka_unit_test(caps_are_exact),
        cmocka_unit_test(every_colour_type_is_read),
        cmocka_unit_test(interlaced_palette_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
