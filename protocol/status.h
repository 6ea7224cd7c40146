/* What a licence is worth: statuses, the bits of the status lists, results and reasons. */
#ifndef PROTOCOL_STATUS_H
#define PROTOCOL_STATUS_H

#include "base/bytes.h"

#define STATUS_LIST_PLACES 1048576u /* 2^20 */
#define STATUS_LIST_BYTES  262144u  /* 2 bits a place */

/* The effective status, the strictest first: of several the first in this order is told. */
/* clang-format off */
#define LICENCE_STATUSES(S)                                                                        \
    /*  name        code bits text */                                                              \
    S(RESCINDED,    7,   1,   "rescinded")    /* 吊销 */                                           \
    S(REVOKED,      3,   1,   "revoked")      /* 撤销 */                                           \
    S(CANCELLED,    4,   1,   "cancelled")    /* 注销 */                                           \
    S(SUPERSEDED,   0,   1,   "superseded")   /* a newer version exists; ours, no issuer's code */ \
    S(LAPSED,       5,   1,   "lapsed")       /* 失效 */                                           \
    S(WITHDRAWN,    8,   3,   "withdrawn")    /* 收回 */                                           \
    S(TRANSFERRED,  6,   3,   "transferred")  /* 转出 */                                           \
    S(OTHER,        99,  3,   "other")        /* 其他 */                                           \
    S(SEIZED,       2,   2,   "seized")       /* 暂扣 */                                           \
    S(IN_DOUBT,     98,  3,   "in_doubt")     /* its present version was lost: could not find out */ \
    S(VALID,        1,   0,   "valid")        /* 有效 */
/* clang-format on */

enum licence_status {
#define S(name, code, bits, text) LICENCE_STATUS_##name,
    LICENCE_STATUSES(S)
#undef S
        LICENCE_STATUS_COUNT,
};

/* The bits of a place, IETF Token Status List: 0 valid, 1 invalid, 2 suspended, 3 application. */
uint8_t licence_status_bits(enum licence_status status);
const char *licence_status_text(enum licence_status status);
/* The two-digit code of the issuers' data (01 to 08, 99; docs/PROTOCOL.md); superseded has 0. */
unsigned licence_status_code(enum licence_status status);
/* By code ("01", "1") or by text ("valid"); false for none of them, and for
 * superseded and in_doubt, which no issuer says. */
bool licence_status_read(struct bytes text, enum licence_status *status);
/* The stricter of two. */
enum licence_status licence_status_stricter(enum licence_status a, enum licence_status b);

/* The two bits of place i in a list's byte array, packed from the least significant bit. */
static inline uint8_t status_list_get(const uint8_t *list, uint32_t i)
{
    return (uint8_t)(list[i / 4] >> (2 * (i % 4)) & 3);
}
static inline void status_list_set(uint8_t *list, uint32_t i, uint8_t bits)
{
    unsigned shift = 2 * (i % 4);
    list[i / 4] = (uint8_t)((list[i / 4] & ~(3u << shift)) | (unsigned)bits << shift);
}

/* What a hold does to a licence. */
enum hold_kind {
    HOLD_SEIZED = 0,           /* 暂扣 */
    HOLD_WITHDRAWN = 1,        /* 收回 */
    HOLD_CANCEL_REQUESTED = 2, /* an inspector's 注销: seized until the issuer decides */
    HOLD_KIND_COUNT,
};
const char *hold_kind_text(enum hold_kind kind); /* "seize", "withdraw", "cancel-requested" */
bool hold_kind_read(struct bytes text, enum hold_kind *kind);
enum licence_status hold_status(enum hold_kind kind);

/* The answer to a scan is three-valued, with a reason from one closed list. */
enum verdict_result {
    RESULT_VALID,
    RESULT_INVALID,
    RESULT_INDETERMINATE, /* could not find out */
    RESULT_COUNT,
};
#define VERDICT_REASONS(R)                                                                         \
    R(NONE, VALID, "none")                                                                         \
    R(MALFORMED, INVALID, "malformed")                                                             \
    R(BAD_SIGNATURE, INVALID, "bad_signature")                                                     \
    R(CODE_EXPIRED, INVALID, "code_expired")                                                       \
    R(NOT_YET_VALID, INVALID, "not_yet_valid")                                                     \
    R(UNKNOWN_KEY, INVALID, "unknown_key")                                                         \
    R(KEY_REVOKED, INVALID, "key_revoked")                                                         \
    R(LICENCE_EXPIRED, INVALID, "licence_expired")                                                 \
    R(LICENCE_SEIZED, INVALID, "licence_seized")                                                   \
    R(LICENCE_WITHDRAWN, INVALID, "licence_withdrawn")                                             \
    R(LICENCE_REVOKED, INVALID, "licence_revoked")                                                 \
    R(LICENCE_CANCELLED, INVALID, "licence_cancelled")                                             \
    R(LICENCE_RESCINDED, INVALID, "licence_rescinded")                                             \
    R(LICENCE_LAPSED, INVALID, "licence_lapsed")                                                   \
    R(LICENCE_TRANSFERRED, INVALID, "licence_transferred")                                         \
    R(LICENCE_SUPERSEDED, INVALID, "licence_superseded")                                           \
    R(LICENCE_NOT_IN_FORCE, INVALID, "licence_not_in_force")                                       \
    R(CODE_ALREADY_USED, INVALID, "code_already_used")                                             \
    R(LICENCE_UNKNOWN, INDETERMINATE, "licence_unknown")                                           \
    R(STATUS_UNAVAILABLE, INDETERMINATE, "status_unavailable")                                     \
    R(CATALOGUE_UNKNOWN, INDETERMINATE, "catalogue_unknown")                                       \
    /* a terminal's, offline */                                                                    \
    R(LICENCE_INVALID, INVALID, "licence_invalid") /* of bits 1 no more is known */                \
    R(STATUS_STALE, INDETERMINATE, "status_stale")                                                 \
    R(CLOCK_UNTRUSTED, INDETERMINATE, "clock_untrusted")                                           \
    R(TRUST_STALE, INDETERMINATE, "trust_stale")

enum verdict_reason {
#define R(name, result, text) REASON_##name,
    VERDICT_REASONS(R)
#undef R
        REASON_COUNT,
};
/* Every reason belongs to one result, at a gateway; in journals by number: add at the end. */
enum verdict_result verdict_reason_result(enum verdict_reason reason);
/* The same at a terminal, whose keys may be old and whose clock may be wrong: an unknown key and a
 * code from the future tell it nothing. */
enum verdict_result verdict_reason_result_offline(enum verdict_reason reason);
/* The reason that the two bits of a place give where no more is known; REASON_NONE for 0. */
enum verdict_reason status_bits_reason(uint8_t bits);
const char *verdict_reason_text(enum verdict_reason reason);
const char *verdict_result_text(enum verdict_result result); /* "valid", ... */
/* The reason that a status gives; REASON_NONE for valid. */
enum verdict_reason licence_status_reason(enum licence_status status);
/* The reason that a licence gives on a civil day, whose validity begins and ends with these days; a
 * negative one is none. One that has ended is told as that, whatever else its status says. */
enum verdict_reason licence_reason(enum licence_status status, int32_t valid_from,
                                   int32_t valid_until, int32_t today);

#endif
