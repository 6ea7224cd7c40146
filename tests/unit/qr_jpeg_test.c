#include "qr/qr.h"

#include <qrencode.h>
#include <stdio.h>

#include <jpeglib.h> /* needs what stands above */

#include "tests/support.h"

#define CAPPED(pixels) (&(struct qr_read_options){pixels, 100})
#define HEADS_BYTES    640 /* about, before the pixels */
#define TEXT           "https://ysz.example/v#012345678901234567890123456789"

static uint8_t text_storage[QR_TEXT_BYTES_MAX];
static uint8_t picture_storage[256 * 1024];
static uint8_t canvas[512 * 512];

/* The symbol in canvas, 4 pixels a module; returns the side in pixels. */
static unsigned draw(void)
{
    QRcode *code = QRcode_encodeString(TEXT, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
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

/* A scan each for the constant parts and for single coefficients of the only component. */
static void divide(struct jpeg_compress_struct *jpeg, jpeg_scan_info *scans, int count)
{
    for (int i = 0; i < count; i++) {
        scans[i] = (jpeg_scan_info){.comps_in_scan = 1, .Ss = i, .Se = i};
        if (i == count - 1)
            scans[i].Se = 63;
    }
    jpeg->scan_info = scans;
    jpeg->num_scans = count;
}

/* The canvas as a JPEG of a colour space; `scans`: 0 is baseline, else progressive in so many. */
static struct bytes compress(unsigned side, J_COLOR_SPACE space, int channels, int scans)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg_scan_info script[64];
    unsigned char *out = picture_storage;
    unsigned long len = sizeof picture_storage;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &out, &len);
    jpeg.image_width = jpeg.image_height = side;
    jpeg.input_components = channels;
    jpeg.in_color_space = space;
    jpeg_set_defaults(&jpeg);
    if (scans)
        divide(&jpeg, script, scans);
    jpeg_start_compress(&jpeg, TRUE);
    for (unsigned y = 0; y < side; y++) {
        uint8_t wide[4 * 512], *row = wide;
        for (unsigned i = 0; i < side * (unsigned)channels; i++)
            wide[i] = canvas[y * side + i / (unsigned)channels];
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    assert_ptr_equal(out, picture_storage);
    return bytes_of(out, len);
}

static enum qr_error read_error(struct bytes jpeg, unsigned pixels_max)
{
    struct buf text = BUF_OVER(text_storage);
    enum qr_error error = qr_read_picture(guarded(0, jpeg), CAPPED(pixels_max), &text);
    assert_true(error ? text.len == 0 : bytes_equal(buf_bytes(&text), BYTES(TEXT)));
    return error;
}

/* A photograph or a picture that a messenger passed on would not be read. */
static void every_kind_is_read(void **state)
{
    (void)state;
    unsigned side = draw();
    assert_int_equal(read_error(compress(side, JCS_GRAYSCALE, 1, 0), QR_PIXELS_MAX), QR_OK);
    assert_int_equal(read_error(compress(side, JCS_RGB, 3, 0), QR_PIXELS_MAX), QR_OK);
    assert_int_equal(read_error(compress(side, JCS_GRAYSCALE, 1, 10), QR_PIXELS_MAX), QR_OK);
}

/* A cut picture would be taken for a whole one, or read past its end. */
static void truncated_is_refused(void **state)
{
    (void)state;
    unsigned side = draw();
    for (int scans = 0; scans <= 4; scans += 4) {
        struct bytes jpeg = compress(side, JCS_GRAYSCALE, 1, scans);
        for (size_t len = 0; len < jpeg.len; len++)
            assert_int_equal(read_error(bytes_of(jpeg.data, len), QR_PIXELS_MAX), QR_ERR_PICTURE);
    }
}

/* A damaged picture would crash the reader, or give another text. */
static void flipped_does_no_harm(void **state)
{
    (void)state;
    struct bytes jpeg = compress(draw(), JCS_GRAYSCALE, 1, 0);
    size_t refused = 0;
    for (size_t i = 0; i < jpeg.len; i += i < HEADS_BYTES ? 1 : 17) {
        picture_storage[i] ^= (uint8_t)(1 << i % 8);
        enum qr_error error = read_error(jpeg, sizeof canvas);
        assert_true(error == QR_OK || error == QR_ERR_PICTURE || error == QR_ERR_NOT_FOUND);
        refused += error == QR_ERR_PICTURE;
        picture_storage[i] ^= (uint8_t)(1 << i % 8);
    }
    assert_true(refused > HEADS_BYTES / 8);
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

/* Where the frame's head says how high and wide it is. */
static uint8_t *size_of(struct bytes jpeg)
{
    for (size_t i = 0; i + 9 < jpeg.len; i++)
        if (jpeg.data[i] == 0xFF && (jpeg.data[i + 1] == 0xC0 || jpeg.data[i + 1] == 0xC2))
            return picture_storage + i + 5;
    fail();
    return NULL;
}

/* A few octets that declare a huge picture would make us allocate and unpack it. */
static void caps_come_before_unpacking(void **state)
{
    (void)state;
    static const uint16_t sizes[][2] = {{65500, 65500}, {8193, 16},   {16, 8193},
                                        {8192, 8192},   {4096, 4097}, {1, 65500}};
    unsigned side = draw();
    struct bytes jpeg = compress(side, JCS_GRAYSCALE, 1, 0);
    assert_int_equal(read_error(jpeg, side * side), QR_OK);
    assert_int_equal(read_error(jpeg, side * side - 1), QR_ERR_PICTURE);
    if (__sanitizer_install_malloc_and_free_hooks)
        __sanitizer_install_malloc_and_free_hooks(note_allocation, note_free);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buf head;
        buf_init(&head, size_of(jpeg), 4);
        for (unsigned k = 0; k < 2; k++) {
            buf_put_u8(&head, (uint8_t)(sizes[i][k] >> 8));
            buf_put_u8(&head, (uint8_t)sizes[i][k]);
        }
        largest_allocation = 0;
        assert_int_equal(read_error(jpeg, QR_PIXELS_MAX), QR_ERR_PICTURE);
        assert_true(largest_allocation < 128 * 1024);
    }
    compress(side, JCS_GRAYSCALE, 1, 0);
    assert_int_equal(read_error(jpeg, QR_PIXELS_MAX), QR_OK);
    if (__sanitizer_install_malloc_and_free_hooks)
        assert_true(largest_allocation > 128 * 1024); /* the hook sees what it must */
}

/* A small picture could have its pixels gone over as often as it likes. */
static void scans_are_counted(void **state)
{
    (void)state;
    unsigned side = draw();
    assert_int_equal(read_error(compress(side, JCS_GRAYSCALE, 1, 32), QR_PIXELS_MAX), QR_OK);
    assert_int_equal(read_error(compress(side, JCS_GRAYSCALE, 1, 33), QR_PIXELS_MAX),
                     QR_ERR_PICTURE);
}

/* A colour space that can't be turned into grey would be read as noise. */
static void cmyk_is_refused(void **state)
{
    (void)state;
    assert_int_equal(read_error(compress(draw(), JCS_CMYK, 4, 0), QR_PIXELS_MAX), QR_ERR_PICTURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read),   cmocka_unit_test(truncated_is_refused),
        cmocka_unit_test(flipped_does_no_harm), cmocka_unit_test(caps_come_before_unpacking),
        cmocka_unit_test(scans_are_counted),    cmocka_unit_test(cmyk_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
