/* Receipts: what is written comes back, readers agree about the vectors, and no receipt can be
 * taken for a code or a code for a receipt. */
#include "protocol/receipt.h"

#include <jansson.h>

#include "protocol/code.h"
#include "tests/support.h"

#define NOW 1750000000

static const struct crypto_provider *const providers[] = {&crypto_openssl, &crypto_mbedtls};
static struct crypto_key_pair pair;
static struct crypto_signer *signer;
static struct crypto_verifier *verifiers[2];
static uint8_t kid[KID_BYTES];

static int make_key(void **state)
{
    (void)state;
    assert_int_equal(crypto_openssl.key_generate(CRYPTO_ES256, &pair), CRYPTO_OK);
    assert_int_equal(key_id(&crypto_openssl, CRYPTO_ES256, pair.public_key, kid), CRYPTO_OK);
    signer = crypto_openssl.signer_create(CRYPTO_ES256, &pair);
    for (size_t p = 0; p < 2; p++)
        verifiers[p] = providers[p]->verifier_create(CRYPTO_ES256, pair.public_key);
    return 0;
}

static int drop_key(void **state)
{
    (void)state;
    crypto_openssl.signer_destroy(&signer);
    for (size_t p = 0; p < 2; p++)
        providers[p]->verifier_destroy(&verifiers[p]);
    return 0;
}

static struct receipt typical(void)
{
    return (struct receipt){
        .issuer = BYTES("https://jwb.example"),
        .client = BYTES("car-rental"),
        .issued_at = NOW,
        .cti = {1, 2, 3, 4, 5, 6, 7, 8},
        .kind = RECEIPT_OF_CODE,
        .subject = BYTES("\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7"),
        .result = RESULT_VALID,
        .purpose = BYTES("car_rental"),
        .fields = {BYTES("type"), BYTES("holder_name")},
        .field_count = 2,
        .shown = {9, 8, 7},
    };
}

static struct bytes written(const struct receipt *receipt)
{
    static uint8_t storage[RECEIPT_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    assert_int_equal(receipt_write(receipt, CRYPTO_ES256, kid, &crypto_openssl, signer, &out),
                     CRYPTO_OK);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static void assert_same(const struct receipt *a, const struct receipt *b)
{
    assert_true(bytes_equal(a->issuer, b->issuer) && bytes_equal(a->client, b->client));
    assert_true(a->issued_at == b->issued_at && a->kind == b->kind);
    assert_memory_equal(a->cti, b->cti, sizeof a->cti);
    assert_true(bytes_equal(a->subject, b->subject) && bytes_equal(a->purpose, b->purpose));
    assert_true(a->result == b->result && a->reason == b->reason);
    assert_int_equal(a->field_count, b->field_count);
    for (size_t i = 0; i < a->field_count; i++)
        assert_true(bytes_equal(a->fields[i], b->fields[i]));
    assert_memory_equal(a->shown, b->shown, sizeof a->shown);
}

/* Without this a partner could not read what the gateway stated, or not check whose it is. */
static void what_is_written_comes_back(void **state)
{
    (void)state;
    static uint8_t letters[RECEIPT_TEXT_BYTES_MAX];
    memset(letters, 'a', sizeof letters);
    struct receipt receipt = typical();
    for (int i = 0; i < 3; i++) {
        struct receipt read;
        uint8_t read_kid[KID_BYTES];
        struct bytes message = guarded(0, written(&receipt));
        assert_true(receipt_read(message, &read, read_kid));
        assert_same(&receipt, &read);
        assert_memory_equal(read_kid, kid, KID_BYTES);
        for (size_t p = 0; p < 2; p++)
            assert_int_equal(receipt_check(message, CRYPTO_ES256, providers[p], verifiers[p]),
                             CRYPTO_OK);
        receipt.issuer = receipt.client = receipt.purpose = bytes_of(letters, sizeof letters);
        receipt.issued_at = INT64_MAX;
        receipt.kind = RECEIPT_OF_LICENCE;
        receipt.subject = bytes_of(letters, CRYPTO_HASH_BYTES);
        receipt.result = RESULT_INVALID;
        receipt.reason = REASON_LICENCE_NOT_IN_FORCE;
        receipt.field_count = i == 0 ? 0 : 10;
        for (size_t f = 0; f < receipt.field_count; f++)
            receipt.fields[f] = bytes_of(letters, 20);
    }
}

/* Without this a reason would be told under another name, or not be read back. */
static void every_reason_comes_back(void **state)
{
    (void)state;
    for (int reason = 0; reason < REASON_COUNT; reason++) {
        struct receipt receipt = typical(), read;
        uint8_t read_kid[KID_BYTES];
        receipt.reason = (enum verdict_reason)reason;
        receipt.result = verdict_reason_result(receipt.reason);
        assert_true(receipt_read(written(&receipt), &read, read_kid));
        assert_same(&receipt, &read);
    }
}

/* Without this half a receipt would be handed out when there is no room for it. */
static void overflow_is_left_in_the_writer(void **state)
{
    (void)state;
    static uint8_t letters[32], storage[RECEIPT_BYTES_MAX];
    struct receipt receipt = typical();
    const size_t whole = written(&receipt).len;
    for (size_t cap = 0; cap < whole; cap++) {
        struct buf out;
        buf_init(&out, storage, cap);
        assert_int_equal(receipt_write(&receipt, CRYPTO_ES256, kid, &crypto_openssl, signer, &out),
                         CRYPTO_OK);
        assert_false(buf_ok(&out));
    }
    memset(letters, 'a', sizeof letters);
    receipt.field_count = RECEIPT_FIELDS_MAX; /* longer together than a receipt may be */
    for (size_t f = 0; f < receipt.field_count; f++)
        receipt.fields[f] = bytes_of(letters, sizeof letters);
    struct buf out = BUF_OVER(storage);
    assert_int_equal(receipt_write(&receipt, CRYPTO_ES256, kid, &crypto_openssl, signer, &out),
                     CRYPTO_OK);
    assert_false(buf_ok(&out));
}

/* Without this an altered or cut receipt could pass, or a reader run over its end. */
static void damaged_ones_never_pass(void **state)
{
    (void)state;
    struct receipt receipt = typical(), read;
    uint8_t copy[RECEIPT_BYTES_MAX], read_kid[KID_BYTES];
    const struct bytes whole = written(&receipt);
    for (size_t len = 0; len < whole.len; len++)
        assert_false(receipt_read(guarded(0, bytes_of(whole.data, len)), &read, read_kid));
    for (size_t bit = 0; bit < 8 * whole.len; bit++) {
        memcpy(copy, whole.data, whole.len);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct bytes message = guarded(0, bytes_of(copy, whole.len));
        (void)receipt_read(message, &read, read_kid);
        assert_int_equal(receipt_check(message, CRYPTO_ES256, &crypto_openssl, verifiers[0]),
                         CRYPTO_MISMATCH);
    }
}

/* Without this a receipt could be shown as a code, or a code be taken for a receipt: one of the two
 * would then be trusted for what it does not say. */
static void receipts_and_codes_are_never_each_other(void **state)
{
    (void)state;
    static struct keyring ring;
    struct code_claims claims = {
        .issued_at = NOW,
        .expires_at = NOW + 60,
        .holder_name = BYTES("张*"),
        .number_tail = BYTES("0417"),
        .valid_until = CODE_LONG_TERM,
    };
    struct receipt receipt = typical(), read;
    struct code code;
    uint8_t storage[CODE_COSE_BYTES_MAX], tagged[CODE_COSE_BYTES_MAX + 1], read_kid[KID_BYTES];
    struct buf out = BUF_OVER(storage);
    assert_int_equal(code_sign(&claims, CRYPTO_ES256, kid, &crypto_openssl, signer, &out), CODE_OK);
    assert_int_equal(code_parse(buf_bytes(&out), &code), CODE_OK);
    assert_false(receipt_read(buf_bytes(&out), &read, read_kid));
    tagged[0] = 0xD2;
    memcpy(tagged + 1, storage, out.len);
    assert_false(receipt_read(bytes_of(tagged, out.len + 1), &read, read_kid));
    assert_int_equal(
        receipt_check(bytes_of(tagged, out.len + 1), CRYPTO_ES256, &crypto_openssl, verifiers[0]),
        CRYPTO_MISMATCH);

    struct bytes message = written(&receipt);
    assert_int_equal(code_parse(message, &code), CODE_ERR_MALFORMED);
    assert_int_equal(code_parse(bytes_from(message, 1), &code), CODE_ERR_MALFORMED);

    struct keyring_key key = {.alg = CRYPTO_ES256, .use = KEY_USE_RECEIPT, .retire_at = INT64_MAX};
    const struct keyring_key *found;
    memcpy(key.public_key, pair.public_key, sizeof key.public_key);
    assert_int_equal(keyring_add(&ring, &crypto_openssl, &key), KEYRING_OK);
    assert_int_equal(code_parse(buf_bytes(&out), &code), CODE_OK);
    assert_int_equal(code_find_key(&code, &ring, &found), CODE_ERR_UNKNOWN_KEY);
    assert_null(found);
    ring.keys[0].revoked = true; /* revoked receipts say nothing about codes either */
    assert_int_equal(code_find_key(&code, &ring, &found), CODE_ERR_UNKNOWN_KEY);
    ring.keys[0] = key;
    memcpy(ring.keys[0].kid, kid, KID_BYTES);
    ring.keys[0].use = KEY_USE_CODE;
    assert_int_equal(code_find_key(&code, &ring, &found), CODE_OK);
}

/* ---- receipts.json ---- */

static struct bytes text_of(const json_t *object, const char *name)
{
    const json_t *text = json_object_get(object, name);
    return bytes_of(json_string_value(text), json_string_length(text));
}

static bool hex_is(struct bytes octets, const json_t *object, const char *name)
{
    char storage[2 * RECEIPT_BYTES_MAX];
    struct buf hex = BUF_OVER(storage);
    buf_put_hex(&hex, octets);
    return bytes_equal(buf_bytes(&hex), text_of(object, name));
}

static void assert_expected(const json_t *wanted, const struct receipt *read)
{
    json_t *fields = json_object_get(wanted, "fields"), *name;
    size_t i;
    assert_true(bytes_equal(read->issuer, text_of(wanted, "iss")));
    assert_true(bytes_equal(read->client, text_of(wanted, "sub")));
    assert_true(read->issued_at == json_integer_value(json_object_get(wanted, "iat")));
    assert_true(hex_is(bytes_of(read->cti, sizeof read->cti), wanted, "cti"));
    assert_int_equal(read->kind, json_integer_value(json_object_get(wanted, "kind")));
    assert_true(hex_is(read->subject, wanted, "subject"));
    assert_true(
        bytes_equal(bytes_str(verdict_result_text(read->result)), text_of(wanted, "result")));
    if (json_is_null(json_object_get(wanted, "reason")))
        assert_int_equal(read->reason, REASON_NONE);
    else
        assert_true(
            bytes_equal(bytes_str(verdict_reason_text(read->reason)), text_of(wanted, "reason")));
    assert_true(bytes_equal(read->purpose, text_of(wanted, "purpose")));
    assert_int_equal(read->field_count, json_array_size(fields));
    json_array_foreach(fields, i, name)
        assert_true(bytes_equal(read->fields[i], bytes_str(json_string_value(name))));
    assert_true(hex_is(bytes_of(read->shown, sizeof read->shown), wanted, "shown"));
}

/* malformed, unknown_key, bad_signature or ok, in this order. */
static const char *verdict_of(struct bytes message, const struct crypto_provider *crypto,
                              const struct keyring *ring, struct receipt *read)
{
    uint8_t read_kid[KID_BYTES];
    if (!receipt_read(message, read, read_kid))
        return "malformed";
    const struct keyring_key *key = keyring_find(ring, read_kid);
    if (!key || key->use != KEY_USE_RECEIPT || read->issued_at < key->use_from ||
        read->issued_at >= key->retire_at)
        return "unknown_key";
    struct crypto_verifier *verifier = crypto->verifier_create(CRYPTO_ES256, key->public_key);
    enum crypto_result result = receipt_check(message, CRYPTO_ES256, crypto, verifier);
    crypto->verifier_destroy(&verifier);
    return result == CRYPTO_OK ? "ok" : "bad_signature";
}

/* Without this others, who read docs/PROTOCOL.md, would disagree with us about a receipt. */
static void both_providers_agree_with_every_vector(void **state)
{
    (void)state;
    json_t *file = json_load_file("tests/vectors/receipts.json", JSON_REJECT_DUPLICATES, NULL);
    json_t *vectors = json_object_get(file, "vectors"), *vector;
    char *set = json_dumps(json_object_get(file, "jwks"), JSON_COMPACT);
    static struct keyring ring;
    size_t i;
    assert_true(keyring_read_jwks(&ring, &crypto_openssl, bytes_str(set)));
    json_array_foreach(vectors, i, vector)
    {
        uint8_t storage[RECEIPT_BYTES_MAX];
        struct buf message = BUF_OVER(storage);
        const json_t *expect = json_object_get(vector, "expect");
        const char *wanted = json_string_value(json_object_get(expect, "result"));
        assert_true(buf_put_from_hex(&message, text_of(vector, "cose")));
        for (size_t p = 0; p < 2; p++) {
            struct receipt read;
            const char *verdict =
                verdict_of(guarded(0, buf_bytes(&message)), providers[p], &ring, &read);
            if (strcmp(verdict, wanted))
                fail_msg("%s: %s", json_string_value(json_object_get(vector, "name")), verdict);
            if (!strcmp(wanted, "ok"))
                assert_expected(json_object_get(expect, "receipt"), &read);
        }
    }
    assert_true(i > 40);
    free(set);
    json_decref(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(every_reason_comes_back),
        cmocka_unit_test(overflow_is_left_in_the_writer),
        cmocka_unit_test(damaged_ones_never_pass),
        cmocka_unit_test(receipts_and_codes_are_never_each_other),
        cmocka_unit_test(both_providers_agree_with_every_vector),
    };
    return cmocka_run_group_tests(tests, make_key, drop_key);
}
