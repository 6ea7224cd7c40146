/* Writing a package. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/archive_package.h"

struct writer {
    const struct archive_options *options;
    struct archive_report *report;
    struct buf *why;
    struct tlog_reader *log;
    int log_folder, folder; /* descriptors; -1: not open */
    struct manifest manifest;
    struct checkpoint checkpoint; /* a view into note */
    uint8_t note[NOTE_BYTES_MAX];
    size_t note_bytes;
    struct merkle_hash tile[TLOG_TILE_HASHES];
    uint8_t bundle[TLOG_BUNDLE_BYTES_MAX], proof[TLOG_PROOF_BYTES_MAX];
};

static enum archive_error of_log(const struct writer *w, enum tlog_error error)
{
    return package_tell_read(w->why, w->options->log, "", error);
}

static enum archive_error not_written(const struct writer *w, const char *name)
{
    return package_tell(w->why, w->options->folder, name, "can't be written", ARCHIVE_ERR_WRITE);
}

/* ---- files ---- */

/* The folders in front of a file that is to be made. */
static bool make_folders(int folder, const char *path)
{
    char head[TLOG_PATH_BYTES_MAX];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        memcpy(head, path, (size_t)(slash - path));
        head[slash - path] = 0;
        if (mkdirat(folder, head, 0700) != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

static bool write_all(int file, struct bytes content)
{
    while (content.len) {
        ssize_t n = write(file, content.data, content.len);
        if (n < 0 && errno != EINTR)
            return false;
        content = bytes_from(content, n > 0 ? (size_t)n : 0);
    }
    return true;
}

/* Not synced by itself: the whole package is, at its end. */
static enum archive_error write_file(const struct writer *w, const char *path, struct bytes content)
{
    int file = make_folders(w->folder, path)
                   ? openat(w->folder, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
                   : -1;
    bool written = file >= 0 && write_all(file, content);
    int cause = errno;
    if (file >= 0 && close(file) != 0 && written) {
        written = false;
        cause = errno;
    }
    errno = cause;
    return written ? ARCHIVE_OK : not_written(w, path);
}

/* ---- a bundle ---- */

/* Empties the entries that are not due, and those that this version can't read: they stay. */
static size_t choose(const struct writer *w, uint64_t bundle,
                     struct bytes entries[TLOG_BUNDLE_ENTRIES])
{
    struct journal_record record;
    size_t chosen = 0;
    for (size_t i = 0; i < TLOG_BUNDLE_ENTRIES; i++) {
        if (entries[i].len && entry_read(entries[i], &record) &&
            w->options->due(w->options->context, &record)) {
            archive_count(w->report, bundle * TLOG_BUNDLE_ENTRIES + i, &record);
            chosen++;
        } else {
            entries[i].len = 0;
        }
    }
    return chosen;
}

static void put_entries(struct buf *out, const struct bytes entries[TLOG_BUNDLE_ENTRIES])
{
    for (size_t i = 0; i < TLOG_BUNDLE_ENTRIES; i++) {
        buf_put_u8(out, (uint8_t)(entries[i].len >> 8));
        buf_put_u8(out, (uint8_t)entries[i].len);
        buf_put(out, entries[i]);
    }
}

static enum archive_error put_proof(const struct writer *w, uint64_t bundle, struct buf *out)
{
    struct tlog_proof proof = {.index = bundle * TLOG_BUNDLE_ENTRIES,
                               .note = bytes_of(w->note, w->note_bytes)};
    enum tlog_error error = tlog_prove_inclusion(w->log, proof.index, w->checkpoint.size,
                                                 proof.hashes, &proof.hash_count);
    if (!error)
        tlog_proof_write(&proof, out);
    return of_log(w, error);
}

static enum archive_error write_bundle(struct writer *w, uint64_t bundle,
                                       const struct bytes entries[TLOG_BUNDLE_ENTRIES])
{
    struct buf parts[PACKAGE_PARTS] = {BUF_OVER(w->bundle), BUF_OVER(w->tile), BUF_OVER(w->proof)};
    uint8_t hashes[PACKAGE_PARTS][CRYPTO_HASH_BYTES];
    put_entries(&parts[PACKAGE_ENTRIES], entries);
    parts[PACKAGE_TILE].len = sizeof w->tile;
    enum archive_error error =
        of_log(w, tlog_tile_read(w->log_folder, 0, bundle, TLOG_TILE_HASHES, w->tile));
    if (!error)
        error = put_proof(w, bundle, &parts[PACKAGE_PROOF]);
    for (int part = 0; part < PACKAGE_PARTS && !error; part++) {
        char path[TLOG_PATH_BYTES_MAX];
        CHECK(buf_ok(&parts[part]));
        package_path((enum package_part)part, bundle, path);
        error = write_file(w, path, buf_bytes(&parts[part]));
        if (!error)
            error = archive_hash(buf_bytes(&parts[part]), hashes[part], w->why);
    }
    if (error)
        return error;
    manifest_bundle(&w->manifest, bundle, hashes);
    w->report->bundles++;
    return ARCHIVE_OK;
}

static enum archive_error write_bundles(struct writer *w)
{
    const uint64_t size = w->checkpoint.size, full = size / TLOG_BUNDLE_ENTRIES;
    struct bytes entries[TLOG_BUNDLE_ENTRIES];
    enum archive_error error = ARCHIVE_OK;
    for (uint64_t bundle = 0; bundle < full && !error; bundle++) {
        size_t count;
        error = of_log(w, tlog_read_bundle(w->log, bundle, size, entries, &count));
        if (!error && choose(w, bundle, entries) > 0)
            error = write_bundle(w, bundle, entries);
    }
    return error;
}

/* ---- the whole ---- */

/* One that witnesses stand for, if there is one: who wrote the log can't write another for it. What
 * former witnesses cosigned last lies there still, and gets no newer. */
static enum archive_error read_checkpoint(struct writer *w)
{
    struct buf note = BUF_OVER(w->note);
    struct bytes text;
    enum tlog_error error =
        w->options->witnesses ? tlog_read_checkpoint(w->log, true, &note) : TLOG_ERR_MISSING;
    if (error == TLOG_ERR_MISSING)
        error = tlog_read_checkpoint(w->log, false, &note);
    if (error)
        return of_log(w, error);
    w->note_bytes = note.len;
    if (!buf_ok(&note) || !checkpoint_read(buf_bytes(&note), &w->checkpoint, &text) ||
        note_check(buf_bytes(&note), w->options->verifier, NULL) != CRYPTO_OK)
        return package_tell(w->why, w->options->log, PACKAGE_CHECKPOINT,
                            "is not signed by the log's key", ARCHIVE_ERR_BAD);
    w->report->size = w->checkpoint.size;
    return ARCHIVE_OK;
}

static enum archive_error begin(struct writer *w)
{
    const struct bytes note = bytes_of(w->note, w->note_bytes);
    uint8_t hash[CRYPTO_HASH_BYTES];
    enum archive_error error = write_file(w, PACKAGE_CHECKPOINT, note);
    if (!error)
        error = archive_hash(note, hash, w->why);
    if (error)
        return error;
    int file = openat(w->folder, PACKAGE_MANIFEST, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    w->manifest.file = file >= 0 ? fdopen(file, "w") : NULL;
    if (!w->manifest.file)
        return not_written(w, PACKAGE_MANIFEST);
    manifest_begin(&w->manifest, w->options->verifier, &w->checkpoint, hash);
    return ARCHIVE_OK;
}

/* The manifest comes last; then all of it is on the disk. */
static enum archive_error finish(struct writer *w)
{
    manifest_end(&w->manifest, w->report);
    bool written = !w->manifest.other;
    written = fclose(w->manifest.file) == 0 && written;
    w->manifest.file = NULL;
    return written && syncfs(w->folder) == 0 ? archive_hash_manifest(w->folder, w->report, w->why)
                                             : not_written(w, PACKAGE_MANIFEST);
}

/* What was made of a package without an entry. */
static void take_away(const struct writer *w)
{
    unlinkat(w->folder, PACKAGE_MANIFEST, 0);
    unlinkat(w->folder, PACKAGE_CHECKPOINT, 0);
    rmdir(w->options->folder);
}

static enum archive_error write_package(struct writer *w)
{
    const char *folder = w->options->folder;
    enum archive_error error = read_checkpoint(w);
    if (error)
        return error;
    if (mkdir(folder, 0700) != 0)
        return errno == EEXIST
                   ? package_tell(w->why, folder, "", "is there already", ARCHIVE_ERR_EXISTS)
                   : not_written(w, "");
    w->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->folder < 0)
        return not_written(w, "");
    error = begin(w);
    if (!error)
        error = write_bundles(w);
    if (!error && w->report->entries)
        error = finish(w);
    else if (!error)
        take_away(w);
    return error;
}

enum archive_error archive_export(const struct archive_options *options,
                                  struct archive_report *report, struct buf *why)
{
    struct writer *w = check_alloc(sizeof *w);
    *report = (struct archive_report){0};
    w->options = options;
    w->report = report;
    w->why = why;
    w->folder = -1;
    w->log_folder = open(options->log, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum tlog_error opened =
        w->log_folder >= 0 ? tlog_reader_open(options->log, &w->log) : TLOG_ERR_OPEN;
    enum archive_error error = opened ? of_log(w, opened) : write_package(w);
    if (!opened)
        tlog_reader_close(&w->log);
    if (w->manifest.file)
        fclose(w->manifest.file);
    if (w->folder >= 0)
        close(w->folder);
    if (w->log_folder >= 0)
        close(w->log_folder);
    free(w);
    return error;
}
