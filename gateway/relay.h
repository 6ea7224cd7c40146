/* The relay: a thread of its own between registry, Redis and the copy in memory.
 *
 * It moves the copy by comparison with the registry's change numbers, once a second and whenever
 * somebody has committed; brings Redis's lists up to the registry's and clears the outbox; tells
 * the registry when Redis may have lost codes; and notices a registry that went back. What takes
 * milliseconds is
 * done here, never on a serving loop. */
#ifndef GATEWAY_RELAY_H
#define GATEWAY_RELAY_H

#include "gateway/home.h"

/* The copy has been compared once when this returns, if the registry let it. NULL: ours. */
struct relay *relay_start(struct gateway *gateway, const struct cache_options *options);
/* Stops its loop. What the registry's writer still has of it is finished by registry_close, after
 * which relay_destroy may free it. */
void relay_stop(struct relay *relay);
void relay_destroy(struct relay **relay);

struct relay_counters {
    _Atomic uint64_t comparisons, failures, changes_relayed, rebuilds, redis_restarts;
};
const struct relay_counters *relay_counters(const struct relay *relay);
enum cache_state relay_cache_state(const struct relay *relay);

#endif
