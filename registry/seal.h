/* Private to the room: how personal fields are sealed (by a cipher) and found again (keyed hash).
 * Both keys are derived from the registry's secret (HKDF). One `struct seal` per thread. */
#ifndef REGISTRY_SEAL_H
#define REGISTRY_SEAL_H

#include "registry/registry.h"

#define SEAL_KEY_BYTES      16 /* of HMAC-SHA-256: 2^64 rows until two are expected to collide */
#define SEAL_OVERHEAD_BYTES (CRYPTO_AEAD_NONCE_BYTES + CRYPTO_AEAD_TAG_BYTES)

struct seal {
    const struct crypto_provider *crypto;
    struct crypto_aead *aead;
    struct crypto_mac *mac;
};

/* STORAGE when there is no memory. The secret is not kept. */
enum registry_error seal_init(struct seal *seal, const struct crypto_provider *crypto,
                              enum crypto_cipher cipher, const uint8_t secret[CRYPTO_SECRET_BYTES]);
/* Also of one that was never initialised but is zero. */
void seal_fini(struct seal *seal);

/* Sealed text is bound to its table and the random id of its row: it opens nowhere else. */
enum registry_error seal_close(struct seal *seal, const char *table,
                               const uint8_t id[REGISTRY_ID_BYTES], struct bytes plain,
                               struct buf *sealed);
/* SEALED when it does not open, or when `plain` is too small for what it holds. */
enum registry_error seal_open(struct seal *seal, const char *table,
                              const uint8_t id[REGISTRY_ID_BYTES], struct bytes sealed,
                              struct buf *plain);

/* What a number is found by; `domain` keeps equal numbers of different meaning apart. */
enum registry_error seal_key(struct seal *seal, const char *domain, struct bytes number,
                             uint8_t key[SEAL_KEY_BYTES]);
/* The same, all of it: looks random to whoever has not the secret. */
enum registry_error seal_hash(struct seal *seal, const char *domain, struct bytes text,
                              uint8_t hash[CRYPTO_HASH_BYTES]);
enum registry_error seal_random(struct seal *seal, void *out, size_t len);

#endif
