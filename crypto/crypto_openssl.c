/* The provider over OpenSSL 3.0. What costs time is done once per object: fetching an algorithm and
 * setting a key take longer than using them. Every call that may fail leaves OpenSSL's error queue
 * of the thread empty, because TLS on the same thread reads it (SSL_get_error). */
#include <pthread.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "crypto/room.h"

/* SEQUENCE of two INTEGERs of at most 33 octets each. */
#define DER_BYTES_MAX 72

struct crypto_mac {
    EVP_MAC_CTX *ctx; /* keyed */
};

struct crypto_aead {
    EVP_CIPHER_CTX *seal; /* both keyed; a context works in one direction */
    EVP_CIPHER_CTX *open;
};

/* ECDSA in either direction: signer and verifier differ in how `ctx` was initialised. */
struct ecdsa {
    EVP_PKEY_CTX *ctx;
    EVP_MD_CTX *digest;
    EVP_MD *sha256;
};
struct crypto_signer {
    struct ecdsa ecdsa;
};
struct crypto_verifier {
    struct ecdsa ecdsa;
};

static enum crypto_result result_of(bool ok)
{
    if (ok)
        return CRYPTO_OK;
    ERR_clear_error();
    return CRYPTO_FAILED;
}

/* ---- randomness, hash, derivation --------------------------------------------------------------
 */

static enum crypto_result openssl_random(uint8_t *out, size_t len)
{
    return result_of(len <= INT32_MAX && RAND_bytes(out, (int)len) == 1);
}

static bool digest_parts(EVP_MD_CTX *ctx, const EVP_MD *md, const struct bytes *parts, size_t count,
                         uint8_t out[CRYPTO_HASH_BYTES])
{
    bool ok = EVP_DigestInit_ex2(ctx, md, NULL) == 1;
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1;
    return ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

/* Fetched once: EVP_sha256() is looked up anew at each use, which takes longer than a short hash.
 */
static EVP_MD *sha256_md;

static void fetch_sha256(void)
{
    sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static enum crypto_result openssl_sha256(const struct bytes *parts, size_t count,
                                         uint8_t out[CRYPTO_HASH_BYTES])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch_sha256);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && sha256_md && digest_parts(ctx, sha256_md, parts, count, out);
    EVP_MD_CTX_free(ctx);
    return result_of(ok);
}

static enum crypto_result openssl_hkdf(const uint8_t secret[CRYPTO_SECRET_BYTES], struct bytes info,
                                       uint8_t *out, size_t out_len)
{
    char hash[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, CRYPTO_SECRET_BYTES),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info.data, info.len),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    bool ok = ctx && EVP_KDF_derive(ctx, out, out_len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return result_of(ok);
}

/* ---- HMAC
 * ---------------------------------------------------------------------------------------- */

static void openssl_mac_destroy(struct crypto_mac **mac)
{
    if (*mac)
        EVP_MAC_CTX_free((*mac)->ctx); /* wipes the key */
    free(*mac);
    *mac = NULL;
}

static struct crypto_mac *openssl_mac_create(const uint8_t secret[CRYPTO_SECRET_BYTES])
{
    char hash[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash, 0),
                           OSSL_PARAM_construct_end()};
    struct crypto_mac *mac = calloc(1, sizeof *mac);
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (mac && hmac)
        mac->ctx = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac); /* the context holds its own reference */
    if (mac && (!mac->ctx || EVP_MAC_init(mac->ctx, secret, CRYPTO_SECRET_BYTES, params) != 1))
        openssl_mac_destroy(&mac);
    if (!mac)
        ERR_clear_error();
    return mac;
}

static enum crypto_result openssl_mac_compute(struct crypto_mac *mac, const struct bytes *parts,
                                              size_t count, uint8_t out[CRYPTO_HASH_BYTES])
{
    size_t len;
    bool ok = EVP_MAC_init(mac->ctx, NULL, 0, NULL) == 1; /* the same key again */
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_MAC_update(mac->ctx, parts[i].data, parts[i].len) == 1;
    return result_of(ok && EVP_MAC_final(mac->ctx, out, &len, CRYPTO_HASH_BYTES) == 1);
}

/* ---- AES-256-GCM
 * --------------------------------------------------------------------------------- */

static void openssl_aead_destroy(struct crypto_aead **aead)
{
    if (*aead) {
        EVP_CIPHER_CTX_free((*aead)->seal); /* wipes the key */
        EVP_CIPHER_CTX_free((*aead)->open);
    }
    free(*aead);
    *aead = NULL;
}

static EVP_CIPHER_CTX *cipher_create(const uint8_t *secret, int encrypt)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, secret, NULL, encrypt) != 1) {
        EVP_CIPHER_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

static struct crypto_aead *openssl_aead_create(const uint8_t secret[CRYPTO_SECRET_BYTES])
{
    struct crypto_aead *aead = calloc(1, sizeof *aead);
    if (aead) {
        aead->seal = cipher_create(secret, 1);
        aead->open = cipher_create(secret, 0);
        if (!aead->seal || !aead->open)
            openssl_aead_destroy(&aead);
    }
    if (!aead)
        ERR_clear_error();
    return aead;
}

/* Nonce, additional data and text through a keyed context; all but the tag. */
static bool cipher_run(EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct bytes aad, struct bytes in,
                       uint8_t *out)
{
    int n;
    return aad.len <= INT32_MAX && in.len <= INT32_MAX &&
           EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, -1) == 1 &&
           (aad.len == 0 || EVP_CipherUpdate(ctx, NULL, &n, aad.data, (int)aad.len) == 1) &&
           (in.len == 0 || EVP_CipherUpdate(ctx, out, &n, in.data, (int)in.len) == 1);
}

static enum crypto_result openssl_aead_seal(struct crypto_aead *aead, struct bytes aad,
                                            struct bytes plain, struct buf *out)
{
    const size_t len = CRYPTO_AEAD_NONCE_BYTES + plain.len + CRYPTO_AEAD_TAG_BYTES;
    uint8_t *nonce = crypto_room(out, len);
    if (!nonce)
        return CRYPTO_OK; /* the overflow says it */
    uint8_t *cipher = nonce + CRYPTO_AEAD_NONCE_BYTES, *tag = cipher + plain.len;
    int n;
    bool ok =
        RAND_bytes(nonce, CRYPTO_AEAD_NONCE_BYTES) == 1 &&
        cipher_run(aead->seal, nonce, aad, plain, cipher) &&
        EVP_CipherFinal_ex(aead->seal, tag, &n) == 1 && /* writes nothing in this mode */
        EVP_CIPHER_CTX_ctrl(aead->seal, EVP_CTRL_AEAD_GET_TAG, CRYPTO_AEAD_TAG_BYTES, tag) == 1;
    if (ok)
        out->len += len;
    return result_of(ok);
}

static enum crypto_result openssl_aead_open(struct crypto_aead *aead, struct bytes aad,
                                            struct bytes sealed, struct buf *out)
{
    if (sealed.len < CRYPTO_AEAD_NONCE_BYTES + CRYPTO_AEAD_TAG_BYTES)
        return CRYPTO_MISMATCH;
    const struct bytes cipher =
        bytes_of(sealed.data + CRYPTO_AEAD_NONCE_BYTES,
                 sealed.len - CRYPTO_AEAD_NONCE_BYTES - CRYPTO_AEAD_TAG_BYTES);
    uint8_t tag[CRYPTO_AEAD_TAG_BYTES];
    memcpy(tag, cipher.data + cipher.len, sizeof tag);
    uint8_t *plain = crypto_room(out, cipher.len);
    if (!plain)
        return CRYPTO_OK;
    int n;
    uint8_t none[1];
    if (!cipher_run(aead->open, sealed.data, aad, cipher, plain) ||
        EVP_CIPHER_CTX_ctrl(aead->open, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) != 1)
        return result_of(false);
    if (EVP_CipherFinal_ex(aead->open, none, &n) != 1) {
        crypto_wipe(plain, cipher.len); /* nobody vouches for it */
        ERR_clear_error();
        return CRYPTO_MISMATCH;
    }
    out->len += cipher.len;
    return CRYPTO_OK;
}

/* ---- ECDSA
 * --------------------------------------------------------------------------------------- */

static void ecdsa_fini(struct ecdsa *ecdsa)
{
    EVP_PKEY_CTX_free(ecdsa->ctx);
    EVP_MD_CTX_free(ecdsa->digest);
    EVP_MD_free(ecdsa->sha256);
}

/* The key as OpenSSL has it; private_key may be NULL. OpenSSL refuses points off the curve here. */
static EVP_PKEY *key_import(const uint8_t *private_key, const uint8_t *public_key)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    BIGNUM *scalar =
        private_key ? BN_bin2bn(private_key, CRYPTO_PRIVATE_BYTES, BN_secure_new()) : NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (build && ctx && (scalar || !private_key) &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, public_key,
                                         CRYPTO_PUBLIC_BYTES) &&
        (!scalar || OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, scalar)))
        params = OSSL_PARAM_BLD_to_param(build);
    if (params && EVP_PKEY_fromdata_init(ctx) == 1)
        EVP_PKEY_fromdata(ctx, &key, private_key ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    BN_clear_free(scalar);
    return key;
}

static bool ecdsa_init(struct ecdsa *ecdsa, const uint8_t *private_key, const uint8_t *public_key)
{
    EVP_PKEY *key = key_import(private_key, public_key);
    ecdsa->digest = EVP_MD_CTX_new();
    ecdsa->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    ecdsa->ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    EVP_PKEY_free(key); /* the context holds its own reference */
    if (!ecdsa->digest || !ecdsa->sha256 || !ecdsa->ctx)
        return false;
    return private_key
               ? EVP_PKEY_pairwise_check(ecdsa->ctx) == 1 && EVP_PKEY_sign_init(ecdsa->ctx) == 1
               : EVP_PKEY_verify_init(ecdsa->ctx) == 1;
}

static void openssl_signer_destroy(struct crypto_signer **signer)
{
    if (*signer)
        ecdsa_fini(&(*signer)->ecdsa);
    free(*signer);
    *signer = NULL;
}

static struct crypto_signer *openssl_signer_create(const struct crypto_key_pair *pair)
{
    struct crypto_signer *signer = calloc(1, sizeof *signer);
    if (signer && !ecdsa_init(&signer->ecdsa, pair->private_key, pair->public_key))
        openssl_signer_destroy(&signer);
    if (!signer)
        ERR_clear_error();
    return signer;
}

/* An INTEGER of at most 256 bits as 32 octets; returns what follows it. */
static const uint8_t *integer_from_der(const uint8_t *at, uint8_t octets[32])
{
    size_t len = at[1];
    const uint8_t *end = at + 2 + len;
    if (len > 32) /* a zero octet for the sign */
        len = 32;
    memset(octets, 0, 32 - len);
    memcpy(octets + 32 - len, end - len, len);
    return end;
}

static enum crypto_result openssl_sign(struct crypto_signer *signer, const struct bytes *parts,
                                       size_t count, uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    struct ecdsa *ecdsa = &signer->ecdsa;
    uint8_t hash[CRYPTO_HASH_BYTES], der[DER_BYTES_MAX];
    size_t der_len = sizeof der;
    bool ok = digest_parts(ecdsa->digest, ecdsa->sha256, parts, count, hash) &&
              EVP_PKEY_sign(ecdsa->ctx, der, &der_len, hash, sizeof hash) == 1;
    if (ok) { /* OpenSSL's own DER: SEQUENCE, length, then r and s */
        const uint8_t *s = integer_from_der(der + 2, signature);
        CHECK(integer_from_der(s, signature + 32) == der + der_len);
    }
    return result_of(ok);
}

static void openssl_verifier_destroy(struct crypto_verifier **verifier)
{
    if (*verifier)
        ecdsa_fini(&(*verifier)->ecdsa);
    free(*verifier);
    *verifier = NULL;
}

static struct crypto_verifier *openssl_verifier_create(
    const uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    struct crypto_verifier *verifier = calloc(1, sizeof *verifier);
    if (verifier && !ecdsa_init(&verifier->ecdsa, NULL, public_key))
        openssl_verifier_destroy(&verifier);
    if (!verifier)
        ERR_clear_error();
    return verifier;
}

/* r||s as the DER that OpenSSL takes; its length, 0 when memory is gone. */
static size_t signature_to_der(const uint8_t signature[CRYPTO_SIGNATURE_BYTES],
                               uint8_t der[DER_BYTES_MAX])
{
    ECDSA_SIG *rs = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, 32, NULL), *s = BN_bin2bn(signature + 32, 32, NULL);
    int len = 0;
    if (rs && r && s && ECDSA_SIG_set0(rs, r, s) == 1) {
        r = s = NULL; /* taken */
        len = i2d_ECDSA_SIG(rs, &der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(rs);
    return len > 0 ? (size_t)len : 0;
}

static enum crypto_result openssl_verify(struct crypto_verifier *verifier,
                                         const struct bytes *parts, size_t count,
                                         const uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    struct ecdsa *ecdsa = &verifier->ecdsa;
    uint8_t hash[CRYPTO_HASH_BYTES], der[DER_BYTES_MAX];
    size_t der_len = signature_to_der(signature, der);
    if (der_len == 0 || !digest_parts(ecdsa->digest, ecdsa->sha256, parts, count, hash))
        return result_of(false);
    int verdict = EVP_PKEY_verify(ecdsa->ctx, der, der_len, hash, sizeof hash);
    if (verdict == 1)
        return CRYPTO_OK;
    ERR_clear_error();
    return verdict == 0 ? CRYPTO_MISMATCH : CRYPTO_FAILED;
}

static enum crypto_result openssl_key_generate(struct crypto_key_pair *pair)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIGNUM *scalar = NULL;
    size_t len = 0;
    bool ok = key && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) == 1 &&
              BN_bn2binpad(scalar, pair->private_key, CRYPTO_PRIVATE_BYTES) > 0 &&
              EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, pair->public_key,
                                              CRYPTO_PUBLIC_BYTES, &len) == 1 &&
              len == CRYPTO_PUBLIC_BYTES;
    BN_clear_free(scalar);
    EVP_PKEY_free(key);
    return result_of(ok);
}

const struct crypto_provider crypto_openssl = {
    .name = "openssl",
    .random = openssl_random,
    .sha256 = openssl_sha256,
    .hkdf = openssl_hkdf,
    .mac_create = openssl_mac_create,
    .mac_compute = openssl_mac_compute,
    .mac_destroy = openssl_mac_destroy,
    .aead_create = openssl_aead_create,
    .aead_seal = openssl_aead_seal,
    .aead_open = openssl_aead_open,
    .aead_destroy = openssl_aead_destroy,
    .key_generate = openssl_key_generate,
    .signer_create = openssl_signer_create,
    .sign = openssl_sign,
    .signer_destroy = openssl_signer_destroy,
    .verifier_create = openssl_verifier_create,
    .verify = openssl_verify,
    .verifier_destroy = openssl_verifier_destroy,
};
