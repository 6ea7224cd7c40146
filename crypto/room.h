/* Room in a writer for what a library writes by itself; private to the providers. */
#ifndef CRYPTO_ROOM_H
#define CRYPTO_ROOM_H

#include "base/buf.h"

/* Where n octets may be written behind what is there, not yet counted in len; NULL, with the
 * overflow set, when they do not fit. */
static inline uint8_t *crypto_room(struct buf *out, size_t n)
{
    if (out->overflow || n > out->cap - out->len) {
        out->overflow = true;
        return NULL;
    }
    return out->data + out->len;
}

#endif
