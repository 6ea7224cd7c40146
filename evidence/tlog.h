/* The evidence log on disk: a folder as C2SP tlog-tiles lays it out (tiles of 256 hashes, bundles
 * of 256 entries, a checkpoint), so that any web server can publish it and any reader of the
 * specification can check it. Beside that a file `state`, signed, which alone says what is in the
 * log: what lies behind it was left by a crash and is written again.
 *
 *   checkpoint                   the newest, signed by the log, with the cosignatures that came
 *   checkpoint.witnessed         the newest that every witness has cosigned; none before the first
 *   tile/0/x001/067, .../067.p/N hashes         tile/entries/x001/067, .../067.p/N entries
 *   state, runs/, lock           ours
 *
 * One writer, on one thread; readers are other objects, anywhere, and see what was committed. An
 * entry of length 0 in a bundle was removed after its time (docs/PROTOCOL.md): its hash stays. */
#ifndef EVIDENCE_TLOG_H
#define EVIDENCE_TLOG_H

#include "evidence/note.h"

#define TLOG_ENTRY_BYTES_MAX  1024
#define TLOG_BUNDLE_ENTRIES   256
#define TLOG_CURSORS_MAX      256 /* sources that a log has read from */
#define TLOG_SOURCE_BYTES_MAX 192 /* a source's name */

enum tlog_error {
    TLOG_OK = 0,
    TLOG_ERR_BUSY,    /* not now: another process writes this log */
    TLOG_ERR_FULL,    /* not now: commit first */
    TLOG_ERR_MISSING, /* there is no log, entry, or run here */
    TLOG_ERR_OPEN,    /* ours: a file can't be opened or read; errno says why */
    TLOG_ERR_WRITE,   /* ours: a file can't be written, errno says why; the log is as it was */
    TLOG_ERR_DAMAGED, /* ours, or somebody's: what is there contradicts itself */
    TLOG_ERR_CRYPTO,  /* ours */
};
const char *tlog_error_text(enum tlog_error error);

/* How far the log has got in one of its sources: a journal's octets, the registry's events. */
struct tlog_cursor {
    char source[TLOG_SOURCE_BYTES_MAX]; /* "registry", or a journal's name */
    uint64_t position;
};

/* ---- writing ---- */
struct tlog;
/* Opens or makes the log in `folder` (made 0700 if missing) and takes its lock. Recovers: what is
 * behind `state` is forgotten. The signer is copied. DAMAGED with a sentence in `why` when
 * `state` was not signed with this key or what it says is not what is there, or the checkpoint is
 * of another origin. */
enum tlog_error tlog_open(const char *folder, const struct note_signer *signer, struct tlog **log,
                          struct buf *why);
void tlog_close(struct tlog **log);
/* The cursor of a source, 0 when it has none. */
uint64_t tlog_cursor(const struct tlog *log, const char *source);
/* Takes entries (1 to TLOG_ENTRY_BYTES_MAX octets each, at most TLOG_RUN_ENTRIES) that came from
 * `source` from `position` on, which is not below its cursor; the source's next one is at `next`.
 * None: only the cursor moves. Kept in memory until tlog_commit: all or, with TLOG_ERR_FULL, none;
 * at most TLOG_PENDING_BYTES_MAX (34 more than its own octets for each), TLOG_PENDING_RUNS_MAX and
 * TLOG_CURSORS_MAX. Other errors: CRYPTO. */
#define TLOG_PENDING_BYTES_MAX (16 * 1024 * 1024)
#define TLOG_PENDING_RUNS_MAX  65536
enum tlog_error tlog_append(struct tlog *log, const char *source, uint64_t position, uint64_t next,
                            const struct bytes *entries, size_t count);
/* A source is done for good: from the next commit on its cursor is kept no longer. */
void tlog_forget(struct tlog *log, const char *source);
/* Writes what was appended, durable when it returns, signs and publishes a checkpoint; nothing when
 * there is nothing to be done. TLOG_ERR_WRITE or TLOG_ERR_CRYPTO: the next call tries again. Until
 * one succeeds nothing of it counts: it is kept in memory, and tlog_size says what is committed.
 */
enum tlog_error tlog_commit(struct tlog *log);
/* The committed tree. */
uint64_t tlog_size(const struct tlog *log);
/* Publishes the checkpoint of the size that `note` has with more signatures than before: if it is
 * still the newest as `checkpoint`, and if `witnessed` as `checkpoint.witnessed`, unless that is
 * newer. TLOG_ERR_DAMAGED: it is not a checkpoint that this log has signed of what it holds. */
enum tlog_error tlog_publish_cosigned(struct tlog *log, struct bytes note, bool witnessed);

/* ---- reading ---- */
struct tlog_reader;
/* MISSING: there is no log. */
enum tlog_error tlog_reader_open(const char *folder, struct tlog_reader **reader);
void tlog_reader_close(struct tlog_reader **reader);
/* What `state` says now, whoever signed it: tlog_verify knows. *cursors: as many as there are, at
 * most TLOG_CURSORS_MAX (may be NULL). */
enum tlog_error tlog_read_state(struct tlog_reader *reader, uint64_t *size,
                                struct merkle_hash *root, struct tlog_cursor *cursors,
                                size_t *cursor_count);
/* Appends the note. */
enum tlog_error tlog_read_checkpoint(struct tlog_reader *reader, bool witnessed, struct buf *note);
/* The entries of a bundle, in order, at most TLOG_BUNDLE_ENTRIES; views live until the next call.
 */
enum tlog_error tlog_read_bundle(struct tlog_reader *reader, uint64_t bundle, uint64_t size,
                                 struct bytes entries[TLOG_BUNDLE_ENTRIES], size_t *count);
/* Appends an entry; nothing when it was removed. */
enum tlog_error tlog_read_entry(struct tlog_reader *reader, uint64_t index, uint64_t size,
                                struct buf *entry);
/* Proofs in the tree of `size`, which is at most the committed one. */
enum tlog_error tlog_prove_inclusion(struct tlog_reader *reader, uint64_t index, uint64_t size,
                                     struct merkle_hash proof[MERKLE_PROOF_MAX], size_t *count);
enum tlog_error tlog_prove_consistency(struct tlog_reader *reader, uint64_t old_size, uint64_t size,
                                       struct merkle_hash proof[MERKLE_PROOF_MAX], size_t *count);
enum tlog_error tlog_root(struct tlog_reader *reader, uint64_t size, struct merkle_hash *root);

/* Where a source's entries went: each tlog_append is one run or, if it goes on where the last one
 * before the same commit ended and both fit, a part of one; a run has at most TLOG_RUN_ENTRIES.
 * Finds the run that holds `position`. */
#define TLOG_RUN_ENTRIES 256
struct tlog_run {
    uint64_t position, next; /* in the source */
    uint64_t index;          /* of its first entry in the log */
    uint32_t count;
};
enum tlog_error tlog_find_run(struct tlog_reader *reader, const char *source, uint64_t position,
                              struct tlog_run *run);
/* All runs of a source, in order, until `each` returns false. */
enum tlog_error tlog_each_run(struct tlog_reader *reader, const char *source,
                              bool (*each)(void *context, const struct tlog_run *run),
                              void *context);

/* Walks all of it: every hash from the entries up to the root, the root and the signatures of
 * state and checkpoint. TLOG_ERR_DAMAGED with the first fault in `why`, by its index where it has
 * one. `older` (may be empty): a checkpoint that somebody kept, which this log must have grown
 * from; verifier NULL: signatures are not checked. `each` (may be NULL) is told of each entry in
 * order, once its hash is known to be right; one of length 0 is there by its hash alone, and who
 * removed it is audit.h's matter. When it returns false, having said why, that is the fault. */
typedef bool tlog_each_entry(void *context, uint64_t index, struct bytes entry);
enum tlog_error tlog_verify(struct tlog_reader *reader, const struct note_verifier *verifier,
                            struct bytes older, tlog_each_entry *each, void *context,
                            uint64_t *size, struct buf *why);
/* Removes the content of entries that are due (marked true) from a full bundle, for good: synced;
 * with the partial bundles that a kill may have left beside it. */
enum tlog_error tlog_remove(const char *folder, uint64_t bundle,
                            const bool due[TLOG_BUNDLE_ENTRIES], struct buf *why);

#endif
