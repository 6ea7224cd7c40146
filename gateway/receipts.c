#include "gateway/receipts.h"

#include <endian.h>

#include "base/clock.h"

_Static_assert(FIELD_COUNT <= RECEIPT_FIELDS_MAX, "a receipt has room for every field's name");

/* As in x-request-id. */
static void write_cti(const struct operation *op, uint8_t cti[8])
{
    const uint64_t big_endian = htobe64(op->id);
    memcpy(cti, &big_endian, sizeof big_endian);
}

static const struct keyring_key *signing_key(const struct gateway_loop *home)
{
    return keyring_signing(&home->settings->keys.ring, KEY_USE_RECEIPT, clock_wall_s());
}

bool receipts_can_sign(const struct gateway_loop *home)
{
    return signing_key(home) != NULL;
}

bool receipts_subject(const struct operation *op, struct bytes number, struct bytes holder_name,
                      uint8_t subject[CRYPTO_HASH_BYTES])
{
    uint8_t cti[8];
    write_cti(op, cti);
    const struct bytes parts[] = {BYTES("jwb-receipt-1"), bytes_of(cti, sizeof cti), number,
                                  bytes_of("", 1), holder_name};
    return crypto_openssl.sha256(parts, 5, subject) == CRYPTO_OK;
}

bool receipts_put(const struct operation *op, const struct receipts_told *told, struct buf *out)
{
    const struct gateway_loop *home = op->home;
    const struct keyring_key *key = signing_key(home);
    struct receipt receipt = {
        .issuer = bytes_str(home->settings->config->public_origin),
        .client = op->asker.client,
        .issued_at = clock_wall_s(),
        .kind = told->kind,
        .subject = told->subject,
        .result = verdict_reason_result(told->reason),
        .reason = told->reason,
        .purpose = told->purpose,
    };
    uint8_t storage[RECEIPT_BYTES_MAX];
    struct buf message = BUF_OVER(storage);
    if (!key)
        return false;
    write_cti(op, receipt.cti);
    for (int field = 0; field < FIELD_COUNT; field++)
        if (told->fields & FIELD_BIT(field))
            receipt.fields[receipt.field_count++] = bytes_str(field_member((enum field)field));
    if (crypto_openssl.sha256(&told->licence, 1, receipt.shown) != CRYPTO_OK ||
        receipt_write(&receipt, key->kid, &crypto_openssl,
                      home->keys.signers[key - home->settings->keys.ring.keys],
                      &message) != CRYPTO_OK ||
        !buf_ok(&message))
        return false;
    buf_put_str(out, ",\"receipt\":\"");
    buf_put_base64url(out, buf_bytes(&message));
    buf_put_u8(out, '"');
    return true;
}
