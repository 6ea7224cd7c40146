/* What a camera makes of a symbol: each degradation alone, as strong as a reader bears. How many
 * are read at which strength, make bench-scan tells. */
#include "qr/qr.h"

#include <math.h>
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support.h"

#define SIDE_MAX 1200

static uint8_t frame[SIDE_MAX * SIDE_MAX];
static uint8_t text_storage[QR_TEXT_BYTES_MAX];
static struct seeded chance;

/* How a symbol is seen. */
struct view {
    float module;             /* pixels */
    float turn;               /* degrees */
    float shrink_x, shrink_y; /* of a module for each module farther right and down: perspective */
    float wave;               /* modules, over the symbol's side */
    float cover;              /* modules, the side of a sticker in the middle */
    float shade;              /* of the light that is lost in the right half */
    float blur;               /* pixels, a square's side */
    float contrast;           /* of the range */
    unsigned noise, salt;     /* grey levels; in a thousand pixels */
    bool inverted;
};
#define PLAIN .module = 5, .contrast = 1

/* White with the symbol's darkness at a place in modules, from its upper left corner. */
static float light_at(const QRcode *code, const struct view *view, float u, float v)
{
    float side = (float)code->width, middle = side / 2;
    bool dark = false;
    if (u >= 0 && v >= 0 && u < side && v < side)
        dark = code->data[(int)v * code->width + (int)u] & 1;
    if (fabsf(u - middle) < view->cover / 2 && fabsf(v - middle) < view->cover / 2)
        dark = false;
    float light = dark != view->inverted ? 0 : 1;
    return u > middle ? light * (1 - view->shade) : light;
}

/* From a pixel, counted from the picture's middle, to modules. */
static float seen_from(const QRcode *code, const struct view *view, const float turn[2], float x,
                       float y)
{
    float side = (float)code->width;
    float u = (x * turn[0] + y * turn[1]) / view->module;
    float v = (y * turn[0] - x * turn[1]) / view->module;
    float far = 1 / (1 - view->shrink_x * u - view->shrink_y * v);
    u *= far;
    v *= far;
    if (view->wave != 0)
        u += view->wave * sinf((float)M_PI * v / side);
    return light_at(code, view, u + side / 2, v + side / 2);
}

static unsigned draw(const char *text, int version, const struct view *view)
{
    enum { RAYS = 3 };
    QRcode *code = QRcode_encodeString(text, version, QR_ECLEVEL_M, QR_MODE_8, 1);
    assert_non_null(code);
    float angle = view->turn * (float)M_PI / 180;
    const float turn[2] = {cosf(angle), sinf(angle)};
    float spread = fabsf(turn[0]) + fabsf(turn[1]);
    unsigned side = (unsigned)(((float)code->width + 10) * view->module * spread * 1.2f);
    assert_true(side <= SIDE_MAX);
    float reach = view->blur > 1 ? view->blur : 1;
    for (unsigned i = 0; i < side * side; i++) {
        float sum = 0, x = (float)(i % side) - (float)side / 2,
              y = (float)(i / side) - (float)side / 2;
        for (int ray = 0; ray < RAYS * RAYS; ray++)
            sum += seen_from(code, view, turn, x + ((float)(ray % RAYS) + 0.5f) / RAYS * reach,
                             y + ((float)(ray / RAYS) + 0.5f) / RAYS * reach);
        int level = (int)(127 + 255 * view->contrast * (sum / (RAYS * RAYS) - 0.5f));
        if (view->noise)
            level += (int)(seeded_next(&chance) % (2 * view->noise)) - (int)view->noise;
        if (seeded_next(&chance) % 1000 < view->salt)
            level = seeded_next(&chance) & 1 ? 255 : 0;
        frame[i] = (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
    }
    QRcode_free(code);
    return side;
}

static void assert_reads(const char *what, const char *expected, int version, struct view view)
{
    struct buf text = BUF_OVER(text_storage);
    unsigned side = draw(expected, version, &view);
    struct bytes pixels = guarded(0, bytes_of(frame, (size_t)side * side));
    enum qr_error error = qr_read_grey(pixels, side, side, &QR_READ_PICTURE, &text);
    if (error)
        fail_msg("%s: %s", what, qr_error_text(error));
    assert_true(bytes_equal(buf_bytes(&text), bytes_str(expected)));
}

static const char code_text[] =
    "https://ysz.city.example/gateway/v#"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
    "6180339887498948482045868343656381177203091798057628621354486227052604628189024497072"
    "5772156649015328606065120900824024310421593359399235988057672348848677267776646709369";

/* A code in an inspector's hand, held askew, far, in bad light, would not be read. */
static void a_licence_is_read_as_cameras_see_it(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct view view;
    } cases[] = {
        {"turned by 30 degrees", {PLAIN, .turn = 30}},
        {"on its head", {PLAIN, .turn = 180}},
        {"tilted to the side", {PLAIN, .shrink_x = 0.008f}},
        {"tilted away", {PLAIN, .shrink_y = 0.008f, .turn = 8}},
        {"tilted towards a corner", {PLAIN, .shrink_x = 0.006f, .shrink_y = -0.006f}},
        {"bent", {PLAIN, .wave = 4}},
        {"light on dark", {PLAIN, .inverted = true}},
        {"blurred", {PLAIN, .blur = 7}},
        {"noise", {PLAIN, .noise = 140}},
        {"salt and pepper", {PLAIN, .salt = 250}},
        {"little contrast", {.module = 5, .contrast = 0.03f}},
        {"half in the shade", {PLAIN, .shade = 0.9f}},
        {"partly covered", {PLAIN, .cover = 16}},
        {"small", {.module = 1.6f, .contrast = 1}},
        {"smaller", {.module = 1.5f, .contrast = 1, .turn = 20, .noise = 20}},
        {"large", {.module = 13, .contrast = 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_reads(cases[i].what, code_text, 0, cases[i].view);
}

/* Symbols of other sizes than ours, with no alignment pattern or with many, would not be read. */
static void all_sizes_are_read(void **state)
{
    (void)state;
    static const int versions[] = {1, 2, 3, 6, 7, 8, 13, 14, 21, 28, 32, 35, 40};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        char name[16];
        float side = 17 + 4 * (float)versions[i];
        snprintf(name, sizeof name, "version %d", versions[i]);
        assert_reads(name, "HTTPS://A/", versions[i],
                     (struct view){.module = 4, .contrast = 1, .turn = 12});
        if (versions[i] < 4)
            assert_reads(name, "A", versions[i], (struct view){.module = 24, .contrast = 1});
        assert_reads(name, "HTTPS://A/", versions[i],
                     (struct view){.module = 3, .contrast = 0.5f, .shrink_x = 0.35f / side});
    }
}

/* More of a symbol hidden than its correction bears would be read as something else. */
static void what_is_too_much_is_not_found(void **state)
{
    (void)state;
    for (float cover = 20; cover < 44; cover += 4) {
        struct buf text = BUF_OVER(text_storage);
        struct view view = {PLAIN, .cover = cover};
        unsigned side = draw(code_text, 0, &view);
        enum qr_error error =
            qr_read_grey(bytes_of(frame, (size_t)side * side), side, side, &QR_READ_PICTURE, &text);
        assert_true(error == QR_ERR_NOT_FOUND ||
                    bytes_equal(buf_bytes(&text), bytes_str(code_text)));
        assert_true(cover < 34 || error == QR_ERR_NOT_FOUND);
    }
}

/* A picture strewn with finders, for which there are very many threes to try, would be read for
 * ever or past its edges; so would the narrowest ones. */
static void hostile_frames_end(void **state)
{
    (void)state;
    struct qr_read_options options = {QR_PIXELS_MAX, 50};
    struct buf text = BUF_OVER(text_storage);
    for (unsigned module = 1; module <= 7; module += 2) {
        const unsigned side = 600;
        for (unsigned i = 0; i < side * side; i++) {
            int x = (int)(i % side / module % 9) - 4, y = (int)(i / side / module % 9) - 4;
            int distance = abs(x) > abs(y) ? abs(x) : abs(y);
            frame[i] = distance == 4 || distance == 2 ? 255 : 0;
        }
        struct bytes pixels = guarded(0, bytes_of(frame, side * side));
        assert_int_equal(qr_read_grey(pixels, side, side, &options, &text), QR_ERR_NOT_FOUND);
    }
    for (unsigned width = 1; width <= 48; width++)
        for (unsigned height = 1; height <= 48; height += 47) {
            struct bytes pixels = guarded(0, bytes_of(frame, (size_t)width * height));
            assert_int_equal(qr_read_grey(pixels, width, height, &options, &text),
                             QR_ERR_NOT_FOUND);
        }
    assert_int_equal(text.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_licence_is_read_as_cameras_see_it),
        cmocka_unit_test(all_sizes_are_read),
        cmocka_unit_test(what_is_too_much_is_not_found),
        cmocka_unit_test(hostile_frames_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
