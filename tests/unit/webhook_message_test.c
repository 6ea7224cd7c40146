/* gateway/webhook_message.h. Each test begins with what would be broken if it failed. */
#include <stdio.h>

#include "gateway/webhook_message.h"
#include "tests/support.h"

#define ID "00112233445566778899aabbccddeeff"

static const uint8_t id[REGISTRY_ID_BYTES] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                              0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF};
static uint8_t storage[WEBHOOK_BODY_BYTES_MAX];

static struct registry_event event_of(enum registry_event_kind kind, struct bytes purpose)
{
    return (struct registry_event){
        .number = 4711,
        .kind = kind,
        .at_us = INT64_C(1700000000999999),
        .purpose = purpose,
        .agency = BYTES("traffic-police"),
        .reference = BYTES("2026-\"17\""),
        .subject = BYTES("traffic-police/0417"),
        .client = BYTES("terminal-7"),
    };
}

static const char *body_of(const struct registry_event *event, const struct registry_action *action)
{
    static struct registry_licence licence;
    licence = (struct registry_licence){
        .type_code = BYTES("11100000MB03271699001"),
        .number = BYTES("字第 1 号"),
        .status = LICENCE_STATUS_SEIZED,
        .holder_name = BYTES("张三"),
        .holder_number = BYTES("110101190001010009"),
    };
    memset(licence.id, 0xAB, sizeof licence.id);
    const struct webhook_message message = {bytes_of(id, sizeof id), event, &licence, action};
    struct buf out = BUF_OVER(storage);
    webhook_message_write(&message, &out);
    return buf_cstr(&out);
}

#define HEAD(kind)                                                                                 \
    "{\"id\":\"" ID "\",\"event\":4711,\"kind\":\"" kind "\",\"at\":\"2023-11-15T06:13:20+08:"     \
    "00\","
#define TAIL                                                                                       \
    ",\"licence\":{\"id\":\"abababababababababababababababab\","                                   \
    "\"type\":\"11100000MB03271699001\",\"number\":\"字第 1 号\"},\"status\":\"seized\"}"
#define CASE "\"agency\":\"traffic-police\",\"case_number\":\"2026-\\\"17\\\"\""

/* An authority could not read what it is told, or is told whom it is about, which nobody asked. */
static void each_kind_has_its_words(void **state)
{
    (void)state;
    struct registry_action action = {.due_at = 1700000000};
    memset(action.id, 0xCD, sizeof action.id);
    struct registry_event event = event_of(EVENT_HOLD, BYTES("seize"));
    assert_string_equal(body_of(&event, NULL),
                        HEAD("action") "\"action\":{\"action\":\"seize\"," CASE "}" TAIL);
    event = event_of(EVENT_HOLD, BYTES("request_cancel"));
    assert_string_equal(body_of(&event, &action),
                        HEAD("action") "\"action\":{\"id\":\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\","
                                       "\"action\":\"request_cancel\"," CASE
                                       ",\"due_at\":\"2023-11-15T06:13:20+08:00\"}" TAIL);
    event = event_of(EVENT_ESCALATED, BYTES(""));
    action.due_at = 0;
    assert_string_equal(body_of(&event, &action),
                        HEAD("escalation") "\"action\":{\"id\":"
                                           "\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\","
                                           "\"action\":\"request_cancel\"," CASE "}" TAIL);
    event = event_of(EVENT_LIFT, BYTES("restore"));
    assert_string_equal(body_of(&event, NULL),
                        HEAD("restored") "\"action\":{\"action\":\"restore\"," CASE "}" TAIL);
    event = event_of(EVENT_LIFT, BYTES("refuse"));
    assert_string_equal(body_of(&event, NULL),
                        HEAD("decided") "\"action\":{\"action\":\"refuse\"," CASE "}" TAIL);
    event = event_of(EVENT_OBJECTION, BYTES("received"));
    event.reference = BYTES("ef01");
    event.agency = BYTES("");
    assert_string_equal(body_of(&event, NULL),
                        HEAD("objection") "\"objection\":{\"id\":\"ef01\"}" TAIL);
}

/* The longest texts that the registry keeps would end the process. */
static void the_longest_fits(void **state)
{
    (void)state;
    uint8_t text[REGISTRY_TEXT_BYTES_MAX];
    memset(text, 1, sizeof text); /* six letters each in JSON */
    struct registry_event event = event_of(EVENT_HOLD, bytes_of(text, EVENT_TEXT_BYTES_MAX));
    event.agency = event.reference = event.purpose;
    event.number = UINT64_MAX / 2;
    struct registry_action action = {.due_at = 1700000000};
    const struct registry_licence licence = {.type_code = bytes_of(text, REGISTRY_CODE_BYTES_MAX),
                                             .number = bytes_of(text, sizeof text)};
    const struct webhook_message message = {bytes_of(id, sizeof id), &event, &licence, &action};
    struct buf out = BUF_OVER(storage);
    webhook_message_write(&message, &out);
    assert_true(buf_ok(&out));
}

static enum crypto_result sign_nothing(struct crypto_signer *signer, const struct bytes *parts,
                                       size_t count, uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    (void)signer, (void)parts, (void)count, (void)signature;
    return CRYPTO_FAILED;
}

/* A receiver would take anybody's message for ours, ours for nobody's, or an old one for new. */
static void the_signature_covers_id_time_and_body(void **state)
{
    (void)state;
    struct crypto_key_pair pair;
    const struct keyring_key key = {.kid = {0x49, 0x6b, 0xd8, 0xaf}, .alg = CRYPTO_ES256};
    uint8_t text[WEBHOOK_SIGNATURE_BYTES_MAX], signature[CRYPTO_SIGNATURE_BYTES];
    struct buf header = BUF_OVER(text), octets = BUF_OVER(signature);
    assert_int_equal(crypto_mbedtls.key_generate(CRYPTO_ES256, &pair), CRYPTO_OK);
    struct crypto_signer *signer = crypto_openssl.signer_create(CRYPTO_ES256, &pair);
    const struct webhook_signing signing = {&crypto_openssl, &key, signer};
    assert_true(webhook_message_sign(&signing, bytes_of(id, sizeof id), 1700000000,
                                     BYTES("{\"a\":1}"), &header));
    assert_memory_equal(text, "es256 496bd8af ", 15);
    assert_int_equal(header.len, 15 + 86);
    assert_true(buf_put_from_base64url(&octets, bytes_of(text + 15, 86)));

    struct crypto_verifier *verifier =
        crypto_mbedtls.verifier_create(CRYPTO_ES256, pair.public_key);
    static const char *const messages[] = {ID ".1700000000.{\"a\":1}", ID ".1700000001.{\"a\":1}",
                                           ID ".1700000000.{\"a\":2}",
                                           "10112233445566778899aabbccddeeff.1700000000.{\"a\":1}"};
    for (int i = 0; i < 4; i++) {
        const struct bytes whole = bytes_str(messages[i]);
        assert_int_equal(crypto_mbedtls.verify(verifier, &whole, 1, signature),
                         i ? CRYPTO_MISMATCH : CRYPTO_OK);
    }
    crypto_mbedtls.verifier_destroy(&verifier);

    struct crypto_provider broken_crypto = crypto_openssl;
    broken_crypto.sign = sign_nothing;
    const struct webhook_signing broken = {&broken_crypto, &key, signer};
    header.len = 0;
    assert_false(webhook_message_sign(&broken, bytes_of(id, sizeof id), 1, BYTES(""), &header));
    crypto_openssl.signer_destroy(&signer);
}

/* A receiver in a city on SM2 would check with another algorithm than was used. */
static void the_signature_names_its_algorithm(void **state)
{
    (void)state;
    struct crypto_key_pair pair;
    const struct keyring_key key = {.kid = {1, 2, 3, 4}, .alg = CRYPTO_SM2};
    uint8_t text[WEBHOOK_SIGNATURE_BYTES_MAX], signature[CRYPTO_SIGNATURE_BYTES];
    struct buf header = BUF_OVER(text), octets = BUF_OVER(signature);
    assert_int_equal(crypto_openssl.key_generate(CRYPTO_SM2, &pair), CRYPTO_OK);
    struct crypto_signer *signer = crypto_openssl.signer_create(CRYPTO_SM2, &pair);
    struct crypto_verifier *verifier = crypto_mbedtls.verifier_create(CRYPTO_SM2, pair.public_key);
    const struct webhook_signing signing = {&crypto_openssl, &key, signer};
    assert_true(
        webhook_message_sign(&signing, bytes_of(id, sizeof id), 1700000000, BYTES("{}"), &header));
    assert_memory_equal(text, "sm2 01020304 ", 13);
    assert_true(buf_put_from_base64url(&octets, bytes_of(text + 13, 86)));
    const struct bytes whole = BYTES(ID ".1700000000.{}");
    assert_int_equal(crypto_mbedtls.verify(verifier, &whole, 1, signature), CRYPTO_OK);
    crypto_mbedtls.verifier_destroy(&verifier);
    crypto_openssl.signer_destroy(&signer);
}

/* A receiver that comes back would be met by all at once, or be asked for the first time in days;
 * after many attempts the wait would overflow into none. */
static void waits_double_up_to_the_most(void **state)
{
    (void)state;
    static const unsigned waits[] = {5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600};
    for (unsigned i = 0; i < sizeof waits / sizeof *waits; i++) {
        const unsigned least = webhook_wait_s(i + 1, 5, 3600, UINT16_MAX);
        assert_int_equal(webhook_wait_s(i + 1, 5, 3600, 0), waits[i]);
        assert_in_range(least, waits[i] * 3 / 4, waits[i] * 3 / 4 + 1);
        assert_in_range(webhook_wait_s(i + 1, 5, 3600, 32768), waits[i] * 7 / 8,
                        waits[i] * 7 / 8 + 1);
    }
    assert_int_equal(webhook_wait_s(UINT32_MAX, 3600, 86400, 0), 86400);
    assert_int_equal(webhook_wait_s(1, 1, 1, UINT16_MAX), 1);
    assert_int_equal(webhook_wait_s(1, 60, 1, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_its_words),
        cmocka_unit_test(the_longest_fits),
        cmocka_unit_test(the_signature_covers_id_time_and_body),
        cmocka_unit_test(the_signature_names_its_algorithm),
        cmocka_unit_test(waits_double_up_to_the_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
