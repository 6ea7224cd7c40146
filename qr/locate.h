/* Private to the room: where in a picture QR symbols may be: squares in squares, at three corners
 * each. Pixels' middles lie at whole coordinates. */
#ifndef QR_LOCATE_H
#define QR_LOCATE_H

#include "qr/picture.h"

#define FINDERS_MAX 96
#define CORNERS_MAX 12

/* 1 where a picture is darker than its surroundings. */
struct bitmap {
    uint8_t *dark; /* width x height, the holder's of the struct */
    unsigned width, height;
};

/* Compares each pixel with the mean of the square that reaches so many pixels to each side.
 * `bitmap` has the picture's size; `sums` has room for 2 * width + 1. */
void locate_binarise(const struct grey *picture, unsigned reach, uint32_t *sums,
                     struct bitmap *bitmap);

struct finder {
    float x, y, unit; /* middle, module, in pixels */
    unsigned rows;    /* that saw it */
};

/* Finders that are dark on light, or the reverse; those that most rows saw come first. */
unsigned locate_finders(const struct bitmap *bitmap, bool inverted,
                        struct finder finders[FINDERS_MAX]);

/* Three finders that may belong to one symbol. */
struct corners {
    const struct finder *top_left, *top_right, *bottom_left;
    float modules;               /* from one middle to the next: the symbol's side less 7 */
    float bend_right, bend_down; /* of the perspective: how much smaller a module of the length is
                                    at the far end, to the power 1/2, less one, for each module */
    float misfit;                /* 0 is perfect */
};

/* The likeliest first. */
unsigned locate_corners(const struct bitmap *bitmap, bool inverted, const struct finder *finders,
                        unsigned count, struct corners corners[CORNERS_MAX]);

#endif
