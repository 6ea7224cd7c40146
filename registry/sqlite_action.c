/* Holds and the enforcement actions that place and end them: by an operator (holds alone), by an
 * agency, by what the issuer decides, and the escalation of what it does not.
 * docs/TRANSITIONS.md has all of it as one table. */
#include "registry/action.h"

#include "base/check.h"
#include "registry/sqlite_change.h"

const char action_key_reused[] = "this key was used for another action";

const char *const action_change_texts[W_COUNT] = {
    [W_HOLD_FIND] = "SELECT hold, kind FROM hold WHERE licence = ? AND agency = ?"
                    " AND case_number = ? AND lifted IS NULL ORDER BY kind",
    [W_HOLD_PLACE] = "INSERT INTO hold VALUES (NULL, ?, ?, ?, ?, ?, NULL)"
                     " ON CONFLICT DO NOTHING RETURNING hold",
    [W_HOLD_LIFT] = "UPDATE hold SET lifted = ?2 WHERE hold = ?1",

    [W_ACTION_BY_KEY] = ACTION_COLUMNS " WHERE a.key = ?1 OR a.id = ?2 LIMIT 1",
    [W_ACTION_BY_ID] = ACTION_COLUMNS " WHERE a.id = ?",
    [W_ACTION_ADD] = "INSERT INTO action SELECT NULL, ?1, l.licence, l.issuer, ?3, ?4, ?5, ?6, ?7,"
                     " ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 0, '', x'', ?16, ?17"
                     " FROM licence l WHERE l.licence = ?2",
    [W_ACTION_STATE] = "UPDATE action SET state = ?2, decided_at = ?3, decided_by = ?4,"
                       " decision_reason = ?5 WHERE hold = ?1",
    [W_ACTION_DUE] = ACTION_COLUMNS " WHERE a.kind = 2 AND a.state = 0 AND a.due_at < ?"
                                    " ORDER BY a.due_at LIMIT 1",
};
_Static_assert(ACTION_REQUEST_CANCEL == 2 && ACTION_STATE_OPEN == 0, "the numbers in the texts");
_Static_assert((int)ACTION_SEIZE == (int)HOLD_SEIZED &&
                   (int)ACTION_WITHDRAW == (int)HOLD_WITHDRAWN &&
                   (int)ACTION_REQUEST_CANCEL == (int)HOLD_CANCEL_REQUESTED,
               "an action's number is that of the hold it places");

struct hold {
    int64_t row;
    enum hold_kind kind;
    struct bytes agency, case_number;
};

static bool is_case(struct bytes agency, struct bytes case_number)
{
    return agency.len >= 1 && agency.len <= REGISTRY_CASE_BYTES_MAX && case_number.len >= 1 &&
           case_number.len <= REGISTRY_CASE_BYTES_MAX;
}

static enum registry_error hold_event(struct sqlite_connection *c, struct registry_change *change,
                                      int64_t now, enum registry_event_kind kind,
                                      const struct licence_state *l, const struct hold *hold,
                                      const char *purpose)
{
    return event_add(c, change, now,
                     &(struct event_new){.kind = kind,
                                         .licence = l,
                                         .purpose = bytes_str(purpose),
                                         .reference = hold->case_number,
                                         .agency = hold->agency,
                                         .detail = (uint8_t)hold->kind});
}

/* REFUSED: the case has such a hold. */
static enum registry_error place_hold(struct sqlite_connection *c, struct registry_change *change,
                                      const struct licence_state *l, struct hold *hold, int64_t now)
{
    struct sqlite3_stmt *place = c->statements[W_HOLD_PLACE];
    sqlite_bind_int(place, 1, l->row);
    sqlite_bind_int(place, 2, hold->kind);
    sqlite_bind_text(place, 3, hold->agency);
    sqlite_bind_text(place, 4, hold->case_number);
    sqlite_bind_int(place, 5, now);
    enum registry_error error = sqlite_step(place);
    if (!error)
        hold->row = sqlite_column_int(place, 0);
    sqlite_reset(place);
    return error == REGISTRY_ERR_NOT_FOUND
               ? change_refuse(change, "this case already has such a hold on the licence")
               : error;
}

static enum registry_error lift_hold(struct sqlite_connection *c, int64_t hold, int64_t now)
{
    struct sqlite3_stmt *lift = c->statements[W_HOLD_LIFT];
    sqlite_bind_int(lift, 1, hold);
    sqlite_bind_int(lift, 2, now);
    return sqlite_run(lift);
}

/* Of the action that placed the hold, if one did. */
static enum registry_error set_state(struct sqlite_connection *c, int64_t hold,
                                     enum action_state state, int64_t decided_at, struct bytes by,
                                     struct bytes sealed_reason)
{
    struct sqlite3_stmt *set = c->statements[W_ACTION_STATE];
    sqlite_bind_int(set, 1, hold);
    sqlite_bind_int(set, 2, state);
    sqlite_bind_int(set, 3, decided_at);
    sqlite_bind_text(set, 4, by);
    sqlite_bind_blob(set, 5, sealed_reason.len ? sealed_reason : bytes_of("", 0));
    return sqlite_run(set);
}

/* The open holds of a case, of which there is at most one of each kind; NOT_FOUND: none. */
static enum registry_error find_holds(struct sqlite_connection *c, const struct licence_state *l,
                                      struct bytes agency, struct bytes case_number,
                                      struct hold holds[HOLD_KIND_COUNT], int *count)
{
    struct sqlite3_stmt *find = c->statements[W_HOLD_FIND];
    enum registry_error error = REGISTRY_OK;
    *count = 0;
    sqlite_bind_int(find, 1, l->row);
    sqlite_bind_text(find, 2, agency);
    sqlite_bind_text(find, 3, case_number);
    while (*count < HOLD_KIND_COUNT && !(error = sqlite_step(find)))
        holds[(*count)++] = (struct hold){.row = sqlite_column_int(find, 0),
                                          .kind = (enum hold_kind)sqlite_column_int(find, 1),
                                          .agency = agency,
                                          .case_number = case_number};
    sqlite_reset(find);
    return error == REGISTRY_ERR_NOT_FOUND && *count ? REGISTRY_OK : error;
}

/* Ends what holds the licence for this case, and the actions with it. */
static enum registry_error restore(struct sqlite_connection *c, struct registry_change *change,
                                   struct licence_state *l, struct bytes agency,
                                   struct bytes case_number, int64_t now)
{
    struct hold holds[HOLD_KIND_COUNT];
    int count;
    enum registry_error error = find_holds(c, l, agency, case_number, holds, &count);
    for (int i = 0; !error && i < count; i++) {
        error = lift_hold(c, holds[i].row, now);
        if (!error)
            error = set_state(c, holds[i].row, ACTION_STATE_RESTORED, now, change->actor.client,
                              bytes_of(NULL, 0));
    }
    if (!error)
        error = change_settle(c, change, l, now);
    for (int i = 0; !error && i < count; i++)
        error =
            hold_event(c, change, now, EVENT_LIFT, l, &holds[i], action_kind_text(ACTION_RESTORE));
    return error;
}

static enum registry_error place(struct sqlite_connection *c, struct registry_change *change,
                                 struct licence_state *l, struct hold *hold, int64_t now)
{
    enum registry_error error = place_hold(c, change, l, hold, now);
    if (!error)
        error = change_settle(c, change, l, now);
    return error ? error
                 : hold_event(c, change, now, EVENT_HOLD, l, hold,
                              action_kind_text((enum action_kind)hold->kind));
}

enum registry_error change_hold(struct sqlite_connection *c, struct registry_change *change,
                                int64_t now)
{
    struct licence_state l;
    struct hold hold = {
        .kind = change->hold_kind, .agency = change->agency, .case_number = change->case_number};
    if (!is_case(hold.agency, hold.case_number))
        return change_refuse(change, "agency and case number have 1 to 64 bytes");
    enum registry_error error = licence_find(c, change->licence, &l);
    if (error)
        return error;
    return change->kind == CHANGE_HOLD_PLACE
               ? place(c, change, &l, &hold, now)
               : restore(c, change, &l, hold.agency, hold.case_number, now);
}

/* ---- an action ---- */

static bool is_same(const struct registry_action *stored, const struct registry_action *asked)
{
    if (!stored->from_log)
        return memcmp(stored->body, asked->body, CRYPTO_HASH_BYTES) == 0;
    return stored->kind == asked->kind && !strcmp(stored->case_number, asked->case_number) &&
           !strcmp(stored->officer, asked->officer) &&
           !memcmp(stored->licence, asked->licence, REGISTRY_ID_BYTES) &&
           stored->has_evidence == asked->has_evidence &&
           !memcmp(stored->evidence_hash, asked->evidence_hash, CRYPTO_HASH_BYTES);
}

/* OK: the call was answered before, and *action is what it made. NOT_FOUND: it is new. */
static enum registry_error find_repeated(struct sqlite_connection *c,
                                         struct registry_change *change)
{
    struct registry_action stored;
    struct sqlite3_stmt *find = c->statements[W_ACTION_BY_KEY];
    sqlite_bind_blob(find, 1, bytes_of(change->action->key, CRYPTO_HASH_BYTES));
    sqlite_bind_blob(find, 2, bytes_of(change->action->id, REGISTRY_ID_BYTES));
    enum registry_error error = sqlite_step(find);
    if (!error)
        error = action_read(c, find, &stored);
    sqlite_reset(find);
    if (error)
        return error;
    if (!is_same(&stored, change->action))
        return change_refuse(change, action_key_reused);
    *change->action = stored;
    change->action->repeated = true;
    change->event = stored.event;
    return licence_status_of_code(stored.effective, &change->effective) ? REGISTRY_OK
                                                                        : REGISTRY_ERR_STORAGE;
}

static enum registry_error add_action(struct sqlite_connection *c, const struct licence_state *l,
                                      const struct registry_action *a, int64_t hold)
{
    uint8_t storage[ACTION_REASON_BYTES_MAX + SEAL_OVERHEAD_BYTES];
    struct buf reason = BUF_OVER(storage);
    struct sqlite3_stmt *add = c->statements[W_ACTION_ADD];
    enum registry_error error =
        seal_close(&c->seal, SEAL_ACTION, a->id, bytes_str(a->reason), &reason);
    if (error)
        return error;
    sqlite_bind_blob(add, 1, bytes_of(a->id, sizeof a->id));
    sqlite_bind_int(add, 2, l->row);
    if (hold)
        sqlite_bind_int(add, 3, hold);
    else
        sqlite_bind_blob(add, 3, bytes_of(NULL, 0));
    sqlite_bind_int(add, 4, a->kind);
    sqlite_bind_text(add, 5, bytes_str(a->agency));
    sqlite_bind_text(add, 6, bytes_str(a->case_number));
    sqlite_bind_text(add, 7, bytes_str(a->officer));
    sqlite_bind_text(add, 8, bytes_str(a->terminal));
    sqlite_bind_blob(add, 9, buf_bytes(&reason));
    sqlite_bind_blob(add, 10,
                     bytes_of(a->has_evidence ? a->evidence_hash : NULL, CRYPTO_HASH_BYTES));
    sqlite_bind_int(add, 11, a->due_at);
    sqlite_bind_blob(add, 12, bytes_of(a->key, sizeof a->key));
    sqlite_bind_blob(add, 13, bytes_of(a->body, sizeof a->body));
    sqlite_bind_int(add, 14, a->at);
    sqlite_bind_int(add, 15, a->state);
    sqlite_bind_int(add, 16, a->effective);
    sqlite_bind_int(add, 17, (int64_t)a->event);
    return sqlite_run(add);
}

/* What a registry that lost it knows it by again. */
static enum registry_error acted_event(struct sqlite_connection *c, struct registry_change *change,
                                       const struct licence_state *l,
                                       const struct registry_action *a, int64_t now)
{
    char id[2 * REGISTRY_ID_BYTES + 1 + 20], evidence[2 * CRYPTO_HASH_BYTES];
    struct buf reference = BUF_OVER(id), purpose = BUF_OVER(evidence);
    buf_put_hex(&reference, bytes_of(a->id, sizeof a->id));
    if (a->due_at) {
        buf_put_u8(&reference, ' ');
        buf_put_decimal(&reference, a->due_at);
    }
    if (a->has_evidence)
        buf_put_hex(&purpose, bytes_of(a->evidence_hash, sizeof a->evidence_hash));
    CHECK(buf_ok(&reference) && buf_ok(&purpose));
    return event_add(c, change, now,
                     &(struct event_new){.kind = EVENT_ACTED,
                                         .licence = l,
                                         .purpose = buf_bytes(&purpose),
                                         .reference = buf_bytes(&reference),
                                         .agency = bytes_str(a->agency),
                                         .detail = (uint8_t)a->kind});
}

static enum registry_error act(struct sqlite_connection *c, struct registry_change *change,
                               int64_t now)
{
    struct registry_action *a = change->action;
    struct licence_state l;
    struct hold hold = {.kind = (enum hold_kind)a->kind,
                        .agency = bytes_str(a->agency),
                        .case_number = bytes_str(a->case_number)};
    if (!is_case(hold.agency, hold.case_number))
        return change_refuse(change, "agency and case number have 1 to 64 bytes");
    _Static_assert(SEAL_KEY_BYTES == REGISTRY_ID_BYTES, "the keyed hash is the id");
    enum registry_error error =
        seal_key(&c->seal, KEY_ACTION, bytes_of(a->key, sizeof a->key), a->id);
    if (!error)
        error = find_repeated(c, change);
    if (error != REGISTRY_ERR_NOT_FOUND)
        return error;
    error = licence_find(c, a->licence, &l);
    if (!error)
        error = a->kind == ACTION_RESTORE
                    ? restore(c, change, &l, hold.agency, hold.case_number, now)
                    : place(c, change, &l, &hold, now);
    if (!error)
        error = acted_event(c, change, &l, a, now);
    if (error)
        return error;
    a->repeated = a->from_log = false;
    a->at = now;
    a->state = a->kind == ACTION_RESTORE ? ACTION_STATE_DONE : ACTION_STATE_OPEN;
    a->effective = (uint8_t)licence_status_code(l.status);
    a->event = change->event;
    return add_action(c, &l, a, hold.row);
}

/* ---- the issuer's decision ---- */

enum action_state action_decided_state(enum action_decision decision)
{
    static const enum action_state states[] = {
        [DECISION_CONFIRM] = ACTION_STATE_CONFIRMED,
        [DECISION_REVERT] = ACTION_STATE_REVERTED,
        [DECISION_REFUSE] = ACTION_STATE_REFUSED,
    };
    return states[decision];
}

/* NULL: it may be decided so. */
static const char *refusal_of(const struct registry_action *a, enum action_decision decision)
{
    if (a->kind == ACTION_RESTORE)
        return "a restore leaves nothing to decide";
    if (a->kind == ACTION_REQUEST_CANCEL && decision == DECISION_REVERT)
        return "a request to cancel is confirmed or refused";
    if (a->kind != ACTION_REQUEST_CANCEL && decision == DECISION_REFUSE)
        return "a seizure or a withdrawal is confirmed or reverted";
    if (a->state == ACTION_STATE_OPEN || a->state == ACTION_STATE_ESCALATED ||
        (a->state == ACTION_STATE_CONFIRMED && decision == DECISION_REVERT))
        return NULL;
    return "it was decided otherwise, or restored by its agency";
}

/* The action of change->id, if it is of the issuer's, and the hold that it placed. */
static enum registry_error find_action(struct sqlite_connection *c,
                                       const struct registry_change *change,
                                       struct registry_action *a, struct hold *hold)
{
    struct sqlite3_stmt *find = c->statements[W_ACTION_BY_ID];
    sqlite_bind_blob(find, 1, bytes_of(change->id, REGISTRY_ID_BYTES));
    enum registry_error error = sqlite_step(find);
    if (!error)
        error = action_read(c, find, a);
    if (!error && !bytes_equal(sqlite_column_bytes(find, ACTION_COLUMN_ISSUER), change->issuer))
        error = REGISTRY_ERR_NOT_FOUND;
    *hold = (struct hold){.row = error ? 0 : sqlite_column_int(find, ACTION_COLUMN_HOLD),
                          .kind = (enum hold_kind)a->kind,
                          .agency = bytes_str(a->agency),
                          .case_number = bytes_str(a->case_number)};
    sqlite_reset(find);
    return error;
}

static enum registry_error store_decision(struct sqlite_connection *c,
                                          const struct registry_change *change,
                                          const struct hold *hold, bool ends, int64_t now)
{
    uint8_t storage[ACTION_REASON_BYTES_MAX + SEAL_OVERHEAD_BYTES];
    struct buf reason = BUF_OVER(storage);
    enum registry_error error =
        seal_close(&c->seal, SEAL_DECISION, change->id, change->text, &reason);
    if (!error)
        error =
            set_state(c, hold->row, action_decided_state((enum action_decision)change->decision),
                      now, change->actor.client, buf_bytes(&reason));
    return error || !ends ? error : lift_hold(c, hold->row, now);
}

static enum registry_error decide(struct sqlite_connection *c, struct registry_change *change,
                                  int64_t now)
{
    struct registry_action a = {0};
    struct hold hold;
    struct licence_state l;
    enum action_decision decision = (enum action_decision)change->decision;
    CHECK(decision < DECISION_COUNT);
    if (change->text.len > ACTION_REASON_BYTES_MAX)
        return change_refuse(change, "a reason has at most 256 bytes");
    enum registry_error error = find_action(c, change, &a, &hold);
    if (!error)
        error = licence_find(c, a.licence, &l);
    if (error)
        return error;
    change->effective = l.status;
    if (a.state == action_decided_state(decision))
        return event_last(c, &change->event); /* the decision's own is that or before it */
    const char *refusal = refusal_of(&a, decision);
    if (refusal)
        return change_refuse(change, refusal);

    bool cancels = a.kind == ACTION_REQUEST_CANCEL && decision == DECISION_CONFIRM;
    bool ends = cancels || decision != DECISION_CONFIRM;
    const char *word = action_decision_text(decision);
    if (cancels)
        l.issuer_status = LICENCE_STATUS_CANCELLED;
    error = store_decision(c, change, &hold, ends, now);
    if (!error)
        error = change_settle(c, change, &l, now);
    if (!error)
        error = hold_event(c, change, now, EVENT_DECISION, &l, &hold, word);
    if (!error && cancels)
        error = status_event(c, change, now, &l);
    if (!error && ends)
        error = hold_event(c, change, now, EVENT_LIFT, &l, &hold, word);
    return error;
}

/* ---- escalation ---- */

static enum registry_error escalate_one(struct sqlite_connection *c, struct registry_change *change,
                                        const struct registry_action *a, int64_t hold_row,
                                        int64_t now)
{
    struct licence_state l;
    struct hold hold = {.kind = HOLD_CANCEL_REQUESTED,
                        .agency = bytes_str(a->agency),
                        .case_number = bytes_str(a->case_number)};
    enum registry_error error = licence_find(c, a->licence, &l);
    if (!error)
        error =
            set_state(c, hold_row, ACTION_STATE_ESCALATED, 0, bytes_of(NULL, 0), bytes_of(NULL, 0));
    return error ? error : hold_event(c, change, now, EVENT_ESCALATED, &l, &hold, "");
}

static enum registry_error escalate(struct sqlite_connection *c, struct registry_change *change,
                                    int64_t now)
{
    struct registry_action a;
    struct sqlite3_stmt *due = c->statements[W_ACTION_DUE];
    enum registry_error error = REGISTRY_OK;
    for (change->seq = 0; !error && change->seq < REGISTRY_BATCH_MAX; change->seq++) {
        int64_t hold = 0;
        sqlite_bind_int(due, 1, now);
        error = sqlite_step(due);
        if (!error) {
            error = action_read(c, due, &a);
            hold = sqlite_column_int(due, ACTION_COLUMN_HOLD);
        }
        sqlite_reset(due);
        if (error == REGISTRY_ERR_NOT_FOUND)
            return REGISTRY_OK;
        if (!error)
            error = escalate_one(c, change, &a, hold, now);
    }
    return error;
}

enum registry_error change_action(struct sqlite_connection *c, struct registry_change *change,
                                  int64_t now)
{
    switch (change->kind) {
    case CHANGE_ACT:
        return act(c, change, now);
    case CHANGE_ACTION_DECIDE:
        return decide(c, change, now);
    default:
        return escalate(c, change, now);
    }
}
