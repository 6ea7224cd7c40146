#include "qr/locate.h"

#include <math.h>
#include <stdlib.h>

#define TRIED_MAX   20  /* finders of which threes are made: 6840 of them */
#define MODULES_MIN 10  /* 14 from one finder to the next in version 1, 170 in version 40, */
#define MODULES_MAX 190 /* and some slack */

void locate_binarise(const struct grey *picture, unsigned reach, uint32_t *sums,
                     struct bitmap *bitmap)
{
    unsigned width = picture->width, height = picture->height, top = 0, bottom = 0;
    uint32_t *before =
        sums + width; /* of the columns before one; the differences are what counts */
    memset(sums, 0, width * sizeof *sums); /* of each column, from the row top to bottom */
    before[0] = 0;
    for (unsigned y = 0; y < height; y++) {
        for (; bottom < height && bottom <= y + reach; bottom++)
            for (unsigned x = 0; x < width; x++)
                sums[x] += picture->pixels[(size_t)bottom * width + x];
        for (; top + reach < y; top++)
            for (unsigned x = 0; x < width; x++)
                sums[x] -= picture->pixels[(size_t)top * width + x];
        for (unsigned x = 0; x < width; x++)
            before[x + 1] = before[x] + sums[x];
        const uint8_t *row = picture->pixels + (size_t)y * width;
        uint8_t *dark = bitmap->dark + (size_t)y * width;
        for (unsigned x = 0; x < width; x++) {
            unsigned left = x > reach ? x - reach : 0;
            unsigned right = x + reach < width ? x + reach + 1 : width;
            dark[x] =
                (row[x] + 1u) * (right - left) * (bottom - top) <= before[right] - before[left];
        }
    }
}

/* ---- finders --------------------------------------------------------------------------------- */

/* Light and dark in turn as 1 : 1 : 3 : 1 : 1, each by half a module more or less. */
static bool like_finder(const unsigned run[5])
{
    float unit = (float)(run[0] + run[1] + run[2] + run[3] + run[4]) / 7, slack = unit * 0.6f;
    return fabsf(run[0] - unit) < slack && fabsf(run[1] - unit) < slack &&
           fabsf(run[2] - 3 * unit) < 2 * slack && fabsf(run[3] - unit) < slack &&
           fabsf(run[4] - unit) < slack;
}

/* Looks along a column or row (step 1 or width) from a pixel within a finder's middle to both ends,
 * at most `reach` pixels to each. Returns the module, and puts *middle in the middle; 0 if it is
 * none. `before` and `behind` are the pixels there are. */
static float cross(const uint8_t *at, ptrdiff_t step, unsigned before, unsigned behind,
                   unsigned reach, uint8_t dark, float *middle)
{
    unsigned run[5] = {0}, ends[2] = {0};
    for (int side = 0; side < 2; side++) {
        ptrdiff_t way = side ? step : -step;
        unsigned limit = side ? behind : before, part = 0, i = 1;
        limit = limit < reach ? limit : reach;
        for (; i <= limit; i++) {
            bool is_dark = at[way * (ptrdiff_t)i] == dark;
            if (is_dark != (part % 2 == 0) && ++part == 3)
                break;
            run[side ? 2 + part : 2 - part]++;
            ends[side] += part == 0;
        }
        if (part < 2)
            return 0;
    }
    run[2]++;
    if (!like_finder(run))
        return 0;
    *middle = ((float)ends[1] - (float)ends[0]) / 2;
    return (float)(run[0] + run[1] + run[2] + run[3] + run[4]) / 7;
}

static void note(struct finder *finders, unsigned *count, struct finder found)
{
    for (unsigned i = 0; i < *count; i++) {
        struct finder *f = &finders[i];
        float far = f->unit > found.unit ? f->unit : found.unit;
        if (fabsf(f->x - found.x) > 1.5f * far || fabsf(f->y - found.y) > 1.5f * far ||
            f->unit > 1.6f * found.unit || found.unit > 1.6f * f->unit)
            continue;
        float rows = (float)f->rows++;
        f->x = (f->x * rows + found.x) / (rows + 1);
        f->y = (f->y * rows + found.y) / (rows + 1);
        f->unit = (f->unit * rows + found.unit) / (rows + 1);
        return;
    }
    if (*count < FINDERS_MAX)
        finders[(*count)++] = found;
}

/* The row's runs were like a finder's; its middle run ended before x. */
static void look_closer(const struct bitmap *b, uint8_t dark, unsigned x, unsigned y, float unit,
                        struct finder *finders, unsigned *count)
{
    float down, across;
    unsigned reach = (unsigned)(unit * 14) + 4, width = b->width;
    const uint8_t *at = b->dark + (size_t)y * width + x;
    float tall = cross(at, (ptrdiff_t)width, y, b->height - 1 - y, reach, dark, &down);
    if (tall == 0)
        return;
    ptrdiff_t rows = lroundf(down);
    at += rows * (ptrdiff_t)width;
    float wide = cross(at, 1, x, width - 1 - x, reach, dark, &across);
    if (wide == 0 || wide > 3 * tall || tall > 3 * wide)
        return;
    note(finders, count,
         (struct finder){(float)x + across, (float)y + down, sqrtf(wide * tall), 1});
}

static int by_rows(const void *a, const void *b)
{
    const struct finder *left = a, *right = b;
    return (left->rows < right->rows) - (left->rows > right->rows);
}

unsigned locate_finders(const struct bitmap *b, bool inverted, struct finder finders[FINDERS_MAX])
{
    unsigned count = 0;
    uint8_t dark = !inverted;
    for (unsigned y = 0; y < b->height; y++) {
        const uint8_t *row = b->dark + (size_t)y * b->width;
        unsigned run[5] = {0}, length = 0;
        for (unsigned x = 0; x < b->width; x++) {
            length++;
            if (x + 1 < b->width && row[x + 1] == row[x])
                continue;
            memmove(run, run + 1, 4 * sizeof *run);
            run[4] = length;
            length = 0;
            if (row[x] != dark || run[0] == 0 || !like_finder(run))
                continue;
            unsigned middle = x + 1 - run[4] - run[3] - (run[2] + 1) / 2;
            unsigned whole = run[0] + run[1] + run[2] + run[3] + run[4];
            look_closer(b, dark, middle, y, (float)whole / 7, finders, &count);
        }
    }
    qsort(finders, count, sizeof *finders, by_rows);
    return count;
}

/* ---- corners --------------------------------------------------------------------------------- */

/* From the middle of a finder to where its outer ring ends, in pixels; 0 if it does not. */
static float ring_end(const struct bitmap *b, uint8_t dark, const struct finder *f, float dx,
                      float dy)
{
    enum { STEPS_A_PIXEL = 4 };
    unsigned part = 0, steps = (unsigned)(f->unit * 8) * STEPS_A_PIXEL;
    for (unsigned i = 0; i < steps; i++) {
        float far = (float)i / STEPS_A_PIXEL, x = f->x + far * dx, y = f->y + far * dy;
        if (x < 0 || y < 0 || x + 0.5f >= (float)b->width || y + 0.5f >= (float)b->height)
            return part == 2 ? far : 0;
        bool is_dark = b->dark[(size_t)(y + 0.5f) * b->width + (size_t)(x + 0.5f)] == dark;
        if (is_dark != (part % 2 == 0) && ++part == 3)
            return far;
    }
    return 0;
}

/* The way from one finder to another. */
struct way {
    float dx, dy, length, modules, bend; /* modules: 0 if it is none */
};

/* How many modules long it is, and how they shrink. In perspective the geometric mean of a length's
 * modules at both ends is their mean. */
static struct way measure(const struct bitmap *b, uint8_t dark, const struct finder *from,
                          const struct finder *to)
{
    struct way way = {to->x - from->x, to->y - from->y, 0, 0, 0};
    float least = from->unit < to->unit ? from->unit : to->unit, ends[4];
    way.length = hypotf(way.dx, way.dy);
    way.dx /= way.length;
    way.dy /= way.length;
    if (!(way.length > MODULES_MIN * least) || from->unit + to->unit > 3.5f * least)
        return way;
    for (int i = 0; i < 4; i++) {
        float sign = i % 2 ? -1 : 1;
        ends[i] = ring_end(b, dark, i < 2 ? from : to, sign * way.dx, sign * way.dy);
        if (ends[i] == 0)
            return way;
    }
    float first = (ends[0] + ends[1]) / 7, last = (ends[2] + ends[3]) / 7;
    float modules = way.length / sqrtf(first * last);
    if (modules < MODULES_MIN || modules > MODULES_MAX)
        return way;
    way.bend = (sqrtf(first / last) - 1) / modules;
    way.modules = modules;
    return way;
}

/* 0 is perfect; below 0: these are no two sides of a symbol, even if it is seen very askew. */
static float misfit(const struct way *right, const struct way *down)
{
    float sine = right->dx * down->dy - right->dy * down->dx;
    float count = fabsf(logf(right->modules / down->modules));
    float aspect = fabsf(logf(right->length / down->length));
    if (sine < 0.35f || count > 0.35f || aspect > 1.4f)
        return -1;
    return count + 0.3f * aspect + 0.3f * (1 - sine);
}

static unsigned insert(struct corners corners[CORNERS_MAX], unsigned count, struct corners new)
{
    unsigned at = count;
    for (; at > 0 && corners[at - 1].misfit > new.misfit; at--)
        if (at < CORNERS_MAX)
            corners[at] = corners[at - 1];
    if (at < CORNERS_MAX)
        corners[at] = new;
    return count < CORNERS_MAX ? count + 1 : count;
}

unsigned locate_corners(const struct bitmap *b, bool inverted, const struct finder *finders,
                        unsigned count, struct corners corners[CORNERS_MAX])
{
    struct way ways[TRIED_MAX][TRIED_MAX];
    unsigned found = 0, tried = count < TRIED_MAX ? count : TRIED_MAX;
    for (unsigned i = 0; i < tried; i++)
        for (unsigned k = 0; k < tried; k++)
            ways[i][k] = i == k ? (struct way){0, 0, 0, 0, 0}
                                : measure(b, !inverted, &finders[i], &finders[k]);
    for (unsigned i = 0; i < tried * tried * tried; i++) {
        unsigned o = i % tried, r = i / tried % tried, d = i / tried / tried;
        const struct way *right = &ways[o][r], *down = &ways[o][d];
        float bad = right->modules > 0 && down->modules > 0 ? misfit(right, down) : -1;
        if (bad >= 0)
            found = insert(corners, found,
                           (struct corners){&finders[o], &finders[r], &finders[d],
                                            sqrtf(right->modules * down->modules), right->bend,
                                            down->bend, bad});
    }
    return found;
}
