/* Request bodies that are one JSON object of texts, read by a table of their members. */
#ifndef GATEWAY_BODY_H
#define GATEWAY_BODY_H

#include "gateway/operation.h"

struct body_member {
    const char *name;
    enum {
        BODY_TEXT,     /* needed, not empty */
        BODY_OPTIONAL, /* a text; absent or null: data NULL */
        BODY_TEXTS,    /* needed: an array of 1 to list_max texts */
        BODY_OPTIONAL_TEXTS,
        BODY_ID, /* needed: 32 hex digits -> 16 octets at id */
    } kind;
    size_t bytes_max; /* of each text, UTF-8 without controls */
    struct bytes *text;
    struct bytes *list;
    size_t list_max, *list_count;
    uint8_t *id;
};
/* STEP_NEXT; or answers: another media type, duplicate, unknown, missing or too long members. Texts
 * live in the request's pool. `shape` is told in the error: {\"licence\": \"<id>\"}. */
enum step_result body_read(struct operation *op, const struct body_member *members, size_t count,
                           const char *shape);
/* A text that was read, into storage for the longest of its kind and a NUL. */
void body_copy(char *to, size_t room, struct bytes text);

#endif
