/* Memory of a terminal: what verifying allocates, and each allocation that fails in turn. */
#include <stdlib.h>

#include "terminal/offline.h"
#include "tests/unit/terminal_fixture.h"
#include "tests/unit/terminal_medium.h"

/* The sanitizer's own, which this file's stand before. */
void *__interceptor_malloc(size_t size);
void *__interceptor_calloc(size_t count, size_t size);
void *__interceptor_realloc(void *old, size_t size);

/* Volatile, because the compiler knows malloc, and knows that it looks at nothing of ours. */
static volatile long fail_at = -1; /* allocations until the failing one; below 0: none fails */
static volatile bool failed, counting;
static volatile unsigned allocations;

static bool fails(void)
{
    allocations += counting;
    if (fail_at < 0 || fail_at-- > 0)
        return false;
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

/* ---- mbedTLS, whose own allocations are not counted ---- */

#define UNCOUNTED(call)                                                                            \
    bool before = counting;                                                                        \
    counting = false;                                                                              \
    enum crypto_result result = crypto_mbedtls.call;                                               \
    counting = before;                                                                             \
    return result

static enum crypto_result uncounted_random(uint8_t *out, size_t len)
{
    UNCOUNTED(random(out, len));
}
static enum crypto_result uncounted_seal(struct crypto_aead *aead, struct bytes aad,
                                         struct bytes plain, struct buf *out)
{
    UNCOUNTED(aead_seal(aead, aad, plain, out));
}
static enum crypto_result uncounted_verify(struct crypto_verifier *verifier,
                                           const struct bytes *parts, size_t count,
                                           const uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    UNCOUNTED(verify(verifier, parts, count, signature));
}

static struct knowledge knowledge;
static struct scans scans;
static struct offline_answer answer;
static struct city_bundle b;
static struct medium medium;

static void know(const struct crypto_provider *crypto, const struct city *city)
{
    bool revokes;
    const struct city_list list = list_of(LIST_URI);
    bundle_init(&b, city);
    assert_int_equal(knowledge_init(&knowledge, crypto, 2), JWBT_OK);
    assert_int_equal(knowledge_pin(&knowledge, root_set(city, ROOT_A)), JWBT_OK);
    assert_int_equal(knowledge_take_bundle(&knowledge, bundle_sign(&b, city), 0, NOW), JWBT_OK);
    assert_int_equal(knowledge_take_list(&knowledge, 0, list_sign(&list, city), -1, NOW, &revokes),
                     JWBT_OK);
}

static void verifying_allocates_nothing(void **state)
{
    /* If this fails, a device that has run for a month has no memory left when it is asked. */
    (void)state;
    static const enum crypto_alg algs[] = {CRYPTO_ES256, CRYPTO_SM2};
    struct crypto_provider crypto = crypto_mbedtls;
    uint8_t secret[CRYPTO_SECRET_BYTES] = {1};
    struct jwbt_storage storage = medium_storage(&medium);
    crypto.random = uncounted_random;
    crypto.aead_seal = uncounted_seal;
    crypto.verify = uncounted_verify;
    for (int i = 0; i < 2; i++) {
        const struct city *city = city_of(algs[i]);
        const struct code_claims claims = claims_of(1);
        const struct bytes text = code_text(&claims, city, CODE_A);
        struct crypto_aead *aead = crypto.aead_create(CRYPTO_AES_256_GCM, secret);
        struct scans_record record = {.kind = SCANS_SCAN, .mark = NOW, .authentic = true};
        const struct offline_state at = {&knowledge, &scans, false};
        know(&crypto, city);
        assert_int_equal(scans_init(&scans, &crypto, aead, &storage, 2), JWBT_OK);
        counting = true;
        offline_verify(&at, text, NOW, &answer);
        const bool kept = scans_add(&scans, &record, false);
        counting = false;
        assert_int_equal(answer.reason, REASON_NONE);
        assert_true(kept);
        assert_int_equal(allocations, 0);
        scans_fini(&scans);
        knowledge_fini(&knowledge);
        crypto.aead_destroy(&aead);
    }
    counting = true;
    void *volatile memory = calloc(1, 1); /* it counts */
    counting = false;
    free(memory);
    assert_int_equal(allocations, 1);
}

static void memory_gone_while_verifying(void **state)
{
    /* If this fails, a device that is short of memory calls a good code forged, or a forged one
     * good. */
    (void)state;
    static const enum crypto_alg algs[] = {CRYPTO_ES256, CRYPTO_SM2};
    const struct offline_state at = {&knowledge, &scans, false};
    const struct code_claims claims = claims_of(1);
    memset(&scans, 0, sizeof scans);
    for (int i = 0; i < 2; i++) {
        const struct city *city = city_of(algs[i]);
        const struct bytes text = code_text(&claims, city, CODE_A);
        unsigned untold = 0;
        know(&crypto_mbedtls, city);
        failed = true;
        for (long n = 0; failed; n = n < 100 ? n + 1 : n + n / 7) {
            failed = false;
            fail_at = n;
            offline_verify(&at, text, NOW, &answer);
            fail_at = -1;
            assert_true(answer.reason == REASON_NONE ||
                        (failed && answer.reason == REASON_STATUS_UNAVAILABLE));
            untold += answer.reason != REASON_NONE;
        }
        assert_true(untold > 5);
        knowledge_fini(&knowledge);
    }
}

static void memory_gone_while_opening(void **state)
{
    /* If this fails, a device that is short of memory at its start crashes, or starts with half of
     * what it needs. */
    (void)state;
    const struct city *city = city_of(CRYPTO_ES256);
    const struct jwbt_options options = {.storage = medium_storage(&medium), .lists_max = 2};
    const struct bytes set = root_set(city, ROOT_A);
    const struct city_list of = list_of(LIST_URI);
    struct jwbt *t;
    struct jwbt_knowledge k;
    memset(&medium, 0, sizeof medium);
    bundle_init(&b, city);
    const struct bytes bundle = bundle_sign(&b, city), list = list_sign(&of, city);
    assert_int_equal(jwbt_open(&options, &t), JWBT_OK);
    assert_int_equal(jwbt_enroll(t, set.data, set.len, false), JWBT_OK);
    assert_int_equal(jwbt_take_bundle(t, bundle.data, bundle.len, NOW), JWBT_OK);
    assert_int_equal(jwbt_take_list(t, 0, list.data, list.len, NOW), JWBT_OK);
    jwbt_close(&t);
    failed = true;
    for (long n = 0; failed; n = n < 60 ? n + 1 : n + n / 3) {
        static struct medium before;
        before = medium;
        failed = false;
        fail_at = n;
        enum jwbt_error error = jwbt_open(&options, &t);
        fail_at = -1;
        if (failed)
            assert_true(error == JWBT_ERR_MEMORY || error == JWBT_OK);
        assert_true((error == JWBT_OK) == (t != NULL));
        if (!t)
            continue;
        jwbt_knows(t, NOW, &k); /* what it could not compute is left out, and told */
        assert_true(k.bundle_version == 10 || k.damaged || k.storage_failed);
        jwbt_close(&t);
        assert_memory_equal(&medium.files, &before.files, sizeof medium.files);
    }
    assert_int_equal(jwbt_open(&options, &t), JWBT_OK);
    jwbt_knows(t, NOW, &k);
    assert_true(k.bundle_version == 10 && !k.damaged);
    jwbt_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verifying_allocates_nothing),
        cmocka_unit_test(memory_gone_while_verifying),
        cmocka_unit_test(memory_gone_while_opening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
