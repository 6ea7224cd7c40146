/* Enforcement actions as they are read, and their words. */
#include "base/check.h"
#include "registry/action.h"
#include "registry/sqlite_read.h"

const char *const action_texts[R_COUNT] = {
    [R_ACTION] = ACTION_COLUMNS " WHERE a.id = ?",
    [R_ACTION_OF_EVENT] =
        ACTION_COLUMNS " WHERE l.id = ? AND a.agency = ? AND a.case_number = ? AND a.kind = ?"
                       " AND a.event BETWEEN ? AND ? ORDER BY a.event DESC LIMIT 1",
    [R_ACTION_AFTER] = "SELECT due_at, action FROM action WHERE id = ?2 AND issuer = " ITS_ISSUER,
    [R_ACTIONS] = ACTION_COLUMNS " WHERE a.issuer = " ITS_ISSUER " AND l.type IN " ITS_TYPES
                                 " AND a.action < ?4 ORDER BY a.action DESC LIMIT ?2",
    [R_ACTIONS_OPEN] =
        ACTION_COLUMNS " WHERE a.state <= 1 AND a.issuer = " ITS_ISSUER " AND l.type IN " ITS_TYPES
                       " AND (a.due_at = 0, a.due_at, -a.action) > (?3 = 0, ?3, -?4)"
                       " ORDER BY a.due_at = 0, a.due_at, a.action DESC LIMIT ?2",
    /* "<= 1" is how SQLite knows the index of open ones */
    [R_ACTIONS_WAITING] =
        "SELECT (SELECT count(*) FROM action WHERE kind = 2 AND state <= 1 AND state = 0),"
        " (SELECT count(*) FROM action WHERE kind = 2 AND state <= 1 AND state = 1)",
};
_Static_assert(ACTION_STATE_OPEN == 0 && ACTION_STATE_ESCALATED == 1 && ACTION_REQUEST_CANCEL == 2,
               "the numbers in the texts");

/* ---- words ---- */

static const char *const kinds[] = {
#define A(name, word) [ACTION_##name] = word,
    ACTION_KINDS(A)
#undef A
};
static const char *const decisions[] = {
#define D(name, word) [DECISION_##name] = word,
    ACTION_DECISIONS(D)
#undef D
};

static int find_word(const char *const *words, int count, struct bytes text)
{
    int i = 0;
    while (i < count && !bytes_equal(text, bytes_str(words[i])))
        i++;
    return i;
}

const char *action_kind_text(enum action_kind kind)
{
    CHECK(kind < ACTION_KIND_COUNT);
    return kinds[kind];
}

bool action_kind_read(struct bytes text, enum action_kind *kind)
{
    *kind = (enum action_kind)find_word(kinds, ACTION_KIND_COUNT, text);
    return *kind < ACTION_KIND_COUNT;
}

const char *action_decision_text(enum action_decision decision)
{
    CHECK(decision < DECISION_COUNT);
    return decisions[decision];
}

bool action_decision_read(struct bytes text, enum action_decision *decision)
{
    *decision = (enum action_decision)find_word(decisions, DECISION_COUNT, text);
    return *decision < DECISION_COUNT;
}

const char *action_state_text(enum action_state state)
{
    static const char *const words[] = {
#define S(name, word) [ACTION_STATE_##name] = word,
        ACTION_STATES(S)
#undef S
    };
    CHECK(state < ACTION_STATE_COUNT);
    return words[state];
}

/* ---- reading ---- */

static bool copy_hash(struct sqlite3_stmt *row, int column, uint8_t hash[CRYPTO_HASH_BYTES])
{
    struct bytes bytes = sqlite_column_bytes(row, column);
    if (bytes.len == CRYPTO_HASH_BYTES)
        memcpy(hash, bytes.data, CRYPTO_HASH_BYTES);
    return bytes.len == CRYPTO_HASH_BYTES;
}

/* Empty when there is none. */
static enum registry_error open_reason(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                       int column, const char *table,
                                       const uint8_t id[REGISTRY_ID_BYTES],
                                       char text[ACTION_REASON_BYTES_MAX + 1])
{
    struct buf out;
    buf_init(&out, text, ACTION_REASON_BYTES_MAX);
    struct bytes sealed = sqlite_column_bytes(row, column);
    enum registry_error error =
        sealed.len ? seal_open(&c->seal, table, id, sealed, &out) : REGISTRY_OK;
    text[out.len] = '\0';
    return error;
}

enum registry_error action_read(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                struct registry_action *a)
{
    *a = (struct registry_action){
        .kind = (enum action_kind)sqlite_column_int(row, 2),
        .due_at = sqlite_column_int(row, 9),
        .at = sqlite_column_int(row, 12),
        .state = (enum action_state)sqlite_column_int(row, 13),
        .decided_at = sqlite_column_int(row, 14),
        .effective = (uint8_t)sqlite_column_int(row, 17),
        .event = (uint64_t)sqlite_column_int(row, 18),
    };
    a->from_log = !copy_hash(row, 10, a->key) || !copy_hash(row, 11, a->body);
    a->has_evidence = copy_hash(row, 8, a->evidence_hash); /* NULL when it has none */
    if (!sqlite_column_id(row, 0, a->id) || !sqlite_column_id(row, 1, a->licence) ||
        a->kind >= ACTION_KIND_COUNT || a->state >= ACTION_STATE_COUNT ||
        !row_copy_text(row, 3, a->agency, sizeof a->agency) ||
        !row_copy_text(row, 4, a->case_number, sizeof a->case_number) ||
        !row_copy_text(row, 5, a->officer, sizeof a->officer) ||
        !row_copy_text(row, 6, a->terminal, sizeof a->terminal) ||
        !row_copy_text(row, 15, a->decided_by, sizeof a->decided_by))
        return REGISTRY_ERR_STORAGE;
    enum registry_error error = open_reason(c, row, 7, SEAL_ACTION, a->id, a->reason);
    return error ? error : open_reason(c, row, 16, SEAL_DECISION, a->id, a->decision_reason);
}

static enum registry_error read_one(struct registry_reader *reader, struct sqlite3_stmt *row,
                                    struct registry_action *action)
{
    enum registry_error error = sqlite_step(row);
    if (!error)
        error = action_read(&reader->c, row, action);
    sqlite_reset(row);
    return error;
}

enum registry_error registry_action(struct registry_reader *reader,
                                    const uint8_t id[REGISTRY_ID_BYTES],
                                    struct registry_action *action)
{
    struct sqlite3_stmt *row = reader->c.statements[R_ACTION];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_blob(row, 1, bytes_of(id, REGISTRY_ID_BYTES));
    return read_one(reader, row, action);
}

enum registry_error registry_action_of_event(struct registry_reader *reader,
                                             const struct registry_event *event,
                                             struct registry_action *action)
{
    struct sqlite3_stmt *row = reader->c.statements[R_ACTION_OF_EVENT];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_blob(row, 1, bytes_of(event->licence, REGISTRY_ID_BYTES));
    sqlite_bind_text(row, 2, event->agency);
    sqlite_bind_text(row, 3, event->reference);
    sqlite_bind_int(row, 4, event->detail);
    /* Of a hold the one whose EVENT_ACTED is right behind it; before there was such an event, its
     * own. */
    const bool hold = event->kind == EVENT_HOLD;
    const int64_t number = (int64_t)event->number;
    sqlite_bind_int(row, 5, hold ? number : 0);
    sqlite_bind_int(row, 6, hold ? number + 1 : number);
    return read_one(reader, row, action);
}

enum registry_error row_bind_page(struct sqlite3_stmt *row, struct sqlite3_stmt *after,
                                  const struct registry_page *page)
{
    int64_t due = -1, number = INT64_MAX; /* before the first of either order */
    if (page->has_after) {
        sqlite_bind_text(after, 1, page->client);
        sqlite_bind_blob(after, 2, bytes_of(page->after, sizeof page->after));
        enum registry_error error = sqlite_step(after);
        if (error)
            return error;
        due = sqlite_column_int(after, 0);
        number = sqlite_column_int(after, 1);
        sqlite_reset(after);
    }
    sqlite_bind_text(row, 1, page->client);
    sqlite_bind_int(row, 2, (int64_t)page->max);
    sqlite_bind_int(row, 3, due);
    sqlite_bind_int(row, 4, number);
    return REGISTRY_OK;
}

enum registry_error registry_actions(
    struct registry_reader *reader, const struct registry_page *page,
    void (*each)(void *context, const struct registry_action *action), void *context)
{
    struct registry_action action;
    struct sqlite3_stmt *const *statements = reader->c.statements;
    struct sqlite3_stmt *row = statements[page->all ? R_ACTIONS : R_ACTIONS_OPEN];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (!error)
        error = row_bind_page(row, statements[R_ACTION_AFTER], page);
    if (error)
        return error;
    while (!(error = sqlite_step(row)) && !(error = action_read(&reader->c, row, &action)))
        each(context, &action);
    return row_finish(row, error);
}

enum registry_error registry_actions_waiting(struct registry_reader *reader, uint64_t *open,
                                             uint64_t *escalated)
{
    struct sqlite3_stmt *row = reader->c.statements[R_ACTIONS_WAITING];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (!error)
        error = sqlite_step(row);
    if (!error) {
        *open = (uint64_t)sqlite_column_int(row, 0);
        *escalated = (uint64_t)sqlite_column_int(row, 1);
    }
    sqlite_reset(row);
    return error;
}
