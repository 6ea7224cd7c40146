/* libjwbterminal: verifies displayed licences (电子亮证) without a network, on a device.
 *
 * A terminal is enrolled once: it pins the root key of its city. Then it takes trust bundles and
 * status lists, as they come from the gateway or on a memory stick, keeps the newest of each, and
 * verifies licence codes with them. Every answer has one of three results and a reason, and says as
 * of when the licence's status is known. docs/TERMINAL.md has the rules as a table.
 *
 * Never more permissive: an older bundle or list is refused, a clock that went back is noticed, and
 * what can't be read counts as not there.
 *
 * Memory: jwbt_open allocates what the library needs, about 1.5 MiB, 256 KiB for each list and
 * 400 octets for each scan that it may hold, of which only what is used becomes resident; taking a
 * bundle allocates a small object for each key; jwbt_verify allocates nothing of its own. mbedTLS
 * allocates while it computes. Threads: one at a time, and the whole process may use mbedTLS's PSA
 * Crypto API from this one thread only. Processes: one at a time for one storage; that is the
 * caller's to see to.
 *
 * Texts are UTF-8. Times are Unix seconds. `now` is the device's clock, which the library checks.
 * C11; link with -ljwbterminal -lmbedcrypto -lz. */
#ifndef JWBTERMINAL_H
#define JWBTERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- where it keeps what it knows ---- */

enum jwbt_stored {
    JWBT_STORED = 0,
    JWBT_ABSENT,         /* there is no such file */
    JWBT_STORAGE_FAILED, /* full, read-only, damaged medium: could not be read or written */
};
/* A few named files: "trust", "list-<L>", "scans", "key". Names are at most 31 octets of a-z, 0-9
 * and
 * '-'. After a power failure a file is the old or the new one, whole; only what was appended last
 * may be cut off. */
struct jwbt_storage {
    void *context;
    /* Reads all of a file: *len octets. One that is longer than cap is JWBT_STORAGE_FAILED. */
    enum jwbt_stored (*read)(void *context, const char *name, void *into, size_t cap, size_t *len);
    /* Replaces a file, durably when it returns JWBT_STORED. */
    enum jwbt_stored (*replace)(void *context, const char *name, const void *data, size_t len);
    /* Appends to a file, making it if need be; durably. */
    enum jwbt_stored (*append)(void *context, const char *name, const void *data, size_t len);
};
/* Files in a folder, which must exist. A file is written under another name, synced and renamed,
 * and the folder synced. `folder` is kept and must live as long. */
struct jwbt_storage jwbt_storage_folder(const char *folder);

/* ---- a terminal ---- */

struct jwbt; /* opaque */

struct jwbt_options {
    struct jwbt_storage storage;
    /* 32 octets that seal the kept scans and what is pinned, from the device's own key store; NULL:
     * random ones, in the file "key". */
    const uint8_t *secret;
    unsigned lists_max; /* 1 to 64; 0: 8 */
    unsigned scans_max; /* kept until they are delivered; at most 65536; 0: 4096. Half of it for
                           codes that are not authentic */
    bool commercial;    /* SM4-CTR with HMAC-SM3 instead of AES-256-GCM for kept scans */
    bool single_use;    /* a partner's: a code that was seen here before is code_already_used */
};

enum jwbt_error {
    JWBT_OK = 0,
    JWBT_ERR_OPTION,       /* the caller's: out of range */
    JWBT_ERR_MEMORY,       /* ours */
    JWBT_ERR_CRYPTO,       /* ours: the library refused; nothing is known */
    JWBT_ERR_STORAGE,      /* the medium's; what was taken holds until the power goes */
    JWBT_ERR_NOT_ENROLLED, /* no root key is pinned */
    JWBT_ERR_ENROLLED,     /* the caller's: other root keys are pinned already */
    JWBT_ERR_MALFORMED,    /* the peer's: no bundle, no list */
    JWBT_ERR_UNTRUSTED,    /* the peer's: not signed by a key that may sign it */
    JWBT_ERR_OLDER,        /* the peer's: not newer than what is held; nothing changed */
    JWBT_ERR_NOT_YET,      /* its time has not begun by this device's clock */
    JWBT_ERR_EXPIRED,      /* the peer's: its time is over */
    JWBT_ERR_UNKNOWN_LIST, /* the peer's: a list that the bundle does not name, or under another URI
                            */
    JWBT_ERR_FULL,         /* more lists or scans than options allow */
};
const char *jwbt_error_text(enum jwbt_error error); /* a sentence, static */

/* Opens with what storage has. What can't be read or does not verify is left out and told by
 * jwbt_knows; the terminal works with the rest. *terminal is NULL for JWBT_ERR_OPTION and
 * JWBT_ERR_MEMORY, and there are no other errors. */
enum jwbt_error jwbt_open(const struct jwbt_options *options, struct jwbt **terminal);
void jwbt_close(struct jwbt **terminal);

/* Pins root keys: a JSON Web Key Set with keys of jwb_use "root". `again`: re-enrolment, which
 * forgets bundle, lists, and how far time had come; kept scans stay. */
enum jwbt_error jwbt_enroll(struct jwbt *terminal, const void *jwks, size_t len, bool again);

/* A trust bundle, as GET /v1/trust-bundle gives it. Its root keys, if it has any, are pinned too,
 * and those that it revokes are no more. */
enum jwbt_error jwbt_take_bundle(struct jwbt *terminal, const void *bundle, size_t len,
                                 int64_t now);
/* A status list of the held bundle, as GET /v1/status-lists/<L> gives it to Accept:
 * application/statuslist+cwt. */
enum jwbt_error jwbt_take_list(struct jwbt *terminal, uint16_t list, const void *token, size_t len,
                               int64_t now);

/* ---- verifying ---- */

enum jwbt_result { JWBT_VALID, JWBT_INVALID, JWBT_INDETERMINATE };

struct jwbt_answer {
    enum jwbt_result result;
    const char *reason; /* a word of docs/PROTOCOL.md section 10, static; "none" when valid */
    /* The code is authentic and within its life: only then is what follows set, else empty. */
    bool authentic;
    char holder_name[106], number_tail[5]; /* as the code shows them: masked */
    uint16_t type, issuer, version;        /* indices of the bundle's catalogues */
    char type_code[64], type_name[513], type_english[513];
    char issuer_code[64], issuer_name[513], issuer_english[513];
    char valid_until[11]; /* the last valid day, 2027-07-01; "" long-term */
    uint16_t list;
    uint32_t index;
    uint8_t cti[8];
    int64_t issued_at, expires_at;
    /* Status: as of when the list was made, and until when it is good; 0: no list told it. */
    int64_t status_as_of, status_good_until;
    /* This code was scanned here before, then; 0: it was not. */
    int64_t seen_at;
    bool kept; /* this scan is kept for delivery; false: storage failed or is full */
};
/* Verifies a scanned text. Always answers: what could not be found out is JWBT_INDETERMINATE.
 * The scan of a well-formed code is kept for delivery. */
void jwbt_verify(struct jwbt *terminal, const char *text, size_t len, int64_t now,
                 struct jwbt_answer *answer);

/* ---- what it knows ---- */

struct jwbt_knowledge {
    bool enrolled;
    uint64_t bundle_version; /* 0: it has none */
    int64_t bundle_not_before, bundle_expires;
    unsigned keys, revoked; /* code keys, revoked kids */
    int64_t clock_mark;     /* no true clock is more than 60 s before this */
    bool clock_trusted;     /* at the time given */
    unsigned lists;         /* named by the bundle */
    unsigned scans;         /* kept, to be delivered */
    bool storage_failed;    /* something could not be read or written since open */
    bool damaged;           /* something in storage did not verify and was left out */
};
void jwbt_knows(const struct jwbt *terminal, int64_t now, struct jwbt_knowledge *knowledge);
struct jwbt_list {
    uint16_t list;
    char uri[256];
    int64_t as_of, good_until; /* 0: named, and not held */
    uint32_t ttl_s;            /* after which a newer one may be asked for */
};
/* The i-th of those that the bundle names; false behind the last. */
bool jwbt_list_at(const struct jwbt *terminal, unsigned i, struct jwbt_list *list);

/* ---- kept scans ---- */

struct jwbt_scan {
    uint8_t id[16]; /* random: delivered twice it counts once */
    int64_t at;
    enum jwbt_result result;
    const char *reason;
    int64_t status_as_of;
    uint64_t bundle_version;
    uint8_t cose[247]; /* the code itself */
    size_t cose_len;
};
/* The i-th that is not delivered, oldest first; false behind the last. */
bool jwbt_scan_at(struct jwbt *terminal, unsigned i, struct jwbt_scan *scan);
/* The first `count` are delivered and are forgotten; that they were seen here is remembered until
 * their codes are dead. JWBT_ERR_OPTION: there are not so many. */
enum jwbt_error jwbt_scans_delivered(struct jwbt *terminal, unsigned count);

#ifdef __cplusplus
}
#endif

#endif
