/* Writing the log: what is appended, and the order in which it becomes durable. */
#include "evidence/tlog_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"

/* Whole or not at all under its name; durable only if synced. */
static bool replace(struct tlog *log, const char *name, struct bytes content, bool synced)
{
    char temporary[TLOG_PATH_BYTES_MAX];
    snprintf(temporary, sizeof temporary, "%s.new", name);
    int file =
        openat(log->folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)0644);
    if (file < 0)
        return false;
    errno = ENOSPC; /* of a short write */
    bool ok = write(file, content.data, content.len) == (ssize_t)content.len &&
              (!synced || fsync(file) == 0);
    int cause = errno;
    close(file);
    errno = cause;
    return ok && renameat(log->folder, temporary, log->folder, name) == 0 &&
           (!synced || fsync(log->folder) == 0);
}

/* ---- growing: all that comes before `state` ------------------------------------------------- */

static bool resource_put(struct tlog *log, unsigned level, uint64_t index, unsigned width,
                         struct bytes head, struct bytes rest)
{
    char path[TLOG_PATH_BYTES_MAX];
    tlog_path(level, index, width, path);
    return tlog_batch_put(&log->batch, path, true, head, rest);
}

/* Writes a tile that became full; with level 0 the bundle of the same entries. */
static bool write_full(void *context, unsigned level, uint64_t index)
{
    struct tlog *log = context;
    const uint64_t tile = index / TLOG_TILE_HASHES;
    if ((index + 1) % TLOG_TILE_HASHES)
        return true;
    if (level == 0) {
        if (!resource_put(log, TLOG_BUNDLES, tile, TLOG_TILE_HASHES, log->bundle_head,
                          log->bundle_rest))
            return false;
        log->bundle_head.len = 0;
        log->bundle_rest = bytes_of(log->octets + log->next, 0);
    }
    return resource_put(log, level, tile, TLOG_TILE_HASHES,
                        bytes_of(log->grown.tiles[level], sizeof log->grown.tiles[level]),
                        bytes_of(NULL, 0));
}

/* The partial tiles and the partial bundle of the new size, of those that have changed. */
static bool write_partial(struct tlog *log)
{
    const uint64_t size = log->grown.size;
    for (unsigned level = 0; level < TLOG_LEVELS; level++) {
        const uint64_t hashes = size >> 8 * level;
        const unsigned width = hashes % TLOG_TILE_HASHES;
        if (width == 0 || hashes == log->edge.size >> 8 * level)
            continue;
        struct bytes tile = bytes_of(log->grown.tiles[level], width * MERKLE_HASH_BYTES);
        if ((level == 0 && !resource_put(log, TLOG_BUNDLES, hashes / TLOG_TILE_HASHES, width,
                                         log->bundle_head, log->bundle_rest)) ||
            !resource_put(log, level, hashes / TLOG_TILE_HASHES, width, tile, bytes_of(NULL, 0)))
            return false;
    }
    return true;
}

static bool write_entries(struct tlog *log)
{
    log->grown = log->edge;
    log->bundle_head = bytes_of(log->bundle, log->bundle_bytes);
    log->bundle_rest = bytes_of(log->octets, 0);
    log->next = 0;
    for (size_t i = 0; i < log->count; i++) {
        const uint8_t *entry = log->octets + log->next;
        size_t len = 2 + ((size_t)entry[0] << 8 | entry[1]);
        log->next += len;
        log->bundle_rest.len += len;
        if (!tlog_edge_grow(&log->grown, &log->leaves[i], write_full, log))
            return false;
    }
    return write_partial(log) && tlog_edge_root(&log->grown, &log->grown_root);
}

/* A source's pending runs, behind its committed ones. */
static bool write_source_runs(struct tlog *log, struct tlog_source *source)
{
    char path[TLOG_PATH_BYTES_MAX];
    uint8_t storage[TLOG_RUNS_HEADER_BYTES + 64 * TLOG_RUN_BYTES];
    struct buf out = BUF_OVER(storage);
    const bool maybe_new = source->runs == 0 || source->runs == UINT64_MAX;
    tlog_runs_path(source->cursor.source, path);
    int file = tlog_batch_open(&log->batch, path, O_RDWR, maybe_new);
    if (file < 0)
        return false;
    bool ok = source->runs != UINT64_MAX ||
              tlog_runs_count(file, log->edge.size, &source->runs) == TLOG_OK;
    off_t at =
        ok && source->runs ? (off_t)(TLOG_RUNS_HEADER_BYTES + source->runs * TLOG_RUN_BYTES) : 0;
    if (at == 0)
        tlog_runs_header(source->cursor.source, &out);
    errno = ok ? ENOSPC : errno; /* of a short write */
    for (size_t i = 0; ok && i < log->run_count; i++) {
        if (log->runs[i].source == source->cursor.source)
            tlog_run_write(&log->runs[i].run, &out);
        if (i + 1 == log->run_count || out.len > sizeof storage - TLOG_RUN_BYTES) {
            ok = pwrite(file, out.data, out.len, at) == (ssize_t)out.len;
            at += (off_t)out.len;
            out.len = 0;
        }
    }
    return ok;
}

static bool write_runs(struct tlog *log)
{
    for (size_t i = 0; i < log->source_count; i++) {
        struct tlog_source *source = &log->sources[i];
        size_t k = 0;
        while (k < log->run_count && log->runs[k].source != source->cursor.source)
            k++;
        if (k < log->run_count && !write_source_runs(log, source))
            return false;
    }
    return true;
}

/* `state` as it is to be, under another name. */
static bool write_state(struct tlog *log)
{
    uint8_t storage[TLOG_STATE_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    struct tlog_state *state = &log->state;
    *state = (struct tlog_state){.size = log->grown.size, .root = log->grown_root};
    for (size_t i = 0; i < log->source_count; i++)
        if (!log->sources[i].forgotten)
            state->cursors[state->cursor_count++] = log->sources[i].cursor;
    bool ok = tlog_state_write(state, &log->signer, &out) == CRYPTO_OK;
    CHECK(buf_ok(&out));
    return ok &&
           tlog_batch_put(&log->batch, "state.new", false, buf_bytes(&out), bytes_of(NULL, 0));
}

/* ---- committing ----------------------------------------------------------------------------- */

/* What was pending is committed, in memory as on disk. */
static void settle(struct tlog *log)
{
    size_t kept = 0;
    CHECK(log->bundle_head.len + log->bundle_rest.len <= sizeof log->bundle);
    if (log->bundle_head.len == 0)
        log->bundle_bytes = 0;
    memcpy(log->bundle + log->bundle_bytes, log->bundle_rest.data, log->bundle_rest.len);
    log->bundle_bytes += log->bundle_rest.len;
    for (size_t i = 0; i < log->source_count; i++) {
        struct tlog_source *source = &log->sources[i];
        for (size_t k = 0; k < log->run_count; k++)
            source->runs += log->runs[k].source == source->cursor.source;
        if (!source->forgotten)
            log->sources[kept++] = *source;
    }
    log->source_count = kept;
    log->published = log->published && log->grown.size == log->edge.size;
    log->edge = log->grown;
    log->root = log->grown_root;
    log->octets_len = log->count = log->run_count = 0;
    log->changed = false;
}

/* The order: entries, hashes and runs, all durable; then `state`, which makes them count. */
static enum tlog_error grow(struct tlog *log)
{
    bool ok = write_entries(log) && write_runs(log) && write_state(log);
    if (!ok)
        tlog_batch_drop(&log->batch);
    if (!ok || !tlog_batch_sync(&log->batch) ||
        renameat(log->folder, "state.new", log->folder, "state") != 0)
        return TLOG_ERR_WRITE;
    settle(log);
    log->unsynced = fsync(log->folder) != 0;
    if (log->unsynced)
        return TLOG_ERR_WRITE;
    tlog_partials_remove_all(log->folder, log->size, log->edge.size);
    log->size = log->edge.size;
    return TLOG_OK;
}

/* Not synced: what a power failure takes is signed anew when the log is opened. */
static enum tlog_error publish(struct tlog *log)
{
    uint8_t storage[NOTE_BYTES_MAX];
    struct buf note = BUF_OVER(storage);
    const struct checkpoint checkpoint = {.size = log->edge.size, .root = log->root};
    if (checkpoint_sign(&checkpoint, &log->signer, &note) != CRYPTO_OK)
        return TLOG_ERR_CRYPTO;
    if (!replace(log, "checkpoint", buf_bytes(&note), false))
        return TLOG_ERR_WRITE;
    log->published = true;
    return TLOG_OK;
}

enum tlog_error tlog_commit(struct tlog *log)
{
    enum tlog_error error = TLOG_OK;
    if (log->changed || log->unsynced)
        error = grow(log);
    if (!error && !log->published)
        error = publish(log);
    return error;
}

/* ---- what comes in -------------------------------------------------------------------------- */

static struct tlog_source *source_find(const struct tlog *log, const char *name)
{
    for (size_t i = 0; i < log->source_count; i++)
        if (strcmp(log->sources[i].cursor.source, name) == 0)
            return (struct tlog_source *)&log->sources[i]; /* the log is always on the heap */
    return NULL;
}

uint64_t tlog_cursor(const struct tlog *log, const char *name)
{
    const struct tlog_source *source = source_find(log, name);
    return source && !source->forgotten ? source->cursor.position : 0;
}

static struct tlog_source *source_add(struct tlog *log, const char *name)
{
    CHECK(*name && strlen(name) < TLOG_SOURCE_BYTES_MAX && !strchr(name, '\n'));
    if (log->source_count == TLOG_CURSORS_MAX)
        return NULL;
    struct tlog_source *source = &log->sources[log->source_count++];
    *source = (struct tlog_source){.runs = UINT64_MAX};
    memcpy(source->cursor.source, name, strlen(name));
    return source;
}

static void run_add(struct tlog *log, const struct tlog_source *source, const struct tlog_run *run)
{
    struct tlog_pending_run *last = log->run_count ? &log->runs[log->run_count - 1] : NULL;
    if (last && last->source == source->cursor.source && last->run.next == run->position &&
        last->run.count + run->count <= TLOG_RUN_ENTRIES) {
        last->run.next = run->next;
        last->run.count += run->count;
    } else {
        log->runs[log->run_count++] = (struct tlog_pending_run){*run, source->cursor.source};
    }
}

enum tlog_error tlog_append(struct tlog *log, const char *name, uint64_t position, uint64_t next,
                            const struct bytes *entries, size_t count)
{
    struct tlog_source *source = source_find(log, name);
    size_t bytes = 0;
    CHECK(count <= TLOG_RUN_ENTRIES && position <= next && (count == 0 || position < next));
    CHECK(!source || source->forgotten || position >= source->cursor.position);
    for (size_t i = 0; i < count; i++) {
        CHECK(entries[i].len > 0 && entries[i].len <= TLOG_ENTRY_BYTES_MAX);
        bytes += 2 + entries[i].len;
    }
    if (log->octets_len + bytes + (log->count + count) * MERKLE_HASH_BYTES >
            TLOG_PENDING_BYTES_MAX ||
        log->run_count == TLOG_PENDING_RUNS_MAX)
        return TLOG_ERR_FULL;
    for (size_t i = 0; i < count; i++)
        if (merkle_leaf(&crypto_openssl, entries[i], &log->leaves[log->count + i]) != CRYPTO_OK)
            return TLOG_ERR_CRYPTO;
    if (!source && !(source = source_add(log, name)))
        return TLOG_ERR_FULL;
    for (size_t i = 0; i < count; i++) {
        uint8_t *at = log->octets + log->octets_len;
        at[0] = (uint8_t)(entries[i].len >> 8);
        at[1] = (uint8_t)entries[i].len;
        memcpy(at + 2, entries[i].data, entries[i].len);
        log->octets_len += 2 + entries[i].len;
    }
    const struct tlog_run run = {position, next, log->edge.size + log->count, (uint32_t)count};
    if (count)
        run_add(log, source, &run);
    log->count += count;
    source->cursor.position = next;
    source->forgotten = false;
    log->changed = true;
    return TLOG_OK;
}

void tlog_forget(struct tlog *log, const char *name)
{
    struct tlog_source *source = source_find(log, name);
    if (source)
        source->forgotten = log->changed = true;
}

uint64_t tlog_size(const struct tlog *log)
{
    return log->size;
}

enum tlog_error tlog_publish_cosigned(struct tlog *log, struct bytes note, bool witnessed)
{
    uint8_t storage[NOTE_BYTES_MAX];
    struct buf before = BUF_OVER(storage);
    struct checkpoint checkpoint, old;
    struct merkle_hash root;
    struct bytes text;
    if (!checkpoint_read(note, &checkpoint, &text) || checkpoint.size > log->size ||
        note_check(note, &log->signer.verifier, NULL) != CRYPTO_OK)
        return TLOG_ERR_DAMAGED;
    enum tlog_error error = tlog_root(log->reader, checkpoint.size, &root);
    if (!error && !merkle_equal(&root, &checkpoint.root))
        error = TLOG_ERR_DAMAGED;
    if (!error && checkpoint.size == log->edge.size && !replace(log, "checkpoint", note, false))
        error = TLOG_ERR_WRITE;
    if (error || !witnessed)
        return error;
    error = tlog_file_read(log->folder, "checkpoint.witnessed", &before);
    if (!error && checkpoint_read(buf_bytes(&before), &old, &text) && old.size > checkpoint.size)
        return TLOG_OK;
    return replace(log, "checkpoint.witnessed", note, true) ? TLOG_OK : TLOG_ERR_WRITE;
}
