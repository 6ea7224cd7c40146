#include "qr/symbol.h"

#include <math.h>
#include <stdlib.h>

#include "qr/segments.h"

#define CODEWORDS_MAX 3706 /* of version 40 */
#define FORMAT_COUNT  32   /* two bits of level, three of mask */
#define FORMAT_BITS   15

/* Of each level and version: octets of parity in a block, and blocks (ISO/IEC 18004 table 9). */
static const uint8_t parity_octets[4][QR_VERSION_MAX] = {
    {7,  10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28,
     28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30},
    {10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26,
     26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28},
    {13, 22, 18, 26, 18, 24, 18, 22, 20, 24, 28, 26, 24, 20, 30, 24, 28, 28, 26, 30,
     28, 30, 30, 30, 30, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30},
    {17, 28, 22, 16, 22, 28, 26, 26, 24, 28, 24, 28, 22, 24, 24, 30, 28, 28, 26, 28,
     30, 24, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30},
};
static const uint8_t block_counts[4][QR_VERSION_MAX] = {
    {1, 1, 1, 1,  1,  2,  2,  2,  2,  4,  4,  4,  4,  4,  6,  6,  6,  6,  7,  8,
     8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25},
    {1,  1,  1,  2,  2,  4,  4,  4,  5,  5,  5,  8,  9,  9,  10, 10, 11, 13, 14, 16,
     17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49},
    {1,  1,  2,  2,  4,  4,  6,  6,  8,  8,  8,  10, 12, 16, 12, 17, 16, 18, 21, 20,
     23, 23, 25, 27, 29, 34, 34, 35, 38, 40, 43, 45, 48, 51, 53, 56, 59, 62, 65, 68},
    {1,  1,  2,  4,  4,  4,  5,  6,  8,  8,  11, 11, 16, 16, 18, 16, 19, 21, 25, 25,
     25, 34, 30, 32, 35, 37, 40, 42, 45, 48, 51, 54, 57, 60, 63, 66, 70, 74, 77, 81},
};

/* ---- what stands where ----------------------------------------------------------------------- */

unsigned symbol_alignments(unsigned version, uint8_t at[SYMBOL_ALIGNMENTS_MAX])
{
    if (version == 1)
        return 0;
    unsigned count = version / 7 + 2, last = symbol_side(version) - 7;
    unsigned step = version == 32 ? 26 : (last - 6 + 2 * count - 3) / (2 * count - 2) * 2;
    at[0] = 6;
    for (unsigned i = 1; i < count; i++)
        at[i] = (uint8_t)(last - (count - 1 - i) * step);
    return count;
}

/* Squares in squares: dark at these distances from the middle, light at the others up to reach. */
static void plan_pattern(uint8_t *plan, int side, int x, int y, int reach, unsigned dark)
{
    for (int dy = -reach; dy <= reach; dy++)
        for (int dx = -reach; dx <= reach; dx++) {
            int distance = abs(dx) > abs(dy) ? abs(dx) : abs(dy);
            if (x + dx >= 0 && x + dx < side && y + dy >= 0 && y + dy < side)
                plan[(y + dy) * side + x + dx] = dark >> distance & 1 ? MODULE_DARK : MODULE_LIGHT;
        }
}

static void plan_format(uint8_t *plan, unsigned version)
{
    unsigned side = symbol_side(version);
    for (unsigned i = 0; i < 9; i++)
        if (i != 6)
            plan[i * side + 8] = plan[8 * side + i] = MODULE_FORMAT;
    for (unsigned i = side - 8; i < side; i++)
        plan[i * side + 8] = plan[8 * side + i] = MODULE_FORMAT;
    plan[(side - 8) * side + 8] = MODULE_DARK;
    for (unsigned i = 0; version >= 7 && i < 18; i++)
        plan[i / 3 * side + side - 11 + i % 3] = plan[(side - 11 + i % 3) * side + i / 3] =
            MODULE_FORMAT;
}

void symbol_plan(unsigned version, uint8_t *plan)
{
    int side = (int)symbol_side(version);
    uint8_t at[SYMBOL_ALIGNMENTS_MAX];
    unsigned count = symbol_alignments(version, at);
    memset(plan, MODULE_DATA, (size_t)(side * side));
    for (int i = 0; i < side; i++)
        plan[6 * side + i] = plan[i * side + 6] = i % 2 ? MODULE_LIGHT : MODULE_DARK;
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < count; k++)
            if ((i || k) && (i || k + 1 < count) && (k || i + 1 < count)) /* no finder there */
                plan_pattern(plan, side, at[i], at[k], 2, 1 << 0 | 1 << 2);
    for (unsigned i = 0; i < 3; i++)
        plan_pattern(plan, side, i == 1 ? side - 4 : 3, i == 2 ? side - 4 : 3, 4,
                     1 << 0 | 1 << 1 | 1 << 3);
    plan_format(plan, version);
}

/* A word followed by the remainder of its division by the generator. */
static uint32_t with_remainder(uint32_t word, unsigned bits, uint32_t generator)
{
    uint32_t remainder = word;
    for (unsigned i = 0; i < bits; i++)
        remainder = remainder << 1 ^ (remainder >> (bits - 1) & 1) * generator;
    return word << bits | (remainder & ((1u << bits) - 1));
}

uint32_t symbol_version_word(unsigned version)
{
    return with_remainder(version, 12, 0x1F25);
}

/* ---- modules to codewords -------------------------------------------------------------------- */

struct codewords {
    uint8_t octet[CODEWORDS_MAX];
    unsigned count;
};

/* The most likely of the 32 formats: their words lie so far apart that no error needs correcting.
 */
static unsigned read_format(unsigned side, const float *darkness)
{
    float best = -INFINITY;
    unsigned format = 0;
    for (unsigned i = 0; i < FORMAT_COUNT; i++) {
        uint32_t word = with_remainder(i, 10, 0x537) ^ 0x5412;
        float likeness = 0;
        for (unsigned bit = 0; bit < FORMAT_BITS; bit++) {
            unsigned x = bit < 8 ? 8 : bit == 8 ? 7 : 14 - bit;
            unsigned y = bit < 6 ? bit : bit < 8 ? bit + 1 : 8;
            float first = darkness[y * side + x];
            float second = bit < 8 ? darkness[8 * side + side - 1 - bit]
                                   : darkness[(side - 15 + bit) * side + 8];
            likeness += word >> bit & 1 ? first + second : -first - second;
        }
        if (likeness > best) {
            best = likeness;
            format = i;
        }
    }
    return format;
}

static bool masked(unsigned mask, unsigned x, unsigned y)
{
    switch (mask) {
    case 0:
        return (x + y) % 2 == 0;
    case 1:
        return y % 2 == 0;
    case 2:
        return x % 3 == 0;
    case 3:
        return (x + y) % 3 == 0;
    case 4:
        return (x / 3 + y / 2) % 2 == 0;
    case 5:
        return x * y % 2 + x * y % 3 == 0;
    case 6:
        return (x * y % 2 + x * y % 3) % 2 == 0;
    default:
        return ((x + y) % 2 + x * y % 3) % 2 == 0;
    }
}

/* In two columns at a time, from the right, up and down in turn. */
static void collect(unsigned side, const uint8_t *plan, const float *darkness, unsigned mask,
                    struct codewords *words)
{
    unsigned bits = 0, octet = 0;
    words->count = 0;
    for (unsigned pair = 0; pair < side / 2; pair++) {
        unsigned right = side - 1 - 2 * pair - (side - 1 - 2 * pair <= 6);
        for (unsigned i = 0; i < 2 * side; i++) {
            unsigned x = right - i % 2, y = pair % 2 ? i / 2 : side - 1 - i / 2;
            if (plan[y * side + x] != MODULE_DATA)
                continue;
            octet = octet << 1 | ((darkness[y * side + x] > 0) != masked(mask, x, y));
            if (++bits % 8 == 0)
                words->octet[words->count++] = (uint8_t)octet;
        }
    }
}

/* ---- codewords to data ----------------------------------------------------------------------- */

/* Gathers the blocks, whose octets stand in turn (the data first, then the parity; the first blocks
 * may lack one octet of data), and corrects them. Returns how many octets of data there are. */
static unsigned read_blocks(const struct rs_field *field, unsigned version, unsigned level,
                            const struct codewords *words, uint8_t *data)
{
    unsigned blocks = block_counts[level][version - 1], parity = parity_octets[level][version - 1];
    unsigned short_len = words->count / blocks, short_blocks = blocks - words->count % blocks;
    unsigned short_data = short_len - parity, len = 0;
    /* table 9: so much of the smallest symbols' parity is for telling right from wrong */
    unsigned spare = parity <= 7 ? 3 : parity <= 10 ? 2 : 0;
    for (unsigned b = 0; b < blocks; b++) {
        uint8_t block[RS_BLOCK_BYTES_MAX];
        unsigned data_len = short_data + (b >= short_blocks), block_len = data_len + parity;
        for (unsigned i = 0; i < block_len; i++)
            block[i] = words->octet[i < short_data ? i * blocks + b
                                    : i < data_len ? short_data * blocks + b - short_blocks
                                                   : words->count - (block_len - i) * blocks + b];
        if (!rs_correct(field, block, block_len, parity, spare))
            return 0;
        memcpy(data + len, block, data_len);
        len += data_len;
    }
    return len;
}

/* ---- the whole ------------------------------------------------------------------------------- */

enum qr_error symbol_read(const struct rs_field *field, unsigned version, const uint8_t *plan,
                          const float *darkness, struct buf *text)
{
    /* of the two bits' values */
    static const enum qr_level levels[] = {QR_LEVEL_M, QR_LEVEL_L, QR_LEVEL_H, QR_LEVEL_Q};
    struct codewords words;
    uint8_t data[CODEWORDS_MAX];
    unsigned side = symbol_side(version), format = read_format(side, darkness);
    collect(side, plan, darkness, format & 7, &words);
    unsigned len = read_blocks(field, version, levels[format >> 3], &words, data);
    return len == 0 ? QR_ERR_NOT_FOUND : segments_read(bytes_of(data, len), version, text);
}
