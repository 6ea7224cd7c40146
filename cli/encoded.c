#include "cli/encoded.h"

#include <stdlib.h>

#include "base/check.h"
#include "cli/command.h"

static bool is_text(struct bytes content)
{
    for (size_t i = 0; i < content.len; i++)
        if ((content.data[i] < 0x20 && !memchr("\t\r\n", content.data[i], 3)) ||
            content.data[i] > 0x7E)
            return false;
    return true;
}

static bool is_hex(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!memchr("0123456789abcdefABCDEF", text.data[i], 22))
            return false;
    return text.len % 2 == 0;
}

bool encoded_read(struct bytes content, struct buf *octets)
{
    if (!is_text(content)) {
        buf_put(octets, content);
        return buf_ok(octets);
    }
    uint8_t *storage = check_alloc(content.len + 1);
    struct buf text;
    buf_init(&text, storage, content.len + 1);
    for (size_t i = 0; i < content.len; i++)
        if (!memchr(" \t\r\n", content.data[i], 4))
            buf_put_u8(&text, content.data[i]);
    struct bytes letters = buf_bytes(&text);
    bool hex = is_hex(letters);
    while (!hex && letters.len && letters.data[letters.len - 1] == '=')
        letters.len--;
    bool read = hex ? buf_put_from_hex(octets, letters) : buf_put_from_base64url(octets, letters);
    free(storage);
    return read;
}

bool encoded_file(const char *path, struct buf *octets)
{
    uint8_t *storage = check_alloc(4 * octets->cap); /* hexadecimal, and white space */
    struct buf content;
    buf_init(&content, storage, 4 * octets->cap);
    bool done = command_file(path, &content);
    if (done && !encoded_read(buf_bytes(&content), octets)) {
        command_failed("%s has neither octets nor hexadecimal nor base64url, or too much", path);
        done = false;
    }
    free(storage);
    return done;
}
