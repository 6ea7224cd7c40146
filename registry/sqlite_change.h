/* Private to the files that change: the writer's statements, and what they need of each other. */
#ifndef REGISTRY_SQLITE_CHANGE_H
#define REGISTRY_SQLITE_CHANGE_H

#include "protocol/token.h"
#include "registry/event.h"
#include "registry/sqlite.h"

enum change_statement {
    W_SAVEPOINT,
    W_RELEASE,
    W_ROLLBACK_TO,
    W_LICENCE_BY_ID,
    W_LICENCE_BY_IDENTITY,
    W_LICENCE_ADD,
    W_LICENCE_VERSION,
    W_LICENCE_SOURCE,
    W_LICENCE_STATUS,
    W_LIST_RELAYED,
    W_HOLDS,
    W_HOLDER_BY_NUMBER,
    W_HOLDER_ADD,
    W_TYPE,
    W_TYPE_ADD,
    W_ISSUER,
    W_ISSUER_ADD,
    W_REDIS_RUN,
    W_IMPORT_LINE,
    /* sqlite_place.c */
    W_PLACE_TAKEN,
    W_PLACE_ADD,
    W_PLACE_BITS,
    W_PLACE_SUPERSEDE,
    W_LIST_NEWEST,
    W_LIST_ADD,
    W_LIST_USE,
    W_LIST_NEXT,
    W_LIST_GENERATION,
    W_CHANGE_ADD,
    /* sqlite_mandate_change.c */
    W_HOLDER_BY_ID,
    W_LICENCE_HOLDER,
    W_MANDATE_BY_ID,
    W_MANDATE_PUT,
    W_MANDATE_END,
    W_GRANT_END,
    W_REPRESENTATIVE_END,
    /* sqlite_access_change.c */
    W_CLIENT_BY_ID,
    W_CLIENT_ADD,
    W_CLIENT_DISABLE,
    W_KEY_RETIRE,
    W_KEY_DROP,
    W_KEY_ADD,
    W_KEY_STATE,
    W_SHUT_OUT,
    W_LET_IN,
    W_ACCESS_VERSION,
    W_CONSENT_SUPERSEDE,
    W_CONSENT_ADD,
    W_CONSENT_WITHDRAW,
    W_REQUEST_ADD,
    W_REQUEST_STATE,
    W_REQUEST_DECIDE,
    /* sqlite_scan.c */
    W_SCAN_ADD,
    W_SCAN_PLACE,
    /* sqlite_event.c */
    W_EVENT_LAST,
    W_EVENT_ADD,
    /* sqlite_action.c */
    W_HOLD_FIND,
    W_HOLD_PLACE,
    W_HOLD_LIFT,
    W_ACTION_BY_KEY,
    W_ACTION_BY_ID,
    W_ACTION_ADD,
    W_ACTION_STATE,
    W_ACTION_DUE,
    /* sqlite_reconcile.c */
    W_EVENTS_SHIFT,
    W_ACTIONS_SHIFT,
    W_LISTS_CLOSE,
    W_REPLAY_LISTS,
    W_REPLAY_TAKEN,
    W_MOVE_PLACE,
    W_MOVE_LICENCE,
    W_MOVE_EVENTS,
    W_OWN_STATUSES,
    W_OWN_ISSUED,
    W_LOST_COUNT,
    /* sqlite_replay.c */
    W_REPLAY_EVENT,
    W_REPLAY_NAME,
    W_LICENCE_BY_ROW,
    W_LICENCE_DOUBT,
    W_LICENCE_DELIVERED,
    W_PLACE_LOST,
    W_LOST_NEXT,
    W_LOST_DOUBT,
    W_REPLAY_LIFT,
    W_REPLAY_HOLD,
    W_REPLAY_DECIDE,
    W_REPLAY_ACTION,
    W_REPLAY_CONSENT,
    W_REPLAY_LET_IN,
    /* sqlite_outbox.c */
    W_DELIVERY_CLIENTS,
    W_DELIVERY_EVENTS,
    W_DELIVERY_OWE,
    W_DELIVERY_MARK,
    W_DELIVERY_RETRY,
    W_DELIVERY_GIVE_UP,
    W_WEBHOOK_PUT,
    W_WEBHOOK_END,
    /* sqlite_objection.c */
    W_OBJECTION_ISSUER,
    W_OBJECTIONS_OPEN,
    W_OBJECTION_ADD,
    W_OBJECTION_BY_ID,
    W_OBJECTION_STATE,
    W_OBJECTION_REPLAY,
    /* sqlite_quality.c */
    W_QUALITY,
    W_RECORD_ID,
    W_COUNT,
};
extern const char *const mandate_change_texts[W_COUNT],
    *const access_change_texts[W_COUNT],
        *const event_change_texts[W_COUNT],
            *const action_change_texts[W_COUNT],
                *const reconcile_texts[W_COUNT],
                    *const replay_texts[W_COUNT], *const place_texts[W_COUNT],
                                                      *const outbox_change_texts[W_COUNT],
                                                          *const objection_change_texts[W_COUNT],
                                                              *const quality_change_texts[W_COUNT],
                                                                  *const scan_change_texts[W_COUNT];

/* ---- status ---- */

/* A licence inside the transaction. */
struct licence_state {
    int64_t row;
    uint16_t version, list;
    uint32_t place;
    enum licence_status issuer_status, status;
    uint8_t bits;  /* of its place, as they stand there */
    bool in_doubt; /* its present version was lost: the texts are those of one before */
};
/* From the first seven columns of a row of W_LICENCE_BY_ID or W_LICENCE_BY_IDENTITY. */
enum registry_error licence_state_read(struct sqlite3_stmt *statement, struct licence_state *l);
/* NOT_FOUND: there is none of this id. */
enum registry_error licence_find(struct sqlite_connection *c, const uint8_t id[REGISTRY_ID_BYTES],
                                 struct licence_state *l);

/* Stores the issuer's status, the effective status that follows from it and the open holds, and the
 * bits that follow from that. *seq: the change's number in the licence's list; 0: the bits were so
 * before. */
enum registry_error licence_settle(struct sqlite_connection *c, struct licence_state *l,
                                   int64_t now, uint64_t *seq);
/* The same, told in the change's answer. */
enum registry_error change_settle(struct sqlite_connection *c, struct registry_change *change,
                                  struct licence_state *l, int64_t now);
bool is_issuers_status(enum licence_status status);
/* The row of the client of this id; NOT_FOUND. */
enum registry_error client_find(struct sqlite_connection *c, struct bytes id, int64_t *row,
                                enum token_role *role);
/* registry_access_version is another one after this, which no registry had before. */
enum registry_error access_version_move(struct sqlite_connection *c);

/* ---- places and lists (sqlite_place.c) ---- */

/* Writes the bits of a place with their change number. */
enum registry_error place_set_bits(struct sqlite_connection *c, uint16_t list, uint32_t place,
                                   uint8_t bits, int64_t now, uint64_t *seq);
/* Gives l a place that nobody had, in its list and place; its bits are 0. */
enum registry_error place_choose(struct sqlite_connection *c, struct registry_change *change,
                                 struct licence_state *l);
enum registry_error place_add(struct sqlite_connection *c, const struct licence_state *l);
/* The present place of l is its licence's no more: invalid from now on. */
enum registry_error place_supersede(struct sqlite_connection *c, const struct licence_state *l,
                                    int64_t now);
/* A new generation for every list, and another registry_access_version: nobody who knew the
 * registry goes on from where it was. */
enum registry_error generations_renew(struct sqlite_connection *c);
/* The list of this number, which is the next. REFUSED: there are REGISTRY_LISTS_MAX. */
enum registry_error list_add(struct sqlite_connection *c, struct registry_change *change,
                             int64_t list);

/* ---- mandates ---- */

/* A licence whose holder is still the one who was asked about; else NOT_FOUND. */
struct licence_holder {
    int64_t licence, holder;
    enum registry_holder_kind kind;
};
enum registry_error licence_find_holder(struct sqlite_connection *c,
                                        const uint8_t id[REGISTRY_ID_BYTES],
                                        const uint8_t holder[REGISTRY_ID_BYTES],
                                        struct licence_holder *l);
/* Makes `person` the representative of the holder for an issuer's licences (all rows), instead of
 * whoever it was for these. Events, of the licence whose record says so, tell what changed. */
enum registry_error mandate_put_representative(struct sqlite_connection *c,
                                               struct registry_change *change, int64_t now,
                                               const struct licence_state *l, int64_t issuer,
                                               int64_t holder, int64_t person);

enum registry_error change_refuse(struct registry_change *change, const char *sentence);

/* ---- events ---- */

/* What happened; who did it is the change's actor. */
struct event_new {
    enum registry_event_kind kind;
    const struct licence_state *licence; /* as it is after the change; NULL: of none */
    struct bytes purpose, reference;     /* NULL data: as the actor gave them */
    struct bytes agency, subject;        /* subject: NULL data: the actor's */
    uint32_t fields;
    uint8_t detail; /* by kind; EVENT_NONE: none */
    bool ended;     /* result false */
};
/* Writes it as the next event, tells its number in change->event, and owes the deliveries that
 * follow from it (deliveries_owe). `now`: the change's moment, Unix seconds. */
enum registry_error event_add(struct sqlite_connection *c, struct registry_change *change,
                              int64_t now, const struct event_new *event);
/* The same of what has this id: the event's reference is it in hexadecimal. */
enum registry_error event_add_id(struct sqlite_connection *c, struct registry_change *change,
                                 int64_t now, const struct event_new *event,
                                 const uint8_t id[REGISTRY_ID_BYTES]);
/* EVENT_STATUS with the issuer's status as it is now. */
enum registry_error status_event(struct sqlite_connection *c, struct registry_change *change,
                                 int64_t now, const struct licence_state *l);
/* The number of the last one there is; 0: none. */
enum registry_error event_last(struct sqlite_connection *c, uint64_t *number);
/* sqlite_outbox.c: called by event_add for kinds that a webhook is told of, with the event's number
 * and moment (Unix microseconds). The ids of the deliveries follow from these: an event that is
 * replayed is not told as another. `now`, Unix seconds: since when they wait. */
enum registry_error deliveries_owe(struct sqlite_connection *c, const struct event_new *event,
                                   uint64_t number, int64_t at_us, int64_t now);
/* The same for events that a restored registry took from the log: nobody knows which of their
 * deliveries were made. */
enum registry_error deliveries_owe_again(struct sqlite_connection *c, uint64_t from, uint64_t last,
                                         int64_t now);
/* What waits for a client that is told nothing more becomes dead. */
enum registry_error deliveries_give_up(struct sqlite_connection *c, struct bytes client);

/* ---- each file's kinds of change ---- */

/* sqlite_record.c: all records of an import. */
enum registry_error change_import(struct sqlite_connection *c, struct registry_change *change,
                                  int64_t now);
/* What CHANGE_CLIENT_DISABLE does, but for its event; NOT_FOUND: there is none of this id. */
enum registry_error client_disable(struct sqlite_connection *c, struct bytes id, int64_t now);
/* A client without keys can't show who it is; NOT_FOUND. */
enum registry_error client_drop_keys(struct sqlite_connection *c, struct bytes id);
/* sqlite_mandate_change.c: agents, guardians, entrusted licences. */
enum registry_error change_mandate(struct sqlite_connection *c, struct registry_change *change,
                                   int64_t now);
/* sqlite_access_change.c: clients, persons shut out; consents, the use list. */
enum registry_error change_who_may_ask(struct sqlite_connection *c, struct registry_change *change,
                                       int64_t now);
enum registry_error change_what_for(struct sqlite_connection *c, struct registry_change *change,
                                    int64_t now);
/* sqlite_scan.c */
enum registry_error change_scans(struct sqlite_connection *c, struct registry_change *change,
                                 int64_t now);
/* Notes the id of a scan that the log has, so that it is not taken again: its event's client and
 * reference. One of a client that is lost is passed over. */
enum registry_error scan_note(struct sqlite_connection *c, struct bytes client,
                              struct bytes reference);
/* sqlite_action.c: holds without an action; actions, what issuers decide on them, their escalation.
 */
enum registry_error change_hold(struct sqlite_connection *c, struct registry_change *change,
                                int64_t now);
enum registry_error change_action(struct sqlite_connection *c, struct registry_change *change,
                                  int64_t now);
/* sqlite_reconcile.c */
enum registry_error change_reconcile(struct sqlite_connection *c, struct registry_change *change,
                                     int64_t now);
/* sqlite_replay.c: the licence of this reference is here again, as its issuer delivered it with
 * this source version: what the log has of it, while it was lost, holds. The stricter of both
 * statuses stands, unless the delivery is the newer one; if it is older, the licence is in doubt. l
 * is as it is stored, before and after. */
enum registry_error licence_return(struct sqlite_connection *c, struct registry_change *change,
                                   const uint8_t reference[REGISTRY_REFERENCE_BYTES],
                                   uint64_t source_version, struct licence_state *l, int64_t now);
/* sqlite_objection.c: received, and each further state. */
enum registry_error change_objection(struct sqlite_connection *c, struct registry_change *change,
                                     int64_t now);
/* Of a state (enum objection_state) that the log has of the objection of this id; one that is not
 * there is passed over. */
enum registry_error objection_replay(struct sqlite_connection *c,
                                     const uint8_t id[REGISTRY_ID_BYTES], unsigned state,
                                     int64_t at);
/* sqlite_outbox.c: deliveries and clients' webhooks. */
enum registry_error change_delivery(struct sqlite_connection *c, struct registry_change *change,
                                    int64_t now);
/* sqlite_quality.c, called by change_import. The record of the change is of this licence (a row):
 * keeps the authority's own id, if there is one; REFUSED when that names another licence. */
enum registry_error record_id_keep(struct sqlite_connection *c, struct registry_change *change,
                                   int64_t licence);
/* All records of the change, its outcomes, rejected and warnings, for the quality by day. */
enum registry_error quality_of_import(struct sqlite_connection *c,
                                      const struct registry_change *change, int64_t now);
/* An objection was received, or `corrected`. */
enum registry_error quality_of_objection(struct sqlite_connection *c, struct bytes issuer_code,
                                         bool corrected, int64_t now);

#endif
