#include "protocol/keyring.h"

#include "base/check.h"
#include "protocol/cbor.h"

/* COSE_Key of kind EC2 (RFC 9053 section 7.1.1). */
#define KEY_KTY     1
#define KEY_CRV     (-1)
#define KEY_X       (-2)
#define KEY_Y       (-3)
#define KTY_EC2     2
#define CRV_P256    1
#define COORD_BYTES 32

const char *keyring_error_text(enum keyring_error error)
{
    static const char *const texts[] = {
        [KEYRING_OK] = "ok",
        [KEYRING_ERR_FULL] = "the keyring holds as many keys as it can",
        [KEYRING_ERR_COLLISION] = "another key has the same kid",
        [KEYRING_ERR_CRYPTO] = "the thumbprint could not be computed",
    };
    return texts[error];
}

const char *key_use_text(enum key_use use)
{
    static const char *const texts[] = {[KEY_USE_CODE] = "code",
                                        [KEY_USE_STATUS] = "status",
                                        [KEY_USE_ROOT] = "root",
                                        [KEY_USE_RECEIPT] = "receipt",
                                        [KEY_USE_WEBHOOK] = "webhook"};
    return texts[use];
}

bool key_use_read(struct bytes text, enum key_use *use)
{
    const enum key_use uses[] = {KEY_USE_CODE, KEY_USE_STATUS, KEY_USE_ROOT, KEY_USE_RECEIPT,
                                 KEY_USE_WEBHOOK};
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        *use = uses[i];
        if (bytes_equal(text, bytes_str(key_use_text(uses[i]))))
            return true;
    }
    return false;
}

const char *key_alg_text(enum crypto_alg alg)
{
    return alg == CRYPTO_SM2 ? "SM2" : "ES256";
}

const char *key_curve_text(enum crypto_alg alg)
{
    return alg == CRYPTO_SM2 ? "SM2" : "P-256";
}

bool key_alg_read(struct bytes text, enum crypto_alg *alg)
{
    *alg = bytes_equal(text, BYTES("SM2")) ? CRYPTO_SM2 : CRYPTO_ES256;
    return bytes_equal(text, bytes_str(key_alg_text(*alg)));
}

enum crypto_result key_id(const struct crypto_provider *crypto, enum crypto_alg alg,
                          const uint8_t public_key[CRYPTO_PUBLIC_BYTES], uint8_t kid[KID_BYTES])
{
    uint8_t storage[80], thumbprint[CRYPTO_HASH_BYTES];
    struct buf key = BUF_OVER(storage);
    cbor_put_map(&key, 4);
    cbor_put_int(&key, KEY_KTY);
    cbor_put_int(&key, KTY_EC2);
    cbor_put_int(&key, KEY_CRV);
    cbor_put_int(&key, alg == CRYPTO_SM2 ? COSE_CRV_SM2 : CRV_P256);
    cbor_put_int(&key, KEY_X);
    cbor_put_bytes(&key, bytes_of(public_key + 1, COORD_BYTES));
    cbor_put_int(&key, KEY_Y);
    cbor_put_bytes(&key, bytes_of(public_key + 1 + COORD_BYTES, COORD_BYTES));
    const struct bytes message = buf_bytes(&key);
    enum crypto_result result = crypto->sha256(&message, 1, thumbprint);
    if (result == CRYPTO_OK)
        memcpy(kid, thumbprint, KID_BYTES);
    return result;
}

enum keyring_error keyring_add(struct keyring *ring, const struct crypto_provider *crypto,
                               const struct keyring_key *key)
{
    struct keyring_key added = *key;
    if (ring->count == KEYRING_KEYS_MAX)
        return KEYRING_ERR_FULL;
    if (key_id(crypto, key->alg, key->public_key, added.kid) != CRYPTO_OK)
        return KEYRING_ERR_CRYPTO;
    if (keyring_find(ring, added.kid))
        return KEYRING_ERR_COLLISION;
    ring->keys[ring->count++] = added;
    return KEYRING_OK;
}

const struct keyring_key *keyring_find(const struct keyring *ring, const uint8_t kid[KID_BYTES])
{
    for (size_t i = 0; i < ring->count; i++)
        if (memcmp(ring->keys[i].kid, kid, KID_BYTES) == 0)
            return &ring->keys[i];
    return NULL;
}

bool keyring_key_vouches(const struct keyring_key *key, int64_t at)
{
    return key->publish_at <= at && key->use_from <= at && at < key->retire_at;
}

const struct keyring_key *keyring_signing(const struct keyring *ring, enum key_use use,
                                          enum crypto_alg alg, int64_t now)
{
    const struct keyring_key *best = NULL;
    for (size_t i = 0; i < ring->count; i++) {
        const struct keyring_key *key = &ring->keys[i];
        if (key->use == use && key->alg == alg && !key->revoked && keyring_key_vouches(key, now) &&
            (!best || key->use_from > best->use_from))
            best = key;
    }
    return best;
}
