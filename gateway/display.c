/* POST /v1/codes: displays a licence as a short-lived signed code. */
#include <jansson.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/acting.h"
#include "gateway/face.h"
#include "gateway/signing.h"
#include "qr/qr.h"

#define DISPLAY_STEPS(S)                                                                           \
    S(read_request)  /* body -> licence id; Accept -> form            */                           \
    S(find_licence)  /* the registry: is it theirs, is it valid?      */                           \
    S(sign_code)     /* claims -> COSE_Sign1                          */                           \
    S(write_code)    /* -> text                                       */                           \
    S(remember_code) /* its key in Redis, so that a scan is spared the signature check */          \
    S(draw)          /* a picture, if asked for, by a worker          */                           \
    S(record)        /* evidence before answer                        */                           \
    S(answer)

#define PICTURE_BYTES_MAX 65536

struct display {
    struct operation op;
    enum display_form { FORM_JSON, FORM_SVG, FORM_PNG } form;
    uint8_t id[REGISTRY_ID_BYTES];
    struct registry_query query;
    enum registry_acting acting;
    struct code_claims claims;
    struct signing signing;
    uint8_t name_storage[CODE_NAME_BYTES_MAX], cose_storage[CODE_COSE_BYTES_MAX];
    uint8_t text_storage[CODE_TEXT_BYTES_MAX];
    struct buf cose, text;
    struct cache_remember remember;
    struct worker_job job;
    struct buf picture;
    enum qr_error drawn;
};

/* ---- read_request ---- */

static enum step_result read_request(struct display *d)
{
    struct bytes body = http_body(d->op.http);
    static const char *const types[] = {"application/json", "image/svg+xml", "image/png"};
    static const enum display_form forms[] = {FORM_JSON, FORM_SVG, FORM_PNG};
    const int chosen = operation_chosen(&d->op, types, sizeof types / sizeof *types);
    if (chosen < 0)
        return operation_fail(&d->op, PROBLEM_NOT_ACCEPTABLE, NULL,
                              "application/json, image/svg+xml, image/png");
    d->form = forms[chosen];
    if (!operation_body_is(&d->op, "application/json"))
        return operation_fail(&d->op, PROBLEM_MEDIA_TYPE, NULL, "application/json");
    json_t *document = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
    json_t *licence = json_object_get(document, "licence");
    struct buf id = BUF_OVER(d->id);
    bool read = json_is_string(licence) && json_object_size(document) == 1 &&
                buf_put_from_hex(&id, bytes_str(json_string_value(licence))) &&
                id.len == sizeof d->id;
    json_decref(document);
    return read ? STEP_NEXT
                : operation_fail(&d->op, PROBLEM_MALFORMED_BODY, NULL, "{\"licence\": \"<id>\"}");
}

/* ---- find_licence ---- */

/* A licence in doubt is not invalid: what it is worth can't be found out. */
static enum step_result refuse(struct display *d, enum verdict_reason reason)
{
    const enum problem problem = verdict_reason_result(reason) == RESULT_INVALID
                                     ? PROBLEM_LICENCE_NOT_VALID
                                     : PROBLEM_REGISTRY_UNAVAILABLE;
    struct journal_record record = {
        .kind = JOURNAL_DISPLAY,
        .result = (uint8_t)verdict_reason_result(reason),
        .reason = (uint8_t)reason,
        .acting = (uint8_t)d->acting,
    };
    operation_about(&record, &d->query.licence);
    return operation_refuse_recorded(&d->op, &record, problem, verdict_reason_text(reason), NULL);
}

static enum step_result check_licence(struct display *d)
{
    const struct registry_licence *licence = &d->query.licence;
    enum step_result checked =
        acting_check(&d->op, &d->query, PROBLEM_LICENCE_NOT_FOUND, &d->acting);
    if (checked != STEP_NEXT)
        return checked;
    enum verdict_reason reason = licence_reason(licence->status, licence->valid_from,
                                                licence->valid_until, civil_day_at(clock_wall_s()));
    return reason == REASON_NONE ? STEP_NEXT : refuse(d, reason);
}

static void licence_found_later(struct registry_query *query)
{
    struct display *d = query->context;
    if (check_licence(d) == STEP_NEXT)
        operation_resume(&d->op);
}

static enum step_result find_licence(struct display *d)
{
    d->query.by = REGISTRY_BY_ID;
    memcpy(d->query.id, d->id, sizeof d->id);
    d->query.done = licence_found_later;
    d->query.context = d;
    return registry_find(d->op.home->reader, &d->query) == REGISTRY_NOW ? check_licence(d)
                                                                        : STEP_WAIT;
}

/* ---- sign_code, write_code ---- */

static bool make_code(struct signing *signing, struct crypto_signer *signer)
{
    struct display *d = (struct display *)((char *)signing - offsetof(struct display, signing));
    return code_sign(&d->claims, signing->key->alg, signing->key->kid, &crypto_openssl, signer,
                     &d->cose) == CODE_OK;
}

static enum step_result sign_code(struct display *d)
{
    const struct registry_licence *licence = &d->query.licence;
    uint8_t masked_storage[REGISTRY_TEXT_BYTES_MAX];
    struct buf masked = BUF_OVER(masked_storage), name = BUF_OVER(d->name_storage);
    face_write_masked_name(&masked, licence->holder_name, licence->holder_kind);
    code_write_name(&name, buf_bytes(&masked));
    d->claims = (struct code_claims){
        .issued_at = clock_wall_s(),
        .kind = CODE_KIND_LICENCE,
        .type = licence->type,
        .issuer = licence->issuer,
        .version = licence->version,
        .holder_name = buf_bytes(&name),
        .number_tail = face_number_tail(licence->number),
        .valid_until = licence->valid_until,
        .list = licence->list,
        .index = licence->index,
    };
    d->claims.expires_at = d->claims.issued_at + (int64_t)d->op.home->settings->config->code_life_s;
    d->cose = (struct buf)BUF_OVER(d->cose_storage);
    if (crypto_openssl.random(d->claims.cti, sizeof d->claims.cti) != CRYPTO_OK)
        return operation_fail(&d->op, PROBLEM_OURS, NULL, NULL);
    return signing_run(&d->signing, &d->op, KEY_USE_CODE, d->claims.issued_at, make_code);
}

static enum step_result write_code(struct display *d)
{
    if (!d->signing.made)
        return operation_fail(&d->op, PROBLEM_SIGNING_UNAVAILABLE, NULL, NULL);
    d->text = (struct buf)BUF_OVER(d->text_storage);
    code_write_text(bytes_str(d->op.home->settings->config->code_prefix), buf_bytes(&d->cose),
                    &d->text);
    CHECK(buf_ok(&d->cose) && buf_ok(&d->text));
    return STEP_NEXT;
}

/* ---- remember_code ---- */

static void code_remembered(struct cache_remember *remember)
{
    struct display *d = (struct display *)((char *)remember - offsetof(struct display, remember));
    operation_resume(&d->op);
}

/* A code that Redis does not know is still good: its scan checks the signature instead. */
static enum step_result remember_code(struct display *d)
{
    struct gateway_loop *home = d->op.home;
    if (!gateway_mark_code(home, buf_bytes(&d->cose), d->remember.mac))
        return STEP_NEXT;
    memcpy(d->remember.cti, d->claims.cti, sizeof d->remember.cti);
    d->remember.issued_at = d->claims.issued_at;
    d->remember.ttl_s = (unsigned)(d->claims.expires_at - d->claims.issued_at) + CODE_KEY_LINGER_S;
    d->remember.acting = (uint8_t)d->acting;
    d->remember.count = CACHE_COUNT_NONE;
    d->remember.done = code_remembered;
    return cache_remember(home->cache, &d->remember) ? STEP_WAIT : STEP_NEXT;
}

/* ---- draw ---- */

static void draw_on_worker(struct worker_job *job)
{
    struct display *d = (struct display *)((char *)job - offsetof(struct display, job));
    d->drawn = qr_write(buf_bytes(&d->text), d->form == FORM_SVG ? QR_FORMAT_SVG : QR_FORMAT_PNG,
                        &QR_OPTIONS_DEFAULT, &d->picture);
}

static void drawn_on_worker(struct worker_job *job)
{
    struct display *d = (struct display *)((char *)job - offsetof(struct display, job));
    if (d->drawn != QR_OK)
        operation_fail(&d->op, PROBLEM_OURS, NULL, NULL);
    else
        operation_resume(&d->op);
}

static enum step_result draw(struct display *d)
{
    if (d->form == FORM_JSON)
        return STEP_NEXT;
    buf_init(&d->picture, http_room(d->op.http, PICTURE_BYTES_MAX), PICTURE_BYTES_MAX);
    d->job.work = draw_on_worker;
    d->job.done = drawn_on_worker;
    return worker_submit(d->op.home->gateway->workers, d->op.home->loop, &d->job)
               ? STEP_WAIT
               : operation_fail(&d->op, PROBLEM_OVERLOADED, NULL, NULL);
}

/* ---- record, answer ---- */

static enum step_result record(struct display *d)
{
    struct journal_record record = {
        .kind = JOURNAL_DISPLAY,
        .result = RESULT_VALID,
        .reason = REASON_NONE,
        .acting = (uint8_t)d->acting, /* whose licence it is, its place says */
    };
    operation_about(&record, &d->query.licence);
    memcpy(record.cti, d->claims.cti, sizeof record.cti);
    return operation_record(&d->op, &record);
}

static enum step_result answer(struct display *d)
{
    int64_t refresh_after =
        d->claims.issued_at + (int64_t)d->op.home->settings->config->code_refresh_s;
    uint8_t expires_storage[32], refresh_storage[32];
    struct buf expires = BUF_OVER(expires_storage), refresh = BUF_OVER(refresh_storage);
    if (!d->op.recorded)
        return operation_fail(&d->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    buf_put_timestamp(&expires, d->claims.expires_at);
    buf_put_timestamp(&refresh, refresh_after);
    if (d->form != FORM_JSON) {
        const struct http_answer_header headers[] = {
            {"code-expires-at", buf_bytes(&expires)},
            {"code-refresh-after", buf_bytes(&refresh)},
            {"code-displayed-by", bytes_str(registry_acting_text(d->acting))},
            {"vary", BYTES("accept")},
        };
        return operation_answer(&d->op, 201, d->form == FORM_SVG ? "image/svg+xml" : "image/png",
                                buf_bytes(&d->picture), headers, 4);
    }
    struct buf body;
    buf_init(&body, http_room(d->op.http, CODE_TEXT_BYTES_MAX + 256), CODE_TEXT_BYTES_MAX + 256);
    buf_put_str(&body, "{\"code\":\"");
    buf_put(&body, buf_bytes(&d->text)); /* no character of a prefix or a digit needs an escape */
    buf_put_str(&body, "\",\"expires_at\":");
    buf_put_json(&body, buf_bytes(&expires));
    buf_put_str(&body, ",\"refresh_after\":");
    buf_put_json(&body, buf_bytes(&refresh));
    buf_put_str(&body, ",\"displayed_by\":");
    buf_put_json(&body, bytes_str(registry_acting_text(d->acting)));
    buf_put_u8(&body, '}');
    CHECK(buf_ok(&body));
    return operation_answer_json(&d->op, 201, buf_bytes(&body));
}

FLOW_DEFINE(display, DISPLAY_STEPS);
