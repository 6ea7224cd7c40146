/* Authenticated encryption over OpenSSL 3.0, which has SM4-CTR and not SM4-GCM. */
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "crypto/crypto_openssl.h"
#include "crypto/room.h"

struct crypto_aead {
    EVP_CIPHER_CTX *seal; /* both keyed; a context works in one direction */
    EVP_CIPHER_CTX *open;
    struct crypto_mac *mac; /* HMAC-SM3; NULL where the cipher authenticates by itself */
};

static enum crypto_result result_of(bool ok)
{
    if (!ok)
        ERR_clear_error();
    return ok ? CRYPTO_OK : CRYPTO_FAILED;
}

void openssl_aead_destroy(struct crypto_aead **aead)
{
    if (*aead) {
        EVP_CIPHER_CTX_free((*aead)->seal); /* wipes the key */
        EVP_CIPHER_CTX_free((*aead)->open);
        openssl_mac_destroy(&(*aead)->mac);
    }
    free(*aead);
    *aead = NULL;
}

static EVP_CIPHER_CTX *cipher_create(const EVP_CIPHER *cipher, const uint8_t *key, int encrypt)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx && EVP_CipherInit_ex(ctx, cipher, NULL, key, NULL, encrypt) != 1) {
        EVP_CIPHER_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

/* Counter mode is the same in both directions, but a context per direction is what the rest has. */
static bool sm4_init(struct crypto_aead *aead, const uint8_t secret[CRYPTO_SECRET_BYTES])
{
    const struct bytes sm4_label = BYTES("jwb-sm4-1"), mac_label = BYTES("jwb-hmac-sm3-1");
    uint8_t key[CRYPTO_HASH_BYTES];
    struct crypto_mac *derive = openssl_mac_create_over("SM3", secret);
    if (derive && openssl_mac_compute(derive, &sm4_label, 1, key) == CRYPTO_OK) {
        aead->seal = cipher_create(EVP_sm4_ctr(), key, 1);
        aead->open = cipher_create(EVP_sm4_ctr(), key, 0);
    }
    if (derive && openssl_mac_compute(derive, &mac_label, 1, key) == CRYPTO_OK)
        aead->mac = openssl_mac_create_over("SM3", key);
    openssl_mac_destroy(&derive);
    crypto_wipe(key, sizeof key);
    return aead->seal && aead->open && aead->mac;
}

static bool aead_init(struct crypto_aead *aead, enum crypto_cipher cipher,
                      const uint8_t secret[CRYPTO_SECRET_BYTES])
{
    switch (cipher) {
    case CRYPTO_AES_256_GCM:
        aead->seal = cipher_create(EVP_aes_256_gcm(), secret, 1);
        aead->open = cipher_create(EVP_aes_256_gcm(), secret, 0);
        return aead->seal && aead->open;
    case CRYPTO_SM4_CTR_HMAC_SM3:
        return sm4_init(aead, secret);
    }
    return false;
}

struct crypto_aead *openssl_aead_create(enum crypto_cipher cipher,
                                        const uint8_t secret[CRYPTO_SECRET_BYTES])
{
    struct crypto_aead *aead = calloc(1, sizeof *aead);
    if (aead && !aead_init(aead, cipher, secret))
        openssl_aead_destroy(&aead);
    if (!aead)
        ERR_clear_error();
    return aead;
}

/* ---- AES-256-GCM ---- */

/* Nonce, additional data and text through a keyed context; all but the tag. */
static bool gcm_run(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct bytes aad, struct bytes in,
                    uint8_t *out)
{
    int n;
    return EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, -1) == 1 &&
           (aad.len == 0 || EVP_CipherUpdate(ctx, NULL, &n, aad.data, (int)aad.len) == 1) &&
           (in.len == 0 || EVP_CipherUpdate(ctx, out, &n, in.data, (int)in.len) == 1);
}

/* The ciphertext and the tag behind the nonce. */
static bool gcm_encrypt(struct crypto_aead *aead, uint8_t *nonce, struct bytes aad,
                        struct bytes plain)
{
    uint8_t *cipher = nonce + CRYPTO_AEAD_NONCE_BYTES, *tag = cipher + plain.len;
    int n;
    return gcm_run(aead->seal, nonce, aad, plain, cipher) &&
           EVP_CipherFinal_ex(aead->seal, tag, &n) == 1 && /* writes nothing in this mode */
           EVP_CIPHER_CTX_ctrl(aead->seal, EVP_CTRL_AEAD_GET_TAG, CRYPTO_AEAD_TAG_BYTES, tag) == 1;
}

static enum crypto_result gcm_decrypt(struct crypto_aead *aead, const uint8_t *nonce,
                                      struct bytes aad, struct bytes cipher, uint8_t *plain)
{
    int n;
    uint8_t tag[CRYPTO_AEAD_TAG_BYTES], none[1];
    memcpy(tag, cipher.data + cipher.len, sizeof tag);
    if (!gcm_run(aead->open, nonce, aad, cipher, plain) ||
        EVP_CIPHER_CTX_ctrl(aead->open, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) != 1)
        return CRYPTO_FAILED;
    if (EVP_CipherFinal_ex(aead->open, none, &n) == 1)
        return CRYPTO_OK;
    crypto_wipe(plain, cipher.len); /* nobody vouches for it */
    return CRYPTO_MISMATCH;
}

/* ---- SM4-CTR with HMAC-SM3 ---- */

static bool sm4_run(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct bytes in, uint8_t *out)
{
    uint8_t counter[16] = {0};
    int n;
    memcpy(counter, nonce, CRYPTO_AEAD_NONCE_BYTES);
    return EVP_CipherInit_ex(ctx, NULL, NULL, NULL, counter, -1) == 1 &&
           (in.len == 0 || EVP_CipherUpdate(ctx, out, &n, in.data, (int)in.len) == 1);
}

static bool sm4_tag(struct crypto_aead *aead, struct bytes aad, struct bytes nonce_and_cipher,
                    uint8_t tag[CRYPTO_HASH_BYTES])
{
    uint8_t storage[8];
    struct buf aad_len = BUF_OVER(storage);
    buf_put_u32be(&aad_len, 0); /* a length is below 2^31 */
    buf_put_u32be(&aad_len, (uint32_t)aad.len);
    const struct bytes parts[] = {buf_bytes(&aad_len), aad, nonce_and_cipher};
    return openssl_mac_compute(aead->mac, parts, 3, tag) == CRYPTO_OK;
}

static bool sm4_encrypt(struct crypto_aead *aead, uint8_t *nonce, struct bytes aad,
                        struct bytes plain)
{
    const size_t tag_at = CRYPTO_AEAD_NONCE_BYTES + plain.len;
    uint8_t tag[CRYPTO_HASH_BYTES];
    bool ok = sm4_run(aead->seal, nonce, plain, nonce + CRYPTO_AEAD_NONCE_BYTES) &&
              sm4_tag(aead, aad, bytes_of(nonce, tag_at), tag);
    if (ok)
        memcpy(nonce + tag_at, tag, CRYPTO_AEAD_TAG_BYTES);
    return ok;
}

static enum crypto_result sm4_decrypt(struct crypto_aead *aead, const uint8_t *nonce,
                                      struct bytes aad, struct bytes cipher, uint8_t *plain)
{
    uint8_t tag[CRYPTO_HASH_BYTES];
    if (!sm4_tag(aead, aad, bytes_of(nonce, CRYPTO_AEAD_NONCE_BYTES + cipher.len), tag))
        return CRYPTO_FAILED;
    if (!bytes_equal_secret(bytes_of(tag, CRYPTO_AEAD_TAG_BYTES),
                            bytes_of(cipher.data + cipher.len, CRYPTO_AEAD_TAG_BYTES)))
        return CRYPTO_MISMATCH;
    return sm4_run(aead->open, nonce, cipher, plain) ? CRYPTO_OK : CRYPTO_FAILED;
}

/* ---- either ---- */

enum crypto_result openssl_aead_seal(struct crypto_aead *aead, struct bytes aad, struct bytes plain,
                                     struct buf *out)
{
    const size_t len = CRYPTO_AEAD_NONCE_BYTES + plain.len + CRYPTO_AEAD_TAG_BYTES;
    uint8_t *nonce = crypto_room(out, len);
    if (!nonce)
        return CRYPTO_OK; /* the overflow says it */
    bool ok =
        aad.len <= INT32_MAX && plain.len <= INT32_MAX &&
        RAND_bytes(nonce, CRYPTO_AEAD_NONCE_BYTES) == 1 &&
        (aead->mac ? sm4_encrypt(aead, nonce, aad, plain) : gcm_encrypt(aead, nonce, aad, plain));
    if (ok)
        out->len += len;
    return result_of(ok);
}

enum crypto_result openssl_aead_open(struct crypto_aead *aead, struct bytes aad,
                                     struct bytes sealed, struct buf *out)
{
    if (sealed.len < CRYPTO_AEAD_NONCE_BYTES + CRYPTO_AEAD_TAG_BYTES)
        return CRYPTO_MISMATCH;
    const uint8_t *nonce = sealed.data;
    const struct bytes cipher =
        bytes_of(sealed.data + CRYPTO_AEAD_NONCE_BYTES,
                 sealed.len - CRYPTO_AEAD_NONCE_BYTES - CRYPTO_AEAD_TAG_BYTES);
    uint8_t *plain = crypto_room(out, cipher.len);
    if (!plain)
        return CRYPTO_OK;
    if (aad.len > INT32_MAX || cipher.len > INT32_MAX)
        return CRYPTO_FAILED;
    enum crypto_result result = aead->mac ? sm4_decrypt(aead, nonce, aad, cipher, plain)
                                          : gcm_decrypt(aead, nonce, aad, cipher, plain);
    if (result == CRYPTO_OK)
        out->len += cipher.len;
    else
        ERR_clear_error();
    return result;
}
