#include "evidence/journal_layout.h"

#include <endian.h>

#include "base/check.h"
#include "evidence/crc32c.h"

#define VERSION 2
#define MAGIC   BYTES("JWBJ")

static void put_little(struct buf *out, uint64_t value, unsigned octets)
{
    const uint64_t little = htole64(value);
    buf_put(out, bytes_of(&little, octets));
}

static uint64_t get_little(const uint8_t *from, unsigned octets)
{
    uint64_t value = 0;
    for (unsigned i = octets; i-- > 0;)
        value = value << 8 | from[i];
    return value;
}

void journal_header_write(unsigned loop_index, struct buf *out)
{
    uint8_t storage[JOURNAL_HEADER_BYTES];
    struct buf header = BUF_OVER(storage);
    buf_put(&header, MAGIC);
    put_little(&header, VERSION, 4);
    put_little(&header, loop_index, 4);
    put_little(&header, crc32c_of(buf_bytes(&header)), 4);
    buf_put(out, buf_bytes(&header));
}

bool journal_header_read(struct bytes from, unsigned *loop_index)
{
    if (from.len < JOURNAL_HEADER_BYTES || !bytes_start_with(from, MAGIC) ||
        get_little(from.data + 4, 4) != VERSION ||
        get_little(from.data + 12, 4) != crc32c_of(bytes_of(from.data, 12)))
        return false;
    *loop_index = (unsigned)get_little(from.data + 8, 4);
    return true;
}

void journal_record_write(const struct journal_record *record, struct buf *out)
{
    uint8_t storage[JOURNAL_RECORD_BYTES_MAX];
    struct buf checked = BUF_OVER(storage); /* what the checksum covers: length and body */
    const struct bytes texts[JOURNAL_TEXTS] = {record->subject, record->client, record->purpose,
                                               record->reference};
    size_t len = JOURNAL_FIXED_BYTES;
    for (size_t i = 0; i < JOURNAL_TEXTS; i++) {
        CHECK(texts[i].len <= JOURNAL_TEXT_BYTES_MAX);
        len += texts[i].len;
    }
    put_little(&checked, len, 4);
    buf_put_u8(&checked, (uint8_t)record->kind);
    buf_put_u8(&checked, record->role);
    buf_put_u8(&checked, record->result);
    buf_put_u8(&checked, record->reason);
    buf_put_u8(&checked, record->place_known);
    buf_put_u8(&checked, record->acting);
    put_little(&checked, record->place_known ? record->list : 0, 2);
    put_little(&checked, record->place_known ? record->index : 0, 4);
    for (size_t i = 0; i < JOURNAL_TEXTS; i++)
        buf_put_u8(&checked, (uint8_t)texts[i].len);
    put_little(&checked, record->request_id, 8);
    put_little(&checked, (uint64_t)record->at_us, 8);
    buf_put(&checked, bytes_of(record->cti, sizeof record->cti));
    put_little(&checked, record->fields, 4);
    for (size_t i = 0; i < JOURNAL_TEXTS; i++)
        buf_put(&checked, texts[i]);
    put_little(out, crc32c_of(buf_bytes(&checked)), 4);
    buf_put(out, buf_bytes(&checked));
}

/* The texts lie behind the fixed part, one behind the other, and nothing behind them. */
static bool texts_read(struct bytes body, struct bytes texts[JOURNAL_TEXTS])
{
    struct bytes rest = bytes_from(body, JOURNAL_FIXED_BYTES);
    for (size_t i = 0; i < JOURNAL_TEXTS; i++) {
        size_t len = body.data[12 + i];
        if (len > JOURNAL_TEXT_BYTES_MAX || len > rest.len)
            return false;
        texts[i] = bytes_of(rest.data, len);
        rest = bytes_from(rest, len);
    }
    return rest.len == 0;
}

size_t journal_record_read(struct bytes from, struct journal_record *record)
{
    struct bytes texts[JOURNAL_TEXTS];
    if (from.len < JOURNAL_FRAME_BYTES + JOURNAL_FIXED_BYTES)
        return 0;
    uint64_t len = get_little(from.data + 4, 4);
    if (len < JOURNAL_FIXED_BYTES || len > JOURNAL_RECORD_BYTES_MAX - JOURNAL_FRAME_BYTES ||
        len > from.len - JOURNAL_FRAME_BYTES ||
        get_little(from.data, 4) != crc32c_of(bytes_of(from.data + 4, 4 + (size_t)len)))
        return 0;
    const uint8_t *body = from.data + JOURNAL_FRAME_BYTES;
    if (!texts_read(bytes_of(body, (size_t)len), texts))
        return 0;
    *record = (struct journal_record){
        .kind = (enum journal_kind)body[0],
        .role = body[1],
        .result = body[2],
        .reason = body[3],
        .place_known = body[4] != 0,
        .acting = body[5],
        .list = (uint16_t)get_little(body + 6, 2),
        .index = (uint32_t)get_little(body + 8, 4),
        .request_id = get_little(body + 16, 8),
        .at_us = (int64_t)get_little(body + 24, 8),
        .fields = (uint32_t)get_little(body + 40, 4),
        .subject = texts[0],
        .client = texts[1],
        .purpose = texts[2],
        .reference = texts[3],
    };
    memcpy(record->cti, body + 32, sizeof record->cti);
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
