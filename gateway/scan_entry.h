/* What Redis keeps of the first scan of a code that counts, opaque to the cache: 8 octets of Unix
 * seconds, SHA-256 of Idempotency-Key and purpose (32; zeros without a key), length of the client
 * (1), client, an inspector's agency. Who the inspector is stays out of Redis. */
#ifndef GATEWAY_SCAN_ENTRY_H
#define GATEWAY_SCAN_ENTRY_H

#include "base/buf.h"

struct scan_entry {
    int64_t at;
    struct bytes key;     /* the Idempotency-Key; empty: none. Not told by a read */
    struct bytes purpose; /* a repetition is for the same. Not told by a read */
    struct bytes client, agency;
};

void scan_entry_write(struct buf *out, const struct scan_entry *entry);
/* Views into `from`. False when it is none: Redis may hold anything. */
bool scan_entry_read(struct bytes from, struct scan_entry *entry);
/* Is `own` by the same client, with the same key and for the same purpose as `first`? Both as
 * scan_entry_write makes them. */
bool scan_entry_repeats(struct bytes own, struct bytes first);

#endif
