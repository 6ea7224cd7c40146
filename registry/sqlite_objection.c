/* Objections to what a licence says: made, decided, and read. What is claimed and why it is refused
 * may be personal, and is sealed as a licence's texts are. */
#include "registry/issuing.h"
#include "registry/sqlite_change.h"
#include "registry/sqlite_read.h"

#include "base/check.h"

const char objection_not_corrected[] = "the licence has no newer version than was objected to";

#define SEAL_CLAIMED "objection claimed"
#define SEAL_REASON  "objection reason"

const char *const objection_change_texts[W_COUNT] = {
    [W_OBJECTION_ISSUER] = "SELECT i.code FROM objection o JOIN issuer i ON i.issuer = o.issuer"
                           " WHERE o.id = ?",
    [W_OBJECTIONS_OPEN] = "SELECT count(*) FROM objection WHERE role = ? AND subject = ?"
                          " AND state < 2",
    [W_OBJECTION_ADD] =
        "INSERT INTO objection SELECT NULL, ?1, licence, issuer, version, ?3, ?4, ?5,"
        "  ?6, ?7, ?8, 0, ?9, 0, NULL FROM licence WHERE licence = ?2",
    [W_OBJECTION_BY_ID] = "SELECT o.state, o.version, l.id FROM objection o"
                          " JOIN licence l ON l.licence = o.licence WHERE o.id = ?"
                          " AND o.issuer = (SELECT issuer FROM issuer WHERE code = ?)",
    [W_OBJECTION_STATE] = "UPDATE objection SET state = ?2, decided_at = ?3, reason = ?4"
                          " WHERE id = ?1",
    /* why it was refused no log has */
    [W_OBJECTION_REPLAY] = "UPDATE objection SET state = ?2, decided_at = ?3"
                           " WHERE id = ?1 AND state < ?2",
};

#define OBJECTION_COLUMNS                                                                          \
    "SELECT o.id, l.id, o.version, o.role, o.subject, o.field, o.claimed, o.attachment, o.due_on," \
    " o.state, o.at, o.decided_at, o.reason FROM objection o"                                      \
    " JOIN licence l ON l.licence = o.licence"
const char *const objection_texts[R_COUNT] = {
    [R_OBJECTIONS_BY] = OBJECTION_COLUMNS " WHERE o.role = ?2 AND o.subject = ?3"
                                          " ORDER BY o.objection DESC LIMIT ?1",
    [R_OBJECTION_AFTER] =
        "SELECT due_on, objection FROM objection WHERE id = ?2 AND issuer = " ITS_ISSUER,
    [R_OBJECTIONS_TO] =
        OBJECTION_COLUMNS " WHERE o.issuer = " ITS_ISSUER " AND l.type IN " ITS_TYPES
                          " AND o.objection < ?4 ORDER BY o.objection DESC LIMIT ?2",
    [R_OBJECTIONS_OPEN_TO] = OBJECTION_COLUMNS
    " WHERE o.state < 2 AND o.issuer = " ITS_ISSUER " AND l.type IN " ITS_TYPES
    " AND (o.due_on, o.objection) > (?3, ?4) ORDER BY o.due_on, o.objection LIMIT ?2",
    [R_OBJECTIONS_WAITING] = "SELECT count(*), count(*) FILTER (WHERE due_on < ?) FROM objection"
                             " WHERE state < 2",
};
_Static_assert(OBJECTION_STATE_RECEIVED == 0 && OBJECTION_STATE_CHECKING == 1 &&
                   OBJECTION_STATE_CORRECTED == 2 && OBJECTION_STATE_REFUSED == 3,
               "the states in the texts: below 2 is open");

static const char *const words[] = {
#define S(name, word) [OBJECTION_STATE_##name] = word,
    OBJECTION_STATES(S)
#undef S
};

const char *objection_state_text(enum objection_state state)
{
    return words[state];
}

bool objection_state_read(struct bytes text, enum objection_state *state)
{
    for (int i = 0; i < OBJECTION_STATE_COUNT; i++)
        if (bytes_equal(text, bytes_str(words[i]))) {
            *state = (enum objection_state)i;
            return true;
        }
    return false;
}

/* ---- making one ---- */

static const char *refusal_of(const struct registry_objection *objection)
{
    if ((objection->role != TOKEN_ROLE_HOLDER && objection->role != TOKEN_ROLE_INSPECTOR) ||
        objection->subject.len < 1 || objection->subject.len > TOKEN_SUBJECT_BYTES_MAX)
        return "a holder or an inspector objects";
    if (objection->claimed.len < 1 || objection->claimed.len > OBJECTION_VALUE_BYTES_MAX)
        return "what it should say has 1 to 256 bytes";
    return NULL;
}

static enum registry_error count_open(struct sqlite_connection *c,
                                      const struct registry_objection *objection, int64_t *count)
{
    struct sqlite3_stmt *open = c->statements[W_OBJECTIONS_OPEN];
    sqlite_bind_int(open, 1, objection->role);
    sqlite_bind_text(open, 2, objection->subject);
    enum registry_error error = sqlite_step(open);
    if (!error)
        *count = sqlite_column_int(open, 0);
    sqlite_reset(open);
    return error;
}

/* The event of a state that an objection has now. */
static enum registry_error tell(struct sqlite_connection *c, struct registry_change *change,
                                const struct licence_state *l, enum objection_state state,
                                int64_t now)
{
    char storage[2 * REGISTRY_ID_BYTES];
    struct buf reference = BUF_OVER(storage);
    buf_put_hex(&reference, bytes_of(change->id, sizeof change->id));
    return event_add(c, change, now,
                     &(struct event_new){.kind = EVENT_OBJECTION,
                                         .licence = l,
                                         .purpose = bytes_str(objection_state_text(state)),
                                         .reference = buf_bytes(&reference),
                                         .detail = EVENT_NONE});
}

static enum registry_error count_received(struct sqlite_connection *c,
                                          const uint8_t id[REGISTRY_ID_BYTES], int64_t now)
{
    struct sqlite3_stmt *issuer = c->statements[W_OBJECTION_ISSUER];
    sqlite_bind_blob(issuer, 1, bytes_of(id, REGISTRY_ID_BYTES));
    enum registry_error error = sqlite_step(issuer);
    if (!error)
        error = quality_of_objection(c, sqlite_column_bytes(issuer, 0), false, now);
    sqlite_reset(issuer);
    return error;
}

static enum registry_error store(struct sqlite_connection *c,
                                 const struct registry_objection *objection,
                                 const struct licence_state *l, const uint8_t id[REGISTRY_ID_BYTES],
                                 int64_t now)
{
    uint8_t storage[OBJECTION_VALUE_BYTES_MAX + SEAL_OVERHEAD_BYTES];
    struct buf claimed = BUF_OVER(storage);
    struct sqlite3_stmt *add = c->statements[W_OBJECTION_ADD];
    enum registry_error error =
        seal_close(&c->seal, SEAL_CLAIMED, id, objection->claimed, &claimed);
    if (error)
        return error;
    sqlite_bind_blob(add, 1, bytes_of(id, REGISTRY_ID_BYTES));
    sqlite_bind_int(add, 2, l->row);
    sqlite_bind_int(add, 3, objection->role);
    sqlite_bind_text(add, 4, objection->subject);
    sqlite_bind_int(add, 5, objection->field);
    sqlite_bind_blob(add, 6, buf_bytes(&claimed));
    sqlite_bind_blob(add, 7,
                     bytes_of(objection->has_attachment ? objection->attachment : NULL,
                              sizeof objection->attachment));
    sqlite_bind_int(add, 8, objection->due_on);
    sqlite_bind_int(add, 9, now);
    return sqlite_run(add);
}

static enum registry_error object(struct sqlite_connection *c, struct registry_change *change,
                                  int64_t now)
{
    const struct registry_objection *objection = change->objection;
    struct licence_state l;
    int64_t open = 0;
    const char *refusal = refusal_of(objection);
    if (refusal)
        return change_refuse(change, refusal);
    enum registry_error error = licence_find(c, objection->licence, &l);
    if (!error)
        error = count_open(c, objection, &open);
    if (!error && open >= REGISTRY_OBJECTIONS_OPEN_MAX)
        return change_refuse(change, "too many objections of this person are open");
    if (!error)
        error = seal_random(&c->seal, change->id, sizeof change->id);
    if (!error)
        error = store(c, objection, &l, change->id, now);
    if (!error)
        error = count_received(c, change->id, now);
    return error ? error : tell(c, change, &l, OBJECTION_STATE_RECEIVED, now);
}

/* ---- deciding ---- */

struct standing {
    enum objection_state state;
    int64_t objected_version; /* the licence's then */
    uint8_t licence[REGISTRY_ID_BYTES];
};

static enum registry_error find_objection(struct sqlite_connection *c,
                                          const struct registry_change *change,
                                          struct standing *objection)
{
    struct sqlite3_stmt *find = c->statements[W_OBJECTION_BY_ID];
    sqlite_bind_blob(find, 1, bytes_of(change->id, sizeof change->id));
    sqlite_bind_text(find, 2, change->issuer);
    enum registry_error error = sqlite_step(find);
    if (error)
        return error;
    objection->state = (enum objection_state)sqlite_column_int(find, 0);
    objection->objected_version = sqlite_column_int(find, 1);
    if (!sqlite_column_id(find, 2, objection->licence))
        error = REGISTRY_ERR_STORAGE;
    sqlite_reset(find);
    return error;
}

static const char *refusal_of_state(const struct registry_change *change,
                                    const struct standing *objection, const struct licence_state *l)
{
    unsigned next = change->objection_state;
    if (next <= objection->state || objection->state >= OBJECTION_STATE_CORRECTED)
        return "the objection's state does not allow this";
    if (next == OBJECTION_STATE_CORRECTED && l->version <= objection->objected_version)
        return objection_not_corrected;
    if (next == OBJECTION_STATE_REFUSED &&
        (change->text.len < 1 || change->text.len > OBJECTION_REASON_BYTES_MAX))
        return "a refusal has a reason of 1 to 256 bytes";
    return NULL;
}

static enum registry_error set_state(struct sqlite_connection *c,
                                     const struct registry_change *change, int64_t now)
{
    uint8_t storage[OBJECTION_REASON_BYTES_MAX + SEAL_OVERHEAD_BYTES];
    struct buf reason = BUF_OVER(storage);
    struct sqlite3_stmt *set = c->statements[W_OBJECTION_STATE];
    bool refused = change->objection_state == OBJECTION_STATE_REFUSED;
    bool decided = change->objection_state >= OBJECTION_STATE_CORRECTED;
    enum registry_error error = REGISTRY_OK;
    if (refused)
        error = seal_close(&c->seal, SEAL_REASON, change->id, change->text, &reason);
    if (error)
        return error;
    sqlite_bind_blob(set, 1, bytes_of(change->id, sizeof change->id));
    sqlite_bind_int(set, 2, change->objection_state);
    sqlite_bind_int(set, 3, decided ? now : 0);
    sqlite_bind_blob(set, 4, bytes_of(refused ? reason.data : NULL, reason.len));
    return sqlite_run(set);
}

static enum registry_error decide(struct sqlite_connection *c, struct registry_change *change,
                                  int64_t now)
{
    struct standing objection;
    struct licence_state l;
    CHECK(change->objection_state < OBJECTION_STATE_COUNT);
    enum registry_error error = find_objection(c, change, &objection);
    if (!error)
        error = licence_find(c, objection.licence, &l);
    if (error)
        return error;
    const char *refusal = refusal_of_state(change, &objection, &l);
    if (refusal)
        return change_refuse(change, refusal);
    error = set_state(c, change, now);
    if (!error && change->objection_state == OBJECTION_STATE_CORRECTED)
        error = quality_of_objection(c, change->issuer, true, now);
    return error ? error : tell(c, change, &l, (enum objection_state)change->objection_state, now);
}

enum registry_error change_objection(struct sqlite_connection *c, struct registry_change *change,
                                     int64_t now)
{
    return change->kind == CHANGE_OBJECT ? object(c, change, now) : decide(c, change, now);
}

enum registry_error objection_replay(struct sqlite_connection *c,
                                     const uint8_t id[REGISTRY_ID_BYTES], unsigned state,
                                     int64_t at)
{
    struct sqlite3_stmt *set = c->statements[W_OBJECTION_REPLAY];
    sqlite_bind_blob(set, 1, bytes_of(id, REGISTRY_ID_BYTES));
    sqlite_bind_int(set, 2, state);
    sqlite_bind_int(set, 3, state >= OBJECTION_STATE_CORRECTED ? at : 0);
    return sqlite_run(set);
}

/* ---- reading ---- */

/* A sealed column; NULL is empty. */
static enum registry_error open_text(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                     int column, const char *table,
                                     const uint8_t id[REGISTRY_ID_BYTES], struct buf *storage,
                                     struct bytes *text)
{
    struct bytes sealed = sqlite_column_bytes(row, column);
    enum registry_error error = REGISTRY_OK;
    if (sealed.len)
        error = seal_open(&c->seal, table, id, sealed, storage);
    *text = buf_bytes(storage);
    return error;
}

struct opened {
    struct registry_objection objection;
    uint8_t claimed[OBJECTION_VALUE_BYTES_MAX], reason[OBJECTION_REASON_BYTES_MAX];
};

static enum registry_error read_objection(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                          struct opened *o)
{
    struct buf claimed = BUF_OVER(o->claimed), reason = BUF_OVER(o->reason);
    struct bytes attachment = sqlite_column_bytes(row, 7);
    o->objection = (struct registry_objection){
        .version = (uint16_t)sqlite_column_int(row, 2),
        .role = (unsigned)sqlite_column_int(row, 3),
        .subject = sqlite_column_bytes(row, 4),
        .field = (uint8_t)sqlite_column_int(row, 5),
        .has_attachment = attachment.len == CRYPTO_HASH_BYTES,
        .due_on = (int32_t)sqlite_column_int(row, 8),
        .state = (enum objection_state)sqlite_column_int(row, 9),
        .at = sqlite_column_int(row, 10),
        .decided_at = sqlite_column_int(row, 11),
    };
    if (o->objection.has_attachment)
        memcpy(o->objection.attachment, attachment.data, CRYPTO_HASH_BYTES);
    if (!sqlite_column_id(row, 0, o->objection.id) ||
        !sqlite_column_id(row, 1, o->objection.licence) ||
        (unsigned)o->objection.state >= OBJECTION_STATE_COUNT)
        return REGISTRY_ERR_STORAGE;
    enum registry_error error =
        open_text(c, row, 6, SEAL_CLAIMED, o->objection.id, &claimed, &o->objection.claimed);
    if (!error)
        error = open_text(c, row, 12, SEAL_REASON, o->objection.id, &reason, &o->objection.reason);
    return error;
}

/* The licence of the objection, at the same moment: the outer statement's read goes on. */
static enum registry_error read_licence(struct sqlite_connection *c,
                                        const uint8_t id[REGISTRY_ID_BYTES],
                                        struct registry_licence *licence,
                                        uint8_t storage[REGISTRY_LICENCE_BYTES_MAX])
{
    struct sqlite3_stmt *row = c->statements[R_BY_ID];
    sqlite_bind_blob(row, 1, bytes_of(id, REGISTRY_ID_BYTES));
    enum registry_error error = sqlite_step(row);
    if (!error)
        error = licence_read(c, row, licence, storage);
    sqlite_reset(row);
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_ERR_STORAGE : error;
}

static enum registry_error give(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                void (*each)(void *context,
                                             const struct registry_objection *objection,
                                             const struct registry_licence *licence),
                                void *context)
{
    struct opened opened;
    struct registry_licence licence;
    uint8_t storage[REGISTRY_LICENCE_BYTES_MAX];
    enum registry_error error;
    while (!(error = sqlite_step(row)) && !(error = read_objection(c, row, &opened)) &&
           !(error = read_licence(c, opened.objection.licence, &licence, storage)))
        each(context, &opened.objection, &licence);
    return row_finish(row, error);
}

enum registry_error registry_objections(struct registry_reader *reader, unsigned role,
                                        struct bytes subject, size_t max,
                                        void (*each)(void *context,
                                                     const struct registry_objection *objection,
                                                     const struct registry_licence *licence),
                                        void *context)
{
    struct sqlite3_stmt *row = reader->c.statements[R_OBJECTIONS_BY];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_int(row, 1, (int64_t)max);
    sqlite_bind_int(row, 2, role);
    sqlite_bind_text(row, 3, subject);
    return give(&reader->c, row, each, context);
}

enum registry_error registry_objections_to(struct registry_reader *reader,
                                           const struct registry_page *page,
                                           void (*each)(void *context,
                                                        const struct registry_objection *objection,
                                                        const struct registry_licence *licence),
                                           void *context)
{
    struct sqlite3_stmt *const *statements = reader->c.statements;
    struct sqlite3_stmt *row = statements[page->all ? R_OBJECTIONS_TO : R_OBJECTIONS_OPEN_TO];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (!error)
        error = row_bind_page(row, statements[R_OBJECTION_AFTER], page);
    return error ? error : give(&reader->c, row, each, context);
}

enum registry_error registry_objections_waiting(struct registry_reader *reader, int32_t today,
                                                uint64_t *waiting, uint64_t *overdue)
{
    struct sqlite3_stmt *row = reader->c.statements[R_OBJECTIONS_WAITING];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_int(row, 1, today);
    error = sqlite_step(row);
    if (!error) {
        *waiting = (uint64_t)sqlite_column_int(row, 0);
        *overdue = (uint64_t)sqlite_column_int(row, 1);
    }
    sqlite_reset(row);
    return error;
}
