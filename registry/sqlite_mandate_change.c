/* Changes of mandates: representatives as records name them, each for its issuer's licences alone;
 * agents and guardians as they are granted, single licences as their holders entrust them. */
#include "registry/sqlite_change.h"

const char *const mandate_change_texts[W_COUNT] = {
    [W_HOLDER_BY_ID] = "SELECT holder, kind FROM holder WHERE id = ?",
    [W_LICENCE_HOLDER] = "SELECT l.licence, h.holder, h.kind FROM licence l"
                         " JOIN holder h ON h.holder = l.holder WHERE l.id = ? AND h.id = ?",
    [W_MANDATE_BY_ID] = "SELECT m.kind, l.id FROM mandate m"
                        " LEFT JOIN licence l ON l.licence = m.licence"
                        " WHERE m.id = ? AND m.ended IS NULL",
    /* ?5, ?8 NULL: all licences. Given again: only until when changes; and since when, where there
     * was a time in between. */
    [W_MANDATE_PUT] = "INSERT INTO mandate VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, ?8)"
                      " ON CONFLICT (agent, giver, kind, coalesce(licence, 0),"
                      "  coalesce(issuer, -1)) WHERE ended IS NULL"
                      " DO UPDATE SET since = CASE WHEN until <> 0 AND until <= ?6 THEN ?6"
                      "  ELSE since END, until = ?7 RETURNING id",
    [W_MANDATE_END] = "UPDATE mandate SET ended = ?2 WHERE id = ?1",
    [W_GRANT_END] = "UPDATE mandate SET ended = ?4 WHERE giver = ?1 AND agent = ?2 AND kind = ?3"
                    " AND ended IS NULL RETURNING id",
    [W_REPRESENTATIVE_END] = "UPDATE mandate SET ended = ?4 WHERE giver = ?1 AND agent <> ?2"
                             " AND kind = ?3 AND issuer = ?5 AND ended IS NULL RETURNING id",
};

#define ALL_ISSUERS -1

/* Rows of the registry; licence 0, ALL_ISSUERS: all of the giver's. */
struct mandate {
    int64_t giver, agent, licence, issuer;
    enum registry_acting kind;
    int64_t until;
};

static void bind_row(struct sqlite3_stmt *statement, int at, bool given, int64_t row)
{
    if (given)
        sqlite_bind_int(statement, at, row);
    else
        sqlite_bind_blob(statement, at, bytes_of(NULL, 0));
}

/* *id: the mandate's, also of one that was there, which *added tells. */
static enum registry_error put(struct sqlite_connection *c, const struct mandate *m, int64_t now,
                               uint8_t id[REGISTRY_ID_BYTES], bool *added)
{
    struct sqlite3_stmt *statement = c->statements[W_MANDATE_PUT];
    uint8_t fresh[REGISTRY_ID_BYTES];
    enum registry_error error = seal_random(&c->seal, fresh, sizeof fresh);
    if (error)
        return error;
    sqlite_bind_blob(statement, 1, bytes_of(fresh, sizeof fresh));
    sqlite_bind_int(statement, 2, m->giver);
    sqlite_bind_int(statement, 3, m->agent);
    sqlite_bind_int(statement, 4, m->kind);
    bind_row(statement, 5, m->licence != 0, m->licence);
    sqlite_bind_int(statement, 6, now);
    sqlite_bind_int(statement, 7, m->until);
    bind_row(statement, 8, m->issuer != ALL_ISSUERS, m->issuer);
    error = sqlite_step(statement);
    if (!error && !sqlite_column_id(statement, 0, id))
        error = REGISTRY_ERR_STORAGE;
    *added = !error && memcmp(id, fresh, sizeof fresh) == 0;
    sqlite_reset(statement);
    return error;
}

/* What an event says of a mandate: which, of which licence or NULL, why or the actor's purpose. */
struct said {
    uint8_t id[REGISTRY_ID_BYTES];
    const struct licence_state *licence;
    struct bytes purpose;
    bool ended;
};

static enum registry_error say(struct sqlite_connection *c, struct registry_change *change,
                               int64_t now, const struct said *said)
{
    return event_add_id(c, change, now,
                        &(struct event_new){.kind = EVENT_MANDATE,
                                            .licence = said->licence,
                                            .purpose = said->purpose,
                                            .detail = EVENT_NONE,
                                            .ended = said->ended},
                        said->id);
}

/* Each that a bound statement ends is an event of its own; said->id: the last one's. NOT_FOUND:
 * there was none. */
static enum registry_error end_each(struct sqlite_connection *c, struct registry_change *change,
                                    int64_t now, struct sqlite3_stmt *end, struct said *said)
{
    enum registry_error error;
    bool any = false;
    said->ended = true;
    while (!(error = sqlite_step(end))) {
        any = true;
        error =
            sqlite_column_id(end, 0, said->id) ? say(c, change, now, said) : REGISTRY_ERR_STORAGE;
        if (error)
            break;
    }
    sqlite_reset(end);
    return error == REGISTRY_ERR_NOT_FOUND && any ? REGISTRY_OK : error;
}

enum registry_error mandate_put_representative(struct sqlite_connection *c,
                                               struct registry_change *change, int64_t now,
                                               const struct licence_state *l, int64_t issuer,
                                               int64_t holder, int64_t person)
{
    struct said said = {.licence = l, .purpose = BYTES("ended")};
    struct mandate m = {
        .giver = holder, .agent = person, .issuer = issuer, .kind = ACTING_REPRESENTATIVE};
    struct sqlite3_stmt *end = c->statements[W_REPRESENTATIVE_END];
    bool added;
    sqlite_bind_int(end, 1, holder);
    sqlite_bind_int(end, 2, person);
    sqlite_bind_int(end, 3, ACTING_REPRESENTATIVE);
    sqlite_bind_int(end, 4, now);
    sqlite_bind_int(end, 5, issuer);
    enum registry_error error = end_each(c, change, now, end, &said);
    if (error && error != REGISTRY_ERR_NOT_FOUND)
        return error;
    error = put(c, &m, now, said.id, &added);
    if (error || !added)
        return error;
    said.ended = false;
    said.purpose = BYTES("given");
    return say(c, change, now, &said);
}

static enum registry_error find_holder(struct sqlite_connection *c,
                                       const uint8_t id[REGISTRY_ID_BYTES], int64_t *row,
                                       enum registry_holder_kind *kind)
{
    struct sqlite3_stmt *find = c->statements[W_HOLDER_BY_ID];
    sqlite_bind_blob(find, 1, bytes_of(id, REGISTRY_ID_BYTES));
    enum registry_error error = sqlite_step(find);
    if (error)
        return error;
    *row = sqlite_column_int(find, 0);
    *kind = (enum registry_holder_kind)sqlite_column_int(find, 1);
    sqlite_reset(find);
    return REGISTRY_OK;
}

enum registry_error licence_find_holder(struct sqlite_connection *c,
                                        const uint8_t id[REGISTRY_ID_BYTES],
                                        const uint8_t holder[REGISTRY_ID_BYTES],
                                        struct licence_holder *l)
{
    struct sqlite3_stmt *find = c->statements[W_LICENCE_HOLDER];
    sqlite_bind_blob(find, 1, bytes_of(id, REGISTRY_ID_BYTES));
    sqlite_bind_blob(find, 2, bytes_of(holder, REGISTRY_ID_BYTES));
    enum registry_error error = sqlite_step(find);
    if (error)
        return error;
    *l = (struct licence_holder){
        .licence = sqlite_column_int(find, 0),
        .holder = sqlite_column_int(find, 1),
        .kind = (enum registry_holder_kind)sqlite_column_int(find, 2),
    };
    sqlite_reset(find);
    return REGISTRY_OK;
}

/* Finds who is to act; m->giver is set. */
static enum registry_error find_agent(struct sqlite_connection *c, struct registry_change *change,
                                      struct mandate *m)
{
    enum registry_holder_kind kind;
    enum registry_error error = find_holder(c, change->agent, &m->agent, &kind);
    if (error)
        return error;
    if (kind != HOLDER_PERSON)
        return change_refuse(change, "only a person acts for somebody");
    if (m->agent == m->giver)
        return change_refuse(change, "nobody acts for himself");
    return REGISTRY_OK;
}

/* licence: the one that it is for, or NULL. */
static enum registry_error mandate_event(struct sqlite_connection *c,
                                         struct registry_change *change, int64_t now,
                                         const uint8_t *licence, bool ended)
{
    struct licence_state l;
    struct said said = {.licence = licence ? &l : NULL, .ended = ended};
    enum registry_error error = licence ? licence_find(c, licence, &l) : REGISTRY_OK;
    memcpy(said.id, change->id, sizeof said.id);
    return error ? error : say(c, change, now, &said);
}

static enum registry_error find_issuer(struct sqlite_connection *c, struct bytes code,
                                       int64_t *issuer)
{
    struct sqlite3_stmt *find = c->statements[W_ISSUER];
    *issuer = ALL_ISSUERS;
    if (!code.len)
        return REGISTRY_OK;
    sqlite_bind_text(find, 1, code);
    enum registry_error error = sqlite_step(find);
    if (!error)
        *issuer = sqlite_column_int(find, 0);
    sqlite_reset(find);
    return error;
}

/* Grants or ends: both name giver and agent. */
static enum registry_error change_grant(struct sqlite_connection *c, struct registry_change *change,
                                        int64_t now)
{
    struct mandate m = {.until = change->until};
    enum registry_holder_kind giver_kind = HOLDER_PERSON;
    bool added;
    enum registry_error error = find_holder(c, change->holder, &m.giver, &giver_kind);
    if (!error)
        error = find_agent(c, change, &m);
    if (!error)
        error = find_issuer(c, change->issuer, &m.issuer);
    if (error)
        return error;
    m.kind = giver_kind == HOLDER_ENTERPRISE ? ACTING_AGENT : ACTING_GUARDIAN;
    if (change->kind == CHANGE_AGENT_GRANT) {
        error = put(c, &m, now, change->id, &added);
        return error ? error : mandate_event(c, change, now, NULL, false);
    }
    struct said said = {0};
    struct sqlite3_stmt *end = c->statements[W_GRANT_END];
    sqlite_bind_int(end, 1, m.giver);
    sqlite_bind_int(end, 2, m.agent);
    sqlite_bind_int(end, 3, m.kind);
    sqlite_bind_int(end, 4, now);
    error = end_each(c, change, now, end, &said);
    memcpy(change->id, said.id, sizeof change->id);
    return error;
}

static enum registry_error change_entrust(struct sqlite_connection *c,
                                          struct registry_change *change, int64_t now)
{
    struct licence_holder l;
    enum registry_error error = licence_find_holder(c, change->licence, change->holder, &l);
    if (error)
        return error;
    if (l.kind != HOLDER_PERSON)
        return change_refuse(change, "an enterprise has agents for all its licences");
    bool added;
    struct mandate m = {.giver = l.holder,
                        .licence = l.licence,
                        .issuer = ALL_ISSUERS,
                        .kind = ACTING_ENTRUSTED,
                        .until = change->until};
    error = find_agent(c, change, &m);
    if (!error)
        error = put(c, &m, now, change->id, &added);
    return error ? error : mandate_event(c, change, now, change->licence, false);
}

static enum registry_error end_mandate(struct sqlite_connection *c, struct registry_change *change,
                                       int64_t now)
{
    struct sqlite3_stmt *find = c->statements[W_MANDATE_BY_ID];
    struct sqlite3_stmt *end = c->statements[W_MANDATE_END];
    sqlite_bind_blob(find, 1, bytes_of(change->id, REGISTRY_ID_BYTES));
    enum registry_error error = sqlite_step(find);
    if (error)
        return error;
    int64_t kind = sqlite_column_int(find, 0);
    uint8_t licence[REGISTRY_ID_BYTES];
    bool of_licence = sqlite_column_id(find, 1, licence);
    sqlite_reset(find);
    if (kind == ACTING_REPRESENTATIVE)
        return change_refuse(change, "a representative is the issuer's to end");
    sqlite_bind_blob(end, 1, bytes_of(change->id, REGISTRY_ID_BYTES));
    sqlite_bind_int(end, 2, now);
    error = sqlite_run(end);
    return error ? error : mandate_event(c, change, now, of_licence ? licence : NULL, true);
}

enum registry_error change_mandate(struct sqlite_connection *c, struct registry_change *change,
                                   int64_t now)
{
    if (change->kind == CHANGE_ENTRUST)
        return change_entrust(c, change, now);
    return change->kind == CHANGE_MANDATE_END ? end_mandate(c, change, now)
                                              : change_grant(c, change, now);
}
