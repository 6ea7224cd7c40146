#include "protocol/status_list.h"

#include <limits.h>
#include <zlib.h>

#include "base/check.h"
#include "base/utf8.h"
#include "protocol/cbor.h"

#define TIME_MAX          UINT32_MAX /* until 2106 */
#define SUBJECT_BYTES_MAX 255

/* ---- a token ------------------------------------------------------------------------------------
 */

static void read_list(struct cbor_reader *r, struct status_list_token *token)
{
    struct cbor_labels seen = {.count = 0};
    for (size_t count = cbor_read_map_head(r); count > 0 && !r->failed; count--) {
        struct bytes name = cbor_read_label(r, &seen).text;
        if (bytes_equal(name, BYTES("bits")))
            token->bits = (unsigned)cbor_read_uint(r, 8);
        else if (bytes_equal(name, BYTES("lst")))
            token->lst = cbor_read_bytes(r, 1, r->rest.len);
        else
            cbor_skip(r);
    }
}

static void read_revoked(struct cbor_reader *r, struct status_list_token *token)
{
    token->revoked_count = cbor_read_array_head(r, STATUS_LIST_REVOKED_MAX);
    for (size_t i = 0; i < token->revoked_count && !r->failed; i++) {
        struct bytes kid = cbor_read_bytes(r, KID_BYTES, KID_BYTES);
        if (kid.len == KID_BYTES)
            memcpy(token->revoked[i], kid.data, KID_BYTES);
    }
}

static void read_claim(struct cbor_reader *r, int64_t claim, struct status_list_token *token)
{
    switch (claim) {
    case STATUS_LIST_CLAIM_SUB:
        token->subject = cbor_read_text(r, 1, SUBJECT_BYTES_MAX);
        break;
    case STATUS_LIST_CLAIM_EXP:
        token->expires_at = (int64_t)cbor_read_uint(r, TIME_MAX);
        break;
    case STATUS_LIST_CLAIM_IAT:
        token->issued_at = (int64_t)cbor_read_uint(r, TIME_MAX);
        break;
    case STATUS_LIST_CLAIM_LIST:
        read_list(r, token);
        break;
    case STATUS_LIST_CLAIM_TTL:
        token->ttl_s = (uint32_t)cbor_read_uint(r, UINT32_MAX);
        break;
    case STATUS_LIST_CLAIM_REVOKED:
        read_revoked(r, token);
        break;
    default:
        cbor_skip(r);
    }
}

bool status_list_read(struct bytes message, struct status_list_token *token)
{
    struct cbor_labels seen = {.count = 0};
    memset(token, 0, sizeof *token);
    token->issued_at = -1;
    if (!cose_any_read(message, &token->message) || !token->message.payload.data ||
        !bytes_equal(token->message.type, BYTES(STATUS_LIST_CWT_TYPE)))
        return false;
    struct cbor_reader r = cbor_reader_lenient(token->message.payload);
    for (size_t count = cbor_read_map_head(&r); count > 0 && !r.failed; count--)
        read_claim(&r, cbor_read_label(&r, &seen).number, token);
    const unsigned bits = token->bits;
    return cbor_read_end(&r) && token->issued_at >= 0 && token->subject.len > 0 &&
           utf8_printable(token->subject) && token->lst.len > 0 &&
           (bits == 1 || bits == 2 || bits == 4 || bits == 8);
}

enum crypto_result status_list_check(const struct status_list_token *token, enum crypto_alg alg,
                                     const struct crypto_provider *crypto,
                                     struct crypto_verifier *verifier)
{
    return cose_any_verify(&token->message, token->message.payload, alg, false, crypto, verifier);
}

/* ---- the array ----------------------------------------------------------------------------------
 */

static voidpf take_memory(voidpf opaque, uInt items, uInt size)
{
    struct status_list_inflater *inflater = opaque;
    const size_t aligned = ((size_t)items * size + 15) & ~(size_t)15;
    if (aligned > sizeof inflater->memory - inflater->used)
        return NULL;
    inflater->used += aligned;
    return inflater->memory + inflater->used - aligned;
}

/* All of it is free again at the next inflation. */
static void leave_memory(voidpf opaque, voidpf address)
{
    (void)opaque, (void)address;
}

bool status_list_inflate_any(struct status_list_inflater *inflater, struct bytes lst,
                             struct buf *array)
{
    z_stream stream = {.zalloc = take_memory, .zfree = leave_memory, .opaque = inflater};
    inflater->used = 0;
    array->len = 0;
    CHECK(lst.len <= UINT_MAX && array->cap <= UINT_MAX);
    if (inflateInit(&stream) != Z_OK)
        return false;
    stream.next_in = (Bytef *)lst.data; /* zlib declares it so, and does not write there */
    stream.avail_in = (uInt)lst.len;
    stream.next_out = array->data;
    stream.avail_out = (uInt)array->cap;
    bool whole = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0;
    array->len = whole ? array->cap - stream.avail_out : 0;
    inflateEnd(&stream);
    return whole;
}

bool status_list_inflate(struct status_list_inflater *inflater, struct bytes lst, struct buf *array)
{
    bool exact = status_list_inflate_any(inflater, lst, array) && array->len == array->cap;
    if (!exact)
        array->len = 0;
    return exact;
}

uint8_t status_list_value(struct bytes array, unsigned bits, uint64_t i)
{
    const unsigned per_octet = 8 / bits;
    CHECK(bits == 1 || bits == 2 || bits == 4 || bits == 8);
    CHECK(i / per_octet < array.len);
    return (uint8_t)(array.data[i / per_octet] >> (i % per_octet * bits) & ((1u << bits) - 1));
}
