#include "protocol/receipt.h"

#include "base/check.h"
#include "base/utf8.h"
#include "protocol/cbor.h"
#include "protocol/cose.h"

#define VERSION 1 /* the first item of the receipt claim; others are refused */

#define TYPE BYTES("application/jwb-receipt+cbor")

/* RFC 8392 section 4 */
#define CLAIM_ISS     1
#define CLAIM_SUB     2
#define CLAIM_IAT     6
#define CLAIM_CTI     7
#define CLAIM_RECEIPT (-65540)

#define SUBJECT_OF_CODE_BYTES 8
#define FIELD_BYTES_MAX       32
#define CLAIMS_BYTES_MAX      (RECEIPT_BYTES_MAX - 114) /* all that stands around them */

/* ---- claims ---- */

/* A reason, and the result that it belongs to. */
static bool read_verdict(struct cbor_reader *r, struct receipt *receipt)
{
    struct bytes result = cbor_read_text(r, 1, 16);
    receipt->reason = REASON_NONE;
    if (!cbor_read_null(r)) {
        struct bytes reason = cbor_read_text(r, 1, 32);
        while (++receipt->reason < REASON_COUNT &&
               !bytes_equal(reason, bytes_str(verdict_reason_text(receipt->reason))))
            ;
        if (receipt->reason == REASON_COUNT)
            return false;
    }
    receipt->result = verdict_reason_result(receipt->reason);
    return bytes_equal(result, bytes_str(verdict_result_text(receipt->result)));
}

static bool texts_valid(const struct receipt *receipt)
{
    bool valid = utf8_printable(receipt->issuer) && utf8_printable(receipt->client) &&
                 utf8_printable(receipt->purpose);
    for (size_t i = 0; i < receipt->field_count; i++)
        valid &= utf8_printable(receipt->fields[i]);
    return valid;
}

static bool read_claims(struct bytes payload, struct receipt *receipt)
{
    struct cbor_reader r = cbor_reader_over(payload);
    cbor_read_map(&r, 5);
    cbor_read_key(&r, CLAIM_ISS);
    receipt->issuer = cbor_read_text(&r, 0, RECEIPT_TEXT_BYTES_MAX);
    cbor_read_key(&r, CLAIM_SUB);
    receipt->client = cbor_read_text(&r, 0, RECEIPT_TEXT_BYTES_MAX);
    cbor_read_key(&r, CLAIM_IAT);
    receipt->issued_at = (int64_t)cbor_read_uint(&r, INT64_MAX);
    cbor_read_key(&r, CLAIM_CTI);
    struct bytes cti = cbor_read_bytes(&r, sizeof receipt->cti, sizeof receipt->cti);
    cbor_read_key(&r, CLAIM_RECEIPT);
    cbor_read_array(&r, 8);
    cbor_read_key(&r, VERSION);
    receipt->kind = (enum receipt_kind)cbor_read_uint(&r, RECEIPT_OF_LICENCE);
    size_t subject = receipt->kind == RECEIPT_OF_CODE ? SUBJECT_OF_CODE_BYTES : CRYPTO_HASH_BYTES;
    receipt->subject = cbor_read_bytes(&r, subject, subject);
    if (!read_verdict(&r, receipt))
        return false;
    receipt->purpose = cbor_read_text(&r, 0, RECEIPT_TEXT_BYTES_MAX);
    receipt->field_count = cbor_read_array_head(&r, RECEIPT_FIELDS_MAX);
    for (size_t i = 0; i < receipt->field_count; i++)
        receipt->fields[i] = cbor_read_text(&r, 1, FIELD_BYTES_MAX);
    struct bytes shown = cbor_read_bytes(&r, CRYPTO_HASH_BYTES, CRYPTO_HASH_BYTES);
    if (!cbor_read_end(&r) || receipt->kind == 0)
        return false;
    memcpy(receipt->cti, cti.data, sizeof receipt->cti);
    memcpy(receipt->shown, shown.data, sizeof receipt->shown);
    return texts_valid(receipt);
}

static void write_claims(const struct receipt *receipt, struct buf *out)
{
    cbor_put_map(out, 5);
    cbor_put_uint(out, CLAIM_ISS);
    cbor_put_text(out, receipt->issuer);
    cbor_put_uint(out, CLAIM_SUB);
    cbor_put_text(out, receipt->client);
    cbor_put_uint(out, CLAIM_IAT);
    cbor_put_uint(out, (uint64_t)receipt->issued_at);
    cbor_put_uint(out, CLAIM_CTI);
    cbor_put_bytes(out, bytes_of(receipt->cti, sizeof receipt->cti));
    cbor_put_int(out, CLAIM_RECEIPT);
    cbor_put_array(out, 8);
    cbor_put_uint(out, VERSION);
    cbor_put_uint(out, receipt->kind);
    cbor_put_bytes(out, receipt->subject);
    cbor_put_text(out, bytes_str(verdict_result_text(receipt->result)));
    if (receipt->reason == REASON_NONE)
        cbor_put_null(out);
    else
        cbor_put_text(out, bytes_str(verdict_reason_text(receipt->reason)));
    cbor_put_text(out, receipt->purpose);
    cbor_put_array(out, receipt->field_count);
    for (size_t i = 0; i < receipt->field_count; i++)
        cbor_put_text(out, receipt->fields[i]);
    cbor_put_bytes(out, bytes_of(receipt->shown, sizeof receipt->shown));
}

/* ---- messages ---- */

enum crypto_result receipt_write(const struct receipt *receipt, enum crypto_alg alg,
                                 const uint8_t kid[KID_BYTES], const struct crypto_provider *crypto,
                                 struct crypto_signer *signer, struct buf *out)
{
    uint8_t storage[CLAIMS_BYTES_MAX];
    struct buf claims = BUF_OVER(storage);
    struct receipt again;
    write_claims(receipt, &claims);
    if (!buf_ok(&claims)) {
        out->overflow = true;
        return CRYPTO_OK;
    }
    CHECK(read_claims(buf_bytes(&claims), &again)); /* in range */
    return cose_typed_write(TYPE, alg, kid, buf_bytes(&claims), crypto, signer, out);
}

/* The parts of a message and whose signature it has; nothing of the claims. */
static bool read_message(struct bytes message, struct cose_sign1 *parts)
{
    return message.len <= RECEIPT_BYTES_MAX && cose_typed_read(message, TYPE, parts);
}

bool receipt_read(struct bytes message, struct receipt *receipt, uint8_t kid[KID_BYTES])
{
    struct cose_sign1 parts;
    if (!read_message(message, &parts) || !read_claims(parts.payload, receipt))
        return false;
    memcpy(kid, parts.kid, KID_BYTES);
    return true;
}

enum crypto_result receipt_check(struct bytes message, enum crypto_alg alg,
                                 const struct crypto_provider *crypto,
                                 struct crypto_verifier *verifier)
{
    struct cose_sign1 parts;
    if (!read_message(message, &parts) || parts.alg != alg)
        return CRYPTO_MISMATCH;
    return cose_sign1_verify(&parts, crypto, verifier);
}
