/* Files that the configuration names, read whole. */
#ifndef GATEWAY_CONFIG_FILE_H
#define GATEWAY_CONFIG_FILE_H

#include "base/buf.h"

/* Appends a regular file to `content`, which has room for one octet more than the longest that is
 * taken. Never waits, as a pipe would make it. False with "path: sentence" in `why`. */
bool file_read(const char *path, struct buf *content, struct buf *why);

#endif
