/* Between the files of gateway/http: what stands behind the types of http.h. */
#ifndef GATEWAY_HTTP_CONNECTION_H
#define GATEWAY_HTTP_CONNECTION_H

#include <stdatomic.h>

#include "gateway/http/http.h"
#include "loop/loop_h2o.h"

#define HTTP_LISTENERS_MAX 8

struct listener {
    http_handler *handler;
    SSL_CTX *tls; /* a reference, or NULL */
    unsigned loops;
    int *descriptors; /* one per loop; -1 when that loop has it */
};

struct http {
    struct http_options options;
    h2o_globalconf_t h2o;
    struct listener listeners[HTTP_LISTENERS_MAX];
    unsigned listener_count;
};

struct acceptor {
    struct http_loop *owner;
    unsigned listener;
    h2o_socket_t *socket; /* NULL: not accepting */
    SSL_CTX *tls;         /* a reference, or NULL */
};

enum http_drain_stage {
    HTTP_DRAIN_NONE,
    HTTP_DRAIN_WAITING, /* for running requests */
    HTTP_DRAIN_CUT,     /* all are shut down, h2o closes them */
    HTTP_DRAIN_OVER,
};

/* What http_alloc gives out for one request: kept by the loop for the next one, whose cache lines
 * it warms, where malloc would look for room anew each time. */
#define HTTP_MEMORY_BYTES 8192
struct http_memory {
    struct http_memory *next;
    size_t used;
    _Alignas(16) uint8_t data[HTTP_MEMORY_BYTES];
};

struct http_loop {
    struct http *http;
    struct loop *loop;
    void *context;
    h2o_context_t h2o;
    struct acceptor acceptors[HTTP_LISTENERS_MAX];
    struct http_request *connections; /* all that are open */
    struct loop_task handle_task;     /* hands this turn's requests to their handlers */
    struct http_request *ready, **ready_tail;
    struct http_memory *spare;
    unsigned spares;
    struct http_counters counters;
    struct loop_timer accept_again;
    struct loop_timer drain_timer;
    enum http_drain_stage drain;
    void (*drained)(void *context);
    struct http_loop *next_left; /* among those that were detached with connections */
};

/* Why a request is refused before a handler sees it. */
enum http_refusal {
    HTTP_REFUSAL_NONE,
    HTTP_REFUSAL_MALFORMED,
    HTTP_REFUSAL_TOO_LARGE,
    HTTP_REFUSAL_EXPECTATION,
    HTTP_REFUSAL_HEAD_TOO_LARGE,
    HTTP_REFUSAL_BUSY,    /* as many large bodies are there as may be */
    HTTP_REFUSAL_NO_ROOM, /* a large body can't be written */
};

struct http_spool; /* large.c */

/* A connection and the request on it: HTTP/1.1 has one at a time, so they are one object. On the
 * heap, from accept until h2o has closed the socket. */
struct http_request {
    h2o_req_t *req; /* the request in the handler's hands, else NULL */
    struct http_loop *owner;
    unsigned listener;
    h2o_socket_t *socket;
    h2o_socket_cb h2o_read, h2o_sent; /* h2o's callbacks, which ours call */
    SSL_CTX *tls; /* h2o's handshake takes no reference, and may begin after a reload; or NULL */
    struct http_memory *memory; /* until the answer is written; NULL: none yet */
    bool *closed;               /* set when h2o closes the socket meanwhile, or NULL */
    bool receiving;             /* octets of a handshake or of a request have come */
    bool answering;             /* http_respond gave h2o an answer that is not yet written */
    bool persistent;            /* that answer does not end the connection */
    bool refused;               /* h2o answered by itself */
    bool ordinary;              /* h2o may have this request as it comes: the body is not large */
    bool unread;                /* the rest of its body is still to be dropped */
    enum http_refusal refusal;  /* of a large body */
    struct http_spool *spool;   /* of a large body; or NULL */
    size_t request_octets;      /* of the request that h2o took, in the input */
    struct loop_timer timer;    /* shuts the socket down */
    struct http_request *previous, *next;
    struct http_request *ready_next; /* among those of this turn */
};

/* One writer, its loop, so no locked instruction; any thread reads. */
static inline void http_count(_Atomic uint64_t *counter, int by)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + (uint64_t)by, memory_order_relaxed);
}

/* A socket just accepted: counted, and closed when there are too many. */
void http_connection_open(struct acceptor *acceptor, h2o_socket_t *socket);
/* h2o has read a whole request; the clock stops. */
void http_connection_request(struct http_request *request, h2o_req_t *req);
/* The handler returned without an answer: the socket stays polled, and unread. */
void http_connection_wait(struct http_request *request);
/* Before the answer is given to h2o, and after. Between them the request ends. */
void http_connection_answer(struct http_request *request);
void http_connection_answered(struct http_request *request, bool persistent);

/* New octets, or an error, or what h2o had not yet been shown. False: the connection is gone. */
bool http_connection_go_on(struct http_request *request, const char *error);
/* The deadline of what is being received moves. */
void http_connection_receives(struct http_request *request);
/* Tells a client that waits with its body to send it, and reads on. */
void http_connection_continue(struct http_request *request);

/* large.c: may these octets begin a request whose body may be large? */
bool http_large_may_begin(const struct http_request *request, struct bytes input);
/* May h2o have the input? False: it has to wait for more, or the body is being taken. */
bool http_large_passes(struct http_request *request);
/* Closes the spool, if there is one. */
void http_large_end(struct http_request *request);

/* In request.c: what http_alloc gave out for a request goes back to the loop. */
void http_memory_return(struct http_request *request);
void http_memory_free_spares(struct http_loop *http_loop);

/* Ends the wait of all that have no request running. */
void http_connections_end_idle(struct http_loop *http_loop);
void http_connections_shut_down(struct http_loop *http_loop);

/* h2o's handler and filter: checks what h2o does not, and queues the request for its handler. */
void http_request_register(h2o_globalconf_t *config);
void http_requests_handle(struct loop_task *handle_task);

/* In http.c: the last connection may have gone. */
void http_connection_gone(struct http_loop *http_loop);

#endif
