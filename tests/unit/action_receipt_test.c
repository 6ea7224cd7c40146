/* Receipts of actions: what an officer did is read back as it was stated, whatever was altered is
 * refused, and no receipt of an action can be taken for a partner's receipt. */
#include "protocol/action_receipt.h"

#include "protocol/receipt.h"
#include "tests/support.h"

#define NOW 1750000000

static const struct crypto_provider *const providers[] = {&crypto_openssl, &crypto_mbedtls};
static struct crypto_key_pair pair;
static struct crypto_signer *signer;
static struct crypto_verifier *verifiers[2];
static uint8_t kid[KID_BYTES];
static const char letters[129] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static int make_key(void **state)
{
    (void)state;
    assert_int_equal(crypto_openssl.key_generate(CRYPTO_ES256, &pair), CRYPTO_OK);
    assert_int_equal(key_id(&crypto_openssl, CRYPTO_ES256, pair.public_key, kid), CRYPTO_OK);
    signer = crypto_openssl.signer_create(CRYPTO_ES256, &pair);
    for (size_t p = 0; p < 2; p++)
        verifiers[p] = providers[p]->verifier_create(CRYPTO_ES256, pair.public_key);
    return 0;
}

static int drop_key(void **state)
{
    (void)state;
    crypto_openssl.signer_destroy(&signer);
    for (size_t p = 0; p < 2; p++)
        providers[p]->verifier_destroy(&verifiers[p]);
    return 0;
}

static struct action_receipt_claims typical(void)
{
    return (struct action_receipt_claims){
        .issuer = BYTES("https://jwb.example"),
        .terminal = BYTES("terminal-7"),
        .id = {1, 2, 3, 4},
        .action = BYTES("seize"),
        .agency = BYTES("traffic-police"),
        .officer = BYTES("0417"),
        .case_number = BYTES("焦公交〔2026〕17号"),
        .licence = {9, 8, 7},
        .type = BYTES("11100000000000001M001"),
        .holder_name = BYTES("张*"),
        .number_tail = BYTES("0417"),
        .status = LICENCE_STATUS_SEIZED,
        .at = NOW,
    };
}

/* Every text as long as it may be, every number as large. */
static struct action_receipt_claims longest(void)
{
    struct action_receipt_claims claims = typical();
    claims.issuer = bytes_of(letters, 128);
    claims.terminal = claims.case_number = claims.type = bytes_of(letters, 64);
    claims.action = BYTES("request_cancel");
    claims.agency = bytes_of(letters, 31);
    claims.officer = bytes_of(letters, 32);
    claims.holder_name = bytes_of(letters, ACTION_RECEIPT_NAME_BYTES_MAX);
    claims.status = LICENCE_STATUS_TRANSFERRED;
    claims.at = claims.due_at = UINT32_MAX;
    claims.has_evidence = true;
    return claims;
}

static struct bytes written(const struct action_receipt_claims *claims)
{
    static uint8_t storage[ACTION_RECEIPT_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    assert_int_equal(action_receipt_write(claims, CRYPTO_ES256, kid, &crypto_openssl, signer, &out),
                     CRYPTO_OK);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static void assert_same(const struct action_receipt_claims *a,
                        const struct action_receipt_claims *b)
{
    assert_true(bytes_equal(a->issuer, b->issuer) && bytes_equal(a->terminal, b->terminal));
    assert_memory_equal(a->id, b->id, sizeof a->id);
    assert_true(bytes_equal(a->action, b->action) && bytes_equal(a->agency, b->agency));
    assert_true(bytes_equal(a->officer, b->officer));
    assert_true(bytes_equal(a->case_number, b->case_number) && bytes_equal(a->type, b->type));
    assert_memory_equal(a->licence, b->licence, sizeof a->licence);
    assert_true(bytes_equal(a->holder_name, b->holder_name));
    assert_true(bytes_equal(a->number_tail, b->number_tail));
    assert_true(a->status == b->status && a->at == b->at && a->due_at == b->due_at);
    assert_int_equal(a->has_evidence, b->has_evidence);
    if (a->has_evidence)
        assert_memory_equal(a->evidence_hash, b->evidence_hash, sizeof a->evidence_hash);
}

static void assert_comes_back(const struct action_receipt_claims *claims)
{
    struct action_receipt_claims read;
    uint8_t read_kid[KID_BYTES];
    struct bytes message = guarded(0, written(claims));
    assert_true(action_receipt_read(message, &read, read_kid));
    assert_same(claims, &read);
    assert_memory_equal(read_kid, kid, KID_BYTES);
    for (size_t p = 0; p < 2; p++)
        assert_int_equal(action_receipt_check(message, CRYPTO_ES256, providers[p], verifiers[p]),
                         CRYPTO_OK);
}

/* Without this a case's file would hold a statement that nobody can read, or that says something
 * else than what was done. */
static void what_is_written_comes_back(void **state)
{
    (void)state;
    struct action_receipt_claims claims = typical();
    assert_comes_back(&claims);
    claims.due_at = NOW + 1;
    claims.holder_name = claims.number_tail = BYTES("");
    assert_comes_back(&claims);
    claims.has_evidence = true;
    memset(claims.evidence_hash, 0xE5, sizeof claims.evidence_hash);
    assert_comes_back(&claims);
    for (int status = 0; status < LICENCE_STATUS_COUNT; status++) {
        claims.status = (enum licence_status)status;
        assert_comes_back(&claims);
    }
}

/* Without this an action with long names would have no receipt, or none that fits a QR code. */
static void the_longest_one_fits_its_qr_code(void **state)
{
    (void)state;
    struct action_receipt_claims claims = longest();
    char storage[ACTION_RECEIPT_TEXT_MAX];
    struct buf text = BUF_OVER(storage);
    assert_comes_back(&claims);
    action_receipt_write_text(written(&claims), &text);
    assert_true(buf_ok(&text));
}

/* Without this the same action would be stated in two ways, of which a court believes one. */
static void an_action_has_one_payload(void **state)
{
    (void)state;
    struct action_receipt_claims claims = typical();
    uint8_t first[ACTION_RECEIPT_BYTES_MAX];
    struct bytes message = written(&claims);
    const size_t len = message.len;
    memcpy(first, message.data, len);
    message = written(&claims);
    assert_int_equal(message.len, len);
    assert_memory_equal(message.data, first, len - CRYPTO_SIGNATURE_BYTES);
}

/* Without this an altered or cut receipt could pass, or a reader run over its end. */
static void damaged_ones_never_pass(void **state)
{
    (void)state;
    struct action_receipt_claims claims = longest(), read;
    uint8_t whole[ACTION_RECEIPT_BYTES_MAX], copy[ACTION_RECEIPT_BYTES_MAX], read_kid[KID_BYTES];
    const struct bytes message = written(&claims);
    const size_t len = message.len;
    memcpy(whole, message.data, len);
    for (size_t cut = 0; cut < len; cut++)
        assert_false(action_receipt_read(guarded(0, bytes_of(whole, cut)), &read, read_kid));
    for (size_t bit = 0; bit < 8 * len; bit++) {
        memcpy(copy, whole, len);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct bytes damaged = guarded(0, bytes_of(copy, len));
        (void)action_receipt_read(damaged, &read, read_kid);
        assert_int_equal(action_receipt_check(damaged, CRYPTO_ES256, &crypto_openssl, verifiers[0]),
                         CRYPTO_MISMATCH);
    }
}

/* Without this what a partner was told could be filed as an officer's action, or the reverse: both
 * are signed with the same key. */
static void no_receipt_is_of_the_other_kind(void **state)
{
    (void)state;
    uint8_t storage[RECEIPT_BYTES_MAX], read_kid[KID_BYTES];
    struct buf out = BUF_OVER(storage);
    const struct receipt told = {.issuer = BYTES("https://jwb.example"),
                                 .kind = RECEIPT_OF_CODE,
                                 .subject = BYTES("\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7")};
    struct receipt read_told;
    struct action_receipt_claims claims = typical(), read;
    assert_int_equal(receipt_write(&told, CRYPTO_ES256, kid, &crypto_openssl, signer, &out),
                     CRYPTO_OK);
    assert_false(action_receipt_read(buf_bytes(&out), &read, read_kid));
    assert_int_equal(
        action_receipt_check(buf_bytes(&out), CRYPTO_ES256, &crypto_openssl, verifiers[0]),
        CRYPTO_MISMATCH);
    const struct bytes message = written(&claims);
    assert_false(receipt_read(message, &read_told, read_kid));
    assert_int_equal(receipt_check(message, CRYPTO_ES256, &crypto_openssl, verifiers[0]),
                     CRYPTO_MISMATCH);
}

/* Without this what a scanner reads from the page would not lead back to the receipt, or a text
 * that is none be taken for one. */
static void the_text_form_leads_back(void **state)
{
    (void)state;
    const struct action_receipt_claims claims = typical();
    const struct bytes message = written(&claims);
    char storage[ACTION_RECEIPT_TEXT_MAX + 2];
    uint8_t read_storage[ACTION_RECEIPT_BYTES_MAX];
    struct buf text = BUF_OVER(storage), read = BUF_OVER(read_storage);
    buf_put_u8(&text, ' ');
    action_receipt_write_text(message, &text);
    buf_put_u8(&text, '\n');
    assert_true(action_receipt_read_text(guarded(0, buf_bytes(&text)), &read));
    assert_true(bytes_equal(buf_bytes(&read), message));

    const struct bytes none[] = {BYTES(""), BYTES("jwb-receipt"), BYTES("JWB-RECEIPT:0oRY"),
                                 BYTES("jwb-receipt:0oRY!"), BYTES("https://jwb.example/v#123")};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        read = (struct buf)BUF_OVER(read_storage);
        assert_false(action_receipt_read_text(guarded(0, none[i]), &read));
    }
    buf_init(&read, read_storage, message.len - 1);
    assert_false(action_receipt_read_text(buf_bytes(&text), &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(the_longest_one_fits_its_qr_code),
        cmocka_unit_test(an_action_has_one_payload),
        cmocka_unit_test(damaged_ones_never_pass),
        cmocka_unit_test(no_receipt_is_of_the_other_kind),
        cmocka_unit_test(the_text_form_leads_back),
    };
    return cmocka_run_group_tests(tests, make_key, drop_key);
}
