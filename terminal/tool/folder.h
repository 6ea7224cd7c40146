/* The folder that a terminal keeps its things in: mode 0700, of files that their owner alone can
 * read. */
#ifndef TERMINAL_TOOL_FOLDER_H
#define TERMINAL_TOOL_FOLDER_H

#include "base/buf.h"

#define FOLDER_PATH_BYTES_MAX 4096
#define FOLDER_FILE_BYTES_MAX (64 * 1024)

struct folder {
    char path[FOLDER_PATH_BYTES_MAX];
    int file; /* of the folder */
};

/* `path` NULL: $JWB_TERMINAL_FOLDER, else jwb-terminal in $XDG_DATA_HOME, else in
 * $HOME/.local/share. `create` makes it if need be. False after a complaint. */
bool folder_open(struct folder *folder, const char *path, bool create);
void folder_close(struct folder *folder);

enum folder_read { FOLDER_READ, FOLDER_ABSENT, FOLDER_FAILED };
/* Appends a file. FOLDER_FAILED after a complaint; a file that others may read is refused. */
enum folder_read folder_read(const struct folder *folder, const char *name, struct buf *content);
/* Replaces a file, durably; after a power failure it is the old or the new one. False after a
 * complaint. */
bool folder_write(const struct folder *folder, const char *name, struct bytes content);
/* One that is not there is fine. False after a complaint. */
bool folder_remove(const struct folder *folder, const char *name);

#endif
