/* The journals that a sequencer reads; private to this room. One thread. */
#ifndef EVIDENCE_SEQUENCER_SOURCES_H
#define EVIDENCE_SEQUENCER_SOURCES_H

#include "evidence/entry.h"
#include "evidence/tlog.h"

/* What is in the log's memory and not committed yet. */
#define BATCH_RECORDS_MAX 4096
#define BATCH_BYTES_MAX   (1024 * 1024)
_Static_assert(BATCH_BYTES_MAX + 34 * BATCH_RECORDS_MAX <= TLOG_PENDING_BYTES_MAX,
               "the log has room for a batch");
struct batch {
    size_t count, octets_len;
    uint64_t since_us; /* monotonic time at which its first was found */
    bool full;         /* the log has no room for more, or this has none */
    struct bytes entries[BATCH_RECORDS_MAX];
    struct journal_record records[BATCH_RECORDS_MAX]; /* views into octets */
    uint8_t octets[BATCH_BYTES_MAX];
};
void batch_clear(struct batch *batch);
/* Is there room for another record? If not, `full` is set. */
bool batch_has_room(struct batch *batch);
/* While there is room. */
void batch_add(struct batch *batch, const struct journal_record *record);
/* Hands the log what came since batch->count was `from`. On failure the batch is as it was then; it
 * is full when the log was. */
enum tlog_error batch_hand(struct batch *batch, size_t from, struct tlog *log, const char *source,
                           uint64_t position, uint64_t next);

#define SOURCES_MAX (TLOG_CURSORS_MAX - 1) /* one is the registry's */
struct sources;
/* Folders are borrowed. */
struct sources *sources_create(const char *const *folders, size_t count);
void sources_destroy(struct sources **sources);
/* Takes what is new in all journals, until there is no more or the batch is full. `reader` is of
 * the same log; NULL: not now. What is wrong is told in `trouble`, the first thing of it; the rest
 * is taken all the same. */
void sources_take(struct sources *sources, struct tlog *log, struct tlog_reader *reader,
                  struct batch *batch, struct buf *trouble);
/* Of another's log, with these cursors: since when (monotonic) it takes nothing of a journal of the
 * first folder that has news; 0: it takes them all. */
uint64_t sources_wait(struct sources *sources, const struct tlog_cursor *cursors, size_t count,
                      struct buf *trouble);

#endif
