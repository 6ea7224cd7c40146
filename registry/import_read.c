/* A file -> its lines as UTF-8 fields, through a window of fixed size. A bad line never takes the
 * next one with it: what does not read as a record costs its own physical line, also when a stray
 * quote seems to open a field that goes on for pages. */
#include "registry/import_record.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/utf8.h"

#define WINDOW_BYTES 262144
#define AHEAD_BYTES  (IMPORT_LINE_BYTES_MAX + 2) /* a record with its line end */
#define SAMPLE_BYTES 1048576                     /* what tells the encoding */
#define NO_COLUMN    IMPORT_COLUMN_COUNT

struct import_reader {
    int fd;
    uint64_t size;
    bool gb18030, json;
    iconv_t convert;
    uint8_t *window;
    size_t begin, end;     /* what is unread in the window */
    uint64_t offset, line; /* of window[begin] */
    uint64_t heading_octets;
    uint8_t *text; /* the record as UTF-8 */
    size_t text_len;
    size_t field_count; /* CSV; 0 until the heading is read */
    uint8_t column_of[IMPORT_FIELDS_MAX];
    struct bytes fields[IMPORT_FIELDS_MAX];
    struct import_json *object;
};

const char *import_reader_encoding(const struct import_reader *r)
{
    return r->gb18030 ? "GB18030" : "UTF-8";
}

const char *import_reader_format(const struct import_reader *r)
{
    return r->json ? "NDJSON" : "CSV";
}

uint64_t import_reader_heading_octets(const struct import_reader *r)
{
    return r->heading_octets;
}

/* Reads until AHEAD_BYTES are there or the file is at its end. */
static bool fill(struct import_reader *r)
{
    if (r->end - r->begin >= AHEAD_BYTES)
        return true;
    memmove(r->window, r->window + r->begin, r->end - r->begin);
    r->end -= r->begin;
    r->begin = 0;
    uint64_t left = r->size - r->offset; /* what is appended meanwhile is not read */
    size_t wanted = left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
    while (r->end < wanted) {
        ssize_t n = pread(r->fd, r->window + r->end, wanted - r->end, (off_t)(r->offset + r->end));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            break;
        r->end += (size_t)n;
    }
    return true;
}

/* The unread octets, at most AHEAD_BYTES; `whole`: the file ends with them. */
static struct bytes ahead(const struct import_reader *r, bool *whole)
{
    size_t len = r->end - r->begin;
    *whole = len <= AHEAD_BYTES && r->offset + len >= r->size;
    return bytes_of(r->window + r->begin, len < AHEAD_BYTES ? len : AHEAD_BYTES);
}

static void advance(struct import_reader *r, size_t octets)
{
    const uint8_t *at = r->window + r->begin, *last = at + octets;
    while (at < last && (at = memchr(at, '\n', (size_t)(last - at))) != NULL) {
        r->line++;
        at++;
    }
    r->begin += octets;
    r->offset += octets;
}

static bool convert(iconv_t cd, struct bytes raw, struct bytes *out, uint8_t *text, bool *too_long)
{
    char *from = (char *)raw.data, *to = (char *)text;
    size_t left = raw.len, room = IMPORT_LINE_BYTES_MAX;
    iconv(cd, NULL, NULL, NULL, NULL);
    bool ok = iconv(cd, &from, &left, &to, &room) != (size_t)-1;
    *too_long = !ok && errno == E2BIG;
    *out = bytes_of(text, IMPORT_LINE_BYTES_MAX - room);
    return ok;
}

/* The record, without its line end, as UTF-8 into r->text. */
static bool decode(struct import_reader *r, struct bytes raw, struct import_fault *fault)
{
    bool too_long = false, ok;
    while (raw.len && (raw.data[raw.len - 1] == '\n' || raw.data[raw.len - 1] == '\r'))
        raw.len--;
    if (r->gb18030) {
        struct bytes text;
        ok = convert(r->convert, raw, &text, r->text, &too_long);
        r->text_len = text.len;
    } else {
        too_long = raw.len > IMPORT_LINE_BYTES_MAX;
        ok = !too_long && utf8_valid(raw);
        r->text_len = ok ? raw.len : 0;
        memcpy(r->text, raw.data, r->text_len);
    }
    if (!ok)
        *fault =
            (struct import_fault){too_long ? IMPORT_REASON_TOO_LONG : IMPORT_REASON_ENCODING, NULL};
    return ok;
}

/* How many octets the record ahead has. With false these are its first physical line, which is bad.
 */
static bool measure(const struct import_reader *r, size_t *octets, struct import_fault *fault)
{
    bool whole;
    struct bytes text = ahead(r, &whole);
    const uint8_t *newline = memchr(text.data, '\n', text.len);
    size_t line = newline ? (size_t)(newline - text.data) + 1 : text.len, fields;
    *octets = line;
    if (!newline && !whole) {
        *fault = (struct import_fault){IMPORT_REASON_TOO_LONG, NULL};
        return false;
    }
    if (r->json || bytes_trim(bytes_of(text.data, line)).len == 0)
        return true;
    if (!import_csv_span(text, whole, octets, &fields))
        *fault = (struct import_fault){IMPORT_REASON_SYNTAX, NULL};
    else if (r->field_count && fields != r->field_count)
        *fault = (struct import_fault){IMPORT_REASON_FIELD_COUNT, NULL};
    else
        return true;
    *octets = line;
    return false;
}

/* Moves behind a line that is longer than the window looks ahead. */
static bool skip_line(struct import_reader *r)
{
    for (;;) {
        const uint8_t *from = r->window + r->begin;
        const uint8_t *newline = memchr(from, '\n', r->end - r->begin);
        advance(r, newline ? (size_t)(newline - from) + 1 : r->end - r->begin);
        if (newline || r->offset >= r->size)
            return true;
        if (!fill(r) || r->begin == r->end)
            return false;
    }
}

static bool read_fields(struct import_reader *r, struct import_line *line)
{
    if (r->json)
        return import_json_read(r->object, bytes_of(r->text, r->text_len), &line->fields,
                                &line->fault);
    size_t count;
    line->fields = (struct import_fields){0};
    /* The octets were measured before the conversion, which keeps commas, quotes and line ends. */
    CHECK(import_csv_split(r->text, r->text_len, r->fields, &count) && count == r->field_count);
    for (size_t i = 0; i < count; i++)
        if (r->column_of[i] != NO_COLUMN)
            line->fields.value[r->column_of[i]] = r->fields[i];
    return true;
}

/* The next line that is not blank, undecoded. */
static enum import_read next_raw(struct import_reader *r, struct import_line *line)
{
    for (;;) {
        bool whole;
        if (!fill(r) || (r->begin == r->end && r->offset < r->size))
            return IMPORT_READ_FAILED;
        if (r->offset >= r->size)
            return IMPORT_READ_END;
        line->number = r->line;
        line->offset = r->offset;
        size_t octets;
        bool ok = measure(r, &octets, &line->fault);
        struct bytes raw = bytes_of(ahead(r, &whole).data, octets);
        if (!ok && line->fault.reason == IMPORT_REASON_TOO_LONG) {
            if (!skip_line(r))
                return IMPORT_READ_FAILED;
        } else {
            ok = ok && decode(r, raw, &line->fault);
            advance(r, octets);
            if (bytes_trim(raw).len == 0)
                continue;
        }
        line->octets = r->offset - line->offset;
        return ok ? IMPORT_READ_RECORD : IMPORT_READ_BAD;
    }
}

enum import_read import_reader_next(struct import_reader *r, struct import_line *line)
{
    enum import_read result = next_raw(r, line);
    if (result == IMPORT_READ_RECORD && !read_fields(r, line))
        return IMPORT_READ_BAD;
    return result;
}

/* ---- the beginning ---- */

/* UTF-8 or GB18030, by what most lines of the sample with other than ASCII are. Chinese in GB18030
 * is next to never valid UTF-8 over a whole line, so UTF-8 is asked first. */
static bool find_encoding(struct import_reader *r, struct bytes sample, bool cut, struct buf *why)
{
    size_t lines = 0, utf8 = 0, gb18030 = 0;
    if (bytes_start_with(sample, BYTES("\xFF\xFE")) ||
        bytes_start_with(sample, BYTES("\xFE\xFF"))) {
        buf_put_str(why, "the file is UTF-16; UTF-8 and GB18030 are read");
        return false;
    }
    r->convert = iconv_open("UTF-8", "GB18030");
    if (r->convert == (iconv_t)-1) {
        buf_put_str(why, "the system's iconv does not know GB18030");
        return false;
    }
    while (sample.len) {
        const uint8_t *newline = memchr(sample.data, '\n', sample.len);
        struct bytes line = {sample.data, newline ? (size_t)(newline - sample.data) : sample.len};
        if (!newline && cut)
            break;
        sample = bytes_from(sample, line.len + (newline != NULL));
        size_t ascii = 0;
        while (ascii < line.len && line.data[ascii] < 0x80)
            ascii++;
        if (ascii == line.len || line.len > IMPORT_LINE_BYTES_MAX)
            continue;
        struct bytes out;
        bool too_long;
        lines++;
        utf8 += utf8_valid(line);
        gb18030 += convert(r->convert, line, &out, r->text, &too_long) || too_long;
    }
    r->gb18030 = 2 * utf8 < lines;
    if (r->gb18030 && 2 * gb18030 < lines) {
        buf_put_str(why, "most lines of the file are neither UTF-8 nor GB18030");
        return false;
    }
    return true;
}

static bool read_sample(struct import_reader *r, struct buf *why)
{
    uint8_t *sample = check_alloc(SAMPLE_BYTES);
    size_t len = 0;
    ssize_t n = 1;
    while (len < SAMPLE_BYTES && n != 0) {
        n = pread(r->fd, sample + len, SAMPLE_BYTES - len, (off_t)len);
        if (n < 0 && errno != EINTR)
            break;
        len += n > 0 ? (size_t)n : 0;
    }
    bool ok = find_encoding(r, bytes_of(sample, len), len < r->size, why);
    const struct bytes mark = BYTES("\xEF\xBB\xBF");
    r->line = 1;
    if (ok && bytes_start_with(bytes_of(sample, len), mark)) {
        r->gb18030 = false;
        r->offset = mark.len;
    }
    struct bytes first = bytes_trim(bytes_from(bytes_of(sample, len), r->offset));
    r->json = first.len && first.data[0] == '{';
    free(sample);
    return ok;
}

static bool map_columns(struct import_reader *r, size_t count, struct buf *why)
{
    bool there[IMPORT_COLUMN_COUNT] = {false};
    for (size_t i = 0; i < count; i++) {
        enum import_column column;
        r->column_of[i] = NO_COLUMN;
        if (!import_column_find(r->fields[i], &column))
            continue;
        if (there[column]) {
            buf_printf(why, "the heading has the column %s twice", import_column_name(column));
            return false;
        }
        there[column] = true;
        r->column_of[i] = (uint8_t)column;
    }
    bool ok = true;
    for (size_t i = 0; i < IMPORT_COLUMN_COUNT; i++) {
        enum import_column column = (enum import_column)i;
        if (there[i] || !import_column_required(column))
            continue;
        buf_printf(why, ok ? "the heading lacks %s" : ", %s", import_column_name(column));
        ok = false;
    }
    return ok;
}

static bool read_heading(struct import_reader *r, struct buf *why)
{
    struct import_line line;
    size_t count;
    if (next_raw(r, &line) != IMPORT_READ_RECORD ||
        !import_csv_split(r->text, r->text_len, r->fields, &count)) {
        buf_printf(why, "the file has no heading of at most %d columns", IMPORT_FIELDS_MAX);
        return false;
    }
    r->field_count = count;
    return map_columns(r, count, why);
}

static struct import_reader *create(int fd, uint64_t size)
{
    struct import_reader *r = check_alloc(sizeof *r);
    r->fd = fd;
    r->size = size;
    r->convert = (iconv_t)-1;
    r->window = check_alloc(WINDOW_BYTES);
    r->text = check_alloc(IMPORT_LINE_BYTES_MAX);
    r->object = import_json_create();
    return r;
}

struct import_reader *import_reader_create_ndjson(int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return NULL;
    struct import_reader *r = create(fd, (uint64_t)status.st_size);
    r->json = true;
    r->line = 1;
    return r;
}

struct import_reader *import_reader_create(int fd, enum import_error *error, struct buf *why)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) {
        buf_put_str(why, "the file is empty, or not a regular file");
        *error = IMPORT_ERR_FILE;
        return NULL;
    }
    struct import_reader *r = create(fd, (uint64_t)status.st_size);
    *error = IMPORT_OK;
    if (!read_sample(r, why))
        *error = IMPORT_ERR_ENCODING;
    else if (!r->json && !read_heading(r, why))
        *error = IMPORT_ERR_HEADING;
    r->heading_octets = r->offset;
    if (*error)
        import_reader_destroy(&r);
    return r;
}

void import_reader_destroy(struct import_reader **reader)
{
    struct import_reader *r = *reader;
    if (!r)
        return;
    if (r->convert != (iconv_t)-1)
        iconv_close(r->convert);
    import_json_destroy(&r->object);
    free(r->window);
    free(r->text);
    free(r);
    *reader = NULL;
}
