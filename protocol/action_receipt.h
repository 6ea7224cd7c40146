/* An action receipt (核验回执): the gateway's signed statement that an officer took an enforcement
 * action, for the case's file. It says what was done then, and nothing of what became of it.
 * docs/PROTOCOL.md has the format for others.
 *
 * COSE_Sign1, tag 18, protected {1: alg, 4: kid, 16: "application/jwb-action-receipt+cbor"},
 * empty unprotected header, deterministic CBOR. Payload: CWT claims (RFC 8392) 1 iss (the gateway's
 * origin), 2 sub (the terminal's id), 6 iat (when it was done), 7 cti (the action's id), and
 * -65541: [version = 1, action, agency, case number, officer, licence, type, holder's name,
 * number's tail, status, at, due at, evidence hash]. Its key has use receipt, as partners' receipts
 * have (protocol/receipt.h); neither message can be read as the other. */
#ifndef PROTOCOL_ACTION_RECEIPT_H
#define PROTOCOL_ACTION_RECEIPT_H

#include "protocol/keyring.h"
#include "protocol/status.h"

#define ACTION_RECEIPT_ID_BYTES       16
#define ACTION_RECEIPT_WORD_BYTES_MAX 14  /* "request_cancel" */
#define ACTION_RECEIPT_NAME_BYTES_MAX 96  /* of a holder, masked */
#define ACTION_RECEIPT_TEXT_BYTES_MAX 64  /* terminal, case number, type */
#define ACTION_RECEIPT_BYTES_MAX      759 /* the longest, with an origin of 128 octets */
/* As text, in a QR code: this and the message in base64url. */
#define ACTION_RECEIPT_PREFIX   "jwb-receipt:"
#define ACTION_RECEIPT_TEXT_MAX 1024

struct action_receipt_claims {
    struct bytes issuer;                 /* 1 to 128 octets */
    struct bytes terminal;               /* the client's id */
    uint8_t id[ACTION_RECEIPT_ID_BYTES]; /* the action's */
    struct bytes action;                 /* "seize", "restore", ... */
    struct bytes agency, officer;        /* AGENCY/OFFICER in the token: together at most 63 */
    struct bytes case_number;            /* 1 to 64 octets */
    uint8_t licence[CRYPTO_HASH_BYTES];  /* the licence's salted reference, as in evidence */
    struct bytes type;                   /* the licence type's code */
    struct bytes holder_name;            /* masked */
    struct bytes number_tail;            /* at most 4 characters of the licence's number */
    enum licence_status status;          /* the effective one, right after the action */
    int64_t at, due_at;                  /* Unix seconds below 2^32; due_at 0: none */
    bool has_evidence;                   /* a hash of the agency's own evidence was given: */
    uint8_t evidence_hash[CRYPTO_HASH_BYTES];
};
/* Signs and appends; an overflow is left in `out`. Lengths and ranges are CHECKed. */
enum crypto_result action_receipt_write(const struct action_receipt_claims *receipt,
                                        enum crypto_alg alg, const uint8_t kid[KID_BYTES],
                                        const struct crypto_provider *crypto,
                                        struct crypto_signer *signer, struct buf *out);
/* Reads what action_receipt_write makes and nothing else; views into `message`. *kid tells whose
 * signature is to be checked with action_receipt_check. False: malformed. */
bool action_receipt_read(struct bytes message, struct action_receipt_claims *receipt,
                         uint8_t kid[KID_BYTES]);
/* By a key of this algorithm. CRYPTO_MISMATCH also when the message names another. */
enum crypto_result action_receipt_check(struct bytes message, enum crypto_alg alg,
                                        const struct crypto_provider *crypto,
                                        struct crypto_verifier *verifier);

/* Appends the text form; the reverse is false for what is none, or has no room in `message`. White
 * space around it is passed over. */
void action_receipt_write_text(struct bytes message, struct buf *out);
bool action_receipt_read_text(struct bytes text, struct buf *message);

#endif
