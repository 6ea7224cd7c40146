/* The evidence journal: one append-only file per loop, one record per request that shows or changes
 * something of a licence or of who may see it, written before the answer leaves. A turn of the loop
 * gathers records with journal_append and writes them with one write(2) in journal_write; a thread
 * syncs the file at most sync_ms later. A record holds who, role, what for, place, result and
 * reason; no name and no number of a person.
 *
 * Everything here is called on the loop's thread, but journal_read_* (a tool's) and the counters.
 */
#ifndef EVIDENCE_JOURNAL_H
#define EVIDENCE_JOURNAL_H

#include <stdatomic.h>

#include "base/buf.h"

struct journal;

#define JOURNAL_TEXT_BYTES_MAX   64
#define JOURNAL_RECORD_BYTES_MAX 320

/* number, name, word; never renumbered */
#define JOURNAL_KINDS(K)                                                                           \
    K(1, DISPLAY, "display")                                                                       \
    K(2, VERIFY, "verify")                                                                         \
    K(3, CHECK, "check")       /* a partner's, under a consent */                                  \
    K(4, LOOKUP, "lookup")     /* an inspector's, without a code */                                \
    K(5, RETRIEVE, "retrieve") /* a business system's */                                           \
    K(6, CONSENT, "consent")   /* given or withdrawn */                                            \
    K(7, MANDATE, "mandate")   /* given or ended */                                                \
    K(8, APPLY, "apply")       /* an access request */                                             \
    K(9, READ, "read")         /* somebody read who looked at his licences */                      \
    K(10, TOKEN, "token")      /* an access token was given or refused */                          \
    K(11, VIEW, "view")        /* who acts for a licence opened it */
enum journal_kind {
#define K(number, name, word) JOURNAL_##name = number,
    JOURNAL_KINDS(K)
#undef K
};
/* "display", ...; NULL for a kind of a later version. */
const char *journal_kind_text(unsigned kind);
#define JOURNAL_ACTING_NONE 255

struct journal_record {
    enum journal_kind kind;
    uint64_t request_id;
    int64_t at_us;                /* Unix time, microseconds */
    uint8_t role, result, reason; /* the gateway's enums, by number; never renumbered */
    bool place_known;
    uint16_t list;
    uint32_t index;
    uint8_t cti[8];       /* zeros when there is none */
    uint8_t acting;       /* a display: as what; else JOURNAL_ACTING_NONE */
    uint32_t fields;      /* the set of the gateway's fields that were shown */
    struct bytes subject; /* at most JOURNAL_TEXT_BYTES_MAX each, may be empty */
    struct bytes client;
    struct bytes purpose;   /* a purpose, a matter, a lookup's reason, a consent's partner */
    struct bytes reference; /* a case number, the id of what was given or ended, a token's error */
};

enum journal_error {
    JOURNAL_OK = 0,
    JOURNAL_ERR_FULL,  /* not now: the turn's buffer is full */
    JOURNAL_ERR_OPEN,  /* ours: the folder or file can't be opened or read, or another has it */
    JOURNAL_ERR_WRITE, /* ours: nothing of this turn counts; what a short write left was cut off */
    JOURNAL_ERR_DAMAGED, /* ours: a record that is not the last one fails its checksum */
};

struct journal_options {
    const char *folder;      /* made if missing, mode 0700 */
    unsigned loop_index;     /* names the file: journal-<loop>-<number>.jwbj */
    unsigned sync_ms;        /* between write and fdatasync at the most */
    uint64_t file_bytes_max; /* then the next number is begun */
    size_t turn_bytes_max;   /* of the records of one turn */
};

/* Opens the newest file, or begins one; a torn tail (a crash's) is cut off and counted. The journal
 * is this process's until journal_close: another that opens it gets JOURNAL_ERR_OPEN and is told
 * so. JOURNAL_ERR_DAMAGED is a warning: the damaged file is left as it is, the next one is begun
 * and *journal is open; `why` says so. After JOURNAL_ERR_OPEN *journal is NULL. */
enum journal_error journal_open(const struct journal_options *options, struct journal **journal,
                                struct buf *why);
/* Syncs and closes. What was appended and not written is dropped: its answers never left. */
void journal_close(struct journal **journal);

/* Copies a record into the turn's buffer. Texts longer than the limit are the caller's mistake
 * (CHECKed). */
enum journal_error journal_append(struct journal *journal, const struct journal_record *record);
/* Writes what was appended since the last call, whole or not at all. After JOURNAL_ERR_WRITE the
 * buffer is empty and the file as it was; the next call tries again. After a failed sync every call
 * fails until the journal is opened anew, because the kernel forgets which pages it could not
 * write. A full file is followed by the next one, but not before the one before it is synced. */
enum journal_error journal_write(struct journal *journal);

/* Reads a file record by record, for tools and recovery. The texts of a record are valid until the
 * next call. Only JOURNAL_OK, JOURNAL_ERR_OPEN (errno says why) and JOURNAL_ERR_DAMAGED; from
 * journal_reader_open the latter means that it is no journal of this version. A reader belongs to
 * one thread. */
struct journal_reader;
enum journal_error journal_reader_open(const char *path, struct journal_reader **reader);
/* The loop that wrote it. */
unsigned journal_reader_loop(const struct journal_reader *reader);
/* JOURNAL_OK with *end false: a record. With *end true: no more; *torn_bytes is what a crash left.
 * After JOURNAL_ERR_DAMAGED the next call goes on with the next whole record. */
enum journal_error journal_reader_next(struct journal_reader *reader, struct journal_record *record,
                                       bool *end, uint64_t *torn_bytes);
void journal_reader_close(struct journal_reader **reader);

struct journal_counters {
    _Atomic uint64_t records, writes, syncs, failures, torn_bytes;
    _Atomic uint64_t unsynced_us; /* age of the oldest write that no sync has covered; 0: none */
};
/* Any thread. unsynced_us is as of this call. */
const struct journal_counters *journal_counters(const struct journal *journal);

#endif
