/* What each import leaves for the authority that delivered: counts by day of how good it was, and
 * under which id of its own a licence came. */
#include "registry/issuing.h"
#include "registry/sqlite_change.h"
#include "registry/sqlite_read.h"

#include "base/check.h"
#include "base/clock.h"
#include "protocol/identifier.h"

const char *const quality_change_texts[W_COUNT] = {
    [W_QUALITY] = "INSERT INTO quality VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
                  " ON CONFLICT DO UPDATE SET records = records + ?3, rejected = rejected + ?4,"
                  "  warnings = warnings + ?5, missing = missing + ?6,"
                  "  delay_days = delay_days + ?7, delayed = delayed + ?8,"
                  "  delay_days_max = max(delay_days_max, ?9), objections = objections + ?10,"
                  "  corrected = corrected + ?11",
    /* a row also when the id names the licence already; none when it names another */
    [W_RECORD_ID] = "INSERT INTO issuer_record SELECT issuer, ?2, licence FROM licence"
                    "  WHERE licence = ?1"
                    " ON CONFLICT DO UPDATE SET licence = licence"
                    "  WHERE licence = excluded.licence RETURNING licence",
};

const char *const quality_texts[R_COUNT] = {
    [R_QUALITY] = "SELECT day, records, rejected, warnings, missing, delay_days, delayed,"
                  "  delay_days_max, objections, corrected FROM quality"
                  " WHERE issuer_code = ? AND day >= ? ORDER BY day",
    [R_RECORD_LICENCE] = "SELECT l.id FROM issuer_record r JOIN licence l ON l.licence = r.licence"
                         " WHERE r.issuer = (SELECT issuer FROM issuer WHERE code = ?)"
                         "  AND r.record_id = ?",
};

/* ---- counting ---- */

static enum registry_error count(struct sqlite_connection *c, struct bytes issuer_code,
                                 const struct registry_quality *more)
{
    struct sqlite3_stmt *add = c->statements[W_QUALITY];
    sqlite_bind_text(add, 1, issuer_code);
    sqlite_bind_int(add, 2, more->day);
    sqlite_bind_int(add, 3, (int64_t)more->records);
    sqlite_bind_int(add, 4, (int64_t)more->rejected);
    sqlite_bind_int(add, 5, (int64_t)more->warnings);
    sqlite_bind_int(add, 6, (int64_t)more->missing);
    sqlite_bind_int(add, 7, (int64_t)more->delay_days);
    sqlite_bind_int(add, 8, (int64_t)more->delayed);
    sqlite_bind_int(add, 9, (int64_t)more->delay_days_max);
    sqlite_bind_int(add, 10, (int64_t)more->objections);
    sqlite_bind_int(add, 11, (int64_t)more->corrected);
    return sqlite_run(add);
}

static void add_record(struct registry_quality *quality, const struct registry_record *r,
                       enum registry_outcome outcome)
{
    quality->records++;
    quality->missing += (uint64_t)(r->identifier.len == 0) + (r->issued_on < 0) +
                        (r->valid_from < 0) + (r->issuer_name.len == 0);
    if (outcome != OUTCOME_ADDED || r->issued_on < 0)
        return;
    uint64_t delay = r->issued_on < quality->day ? (uint64_t)(quality->day - r->issued_on) : 0;
    quality->delayed++;
    quality->delay_days += delay;
    if (delay > quality->delay_days_max)
        quality->delay_days_max = delay;
}

/* Lines that were rejected tell no issuer: they are that of the change, or of its first record. */
enum registry_error quality_of_import(struct sqlite_connection *c,
                                      const struct registry_change *change, int64_t now)
{
    int32_t day = civil_day_at(now);
    struct bytes code = change->issuer;
    struct registry_quality quality = {
        .day = day, .rejected = change->rejected, .warnings = change->warnings};
    enum registry_error error = REGISTRY_OK;
    if (code.len == 0 && change->record_count)
        code = change->records[0].issuer_code;
    for (size_t i = 0; !error && i < change->record_count; i++) {
        const struct registry_record *r = &change->records[i];
        if (!bytes_equal(code, r->issuer_code)) {
            error = count(c, code, &quality);
            quality = (struct registry_quality){.day = day};
            code = r->issuer_code;
        }
        add_record(&quality, r, change->outcomes[i]);
    }
    return error || code.len == 0 ? error : count(c, code, &quality);
}

enum registry_error quality_of_objection(struct sqlite_connection *c, struct bytes issuer_code,
                                         bool corrected, int64_t now)
{
    return count(c, issuer_code,
                 &(struct registry_quality){
                     .day = civil_day_at(now), .objections = !corrected, .corrected = corrected});
}

/* ---- ids of the authority's own ---- */

/* It stands in addresses, which are logged on the way, and must not be a citizen number: whatever
 * has the shape of one, 15 or 18 digits of which the last may be X, is refused. */
static bool is_record_id(struct bytes id)
{
    size_t digits = 0;
    for (size_t i = 0; i < id.len; i++) {
        uint8_t c = id.data[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !memchr("._-:", c, 4))
            return false;
        digits += digit || (i == CITIZEN_NUMBER_BYTES - 1 && (c == 'X' || c == 'x'));
    }
    bool citizen = digits == id.len && (id.len == 15 || id.len == CITIZEN_NUMBER_BYTES);
    return id.len >= 1 && id.len <= RECORD_ID_BYTES_MAX && !citizen;
}

enum registry_error record_id_keep(struct sqlite_connection *c, struct registry_change *change,
                                   int64_t licence)
{
    struct sqlite3_stmt *keep = c->statements[W_RECORD_ID];
    if (change->record_id.len == 0)
        return REGISTRY_OK;
    CHECK(change->record_count == 1);
    if (!is_record_id(change->record_id))
        return change_refuse(change, "a record id has 1 to 64 of A-Z a-z 0-9 . _ - : and does"
                                     " not look like a citizen number");
    sqlite_bind_int(keep, 1, licence);
    sqlite_bind_text(keep, 2, change->record_id);
    enum registry_error error = sqlite_step(keep);
    sqlite_reset(keep);
    return error == REGISTRY_ERR_NOT_FOUND
               ? change_refuse(change, "this record id names another licence")
               : error;
}

/* ---- reading ---- */

enum registry_error registry_quality(
    struct registry_reader *reader, struct bytes issuer_code, int32_t since,
    void (*each)(void *context, const struct registry_quality *quality), void *context)
{
    struct sqlite3_stmt *row = reader->c.statements[R_QUALITY];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_text(row, 1, issuer_code);
    sqlite_bind_int(row, 2, since);
    while (!(error = sqlite_step(row)))
        each(context, &(struct registry_quality){
                          .day = (int32_t)sqlite_column_int(row, 0),
                          .records = (uint64_t)sqlite_column_int(row, 1),
                          .rejected = (uint64_t)sqlite_column_int(row, 2),
                          .warnings = (uint64_t)sqlite_column_int(row, 3),
                          .missing = (uint64_t)sqlite_column_int(row, 4),
                          .delay_days = (uint64_t)sqlite_column_int(row, 5),
                          .delayed = (uint64_t)sqlite_column_int(row, 6),
                          .delay_days_max = (uint64_t)sqlite_column_int(row, 7),
                          .objections = (uint64_t)sqlite_column_int(row, 8),
                          .corrected = (uint64_t)sqlite_column_int(row, 9),
                      });
    return row_finish(row, error);
}

enum registry_error registry_record_licence(struct registry_reader *reader,
                                            struct bytes issuer_code, struct bytes record_id,
                                            uint8_t licence[REGISTRY_ID_BYTES])
{
    struct sqlite3_stmt *row = reader->c.statements[R_RECORD_LICENCE];
    enum registry_error error = sqlite_in_place(&reader->c);
    if (error)
        return error;
    sqlite_bind_text(row, 1, issuer_code);
    sqlite_bind_text(row, 2, record_id);
    error = sqlite_step(row);
    if (!error && !sqlite_column_id(row, 0, licence))
        error = REGISTRY_ERR_STORAGE;
    sqlite_reset(row);
    return error;
}
