#include "registry/seal.h"

static const char SEALING_KEY[] = "jwb-registry-seal-1";
static const char FINDING_KEY[] = "jwb-registry-find-1";

static enum registry_error error_of(enum crypto_result result)
{
    switch (result) {
    case CRYPTO_OK:
        return REGISTRY_OK;
    case CRYPTO_MISMATCH:
    case CRYPTO_BAD_KEY:
        return REGISTRY_ERR_SEALED;
    case CRYPTO_FAILED:
        break;
    }
    return REGISTRY_ERR_STORAGE;
}

enum registry_error seal_init(struct seal *seal, const struct crypto_provider *crypto,
                              enum crypto_cipher cipher, const uint8_t secret[CRYPTO_SECRET_BYTES])
{
    uint8_t key[CRYPTO_SECRET_BYTES];
    *seal = (struct seal){.crypto = crypto};
    if (crypto->hkdf(secret, bytes_str(SEALING_KEY), key, sizeof key) == CRYPTO_OK)
        seal->aead = crypto->aead_create(cipher, key);
    if (crypto->hkdf(secret, bytes_str(FINDING_KEY), key, sizeof key) == CRYPTO_OK)
        seal->mac = crypto->mac_create(key);
    crypto_wipe(key, sizeof key);
    if (seal->aead && seal->mac)
        return REGISTRY_OK;
    seal_fini(seal);
    return REGISTRY_ERR_STORAGE;
}

void seal_fini(struct seal *seal)
{
    if (!seal->crypto)
        return;
    seal->crypto->aead_destroy(&seal->aead);
    seal->crypto->mac_destroy(&seal->mac);
}

/* table ‖ 0 ‖ id */
static struct bytes bound_to(struct buf *aad, const char *table,
                             const uint8_t id[REGISTRY_ID_BYTES])
{
    buf_put_str(aad, table);
    buf_put_u8(aad, 0);
    buf_put(aad, bytes_of(id, REGISTRY_ID_BYTES));
    return buf_bytes(aad);
}

enum registry_error seal_close(struct seal *seal, const char *table,
                               const uint8_t id[REGISTRY_ID_BYTES], struct bytes plain,
                               struct buf *sealed)
{
    uint8_t storage[64];
    struct buf aad = BUF_OVER(storage);
    return error_of(seal->crypto->aead_seal(seal->aead, bound_to(&aad, table, id), plain, sealed));
}

enum registry_error seal_open(struct seal *seal, const char *table,
                              const uint8_t id[REGISTRY_ID_BYTES], struct bytes sealed,
                              struct buf *plain)
{
    uint8_t storage[64];
    struct buf aad = BUF_OVER(storage);
    enum registry_error error =
        error_of(seal->crypto->aead_open(seal->aead, bound_to(&aad, table, id), sealed, plain));
    return error || buf_ok(plain) ? error : REGISTRY_ERR_SEALED;
}

enum registry_error seal_hash(struct seal *seal, const char *domain, struct bytes text,
                              uint8_t hash[CRYPTO_HASH_BYTES])
{
    const struct bytes parts[] = {bytes_of(domain, strlen(domain) + 1), text};
    return error_of(seal->crypto->mac_compute(seal->mac, parts, 2, hash));
}

enum registry_error seal_key(struct seal *seal, const char *domain, struct bytes number,
                             uint8_t key[SEAL_KEY_BYTES])
{
    uint8_t hash[CRYPTO_HASH_BYTES] = {0};
    enum registry_error error = seal_hash(seal, domain, number, hash);
    memcpy(key, hash, SEAL_KEY_BYTES);
    return error;
}

enum registry_error seal_random(struct seal *seal, void *out, size_t len)
{
    return error_of(seal->crypto->random(out, len));
}
