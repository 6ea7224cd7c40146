#include "evidence/note_text.h"

#include <inttypes.h>

bool note_line_next(struct bytes *rest, struct bytes *line)
{
    const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    if (!end)
        return false;
    *line = bytes_of(rest->data, (size_t)(end - rest->data));
    *rest = bytes_from(*rest, line->len + 1);
    return true;
}

void note_number_write(uint64_t number, struct buf *out)
{
    buf_printf(out, "%" PRIu64, number);
}

bool note_number_read(struct bytes text, uint64_t *number)
{
    *number = 0;
    if (text.len == 0 || (text.len > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = text.data[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, digit, number))
            return false;
    }
    return true;
}

/* The same alphabet as base64url but for two letters. */
void note_base64_write(struct bytes octets, struct buf *out)
{
    size_t from = out->len;
    buf_put_base64url(out, octets);
    for (size_t i = from; i < out->len; i++)
        out->data[i] = out->data[i] == '-' ? '+' : out->data[i] == '_' ? '/' : out->data[i];
    for (size_t rest = octets.len % 3; rest && rest < 3; rest++)
        buf_put_u8(out, '=');
}

bool note_base64_read(struct bytes text, struct buf *out)
{
    if (text.len % 4)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        uint8_t group[4];
        size_t len = 4;
        for (size_t k = 0; k < 4; k++) {
            uint8_t c = text.data[i + k];
            if (c == '-' || c == '_')
                return false;
            group[k] = c == '+' ? '-' : c == '/' ? '_' : c;
        }
        while (i + 4 == text.len && len > 2 && group[len - 1] == '=')
            len--;
        if (!buf_put_from_base64url(out, bytes_of(group, len)))
            return false;
    }
    return buf_ok(out);
}

bool note_hash_read(struct bytes text, struct merkle_hash *hash)
{
    struct buf out = BUF_OVER(hash->octets);
    return note_base64_read(text, &out) && out.len == sizeof hash->octets;
}
