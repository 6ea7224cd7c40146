/* Public keys in PEM: what everybody's tools write is read, and other keys are refused. */
#include "crypto/crypto_pem.h"

#include "tests/support.h"

/* Made by OpenSSL's tools for nobody: one key in three forms, and keys of other kinds. */
#define P256                                                                                       \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcgEhR5adx8s+o2CrkCyaolTiTUGW\n"                           \
    "oIx0v2/8p1aMzfazdHpzovqZAN17y6l0cMcOoFqwlJjM+Sc0ZM2Y86Lx3g==\n"                               \
    "-----END PUBLIC KEY-----\n"
#define COMPRESSED                                                                                 \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACcgEhR5adx8s+o2CrkCyaolTiTUGW\n"                           \
    "oIx0v2/8p1aMzfY=\n"                                                                           \
    "-----END PUBLIC KEY-----\n"
#define CERTIFICATE                                                                                \
    "-----BEGIN CERTIFICATE-----\n"                                                                \
    "MIIBeDCCAR+gAwIBAgIUbWizbAr909FVPO0M2J4cQsTAYoQwCgYIKoZIzj0EAwIw\n"                           \
    "ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyMzE2MDczMloYDzIxMjYxMDMwMTYw\n"                           \
    "NzMyWjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"                           \
    "AARyASFHlp3Hyz6jYKuQLJqiVOJNQZagjHS/b/ynVozN9rN0enOi+pkA3XvLqXRw\n"                           \
    "xw6gWrCUmMz5JzRkzZjzovHeo1MwUTAdBgNVHQ4EFgQUlOaFqZm+5n85gmTApSJJ\n"                           \
    "Pxg2p9owHwYDVR0jBBgwFoAUlOaFqZm+5n85gmTApSJJPxg2p9owDwYDVR0TAQH/\n"                           \
    "BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBqDxORxifTnT5cznkwCBm/sb/8jsZK\n"                           \
    "9UJQvJlH4VlbYgIgIhlzCCms4zanJYCHthnjyTOAk68Q6IvBGd8bjMpb2bs=\n"                               \
    "-----END CERTIFICATE-----\n"
#define P256_POINT                                                                                 \
    "0472012147969dc7cb3ea360ab902c9aa254e24d4196a08c74bf6ffca7568ccdf6"                           \
    "b3747a73a2fa9900dd7bcba97470c70ea05ab09498ccf9273464cd98f3a2f1de"
#define ON_SM2                                                                                     \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAEeNz0UXh7pwEfm3nyXA2sgc8OdHkd\n"                           \
    "wRlyUZbV7iFkmubEaZ8BwXi312SoxJebDOeZ3S46yyKwjKd6pHKPgyucow==\n"                               \
    "-----END PUBLIC KEY-----\n"
#define ON_SM2_POINT                                                                               \
    "0478dcf451787ba7011f9b79f25c0dac81cf0e74791dc119725196d5ee21649ae6"                           \
    "c4699f01c178b7d764a8c4979b0ce799dd2e3acb22b08ca77aa4728f832b9ca3"
#define P384                                                                                       \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEzZ8O/uqh0CvCxAFRZdgfG4Ki749wxw20\n"                           \
    "lGTZjbPx4mdJSZvqpn3r6DwyjAXa6praf23fhsbE+s7Jwp/mMzxEvjmoxUTL/zzP\n"                           \
    "30MWQXxwdOc4jLg4FbErartGCmn+ZG/B\n"                                                           \
    "-----END PUBLIC KEY-----\n"
#define ED25519                                                                                    \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MCowBQYDK2VwAyEAPC1QOyQzeFmPTKzws6KeA4qPXG5QkVtUEVwWBB5Die8=\n"                               \
    "-----END PUBLIC KEY-----\n"

static const struct {
    const char *pem, *point; /* NULL: refused */
    enum crypto_alg alg;
} rows[] = {
    {P256, P256_POINT, CRYPTO_ES256},
    {COMPRESSED, P256_POINT, CRYPTO_ES256},
    {CERTIFICATE, P256_POINT, CRYPTO_ES256},
    {"some words before\n" P256, P256_POINT, CRYPTO_ES256},
    {ON_SM2, ON_SM2_POINT, CRYPTO_SM2},
    {P384, NULL, 0},
    {ED25519, NULL, 0},
    {"-----BEGIN PUBLIC KEY-----\n", NULL, 0},
    {"", NULL, 0},
};

/* Without this a message would be verified with another key than the file's, or with half of one.
 */
static void a_key_is_the_files_or_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t point[CRYPTO_PUBLIC_BYTES], expected_storage[CRYPTO_PUBLIC_BYTES];
        struct buf expected = BUF_OVER(expected_storage);
        enum crypto_alg alg;
        enum crypto_result result =
            crypto_public_key_from_pem(guarded(0, bytes_str(rows[i].pem)), &alg, point);
        assert_int_equal(result, rows[i].point ? CRYPTO_OK : CRYPTO_BAD_KEY);
        if (!rows[i].point)
            continue;
        assert_int_equal(alg, rows[i].alg);
        assert_true(buf_put_from_hex(&expected, bytes_str(rows[i].point)));
        assert_memory_equal(point, expected_storage, sizeof point);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_the_files_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
