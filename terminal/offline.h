/* The rules of an answer without a network, and nothing else: no storage, no allocation, no clock.
 * docs/TERMINAL.md has them as a table. */
#ifndef TERMINAL_OFFLINE_H
#define TERMINAL_OFFLINE_H

#include "protocol/code.h"
#include "terminal/knowledge.h"
#include "terminal/scans.h"

struct offline_state {
    const struct knowledge *knowledge;
    const struct scans *scans;
    bool single_use;
};

struct offline_answer {
    enum verdict_reason reason;
    enum verdict_result result;
    uint8_t octets[CODE_COSE_BYTES_MAX];
    bool formed;    /* it is a code: `code` is set, with views into octets */
    bool authentic; /* signed, and within its life: it may be shown */
    struct code code;
    struct trust_entry type, issuer; /* of an authentic one; empty: not in the catalogues */
    const struct held_list *list;    /* that told the status; NULL: none did */
    int64_t seen_at; /* of an authentic one: scanned here before, then; 0: it was not */
};

/* No true clock is more than KNOWLEDGE_CLOCK_S before this. */
int64_t offline_time(const struct offline_state *state);
/* From then on a code can't be valid any more, by the tolerances of the held bundle. */
int64_t offline_dead_at(const struct knowledge *knowledge, const struct code_claims *claims);
void offline_verify(const struct offline_state *state, struct bytes text, int64_t now,
                    struct offline_answer *answer);

#endif
