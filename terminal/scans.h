/* The file "scans": sealed records of one size, appended. Scans that wait for delivery, which
 * double as the memory of what was scanned and of the clock; and notes of what was taken, so that
 * an older copy of another file is noticed. One damaged record costs that record.
 *
 * What could not be written stays in memory, and the next record writes the whole file anew. */
#ifndef TERMINAL_SCANS_H
#define TERMINAL_SCANS_H

#include "protocol/code.h"
#include "protocol/status.h"
#include "terminal/jwbterminal.h"

#define SCANS_ID_BYTES     16
#define SCANS_PLAIN_BYTES  320
#define SCANS_RECORD_BYTES (SCANS_PLAIN_BYTES + CRYPTO_AEAD_NONCE_BYTES + CRYPTO_AEAD_TAG_BYTES)
#define SCANS_LISTS_MAX    256 /* lists of which it is noted when the newest was issued */

enum scans_kind {
    SCANS_SCAN = 1,
    SCANS_BUNDLE, /* taken, of bundle_version */
    SCANS_LIST,   /* `list` taken, issued at status_as_of */
};
struct scans_record {
    enum scans_kind kind;
    int64_t mark; /* no true clock is more than 60 s before this */

    /* a scan */
    bool delivered, authentic;
    uint8_t id[SCANS_ID_BYTES];
    int64_t at;
    int64_t dead_at; /* no clock that is believed after this mark finds the code alive */
    enum verdict_reason reason;
    uint16_t list;
    int64_t status_as_of;
    uint64_t bundle_version;
    uint8_t cti[CODE_CTI_BYTES];
    uint8_t cose[CODE_COSE_BYTES_MAX];
    size_t cose_len;
};

/* What is looked up without opening a record. */
struct scans_entry {
    uint8_t cti[CODE_CTI_BYTES];
    int64_t at, dead_at;
    uint16_t list;
    uint8_t kind;
    bool delivered, authentic, valid;
};

struct scans {
    const struct crypto_provider *crypto;
    struct crypto_aead *aead;           /* the caller's */
    const struct jwbt_storage *storage; /* the caller's */
    unsigned scans_max, records_max;
    uint8_t *image; /* the file: record i at i * SCANS_RECORD_BYTES */
    struct scans_entry *entries;
    unsigned count, waiting; /* records; scans not delivered */
    bool readable;           /* the file could be read: it may be written */
    bool whole;              /* the file is as `image` is */
    bool failed, damaged;

    int64_t mark;
    uint64_t bundle_version; /* the highest that was taken */
    struct scans_floor {
        uint16_t list;
        int64_t issued_at;
    } floors[SCANS_LISTS_MAX];
    size_t floor_count;
};

/* JWBT_OK, JWBT_ERR_MEMORY; in both cases scans_fini. Reads the file; without `aead` or when it
 * can't be read, nothing is ever written. */
enum jwbt_error scans_init(struct scans *s, const struct crypto_provider *crypto,
                           struct crypto_aead *aead, const struct jwbt_storage *storage,
                           unsigned scans_max);
void scans_fini(struct scans *s);

/* Durable when true; else it is remembered until the power goes, or, `or_nothing`, not at all. Of a
 * scan the id is drawn here. */
bool scans_add(struct scans *s, struct scans_record *record, bool or_nothing);

/* When an authentic code with this cti was scanned here first; 0: never. *used: and a scan of it
 * was answered valid. */
int64_t scans_seen(const struct scans *s, const uint8_t cti[CODE_CTI_BYTES], bool *used);
/* When the newest token of a list was issued that was taken; -1: none. */
int64_t scans_list_floor(const struct scans *s, uint16_t list);

/* The i-th that is not delivered; false behind the last. */
bool scans_waiting(struct scans *s, unsigned i, struct scans_record *record);
/* Forget the first `count` of those; how far time had come and what was taken. JWBT_ERR_OPTION:
 * there are not so many; JWBT_ERR_STORAGE: done in memory. */
enum jwbt_error scans_delivered(struct scans *s, unsigned count);
enum jwbt_error scans_forget_time(struct scans *s);

#endif
