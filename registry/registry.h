/* The registry: holders, licences and their versions, holds, places in the status lists, change
 * numbers, catalogues. A replica of what the issuing authorities deliver (their systems are the
 * source of truth), plus enforcement's holds, which are its own. Personal fields are sealed and
 * found by keyed hash; neither the file nor its journal holds a name or a number.
 *
 * One `struct registry` per process: it owns the writer's thread. One `struct registry_reader` per
 * thread that reads. The embedded default is SQLite (WAL); behind this door PostgreSQL can answer
 * later, which is why reads say REGISTRY_NOW or REGISTRY_LATER. */
#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

#include "crypto/crypto.h"
#include "protocol/status.h"

struct registry;
struct registry_reader;
struct registry_client; /* registry/access.h */
struct registry_consent;
struct registry_access_request;
struct registry_action;    /* registry/action.h */
struct registry_objection; /* registry/issuing.h */
struct registry_scan;      /* registry/event.h */
struct registry_replay;    /* registry/event.h */

#define REGISTRY_ID_BYTES            16   /* random identifiers of licences and holders */
#define REGISTRY_REFERENCE_BYTES     32   /* how evidence names a licence */
#define REGISTRY_TEXT_BYTES_MAX      512  /* one text field of a licence */
#define REGISTRY_CODE_BYTES_MAX      63   /* a type's or an issuer's code */
#define REGISTRY_NUMBER_BYTES_MAX    32   /* a holder's number: 18 by GB 11643 and GB 32100 */
#define REGISTRY_CASE_BYTES_MAX      64   /* agency, case number, source */
#define REGISTRY_LICENCE_BYTES_MAX   4096 /* all texts of one licence, decrypted */
#define REGISTRY_HOLDER_LICENCES_MAX 100
#define REGISTRY_LISTS_MAX           256
#define REGISTRY_RUN_ID_BYTES        40
#define REGISTRY_BATCH_MAX           500 /* records of one import batch: about 20 ms of the lock */

enum registry_error {
    REGISTRY_OK = 0,
    REGISTRY_ERR_NOT_FOUND, /* the peer's: no such licence, holder, hold or place */
    REGISTRY_ERR_REFUSED,   /* the peer's: a rule forbids it, like a second hold of one case */
    REGISTRY_ERR_BUSY,      /* not now: locked by another process, queue full */
    REGISTRY_ERR_STORAGE,   /* ours: the disk, the file, the database's own error; no memory, no
                               randomness */
    REGISTRY_ERR_SEALED,    /* ours: a field does not open with this key, or the key is another's */
    REGISTRY_ERR_SCHEMA,    /* ours: a database of a newer version, or no registry */
};
const char *registry_error_text(enum registry_error error);

struct registry_options {
    const char *path;
    const uint8_t *secret; /* CRYPTO_SECRET_BYTES; sealing and finding keys are derived from it */
    const struct crypto_provider *crypto;
    enum crypto_cipher cipher; /* of a new registry; another one than it was made with is SEALED */
    bool create;               /* make the database when there is none */
    unsigned queue_max;        /* changes that may wait for the writer */
    unsigned busy_timeout_ms;  /* how long the writer waits for another process's lock */
    unsigned checkpoint_ms;    /* between passive WAL checkpoints, on a thread of their own */
};

/* Opens, brings the schema up to date, starts the writer. On failure *registry stays NULL and `why`
 * holds a sentence with the file's name. */
enum registry_error registry_open(const struct registry_options *options,
                                  struct registry **registry, struct buf *why);
/* Finishes what is queued, joins, closes. Readers must be gone. */
void registry_close(struct registry **registry);

/* ---- reading ---- */
struct registry_reader *registry_reader_create(struct registry *registry); /* NULL: ours */
void registry_reader_destroy(struct registry_reader **reader);

enum registry_holder_kind {
    HOLDER_PERSON = 0,
    HOLDER_ENTERPRISE = 1,
};

/* One licence as of one version. Views point into the query's storage. At the place of an old
 * version (`superseded`) holder, texts and dates are the licence's present ones, which nobody
 * displayed there; version, list, index and status are the place's. */
struct registry_licence {
    uint8_t id[REGISTRY_ID_BYTES]; /* what the interface calls `id`: never the identifier */
    /* SHA-256(salt || type's code || 0 || issuer's code || 0 || number): how evidence names it. The
     * salt, 32 octets, is kept here, and follows from the registry's secret and the rest; whoever
     * is shown it can check that. */
    uint8_t reference[REGISTRY_REFERENCE_BYTES];
    uint8_t holder_id[REGISTRY_ID_BYTES];
    enum registry_holder_kind holder_kind;
    uint16_t type, issuer, version;    /* indices of the catalogues; version counts from 1 */
    struct bytes type_code, type_name; /* "11210031100000...", "机动车驾驶证" */
    struct bytes issuer_code, issuer_name;
    struct bytes name;       /* ZZMC, the licence's own title */
    struct bytes number;     /* ZZBH */
    struct bytes identifier; /* ZZBS, may be empty */
    struct bytes holder_name, holder_number;
    int32_t issued_on, valid_from, valid_until; /* civil days; -1: not given, or long-term */
    enum licence_status issuer_status;
    enum licence_status status; /* effective: issuer's status and open holds, superseded included */
    int64_t status_since;       /* Unix seconds of the last change of the effective status */
    struct bytes hold_agency;   /* of the strictest open hold; empty: none */
    uint16_t list;
    uint32_t index;
    bool superseded; /* found by an old version's place */
    struct bytes source;
    uint64_t source_version;
    int64_t received_at; /* Unix seconds */
};

enum registry_when {
    REGISTRY_NOW,   /* `error` and the answer are set, `done` will not run */
    REGISTRY_LATER, /* `done` will run once, on the thread of the reader's loop, unless cancelled */
};

/* One lookup; the caller's storage. */
struct registry_query {
    /* asked: one of */
    enum {
        REGISTRY_BY_PLACE,  /* list, index: also an old version's place (status superseded) */
        REGISTRY_BY_ID,     /* id: the current version */
        REGISTRY_BY_NUMBER, /* text: a licence's number or identifier; NOT_FOUND, or REFUSED when
                               several licences have it */
    } by;
    uint16_t list;
    uint32_t index;
    uint8_t id[REGISTRY_ID_BYTES];
    struct bytes text;
    void (*done)(struct registry_query *query);
    void *context; /* the caller's */

    /* answered */
    enum registry_error error;
    struct registry_licence licence;
    uint8_t storage[REGISTRY_LICENCE_BYTES_MAX];
};
enum registry_when registry_find(struct registry_reader *reader, struct registry_query *query);

/* As what somebody acts for a licence. Stored and told in evidence: never renumber. */
#define REGISTRY_ACTINGS(A)                                                                        \
    A(HOLDER, "holder")                 /* it is his own */                                        \
    A(REPRESENTATIVE, "representative") /* legal representative of the enterprise: the issuer's */ \
    A(AGENT, "agent")                   /* of the enterprise, granted by it */                     \
    A(GUARDIAN, "guardian")             /* of the person, recorded by the authority */             \
    A(ENTRUSTED, "entrusted")           /* this one licence, by its holder */
enum registry_acting {
#define A(name, word) ACTING_##name,
    REGISTRY_ACTINGS(A)
#undef A
        ACTING_COUNT
};
const char *registry_acting_text(enum registry_acting acting);

/* Several licences (current versions); each is given to `each` in turn, before the call returns
 * when it is REGISTRY_NOW. At most REGISTRY_HOLDER_LICENCES_MAX; `more` says whether there were
 * more. */
struct registry_licences_query {
    enum {
        LICENCES_OF_PERSON, /* holder_id: his own, and those he may act for now */
        LICENCES_OF_HOLDER, /* holder_id: his own alone */
        LICENCES_OF_NUMBER, /* text: a licence's number or identifier, whosever it is */
    } by;
    uint8_t holder_id[REGISTRY_ID_BYTES];
    struct bytes text;
    /* acting: ACTING_HOLDER but for LICENCES_OF_PERSON. Where several fit, the first of the list
     * above. */
    void (*each)(struct registry_licences_query *query, const struct registry_licence *licence,
                 enum registry_acting acting);
    void (*done)(struct registry_licences_query *query);
    void *context;             /* the caller's */
    enum registry_error error; /* OK also when there are none; NOT_FOUND: no such holder */
    bool more;
};
enum registry_when registry_find_licences(struct registry_reader *reader,
                                          struct registry_licences_query *query);

/* May `person` act for this licence at `now`, and as what? REGISTRY_OK, NOT_FOUND (no), or ours.
 * Answers now; microseconds. */
enum registry_error registry_may_act(struct registry_reader *reader,
                                     const uint8_t person[REGISTRY_ID_BYTES],
                                     const struct registry_licence *licence, int64_t now,
                                     enum registry_acting *acting);
/* Every place that the licences of a person (his own and those of the enterprises he represents)
 * have now, and had before while they were theirs: whoever holds a licence after them is not told
 * of. *count in: room, out: how many there are, which may be more. */
struct registry_place {
    uint16_t list;
    uint32_t index;
    uint8_t licence[REGISTRY_ID_BYTES];
};
enum registry_error registry_places_of_person(struct registry_reader *reader,
                                              const uint8_t person[REGISTRY_ID_BYTES],
                                              struct registry_place *places, size_t *count);

/* The random id of a holder by citizen number or credit code, normalised as in records. Answers
 * now. */
enum registry_error registry_holder_id(struct registry_reader *reader, struct bytes number,
                                       uint8_t id[REGISTRY_ID_BYTES]);

/* ---- what the relay and the command line read; all answer now and may take milliseconds ---- */
struct registry_list {
    uint16_t list;
    uint64_t generation, seq; /* every change up to seq is committed; 0: none yet */
};
/* All lists at one moment; *count in: room, out: how many. */
enum registry_error registry_lists(struct registry_reader *reader, struct registry_list *lists,
                                   size_t *count);
struct registry_list_change {
    uint64_t seq;
    uint32_t index;
    uint8_t bits;
};
/* Changes of a list with number >= from, in order, gapless; *count in: room, out: how many. */
enum registry_error registry_list_changes(struct registry_reader *reader, uint16_t list,
                                          uint64_t from, struct registry_list_change *changes,
                                          size_t *count);
/* The whole array and the number it stands at, of one moment. */
enum registry_error registry_list_array(struct registry_reader *reader, uint16_t list,
                                        uint8_t array[STATUS_LIST_BYTES],
                                        struct registry_list *position);
/* A number that changes whenever another connection has committed: cheap, to be polled. */
enum registry_error registry_data_version(struct registry_reader *reader, uint32_t *version);

/* The outbox: for each list, the changes that Redis has not been told yet; a list that is all
 * relayed has no row. */
struct registry_outbox {
    uint16_t list;
    uint64_t first_seq, last_seq;
};
enum registry_error registry_outbox(struct registry_reader *reader, struct registry_outbox *rows,
                                    size_t *count);
/* Is everything up to seq of the list relayed? NOT_FOUND while it is not. */
enum registry_error registry_relayed(struct registry_reader *reader, uint16_t list, uint64_t seq);

/* The last Redis that was met, and since when (Unix seconds) its codes' single use can be vouched
 * for; NOT_FOUND when none was. One row, microseconds: a partner's check reads it on its loop. */
enum registry_error registry_redis_run(struct registry_reader *reader,
                                       char run_id[REGISTRY_RUN_ID_BYTES], int64_t *since);

/* The import_line last committed for a file; NOT_FOUND when there is none. */
enum registry_error registry_import_line(struct registry_reader *reader,
                                         const uint8_t file[CRYPTO_HASH_BYTES], uint64_t *line);

struct registry_counts {
    uint64_t holders, licences, places, open_holds, changes, outbox;
};
enum registry_error registry_count(struct registry_reader *reader, struct registry_counts *counts);

/* Catalogue entries, by index from 0; NOT_FOUND behind the last. Indices are never renumbered. */
struct registry_catalogue_entry {
    uint16_t index;
    char code[REGISTRY_CODE_BYTES_MAX + 1], name[REGISTRY_TEXT_BYTES_MAX + 1];
};
enum registry_error registry_licence_type(struct registry_reader *reader, uint16_t index,
                                          struct registry_catalogue_entry *entry);
enum registry_error registry_issuer(struct registry_reader *reader, uint16_t index,
                                    struct registry_catalogue_entry *entry);

/* ---- changing: one writer thread, group commit with full sync ---- */

/* One licence as an authority delivers it: normalised, UTF-8, borrowed for the call. Its identity
 * is (type_code, issuer_code, number). A type's or issuer's name is kept from the first record that
 * had the code. A representative other than the last version's becomes the enterprise's, and the
 * former one ends; a record that names none changes nothing in that. */
struct registry_record {
    struct bytes type_code, type_name, name, number, identifier;
    struct bytes issuer_code, issuer_name;
    struct bytes holder_name, holder_number; /* number: 18 characters, upper case */
    enum registry_holder_kind holder_kind;
    struct bytes representative_name, representative_number; /* of an enterprise; may be empty */
    int32_t issued_on, valid_from, valid_until;              /* -1: not given, or long-term */
    enum licence_status issuer_status;
    uint64_t source_version; /* a record with a lower one than the registry's is passed over */
};
enum registry_outcome {
    OUTCOME_ADDED,
    OUTCOME_NEW_VERSION, /* a face field or date changed: a fresh place, the old one superseded */
    OUTCOME_STATUS_CHANGED, /* only the issuer's status changed */
    OUTCOME_UNCHANGED,
    OUTCOME_OLDER, /* the registry has a newer source version */
    OUTCOME_COUNT,
};

/* Who changes something, and why: kept with its event, for evidence. Texts of at most 64 octets,
 * borrowed as the change is; what is not given is empty, and role TOKEN_ROLE_ANYBODY then means
 * that the system itself did it. */
struct registry_actor {
    unsigned role;        /* enum token_role */
    uint64_t request_id;  /* 0: no request's */
    struct bytes subject; /* as in a token; of an operator, his name on the machine */
    struct bytes client;
    struct bytes purpose, reference; /* where the kind of change does not say its own */
    uint8_t acting;                  /* of a holder's change: enum registry_acting */
};

enum registry_change_kind {
    CHANGE_HOLD_PLACE,     /* licence, hold_kind, agency, case_number */
    CHANGE_HOLD_LIFT,      /* licence, agency, case_number: closes only that case's hold */
    CHANGE_ISSUER_STATUS,  /* licence, status */
    CHANGE_IMPORT,         /* records, outcomes, source: one transaction */
    CHANGE_AGENT_GRANT,    /* holder, agent: holder ids; until: Unix seconds, 0 open. An agent of an
                              enterprise, a guardian of a person. issuer: for whose licences, or
                              empty: for all. id: told */
    CHANGE_AGENT_END,      /* holder, agent: ends all that AGENT_GRANT granted. id: told, of one */
    CHANGE_ENTRUST,        /* licence, holder, agent, until: the holder (a person) entrusts it. id:
                              told. NOT_FOUND when the licence is that holder's no more */
    CHANGE_MANDATE_END,    /* id, of a granted or entrusted one; REFUSED for a representative's */
    CHANGE_CLIENT_ADD,     /* client; REFUSED when its id was ever taken */
    CHANGE_CLIENT_DISABLE, /* text: a client's id; for good */
    CHANGE_CLIENT_KEY,     /* text: a client's id; client->keys[0]; the one before is good until
                              `until`, at once no longer when that is 0 */
    CHANGE_CLIENT_REGISTER,  /* text: a client's id; client->keys[0]: its first key. REFUSED when it
                               has one; NOT_FOUND also when it is disabled */
    CHANGE_SHUT_OUT,         /* role, text: a person's subject */
    CHANGE_LET_IN,           /* role, text */
    CHANGE_CONSENT_GIVE,     /* consent: all but id, since and withdrawn; holder: whose the licence
                                is, else NOT_FOUND. id: told. One for the same licence, partner and
                                purpose ends with it */
    CHANGE_CONSENT_WITHDRAW, /* id; NOT_FOUND when it is not in force any more */
    CHANGE_ACCESS_SUBMIT,    /* request: system to legal_basis, due_on. id: told */
    CHANGE_ACCESS_DECIDE, /* request: id, state, decided_by, reason, expires_at; REFUSED when it is
                             decided already */
    CHANGE_ACT,           /* action */
    CHANGE_ACTION_DECIDE, /* id, decision, issuer, text */
    CHANGE_ESCALATE,      /* now; seq: told, how many */
    CHANGE_OBJECT,        /* objection; id: told */
    CHANGE_OBJECTION_STATE, /* id, objection_state, issuer, text */
    CHANGE_DELIVERY,        /* id, delivery_state, until, text */
    CHANGE_DELIVERY_RETRY,  /* id */
    CHANGE_WEBHOOK,         /* text, url */
    CHANGE_SCANS,           /* scans, scan_count, agency */
    CHANGE_NOTE,            /* event_kind: an event alone */
    CHANGE_RECONCILE,       /* replay */
    CHANGE_RELAYED,         /* list, seq: Redis knows every change up to here */
    CHANGE_REDIS_RUN,       /* run_id, since */
    CHANGE_RESTORED,        /* a new generation for every list: after a restore from a backup */
};
struct registry_change {
    enum registry_change_kind kind;
    uint8_t licence[REGISTRY_ID_BYTES];
    enum hold_kind hold_kind;
    struct registry_actor actor;
    struct bytes agency, case_number; /* 1 to 64 bytes each */
    enum licence_status status;
    const struct registry_record *records; /* at most REGISTRY_BATCH_MAX */
    enum registry_outcome *outcomes;       /* as many */
    size_t record_count;
    struct bytes source; /* 1 to REGISTRY_CASE_BYTES_MAX */
    /* import: up to which line of which file (a hash of the importer's choice) all is in, kept by
     * the same transaction; line 0: nothing is kept */
    uint8_t import_file[CRYPTO_HASH_BYTES];
    uint64_t import_line;
    uint64_t rejected, warnings; /* import: of the lines before these records, for the quality */
    struct bytes record_id;      /* import of one record: the authority's own id, or empty */
    uint8_t holder[REGISTRY_ID_BYTES], agent[REGISTRY_ID_BYTES];
    int64_t until;
    struct bytes text;
    unsigned role;                        /* enum token_role */
    const struct registry_client *client; /* registry/access.h */
    const struct registry_consent *consent;
    const struct registry_access_request *request;
    struct registry_action *action; /* asked and told */
    const struct registry_objection *objection;
    struct registry_scan *scans; /* asked and told; at most REGISTRY_SCANS_MAX */
    size_t scan_count;
    struct registry_replay *replay;
    unsigned decision; /* enum action_decision */
    unsigned objection_state, delivery_state, event_kind;
    struct bytes issuer, url;
    uint8_t id[REGISTRY_ID_BYTES]; /* told for what is made, asked for what is ended */
    uint16_t list;
    uint64_t seq;
    char run_id[REGISTRY_RUN_ID_BYTES];
    int64_t since;
    int64_t now; /* Unix seconds, the moment of the change; 0: the wall clock's */

    /* Runs once on the writer's thread, after the commit or the failure: posts to a loop. */
    void (*complete)(struct registry_change *change);
    void *context; /* the caller's */

    /* answered */
    enum registry_error error;
    const char *refusal;           /* with REFUSED: a sentence, static */
    enum licence_status effective; /* of the licence after the change */
    struct {
        uint16_t list;
        uint64_t seq;
    } place_change; /* hold, action, status: the change's number in its list; seq 0: no bits changed
                     */
    uint64_t event; /* the number of its last event; 0: it has none */

    struct registry_change *next; /* the writer's */
};
/* Hands a change to the writer; it and all it points to stay the writer's until `complete`. False
 * when the queue is full. Any thread. */
bool registry_submit(struct registry *registry, struct registry_change *change);
/* Submits and waits for the commit; not on a loop. `complete` is not called. */
enum registry_error registry_commit(struct registry *registry, struct registry_change *change);

/* ---- counters; any thread (relaxed) ---- */
struct registry_counters {
    _Atomic uint64_t commits, changes, failures;
    _Atomic uint64_t waiting; /* now */
};
const struct registry_counters *registry_counters(const struct registry *registry);

#endif
