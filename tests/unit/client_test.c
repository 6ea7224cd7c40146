/* Clients as the command line registers them: their ids, scopes and keys. */
#include "cli/client.h"

#include <stdio.h>
#include <sys/stat.h>

#include "tests/support.h"

/* The key of RFC 7515 appendix A.3. */
#define X   "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y   "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define KTY "\"kty\":\"EC\",\"crv\":\"P-256\""

static const char *file_of(const char *content)
{
    static const char *folder;
    if (!folder)
        folder = temp_folder();
    const char *path = path_in(folder, "key.jwk");
    write_file(path, bytes_str(content));
    return path;
}

/* Broken: an id could not stand in a token, or break a line of a log. */
static void ids_are_printable(void **state)
{
    (void)state;
    char longest[ACCESS_ID_BYTES_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[ACCESS_ID_BYTES_MAX + 1] = 0;
    assert_true(client_is_name("traffic/0417", 64));
    assert_true(client_is_name(longest + 1, ACCESS_ID_BYTES_MAX));
    assert_false(client_is_name(longest, ACCESS_ID_BYTES_MAX));
    assert_false(client_is_name("", 64));
    assert_false(client_is_name("a b", 64));
    assert_false(client_is_name("a\n", 64));
    assert_false(client_is_name("焦作", 64));
}

/* Broken: a client or a token would be given a scope that was not said, or that its role lacks. */
static void scopes_are_the_roles(void **state)
{
    (void)state;
    unsigned scopes, partner = token_role_scopes(TOKEN_ROLE_PARTNER);
    assert_true(client_read_scopes("check", partner, &scopes));
    assert_int_equal(scopes, TOKEN_SCOPE_CHECK);
    assert_true(client_read_scopes("check,verify", partner, &scopes));
    assert_int_equal(scopes, TOKEN_SCOPE_CHECK | TOKEN_SCOPE_VERIFY);
    assert_true(client_read_scopes("verify check", partner, &scopes));
    static const char *const bad[] = {
        "", ",", "check,,verify", "display", "check,display", "Check", "check\tverify"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (client_read_scopes(bad[i], partner, &scopes))
            fail_msg("'%s'", bad[i]);
    char endless[600];
    for (size_t i = 0; i < sizeof endless - 1; i++)
        endless[i] = "check,"[i % 6];
    endless[sizeof endless - 1] = 0;
    assert_false(client_read_scopes(endless, partner, &scopes));
}

/* Broken: a client that was disabled, or has expired, would be shown as good. */
static void states_are_told(void **state)
{
    (void)state;
    struct registry_client client = {.expires_at = 100};
    assert_string_equal(client_state_text(&client, 99), "open");
    assert_string_equal(client_state_text(&client, 100), "expired");
    client.disabled = true;
    assert_string_equal(client_state_text(&client, 99), "disabled");
    client = (struct registry_client){0};
    assert_string_equal(client_state_text(&client, 99), "open");
}

/* Broken: a key would be registered that is none, or a private one spread. */
static void public_keys_are_read(void **state)
{
    (void)state;
    uint8_t key[CRYPTO_PUBLIC_BYTES];
    assert_true(
        client_key_read(file_of("{" KTY ",\"x\":\"" X "\",\"y\":\"" Y "\",\"kid\":\"1\"}"), key));
    assert_int_equal(key[0], 4);
    assert_int_equal(key[1], 0x7F);
    assert_int_equal(key[64], 0xAD);
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{}",
        "{" KTY "}",
        "{" KTY ",\"x\":\"" X "\"}",
        "{" KTY ",\"x\":\"" X "\",\"y\":\"" X "\"}",                 /* not on the curve */
        "{" KTY ",\"x\":\"" X "\",\"y\":\"" Y "\",\"x\":\"" X "\"}", /* twice */
        "{" KTY ",\"x\":\"" X "\",\"y\":\"" Y "A\"}",
        "{" KTY ",\"x\":\"" X "\",\"y\":\"" Y "\",\"d\":\"" X "\"}",
        "{\"kty\":\"RSA\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
        "{" KTY ",\"use\":\"enc\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
        "{" KTY ",\"alg\":\"ES384\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
        "{\"keys\":[{" KTY ",\"x\":\"" X "\",\"y\":\"" Y "\"}]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (client_key_read(file_of(bad[i]), key))
            fail_msg("%s", bad[i]);
    assert_false(client_key_read("/nonexistent/key.jwk", key));
}

/* Broken: a client could not sign with the key that was made for it, others could read it, or
 * another's be overwritten. */
static void pairs_are_made(void **state)
{
    (void)state;
    const char *path = path_in(temp_folder(), "new.jwk");
    uint8_t made[CRYPTO_PUBLIC_BYTES], read[CRYPTO_PUBLIC_BYTES], signature[CRYPTO_SIGNATURE_BYTES];
    char content[1024] = "", without_d[1024], d[44] = "";
    struct stat status;
    assert_true(client_key_create(path, made));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_false(client_key_read(path, read)); /* it is private */
    FILE *file = fopen(path, "r");
    assert_non_null(fgets(content, sizeof content, file));
    fclose(file);

    const char *at = strstr(content, ",\"d\":\"");
    assert_non_null(at);
    assert_int_equal(sscanf(at, ",\"d\":\"%43[^\"]", d), 1);
    snprintf(without_d, sizeof without_d, "%.*s}", (int)(at - content), content);
    assert_true(client_key_read(file_of(without_d), read));
    assert_memory_equal(read, made, sizeof made);

    struct crypto_key_pair pair;
    struct buf scalar = BUF_OVER(pair.private_key);
    memcpy(pair.public_key, made, sizeof made);
    assert_true(buf_put_from_base64url(&scalar, bytes_str(d)));
    struct crypto_signer *signer = crypto_mbedtls.signer_create(CRYPTO_ES256, &pair);
    struct crypto_verifier *verifier = crypto_openssl.verifier_create(CRYPTO_ES256, made);
    const struct bytes message = BYTES("message");
    assert_int_equal(crypto_mbedtls.sign(signer, &message, 1, signature), CRYPTO_OK);
    assert_int_equal(crypto_openssl.verify(verifier, &message, 1, signature), CRYPTO_OK);
    crypto_mbedtls.signer_destroy(&signer);
    crypto_openssl.verifier_destroy(&verifier);

    assert_false(client_key_create(path, made));
    assert_false(client_key_create("/nonexistent/new.jwk", made));
    char again[1024] = "";
    file = fopen(path, "r");
    assert_non_null(fgets(again, sizeof again, file));
    fclose(file);
    assert_string_equal(again, content);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_printable), cmocka_unit_test(scopes_are_the_roles),
        cmocka_unit_test(states_are_told),   cmocka_unit_test(public_keys_are_read),
        cmocka_unit_test(pairs_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
