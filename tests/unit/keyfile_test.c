#include "gateway/config/keyfile.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support.h"

/* The key of RFC 7515 appendix A.3; its kid computed apart, with Python's hashlib over the COSE_Key
 * of RFC 9679. */
#define X     "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y     "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define D     "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
#define KID   "d0a4a871"
#define FIXED "\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\""
#define POINT "\"x\":\"" X "\",\"y\":\"" Y "\""
#define KEY   FIXED "," POINT ",\"d\":\"" D "\",\"kid\":\"" KID "\""

static uint8_t why_storage[512];
static struct buf why;
static struct keyfile keys;

static const char *private_file(const char *name, const char *content)
{
    static const char *folder;
    if (!folder)
        folder = temp_folder();
    const char *path = path_in(folder, name);
    write_file(path, bytes_str(content));
    assert_int_equal(chmod(path, 0600), 0);
    why = BUF_OVER(why_storage);
    return path;
}

static void assert_read(const char *jwks)
{
    if (!keyfile_read(private_file("codes.jwks", jwks), &crypto_openssl, &keys, &why))
        fail_msg("%s", buf_cstr(&why));
}

static void assert_refused(const char *jwks, const char *sentence)
{
    static const struct keyfile none;
    const char *path = private_file("codes.jwks", jwks);
    assert_false(keyfile_read(path, &crypto_openssl, &keys, &why));
    assert_memory_equal(buf_cstr(&why), path, strlen(path));
    assert_string_equal(buf_cstr(&why) + strlen(path), sentence);
    assert_memory_equal(&keys, &none, sizeof keys); /* nothing of a key is left */
}

/* A keyfile of n new keys, with times that differ. */
static void generate(size_t n)
{
    static const enum key_use uses[] = {KEY_USE_CODE, KEY_USE_STATUS, KEY_USE_RECEIPT,
                                        KEY_USE_WEBHOOK, KEY_USE_CODE};
    keys = (struct keyfile){0};
    for (size_t i = 0; i < n; i++) {
        struct crypto_key_pair *pair = &keys.pairs[i];
        const enum crypto_alg alg = i % 4 == 3 ? CRYPTO_SM2 : CRYPTO_ES256;
        assert_int_equal(crypto_openssl.key_generate(alg, pair), CRYPTO_OK);
        struct keyring_key key = {
            .alg = alg,
            .use = uses[i % 5],
            .publish_at = (int64_t)i,
            .use_from = 1700000000 + (int64_t)i,
            .retire_at = i % 2 ? INT64_MAX : 1800000000,
            .revoked = i % 3 == 1,
        };
        memcpy(key.public_key, pair->public_key, sizeof key.public_key);
        assert_int_equal(keyring_add(&keys.ring, &crypto_openssl, &key), KEYRING_OK);
        if (i % 7 == 6) { /* in an HSM */
            memset(keys.uris[i], 'k', KEY_URI_BYTES_MAX);
            memcpy(keys.uris[i], "pkcs11:object=", 14);
            memset(pair->private_key, 0, sizeof pair->private_key);
        }
    }
}

static size_t files_in(const char *folder)
{
    size_t n = 0;
    DIR *listing = opendir(folder);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(listing);
    return n;
}

/* Broken: keys made elsewhere could not be brought in, or would get another kid here. */
static void known_key_is_read(void **state)
{
    (void)state;
    static const uint8_t scalar_head[] = {0x8e, 0x9b, 0x10, 0x9e};
    assert_read("{\"keys\":[{" KEY ",\"iat\":5,\"nbf\":6,\"exp\":7,\"revoked\":true}]}");
    assert_int_equal(keys.ring.count, 1);
    const struct keyring_key *key = &keys.ring.keys[0];
    assert_true(key->publish_at == 5 && key->use_from == 6 && key->retire_at == 7);
    assert_true(key->revoked);
    assert_int_equal(key->alg, CRYPTO_ES256);
    assert_int_equal(key->use, KEY_USE_CODE);
    assert_memory_equal(keys.pairs[0].private_key, scalar_head, sizeof scalar_head);
    assert_memory_equal(keys.pairs[0].public_key, key->public_key, CRYPTO_PUBLIC_BYTES);
    assert_read("{\"keys\":[{" KEY "}]}");
    assert_true(key->publish_at == 0 && key->use_from == 0 && key->retire_at == INT64_MAX);
    assert_false(key->revoked);
    assert_read("{\"keys\":[{" KEY ",\"jwb_use\":\"receipt\"}]}");
    assert_int_equal(key->use, KEY_USE_RECEIPT);
    assert_read("{\"keys\":[{" KEY ",\"jwb_use\":\"webhook\"}]}");
    assert_int_equal(key->use, KEY_USE_WEBHOOK);
    assert_read("{\"keys\":[{" KEY ",\"jwb_use\":\"code\"}]}");
    assert_int_equal(key->use, KEY_USE_CODE);
    assert_read("{\"keys\":[{" KEY ",\"jwb_use\":\"status\"}]}");
    assert_int_equal(key->use, KEY_USE_STATUS);
    assert_false(keyfile_is_of_roots(&keys));
    assert_read("{\"keys\":[{" KEY ",\"jwb_use\":\"root\"}]}");
    assert_true(keyfile_is_of_roots(&keys));
    assert_read("{\"keys\":[]}");
    assert_int_equal(keys.ring.count, 0);
    assert_false(keyfile_is_of_roots(&keys));
}

/* Broken: `jwb key create` would lose or alter keys that the gateway signs with. */
static void keys_come_back_as_written(void **state)
{
    (void)state;
    const char *folder = temp_folder(), *path = path_in(folder, "codes.jwks");
    static struct keyfile written;
    for (size_t n = 0; n <= KEYRING_KEYS_MAX; n += 16) {
        struct stat status;
        generate(n);
        written = keys;
        why = BUF_OVER(why_storage);
        assert_true(keyfile_write(path, &written, &why));
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
        assert_true(keyfile_read(path, &crypto_openssl, &keys, &why));
        assert_int_equal(keys.ring.count, n);
        for (size_t i = 0; i < n; i++) {
            const struct keyring_key *a = &keys.ring.keys[i], *b = &written.ring.keys[i];
            assert_memory_equal(a->kid, b->kid, KID_BYTES);
            assert_memory_equal(a->public_key, b->public_key, CRYPTO_PUBLIC_BYTES);
            assert_true(a->publish_at == b->publish_at && a->use_from == b->use_from &&
                        a->retire_at == b->retire_at && a->revoked == b->revoked);
            assert_true(a->use == b->use && a->alg == b->alg);
            assert_string_equal(keys.uris[i], written.uris[i]);
            assert_memory_equal(&keys.pairs[i], &written.pairs[i], sizeof keys.pairs[i]);
        }
    }
    assert_int_equal(files_in(folder), 1);
}

/* Broken: a write that fails would leave a half file, or private keys in a forgotten one. */
static void failed_write_leaves_nothing(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    generate(1);
    why = BUF_OVER(why_storage);
    assert_int_equal(mkdir(path_in(folder, "codes.jwks"), 0700), 0); /* rename can't replace it */
    assert_false(keyfile_write(path_in(folder, "codes.jwks"), &keys, &why));
    assert_non_null(strstr(buf_cstr(&why), "codes.jwks: can't be written: Is a directory"));
    assert_int_equal(files_in(folder), 1);
    why = BUF_OVER(why_storage);
    assert_false(keyfile_write(path_in(folder, "none/codes.jwks"), &keys, &why));
    assert_non_null(strstr(buf_cstr(&why), "can't be written: No such file or directory"));
}

#define SOMEBODY 65534

/* Does somebody else's process write the file? */
static bool somebody_writes(const char *folder)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(chdir(folder) == 0 && setgid(SOMEBODY) == 0 && setuid(SOMEBODY) == 0 &&
              keyfile_write("codes.jwks", &keys, &why));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == 1;
}

/* Broken: a gateway could not read its keys once root has changed them, and would go on with a key
 * that was revoked. */
static void a_file_keeps_its_owner(void **state)
{
    (void)state;
    struct stat status;
    const char *folder = temp_folder(), *path = path_in(folder, "codes.jwks");
    if (geteuid() != 0)
        skip();
    generate(1);
    why = BUF_OVER(why_storage);
    assert_true(keyfile_write(path, &keys, &why));
    assert_int_equal(chown(path, SOMEBODY, SOMEBODY), 0);
    keys.ring.keys[0].revoked = true;
    assert_true(keyfile_write(path, &keys, &why));
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_uid == SOMEBODY && status.st_gid == SOMEBODY);
    assert_int_equal(status.st_mode & 07777, 0600);

    assert_int_equal(chmod(folder, 0777), 0);
    assert_true(somebody_writes(folder));
    assert_int_equal(chown(path, 0, 0), 0);
    assert_false(somebody_writes(folder)); /* it can't give the file back to root */
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_uid == 0 && status.st_gid == 0);
    assert_int_equal(files_in(folder), 1);
}

/* Broken: a key file that anybody can read would be used. */
static void file_that_others_read_is_refused(void **state)
{
    (void)state;
    static const mode_t open_modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0700, 0666, 02600};
    const char *path = private_file("codes.jwks", "{\"keys\":[]}");
    for (size_t i = 0; i < sizeof open_modes / sizeof *open_modes; i++) {
        why = BUF_OVER(why_storage);
        assert_int_equal(chmod(path, open_modes[i]), 0);
        assert_false(keyfile_read(path, &crypto_openssl, &keys, &why));
        assert_non_null(strstr(buf_cstr(&why), "others may read it"));
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_true(keyfile_read(path, &crypto_openssl, &keys, &why));
    why = BUF_OVER(why_storage);
    assert_false(keyfile_read("/proc/self", &crypto_openssl, &keys, &why));
    assert_string_equal(buf_cstr(&why), "/proc/self: no regular file");
}

/* Broken: a damaged or misspelt key would be used, or a revoked one taken for good. */
static void wrong_keys_are_refused(void **state)
{
    (void)state;
    const char *kind = ": key 1: it must have kty EC, use sig, and crv P-256 with alg ES256 or "
                       "crv SM2 with alg SM2";
    assert_refused("{\"keys\":[{}]}", kind);
    assert_refused("{\"keys\":[5]}", kind);
    assert_refused("{\"keys\":[{\"kty\":\"RSA\"}]}", kind);
    assert_refused(
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"SM2\"}]}", kind);
    assert_refused(
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"SM2\",\"use\":\"sig\",\"alg\":\"ES256\"}]}", kind);
    assert_refused("{\"keys\":[{" KEY ",\"revokd\":true}]}",
                   ": key 1: it has a member that no key of ours has");
    assert_refused("{\"keys\":[{" KEY ",\"revoked\":1}]}",
                   ": key 1: revoked must be true or false");
    const char *octets = ": key 1: x, y and d must be 32 octets each in base64url";
    assert_refused("{\"keys\":[{" FIXED "," POINT ",\"kid\":\"" KID "\"}]}", octets);
    assert_refused("{\"keys\":[{" FIXED "," POINT ",\"d\":\"AAAA\"}]}", octets);
    assert_refused("{\"keys\":[{" FIXED ",\"x\":7,\"y\":\"" Y "\",\"d\":\"" D "\"}]}", octets);
    assert_refused("{\"keys\":[{" FIXED ",\"x\":\"" Y "\",\"y\":\"" Y "\",\"d\":\"" D "\"}]}",
                   ": key 1: x and y are no point of the curve");
    const char *times = ": key 1: iat, nbf and exp must be Unix seconds, nbf before exp";
    assert_refused("{\"keys\":[{" KEY ",\"nbf\":9,\"exp\":9}]}", times);
    assert_refused("{\"keys\":[{" KEY ",\"nbf\":-1}]}", times);
    assert_refused("{\"keys\":[{" KEY ",\"iat\":1.5}]}", times);
    assert_refused("{\"keys\":[{" KEY ",\"exp\":\"9\"}]}", times);
    const char *use = ": key 1: jwb_use must be code, status, receipt, webhook or root";
    assert_refused("{\"keys\":[{" KEY ",\"jwb_use\":\"evidence\"}]}", use);
    assert_refused("{\"keys\":[{" KEY ",\"jwb_use\":null}]}", use);
    assert_refused("{\"keys\":[{" KEY "},{" KEY "}]}", ": key 2: another key has the same kid");
    const char *kid = ": key 1: kid must be the first 4 octets of its thumbprint in lowercase "
                      "hexadecimal";
    assert_refused("{\"keys\":[{" FIXED "," POINT ",\"d\":\"" D "\"}]}", kid);
    assert_refused("{\"keys\":[{" FIXED "," POINT ",\"d\":\"" D "\",\"kid\":\"00000000\"}]}", kid);
}

#define PUBLIC FIXED "," POINT ",\"kid\":\"" KID "\""

/* Broken: a key in an HSM could not be named, or any text would be handed to the module. */
static void key_in_an_hsm_is_named_by_its_uri(void **state)
{
    (void)state;
    char long_uri[KEY_URI_BYTES_MAX + 64];
    assert_read("{\"keys\":[{" PUBLIC ",\"pkcs11\":\"pkcs11:token=jwb;object=codes-1\"}]}");
    assert_true(keyfile_in_hsm(&keys, 0));
    assert_string_equal(keys.uris[0], "pkcs11:token=jwb;object=codes-1");
    assert_read("{\"keys\":[{" KEY "}]}");
    assert_false(keyfile_in_hsm(&keys, 0));
    const char *uri = ": key 1: pkcs11 must be a URI of RFC 7512";
    assert_refused("{\"keys\":[{" PUBLIC ",\"pkcs11\":5}]}", uri);
    assert_refused("{\"keys\":[{" PUBLIC ",\"pkcs11\":\"\"}]}", uri);
    assert_refused("{\"keys\":[{" PUBLIC ",\"pkcs11\":\"file:codes\"}]}", uri);
    assert_refused("{\"keys\":[{" PUBLIC ",\"pkcs11\":\"pkcs11:object=a\\\"b\"}]}", uri);
    assert_refused("{\"keys\":[{" PUBLIC ",\"pkcs11\":\"pkcs11:object=a b\"}]}", uri);
    memset(long_uri, 0, sizeof long_uri);
    memset(long_uri, 'x', KEY_URI_BYTES_MAX + 1);
    memcpy(long_uri, "pkcs11:", 7);
    char jwks[2 * KEY_URI_BYTES_MAX];
    struct buf text = BUF_OVER(jwks);
    buf_printf(&text, "{\"keys\":[{" PUBLIC ",\"pkcs11\":\"%s\"}]}", long_uri);
    assert_refused(buf_cstr(&text), uri);
    assert_refused("{\"keys\":[{" KEY ",\"pkcs11\":\"pkcs11:object=a\"}]}",
                   ": key 1: it has both d and pkcs11: it is here, or in an HSM");
    assert_refused("{\"keys\":[{" FIXED ",\"x\":\"" Y "\",\"y\":\"" Y
                   "\",\"pkcs11\":\"pkcs11:object=a\"}]}",
                   ": key 1: x and y are no point of the curve");
}

/* Broken: the root key would lie on every gateway, or a gateway's key be pinned as a root. */
static void root_keys_have_a_file_of_their_own(void **state)
{
    (void)state;
    static const char *sentence =
        "key 2: root keys are in a file of their own, and nothing else with them";
    const char *path = path_in(temp_folder(), "codes.jwks");
    for (int second = 0; second < 2; second++) {
        generate(2);
        keys.ring.keys[0].use = second ? KEY_USE_CODE : KEY_USE_ROOT;
        keys.ring.keys[1].use = second ? KEY_USE_ROOT : KEY_USE_RECEIPT;
        why = BUF_OVER(why_storage);
        assert_true(keyfile_write(path, &keys, &why));
        assert_false(keyfile_read(path, &crypto_openssl, &keys, &why));
        assert_non_null(strstr(buf_cstr(&why), sentence));
    }
}

/* Broken: a gateway would sign with a key that nobody can verify. */
static void halves_of_two_keys_are_refused(void **state)
{
    (void)state;
    const char *path = path_in(temp_folder(), "codes.jwks");
    generate(2);
    struct crypto_key_pair first = keys.pairs[0];
    memcpy(keys.pairs[0].private_key, keys.pairs[1].private_key, CRYPTO_PRIVATE_BYTES);
    memcpy(keys.pairs[1].private_key, first.private_key, CRYPTO_PRIVATE_BYTES);
    why = BUF_OVER(why_storage);
    assert_true(keyfile_write(path, &keys, &why));
    assert_false(keyfile_read(path, &crypto_openssl, &keys, &why));
    assert_non_null(strstr(buf_cstr(&why), ": key 1: d does not belong to x and y"));
}

/* Broken: what is no key set would be read as one, or quoted with its secrets. */
static void wrong_files_are_refused(void **state)
{
    (void)state;
    const char *shape = ": must be {\"keys\": [...]} and nothing else";
    assert_refused("{}", shape);
    assert_refused("[]", shape);
    assert_refused("{\"keys\":{}}", shape);
    assert_refused("{\"keys\":[],\"kees\":[]}", shape);
    assert_refused("", ": line 1 is not JSON, or has a member twice");
    assert_refused("{\"keys\":[\n{\"d\":\"" D "\"", /* cut off */
                   ": line 2 is not JSON, or has a member twice");
    assert_refused("{\"keys\":[{" KEY ",\"d\":\"" D "\"}]}",
                   ": line 1 is not JSON, or has a member twice");
    static char large[64 * 1024 + 1];
    memset(large, ' ', sizeof large - 1);
    assert_refused(large, ": too long");
    why = BUF_OVER(why_storage);
    assert_false(keyfile_read("/nowhere/codes.jwks", &crypto_openssl, &keys, &why));
    assert_string_equal(
        buf_cstr(&why),
        "/nowhere/codes.jwks: No such file or directory; 'jwb key create' makes one");
}

/* Broken: a secret would not be the same after a restart, or be readable by others. */
static void created_secret_is_read_back(void **state)
{
    (void)state;
    const char *folder = temp_folder(), *path = path_in(folder, "gateway.secret");
    uint8_t first[CRYPTO_SECRET_BYTES], second[CRYPTO_SECRET_BYTES] = {0};
    struct stat status;
    why = BUF_OVER(why_storage);
    assert_true(secret_create(path, &crypto_openssl, &why));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_true(secret_read(path, first, &why));
    assert_memory_not_equal(first, second, sizeof first);
    /* Broken: creating one anew would make everything under the old one unreadable. */
    assert_false(secret_create(path, &crypto_openssl, &why));
    assert_non_null(
        strstr(buf_cstr(&why), "gateway.secret: is there already and is not overwritten"));
    assert_true(secret_read(path, second, &why));
    assert_memory_equal(first, second, sizeof first);
    assert_int_equal(files_in(folder), 1);
}

/* Broken: a secret cut short or with something behind it would be used as another secret. */
static void secret_has_64_digits(void **state)
{
    (void)state;
#define DIGITS_62 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"
    static const char *const good[] = {DIGITS_62 "ef", DIGITS_62 "EF\n"};
    static const char *const bad[] = {
        "",
        "\n",
        DIGITS_62,
        DIGITS_62 "e\n",
        DIGITS_62 "eg",
        DIGITS_62 "ef\n\n",
        DIGITS_62 "ef ",
        DIGITS_62 "ef0",
        DIGITS_62 "ef\r\n",
    };
    uint8_t secret[CRYPTO_SECRET_BYTES];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        memset(secret, 0, sizeof secret);
        assert_true(secret_read(private_file("s", good[i]), secret, &why));
        assert_memory_equal(secret + 28, "\x89\xab\xcd\xef", 4);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(secret_read(private_file("s", bad[i]), secret, &why));
    const char *path = private_file("s", good[0]);
    assert_int_equal(chmod(path, 0644), 0);
    assert_false(secret_read(path, secret, &why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_key_is_read),
        cmocka_unit_test(keys_come_back_as_written),
        cmocka_unit_test(failed_write_leaves_nothing),
        cmocka_unit_test(a_file_keeps_its_owner),
        cmocka_unit_test(file_that_others_read_is_refused),
        cmocka_unit_test(wrong_keys_are_refused),
        cmocka_unit_test(key_in_an_hsm_is_named_by_its_uri),
        cmocka_unit_test(root_keys_have_a_file_of_their_own),
        cmocka_unit_test(halves_of_two_keys_are_refused),
        cmocka_unit_test(wrong_files_are_refused),
        cmocka_unit_test(created_secret_is_read_back),
        cmocka_unit_test(secret_has_64_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
