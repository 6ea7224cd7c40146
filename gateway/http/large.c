/* Bodies that are too large for memory. h2o buffers a body whole, and its limit is one for all. So
 * what arrives is looked at before h2o sees it, and the body of the one target that may have a
 * large one is taken out of the input as it comes and written to a file without a name; h2o gets a
 * request without a body. h2o can also spool, into a mapped sparse file: on a full disk that is
 * SIGBUS. */
#include "gateway/http/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/check.h"
#include "gateway/http/chunked.h"
#include "gateway/http/head.h"

struct http_spool {
    int descriptor;
    uint64_t size; /* written */
    size_t head;   /* octets before the body in the input */
    bool chunked;
    struct chunked decoder;
    uint64_t left;  /* of a body that told its length */
    uint64_t since; /* octets since the deadline moved */
};

static struct bytes input_of(const struct http_request *c)
{
    return bytes_of(c->socket->input->bytes, c->socket->input->size);
}

/* Takes octets out of the input. */
static void cut(h2o_buffer_t *input, const uint8_t *at, size_t len)
{
    uint8_t *to = (uint8_t *)input->bytes + (at - (const uint8_t *)input->bytes);
    memmove(to, to + len, input->size - (size_t)(to - (uint8_t *)input->bytes) - len);
    input->size -= len;
}

/* ---- the file ---- */

static int open_spool(const char *folder)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/jwb-body-XXXXXX", folder) >= (int)sizeof path)
        return -1;
    int descriptor = mkostemp(path, O_CLOEXEC);
    if (descriptor >= 0)
        unlink(path);
    return descriptor;
}

static bool append(struct http_spool *spool, struct bytes data)
{
    while (data.len) {
        ssize_t n = write(spool->descriptor, data.data, data.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data = bytes_from(data, (size_t)n);
        spool->size += (size_t)n;
    }
    return true;
}

void http_large_end(struct http_request *c)
{
    struct http_spool *spool = c->spool;
    if (!spool)
        return;
    c->spool = NULL;
    http_count(&c->owner->counters.spooled, -1);
    close(spool->descriptor);
    free(spool);
}

int http_spool(const struct http_request *request, uint64_t *size)
{
    *size = request->spool ? request->spool->size : 0;
    return request->spool ? request->spool->descriptor : -1;
}

/* ---- the beginning ---- */

/* False: it is no length that h2o would take. */
static bool read_length(struct bytes text, uint64_t *length)
{
    *length = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *length = *length * 10 + (text.data[i] - '0');
    }
    return text.len >= 1 && text.len <= 18;
}

static bool is_word(struct bytes text, const char *word)
{
    return text.len == strlen(word) && strncasecmp((const char *)text.data, word, text.len) == 0;
}

/* The body, which is still on its way, is not wanted. */
static bool refuse_body(struct http_request *c, enum http_refusal refusal, size_t head)
{
    c->refusal = refusal;
    c->unread = true;
    c->socket->input->size = head;
    http_large_end(c);
    return true;
}

static bool receive(struct http_request *c);

/* The head is there, and its target the one. True: h2o may have what is in the input. */
static bool begin(struct http_request *c, const struct http_head *head)
{
    struct http_loop *owner = c->owner;
    const struct http_large *large = &owner->http->options.large;
    const struct http_field *framing = head->length.line.data ? &head->length : &head->encoding;
    bool chunked = framing == &head->encoding;
    bool waits = head->expect.line.data != NULL;
    uint64_t length = 0;
    c->ordinary = true; /* unless it gets a spool */
    if (!framing->line.data || (waits && !is_word(head->expect.value, "100-continue")) ||
        !(chunked ? is_word(framing->value, "chunked") : read_length(framing->value, &length)))
        return true; /* no body, or one that h2o refuses */
    bool admitted = large->admits(owner->context, head->authorization.value);
    size_t head_octets = head->octets - framing->line.len;
    cut(c->socket->input, framing->line.data, framing->line.len);
    if (!admitted)
        return refuse_body(c, HTTP_REFUSAL_NONE, head_octets);
    if (length > large->bytes_max)
        return refuse_body(c, HTTP_REFUSAL_TOO_LARGE, head_octets);
    if (owner->counters.spooled >= large->at_once_max)
        return refuse_body(c, HTTP_REFUSAL_BUSY, head_octets);
    int descriptor = open_spool(large->folder);
    if (descriptor < 0)
        return refuse_body(c, HTTP_REFUSAL_NO_ROOM, head_octets);
    c->spool = check_alloc(sizeof *c->spool);
    *c->spool = (struct http_spool){
        .descriptor = descriptor, .head = head_octets, .chunked = chunked, .left = length};
    http_count(&owner->counters.spooled, 1);
    http_connection_receives(c);
    if (waits && c->socket->input->size == head_octets) {
        http_connection_continue(c);
        return false;
    }
    return receive(c);
}

bool http_large_may_begin(const struct http_request *c, struct bytes input)
{
    const char *target = c->owner->http->options.large.target;
    size_t len = target ? strlen(target) : 0, same = input.len < len ? input.len : len;
    return same > 0 && memcmp(input.data, target, same) == 0 &&
           (input.len == same || input.data[same] == ' ' || input.data[same] == '?');
}

bool http_large_passes(struct http_request *c)
{
    struct bytes input = input_of(c);
    struct http_head head;
    if (c->spool)
        return receive(c);
    if (c->ordinary || !input.len) /* of a TLS record's beginning nothing is seen yet */
        return true;
    if (http_large_may_begin(c, input)) {
        unsigned status = http_head_read(input, c->owner->http->options.header_bytes_max, &head);
        if (status == HTTP_HEAD_INCOMPLETE)
            return false;
        if (status == 0)
            return begin(c, &head);
    }
    return c->ordinary = true;
}

/* ---- the body ---- */

/* True: it is whole or refused, and h2o may have the request. */
static bool receive(struct http_request *c)
{
    const struct http_large *large = &c->owner->http->options.large;
    struct http_spool *spool = c->spool;
    h2o_buffer_t *input = c->socket->input;
    uint8_t *body = (uint8_t *)input->bytes + spool->head;
    size_t len = input->size - spool->head, data, taken;
    enum chunked_result result;
    if (spool->chunked) {
        result = chunked_decode(&spool->decoder, body, len, &data, &taken);
    } else {
        data = taken = spool->left < len ? (size_t)spool->left : len;
        spool->left -= data;
        result = spool->left ? CHUNKED_MORE : CHUNKED_END;
    }
    if (result == CHUNKED_MALFORMED)
        return refuse_body(c, HTTP_REFUSAL_MALFORMED, spool->head);
    if (data > large->bytes_max - spool->size)
        return refuse_body(c, HTTP_REFUSAL_TOO_LARGE, spool->head);
    if (!append(spool, bytes_of(body, data)))
        return refuse_body(c, HTTP_REFUSAL_NO_ROOM, spool->head);
    cut(input, body, taken);
    spool->since += data;
    if (spool->since >= HTTP_LARGE_STRIDE_BYTES) {
        spool->since = 0;
        http_connection_receives(c);
    }
    return result == CHUNKED_END;
}
