/* A receipt: the gateway's signed statement of what it told a partner. docs/PROTOCOL.md has the
 * format for others.
 *
 * COSE_Sign1, tag 18, protected {1: alg, 4: kid, 16: "application/jwb-receipt+cbor"}, empty
 * unprotected header, deterministic CBOR. Payload: CWT claims (RFC 8392) 1 iss (the gateway's
 * origin), 2 sub (the client's id), 6 iat, 7 cti (the request's id, 8 octets), and
 * -65540: [version = 1, kind, subject, result, reason, purpose, fields, shown], result and reason
 * as the words of an answer (null: none). Its key has use receipt: never one that signs codes, and
 * neither message can be read as the other. */
#ifndef PROTOCOL_RECEIPT_H
#define PROTOCOL_RECEIPT_H

#include "protocol/keyring.h"
#include "protocol/status.h"

#define RECEIPT_TEXT_BYTES_MAX 128 /* issuer, client, purpose */
#define RECEIPT_FIELDS_MAX     32
#define RECEIPT_BYTES_MAX      1024

enum receipt_kind {
    RECEIPT_OF_CODE = 1,    /* subject: the code's cti, 8 octets */
    RECEIPT_OF_LICENCE = 2, /* subject: SHA-256("jwb-receipt-1" || cti || number || 0 || holder
                               name) of what the partner asked with */
};
struct receipt {
    struct bytes issuer, client;
    int64_t issued_at;
    uint8_t cti[8];
    enum receipt_kind kind;
    struct bytes subject; /* 8 or 32 octets */
    enum verdict_result result;
    enum verdict_reason reason;
    struct bytes purpose;
    struct bytes fields[RECEIPT_FIELDS_MAX]; /* names of those shown, 1 to 32 octets each */
    size_t field_count;
    uint8_t shown[CRYPTO_HASH_BYTES]; /* SHA-256 of the answer's `licence` object, octet by octet;
                                         of the empty text when it has none */
};
/* Signs and appends; an overflow is left in `out`. result is the reason's (CHECKed, as are the
 * lengths). */
enum crypto_result receipt_write(const struct receipt *receipt, enum crypto_alg alg,
                                 const uint8_t kid[KID_BYTES], const struct crypto_provider *crypto,
                                 struct crypto_signer *signer, struct buf *out);
/* Reads what receipt_write makes and nothing else; views into `message`. *kid tells whose signature
 * is to be checked with receipt_check. False: malformed. */
bool receipt_read(struct bytes message, struct receipt *receipt, uint8_t kid[KID_BYTES]);
/* By a key of this algorithm. CRYPTO_MISMATCH also when the message names another. */
enum crypto_result receipt_check(struct bytes message, enum crypto_alg alg,
                                 const struct crypto_provider *crypto,
                                 struct crypto_verifier *verifier);

#endif
