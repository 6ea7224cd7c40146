/* Reading journals for the log.
 *
 * A journal's files are read one after the other, each up to what is synced (journal_progress), so
 * that neither a power failure nor a write that is cut off takes back what the log has. The log's
 * cursor of a journal is a position in it, file and octet: nothing needs to be forgotten when a
 * file is done, and one cursor serves a journal for ever. */
#include "evidence/sequencer_sources.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "evidence/index_layout.h"

#define WENT_BACK                                                                                  \
    "the journal went back, and nothing more of it is taken: stop its gateway, put its files "     \
    "elsewhere, and start it"

/* ---- a batch -------------------------------------------------------------------------------- */

void batch_clear(struct batch *batch)
{
    batch->count = batch->octets_len = 0;
    batch->since_us = 0;
    batch->full = false;
}

bool batch_has_room(struct batch *batch)
{
    batch->full |= batch->count == BATCH_RECORDS_MAX ||
                   sizeof batch->octets - batch->octets_len < ENTRY_BYTES_MAX;
    return !batch->full;
}

void batch_add(struct batch *batch, const struct journal_record *record)
{
    struct journal_record *kept = &batch->records[batch->count];
    struct buf entry;
    buf_init(&entry, batch->octets + batch->octets_len, ENTRY_BYTES_MAX);
    entry_write(record, &entry);
    CHECK(batch_has_room(batch) && entry_read(buf_bytes(&entry), kept));
    kept->place_known = record->place_known; /* what the entry leaves out */
    kept->list = record->list;
    kept->index = record->index;
    kept->type = record->type;
    if (batch->count == 0)
        batch->since_us = clock_mono_us();
    batch->entries[batch->count++] = buf_bytes(&entry);
    batch->octets_len += entry.len;
}

enum tlog_error batch_hand(struct batch *batch, size_t from, struct tlog *log, const char *source,
                           uint64_t position, uint64_t next)
{
    enum tlog_error error =
        tlog_append(log, source, position, next, batch->entries + from, batch->count - from);
    if (!error)
        return TLOG_OK;
    batch->full |= error == TLOG_ERR_FULL && from > 0;
    for (; batch->count > from; batch->count--)
        batch->octets_len -= batch->entries[batch->count - 1].len;
    return error;
}

/* ---- which journals there are --------------------------------------------------------------- */

/* A loop's journal in a folder, and the file that is read now. */
struct source {
    size_t folder;
    unsigned loop_index;
    unsigned number; /* of the file */
    uint64_t at;     /* where its next record begins; 0: not looked up yet */
    char name[JOURNAL_SOURCE_BYTES_MAX];
    unsigned next, last; /* files that are there: the first from `number` on, the last; 0: none */
    /* another's log: its cursor, and since when that has stood still with news behind it, or 0 */
    uint64_t cursor, since_us;
};

struct sources {
    const char *const *folders;
    size_t folder_count;
    struct source sources[SOURCES_MAX];
    size_t count;
    size_t first;     /* begun with at the next call, so that no busy one keeps others waiting */
    bool listed_late; /* a file that was listed is gone: to be listed again */
    struct index_scan scan;
    struct tlog_reader *reader; /* of the log; NULL: it can't be opened now */
    struct buf *trouble;
};

struct sources *sources_create(const char *const *folders, size_t count)
{
    struct sources *s = check_alloc(sizeof *s);
    s->folders = folders;
    s->folder_count = count;
    return s;
}

void sources_destroy(struct sources **sources)
{
    free(*sources);
    *sources = NULL;
}

/* The first of a call is told. */
__attribute__((format(printf, 3, 4))) static void tell_folder(struct sources *s, size_t folder,
                                                              const char *format, ...)
{
    va_list arguments;
    if (s->trouble->len)
        return;
    buf_printf(s->trouble, "%s: ", s->folders[folder]);
    va_start(arguments, format);
    buf_vprintf(s->trouble, format, arguments);
    va_end(arguments);
}

static void see_file(struct sources *s, size_t folder, unsigned loop_index, unsigned number)
{
    size_t i = 0;
    while (i < s->count &&
           (s->sources[i].folder != folder || s->sources[i].loop_index != loop_index))
        i++;
    if (i == SOURCES_MAX) {
        tell_folder(s, folder, "more than %d journals", SOURCES_MAX);
        return;
    }
    struct source *source = &s->sources[i];
    if (i == s->count) {
        *source = (struct source){.folder = folder, .loop_index = loop_index};
        s->count++;
    }
    if (number >= source->number && (source->next == 0 || number < source->next))
        source->next = number;
    if (number > source->last)
        source->last = number;
}

static void list_folder(struct sources *s, size_t folder)
{
    struct dirent *entry;
    unsigned loop_index, number;
    DIR *directory = opendir(s->folders[folder]);
    while (directory && (errno = 0, entry = readdir(directory)) != NULL)
        if (journal_file_name_read(entry->d_name, &loop_index, &number))
            see_file(s, folder, loop_index, number);
    if (!directory || errno != 0)
        tell_folder(s, folder, "can't be read: %s", strerror(errno));
    if (directory)
        closedir(directory);
}

static void list(struct sources *s)
{
    for (size_t i = 0; i < s->count; i++)
        s->sources[i].next = s->sources[i].last = 0;
    for (size_t i = 0; i < s->folder_count; i++)
        if (!journal_folder_again(s->folders, i))
            list_folder(s, i);
}

/* ---- one file ------------------------------------------------------------------------------- */

/* One file as it is taken from. */
struct taking {
    struct sources *s;
    struct source *source;
    struct tlog *log;
    struct batch *batch;
    int folder;
    char name[JOURNAL_FILE_NAME_BYTES_MAX];
    struct index_journal_file file;
    uint64_t end;  /* up to here it stays as it is */
    bool written;  /* a process has its journal open */
    bool finished; /* it will not grow any more */
    bool stuck;    /* what is there can't be taken now */
};

__attribute__((format(printf, 2, 3))) static void tell(struct taking *t, const char *format, ...)
{
    struct sources *s = t->s;
    va_list arguments;
    if (s->trouble->len)
        return;
    buf_printf(s->trouble, "%s/%s: ", s->folders[t->source->folder], t->name);
    va_start(arguments, format);
    buf_vprintf(s->trouble, format, arguments);
    va_end(arguments);
}

/* Does the file hold, up to the cursor, what the log took from it last? An older copy that has
 * grown since does not. What was removed, here or there, can't tell and is believed. */
static bool ends_like_the_log(struct taking *t, uint64_t cursor)
{
    uint8_t logged_octets[TLOG_ENTRY_BYTES_MAX], octets[ENTRY_BYTES_MAX];
    struct buf logged = BUF_OVER(logged_octets), here = BUF_OVER(octets);
    struct tlog_reader *reader = t->s->reader;
    struct index_scan *scan = &t->s->scan;
    struct tlog_run run;
    enum tlog_error error =
        reader ? tlog_find_run(reader, t->source->name, cursor - 1, &run) : TLOG_ERR_OPEN;
    if (!error)
        error = tlog_read_entry(reader, run.index + run.count - 1, run.index + run.count, &logged);
    if (error) {
        tell(t, "can't be compared with the log: %s", tlog_error_text(error));
        return false;
    }
    index_scan_init(scan, t->file.descriptor, journal_position_octet(run.position),
                    journal_position_octet(cursor));
    uint64_t last = 0; /* where the last whole record ends */
    for (; index_scan_next(scan); last = scan->at) {
        here.len = 0;
        entry_write(&scan->record, &here);
    }
    return scan->at == journal_position_octet(cursor) &&
           (logged.len == 0 || last != scan->at ||
            bytes_equal(buf_bytes(&logged), buf_bytes(&here)));
}

/* Has the journal's own gateway left this file and begun another journal? */
static bool is_left(const struct taking *t)
{
    char name[JOURNAL_FILE_NAME_BYTES_MAX], source[JOURNAL_SOURCE_BYTES_MAX];
    struct index_journal_file newest;
    journal_file_name_write(t->source->loop_index, t->source->last, name);
    if (index_journal_open(t->folder, name, &newest) != INDEX_JOURNAL_OPEN)
        return false;
    close(newest.descriptor);
    journal_source_write(&newest.header, source);
    return strcmp(source, t->source->name) != 0;
}

/* Where the file's records begin that the log has not. False: they are in a later file, or it is
 * not the file that the log knows. The log alone knows which: nothing is remembered here. */
static bool look_up(struct taking *t)
{
    struct source *source = t->source;
    const uint64_t cursor = tlog_cursor(t->log, source->name);
    source->at = JOURNAL_HEADER_BYTES;
    if (cursor <= journal_position(source->number, JOURNAL_HEADER_BYTES))
        return true;
    source->at = 0;
    if (journal_position_number(cursor) != source->number) {
        source->number = journal_position_number(cursor);
    } else if (journal_position_octet(cursor) > t->file.bytes) {
        if (is_left(t)) /* all of it is in the log */
            source->number++;
        else
            tell(t, "is shorter than what the log has of it: " WENT_BACK);
    } else if (ends_like_the_log(t, cursor)) {
        source->at = journal_position_octet(cursor);
        return true;
    } else {
        tell(t, "is not what the log has of it: " WENT_BACK);
    }
    return false;
}

/* How far the file may be taken. It is asked after the file's length was: where nobody writes, that
 * is its last. */
static void find_end(struct taking *t)
{
    const unsigned number = t->source->number;
    uint64_t position;
    t->end = 0;
    if (journal_progress(t->folder, t->source->loop_index, &position)) {
        tell(t, "its lock can't be read: %s", strerror(errno));
        return;
    }
    t->written = position != UINT64_MAX;
    if (t->written && journal_position_number(position) > t->source->last)
        t->source->last = journal_position_number(position); /* begun since they were listed */
    /* That the next file is there is not enough while somebody writes: it may be given up again. */
    t->finished =
        t->written ? journal_position_number(position) > number : t->source->last > number;
    if (journal_position_number(position) >= number)
        t->end = t->file.bytes;
    if (journal_position_number(position) == number && journal_position_octet(position) < t->end)
        t->end = journal_position_octet(position);
    const uint64_t end = journal_position(number, t->file.bytes);
    if (journal_position_number(end) != number || journal_position_octet(end) != t->file.bytes) {
        tell(t, "the log has no positions for so long a file, or so high a number");
        t->end = 0;
    }
    /* Who wrote it may have died before it was synced. */
    if (!t->written && t->source->at < t->end && fdatasync(t->file.descriptor) != 0) {
        tell(t, "can't be synced: %s", strerror(errno));
        t->end = 0;
    }
}

/* Takes a run of records. False: there are no more, or they can't be taken now. */
static bool take_run(struct taking *t)
{
    struct index_scan *scan = &t->s->scan;
    struct batch *batch = t->batch;
    const size_t from = batch->count;
    uint64_t first = 0;
    while (batch->count - from < TLOG_RUN_ENTRIES && batch_has_room(batch) &&
           index_scan_next(scan)) {
        if (batch->count == from)
            first = scan->record_at;
        batch_add(batch, &scan->record);
    }
    if (batch->count > from) {
        enum tlog_error error = batch_hand(batch, from, t->log, t->source->name,
                                           journal_position(t->source->number, first),
                                           journal_position(t->source->number, scan->at));
        t->stuck = error != TLOG_OK;
        if (error && !batch->full)
            tell(t, "can't be taken into the log: %s", tlog_error_text(error));
    }
    if (!t->stuck)
        t->source->at = scan->at;
    return !t->stuck && !batch->full && batch->count > from;
}

static void take_records(struct taking *t)
{
    struct index_scan *scan = &t->s->scan;
    index_scan_init(scan, t->file.descriptor, t->source->at, t->end);
    while (take_run(t))
        ;
    if (scan->damaged)
        tell(t, "damaged before octet %llu; what lay there is not in the log",
             (unsigned long long)scan->record_at);
    if (scan->failed)
        tell(t, "can't be read: %s", strerror(errno));
    else if (!t->stuck && !t->batch->full && scan->at < t->end && (t->written || t->finished))
        tell(t, "damaged from octet %llu on; what lay there is not in the log",
             (unsigned long long)scan->at);
    t->stuck |= scan->failed || t->batch->full;
}

/* By the file's header. A name that changes is a journal that was begun anew in its place. */
static void find_name(struct taking *t)
{
    struct source *source = t->source;
    char name[JOURNAL_SOURCE_BYTES_MAX] = "";
    journal_source_write(&t->file.header, name);
    if (strcmp(name, source->name) != 0)
        source->at = 0;
    memcpy(source->name, name, sizeof name);
}

/* A journal has one cursor: of a copy, or a second way to it that stat can't tell, nothing is
 * taken.
 */
static bool is_copy(struct taking *t)
{
    const struct sources *s = t->s;
    for (const struct source *other = s->sources; other < t->source; other++)
        if (other->last && strcmp(other->name, t->source->name) == 0) {
            tell(t, "is a copy of the journal in %s, which is taken; nothing of this one is",
                 s->folders[other->folder]);
            t->source->at = 0; /* the cursor goes on without it */
            return true;
        }
    return false;
}

/* A file that is open, whose header was read. True: it is finished, and all of it is taken. */
static bool take_open(struct taking *t)
{
    struct source *source = t->source;
    if (t->file.header.loop_index != source->loop_index) {
        tell(t, "is another loop's, by its header");
        return source->last > source->number;
    }
    find_name(t);
    /* Or the log has gone on with it by another way. */
    if (source->at > t->file.bytes || (source->at && journal_position(source->number, source->at) <
                                                         tlog_cursor(t->log, source->name)))
        source->at = 0;
    if (is_copy(t) || (source->at == 0 && !look_up(t)))
        return false;
    find_end(t);
    if (source->at < t->end)
        take_records(t);
    return t->finished && !t->stuck && t->end == t->file.bytes;
}

/* The file that is read now. True: the next one is to be read. */
static bool take_file(struct taking *t)
{
    struct source *source = t->source;
    const unsigned number = source->number;
    bool done = false;
    journal_file_name_write(source->loop_index, number, t->name);
    switch (index_journal_open(t->folder, t->name, &t->file)) {
    case INDEX_JOURNAL_OPEN:
        done = take_open(t);
        close(t->file.descriptor);
        break;
    case INDEX_JOURNAL_FOREIGN:
        tell(t, "no journal of this version; it is passed over");
        done = source->last > number;
        break;
    case INDEX_JOURNAL_BEGUN:
        done = source->last > number;
        break;
    case INDEX_JOURNAL_FAILED:
        if (errno != ENOENT || source->last <= number)
            tell(t, "can't be opened: %s", strerror(errno));
        else
            t->s->listed_late = true; /* it was removed, or there never was one of this number */
        break;
    }
    if (done && source->number == number) {
        source->number++;
        source->at = 0;
    }
    return source->number != number;
}

static void take_source(struct sources *s, struct source *source, struct tlog *log,
                        struct batch *batch)
{
    const size_t folder = source->folder;
    struct taking t = {.s = s, .source = source, .log = log, .batch = batch};
    if (source->next > source->number) {
        source->number = source->next;
        source->at = 0;
    }
    if (source->next == 0)
        return;
    t.folder = open(s->folders[folder], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t.folder < 0) {
        tell_folder(s, folder, "can't be opened: %s", strerror(errno));
        return;
    }
    while (source->number <= source->last && take_file(&t))
        ;
    close(t.folder);
}

void sources_take(struct sources *s, struct tlog *log, struct tlog_reader *reader,
                  struct batch *batch, struct buf *trouble)
{
    s->reader = reader;
    s->trouble = trouble;
    do {
        s->listed_late = false;
        list(s);
        const size_t first = s->first;
        for (size_t i = 0; i < s->count && !batch->full; i++) {
            s->first = (first + i + 1) % s->count;
            take_source(s, &s->sources[(first + i) % s->count], log, batch);
        }
    } while (s->listed_late && !batch->full);
    for (size_t i = 0; i < s->count; i++)
        if (s->sources[i].last && s->sources[i].last < s->sources[i].number) {
            tell_folder(s, s->sources[i].folder,
                        "%s is in the log up to file %u, which is not there: " WENT_BACK,
                        s->sources[i].name, s->sources[i].number);
            s->sources[i].number = 0; /* looked up again: it may be begun anew meanwhile */
            s->sources[i].at = 0;
        }
}

/* ---- another's log -------------------------------------------------------------------------- */

/* Has a journal that is open more, synced, than the log has of it? Sets the log's cursor. */
static bool has_news(struct source *source, int folder, const struct tlog_cursor *cursors,
                     size_t count, uint64_t *cursor)
{
    char name[JOURNAL_FILE_NAME_BYTES_MAX], text[JOURNAL_SOURCE_BYTES_MAX];
    struct index_journal_file file;
    uint64_t position;
    *cursor = 0;
    if (journal_progress(folder, source->loop_index, &position) || position == UINT64_MAX ||
        journal_position_octet(position) <= JOURNAL_HEADER_BYTES)
        return false;
    journal_file_name_write(source->loop_index, journal_position_number(position), name);
    if (index_journal_open(folder, name, &file) != INDEX_JOURNAL_OPEN)
        return false;
    close(file.descriptor);
    journal_source_write(&file.header, text);
    for (size_t i = 0; i < count; i++)
        if (strcmp(cursors[i].source, text) == 0)
            *cursor = cursors[i].position;
    return *cursor < position;
}

uint64_t sources_wait(struct sources *s, const struct tlog_cursor *cursors, size_t count,
                      struct buf *trouble)
{
    const uint64_t now_us = clock_mono_us();
    uint64_t since_us = 0, cursor;
    s->trouble = trouble;
    list_folder(s, 0);
    int folder = open(s->folders[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (struct source *source = s->sources; folder >= 0 && source < s->sources + s->count;
         source++) {
        if (source->folder != 0)
            continue;
        if (!has_news(source, folder, cursors, count, &cursor))
            source->since_us = 0;
        else if (!source->since_us || cursor != source->cursor)
            source->since_us = now_us;
        source->cursor = cursor;
        if (source->since_us && (!since_us || source->since_us < since_us))
            since_us = source->since_us;
    }
    if (folder >= 0)
        close(folder);
    return since_us;
}
