/* The changes, each inside the writer's transaction: the issuer's status, notes, the relay's marks.
 * The others are in the files that sqlite_change.h names. */
#include "registry/sqlite_change.h"

#include "base/check.h"
#include "base/clock.h"

static const char *const texts[W_COUNT] = {
    [W_SAVEPOINT] = "SAVEPOINT one_change",
    [W_RELEASE] = "RELEASE one_change",
    [W_ROLLBACK_TO] = "ROLLBACK TO one_change",

    [W_LICENCE_BY_ID] = "SELECT licence, version, list, place, issuer_status, status, in_doubt"
                        " FROM licence WHERE id = ?",
    [W_LICENCE_BY_IDENTITY] =
        "SELECT l.licence, l.version, l.list, l.place, l.issuer_status, l.status, l.in_doubt, l.id,"
        "  l.sealed, l.issued_on, l.valid_from, l.valid_until, l.source_version, "
        "l.delivered_status,"
        "  h.number_key"
        " FROM licence l JOIN holder h ON h.holder = l.holder"
        " WHERE l.number_key = ? AND l.type = ? AND l.issuer = ?",
    [W_LICENCE_ADD] = "INSERT INTO licence VALUES"
                      " (NULL, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 1, ?12, ?13,"
                      "  ?14, ?18, ?14, ?15, ?16, ?17, ?15, ?19, 0) RETURNING licence",
    [W_LICENCE_VERSION] = "UPDATE licence SET holder = ?3, identifier_key = ?7, sealed = ?8,"
                          "  issued_on = ?9, valid_from = ?10, valid_until = ?11, version = ?14,"
                          "  list = ?12, place = ?13, received_at = ?15, source = ?16,"
                          "  source_version = ?17, delivered_status = ?18, in_doubt = 0"
                          " WHERE licence = ?1",
    [W_LICENCE_SOURCE] = "UPDATE licence SET source = ?2, source_version = ?3, received_at = ?4,"
                         "  delivered_status = ?5 WHERE licence = ?1",
    [W_LICENCE_STATUS] = "UPDATE licence SET issuer_status = ?2,"
                         "  status_since = CASE WHEN status = ?3 THEN status_since ELSE ?4 END,"
                         "  status = ?3 WHERE licence = ?1",

    [W_LIST_RELAYED] = "UPDATE list SET relayed = max(relayed, min(?2, seq)) WHERE list = ?1",
    [W_HOLDS] = "SELECT kind FROM hold WHERE licence = ? AND lifted IS NULL",

    [W_HOLDER_BY_NUMBER] = "SELECT holder, kind FROM holder WHERE number_key = ?",
    [W_HOLDER_ADD] = "INSERT INTO holder VALUES (NULL, ?, ?, ?, ?) RETURNING holder",

    [W_TYPE] = "SELECT type FROM licence_type WHERE code = ?",
    [W_TYPE_ADD] = "INSERT INTO licence_type SELECT coalesce(max(type) + 1, 0), ?, ?"
                   " FROM licence_type RETURNING type",
    [W_ISSUER] = "SELECT issuer FROM issuer WHERE code = ?",
    [W_ISSUER_ADD] = "INSERT INTO issuer SELECT coalesce(max(issuer) + 1, 0), ?, ?"
                     " FROM issuer RETURNING issuer",

    [W_REDIS_RUN] = "INSERT INTO redis_run VALUES (1, ?1, ?2)"
                    " ON CONFLICT DO UPDATE SET run_id = ?1,"
                    " since = CASE run_id WHEN ?1 THEN max(since, ?2) ELSE ?2 END",
    [W_IMPORT_LINE] = "INSERT INTO import_progress VALUES (?1, ?2, ?3)"
                      " ON CONFLICT DO UPDATE SET line = ?2, at = ?3",
};

enum registry_error sqlite_change_open(struct sqlite_connection *c,
                                       const struct sqlite_store *store, bool create,
                                       struct buf *why)
{
    enum registry_error error = sqlite_open(c, store, create, why);
    if (error)
        return error;
    static const char *const *const all[] = {
        texts,
        place_texts,
        mandate_change_texts,
        access_change_texts,
        event_change_texts,
        action_change_texts,
        reconcile_texts,
        replay_texts,
        outbox_change_texts,
        objection_change_texts,
        quality_change_texts,
        scan_change_texts,
    };
    for (size_t i = 0; !error && i < sizeof all / sizeof all[0]; i++)
        error = sqlite_prepare(c, all[i], W_COUNT);
    if (error)
        buf_printf(why, "%s: %s", store->path, sqlite_message(c));
    return error;
}

enum registry_error change_refuse(struct registry_change *change, const char *sentence)
{
    change->refusal = sentence;
    return REGISTRY_ERR_REFUSED;
}

/* ---- status ---- */

bool licence_status_of_code(int64_t code, enum licence_status *status)
{
    for (int i = 0; i < LICENCE_STATUS_COUNT; i++)
        if (licence_status_code((enum licence_status)i) == code) {
            *status = (enum licence_status)i;
            return true;
        }
    return false;
}

enum registry_error licence_state_read(struct sqlite3_stmt *statement, struct licence_state *l)
{
    l->row = sqlite_column_int(statement, 0);
    l->version = (uint16_t)sqlite_column_int(statement, 1);
    l->list = (uint16_t)sqlite_column_int(statement, 2);
    l->place = (uint32_t)sqlite_column_int(statement, 3);
    if (!licence_status_of_code(sqlite_column_int(statement, 4), &l->issuer_status) ||
        !licence_status_of_code(sqlite_column_int(statement, 5), &l->status))
        return REGISTRY_ERR_STORAGE;
    l->in_doubt = sqlite_column_int(statement, 6) != 0;
    l->bits = licence_status_bits(l->status);
    return REGISTRY_OK;
}

enum registry_error licence_find(struct sqlite_connection *c, const uint8_t id[REGISTRY_ID_BYTES],
                                 struct licence_state *l)
{
    struct sqlite3_stmt *find = c->statements[W_LICENCE_BY_ID];
    sqlite_bind_blob(find, 1, bytes_of(id, REGISTRY_ID_BYTES));
    enum registry_error error = sqlite_step(find);
    if (!error)
        error = licence_state_read(find, l);
    sqlite_reset(find);
    return error;
}

/* The issuer's status, what an open hold makes of it, or a doubt: whichever is strictest. */
static enum registry_error effective_status(struct sqlite_connection *c,
                                            const struct licence_state *l,
                                            enum licence_status *status)
{
    struct sqlite3_stmt *holds = c->statements[W_HOLDS];
    enum registry_error error;
    *status = l->in_doubt ? licence_status_stricter(l->issuer_status, LICENCE_STATUS_IN_DOUBT)
                          : l->issuer_status;
    sqlite_bind_int(holds, 1, l->row);
    while (!(error = sqlite_step(holds))) {
        int64_t kind = sqlite_column_int(holds, 0);
        if (kind < 0 || kind >= HOLD_KIND_COUNT) {
            sqlite_reset(holds);
            return REGISTRY_ERR_STORAGE;
        }
        *status = licence_status_stricter(*status, hold_status((enum hold_kind)kind));
    }
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

enum registry_error licence_settle(struct sqlite_connection *c, struct licence_state *l,
                                   int64_t now, uint64_t *seq)
{
    struct sqlite3_stmt *store = c->statements[W_LICENCE_STATUS];
    *seq = 0;
    enum registry_error error = effective_status(c, l, &l->status);
    if (error)
        return error;
    sqlite_bind_int(store, 1, l->row);
    sqlite_bind_int(store, 2, licence_status_code(l->issuer_status));
    sqlite_bind_int(store, 3, licence_status_code(l->status));
    sqlite_bind_int(store, 4, now);
    error = sqlite_run(store);

    uint8_t bits = licence_status_bits(l->status);
    if (error || bits == l->bits)
        return error;
    l->bits = bits;
    return place_set_bits(c, l->list, l->place, bits, now, seq);
}

enum registry_error change_settle(struct sqlite_connection *c, struct registry_change *change,
                                  struct licence_state *l, int64_t now)
{
    enum registry_error error = licence_settle(c, l, now, &change->place_change.seq);
    change->place_change.list = l->list;
    change->effective = l->status;
    return error;
}

bool is_issuers_status(enum licence_status status)
{
    return status != LICENCE_STATUS_SUPERSEDED && status != LICENCE_STATUS_IN_DOUBT;
}

enum registry_error status_event(struct sqlite_connection *c, struct registry_change *change,
                                 int64_t now, const struct licence_state *l)
{
    return event_add(c, change, now,
                     &(struct event_new){.kind = EVENT_STATUS,
                                         .licence = l,
                                         .detail = (uint8_t)licence_status_code(l->issuer_status)});
}

static enum registry_error change_issuer_status(struct sqlite_connection *c,
                                                struct registry_change *change, int64_t now)
{
    struct licence_state l;
    if (!is_issuers_status(change->status))
        return change_refuse(change, "that is no issuer's status");
    enum registry_error error = licence_find(c, change->licence, &l);
    if (error)
        return error;
    l.issuer_status = change->status;
    error = change_settle(c, change, &l, now);
    return error ? error : status_event(c, change, now, &l);
}

/* ---- the relay's marks ---- */

static enum registry_error change_relayed(struct sqlite_connection *c,
                                          const struct registry_change *change)
{
    struct sqlite3_stmt *mark = c->statements[W_LIST_RELAYED];
    sqlite_bind_int(mark, 1, change->list);
    sqlite_bind_int(mark, 2, change->seq > INT64_MAX ? INT64_MAX : (int64_t)change->seq);
    enum registry_error error = sqlite_run(mark);
    return !error && !sqlite_changed(c) ? REGISTRY_ERR_NOT_FOUND : error;
}

static enum registry_error change_redis_run(struct sqlite_connection *c,
                                            const struct registry_change *change)
{
    struct sqlite3_stmt *keep = c->statements[W_REDIS_RUN];
    sqlite_bind_blob(keep, 1, bytes_of(change->run_id, sizeof change->run_id));
    sqlite_bind_int(keep, 2, change->since);
    return sqlite_run(keep);
}

static enum registry_error change_restored(struct sqlite_connection *c,
                                           struct registry_change *change, int64_t now)
{
    enum registry_error error = generations_renew(c);
    return error ? error
                 : event_add(c, change, now,
                             &(struct event_new){.kind = EVENT_RESTORED, .detail = EVENT_NONE});
}

/* ---- notes ---- */

static enum registry_error change_note(struct sqlite_connection *c, struct registry_change *change,
                                       int64_t now)
{
    if (change->event_kind != EVENT_OPERATOR && change->event_kind != EVENT_ARCHIVED &&
        change->event_kind != EVENT_ANOMALY)
        return change_refuse(change, "a note is an operator's, an archive's or an anomaly's");
    return event_add(c, change, now,
                     &(struct event_new){.kind = (enum registry_event_kind)change->event_kind,
                                         .detail = EVENT_NONE});
}

/* ---- one change ---- */

static enum registry_error apply(struct sqlite_connection *c, struct registry_change *change)
{
    int64_t now = change->now ? change->now : clock_wall_s();
    switch (change->kind) {
    case CHANGE_HOLD_PLACE:
    case CHANGE_HOLD_LIFT:
        return change_hold(c, change, now);
    case CHANGE_ISSUER_STATUS:
        return change_issuer_status(c, change, now);
    case CHANGE_IMPORT:
        return change_import(c, change, now);
    case CHANGE_AGENT_GRANT:
    case CHANGE_AGENT_END:
    case CHANGE_ENTRUST:
    case CHANGE_MANDATE_END:
        return change_mandate(c, change, now);
    case CHANGE_CLIENT_ADD:
    case CHANGE_CLIENT_DISABLE:
    case CHANGE_CLIENT_KEY:
    case CHANGE_CLIENT_REGISTER:
    case CHANGE_SHUT_OUT:
    case CHANGE_LET_IN:
        return change_who_may_ask(c, change, now);
    case CHANGE_CONSENT_GIVE:
    case CHANGE_CONSENT_WITHDRAW:
    case CHANGE_ACCESS_SUBMIT:
    case CHANGE_ACCESS_DECIDE:
        return change_what_for(c, change, now);
    case CHANGE_ACT:
    case CHANGE_ACTION_DECIDE:
    case CHANGE_ESCALATE:
        return change_action(c, change, now);
    case CHANGE_OBJECT:
    case CHANGE_OBJECTION_STATE:
        return change_objection(c, change, now);
    case CHANGE_DELIVERY:
    case CHANGE_DELIVERY_RETRY:
    case CHANGE_WEBHOOK:
        return change_delivery(c, change, now);
    case CHANGE_SCANS:
        return change_scans(c, change, now);
    case CHANGE_NOTE:
        return change_note(c, change, now);
    case CHANGE_RECONCILE:
        return change_reconcile(c, change, now);
    case CHANGE_RELAYED:
        return change_relayed(c, change);
    case CHANGE_REDIS_RUN:
        return change_redis_run(c, change);
    case CHANGE_RESTORED:
        return change_restored(c, change, now);
    }
    CHECK(!"a kind of change that does not exist");
    return REGISTRY_ERR_REFUSED;
}

/* Of what is undone nothing is told. */
static enum registry_error try(struct sqlite_connection *c, struct registry_change *change)
{
    enum registry_error error = apply(c, change);
    if (error)
        change->event = 0;
    return error;
}

enum registry_error sqlite_apply(struct sqlite_connection *c, struct registry_change *change,
                                 bool *lost)
{
    if (change->kind == CHANGE_IMPORT)
        return try(c, change);
    enum registry_error error = sqlite_run(c->statements[W_SAVEPOINT]);
    if (!error)
        error = try(c, change);
    if (error && sqlite_in_transaction(c))
        *lost = sqlite_run(c->statements[W_ROLLBACK_TO]) != REGISTRY_OK;
    if (sqlite_in_transaction(c) && !*lost)
        *lost = sqlite_run(c->statements[W_RELEASE]) != REGISTRY_OK;
    *lost = *lost || !sqlite_in_transaction(c);
    return *lost && !error ? REGISTRY_ERR_STORAGE : error;
}
