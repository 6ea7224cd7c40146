/* COSE messages and keys of others: the forms that RFC 9052 leaves open are read, and nothing is
 * read that two readers could see differently. */
#include "protocol/cose_any.h"

#include "protocol/cbor.h"
#include "tests/support.h"

/* The COSE working group's Examples repository, sign1-tests/sign-pass-01 to -03 have this key, "11"
 * (RFC 8152 appendix C.7.1), and this is appendix C.2.1 there. */
#define EXAMPLE                                                                                    \
    "d28443a10126a10442313154546869732069732074686520636f6e74656e742e58408eb33e4ca31d1c465ab05aac" \
    "34cc6b23d58fef5c083106c4d25a91aef0b0117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5" \
    "a4c345cacb36"
#define EXAMPLE_X "bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff"
#define EXAMPLE_Y "20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e"

static struct bytes octets(const char *hex)
{
    static uint8_t storage[1024];
    struct buf out = BUF_OVER(storage);
    assert_true(buf_put_from_hex(&out, bytes_str(hex)));
    return guarded(0, buf_bytes(&out));
}

static const struct crypto_provider *const providers[] = {&crypto_openssl, &crypto_mbedtls};

/* Without this others' messages and keys would not verify: this one was not made here. */
static void an_example_of_the_rfc_verifies(void **state)
{
    (void)state;
    struct cose_any message;
    enum crypto_alg alg;
    uint8_t point[CRYPTO_PUBLIC_BYTES];
    assert_true(
        cose_key_read(octets("a401022001215820" EXAMPLE_X "225820" EXAMPLE_Y), &alg, point));
    assert_int_equal(alg, CRYPTO_ES256);
    assert_true(cose_any_read(octets(EXAMPLE), &message));
    assert_true(message.tagged && !message.cwt);
    assert_int_equal(message.alg, CRYPTO_ES256);
    assert_bytes(message.kid, "11");
    assert_bytes(message.payload, "This is the content.");
    for (size_t p = 0; p < 2; p++) {
        struct crypto_verifier *verifier = providers[p]->verifier_create(alg, point);
        assert_non_null(verifier);
        const struct bytes detached = BYTES("This is the content."),
                           other = BYTES("this is the content.");
        assert_int_equal(
            cose_any_verify(&message, message.payload, alg, false, providers[p], verifier),
            CRYPTO_OK);
        assert_int_equal(cose_any_verify(&message, detached, alg, false, providers[p], verifier),
                         CRYPTO_OK);
        assert_int_equal(cose_any_verify(&message, other, alg, false, providers[p], verifier),
                         CRYPTO_MISMATCH);
        assert_int_equal(
            cose_any_verify(&message, detached, CRYPTO_SM2, false, providers[p], verifier),
            CRYPTO_MISMATCH);
        providers[p]->verifier_destroy(&verifier);
    }
}

/* Without this a message whose s was turned round would be refused from others, who need not make
 * it low, or be taken where one form alone may count. */
static void a_high_s_is_refused_where_it_is_asked_for(void **state)
{
    (void)state;
    struct crypto_key_pair pair;
    uint8_t kid[KID_BYTES] = {1}, storage[256];
    struct buf out = BUF_OVER(storage);
    struct cose_any message;
    /* n - s, as borrowing from n */
    static const uint8_t order[32] = {0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00,
                                      0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                      0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84,
                                      0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51};
    assert_int_equal(crypto_openssl.key_generate(CRYPTO_ES256, &pair), CRYPTO_OK);
    struct crypto_signer *signer = crypto_openssl.signer_create(CRYPTO_ES256, &pair);
    struct crypto_verifier *verifier =
        crypto_openssl.verifier_create(CRYPTO_ES256, pair.public_key);
    assert_int_equal(
        cose_sign1_write(CRYPTO_ES256, kid, BYTES("text"), &crypto_openssl, signer, &out),
        CRYPTO_OK);
    uint8_t *s = storage + out.len - 32;
    for (int i = 31, borrow = 0; i >= 0; i--) {
        int difference = order[i] - s[i] - borrow;
        borrow = difference < 0;
        s[i] = (uint8_t)difference;
    }
    assert_true(cose_any_read(buf_bytes(&out), &message));
    assert_int_equal(
        cose_any_verify(&message, message.payload, CRYPTO_ES256, false, &crypto_openssl, verifier),
        CRYPTO_OK);
    assert_int_equal(
        cose_any_verify(&message, message.payload, CRYPTO_ES256, true, &crypto_openssl, verifier),
        CRYPTO_MISMATCH);
    crypto_openssl.signer_destroy(&signer);
    crypto_openssl.verifier_destroy(&verifier);
}

#define SIGNATURE                                                                                  \
    "58400000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" \
    "00"                                                                                           \
    "00000000000000000000000000000000000000"
static const struct {
    const char *hex, *what;
    bool read;
} messages[] = {
    {"8443a10126a0f6" SIGNATURE, "untagged, detached", true},
    {"8443a10126a040" SIGNATURE, "an empty payload", true},
    {"d28443a10126a040" SIGNATURE, "tag 18", true},
    {"d83dd28443a10126a040" SIGNATURE, "tags 61 and 18", true},
    {"d81281"
     "40",
     "an array of one", false},
    {"d8128443a10126a040" SIGNATURE, "tag 18 in a longer form", true},
    {"d83d8443a10126a040" SIGNATURE, "tag 61 without tag 18 (RFC 8392 section 6)", false},
    {"d28443a10126a040" SIGNATURE "00", "an octet behind the end", false},
    {"d2d28443a10126a040" SIGNATURE, "tag 18 twice", false},
    {"d18443a10126a040" SIGNATURE, "tag 17, COSE_Mac0", false},
    {"8440a040" SIGNATURE, "no protected header", true},
    {"8441a0a040" SIGNATURE, "an empty one", true},
    {"8441a1a040" SIGNATURE, "a protected header that is cut off", false},
    {"8443a10126a1044131"
     "40" SIGNATURE,
     "kid unprotected", true},
    {"8446a101260441"
     "31"
     "a040" SIGNATURE,
     "two pairs in a map of one", false},
    {"8446a20126044131a040" SIGNATURE, "kid protected", true},
    {"8446a20441310126a040" SIGNATURE, "another order", true},
    {"8446a20126044131a104413140" SIGNATURE, "kid in both", false},
    {"8445a201260126a040" SIGNATURE, "alg twice", false},
    {"8446a20126180126a040" SIGNATURE, "alg twice, once in a longer form", false},
    {"8440a1012640" SIGNATURE, "alg unprotected", false},
    {"8440a110616140" SIGNATURE, "typ unprotected", false},
    {"8443a10126a1186480"
     "40" SIGNATURE,
     "a parameter that is not known", true},
    {"8443a10126a161618101"
     "40" SIGNATURE,
     "one with a name", true},
    {"8443a10126a161619f01ff"
     "40" SIGNATURE,
     "one without a definite length", false},
    {"8446a20126028101a040" SIGNATURE, "crit names alg", true},
    {"8445a2012602"
     "80a040" SIGNATURE,
     "crit names nothing", false},
    {"8446a20126028104a040" SIGNATURE, "crit names kid, which is not there", false},
    {"8446a20281010126a040" SIGNATURE, "crit first", true},
    {"844aa30126028118641864"
     "00a040" SIGNATURE,
     "crit names what is not known here", false},
    {"8446a201260281"
     "02a040" SIGNATURE,
     "crit names itself", false},
    {"8443a10126a102810140" SIGNATURE, "crit unprotected", false},
    {"8347a10126a040" SIGNATURE, "three parts", false},
    {"9f43a10126a040" SIGNATURE "ff", "an indefinite length", false},
    {"8443a10126a04040", "no signature", false},
    {"8443a10138"
     "22a0404100",
     "a protected header with an octet missing", false},
    {"8444a1013822a0404100", "another alg with its own length of signature", true},
    {"8443a10126a0614140" SIGNATURE, "a payload of text", false},
};

/* Without this a message could mean one thing to who signed it and another to who reads it, or
 * honest ones be refused. */
static void the_forms_of_a_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        struct cose_any message;
        const struct bytes whole = octets(messages[i].hex);
        if (cose_any_read(whole, &message) != messages[i].read)
            fail_msg("%s", messages[i].what);
        if (!messages[i].read)
            continue;
        assert_non_null(message.protected_.data);
        for (size_t len = 0; len < whole.len; len++)
            assert_false(cose_any_read(guarded(1, bytes_of(whole.data, len)), &message));
    }
}

static const struct {
    const char *hex, *what;
    bool read;
    enum crypto_alg alg;
} keys[] = {
    {"a401022001215820" EXAMPLE_X "225820" EXAMPLE_Y, "P-256", true, CRYPTO_ES256},
    {"a4225820" EXAMPLE_Y "215820" EXAMPLE_X "20010102", "another order", true, CRYPTO_ES256},
    {"a60102024231310326"
     "2001215820" EXAMPLE_X "225820" EXAMPLE_Y,
     "kid, alg", true, CRYPTO_ES256},
    {"a50102033822"
     "2001215820" EXAMPLE_X "225820" EXAMPLE_Y,
     "alg of another curve", false, 0},
    {"a40102203a00010040215820" EXAMPLE_X "225820" EXAMPLE_Y, "SM2", true, CRYPTO_SM2},
    {"a501020326203a00010040215820" EXAMPLE_X "225820" EXAMPLE_Y, "SM2 with ES256", false, 0},
    {"a401022002215820" EXAMPLE_X "225820" EXAMPLE_Y, "P-384", false, 0},
    {"a401012006215820" EXAMPLE_X "225820" EXAMPLE_Y, "OKP", false, 0},
    {"a401022001215820" EXAMPLE_X "22f5", "y as a sign", false, 0},
    {"a3010220"
     "01215820" EXAMPLE_X,
     "no y", false, 0},
    {"a501022001215820" EXAMPLE_X "225820" EXAMPLE_Y "235820" EXAMPLE_X, "private", false, 0},
    {"a5010220012001215820" EXAMPLE_X "225820" EXAMPLE_Y, "crv twice", false, 0},
    {"a401022001215820" EXAMPLE_X "225820" EXAMPLE_Y "00", "an octet more", false, 0},
    {"a401022001215821"
     "00" EXAMPLE_X "225820" EXAMPLE_Y,
     "x too long", false, 0},
};

/* Without this a key could be taken for one of another curve, or a private one go unnoticed. */
static void the_forms_of_a_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        uint8_t point[CRYPTO_PUBLIC_BYTES];
        enum crypto_alg alg;
        const struct bytes whole = octets(keys[i].hex);
        if (cose_key_read(whole, &alg, point) != keys[i].read)
            fail_msg("%s", keys[i].what);
        if (!keys[i].read)
            continue;
        assert_int_equal(alg, keys[i].alg);
        for (size_t len = 0; len < whole.len; len++)
            assert_false(cose_key_read(guarded(1, bytes_of(whole.data, len)), &alg, point));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_example_of_the_rfc_verifies),
        cmocka_unit_test(a_high_s_is_refused_where_it_is_asked_for),
        cmocka_unit_test(the_forms_of_a_message),
        cmocka_unit_test(the_forms_of_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
