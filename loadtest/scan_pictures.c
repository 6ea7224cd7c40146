/* scan_pictures FOLDER SEED PER_CLASS: pictures of licence codes, degraded as photographs are.
 * Writes FOLDER/CLASS-NN.png or .jpg, and FOLDER/pictures.jsonl with a line for each picture: its
 * file, class, text and what was done to it, and blank.png, which is white. The same arguments give
 * the same pictures. With no argument it prints the ranges as JSON.
 *
 * A picture is drawn by casting 3 x 3 rays a pixel through a pinhole camera on a card with the
 * code, then blurred, lit, and given the sensor's noise. In each class the factors that `classes`
 * names grow evenly from the first picture to the last; the others keep to the base range. */
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h> /* needs what stands above */

#include "base/check.h"
#include "loadtest/scan_ranges.h"
#include "protocol/digits.h"
#include "qr/picture.h"
#include "qr/qr.h"

#define PREFIX        "https://ysz.city.example/gateway/v#" /* the longest allowed, 35 characters */
#define RAYS          3                                     /* a side of a pixel */
#define SIDE_MIN      320
#define SIDE_MAX      1280
#define SYMBOL_MAX    (4 * 12 + 17)
#define CLUTTER_COUNT 12
#define BLANK_SIDE    64

/* ---- chance ---------------------------------------------------------------------------------- */

static uint64_t chance_state;

/* SplitMix64 */
static uint64_t chance(void)
{
    uint64_t z = chance_state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

static double between(double low, double high)
{
    return low + (high - low) * (double)(chance() >> 11) / 0x1p53;
}

static double normal(void)
{
    double radius = sqrt(-2 * log(1 - between(0, 1)));
    return radius * cos(between(0, 2 * M_PI));
}

/* ---- the scene ------------------------------------------------------------------------------- */

struct picture {
    const struct class *class;
    double factor[FACTOR_COUNT];
    uint8_t text[QR_TEXT_BYTES_MAX];
    size_t text_len;
    unsigned modules; /* a side of the symbol */
    bool dark[SYMBOL_MAX][SYMBOL_MAX];
    unsigned width, height;
    double *light; /* width x height, 0 black, 1 white */
};

/* The card lies in the plane (u, v), in modules from the symbol's middle; the camera sees a point
 * u * a + v * b at `distance` before it. */
struct camera {
    double a[3], b[3];
    double distance, focus; /* modules, pixels */
    double wave_u, wave_v, wave_length, phase_u, phase_v;
};

struct clutter {
    double u, v, half_width, half_height, light;
};

struct scene {
    struct camera camera;
    struct clutter clutter[CLUTTER_COUNT];
    double card_half, ground;
};

static double deg(double degrees)
{
    return degrees * M_PI / 180;
}

/* Turned in its plane, then tilted about an axis in that plane. */
static void aim(struct camera *c, const struct picture *p)
{
    double turn = deg(p->factor[FACTOR_rotation]) * (chance() & 1 ? 1 : -1);
    double tilt = deg(p->factor[FACTOR_tilt]), axis = between(0, 2 * M_PI);
    double vectors[2][3] = {{cos(turn), sin(turn), 0}, {-sin(turn), cos(turn), 0}};
    for (int i = 0; i < 2; i++) {
        double *v = vectors[i];
        double along = v[0] * cos(axis) + v[1] * sin(axis);
        double across = -v[0] * sin(axis) + v[1] * cos(axis);
        v[0] = along * cos(axis) - across * cos(tilt) * sin(axis);
        v[1] = along * sin(axis) + across * cos(tilt) * cos(axis);
        v[2] = across * sin(tilt);
    }
    memcpy(c->a, vectors[0], sizeof c->a);
    memcpy(c->b, vectors[1], sizeof c->b);
    c->distance = p->modules * between(1.8, 3);
    c->focus = c->distance * p->factor[FACTOR_module];
    double way = between(0, 2 * M_PI), half = p->modules / 2.0;
    c->wave_u = p->factor[FACTOR_wave] * cos(way);
    c->wave_v = p->factor[FACTOR_wave] * sin(way);
    c->wave_length = half * between(2, 5);
    c->phase_u = between(0, 2 * M_PI);
    c->phase_v = between(0, 2 * M_PI);
}

/* Where the ray through a point of the picture, counted from its middle, meets the card. */
static void cast(const struct camera *c, double x, double y, double *u, double *v)
{
    double X = x / c->focus, Y = y / c->focus;
    double m00 = c->a[0] - X * c->a[2], m01 = c->b[0] - X * c->b[2];
    double m10 = c->a[1] - Y * c->a[2], m11 = c->b[1] - Y * c->b[2];
    double det = m00 * m11 - m01 * m10;
    double s = c->distance * (X * m11 - Y * m01) / det, t = c->distance * (Y * m00 - X * m10) / det;
    *u = s + c->wave_u * sin(2 * M_PI * t / c->wave_length + c->phase_u);
    *v = t + c->wave_v * sin(2 * M_PI * s / c->wave_length + c->phase_v);
}

static void set_scene(struct scene *s, const struct picture *p)
{
    double half = p->modules / 2.0;
    aim(&s->camera, p);
    s->card_half = half + QR_QUIET_MODULES + between(0, 6);
    s->ground = between(0.15, 0.7);
    for (size_t i = 0; i < CLUTTER_COUNT; i++) {
        double angle = between(0, 2 * M_PI), far = s->card_half * between(1.3, 4);
        s->clutter[i] = (struct clutter){far * cos(angle), far * sin(angle), between(0.5, 12),
                                         between(0.5, 4), between(0, 1)};
    }
}

static double reflected(const struct scene *s, const struct picture *p, double u, double v)
{
    double half = p->modules / 2.0;
    bool inverted = p->class->inverted;
    if (fabs(u) < half && fabs(v) < half)
        return p->dark[(int)(v + half)][(int)(u + half)] != inverted ? 0.04 : 0.96;
    if (fabs(u) < s->card_half && fabs(v) < s->card_half)
        return inverted ? 0.04 : 0.96;
    for (size_t i = 0; i < CLUTTER_COUNT; i++)
        if (fabs(u - s->clutter[i].u) < s->clutter[i].half_width &&
            fabs(v - s->clutter[i].v) < s->clutter[i].half_height)
            return s->clutter[i].light;
    return s->ground;
}

static void draw_scene(struct picture *p)
{
    struct scene scene;
    set_scene(&scene, p);
    for (unsigned y = 0; y < p->height; y++)
        for (unsigned x = 0; x < p->width; x++) {
            double sum = 0, u, v;
            for (unsigned i = 0; i < RAYS * RAYS; i++) {
                double dx = (i % RAYS + 0.5) / RAYS, dy = (i / RAYS + 0.5) / RAYS;
                cast(&scene.camera, x + dx - p->width / 2.0, y + dy - p->height / 2.0, &u, &v);
                sum += reflected(&scene, p, u, v);
            }
            p->light[y * p->width + x] = sum / (RAYS * RAYS);
        }
}

/* ---- what happens to the light --------------------------------------------------------------- */

static double pixel_at(const struct picture *p, const double *light, int x, int y)
{
    int w = (int)p->width, h = (int)p->height;
    x = x < 0 ? 0 : x >= w ? w - 1 : x;
    y = y < 0 ? 0 : y >= h ? h - 1 : y;
    return light[y * w + x];
}

static double between_pixels(const struct picture *p, const double *light, double x, double y)
{
    int left = (int)floor(x), top = (int)floor(y);
    x -= left;
    y -= top;
    if (x == 0 && y == 0)
        return pixel_at(p, light, left, top);
    return (1 - y) *
               ((1 - x) * pixel_at(p, light, left, top) + x * pixel_at(p, light, left + 1, top)) +
           y * ((1 - x) * pixel_at(p, light, left, top + 1) +
                x * pixel_at(p, light, left + 1, top + 1));
}

/* Weighted mean of `count` pixels on a line through each, at (dx, dy) pixels from one another. */
static void smear(struct picture *p, const double *weights, int count, double dx, double dy)
{
    size_t size = sizeof(double) * p->width * p->height;
    double *from = check_alloc(size);
    memcpy(from, p->light, size);
    for (int y = 0; y < (int)p->height; y++)
        for (int x = 0; x < (int)p->width; x++) {
            double sum = 0, total = 0;
            for (int i = 0; i < count; i++) {
                double far = i - count / 2;
                sum += weights[i] * between_pixels(p, from, x + far * dx, y + far * dy);
                total += weights[i];
            }
            p->light[y * (int)p->width + x] = sum / total;
        }
    free(from);
}

static void blur(struct picture *p)
{
    double weights[129], sigma = p->factor[FACTOR_blur] * p->factor[FACTOR_module];
    int reach = (int)ceil(3 * sigma);
    CHECK(reach <= 64);
    for (int i = -reach; i <= reach; i++)
        weights[i + reach] = exp(-i * i / (2 * sigma * sigma));
    smear(p, weights, 2 * reach + 1, 1, 0);
    smear(p, weights, 2 * reach + 1, 0, 1);
}

static void move(struct picture *p)
{
    double weights[129], length = p->factor[FACTOR_motion] * p->factor[FACTOR_module];
    double angle = between(0, M_PI);
    int count = 2 * (int)ceil(length) + 1;
    if (length <= 0)
        return;
    CHECK(count <= 129);
    for (int i = 0; i < count; i++)
        weights[i] = 1;
    smear(p, weights, count, cos(angle) * length / count, sin(angle) * length / count);
}

/* A sticker or a finger: light or dark, round or square, on the symbol but on none of its finders
 * (with a module around). Places are tried until one fits. */
static void cover(struct picture *p)
{
    unsigned n = p->modules;
    double area = p->factor[FACTOR_cover] * n * n, aspect = between(0.5, 2);
    double half_u = sqrt(area * aspect) / 2, half_v = area / half_u / 4;
    bool dark = chance() & 1;
    while (area > 0) {
        double u = between(half_u, n - half_u), v = between(half_v, n - half_v);
        bool left = u - half_u<9, right = u + half_u> n - 9;
        bool top = v - half_v<9, bottom = v + half_v> n - 9;
        if ((left && (top || bottom)) || (right && top))
            continue;
        for (unsigned y = 0; y < n; y++)
            for (unsigned x = 0; x < n; x++)
                if (fabs(x + 0.5 - u) < half_u && fabs(y + 0.5 - v) < half_v)
                    p->dark[y][x] = dark;
        return;
    }
}

/* Light that falls off across the card, with a shadow's edge in it; a spot; the lines of a screen.
 * The lines are sampled at the pixels, as a sensor does: that gives the moire. */
static void shine(struct picture *p)
{
    double symbol = p->modules * p->factor[FACTOR_module];
    double angle = between(0, 2 * M_PI), shade = between(0, 2 * M_PI), edge = between(-0.2, 0.2);
    double spot_x = between(-0.4, 0.4), spot_y = between(-0.4, 0.4);
    double lines = between(0, M_PI), pitch = p->factor[FACTOR_pitch];
    for (unsigned y = 0; y < p->height; y++)
        for (unsigned x = 0; x < p->width; x++) {
            double *light = &p->light[y * p->width + x];
            double u = (x - p->width / 2.0) / symbol, v = (y - p->height / 2.0) / symbol;
            double ramp = 0.5 + (u * cos(angle) + v * sin(angle)) / 1.4;
            ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
            double shadow = 1 / (1 + exp(-(u * cos(shade) + v * sin(shade) - edge) * 60));
            *light *= 1 - p->factor[FACTOR_uneven] * (0.6 * ramp + 0.4 * shadow);
            double r2 = (u - spot_x) * (u - spot_x) + (v - spot_y) * (v - spot_y);
            double radius = p->factor[FACTOR_spot];
            *light += p->factor[FACTOR_glare] * exp(-r2 / (2 * radius * radius));
            double across = x * cos(lines) + y * sin(lines),
                   along = y * cos(lines) - x * sin(lines);
            double grid = (2 + cos(2 * M_PI * across / pitch) + cos(2 * M_PI * along / pitch)) / 4;
            *light *= 1 - p->factor[FACTOR_moire] * (1 - grid);
        }
}

/* What the sensor makes of it: contrast about a middle grey, noise, eight bits. */
static void sense(const struct picture *p, uint8_t *grey)
{
    double contrast = p->factor[FACTOR_contrast], middle = between(0.4, 0.6);
    middle = contrast / 2 + middle * (1 - contrast);
    for (size_t i = 0; i < (size_t)p->width * p->height; i++) {
        double level = p->light[i] > 1 ? 1 : p->light[i];
        level = 255 * (middle + contrast * (level - 0.5)) + normal() * p->factor[FACTOR_noise];
        if (between(0, 1) < p->factor[FACTOR_salt])
            level = chance() & 1 ? 255 : 0;
        grey[i] = (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level + 0.5);
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

static FILE *open_file(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    CHECK(file);
    return file;
}

static void write_jpeg(FILE *file, const struct picture *p, const uint8_t *grey, int quality)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_width = p->width;
    jpeg.image_height = p->height;
    jpeg.input_components = 1;
    jpeg.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < p->height) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(grey + (size_t)jpeg.next_scanline * p->width);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
}

static void write_png(FILE *file, const struct picture *p, const uint8_t *grey)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = p->width,
                       .height = p->height,
                       .format = PNG_FORMAT_GRAY};
    CHECK(png_image_write_to_stdio(&image, file, 0, grey, 0, NULL));
}

/* For the time that a reader takes before it sees a picture. */
static void write_blank(const char *folder)
{
    uint8_t grey[BLANK_SIDE * BLANK_SIDE];
    struct picture blank = {.width = BLANK_SIDE, .height = BLANK_SIDE};
    memset(grey, 255, sizeof grey);
    FILE *file = open_file(folder, "blank.png");
    write_png(file, &blank, grey);
    CHECK(fclose(file) == 0);
}

static void write_files(const char *folder, const struct picture *p, unsigned number, FILE *list)
{
    char name[64];
    uint8_t *grey = check_alloc((size_t)p->width * p->height);
    int quality = (int)(100 - p->factor[FACTOR_jpeg] + 0.5);
    snprintf(name, sizeof name, "%s-%02u.%s", p->class->name, number,
             quality < 100 ? "jpg" : "png");
    FILE *file = open_file(folder, name);
    sense(p, grey);
    if (quality < 100)
        write_jpeg(file, p, grey, quality);
    else
        write_png(file, p, grey);
    CHECK(fclose(file) == 0);
    free(grey);
    fprintf(list, "{\"file\":\"%s\",\"class\":\"%s\",\"version\":%u,\"width\":%u,\"height\":%u",
            name, p->class->name, (p->modules - 17) / 4, p->width, p->height);
    for (size_t i = 0; i < FACTOR_COUNT; i++)
        fprintf(list, ",\"%s\":%.3f", factor_names[i], p->factor[i]);
    fprintf(list, ",\"text\":\"%.*s\"}\n", (int)p->text_len, (const char *)p->text);
}

/* ---- a picture ------------------------------------------------------------------------------- */

/* As many random octets as fill a symbol of version 9 to 12, half of them 9. */
static void draw_code(struct picture *p)
{
    static const unsigned octets[][2] = {{120, 142}, {143, 174}, {175, 211}, {212, 247}};
    unsigned version = chance() & 1 ? 0 : chance() % 4;
    uint8_t code[256], storage[QR_PICTURE_BYTES_MAX / 64];
    struct grey grey;
    size_t len = octets[version][0] + chance() % (octets[version][1] - octets[version][0] + 1);
    for (size_t i = 0; i < len; i++)
        code[i] = (uint8_t)chance();
    struct buf text = BUF_OVER(p->text), png = BUF_OVER(storage);
    buf_put_str(&text, PREFIX);
    digits_write(&text, bytes_of(code, len));
    p->text_len = text.len;
    struct qr_options options = {QR_LEVEL_M, 1, 0};
    CHECK(qr_write(buf_bytes(&text), QR_FORMAT_PNG, &options, &png) == QR_OK);
    CHECK(picture_read_png(buf_bytes(&png), QR_PIXELS_MAX, &grey) == QR_OK);
    unsigned side = grey.width;
    CHECK(side == 4 * (9 + version) + 17);
    p->modules = side;
    for (size_t i = 0; i < side * side; i++)
        p->dark[i / side][i % side] = grey.pixels[i] == 0;
    free(grey.pixels);
}

static unsigned side_of(double pixels)
{
    return pixels < SIDE_MIN ? SIDE_MIN : pixels > SIDE_MAX ? SIDE_MAX : (unsigned)pixels;
}

/* `strength` runs from 0 to 1 within the class. */
static void choose(struct picture *p, const struct class *class, double strength)
{
    p->class = class;
    for (size_t i = 0; i < FACTOR_COUNT; i++) {
        const double *range = class->ranges[i];
        p->factor[i] = range[0] != 0 || range[1] != 0
                           ? range[0] + (range[1] - range[0]) * strength
                           : between(factor_base[i][0], factor_base[i][1]);
    }
    draw_code(p);
    double card = (p->modules + 2 * QR_QUIET_MODULES) * p->factor[FACTOR_module];
    double turn = deg(fmod(p->factor[FACTOR_rotation], 90));
    double needed = card * (cos(turn) + sin(turn)) * (1 + p->factor[FACTOR_tilt] / 150);
    p->height = side_of(needed * p->factor[FACTOR_room]);
    p->width = side_of(p->height * between(1, 4.0 / 3));
    CHECK(needed <= p->height);
    p->light = check_alloc(sizeof(double) * p->width * p->height);
}

static void print_ranges(void)
{
    printf("{\"factors\":{");
    for (size_t i = 0; i < FACTOR_COUNT; i++)
        printf("%s\"%s\":{\"unit\":\"%s\",\"base\":[%g,%g]}", i ? "," : "", factor_names[i],
               factor_units[i], factor_base[i][0], factor_base[i][1]);
    printf("},\"classes\":{");
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        const char *comma = "";
        printf("%s\"%s\":{", i ? "," : "", classes[i].name);
        for (size_t k = 0; k < FACTOR_COUNT; k++) {
            const double *range = classes[i].ranges[k];
            if (range[0] != 0 || range[1] != 0) {
                printf("%s\"%s\":[%g,%g]", comma, factor_names[k], range[0], range[1]);
                comma = ",";
            }
        }
        printf("}");
    }
    printf("}}\n");
}

static void make(const char *folder, const struct class *class, unsigned number, double strength,
                 FILE *list)
{
    static struct picture p;
    choose(&p, class, strength);
    cover(&p);
    draw_scene(&p);
    move(&p);
    blur(&p);
    shine(&p);
    write_files(folder, &p, number, list);
    free(p.light);
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return print_ranges(), 0;
    unsigned long seed = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    unsigned long count = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    if (count < 2 || count > 1000) {
        fputs("usage: scan_pictures [FOLDER SEED PER_CLASS]\n", stderr);
        return 2;
    }
    write_blank(argv[1]);
    FILE *list = open_file(argv[1], "pictures.jsonl");
    for (size_t c = 0; c < CLASS_COUNT; c++)
        for (unsigned i = 0; i < count; i++) {
            chance_state = seed * 1000003 + c * 1009 + i; /* no picture depends on another */
            make(argv[1], &classes[c], i, i / (count - 1.0), list);
        }
    CHECK(fclose(list) == 0);
    return 0;
}
