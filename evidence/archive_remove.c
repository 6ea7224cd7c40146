/* Removing what packages have from where it was: the log's bundles and the journals. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/archive_package.h"

#define MANIFEST_LINE_BYTES 256 /* a bundle's are shorter; of a longer one, a piece is none */
#define PATH_BYTES_MAX      4096

/* ---- from the log ---- */

static enum archive_error remove_bundle(const char *name, int folder, const char *log,
                                        uint64_t bundle, struct buf *why)
{
    char path[TLOG_PATH_BYTES_MAX];
    uint8_t *octets = check_alloc(TLOG_BUNDLE_BYTES_MAX);
    struct bytes entries[TLOG_BUNDLE_ENTRIES];
    bool taken[TLOG_BUNDLE_ENTRIES];
    package_path(PACKAGE_ENTRIES, bundle, path);
    enum archive_error error = package_tell_read(
        why, name, path, tlog_bundle_read(folder, bundle, TLOG_BUNDLE_ENTRIES, octets, entries));
    for (size_t i = 0; i < TLOG_BUNDLE_ENTRIES && !error; i++)
        taken[i] = entries[i].len > 0;
    if (!error && tlog_remove(log, bundle, taken, why) != TLOG_OK)
        error = ARCHIVE_ERR_WRITE;
    free(octets);
    return error;
}

enum archive_error archive_remove_entries(const char *folder, const char *log, struct buf *why)
{
    char line[MANIFEST_LINE_BYTES];
    enum archive_error error = ARCHIVE_OK;
    uint64_t bundle;
    int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int manifest = directory >= 0 ? openat(directory, PACKAGE_MANIFEST, O_RDONLY | O_CLOEXEC) : -1;
    FILE *file = manifest >= 0 ? fdopen(manifest, "r") : NULL;
    while (file && !error && fgets(line, sizeof line, file))
        if (manifest_line_bundle(bytes_str(line), &bundle))
            error = remove_bundle(folder, directory, log, bundle, why);
    if (!error && (!file || ferror(file)))
        error = package_tell(why, folder, PACKAGE_MANIFEST, "can't be read", ARCHIVE_ERR_READ);
    if (file)
        fclose(file);
    if (directory >= 0)
        close(directory);
    return error;
}

/* ---- from the journals ---- */

struct journal_removal {
    struct tlog_reader *log;
    uint64_t full; /* so many entries are in full bundles */
    archive_due *due;
    void *context;
    char source[JOURNAL_SOURCE_BYTES_MAX];
    unsigned number;
    struct tlog_run run; /* the last that was found; count 0: none yet */
    enum tlog_error error;
};

/* Is the record's entry surely in a full bundle, and so in a package if it is due? */
static bool is_taken(struct journal_removal *r, uint64_t octet)
{
    uint64_t position = journal_position(r->number, octet);
    if (r->run.count == 0 || position < r->run.position || position >= r->run.next) {
        r->run.count = 0;
        enum tlog_error error = tlog_find_run(r->log, r->source, position, &r->run);
        if (error && error != TLOG_ERR_MISSING)
            r->error = error;
        if (error)
            return false;
    }
    return r->run.index + r->run.count <= r->full;
}

static bool is_due(void *context, const struct journal_record *record, uint64_t octet)
{
    struct journal_removal *r = context;
    return !r->error && r->due(r->context, record) && is_taken(r, octet);
}

/* Which journal a file belongs to. */
static enum journal_error read_source(const char *path, char source[JOURNAL_SOURCE_BYTES_MAX])
{
    struct journal_reader *reader;
    enum journal_error error = journal_reader_open(path, &reader);
    if (error)
        return error;
    snprintf(source, JOURNAL_SOURCE_BYTES_MAX, "%s", journal_reader_source(reader));
    journal_reader_close(&reader);
    return JOURNAL_OK;
}

static enum archive_error remove_from_file(struct journal_removal *r, const char *folder,
                                           const char *name, uint64_t *removed, struct buf *why)
{
    char path_text[PATH_BYTES_MAX];
    struct buf path = BUF_OVER(path_text);
    uint64_t count = 0;
    buf_printf(&path, "%s/%s", folder, name);
    r->run.count = 0;
    enum journal_error error = read_source(buf_cstr(&path), r->source);
    if (!error)
        error = journal_remove(path_text, is_due, r, &count);
    *removed += count;
    if (!error && !r->error)
        return ARCHIVE_OK;
    buf_printf(why, "%s: %s", path_text,
               r->error ? tlog_error_text(r->error)
               : error == JOURNAL_ERR_DAMAGED
                   ? "damaged in places, which were left as they are; the rest was done"
                   : strerror(errno));
    return r->error || error == JOURNAL_ERR_OPEN ? ARCHIVE_ERR_READ
           : error == JOURNAL_ERR_DAMAGED        ? ARCHIVE_ERR_BAD
                                                 : ARCHIVE_ERR_WRITE;
}

/* All files, and of the first that failed the error. */
static enum archive_error remove_from_folder(struct journal_removal *r, const char *folder,
                                             uint64_t *removed, struct buf *why)
{
    enum archive_error first = ARCHIVE_OK, error;
    struct dirent *entry;
    struct buf unsaid = {0};
    unsigned loop_index;
    DIR *directory = opendir(folder);
    while (directory && (errno = 0, entry = readdir(directory)) != NULL)
        if (journal_file_name_read(entry->d_name, &loop_index, &r->number)) {
            error = remove_from_file(r, folder, entry->d_name, removed, first ? &unsaid : why);
            first = first ? first : error;
        }
    if (!first && (!directory || errno)) {
        buf_printf(why, "%s: %s", folder, strerror(errno));
        first = ARCHIVE_ERR_READ;
    }
    if (directory)
        closedir(directory);
    return first;
}

enum archive_error archive_remove_records(const char *journals, const char *log, uint64_t size,
                                          archive_due *due, void *context, uint64_t *removed,
                                          struct buf *why)
{
    struct journal_removal r = {
        .full = size / TLOG_BUNDLE_ENTRIES * TLOG_BUNDLE_ENTRIES, .due = due, .context = context};
    enum tlog_error opened = tlog_reader_open(log, &r.log);
    if (opened) {
        buf_printf(why, "%s: %s", log, tlog_error_text(opened));
        return ARCHIVE_ERR_READ;
    }
    enum archive_error error = remove_from_folder(&r, journals, removed, why);
    tlog_reader_close(&r.log);
    return error;
}
