/* Berlekamp and Massey's algorithm, Chien's search, Forney's values. A polynomial's coefficients
 * stand in an array, the lowest first. */
#include "qr/reed_solomon.h"

#include "base/check.h"

#define TERMS (RS_PARITY_BYTES_MAX + 1)

void rs_field_init(struct rs_field *field)
{
    unsigned value = 1;
    for (unsigned i = 0; i < 255; i++) {
        field->power[i] = field->power[i + 255] = (uint8_t)value;
        field->log[value] = (uint8_t)i;
        value = (value << 1 ^ (value & 0x80 ? 0x11D : 0)) & 0xFF;
    }
    field->log[0] = 0; /* never asked for */
}

static uint8_t times(const struct rs_field *f, uint8_t a, uint8_t b)
{
    return a && b ? f->power[f->log[a] + f->log[b]] : 0;
}

static uint8_t divide(const struct rs_field *f, uint8_t a, uint8_t b)
{
    CHECK(b);
    return a ? f->power[f->log[a] + 255 - f->log[b]] : 0;
}

/* At 2^exponent. */
static uint8_t value_at(const struct rs_field *f, const uint8_t *terms, unsigned count,
                        unsigned exponent)
{
    uint8_t sum = 0;
    for (unsigned i = count; i-- > 0;)
        sum = times(f, sum, f->power[exponent]) ^ terms[i];
    return sum;
}

static bool syndromes(const struct rs_field *f, const uint8_t *block, unsigned len, unsigned parity,
                      uint8_t *s)
{
    bool wrong = false;
    for (unsigned i = 0; i < parity; i++) {
        s[i] = 0;
        for (unsigned k = 0; k < len; k++)
            s[i] = times(f, s[i], f->power[i]) ^ block[k];
        wrong |= s[i] != 0;
    }
    return wrong;
}

/* The polynomial whose roots are the inverse places of the errors. */
static void locate(const struct rs_field *f, const uint8_t *s, unsigned parity, uint8_t *locator)
{
    uint8_t last[TERMS] = {1}, next[TERMS];
    unsigned degree = 0;
    memset(locator, 0, TERMS);
    locator[0] = 1;
    for (unsigned r = 0; r < parity; r++) {
        uint8_t difference = 0;
        for (unsigned i = 0; i <= r; i++)
            difference ^= times(f, locator[i], s[r - i]);
        memcpy(next, locator, TERMS);
        for (unsigned i = 0; i + 1 < TERMS; i++)
            next[i + 1] ^= times(f, difference, last[i]);
        if (difference && 2 * degree <= r) {
            degree = r + 1 - degree;
            for (unsigned i = 0; i < TERMS; i++)
                last[i] = divide(f, locator[i], difference);
        } else {
            memmove(last + 1, last, TERMS - 1);
            last[0] = 0;
        }
        memcpy(locator, next, TERMS);
    }
}

/* What is wrong at the place with 2^place. */
static uint8_t error_value(const struct rs_field *f, const uint8_t *locator,
                           const uint8_t *evaluator, unsigned parity, unsigned place)
{
    unsigned inverse = (255 - place) % 255;
    uint8_t slope = 0;
    for (unsigned i = 1; i < TERMS; i += 2)
        slope ^= times(f, locator[i], f->power[(i - 1) * inverse % 255]);
    if (!slope)
        return 0;
    uint8_t value = value_at(f, evaluator, parity, inverse);
    return times(f, f->power[place], divide(f, value, slope));
}

bool rs_correct(const struct rs_field *f, uint8_t *block, unsigned len, unsigned parity,
                unsigned spare)
{
    uint8_t s[RS_PARITY_BYTES_MAX], locator[TERMS], evaluator[RS_PARITY_BYTES_MAX] = {0};
    uint8_t corrected[RS_BLOCK_BYTES_MAX];
    unsigned degree = 0, roots = 0;
    CHECK(len <= RS_BLOCK_BYTES_MAX && parity <= RS_PARITY_BYTES_MAX && parity < len &&
          spare < parity);
    if (!syndromes(f, block, len, parity, s))
        return true;
    locate(f, s, parity, locator);
    for (unsigned i = 0; i < TERMS; i++)
        degree = locator[i] ? i : degree;
    if (2 * degree + spare > parity)
        return false;
    for (unsigned i = 0; i < parity; i++)
        for (unsigned k = 0; k <= i; k++)
            evaluator[i] ^= times(f, locator[k], s[i - k]);
    memcpy(corrected, block, len);
    for (unsigned place = 0; place < len; place++)
        if (value_at(f, locator, degree + 1, (255 - place) % 255) == 0) {
            corrected[len - 1 - place] ^= error_value(f, locator, evaluator, parity, place);
            roots++;
        }
    if (roots != degree || syndromes(f, corrected, len, parity, s))
        return false;
    memcpy(block, corrected, len);
    return true;
}
