#include "protocol/identifier.h"

#include "base/clock.h"

#define ROOT              "1.2.156.3005.2."
#define TYPE_BYTES_MAX    30
#define VERSION_BYTES_MAX 3

/* ---- licences: GB/T 36904
 * ------------------------------------------------------------------------ */

/* 0-9 A-Z as 0 to 35, -1 for others. */
static int value36(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'Z' ? c - 'A' + 10 : -1;
}

/* ISO 7064 MOD 37,36, a hybrid system: the running product starts at 36. */
static char check_37_36(const struct bytes *segments, size_t count)
{
    int product = 36;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < segments[i].len; k++) {
            int sum = (product + value36(segments[i].data[k])) % 36;
            product = (sum ? sum : 36) * 2 % 37;
        }
    return "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(37 - product) % 36];
}

/* The text up to the next dot, which is taken too. */
static struct bytes take_segment(struct bytes *rest)
{
    const uint8_t *dot = rest->len ? memchr(rest->data, '.', rest->len) : NULL;
    struct bytes segment = bytes_of(rest->data, dot ? (size_t)(dot - rest->data) : rest->len);
    *rest = bytes_from(*rest, segment.len + (dot != NULL));
    return segment;
}

enum identifier_error licence_identifier_read(struct bytes text, struct licence_identifier *out)
{
    const struct bytes root = BYTES(ROOT);
    struct bytes segments[5], rest;
    if (text.len > IDENTIFIER_BYTES_MAX)
        return IDENTIFIER_ERR_LENGTH;
    if (!bytes_start_with(text, root))
        return IDENTIFIER_ERR_ROOT;
    rest = bytes_from(text, root.len);
    for (size_t i = 0; i < rest.len; i++)
        if (rest.data[i] != '.' && value36(rest.data[i]) < 0)
            return IDENTIFIER_ERR_CHARACTER;
    for (size_t i = 0; i < 5; i++) {
        segments[i] = take_segment(&rest);
        if (segments[i].len == 0)
            return IDENTIFIER_ERR_SEGMENT;
    }
    *out = (struct licence_identifier){segments[0], segments[1], segments[2], segments[3],
                                       (char)segments[4].data[0]};
    if (rest.len != 0 || text.data[text.len - 1] == '.' || segments[4].len != 1 ||
        out->type.len > TYPE_BYTES_MAX || (out->issuer.len != 18 && out->issuer.len != 6) ||
        out->version.len > VERSION_BYTES_MAX)
        return IDENTIFIER_ERR_SEGMENT;
    return check_37_36(segments, 4) == out->check ? IDENTIFIER_OK : IDENTIFIER_ERR_CHECK;
}

void licence_identifier_write(struct buf *out, const struct licence_identifier *id)
{
    const struct bytes segments[] = {id->type, id->issuer, id->serial, id->version};
    buf_put_str(out, ROOT);
    for (size_t i = 0; i < 4; i++) {
        buf_put(out, segments[i]);
        buf_put_u8(out, '.');
    }
    buf_put_u8(out, (uint8_t)check_37_36(segments, 4));
}

/* ---- persons: GB 11643
 * --------------------------------------------------------------------------- */

/* ISO 7064 MOD 11-2 with the weights 2^i mod 11, written out in the standard. */
char citizen_number_check(const char seventeen[17])
{
    static const int weights[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    int sum = 0;
    for (size_t i = 0; i < 17; i++)
        sum += (seventeen[i] - '0') * weights[i];
    return "10X98765432"[sum % 11];
}

static int number_of(const char *digits, size_t n)
{
    int value = 0;
    for (size_t i = 0; i < n; i++)
        value = value * 10 + (digits[i] - '0');
    return value;
}

enum identifier_error citizen_number_read(struct bytes text, char out[CITIZEN_NUMBER_BYTES])
{
    const bool former = text.len == 15; /* region, yymmdd, serial; born in 19yy */
    int32_t day;
    if (!former && text.len != CITIZEN_NUMBER_BYTES)
        return IDENTIFIER_ERR_LENGTH;
    for (size_t i = 0; i < text.len; i++) {
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';
        if (!digit && !(i == 17 && (text.data[i] | 0x20) == 'x'))
            return IDENTIFIER_ERR_CHARACTER;
    }
    if (former) {
        memcpy(out, text.data, 6);
        memcpy(out + 6, "19", 2);
        memcpy(out + 8, text.data + 6, 9);
        out[17] = citizen_number_check(out);
    } else {
        memcpy(out, text.data, CITIZEN_NUMBER_BYTES);
        out[17] = out[17] == 'x' ? 'X' : out[17];
    }
    if (!civil_to_days(number_of(out + 6, 4), number_of(out + 10, 2), number_of(out + 12, 2), &day))
        return IDENTIFIER_ERR_DATE;
    return citizen_number_check(out) == out[17] ? IDENTIFIER_OK : IDENTIFIER_ERR_CHECK;
}

/* ---- enterprises: GB 32100
 * ------------------------------------------------------------------------ */

static const char CREDIT_ALPHABET[] = "0123456789ABCDEFGHJKLMNPQRTUWXY"; /* no I O S V Z */

static int credit_value(char c)
{
    const char *at = c ? strchr(CREDIT_ALPHABET, c) : NULL;
    return at ? (int)(at - CREDIT_ALPHABET) : -1;
}

/* The weights are the powers of 3 modulo 31. */
char credit_code_check_character(const char seventeen[17])
{
    int sum = 0, weight = 1;
    for (size_t i = 0; i < 17; i++, weight = weight * 3 % 31)
        sum += credit_value(seventeen[i]) * weight;
    return CREDIT_ALPHABET[(31 - sum % 31) % 31];
}

enum identifier_error credit_code_check(struct bytes text)
{
    if (text.len != CREDIT_CODE_BYTES)
        return IDENTIFIER_ERR_LENGTH;
    const char *code = (const char *)text.data;
    for (size_t i = 0; i < CREDIT_CODE_BYTES; i++)
        if (credit_value(code[i]) < 0)
            return IDENTIFIER_ERR_CHARACTER;
    return credit_code_check_character(code) == code[17] ? IDENTIFIER_OK : IDENTIFIER_ERR_CHECK;
}
