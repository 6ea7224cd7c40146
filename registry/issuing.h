/* What issuing authorities have with the registry: what they are told (deliveries), objections to
 * their data, the proof that both sides hold the same, and how good what they deliver is. */
#ifndef REGISTRY_ISSUING_H
#define REGISTRY_ISSUING_H

#include "registry/action.h"

/* ---- deliveries: what is owed to an authority's webhook ---- */

#define WEBHOOK_URL_BYTES_MAX    512
#define DELIVERY_ERROR_BYTES_MAX 128

/* Of EVENT_HOLD, EVENT_LIFT, EVENT_ESCALATED and EVENT_OBJECTION (received): one for each client of
 * the licence's issuer that is told: it has a webhook, is not disabled and in its time. Made in the
 * event's transaction. */
enum delivery_state {
    DELIVERY_WAITING = 0, /* stored: never renumber */
    DELIVERY_DONE,
    DELIVERY_DEAD, /* given up: `jwb outbox retry` */
};
const char *delivery_state_text(enum delivery_state state);
struct registry_delivery {
    /* The same for every attempt, and for the same event after a restore from a backup, when nobody
     * knows what was delivered: whoever is told knows it again by this. */
    uint8_t id[REGISTRY_ID_BYTES];
    uint64_t event;
    uint8_t licence[REGISTRY_ID_BYTES];
    char client[ACCESS_ID_BYTES_MAX + 1];
    char url[WEBHOOK_URL_BYTES_MAX + 1]; /* the client's present one; empty: none any more */
    enum delivery_state state;
    unsigned attempts;
    int64_t made_at, next_at;                 /* Unix seconds; next_at: not before */
    char error[DELIVERY_ERROR_BYTES_MAX + 1]; /* of the last attempt, cut to this length */
};
/* Those that are due at `now` and first of their client and licence (order is kept per licence: a
 * dead one lets the next pass): of each client that is still told at most `client_max`, those that
 * have been due for longest. The first of each client come before the second of any. */
enum registry_error registry_deliveries_due(
    struct registry_reader *reader, int64_t now, size_t client_max,
    void (*each)(void *context, const struct registry_delivery *delivery), void *context);
/* All of a state (or of all: DELIVERY_WAITING with all = true), oldest first. */
enum registry_error registry_deliveries(
    struct registry_reader *reader, bool all, enum delivery_state state, size_t max,
    void (*each)(void *context, const struct registry_delivery *delivery), void *context);
enum registry_error registry_deliveries_count(struct registry_reader *reader, uint64_t *waiting,
                                              uint64_t *dead);
/* Where a client is told. NOT_FOUND: nowhere. */
enum registry_error registry_webhook(struct registry_reader *reader, struct bytes client,
                                     char url[WEBHOOK_URL_BYTES_MAX + 1]);
/* The event of a delivery, with what its message says of the licence and the action. */
enum registry_error registry_event_of(struct registry_reader *reader, uint64_t number,
                                      void (*each)(void *context,
                                                   const struct registry_event *event),
                                      void *context);
/* Changes: CHANGE_DELIVERY (id, delivery_state, until: next_at, text: the error; attempts + 1);
 * CHANGE_DELIVERY_RETRY (id, or all dead ones when it is zero: waiting again from now on, if their
 * client is still told; seq: told, how many; NOT_FOUND: no such dead one);
 * CHANGE_WEBHOOK (text: the id of an authority's client, else NOT_FOUND; url: https, else REFUSED;
 * empty takes it away, and what waits for it is dead then, as when the client is disabled). */

/* ---- objections (数据异议) ---- */

#define OBJECTION_VALUE_BYTES_MAX  256
#define OBJECTION_REASON_BYTES_MAX 256
#define OBJECTION_STATES(S)                                                                        \
    S(RECEIVED, "received")                                                                        \
    S(CHECKING, "checking")                                                                        \
    S(CORRECTED, "corrected")                                                                      \
    S(REFUSED, "refused")
enum objection_state {
#define S(name, word) OBJECTION_STATE_##name,
    OBJECTION_STATES(S)
#undef S
        OBJECTION_STATE_COUNT
};
const char *objection_state_text(enum objection_state state);
bool objection_state_read(struct bytes text, enum objection_state *state);

struct registry_objection {
    uint8_t id[REGISTRY_ID_BYTES]; /* told */
    uint8_t licence[REGISTRY_ID_BYTES];
    unsigned role;        /* holder or inspector, who objects */
    struct bytes subject; /* as in the token: 1 to TOKEN_SUBJECT_BYTES_MAX */
    uint8_t field;        /* the gateway's enum field, by number */
    struct bytes claimed; /* what it should say; sealed at rest */
    bool has_attachment;
    uint8_t attachment[CRYPTO_HASH_BYTES]; /* SHA-256 of a document that the objector keeps */
    int32_t due_on;                        /* civil day */
    /* told */
    enum objection_state state;
    int64_t at;
    uint16_t version; /* of the licence when it was objected to */
    int64_t decided_at;
    struct bytes reason; /* a refusal's; sealed at rest */
};
/* Changes: CHANGE_OBJECT (objection; at most REGISTRY_OBJECTIONS_OPEN_MAX open ones of one subject,
 * else REFUSED; NOT_FOUND: no such licence; id: told); CHANGE_OBJECTION_STATE (id, objection_state,
 * text: the reason of a refusal, issuer: the authority's code; REFUSED when the state does not
 * follow on the one there is, or "corrected" while the licence has no newer version than it had).
 */
#define REGISTRY_OBJECTIONS_OPEN_MAX 20
/* The refusal of "corrected" without a newer version; told as itself. */
extern const char objection_not_corrected[];
/* By who objected; newest first. */
enum registry_error registry_objections(struct registry_reader *reader, unsigned role,
                                        struct bytes subject, size_t max,
                                        void (*each)(void *context,
                                                     const struct registry_objection *objection,
                                                     const struct registry_licence *licence),
                                        void *context);
/* To an authority's licences. Open: RECEIVED and CHECKING. */
enum registry_error registry_objections_to(struct registry_reader *reader,
                                           const struct registry_page *page,
                                           void (*each)(void *context,
                                                        const struct registry_objection *objection,
                                                        const struct registry_licence *licence),
                                           void *context);
enum registry_error registry_objections_waiting(struct registry_reader *reader, int32_t today,
                                                uint64_t *waiting, uint64_t *overdue);

/* ---- records by the authority's own id ---- */

/* A-Z a-z 0-9 . _ - : of its choice, but nothing that has the shape of a citizen number (15 or 18
 * digits, the last may be X). CHANGE_IMPORT keeps it; REFUSED when it names another licence. */
#define RECORD_ID_BYTES_MAX 64
/* The licence that an authority (its code) delivered under this id. NOT_FOUND. */
enum registry_error registry_record_licence(struct registry_reader *reader,
                                            struct bytes issuer_code, struct bytes record_id,
                                            uint8_t licence[REGISTRY_ID_BYTES]);

/* ---- do both hold the same? (docs/PROTOCOL.md section 17) ---- */

/* A licence's line: number LF source version LF status code LF issued LF from LF until; the code in
 * two digits, dates as 2023-06-01 or empty; its digest is SHA-256 of it. A group's digest is
 * SHA-256 of its lines' digests, sorted and joined. */
struct registry_digest_line {
    struct bytes number;
    uint64_t source_version;
    enum licence_status status;                 /* the issuer's, not holds' */
    int32_t issued_on, valid_from, valid_until; /* civil days in UTC+8; negative: none */
};
/* CRYPTO_FAILED also for a number longer than REGISTRY_TEXT_BYTES_MAX. */
enum crypto_result registry_digest_line(const struct crypto_provider *crypto,
                                        const struct registry_digest_line *line,
                                        uint8_t digest[CRYPTO_HASH_BYTES]);
struct registry_digest_group {
    char type_code[REGISTRY_CODE_BYTES_MAX + 1];
    int32_t day; /* of issue; -1: not given */
    uint64_t count;
    uint8_t digest[CRYPTO_HASH_BYTES];
};
/* A builder of groups, for whoever has the lines: the registry, or an authority's own file. Its
 * lines' order does not matter. Used by one thread; 40 octets a licence. */
#define REGISTRY_DIGEST_TYPES_MAX 4096 /* of one authority */
struct registry_digest;
/* NULL: ours. */
struct registry_digest *registry_digest_create(const struct crypto_provider *crypto);
void registry_digest_destroy(struct registry_digest **digest);
/* False: no memory, more types than that, or a text too long. */
bool registry_digest_add(struct registry_digest *digest, struct bytes type_code,
                         const struct registry_digest_line *line);
/* Each group once, by type and day. False: ours. */
bool registry_digest_each(struct registry_digest *digest,
                          void (*each)(void *context, const struct registry_digest_group *group),
                          void *context);
/* Adds all licences of an issuer: seconds for a million. Not on a loop. */
enum registry_error registry_digest_licences(struct registry_reader *reader,
                                             struct bytes issuer_code,
                                             struct registry_digest *digest);

/* ---- how good is what is delivered ---- */

struct registry_quality {
    int32_t day;      /* received on */
    uint64_t records; /* that were taken, whatever their outcome */
    /* As the importer counts them: of the change's issuer or, without one, of its first record. */
    uint64_t rejected, warnings;
    uint64_t missing; /* of the fields below, in all records */
    /* From issue to receipt: sum over, number of and longest of new licences that tell their day.
     */
    uint64_t delay_days, delayed, delay_days_max;
    uint64_t objections, corrected; /* received, decided so, on that day */
};
#define REGISTRY_QUALITY_FIELDS 4 /* identifier, issue day, valid from, issuer's name */
/* Of an issuer, by day, since `since`, oldest first. */
enum registry_error registry_quality(
    struct registry_reader *reader, struct bytes issuer_code, int32_t since,
    void (*each)(void *context, const struct registry_quality *quality), void *context);

#endif
