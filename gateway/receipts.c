#include "gateway/receipts.h"

#include <endian.h>

#include "base/check.h"
#include "base/clock.h"

_Static_assert(FIELD_COUNT <= RECEIPT_FIELDS_MAX, "a receipt has room for every field's name");

/* As in x-request-id. */
static void write_cti(const struct operation *op, uint8_t cti[8])
{
    const uint64_t big_endian = htobe64(op->id);
    memcpy(cti, &big_endian, sizeof big_endian);
}

bool receipts_can_sign(const struct gateway_loop *home)
{
    return settings_signing_key(home->settings, KEY_USE_RECEIPT) != NULL;
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

static bool make_receipt(struct signing *signing, struct crypto_signer *signer)
{
    struct receipt_signing *s = (struct receipt_signing *)signing;
    return receipt_write(&s->receipt, signing->key->alg, signing->key->kid, &crypto_openssl, signer,
                         &s->message) == CRYPTO_OK &&
           buf_ok(&s->message);
}

enum step_result receipts_sign(struct receipt_signing *s, struct operation *op,
                               const struct receipts_told *told)
{
    CHECK(told->subject.len <= sizeof s->subject);
    memcpy(s->subject, told->subject.data, told->subject.len);
    s->message = (struct buf)BUF_OVER(s->storage);
    s->receipt = (struct receipt){
        .issuer = bytes_str(op->home->settings->config->public_origin),
        .client = op->asker.client,
        .issued_at = clock_wall_s(),
        .kind = told->kind,
        .subject = bytes_of(s->subject, told->subject.len),
        .result = verdict_reason_result(told->reason),
        .reason = told->reason,
        .purpose = told->purpose,
    };
    write_cti(op, s->receipt.cti);
    for (int field = 0; field < FIELD_COUNT; field++)
        if (told->fields & FIELD_BIT(field))
            s->receipt.fields[s->receipt.field_count++] =
                bytes_str(field_member((enum field)field));
    s->signing.made = false;
    if (crypto_openssl.sha256(&told->licence, 1, s->receipt.shown) != CRYPTO_OK)
        return STEP_NEXT;
    return signing_run(&s->signing, op, KEY_USE_RECEIPT, s->receipt.issued_at, make_receipt);
}

void receipts_put(const struct receipt_signing *s, struct buf *out)
{
    CHECK(s->signing.made);
    buf_put_str(out, ",\"receipt\":\"");
    buf_put_base64url(out, buf_bytes(&s->message));
    buf_put_u8(out, '"');
}
