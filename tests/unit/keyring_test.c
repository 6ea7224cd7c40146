#include <stdio.h>

#include "protocol/keyring.h"
#include "tests/support.h"

static const struct crypto_provider *const crypto = &crypto_openssl;

/* The key of RFC 9679's example. */
static const char EXAMPLE_X[] = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d";
static const char EXAMPLE_Y[] = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c";

static struct keyring_key example_key(void)
{
    struct keyring_key key = {.alg = CRYPTO_ES256, .retire_at = INT64_MAX};
    struct buf out = BUF_OVER(key.public_key);
    buf_put_u8(&out, 4);
    assert_true(buf_put_from_hex(&out, bytes_str(EXAMPLE_X)));
    assert_true(buf_put_from_hex(&out, bytes_str(EXAMPLE_Y)));
    return key;
}

/* A key for each `n` up to KEYRING_KEYS_MAX, the same at every call. */
static struct keyring_key numbered_key(unsigned n)
{
    static struct crypto_key_pair pairs[KEYRING_KEYS_MAX + 1];
    struct keyring_key key = example_key();
    if (pairs[n].public_key[0] == 0)
        assert_int_equal(crypto->key_generate(CRYPTO_ES256, &pairs[n]), CRYPTO_OK);
    memcpy(key.public_key, pairs[n].public_key, sizeof key.public_key);
    return key;
}

/* Without this our kids would not be those that others compute from the same keys. */
static void kid_is_the_thumbprint_of_rfc_9679(void **state)
{
    (void)state;
    struct keyring_key key = example_key();
    uint8_t kid[KID_BYTES];
    assert_int_equal(key_id(&crypto_openssl, CRYPTO_ES256, key.public_key, kid), CRYPTO_OK);
    assert_memory_equal(kid, "\x49\x6b\xd8\xaf", KID_BYTES);
    assert_int_equal(key_id(&crypto_mbedtls, CRYPTO_ES256, key.public_key, kid), CRYPTO_OK);
    assert_memory_equal(kid, "\x49\x6b\xd8\xaf", KID_BYTES);
}

/* Without this the kid of an SM2 key would be that of no COSE_Key, or be the same as of a P-256 key
 * with the same coordinates. */
static void kid_of_sm2_names_its_curve(void **state)
{
    (void)state;
    /* SHA-256 of a4 01 02 20 3a 00 01 00 40 21 58 20 x 22 58 20 y, computed apart with Python's
     * hashlib. */
    struct keyring_key key = example_key();
    uint8_t kid[KID_BYTES];
    assert_int_equal(key_id(crypto, CRYPTO_SM2, key.public_key, kid), CRYPTO_OK);
    assert_memory_equal(kid, "\xca\xd8\x61\x7d", KID_BYTES);
}

/* Without this two keys could share a kid, or a keyring overflow. */
static void keys_are_added_once_and_up_to_the_limit(void **state)
{
    (void)state;
    static struct keyring ring;
    struct keyring_key key = numbered_key(0);
    key.revoked = true;
    assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_OK);
    key.revoked = false;
    key.use = KEY_USE_STATUS;
    assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_ERR_COLLISION);
    for (unsigned n = 1; n < KEYRING_KEYS_MAX; n++) {
        key = numbered_key(n);
        assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_OK);
    }
    key = numbered_key(KEYRING_KEYS_MAX);
    assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_ERR_FULL);
    for (unsigned n = 0; n < KEYRING_KEYS_MAX; n++) {
        uint8_t kid[KID_BYTES];
        assert_int_equal(key_id(crypto, CRYPTO_ES256, numbered_key(n).public_key, kid), CRYPTO_OK);
        assert_ptr_equal(keyring_find(&ring, kid), &ring.keys[n]);
    }
    assert_null(keyring_find(&ring, (const uint8_t *)"\0\0\0\0"));
}

/* Without this a gateway would sign with a key that is retired, revoked, of another use or
 * algorithm, or unknown to those who verify; or not move to the next one. */
static void the_newest_key_in_use_signs(void **state)
{
    (void)state;
    static struct keyring ring;
    static const struct {
        int64_t use_from, retire_at;
        enum key_use use;
        bool revoked;
        enum crypto_alg alg;
        int64_t publish_at;
    } keys[] = {{100, 200, KEY_USE_CODE, false, CRYPTO_ES256, 0},
                {150, 300, KEY_USE_CODE, false, CRYPTO_ES256, 0},
                {160, 300, KEY_USE_CODE, true, CRYPTO_ES256, 0},
                {170, 300, KEY_USE_STATUS, false, CRYPTO_ES256, 0},
                {160, 300, KEY_USE_CODE, false, CRYPTO_SM2, 0},
                {160, 300, KEY_USE_CODE, false, CRYPTO_ES256, 200},
                {170, 300, KEY_USE_CODE, false, CRYPTO_ES256, KEY_UNPUBLISHED}};
    for (unsigned n = 0; n < sizeof keys / sizeof *keys; n++) {
        struct keyring_key key = numbered_key(n);
        key.use_from = keys[n].use_from;
        key.retire_at = keys[n].retire_at;
        key.use = keys[n].use;
        key.revoked = keys[n].revoked;
        key.alg = keys[n].alg;
        key.publish_at = keys[n].publish_at;
        assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_OK);
    }
    assert_null(keyring_signing(&ring, KEY_USE_CODE, CRYPTO_ES256, 99));
    assert_ptr_equal(keyring_signing(&ring, KEY_USE_CODE, CRYPTO_ES256, 100), &ring.keys[0]);
    assert_ptr_equal(keyring_signing(&ring, KEY_USE_CODE, CRYPTO_ES256, 149), &ring.keys[0]);
    assert_ptr_equal(keyring_signing(&ring, KEY_USE_CODE, CRYPTO_ES256, 150), &ring.keys[1]);
    assert_ptr_equal(keyring_signing(&ring, KEY_USE_CODE, CRYPTO_ES256, 199), &ring.keys[1]);
    assert_ptr_equal(keyring_signing(&ring, KEY_USE_CODE, CRYPTO_ES256, 200), &ring.keys[5]);
    assert_ptr_equal(keyring_signing(&ring, KEY_USE_CODE, CRYPTO_ES256, 299), &ring.keys[5]);
    assert_null(keyring_signing(&ring, KEY_USE_CODE, CRYPTO_ES256, 300));
    assert_null(keyring_signing(&ring, KEY_USE_CODE, CRYPTO_SM2, 159));
    assert_ptr_equal(keyring_signing(&ring, KEY_USE_CODE, CRYPTO_SM2, 160), &ring.keys[4]);
    assert_ptr_equal(keyring_signing(&ring, KEY_USE_STATUS, CRYPTO_ES256, 170), &ring.keys[3]);
    assert_null(keyring_signing(&ring, KEY_USE_ROOT, CRYPTO_ES256, 170));
}

static bool read_set(struct keyring *ring, const char *json)
{
    return keyring_read_jwks(ring, crypto, guarded(0, bytes_str(json)));
}

static void add(struct keyring *ring, unsigned n, enum key_use use, int64_t publish_at,
                bool revoked)
{
    struct keyring_key key = numbered_key(n);
    key.use = use;
    key.publish_at = publish_at;
    key.revoked = revoked;
    assert_int_equal(keyring_add(ring, crypto, &key), KEYRING_OK);
}

/* Without this what the gateway publishes could not be read, or would tell of keys it must not. */
static void a_published_set_comes_back(void **state)
{
    (void)state;
    static const int published[] = {0, 1, 4, 5, 6, 7}; /* at 1700000000 */
    static struct keyring ring, read;
    struct keyring_key key = example_key();
    uint8_t storage[4096];
    struct buf out = BUF_OVER(storage);
    key.use_from = 1700000000;
    key.retire_at = 1800000000;
    assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_OK);
    add(&ring, 1, KEY_USE_CODE, 0, false);
    add(&ring, 2, KEY_USE_CODE, 1700000001, false);
    add(&ring, 3, KEY_USE_CODE, 0, true);
    add(&ring, 4, KEY_USE_ROOT, 0, false);
    add(&ring, 5, KEY_USE_RECEIPT, 0, false);
    add(&ring, 6, KEY_USE_WEBHOOK, 0, false);
    add(&ring, 7, KEY_USE_STATUS, 0, false);
    add(&ring, 8, KEY_USE_STATUS, KEY_UNPUBLISHED, false);

    keyring_write_jwks(&ring, 1700000000, &out);
    assert_true(read_set(&read, buf_cstr(&out)));
    assert_int_equal(read.count, sizeof published / sizeof *published);
    for (size_t i = 0; i < read.count; i++) {
        const struct keyring_key *a = &read.keys[i], *b = &ring.keys[published[i]];
        assert_memory_equal(a->kid, b->kid, KID_BYTES);
        assert_memory_equal(a->public_key, b->public_key, CRYPTO_PUBLIC_BYTES);
        assert_true(a->use == b->use && a->alg == b->alg);
        assert_true(a->use_from == b->use_from && a->retire_at == b->retire_at);
    }
    assert_memory_equal(read.keys[0].kid, "\x49\x6b\xd8\xaf", KID_BYTES);
    assert_true(read.keys[0].use_from == 1700000000 && read.keys[0].retire_at == 1800000000);
    assert_true(read.keys[1].use_from == 0 && read.keys[1].retire_at == INT64_MAX);
    assert_false(read_set(&read, buf_cstr(&out))); /* there already */
    assert_int_equal(read.count, 6);

    out.len = 0;
    keyring_write_jwks(&ring, 1700000001, &out);
    read.count = 0;
    assert_true(read_set(&read, buf_cstr(&out)));
    assert_int_equal(read.count, 7);
}

/* Without this a city on SM2 could not publish its keys, or a key of one algorithm pass for one of
 * the other. */
static void keys_of_both_algorithms_share_a_set(void **state)
{
    (void)state;
    static struct keyring ring, read;
    uint8_t storage[1024];
    struct buf out = BUF_OVER(storage);
    struct crypto_key_pair pair;
    struct keyring_key key = {.alg = CRYPTO_SM2, .use = KEY_USE_STATUS, .retire_at = INT64_MAX};
    assert_int_equal(crypto->key_generate(CRYPTO_SM2, &pair), CRYPTO_OK);
    memcpy(key.public_key, pair.public_key, sizeof key.public_key);
    assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_OK);
    add(&ring, 1, KEY_USE_CODE, 0, false);
    keyring_write_jwks(&ring, 0, &out);
    const struct crypto_provider *const providers[] = {&crypto_openssl, &crypto_mbedtls};
    for (int p = 0; p < 2; p++) {
        read.count = 0;
        assert_true(keyring_read_jwks(&read, providers[p], guarded(0, buf_bytes(&out))));
        assert_int_equal(read.count, 2);
        assert_true(read.keys[0].alg == CRYPTO_SM2 && read.keys[0].use == KEY_USE_STATUS);
        assert_memory_equal(read.keys[0].kid, ring.keys[0].kid, KID_BYTES);
        assert_true(read.keys[1].alg == CRYPTO_ES256 && read.keys[1].use == KEY_USE_CODE);
    }
    /* The point is on the other curve. */
    uint8_t *at = memmem(storage, out.len, "\"P-256\"", 7);
    memcpy(at, "\"SM2\"  ", 7);
    at = memmem(storage, out.len, "\"ES256\"", 7);
    memcpy(at, "\"SM2\"  ", 7);
    read.count = 0;
    assert_false(keyring_read_jwks(&read, crypto, buf_bytes(&out)));
}

#define EXAMPLE_XY                                                                                 \
    "\"x\":\"Ze2loSV3wrroKUN_4zhwGhCqo3Xhu1td4QjeQ5wIVR0\","                                       \
    "\"y\":\"HlLtdXARY_f55A3fnzQbPcm6hgr34Mp8p-nuzQCE0Zw\""
#define EXAMPLE_KIND "\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\","
#define EXAMPLE      EXAMPLE_KIND "\"kid\":\"496bd8af\"," EXAMPLE_XY

#define SM2_CURVE "\"kty\":\"EC\",\"crv\":\"SM2\",\"use\":\"sig\","

/* Without this a set by another program, with other white space and members, could not be read. */
static void foreign_sets_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        size_t keys;
    } sets[] = {
        {"{\"keys\":[]}", 0},
        {" {\r\n\t\"keys\" : [ {" EXAMPLE "} ] } \n", 1},
        {"{\"a\":[1,{\"b\":[]},{}],\"keys\":[{" EXAMPLE ",\"key_ops\":[\"verify\"],\"n\":-1.5e+3}],"
         "\"z\":null,\"s\":\"a\\\"]}\"}",
         1},
        {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"},{" EXAMPLE "},"
         "{\"kty\":\"EC\",\"crv\":\"P-384\"},{}]}",
         1},
        {"{\"keys\":[{" EXAMPLE ",\"nbf\":0,\"exp\":999999999999}]}", 1},
        {"{\"keys\":[{" EXAMPLE ",\"jwb_use\":\"receipt\"}]}", 1},
        {"{\"keys\":[{" EXAMPLE ",\"jwb_use\":\"status\"}]}", 1},
        {"{\"keys\":[{" EXAMPLE ",\"jwb_use\":\"root\"}]}", 1},
        {"{\"keys\":[{" EXAMPLE ",\"jwb_use\":\"evidence\"},{" EXAMPLE ",\"jwb_use\":5},"
         "{" EXAMPLE ",\"jwb_use\":\"\"}]}",
         0}, /* uses that we don't know */
        {"{\"keys\":[{" SM2_CURVE "\"alg\":\"ES256\"," EXAMPLE_XY "},"
         "{" SM2_CURVE "\"alg\":\"SM3\"," EXAMPLE_XY "},{" SM2_CURVE EXAMPLE_XY "},"
         "{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"SM2\"," EXAMPLE_XY "}]}",
         0},                                                          /* of no kind of ours */
        {"{\"keys\":[{\"kty\":[],\"kid\":5,\"x\":null,\"exp\":\"\"}," /* not looked at */
         "{" EXAMPLE "}]}",
         1},
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        static struct keyring ring;
        ring.count = 0;
        assert_true(read_set(&ring, sets[i].json));
        assert_int_equal(ring.count, sets[i].keys);
    }
}

/* Without this a broken or doctored set would be taken for a good one, or crash its reader. */
static void malformed_sets_are_refused(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "",
        "{",
        "{}",
        "[]",
        "{\"keys\":{}}",
        "{\"keys\":[}",
        "{\"keys\":[]",
        "{\"keys\":[]}}",
        "{\"keys\":[]} x",
        "{\"keys\":[],}",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[{" EXAMPLE "},]}",
        "{\"keys\":[{" EXAMPLE "},{" EXAMPLE "}]}",
        "{\"keys\":[{" EXAMPLE ",\"use\":\"sig\"}]}",
        "{\"keys\":[{" EXAMPLE ",\"exp\":\"1\"}]}",
        "{\"keys\":[{" EXAMPLE ",\"exp\":-1}]}",
        "{\"keys\":[{" EXAMPLE ",\"exp\":1.5}]}",
        "{\"keys\":[{" EXAMPLE ",\"exp\":1e3}]}",
        "{\"keys\":[{" EXAMPLE ",\"exp\":1000000000000}]}",
        "{\"keys\":[{" EXAMPLE ",\"exp\":}]}",
        "{\"keys\":[{" EXAMPLE_KIND "\"kid\":\"496bd8ae\"," EXAMPLE_XY "}]}",
        "{\"keys\":[{" EXAMPLE_KIND "\"kid\":\"496BD8AF\"," EXAMPLE_XY "}]}",
        "{\"keys\":[{" EXAMPLE_KIND EXAMPLE_XY "}]}",
        "{\"keys\":[{" EXAMPLE_KIND "\"kid\":\"496bd8af\"}]}",
        "{\"keys\":[{" EXAMPLE_KIND "\"kid\":\"496bd8af\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}",
        "{\"a\":[[[[[[[[[]]]]]]]]],\"keys\":[]}",
        "{\"a\":\"\\\"}",
        "{\"keys\":[{\"kty\":[}]}",
        "{\"keys\":[{" EXAMPLE_KIND "\"kid\":\"496bd8af\",\"x\":\"\",\"y\":\"}]}",
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        static struct keyring ring;
        if (read_set(&ring, sets[i]))
            fail_msg("read: %s", sets[i]);
        assert_int_equal(ring.count, 0);
    }
    static const char whole[] = "{\"a\":[1,{\"b\":\"\\u0000\"}],\"keys\":[{" EXAMPLE "}]}";
    static struct keyring ring;
    for (size_t len = 0; len < sizeof whole - 1; len++)
        assert_false(keyring_read_jwks(&ring, crypto, guarded(0, bytes_of(whole, len))));
    assert_true(read_set(&ring, whole));
}

/* Without this a set of too many keys would be cut in silence. */
static void a_set_of_too_many_keys_is_refused(void **state)
{
    (void)state;
    static struct keyring ring, read;
    static uint8_t storage[KEYRING_KEYS_MAX * 256];
    struct buf out = BUF_OVER(storage);
    for (unsigned n = 0; n < KEYRING_KEYS_MAX; n++) {
        struct keyring_key key = numbered_key(n);
        assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_OK);
    }
    keyring_write_jwks(&ring, 0, &out);
    assert_true(keyring_read_jwks(&read, crypto, buf_bytes(&out)));
    assert_int_equal(read.count, KEYRING_KEYS_MAX);
    read.count = 0;
    struct keyring_key key = numbered_key(KEYRING_KEYS_MAX);
    assert_int_equal(keyring_add(&read, crypto, &key), KEYRING_OK);
    assert_false(keyring_read_jwks(&read, crypto, buf_bytes(&out)));
    assert_int_equal(read.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kid_is_the_thumbprint_of_rfc_9679),
        cmocka_unit_test(kid_of_sm2_names_its_curve),
        cmocka_unit_test(keys_are_added_once_and_up_to_the_limit),
        cmocka_unit_test(the_newest_key_in_use_signs),
        cmocka_unit_test(a_published_set_comes_back),
        cmocka_unit_test(keys_of_both_algorithms_share_a_set),
        cmocka_unit_test(foreign_sets_are_read),
        cmocka_unit_test(malformed_sets_are_refused),
        cmocka_unit_test(a_set_of_too_many_keys_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
