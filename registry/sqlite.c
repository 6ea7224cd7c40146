/* Connections, how they bring the schema up to date, and the few calls of SQLite that the rest is
 * written in. Nothing here knows what a change or a read means. */
#include "registry/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"

#define APPLICATION_ID 0x4a574252 /* "JWBR" */
#define WAL_LONG_PAGES 16384    /* 64 MiB: longer than passive checkpoints leave it but in a rush */
#define CACHE_WRITER   "-65536" /* KiB: the random pages of an import's keyed hashes */
#define CACHE_READER   "-8192"

static const char KEY_CHECK_TABLE[] = "key_check";
static const char KEY_CHECK_TEXT[] = "this is the key";

static const char *const CIPHER_NAMES[] = {
    [CRYPTO_AES_256_GCM] = "aes-256-gcm",
    [CRYPTO_SM4_CTR_HMAC_SM3] = "sm4-ctr-hmac-sm3",
};
#define CIPHER_COUNT (int64_t)(sizeof CIPHER_NAMES / sizeof *CIPHER_NAMES)

/* ---- errors, statements ---- */

static enum registry_error error_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
        return REGISTRY_OK;
    case SQLITE_DONE:
        return REGISTRY_ERR_NOT_FOUND;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return REGISTRY_ERR_BUSY;
    }
    return REGISTRY_ERR_STORAGE;
}

void sqlite_bind_int(struct sqlite3_stmt *statement, int at, int64_t value)
{
    CHECK(sqlite3_bind_int64(statement, at, value) == SQLITE_OK);
}

void sqlite_bind_blob(struct sqlite3_stmt *statement, int at, struct bytes value)
{
    CHECK(sqlite3_bind_blob(statement, at, value.data, (int)value.len, SQLITE_STATIC) == SQLITE_OK);
}

void sqlite_bind_text(struct sqlite3_stmt *statement, int at, struct bytes value)
{
    const char *text = value.data ? (const char *)value.data : "";
    CHECK(sqlite3_bind_text(statement, at, text, (int)value.len, SQLITE_STATIC) == SQLITE_OK);
}

enum registry_error sqlite_step(struct sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    if (code != SQLITE_ROW)
        sqlite3_reset(statement);
    return error_of(code);
}

enum registry_error sqlite_run(struct sqlite3_stmt *statement)
{
    enum registry_error error = sqlite_step(statement);
    if (error == REGISTRY_OK)
        sqlite3_reset(statement);
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

int64_t sqlite_column_int(struct sqlite3_stmt *statement, int column)
{
    return sqlite3_column_int64(statement, column);
}

struct bytes sqlite_column_bytes(struct sqlite3_stmt *statement, int column)
{
    const void *data = sqlite3_column_blob(statement, column);
    return bytes_of(data, data ? (size_t)sqlite3_column_bytes(statement, column) : 0);
}

bool sqlite_column_id(struct sqlite3_stmt *statement, int column, uint8_t id[REGISTRY_ID_BYTES])
{
    struct bytes bytes = sqlite_column_bytes(statement, column);
    if (bytes.len != REGISTRY_ID_BYTES)
        return false;
    memcpy(id, bytes.data, REGISTRY_ID_BYTES);
    return true;
}

void sqlite_reset(struct sqlite3_stmt *statement)
{
    sqlite3_reset(statement);
}

bool sqlite_changed(const struct sqlite_connection *c)
{
    return sqlite3_changes(c->db) != 0;
}

enum registry_error sqlite_in_place(const struct sqlite_connection *c)
{
    int moved = 0;
    int code = sqlite3_file_control(c->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return code == SQLITE_OK && !moved ? REGISTRY_OK : REGISTRY_ERR_STORAGE;
}

const char *sqlite_message(const struct sqlite_connection *c)
{
    return sqlite3_errmsg(c->db);
}

enum registry_error sqlite_exec(struct sqlite_connection *c, const char *text)
{
    return error_of(sqlite3_exec(c->db, text, NULL, NULL, NULL));
}

enum registry_error sqlite_prepare(struct sqlite_connection *c, const char *const *texts,
                                   size_t count)
{
    if (!c->statements) {
        c->statements = calloc(count, sizeof *c->statements);
        if (!c->statements)
            return REGISTRY_ERR_STORAGE;
        c->statement_count = count;
    }
    CHECK(c->statement_count == count);
    int code = SQLITE_OK;
    for (size_t i = 0; i < count && code == SQLITE_OK; i++)
        if (texts[i])
            code = sqlite3_prepare_v3(c->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &c->statements[i], NULL);
    return error_of(code);
}

void sqlite_close(struct sqlite_connection *c)
{
    for (size_t i = 0; i < c->statement_count; i++)
        sqlite3_finalize(c->statements[i]);
    free(c->statements);
    CHECK(sqlite3_close(c->db) == SQLITE_OK);
    seal_fini(&c->seal);
    *c = (struct sqlite_connection){0};
}

/* The first column of a query's first row. */
static enum registry_error ask_int(struct sqlite_connection *c, const char *text, int64_t *value)
{
    struct sqlite3_stmt *statement;
    enum registry_error error = error_of(sqlite3_prepare_v2(c->db, text, -1, &statement, NULL));
    if (!error)
        error = sqlite_step(statement);
    if (!error)
        *value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return error;
}

/* ---- opening ---- */

/* SQLite's own handler sleeps up to 100 ms and so never gets in between the batches of an import.
 */
static int wait_for_lock(void *context, int tries)
{
    struct sqlite_connection *c = context;
    if (tries == 0)
        c->waiting_since_us = clock_mono_us();
    if (clock_mono_us() - c->waiting_since_us >= (uint64_t)c->busy_timeout_ms * 1000)
        return 0;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return 1;
}

static enum registry_error explain(struct buf *why, const struct sqlite_store *store,
                                   enum registry_error error, const char *sentence)
{
    buf_printf(why, "%s: %s", store->path, sentence);
    return error;
}

static enum registry_error explain_sqlite(struct buf *why, const struct sqlite_store *store,
                                          struct sqlite_connection *c, enum registry_error error)
{
    return explain(why, store, error, c->db ? sqlite3_errmsg(c->db) : registry_error_text(error));
}

static enum registry_error explain_cipher(struct buf *why, const struct sqlite_store *store,
                                          int64_t made_with)
{
    if (made_with < 0 || made_with >= CIPHER_COUNT)
        return explain(why, store, REGISTRY_ERR_SCHEMA, "sealed with a cipher this program lacks");
    buf_printf(why, "%s: made with %s, which registry.cipher must name, not %s", store->path,
               CIPHER_NAMES[made_with], CIPHER_NAMES[store->cipher]);
    return REGISTRY_ERR_SEALED;
}

/* SQLite would make the file readable for everybody; it gives its journal the same mode. */
static void make_file(const char *path)
{
    int file = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0640);
    if (file >= 0)
        close(file); /* just made: no lock of this process is on it that closing would drop */
}

/* Setting WAL mode does not always ask the busy handler; another process may be opening too. */
static enum registry_error set_wal(struct sqlite_connection *c)
{
    enum registry_error error;
    int tries = 0;
    while ((error = sqlite_exec(c, "PRAGMA journal_mode = WAL")) == REGISTRY_ERR_BUSY &&
           wait_for_lock(c, tries))
        tries++;
    return error;
}

static enum registry_error put_key_check(struct sqlite_connection *c, enum crypto_cipher cipher)
{
    uint8_t id[REGISTRY_ID_BYTES], storage[sizeof KEY_CHECK_TEXT + SEAL_OVERHEAD_BYTES];
    struct buf sealed = BUF_OVER(storage);
    struct sqlite3_stmt *statement;
    enum registry_error error = seal_random(&c->seal, id, sizeof id);
    if (!error)
        error = seal_close(&c->seal, KEY_CHECK_TABLE, id, bytes_str(KEY_CHECK_TEXT), &sealed);
    if (error)
        return error;
    error = error_of(
        sqlite3_prepare_v2(c->db, "INSERT INTO key_check VALUES (?, ?, ?)", -1, &statement, NULL));
    if (!error) {
        sqlite_bind_blob(statement, 1, bytes_of(id, sizeof id));
        sqlite_bind_blob(statement, 2, buf_bytes(&sealed));
        sqlite_bind_int(statement, 3, cipher);
        error = sqlite_run(statement);
    }
    sqlite3_finalize(statement);
    return error;
}

/* SEALED: the database was made with another key. */
static enum registry_error check_key(struct sqlite_connection *c)
{
    uint8_t id[REGISTRY_ID_BYTES], storage[sizeof KEY_CHECK_TEXT + SEAL_OVERHEAD_BYTES];
    struct buf plain = BUF_OVER(storage);
    struct sqlite3_stmt *statement;
    enum registry_error error = error_of(
        sqlite3_prepare_v2(c->db, "SELECT id, sealed FROM key_check", -1, &statement, NULL));
    if (!error)
        error = sqlite_step(statement);
    if (!error && !sqlite_column_id(statement, 0, id))
        error = REGISTRY_ERR_SEALED;
    if (!error)
        error = seal_open(&c->seal, KEY_CHECK_TABLE, id, sqlite_column_bytes(statement, 1), &plain);
    sqlite3_finalize(statement);
    return error;
}

/* 0: nothing there yet. */
static enum registry_error read_version(struct sqlite_connection *c, int64_t *version)
{
    int64_t tables = 0;
    enum registry_error error =
        ask_int(c, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'", &tables);
    *version = 0;
    if (!error && tables)
        error = ask_int(c, "SELECT max(version) FROM schema_version", version);
    return error;
}

/* Inside a transaction that has the lock. */
static enum registry_error migrate(struct sqlite_connection *c, enum crypto_cipher cipher)
{
    int64_t version = 0;
    enum registry_error error = read_version(c, &version);
    bool fresh = version == 0;
    for (; !error && version < sqlite_schema_version; version++) {
        char note[96];
        struct buf text = BUF_OVER(note);
        buf_printf(&text, "INSERT INTO schema_version VALUES (%d, %lld)", (int)version + 1,
                   (long long)clock_wall_s());
        error = sqlite_exec(c, sqlite_migrations[version]);
        if (!error)
            error = sqlite_exec(c, buf_cstr(&text));
    }
    if (!error && fresh) {
        char mark[64];
        struct buf text = BUF_OVER(mark);
        buf_printf(&text, "PRAGMA application_id = %d", APPLICATION_ID);
        error = sqlite_exec(c, buf_cstr(&text));
        if (!error)
            error = put_key_check(c, cipher);
    }
    return error;
}

static enum registry_error bring_up_to_date(struct sqlite_connection *c,
                                            const struct sqlite_store *store, bool create,
                                            struct buf *why)
{
    int64_t application = 0, tables = 0, version = 0;
    enum registry_error error = ask_int(c, "PRAGMA application_id", &application);
    if (!error)
        error = ask_int(c, "SELECT count(*) FROM sqlite_schema", &tables);
    if (!error)
        error = read_version(c, &version);
    if (error)
        return explain_sqlite(why, store, c, error);
    if (tables && application != APPLICATION_ID)
        return explain(why, store, REGISTRY_ERR_SCHEMA, "a database, but no registry");
    if (version > sqlite_schema_version)
        return explain(why, store, REGISTRY_ERR_SCHEMA,
                       "a registry of a newer version of this program");
    if (!tables && !create)
        return explain(why, store, REGISTRY_ERR_STORAGE, "an empty file, no registry");

    error = set_wal(c); /* a copy made by VACUUM INTO is not in this mode */
    if (!error && version == sqlite_schema_version)
        return REGISTRY_OK;
    if (!error)
        error = sqlite_begin(c);
    if (!error)
        error = migrate(c, store->cipher);
    if (!error)
        error = sqlite_commit(c);
    if (error) {
        explain_sqlite(why, store, c, error);
        sqlite_rollback(c);
    }
    return error;
}

static enum registry_error connect_to(struct sqlite_connection *c, const struct sqlite_store *store,
                                      int flags)
{
    *c = (struct sqlite_connection){.busy_timeout_ms = store->busy_timeout_ms};
    return error_of(sqlite3_open_v2(store->path, &c->db, flags | SQLITE_OPEN_NOMUTEX, NULL));
}

enum registry_error sqlite_open(struct sqlite_connection *c, const struct sqlite_store *store,
                                bool create, struct buf *why)
{
    int64_t cipher = 0;
    if (create)
        make_file(store->path);
    enum registry_error error = connect_to(c, store, SQLITE_OPEN_READWRITE);
    if (!error && sqlite3_db_readonly(c->db, "main")) /* SQLite opens it all the same */
        return explain(why, store, REGISTRY_ERR_STORAGE, "can't be written by this user");
    if (!error)
        error = error_of(sqlite3_busy_handler(c->db, wait_for_lock, c));
    if (!error) /* FULL: a commit is on the disk when it returns. MEMORY: no temporary files */
        error = sqlite_exec(c, "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                               "PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON;"
                               "PRAGMA cache_size = " CACHE_WRITER);
    if (error)
        return explain_sqlite(why, store, c, error);
    if (seal_init(&c->seal, store->crypto, store->cipher, store->secret))
        return explain(why, store, REGISTRY_ERR_STORAGE, "no memory for its keys");
    error = bring_up_to_date(c, store, create, why);
    if (error)
        return error;
    error = ask_int(c, "SELECT cipher FROM key_check", &cipher);
    if (!error && cipher != (int64_t)store->cipher)
        return explain_cipher(why, store, cipher);
    if (!error)
        error = check_key(c);
    if (error == REGISTRY_ERR_SEALED)
        return explain(why, store, error, "made with another secret than this one");
    if (error == REGISTRY_ERR_NOT_FOUND)
        return explain(why, store, REGISTRY_ERR_STORAGE, "its key check is missing");
    return error ? explain_sqlite(why, store, c, error) : REGISTRY_OK;
}

enum registry_error sqlite_open_reading(struct sqlite_connection *c,
                                        const struct sqlite_store *store)
{
    enum registry_error error = connect_to(c, store, SQLITE_OPEN_READONLY);
    if (!error)
        error = sqlite_exec(c, "PRAGMA cache_size = " CACHE_READER);
    return error ? error : seal_init(&c->seal, store->crypto, store->cipher, store->secret);
}

/* ---- transactions and the log ---- */

enum registry_error sqlite_begin(struct sqlite_connection *c)
{
    enum registry_error error = sqlite_in_place(c);
    return error ? error : sqlite_exec(c, "BEGIN IMMEDIATE");
}

enum registry_error sqlite_commit(struct sqlite_connection *c)
{
    return sqlite_exec(c, "COMMIT");
}

void sqlite_rollback(struct sqlite_connection *c)
{
    if (!sqlite3_get_autocommit(c->db)) /* SQLite rolls back by itself after some errors */
        sqlite_exec(c, "ROLLBACK");
}

bool sqlite_in_transaction(const struct sqlite_connection *c)
{
    return !sqlite3_get_autocommit(c->db);
}

enum registry_error sqlite_checkpoint(struct sqlite_connection *c)
{
    int pages = 0;
    int code = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, NULL);
    if (code == SQLITE_OK && pages > WAL_LONG_PAGES)
        code = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    return error_of(code);
}
