/* The gateway's side of the evidence log: gives the sequencer the journals and the registry's
 * events, tells operators what is wrong with it, has checkpoints cosigned and the unusual noticed.
 */
#ifndef GATEWAY_LEDGER_H
#define GATEWAY_LEDGER_H

#include "evidence/sequencer.h"
#include "gateway/anomalies.h"
#include "registry/event.h"

struct gateway;
struct ledger;

/* NULL with a sentence in `why`. */
struct ledger *ledger_start(struct gateway *gateway, struct buf *why);
void ledger_stop(struct ledger **ledger);

/* Any thread. Is the event in the log? */
bool ledger_has(const struct ledger *ledger, uint64_t event);
/* Up to which event the log has all. */
uint64_t ledger_events(const struct ledger *ledger);
/* Has the registry the events that the log has? One that has fewer, or another in the place of the
 * last, went back or is another. Costs microseconds. Any thread, with a reader of its own. */
enum registry_error ledger_compare(const struct ledger *ledger, struct registry_reader *reader,
                                   bool *same);
/* An event was committed. */
void ledger_wake(struct ledger *ledger);
/* Does this gateway write the log? */
bool ledger_leads(const struct ledger *ledger);
/* Appends the newest checkpoint, from its file; false: there is none yet. Any thread. */
bool ledger_checkpoint(const struct ledger *ledger, struct buf *note);

struct ledger_counters {
    _Atomic uint64_t anomalies[ANOMALY_RULE_COUNT];
    _Atomic bool trouble; /* the log can't be written now, or contradicts itself */
};
const struct ledger_counters *ledger_counters(const struct ledger *ledger);
const struct sequencer_counters *ledger_log_counters(const struct ledger *ledger);
/* Looks that no rule could count. */
uint64_t ledger_untracked(const struct ledger *ledger);
/* Witnesses, and how many of them are late. */
unsigned ledger_witnesses(const struct ledger *ledger, unsigned *late);
/* An event as a record of evidence; views into the event. */
void ledger_record(const struct registry_event *event, struct journal_record *record);

#endif
