#include <stdio.h>

#include "protocol/keyring.h"
#include "tests/support.h"

static const struct crypto_provider *const crypto = &crypto_openssl;

/* The key of RFC 9679's example. */
static const char EXAMPLE_X[] = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d";
static const char EXAMPLE_Y[] = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c";

static struct keyring_key example_key(void)
{
    struct keyring_key key = {.alg = COSE_ALG_ES256, .retire_at = INT64_MAX};
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
        assert_int_equal(crypto->key_generate(&pairs[n]), CRYPTO_OK);
    memcpy(key.public_key, pairs[n].public_key, sizeof key.public_key);
    return key;
}

/* Without this our kids would not be those that others compute from the same keys. */
static void kid_is_the_thumbprint_of_rfc_9679(void **state)
{
    (void)state;
    struct keyring_key key = example_key();
    uint8_t kid[KID_BYTES];
    assert_int_equal(key_id(&crypto_openssl, key.public_key, kid), CRYPTO_OK);
    assert_memory_equal(kid, "\x49\x6b\xd8\xaf", KID_BYTES);
    assert_int_equal(key_id(&crypto_mbedtls, key.public_key, kid), CRYPTO_OK);
    assert_memory_equal(kid, "\x49\x6b\xd8\xaf", KID_BYTES);
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
        assert_int_equal(key_id(crypto, numbered_key(n).public_key, kid), CRYPTO_OK);
        assert_ptr_equal(keyring_find(&ring, kid), &ring.keys[n]);
    }
    assert_null(keyring_find(&ring, (const uint8_t *)"\0\0\0\0"));
}

/* Without this a gateway would sign with a key that is retired, revoked or of another use, or not
 * move to the next one. */
static void the_newest_key_in_use_signs(void **state)
{
    (void)state;
    static struct keyring ring;
    static const struct {
        int64_t use_from, retire_at;
        enum key_use use;
        bool revoked;
    } keys[] = {{100, 200, KEY_USE_CODE, false},
                {150, 300, KEY_USE_CODE, false},
                {160, 300, KEY_USE_CODE, true},
                {170, 300, KEY_USE_STATUS, false}};
    for (unsigned n = 0; n < 4; n++) {
        struct keyring_key key = numbered_key(n);
        key.use_from = keys[n].use_from;
        key.retire_at = keys[n].retire_at;
        key.use = keys[n].use;
        key.revoked = keys[n].revoked;
        assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_OK);
    }
    assert_null(keyring_signing(&ring, KEY_USE_CODE, 99));
    assert_ptr_equal(keyring_signing(&ring, KEY_USE_CODE, 100), &ring.keys[0]);
    assert_ptr_equal(keyring_signing(&ring, KEY_USE_CODE, 149), &ring.keys[0]);
    assert_ptr_equal(keyring_signing(&ring, KEY_USE_CODE, 150), &ring.keys[1]);
    assert_ptr_equal(keyring_signing(&ring, KEY_USE_CODE, 299), &ring.keys[1]);
    assert_null(keyring_signing(&ring, KEY_USE_CODE, 300));
    assert_ptr_equal(keyring_signing(&ring, KEY_USE_STATUS, 170), &ring.keys[3]);
    assert_null(keyring_signing(&ring, KEY_USE_ROOT, 170));
}

static bool read_set(struct keyring *ring, const char *json)
{
    return keyring_read_jwks(ring, crypto, guarded(0, bytes_str(json)));
}

/* Without this what the gateway publishes could not be read, or would tell of keys it must not. */
static void a_published_set_comes_back(void **state)
{
    (void)state;
    static struct keyring ring, read;
    struct keyring_key key = example_key();
    uint8_t storage[4096];
    struct buf out = BUF_OVER(storage);
    key.use_from = 1700000000;
    key.retire_at = 1800000000;
    assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_OK);
    key = numbered_key(1);
    assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_OK);
    key = numbered_key(2);
    key.publish_at = 1700000001;
    assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_OK);
    key = numbered_key(3);
    key.revoked = true;
    assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_OK);
    key = numbered_key(4);
    key.use = KEY_USE_ROOT;
    assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_OK);
    key = numbered_key(5);
    key.use = KEY_USE_RECEIPT;
    assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_OK);
    key = numbered_key(6);
    key.use = KEY_USE_WEBHOOK;
    assert_int_equal(keyring_add(&ring, crypto, &key), KEYRING_OK);

    keyring_write_jwks(&ring, 1700000000, &out);
    assert_true(read_set(&read, buf_cstr(&out)));
    assert_int_equal(read.count, 4);
    assert_true(read.keys[0].use == KEY_USE_CODE && read.keys[1].use == KEY_USE_CODE);
    assert_int_equal(read.keys[2].use, KEY_USE_RECEIPT);
    assert_memory_equal(read.keys[2].kid, ring.keys[5].kid, KID_BYTES);
    assert_int_equal(read.keys[3].use, KEY_USE_WEBHOOK);
    assert_memory_equal(read.keys[3].kid, ring.keys[6].kid, KID_BYTES);
    assert_memory_equal(read.keys[0].kid, "\x49\x6b\xd8\xaf", KID_BYTES);
    assert_memory_equal(read.keys[0].public_key, ring.keys[0].public_key, CRYPTO_PUBLIC_BYTES);
    assert_true(read.keys[0].use_from == 1700000000 && read.keys[0].retire_at == 1800000000);
    assert_memory_equal(read.keys[1].public_key, ring.keys[1].public_key, CRYPTO_PUBLIC_BYTES);
    assert_true(read.keys[1].use_from == 0 && read.keys[1].retire_at == INT64_MAX);
    assert_false(read_set(&read, buf_cstr(&out))); /* there already */
    assert_int_equal(read.count, 4);

    out.len = 0;
    keyring_write_jwks(&ring, 1700000001, &out);
    read.count = 0;
    assert_true(read_set(&read, buf_cstr(&out)));
    assert_int_equal(read.count, 5);
}

#define EXAMPLE_XY                                                                                 \
    "\"x\":\"Ze2loSV3wrroKUN_4zhwGhCqo3Xhu1td4QjeQ5wIVR0\","                                       \
    "\"y\":\"HlLtdXARY_f55A3fnzQbPcm6hgr34Mp8p-nuzQCE0Zw\""
#define EXAMPLE_KIND "\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\","
#define EXAMPLE      EXAMPLE_KIND "\"kid\":\"496bd8af\"," EXAMPLE_XY

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
        {"{\"keys\":[{" EXAMPLE ",\"jwb_use\":\"root\"},{" EXAMPLE ",\"jwb_use\":5},"
         "{" EXAMPLE ",\"jwb_use\":\"\"}]}",
         0},                                                          /* uses that we don't know */
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
        cmocka_unit_test(keys_are_added_once_and_up_to_the_limit),
        cmocka_unit_test(the_newest_key_in_use_signs),
        cmocka_unit_test(a_published_set_comes_back),
        cmocka_unit_test(foreign_sets_are_read),
        cmocka_unit_test(malformed_sets_are_refused),
        cmocka_unit_test(a_set_of_too_many_keys_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
