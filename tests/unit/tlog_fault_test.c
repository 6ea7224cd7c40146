/* The log when calls fail, the process ends at any of them, or the power fails: in which order
 * things become durable. */
#include "evidence/tlog.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/tlog_fixture.h"

/* ---- faults: these stand before the C library's for the whole program ----------------------- */

static int calls_until_fault; /* 1: the next call fails; below: none does */
static bool fault_stays;      /* and all after it: what a crash there leaves */
static bool faulted;

/* A write that fails has taken half of its octets, as a full disk's does. */
static bool fault_now(void)
{
    if (calls_until_fault <= 0 || --calls_until_fault > 0)
        return false;
    if (fault_stays)
        calls_until_fault = 1;
    faulted = true;
    errno = ENOSPC;
    return true;
}

/* What was written, or got a new name, and no sync has covered: by inode. */
static ino_t unsynced[4096];
static size_t unsynced_count;
static bool watching, state_was_placed, checkpoint_was_early;

static void note_unsynced(int folder, const char *path)
{
    struct stat status;
    if (!watching || fstatat(folder, path, &status, *path ? 0 : AT_EMPTY_PATH) != 0)
        return;
    CHECK(unsynced_count < sizeof unsynced / sizeof *unsynced);
    unsynced[unsynced_count++] = status.st_ino;
}

static void note_synced(int file)
{
    struct stat status;
    size_t kept = 0;
    if (!watching || fstat(file, &status) != 0)
        return;
    for (size_t i = 0; i < unsynced_count; i++)
        if (unsynced[i] != status.st_ino)
            unsynced[kept++] = unsynced[i];
    unsynced_count = kept;
}

/* The name's folder, unless it is the log's own: that is synced behind the state's name. */
static void note_name(int folder, const char *path)
{
    char parent[256];
    const char *slash = strrchr(path, '/');
    if (!slash)
        return;
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
    note_unsynced(folder, parent);
}

ssize_t write(int file, const void *data, size_t len)
{
    if (fault_now())
        return len > 1 ? syscall(SYS_write, file, data, len / 2) : -1;
    note_unsynced(file, "");
    return syscall(SYS_write, file, data, len);
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
    if (fault_now())
        return parts[0].iov_len + parts[1].iov_len > 1
                   ? syscall(SYS_write, file,
                             parts[0].iov_len ? parts[0].iov_base : parts[1].iov_base,
                             parts[0].iov_len ? parts[0].iov_len / 2 : parts[1].iov_len / 2)
                   : -1;
    note_unsynced(file, "");
    return syscall(SYS_writev, file, parts, count);
}

ssize_t pwrite(int file, const void *data, size_t len, off_t at)
{
    if (fault_now())
        return syscall(SYS_pwrite64, file, data, len / 2, at);
    note_unsynced(file, "");
    return syscall(SYS_pwrite64, file, data, len, at);
}

int ftruncate(int file, off_t len)
{
    return fault_now() ? -1 : (int)syscall(SYS_ftruncate, file, len);
}

/* Disks are not tested here, and a thousand real syncs take a while. */
int fsync(int file)
{
    if (fault_now())
        return -1;
    note_synced(file);
    return 0;
}

int syncfs(int file)
{
    (void)file;
    if (fault_now())
        return -1;
    unsynced_count = 0;
    return 0;
}

int mkdirat(int folder, const char *path, mode_t mode)
{
    if (fault_now())
        return -1;
    int result = (int)syscall(SYS_mkdirat, folder, path, mode);
    if (result == 0)
        note_name(folder, path);
    return result;
}

int renameat(int from_folder, const char *from, int folder, const char *to)
{
    if (fault_now())
        return -1;
    if (watching && strcmp(to, "state") == 0) {
        assert_int_equal(unsynced_count, 0);
        state_was_placed = true;
        note_unsynced(folder, "");
    }
    if (watching && strcmp(to, "checkpoint") == 0 && unsynced_count > 1)
        checkpoint_was_early = true; /* its own octets alone are not synced */
    return (int)syscall(SYS_renameat2, from_folder, from, folder, to, 0);
}

static bool ends_at_unlink; /* the process, as by a kill */

int unlinkat(int folder, const char *path, int flags)
{
    if (ends_at_unlink)
        _exit(0);
    return (int)syscall(SYS_unlinkat, folder, path, flags);
}

int openat(int folder, const char *path, int flags, ...)
{
    mode_t mode = 0;
    struct stat status;
    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
        if (fault_now())
            return -1;
    }
    bool makes = flags & O_CREAT && fstatat(folder, path, &status, 0) != 0;
    int file = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (makes && file >= 0)
        note_name(folder, path);
    return file;
}

/* ---- what happens then ---- */

static const struct step {
    unsigned from, to;
} STEPS[] = {{0, 3}, {3, 250}, {250, 256}, {256, 600}, {600, 610}};

/* A log of `from` entries in a folder of its own; a second source has the odd ones. */
static struct tlog *log_before(const struct step *step, const char *folder)
{
    struct tlog *log = log_in(folder);
    if (step->from)
        grow(log, 0, step->from);
    return log;
}

static void append_step(struct tlog *log, const struct step *step)
{
    for (unsigned n = step->from; n < step->to; n++)
        assert_int_equal(append(log, n % 3 ? "registry" : "a journal", n, 1), TLOG_OK);
}

/* All that is in the log is there once, in order, and is found by its source. */
static void assert_complete(const char *folder, unsigned size, unsigned two_sources_from)
{
    struct tlog_reader *reader = reader_of(folder);
    struct tlog_run run;
    assert_whole(folder, size);
    assert_checkpoint(folder, size);
    for (unsigned n = 0; n < size; n += n < two_sources_from ? 50 : 1) {
        const char *source = n % 3 || n < two_sources_from ? "registry" : "a journal";
        assert_int_equal(tlog_find_run(reader, source, 10 * (uint64_t)n, &run), TLOG_OK);
        assert_int_equal(run.index + (10 * n - run.position) / 10, n);
    }
    assert_root(reader, size);
    tlog_reader_close(&reader);
}

/* Sets the fault to come; false once the commit before had met none. */
static bool next_fault(int *call, bool stays)
{
    if (*call && !faulted)
        return false;
    calls_until_fault = ++*call;
    fault_stays = stays;
    faulted = false;
    return true;
}

static void no_fault(void)
{
    calls_until_fault = 0;
    fault_stays = false;
}

/* Broken: a full or failing disk would leave something half-written that counts, or a log that does
 * not go on by itself when there is room again. */
static void each_failing_call_is_survived(void **state)
{
    (void)state;
    const char *root = temp_folder();
    char folder[512];
    for (size_t s = 0; s < sizeof STEPS / sizeof *STEPS; s++) {
        const struct step *step = &STEPS[s];
        for (int call = 0;;) {
            snprintf(folder, sizeof folder, "%s/%zu-%d", root, s, call);
            struct tlog *log = log_before(step, folder);
            append_step(log, step);
            bool more = next_fault(&call, false);
            enum tlog_error error = tlog_commit(log);
            no_fault();
            if (!more)
                error = TLOG_OK;
            if (error) {
                assert_int_equal(error, TLOG_ERR_WRITE);
                uint64_t size = tlog_size(log);
                assert_true(size == step->from || size == step->to);
                append_step(log, &(struct step){step->to, step->to + 1});
                assert_int_equal(tlog_commit(log), TLOG_OK);
                assert_int_equal(tlog_size(log), step->to + 1);
            }
            assert_complete(folder, step->to + (error ? 1 : 0), step->from);
            tlog_close(&log);
            log = log_in(folder);
            tlog_close(&log);
            if (!more)
                break;
        }
    }
}

/* Broken: a crash would lose or double what the state says, or leave a checkpoint ahead of it. */
static void a_crash_at_each_call_is_recovered(void **state)
{
    (void)state;
    const char *root = temp_folder();
    char folder[512];
    unsigned before = 0, after = 0;
    for (size_t s = 0; s < sizeof STEPS / sizeof *STEPS; s++) {
        const struct step *step = &STEPS[s];
        for (int call = 0;;) {
            snprintf(folder, sizeof folder, "%s/%zu-%d", root, s, call);
            struct tlog *log = log_before(step, folder);
            append_step(log, step);
            bool more = next_fault(&call, true);
            tlog_commit(log);
            tlog_close(&log);
            no_fault();
            log = log_in(folder);
            const unsigned size = (unsigned)tlog_size(log);
            assert_true(size == step->from || size == step->to);
            *(size == step->from ? &before : &after) += 1;
            assert_complete(folder, size, step->from);
            /* Another number of entries than before the crash, and on. */
            const struct step less = {size, size + 2}, more_entries = {size + 2, size + 600};
            append_step(log, &less);
            assert_int_equal(tlog_commit(log), TLOG_OK);
            append_step(log, &more_entries);
            assert_int_equal(tlog_commit(log), TLOG_OK);
            tlog_close(&log);
            assert_complete(folder, size + 600, step->from);
            if (!more)
                break;
        }
    }
    assert_true(before > 20 && after > 5);
}

/* Broken: a folder that can't be written would be taken for a log, or the next try would fail. */
static void a_log_that_cannot_be_made_is_made_later(void **state)
{
    (void)state;
    const char *root = temp_folder();
    char folder[512];
    for (int call = 0; next_fault(&call, true);) {
        struct tlog *log;
        snprintf(folder, sizeof folder, "%s/%d", root, call);
        enum tlog_error error = open_log(folder, &log);
        no_fault();
        if (error) {
            assert_true(error == TLOG_ERR_OPEN || error == TLOG_ERR_WRITE);
            assert_true(why.len > 0);
            log = log_in(folder);
        }
        grow(log, 0, 10);
        tlog_close(&log);
        assert_whole(folder, 10);
    }
}

/* Broken: what a kill left of a bundle that became full would stay, and hold for ever what is
 * removed from the full one. */
static void partial_files_that_a_kill_left_are_removed(void **state)
{
    (void)state;
    static const char *const left[] = {"tile/entries/000.p", "tile/0/000.p"};
    const char *folder = new_log(240);
    const pid_t writer = fork();
    if (writer == 0) {
        struct tlog *log = log_in(folder);
        ends_at_unlink = true;
        grow(log, 240, 240 + 40000);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(writer, &status, 0), writer);
    assert_int_equal(status, 0);
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        assert_int_equal(access(path_in(folder, left[i]), F_OK), 0);
    struct tlog *log = log_in(folder);
    tlog_close(&log);
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        assert_int_not_equal(access(path_in(folder, left[i]), F_OK), 0);
    assert_whole(folder, 240 + 40000);
}

/* Broken: after a power failure the state would count what the disk has not, or a checkpoint would
 * have been signed of it. */
static void the_state_comes_last_and_the_checkpoint_behind_it(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    watching = true;
    struct tlog *log = log_in(folder);
    for (unsigned n = 0; n < 2000; n += n < 300 ? 1 : 300) {
        unsigned to = n < 300 ? n + 1 : n + 300;
        state_was_placed = false;
        for (unsigned k = n; k < to; k++)
            assert_int_equal(append(log, k % 2 ? "registry" : "a journal", k, 1), TLOG_OK);
        assert_int_equal(tlog_commit(log), TLOG_OK);
        assert_true(state_was_placed);
        assert_false(checkpoint_was_early);
        unsynced_count = 0; /* the checkpoint, which may be signed anew */
    }
    watching = false;
    tlog_close(&log);
    assert_whole(folder, 2100);
}

/* Broken: a real disk without room would do what no test of single calls shows. */
static void a_file_size_limit_is_survived(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct tlog *log = log_in(folder);
    struct rlimit before, tight;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    grow(log, 0, 10);
    for (rlim_t bytes = 0; bytes < 9000; bytes += 700) {
        const unsigned size = (unsigned)tlog_size(log);
        tight = (struct rlimit){bytes, before.rlim_max};
        assert_int_equal(append(log, "registry", size, 200), TLOG_OK);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
        enum tlog_error error = tlog_commit(log);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        if (error) {
            assert_int_equal(error, TLOG_ERR_WRITE);
            assert_int_equal(tlog_size(log), size);
            assert_whole(folder, size);
            assert_int_equal(tlog_commit(log), TLOG_OK);
        }
        assert_whole(folder, size + 200);
    }
    tlog_close(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failing_call_is_survived),
        cmocka_unit_test(a_crash_at_each_call_is_recovered),
        cmocka_unit_test(a_log_that_cannot_be_made_is_made_later),
        cmocka_unit_test(partial_files_that_a_kill_left_are_removed),
        cmocka_unit_test(the_state_comes_last_and_the_checkpoint_behind_it),
        cmocka_unit_test(a_file_size_limit_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
