/* How the C2SP texts write lines, numbers and octets, strictly: one form each, so that what was
 * read writes back the same. For notes and for what else speaks these texts. Pure; any thread. */
#ifndef EVIDENCE_NOTE_TEXT_H
#define EVIDENCE_NOTE_TEXT_H

#include "evidence/merkle.h"

/* Takes the next line off *rest, without its newline. False: there is no whole one. */
bool note_line_next(struct bytes *rest, struct bytes *line);

/* Decimal without leading zeros, below 2^64. */
void note_number_write(uint64_t number, struct buf *out);
bool note_number_read(struct bytes text, uint64_t *number);

/* base64 with padding (RFC 4648 section 4), spare bits zero. False: it is none, or an overflow;
 * `out` is then in an unspecified state. */
void note_base64_write(struct bytes octets, struct buf *out);
bool note_base64_read(struct bytes text, struct buf *out);
bool note_hash_read(struct bytes text, struct merkle_hash *hash);

#endif
