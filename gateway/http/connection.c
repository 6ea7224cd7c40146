/* Connections: counted and capped, with deadlines on the monotonic clock and a limit to what is
 * buffered. h2o 2.2.5 has hooks for none of this. So its callbacks on a socket are taken over after
 * each of its steps, ours call them, and to end a connection the socket is shut down: h2o sees an
 * end of file and frees what it has, in whatever state it is. */
#include "gateway/http/connection.h"

#include <stdlib.h>
#include <sys/socket.h>

#include <h2o/http1.h>

#include "base/check.h"

static void on_bytes(h2o_socket_t *socket, const char *error);
static void on_sent(h2o_socket_t *socket, const char *error);

static void start_timer(struct http_request *c, unsigned after_ms)
{
    loop_timer_start(c->owner->loop, &c->timer, after_ms);
}

static void on_timer(struct loop_timer *timer)
{
    struct http_request *c = H2O_STRUCT_FROM_MEMBER(struct http_request, timer, timer);
    shutdown(h2o_socket_get_fd(c->socket), SHUT_RDWR);
}

static void set_idle(struct http_request *c)
{
    c->receiving = false;
    start_timer(c, c->owner->http->options.idle_timeout_ms);
}

void http_connection_receives(struct http_request *c)
{
    c->receiving = true;
    start_timer(c, c->owner->http->options.request_timeout_ms);
}

/* ---- between h2o and its socket ---- */

static void take_over(struct http_request *c)
{
    h2o_socket_t *socket = c->socket;
    if (socket->_cb.read && socket->_cb.read != on_bytes && !c->req) {
        c->h2o_read = socket->_cb.read;
        socket->_cb.read = on_bytes;
    }
    if (socket->_cb.write && socket->_cb.write != on_sent) {
        c->h2o_sent = socket->_cb.write;
        socket->_cb.write = on_sent;
    }
}

/* Calls back h2o; false when it closed the connection, which is gone then. */
static bool run_h2o(struct http_request *c, h2o_socket_cb callback, const char *error)
{
    bool closed = false;
    c->closed = &closed;
    callback(c->socket, error);
    if (closed)
        return false;
    c->closed = NULL;
    take_over(c);
    return true;
}

static void on_refused(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct http_request *c = socket->on_close.data;
    run_h2o(c, c->h2o_read, h2o_socket_error_closed);
}

/* More than any allowed request, and still not a whole one: h2o would buffer 417,792 octets. */
static void refuse_unread(struct http_request *c)
{
    static const char answer[] = "HTTP/1.1 431 Request Header Fields Too Large\r\n"
                                 "Connection: close\r\nContent-Length: 0\r\n\r\n";
    h2o_iovec_t text = h2o_iovec_init(answer, sizeof answer - 1);
    c->refused = true;
    h2o_socket_read_stop(c->socket);
    h2o_socket_write(c->socket, &text, 1, on_refused);
}

/* h2o has parsed what there is. Did it answer by itself, must it stop reading, or did the beginning
 * of a request come with the end of the handshake or behind another one? */
static void look_after(struct http_request *c)
{
    const struct http_options *options = &c->owner->http->options;
    if (c->req || c->answering)
        return;
    if (h2o_socket_is_writing(c->socket))
        c->refused = true; /* or 100 Continue, then the request that follows takes it back */
    else if (c->socket->input->size > (size_t)options->header_bytes_max + options->body_bytes_max)
        refuse_unread(c);
    else if (c->socket->input->size && !c->receiving)
        http_connection_receives(c);
}

bool http_connection_go_on(struct http_request *c, const char *error)
{
    if (!error && !http_large_passes(c)) {
        if (!c->receiving)
            http_connection_receives(c);
        return true;
    }
    if (!run_h2o(c, c->h2o_read, error) || error)
        return false;
    if (!c->receiving && !c->req && !c->answering)
        http_connection_receives(c); /* the first octets of a request */
    look_after(c);
    return true;
}

static void on_bytes(h2o_socket_t *socket, const char *error)
{
    http_connection_go_on(socket->on_close.data, error);
}

static void on_continued(h2o_socket_t *socket, const char *error)
{
    struct http_request *c = socket->on_close.data;
    if (error)
        http_connection_go_on(c, error);
    else
        h2o_socket_read_start(socket, on_bytes);
}

/* As h2o does it: until that is written nothing is read, or an answer could come between. */
void http_connection_continue(struct http_request *c)
{
    static const char answer[] = "HTTP/1.1 100 Continue\r\n\r\n";
    h2o_iovec_t text = h2o_iovec_init(answer, sizeof answer - 1);
    h2o_socket_read_stop(c->socket);
    h2o_socket_write(c->socket, &text, 1, on_continued);
}

/* ---- what follows a request ---- */

/* Octets of the input that h2o must not see yet: it would go on with them by itself. */
struct withheld {
    uint8_t *octets;
    size_t len;
};

static struct withheld withhold(struct http_request *c, size_t from)
{
    h2o_buffer_t *input = c->socket->input;
    struct bytes rest = bytes_from(bytes_of(input->bytes, input->size), from);
    struct withheld withheld = {NULL, rest.len};
    if (!http_large_may_begin(c, rest))
        return (struct withheld){0};
    withheld.octets = check_alloc(rest.len);
    memcpy(withheld.octets, rest.data, rest.len);
    input->size = from;
    return withheld;
}

/* False: the connection is gone. */
static bool put_back(struct http_request *c, struct withheld *rest)
{
    if (!rest->len) {
        look_after(c); /* h2o went on with what the client had sent ahead */
        return true;
    }
    h2o_iovec_t room = h2o_buffer_reserve(&c->socket->input, rest->len);
    CHECK(room.base);
    memcpy(room.base, rest->octets, rest->len);
    c->socket->input->size += rest->len;
    free(rest->octets);
    return http_connection_go_on(c, NULL);
}

static void on_unwanted(h2o_socket_t *socket, const char *error)
{
    struct http_request *c = socket->on_close.data;
    if (error) {
        c->unread = false; /* h2o closes: what TLS still writes is the last */
        run_h2o(c, c->h2o_sent, NULL);
    } else {
        h2o_buffer_consume(&socket->input, socket->input->size);
    }
}

/* To close while a body is on its way would reset the connection, and the client lose the answer
 * that it is to read. So what still comes is dropped, until it ends or the time of a request is
 * over. */
static void linger(struct http_request *c)
{
    http_connection_receives(c);
    h2o_socket_read_start(c->socket, on_unwanted);
}

static void on_sent(h2o_socket_t *socket, const char *error)
{
    struct http_request *c = socket->on_close.data;
    bool goes_on = c->answering && c->persistent && !error;
    c->answering = false;
    http_memory_return(c);
    if (c->unread && !error) {
        linger(c);
        return;
    }
    struct withheld rest = {0};
    if (goes_on) {
        rest = withhold(c, c->request_octets);
        c->ordinary = false;
    }
    if (!run_h2o(c, c->h2o_sent, error)) {
        free(rest.octets);
        return;
    }
    if (!goes_on || !put_back(c, &rest))
        return;
    if (c->owner->drain != HTTP_DRAIN_NONE)
        shutdown(h2o_socket_get_fd(socket), SHUT_RD);
}

/* ---- the request ---- */

void http_connection_request(struct http_request *c, h2o_req_t *req)
{
    c->req = req;
    c->receiving = c->refused = false;
    loop_timer_stop(&c->timer);
}

static void on_early(h2o_socket_t *socket, const char *error)
{
    (void)error; /* more requests, or the end of file of a half-close: it has to wait */
    h2o_socket_read_stop(socket);
}

void http_connection_wait(struct http_request *c)
{
    /* h2o stopped reading. Going on without taking anything (the request's views point into the
     * input) saves the two epoll_ctl of stop and start, as answers mostly come before more input.
     */
    h2o_socket_dont_read(c->socket, 1);
    h2o_socket_read_start(c->socket, on_early);
}

void http_connection_answer(struct http_request *c)
{
    if (h2o_socket_is_reading(c->socket))
        h2o_socket_read_stop(c->socket);
    h2o_socket_dont_read(c->socket, 0);
    http_large_end(c);
    c->req = NULL;
    c->answering = true;
    set_idle(c); /* also limits how long the client may take to read the answer */
}

void http_connection_answered(struct http_request *c, bool persistent)
{
    c->persistent = persistent;
    take_over(c);
}

/* ---- opening and closing ---- */

static void on_close(void *data)
{
    struct http_request *c = data;
    struct http_loop *owner = c->owner;
    loop_timer_stop(&c->timer);
    http_memory_return(c);
    http_large_end(c);
    if (c->closed)
        *c->closed = true;
    if (c->refused)
        http_count(&owner->counters.malformed, 1);
    *(c->previous ? &c->previous->next : &owner->connections) = c->next;
    if (c->next)
        c->next->previous = c->previous;
    SSL_CTX_free(c->tls);
    free(c);
    http_count(&owner->counters.connections, -1);
    http_connection_gone(owner);
}

static void accept_http1(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct http_request *c = socket->on_close.data;
    struct http_loop *owner = c->owner;
    h2o_accept_ctx_t accept = {.ctx = &owner->h2o, .hosts = owner->http->h2o.hosts};
    h2o_http1_accept(&accept, socket, *h2o_get_timestamp(&owner->h2o, NULL, NULL));
}

/* Only ever HTTP/1.1, whatever was negotiated. */
static void begin_http1(struct http_request *c)
{
    set_idle(c);
    struct withheld rest = withhold(c, 0); /* came with the end of the handshake */
    if (run_h2o(c, accept_http1, NULL))
        put_back(c, &rest);
    else
        free(rest.octets);
}

static void on_handshake(h2o_socket_t *socket, const char *error)
{
    struct http_request *c = socket->on_close.data;
    if (!error) {
        begin_http1(c);
        return;
    }
    http_count(&c->owner->counters.tls_failed, 1);
    h2o_socket_close(socket);
}

void http_connection_open(struct acceptor *acceptor, h2o_socket_t *socket)
{
    struct http_loop *owner = acceptor->owner;
    http_count(&owner->counters.accepted, 1);
    struct http_request *c = NULL;
    if (owner->counters.connections < owner->http->options.connections_max)
        c = calloc(1, sizeof *c);
    if (!c) {
        http_count(&owner->counters.refused_full, 1);
        h2o_socket_close(socket);
        return;
    }
    http_count(&owner->counters.connections, 1);
    c->owner = owner;
    c->listener = acceptor->listener;
    c->socket = socket;
    c->timer.fire = on_timer;
    c->next = owner->connections;
    if (c->next)
        c->next->previous = c;
    owner->connections = c;
    socket->on_close.cb = on_close;
    socket->on_close.data = c;
    if (acceptor->tls) {
        SSL_CTX_up_ref(acceptor->tls);
        c->tls = acceptor->tls;
        http_connection_receives(c);
        h2o_socket_ssl_handshake(socket, acceptor->tls, NULL, on_handshake);
    } else {
        begin_http1(c);
    }
}

void http_connections_end_idle(struct http_loop *http_loop)
{
    /* What has arrived is still read and answered before the end of file. */
    for (struct http_request *c = http_loop->connections; c; c = c->next)
        if (!c->req && !c->answering && !c->receiving)
            shutdown(h2o_socket_get_fd(c->socket), SHUT_RD);
}

void http_connections_shut_down(struct http_loop *http_loop)
{
    for (struct http_request *c = http_loop->connections; c; c = c->next)
        shutdown(h2o_socket_get_fd(c->socket), SHUT_RDWR);
}
