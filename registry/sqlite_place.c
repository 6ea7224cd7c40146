/* The status lists and their places: given out, superseded, and the bits of each with their change
 * numbers. */
#include "registry/sqlite_change.h"

/* fuller, and finding a free place takes long */
#define LIST_USED_MAX (STATUS_LIST_PLACES / 4 * 3)

const char *const place_texts[W_COUNT] = {
    [W_PLACE_TAKEN] = "SELECT 1 FROM place WHERE list = ? AND place = ?",
    [W_PLACE_ADD] = "INSERT INTO place VALUES (?, ?, ?, ?, 0, NULL, NULL)",
    [W_PLACE_BITS] = "UPDATE place SET bits = ?3 WHERE list = ?1 AND place = ?2",
    [W_PLACE_SUPERSEDE] =
        "UPDATE place SET superseded_at = ?3, holder = (SELECT l.holder FROM licence l"
        " WHERE l.licence = place.licence AND NOT l.in_doubt) WHERE list = ?1 AND place = ?2",

    [W_LIST_NEWEST] = "SELECT list, used, closed FROM list ORDER BY list DESC LIMIT 1",
    [W_LIST_ADD] = "INSERT INTO list VALUES (?, ?, 0, 0, 0, 0)",
    [W_LIST_USE] = "UPDATE list SET used = used + 1 WHERE list = ?",
    [W_LIST_NEXT] = "UPDATE list SET seq = seq + 1 WHERE list = ? RETURNING seq",
    [W_LIST_GENERATION] = "UPDATE list SET generation = ?2 WHERE list = ?1",
    [W_CHANGE_ADD] = "INSERT INTO change VALUES (?, ?, ?, ?, ?)",
};

/* ---- lists ---- */

/* Not zero, 63 bits. */
static enum registry_error generation_create(struct sqlite_connection *c, int64_t *generation)
{
    uint64_t number = 0;
    enum registry_error error = REGISTRY_OK;
    while (!error && number == 0) {
        error = seal_random(&c->seal, &number, sizeof number);
        number >>= 1;
    }
    *generation = (int64_t)number;
    return error;
}

enum registry_error list_add(struct sqlite_connection *c, struct registry_change *change,
                             int64_t list)
{
    int64_t generation;
    struct sqlite3_stmt *add = c->statements[W_LIST_ADD];
    if (list >= REGISTRY_LISTS_MAX)
        return change_refuse(change, "all status lists are full");
    enum registry_error error = generation_create(c, &generation);
    if (error)
        return error;
    sqlite_bind_int(add, 1, list);
    sqlite_bind_int(add, 2, generation);
    return sqlite_run(add);
}

enum registry_error generations_renew(struct sqlite_connection *c)
{
    struct sqlite3_stmt *newest = c->statements[W_LIST_NEWEST];
    struct sqlite3_stmt *set = c->statements[W_LIST_GENERATION];
    enum registry_error error = sqlite_step(newest);
    int64_t lists = error ? 0 : sqlite_column_int(newest, 0) + 1;
    sqlite_reset(newest);
    if (!error || error == REGISTRY_ERR_NOT_FOUND) /* there may be no list yet */
        error = access_version_move(c);
    for (int64_t list = 0; !error && list < lists; list++) {
        int64_t generation;
        error = generation_create(c, &generation);
        if (error)
            break;
        sqlite_bind_int(set, 1, list);
        sqlite_bind_int(set, 2, generation);
        error = sqlite_run(set);
    }
    return error;
}

/* ---- places ---- */

/* At random in the newest list: neighbours tell nothing. */
enum registry_error place_choose(struct sqlite_connection *c, struct registry_change *change,
                                 struct licence_state *l)
{
    struct sqlite3_stmt *newest = c->statements[W_LIST_NEWEST];
    struct sqlite3_stmt *taken = c->statements[W_PLACE_TAKEN];
    struct sqlite3_stmt *use = c->statements[W_LIST_USE];
    enum registry_error error = sqlite_step(newest);
    int64_t list = 0;
    if (!error)
        list = sqlite_column_int(newest, 0);
    if (!error && (sqlite_column_int(newest, 1) >= LIST_USED_MAX || sqlite_column_int(newest, 2))) {
        list++;
        error = REGISTRY_ERR_NOT_FOUND;
    }
    sqlite_reset(newest);
    if (error == REGISTRY_ERR_NOT_FOUND)
        error = list_add(c, change, list);

    uint32_t place = 0;
    while (!error) {
        error = seal_random(&c->seal, &place, sizeof place);
        if (error)
            break;
        place %= STATUS_LIST_PLACES; /* a power of two: no place is likelier */
        sqlite_bind_int(taken, 1, list);
        sqlite_bind_int(taken, 2, place);
        error = sqlite_step(taken);
        sqlite_reset(taken);
    }
    if (error != REGISTRY_ERR_NOT_FOUND)
        return error;
    l->list = (uint16_t)list;
    l->place = place;
    l->bits = 0;
    sqlite_bind_int(use, 1, list);
    return sqlite_run(use);
}

enum registry_error place_add(struct sqlite_connection *c, const struct licence_state *l)
{
    struct sqlite3_stmt *add = c->statements[W_PLACE_ADD];
    sqlite_bind_int(add, 1, l->list);
    sqlite_bind_int(add, 2, l->place);
    sqlite_bind_int(add, 3, l->row);
    sqlite_bind_int(add, 4, l->version);
    return sqlite_run(add);
}

enum registry_error place_supersede(struct sqlite_connection *c, const struct licence_state *l,
                                    int64_t now)
{
    uint64_t seq;
    uint8_t bits = licence_status_bits(LICENCE_STATUS_SUPERSEDED);
    struct sqlite3_stmt *supersede = c->statements[W_PLACE_SUPERSEDE];
    sqlite_bind_int(supersede, 1, l->list);
    sqlite_bind_int(supersede, 2, l->place);
    sqlite_bind_int(supersede, 3, now);
    enum registry_error error = sqlite_run(supersede);
    if (error || l->bits == bits)
        return error;
    return place_set_bits(c, l->list, l->place, bits, now, &seq);
}

enum registry_error place_set_bits(struct sqlite_connection *c, uint16_t list, uint32_t place,
                                   uint8_t bits, int64_t now, uint64_t *seq)
{
    struct sqlite3_stmt *next = c->statements[W_LIST_NEXT];
    sqlite_bind_int(next, 1, list);
    enum registry_error error = sqlite_step(next);
    if (error)
        return error == REGISTRY_ERR_NOT_FOUND ? REGISTRY_ERR_STORAGE : error;
    int64_t number = sqlite_column_int(next, 0);
    sqlite_reset(next);

    struct sqlite3_stmt *set = c->statements[W_PLACE_BITS];
    sqlite_bind_int(set, 1, list);
    sqlite_bind_int(set, 2, place);
    sqlite_bind_int(set, 3, bits);
    error = sqlite_run(set);
    if (error)
        return error;

    struct sqlite3_stmt *add = c->statements[W_CHANGE_ADD];
    sqlite_bind_int(add, 1, list);
    sqlite_bind_int(add, 2, number);
    sqlite_bind_int(add, 3, place);
    sqlite_bind_int(add, 4, bits);
    sqlite_bind_int(add, 5, now);
    *seq = (uint64_t)number;
    return sqlite_run(add);
}
