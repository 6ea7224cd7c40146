/* A licence that somebody names in a body: by a code that was scanned, by the interface's id, or by
 * its number or identifier. For actions and objections; what comes of it is the licence as it is
 * now, also when the code is of an older version. */
#ifndef GATEWAY_NAMED_H
#define GATEWAY_NAMED_H

#include "gateway/operation.h"
#include "protocol/code.h"

struct named {
    /* asked: one of them, the other's data is NULL; views are the request's */
    struct bytes code;    /* a code's text, URL or digits */
    struct bytes licence; /* 32 hex digits, else a number or an identifier in any case */

    /* answered by named_check: query.licence, the present version, until the request's end */
    struct registry_query query;

    /* its own */
    struct operation *op;
    uint8_t cose[CODE_COSE_BYTES_MAX];
    struct code scanned; /* views into cose */
    struct bytes number;
    bool gone; /* over to another holder, since the code was made */
};

/* The rows of body_read's table that fill a `struct named`. */
/* clang-format off */
#define NAMED_MEMBERS(named)                                                                       \
    {.name = "code", .kind = BODY_OPTIONAL, .bytes_max = CODE_TEXT_BYTES_MAX,                      \
     .text = &(named)->code},                                                                      \
    {.name = "licence", .kind = BODY_OPTIONAL, .bytes_max = REGISTRY_TEXT_BYTES_MAX,               \
     .text = &(named)->licence}
/* clang-format on */

/* Steps, in this order; `op` is the one that `named` is part of.
 *
 * named_read: after body_read. Is exactly one of them given, and a code one of ours? A code counts
 * for enforcement.code_age_s after its end, for it shows which licence somebody had in his hands,
 * not that he may do anything. STEP_NEXT; or it answers: malformed_body with `shape` for none or
 * both; malformed_body with the code's own reason (bad_signature, key_revoked, code_expired, ...);
 * 500 when the signature could not be computed. */
enum step_result named_read(struct named *named, struct operation *op, const char *shape);
/* Looks it up: STEP_NEXT, or STEP_WAIT and the flow goes on. */
enum step_result named_find(struct named *named);
/* After that. STEP_NEXT: query.licence is there. Or it answers: `not_found` when there is none
 * (reason licence_superseded: the code is of a version that another holder had);
 * licence_ambiguous when several have the number; 503 when that can't be found out, which is also
 * so for a code that is ours and whose licence the registry has not. A holder's right to it is not
 * looked at here. */
enum step_result named_check(struct named *named, enum problem not_found);

/* A number as records have it: no spaces, large letters; in the request's pool. */
struct bytes named_fold(const struct operation *op, struct bytes number);

#endif
