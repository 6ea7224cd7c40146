/* What is unusual in how licences are looked at, by rules of the configuration (anomalies.*),
 * counted over the records that come into the evidence log: no cost for a request. Counts are of
 * the hour that began with the first look, and are lost at a restart. Records name licences, by a
 * salted reference, and no persons: who has two counts as two, and each of them by itself. One
 * thread: the sequencer's.
 */
#ifndef GATEWAY_ANOMALIES_H
#define GATEWAY_ANOMALIES_H

#include "evidence/journal.h"
#include "gateway/config/config.h"

/* rule, its word in events and metrics */
#define ANOMALY_RULES(R)                                                                           \
    R(PEOPLE, "people_per_hour") /* one terminal or partner, different licences */                 \
    R(LOOKS, "looks_per_hour")   /* one licence, different terminals, partners or systems */       \
    R(MISSES, "miss_percent")    /* one's checks, lookups or retrievals that found none */
enum anomaly_rule {
#define R(name, word) ANOMALY_##name,
    ANOMALY_RULES(R)
#undef R
        ANOMALY_RULE_COUNT
};
const char *anomaly_rule_text(enum anomaly_rule rule);

struct anomalies;
/* `found` is called once for each rule and whom it is about in an hour: a client's id, or the
 * licence's reference in hex. */
struct anomalies *anomalies_create(size_t tracked_max,
                                   void (*found)(void *context, enum anomaly_rule rule,
                                                 struct bytes whom, uint64_t count),
                                   void *context);
void anomalies_destroy(struct anomalies **anomalies);
void anomalies_see(struct anomalies *anomalies, const struct config *config,
                   const struct journal_record *record);
/* How many could not be counted, because tracked_max were. Any thread. */
uint64_t anomalies_untracked(const struct anomalies *anomalies);

#endif
