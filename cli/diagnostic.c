#include "cli/diagnostic.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"

#define DEPTH_MAX 16

/* RFC 8949 section 3.1 */
enum { UINT, NEGATIVE, BYTE_STRING, TEXT_STRING, ARRAY, MAP, TAG, SIMPLE };

struct head {
    unsigned major, width; /* octets of the argument */
    uint64_t value;
};

static bool take_head(struct bytes *rest, struct head *head)
{
    if (rest->len == 0)
        return false;
    const unsigned low = rest->data[0] & 0x1F;
    head->major = rest->data[0] >> 5;
    head->width = low < 24 ? 0 : 1u << (low - 24);
    head->value = low;
    if (low > 27 || head->width >= rest->len)
        return false;
    if (head->width)
        head->value = 0;
    for (unsigned i = 1; i <= head->width; i++)
        head->value = head->value << 8 | rest->data[i];
    *rest = bytes_from(*rest, 1 + head->width);
    return true;
}

static double half(uint64_t bits)
{
    const int exponent = (int)(bits >> 10 & 31), mantissa = (int)(bits & 1023);
    double value = exponent == 0    ? ldexp(mantissa, -24)
                   : exponent == 31 ? (mantissa ? NAN : INFINITY)
                                    : ldexp(mantissa + 1024, exponent - 25);
    return bits & 0x8000 ? -value : value;
}

static void put_simple(struct buf *out, const struct head *head)
{
    static const char *const names[] = {"false", "true", "null", "undefined"};
    uint32_t narrow = (uint32_t)head->value;
    double value;
    float single;
    if (head->width < 2) {
        if (head->value >= 20 && head->value < 24)
            buf_put_str(out, names[head->value - 20]);
        else
            buf_printf(out, "simple(%u)", narrow);
        return;
    }
    if (head->width == 2) {
        value = half(head->value);
    } else if (head->width == 4) {
        memcpy(&single, &narrow, sizeof single);
        value = (double)single;
    } else {
        memcpy(&value, &head->value, sizeof value);
    }
    buf_printf(out, "%.17g", value);
}

static bool put_string(struct buf *out, struct bytes *rest, const struct head *head)
{
    if (head->value > rest->len)
        return false;
    const struct bytes string = bytes_of(rest->data, (size_t)head->value);
    if (head->major == BYTE_STRING) {
        buf_put_str(out, "h'");
        buf_put_hex(out, string);
        buf_put_u8(out, '\'');
    } else if (utf8_printable(string)) {
        buf_put_json(out, string);
    } else if (utf8_valid(string)) { /* controls have no business on a terminal */
        buf_put_str(out, "text h'");
        buf_put_hex(out, string);
        buf_put_u8(out, '\'');
    } else {
        return false;
    }
    *rest = bytes_from(*rest, string.len);
    return true;
}

static bool put_item(struct buf *out, struct bytes *rest, int depth);

static bool put_items(struct buf *out, struct bytes *rest, const struct head *head, int depth)
{
    const bool map = head->major == MAP;
    buf_put_u8(out, map ? '{' : '[');
    for (uint64_t i = 0; i < head->value; i++) {
        if (i > 0)
            buf_put_str(out, ", ");
        if (!put_item(out, rest, depth))
            return false;
        if (!map)
            continue;
        buf_put_str(out, ": ");
        if (!put_item(out, rest, depth))
            return false;
    }
    buf_put_u8(out, map ? '}' : ']');
    return true;
}

/* What could not be read stays in `rest`. */
static bool put_item(struct buf *out, struct bytes *rest, int depth)
{
    const struct bytes before = *rest;
    struct head head;
    bool good = depth < DEPTH_MAX && take_head(rest, &head);
    if (!good) {
        *rest = before;
        return false;
    }
    switch (head.major) {
    case UINT:
        buf_printf(out, "%llu", (unsigned long long)head.value);
        return true;
    case NEGATIVE:
        if (head.value == UINT64_MAX)
            buf_put_str(out, "-18446744073709551616");
        else
            buf_printf(out, "-%llu", (unsigned long long)head.value + 1);
        return true;
    case BYTE_STRING:
    case TEXT_STRING:
        good = put_string(out, rest, &head);
        break;
    case ARRAY:
    case MAP:
        return put_items(out, rest, &head, depth + 1);
    case TAG:
        buf_printf(out, "%llu(", (unsigned long long)head.value);
        if (!put_item(out, rest, depth + 1))
            return false;
        buf_put_u8(out, ')');
        return true;
    default:
        put_simple(out, &head);
        return true;
    }
    if (!good)
        *rest = before;
    return good;
}

void diagnostic_put(struct buf *out, struct bytes cbor)
{
    if (cbor.len > 0 && put_item(out, &cbor, 0) && cbor.len == 0)
        return;
    buf_put_str(out, " not CBOR: h'");
    buf_put_hex(out, cbor);
    buf_put_u8(out, '\'');
}
