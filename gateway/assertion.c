#include "gateway/assertion.h"

#include "protocol/keyring.h"

/* The keys that are good now, each by itself: an assertion without a kid may be by either. */
static enum jwt_error check_signature(const struct jwt *jwt, const struct registry_client *client,
                                      int64_t now)
{
    enum jwt_error error = JWT_KEY;
    for (unsigned i = 0; i < client->key_count && error != JWT_OK; i++) {
        struct jwt_keys keys = {.count = 1};
        struct jwt_key *key = keys.keys;
        struct buf kid = BUF_OVER(key->kid);
        if (client->keys[i].retire_at && now >= client->keys[i].retire_at)
            continue;
        key->alg = JWT_ES256;
        memcpy(key->point, client->keys[i].public_key, sizeof key->point);
        if (jwk_thumbprint(&crypto_openssl, key->point, &kid) != CRYPTO_OK)
            return JWT_OURS;
        buf_cstr(&kid);
        enum jwt_error this_key = jwt_check_signature(jwt, &keys);
        if (this_key != JWT_KEY) /* what the key that is meant says is told, if one is */
            error = this_key;
    }
    return error;
}

static bool name_once(const struct jwt *jwt, const struct registry_client *client,
                      uint8_t once[CACHE_ONCE_BYTES])
{
    const struct bytes parts[] = {BYTES("assertion"), bytes_of(client->id, strlen(client->id) + 1),
                                  jwt_claim_text(jwt, "jti")};
    return crypto_openssl.sha256(parts, 3, once) == CRYPTO_OK;
}

static enum jwt_error check(const struct directory *directory, const struct jwt *jwt,
                            const struct jwt_expected *expected, struct assertion *assertion)
{
    const struct registry_client *client = directory_client(directory, jwt_claim_text(jwt, "sub"));
    struct jwt_expected own = *expected;
    if (!client)
        return JWT_SUBJECT;
    assertion->client = client;
    own.issuer = client->id;
    enum jwt_error error = check_signature(jwt, client, expected->now);
    if (!error)
        error = jwt_check_claims(jwt, &own);
    if (!error && !client_is_open(client, client->role, expected->now))
        error = JWT_SUBJECT;
    if (!error && !jwt_claim_time(jwt, "exp", &assertion->expires_at))
        error = JWT_CLAIM;
    if (!error && !name_once(jwt, client, assertion->once))
        error = JWT_OURS;
    return error;
}

enum jwt_error assertion_check(const struct directory *directory, struct bytes text,
                               const struct jwt_expected *expected, struct assertion *assertion)
{
    struct jwt jwt = {0};
    *assertion = (struct assertion){0};
    enum jwt_error error = jwt_read(text, &jwt);
    if (!error)
        error = check(directory, &jwt, expected, assertion);
    jwt_fini(&jwt);
    return error;
}
