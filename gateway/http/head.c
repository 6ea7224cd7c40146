#include "gateway/http/head.h"

#include <strings.h>

struct counts {
    unsigned hosts, lengths, encodings;
};

/* Is this line a field of that name? */
static bool is_field(struct bytes line, const char *name, size_t len)
{
    return line.len > len && line.data[len] == ':' &&
           strncasecmp((const char *)line.data, name, len) == 0;
}
#define IS_FIELD(line, name) is_field(line, name, sizeof(name) - 1)

/* `line` without its end. */
static void keep(struct http_field *field, struct bytes line, size_t name_len)
{
    field->line = bytes_of(line.data, line.len + 2);
    field->value = bytes_trim(bytes_from(line, name_len + 1));
}

static void read_field(struct bytes line, struct http_head *head, struct counts *counts)
{
    switch (line.data[0] | 0x20) {
    case 'h':
        counts->hosts += IS_FIELD(line, "host");
        break;
    case 'c':
        if (IS_FIELD(line, "content-length")) {
            counts->lengths++;
            keep(&head->length, line, strlen("content-length"));
        }
        break;
    case 't':
        if (IS_FIELD(line, "transfer-encoding")) {
            counts->encodings++;
            keep(&head->encoding, line, strlen("transfer-encoding"));
        }
        break;
    case 'e':
        if (IS_FIELD(line, "expect"))
            keep(&head->expect, line, strlen("expect"));
        break;
    case 'a':
        if (IS_FIELD(line, "authorization"))
            keep(&head->authorization, line, strlen("authorization"));
        break;
    }
}

unsigned http_head_read(struct bytes input, size_t bytes_max, struct http_head *head)
{
    struct counts counts = {0};
    bool is_1_1 = true;
    const uint8_t *at = input.data, *end = input.data + input.len;
    *head = (struct http_head){0};
    if (bytes_start_with(input, BYTES("\r\n"))) /* h2o allows one empty line before a request */
        at += 2;
    for (bool first = true;; first = false) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline)
            return input.len > bytes_max ? 431 : HTTP_HEAD_INCOMPLETE;
        if (newline == at || newline[-1] != '\r')
            return 400;
        struct bytes line = bytes_of(at, (size_t)(newline - 1 - at));
        at = newline + 1;
        if ((size_t)(at - input.data) > bytes_max)
            return 431;
        if (!line.len && !first)
            break;
        if (first)
            is_1_1 = line.len && line.data[line.len - 1] != '0';
        else if (line.data[0] == ' ' || line.data[0] == '\t')
            return 400;
        else
            read_field(line, head, &counts);
    }
    head->octets = (size_t)(at - input.data);
    if (counts.hosts > 1 || (counts.hosts == 0 && is_1_1) ||
        counts.lengths + counts.encodings > 1 || (counts.encodings && !is_1_1))
        return 400;
    return 0;
}
