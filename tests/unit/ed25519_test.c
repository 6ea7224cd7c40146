/* Ed25519 against the vectors of RFC 8032 section 7.1, and what a careless verifier takes. */
#include <openssl/err.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "tests/support.h"

/* TEST 1, 2, 3 and SHA(abc) */
static const struct {
    const char *seed, *public_key, *message, *signature;
} VECTORS[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fee"
     "b"
     "bd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e"
     "0"
     "303dca179c138ac17ad9bef1177331a704"},
};
#define VECTOR_COUNT (sizeof VECTORS / sizeof *VECTORS)

struct vector {
    uint8_t seed[32], public_key[32], message[64], signature[64];
    size_t message_len;
};

static size_t from_hex(const char *text, uint8_t *to, size_t cap)
{
    struct buf out;
    buf_init(&out, to, cap);
    CHECK(buf_put_from_hex(&out, bytes_str(text)));
    return out.len;
}

static struct vector vector_of(size_t i)
{
    struct vector v;
    from_hex(VECTORS[i].seed, v.seed, sizeof v.seed);
    from_hex(VECTORS[i].public_key, v.public_key, sizeof v.public_key);
    from_hex(VECTORS[i].signature, v.signature, sizeof v.signature);
    v.message_len = from_hex(VECTORS[i].message, v.message, sizeof v.message);
    return v;
}

/* Broken: no reader but ours would take our signatures, or we would take none of theirs. */
static void vectors_of_the_rfc_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const struct vector v = vector_of(i);
        const struct bytes message = guarded(0, bytes_of(v.message, v.message_len));
        uint8_t public_key[32], signature[64];
        assert_int_equal(crypto_ed25519_public(v.seed, public_key), CRYPTO_OK);
        assert_memory_equal(public_key, v.public_key, sizeof public_key);
        assert_int_equal(crypto_ed25519_sign(v.seed, message, signature), CRYPTO_OK);
        assert_memory_equal(signature, v.signature, sizeof signature);
        assert_int_equal(crypto_ed25519_verify(v.public_key, message, v.signature), CRYPTO_OK);
    }
    assert_int_equal(ERR_peek_error(), 0);
}

/* Broken: an altered signature, message or key would pass, or be called our failure. */
static void alterations_are_mismatches(void **state)
{
    (void)state;
    struct vector v = vector_of(3);
    const struct bytes message = bytes_of(v.message, v.message_len);
    for (size_t bit = 0; bit < 64 * 8; bit++) {
        v.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(crypto_ed25519_verify(v.public_key, message, v.signature),
                         CRYPTO_MISMATCH);
        v.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        v.message[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(crypto_ed25519_verify(v.public_key, message, v.signature),
                         CRYPTO_MISMATCH);
        v.message[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 32 * 8; bit++) {
        v.public_key[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(crypto_ed25519_verify(v.public_key, message, v.signature),
                         CRYPTO_MISMATCH);
        v.public_key[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(crypto_ed25519_verify(v.public_key, message, v.signature), CRYPTO_OK);
    assert_int_equal(ERR_peek_error(), 0);
}

/* Broken: one signature would have a second form (S + L, RFC 8032 section 5.1.7). */
static void a_scalar_out_of_range_is_refused(void **state)
{
    (void)state;
    uint8_t order[32];
    from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order, 32);
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct vector v = vector_of(i);
        unsigned carry = 0;
        for (size_t k = 0; k < 32; k++) {
            carry += (unsigned)v.signature[32 + k] + order[k];
            v.signature[32 + k] = (uint8_t)carry;
            carry >>= 8;
        }
        assert_int_equal(
            crypto_ed25519_verify(v.public_key, bytes_of(v.message, v.message_len), v.signature),
            CRYPTO_MISMATCH);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_the_rfc_agree),
        cmocka_unit_test(alterations_are_mismatches),
        cmocka_unit_test(a_scalar_out_of_range_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
