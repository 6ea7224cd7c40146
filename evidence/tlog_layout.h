/* How the log lies on disk, and the growing edge of its tree; private to this room.
 *
 * Tiles, bundles and checkpoints are C2SP's (tlog-tiles, tlog-checkpoint). Ours are
 *
 * state  lines: "jwb-log-state/1", origin, size, root in base64, "POSITION SOURCE" for each cursor;
 *        the signature of a NUL and all lines before it by the log's key, base64; the CRC-32C of
 *        all before it, 8 hexadecimal digits
 * runs/  a file for each source, named by the first half of its name's SHA-256; integers are
 *        little-endian:
 *   header  0 "JWBR"   4 version u32   8 the source's name, NULs behind it   200 zeros to 256
 *   run     0 position u64   8 next u64   16 index u64   24 count u32   28 CRC-32C of these */
#ifndef EVIDENCE_TLOG_LAYOUT_H
#define EVIDENCE_TLOG_LAYOUT_H

#include "evidence/tlog.h"

#define TLOG_LEVELS           8           /* of tiles: 2^64 entries */
#define TLOG_TILE_HASHES      256         /* as many as a bundle has entries */
#define TLOG_BUNDLES          TLOG_LEVELS /* the "level" of bundles, in paths */
#define TLOG_PATH_BYTES_MAX   64
#define TLOG_BUNDLE_BYTES_MAX (TLOG_BUNDLE_ENTRIES * (2 + TLOG_ENTRY_BYTES_MAX))

/* "tile/0/x001/067", or with a width below TLOG_TILE_HASHES "tile/0/x001/067.p/112". */
void tlog_path(unsigned level, uint64_t index, unsigned width, char path[TLOG_PATH_BYTES_MAX]);
/* How many hashes (entries) of this tile (bundle) a tree of `size` has. */
unsigned tlog_width(unsigned level, uint64_t index, uint64_t size);

/* Reads a small file whole. MISSING; OPEN: errno says why; DAMAGED: longer than the room. */
enum tlog_error tlog_file_read(int folder, const char *path, struct buf *content);
/* The first `width` hashes of a tile that a committed tree has: from the partial tile of this width
 * or the full one. MISSING, OPEN, DAMAGED: of another length. */
enum tlog_error tlog_tile_read(int folder, unsigned level, uint64_t index, unsigned width,
                               struct merkle_hash hashes[TLOG_TILE_HASHES]);
/* The first `width` entries of a bundle likewise; views into `octets`. DAMAGED: those that could be
 * read stand there, the others have no data. */
enum tlog_error tlog_bundle_read(int folder, uint64_t index, unsigned width,
                                 uint8_t octets[TLOG_BUNDLE_BYTES_MAX],
                                 struct bytes entries[TLOG_BUNDLE_ENTRIES]);

/* Removes the partial files of a tile or bundle that is full: readers find the full one. False:
 * some are left; errno says why. */
bool tlog_partials_remove(int folder, unsigned level, uint64_t index);
/* The same of all that become full while a log grows so far. What is left is removed when the log
 * is opened, or the bundle loses entries. */
void tlog_partials_remove_all(int folder, uint64_t from, uint64_t to);

/* ---- state ---- */
struct tlog_state {
    char origin[NOTE_NAME_BYTES_MAX + 1];
    uint64_t size;
    struct merkle_hash root;
    size_t cursor_count;
    struct tlog_cursor cursors[TLOG_CURSORS_MAX];
    uint8_t signature[CRYPTO_ED25519_SIGNATURE_BYTES]; /* of what was read; zeros: it had none */
};
#define TLOG_STATE_BYTES_MAX                                                                       \
    (256 + NOTE_NAME_BYTES_MAX + TLOG_CURSORS_MAX * (TLOG_SOURCE_BYTES_MAX + 22))
/* Signed under the signer's name, whatever the origin in *state. */
enum crypto_result tlog_state_write(struct tlog_state *state, const struct note_signer *signer,
                                    struct buf *out);
/* The signature is not looked at. */
enum tlog_error tlog_state_read(int folder, struct tlog_state *state);
/* Of what was read: was it signed by this key, under its name? */
enum crypto_result tlog_state_check(const struct tlog_state *state,
                                    const struct note_verifier *verifier);
#define TLOG_STATE_UNSIGNED "the state has no good signature by this log's key"

/* ---- the edge: the last tile of each level, as far as it is there ---- */
struct tlog_edge {
    uint64_t size;
    struct merkle_hash tiles[TLOG_LEVELS][TLOG_TILE_HASHES];
};
/* Told of every new hash, once it is in its tile; false ends the growing. */
typedef bool tlog_grown(void *context, unsigned level, uint64_t index);
/* False: told so, or ours (crypto); the edge is then of no use. */
bool tlog_edge_grow(struct tlog_edge *edge, const struct merkle_hash *leaf, tlog_grown *grown,
                    void *context);
bool tlog_edge_root(const struct tlog_edge *edge, struct merkle_hash *root);
/* Of a perfect tree over `count` hashes, a power of two up to TLOG_TILE_HASHES. */
bool tlog_fold(const struct merkle_hash *hashes, size_t count, struct merkle_hash *root);

/* ---- runs ---- */
#define TLOG_RUNS_HEADER_BYTES 256
#define TLOG_RUN_BYTES         32
#define TLOG_RUNS_FOLDER       "runs"
void tlog_runs_path(const char *source, char path[TLOG_PATH_BYTES_MAX]);
void tlog_runs_header(const char *source, struct buf *out);
void tlog_run_write(const struct tlog_run *run, struct buf *out);
/* How many runs of an open file lie in a tree of `size`; what a crash left behind them does not
 * count. */
enum tlog_error tlog_runs_count(int file, uint64_t size, uint64_t *count);
/* The run with this number, from 0. */
enum tlog_error tlog_run_read(int file, uint64_t number, struct tlog_run *run);
/* Cuts off, in all files, what does not count. False: errno says why. */
bool tlog_runs_cut(int folder, uint64_t size);

/* Appends "path: what", and errno's text when error is TLOG_ERR_OPEN or TLOG_ERR_WRITE; returns
 * the error. */
enum tlog_error tlog_tell(struct buf *why, const char *path, const char *what,
                          enum tlog_error error);

#endif
