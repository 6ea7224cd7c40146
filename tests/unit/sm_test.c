/* SM2, SM3 and SM4 of both providers against the standards' examples and against each other. */
#include <jansson.h>

#include "crypto/crypto_mbedtls_sm2.h"
#include "crypto/crypto_sm4.h"
#include "tests/crypto_providers.h"

/* Without this a hash would be of our own kind, or differ with how a message is cut. The digests
 * are the examples of GB/T 32905-2016, appendix A. */
static void sm3_knows_gb_32905_in_any_parts(void **state)
{
    (void)state;
    const struct bytes abcd =
        BYTES("abcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcd");
    EACH_PROVIDER(c)
    {
        uint8_t out[CRYPTO_HASH_BYTES];
        const struct bytes abc[] = {BYTES("a"), BYTES(""), BYTES("bc")};
        assert_int_equal(c->sm3(abc, 3, out), CRYPTO_OK);
        assert_hex(out, 32, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
        for (size_t cut = 0; cut <= abcd.len; cut++) {
            const struct bytes parts[] = {bytes_of(abcd.data, cut), bytes_from(abcd, cut)};
            assert_int_equal(c->sm3(parts, 2, out), CRYPTO_OK);
            assert_hex(out, 32, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
        }
    }
}

/* Without this the two implementations could part where a message ends near the end of a block. */
static void sm3_agrees_at_every_length(void **state)
{
    (void)state;
    uint8_t message[3 * 64 + 2], ours[CRYPTO_HASH_BYTES], theirs[CRYPTO_HASH_BYTES];
    for (size_t len = 0; len <= sizeof message; len++) {
        memset(message, (int)(len + 1), sizeof message);
        const struct bytes part = guarded(0, bytes_of(message, len));
        assert_int_equal(crypto_mbedtls.sm3(&part, 1, ours), CRYPTO_OK);
        assert_int_equal(crypto_openssl.sm3(&part, 1, theirs), CRYPTO_OK);
        assert_memory_equal(ours, theirs, sizeof ours);
    }
}

/* Without this our SM4 would be a cipher of its own. Both examples of GB/T 32907-2016, appendix A:
 * one encryption, and a million of them. */
static void sm4_knows_gb_32907(void **state)
{
    (void)state;
    uint8_t block[SM4_BLOCK_BYTES];
    struct sm4 sm4;
    memcpy(block, hex("0123456789abcdeffedcba9876543210").data, sizeof block);
    sm4_init(&sm4, block);
    sm4_encrypt(&sm4, block, block);
    assert_hex(block, 16, "681edf34d206965e86b3e94f536e4246");
    for (int i = 1; i < 1000000; i++)
        sm4_encrypt(&sm4, block, block);
    assert_hex(block, 16, "595298c7c6fd271f0402f804c33d3f66");
}

static const char SECRET[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/* Without this what one provider sealed would not open with the other, or an altered one would, or
 * something would come out of it. Lengths about the ends of blocks. */
static void sm4_seals_cross_and_refuse_every_altered_bit(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 15, 16, 17, 300};
    const struct bytes aad = BYTES("licence");
    uint8_t text[300], sealed[328], opened[300];
    memset(text, 'x', sizeof text);
    for (size_t both = 0; both < 4 * 6; both++) {
        const struct crypto_provider *from = PROVIDERS[both / 2 % 2], *to = PROVIDERS[both % 2];
        const struct bytes plain = bytes_of(text, lengths[both / 4]);
        struct crypto_aead *a = from->aead_create(CRYPTO_SM4_CTR_HMAC_SM3, hex(SECRET).data);
        struct crypto_aead *b = to->aead_create(CRYPTO_SM4_CTR_HMAC_SM3, hex(SECRET).data);
        struct buf in = BUF_OVER(sealed), out = BUF_OVER(opened);
        assert_int_equal(from->aead_seal(a, aad, plain, &in), CRYPTO_OK);
        assert_int_equal(in.len, plain.len + 28);
        assert_int_equal(to->aead_open(b, aad, guarded(0, buf_bytes(&in)), &out), CRYPTO_OK);
        assert_true(bytes_equal(buf_bytes(&out), plain));
        out.len = 0;
        for (size_t bit = 0; bit < in.len * 8; bit++) {
            sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(to->aead_open(b, aad, buf_bytes(&in), &out), CRYPTO_MISMATCH);
            sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t len = 0; len < in.len; len++)
            assert_int_equal(to->aead_open(b, aad, guarded(0, bytes_of(sealed, len)), &out),
                             CRYPTO_MISMATCH);
        /* Not even where the two together are the same octets. */
        assert_int_equal(to->aead_open(b, BYTES("licenc"), buf_bytes(&in), &out), CRYPTO_MISMATCH);
        assert_int_equal(out.len, 0);
        from->aead_destroy(&a);
        to->aead_destroy(&b);
        assert_null(a);
    }
}

/* Without this the two could agree on another composition than crypto.h's. The octets were made
 * with Python and the openssl program from that text. */
static void sm4_seals_as_the_header_says(void **state)
{
    (void)state;
    static const char sealed[] = "00112233445566778899aabb4dd777677958632d9b671b250ed3a8eeb3091ace6"
                                 "8613b128bd8e77a30b88f09d33749f40d89d3";
    EACH_PROVIDER(c)
    {
        uint8_t opened[64];
        struct buf out = BUF_OVER(opened);
        struct crypto_aead *aead = c->aead_create(CRYPTO_SM4_CTR_HMAC_SM3, hex(SECRET).data);
        assert_int_equal(c->aead_open(aead, BYTES("aad"), hex(sealed), &out), CRYPTO_OK);
        assert_bytes(buf_bytes(&out), "one block and some more");
        c->aead_destroy(&aead);
        aead = c->aead_create(CRYPTO_AES_256_GCM, hex(SECRET).data);
        assert_int_equal(c->aead_open(aead, BYTES("aad"), hex(sealed), &out), CRYPTO_MISMATCH);
        c->aead_destroy(&aead);
    }
}

/* GB/T 32918.5-2017, appendix A.2: the curve, the id 1234567812345678, "message digest". */
static const char GB_PRIVATE[] = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
static const char GB_PUBLIC[] = "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
                                "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
static const char GB_SIGNATURE[] =
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";

static struct crypto_key_pair gb_pair(void)
{
    struct crypto_key_pair pair;
    memcpy(pair.private_key, hex(GB_PRIVATE).data, sizeof pair.private_key);
    memcpy(pair.public_key, hex(GB_PUBLIC).data, sizeof pair.public_key);
    return pair;
}

/* Without this our signatures would verify nowhere else: another id, hash or curve. */
static void sm2_knows_gb_32918(void **state)
{
    (void)state;
    const struct bytes message[] = {BYTES("message"), BYTES(" digest")};
    EACH_PROVIDER(c)
    {
        struct crypto_verifier *v = c->verifier_create(CRYPTO_SM2, hex(GB_PUBLIC).data);
        assert_non_null(v);
        for (int again = 0; again < 3; again++) {
            assert_int_equal(c->verify(v, message, 2, hex(GB_SIGNATURE).data), CRYPTO_OK);
            assert_int_equal(c->verify(v, message, 1, hex(GB_SIGNATURE).data), CRYPTO_MISMATCH);
        }
        c->verifier_destroy(&v);
        assert_null(v);
    }
}

/* Without this a code under SM2 could fail at a terminal, or an altered one pass there. */
static void sm2_crosses_providers(void **state)
{
    (void)state;
    struct crypto_key_pair pair;
    for (uint32_t i = 0; i < 16; i++) {
        const struct crypto_provider *from = PROVIDERS[i / 2 % 2], *to = PROVIDERS[i % 2];
        uint8_t signature[CRYPTO_SIGNATURE_BYTES];
        const struct bytes message[] = {BYTES("what is signed"), bytes_of(&i, sizeof i)};
        assert_int_equal(crypto_openssl.key_generate(CRYPTO_SM2, &pair), CRYPTO_OK);
        struct crypto_signer *signer = from->signer_create(CRYPTO_SM2, &pair);
        struct crypto_verifier *verifier = to->verifier_create(CRYPTO_SM2, pair.public_key);
        assert_int_equal(from->sign(signer, message, 2, signature), CRYPTO_OK);
        assert_int_equal(to->verify(verifier, message, 2, signature), CRYPTO_OK);
        for (size_t bit = i; bit < 8 * sizeof signature; bit += 41) {
            signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(to->verify(verifier, message, 2, signature), CRYPTO_MISMATCH);
            signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        from->signer_destroy(&signer);
        to->verifier_destroy(&verifier);
    }
}

/* Without this a signature of nonsense numbers would be our failure, or pass. r + s = n is what
 * GB/T 32918.2 forbids by name (step B5): it would leave the key out of the equation. */
static void sm2_tells_a_forgery_from_a_failure(void **state)
{
    (void)state;
    static const char *const numbers[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000001",
        "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54122", /* n - 1 */
        "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123", /* n */
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
    const struct bytes message = BYTES("message digest");
    EACH_PROVIDER(c)
    {
        struct crypto_verifier *v = c->verifier_create(CRYPTO_SM2, hex(GB_PUBLIC).data);
        for (size_t i = 0; i < 25; i++) {
            uint8_t signature[CRYPTO_SIGNATURE_BYTES];
            memcpy(signature, hex(numbers[i / 5]).data, 32);
            memcpy(signature + 32, hex(numbers[i % 5]).data, 32);
            assert_int_equal(c->verify(v, &message, 1, signature), CRYPTO_MISMATCH);
        }
        assert_int_equal(c->verify(v, &message, 1, hex(GB_SIGNATURE).data), CRYPTO_OK);
        c->verifier_destroy(&v);
    }
}

/* Without this somebody who can choose the hash could sign without the key: t = 0 leaves the key
 * out of the equation, and with r = 0 it says nothing of the message. No text has these hashes that
 * anybody knows: they were computed, in Python, so that all but the range of the numbers is met. */
static void sm2_checks_the_numbers_themselves(void **state)
{
    (void)state;
    static const struct {
        const char *hash, *signature;
    } FORGED[] = {
        {"cd3b51d2e0e67ee6a066fbb995c6366ae220d3ab2f5ff949e261ae800688cc5d",  /* 1 - x of -G */
         "0000000000000000000000000000000000000000000000000000000000000001"   /* r */
         "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54122"}, /* s = n - r */
        {"be7d2a63df4f0b09d4048aded864002d6b2021c0ffbfbdf86be76bc6eaaef60e",  /* - x of G + key */
         "0000000000000000000000000000000000000000000000000000000000000000"   /* r */
         "0000000000000000000000000000000000000000000000000000000000000001"}, /* s */
    };
    for (size_t i = 0; i < sizeof FORGED / sizeof *FORGED; i++)
        assert_int_equal(mbed_sm2_verify(hex(GB_PUBLIC).data, hex(FORGED[i].hash).data,
                                         hex(FORGED[i].signature).data),
                         CRYPTO_MISMATCH);
}

/* Without this a key off the curve, of the other curve, or halves that do not belong together,
 * would be used. */
static void keys_that_are_none_are_refused(void **state)
{
    (void)state;
    struct crypto_key_pair p256;
    assert_int_equal(crypto_openssl.key_generate(CRYPTO_ES256, &p256), CRYPTO_OK);
    EACH_PROVIDER(c)
    {
        struct crypto_key_pair pair = gb_pair();
        assert_null(c->verifier_create(CRYPTO_SM2, p256.public_key));
        assert_null(c->verifier_create(CRYPTO_ES256, pair.public_key));
        assert_null(c->verifier_create((enum crypto_alg)0, pair.public_key));
        for (size_t at = 1; at < CRYPTO_PUBLIC_BYTES; at += 16) {
            pair = gb_pair();
            pair.public_key[at] ^= 1;
            assert_null(c->verifier_create(CRYPTO_SM2, pair.public_key));
        }
        for (int form = 0; form < 256; form++) {
            pair = gb_pair();
            pair.public_key[0] = (uint8_t)form;
            struct crypto_verifier *v = c->verifier_create(CRYPTO_SM2, pair.public_key);
            assert_int_equal(v != NULL, form == 4);
            c->verifier_destroy(&v);
            p256.public_key[0] = (uint8_t)form;
            v = c->verifier_create(CRYPTO_ES256, p256.public_key);
            assert_int_equal(v != NULL, form == 4);
            c->verifier_destroy(&v);
        }
        p256.public_key[0] = 4;
        memset(pair.public_key + 1, 0, CRYPTO_PUBLIC_BYTES - 1);
        assert_null(c->verifier_create(CRYPTO_SM2, pair.public_key));
        memset(pair.public_key + 1, 0xff, CRYPTO_PUBLIC_BYTES - 1);
        assert_null(c->verifier_create(CRYPTO_SM2, pair.public_key));
    }
    EACH_PROVIDER(c)
    {
        struct crypto_key_pair pair = gb_pair();
        pair.private_key[31] ^= 1;
        assert_null(c->signer_create(CRYPTO_SM2, &pair));
        assert_null(c->signer_create(CRYPTO_ES256, &pair));
        assert_null(c->signer_create((enum crypto_alg)0, &pair));
        memset(pair.private_key, 0, sizeof pair.private_key);
        assert_null(c->signer_create(CRYPTO_SM2, &pair));
        memset(pair.private_key, 0xff, sizeof pair.private_key);
        assert_null(c->signer_create(CRYPTO_SM2, &pair));
    }
}

/* Without this a caller could believe that keys can be made on a device. */
static void mbedtls_makes_no_sm2_keys(void **state)
{
    (void)state;
    struct crypto_key_pair pair;
    assert_int_equal(crypto_mbedtls.key_generate(CRYPTO_SM2, &pair), CRYPTO_FAILED);
}

/* Without this a terminal with more keys than PSA has slots would lose some of them. */
static void mbedtls_holds_more_verifiers_than_slots(void **state)
{
    (void)state;
    struct crypto_verifier *verifiers[64];
    struct crypto_key_pair pairs[64];
    const struct bytes message = BYTES("m");
    for (int i = 0; i < 64; i++) {
        const enum crypto_alg alg = i % 2 ? CRYPTO_SM2 : CRYPTO_ES256;
        assert_int_equal(crypto_openssl.key_generate(alg, &pairs[i]), CRYPTO_OK);
        verifiers[i] = crypto_mbedtls.verifier_create(alg, pairs[i].public_key);
        assert_non_null(verifiers[i]);
    }
    for (int i = 0; i < 64; i++) {
        const enum crypto_alg alg = i % 2 ? CRYPTO_SM2 : CRYPTO_ES256;
        uint8_t signature[CRYPTO_SIGNATURE_BYTES];
        struct crypto_signer *signer = crypto_openssl.signer_create(alg, &pairs[i]);
        assert_int_equal(crypto_openssl.sign(signer, &message, 1, signature), CRYPTO_OK);
        crypto_openssl.signer_destroy(&signer);
        assert_int_equal(crypto_mbedtls.verify(verifiers[i], &message, 1, signature), CRYPTO_OK);
        assert_int_equal(crypto_mbedtls.verify(verifiers[63 - i], &message, 1, signature),
                         CRYPTO_MISMATCH);
    }
    for (int i = 0; i < 64; i++)
        crypto_mbedtls.verifier_destroy(&verifiers[i]);
}

/* ---- tests/vectors/sm2.json ---- */

static struct bytes octets_of(const json_t *vector, const char *name)
{
    return hex(json_string_value(json_object_get(vector, name)));
}

/* Without this the vectors that others check could be other ones than ours. */
static void vectors_are_the_same_here(void **state)
{
    (void)state;
    json_t *file = json_load_file("tests/vectors/sm2.json", JSON_REJECT_DUPLICATES, NULL), *v;
    size_t i, checked = 0;
    assert_non_null(file);
    EACH_PROVIDER(c)
    {
        json_array_foreach(json_object_get(file, "sm3"), i, v)
        {
            uint8_t hash[CRYPTO_HASH_BYTES];
            const struct bytes message = octets_of(v, "message");
            assert_int_equal(c->sm3(&message, 1, hash), CRYPTO_OK);
            assert_memory_equal(hash, octets_of(v, "hash").data, sizeof hash);
            checked++;
        }
        json_array_foreach(json_object_get(file, "sm2"), i, v)
        {
            const struct bytes message = octets_of(v, "message");
            struct crypto_verifier *verifier =
                c->verifier_create(CRYPTO_SM2, octets_of(v, "public_key").data);
            assert_int_equal(c->verify(verifier, &message, 1, octets_of(v, "signature").data),
                             json_is_true(json_object_get(v, "good")) ? CRYPTO_OK
                                                                      : CRYPTO_MISMATCH);
            c->verifier_destroy(&verifier);
            checked++;
        }
        json_array_foreach(json_object_get(file, "sm4_ctr_hmac_sm3"), i, v)
        {
            uint8_t storage[128];
            struct buf plain = BUF_OVER(storage);
            struct crypto_aead *aead =
                c->aead_create(CRYPTO_SM4_CTR_HMAC_SM3, octets_of(v, "secret").data);
            assert_int_equal(
                c->aead_open(aead, octets_of(v, "aad"), octets_of(v, "sealed"), &plain), CRYPTO_OK);
            assert_true(bytes_equal(buf_bytes(&plain), octets_of(v, "plain")));
            c->aead_destroy(&aead);
            checked++;
        }
    }
    json_decref(file);
    assert_int_equal(checked, 2 * (10 + 15 + 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sm3_knows_gb_32905_in_any_parts),
        cmocka_unit_test(sm3_agrees_at_every_length),
        cmocka_unit_test(sm4_knows_gb_32907),
        cmocka_unit_test(sm4_seals_cross_and_refuse_every_altered_bit),
        cmocka_unit_test(sm4_seals_as_the_header_says),
        cmocka_unit_test(sm2_knows_gb_32918),
        cmocka_unit_test(sm2_crosses_providers),
        cmocka_unit_test(sm2_tells_a_forgery_from_a_failure),
        cmocka_unit_test(sm2_checks_the_numbers_themselves),
        cmocka_unit_test(keys_that_are_none_are_refused),
        cmocka_unit_test(mbedtls_makes_no_sm2_keys),
        cmocka_unit_test(mbedtls_holds_more_verifiers_than_slots),
        cmocka_unit_test(vectors_are_the_same_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
