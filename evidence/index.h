/* Finds the records of a place in journals without reading them all: beside each journal
 * `NAME.jwbj` lies `NAME.jwbx`, appended to in segments of sorted (place, offset) pairs, made from
 * the journal in the background and made anew when it is missing or damaged. What is not indexed
 * yet is read through. It is a convenience: only the journals are evidence.
 *
 * Any thread. Of one folder one at a time may update; searches go on meanwhile, and so does the
 * writing of the journals. */
#ifndef EVIDENCE_INDEX_H
#define EVIDENCE_INDEX_H

#include "evidence/journal.h"

#define EVIDENCE_SEGMENT_BYTES (16 * 1024 * 1024) /* of journal that a segment covers */

/* Brings the indices of the folder's journals up to date: whole segments, and the rest of a journal
 * that another follows. `thorough`: checks every octet of the indices first, and makes anew from
 * the first fault on; else only what holds them together. When `stop` (may be NULL) becomes true it
 * ends after the present segment, about 100 ms. False: ours; `why` says which file; the others were
 * tried all the same. */
bool evidence_index_update(const char *folder, bool thorough, const _Atomic bool *stop,
                           struct buf *why);

/* Where a record lies: its journal's name and its position there (evidence/journal.h), which are
 * also the log's names for them; in a file that was renamed the position has number 0. */
struct evidence_where {
    char source[JOURNAL_SOURCE_BYTES_MAX];
    uint64_t position;
};
struct evidence_place {
    uint16_t list;
    uint32_t index;
};
struct evidence_search {
    const char *const *folders;
    size_t folder_count;
    const struct evidence_place *places; /* in any order */
    size_t place_count;
    uint32_t kinds;    /* a set of 1 << enum journal_kind; others are passed over */
    int64_t since_us;  /* Unix microseconds: what is older is left out */
    int64_t before_us; /* and what is not older than this; 0: nothing */
    size_t max;        /* at least 1; at most so many, the newest of all folders */
    /* told, newest first, after all was read; views live for the call */
    void (*each)(void *context, const struct journal_record *record);
    void *context;
    struct evidence_where where; /* set before each call of `each`: of that record */
    /* answered */
    bool complete; /* false: a folder or a journal could not be read, or was damaged, or there were
                      more */
};
/* False: ours, no memory; nothing was told then. Takes about 2 * max * 540 octets, and at most
 * 2 MB. */
bool evidence_search(struct evidence_search *search);

/* The records of one request, wherever they were written: reads journals through, the one that was
 * written last first, each from its beginning, and tells what it finds until there are `max`, which
 * ends the reading and is not complete. Of what is asked only folders, since_us (of older journals
 * nothing is read), max and each count. False: ours, no memory. */
bool evidence_find_request(struct evidence_search *search, uint64_t request_id);

#endif
