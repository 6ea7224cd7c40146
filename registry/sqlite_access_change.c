/* Changes of who may ask (clients, their keys, persons shut out) and what for (consents, the use
 * list's applications). */
#include "registry/access.h"
#include "registry/sqlite_change.h"

#include "base/check.h"
#include "base/clock.h"

const char *const access_change_texts[W_COUNT] = {
    [W_CLIENT_BY_ID] = "SELECT client, role FROM client WHERE id = ?",
    [W_CLIENT_ADD] = "INSERT INTO client VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
                     " ON CONFLICT DO NOTHING RETURNING client",
    [W_CLIENT_DISABLE] = "UPDATE client SET disabled = coalesce(disabled, ?2) WHERE id = ?1",
    [W_KEY_RETIRE] = "UPDATE client_key SET retire_at = ?2 WHERE client = ?1",
    /* all but the newest, or all */
    [W_KEY_DROP] = "DELETE FROM client_key WHERE client = ?1 AND (?2 OR key <"
                   " (SELECT max(key) FROM client_key WHERE client = ?1))",
    [W_KEY_ADD] = "INSERT INTO client_key VALUES (NULL, ?, ?, ?)",
    [W_KEY_STATE] = "SELECT client, disabled IS NOT NULL, EXISTS (SELECT 1 FROM client_key k"
                    "  WHERE k.client = client.client) FROM client WHERE id = ?",
    [W_SHUT_OUT] = "INSERT INTO shut_out VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    [W_LET_IN] = "DELETE FROM shut_out WHERE role = ?1 AND subject = ?2",
    [W_ACCESS_VERSION] = "UPDATE access_version SET version = max(version + 1, ?1)",

    [W_CONSENT_SUPERSEDE] = "UPDATE consent SET until = ?4 WHERE licence = ?1 AND client = ?2"
                            " AND purpose = ?3 AND withdrawn IS NULL AND until > ?4",
    [W_CONSENT_ADD] = "INSERT INTO consent VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
    [W_CONSENT_WITHDRAW] =
        "UPDATE consent SET withdrawn = ?2 WHERE id = ?1 AND withdrawn IS NULL AND until > ?2"
        " RETURNING (SELECT id FROM licence WHERE licence = consent.licence),"
        "  (SELECT id FROM client WHERE client = consent.client), fields",

    [W_REQUEST_ADD] = "INSERT INTO access_request VALUES"
                      " (NULL, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 0, '', '', 0)",
    [W_REQUEST_STATE] = "SELECT state, matter, fields FROM access_request WHERE id = ?",
    [W_REQUEST_DECIDE] = "UPDATE access_request SET state = ?2, decided_at = ?3, decided_by = ?4,"
                         " reason = ?5, expires_at = ?6 WHERE id = ?1",
};
_Static_assert(ACCESS_SUBMITTED == 0, "the state in W_REQUEST_ADD");

/* ---- what a text may be ---- */

/* Printable ASCII without space: it stands in tokens, and in lists of words. */
static bool is_word(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return text.len >= 1;
}

static bool is_purpose(const char *text)
{
    return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] == '\0';
}

/* The first `count` words of an array of texts of `size` octets each, with a space between; false
 * when one of them is none. */
static bool join(struct buf *out, const char *words, size_t size, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct bytes word = bytes_str(words + i * size);
        if (!is_word(word))
            return false;
        buf_put_str(out, i ? " " : "");
        buf_put(out, word);
    }
    CHECK(buf_ok(out));
    return true;
}

/* ---- clients ---- */

enum registry_error access_version_move(struct sqlite_connection *c)
{
    struct sqlite3_stmt *move = c->statements[W_ACCESS_VERSION];
    sqlite_bind_int(move, 1, (int64_t)clock_wall_us());
    return sqlite_run(move);
}

/* Something about who may ask: `whom` is a client's id or a person's subject. */
static enum registry_error access_event(struct sqlite_connection *c, struct registry_change *change,
                                        int64_t now, const char *what, struct bytes whom)
{
    enum registry_error error = access_version_move(c);
    return error ? error
                 : event_add(c, change, now,
                             &(struct event_new){.kind = EVENT_ACCESS,
                                                 .purpose = bytes_str(what),
                                                 .reference = whom,
                                                 .detail = EVENT_NONE});
}

enum registry_error client_find(struct sqlite_connection *c, struct bytes id, int64_t *row,
                                enum token_role *role)
{
    struct sqlite3_stmt *find = c->statements[W_CLIENT_BY_ID];
    sqlite_bind_text(find, 1, id);
    enum registry_error error = sqlite_step(find);
    if (error)
        return error;
    *row = sqlite_column_int(find, 0);
    *role = (enum token_role)sqlite_column_int(find, 1);
    sqlite_reset(find);
    return REGISTRY_OK;
}

static enum registry_error add_key(struct sqlite_connection *c, int64_t client,
                                   const struct registry_client_key *key)
{
    struct sqlite3_stmt *add = c->statements[W_KEY_ADD];
    sqlite_bind_int(add, 1, client);
    sqlite_bind_blob(add, 2, bytes_of(key->public_key, sizeof key->public_key));
    sqlite_bind_int(add, 3, key->retire_at);
    return sqlite_run(add);
}

static const char *refusal_of(const struct registry_client *client)
{
    if (!is_word(bytes_str(client->id)) || !is_word(bytes_str(client->organisation)))
        return "a client's id and its organisation are printable ASCII without space";
    if (client->role != TOKEN_ROLE_INSPECTOR && client->role != TOKEN_ROLE_PARTNER &&
        client->role != TOKEN_ROLE_ISSUER && client->role != TOKEN_ROLE_SYSTEM &&
        client->role != TOKEN_ROLE_AUDITOR)
        return "a client is a terminal, a partner, an issuer, a system or an auditor";
    for (unsigned i = 0; i < client->purpose_count; i++)
        if (!is_purpose(client->purposes[i]))
            return "a purpose is made of a-z, 0-9, '-', '_' and '.'";
    return NULL;
}

static enum registry_error add_client(struct sqlite_connection *c, struct registry_change *change,
                                      int64_t now)
{
    const struct registry_client *client = change->client;
    char types_storage[sizeof client->types], purposes_storage[sizeof client->purposes];
    struct buf types = BUF_OVER(types_storage), purposes = BUF_OVER(purposes_storage);
    struct sqlite3_stmt *add = c->statements[W_CLIENT_ADD];
    CHECK(client->type_count <= ACCESS_TYPES_MAX && client->key_count <= ACCESS_CLIENT_KEYS_MAX &&
          client->purpose_count <= ACCESS_PURPOSES_MAX);
    const char *refusal = refusal_of(client);
    if (refusal)
        return change_refuse(change, refusal);
    if (!join(&types, client->types[0], sizeof client->types[0], client->type_count) ||
        !join(&purposes, client->purposes[0], sizeof client->purposes[0], client->purpose_count))
        return change_refuse(change, "a licence type's code is printable ASCII without space");
    sqlite_bind_text(add, 1, bytes_str(client->id));
    sqlite_bind_text(add, 2, bytes_str(client->organisation));
    sqlite_bind_int(add, 3, client->role);
    sqlite_bind_int(add, 4, client->scopes);
    sqlite_bind_text(add, 5, buf_bytes(&types));
    sqlite_bind_text(add, 6, buf_bytes(&purposes));
    sqlite_bind_int(add, 7, client->quota_per_minute);
    sqlite_bind_int(add, 8, now);
    sqlite_bind_int(add, 9, client->expires_at);
    enum registry_error error = sqlite_step(add);
    if (error == REGISTRY_ERR_NOT_FOUND)
        return change_refuse(change, "a client of this id is there, or was");
    int64_t row = error ? 0 : sqlite_column_int(add, 0);
    sqlite_reset(add);
    for (unsigned i = client->key_count; !error && i > 0; i--) /* the newest last */
        error = add_key(c, row, &client->keys[i - 1]);
    return error ? error : access_event(c, change, now, "client_add", bytes_str(client->id));
}

enum registry_error client_disable(struct sqlite_connection *c, struct bytes id, int64_t now)
{
    struct sqlite3_stmt *disable = c->statements[W_CLIENT_DISABLE];
    sqlite_bind_text(disable, 1, id);
    sqlite_bind_int(disable, 2, now);
    enum registry_error error = sqlite_run(disable);
    if (!error && !sqlite_changed(c))
        return REGISTRY_ERR_NOT_FOUND;
    return error ? error : deliveries_give_up(c, id);
}

static enum registry_error disable_client(struct sqlite_connection *c,
                                          struct registry_change *change, int64_t now)
{
    enum registry_error error = client_disable(c, change->text, now);
    return error ? error : access_event(c, change, now, "client_disable", change->text);
}

static enum registry_error drop_keys(struct sqlite_connection *c, int64_t client, bool all)
{
    struct sqlite3_stmt *drop = c->statements[W_KEY_DROP];
    sqlite_bind_int(drop, 1, client);
    sqlite_bind_int(drop, 2, all);
    return sqlite_run(drop);
}

enum registry_error client_drop_keys(struct sqlite_connection *c, struct bytes id)
{
    int64_t row;
    enum token_role role;
    enum registry_error error = client_find(c, id, &row, &role);
    return error ? error : drop_keys(c, row, true);
}

static enum registry_error change_key(struct sqlite_connection *c, struct registry_change *change,
                                      int64_t now)
{
    int64_t row = 0;
    enum token_role role;
    struct sqlite3_stmt *retire = c->statements[W_KEY_RETIRE];
    enum registry_error error = client_find(c, change->text, &row, &role);
    if (error)
        return error;
    error = drop_keys(c, row, change->until == 0);
    sqlite_bind_int(retire, 1, row);
    sqlite_bind_int(retire, 2, change->until);
    if (!error)
        error = sqlite_run(retire);
    if (!error)
        error = add_key(c, row, &change->client->keys[0]);
    return error ? error : access_event(c, change, now, "client_key", change->text);
}

/* Whoever has the client's ticket gives it a key once; every other one is an operator's. */
static enum registry_error register_client(struct sqlite_connection *c,
                                           struct registry_change *change, int64_t now)
{
    struct sqlite3_stmt *state = c->statements[W_KEY_STATE];
    sqlite_bind_text(state, 1, change->text);
    enum registry_error error = sqlite_step(state);
    if (error)
        return error;
    int64_t row = sqlite_column_int(state, 0);
    bool disabled = sqlite_column_int(state, 1), has_key = sqlite_column_int(state, 2);
    sqlite_reset(state);
    if (disabled)
        return REGISTRY_ERR_NOT_FOUND;
    if (has_key)
        return change_refuse(change, "this client has a key already");
    error = add_key(c, row, &change->client->keys[0]);
    return error ? error : access_event(c, change, now, "client_key", change->text);
}

/* ---- persons ---- */

/* A holder by the random id alone: a citizen number typed by mistake must not be kept here. */
static bool is_subject(unsigned role, struct bytes subject)
{
    uint8_t id[REGISTRY_ID_BYTES];
    struct buf read = BUF_OVER(id);
    if (role == TOKEN_ROLE_HOLDER) {
        for (size_t i = 0; i < subject.len; i++)
            if (subject.data[i] >= 'A' && subject.data[i] <= 'F')
                return false;
        return buf_put_from_hex(&read, subject) && read.len == sizeof id;
    }
    return role == TOKEN_ROLE_INSPECTOR && subject.len <= TOKEN_SUBJECT_BYTES_MAX &&
           is_word(subject) && memchr(subject.data, '/', subject.len);
}

static enum registry_error change_person(struct sqlite_connection *c,
                                         struct registry_change *change, int64_t now)
{
    bool out = change->kind == CHANGE_SHUT_OUT;
    struct sqlite3_stmt *set = c->statements[out ? W_SHUT_OUT : W_LET_IN];
    if (!is_subject(change->role, change->text))
        return change_refuse(change, "a person is a holder's id or AGENCY/OFFICER");
    sqlite_bind_int(set, 1, change->role);
    sqlite_bind_text(set, 2, change->text);
    if (out)
        sqlite_bind_int(set, 3, now);
    enum registry_error error = sqlite_run(set);
    if (!error && !out && !sqlite_changed(c))
        return REGISTRY_ERR_NOT_FOUND;
    return error ? error : access_event(c, change, now, out ? "shut_out" : "let_in", change->text);
}

enum registry_error change_who_may_ask(struct sqlite_connection *c, struct registry_change *change,
                                       int64_t now)
{
    switch (change->kind) {
    case CHANGE_CLIENT_ADD:
        return add_client(c, change, now);
    case CHANGE_CLIENT_DISABLE:
        return disable_client(c, change, now);
    case CHANGE_CLIENT_KEY:
        return change_key(c, change, now);
    case CHANGE_CLIENT_REGISTER:
        return register_client(c, change, now);
    default:
        return change_person(c, change, now);
    }
}

/* ---- consents ---- */

static enum registry_error supersede_consent(struct sqlite_connection *c, int64_t licence,
                                             int64_t partner, const char *purpose, int64_t now)
{
    struct sqlite3_stmt *supersede = c->statements[W_CONSENT_SUPERSEDE];
    sqlite_bind_int(supersede, 1, licence);
    sqlite_bind_int(supersede, 2, partner);
    sqlite_bind_text(supersede, 3, bytes_str(purpose));
    sqlite_bind_int(supersede, 4, now);
    return sqlite_run(supersede);
}

static enum registry_error consent_event(struct sqlite_connection *c,
                                         struct registry_change *change, int64_t now,
                                         const uint8_t licence[REGISTRY_ID_BYTES],
                                         struct bytes partner, uint32_t fields, bool ended)
{
    struct licence_state l;
    enum registry_error error = licence_find(c, licence, &l);
    return error ? error
                 : event_add_id(c, change, now,
                                &(struct event_new){.kind = EVENT_CONSENT,
                                                    .licence = &l,
                                                    .purpose = partner,
                                                    .fields = fields,
                                                    .detail = EVENT_NONE,
                                                    .ended = ended},
                                change->id);
}

static enum registry_error give_consent(struct sqlite_connection *c, struct registry_change *change,
                                        int64_t now)
{
    const struct registry_consent *consent = change->consent;
    struct licence_holder l;
    int64_t partner;
    enum token_role role;
    struct sqlite3_stmt *add = c->statements[W_CONSENT_ADD];
    if (!is_purpose(consent->purpose) || consent->until <= now)
        return change_refuse(change, "a consent has a purpose, and ends in the future");
    enum registry_error error = licence_find_holder(c, consent->licence, change->holder, &l);
    if (error)
        return error;
    error = client_find(c, bytes_str(consent->partner), &partner, &role);
    if (error == REGISTRY_ERR_NOT_FOUND || (!error && role != TOKEN_ROLE_PARTNER))
        return change_refuse(change, "there is no such partner");
    if (!error)
        error = supersede_consent(c, l.licence, partner, consent->purpose, now);
    if (!error)
        error = seal_random(&c->seal, change->id, sizeof change->id);
    if (error)
        return error;
    sqlite_bind_blob(add, 1, bytes_of(change->id, sizeof change->id));
    sqlite_bind_int(add, 2, l.licence);
    sqlite_bind_int(add, 3, l.holder);
    sqlite_bind_int(add, 4, partner);
    sqlite_bind_text(add, 5, bytes_str(consent->purpose));
    sqlite_bind_int(add, 6, consent->fields);
    sqlite_bind_int(add, 7, now);
    sqlite_bind_int(add, 8, consent->until);
    error = sqlite_run(add);
    return error ? error
                 : consent_event(c, change, now, consent->licence, bytes_str(consent->partner),
                                 consent->fields, false);
}

static enum registry_error withdraw_consent(struct sqlite_connection *c,
                                            struct registry_change *change, int64_t now)
{
    uint8_t licence[REGISTRY_ID_BYTES];
    char storage[ACCESS_ID_BYTES_MAX];
    struct buf partner = BUF_OVER(storage);
    struct sqlite3_stmt *withdraw = c->statements[W_CONSENT_WITHDRAW];
    sqlite_bind_blob(withdraw, 1, bytes_of(change->id, sizeof change->id));
    sqlite_bind_int(withdraw, 2, now);
    enum registry_error error = sqlite_step(withdraw);
    if (error)
        return error;
    bool read = sqlite_column_id(withdraw, 0, licence);
    buf_put(&partner, sqlite_column_bytes(withdraw, 1));
    uint32_t fields = (uint32_t)sqlite_column_int(withdraw, 2);
    sqlite_reset(withdraw);
    return read && buf_ok(&partner)
               ? consent_event(c, change, now, licence, buf_bytes(&partner), fields, true)
               : REGISTRY_ERR_STORAGE;
}

/* ---- the use list ---- */

static enum registry_error request_event(struct sqlite_connection *c,
                                         struct registry_change *change, int64_t now,
                                         const uint8_t id[REGISTRY_ID_BYTES], struct bytes matter,
                                         uint32_t fields, enum access_state state)
{
    return event_add_id(c, change, now,
                        &(struct event_new){.kind = EVENT_APPLY,
                                            .purpose = matter,
                                            .fields = fields,
                                            .detail = (uint8_t)state,
                                            .ended = state == ACCESS_REFUSED},
                        id);
}

static enum registry_error submit_request(struct sqlite_connection *c,
                                          struct registry_change *change, int64_t now)
{
    const struct registry_access_request *r = change->request;
    char storage[sizeof r->types];
    struct buf types = BUF_OVER(storage);
    int64_t system;
    enum token_role role;
    struct sqlite3_stmt *add = c->statements[W_REQUEST_ADD];
    CHECK(r->type_count <= ACCESS_TYPES_MAX);
    if (!is_word(bytes_str(r->matter)) || !is_purpose(r->purpose) || r->type_count == 0 ||
        !join(&types, r->types[0], sizeof r->types[0], r->type_count) || !*r->legal_basis)
        return change_refuse(change, "an application names matter, types, purpose, legal basis");
    enum registry_error error = client_find(c, bytes_str(r->system), &system, &role);
    if (error == REGISTRY_ERR_NOT_FOUND || (!error && role != TOKEN_ROLE_SYSTEM))
        return change_refuse(change, "there is no such system");
    if (!error)
        error = seal_random(&c->seal, change->id, sizeof change->id);
    if (error)
        return error;
    sqlite_bind_blob(add, 1, bytes_of(change->id, sizeof change->id));
    sqlite_bind_int(add, 2, system);
    sqlite_bind_text(add, 3, bytes_str(r->matter));
    sqlite_bind_text(add, 4, buf_bytes(&types));
    sqlite_bind_int(add, 5, r->fields);
    sqlite_bind_text(add, 6, bytes_str(r->purpose));
    sqlite_bind_text(add, 7, bytes_str(r->legal_basis));
    sqlite_bind_int(add, 8, now);
    sqlite_bind_int(add, 9, r->due_on);
    error = sqlite_run(add);
    return error ? error
                 : request_event(c, change, now, change->id, bytes_str(r->matter), r->fields,
                                 ACCESS_SUBMITTED);
}

static enum registry_error decide_request(struct sqlite_connection *c,
                                          struct registry_change *change, int64_t now)
{
    const struct registry_access_request *r = change->request;
    struct sqlite3_stmt *find = c->statements[W_REQUEST_STATE];
    struct sqlite3_stmt *decide = c->statements[W_REQUEST_DECIDE];
    bool approved = r->state == ACCESS_APPROVED;
    CHECK(approved || r->state == ACCESS_REFUSED);
    sqlite_bind_blob(find, 1, bytes_of(r->id, sizeof r->id));
    enum registry_error error = sqlite_step(find);
    if (error)
        return error;
    char storage[ACCESS_MATTER_BYTES_MAX];
    struct buf matter = BUF_OVER(storage);
    int64_t state = sqlite_column_int(find, 0);
    uint32_t fields = (uint32_t)sqlite_column_int(find, 2);
    buf_put(&matter, sqlite_column_bytes(find, 1));
    sqlite_reset(find);
    if (!buf_ok(&matter))
        return REGISTRY_ERR_STORAGE;
    if (state != ACCESS_SUBMITTED)
        return change_refuse(change, "it is decided already");
    if (!*r->decided_by || (!approved && !*r->reason))
        return change_refuse(change, "a decision names who decided, and a refusal its reason");
    if (approved && r->expires_at <= now)
        return change_refuse(change, "an approval ends in the future");
    sqlite_bind_blob(decide, 1, bytes_of(r->id, sizeof r->id));
    sqlite_bind_int(decide, 2, r->state);
    sqlite_bind_int(decide, 3, now);
    sqlite_bind_text(decide, 4, bytes_str(r->decided_by));
    sqlite_bind_text(decide, 5, bytes_str(r->reason));
    sqlite_bind_int(decide, 6, approved ? r->expires_at : 0);
    error = sqlite_run(decide);
    return error ? error
                 : request_event(c, change, now, r->id, buf_bytes(&matter), fields, r->state);
}

enum registry_error change_what_for(struct sqlite_connection *c, struct registry_change *change,
                                    int64_t now)
{
    switch (change->kind) {
    case CHANGE_CONSENT_GIVE:
        return give_consent(c, change, now);
    case CHANGE_CONSENT_WITHDRAW:
        return withdraw_consent(c, change, now);
    case CHANGE_ACCESS_SUBMIT:
        return submit_request(c, change, now);
    default:
        return decide_request(c, change, now);
    }
}
