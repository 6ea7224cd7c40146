/* Opening the log: what `state` says must be what is there, and what was signed a beginning of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/tlog_writer.h"

/* Of the least entries there are. */
#define PENDING_COUNT_MAX (TLOG_PENDING_BYTES_MAX / (2 + 1 + MERKLE_HASH_BYTES))

/* The folder, and in it the lock, which is this process's until it ends. */
static enum tlog_error folder_open(struct tlog *log, const char *folder, struct buf *why)
{
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return tlog_tell(why, folder, "can't make the folder", TLOG_ERR_OPEN);
    log->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (log->folder < 0)
        return tlog_tell(why, folder, "can't open the folder", TLOG_ERR_OPEN);
    log->lock = openat(log->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC, (mode_t)0600);
    if (log->lock < 0)
        return tlog_tell(why, folder, "can't open the lock", TLOG_ERR_OPEN);
    if (flock(log->lock, LOCK_EX | LOCK_NB) == 0)
        return TLOG_OK;
    if (errno != EWOULDBLOCK)
        return tlog_tell(why, folder, "can't lock", TLOG_ERR_OPEN);
    return tlog_tell(why, folder, "another process writes this log", TLOG_ERR_BUSY);
}

/* What `state` says. A log has one before it has anything else. */
static enum tlog_error state_load(struct tlog *log, const char *folder, struct buf *why)
{
    enum tlog_error error = tlog_state_read(log->folder, &log->state);
    if (error == TLOG_ERR_MISSING && faccessat(log->folder, "checkpoint", F_OK, 0) != 0 &&
        faccessat(log->folder, "tile", F_OK, 0) != 0) {
        log->root = merkle_empty;
        log->changed = true;
        return TLOG_OK;
    }
    if (error == TLOG_ERR_MISSING)
        return tlog_tell(why, folder, "there is a log, and no state", TLOG_ERR_DAMAGED);
    if (error)
        return tlog_tell(why, folder, "its state can't be read", error);
    if (tlog_state_check(&log->state, &log->signer.verifier) != CRYPTO_OK)
        return tlog_tell(why, folder, TLOG_STATE_UNSIGNED, TLOG_ERR_DAMAGED);
    log->size = log->edge.size = log->state.size;
    log->root = log->state.root;
    for (; log->source_count < log->state.cursor_count; log->source_count++)
        log->sources[log->source_count] = (struct tlog_source){
            .cursor = log->state.cursors[log->source_count], .runs = UINT64_MAX};
    return TLOG_OK;
}

/* The last tile of each level, whose root must be what `state` says. */
static enum tlog_error edge_load(struct tlog *log, const char *folder, struct buf *why)
{
    struct merkle_hash root;
    for (unsigned level = 0; level < TLOG_LEVELS; level++) {
        char path[TLOG_PATH_BYTES_MAX];
        const uint64_t index = log->size >> 8 * level >> 8;
        const unsigned width = tlog_width(level, index, log->size);
        enum tlog_error error =
            width ? tlog_tile_read(log->folder, level, index, width, log->edge.tiles[level])
                  : TLOG_OK;
        tlog_path(level, index, width, path);
        if (error)
            return tlog_tell(why, path, tlog_error_text(error),
                             error == TLOG_ERR_MISSING ? TLOG_ERR_DAMAGED : error);
    }
    if (!tlog_edge_root(&log->edge, &root))
        return tlog_tell(why, folder, "hashing failed", TLOG_ERR_CRYPTO);
    if (!merkle_equal(&root, &log->root))
        return tlog_tell(why, folder, "its last tiles do not have the root that its state says",
                         TLOG_ERR_DAMAGED);
    return TLOG_OK;
}

/* The last bundle, whose entries must be those of the last tile. */
static enum tlog_error bundle_load(struct tlog *log, const char *folder, struct buf *why)
{
    struct bytes entries[TLOG_BUNDLE_ENTRIES];
    const uint64_t index = log->size / TLOG_BUNDLE_ENTRIES;
    const unsigned width = tlog_width(TLOG_BUNDLES, index, log->size);
    if (width == 0)
        return TLOG_OK;
    enum tlog_error error = tlog_bundle_read(log->folder, index, width, log->bundle, entries);
    for (unsigned i = 0; !error && i < width; i++) {
        struct merkle_hash leaf;
        if (merkle_leaf(&crypto_openssl, entries[i], &leaf) != CRYPTO_OK)
            error = TLOG_ERR_CRYPTO;
        else if (!merkle_equal(&leaf, &log->edge.tiles[0][i]))
            error = TLOG_ERR_DAMAGED;
        log->bundle_bytes += 2 + entries[i].len;
    }
    return error ? tlog_tell(why, folder, "its last entries are not those of its last tile",
                             error == TLOG_ERR_MISSING ? TLOG_ERR_DAMAGED : error)
                 : TLOG_OK;
}

/* A checkpoint that was published must be of this log, signed with this key, and not ahead of what
 * `state` says. *published: it is the newest. One that can't be read was torn by a power failure.
 */
static enum tlog_error checkpoint_load(struct tlog *log, const char *name, bool *published,
                                       struct buf *why)
{
    uint8_t storage[NOTE_BYTES_MAX];
    struct buf note = BUF_OVER(storage);
    struct checkpoint checkpoint;
    struct merkle_hash root;
    struct bytes text;
    enum tlog_error error = tlog_file_read(log->folder, name, &note);
    *published = false;
    if (error == TLOG_ERR_OPEN)
        return tlog_tell(why, name, "can't be read", error);
    if (error || !checkpoint_read(buf_bytes(&note), &checkpoint, &text))
        return TLOG_OK;
    if (!bytes_equal(checkpoint.origin, bytes_str(log->signer.verifier.name)))
        return tlog_tell(why, name, "is of another origin", TLOG_ERR_DAMAGED);
    if (note_check(buf_bytes(&note), &log->signer.verifier, NULL) != CRYPTO_OK)
        return tlog_tell(why, name, "is not signed with this key", TLOG_ERR_DAMAGED);
    if (checkpoint.size > log->size)
        return tlog_tell(why, name, "is of more entries than the log's state", TLOG_ERR_DAMAGED);
    error = tlog_root(log->reader, checkpoint.size, &root);
    if (error)
        return tlog_tell(why, name, "the tree of its size can't be read", error);
    if (!merkle_equal(&root, &checkpoint.root))
        return tlog_tell(why, name, "is of another tree", TLOG_ERR_DAMAGED);
    *published = checkpoint.size == log->size;
    return TLOG_OK;
}

/* What a kill left between `state` and the end of a commit. */
static void clean_partials(struct tlog *log)
{
    const uint64_t from = log->size > PENDING_COUNT_MAX ? log->size - PENDING_COUNT_MAX : 0;
    tlog_partials_remove_all(log->folder, from, log->size);
}

static enum tlog_error recover(struct tlog *log, const char *folder, struct buf *why)
{
    bool witnessed;
    enum tlog_error error = state_load(log, folder, why);
    if (!error)
        error = edge_load(log, folder, why);
    if (!error)
        error = bundle_load(log, folder, why);
    if (!error)
        error = checkpoint_load(log, "checkpoint", &log->published, why);
    if (!error)
        error = checkpoint_load(log, "checkpoint.witnessed", &witnessed, why);
    if (!error && !tlog_runs_cut(log->folder, log->size))
        error = tlog_tell(why, folder, "runs that a crash left can't be cut off", TLOG_ERR_WRITE);
    if (!error)
        clean_partials(log);
    if (!error && (error = tlog_commit(log)) != TLOG_OK)
        tlog_tell(why, folder, "can't be written", error);
    return error;
}

enum tlog_error tlog_open(const char *folder, const struct note_signer *signer, struct tlog **log,
                          struct buf *why)
{
    struct tlog *l = check_alloc(sizeof *l);
    *log = l;
    l->signer = *signer;
    l->folder = l->lock = -1;
    enum tlog_error error = folder_open(l, folder, why);
    if (!error) {
        l->batch.folder = l->folder;
        l->reader = tlog_reader_create(l->folder);
        l->octets = check_alloc(TLOG_PENDING_BYTES_MAX);
        l->leaves = check_alloc(PENDING_COUNT_MAX * sizeof *l->leaves);
        l->runs = check_alloc(TLOG_PENDING_RUNS_MAX * sizeof *l->runs);
        error = recover(l, folder, why);
    }
    if (error)
        tlog_close(log);
    return error;
}

void tlog_close(struct tlog **log)
{
    struct tlog *l = *log;
    if (!l)
        return;
    tlog_reader_close(&l->reader);
    if (l->folder >= 0)
        close(l->folder);
    if (l->lock >= 0)
        close(l->lock);
    crypto_wipe(&l->signer, sizeof l->signer);
    free(l->octets);
    free(l->leaves);
    free(l->runs);
    free(l);
    *log = NULL;
}
