/* The registry when the process is killed, the disk is full, or a write or sync fails. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/access.h"
#include "tests/registry_fixture.h"

/* ---- the disk: stands before libc's for SQLite, and fails the n-th call from now ---- */

static atomic_int calls_until_fault; /* 0: never */
static atomic_bool fault_stays;      /* all further calls fail, too */
static atomic_int faults;            /* how many failed */
static atomic_int syncs;             /* how many succeeded */

static bool fails(void)
{
    int left = atomic_load(&calls_until_fault);
    if (left > 1 || !atomic_load(&fault_stays))
        atomic_store(&calls_until_fault, left > 0 ? left - 1 : 0);
    if (left == 1)
        atomic_fetch_add(&faults, 1);
    return left == 1;
}

/* Commits a change during which the n-th call fails: STORAGE if there are so many, else OK. */
static enum registry_error commit_with_fault(struct registry *registry,
                                             struct registry_change *change, int nth)
{
    atomic_store(&faults, 0);
    atomic_store(&calls_until_fault, nth);
    enum registry_error error = registry_commit(registry, change);
    atomic_store(&calls_until_fault, 0);
    assert_int_equal(error, atomic_load(&faults) ? REGISTRY_ERR_STORAGE : REGISTRY_OK);
    return error;
}

ssize_t pwrite64(int file, const void *data, size_t len, off64_t at);
ssize_t pwrite64(int file, const void *data, size_t len, off64_t at)
{
    if (fails()) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwrite64, file, data, len, at);
}

int fdatasync(int file)
{
    if (fails()) {
        errno = EIO;
        return -1;
    }
    atomic_fetch_add(&syncs, 1);
    return (int)syscall(SYS_fdatasync, file);
}

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

/* No checkpoint meets the fault instead. */
static struct registry *open_without_checkpoints(void)
{
    char text[256];
    struct buf why = BUF_OVER(text);
    struct registry_options options = fixture_options(path);
    struct registry *registry;
    options.checkpoint_ms = 3600000;
    CHECK(registry_open(&options, &registry, &why) == REGISTRY_OK);
    return registry;
}

static uint64_t licences(struct registry_reader *reader)
{
    struct registry_counts counts;
    assert_int_equal(registry_count(reader, &counts), REGISTRY_OK);
    assert_int_equal(counts.places, counts.licences);
    return counts.licences;
}

static bool hold_with_fault(struct registry *registry, struct registry_reader *reader, int nth)
{
    struct registry_query query;
    const uint8_t *id = fixture_find(reader, 0, &query)->id;
    struct registry_change place = fixture_hold(CHANGE_HOLD_PLACE, id, HOLD_SEIZED, "A", "1");
    struct registry_change lift = fixture_hold(CHANGE_HOLD_LIFT, id, HOLD_SEIZED, "A", "1");
    enum registry_error error = commit_with_fault(registry, &place, nth);
    if (error) {
        assert_int_equal(place.place_change.seq, 0);
        assert_int_equal(fixture_find(reader, 0, &query)->status, LICENCE_STATUS_VALID);
        assert_int_equal(registry_commit(registry, &place), REGISTRY_OK);
    }
    assert_int_equal(fixture_find(reader, 0, &query)->status, LICENCE_STATUS_SEIZED);
    assert_int_equal(registry_commit(registry, &lift), REGISTRY_OK);
    return error;
}

static bool import_with_fault(struct registry *registry, struct registry_reader *reader, int nth)
{
    enum { RECORDS = 3 };
    struct fixture_texts texts[RECORDS];
    struct registry_record records[RECORDS];
    enum registry_outcome outcomes[RECORDS];
    struct registry_change import = {.kind = CHANGE_IMPORT,
                                     .records = records,
                                     .outcomes = outcomes,
                                     .record_count = RECORDS,
                                     .source = BYTES("test")};
    uint64_t before = licences(reader);
    for (int i = 0; i < RECORDS; i++)
        records[i] = fixture_record((int)before + i, &texts[i]);
    enum registry_error error = commit_with_fault(registry, &import, nth);
    if (error) {
        assert_int_equal(licences(reader), before);
        assert_int_equal(registry_commit(registry, &import), REGISTRY_OK);
    }
    assert_int_equal(licences(reader), before + RECORDS);
    return error;
}

/* A client of a new name, with its key. */
static bool client_with_fault(struct registry *registry, struct registry_reader *reader, int nth)
{
    static int number;
    struct registry_client client = {
        .role = TOKEN_ROLE_PARTNER, .organisation = "FIRM", .key_count = 1};
    struct registry_client read;
    struct registry_change add = {.kind = CHANGE_CLIENT_ADD, .client = &client};
    uint64_t before, after;
    snprintf(client.id, sizeof client.id, "firm-%d", number++);
    assert_int_equal(registry_access_version(reader, &before), REGISTRY_OK);
    enum registry_error error = commit_with_fault(registry, &add, nth);
    if (error) {
        assert_int_equal(registry_client(reader, bytes_str(client.id), &read),
                         REGISTRY_ERR_NOT_FOUND);
        assert_int_equal(registry_access_version(reader, &after), REGISTRY_OK);
        assert_int_equal(after, before);
        assert_int_equal(registry_commit(registry, &add), REGISTRY_OK);
    }
    assert_int_equal(registry_client(reader, bytes_str(client.id), &read), REGISTRY_OK);
    assert_int_equal(read.key_count, 1);
    assert_int_equal(registry_access_version(reader, &after), REGISTRY_OK);
    assert_true(after > before);
    return error;
}

/* A consent that takes the place of the one before: either is in force, never both or none. */
static bool consent_with_fault(struct registry *registry, struct registry_reader *reader, int nth)
{
    static uint32_t fields;
    struct registry_query query;
    struct registry_consent consent = {
        .partner = "firm-0", .purpose = "hiring", .until = FIXTURE_NOW + 1000};
    struct registry_consent read;
    struct registry_change give = {.kind = CHANGE_CONSENT_GIVE, .consent = &consent};
    memcpy(consent.licence, fixture_find(reader, 0, &query)->id, REGISTRY_ID_BYTES);
    memcpy(give.holder, query.licence.holder_id, REGISTRY_ID_BYTES);
    consent.fields = ++fields;
    give.now = FIXTURE_NOW;
    enum registry_error error = commit_with_fault(registry, &give, nth);
    if (error) {
        enum registry_error before = registry_consent(reader, consent.licence, BYTES("firm-0"),
                                                      BYTES("hiring"), FIXTURE_NOW, &read);
        assert_int_equal(before, fields == 1 ? REGISTRY_ERR_NOT_FOUND : REGISTRY_OK);
        assert_true(before || (read.fields == fields - 1 && read.until == consent.until));
        assert_int_equal(registry_commit(registry, &give), REGISTRY_OK);
    }
    assert_int_equal(registry_consent(reader, consent.licence, BYTES("firm-0"), BYTES("hiring"),
                                      FIXTURE_NOW, &read),
                     REGISTRY_OK);
    assert_int_equal(read.fields, fields);
    return error;
}

static void test_failing_disk(void **state)
{
    /* If this fails, a change that was not stored is answered as done, or is half done. */
    (void)state;
    struct registry *registry = open_without_checkpoints();
    struct registry_reader *reader = fixture_reader(registry);
    int swept = 0;
    fixture_import_many(registry, 0, 1);
    for (int stays = 0; stays < 2; stays++) {
        atomic_store(&fault_stays, stays);
        for (int nth = 1; hold_with_fault(registry, reader, nth); nth++)
            swept++;
        for (int nth = 1; import_with_fault(registry, reader, nth); nth++)
            swept++;
        for (int nth = 1; client_with_fault(registry, reader, nth); nth++)
            swept++;
        for (int nth = 1; consent_with_fault(registry, reader, nth); nth++)
            swept++;
    }
    assert_true(swept > 40);
    fixture_check_lists(reader);
    registry_reader_destroy(&reader);
    registry_close(&registry);
}

static void test_every_commit_is_synced(void **state)
{
    /* If this fails, a seizure that was confirmed is gone after a power cut. */
    (void)state;
    struct registry *registry = open_without_checkpoints();
    struct registry_change change = {.kind = CHANGE_REDIS_RUN};
    for (int i = 0; i < 5; i++) {
        int before = atomic_load(&syncs);
        change.since = i; /* the same again would change no page */
        assert_int_equal(registry_commit(registry, &change), REGISTRY_OK);
        assert_true(atomic_load(&syncs) > before);
    }
    registry_close(&registry);
}

/* In a process of its own: files can't grow beyond a limit, then they can again. */
static void fill_disk(void)
{
    struct registry *registry = fixture_open(path);
    struct registry_reader *reader = fixture_reader(registry);
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    rlim_t all = limit.rlim_cur;
    signal(SIGXFSZ, SIG_IGN);
    fixture_import_many(registry, 0, 200);
    limit.rlim_cur = 600000;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);

    enum registry_error error = REGISTRY_OK;
    struct fixture_texts texts;
    enum registry_outcome outcome;
    int n = 200;
    for (; !error && n < 5000; n += !error) {
        struct registry_record record = fixture_record(n, &texts);
        error = fixture_import(registry, &record, &outcome, 1);
    }
    CHECK(error == REGISTRY_ERR_STORAGE);
    CHECK(licences(reader) == (uint64_t)n);
    limit.rlim_cur = all;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    fixture_import_many(registry, n, 1);
    CHECK(licences(reader) == (uint64_t)n + 1);
    registry_reader_destroy(&reader);
    registry_close(&registry);
}

static void test_full_disk(void **state)
{
    /* If this fails, a full disk is more than a refusal that ends when there is room. */
    (void)state;
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        fill_disk();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- killed ---- */

enum { KILLED_LICENCES = 10, KILLED_QUEUE = 30 };

static int report_to;

static void report(struct registry_change *change)
{
    const int *number = change->context;
    CHECK(change->error == REGISTRY_OK);
    CHECK(write(report_to, number, sizeof *number) == sizeof *number);
}

/* Places holds of cases `first`, `first` + 1, ... for ever, and tells each one that was completed.
 */
static void place_for_ever(int first)
{
    static struct registry_change changes[KILLED_QUEUE];
    static char cases[KILLED_QUEUE][16];
    static int numbers[KILLED_QUEUE];
    struct registry *registry = fixture_open(path);
    struct registry_reader *reader = fixture_reader(registry);
    for (int number = first;;) {
        for (int i = 0; i < KILLED_QUEUE; i++, number++) {
            struct registry_query query;
            snprintf(cases[i], sizeof cases[i], "%d", number);
            numbers[i] = number;
            changes[i] = fixture_hold(CHANGE_HOLD_PLACE,
                                      fixture_find(reader, number % KILLED_LICENCES, &query)->id,
                                      (enum hold_kind)(number % HOLD_KIND_COUNT), "A", cases[i]);
            changes[i].complete = report;
            changes[i].context = &numbers[i];
            CHECK(registry_submit(registry, &changes[i]));
        }
        struct registry_change barrier = {.kind = CHANGE_RESTORED};
        CHECK(registry_commit(registry, &barrier) == REGISTRY_OK);
    }
}

/* Starts the process, kills it after `wanted` reports, and returns the highest number reported. */
static int run_and_kill(int first, int wanted)
{
    int channel[2], number, highest = first - 1, reports = 0, status;
    assert_int_equal(pipe(channel), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(channel[0]);
        report_to = channel[1];
        place_for_ever(first);
    }
    close(channel[1]);
    while (read(channel[0], &number, sizeof number) == sizeof number) {
        assert_int_equal(number, highest + 1);
        highest = number;
        if (++reports == wanted)
            kill(child, SIGKILL);
    }
    close(channel[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return highest;
}

static void test_killed(void **state)
{
    /* If this fails, a seizure that was confirmed is gone after a crash. */
    (void)state;
    struct seeded random = {7};
    struct registry *registry = fixture_open(path);
    fixture_import_many(registry, 0, KILLED_LICENCES);
    registry_close(&registry);
    for (int round = 0; round < 10; round++) {
        int first = 1 + round * 100000;
        int last = run_and_kill(first, 1 + (int)(seeded_next(&random) % 200));
        registry = fixture_open(path);
        struct registry_reader *reader = fixture_reader(registry);
        fixture_check_lists(reader);
        for (int number = first; number <= last; number++) {
            struct registry_query query;
            char case_number[16];
            snprintf(case_number, sizeof case_number, "%d", number);
            struct registry_change again = fixture_hold(
                CHANGE_HOLD_PLACE, fixture_find(reader, number % KILLED_LICENCES, &query)->id,
                (enum hold_kind)(number % HOLD_KIND_COUNT), "A", case_number);
            assert_int_equal(registry_commit(registry, &again), REGISTRY_ERR_REFUSED);
        }
        registry_reader_destroy(&reader);
        registry_close(&registry);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_failing_disk),
        TEST(test_every_commit_is_synced),
        TEST(test_full_disk),
        TEST(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
