/* The registry's second door: who may ask, for whom and for what. Clients and their keys, persons
 * who are shut out, mandates (acting for others), consents, and the use list with its applications.
 * Changes go through registry_submit and registry_commit like all others (registry/registry.h).
 *
 * All reads here answer now and take microseconds, unless a comment says else; `each` is called in
 * turn before the call returns and its argument lives for that call. They return REGISTRY_OK also
 * when there was nothing to give. */
#ifndef REGISTRY_ACCESS_H
#define REGISTRY_ACCESS_H

#include "protocol/token.h"
#include "registry/registry.h"

#define ACCESS_ID_BYTES_MAX      64 /* a client's id, an organisation: as in a token */
#define ACCESS_TYPES_MAX         16
#define ACCESS_PURPOSES_MAX      16
#define ACCESS_PURPOSE_BYTES_MAX 32 /* a purpose, a matter's code: a-z, 0-9, '-', '_', '.' */
#define ACCESS_MATTER_BYTES_MAX  64
#define ACCESS_TEXT_BYTES_MAX    256 /* a legal basis, a reason */
#define ACCESS_CLIENT_KEYS_MAX   2
#define ACCESS_MANDATES_MAX      500 /* told at once */

/* ---- clients ---- */
struct registry_client {
    char id[ACCESS_ID_BYTES_MAX + 1]; /* client_id: printable ASCII without space */
    /* a terminal's agency, an authority's issuer code, a partner's or a system's own name; of the
     * same characters */
    char organisation[ACCESS_ID_BYTES_MAX + 1];
    enum token_role role; /* inspector (a terminal), partner, issuer or system */
    unsigned scopes;
    unsigned type_count; /* codes of licence types it is competent for; 0: all */
    char types[ACCESS_TYPES_MAX][REGISTRY_CODE_BYTES_MAX + 1];
    unsigned purpose_count; /* a partner's; the first is the one it means if it names none */
    char purposes[ACCESS_PURPOSES_MAX][ACCESS_PURPOSE_BYTES_MAX + 1];
    uint32_t quota_per_minute; /* 0: none */
    int64_t since;             /* Unix seconds, as all times here */
    int64_t expires_at;        /* 0: open */
    bool disabled;
    /* newest first; a second one is the one before, good until its retire_at */
    unsigned key_count;
    struct registry_client_key {
        uint8_t public_key[CRYPTO_PUBLIC_BYTES];
        int64_t retire_at; /* 0: open */
    } keys[ACCESS_CLIENT_KEYS_MAX];
};

/* Grows with each change of a client or of who is shut out, and with CHANGE_RESTORED: to the
 * change's moment in Unix microseconds, or one more than before if that is more, so that a registry
 * that went back is known by a lower one. 0: none yet. Cheap, to be polled. */
enum registry_error registry_access_version(struct registry_reader *reader, uint64_t *version);
/* All clients by id, disabled and expired ones included; milliseconds when there are thousands. */
enum registry_error registry_clients(struct registry_reader *reader,
                                     void (*each)(void *context,
                                                  const struct registry_client *client),
                                     void *context);
/* NOT_FOUND when there is none. */
enum registry_error registry_client(struct registry_reader *reader, struct bytes id,
                                    struct registry_client *client);

/* ---- persons who are shut out: by role and subject as in a token ---- */
struct registry_shut_out {
    enum token_role role;                      /* holder or inspector */
    char subject[TOKEN_SUBJECT_BYTES_MAX + 1]; /* a holder's id in hex, or AGENCY/OFFICER */
    int64_t since;
};
enum registry_error registry_shut_outs(struct registry_reader *reader,
                                       void (*each)(void *context,
                                                    const struct registry_shut_out *person),
                                       void *context);

/* ---- mandates: acting for others ---- */
struct registry_mandate {
    uint8_t id[REGISTRY_ID_BYTES];
    enum registry_acting acting; /* representative, agent, guardian, or entrusted (one licence) */
    uint8_t giver[REGISTRY_ID_BYTES], agent[REGISTRY_ID_BYTES]; /* holder ids */
    struct bytes giver_name, agent_name; /* empty where no licence of theirs tells it */
    enum registry_holder_kind giver_kind;
    bool has_licence; /* entrusted: the licence */
    uint8_t licence[REGISTRY_ID_BYTES];
    struct bytes issuer_name; /* whose licences of the giver's it is for; empty: all of them */
    int64_t since, until;     /* until 0: open */
};
/* The open ones that concern a person: given by him, given by enterprises as far as he represents
 * them, given to him; each once, those he gives first, then the newest first, at most
 * ACCESS_MANDATES_MAX. `asker_gives`: he is the giver or its representative; never for a
 * representative's own mandate, which is the issuer's. One for a licence that is its giver's no
 * more is not told: it is not in force. */
enum registry_error registry_mandates(
    struct registry_reader *reader, const uint8_t person[REGISTRY_ID_BYTES], int64_t now,
    void (*each)(void *context, const struct registry_mandate *mandate, bool asker_gives),
    void *context);

/* ---- consents ---- */
struct registry_consent {
    uint8_t id[REGISTRY_ID_BYTES];
    uint8_t licence[REGISTRY_ID_BYTES];
    char partner[ACCESS_ID_BYTES_MAX + 1]; /* a client's id */
    char purpose[ACCESS_PURPOSE_BYTES_MAX + 1];
    uint32_t fields;      /* opaque here: the gateway's set of fields */
    int64_t since, until; /* until: always given */
    int64_t withdrawn;    /* 0: it was not */
};
/* The consent in force for a licence, partner and purpose; the newest of several. NOT_FOUND. */
enum registry_error registry_consent(struct registry_reader *reader,
                                     const uint8_t licence[REGISTRY_ID_BYTES], struct bytes partner,
                                     struct bytes purpose, int64_t now,
                                     struct registry_consent *consent);
/* Of the licences a person may act for as holder or representative, newest first, past ones
 * included; at most `max`. */
enum registry_error registry_consents(
    struct registry_reader *reader, const uint8_t person[REGISTRY_ID_BYTES], int64_t now,
    size_t max, void (*each)(void *context, const struct registry_consent *consent), void *context);

/* ---- the use list (使用清单) and its applications ---- */
enum access_state {
    ACCESS_SUBMITTED = 0, /* stored: never renumber */
    ACCESS_APPROVED,
    ACCESS_REFUSED,
};
const char *registry_access_state_text(enum access_state state); /* "submitted", ... */
struct registry_access_request {
    uint8_t id[REGISTRY_ID_BYTES];
    char system[ACCESS_ID_BYTES_MAX + 1]; /* a client's id */
    char matter[ACCESS_MATTER_BYTES_MAX + 1];
    unsigned type_count; /* at least 1 */
    char types[ACCESS_TYPES_MAX][REGISTRY_CODE_BYTES_MAX + 1];
    uint32_t fields; /* opaque here */
    char purpose[ACCESS_PURPOSE_BYTES_MAX + 1];
    char legal_basis[ACCESS_TEXT_BYTES_MAX + 1];
    enum access_state state;
    int64_t submitted_at;
    int32_t due_on;     /* civil day */
    int64_t decided_at; /* 0: not yet */
    char decided_by[ACCESS_ID_BYTES_MAX + 1];
    char reason[ACCESS_TEXT_BYTES_MAX + 1]; /* a refusal's */
    int64_t expires_at;                     /* an approval's */
};
/* All of a system, or of all when `system` is empty, newest first, at most `max`. */
enum registry_error registry_access_requests(
    struct registry_reader *reader, struct bytes system, size_t max,
    void (*each)(void *context, const struct registry_access_request *r), void *context);
/* The entry for a system's matter: what was approved last, until it ends. NOT_FOUND. */
enum registry_error registry_use_entry(struct registry_reader *reader, struct bytes system,
                                       struct bytes matter, int64_t now,
                                       struct registry_access_request *request);
/* How many wait for a decision, and of these whose day is before `today`. */
enum registry_error registry_access_waiting(struct registry_reader *reader, int32_t today,
                                            uint64_t *waiting, uint64_t *overdue);

#endif
