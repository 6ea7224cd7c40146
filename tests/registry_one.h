/* What most tests of the registry stand on: one registry and one reader, made anew for each. */
#ifndef TESTS_REGISTRY_ONE_H
#define TESTS_REGISTRY_ONE_H

#include <sqlite3.h>
#include <stdlib.h>

#include "tests/registry_fixture.h"

static struct registry *registry;
static struct registry_reader *reader;
static const char *path;

static inline int set_up(void **state)
{
    (void)state;
    path = check_strdup(path_in(temp_folder(), "registry.db"));
    registry = fixture_open(path);
    reader = fixture_reader(registry);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    registry_reader_destroy(&reader);
    registry_close(&registry);
    free((void *)path);
    return 0;
}

/* Something done to the file behind the registry's back. */
static inline void tamper(const char *statement)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static inline struct registry_licence *find(int n)
{
    static struct registry_query query;
    return fixture_find(reader, n, &query);
}

static inline enum registry_error find_place(uint16_t list, uint32_t index,
                                             struct registry_query *query)
{
    *query = (struct registry_query){.by = REGISTRY_BY_PLACE, .list = list, .index = index};
    assert_int_equal(registry_find(reader, query), REGISTRY_NOW);
    return query->error;
}

static inline uint8_t bits_at(uint16_t list, uint32_t index)
{
    static uint8_t array[STATUS_LIST_BYTES];
    struct registry_list position;
    assert_int_equal(registry_list_array(reader, list, array, &position), REGISTRY_OK);
    return status_list_get(array, index);
}

static inline uint64_t list_seq(void)
{
    struct registry_list list;
    size_t count = 1;
    assert_int_equal(registry_lists(reader, &list, &count), REGISTRY_OK);
    return count ? list.seq : 0;
}

/* Commits and reads the answer of a hold or a status. */
static inline enum registry_error hold(enum registry_change_kind kind, int n, enum hold_kind what,
                                       const char *agency, const char *case_number)
{
    struct registry_change change = fixture_hold(kind, find(n)->id, what, agency, case_number);
    return registry_commit(registry, &change);
}

static inline struct registry_change set_status(int n, enum licence_status status)
{
    struct registry_change change = fixture_status(find(n)->id, status);
    assert_int_equal(registry_commit(registry, &change), REGISTRY_OK);
    return change;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
