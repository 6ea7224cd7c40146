#include "protocol/digits.h"

#define GROUP_BYTES 7

/* Digits of 0 to 7 bytes: the least number that holds 2^(8n) - 1. */
static const uint8_t DIGITS[GROUP_BYTES + 1] = {0, 3, 5, 8, 10, 13, 15, 17};

size_t digits_length(size_t len)
{
    return len / GROUP_BYTES * DIGITS[GROUP_BYTES] + DIGITS[len % GROUP_BYTES];
}

static void write_group(struct buf *out, struct bytes group)
{
    uint8_t digits[17];
    uint64_t value = 0;
    for (size_t i = group.len; i-- > 0;)
        value = value << 8 | group.data[i];
    for (size_t i = DIGITS[group.len]; i-- > 0; value /= 10)
        digits[i] = (uint8_t)('0' + value % 10);
    buf_put(out, bytes_of(digits, DIGITS[group.len]));
}

void digits_write(struct buf *out, struct bytes bytes)
{
    for (; bytes.len > GROUP_BYTES; bytes = bytes_from(bytes, GROUP_BYTES))
        write_group(out, bytes_of(bytes.data, GROUP_BYTES));
    write_group(out, bytes);
}

static bool read_group(struct buf *out, const uint8_t *digits, size_t n)
{
    uint8_t octets[GROUP_BYTES];
    uint64_t value = 0;
    for (size_t i = 0; i < DIGITS[n]; i++) {
        unsigned digit = (unsigned)digits[i] - '0';
        if (digit > 9)
            return false;
        value = value * 10 + digit;
    }
    for (size_t i = 0; i < n; i++, value >>= 8)
        octets[i] = (uint8_t)value;
    buf_put(out, bytes_of(octets, n));
    return value == 0;
}

bool digits_read(struct buf *out, struct bytes digits)
{
    for (; digits.len >= DIGITS[GROUP_BYTES]; digits = bytes_from(digits, DIGITS[GROUP_BYTES]))
        if (!read_group(out, digits.data, GROUP_BYTES))
            return false;
    for (size_t n = 0; n < GROUP_BYTES; n++)
        if (DIGITS[n] == digits.len)
            return read_group(out, digits.data, n) && buf_ok(out);
    return false;
}
