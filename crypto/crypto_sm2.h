/* What both providers know of SM2: the recommended curve (GB/T 32918.5-2017 section 2), and what is
 * hashed before a message. Private to the room. */
#ifndef CRYPTO_CRYPTO_SM2_H
#define CRYPTO_CRYPTO_SM2_H

#include "crypto/crypto.h"

#define SM2_FIELD_BYTES 32

/* Big-endian; y^2 = x^3 + a x + b over the integers mod p, a = p - 3; G has the order n. */
struct sm2_curve {
    uint8_t p[SM2_FIELD_BYTES], a[SM2_FIELD_BYTES], b[SM2_FIELD_BYTES];
    uint8_t g[2 * SM2_FIELD_BYTES]; /* x || y */
    uint8_t n[SM2_FIELD_BYTES];
};
extern const struct sm2_curve sm2_curve;

/* Z_A of CRYPTO_SM2_ID and a public key (GB/T 32918.2-2016 section 5.5). What is signed is
 * SM3(Z_A || message). */
enum crypto_result sm2_identity(const struct crypto_provider *crypto,
                                const uint8_t public_key[CRYPTO_PUBLIC_BYTES],
                                uint8_t z[CRYPTO_HASH_BYTES]);

#endif
