/* Archives: what is due is taken out of the log into a package, a folder that proves by itself that
 * each of its entries is in the log. docs/PROTOCOL.md section "Archives" is its definition.
 *
 *   manifest.json           what is in it; an exact text, all of which follows from the other files
 *   checkpoint              a signed checkpoint of the log
 *   tile/entries/x001/067   a bundle as the log has it, but entries that were not due are empty
 *   tile/0/x001/067         the hashes of all entries of that bundle
 *   proof/x001/067          a C2SP tlog-proof of the bundle's first entry, without the entry
 *
 * Everything here is a tool's: it waits for disks. A gateway goes on meanwhile. */
#ifndef EVIDENCE_ARCHIVE_H
#define EVIDENCE_ARCHIVE_H

#include "evidence/entry.h"
#include "evidence/tlog.h"

#define ARCHIVE_KINDS 256

/* Each comes with a sentence in `why`. */
enum archive_error {
    ARCHIVE_OK = 0,
    ARCHIVE_ERR_EXISTS, /* the caller's: the folder is there already */
    ARCHIVE_ERR_READ,   /* ours: the log, a journal or the package can't be read */
    ARCHIVE_ERR_WRITE,  /* ours: what was written of a package is of no use; what was removed is */
    ARCHIVE_ERR_BAD,    /* somebody's: what is there is not what the log had, or no package */
    ARCHIVE_ERR_CRYPTO, /* ours */
};

struct archive_report {
    uint64_t size; /* of the checkpoint's tree; its full bundles were looked through */
    uint64_t bundles, entries;
    uint64_t first, last;         /* indices of entries */
    int64_t oldest_us, newest_us; /* Unix microseconds */
    uint64_t kinds[ARCHIVE_KINDS];
    uint8_t manifest[CRYPTO_HASH_BYTES]; /* SHA-256 of manifest.json: the package's name */
};

/* What is due. It says of the same record the same at each call. */
typedef bool archive_due(void *context, const struct journal_record *record);

struct archive_options {
    const char *log;                      /* the log's folder */
    const char *folder;                   /* to be made, in a folder that is there; mode 0700 */
    const struct note_verifier *verifier; /* the log's */
    bool witnesses;                       /* it has some now: of former ones no checkpoint counts */
    archive_due *due;
    void *context;
};
/* Writes a package of what is due and still in the log, synced when it returns; when there is
 * nothing (report->entries 0), it leaves no folder. Under the newest checkpoint that all witnesses
 * have cosigned, or the newest of all when there are no witnesses, or none such yet. */
enum archive_error archive_export(const struct archive_options *options,
                                  struct archive_report *report, struct buf *why);

/* Reads a package to its last octet and checks it: signature, proofs, hashes, counts. `expected`
 * NULL: the package's own key is believed. *verifier (may be NULL) is told which that is. */
enum archive_error archive_check(const char *folder, const struct note_verifier *expected,
                                 struct note_verifier *verifier, struct archive_report *report,
                                 struct buf *why);

/* After archive_check: removes from the log what the package has. What was cut off is done again by
 * the same call. */
enum archive_error archive_remove_entries(const char *folder, const char *log, struct buf *why);
/* Removes from all journals of a folder what is due and was in the log's full bundles at `size`, as
 * the report has it: all that is in a package, this one or one before it. Adds to *removed. */
enum archive_error archive_remove_records(const char *journals, const char *log, uint64_t size,
                                          archive_due *due, void *context, uint64_t *removed,
                                          struct buf *why);

#endif
