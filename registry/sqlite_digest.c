/* The lines of an authority's licences, out of the registry. */
#include "registry/issuing.h"
#include "registry/sqlite_read.h"

const char *const digest_texts[R_COUNT] = {
    [R_DIGEST_LINES] =
        "SELECT t.code, l.id, l.sealed, l.source_version, l.issuer_status, l.issued_on,"
        "  l.valid_from, l.valid_until FROM licence l JOIN licence_type t ON t.type = l.type"
        " WHERE l.issuer = (SELECT issuer FROM issuer WHERE code = ?)",
};

static enum registry_error add_line(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                    struct registry_digest *digest)
{
    uint8_t id[REGISTRY_ID_BYTES], storage[LICENCE_TEXTS_BYTES_MAX];
    struct buf plain = BUF_OVER(storage);
    struct bytes texts[TEXT_COUNT];
    struct registry_digest_line line = {
        .source_version = (uint64_t)sqlite_column_int(row, 3),
        .issued_on = (int32_t)sqlite_column_int(row, 5),
        .valid_from = (int32_t)sqlite_column_int(row, 6),
        .valid_until = (int32_t)sqlite_column_int(row, 7),
    };
    if (!sqlite_column_id(row, 1, id) ||
        !licence_status_of_code(sqlite_column_int(row, 4), &line.status))
        return REGISTRY_ERR_STORAGE;
    enum registry_error error =
        seal_open(&c->seal, SEAL_LICENCE, id, sqlite_column_bytes(row, 2), &plain);
    if (!error && !licence_texts_read(buf_bytes(&plain), texts))
        error = REGISTRY_ERR_SEALED;
    if (error)
        return error;
    line.number = texts[TEXT_NUMBER];
    return registry_digest_add(digest, sqlite_column_bytes(row, 0), &line) ? REGISTRY_OK
                                                                           : REGISTRY_ERR_STORAGE;
}

enum registry_error registry_digest_licences(struct registry_reader *reader,
                                             struct bytes issuer_code,
                                             struct registry_digest *digest)
{
    struct sqlite3_stmt *row = reader->c.statements[R_DIGEST_LINES];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_text(row, 1, issuer_code);
    while (!(error = sqlite_step(row)) && !(error = add_line(&reader->c, row, digest)))
        continue;
    return row_finish(row, error);
}
