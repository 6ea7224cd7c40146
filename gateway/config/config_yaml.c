/* The configuration's YAML (1.1, by libyaml's events): a mapping of sections, each a mapping of
 * keys to scalars. Everything else that YAML can say is refused: a file means what it looks like.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/check.h"
#include "base/utf8.h"
#include "gateway/config/table.h"

#define NAME_BYTES_MAX 48 /* of section.key; longer ones are of no key's family */

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one looked at; deleted before the next */
    struct config *config;
    const char *name;
    struct bytes yaml;
    unsigned *lines;
    struct buf *why;
};

/* ---- complaints: "file:line: sentence"; each returns false ---------------------------------- */

static bool complain_at(struct reader *r, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool complain_at(struct reader *r, size_t line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    buf_printf(r->why, "%s:%zu: ", r->name, line);
    buf_vprintf(r->why, format, arguments);
    va_end(arguments);
    return false;
}

static unsigned line_of(const struct reader *r)
{
    return (unsigned)r->event.start_mark.line + 1;
}

#define complain(r, ...) complain_at(r, line_of(r), __VA_ARGS__)

/* libyaml tells the place of what is no UTF-8 by octets, of the rest by lines. */
static bool complain_syntax(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    size_t line = p->problem_mark.line + 1;
    if (p->error == YAML_READER_ERROR) {
        line = 1;
        for (size_t i = 0; i < p->problem_offset && i < r->yaml.len; i++)
            line += r->yaml.data[i] == '\n';
    }
    return complain_at(r, line, "not YAML: %s", p->problem ? p->problem : "out of memory");
}

/* ---- what was meant ------------------------------------------------------------------------- */

/* Levenshtein's distance: how many letters to put in, take out or change. */
static size_t distance(struct bytes a, struct bytes b)
{
    size_t row[NAME_BYTES_MAX + 1];
    for (size_t k = 0; k <= b.len; k++)
        row[k] = k;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            size_t changed = diagonal + (a.data[i - 1] != b.data[k - 1]);
            diagonal = row[k];
            size_t shorter = row[k] < row[k - 1] ? row[k] + 1 : row[k - 1] + 1;
            row[k] = changed < shorter ? changed : shorter;
        }
    }
    return row[b.len];
}

static struct bytes row_name(const struct config_row *row, struct buf *storage)
{
    storage->len = 0;
    buf_put_str(storage, row->section);
    if (row->key)
        buf_printf(storage, ".%s", row->key);
    CHECK(buf_ok(storage));
    return buf_bytes(storage);
}

/* "unknown key 'http.body_byte_max'; did you mean 'http.body_bytes_max'?" The nearest name of the
 * table is told if at most a third of its letters differ. */
static bool complain_unknown(struct reader *r, const char *section, struct bytes key)
{
    char given_storage[NAME_BYTES_MAX + 1], known_storage[NAME_BYTES_MAX]; /* one with a NUL */
    struct buf given = BUF_OVER(given_storage), known = BUF_OVER(known_storage);
    const struct config_row *nearest = NULL;
    size_t least = SIZE_MAX;
    if (section)
        buf_printf(&given, "%s.", section);
    buf_put(&given, key);
    buf_cstr(&given);
    const char *what = section ? "key" : "section";
    if (!buf_ok(&given) || !utf8_printable(key))
        return complain(r, "unknown %s", what);
    for (const struct config_row *row = config_rows; row < config_rows + config_row_count; row++) {
        if (!section && row->key)
            continue;
        size_t d = distance(buf_bytes(&given), row_name(row, &known));
        if (d < least && d * 3 <= known.len)
            least = d, nearest = row;
    }
    complain(r, "unknown %s '%s'", what, given_storage);
    if (nearest)
        buf_printf(r->why, "; did you mean '%s%s%s'?", nearest->section, nearest->key ? "." : "",
                   nearest->key ? nearest->key : "");
    return false;
}

/* ---- events --------------------------------------------------------------------------------- */

/* The next event, without what YAML has beyond plain data. */
static bool next(struct reader *r)
{
    yaml_event_delete(&r->event);
    if (!yaml_parser_parse(&r->parser, &r->event))
        return complain_syntax(r);
    const yaml_event_t *e = &r->event;
    if (e->type == YAML_ALIAS_EVENT || (e->type == YAML_SCALAR_EVENT && e->data.scalar.anchor) ||
        (e->type == YAML_MAPPING_START_EVENT && e->data.mapping_start.anchor))
        return complain(r, "anchors and aliases (& and *) are not allowed");
    if ((e->type == YAML_SCALAR_EVENT && e->data.scalar.tag) ||
        (e->type == YAML_MAPPING_START_EVENT && e->data.mapping_start.tag))
        return complain(r, "tags (!) are not allowed");
    return true;
}

static struct bytes scalar(const struct reader *r)
{
    return bytes_of(r->event.data.scalar.value, r->event.data.scalar.length);
}

static bool is_plain(const struct reader *r)
{
    return r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* ---- values --------------------------------------------------------------------------------- */

/* Decimal digits without a sign or a leading zero, which YAML 1.1 would read as octal. */
static bool is_number(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len == 1 || (text.len > 1 && text.data[0] != '0');
}

/* A plain scalar that means something else than a text. */
static bool is_other_type(struct bytes text)
{
    static const char *const words[] = {"", "~", "null", "true", "false"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bytes_equal(text, bytes_str(words[i])))
            return true;
    return is_number(text);
}

static bool read_text(struct reader *r, const struct config_row *row)
{
    struct bytes text = scalar(r);
    if (is_plain(r) && is_other_type(text))
        return complain(r, "%s.%s must be a text; put it in quotes (\"\" for none)", row->section,
                        row->key);
    if (!utf8_printable(text))
        return complain(r, "%s.%s has a control character", row->section, row->key);
    char **at = config_text_at(r->config, row);
    free(*at);
    *at = check_strdup((const char *)text.data); /* libyaml puts a NUL behind it */
    return true;
}

static bool read_number(struct reader *r, const struct config_row *row)
{
    struct bytes text = scalar(r);
    uint64_t value = 0;
    bool within = true;
    if (!is_plain(r) || !is_number(text))
        return complain(r, "%s.%s must be a whole number", row->section, row->key);
    for (size_t i = 0; i < text.len && within; i++)
        within = !__builtin_mul_overflow(value, (uint64_t)10, &value) &&
                 !__builtin_add_overflow(value, (uint64_t)(text.data[i] - '0'), &value);
    if (!within || value < row->least || value > row->most)
        return complain(r, "%s.%s must be from %" PRIu64 " to %" PRIu64 "%s%s", row->section,
                        row->key, row->least, row->most, *row->unit ? " " : "", row->unit);
    *config_number_at(r->config, row) = value;
    return true;
}

static bool read_flag(struct reader *r, const struct config_row *row)
{
    bool yes = bytes_equal(scalar(r), BYTES("true"));
    if (!is_plain(r) || (!yes && !bytes_equal(scalar(r), BYTES("false"))))
        return complain(r, "%s.%s must be true or false", row->section, row->key);
    *config_flag_at(r->config, row) = yes;
    return true;
}

static bool read_choice(struct reader *r, const struct config_row *row)
{
    struct bytes choice;
    for (unsigned i = 0; (choice = config_choice(row, i)).len > 0; i++)
        if (bytes_equal(choice, scalar(r))) {
            *config_choice_at(r->config, row) = i;
            return true;
        }
    return complain(r, "%s.%s must be one of %s", row->section, row->key, row->text);
}

static bool read_value(struct reader *r, const struct config_row *row)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return complain(r, "%s.%s must be a single value", row->section, row->key);
    switch (row->type) {
    case CONFIG_TEXT:
    case CONFIG_FILE:
        return read_text(r, row);
    case CONFIG_NUMBER:
        return read_number(r, row);
    case CONFIG_FLAG:
        return read_flag(r, row);
    case CONFIG_CHOICE:
        return read_choice(r, row);
    case CONFIG_SECTION:
        break;
    }
    CHECK(!"a section has no value of its own");
    return false;
}

/* ---- structure ------------------------------------------------------------------------------ */

/* The row that the event looked at names, and that was not named before; NULL after a complaint. */
static const struct config_row *find_row(struct reader *r, const char *section)
{
    if (r->event.type != YAML_SCALAR_EVENT) {
        complain(r, "the name of a %s was expected", section ? "key" : "section");
        return NULL;
    }
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        bool family = section ? row->key && strcmp(row->section, section) == 0 : !row->key;
        if (!family || !bytes_equal(scalar(r), bytes_str(section ? row->key : row->section)))
            continue;
        if (r->lines[i]) {
            complain(r, "%s%s%s is given twice; first in line %u", row->section, section ? "." : "",
                     section ? row->key : "", r->lines[i]);
            return NULL;
        }
        r->lines[i] = line_of(r);
        return row;
    }
    complain_unknown(r, section, scalar(r));
    return NULL;
}

static bool read_section(struct reader *r, const char *section)
{
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return complain(r, "section %s must hold keys and values", section);
    while (next(r)) {
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return true;
        const struct config_row *row = find_row(r, section);
        if (!row || !next(r) || !read_value(r, row))
            return false;
    }
    return false;
}

static bool read_document(struct reader *r)
{
    if (!next(r))
        return false;
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return complain(r, "the file must hold sections");
    while (next(r)) {
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return next(r); /* the document's end */
        const struct config_row *row = find_row(r, NULL);
        if (!row || !next(r) || !read_section(r, row->section))
            return false;
    }
    return false;
}

/* A file of comments alone is a configuration of defaults. */
static bool read_stream(struct reader *r)
{
    if (!next(r) || !next(r))
        return false;
    if (r->event.type == YAML_DOCUMENT_START_EVENT && (!read_document(r) || !next(r)))
        return false;
    return r->event.type == YAML_STREAM_END_EVENT ||
           complain(r, "a second document is not allowed");
}

bool config_yaml_read(struct config *config, const char *name, struct bytes yaml, unsigned *lines,
                      struct buf *why)
{
    struct reader r = {.config = config, .name = name, .yaml = yaml, .lines = lines, .why = why};
    CHECK(yaml_parser_initialize(&r.parser) == 1);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING); /* or it would guess UTF-16 */
    yaml_parser_set_input_string(&r.parser, yaml.data, yaml.len);
    bool ok = read_stream(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return ok;
}
