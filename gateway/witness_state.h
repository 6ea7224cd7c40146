/* By what rules a witness cosigns (C2SP tlog-witness), and what it remembers: for each log the
 * newest checkpoint that it cosigned, on disk before anybody has the cosignature. It never goes
 * back, and never begins anew with a log whose memory is damaged. One thread; nothing but files. */
#ifndef GATEWAY_WITNESS_STATE_H
#define GATEWAY_WITNESS_STATE_H

#include "evidence/note.h"

#define WITNESS_LOGS_MAX        64
#define WITNESS_KEYS_MAX        4  /* of one log: the one that signs, those before it */
#define WITNESS_PROOF_LINES_MAX 63 /* tlog-witness */
#define WITNESS_BODY_BYTES_MAX  (NOTE_BYTES_MAX + 4096) /* size, 63 lines of 45 octets, note */
#define WITNESS_LINE_BYTES_MAX  512                     /* of what is answered */

/* The body of add-checkpoint; views into it. */
struct witness_request {
    uint64_t old_size;
    struct merkle_hash proof[WITNESS_PROOF_LINES_MAX];
    size_t proof_count;
    struct bytes note, text; /* the checkpoint: all of it, what was signed of it */
    struct checkpoint checkpoint;
};
bool witness_request_read(struct bytes body, struct witness_request *request);

/* In the order in which they are found out. */
enum witness_verdict {
    WITNESS_COSIGNED,
    WITNESS_MALFORMED,    /* also: the old size is above the checkpoint's */
    WITNESS_UNKNOWN,      /* no log of ours has this origin */
    WITNESS_UNSIGNED,     /* none of its keys has signed this */
    WITNESS_BEHIND,       /* the old size is not that of the checkpoint cosigned last */
    WITNESS_FORKED,       /* the same size as cosigned last, another root: the log lies */
    WITNESS_INCONSISTENT, /* nothing proves that it grew from what was cosigned last */
    WITNESS_FAILED,       /* ours: disk, crypto */
    WITNESS_VERDICTS,
};

struct witness_state;

/* Reads the verifier keys of the logs (one a line, '#' comments) and what the folder, which is made
 * if it is missing, remembers of them; the folder is this process's until it closes. The signer is
 * copied; its key must be a witness's. NULL with a sentence in `why`. */
struct witness_state *witness_state_open(const char *logs, const char *folder,
                                         const struct note_signer *signer, struct buf *why);
void witness_state_close(struct witness_state **state);
unsigned witness_state_logs(const struct witness_state *state);

/* Judges a body of add-checkpoint. Appends, for COSIGNED, the signature line; for BEHIND and
 * FORKED, the size of what was cosigned last, with its newline; else nothing. `request` tells what
 * was read, but for MALFORMED. */
enum witness_verdict witness_state_add(struct witness_state *state, struct bytes body,
                                       uint64_t unix_s, struct witness_request *request,
                                       struct buf *answer);

#endif
