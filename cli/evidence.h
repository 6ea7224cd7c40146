/* What the commands about evidence have in common. */
#ifndef CLI_EVIDENCE_H
#define CLI_EVIDENCE_H

#include "evidence/journal.h"

/* A record, from a journal or from the log, as one line of JSON on standard output; false when it
 * can't be printed. */
bool evidence_print(const struct journal_record *record);

/* Reading evidence is evidence: notes the command in the registry when one of `paths` (the last is
 * NULL) is the configuration's own log, or lies among its journals. A copy elsewhere, or on a
 * machine without a configuration, has no registry to be noted in. `config` as desk_open. False
 * after a complaint: nothing may be shown. */
bool evidence_note_reading(const char *config, const char *const *paths);

#endif
