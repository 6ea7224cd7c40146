#include "protocol/cbor.h"

#define NULL_ITEM 0xF6

/* ---- reading -----------------------------------------------------------------------------------
 */

static void fail(struct cbor_reader *r)
{
    r->failed = true;
    r->rest.len = 0;
}

/* The next item's head: its argument, 0 after a failure. */
static uint64_t read_head(struct cbor_reader *r, enum cbor_kind *kind)
{
    *kind = CBOR_UINT;
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
    bool longer = (more == 1 && value < 24) || (more > 1 && value >> (4 * more) == 0);
    if (longer && !r->lenient) {
        fail(r);
        return 0;
    }
    r->rest = bytes_from(r->rest, 1 + more);
    *kind = (enum cbor_kind)(first >> 5);
    return value;
}

static uint64_t read_of(struct cbor_reader *r, enum cbor_kind wanted, uint64_t min, uint64_t max)
{
    enum cbor_kind kind;
    uint64_t value = read_head(r, &kind);
    if (kind != wanted || value < min || value > max)
        fail(r);
    return r->failed ? 0 : value;
}

uint64_t cbor_read_uint(struct cbor_reader *r, uint64_t max)
{
    return read_of(r, CBOR_UINT, 0, max);
}

int64_t cbor_read_int(struct cbor_reader *r)
{
    enum cbor_kind kind;
    uint64_t value = read_head(r, &kind);
    if (kind > CBOR_NEGATIVE || value > INT64_MAX)
        fail(r);
    if (r->failed)
        return 0;
    return kind == CBOR_NEGATIVE ? -1 - (int64_t)value : (int64_t)value;
}

static struct bytes read_string(struct cbor_reader *r, enum cbor_kind kind, size_t min, size_t max)
{
    size_t len = (size_t)read_of(r, kind, min, max);
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
    return read_string(r, CBOR_BYTES, len_min, len_max);
}

struct bytes cbor_read_text(struct cbor_reader *r, size_t len_min, size_t len_max)
{
    return read_string(r, CBOR_TEXT, len_min, len_max);
}

void cbor_read_array(struct cbor_reader *r, size_t count)
{
    read_of(r, CBOR_ARRAY, count, count);
}

size_t cbor_read_array_head(struct cbor_reader *r, size_t count_max)
{
    return (size_t)read_of(r, CBOR_ARRAY, 0, count_max);
}

void cbor_read_map(struct cbor_reader *r, size_t count)
{
    read_of(r, CBOR_MAP, count, count);
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

/* ---- others' CBOR ------------------------------------------------------------------------------
 */

enum cbor_kind cbor_peek(const struct cbor_reader *r)
{
    return r->rest.len == 0 ? CBOR_NOTHING : (enum cbor_kind)(r->rest.data[0] >> 5);
}

/* How many items the next one holds; its own content is taken. */
static uint64_t take_one(struct cbor_reader *r)
{
    enum cbor_kind kind;
    uint64_t value = read_head(r, &kind);
    switch (kind) {
    case CBOR_BYTES:
    case CBOR_TEXT:
        if (value > r->rest.len)
            fail(r);
        else
            r->rest = bytes_from(r->rest, (size_t)value);
        return 0;
    case CBOR_ARRAY:
    case CBOR_MAP:
        if (value > r->rest.len) /* each takes an octet at least: nothing overflows below */
            fail(r);
        return kind == CBOR_MAP ? 2 * value : value;
    case CBOR_TAG:
        return 1;
    default:
        return 0;
    }
}

void cbor_skip(struct cbor_reader *r)
{
    uint64_t left[CBOR_DEPTH_MAX + 1] = {1}; /* items to come, on each level */
    size_t depth = 0;
    for (;;) {
        while (left[depth] == 0) {
            if (depth == 0)
                return;
            depth--;
        }
        left[depth]--;
        uint64_t inside = take_one(r);
        if (inside > 0 && ++depth > CBOR_DEPTH_MAX)
            fail(r);
        if (r->failed)
            return;
        left[depth] += inside;
    }
}

bool cbor_read_tag(struct cbor_reader *r, uint64_t tag)
{
    struct cbor_reader ahead = *r;
    enum cbor_kind kind;
    if (read_head(&ahead, &kind) != tag || ahead.failed || kind != CBOR_TAG)
        return false;
    *r = ahead;
    return true;
}

size_t cbor_read_map_head(struct cbor_reader *r)
{
    return (size_t)read_of(r, CBOR_MAP, 0, CBOR_LABELS_MAX);
}

struct cbor_label cbor_read_label(struct cbor_reader *r, struct cbor_labels *seen)
{
    struct cbor_label label = {{NULL, 0}, 0};
    if (cbor_peek(r) == CBOR_TEXT)
        label.text = cbor_read_text(r, 0, r->rest.len);
    else
        label.number = cbor_read_int(r);
    for (size_t i = 0; i < seen->count; i++) {
        const struct cbor_label *other = &seen->labels[i];
        if (!label.text.data == !other->text.data && label.number == other->number &&
            bytes_equal(label.text, other->text))
            fail(r);
    }
    if (seen->count == CBOR_LABELS_MAX)
        fail(r);
    if (r->failed)
        return (struct cbor_label){{NULL, 0}, 0};
    seen->labels[seen->count++] = label;
    return label;
}

/* ---- writing -----------------------------------------------------------------------------------
 */

static void put_head(struct buf *out, enum cbor_kind kind, uint64_t value)
{
    const uint8_t high = (uint8_t)(kind << 5);
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
    put_head(out, CBOR_UINT, value);
}

void cbor_put_int(struct buf *out, int64_t value)
{
    if (value < 0)
        put_head(out, CBOR_NEGATIVE, (uint64_t)(-1 - value));
    else
        put_head(out, CBOR_UINT, (uint64_t)value);
}

void cbor_put_bytes(struct buf *out, struct bytes bytes)
{
    put_head(out, CBOR_BYTES, bytes.len);
    buf_put(out, bytes);
}

void cbor_put_bytes_head(struct buf *out, size_t len)
{
    put_head(out, CBOR_BYTES, len);
}

void cbor_put_text(struct buf *out, struct bytes text)
{
    put_head(out, CBOR_TEXT, text.len);
    buf_put(out, text);
}

void cbor_put_array(struct buf *out, size_t count)
{
    put_head(out, CBOR_ARRAY, count);
}

void cbor_put_map(struct buf *out, size_t count)
{
    put_head(out, CBOR_MAP, count);
}

void cbor_put_null(struct buf *out)
{
    buf_put_u8(out, NULL_ITEM);
}
