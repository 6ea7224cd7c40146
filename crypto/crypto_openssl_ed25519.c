/* Ed25519 over OpenSSL 3.0. As in crypto_openssl.c, the thread's error queue is left empty. */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "crypto/crypto.h"

static EVP_PKEY *seed_import(const uint8_t seed[CRYPTO_ED25519_SEED_BYTES])
{
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, CRYPTO_ED25519_SEED_BYTES);
}

static enum crypto_result result_of(bool ok)
{
    if (!ok)
        ERR_clear_error();
    return ok ? CRYPTO_OK : CRYPTO_FAILED;
}

enum crypto_result crypto_ed25519_public(const uint8_t seed[CRYPTO_ED25519_SEED_BYTES],
                                         uint8_t public_key[CRYPTO_ED25519_PUBLIC_BYTES])
{
    size_t len = CRYPTO_ED25519_PUBLIC_BYTES;
    EVP_PKEY *key = seed_import(seed);
    bool ok = key && EVP_PKEY_get_raw_public_key(key, public_key, &len) == 1 &&
              len == CRYPTO_ED25519_PUBLIC_BYTES;
    EVP_PKEY_free(key);
    return result_of(ok);
}

enum crypto_result crypto_ed25519_sign(const uint8_t seed[CRYPTO_ED25519_SEED_BYTES],
                                       struct bytes message,
                                       uint8_t signature[CRYPTO_ED25519_SIGNATURE_BYTES])
{
    size_t len = CRYPTO_ED25519_SIGNATURE_BYTES;
    EVP_PKEY *key = seed_import(seed);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = key && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(ctx, signature, &len, message.data, message.len) == 1 &&
              len == CRYPTO_ED25519_SIGNATURE_BYTES;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return result_of(ok);
}

enum crypto_result crypto_ed25519_verify(const uint8_t public_key[CRYPTO_ED25519_PUBLIC_BYTES],
                                         struct bytes message,
                                         const uint8_t signature[CRYPTO_ED25519_SIGNATURE_BYTES])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key,
                                                CRYPTO_ED25519_PUBLIC_BYTES);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int verdict = -1;
    if (key && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1)
        verdict = EVP_DigestVerify(ctx, signature, CRYPTO_ED25519_SIGNATURE_BYTES, message.data,
                                   message.len);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    if (verdict == 1)
        return CRYPTO_OK;
    ERR_clear_error();
    return verdict == 0 ? CRYPTO_MISMATCH : CRYPTO_FAILED;
}
