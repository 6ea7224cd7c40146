/* How a vector of codes.json is described: a good code, and what is different about this one. */
#ifndef TESTS_VECTORS_VECTORS_H
#define TESTS_VECTORS_VECTORS_H

#include "protocol/code.h"

enum key { CURRENT, NEXT, RETIRED, STRANGER };

/* The pieces a message is joined from, in their order. Each holds encoded CBOR. The heads of the
 * three strings are computed unless patched. */
enum slot {
    MESSAGE_HEAD,
    PROTECTED_HEAD,
    HEADER_HEAD,
    HEADER_ALG_KEY,
    HEADER_ALG,
    HEADER_KID_KEY,
    HEADER_KID,
    HEADER_END,
    UNPROTECTED,
    PAYLOAD_HEAD,
    CLAIMS_HEAD,
    EXP_KEY,
    EXP,
    IAT_KEY,
    IAT,
    CTI_KEY,
    CTI,
    LICENCE_KEY,
    LICENCE_HEAD,
    PROFILE,
    KIND,
    TYPE,
    ISSUER,
    VERSION,
    NAME,
    TAIL,
    VALID_UNTIL,
    LIST,
    INDEX,
    PAYLOAD_END,
    SIGNATURE_HEAD,
    MESSAGE_END,
    SLOTS
};

struct patch {
    enum slot slot;
    const char *hex; /* NULL ends a list */
};

enum signing {
    GENUINE,
    HIGH_S,
    ONE_BIT, /* of the signature is altered */
    R_ZERO,
    S_ZERO,
    BOTH_ZERO,
    R_ORDER, /* r = n */
    S_ORDER,
    R_LARGEST, /* 2^256 - 1 */
    BY_STRANGER,
    OVER_PAYLOAD, /* alone, without Sig_structure */
    OTHER_CONTEXT,
    OTHER_AAD,
    PAYLOAD_ALTERED, /* after signing */
};

struct vector {
    const char *name;
    const char *description;
    const char *result;               /* "ok" or the reason */
    const struct code_claims *claims; /* the typical ones if NULL */
    int64_t iat;                      /* instead of the claims', with exp */
    int64_t life;                     /* exp - iat, 60 if 0 */
    int64_t now;                      /* ten seconds after iat if 0 */
    bool terminal;                    /* 60 s and 30 s of tolerance instead of 5 s and 5 s */
    bool revoked;                     /* the key is */
    enum key key;
    enum signing signing;
    int signature_more; /* octets added to the signature, -1 or 1 */
    size_t cut;         /* octets taken off the end of the message */
    struct patch patches[24];
    const char *holder_name;    /* instead of the claims' */
    struct bytes before, after; /* the digits, instead of https://jwb.example/v# */
    bool aliased;               /* 2^56 is added to the first group of digits */
    bool text_only;             /* what is wrong is in the text: the octets are not given */
    struct bytes text;          /* instead of all that */
};

extern const struct code_claims typical_claims;
extern const struct vector vectors[];
extern const size_t vector_count;

#endif
