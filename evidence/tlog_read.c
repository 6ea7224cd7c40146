/* Reading the log, and proofs from its tiles. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/tlog_reader.h"

/* ---- opening -------------------------------------------------------------------------------- */

struct tlog_reader *tlog_reader_create(int folder)
{
    struct tlog_reader *reader = check_alloc(sizeof *reader);
    reader->folder = folder;
    return reader;
}

enum tlog_error tlog_reader_open(const char *folder, struct tlog_reader **reader)
{
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *reader = NULL;
    if (descriptor < 0)
        return errno == ENOENT ? TLOG_ERR_MISSING : TLOG_ERR_OPEN;
    if (faccessat(descriptor, "state", F_OK, 0) != 0) {
        close(descriptor);
        return TLOG_ERR_MISSING;
    }
    *reader = tlog_reader_create(descriptor);
    (*reader)->owns_folder = true;
    return TLOG_OK;
}

void tlog_reader_close(struct tlog_reader **reader)
{
    if (*reader && (*reader)->owns_folder)
        close((*reader)->folder);
    free(*reader);
    *reader = NULL;
}

/* ---- what is committed ---------------------------------------------------------------------- */

static enum tlog_error refresh(struct tlog_reader *r)
{
    enum tlog_error error = tlog_state_read(r->folder, &r->state);
    r->size = error ? 0 : r->state.size;
    return error;
}

/* MISSING when so much is not committed. */
static enum tlog_error reach(struct tlog_reader *r, uint64_t size)
{
    enum tlog_error error = size > r->size ? refresh(r) : TLOG_OK;
    return !error && size > r->size ? TLOG_ERR_MISSING : error;
}

enum tlog_error tlog_read_state(struct tlog_reader *reader, uint64_t *size,
                                struct merkle_hash *root, struct tlog_cursor *cursors,
                                size_t *cursor_count)
{
    enum tlog_error error = refresh(reader);
    if (error)
        return error;
    *size = reader->state.size;
    *root = reader->state.root;
    if (cursors) {
        *cursor_count = reader->state.cursor_count;
        memcpy(cursors, reader->state.cursors, *cursor_count * sizeof *cursors);
    }
    return TLOG_OK;
}

enum tlog_error tlog_read_checkpoint(struct tlog_reader *reader, bool witnessed, struct buf *note)
{
    size_t before = note->len;
    enum tlog_error error =
        tlog_file_read(reader->folder, witnessed ? "checkpoint.witnessed" : "checkpoint", note);
    /* An empty one was torn by a power failure; tlog_open signs it anew. */
    return !error && note->len == before ? TLOG_ERR_MISSING : error;
}

enum tlog_error tlog_read_bundle(struct tlog_reader *reader, uint64_t bundle, uint64_t size,
                                 struct bytes entries[TLOG_BUNDLE_ENTRIES], size_t *count)
{
    enum tlog_error error = reach(reader, size);
    *count = tlog_width(TLOG_BUNDLES, bundle, size);
    if (!error && *count == 0)
        error = TLOG_ERR_MISSING;
    /* Of the tree as it is now: what was partial at `size` may be full, and removed. */
    return error ? error
                 : tlog_bundle_read(reader->folder, bundle,
                                    tlog_width(TLOG_BUNDLES, bundle, reader->size), reader->octets,
                                    entries);
}

enum tlog_error tlog_read_entry(struct tlog_reader *reader, uint64_t index, uint64_t size,
                                struct buf *entry)
{
    struct bytes entries[TLOG_BUNDLE_ENTRIES];
    size_t count;
    enum tlog_error error =
        index < size ? tlog_read_bundle(reader, index / TLOG_BUNDLE_ENTRIES, size, entries, &count)
                     : TLOG_ERR_MISSING;
    if (!error)
        buf_put(entry, entries[index % TLOG_BUNDLE_ENTRIES]);
    return error;
}

/* ---- hashes --------------------------------------------------------------------------------- */

enum tlog_error tlog_reader_tile(struct tlog_reader *r, unsigned level, uint64_t index,
                                 unsigned width, const struct merkle_hash **hashes)
{
    struct cached_tile *tile = &r->tiles[level];
    if (tile->index != index || tile->width < width) {
        unsigned committed = tlog_width(level, index, r->size);
        CHECK(width > 0 && width <= committed);
        tile->width = 0;
        enum tlog_error error = tlog_tile_read(r->folder, level, index, committed, tile->hashes);
        if (error)
            return error;
        tile->index = index;
        tile->width = committed;
    }
    *hashes = tile->hashes;
    return TLOG_OK;
}

/* The root of the perfect tree over entries [n * 2^height, (n + 1) * 2^height). */
static enum tlog_error perfect(struct tlog_reader *r, unsigned height, uint64_t n,
                               struct merkle_hash *root)
{
    const unsigned level = height / 8, count = 1u << height % 8;
    const uint64_t first = n * count;
    const unsigned from = first % TLOG_TILE_HASHES;
    const struct merkle_hash *hashes;
    enum tlog_error error =
        tlog_reader_tile(r, level, first / TLOG_TILE_HASHES, from + count, &hashes);
    if (!error && !tlog_fold(hashes + from, count, root))
        error = TLOG_ERR_CRYPTO;
    return error;
}

/* The largest power of two below n, which is 2 or more: where a tree of n leaves is split. */
static unsigned split_height(uint64_t n)
{
    return 63 - (unsigned)__builtin_clzll(n - 1);
}

/* The root over entries [from, to), which RFC 6962's splitting of some tree leads to. */
static enum tlog_error range(struct tlog_reader *r, uint64_t from, uint64_t to,
                             struct merkle_hash *root)
{
    struct merkle_hash lefts[64];
    size_t count = 0;
    enum tlog_error error = TLOG_OK;
    while (!error && to - from > 1 && (to - from) & (to - from - 1)) {
        unsigned height = split_height(to - from);
        error = perfect(r, height, from >> height, &lefts[count++]);
        from += (uint64_t)1 << height;
    }
    if (!error) {
        unsigned height = (unsigned)__builtin_ctzll(to - from);
        error = perfect(r, height, from >> height, root);
    }
    while (!error && count > 0)
        if (merkle_node(&crypto_openssl, &lefts[--count], root, root) != CRYPTO_OK)
            error = TLOG_ERR_CRYPTO;
    return error;
}

enum tlog_error tlog_root(struct tlog_reader *reader, uint64_t size, struct merkle_hash *root)
{
    *root = merkle_empty;
    enum tlog_error error = reach(reader, size);
    return error || size == 0 ? error : range(reader, 0, size, root);
}

/* ---- proofs --------------------------------------------------------------------------------- */

/* They are found from the root down, and told from the leaf up. */
static void turn_round(struct merkle_hash *proof, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct merkle_hash kept = proof[i];
        proof[i] = proof[count - 1 - i];
        proof[count - 1 - i] = kept;
    }
}

enum tlog_error tlog_prove_inclusion(struct tlog_reader *reader, uint64_t index, uint64_t size,
                                     struct merkle_hash proof[MERKLE_PROOF_MAX], size_t *count)
{
    uint64_t from = 0, to = size;
    enum tlog_error error = index < size ? reach(reader, size) : TLOG_ERR_MISSING;
    for (*count = 0; !error && to - from > 1;) { /* PATH of RFC 6962 section 2.1.1 */
        uint64_t middle = from + ((uint64_t)1 << split_height(to - from));
        if (index < middle) {
            error = range(reader, middle, to, &proof[(*count)++]);
            to = middle;
        } else {
            error = range(reader, from, middle, &proof[(*count)++]);
            from = middle;
        }
    }
    turn_round(proof, *count);
    return error;
}

enum tlog_error tlog_prove_consistency(struct tlog_reader *reader, uint64_t old_size, uint64_t size,
                                       struct merkle_hash proof[MERKLE_PROOF_MAX], size_t *count)
{
    uint64_t from = 0, to = size;
    enum tlog_error error = old_size <= size ? reach(reader, size) : TLOG_ERR_MISSING;
    *count = 0;
    if (error || old_size == 0)
        return error;
    while (!error && old_size != to) { /* SUBPROOF of RFC 6962 section 2.1.2 */
        uint64_t middle = from + ((uint64_t)1 << split_height(to - from));
        if (old_size <= middle) {
            error = range(reader, middle, to, &proof[(*count)++]);
            to = middle;
        } else {
            error = range(reader, from, middle, &proof[(*count)++]);
            from = middle;
        }
    }
    if (!error && from > 0) /* else it is the old tree itself, whose root the asker has */
        error = range(reader, from, to, &proof[(*count)++]);
    turn_round(proof, *count);
    return error;
}

/* ---- runs ----------------------------------------------------------------------------------- */

/* Opens a source's runs; -1 and *error. */
static int runs_open(struct tlog_reader *r, const char *source, uint64_t *count,
                     enum tlog_error *error)
{
    char path[TLOG_PATH_BYTES_MAX];
    tlog_runs_path(source, path);
    *error = refresh(r);
    if (*error)
        return -1;
    int file = openat(r->folder, path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        *error = errno == ENOENT ? TLOG_ERR_MISSING : TLOG_ERR_OPEN;
    else
        *error = tlog_runs_count(file, r->size, count);
    if (file >= 0 && *error) {
        close(file);
        file = -1;
    }
    return file;
}

enum tlog_error tlog_find_run(struct tlog_reader *reader, const char *source, uint64_t position,
                              struct tlog_run *run)
{
    uint64_t low = 0, high;
    enum tlog_error error;
    int file = runs_open(reader, source, &high, &error);
    while (!error && low < high) { /* below low: position is behind them; from high on: before */
        uint64_t middle = low + (high - low) / 2;
        error = tlog_run_read(file, middle, run);
        if (error || (position >= run->position && position < run->next))
            break;
        if (position < run->position)
            high = middle;
        else
            low = middle + 1;
    }
    if (!error && low >= high)
        error = TLOG_ERR_MISSING;
    if (file >= 0)
        close(file);
    return error;
}

enum tlog_error tlog_each_run(struct tlog_reader *reader, const char *source,
                              bool (*each)(void *context, const struct tlog_run *run),
                              void *context)
{
    struct tlog_run run;
    uint64_t count = 0;
    enum tlog_error error;
    int file = runs_open(reader, source, &count, &error);
    for (uint64_t i = 0; !error && i < count; i++) {
        error = tlog_run_read(file, i, &run);
        if (!error && !each(context, &run))
            break;
    }
    if (file >= 0)
        close(file);
    return error;
}
