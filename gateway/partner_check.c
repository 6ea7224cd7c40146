/* POST /v1/partner/checks: is this licence valid, under its holder's consent, without a code?
 *
 * A number that is wrong, a name that is wrong, a licence that is not there and one without a
 * consent are refused alike: the same octets, the same work as near as can be, leaving at a tick.
 * Each counts against the client, and too many are reported. */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/acting.h"
#include "gateway/body.h"
#include "gateway/face.h"
#include "gateway/json.h"
#include "gateway/log.h"
#include "gateway/quota.h"
#include "gateway/receipts.h"
#include "gateway/tick.h"

#define PARTNER_CHECK_STEPS(S)                                                                     \
    S(read_question)    /* body; which purpose, may this client have it   */                       \
    S(take_quota)       /* the client's                                   */                       \
    S(look_at_refusals) /* were there too many?                           */                       \
    S(find_licences)    /* those of the number, and of these the holder's */                       \
    S(find_consent)     /* the one of these under a consent               */                       \
    S(find_licence)     /* refused ones go on from here without one       */                       \
    S(make_answer)      /* status, fields                                 */                       \
    S(put_receipt)      /* what was told, signed                          */                       \
    S(count_refusal)    /* in Redis; were there too many meanwhile?       */                       \
    S(record)           /* evidence before answer                         */                       \
    S(wait_for_tick)    /* refused ones                                   */                       \
    S(answer)

#define HOUR_S         3600
#define CANDIDATES_MAX 16 /* licences of one number and holder; `type` says which is meant */
#define BODY_SHAPE                                                                                 \
    "{\"licence_number\": \"...\", \"holder_name\": \"...\", \"purpose\": \"...\", "               \
    "\"type\": \"...\"}, the last two optional"

struct partner_check {
    struct operation op;
    uint64_t arrived_us;
    struct bytes number, holder_name, purpose, type; /* type may be empty: any */
    struct quota quota, refusals;
    struct registry_licences_query licences;
    uint8_t candidates[CANDIDATES_MAX][REGISTRY_ID_BYTES];
    size_t candidate_count;
    bool refused;
    struct registry_consent consent;
    struct registry_query licence;
    enum verdict_reason reason;
    uint32_t fields;
    struct receipt_signing *receipt;
    struct buf body;
    struct tick tick;
};

static enum step_result unavailable(struct partner_check *p)
{
    return operation_fail(&p->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
}

/* ---- the question ---- */

static enum step_result read_question(struct partner_check *p)
{
    const struct registry_client *client = p->op.client;
    const struct body_member members[] = {
        {.name = "licence_number",
         .kind = BODY_TEXT,
         .bytes_max = REGISTRY_TEXT_BYTES_MAX,
         .text = &p->number},
        {.name = "holder_name",
         .kind = BODY_TEXT,
         .bytes_max = REGISTRY_TEXT_BYTES_MAX,
         .text = &p->holder_name},
        {.name = "purpose",
         .kind = BODY_OPTIONAL,
         .bytes_max = ACCESS_PURPOSE_BYTES_MAX,
         .text = &p->purpose},
        {.name = "type",
         .kind = BODY_OPTIONAL,
         .bytes_max = REGISTRY_CODE_BYTES_MAX,
         .text = &p->type},
    };
    p->arrived_us = clock_mono_us();
    enum step_result read =
        body_read(&p->op, members, sizeof members / sizeof *members, BODY_SHAPE);
    if (read != STEP_NEXT)
        return read;
    p->number = bytes_trim(p->number);
    p->holder_name = bytes_trim(p->holder_name);
    if (!p->purpose.data && client->purpose_count > 0)
        p->purpose = bytes_str(client->purposes[0]);
    if (!client_has_purpose(client, p->purpose) ||
        !policy_purpose(p->op.home->settings->policy, p->purpose))
        return operation_fail(&p->op, PROBLEM_PURPOSE_NOT_ALLOWED, NULL, NULL);
    if (p->type.len && !client_has_type(client, p->type))
        return operation_fail(&p->op, PROBLEM_TYPE_NOT_ALLOWED, NULL, NULL);
    if (!receipts_can_sign(p->op.home))
        return operation_fail(&p->op, PROBLEM_SIGNING_UNAVAILABLE, NULL, NULL);
    return STEP_NEXT;
}

/* ---- how often he may ask, and be refused ---- */

static enum step_result take_quota(struct partner_check *p)
{
    return quota_take(&p->quota, &p->op);
}

static enum step_result ask_refusals(struct partner_check *p, unsigned take)
{
    return quota_take_of(&p->refusals, &p->op, "refusals",
                         (unsigned)p->op.home->settings->config->partners_refusals_per_hour, HOUR_S,
                         take);
}

static enum step_result look_at_refusals(struct partner_check *p)
{
    return p->quota.result == QUOTA_OPEN ? ask_refusals(p, 0) : quota_refuse(&p->quota);
}

static enum step_result refuse_guessing(struct partner_check *p)
{
    count(&p->op.home->counters.guessing);
    log_event(LOG_WARNING, "guessing", LOG_BYTES("client", p->op.asker.client),
              LOG_ID("request", p->op.id));
    p->op.retry_after_s = quota_wait_s(&p->refusals);
    return operation_fail(&p->op, PROBLEM_TOO_MANY_REFUSALS, NULL, NULL);
}

/* ---- the licence ---- */

static void consider(struct registry_licences_query *query, const struct registry_licence *licence,
                     enum registry_acting acting)
{
    struct partner_check *p = query->context;
    (void)acting;
    bool meant = bytes_equal(licence->holder_name, p->holder_name) &&
                 client_has_type(p->op.client, licence->type_code) &&
                 (p->type.len == 0 || bytes_equal(licence->type_code, p->type));
    if (meant && p->candidate_count < CANDIDATES_MAX)
        memcpy(p->candidates[p->candidate_count++], licence->id, REGISTRY_ID_BYTES);
}

static void licences_found_later(struct registry_licences_query *query)
{
    struct partner_check *p = query->context;
    operation_resume(&p->op);
}

static enum step_result find_licences(struct partner_check *p)
{
    if (p->refusals.result == QUOTA_EMPTY)
        return refuse_guessing(p);
    if (p->refusals.result == QUOTA_UNKNOWN)
        return quota_refuse(&p->refusals);
    p->licences.by = LICENCES_OF_NUMBER;
    p->licences.text = p->number;
    p->licences.each = consider;
    p->licences.done = licences_found_later;
    p->licences.context = p;
    return registry_find_licences(p->op.home->reader, &p->licences) == REGISTRY_NOW ? STEP_NEXT
                                                                                    : STEP_WAIT;
}

/* Also without a licence one consent is looked for: of a licence that nobody has. */
static enum step_result find_consent(struct partner_check *p)
{
    struct gateway_loop *home = p->op.home;
    enum registry_error error = p->licences.error;
    size_t i = 0;
    if (error == REGISTRY_OK || error == REGISTRY_ERR_NOT_FOUND)
        do
            error = registry_consent(home->reader, p->candidates[i], p->op.asker.client, p->purpose,
                                     clock_wall_s(), &p->consent);
        while (error == REGISTRY_ERR_NOT_FOUND && ++i < p->candidate_count);
    if (atomic_load(&home->gateway->registry_behind) ||
        (error != REGISTRY_OK && error != REGISTRY_ERR_NOT_FOUND))
        return unavailable(p);
    p->refused = error == REGISTRY_ERR_NOT_FOUND;
    return STEP_NEXT;
}

static enum step_result find_licence(struct partner_check *p)
{
    if (p->refused)
        return STEP_NEXT;
    memcpy(p->licence.id, p->consent.licence, sizeof p->licence.id);
    return acting_find_licence(&p->op, &p->licence);
}

/* ---- the answer ---- */

static enum verdict_reason reason_of(struct partner_check *p)
{
    const struct registry_licence *licence = &p->licence.licence;
    const enum verdict_reason reason = licence_reason(
        licence->status, licence->valid_from, licence->valid_until, civil_day_at(clock_wall_s()));
    return reason == REASON_NONE && gateway_knows_later(p->op.home, licence->list, licence->index)
               ? REASON_STATUS_UNAVAILABLE
               : reason;
}

/* The member `licence`: of a status that could not be found out nothing is shown. */
static struct bytes write_licence(struct partner_check *p)
{
    const struct registry_licence *licence = &p->licence.licence;
    const struct policy_rule *rule =
        policy_find(p->op.home->settings->policy, licence->type_code, p->op.asker.role, p->purpose);
    const struct face face = face_of_licence(licence);
    struct buf out;
    buf_init(&out, http_room(p->op.http, FACE_JSON_BYTES_MAX + 2), FACE_JSON_BYTES_MAX + 2);
    if (verdict_reason_result(p->reason) == RESULT_INDETERMINATE)
        return buf_bytes(&out);
    buf_put_u8(&out, '{');
    p->fields = face_write(&out, &face, rule, p->consent.fields);
    buf_put_u8(&out, '}');
    CHECK(buf_ok(&out));
    return buf_bytes(&out);
}

static void put_verdict(struct partner_check *p, unsigned keep_days)
{
    const int64_t now = clock_wall_s();
    buf_put_u8(&p->body, '{');
    json_put_verdict(&p->body, p->reason);
    json_put_time(&p->body, "as_of", now);
    json_put_text(&p->body, "by", BYTES("registry"));
    json_put_text(&p->body, "purpose", p->purpose);
    json_put_date(&p->body, "keep_until", civil_day_at(now) + (int32_t)keep_days);
}

static enum step_result sign_receipt(struct partner_check *p, struct bytes licence)
{
    uint8_t subject[CRYPTO_HASH_BYTES];
    const struct receipts_told told = {
        .kind = RECEIPT_OF_LICENCE,
        .subject = bytes_of(subject, sizeof subject),
        .reason = p->reason,
        .purpose = p->purpose,
        .fields = p->fields,
        .licence = licence,
    };
    p->receipt = http_room(p->op.http, sizeof *p->receipt);
    return receipts_subject(&p->op, p->number, p->holder_name, subject)
               ? receipts_sign(p->receipt, &p->op, &told)
               : operation_fail(&p->op, PROBLEM_OURS, NULL, NULL);
}

static enum step_result make_answer(struct partner_check *p)
{
    if (p->refused)
        return STEP_NEXT;
    if (p->licence.error != REGISTRY_OK)
        return unavailable(p);
    const struct policy_purpose *purpose = policy_purpose(p->op.home->settings->policy, p->purpose);
    if (!purpose) /* a reload came in between */
        return operation_fail(&p->op, PROBLEM_PURPOSE_NOT_ALLOWED, NULL, NULL);
    p->reason = reason_of(p);
    const struct bytes licence = write_licence(p);
    const size_t room = licence.len + RECEIPTS_JSON_BYTES_MAX + 512;
    buf_init(&p->body, http_room(p->op.http, room), room);
    put_verdict(p, purpose->keep_days);
    if (licence.len) {
        buf_put_str(&p->body, ",\"licence\":");
        buf_put(&p->body, licence);
    }
    return sign_receipt(p, licence);
}

static enum step_result put_receipt(struct partner_check *p)
{
    if (p->refused)
        return STEP_NEXT;
    if (!p->receipt->signing.made)
        return operation_fail(&p->op, PROBLEM_SIGNING_UNAVAILABLE, NULL, NULL);
    receipts_put(p->receipt, &p->body);
    buf_put_u8(&p->body, '}');
    CHECK(buf_ok(&p->body));
    return STEP_NEXT;
}

/* Of guesses that come all at once only so many are answered: also the right one looks again,
 * behind the wrong ones that were asked before it. */
static enum step_result count_refusal(struct partner_check *p)
{
    return ask_refusals(p, p->refused ? 1 : 0);
}

static enum step_result record(struct partner_check *p)
{
    const struct registry_licence *licence = &p->licence.licence;
    struct journal_record record = {
        .kind = JOURNAL_CHECK,
        .result = RESULT_INVALID,
        .acting = JOURNAL_ACTING_NONE,
        .purpose = p->purpose,
    };
    if (p->refusals.result == QUOTA_EMPTY)
        return refuse_guessing(p);
    if (p->refusals.result == QUOTA_UNKNOWN) /* what is not counted is not told */
        return quota_refuse(&p->refusals);
    if (p->refused) {
        count(&p->op.home->counters.checks_refused);
    } else {
        record.result = (uint8_t)verdict_reason_result(p->reason);
        record.reason = (uint8_t)p->reason;
        operation_about(&record, licence);
        record.fields = p->fields;
        count(&p->op.home->counters.reasons[p->reason]);
    }
    return operation_record(&p->op, &record);
}

static enum step_result wait_for_tick(struct partner_check *p)
{
    const unsigned tick_ms = (unsigned)p->op.home->settings->config->partners_tick_ms;
    if (!p->refused)
        return STEP_NEXT;
    return tick_wait(&p->tick, &p->op, tick_after(p->arrived_us, clock_mono_us(), tick_ms));
}

static enum step_result answer(struct partner_check *p)
{
    if (!p->op.recorded)
        return operation_fail(&p->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    if (p->refused)
        return operation_fail(&p->op, PROBLEM_CHECK_REFUSED, NULL, NULL);
    return operation_answer_json(&p->op, 200, buf_bytes(&p->body));
}

FLOW_DEFINE(partner_check, PARTNER_CHECK_STEPS);
