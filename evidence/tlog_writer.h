/* What a writer of the log is made of; private to this room. */
#ifndef EVIDENCE_TLOG_WRITER_H
#define EVIDENCE_TLOG_WRITER_H

#include "evidence/tlog_batch.h"
#include "evidence/tlog_reader.h"

struct tlog_source {
    struct tlog_cursor cursor; /* as it will be committed */
    uint64_t runs;             /* committed ones in its file; UINT64_MAX: not looked at yet */
    bool forgotten;
};

struct tlog_pending_run {
    struct tlog_run run;
    const char *source; /* the cursor's, by its address */
};

struct tlog {
    int folder, lock;
    struct tlog_reader *reader; /* of what is committed */
    struct note_signer signer;

    /* committed */
    uint64_t size; /* durable; the edge may be ahead after a failed sync */
    struct tlog_edge edge;
    struct merkle_hash root;
    uint8_t bundle[TLOG_BUNDLE_BYTES_MAX]; /* the last one, when it is not full */
    size_t bundle_bytes;
    bool unsynced;  /* `state` is in place, and may not be durable */
    bool published; /* the checkpoint of this root is */

    /* pending */
    uint8_t *octets; /* entries as bundles have them */
    size_t octets_len;
    struct merkle_hash *leaves;
    size_t count;
    struct tlog_pending_run *runs;
    size_t run_count;
    struct tlog_source sources[TLOG_CURSORS_MAX];
    size_t source_count;
    bool changed; /* something for `state` */

    /* during a commit */
    struct tlog_edge grown;
    struct merkle_hash grown_root;
    struct bytes bundle_head, bundle_rest; /* the entries of the present bundle, in two parts */
    size_t next;                           /* of the pending octets that are still to be taken */
    struct tlog_batch batch;
    struct tlog_state state;
};

#endif
