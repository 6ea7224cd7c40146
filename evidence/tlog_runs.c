/* Runs: where a source's entries went. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/crc32c.h"
#include "evidence/tlog_layout.h"

#define MAGIC   BYTES("JWBR")
#define VERSION 1

void tlog_runs_path(const char *source, char path[TLOG_PATH_BYTES_MAX])
{
    uint8_t hash[CRYPTO_HASH_BYTES];
    const struct bytes name = bytes_str(source);
    struct buf out;
    CHECK(crypto_openssl.sha256(&name, 1, hash) == CRYPTO_OK);
    buf_init(&out, path, TLOG_PATH_BYTES_MAX);
    buf_put_str(&out, TLOG_RUNS_FOLDER "/");
    buf_put_hex(&out, bytes_of(hash, sizeof hash / 2));
    buf_cstr(&out);
}

void tlog_runs_header(const char *source, struct buf *out)
{
    size_t from = out->len;
    buf_put(out, MAGIC);
    buf_put_little(out, VERSION, 4);
    buf_put_str(out, source);
    while (out->len < from + TLOG_RUNS_HEADER_BYTES)
        buf_put_u8(out, 0);
}

void tlog_run_write(const struct tlog_run *run, struct buf *out)
{
    size_t from = out->len;
    buf_put_little(out, run->position, 8);
    buf_put_little(out, run->next, 8);
    buf_put_little(out, run->index, 8);
    buf_put_little(out, run->count, 4);
    buf_put_little(out, crc32c_of(bytes_from(buf_bytes(out), from)), 4);
}

enum tlog_error tlog_run_read(int file, uint64_t number, struct tlog_run *run)
{
    uint8_t octets[TLOG_RUN_BYTES];
    ssize_t n;
    do
        n = pread(file, octets, sizeof octets,
                  (off_t)(TLOG_RUNS_HEADER_BYTES + number * TLOG_RUN_BYTES));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return TLOG_ERR_OPEN;
    if (n != (ssize_t)sizeof octets ||
        bytes_little(octets + 28, 4) != crc32c_of(bytes_of(octets, 28)))
        return TLOG_ERR_DAMAGED;
    *run = (struct tlog_run){.position = bytes_little(octets, 8),
                             .next = bytes_little(octets + 8, 8),
                             .index = bytes_little(octets + 16, 8),
                             .count = (uint32_t)bytes_little(octets + 24, 4)};
    return TLOG_OK;
}

enum tlog_error tlog_runs_count(int file, uint64_t size, uint64_t *count)
{
    struct tlog_run run;
    struct stat status;
    if (fstat(file, &status) != 0)
        return TLOG_ERR_OPEN;
    uint64_t bytes = (uint64_t)status.st_size;
    *count = bytes < TLOG_RUNS_HEADER_BYTES ? 0 : (bytes - TLOG_RUNS_HEADER_BYTES) / TLOG_RUN_BYTES;
    for (; *count; --*count) {
        enum tlog_error error = tlog_run_read(file, *count - 1, &run);
        if (error == TLOG_ERR_OPEN)
            return error;
        if (error == TLOG_OK && run.index + run.count <= size)
            break;
    }
    return TLOG_OK;
}

static bool cut_one(int folder, const char *name, uint64_t size)
{
    struct stat status;
    uint64_t count;
    int file = openat(folder, name, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return false;
    bool ok = tlog_runs_count(file, size, &count) == TLOG_OK && fstat(file, &status) == 0;
    off_t end = ok && count ? (off_t)(TLOG_RUNS_HEADER_BYTES + count * TLOG_RUN_BYTES) : 0;
    ok = ok && (status.st_size == end || ftruncate(file, end) == 0);
    int cause = errno;
    close(file);
    errno = cause;
    return ok;
}

bool tlog_runs_cut(int folder, uint64_t size)
{
    struct dirent *entry;
    bool ok = true;
    int runs = openat(folder, TLOG_RUNS_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (runs < 0)
        return errno == ENOENT;
    DIR *names = fdopendir(runs);
    if (!names) {
        close(runs);
        return false;
    }
    while (ok && (errno = 0, entry = readdir(names)) != NULL)
        if (entry->d_name[0] != '.')
            ok = cut_one(runs, entry->d_name, size);
    ok = ok && errno == 0;
    int cause = errno;
    closedir(names);
    errno = cause;
    return ok;
}
