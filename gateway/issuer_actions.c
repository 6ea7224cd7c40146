/* GET /v1/issuer/actions: what inspectors did with an authority's licences, and ask of it;
 * POST /v1/issuer/actions/ID/decision: it confirms, reverts or refuses. */
#include "base/check.h"
#include "gateway/acting.h"
#include "gateway/body.h"
#include "gateway/commit.h"
#include "gateway/face.h"
#include "gateway/home.h"
#include "gateway/issuer.h"
#include "gateway/json.h"

#define LIST_MAX       200          /* a page */
#define LIST_BYTES_MAX (512 * 1024) /* 200 of the usual length are about 120 KiB */
/* reasons at most doubled by their escapes */
#define ROW_BYTES_MAX (FACE_JSON_BYTES_MAX + 4 * ACTION_REASON_BYTES_MAX + 1024)

static enum step_result unavailable(struct operation *op)
{
    return operation_fail(op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
}

/* null when it is empty */
static void put_text(struct buf *out, const char *name, const char *text)
{
    json_put_text(out, name, *text ? bytes_str(text) : (struct bytes){0});
}

static void put_action(struct buf *out, const struct registry_action *a)
{
    json_put_id(out, "id", a->id);
    put_text(out, "action", action_kind_text(a->kind));
    put_text(out, "agency", a->agency);
    put_text(out, "case_number", a->case_number);
    put_text(out, "reason", a->reason);
    json_put_time(out, "at", a->at);
    json_put_time(out, "due_at", a->due_at);
    put_text(out, "state", action_state_text(a->state));
    json_put_time(out, "decided_at", a->decided_at);
    put_text(out, "decision_reason", a->decision_reason);
}

/* ---- the list ---- */

#define LIST_STEPS(S)                                                                              \
    S(read_actions)  /* a page of the open ones, or of all */                                      \
    S(find_licences) /* the registry, one after another    */                                      \
    S(record)        /* reading them is evidence           */                                      \
    S(answer)

struct issuer_actions {
    struct operation op;
    struct registry_action *actions;
    size_t count, at, rows;
    bool more, failed;
    struct registry_query query;
    struct buf body;
};

static void keep_action(void *context, const struct registry_action *action)
{
    struct issuer_actions *l = context;
    if (l->count == LIST_MAX)
        l->more = true;
    else
        l->actions[l->count++] = *action;
}

static enum step_result read_actions(struct issuer_actions *l)
{
    struct registry_page page;
    if (!issuer_read_page(&l->op, LIST_MAX + 1, &page))
        return operation_fail(&l->op, PROBLEM_MALFORMED_BODY, NULL, ISSUER_PAGE_SHAPE);
    l->actions = http_room(l->op.http, LIST_MAX * sizeof *l->actions);
    buf_init(&l->body, http_room(l->op.http, LIST_BYTES_MAX), LIST_BYTES_MAX);
    buf_put_str(&l->body, "{\"actions\":[");
    enum registry_error error = registry_actions(l->op.home->reader, &page, keep_action, l);
    if (error == REGISTRY_ERR_NOT_FOUND)
        return operation_fail(&l->op, PROBLEM_MALFORMED_BODY, NULL, ISSUER_PAGE_SHAPE);
    if (error != REGISTRY_OK || atomic_load(&l->op.home->gateway->registry_behind))
        return unavailable(&l->op);
    return STEP_NEXT;
}

/* The action that was asked for, with what the authority's policy shows of its own licence. */
static void put_row(struct issuer_actions *l)
{
    struct buf *out = &l->body;
    const struct registry_licence *licence = &l->query.licence;
    if (l->query.error != REGISTRY_OK) {
        l->failed = true;
        return;
    }
    if (out->cap - out->len < ROW_BYTES_MAX) {
        l->more = true;
        return;
    }
    const struct face face = face_of_licence(licence);
    const struct policy_rule *rule = policy_find(l->op.home->settings->policy, licence->type_code,
                                                 TOKEN_ROLE_ISSUER, BYTES(PURPOSE_INSPECTION));
    buf_put_str(out, l->rows++ ? ",{" : "{");
    put_action(out, &l->actions[l->at]);
    buf_put_str(out, ",\"licence\":{");
    json_put_id(out, "id", licence->id);
    json_put_text(out, "status", bytes_str(licence_status_text(licence->status)));
    buf_put_u8(out, ',');
    face_write(out, &face, rule, FIELDS_ALL);
    buf_put_str(out, "}}");
}

static enum step_result find_licences(struct issuer_actions *l);

static void found_later(struct registry_query *query)
{
    struct issuer_actions *l = query->context;
    put_row(l);
    l->at++;
    if (find_licences(l) == STEP_NEXT)
        operation_resume(&l->op);
}

static enum step_result find_licences(struct issuer_actions *l)
{
    for (; l->at < l->count && !l->failed; l->at++) {
        l->query.by = REGISTRY_BY_ID;
        memcpy(l->query.id, l->actions[l->at].licence, sizeof l->query.id);
        l->query.done = found_later;
        l->query.context = l;
        if (registry_find(l->op.home->reader, &l->query) == REGISTRY_LATER)
            return STEP_WAIT;
        put_row(l);
    }
    return STEP_NEXT;
}

static enum step_result record(struct issuer_actions *l)
{
    return l->failed ? unavailable(&l->op) : issuer_record_pull(&l->op, "actions");
}

static enum step_result answer(struct issuer_actions *l)
{
    if (!l->op.recorded)
        return operation_fail(&l->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    buf_put_str(&l->body, l->more ? "],\"more\":true}" : "],\"more\":false}");
    CHECK(buf_ok(&l->body));
    return operation_answer_json(&l->op, 200, buf_bytes(&l->body));
}

FLOW_DEFINE(issuer_actions, LIST_STEPS);

/* ---- a decision ---- */

#define DECIDE_STEPS(S)                                                                            \
    S(read_decision)   /* body, and the id in the path          */                                 \
    S(find_action)     /* the registry: one of the authority's? */                                 \
    S(submit_decision) /* the registry's writer                 */                                 \
    S(settle_decision) /* in force, and in the evidence log     */                                 \
    S(answer_decision)
#define DECISION_SHAPE                                                                             \
    "{\"decision\": \"confirm\"} or {\"decision\": \"revert\" (seize, withdraw) or \"refuse\" "    \
    "(request_cancel), \"reason\": ...}"

struct issuer_decide {
    struct operation op;
    uint8_t id[REGISTRY_ID_BYTES];
    struct bytes word, reason;
    enum action_decision decision;
    struct registry_action action;
    struct registry_query licence;
    struct commit commit;
};

static enum step_result refuse(struct issuer_decide *d, const struct registry_licence *licence,
                               enum problem problem, const char *detail)
{
    return issuer_refuse(&d->op, "decision", licence, problem, detail);
}

static enum step_result read_decision(struct issuer_decide *d)
{
    const struct body_member members[] = {
        {.name = "decision", .bytes_max = 16, .text = &d->word},
        {.name = "reason",
         .kind = BODY_OPTIONAL,
         .bytes_max = ACTION_REASON_BYTES_MAX,
         .text = &d->reason},
    };
    struct buf id = BUF_OVER(d->id);
    enum step_result read =
        body_read(&d->op, members, sizeof members / sizeof *members, DECISION_SHAPE);
    if (read != STEP_NEXT)
        return read;
    if (!action_decision_read(d->word, &d->decision) ||
        (d->decision != DECISION_CONFIRM && !d->reason.data))
        return operation_fail(&d->op, PROBLEM_MALFORMED_BODY, NULL, DECISION_SHAPE);
    if (!buf_put_from_hex(&id, d->op.rest) || id.len != sizeof d->id)
        return refuse(d, NULL, PROBLEM_ACTION_NOT_FOUND, NULL);
    return atomic_load(&d->op.home->gateway->registry_behind) ? unavailable(&d->op) : STEP_NEXT;
}

static enum step_result find_action(struct issuer_decide *d)
{
    enum registry_error error = registry_action(d->op.home->reader, d->id, &d->action);
    if (error == REGISTRY_ERR_NOT_FOUND)
        return refuse(d, NULL, PROBLEM_ACTION_NOT_FOUND, NULL);
    if (error != REGISTRY_OK)
        return unavailable(&d->op);
    memcpy(d->licence.id, d->action.licence, sizeof d->licence.id);
    return acting_find_licence(&d->op, &d->licence);
}

static enum step_result submit_decision(struct issuer_decide *d)
{
    const struct registry_licence *licence = &d->licence.licence;
    if (d->licence.error != REGISTRY_OK)
        return unavailable(&d->op);
    if (!bytes_equal(licence->issuer_code, issuer_code(&d->op)))
        return refuse(d, licence, PROBLEM_ACTION_NOT_FOUND, NULL);
    if (!client_has_type(d->op.client, licence->type_code))
        return refuse(d, licence, PROBLEM_TYPE_NOT_ALLOWED, NULL);
    d->commit.change = (struct registry_change){.kind = CHANGE_ACTION_DECIDE,
                                                .decision = d->decision,
                                                .issuer = issuer_code(&d->op),
                                                .text = d->reason};
    memcpy(d->commit.change.id, d->id, sizeof d->id);
    return commit_submit(&d->commit, &d->op);
}

static enum step_result settle_decision(struct issuer_decide *d)
{
    const struct registry_change *change = &d->commit.change;
    switch (change->error) {
    case REGISTRY_OK:
        return commit_settle(&d->commit);
    case REGISTRY_ERR_NOT_FOUND:
        return refuse(d, &d->licence.licence, PROBLEM_ACTION_NOT_FOUND, NULL);
    case REGISTRY_ERR_REFUSED:
        return refuse(d, &d->licence.licence, PROBLEM_ACTION_CLOSED, change->refusal);
    default:
        return unavailable(&d->op);
    }
}

static enum step_result answer_decision(struct issuer_decide *d)
{
    struct buf out;
    if (registry_action(d->op.home->reader, d->id, &d->action) != REGISTRY_OK)
        return unavailable(&d->op);
    buf_init(&out, http_room(d->op.http, ROW_BYTES_MAX), ROW_BYTES_MAX);
    buf_put_u8(&out, '{');
    put_action(&out, &d->action);
    json_put_text(&out, "status", bytes_str(licence_status_text(d->commit.change.effective)));
    buf_put_u8(&out, '}');
    CHECK(buf_ok(&out));
    return operation_answer_json(&d->op, 200, buf_bytes(&out));
}

FLOW_DEFINE(issuer_decide, DECIDE_STEPS);
