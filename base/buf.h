/* A bounded writer into storage of the caller's. It never allocates and never writes past its
 * capacity: what does not fit sets `overflow`, which stays set, so that a sequence of puts needs
 * one check at its end (buf_ok). After an overflow nothing more is written. Not shared between
 * threads. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>

#include "base/bytes.h"

struct buf {
    uint8_t *data; /* the caller's */
    size_t cap;    /* octets */
    size_t len;    /* octets written */
    bool overflow;
};

/* A writer over a local array: struct buf out = BUF_OVER(storage); */
#define BUF_OVER(array) ((struct buf){(uint8_t *)(array), sizeof(array), 0, false})

static inline void buf_init(struct buf *b, void *storage, size_t cap)
{
    *b = (struct buf){(uint8_t *)storage, cap, 0, false};
}

static inline bool buf_ok(const struct buf *b)
{
    return !b->overflow;
}

static inline struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){b->data, b->len};
}

/* Room for n octets at the end, to be written by the caller, or NULL with the overflow set. */
static inline uint8_t *buf_grow(struct buf *b, size_t n)
{
    if (b->overflow || n > b->cap - b->len) {
        b->overflow = true;
        return NULL;
    }
    uint8_t *at = b->data + b->len;
    b->len += n;
    return at;
}

static inline void buf_put(struct buf *b, struct bytes bytes)
{
    uint8_t *at = buf_grow(b, bytes.len);
    if (at && bytes.len)
        memcpy(at, bytes.data, bytes.len);
}

static inline void buf_put_u8(struct buf *b, uint8_t octet)
{
    uint8_t *at = buf_grow(b, 1);
    if (at)
        *at = octet;
}

static inline void buf_put_str(struct buf *b, const char *text)
{
    buf_put(b, bytes_str(text));
}

void buf_put_u32be(struct buf *b, uint32_t value);
/* The lowest octets of a number, the lowest first; at most 8. */
void buf_put_little(struct buf *b, uint64_t value, unsigned octets);
/* Decimal digits of value. */
void buf_put_decimal(struct buf *b, int64_t value);
/* printf's formats; a result that does not fit whole is an overflow. */
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list arguments);
/* A NUL after what was written, not counted in len. Returns the text, or "" after an overflow. */
const char *buf_cstr(struct buf *b);

/* Lowercase hexadecimal. */
void buf_put_hex(struct buf *b, struct bytes bytes);
/* base64url without padding (RFC 4648 section 5). */
void buf_put_base64url(struct buf *b, struct bytes bytes);
/* A JSON string with its quotes (RFC 8259). The text must be valid UTF-8. */
void buf_put_json(struct buf *b, struct bytes text);
/* The same without quotes. */
void buf_put_json_escaped(struct buf *b, struct bytes text);

/* The reverse directions. They return false, with `out` in an unspecified state, for a character
 * outside the alphabet, an impossible length, non-zero spare bits, or an overflow. Hexadecimal of
 * either case is read; base64url has no padding. */
bool buf_put_from_hex(struct buf *out, struct bytes text);
bool buf_put_from_base64url(struct buf *out, struct bytes text);

#endif
