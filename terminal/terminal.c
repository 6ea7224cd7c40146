/* The door: brings together what is known, what was scanned, the rules, and the storage. One file
 * of over 400 lines, because each of its functions is one of the door, on one struct. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "terminal/offline.h"

#define LISTS_DEFAULT 8
#define SCANS_DEFAULT 4096
#define SCANS_MAX     65536

#define FILE_TRUST "trust"
#define FILE_KEY   "key"

static const char SEALING_KEY[] = "jwb-terminal-seal-1";

struct jwbt {
    const struct crypto_provider *crypto;
    struct jwbt_storage storage;
    struct crypto_aead *aead; /* NULL: the secret could not be had, and nothing is kept */
    struct knowledge knowledge;
    struct scans scans;
    bool single_use;
    bool trust_owed; /* the file "trust" is behind what is known */
    bool failed, damaged;
    struct offline_answer answer; /* scratch, as this */
    uint8_t *file;                /* KNOWLEDGE_FILE_BYTES_MAX */
};

const char *jwbt_error_text(enum jwbt_error error)
{
    static const char *const texts[] = {
        [JWBT_OK] = "ok",
        [JWBT_ERR_OPTION] = "an option is out of range",
        [JWBT_ERR_MEMORY] = "there is no memory left",
        [JWBT_ERR_CRYPTO] = "the cryptographic library refused to work",
        [JWBT_ERR_STORAGE] = "it could not be stored: it holds until the power goes",
        [JWBT_ERR_NOT_ENROLLED] = "this terminal is not enrolled: no root key is pinned",
        [JWBT_ERR_ENROLLED] = "this terminal is enrolled already, with other root keys",
        [JWBT_ERR_MALFORMED] = "it is not what it should be: damaged, or of another kind",
        [JWBT_ERR_UNTRUSTED] = "it is not signed by a key that may sign it",
        [JWBT_ERR_OLDER] = "it is not newer than what was taken before",
        [JWBT_ERR_NOT_YET] = "its time has not begun, by this device's clock",
        [JWBT_ERR_EXPIRED] = "its time is over, by this device's clock",
        [JWBT_ERR_UNKNOWN_LIST] = "the trust bundle does not name this status list, or not so",
        [JWBT_ERR_FULL] = "there are more of them than this terminal may hold",
    };
    const size_t count = sizeof texts / sizeof *texts;
    return (size_t)error < count ? texts[error] : "unknown error";
}

/* ---- opening -----------------------------------------------------------------------------------
 */

/* The device's, or the one in the file, which is made when there is none. */
static bool find_secret(struct jwbt *t, const uint8_t *given, uint8_t secret[CRYPTO_SECRET_BYTES])
{
    uint8_t kept[2 * CRYPTO_SECRET_BYTES];
    size_t len = 0;
    if (given) {
        memcpy(secret, given, CRYPTO_SECRET_BYTES);
        return true;
    }
    enum jwbt_stored stored =
        t->storage.read(t->storage.context, FILE_KEY, kept, sizeof kept, &len);
    const bool found = stored == JWBT_STORED && len == CRYPTO_SECRET_BYTES;
    if (found)
        memcpy(secret, kept, CRYPTO_SECRET_BYTES);
    crypto_wipe(kept, sizeof kept);
    if (found || stored == JWBT_STORAGE_FAILED)
        return found;
    t->damaged |= stored == JWBT_STORED;
    return t->crypto->random(secret, CRYPTO_SECRET_BYTES) == CRYPTO_OK &&
           t->storage.replace(t->storage.context, FILE_KEY, secret, CRYPTO_SECRET_BYTES) ==
               JWBT_STORED;
}

static void open_seal(struct jwbt *t, const struct jwbt_options *options)
{
    uint8_t secret[CRYPTO_SECRET_BYTES], key[CRYPTO_SECRET_BYTES];
    if (find_secret(t, options->secret, secret) &&
        t->crypto->hkdf(secret, bytes_str(SEALING_KEY), key, sizeof key) == CRYPTO_OK)
        t->aead = t->crypto->aead_create(
            options->commercial ? CRYPTO_SM4_CTR_HMAC_SM3 : CRYPTO_AES_256_GCM, key);
    t->failed |= !t->aead;
    crypto_wipe(secret, sizeof secret);
    crypto_wipe(key, sizeof key);
}

static enum jwbt_stored read_file(struct jwbt *t, const char *name, struct bytes *content)
{
    size_t len = 0;
    enum jwbt_stored stored =
        t->storage.read(t->storage.context, name, t->file, KNOWLEDGE_FILE_BYTES_MAX, &len);
    *content = bytes_of(t->file, stored == JWBT_STORED ? len : 0);
    t->failed |= stored == JWBT_STORAGE_FAILED;
    return stored;
}

/* The seal goes over the whole file and stands behind it. */
static bool unseal(struct jwbt *t, struct bytes *content)
{
    const size_t seal_bytes = CRYPTO_AEAD_NONCE_BYTES + CRYPTO_AEAD_TAG_BYTES;
    uint8_t octet;
    struct buf nothing = {&octet, 0, 0, false}; /* with an address: aead_open writes there */
    if (!t->aead || content->len < seal_bytes)
        return false;
    content->len -= seal_bytes;
    return t->crypto->aead_open(t->aead, *content,
                                bytes_of(content->data + content->len, seal_bytes),
                                &nothing) == CRYPTO_OK;
}

static void load_trust(struct jwbt *t)
{
    struct bytes content, bundle;
    enum jwbt_stored stored = read_file(t, FILE_TRUST, &content);
    if (stored == JWBT_ABSENT)
        t->damaged |= t->scans.bundle_version > 0; /* there had been one */
    if (stored != JWBT_STORED)
        return;
    if (!unseal(t, &content) || !knowledge_read(&t->knowledge, content, &bundle))
        t->damaged = true;
    else if (bundle.len > 0)
        t->damaged |= knowledge_restore_bundle(&t->knowledge, bundle, t->scans.bundle_version) != 0;
}

static const char *list_name(uint16_t list, char name[16])
{
    snprintf(name, 16, "list-%u", (unsigned)list);
    return name;
}

static void load_lists(struct jwbt *t)
{
    const struct knowledge *k = &t->knowledge;
    char name[16];
    struct bytes token;
    for (size_t i = 0; k->has_bundle && i < k->bundle.list_count; i++) {
        const uint16_t list = k->bundle.lists[i].list;
        const int64_t floor = scans_list_floor(&t->scans, list);
        enum jwbt_stored stored = read_file(t, list_name(list, name), &token);
        if (stored == JWBT_ABSENT)
            t->damaged |= floor >= 0;
        if (stored != JWBT_STORED)
            continue;
        enum jwbt_error error = knowledge_restore_list(&t->knowledge, list, token, floor);
        /* The others: the bundle knows it under another URI; lists_max is lower now. */
        t->damaged |= error && error != JWBT_ERR_UNKNOWN_LIST && error != JWBT_ERR_FULL;
    }
}

enum jwbt_error jwbt_open(const struct jwbt_options *options, struct jwbt **terminal)
{
    const unsigned lists_max = options->lists_max ? options->lists_max : LISTS_DEFAULT;
    const unsigned scans_max = options->scans_max ? options->scans_max : SCANS_DEFAULT;
    *terminal = NULL;
    if (lists_max > KNOWLEDGE_LISTS_MAX || scans_max > SCANS_MAX || !options->storage.read ||
        !options->storage.replace || !options->storage.append)
        return JWBT_ERR_OPTION;
    struct jwbt *t = calloc(1, sizeof *t);
    if (!t)
        return JWBT_ERR_MEMORY;
    t->crypto = &crypto_mbedtls;
    t->storage = options->storage;
    t->single_use = options->single_use;
    t->file = malloc(KNOWLEDGE_FILE_BYTES_MAX);
    open_seal(t, options);
    *terminal = t;
    /* Both are begun, because jwbt_close ends both. */
    enum jwbt_error known = knowledge_init(&t->knowledge, t->crypto, lists_max);
    enum jwbt_error kept = scans_init(&t->scans, t->crypto, t->aead, &t->storage, scans_max);
    if (known || kept || !t->file) {
        jwbt_close(terminal);
        return JWBT_ERR_MEMORY;
    }
    load_trust(t);
    load_lists(t);
    return JWBT_OK;
}

void jwbt_close(struct jwbt **terminal)
{
    struct jwbt *t = *terminal;
    if (!t)
        return;
    knowledge_fini(&t->knowledge);
    scans_fini(&t->scans);
    t->crypto->aead_destroy(&t->aead);
    free(t->file);
    free(t);
    *terminal = NULL;
}

/* ---- taking ------------------------------------------------------------------------------------
 */

/* What is added to a time must not overflow. */
static int64_t sane(int64_t now)
{
    return now < 0 ? 0 : now > UINT32_MAX ? UINT32_MAX : now;
}

static bool store_trust(struct jwbt *t)
{
    struct buf file;
    buf_init(&file, t->file, KNOWLEDGE_FILE_BYTES_MAX);
    knowledge_write(&t->knowledge, &file);
    bool sealed =
        t->aead && t->crypto->aead_seal(t->aead, buf_bytes(&file), BYTES(""), &file) == CRYPTO_OK;
    CHECK(buf_ok(&file));
    t->trust_owed = !sealed || t->storage.replace(t->storage.context, FILE_TRUST, file.data,
                                                  file.len) != JWBT_STORED;
    t->failed |= t->trust_owed;
    return !t->trust_owed;
}

enum jwbt_error jwbt_enroll(struct jwbt *t, const void *jwks, size_t len, bool again)
{
    if (!again && t->knowledge.roots.count > 0)
        return knowledge_pinned(&t->knowledge, bytes_of(jwks, len));
    enum jwbt_error error = knowledge_pin(&t->knowledge, bytes_of(jwks, len));
    if (error)
        return error;
    t->damaged = false;
    if (!store_trust(t))
        error = JWBT_ERR_STORAGE;
    enum jwbt_error forgotten = again ? scans_forget_time(&t->scans) : JWBT_OK;
    return error ? error : forgotten;
}

enum jwbt_error jwbt_take_bundle(struct jwbt *t, const void *bundle, size_t len, int64_t now)
{
    enum jwbt_error error = knowledge_take_bundle(&t->knowledge, bytes_of(bundle, len),
                                                  t->scans.bundle_version, sane(now));
    if (error)
        return error;
    const bool stored = store_trust(t);
    struct scans_record note = {.kind = SCANS_BUNDLE,
                                .mark = knowledge_time(&t->knowledge),
                                .bundle_version = t->knowledge.bundle.version};
    return scans_add(&t->scans, &note, false) && stored ? JWBT_OK : JWBT_ERR_STORAGE;
}

/* What it revokes first, then the list, then that it was taken: wherever the power goes, what was
 * known stays known. That it was taken is noted also when it could not be stored: the older one in
 * its place is not believed again. */
static bool store_list(struct jwbt *t, uint16_t list, struct bytes token, bool revokes)
{
    char name[16];
    const bool stored = ((!revokes && !t->trust_owed) || store_trust(t)) && t->aead &&
                        t->storage.replace(t->storage.context, list_name(list, name), token.data,
                                           token.len) == JWBT_STORED;
    struct scans_record note = {.kind = SCANS_LIST,
                                .mark = knowledge_time(&t->knowledge),
                                .list = list,
                                .status_as_of = knowledge_list(&t->knowledge, list)->issued_at};
    t->failed |= !stored;
    return scans_add(&t->scans, &note, false) && stored;
}

enum jwbt_error jwbt_take_list(struct jwbt *t, uint16_t list, const void *token, size_t len,
                               int64_t now)
{
    bool revokes;
    enum jwbt_error error =
        knowledge_take_list(&t->knowledge, list, bytes_of(token, len),
                            scans_list_floor(&t->scans, list), sane(now), &revokes);
    if (error)
        return error;
    return store_list(t, list, bytes_of(token, len), revokes) ? JWBT_OK : JWBT_ERR_STORAGE;
}

/* ---- verifying ---------------------------------------------------------------------------------
 */

/* A text of the bundle or of a code, which the reader held to its limit. */
static void copy_text(char *into, size_t cap, struct bytes text)
{
    CHECK(text.len < cap);
    if (text.len > 0)
        memcpy(into, text.data, text.len);
    into[text.len] = '\0';
}

static void show(const struct offline_answer *from, struct jwbt_answer *to)
{
    const struct code_claims *c = &from->code.claims;
    struct buf day = BUF_OVER(to->valid_until);
    to->authentic = true;
    copy_text(to->holder_name, sizeof to->holder_name, c->holder_name);
    copy_text(to->number_tail, sizeof to->number_tail, c->number_tail);
    copy_text(to->type_code, sizeof to->type_code, from->type.code);
    copy_text(to->type_name, sizeof to->type_name, from->type.name);
    copy_text(to->type_english, sizeof to->type_english, from->type.english);
    copy_text(to->issuer_code, sizeof to->issuer_code, from->issuer.code);
    copy_text(to->issuer_name, sizeof to->issuer_name, from->issuer.name);
    copy_text(to->issuer_english, sizeof to->issuer_english, from->issuer.english);
    if (c->valid_until != CODE_LONG_TERM)
        buf_put_date(&day, c->valid_until);
    buf_cstr(&day);
    to->type = c->type;
    to->issuer = c->issuer;
    to->version = c->version;
    to->list = c->list;
    to->index = c->index;
    memcpy(to->cti, c->cti, sizeof to->cti);
    to->issued_at = c->issued_at;
    to->expires_at = c->expires_at;
    to->seen_at = from->seen_at;
    if (from->list) {
        to->status_as_of = from->list->issued_at;
        to->status_good_until = from->list->expires_at;
    }
}

/* The scan of a well-formed code. A code counts once only if that is remembered: then it is kept
 * first, or not valid. */
static bool keep(struct jwbt *t, struct offline_answer *a, int64_t now)
{
    const struct code_claims *c = &a->code.claims;
    const bool counts = t->single_use && a->result == RESULT_VALID;
    const int64_t proven = a->authentic ? c->issued_at - KNOWLEDGE_CLOCK_S : 0;
    struct scans_record record = {
        .kind = SCANS_SCAN,
        .mark = now > proven ? now : proven,
        .authentic = a->authentic,
        .at = now,
        .dead_at = offline_dead_at(&t->knowledge, c) + KNOWLEDGE_CLOCK_S,
        .reason = a->reason,
        .list = c->list,
        .status_as_of = a->list ? a->list->issued_at : 0,
        .bundle_version = t->knowledge.has_bundle ? t->knowledge.bundle.version : 0,
        .cose_len = a->code.cose.len,
    };
    memcpy(record.cti, c->cti, sizeof record.cti);
    memcpy(record.cose, a->code.cose.data, a->code.cose.len);
    if (t->trust_owed)
        store_trust(t); /* what was revoked is not to be forgotten when scans are remembered */
    bool kept = scans_add(&t->scans, &record, counts);
    if (counts && !kept) {
        a->reason = REASON_STATUS_UNAVAILABLE;
        a->result = RESULT_INDETERMINATE;
    }
    return kept;
}

void jwbt_verify(struct jwbt *t, const char *text, size_t len, int64_t now,
                 struct jwbt_answer *answer)
{
    const struct offline_state state = {&t->knowledge, &t->scans, t->single_use};
    struct offline_answer *a = &t->answer;
    memset(answer, 0, sizeof *answer);
    offline_verify(&state, bytes_of(text, len), sane(now), a);
    if (a->formed)
        answer->kept = keep(t, a, sane(now));
    if (a->authentic)
        show(a, answer);
    answer->result = (enum jwbt_result)a->result; /* the same three, in the same order */
    answer->reason = verdict_reason_text(a->reason);
}

/* ---- what it knows -----------------------------------------------------------------------------
 */

void jwbt_knows(const struct jwbt *t, int64_t now, struct jwbt_knowledge *knows)
{
    const struct knowledge *k = &t->knowledge;
    const struct offline_state state = {k, &t->scans, t->single_use};
    *knows = (struct jwbt_knowledge){
        .enrolled = k->roots.count > 0,
        .revoked = (unsigned)k->by_bundle.count,
        .clock_mark = offline_time(&state),
        .scans = t->scans.waiting,
        .storage_failed = t->failed || t->scans.failed,
        .damaged = t->damaged || t->scans.damaged,
    };
    knows->clock_trusted = sane(now) + KNOWLEDGE_CLOCK_S >= knows->clock_mark;
    for (size_t i = 0; i < k->by_list.count; i++)
        knows->revoked += !knowledge_revoked(k, k->by_list.kids[i], KEY_USE_STATUS);
    if (!k->has_bundle)
        return;
    knows->bundle_version = k->bundle.version;
    knows->bundle_not_before = k->bundle.not_before;
    knows->bundle_expires = k->bundle.expires;
    knows->lists = (unsigned)k->bundle.list_count;
    for (size_t i = 0; i < k->bundle.ring.count; i++)
        knows->keys += k->bundle.ring.keys[i].use == KEY_USE_CODE;
}

bool jwbt_list_at(const struct jwbt *t, unsigned i, struct jwbt_list *list)
{
    const struct knowledge *k = &t->knowledge;
    memset(list, 0, sizeof *list);
    if (!k->has_bundle || i >= k->bundle.list_count)
        return false;
    list->list = k->bundle.lists[i].list;
    copy_text(list->uri, sizeof list->uri, k->bundle.lists[i].uri);
    const struct held_list *held = knowledge_list(k, list->list);
    if (held) {
        list->as_of = held->issued_at;
        list->good_until = held->expires_at;
        list->ttl_s = held->ttl_s;
    }
    return true;
}

/* ---- kept scans --------------------------------------------------------------------------------
 */

bool jwbt_scan_at(struct jwbt *t, unsigned i, struct jwbt_scan *scan)
{
    struct scans_record record;
    if (!scans_waiting(&t->scans, i, &record))
        return false;
    *scan = (struct jwbt_scan){
        .at = record.at,
        .result = (enum jwbt_result)verdict_reason_result_offline(record.reason),
        .reason = verdict_reason_text(record.reason),
        .status_as_of = record.status_as_of,
        .bundle_version = record.bundle_version,
        .cose_len = record.cose_len,
    };
    memcpy(scan->id, record.id, sizeof scan->id);
    memcpy(scan->cose, record.cose, record.cose_len);
    return true;
}

enum jwbt_error jwbt_scans_delivered(struct jwbt *t, unsigned count)
{
    return scans_delivered(&t->scans, count);
}
