/* Both providers against published vectors and against each other. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/err.h>

#include "tests/crypto_providers.h"

/* Without this a hash over parts could differ from the hash over the joined message. */
static void sha256_knows_fips_180_in_any_parts(void **state)
{
    (void)state;
    EACH_PROVIDER(c)
    {
        uint8_t out[CRYPTO_HASH_BYTES];
        const struct bytes parts[] = {BYTES("a"), BYTES(""), BYTES("bc")};
        assert_int_equal(c->sha256(parts, 3, out), CRYPTO_OK);
        assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_int_equal(c->sha256(NULL, 0, out), CRYPTO_OK);
        assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}

/* Without this a MAC made by one provider would not be recognised by the other, nor a second one by
 * the kept context. The keys of RFC 4231, test cases 1 and 2, are padded with zeros to 32 octets,
 * which HMAC does by itself (RFC 2104). */
static void mac_knows_rfc_4231_again_and_again(void **state)
{
    (void)state;
    EACH_PROVIDER(c)
    {
        uint8_t secret[CRYPTO_SECRET_BYTES] = {0}, out[CRYPTO_HASH_BYTES];
        memset(secret, 0x0b, 20);
        struct crypto_mac *first = c->mac_create(secret);
        memset(secret, 0, sizeof secret);
        memcpy(secret, "Jefe", 4);
        struct crypto_mac *second = c->mac_create(secret);
        const struct bytes hi[] = {BYTES("Hi "), BYTES("There")};
        const struct bytes what[] = {BYTES("what do ya want "), BYTES(""), BYTES("for nothing?")};
        for (int again = 0; again < 3; again++) {
            assert_int_equal(c->mac_compute(first, hi, 2, out), CRYPTO_OK);
            assert_hex(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
            assert_int_equal(c->mac_compute(second, what, 3, out), CRYPTO_OK);
            assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        }
        c->mac_destroy(&first);
        c->mac_destroy(&second);
        assert_null(first);
        c->mac_destroy(&first);
    }
}

/* Without this the keys derived from one secret would differ between providers, or not be
 * separated. The expected octets were computed from RFC 5869's two steps with HMAC alone, in
 * Python. */
static void hkdf_follows_rfc_5869(void **state)
{
    (void)state;
    EACH_PROVIDER(c)
    {
        uint8_t secret[CRYPTO_SECRET_BYTES], out[64];
        for (size_t i = 0; i < sizeof secret; i++)
            secret[i] = (uint8_t)i;
        assert_int_equal(c->hkdf(secret, BYTES("jwb-code"), out, 64), CRYPTO_OK);
        assert_hex(out, 64,
                   "4ff39259930a75a1d4674d8eabcbf60cfc70354d0f551306c69b015ae8160f0d"
                   "1ed4c0bc35c2f8f402b6e9c9394a3a4531e999b749bb2ed08f2ca227f4427bbf");
        assert_int_equal(c->hkdf(secret, BYTES(""), out, 32), CRYPTO_OK);
        assert_hex(out, 32, "37ad29109f43265287804b674e2653d0a513718907f97fca97c95bded8104bbf");
    }
}

/* The sealed form of a vector: nonce, ciphertext, tag. */
static const char GCM_KEY[] = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
static const char GCM_AAD[] = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
static const char GCM_PLAIN[] =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c"
    "0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
static const char GCM_SEALED[] =
    "cafebabefacedbaddecaf888"
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb0"
    "8e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
    "76fc6ece0f4e1768cddf8853bb2d551b";

/* Without this a provider's AES-256-GCM could be of its own kind (vector: test case 16 of McGrew
 * and Viega's submission to NIST). */
static void aead_opens_the_published_vector(void **state)
{
    (void)state;
    EACH_PROVIDER(c)
    {
        uint8_t plain[64];
        struct buf out = BUF_OVER(plain);
        struct crypto_aead *aead = c->aead_create(CRYPTO_AES_256_GCM, hex(GCM_KEY).data);
        assert_int_equal(c->aead_open(aead, hex(GCM_AAD), hex(GCM_SEALED), &out), CRYPTO_OK);
        assert_int_equal(out.len, 60);
        assert_hex(plain, 60, GCM_PLAIN);
        c->aead_destroy(&aead);
        assert_null(aead);
    }
}

/* Without this a face sealed by one provider could not be opened by the other, or an altered one
 * could, or the plaintext of an altered one would come out. */
static void aead_crosses_and_refuses_every_altered_bit(void **state)
{
    (void)state;
    const struct bytes aad = BYTES("jwb-face-1"), plain = BYTES("{\"name\":\"张*\"}");
    for (int both = 0; both < 4; both++) {
        const struct crypto_provider *sealer = PROVIDERS[both / 2], *opener = PROVIDERS[both % 2];
        struct crypto_aead *a = sealer->aead_create(CRYPTO_AES_256_GCM, hex(GCM_KEY).data);
        struct crypto_aead *b = opener->aead_create(CRYPTO_AES_256_GCM, hex(GCM_KEY).data);
        uint8_t sealed[64], opened[64];
        struct buf in = BUF_OVER(sealed), out = BUF_OVER(opened);
        size_t refused = 0;
        assert_int_equal(sealer->aead_seal(a, aad, plain, &in), CRYPTO_OK);
        assert_int_equal(in.len, plain.len + 28);
        assert_int_equal(opener->aead_open(b, aad, guarded(0, buf_bytes(&in)), &out), CRYPTO_OK);
        assert_true(bytes_equal(buf_bytes(&out), plain));
        for (size_t bit = 0; bit < in.len * 8; bit++, refused++) {
            sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(opener->aead_open(b, aad, buf_bytes(&in), &out), CRYPTO_MISMATCH);
            sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t len = 0; len < in.len; len++, refused++)
            assert_int_equal(opener->aead_open(b, aad, guarded(0, bytes_of(sealed, len)), &out),
                             CRYPTO_MISMATCH);
        assert_int_equal(opener->aead_open(b, BYTES("jwb-face-2"), buf_bytes(&in), &out),
                         CRYPTO_MISMATCH);
        assert_int_equal(out.len, plain.len); /* nothing was appended */
        assert_int_equal(refused, in.len * 9);
        sealer->aead_destroy(&a);
        opener->aead_destroy(&b);
    }
}

/* Without this two faces could be sealed under one nonce, or an empty or too long one corrupt
 * memory. */
static void aead_draws_fresh_nonces_and_respects_room(void **state)
{
    (void)state;
    EACH_PROVIDER(c)
    {
        struct crypto_aead *aead = c->aead_create(CRYPTO_AES_256_GCM, hex(GCM_KEY).data);
        uint8_t first[28], second[28], small[27], none[1];
        struct buf a = BUF_OVER(first), b = BUF_OVER(second), d = BUF_OVER(small),
                   e = BUF_OVER(none);
        assert_int_equal(c->aead_seal(aead, BYTES(""), BYTES(""), &a), CRYPTO_OK);
        assert_int_equal(c->aead_seal(aead, BYTES(""), BYTES(""), &b), CRYPTO_OK);
        assert_memory_not_equal(first, second, CRYPTO_AEAD_NONCE_BYTES);
        assert_int_equal(c->aead_open(aead, BYTES(""), buf_bytes(&a), &e), CRYPTO_OK);
        assert_int_equal(e.len, 0);
        assert_int_equal(c->aead_seal(aead, BYTES(""), BYTES(""), &d), CRYPTO_OK);
        assert_false(buf_ok(&d));
        assert_int_equal(d.len, 0);
        c->aead_destroy(&aead);
    }
}

/* Without this a seal over nothing, opened into nothing, would count without its tag. */
static void aead_checks_the_tag_of_nothing(void **state)
{
    (void)state;
    EACH_PROVIDER(c)
    {
        for (int cipher = CRYPTO_AES_256_GCM; cipher <= CRYPTO_SM4_CTR_HMAC_SM3; cipher++) {
            struct crypto_aead *aead =
                c->aead_create((enum crypto_cipher)cipher, hex(GCM_KEY).data);
            uint8_t storage[28];
            struct buf sealed = BUF_OVER(storage), nowhere = {0};
            assert_int_equal(c->aead_seal(aead, BYTES("a"), BYTES(""), &sealed), CRYPTO_OK);
            assert_int_equal(c->aead_open(aead, BYTES("a"), buf_bytes(&sealed), &nowhere),
                             CRYPTO_OK);
            assert_int_equal(c->aead_open(aead, BYTES("b"), buf_bytes(&sealed), &nowhere),
                             CRYPTO_MISMATCH);
            assert_true(buf_ok(&nowhere));
            c->aead_destroy(&aead);
        }
    }
}

/* RFC 6979 appendix A.2.5: P-256, SHA-256, message "sample". */
static const char RFC6979_PRIVATE[] =
    "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
static const char RFC6979_PUBLIC[] =
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
static const char RFC6979_SIGNATURE[] =
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";

static struct crypto_key_pair rfc6979_pair(void)
{
    struct crypto_key_pair pair;
    memcpy(pair.private_key, hex(RFC6979_PRIVATE).data, sizeof pair.private_key);
    memcpy(pair.public_key, hex(RFC6979_PUBLIC).data, sizeof pair.public_key);
    return pair;
}

/* Without this a provider could agree with itself only. */
static void ecdsa_knows_rfc_6979(void **state)
{
    (void)state;
    const struct bytes message[] = {BYTES("sam"), BYTES("ple")};
    struct crypto_key_pair pair = rfc6979_pair();
    uint8_t signature[CRYPTO_SIGNATURE_BYTES];
    EACH_PROVIDER(c)
    {
        struct crypto_verifier *verifier = c->verifier_create(CRYPTO_ES256, pair.public_key);
        assert_int_equal(c->verify(verifier, message, 2, hex(RFC6979_SIGNATURE).data), CRYPTO_OK);
        assert_int_equal(c->verify(verifier, message, 1, hex(RFC6979_SIGNATURE).data),
                         CRYPTO_MISMATCH);
        c->verifier_destroy(&verifier);
        assert_null(verifier);
    }
    struct crypto_signer *signer =
        crypto_mbedtls.signer_create(CRYPTO_ES256, &pair); /* the deterministic one */
    assert_int_equal(crypto_mbedtls.sign(signer, message, 2, signature), CRYPTO_OK);
    assert_hex(signature, 64, RFC6979_SIGNATURE);
    crypto_mbedtls.signer_destroy(&signer);
}

/* Without this a code of the gateway's could fail at a terminal, or an altered one pass there. */
static void ecdsa_crosses_providers(void **state)
{
    (void)state;
    const struct bytes message[] = {BYTES("what "), BYTES("is signed")};
    for (int both = 0; both < 4; both++) {
        const struct crypto_provider *from = PROVIDERS[both / 2], *to = PROVIDERS[both % 2];
        struct crypto_key_pair pair;
        uint8_t signature[CRYPTO_SIGNATURE_BYTES];
        assert_int_equal(from->key_generate(CRYPTO_ES256, &pair), CRYPTO_OK);
        struct crypto_signer *signer = from->signer_create(CRYPTO_ES256, &pair);
        struct crypto_verifier *verifier = to->verifier_create(CRYPTO_ES256, pair.public_key);
        for (int again = 0; again < 4; again++) {
            assert_int_equal(from->sign(signer, message, 2, signature), CRYPTO_OK);
            assert_int_equal(to->verify(verifier, message, 2, signature), CRYPTO_OK);
            signature[16 * again + 3] ^= 0x10;
            assert_int_equal(to->verify(verifier, message, 2, signature), CRYPTO_MISMATCH);
        }
        from->signer_destroy(&signer);
        to->verifier_destroy(&verifier);
    }
}

/* Without this one code in some hundred would have no valid signature: r or s begins with a zero
 * octet, which DER leaves out. */
static void ecdsa_pads_short_numbers(void **state)
{
    (void)state;
    struct crypto_key_pair pair;
    uint8_t signature[CRYPTO_SIGNATURE_BYTES];
    bool short_r = false, short_s = false;
    assert_int_equal(crypto_openssl.key_generate(CRYPTO_ES256, &pair), CRYPTO_OK);
    struct crypto_signer *signer = crypto_openssl.signer_create(CRYPTO_ES256, &pair);
    struct crypto_verifier *verifier =
        crypto_openssl.verifier_create(CRYPTO_ES256, pair.public_key);
    for (uint32_t i = 0; !short_r || !short_s; i++) { /* one in 256 each */
        const struct bytes message = bytes_of(&i, sizeof i);
        assert_true(i < 20000);
        assert_int_equal(crypto_openssl.sign(signer, &message, 1, signature), CRYPTO_OK);
        assert_int_equal(crypto_openssl.verify(verifier, &message, 1, signature), CRYPTO_OK);
        short_r |= signature[0] == 0;
        short_s |= signature[32] == 0;
    }
    crypto_openssl.signer_destroy(&signer);
    crypto_openssl.verifier_destroy(&verifier);
}

/* Without this a signature of nonsense numbers would count as our failure (or as valid: r = s = 0),
 * and one bad message would make an inspector see "could not find out" instead of "forged". */
static void ecdsa_tells_a_forgery_from_a_failure(void **state)
{
    (void)state;
    static const char *const halves[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000001",
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", /* n */
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
    const struct bytes message = BYTES("sample");
    struct crypto_key_pair pair = rfc6979_pair();
    EACH_PROVIDER(c)
    {
        struct crypto_verifier *verifier = c->verifier_create(CRYPTO_ES256, pair.public_key);
        for (size_t i = 0; i < 16; i++) {
            uint8_t signature[CRYPTO_SIGNATURE_BYTES];
            memcpy(signature, hex(halves[i / 4]).data, 32);
            memcpy(signature + 32, hex(halves[i % 4]).data, 32);
            ERR_raise(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE); /* left by this thread's TLS */
            assert_int_equal(c->verify(verifier, &message, 1, signature), CRYPTO_MISMATCH);
        }
        ERR_clear_error();
        assert_int_equal(c->verify(verifier, &message, 1, hex(RFC6979_SIGNATURE).data), CRYPTO_OK);
        c->verifier_destroy(&verifier);
    }
}

/* Without this a key off the curve, or halves that do not belong together, would be used. */
static void keys_that_are_none_are_refused(void **state)
{
    (void)state;
    EACH_PROVIDER(c)
    {
        struct crypto_key_pair pair = rfc6979_pair();
        pair.public_key[40] ^= 1;
        assert_null(c->verifier_create(CRYPTO_ES256, pair.public_key));
        assert_null(c->signer_create(CRYPTO_ES256, &pair));
        pair = rfc6979_pair();
        pair.public_key[0] = 5;
        assert_null(c->verifier_create(CRYPTO_ES256, pair.public_key));
        pair = rfc6979_pair();
        pair.private_key[31] ^= 1;
        assert_null(c->signer_create(CRYPTO_ES256, &pair));
        memset(pair.private_key, 0, sizeof pair.private_key);
        assert_null(c->signer_create(CRYPTO_ES256, &pair));
        memset(pair.private_key, 0xFF, sizeof pair.private_key);
        assert_null(c->signer_create(CRYPTO_ES256, &pair));
    }
}

/* Without this identities of codes could repeat. */
static void random_octets_differ(void **state)
{
    (void)state;
    EACH_PROVIDER(c)
    {
        uint8_t a[32] = {0}, b[32] = {0};
        assert_int_equal(c->random(a, sizeof a), CRYPTO_OK);
        assert_int_equal(c->random(b, sizeof b), CRYPTO_OK);
        assert_memory_not_equal(a, b, sizeof a);
    }
}

static void *draw(void *unused)
{
    uint8_t octet;
    crypto_mbedtls.random(&octet, 1);
    return unused;
}

/* Without this a second thread would corrupt PSA's key store in silence. */
static void mbedtls_serves_one_thread_only(void **state)
{
    (void)state;
    int status;
    pid_t child = fork(); /* the CHECK ends the process */
    if (child == 0) {
        pthread_t thread;
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        draw(NULL);
        pthread_create(&thread, NULL, draw, NULL);
        pthread_join(thread, NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_knows_fips_180_in_any_parts),
        cmocka_unit_test(mac_knows_rfc_4231_again_and_again),
        cmocka_unit_test(hkdf_follows_rfc_5869),
        cmocka_unit_test(aead_opens_the_published_vector),
        cmocka_unit_test(aead_crosses_and_refuses_every_altered_bit),
        cmocka_unit_test(aead_draws_fresh_nonces_and_respects_room),
        cmocka_unit_test(aead_checks_the_tag_of_nothing),
        cmocka_unit_test(ecdsa_knows_rfc_6979),
        cmocka_unit_test(ecdsa_crosses_providers),
        cmocka_unit_test(ecdsa_pads_short_numbers),
        cmocka_unit_test(ecdsa_tells_a_forgery_from_a_failure),
        cmocka_unit_test(keys_that_are_none_are_refused),
        cmocka_unit_test(random_octets_differ),
        cmocka_unit_test(mbedtls_serves_one_thread_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
