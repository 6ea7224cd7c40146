#include "protocol/cose.h"

#include "protocol/cbor.h"

/* RFC 9052 section 3.1, RFC 9596 */
#define HEADER_ALG 1
#define HEADER_KID 4
#define HEADER_TYP 16

#define PROTECTED_BYTES_MAX       16
#define TYPED_PROTECTED_BYTES_MAX (COSE_TYPE_BYTES_MAX + 16)

#define TAG_18 0xD2 /* COSE_Sign1, RFC 9052 section 4.2 */

/* The order of P-256's base point and the half of it (SEC 2, secp256r1). */
static const uint8_t ORDER[32] = {0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF,
                                  0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17,
                                  0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51};
static const uint8_t HALF_ORDER[32] = {
    0x7F, 0xFF, 0xFF, 0xFF, 0x80, 0x00, 0x00, 0x00, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xDE, 0x73, 0x7D, 0x56, 0xD3, 0x8B, 0xCF, 0x42, 0x79, 0xDC, 0xE5, 0x61, 0x7E, 0x31, 0x92, 0xA8};

bool cose_signature_high(const uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    return memcmp(signature + 32, HALF_ORDER, 32) > 0;
}

/* s = n - s, for 0 < s < n. */
static void negate(uint8_t s[32])
{
    int borrow = 0;
    for (size_t i = 32; i-- > 0;) {
        int difference = ORDER[i] - s[i] - borrow;
        borrow = difference < 0;
        s[i] = (uint8_t)difference;
    }
}

/* What is signed: ["Signature1", protected, external_aad = h'', payload] (RFC 9052 section 4.4), in
 * parts, so that nothing is copied. */
struct to_be_signed {
    struct bytes parts[4];
    uint8_t head[24];
    uint8_t middle[12];
};

static void to_be_signed_init(struct to_be_signed *t, struct bytes protected_, struct bytes payload)
{
    struct buf head = BUF_OVER(t->head), middle = BUF_OVER(t->middle);
    cbor_put_array(&head, 4);
    cbor_put_text(&head, BYTES("Signature1"));
    cbor_put_bytes_head(&head, protected_.len);
    cbor_put_bytes(&middle, BYTES(""));
    cbor_put_bytes_head(&middle, payload.len);
    t->parts[0] = buf_bytes(&head);
    t->parts[1] = protected_;
    t->parts[2] = buf_bytes(&middle);
    t->parts[3] = payload;
}

/* The four parts, with a protected header of at most so many octets, which is not looked into. */
static bool read_parts(struct bytes message, size_t protected_bytes_max, struct cose_sign1 *out)
{
    struct cbor_reader r = cbor_reader_over(message);
    cbor_read_array(&r, 4);
    out->protected_ = cbor_read_bytes(&r, 0, protected_bytes_max);
    cbor_read_map(&r, 0);
    out->payload = cbor_read_bytes(&r, 0, message.len);
    out->signature = cbor_read_bytes(&r, CRYPTO_SIGNATURE_BYTES, CRYPTO_SIGNATURE_BYTES);
    return cbor_read_end(&r);
}

static bool alg_known(int64_t alg)
{
    return alg == CRYPTO_ES256 || alg == CRYPTO_SM2;
}

bool cose_sign1_read(struct bytes message, struct cose_sign1 *out)
{
    if (!read_parts(message, PROTECTED_BYTES_MAX, out))
        return false;

    struct cbor_reader header = cbor_reader_over(out->protected_);
    cbor_read_map(&header, 2);
    cbor_read_key(&header, HEADER_ALG);
    int64_t alg = cbor_read_int(&header);
    cbor_read_key(&header, HEADER_KID);
    struct bytes kid = cbor_read_bytes(&header, KID_BYTES, KID_BYTES);
    if (!cbor_read_end(&header) || !alg_known(alg))
        return false;
    out->alg = (enum crypto_alg)alg;
    memcpy(out->kid, kid.data, KID_BYTES);
    return true;
}

enum crypto_result cose_sign1_verify(const struct cose_sign1 *message,
                                     const struct crypto_provider *crypto,
                                     struct crypto_verifier *verifier)
{
    if (message->alg == CRYPTO_ES256 && cose_signature_high(message->signature.data))
        return CRYPTO_MISMATCH;
    return cose_signature_verify(message->protected_, message->payload, message->signature.data,
                                 crypto, verifier);
}

enum crypto_result cose_signature_verify(struct bytes protected_, struct bytes payload,
                                         const uint8_t signature[CRYPTO_SIGNATURE_BYTES],
                                         const struct crypto_provider *crypto,
                                         struct crypto_verifier *verifier)
{
    struct to_be_signed t;
    to_be_signed_init(&t, protected_, payload);
    return crypto->verify(verifier, t.parts, 4, signature);
}

static enum crypto_result sign(enum crypto_alg alg, struct bytes protected_, struct bytes payload,
                               const struct crypto_provider *crypto, struct crypto_signer *signer,
                               uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    struct to_be_signed t;
    to_be_signed_init(&t, protected_, payload);
    enum crypto_result result = crypto->sign(signer, t.parts, 4, signature);
    if (result == CRYPTO_OK && alg == CRYPTO_ES256 && cose_signature_high(signature))
        negate(signature + 32);
    return result;
}

static enum crypto_result write_under(enum crypto_alg alg, struct bytes protected_,
                                      struct bytes payload, const struct crypto_provider *crypto,
                                      struct crypto_signer *signer, struct buf *out)
{
    uint8_t signature[CRYPTO_SIGNATURE_BYTES];
    enum crypto_result result = sign(alg, protected_, payload, crypto, signer, signature);
    if (result != CRYPTO_OK)
        return result;

    cbor_put_array(out, 4);
    cbor_put_bytes(out, protected_);
    cbor_put_map(out, 0);
    cbor_put_bytes(out, payload);
    cbor_put_bytes(out, bytes_of(signature, sizeof signature));
    return CRYPTO_OK;
}

enum crypto_result cose_sign1_write(enum crypto_alg alg, const uint8_t kid[KID_BYTES],
                                    struct bytes payload, const struct crypto_provider *crypto,
                                    struct crypto_signer *signer, struct buf *out)
{
    uint8_t storage[PROTECTED_BYTES_MAX];
    struct buf header = BUF_OVER(storage);
    cbor_put_map(&header, 2);
    cbor_put_uint(&header, HEADER_ALG);
    cbor_put_int(&header, alg);
    cbor_put_uint(&header, HEADER_KID);
    cbor_put_bytes(&header, bytes_of(kid, KID_BYTES));
    return write_under(alg, buf_bytes(&header), payload, crypto, signer, out);
}

/* ---- messages with a type ---- */

bool cose_typed_read(struct bytes message, struct bytes type, struct cose_sign1 *out)
{
    if (message.len == 0 || message.data[0] != TAG_18 ||
        !read_parts(bytes_from(message, 1), TYPED_PROTECTED_BYTES_MAX, out))
        return false;
    struct cbor_reader header = cbor_reader_over(out->protected_);
    cbor_read_map(&header, 3);
    cbor_read_key(&header, HEADER_ALG);
    int64_t alg = cbor_read_int(&header);
    cbor_read_key(&header, HEADER_KID);
    struct bytes kid = cbor_read_bytes(&header, KID_BYTES, KID_BYTES);
    cbor_read_key(&header, HEADER_TYP);
    struct bytes read = cbor_read_text(&header, 0, COSE_TYPE_BYTES_MAX);
    if (!cbor_read_end(&header) || !alg_known(alg) || !bytes_equal(read, type))
        return false;
    out->alg = (enum crypto_alg)alg;
    memcpy(out->kid, kid.data, KID_BYTES);
    return true;
}

static void put_typed_header(struct buf *header, struct bytes type, enum crypto_alg alg,
                             const uint8_t kid[KID_BYTES])
{
    cbor_put_map(header, 3);
    cbor_put_uint(header, HEADER_ALG);
    cbor_put_int(header, alg);
    cbor_put_uint(header, HEADER_KID);
    cbor_put_bytes(header, bytes_of(kid, KID_BYTES));
    cbor_put_uint(header, HEADER_TYP);
    cbor_put_text(header, type);
}

enum crypto_result cose_typed_write(struct bytes type, enum crypto_alg alg,
                                    const uint8_t kid[KID_BYTES], struct bytes payload,
                                    const struct crypto_provider *crypto,
                                    struct crypto_signer *signer, struct buf *out)
{
    uint8_t storage[TYPED_PROTECTED_BYTES_MAX];
    struct buf header = BUF_OVER(storage);
    put_typed_header(&header, type, alg, kid);
    buf_put_u8(out, TAG_18);
    return write_under(alg, buf_bytes(&header), payload, crypto, signer, out);
}

enum crypto_result cose_typed_wrap(struct bytes type, enum crypto_alg alg,
                                   const uint8_t kid[KID_BYTES], size_t from,
                                   const struct crypto_provider *crypto,
                                   struct crypto_signer *signer, struct buf *out)
{
    uint8_t storage[TYPED_PROTECTED_BYTES_MAX], before[TYPED_PROTECTED_BYTES_MAX + 16],
        signature[CRYPTO_SIGNATURE_BYTES];
    struct buf header = BUF_OVER(storage), head = BUF_OVER(before);
    const struct bytes payload = bytes_from(buf_bytes(out), from);
    put_typed_header(&header, type, alg, kid);
    enum crypto_result result = sign(alg, buf_bytes(&header), payload, crypto, signer, signature);
    if (result != CRYPTO_OK) {
        out->len = from;
        return result;
    }
    buf_put_u8(&head, TAG_18);
    cbor_put_array(&head, 4);
    cbor_put_bytes(&head, buf_bytes(&header));
    cbor_put_map(&head, 0);
    cbor_put_bytes_head(&head, payload.len);
    if (buf_grow(out, head.len)) {
        memmove(out->data + from + head.len, payload.data, payload.len);
        memcpy(out->data + from, before, head.len);
    }
    cbor_put_bytes(out, bytes_of(signature, sizeof signature));
    return CRYPTO_OK;
}
