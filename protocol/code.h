/* The licence code (亮证码), version 1: an untagged COSE_Sign1 (RFC 9052) over CWT claims (RFC
 * 8392) in deterministic CBOR (RFC 8949 section 4.2.1). docs/PROTOCOL.md is its definition. Bytes
 * in, bytes out: nothing here allocates, waits or keeps state. */
#ifndef PROTOCOL_CODE_H
#define PROTOCOL_CODE_H

#include "protocol/keyring.h"
#include "protocol/status.h"

#define CODE_CTI_BYTES        8
#define CODE_NAME_BYTES_MAX   105
#define CODE_TAIL_BYTES_MAX   4
#define CODE_COSE_BYTES_MAX   247 /* what QR version 12 holds at ECC M with the longest prefix */
#define CODE_DIGITS_MAX       600
#define CODE_PREFIX_BYTES_MAX 35 /* "https://" + host and path prefix of at most 24 + "/v#" */
#define CODE_TEXT_BYTES_MAX   (CODE_PREFIX_BYTES_MAX + CODE_DIGITS_MAX)
#define CODE_LIFE_S_MAX       300
#define CODE_LIST_MAX         65535u
#define CODE_INDEX_MAX        1048575u /* 2^20 - 1 */
#define CODE_LONG_TERM        (-1)     /* valid_until of a licence without an end */
#define CODE_CLAIM_LICENCE    (-65537)

enum code_kind {
    CODE_KIND_LICENCE = 0,
    CODE_KIND_MATERIAL = 1, /* 电子材料: the place is reserved */
};

struct code_claims {
    int64_t expires_at; /* exp, Unix seconds below 2^32 */
    int64_t issued_at;  /* iat */
    uint8_t cti[CODE_CTI_BYTES];
    enum code_kind kind;
    uint16_t type;   /* index into the catalogue of licence types */
    uint16_t issuer; /* index into the catalogue of issuers */
    uint16_t version;
    struct bytes holder_name; /* 1 to 105 bytes of UTF-8, masked as the policy says */
    struct bytes number_tail; /* 0 to 4 characters 0x21 to 0x7E */
    int32_t valid_until; /* last valid civil day in UTC+8 since 1970-01-01, or CODE_LONG_TERM */
    uint16_t list;
    uint32_t index;
};

/* A code that was read: views into the bytes it was read from. */
struct code {
    struct bytes cose;       /* the whole COSE_Sign1 */
    struct bytes protected_; /* content of the protected bstr */
    struct bytes payload;    /* content of the payload bstr */
    uint8_t signature[CRYPTO_SIGNATURE_BYTES];
    enum crypto_alg alg;
    uint8_t kid[KID_BYTES];
    struct code_claims claims;
};

/* What can be wrong with a code by itself; all of it is the peer's but CODE_ERR_CRYPTO.
 * The texts are the `reason` of an answer. */
enum code_error {
    CODE_OK = 0,
    CODE_ERR_MALFORMED,
    CODE_ERR_BAD_SIGNATURE,
    CODE_ERR_NOT_YET_VALID,
    CODE_ERR_EXPIRED,
    CODE_ERR_UNKNOWN_KEY,
    CODE_ERR_KEY_REVOKED,
    CODE_ERR_CRYPTO, /* ours: could not compute; nothing is known about the code */
};
const char *code_error_text(enum code_error error);
/* As an answer says it; status_unavailable for what is ours. */
enum verdict_reason code_error_reason(enum code_error error);

/* Scanned text to bytes: [ "https://" host path "/v" ("#" / "/") ] digits, ASCII space around it
 * trimmed. `cose` needs room for CODE_COSE_BYTES_MAX. Only CODE_OK and CODE_ERR_MALFORMED. */
enum code_error code_read_text(struct bytes text, struct buf *cose);
/* Appends prefix and digits; prefix is e.g. "https://jwb.example/v#" or "". */
void code_write_text(struct bytes prefix, struct bytes cose, struct buf *out);
/* At most CODE_PREFIX_BYTES_MAX, "https://" host path "/v" and '#' or '/'. */
bool code_prefix_valid(struct bytes prefix);

/* Bytes to claims: shape, determinism and ranges, also 0 < exp - iat <= 300; no time, no key, no
 * signature. `out` borrows `cose`. Only CODE_OK and CODE_ERR_MALFORMED. */
enum code_error code_parse(struct bytes cose, struct code *out);

/* The checks that follow, each alone, in the order of the answer (docs/PROTOCOL.md). */
/* Is there a key of use KEY_USE_CODE for it, with the same alg, published and in use at iat? */
enum code_error code_find_key(const struct code *code, const struct keyring *ring,
                              const struct keyring_key **key);
enum code_error code_check_lifetime(const struct code_claims *claims, int64_t now, int64_t future_s,
                                    int64_t past_s);
/* Low s and the ECDSA signature, by a verifier of the key that code_find_key gave. */
enum code_error code_check_signature(const struct code *code, const struct crypto_provider *crypto,
                                     struct crypto_verifier *verifier);
/* Has the licence's last valid day (UTC+8) passed at `now`? */
bool code_licence_expired(const struct code_claims *claims, int64_t now);

/* Signs; appends the COSE_Sign1. The claims must be in range (CHECKed). Overflow is left in `out`.
 */
enum code_error code_sign(const struct code_claims *claims, enum crypto_alg alg,
                          const uint8_t kid[KID_BYTES], const struct crypto_provider *crypto,
                          struct crypto_signer *signer, struct buf *out);

/* Cuts a name that is too long for a code at a character, with '…' at its end. */
void code_write_name(struct buf *out, struct bytes name);

#endif
