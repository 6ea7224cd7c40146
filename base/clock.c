#include "base/clock.h"

#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

uint64_t clock_mono_us(void)
{
    return (uint64_t)read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t clock_wall_s(void)
{
    return clock_wall_us() / 1000000;
}

/* Both directions count from 0000-03-01, so that the leap day ends a year; a 400-year era has
 * 146,097 days, and 1970-01-01 is day 719,468. */
static int32_t days_from_civil(int year, int month, int day)
{
    int y = month <= 2 ? year - 1 : year;
    int era = y / 400, in_era = y % 400;
    int in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

void civil_from_days(int32_t days, int *year, int *month, int *day)
{
    int32_t z = days + 719468;
    int era = z / 146097, in_era = z % 146097;
    int y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int in_year = in_era - (365 * y + y / 4 - y / 100);
    int m = (5 * in_year + 2) / 153;
    *day = in_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = y + era * 400 + (*month <= 2);
}

bool civil_to_days(int year, int month, int day, int32_t *days)
{
    if (year < 1900 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    int32_t candidate = days_from_civil(year, month, day);
    int y, m, d;
    civil_from_days(candidate, &y, &m, &d);
    *days = candidate;
    return y == year && m == month && d == day;
}

int32_t civil_day_at(int64_t unix_s)
{
    int64_t local = unix_s + CLOCK_UTC8_S;
    return (int32_t)(local >= 0 ? local / 86400 : -((86399 - local) / 86400));
}

int64_t civil_day_begins(int32_t day)
{
    return (int64_t)day * 86400 - CLOCK_UTC8_S;
}

static uint8_t *write_padded(uint8_t *at, int value, int width)
{
    for (int i = width; i-- > 0; value /= 10)
        at[i] = (uint8_t)('0' + value % 10);
    return at + width;
}

static uint8_t *write_date(uint8_t *at, int32_t days)
{
    int year, month, day;
    civil_from_days(days, &year, &month, &day);
    at = write_padded(at, year, 4);
    *at++ = '-';
    at = write_padded(at, month, 2);
    *at++ = '-';
    return write_padded(at, day, 2);
}

void buf_put_date(struct buf *b, int32_t days)
{
    uint8_t *at = buf_grow(b, sizeof "2006-01-02" - 1);
    if (at)
        write_date(at, days);
}

void buf_put_timestamp(struct buf *b, int64_t unix_s)
{
    static const char zone[] = "+08:00";
    int32_t days = civil_day_at(unix_s);
    int second = (int)(unix_s + CLOCK_UTC8_S - (int64_t)days * 86400);
    uint8_t *at = buf_grow(b, sizeof "2006-01-02T15:04:05+08:00" - 1);
    if (!at)
        return;
    at = write_date(at, days);
    *at++ = 'T';
    at = write_padded(at, second / 3600, 2);
    *at++ = ':';
    at = write_padded(at, second / 60 % 60, 2);
    *at++ = ':';
    at = write_padded(at, second % 60, 2);
    memcpy(at, zone, sizeof zone - 1);
}

/* Numbers where the shape has digits, split by what else it has, which must stand there; how many
 * octets it is long, or 0. */
static size_t read_shape(struct bytes text, const char *shape, int *part)
{
    size_t len = strlen(shape), at = 0;
    if (text.len < len)
        return 0;
    part[0] = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = text.data[i];
        if (shape[i] != 'd') {
            if (c != (uint8_t)shape[i])
                return 0;
            part[++at] = 0;
        } else {
            if (c < '0' || c > '9')
                return 0;
            part[at] = part[at] * 10 + (c - '0');
        }
    }
    return len;
}

bool civil_read_date(struct bytes text, int32_t *days)
{
    int part[3];
    return text.len == sizeof "2006-01-02" - 1 && read_shape(text, "dddd-dd-dd", part) &&
           civil_to_days(part[0], part[1], part[2], days);
}

bool civil_read_timestamp(struct bytes text, int64_t *unix_s)
{
    int part[6], offset[2] = {0, 0}, sign = 1;
    int32_t days;
    size_t at = read_shape(text, "dddd-dd-ddTdd:dd:dd", part);
    if (!at || !civil_to_days(part[0], part[1], part[2], &days) || part[3] > 23 || part[4] > 59 ||
        part[5] > 59)
        return false;
    text = bytes_from(text, at);
    if (text.len > 1 && text.data[0] == '.') {
        for (at = 1; at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; at++)
            ;
        if (at == 1)
            return false;
        text = bytes_from(text, at);
    }
    if (!bytes_equal(text, BYTES("Z"))) {
        sign = text.len && text.data[0] == '-' ? -1 : 1;
        if (text.len != sizeof "+08:00" - 1 || (sign == 1 && text.data[0] != '+') ||
            !read_shape(bytes_from(text, 1), "dd:dd", offset) || offset[0] > 23 || offset[1] > 59)
            return false;
    }
    *unix_s = (int64_t)days * 86400 + part[3] * 3600 + part[4] * 60 + part[5] -
              sign * (offset[0] * 3600 + offset[1] * 60);
    return true;
}
