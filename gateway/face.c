#include "gateway/face.h"

#include "base/clock.h"
#include "base/utf8.h"

static void put_text(struct buf *out, const char *name, struct bytes value)
{
    buf_put_str(out, name);
    buf_put_json(out, value);
}

static void put_date(struct buf *out, const char *name, int32_t days)
{
    buf_put_str(out, name);
    if (days < 0) {
        buf_put_str(out, "null");
        return;
    }
    buf_put_u8(out, '"');
    buf_put_date(out, days);
    buf_put_u8(out, '"');
}

static void put_type(struct buf *out, struct bytes code, struct bytes name)
{
    put_text(out, "\"type\":{\"code\":", code);
    put_text(out, ",\"name\":", name);
    buf_put_u8(out, '}');
}

void face_write_full(struct buf *out, const struct registry_licence *licence)
{
    put_type(out, licence->type_code, licence->type_name);
    put_text(out, ",\"name\":", licence->name);
    put_text(out, ",\"holder_name\":", licence->holder_name);
    put_text(out, ",\"holder_number\":", licence->holder_number);
    put_text(out, ",\"number\":", licence->number);
    put_text(out, ",\"identifier\":", licence->identifier);
    put_text(out, ",\"issuer\":{\"code\":", licence->issuer_code);
    put_text(out, ",\"name\":", licence->issuer_name);
    put_date(out, "},\"issued_on\":", licence->issued_on);
    put_date(out, ",\"valid_from\":", licence->valid_from);
    put_date(out, ",\"valid_until\":", licence->valid_until);
}

/* A number with all but its tail hidden, character for character. */
static void put_masked_number(struct buf *out, struct bytes number)
{
    struct bytes tail = face_number_tail(number);
    struct bytes hidden = bytes_of(number.data, number.len - tail.len);
    buf_put_u8(out, '"');
    for (size_t i = utf8_count(hidden); i > 0; i--)
        buf_put_u8(out, '*');
    buf_put_json_escaped(out, tail);
    buf_put_u8(out, '"');
}

void face_write_masked(struct buf *out, const struct registry_licence *licence)
{
    put_type(out, licence->type_code, licence->type_name);
    put_text(out, ",\"name\":", licence->name);
    buf_put_str(out, ",\"holder_name\":\"");
    uint8_t storage[REGISTRY_TEXT_BYTES_MAX];
    struct buf name = BUF_OVER(storage);
    face_write_masked_name(&name, licence->holder_name, licence->holder_kind);
    buf_put_json_escaped(out, buf_bytes(&name));
    buf_put_str(out, "\",\"number\":");
    put_masked_number(out, licence->number);
    put_text(out, ",\"issuer\":{\"code\":", licence->issuer_code);
    put_text(out, ",\"name\":", licence->issuer_name);
    put_date(out, "},\"issued_on\":", licence->issued_on);
    put_date(out, ",\"valid_from\":", licence->valid_from);
    put_date(out, ",\"valid_until\":", licence->valid_until);
}

void face_write_claims(struct buf *out, const struct code_claims *claims,
                       const struct registry_catalogue_entry *type)
{
    if (type) {
        put_type(out, bytes_str(type->code), bytes_str(type->name));
        buf_put_u8(out, ',');
    }
    put_text(out, "\"holder_name\":", claims->holder_name);
    put_text(out, ",\"number_tail\":", claims->number_tail);
    put_date(out, ",\"valid_until\":", claims->valid_until);
}

void face_write_masked_name(struct buf *out, struct bytes name, enum registry_holder_kind kind)
{
    if (kind == HOLDER_ENTERPRISE) {
        buf_put(out, name);
        return;
    }
    buf_put(out, utf8_head(name, 1));
    for (size_t hidden = utf8_count(name); hidden > 1; hidden--)
        buf_put_u8(out, '*');
}

struct bytes face_number_tail(struct bytes number)
{
    size_t tail = number.len / 2 < CODE_TAIL_BYTES_MAX ? number.len / 2 : CODE_TAIL_BYTES_MAX;
    struct bytes text = bytes_from(number, number.len - tail);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x21 || text.data[i] > 0x7E)
            return bytes_of(number.data, 0);
    return text;
}

static struct bytes face_aad(uint8_t storage[static 22], uint16_t list, uint32_t index,
                             uint16_t version)
{
    struct buf aad;
    buf_init(&aad, storage, 22);
    buf_put(&aad, BYTES("jwb-face-1"));
    buf_put_u32be(&aad, list);
    buf_put_u32be(&aad, index);
    buf_put_u32be(&aad, version);
    return buf_bytes(&aad);
}

enum crypto_result face_seal(struct crypto_aead *aead, uint16_t list, uint32_t index,
                             uint16_t version, struct bytes face, struct buf *sealed)
{
    uint8_t aad[22];
    return crypto_openssl.aead_seal(aead, face_aad(aad, list, index, version), face, sealed);
}

enum crypto_result face_open(struct crypto_aead *aead, uint16_t list, uint32_t index,
                             uint16_t version, struct bytes sealed, struct buf *face)
{
    uint8_t aad[22];
    return crypto_openssl.aead_open(aead, face_aad(aad, list, index, version), sealed, face);
}
