/* A line's text -> its fields: CSV as RFC 4180 has it, and one JSON object a line (NDJSON). */
#include "registry/import_record.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

/* ---- CSV ---- */
enum csv_end {
    CSV_COMMA,      /* another field follows */
    CSV_RECORD_END, /* a line end */
    CSV_TEXT_END,
    CSV_OPEN,   /* the text ends within quotes */
    CSV_BROKEN, /* a quote within an unquoted field, or text behind a closing one */
};

/* Reads the field at *at, and moves behind it and its comma or line end. `field` is without its
 * outer quotes; `doubled` says whether there are doubled quotes in it. ="..." is how a spreadsheet
 * keeps digits as text; it is read as if quoted. */
static enum csv_end csv_field(struct bytes text, size_t *at, struct bytes *field, bool *doubled)
{
    const uint8_t *data = text.data;
    size_t i = *at, end;
    *doubled = false;
    if (i + 1 < text.len && data[i] == '=' && data[i + 1] == '"')
        i++;
    if (i < text.len && data[i] == '"') {
        size_t start = ++i;
        for (;; i += 2) {
            const uint8_t *quote = i < text.len ? memchr(data + i, '"', text.len - i) : NULL;
            if (!quote)
                return CSV_OPEN;
            i = (size_t)(quote - data);
            if (i + 1 == text.len || data[i + 1] != '"')
                break;
            *doubled = true;
        }
        *field = bytes_of(data + start, i - start);
        end = ++i;
        if (i < text.len && data[i] == '\r')
            i++;
        if (i < text.len && data[i] != '\n' && (data[i] != ',' || i != end))
            return CSV_BROKEN;
    } else {
        size_t start = i;
        while (i < text.len && data[i] != ',' && data[i] != '\n') {
            if (data[i] == '"')
                return CSV_BROKEN;
            i++;
        }
        end = i;
        if ((i == text.len || data[i] == '\n') && end > start && data[end - 1] == '\r')
            end--;
        *field = bytes_of(data + start, end - start);
    }
    *at = i + (i < text.len);
    return i == text.len ? CSV_TEXT_END : data[i] == ',' ? CSV_COMMA : CSV_RECORD_END;
}

bool import_csv_span(struct bytes text, bool whole, size_t *octets, size_t *fields)
{
    enum csv_end end;
    struct bytes field;
    bool doubled;
    *octets = 0;
    *fields = 0;
    do {
        end = csv_field(text, octets, &field, &doubled);
        ++*fields;
    } while (end == CSV_COMMA);
    return end == CSV_RECORD_END || (end == CSV_TEXT_END && whole);
}

static size_t undouble(uint8_t *text, size_t len)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        text[out++] = text[i];
        if (text[i] == '"') /* the quotes of a quoted field come in pairs */
            i++;
    }
    return out;
}

bool import_csv_split(uint8_t *text, size_t len, struct bytes fields[IMPORT_FIELDS_MAX],
                      size_t *count)
{
    enum csv_end end = CSV_COMMA;
    size_t at = 0;
    bool doubled;
    for (*count = 0; end == CSV_COMMA && *count < IMPORT_FIELDS_MAX; ++*count) {
        struct bytes *field = &fields[*count];
        end = csv_field(bytes_of(text, len), &at, field, &doubled);
        if (end == CSV_OPEN || end == CSV_BROKEN)
            return false;
        if (doubled)
            field->len = undouble(text + (field->data - text), field->len);
    }
    return end == CSV_TEXT_END;
}

/* ---- JSON ---- */
struct import_json {
    json_t *object;
    char numbers[IMPORT_COLUMN_COUNT][24]; /* integers as text: 64 bits */
};

struct import_json *import_json_create(void)
{
    struct import_json *json = check_alloc(sizeof *json);
    json->object = NULL;
    return json;
}

void import_json_destroy(struct import_json **json)
{
    if (*json)
        json_decref((*json)->object);
    free(*json);
    *json = NULL;
}

static bool put_value(struct import_json *json, json_t *value, enum import_column column,
                      struct import_fields *fields)
{
    struct bytes *field = &fields->value[column];
    if (field->data) /* the same column by both its names */
        return false;
    if (json_is_string(value)) {
        *field = bytes_of(json_string_value(value), json_string_length(value));
    } else if (json_is_integer(value)) {
        char *text = json->numbers[column];
        snprintf(text, sizeof json->numbers[0], "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        *field = bytes_str(text);
    } else if (json_is_null(value)) {
        *field = BYTES("");
    } else {
        return false;
    }
    return true;
}

bool import_json_read(struct import_json *json, struct bytes text, struct import_fields *fields,
                      struct import_fault *fault)
{
    *fields = (struct import_fields){0};
    json_decref(json->object);
    json->object = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(json->object)) {
        *fault = (struct import_fault){IMPORT_REASON_SYNTAX, NULL};
        return false;
    }
    const char *key;
    json_t *value;
    json_object_foreach(json->object, key, value)
    {
        enum import_column column;
        if (import_column_find(bytes_str(key), &column) &&
            !put_value(json, value, column, fields)) {
            *fault = (struct import_fault){IMPORT_REASON_SYNTAX, import_column_name(column)};
            return false;
        }
    }
    return true;
}
