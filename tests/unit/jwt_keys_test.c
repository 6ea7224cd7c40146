/* gateway/jwt.h: keys and key sets. Each test begins with what would be broken if it failed. */
#include <stdio.h>

#include "gateway/jwt.h"
#include "tests/jwt_maker.h"
#include "tests/support.h"

#define POINT                                                                                      \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","      \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""

/* A key would be used for what it is not, or a set that has one more kind of key be useless. */
static void key_sets_are_strict(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        int count; /* -1: refused */
    } rows[] = {
        {"{\"keys\":[]}", 0},
        {"{\"more\":1,\"keys\":[{" POINT "}]}", 1},
        {"{\"keys\":[{" POINT ",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"a\",\"iat\":1}]}", 1},
        {"{\"keys\":[{" POINT ",\"kid\":\"a\"},{" POINT ",\"kid\":\"b\"}]}", 2},
        /* of another kind: skipped, and may lack a kid */
        {"{\"keys\":[{" POINT ",\"use\":\"enc\"}]}", 0},
        {"{\"keys\":[{" POINT ",\"use\":1}]}", 0},
        {"{\"keys\":[{" POINT ",\"alg\":\"ECDH-ES\"}]}", 0},
        {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}]}", 0},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}]}", 0},
        {"{\"keys\":[{\"kty\":\"RSA\",\"alg\":\"PS256\",\"n\":\"AA\",\"e\":\"AQAB\"},{" POINT
         ",\"kid\":\"a\"}]}",
         1},
        {"{\"keys\":[{}]}", 0},
        /* contradictions */
        {"{\"keys\":[{" POINT ",\"alg\":\"RS256\"}]}", -1},
        {"{\"keys\":[{\"kty\":\"RSA\",\"alg\":\"ES256\",\"n\":\"AA\",\"e\":\"AQAB\"}]}", -1},
        {"{\"keys\":[{" POINT ",\"kid\":\"a\"},{" POINT ",\"kid\":\"a\"}]}", -1},
        {"{\"keys\":[{" POINT "},{" POINT ",\"kid\":\"b\"}]}", -1},
        {"{\"keys\":[{" POINT ",\"kid\":\"a\"},{" POINT "}]}", -1},
        {"{\"keys\":[{" POINT ",\"kid\":\"\"}]}", -1},
        {"{\"keys\":[{" POINT ",\"kid\":5}]}", -1},
        {"{\"keys\":[{" POINT ",\"d\":\"AA\"}]}", -1},
        {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}", -1},
        {"{\"keys\":[{" POINT ",\"kid\":\"a\",\"kid\":\"b\"}]}", -1},
        {"{\"keys\":[],\"keys\":[]}", -1},
        /* no keys, no set */
        {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}", -1},
        {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\"}]}", -1},
        {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
         "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
         "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4\"}]}",
         -1}, /* beside the curve */
        {"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}", -1},
        {"{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\"}]}", -1},
        {"{\"keys\":[1]}", -1},
        {"{\"keys\":{}}", -1},
        {"{}", -1},
        {"[]", -1},
        {"", -1},
        {"{\"keys\":[]}{}", -1},
        {"<html>", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf why = BUF_OVER((uint8_t[200]){0});
        struct jwt_keys set;
        bool read = jwt_keys_read(guarded(0, bytes_str(rows[i].set)), &set, &why);
        if (read != (rows[i].count >= 0) || (read ? (int)set.count != rows[i].count : set.count))
            fail_msg("%s: %d, %zu keys, %s", rows[i].set, read, set.count, buf_cstr(&why));
        assert_int_equal(why.len == 0, read);
    }
}

/* A set with more keys would overrun, or a kid of the longest length be cut. */
static void key_sets_are_bounded(void **state)
{
    (void)state;
    for (int count = JWT_KEYS_MAX; count <= JWT_KEYS_MAX + 1; count++) {
        uint8_t storage[MAKER_TEXT_BYTES_MAX];
        struct buf set = BUF_OVER(storage), why = BUF_OVER((uint8_t[200]){0});
        struct jwt_keys read;
        buf_put_str(&set, "{\"keys\":[");
        for (int i = 0; i < count; i++)
            buf_printf(&set, "%s{" POINT ",\"kid\":\"%0*d\"}", i ? "," : "", JWT_KID_BYTES_MAX, i);
        buf_put_str(&set, "]}");
        assert_true(buf_ok(&set));
        assert_int_equal(jwt_keys_read(guarded(0, buf_bytes(&set)), &read, &why),
                         count == JWT_KEYS_MAX);
        if (count == JWT_KEYS_MAX)
            assert_int_equal(strlen(read.keys[15].kid), JWT_KID_BYTES_MAX);
    }
    char one[512];
    struct buf why = BUF_OVER((uint8_t[200]){0});
    struct jwt_keys read;
    snprintf(one, sizeof one, "{\"keys\":[{" POINT ",\"kid\":\"%0*d\"}]}", JWT_KID_BYTES_MAX + 1,
             1);
    assert_false(jwt_keys_read(bytes_str(one), &read, &why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_sets_are_strict),
        cmocka_unit_test(key_sets_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
