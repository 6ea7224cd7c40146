#include "gateway/config/calendar.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "gateway/config/file.h"

#define LINE_BYTES_MIN 14 /* 2026-10-01 off */

struct calendar {
    size_t count;
    struct calendar_day {
        int32_t on;
        bool worked;
    } days[]; /* in order */
};

/* 1970-01-01 was a Thursday. */
static bool is_weekend(int32_t day)
{
    return (day % 7 + 7 + 3) % 7 >= 5;
}

/* ---- reading -------------------------------------------------------------------------------- */

static struct bytes take_word(struct bytes *rest)
{
    struct bytes text = bytes_trim(*rest), word = text;
    for (word.len = 0; word.len < text.len && !memchr(" \t", text.data[word.len], 2);)
        word.len++;
    *rest = bytes_from(text, word.len);
    return word;
}

/* What is wrong with a line; NULL: nothing. */
static const char *read_line(struct calendar *calendar, struct bytes line)
{
    const uint8_t *comment = line.len ? memchr(line.data, '#', line.len) : NULL;
    if (comment)
        line.len = (size_t)(comment - line.data);
    struct bytes on = take_word(&line), word = take_word(&line);
    struct calendar_day day = {.worked = bytes_equal(word, BYTES("work"))};
    if (on.len == 0)
        return NULL;
    if (!civil_read_date(on, &day.on))
        return "begins with no day that exists, like 2026-10-01";
    if (!day.worked && !bytes_equal(word, BYTES("off")))
        return "the day must be followed by 'off' or 'work'";
    if (day.worked && !is_weekend(day.on))
        return "this is a day from Monday to Friday, which is worked anyway";
    if (calendar->count && calendar->days[calendar->count - 1].on >= day.on)
        return "the days must stand in order, each once";
    if (!utf8_printable(bytes_trim(line)))
        return "the name is not UTF-8, or has controls";
    calendar->days[calendar->count++] = day;
    return NULL;
}

struct calendar *calendar_read(struct bytes text, const char *name, struct buf *why)
{
    size_t room = text.len / LINE_BYTES_MIN + 1;
    struct calendar *calendar = check_alloc(sizeof *calendar + room * sizeof *calendar->days);
    for (unsigned number = 1; text.len; number++) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        struct bytes line = {text.data, end ? (size_t)(end - text.data) : text.len};
        const char *wrong = read_line(calendar, line);
        if (wrong) {
            buf_printf(why, "%s:%u: %s", name, number, wrong);
            calendar_destroy(&calendar);
            return NULL;
        }
        text = bytes_from(text, line.len + (end != NULL));
    }
    return calendar;
}

struct calendar *calendar_load(const char *path, struct buf *why)
{
    struct calendar *calendar = NULL;
    struct buf content;
    if (!*path)
        return calendar_read(BYTES(""), path, why);
    buf_init(&content, check_alloc(CALENDAR_FILE_BYTES_MAX + 1), CALENDAR_FILE_BYTES_MAX + 1);
    if (file_read(path, &content, why))
        calendar = calendar_read(buf_bytes(&content), path, why);
    free(content.data);
    return calendar;
}

void calendar_destroy(struct calendar **calendar)
{
    free(*calendar);
    *calendar = NULL;
}

/* ---- asking --------------------------------------------------------------------------------- */

static int compare_days(const void *a, const void *b)
{
    int32_t x = ((const struct calendar_day *)a)->on, y = ((const struct calendar_day *)b)->on;
    return (x > y) - (x < y);
}

bool calendar_is_worked(const struct calendar *calendar, int32_t day)
{
    const struct calendar_day key = {.on = day};
    const struct calendar_day *named =
        bsearch(&key, calendar->days, calendar->count, sizeof key, compare_days);
    return named ? named->worked : !is_weekend(day);
}

int32_t calendar_add_working_days(const struct calendar *calendar, int32_t day, unsigned n)
{
    while (n > 0)
        if (calendar_is_worked(calendar, ++day))
            n--;
    return day;
}
