/* Token buckets by address, one table per loop: how often one address may ask without a token. A
 * fixed number of buckets; an address has a few places, by a hash that others can't foretell, and
 * when all of these are taken, the bucket that is nearest to full gives way. */
#ifndef GATEWAY_THROTTLE_H
#define GATEWAY_THROTTLE_H

#include "base/bytes.h"

struct throttle;

#define THROTTLE_KEY_BYTES 16 /* an IPv4 address as ::ffff:a.b.c.d, an IPv6 prefix of 64 bits */

/* At least so many buckets; 32 octets each. */
struct throttle *throttle_create(unsigned buckets);
void throttle_destroy(struct throttle **throttle);
/* Takes one token from the address's bucket, which holds `burst` and gains `per_minute` (1 to
 * 1,000,000 both). False: it is empty; *wait_ms tells for how long, at least 1. Constant time. */
bool throttle_take(struct throttle *throttle, const uint8_t key[THROTTLE_KEY_BYTES],
                   unsigned per_minute, unsigned burst, uint64_t now_us, unsigned *wait_ms);
/* Gives back one that was taken for somebody who was known after all. Constant time. */
void throttle_give(struct throttle *throttle, const uint8_t key[THROTTLE_KEY_BYTES],
                   unsigned per_minute, uint64_t now_us);

/* Who is asking: the peer (as http_peer tells it), or behind trusted proxies the last address of
 * X-Forwarded-For that is not one of them. The header's entries are numeric addresses, all its
 * lines together (http_header_list); what can't be read ends the walk at the last one understood.
 * trusted: prefixes like "10.0.0.0/8, ::1", checked by the configuration. */
void throttle_key_of(const uint8_t peer[16], struct bytes forwarded_for, const char *trusted,
                     uint8_t key[THROTTLE_KEY_BYTES]);
/* Are these prefixes well-formed? None at all are; an address with bits behind its prefix
 * ("10.0.0.1/8") is not, because it may be meant otherwise. */
bool throttle_prefixes_valid(const char *trusted);

#endif
