/* A registry that is backed up, lost and restored, and the events that its log has. */
#ifndef TESTS_REGISTRY_RESTORE_H
#define TESTS_REGISTRY_RESTORE_H

#include "tests/registry_events.h"

enum { RESTORE_LICENCES_MAX = 160, RESTORE_HOLDS_BYTES = 400 };

/* ---- what a registry has, read past it ---- */

struct state {
    char id[2 * REGISTRY_ID_BYTES + 1], holds[RESTORE_HOLDS_BYTES];
    int issuer_status, status, version, in_doubt;
    uint16_t list;
    uint32_t index;
};
struct states {
    int count;
    struct state licences[RESTORE_LICENCES_MAX];
};

static inline const char *text_of(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text ? text : "";
}

static inline void read_states(struct states *states)
{
    static const char *const query =
        "SELECT hex(id), issuer_status, status, version, in_doubt, list, place, (SELECT"
        "  group_concat(kind || agency || case_number || ' ', '') FROM (SELECT * FROM hold h"
        "   WHERE h.licence = l.licence AND lifted IS NULL ORDER BY agency, case_number, kind))"
        " FROM licence l ORDER BY licence";
    sqlite3 *db;
    sqlite3_stmt *row;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &row, NULL), SQLITE_OK);
    for (states->count = 0; sqlite3_step(row) == SQLITE_ROW; states->count++) {
        struct state *s = &states->licences[states->count];
        snprintf(s->id, sizeof s->id, "%s", text_of(row, 0));
        s->issuer_status = sqlite3_column_int(row, 1);
        s->status = sqlite3_column_int(row, 2);
        s->version = sqlite3_column_int(row, 3);
        s->in_doubt = sqlite3_column_int(row, 4);
        s->list = (uint16_t)sqlite3_column_int(row, 5);
        s->index = (uint32_t)sqlite3_column_int(row, 6);
        snprintf(s->holds, sizeof s->holds, "%s", text_of(row, 7));
    }
    sqlite3_finalize(row);
    sqlite3_close(db);
}

static inline int64_t ask(const char *query)
{
    sqlite3 *db;
    sqlite3_stmt *row;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    int64_t answer = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    sqlite3_close(db);
    return answer;
}

/* ---- what is delivered to it ---- */

static struct life {
    int64_t now;
    int licences; /* numbered from 0 */
    struct fixture_texts texts[RESTORE_LICENCES_MAX];
    struct registry_record records[RESTORE_LICENCES_MAX]; /* as delivered last */
} life;

static inline void deliver(int n)
{
    struct registry_change change = {.kind = CHANGE_IMPORT,
                                     .records = &life.records[n],
                                     .outcomes = &(enum registry_outcome){0},
                                     .record_count = 1,
                                     .source = BYTES("test"),
                                     .now = life.now};
    assert_int_equal(registry_commit(registry, &change), REGISTRY_OK);
}

static inline void deliver_new(void)
{
    int n = life.licences++;
    life.records[n] = fixture_record(n, &life.texts[n]);
    deliver(n);
}

/* ---- backup and restore ---- */

static char *backup;
static uint64_t backup_last; /* its last event */
static struct states backup_states, lost_states;
static struct seen log_events; /* all of the lost registry's */

static inline void back_up(void)
{
    char statement[512];
    free(backup);
    backup = check_strdup(path_in(temp_folder(), "backup.db"));
    (void)remove(backup);
    snprintf(statement, sizeof statement, "VACUUM INTO '%s'", backup);
    tamper(statement);
    read_states(&backup_states);
    backup_last = last_event();
}

/* The registry is lost but for its backup and its events. */
static inline void restore(void)
{
    see_events(0, &log_events);
    read_states(&lost_states);
    registry_reader_destroy(&reader);
    registry_close(&registry);
    free((void *)path);
    path = backup;
    backup = NULL;
    registry = fixture_open(path);
    reader = fixture_reader(registry);
}

/* ---- the log ---- */

static uint64_t next_number, fails_at;

static inline bool next_event(void *context, struct registry_replayed *event, bool *failed)
{
    struct seen *log = context;
    if (next_number == fails_at) {
        *failed = true;
        return false;
    }
    if (next_number > log->count)
        return false;
    const struct registry_event *e = &log->events[next_number++ - 1].event;
    *event = (struct registry_replayed){.number = e->number,
                                        .kind = e->kind,
                                        .at_us = e->at_us,
                                        .has_place = e->has_licence,
                                        .list = e->list,
                                        .index = e->index,
                                        .has_licence = e->has_licence,
                                        .status = e->status,
                                        .detail = e->detail,
                                        .subject = e->subject,
                                        .client = e->client,
                                        .purpose = e->purpose,
                                        .reference = e->reference,
                                        .agency = e->agency,
                                        .role = e->role,
                                        .request_id = e->request_id,
                                        .fields = e->fields,
                                        .acting = e->acting,
                                        .ended = !e->result};
    memcpy(event->licence_reference, e->licence_reference, REGISTRY_REFERENCE_BYTES);
    return true;
}

static struct registry_replay replay;

static inline struct registry_change reconcile(enum registry_error expected)
{
    replay = (struct registry_replay){
        .from = backup_last + 1, .next = next_event, .context = &log_events};
    next_number = backup_last + 1;
    return commit((struct registry_change){.kind = CHANGE_RECONCILE,
                                           .replay = &replay,
                                           .now = FIXTURE_NOW + 1000000},
                  expected);
}

/* The registry's events are the log's as far as these go. */
static inline void compare_events(void)
{
    static struct seen now;
    see_events(0, &now);
    assert_true(now.count > log_events.count);
    for (size_t i = 0; i < log_events.count; i++) {
        const struct registry_event *a = &log_events.events[i].event, *b = &now.events[i].event;
        assert_int_equal(a->kind, b->kind);
        assert_int_equal(a->at_us, b->at_us);
        assert_int_equal(a->status, b->status);
        assert_int_equal(a->detail, b->detail);
        assert_int_equal(a->result, b->result);
        assert_true(bytes_equal(a->purpose, b->purpose) && bytes_equal(a->reference, b->reference));
        assert_true(bytes_equal(a->agency, b->agency) && bytes_equal(a->client, b->client));
        if (!b->has_licence)
            continue;
        assert_memory_equal(a->licence, b->licence, REGISTRY_ID_BYTES);
        assert_memory_equal(a->licence_reference, b->licence_reference, REGISTRY_REFERENCE_BYTES);
        assert_int_equal(a->list, b->list);
        assert_int_equal(a->index, b->index);
        assert_int_equal(a->version, b->version);
    }
    assert_int_equal(now.events[now.count - 1].event.kind, EVENT_RESTORED);
}

static inline int clean(void **state)
{
    free(backup);
    backup = NULL;
    return tear_down(state);
}

#define RESTORE(name) cmocka_unit_test_setup_teardown(name, set_up, clean)

#endif
