/* Searching journals with the help of their indices. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/index_layout.h"

#define NAME_BYTES_MAX 256

/* A record as it lies in its journal. */
struct found {
    int64_t at_us;
    uint64_t order; /* of those of one moment */
    struct evidence_where where;
    size_t len;
    uint8_t octets[JOURNAL_RECORD_BYTES_MAX];
};

struct search {
    struct evidence_search *asked;
    struct evidence_place *places; /* sorted, each once */
    size_t place_count;
    struct found *found; /* room for twice as many as wanted */
    size_t found_count;
    uint64_t order;
    uint32_t *offsets; /* room for INDEX_ENTRIES_MAX */
    struct index_scan *scan;
    struct index_journal_file journal; /* the one that is searched now */
    struct evidence_where where;       /* its name */
    bool complete;
};

static int compare_places(const void *a, const void *b)
{
    return index_place_compare(a, b);
}

static int compare_found(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->at_us != y->at_us)
        return x->at_us > y->at_us ? -1 : 1;
    return x->order > y->order ? -1 : 1;
}

static int compare_offsets(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void keep_newest(struct search *s)
{
    qsort(s->found, s->found_count, sizeof *s->found, compare_found);
    if (s->found_count > s->asked->max) {
        s->found_count = s->asked->max;
        s->complete = false;
    }
}

static void take(struct search *s, uint64_t octet, struct bytes octets,
                 const struct journal_record *record)
{
    const struct evidence_place place = {record->list, record->index};
    if (!record->place_known || (unsigned)record->kind > 31 ||
        !(s->asked->kinds & 1u << record->kind) || record->at_us < s->asked->since_us ||
        (s->asked->before_us && record->at_us >= s->asked->before_us) ||
        !bsearch(&place, s->places, s->place_count, sizeof place, compare_places))
        return;
    if (s->found_count == 2 * s->asked->max)
        keep_newest(s);
    struct found *found = &s->found[s->found_count++];
    found->at_us = record->at_us;
    found->order = s->order++;
    found->where = s->where;
    found->where.position = journal_position(s->journal.number, octet);
    found->len = octets.len;
    memcpy(found->octets, octets.data, octets.len);
}

/* ---- through a segment of the index ---- */

/* Appends the offsets of one place's records; false: a block is damaged. */
static bool find_place(const struct search *s, int index, const struct index_segment *segment,
                       const struct evidence_place *place, size_t *count)
{
    struct index_entry entries[INDEX_BLOCK_ENTRIES];
    uint32_t blocks = index_segment_blocks(segment), low = 0, high = blocks;
    while (low < high) { /* the first block that begins at or behind the place */
        uint32_t middle = low + (high - low) / 2;
        if (index_place_compare(&segment->fence[middle], place) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (uint32_t block = low ? low - 1 : 0;
         block < blocks && index_place_compare(&segment->fence[block], place) <= 0; block++) {
        size_t n = index_block_read(index, segment, block, entries);
        if (n == 0)
            return false;
        for (size_t i = 0; i < n; i++)
            if (index_place_compare(&entries[i].place, place) == 0)
                s->offsets[(*count)++] = entries[i].offset;
    }
    return true;
}

/* False: it is damaged, and nothing was taken. */
static bool search_segment(struct search *s, int index, int journal,
                           const struct index_segment *segment)
{
    uint8_t octets[JOURNAL_RECORD_BYTES_MAX];
    struct journal_record record;
    size_t count = 0;
    for (size_t i = 0; i < s->place_count; i++)
        if (!find_place(s, index, segment, &s->places[i], &count))
            return false;
    qsort(s->offsets, count, sizeof *s->offsets, compare_offsets);
    for (size_t i = 0; i < count; i++) {
        ssize_t n = index_pread(journal, octets, sizeof octets, segment->from + s->offsets[i]);
        size_t len = n > 0 ? journal_record_read(bytes_of(octets, (size_t)n), &record) : 0;
        if (len)
            take(s, segment->from + s->offsets[i], bytes_of(octets, len), &record);
        else
            s->complete = false; /* the journal was damaged since */
    }
    return true;
}

/* ---- through the journal ---- */

static void search_range(struct search *s, int journal, uint64_t from, uint64_t to)
{
    struct index_scan *scan = s->scan;
    index_scan_init(scan, journal, from, to);
    while (index_scan_next(scan))
        take(s, scan->record_at, scan->octets, &scan->record);
    if (scan->damaged || scan->failed)
        s->complete = false;
}

/* What the index covers through it, the rest of the journal by reading. */
static void search_pair(struct search *s, int journal, uint64_t journal_bytes, int index)
{
    struct index_segment segment;
    uint64_t covered = JOURNAL_HEADER_BYTES;
    uint64_t at = index >= 0 && index_header_read(index) ? INDEX_HEADER_BYTES : 0;
    while (at && index_segment_read(index, at, covered, journal, journal_bytes, &segment)) {
        if (segment.damaged)
            s->complete = false;
        if (segment.newest_us >= s->asked->since_us && !search_segment(s, index, journal, &segment))
            search_range(s, journal, segment.from, segment.to);
        covered = segment.to;
        at = segment.end;
    }
    search_range(s, journal, covered, journal_bytes);
}

static void search_journal(struct search *s, int folder, const char *name)
{
    char index_name[NAME_BYTES_MAX];
    enum index_journal opened = index_journal_open(folder, name, &s->journal);
    if (opened == INDEX_JOURNAL_FAILED || opened == INDEX_JOURNAL_FOREIGN)
        s->complete = false;
    if (opened != INDEX_JOURNAL_OPEN)
        return;
    journal_source_write(&s->journal.header, s->where.source);
    snprintf(index_name, sizeof index_name, "%.*sx", (int)strlen(name) - 1, name);
    int index = openat(folder, index_name, O_RDONLY | O_CLOEXEC);
    search_pair(s, s->journal.descriptor, s->journal.bytes, index);
    if (index >= 0)
        close(index);
    close(s->journal.descriptor);
}

static void search_folder(struct search *s, const char *path)
{
    struct dirent *entry;
    DIR *directory = opendir(path);
    while (directory && (errno = 0, entry = readdir(directory)) != NULL)
        if (index_is_journal(entry->d_name))
            search_journal(s, dirfd(directory), entry->d_name);
    if (!directory || errno != 0)
        s->complete = false;
    if (directory)
        closedir(directory);
}

/* ---- the door ---- */

static void sort_places(struct search *s)
{
    const struct evidence_search *asked = s->asked;
    memcpy(s->places, asked->places, asked->place_count * sizeof *s->places);
    qsort(s->places, asked->place_count, sizeof *s->places, compare_places);
    for (size_t i = 0; i < asked->place_count; i++)
        if (i == 0 || index_place_compare(&s->places[i], &s->places[s->place_count - 1]) != 0)
            s->places[s->place_count++] = s->places[i];
}

static void tell_found(struct search *s)
{
    struct journal_record record;
    keep_newest(s);
    s->asked->complete = s->complete;
    for (size_t i = 0; i < s->found_count; i++) {
        const struct found *found = &s->found[i];
        CHECK(journal_record_read(bytes_of(found->octets, found->len), &record) == found->len);
        s->asked->where = found->where;
        s->asked->each(s->asked->context, &record);
    }
}

bool evidence_search(struct evidence_search *asked)
{
    struct search s = {
        .asked = asked,
        .complete = true,
        .places = malloc((asked->place_count + 1) * sizeof *s.places),
        .found = malloc(2 * asked->max * sizeof *s.found),
        .offsets = malloc(INDEX_ENTRIES_MAX * sizeof *s.offsets),
        .scan = malloc(sizeof *s.scan),
    };
    bool ok = s.places && s.found && s.offsets && s.scan;
    if (ok) {
        sort_places(&s);
        for (size_t i = 0; i < asked->folder_count; i++)
            if (!journal_folder_again(asked->folders, i))
                search_folder(&s, asked->folders[i]);
        tell_found(&s);
    }
    free(s.places);
    free(s.found);
    free(s.offsets);
    free(s.scan);
    return ok;
}
