/* Reads of who may ask and what for: clients, persons shut out, consents, the use list. */
#include "registry/access.h"
#include "registry/sqlite_read.h"

#define CLIENT_COLUMNS                                                                             \
    "SELECT client, id, organisation, role, scopes, types, purposes, quota, since, expires_at,"    \
    " disabled IS NOT NULL FROM client"
#define CONSENT_COLUMNS                                                                            \
    "SELECT c.id, l.id, p.id, c.purpose, c.fields, c.since, c.until, c.withdrawn"
#define REQUEST_COLUMNS                                                                            \
    "SELECT r.id, c.id, r.matter, r.types, r.fields, r.purpose, r.legal_basis, r.state,"           \
    " r.submitted_at, r.due_on, r.decided_at, r.decided_by, r.reason, r.expires_at"                \
    " FROM access_request r JOIN client c ON c.client = r.client"

const char *const access_texts[R_COUNT] = {
    [R_ACCESS_VERSION] = "SELECT version FROM access_version",
    [R_CLIENTS] = CLIENT_COLUMNS " ORDER BY id",
    [R_CLIENT] = CLIENT_COLUMNS " WHERE id = ?",
    [R_CLIENT_KEYS] = "SELECT public_key, retire_at FROM client_key WHERE client = ?"
                      " ORDER BY key DESC LIMIT ?",
    [R_SHUT_OUTS] = "SELECT role, subject, since FROM shut_out ORDER BY role, subject",

    /* The last one given decides, whatever became of those before; it holds while the licence is
     * that of whoever gave it. */
    [R_CONSENT] = "SELECT * FROM (" CONSENT_COLUMNS ", c.holder = l.holder AS his"
                  "  FROM licence l JOIN consent c ON c.licence = l.licence"
                  "  JOIN client p ON p.client = c.client"
                  "  WHERE l.id = ?1 AND p.id = ?2 AND c.purpose = ?3 ORDER BY c.consent DESC"
                  "  LIMIT 1) WHERE his AND withdrawn IS NULL AND until > ?4",
    [R_CONSENTS] = WITH_REPRESENTED " " CONSENT_COLUMNS
                                    " FROM consent c JOIN licence l ON l.licence = c.licence"
                                    " JOIN client p ON p.client = c.client WHERE c.holder IN"
                                    "  (SELECT holder FROM me UNION SELECT holder FROM represented)"
                                    " AND (c.holder IN me OR (c.holder, l.issuer) IN represented)"
                                    " ORDER BY c.consent DESC LIMIT ?3",

    [R_REQUESTS] = REQUEST_COLUMNS " ORDER BY r.request DESC LIMIT ?1",
    [R_REQUESTS_OF] = REQUEST_COLUMNS " WHERE r.client = (SELECT client FROM client WHERE id = ?2)"
                                      " ORDER BY r.request DESC LIMIT ?1",
    /* An approval replaces the one before: that does not come back when this one ends. */
    [R_USE_ENTRY] =
        "SELECT * FROM (" REQUEST_COLUMNS "  WHERE c.id = ?1 AND r.matter = ?2 AND r.state = 1"
        "  ORDER BY r.decided_at DESC, r.request DESC LIMIT 1) WHERE expires_at > ?3",
    [R_WAITING] = "SELECT count(*), count(*) FILTER (WHERE due_on < ?) FROM access_request"
                  " WHERE state = 0",
};
_Static_assert(ACCESS_SUBMITTED == 0 && ACCESS_APPROVED == 1, "the states in the texts");

/* ---- columns ---- */

/* Words with a space between, into an array of `max` texts of `size` octets each. */
static bool copy_words(struct sqlite3_stmt *row, int column, char *words, size_t size, unsigned max,
                       unsigned *count)
{
    struct bytes rest = sqlite_column_bytes(row, column);
    for (*count = 0; rest.len; *count += 1) {
        const uint8_t *space = memchr(rest.data, ' ', rest.len);
        size_t len = space ? (size_t)(space - rest.data) : rest.len;
        if (*count == max || len >= size)
            return false;
        memcpy(words + *count * size, rest.data, len);
        words[*count * size + len] = '\0';
        rest = bytes_from(rest, len + (space != NULL));
    }
    return true;
}

/* ---- clients and persons ---- */

enum registry_error registry_access_version(struct registry_reader *reader, uint64_t *version)
{
    struct sqlite3_stmt *row = reader->c.statements[R_ACCESS_VERSION];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (!error)
        error = sqlite_step(row);
    if (!error)
        *version = (uint64_t)sqlite_column_int(row, 0);
    sqlite_reset(row);
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_ERR_STORAGE : error;
}

static enum registry_error read_keys(struct sqlite_connection *c, int64_t row_of_client,
                                     struct registry_client *client)
{
    struct sqlite3_stmt *row = c->statements[R_CLIENT_KEYS];
    enum registry_error error;
    sqlite_bind_int(row, 1, row_of_client);
    sqlite_bind_int(row, 2, ACCESS_CLIENT_KEYS_MAX);
    while (!(error = sqlite_step(row))) {
        struct bytes key = sqlite_column_bytes(row, 0);
        if (key.len != CRYPTO_PUBLIC_BYTES) {
            error = REGISTRY_ERR_STORAGE;
            break;
        }
        memcpy(client->keys[client->key_count].public_key, key.data, key.len);
        client->keys[client->key_count++].retire_at = sqlite_column_int(row, 1);
    }
    return row_finish(row, error);
}

static enum registry_error read_client(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                       struct registry_client *client)
{
    *client = (struct registry_client){
        .role = (enum token_role)sqlite_column_int(row, 3),
        .scopes = (unsigned)sqlite_column_int(row, 4),
        .quota_per_minute = (uint32_t)sqlite_column_int(row, 7),
        .since = sqlite_column_int(row, 8),
        .expires_at = sqlite_column_int(row, 9),
        .disabled = sqlite_column_int(row, 10) != 0,
    };
    if (!row_copy_text(row, 1, client->id, sizeof client->id) ||
        !row_copy_text(row, 2, client->organisation, sizeof client->organisation) ||
        !copy_words(row, 5, client->types[0], sizeof client->types[0], ACCESS_TYPES_MAX,
                    &client->type_count) ||
        !copy_words(row, 6, client->purposes[0], sizeof client->purposes[0], ACCESS_PURPOSES_MAX,
                    &client->purpose_count))
        return REGISTRY_ERR_STORAGE;
    return read_keys(c, sqlite_column_int(row, 0), client);
}

enum registry_error registry_clients(struct registry_reader *reader,
                                     void (*each)(void *context,
                                                  const struct registry_client *client),
                                     void *context)
{
    struct registry_client client;
    struct sqlite3_stmt *row = reader->c.statements[R_CLIENTS];
    enum registry_error error;
    while (!(error = sqlite_step(row)) && !(error = read_client(&reader->c, row, &client)))
        each(context, &client);
    return row_finish(row, error);
}

enum registry_error registry_client(struct registry_reader *reader, struct bytes id,
                                    struct registry_client *client)
{
    struct sqlite3_stmt *row = reader->c.statements[R_CLIENT];
    sqlite_bind_text(row, 1, id);
    enum registry_error error = sqlite_step(row);
    if (!error)
        error = read_client(&reader->c, row, client);
    sqlite_reset(row);
    return error;
}

enum registry_error registry_shut_outs(struct registry_reader *reader,
                                       void (*each)(void *context,
                                                    const struct registry_shut_out *person),
                                       void *context)
{
    struct sqlite3_stmt *row = reader->c.statements[R_SHUT_OUTS];
    enum registry_error error;
    while (!(error = sqlite_step(row))) {
        struct registry_shut_out person = {.role = (enum token_role)sqlite_column_int(row, 0),
                                           .since = sqlite_column_int(row, 2)};
        if (!row_copy_text(row, 1, person.subject, sizeof person.subject)) {
            error = REGISTRY_ERR_STORAGE;
            break;
        }
        each(context, &person);
    }
    return row_finish(row, error);
}

/* ---- consents ---- */

static enum registry_error read_consent(struct sqlite3_stmt *row, struct registry_consent *consent)
{
    *consent = (struct registry_consent){
        .fields = (uint32_t)sqlite_column_int(row, 4),
        .since = sqlite_column_int(row, 5),
        .until = sqlite_column_int(row, 6),
        .withdrawn = sqlite_column_int(row, 7), /* 0 when NULL */
    };
    return sqlite_column_id(row, 0, consent->id) && sqlite_column_id(row, 1, consent->licence) &&
                   row_copy_text(row, 2, consent->partner, sizeof consent->partner) &&
                   row_copy_text(row, 3, consent->purpose, sizeof consent->purpose)
               ? REGISTRY_OK
               : REGISTRY_ERR_STORAGE;
}

enum registry_error registry_consent(struct registry_reader *reader,
                                     const uint8_t licence[REGISTRY_ID_BYTES], struct bytes partner,
                                     struct bytes purpose, int64_t now,
                                     struct registry_consent *consent)
{
    struct sqlite3_stmt *row = reader->c.statements[R_CONSENT];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_blob(row, 1, bytes_of(licence, REGISTRY_ID_BYTES));
    sqlite_bind_text(row, 2, partner);
    sqlite_bind_text(row, 3, purpose);
    sqlite_bind_int(row, 4, now);
    error = sqlite_step(row);
    if (!error)
        error = read_consent(row, consent);
    sqlite_reset(row);
    return error;
}

enum registry_error registry_consents(
    struct registry_reader *reader, const uint8_t person[REGISTRY_ID_BYTES], int64_t now,
    size_t max, void (*each)(void *context, const struct registry_consent *consent), void *context)
{
    struct registry_consent consent;
    struct sqlite3_stmt *row = reader->c.statements[R_CONSENTS];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_blob(row, 1, bytes_of(person, REGISTRY_ID_BYTES));
    sqlite_bind_int(row, 2, now);
    sqlite_bind_int(row, 3, (int64_t)max);
    while (!(error = sqlite_step(row)) && !(error = read_consent(row, &consent)))
        each(context, &consent);
    return row_finish(row, error);
}

/* ---- the use list ---- */

static enum registry_error read_request(struct sqlite3_stmt *row, struct registry_access_request *r)
{
    *r = (struct registry_access_request){
        .fields = (uint32_t)sqlite_column_int(row, 4),
        .state = (enum access_state)sqlite_column_int(row, 7),
        .submitted_at = sqlite_column_int(row, 8),
        .due_on = (int32_t)sqlite_column_int(row, 9),
        .decided_at = sqlite_column_int(row, 10),
        .expires_at = sqlite_column_int(row, 13),
    };
    return sqlite_column_id(row, 0, r->id) && row_copy_text(row, 1, r->system, sizeof r->system) &&
                   row_copy_text(row, 2, r->matter, sizeof r->matter) &&
                   copy_words(row, 3, r->types[0], sizeof r->types[0], ACCESS_TYPES_MAX,
                              &r->type_count) &&
                   row_copy_text(row, 5, r->purpose, sizeof r->purpose) &&
                   row_copy_text(row, 6, r->legal_basis, sizeof r->legal_basis) &&
                   row_copy_text(row, 11, r->decided_by, sizeof r->decided_by) &&
                   row_copy_text(row, 12, r->reason, sizeof r->reason)
               ? REGISTRY_OK
               : REGISTRY_ERR_STORAGE;
}

enum registry_error registry_access_requests(
    struct registry_reader *reader, struct bytes system, size_t max,
    void (*each)(void *context, const struct registry_access_request *r), void *context)
{
    struct registry_access_request request;
    struct sqlite3_stmt *row = reader->c.statements[system.len ? R_REQUESTS_OF : R_REQUESTS];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_int(row, 1, (int64_t)max);
    if (system.len)
        sqlite_bind_text(row, 2, system);
    while (!(error = sqlite_step(row)) && !(error = read_request(row, &request)))
        each(context, &request);
    return row_finish(row, error);
}

enum registry_error registry_use_entry(struct registry_reader *reader, struct bytes system,
                                       struct bytes matter, int64_t now,
                                       struct registry_access_request *request)
{
    struct sqlite3_stmt *row = reader->c.statements[R_USE_ENTRY];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_text(row, 1, system);
    sqlite_bind_text(row, 2, matter);
    sqlite_bind_int(row, 3, now);
    error = sqlite_step(row);
    if (!error)
        error = read_request(row, request);
    sqlite_reset(row);
    return error;
}

enum registry_error registry_access_waiting(struct registry_reader *reader, int32_t today,
                                            uint64_t *waiting, uint64_t *overdue)
{
    struct sqlite3_stmt *row = reader->c.statements[R_WAITING];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_int(row, 1, today);
    error = sqlite_step(row);
    if (!error) {
        *waiting = (uint64_t)sqlite_column_int(row, 0);
        *overdue = (uint64_t)sqlite_column_int(row, 1);
    }
    sqlite_reset(row);
    return error;
}

const char *registry_access_state_text(enum access_state state)
{
    static const char *const words[] = {
        [ACCESS_SUBMITTED] = "submitted",
        [ACCESS_APPROVED] = "approved",
        [ACCESS_REFUSED] = "refused",
    };
    return words[state];
}
