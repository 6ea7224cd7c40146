/* The chunked transfer coding (RFC 9112 section 7.1), strictly: lines end with CR LF. For the
 * bodies that h2o does not read for us. Pure, and fuzzed. */
#ifndef GATEWAY_HTTP_CHUNKED_H
#define GATEWAY_HTTP_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNKED_LINE_BYTES_MAX     256  /* a chunk's size and extensions */
#define CHUNKED_TRAILERS_BYTES_MAX 1024 /* read and dropped */

/* Begins as zeros. */
struct chunked {
    unsigned state;
    unsigned digits, line; /* of the line so far */
    uint64_t left;         /* of the chunk */
};
enum chunked_result { CHUNKED_MORE, CHUNKED_END, CHUNKED_MALFORMED };
/* Decodes in place: of `len` octets *taken were read, and *data of content stand at their head.
 * After CHUNKED_END what follows is not the body's; after CHUNKED_MALFORMED nothing counts. */
enum chunked_result chunked_decode(struct chunked *chunked, uint8_t *octets, size_t len,
                                   size_t *data, size_t *taken);

#endif
