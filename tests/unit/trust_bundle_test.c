/* Trust bundles: what is written comes back, and nothing else than the one form is read. */
#include "protocol/trust_bundle.h"

#include <jansson.h>
#include <stdlib.h>

#include "protocol/cbor.h"
#include "tests/support.h"

#define NOW 1750000000

static const struct crypto_provider *const providers[] = {&crypto_openssl, &crypto_mbedtls};
static struct crypto_key_pair root;
static struct crypto_signer *signer;
static uint8_t root_kid[KID_BYTES];

static int make_root(void **state)
{
    (void)state;
    assert_int_equal(crypto_openssl.key_generate(CRYPTO_ES256, &root), CRYPTO_OK);
    assert_int_equal(key_id(&crypto_openssl, CRYPTO_ES256, root.public_key, root_kid), CRYPTO_OK);
    signer = crypto_openssl.signer_create(CRYPTO_ES256, &root);
    return signer ? 0 : -1;
}

static int drop_root(void **state)
{
    (void)state;
    crypto_openssl.signer_destroy(&signer);
    return 0;
}

static const struct trust_entry types[] = {
    {0, BYTES("11100000MB0308732W001"), BYTES("机动车驾驶证"), BYTES("Driving licence")},
    {1, BYTES("x"), BYTES("食品经营许可证"), BYTES("")},
    {65535, BYTES("last"), BYTES(""), BYTES("")},
};
static const struct trust_entry issuers[] = {
    {7, BYTES("gongan"), BYTES("示例市公安局"), BYTES("")}};

static void add_key(struct trust_bundle *bundle, enum key_use use, enum crypto_alg alg,
                    int64_t retire_at)
{
    struct crypto_key_pair pair;
    struct keyring_key key = {
        .alg = alg, .use = use, .publish_at = NOW - 10, .use_from = NOW, .retire_at = retire_at};
    assert_int_equal(crypto_openssl.key_generate(alg, &pair), CRYPTO_OK);
    memcpy(key.public_key, pair.public_key, sizeof key.public_key);
    assert_int_equal(keyring_add(&bundle->ring, &crypto_openssl, &key), KEYRING_OK);
}

static struct trust_bundle *typical(void)
{
    static struct trust_bundle bundle;
    memset(&bundle, 0, sizeof bundle);
    bundle.version = NOW;
    bundle.not_before = NOW;
    bundle.expires = NOW + 7 * 86400;
    add_key(&bundle, KEY_USE_CODE, CRYPTO_ES256, NOW + 365 * 86400);
    add_key(&bundle, KEY_USE_CODE, CRYPTO_SM2, INT64_MAX);
    add_key(&bundle, KEY_USE_STATUS, CRYPTO_ES256, NOW + 1);
    add_key(&bundle, KEY_USE_ROOT, CRYPTO_ES256, INT64_MAX);
    add_key(&bundle, KEY_USE_RECEIPT, CRYPTO_ES256, INT64_MAX);
    add_key(&bundle, KEY_USE_WEBHOOK, CRYPTO_ES256, INT64_MAX);
    memcpy(bundle.revoked[0], "\x00\x00\x00\x01", KID_BYTES);
    memcpy(bundle.revoked[1], "\xff\x00\x00\x01", KID_BYTES);
    bundle.revoked_count = 2;
    bundle.types = types;
    bundle.type_count = 3;
    bundle.issuers = issuers;
    bundle.issuer_count = 1;
    bundle.lists[0] = (struct trust_list){0, BYTES("https://jwb.example/v1/status-lists/0")};
    bundle.lists[1] = (struct trust_list){3, BYTES("https://jwb.example/v1/status-lists/3")};
    bundle.list_count = 2;
    bundle.life_max_s = 300;
    bundle.future_s = 60;
    bundle.past_s = 30;
    return &bundle;
}

static struct bytes written(const struct trust_bundle *bundle)
{
    static uint8_t storage[TRUST_BUNDLE_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    assert_int_equal(
        trust_bundle_write(bundle, CRYPTO_ES256, root_kid, &crypto_openssl, signer, &out),
        CRYPTO_OK);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static void check_entry(const struct trust_entry *entry, const struct trust_entry *expected)
{
    assert_int_equal(entry->index, expected->index);
    assert_true(bytes_equal(entry->code, expected->code));
    assert_true(bytes_equal(entry->name, expected->name));
    assert_true(bytes_equal(entry->english, expected->english));
}

/* Without this a terminal would trust other keys, or name other things, than were signed. */
static void what_is_written_comes_back(void **state)
{
    (void)state;
    static struct trust_bundle read;
    const struct trust_bundle *bundle = typical();
    const struct bytes message = guarded(0, written(bundle));
    for (size_t p = 0; p < 2; p++) {
        assert_true(trust_bundle_read(message, providers[p], &read));
        assert_int_equal(read.version, NOW);
        assert_int_equal(read.not_before, NOW);
        assert_int_equal(read.expires, NOW + 7 * 86400);
        assert_int_equal(read.ring.count, bundle->ring.count);
        for (size_t i = 0; i < read.ring.count; i++) {
            const struct keyring_key *key = &read.ring.keys[i], *expected = &bundle->ring.keys[i];
            assert_memory_equal(key->kid, expected->kid, KID_BYTES);
            assert_memory_equal(key->public_key, expected->public_key, CRYPTO_PUBLIC_BYTES);
            assert_int_equal(key->alg, expected->alg);
            assert_int_equal(key->use, expected->use);
            assert_int_equal(key->publish_at, expected->publish_at);
            assert_int_equal(key->use_from, expected->use_from);
            assert_int_equal(key->retire_at, expected->retire_at);
            assert_false(key->revoked);
        }
        assert_int_equal(read.revoked_count, 2);
        assert_true(trust_bundle_revoked(&read, bundle->revoked[0]));
        assert_true(trust_bundle_revoked(&read, bundle->revoked[1]));
        assert_false(trust_bundle_revoked(&read, root_kid));
        assert_int_equal(read.life_max_s, 300);
        assert_int_equal(read.future_s, 60);
        assert_int_equal(read.past_s, 30);
        assert_memory_equal(read.message.kid, root_kid, KID_BYTES);
        assert_int_equal(read.message.alg, CRYPTO_ES256);
        struct crypto_verifier *verifier =
            providers[p]->verifier_create(CRYPTO_ES256, root.public_key);
        assert_int_equal(trust_bundle_check(&read, providers[p], verifier), CRYPTO_OK);
        providers[p]->verifier_destroy(&verifier);
    }
}

/* Without this an answer would have the name of another type or issuer, or of none. */
static void catalogues_and_lists_are_found(void **state)
{
    (void)state;
    static struct trust_bundle read;
    struct trust_entry entry;
    assert_true(trust_bundle_read(guarded(0, written(typical())), &crypto_openssl, &read));
    for (size_t i = 0; i < 3; i++) {
        assert_true(trust_bundle_type(&read, types[i].index, &entry));
        check_entry(&entry, &types[i]);
    }
    assert_false(trust_bundle_type(&read, 2, &entry));
    assert_true(trust_bundle_issuer(&read, 7, &entry));
    check_entry(&entry, &issuers[0]);
    assert_false(trust_bundle_issuer(&read, 0, &entry));
    assert_non_null(trust_bundle_list(&read, 3));
    assert_bytes(trust_bundle_list(&read, 3)->uri, "https://jwb.example/v1/status-lists/3");
    assert_null(trust_bundle_list(&read, 1));
}

/* Without this a bundle of another signer, or an altered one, could pass; or one that is cut off
 * be read beyond its end. */
static void every_octet_counts(void **state)
{
    (void)state;
    static struct trust_bundle read;
    struct crypto_verifier *verifier =
        crypto_openssl.verifier_create(CRYPTO_ES256, root.public_key);
    uint8_t copy[4096];
    const struct bytes message = written(typical());
    assert_true(message.len < sizeof copy);
    memcpy(copy, message.data, message.len);
    for (size_t i = 0; i < message.len; i++) {
        copy[i] ^= (uint8_t)(1u << i % 8);
        bool passes =
            trust_bundle_read(guarded(0, bytes_of(copy, message.len)), &crypto_openssl, &read) &&
            memcmp(read.message.kid, root_kid, KID_BYTES) == 0 &&
            read.message.alg == CRYPTO_ES256 &&
            trust_bundle_check(&read, &crypto_openssl, verifier) == CRYPTO_OK;
        if (passes)
            fail_msg("octet %zu", i);
        copy[i] ^= (uint8_t)(1u << i % 8);
        assert_false(trust_bundle_read(guarded(1, bytes_of(copy, i)), &crypto_openssl, &read));
    }
    crypto_openssl.verifier_destroy(&verifier);
}

/* ---- what is refused ---- */

static void without_order(struct trust_bundle *b)
{
    b->lists[1].list = 0;
}
static void types_twice(struct trust_bundle *b)
{
    static const struct trust_entry twice[] = {{1, BYTES("a"), BYTES("a"), BYTES("")},
                                               {1, BYTES("b"), BYTES("b"), BYTES("")}};
    b->types = twice;
    b->type_count = 2;
}
static void type_without_code(struct trust_bundle *b)
{
    static const struct trust_entry empty[] = {{1, BYTES(""), BYTES("a"), BYTES("")}};
    b->types = empty;
    b->type_count = 1;
}
static void control_in_a_name(struct trust_bundle *b)
{
    static const struct trust_entry control[] = {{1, BYTES("a"), BYTES("a\nb"), BYTES("")}};
    b->issuers = control;
    b->issuer_count = 1;
}
static void revoked_is_there(struct trust_bundle *b)
{
    memcpy(b->revoked[1], b->ring.keys[1].kid, KID_BYTES);
}
static void revoked_twice(struct trust_bundle *b)
{
    memcpy(b->revoked[1], b->revoked[0], KID_BYTES);
}
static void another_kid(struct trust_bundle *b)
{
    b->ring.keys[2].kid[0] ^= 1;
}
static void key_twice(struct trust_bundle *b)
{
    b->ring.keys[1] = b->ring.keys[0];
}
static void evidence_key(struct trust_bundle *b)
{
    b->ring.keys[1].use = KEY_USE_EVIDENCE;
}
static void unknown_use(struct trust_bundle *b)
{
    b->ring.keys[1].use = (enum key_use)(KEY_USE_WEBHOOK + 1);
}
static void unknown_alg(struct trust_bundle *b)
{
    b->ring.keys[0].alg = (enum crypto_alg) - 8;
}
static void compressed_point(struct trust_bundle *b)
{
    b->ring.keys[0].public_key[0] = 2;
}
static void version_0(struct trust_bundle *b)
{
    b->version = 0;
}
static void version_too_high(struct trust_bundle *b)
{
    b->version = TRUST_VERSION_MAX + 1;
}
static void over_before_it_began(struct trust_bundle *b)
{
    b->expires = b->not_before;
}
static void far_future(struct trust_bundle *b)
{
    b->expires = (int64_t)UINT32_MAX + 1;
}
static void no_life(struct trust_bundle *b)
{
    b->life_max_s = 0;
}
static void long_life(struct trust_bundle *b)
{
    b->life_max_s = 301;
}
static void tolerant(struct trust_bundle *b)
{
    b->past_s = TRUST_TOLERANCE_S_MAX + 1;
}
static void list_without_uri(struct trust_bundle *b)
{
    b->lists[0].uri = BYTES("");
}
static void nothing(struct trust_bundle *b)
{
    (void)b;
}
static void as_much_as_may_be(struct trust_bundle *b)
{
    static struct trust_entry many[TRUST_ISSUERS_MAX];
    for (size_t i = 0; i < TRUST_ISSUERS_MAX; i++)
        many[i] = (struct trust_entry){(uint16_t)i, BYTES("c"), BYTES("n"), BYTES("e")};
    b->types = b->issuers = many;
    b->type_count = TRUST_TYPES_MAX;
    b->issuer_count = TRUST_ISSUERS_MAX;
}
static void a_type_more(struct trust_bundle *b)
{
    as_much_as_may_be(b);
    b->type_count++;
}

static const struct {
    void (*change)(struct trust_bundle *bundle);
    bool read;
} changes[] = {
    {nothing, true},
    {as_much_as_may_be, true},
    {without_order, false},
    {types_twice, false},
    {type_without_code, false},
    {control_in_a_name, false},
    {revoked_twice, false},
    {revoked_is_there, false},
    {another_kid, false},
    {key_twice, false},
    {evidence_key, false},
    {unknown_use, false},
    {unknown_alg, false},
    {compressed_point, false},
    {version_0, false},
    {far_future, false},
    {over_before_it_began, false},
    {version_too_high, false},
    {no_life, false},
    {long_life, false},
    {tolerant, false},
    {list_without_uri, false},
    {a_type_more, false},
};

/* Without this two terminals could take one bundle for two, or one be told what makes no sense. */
static void what_is_out_of_its_range_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        static struct trust_bundle read;
        static uint8_t storage[TRUST_BUNDLE_BYTES_MAX];
        struct trust_bundle *bundle = typical();
        struct buf out = BUF_OVER(storage);
        changes[i].change(bundle);
        trust_bundle_write_payload(bundle, &out);
        assert_true(buf_ok(&out));
        if (trust_bundle_read_payload(guarded(0, buf_bytes(&out)), &crypto_openssl, &read) !=
            changes[i].read)
            fail_msg("change %zu", i);
    }
}

/* Without this a bundle would have many forms, and not be the file that others compare. */
static void the_one_form_alone_is_read(void **state)
{
    (void)state;
    static struct trust_bundle read;
    static uint8_t storage[8192];
    struct buf payload = BUF_OVER(storage);
    trust_bundle_write_payload(typical(), &payload);
    assert_true(trust_bundle_read_payload(buf_bytes(&payload), &crypto_openssl, &read));
    buf_put_u8(&payload, 0xF6);
    assert_false(trust_bundle_read_payload(buf_bytes(&payload), &crypto_openssl, &read));
    storage[0] = 0xAA; /* a tenth member, null: null */
    assert_false(trust_bundle_read_payload(buf_bytes(&payload), &crypto_openssl, &read));
    struct bytes message = written(typical());
    memcpy(storage, message.data, message.len);
    assert_true(trust_bundle_read(bytes_of(storage, message.len), &crypto_openssl, &read));
    assert_false(trust_bundle_read(bytes_of(storage + 1, message.len - 1), &crypto_openssl, &read));
    storage[message.len] = 0;
    assert_false(trust_bundle_read(bytes_of(storage, message.len + 1), &crypto_openssl, &read));
}

/* ---- vectors ---- */

static const char *answer(struct bytes message, const struct keyring *ring,
                          const struct crypto_provider *crypto)
{
    static struct trust_bundle read;
    if (!trust_bundle_read(message, crypto, &read))
        return "malformed";
    const struct keyring_key *key = keyring_find(ring, read.message.kid);
    if (!key || key->use != KEY_USE_ROOT || key->alg != read.message.alg)
        return "unknown_key";
    struct crypto_verifier *verifier = crypto->verifier_create(key->alg, key->public_key);
    enum crypto_result result = trust_bundle_check(&read, crypto, verifier);
    crypto->verifier_destroy(&verifier);
    return result == CRYPTO_OK ? "ok" : "bad_signature";
}

/* Without this C and other readers of docs/PROTOCOL.md would take different bundles. */
static void every_reader_agrees_about_the_vectors(void **state)
{
    (void)state;
    json_t *root_json = json_load_file("tests/vectors/trust.json", JSON_REJECT_DUPLICATES, NULL),
           *vector;
    static uint8_t storage[8192];
    struct keyring ring = {.count = 0};
    size_t i;
    char *jwks = json_dumps(json_object_get(root_json, "jwks"), 0);
    assert_true(keyring_read_jwks(&ring, &crypto_openssl, bytes_str(jwks)));
    free(jwks);
    json_array_foreach(json_object_get(root_json, "bundles"), i, vector)
    {
        const char *expected = json_string_value(json_object_get(vector, "expect"));
        struct buf message = BUF_OVER(storage);
        assert_true(buf_put_from_hex(
            &message, bytes_str(json_string_value(json_object_get(vector, "cose")))));
        for (size_t p = 0; p < 2; p++)
            assert_string_equal(answer(guarded(0, buf_bytes(&message)), &ring, providers[p]),
                                expected);
    }
    assert_true(i > 10);
    json_decref(root_json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(catalogues_and_lists_are_found),
        cmocka_unit_test(every_octet_counts),
        cmocka_unit_test(what_is_out_of_its_range_is_refused),
        cmocka_unit_test(the_one_form_alone_is_read),
        cmocka_unit_test(every_reader_agrees_about_the_vectors),
    };
    return cmocka_run_group_tests(tests, make_root, drop_root);
}
