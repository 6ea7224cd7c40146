/* How long evidence is kept: by kind of record and by type of licence, as the configuration's
 * retention.days, .kinds and .types say. Pure. */
#ifndef EVIDENCE_RETENTION_H
#define EVIDENCE_RETENTION_H

#include "evidence/journal.h"

#define RETENTION_KINDS_MAX 64
#define RETENTION_TYPES_MAX 256
#define RETENTION_DAYS_MAX  36500

struct retention {
    unsigned days;                       /* of what no other line names */
    unsigned kinds[RETENTION_KINDS_MAX]; /* by enum journal_kind; 0: not named */
    struct retention_type {
        uint16_t type; /* the catalogue's index */
        unsigned days;
    } types[RETENTION_TYPES_MAX];
    size_t type_count;
};

/* `kinds` is "verify=365,display=180", `types` "CODE=3650,..."; both may be empty. type_of finds a
 * code's index; false: there is no such type. False with a sentence in `why`: a word that is no
 * kind or type, one that stands twice, a number that is none of 1 to RETENTION_DAYS_MAX, too many.
 */
bool retention_read(struct retention *retention, unsigned days, struct bytes kinds,
                    struct bytes types,
                    bool (*type_of)(void *context, struct bytes code, uint16_t *type),
                    void *context, struct buf *why);

/* Has its time passed at `now_us`? Never for the registry's events, from which a restored registry
 * is put right: all of them, without a gap. */
bool retention_is_due(const struct retention *retention, const struct journal_record *record,
                      int64_t now_us);

#endif
