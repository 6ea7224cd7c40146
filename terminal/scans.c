#include "terminal/scans.h"

#include <stdlib.h>

#include "base/check.h"

#define FILE_NAME "scans"
/* Beside what waits: a note for each list, and what is remembered until its code is dead. */
#define RECORDS_BEYOND (SCANS_LISTS_MAX + 64)

enum { FLAG_DELIVERED = 1, FLAG_AUTHENTIC = 2 };

/* ---- a record ----------------------------------------------------------------------------------
 */

static const struct bytes BOUND_TO = BYTES("jwb-terminal-scan-1");

static void record_write(const struct scans_record *r, struct buf *out)
{
    buf_put_u8(out, (uint8_t)r->kind);
    buf_put_u8(
        out, (uint8_t)((r->delivered ? FLAG_DELIVERED : 0) | (r->authentic ? FLAG_AUTHENTIC : 0)));
    buf_put_u8(out, (uint8_t)r->reason);
    buf_put_u8(out, (uint8_t)r->cose_len);
    buf_put_little(out, r->list, 2);
    buf_put_little(out, (uint64_t)r->mark, 8);
    buf_put_little(out, (uint64_t)r->at, 8);
    buf_put_little(out, (uint64_t)r->dead_at, 8);
    buf_put_little(out, (uint64_t)r->status_as_of, 8);
    buf_put_little(out, r->bundle_version, 8);
    buf_put(out, bytes_of(r->id, sizeof r->id));
    buf_put(out, bytes_of(r->cti, sizeof r->cti));
    buf_put(out, bytes_of(r->cose, sizeof r->cose));
    memset(out->data + out->len, 0, out->cap - out->len);
    out->len = out->cap;
}

/* False: of another version of this library. */
static bool record_read(const uint8_t plain[SCANS_PLAIN_BYTES], struct scans_record *r)
{
    const uint8_t *at = plain;
    *r = (struct scans_record){.kind = (enum scans_kind)at[0],
                               .delivered = at[1] & FLAG_DELIVERED,
                               .authentic = at[1] & FLAG_AUTHENTIC,
                               .reason = (enum verdict_reason)at[2],
                               .cose_len = at[3],
                               .list = (uint16_t)bytes_little(at + 4, 2),
                               .mark = (int64_t)bytes_little(at + 6, 8),
                               .at = (int64_t)bytes_little(at + 14, 8),
                               .dead_at = (int64_t)bytes_little(at + 22, 8),
                               .status_as_of = (int64_t)bytes_little(at + 30, 8),
                               .bundle_version = bytes_little(at + 38, 8)};
    memcpy(r->id, at + 46, sizeof r->id);
    memcpy(r->cti, at + 62, sizeof r->cti);
    memcpy(r->cose, at + 70, sizeof r->cose);
    return r->kind >= SCANS_SCAN && r->kind <= SCANS_LIST && r->reason < REASON_COUNT &&
           r->cose_len <= sizeof r->cose;
}

static uint8_t *place(const struct scans *s, unsigned i)
{
    return s->image + (size_t)i * SCANS_RECORD_BYTES;
}

/* Nothing is written when it fails. */
static bool seal(struct scans *s, const struct scans_record *record, uint8_t *into)
{
    uint8_t plain_octets[SCANS_PLAIN_BYTES], sealed_octets[SCANS_RECORD_BYTES];
    struct buf plain = BUF_OVER(plain_octets), sealed = BUF_OVER(sealed_octets);
    record_write(record, &plain);
    bool done = s->crypto->aead_seal(s->aead, BOUND_TO, buf_bytes(&plain), &sealed) == CRYPTO_OK;
    CHECK(buf_ok(&plain) && buf_ok(&sealed));
    if (done)
        memcpy(into, sealed_octets, sizeof sealed_octets);
    return done;
}

/* CRYPTO_MISMATCH also for one of another version. */
static enum crypto_result open_at(struct scans *s, unsigned i, struct scans_record *record)
{
    uint8_t octets[SCANS_PLAIN_BYTES];
    struct buf plain = BUF_OVER(octets);
    enum crypto_result result =
        s->crypto->aead_open(s->aead, BOUND_TO, bytes_of(place(s, i), SCANS_RECORD_BYTES), &plain);
    if (result == CRYPTO_OK && !record_read(octets, record))
        result = CRYPTO_MISMATCH;
    return result;
}

/* ---- what is known from records ----------------------------------------------------------------
 */

static void raise_floor(struct scans *s, uint16_t list, int64_t issued_at)
{
    size_t i = 0;
    while (i < s->floor_count && s->floors[i].list != list)
        i++;
    if (i == s->floor_count) {
        if (i == SCANS_LISTS_MAX)
            return; /* a bundle names no more */
        s->floors[s->floor_count++] = (struct scans_floor){list, issued_at};
    }
    if (s->floors[i].issued_at < issued_at)
        s->floors[i].issued_at = issued_at;
}

int64_t scans_list_floor(const struct scans *s, uint16_t list)
{
    for (size_t i = 0; i < s->floor_count; i++)
        if (s->floors[i].list == list)
            return s->floors[i].issued_at;
    return -1;
}

static void learn(struct scans *s, const struct scans_record *record)
{
    if (s->mark < record->mark)
        s->mark = record->mark;
    if (record->kind == SCANS_LIST)
        raise_floor(s, record->list, record->status_as_of);
    if (record->kind == SCANS_BUNDLE && s->bundle_version < record->bundle_version)
        s->bundle_version = record->bundle_version;
}

/* The record at place `count` is one of them. */
static void count_in(struct scans *s, const struct scans_record *record)
{
    struct scans_entry *entry = &s->entries[s->count++];
    *entry = (struct scans_entry){.at = record->at,
                                  .dead_at = record->dead_at,
                                  .list = record->list,
                                  .kind = (uint8_t)record->kind,
                                  .delivered = record->delivered,
                                  .authentic = record->authentic,
                                  .valid = record->reason == REASON_NONE};
    memcpy(entry->cti, record->cti, sizeof entry->cti);
    s->waiting += record->kind == SCANS_SCAN && !record->delivered;
    learn(s, record);
}

int64_t scans_seen(const struct scans *s, const uint8_t cti[CODE_CTI_BYTES], bool *used)
{
    int64_t first = 0;
    *used = false;
    for (unsigned i = 0; i < s->count; i++) {
        const struct scans_entry *entry = &s->entries[i];
        if (!entry->authentic || memcmp(entry->cti, cti, CODE_CTI_BYTES) != 0)
            continue;
        *used |= entry->valid;
        if (!first)
            first = entry->at;
    }
    return first;
}

/* ---- the file ----------------------------------------------------------------------------------
 */

/* Brings the file to what `image` is: only the last record is missing, or nobody knows. */
static bool store(struct scans *s)
{
    const size_t len = (size_t)s->count * SCANS_RECORD_BYTES;
    const struct jwbt_storage *storage = s->storage;
    if (!s->readable)
        return false;
    enum jwbt_stored stored = s->whole
                                  ? storage->append(storage->context, FILE_NAME,
                                                    place(s, s->count - 1), SCANS_RECORD_BYTES)
                                  : storage->replace(storage->context, FILE_NAME, s->image, len);
    s->whole = stored == JWBT_STORED;
    s->failed |= !s->whole;
    return s->whole;
}

static bool needed(const struct scans *s, unsigned i)
{
    const struct scans_entry *entry = &s->entries[i];
    if (entry->kind == SCANS_SCAN)
        return !entry->delivered || (entry->authentic && entry->dead_at > s->mark);
    if (entry->kind == SCANS_BUNDLE)
        return false; /* compact writes it anew */
    for (unsigned later = i + 1; later < s->count; later++)
        if (s->entries[later].kind == SCANS_LIST && s->entries[later].list == entry->list)
            return false;
    return true;
}

/* Leaves out what is not needed any more, and notes what was known from it. */
static void compact(struct scans *s)
{
    const struct scans_record note = {
        .kind = SCANS_BUNDLE, .mark = s->mark, .bundle_version = s->bundle_version};
    uint8_t sealed[SCANS_RECORD_BYTES];
    unsigned kept = 0;
    if (!s->aead || !seal(s, &note, sealed))
        return;
    for (unsigned i = 0; i < s->count; i++) {
        if (!needed(s, i))
            continue;
        memmove(place(s, kept), place(s, i), SCANS_RECORD_BYTES);
        s->entries[kept++] = s->entries[i];
    }
    s->count = kept;
    s->whole = false;
    if (s->count < s->records_max) {
        memcpy(place(s, s->count), sealed, sizeof sealed);
        count_in(s, &note);
    }
}

static void load(struct scans *s)
{
    size_t len = 0;
    struct scans_record record;
    enum jwbt_stored stored = s->storage->read(s->storage->context, FILE_NAME, s->image,
                                               (size_t)s->records_max * SCANS_RECORD_BYTES, &len);
    s->readable = stored != JWBT_STORAGE_FAILED;
    s->failed = !s->readable;
    const unsigned found = stored == JWBT_STORED ? (unsigned)(len / SCANS_RECORD_BYTES) : 0;
    for (unsigned i = 0; i < found; i++) {
        enum crypto_result result = open_at(s, i, &record);
        if (result == CRYPTO_OK) {
            memmove(place(s, s->count), place(s, i), SCANS_RECORD_BYTES);
            count_in(s, &record);
        } else if (result == CRYPTO_MISMATCH) {
            s->damaged = true;
        } else {
            s->readable = false; /* nothing is wrong with the file: it stays */
        }
    }
    /* Behind the last whole record may stand the begin of one that was cut off. */
    s->whole = stored == JWBT_ABSENT || len == (size_t)s->count * SCANS_RECORD_BYTES;
}

enum jwbt_error scans_init(struct scans *s, const struct crypto_provider *crypto,
                           struct crypto_aead *aead, const struct jwbt_storage *storage,
                           unsigned scans_max)
{
    *s = (struct scans){.crypto = crypto,
                        .aead = aead,
                        .storage = storage,
                        .scans_max = scans_max,
                        .records_max = scans_max + RECORDS_BEYOND};
    s->image = calloc(s->records_max, SCANS_RECORD_BYTES);
    s->entries = calloc(s->records_max, sizeof *s->entries);
    if (!s->image || !s->entries)
        return JWBT_ERR_MEMORY;
    if (aead)
        load(s);
    return JWBT_OK;
}

void scans_fini(struct scans *s)
{
    free(s->image);
    free(s->entries);
}

/* ---- adding and delivering ---------------------------------------------------------------------
 */

/* Codes that are not authentic may be anybody's: they leave half of the room to the others. */
static bool has_room(const struct scans *s, const struct scans_record *scan)
{
    return s->waiting < (scan->authentic ? s->scans_max : (s->scans_max + 1) / 2);
}

bool scans_add(struct scans *s, struct scans_record *record, bool or_nothing)
{
    const bool scan = record->kind == SCANS_SCAN;
    if (scan && !has_room(s, record)) { /* but how far time has come is not forgotten */
        struct scans_record note = {
            .kind = SCANS_BUNDLE, .mark = record->mark, .bundle_version = s->bundle_version};
        if (record->mark > s->mark)
            scans_add(s, &note, false);
        return false;
    }
    if (s->count == s->records_max)
        compact(s);
    if (!s->aead || s->count == s->records_max ||
        (scan && s->crypto->random(record->id, sizeof record->id) != CRYPTO_OK) ||
        !seal(s, record, place(s, s->count))) {
        learn(s, record);
        return false;
    }
    count_in(s, record);
    if (store(s))
        return true;
    if (or_nothing) { /* of what is in the file the next store makes an end */
        s->count--;
        s->waiting -= scan;
    }
    return false;
}

bool scans_waiting(struct scans *s, unsigned i, struct scans_record *record)
{
    for (unsigned at = 0; at < s->count; at++)
        if (s->entries[at].kind == SCANS_SCAN && !s->entries[at].delivered && i-- == 0)
            return open_at(s, at, record) == CRYPTO_OK;
    return false;
}

/* Opens a record, and seals it as delivered, or without its mark of time. */
static bool reseal(struct scans *s, unsigned i, bool delivered, bool timeless)
{
    struct scans_record record;
    if (open_at(s, i, &record) != CRYPTO_OK)
        return false;
    record.delivered |= delivered;
    if (timeless)
        record.mark = 0;
    return seal(s, &record, place(s, i));
}

enum jwbt_error scans_delivered(struct scans *s, unsigned count)
{
    if (count > s->waiting)
        return JWBT_ERR_OPTION;
    if (count == 0)
        return JWBT_OK;
    s->whole = false;
    for (unsigned i = 0; count > 0; i++) {
        struct scans_entry *entry = &s->entries[i];
        if (entry->kind != SCANS_SCAN || entry->delivered)
            continue;
        if (!reseal(s, i, true, false))
            return JWBT_ERR_CRYPTO;
        entry->delivered = true;
        s->waiting--;
        count--;
    }
    compact(s);
    return store(s) ? JWBT_OK : JWBT_ERR_STORAGE;
}

enum jwbt_error scans_forget_time(struct scans *s)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < s->count; i++) {
        if (s->entries[i].kind != SCANS_SCAN)
            continue;
        if (!reseal(s, i, false, true))
            return JWBT_ERR_CRYPTO;
        memmove(place(s, kept), place(s, i), SCANS_RECORD_BYTES);
        s->entries[kept++] = s->entries[i];
    }
    s->count = kept;
    s->mark = 0;
    s->bundle_version = 0;
    s->floor_count = 0;
    s->whole = false;
    return store(s) ? JWBT_OK : JWBT_ERR_STORAGE;
}
