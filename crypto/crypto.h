/* The algorithms, behind one table of functions with two providers.
 *
 * crypto_openssl  the gateway's loops and the registry: a context per key, kept; every object
 * belongs to one thread, different objects may be used by different threads at once. crypto_mbedtls
 * whatever verifies as a device would, through PSA. PSA in mbedTLS 2.28 is not thread-safe: the
 * whole process may use it from one thread only; the provider remembers the first thread that
 * called it and CHECKs the others.
 *
 * Keys are raw: private scalars of 32 octets (big-endian), public points of 65 octets (SEC 1
 * uncompressed, 0x04 first), signatures of 64 octets r||s (RFC 9053), secrets of 32. */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include "base/buf.h"

#define CRYPTO_SECRET_BYTES     32
#define CRYPTO_HASH_BYTES       32 /* SHA-256, FIPS 180-4; SM3, GB/T 32905-2016 */
#define CRYPTO_PRIVATE_BYTES    32 /* P-256, SEC 2; the curve of GB/T 32918.5-2017 */
#define CRYPTO_PUBLIC_BYTES     65
#define CRYPTO_SIGNATURE_BYTES  64
#define CRYPTO_AEAD_NONCE_BYTES 12 /* of every cipher here, as its tag */
#define CRYPTO_AEAD_TAG_BYTES   16

/* Signature algorithms; the numbers are COSE's. */
enum crypto_alg {
    CRYPTO_ES256 = -7,   /* ECDSA on P-256 with SHA-256, RFC 9053 */
    CRYPTO_SM2 = -65601, /* SM2 with SM3, GB/T 32918.2-2016, of private use in COSE; the signer's
                            distinguishing id is CRYPTO_SM2_ID */
};
#define CRYPTO_SM2_ID "1234567812345678" /* GB/T 35276-2017 section 10 */

/* Authenticated encryption under one secret of 32 octets. Both write nonce (12, random) ||
 * ciphertext || tag (16). */
enum crypto_cipher {
    CRYPTO_AES_256_GCM = 0, /* NIST SP 800-38D */
    /* SM4-CTR (GB/T 32907-2016) with the counter block nonce || 00000000, then HMAC-SM3 over
     * u64be(len aad) || aad || nonce || ciphertext, its first 16 octets. Keys: the first 16 octets
     * of HMAC-SM3(secret, "jwb-sm4-1"), and HMAC-SM3(secret, "jwb-hmac-sm3-1"). */
    CRYPTO_SM4_CTR_HMAC_SM3,
};

/* Three-valued, because "does not match" is the peer's and "could not compute" is ours. */
enum crypto_result {
    CRYPTO_OK = 0,
    CRYPTO_MISMATCH, /* the peer's: the signature or tag does not belong to this message and key */
    CRYPTO_BAD_KEY,  /* the key's: no point of its curve, a scalar out of range */
    CRYPTO_FAILED,   /* ours: no memory, no entropy, the library refused */
};

struct crypto_key_pair {
    uint8_t private_key[CRYPTO_PRIVATE_BYTES];
    uint8_t public_key[CRYPTO_PUBLIC_BYTES];
};

struct crypto_mac;      /* HMAC-SHA-256 under one secret (RFC 2104) */
struct crypto_aead;     /* a cipher under one secret */
struct crypto_signer;   /* an algorithm under one private key */
struct crypto_verifier; /* the same under one public key */

/* A message may come in parts, which are taken one after the other as if joined. */
struct crypto_provider {
    const char *name;

    enum crypto_result (*random)(uint8_t *out, size_t len);
    enum crypto_result (*sha256)(const struct bytes *parts, size_t count,
                                 uint8_t out[CRYPTO_HASH_BYTES]);
    enum crypto_result (*sm3)(const struct bytes *parts, size_t count,
                              uint8_t out[CRYPTO_HASH_BYTES]);
    /* HKDF-SHA-256 (RFC 5869) with an empty salt; out_len <= 64. */
    enum crypto_result (*hkdf)(const uint8_t secret[CRYPTO_SECRET_BYTES], struct bytes info,
                               uint8_t *out, size_t out_len);

    /* The creators copy the key. They return NULL when memory is gone or the key is none; the
     * destroyers take the address, wipe, free and set it to NULL, and accept NULL in it. */
    struct crypto_mac *(*mac_create)(const uint8_t secret[CRYPTO_SECRET_BYTES]);
    enum crypto_result (*mac_compute)(struct crypto_mac *mac, const struct bytes *parts,
                                      size_t count, uint8_t out[CRYPTO_HASH_BYTES]);
    void (*mac_destroy)(struct crypto_mac **mac);

    struct crypto_aead *(*aead_create)(enum crypto_cipher cipher,
                                       const uint8_t secret[CRYPTO_SECRET_BYTES]);
    /* Appends nonce || ciphertext || tag (len + 28 octets) with a fresh random nonce. An overflow
     * of `out` is left for the caller to see in it. */
    enum crypto_result (*aead_seal)(struct crypto_aead *aead, struct bytes aad, struct bytes plain,
                                    struct buf *out);
    /* Appends the plaintext of what aead_seal wrote; nothing on CRYPTO_MISMATCH. */
    enum crypto_result (*aead_open)(struct crypto_aead *aead, struct bytes aad, struct bytes sealed,
                                    struct buf *out);
    void (*aead_destroy)(struct crypto_aead **aead);

    /* mbedTLS signs with nonces that are functions of key and message (ES256: RFC 6979), so that
     * vectors are reproducible. Its signing with SM2 takes a time that depends on the key: for
     * vectors and tests, never for a gateway; its key_generate of SM2 is CRYPTO_FAILED. */
    enum crypto_result (*key_generate)(enum crypto_alg alg, struct crypto_key_pair *pair);
    struct crypto_signer *(*signer_create)(enum crypto_alg alg, const struct crypto_key_pair *pair);
    enum crypto_result (*sign)(struct crypto_signer *signer, const struct bytes *parts,
                               size_t count, uint8_t signature[CRYPTO_SIGNATURE_BYTES]);
    void (*signer_destroy)(struct crypto_signer **signer);

    struct crypto_verifier *(*verifier_create)(enum crypto_alg alg,
                                               const uint8_t public_key[CRYPTO_PUBLIC_BYTES]);
    enum crypto_result (*verify)(struct crypto_verifier *verifier, const struct bytes *parts,
                                 size_t count, const uint8_t signature[CRYPTO_SIGNATURE_BYTES]);
    void (*verifier_destroy)(struct crypto_verifier **verifier);
};

extern const struct crypto_provider crypto_openssl;
extern const struct crypto_provider crypto_mbedtls;

/* The pair of a private key, for vectors and tests; as crypto_mbedtls in all. CRYPTO_BAD_KEY: a
 * scalar out of range, or no memory. */
enum crypto_result crypto_mbedtls_key_pair(enum crypto_alg alg,
                                           const uint8_t private_key[CRYPTO_PRIVATE_BYTES],
                                           struct crypto_key_pair *pair);

/* RSASSA-PKCS1-v1_5 with SHA-256 (RS256: RFC 8017 section 8.2), for the tokens of identity
 * providers that sign so. OpenSSL's alone; one thread at a time, as above. */
struct crypto_rsa_verifier;
#define CRYPTO_RSA_BYTES_MIN 256 /* of a modulus: 2048 bits, RFC 7518 section 3.3 */
#define CRYPTO_RSA_BYTES_MAX 512
/* Both numbers big-endian; NULL when memory is gone or the key is none of these sizes, or its
 * exponent is even or below 3 or longer than 8 octets. */
struct crypto_rsa_verifier *crypto_rsa_verifier_create(struct bytes modulus, struct bytes exponent);
enum crypto_result crypto_rsa_verify(struct crypto_rsa_verifier *verifier,
                                     const struct bytes *parts, size_t count,
                                     struct bytes signature);
void crypto_rsa_verifier_destroy(struct crypto_rsa_verifier **verifier);

/* Ed25519 (RFC 8032), for the evidence log and its witnesses. OpenSSL's alone; any thread. */
#define CRYPTO_ED25519_SEED_BYTES      32
#define CRYPTO_ED25519_PUBLIC_BYTES    32
#define CRYPTO_ED25519_SIGNATURE_BYTES 64
enum crypto_result crypto_ed25519_public(const uint8_t seed[CRYPTO_ED25519_SEED_BYTES],
                                         uint8_t public_key[CRYPTO_ED25519_PUBLIC_BYTES]);
enum crypto_result crypto_ed25519_sign(const uint8_t seed[CRYPTO_ED25519_SEED_BYTES],
                                       struct bytes message,
                                       uint8_t signature[CRYPTO_ED25519_SIGNATURE_BYTES]);
enum crypto_result crypto_ed25519_verify(const uint8_t public_key[CRYPTO_ED25519_PUBLIC_BYTES],
                                         struct bytes message,
                                         const uint8_t signature[CRYPTO_ED25519_SIGNATURE_BYTES]);

/* Overwrites secrets in a way the compiler keeps. */
void crypto_wipe(void *memory, size_t len);

#endif
