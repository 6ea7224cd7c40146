/* The writer: queue, group commit, several threads and several processes at once. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/registry_fixture.h"

static const char *path;

static int set_up(void **state)
{
    (void)state;
    path = check_strdup(path_in(temp_folder(), "registry.db"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free((void *)path);
    return 0;
}

/* Another process's write lock, as the writer sees it. */
static sqlite3 *lock_file(void)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void unlock_file(sqlite3 *db)
{
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static atomic_uint completed;

static void count_completion(struct registry_change *change)
{
    CHECK(change->context == &completed);
    atomic_fetch_add(&completed, 1);
}

/* Changes of licences 0 to count-1, each a hold of its own case, to be submitted. */
static void make_holds(struct registry *registry, struct registry_change *changes, int count)
{
    struct registry_reader *reader = fixture_reader(registry);
    struct registry_query query;
    for (int i = 0; i < count; i++) {
        changes[i] = fixture_hold(CHANGE_HOLD_PLACE, fixture_find(reader, i, &query)->id,
                                  HOLD_SEIZED, "A", "1");
        changes[i].complete = count_completion;
        changes[i].context = &completed;
    }
    registry_reader_destroy(&reader);
    atomic_store(&completed, 0);
}

static uint64_t commits(const struct registry *registry)
{
    return atomic_load(&registry_counters(registry)->commits);
}

static void test_group_commit(void **state)
{
    /* If this fails, every change pays for a disk sync of its own. */
    (void)state;
    enum { CHANGES = 200 };
    static struct registry_change changes[CHANGES];
    struct registry *registry = fixture_open(path);
    fixture_import_many(registry, 0, CHANGES);
    make_holds(registry, changes, CHANGES);
    uint64_t before = commits(registry);
    sqlite3 *other = lock_file();
    for (int i = 0; i < CHANGES; i++)
        assert_true(registry_submit(registry, &changes[i]));
    unlock_file(other);
    struct registry_change last = {.kind = CHANGE_RESTORED};
    assert_int_equal(registry_commit(registry, &last), REGISTRY_OK);
    assert_int_equal(atomic_load(&completed), CHANGES);
    for (int i = 0; i < CHANGES; i++)
        assert_int_equal(changes[i].place_change.seq, i + 1);
    assert_true(commits(registry) - before < CHANGES);
    assert_int_equal(atomic_load(&registry_counters(registry)->waiting), 0);
    registry_close(&registry);
}

static void test_refusal_in_a_batch(void **state)
{
    /* If this fails, one refused change takes its neighbours with it, or is half done. */
    (void)state;
    enum { CHANGES = 20 };
    static struct registry_change changes[CHANGES];
    struct registry *registry = fixture_open(path);
    fixture_import_many(registry, 0, CHANGES);
    make_holds(registry, changes, CHANGES);
    for (int i = 1; i < CHANGES; i += 2)
        memcpy(changes[i].licence, changes[i - 1].licence, REGISTRY_ID_BYTES);
    sqlite3 *other = lock_file();
    for (int i = 0; i < CHANGES; i++)
        assert_true(registry_submit(registry, &changes[i]));
    unlock_file(other);
    registry_close(&registry); /* finishes what is queued */
    assert_int_equal(atomic_load(&completed), CHANGES);
    for (int i = 0; i < CHANGES; i++)
        assert_int_equal(changes[i].error, i % 2 ? REGISTRY_ERR_REFUSED : REGISTRY_OK);
    registry = fixture_open(path);
    struct registry_reader *reader = fixture_reader(registry);
    assert_int_equal(fixture_check_lists(reader), CHANGES / 2);
    registry_reader_destroy(&reader);
    registry_close(&registry);
}

static void test_busy(void **state)
{
    /* If this fails, a lock that somebody keeps hangs every change for ever. */
    (void)state;
    struct registry *registry = fixture_open(path);
    fixture_import_many(registry, 0, 1);
    registry_close(&registry);
    struct registry_options options = fixture_options(path);
    char text[256];
    struct buf why = BUF_OVER(text);
    options.busy_timeout_ms = 30;
    options.queue_max = 2;
    assert_int_equal(registry_open(&options, &registry, &why), REGISTRY_OK);
    sqlite3 *other = lock_file();
    struct registry_change change = {.kind = CHANGE_RESTORED};
    assert_int_equal(registry_commit(registry, &change), REGISTRY_ERR_BUSY);
    unlock_file(other);
    assert_int_equal(registry_commit(registry, &change), REGISTRY_OK);
    registry_close(&registry);
}

static void test_full_queue(void **state)
{
    /* If this fails, a slow disk makes the queue grow without bound. */
    (void)state;
    enum { QUEUE = 3, CHANGES = QUEUE + 2 };
    static struct registry_change changes[CHANGES];
    struct registry *registry = fixture_open(path);
    fixture_import_many(registry, 0, CHANGES);
    registry_close(&registry);
    struct registry_options options = fixture_options(path);
    char text[256];
    struct buf why = BUF_OVER(text);
    options.queue_max = QUEUE;
    assert_int_equal(registry_open(&options, &registry, &why), REGISTRY_OK);
    make_holds(registry, changes, CHANGES);
    sqlite3 *other = lock_file(); /* the writer takes none before it has the lock */
    int taken = 0;
    while (taken < CHANGES && registry_submit(registry, &changes[taken]))
        taken++;
    assert_int_equal(taken, QUEUE);
    assert_int_equal(atomic_load(&registry_counters(registry)->waiting), QUEUE);
    struct registry_change more = {.kind = CHANGE_RESTORED};
    assert_int_equal(registry_commit(registry, &more), REGISTRY_ERR_BUSY);
    unlock_file(other);
    registry_close(&registry);
    assert_int_equal(atomic_load(&completed), QUEUE);
}

/* Places and lifts holds of its own case on licences it shares with others. */
struct hand {
    struct registry *registry;
    char case_number[16];
    int rounds, licences;
    uint64_t changed;
};

static void *place_and_lift(void *argument)
{
    struct hand *hand = argument;
    struct registry_reader *reader = fixture_reader(hand->registry);
    struct registry_query query;
    for (int i = 0; i < hand->rounds; i++) {
        struct registry_change change =
            fixture_hold(i % 2 ? CHANGE_HOLD_LIFT : CHANGE_HOLD_PLACE,
                         fixture_find(reader, i / 2 % hand->licences, &query)->id, HOLD_SEIZED, "A",
                         hand->case_number);
        CHECK(registry_commit(hand->registry, &change) == REGISTRY_OK);
        hand->changed += change.place_change.seq != 0;
    }
    registry_reader_destroy(&reader);
    return NULL;
}

static void test_threads(void **state)
{
    /* If this fails, two threads' changes share a number or one is lost. */
    (void)state;
    enum { THREADS = 4 };
    struct hand hands[THREADS];
    pthread_t threads[THREADS];
    struct registry *registry = fixture_open(path);
    fixture_import_many(registry, 0, 5);
    for (int i = 0; i < THREADS; i++) {
        hands[i] = (struct hand){.registry = registry, .rounds = 100, .licences = 5};
        snprintf(hands[i].case_number, sizeof hands[i].case_number, "%d", i);
        assert_int_equal(pthread_create(&threads[i], NULL, place_and_lift, &hands[i]), 0);
    }
    uint64_t changed = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        changed += hands[i].changed;
    }
    struct registry_reader *reader = fixture_reader(registry);
    struct registry_query query;
    assert_int_equal(fixture_check_lists(reader), changed);
    for (int n = 0; n < 5; n++)
        assert_int_equal(fixture_find(reader, n, &query)->status, LICENCE_STATUS_VALID);
    registry_reader_destroy(&reader);
    registry_close(&registry);
}

/* In a process of its own, which opened nothing before. */
static pid_t start_process(int number, int rounds)
{
    fflush(NULL);
    pid_t child = fork();
    if (child)
        return child;
    struct registry *registry = fixture_open(path); /* both make it at once */
    fixture_import_many(registry, 0, 5);            /* the same ones */
    fixture_import_many(registry, 1000 * (number + 1), 700);
    struct hand hand = {.registry = registry, .rounds = rounds, .licences = 5};
    snprintf(hand.case_number, sizeof hand.case_number, "%d", number);
    place_and_lift(&hand);
    registry_close(&registry);
    _exit(hand.changed < 200 ? (int)hand.changed : 255);
}

static void test_processes(void **state)
{
    /* If this fails, jwb on a running system damages the gateway's registry. */
    (void)state;
    pid_t children[2];
    uint64_t changed = 0;
    for (int i = 0; i < 2; i++)
        children[i] = start_process(i, 100);
    for (int i = 0; i < 2; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_in_range(WEXITSTATUS(status), 0, 100);
        changed += (uint64_t)WEXITSTATUS(status);
    }
    struct registry *registry = fixture_open(path);
    struct registry_reader *reader = fixture_reader(registry);
    struct registry_counts counts;
    assert_int_equal(fixture_check_lists(reader), changed);
    assert_int_equal(registry_count(reader, &counts), REGISTRY_OK);
    assert_int_equal(counts.licences, 5 + 2 * 700);
    assert_int_equal(counts.open_holds, 0);
    registry_reader_destroy(&reader);
    registry_close(&registry);
}

/* Imports until it is told to stop. */
static void *import_on(void *argument)
{
    struct registry *registry = argument;
    for (int batch = 0; batch < 20; batch++)
        fixture_import_many(registry, 1000 + batch * REGISTRY_BATCH_MAX, REGISTRY_BATCH_MAX);
    return NULL;
}

static void test_reading_while_writing(void **state)
{
    /* If this fails, a read beside an import waits, fails or sees half a change. */
    (void)state;
    struct registry *registry = fixture_open(path);
    fixture_import_many(registry, 0, 10);
    struct registry_reader *reader = fixture_reader(registry);
    pthread_t importer;
    assert_int_equal(pthread_create(&importer, NULL, import_on, registry), 0);
    for (int i = 0; i < 300; i++) {
        struct registry_counts counts;
        struct registry_query query;
        assert_int_equal(fixture_find(reader, i % 10, &query)->version, 1);
        assert_int_equal(registry_count(reader, &counts), REGISTRY_OK);
        assert_int_equal((counts.licences - 10) % REGISTRY_BATCH_MAX, 0);
        assert_int_equal(counts.places, counts.licences);
    }
    pthread_join(importer, NULL);
    registry_reader_destroy(&reader);
    registry_close(&registry);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_group_commit),
        TEST(test_refusal_in_a_batch),
        TEST(test_busy),
        TEST(test_full_queue),
        TEST(test_threads),
        TEST(test_processes),
        TEST(test_reading_while_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
