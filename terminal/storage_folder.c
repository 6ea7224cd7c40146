/* The storage door over files in a folder. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "terminal/jwbterminal.h"

#define NAME_BYTES_MAX 31
#define NEW            ".new"

static int open_folder(const char *folder)
{
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool write_all(int file, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(file, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static bool read_all(int file, uint8_t *into, size_t len)
{
    while (len > 0) {
        ssize_t n = read(file, into, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        into += n;
        len -= (size_t)n;
    }
    return true;
}

static enum jwbt_stored folder_read(void *context, const char *name, void *into, size_t cap,
                                    size_t *len)
{
    struct stat status;
    int folder = open_folder(context);
    if (folder < 0)
        return JWBT_STORAGE_FAILED;
    int file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    const int error = errno;
    close(folder);
    if (file < 0)
        return error == ENOENT ? JWBT_ABSENT : JWBT_STORAGE_FAILED;
    bool done = fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
                (uintmax_t)status.st_size <= cap && read_all(file, into, (size_t)status.st_size);
    close(file);
    if (!done)
        return JWBT_STORAGE_FAILED;
    *len = (size_t)status.st_size;
    return JWBT_STORED;
}

/* Closes the file in any case. */
static bool write_synced(int file, const void *data, size_t len)
{
    bool done = file >= 0 && write_all(file, data, len) && fsync(file) == 0;
    if (file >= 0 && close(file) != 0)
        done = false;
    return done;
}

static enum jwbt_stored folder_replace(void *context, const char *name, const void *data,
                                       size_t len)
{
    char other[NAME_BYTES_MAX + sizeof NEW];
    int folder = open_folder(context);
    if (folder < 0)
        return JWBT_STORAGE_FAILED;
    snprintf(other, sizeof other, "%.*s" NEW, NAME_BYTES_MAX, name);
    int file = openat(folder, other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool done = write_synced(file, data, len) && renameat(folder, other, folder, name) == 0 &&
                fsync(folder) == 0;
    close(folder);
    return done ? JWBT_STORED : JWBT_STORAGE_FAILED;
}

static enum jwbt_stored folder_append(void *context, const char *name, const void *data, size_t len)
{
    struct stat status;
    int folder = open_folder(context);
    if (folder < 0)
        return JWBT_STORAGE_FAILED;
    int file = openat(folder, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    const bool made = file >= 0 && (fstat(file, &status) != 0 || status.st_size == 0);
    bool done = write_synced(file, data, len) && (!made || fsync(folder) == 0);
    close(folder);
    return done ? JWBT_STORED : JWBT_STORAGE_FAILED;
}

struct jwbt_storage jwbt_storage_folder(const char *folder)
{
    return (struct jwbt_storage){.context = (void *)folder,
                                 .read = folder_read,
                                 .replace = folder_replace,
                                 .append = folder_append};
}
