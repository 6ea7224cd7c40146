/* The registry's events: one row for each thing that changed, written by the transaction that
 * changed it, numbered from 1 without a gap. They are the spine of what follows a change: the
 * sequencer takes them into the evidence log, webhooks are owed for them, a licence's trace is made
 * of them, and a registry that was restored from a backup is brought up to date from them. */
#ifndef REGISTRY_EVENT_H
#define REGISTRY_EVENT_H

#include "registry/registry.h"

#define EVENT_TEXT_BYTES_MAX 64
#define EVENT_NONE           255 /* no acting, status or detail */

/* Stored, and the same numbers as the evidence's kinds (evidence/journal.h): never renumber. */
enum registry_event_kind {
    EVENT_CONSENT = 6, /* purpose: the partner; reference: the consent's id; fields */
    EVENT_MANDATE = 7, /* reference: its id. A representative's is of the licence that names him,
                          behind its EVENT_ISSUED or EVENT_VERSION; purpose: given, ended */
    EVENT_APPLY = 8,   /* reference: the access request's id; purpose: its matter; detail: enum
                          access_state; result: not refused */
    /* Of these four, those that a delivered record made have the purpose EVENT_BY_IMPORT, and the
     * record's source version as reference. */
    EVENT_ISSUED = 32,  /* a licence's first version, at its place; detail: the issuer's status */
    EVENT_VERSION = 33, /* another version, at its place; detail: the issuer's status */
    EVENT_SUPERSEDED = 34, /* the place that the version before had; EVENT_VERSION is the next */
    EVENT_STATUS = 35,     /* detail: the issuer's status, its code */
    EVENT_HOLD = 36,     /* detail: enum hold_kind; agency; reference: case number; purpose: word of
                            the action (seize, withdraw, request_cancel) */
    EVENT_LIFT = 37,     /* the same; purpose: restore, revert, refuse, confirm */
    EVENT_DECISION = 38, /* purpose: confirm, revert, refuse; the rest as EVENT_HOLD's */
    EVENT_ESCALATED = 39, /* agency; reference: case number; detail: enum hold_kind */
    EVENT_OBJECTION = 40, /* purpose: received, checking, corrected, refused; reference: its id */
    EVENT_IMPORT = 41,    /* purpose: source; reference: "added 3 versions 1 status 0
                             unchanged 7 older 0", or "rejected 9" when nothing was taken */
    EVENT_ACCESS = 42,    /* purpose: client_add, client_disable, client_key, webhook, shut_out,
                             let_in; reference: the client's id; a person's subject */
    EVENT_OPERATOR = 43,  /* purpose: a command's words */
    EVENT_RESTORED = 44,
    EVENT_ARCHIVED = 45,
    EVENT_ANOMALY = 46, /* purpose: the rule; reference: whose */
    /* What a terminal saw offline, when it delivers that. At the scanned code's place, of which the
     * status is as of the delivery; without a licence if the code is none of ours. agency: the
     * terminal's; reference: the scan's id, a space, when it was made; purpose: as of when the
     * terminal knew the status ("-": not at all), a space, its bundle's version; detail: enum
     * verdict_reason; result: valid. */
    EVENT_OFFLINE_SCAN = 47,
    /* An enforcement action, right behind what it did: the hold that it placed, or the last that it
     * lifted, whose reference is its case. detail: enum action_kind; agency; reference: its id in
     * hexadecimal, and of a request to cancel a space and until when (Unix seconds); purpose: the
     * hash of the agency's evidence in hexadecimal, or empty. */
    EVENT_ACTED = 48,
};

#define EVENT_BY_IMPORT    "import"
#define EVENT_SCAN_TIME_AT (2 * REGISTRY_ID_BYTES + 1) /* in EVENT_OFFLINE_SCAN's reference */

struct registry_event {
    uint64_t number;
    enum registry_event_kind kind;
    int64_t at_us; /* Unix microseconds */
    /* the change's actor, as it was given */
    unsigned role; /* enum token_role */
    uint64_t request_id;
    struct bytes subject, client;
    struct bytes purpose, reference, agency;
    uint32_t fields;
    uint8_t acting; /* enum registry_acting, or 255 */
    /* of a licence */
    bool has_licence;
    uint8_t licence[REGISTRY_ID_BYTES];
    uint8_t licence_reference[REGISTRY_REFERENCE_BYTES];
    uint16_t type, issuer;
    uint16_t version;
    uint16_t list;
    uint32_t index;
    uint8_t status; /* the effective status after it, its code; 255: none */
    uint8_t detail; /* by kind; 255: none */
    bool result;    /* false: given back or ended: a consent withdrawn, a mandate ended */
};

/* Events with numbers above `after`, in order, at most `max`; each is given before the call
 * returns. Answers now; an event costs microseconds. */
enum registry_error registry_events(struct registry_reader *reader, uint64_t after, size_t max,
                                    void (*each)(void *context, const struct registry_event *event),
                                    void *context);
/* Those of a licence, oldest first, at most `max`; *more: there are others. */
enum registry_error registry_licence_events(
    struct registry_reader *reader, const uint8_t licence[REGISTRY_ID_BYTES], size_t max,
    void (*each)(void *context, const struct registry_event *event), void *context, bool *more);
/* The scans (EVENT_OFFLINE_SCAN) of codes with this place that were delivered from `since_us` on
 * and before `before_us` (Unix microseconds; 0: until now), the newest first, at most `max`; *more:
 * there are others. NOT_FOUND never: a place may have none. */
enum registry_error registry_place_scans(
    struct registry_reader *reader, uint16_t list, uint32_t index, int64_t since_us,
    int64_t before_us, size_t max, void (*each)(void *context, const struct registry_event *event),
    void *context, bool *more);
/* The number of the last event; 0: none. */
enum registry_error registry_last_event(struct registry_reader *reader, uint64_t *number);
/* All places a licence ever had, with since when (Unix seconds) and until when (0: its present one)
 * each was its own; *count in: room, out: how many there are. Holders change with versions:
 * `holder` is whose it was then. */
struct registry_version_place {
    uint16_t list, version;
    uint32_t index;
    int64_t until;
    uint8_t holder[REGISTRY_ID_BYTES];
};
enum registry_error registry_licence_places(struct registry_reader *reader,
                                            const uint8_t licence[REGISTRY_ID_BYTES],
                                            struct registry_version_place *places, size_t *count);

/* CHANGE_SCANS: what the actor's client, a terminal, saw while it was offline. Each id counts once
 * for each client, for ever: the registry keeps them, and a registry that was restored has them
 * again from the log. NOT_FOUND: there is no such client. */
#define REGISTRY_SCANS_MAX 16
struct registry_scan {
    uint8_t id[REGISTRY_ID_BYTES]; /* the terminal's, random */
    int64_t at;                    /* Unix seconds, by the terminal's clock */
    enum verdict_reason reason;    /* what it said; REASON_NONE: valid */
    int64_t status_as_of;          /* 0: no list told it the status */
    uint64_t bundle_version;
    bool authentic; /* the code is ours, and names this place as of this version: */
    uint16_t list, version;
    uint32_t index;
    uint32_t fields; /* opaque here: what the code showed */
    bool known;      /* told: it was delivered before, and nothing was written */
};

/* CHANGE_NOTE: an event alone, of kind EVENT_OPERATOR, EVENT_ARCHIVED or EVENT_ANOMALY: the actor
 * with its purpose and reference. */

/* CHANGE_RECONCILE: what the log has, and a registry that was restored from a backup has not.
 * `replay` gives the log's records of the registry's events in order, from `from` on; all
 * are applied in one transaction, with the new generations of CHANGE_RESTORED at its end:
 *   - the registry's own events from there on are not the log's: they are given new numbers
 *     behind the log's last, and stay;
 *   - holds are placed and lifted, issuer's statuses set, escalations and decisions noted, at the
 *     licence whose place it is, as of the log's time; actions are as they were but for reasons,
 *     which no log has, and objections are where they were, but for those that were made since;
 *   - a superseded place becomes invalid. If its licence's next version was lost, the licence is in
 *     doubt (LICENCE_STATUS_IN_DOUBT: could not find out) until its issuer delivers it again;
 *   - what was taken away stays so: consents and mandates that ended, clients disabled (and those
 *     whose key was replaced: they have none now), persons shut out. What was given is lost;
 *   - what the restored registry was told itself stands: a status where it is the stricter one, a
 *     hold also when the log ended one of its case before;
 *   - places that were given out since are never given out again: new licences go into a new list.
 * Those of lost licences have bits 3, so that their codes are looked up, and told to be unknown;
 *   - the events of a lost licence are kept, and applied to it by whatever adds it again.
 * REFUSED with a sentence: the records have gaps, or are none of a registry's. */
struct registry_replayed {
    uint64_t number;
    enum registry_event_kind kind;
    int64_t at_us;
    bool has_place;
    uint16_t list;
    uint32_t index;
    bool has_licence;
    uint8_t licence_reference[REGISTRY_REFERENCE_BYTES];
    uint8_t status, detail;
    struct bytes subject, client, purpose, reference, agency;
    unsigned role;
    uint64_t request_id;
    uint32_t fields;
    uint8_t acting; /* of a holder's */
    bool ended;     /* its result was false */
};
struct registry_replay {
    uint64_t from; /* the first event that the registry lacks, or has otherwise */
    /* False: no more. *failed: could not be read, and nothing is applied. Runs on the writer's
     * thread; what it gives lives until its next call. */
    bool (*next)(void *context, struct registry_replayed *event, bool *failed);
    void *context;
    /* told */
    uint64_t events, holds_placed, holds_lifted, statuses, superseded, in_doubt, renumbered;
    uint64_t lost_licences, lost_holds, lost_statuses; /* that wait; statuses: other than valid */
    uint64_t actions, lost_objections;
};

#endif
