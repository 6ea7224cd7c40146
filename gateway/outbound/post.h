/* Posts over HTTPS (libcurl), many at once on one thread, each with a time limit of its own: who
 * hangs keeps nobody waiting. fetch_init first. A poster belongs to one thread. */
#ifndef GATEWAY_OUTBOUND_POST_H
#define GATEWAY_OUTBOUND_POST_H

#include "base/buf.h"

#define POST_HEADERS_MAX       4
#define POST_DROPPED_BYTES_MAX 65536 /* of an answer that nobody reads; then it is cut off */

struct poster;

/* One request; the caller's storage. All that it points to stays until `done`. */
struct post {
    /* asked */
    const char *url;                       /* https:// */
    bool plain;                            /* or http:// */
    const char *ca_file;                   /* PEM; NULL or empty: the system's */
    unsigned timeout_ms;                   /* for all of it */
    const char *headers[POST_HEADERS_MAX]; /* "Name: value"; NULL: no more */
    struct bytes body;
    struct buf *answer; /* its body; longer than the capacity is an error. NULL: it is dropped */
    void (*done)(struct post *post);

    /* told */
    unsigned status;   /* of the answer, redirections included; 0: there was none, or not whole */
    const char *error; /* with status 0: a sentence, static, without the address */
};

struct poster *poster_create(void);
/* Those under way are cut off; their `done` does not run. */
void poster_destroy(struct poster **poster);
/* False: no memory; `done` will not run. */
bool poster_start(struct poster *poster, struct post *post);
/* Runs what can be run, and the `done` of those that are finished (which may start others); waits
 * for that at most wait_ms. */
void poster_turn(struct poster *poster, unsigned wait_ms);
/* Ends the wait of poster_turn, this one or the next. Any thread. */
void poster_wake(struct poster *poster);

#endif
