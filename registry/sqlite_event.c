/* Events: written by the transaction of the change that they tell of, read in order of their
 * numbers, or those of one licence. */
#include "base/check.h"
#include "base/clock.h"
#include "protocol/token.h"
#include "registry/issuing.h"
#include "registry/sqlite_change.h"
#include "registry/sqlite_read.h"

const char *const event_change_texts[W_COUNT] = {
    [W_EVENT_LAST] = "SELECT coalesce(max(number), 0) FROM event",
    [W_EVENT_ADD] = "INSERT INTO event VALUES"
                    " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
};

#define EVENT_COLUMNS                                                                              \
    "SELECT e.number, e.kind, e.at_us, e.role, e.request_id, e.subject, e.client, e.purpose,"      \
    " e.reference, e.agency, e.fields, e.acting, e.version, e.list, e.place, e.status, e.detail,"  \
    " e.result, l.id, l.type, l.issuer, l.salt, l.sealed, t.code, i.code"                          \
    " FROM event e LEFT JOIN licence l ON l.licence = e.licence"                                   \
    " LEFT JOIN licence_type t ON t.type = l.type LEFT JOIN issuer i ON i.issuer = l.issuer"

const char *const event_texts[R_COUNT] = {
    [R_EVENTS] = EVENT_COLUMNS " WHERE e.number > ? ORDER BY e.number LIMIT ?",
    [R_EVENTS_OF] = EVENT_COLUMNS " WHERE e.licence = (SELECT licence FROM licence WHERE id = ?)"
                                  " ORDER BY e.number LIMIT ?",
    [R_EVENT] = EVENT_COLUMNS " WHERE e.number = ?",
    [R_PLACE_SCANS] = EVENT_COLUMNS
    " WHERE e.licence = (SELECT licence FROM place WHERE list = ?1 AND place = ?2)"
    "  AND e.list = ?1 AND e.place = ?2 AND e.kind = 47 AND e.at_us >= ?3 AND e.at_us < ?4"
    " ORDER BY e.number DESC LIMIT ?5",
    [R_EVENT_LAST] = "SELECT coalesce(max(number), 0) FROM event",
    [R_LICENCE_PLACES] =
        "WITH one AS (SELECT * FROM licence WHERE id = ?)"
        " SELECT p.list, p.version, p.place, p.superseded_at, h.id FROM one"
        "  JOIN place p ON p.licence = one.licence AND p.superseded_at IS NOT NULL"
        "  LEFT JOIN holder h ON h.holder = p.holder"
        " UNION ALL SELECT list, version, place, 0, h.id FROM one"
        "  LEFT JOIN holder h ON h.holder = one.holder AND NOT one.in_doubt ORDER BY 2",
};

_Static_assert(EVENT_OFFLINE_SCAN == 47, "the kind in R_PLACE_SCANS");

/* ---- writing ---- */

enum registry_error event_last(struct sqlite_connection *c, uint64_t *number)
{
    struct sqlite3_stmt *last = c->statements[W_EVENT_LAST];
    enum registry_error error = sqlite_step(last);
    if (!error)
        *number = (uint64_t)sqlite_column_int(last, 0);
    sqlite_reset(last);
    return error;
}

/* A text of the event's own, or the actor's. */
static void bind_text(struct sqlite3_stmt *add, int at, struct bytes own, struct bytes actors)
{
    struct bytes text = own.data ? own : actors;
    CHECK(text.len <= EVENT_TEXT_BYTES_MAX);
    sqlite_bind_text(add, at, text);
}

static void bind_licence(struct sqlite3_stmt *add, const struct licence_state *l)
{
    const int64_t columns[] = {l ? l->row : 0, l ? l->version : 0, l ? l->list : 0,
                               l ? l->place : 0};
    for (int i = 0; i < 4; i++) {
        if (l)
            sqlite_bind_int(add, 13 + i, columns[i]);
        else
            sqlite_bind_blob(add, 13 + i, bytes_of(NULL, 0));
    }
    sqlite_bind_int(add, 17, l ? licence_status_code(l->status) : EVENT_NONE);
}

static bool is_owed(enum registry_event_kind kind)
{
    return kind == EVENT_HOLD || kind == EVENT_LIFT || kind == EVENT_ESCALATED ||
           kind == EVENT_OBJECTION;
}

enum registry_error event_add(struct sqlite_connection *c, struct registry_change *change,
                              int64_t now, const struct event_new *event)
{
    const struct registry_actor *actor = &change->actor;
    struct sqlite3_stmt *add = c->statements[W_EVENT_ADD];
    uint64_t number = change->event; /* its own were the last: nobody else writes meanwhile */
    enum registry_error error = number ? REGISTRY_OK : event_last(c, &number);
    if (error)
        return error;
    int64_t at_us = change->now ? now * 1000000 : clock_wall_us();
    change->event = ++number;
    sqlite_bind_int(add, 1, (int64_t)number);
    sqlite_bind_int(add, 2, event->kind);
    sqlite_bind_int(add, 3, at_us);
    sqlite_bind_int(add, 4, actor->role);
    sqlite_bind_int(add, 5, (int64_t)actor->request_id);
    bind_text(add, 6, event->subject, actor->subject);
    bind_text(add, 7, bytes_of(NULL, 0), actor->client);
    bind_text(add, 8, event->purpose, actor->purpose);
    bind_text(add, 9, event->reference, actor->reference);
    bind_text(add, 10, event->agency, bytes_of(NULL, 0));
    sqlite_bind_int(add, 11, event->fields);
    sqlite_bind_int(add, 12, actor->role == TOKEN_ROLE_HOLDER ? actor->acting : EVENT_NONE);
    bind_licence(add, event->licence);
    sqlite_bind_int(add, 18, event->detail);
    sqlite_bind_int(add, 19, !event->ended);
    sqlite_bind_blob(add, 20, bytes_of(NULL, 0));
    error = sqlite_run(add);
    return error || !is_owed(event->kind)
               ? error
               : deliveries_owe(c, event, number, at_us, at_us / 1000000);
}

enum registry_error event_add_id(struct sqlite_connection *c, struct registry_change *change,
                                 int64_t now, const struct event_new *event,
                                 const uint8_t id[REGISTRY_ID_BYTES])
{
    char storage[2 * REGISTRY_ID_BYTES];
    struct buf hex = BUF_OVER(storage);
    struct event_new named = *event;
    buf_put_hex(&hex, bytes_of(id, REGISTRY_ID_BYTES));
    named.reference = buf_bytes(&hex);
    return event_add(c, change, now, &named);
}

/* ---- reading ---- */

static enum registry_error read_licence(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                        struct registry_event *event)
{
    event->has_licence = sqlite_column_id(row, 18, event->licence);
    if (!event->has_licence)
        return REGISTRY_OK;
    event->type = (uint16_t)sqlite_column_int(row, 19);
    event->issuer = (uint16_t)sqlite_column_int(row, 20);
    return licence_reference_read(c, row, event->licence, 21, event->licence_reference);
}

static enum registry_error read_event(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                      struct registry_event *event)
{
    *event = (struct registry_event){
        .number = (uint64_t)sqlite_column_int(row, 0),
        .kind = (enum registry_event_kind)sqlite_column_int(row, 1),
        .at_us = sqlite_column_int(row, 2),
        .role = (unsigned)sqlite_column_int(row, 3),
        .request_id = (uint64_t)sqlite_column_int(row, 4),
        .subject = sqlite_column_bytes(row, 5),
        .client = sqlite_column_bytes(row, 6),
        .purpose = sqlite_column_bytes(row, 7),
        .reference = sqlite_column_bytes(row, 8),
        .agency = sqlite_column_bytes(row, 9),
        .fields = (uint32_t)sqlite_column_int(row, 10),
        .acting = (uint8_t)sqlite_column_int(row, 11),
        .version = (uint16_t)sqlite_column_int(row, 12),
        .list = (uint16_t)sqlite_column_int(row, 13),
        .index = (uint32_t)sqlite_column_int(row, 14),
        .status = (uint8_t)sqlite_column_int(row, 15),
        .detail = (uint8_t)sqlite_column_int(row, 16),
        .result = sqlite_column_int(row, 17) != 0,
    };
    return read_licence(c, row, event);
}

/* Gives at most `max` of the rows, and says whether there are others. */
static enum registry_error give(struct sqlite_connection *c, struct sqlite3_stmt *row, size_t max,
                                void (*each)(void *context, const struct registry_event *event),
                                void *context, bool *more)
{
    struct registry_event event;
    enum registry_error error = REGISTRY_OK;
    size_t count = 0;
    *more = false;
    while (!*more && !(error = sqlite_step(row))) {
        *more = count++ == max;
        if (*more)
            break;
        error = read_event(c, row, &event);
        if (error)
            break;
        each(context, &event);
    }
    sqlite_reset(row);
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

static int64_t as_int(uint64_t number)
{
    return number > INT64_MAX ? INT64_MAX : (int64_t)number;
}

enum registry_error registry_events(struct registry_reader *reader, uint64_t after, size_t max,
                                    void (*each)(void *context, const struct registry_event *event),
                                    void *context)
{
    struct sqlite3_stmt *row = reader->c.statements[R_EVENTS];
    enum registry_error error = sqlite_in_place(&reader->c);
    bool more;
    if (error)
        return error;
    sqlite_bind_int(row, 1, as_int(after));
    sqlite_bind_int(row, 2, as_int(max));
    return give(&reader->c, row, max, each, context, &more);
}

enum registry_error registry_licence_events(
    struct registry_reader *reader, const uint8_t licence[REGISTRY_ID_BYTES], size_t max,
    void (*each)(void *context, const struct registry_event *event), void *context, bool *more)
{
    struct sqlite3_stmt *row = reader->c.statements[R_EVENTS_OF];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_blob(row, 1, bytes_of(licence, REGISTRY_ID_BYTES));
    sqlite_bind_int(row, 2, as_int((uint64_t)max + 1));
    return give(&reader->c, row, max, each, context, more);
}

enum registry_error registry_place_scans(
    struct registry_reader *reader, uint16_t list, uint32_t index, int64_t since_us,
    int64_t before_us, size_t max, void (*each)(void *context, const struct registry_event *event),
    void *context, bool *more)
{
    struct sqlite3_stmt *row = reader->c.statements[R_PLACE_SCANS];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_int(row, 1, list);
    sqlite_bind_int(row, 2, index);
    sqlite_bind_int(row, 3, since_us);
    sqlite_bind_int(row, 4, before_us ? before_us : INT64_MAX);
    sqlite_bind_int(row, 5, as_int((uint64_t)max + 1));
    return give(&reader->c, row, max, each, context, more);
}

enum registry_error registry_event_of(struct registry_reader *reader, uint64_t number,
                                      void (*each)(void *context,
                                                   const struct registry_event *event),
                                      void *context)
{
    struct registry_event event;
    struct sqlite3_stmt *row = reader->c.statements[R_EVENT];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_int(row, 1, as_int(number));
    error = sqlite_step(row);
    if (!error)
        error = read_event(&reader->c, row, &event);
    if (!error)
        each(context, &event);
    sqlite_reset(row);
    return error;
}

enum registry_error registry_last_event(struct registry_reader *reader, uint64_t *number)
{
    struct sqlite3_stmt *row = reader->c.statements[R_EVENT_LAST];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (!error)
        error = sqlite_step(row);
    if (!error)
        *number = (uint64_t)sqlite_column_int(row, 0);
    sqlite_reset(row);
    return error;
}

enum registry_error registry_licence_places(struct registry_reader *reader,
                                            const uint8_t licence[REGISTRY_ID_BYTES],
                                            struct registry_version_place *places, size_t *count)
{
    struct sqlite3_stmt *row = reader->c.statements[R_LICENCE_PLACES];
    enum registry_error error = sqlite_in_place(&reader->c);
    size_t room = *count;
    *count = 0;
    if (error)
        return error;
    sqlite_bind_blob(row, 1, bytes_of(licence, REGISTRY_ID_BYTES));
    for (; !(error = sqlite_step(row)); *count += 1) {
        if (*count >= room)
            continue;
        places[*count] = (struct registry_version_place){
            .list = (uint16_t)sqlite_column_int(row, 0),
            .version = (uint16_t)sqlite_column_int(row, 1),
            .index = (uint32_t)sqlite_column_int(row, 2),
            .until = sqlite_column_int(row, 3), /* 0 when NULL */
        };
        /* all zeros when nobody knows whose it was */
        (void)sqlite_column_id(row, 4, places[*count].holder);
    }
    sqlite_reset(row);
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}
