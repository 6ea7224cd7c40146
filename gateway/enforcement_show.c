/* GET /v1/enforcement/actions/ID: what became of an action; and what all that concerns one shares.
 */
#include "gateway/enforcement.h"

#include "base/check.h"
#include "base/clock.h"
#include "gateway/acting.h"
#include "gateway/home.h"
#include "gateway/json.h"

struct bytes enforcement_agency(struct bytes subject)
{
    const uint8_t *slash = subject.len ? memchr(subject.data, '/', subject.len) : NULL;
    return slash ? bytes_of(subject.data, (size_t)(slash - subject.data)) : subject;
}

struct bytes enforcement_officer(struct bytes subject)
{
    const size_t agency = enforcement_agency(subject).len;
    return agency < subject.len ? bytes_from(subject, agency + 1) : BYTES("");
}

enum licence_status enforcement_effective(const struct registry_action *action)
{
    for (int status = 0; status < LICENCE_STATUS_COUNT; status++)
        if (licence_status_code((enum licence_status)status) == action->effective)
            return (enum licence_status)status;
    return LICENCE_STATUS_IN_DOUBT; /* of a later version */
}

static enum step_result unavailable(struct operation *op)
{
    return operation_fail(op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
}

void enforcement_put(const struct registry_action *action, struct buf *out)
{
    json_put_id(out, "id", action->id);
    json_put_text(out, "action", bytes_str(action_kind_text(action->kind)));
    json_put_text(out, "state", bytes_str(action_state_text(action->state)));
    json_put_text(out, "agency", bytes_str(action->agency));
    json_put_text(out, "case_number", bytes_str(action->case_number));
    json_put_time(out, "at", action->at);
    if (action->due_at)
        json_put_time(out, "due_at", action->due_at);
}

enum step_result enforcement_find(struct operation *op, struct registry_action *action)
{
    uint8_t storage[REGISTRY_ID_BYTES];
    struct buf id = BUF_OVER(storage);
    enum registry_error error = REGISTRY_ERR_NOT_FOUND;
    if (buf_put_from_hex(&id, op->rest) && id.len == sizeof storage)
        error = registry_action(op->home->reader, storage, action);
    if (atomic_load(&op->home->gateway->registry_behind) ||
        (error != REGISTRY_OK && error != REGISTRY_ERR_NOT_FOUND))
        return unavailable(op);
    if (error != REGISTRY_OK ||
        !bytes_equal(bytes_str(action->agency), enforcement_agency(op->asker.subject)))
        return operation_fail(op, PROBLEM_ACTION_NOT_FOUND, NULL, NULL);
    return STEP_NEXT;
}

enum step_result enforcement_check_licence(struct operation *op,
                                           const struct registry_query *licence)
{
    const struct registry_licence *found = &licence->licence;
    return licence->error != REGISTRY_OK || atomic_load(&op->home->gateway->registry_behind) ||
                   (found->status == LICENCE_STATUS_VALID &&
                    gateway_knows_later(op->home, found->list, found->index))
               ? unavailable(op)
               : STEP_NEXT;
}

enum step_result enforcement_record_view(struct operation *op, const struct registry_action *action,
                                         const struct registry_licence *licence, uint32_t fields)
{
    struct journal_record record = {
        .kind = JOURNAL_VIEW,
        .acting = JOURNAL_ACTING_NONE,
        .fields = fields,
        .purpose = bytes_str(action_kind_text(action->kind)),
        .reference = bytes_str(action->case_number),
    };
    operation_about(&record, licence);
    return operation_record(op, &record);
}

/* ---- the flow ---- */

#define SHOW_STEPS(S)                                                                              \
    S(find_action)  /* the registry: one of the asker's agency */                                  \
    S(find_licence) /* as it is now                            */                                  \
    S(record)       /* evidence before answer                  */                                  \
    S(answer)

struct action_show {
    struct operation op;
    struct registry_action action;
    struct registry_query licence;
};

static enum step_result find_action(struct action_show *s)
{
    return enforcement_find(&s->op, &s->action);
}

static enum step_result find_licence(struct action_show *s)
{
    memcpy(s->licence.id, s->action.licence, sizeof s->licence.id);
    return acting_find_licence(&s->op, &s->licence);
}

static enum step_result record(struct action_show *s)
{
    enum step_result checked = enforcement_check_licence(&s->op, &s->licence);
    return checked == STEP_NEXT
               ? enforcement_record_view(&s->op, &s->action, &s->licence.licence, 0)
               : checked;
}

/* The authority's answer; null: there is none. */
static void put_decision(const struct registry_action *action, struct buf *out)
{
    static const enum action_decision decisions[ACTION_STATE_COUNT] = {
        [ACTION_STATE_CONFIRMED] = DECISION_CONFIRM,
        [ACTION_STATE_REVERTED] = DECISION_REVERT,
        [ACTION_STATE_REFUSED] = DECISION_REFUSE,
    };
    const bool decided = action->state == ACTION_STATE_CONFIRMED ||
                         action->state == ACTION_STATE_REVERTED ||
                         action->state == ACTION_STATE_REFUSED;
    if (!decided) {
        buf_put_str(out, ",\"decision\":null");
        return;
    }
    buf_put_str(out, ",\"decision\":{");
    json_put_text(out, "decision", bytes_str(action_decision_text(decisions[action->state])));
    json_put_text(out, "reason",
                  *action->decision_reason ? bytes_str(action->decision_reason)
                                           : (struct bytes){0});
    json_put_time(out, "at", action->decided_at);
    buf_put_u8(out, '}');
}

static enum step_result answer(struct action_show *s)
{
    struct buf out;
    if (!s->op.recorded)
        return operation_fail(&s->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    buf_init(&out, http_room(s->op.http, ENFORCEMENT_JSON_MAX), ENFORCEMENT_JSON_MAX);
    buf_put_u8(&out, '{');
    enforcement_put(&s->action, &out);
    json_put_text(&out, "reason", bytes_str(s->action.reason));
    put_decision(&s->action, &out);
    json_put_id(&out, "licence", s->action.licence);
    json_put_text(&out, "status", bytes_str(licence_status_text(s->licence.licence.status)));
    json_put_time(&out, "as_of", clock_wall_s());
    buf_put_u8(&out, '}');
    CHECK(buf_ok(&out));
    return operation_answer_json(&s->op, 200, buf_bytes(&out));
}

FLOW_DEFINE(action_show, SHOW_STEPS);
