#include "gateway/face.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "protocol/cbor.h"

#define AAD_BYTES    22
#define PACKED_ITEMS 14
#define TAIL_STARS   4 /* before a number's tail, however long the number is */

/* What a registry has is never lacking, though it may be empty. */
static struct bytes present(struct bytes text)
{
    return text.data ? text : BYTES("");
}

struct face face_of_licence(const struct registry_licence *licence)
{
    return (struct face){
        .type_code = present(licence->type_code),
        .type_name = present(licence->type_name),
        .name = present(licence->name),
        .holder_name = present(licence->holder_name),
        .holder_number = present(licence->holder_number),
        .number = present(licence->number),
        .identifier = present(licence->identifier),
        .issuer_code = present(licence->issuer_code),
        .issuer_name = present(licence->issuer_name),
        .issued_on = licence->issued_on,
        .valid_from = licence->valid_from,
        .valid_until = licence->valid_until,
        .holder_kind = licence->holder_kind,
        .reference = bytes_of(licence->reference, sizeof licence->reference),
    };
}

struct face face_of_claims(const struct code_claims *claims,
                           const struct registry_catalogue_entry *type)
{
    struct face face = {
        .holder_name = present(claims->holder_name),
        .number = present(claims->number_tail),
        .issued_on = FACE_NO_DATE,
        .valid_from = FACE_NO_DATE,
        .valid_until = claims->valid_until,
        .masked = true,
    };
    if (type) {
        face.type_code = bytes_str(type->code);
        face.type_name = bytes_str(type->name);
    }
    return face;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* The field's text, or the code of what has a code and a name. Data NULL: there is none. */
static struct bytes text_of(const struct face *face, enum field field)
{
    switch (field) {
    case FIELD_TYPE:
        return face->type_code;
    case FIELD_NAME:
        return face->name;
    case FIELD_HOLDER_NAME:
        return face->holder_name;
    case FIELD_HOLDER_NUMBER:
        return face->holder_number;
    case FIELD_NUMBER:
        return face->number;
    case FIELD_IDENTIFIER:
        return face->identifier;
    case FIELD_ISSUER:
        return face->issuer_code;
    default:
        return bytes_of(NULL, 0);
    }
}

static int32_t date_of(const struct face *face, enum field field)
{
    return field == FIELD_ISSUED_ON     ? face->issued_on
           : field == FIELD_VALID_FROM  ? face->valid_from
           : field == FIELD_VALID_UNTIL ? face->valid_until
                                        : FACE_NO_DATE;
}

static void put_entry(struct buf *out, struct bytes code, struct bytes name)
{
    buf_put_str(out, "{\"code\":");
    buf_put_json(out, code);
    buf_put_str(out, ",\"name\":");
    buf_put_json(out, name);
    buf_put_u8(out, '}');
}

static void put_date(struct buf *out, int32_t days, enum field_mask mask)
{
    int year, month, day;
    if (days < 0) {
        buf_put_str(out, "null");
        return;
    }
    buf_put_u8(out, '"');
    if (mask == MASK_YEAR) {
        civil_from_days(days, &year, &month, &day);
        buf_put_decimal(out, year);
    } else {
        buf_put_date(out, days);
    }
    buf_put_u8(out, '"');
}

static void put_stars(struct buf *out, size_t count)
{
    while (count-- > 0)
        buf_put_u8(out, '*');
}

static void put_name(struct buf *out, const struct face *face, enum field_mask mask)
{
    uint8_t storage[REGISTRY_TEXT_BYTES_MAX];
    struct buf masked = BUF_OVER(storage);
    if (mask == MASK_PLAIN || face->masked) {
        buf_put_json(out, face->holder_name);
        return;
    }
    face_write_masked_name(&masked, face->holder_name, face->holder_kind);
    CHECK(buf_ok(&masked));
    buf_put_json(out, buf_bytes(&masked));
}

/* Four stars and a tail, as of a code, which does not say how long a number is. */
static void put_tail(struct buf *out, struct bytes tail)
{
    buf_put_u8(out, '"');
    put_stars(out, TAIL_STARS);
    buf_put_json_escaped(out, tail);
    buf_put_u8(out, '"');
}

static void put_number(struct buf *out, struct bytes number, enum field_mask mask)
{
    if (mask == MASK_PLAIN || number.len == 0)
        buf_put_json(out, number);
    else
        put_tail(out, face_number_tail(number));
}

static void put_value(struct buf *out, const struct face *face, enum field field,
                      enum field_mask mask)
{
    if (date_of(face, field) != FACE_NO_DATE)
        put_date(out, date_of(face, field), mask);
    else if (field == FIELD_TYPE)
        put_entry(out, face->type_code, face->type_name);
    else if (field == FIELD_ISSUER)
        put_entry(out, face->issuer_code, face->issuer_name);
    else if (field == FIELD_HOLDER_NAME)
        put_name(out, face, mask);
    else if (field == FIELD_NUMBER && face->masked)
        put_tail(out, face->number);
    else
        put_number(out, text_of(face, field), mask); /* a title's mask is always plain */
}

uint32_t face_write(struct buf *out, const struct face *face, const struct policy_rule *rule,
                    uint32_t allowed)
{
    uint32_t shown = 0;
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        enum field field = (enum field)i;
        bool there = text_of(face, field).data || date_of(face, field) != FACE_NO_DATE;
        if (!there || !(rule->fields & allowed & FIELD_BIT(i)))
            continue;
        buf_put_str(out, shown ? ",\"" : "\"");
        buf_put_str(out, field_member(field));
        buf_put_str(out, "\":");
        put_value(out, face, field, (enum field_mask)rule->masks[i]);
        shown |= FIELD_BIT(i);
    }
    return shown;
}

bool face_claims_suffice(const struct policy_rule *rule)
{
    const uint32_t claimed = FIELD_BIT(FIELD_TYPE) | FIELD_BIT(FIELD_HOLDER_NAME) |
                             FIELD_BIT(FIELD_NUMBER) | FIELD_BIT(FIELD_VALID_UNTIL);
    return !(rule->fields & ~claimed) && rule->masks[FIELD_HOLDER_NAME] != MASK_PLAIN &&
           rule->masks[FIELD_NUMBER] != MASK_PLAIN;
}

/* ---- packing: texts, dates, the holder's kind, the reference, in CBOR ------------------------ */

bool face_pack(const struct face *face, struct buf *out)
{
    const struct bytes texts[] = {face->type_code,   face->type_name,     face->name,
                                  face->holder_name, face->holder_number, face->number,
                                  face->identifier,  face->issuer_code,   face->issuer_name};
    const int32_t dates[] = {face->issued_on, face->valid_from, face->valid_until};
    size_t from = out->len;
    CHECK(!face->masked); /* what Redis keeps is the whole of a licence */
    cbor_put_array(out, PACKED_ITEMS);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cbor_put_text(out, texts[i]);
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++)
        cbor_put_int(out, dates[i]);
    cbor_put_uint(out, face->holder_kind);
    cbor_put_bytes(out, face->reference);
    return buf_ok(out) && out->len - from <= FACE_BYTES_MAX;
}

static int32_t unpack_date(struct cbor_reader *r)
{
    int64_t days = cbor_read_int(r);
    r->failed |= days < INT32_MIN || days > INT32_MAX;
    return (int32_t)days;
}

bool face_unpack(struct bytes packed, struct face *face)
{
    struct cbor_reader r = cbor_reader_over(packed);
    struct bytes *const texts[] = {&face->type_code,   &face->type_name,     &face->name,
                                   &face->holder_name, &face->holder_number, &face->number,
                                   &face->identifier,  &face->issuer_code,   &face->issuer_name};
    *face = (struct face){0};
    cbor_read_array(&r, PACKED_ITEMS);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = cbor_read_text(&r, 0, REGISTRY_TEXT_BYTES_MAX);
    face->issued_on = unpack_date(&r);
    face->valid_from = unpack_date(&r);
    face->valid_until = unpack_date(&r);
    face->holder_kind = (enum registry_holder_kind)cbor_read_uint(&r, HOLDER_ENTERPRISE);
    face->reference = cbor_read_bytes(&r, REGISTRY_REFERENCE_BYTES, REGISTRY_REFERENCE_BYTES);
    return cbor_read_end(&r);
}

/* ---- masks ---------------------------------------------------------------------------------- */

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

/* ---- sealing -------------------------------------------------------------------------------- */

static struct bytes face_aad(uint8_t storage[static AAD_BYTES], uint16_t list, uint32_t index,
                             uint16_t version)
{
    struct buf aad;
    buf_init(&aad, storage, AAD_BYTES);
    buf_put(&aad, BYTES("jwb-face-3"));
    buf_put_u32be(&aad, list);
    buf_put_u32be(&aad, index);
    buf_put_u32be(&aad, version);
    return buf_bytes(&aad);
}

enum crypto_result face_seal(struct crypto_aead *aead, uint16_t list, uint32_t index,
                             uint16_t version, struct bytes face, struct buf *sealed)
{
    uint8_t aad[AAD_BYTES];
    return crypto_openssl.aead_seal(aead, face_aad(aad, list, index, version), face, sealed);
}

enum crypto_result face_open(struct crypto_aead *aead, uint16_t list, uint32_t index,
                             uint16_t version, struct bytes sealed, struct buf *face)
{
    uint8_t aad[AAD_BYTES];
    return crypto_openssl.aead_open(aead, face_aad(aad, list, index, version), sealed, face);
}
