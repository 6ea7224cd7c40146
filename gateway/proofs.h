/* Proofs that records are in the evidence log (C2SP tlog-proof), as an answer tells them: all under
 * the one newest checkpoint. */
#ifndef GATEWAY_PROOFS_H
#define GATEWAY_PROOFS_H

#include "evidence/index.h"
#include "evidence/tlog.h"

struct proof_wanted {
    const struct journal_record *record;
    struct evidence_where where; /* of a record of a journal; an event's is its number */
    /* told */
    enum proof_state {
        PROOF_NOT_YET, /* not in the log, or removed from it after its time */
        PROOF_FOUND,
        PROOF_OTHER, /* the log has another record there: one of them was changed */
    } state;
    struct merkle_hash leaf;
    struct tlog_proof proof; /* its note is a view into the caller's */
};

/* Reads files: on a worker. `note` has room for NOTE_BYTES_MAX, and must live as long as the proofs
 * are told. TLOG_OK also when there is no log yet; else nothing of `wanted` counts. */
enum tlog_error proofs_find(const char *log_folder, struct proof_wanted *wanted, size_t count,
                            struct buf *note);

/* Appends {"index","leaf","proof"}, or null. `whole`: with the entry itself in the proof; else its
 * hash alone tells which it is, to whoever is shown the entry. */
void proofs_put(struct buf *out, const struct proof_wanted *wanted, bool whole);
/* The most octets that takes. */
size_t proofs_bytes(const struct proof_wanted *wanted);

#endif
