/* HTTP/1.1 over libh2o: listeners, TLS, limits, requests and answers. No h2o type leaves this room.
 *
 * One `struct http` for the process, complete before threads start; one `struct http_loop` per
 * event loop, which accepts on sockets of its own (SO_REUSEPORT). HTTP/2 is off, by ALPN and by
 * configuration (docs/decisions/). */
#ifndef GATEWAY_HTTP_HTTP_H
#define GATEWAY_HTTP_HTTP_H

#include "base/buf.h"
#include "loop/loop.h"

struct http;
struct http_loop;
struct http_request;
struct http_tls;

/* The one kind of request whose body may be large. Such bodies are never in memory: they go as they
 * come into files without a name in `folder`, which hold at most bytes_max * at_once_max octets per
 * loop, in the clear. Whoever may not send one is answered by the handler, and what he sends is
 * dropped; everybody else's bodies stay within body_bytes_max. */
struct http_large {
    const char *target;   /* "POST /path" as it is on the wire; NULL: there is none */
    const char *folder;   /* when it is full: 503 */
    uint64_t bytes_max;   /* more gets 413, at once when the length is told */
    unsigned at_once_max; /* per loop, until they are answered; one more gets 503 */
    /* On the loop's thread, before the body is taken: may this Authorization (data NULL: none)
     * send it? `context` is what http_attach was given. */
    bool (*admits)(void *context, struct bytes authorization);
};
/* A large body may take longer than request_timeout_ms, but each so many octets of it may not. */
#define HTTP_LARGE_STRIDE_BYTES 65536

struct http_options {
    unsigned connections_max;     /* per loop; one more is closed at once and counted */
    unsigned body_bytes_max;      /* of any request; more gets 413 */
    unsigned header_bytes_max;    /* a request's head, its first line included; more gets 431 */
    unsigned request_timeout_ms;  /* from the first bytes to the last of a request; a handshake */
    unsigned idle_timeout_ms;     /* keep-alive without a request; a client to read its answer */
    unsigned tcp_user_timeout_ms; /* a peer that takes no data is dropped after this */
    unsigned backlog;
    struct http_large large; /* texts are the caller's, until http_destroy */
};

/* Called on the loop's thread for each complete request. `context` is what http_attach was given.
 * The handler answers exactly once, now or later; the request is valid until it has. */
typedef void http_handler(void *context, struct http_request *request);

/* From here on SIGPIPE is ignored. */
struct http *http_create(const struct http_options *options);
void http_destroy(struct http **http);

/* TLS 1.2 and later from PEM files: a chain, leaf first, and its key. NULL with a sentence that
 * names the file in `error`. Shared by loops; referenced by each that uses it. */
struct http_tls *http_tls_create(const char *certificate_file, const char *key_file,
                                 struct buf *error);
void http_tls_release(struct http_tls *tls); /* NULL is fine */

/* Opens one socket per loop for an address "127.0.0.1", "::1", "0.0.0.0" … and port (0: a free one,
 * the same for all loops); returns the port, or 0 with a sentence in `error`. tls NULL: plain HTTP.
 * `listener` numbers them from 0 in the order of calls; handler and tls are per listener. */
uint16_t http_listen(struct http *http, const char *address, uint16_t port, struct http_tls *tls,
                     http_handler *handler, unsigned loops, struct buf *error);

/* On the loop's thread: begins accepting. */
struct http_loop *http_attach(struct http *http, struct loop *loop, unsigned loop_index,
                              void *context);
/* On the loop's thread: new connections of that listener use `tls` from now on. */
void http_set_tls(struct http_loop *http_loop, unsigned listener, struct http_tls *tls);
/* On the loop's thread, once: stops accepting, lets running requests finish, then calls `drained`
 * once, when no connection is left; after drain_ms what is left is shut down, 50 ms later it is
 * called in any case. */
void http_drain(struct http_loop *http_loop, unsigned drain_ms, void (*drained)(void *context));
/* After that. False: there are connections whose handler still has not answered. They stay till the
 * process ends, and so must the loop. */
bool http_detach(struct http_loop **http_loop);

/* ---- the request: views live as long as it ---- */
struct bytes http_method(const struct http_request *request);
/* Percent-decoded, dots resolved, without query: "/a%2Fb/../c" is "/a/c". May hold any octet. */
struct bytes http_path(const struct http_request *request);
struct bytes http_query(const struct http_request *request); /* without '?', may be empty */
struct bytes http_body(const struct http_request *request);
/* A large body: a file to be read from its beginning by its offsets, of *size octets, open until
 * the request is answered. -1: there is none; http_body is empty otherwise. */
int http_spool(const struct http_request *request, uint64_t *size);
/* The first header of that lowercase name, or an empty view with data NULL. Those that frame a
 * message are checked and not told: host, content-length, transfer-encoding, expect, upgrade. */
struct bytes http_header(const struct http_request *request, const char *name);
/* All headers of that lowercase name as one list (RFC 9110 section 5.3), joined by ", " in the
 * order they came; the same view as http_header's when there is one or none. */
struct bytes http_header_list(struct http_request *request, const char *name);
/* Who is at the other end of the connection: an IPv6 address, or an IPv4 one as ::ffff:a.b.c.d.
 * False: the connection is gone, nobody will read the answer. */
bool http_peer(const struct http_request *request, uint8_t address[16]);
/* Zeroed memory of the request's pool. Ends the process when memory is gone, as h2o does. */
void *http_alloc(struct http_request *request, size_t size);
/* The same for what will be written before it is read: not zeroed. */
void *http_room(struct http_request *request, size_t size);

/* Keeps `object` until the request's pool goes, which is after the answer was sent, or its client
 * left: then `release` is called with it, on the loop's thread. */
void http_hold(struct http_request *request, void *object, void (*release)(void *object));

struct http_answer_header {
    const char *name; /* lowercase */
    struct bytes value;
};
struct http_answer {
    unsigned status;
    const char *content_type;                 /* NULL: none */
    struct bytes body;                        /* static, held, or from the request's pool */
    const struct http_answer_header *headers; /* borrowed for the call, and their values */
    size_t header_count;                      /* at most 12 */
    bool close;                               /* end the connection after it */
};
/* Once per request; the request is gone when this returns. HEAD gets no body. */
void http_respond(struct http_request *request, const struct http_answer *answer);

/* ---- counters, one set per loop; any thread may read (relaxed) ---- */
struct http_counters {
    /* malformed: refused before a handler saw it (400, 413, 417, 431, 503). requests: all others,
     * and those refused by us after h2o took them. */
    _Atomic uint64_t accepted, refused_full, tls_failed, requests, malformed;
    _Atomic uint64_t connections; /* now */
    _Atomic uint64_t spooled;     /* large bodies being received or worked on, now */
};
const struct http_counters *http_loop_counters(const struct http_loop *http_loop);

#endif
