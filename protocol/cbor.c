#include "protocol/cbor.h"

/* RFC 8949 section 3: the three high bits of the first octet. */
enum major { UINT = 0, NEGATIVE = 1, BYTE_STRING = 2, TEXT_STRING = 3, ARRAY = 4, MAP = 5 };

#define NULL_ITEM 0xF6

/* ---- reading -----------------------------------------------------------------------------------
 */

static void fail(struct cbor_reader *r)
{
    r->failed = true;
    r->rest.len = 0;
}

/* The next item's head: its argument, 0 after a failure. */
static uint64_t read_head(struct cbor_reader *r, enum major *major)
{
    *major = UINT;
    if (r->rest.len == 0) {
        fail(r);
        return 0;
    }
    uint8_t first = r->rest.data[0], low = first & 0x1F;
    size_t more = low < 24 ? 0 : low < 28 ? (size_t)1 << (low - 24) : SIZE_MAX;
    if (more > r->rest.len - 1) { /* cut off, reserved or of indefinite length */
        fail(r);
        return 0;
    }
    uint64_t value = more ? 0 : low;
    for (size_t i = 1; i <= more; i++)
        value = value << 8 | r->rest.data[i];
    /* Half of an argument's octets would have held it: not the shortest form. */
    if ((more == 1 && value < 24) || (more > 1 && value >> (4 * more) == 0)) {
        fail(r);
        return 0;
    }
    r->rest = bytes_from(r->rest, 1 + more);
    *major = (enum major)(first >> 5);
    return value;
}

static uint64_t read_of(struct cbor_reader *r, enum major wanted, uint64_t min, uint64_t max)
{
    enum major major;
    uint64_t value = read_head(r, &major);
    if (major != wanted || value < min || value > max)
        fail(r);
    return r->failed ? 0 : value;
}

uint64_t cbor_read_uint(struct cbor_reader *r, uint64_t max)
{
    return read_of(r, UINT, 0, max);
}

int64_t cbor_read_int(struct cbor_reader *r)
{
    enum major major;
    uint64_t value = read_head(r, &major);
    if (major > NEGATIVE || value > INT64_MAX)
        fail(r);
    if (r->failed)
        return 0;
    return major == NEGATIVE ? -1 - (int64_t)value : (int64_t)value;
}

static struct bytes read_string(struct cbor_reader *r, enum major major, size_t min, size_t max)
{
    size_t len = (size_t)read_of(r, major, min, max);
    if (len > r->rest.len)
        fail(r);
    if (r->failed)
        return bytes_of("", 0);
    struct bytes string = bytes_of(r->rest.data, len);
    r->rest = bytes_from(r->rest, len);
    return string;
}

struct bytes cbor_read_bytes(struct cbor_reader *r, size_t len_min, size_t len_max)
{
    return read_string(r, BYTE_STRING, len_min, len_max);
}

struct bytes cbor_read_text(struct cbor_reader *r, size_t len_min, size_t len_max)
{
    return read_string(r, TEXT_STRING, len_min, len_max);
}

void cbor_read_array(struct cbor_reader *r, size_t count)
{
    read_of(r, ARRAY, count, count);
}

size_t cbor_read_array_head(struct cbor_reader *r, size_t count_max)
{
    return (size_t)read_of(r, ARRAY, 0, count_max);
}

void cbor_read_map(struct cbor_reader *r, size_t count)
{
    read_of(r, MAP, count, count);
}

void cbor_read_key(struct cbor_reader *r, int64_t key)
{
    if (cbor_read_int(r) != key)
        fail(r);
}

bool cbor_read_null(struct cbor_reader *r)
{
    if (r->rest.len == 0 || r->rest.data[0] != NULL_ITEM)
        return false;
    r->rest = bytes_from(r->rest, 1);
    return true;
}

bool cbor_read_end(const struct cbor_reader *r)
{
    return !r->failed && r->rest.len == 0;
}

/* ---- writing -----------------------------------------------------------------------------------
 */

static void put_head(struct buf *out, enum major major, uint64_t value)
{
    const uint8_t high = (uint8_t)(major << 5);
    if (value < 24) {
        buf_put_u8(out, (uint8_t)(high | value));
        return;
    }
    unsigned power = value <= UINT8_MAX ? 0 : value <= UINT16_MAX ? 1 : value <= UINT32_MAX ? 2 : 3;
    buf_put_u8(out, (uint8_t)(high | (24 + power)));
    for (unsigned octets = 1u << power; octets-- > 0;)
        buf_put_u8(out, (uint8_t)(value >> (8 * octets)));
}

void cbor_put_uint(struct buf *out, uint64_t value)
{
    put_head(out, UINT, value);
}

void cbor_put_int(struct buf *out, int64_t value)
{
    if (value < 0)
        put_head(out, NEGATIVE, (uint64_t)(-1 - value));
    else
        put_head(out, UINT, (uint64_t)value);
}

void cbor_put_bytes(struct buf *out, struct bytes bytes)
{
    put_head(out, BYTE_STRING, bytes.len);
    buf_put(out, bytes);
}

void cbor_put_bytes_head(struct buf *out, size_t len)
{
    put_head(out, BYTE_STRING, len);
}

void cbor_put_text(struct buf *out, struct bytes text)
{
    put_head(out, TEXT_STRING, text.len);
    buf_put(out, text);
}

void cbor_put_array(struct buf *out, size_t count)
{
    put_head(out, ARRAY, count);
}

void cbor_put_map(struct buf *out, size_t count)
{
    put_head(out, MAP, count);
}

void cbor_put_null(struct buf *out)
{
    buf_put_u8(out, NULL_ITEM);
}
