/* How a journal lies on disk; private to this room. Integers are little-endian, without gaps.
 *
 * header  0 "JWBJ"   4 version u32   8 loop u32   12 CRC-32C of the 12 octets before
 * record  0 CRC-32C of all that follows   4 length of the body u32   8 body
 * body    0 kind   1 role   2 result   3 reason   4 place known (0, 1)   5 acting   6 list u16
 *         8 index u32   12 length of subject   13 of client   14 of purpose   15 of reference
 *         16 request id u64   24 Unix time in microseconds i64   32 cti   40 fields u32
 *         44 subject, client, purpose, reference
 *
 * This is version 2. Version 1 had no acting, fields, purpose and reference; it was never released
 * and is not read. */
#ifndef EVIDENCE_JOURNAL_LAYOUT_H
#define EVIDENCE_JOURNAL_LAYOUT_H

#include "evidence/journal.h"

#define JOURNAL_HEADER_BYTES 16
#define JOURNAL_FRAME_BYTES  8
#define JOURNAL_FIXED_BYTES  44
#define JOURNAL_TEXTS        4
_Static_assert(JOURNAL_FRAME_BYTES + JOURNAL_FIXED_BYTES + JOURNAL_TEXTS * JOURNAL_TEXT_BYTES_MAX <=
                   JOURNAL_RECORD_BYTES_MAX,
               "a record with the longest texts fits");

void journal_header_write(unsigned loop_index, struct buf *out);
/* False when it is not a header of this version. */
bool journal_header_read(struct bytes from, unsigned *loop_index);

void journal_record_write(const struct journal_record *record, struct buf *out);
/* The record at the beginning of `from`: its octets, or 0 when there is no whole one. A kind that
 * this version does not know is no fault: a newer one may have written it. */
size_t journal_record_read(struct bytes from, struct journal_record *record);

#endif
