/* Logs for tests: entries that are known by their number, and the tree they should have. */
#ifndef TESTS_TLOG_FIXTURE_H
#define TESTS_TLOG_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "evidence/note_text.h"
#include "evidence/tlog_layout.h"
#include "tests/support.h"

#define ORIGIN       "city.example/evidence"
#define NUMBERS_MAX  80000
#define ENTRY_DIGITS 12

static uint8_t why_storage[1024];
static struct buf why;

static inline const struct note_signer *log_signer(void)
{
    static struct note_signer signer;
    static const uint8_t seed[CRYPTO_ED25519_SEED_BYTES] = "a seed of nobody's for the test";
    if (!signer.verifier.name[0])
        CHECK(note_signer_init(&signer, ORIGIN, NOTE_ED25519, seed) == CRYPTO_OK);
    return &signer;
}

/* "entry 000007" and more octets, of lengths that differ. */
static inline struct bytes entry_of(unsigned number, uint8_t storage[TLOG_ENTRY_BYTES_MAX])
{
    snprintf((char *)storage, TLOG_ENTRY_BYTES_MAX, "entry %06u%.*s", number, (int)(number % 7),
             "......");
    return bytes_of(storage, strlen((char *)storage));
}

/* Entry `number` comes from a source at position 10 * number, and ends at that of the next. */
static inline enum tlog_error append(struct tlog *log, const char *source, unsigned number,
                                     unsigned count)
{
    static uint8_t storage[TLOG_RUN_ENTRIES][TLOG_ENTRY_BYTES_MAX];
    struct bytes entries[TLOG_RUN_ENTRIES];
    for (unsigned i = 0; i < count; i++)
        entries[i] = entry_of(number + i, storage[i]);
    return tlog_append(log, source, 10 * (uint64_t)number, 10 * (uint64_t)(number + count), entries,
                       count);
}

/* Entries from, from + 1, ... to - 1, committed at once. */
static inline void grow(struct tlog *log, unsigned from, unsigned to)
{
    for (unsigned n = from; n < to; n += TLOG_RUN_ENTRIES)
        assert_int_equal(
            append(log, "registry", n, to - n < TLOG_RUN_ENTRIES ? to - n : TLOG_RUN_ENTRIES),
            TLOG_OK);
    assert_int_equal(tlog_commit(log), TLOG_OK);
    assert_int_equal(tlog_size(log), to);
}

static inline enum tlog_error open_log(const char *folder, struct tlog **log)
{
    why = BUF_OVER(why_storage);
    return tlog_open(folder, log_signer(), log, &why);
}

static inline struct tlog *log_in(const char *folder)
{
    struct tlog *log;
    if (open_log(folder, &log) != TLOG_OK)
        fail_msg("%s", buf_cstr(&why));
    return log;
}

static inline struct tlog_reader *reader_of(const char *folder)
{
    struct tlog_reader *reader;
    assert_int_equal(tlog_reader_open(folder, &reader), TLOG_OK);
    return reader;
}

/* A new log with entries 0 to size - 1. */
static inline const char *new_log(unsigned size)
{
    const char *folder = temp_folder();
    struct tlog *log = log_in(folder);
    grow(log, 0, size);
    tlog_close(&log);
    return folder;
}

static inline bool count_removed(void *context, uint64_t index, struct bytes entry)
{
    (void)index;
    *(uint64_t *)context += entry.len == 0;
    return true;
}

static inline enum tlog_error verify_against(const char *folder, struct bytes older, uint64_t *size,
                                             uint64_t *removed)
{
    struct tlog_reader *reader;
    why = BUF_OVER(why_storage);
    *removed = 0;
    assert_int_equal(tlog_reader_open(folder, &reader), TLOG_OK);
    enum tlog_error error =
        tlog_verify(reader, &log_signer()->verifier, older, count_removed, removed, size, &why);
    tlog_reader_close(&reader);
    return error;
}

static inline void assert_whole(const char *folder, uint64_t expected)
{
    uint64_t size, removed;
    if (verify_against(folder, bytes_of(NULL, 0), &size, &removed) != TLOG_OK)
        fail_msg("%s", buf_cstr(&why));
    assert_int_equal(size, expected);
    assert_int_equal(removed, 0);
}

/* MTH of RFC 6962 section 2.1, word for word, over entries from to to - 1. */
static inline struct merkle_hash expected_root(unsigned from, unsigned to)
{
    uint8_t storage[TLOG_ENTRY_BYTES_MAX];
    struct merkle_hash root = merkle_empty;
    unsigned k = 1;
    if (to - from == 1)
        CHECK(merkle_leaf(&crypto_openssl, entry_of(from, storage), &root) == CRYPTO_OK);
    if (to - from <= 1)
        return root;
    while (2 * k < to - from)
        k *= 2;
    struct merkle_hash left = expected_root(from, from + k), right = expected_root(from + k, to);
    CHECK(merkle_node(&crypto_openssl, &left, &right, &root) == CRYPTO_OK);
    return root;
}

static inline struct bytes read_file(const char *path, uint8_t *storage, size_t cap)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(storage, 1, cap, file);
    assert_true(len < cap);
    fclose(file);
    return bytes_of(storage, len);
}

static inline void assert_root(struct tlog_reader *reader, unsigned size)
{
    struct merkle_hash root, expected = expected_root(0, size);
    assert_int_equal(tlog_root(reader, size, &root), TLOG_OK);
    assert_true(merkle_equal(&root, &expected));
}

static inline struct bytes checkpoint_of(const char *folder, const char *name)
{
    static uint8_t storage[NOTE_BYTES_MAX + 1];
    return read_file(path_in(folder, name), storage, sizeof storage);
}

static inline void assert_checkpoint(const char *folder, uint64_t size)
{
    struct checkpoint checkpoint;
    struct bytes text, note = checkpoint_of(folder, "checkpoint");
    assert_true(checkpoint_read(note, &checkpoint, &text));
    assert_int_equal(note_check(note, &log_signer()->verifier, NULL), CRYPTO_OK);
    assert_int_equal(checkpoint.size, size);
}

#endif
