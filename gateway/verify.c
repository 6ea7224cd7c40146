/* POST /v1/verify: what is a scanned code worth, now, to this asker?
 *
 * The first failure wins, in the order of docs/PROTOCOL.md. Whatever the result, a request that was
 * understood goes through to `record` and `answer`. */
#include <jansson.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "gateway/face.h"
#include "gateway/home.h"

#define VERIFY_STEPS(S)                                                                            \
    S(read_code)       /* body -> bytes -> claims; key, lifetime             */                    \
    S(ask_cache)       /* one pipelined trip: MAC, status, face, first scan  */                    \
    S(check_signature) /* only if the MAC was not there                      */                    \
    S(ask_registry)    /* only what the two witnesses did not settle         */                    \
    S(count_scan)      /* slow path only: second trip                        */                    \
    S(apply_policy)    /* single use; role -> fields shown                   */                    \
    S(record)          /* evidence before answer                             */                    \
    S(answer)

struct verify {
    struct operation op;
    uint8_t cose[CODE_COSE_BYTES_MAX];
    struct code code; /* views into cose */
    bool parsed, authentic;

    enum verdict_reason reason;
    bool settled; /* the reason is final, nothing more is asked */
    enum { BY_CODE, BY_NOTHING, BY_CACHE, BY_REGISTRY } by;
    int64_t as_of; /* Unix seconds */

    struct cache_ask ask;
    struct cache_remember remember;
    enum copy_belief belief;
    int64_t known_us; /* as of when a believed status is known, Unix microseconds */
    bool scan_known;  /* counted and first_entry are true */
    bool counted;     /* this scan is the first of its kind */
    uint8_t own_entry[CACHE_ENTRY_BYTES_MAX], first_entry[CACHE_ENTRY_BYTES_MAX];
    struct buf own, first;

    struct buf face; /* JSON members; empty: none yet */
    struct registry_query *query;
    enum problem problem; /* PROBLEM_COUNT: none */
};

static enum step_result settle(struct verify *v, enum verdict_reason reason)
{
    v->reason = reason;
    v->settled = true;
    v->as_of = clock_wall_s();
    if (verdict_reason_result(reason) == RESULT_INDETERMINATE)
        v->by = BY_NOTHING;
    return STEP_NEXT;
}

static enum cache_count counts_as(const struct verify *v)
{
    return v->op.asker.role == TOKEN_ROLE_INSPECTOR ? CACHE_COUNT_INSPECTOR
           : v->op.asker.role == TOKEN_ROLE_PARTNER ? CACHE_COUNT_PARTNER
                                                    : CACHE_COUNT_NONE;
}

static bool sees_full_face(const struct verify *v)
{
    return v->op.asker.role == TOKEN_ROLE_INSPECTOR;
}

/* ---- read_code ---- */

static enum verdict_reason code_error_reason(enum code_error error)
{
    switch (error) {
    case CODE_OK:
        return REASON_NONE;
    case CODE_ERR_MALFORMED:
        return REASON_MALFORMED;
    case CODE_ERR_BAD_SIGNATURE:
        return REASON_BAD_SIGNATURE;
    case CODE_ERR_NOT_YET_VALID:
        return REASON_NOT_YET_VALID;
    case CODE_ERR_EXPIRED:
        return REASON_CODE_EXPIRED;
    case CODE_ERR_UNKNOWN_KEY:
        return REASON_UNKNOWN_KEY;
    case CODE_ERR_KEY_REVOKED:
        return REASON_KEY_REVOKED;
    case CODE_ERR_CRYPTO:
        break;
    }
    return REASON_STATUS_UNAVAILABLE;
}

static enum step_result read_text(struct verify *v, struct bytes text)
{
    const struct settings *settings = v->op.home->settings;
    struct buf cose = BUF_OVER(v->cose);
    const struct keyring_key *key;
    enum code_error error = code_read_text(text, &cose);
    if (error == CODE_OK)
        error = code_parse(buf_bytes(&cose), &v->code);
    v->parsed = error == CODE_OK;
    if (error == CODE_OK)
        error = code_find_key(&v->code, &settings->keys.ring, &key);
    if (error == CODE_OK)
        error = code_check_lifetime(&v->code.claims, clock_wall_s(),
                                    (int64_t)settings->config->code_future_s,
                                    (int64_t)settings->config->code_past_s);
    return error == CODE_OK ? STEP_NEXT : settle(v, code_error_reason(error));
}

static enum step_result read_code(struct verify *v)
{
    struct bytes body = http_body(v->op.http);
    v->problem = PROBLEM_COUNT;
    v->own = (struct buf)BUF_OVER(v->own_entry);
    v->first = (struct buf)BUF_OVER(v->first_entry);
    if (operation_body_is(&v->op, "text/plain"))
        return read_text(v, body);
    if (!operation_body_is(&v->op, "application/json"))
        return operation_fail(&v->op, PROBLEM_MEDIA_TYPE, NULL, "text/plain, application/json");
    json_t *document = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
    json_t *code = json_object_get(document, "code");
    enum step_result result =
        json_is_string(code) && json_object_size(document) == 1
            ? read_text(v, bytes_of(json_string_value(code), json_string_length(code)))
            : operation_fail(&v->op, PROBLEM_MALFORMED_BODY, NULL, "{\"code\": \"...\"}");
    json_decref(document);
    return result;
}

/* ---- ask_cache ---- */

/* A scan's entry: time (8 octets), SHA-256 of the Idempotency-Key (32; zeros without one), length
 * of the client (1), client, an inspector's agency. */
#define ENTRY_CLIENT 40

/* An inspector's subject is <agency>/<officer>; who he is stays out of Redis. */
static struct bytes agency_of(struct bytes subject)
{
    const uint8_t *slash = memchr(subject.data, '/', subject.len);
    return slash ? bytes_of(subject.data, (size_t)(slash - subject.data)) : subject;
}

static void write_entry(struct verify *v)
{
    struct bytes key = http_header(v->op.http, "idempotency-key");
    uint8_t hash[CRYPTO_HASH_BYTES] = {0};
    int64_t now = clock_wall_s();
    if (key.len)
        CHECK(crypto_openssl.sha256(&key, 1, hash) == CRYPTO_OK);
    buf_put_u32be(&v->own, (uint32_t)(now >> 32));
    buf_put_u32be(&v->own, (uint32_t)now);
    buf_put(&v->own, bytes_of(hash, sizeof hash));
    buf_put_u8(&v->own, (uint8_t)v->op.asker.client.len);
    buf_put(&v->own, v->op.asker.client);
    if (counts_as(v) == CACHE_COUNT_INSPECTOR)
        buf_put(&v->own, agency_of(v->op.asker.subject));
    CHECK(buf_ok(&v->own)); /* 41 + two texts of a token, of at most 64 */
}

/* Is it as write_entry makes them? Redis may hold anything. */
static bool entry_readable(struct bytes entry)
{
    if (entry.len <= ENTRY_CLIENT)
        return false;
    size_t client = entry.data[ENTRY_CLIENT];
    struct bytes texts = bytes_from(entry, ENTRY_CLIENT + 1);
    return memcmp(entry.data, "\0\0\0", 4) == 0 && /* before 2106 */
           client <= texts.len && texts.len - client <= TOKEN_SUBJECT_BYTES_MAX &&
           utf8_printable(texts);
}

static void scan_was_counted(struct verify *v, bool counted, struct bytes first)
{
    v->scan_known = entry_readable(first);
    v->counted = counted;
    if (v->scan_known)
        buf_put(&v->first, first);
}

/* Redis and the copy stand at the same change and differ all the same: it is no change on its way.
 */
static bool list_is_damaged(const struct copy *copy, const struct cache_ask *ask)
{
    struct copy_position at = copy_position(copy, ask->list);
    return at.present && at.generation == ask->generation && at.seq == ask->seq;
}

/* What the trip brought is taken while its views last. */
static void cache_answered(struct cache_ask *ask)
{
    struct verify *v = (struct verify *)((char *)ask - offsetof(struct verify, ask));
    struct gateway_loop *home = v->op.home;
    const struct code_claims *claims = &v->code.claims;
    uint64_t now_us = clock_mono_us(), compared_us = copy_compared_us(home->gateway->copy);
    v->belief = copy_believe(home->gateway->copy, ask, cache_up_since_us(home->cache), now_us);
    v->known_us = clock_wall_us();
    if (compared_us != 0 && compared_us < now_us) /* else the believed one has begun since */
        v->known_us -= (int64_t)(now_us - compared_us);
    if (v->belief == COPY_ASK_DIFFER && list_is_damaged(home->gateway->copy, ask))
        atomic_store_explicit(&home->gateway->list_suspect[claims->list % REGISTRY_LISTS_MAX], true,
                              memory_order_relaxed);
    if (ask->answered && ask->code_known && ask->count != CACHE_COUNT_NONE)
        scan_was_counted(v, ask->counted, ask->first);
    if (ask->answered && ask->face.len && sees_full_face(v)) {
        buf_init(&v->face, http_room(v->op.http, CACHE_FACE_BYTES_MAX), CACHE_FACE_BYTES_MAX);
        (void)face_open(home->face_aead, claims->list, claims->index, claims->version, ask->face,
                        &v->face); /* one that does not open is as good as none */
    }
    operation_resume(&v->op);
}

static enum step_result ask_cache(struct verify *v)
{
    struct gateway_loop *home = v->op.home;
    const struct code_claims *claims = &v->code.claims;
    v->belief = COPY_ASK_SILENT;
    if (v->settled)
        return STEP_NEXT;
    if (!gateway_mark_code(home, v->code.cose, v->ask.mac))
        return settle(v, REASON_STATUS_UNAVAILABLE);
    if (counts_as(v) != CACHE_COUNT_NONE)
        write_entry(v);
    memcpy(v->ask.cti, claims->cti, sizeof v->ask.cti);
    v->ask.list = claims->list;
    v->ask.index = claims->index;
    v->ask.count = counts_as(v);
    v->ask.entry = buf_bytes(&v->own);
    v->ask.done = cache_answered;
    return cache_ask(home->cache, &v->ask) ? STEP_WAIT : STEP_NEXT;
}

/* ---- check_signature ---- */

static enum step_result check_signature(struct verify *v)
{
    struct gateway_loop *home = v->op.home;
    const struct keyring *ring = &home->settings->keys.ring;
    const struct keyring_key *key;
    if (v->settled)
        return STEP_NEXT;
    if (v->ask.answered && v->ask.code_known) {
        v->authentic = true;
        return STEP_NEXT;
    }
    count(&home->counters.slow_path);
    /* The key is looked up again: a reload may have come in between. */
    enum code_error error = code_find_key(&v->code, ring, &key);
    if (error == CODE_OK)
        error =
            code_check_signature(&v->code, &crypto_openssl, home->keys.verifiers[key - ring->keys]);
    if (error != CODE_OK)
        return settle(v, code_error_reason(error));
    v->authentic = true;
    return STEP_NEXT;
}

/* ---- ask_registry ---- */

/* Both witnesses say "not valid" but the registry can't say why: the bits are told. */
static enum verdict_reason bits_reason(uint8_t bits)
{
    return bits == licence_status_bits(LICENCE_STATUS_SEIZED) ? REASON_LICENCE_SEIZED
                                                              : REASON_LICENCE_NOT_IN_FORCE;
}

static void cache_face(struct verify *v)
{
    struct gateway_loop *home = v->op.home;
    const struct registry_licence *licence = &v->query->licence;
    uint8_t storage[CACHE_FACE_BYTES_MAX];
    struct buf sealed = BUF_OVER(storage);
    if (v->face.len <= FACE_BYTES_MAX &&
        face_seal(home->face_aead, licence->list, licence->index, licence->version,
                  buf_bytes(&v->face), &sealed) == CRYPTO_OK)
        cache_put_face(home->cache, licence->list, licence->index, buf_bytes(&sealed),
                       (unsigned)home->settings->config->cache_face_ttl_s);
}

static enum step_result registry_answered(struct verify *v)
{
    const struct registry_licence *licence = &v->query->licence;
    bool valid = v->query->error == REGISTRY_OK && licence->status == LICENCE_STATUS_VALID;
    v->as_of = clock_wall_s();
    if (atomic_load(&v->op.home->gateway->registry_behind) ||
        (valid && gateway_knows_later(v->op.home, licence->list, licence->index)))
        return settle(v, REASON_STATUS_UNAVAILABLE);
    if (v->query->error == REGISTRY_ERR_NOT_FOUND ||
        (v->query->error == REGISTRY_OK && licence->version != v->code.claims.version))
        return settle(v, REASON_LICENCE_UNKNOWN);
    if (v->query->error != REGISTRY_OK) {
        if (v->belief != COPY_BELIEVED || v->ask.bits == 0)
            return settle(v, REASON_STATUS_UNAVAILABLE);
        v->by = BY_CACHE;
        return settle(v, bits_reason(v->ask.bits));
    }
    v->by = BY_REGISTRY;
    if (sees_full_face(v)) {
        size_t room = 2 * REGISTRY_LICENCE_BYTES_MAX; /* JSON escapes at most double a text */
        buf_init(&v->face, http_room(v->op.http, room), room);
        face_write_full(&v->face, licence);
        if (valid)
            cache_face(v);
    }
    return valid ? STEP_NEXT : settle(v, licence_status_reason(licence->status));
}

static void registry_answered_later(struct registry_query *query)
{
    struct verify *v = query->context;
    (void)registry_answered(v);
    operation_resume(&v->op);
}

static enum step_result ask_registry(struct verify *v)
{
    struct gateway_loop *home = v->op.home;
    const struct code_claims *claims = &v->code.claims;
    if (v->settled)
        return STEP_NEXT;
    if (code_licence_expired(claims, clock_wall_s()))
        return settle(v, REASON_LICENCE_EXPIRED);
    count(&home->counters.beliefs[v->belief]);
    if (v->belief == COPY_BELIEVED && v->ask.bits == 0 && (v->face.len || !sees_full_face(v))) {
        v->as_of = v->known_us / 1000000;
        v->by = BY_CACHE;
        return STEP_NEXT;
    }
    v->query = http_alloc(v->op.http, sizeof *v->query);
    v->query->by = REGISTRY_BY_PLACE;
    v->query->list = claims->list;
    v->query->index = claims->index;
    v->query->done = registry_answered_later;
    v->query->context = v;
    return registry_find(home->reader, v->query) == REGISTRY_NOW ? registry_answered(v) : STEP_WAIT;
}

/* ---- count_scan ---- */

static void cache_remembered(struct cache_remember *remember)
{
    struct verify *v = (struct verify *)((char *)remember - offsetof(struct verify, remember));
    struct gateway_loop *home = v->op.home;
    if (remember->answered)
        scan_was_counted(v, remember->counted, remember->first);
    if (v->by == BY_CACHE && !v->settled) { /* what was believed before this trip */
        v->belief = copy_believe(home->gateway->copy, &v->ask, cache_up_since_us(home->cache),
                                 clock_mono_us());
        if (v->belief != COPY_BELIEVED && ask_registry(v) == STEP_WAIT)
            return;
    }
    operation_resume(&v->op);
}

static enum step_result count_scan(struct verify *v)
{
    const struct code_claims *claims = &v->code.claims;
    int64_t life = claims->expires_at + CODE_KEY_LINGER_S - clock_wall_s();
    if (!v->authentic || counts_as(v) == CACHE_COUNT_NONE || !v->ask.answered ||
        v->ask.code_known || life < 1)
        return STEP_NEXT;
    memcpy(v->remember.cti, v->ask.cti, sizeof v->remember.cti);
    memcpy(v->remember.mac, v->ask.mac, sizeof v->remember.mac);
    v->remember.issued_at = claims->issued_at;
    v->remember.ttl_s = (unsigned)life;
    v->remember.count = counts_as(v);
    v->remember.entry = buf_bytes(&v->own);
    v->remember.done = cache_remembered;
    return cache_remember(v->op.home->cache, &v->remember) ? STEP_WAIT : STEP_NEXT;
}

/* ---- apply_policy ---- */

/* Has the Redis that counted this scan known every code since before this one was issued? One that
 * lost its data has no lists until the registry says since when it can be trusted (relay.c), and so
 * the registry is read after the trip. */
static bool single_use_vouched(const struct verify *v)
{
    struct gateway_loop *home = v->op.home;
    char run_id[REGISTRY_RUN_ID_BYTES];
    int64_t since;
    return v->scan_known && v->ask.list_present &&
           registry_redis_run(home->reader, run_id, &since) == REGISTRY_OK &&
           bytes_equal(cache_run_id(home->cache), bytes_of(run_id, sizeof run_id)) &&
           v->code.claims.issued_at > since;
}

/* The same partner asks again with the Idempotency-Key of its first scan. */
static bool repeats_first_scan(const struct verify *v)
{
    static const uint8_t no_key[CRYPTO_HASH_BYTES];
    struct bytes own = bytes_from(buf_bytes(&v->own), 8),
                 first = bytes_from(buf_bytes(&v->first), 8);
    return memcmp(own.data, no_key, sizeof no_key) != 0 && bytes_equal(own, first);
}

static enum step_result apply_policy(struct verify *v)
{
    if (v->op.asker.role == TOKEN_ROLE_PARTNER && v->authentic && v->reason == REASON_NONE) {
        if (!single_use_vouched(v))
            v->problem = PROBLEM_SINGLE_USE_UNAVAILABLE;
        else if (!v->counted && !repeats_first_scan(v))
            v->reason = REASON_CODE_ALREADY_USED;
    }
    if (v->problem != PROBLEM_COUNT)
        v->reason = REASON_STATUS_UNAVAILABLE;
    if (!v->authentic || v->face.len)
        return STEP_NEXT;
    buf_init(&v->face, http_room(v->op.http, CACHE_FACE_BYTES_MAX), CACHE_FACE_BYTES_MAX);
    face_write_claims(&v->face, &v->code.claims,
                      gateway_licence_type(v->op.home, v->code.claims.type));
    return STEP_NEXT;
}

/* ---- record, answer ---- */

static enum step_result record(struct verify *v)
{
    struct journal_record record = {
        .kind = JOURNAL_VERIFY,
        .result = (uint8_t)verdict_reason_result(v->reason),
        .reason = (uint8_t)v->reason,
        .place_known = v->parsed,
        .list = v->code.claims.list,
        .index = v->code.claims.index,
    };
    memcpy(record.cti, v->code.claims.cti, sizeof record.cti);
    return operation_record(&v->op, &record);
}

static void put_timestamp(struct buf *out, int64_t unix_s)
{
    buf_put_u8(out, '"');
    buf_put_timestamp(out, unix_s);
    buf_put_u8(out, '"');
}

/* For inspectors: when, and by which agency, this code was first scanned; null: could not find out.
 */
static void put_first_scan(struct verify *v, struct buf *out)
{
    buf_put_str(out, ",\"first_scan\":");
    if (!v->scan_known) {
        buf_put_str(out, "null");
        return;
    }
    struct bytes first = buf_bytes(&v->first);
    uint64_t at = 0;
    for (int i = 0; i < 8; i++)
        at = at << 8 | first.data[i];
    struct bytes agency = bytes_from(first, ENTRY_CLIENT + 1 + first.data[ENTRY_CLIENT]);
    buf_put_str(out, v->counted ? "{\"this\":true,\"at\":" : "{\"this\":false,\"at\":");
    put_timestamp(out, (int64_t)at);
    buf_put_str(out, ",\"agency\":");
    buf_put_json(out, agency);
    buf_put_u8(out, '}');
}

static enum step_result answer(struct verify *v)
{
    static const char *const by[] = {
        [BY_CODE] = "\"code\"",
        [BY_NOTHING] = "null",
        [BY_CACHE] = "\"cache\"",
        [BY_REGISTRY] = "\"registry\"",
    };
    if (!v->op.recorded)
        return operation_fail(&v->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    count(&v->op.home->counters.reasons[v->reason]);
    if (v->problem != PROBLEM_COUNT)
        return operation_fail(&v->op, v->problem, NULL, NULL);

    size_t room = v->face.len + 512;
    struct buf out;
    buf_init(&out, http_room(v->op.http, room), room);
    buf_put_str(&out, "{\"result\":\"");
    buf_put_str(&out, verdict_result_text(verdict_reason_result(v->reason)));
    buf_put_str(&out, v->reason == REASON_NONE ? "\",\"reason\":null" : "\",\"reason\":\"");
    if (v->reason != REASON_NONE) {
        buf_put_str(&out, verdict_reason_text(v->reason));
        buf_put_u8(&out, '"');
    }
    buf_put_str(&out, ",\"as_of\":");
    if (v->by == BY_NOTHING)
        buf_put_str(&out, "null");
    else
        put_timestamp(&out, v->as_of);
    buf_put_str(&out, ",\"by\":");
    buf_put_str(&out, by[v->by]);
    if (v->authentic && v->face.len) { /* Redis gave a face for the place, forged or not */
        buf_put_str(&out, ",\"licence\":{");
        buf_put(&out, buf_bytes(&v->face));
        buf_put_u8(&out, '}');
    }
    if (v->authentic && v->op.asker.role == TOKEN_ROLE_INSPECTOR)
        put_first_scan(v, &out);
    buf_put_u8(&out, '}');
    CHECK(buf_ok(&out));
    return operation_answer_json(&v->op, 200, buf_bytes(&out));
}

FLOW_DEFINE(verify, VERIFY_STEPS);
