/* Any octets, as a scanned text and as a message. What is read writes the same digits again; what
 * is a code has, made of its parts again, the same octets: no code has a second form. */
#include "base/check.h"
#include "protocol/code.h"
#include "protocol/cose.h"
#include "protocol/digits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The payload that was to be signed last. */
static uint8_t payload_storage[CODE_COSE_BYTES_MAX];
static struct buf payload;

static enum crypto_result sign_nothing(struct crypto_signer *signer, const struct bytes *parts,
                                       size_t count, uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    (void)signer;
    payload = BUF_OVER(payload_storage);
    buf_put(&payload, parts[count - 1]);
    memset(signature, 0, CRYPTO_SIGNATURE_BYTES);
    return CRYPTO_OK;
}

static void check_code(struct bytes cose)
{
    static const struct crypto_provider unsigning = {.sign = sign_nothing};
    uint8_t storage[CODE_COSE_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    struct code code;
    if (code_parse(cose, &code) != CODE_OK)
        return;
    CHECK(code_sign(&code.claims, CRYPTO_ES256, code.kid, &unsigning, NULL, &out) == CODE_OK);
    CHECK(bytes_equal(buf_bytes(&payload), code.payload));

    out = BUF_OVER(storage);
    CHECK(cose_sign1_write(code.alg, code.kid, code.payload, &unsigning, NULL, &out) == CRYPTO_OK);
    CHECK(buf_ok(&out) && out.len == cose.len);
    memcpy(storage + out.len - sizeof code.signature, code.signature, sizeof code.signature);
    CHECK(bytes_equal(buf_bytes(&out), cose));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t cose_storage[CODE_COSE_BYTES_MAX], digits_storage[CODE_DIGITS_MAX];
    struct buf cose = BUF_OVER(cose_storage), digits = BUF_OVER(digits_storage);
    if (code_read_text(bytes_of(data, size), &cose) == CODE_OK) {
        struct bytes text = bytes_trim(bytes_of(data, size));
        digits_write(&digits, buf_bytes(&cose));
        CHECK(buf_ok(&digits) && digits.len <= text.len);
        CHECK(bytes_equal(buf_bytes(&digits), bytes_from(text, text.len - digits.len)));
        CHECK(digits.len == text.len ||
              code_prefix_valid(bytes_of(text.data, text.len - digits.len)));
        check_code(buf_bytes(&cose));
    }
    if (size <= CODE_COSE_BYTES_MAX)
        check_code(bytes_of(data, size));
    return 0;
}
