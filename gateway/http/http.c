/* Listeners: opened for the process, accepting on each loop, drained at the end. */
#include "gateway/http/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

enum {
    ACCEPTS_PER_TURN = 64, /* then those that are open have their turn */
    ACCEPT_AGAIN_MS = 100, /* after descriptors or memory ran out */
    DRAIN_CLOSING_MS = 50, /* for h2o to close what was shut down */
    RECEIVE_BYTES_MIN = 16384,
    H2O_NEVER_MS =
        INT32_MAX /* 24 days: h2o's deadlines hang on the wall clock, ours replace them */
};

/* ---- the process ---- */

struct http *http_create(const struct http_options *options)
{
    signal(SIGPIPE, SIG_IGN); /* h2o writes to sockets whose peer may have gone */
    struct http *http = check_alloc(sizeof *http);
    http->options = *options;
    h2o_config_init(&http->h2o);
    http->h2o.server_name = h2o_iovec_init("", 0); /* no such header */
    http->h2o.max_request_entity_size = options->body_bytes_max;
    http->h2o.http1.upgrade_to_http2 = 0;
    http->h2o.http1.req_timeout = H2O_NEVER_MS;
    http->h2o.http2.callbacks =
        (h2o_protocol_callbacks_t){NULL, NULL}; /* a timer outlives drains */
    http_request_register(&http->h2o);
    return http;
}

void http_destroy(struct http **http)
{
    struct http *h = *http;
    if (!h)
        return;
    for (unsigned i = 0; i < h->listener_count; i++) {
        struct listener *listener = &h->listeners[i];
        for (unsigned k = 0; k < listener->loops; k++)
            if (listener->descriptors[k] >= 0)
                close(listener->descriptors[k]);
        free(listener->descriptors);
        SSL_CTX_free(listener->tls);
    }
    h2o_config_dispose(&h->h2o);
    free(h);
    *http = NULL;
}

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* The length of the address, or 0 for a text that is none. */
static socklen_t read_address(const char *text, uint16_t port, union socket_address *address)
{
    *address = (union socket_address){0};
    if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(port);
        return sizeof address->v4;
    }
    if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons(port);
        return sizeof address->v6;
    }
    return 0;
}

static bool set_option(int descriptor, int level, int option, unsigned value)
{
    return setsockopt(descriptor, level, option, &value, sizeof value) == 0;
}

/* A listening descriptor, or -1 with errno. Connections inherit the options of TCP. */
static int open_listening(const struct http_options *options, const union socket_address *address,
                          socklen_t length)
{
    int family = address->any.sa_family;
    /* h2o takes all that the kernel has, and that tunes itself up to megabytes of requests ahead.
     */
    unsigned receive_bytes = options->header_bytes_max + options->body_bytes_max;
    if (receive_bytes < RECEIVE_BYTES_MIN)
        receive_bytes = RECEIVE_BYTES_MIN;
    int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0)
        return -1;
    if (set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1) &&
        set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) &&
        set_option(descriptor, SOL_SOCKET, SO_RCVBUF, receive_bytes) &&
        set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1) &&
        set_option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, options->tcp_user_timeout_ms) &&
        (family != AF_INET6 || set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
        bind(descriptor, &address->any, length) == 0 &&
        listen(descriptor, (int)options->backlog) == 0)
        return descriptor;
    int reason = errno;
    close(descriptor);
    errno = reason;
    return -1;
}

/* The port of the sockets that were opened, all of one; 0 with errno when one could not be. */
static uint16_t open_all(const struct http_options *options, union socket_address *address,
                         socklen_t length, struct listener *listener)
{
    for (unsigned i = 0; i < listener->loops; i++) {
        listener->descriptors[i] = open_listening(options, address, length);
        if (listener->descriptors[i] < 0)
            return 0;
        socklen_t got = sizeof *address;
        CHECK(getsockname(listener->descriptors[i], &address->any, &got) == 0);
    }
    return ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port : address->v6.sin6_port);
}

uint16_t http_listen(struct http *http, const char *address, uint16_t port, struct http_tls *tls,
                     http_handler *handler, unsigned loops, struct buf *error)
{
    CHECK(http->listener_count < HTTP_LISTENERS_MAX && loops > 0);
    union socket_address socket_address;
    socklen_t length = read_address(address, port, &socket_address);
    if (!length) {
        buf_printf(error, "%s is not an IPv4 or IPv6 address", address);
        return 0;
    }
    struct listener *listener = &http->listeners[http->listener_count++];
    *listener = (struct listener){.handler = handler, .tls = (SSL_CTX *)tls, .loops = loops};
    if (listener->tls)
        SSL_CTX_up_ref(listener->tls);
    listener->descriptors = check_alloc(loops * sizeof listener->descriptors[0]);
    for (unsigned i = 0; i < loops; i++)
        listener->descriptors[i] = -1;
    uint16_t bound = open_all(&http->options, &socket_address, length, listener);
    if (!bound)
        buf_printf(error, "can't listen on %s port %u: %s", address, (unsigned)port,
                   strerror(errno));
    return bound;
}

/* ---- one loop ---- */

static void accept_some(struct acceptor *acceptor, unsigned some)
{
    for (; some; some--) {
        h2o_socket_t *socket = h2o_evloop_socket_accept(acceptor->socket);
        if (socket) {
            http_connection_open(acceptor, socket);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* It stays acceptable, and would be told of in every turn. */
            h2o_socket_read_stop(acceptor->socket);
            loop_timer_start(acceptor->owner->loop, &acceptor->owner->accept_again,
                             ACCEPT_AGAIN_MS);
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* else that one client has gone already */
    }
}

static void on_acceptable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    accept_some(socket->data, ACCEPTS_PER_TURN);
}

static void accept_again(struct loop_timer *timer)
{
    struct http_loop *l = H2O_STRUCT_FROM_MEMBER(struct http_loop, accept_again, timer);
    for (unsigned i = 0; i < l->http->listener_count; i++)
        if (l->acceptors[i].socket)
            h2o_socket_read_start(l->acceptors[i].socket, on_acceptable);
}

static void stop_accepting(struct http_loop *l)
{
    loop_timer_stop(&l->accept_again);
    for (unsigned i = 0; i < l->http->listener_count; i++) {
        struct acceptor *acceptor = &l->acceptors[i];
        if (acceptor->socket)
            h2o_socket_close(acceptor->socket);
        acceptor->socket = NULL;
    }
}

static void on_drain_timer(struct loop_timer *timer)
{
    struct http_loop *l = H2O_STRUCT_FROM_MEMBER(struct http_loop, drain_timer, timer);
    if (l->connections && l->drain == HTTP_DRAIN_WAITING) {
        l->drain = HTTP_DRAIN_CUT;
        http_connections_shut_down(l);
        loop_timer_start(l->loop, timer, DRAIN_CLOSING_MS);
        return;
    }
    l->drain = HTTP_DRAIN_OVER;
    l->drained(l->context);
}

void http_connection_gone(struct http_loop *l)
{
    bool draining = l->drain == HTTP_DRAIN_WAITING || l->drain == HTTP_DRAIN_CUT;
    if (draining && !l->connections)
        loop_timer_start(l->loop, &l->drain_timer, 0);
}

void http_drain(struct http_loop *l, unsigned drain_ms, void (*drained)(void *context))
{
    CHECK(l->drain == HTTP_DRAIN_NONE);
    l->drain = HTTP_DRAIN_WAITING;
    l->drained = drained;
    /* Closing a listener resets what waits to be accepted. */
    for (unsigned i = 0; i < l->http->listener_count; i++)
        if (l->acceptors[i].socket)
            accept_some(&l->acceptors[i], l->http->options.backlog);
    stop_accepting(l);
    h2o_context_request_shutdown(&l->h2o);
    http_connections_end_idle(l);
    loop_timer_start(l->loop, &l->drain_timer, l->connections ? drain_ms : 0);
}

void http_set_tls(struct http_loop *l, unsigned listener, struct http_tls *tls)
{
    struct acceptor *acceptor = &l->acceptors[listener];
    SSL_CTX_up_ref((SSL_CTX *)tls);
    SSL_CTX_free(acceptor->tls); /* open connections hold references of their own */
    acceptor->tls = (SSL_CTX *)tls;
}

const struct http_counters *http_loop_counters(const struct http_loop *http_loop)
{
    return &http_loop->counters;
}

struct http_loop *http_attach(struct http *http, struct loop *loop, unsigned loop_index,
                              void *context)
{
    struct http_loop *l = check_alloc(sizeof *l);
    l->http = http;
    l->loop = loop;
    l->context = context;
    l->accept_again.fire = accept_again;
    l->handle_task.run = http_requests_handle;
    l->ready_tail = &l->ready;
    l->drain_timer.fire = on_drain_timer;
    h2o_context_init(&l->h2o, loop_h2o(loop), &http->h2o);
    for (unsigned i = 0; i < http->listener_count; i++) {
        struct listener *listener = &http->listeners[i];
        struct acceptor *acceptor = &l->acceptors[i];
        CHECK(loop_index < listener->loops && listener->descriptors[loop_index] >= 0);
        *acceptor = (struct acceptor){
            .owner = l,
            .listener = i,
            .socket = h2o_evloop_socket_create(loop_h2o(loop), listener->descriptors[loop_index],
                                               H2O_SOCKET_FLAG_DONT_READ),
            .tls = listener->tls,
        };
        listener->descriptors[loop_index] = -1;
        if (acceptor->tls)
            SSL_CTX_up_ref(acceptor->tls);
        acceptor->socket->data = acceptor;
        h2o_socket_read_start(acceptor->socket, on_acceptable);
    }
    return l;
}

bool http_detach(struct http_loop **http_loop)
{
    static struct http_loop *left; /* else they would look like leaks */
    struct http_loop *l = *http_loop;
    if (!l)
        return true;
    *http_loop = NULL;
    stop_accepting(l);
    loop_timer_stop(&l->drain_timer);
    for (unsigned i = 0; i < l->http->listener_count; i++)
        SSL_CTX_free(l->acceptors[i].tls);
    if (l->connections) { /* h2o can't let go of them */
        l->next_left = left;
        left = l;
        return false;
    }
    http_memory_free_spares(l);
    h2o_multithread_queue_t *queue = l->h2o.queue;
    h2o_context_dispose(&l->h2o);
    free(queue); /* h2o 2.2.5 leaves it behind */
    free(l);
    return true;
}
