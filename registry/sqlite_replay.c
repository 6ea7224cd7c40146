/* What each of the log's events does to a registry that was restored from a backup. Two rules for
 * what can't be known: of two statuses that can't be put in order the stricter stands, and nothing
 * older ends what is newer. */
#include "registry/sqlite_replay.h"
#include "base/check.h"
#include "protocol/token.h"
#include "registry/action.h"
#include "registry/issuing.h"

/* Of a place whose licence the registry has not (as R_BITS reads it): who asks for it is told that
 * it is unknown. Its events wait, by its reference, for whatever adds it again. */
#define LOST_BITS 3

const char *const replay_texts[W_COUNT] = {
    [W_REPLAY_EVENT] = "SELECT e.kind, e.at_us / 1000000, e.list, e.place, e.detail, e.result,"
                       " e.client, e.purpose, e.reference, e.agency, p.licence FROM event e"
                       " LEFT JOIN place p ON p.list = e.list AND p.place = e.place"
                       " WHERE e.number = ?",
    /* an event of an older version's place may come behind the version that took its licence */
    [W_REPLAY_NAME] =
        "UPDATE event SET licence = ?2, version = (SELECT p.version FROM place p WHERE"
        "  p.list = event.list AND p.place = event.place), lost = NULL WHERE number = ?1",
    [W_LICENCE_BY_ROW] = "SELECT licence, version, list, place, issuer_status, status, in_doubt"
                         " FROM licence WHERE licence = ?",
    [W_LICENCE_DOUBT] = "UPDATE licence SET version = ?2, list = ?3, place = ?4, in_doubt = 1"
                        " WHERE licence = ?1",
    [W_LICENCE_DELIVERED] = "UPDATE licence SET source_version = max(source_version, ?2),"
                            " delivered_status = ?3 WHERE licence = ?1",
    [W_PLACE_LOST] = "INSERT INTO lost_place VALUES (?, ?) ON CONFLICT DO NOTHING",
    [W_LOST_NEXT] = "SELECT coalesce(min(number), 0) FROM event WHERE lost = ?",
    [W_LOST_DOUBT] = "UPDATE licence SET source_version = ?2, delivered_status = ?3, in_doubt = 1"
                     " WHERE licence = ?1",
    [W_REPLAY_LIFT] = "UPDATE hold SET lifted = ?5 WHERE licence = ?1 AND kind = ?2 AND agency = ?3"
                      " AND case_number = ?4 AND lifted IS NULL AND since <= ?5 RETURNING hold",
    /* open ones alone have an index: all holds that there ever were are many */
    [W_REPLAY_HOLD] = "SELECT hold FROM hold WHERE licence = ?1 AND kind = ?2 AND agency = ?3"
                      " AND case_number = ?4 AND lifted IS NULL",
    [W_REPLAY_DECIDE] = "UPDATE action SET state = ?2, decided_at = ?3, decided_by = ?4"
                        " WHERE hold = ?1 AND state <= ?5",
    /* its case is that of the event before it; the id stands for the key, which is not known */
    [W_REPLAY_ACTION] =
        "INSERT INTO action SELECT NULL, ?3, l.licence, l.issuer, (SELECT hold FROM hold h"
        "   WHERE h.licence = ?2 AND h.kind = e.detail AND h.agency = e.agency"
        "    AND h.case_number = b.reference AND h.lifted IS NULL),"
        "  e.detail, e.agency, b.reference, e.subject, e.client, x'', ?4, ?5, ?3, x'',"
        "  e.at_us / 1000000, CASE e.detail WHEN 3 THEN 6 ELSE 0 END, 0, '', x'', e.status,"
        "  e.number FROM event e JOIN event b ON b.number = e.number - 1"
        "  JOIN licence l ON l.licence = ?2 WHERE e.number = ?1 ON CONFLICT DO NOTHING",
    [W_REPLAY_CONSENT] = "UPDATE consent SET withdrawn = ?2 WHERE id = ?1 AND withdrawn IS NULL",
    [W_REPLAY_LET_IN] = "DELETE FROM shut_out WHERE role = ?1 AND subject = ?2 AND since <= ?3",
};

_Static_assert(ACTION_RESTORE == 3 && ACTION_STATE_DONE == 6 && ACTION_STATE_OPEN == 0,
               "the numbers in the texts");

/* One of the log's events, as it is applied. */
struct applied {
    uint64_t number;
    enum registry_event_kind kind;
    int64_t at;
    uint16_t list;
    uint32_t place;
    uint8_t detail;
    bool ended;
    struct bytes client, purpose, reference, agency;
    char storage[4 * EVENT_TEXT_BYTES_MAX];
    bool known; /* its place is that of a licence here: */
    struct licence_state l;
};

/* ---- the event ---- */

enum registry_error licence_find_row(struct sqlite_connection *c, int64_t row,
                                     struct licence_state *l)
{
    struct sqlite3_stmt *find = c->statements[W_LICENCE_BY_ROW];
    sqlite_bind_int(find, 1, row);
    enum registry_error error = sqlite_step(find);
    if (!error)
        error = licence_state_read(find, l);
    sqlite_reset(find);
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_ERR_STORAGE : error;
}

static enum registry_error read_event(struct sqlite_connection *c, uint64_t number,
                                      struct applied *e)
{
    struct sqlite3_stmt *row = c->statements[W_REPLAY_EVENT];
    struct buf storage = BUF_OVER(e->storage);
    struct bytes *const texts[] = {&e->client, &e->purpose, &e->reference, &e->agency};
    sqlite_bind_int(row, 1, (int64_t)number);
    enum registry_error error = sqlite_step(row);
    if (error)
        return error;
    e->number = number;
    e->kind = (enum registry_event_kind)sqlite_column_int(row, 0);
    e->at = sqlite_column_int(row, 1);
    e->list = (uint16_t)sqlite_column_int(row, 2);
    e->place = (uint32_t)sqlite_column_int(row, 3);
    e->detail = (uint8_t)sqlite_column_int(row, 4);
    e->ended = sqlite_column_int(row, 5) == 0;
    for (int i = 0; i < 4; i++) {
        struct bytes text = sqlite_column_bytes(row, 6 + i);
        *texts[i] = bytes_of(storage.data + storage.len, text.len);
        buf_put(&storage, text);
    }
    int64_t licence = sqlite_column_int(row, 10);
    sqlite_reset(row);
    CHECK(buf_ok(&storage));
    e->known = licence != 0;
    return e->known ? licence_find_row(c, licence, &e->l) : REGISTRY_OK;
}

/* ---- what each kind of event does ---- */

static enum registry_error settle(struct reconciling *r, struct applied *e)
{
    uint64_t seq;
    return licence_settle(r->c, &e->l, e->at, &seq);
}

static enum registry_error lose_place(struct reconciling *r, const struct applied *e)
{
    struct sqlite3_stmt *lose = r->c->statements[W_PLACE_LOST];
    uint64_t seq;
    sqlite_bind_int(lose, 1, e->list);
    sqlite_bind_int(lose, 2, e->place);
    enum registry_error error = sqlite_run(lose);
    return error ? error : place_set_bits(r->c, e->list, e->place, LOST_BITS, e->at, &seq);
}

static bool read_decimal(struct bytes text, int64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || *value > INT64_MAX / 10 - 1)
            return false;
        *value = *value * 10 + text.data[i] - '0';
    }
    return true;
}

/* False: it was made by no record. */
static bool read_source_version(const struct applied *e, int64_t *source_version)
{
    return bytes_equal(e->purpose, BYTES(EVENT_BY_IMPORT)) &&
           read_decimal(e->reference, source_version);
}

/* What a delivery was, so that an older one is told from it. */
static enum registry_error note_delivery(struct reconciling *r, const struct applied *e)
{
    struct sqlite3_stmt *note = r->c->statements[W_LICENCE_DELIVERED];
    int64_t source_version;
    if (!read_source_version(e, &source_version))
        return REGISTRY_OK;
    sqlite_bind_int(note, 1, e->l.row);
    sqlite_bind_int(note, 2, source_version);
    sqlite_bind_int(note, 3, licence_status_code(e->l.issuer_status));
    return sqlite_run(note);
}

static enum registry_error read_status(struct reconciling *r, const struct applied *e,
                                       enum licence_status *status)
{
    return licence_status_of_code(e->detail, status) && is_issuers_status(*status)
               ? REGISTRY_OK
               : change_refuse(r->change, "the log has a status that is none");
}

static enum registry_error set_status(struct reconciling *r, struct applied *e)
{
    enum registry_error error = read_status(r, e, &e->l.issuer_status);
    if (!error)
        error = note_delivery(r, e);
    return error ? error : settle(r, e);
}

/* The version that this place had is lost, and the licence is in doubt. */
static enum registry_error lose_version(struct reconciling *r, struct applied *e, int64_t licence)
{
    struct sqlite3_stmt *doubt = r->c->statements[W_LICENCE_DOUBT];
    struct licence_state *l = &e->l;
    enum registry_error error = licence_find_row(r->c, licence, l);
    if (!error)
        error = place_supersede(r->c, l, e->at);
    if (error)
        return error;
    r->replay->superseded++;
    r->replay->in_doubt += !l->in_doubt;
    e->known = true;
    l->in_doubt = true;
    l->version++;
    l->list = e->list;
    l->place = e->place;
    l->bits = 0;
    sqlite_bind_int(doubt, 1, l->row);
    sqlite_bind_int(doubt, 2, l->version);
    sqlite_bind_int(doubt, 3, l->list);
    sqlite_bind_int(doubt, 4, l->place);
    error = sqlite_run(doubt);
    if (!error)
        error = place_add(r->c, l);
    return error ? error : set_status(r, e);
}

static void bind_hold(struct sqlite3_stmt *statement, const struct applied *e)
{
    sqlite_bind_int(statement, 1, e->l.row);
    sqlite_bind_int(statement, 2, e->detail);
    sqlite_bind_text(statement, 3, e->agency);
    sqlite_bind_text(statement, 4, e->reference);
}

/* Of the action that placed the hold, if one did. */
static enum registry_error set_state(struct reconciling *r, const struct applied *e, int64_t hold,
                                     enum action_state state)
{
    struct sqlite3_stmt *decide = r->c->statements[W_REPLAY_DECIDE];
    bool decided = state != ACTION_STATE_ESCALATED;
    sqlite_bind_int(decide, 1, hold);
    sqlite_bind_int(decide, 2, state);
    sqlite_bind_int(decide, 3, decided ? e->at : 0);
    sqlite_bind_text(decide, 4, decided ? e->client : BYTES(""));
    sqlite_bind_int(decide, 5, decided ? ACTION_STATE_CONFIRMED : ACTION_STATE_OPEN);
    return sqlite_run(decide);
}

static enum registry_error set_open_state(struct reconciling *r, const struct applied *e,
                                          enum action_state state)
{
    struct sqlite3_stmt *find = r->c->statements[W_REPLAY_HOLD];
    bind_hold(find, e);
    enum registry_error error = sqlite_step(find);
    int64_t hold = error ? 0 : sqlite_column_int(find, 0);
    sqlite_reset(find);
    if (error == REGISTRY_ERR_NOT_FOUND) /* the restored registry ended it */
        return REGISTRY_OK;
    return error ? error : set_state(r, e, hold, state);
}

static enum registry_error replay_hold(struct reconciling *r, struct applied *e)
{
    bool place = e->kind == EVENT_HOLD;
    struct sqlite3_stmt *hold = r->c->statements[place ? W_HOLD_PLACE : W_REPLAY_LIFT];
    if (e->detail >= HOLD_KIND_COUNT)
        return change_refuse(r->change, "the log has a hold that is none");
    bind_hold(hold, e);
    sqlite_bind_int(hold, 5, e->at);
    enum registry_error error = sqlite_step(hold);
    int64_t row = error ? 0 : sqlite_column_int(hold, 0);
    sqlite_reset(hold);
    if (error) /* it is there already, or it is newer than what ended the one before */
        return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
    *(place ? &r->replay->holds_placed : &r->replay->holds_lifted) += 1;
    if (!place && bytes_equal(e->purpose, bytes_str(action_kind_text(ACTION_RESTORE))))
        error = set_state(r, e, row, ACTION_STATE_RESTORED);
    return error ? error : settle(r, e);
}

static enum registry_error replay_decision(struct reconciling *r, const struct applied *e)
{
    enum action_decision decision;
    return action_decision_read(e->purpose, &decision)
               ? set_open_state(r, e, action_decided_state(decision))
               : change_refuse(r->change, "the log has a decision that is none");
}

static bool read_id(struct bytes hex, uint8_t id[REGISTRY_ID_BYTES])
{
    struct buf read;
    buf_init(&read, id, REGISTRY_ID_BYTES);
    return buf_put_from_hex(&read, hex) && read.len == REGISTRY_ID_BYTES;
}

/* What it did was replayed before. */
static enum registry_error replay_action(struct reconciling *r, const struct applied *e)
{
    uint8_t id[REGISTRY_ID_BYTES], hash[CRYPTO_HASH_BYTES];
    struct buf evidence = BUF_OVER(hash);
    struct sqlite3_stmt *add = r->c->statements[W_REPLAY_ACTION];
    const size_t digits = 2 * sizeof id;
    const struct bytes due = bytes_from(e->reference, digits);
    int64_t due_at = 0;
    if (e->detail >= ACTION_KIND_COUNT || e->reference.len < digits ||
        !read_id(bytes_of(e->reference.data, digits), id) ||
        (due.len && !read_decimal(bytes_from(due, 1), &due_at)) ||
        !buf_put_from_hex(&evidence, e->purpose))
        return change_refuse(r->change, "the log has an action that is none");
    sqlite_bind_int(add, 1, (int64_t)e->number);
    sqlite_bind_int(add, 2, e->l.row);
    sqlite_bind_blob(add, 3, bytes_of(id, sizeof id));
    sqlite_bind_blob(add, 4, bytes_of(evidence.len ? hash : NULL, evidence.len));
    sqlite_bind_int(add, 5, due_at);
    enum registry_error error = sqlite_run(add);
    r->replay->actions += !error && sqlite_changed(r->c);
    return error;
}

/* One that was made since is lost: no log has what it claims. */
static enum registry_error replay_objection(struct reconciling *r, const struct applied *e)
{
    uint8_t id[REGISTRY_ID_BYTES];
    enum objection_state state;
    if (!objection_state_read(e->purpose, &state) || !read_id(e->reference, id))
        return change_refuse(r->change, "the log has an objection that is none");
    r->replay->lost_objections += state == OBJECTION_STATE_RECEIVED;
    return objection_replay(r->c, id, state, e->at);
}

/* A consent or a mandate that ended. Those that were given are lost, and have to be given again. */
static enum registry_error replay_end(struct reconciling *r, const struct applied *e)
{
    bool consent = e->kind == EVENT_CONSENT;
    struct sqlite3_stmt *end = r->c->statements[consent ? W_REPLAY_CONSENT : W_MANDATE_END];
    uint8_t id[REGISTRY_ID_BYTES];
    if (!e->ended || !read_id(e->reference, id))
        return REGISTRY_OK;
    sqlite_bind_blob(end, 1, bytes_of(id, sizeof id));
    sqlite_bind_int(end, 2, e->at);
    return sqlite_run(end);
}

/* Of a client that was added since and is lost there is nothing to take away. */
static enum registry_error not_lost(enum registry_error error)
{
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

/* Whoever was shut out stays so. A client whose key was replaced has none until it is given one:
 * the new one is lost, and the old one was replaced for a reason. */
static enum registry_error replay_access(struct reconciling *r, const struct applied *e)
{
    struct sqlite3_stmt *const *statements = r->c->statements;
    bool out = bytes_equal(e->purpose, BYTES("shut_out"));
    if (out || bytes_equal(e->purpose, BYTES("let_in"))) {
        struct sqlite3_stmt *set = statements[out ? W_SHUT_OUT : W_REPLAY_LET_IN];
        bool inspector = memchr(e->reference.data, '/', e->reference.len) != NULL;
        sqlite_bind_int(set, 1, inspector ? TOKEN_ROLE_INSPECTOR : TOKEN_ROLE_HOLDER);
        sqlite_bind_text(set, 2, e->reference);
        sqlite_bind_int(set, 3, e->at);
        return sqlite_run(set);
    }
    if (bytes_equal(e->purpose, BYTES("client_disable")))
        return not_lost(client_disable(r->c, e->reference, e->at));
    return bytes_equal(e->purpose, BYTES("client_key"))
               ? not_lost(client_drop_keys(r->c, e->reference))
               : REGISTRY_OK;
}

static enum registry_error apply_to_licence(struct reconciling *r, struct applied *e)
{
    switch (e->kind) {
    case EVENT_STATUS:
        r->replay->statuses++;
        return set_status(r, e);
    case EVENT_HOLD:
    case EVENT_LIFT:
        return replay_hold(r, e);
    case EVENT_DECISION:
        return replay_decision(r, e);
    case EVENT_ESCALATED:
        return set_open_state(r, e, ACTION_STATE_ESCALATED);
    case EVENT_ACTED:
        return replay_action(r, e);
    case EVENT_CONSENT:
    case EVENT_MANDATE:
        return replay_end(r, e);
    default:
        return REGISTRY_OK;
    }
}

static enum registry_error apply_event(struct reconciling *r, struct applied *e)
{
    int64_t superseded = r->superseded;
    r->superseded = e->kind == EVENT_SUPERSEDED && e->known ? e->l.row : 0;
    if (e->kind == EVENT_VERSION && superseded)
        return lose_version(r, e, superseded);
    if (e->kind == EVENT_ISSUED || e->kind == EVENT_VERSION)
        return lose_place(r, e);
    if (e->kind == EVENT_OFFLINE_SCAN)
        return scan_note(r->c, e->client, e->reference);
    if (e->kind == EVENT_OBJECTION)
        return replay_objection(r, e);
    if (e->known)
        return apply_to_licence(r, e);
    if (e->kind == EVENT_MANDATE || e->kind == EVENT_CONSENT)
        return replay_end(r, e);
    return e->kind == EVENT_ACCESS ? replay_access(r, e) : REGISTRY_OK;
}

static enum registry_error name_event(struct reconciling *r, const struct applied *e)
{
    struct sqlite3_stmt *name = r->c->statements[W_REPLAY_NAME];
    sqlite_bind_int(name, 1, (int64_t)e->number);
    sqlite_bind_int(name, 2, e->l.row);
    return sqlite_run(name);
}

enum registry_error replay_event(struct reconciling *r, uint64_t number)
{
    struct applied e;
    enum registry_error error = read_event(r->c, number, &e);
    if (!error)
        error = apply_event(r, &e);
    return error || !e.known ? error : name_event(r, &e);
}

/* ---- a licence that was lost, and is here again ---- */

/* What its issuer had said of it. */
struct lost {
    bool any;
    enum licence_status status;
    int64_t source_version;
};

static enum registry_error next_lost(struct sqlite_connection *c,
                                     const uint8_t reference[REGISTRY_REFERENCE_BYTES],
                                     uint64_t *number)
{
    struct sqlite3_stmt *next = c->statements[W_LOST_NEXT];
    sqlite_bind_blob(next, 1, bytes_of(reference, REGISTRY_REFERENCE_BYTES));
    enum registry_error error = sqlite_step(next);
    *number = error ? 0 : (uint64_t)sqlite_column_int(next, 0);
    sqlite_reset(next);
    return error;
}

static enum registry_error note_lost(struct reconciling *r, const struct applied *e,
                                     struct lost *lost)
{
    int64_t source_version;
    if (read_source_version(e, &source_version) && source_version > lost->source_version)
        lost->source_version = source_version;
    return read_status(r, e, &lost->status);
}

/* As of the licence of this row, which has it from now on. */
static enum registry_error replay_lost(struct reconciling *r, uint64_t number, int64_t row,
                                       struct lost *lost, int64_t now)
{
    struct applied e;
    enum registry_error error = read_event(r->c, number, &e);
    if (!error)
        error = licence_find_row(r->c, row, &e.l);
    if (error)
        return error;
    lost->any = true;
    error = e.kind == EVENT_ISSUED || e.kind == EVENT_VERSION || e.kind == EVENT_STATUS
                ? note_lost(r, &e, lost)
                : apply_to_licence(r, &e);
    if (!error)
        error = name_event(r, &e);
    return error ? error : deliveries_owe_again(r->c, number, number, now);
}

static enum registry_error settle_returned(struct sqlite_connection *c, const struct lost *lost,
                                           int64_t source_version, struct licence_state *l,
                                           int64_t now)
{
    struct sqlite3_stmt *doubt = c->statements[W_LOST_DOUBT];
    uint64_t seq;
    enum registry_error error = licence_find_row(c, l->row, l);
    if (!error && source_version < lost->source_version) {
        l->in_doubt = true;
        l->issuer_status = lost->status; /* the newest word */
        sqlite_bind_int(doubt, 1, l->row);
        sqlite_bind_int(doubt, 2, lost->source_version);
        sqlite_bind_int(doubt, 3, licence_status_code(lost->status));
        error = sqlite_run(doubt);
    } else if (!error && source_version == lost->source_version)
        l->issuer_status = licence_status_stricter(l->issuer_status, lost->status);
    return error ? error : licence_settle(c, l, now, &seq);
}

enum registry_error licence_return(struct sqlite_connection *c, struct registry_change *change,
                                   const uint8_t reference[REGISTRY_REFERENCE_BYTES],
                                   uint64_t source_version, struct licence_state *l, int64_t now)
{
    struct registry_replay counts = {0};
    struct reconciling r = {.c = c, .change = change, .replay = &counts};
    struct lost lost = {.status = LICENCE_STATUS_VALID};
    uint64_t number;
    enum registry_error error;
    while (!(error = next_lost(c, reference, &number)) && number) {
        error = replay_lost(&r, number, l->row, &lost, now);
        if (error)
            return error;
    }
    return error || !lost.any ? error : settle_returned(c, &lost, (int64_t)source_version, l, now);
}
