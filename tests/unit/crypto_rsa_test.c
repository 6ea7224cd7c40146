/* RS256 against a signature made by the openssl command, and against signatures that a careless
 * verifier takes: what stands under RSA here is encoded by hand. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "tests/support.h"

/* openssl genpkey -algorithm RSA; printf 'what is signed' | openssl dgst -sha256 -sign */
static const char MODULUS[] =
    "b4162bb8e4f70d104ad972d919977e2e1a968146132f45fd01d26b30c6d4e1f3872d9f2293ae43d02701ec6b4ada58"
    "450d683ba00b3d6a1b60081031d254e8d9e4af36a6f8cff0ab3e43a24a8548d8704fc9e9ff62b6e4e76f305eb999d8"
    "9478c6d87fa9853b3e5ce06bb24688eba71d361aa777307d1ea8031bdf681b63ee2f82a9640972c02341c9d2094423"
    "853e1658415785ddbcb1d34d9f0c506f351b0cf065810c020d0b5d0af51076a5a8e83fce26320f26bf27e2718fddce"
    "79f65d7dbeff643d0ad97102ca52e91169d2779167319c3a206d94f1c77f848a1ccccfbf167cf2e6c374288ee541d4"
    "e088caeaa6c4147f6615a4da9487082fcf778fdf2f";
static const char SIGNATURE[] =
    "69ca4845dfbe50859fb65dc82e9c26508153b37a9ae2f5c279659372d0dcb895e28261945959cbd61cee9fd5d36f64"
    "0455446b74b8421c7f997fe32c16ad85156454c241ffc3cd33965c083ec67b1c249c5978dd085eb569fee0e2a2e9ed"
    "62dda02a24f24c8907b338976923c61b6e7db0c424acb430831f49c0767dffbd94a8293da179e959b3be73b242b22d"
    "d715384c2d09bdc61b7ac9d1126ce83bd2367cc499f5ff14a4ce48fb5ad72ed6c9dd2a421454030adb660a70367876"
    "057d687fc8b910b1ba860e806ff16610f47405f21d8dca775659ad2bb14481953c79fef2a558b1502559e888dd8d96"
    "1f2ef4b7c599d300ed012f325ddb28766ac7c787ee";
#define E65537 BYTES("\x01\x00\x01")

static const struct bytes message[] = {{(const uint8_t *)"what is ", 8},
                                       {(const uint8_t *)"signed", 6}};

static struct bytes from_hex(const char *text, uint8_t *storage)
{
    struct buf out;
    buf_init(&out, storage, CRYPTO_RSA_BYTES_MAX);
    CHECK(buf_put_from_hex(&out, bytes_str(text)));
    return buf_bytes(&out);
}

/* Tokens of a provider that signs with RS256 would be refused, or a message in parts be another. */
static void the_signature_of_openssl_is_valid(void **state)
{
    (void)state;
    uint8_t n_octets[CRYPTO_RSA_BYTES_MAX], s_octets[CRYPTO_RSA_BYTES_MAX];
    const struct bytes n = from_hex(MODULUS, n_octets), s = from_hex(SIGNATURE, s_octets);
    struct crypto_rsa_verifier *verifier = crypto_rsa_verifier_create(n, E65537);
    assert_non_null(verifier);
    for (int again = 0; again < 3; again++) {
        assert_int_equal(crypto_rsa_verify(verifier, message, 2, guarded(0, s)), CRYPTO_OK);
        assert_int_equal(crypto_rsa_verify(verifier, message, 1, s), CRYPTO_MISMATCH);
        assert_int_equal(crypto_rsa_verify(verifier, NULL, 0, s), CRYPTO_MISMATCH);
    }
    crypto_rsa_verifier_destroy(&verifier);
    assert_null(verifier);
    crypto_rsa_verifier_destroy(&verifier);
    assert_int_equal(ERR_peek_error(), 0);
}

/* An altered signature would pass, or one of another length; or be called our failure; or leave an
 * error behind that TLS on the same thread takes for its own. */
static void altered_signatures_are_mismatches(void **state)
{
    (void)state;
    uint8_t n_octets[CRYPTO_RSA_BYTES_MAX], s_octets[CRYPTO_RSA_BYTES_MAX + 1] = {0};
    const struct bytes n = from_hex(MODULUS, n_octets), s = from_hex(SIGNATURE, s_octets);
    struct crypto_rsa_verifier *verifier = crypto_rsa_verifier_create(n, E65537);
    for (size_t bit = 0; bit < s.len * 8; bit++) {
        s_octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(crypto_rsa_verify(verifier, message, 2, s), CRYPTO_MISMATCH);
        s_octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len <= s.len + 1; len++)
        if (len != s.len)
            assert_int_equal(
                crypto_rsa_verify(verifier, message, 2, guarded(0, bytes_of(s_octets, len))),
                CRYPTO_MISMATCH);

    /* s + n is the same number to RSA, and one octet longer; 0, 1, n - 1 and n are no signatures.
     */
    uint8_t sum[CRYPTO_RSA_BYTES_MAX];
    unsigned carry = 0;
    for (size_t i = s.len; i-- > 0;) {
        carry += (unsigned)s.data[i] + n.data[i];
        sum[i + 1] = (uint8_t)carry;
        carry >>= 8;
    }
    sum[0] = (uint8_t)carry;
    const struct bytes twin = bytes_from(bytes_of(sum, s.len + 1), carry ? 0 : 1);
    assert_int_equal(crypto_rsa_verify(verifier, message, 2, twin), CRYPTO_MISMATCH);
    uint8_t number[CRYPTO_RSA_BYTES_MIN] = {0};
    assert_int_equal(crypto_rsa_verify(verifier, message, 2, bytes_of(number, sizeof number)),
                     CRYPTO_MISMATCH);
    number[sizeof number - 1] = 1;
    assert_int_equal(crypto_rsa_verify(verifier, message, 2, bytes_of(number, sizeof number)),
                     CRYPTO_MISMATCH);
    assert_int_equal(crypto_rsa_verify(verifier, message, 2, n), CRYPTO_MISMATCH);
    n_octets[n.len - 1]--;
    assert_int_equal(crypto_rsa_verify(verifier, message, 2, n), CRYPTO_MISMATCH);
    assert_int_equal(ERR_peek_error(), 0);
    crypto_rsa_verifier_destroy(&verifier);
}

/* A key that is quickly factored, or with which everything verifies (e = 1), would be used. */
static void keys_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *octets;
        size_t len;
    } exponents[] = {
        {"", 0},     {"\x00", 1},         {"\x01", 1},     {"\x02", 1},
        {"\x10", 1}, {"\x01\x00\x00", 3}, {"\x00\x03", 2}, {"\x01\0\0\0\0\0\0\0\x01", 9}};
    uint8_t octets[CRYPTO_RSA_BYTES_MAX + 1];
    const struct bytes n = from_hex(MODULUS, octets);
    for (size_t i = 0; i < sizeof exponents / sizeof exponents[0]; i++)
        assert_null(crypto_rsa_verifier_create(
            n, guarded(0, bytes_of(exponents[i].octets, exponents[i].len))));
    static const struct bytes longest = {(const uint8_t *)"\x01\0\0\0\0\0\0\x01", 8};
    struct crypto_rsa_verifier *verifier = crypto_rsa_verifier_create(n, longest);
    assert_non_null(verifier);
    crypto_rsa_verifier_destroy(&verifier);

    assert_null(crypto_rsa_verifier_create(bytes_of("", 0), E65537));
    assert_null(crypto_rsa_verifier_create(bytes_from(n, 1), E65537));
    octets[0] &= 0x7F; /* 2047 bits */
    assert_null(crypto_rsa_verifier_create(n, E65537));
    octets[0] |= 0x80;
    octets[n.len - 1] ^= 1; /* even */
    assert_null(crypto_rsa_verifier_create(n, E65537));
    memset(octets, 0xFF, sizeof octets);
    assert_null(crypto_rsa_verifier_create(bytes_of(octets, sizeof octets), E65537));
    octets[0] = 0; /* a number of 2048 bits behind a zero */
    assert_null(crypto_rsa_verifier_create(bytes_of(octets, CRYPTO_RSA_BYTES_MIN + 1), E65537));
    assert_int_equal(ERR_peek_error(), 0);
}

/* ---- what is encoded by hand ---- */

static EVP_PKEY *key; /* with e = 3, for which forgeries are easiest */
static struct crypto_rsa_verifier *its_verifier;

static struct bytes number_of(const char *name, uint8_t *storage)
{
    BIGNUM *number = NULL;
    CHECK(EVP_PKEY_get_bn_param(key, name, &number) == 1);
    int len = BN_bn2bin(number, storage);
    BN_free(number);
    return bytes_of(storage, (size_t)len);
}

static int make_key(void **state)
{
    (void)state;
    uint8_t n[CRYPTO_RSA_BYTES_MAX], e[8];
    BIGNUM *three = BN_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    CHECK(three && ctx && BN_set_word(three, 3) && EVP_PKEY_keygen_init(ctx) == 1 &&
          EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1 &&
          EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, three) == 1 &&
          EVP_PKEY_generate(ctx, &key) == 1);
    EVP_PKEY_CTX_free(ctx);
    BN_free(three);
    its_verifier = crypto_rsa_verifier_create(number_of(OSSL_PKEY_PARAM_RSA_N, n),
                                              number_of(OSSL_PKEY_PARAM_RSA_E, e));
    return its_verifier ? 0 : -1;
}

static int drop_key(void **state)
{
    (void)state;
    crypto_rsa_verifier_destroy(&its_verifier);
    EVP_PKEY_free(key);
    return 0;
}

/* Signs the octets as they stand; then what our verifier says. */
static enum crypto_result verdict_on(const uint8_t encoded[CRYPTO_RSA_BYTES_MIN])
{
    uint8_t signature[CRYPTO_RSA_BYTES_MIN];
    size_t len = sizeof signature;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    CHECK(ctx && EVP_PKEY_sign_init(ctx) == 1 &&
          EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
          EVP_PKEY_sign(ctx, signature, &len, encoded, CRYPTO_RSA_BYTES_MIN) == 1);
    EVP_PKEY_CTX_free(ctx);
    return crypto_rsa_verify(its_verifier, message, 2, bytes_of(signature, len));
}

/* 00 01 FF.. 00 DigestInfo hash, then `behind` octets that the padding is shorter by. */
static void encode(uint8_t out[CRYPTO_RSA_BYTES_MIN], struct bytes info, size_t behind)
{
    uint8_t hash[CRYPTO_HASH_BYTES];
    const size_t hash_at = CRYPTO_RSA_BYTES_MIN - behind - sizeof hash,
                 info_at = hash_at - info.len;
    CHECK(crypto_openssl.sha256(message, 2, hash) == CRYPTO_OK);
    memset(out, 0xFF, CRYPTO_RSA_BYTES_MIN);
    out[0] = 0;
    out[1] = 1;
    out[info_at - 1] = 0;
    memcpy(out + info_at, info.data, info.len);
    memcpy(out + hash_at, hash, sizeof hash);
}

/* A signature that nobody's key made would pass: Bleichenbacher's of 2006 leaves octets behind the
 * hash, others hide them in the padding or in the algorithm's parameters. */
static void only_the_one_encoding_is_valid(void **state)
{
    (void)state;
    /* RFC 8017 section 9.2: SHA-256 with a NULL; then without, with a longer form, SHA-1's. */
    static const uint8_t sha256[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                     0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    static const uint8_t bare[] = {0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48,
                                   0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x04, 0x20};
    static const uint8_t longer[] = {0x30, 0x81, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48,
                                     0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    static const uint8_t sha224[] = {0x30, 0x2d, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                     0x65, 0x03, 0x04, 0x02, 0x04, 0x05, 0x00, 0x04, 0x1c};
#define INFO(array) bytes_of(array, sizeof(array))
    uint8_t encoded[CRYPTO_RSA_BYTES_MIN];
    encode(encoded, INFO(sha256), 0);
    assert_int_equal(verdict_on(encoded), CRYPTO_OK);
    encoded[1] = 2; /* as for encryption */
    assert_int_equal(verdict_on(encoded), CRYPTO_MISMATCH);
    encode(encoded, INFO(sha256), 0);
    encoded[100] = 0xFE;
    assert_int_equal(verdict_on(encoded), CRYPTO_MISMATCH);
    encode(encoded, INFO(sha256), 0);
    encoded[10] = 0; /* the padding's end */
    assert_int_equal(verdict_on(encoded), CRYPTO_MISMATCH);
    for (size_t behind = 1; behind < 190; behind += 27) {
        encode(encoded, INFO(sha256), behind);
        assert_int_equal(verdict_on(encoded), CRYPTO_MISMATCH);
    }
    encode(encoded, INFO(bare), 0);
    assert_int_equal(verdict_on(encoded), CRYPTO_MISMATCH);
    encode(encoded, INFO(longer), 0);
    assert_int_equal(verdict_on(encoded), CRYPTO_MISMATCH);
    encode(encoded, INFO(sha224), 0);
    assert_int_equal(verdict_on(encoded), CRYPTO_MISMATCH);
    encode(encoded, BYTES(""), 0); /* the hash alone */
    assert_int_equal(verdict_on(encoded), CRYPTO_MISMATCH);
}

/* PS256 would pass for RS256: a key is for one algorithm alone. */
static void pss_is_another_algorithm(void **state)
{
    (void)state;
    uint8_t signature[CRYPTO_RSA_BYTES_MIN];
    size_t len = sizeof signature;
    EVP_PKEY_CTX *padding;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    CHECK(EVP_DigestSignInit(ctx, &padding, EVP_sha256(), NULL, key) == 1 &&
          EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) == 1 &&
          EVP_DigestSign(ctx, signature, &len, (const uint8_t *)"what is signed", 14) == 1);
    EVP_MD_CTX_free(ctx);
    assert_int_equal(crypto_rsa_verify(its_verifier, message, 2, bytes_of(signature, len)),
                     CRYPTO_MISMATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signature_of_openssl_is_valid),
        cmocka_unit_test(altered_signatures_are_mismatches),
        cmocka_unit_test(keys_that_are_none_are_refused),
        cmocka_unit_test(only_the_one_encoding_is_valid),
        cmocka_unit_test(pss_is_another_algorithm),
    };
    return cmocka_run_group_tests(tests, make_key, drop_key);
}
