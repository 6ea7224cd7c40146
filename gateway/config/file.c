#include "gateway/config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_read(const char *path, struct buf *content, struct buf *why)
{
    struct stat status;
    ssize_t n = -1;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool regular = file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode);
    while (regular && (n = read(file, content->data + content->len, content->cap - content->len)))
        if (n > 0)
            content->len += (size_t)n;
        else if (errno != EINTR)
            break;
    if (file >= 0 && !regular)
        buf_printf(why, "%s: no regular file", path);
    else if (n < 0)
        buf_printf(why, "%s: %s", path, strerror(errno));
    else if (content->len == content->cap)
        buf_printf(why, "%s: longer than %zu bytes", path, content->cap - 1);
    if (file >= 0)
        close(file);
    return n == 0 && content->len < content->cap;
}
