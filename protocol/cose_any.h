/* COSE_Sign1 as others write it (RFC 9052): tags 61 and 18, 18 alone, or none; headers in any
 * order, with parameters that are not known; kid in either header; payload present or detached. For
 * status lists and for `jwb cose verify`; licence codes and trust bundles have the one strict form
 * of protocol/cose.h. Still refused: indefinite lengths, a key twice in a header or in both, more
 * of them than CBOR_LABELS_MAX, a nesting deeper than CBOR_DEPTH_MAX, an alg, typ or crit that is
 * not protected, crit (RFC 9052 section 3.1) naming what is not known here. */
#ifndef PROTOCOL_COSE_ANY_H
#define PROTOCOL_COSE_ANY_H

#include "protocol/cose.h"

struct cose_any {
    struct bytes protected_; /* content of the byte string */
    struct bytes payload;    /* content; data NULL: detached */
    struct bytes signature;  /* of any length: that of an alg which is not known here */
    bool tagged, cwt;        /* tag 18, tag 61 */
    int64_t alg;             /* as it stands there; 0: none, or a name instead of a number */
    struct bytes kid;        /* data NULL: none */
    struct bytes type;       /* header 16 as text; data NULL: none, or a number */
    struct bytes content;    /* header 3 as text; data NULL: none, or a number */
};
/* Views into `message`. False: the peer's. */
bool cose_any_read(struct bytes message, struct cose_any *out);
/* `payload` is the message's own or the detached one. CRYPTO_MISMATCH also if alg is not the
 * verifier's. Here s may be high: others' messages are not ours to narrow, unless `low_s`. */
enum crypto_result cose_any_verify(const struct cose_any *message, struct bytes payload,
                                   enum crypto_alg alg, bool low_s,
                                   const struct crypto_provider *crypto,
                                   struct crypto_verifier *verifier);

/* A public key from a COSE_Key (RFC 9052 section 7): EC2 on P-256 or SM2, y in full, with the alg
 * of its curve if it names one. A private key is refused. That the point is one of its curve is for
 * the verifier's making to find out. */
bool cose_key_read(struct bytes key, enum crypto_alg *alg, uint8_t public_key[CRYPTO_PUBLIC_BYTES]);

#endif
