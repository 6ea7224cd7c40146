/* POST /v1/inspections/scans: what a terminal saw while it was offline, delivered when it is back,
 * each scan once. It is kept as the terminal tells it, whatever its code is worth now; the licence
 * is told only where the code is one of ours. */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/commit.h"
#include "gateway/home.h"
#include "gateway/json.h"
#include "gateway/scan_report.h"

#define SCANS_STEPS(S)                                                                             \
    S(read_scans)   /* body; may they be so old, or so young?         */                           \
    S(check_codes)  /* which are ours? a signature each, 0.1 ms       */                           \
    S(write_scans)  /* registry: all in one transaction               */                           \
    S(settle_scans) /* their events are in the evidence log           */                           \
    S(answer_scans)

#define FUTURE_S        60 /* a terminal's clock may be ahead: as docs/TERMINAL.md trusts clocks */
#define ROW_BYTES_MAX   80
#define DETAIL_TEXT_MAX 96

/* What every code shows of itself. */
#define FIELDS_OF_A_CODE                                                                           \
    (FIELD_BIT(FIELD_TYPE) | FIELD_BIT(FIELD_HOLDER_NAME) | FIELD_BIT(FIELD_NUMBER) |              \
     FIELD_BIT(FIELD_VALID_UNTIL))

struct scans {
    struct operation op;
    struct scan_report reports[REGISTRY_SCANS_MAX];
    struct registry_scan scans[REGISTRY_SCANS_MAX]; /* the writer's */
    size_t count;
    struct commit commit;
};

/* ---- read_scans ---- */

/* The id is named, so that a terminal can lay that one aside and deliver the others. */
static enum step_result refuse_time(struct scans *s, const struct registry_scan *scan)
{
    struct buf detail;
    buf_init(&detail, http_room(s->op.http, DETAIL_TEXT_MAX), DETAIL_TEXT_MAX);
    buf_put_str(&detail, "scan ");
    buf_put_hex(&detail, bytes_of(scan->id, sizeof scan->id));
    buf_put_str(&detail, "; nothing was recorded");
    return operation_fail(&s->op, PROBLEM_SCAN_TIME, NULL, buf_cstr(&detail));
}

static enum step_result read_scans(struct scans *s)
{
    const struct config *config = s->op.home->settings->config;
    const struct bytes body = http_body(s->op.http);
    const int64_t now = clock_wall_s();
    struct buf texts;
    buf_init(&texts, http_room(s->op.http, body.len + 1), body.len);
    if (!operation_body_is(&s->op, "application/json"))
        return operation_fail(&s->op, PROBLEM_MEDIA_TYPE, NULL, "application/json");
    if (!scan_reports_read(body, s->reports, &s->count, &texts))
        return operation_fail(&s->op, PROBLEM_MALFORMED_BODY, NULL, SCAN_REPORTS_SHAPE);
    for (size_t i = 0; i < s->count; i++) {
        const struct registry_scan *scan = &s->reports[i].scan;
        if (scan->at > now + FUTURE_S || scan->at < now - (int64_t)config->scans_age_days * 86400)
            return refuse_time(s, scan);
    }
    return STEP_NEXT;
}

/* ---- check_codes ---- */

/* Its lifetime is not looked at: that was the terminal's to do. */
static enum code_error check_code(const struct gateway_loop *home, struct bytes text,
                                  struct registry_scan *scan)
{
    const struct keyring *ring = &home->settings->keys.ring;
    const struct keyring_key *key;
    uint8_t storage[CODE_COSE_BYTES_MAX];
    struct buf cose = BUF_OVER(storage);
    struct code code;
    enum code_error error = code_read_text(text, &cose);
    if (error == CODE_OK)
        error = code_parse(buf_bytes(&cose), &code);
    if (error == CODE_OK)
        error = code_find_key(&code, ring, &key);
    if (error == CODE_OK)
        error =
            code_check_signature(&code, &crypto_openssl, home->keys.verifiers[key - ring->keys]);
    if (error != CODE_OK)
        return error;
    scan->authentic = true;
    scan->list = code.claims.list;
    scan->index = code.claims.index;
    scan->version = code.claims.version;
    scan->fields = FIELDS_OF_A_CODE;
    return CODE_OK;
}

static enum step_result check_codes(struct scans *s)
{
    for (size_t i = 0; i < s->count; i++) {
        s->scans[i] = s->reports[i].scan;
        if (check_code(s->op.home, s->reports[i].code, &s->scans[i]) == CODE_ERR_CRYPTO)
            return operation_fail(&s->op, PROBLEM_OURS, NULL, NULL);
    }
    return STEP_NEXT;
}

/* ---- write_scans, settle_scans ---- */

static enum step_result write_scans(struct scans *s)
{
    if (atomic_load(&s->op.home->gateway->registry_behind))
        return operation_fail(&s->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    s->commit.change = (struct registry_change){.kind = CHANGE_SCANS,
                                                .scans = s->scans,
                                                .scan_count = s->count,
                                                .agency = bytes_str(s->op.client->organisation)};
    return commit_submit(&s->commit, &s->op);
}

static enum step_result settle_scans(struct scans *s)
{
    return s->commit.change.error == REGISTRY_OK
               ? commit_settle(&s->commit)
               : operation_fail(&s->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
}

static enum step_result answer_scans(struct scans *s)
{
    const size_t room = 32 + s->count * ROW_BYTES_MAX;
    struct buf body;
    buf_init(&body, http_room(s->op.http, room), room);
    buf_put_str(&body, "{\"scans\":[");
    for (size_t i = 0; i < s->count; i++) {
        buf_put_str(&body, i ? ",{" : "{");
        json_put_id(&body, "id", s->scans[i].id);
        json_put_text(&body, "outcome", bytes_str(s->scans[i].known ? "known" : "recorded"));
        buf_put_u8(&body, '}');
    }
    buf_put_str(&body, "]}");
    CHECK(buf_ok(&body));
    return operation_answer_json(&s->op, 200, buf_bytes(&body));
}

FLOW_DEFINE(scans, SCANS_STEPS);
