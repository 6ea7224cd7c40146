/* Enforcement actions (执法处置) and what becomes of them. An action is stored with the hold that
 * it places, in one transaction with its event; docs/TRANSITIONS.md has the table of all
 * transitions.
 *
 *   seize, withdraw  place a hold of their case, which binds at once; the issuer is told, and may
 *                    confirm (it stays) or revert (it ends)
 *   request_cancel   places a hold and asks the issuer to cancel, until `due_at`; then it
 * escalates. confirm: the issuer's status becomes cancelled and the hold ends; refuse: it ends
 *   restore          ends the open holds of its own agency and case, and nothing else's */
#ifndef REGISTRY_ACTION_H
#define REGISTRY_ACTION_H

#include "registry/access.h"
#include "registry/event.h"

#define ACTION_REASON_BYTES_MAX 256

/* Stored and told: never renumber. */
#define ACTION_KINDS(A)                                                                            \
    A(SEIZE, "seize")                                                                              \
    A(WITHDRAW, "withdraw")                                                                        \
    A(REQUEST_CANCEL, "request_cancel")                                                            \
    A(RESTORE, "restore")
enum action_kind {
#define A(name, word) ACTION_##name,
    ACTION_KINDS(A)
#undef A
        ACTION_KIND_COUNT
};
#define ACTION_STATES(S)                                                                           \
    S(OPEN, "open")           /* told to the issuer, which has not answered */                     \
    S(ESCALATED, "escalated") /* open, and its day has passed */                                   \
    S(CONFIRMED, "confirmed")                                                                      \
    S(REVERTED, "reverted") /* by the issuer: seize, withdraw */                                   \
    S(REFUSED, "refused")   /* by the issuer: request_cancel */                                    \
    S(RESTORED, "restored") /* by the agency itself */                                             \
    S(DONE, "done")         /* a restore */
enum action_state {
#define S(name, word) ACTION_STATE_##name,
    ACTION_STATES(S)
#undef S
        ACTION_STATE_COUNT
};
#define ACTION_DECISIONS(D)                                                                        \
    D(CONFIRM, "confirm")                                                                          \
    D(REVERT, "revert")                                                                            \
    D(REFUSE, "refuse")
enum action_decision {
#define D(name, word) DECISION_##name,
    ACTION_DECISIONS(D)
#undef D
        DECISION_COUNT
};
const char *action_kind_text(enum action_kind kind);
bool action_kind_read(struct bytes text, enum action_kind *kind);
const char *action_state_text(enum action_state state);
const char *action_decision_text(enum action_decision decision);
bool action_decision_read(struct bytes text, enum action_decision *decision);
/* What an action is after it. */
enum action_state action_decided_state(enum action_decision decision);

struct registry_action {
    uint8_t id[REGISTRY_ID_BYTES]; /* told; a keyed hash of `key` */
    uint8_t licence[REGISTRY_ID_BYTES];
    enum action_kind kind;
    char agency[REGISTRY_CASE_BYTES_MAX + 1], case_number[REGISTRY_CASE_BYTES_MAX + 1];
    char officer[TOKEN_SUBJECT_BYTES_MAX + 1]; /* AGENCY/OFFICER, as in the token */
    char terminal[ACCESS_ID_BYTES_MAX + 1];    /* the client's id */
    char reason[ACTION_REASON_BYTES_MAX + 1];
    bool has_evidence;
    uint8_t evidence_hash[CRYPTO_HASH_BYTES]; /* of photographs, a record: the agency keeps them */
    int64_t due_at;                           /* request_cancel: Unix seconds; else 0 */
    /* Which call made it: SHA-256 of terminal and Idempotency-Key, of officer and body. The same
     * key with the same body finds the action there is (CHANGE_ACT answers REGISTRY_OK,
     * `repeated`); with another it is REFUSED. */
    uint8_t key[CRYPTO_HASH_BYTES], body[CRYPTO_HASH_BYTES];
    /* told */
    bool from_log; /* of a registry that was restored: reason, key and body are not known; the key
                      finds it all the same, and what else is known is compared for the body */
    bool repeated;
    int64_t at; /* Unix seconds */
    enum action_state state;
    int64_t decided_at; /* 0: not yet */
    char decided_by[ACCESS_ID_BYTES_MAX + 1];
    char decision_reason[ACTION_REASON_BYTES_MAX + 1];
    uint8_t effective; /* the licence's effective status right after the action: its code */
    uint64_t event;    /* the last event of the change that made it */
};

/* Changes (registry/registry.h):
 * CHANGE_ACT            action: licence to body. NOT_FOUND: no such licence; for a restore: this
 *                       agency and case have no open hold. REFUSED with a sentence: this case
 *                       already has such a hold; the key was used with another body
 * CHANGE_ACTION_DECIDE  id, decision, decided_by and reason in `actor`.client and `text`; `issuer`:
 *                       the authority's code. NOT_FOUND: no action of its licences; REFUSED when
 *                       kind or state forbids it. The same decision again is REGISTRY_OK, and
 *                       `event` the last there is
 * CHANGE_ESCALATE       now: open requests whose due_at has passed, at most REGISTRY_BATCH_MAX of
 * them; how many is told in `seq` */

/* The refusal of a key that came before with another body; told as itself. */
extern const char action_key_reused[];

enum registry_error registry_action(struct registry_reader *reader,
                                    const uint8_t id[REGISTRY_ID_BYTES],
                                    struct registry_action *action);
/* The action that placed the hold of which an event tells: of an EVENT_HOLD its own; of any other,
 * the last one of the case and kind before it. NOT_FOUND: none did (an operator, or it is lost). */
enum registry_error registry_action_of_event(struct registry_reader *reader,
                                             const struct registry_event *event,
                                             struct registry_action *action);
/* A page of what an authority's client is shown: of its authority's licences, those of the types
 * that it has. NOT_FOUND: `after` is none of its authority's. */
struct registry_page {
    struct bytes client; /* its id */
    bool all;            /* newest first; else open ones alone, those that are due first */
    bool has_after;
    uint8_t after[REGISTRY_ID_BYTES]; /* the last one of the page before */
    size_t max;
};
/* Open: OPEN and ESCALATED; those without a due_at come last, newest first. */
enum registry_error registry_actions(
    struct registry_reader *reader, const struct registry_page *page,
    void (*each)(void *context, const struct registry_action *action), void *context);
/* How many requests are open, and escalated. */
enum registry_error registry_actions_waiting(struct registry_reader *reader, uint64_t *open,
                                             uint64_t *escalated);

#endif
