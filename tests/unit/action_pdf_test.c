/* The page that an officer files: it must be readable by people (in Chinese), and by machines (its
 * code), and both must say the same. poppler and zbar read it, not cairo. */
#include "gateway/action_pdf.h"

#include <stdio.h>
#include <stdlib.h>

#include "qr/qr.h"
#include "tests/support.h"

/* What fontconfig keeps for the length of a process is no leak: 658 octets after one page, and
 * after fifty. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig";
}

static uint8_t pdf_storage[ACTION_PDF_BYTES_MAX];
static struct crypto_signer *signer;
static struct crypto_verifier *verifier;
static uint8_t kid[KID_BYTES];

static int make_key(void **state)
{
    struct crypto_key_pair pair;
    (void)state;
    assert_int_equal(crypto_openssl.key_generate(CRYPTO_ES256, &pair), CRYPTO_OK);
    assert_int_equal(key_id(&crypto_openssl, CRYPTO_ES256, pair.public_key, kid), CRYPTO_OK);
    signer = crypto_openssl.signer_create(CRYPTO_ES256, &pair);
    verifier = crypto_openssl.verifier_create(CRYPTO_ES256, pair.public_key);
    return 0;
}

static int drop_key(void **state)
{
    (void)state;
    crypto_openssl.signer_destroy(&signer);
    crypto_openssl.verifier_destroy(&verifier);
    return 0;
}

static struct action_receipt_claims typical(void)
{
    return (struct action_receipt_claims){
        .issuer = BYTES("https://jwb.example"),
        .terminal = BYTES("terminal-7"),
        .id = {0xA1, 0xA2, 0xA3},
        .action = BYTES("request_cancel"),
        .agency = BYTES("traffic-police"),
        .officer = BYTES("0417"),
        .case_number = BYTES("焦公交〔2026〕17号"),
        .licence = {9, 8, 7},
        .type = BYTES("11100000000000001M001"),
        .holder_name = BYTES("欧*"),
        .number_tail = BYTES("0417"),
        .status = LICENCE_STATUS_SEIZED,
        .at = 1750000000,
        .due_at = 1751000000,
        .has_evidence = true,
        .evidence_hash = {0xE5, 0xE6},
    };
}

/* Its page in `folder`; returns the signed message. */
static struct bytes drawn(const char *folder, const struct action_receipt_claims *claims)
{
    static uint8_t storage[ACTION_RECEIPT_BYTES_MAX];
    struct buf message = BUF_OVER(storage), pdf = BUF_OVER(pdf_storage);
    assert_int_equal(
        action_receipt_write(claims, CRYPTO_ES256, kid, &crypto_openssl, signer, &message),
        CRYPTO_OK);
    assert_int_equal(action_pdf_draw(claims, BYTES("机动车驾驶证"), buf_bytes(&message), &pdf),
                     ACTION_PDF_OK);
    write_file(path_in(folder, "page.pdf"), buf_bytes(&pdf));
    return buf_bytes(&message);
}

static void run(const char *folder, const char *program)
{
    char command[512];
    snprintf(command, sizeof command, "cd '%s' && %s", folder, program);
    assert_int_equal(system(command), 0);
}

static struct bytes content(const char *path)
{
    static uint8_t storage[QR_PICTURE_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(storage, 1, sizeof storage, file);
    fclose(file);
    assert_true(len < sizeof storage);
    return bytes_of(storage, len);
}

static void assert_says(struct bytes text, const char *words)
{
    if (!memmem(text.data, text.len, words, strlen(words)))
        fail_msg("the page does not say %s", words);
}

/* Without this the page that goes into the file would lack what was done, or show empty boxes
 * where Chinese should stand. */
static void the_page_says_what_the_receipt_says(void **state)
{
    (void)state;
    static const char *const words[] = {
        "核验回执",
        "焦公交〔2026〕17号",
        "提请注销",
        "request_cancel",
        "traffic-police",
        "0417",
        "terminal-7",
        "机动车驾驶证",
        "11100000000000001M001",
        "欧*",
        "****0417",
        "暂扣",
        "seized",
        "2025-06-15T23:06:40+08:00",
        "2025-06-27T12:53:20+08:00",
        "https://jwb.example",
        "a1a2a300000000000000000000000000",
        "0908070000000000000000000000000000000000000000000000000000000000",
        "e5e6000000000000000000000000000000000000000000000000000000000000"};
    const char *folder = temp_folder();
    const struct action_receipt_claims claims = typical();
    drawn(folder, &claims);
    run(folder, "pdftotext -layout page.pdf page.txt");
    const struct bytes text = content(path_in(folder, "page.txt"));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_says(text, words[i]);
}

/* The text in the code of the page, printed at 150 dots an inch. */
static void assert_code_holds(const char *folder, struct bytes message)
{
    char storage[ACTION_RECEIPT_TEXT_MAX];
    uint8_t read_storage[ACTION_RECEIPT_BYTES_MAX], read_kid[KID_BYTES];
    struct buf text = BUF_OVER(storage), read = BUF_OVER(read_storage);
    struct action_receipt_claims claims;
    run(folder, "pdftoppm -r 150 -gray -png -singlefile page.pdf page");
    assert_int_equal(qr_read_picture(content(path_in(folder, "page.png")), &QR_READ_PICTURE, &text),
                     QR_OK);
    assert_true(action_receipt_read_text(buf_bytes(&text), &read));
    assert_true(bytes_equal(buf_bytes(&read), message));
    assert_true(action_receipt_read(buf_bytes(&read), &claims, read_kid));
    assert_int_equal(
        action_receipt_check(buf_bytes(&read), CRYPTO_ES256, &crypto_openssl, verifier), CRYPTO_OK);
}

/* Without this a printed receipt could be forged: nobody could check it. */
static void its_code_is_the_signed_receipt(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    const struct action_receipt_claims claims = typical();
    assert_code_holds(folder, drawn(folder, &claims));
}

/* Without this a long name would run out of the page or into the code, or the code not be read. */
static void the_longest_receipt_has_a_page(void **state)
{
    (void)state;
    static uint8_t letters[128];
    const char *folder = temp_folder();
    struct action_receipt_claims claims = typical();
    memset(letters, 'W', sizeof letters); /* wide ones */
    claims.issuer = bytes_of(letters, 128);
    claims.terminal = claims.case_number = claims.type = bytes_of(letters, 64);
    claims.agency = bytes_of(letters, 31);
    claims.officer = bytes_of(letters, 32);
    claims.holder_name = bytes_of(letters, ACTION_RECEIPT_NAME_BYTES_MAX);
    assert_code_holds(folder, drawn(folder, &claims));
    run(folder, "pdfinfo page.pdf | grep -q '^Pages: *1$'");
}

/* Without this a page without an end would be handed out. */
static void what_does_not_fit_is_told(void **state)
{
    (void)state;
    const struct action_receipt_claims claims = typical();
    uint8_t storage[ACTION_RECEIPT_BYTES_MAX];
    struct buf message = BUF_OVER(storage), pdf;
    assert_int_equal(
        action_receipt_write(&claims, CRYPTO_ES256, kid, &crypto_openssl, signer, &message),
        CRYPTO_OK);
    for (size_t cap = 0; cap < 8192; cap += 1021) {
        buf_init(&pdf, pdf_storage, cap);
        assert_int_equal(action_pdf_draw(&claims, BYTES("证"), buf_bytes(&message), &pdf),
                         ACTION_PDF_ERR_SPACE);
    }
    pdf = (struct buf)BUF_OVER(pdf_storage);
    memset(storage, 0, sizeof storage);
    assert_int_equal(action_pdf_draw(&claims, BYTES("证"), bytes_of(pdf_storage, 1024), &pdf),
                     ACTION_PDF_ERR_QR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_says_what_the_receipt_says),
        cmocka_unit_test(its_code_is_the_signed_receipt),
        cmocka_unit_test(the_longest_receipt_has_a_page),
        cmocka_unit_test(what_does_not_fit_is_told),
    };
    return cmocka_run_group_tests(tests, make_key, drop_key);
}
