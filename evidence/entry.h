/* An entry of the log: a journal's record as the log tells it. The same octets as the record's body
 * (evidence/journal_layout.h), behind one octet of version; without its place in the status lists,
 * which would let whoever once saw a code follow the licence, unless the record is one of the
 * registry's events, from which a registry can be put right. Where neither a place nor a reference
 * is left, the licence's type is not told either. docs/PROTOCOL.md section 16. */
#ifndef EVIDENCE_ENTRY_H
#define EVIDENCE_ENTRY_H

#include "evidence/journal.h"

#define ENTRY_BYTES_MAX (1 + JOURNAL_RECORD_BYTES_MAX)

void entry_write(const struct journal_record *record, struct buf *out);
/* Views into `entry`. False: it is none of this version. */
bool entry_read(struct bytes entry, struct journal_record *record);

#endif
