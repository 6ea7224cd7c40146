/* Signatures over OpenSSL 3.0: ES256, SM2, and keys that lie elsewhere. Both algorithms sign a hash
 * that is made here. For SM2 that is SM3(Z_A || message) with Z_A computed once per key: OpenSSL's
 * own default for the distinguishing id is the empty one, and setting it costs at every signature.
 */
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "base/check.h"
#include "crypto/crypto_openssl.h"
#include "crypto/crypto_sm2.h"

/* SEQUENCE of two INTEGERs of at most 33 octets each. */
#define DER_BYTES_MAX 72

/* An algorithm under a key, in either direction: signer and verifier differ in how `ctx` was
 * initialised. */
struct signing {
    EVP_PKEY_CTX *ctx;
    EVP_MD_CTX *digest;
    EVP_MD *hash;
    uint8_t identity[CRYPTO_HASH_BYTES]; /* Z_A, which is hashed first */
    size_t identity_len;                 /* 0 for ES256 */
};
struct crypto_signer {
    struct signing signing;
    const struct openssl_remote_key *remote; /* NULL: the key is in signing.ctx */
    void *remote_key;                        /* owned */
};
struct crypto_verifier {
    struct signing signing;
};

static const struct algorithm {
    enum crypto_alg alg;
    const char *key_type, *group, *hash; /* as OpenSSL calls them */
} ALGORITHMS[] = {
    {CRYPTO_ES256, "EC", "prime256v1", "SHA256"},
    {CRYPTO_SM2, "SM2", "SM2", "SM3"},
};

static const struct algorithm *algorithm_of(enum crypto_alg alg)
{
    for (size_t i = 0; i < sizeof ALGORITHMS / sizeof *ALGORITHMS; i++)
        if (ALGORITHMS[i].alg == alg)
            return &ALGORITHMS[i];
    return NULL;
}

static enum crypto_result result_of(bool ok)
{
    if (!ok)
        ERR_clear_error();
    return ok ? CRYPTO_OK : CRYPTO_FAILED;
}

static bool hash_parts(struct signing *signing, const struct bytes *parts, size_t count,
                       uint8_t out[CRYPTO_HASH_BYTES])
{
    bool ok = EVP_DigestInit_ex2(signing->digest, signing->hash, NULL) == 1 &&
              EVP_DigestUpdate(signing->digest, signing->identity, signing->identity_len) == 1;
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_DigestUpdate(signing->digest, parts[i].data, parts[i].len) == 1;
    return ok && EVP_DigestFinal_ex(signing->digest, out, NULL) == 1;
}

/* ---- keys ---- */

#define UNCOMPRESSED 4 /* SEC 1 section 2.3.3; OpenSSL would take its hybrid form too */

/* The key as OpenSSL has it; private_key may be NULL. OpenSSL refuses points off the curve here. */
static EVP_PKEY *key_import(const struct algorithm *algorithm, const uint8_t *private_key,
                            const uint8_t *public_key)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    BIGNUM *scalar =
        private_key ? BN_bin2bn(private_key, CRYPTO_PRIVATE_BYTES, BN_secure_new()) : NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm->key_type, NULL);
    if (build && ctx && (scalar || !private_key) &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, algorithm->group, 0) &&
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

enum crypto_result openssl_key_generate(enum crypto_alg alg, struct crypto_key_pair *pair)
{
    const struct algorithm *algorithm = algorithm_of(alg);
    EVP_PKEY *key = algorithm ? EVP_EC_gen(algorithm->group) : NULL;
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

static void signing_fini(struct signing *signing)
{
    EVP_PKEY_CTX_free(signing->ctx);
    EVP_MD_CTX_free(signing->digest);
    EVP_MD_free(signing->hash);
}

static bool hashing_init(struct signing *signing, const struct algorithm *algorithm)
{
    signing->digest = EVP_MD_CTX_new();
    signing->hash = EVP_MD_fetch(NULL, algorithm->hash, NULL);
    return signing->digest && signing->hash;
}

static bool signing_init(struct signing *signing, enum crypto_alg alg, const uint8_t *private_key,
                         const uint8_t *public_key)
{
    const struct algorithm *algorithm = algorithm_of(alg);
    if (!algorithm || public_key[0] != UNCOMPRESSED || !hashing_init(signing, algorithm))
        return false;
    if (alg == CRYPTO_SM2) {
        signing->identity_len = sizeof signing->identity;
        if (sm2_identity(&crypto_openssl, public_key, signing->identity) != CRYPTO_OK)
            return false;
    }
    EVP_PKEY *key = key_import(algorithm, private_key, public_key);
    signing->ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    EVP_PKEY_free(key); /* the context holds its own reference */
    if (!signing->ctx)
        return false;
    return private_key
               ? EVP_PKEY_pairwise_check(signing->ctx) == 1 && EVP_PKEY_sign_init(signing->ctx) == 1
               : EVP_PKEY_verify_init(signing->ctx) == 1;
}

/* ---- signing ---- */

void openssl_signer_destroy(struct crypto_signer **signer)
{
    if (*signer) {
        signing_fini(&(*signer)->signing);
        if ((*signer)->remote)
            (*signer)->remote->destroy((*signer)->remote_key);
    }
    free(*signer);
    *signer = NULL;
}

struct crypto_signer *openssl_signer_create(enum crypto_alg alg, const struct crypto_key_pair *pair)
{
    struct crypto_signer *signer = calloc(1, sizeof *signer);
    if (signer && !signing_init(&signer->signing, alg, pair->private_key, pair->public_key))
        openssl_signer_destroy(&signer);
    if (!signer)
        ERR_clear_error();
    return signer;
}

struct crypto_signer *openssl_signer_create_remote(const struct openssl_remote_key *calls,
                                                   void *key)
{
    struct crypto_signer *signer = calloc(1, sizeof *signer);
    if (!signer) {
        calls->destroy(key);
        return NULL;
    }
    signer->remote = calls;
    signer->remote_key = key;
    if (!hashing_init(&signer->signing, algorithm_of(CRYPTO_ES256))) {
        openssl_signer_destroy(&signer);
        ERR_clear_error();
    }
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

static bool local_sign(struct signing *signing, const uint8_t hash[CRYPTO_HASH_BYTES],
                       uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    uint8_t der[DER_BYTES_MAX];
    size_t der_len = sizeof der;
    if (EVP_PKEY_sign(signing->ctx, der, &der_len, hash, CRYPTO_HASH_BYTES) != 1)
        return false;
    /* OpenSSL's own DER: SEQUENCE, length, then r and s */
    const uint8_t *s = integer_from_der(der + 2, signature);
    CHECK(integer_from_der(s, signature + 32) == der + der_len);
    return true;
}

enum crypto_result openssl_sign(struct crypto_signer *signer, const struct bytes *parts,
                                size_t count, uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    uint8_t hash[CRYPTO_HASH_BYTES];
    if (!hash_parts(&signer->signing, parts, count, hash))
        return result_of(false);
    if (signer->remote)
        return signer->remote->sign(signer->remote_key, hash, signature);
    return result_of(local_sign(&signer->signing, hash, signature));
}

/* ---- verifying ---- */

void openssl_verifier_destroy(struct crypto_verifier **verifier)
{
    if (*verifier)
        signing_fini(&(*verifier)->signing);
    free(*verifier);
    *verifier = NULL;
}

struct crypto_verifier *openssl_verifier_create(enum crypto_alg alg,
                                                const uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    struct crypto_verifier *verifier = calloc(1, sizeof *verifier);
    if (verifier && !signing_init(&verifier->signing, alg, NULL, public_key))
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

/* What EVP_PKEY_verify returned; empties the error queue. OpenSSL 3.0 also says 0, "does not
 * match", where it ran out of memory: only the queue tells. Its reasons for a bad signature are its
 * curve modules' own, all others common ones. */
static enum crypto_result verdict_of(int verified)
{
    bool failed = verified < 0;
    for (unsigned long error; (error = ERR_get_error());)
        failed |= ERR_COMMON_ERROR(error);
    return verified == 1 ? CRYPTO_OK : failed ? CRYPTO_FAILED : CRYPTO_MISMATCH;
}

enum crypto_result openssl_verify(struct crypto_verifier *verifier, const struct bytes *parts,
                                  size_t count, const uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    struct signing *signing = &verifier->signing;
    uint8_t hash[CRYPTO_HASH_BYTES], der[DER_BYTES_MAX];
    ERR_clear_error(); /* of what this thread did before: verdict_of reads the queue */
    size_t der_len = signature_to_der(signature, der);
    if (der_len == 0 || !hash_parts(signing, parts, count, hash))
        return result_of(false);
    return verdict_of(EVP_PKEY_verify(signing->ctx, der, der_len, hash, sizeof hash));
}
