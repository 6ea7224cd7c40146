#include "gateway/body.h"

#include <jansson.h>

#include "base/check.h"
#include "base/utf8.h"

/* A text is copied: jansson's goes with the document. */
static bool read_text(struct operation *op, json_t *value, size_t bytes_max, struct bytes *text)
{
    struct bytes read = bytes_of(json_string_value(value), json_string_length(value));
    if (!json_is_string(value) || read.len == 0 || read.len > bytes_max || !utf8_printable(read))
        return false;
    *text = bytes_of(memcpy(http_room(op->http, read.len), read.data, read.len), read.len);
    return true;
}

static bool read_texts(struct operation *op, json_t *value, const struct body_member *member)
{
    const size_t count = json_array_size(value); /* 0 for what is none */
    if (count == 0 || count > member->list_max)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!read_text(op, json_array_get(value, i), member->bytes_max, &member->list[i]))
            return false;
    *member->list_count = count;
    return true;
}

static bool read_id(json_t *value, uint8_t id[REGISTRY_ID_BYTES])
{
    struct bytes hex = bytes_of(json_string_value(value), json_string_length(value));
    struct buf out;
    buf_init(&out, id, REGISTRY_ID_BYTES);
    return hex.len == 2 * REGISTRY_ID_BYTES && buf_put_from_hex(&out, hex);
}

static bool read_member(struct operation *op, json_t *value, const struct body_member *member)
{
    switch (member->kind) {
    case BODY_OPTIONAL:
        *member->text = (struct bytes){0};
        if (!value || json_is_null(value))
            return true;
        return read_text(op, value, member->bytes_max, member->text);
    case BODY_TEXT:
        return read_text(op, value, member->bytes_max, member->text);
    case BODY_OPTIONAL_TEXTS:
        *member->list_count = 0;
        if (!value || json_is_null(value))
            return true;
        return read_texts(op, value, member);
    case BODY_TEXTS:
        return read_texts(op, value, member);
    case BODY_ID:
        return read_id(value, member->id);
    }
    return false;
}

/* All members, and none that is not in the table. */
static bool read_object(struct operation *op, json_t *document, const struct body_member *members,
                        size_t count)
{
    size_t known = 0;
    if (!json_is_object(document))
        return false;
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_object_get(document, members[i].name);
        known += value != NULL;
        if (!read_member(op, value, &members[i]))
            return false;
    }
    return json_object_size(document) == known;
}

enum step_result body_read(struct operation *op, const struct body_member *members, size_t count,
                           const char *shape)
{
    struct bytes body = http_body(op->http);
    if (!operation_body_is(op, "application/json"))
        return operation_fail(op, PROBLEM_MEDIA_TYPE, NULL, "application/json");
    json_t *document = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
    bool read = read_object(op, document, members, count);
    json_decref(document);
    return read ? STEP_NEXT : operation_fail(op, PROBLEM_MALFORMED_BODY, NULL, shape);
}

void body_copy(char *to, size_t room, struct bytes text)
{
    CHECK(text.len < room);
    memcpy(to, text.data, text.len);
    to[text.len] = 0;
}
