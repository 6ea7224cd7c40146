/* Public keys as OpenSSL and everybody's tools write them. */
#ifndef CRYPTO_CRYPTO_PEM_H
#define CRYPTO_CRYPTO_PEM_H

#include "crypto/crypto.h"

/* Reads PEM (RFC 7468): a SubjectPublicKeyInfo ("PUBLIC KEY") or a certificate, whose own signature
 * and dates are not looked at. CRYPTO_BAD_KEY: none of these, or a key of another curve than P-256
 * and SM2's; CRYPTO_FAILED: ours. */
enum crypto_result crypto_public_key_from_pem(struct bytes pem, enum crypto_alg *alg,
                                              uint8_t public_key[CRYPTO_PUBLIC_BYTES]);

#endif
