/* GET /.well-known/oauth-authorization-server: where tokens are given, and how (RFC 8414). */
#include "base/check.h"
#include "gateway/home.h"
#include "gateway/oauth.h"

#define METADATA_STEPS(S)    S(answer_metadata)
#define METADATA_BYTES_SPARE 1024 /* beside the origin, four times */

struct metadata {
    struct operation op;
};

static void put_url(struct buf *out, const char *name, const char *origin, const char *path)
{
    buf_printf(out, "\"%s\":\"", name);
    buf_put_json_escaped(out, bytes_str(origin));
    buf_printf(out, "%s\",", path);
}

static enum step_result answer_metadata(struct metadata *m)
{
    const struct http_answer_header cached = {"cache-control", BYTES("public, max-age=300")};
    const struct config *config = m->op.home->settings->config;
    const bool exchange = *config->identity_issuer;
    const size_t room = 4 * 6 * strlen(config->public_origin) + METADATA_BYTES_SPARE;
    struct buf body;
    buf_init(&body, http_room(m->op.http, room), room);
    buf_put_u8(&body, '{');
    put_url(&body, "issuer", config->public_origin, "");
    put_url(&body, "token_endpoint", config->public_origin, OAUTH_TOKEN_PATH);
    put_url(&body, "registration_endpoint", config->public_origin, OAUTH_REGISTER_PATH);
    put_url(&body, "jwks_uri", config->public_origin, "/.well-known/jwks.json");
    buf_put_str(&body, "\"grant_types_supported\":[\"" GRANT_CLIENT "\"");
    buf_put_str(&body, exchange ? ",\"" GRANT_EXCHANGE "\"]" : "]");
    /* A citizen has no client: his app exchanges his token without one. */
    buf_put_str(&body, ",\"token_endpoint_auth_methods_supported\":[\"private_key_jwt\"");
    buf_put_str(&body, exchange ? ",\"none\"]" : "]");
    buf_put_str(&body, ",\"token_endpoint_auth_signing_alg_values_supported\":[\"ES256\"],"
                       "\"response_types_supported\":[],\"scopes_supported\":[\"");
    for (unsigned bit = 0; bit < TOKEN_SCOPE_COUNT; bit++) {
        buf_put_str(&body, bit ? "\",\"" : "");
        token_scopes_write(&body, 1u << bit);
    }
    buf_put_str(&body, "\"]}");
    CHECK(buf_ok(&body));
    return operation_answer(&m->op, 200, "application/json", buf_bytes(&body), &cached, 1);
}

FLOW_DEFINE(metadata, METADATA_STEPS);
