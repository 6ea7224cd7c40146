/* The outbox of webhooks: what is owed to an authority's clients for the events that concern it,
 * what became of each delivery, and where the clients are told. */
#include "registry/issuing.h"
#include "registry/sqlite_change.h"
#include "registry/sqlite_read.h"

#include "base/check.h"

#define KEY_DELIVERY "delivery" /* of the keyed hash that is its id */

/* At ?2 a client c is neither disabled nor is its time over: it is told, if it has a webhook.
 * Clients are many, webhooks few: CROSS keeps SQLite in this order. */
#define CLIENT_OPEN "c.disabled IS NULL AND (c.expires_at = 0 OR c.expires_at > ?2)"
#define CLIENTS_TOLD                                                                               \
    "(SELECT w.client FROM webhook w CROSS JOIN client c USING (client) WHERE " CLIENT_OPEN ")"
const char *const outbox_change_texts[W_COUNT] = {
    /* types are words; none: all */
    [W_DELIVERY_CLIENTS] = "SELECT c.client, c.id FROM licence l"
                           " JOIN issuer i ON i.issuer = l.issuer"
                           " JOIN licence_type t ON t.type = l.type CROSS JOIN webhook w"
                           " JOIN client c ON c.client = w.client AND c.organisation = i.code"
                           " WHERE l.licence = ?1 AND " CLIENT_OPEN " AND (c.types = ''"
                           "   OR instr(' ' || c.types || ' ', ' ' || t.code || ' '))",
    [W_DELIVERY_EVENTS] =
        "SELECT number, at_us, kind, purpose, licence FROM event"
        " WHERE number BETWEEN ? AND ? AND kind IN (36, 37, 39, 40)"
        "  AND licence IS NOT NULL AND (kind <> 40 OR EXISTS (SELECT 1"
        "   FROM objection o WHERE lower(hex(o.id)) = reference)) ORDER BY number",
    [W_DELIVERY_OWE] = "INSERT INTO delivery VALUES (NULL, ?, ?, ?, ?, 0, 0, ?5, ?5, '')"
                       " ON CONFLICT (id) DO NOTHING",
    /* a dead one may yet be done by an attempt that was under way */
    [W_DELIVERY_MARK] = "UPDATE delivery SET state = ?2, attempts = attempts + 1, next_at = ?3,"
                        "  error = ?4 WHERE id = ?1 AND (state = 0 OR state = 2 AND ?2 = 1)",
    /* all when the id is NULL */
    [W_DELIVERY_RETRY] = "UPDATE delivery SET state = 0, made_at = ?2, next_at = ?2"
                         " WHERE state = 2 AND (?1 IS NULL OR id = ?1)"
                         "  AND client IN " CLIENTS_TOLD " RETURNING delivery",
    [W_DELIVERY_GIVE_UP] = "UPDATE delivery SET state = 2, error = 'the client has no webhook'"
                           " WHERE state = 0 AND client = (SELECT client FROM client"
                           "  WHERE id = ?)",
    [W_WEBHOOK_PUT] = "INSERT INTO webhook SELECT client, ?2 FROM client"
                      "  WHERE id = ?1 AND role = 4 AND disabled IS NULL"
                      " ON CONFLICT DO UPDATE SET url = ?2",
    [W_WEBHOOK_END] = "DELETE FROM webhook WHERE client = (SELECT client FROM client WHERE id = ?)",
};
_Static_assert(TOKEN_ROLE_ISSUER == 4 && DELIVERY_WAITING == 0 && DELIVERY_DONE == 1 &&
                   DELIVERY_DEAD == 2,
               "the role and the states in the texts");
_Static_assert(EVENT_HOLD == 36 && EVENT_LIFT == 37 && EVENT_ESCALATED == 39 &&
                   EVENT_OBJECTION == 40,
               "the kinds in W_DELIVERY_EVENTS");

#define DELIVERY_COLUMNS                                                                           \
    "SELECT d.id, d.event, l.id, c.id, w.url, d.state, d.attempts, d.made_at, d.next_at, d.error"  \
    " FROM delivery d JOIN licence l ON l.licence = d.licence"                                     \
    " JOIN client c ON c.client = d.client LEFT JOIN webhook w ON w.client = d.client"
const char *const outbox_texts[R_COUNT] = {
    /* CROSS: of each client the few that it may have, however many wait behind them */
    [R_DELIVERIES_DUE] = DELIVERY_COLUMNS
    " JOIN (SELECT d.delivery, row_number() OVER"
    "   (PARTITION BY d.client ORDER BY d.next_at, d.event) AS turn"
    "  FROM " CLIENTS_TOLD " t CROSS JOIN delivery d WHERE d.delivery IN"
    "   (SELECT f.delivery FROM delivery f"
    "   WHERE f.client = t.client AND f.state = 0 AND f.next_at <= ?2 AND NOT EXISTS"
    "    (SELECT 1 FROM delivery e WHERE e.state = 0 AND e.client = f.client"
    "      AND e.licence = f.licence AND e.event < f.event)"
    "   ORDER BY f.next_at, f.event LIMIT ?1)) r ON r.delivery = d.delivery"
    " ORDER BY r.turn, d.next_at, d.event, d.delivery",
    [R_DELIVERIES] =
        DELIVERY_COLUMNS " WHERE ?1 OR d.state = ?2 ORDER BY d.event, d.delivery LIMIT ?3",
    [R_DELIVERIES_COUNT] = "SELECT (SELECT count(*) FROM delivery WHERE state = 0),"
                           " (SELECT count(*) FROM delivery WHERE state = 2)",
    [R_WEBHOOK] = "SELECT w.url FROM webhook w JOIN client c ON c.client = w.client"
                  " WHERE c.id = ?",
};

const char *delivery_state_text(enum delivery_state state)
{
    static const char *const words[] = {
        [DELIVERY_WAITING] = "waiting",
        [DELIVERY_DONE] = "done",
        [DELIVERY_DEAD] = "dead",
    };
    return words[state];
}

/* ---- owing ---- */

/* Keyed, so that it can't be guessed; of what tells one event from every other, also after a
 * restore, when numbers are given out again. */
static enum registry_error make_id(struct sqlite_connection *c, uint64_t number, int64_t at_us,
                                   struct bytes client, uint8_t id[REGISTRY_ID_BYTES])
{
    char storage[2 * 20 + ACCESS_ID_BYTES_MAX + 3];
    struct buf text = BUF_OVER(storage);
    _Static_assert(SEAL_KEY_BYTES == REGISTRY_ID_BYTES, "the keyed hash is the id");
    buf_printf(&text, "%llu %lld ", (unsigned long long)number, (long long)at_us);
    buf_put(&text, client);
    CHECK(buf_ok(&text));
    return seal_key(&c->seal, KEY_DELIVERY, buf_bytes(&text), id);
}

enum registry_error deliveries_owe(struct sqlite_connection *c, const struct event_new *event,
                                   uint64_t number, int64_t at_us, int64_t now)
{
    uint8_t id[REGISTRY_ID_BYTES];
    struct sqlite3_stmt *client = c->statements[W_DELIVERY_CLIENTS];
    struct sqlite3_stmt *owe = c->statements[W_DELIVERY_OWE];
    enum registry_error error;
    /* what the authority itself says of an objection it knows */
    if (event->kind == EVENT_OBJECTION &&
        !bytes_equal(event->purpose, bytes_str(objection_state_text(OBJECTION_STATE_RECEIVED))))
        return REGISTRY_OK;
    sqlite_bind_int(client, 1, event->licence->row);
    sqlite_bind_int(client, 2, now);
    while (!(error = sqlite_step(client))) {
        error = make_id(c, number, at_us, sqlite_column_bytes(client, 1), id);
        if (error)
            break;
        sqlite_bind_blob(owe, 1, bytes_of(id, sizeof id));
        sqlite_bind_int(owe, 2, (int64_t)number);
        sqlite_bind_int(owe, 3, event->licence->row);
        sqlite_bind_int(owe, 4, sqlite_column_int(client, 0));
        sqlite_bind_int(owe, 5, now);
        error = sqlite_run(owe);
        if (error)
            break;
    }
    sqlite_reset(client);
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

enum registry_error deliveries_owe_again(struct sqlite_connection *c, uint64_t from, uint64_t last,
                                         int64_t now)
{
    struct sqlite3_stmt *row = c->statements[W_DELIVERY_EVENTS];
    enum registry_error error;
    sqlite_bind_int(row, 1, (int64_t)from);
    sqlite_bind_int(row, 2, (int64_t)last);
    while (!(error = sqlite_step(row))) {
        struct licence_state l = {.row = sqlite_column_int(row, 4)};
        struct event_new event = {.kind = (enum registry_event_kind)sqlite_column_int(row, 2),
                                  .licence = &l,
                                  .purpose = sqlite_column_bytes(row, 3)};
        error = deliveries_owe(c, &event, (uint64_t)sqlite_column_int(row, 0),
                               sqlite_column_int(row, 1), now);
        if (error)
            break;
    }
    sqlite_reset(row);
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

enum registry_error deliveries_give_up(struct sqlite_connection *c, struct bytes client)
{
    struct sqlite3_stmt *give_up = c->statements[W_DELIVERY_GIVE_UP];
    sqlite_bind_text(give_up, 1, client);
    return sqlite_run(give_up);
}

/* ---- what became of it ---- */

static enum registry_error mark(struct sqlite_connection *c, const struct registry_change *change)
{
    struct bytes error_text = change->text;
    struct sqlite3_stmt *set = c->statements[W_DELIVERY_MARK];
    CHECK(change->delivery_state <= DELIVERY_DEAD);
    if (error_text.len > DELIVERY_ERROR_BYTES_MAX)
        error_text.len = DELIVERY_ERROR_BYTES_MAX;
    sqlite_bind_blob(set, 1, bytes_of(change->id, sizeof change->id));
    sqlite_bind_int(set, 2, change->delivery_state);
    sqlite_bind_int(set, 3, change->until);
    sqlite_bind_text(set, 4, error_text.len ? error_text : BYTES(""));
    enum registry_error error = sqlite_run(set);
    return !error && !sqlite_changed(c) ? REGISTRY_ERR_NOT_FOUND : error;
}

static enum registry_error retry(struct sqlite_connection *c, struct registry_change *change,
                                 int64_t now)
{
    static const uint8_t every[REGISTRY_ID_BYTES];
    struct sqlite3_stmt *row = c->statements[W_DELIVERY_RETRY];
    bool all = memcmp(change->id, every, sizeof every) == 0;
    enum registry_error error;
    change->seq = 0;
    sqlite_bind_blob(row, 1, bytes_of(all ? NULL : change->id, sizeof change->id));
    sqlite_bind_int(row, 2, now);
    while (!(error = sqlite_step(row)))
        change->seq++;
    if (error != REGISTRY_ERR_NOT_FOUND)
        return error;
    return change->seq || all ? REGISTRY_OK : REGISTRY_ERR_NOT_FOUND;
}

/* ---- webhooks ---- */

/* https, a host, and nothing that is kept from logs (a user) or never sent (a fragment). */
static bool is_webhook(struct bytes url)
{
    struct bytes scheme = BYTES("https://");
    if (url.len > WEBHOOK_URL_BYTES_MAX || !bytes_start_with(url, scheme) ||
        url.len == scheme.len || url.data[scheme.len] == '/')
        return false;
    for (size_t i = 0; i < url.len; i++)
        if (url.data[i] <= ' ' || url.data[i] > '~' || memchr("@#\\\"<>", url.data[i], 6))
            return false;
    return true;
}

static enum registry_error end_webhook(struct sqlite_connection *c, struct bytes client)
{
    struct sqlite3_stmt *end = c->statements[W_WEBHOOK_END];
    sqlite_bind_text(end, 1, client);
    enum registry_error error = sqlite_run(end);
    if (!error && !sqlite_changed(c))
        return REGISTRY_ERR_NOT_FOUND;
    return error ? error : deliveries_give_up(c, client);
}

static enum registry_error put_webhook(struct sqlite_connection *c, struct registry_change *change)
{
    struct sqlite3_stmt *put = c->statements[W_WEBHOOK_PUT];
    if (!is_webhook(change->url))
        return change_refuse(change, "a webhook is an https:// address of at most 512 characters,"
                                     " without user and fragment");
    sqlite_bind_text(put, 1, change->text);
    sqlite_bind_text(put, 2, change->url);
    enum registry_error error = sqlite_run(put);
    return !error && !sqlite_changed(c) ? REGISTRY_ERR_NOT_FOUND : error;
}

static enum registry_error change_webhook(struct sqlite_connection *c,
                                          struct registry_change *change, int64_t now)
{
    enum registry_error error =
        change->url.len ? put_webhook(c, change) : end_webhook(c, change->text);
    return error ? error
                 : event_add(c, change, now,
                             &(struct event_new){.kind = EVENT_ACCESS,
                                                 .purpose = BYTES("webhook"),
                                                 .reference = change->text,
                                                 .detail = EVENT_NONE});
}

enum registry_error change_delivery(struct sqlite_connection *c, struct registry_change *change,
                                    int64_t now)
{
    switch (change->kind) {
    case CHANGE_DELIVERY:
        return mark(c, change);
    case CHANGE_DELIVERY_RETRY:
        return retry(c, change, now);
    default:
        return change_webhook(c, change, now);
    }
}

/* ---- reading ---- */

static enum registry_error read_delivery(struct sqlite3_stmt *row, struct registry_delivery *d)
{
    *d = (struct registry_delivery){
        .event = (uint64_t)sqlite_column_int(row, 1),
        .state = (enum delivery_state)sqlite_column_int(row, 5),
        .attempts = (unsigned)sqlite_column_int(row, 6),
        .made_at = sqlite_column_int(row, 7),
        .next_at = sqlite_column_int(row, 8),
    };
    return sqlite_column_id(row, 0, d->id) && sqlite_column_id(row, 2, d->licence) &&
                   row_copy_text(row, 3, d->client, sizeof d->client) &&
                   row_copy_text(row, 4, d->url, sizeof d->url) &&
                   row_copy_text(row, 9, d->error, sizeof d->error)
               ? REGISTRY_OK
               : REGISTRY_ERR_STORAGE;
}

static enum registry_error give(struct sqlite3_stmt *row,
                                void (*each)(void *context,
                                             const struct registry_delivery *delivery),
                                void *context)
{
    struct registry_delivery delivery;
    enum registry_error error;
    while (!(error = sqlite_step(row)) && !(error = read_delivery(row, &delivery)))
        each(context, &delivery);
    return row_finish(row, error);
}

enum registry_error registry_deliveries_due(
    struct registry_reader *reader, int64_t now, size_t client_max,
    void (*each)(void *context, const struct registry_delivery *delivery), void *context)
{
    struct sqlite3_stmt *row = reader->c.statements[R_DELIVERIES_DUE];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_int(row, 1, (int64_t)client_max);
    sqlite_bind_int(row, 2, now);
    return give(row, each, context);
}

enum registry_error registry_deliveries(
    struct registry_reader *reader, bool all, enum delivery_state state, size_t max,
    void (*each)(void *context, const struct registry_delivery *delivery), void *context)
{
    struct sqlite3_stmt *row = reader->c.statements[R_DELIVERIES];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_int(row, 1, all);
    sqlite_bind_int(row, 2, state);
    sqlite_bind_int(row, 3, (int64_t)max);
    return give(row, each, context);
}

enum registry_error registry_deliveries_count(struct registry_reader *reader, uint64_t *waiting,
                                              uint64_t *dead)
{
    struct sqlite3_stmt *row = reader->c.statements[R_DELIVERIES_COUNT];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (!error)
        error = sqlite_step(row);
    if (!error) {
        *waiting = (uint64_t)sqlite_column_int(row, 0);
        *dead = (uint64_t)sqlite_column_int(row, 1);
    }
    sqlite_reset(row);
    return error;
}

enum registry_error registry_webhook(struct registry_reader *reader, struct bytes client,
                                     char url[WEBHOOK_URL_BYTES_MAX + 1])
{
    struct sqlite3_stmt *row = reader->c.statements[R_WEBHOOK];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_text(row, 1, client);
    error = sqlite_step(row);
    if (!error && !row_copy_text(row, 0, url, WEBHOOK_URL_BYTES_MAX + 1))
        error = REGISTRY_ERR_STORAGE;
    sqlite_reset(row);
    return error;
}
