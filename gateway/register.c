/* POST /oauth2/register: a client that an operator added with a ticket gives its public key, once
 * (RFC 7591, with the ticket as initial access token). The private one never leaves it. */
#include <jansson.h>
#include <stdlib.h>

#include "base/check.h"
#include "gateway/commit.h"
#include "gateway/home.h"
#include "gateway/json.h"
#include "protocol/keyring.h"

#define REGISTER_STEPS(S)                                                                          \
    S(read_registration) /* body -> key                             */                             \
    S(write_key)         /* registry: if the client has none        */                             \
    S(settle_key)        /* its event is in the evidence log        */                             \
    S(answer_registration)

#define SHAPE            "{\"jwks\": {\"keys\": [<one public JSON Web Key, EC P-256>]}}"
#define COORDINATE_BYTES 32
#define ANSWER_BYTES_MAX 1024

struct register_client {
    struct operation op;
    struct registry_client client; /* its key alone */
    struct commit commit;
};

/* The members that it does not know are the client's own wishes, and ignored: RFC 7591, section 2.
 */
static bool read_key(struct bytes body, uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    char sentence[256];
    struct buf why = BUF_OVER(sentence);
    struct jwt_keys keys = {0};
    json_t *document = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
    char *jwks = json_dumps(json_object_get(document, "jwks"), JSON_COMPACT);
    bool read = jwks && jwt_keys_read(bytes_str(jwks), &keys, &why) && keys.count == 1 &&
                keys.keys[0].alg == JWT_ES256;
    memcpy(public_key, keys.keys[0].point, CRYPTO_PUBLIC_BYTES);
    free(jwks);
    json_decref(document);
    return read;
}

static enum step_result read_registration(struct register_client *r)
{
    if (!operation_body_is(&r->op, "application/json"))
        return operation_fail(&r->op, PROBLEM_MEDIA_TYPE, NULL, "application/json");
    return read_key(http_body(r->op.http), r->client.keys[0].public_key)
               ? STEP_NEXT
               : operation_fail(&r->op, PROBLEM_MALFORMED_BODY, NULL, SHAPE);
}

static enum step_result write_key(struct register_client *r)
{
    if (atomic_load(&r->op.home->gateway->registry_behind))
        return operation_fail(&r->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    r->commit.change = (struct registry_change){
        .kind = CHANGE_CLIENT_REGISTER, .text = r->op.asker.client, .client = &r->client};
    return commit_submit(&r->commit, &r->op);
}

static enum step_result settle_key(struct register_client *r)
{
    switch (r->commit.change.error) {
    case REGISTRY_OK:
        return commit_settle(&r->commit);
    case REGISTRY_ERR_REFUSED:
        return operation_fail(&r->op, PROBLEM_KEY_EXISTS, NULL, NULL);
    case REGISTRY_ERR_NOT_FOUND: /* disabled just now */
        return operation_fail(&r->op, PROBLEM_TOKEN_REVOKED, NULL, NULL);
    default:
        return operation_fail(&r->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    }
}

static void put_coordinate(struct buf *out, const char *name, const uint8_t *octets)
{
    buf_printf(out, ",\"%s\":\"", name);
    buf_put_base64url(out, bytes_of(octets, COORDINATE_BYTES));
    buf_put_u8(out, '"');
}

/* The kid is the one that an assertion may name. */
static bool put_key(struct buf *out, const uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    buf_put_str(out,
                "{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"");
    bool named = jwk_thumbprint(&crypto_openssl, public_key, out) == CRYPTO_OK;
    buf_put_u8(out, '"');
    put_coordinate(out, "x", public_key + 1);
    put_coordinate(out, "y", public_key + 1 + COORDINATE_BYTES);
    buf_put_u8(out, '}');
    return named;
}

static enum step_result answer_registration(struct register_client *r)
{
    const struct http_answer_header pragma = {"pragma", BYTES("no-cache")};
    struct buf body;
    buf_init(&body, http_room(r->op.http, ANSWER_BYTES_MAX), ANSWER_BYTES_MAX);
    buf_put_u8(&body, '{');
    json_put_text(&body, "client_id", bytes_str(r->op.client->id));
    buf_put_str(&body, ",\"token_endpoint_auth_method\":\"private_key_jwt\",\"scope\":\"");
    token_scopes_write(&body, r->op.client->scopes);
    buf_put_str(&body, "\",\"jwks\":{\"keys\":[");
    bool named = put_key(&body, r->client.keys[0].public_key);
    buf_put_str(&body, "]}}");
    CHECK(buf_ok(&body));
    return named ? operation_answer(&r->op, 201, "application/json", buf_bytes(&body), &pragma, 1)
                 : operation_fail(&r->op, PROBLEM_OURS, NULL, NULL);
}

FLOW_DEFINE(register_client, REGISTER_STEPS);
