#include "gateway/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"

#define LINE_BYTES_MAX   2000
#define FIELDS_MAX       12
#define NAME_BYTES_MAX   32 /* of an event or a field: they are ours */
#define END_BYTES        6 /* what a line cut short still needs: "…", a quote, a brace, a newline */
#define CHARACTER_BYTES  6 /* the longest form of one character */
#define NUMBER_BYTES_MAX 20

static _Atomic enum log_level least_level = LOG_INFO;

void log_set_level(enum log_level least)
{
    least_level = least;
}

bool log_wants(enum log_level level)
{
    return level >= least_level;
}

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = {
        [LOG_DEBUG] = "debug",
        [LOG_INFO] = "info",
        [LOG_WARNING] = "warning",
        [LOG_ERROR] = "error",
    };
    return names[level];
}

static bool room_for(const struct buf *line, size_t octets)
{
    return line->cap - line->len >= octets + END_BYTES;
}

/* A JSON string, cut where the line ends. An octet that is no UTF-8 becomes \xNN, with its
 * backslash escaped in turn. */
static void put_text(struct buf *line, struct bytes text)
{
    buf_put_u8(line, '"');
    while (text.len) {
        uint32_t c = 0;
        size_t n = utf8_next(text, &c);
        if (!room_for(line, CHARACTER_BYTES)) {
            buf_put_str(line, "…");
            break;
        }
        if (n == 0)
            buf_printf(line, "\\\\x%02x", text.data[0]);
        else if (c >= 0x7F && c < 0xA0) /* JSON lets these pass; a terminal obeys them */
            buf_printf(line, "\\u%04x", (unsigned)c);
        else
            buf_put_json_escaped(line, bytes_of(text.data, n));
        text = bytes_from(text, n ? n : 1);
    }
    buf_put_u8(line, '"');
}

static void put_value(struct buf *line, const struct log_field *field)
{
    if (field->kind == LOG_FIELD_TEXT)
        put_text(line, field->text);
    else if (field->kind == LOG_FIELD_NUMBER)
        buf_put_decimal(line, field->number);
    else
        buf_printf(line, "\"%016llx\"", (unsigned long long)field->number);
}

/* RFC 3339 with milliseconds. */
static void put_time(struct buf *line)
{
    uint8_t storage[32];
    struct buf stamp = BUF_OVER(storage);
    int64_t now_us = clock_wall_us();
    size_t seconds = sizeof "2023-06-01T08:00:00" - 1;
    buf_put_timestamp(&stamp, now_us / 1000000);
    buf_put(line, bytes_of(storage, seconds));
    buf_printf(line, ".%03d", (int)(now_us / 1000 % 1000));
    buf_put(line, bytes_from(buf_bytes(&stamp), seconds));
}

void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t count)
{
    uint8_t storage[LINE_BYTES_MAX];
    struct buf line = BUF_OVER(storage);
    CHECK(count <= FIELDS_MAX + 1); /* fields[0] is empty: C has no empty array */
    if (!log_wants(level))
        return;
    int errno_before = errno;
    bool json = !isatty(STDERR_FILENO);
    buf_put_str(&line, json ? "{\"time\":\"" : "");
    put_time(&line);
    buf_printf(&line, json ? "\",\"level\":\"%s\",\"event\":\"%s\"" : " %-7s %s",
               log_level_name(level), event);
    for (size_t i = 1; i < count; i++) {
        if (!room_for(&line, NAME_BYTES_MAX + NUMBER_BYTES_MAX))
            break;
        buf_printf(&line, json ? ",\"%s\":" : " %s=", fields[i].name);
        put_value(&line, &fields[i]);
    }
    buf_put_str(&line, json ? "}\n" : "\n");
    CHECK(buf_ok(&line)); /* names are short */
    while (write(STDERR_FILENO, line.data, line.len) < 0 && errno == EINTR)
        ;
    errno = errno_before;
}
