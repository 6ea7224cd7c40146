/* How a journal lies on disk; private to this room. Integers are little-endian, without gaps.
 *
 * header  0 "JWBJ"   4 version u32   8 loop u32   12 identity of the journal u64
 *         20 CRC-32C of the 20 octets before
 * record  0 CRC-32C of all that follows   4 length of the body u32   8 body
 * body    0 kind   1 role   2 result   3 reason   4 flags: 1 place known, 2 licence known   5
 * acting 6 list u16   8 index u32   12 status   13 detail   14 type u16   16 request id u64 24 Unix
 * time in microseconds i64   32 cti   40 fields u32 44 lengths of subject, client, purpose,
 * reference, agency   49 three zeros 52 number u64   60 licence   92 subject, client, purpose,
 * reference, agency removed a record of the same length, whose body is zeros: kind 0
 *
 * This is version 3. Versions 1 and 2 were never released and are not read.
 *
 * Beside a loop's files lies `journal-<loop>.lock`: whoever writes them holds an open file
 * description lock on it (fcntl F_OFD_SETLK), and keeps in its first octets, u64, the position up
 * to which they are synced. */
#ifndef EVIDENCE_JOURNAL_LAYOUT_H
#define EVIDENCE_JOURNAL_LAYOUT_H

#include "evidence/journal.h"

#define JOURNAL_HEADER_BYTES   24
#define JOURNAL_FRAME_BYTES    8
#define JOURNAL_FIXED_BYTES    92
#define JOURNAL_TEXTS          5
#define JOURNAL_REMOVED        0 /* the kind */
#define JOURNAL_BODY_BYTES_MAX (JOURNAL_FIXED_BYTES + JOURNAL_TEXTS * JOURNAL_TEXT_BYTES_MAX)
_Static_assert(JOURNAL_FRAME_BYTES + JOURNAL_BODY_BYTES_MAX <= JOURNAL_RECORD_BYTES_MAX,
               "a record with the longest texts fits");

struct journal_header {
    unsigned loop_index;
    uint64_t identity;
};
void journal_header_write(const struct journal_header *header, struct buf *out);
/* False when it is not a header of this version. */
bool journal_header_read(struct bytes from, struct journal_header *header);
void journal_source_write(const struct journal_header *header,
                          char source[JOURNAL_SOURCE_BYTES_MAX]);

/* Up to which position the log in a folder has this journal; 0: nothing of it, or the log can't be
 * read, which its sequencer tells. */
uint64_t journal_logged(const char *log, const struct journal_header *header);

/* Writes a file's octets from..to again as they are: whole records, from 0 with the header. False:
 * errno says why; EIO when they are not there as they were written. */
bool journal_file_rewrite(int folder, const char *name, uint64_t from, uint64_t to);

/* `out` overflows when there is no room, and is as long as it was. */
void journal_record_write(const struct journal_record *record, struct buf *out);
/* The record at the beginning of `from`: its octets, or 0 when there is no whole one. A kind that
 * this version does not know is no fault: a newer one may have written it. A removed record has
 * kind JOURNAL_REMOVED and is zero otherwise. */
size_t journal_record_read(struct bytes from, struct journal_record *record);
/* A removed record of so many octets, frame and body. */
void journal_removed_write(size_t record_bytes, struct buf *out);

/* The body alone, as it is also an entry of the log. */
void journal_body_write(const struct journal_record *record, struct buf *out);
bool journal_body_read(struct bytes body, struct journal_record *record);

#endif
