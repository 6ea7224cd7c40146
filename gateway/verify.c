/* POST /v1/verify: what is a scanned code worth, now, to this asker?
 *
 * The first failure wins, in the order of docs/PROTOCOL.md. Whatever the result, a request that was
 * understood goes through to `record` and `answer`. */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/body.h"
#include "gateway/face.h"
#include "gateway/home.h"
#include "gateway/json.h"
#include "gateway/quota.h"
#include "gateway/receipts.h"
#include "gateway/scan_entry.h"

#define VERIFY_STEPS(S)                                                                            \
    S(read_code)       /* body -> bytes -> claims; key, lifetime             */                    \
    S(admit)           /* this type, for this purpose; the asker's quota     */                    \
    S(ask_cache)       /* one pipelined trip: MAC, status, face, first scan  */                    \
    S(check_signature) /* only if the MAC was not there                      */                    \
    S(ask_registry)    /* only what the two witnesses did not settle         */                    \
    S(count_scan)      /* slow path only: second trip                        */                    \
    S(apply_policy)    /* single use; role, type, purpose -> fields shown    */                    \
    S(sign_receipt)    /* partners only                                      */                    \
    S(record)          /* evidence before answer                             */                    \
    S(answer)

struct verify {
    struct operation op;
    uint8_t cose[CODE_COSE_BYTES_MAX];
    struct code code; /* views into cose */
    bool parsed, authentic;
    struct bytes purpose;
    struct quota quota;

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
    struct scan_entry first_scan; /* views into first_entry */

    uint8_t acting; /* as what it was displayed; CACHE_ACTING_UNKNOWN */
    struct face face;
    bool face_known;  /* else the code's own claims are all there is */
    struct buf shown; /* the answer's `licence`; empty: none */
    uint32_t fields;  /* set of those in it */
    unsigned keep_days;
    struct receipt_signing *receipt; /* NULL: not for this asker */
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

static struct bytes type_code(struct verify *v)
{
    const struct registry_catalogue_entry *type =
        v->parsed ? gateway_licence_type(v->op.home, v->code.claims.type) : NULL;
    return type ? bytes_str(type->code) : BYTES("");
}

/* A holder's rules are for his own licences; of what others display he sees what anybody does. */
static enum token_role policy_role(const struct verify *v)
{
    return v->op.asker.role == TOKEN_ROLE_HOLDER ? TOKEN_ROLE_ANYBODY : v->op.asker.role;
}

/* Which fields this asker sees. Asked for at each use: a reload may come between two steps. */
static const struct policy_rule *rule_for(struct verify *v)
{
    return policy_find(v->op.home->settings->policy, type_code(v), policy_role(v), v->purpose);
}

/* ---- read_code ---- */

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
    v->acting = CACHE_ACTING_UNKNOWN;
    v->own = (struct buf)BUF_OVER(v->own_entry);
    v->first = (struct buf)BUF_OVER(v->first_entry);
    if (operation_body_is(&v->op, "text/plain"))
        return read_text(v, body);
    if (!operation_body_is(&v->op, "application/json"))
        return operation_fail(&v->op, PROBLEM_MEDIA_TYPE, NULL, "text/plain, application/json");
    struct bytes text;
    const struct body_member members[] = {
        {.name = "code", .kind = BODY_TEXT, .bytes_max = CODE_TEXT_BYTES_MAX, .text = &text},
        {.name = "purpose",
         .kind = BODY_OPTIONAL,
         .bytes_max = ACCESS_PURPOSE_BYTES_MAX,
         .text = &v->purpose},
    };
    enum step_result result =
        body_read(&v->op, members, 2, "{\"code\": \"...\", \"purpose\": \"...\"}");
    return result == STEP_NEXT ? read_text(v, text) : result;
}

/* ---- admit: all that can be refused before a scan is counted ---- */

/* A partner asks for one of its purposes, and gets a receipt: what can't be had is said before its
 * scan is spent. */
static enum problem admit_partner(struct verify *v)
{
    const struct registry_client *client = v->op.client;
    if (!v->purpose.data)
        v->purpose = bytes_str(client->purpose_count ? client->purposes[0] : "");
    const struct policy_purpose *purpose = policy_purpose(v->op.home->settings->policy, v->purpose);
    if (!purpose || !client_has_purpose(client, v->purpose))
        return PROBLEM_PURPOSE_NOT_ALLOWED;
    v->keep_days = purpose->keep_days;
    return receipts_can_sign(v->op.home) ? PROBLEM_COUNT : PROBLEM_SIGNING_UNAVAILABLE;
}

/* Is the client competent? A type that could not be looked up is no type that it may not have. */
static enum problem admit_type(struct verify *v)
{
    struct gateway_loop *home = v->op.home;
    const struct registry_client *client = v->op.client;
    struct registry_catalogue_entry entry;
    if (!client || client->type_count == 0 || !v->parsed || client_has_type(client, type_code(v)))
        return PROBLEM_COUNT;
    if (gateway_licence_type(home, v->code.claims.type))
        return PROBLEM_TYPE_NOT_ALLOWED;
    return registry_licence_type(home->reader, v->code.claims.type, &entry) ==
                   REGISTRY_ERR_NOT_FOUND
               ? PROBLEM_TYPE_NOT_ALLOWED
               : PROBLEM_REGISTRY_UNAVAILABLE;
}

static enum step_result admit(struct verify *v)
{
    enum problem problem = PROBLEM_COUNT;
    if (v->op.asker.role == TOKEN_ROLE_PARTNER)
        problem = admit_partner(v);
    else if (v->purpose.data)
        problem = PROBLEM_PURPOSE_NOT_ALLOWED;
    else
        v->purpose = BYTES(PURPOSE_INSPECTION);
    if (problem == PROBLEM_COUNT)
        problem = admit_type(v);
    if (problem != PROBLEM_COUNT)
        return operation_fail(&v->op, problem, NULL, NULL);
    return quota_take(&v->quota, &v->op);
}

/* ---- ask_cache ---- */

static struct bytes agency_of(struct bytes subject)
{
    const uint8_t *slash = memchr(subject.data, '/', subject.len);
    return slash ? bytes_of(subject.data, (size_t)(slash - subject.data)) : subject;
}

static void write_entry(struct verify *v)
{
    bool inspector = counts_as(v) == CACHE_COUNT_INSPECTOR;
    const struct scan_entry entry = {
        .at = clock_wall_s(),
        .key = http_header(v->op.http, "idempotency-key"),
        .purpose = v->purpose,
        .client = v->op.asker.client,
        .agency = inspector ? agency_of(v->op.asker.subject) : BYTES(""),
    };
    scan_entry_write(&v->own, &entry);
    CHECK(buf_ok(&v->own)); /* 41 + two texts of a token, of at most 64 */
}

static void scan_was_counted(struct verify *v, bool counted, struct bytes first)
{
    buf_put(&v->first, first);
    v->scan_known = scan_entry_read(buf_bytes(&v->first), &v->first_scan);
    v->counted = counted;
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
    if (ask->answered && ask->code_known && ask->count != CACHE_COUNT_NONE) {
        scan_was_counted(v, ask->counted, ask->first);
        v->acting = ask->acting;
    }
    if (ask->answered && ask->face.len) {
        struct buf packed;
        buf_init(&packed, http_room(v->op.http, CACHE_FACE_BYTES_MAX), CACHE_FACE_BYTES_MAX);
        v->face_known = face_open(home->face_aead, claims->list, claims->index, claims->version,
                                  ask->face, &packed) == CRYPTO_OK &&
                        face_unpack(buf_bytes(&packed), &v->face); /* else as good as none */
    }
    operation_resume(&v->op);
}

static enum step_result ask_cache(struct verify *v)
{
    struct gateway_loop *home = v->op.home;
    const struct code_claims *claims = &v->code.claims;
    v->belief = COPY_ASK_SILENT;
    if (v->quota.result != QUOTA_OPEN)
        return quota_refuse(&v->quota);
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
    uint8_t packed_storage[FACE_BYTES_MAX], storage[CACHE_FACE_BYTES_MAX];
    struct buf packed = BUF_OVER(packed_storage), sealed = BUF_OVER(storage);
    if (face_pack(&v->face, &packed) &&
        face_seal(home->face_aead, licence->list, licence->index, licence->version,
                  buf_bytes(&packed), &sealed) == CRYPTO_OK)
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
    if (!licence->superseded) {
        v->face = face_of_licence(licence);
        v->face_known = true;
    }
    if (valid)
        cache_face(v);
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
    if (v->belief == COPY_BELIEVED && v->ask.bits == 0 &&
        (v->face_known || face_claims_suffice(rule_for(v)))) {
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
    v->remember.acting = CACHE_ACTING_UNKNOWN;
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

/* A partner's first scan of this code, or its repetition. */
static bool scan_is_single(const struct verify *v)
{
    return v->scan_known &&
           (v->counted || scan_entry_repeats(buf_bytes(&v->own), buf_bytes(&v->first)));
}

static enum step_result apply_policy(struct verify *v)
{
    const bool partner = v->op.asker.role == TOKEN_ROLE_PARTNER;
    if (partner && v->authentic && v->reason == REASON_NONE) {
        if (!single_use_vouched(v))
            v->problem = PROBLEM_SINGLE_USE_UNAVAILABLE;
        else if (!scan_is_single(v))
            v->reason = REASON_CODE_ALREADY_USED;
    }
    if (v->problem != PROBLEM_COUNT)
        v->reason = REASON_STATUS_UNAVAILABLE;
    if (!v->authentic || v->problem != PROBLEM_COUNT || (partner && !scan_is_single(v)))
        return STEP_NEXT; /* fields are shown once, whatever the code is worth */
    if (!v->face_known)
        v->face =
            face_of_claims(&v->code.claims, gateway_licence_type(v->op.home, v->code.claims.type));
    size_t room = v->query ? FACE_JSON_BYTES_MAX : FACE_PACKED_JSON_BYTES_MAX;
    buf_init(&v->shown, http_room(v->op.http, room), room);
    buf_put_u8(&v->shown, '{');
    v->fields = face_write(&v->shown, &v->face, rule_for(v), FIELDS_ALL);
    buf_put_u8(&v->shown, '}');
    return STEP_NEXT;
}

/* ---- sign_receipt ---- */

static enum step_result sign_receipt(struct verify *v)
{
    const struct receipts_told told = {
        .kind = RECEIPT_OF_CODE,
        .subject = bytes_of(v->code.claims.cti, sizeof v->code.claims.cti),
        .reason = v->reason,
        .purpose = v->purpose,
        .fields = v->fields,
        .licence = buf_bytes(&v->shown),
    };
    if (v->op.asker.role != TOKEN_ROLE_PARTNER || v->problem != PROBLEM_COUNT)
        return STEP_NEXT;
    v->receipt = http_room(v->op.http, sizeof *v->receipt);
    return receipts_sign(v->receipt, &v->op, &told);
}

/* ---- record, answer ---- */

/* Empty when neither the cache nor the registry said it: its place tells which licence it was. */
static struct bytes reference_of(const struct verify *v)
{
    if (!v->authentic)
        return BYTES("");
    if (v->query && v->query->error == REGISTRY_OK)
        return bytes_of(v->query->licence.reference, sizeof v->query->licence.reference);
    return v->face.reference;
}

static enum step_result record(struct verify *v)
{
    const struct bytes reference = reference_of(v);
    if (v->receipt && !v->receipt->signing.made)
        v->problem = PROBLEM_SIGNING_UNAVAILABLE;
    struct journal_record record = {
        .kind = JOURNAL_VERIFY,
        .result = (uint8_t)verdict_reason_result(v->reason),
        .reason = (uint8_t)v->reason,
        .place_known = v->authentic, /* else anybody could write looks at anybody's licence */
        .list = v->code.claims.list,
        .index = v->code.claims.index,
        .licence_known = reference.len > 0,
        .type = v->authentic ? v->code.claims.type : JOURNAL_TYPE_NONE,
        .acting = v->acting == CACHE_ACTING_UNKNOWN ? JOURNAL_ACTING_NONE : v->acting,
        .fields = v->fields,
        .purpose = v->purpose,
    };
    memcpy(record.cti, v->code.claims.cti, sizeof record.cti);
    if (record.licence_known)
        memcpy(record.licence, reference.data, sizeof record.licence);
    return operation_record(&v->op, &record);
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
    buf_put_u8(out, '{');
    json_put_bool(out, "this", v->counted);
    json_put_time(out, "at", v->first_scan.at);
    json_put_text(out, "agency", v->first_scan.agency);
    buf_put_u8(out, '}');
}

/* As what the code was displayed: who stands there need not be the holder; null: could not find
 * out. */
static void put_displayed_by(const struct verify *v, struct buf *out)
{
    struct bytes acting = {0};
    if (v->acting < ACTING_COUNT)
        acting = bytes_str(registry_acting_text((enum registry_acting)v->acting));
    json_put_text(out, "displayed_by", acting);
}

static void put_for_partner(struct verify *v, struct buf *out)
{
    json_put_text(out, "purpose", v->purpose);
    json_put_date(out, "keep_until", civil_day_at(clock_wall_s()) + (int32_t)v->keep_days);
    receipts_put(v->receipt, out);
}

static enum step_result answer(struct verify *v)
{
    static const struct bytes by[] = {
        [BY_CODE] = BYTES("code"),
        [BY_CACHE] = BYTES("cache"),
        [BY_REGISTRY] = BYTES("registry"),
    };
    if (!v->op.recorded)
        return operation_fail(&v->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    count(&v->op.home->counters.reasons[v->reason]);
    if (v->problem != PROBLEM_COUNT)
        return operation_fail(&v->op, v->problem, NULL, NULL);

    size_t room = v->shown.len + (v->receipt ? RECEIPTS_JSON_BYTES_MAX : 0) + 512;
    struct buf out;
    buf_init(&out, http_room(v->op.http, room), room);
    buf_put_u8(&out, '{');
    json_put_verdict(&out, v->reason);
    json_put_time(&out, "as_of", v->by == BY_NOTHING ? 0 : v->as_of);
    json_put_text(&out, "by", by[v->by]);
    if (v->shown.len) {
        buf_put_str(&out, ",\"licence\":");
        buf_put(&out, buf_bytes(&v->shown));
    }
    if (v->authentic && v->op.asker.role == TOKEN_ROLE_INSPECTOR) {
        put_first_scan(v, &out);
        put_displayed_by(v, &out);
    }
    if (v->op.asker.role == TOKEN_ROLE_PARTNER)
        put_for_partner(v, &out);
    buf_put_u8(&out, '}');
    CHECK(buf_ok(&out));
    return operation_answer_json(&v->op, 200, buf_bytes(&out));
}

FLOW_DEFINE(verify, VERIFY_STEPS);
