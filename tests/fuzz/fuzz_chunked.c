/* Any octets, as a chunked body: in one piece, in pieces, or octet by octet they are the same body
 * or none, and nothing is taken behind its end. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/check.h"
#include "gateway/http/chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decodes in pieces of `part` octets into `out`; *taken of all. */
static enum chunked_result decode(struct bytes text, size_t part, struct buf *out, size_t *taken)
{
    struct chunked chunked = {0};
    enum chunked_result result = CHUNKED_MORE;
    for (*taken = 0; *taken < text.len && result == CHUNKED_MORE;) {
        size_t len = text.len - *taken < part ? text.len - *taken : part, content, read;
        uint8_t *piece = check_alloc(len);
        memcpy(piece, text.data + *taken, len);
        result = chunked_decode(&chunked, piece, len, &content, &read);
        CHECK(read <= len && content <= read && (result != CHUNKED_MORE || read == len));
        buf_put(out, bytes_of(piece, content));
        *taken += read;
        free(piece);
    }
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    struct buf whole, again;
    size_t taken, taken_again;
    buf_init(&whole, check_alloc(size + 1), size);
    enum chunked_result result = decode(text, size, &whole, &taken);
    for (size_t part = 1; part <= 64; part = part * 3 + 1) {
        buf_init(&again, check_alloc(size + 1), size);
        CHECK(decode(text, part, &again, &taken_again) == result);
        if (result != CHUNKED_MALFORMED)
            CHECK(taken == taken_again && bytes_equal(buf_bytes(&whole), buf_bytes(&again)));
        free(again.data);
    }
    if (result == CHUNKED_END)
        CHECK(taken >= 5 && data[taken - 1] == '\n');
    free(whole.data);
    return 0;
}
