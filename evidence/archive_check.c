/* Reading a package and checking it, with nothing but the package. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/archive_package.h"

struct check {
    const char *name; /* the package's folder, and its descriptor; -1: not open */
    int folder;
    struct archive_report *report;
    struct buf *why;
    struct manifest manifest;
    struct checkpoint checkpoint; /* a view into note */
    uint8_t note[NOTE_BYTES_MAX];
    size_t note_bytes;
    struct merkle_hash tile[TLOG_TILE_HASHES];
    struct bytes entries[TLOG_BUNDLE_ENTRIES]; /* views into bundle */
    uint8_t bundle[TLOG_BUNDLE_BYTES_MAX], proof[TLOG_PROOF_BYTES_MAX];
    struct bytes parts[PACKAGE_PARTS];
};

static enum archive_error bad(const struct check *c, const char *name, const char *fault)
{
    return package_tell(c->why, c->name, name, fault, ARCHIVE_ERR_BAD);
}

static enum archive_error of_crypto(const struct check *c, enum crypto_result result,
                                    const char *name, const char *fault)
{
    return result == CRYPTO_OK ? ARCHIVE_OK
           : result == CRYPTO_MISMATCH
               ? bad(c, name, fault)
               : package_tell(c->why, c->name, name, "can't be computed", ARCHIVE_ERR_CRYPTO);
}

/* ---- a bundle ---- */

static enum archive_error read_part(struct check *c, enum package_part part, uint64_t bundle)
{
    char path[TLOG_PATH_BYTES_MAX];
    struct buf proof = BUF_OVER(c->proof);
    enum tlog_error error;
    package_path(part, bundle, path);
    if (part == PACKAGE_TILE) {
        error = tlog_tile_read(c->folder, 0, bundle, TLOG_TILE_HASHES, c->tile);
        c->parts[part] = bytes_of(c->tile, sizeof c->tile);
    } else if (part == PACKAGE_ENTRIES) {
        error = tlog_bundle_read(c->folder, bundle, TLOG_BUNDLE_ENTRIES, c->bundle, c->entries);
        const struct bytes *last = &c->entries[TLOG_BUNDLE_ENTRIES - 1];
        if (!error)
            c->parts[part] = bytes_of(c->bundle, (size_t)(last->data + last->len - c->bundle));
    } else {
        error = tlog_file_read(c->folder, path, &proof);
        c->parts[part] = buf_bytes(&proof);
    }
    return package_tell_read(c->why, c->name, path, error);
}

/* Each entry has its hash in the tile. */
static enum archive_error check_entries(struct check *c, uint64_t bundle, const char *path)
{
    struct journal_record record;
    struct merkle_hash leaf;
    const uint64_t before = c->report->entries;
    for (size_t i = 0; i < TLOG_BUNDLE_ENTRIES; i++) {
        if (c->entries[i].len == 0)
            continue;
        if (!entry_read(c->entries[i], &record))
            return bad(c, path, "has an entry that is none");
        enum crypto_result result = merkle_leaf(&crypto_openssl, c->entries[i], &leaf);
        if (result == CRYPTO_OK && !merkle_equal(&leaf, &c->tile[i]))
            result = CRYPTO_MISMATCH;
        if (result != CRYPTO_OK)
            return of_crypto(c, result, path, "has an entry that is not the log's");
        archive_count(c->report, bundle * TLOG_BUNDLE_ENTRIES + i, &record);
    }
    return c->report->entries > before ? ARCHIVE_OK : bad(c, path, "has no entry");
}

/* A tree of entries is one of bundles, the last of which may be smaller, because both split at
 * powers of two. So the proof for a bundle's first entry is, from its ninth hash on, one for the
 * tile's root. */
#define TILE_LEVELS 8
static enum archive_error check_proof(const struct check *c, uint64_t bundle, const char *path)
{
    const uint64_t size = c->checkpoint.size;
    struct tlog_proof proof;
    struct merkle_hash tile, by_entry, by_tile;
    if (!tlog_proof_read(c->parts[PACKAGE_PROOF], &proof) || proof.entry_bytes ||
        proof.index != bundle * TLOG_BUNDLE_ENTRIES || proof.hash_count < TILE_LEVELS ||
        !bytes_equal(proof.note, bytes_of(c->note, c->note_bytes)))
        return bad(c, path, "is no proof of this bundle under the package's checkpoint");
    enum crypto_result result =
        tlog_fold(c->tile, TLOG_TILE_HASHES, &tile) ? CRYPTO_OK : CRYPTO_FAILED;
    if (result == CRYPTO_OK)
        result = merkle_root_of_inclusion(&crypto_openssl, proof.index, size, &c->tile[0],
                                          proof.hashes, proof.hash_count, &by_entry);
    if (result == CRYPTO_OK)
        result = merkle_root_of_inclusion(
            &crypto_openssl, bundle, (size + TLOG_BUNDLE_ENTRIES - 1) / TLOG_BUNDLE_ENTRIES, &tile,
            proof.hashes + TILE_LEVELS, proof.hash_count - TILE_LEVELS, &by_tile);
    if (result == CRYPTO_OK && !(merkle_equal(&by_entry, &c->checkpoint.root) &&
                                 merkle_equal(&by_tile, &c->checkpoint.root)))
        result = CRYPTO_MISMATCH;
    return of_crypto(c, result, path, "does not lead to the checkpoint's root");
}

static enum archive_error check_bundle(struct check *c, uint64_t bundle)
{
    uint8_t hashes[PACKAGE_PARTS][CRYPTO_HASH_BYTES];
    char path[TLOG_PATH_BYTES_MAX];
    enum archive_error error = ARCHIVE_OK;
    for (int part = 0; part < PACKAGE_PARTS && !error; part++) {
        error = read_part(c, (enum package_part)part, bundle);
        if (!error)
            error = archive_hash(c->parts[part], hashes[part], c->why);
    }
    package_path(PACKAGE_ENTRIES, bundle, path);
    if (!error)
        error = check_entries(c, bundle, path);
    package_path(PACKAGE_PROOF, bundle, path);
    if (!error)
        error = check_proof(c, bundle, path);
    if (!error)
        manifest_bundle(&c->manifest, bundle, hashes);
    c->report->bundles++;
    return error;
}

/* ---- the whole ---- */

static enum archive_error open_manifest(struct check *c, const struct note_verifier *expected,
                                        struct note_verifier *verifier)
{
    c->folder = open(c->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int file = c->folder >= 0 ? openat(c->folder, PACKAGE_MANIFEST, O_RDONLY | O_CLOEXEC) : -1;
    c->manifest.file = file >= 0 ? fdopen(file, "r") : NULL;
    if (!c->manifest.file)
        return package_tell(c->why, c->name, PACKAGE_MANIFEST, "can't be read", ARCHIVE_ERR_READ);
    if (!manifest_read_key(&c->manifest, verifier))
        return bad(c, PACKAGE_MANIFEST, "is no manifest of this version");
    bool same = !expected || (strcmp(expected->name, verifier->name) == 0 &&
                              memcmp(expected->public_key, verifier->public_key,
                                     sizeof expected->public_key) == 0);
    return same ? ARCHIVE_OK : bad(c, PACKAGE_MANIFEST, "has another key than was expected");
}

static enum archive_error check_checkpoint(struct check *c, const struct note_verifier *verifier)
{
    struct buf note = BUF_OVER(c->note);
    uint8_t hash[CRYPTO_HASH_BYTES];
    struct bytes text;
    enum archive_error error = package_tell_read(
        c->why, c->name, PACKAGE_CHECKPOINT, tlog_file_read(c->folder, PACKAGE_CHECKPOINT, &note));
    if (error)
        return error;
    if (!checkpoint_read(buf_bytes(&note), &c->checkpoint, &text))
        return bad(c, PACKAGE_CHECKPOINT, "is no checkpoint");
    error = of_crypto(c, note_check(buf_bytes(&note), verifier, NULL), PACKAGE_CHECKPOINT,
                      "is not signed by the manifest's key");
    if (!error)
        error = archive_hash(buf_bytes(&note), hash, c->why);
    if (!error)
        manifest_begin(&c->manifest, verifier, &c->checkpoint, hash);
    c->note_bytes = note.len;
    c->report->size = c->checkpoint.size;
    return error;
}

static enum archive_error check_bundles(struct check *c)
{
    uint64_t bundle, next = 0;
    enum archive_error error = ARCHIVE_OK;
    while (!error && manifest_next_bundle(&c->manifest, &bundle)) {
        if (bundle < next || bundle >= c->checkpoint.size / TLOG_BUNDLE_ENTRIES)
            return bad(c, PACKAGE_MANIFEST, "names a bundle that can't follow");
        error = check_bundle(c, bundle);
        next = bundle + 1;
    }
    if (error)
        return error;
    manifest_end(&c->manifest, c->report);
    return c->manifest.other ? bad(c, PACKAGE_MANIFEST, "is not the manifest of these files")
                             : archive_hash_manifest(c->folder, c->report, c->why);
}

enum archive_error archive_check(const char *folder, const struct note_verifier *expected,
                                 struct note_verifier *verifier, struct archive_report *report,
                                 struct buf *why)
{
    struct note_verifier own;
    struct check *c = check_alloc(sizeof *c);
    *report = (struct archive_report){0};
    verifier = verifier ? verifier : &own;
    c->name = folder;
    c->report = report;
    c->why = why;
    c->manifest.compare = true;
    enum archive_error error = open_manifest(c, expected, verifier);
    if (!error)
        error = check_checkpoint(c, verifier);
    if (!error)
        error = check_bundles(c);
    if (c->manifest.file)
        fclose(c->manifest.file);
    if (c->folder >= 0)
        close(c->folder);
    free(c);
    return error;
}
