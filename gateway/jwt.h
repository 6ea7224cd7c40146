/* JSON Web Tokens (RFC 7519) in compact form (RFC 7515), as clients and identity providers sign
 * them: strict, because whoever is let in here is believed.
 *
 * Accepted are ES256 and RS256 (RFC 7518) alone, and of these only the one that the key is pinned
 * to. Refused whatever else a token says: another alg, "none", HMAC; header members beside alg,
 * kid, typ and cty (jku, jwk, x5u, x5c, crit, b64, ...); duplicate members anywhere; base64url that
 * is not canonical (RFC 4648 section 3.5); claims that are no object. */
#ifndef GATEWAY_JWT_H
#define GATEWAY_JWT_H

#include "crypto/crypto.h"

#define JWT_BYTES_MAX     4096 /* of a whole token */
#define JWT_KID_BYTES_MAX 128

/* What was wrong; each is counted by itself, and told to nobody but the log. */
#define JWT_ERRORS(E)                                                                              \
    E(OK, "ok")                                                                                    \
    E(MALFORMED, "malformed") /* form, base64url, JSON, duplicate members, too long */             \
    E(ALG, "alg")             /* none, HMAC, or not the key's */                                   \
    E(HEADER, "header")       /* a header member that is not taken: jku, x5u, crit */              \
    E(KEY, "key")             /* no such kid, or none where several keys may be meant */           \
    E(SIGNATURE, "signature")                                                                      \
    E(ISSUER, "issuer")                                                                            \
    E(SUBJECT, "subject")                                                                          \
    E(AUDIENCE, "audience")                                                                        \
    E(EXPIRED, "expired")                                                                          \
    E(NOT_YET_VALID, "not_yet_valid")                                                              \
    E(TOO_LONG, "too_long") /* lives longer than is taken */                                       \
    E(CLAIM, "claim")       /* one that is needed is missing or of another type */                 \
    E(REPLAYED, "replayed")                                                                        \
    E(OURS, "ours") /* memory, the crypto library */
enum jwt_error {
#define E(name, word) JWT_##name,
    JWT_ERRORS(E)
#undef E
        JWT_ERROR_COUNT
};
const char *jwt_error_text(enum jwt_error error);

/* Keys that tokens are checked with. Immutable once read; may be read by several threads, the
 * verifiers are made and used by the caller's thread each time. */
struct jwt_key {
    enum { JWT_ES256, JWT_RS256 } alg;
    char kid[JWT_KID_BYTES_MAX + 1]; /* empty: none */
    uint8_t point[CRYPTO_PUBLIC_BYTES];
    uint8_t modulus[CRYPTO_RSA_BYTES_MAX], exponent[8];
    size_t modulus_len, exponent_len;
};
#define JWT_KEYS_MAX 16
struct jwt_keys {
    struct jwt_key keys[JWT_KEYS_MAX];
    size_t count;
};
/* Reads a public JSON Web Key Set (RFC 7517): EC P-256 and RSA keys whose "use" is "sig" or absent,
 * and whose "alg" is ES256, RS256 or absent; others are skipped, and there may be none at all. An
 * "alg" of the two that is the other kind's, no point of the curve, RSA below 2048 or above 4096
 * bits, a duplicate kid, a private or secret member ("d", "k"), two keys of which one has no kid,
 * duplicate members, more than JWT_KEYS_MAX: false with a sentence in `why`. */
bool jwt_keys_read(struct bytes json, struct jwt_keys *keys, struct buf *why);

/* A token that was taken apart; nothing in it is to be believed before jwt_check said JWT_OK. */
struct jwt {
    struct bytes text;    /* borrowed */
    struct bytes signed_; /* header.claims, as they were signed */
    uint8_t signature[CRYPTO_RSA_BYTES_MAX];
    size_t signature_len;
    char alg[16];
    char kid[JWT_KID_BYTES_MAX + 1]; /* empty: none */
    struct json_t *claims;           /* jansson's */
};
/* MALFORMED, ALG (neither of the two), HEADER, or OK; then jwt_fini is due. */
enum jwt_error jwt_read(struct bytes text, struct jwt *jwt);
void jwt_fini(struct jwt *jwt); /* zero is fine */

/* A claim, before it is believed: to find out whose key to check with. Empty when it is no text. */
struct bytes jwt_claim_text(const struct jwt *jwt, const char *name);
/* A whole number of seconds; false when it is none. */
bool jwt_claim_time(const struct jwt *jwt, const char *name, int64_t *value);

/* Finds the key by kid (without one: the only key there is), pins alg to it, checks the signature.
 */
enum jwt_error jwt_check_signature(const struct jwt *jwt, const struct jwt_keys *keys);

struct jwt_expected {
    const char *issuer;
    const char *audiences[2]; /* "aud" is one of them, or an array of nothing else; NULL: unused */
    int64_t now;
    unsigned skew_s;     /* other clocks may differ by this */
    unsigned life_s_max; /* exp may lie at most so far ahead, and exp - iat be at most so long */
};
/* iss, aud, exp (needed), nbf, iat (where there are), jti (needed, 1 to 256 characters). */
enum jwt_error jwt_check_claims(const struct jwt *jwt, const struct jwt_expected *expected);

#endif
