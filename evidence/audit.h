/* Does a log account for what it lacks? Its hashes (evidence/tlog.h) stay when an entry is emptied,
 * whoever does that. But events are never removed and are numbered without a gap, and of all else
 * the event of an archive says how many entries were taken out. docs/PROTOCOL.md sections 16, 20.
 */
#ifndef EVIDENCE_AUDIT_H
#define EVIDENCE_AUDIT_H

#include "evidence/tlog.h"

struct audit {
    uint64_t size;     /* of the log */
    uint64_t removed;  /* entries that are there by hash alone */
    uint64_t archived; /* as many as archives may have removed; a call that was cut off counts */
    uint64_t event;    /* the number of the last event; 0: there is none */
};
/* tlog_verify, and that: DAMAGED, too, when an event is missing or more was removed than archives
 * account for. While others write and archive. */
enum tlog_error audit_log(struct tlog_reader *reader, const struct note_verifier *verifier,
                          struct bytes older, struct audit *audit, struct buf *why);

#endif
