/* RS256 over OpenSSL 3.0. As in crypto_openssl.c, the thread's error queue is left empty. */
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "crypto/crypto.h"

#define EXPONENT_BYTES_MAX 8 /* OpenSSL takes no longer one for a modulus above 3072 bits */

struct crypto_rsa_verifier {
    EVP_PKEY *key;
    EVP_MD_CTX *digest;
    size_t modulus_len;
};

/* Is the number odd, without leading zeros? */
static bool is_odd(struct bytes number)
{
    return number.len && number.data[0] && number.data[number.len - 1] & 1;
}

/* The least modulus has its first bit set: it has all its 2048 bits. */
static bool is_rsa_key(struct bytes modulus, struct bytes exponent)
{
    return is_odd(modulus) && modulus.len >= CRYPTO_RSA_BYTES_MIN &&
           modulus.len <= CRYPTO_RSA_BYTES_MAX &&
           (modulus.len > CRYPTO_RSA_BYTES_MIN || modulus.data[0] & 0x80) && is_odd(exponent) &&
           exponent.len <= EXPONENT_BYTES_MAX && (exponent.len > 1 || exponent.data[0] >= 3);
}

static EVP_PKEY *key_import(struct bytes modulus, struct bytes exponent)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.len, NULL);
    BIGNUM *e = BN_bin2bn(exponent.data, (int)exponent.len, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (n && e && build && ctx && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
        params = OSSL_PARAM_BLD_to_param(build);
    if (params && EVP_PKEY_fromdata_init(ctx) == 1)
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    BN_free(n);
    BN_free(e);
    return key;
}

struct crypto_rsa_verifier *crypto_rsa_verifier_create(struct bytes modulus, struct bytes exponent)
{
    struct crypto_rsa_verifier *verifier =
        is_rsa_key(modulus, exponent) ? calloc(1, sizeof *verifier) : NULL;
    if (!verifier)
        return NULL;
    verifier->modulus_len = modulus.len;
    verifier->key = key_import(modulus, exponent);
    verifier->digest = EVP_MD_CTX_new();
    if (!verifier->key || !verifier->digest) {
        crypto_rsa_verifier_destroy(&verifier);
        ERR_clear_error();
    }
    return verifier;
}

enum crypto_result crypto_rsa_verify(struct crypto_rsa_verifier *verifier,
                                     const struct bytes *parts, size_t count,
                                     struct bytes signature)
{
    EVP_PKEY_CTX *padding; /* the digest's own; OpenSSL's default, said all the same */
    if (signature.len != verifier->modulus_len) /* RFC 8017 section 8.2.2, step 1 */
        return CRYPTO_MISMATCH;
    bool ok =
        EVP_DigestVerifyInit(verifier->digest, &padding, EVP_sha256(), NULL, verifier->key) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PADDING) == 1;
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_DigestVerifyUpdate(verifier->digest, parts[i].data, parts[i].len) == 1;
    int verdict = ok ? EVP_DigestVerifyFinal(verifier->digest, signature.data, signature.len) : -1;
    EVP_MD_CTX_reset(verifier->digest);
    if (verdict == 1)
        return CRYPTO_OK;
    ERR_clear_error();
    return verdict == 0 ? CRYPTO_MISMATCH : CRYPTO_FAILED;
}

void crypto_rsa_verifier_destroy(struct crypto_rsa_verifier **verifier)
{
    if (*verifier) {
        EVP_PKEY_free((*verifier)->key);
        EVP_MD_CTX_free((*verifier)->digest);
    }
    free(*verifier);
    *verifier = NULL;
}
