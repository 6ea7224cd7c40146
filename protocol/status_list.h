/* Status List Tokens (draft-ietf-oauth-status-list): a list of 2^20 places of 2 bits, compressed
 * (zlib, RFC 1950) and signed, as CWT for terminals and as JWT. docs/PROTOCOL.md has our profile.
 *
 * Written is one form alone: COSE_Sign1, tag 18, protected {1: alg, 4: kid,
 * 16: "application/statuslist+cwt"}, deterministic claims 2 sub, 4 exp, 6 iat, 65533
 * {"bits", "lst"}, 65534 ttl, -65538 [*revoked code kid]. Read is what the draft allows: tags 61
 * and 18 or none, any order of keys, kid in either header, claims that are not known, 1, 2, 4 or 8
 * bits; never a key twice, an indefinite length, or octets behind the end. */
#ifndef PROTOCOL_STATUS_LIST_H
#define PROTOCOL_STATUS_LIST_H

#include "protocol/cose_any.h"
#include "protocol/status.h"

#define STATUS_LIST_CWT_TYPE        "application/statuslist+cwt"
#define STATUS_LIST_JWT_TYPE        "application/statuslist+jwt"
#define STATUS_LIST_TOKEN_BYTES_MAX (512 * 1024) /* of a list whose bits do not compress at all */
#define STATUS_LIST_JWT_BYTES_MAX   (768 * 1024)
#define STATUS_LIST_REVOKED_MAX     256

/* RFC 8392 section 4, the draft's section 14.2, and one of ours */
enum status_list_claim {
    STATUS_LIST_CLAIM_SUB = 2,
    STATUS_LIST_CLAIM_EXP = 4,
    STATUS_LIST_CLAIM_IAT = 6,
    STATUS_LIST_CLAIM_LIST = 65533,
    STATUS_LIST_CLAIM_TTL = 65534,
    STATUS_LIST_CLAIM_REVOKED = -65538,
};

struct status_list_token {
    struct bytes subject; /* the list's URI, 1 to 255 octets */
    int64_t issued_at;    /* Unix seconds */
    int64_t expires_at;   /* 0: none (only when read from elsewhere) */
    uint32_t ttl_s;       /* 0: none */
    unsigned bits;        /* 1, 2, 4, 8 */
    struct bytes lst;     /* the compressed array */
    uint8_t revoked[STATUS_LIST_REVOKED_MAX][KID_BYTES]; /* of code keys, at issued_at */
    size_t revoked_count;

    struct cose_any message; /* of one that was read: views into it */
};

/* Compresses an array of STATUS_LIST_BYTES; allocates zlib's state for the call. False: an overflow
 * of `out`, or no memory. */
bool status_list_deflate(const uint8_t array[STATUS_LIST_BYTES], struct buf *out);

/* Sign and append. expires_at and ttl_s must be given, bits be 2, kids ascend (CHECKed). What a
 * token becomes is of no use after a failure or an overflow, which is left in `out`. */
enum crypto_result status_list_write_cwt(const struct status_list_token *token, enum crypto_alg alg,
                                         const uint8_t kid[KID_BYTES],
                                         const struct crypto_provider *crypto,
                                         struct crypto_signer *signer, struct buf *out);
/* JWS (RFC 7515), compact: typ "statuslist+jwt", alg "ES256" or "SM2", kid in lowercase
 * hexadecimal; revoked kids in the claim "jwb_revoked". Allocates for the call; CRYPTO_FAILED also
 * without memory. */
enum crypto_result status_list_write_jwt(const struct status_list_token *token, enum crypto_alg alg,
                                         const uint8_t kid[KID_BYTES],
                                         const struct crypto_provider *crypto,
                                         struct crypto_signer *signer, struct buf *out);

/* Reads a CWT's shape and claims; neither signature nor time, nor what is in the list. Times are
 * whole seconds. False: the peer's. */
bool status_list_read(struct bytes message, struct status_list_token *token);
/* Of one that was read, by a verifier of this algorithm: CRYPTO_MISMATCH if its own is another. */
enum crypto_result status_list_check(const struct status_list_token *token, enum crypto_alg alg,
                                     const struct crypto_provider *crypto,
                                     struct crypto_verifier *verifier);

/* Inflating with zlib's state in the caller's memory: nothing is allocated. One inflation at a
 * time; any number after each other. */
#define STATUS_LIST_INFLATE_BYTES 49152 /* inflate takes 7 KiB and a window of 32 KiB */
struct status_list_inflater {
    _Alignas(16) uint8_t memory[STATUS_LIST_INFLATE_BYTES];
    size_t used;
};
/* True if all of `lst` is one stream of exactly `array->cap` octets; else false, the peer's, and
 * what the array has is of no use. No list costs more than that, whatever it would inflate to. */
bool status_list_inflate(struct status_list_inflater *inflater, struct bytes lst,
                         struct buf *array);
/* The same of at most `array->cap` octets, for lists of a size that is not known before. */
bool status_list_inflate_any(struct status_list_inflater *inflater, struct bytes lst,
                             struct buf *array);
/* The value of place i in an array of 1, 2, 4 or 8 bits a place, packed from the least significant
 * bit. i must be within it (CHECKed). */
uint8_t status_list_value(struct bytes array, unsigned bits, uint64_t i);

#endif
