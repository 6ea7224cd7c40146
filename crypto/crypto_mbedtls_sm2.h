/* SM2 signatures (GB/T 32918.2-2016 sections 6 and 7) on mbedTLS's bignum and curve arithmetic: no
 * algorithm of mbedTLS 2.28 has them. Private to the provider, whose one thread calls it. Nothing
 * of ours is allocated; the group is made at the first call and kept to the end of the process.
 *
 * What is done here with a private key takes a time that depends on it: for vectors and tests. */
#ifndef CRYPTO_CRYPTO_MBEDTLS_SM2_H
#define CRYPTO_CRYPTO_MBEDTLS_SM2_H

#include "crypto/crypto.h"

/* BAD_KEY: not uncompressed, a coordinate out of range, no point of the curve. FAILED: memory. */
enum crypto_result mbed_sm2_check_key(const uint8_t public_key[CRYPTO_PUBLIC_BYTES]);

/* `hash` is SM3(Z_A || message); the key has been checked. */
enum crypto_result mbed_sm2_verify(const uint8_t public_key[CRYPTO_PUBLIC_BYTES],
                                   const uint8_t hash[CRYPTO_HASH_BYTES],
                                   const uint8_t signature[CRYPTO_SIGNATURE_BYTES]);

/* BAD_KEY: not 1 <= private key <= n - 2. */
enum crypto_result mbed_sm2_public(const uint8_t private_key[CRYPTO_PRIVATE_BYTES],
                                   uint8_t public_key[CRYPTO_PUBLIC_BYTES]);
/* Signs SM3(Z_A || message) with a nonce that is a function of key and hash; the key has been
 * checked. */
enum crypto_result mbed_sm2_sign(const uint8_t private_key[CRYPTO_PRIVATE_BYTES],
                                 const uint8_t hash[CRYPTO_HASH_BYTES],
                                 uint8_t signature[CRYPTO_SIGNATURE_BYTES]);

#endif
