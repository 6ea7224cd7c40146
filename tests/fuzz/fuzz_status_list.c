/* Any octets, as a Status List Token. What is read of one, written as ours, is read back the same;
 * its list inflates to no more than there is room for, with no other memory than the caller's. */
#include "base/check.h"
#include "protocol/status_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum crypto_result sign_nothing(struct crypto_signer *signer, const struct bytes *parts,
                                       size_t count, uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    (void)signer, (void)parts, (void)count;
    memset(signature, 0, CRYPTO_SIGNATURE_BYTES);
    return CRYPTO_OK;
}

static void write_again(struct status_list_token *token)
{
    static const struct crypto_provider unsigning = {.sign = sign_nothing};
    static const uint8_t kid[KID_BYTES] = {1, 2, 3, 4};
    static uint8_t storage[STATUS_LIST_TOKEN_BYTES_MAX + 4096];
    static struct status_list_token again;
    struct buf out = BUF_OVER(storage);
    token->bits = 2;
    token->ttl_s += token->ttl_s == 0;
    if (token->issued_at >= token->expires_at || token->revoked_count > 1)
        return;
    CHECK(status_list_write_cwt(token, CRYPTO_ES256, kid, &unsigning, NULL, &out) == CRYPTO_OK);
    if (!buf_ok(&out))
        return;
    CHECK(status_list_read(buf_bytes(&out), &again));
    CHECK(bytes_equal(again.subject, token->subject) && bytes_equal(again.lst, token->lst));
    CHECK(again.issued_at == token->issued_at && again.expires_at == token->expires_at);
    CHECK(again.ttl_s == token->ttl_s && again.revoked_count == token->revoked_count);
    CHECK(memcmp(again.revoked, token->revoked, token->revoked_count * KID_BYTES) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct status_list_token token;
    static struct status_list_inflater inflater;
    static uint8_t room[4096 + 1];
    struct buf array;
    buf_init(&array, room, sizeof room - 1);
    room[sizeof room - 1] = 0xEE;
    if (!status_list_read(bytes_of(data, size), &token))
        return 0;
    if (status_list_inflate_any(&inflater, token.lst, &array) && array.len > 0)
        status_list_value(buf_bytes(&array), token.bits, array.len * 8 / token.bits - 1);
    CHECK(room[sizeof room - 1] == 0xEE);
    write_again(&token);
    return 0;
}
