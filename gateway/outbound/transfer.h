/* What all requests of ours to others have in common: TLS that is checked, no redirection, no
 * proxy, no signal, a time limit. Private to gateway/outbound. */
#ifndef GATEWAY_OUTBOUND_TRANSFER_H
#define GATEWAY_OUTBOUND_TRANSFER_H

#include "base/buf.h"

struct transfer_options {
    const char *url;
    bool plain;          /* http:// is spoken too */
    const char *ca_file; /* PEM; NULL or empty: the system's */
    unsigned timeout_ms; /* for all of it */
    size_t (*take_body)(char *data, size_t size, size_t count, void *context);
    void *context;
};
/* `curl` is a CURL. False: no memory. */
bool transfer_prepare(void *curl, const struct transfer_options *options);

#endif
