/* Walking the whole log, and removing the content of entries. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "evidence/tlog_reader.h"

struct walk {
    struct tlog_reader *reader;
    struct buf *why;
    enum tlog_error error;
    uint64_t size;
    struct merkle_hash root; /* what `state` says */
    tlog_each_entry *each;
    void *context;
    struct tlog_edge edge; /* made anew from the entries */
};

/* The first fault ends the walk. Returns false. */
static bool fault(struct walk *walk, enum tlog_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool fault(struct walk *walk, enum tlog_error error, const char *format, ...)
{
    int cause = errno;
    va_list arguments;
    va_start(arguments, format);
    buf_vprintf(walk->why, format, arguments);
    va_end(arguments);
    if (error == TLOG_ERR_OPEN)
        buf_printf(walk->why, ": %s", strerror(cause));
    walk->error = error;
    return false;
}

/* What a file that should be there and whole has to do with the log. */
static enum tlog_error as_damage(enum tlog_error error)
{
    return error == TLOG_ERR_MISSING ? TLOG_ERR_DAMAGED : error;
}

/* ---- from the entries to the root ----------------------------------------------------------- */

/* Compares each hash that was made with the one in its tile. */
static bool compare_hash(void *context, unsigned level, uint64_t index)
{
    struct walk *walk = context;
    const struct merkle_hash *tile, *made = &walk->edge.tiles[level][index % TLOG_TILE_HASHES];
    const uint64_t first = index << 8 * level;
    if (level == 0) /* compared entry by entry */
        return true;
    enum tlog_error error = tlog_reader_tile(walk->reader, level, index / TLOG_TILE_HASHES,
                                             (unsigned)(index % TLOG_TILE_HASHES) + 1, &tile);
    if (error)
        return fault(walk, as_damage(error),
                     "the tile of level %u for the entries from index %" PRIu64 " on: %s", level,
                     (index & ~(uint64_t)(TLOG_TILE_HASHES - 1)) << 8 * level,
                     tlog_error_text(error));
    if (!merkle_equal(made, &tile[index % TLOG_TILE_HASHES]))
        return fault(walk, TLOG_ERR_DAMAGED,
                     "index %" PRIu64 " to %" PRIu64
                     ": the hashes of these entries do not have the hash that level %u holds",
                     first, first + ((uint64_t)1 << 8 * level) - 1, level);
    return true;
}

/* The leaf of an entry: its hash, which must be the tile's; of a removed one the tile's. */
static bool find_leaf(struct walk *walk, struct bytes entry, const struct merkle_hash *kept,
                      struct merkle_hash *leaf)
{
    const uint64_t index = walk->edge.size;
    if (!entry.data)
        return fault(walk, TLOG_ERR_DAMAGED, "index %" PRIu64 ": its bundle has no such entry",
                     index);
    bool full = walk->size / TLOG_BUNDLE_ENTRIES > index / TLOG_BUNDLE_ENTRIES;
    if (entry.len == 0 && full) {
        *leaf = *kept;
        return true;
    }
    if (merkle_leaf(&crypto_openssl, entry, leaf) != CRYPTO_OK)
        return fault(walk, TLOG_ERR_CRYPTO, "hashing failed");
    if (!merkle_equal(leaf, kept))
        return fault(walk, TLOG_ERR_DAMAGED,
                     "index %" PRIu64 ": the entry is not the one whose hash its tile holds",
                     index);
    return true;
}

static bool walk_bundle(struct walk *walk, uint64_t bundle)
{
    struct bytes entries[TLOG_BUNDLE_ENTRIES];
    const struct merkle_hash *kept;
    struct merkle_hash leaf;
    size_t count;
    enum tlog_error error = tlog_read_bundle(walk->reader, bundle, walk->size, entries, &count);
    const bool torn = error == TLOG_ERR_DAMAGED; /* which entry of it is, is to be found */
    if (error && !torn)
        return fault(walk, as_damage(error), "index %" PRIu64 ": the bundle from there on: %s",
                     bundle * TLOG_BUNDLE_ENTRIES, tlog_error_text(error));
    error = tlog_reader_tile(walk->reader, 0, bundle, (unsigned)count, &kept);
    if (error)
        return fault(walk, as_damage(error), "index %" PRIu64 ": the tile from there on: %s",
                     bundle * TLOG_BUNDLE_ENTRIES, tlog_error_text(error));
    for (size_t i = 0; i < count; i++) {
        if (!find_leaf(walk, entries[i], &kept[i], &leaf))
            return false;
        if (walk->each && !walk->each(walk->context, walk->edge.size, entries[i])) {
            walk->error = TLOG_ERR_DAMAGED; /* it has said why */
            return false;
        }
        if (!tlog_edge_grow(&walk->edge, &leaf, compare_hash, walk))
            return walk->error ? false : fault(walk, TLOG_ERR_CRYPTO, "hashing failed");
    }
    return !torn || fault(walk, TLOG_ERR_DAMAGED,
                          "index %" PRIu64 ": something lies behind the bundle's last entry",
                          walk->edge.size);
}

static bool walk_tree(struct walk *walk)
{
    struct merkle_hash root;
    for (uint64_t bundle = 0; walk->edge.size < walk->size; bundle++)
        if (!walk_bundle(walk, bundle))
            return false;
    if (!tlog_edge_root(&walk->edge, &root))
        return fault(walk, TLOG_ERR_CRYPTO, "hashing failed");
    if (!merkle_equal(&root, &walk->root))
        return fault(walk, TLOG_ERR_DAMAGED,
                     "the %" PRIu64 " entries and their hashes agree, but not with the root that "
                     "the state holds",
                     walk->size);
    return true;
}

/* ---- checkpoints ---------------------------------------------------------------------------- */

/* Whatever was signed once must be a beginning of this log. `name` says which, in a sentence. */
static bool check_note(struct walk *walk, const char *name, struct bytes note,
                       const struct note_verifier *verifier)
{
    struct checkpoint checkpoint;
    struct merkle_hash root;
    struct bytes text;
    if (!checkpoint_read(note, &checkpoint, &text))
        return fault(walk, TLOG_ERR_DAMAGED, "%s can't be read", name);
    enum crypto_result good = verifier ? note_check(note, verifier, NULL) : CRYPTO_OK;
    if (good != CRYPTO_OK)
        return fault(walk, good == CRYPTO_MISMATCH ? TLOG_ERR_DAMAGED : TLOG_ERR_CRYPTO,
                     "%s has no good signature by this log's key", name);
    if (checkpoint.size > walk->size)
        return fault(walk, TLOG_ERR_DAMAGED,
                     "index %" PRIu64 ": the log ends there, and %s has %" PRIu64 " entries",
                     walk->size, name, checkpoint.size);
    enum tlog_error error = tlog_root(walk->reader, checkpoint.size, &root);
    if (error)
        return fault(walk, as_damage(error), "the tree of %s: %s", name, tlog_error_text(error));
    if (!merkle_equal(&root, &checkpoint.root))
        return fault(walk, TLOG_ERR_DAMAGED,
                     "%s has another tree for its %" PRIu64
                     " entries: this log is not the one that "
                     "it was signed of",
                     name, checkpoint.size);
    return true;
}

struct notes {
    uint8_t newest_octets[NOTE_BYTES_MAX], witnessed_octets[NOTE_BYTES_MAX];
    struct buf newest, witnessed;
};

/* Read before the state, which may grow meanwhile: it is never behind them. */
static bool read_notes(struct walk *walk, struct notes *notes)
{
    notes->newest = BUF_OVER(notes->newest_octets);
    notes->witnessed = BUF_OVER(notes->witnessed_octets);
    enum tlog_error error = tlog_read_checkpoint(walk->reader, false, &notes->newest);
    if (error)
        return fault(walk, as_damage(error), "the checkpoint: %s", tlog_error_text(error));
    error = tlog_read_checkpoint(walk->reader, true, &notes->witnessed);
    if (error && error != TLOG_ERR_MISSING) /* there is none before the first */
        return fault(walk, error, "the witnessed checkpoint: %s", tlog_error_text(error));
    return true;
}

/* It vouches for what lies behind the newest checkpoint. */
static bool read_state(struct walk *walk, const struct note_verifier *verifier)
{
    enum tlog_error error = tlog_read_state(walk->reader, &walk->size, &walk->root, NULL, NULL);
    if (error)
        return fault(walk, as_damage(error), "the state: %s", tlog_error_text(error));
    enum crypto_result good =
        verifier ? tlog_state_check(&walk->reader->state, verifier) : CRYPTO_OK;
    return good == CRYPTO_OK ||
           fault(walk, good == CRYPTO_MISMATCH ? TLOG_ERR_DAMAGED : TLOG_ERR_CRYPTO, "%s",
                 TLOG_STATE_UNSIGNED);
}

enum tlog_error tlog_verify(struct tlog_reader *reader, const struct note_verifier *verifier,
                            struct bytes older, tlog_each_entry *each, void *context,
                            uint64_t *size, struct buf *why)
{
    struct walk *walk = check_alloc(sizeof *walk);
    struct notes *notes = check_alloc(sizeof *notes);
    walk->reader = reader;
    walk->why = why;
    walk->each = each;
    walk->context = context;
    for (unsigned level = 0; level < TLOG_LEVELS; level++)
        reader->tiles[level].width = 0; /* what lies on disk now */
    bool ok = read_notes(walk, notes) && read_state(walk, verifier) && walk_tree(walk) &&
              check_note(walk, "the checkpoint", buf_bytes(&notes->newest), verifier) &&
              (notes->witnessed.len == 0 || check_note(walk, "the witnessed checkpoint",
                                                       buf_bytes(&notes->witnessed), verifier)) &&
              (older.len == 0 || check_note(walk, "the older checkpoint", older, verifier));
    *size = walk->size;
    enum tlog_error error = walk->error;
    CHECK(ok == (error == TLOG_OK));
    free(notes);
    free(walk);
    return error;
}
