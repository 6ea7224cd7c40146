/* How a package lies on disk; private to this room. docs/PROTOCOL.md section "Archives". */
#ifndef EVIDENCE_ARCHIVE_PACKAGE_H
#define EVIDENCE_ARCHIVE_PACKAGE_H

#include <stdio.h>

#include "evidence/archive.h"
#include "evidence/tlog_layout.h"

#define PACKAGE_MANIFEST   "manifest.json"
#define PACKAGE_CHECKPOINT "checkpoint"

/* A bundle's three files. */
enum package_part { PACKAGE_ENTRIES, PACKAGE_TILE, PACKAGE_PROOF, PACKAGE_PARTS };
void package_path(enum package_part part, uint64_t bundle, char path[TLOG_PATH_BYTES_MAX]);

/* Says "folder/name: what", with errno's text for READ and WRITE; returns the error. */
enum archive_error package_tell(struct buf *why, const char *folder, const char *name,
                                const char *what, enum archive_error error);
/* What was read of a package or a log: what is missing or damaged there is somebody's. */
enum archive_error package_tell_read(struct buf *why, const char *folder, const char *name,
                                     enum tlog_error error);

/* The manifest, written or compared piece by piece: of one package it is the same octets always. */
struct manifest {
    FILE *file;
    bool compare; /* else written */
    bool other;   /* compared: another text; written: could not be */
};
void manifest_begin(struct manifest *manifest, const struct note_verifier *verifier,
                    const struct checkpoint *checkpoint,
                    const uint8_t checkpoint_hash[CRYPTO_HASH_BYTES]);
void manifest_bundle(struct manifest *manifest, uint64_t bundle,
                     const uint8_t hashes[PACKAGE_PARTS][CRYPTO_HASH_BYTES]);
void manifest_end(struct manifest *manifest, const struct archive_report *report);
/* What a reader has to take from it: whose key; the next bundle, false when there is none. */
bool manifest_read_key(struct manifest *manifest, struct note_verifier *verifier);
bool manifest_next_bundle(struct manifest *manifest, uint64_t *bundle);
/* Is this line of a checked manifest a bundle's first? */
bool manifest_line_bundle(struct bytes line, uint64_t *bundle);

/* Counts an entry that is in the package; bundles are counted by whoever has them. */
void archive_count(struct archive_report *report, uint64_t index,
                   const struct journal_record *record);
/* SHA-256 of manifest.json, into the report. */
enum archive_error archive_hash_manifest(int folder, struct archive_report *report,
                                         struct buf *why);
/* SHA-256; ARCHIVE_ERR_CRYPTO, and why. */
enum archive_error archive_hash(struct bytes octets, uint8_t hash[CRYPTO_HASH_BYTES],
                                struct buf *why);

#endif
