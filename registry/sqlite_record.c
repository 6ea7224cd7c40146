/* Records of an import, each compared with what the registry has: a new licence, a new version of
 * one with a fresh place, another status, nothing, or older than what is there. */
#include "registry/sqlite_change.h"
#include "registry/sqlite_read.h"

#include "base/check.h"

#define CATALOGUE_MAX 65535 /* greatest index that fits a code's claim */
#define VERSION_MAX   65535

/* A record as it will be stored. */
struct prepared {
    uint8_t number_key[SEAL_KEY_BYTES], identifier_key[SEAL_KEY_BYTES], holder_key[SEAL_KEY_BYTES];
    uint8_t salt[LICENCE_SALT_BYTES], reference[REGISTRY_REFERENCE_BYTES]; /* of a new licence */
    uint16_t type, issuer;
    struct buf texts; /* what will be sealed */
    uint8_t storage[LICENCE_TEXTS_BYTES_MAX];
};

/* What the registry has of the same identity. */
struct present {
    struct licence_state state;
    uint8_t id[REGISTRY_ID_BYTES];
    uint64_t source_version;
    enum licence_status delivered_status; /* what its source version said */
    bool same_face;                       /* texts, dates and holder */
    bool same_representative;             /* of the same holder */
};

/* ---- the record ---- */

static bool one_to(struct bytes text, size_t max)
{
    return text.len >= 1 && text.len <= max;
}

static const char *refusal_of(const struct registry_record *r)
{
    if (!one_to(r->type_code, REGISTRY_CODE_BYTES_MAX) ||
        !one_to(r->issuer_code, REGISTRY_CODE_BYTES_MAX))
        return "a type's or issuer's code has 1 to 63 bytes";
    if (!one_to(r->holder_number, REGISTRY_NUMBER_BYTES_MAX) ||
        r->representative_number.len > REGISTRY_NUMBER_BYTES_MAX)
        return "a holder's number has 1 to 32 bytes";
    if (!one_to(r->number, REGISTRY_TEXT_BYTES_MAX) ||
        !one_to(r->holder_name, REGISTRY_TEXT_BYTES_MAX) ||
        r->type_name.len > REGISTRY_TEXT_BYTES_MAX || r->name.len > REGISTRY_TEXT_BYTES_MAX ||
        r->identifier.len > REGISTRY_TEXT_BYTES_MAX ||
        r->issuer_name.len > REGISTRY_TEXT_BYTES_MAX ||
        r->representative_name.len > REGISTRY_TEXT_BYTES_MAX)
        return "a text is missing or longer than 512 bytes";
    if (!is_issuers_status(r->issuer_status))
        return "that is no issuer's status";
    if (r->holder_kind == HOLDER_PERSON && r->representative_number.len)
        return "only an enterprise has a representative";
    return NULL;
}

static void put_text(struct buf *b, struct bytes text)
{
    buf_put_u8(b, (uint8_t)(text.len >> 8));
    buf_put_u8(b, (uint8_t)text.len);
    buf_put(b, text);
}

bool licence_texts_read(struct bytes plain, struct bytes texts[TEXT_COUNT])
{
    for (int i = 0; i < TEXT_COUNT; i++) {
        if (plain.len < 2)
            return false;
        size_t len = (size_t)plain.data[0] << 8 | plain.data[1];
        plain = bytes_from(plain, 2);
        if (len > plain.len)
            return false;
        texts[i] = bytes_of(plain.data, len);
        plain = bytes_from(plain, len);
    }
    return plain.len == 0;
}

/* The index of a type or issuer; a code that is not there yet gets the next one. */
static enum registry_error catalogue_index(struct sqlite_connection *c,
                                           struct registry_change *change,
                                           enum change_statement look, enum change_statement add,
                                           struct bytes code, struct bytes name, uint16_t *index)
{
    struct sqlite3_stmt *statement = c->statements[look];
    sqlite_bind_text(statement, 1, code);
    enum registry_error error = sqlite_step(statement);
    if (error == REGISTRY_ERR_NOT_FOUND) {
        statement = c->statements[add];
        sqlite_bind_text(statement, 1, code);
        sqlite_bind_text(statement, 2, name);
        error = sqlite_step(statement);
    }
    if (error)
        return error;
    int64_t found = sqlite_column_int(statement, 0);
    sqlite_reset(statement);
    *index = (uint16_t)found;
    return found > CATALOGUE_MAX ? change_refuse(change, "the catalogue is full") : REGISTRY_OK;
}

static enum registry_error prepare(struct sqlite_connection *c, struct registry_change *change,
                                   const struct registry_record *r, struct prepared *p)
{
    const char *refusal = refusal_of(r);
    if (refusal)
        return change_refuse(change, refusal);
    const struct bytes texts[TEXT_COUNT] = {
        [TEXT_NAME] = r->name,
        [TEXT_NUMBER] = r->number,
        [TEXT_IDENTIFIER] = r->identifier,
        [TEXT_HOLDER_NAME] = r->holder_name,
        [TEXT_REPRESENTATIVE_NAME] = r->representative_name,
        [TEXT_REPRESENTATIVE_NUMBER] = r->representative_number,
    };
    buf_init(&p->texts, p->storage, sizeof p->storage);
    for (int i = 0; i < TEXT_COUNT; i++)
        put_text(&p->texts, texts[i]);

    enum registry_error error = seal_key(&c->seal, KEY_LICENCE, r->number, p->number_key);
    if (!error)
        error = seal_key(&c->seal, KEY_LICENCE, r->identifier, p->identifier_key);
    if (!error)
        error = seal_key(&c->seal, KEY_HOLDER, r->holder_number, p->holder_key);
    if (!error)
        error =
            catalogue_index(c, change, W_TYPE, W_TYPE_ADD, r->type_code, r->type_name, &p->type);
    if (!error)
        error = catalogue_index(c, change, W_ISSUER, W_ISSUER_ADD, r->issuer_code, r->issuer_name,
                                &p->issuer);
    return error;
}

/* The salt follows from the identity, so that a licence that was lost and is delivered again has
 * the reference that the log knows it by. */
static enum registry_error prepare_new(struct sqlite_connection *c, const struct registry_record *r,
                                       struct prepared *p)
{
    uint8_t storage[2 * (REGISTRY_CODE_BYTES_MAX + 1) + REGISTRY_TEXT_BYTES_MAX];
    struct buf identity = BUF_OVER(storage);
    _Static_assert(LICENCE_SALT_BYTES == CRYPTO_HASH_BYTES, "the keyed hash is the salt");
    buf_put(&identity, r->type_code);
    buf_put_u8(&identity, 0);
    buf_put(&identity, r->issuer_code);
    buf_put_u8(&identity, 0);
    buf_put(&identity, r->number);
    CHECK(buf_ok(&identity));
    enum registry_error error = seal_hash(&c->seal, KEY_SALT, buf_bytes(&identity), p->salt);
    return error ? error
                 : licence_reference(c, bytes_of(p->salt, sizeof p->salt), r->type_code,
                                     r->issuer_code, r->number, p->reference);
}

/* ---- what is there ---- */

static enum registry_error compare(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                   const struct registry_record *r, const struct prepared *p,
                                   struct present *present)
{
    uint8_t storage[LICENCE_TEXTS_BYTES_MAX];
    struct buf plain = BUF_OVER(storage);
    struct bytes texts[TEXT_COUNT];
    enum registry_error error = licence_state_read(row, &present->state);
    if (!error && !sqlite_column_id(row, 7, present->id))
        error = REGISTRY_ERR_STORAGE;
    if (!error)
        error = seal_open(&c->seal, SEAL_LICENCE, present->id, sqlite_column_bytes(row, 8), &plain);
    if (!error && !licence_texts_read(buf_bytes(&plain), texts))
        error = REGISTRY_ERR_SEALED;
    if (!error && !licence_status_of_code(sqlite_column_int(row, 13), &present->delivered_status))
        error = REGISTRY_ERR_STORAGE;
    if (error)
        return error;
    present->source_version = (uint64_t)sqlite_column_int(row, 12);
    bool same_holder =
        bytes_equal(sqlite_column_bytes(row, 14), bytes_of(p->holder_key, SEAL_KEY_BYTES));
    present->same_face = bytes_equal(buf_bytes(&plain), buf_bytes(&p->texts)) && same_holder &&
                         sqlite_column_int(row, 9) == r->issued_on &&
                         sqlite_column_int(row, 10) == r->valid_from &&
                         sqlite_column_int(row, 11) == r->valid_until;
    present->same_representative =
        same_holder && !present->state.in_doubt &&
        bytes_equal(texts[TEXT_REPRESENTATIVE_NUMBER], r->representative_number);
    return REGISTRY_OK;
}

static enum registry_error find_present(struct sqlite_connection *c,
                                        const struct registry_record *r, const struct prepared *p,
                                        struct present *present)
{
    struct sqlite3_stmt *find = c->statements[W_LICENCE_BY_IDENTITY];
    sqlite_bind_blob(find, 1, bytes_of(p->number_key, SEAL_KEY_BYTES));
    sqlite_bind_int(find, 2, p->type);
    sqlite_bind_int(find, 3, p->issuer);
    enum registry_error error = sqlite_step(find);
    if (!error)
        error = compare(c, find, r, p, present);
    sqlite_reset(find);
    return error;
}

/* ---- holders and representatives ---- */

static enum registry_error add_holder(struct sqlite_connection *c, enum registry_holder_kind kind,
                                      struct bytes number, const uint8_t key[SEAL_KEY_BYTES],
                                      int64_t *row)
{
    uint8_t id[REGISTRY_ID_BYTES], storage[REGISTRY_NUMBER_BYTES_MAX + SEAL_OVERHEAD_BYTES];
    struct buf sealed = BUF_OVER(storage);
    struct sqlite3_stmt *add = c->statements[W_HOLDER_ADD];
    enum registry_error error = seal_random(&c->seal, id, sizeof id);
    if (!error)
        error = seal_close(&c->seal, SEAL_HOLDER, id, number, &sealed);
    if (error)
        return error;
    sqlite_bind_blob(add, 1, bytes_of(id, sizeof id));
    sqlite_bind_int(add, 2, kind);
    sqlite_bind_blob(add, 3, bytes_of(key, SEAL_KEY_BYTES));
    sqlite_bind_blob(add, 4, buf_bytes(&sealed));
    error = sqlite_step(add);
    if (!error)
        *row = sqlite_column_int(add, 0);
    sqlite_reset(add);
    return error;
}

/* REFUSED: a person is no enterprise, whatever a record says, or whoever it names as representative
 * would act for him. */
static enum registry_error find_or_add_holder(struct sqlite_connection *c,
                                              struct registry_change *change,
                                              enum registry_holder_kind kind, struct bytes number,
                                              const uint8_t key[SEAL_KEY_BYTES], int64_t *row)
{
    struct sqlite3_stmt *find = c->statements[W_HOLDER_BY_NUMBER];
    sqlite_bind_blob(find, 1, bytes_of(key, SEAL_KEY_BYTES));
    enum registry_error error = sqlite_step(find);
    if (error == REGISTRY_ERR_NOT_FOUND)
        return add_holder(c, kind, number, key, row);
    if (error)
        return error;
    *row = sqlite_column_int(find, 0);
    bool same = sqlite_column_int(find, 1) == kind;
    sqlite_reset(find);
    return same ? REGISTRY_OK
                : change_refuse(change, kind == HOLDER_PERSON
                                            ? "a person's number is known as an enterprise's"
                                            : "an enterprise's number is known as a person's");
}

/* Who is named acts for the enterprise's licences of this issuer from now on, and whoever did so
 * before does not. A record that names nobody, or him whom the version before named, says nothing
 * new: another of the issuer's may have. */
static enum registry_error set_representative(
    struct sqlite_connection *c, struct registry_change *change, const struct registry_record *r,
    const struct prepared *p, const struct present *present, int64_t holder, int64_t now)
{
    uint8_t key[SEAL_KEY_BYTES];
    struct bytes number = r->representative_number;
    int64_t person = 0;
    if (!number.len || present->same_representative)
        return REGISTRY_OK;
    enum registry_error error = seal_key(&c->seal, KEY_HOLDER, number, key);
    if (!error)
        error = find_or_add_holder(c, change, HOLDER_PERSON, number, key, &person);
    return error ? error
                 : mandate_put_representative(c, change, now, &present->state, p->issuer, holder,
                                              person);
}

/* ---- writing a version ---- */

/* Stores the record as the present version at its place: the licence's row is new when it is 0. */
static enum registry_error store_version(struct sqlite_connection *c,
                                         const struct registry_change *change,
                                         const struct registry_record *r, const struct prepared *p,
                                         struct present *present, int64_t holder, int64_t now)
{
    struct licence_state *l = &present->state;
    uint8_t storage[LICENCE_TEXTS_BYTES_MAX + SEAL_OVERHEAD_BYTES];
    struct buf sealed = BUF_OVER(storage);
    enum registry_error error =
        seal_close(&c->seal, SEAL_LICENCE, present->id, buf_bytes(&p->texts), &sealed);
    if (error)
        return error;
    bool add = l->row == 0;
    struct sqlite3_stmt *store = c->statements[add ? W_LICENCE_ADD : W_LICENCE_VERSION];
    if (add) {
        sqlite_bind_blob(store, 19, bytes_of(p->salt, sizeof p->salt));
        sqlite_bind_blob(store, 2, bytes_of(present->id, REGISTRY_ID_BYTES));
        sqlite_bind_int(store, 4, p->type);
        sqlite_bind_int(store, 5, p->issuer);
        sqlite_bind_blob(store, 6, bytes_of(p->number_key, SEAL_KEY_BYTES));
        sqlite_bind_int(store, 14, licence_status_code(l->status));
    } else {
        sqlite_bind_int(store, 1, l->row);
        sqlite_bind_int(store, 14, l->version);
    }
    sqlite_bind_int(store, 3, holder);
    sqlite_bind_blob(store, 7,
                     bytes_of(r->identifier.len ? p->identifier_key : NULL, SEAL_KEY_BYTES));
    sqlite_bind_blob(store, 8, buf_bytes(&sealed));
    sqlite_bind_int(store, 9, r->issued_on);
    sqlite_bind_int(store, 10, r->valid_from);
    sqlite_bind_int(store, 11, r->valid_until);
    sqlite_bind_int(store, 12, l->list);
    sqlite_bind_int(store, 13, l->place);
    sqlite_bind_int(store, 15, now);
    sqlite_bind_text(store, 16, change->source);
    sqlite_bind_int(store, 17, (int64_t)r->source_version);
    sqlite_bind_int(store, 18, licence_status_code(present->delivered_status));
    if (!add)
        return sqlite_run(store);
    error = sqlite_step(store);
    if (!error)
        l->row = sqlite_column_int(store, 0);
    sqlite_reset(store);
    return error;
}

/* Says which delivery made it, for a registry that was restored from a backup to know. */
static enum registry_error import_event(struct sqlite_connection *c, struct registry_change *change,
                                        const struct registry_record *r, int64_t now,
                                        enum registry_event_kind kind,
                                        const struct licence_state *l)
{
    char storage[24];
    struct buf source_version = BUF_OVER(storage);
    buf_put_decimal(&source_version, (int64_t)r->source_version);
    return event_add(
        c, change, now,
        &(struct event_new){.kind = kind,
                            .licence = l,
                            .purpose = BYTES(EVENT_BY_IMPORT),
                            .reference = buf_bytes(&source_version),
                            .detail = kind == EVENT_SUPERSEDED
                                          ? EVENT_NONE
                                          : (uint8_t)licence_status_code(l->issuer_status)});
}

/* The present version's place is that of an old one. Its event is the one before the new version's.
 */
static enum registry_error supersede(struct sqlite_connection *c, struct registry_change *change,
                                     const struct registry_record *r, const struct licence_state *l,
                                     int64_t now)
{
    struct licence_state old = *l;
    old.status = licence_status_stricter(l->status, LICENCE_STATUS_SUPERSEDED);
    enum registry_error error = place_supersede(c, l, now);
    return error ? error : import_event(c, change, r, now, EVENT_SUPERSEDED, &old);
}

/* A licence's first version, or its next; the issuer's status is set in l before. */
static enum registry_error put_version(struct sqlite_connection *c, struct registry_change *change,
                                       const struct registry_record *r, const struct prepared *p,
                                       struct present *present, int64_t now)
{
    struct licence_state *l = &present->state;
    int64_t holder = 0;
    uint64_t seq;
    enum registry_event_kind kind = l->row ? EVENT_VERSION : EVENT_ISSUED;
    enum registry_error error =
        find_or_add_holder(c, change, r->holder_kind, r->holder_number, p->holder_key, &holder);
    if (!error && l->row)
        error = supersede(c, change, r, l, now);
    if (!error)
        error = place_choose(c, change, l);
    l->version++;
    l->in_doubt = false;
    if (!error)
        error = store_version(c, change, r, p, present, holder, now);
    if (!error)
        error = place_add(c, l);
    if (!error)
        error = licence_settle(c, l, now, &seq);
    if (!error && kind == EVENT_ISSUED)
        error = licence_return(c, change, p->reference, r->source_version, l, now);
    if (!error)
        error = import_event(c, change, r, now, kind, l);
    /* What is in doubt is of an older record: it names nobody anew. */
    return error || l->in_doubt ? error : set_representative(c, change, r, p, present, holder, now);
}

static enum registry_error put_source(struct sqlite_connection *c,
                                      const struct registry_change *change,
                                      const struct registry_record *r,
                                      const struct present *present, int64_t now)
{
    struct sqlite3_stmt *store = c->statements[W_LICENCE_SOURCE];
    sqlite_bind_int(store, 1, present->state.row);
    sqlite_bind_text(store, 2, change->source);
    sqlite_bind_int(store, 3, (int64_t)r->source_version);
    sqlite_bind_int(store, 4, now);
    sqlite_bind_int(store, 5, licence_status_code(present->delivered_status));
    return sqlite_run(store);
}

/* Of one source version the strictest status counts, for nobody knows in which order its records
 * were made; and what was delivered before does not undo what the issuer said since. */
static void take_status(const struct registry_record *r, struct present *present)
{
    struct licence_state *l = &present->state;
    bool newer = r->source_version > present->source_version;
    enum licence_status before = present->delivered_status;
    present->delivered_status =
        newer ? r->issuer_status : licence_status_stricter(before, r->issuer_status);
    if (newer)
        l->issuer_status = r->issuer_status;
    else if (present->delivered_status != before)
        l->issuer_status = licence_status_stricter(l->issuer_status, r->issuer_status);
}

/* The record of a licence that is there, which is not older than what is there. */
static enum registry_error put_again(struct sqlite_connection *c, struct registry_change *change,
                                     const struct registry_record *r, const struct prepared *p,
                                     struct present *present, int64_t now,
                                     enum registry_outcome *outcome)
{
    struct licence_state *l = &present->state;
    uint64_t seq;
    enum registry_error error = REGISTRY_OK;
    enum licence_status before = l->issuer_status, said = present->delivered_status;
    take_status(r, present);
    if (!present->same_face || l->in_doubt) {
        *outcome = OUTCOME_NEW_VERSION;
        if (l->version == VERSION_MAX)
            return change_refuse(change, "a licence has no more versions left");
        return put_version(c, change, r, p, present, now);
    }
    *outcome = l->issuer_status == before ? OUTCOME_UNCHANGED : OUTCOME_STATUS_CHANGED;
    if (*outcome == OUTCOME_STATUS_CHANGED)
        error = licence_settle(c, l, now, &seq);
    /* Which version said so is told, too: after a restore no older one may loosen it. */
    bool newer = r->source_version > present->source_version;
    if (!error &&
        (*outcome == OUTCOME_STATUS_CHANGED || (newer && l->issuer_status != LICENCE_STATUS_VALID)))
        error = import_event(c, change, r, now, EVENT_STATUS, l);
    bool says_other = present->delivered_status != said;
    if (!error && (newer || says_other))
        error = put_source(c, change, r, present, now);
    return error;
}

static enum registry_error put_record(struct sqlite_connection *c, struct registry_change *change,
                                      const struct registry_record *r, int64_t now,
                                      enum registry_outcome *outcome)
{
    struct prepared p;
    struct present present = {.state.status = LICENCE_STATUS_VALID};
    enum registry_error error = prepare(c, change, r, &p);
    if (!error)
        error = find_present(c, r, &p, &present);
    if (error == REGISTRY_ERR_NOT_FOUND) {
        *outcome = OUTCOME_ADDED;
        present.state.issuer_status = present.delivered_status = r->issuer_status;
        error = seal_random(&c->seal, present.id, sizeof present.id);
        if (!error)
            error = prepare_new(c, r, &p);
        if (!error)
            error = put_version(c, change, r, &p, &present, now);
    } else if (!error && r->source_version < present.source_version) {
        *outcome = OUTCOME_OLDER;
    } else if (!error) {
        error = put_again(c, change, r, &p, &present, now, outcome);
    }
    return error ? error : record_id_keep(c, change, present.state.row);
}

/* One for the batch, also when it changed nothing, or nothing of it could be taken: it was
 * delivered. */
static enum registry_error batch_event(struct sqlite_connection *c, struct registry_change *change,
                                       int64_t now)
{
    unsigned counts[OUTCOME_COUNT] = {0};
    char storage[EVENT_TEXT_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    for (size_t i = 0; i < change->record_count; i++)
        counts[change->outcomes[i]]++;
    if (change->record_count == 0 && change->rejected == 0)
        return REGISTRY_OK;
    if (change->record_count == 0)
        buf_printf(&text, "rejected %llu", (unsigned long long)change->rejected);
    else
        buf_printf(&text, "added %u versions %u status %u unchanged %u older %u",
                   counts[OUTCOME_ADDED], counts[OUTCOME_NEW_VERSION],
                   counts[OUTCOME_STATUS_CHANGED], counts[OUTCOME_UNCHANGED],
                   counts[OUTCOME_OLDER]);
    CHECK(buf_ok(&text));
    return event_add(c, change, now,
                     &(struct event_new){.kind = EVENT_IMPORT,
                                         .purpose = change->source,
                                         .reference = buf_bytes(&text),
                                         .detail = EVENT_NONE});
}

enum registry_error change_import(struct sqlite_connection *c, struct registry_change *change,
                                  int64_t now)
{
    if (!one_to(change->source, REGISTRY_CASE_BYTES_MAX) ||
        change->record_count > REGISTRY_BATCH_MAX)
        return change_refuse(change, "an import names its source and has at most 500 records");
    for (size_t i = 0; i < change->record_count; i++) {
        enum registry_error error =
            put_record(c, change, &change->records[i], now, &change->outcomes[i]);
        if (error)
            return error;
    }
    enum registry_error error = batch_event(c, change, now);
    if (!error)
        error = quality_of_import(c, change, now);
    if (error || change->import_line == 0)
        return error;
    struct sqlite3_stmt *keep = c->statements[W_IMPORT_LINE];
    sqlite_bind_blob(keep, 1, bytes_of(change->import_file, sizeof change->import_file));
    sqlite_bind_int(keep, 2, (int64_t)change->import_line);
    sqlite_bind_int(keep, 3, now);
    return sqlite_run(keep);
}
