/* Private to the files that change: the writer's statements, and what they need of each other. */
#ifndef REGISTRY_SQLITE_CHANGE_H
#define REGISTRY_SQLITE_CHANGE_H

#include "registry/sqlite.h"

enum change_statement {
    W_SAVEPOINT,
    W_RELEASE,
    W_ROLLBACK_TO,
    W_LICENCE_BY_ID,
    W_LICENCE_BY_IDENTITY,
    W_LICENCE_ADD,
    W_LICENCE_VERSION,
    W_LICENCE_SOURCE,
    W_LICENCE_STATUS,
    W_PLACE_TAKEN,
    W_PLACE_ADD,
    W_PLACE_BITS,
    W_PLACE_SUPERSEDE,
    W_LIST_NEWEST,
    W_LIST_ADD,
    W_LIST_USE,
    W_LIST_NEXT,
    W_LIST_RELAYED,
    W_LIST_GENERATION,
    W_CHANGE_ADD,
    W_HOLDS,
    W_HOLD_PLACE,
    W_HOLD_LIFT,
    W_HOLDER_BY_NUMBER,
    W_HOLDER_ADD,
    W_TYPE,
    W_TYPE_ADD,
    W_ISSUER,
    W_ISSUER_ADD,
    W_REDIS_RUN,
    W_IMPORT_LINE,
    /* sqlite_mandate_change.c */
    W_HOLDER_BY_ID,
    W_LICENCE_HOLDER,
    W_MANDATE_BY_ID,
    W_MANDATE_PUT,
    W_MANDATE_END,
    W_GRANT_END,
    W_REPRESENTATIVE_END,
    /* sqlite_access_change.c */
    W_CLIENT_BY_ID,
    W_CLIENT_ADD,
    W_CLIENT_DISABLE,
    W_KEY_RETIRE,
    W_KEY_DROP,
    W_KEY_ADD,
    W_SHUT_OUT,
    W_LET_IN,
    W_ACCESS_VERSION,
    W_CONSENT_SUPERSEDE,
    W_CONSENT_ADD,
    W_CONSENT_WITHDRAW,
    W_REQUEST_ADD,
    W_REQUEST_STATE,
    W_REQUEST_DECIDE,
    W_COUNT,
};
extern const char *const mandate_change_texts[W_COUNT], *const access_change_texts[W_COUNT];

/* ---- status ---- */

/* A licence inside the transaction. */
struct licence_state {
    int64_t row;
    uint16_t version, list;
    uint32_t place;
    enum licence_status issuer_status, status;
    uint8_t bits; /* of its place, as they stand there */
};
/* From the first columns of a row of W_LICENCE_BY_ID or W_LICENCE_BY_IDENTITY. */
enum registry_error licence_state_read(struct sqlite3_stmt *statement, struct licence_state *l);

/* Stores the issuer's status, the effective status that follows from it and the open holds, and the
 * bits that follow from that. *seq: the change's number in the licence's list; 0: the bits were so
 * before. */
enum registry_error licence_settle(struct sqlite_connection *c, struct licence_state *l,
                                   int64_t now, uint64_t *seq);
/* Writes the bits of a place with their change number. */
enum registry_error place_set_bits(struct sqlite_connection *c, uint16_t list, uint32_t place,
                                   uint8_t bits, int64_t now, uint64_t *seq);
/* Not zero, 63 bits. */
enum registry_error generation_create(struct sqlite_connection *c, int64_t *generation);
/* registry_access_version is another one after this, which no registry had before. */
enum registry_error access_version_move(struct sqlite_connection *c);

/* ---- mandates ---- */

/* A licence whose holder is still the one who was asked about; else NOT_FOUND. */
struct licence_holder {
    int64_t licence, holder;
    enum registry_holder_kind kind;
};
enum registry_error licence_find_holder(struct sqlite_connection *c,
                                        const uint8_t id[REGISTRY_ID_BYTES],
                                        const uint8_t holder[REGISTRY_ID_BYTES],
                                        struct licence_holder *l);
/* Makes `person` the representative of the holder (rows both), instead of whoever it was. */
enum registry_error mandate_put_representative(struct sqlite_connection *c, int64_t holder,
                                               int64_t person, int64_t now);

enum registry_error change_refuse(struct registry_change *change, const char *sentence);

/* ---- each file's kinds of change ---- */

/* sqlite_record.c: all records of an import. */
enum registry_error change_import(struct sqlite_connection *c, struct registry_change *change,
                                  int64_t now);
/* sqlite_mandate_change.c: agents, guardians, entrusted licences. */
enum registry_error change_mandate(struct sqlite_connection *c, struct registry_change *change,
                                   int64_t now);
/* sqlite_access_change.c: clients, persons shut out; consents, the use list. */
enum registry_error change_who_may_ask(struct sqlite_connection *c, struct registry_change *change,
                                       int64_t now);
enum registry_error change_what_for(struct sqlite_connection *c, struct registry_change *change,
                                    int64_t now);

#endif
