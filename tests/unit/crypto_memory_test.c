/* Memory that is gone, at each allocation in turn: what is ours is never told as the peer's. */
#include <stdlib.h>

#include "tests/crypto_providers.h"

/* The sanitizer's own, which this file's stand before. */
void *__interceptor_malloc(size_t size);
void *__interceptor_calloc(size_t count, size_t size);
void *__interceptor_realloc(void *old, size_t size);

static long fail_at = -1; /* allocations until the failing one; below 0: none fails */
static bool from_then;    /* and all after it */
static bool failed;

static bool fails(void)
{
    if (fail_at < 0 || (fail_at > 0 && fail_at--))
        return false;
    if (!from_then)
        fail_at = -1;
    return failed = true;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __interceptor_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __interceptor_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails() ? NULL : __interceptor_realloc(old, size);
}

struct call {
    const struct crypto_provider *crypto;
    struct crypto_verifier *verifier;
    struct crypto_aead *aead;
    uint8_t signature[CRYPTO_SIGNATURE_BYTES], sealed[64];
    size_t sealed_len;
};
static const struct bytes MESSAGE = {(const uint8_t *)"message", 7};

static enum crypto_result verify(struct call *call)
{
    return call->crypto->verify(call->verifier, &MESSAGE, 1, call->signature);
}

static enum crypto_result open_sealed(struct call *call)
{
    uint8_t storage[64];
    struct buf plain = BUF_OVER(storage);
    return call->crypto->aead_open(call->aead, MESSAGE, bytes_of(call->sealed, call->sealed_len),
                                   &plain);
}

/* Of the ten thousand in mbedTLS's arithmetic, which are all alike, some. */
static long next(const struct call *call, long n)
{
    return call->crypto == &crypto_mbedtls && n >= 60 ? n + 499 : n + 1;
}

/* Fails each allocation in turn, alone or with all that follow it, until none is left to fail. */
static void sweep(enum crypto_result (*run)(struct call *), struct call *call,
                  enum crypto_result truth)
{
    for (int mode = 0; mode < 2; mode++) {
        from_then = mode;
        failed = true;
        for (long n = 0; failed; n = next(call, n)) {
            failed = false;
            fail_at = n;
            enum crypto_result result = run(call);
            fail_at = -1;
            if (result != truth && result != CRYPTO_FAILED)
                fail_msg("allocation %ld: %d, in truth %d", n, result, truth);
            assert_true(failed || result == truth);
            assert_int_equal(run(call), truth); /* and nothing of it stays */
        }
    }
}

/* Without this a terminal or a gateway short of memory would call an honest code forged, or a
 * forged one good. */
static void verification_without_memory_is_no_verdict(void **state)
{
    (void)state;
    static const enum crypto_alg algs[] = {CRYPTO_ES256, CRYPTO_SM2};
    for (int i = 0; i < 2; i++) {
        struct crypto_key_pair pair;
        struct call call;
        assert_int_equal(crypto_openssl.key_generate(algs[i], &pair), CRYPTO_OK);
        struct crypto_signer *signer = crypto_openssl.signer_create(algs[i], &pair);
        assert_int_equal(crypto_openssl.sign(signer, &MESSAGE, 1, call.signature), CRYPTO_OK);
        crypto_openssl.signer_destroy(&signer);
        EACH_PROVIDER(c)
        {
            call.crypto = c;
            call.verifier = c->verifier_create(algs[i], pair.public_key);
            sweep(verify, &call, CRYPTO_OK);
            call.signature[40] ^= 1;
            sweep(verify, &call, CRYPTO_MISMATCH);
            call.signature[40] ^= 1;
            c->verifier_destroy(&call.verifier);
        }
    }
}

/* Without this a registry on a machine short of memory would take its own fields for another's. */
static void opening_without_memory_is_no_verdict(void **state)
{
    (void)state;
    static const enum crypto_cipher ciphers[] = {CRYPTO_AES_256_GCM, CRYPTO_SM4_CTR_HMAC_SM3};
    const uint8_t secret[CRYPTO_SECRET_BYTES] = {1};
    EACH_PROVIDER(c)
    {
        for (int i = 0; i < 2; i++) {
            struct call call = {.crypto = c, .aead = c->aead_create(ciphers[i], secret)};
            struct buf sealed = BUF_OVER(call.sealed);
            assert_int_equal(c->aead_seal(call.aead, MESSAGE, BYTES("plain"), &sealed), CRYPTO_OK);
            call.sealed_len = sealed.len;
            sweep(open_sealed, &call, CRYPTO_OK);
            call.sealed[14] ^= 1;
            sweep(open_sealed, &call, CRYPTO_MISMATCH);
            c->aead_destroy(&call.aead);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verification_without_memory_is_no_verdict),
        cmocka_unit_test(opening_without_memory_is_no_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
