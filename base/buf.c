#include "base/buf.h"

#include <stdio.h>

static const char HEX[] = "0123456789abcdef";
static const char BASE64URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Room for n octets at the end, or NULL with the overflow set. */
static uint8_t *grow(struct buf *b, size_t n)
{
    if (b->overflow || n > b->cap - b->len) {
        b->overflow = true;
        return NULL;
    }
    uint8_t *at = b->data + b->len;
    b->len += n;
    return at;
}

void buf_put(struct buf *b, struct bytes bytes)
{
    uint8_t *at = grow(b, bytes.len);
    if (at && bytes.len)
        memcpy(at, bytes.data, bytes.len);
}

void buf_put_u8(struct buf *b, uint8_t octet)
{
    uint8_t *at = grow(b, 1);
    if (at)
        *at = octet;
}

void buf_put_u32be(struct buf *b, uint32_t value)
{
    const uint8_t octets[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16),
                               (uint8_t)(value >> 8), (uint8_t)value};
    buf_put(b, bytes_of(octets, sizeof octets));
}

void buf_put_str(struct buf *b, const char *text)
{
    buf_put(b, bytes_str(text));
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
    uint8_t *at = grow(b, bytes.len * 2);
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
        uint8_t *at = grow(b, n + 1);
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

static int base64url_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool buf_put_from_base64url(struct buf *out, struct bytes text)
{
    if (text.len % 4 == 1)
        return false;
    uint32_t group = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = base64url_value(text.data[i]);
        if (value < 0)
            return false;
        group = group << 6 | (uint32_t)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            buf_put_u8(out, (uint8_t)(group >> bits));
            group &= (1u << bits) - 1;
        }
    }
    return group == 0 && buf_ok(out);
}
