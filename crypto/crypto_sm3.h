/* SM3 (GB/T 32905-2016) for the provider whose library has none, and HMAC (RFC 2104) over it. No
 * allocation, no state but the caller's; any thread. */
#ifndef CRYPTO_CRYPTO_SM3_H
#define CRYPTO_CRYPTO_SM3_H

#include "crypto/crypto.h"

#define SM3_BLOCK_BYTES 64

struct sm3 {
    uint32_t chain[8];
    uint64_t len; /* octets taken in */
    uint8_t block[SM3_BLOCK_BYTES];
};

void sm3_init(struct sm3 *sm3);
void sm3_update(struct sm3 *sm3, struct bytes part);
/* Wipes the state. */
void sm3_final(struct sm3 *sm3, uint8_t out[CRYPTO_HASH_BYTES]);

/* Over the parts as if joined. */
void sm3_hmac(const uint8_t key[CRYPTO_SECRET_BYTES], const struct bytes *parts, size_t count,
              uint8_t out[CRYPTO_HASH_BYTES]);

#endif
