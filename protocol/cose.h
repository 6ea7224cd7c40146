/* COSE_Sign1 (RFC 9052 section 4.2) as licence codes use it: untagged, protected header exactly
 * {1: alg, 4: kid}, empty unprotected header, payload present, a signature of 64 octets.
 *
 * An ECDSA signature (r, s) has a twin (r, n - s) that verifies as well. Only the one with s <= n/2
 * is written, and the other is refused, so that nobody can make a second valid form of a message.
 * SM2's has none.
 */
#ifndef PROTOCOL_COSE_H
#define PROTOCOL_COSE_H

#include "protocol/keyring.h"

struct cose_sign1 {
    struct bytes protected_; /* content of the byte string */
    struct bytes payload;    /* content of the byte string */
    struct bytes signature;  /* CRYPTO_SIGNATURE_BYTES */
    enum crypto_alg alg;
    uint8_t kid[KID_BYTES];
};

/* Reads shape and headers, no signature. The views point into `message`. False for anything but
 * the one form above in deterministic CBOR: the peer's. */
bool cose_sign1_read(struct bytes message, struct cose_sign1 *out);

/* Of any COSE_Sign1; its kid is not looked at, its alg must be the verifier's. CRYPTO_MISMATCH also
 * for s > n/2 of ES256. */
enum crypto_result cose_sign1_verify(const struct cose_sign1 *message,
                                     const struct crypto_provider *crypto,
                                     struct crypto_verifier *verifier);

/* The signature alone, of 64 octets, over these contents of a COSE_Sign1, with either s. */
enum crypto_result cose_signature_verify(struct bytes protected_, struct bytes payload,
                                         const uint8_t signature[CRYPTO_SIGNATURE_BYTES],
                                         const struct crypto_provider *crypto,
                                         struct crypto_verifier *verifier);
/* s > n/2 of an ES256 signature */
bool cose_signature_high(const uint8_t signature[CRYPTO_SIGNATURE_BYTES]);

/* Signs and appends the message. An overflow is left in `out`. */
enum crypto_result cose_sign1_write(enum crypto_alg alg, const uint8_t kid[KID_BYTES],
                                    struct bytes payload, const struct crypto_provider *crypto,
                                    struct crypto_signer *signer, struct buf *out);

/* Messages that say what they are (RFC 9596), and are not taken for others: tag 18, protected
 * header exactly {1: alg, 4: kid, 16: type}, the type of at most COSE_TYPE_BYTES_MAX; else as
 * above. */
#define COSE_TYPE_BYTES_MAX 40
bool cose_typed_read(struct bytes message, struct bytes type, struct cose_sign1 *out);
enum crypto_result cose_typed_write(struct bytes type, enum crypto_alg alg,
                                    const uint8_t kid[KID_BYTES], struct bytes payload,
                                    const struct crypto_provider *crypto,
                                    struct crypto_signer *signer, struct buf *out);
/* The same in place, for large payloads: what `out` has from octet `from` on is the payload, and
 * becomes the message. After a failure `out` ends at `from`. */
enum crypto_result cose_typed_wrap(struct bytes type, enum crypto_alg alg,
                                   const uint8_t kid[KID_BYTES], size_t from,
                                   const struct crypto_provider *crypto,
                                   struct crypto_signer *signer, struct buf *out);

#endif
