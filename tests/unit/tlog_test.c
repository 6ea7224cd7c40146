/* Writing the log and reading it back: what is where, and what it is opened with. */
#include "evidence/tlog.h"

#include <dirent.h>
#include <unistd.h>

#include "tests/unit/tlog_fixture.h"

/* ---- helpers -------------------------------------------------------------------------------- */

static void assert_entry(struct tlog_reader *reader, unsigned index, unsigned size)
{
    uint8_t storage[TLOG_ENTRY_BYTES_MAX], expected[TLOG_ENTRY_BYTES_MAX];
    struct buf entry = BUF_OVER(storage);
    assert_int_equal(tlog_read_entry(reader, index, size, &entry), TLOG_OK);
    assert_true(bytes_equal(buf_bytes(&entry), entry_of(index, expected)));
}

static bool is_there(const char *folder, const char *name)
{
    return access(path_in(folder, name), F_OK) == 0;
}

static unsigned files_in(const char *folder, const char *name)
{
    unsigned count = 0;
    DIR *names = opendir(path_in(folder, name));
    struct dirent *entry;
    assert_non_null(names);
    while ((entry = readdir(names)) != NULL)
        if (entry->d_type == DT_REG)
            count++;
        else if (entry->d_name[0] != '.') {
            char below[512];
            snprintf(below, sizeof below, "%s/%s", name, entry->d_name);
            count += files_in(folder, below);
        }
    closedir(names);
    return count;
}

/* ---- what is where -------------------------------------------------------------------------- */

/* Broken: no reader of the specification would find our tiles. */
static void paths_are_those_of_the_text(void **state)
{
    (void)state;
    char path[TLOG_PATH_BYTES_MAX];
    tlog_path(0, 1234067, TLOG_TILE_HASHES, path);
    assert_string_equal(path, "tile/0/x001/x234/067");
    tlog_path(TLOG_BUNDLES, 0, 1, path);
    assert_string_equal(path, "tile/entries/000.p/1");
    tlog_path(7, 1000, 255, path);
    assert_string_equal(path, "tile/7/x001/000.p/255");
    tlog_path(TLOG_BUNDLES, UINT64_MAX, 255, path);
    assert_string_equal(path, "tile/entries/x018/x446/x744/x073/x709/x551/615.p/255");
    assert_int_equal(tlog_width(0, 273, 70000), 112);
    assert_int_equal(tlog_width(0, 274, 70000), 0);
    assert_int_equal(tlog_width(1, 1, 70000), 17);
    assert_int_equal(tlog_width(2, 0, 70000), 1);
    assert_int_equal(tlog_width(0, 0, 256), 256);
    assert_int_equal(tlog_width(1, 0, 256), 1);
    assert_int_equal(tlog_width(TLOG_BUNDLES, 0, 256), 256);
}

/* Broken: of the 70,000 entries of the specification's example other files would be there than it
 * says, or proofs from them would not hold. */
static void the_example_of_the_text_has_its_files(void **state)
{
    (void)state;
    const char *folder = new_log(70000);
    struct tlog_reader *reader = reader_of(folder);
    struct seeded seeded = {7};
    assert_int_equal(files_in(folder, "tile/0"), 273 + 1);
    assert_int_equal(files_in(folder, "tile/1"), 1 + 1);
    assert_int_equal(files_in(folder, "tile/2"), 1);
    assert_int_equal(files_in(folder, "tile/entries"), 273 + 1);
    assert_true(is_there(folder, "tile/0/273.p/112"));
    assert_true(is_there(folder, "tile/1/001.p/17"));
    assert_true(is_there(folder, "tile/2/000.p/1"));
    assert_true(is_there(folder, "tile/entries/273.p/112"));
    assert_root(reader, 70000);
    for (int i = 0; i < 40; i++) {
        struct merkle_hash proof[MERKLE_PROOF_MAX], leaf, old_root, root, found;
        uint8_t storage[TLOG_ENTRY_BYTES_MAX];
        unsigned size = 1 + (unsigned)(seeded_next(&seeded) % 70000);
        unsigned index = (unsigned)(seeded_next(&seeded) % size);
        size_t count;
        assert_entry(reader, index, size);
        assert_int_equal(tlog_root(reader, size, &root), TLOG_OK);
        assert_int_equal(tlog_prove_inclusion(reader, index, size, proof, &count), TLOG_OK);
        assert_int_equal(merkle_leaf(&crypto_openssl, entry_of(index, storage), &leaf), CRYPTO_OK);
        assert_int_equal(
            merkle_root_of_inclusion(&crypto_openssl, index, size, &leaf, proof, count, &found),
            CRYPTO_OK);
        assert_true(merkle_equal(&root, &found));
        assert_int_equal(tlog_root(reader, index, &old_root), TLOG_OK);
        assert_int_equal(tlog_prove_consistency(reader, index, size, proof, &count), TLOG_OK);
        assert_int_equal(
            merkle_check_consistency(&crypto_openssl, index, &old_root, size, &root, proof, count),
            CRYPTO_OK);
    }
    tlog_reader_close(&reader);
    assert_whole(folder, 70000);
}

/* Broken: a log that grows in steps, with restarts between, would be another than one that grew at
 * once; or partial files would stay for ever. */
static void steps_and_restarts_lead_to_the_same_log(void **state)
{
    (void)state;
    static const unsigned sizes[] = {0, 1, 2, 3, 255, 256, 257, 511, 600, 1024, 1025, 2600};
    const char *folder = path_in(temp_folder(), "evidence");
    for (size_t i = 0; i + 1 < sizeof sizes / sizeof *sizes; i++) {
        struct tlog *log = log_in(folder);
        assert_int_equal(tlog_size(log), sizes[i]);
        assert_int_equal(tlog_cursor(log, "registry"), 10 * (uint64_t)sizes[i]);
        assert_checkpoint(folder, sizes[i]);
        grow(log, sizes[i], sizes[i + 1]);
        tlog_close(&log);
        assert_whole(folder, sizes[i + 1]);
        struct tlog_reader *reader = reader_of(folder);
        for (size_t k = 0; k <= i + 1; k++)
            assert_root(reader, sizes[k]);
        tlog_reader_close(&reader);
    }
    assert_int_equal(files_in(folder, "tile/0"), 10 + 1);
    assert_int_equal(files_in(folder, "tile/entries"), 10 + 1);
}

/* Broken: somebody who reads an older tree while the log grows would miss what is there. */
static void a_reader_keeps_its_tree_while_the_log_grows(void **state)
{
    (void)state;
    const char *folder = new_log(300);
    struct tlog_reader *reader = reader_of(folder);
    struct bytes entries[TLOG_BUNDLE_ENTRIES];
    struct merkle_hash root, proof[MERKLE_PROOF_MAX];
    uint64_t size;
    size_t count;
    assert_int_equal(tlog_read_state(reader, &size, &root, NULL, NULL), TLOG_OK);
    struct tlog *log = log_in(folder);
    grow(log, 300, 1000);
    assert_false(is_there(folder, "tile/entries/001.p"));
    assert_false(is_there(folder, "tile/0/001.p"));
    assert_entry(reader, 299, 300);
    assert_root(reader, 300);
    assert_int_equal(tlog_read_bundle(reader, 1, 300, entries, &count), TLOG_OK);
    assert_int_equal(count, 44);
    assert_int_equal(tlog_prove_inclusion(reader, 299, 300, proof, &count), TLOG_OK);
    assert_entry(reader, 999, 1000); /* and sees the new one when it asks for it */
    assert_root(reader, 1000);
    assert_int_equal(tlog_root(reader, 1001, &root), TLOG_ERR_MISSING);
    assert_int_equal(tlog_prove_inclusion(reader, 1000, 1001, proof, &count), TLOG_ERR_MISSING);
    assert_int_equal(tlog_prove_inclusion(reader, 5, 5, proof, &count), TLOG_ERR_MISSING);
    assert_int_equal(tlog_prove_consistency(reader, 6, 5, proof, &count), TLOG_ERR_MISSING);
    assert_int_equal(tlog_read_bundle(reader, 4, 1000, entries, &count), TLOG_ERR_MISSING);
    tlog_close(&log);
    tlog_reader_close(&reader);
}

/* Broken: entries of the greatest and least length would not come back. */
static void lengths_at_the_edges_come_back(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct tlog *log = log_in(folder);
    static uint8_t longest[TLOG_ENTRY_BYTES_MAX];
    memset(longest, 'x', sizeof longest);
    for (unsigned i = 0; i < 2 * TLOG_BUNDLE_ENTRIES; i++) {
        const struct bytes entry = guarded(0, bytes_of(longest, i & 1 ? sizeof longest : 1));
        assert_int_equal(tlog_append(log, "s", i, i + 1, &entry, 1), TLOG_OK);
    }
    assert_int_equal(tlog_commit(log), TLOG_OK);
    tlog_close(&log);
    assert_whole(folder, 2 * TLOG_BUNDLE_ENTRIES);
    uint8_t storage[TLOG_ENTRY_BYTES_MAX];
    struct buf entry = BUF_OVER(storage);
    struct tlog_reader *reader = reader_of(folder);
    assert_int_equal(tlog_read_entry(reader, 511, 512, &entry), TLOG_OK);
    assert_int_equal(entry.len, sizeof longest);
    tlog_reader_close(&reader);
}

/* ---- sources -------------------------------------------------------------------------------- */

static bool take_run(void *context, const struct tlog_run *run)
{
    struct tlog_run **next = context;
    *(*next)++ = *run;
    return true;
}

/* Broken: nobody could say where in the log a journal's record is. */
static void runs_lead_from_a_source_to_the_log(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct tlog *log = log_in(folder);
    struct tlog_run run, runs[8], *next = runs;
    assert_int_equal(append(log, "/var/evidence a/journal-0", 0, 3), TLOG_OK);
    assert_int_equal(append(log, "/var/evidence a/journal-0", 3, 2), TLOG_OK); /* joins */
    assert_int_equal(append(log, "registry", 5, 1), TLOG_OK);
    assert_int_equal(append(log, "/var/evidence a/journal-0", 6, 1), TLOG_OK); /* a gap, an index */
    assert_int_equal(tlog_commit(log), TLOG_OK);
    assert_int_equal(append(log, "/var/evidence a/journal-0", 7, 1), TLOG_OK); /* another commit */
    assert_int_equal(append(log, "/var/evidence a/journal-0", 9, 255), TLOG_OK); /* a gap alone */
    assert_int_equal(append(log, "/var/evidence a/journal-0", 264, 2), TLOG_OK); /* does not fit */
    struct tlog_reader *reader = reader_of(folder);
    assert_int_equal(tlog_find_run(reader, "/var/evidence a/journal-0", 70, &run),
                     TLOG_ERR_MISSING); /* not committed */
    assert_int_equal(tlog_commit(log), TLOG_OK);
    tlog_close(&log);

    assert_int_equal(tlog_each_run(reader, "/var/evidence a/journal-0", take_run, &next), TLOG_OK);
    assert_int_equal(next - runs, 5);
    static const struct tlog_run expected[] = {
        {0, 50, 0, 5}, {60, 70, 6, 1}, {70, 80, 7, 1}, {90, 2640, 8, 255}, {2640, 2660, 263, 2}};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(runs[i].position, expected[i].position);
        assert_int_equal(runs[i].next, expected[i].next);
        assert_int_equal(runs[i].index, expected[i].index);
        assert_int_equal(runs[i].count, expected[i].count);
        for (uint64_t at = expected[i].position; at < expected[i].next; at++) {
            assert_int_equal(tlog_find_run(reader, "/var/evidence a/journal-0", at, &run), TLOG_OK);
            assert_int_equal(run.index, expected[i].index);
        }
    }
    for (uint64_t at = 50; at < 60; at++)
        assert_int_equal(tlog_find_run(reader, "/var/evidence a/journal-0", at, &run),
                         TLOG_ERR_MISSING);
    assert_int_equal(tlog_find_run(reader, "/var/evidence a/journal-0", 2660, &run),
                     TLOG_ERR_MISSING);
    assert_int_equal(tlog_find_run(reader, "nobody", 0, &run), TLOG_ERR_MISSING);
    tlog_reader_close(&reader);
}

/* Broken: runs that a crash left would count once the log has grown past them, and lead from a
 * record to somebody else's entry. */
static void runs_that_a_crash_left_are_cut_off(void **state)
{
    (void)state;
    const struct tlog_run left = {0, 50, 20, 5};
    uint8_t octets[TLOG_RUNS_HEADER_BYTES + TLOG_RUN_BYTES];
    char path[TLOG_PATH_BYTES_MAX];
    struct buf out = BUF_OVER(octets);
    struct tlog_run run;
    tlog_runs_header("a journal", &out);
    tlog_run_write(&left, &out);
    tlog_runs_path("a journal", path);
    for (size_t len = 0; len <= out.len; len += 144) { /* nothing, torn, whole */
        const char *folder = new_log(20);
        write_file(path_in(folder, path), bytes_of(octets, len));
        struct tlog *log = log_in(folder);
        grow(log, 20, 30);
        struct tlog_reader *reader = reader_of(folder);
        assert_int_equal(tlog_find_run(reader, "a journal", 7, &run), TLOG_ERR_MISSING);
        assert_int_equal(tlog_append(log, "a journal", 0, 10, &(struct bytes)BYTES("x"), 1),
                         TLOG_OK);
        assert_int_equal(tlog_commit(log), TLOG_OK);
        assert_int_equal(tlog_find_run(reader, "a journal", 7, &run), TLOG_OK);
        assert_int_equal(run.index, 30);
        assert_int_equal(run.count, 1);
        tlog_reader_close(&reader);
        tlog_close(&log);
    }
}

/* Broken: a restarted gateway would put records into the log twice, or leave some out. */
static void cursors_come_back_until_forgotten(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct tlog *log = log_in(folder);
    struct tlog_cursor cursors[TLOG_CURSORS_MAX];
    struct merkle_hash root;
    uint64_t size;
    size_t count;
    assert_int_equal(append(log, "a", 0, 1), TLOG_OK);
    assert_int_equal(append(log, "b", 1, 1), TLOG_OK);
    assert_int_equal(tlog_append(log, "c", 5, 90, NULL, 0), TLOG_OK); /* nothing worth an entry */
    assert_int_equal(tlog_commit(log), TLOG_OK);
    tlog_forget(log, "a");
    assert_int_equal(tlog_cursor(log, "a"), 0);
    tlog_close(&log); /* not committed */
    log = log_in(folder);
    assert_int_equal(tlog_cursor(log, "a"), 10);
    tlog_forget(log, "a");
    tlog_forget(log, "nobody");
    assert_int_equal(tlog_commit(log), TLOG_OK);
    tlog_close(&log);
    log = log_in(folder);
    assert_int_equal(tlog_cursor(log, "a"), 0);
    assert_int_equal(tlog_cursor(log, "b"), 20);
    assert_int_equal(tlog_cursor(log, "c"), 90);
    assert_int_equal(tlog_size(log), 2);
    struct tlog_reader *reader = reader_of(folder);
    assert_int_equal(tlog_read_state(reader, &size, &root, cursors, &count), TLOG_OK);
    assert_int_equal(count, 2);
    assert_string_equal(cursors[0].source, "b");
    assert_int_equal(cursors[1].position, 90);
    struct tlog_run run; /* its runs stay */
    assert_int_equal(tlog_find_run(reader, "a", 3, &run), TLOG_OK);
    tlog_reader_close(&reader);
    tlog_close(&log);
}

/* Broken: what is appended without a commit would grow without end, or be half taken. */
static void limits_are_told_and_pass(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct tlog *log = log_in(folder);
    enum tlog_error error = TLOG_OK;
    char name[TLOG_SOURCE_BYTES_MAX];
    unsigned n = 0;
    while (!error && n < NUMBERS_MAX * 10) {
        error = append(log, "registry", n, 100);
        n += error ? 0 : 100;
    }
    assert_int_equal(error, TLOG_ERR_FULL);
    assert_int_equal(tlog_cursor(log, "registry"), 10 * (uint64_t)n);
    assert_true(n > TLOG_PENDING_BYTES_MAX / (34 + 18) - 200);
    assert_int_equal(tlog_commit(log), TLOG_OK);
    assert_int_equal(tlog_size(log), n);
    assert_int_equal(append(log, "registry", n, 100), TLOG_OK);
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    for (unsigned i = 1; i < TLOG_CURSORS_MAX; i++) {
        snprintf(name, 10, "%08u", i);
        name[8] = 'n';
        assert_int_equal(append(log, name, 0, 1), TLOG_OK);
    }
    assert_int_equal(append(log, "one more", 0, 1), TLOG_ERR_FULL);
    tlog_forget(log, name);
    assert_int_equal(tlog_commit(log), TLOG_OK);
    assert_int_equal(append(log, "one more", 0, 1), TLOG_OK);
    assert_int_equal(tlog_commit(log), TLOG_OK);
    tlog_close(&log);
    log = log_in(folder);
    assert_int_equal(tlog_cursor(log, "one more"), 10);
    tlog_close(&log);
}

/* ---- opening -------------------------------------------------------------------------------- */

/* Broken: two gateways would write one log into pieces. */
static void a_second_writer_is_refused(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct tlog *first = log_in(folder), *second;
    assert_int_equal(open_log(folder, &second), TLOG_ERR_BUSY);
    assert_null(second);
    assert_non_null(strstr(buf_cstr(&why), "another process writes this log"));
    tlog_close(&first);
    first = log_in(folder);
    tlog_close(&first);
}

static void assert_refused(const char *folder, const char *expected)
{
    struct tlog *log;
    assert_int_equal(open_log(folder, &log), TLOG_ERR_DAMAGED);
    assert_null(log);
    if (!strstr(buf_cstr(&why), expected))
        fail_msg("%s", buf_cstr(&why));
}

/* Broken: a log would be written on from a state that is not its own, or signed over. */
static void a_damaged_log_is_not_written_on(void **state)
{
    (void)state;
    uint8_t storage[20000], kept[20000];
    const char *folder = new_log(700);
    static const char *const files[] = {"state", "tile/entries/002.p/188", "tile/0/002.p/188",
                                        "tile/1/000.p/2"};
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        const char *path = path_in(folder, files[f]);
        struct bytes content = read_file(path, storage, sizeof storage);
        memcpy(kept, storage, content.len);
        for (size_t at = 0; at < content.len; at += f ? 31 : 1) {
            storage[at] ^= 1;
            write_file(path, content);
            assert_refused(folder, "");
            storage[at] ^= 1;
        }
        write_file(path, bytes_of(storage, content.len - 1));
        assert_refused(folder, "");
        assert_int_equal(unlink(path), 0);
        assert_refused(folder, "");
        write_file(path, bytes_of(kept, content.len));
    }
    assert_int_equal(rename(path_in(folder, "state"), path_in(folder, "kept")), 0);
    assert_int_equal(unlink(path_in(folder, "checkpoint")), 0);
    assert_refused(folder, "there is a log, and no state");
    assert_int_equal(rename(path_in(folder, "kept"), path_in(folder, "state")), 0);
    struct tlog *log = log_in(folder);
    tlog_close(&log);
    assert_whole(folder, 700);
}

/* Broken: after a crash the newest checkpoint would be missing, or one would be signed that
 * contradicts an earlier one. */
static void the_checkpoint_follows_the_state(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct tlog *log = log_in(folder);
    uint8_t old_note[NOTE_BYTES_MAX], old_state[4096], note[NOTE_BYTES_MAX];
    grow(log, 0, 300);
    const struct bytes old = read_file(path_in(folder, "checkpoint"), old_note, sizeof old_note);
    const struct bytes before = read_file(path_in(folder, "state"), old_state, sizeof old_state);
    grow(log, 300, 600);
    tlog_close(&log);
    const struct bytes newest = read_file(path_in(folder, "checkpoint"), note, sizeof note);

    const struct bytes behind[] = {old, bytes_of(old_note, 0), bytes_of(note, newest.len / 2)};
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
        write_file(path_in(folder, "checkpoint"), behind[i]);
        log = log_in(folder);
        tlog_close(&log);
        assert_true(bytes_equal(checkpoint_of(folder, "checkpoint"), newest));
    }
    assert_int_equal(unlink(path_in(folder, "checkpoint")), 0);
    log = log_in(folder);
    tlog_close(&log);
    assert_true(bytes_equal(checkpoint_of(folder, "checkpoint"), newest));

    /* The state of a backup, and a checkpoint or a witness that has seen more. */
    uint8_t now_storage[4096];
    const struct bytes now = read_file(path_in(folder, "state"), now_storage, sizeof now_storage);
    write_file(path_in(folder, "state"), before);
    assert_refused(folder, "checkpoint: is of more entries");
    write_file(path_in(folder, "checkpoint"), old);
    write_file(path_in(folder, "checkpoint.witnessed"), newest);
    assert_refused(folder, "checkpoint.witnessed: is of more entries");
    write_file(path_in(folder, "state"), now);
    log = log_in(folder);
    tlog_close(&log);
}

/* Broken: a log would go on under another key or name, or over another tree's checkpoint. */
static void another_logs_checkpoint_is_refused(void **state)
{
    (void)state;
    const char *folder = new_log(20);
    struct note_signer other;
    uint8_t storage[NOTE_BYTES_MAX], seed[CRYPTO_ED25519_SEED_BYTES] = {1};
    struct buf note = BUF_OVER(storage);
    struct checkpoint checkpoint = {.size = 20, .root = expected_root(0, 20)};
    assert_int_equal(note_signer_init(&other, "other.example/log", NOTE_ED25519, seed), CRYPTO_OK);
    assert_int_equal(checkpoint_sign(&checkpoint, &other, &note), CRYPTO_OK);
    write_file(path_in(folder, "checkpoint"), buf_bytes(&note));
    assert_refused(folder, "checkpoint: is of another origin");
    note.len = 0;
    assert_int_equal(note_signer_init(&other, ORIGIN, NOTE_ED25519, seed), CRYPTO_OK);
    assert_int_equal(checkpoint_sign(&checkpoint, &other, &note), CRYPTO_OK);
    write_file(path_in(folder, "checkpoint"), buf_bytes(&note));
    assert_refused(folder, "checkpoint: is not signed with this key");
    for (checkpoint.size = 19; checkpoint.size <= 20; checkpoint.size++) {
        checkpoint.root = expected_root(1, 10);
        note.len = 0;
        assert_int_equal(checkpoint_sign(&checkpoint, log_signer(), &note), CRYPTO_OK);
        write_file(path_in(folder, "checkpoint"), buf_bytes(&note));
        assert_refused(folder, "checkpoint: is of another tree");
    }
}

/* ---- cosigned checkpoints ------------------------------------------------------------------- */

/* Broken: witnesses' signatures would be lost, put on another checkpoint, or go backwards. */
static void cosigned_checkpoints_are_published(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct tlog *log = log_in(folder);
    struct note_signer witness;
    uint8_t first_storage[NOTE_BYTES_MAX], second_storage[NOTE_BYTES_MAX];
    uint8_t seed[CRYPTO_ED25519_SEED_BYTES] = {2};
    struct buf first = BUF_OVER(first_storage), second = BUF_OVER(second_storage);
    struct tlog_reader *reader = reader_of(folder);
    struct checkpoint checkpoint;
    struct bytes text;
    assert_int_equal(note_signer_init(&witness, "witness.example", NOTE_COSIGNATURE, seed),
                     CRYPTO_OK);
    grow(log, 0, 5);
    assert_int_equal(tlog_read_checkpoint(reader, true, &first), TLOG_ERR_MISSING);
    assert_int_equal(tlog_read_checkpoint(reader, false, &first), TLOG_OK);
    assert_true(checkpoint_read(buf_bytes(&first), &checkpoint, &text));
    assert_int_equal(note_cosign(text, &witness, 1750000000, &first), CRYPTO_OK);
    assert_int_equal(tlog_publish_cosigned(log, buf_bytes(&first), false), TLOG_OK);
    assert_true(bytes_equal(checkpoint_of(folder, "checkpoint"), buf_bytes(&first)));
    assert_false(is_there(folder, "checkpoint.witnessed"));
    assert_int_equal(tlog_append(log, "s", 0, 9, NULL, 0), TLOG_OK);
    assert_int_equal(tlog_commit(log), TLOG_OK); /* a cursor alone needs no checkpoint */
    assert_true(bytes_equal(checkpoint_of(folder, "checkpoint"), buf_bytes(&first)));

    grow(log, 5, 9);
    assert_int_equal(tlog_read_checkpoint(reader, false, &second), TLOG_OK);
    assert_int_equal(tlog_publish_cosigned(log, buf_bytes(&first), true), TLOG_OK); /* late */
    assert_checkpoint(folder, 9);
    assert_true(bytes_equal(checkpoint_of(folder, "checkpoint.witnessed"), buf_bytes(&first)));
    assert_int_equal(tlog_publish_cosigned(log, buf_bytes(&second), true), TLOG_OK);
    assert_int_equal(tlog_publish_cosigned(log, buf_bytes(&first), true), TLOG_OK); /* later yet */
    assert_true(bytes_equal(checkpoint_of(folder, "checkpoint.witnessed"), buf_bytes(&second)));

    checkpoint = (struct checkpoint){.size = 9, .root = expected_root(1, 10)};
    first.len = 0;
    assert_int_equal(checkpoint_sign(&checkpoint, log_signer(), &first), CRYPTO_OK);
    assert_int_equal(tlog_publish_cosigned(log, buf_bytes(&first), true), TLOG_ERR_DAMAGED);
    checkpoint = (struct checkpoint){.size = 10, .root = expected_root(0, 10)};
    first.len = 0;
    assert_int_equal(checkpoint_sign(&checkpoint, log_signer(), &first), CRYPTO_OK);
    assert_int_equal(tlog_publish_cosigned(log, buf_bytes(&first), true), TLOG_ERR_DAMAGED);
    assert_int_equal(tlog_publish_cosigned(log, BYTES("no note"), true), TLOG_ERR_DAMAGED);
    assert_true(bytes_equal(checkpoint_of(folder, "checkpoint.witnessed"), buf_bytes(&second)));
    tlog_reader_close(&reader);
    tlog_close(&log);
    assert_whole(folder, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_those_of_the_text),
        cmocka_unit_test(the_example_of_the_text_has_its_files),
        cmocka_unit_test(steps_and_restarts_lead_to_the_same_log),
        cmocka_unit_test(a_reader_keeps_its_tree_while_the_log_grows),
        cmocka_unit_test(lengths_at_the_edges_come_back),
        cmocka_unit_test(runs_lead_from_a_source_to_the_log),
        cmocka_unit_test(runs_that_a_crash_left_are_cut_off),
        cmocka_unit_test(cursors_come_back_until_forgotten),
        cmocka_unit_test(limits_are_told_and_pass),
        cmocka_unit_test(a_second_writer_is_refused),
        cmocka_unit_test(a_damaged_log_is_not_written_on),
        cmocka_unit_test(the_checkpoint_follows_the_state),
        cmocka_unit_test(another_logs_checkpoint_is_refused),
        cmocka_unit_test(cosigned_checkpoints_are_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
