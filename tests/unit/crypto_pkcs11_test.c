/* Signing keys in a token, on SoftHSM2. */
#include <dlfcn.h>
#include <pthread.h>

#include <p11-kit/pkcs11.h>

#include "crypto/crypto_pkcs11.h"
#include "tests/crypto_providers.h"
#include "tests/softhsm.h"

#define TOKEN "jwb test; 100%"

static const struct bytes MESSAGE = {(const uint8_t *)"message", 7};
static const char *tokens;
static CK_SLOT_ID slot;
static struct crypto_hsm *hsm;
static char why_storage[256];
static struct buf why;
static uint8_t key_a[CRYPTO_PUBLIC_BYTES], key_b[CRYPTO_PUBLIC_BYTES];
static char uri_a[CRYPTO_HSM_URI_BYTES_MAX + 1];

static struct crypto_hsm *open_token(const char *module, const char *token, const char *pin)
{
    const struct crypto_hsm_options options = {.module = module, .token = token, .pin = pin};
    why = BUF_OVER(why_storage);
    return crypto_hsm_open(&options, &why);
}

static enum crypto_result generate(const char *label, uint8_t public_key[CRYPTO_PUBLIC_BYTES],
                                   char uri_text[CRYPTO_HSM_URI_BYTES_MAX + 1])
{
    struct buf uri;
    buf_init(&uri, uri_text, CRYPTO_HSM_URI_BYTES_MAX + 1);
    why = BUF_OVER(why_storage);
    enum crypto_result result =
        crypto_hsm_key_generate(hsm, bytes_str(label), public_key, &uri, &why);
    buf_cstr(&uri);
    return result;
}

static struct crypto_signer *signer_of(const char *uri, const uint8_t *public_key)
{
    why = BUF_OVER(why_storage);
    return crypto_hsm_signer_create(hsm, guarded(0, bytes_str(uri)), public_key, &why);
}

static bool signs(struct crypto_signer *signer, const uint8_t *public_key)
{
    uint8_t signature[CRYPTO_SIGNATURE_BYTES];
    if (crypto_openssl.sign(signer, &MESSAGE, 1, signature) != CRYPTO_OK)
        return false;
    struct crypto_verifier *v = crypto_openssl.verifier_create(CRYPTO_ES256, public_key);
    assert_int_equal(crypto_openssl.verify(v, &MESSAGE, 1, signature), CRYPTO_OK);
    crypto_openssl.verifier_destroy(&v);
    return true;
}

/* The module itself, behind p11-kit's back. */
static CK_FUNCTION_LIST *raw_module(void)
{
    CK_FUNCTION_LIST *module;
    CK_C_GetFunctionList get;
    void *library = dlopen(SOFTHSM_MODULE, RTLD_NOW | RTLD_NOLOAD);
    assert_non_null(library);
    *(void **)&get = dlsym(library, "C_GetFunctionList");
    assert_int_equal(get(&module), CKR_OK);
    dlclose(library); /* it stays, as p11-kit has it */
    return module;
}

static CK_SLOT_ID find_slot(CK_FUNCTION_LIST *module)
{
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    CK_TOKEN_INFO info;
    assert_int_equal(module->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++)
        if (module->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
            memcmp(info.label, TOKEN, strlen(TOKEN)) == 0)
            return slots[i];
    fail();
    return 0;
}

static int begin(void **state)
{
    char uri[CRYPTO_HSM_URI_BYTES_MAX + 1];
    (void)state;
    tokens = softhsm_begin();
    softhsm_add_token(TOKEN);
    softhsm_add_token("twin");
    softhsm_add_token("twin");
    hsm = open_token(SOFTHSM_MODULE, TOKEN, SOFTHSM_PIN);
    if (!hsm)
        fail_msg("%s", buf_cstr(&why));
    slot = find_slot(raw_module());
    assert_int_equal(generate("codes 2026-07", key_a, uri_a), CRYPTO_OK);
    assert_int_equal(generate("codes 2026-08", key_b, uri), CRYPTO_OK);
    return 0;
}

static int end(void **state)
{
    (void)state;
    crypto_hsm_close(&hsm);
    assert_null(hsm);
    crypto_hsm_close(&hsm);
    return 0;
}

/* Without this a gateway with its keys in a token would sign nothing, or something else. */
static void a_key_in_the_token_signs(void **state)
{
    (void)state;
    assert_string_equal(uri_a, "pkcs11:token=jwb%20test%3B%20100%25;object=codes%202026-07;"
                               "type=private");
    struct crypto_signer *signer = signer_of(uri_a, key_a);
    assert_non_null(signer);
    for (int again = 0; again < 3; again++)
        assert_true(signs(signer, key_a));
    crypto_openssl.signer_destroy(&signer);
    assert_null(signer);
}

/* Without this a key file that pairs one key's URI with another's public key would make codes that
 * nobody can verify. */
static void another_ones_public_key_is_refused(void **state)
{
    (void)state;
    assert_null(signer_of(uri_a, key_b));
    assert_string_equal(buf_cstr(&why), "the key in the token is not the public key's other half");
}

/* Without this an operator's slip in a URI would find some key, or take the process down. */
static void uris_are_read_strictly(void **state)
{
    (void)state;
    static const char *const good[] = {
        "pkcs11:token=jwb%20test%3B%20100%25;object=codes%202026-07",
        "pkcs11:object=codes%202026-07;type=private;token=jwb%20test%3B%20100%25",
    };
    static const char *const bad[] = {
        "",
        "pkcs11:",
        "file:codes.pem",
        "pkcs11:object=codes%202026-07", /* which token? */
        "pkcs11:token=twin;object=codes%202026-07",
        "pkcs11:token=jwb%20test%3B%20100%25",
        "pkcs11:token=jwb%20test%3B%20100%25;object=codes%202026-07;type=public",
        "pkcs11:token=jwb%20test%3B%20100%25;object=codes%202026-07;object=codes",
        "pkcs11:token=jwb%20test%3B%20100%25;object=codes%202026-07;wing=left",
        "pkcs11:token=jwb%20test%3B%20100%25;object=codes%202026-07?pin-value=2468",
        "pkcs11:token=jwb%20test%3B%20100%25;object=codes%202026-07?pin-source=file:/etc/pin",
        "pkcs11:token=jwb%20test%3B%20100%25;object=codes%2",
        "pkcs11:token=jwb%20test%3B%20100%25;object=codes%202026-09", /* no such key */
        "pkcs11:token=jwb%20test%3B%20100%25;object=",
        "pkcs11:token=jwb%20test%3B%20100%25;id=%01",
    };
    char longest[CRYPTO_HSM_URI_BYTES_MAX + 2];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct crypto_signer *signer = signer_of(good[i], key_a);
        if (!signer)
            fail_msg("%s: %s", good[i], buf_cstr(&why));
        crypto_openssl.signer_destroy(&signer);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (signer_of(bad[i], key_a))
            fail_msg("%s", bad[i]);
        assert_true(why.len);
    }
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = 0;
    assert_null(signer_of(longest, key_a));
}

/* Without this two keys could share a label, and a URI would name neither. */
static void labels_are_used_once(void **state)
{
    (void)state;
    char uri[CRYPTO_HSM_URI_BYTES_MAX + 1], longest[CRYPTO_HSM_LABEL_BYTES_MAX + 2];
    uint8_t public_key[CRYPTO_PUBLIC_BYTES];
    assert_int_equal(generate("codes 2026-07", public_key, uri), CRYPTO_BAD_KEY);
    assert_string_equal(buf_cstr(&why), "the token has something of this label");
    assert_int_equal(generate("", public_key, uri), CRYPTO_BAD_KEY);
    assert_int_equal(generate("a\nb", public_key, uri), CRYPTO_BAD_KEY);
    memset(longest, '%', sizeof longest);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(generate(longest, public_key, uri), CRYPTO_BAD_KEY);
    assert_int_equal(generate(longest + 1, public_key, uri), CRYPTO_OK);
    struct crypto_signer *signer = signer_of(uri, public_key);
    assert_non_null(signer);
    crypto_openssl.signer_destroy(&signer);
}

/* Without this a mistyped module, label or PIN would come out as something else, or a restart loop
 * would lock the token. */
static void what_is_wrong_with_the_token_is_said(void **state)
{
    (void)state;
    assert_null(open_token("/nonexistent/module.so", TOKEN, SOFTHSM_PIN));
    assert_non_null(strstr(buf_cstr(&why), "/nonexistent/module.so"));
    assert_null(open_token("/usr/lib/x86_64-linux-gnu/libcmocka.so.0", TOKEN, SOFTHSM_PIN));
    assert_true(why.len);
    assert_null(open_token(SOFTHSM_MODULE, "nobody's", SOFTHSM_PIN));
    assert_string_equal(buf_cstr(&why), "the module has no token labelled 'nobody's'");
    assert_null(open_token(SOFTHSM_MODULE, "twin", SOFTHSM_PIN));
    assert_string_equal(buf_cstr(&why), "the module has more than one token labelled 'twin'");
    assert_null(open_token(SOFTHSM_MODULE, "", SOFTHSM_PIN));
    assert_null(open_token(SOFTHSM_MODULE, "a label of more than 32 octets, one", SOFTHSM_PIN));
    assert_true(why.len);
}

/* Without this a URI that fits two keys would sign with whichever the module names first. */
static void a_uri_of_two_keys_names_none(void **state)
{
    (void)state;
    CK_FUNCTION_LIST *module = raw_module();
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    char label_a[] = "codes 2026-07", label_b[] = "codes 2026-08";
    CK_ATTRIBUTE key[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, label_b, 13}};
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE found;
    CK_ULONG count;
    struct crypto_signer *logged_in = signer_of(uri_a, key_a);
    assert_non_null(logged_in);
    assert_int_equal(
        module->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
        CKR_OK);
    assert_int_equal(module->C_FindObjectsInit(session, key, 2), CKR_OK);
    assert_int_equal(module->C_FindObjects(session, &found, 1, &count), CKR_OK);
    assert_int_equal(module->C_FindObjectsFinal(session), CKR_OK);
    assert_int_equal(count, 1);
    key[1].pValue = label_a; /* as another tool may */
    assert_int_equal(module->C_SetAttributeValue(session, found, &key[1], 1), CKR_OK);
    assert_null(signer_of(uri_a, key_a));
    assert_null(signer_of(uri_a, key_b));
    assert_string_equal(buf_cstr(&why), "the token has no private key, or several, of this URI");
    key[1].pValue = label_b;
    assert_int_equal(module->C_SetAttributeValue(session, found, &key[1], 1), CKR_OK);
    assert_int_equal(module->C_CloseSession(session), CKR_OK);
    crypto_openssl.signer_destroy(&logged_in);
}

static void *sign_many(void *unused)
{
    struct crypto_signer *signer;
    char text[128];
    struct buf here = BUF_OVER(text);
    (void)unused;
    signer = crypto_hsm_signer_create(hsm, bytes_str(uri_a), key_a, &here);
    bool ok = signer != NULL;
    for (int i = 0; ok && i < 200; i++)
        ok = signs(signer, key_a);
    crypto_openssl.signer_destroy(&signer);
    return ok ? &key_a : NULL;
}

/* Without this loops that sign at the same time could mix up their operations in the module. */
static void four_threads_sign_at_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_many, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *ok;
        assert_int_equal(pthread_join(threads[i], &ok), 0);
        assert_non_null(ok);
    }
}

/* What a token that is taken out does to whoever uses it (PKCS#11 section 6.6): all sessions are
 * closed, and nobody is logged in. */
static void take_token_out(void)
{
    CK_FUNCTION_LIST *module = raw_module();
    assert_int_equal(module->C_CloseAllSessions(slot), CKR_OK);
}

static void change_pin(const char *from, const char *to)
{
    CK_FUNCTION_LIST *module = raw_module();
    CK_SESSION_HANDLE session;
    assert_int_equal(
        module->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
        CKR_OK);
    assert_int_equal(
        module->C_SetPIN(session, (CK_UTF8CHAR *)from, strlen(from), (CK_UTF8CHAR *)to, strlen(to)),
        CKR_OK);
    assert_int_equal(module->C_CloseSession(session), CKR_OK);
}

/* Without this a gateway whose token was taken out would crash, or sign never again without being
 * restarted. */
static void a_token_that_came_back_signs_again(void **state)
{
    (void)state;
    struct crypto_signer *one = signer_of(uri_a, key_a), *other = signer_of(uri_a, key_a);
    assert_true(signs(one, key_a));
    take_token_out();
    assert_false(signs(one, key_a));
    assert_false(signs(other, key_a));
    assert_true(signs(one, key_a));
    assert_true(signs(other, key_a));
    crypto_openssl.signer_destroy(&one);
    crypto_openssl.signer_destroy(&other);
}

/* Without this a broken token would take the gateway down with it. SoftHSM looks for its tokens
 * when it is initialised, and never again. */
static void a_token_that_is_gone_signs_nothing(void **state)
{
    (void)state;
    char gone[256], uri[CRYPTO_HSM_URI_BYTES_MAX + 1];
    uint8_t public_key[CRYPTO_PUBLIC_BYTES];
    snprintf(gone, sizeof gone, "%s.gone", tokens);
    struct crypto_signer *signer = signer_of(uri_a, key_a);
    assert_true(signs(signer, key_a));
    assert_int_equal(rename(tokens, gone), 0);
    take_token_out();
    for (int again = 0; again < 3; again++)
        assert_false(signs(signer, key_a));
    assert_null(signer_of(uri_a, key_a));
    assert_int_equal(generate("codes 2026-09", public_key, uri), CRYPTO_FAILED);
    assert_true(why.len);
    assert_int_equal(rename(gone, tokens), 0);
    crypto_openssl.signer_destroy(&signer);
    crypto_hsm_close(&hsm);
    hsm = open_token(SOFTHSM_MODULE, TOKEN, SOFTHSM_PIN);
    signer = signer_of(uri_a, key_a);
    assert_true(signs(signer, key_a));
    crypto_openssl.signer_destroy(&signer);
}

/* Without this a PIN that was changed would be tried at every code until the token locks itself. */
static void a_refused_pin_is_tried_once(void **state)
{
    (void)state;
    struct crypto_signer *signer = signer_of(uri_a, key_a);
    assert_true(signs(signer, key_a));
    change_pin(SOFTHSM_PIN, "8642");
    take_token_out();
    assert_false(signs(signer, key_a));
    assert_false(signs(signer, key_a)); /* the PIN was refused */
    change_pin("8642", SOFTHSM_PIN);
    assert_false(signs(signer, key_a)); /* would be taken now, and is not tried */
    crypto_openssl.signer_destroy(&signer);
    crypto_hsm_close(&hsm);
    assert_null(open_token(SOFTHSM_MODULE, TOKEN, "8642"));
    assert_non_null(strstr(buf_cstr(&why), "the token can't be logged in to"));
    hsm = open_token(SOFTHSM_MODULE, TOKEN, SOFTHSM_PIN);
    assert_non_null(hsm);
    signer = signer_of(uri_a, key_a);
    assert_non_null(signer);
    crypto_openssl.signer_destroy(&signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_in_the_token_signs),
        cmocka_unit_test(another_ones_public_key_is_refused),
        cmocka_unit_test(uris_are_read_strictly),
        cmocka_unit_test(labels_are_used_once),
        cmocka_unit_test(a_uri_of_two_keys_names_none),
        cmocka_unit_test(what_is_wrong_with_the_token_is_said),
        cmocka_unit_test(four_threads_sign_at_once),
        cmocka_unit_test(a_token_that_came_back_signs_again),
        cmocka_unit_test(a_token_that_is_gone_signs_nothing),
        cmocka_unit_test(a_refused_pin_is_tried_once),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
