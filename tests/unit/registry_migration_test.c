/* A registry of an older version, opened by this one. */
#include <sqlite3.h>
#include <stdlib.h>

#include "base/clock.h"
#include "registry/event.h"
#include "registry/sqlite.h"
#include "tests/registry_access.h"

/* What an older program left behind: the statements of a file, run in turn. */
static void restore(const char *file)
{
    static char text[65536];
    FILE *in = fopen(file, "rb");
    sqlite3 *db;
    assert_non_null(in);
    size_t len = fread(text, 1, sizeof text - 1, in);
    assert_true(len > 0 && feof(in));
    fclose(in);
    text[len] = '\0';
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int set_up_older(void **state)
{
    (void)state;
    path = check_strdup(path_in(temp_folder(), "registry.db"));
    restore("tests/unit/registry_v1.sql");
    registry = fixture_open(path);
    reader = fixture_reader(registry);
    return 0;
}

/* A number that the file has, read past the registry. */
static int64_t ask(const char *query)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return value;
}

static void test_version_1(void **state)
{
    /* If this fails, an upgrade loses licences, holds, or who may act for whom. */
    (void)state;
    int64_t now = clock_wall_s();
    assert_bytes(find(3)->holder_name, "虚构者000003");
    assert_int_equal(find(1)->status, LICENCE_STATUS_SEIZED);
    assert_int_equal(fixture_check_lists(reader), 2);
    const struct registry_licence *licence = find_enterprise(1);
    assert_int_equal(may_act(1, licence, now), NOBODY); /* was representative, was agent */
    assert_int_equal(may_act(2, licence, now), ACTING_REPRESENTATIVE);
    assert_int_equal(may_act(3, licence, now), ACTING_AGENT);
    /* the two that are open are for the one issuer's licences now */
    assert_int_equal(ask("SELECT count(*) FROM mandate"), 6);
    assert_int_equal(ask("SELECT count(*) FROM mandate WHERE ended IS NOT NULL"), 4);
    assert_int_equal(ask("SELECT count(*) FROM mandate WHERE ended IS NULL AND issuer = 0"), 2);
    assert_int_equal(ask("SELECT count(DISTINCT id) FROM mandate WHERE length(id) = 16"), 6);

    assert_int_equal(ask("SELECT count(*) - count(DISTINCT salt) FROM licence"), 0);
    assert_int_equal(ask("SELECT count(*) FROM licence WHERE length(salt) <> 32 OR in_doubt"), 0);
    assert_int_equal(ask("SELECT count(*) FROM event"), 0); /* what was before is not told */
    assert_int_equal(hold(CHANGE_HOLD_PLACE, 1, HOLD_WITHDRAWN, "A", "1"), REGISTRY_OK);
    assert_int_equal(find(1)->status, LICENCE_STATUS_WITHDRAWN);

    struct registry_change end = {.kind = CHANGE_AGENT_END};
    enterprise_id(1, end.holder);
    person_id(3, end.agent);
    commit(end, REGISTRY_OK);
    assert_int_equal(may_act(3, licence, now), NOBODY);
    commit(entrust(1, 2, 0), REGISTRY_OK);
    fixture_import_many(registry, 4, 1);
}

static void test_same_as_new(void **state)
{
    /* If this fails, an upgraded registry is not what a new one is. */
    (void)state;
    const char *older = path, *newer = path_in(temp_folder(), "new.db");
    static const char *const texts = "SELECT sum(length(sql)) FROM sqlite_schema";
    struct registry *another = fixture_open(newer);
    registry_close(&another);
    int64_t upgraded = ask(texts);
    int64_t tables = ask("SELECT count(*) FROM sqlite_schema");
    path = newer;
    assert_int_equal(ask(texts), upgraded);
    assert_int_equal(ask("SELECT count(*) FROM sqlite_schema"), tables);
    path = older;
}

/* Version 3, of the file that the registry has now. */
static void go_back_to_3(void)
{
    registry_reader_destroy(&reader);
    registry_close(&registry);
    tamper("DROP INDEX objection_open; DROP TABLE offline_scan; ALTER TABLE key_check DROP COLUMN "
           "cipher;"
           "DROP INDEX mandate_open; ALTER TABLE mandate DROP COLUMN issuer;"
           "CREATE UNIQUE INDEX mandate_open ON mandate (agent, giver, kind, coalesce(licence, 0))"
           " WHERE ended IS NULL;"
           "DROP INDEX event_lost; ALTER TABLE event DROP COLUMN lost;"
           "DELETE FROM schema_version WHERE version > 3;");
}

static void test_version_3(void **state)
{
    /* If this fails, a terminal can't deliver what it scanned to a registry that was upgraded, or
     * the upgrade loses clients or events. */
    (void)state;
    fixture_import_many(registry, 0, 2);
    add_client("terminal-1", TOKEN_ROLE_INSPECTOR);
    int64_t events = ask("SELECT count(*) FROM event");
    go_back_to_3();
    registry = fixture_open(path);
    reader = fixture_reader(registry);
    assert_int_equal(ask("SELECT max(version) FROM schema_version"), sqlite_schema_version);
    assert_int_equal(ask("SELECT count(*) FROM event"), events);
    struct registry_scan scan = {.id = {1}, .at = FIXTURE_NOW};
    struct registry_change change = {.kind = CHANGE_SCANS,
                                     .actor = {.client = BYTES("terminal-1")},
                                     .agency = BYTES("A"),
                                     .scans = &scan,
                                     .scan_count = 1};
    commit(change, REGISTRY_OK);
    assert_int_equal(ask("SELECT count(*) FROM offline_scan"), 1);
}

#define OLDER(name) cmocka_unit_test_setup_teardown(name, set_up_older, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OLDER(test_version_1),
        OLDER(test_same_as_new),
        cmocka_unit_test_setup_teardown(test_version_3, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
