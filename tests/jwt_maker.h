/* JSON Web Tokens and Key Sets as an identity provider makes them, with OpenSSL. Only in one file
 * of a program, hence all inline. */
#ifndef TESTS_JWT_MAKER_H
#define TESTS_JWT_MAKER_H

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/check.h"
#include "gateway/jwt.h"

#define MAKER_TEXT_BYTES_MAX 8192

static inline EVP_PKEY *maker_ec_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CHECK(key);
    return key;
}

static inline EVP_PKEY *maker_rsa_key(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    CHECK(key);
    return key;
}

static inline void maker_put_number(struct buf *out, EVP_PKEY *key, const char *name, int len)
{
    uint8_t octets[CRYPTO_RSA_BYTES_MAX];
    BIGNUM *number = NULL;
    CHECK(EVP_PKEY_get_bn_param(key, name, &number) == 1);
    len = len ? len : BN_num_bytes(number);
    CHECK(BN_bn2binpad(number, octets, len) == len);
    BN_free(number);
    buf_put_base64url(out, bytes_of(octets, (size_t)len));
}

/* The public key as a JWK; `more` are further members, each with a comma before it. */
static inline void maker_put_jwk(struct buf *out, EVP_PKEY *key, const char *more)
{
    const bool ec = EVP_PKEY_is_a(key, "EC");
    buf_put_str(out,
                ec ? "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" : "{\"kty\":\"RSA\",\"n\":\"");
    maker_put_number(out, key, ec ? OSSL_PKEY_PARAM_EC_PUB_X : OSSL_PKEY_PARAM_RSA_N, ec ? 32 : 0);
    buf_put_str(out, ec ? "\",\"y\":\"" : "\",\"e\":\"");
    maker_put_number(out, key, ec ? OSSL_PKEY_PARAM_EC_PUB_Y : OSSL_PKEY_PARAM_RSA_E, ec ? 32 : 0);
    buf_printf(out, "\"%s}", more);
}

/* DER, as OpenSSL makes it; its length. */
static inline size_t maker_sign_der(EVP_PKEY *key, struct bytes text, uint8_t *out, size_t cap)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    CHECK(ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
          EVP_DigestSign(ctx, out, &cap, text.data, text.len) == 1);
    EVP_MD_CTX_free(ctx);
    return cap;
}

/* RS256, or ES256's r || s. */
static inline size_t maker_sign(EVP_PKEY *key, struct bytes text, uint8_t *out, size_t cap)
{
    size_t len = maker_sign_der(key, text, out, cap);
    if (!EVP_PKEY_is_a(key, "EC"))
        return len;
    const uint8_t *der = out;
    ECDSA_SIG *rs = d2i_ECDSA_SIG(NULL, &der, (long)len);
    CHECK(rs && BN_bn2binpad(ECDSA_SIG_get0_r(rs), out, 32) == 32 &&
          BN_bn2binpad(ECDSA_SIG_get0_s(rs), out + 32, 32) == 32);
    ECDSA_SIG_free(rs);
    return 64;
}

/* header.claims, to be signed. */
static inline void maker_put_input(struct buf *out, const char *header, const char *claims)
{
    buf_put_base64url(out, bytes_str(header));
    buf_put_u8(out, '.');
    buf_put_base64url(out, bytes_str(claims));
}

static inline void maker_put_token(struct buf *out, EVP_PKEY *key, const char *header,
                                   const char *claims)
{
    uint8_t signature[CRYPTO_RSA_BYTES_MAX];
    const size_t start = out->len;
    maker_put_input(out, header, claims);
    CHECK(buf_ok(out));
    size_t len = maker_sign(key, bytes_from(buf_bytes(out), start), signature, sizeof signature);
    buf_put_u8(out, '.');
    buf_put_base64url(out, bytes_of(signature, len));
    CHECK(buf_ok(out));
}

#endif
