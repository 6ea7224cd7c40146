/* Asking the terminal's gateway, over HTTPS (libcurl). Nobody else is ever asked: no redirection is
 * followed, no proxy used. */
#ifndef TERMINAL_TOOL_UPLINK_H
#define TERMINAL_TOOL_UPLINK_H

#include "terminal/tool/device.h"

#define UPLINK_ETAG_BYTES_MAX 128

struct uplink; /* opaque: a connection, kept */
/* `device` is borrowed as long. NULL: no memory. */
struct uplink *uplink_create(const struct device *device);
void uplink_destroy(struct uplink **uplink);

struct uplink_ask {
    const char *path;
    const char *token;        /* of access; NULL: none */
    const char *accept;       /* NULL: anything */
    const char *etag;         /* of what is held; NULL or empty: nothing */
    const char *content_type; /* of the body; NULL: GET, without one */
    struct bytes body;
    unsigned connect_ms, wait_ms; /* to be connected; for all of it */
};
enum uplink_result {
    UPLINK_ANSWERED,
    UPLINK_UNREACHABLE, /* no network, no answer in time, or broken off */
    UPLINK_UNTRUSTED,   /* its certificate is not one of our authorities', or not its own */
    UPLINK_TOO_LARGE,   /* a body that does not fit */
};
struct uplink_answer {
    unsigned status;                      /* HTTP's */
    char etag[UPLINK_ETAG_BYTES_MAX + 1]; /* empty: none */
    struct buf body;                      /* the caller's storage */
    char why[256];                        /* unless UPLINK_ANSWERED: a sentence */
};
/* Blocks. `answer` needs a body with room; its former content is replaced. */
enum uplink_result uplink_ask(struct uplink *uplink, const struct uplink_ask *ask,
                              struct uplink_answer *answer);
/* What an answer that is no success says of itself, for people: "error: sentence". */
void uplink_problem(const struct uplink_answer *answer, struct buf *text);
/* The word for programs alone: `code` of a problem (RFC 9457), `error` of OAuth; else "". */
void uplink_problem_word(const struct uplink_answer *answer, struct buf *word);

#endif
