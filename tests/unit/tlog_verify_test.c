/* What somebody with access to the disk may do to a log, and that it is found, by its index where
 * it has one; and entries that were removed on purpose. */
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evidence/crc32c.h"
#include "tests/unit/tlog_fixture.h"

#define SIZE                  700                         /* two full bundles, and 188 entries */
#define STATE_SIGNATURE_BYTES 89                          /* its line, the last but one */
#define STATE_END_BYTES       (STATE_SIGNATURE_BYTES + 9) /* and the CRC's */

static uint8_t storage[TLOG_BUNDLE_BYTES_MAX + 1], other_storage[TLOG_BUNDLE_BYTES_MAX + 1];
static uint8_t older_storage[NOTE_BYTES_MAX + 1];

static void assert_found(const char *folder, struct bytes older, const char *expected)
{
    uint64_t size, removed;
    assert_int_equal(verify_against(folder, older, &size, &removed), TLOG_ERR_DAMAGED);
    if (!strstr(buf_cstr(&why), expected))
        fail_msg("'%s' instead of '%s'", buf_cstr(&why), expected);
}

static void assert_found_at(const char *folder, unsigned index)
{
    char expected[64];
    snprintf(expected, sizeof expected, "index %u:", index);
    assert_found(folder, bytes_of(NULL, 0), expected);
}

/* Where entry `number` begins, with its length, in the bundle that begins with entry `first`. */
static size_t offset_of(unsigned first, unsigned number)
{
    uint8_t entry[TLOG_ENTRY_BYTES_MAX];
    size_t at = 0;
    for (unsigned n = first; n < number; n++)
        at += 2 + entry_of(n, entry).len;
    return at;
}

/* Broken: one octet of an entry could be changed, or which entry it was would not be told. */
static void a_changed_octet_of_an_entry_is_found(void **state)
{
    (void)state;
    const char *folder = new_log(SIZE), *path = path_in(folder, "tile/entries/001");
    const struct bytes bundle = read_file(path, storage, sizeof storage);
    for (unsigned n = 256; n < 512; n += 51) {
        const size_t from = offset_of(256, n), to = offset_of(256, n + 1);
        for (size_t at = from; at < to; at++) {
            storage[at] ^= 0x20;
            write_file(path, bundle);
            assert_found_at(folder, n);
            storage[at] ^= 0x20;
        }
    }
    write_file(path, bundle);
    assert_whole(folder, SIZE);
}

/* Broken: a hash could be changed in a tile of any level. */
static void a_changed_octet_of_a_tile_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        unsigned first, step;
        const char *expected;
    } TILES[] = {
        {"tile/0/000", 0, 1, "index %u: the entry is not the one whose hash its tile holds"},
        {"tile/0/002.p/188", 512, 1, "index %u: the entry is not the one whose hash"},
        {"tile/1/000.p/2", 0, 256, "index %u to"},
    };
    const char *folder = new_log(SIZE);
    for (size_t t = 0; t < sizeof TILES / sizeof *TILES; t++) {
        const char *path = path_in(folder, TILES[t].path);
        const struct bytes tile = read_file(path, storage, sizeof storage);
        for (size_t at = 0; at < tile.len; at += 61) {
            char expected[128];
            snprintf(expected, sizeof expected, "index %u",
                     TILES[t].first + (unsigned)(at / MERKLE_HASH_BYTES) * TILES[t].step);
            storage[at] ^= 1;
            write_file(path, tile);
            assert_found(folder, bytes_of(NULL, 0), expected);
            assert_non_null(strstr(buf_cstr(&why), strchr(TILES[t].expected, 'u') + 1));
            storage[at] ^= 1;
        }
        write_file(path, tile);
    }
    assert_whole(folder, SIZE);
}

/* Changes an entry of a bundle together with its hash in the tile. */
static void forge(const char *folder, const char *bundle, const char *tile, unsigned first,
                  unsigned number)
{
    uint8_t entry[TLOG_ENTRY_BYTES_MAX];
    struct bytes content = read_file(path_in(folder, bundle), storage, sizeof storage);
    struct bytes hashes = read_file(path_in(folder, tile), other_storage, sizeof other_storage);
    struct merkle_hash leaf;
    const size_t at = offset_of(first, number) + 2, len = entry_of(number, entry).len;
    storage[at] = 'E';
    CHECK(merkle_leaf(&crypto_openssl, bytes_of(storage + at, len), &leaf) == CRYPTO_OK);
    memcpy(other_storage + (number - first) * sizeof leaf, &leaf, sizeof leaf);
    write_file(path_in(folder, bundle), content);
    write_file(path_in(folder, tile), hashes);
}

/* Broken: whoever changes an entry and its hash with it would go unseen. */
static void a_forged_entry_with_its_hash_is_found(void **state)
{
    (void)state;
    const char *folder = new_log(SIZE);
    forge(folder, "tile/entries/001", "tile/0/001", 256, 300);
    assert_found(folder, bytes_of(NULL, 0), "index 256 to 511: the hashes of these entries");
    folder = new_log(SIZE);
    forge(folder, "tile/entries/002.p/188", "tile/0/002.p/188", 512, 600);
    assert_found(folder, bytes_of(NULL, 0), "but not with the root that the state holds");
}

/* Broken: a record could be cut out, doubled, or change places with another. */
static void cut_and_swapped_records_are_found(void **state)
{
    (void)state;
    const char *folder = new_log(SIZE), *path = path_in(folder, "tile/entries/001");
    const struct bytes bundle = read_file(path, storage, sizeof storage);
    const size_t from = offset_of(256, 300), to = offset_of(256, 301), far = offset_of(256, 308);
    memcpy(other_storage, storage, from);
    memcpy(other_storage + from, storage + to, bundle.len - to);
    write_file(path, bytes_of(other_storage, bundle.len - (to - from)));
    assert_found_at(folder, 300);

    memcpy(other_storage, storage, to);
    memcpy(other_storage + to, storage + from, bundle.len - from);
    write_file(path, bytes_of(other_storage, bundle.len + (to - from)));
    assert_found_at(folder, 301);

    /* 301 and 308 are as long, for their numbers leave the same rest by 7. */
    const size_t len = offset_of(256, 302) - to;
    memcpy(other_storage, storage, bundle.len);
    memcpy(other_storage + to, storage + far, len);
    memcpy(other_storage + far, storage + to, len);
    write_file(path, bytes_of(other_storage, bundle.len));
    assert_found_at(folder, 301);

    /* The last one of a bundle, and octets behind it. */
    write_file(path, bytes_of(storage, offset_of(256, 511)));
    assert_found_at(folder, 511);
    write_file(path, bytes_of(storage, bundle.len - 1));
    assert_found_at(folder, 511);
    storage[bundle.len] = 0;
    write_file(path, bytes_of(storage, bundle.len + 1));
    assert_found_at(folder, 512);
    write_file(path, bundle);
    assert_whole(folder, SIZE);
}

/* Broken: two swapped with their hashes would go unseen. */
static void swapped_records_with_their_hashes_are_found(void **state)
{
    (void)state;
    const char *folder = new_log(SIZE);
    struct bytes bundle = read_file(path_in(folder, "tile/entries/000"), storage, sizeof storage);
    struct bytes tile =
        read_file(path_in(folder, "tile/0/000"), other_storage, sizeof other_storage);
    const size_t a = offset_of(0, 20), b = offset_of(0, 27), len = offset_of(0, 21) - a;
    uint8_t kept[TLOG_ENTRY_BYTES_MAX];
    memcpy(kept, storage + a, len);
    memcpy(storage + a, storage + b, len);
    memcpy(storage + b, kept, len);
    memcpy(kept, other_storage + 20 * MERKLE_HASH_BYTES, MERKLE_HASH_BYTES);
    memcpy(other_storage + 20 * MERKLE_HASH_BYTES, other_storage + 27 * MERKLE_HASH_BYTES,
           MERKLE_HASH_BYTES);
    memcpy(other_storage + 27 * MERKLE_HASH_BYTES, kept, MERKLE_HASH_BYTES);
    write_file(path_in(folder, "tile/entries/000"), bundle);
    write_file(path_in(folder, "tile/0/000"), tile);
    assert_found(folder, bytes_of(NULL, 0), "index 0 to 255: the hashes of these entries");
}

/* Broken: files could be removed, and what is left pass for the log. */
static void missing_files_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *path, *expected;
    } FILES[] = {
        {"tile/entries/000", "index 0: the bundle from there on: not there"},
        {"tile/entries/002.p/188", "index 512: the bundle from there on: not there"},
        {"tile/0/001", "index 256: the tile from there on: not there"},
        {"tile/1/000.p/2", "the tile of level 1 for the entries from index 0 on: not there"},
        {"checkpoint", "the checkpoint: not there"},
    };
    const char *folder = new_log(SIZE);
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        assert_int_equal(rename(path_in(folder, FILES[i].path), path_in(folder, "away")), 0);
        assert_found(folder, bytes_of(NULL, 0), FILES[i].expected);
        assert_int_equal(rename(path_in(folder, "away"), path_in(folder, FILES[i].path)), 0);
    }
    struct tlog_reader *reader = reader_of(folder);
    uint64_t size;
    assert_int_equal(unlink(path_in(folder, "state")), 0);
    assert_int_equal(tlog_verify(reader, NULL, bytes_of(NULL, 0), NULL, NULL, &size, &why),
                     TLOG_ERR_DAMAGED);
    tlog_reader_close(&reader);
    assert_int_equal(tlog_reader_open(folder, &reader), TLOG_ERR_MISSING);
}

/* Broken: one octet of the checkpoint could be changed. */
static void a_changed_octet_of_the_checkpoint_is_found(void **state)
{
    (void)state;
    const char *folder = new_log(SIZE), *path = path_in(folder, "checkpoint");
    const struct bytes note = read_file(path, storage, sizeof storage);
    for (size_t at = 0; at < note.len; at++) {
        storage[at] ^= 1;
        write_file(path, note);
        assert_found(folder, bytes_of(NULL, 0), "the checkpoint");
        storage[at] ^= 1;
    }
    write_file(path, note);
    assert_whole(folder, SIZE);
}

/* Broken: the tail could be cut off: state and entries taken back to an earlier day, while a
 * checkpoint, kept here or by somebody else, says more. */
static void a_cut_tail_is_found(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    static uint8_t early_state[4096], early_note[NOTE_BYTES_MAX];
    struct tlog *log = log_in(folder);
    grow(log, 0, 300);
    const struct bytes before =
        read_file(path_in(folder, "state"), early_state, sizeof early_state);
    const struct bytes note =
        read_file(path_in(folder, "checkpoint"), early_note, sizeof early_note);
    grow(log, 300, 400); /* in the same bundle: what an earlier day needs is all there */
    const struct bytes newest =
        read_file(path_in(folder, "checkpoint"), older_storage, sizeof older_storage);
    tlog_close(&log);
    write_file(path_in(folder, "state"), before);
    assert_found(folder, bytes_of(NULL, 0),
                 "index 300: the log ends there, and the checkpoint has 400 entries");
    write_file(path_in(folder, "checkpoint"), note);
    assert_whole(folder, 300); /* nothing here tells */
    assert_found(folder, newest,
                 "index 300: the log ends there, and the older checkpoint has 400 entries");
    write_file(path_in(folder, "checkpoint.witnessed"), newest);
    assert_found(folder, bytes_of(NULL, 0),
                 "index 300: the log ends there, and the witnessed checkpoint has 400 entries");
}

/* Puts another line, or none, in the place of the state's signature. */
static void sign_state_with(const char *folder, struct bytes line)
{
    const struct bytes text = read_file(path_in(folder, "state"), storage, sizeof storage);
    struct buf out = BUF_OVER(other_storage);
    buf_put(&out, bytes_of(text.data, text.len - STATE_END_BYTES));
    buf_put(&out, line);
    buf_printf(&out, "%08x\n", crc32c_of(buf_bytes(&out)));
    write_file(path_in(folder, "state"), buf_bytes(&out));
}

/* Broken: who has the disk and not the log's key could rewrite all that lies behind an older
 * checkpoint, and the next gateway would sign it. */
static void a_tail_rewritten_behind_a_checkpoint_is_found(void **state)
{
    (void)state;
    static const char EXPECTED[] = "the state has no good signature by this log's key";
    const char *honest = new_log(300), *rewritten = temp_folder();
    struct note_signer thief;
    struct tlog *log;
    uint8_t seed[CRYPTO_ED25519_SEED_BYTES] = {7}, line[128];
    assert_int_equal(note_signer_init(&thief, ORIGIN, NOTE_ED25519, seed), CRYPTO_OK);
    assert_int_equal(tlog_open(rewritten, &thief, &log, &why), TLOG_OK);
    grow(log, 0, 300);
    assert_int_equal(append(log, "registry", 301, 100), TLOG_OK); /* without entry 300 */
    assert_int_equal(tlog_commit(log), TLOG_OK);
    tlog_close(&log);
    write_file(path_in(rewritten, "checkpoint"), checkpoint_of(honest, "checkpoint"));
    assert_found(rewritten, bytes_of(NULL, 0), EXPECTED);
    assert_int_equal(open_log(rewritten, &log), TLOG_ERR_DAMAGED);
    assert_non_null(strstr(buf_cstr(&why), EXPECTED));
    /* A good signature of another tree, and none. */
    const struct bytes good = read_file(path_in(honest, "state"), storage, sizeof storage);
    memcpy(line, good.data + good.len - STATE_END_BYTES, STATE_SIGNATURE_BYTES);
    sign_state_with(rewritten, bytes_of(line, STATE_SIGNATURE_BYTES));
    assert_found(rewritten, bytes_of(NULL, 0), EXPECTED);
    sign_state_with(rewritten, BYTES(""));
    assert_found(rewritten, bytes_of(NULL, 0), EXPECTED);
    assert_int_equal(open_log(rewritten, &log), TLOG_ERR_DAMAGED);
    assert_non_null(strstr(buf_cstr(&why), EXPECTED));
    assert_whole(honest, 300);
}

/* Broken: who has the log's key could write another history; only somebody else's copy of a
 * checkpoint shows it. */
static void a_rebuilt_log_is_found_by_an_older_checkpoint(void **state)
{
    (void)state;
    const char *honest = new_log(300), *rebuilt = temp_folder();
    struct tlog *log = log_in(rebuilt);
    assert_int_equal(append(log, "registry", 0, 100), TLOG_OK);
    assert_int_equal(append(log, "registry", 101, 256), TLOG_OK); /* without entry 100 */
    assert_int_equal(append(log, "registry", 400, 256), TLOG_OK);
    assert_int_equal(tlog_commit(log), TLOG_OK);
    tlog_close(&log);
    uint64_t size, removed;
    assert_int_equal(verify_against(rebuilt, bytes_of(NULL, 0), &size, &removed), TLOG_OK);
    const struct bytes older =
        read_file(path_in(honest, "checkpoint"), older_storage, sizeof older_storage);
    assert_found(rebuilt, older, "the older checkpoint has another tree for its 300 entries");
    assert_int_equal(verify_against(honest, older, &size, &removed), TLOG_OK);
    log = log_in(honest); /* an honest log grows from it */
    grow(log, 300, 900);
    tlog_close(&log);
    assert_int_equal(verify_against(honest, older, &size, &removed), TLOG_OK);
    assert_int_equal(size, 900);
    assert_found(honest, BYTES("no note\n"), "the older checkpoint can't be read");
    older_storage[0] ^= 1;
    assert_found(honest, older, "the older checkpoint has no good signature");
}

/* Broken: a log under a stranger's key would pass for ours, or could not be looked at without one.
 */
static void another_key_is_told(void **state)
{
    (void)state;
    const char *folder = new_log(10);
    struct tlog_reader *reader = reader_of(folder);
    struct note_signer other;
    uint8_t seed[CRYPTO_ED25519_SEED_BYTES] = {3};
    uint64_t size;
    why = BUF_OVER(why_storage);
    assert_int_equal(note_signer_init(&other, ORIGIN, NOTE_ED25519, seed), CRYPTO_OK);
    assert_int_equal(
        tlog_verify(reader, &other.verifier, bytes_of(NULL, 0), NULL, NULL, &size, &why),
        TLOG_ERR_DAMAGED);
    assert_non_null(strstr(buf_cstr(&why), "no good signature"));
    assert_int_equal(tlog_verify(reader, NULL, bytes_of(NULL, 0), NULL, NULL, &size, &why),
                     TLOG_OK);
    assert_int_equal(size, 10);
    tlog_reader_close(&reader);
}

/* Broken: a log could not be verified while its gateway goes on. */
static void a_log_that_grows_can_be_verified(void **state)
{
    (void)state;
    const char *folder = new_log(1);
    uint64_t size = 0, removed;
    const pid_t writer = fork();
    if (writer == 0) {
        struct tlog *log = log_in(folder);
        for (unsigned n = 1; n < 3000; n += 1 + n % 40)
            grow(log, n, n + 1 + n % 40);
        _exit(0);
    }
    while (waitpid(writer, NULL, WNOHANG) == 0)
        if (verify_against(folder, bytes_of(NULL, 0), &size, &removed) != TLOG_OK)
            fail_msg("%s", buf_cstr(&why));
    assert_true(size > 1);
}

/* Broken: what cannot be read for want of a right would be called damaged. */
static void what_cannot_be_read_is_not_called_damaged(void **state)
{
    (void)state;
    const char *folder = new_log(SIZE);
    uint64_t size, removed;
    assert_int_equal(unlink(path_in(folder, "tile/0/001")), 0);
    assert_int_equal(symlink("001", path_in(folder, "tile/0/001")), 0); /* ELOOP */
    assert_int_equal(verify_against(folder, bytes_of(NULL, 0), &size, &removed), TLOG_ERR_OPEN);
    assert_non_null(strstr(buf_cstr(&why), strerror(ELOOP)));
}

/* ---- removed entries ------------------------------------------------------------------------ */

static enum tlog_error remove_due(const char *folder, uint64_t bundle, const bool *due)
{
    why = BUF_OVER(why_storage);
    return tlog_remove(folder, bundle, due, &why);
}

/* Broken: removing what is due would break the log or its proofs, or leave the content there. */
static void removed_entries_keep_their_hashes(void **state)
{
    (void)state;
    const char *folder = new_log(SIZE);
    bool due[TLOG_BUNDLE_ENTRIES] = {[3] = true, [4] = true, [255] = true};
    struct merkle_hash proof[MERKLE_PROOF_MAX], again[MERKLE_PROOF_MAX];
    uint8_t entry[TLOG_ENTRY_BYTES_MAX], expected[TLOG_ENTRY_BYTES_MAX];
    struct buf out = BUF_OVER(entry);
    struct tlog_reader *reader = reader_of(folder);
    uint64_t size, removed;
    size_t count;
    assert_int_equal(tlog_prove_inclusion(reader, 256 + 5, SIZE, proof, &count), TLOG_OK);
    assert_int_equal(remove_due(folder, 1, due), TLOG_OK);
    assert_int_equal(verify_against(folder, bytes_of(NULL, 0), &size, &removed), TLOG_OK);
    assert_int_equal(removed, 3);
    assert_int_equal(remove_due(folder, 1, due), TLOG_OK); /* they are gone already */
    due[3] = due[4] = due[255] = false;
    due[0] = true;
    assert_int_equal(remove_due(folder, 1, due), TLOG_OK);
    assert_int_equal(remove_due(folder, 0, due), TLOG_OK);
    assert_int_equal(verify_against(folder, bytes_of(NULL, 0), &size, &removed), TLOG_OK);
    assert_int_equal(removed, 5);
    assert_int_equal(tlog_read_entry(reader, 256 + 3, SIZE, &out), TLOG_OK);
    assert_int_equal(out.len, 0);
    assert_int_equal(tlog_read_entry(reader, 256 + 5, SIZE, &out), TLOG_OK);
    assert_true(bytes_equal(buf_bytes(&out), entry_of(256 + 5, expected)));
    assert_int_equal(tlog_prove_inclusion(reader, 256 + 5, SIZE, again, &count), TLOG_OK);
    assert_memory_equal(proof, again, count * sizeof *proof);
    tlog_reader_close(&reader);
    struct tlog *log = log_in(folder); /* and it grows on */
    grow(log, SIZE, 1000);
    tlog_close(&log);
    assert_int_equal(verify_against(folder, bytes_of(NULL, 0), &size, &removed), TLOG_OK);
    assert_int_equal(removed, 5);
    /* What was removed can't be put back as something else. */
    const struct bytes bundle =
        read_file(path_in(folder, "tile/entries/001"), storage, sizeof storage);
    memcpy(other_storage, "\0\1x", 3);
    memcpy(other_storage + 3, storage + 2, bundle.len - 2);
    write_file(path_in(folder, "tile/entries/001"), bytes_of(other_storage, bundle.len + 1));
    assert_found_at(folder, 256);
}

/* Broken: what is removed would stay beside the bundle, in partial ones that could not be removed
 * when it became full. */
static void nothing_removed_stays_in_partial_bundles(void **state)
{
    (void)state;
    const char *folder = new_log(SIZE), *partial = path_in(folder, "tile/entries/000.p");
    const bool due[TLOG_BUNDLE_ENTRIES] = {[3] = true};
    assert_int_equal(mkdir(partial, 0755), 0);
    write_file(path_in(partial, "240"), BYTES("entries"));
    assert_int_equal(remove_due(folder, 0, due), TLOG_OK);
    assert_int_not_equal(access(partial, F_OK), 0);
    assert_int_equal(errno, ENOENT);
    /* One that can't be removed is told, and the bundle left as it is for the next try. */
    const char *deeper = path_in(path_in(folder, "tile/entries/001.p"), "folder");
    assert_int_equal(mkdir(path_in(folder, "tile/entries/001.p"), 0755), 0);
    assert_int_equal(mkdir(deeper, 0755), 0);
    assert_int_equal(remove_due(folder, 1, due), TLOG_ERR_WRITE);
    assert_non_null(
        strstr(buf_cstr(&why), "tile/entries/001: its partial bundles can't be removed"));
    uint64_t size, removed;
    assert_int_equal(verify_against(folder, bytes_of(NULL, 0), &size, &removed), TLOG_OK);
    assert_int_equal(removed, 1);
}

/* Broken: an entry would be removed while its writer still needs it, or one that is missing from
 * the last bundle would pass for removed. */
static void nothing_is_removed_from_the_last_bundle(void **state)
{
    (void)state;
    const char *folder = new_log(SIZE);
    const bool due[TLOG_BUNDLE_ENTRIES] = {true};
    assert_int_equal(remove_due(folder, 2, due), TLOG_ERR_MISSING);
    assert_non_null(strstr(buf_cstr(&why), "tile/entries/002: is not full yet"));
    assert_int_equal(remove_due(folder, UINT64_MAX / 256, due), TLOG_ERR_MISSING);
    assert_int_equal(remove_due(temp_folder(), 0, due), TLOG_ERR_MISSING);
    assert_whole(folder, SIZE);
    const char *path = path_in(folder, "tile/entries/002.p/188");
    const struct bytes bundle = read_file(path, storage, sizeof storage);
    const size_t len = offset_of(512, 513);
    memcpy(other_storage, "\0\0", 2);
    memcpy(other_storage + 2, storage + len, bundle.len - len);
    write_file(path, bytes_of(other_storage, bundle.len - len + 2));
    assert_found_at(folder, 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_changed_octet_of_an_entry_is_found),
        cmocka_unit_test(a_changed_octet_of_a_tile_is_found),
        cmocka_unit_test(a_forged_entry_with_its_hash_is_found),
        cmocka_unit_test(cut_and_swapped_records_are_found),
        cmocka_unit_test(swapped_records_with_their_hashes_are_found),
        cmocka_unit_test(missing_files_are_found),
        cmocka_unit_test(a_changed_octet_of_the_checkpoint_is_found),
        cmocka_unit_test(a_cut_tail_is_found),
        cmocka_unit_test(a_tail_rewritten_behind_a_checkpoint_is_found),
        cmocka_unit_test(a_rebuilt_log_is_found_by_an_older_checkpoint),
        cmocka_unit_test(another_key_is_told),
        cmocka_unit_test(a_log_that_grows_can_be_verified),
        cmocka_unit_test(what_cannot_be_read_is_not_called_damaged),
        cmocka_unit_test(removed_entries_keep_their_hashes),
        cmocka_unit_test(nothing_removed_stays_in_partial_bundles),
        cmocka_unit_test(nothing_is_removed_from_the_last_bundle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
