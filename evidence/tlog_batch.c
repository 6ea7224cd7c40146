#include "evidence/tlog_batch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/tlog_layout.h"

void tlog_batch_drop(struct tlog_batch *batch)
{
    int cause = errno;
    for (size_t i = 0; i < batch->count; i++)
        close(batch->files[i]);
    batch->count = 0;
    batch->whole = false;
    errno = cause;
}

bool tlog_batch_sync(struct tlog_batch *batch)
{
    bool ok = !batch->whole || syncfs(batch->folder) == 0;
    for (size_t i = 0; ok && !batch->whole && i < batch->count; i++)
        ok = fsync(batch->files[i]) == 0;
    tlog_batch_drop(batch);
    return ok;
}

/* The folder a path lies in, to be synced for its new name. */
static bool keep_folder(struct tlog_batch *batch, const char *path)
{
    char folder[TLOG_PATH_BYTES_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (slash) {
        memcpy(folder, path, (size_t)(slash - path));
        folder[slash - path] = 0;
    }
    int names = openat(batch->folder, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (names >= 0)
        batch->files[batch->count++] = names;
    return names >= 0;
}

/* Their own names are new in many folders. What they let others read is for the log's folder, in
 * which they are, to say. */
static bool make_folders(struct tlog_batch *batch, const char *path)
{
    char folder[TLOG_PATH_BYTES_MAX];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        memcpy(folder, path, (size_t)(slash - path));
        folder[slash - path] = 0;
        if (mkdirat(batch->folder, folder, (mode_t)0755) != 0 && errno != EEXIST)
            return false;
    }
    batch->whole = true;
    return true;
}

int tlog_batch_open(struct tlog_batch *batch, const char *path, int flags, bool named)
{
    CHECK(strlen(path) < TLOG_PATH_BYTES_MAX);
    if (batch->count > TLOG_BATCH_ALONE_MAX - 2) { /* a file and its folder */
        tlog_batch_drop(batch);
        batch->whole = true;
    }
    flags |= O_CREAT | O_CLOEXEC;
    int file = openat(batch->folder, path, flags, (mode_t)0644);
    if (file < 0 && errno == ENOENT && make_folders(batch, path))
        file = openat(batch->folder, path, flags, (mode_t)0644);
    if (file < 0)
        return -1;
    batch->files[batch->count++] = file;
    return !named || batch->whole || keep_folder(batch, path) ? file : -1;
}

bool tlog_batch_put(struct tlog_batch *batch, const char *path, bool named, struct bytes head,
                    struct bytes rest)
{
    const struct iovec parts[] = {{(void *)head.data, head.len}, {(void *)rest.data, rest.len}};
    int file = tlog_batch_open(batch, path, O_WRONLY | O_TRUNC, named);
    if (file < 0)
        return false;
    errno = ENOSPC; /* of a short write */
    return writev(file, parts, 2) == (ssize_t)(head.len + rest.len);
}
