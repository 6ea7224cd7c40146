/* Private to the room: the embedded default, SQLite in WAL mode. What every connection shares
 * (sqlite.c, sqlite_schema.c), the changes inside a transaction (sqlite_change.h) and the reads
 * (sqlite_read.h). sqlite3.h stands in sqlite.c only. */
#ifndef REGISTRY_SQLITE_H
#define REGISTRY_SQLITE_H

#include "registry/seal.h"

struct sqlite3;
struct sqlite3_stmt;

/* Which file, under which secret; owned by the registry, outlives every connection. */
struct sqlite_store {
    char *path;
    uint8_t secret[CRYPTO_SECRET_BYTES];
    const struct crypto_provider *crypto;
    enum crypto_cipher cipher;
    unsigned busy_timeout_ms;
};
const struct sqlite_store *registry_store(const struct registry *registry); /* writer.c */

/* ---- one connection, used by one thread at a time ---- */
struct sqlite_connection {
    struct sqlite3 *db;
    struct seal seal;
    struct sqlite3_stmt **statements; /* at the indices of the texts they were prepared from */
    size_t statement_count;
    unsigned busy_timeout_ms;
    uint64_t waiting_since_us;
};

/* sqlite_schema.c: what brings the schema from version n to n + 1, by n from 0. */
extern const char *const sqlite_migrations[];
extern const int64_t sqlite_schema_version; /* how many; the present version */

/* Makes or migrates the database, says in `why` what is wrong with it. The connection may write. */
enum registry_error sqlite_open(struct sqlite_connection *c, const struct sqlite_store *store,
                                bool create, struct buf *why);
/* Read-only, and never waits. */
enum registry_error sqlite_open_reading(struct sqlite_connection *c,
                                        const struct sqlite_store *store);
/* Prepares those of the texts that are there, each at its own index. Several files may bring
 * theirs, one after the other: `count` is that of all. */
enum registry_error sqlite_prepare(struct sqlite_connection *c, const char *const *texts,
                                   size_t count);
/* Also of one that was never opened but is zero. */
void sqlite_close(struct sqlite_connection *c);
/* A statement without answer or parameters. */
enum registry_error sqlite_exec(struct sqlite_connection *c, const char *text);
/* Copies the log into the database as far as readers allow, without waiting for anybody, unless the
 * log has grown long: then it makes the next writer start it anew, which may wait for both. */
enum registry_error sqlite_checkpoint(struct sqlite_connection *c);

/* ---- one statement: bind, step, read columns, reset ---- */
/* Blobs and texts are borrowed until the statement is reset; NULL data binds NULL. */
void sqlite_bind_int(struct sqlite3_stmt *statement, int at, int64_t value);
void sqlite_bind_blob(struct sqlite3_stmt *statement, int at, struct bytes value);
void sqlite_bind_text(struct sqlite3_stmt *statement, int at, struct bytes value);
/* OK: there is a row. NOT_FOUND: no more; the statement is reset then, and after an error. */
enum registry_error sqlite_step(struct sqlite3_stmt *statement);
/* Steps once and resets; for what has no answer: OK when it was done. */
enum registry_error sqlite_run(struct sqlite3_stmt *statement);
int64_t sqlite_column_int(struct sqlite3_stmt *statement, int column);
/* Valid until the next step or reset. */
struct bytes sqlite_column_bytes(struct sqlite3_stmt *statement, int column);
/* False when the column is not of that length. */
bool sqlite_column_id(struct sqlite3_stmt *statement, int column, uint8_t id[REGISTRY_ID_BYTES]);
void sqlite_reset(struct sqlite3_stmt *statement);
/* Whether the last statement that was run changed a row. */
bool sqlite_changed(const struct sqlite_connection *c);
/* STORAGE when another file, or none, now stands where the connection's was: what is said here is
 * no longer the registry's. One stat. */
enum registry_error sqlite_in_place(const struct sqlite_connection *c);
/* What SQLite says about the connection's last error. */
const char *sqlite_message(const struct sqlite_connection *c);

/* ---- what reads and changes both know ---- */
#define SEAL_LICENCE  "licence" /* tables of sealed text */
#define SEAL_HOLDER   "holder"
#define SEAL_ACTION   "action"
#define SEAL_DECISION "action decision"
#define KEY_HOLDER    "holder number" /* domains of keyed hashes */
#define KEY_LICENCE   "licence number"
#define KEY_SALT      "licence salt"
#define KEY_ACTION    "action key"

#define LICENCE_SALT_BYTES 32 /* of its reference */

/* The sealed text of a licence, in this order; each is two octets of length and the text. */
enum licence_text {
    TEXT_NAME,
    TEXT_NUMBER,
    TEXT_IDENTIFIER,
    TEXT_HOLDER_NAME,
    TEXT_REPRESENTATIVE_NAME,
    TEXT_REPRESENTATIVE_NUMBER,
    TEXT_COUNT,
};
#define LICENCE_TEXTS_BYTES_MAX (TEXT_COUNT * (2 + REGISTRY_TEXT_BYTES_MAX))
bool licence_texts_read(struct bytes plain, struct bytes texts[TEXT_COUNT]);

/* An action, from a row that begins with these columns. */
#define ACTION_COLUMNS                                                                             \
    "SELECT a.id, l.id, a.kind, a.agency, a.case_number, a.officer, a.terminal, a.reason,"         \
    " a.evidence_hash, a.due_at, a.key, a.body, a.at, a.state, a.decided_at, a.decided_by,"        \
    " a.decision_reason, a.effective, a.event, a.hold, i.code FROM action a"                       \
    " JOIN licence l ON l.licence = a.licence JOIN issuer i ON i.issuer = a.issuer"
#define ACTION_COLUMN_HOLD   19
#define ACTION_COLUMN_ISSUER 20
enum registry_error action_read(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                struct registry_action *action);

/* A status is stored as the issuers' two-digit code; false for a code that is none. */
bool licence_status_of_code(int64_t code, enum licence_status *status);

/* ---- the writer's transactions; one thread ---- */
enum registry_error sqlite_change_open(struct sqlite_connection *c,
                                       const struct sqlite_store *store, bool create,
                                       struct buf *why);
enum registry_error sqlite_begin(struct sqlite_connection *c);
/* Applies the change and sets its answers: all of it or nothing, under a savepoint. An import has
 * none, which would be as much written again as the import itself: it must be alone in its
 * transaction, and after an error nothing is left to commit. *lost: an error took the whole
 * transaction with it. */
enum registry_error sqlite_apply(struct sqlite_connection *c, struct registry_change *change,
                                 bool *lost);
enum registry_error sqlite_commit(struct sqlite_connection *c);
void sqlite_rollback(struct sqlite_connection *c);
/* False also when an error of SQLite's ended one that was begun. */
bool sqlite_in_transaction(const struct sqlite_connection *c);

#endif
