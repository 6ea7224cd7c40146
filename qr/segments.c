#include "qr/segments.h"

struct bits {
    const uint8_t *data;
    size_t at, end; /* bits */
};

static bool take(struct bits *b, unsigned count, unsigned *value)
{
    if (b->end - b->at < count)
        return false;
    for (*value = 0; count > 0; count--, b->at++)
        *value = *value << 1 | (b->data[b->at / 8] >> (7 - b->at % 8) & 1);
    return true;
}

static bool read_numeric(struct bits *b, unsigned count, struct buf *text)
{
    static const unsigned widths[] = {0, 4, 7, 10}, limits[] = {0, 10, 100, 1000};
    unsigned value;
    for (; count > 0; count -= count < 3 ? count : 3) {
        unsigned digits = count < 3 ? count : 3;
        if (!take(b, widths[digits], &value) || value >= limits[digits])
            return false;
        buf_printf(text, "%0*u", (int)digits, value);
    }
    return true;
}

static bool read_alphanumeric(struct bits *b, unsigned count, struct buf *text)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    unsigned value;
    for (; count >= 2; count -= 2) {
        if (!take(b, 11, &value) || value >= 45 * 45)
            return false;
        buf_put_u8(text, (uint8_t)letters[value / 45]);
        buf_put_u8(text, (uint8_t)letters[value % 45]);
    }
    if (count == 0)
        return true;
    if (!take(b, 6, &value) || value >= 45)
        return false;
    buf_put_u8(text, (uint8_t)letters[value]);
    return true;
}

static bool read_octets(struct bits *b, unsigned count, struct buf *text)
{
    unsigned value;
    for (; count > 0; count--) {
        if (!take(b, 8, &value))
            return false;
        buf_put_u8(text, (uint8_t)value);
    }
    return true;
}

/* The number of an encoding, in one to three octets. */
static bool pass_eci(struct bits *b)
{
    unsigned first, rest;
    return take(b, 8, &first) && (first < 0x80 || take(b, first < 0xC0 ? 8 : 16, &rest));
}

static bool read_all(struct bits *b, unsigned version, struct buf *text)
{
    enum { END, NUMERIC, ALPHANUMERIC, OCTETS = 4, ECI = 7 };
    unsigned size = version < 10 ? 0 : version < 27 ? 1 : 2, mode, count;
    while (take(b, 4, &mode) && mode != END) {
        bool read = false;
        if (mode == NUMERIC)
            read = take(b, 10 + 2 * size, &count) && read_numeric(b, count, text);
        else if (mode == ALPHANUMERIC)
            read = take(b, 9 + 2 * size, &count) && read_alphanumeric(b, count, text);
        else if (mode == OCTETS)
            read = take(b, size ? 16 : 8, &count) && read_octets(b, count, text);
        else if (mode == ECI)
            read = pass_eci(b);
        if (!read)
            return false;
    }
    return true;
}

enum qr_error segments_read(struct bytes data, unsigned version, struct buf *text)
{
    struct bits bits = {data.data, 0, 8 * data.len};
    struct buf read = *text; /* nothing is appended that is not whole */
    if (!read_all(&bits, version, &read))
        return QR_ERR_NOT_FOUND;
    if (!buf_ok(&read))
        return QR_ERR_SPACE;
    *text = read;
    return QR_OK;
}
