/* How an entry of a licence's trace is told: to its holder and its authority without officers'
 * numbers and cases, to an auditor with them. */
#ifndef GATEWAY_TRACE_ENTRY_H
#define GATEWAY_TRACE_ENTRY_H

#include "gateway/operation.h"
#include "gateway/proofs.h"

#define TRACE_ENTRY_BYTES_MAX 1536 /* beside its proof */

/* Appends
 * {"at","kind","who","purpose","scanned_at","status_as_of","result","reason","status","fields","log"},
 * to auditors also "reference". Whoever is not told all that the record has gets its hash in the
 * proof's place. */
void trace_entry_put(struct buf *out, const struct operation *op, const struct proof_wanted *proof);

#endif
