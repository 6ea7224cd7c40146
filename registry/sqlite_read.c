/* The reads of licences, lists and catalogues: one read-only connection per thread, persistent
 * statements, no waiting. Every answer comes before the call returns. */
#include "registry/sqlite_read.h"

#include <stdlib.h>

static const char *const texts[R_COUNT] = {
    [R_BY_PLACE] = LICENCE_COLUMNS(
        "p.version", "p.list", "p.place",
        "p.superseded_at") " FROM place p JOIN licence l ON l.licence = p.licence" LICENCE_JOINS
                           " WHERE p.list = ? AND p.place = ?",
    [R_BY_ID] = LICENCE_COLUMNS_PRESENT " FROM licence l" LICENCE_JOINS " WHERE l.id = ?",
    [R_BY_NUMBER] = LICENCE_COLUMNS_PRESENT FROM_NUMBER("2"),

    [R_LISTS] = "SELECT list, generation, seq FROM list ORDER BY list LIMIT ?",
    [R_LIST] = "SELECT list, generation, seq FROM list WHERE list = ?",
    [R_CHANGES] = "SELECT seq, place, bits FROM change WHERE list = ? AND seq >= ?"
                  " ORDER BY seq LIMIT ?",
    [R_BITS] = "SELECT place, bits FROM place WHERE list = ?1 AND bits <> 0"
               " UNION ALL SELECT place, 3 FROM lost_place WHERE list = ?1",
    [R_DATA_VERSION] = "PRAGMA data_version",
    [R_OUTBOX] = "SELECT list, relayed + 1, seq FROM list WHERE seq > relayed ORDER BY list"
                 " LIMIT ?",
    [R_RELAYED] = "SELECT 1 FROM list WHERE list = ? AND relayed >= ?",
    [R_REDIS_RUN] = "SELECT run_id, since FROM redis_run",
    [R_IMPORT_LINE] = "SELECT line FROM import_progress WHERE file = ?",
    /* holders and licences are never deleted, so the last row's number is how many there are */
    [R_COUNTS] = "SELECT (SELECT max(holder) FROM holder), (SELECT max(licence) FROM licence),"
                 " (SELECT count(*) FROM hold WHERE lifted IS NULL),"
                 " sum(used), sum(seq), sum(seq - relayed) FROM list",
    [R_TYPE] = "SELECT code, name FROM licence_type WHERE type = ?",
    [R_ISSUER] = "SELECT code, name FROM issuer WHERE issuer = ?",
};

struct registry_reader *registry_reader_create(struct registry *registry)
{
    struct registry_reader *reader = calloc(1, sizeof *reader);
    if (reader && (sqlite_open_reading(&reader->c, registry_store(registry)) ||
                   sqlite_prepare(&reader->c, texts, R_COUNT) ||
                   sqlite_prepare(&reader->c, person_texts, R_COUNT) ||
                   sqlite_prepare(&reader->c, access_texts, R_COUNT) ||
                   sqlite_prepare(&reader->c, event_texts, R_COUNT) ||
                   sqlite_prepare(&reader->c, action_texts, R_COUNT) ||
                   sqlite_prepare(&reader->c, outbox_texts, R_COUNT) ||
                   sqlite_prepare(&reader->c, objection_texts, R_COUNT) ||
                   sqlite_prepare(&reader->c, digest_texts, R_COUNT) ||
                   sqlite_prepare(&reader->c, quality_texts, R_COUNT)))
        registry_reader_destroy(&reader);
    return reader;
}

void registry_reader_destroy(struct registry_reader **reader)
{
    if (*reader)
        sqlite_close(&(*reader)->c);
    free(*reader);
    *reader = NULL;
}

bool row_copy_text(struct sqlite3_stmt *row, int column, char *text, size_t size)
{
    struct buf out;
    buf_init(&out, text, size);
    buf_put(&out, sqlite_column_bytes(row, column));
    buf_cstr(&out);
    return buf_ok(&out);
}

enum registry_error row_finish(struct sqlite3_stmt *row, enum registry_error error)
{
    sqlite_reset(row);
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

/* ---- licences ---- */

/* Copies a column's text behind what is in `storage`; the view stays good when the row is gone. */
static struct bytes keep_text(struct buf *storage, struct sqlite3_stmt *row, int column)
{
    struct bytes text = sqlite_column_bytes(row, column);
    struct bytes kept = bytes_of(storage->data + storage->len, text.len);
    buf_put(storage, text);
    return kept;
}

/* Opens a sealed column behind what is in `storage`. */
static enum registry_error open_text(struct sqlite_connection *c, struct buf *storage,
                                     struct sqlite3_stmt *row, int column, const char *table,
                                     const uint8_t id[REGISTRY_ID_BYTES], struct bytes *text)
{
    size_t from = storage->len;
    enum registry_error error =
        seal_open(&c->seal, table, id, sqlite_column_bytes(row, column), storage);
    if (!error)
        *text = bytes_of(storage->data + from, storage->len - from);
    return error;
}

enum registry_error licence_reference(const struct sqlite_connection *c, struct bytes salt,
                                      struct bytes type_code, struct bytes issuer_code,
                                      struct bytes number,
                                      uint8_t reference[REGISTRY_REFERENCE_BYTES])
{
    const struct bytes zero = bytes_of("", 1);
    const struct bytes parts[] = {salt, type_code, zero, issuer_code, zero, number};
    if (salt.len != LICENCE_SALT_BYTES)
        return REGISTRY_ERR_STORAGE;
    return c->seal.crypto->sha256(parts, sizeof parts / sizeof parts[0], reference)
               ? REGISTRY_ERR_STORAGE
               : REGISTRY_OK;
}

enum registry_error licence_reference_read(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                           const uint8_t id[REGISTRY_ID_BYTES], int at,
                                           uint8_t reference[REGISTRY_REFERENCE_BYTES])
{
    uint8_t storage[LICENCE_TEXTS_BYTES_MAX];
    struct buf plain = BUF_OVER(storage);
    struct bytes parts[TEXT_COUNT];
    enum registry_error error =
        seal_open(&c->seal, SEAL_LICENCE, id, sqlite_column_bytes(row, at + 1), &plain);
    if (!error && !licence_texts_read(buf_bytes(&plain), parts))
        error = REGISTRY_ERR_SEALED;
    return error
               ? error
               : licence_reference(c, sqlite_column_bytes(row, at),
                                   sqlite_column_bytes(row, at + 2),
                                   sqlite_column_bytes(row, at + 3), parts[TEXT_NUMBER], reference);
}

static enum registry_error read_texts(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                      struct registry_licence *l, struct buf *storage)
{
    struct bytes plain, parts[TEXT_COUNT];
    enum registry_error error = open_text(c, storage, row, 10, SEAL_LICENCE, l->id, &plain);
    if (!error && !licence_texts_read(plain, parts))
        error = REGISTRY_ERR_SEALED;
    if (!error)
        error = open_text(c, storage, row, 11, SEAL_HOLDER, l->holder_id, &l->holder_number);
    if (error)
        return error;
    l->name = parts[TEXT_NAME];
    l->number = parts[TEXT_NUMBER];
    l->identifier = parts[TEXT_IDENTIFIER];
    l->holder_name = parts[TEXT_HOLDER_NAME];
    l->type_code = keep_text(storage, row, 6);
    l->type_name = keep_text(storage, row, 7);
    l->issuer_code = keep_text(storage, row, 8);
    l->issuer_name = keep_text(storage, row, 9);
    l->hold_agency = keep_text(storage, row, 18);
    l->source = keep_text(storage, row, 22);
    if (!buf_ok(storage))
        return REGISTRY_ERR_STORAGE;
    return licence_reference(c, sqlite_column_bytes(row, 25), l->type_code, l->issuer_code,
                             l->number, l->reference);
}

/* A place that was superseded says so, unless the licence itself is worth even less. */
static bool read_status(struct sqlite3_stmt *row, struct registry_licence *l)
{
    int64_t superseded_at = sqlite_column_int(row, 21); /* 0 when NULL */
    if (!licence_status_of_code(sqlite_column_int(row, 15), &l->issuer_status) ||
        !licence_status_of_code(sqlite_column_int(row, 16), &l->status))
        return false;
    l->status_since = sqlite_column_int(row, 17);
    l->superseded = superseded_at != 0;
    if (superseded_at && LICENCE_STATUS_SUPERSEDED < l->status) {
        l->status = LICENCE_STATUS_SUPERSEDED;
        l->status_since = superseded_at;
    }
    return true;
}

enum registry_error licence_read(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                 struct registry_licence *l,
                                 uint8_t storage[REGISTRY_LICENCE_BYTES_MAX])
{
    struct buf texts_kept;
    buf_init(&texts_kept, storage, REGISTRY_LICENCE_BYTES_MAX);
    if (!sqlite_column_id(row, 0, l->id) || !sqlite_column_id(row, 1, l->holder_id) ||
        !read_status(row, l))
        return REGISTRY_ERR_STORAGE;
    l->holder_kind = (enum registry_holder_kind)sqlite_column_int(row, 2);
    l->type = (uint16_t)sqlite_column_int(row, 3);
    l->issuer = (uint16_t)sqlite_column_int(row, 4);
    l->version = (uint16_t)sqlite_column_int(row, 5);
    l->issued_on = (int32_t)sqlite_column_int(row, 12);
    l->valid_from = (int32_t)sqlite_column_int(row, 13);
    l->valid_until = (int32_t)sqlite_column_int(row, 14);
    l->list = (uint16_t)sqlite_column_int(row, 19);
    l->index = (uint32_t)sqlite_column_int(row, 20);
    l->source_version = (uint64_t)sqlite_column_int(row, 23);
    l->received_at = sqlite_column_int(row, 24);
    return read_texts(c, row, l, &texts_kept);
}

static enum registry_error find(struct sqlite_connection *c, struct registry_query *query)
{
    static const int statements[] = {
        [REGISTRY_BY_PLACE] = R_BY_PLACE,
        [REGISTRY_BY_ID] = R_BY_ID,
        [REGISTRY_BY_NUMBER] = R_BY_NUMBER,
    };
    uint8_t key[SEAL_KEY_BYTES];
    struct sqlite3_stmt *row = c->statements[statements[query->by]];
    enum registry_error error = REGISTRY_OK;
    switch (query->by) {
    case REGISTRY_BY_PLACE:
        sqlite_bind_int(row, 1, query->list);
        sqlite_bind_int(row, 2, query->index);
        break;
    case REGISTRY_BY_ID:
        sqlite_bind_blob(row, 1, bytes_of(query->id, REGISTRY_ID_BYTES));
        break;
    case REGISTRY_BY_NUMBER:
        error = seal_key(&c->seal, KEY_LICENCE, query->text, key);
        sqlite_bind_blob(row, 1, bytes_of(key, SEAL_KEY_BYTES));
        break;
    }
    if (!error)
        error = sqlite_step(row);
    if (!error)
        error = licence_read(c, row, &query->licence, query->storage);
    if (!error && query->by == REGISTRY_BY_NUMBER) {
        enum registry_error second = sqlite_step(row);
        if (second != REGISTRY_ERR_NOT_FOUND)
            error = second ? second : REGISTRY_ERR_REFUSED;
    }
    sqlite_reset(row);
    return error;
}

enum registry_when registry_find(struct registry_reader *reader, struct registry_query *query)
{
    query->error = sqlite_in_place(&reader->c);
    if (!query->error)
        query->error = find(&reader->c, query);
    return REGISTRY_NOW;
}

/* ---- lists and the relay ---- */

static struct registry_list read_list(struct sqlite3_stmt *row)
{
    return (struct registry_list){.list = (uint16_t)sqlite_column_int(row, 0),
                                  .generation = (uint64_t)sqlite_column_int(row, 1),
                                  .seq = (uint64_t)sqlite_column_int(row, 2)};
}

enum registry_error registry_lists(struct registry_reader *reader, struct registry_list *lists,
                                   size_t *count)
{
    struct sqlite3_stmt *row = reader->c.statements[R_LISTS];
    enum registry_error error = sqlite_in_place(&reader->c);
    size_t room = *count, n = 0;
    if (error)
        return error;
    sqlite_bind_int(row, 1, (int64_t)room);
    while (n < room && !(error = sqlite_step(row)))
        lists[n++] = read_list(row);
    sqlite_reset(row);
    *count = n;
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

enum registry_error registry_list_changes(struct registry_reader *reader, uint16_t list,
                                          uint64_t from, struct registry_list_change *changes,
                                          size_t *count)
{
    struct sqlite3_stmt *row = reader->c.statements[R_CHANGES];
    enum registry_error error = REGISTRY_OK;
    size_t room = *count, n = 0;
    sqlite_bind_int(row, 1, list);
    sqlite_bind_int(row, 2, from > INT64_MAX ? INT64_MAX : (int64_t)from);
    sqlite_bind_int(row, 3, (int64_t)room);
    while (n < room && !(error = sqlite_step(row)))
        changes[n++] = (struct registry_list_change){
            .seq = (uint64_t)sqlite_column_int(row, 0),
            .index = (uint32_t)sqlite_column_int(row, 1),
            .bits = (uint8_t)sqlite_column_int(row, 2),
        };
    sqlite_reset(row);
    *count = n;
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

/* Inside a transaction, so that position and bits are of one moment. */
static enum registry_error read_array(struct sqlite_connection *c, uint16_t list,
                                      uint8_t array[STATUS_LIST_BYTES],
                                      struct registry_list *position)
{
    struct sqlite3_stmt *where = c->statements[R_LIST], *row = c->statements[R_BITS];
    sqlite_bind_int(where, 1, list);
    enum registry_error error = sqlite_step(where);
    if (error)
        return error;
    *position = read_list(where);
    sqlite_reset(where);

    memset(array, 0, STATUS_LIST_BYTES);
    sqlite_bind_int(row, 1, list);
    while (!(error = sqlite_step(row))) {
        int64_t place = sqlite_column_int(row, 0), bits = sqlite_column_int(row, 1);
        if (place < 0 || place >= STATUS_LIST_PLACES || bits < 0 || bits > 3) {
            sqlite_reset(row);
            return REGISTRY_ERR_STORAGE;
        }
        status_list_set(array, (uint32_t)place, (uint8_t)bits);
    }
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

enum registry_error registry_list_array(struct registry_reader *reader, uint16_t list,
                                        uint8_t array[STATUS_LIST_BYTES],
                                        struct registry_list *position)
{
    enum registry_error error = sqlite_exec(&reader->c, "BEGIN");
    if (error)
        return error;
    error = read_array(&reader->c, list, array, position);
    sqlite_rollback(&reader->c); /* nothing was written */
    return error;
}

enum registry_error registry_data_version(struct registry_reader *reader, uint32_t *version)
{
    struct sqlite3_stmt *row = reader->c.statements[R_DATA_VERSION];
    enum registry_error error = sqlite_step(row);
    if (!error)
        *version = (uint32_t)sqlite_column_int(row, 0);
    sqlite_reset(row);
    return error;
}

enum registry_error registry_outbox(struct registry_reader *reader, struct registry_outbox *rows,
                                    size_t *count)
{
    struct sqlite3_stmt *row = reader->c.statements[R_OUTBOX];
    enum registry_error error = REGISTRY_OK;
    size_t room = *count, n = 0;
    sqlite_bind_int(row, 1, (int64_t)room);
    while (n < room && !(error = sqlite_step(row)))
        rows[n++] = (struct registry_outbox){
            .list = (uint16_t)sqlite_column_int(row, 0),
            .first_seq = (uint64_t)sqlite_column_int(row, 1),
            .last_seq = (uint64_t)sqlite_column_int(row, 2),
        };
    sqlite_reset(row);
    *count = n;
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

enum registry_error registry_relayed(struct registry_reader *reader, uint16_t list, uint64_t seq)
{
    struct sqlite3_stmt *row = reader->c.statements[R_RELAYED];
    sqlite_bind_int(row, 1, list);
    sqlite_bind_int(row, 2, seq > INT64_MAX ? INT64_MAX : (int64_t)seq);
    enum registry_error error = sqlite_step(row);
    sqlite_reset(row);
    return error;
}

enum registry_error registry_redis_run(struct registry_reader *reader,
                                       char run_id[REGISTRY_RUN_ID_BYTES], int64_t *since)
{
    struct sqlite3_stmt *row = reader->c.statements[R_REDIS_RUN];
    enum registry_error error = sqlite_step(row);
    if (!error) {
        struct bytes id = sqlite_column_bytes(row, 0);
        if (id.len == REGISTRY_RUN_ID_BYTES)
            memcpy(run_id, id.data, REGISTRY_RUN_ID_BYTES);
        else
            error = REGISTRY_ERR_STORAGE;
        *since = sqlite_column_int(row, 1);
    }
    sqlite_reset(row);
    return error;
}

/* ---- the rest ---- */

enum registry_error registry_import_line(struct registry_reader *reader,
                                         const uint8_t file[CRYPTO_HASH_BYTES], uint64_t *line)
{
    struct sqlite3_stmt *row = reader->c.statements[R_IMPORT_LINE];
    sqlite_bind_blob(row, 1, bytes_of(file, CRYPTO_HASH_BYTES));
    enum registry_error error = sqlite_step(row);
    if (!error)
        *line = (uint64_t)sqlite_column_int(row, 0);
    sqlite_reset(row);
    return error;
}

enum registry_error registry_count(struct registry_reader *reader, struct registry_counts *counts)
{
    struct sqlite3_stmt *row = reader->c.statements[R_COUNTS];
    enum registry_error error = sqlite_step(row);
    if (!error)
        *counts = (struct registry_counts){
            .holders = (uint64_t)sqlite_column_int(row, 0),
            .licences = (uint64_t)sqlite_column_int(row, 1),
            .open_holds = (uint64_t)sqlite_column_int(row, 2),
            .places = (uint64_t)sqlite_column_int(row, 3),
            .changes = (uint64_t)sqlite_column_int(row, 4),
            .outbox = (uint64_t)sqlite_column_int(row, 5),
        };
    sqlite_reset(row);
    return error;
}

static enum registry_error catalogue_entry(struct sqlite3_stmt *row, uint16_t index,
                                           struct registry_catalogue_entry *entry)
{
    sqlite_bind_int(row, 1, index);
    enum registry_error error = sqlite_step(row);
    if (!error) {
        struct buf code = BUF_OVER(entry->code), name = BUF_OVER(entry->name);
        buf_put(&code, sqlite_column_bytes(row, 0));
        buf_put(&name, sqlite_column_bytes(row, 1));
        buf_cstr(&code);
        buf_cstr(&name);
        entry->index = index;
        if (!buf_ok(&code) || !buf_ok(&name))
            error = REGISTRY_ERR_STORAGE;
    }
    sqlite_reset(row);
    return error;
}

enum registry_error registry_licence_type(struct registry_reader *reader, uint16_t index,
                                          struct registry_catalogue_entry *entry)
{
    return catalogue_entry(reader->c.statements[R_TYPE], index, entry);
}

enum registry_error registry_issuer(struct registry_reader *reader, uint16_t index,
                                    struct registry_catalogue_entry *entry)
{
    return catalogue_entry(reader->c.statements[R_ISSUER], index, entry);
}
