/* Reads about persons: their licences and those they may act for, the places of these, and the
 * mandates themselves. A mandate for one licence holds while the licence is its giver's; one for an
 * issuer's licences is no weaker than one for all of the giver's. */
#include "registry/sqlite_read.h"

#include "base/clock.h"
#include "registry/access.h"

/* clang-format off */
const char *const person_texts[R_COUNT] = {
    [R_HOLDER_BY_NUMBER] = "SELECT id FROM holder WHERE number_key = ?",
    [R_HOLDER_BY_ID] = "SELECT holder FROM holder WHERE id = ?",

    /* His own come first, and count first against the limit. Whole givers are streamed; of the
     * single licences only those of other givers are left. */
    [R_OF_PERSON] =
        "WITH me (holder) AS (SELECT holder FROM holder WHERE id = ?1),"
        " mine AS (SELECT giver, kind, licence, issuer FROM mandate"
        "  WHERE agent = (SELECT holder FROM me) AND " MANDATE_OPEN ") "
        LICENCE_COLUMNS_PRESENT ", f.kind"
        " FROM (SELECT holder AS giver, NULL AS one, NULL AS issuer, 0 AS kind FROM me"
        "  UNION ALL SELECT giver, NULL, issuer, min(kind) FROM mine WHERE licence IS NULL"
        "   GROUP BY giver, issuer"
        "  UNION ALL SELECT giver, licence, NULL, kind FROM mine m WHERE licence IS NOT NULL AND"
        "   NOT EXISTS (SELECT 1 FROM mine WHERE giver = m.giver AND licence IS NULL)) f"
        " CROSS JOIN licence l ON l.holder = f.giver AND (f.one IS NULL OR l.licence = f.one)"
        "  AND (l.issuer = f.issuer OR f.issuer IS NULL AND NOT EXISTS (SELECT 1 FROM mine"
        "   WHERE giver = f.giver AND licence IS NULL AND issuer = l.issuer))"
        LICENCE_JOINS " LIMIT ?3",
    [R_OF_HOLDER] =
        LICENCE_COLUMNS_PRESENT ", 0 FROM licence l" LICENCE_JOINS
        " WHERE l.holder = (SELECT holder FROM holder WHERE id = ?1) LIMIT ?3",
    [R_OF_NUMBER] = LICENCE_COLUMNS_PRESENT ", 0" FROM_NUMBER("?3"),

    [R_MAY_ACT] =
        "SELECT m.kind FROM mandate m JOIN licence l ON l.id = ?4"
        " WHERE m.agent = (SELECT holder FROM holder WHERE id = ?1)"
        " AND m.giver = (SELECT holder FROM holder WHERE id = ?3) AND " MANDATE_OPEN
        " AND (m.licence IS NULL OR m.licence = l.licence)"
        " AND (m.issuer IS NULL OR m.issuer = l.issuer) ORDER BY m.kind LIMIT 1",
    [R_PLACES] =
        WITH_REPRESENTED
        ", whose AS (SELECT holder, NULL AS issuer FROM me UNION ALL SELECT * FROM represented)"
        " SELECT l.list, l.place, l.id FROM whose w CROSS JOIN licence l ON l.holder = w.holder"
        "  AND (w.issuer IS NULL OR l.issuer = w.issuer) AND NOT l.in_doubt"
        " UNION ALL SELECT p.list, p.place, l.id FROM whose w"
        "  CROSS JOIN place p ON p.holder = w.holder JOIN licence l ON l.licence = p.licence"
        "  AND (w.issuer IS NULL OR l.issuer = w.issuer)",

    [R_MANDATES] =
        WITH_REPRESENTED
        ", known (mandate, gives) AS (SELECT mandate, kind <> 1 FROM mandate"
        "   WHERE giver = (SELECT holder FROM me) AND " MANDATE_OPEN
        "  UNION ALL SELECT m.mandate, m.kind <> 1 FROM represented r CROSS JOIN mandate m"
        "   ON m.giver = r.holder AND (m.issuer IS NULL OR m.issuer = r.issuer)"
        "   WHERE " MANDATE_OPEN
        "  UNION ALL SELECT mandate, 0 FROM mandate"
        "   WHERE agent = (SELECT holder FROM me) AND " MANDATE_OPEN ")"
        " SELECT m.id, m.kind, g.id, g.kind, a.id, l.id, m.since, m.until, max(k.gives),"
        "  g.holder, a.holder, i.name FROM known k CROSS JOIN mandate m ON m.mandate = k.mandate"
        " JOIN holder g ON g.holder = m.giver JOIN holder a ON a.holder = m.agent"
        " LEFT JOIN licence l ON l.licence = m.licence LEFT JOIN issuer i ON i.issuer = m.issuer"
        " WHERE m.licence IS NULL OR l.holder = m.giver"
        " GROUP BY m.mandate ORDER BY max(k.gives) DESC, m.mandate DESC LIMIT ?3",
    [R_NAME] = "SELECT id, sealed FROM licence WHERE holder = ? ORDER BY licence DESC LIMIT 1",
    [R_REPRESENTATIVE_NAME] =
        "SELECT l.id, l.sealed, h.number_key FROM mandate m JOIN licence l ON l.holder = m.giver"
        "  AND l.issuer = m.issuer JOIN holder h ON h.holder = m.agent"
        " WHERE m.agent = ?1 AND m.kind = 1 AND m.ended IS NULL LIMIT ?2",
};
/* clang-format on */
_Static_assert(ACTING_HOLDER == 0 && ACTING_REPRESENTATIVE == 1, "the kinds in the texts");

static bool acting_of(int64_t kind, enum registry_acting *acting)
{
    *acting = (enum registry_acting)kind;
    return kind >= 0 && kind < ACTING_COUNT;
}

enum registry_error registry_holder_id(struct registry_reader *reader, struct bytes number,
                                       uint8_t id[REGISTRY_ID_BYTES])
{
    uint8_t key[SEAL_KEY_BYTES];
    struct sqlite3_stmt *row = reader->c.statements[R_HOLDER_BY_NUMBER];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (!error)
        error = seal_key(&reader->c.seal, KEY_HOLDER, number, key);
    if (error)
        return error;
    sqlite_bind_blob(row, 1, bytes_of(key, SEAL_KEY_BYTES));
    error = sqlite_step(row);
    if (!error && !sqlite_column_id(row, 0, id))
        error = REGISTRY_ERR_STORAGE;
    sqlite_reset(row);
    return error;
}

/* ---- several licences ---- */

static enum registry_error holder_exists(struct sqlite_connection *c,
                                         const uint8_t id[REGISTRY_ID_BYTES])
{
    struct sqlite3_stmt *row = c->statements[R_HOLDER_BY_ID];
    sqlite_bind_blob(row, 1, bytes_of(id, REGISTRY_ID_BYTES));
    enum registry_error error = sqlite_step(row);
    sqlite_reset(row);
    return error;
}

/* Binds what the query asks for: *row is its statement. */
static enum registry_error ask(struct sqlite_connection *c,
                               const struct registry_licences_query *query,
                               uint8_t key[SEAL_KEY_BYTES], struct sqlite3_stmt **row)
{
    enum registry_error error;
    struct bytes whose;
    if (query->by == LICENCES_OF_NUMBER) {
        *row = c->statements[R_OF_NUMBER];
        error = seal_key(&c->seal, KEY_LICENCE, query->text, key);
        whose = bytes_of(key, SEAL_KEY_BYTES);
    } else {
        *row = c->statements[query->by == LICENCES_OF_PERSON ? R_OF_PERSON : R_OF_HOLDER];
        error = holder_exists(c, query->holder_id);
        whose = bytes_of(query->holder_id, REGISTRY_ID_BYTES);
    }
    if (error)
        return error;
    sqlite_bind_blob(*row, 1, whose);
    if (query->by == LICENCES_OF_PERSON)
        sqlite_bind_int(*row, 2, clock_wall_s());
    sqlite_bind_int(*row, 3, REGISTRY_HOLDER_LICENCES_MAX + 1);
    return REGISTRY_OK;
}

static enum registry_error find_licences(struct sqlite_connection *c,
                                         struct registry_licences_query *query)
{
    struct registry_licence licence;
    enum registry_acting acting;
    uint8_t storage[REGISTRY_LICENCE_BYTES_MAX], key[SEAL_KEY_BYTES];
    struct sqlite3_stmt *row;
    query->more = false;
    enum registry_error error = ask(c, query, key, &row);
    if (error)
        return error;
    for (int count = 0; !(error = sqlite_step(row)); count++) {
        query->more = count == REGISTRY_HOLDER_LICENCES_MAX;
        if (query->more)
            break;
        error = licence_read(c, row, &licence, storage);
        if (!error && !acting_of(sqlite_column_int(row, LICENCE_COLUMN_COUNT), &acting))
            error = REGISTRY_ERR_STORAGE;
        if (error)
            break;
        query->each(query, &licence, acting);
    }
    sqlite_reset(row);
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

enum registry_when registry_find_licences(struct registry_reader *reader,
                                          struct registry_licences_query *query)
{
    query->error = sqlite_in_place(&reader->c);
    if (!query->error)
        query->error = find_licences(&reader->c, query);
    return REGISTRY_NOW;
}

enum registry_error registry_may_act(struct registry_reader *reader,
                                     const uint8_t person[REGISTRY_ID_BYTES],
                                     const struct registry_licence *licence, int64_t now,
                                     enum registry_acting *acting)
{
    struct sqlite3_stmt *row = reader->c.statements[R_MAY_ACT];
    *acting = ACTING_HOLDER;
    if (memcmp(person, licence->holder_id, REGISTRY_ID_BYTES) == 0)
        return REGISTRY_OK;
    sqlite_bind_blob(row, 1, bytes_of(person, REGISTRY_ID_BYTES));
    sqlite_bind_int(row, 2, now);
    sqlite_bind_blob(row, 3, bytes_of(licence->holder_id, REGISTRY_ID_BYTES));
    sqlite_bind_blob(row, 4, bytes_of(licence->id, REGISTRY_ID_BYTES));
    enum registry_error error = sqlite_step(row);
    if (!error && !acting_of(sqlite_column_int(row, 0), acting))
        error = REGISTRY_ERR_STORAGE;
    sqlite_reset(row);
    return error;
}

enum registry_error registry_places_of_person(struct registry_reader *reader,
                                              const uint8_t person[REGISTRY_ID_BYTES],
                                              struct registry_place *places, size_t *count)
{
    struct sqlite3_stmt *row = reader->c.statements[R_PLACES];
    size_t room = *count;
    enum registry_error error = sqlite_in_place(&reader->c);
    *count = 0;
    if (error)
        return error;
    sqlite_bind_blob(row, 1, bytes_of(person, REGISTRY_ID_BYTES));
    sqlite_bind_int(row, 2, clock_wall_s());
    for (; !(error = sqlite_step(row)); *count += 1) {
        if (*count >= room)
            continue;
        struct registry_place *place = &places[*count];
        place->list = (uint16_t)sqlite_column_int(row, 0);
        place->index = (uint32_t)sqlite_column_int(row, 1);
        if (!sqlite_column_id(row, 2, place->licence)) {
            error = REGISTRY_ERR_STORAGE;
            break;
        }
    }
    sqlite_reset(row);
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

/* ---- mandates ---- */

/* Opens the texts of a licence whose id and sealed texts are a row's first columns. */
static enum registry_error open_texts(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                      struct buf *storage, struct bytes texts[TEXT_COUNT])
{
    uint8_t id[REGISTRY_ID_BYTES];
    storage->len = 0;
    if (!sqlite_column_id(row, 0, id))
        return REGISTRY_ERR_STORAGE;
    enum registry_error error =
        seal_open(&c->seal, SEAL_LICENCE, id, sqlite_column_bytes(row, 1), storage);
    return !error && !licence_texts_read(buf_bytes(storage), texts) ? REGISTRY_ERR_SEALED : error;
}

/* Of one who has no licence of his own: an enterprise's licence that names him. */
static enum registry_error name_of_representative(struct sqlite_connection *c, int64_t holder,
                                                  struct buf *storage, struct bytes *name)
{
    struct bytes texts[TEXT_COUNT];
    uint8_t key[SEAL_KEY_BYTES];
    struct sqlite3_stmt *row = c->statements[R_REPRESENTATIVE_NAME];
    enum registry_error error = REGISTRY_OK;
    sqlite_bind_int(row, 1, holder);
    sqlite_bind_int(row, 2, REGISTRY_HOLDER_LICENCES_MAX);
    while (name->len == 0 && !(error = sqlite_step(row))) {
        error = open_texts(c, row, storage, texts);
        if (!error)
            error = seal_key(&c->seal, KEY_HOLDER, texts[TEXT_REPRESENTATIVE_NUMBER], key);
        if (error)
            break;
        if (bytes_equal(sqlite_column_bytes(row, 2), bytes_of(key, SEAL_KEY_BYTES)))
            *name = texts[TEXT_REPRESENTATIVE_NAME];
    }
    sqlite_reset(row);
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}

/* As his newest licence says it. The view points into `storage`; empty when no licence tells. */
static enum registry_error name_of(struct sqlite_connection *c, int64_t holder, struct buf *storage,
                                   struct bytes *name)
{
    struct bytes texts[TEXT_COUNT];
    struct sqlite3_stmt *row = c->statements[R_NAME];
    *name = bytes_of("", 0);
    sqlite_bind_int(row, 1, holder);
    enum registry_error error = sqlite_step(row);
    if (error == REGISTRY_ERR_NOT_FOUND)
        return name_of_representative(c, holder, storage, name);
    if (!error)
        error = open_texts(c, row, storage, texts);
    if (!error)
        *name = texts[TEXT_HOLDER_NAME];
    sqlite_reset(row);
    return error;
}

static enum registry_error read_mandate(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                        struct registry_mandate *m, struct buf *giver_texts,
                                        struct buf *agent_texts)
{
    m->issuer_name = sqlite_column_bytes(row, 11);
    m->has_licence = sqlite_column_bytes(row, 5).len != 0;
    if (!sqlite_column_id(row, 0, m->id) || !acting_of(sqlite_column_int(row, 1), &m->acting) ||
        !sqlite_column_id(row, 2, m->giver) || !sqlite_column_id(row, 4, m->agent) ||
        (m->has_licence && !sqlite_column_id(row, 5, m->licence)))
        return REGISTRY_ERR_STORAGE;
    m->giver_kind = (enum registry_holder_kind)sqlite_column_int(row, 3);
    m->since = sqlite_column_int(row, 6);
    m->until = sqlite_column_int(row, 7);
    enum registry_error error = name_of(c, sqlite_column_int(row, 9), giver_texts, &m->giver_name);
    return error ? error : name_of(c, sqlite_column_int(row, 10), agent_texts, &m->agent_name);
}

enum registry_error registry_mandates(
    struct registry_reader *reader, const uint8_t person[REGISTRY_ID_BYTES], int64_t now,
    void (*each)(void *context, const struct registry_mandate *mandate, bool asker_gives),
    void *context)
{
    uint8_t giver_storage[LICENCE_TEXTS_BYTES_MAX], agent_storage[LICENCE_TEXTS_BYTES_MAX];
    struct buf giver_texts = BUF_OVER(giver_storage), agent_texts = BUF_OVER(agent_storage);
    struct sqlite3_stmt *row = reader->c.statements[R_MANDATES];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_blob(row, 1, bytes_of(person, REGISTRY_ID_BYTES));
    sqlite_bind_int(row, 2, now);
    sqlite_bind_int(row, 3, ACCESS_MANDATES_MAX);
    while (!(error = sqlite_step(row))) {
        struct registry_mandate mandate = {0};
        error = read_mandate(&reader->c, row, &mandate, &giver_texts, &agent_texts);
        if (error)
            break;
        each(context, &mandate, sqlite_column_int(row, 8) != 0);
    }
    sqlite_reset(row);
    return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_OK : error;
}
