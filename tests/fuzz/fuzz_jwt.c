/* Any octets, as a token, as a token's header, as its claims, and as a key set. A token that is
 * read has one form only; claims that are taken keep the limits; keys that are read can be used. */
#include "base/check.h"
#include "gateway/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW    1800000000
#define LIFE_S 60
#define SKEW_S 5

static const struct jwt_expected expected = {
    .issuer = "i", .audiences = {"a", "b"}, .now = NOW, .skew_s = SKEW_S, .life_s_max = LIFE_S};

static void check_claims(const struct jwt *jwt)
{
    int64_t exp, iat;
    enum jwt_error error = jwt_check_claims(jwt, &expected);
    CHECK(error < JWT_ERROR_COUNT && error != JWT_OURS && error != JWT_MALFORMED);
    if (error)
        return;
    CHECK(jwt_claim_time(jwt, "exp", &exp) && exp > NOW - SKEW_S && exp <= NOW + SKEW_S + LIFE_S);
    CHECK(!jwt_claim_time(jwt, "iat", &iat) || (iat <= NOW + SKEW_S && exp - iat <= LIFE_S));
    CHECK(bytes_equal(jwt_claim_text(jwt, "iss"), BYTES("i")));
    CHECK(jwt_claim_text(jwt, "jti").len - 1 < 256);
}

static void check_token(struct bytes text)
{
    static struct jwt_keys none;
    static uint8_t storage[1024];
    struct buf signature = BUF_OVER(storage);
    struct jwt jwt;
    enum jwt_error error = jwt_read(text, &jwt);
    CHECK(error == JWT_OK || error == JWT_MALFORMED || error == JWT_ALG || error == JWT_HEADER);
    if (!error) {
        CHECK(text.len <= JWT_BYTES_MAX && jwt_check_signature(&jwt, &none) == JWT_KEY);
        buf_put_base64url(&signature, bytes_of(jwt.signature, jwt.signature_len));
        CHECK(text.data[jwt.signed_.len] == '.' &&
              bytes_equal(bytes_from(text, jwt.signed_.len + 1), buf_bytes(&signature)));
        check_claims(&jwt);
        jwt_fini(&jwt);
    }
    CHECK(!jwt.claims);
}

static void check_parts(struct bytes header, struct bytes claims)
{
    static uint8_t storage[2 * JWT_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    buf_put_base64url(&text, header);
    buf_put_u8(&text, '.');
    buf_put_base64url(&text, claims);
    buf_put_str(&text, ".AAAA");
    if (buf_ok(&text))
        check_token(buf_bytes(&text));
}

static void check_keys(struct bytes json)
{
    static struct jwt_keys keys;
    static uint8_t storage[256];
    struct buf why = BUF_OVER(storage);
    const bool read = jwt_keys_read(json, &keys, &why);
    CHECK(read == (why.len == 0) && (read || keys.count == 0) && keys.count <= JWT_KEYS_MAX);
    for (size_t i = 0; i < keys.count; i++) {
        const struct jwt_key *key = &keys.keys[i];
        CHECK(strlen(key->kid) <= JWT_KID_BYTES_MAX && (*key->kid || keys.count == 1));
        CHECK(key->alg == JWT_ES256 ? key->point[0] == 4
                                    : key->modulus_len >= CRYPTO_RSA_BYTES_MIN &&
                                          key->modulus_len <= CRYPTO_RSA_BYTES_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes input = bytes_of(data, size);
    check_token(input);
    check_parts(input, BYTES("{}"));
    check_parts(BYTES("{\"alg\":\"ES256\"}"), input);
    check_keys(input);
    return 0;
}
