/* Requests: what h2o does not check, the views, the answer. */
#include "gateway/http/connection.h"

#include <stdlib.h>

#include "base/check.h"
#include "gateway/http/head.h"

/* ---- refusing without asking a handler ---- */

struct refusal {
    unsigned status;
    struct bytes body; /* RFC 9457 */
};

#define REFUSAL(status, title, code)                                                               \
    {                                                                                              \
        status, BYTES("{\"type\":\"about:blank\",\"title\":\"" title "\",\"status\":" #status      \
                      ",\"code\":\"" code "\"}\n")                                                 \
    }
static const struct refusal refusals[] = {
    [HTTP_REFUSAL_MALFORMED] = REFUSAL(400, "Bad Request", "malformed_request"),
    [HTTP_REFUSAL_TOO_LARGE] = REFUSAL(413, "Content Too Large", "body_too_large"),
    [HTTP_REFUSAL_EXPECTATION] = REFUSAL(417, "Expectation Failed", "malformed_request"),
    [HTTP_REFUSAL_HEAD_TOO_LARGE] =
        REFUSAL(431, "Request Header Fields Too Large", "header_too_large"),
    [HTTP_REFUSAL_BUSY] = REFUSAL(503, "Too many large bodies are being worked on", "overloaded"),
    [HTTP_REFUSAL_NO_ROOM] = REFUSAL(503, "There is no room for the body now", "overloaded"),
};

static const char PROBLEM_JSON[] = "application/problem+json";

/* The first that has this status; HTTP_REFUSAL_NONE: no refusal. */
static enum http_refusal refusal_of(unsigned status)
{
    for (size_t i = 1; i < sizeof refusals / sizeof refusals[0]; i++)
        if (refusals[i].status == status)
            return (enum http_refusal)i;
    return HTTP_REFUSAL_NONE;
}

static void refuse(struct http_request *request, enum http_refusal why)
{
    static const struct http_answer_header retry_after = {"retry-after", {(const uint8_t *)"1", 1}};
    const struct refusal *refusal = &refusals[why];
    http_count(&request->owner->counters.malformed, 1);
    http_respond(request, &(struct http_answer){
                              .status = refusal->status,
                              .content_type = PROBLEM_JSON,
                              .body = refusal->body,
                              .headers = &retry_after,
                              .header_count = refusal->status == 503,
                              .close = true,
                          });
}

/* ---- h2o's own refusals, before there is a request ---- */

static void send_refusal(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
                         h2o_send_state_t state)
{
    (void)bufs;
    struct bytes told = refusals[refusal_of((unsigned)req->res.status)].body;
    h2o_iovec_t body = h2o_iovec_init(told.data, told.len);
    h2o_ostream_send_next(self, req, &body, count ? 1 : 0, state);
}

static void explain_refusal(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    (void)self;
    enum http_refusal refusal = refusal_of((unsigned)req->res.status);
    if (refusal) {
        req->res.content_length = refusals[refusal].body.len;
        h2o_set_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, PROBLEM_JSON,
                       sizeof PROBLEM_JSON - 1, 1);
        h2o_add_ostream(req, sizeof(h2o_ostream_t), slot)->do_send = send_refusal;
        slot = &(*slot)->next;
    }
    h2o_setup_next_ostream(req, slot);
}

/* ---- the handler ---- */

static struct bytes view(h2o_iovec_t iovec)
{
    return bytes_of(iovec.base, iovec.len);
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
    struct http_request *request = socket->on_close.data;
    struct http_loop *owner = request->owner;
    http_count(&owner->counters.requests, 1);
    http_connection_request(request, req);
    struct http_head head;
    struct bytes input = bytes_of(socket->input->bytes, socket->input->size);
    unsigned status = http_head_read(input, owner->http->options.header_bytes_max, &head);
    enum http_refusal refusal = request->refusal;
    if (status)
        refusal = status == 431 ? HTTP_REFUSAL_HEAD_TOO_LARGE : HTTP_REFUSAL_MALFORMED;
    if (refusal) {
        refuse(request, refusal);
        return 0;
    }
    struct bytes body = view(req->entity);
    request->request_octets = body.data ? (size_t)(body.data + body.len - input.data) : head.octets;
    http_connection_wait(request); /* until then h2o won't close the connection */
    request->ready_next = NULL;
    *owner->ready_tail = request;
    owner->ready_tail = &request->ready_next;
    loop_task_queue(owner->loop, LOOP_PHASE_HANDLE, &owner->handle_task);
    return 0;
}

/* All of a turn together, because the code of h2o, the kernel and the handlers does not fit the
 * processor's cache at once: by turns, each would be fetched anew for every request. */
void http_requests_handle(struct loop_task *handle_task)
{
    struct http_loop *l = H2O_STRUCT_FROM_MEMBER(struct http_loop, handle_task, handle_task);
    struct http_request *request = l->ready;
    l->ready = NULL;
    l->ready_tail = &l->ready;
    while (request) {
        struct http_request *next = request->ready_next;
        l->http->listeners[request->listener].handler(l->context, request);
        request = next;
    }
}

void http_request_register(h2o_globalconf_t *config)
{
    h2o_hostconf_t *host = h2o_config_register_host(config, h2o_iovec_init("default", 7), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_request;
    h2o_create_filter(&host->fallback_path, sizeof(h2o_filter_t))->on_setup_ostream =
        explain_refusal;
}

/* ---- views ---- */

struct bytes http_method(const struct http_request *request)
{
    return view(request->req->method);
}

struct bytes http_path(const struct http_request *request)
{
    return view(request->req->path_normalized);
}

struct bytes http_query(const struct http_request *request)
{
    const h2o_req_t *req = request->req;
    if (req->query_at == SIZE_MAX)
        return bytes_of(NULL, 0);
    return bytes_from(view(req->path), req->query_at + 1);
}

struct bytes http_body(const struct http_request *request)
{
    return view(request->req->entity);
}

/* The next header of that name at or after *i, which goes behind it; NULL: no more. */
static const h2o_header_t *find_header(const struct http_request *request, struct bytes name,
                                       size_t *i)
{
    const h2o_headers_t *headers = &request->req->headers;
    while (*i < headers->size) {
        const h2o_header_t *header = &headers->entries[(*i)++];
        if (header->name->len == name.len && memcmp(header->name->base, name.data, name.len) == 0)
            return header;
    }
    return NULL;
}

struct bytes http_header(const struct http_request *request, const char *name)
{
    size_t i = 0;
    const h2o_header_t *header = find_header(request, bytes_str(name), &i);
    return header ? view(header->value) : bytes_of(NULL, 0);
}

struct bytes http_header_list(struct http_request *request, const char *name)
{
    struct bytes own_name = bytes_str(name);
    const h2o_header_t *header;
    size_t i = 0, count = 0, room = 0;
    while ((header = find_header(request, own_name, &i)) != NULL) {
        count++;
        room += header->value.len + 2;
    }
    if (count <= 1)
        return http_header(request, name);
    struct buf list;
    buf_init(&list, http_room(request, room), room);
    i = 0;
    while ((header = find_header(request, own_name, &i)) != NULL) {
        if (list.len)
            buf_put(&list, BYTES(", "));
        buf_put(&list, view(header->value));
    }
    return buf_bytes(&list);
}

bool http_peer(const struct http_request *request, uint8_t address[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct sockaddr_storage peer;
    h2o_conn_t *connection = request->req->conn;
    if (connection->callbacks->get_peername(connection, (struct sockaddr *)&peer) == 0)
        return false;
    if (peer.ss_family == AF_INET6) {
        memcpy(address, &((struct sockaddr_in6 *)&peer)->sin6_addr, 16);
    } else {
        CHECK(peer.ss_family == AF_INET);
        memcpy(address, mapped, sizeof mapped);
        memcpy(address + 12, &((struct sockaddr_in *)&peer)->sin_addr, 4);
    }
    return true;
}

/* ---- memory of requests ---- */

#ifdef __SANITIZE_ADDRESS__
#define SPARES_MAX 0 /* a use after the answer is to be seen */
#else
#define SPARES_MAX 256
#endif

void *http_room(struct http_request *c, size_t size)
{
    struct http_loop *owner = c->owner;
    if (!c->memory) {
        c->memory = owner->spare;
        if (c->memory) {
            owner->spare = c->memory->next;
            owner->spares--;
        } else {
            c->memory = h2o_mem_alloc(sizeof *c->memory);
        }
        c->memory->used = 0;
    }
    size_t rounded = (size + 15) & ~(size_t)15;
    if (size > HTTP_MEMORY_BYTES || rounded > HTTP_MEMORY_BYTES - c->memory->used)
        return h2o_mem_alloc_pool(&c->req->pool, size);
    void *at = c->memory->data + c->memory->used;
    c->memory->used += rounded;
    return at;
}

void http_memory_return(struct http_request *c)
{
    struct http_loop *owner = c->owner;
    struct http_memory *memory = c->memory;
    c->memory = NULL;
    if (!memory)
        return;
    if (owner->spares == SPARES_MAX) {
        free(memory);
        return;
    }
    memory->next = owner->spare;
    owner->spare = memory;
    owner->spares++;
}

void http_memory_free_spares(struct http_loop *http_loop)
{
    for (struct http_memory *memory; (memory = http_loop->spare); free(memory))
        http_loop->spare = memory->next;
}

void *http_alloc(struct http_request *request, size_t size)
{
    return memset(http_room(request, size), 0, size);
}

struct held {
    void *object;
    void (*release)(void *object);
};

static void let_go(void *memory)
{
    const struct held *held = memory;
    held->release(held->object);
}

void http_hold(struct http_request *request, void *object, void (*release)(void *object))
{
    struct held *held = h2o_mem_alloc_shared(&request->req->pool, sizeof *held, let_go);
    *held = (struct held){object, release};
}

/* ---- the answer ---- */

/* RFC 9110 section 15. */
static const char *reason_of(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 204:
        return "No Content";
    case 303:
        return "See Other";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 406:
        return "Not Acceptable";
    case 409:
        return "Conflict";
    case 413:
        return "Content Too Large";
    case 415:
        return "Unsupported Media Type";
    case 422:
        return "Unprocessable Content";
    case 429:
        return "Too Many Requests"; /* RFC 6585 */
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    default:
        return ""; /* may be empty: RFC 9112 section 4 */
    }
}

static void put_headers(h2o_req_t *req, const struct http_answer *answer)
{
    h2o_res_t *res = &req->res;
    if (answer->content_type)
        h2o_add_header(&req->pool, &res->headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                       answer->content_type, strlen(answer->content_type));
    for (size_t i = 0; i < answer->header_count; i++) {
        const struct http_answer_header *header = &answer->headers[i];
        h2o_add_header_by_str(&req->pool, &res->headers, header->name, strlen(header->name), 0,
                              NULL, (const char *)header->value.data, header->value.len);
    }
}

void http_respond(struct http_request *request, const struct http_answer *answer)
{
    static h2o_generator_t generator; /* h2o wants one; its callbacks are for parts to come */
    h2o_req_t *req = request->req;
    CHECK(req && answer->header_count <= 12); /* else answered twice */
    if (answer->close || request->unread || request->owner->drain != HTTP_DRAIN_NONE)
        req->http1_is_persistent = 0;
    bool persistent = req->http1_is_persistent;
    bool bodyless = answer->status == 204 || answer->status == 304;
    bool is_head = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));

    req->res.status = (int)answer->status;
    req->res.reason = reason_of(answer->status);
    req->res.content_length = bodyless ? SIZE_MAX : answer->body.len;
    put_headers(req, answer);
    h2o_iovec_t body = h2o_iovec_init(answer->body.data, answer->body.len);
    http_connection_answer(request);
    h2o_start_response(req, &generator);
    h2o_send(req, &body, bodyless || is_head || !body.len ? 0 : 1, H2O_SEND_STATE_FINAL);
    http_connection_answered(request, persistent);
}
