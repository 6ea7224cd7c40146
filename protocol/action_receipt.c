#include "protocol/action_receipt.h"

#include "base/check.h"
#include "base/utf8.h"
#include "protocol/cbor.h"
#include "protocol/cose.h"

#define VERSION 1 /* the first item of the action's claim; others are refused */
#define ITEMS   13

#define TYPE BYTES("application/jwb-action-receipt+cbor")

/* RFC 8392 section 4 */
#define CLAIM_ISS    1
#define CLAIM_SUB    2
#define CLAIM_IAT    6
#define CLAIM_CTI    7
#define CLAIM_ACTION (-65541)

#define ISSUER_BYTES_MAX 128
#define TAIL_BYTES_MAX   4
#define STATUS_BYTES_MAX 16
#define CLAIMS_BYTES_MAX (ACTION_RECEIPT_BYTES_MAX - 121) /* all that stands around them */

/* ---- claims ---- */

static bool read_status(struct cbor_reader *r, enum licence_status *status)
{
    struct bytes word = cbor_read_text(r, 1, STATUS_BYTES_MAX);
    for (int s = 0; s < LICENCE_STATUS_COUNT; s++) {
        *status = (enum licence_status)s;
        if (bytes_equal(word, bytes_str(licence_status_text(*status))))
            return true;
    }
    return false;
}

/* One that is there is never 0. */
static bool read_due(struct cbor_reader *r, int64_t *due_at)
{
    *due_at = 0;
    if (!cbor_read_null(r)) {
        *due_at = (int64_t)cbor_read_uint(r, UINT32_MAX);
        return *due_at != 0;
    }
    return true;
}

static void read_evidence(struct cbor_reader *r, struct action_receipt_claims *receipt)
{
    receipt->has_evidence = !cbor_read_null(r);
    if (!receipt->has_evidence)
        return;
    struct bytes hash = cbor_read_bytes(r, CRYPTO_HASH_BYTES, CRYPTO_HASH_BYTES);
    if (hash.len)
        memcpy(receipt->evidence_hash, hash.data, hash.len);
}

static bool texts_valid(const struct action_receipt_claims *receipt)
{
    const struct bytes texts[] = {receipt->issuer, receipt->terminal,    receipt->action,
                                  receipt->agency, receipt->case_number, receipt->officer,
                                  receipt->type,   receipt->holder_name, receipt->number_tail};
    bool valid = receipt->agency.len + receipt->officer.len < ACTION_RECEIPT_TEXT_BYTES_MAX;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        valid &= utf8_printable(texts[i]);
    return valid;
}

static bool read_items(struct cbor_reader *r, struct action_receipt_claims *receipt)
{
    cbor_read_array(r, ITEMS);
    cbor_read_key(r, VERSION);
    receipt->action = cbor_read_text(r, 1, ACTION_RECEIPT_WORD_BYTES_MAX);
    receipt->agency = cbor_read_text(r, 1, ACTION_RECEIPT_TEXT_BYTES_MAX);
    receipt->case_number = cbor_read_text(r, 1, ACTION_RECEIPT_TEXT_BYTES_MAX);
    receipt->officer = cbor_read_text(r, 0, ACTION_RECEIPT_TEXT_BYTES_MAX);
    struct bytes licence = cbor_read_bytes(r, CRYPTO_HASH_BYTES, CRYPTO_HASH_BYTES);
    receipt->type = cbor_read_text(r, 1, ACTION_RECEIPT_TEXT_BYTES_MAX);
    receipt->holder_name = cbor_read_text(r, 0, ACTION_RECEIPT_NAME_BYTES_MAX);
    receipt->number_tail = cbor_read_text(r, 0, TAIL_BYTES_MAX);
    if (!read_status(r, &receipt->status))
        return false;
    const uint64_t at = cbor_read_uint(r, UINT32_MAX);
    if (!read_due(r, &receipt->due_at))
        return false;
    read_evidence(r, receipt);
    if (!cbor_read_end(r) || at != (uint64_t)receipt->at)
        return false;
    memcpy(receipt->licence, licence.data, sizeof receipt->licence);
    return true;
}

static bool read_claims(struct bytes payload, struct action_receipt_claims *receipt)
{
    struct cbor_reader r = cbor_reader_over(payload);
    cbor_read_map(&r, 5);
    cbor_read_key(&r, CLAIM_ISS);
    receipt->issuer = cbor_read_text(&r, 1, ISSUER_BYTES_MAX);
    cbor_read_key(&r, CLAIM_SUB);
    receipt->terminal = cbor_read_text(&r, 1, ACTION_RECEIPT_TEXT_BYTES_MAX);
    cbor_read_key(&r, CLAIM_IAT);
    receipt->at = (int64_t)cbor_read_uint(&r, UINT32_MAX);
    cbor_read_key(&r, CLAIM_CTI);
    struct bytes id = cbor_read_bytes(&r, sizeof receipt->id, sizeof receipt->id);
    cbor_read_key(&r, CLAIM_ACTION);
    if (!read_items(&r, receipt))
        return false;
    memcpy(receipt->id, id.data, sizeof receipt->id);
    return texts_valid(receipt);
}

static void write_items(const struct action_receipt_claims *receipt, struct buf *out)
{
    cbor_put_array(out, ITEMS);
    cbor_put_uint(out, VERSION);
    cbor_put_text(out, receipt->action);
    cbor_put_text(out, receipt->agency);
    cbor_put_text(out, receipt->case_number);
    cbor_put_text(out, receipt->officer);
    cbor_put_bytes(out, bytes_of(receipt->licence, sizeof receipt->licence));
    cbor_put_text(out, receipt->type);
    cbor_put_text(out, receipt->holder_name);
    cbor_put_text(out, receipt->number_tail);
    cbor_put_text(out, bytes_str(licence_status_text(receipt->status)));
    cbor_put_uint(out, (uint64_t)receipt->at);
    if (receipt->due_at)
        cbor_put_uint(out, (uint64_t)receipt->due_at);
    else
        cbor_put_null(out);
    if (receipt->has_evidence)
        cbor_put_bytes(out, bytes_of(receipt->evidence_hash, sizeof receipt->evidence_hash));
    else
        cbor_put_null(out);
}

static void write_claims(const struct action_receipt_claims *receipt, struct buf *out)
{
    cbor_put_map(out, 5);
    cbor_put_uint(out, CLAIM_ISS);
    cbor_put_text(out, receipt->issuer);
    cbor_put_uint(out, CLAIM_SUB);
    cbor_put_text(out, receipt->terminal);
    cbor_put_uint(out, CLAIM_IAT);
    cbor_put_uint(out, (uint64_t)receipt->at);
    cbor_put_uint(out, CLAIM_CTI);
    cbor_put_bytes(out, bytes_of(receipt->id, sizeof receipt->id));
    cbor_put_int(out, CLAIM_ACTION);
    write_items(receipt, out);
}

/* ---- messages ---- */

enum crypto_result action_receipt_write(const struct action_receipt_claims *receipt,
                                        enum crypto_alg alg, const uint8_t kid[KID_BYTES],
                                        const struct crypto_provider *crypto,
                                        struct crypto_signer *signer, struct buf *out)
{
    uint8_t storage[CLAIMS_BYTES_MAX];
    struct buf claims = BUF_OVER(storage);
    struct action_receipt_claims again;
    write_claims(receipt, &claims);
    CHECK(buf_ok(&claims) && read_claims(buf_bytes(&claims), &again)); /* in range */
    return cose_typed_write(TYPE, alg, kid, buf_bytes(&claims), crypto, signer, out);
}

/* The parts of a message and whose signature it has; nothing of the claims. */
static bool read_message(struct bytes message, struct cose_sign1 *parts)
{
    return message.len <= ACTION_RECEIPT_BYTES_MAX && cose_typed_read(message, TYPE, parts);
}

bool action_receipt_read(struct bytes message, struct action_receipt_claims *receipt,
                         uint8_t kid[KID_BYTES])
{
    struct cose_sign1 parts;
    if (!read_message(message, &parts) || !read_claims(parts.payload, receipt))
        return false;
    memcpy(kid, parts.kid, KID_BYTES);
    return true;
}

enum crypto_result action_receipt_check(struct bytes message, enum crypto_alg alg,
                                        const struct crypto_provider *crypto,
                                        struct crypto_verifier *verifier)
{
    struct cose_sign1 parts;
    if (!read_message(message, &parts) || parts.alg != alg)
        return CRYPTO_MISMATCH;
    return cose_sign1_verify(&parts, crypto, verifier);
}

/* ---- as text ---- */

void action_receipt_write_text(struct bytes message, struct buf *out)
{
    buf_put_str(out, ACTION_RECEIPT_PREFIX);
    buf_put_base64url(out, message);
}

bool action_receipt_read_text(struct bytes text, struct buf *message)
{
    const struct bytes prefix = BYTES(ACTION_RECEIPT_PREFIX);
    text = bytes_trim(text);
    return bytes_start_with(text, prefix) &&
           buf_put_from_base64url(message, bytes_from(text, prefix.len));
}
