/* Private to the room: where the modules of a symbol lie in a picture, and how dark they are. A
 * place on the symbol is counted in modules from its upper left corner, so that the middle of the
 * first module is (0.5, 0.5). */
#ifndef QR_GRID_H
#define QR_GRID_H

#include "qr/locate.h"
#include "qr/symbol.h"

#define GRID_BORDER    1 /* modules of the quiet zone that are sampled, too */
#define GRID_NODES_MAX 32

struct grid {
    const struct grey *picture;
    unsigned version, side;
    /* Perspective: (origin + right * u + down * v) / (1 + bend_right * u + bend_down * v), from the
     * middle of the upper left finder. */
    float origin[2], right[2], down[2], bend_right, bend_down;
    /* What it leaves: the card is no plane. At nodes in equal steps between the finders' middles,
     * in modules. */
    unsigned nodes; /* on a side; 0: none */
    float shift[GRID_NODES_MAX][GRID_NODES_MAX][2];
};

/* How light the modules are, with a border. */
struct samples {
    unsigned side; /* with both borders */
    float light[(SYMBOL_SIDE_MAX + 2 * GRID_BORDER) * (SYMBOL_SIDE_MAX + 2 * GRID_BORDER)];
};

/* Takes a version's grid from the corners alone. */
void grid_place(struct grid *grid, const struct grey *picture, const struct corners *corners,
                unsigned version);
/* The versions that a symbol may have, the likeliest first: by its version words, else by its size.
 * `inverted`: light on dark. Returns how many. */
unsigned grid_versions(const struct grey *picture, bool inverted, const struct corners *corners,
                       unsigned versions[3]);
/* Whether there are finders at its corners: most places that look like it are none. */
bool grid_fits(const struct grid *grid, bool inverted);
/* Finds the lower right alignment pattern, and takes the perspective from it. */
void grid_align(struct grid *grid, bool inverted, const struct corners *corners);
/* Finds how the symbol is bent, from place to place: where modules are sampled in their middle, and
 * not on their edges, they differ most from their surroundings. */
void grid_bend(struct grid *grid, bool inverted, const uint8_t *plan);
/* The modules' means; of an inverted symbol, what they would be were it not. */
void grid_sample(const struct grid *grid, bool inverted, struct samples *samples);

#endif
