/* Private to the files that read: a reader's statements, and how a
 * licence is read out of a row. */
#ifndef REGISTRY_SQLITE_READ_H
#define REGISTRY_SQLITE_READ_H

#include "registry/action.h"
#include "registry/sqlite.h"

struct registry_reader {
    struct sqlite_connection c;
};

enum read_statement {
    /* sqlite_read.c */
    R_BY_PLACE,
    R_BY_ID,
    R_BY_NUMBER,
    R_LISTS,
    R_LIST,
    R_CHANGES,
    R_BITS,
    R_DATA_VERSION,
    R_OUTBOX,
    R_RELAYED,
    R_REDIS_RUN,
    R_IMPORT_LINE,
    R_COUNTS,
    R_TYPE,
    R_ISSUER,
    /* sqlite_person.c */
    R_HOLDER_BY_NUMBER,
    R_HOLDER_BY_ID,
    R_OF_PERSON,
    R_OF_HOLDER,
    R_OF_NUMBER,
    R_MAY_ACT,
    R_PLACES,
    R_MANDATES,
    R_NAME,
    R_REPRESENTATIVE_NAME,
    /* sqlite_access.c */
    R_ACCESS_VERSION,
    R_CLIENTS,
    R_CLIENT,
    R_CLIENT_KEYS,
    R_SHUT_OUTS,
    R_CONSENT,
    R_CONSENTS,
    R_REQUESTS,
    R_REQUESTS_OF,
    R_USE_ENTRY,
    R_WAITING,
    /* sqlite_event.c */
    R_EVENTS,
    R_EVENTS_OF,
    R_EVENT,
    R_PLACE_SCANS,
    R_EVENT_LAST,
    R_LICENCE_PLACES,
    /* sqlite_action_read.c */
    R_ACTION,
    R_ACTION_OF_EVENT,
    R_ACTION_AFTER,
    R_ACTIONS,
    R_ACTIONS_OPEN,
    R_ACTIONS_WAITING,
    /* sqlite_outbox.c */
    R_DELIVERIES_DUE,
    R_DELIVERIES,
    R_DELIVERIES_COUNT,
    R_WEBHOOK,
    /* sqlite_objection.c */
    R_OBJECTIONS_BY,
    R_OBJECTION_AFTER,
    R_OBJECTIONS_TO,
    R_OBJECTIONS_OPEN_TO,
    R_OBJECTIONS_WAITING,
    /* sqlite_digest.c */
    R_DIGEST_LINES,
    /* sqlite_quality.c */
    R_QUALITY,
    R_RECORD_LICENCE,
    R_COUNT,
};
extern const char *const person_texts[R_COUNT],
    *const access_texts[R_COUNT], *const event_texts[R_COUNT],
                                      *const action_texts[R_COUNT],
                                          *const outbox_texts[R_COUNT],
                                              *const objection_texts[R_COUNT],
                                                  *const digest_texts[R_COUNT],
                                                      *const quality_texts[R_COUNT];

/* Columns 0 to 25 of every statement that licence_read reads. A valid licence (code 1) has no open
 * hold; of several the strictest is told. */
#define LICENCE_COLUMNS(version, list, place, superseded_at)                                       \
    "SELECT l.id, h.id, h.kind, l.type, l.issuer, " version ", t.code, t.name, i.code, i.name,"    \
    " l.sealed, h.sealed, l.issued_on, l.valid_from, l.valid_until, l.issuer_status, l.status,"    \
    " l.status_since, CASE WHEN l.status <> 1 THEN (SELECT agency FROM hold"                       \
    "  WHERE licence = l.licence AND lifted IS NULL ORDER BY kind <> 1, hold LIMIT 1) END, " list  \
    ", " place ", " superseded_at ", l.source, l.source_version, l.received_at,"                   \
    " l.salt"
#define LICENCE_COLUMN_COUNT    26 /* the first column behind them */
#define LICENCE_COLUMNS_PRESENT LICENCE_COLUMNS("l.version", "l.list", "l.place", "NULL")
#define LICENCE_JOINS                                                                              \
    " JOIN holder h ON h.holder = l.holder JOIN licence_type t ON t.type = l.type"                 \
    " JOIN issuer i ON i.issuer = l.issuer"
_Static_assert(HOLD_WITHDRAWN == 1, "the strictest hold comes first in LICENCE_COLUMNS");
/* The licences that have a number or an identifier, by their keyed hash ?1. */
#define FROM_NUMBER(limit)                                                                         \
    " FROM (SELECT licence FROM licence WHERE number_key = ?1 UNION"                               \
    "  SELECT licence FROM licence WHERE identifier_key = ?1 LIMIT " limit ") f"                   \
    " JOIN licence l ON l.licence = f.licence" LICENCE_JOINS

/* The views in `l` point into `storage`. */
enum registry_error licence_read(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                 struct registry_licence *l,
                                 uint8_t storage[REGISTRY_LICENCE_BYTES_MAX]);

/* How evidence names a licence: registry_licence.reference. */
enum registry_error licence_reference(const struct sqlite_connection *c, struct bytes salt,
                                      struct bytes type_code, struct bytes issuer_code,
                                      struct bytes number,
                                      uint8_t reference[REGISTRY_REFERENCE_BYTES]);
/* The same of a licence with this id, whose salt, sealed texts, type's and issuer's code are in the
 * row's columns from `at` on. */
enum registry_error licence_reference_read(struct sqlite_connection *c, struct sqlite3_stmt *row,
                                           const uint8_t id[REGISTRY_ID_BYTES], int at,
                                           uint8_t reference[REGISTRY_REFERENCE_BYTES]);

/* A text column with its NUL; false when it does not fit. */
bool row_copy_text(struct sqlite3_stmt *row, int column, char *text, size_t size);
/* What was given in turn has ended: all of it was, or not. */
enum registry_error row_finish(struct sqlite3_stmt *row, enum registry_error error);

/* For a struct registry_page: the issuer that a client (?1) is of, and the types that it has. */
#define ITS_ISSUER                                                                                 \
    "(SELECT i.issuer FROM issuer i JOIN client c ON c.organisation = i.code WHERE c.id = ?1)"
#define ITS_TYPES                                                                                  \
    "(SELECT t.type FROM licence_type t JOIN client c ON c.id = ?1"                                \
    " WHERE c.types = '' OR instr(' ' || c.types || ' ', ' ' || t.code || ' '))"
/* Binds client ?1, max ?2, and due day and row number of the last one before the page, ?3 and ?4:
 * `after` selects them by client ?1 and id ?2. */
enum registry_error row_bind_page(struct sqlite3_stmt *row, struct sqlite3_stmt *after,
                                  const struct registry_page *page);

/* A row of `mandate` that at ?2 was not ended by anybody, nor by time. */
#define MANDATE_OPEN "ended IS NULL AND (until = 0 OR until > ?2)"
/* A holder whose id is ?1, and the enterprises that he represents, each for the licences of an
 * issuer: me, represented. */
#define WITH_REPRESENTED                                                                           \
    "WITH me (holder) AS (SELECT holder FROM holder WHERE id = ?1),"                               \
    " represented (holder, issuer) AS (SELECT giver, issuer FROM mandate"                          \
    "  WHERE agent = (SELECT holder FROM me) AND kind = 1 AND " MANDATE_OPEN ")"
_Static_assert(ACTING_REPRESENTATIVE == 1, "the kind in WITH_REPRESENTED");

#endif
