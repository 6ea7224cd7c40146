/* Room in a writer for what a library writes by itself; private to the providers. */
#ifndef CRYPTO_ROOM_H
#define CRYPTO_ROOM_H

#include "base/buf.h"

/* Where n octets may be written behind what is there, not yet counted in len; NULL, with the
 * overflow set, when they do not fit. No octets have room everywhere, also where there is no
 * buffer. */
static inline uint8_t *crypto_room(struct buf *out, size_t n)
{
    static uint8_t nowhere;
    if (out->overflow || n > out->cap - out->len) {
        out->overflow = true;
        return NULL;
    }
    return out->data ? out->data + out->len : &nowhere;
}

#endif
