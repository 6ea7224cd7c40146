/* gateway/jwt.h: the published tokens, and the hostile ones. Each test begins with what would be
 * broken if it failed; `error` of a row is what must be found wrong. */
#include <stdio.h>

#include <openssl/hmac.h>

#include "gateway/jwt.h"
#include "tests/jwt_maker.h"
#include "tests/support.h"
#include "tests/twin.h"

#define NOW    1800000000
#define LIFE_S 60
#define SKEW_S 5

static const struct jwt_expected expected = {.issuer = "https://idp.test",
                                             .audiences = {"https://gw.test", "https://gw.test/t"},
                                             .now = NOW,
                                             .skew_s = SKEW_S,
                                             .life_s_max = LIFE_S};
#define CLAIMS(members) "{\"iss\":\"https://idp.test\",\"jti\":\"1\"," members "}"
#define AUD             "\"aud\":\"https://gw.test\""
#define EXP             "\"exp\":1800000060"
static const char good[] = CLAIMS(AUD "," EXP ",\"iat\":1800000000");

static EVP_PKEY *ec, *other, *rsa;
static struct jwt_keys keys; /* of all three: "ec", "other", "rsa" */

static int make_keys(void **state)
{
    (void)state;
    static uint8_t storage[MAKER_TEXT_BYTES_MAX];
    struct buf set = BUF_OVER(storage), why = BUF_OVER((uint8_t[200]){0});
    ec = maker_ec_key();
    other = maker_ec_key();
    rsa = maker_rsa_key();
    buf_put_str(&set, "{\"keys\":[");
    maker_put_jwk(&set, ec, ",\"kid\":\"ec\",\"alg\":\"ES256\",\"use\":\"sig\"");
    buf_put_u8(&set, ',');
    maker_put_jwk(&set, other, ",\"kid\":\"other\"");
    buf_put_u8(&set, ',');
    maker_put_jwk(&set, rsa, ",\"kid\":\"rsa\",\"x5c\":[\"AA==\"]");
    buf_put_str(&set, "]}");
    return jwt_keys_read(buf_bytes(&set), &keys, &why) && keys.count == 3 ? 0 : -1;
}

static int drop_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(ec);
    EVP_PKEY_free(other);
    EVP_PKEY_free(rsa);
    return 0;
}

static enum jwt_error verdict_with(struct bytes token, const struct jwt_keys *with)
{
    struct jwt jwt;
    enum jwt_error error = jwt_read(guarded(0, token), &jwt);
    if (error) {
        assert_null(jwt.claims); /* nothing to be freed */
        return error;
    }
    error = jwt_check_signature(&jwt, with);
    if (!error)
        error = jwt_check_claims(&jwt, &expected);
    jwt_fini(&jwt);
    return error;
}

static enum jwt_error verdict(struct bytes token)
{
    return verdict_with(token, &keys);
}

static uint8_t token_storage[MAKER_TEXT_BYTES_MAX];

/* Valid until the next call. */
static struct bytes token(EVP_PKEY *key, const char *header, const char *claims)
{
    struct buf out = BUF_OVER(token_storage);
    maker_put_token(&out, key, header, claims);
    return buf_bytes(&out);
}

static struct bytes token_signed(const char *header, const char *claims, struct bytes signature)
{
    struct buf out = BUF_OVER(token_storage);
    maker_put_input(&out, header, claims);
    buf_put_u8(&out, '.');
    buf_put_base64url(&out, signature);
    CHECK(buf_ok(&out));
    return buf_bytes(&out);
}

#define EC_HEADER  "{\"alg\":\"ES256\",\"kid\":\"ec\"}"
#define RSA_HEADER "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"JWT\",\"cty\":\"x\"}"

#define assert_verdict(token, error_)                                                              \
    assert_string_equal(jwt_error_text(verdict(token)), jwt_error_text(error_))

/* We would read tokens of our own making alone. RFC 7515, appendices A.2 and A.3. */
static void published_tokens_are_read(void **state)
{
    (void)state;
    static const char rs256[] =
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl"
        "LmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh"
        "7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyW"
        "zO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZE"
        "Sc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGl"
        "UPQGe77Rw";
    static const char rs256_key[] =
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26m"
        "PddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47s"
        "oMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMT"
        "BQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD"
        "TW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}]}";
    static const char es256[] =
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl"
        "LmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlS"
        "ApmWQxfKTUJqPP3-Kg6NU1Q";
    static const char es256_key[] =
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uP"
        "HvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
    static const char *const tokens[] = {rs256, es256}, *const sets[] = {rs256_key, es256_key};
    for (int i = 0; i < 2; i++) {
        struct buf why = BUF_OVER((uint8_t[200]){0});
        struct jwt_keys set;
        struct jwt jwt;
        int64_t exp;
        assert_true(jwt_keys_read(guarded(0, bytes_str(sets[i])), &set, &why));
        assert_int_equal(set.count, 1);
        assert_int_equal(jwt_read(guarded(1, bytes_str(tokens[i])), &jwt), JWT_OK);
        assert_int_equal(jwt_check_signature(&jwt, &set), JWT_OK);
        assert_bytes(jwt_claim_text(&jwt, "iss"), "joe");
        assert_true(jwt_claim_time(&jwt, "exp", &exp));
        assert_int_equal(exp, 1300819380);
        assert_false(jwt_claim_time(&jwt, "http://example.com/is_root", &exp));
        assert_int_equal(jwt_claim_text(&jwt, "http://example.com/is_root").len, 0);
        jwt_fini(&jwt);
        jwt_fini(&jwt);
    }
}

/* Nobody could log in; or not with a signature whose s is above n / 2, which JOSE allows. */
static void good_tokens_are_taken(void **state)
{
    (void)state;
    assert_verdict(token(ec, EC_HEADER, good), JWT_OK);
    assert_verdict(token(other, "{\"kid\":\"other\",\"alg\":\"ES256\"}", good), JWT_OK);
    assert_verdict(token(rsa, RSA_HEADER, good), JWT_OK);

    uint8_t input_storage[1024], signature[CRYPTO_RSA_BYTES_MAX];
    struct buf input = BUF_OVER(input_storage);
    maker_put_input(&input, EC_HEADER, good);
    maker_sign(ec, buf_bytes(&input), signature, sizeof signature);
    assert_verdict(token_signed(EC_HEADER, good, bytes_of(signature, 64)), JWT_OK);
    twin_make(signature + 32);
    assert_verdict(token_signed(EC_HEADER, good, bytes_of(signature, 64)), JWT_OK);
}

/* An algorithm, a key or an extension of the sender's choice would be used. */
static void hostile_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum jwt_error error;
    } rows[] = {
        {"{\"alg\":\"none\",\"kid\":\"ec\"}", JWT_ALG},
        {"{\"alg\":\"None\",\"kid\":\"ec\"}", JWT_ALG},
        {"{\"alg\":\"\",\"kid\":\"ec\"}", JWT_ALG},
        {"{\"alg\":null,\"kid\":\"ec\"}", JWT_ALG},
        {"{\"alg\":[\"ES256\"],\"kid\":\"ec\"}", JWT_ALG},
        {"{\"kid\":\"ec\"}", JWT_ALG},
        {"{\"alg\":\"HS256\",\"kid\":\"ec\"}", JWT_ALG},
        {"{\"alg\":\"es256\",\"kid\":\"ec\"}", JWT_ALG},
        {"{\"alg\":\"ES256 \",\"kid\":\"ec\"}", JWT_ALG},
        {"{\"alg\":\"ES256K\",\"kid\":\"ec\"}", JWT_ALG},
        {"{\"alg\":\"ES384\",\"kid\":\"ec\"}", JWT_ALG},
        {"{\"alg\":\"PS256\",\"kid\":\"rsa\"}", JWT_ALG},
        {"{\"alg\":\"ES256ES256ES256ES256ES256\",\"kid\":\"ec\"}", JWT_ALG},
        {"{\"alg\":\"RS256\",\"kid\":\"ec\"}", JWT_ALG}, /* not the key's */
        {"{\"alg\":\"ES256\",\"kid\":\"rsa\"}", JWT_ALG},
        {"{\"alg\":\"ES256\",\"kid\":\"other\"}", JWT_SIGNATURE},
        {"{\"alg\":\"ES256\",\"kid\":\"nobody\"}", JWT_KEY},
        {"{\"alg\":\"ES256\",\"kid\":\"EC\"}", JWT_KEY},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\\n\"}", JWT_KEY},
        {"{\"alg\":\"ES256\"}", JWT_KEY}, /* which of the three? */
        {"{\"alg\":\"ES256\",\"kid\":\"\"}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"kid\":7}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\\u0000\"}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\",\"typ\":1}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\",\"jku\":\"https://evil.test/\"}", JWT_HEADER},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\",\"x5u\":\"https://evil.test/\"}", JWT_HEADER},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\",\"x5c\":[]}", JWT_HEADER},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\",\"x5t\":\"AA\"}", JWT_HEADER},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\",\"jwk\":{}}", JWT_HEADER},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\",\"crit\":[\"exp\"]}", JWT_HEADER},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\",\"b64\":false,\"crit\":[\"b64\"]}", JWT_HEADER},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\",\"b64\":true}", JWT_HEADER},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\",\"zip\":\"DEF\"}", JWT_HEADER},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\",\"enc\":\"A256GCM\"}", JWT_HEADER},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\",\"Alg\":\"none\"}", JWT_HEADER},
        {"{\"alg\":\"none\",\"kid\":\"ec\",\"alg\":\"ES256\"}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"kid\":\"other\",\"kid\":\"ec\"}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"kid\":\"other\",\"\\u006bid\":\"ec\"}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\"}{}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"kid\":\"ec\",}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"kid\":\"\xff\"}", JWT_MALFORMED},
        {"\xef\xbb\xbf{\"alg\":\"ES256\",\"kid\":\"ec\"}", JWT_MALFORMED},
        {"[\"alg\",\"ES256\"]", JWT_MALFORMED},
        {"\"ES256\"", JWT_MALFORMED},
        {"null", JWT_MALFORMED},
        {"", JWT_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_verdict(token(ec, rows[i].header, good), rows[i].error);
        assert_int_not_equal(verdict(token(rsa, rows[i].header, good)), JWT_OK);
        assert_int_not_equal(verdict(token_signed(rows[i].header, good, bytes_of("", 0))), JWT_OK);
    }
}

/* Whoever has our public key, which everybody has, could sign with it. */
static void a_public_key_is_no_secret(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{\"alg\":\"HS256\",\"kid\":\"ec\"}", "{\"alg\":\"ES256\",\"kid\":\"ec\"}",
        "{\"alg\":\"HS256\",\"kid\":\"rsa\"}", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}",
        "{\"alg\":\"HS256\"}"};
    uint8_t jwk_storage[1024], input_storage[1024], mac[32];
    struct buf jwk = BUF_OVER(jwk_storage);
    maker_put_jwk(&jwk, ec, "");
    const struct bytes secrets[] = {
        buf_bytes(&jwk), bytes_of(keys.keys[0].point, CRYPTO_PUBLIC_BYTES),
        bytes_of(keys.keys[2].modulus, keys.keys[2].modulus_len), BYTES("")};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        for (size_t k = 0; k < sizeof secrets / sizeof secrets[0]; k++) {
            struct buf input = BUF_OVER(input_storage);
            maker_put_input(&input, headers[i], good);
            CHECK(HMAC(EVP_sha256(), secrets[k].data, (int)secrets[k].len, input.data, input.len,
                       mac, NULL));
            assert_verdict(token_signed(headers[i], good, bytes_of(mac, sizeof mac)),
                           headers[i][8] == 'H' ? JWT_ALG : JWT_SIGNATURE);
        }
}

/* One of them would live too long, come from elsewhere, or be meant for somebody else. */
static void claims_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *claims;
        enum jwt_error error;
    } rows[] = {
        {good, JWT_OK},
        {CLAIMS(AUD "," EXP), JWT_OK},
        {CLAIMS("\"aud\":\"https://gw.test/t\"," EXP), JWT_OK},
        {CLAIMS("\"aud\":[\"https://gw.test\"]," EXP), JWT_OK},
        {CLAIMS("\"aud\":[\"https://gw.test/t\",\"https://gw.test\"]," EXP), JWT_OK},
        {CLAIMS(AUD "," EXP ",\"more\":{\"deep\":[1.5,null]}"), JWT_OK},
        /* issuer */
        {"{\"jti\":\"1\"," AUD "," EXP "}", JWT_ISSUER},
        {"{\"iss\":\"\",\"jti\":\"1\"," AUD "," EXP "}", JWT_ISSUER},
        {"{\"iss\":\"https://idp.test/\",\"jti\":\"1\"," AUD "," EXP "}", JWT_ISSUER},
        {"{\"iss\":\"https://idp.tes\",\"jti\":\"1\"," AUD "," EXP "}", JWT_ISSUER},
        {"{\"iss\":[\"https://idp.test\"],\"jti\":\"1\"," AUD "," EXP "}", JWT_ISSUER},
        /* audience */
        {CLAIMS(EXP), JWT_AUDIENCE},
        {CLAIMS("\"aud\":\"https://else.test\"," EXP), JWT_AUDIENCE},
        {CLAIMS("\"aud\":\"https://gw.test/\"," EXP), JWT_AUDIENCE},
        {CLAIMS("\"aud\":\"\"," EXP), JWT_AUDIENCE},
        {CLAIMS("\"aud\":null," EXP), JWT_AUDIENCE},
        {CLAIMS("\"aud\":{}," EXP), JWT_AUDIENCE},
        {CLAIMS("\"aud\":[]," EXP), JWT_AUDIENCE},
        {CLAIMS("\"aud\":[\"https://gw.test\",\"https://else.test\"]," EXP), JWT_AUDIENCE},
        {CLAIMS("\"aud\":[\"https://gw.test\",1]," EXP), JWT_AUDIENCE},
        {CLAIMS("\"aud\":[[\"https://gw.test\"]]," EXP), JWT_AUDIENCE},
        /* expiry: 1800000000 is now, 5 s are granted */
        {CLAIMS(AUD), JWT_CLAIM},
        {CLAIMS(AUD ",\"exp\":\"1800000060\""), JWT_CLAIM},
        {CLAIMS(AUD ",\"exp\":1800000060.0"), JWT_CLAIM},
        {CLAIMS(AUD ",\"exp\":1.80000006e9"), JWT_CLAIM},
        {CLAIMS(AUD ",\"exp\":null"), JWT_CLAIM},
        {CLAIMS(AUD ",\"exp\":true"), JWT_CLAIM},
        {CLAIMS(AUD ",\"exp\":-1"), JWT_CLAIM},
        {CLAIMS(AUD ",\"exp\":0"), JWT_EXPIRED},
        {CLAIMS(AUD ",\"exp\":1799999995"), JWT_EXPIRED},
        {CLAIMS(AUD ",\"exp\":1799999996"), JWT_OK},
        {CLAIMS(AUD ",\"exp\":1800000065"), JWT_OK},
        {CLAIMS(AUD ",\"exp\":1800000066"), JWT_TOO_LONG},
        {CLAIMS(AUD ",\"exp\":9223372036854775807"), JWT_TOO_LONG},
        {CLAIMS(AUD ",\"exp\":9223372036854775808"), JWT_MALFORMED},
        {CLAIMS(AUD ",\"exp\":1e999"), JWT_MALFORMED},
        {CLAIMS(AUD "," EXP ",\"exp\":1800000061"), JWT_MALFORMED},
        {CLAIMS(AUD "," EXP ",\"e\\u0078p\":1800000061"), JWT_MALFORMED},
        /* beginning */
        {CLAIMS(AUD "," EXP ",\"iat\":1799999999"), JWT_TOO_LONG},
        {CLAIMS(AUD ",\"exp\":1800000010,\"iat\":1799999940"), JWT_TOO_LONG},
        {CLAIMS(AUD ",\"exp\":1800000010,\"iat\":0"), JWT_TOO_LONG},
        {CLAIMS(AUD "," EXP ",\"iat\":1800000005"), JWT_OK},
        {CLAIMS(AUD "," EXP ",\"iat\":1800000006"), JWT_NOT_YET_VALID},
        {CLAIMS(AUD "," EXP ",\"iat\":9223372036854775807"), JWT_NOT_YET_VALID},
        {CLAIMS(AUD "," EXP ",\"iat\":-1"), JWT_CLAIM},
        {CLAIMS(AUD "," EXP ",\"iat\":\"1800000000\""), JWT_CLAIM},
        {CLAIMS(AUD "," EXP ",\"iat\":1800000000.5"), JWT_CLAIM},
        {CLAIMS(AUD "," EXP ",\"nbf\":1800000005"), JWT_OK},
        {CLAIMS(AUD "," EXP ",\"nbf\":1800000006"), JWT_NOT_YET_VALID},
        {CLAIMS(AUD ",\"exp\":1900000000,\"nbf\":1899999990"), JWT_NOT_YET_VALID},
        {CLAIMS(AUD "," EXP ",\"nbf\":null"), JWT_CLAIM},
        {CLAIMS(AUD "," EXP ",\"nbf\":-5"), JWT_CLAIM},
        /* what makes it this one */
        {"{\"iss\":\"https://idp.test\"," AUD "," EXP "}", JWT_CLAIM},
        {"{\"iss\":\"https://idp.test\",\"jti\":\"\"," AUD "," EXP "}", JWT_CLAIM},
        {"{\"iss\":\"https://idp.test\",\"jti\":7," AUD "," EXP "}", JWT_CLAIM},
        /* no object, or not alone */
        {"[]", JWT_MALFORMED},
        {"", JWT_MALFORMED},
        {"1", JWT_MALFORMED},
        {"{", JWT_MALFORMED},
        {CLAIMS(AUD "," EXP) "x", JWT_MALFORMED},
        {CLAIMS(AUD "," EXP ",\"a\":\"\\ud800\""), JWT_MALFORMED},
        {CLAIMS(AUD "," EXP ",\"a\":{\"b\":1,\"b\":2}"), JWT_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_verdict(token(ec, EC_HEADER, rows[i].claims), rows[i].error);

    char claims[512], jti[300];
    for (int len = 256; len <= 257; len++) {
        memset(jti, 'j', sizeof jti);
        snprintf(claims, sizeof claims,
                 "{\"iss\":\"https://idp.test\",\"jti\":\"%.*s\"," AUD "," EXP "}", len, jti);
        assert_verdict(token(ec, EC_HEADER, claims), len == 256 ? JWT_OK : JWT_CLAIM);
    }
}

static void refuse_every_bit(struct bytes text)
{
    uint8_t copy[2048];
    assert_true(text.len <= sizeof copy);
    memcpy(copy, text.data, text.len);
    assert_int_equal(verdict(bytes_of(copy, text.len)), JWT_OK);
    for (size_t bit = 0; bit < text.len * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum jwt_error error = verdict(bytes_of(copy, text.len));
        if (error == JWT_OK || error == JWT_OURS)
            fail_msg("bit %zu: %s", bit, jwt_error_text(error));
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < text.len; len++) {
        enum jwt_error error = verdict(bytes_of(copy, len));
        if (error != JWT_MALFORMED && error != JWT_SIGNATURE)
            fail_msg("cut to %zu: %s", len, jwt_error_text(error));
    }
}

/* A token would have a second form, or part of it would not be covered. */
static void every_bit_and_every_octet_counts(void **state)
{
    (void)state;
    refuse_every_bit(token(ec, EC_HEADER, good));
    refuse_every_bit(token(rsa, RSA_HEADER, good));
}

/* The same token could come in another form and be taken a second time; or with something hidden
 * behind it. */
static void other_forms_are_malformed(void **state)
{
    (void)state;
    static const char *const behind[] = {"=", "==", ".", " ", "\n", "AAA", "\0", ".AA", "&x=1"};
    const struct bytes text = token(ec, EC_HEADER, good);
    uint8_t storage[2048];
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        struct buf out = BUF_OVER(storage);
        buf_put(&out, text);
        buf_put(&out, bytes_of(behind[i], behind[i][0] ? strlen(behind[i]) : 1));
        assert_verdict(buf_bytes(&out), JWT_MALFORMED);
    }
    /* 86 letters hold 64 octets and four bits more, which must be zero. */
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    memcpy(storage, text.data, text.len);
    const char *last = strchr(letters, (char)text.data[text.len - 1]);
    assert_int_equal((last - letters) % 16, 0);
    for (int spare = 1; spare < 16; spare++) {
        storage[text.len - 1] = (uint8_t)last[spare];
        assert_verdict(bytes_of(storage, text.len), JWT_MALFORMED);
    }
    assert_verdict(BYTES(""), JWT_MALFORMED);
    assert_verdict(BYTES("."), JWT_MALFORMED);
    assert_verdict(BYTES(".."), JWT_MALFORMED);
    assert_verdict(BYTES("..."), JWT_MALFORMED);
    assert_verdict(BYTES("eyJhbGciOiJFUzI1NiJ9.e30"), JWT_MALFORMED);
}

/* s as it would have to be for a given key, nonce and text, or the key for a given s: here s is
 * chosen so small that s + n has 256 bits as well. */
static void sign_with_small_s(struct bytes text, struct jwt_keys *set, uint8_t signature[64])
{
    uint8_t hash[32];
    BN_CTX *ctx = BN_CTX_new();
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *point = EC_POINT_new(group);
    const BIGNUM *n = EC_GROUP_get0_order(group);
    BIGNUM *k = BN_new(), *r = BN_new(), *d = BN_new(), *z, *x = BN_new();
    CHECK(crypto_openssl.sha256(&text, 1, hash) == CRYPTO_OK);
    z = BN_bin2bn(hash, sizeof hash, NULL);
    CHECK(ctx && point && z && BN_set_word(k, 12345) && BN_set_word(d, 7));
    CHECK(EC_POINT_mul(group, point, k, NULL, NULL, ctx) &&
          EC_POINT_get_affine_coordinates(group, point, x, NULL, ctx) && BN_nnmod(r, x, n, ctx));
    /* s = (z + r d) / k, so with s = 7: d = (7 k - z) / r */
    CHECK(BN_mod_mul(d, d, k, n, ctx) && BN_mod_sub(d, d, z, n, ctx) &&
          BN_mod_inverse(x, r, n, ctx) && BN_mod_mul(d, d, x, n, ctx));
    CHECK(EC_POINT_mul(group, point, d, NULL, NULL, ctx));
    *set = (struct jwt_keys){.count = 1, .keys = {{.alg = JWT_ES256, .kid = "ec"}}};
    CHECK(EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, set->keys[0].point,
                             CRYPTO_PUBLIC_BYTES, ctx) == CRYPTO_PUBLIC_BYTES);
    CHECK(BN_bn2binpad(r, signature, 32) == 32 && BN_set_word(x, 7) &&
          BN_bn2binpad(x, signature + 32, 32) == 32);
    BN_free(k), BN_free(r), BN_free(d), BN_free(z), BN_free(x);
    EC_POINT_free(point);
    EC_GROUP_free(group);
    BN_CTX_free(ctx);
}

/* A signature of nonsense would pass, or one have a second form. */
static void twisted_signatures_are_refused(void **state)
{
    (void)state;
    static const uint8_t n[] = {0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF,
                                0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17,
                                0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51};
    uint8_t input_storage[1024], der[80], rs[CRYPTO_RSA_BYTES_MAX], twisted[CRYPTO_RSA_BYTES_MAX];
    struct buf input = BUF_OVER(input_storage);
    maker_put_input(&input, EC_HEADER, good);
    size_t der_len = maker_sign_der(ec, buf_bytes(&input), der, sizeof der);
    memset(rs, 0, sizeof rs);
    maker_sign(ec, buf_bytes(&input), rs, 80);
    assert_verdict(token_signed(EC_HEADER, good, bytes_of(rs, 64)), JWT_OK);
    assert_verdict(token_signed(EC_HEADER, good, bytes_of(der, der_len)), JWT_SIGNATURE);
    for (size_t len = 0; len <= sizeof rs; len += len < 130 ? 1 : 127)
        if (len != 64)
            assert_verdict(token_signed(EC_HEADER, good, bytes_of(rs, len)), JWT_SIGNATURE);
    for (int i = 0; i < 8; i++) { /* r, s or both are 0, or n */
        memcpy(twisted, rs, 64);
        for (size_t half = 0; half < 64 && i % 4; half += 32)
            if ((i % 4) & (half ? 2 : 1)) {
                memset(twisted + half, 0, 32);
                if (i >= 4)
                    memcpy(twisted + half, n, 32);
            }
        assert_verdict(token_signed(EC_HEADER, good, bytes_of(twisted, 64)),
                       i % 4 ? JWT_SIGNATURE : JWT_OK);
    }
    memcpy(twisted, rs + 32, 32); /* s || r */
    memcpy(twisted + 32, rs, 32);
    assert_verdict(token_signed(EC_HEADER, good, bytes_of(twisted, 64)), JWT_SIGNATURE);

    struct jwt_keys set;
    sign_with_small_s(buf_bytes(&input), &set, rs);
    assert_int_equal(verdict_with(token_signed(EC_HEADER, good, bytes_of(rs, 64)), &set), JWT_OK);
    memcpy(rs + 32, n, 32);
    rs[63] = (uint8_t)(rs[63] + 7); /* s + n */
    assert_int_equal(verdict_with(token_signed(EC_HEADER, good, bytes_of(rs, 64)), &set),
                     JWT_SIGNATURE);

    const struct bytes longest = bytes_of(twisted, sizeof twisted);
    assert_verdict(token_signed(RSA_HEADER, good, longest), JWT_SIGNATURE);
    uint8_t too_long[CRYPTO_RSA_BYTES_MAX + 1] = {0};
    assert_verdict(token_signed(RSA_HEADER, good, bytes_of(too_long, sizeof too_long)),
                   JWT_MALFORMED);
}

/* A token without kid would be refused where there is one key, or tried with many. */
static void without_kid_the_only_key_is_meant(void **state)
{
    (void)state;
    struct jwt_keys one = {.count = 1}, none = {.count = 0};
    one.keys[0] = keys.keys[0];
    assert_int_equal(verdict_with(token(ec, "{\"alg\":\"ES256\"}", good), &one), JWT_OK);
    assert_int_equal(verdict_with(token(other, "{\"alg\":\"ES256\"}", good), &one), JWT_SIGNATURE);
    assert_int_equal(verdict_with(token(rsa, "{\"alg\":\"RS256\"}", good), &one), JWT_ALG);
    assert_int_equal(verdict_with(token(ec, "{\"alg\":\"ES256\"}", good), &none), JWT_KEY);
    one.keys[0].kid[0] = 0; /* a key without kid is nobody's who names one */
    assert_int_equal(verdict_with(token(ec, EC_HEADER, good), &one), JWT_KEY);
    assert_int_equal(verdict_with(token(ec, "{\"alg\":\"ES256\"}", good), &one), JWT_OK);
}

/* A long or deep token would cost memory or stack, or a legal one be refused. */
static void size_and_depth_are_bounded(void **state)
{
    (void)state;
    static char claims[6000];
    bool longest = false, one_more = false;
    for (int pad = 2860; pad < 2920; pad++) {
        snprintf(claims, sizeof claims, CLAIMS(AUD "," EXP ",\"pad\":\"%*s\""), pad, "");
        for (int spaced = 0; spaced < 2; spaced++) { /* some lengths are none of base64url's */
            const struct bytes text = token(ec, spaced ? EC_HEADER " " : EC_HEADER, claims);
            longest |= text.len == JWT_BYTES_MAX;
            one_more |= text.len == JWT_BYTES_MAX + 1;
            assert_verdict(text, text.len <= JWT_BYTES_MAX ? JWT_OK : JWT_MALFORMED);
        }
    }
    assert_true(longest && one_more);

    static char deep[2900];
    memset(deep, '[', sizeof deep - 1);
    assert_verdict(token(ec, EC_HEADER, deep), JWT_MALFORMED);
    assert_verdict(token(ec, deep, good), JWT_MALFORMED);
    memset(deep + 1450, ']', 1449);
    snprintf(claims, sizeof claims, CLAIMS(AUD "," EXP ",\"deep\":[%s]"), deep + 600);
    assert_int_not_equal(verdict(token(ec, EC_HEADER, claims)), JWT_OURS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_tokens_are_read),
        cmocka_unit_test(good_tokens_are_taken),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(a_public_key_is_no_secret),
        cmocka_unit_test(claims_are_checked),
        cmocka_unit_test(every_bit_and_every_octet_counts),
        cmocka_unit_test(other_forms_are_malformed),
        cmocka_unit_test(twisted_signatures_are_refused),
        cmocka_unit_test(without_kid_the_only_key_is_meant),
        cmocka_unit_test(size_and_depth_are_bounded),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
