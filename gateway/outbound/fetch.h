/* Fetches a document over HTTPS (libcurl). Blocks: on a worker's thread only. */
#ifndef GATEWAY_OUTBOUND_FETCH_H
#define GATEWAY_OUTBOUND_FETCH_H

#include "base/buf.h"

struct fetch_options {
    const char *url;     /* https:// */
    const char *ca_file; /* PEM; empty: the system's */
    unsigned timeout_ms; /* for all of it */
};
/* Once per process, before threads start. */
void fetch_init(void);
/* Appends the body of a 200 to `out`, whose capacity is the limit. Follows no redirection, uses no
 * proxy, sends nothing about us. False with a sentence in `why`: no connection, certificate,
 * another status, too large, too slow. */
bool fetch(const struct fetch_options *options, struct buf *out, struct buf *why);

#endif
