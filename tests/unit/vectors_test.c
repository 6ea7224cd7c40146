/* The files of tests/vectors/ through our code; whoever writes another verifier does the same
 * there. */
#include <jansson.h>

#include "protocol/code.h"
#include "protocol/digits.h"
#include "protocol/identifier.h"
#include "tests/support.h"

static const struct crypto_provider *const providers[] = {&crypto_openssl, &crypto_mbedtls};

static json_t *load(const char *path)
{
    json_error_t error;
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!file)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    return file;
}

static struct bytes string_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_non_null(value);
    return bytes_of(json_string_value(value), json_string_length(value));
}

static int64_t integer_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static bool hex_equal(struct bytes octets, struct bytes text)
{
    uint8_t storage[512];
    struct buf hex = BUF_OVER(storage);
    buf_put_hex(&hex, octets);
    return bytes_equal(buf_bytes(&hex), text);
}

/* ---- codes.json --------------------------------------------------------------------------------
 */

static void read_keys(const json_t *file, const json_t *vector,
                      const struct crypto_provider *crypto, struct keyring *ring)
{
    char *jwks = json_dumps(json_object_get(file, "jwks"), JSON_COMPACT);
    const json_t *revoked = json_object_get(vector, "revoked_kids");
    ring->count = 0;
    assert_true(keyring_read_jwks(ring, crypto, guarded(2, bytes_str(jwks))));
    free(jwks);
    for (size_t k = 0; k < json_array_size(revoked); k++)
        for (size_t i = 0; i < ring->count; i++)
            if (hex_equal(bytes_of(ring->keys[i].kid, KID_BYTES),
                          bytes_str(json_string_value(json_array_get(revoked, k)))))
                ring->keys[i].revoked = true;
}

/* The order of docs/PROTOCOL.md. */
static const char *check(const json_t *vector, const struct keyring *ring,
                         const struct crypto_provider *crypto, struct bytes cose, struct code *code)
{
    const int64_t now = integer_of(vector, "now");
    const struct keyring_key *key;
    enum code_error error = code_parse(cose, code);
    if (error == CODE_OK)
        error = code_find_key(code, ring, &key);
    if (error == CODE_OK)
        error = code_check_lifetime(&code->claims, now, integer_of(vector, "future_s"),
                                    integer_of(vector, "past_s"));
    if (error == CODE_OK) {
        struct crypto_verifier *verifier = crypto->verifier_create(CRYPTO_ES256, key->public_key);
        error = code_check_signature(code, crypto, verifier);
        crypto->verifier_destroy(&verifier);
    }
    if (error == CODE_OK && code_licence_expired(&code->claims, now))
        return "licence_expired";
    return code_error_text(error);
}

static void compare_claims(const json_t *expected, const struct code *code)
{
    const struct code_claims *c = &code->claims;
    const json_t *claims = json_object_get(expected, "claims");
    assert_true(hex_equal(bytes_of(code->kid, KID_BYTES), string_of(expected, "kid")));
    assert_true(integer_of(claims, "exp") == c->expires_at);
    assert_true(integer_of(claims, "iat") == c->issued_at);
    assert_true(hex_equal(bytes_of(c->cti, CODE_CTI_BYTES), string_of(claims, "cti")));
    assert_int_equal(integer_of(claims, "kind"), c->kind);
    assert_int_equal(integer_of(claims, "type"), c->type);
    assert_int_equal(integer_of(claims, "issuer"), c->issuer);
    assert_int_equal(integer_of(claims, "version"), c->version);
    assert_true(bytes_equal(string_of(claims, "holder_name"), c->holder_name));
    assert_true(bytes_equal(string_of(claims, "number_tail"), c->number_tail));
    if (json_is_null(json_object_get(claims, "valid_until")))
        assert_int_equal(c->valid_until, CODE_LONG_TERM);
    else
        assert_int_equal(integer_of(claims, "valid_until"), c->valid_until);
    assert_int_equal(integer_of(claims, "list"), c->list);
    assert_int_equal(integer_of(claims, "index"), c->index);
}

/* What one vector comes to: "ok" or the reason. */
static const char *replay(const json_t *file, const json_t *vector,
                          const struct crypto_provider *crypto)
{
    static struct keyring ring;
    uint8_t storage[CODE_COSE_BYTES_MAX];
    struct buf cose = BUF_OVER(storage);
    struct code code;
    enum code_error error = code_read_text(guarded(0, string_of(vector, "text")), &cose);
    if (error != CODE_OK)
        return code_error_text(error);
    if (json_object_get(vector, "cose"))
        assert_true(hex_equal(buf_bytes(&cose), string_of(vector, "cose")));
    read_keys(file, vector, crypto, &ring);
    const char *result = check(vector, &ring, crypto, guarded(1, buf_bytes(&cose)), &code);
    if (strcmp(result, "ok") == 0)
        compare_claims(json_object_get(vector, "expect"), &code);
    return result;
}

/* Without this our verifiers would disagree with the published vectors, and so with everybody
 * else's. */
static void both_providers_agree_with_every_code(void **state)
{
    (void)state;
    static const char *const results[] = {"ok",           "malformed",      "bad_signature",
                                          "code_expired", "not_yet_valid",  "unknown_key",
                                          "key_revoked",  "licence_expired"};
    size_t seen[sizeof results / sizeof *results] = {0}, i;
    json_t *file = load("tests/vectors/codes.json"), *vector;
    json_array_foreach(json_object_get(file, "vectors"), i, vector)
    {
        const char *expected =
            json_string_value(json_object_get(json_object_get(vector, "expect"), "result"));
        for (size_t p = 0; p < 2; p++) {
            const char *result = replay(file, vector, providers[p]);
            if (strcmp(result, expected) != 0)
                fail_msg("%s: %s, not %s", json_string_value(json_object_get(vector, "name")),
                         result, expected);
        }
        for (size_t r = 0; r < sizeof results / sizeof *results; r++)
            seen[r] += strcmp(expected, results[r]) == 0;
    }
    assert_true(i >= 190);
    for (size_t r = 0; r < sizeof results / sizeof *results; r++)
        assert_true(seen[r] > 0);
    json_decref(file);
}

/* ---- signatures.json, jwks.json
 * ----------------------------------------------------------------- */

/* Without this the edges of r and s would be where nobody else has them. */
static void both_providers_agree_with_every_signature(void **state)
{
    (void)state;
    json_t *file = load("tests/vectors/signatures.json"), *item;
    const json_t *key = json_object_get(file, "key");
    uint8_t public_key[CRYPTO_PUBLIC_BYTES];
    struct buf point = BUF_OVER(public_key);
    size_t i;
    buf_put_u8(&point, 4);
    assert_true(buf_put_from_base64url(&point, string_of(key, "x")));
    assert_true(buf_put_from_base64url(&point, string_of(key, "y")));
    for (size_t p = 0; p < 2; p++) {
        struct crypto_verifier *verifier = providers[p]->verifier_create(CRYPTO_ES256, public_key);
        assert_non_null(verifier);
        json_array_foreach(json_object_get(file, "codes"), i, item)
        {
            uint8_t storage[CODE_COSE_BYTES_MAX];
            struct buf cose = BUF_OVER(storage);
            struct code code;
            assert_true(buf_put_from_hex(&cose, string_of(item, "cose")));
            assert_int_equal(code_parse(buf_bytes(&cose), &code), CODE_OK);
            assert_string_equal(
                code_error_text(code_check_signature(&code, providers[p], verifier)),
                json_string_value(json_object_get(item, "result")));
        }
        assert_true(i >= 4);
        providers[p]->verifier_destroy(&verifier);
    }
    json_decref(file);
}

static void compare_keys(const json_t *expected, const struct keyring *ring)
{
    const json_t *key;
    size_t i;
    assert_int_equal(ring->count, json_array_size(expected));
    json_array_foreach(expected, i, key)
    {
        const struct keyring_key *k = &ring->keys[i];
        assert_true(hex_equal(bytes_of(k->kid, KID_BYTES), string_of(key, "kid")));
        assert_int_equal(k->use, json_object_get(key, "use") ? KEY_USE_RECEIPT : KEY_USE_CODE);
        assert_true(integer_of(key, "use_from") == k->use_from);
        if (json_is_null(json_object_get(key, "retire_at")))
            assert_true(k->retire_at == INT64_MAX);
        else
            assert_true(integer_of(key, "retire_at") == k->retire_at);
    }
}

/* Without this we would take key sets that others refuse, or the reverse. */
static void both_providers_agree_with_every_key_set(void **state)
{
    (void)state;
    json_t *file = load("tests/vectors/jwks.json"), *item;
    size_t read[2] = {0}, i;
    json_array_foreach(json_object_get(file, "sets"), i, item)
    {
        const json_t *expected = json_object_get(item, "expect");
        const bool wanted = bytes_equal(string_of(expected, "result"), BYTES("ok"));
        char *set = json_dumps(json_object_get(item, "jwks"), JSON_COMPACT);
        for (size_t p = 0; p < 2; p++) {
            static struct keyring ring;
            ring.count = 0;
            if (keyring_read_jwks(&ring, providers[p], guarded(0, bytes_str(set))) != wanted)
                fail_msg("%s", json_string_value(json_object_get(item, "name")));
            compare_keys(json_object_get(expected, "keys"), &ring);
        }
        free(set);
        read[wanted]++;
    }
    assert_true(read[false] > 25 && read[true] > 8);
    json_decref(file);
}

/* ---- digits.json, identifiers.json
 * ----------------------------------------------------------------- */

/* Without this our digits would differ from the published ones. */
static void digits_agree(void **state)
{
    (void)state;
    json_t *file = load("tests/vectors/digits.json"), *item;
    size_t pairs, refused;
    json_array_foreach(json_object_get(file, "pairs"), pairs, item)
    {
        uint8_t bytes_storage[64], digits_storage[64];
        struct buf bytes = BUF_OVER(bytes_storage), digits = BUF_OVER(digits_storage);
        assert_true(digits_read(&bytes, string_of(item, "digits")));
        assert_true(hex_equal(buf_bytes(&bytes), string_of(item, "bytes")));
        digits_write(&digits, buf_bytes(&bytes));
        assert_true(bytes_equal(buf_bytes(&digits), string_of(item, "digits")));
    }
    json_array_foreach(json_object_get(file, "refused"), refused, item)
    {
        uint8_t storage[64];
        struct buf bytes = BUF_OVER(storage);
        assert_false(digits_read(&bytes, bytes_str(json_string_value(item))));
    }
    assert_true(pairs > 10 && refused > 20);
    json_decref(file);
}

static void compare_error(const json_t *item, enum identifier_error error)
{
    static const char *const results[] = {
        [IDENTIFIER_OK] = "ok",          [IDENTIFIER_ERR_LENGTH] = "length",
        [IDENTIFIER_ERR_ROOT] = "root",  [IDENTIFIER_ERR_CHARACTER] = "character",
        [IDENTIFIER_ERR_DATE] = "date",  [IDENTIFIER_ERR_SEGMENT] = "segment",
        [IDENTIFIER_ERR_CHECK] = "check"};
    assert_string_equal(results[error], json_string_value(json_object_get(item, "result")));
}

/* Without this our identifiers would differ from the published ones. */
static void identifiers_agree(void **state)
{
    (void)state;
    json_t *file = load("tests/vectors/identifiers.json"), *item;
    size_t licences, citizens, credit_codes;
    json_array_foreach(json_object_get(file, "licences"), licences, item)
    {
        struct licence_identifier id;
        compare_error(item, licence_identifier_read(guarded(0, string_of(item, "text")), &id));
    }
    json_array_foreach(json_object_get(file, "citizens"), citizens, item)
    {
        char number[CITIZEN_NUMBER_BYTES];
        compare_error(item, citizen_number_read(guarded(0, string_of(item, "text")), number));
        if (json_object_get(item, "read"))
            assert_memory_equal(number, string_of(item, "read").data, sizeof number);
    }
    json_array_foreach(json_object_get(file, "credit_codes"), credit_codes, item)
        compare_error(item, credit_code_check(guarded(0, string_of(item, "text"))));
    assert_true(licences > 10 && citizens > 5 && credit_codes > 5);
    json_decref(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_providers_agree_with_every_code),
        cmocka_unit_test(both_providers_agree_with_every_signature),
        cmocka_unit_test(both_providers_agree_with_every_key_set),
        cmocka_unit_test(digits_agree),
        cmocka_unit_test(identifiers_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
