/* The provider over OpenSSL 3.0. What costs time is done once per object: fetching an algorithm and
 * setting a key take longer than using them. */
#include <pthread.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include "crypto/crypto_openssl.h"

struct crypto_mac {
    EVP_MAC_CTX *ctx; /* keyed */
};

static enum crypto_result result_of(bool ok)
{
    if (ok)
        return CRYPTO_OK;
    ERR_clear_error();
    return CRYPTO_FAILED;
}

/* ---- randomness, hash, derivation ---- */

static enum crypto_result openssl_random(uint8_t *out, size_t len)
{
    return result_of(len <= INT32_MAX && RAND_bytes(out, (int)len) == 1);
}

/* Fetched once: EVP_sha256() is looked up anew at each use, which takes longer than a short hash.
 */
static EVP_MD *sha256_md, *sm3_md;

static void fetch_hashes(void)
{
    sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
    sm3_md = EVP_MD_fetch(NULL, "SM3", NULL);
}

static enum crypto_result hash_parts(EVP_MD *const *md, const struct bytes *parts, size_t count,
                                     uint8_t out[CRYPTO_HASH_BYTES])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch_hashes);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && *md && EVP_DigestInit_ex2(ctx, *md, NULL) == 1;
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return result_of(ok);
}

static enum crypto_result openssl_sha256(const struct bytes *parts, size_t count,
                                         uint8_t out[CRYPTO_HASH_BYTES])
{
    return hash_parts(&sha256_md, parts, count, out);
}

static enum crypto_result openssl_sm3(const struct bytes *parts, size_t count,
                                      uint8_t out[CRYPTO_HASH_BYTES])
{
    return hash_parts(&sm3_md, parts, count, out);
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

/* ---- HMAC ---- */

void openssl_mac_destroy(struct crypto_mac **mac)
{
    if (*mac)
        EVP_MAC_CTX_free((*mac)->ctx); /* wipes the key */
    free(*mac);
    *mac = NULL;
}

struct crypto_mac *openssl_mac_create_over(const char *hash,
                                           const uint8_t secret[CRYPTO_SECRET_BYTES])
{
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)hash, 0),
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

static struct crypto_mac *openssl_mac_create(const uint8_t secret[CRYPTO_SECRET_BYTES])
{
    return openssl_mac_create_over("SHA256", secret);
}

enum crypto_result openssl_mac_compute(struct crypto_mac *mac, const struct bytes *parts,
                                       size_t count, uint8_t out[CRYPTO_HASH_BYTES])
{
    size_t len;
    bool ok = EVP_MAC_init(mac->ctx, NULL, 0, NULL) == 1; /* the same key again */
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_MAC_update(mac->ctx, parts[i].data, parts[i].len) == 1;
    return result_of(ok && EVP_MAC_final(mac->ctx, out, &len, CRYPTO_HASH_BYTES) == 1);
}

const struct crypto_provider crypto_openssl = {
    .name = "openssl",
    .random = openssl_random,
    .sha256 = openssl_sha256,
    .sm3 = openssl_sm3,
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
