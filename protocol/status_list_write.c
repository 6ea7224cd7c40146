/* Status List Tokens as the gateway publishes them. */
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/check.h"
#include "protocol/cbor.h"
#include "protocol/status_list.h"

/* The claims of a JWT without lst: 256 kids of 11 characters, a subject of which each octet may be
 * escaped in 6, and names and numbers. */
#define JWT_CLAIMS_BYTES_MAX (STATUS_LIST_REVOKED_MAX * 11 + 255 * 6 + 512)
#define JWT_HEADER_BYTES_MAX 128

/* Of a list there is hardly more to find than runs of zeros. Looked for alone (Z_RLE), 1 place of
 * 1000 set takes 1 ms and 2.6 KB, and 20 of 1000 take 2 ms and 33 KB; zlib's highest level, which
 * the draft recommends, takes 16 ms and 2.8 KB, and 190 ms and 31 KB. */
bool status_list_deflate(const uint8_t array[STATUS_LIST_BYTES], struct buf *out)
{
    const int window_bits = 15, memory_level = 8; /* zlib's own defaults */
    z_stream stream = {.next_in = (Bytef *)array, .avail_in = STATUS_LIST_BYTES};
    const size_t room = out->cap - out->len;
    CHECK(room <= UINT_MAX);
    if (out->overflow || deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, window_bits,
                                      memory_level, Z_RLE) != Z_OK)
        return false;
    stream.next_out = out->data + out->len;
    stream.avail_out = (uInt)room;
    bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    deflateEnd(&stream);
    if (done)
        out->len += room - stream.avail_out;
    return done;
}

static void check_token(const struct status_list_token *token)
{
    CHECK(token->bits == 2 && token->lst.len > 0 && token->ttl_s > 0);
    CHECK(token->subject.len > 0 && token->subject.len <= 255);
    CHECK(token->issued_at >= 0 && token->issued_at < token->expires_at &&
          token->expires_at <= UINT32_MAX);
    CHECK(token->revoked_count <= STATUS_LIST_REVOKED_MAX);
    for (size_t i = 1; i < token->revoked_count; i++)
        CHECK(memcmp(token->revoked[i - 1], token->revoked[i], KID_BYTES) < 0);
}

/* ---- CWT ---- */

enum crypto_result status_list_write_cwt(const struct status_list_token *token, enum crypto_alg alg,
                                         const uint8_t kid[KID_BYTES],
                                         const struct crypto_provider *crypto,
                                         struct crypto_signer *signer, struct buf *out)
{
    const size_t from = out->len;
    check_token(token);
    cbor_put_map(out, 6);
    cbor_put_uint(out, STATUS_LIST_CLAIM_SUB);
    cbor_put_text(out, token->subject);
    cbor_put_uint(out, STATUS_LIST_CLAIM_EXP);
    cbor_put_uint(out, (uint64_t)token->expires_at);
    cbor_put_uint(out, STATUS_LIST_CLAIM_IAT);
    cbor_put_uint(out, (uint64_t)token->issued_at);
    cbor_put_uint(out, STATUS_LIST_CLAIM_LIST);
    cbor_put_map(out, 2);
    cbor_put_text(out, BYTES("lst"));
    cbor_put_bytes(out, token->lst);
    cbor_put_text(out, BYTES("bits"));
    cbor_put_uint(out, token->bits);
    cbor_put_uint(out, STATUS_LIST_CLAIM_TTL);
    cbor_put_uint(out, token->ttl_s);
    cbor_put_int(out, STATUS_LIST_CLAIM_REVOKED);
    cbor_put_array(out, token->revoked_count);
    for (size_t i = 0; i < token->revoked_count; i++)
        cbor_put_bytes(out, bytes_of(token->revoked[i], KID_BYTES));
    if (!buf_ok(out))
        return CRYPTO_OK;
    return cose_typed_wrap(BYTES(STATUS_LIST_CWT_TYPE), alg, kid, from, crypto, signer, out);
}

/* ---- JWT ---- */

static void put_jwt_header(struct buf *out, enum crypto_alg alg, const uint8_t kid[KID_BYTES])
{
    uint8_t storage[JWT_HEADER_BYTES_MAX];
    struct buf json = BUF_OVER(storage);
    buf_printf(&json, "{\"alg\":\"%s\",\"kid\":\"", key_alg_text(alg));
    buf_put_hex(&json, bytes_of(kid, KID_BYTES));
    buf_put_str(&json, "\",\"typ\":\"statuslist+jwt\"}");
    CHECK(buf_ok(&json));
    buf_put_base64url(out, buf_bytes(&json));
}

static void put_jwt_claims(struct buf *json, const struct status_list_token *token)
{
    buf_put_str(json, "{\"sub\":");
    buf_put_json(json, token->subject);
    buf_printf(
        json, ",\"exp\":%lld,\"iat\":%lld,\"ttl\":%u,\"status_list\":{\"bits\":%u,\"lst\":\"",
        (long long)token->expires_at, (long long)token->issued_at, token->ttl_s, token->bits);
    buf_put_base64url(json, token->lst);
    buf_put_str(json, "\"},\"jwb_revoked\":[");
    for (size_t i = 0; i < token->revoked_count; i++) {
        buf_put_str(json, i ? ",\"" : "\"");
        buf_put_hex(json, bytes_of(token->revoked[i], KID_BYTES));
        buf_put_u8(json, '"');
    }
    buf_put_str(json, "]}");
}

enum crypto_result status_list_write_jwt(const struct status_list_token *token, enum crypto_alg alg,
                                         const uint8_t kid[KID_BYTES],
                                         const struct crypto_provider *crypto,
                                         struct crypto_signer *signer, struct buf *out)
{
    const size_t from = out->len, cap = JWT_CLAIMS_BYTES_MAX + (token->lst.len + 2) / 3 * 4;
    uint8_t signature[CRYPTO_SIGNATURE_BYTES], *storage = malloc(cap);
    struct buf json;
    check_token(token);
    if (!storage)
        return CRYPTO_FAILED;
    buf_init(&json, storage, cap);
    put_jwt_claims(&json, token);
    CHECK(buf_ok(&json));
    put_jwt_header(out, alg, kid);
    buf_put_u8(out, '.');
    buf_put_base64url(out, buf_bytes(&json));
    free(storage);
    const struct bytes signed_part = bytes_from(buf_bytes(out), from);
    enum crypto_result result = crypto->sign(signer, &signed_part, 1, signature);
    if (result != CRYPTO_OK) {
        out->len = from;
        return result;
    }
    buf_put_u8(out, '.');
    buf_put_base64url(out, bytes_of(signature, sizeof signature));
    return CRYPTO_OK;
}
