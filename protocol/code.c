#include "protocol/code.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "protocol/cbor.h"
#include "protocol/cose.h"
#include "protocol/digits.h"

#define PROFILE 1 /* the first item of the licence claim; others are refused */

/* RFC 8392 section 4 */
#define CLAIM_EXP 4
#define CLAIM_IAT 6
#define CLAIM_CTI 7

#define TIME_MAX   UINT32_MAX /* five octets of CBOR at most, until 2106 */
#define TAIL_FIRST 0x21       /* visible ASCII */
#define TAIL_LAST  0x7E

enum verdict_reason code_error_reason(enum code_error error)
{
    switch (error) {
    case CODE_OK:
        return REASON_NONE;
    case CODE_ERR_MALFORMED:
        return REASON_MALFORMED;
    case CODE_ERR_BAD_SIGNATURE:
        return REASON_BAD_SIGNATURE;
    case CODE_ERR_NOT_YET_VALID:
        return REASON_NOT_YET_VALID;
    case CODE_ERR_EXPIRED:
        return REASON_CODE_EXPIRED;
    case CODE_ERR_UNKNOWN_KEY:
        return REASON_UNKNOWN_KEY;
    case CODE_ERR_KEY_REVOKED:
        return REASON_KEY_REVOKED;
    case CODE_ERR_CRYPTO:
        break;
    }
    return REASON_STATUS_UNAVAILABLE;
}

const char *code_error_text(enum code_error error)
{
    static const char *const texts[] = {
        [CODE_OK] = "ok",
        [CODE_ERR_MALFORMED] = "malformed",
        [CODE_ERR_BAD_SIGNATURE] = "bad_signature",
        [CODE_ERR_NOT_YET_VALID] = "not_yet_valid",
        [CODE_ERR_EXPIRED] = "code_expired",
        [CODE_ERR_UNKNOWN_KEY] = "unknown_key",
        [CODE_ERR_KEY_REVOKED] = "key_revoked",
        [CODE_ERR_CRYPTO] = "crypto_failed",
    };
    return texts[error];
}

/* ---- text --------------------------------------------------------------------------------------
 */

/* https://[A-Za-z0-9][A-Za-z0-9._~:/-]{0,23}/v[#/] */
bool code_prefix_valid(struct bytes prefix)
{
    const struct bytes scheme = BYTES("https://");
    if (prefix.len > CODE_PREFIX_BYTES_MAX || prefix.len < scheme.len + 1 + 3 ||
        !bytes_start_with(prefix, scheme))
        return false;
    struct bytes place = bytes_of(prefix.data + scheme.len, prefix.len - scheme.len - 3);
    const uint8_t *end = place.data + place.len;
    if (end[0] != '/' || end[1] != 'v' || (end[2] != '#' && end[2] != '/'))
        return false;
    for (size_t i = 0; i < place.len; i++) {
        uint8_t c = place.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (i == 0 || !memchr("._~:/-", c, 6)))
            return false;
    }
    return true;
}

enum code_error code_read_text(struct bytes text, struct buf *cose)
{
    text = bytes_trim(text);
    /* A longer one is none, and its characters are no digits. */
    size_t prefix = text.len < CODE_PREFIX_BYTES_MAX ? text.len : CODE_PREFIX_BYTES_MAX;
    while (prefix > 0 && text.data[prefix - 1] >= '0' && text.data[prefix - 1] <= '9')
        prefix--;
    struct bytes digits = bytes_from(text, prefix);
    if ((prefix > 0 && !code_prefix_valid(bytes_of(text.data, prefix))) || digits.len == 0 ||
        digits.len > CODE_DIGITS_MAX || !digits_read(cose, digits))
        return CODE_ERR_MALFORMED;
    return CODE_OK;
}

void code_write_text(struct bytes prefix, struct bytes cose, struct buf *out)
{
    buf_put(out, prefix);
    digits_write(out, cose);
}

/* ---- claims ------------------------------------------------------------------------------------
 */

static bool tail_valid(struct bytes tail)
{
    for (size_t i = 0; i < tail.len; i++)
        if (tail.data[i] < TAIL_FIRST || tail.data[i] > TAIL_LAST)
            return false;
    return true;
}

/* What the reader's bounds on single items do not say already. */
static bool claims_valid(const struct code_claims *c)
{
    return c->expires_at > c->issued_at && c->expires_at - c->issued_at <= CODE_LIFE_S_MAX &&
           utf8_printable(c->holder_name) && tail_valid(c->number_tail);
}

static bool claims_read(struct bytes payload, struct code_claims *c)
{
    struct cbor_reader r = cbor_reader_over(payload);
    cbor_read_map(&r, 4);
    cbor_read_key(&r, CLAIM_EXP);
    c->expires_at = (int64_t)cbor_read_uint(&r, TIME_MAX);
    cbor_read_key(&r, CLAIM_IAT);
    c->issued_at = (int64_t)cbor_read_uint(&r, TIME_MAX);
    cbor_read_key(&r, CLAIM_CTI);
    struct bytes cti = cbor_read_bytes(&r, CODE_CTI_BYTES, CODE_CTI_BYTES);
    cbor_read_key(&r, CODE_CLAIM_LICENCE);
    cbor_read_array(&r, 10);
    cbor_read_key(&r, PROFILE);
    c->kind = (enum code_kind)cbor_read_uint(&r, CODE_KIND_MATERIAL);
    c->type = (uint16_t)cbor_read_uint(&r, UINT16_MAX);
    c->issuer = (uint16_t)cbor_read_uint(&r, UINT16_MAX);
    c->version = (uint16_t)cbor_read_uint(&r, UINT16_MAX);
    c->holder_name = cbor_read_text(&r, 1, CODE_NAME_BYTES_MAX);
    c->number_tail = cbor_read_text(&r, 0, CODE_TAIL_BYTES_MAX);
    c->valid_until = cbor_read_null(&r) ? CODE_LONG_TERM : (int32_t)cbor_read_uint(&r, UINT16_MAX);
    c->list = (uint16_t)cbor_read_uint(&r, CODE_LIST_MAX);
    c->index = (uint32_t)cbor_read_uint(&r, CODE_INDEX_MAX);
    if (!cbor_read_end(&r))
        return false;
    memcpy(c->cti, cti.data, CODE_CTI_BYTES);
    return claims_valid(c);
}

static void claims_write(const struct code_claims *c, struct buf *out)
{
    cbor_put_map(out, 4);
    cbor_put_uint(out, CLAIM_EXP);
    cbor_put_uint(out, (uint64_t)c->expires_at);
    cbor_put_uint(out, CLAIM_IAT);
    cbor_put_uint(out, (uint64_t)c->issued_at);
    cbor_put_uint(out, CLAIM_CTI);
    cbor_put_bytes(out, bytes_of(c->cti, CODE_CTI_BYTES));
    cbor_put_int(out, CODE_CLAIM_LICENCE);
    cbor_put_array(out, 10);
    cbor_put_uint(out, PROFILE);
    cbor_put_uint(out, c->kind);
    cbor_put_uint(out, c->type);
    cbor_put_uint(out, c->issuer);
    cbor_put_uint(out, c->version);
    cbor_put_text(out, c->holder_name);
    cbor_put_text(out, c->number_tail);
    if (c->valid_until == CODE_LONG_TERM)
        cbor_put_null(out);
    else
        cbor_put_uint(out, (uint64_t)c->valid_until);
    cbor_put_uint(out, c->list);
    cbor_put_uint(out, c->index);
}

void code_write_name(struct buf *out, struct bytes name)
{
    static const char ellipsis[] = "…";
    if (name.len <= CODE_NAME_BYTES_MAX) {
        buf_put(out, name);
        return;
    }
    size_t kept = CODE_NAME_BYTES_MAX - (sizeof ellipsis - 1);
    while (kept > 0 && (name.data[kept] & 0xC0) == 0x80) /* inside a character of UTF-8 */
        kept--;
    buf_put(out, bytes_of(name.data, kept));
    buf_put_str(out, ellipsis);
}

/* ---- messages ----------------------------------------------------------------------------------
 */

enum code_error code_parse(struct bytes cose, struct code *out)
{
    struct cose_sign1 message;
    if (!cose_sign1_read(cose, &message) || !claims_read(message.payload, &out->claims))
        return CODE_ERR_MALFORMED;
    out->cose = cose;
    out->protected_ = message.protected_;
    out->payload = message.payload;
    memcpy(out->signature, message.signature.data, sizeof out->signature);
    out->alg = message.alg;
    memcpy(out->kid, message.kid, KID_BYTES);
    return CODE_OK;
}

enum code_error code_find_key(const struct code *code, const struct keyring *ring,
                              const struct keyring_key **key)
{
    const struct keyring_key *found = keyring_find(ring, code->kid);
    *key = NULL;
    if (!found || found->use != KEY_USE_CODE)
        return CODE_ERR_UNKNOWN_KEY;
    if (found->revoked)
        return CODE_ERR_KEY_REVOKED;
    if (found->alg != code->alg || !keyring_key_vouches(found, code->claims.issued_at))
        return CODE_ERR_UNKNOWN_KEY;
    *key = found;
    return CODE_OK;
}

enum code_error code_check_lifetime(const struct code_claims *claims, int64_t now, int64_t future_s,
                                    int64_t past_s)
{
    if (claims->issued_at > now + future_s)
        return CODE_ERR_NOT_YET_VALID;
    if (now >= claims->expires_at + past_s)
        return CODE_ERR_EXPIRED;
    return CODE_OK;
}

enum code_error code_check_signature(const struct code *code, const struct crypto_provider *crypto,
                                     struct crypto_verifier *verifier)
{
    const struct cose_sign1 message = {
        .protected_ = code->protected_,
        .payload = code->payload,
        .signature = bytes_of(code->signature, sizeof code->signature),
        .alg = code->alg,
    };
    switch (cose_sign1_verify(&message, crypto, verifier)) {
    case CRYPTO_OK:
        return CODE_OK;
    case CRYPTO_MISMATCH:
        return CODE_ERR_BAD_SIGNATURE;
    default:
        return CODE_ERR_CRYPTO;
    }
}

bool code_licence_expired(const struct code_claims *claims, int64_t now)
{
    return claims->valid_until != CODE_LONG_TERM && civil_day_at(now) > claims->valid_until;
}

enum code_error code_sign(const struct code_claims *claims, enum crypto_alg alg,
                          const uint8_t kid[KID_BYTES], const struct crypto_provider *crypto,
                          struct crypto_signer *signer, struct buf *out)
{
    uint8_t storage[CODE_COSE_BYTES_MAX];
    struct buf payload = BUF_OVER(storage);
    struct code_claims again;
    claims_write(claims, &payload);
    CHECK(buf_ok(&payload) && claims_read(buf_bytes(&payload), &again)); /* in range */
    enum crypto_result result =
        cose_sign1_write(alg, kid, buf_bytes(&payload), crypto, signer, out);
    return result == CRYPTO_OK ? CODE_OK : CODE_ERR_CRYPTO;
}
