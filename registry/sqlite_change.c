/* The changes, each inside the writer's transaction: statuses, holds, the relay's marks. Imports
 * are in sqlite_record.c, mandates in sqlite_mandate_change.c, clients, consents and the use list
 * in sqlite_access_change.c. */
#include "registry/sqlite_change.h"

#include "base/check.h"
#include "base/clock.h"

static const char *const texts[W_COUNT] = {
    [W_SAVEPOINT] = "SAVEPOINT one_change",
    [W_RELEASE] = "RELEASE one_change",
    [W_ROLLBACK_TO] = "ROLLBACK TO one_change",

    [W_LICENCE_BY_ID] = "SELECT licence, version, list, place, issuer_status, status FROM licence"
                        " WHERE id = ?",
    [W_LICENCE_BY_IDENTITY] =
        "SELECT l.licence, l.version, l.list, l.place, l.issuer_status, l.status, l.id, l.sealed,"
        "  l.issued_on, l.valid_from, l.valid_until, l.source_version, l.delivered_status,"
        "  h.number_key"
        " FROM licence l JOIN holder h ON h.holder = l.holder"
        " WHERE l.number_key = ? AND l.type = ? AND l.issuer = ?",
    [W_LICENCE_ADD] = "INSERT INTO licence VALUES"
                      " (NULL, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 1, ?12, ?13,"
                      "  ?14, ?18, ?14, ?15, ?16, ?17, ?15) RETURNING licence",
    [W_LICENCE_VERSION] = "UPDATE licence SET holder = ?3, identifier_key = ?7, sealed = ?8,"
                          "  issued_on = ?9, valid_from = ?10, valid_until = ?11, version = ?14,"
                          "  list = ?12, place = ?13, received_at = ?15, source = ?16,"
                          "  source_version = ?17, delivered_status = ?18 WHERE licence = ?1",
    [W_LICENCE_SOURCE] = "UPDATE licence SET source = ?2, source_version = ?3, received_at = ?4,"
                         "  delivered_status = ?5 WHERE licence = ?1",
    [W_LICENCE_STATUS] = "UPDATE licence SET issuer_status = ?2,"
                         "  status_since = CASE WHEN status = ?3 THEN status_since ELSE ?4 END,"
                         "  status = ?3 WHERE licence = ?1",

    [W_PLACE_TAKEN] = "SELECT 1 FROM place WHERE list = ? AND place = ?",
    [W_PLACE_ADD] = "INSERT INTO place VALUES (?, ?, ?, ?, 0, NULL, NULL)",
    [W_PLACE_BITS] = "UPDATE place SET bits = ?3 WHERE list = ?1 AND place = ?2",
    [W_PLACE_SUPERSEDE] =
        "UPDATE place SET superseded_at = ?3, holder = (SELECT l.holder FROM licence l"
        " WHERE l.licence = place.licence) WHERE list = ?1 AND place = ?2",

    [W_LIST_NEWEST] = "SELECT list, used FROM list ORDER BY list DESC LIMIT 1",
    [W_LIST_ADD] = "INSERT INTO list VALUES (?, ?, 0, 0, 0)",
    [W_LIST_USE] = "UPDATE list SET used = used + 1 WHERE list = ?",
    [W_LIST_NEXT] = "UPDATE list SET seq = seq + 1 WHERE list = ? RETURNING seq",
    [W_LIST_RELAYED] = "UPDATE list SET relayed = max(relayed, min(?2, seq)) WHERE list = ?1",
    [W_LIST_GENERATION] = "UPDATE list SET generation = ?2 WHERE list = ?1",
    [W_CHANGE_ADD] = "INSERT INTO change VALUES (?, ?, ?, ?, ?)",

    [W_HOLDS] = "SELECT kind FROM hold WHERE licence = ? AND lifted IS NULL",
    [W_HOLD_PLACE] = "INSERT INTO hold VALUES (NULL, ?1, ?4, ?2, ?3, ?5, NULL)"
                     " ON CONFLICT DO NOTHING",
    [W_HOLD_LIFT] = "UPDATE hold SET lifted = ?5 WHERE licence = ?1 AND agency = ?2"
                    " AND case_number = ?3 AND lifted IS NULL",

    [W_HOLDER_BY_NUMBER] = "SELECT holder FROM holder WHERE number_key = ?",
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
    error = sqlite_prepare(c, texts, W_COUNT);
    if (!error)
        error = sqlite_prepare(c, mandate_change_texts, W_COUNT);
    if (!error)
        error = sqlite_prepare(c, access_change_texts, W_COUNT);
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
    l->bits = licence_status_bits(l->status);
    return REGISTRY_OK;
}

static enum registry_error find_licence(struct sqlite_connection *c,
                                        const uint8_t id[REGISTRY_ID_BYTES],
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

enum registry_error place_set_bits(struct sqlite_connection *c, uint16_t list, uint32_t place,
                                   uint8_t bits, int64_t now, uint64_t *seq)
{
    struct sqlite3_stmt *next = c->statements[W_LIST_NEXT];
    sqlite_bind_int(next, 1, list);
    enum registry_error error = sqlite_step(next);
    if (error)
        return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_ERR_STORAGE : error;
    int64_t number = sqlite_column_int(next, 0);
    sqlite_reset(next);

    struct sqlite3_stmt *set = c->statements[W_PLACE_BITS];
    sqlite_bind_int(set, 1, list);
    sqlite_bind_int(set, 2, place);
    sqlite_bind_int(set, 3, bits);
    error = sqlite_run(set);
    if (error)
        return error;

    struct sqlite3_stmt *add = c->statements[W_CHANGE_ADD];
    sqlite_bind_int(add, 1, list);
    sqlite_bind_int(add, 2, number);
    sqlite_bind_int(add, 3, place);
    sqlite_bind_int(add, 4, bits);
    sqlite_bind_int(add, 5, now);
    *seq = (uint64_t)number;
    return sqlite_run(add);
}

/* The issuer's status or what an open hold makes of it, whichever is stricter. */
static enum registry_error effective_status(struct sqlite_connection *c,
                                            const struct licence_state *l,
                                            enum licence_status *status)
{
    struct sqlite3_stmt *holds = c->statements[W_HOLDS];
    enum registry_error error;
    *status = l->issuer_status;
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

static enum registry_error settle_and_answer(struct sqlite_connection *c,
                                             struct registry_change *change,
                                             struct licence_state *l, int64_t now)
{
    enum registry_error error = licence_settle(c, l, now, &change->place_change.seq);
    change->place_change.list = l->list;
    change->effective = l->status;
    return error;
}

static enum registry_error change_issuer_status(struct sqlite_connection *c,
                                                struct registry_change *change, int64_t now)
{
    struct licence_state l;
    if (change->status == LICENCE_STATUS_SUPERSEDED)
        return change_refuse(change, "superseded is no issuer's status");
    enum registry_error error = find_licence(c, change->licence, &l);
    if (error)
        return error;
    l.issuer_status = change->status;
    return settle_and_answer(c, change, &l, now);
}

/* Places or lifts: both name the hold by licence, agency and case. */
static enum registry_error change_hold(struct sqlite_connection *c, struct registry_change *change,
                                       int64_t now)
{
    struct licence_state l;
    bool place = change->kind == CHANGE_HOLD_PLACE;
    struct sqlite3_stmt *hold = c->statements[place ? W_HOLD_PLACE : W_HOLD_LIFT];
    if (change->agency.len < 1 || change->agency.len > REGISTRY_CASE_BYTES_MAX ||
        change->case_number.len < 1 || change->case_number.len > REGISTRY_CASE_BYTES_MAX)
        return change_refuse(change, "agency and case number have 1 to 64 bytes");
    enum registry_error error = find_licence(c, change->licence, &l);
    if (error)
        return error;
    sqlite_bind_int(hold, 1, l.row);
    sqlite_bind_text(hold, 2, change->agency);
    sqlite_bind_text(hold, 3, change->case_number);
    sqlite_bind_int(hold, 5, now);
    if (place)
        sqlite_bind_int(hold, 4, change->hold_kind);
    error = sqlite_run(hold);
    if (error)
        return error;
    if (!sqlite_changed(c))
        return place ? change_refuse(change, "this case already holds the licence")
                     : REGISTRY_ERR_NOT_FOUND;
    return settle_and_answer(c, change, &l, now);
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

enum registry_error generation_create(struct sqlite_connection *c, int64_t *generation)
{
    uint64_t number = 0;
    enum registry_error error = REGISTRY_OK;
    while (!error && number == 0) {
        error = seal_random(&c->seal, &number, sizeof number);
        number >>= 1;
    }
    *generation = (int64_t)number;
    return error;
}

static enum registry_error change_restored(struct sqlite_connection *c)
{
    struct sqlite3_stmt *newest = c->statements[W_LIST_NEWEST];
    struct sqlite3_stmt *set = c->statements[W_LIST_GENERATION];
    enum registry_error error = sqlite_step(newest);
    int64_t lists = error ? 0 : sqlite_column_int(newest, 0) + 1;
    sqlite_reset(newest);
    if (!error || error == REGISTRY_ERR_NOT_FOUND) /* there may be no list yet */
        error = access_version_move(c);
    for (int64_t list = 0; !error && list < lists; list++) {
        int64_t generation;
        error = generation_create(c, &generation);
        if (error)
            break;
        sqlite_bind_int(set, 1, list);
        sqlite_bind_int(set, 2, generation);
        error = sqlite_run(set);
    }
    return error;
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
    case CHANGE_SHUT_OUT:
    case CHANGE_LET_IN:
        return change_who_may_ask(c, change, now);
    case CHANGE_CONSENT_GIVE:
    case CHANGE_CONSENT_WITHDRAW:
    case CHANGE_ACCESS_SUBMIT:
    case CHANGE_ACCESS_DECIDE:
        return change_what_for(c, change, now);
    case CHANGE_RELAYED:
        return change_relayed(c, change);
    case CHANGE_REDIS_RUN:
        return change_redis_run(c, change);
    case CHANGE_RESTORED:
        return change_restored(c);
    }
    CHECK(!"a kind of change that does not exist");
    return REGISTRY_ERR_REFUSED;
}

enum registry_error sqlite_apply(struct sqlite_connection *c, struct registry_change *change,
                                 bool *lost)
{
    if (change->kind == CHANGE_IMPORT)
        return apply(c, change);
    enum registry_error error = sqlite_run(c->statements[W_SAVEPOINT]);
    if (!error)
        error = apply(c, change);
    if (error && sqlite_in_transaction(c))
        *lost = sqlite_run(c->statements[W_ROLLBACK_TO]) != REGISTRY_OK;
    if (sqlite_in_transaction(c) && !*lost)
        *lost = sqlite_run(c->statements[W_RELEASE]) != REGISTRY_OK;
    *lost = *lost || !sqlite_in_transaction(c);
    return *lost && !error ? REGISTRY_ERR_STORAGE : error;
}
