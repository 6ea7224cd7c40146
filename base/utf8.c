#include "base/utf8.h"

size_t utf8_next(struct bytes text, uint32_t *code_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (text.len == 0)
        return 0;
    uint8_t first = text.data[0];
    size_t length = first < 0x80   ? 1
                    : first < 0xC2 ? 0
                    : first < 0xE0 ? 2
                    : first < 0xF0 ? 3
                    : first < 0xF5 ? 4
                                   : 0;
    if (length == 0 || length > text.len)
        return 0;
    uint32_t c = length == 1 ? first : first & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((text.data[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (text.data[i] & 0x3Fu);
    }
    if (c < least[length] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    *code_point = c;
    return length;
}

void utf8_put(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_put_u8(b, (uint8_t)c);
        return;
    }
    int tail = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xC0, 0xE0, 0xF0};
    buf_put_u8(b, (uint8_t)(lead[tail] | c >> (6 * tail)));
    while (tail--)
        buf_put_u8(b, (uint8_t)(0x80 | ((c >> (6 * tail)) & 0x3F)));
}

static bool walk(struct bytes text, bool controls, size_t *count)
{
    *count = 0;
    while (text.len) {
        uint32_t c;
        size_t n = utf8_next(text, &c);
        if (n == 0 || (!controls && (c < 0x20 || (c >= 0x7F && c < 0xA0))))
            return false;
        text = bytes_from(text, n);
        ++*count;
    }
    return true;
}

bool utf8_valid(struct bytes text)
{
    size_t count;
    return walk(text, true, &count);
}

bool utf8_printable(struct bytes text)
{
    size_t count;
    return walk(text, false, &count);
}

bool utf8_plain(struct bytes text)
{
    uint32_t c;
    if (!utf8_printable(text))
        return false;
    for (; text.len; text = bytes_from(text, utf8_next(text, &c)))
        if (utf8_next(text, &c) && ((c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
                                    (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF))
            return false;
    return true;
}

size_t utf8_count(struct bytes text)
{
    size_t count;
    (void)walk(text, true, &count);
    return count;
}

struct bytes utf8_head(struct bytes text, size_t characters)
{
    struct bytes rest = text;
    uint32_t c;
    while (characters-- && rest.len) {
        size_t n = utf8_next(rest, &c);
        if (n == 0)
            break;
        rest = bytes_from(rest, n);
    }
    return bytes_of(text.data, text.len - rest.len);
}
