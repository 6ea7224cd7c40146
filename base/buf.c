#include "base/buf.h"

#include <stdio.h>

static const char HEX[] = "0123456789abcdef";
static const char BASE64URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void buf_put_u32be(struct buf *b, uint32_t value)
{
    const uint8_t octets[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16),
                               (uint8_t)(value >> 8), (uint8_t)value};
    buf_put(b, bytes_of(octets, sizeof octets));
}

void buf_put_little(struct buf *b, uint64_t value, unsigned octets)
{
    uint8_t *at = buf_grow(b, octets);
    for (unsigned i = 0; at && i < octets; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

void buf_put_decimal(struct buf *b, int64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        digits[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        digits[--at] = '-';
    buf_put(b, bytes_of(digits + at, sizeof digits - at));
}

void buf_vprintf(struct buf *b, const char *format, va_list arguments)
{
    char small[512];
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(small, sizeof small, format, arguments);
    if (length < 0)
        b->overflow = true;
    else if ((size_t)length < sizeof small)
        buf_put(b, bytes_of(small, (size_t)length));
    else if (!b->overflow && (size_t)length < b->cap - b->len) /* vsnprintf also writes a NUL */
        b->len += (size_t)vsnprintf((char *)b->data + b->len, b->cap - b->len, format, again);
    else
        b->overflow = true;
    va_end(again);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    buf_vprintf(b, format, arguments);
    va_end(arguments);
}

const char *buf_cstr(struct buf *b)
{
    if (b->overflow || b->len == b->cap) {
        b->overflow = true;
        return "";
    }
    b->data[b->len] = 0;
    return (const char *)b->data;
}

void buf_put_hex(struct buf *b, struct bytes bytes)
{
    uint8_t *at = buf_grow(b, bytes.len * 2);
    for (size_t i = 0; at && i < bytes.len; i++) {
        *at++ = (uint8_t)HEX[bytes.data[i] >> 4];
        *at++ = (uint8_t)HEX[bytes.data[i] & 15];
    }
}

void buf_put_base64url(struct buf *b, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        if (n > 1)
            group |= (uint32_t)bytes.data[i + 1] << 8;
        if (n > 2)
            group |= bytes.data[i + 2];
        uint8_t *at = buf_grow(b, n + 1);
        for (size_t k = 0; at && k <= n; k++)
            at[k] = (uint8_t)BASE64URL[(group >> (18 - 6 * k)) & 63];
    }
}

void buf_put_json_escaped(struct buf *b, struct bytes text)
{
    size_t plain = 0; /* start of what needs no escape */
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_put(b, bytes_of(text.data + plain, i - plain));
        plain = i + 1;
        if (c == '"' || c == '\\') {
            buf_put_u8(b, '\\');
            buf_put_u8(b, c);
        } else {
            buf_put_str(b, "\\u00");
            buf_put_hex(b, bytes_of(&c, 1));
        }
    }
    buf_put(b, bytes_from(text, plain));
}

void buf_put_json(struct buf *b, struct bytes text)
{
    buf_put_u8(b, '"');
    buf_put_json_escaped(b, text);
    buf_put_u8(b, '"');
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool buf_put_from_hex(struct buf *out, struct bytes text)
{
    if (text.len % 2)
        return false;
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_value(text.data[i]), low = hex_value(text.data[i + 1]);
        if (high < 0 || low < 0)
            return false;
        buf_put_u8(out, (uint8_t)(high << 4 | low));
    }
    return buf_ok(out);
}

/* The values of the alphabet's characters plus one; 0: none of them. */
static const uint8_t BASE64URL_VALUES[256] = {
    ['A'] = 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,         12,         13,
    14,         15, 16, 17, 18, 19, 20, 21, 22, 23, 24,         25,         26,
    ['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,         38,         39,
    40,         41, 42, 43, 44, 45, 46, 47, 48, 49, 50,         51,         52,
    ['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, ['-'] = 63, ['_'] = 64,
};

bool buf_put_from_base64url(struct buf *out, struct bytes text)
{
    const size_t rest = text.len % 4;
    uint8_t *at = buf_grow(out, text.len / 4 * 3 + (rest ? rest - 1 : 0));
    uint32_t group = 0;
    unsigned bits = 0;
    if (!buf_ok(out) || rest == 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t value = BASE64URL_VALUES[text.data[i]];
        if (!value)
            return false;
        group = group << 6 | (value - 1u);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *at++ = (uint8_t)(group >> bits);
        }
    }
    return (group & ((1u << bits) - 1)) == 0; /* spare bits */
}
