#include "qr/retouch.h"

static unsigned at_most(unsigned value, unsigned last)
{
    return value < last ? value : last;
}

void retouch_halve(const struct grey *from, struct grey *to)
{
    to->width = from->width / 2;
    to->height = from->height / 2;
    for (unsigned y = 0; y < to->height; y++) {
        const uint8_t *upper = from->pixels + (size_t)(2 * y) * from->width;
        const uint8_t *lower = upper + from->width;
        for (unsigned x = 0; x < to->width; x++)
            to->pixels[(size_t)y * to->width + x] =
                (uint8_t)((upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1] + 2) /
                          4);
    }
}

void retouch_double(const struct grey *from, struct grey *to)
{
    to->width = 2 * from->width;
    to->height = 2 * from->height;
    for (unsigned y = 0; y < to->height; y++) {
        const uint8_t *near = from->pixels + (size_t)(y / 2) * from->width;
        unsigned other = y % 2 ? at_most(y / 2 + 1, from->height - 1) : y < 2 ? 0 : y / 2 - 1;
        const uint8_t *far = from->pixels + (size_t)other * from->width;
        for (unsigned x = 0; x < to->width; x++) {
            unsigned i = x / 2, k = x % 2 ? at_most(i + 1, from->width - 1) : x < 2 ? 0 : i - 1;
            to->pixels[(size_t)y * to->width + x] =
                (uint8_t)((9 * near[i] + 3 * near[k] + 3 * far[i] + far[k] + 8) / 16);
        }
    }
}

void retouch_smooth(const struct grey *from, struct grey *to)
{
    unsigned width = to->width = from->width, height = to->height = from->height;
    for (unsigned y = 0; y < height; y++) {
        const uint8_t *row[3] = {from->pixels + (size_t)(y ? y - 1 : 0) * width,
                                 from->pixels + (size_t)y * width,
                                 from->pixels + (size_t)at_most(y + 1, height - 1) * width};
        for (unsigned x = 0; x < width; x++) {
            unsigned left = x ? x - 1 : 0, right = at_most(x + 1, width - 1), sum = 8;
            for (unsigned i = 0; i < 3; i++)
                sum += (i % 2 + 1u) * (row[i][left] + 2u * row[i][x] + row[i][right]);
            to->pixels[(size_t)y * width + x] = (uint8_t)(sum / 16);
        }
    }
}
