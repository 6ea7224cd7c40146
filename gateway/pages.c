/* What anybody may fetch: the public keys. */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/home.h"

#define JWKS_STEPS(S)  S(answer_jwks)
#define JWKS_BYTES_MAX (KEYRING_KEYS_MAX * 320)

struct jwks {
    struct operation op;
};

static enum step_result answer_jwks(struct jwks *j)
{
    const struct http_answer_header cached = {"cache-control", BYTES("public, max-age=300")};
    struct buf body;
    buf_init(&body, http_alloc(j->op.http, JWKS_BYTES_MAX), JWKS_BYTES_MAX);
    keyring_write_jwks(&j->op.home->settings->keys.ring, clock_wall_s(), &body);
    CHECK(buf_ok(&body));
    return operation_answer(&j->op, 200, "application/jwk-set+json", buf_bytes(&body), &cached, 1);
}

FLOW_DEFINE(jwks, JWKS_STEPS);
