#include "protocol/digits.h"

#include <endian.h>

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

/* Eight digits at once: each step joins neighbours, to numbers below 100, 10^4, 10^8. */
static bool read_eight(const uint8_t *digits, uint64_t *value)
{
    const uint64_t zeros = 0x3030303030303030, high_halves = 0xF0F0F0F0F0F0F0F0;
    uint64_t v;
    memcpy(&v, digits, sizeof v);
    v = le64toh(v);
    /* '0' to '9' are 0x30 to 0x39: six more must not reach 0x40. */
    if ((v & high_halves) != zeros || ((v + 0x0606060606060606) & high_halves) != zeros)
        return false;
    v = ((v - zeros) * (10 * (UINT64_C(1) << 8) + 1) >> 8) & 0x00FF00FF00FF00FF;
    v = (v * (100 * (UINT64_C(1) << 16) + 1) >> 16) & 0x0000FFFF0000FFFF;
    *value = v * (10000 * (UINT64_C(1) << 32) + 1) >> 32;
    return true;
}

/* Inlined, so that a whole group's lengths are constants. */
static inline __attribute__((always_inline)) bool read_group(struct buf *out, const uint8_t *digits,
                                                             size_t n)
{
    const uint8_t *end = digits + DIGITS[n];
    uint64_t value = 0, eight;
    for (; (end - digits) % 8 != 0; digits++) {
        if (*digits < '0' || *digits > '9')
            return false;
        value = value * 10 + (*digits - '0');
    }
    for (; digits < end; digits += 8) {
        if (!read_eight(digits, &eight))
            return false;
        value = value * 100000000 + eight;
    }
    const uint64_t octets = htole64(value);
    buf_put(out, bytes_of(&octets, n));
    return value >> (8 * n) == 0;
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
