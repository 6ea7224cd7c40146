/* A registry that was restored from a backup takes from the log what it lacks. First the log's
 * records become events, in front of those that the restored registry made itself; then each is
 * applied to what it names, in its order (sqlite_replay.c). */
#include "base/check.h"
#include "protocol/token.h"
#include "registry/sqlite_read.h"
#include "registry/sqlite_replay.h"

/* The registry's own events are out of the way up there, until the log's last number is known. */
#define ASIDE ((int64_t)1 << 48)

const char *const reconcile_texts[W_COUNT] = {
    [W_EVENTS_SHIFT] = "UPDATE event SET number = number + ?2 WHERE number >= ?1",
    [W_ACTIONS_SHIFT] = "UPDATE action SET event = event + ?2 WHERE event >= ?1",
    [W_LISTS_CLOSE] = "UPDATE list SET closed = 1",
    [W_REPLAY_LISTS] = "SELECT coalesce(max(list), -1) FROM event WHERE number BETWEEN ?1 AND ?2",
    [W_REPLAY_TAKEN] = "SELECT p.licence, p.version, p.list, p.place, p.bits FROM event e"
                       " JOIN place p ON p.list = e.list AND p.place = e.place"
                       " WHERE e.number BETWEEN ?1 AND ?2 AND e.kind IN (32, 33) LIMIT 1",
    [W_MOVE_PLACE] = "UPDATE place SET list = ?4, place = ?5 WHERE list = ?2 AND place = ?3"
                     " AND licence = ?1",
    [W_MOVE_LICENCE] = "UPDATE licence SET list = ?4, place = ?5 WHERE licence = ?1 AND list = ?2"
                       " AND place = ?3",
    [W_MOVE_EVENTS] = "UPDATE event SET list = ?4, place = ?5 WHERE licence = ?1 AND list = ?2"
                      " AND place = ?3",
    [W_OWN_STATUSES] = "SELECT licence, detail, max(number) FROM event WHERE number > ?"
                       " AND kind IN (32, 33, 35) AND licence IS NOT NULL GROUP BY licence",
    [W_OWN_ISSUED] = "SELECT l.licence, l.id, l.source_version, l.salt, l.sealed, t.code, i.code"
                     " FROM event e JOIN licence l ON l.licence = e.licence"
                     " JOIN licence_type t ON t.type = l.type JOIN issuer i ON i.issuer = l.issuer"
                     " WHERE e.number > ? AND e.kind = 32",
    /* a status is the last that was said */
    [W_LOST_COUNT] =
        "SELECT count(DISTINCT lost), (SELECT count(*) FROM event h WHERE lost IS NOT NULL"
        "  AND kind = 36 AND NOT EXISTS (SELECT 1 FROM event WHERE lost = h.lost AND kind = 37"
        "   AND number > h.number AND agency = h.agency AND reference = h.reference"
        "   AND detail = h.detail)), (SELECT count(*) FROM (SELECT detail, max(number) FROM event"
        "  WHERE lost IS NOT NULL AND kind IN (32, 33, 35) GROUP BY lost) WHERE detail <> 1)"
        " FROM event WHERE lost IS NOT NULL AND kind = 32",
};
_Static_assert(EVENT_ISSUED == 32 && EVENT_VERSION == 33 && EVENT_STATUS == 35 &&
                   EVENT_HOLD == 36 && EVENT_LIFT == 37,
               "the numbers in the texts");

/* ---- the log's records become events ---- */

static enum registry_error shift_events(struct sqlite_connection *c, int64_t from, int64_t by)
{
    const enum change_statement texts[] = {W_EVENTS_SHIFT, W_ACTIONS_SHIFT};
    enum registry_error error = REGISTRY_OK;
    for (int i = 0; i < 2 && !error; i++) {
        struct sqlite3_stmt *shift = c->statements[texts[i]];
        sqlite_bind_int(shift, 1, from);
        sqlite_bind_int(shift, 2, by);
        error = sqlite_run(shift);
    }
    return error;
}

static bool is_event(const struct registry_replayed *e, uint64_t number)
{
    const struct bytes texts[] = {e->subject, e->client, e->purpose, e->reference, e->agency};
    for (int i = 0; i < 5; i++)
        if (texts[i].len > EVENT_TEXT_BYTES_MAX)
            return false;
    return e->number == number && e->at_us >= 0 &&
           (!e->has_place || (e->list < REGISTRY_LISTS_MAX && e->index < STATUS_LIST_PLACES));
}

static enum registry_error store_event(struct sqlite_connection *c,
                                       const struct registry_replayed *e)
{
    struct sqlite3_stmt *add = c->statements[W_EVENT_ADD];
    const struct bytes null = bytes_of(NULL, 0);
    const struct bytes reference = bytes_of(e->licence_reference, sizeof e->licence_reference);
    sqlite_bind_int(add, 1, (int64_t)e->number);
    sqlite_bind_int(add, 2, e->kind);
    sqlite_bind_int(add, 3, e->at_us);
    sqlite_bind_int(add, 4, e->role);
    sqlite_bind_int(add, 5, (int64_t)e->request_id);
    sqlite_bind_text(add, 6, e->subject);
    sqlite_bind_text(add, 7, e->client);
    sqlite_bind_text(add, 8, e->purpose);
    sqlite_bind_text(add, 9, e->reference);
    sqlite_bind_text(add, 10, e->agency);
    sqlite_bind_int(add, 11, e->fields);
    sqlite_bind_int(add, 12, e->role == TOKEN_ROLE_HOLDER ? e->acting : EVENT_NONE);
    for (int at = 13; at <= 16; at++) /* the licence's row and version are still to be found */
        sqlite_bind_blob(add, at, null);
    if (e->has_place) {
        sqlite_bind_int(add, 15, e->list);
        sqlite_bind_int(add, 16, e->index);
    }
    sqlite_bind_int(add, 17, e->status);
    sqlite_bind_int(add, 18, e->detail);
    sqlite_bind_int(add, 19, !e->ended);
    sqlite_bind_blob(add, 20, e->has_licence ? reference : null);
    return sqlite_run(add);
}

static enum registry_error take_events(struct reconciling *r)
{
    struct registry_replay *replay = r->replay;
    uint64_t own = 0, number = replay->from;
    enum registry_error error = event_last(r->c, &own);
    if (!error && (replay->from < 1 || replay->from > own + 1))
        return change_refuse(r->change, "the log's records begin behind the registry's last");
    if (!error)
        error = shift_events(r->c, (int64_t)replay->from, ASIDE);
    bool failed = false;
    struct registry_replayed event = {0};
    while (!error && replay->next(replay->context, &event, &failed) && !failed) {
        if (!is_event(&event, number))
            return change_refuse(r->change, "the log's records are no registry's, or out of order");
        error = store_event(r->c, &event);
        event = (struct registry_replayed){0};
        number++;
    }
    if (!error && failed)
        return change_refuse(r->change, "the log's records could not be read");
    replay->events = number - replay->from;
    replay->renumbered = own + 1 - replay->from;
    r->last = number - 1;
    return error ? error : shift_events(r->c, ASIDE, (int64_t)replay->events - ASIDE);
}

/* ---- places ---- */

/* What was given out in the lists that there are is not known any more. */
static enum registry_error close_lists(struct reconciling *r)
{
    struct sqlite3_stmt *most = r->c->statements[W_REPLAY_LISTS];
    struct sqlite3_stmt *newest = r->c->statements[W_LIST_NEWEST];
    sqlite_bind_int(most, 1, (int64_t)r->replay->from);
    sqlite_bind_int(most, 2, (int64_t)r->last);
    enum registry_error error = sqlite_step(most);
    int64_t logged = error ? -1 : sqlite_column_int(most, 0);
    sqlite_reset(most);
    if (error)
        return error;
    error = sqlite_step(newest);
    int64_t next = error ? 0 : sqlite_column_int(newest, 0) + 1;
    sqlite_reset(newest);
    if (error == REGISTRY_ERR_NOT_FOUND)
        error = REGISTRY_OK;
    while (!error && next <= logged)
        error = list_add(r->c, r->change, next++);
    return error ? error : sqlite_run(r->c->statements[W_LISTS_CLOSE]);
}

/* The licence goes with its bits from one place to another. */
static enum registry_error move_place(struct reconciling *r, const struct licence_state *from,
                                      int64_t now)
{
    static const enum change_statement texts[] = {W_MOVE_PLACE, W_MOVE_LICENCE, W_MOVE_EVENTS};
    struct licence_state to = *from;
    uint64_t seq;
    enum registry_error error = place_choose(r->c, r->change, &to);
    if (!error && from->bits)
        error = place_set_bits(r->c, from->list, from->place, 0, now, &seq);
    for (int i = 0; i < 3 && !error; i++) {
        struct sqlite3_stmt *move = r->c->statements[texts[i]];
        sqlite_bind_int(move, 1, from->row);
        sqlite_bind_int(move, 2, from->list);
        sqlite_bind_int(move, 3, from->place);
        sqlite_bind_int(move, 4, to.list);
        sqlite_bind_int(move, 5, to.place);
        error = sqlite_run(move);
    }
    return error || !from->bits ? error
                                : place_set_bits(r->c, to.list, to.place, from->bits, now, &seq);
}

/* Places that the restored registry gave out, and the lost one had given to others before. */
static enum registry_error clear_places(struct reconciling *r, int64_t now)
{
    struct sqlite3_stmt *taken = r->c->statements[W_REPLAY_TAKEN];
    enum registry_error error = REGISTRY_OK;
    while (!error) {
        sqlite_bind_int(taken, 1, (int64_t)r->replay->from);
        sqlite_bind_int(taken, 2, (int64_t)r->last);
        error = sqlite_step(taken);
        if (error)
            break;
        struct licence_state l = {.row = sqlite_column_int(taken, 0),
                                  .version = (uint16_t)sqlite_column_int(taken, 1),
                                  .list = (uint16_t)sqlite_column_int(taken, 2),
                                  .place = (uint32_t)sqlite_column_int(taken, 3),
                                  .bits = (uint8_t)sqlite_column_int(taken, 4)};
        sqlite_reset(taken);
        error = move_place(r, &l, now);
    }
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

/* ---- the whole ---- */

/* What issuers said to the restored registry meanwhile. */
static enum registry_error apply_own_statuses(struct reconciling *r, int64_t now)
{
    struct sqlite3_stmt *row = r->c->statements[W_OWN_STATUSES];
    enum licence_status said;
    struct licence_state l;
    uint64_t seq;
    enum registry_error error;
    sqlite_bind_int(row, 1, (int64_t)r->last);
    while (!(error = sqlite_step(row))) {
        error = licence_find_row(r->c, sqlite_column_int(row, 0), &l);
        if (!error && !licence_status_of_code(sqlite_column_int(row, 1), &said))
            error = REGISTRY_ERR_STORAGE;
        if (!error) {
            l.issuer_status = licence_status_stricter(l.issuer_status, said);
            error = licence_settle(r->c, &l, now, &seq);
        }
        if (error)
            break;
    }
    sqlite_reset(row);
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

/* Licences that were lost, and delivered to the restored registry before it was reconciled. */
static enum registry_error return_own_licences(struct reconciling *r, int64_t now)
{
    uint8_t id[REGISTRY_ID_BYTES], reference[REGISTRY_REFERENCE_BYTES];
    struct sqlite3_stmt *row = r->c->statements[W_OWN_ISSUED];
    struct licence_state l;
    enum registry_error error;
    sqlite_bind_int(row, 1, (int64_t)r->last);
    while (!(error = sqlite_step(row))) {
        l.row = sqlite_column_int(row, 0);
        if (!sqlite_column_id(row, 1, id))
            error = REGISTRY_ERR_STORAGE;
        if (!error)
            error = licence_reference_read(r->c, row, id, 3, reference);
        if (!error)
            error = licence_return(r->c, r->change, reference, (uint64_t)sqlite_column_int(row, 2),
                                   &l, now);
        if (error)
            break;
    }
    sqlite_reset(row);
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

static enum registry_error count_lost(struct reconciling *r)
{
    struct sqlite3_stmt *count = r->c->statements[W_LOST_COUNT];
    enum registry_error error = sqlite_step(count);
    if (!error) {
        r->replay->lost_licences = (uint64_t)sqlite_column_int(count, 0);
        r->replay->lost_holds = (uint64_t)sqlite_column_int(count, 1);
        r->replay->lost_statuses = (uint64_t)sqlite_column_int(count, 2);
    }
    sqlite_reset(count);
    return error;
}

static enum registry_error restored_event(struct reconciling *r, int64_t now)
{
    char storage[EVENT_TEXT_BYTES_MAX];
    struct buf counts = BUF_OVER(storage);
    buf_printf(&counts, "events %llu in_doubt %llu lost %llu",
               (unsigned long long)r->replay->events, (unsigned long long)r->replay->in_doubt,
               (unsigned long long)r->replay->lost_licences);
    CHECK(buf_ok(&counts));
    return event_add(r->c, r->change, now,
                     &(struct event_new){.kind = EVENT_RESTORED,
                                         .purpose = BYTES("log"),
                                         .reference = buf_bytes(&counts),
                                         .detail = EVENT_NONE});
}

static enum registry_error replay_events(struct reconciling *r)
{
    enum registry_error error = REGISTRY_OK;
    for (uint64_t number = r->replay->from; !error && number <= r->last; number++)
        error = replay_event(r, number);
    return error;
}

enum registry_error change_reconcile(struct sqlite_connection *c, struct registry_change *change,
                                     int64_t now)
{
    struct registry_replay *replay = change->replay;
    struct reconciling r = {.c = c, .change = change, .replay = replay};
    *replay = (struct registry_replay){
        .from = replay->from, .next = replay->next, .context = replay->context};
    enum registry_error error = take_events(&r);
    if (!error)
        error = close_lists(&r);
    if (!error)
        error = clear_places(&r, now);
    if (!error)
        error = replay_events(&r);
    if (!error)
        error = apply_own_statuses(&r, now);
    if (!error)
        error = return_own_licences(&r, now);
    if (!error)
        error = count_lost(&r);
    if (!error)
        error = deliveries_owe_again(c, replay->from, r.last, now);
    if (!error)
        error = generations_renew(c);
    return error ? error : restored_event(&r, now);
}
