/* Access tokens: short strings that a gateway checks with one MAC.
 *
 * token = "jwb1." base64url(CBOR) "." base64url(MAC), where MAC is the first 16 bytes of
 * HMAC-SHA-256(K_token, "jwb-token-1" || CBOR) and CBOR is the deterministic array
 * [role, subject, client, scopes, iat, exp]. Nothing in a token is a person's number. Who asks is
 * in subject and client; `-` is recorded, and means nothing:
 *
 *   role       subject                                          client
 *   holder     the registry's random holder id, 32 hex digits   -
 *   inspector  <agency>/<officer>; - (a terminal's own)         the terminal
 *   partner    -                                                the partner
 *   issuer     -                                                the authority's client
 *   system     -                                                the business system
 *   auditor    -                                                the auditor's client
 *
 * A ticket, by which a client gives its first key, is such a token too, with the scope `register`
 * alone. What a client may is not in the token but in the registry, so that a change of it is felt
 * at once. */
#ifndef PROTOCOL_TOKEN_H
#define PROTOCOL_TOKEN_H

#include "crypto/crypto.h"

#define TOKEN_SUBJECT_BYTES_MAX 64
#define TOKEN_CLIENT_BYTES_MAX  64
#define TOKEN_TEXT_BYTES_MAX    320
#define TOKEN_MAC_BYTES         16
#define TOKEN_KEY_INFO          "jwb-token-key-1" /* K_token = HKDF(the gateway's secret, this) */

/* Values are on the wire: never renumber. */
enum token_role {
    TOKEN_ROLE_ANYBODY = 0, /* no token */
    TOKEN_ROLE_HOLDER = 1,
    TOKEN_ROLE_INSPECTOR = 2,
    TOKEN_ROLE_PARTNER = 3,
    TOKEN_ROLE_ISSUER = 4,
    TOKEN_ROLE_SYSTEM = 5, /* a business system of government */
    TOKEN_ROLE_AUDITOR = 6,
    TOKEN_ROLE_OPERATOR = 7, /* in evidence alone: whoever works with jwb, or the gateway itself */
    TOKEN_ROLE_COUNT,
};
const char *token_role_text(enum token_role role); /* "anybody", "holder", ... */
bool token_role_read(struct bytes text, enum token_role *role);

/* name, word, what it allows; values are on the wire: never renumber, add at the end. */
#define TOKEN_SCOPES(S)                                                                            \
    S(DISPLAY, "display")   /* list and display one's own licences */                              \
    S(VERIFY, "verify")     /* verify displayed codes */                                           \
    S(STATUS, "status")     /* ask the status of licences by place or identifier */                \
    S(CHECK, "check")       /* a partner's: check a licence under its holder's consent */          \
    S(RETRIEVE, "retrieve") /* a system's: retrieve what its matters need, and apply for it */     \
    S(LOOKUP, "lookup")     /* an inspector's: look a licence up without a code */                 \
    S(CONSENT, "consent")   /* a holder's: consents, mandates, and who looked */                   \
    S(ENFORCE, "enforce")   /* an inspector's: seize, withdraw, request to cancel, restore */      \
    S(DELIVER, "deliver")   /* an authority's: its licences, and what others did with them */      \
    S(OBJECT, "object")     /* a holder's and an inspector's: object to what a licence says */     \
    S(TRACE, "trace")       /* read the timeline of a licence */                                   \
    S(SYNC, "sync")         /* a terminal's and a partner's: fetch status lists; deliver scans */  \
    S(REGISTER, "register") /* of no role: a client that has no key yet may give its first one */
enum token_scope_bit {
#define S(name, word) TOKEN_SCOPE_BIT_##name,
    TOKEN_SCOPES(S)
#undef S
        TOKEN_SCOPE_COUNT
};
enum token_scope {
#define S(name, word) TOKEN_SCOPE_##name = 1u << TOKEN_SCOPE_BIT_##name,
    TOKEN_SCOPES(S)
#undef S
};
#define TOKEN_SCOPES_ALL ((1u << TOKEN_SCOPE_COUNT) - 1)
/* The scopes a role has unless fewer are asked for. */
unsigned token_role_scopes(enum token_role role);
/* Words separated by spaces (RFC 6749 section 3.3); false for an unknown one. */
bool token_scopes_read(struct bytes text, unsigned *scopes);
void token_scopes_write(struct buf *out, unsigned scopes);

struct token_claims {
    enum token_role role;
    struct bytes subject; /* may be empty, as may the client */
    struct bytes client;
    unsigned scopes;   /* set of enum token_scope */
    int64_t issued_at; /* Unix seconds */
    int64_t expires_at;
};

enum token_error {
    TOKEN_OK = 0,
    TOKEN_ERR_MALFORMED, /* the peer's */
    TOKEN_ERR_MAC,       /* the peer's: altered, or another gateway's */
    TOKEN_ERR_EXPIRED,   /* the peer's */
    TOKEN_ERR_CRYPTO,    /* ours */
};
const char *token_error_text(enum token_error error);

/* `mac` is keyed with K_token. Claims must be in range (CHECKed): texts printable ASCII. */
enum token_error token_write(const struct token_claims *claims,
                             const struct crypto_provider *crypto, struct crypto_mac *mac,
                             struct buf *out);
/* `storage` (at least TOKEN_TEXT_BYTES_MAX) receives the decoded bytes that the views in `claims`
 * point into. The MAC is compared in constant time, before anything inside is believed. */
enum token_error token_read(struct bytes text, int64_t now, const struct crypto_provider *crypto,
                            struct crypto_mac *mac, struct buf *storage,
                            struct token_claims *claims);

#endif
