/* Putting a journal right that its log or its disk does not agree with. */
#include <stdlib.h>

#include "base/check.h"
#include "evidence/journal_layout.h"
#include "evidence/tlog.h"

uint64_t journal_logged(const char *log, const struct journal_header *header)
{
    struct tlog_cursor *cursors = check_alloc(TLOG_CURSORS_MAX * sizeof *cursors);
    char source[JOURNAL_SOURCE_BYTES_MAX];
    struct tlog_reader *reader;
    struct merkle_hash root;
    size_t count = TLOG_CURSORS_MAX;
    uint64_t size, position = 0;
    if (tlog_reader_open(log, &reader) != TLOG_OK ||
        tlog_read_state(reader, &size, &root, cursors, &count) != TLOG_OK)
        count = 0;
    tlog_reader_close(&reader);
    journal_source_write(header, source);
    for (size_t i = 0; i < count; i++)
        if (strcmp(cursors[i].source, source) == 0)
            position = cursors[i].position;
    free(cursors);
    return position;
}
