/* A record of evidence as one line of JSON, from a journal or from the log. */
#ifndef CLI_EVIDENCE_H
#define CLI_EVIDENCE_H

#include "evidence/journal.h"

/* On standard output; false when it can't be printed. */
bool evidence_print(const struct journal_record *record);

#endif
