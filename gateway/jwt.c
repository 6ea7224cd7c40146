#include "gateway/jwt.h"

#include <jansson.h>

#define JSON_BYTES_MAX   (JWT_BYTES_MAX / 4 * 3)
#define COORDINATE_BYTES 32 /* of P-256, RFC 7518 section 6.2.1.2 */
#define JTI_BYTES_MAX    256

static const struct crypto_provider *const crypto = &crypto_openssl;
static const char *const ALGS[] = {[JWT_ES256] = "ES256", [JWT_RS256] = "RS256"};
enum { ALG_COUNT = sizeof ALGS / sizeof ALGS[0] };

const char *jwt_error_text(enum jwt_error error)
{
    static const char *const texts[] = {
#define E(name, word) word,
        JWT_ERRORS(E)
#undef E
    };
    return texts[error];
}

/* A member that is a text; NULL when it is missing or something else. */
static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static bool is_text(const char *text, const char *wanted)
{
    return text && wanted && strcmp(text, wanted) == 0;
}

static json_t *read_object(struct bytes json)
{
    json_t *object = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

/* ---- key sets ------------------------------------------------------------------------------- */

enum key_taken { KEY_TAKEN, KEY_SKIPPED, KEY_REFUSED };

/* A member of base64url; at least one octet, at most what `out` has room for. */
static bool read_octets(const json_t *jwk, const char *name, struct buf *out)
{
    const char *text = text_of(jwk, name);
    return text && *text && buf_put_from_base64url(out, bytes_str(text));
}

static const char *read_ec_key(const json_t *jwk, struct jwt_key *key)
{
    struct buf x, y;
    buf_init(&x, key->point + 1, COORDINATE_BYTES);
    buf_init(&y, key->point + 1 + COORDINATE_BYTES, COORDINATE_BYTES);
    key->point[0] = 4;
    if (!read_octets(jwk, "x", &x) || x.len != COORDINATE_BYTES || !read_octets(jwk, "y", &y) ||
        y.len != COORDINATE_BYTES)
        return "has an x or y that is not 32 octets in base64url";
    struct crypto_verifier *verifier = crypto->verifier_create(CRYPTO_ES256, key->point);
    if (!verifier)
        return "is no point of P-256";
    crypto->verifier_destroy(&verifier);
    return NULL;
}

static const char *read_rsa_key(const json_t *jwk, struct jwt_key *key)
{
    struct buf n = BUF_OVER(key->modulus), e = BUF_OVER(key->exponent);
    if (!read_octets(jwk, "n", &n) || !read_octets(jwk, "e", &e))
        return "has an n or e that is too long, or no base64url";
    key->modulus_len = n.len;
    key->exponent_len = e.len;
    struct crypto_rsa_verifier *verifier = crypto_rsa_verifier_create(buf_bytes(&n), buf_bytes(&e));
    if (!verifier)
        return "is no RSA key of 2048 to 4096 bits";
    crypto_rsa_verifier_destroy(&verifier);
    return NULL;
}

/* Is it a key for the algorithms that are taken? Sets its alg. KEY_REFUSED when it contradicts
 * itself. */
static enum key_taken find_kind(const json_t *jwk, struct jwt_key *key)
{
    const json_t *use = json_object_get(jwk, "use"), *alg = json_object_get(jwk, "alg");
    if (is_text(text_of(jwk, "kty"), "EC") && is_text(text_of(jwk, "crv"), "P-256"))
        key->alg = JWT_ES256;
    else if (is_text(text_of(jwk, "kty"), "RSA"))
        key->alg = JWT_RS256;
    else
        return KEY_SKIPPED;
    if (use && !is_text(json_string_value(use), "sig"))
        return KEY_SKIPPED;
    if (!alg || is_text(json_string_value(alg), ALGS[key->alg]))
        return KEY_TAKEN;
    for (size_t i = 0; i < ALG_COUNT; i++)
        if (is_text(json_string_value(alg), ALGS[i]))
            return KEY_REFUSED;
    return KEY_SKIPPED;
}

static const char *read_kid(const json_t *jwk, struct jwt_key *key)
{
    const json_t *kid = json_object_get(jwk, "kid");
    size_t len = json_string_length(kid); /* 0 of what is no text */
    if (kid && (len == 0 || len > JWT_KID_BYTES_MAX))
        return "has a kid that is no text of 1 to 128 bytes";
    if (kid)
        memcpy(key->kid, json_string_value(kid), len);
    return NULL;
}

static enum key_taken read_key(const json_t *jwk, struct jwt_key *key, const char **wrong)
{
    *key = (struct jwt_key){0};
    *wrong = NULL;
    if (!json_is_object(jwk))
        *wrong = "is no object";
    else if (json_object_get(jwk, "d") || json_object_get(jwk, "k"))
        *wrong = "is not public";
    if (*wrong)
        return KEY_REFUSED;
    enum key_taken taken = find_kind(jwk, key);
    if (taken == KEY_REFUSED)
        *wrong = "has an alg that does not fit it";
    if (taken == KEY_TAKEN)
        *wrong = read_kid(jwk, key);
    if (taken == KEY_TAKEN && !*wrong)
        *wrong = key->alg == JWT_ES256 ? read_ec_key(jwk, key) : read_rsa_key(jwk, key);
    return *wrong ? KEY_REFUSED : taken;
}

/* Can a token tell this key from those that are there? */
static const char *find_clash(const struct jwt_keys *keys, const struct jwt_key *key)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (!*key->kid || !*keys->keys[i].kid)
            return "is one of several, and one has no kid";
        if (strcmp(key->kid, keys->keys[i].kid) == 0)
            return "has the kid of another";
    }
    return keys->count == JWT_KEYS_MAX ? "is one too many" : NULL;
}

static bool read_keys(const json_t *list, struct jwt_keys *keys, struct buf *why)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct jwt_key key;
        const char *wrong;
        enum key_taken taken = read_key(json_array_get(list, i), &key, &wrong);
        if (taken == KEY_TAKEN)
            wrong = find_clash(keys, &key);
        if (wrong) {
            buf_printf(why, "key %zu in it %s", i + 1, wrong);
            return false;
        }
        if (taken == KEY_TAKEN)
            keys->keys[keys->count++] = key;
    }
    return true;
}

bool jwt_keys_read(struct bytes json, struct jwt_keys *keys, struct buf *why)
{
    json_t *set = read_object(json);
    const json_t *list = json_object_get(set, "keys");
    keys->count = 0;
    bool ok = json_is_array(list);
    if (ok)
        ok = read_keys(list, keys, why);
    else
        buf_put_str(why, "is no JSON Web Key Set");
    if (!ok)
        keys->count = 0;
    json_decref(set);
    return ok;
}

/* ---- taking a token apart ------------------------------------------------------------------- */

/* The part before the next dot, which is taken with it; false: there is none. */
static bool take_part(struct bytes *rest, struct bytes *part)
{
    const uint8_t *dot = rest->len ? memchr(rest->data, '.', rest->len) : NULL;
    if (!dot)
        return false;
    *part = bytes_of(rest->data, (size_t)(dot - rest->data));
    *rest = bytes_from(*rest, part->len + 1);
    return true;
}

/* A part that is an object in JSON. What stood in it may be a person's: its copy is wiped. */
static json_t *read_part(struct bytes part)
{
    uint8_t storage[JSON_BYTES_MAX];
    struct buf json = BUF_OVER(storage);
    json_t *object = buf_put_from_base64url(&json, part) ? read_object(buf_bytes(&json)) : NULL;
    crypto_wipe(storage, json.len);
    return object;
}

/* Copies a text of 1 to cap - 1 bytes; false for anything else. */
static bool copy_text(const json_t *text, char *out, size_t cap)
{
    size_t len = json_string_length(text);
    if (len == 0 || len >= cap)
        return false;
    memcpy(out, json_string_value(text), len + 1);
    return true;
}

static enum jwt_error check_alg(const json_t *header, struct jwt *jwt)
{
    if (!copy_text(json_object_get(header, "alg"), jwt->alg, sizeof jwt->alg))
        return JWT_ALG;
    for (size_t i = 0; i < ALG_COUNT; i++)
        if (is_text(jwt->alg, ALGS[i]))
            return JWT_OK;
    return JWT_ALG;
}

static enum jwt_error check_header(json_t *header, struct jwt *jwt)
{
    const char *name;
    json_t *value;
    enum jwt_error error = check_alg(header, jwt);
    if (error)
        return error;
    json_object_foreach(header, name, value)
    {
        if (is_text(name, "kid")) {
            if (!copy_text(value, jwt->kid, sizeof jwt->kid))
                return JWT_MALFORMED;
        } else if (is_text(name, "typ") || is_text(name, "cty")) {
            if (!json_is_string(value))
                return JWT_MALFORMED;
        } else if (!is_text(name, "alg")) {
            return JWT_HEADER;
        }
    }
    return JWT_OK;
}

enum jwt_error jwt_read(struct bytes text, struct jwt *jwt)
{
    struct bytes header_text, claims_text, rest = text;
    struct buf signature = BUF_OVER(jwt->signature);
    *jwt = (struct jwt){.text = text};
    if (text.len > JWT_BYTES_MAX || !take_part(&rest, &header_text) ||
        !take_part(&rest, &claims_text))
        return JWT_MALFORMED;
    jwt->signed_ = bytes_of(text.data, header_text.len + 1 + claims_text.len);
    json_t *header = read_part(header_text);
    enum jwt_error error = header ? check_header(header, jwt) : JWT_MALFORMED;
    json_decref(header);
    if (error)
        return error;
    if (!buf_put_from_base64url(&signature, rest))
        return JWT_MALFORMED;
    jwt->signature_len = signature.len;
    jwt->claims = read_part(claims_text);
    return jwt->claims ? JWT_OK : JWT_MALFORMED;
}

void jwt_fini(struct jwt *jwt)
{
    json_decref(jwt->claims);
    jwt->claims = NULL;
}

struct bytes jwt_claim_text(const struct jwt *jwt, const char *name)
{
    const char *text = text_of(jwt->claims, name);
    return bytes_str(text ? text : "");
}

bool jwt_claim_time(const struct jwt *jwt, const char *name, int64_t *value)
{
    const json_t *claim = json_object_get(jwt->claims, name);
    *value = json_integer_value(claim); /* 0 of a real number */
    return json_is_integer(claim) && *value >= 0;
}

/* ---- believing it --------------------------------------------------------------------------- */

static const struct jwt_key *find_key(const struct jwt *jwt, const struct jwt_keys *keys)
{
    if (!*jwt->kid)
        return keys->count == 1 ? &keys->keys[0] : NULL;
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->keys[i].kid, jwt->kid) == 0)
            return &keys->keys[i];
    return NULL;
}

static enum crypto_result check_es256(const struct jwt *jwt, const struct jwt_key *key)
{
    if (jwt->signature_len != CRYPTO_SIGNATURE_BYTES) /* r || s, RFC 7518 section 3.4 */
        return CRYPTO_MISMATCH;
    struct crypto_verifier *verifier = crypto->verifier_create(CRYPTO_ES256, key->point);
    if (!verifier)
        return CRYPTO_FAILED;
    enum crypto_result result = crypto->verify(verifier, &jwt->signed_, 1, jwt->signature);
    crypto->verifier_destroy(&verifier);
    return result;
}

static enum crypto_result check_rs256(const struct jwt *jwt, const struct jwt_key *key)
{
    struct crypto_rsa_verifier *verifier = crypto_rsa_verifier_create(
        bytes_of(key->modulus, key->modulus_len), bytes_of(key->exponent, key->exponent_len));
    if (!verifier)
        return CRYPTO_FAILED;
    enum crypto_result result =
        crypto_rsa_verify(verifier, &jwt->signed_, 1, bytes_of(jwt->signature, jwt->signature_len));
    crypto_rsa_verifier_destroy(&verifier);
    return result;
}

enum jwt_error jwt_check_signature(const struct jwt *jwt, const struct jwt_keys *keys)
{
    const struct jwt_key *key = find_key(jwt, keys);
    if (!key)
        return JWT_KEY;
    if (!is_text(jwt->alg, ALGS[key->alg]))
        return JWT_ALG;
    switch (key->alg == JWT_ES256 ? check_es256(jwt, key) : check_rs256(jwt, key)) {
    case CRYPTO_OK:
        return JWT_OK;
    case CRYPTO_MISMATCH:
        return JWT_SIGNATURE;
    default:
        return JWT_OURS;
    }
}

static bool is_audience(const json_t *text, const struct jwt_expected *expected)
{
    return is_text(json_string_value(text), expected->audiences[0]) ||
           is_text(json_string_value(text), expected->audiences[1]);
}

static bool is_for_us(const json_t *aud, const struct jwt_expected *expected)
{
    for (size_t i = 0; i < json_array_size(aud); i++)
        if (!is_audience(json_array_get(aud, i), expected))
            return false;
    return json_array_size(aud) || is_audience(aud, expected);
}

/* A time that may be missing; `absent` stands for it then. False: it is no time. */
static bool read_time(const struct jwt *jwt, const char *name, int64_t absent, int64_t *value)
{
    if (jwt_claim_time(jwt, name, value))
        return true;
    *value = absent;
    return !json_object_get(jwt->claims, name);
}

static enum jwt_error check_times(const struct jwt *jwt, const struct jwt_expected *expected)
{
    const int64_t now = expected->now, skew = expected->skew_s, life = expected->life_s_max;
    int64_t exp, nbf, iat;
    /* Without iat it counts as made at the last moment that would be taken. */
    if (!jwt_claim_time(jwt, "exp", &exp) || !read_time(jwt, "nbf", 0, &nbf) ||
        !read_time(jwt, "iat", now + skew, &iat))
        return JWT_CLAIM;
    if (exp <= now - skew)
        return JWT_EXPIRED;
    if (nbf > now + skew || iat > now + skew)
        return JWT_NOT_YET_VALID;
    return exp - iat > life ? JWT_TOO_LONG : JWT_OK;
}

enum jwt_error jwt_check_claims(const struct jwt *jwt, const struct jwt_expected *expected)
{
    if (!is_text(text_of(jwt->claims, "iss"), expected->issuer))
        return JWT_ISSUER;
    if (!is_for_us(json_object_get(jwt->claims, "aud"), expected))
        return JWT_AUDIENCE;
    enum jwt_error error = check_times(jwt, expected);
    if (error)
        return error;
    size_t jti_len = jwt_claim_text(jwt, "jti").len;
    return jti_len >= 1 && jti_len <= JTI_BYTES_MAX ? JWT_OK : JWT_CLAIM;
}
