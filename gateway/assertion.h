/* Clients that say who they are by a JWT signed with their registered key: RFC 7523 section 3, as
 * OpenID Connect's private_key_jwt has it. */
#ifndef GATEWAY_ASSERTION_H
#define GATEWAY_ASSERTION_H

#include "cache/cache.h"
#include "gateway/directory.h"
#include "gateway/jwt.h"

struct assertion {
    const struct registry_client *client; /* the directory's */
    uint8_t once[CACHE_ONCE_BYTES];       /* what makes it itself: client and jti */
    int64_t expires_at;                   /* Unix seconds */
};

/* iss and sub are the client's id; its "kid" is the RFC 7638 thumbprint of one of the client's
 * keys, or is left out. `expected` lacks the issuer. JWT_SUBJECT: no such client, or it is shut
 * out or expired. Whether it was used before is not looked at. *assertion is set with JWT_OK;
 * `client` also when it is only known whose it claims to be. */
enum jwt_error assertion_check(const struct directory *directory, struct bytes text,
                               const struct jwt_expected *expected, struct assertion *assertion);

#endif
