/* The publisher: a thread that makes what verifiers without a network fetch, and keeps it in
 * memory: a token for each status list, as CWT and as JWT, their names, and the trust bundle of the
 * file trust.bundle. The loops answer with these very octets.
 *
 * A list's token is made anew when the list, the revoked keys or the signing key changed, at most
 * once in status_lists.interval_s, also if it could not be made; without a change each
 * status_lists.ttl_s. It tells the list as it was when the registry was read, and is never made
 * from a registry that is known to be behind: then the last one stays, and grows old. */
#ifndef GATEWAY_PUBLISHER_H
#define GATEWAY_PUBLISHER_H

#include "gateway/home.h"

enum publication_form { PUBLICATION_CWT, PUBLICATION_JWT, PUBLICATION_FORMS };

/* Immutable, counted. */
struct publication {
    _Atomic unsigned references;
    int64_t made_at; /* Unix seconds */
    char etag[36];   /* with its quotes: of the octets */
    struct bytes body;
};
void publication_release(struct publication **publication);

struct publisher;

/* What there is to publish is published when this returns, if the relay has compared. */
struct publisher *publisher_start(struct gateway *gateway);
/* After a reload: keys may be others. Any thread. */
void publisher_wake(struct publisher *publisher);
void publisher_stop(struct publisher **publisher);

/* A reference, or NULL: there is none (no such list; no bundle; nothing to sign with). Any thread.
 */
struct publication *publisher_list(struct publisher *publisher, uint16_t list,
                                   enum publication_form form);
struct publication *publisher_bundle(struct publisher *publisher);
/* JSON: the URIs of all lists. */
struct publication *publisher_list_names(struct publisher *publisher);
/* How many lists there are: 0 to count - 1 are published. */
unsigned publisher_list_count(struct publisher *publisher);

struct publisher_counters {
    _Atomic uint64_t made, failures; /* tokens */
    _Atomic uint64_t made_us;        /* the last one took */
    _Atomic int64_t bundle_expires;  /* Unix seconds; 0: none */
    _Atomic uint64_t bundle_refused; /* files that were no good */
};
const struct publisher_counters *publisher_counters(const struct publisher *publisher);

#endif
