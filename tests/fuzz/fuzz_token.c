/* Any octets, as a token and as the claims of one with a right MAC. What is read is written again
 * alike: no token has a second form. */
#include "base/check.h"
#include "protocol/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct crypto_provider *const crypto = &crypto_openssl;
static struct crypto_mac *mac;

static void check_token(struct bytes text)
{
    uint8_t storage[TOKEN_TEXT_BYTES_MAX], again_storage[TOKEN_TEXT_BYTES_MAX];
    struct buf out = BUF_OVER(storage), again = BUF_OVER(again_storage);
    struct token_claims claims;
    enum token_error error = token_read(text, INT64_MAX, crypto, mac, &out, &claims);
    CHECK(error != TOKEN_OK && error != TOKEN_ERR_CRYPTO); /* none lives that long */
    if (error != TOKEN_ERR_EXPIRED)
        return;
    CHECK(token_write(&claims, crypto, mac, &again) == TOKEN_OK);
    CHECK(bytes_equal(buf_bytes(&again), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[CRYPTO_SECRET_BYTES];
    uint8_t computed[CRYPTO_HASH_BYTES], storage[TOKEN_TEXT_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    const struct bytes parts[] = {BYTES("jwb-token-1"), bytes_of(data, size)};
    if (!mac)
        mac = crypto->mac_create(secret);
    CHECK(mac);
    check_token(bytes_of(data, size));

    CHECK(crypto->mac_compute(mac, parts, 2, computed) == CRYPTO_OK);
    buf_put_str(&text, "jwb1.");
    buf_put_base64url(&text, bytes_of(data, size));
    buf_put_u8(&text, '.');
    buf_put_base64url(&text, bytes_of(computed, TOKEN_MAC_BYTES));
    if (buf_ok(&text))
        check_token(buf_bytes(&text));
    return 0;
}
