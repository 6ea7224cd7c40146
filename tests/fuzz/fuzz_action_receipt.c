/* Any octets, as the receipt of an action. One that is read has, made of its parts again, the same
 * octets: no receipt has a second form. */
#include "base/check.h"
#include "protocol/action_receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum crypto_result sign_nothing(struct crypto_signer *signer, const struct bytes *parts,
                                       size_t count, uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    (void)signer, (void)parts, (void)count;
    memset(signature, 0, CRYPTO_SIGNATURE_BYTES);
    return CRYPTO_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct crypto_provider unsigning = {.sign = sign_nothing};
    struct action_receipt_claims receipt;
    uint8_t kid[KID_BYTES], storage[ACTION_RECEIPT_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    if (!action_receipt_read(bytes_of(data, size), &receipt, kid))
        return 0;
    CHECK(action_receipt_write(&receipt, CRYPTO_ES256, kid, &unsigning, NULL, &out) == CRYPTO_OK);
    CHECK(buf_ok(&out) && out.len == size);
    CHECK(memcmp(storage, data, size - CRYPTO_SIGNATURE_BYTES) == 0);
    return 0;
}
