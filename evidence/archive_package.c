#include "evidence/archive_package.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "evidence/note_text.h"

#define LINE_BYTES_MAX 1024
#define HEAD           "{\n  \"format\": \"jwb-archive/1\",\n  \"key\": "
#define BUNDLE_LINE    "    \"tile/entries/"

/* ---- files ---- */

void package_path(enum package_part part, uint64_t bundle, char path[TLOG_PATH_BYTES_MAX])
{
    char tile[TLOG_PATH_BYTES_MAX];
    if (part != PACKAGE_PROOF) {
        tlog_path(part == PACKAGE_TILE ? 0 : TLOG_BUNDLES, bundle, TLOG_TILE_HASHES, path);
        return;
    }
    tlog_path(0, bundle, TLOG_TILE_HASHES, tile);
    struct buf out;
    buf_init(&out, path, TLOG_PATH_BYTES_MAX);
    buf_printf(&out, "proof%s", tile + strlen("tile/0"));
    buf_cstr(&out);
}

enum archive_error package_tell(struct buf *why, const char *folder, const char *name,
                                const char *what, enum archive_error error)
{
    int cause = errno;
    buf_printf(why, "%s%s%s: %s", folder, *name ? "/" : "", name, what);
    if (error == ARCHIVE_ERR_READ || error == ARCHIVE_ERR_WRITE)
        buf_printf(why, ": %s", strerror(cause));
    return error;
}

enum archive_error package_tell_read(struct buf *why, const char *folder, const char *name,
                                     enum tlog_error error)
{
    return error == TLOG_OK ? ARCHIVE_OK
           : error == TLOG_ERR_OPEN
               ? package_tell(why, folder, name, "can't be read", ARCHIVE_ERR_READ)
           : error == TLOG_ERR_CRYPTO
               ? package_tell(why, folder, name, tlog_error_text(error), ARCHIVE_ERR_CRYPTO)
               : package_tell(why, folder, name,
                              error == TLOG_ERR_MISSING ? "is missing" : "is damaged",
                              ARCHIVE_ERR_BAD);
}

/* ---- the manifest ---- */

static void put(struct manifest *manifest, const struct buf *text)
{
    char there[LINE_BYTES_MAX];
    if (manifest->other || !buf_ok(text))
        manifest->other = true;
    else if (!manifest->compare)
        manifest->other = fwrite(text->data, 1, text->len, manifest->file) != text->len;
    else
        manifest->other = fread(there, 1, text->len, manifest->file) != text->len ||
                          memcmp(there, text->data, text->len) != 0;
}

static void put_hash(struct buf *out, const uint8_t hash[CRYPTO_HASH_BYTES])
{
    buf_put_str(out, "\": \"");
    buf_put_hex(out, bytes_of(hash, CRYPTO_HASH_BYTES));
    buf_put_u8(out, '"');
}

void manifest_begin(struct manifest *manifest, const struct note_verifier *verifier,
                    const struct checkpoint *checkpoint,
                    const uint8_t checkpoint_hash[CRYPTO_HASH_BYTES])
{
    char text[LINE_BYTES_MAX], key_text[NOTE_VKEY_BYTES_MAX];
    struct buf out = BUF_OVER(text), key = BUF_OVER(key_text);
    note_verifier_write(verifier, &key);
    buf_put_str(&out, HEAD);
    buf_put_json(&out, buf_bytes(&key));
    buf_put_str(&out, ",\n  \"origin\": ");
    buf_put_json(&out, checkpoint->origin);
    buf_put_str(&out, ",\n  \"size\": ");
    note_number_write(checkpoint->size, &out);
    buf_put_str(&out, ",\n  \"root\": \"");
    note_base64_write(bytes_of(checkpoint->root.octets, MERKLE_HASH_BYTES), &out);
    buf_put_str(&out, "\",\n  \"files\": {\n    \"" PACKAGE_CHECKPOINT);
    put_hash(&out, checkpoint_hash);
    put(manifest, &out);
}

void manifest_bundle(struct manifest *manifest, uint64_t bundle,
                     const uint8_t hashes[PACKAGE_PARTS][CRYPTO_HASH_BYTES])
{
    char text[LINE_BYTES_MAX];
    struct buf out = BUF_OVER(text);
    for (int part = 0; part < PACKAGE_PARTS; part++) {
        char path[TLOG_PATH_BYTES_MAX];
        package_path((enum package_part)part, bundle, path);
        buf_printf(&out, ",\n    \"%s", path);
        put_hash(&out, hashes[part]);
    }
    put(manifest, &out);
}

static void put_number(struct manifest *manifest, const char *before, uint64_t number)
{
    char text[LINE_BYTES_MAX];
    struct buf out = BUF_OVER(text);
    buf_put_str(&out, before);
    note_number_write(number, &out);
    put(manifest, &out);
}

static void put_time(struct manifest *manifest, const char *before, int64_t at_us)
{
    char text[LINE_BYTES_MAX];
    struct buf out = BUF_OVER(text);
    buf_put_str(&out, before);
    buf_put_timestamp(&out, at_us / 1000000);
    buf_put_u8(&out, '"');
    put(manifest, &out);
}

static void put_kinds(struct manifest *manifest, const struct archive_report *report)
{
    const char *before = ",\n  \"kinds\": {";
    for (unsigned kind = 0; kind < ARCHIVE_KINDS; kind++) {
        char text[64];
        struct buf name = BUF_OVER(text);
        if (!report->kinds[kind])
            continue;
        buf_printf(&name, "%s\n    \"", before);
        if (journal_kind_text(kind))
            buf_put_str(&name, journal_kind_text(kind));
        else
            buf_printf(&name, "%u", kind);
        buf_put_str(&name, "\": ");
        put_number(manifest, buf_cstr(&name), report->kinds[kind]);
        before = ",";
    }
}

void manifest_end(struct manifest *manifest, const struct archive_report *report)
{
    char text[16];
    struct buf end = BUF_OVER(text);
    put_number(manifest, "\n  },\n  \"bundles\": ", report->bundles);
    put_number(manifest, ",\n  \"entries\": ", report->entries);
    put_number(manifest, ",\n  \"first\": ", report->first);
    put_number(manifest, ",\n  \"last\": ", report->last);
    put_time(manifest, ",\n  \"oldest\": \"", report->oldest_us);
    put_time(manifest, ",\n  \"newest\": \"", report->newest_us);
    put_kinds(manifest, report);
    buf_put_str(&end, "\n  }\n}\n");
    put(manifest, &end);
    if (manifest->compare && fgetc(manifest->file) != EOF)
        manifest->other = true;
}

/* Looks at what comes next and leaves it there. */
static struct bytes peek(struct manifest *manifest, char storage[LINE_BYTES_MAX])
{
    long at = ftell(manifest->file);
    size_t n = fread(storage, 1, LINE_BYTES_MAX, manifest->file);
    if (at < 0 || fseek(manifest->file, at, SEEK_SET) != 0)
        n = 0;
    return bytes_of(storage, n);
}

bool manifest_read_key(struct manifest *manifest, struct note_verifier *verifier)
{
    char storage[LINE_BYTES_MAX];
    struct bytes text = peek(manifest, storage);
    if (!bytes_start_with(text, BYTES(HEAD "\"")))
        return false;
    text = bytes_from(text, strlen(HEAD "\""));
    const uint8_t *quote = memchr(text.data, '"', text.len);
    return quote && note_verifier_read(bytes_of(text.data, (size_t)(quote - text.data)), verifier);
}

bool manifest_line_bundle(struct bytes line, uint64_t *bundle)
{
    if (!bytes_start_with(line, BYTES(BUNDLE_LINE)))
        return false;
    *bundle = 0; /* what is no such number is found by comparing what it is written as */
    for (size_t i = strlen(BUNDLE_LINE); i < line.len && line.data[i] != '"'; i++)
        if (line.data[i] >= '0' && line.data[i] <= '9')
            *bundle = *bundle * 10 + (uint64_t)(line.data[i] - '0');
    return true;
}

bool manifest_next_bundle(struct manifest *manifest, uint64_t *bundle)
{
    char storage[LINE_BYTES_MAX];
    struct bytes text = peek(manifest, storage);
    return !manifest->other && bytes_start_with(text, BYTES(",\n")) &&
           manifest_line_bundle(bytes_from(text, 2), bundle);
}

/* ---- what writing and checking have in common ---- */

void archive_count(struct archive_report *report, uint64_t index,
                   const struct journal_record *record)
{
    if (report->entries == 0 || record->at_us < report->oldest_us)
        report->oldest_us = record->at_us;
    if (report->entries == 0 || record->at_us > report->newest_us)
        report->newest_us = record->at_us;
    if (report->entries == 0)
        report->first = index;
    report->last = index;
    report->entries++;
    report->kinds[(uint8_t)record->kind]++;
}

enum archive_error archive_hash(struct bytes octets, uint8_t hash[CRYPTO_HASH_BYTES],
                                struct buf *why)
{
    return crypto_openssl.sha256(&octets, 1, hash) == CRYPTO_OK
               ? ARCHIVE_OK
               : package_tell(why, "SHA-256", "", "could not be computed", ARCHIVE_ERR_CRYPTO);
}

enum archive_error archive_hash_manifest(int folder, struct archive_report *report, struct buf *why)
{
    struct stat status;
    int file = openat(folder, PACKAGE_MANIFEST, O_RDONLY | O_CLOEXEC);
    void *mapped = file >= 0 && fstat(file, &status) == 0
                       ? mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0)
                       : MAP_FAILED;
    enum archive_error error =
        mapped == MAP_FAILED
            ? package_tell(why, PACKAGE_MANIFEST, "", "can't be read", ARCHIVE_ERR_READ)
            : archive_hash(bytes_of(mapped, (size_t)status.st_size), report->manifest, why);
    if (mapped != MAP_FAILED)
        munmap(mapped, (size_t)status.st_size);
    if (file >= 0)
        close(file);
    return error;
}
