#include "terminal/tool/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "terminal/tool/verb.h"

/* ---- the folder ---- */

static bool find_path(struct buf *path, const char *given)
{
    const char *own = getenv("JWB_TERMINAL_FOLDER"), *data = getenv("XDG_DATA_HOME"),
               *home = getenv("HOME");
    if (given || (own && *own))
        buf_put_str(path, given ? given : own);
    else if (data && *data)
        buf_printf(path, "%s/jwb-terminal", data);
    else if (home && *home)
        buf_printf(path, "%s/.local/share/jwb-terminal", home);
    return *buf_cstr(path);
}

/* With the folders above it, which others may look into. */
static bool make_folder(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        bool made = mkdir(path, 0755) == 0 || errno == EEXIST;
        *slash = '/';
        if (!made)
            return false;
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static bool is_private(int file, const char *path)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        complain("%s: %s", path, strerror(errno));
        return false;
    }
    if ((status.st_mode & 077) == 0)
        return true;
    complain("%s: others may get at it (mode %04o); make it %s", path,
             (unsigned)(status.st_mode & 07777), S_ISDIR(status.st_mode) ? "0700" : "0600");
    return false;
}

bool folder_open(struct folder *folder, const char *path, bool create)
{
    struct buf text = BUF_OVER(folder->path);
    folder->file = -1;
    if (!find_path(&text, path)) {
        complain("where is the terminal's folder? --folder or $JWB_TERMINAL_FOLDER says it");
        return false;
    }
    if (!create || make_folder(folder->path))
        folder->file = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->file < 0 && errno == ENOENT)
        complain("%s: there is no such folder; 'jwb-terminal enroll' makes it", folder->path);
    else if (folder->file < 0)
        complain("%s: %s", folder->path, strerror(errno));
    if (folder->file >= 0 && !is_private(folder->file, folder->path))
        folder_close(folder);
    return folder->file >= 0;
}

void folder_close(struct folder *folder)
{
    if (folder->file >= 0)
        close(folder->file);
    folder->file = -1;
}

/* ---- its files ---- */

static bool failed(const struct folder *folder, const char *name)
{
    complain("%s/%s: %s", folder->path, name, strerror(errno));
    return false;
}

enum folder_read folder_read(const struct folder *folder, const char *name, struct buf *content)
{
    int file = openat(folder->file, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0 && errno == ENOENT)
        return FOLDER_ABSENT;
    bool read = file >= 0 && is_private(file, name);
    if (file < 0 || (read && !(read = read_all(file, content))))
        failed(folder, name);
    if (file >= 0)
        close(file);
    return read ? FOLDER_READ : FOLDER_FAILED;
}

static bool write_all(int file, struct bytes content)
{
    while (content.len) {
        ssize_t n = write(file, content.data, content.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        content = bytes_from(content, (size_t)n);
    }
    return fsync(file) == 0;
}

bool folder_write(const struct folder *folder, const char *name, struct bytes content)
{
    char storage[64];
    struct buf temporary = BUF_OVER(storage);
    buf_printf(&temporary, "%s.new", name);
    const char *new = buf_cstr(&temporary);
    int file =
        openat(folder->file, new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return failed(folder, new);
    bool written = write_all(file, content);
    if (!written)
        failed(folder, new);
    close(file);
    return written &&
           ((renameat(folder->file, new, folder->file, name) == 0 && fsync(folder->file) == 0) ||
            failed(folder, name));
}

bool folder_remove(const struct folder *folder, const char *name)
{
    return unlinkat(folder->file, name, 0) == 0 || errno == ENOENT || failed(folder, name);
}
