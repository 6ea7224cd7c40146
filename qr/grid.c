#include "qr/grid.h"

#include <math.h>
#include <stdlib.h>

#define FINDER_MIDDLE  3.5f /* of the upper left one, in modules from either side */
#define NODE_MODULES   6    /* about, from one node to the next */
#define PATCH_REACH    4    /* modules around a node that are looked at */
#define LIKENESS_MIN   0.6f /* of finders and alignment patterns, 1 is perfect */
#define LIKENESS_SURE  0.85f
#define FAR_LIKENESS   0.005f /* what a module farther away costs */
#define VERSION_ERRORS 3      /* that the version's word may have */

/* ---- places ---------------------------------------------------------------------------------- */

static void place_plain(const struct grid *g, float u, float v, float at[2])
{
    u -= FINDER_MIDDLE;
    v -= FINDER_MIDDLE;
    float scale = 1 / (1 + g->bend_right * u + g->bend_down * v);
    for (int i = 0; i < 2; i++)
        at[i] = (g->origin[i] + g->right[i] * u + g->down[i] * v) * scale;
}

/* Not below 0, which a NaN becomes, nor above the last. */
static float within(float value, float last)
{
    return !(value > 0) ? 0 : value < last ? value : last;
}

/* Between four nodes; beyond the outermost ones as between the last two. */
static void place(const struct grid *g, float u, float v, float at[2])
{
    if (g->nodes) {
        float cells = (float)(g->nodes - 1), step = (float)(g->side - 7) / cells;
        float x = (u - FINDER_MIDDLE) / step, y = (v - FINDER_MIDDLE) / step;
        float left = floorf(within(x, cells - 1)), top = floorf(within(y, cells - 1));
        unsigned i = (unsigned)top, k = (unsigned)left;
        x -= left;
        y -= top;
        float move[2];
        for (int c = 0; c < 2; c++)
            move[c] = (1 - y) * ((1 - x) * g->shift[i][k][c] + x * g->shift[i][k + 1][c]) +
                      y * ((1 - x) * g->shift[i + 1][k][c] + x * g->shift[i + 1][k + 1][c]);
        u += move[0];
        v += move[1];
    }
    place_plain(g, u, v, at);
}

/* Between four pixels; beyond the picture as at its edge. */
static float light_at(const struct grey *p, float x, float y)
{
    x = within(x, (float)(p->width - 1));
    y = within(y, (float)(p->height - 1));
    unsigned left = (unsigned)x, top = (unsigned)y;
    unsigned right = left + 1 < p->width ? left + 1 : left;
    const uint8_t *upper = p->pixels + (size_t)top * p->width;
    const uint8_t *lower = top + 1 < p->height ? upper + p->width : upper;
    x -= (float)left;
    y -= (float)top;
    return (1 - y) * ((1 - x) * upper[left] + x * upper[right]) +
           y * ((1 - x) * lower[left] + x * lower[right]);
}

static float light_of(const struct grid *g, float u, float v)
{
    float at[2];
    place(g, u, v, at);
    return light_at(g->picture, at[0], at[1]);
}

/* ---- perspective ----------------------------------------------------------------------------- */

static void set_perspective(struct grid *g, const struct corners *c, float bend_right,
                            float bend_down)
{
    const struct finder *o = c->top_left, *r = c->top_right, *d = c->bottom_left;
    float n = (float)(g->side - 7), far_right = 1 + bend_right * n, far_down = 1 + bend_down * n;
    g->bend_right = bend_right;
    g->bend_down = bend_down;
    g->origin[0] = o->x;
    g->origin[1] = o->y;
    g->right[0] = (r->x * far_right - o->x) / n;
    g->right[1] = (r->y * far_right - o->y) / n;
    g->down[0] = (d->x * far_down - o->x) / n;
    g->down[1] = (d->y * far_down - o->y) / n;
}

void grid_place(struct grid *grid, const struct grey *picture, const struct corners *corners,
                unsigned version)
{
    grid->picture = picture;
    grid->version = version;
    grid->side = symbol_side(version);
    grid->nodes = 0;
    /* the factors hold for the number of modules that was measured */
    float ratio = corners->modules / (float)(grid->side - 7);
    set_perspective(grid, corners, corners->bend_right * ratio, corners->bend_down * ratio);
}

/* The perspective that takes a place to a point: two equations in the two bends. */
static bool fit_perspective(struct grid *g, const struct corners *c, float u, float v,
                            const float at[2])
{
    float n = (float)(g->side - 7), m[2][2], e[2];
    const float o[2] = {c->top_left->x, c->top_left->y}, r[2] = {c->top_right->x, c->top_right->y},
                d[2] = {c->bottom_left->x, c->bottom_left->y};
    u -= FINDER_MIDDLE;
    v -= FINDER_MIDDLE;
    for (int i = 0; i < 2; i++) {
        m[i][0] = u * (at[i] - r[i]);
        m[i][1] = v * (at[i] - d[i]);
        e[i] = o[i] - at[i] + (r[i] - o[i]) * u / n + (d[i] - o[i]) * v / n;
    }
    float det = m[0][0] * m[1][1] - m[0][1] * m[1][0];
    if (fabsf(det) < 1e-3f)
        return false;
    float right = (e[0] * m[1][1] - m[0][1] * e[1]) / det;
    float down = (m[0][0] * e[1] - e[0] * m[1][0]) / det;
    float least = (right < 0 ? right : 0) + (down < 0 ? down : 0);
    if (!(1 + (n + 7) * least > 0.2f)) /* nearly seen from its edge, or from behind */
        return false;
    set_perspective(g, c, right, down);
    return true;
}

/* How like squares in squares the modules around a place are: their correlation. `dark` has a bit
 * for each distance from the middle. */
static float likeness(const struct grid *g, float u, float v, int reach, unsigned dark)
{
    float count = 0, darks = 0, sum = 0, squares = 0, dark_sum = 0;
    for (int dy = -reach; dy <= reach; dy++)
        for (int dx = -reach; dx <= reach; dx++) {
            int distance = abs(dx) > abs(dy) ? abs(dx) : abs(dy);
            float light = light_of(g, u + (float)dx, v + (float)dy);
            count++;
            sum += light;
            squares += light * light;
            if (dark >> distance & 1) {
                darks++;
                dark_sum += light;
            }
        }
    float spread = (squares - sum * sum / count) * darks * (1 - darks / count);
    return spread < 1 ? 0 : (sum * darks / count - dark_sum) / sqrtf(spread);
}

bool grid_fits(const struct grid *g, bool inverted)
{
    for (unsigned corner = 0; corner < 3; corner++) {
        float far = (float)g->side - FINDER_MIDDLE;
        float like = likeness(g, corner == 1 ? far : FINDER_MIDDLE,
                              corner == 2 ? far : FINDER_MIDDLE, 3, 1 << 0 | 1 << 1 | 1 << 3);
        if (!((inverted ? -like : like) >= LIKENESS_MIN))
            return false;
    }
    return true;
}

/* Looks around a place for an alignment pattern that is more like one than `best`; puts where it
 * is, counted from there, into *found. */
static float look_around(const struct grid *g, float way, float middle, float reach, float step,
                         float best, float found[2])
{
    float from[2] = {found[0], found[1]};
    for (float dv = -reach; dv <= reach; dv += step)
        for (float du = -reach; du <= reach; du += step) {
            float u = from[0] + du, v = from[1] + dv;
            float like = likeness(g, middle + u, middle + v, 2, 1 << 0 | 1 << 2) * way -
                         FAR_LIKENESS * hypotf(u, v);
            if (like > best) {
                best = like;
                found[0] = u;
                found[1] = v;
            }
        }
    return best;
}

void grid_align(struct grid *g, bool inverted, const struct corners *corners)
{
    uint8_t places[SYMBOL_ALIGNMENTS_MAX];
    unsigned count = symbol_alignments(g->version, places);
    if (count == 0)
        return;
    float middle = (float)places[count - 1] + 0.5f, found[2] = {0, 0}, at[2];
    float way = inverted ? -1 : 1, best = LIKENESS_MIN, far = 2 + 0.08f * (float)g->side;
    best = look_around(g, way, middle, 1.5f, 0.5f, best, found);
    if (best < LIKENESS_SURE)
        best = look_around(g, way, middle, far, 0.5f, best, found);
    if (best == LIKENESS_MIN)
        return;
    best = look_around(g, way, middle, 0.5f, 0.25f, best, found);
    look_around(g, way, middle, 0.125f, 0.125f, best, found);
    place(g, middle + found[0], middle + found[1], at);
    fit_perspective(g, corners, middle, middle, at);
}

/* ---- version --------------------------------------------------------------------------------- */

static unsigned bits_set(uint32_t word)
{
    return (unsigned)__builtin_popcount(word);
}

/* The word beside the upper right finder, or with x and y exchanged the lower left one. */
static unsigned read_version(const struct grid *g, bool inverted, bool exchanged)
{
    float light[18], mean = 0;
    uint32_t word = 0;
    for (unsigned i = 0; i < 18; i++) {
        float across = (float)(g->side - 11 + i % 3) + 0.5f, along = (float)(i / 3) + 0.5f;
        light[i] = light_of(g, exchanged ? along : across, exchanged ? across : along);
    }
    /* halfway between the finder's dark and its light */
    for (unsigned i = 0; i < 2; i++) {
        float across = (float)(g->side - 4 + 2 * i) + 0.5f, along = FINDER_MIDDLE;
        mean += light_of(g, exchanged ? along : across, exchanged ? across : along) / 2;
    }
    for (unsigned i = 0; i < 18; i++)
        word |= (uint32_t)((light[i] < mean) != inverted) << i;
    for (unsigned version = 7; version <= QR_VERSION_MAX; version++)
        if (bits_set(word ^ symbol_version_word(version)) <= VERSION_ERRORS)
            return version;
    return 0;
}

unsigned grid_versions(const struct grey *picture, bool inverted, const struct corners *corners,
                       unsigned versions[3])
{
    float measured = (corners->modules - 10) / 4;
    unsigned count = 0, nearest = measured < 1 ? 1 : (unsigned)lroundf(measured);
    nearest = nearest > QR_VERSION_MAX ? QR_VERSION_MAX : nearest;
    struct grid grid;
    for (unsigned way = 0; measured > 5 && way < 2; way++) {
        grid_place(&grid, picture, corners, nearest < 7 ? 7 : nearest);
        unsigned version = read_version(&grid, inverted, way);
        if (version && (count == 0 || versions[0] != version) &&
            fabsf((float)version - measured) < 1 + measured / 5)
            versions[count++] = version;
    }
    if (count)
        return count;
    versions[count++] = nearest;
    if (nearest > 1)
        versions[count++] = nearest - 1;
    if (nearest < QR_VERSION_MAX)
        versions[count++] = nearest + 1;
    return count;
}

/* ---- bends ----------------------------------------------------------------------------------- */

/* How far the modules around a place differ from their mean; those whose colour is known count the
 * other way when they have the wrong one. */
static float focus(const struct grid *g, bool inverted, const uint8_t *plan, int x, int y,
                   const float shift[2])
{
    enum { SIDE = 2 * PATCH_REACH + 1 };
    float light[SIDE * SIDE], mean = 0, sum = 0;
    uint8_t known[SIDE * SIDE];
    unsigned count = 0;
    for (int dy = -PATCH_REACH; dy <= PATCH_REACH; dy++)
        for (int dx = -PATCH_REACH; dx <= PATCH_REACH; dx++) {
            int column = x + dx, row = y + dy, side = (int)g->side;
            float at[2];
            if (column < 0 || row < 0 || column >= side || row >= side)
                continue;
            place_plain(g, (float)column + 0.5f + shift[0], (float)row + 0.5f + shift[1], at);
            light[count] = light_at(g->picture, at[0], at[1]);
            known[count] = plan[row * side + column];
            mean += light[count++];
        }
    mean /= (float)count;
    for (unsigned i = 0; i < count; i++) {
        float lighter = inverted ? mean - light[i] : light[i] - mean;
        sum += known[i] == MODULE_LIGHT  ? lighter
               : known[i] == MODULE_DARK ? -lighter
                                         : fabsf(lighter);
    }
    return sum / (float)count;
}

/* The shift, near a given one, that puts the node's surroundings best into focus. */
static void focus_node(struct grid *g, bool inverted, const uint8_t *plan, unsigned i, unsigned k,
                       float reach, const float guess[2])
{
    float step = (float)(g->side - 7) / (float)(g->nodes - 1), best = -INFINITY;
    int x = (int)(FINDER_MIDDLE + step * (float)k), y = (int)(FINDER_MIDDLE + step * (float)i);
    for (float dv = -reach; dv <= reach; dv += 0.125f)
        for (float du = -reach; du <= reach; du += 0.125f) {
            float shift[2] = {guess[0] + du, guess[1] + dv};
            float value = focus(g, inverted, plan, x, y, shift) * (1 - 0.1f * hypotf(du, dv));
            if (value > best) {
                best = value;
                memcpy(g->shift[i][k], shift, sizeof shift);
            }
        }
}

/* The mean of what the neighbours that are `ready` say. Where there are two in a row they tell how
 * it goes on. */
static bool guess_shift(const struct grid *g, uint8_t ready[GRID_NODES_MAX][GRID_NODES_MAX],
                        unsigned i, unsigned k, float guess[2])
{
    float count = 0;
    guess[0] = guess[1] = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            unsigned row = i + (unsigned)dy, column = k + (unsigned)dx; /* wrap to large numbers */
            if ((dx == 0 && dy == 0) || row >= g->nodes || column >= g->nodes ||
                ready[row][column] != 1)
                continue;
            unsigned row2 = row + (unsigned)dy, column2 = column + (unsigned)dx;
            bool two = row2 < g->nodes && column2 < g->nodes && ready[row2][column2] == 1;
            float weight = dx && dy ? 0.5f : 1;
            for (int c = 0; c < 2; c++) {
                float near = g->shift[row][column][c];
                guess[c] +=
                    weight * (two ? near + 0.7f * (near - g->shift[row2][column2][c]) : near);
            }
            count += weight;
        }
    if (count > 0) {
        guess[0] /= count;
        guess[1] /= count;
    }
    return count > 0;
}

void grid_bend(struct grid *g, bool inverted, const uint8_t *plan)
{
    uint8_t ready[GRID_NODES_MAX][GRID_NODES_MAX] = {{0}};
    unsigned cells = (g->side - 7 + NODE_MODULES / 2) / NODE_MODULES;
    unsigned last = cells < 2 ? 2 : cells;
    float guess[2];
    g->nodes = last + 1;
    memset(g->shift, 0, sizeof g->shift);
    ready[0][0] = ready[0][last] = ready[last][0] = 1;
    for (unsigned round = 1; round <= 2 * last; round++) {
        for (unsigned i = 0; i <= last; i++)
            for (unsigned k = 0; k <= last; k++) {
                if (ready[i][k] || !guess_shift(g, ready, i, k, guess))
                    continue;
                focus_node(g, inverted, plan, i, k, 0.5f, guess);
                ready[i][k] = 2; /* after this round */
            }
        for (unsigned i = 0; i <= last; i++)
            for (unsigned k = 0; k <= last; k++)
                ready[i][k] = ready[i][k] != 0;
    }
}

/* ---- samples --------------------------------------------------------------------------------- */

void grid_sample(const struct grid *g, bool inverted, struct samples *samples)
{
    int side = (int)g->side + 2 * GRID_BORDER;
    samples->side = (unsigned)side;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            float u = (float)(x - GRID_BORDER) + 0.5f, v = (float)(y - GRID_BORDER) + 0.5f;
            float middle[2], right[2], down[2], sum = 0;
            place(g, u, v, middle);
            place(g, u + 0.5f, v, right);
            place(g, u, v + 0.5f, down);
            float pixels = hypotf(right[0] - middle[0], right[1] - middle[1]) +
                           hypotf(down[0] - middle[0], down[1] - middle[1]);
            int points = pixels < 2.5f ? 1 : pixels < 5 ? 2 : pixels < 9 ? 3 : 5;
            for (int i = 0; i < points * points; i++) {
                /* over the inner two thirds of the module */
                float du = ((float)(i % points) + 0.5f) / (float)points * 1.3f - 0.65f;
                float dv = ((float)(i / points) + 0.5f) / (float)points * 1.3f - 0.65f;
                float px = middle[0] + du * (right[0] - middle[0]) + dv * (down[0] - middle[0]);
                float py = middle[1] + du * (right[1] - middle[1]) + dv * (down[1] - middle[1]);
                sum += light_at(g->picture, px, py);
            }
            sum /= (float)(points * points);
            samples->light[y * side + x] = inverted ? 255 - sum : sum;
        }
}
