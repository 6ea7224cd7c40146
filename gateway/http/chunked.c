#include "gateway/http/chunked.h"

#include <string.h>

#define SIZE_DIGITS_MAX 15

enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER_BEGIN, TRAILER, TRAILER_LF, LAST };

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_size(struct chunked *d, uint8_t c)
{
    int value = hex_value(c);
    if (value >= 0) {
        d->left = d->left * 16 + (unsigned)value;
        return ++d->digits <= SIZE_DIGITS_MAX;
    }
    d->state = c == '\r' ? SIZE_LF : EXTENSION;
    return d->digits > 0 && (c == '\r' || c == ';' || c == ' ' || c == '\t');
}

/* A line's octet: at its CR the state becomes `next`. */
static bool take_line(struct chunked *d, uint8_t c, unsigned bytes_max, unsigned next)
{
    if (c == '\r')
        d->state = next;
    return c != '\n' && ++d->line <= bytes_max;
}

static bool take_exactly(struct chunked *d, uint8_t c, uint8_t wanted, unsigned next)
{
    d->state = next;
    return c == wanted;
}

/* One octet that is not content. */
static bool take(struct chunked *d, uint8_t c)
{
    switch (d->state) {
    case SIZE:
        return take_size(d, c);
    case EXTENSION:
        return take_line(d, c, CHUNKED_LINE_BYTES_MAX, SIZE_LF);
    case SIZE_LF:
        d->line = 0;
        return take_exactly(d, c, '\n', d->left ? DATA : TRAILER_BEGIN);
    case DATA_CR:
        return take_exactly(d, c, '\r', DATA_LF);
    case DATA_LF:
        d->digits = 0;
        return take_exactly(d, c, '\n', SIZE);
    case TRAILER_BEGIN:
        d->state = TRAILER;
        return take_line(d, c, CHUNKED_TRAILERS_BYTES_MAX, LAST);
    case TRAILER:
        return take_line(d, c, CHUNKED_TRAILERS_BYTES_MAX, TRAILER_LF);
    case TRAILER_LF:
        return take_exactly(d, c, '\n', TRAILER_BEGIN);
    default: /* LAST */
        return c == '\n';
    }
}

enum chunked_result chunked_decode(struct chunked *d, uint8_t *octets, size_t len, size_t *data,
                                   size_t *taken)
{
    *data = 0;
    for (*taken = 0; *taken < len;) {
        if (d->state == DATA) {
            size_t here = len - *taken, part = d->left < here ? (size_t)d->left : here;
            memmove(octets + *data, octets + *taken, part);
            *data += part;
            *taken += part;
            d->left -= part;
            if (d->left == 0)
                d->state = DATA_CR;
            continue;
        }
        bool last = d->state == LAST;
        if (!take(d, octets[(*taken)++]))
            return CHUNKED_MALFORMED;
        if (last)
            return CHUNKED_END;
    }
    return CHUNKED_MORE;
}
