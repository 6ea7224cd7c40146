/* Reading a picture: as it is, then retouched, the cheap ways first, until one gives a text or the
 * effort is spent. */
#include "qr/qr.h"

#include <stdlib.h>
#include <time.h>

#include "qr/judge.h"
#include "qr/retouch.h"

#define EASY_PIXELS (1536 * 1024) /* larger pictures are halved until they have fewer */
#define LEVELS_MAX  2             /* so often QR_PIXELS_MAX must be halved */
#define HARD_COUNT  3             /* attempts on those that are larger all the same */

/* What is tried, one after the other. Smoothing is against noise, salt and the lines of a screen,
 * doubling for modules of less than two pixels; looking at the nearest pixels alone is against
 * blur, looking farther for symbols of few and large modules. */
static const struct attempt {
    void (*retouch)(const struct grey *from, struct grey *to);
    bool further;     /* from what the attempt before looked at, not from the picture */
    unsigned divisor; /* a pixel is compared with those around it, as far as the picture's shorter
                         side, divided by this, and two more */
} attempts[] = {
    {NULL, false, 25},         {NULL, true, 60},
    {NULL, true, 8},           {retouch_smooth, false, 25},
    {NULL, true, 60},          {retouch_smooth, true, 25},
    {NULL, true, 60},          {NULL, true, 8},
    {retouch_halve, true, 25}, {retouch_double, false, 25},
    {NULL, true, 60},
};

struct reader {
    struct rs_field field;
    struct grid grid;
    struct samples samples;
    struct finder finders[FINDERS_MAX];
    struct corners corners[CORNERS_MAX];
    float darkness[SYMBOL_SIDE_MAX * SYMBOL_SIDE_MAX];
    uint8_t plan[SYMBOL_SIDE_MAX * SYMBOL_SIDE_MAX];
    uint32_t *sums;
    struct bitmap bitmap;
    struct grey retouched[2];
    int64_t deadline_us;
    struct buf *text;
};

static int64_t cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool late(const struct reader *r)
{
    return cpu_us() > r->deadline_us;
}

/* ---- a symbol -------------------------------------------------------------------------------- */

static enum qr_error read_grid(struct reader *r, bool inverted)
{
    static const struct {
        int reach;
        float sharpen;
    } ways[] = {{4, 0.4f}, {5, 0.9f}};
    enum qr_error error = QR_ERR_NOT_FOUND;
    grid_sample(&r->grid, inverted, &r->samples);
    for (size_t i = 0; i < sizeof ways / sizeof *ways && error == QR_ERR_NOT_FOUND; i++) {
        judge_modules(&r->samples, ways[i].reach, ways[i].sharpen, r->darkness);
        error = symbol_read(&r->field, r->grid.version, r->plan, r->darkness, r->text);
    }
    return error;
}

static enum qr_error read_symbol(struct reader *r, const struct grey *picture, bool inverted,
                                 const struct corners *corners)
{
    unsigned versions[3], count = grid_versions(picture, inverted, corners, versions);
    enum qr_error error = QR_ERR_NOT_FOUND;
    for (unsigned i = 0; i < count && error == QR_ERR_NOT_FOUND && !late(r); i++) {
        symbol_plan(versions[i], r->plan);
        grid_place(&r->grid, picture, corners, versions[i]);
        if (!grid_fits(&r->grid, inverted))
            continue;
        grid_align(&r->grid, inverted, corners);
        error = read_grid(r, inverted);
        if (error != QR_ERR_NOT_FOUND)
            break;
        grid_bend(&r->grid, inverted, r->plan);
        error = read_grid(r, inverted);
    }
    return error;
}

/* ---- a picture ------------------------------------------------------------------------------- */

static bool is_easy(const struct grey *picture)
{
    return (size_t)picture->width * picture->height <= EASY_PIXELS;
}

static enum qr_error read_once(struct reader *r, const struct grey *picture, unsigned divisor)
{
    unsigned shorter = picture->width < picture->height ? picture->width : picture->height;
    enum qr_error error = QR_ERR_NOT_FOUND;
    if (shorter < symbol_side(1))
        return error;
    r->bitmap.width = picture->width;
    r->bitmap.height = picture->height;
    locate_binarise(picture, 2 + shorter / divisor, r->sums, &r->bitmap);
    for (int inverted = 0; inverted < 2 && error == QR_ERR_NOT_FOUND; inverted++) {
        unsigned count = locate_finders(&r->bitmap, inverted, r->finders);
        count = locate_corners(&r->bitmap, inverted, r->finders, count, r->corners);
        for (unsigned i = 0; i < count && error == QR_ERR_NOT_FOUND && !late(r); i++)
            error = read_symbol(r, picture, inverted, &r->corners[i]);
    }
    return error;
}

static enum qr_error attempt_all(struct reader *r, const struct grey *picture)
{
    const struct grey *last = picture;
    enum qr_error error = QR_ERR_NOT_FOUND;
    size_t count = is_easy(picture) ? sizeof attempts / sizeof *attempts : HARD_COUNT;
    for (size_t i = 0; i < count && error == QR_ERR_NOT_FOUND && !late(r); i++) {
        const struct attempt *attempt = &attempts[i];
        const struct grey *from = attempt->further ? last : picture;
        struct grey *to = &r->retouched[last == &r->retouched[0]];
        if (attempt->retouch)
            attempt->retouch(from, to);
        last = attempt->retouch ? to : from;
        error = read_once(r, last, attempt->divisor);
    }
    return error;
}

static enum qr_error read_level(struct reader *r, const struct grey *picture)
{
    size_t pixels = (size_t)picture->width * picture->height * (is_easy(picture) ? 4 : 1);
    uint8_t *memory = malloc(3 * pixels);
    r->sums = calloc(4 * picture->width + 1, sizeof *r->sums);
    enum qr_error error = QR_ERR_MEMORY;
    if (memory && r->sums) {
        r->bitmap.dark = memory;
        r->retouched[0].pixels = memory + pixels;
        r->retouched[1].pixels = memory + 2 * pixels;
        error = attempt_all(r, picture);
    }
    free(memory);
    free(r->sums);
    return error;
}

/* Halved until it is easy, then halved less. */
static enum qr_error read_levels(struct reader *r, const struct grey *picture)
{
    struct grey levels[LEVELS_MAX + 1] = {*picture};
    enum qr_error error = QR_ERR_NOT_FOUND;
    unsigned last = 0;
    while (error == QR_ERR_NOT_FOUND && last < LEVELS_MAX && !is_easy(&levels[last])) {
        const struct grey *from = &levels[last++];
        levels[last].pixels = malloc((size_t)(from->width / 2) * (from->height / 2));
        if (levels[last].pixels)
            retouch_halve(from, &levels[last]);
        else
            error = QR_ERR_MEMORY;
    }
    for (unsigned i = last + 1; i-- > 0 && error == QR_ERR_NOT_FOUND;)
        error = read_level(r, &levels[i]);
    for (; last > 0; last--)
        free(levels[last].pixels);
    return error;
}

static enum qr_error read_grey(const struct grey *picture, unsigned effort_ms, struct buf *text)
{
    struct reader *r = malloc(sizeof *r);
    if (!r)
        return QR_ERR_MEMORY;
    rs_field_init(&r->field);
    r->deadline_us = cpu_us() + (int64_t)effort_ms * 1000;
    r->text = text;
    enum qr_error error = read_levels(r, picture);
    free(r);
    return error;
}

enum qr_error qr_read_grey(struct bytes pixels, unsigned width, unsigned height,
                           const struct qr_read_options *options, struct buf *text)
{
    if (options->pixels_max > QR_PIXELS_MAX || pixels.len != (uint64_t)width * height)
        return QR_ERR_OPTION;
    if (width == 0 || height == 0 || width > QR_SIDE_PIXELS_MAX || height > QR_SIDE_PIXELS_MAX ||
        pixels.len > options->pixels_max)
        return QR_ERR_PICTURE;
    struct grey frame = {(uint8_t *)(uintptr_t)pixels.data, width, height}; /* is only read */
    return read_grey(&frame, options->effort_ms, text);
}

enum qr_error qr_read_picture(struct bytes picture, const struct qr_read_options *options,
                              struct buf *text)
{
    struct grey grey;
    if (options->pixels_max > QR_PIXELS_MAX)
        return QR_ERR_OPTION;
    if (picture.len > QR_READ_BYTES_MAX)
        return QR_ERR_PICTURE;
    enum qr_error error = bytes_start_with(picture, BYTES("\xFF\xD8\xFF"))
                              ? picture_read_jpeg(picture, options->pixels_max, &grey)
                              : picture_read_png(picture, options->pixels_max, &grey);
    if (error)
        return error;
    error = read_grey(&grey, options->effort_ms, text);
    free(grey.pixels);
    return error;
}
