/* The evidence journal: one append-only file per loop, one record per request that shows or changes
 * something of a licence or of who may see it, written before the answer leaves. A turn of the loop
 * gathers records with journal_append and writes them with one write(2) in journal_write; a thread
 * syncs the file at most sync_ms later. A record holds who, role, what for, place, result and
 * reason; no name and no number of a person.
 *
 * Everything here is called on the loop's thread, but journal_reader_*, journal_progress,
 * journal_folder_again,
 * journal_remove (tools' and other threads') and the counters. */
#ifndef EVIDENCE_JOURNAL_H
#define EVIDENCE_JOURNAL_H

#include <stdatomic.h>

#include "base/buf.h"

struct journal;

#define JOURNAL_TEXT_BYTES_MAX   64
#define JOURNAL_RECORD_BYTES_MAX 448
#define JOURNAL_REFERENCE_BYTES  32 /* SHA-256 */

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
    K(11, VIEW, "view")        /* who acts for a licence opened it */                              \
    K(12, LIST, "list")        /* somebody looked at his own */                                    \
    K(13, STATUS_ASKED, "status_asked")                                                            \
    K(14, TRACE, "trace")     /* the timeline of a licence was read */                             \
    K(15, PULL, "pull")       /* an authority read what waits for it, counts or digests */         \
    K(16, ACTION, "action")   /* an inspector seized, withdrew, ...; or was refused */             \
    K(17, REFUSAL, "refusal") /* of what an authority delivered or decided; reference: why */      \
    /* From here on what the registry itself tells, each with its number (registry/event.h). */    \
    K(32, ISSUED, "issued")         /* a licence's first version, at its place */                  \
    K(33, VERSION, "version")       /* another version, at its place */                            \
    K(34, SUPERSEDED, "superseded") /* the place that the version before had */                    \
    K(35, STATUS, "status")         /* the issuer's status; detail: its code */                    \
    K(36, HOLD, "hold")             /* placed; detail: enum hold_kind; agency, reference: case */  \
    K(37, LIFT, "lift")             /* ended, as HOLD; purpose: why (restore, revert, ...) */      \
    K(38, DECISION, "decision")     /* the issuer's on an action; purpose: which; reference */     \
    K(39, ESCALATED, "escalated")   /* a cancellation's day passed; reference: the case */         \
    K(40, OBJECTION, "objection")   /* purpose: its new state; reference: its id */                \
    K(41, IMPORT, "import")         /* one batch; purpose: the source; reference: counts */        \
    K(42, ACCESS, "access")         /* clients, who is shut out; purpose: what; reference: whom */ \
    K(43, OPERATOR, "operator")     /* a command; purpose: its words */                            \
    K(44, RESTORED, "restored")     /* reconciled from the log; reference: counts */               \
    K(45, ARCHIVED, "archived")     /* exported and removed; reference: the package */             \
    K(46, ANOMALY, "anomaly")       /* purpose: the rule; subject or client: whose */              \
    K(47, OFFLINE_SCAN, "offline_scan") /* a terminal's, delivered later; as registry/event.h */   \
    K(48, ACTED, "acted")               /* an action, by its id; as registry/event.h */
enum journal_kind {
#define K(number, name, word) JOURNAL_##name = number,
    JOURNAL_KINDS(K)
#undef K
};
/* "display", ...; NULL for a kind of a later version. */
const char *journal_kind_text(unsigned kind);
#define JOURNAL_ACTING_NONE 255
#define JOURNAL_CODE_NONE   255
#define JOURNAL_TYPE_NONE   65535

/* A record that is zero but for its kind tells nothing else: what does not apply (the type, when no
 * licence is known; status and detail, when it is no event) is written as none, whatever the member
 * holds, and read back as none. */
struct journal_record {
    enum journal_kind kind; /* never 0, which is how a removed record looks */
    uint64_t request_id;
    int64_t at_us;                /* Unix time, microseconds */
    uint8_t role, result, reason; /* the gateway's enums, by number; never renumbered */
    bool place_known;
    uint16_t list;
    uint32_t index;
    uint8_t cti[8]; /* zeros when there is none */
    bool licence_known;
    uint8_t licence[JOURNAL_REFERENCE_BYTES]; /* the licence's salted reference: docs/PROTOCOL.md */
    uint16_t type;   /* of the licence that place or reference name; or JOURNAL_TYPE_NONE */
    uint64_t number; /* an event's in the registry, from 1; 0: no event of its */
    uint8_t status;  /* an event's: the effective status after it, its code; or JOURNAL_CODE_NONE */
    uint8_t detail;  /* an event's: by kind; or JOURNAL_CODE_NONE */
    uint8_t acting;  /* a display: as what; else JOURNAL_ACTING_NONE */
    uint32_t fields; /* the set of the gateway's fields that were shown */
    struct bytes subject; /* at most JOURNAL_TEXT_BYTES_MAX each, may be empty */
    struct bytes client;
    struct bytes purpose;   /* a purpose, a matter, a lookup's reason, a consent's partner */
    struct bytes reference; /* a case number, the id of what was given or ended, a token's error */
    struct bytes agency;    /* of a hold */
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
    unsigned sync_ms;        /* between write and fdatasync at the most; 0: before each answer */
    uint64_t file_bytes_max; /* then the next number is begun */
    size_t turn_bytes_max;   /* of the records of one turn */
    const char *log;         /* the folder of the log over it; NULL: none */
};

/* Opens the newest file, or begins one; a torn tail (a crash's) is cut off and counted. The journal
 * is this process's until journal_close: another that opens it gets JOURNAL_ERR_OPEN and is told
 * so. JOURNAL_ERR_DAMAGED is a warning: the newest file is left as it is, the next one is begun and
 * *journal is open; `why` says so. It is damaged, or an older copy: the log has more of the journal
 * than is here, and would take nothing up to there; so the next file is another journal's. After
 * JOURNAL_ERR_OPEN *journal is NULL. */
enum journal_error journal_open(const struct journal_options *options, struct journal **journal,
                                struct buf *why);
/* Syncs and closes. What was appended and not written is dropped: its answers never left. */
void journal_close(struct journal **journal);

/* Copies a record into the turn's buffer. Texts longer than the limit are the caller's mistake
 * (CHECKed). */
enum journal_error journal_append(struct journal *journal, const struct journal_record *record);
/* Writes what was appended since the last call, whole or not at all. After JOURNAL_ERR_WRITE the
 * buffer is empty and the file as it was; the next call tries again. After a failed sync every call
 * fails, because the kernel forgets which pages it could not write. If there was no room (ENOSPC,
 * EDQUOT) what it did not vouch for is read back, written again and synced until that succeeds;
 * any other failure, or records that can't be read back, is for good, until the journal is opened
 * anew. A full file is followed by the next one, but not before the one before it is synced. With
 * sync_ms 0 what was written is durable when this returns JOURNAL_OK. */
enum journal_error journal_write(struct journal *journal);
/* Could a turn be written now? Writes what readers pass over, and cuts it off again. For who waits
 * for room and is asked nothing meanwhile. */
bool journal_try(struct journal *journal);

/* ---- what lies on disk ---- */

/* A loop's journal is one sequence of records through all its files, which has a name of its own
 * ("journal-<16 hexadecimal digits>-<loop>"): drawn when its first file is begun and kept in each
 * file's header, so that it is the same wherever the folder is copied or mounted, and another when
 * the sequence begins anew. In it a record has a position: the file's number << 40 | the octet in
 * the file. Files are of less than 2^40 octets, numbers below 2^24. */
#define JOURNAL_SOURCE_BYTES_MAX 48
static inline uint64_t journal_position(unsigned number, uint64_t octet)
{
    return (uint64_t)number << 40 | octet;
}
static inline unsigned journal_position_number(uint64_t position)
{
    return (unsigned)(position >> 40);
}
static inline uint64_t journal_position_octet(uint64_t position)
{
    return position & ((UINT64_C(1) << 40) - 1);
}
/* The parts of a file's name, which is exactly "journal-<loop>-<number, 8 digits>.jwbj"; false: it
 * is another. */
bool journal_file_name_read(const char *name, unsigned *loop_index, unsigned *number);
#define JOURNAL_FILE_NAME_BYTES_MAX 48
void journal_file_name_write(unsigned loop_index, unsigned number,
                             char name[JOURNAL_FILE_NAME_BYTES_MAX]);

/* Is this folder one of those before it in the list, named twice or by another path? Any thread. */
bool journal_folder_again(const char *const *folders, size_t i);

/* How far a loop's journal is written and synced: what lies before this position stays as it is
 * (but for records that are removed); what lies behind may yet be cut off. UINT64_MAX: no process
 * has it open, so that every whole record in it counts, synced or not; 0: it is only just being
 * opened. `folder` is a descriptor. JOURNAL_ERR_OPEN: errno says why. */
enum journal_error journal_progress(int folder, unsigned loop_index, uint64_t *position);

/* Reads a file record by record, for tools and recovery. The texts of a record are valid until the
 * next call. Only JOURNAL_OK, JOURNAL_ERR_OPEN (errno says why) and JOURNAL_ERR_DAMAGED; from
 * journal_reader_open the latter means that it is no journal of this version. A reader belongs to
 * one thread. */
struct journal_reader;
enum journal_error journal_reader_open(const char *path, struct journal_reader **reader);
/* The loop that wrote it, and the name of the journal that it is a file of. */
unsigned journal_reader_loop(const struct journal_reader *reader);
const char *journal_reader_source(const struct journal_reader *reader);
/* Where the record that was read last begins: octets of the file. */
uint64_t journal_reader_at(const struct journal_reader *reader);
/* Removed records are passed over. JOURNAL_OK with *end false: a record. With *end true: no more;
 * *torn_bytes is what a crash left. After JOURNAL_ERR_DAMAGED the next call goes on with the next
 * whole record. */
enum journal_error journal_reader_next(struct journal_reader *reader, struct journal_record *record,
                                       bool *end, uint64_t *torn_bytes);
void journal_reader_close(struct journal_reader **reader);

/* Removes what is due from a journal's file, also while a gateway writes it: `due` is asked for
 * each record that will stay where it is (journal_progress), and told its octet in the file; those
 * that it says are due become as many octets without content, synced when this returns. A process
 * that is killed in here may leave one of them half overwritten, which reads as damage.
 *
 * JOURNAL_ERR_OPEN or JOURNAL_ERR_WRITE: errno says why, and what was removed before stays so.
 * JOURNAL_ERR_DAMAGED: no journal of this version, or there was damage in between, which was left
 * as it is; the rest was done. */
enum journal_error journal_remove(const char *path,
                                  bool (*due)(void *context, const struct journal_record *record,
                                              uint64_t octet),
                                  void *context, uint64_t *removed);

struct journal_counters {
    _Atomic uint64_t records, writes, syncs, failures, torn_bytes;
    _Atomic uint64_t unsynced_us; /* age of the oldest write that no sync has covered; 0: none */
    _Atomic bool failing;         /* it can't be written: the last write or sync failed */
};
/* Any thread. unsynced_us and failing are as of this call. */
const struct journal_counters *journal_counters(const struct journal *journal);

#endif
