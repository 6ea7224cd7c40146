#include "evidence/journal_layout.h"

#include <endian.h>
#include <stdio.h>

#include "base/check.h"
#include "evidence/crc32c.h"

#define VERSION       3
#define MAGIC         BYTES("JWBJ")
#define CHECKED_BYTES (JOURNAL_HEADER_BYTES - 4) /* of the header */

#define PLACE_KNOWN   1
#define LICENCE_KNOWN 2

#define TEXT_LENGTHS 44 /* where they stand in a body */

static void set_little(uint8_t *to, uint64_t value, unsigned octets)
{
    const uint64_t little = htole64(value);
    memcpy(to, &little, octets);
}

/* ---- the header, and names ---- */

void journal_header_write(const struct journal_header *header, struct buf *out)
{
    uint8_t octets[JOURNAL_HEADER_BYTES];
    memcpy(octets, MAGIC.data, MAGIC.len);
    set_little(octets + 4, VERSION, 4);
    set_little(octets + 8, header->loop_index, 4);
    set_little(octets + 12, header->identity, 8);
    set_little(octets + CHECKED_BYTES, crc32c_of(bytes_of(octets, CHECKED_BYTES)), 4);
    buf_put(out, bytes_of(octets, sizeof octets));
}

bool journal_header_read(struct bytes from, struct journal_header *header)
{
    if (from.len < JOURNAL_HEADER_BYTES || !bytes_start_with(from, MAGIC) ||
        bytes_little(from.data + 4, 4) != VERSION ||
        bytes_little(from.data + CHECKED_BYTES, 4) != crc32c_of(bytes_of(from.data, CHECKED_BYTES)))
        return false;
    header->loop_index = (unsigned)bytes_little(from.data + 8, 4);
    header->identity = bytes_little(from.data + 12, 8);
    return true;
}

void journal_source_write(const struct journal_header *header,
                          char source[JOURNAL_SOURCE_BYTES_MAX])
{
    snprintf(source, JOURNAL_SOURCE_BYTES_MAX, "journal-%016llx-%u",
             (unsigned long long)header->identity, header->loop_index);
}

void journal_file_name_write(unsigned loop_index, unsigned number,
                             char name[JOURNAL_FILE_NAME_BYTES_MAX])
{
    snprintf(name, JOURNAL_FILE_NAME_BYTES_MAX, "journal-%u-%08u.jwbj", loop_index, number);
}

bool journal_file_name_read(const char *name, unsigned *loop_index, unsigned *number)
{
    char again[JOURNAL_FILE_NAME_BYTES_MAX];
    if (sscanf(name, "journal-%u-%u.jwbj", loop_index, number) != 2)
        return false;
    journal_file_name_write(*loop_index, *number, again);
    return strcmp(name, again) == 0;
}

/* ---- bodies ---- */

void journal_body_write(const struct journal_record *record, struct buf *out)
{
    const struct bytes texts[JOURNAL_TEXTS] = {record->subject, record->client, record->purpose,
                                               record->reference, record->agency};
    const bool typed = record->place_known || record->licence_known, event = record->number != 0;
    size_t len = JOURNAL_FIXED_BYTES;
    CHECK(record->kind != JOURNAL_REMOVED);
    for (size_t i = 0; i < JOURNAL_TEXTS; i++) {
        CHECK(texts[i].len <= JOURNAL_TEXT_BYTES_MAX);
        len += texts[i].len;
    }
    uint8_t *body = buf_grow(out, len);
    if (!body)
        return;
    body[0] = (uint8_t)record->kind;
    body[1] = record->role;
    body[2] = record->result;
    body[3] = record->reason;
    body[4] = (uint8_t)((record->place_known ? PLACE_KNOWN : 0) |
                        (record->licence_known ? LICENCE_KNOWN : 0));
    body[5] = record->acting;
    set_little(body + 6, record->place_known ? record->list : 0, 2);
    set_little(body + 8, record->place_known ? record->index : 0, 4);
    body[12] = event ? record->status : JOURNAL_CODE_NONE;
    body[13] = event ? record->detail : JOURNAL_CODE_NONE;
    set_little(body + 14, typed ? record->type : JOURNAL_TYPE_NONE, 2);
    set_little(body + 16, record->request_id, 8);
    set_little(body + 24, (uint64_t)record->at_us, 8);
    memcpy(body + 32, record->cti, sizeof record->cti);
    set_little(body + 40, record->fields, 4);
    for (size_t i = 0; i < JOURNAL_TEXTS; i++)
        body[TEXT_LENGTHS + i] = (uint8_t)texts[i].len;
    memset(body + 49, 0, 3);
    set_little(body + 52, record->number, 8);
    if (record->licence_known)
        memcpy(body + 60, record->licence, sizeof record->licence);
    else
        memset(body + 60, 0, sizeof record->licence);
    uint8_t *at = body + JOURNAL_FIXED_BYTES;
    for (size_t i = 0; i < JOURNAL_TEXTS; at += texts[i++].len)
        if (texts[i].len)
            memcpy(at, texts[i].data, texts[i].len);
}

/* The texts lie behind the fixed part, one behind the other, and nothing behind them. */
static bool texts_read(struct bytes body, struct bytes texts[JOURNAL_TEXTS])
{
    struct bytes rest = bytes_from(body, JOURNAL_FIXED_BYTES);
    for (size_t i = 0; i < JOURNAL_TEXTS; i++) {
        size_t len = body.data[TEXT_LENGTHS + i];
        if (len > JOURNAL_TEXT_BYTES_MAX || len > rest.len)
            return false;
        texts[i] = bytes_of(rest.data, len);
        rest = bytes_from(rest, len);
    }
    return rest.len == 0;
}

bool journal_body_read(struct bytes octets, struct journal_record *record)
{
    struct bytes texts[JOURNAL_TEXTS];
    const uint8_t *body = octets.data;
    if (octets.len < JOURNAL_FIXED_BYTES || body[0] == JOURNAL_REMOVED ||
        !texts_read(octets, texts))
        return false;
    *record = (struct journal_record){
        .kind = (enum journal_kind)body[0],
        .role = body[1],
        .result = body[2],
        .reason = body[3],
        .place_known = body[4] & PLACE_KNOWN,
        .licence_known = body[4] & LICENCE_KNOWN,
        .acting = body[5],
        .list = (uint16_t)bytes_little(body + 6, 2),
        .index = (uint32_t)bytes_little(body + 8, 4),
        .status = body[12],
        .detail = body[13],
        .type = (uint16_t)bytes_little(body + 14, 2),
        .request_id = bytes_little(body + 16, 8),
        .at_us = (int64_t)bytes_little(body + 24, 8),
        .fields = (uint32_t)bytes_little(body + 40, 4),
        .number = bytes_little(body + 52, 8),
        .subject = texts[0],
        .client = texts[1],
        .purpose = texts[2],
        .reference = texts[3],
        .agency = texts[4],
    };
    memcpy(record->cti, body + 32, sizeof record->cti);
    memcpy(record->licence, body + 60, sizeof record->licence);
    return true;
}

/* ---- records ---- */

/* What the checksum covers lies behind it already. */
static void frame_set(uint8_t *frame, size_t body_bytes)
{
    set_little(frame + 4, body_bytes, 4);
    set_little(frame, crc32c_of(bytes_of(frame + 4, 4 + body_bytes)), 4);
}

void journal_record_write(const struct journal_record *record, struct buf *out)
{
    const size_t before = out->len;
    uint8_t *frame = buf_grow(out, JOURNAL_FRAME_BYTES);
    journal_body_write(record, out);
    if (buf_ok(out))
        frame_set(frame, out->len - before - JOURNAL_FRAME_BYTES);
    else
        out->len = before;
}

void journal_removed_write(size_t record_bytes, struct buf *out)
{
    uint8_t *frame = buf_grow(out, record_bytes);
    if (!frame)
        return;
    memset(frame, 0, record_bytes);
    frame_set(frame, record_bytes - JOURNAL_FRAME_BYTES);
}

size_t journal_record_read(struct bytes from, struct journal_record *record)
{
    if (from.len < JOURNAL_FRAME_BYTES + JOURNAL_FIXED_BYTES)
        return 0;
    uint64_t len = bytes_little(from.data + 4, 4);
    if (len < JOURNAL_FIXED_BYTES || len > JOURNAL_RECORD_BYTES_MAX - JOURNAL_FRAME_BYTES ||
        len > from.len - JOURNAL_FRAME_BYTES ||
        bytes_little(from.data, 4) != crc32c_of(bytes_of(from.data + 4, 4 + (size_t)len)))
        return 0;
    const uint8_t *body = from.data + JOURNAL_FRAME_BYTES;
    if (body[0] == JOURNAL_REMOVED)
        *record = (struct journal_record){.kind = JOURNAL_REMOVED};
    else if (!journal_body_read(bytes_of(body, (size_t)len), record))
        return 0;
    return JOURNAL_FRAME_BYTES + (size_t)len;
}

const char *journal_kind_text(unsigned kind)
{
    switch (kind) {
#define K(number, name, word)                                                                      \
    case JOURNAL_##name:                                                                           \
        return word;
        JOURNAL_KINDS(K)
#undef K
    default:
        return NULL;
    }
}
