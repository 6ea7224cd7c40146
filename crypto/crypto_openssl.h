/* What the provider over OpenSSL is made of; private to it. Every call that may fail leaves
 * OpenSSL's error queue of the thread empty, because TLS on the same thread reads it
 * (SSL_get_error). The functions are those of struct crypto_provider. */
#ifndef CRYPTO_CRYPTO_OPENSSL_H
#define CRYPTO_CRYPTO_OPENSSL_H

#include "crypto/crypto.h"

/* crypto_openssl.c: HMAC over another hash too, by OpenSSL's name of it. */
struct crypto_mac *openssl_mac_create_over(const char *hash,
                                           const uint8_t secret[CRYPTO_SECRET_BYTES]);
enum crypto_result openssl_mac_compute(struct crypto_mac *mac, const struct bytes *parts,
                                       size_t count, uint8_t out[CRYPTO_HASH_BYTES]);
void openssl_mac_destroy(struct crypto_mac **mac);

/* crypto_openssl_aead.c */
struct crypto_aead *openssl_aead_create(enum crypto_cipher cipher,
                                        const uint8_t secret[CRYPTO_SECRET_BYTES]);
enum crypto_result openssl_aead_seal(struct crypto_aead *aead, struct bytes aad, struct bytes plain,
                                     struct buf *out);
enum crypto_result openssl_aead_open(struct crypto_aead *aead, struct bytes aad,
                                     struct bytes sealed, struct buf *out);
void openssl_aead_destroy(struct crypto_aead **aead);

/* crypto_openssl_sign.c */
enum crypto_result openssl_key_generate(enum crypto_alg alg, struct crypto_key_pair *pair);
struct crypto_signer *openssl_signer_create(enum crypto_alg alg,
                                            const struct crypto_key_pair *pair);
enum crypto_result openssl_sign(struct crypto_signer *signer, const struct bytes *parts,
                                size_t count, uint8_t signature[CRYPTO_SIGNATURE_BYTES]);
void openssl_signer_destroy(struct crypto_signer **signer);
struct crypto_verifier *openssl_verifier_create(enum crypto_alg alg,
                                                const uint8_t public_key[CRYPTO_PUBLIC_BYTES]);
enum crypto_result openssl_verify(struct crypto_verifier *verifier, const struct bytes *parts,
                                  size_t count, const uint8_t signature[CRYPTO_SIGNATURE_BYTES]);
void openssl_verifier_destroy(struct crypto_verifier **verifier);

/* A signer of ES256 whose key lies elsewhere: it hashes, and leaves the rest to these two. */
struct openssl_remote_key {
    enum crypto_result (*sign)(void *key, const uint8_t hash[CRYPTO_HASH_BYTES],
                               uint8_t signature[CRYPTO_SIGNATURE_BYTES]);
    void (*destroy)(void *key);
};
/* Takes the key; NULL, with the key destroyed, when memory is gone. */
struct crypto_signer *openssl_signer_create_remote(const struct openssl_remote_key *calls,
                                                   void *key);

#endif
