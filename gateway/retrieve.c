/* POST /v1/licences:retrieve: what a matter of a business system needs of somebody's licences, so
 * that nobody fills it in or hands it in (免填写): the fields that the matter's entry in the use
 * list (使用清单) names, as far as the policy still shows them. */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/body.h"
#include "gateway/json.h"
#include "gateway/quota.h"
#include "gateway/shown.h"
#include "gateway/use_list.h"
#include "registry/personal.h"

#define RETRIEVE_STEPS(S)                                                                          \
    S(read_request)  /* body -> matter, whose, which types               */                        \
    S(take_quota)    /* of the client's                                  */                        \
    S(find_entry)    /* the use list: what may this matter have?         */                        \
    S(find_licences) /* the registry: the holder's, of these types       */                        \
    S(record)        /* evidence before answer: one for each licence     */                        \
    S(answer)

#define OPERATOR_BYTES_MAX 32
#define ANSWER_BYTES_MAX   512 /* beside the licences */

struct retrieve {
    struct operation op;
    struct bytes matter, holder_number, clerk, legal_basis;
    struct registry_access_request entry;
    uint8_t reference[2 * REGISTRY_ID_BYTES]; /* the entry's id in hex */
    struct quota quota;
    struct shown shown;
    enum problem problem; /* PROBLEM_COUNT: none */
};

/* It goes into evidence, which has no citizen numbers; the matter's also of a refused request. */
static bool goes_into_evidence(struct bytes text)
{
    return use_list_is_code(text) && !personal_number_in(text);
}

static enum step_result read_request(struct retrieve *r)
{
    static const char shape[] =
        "{\"matter\": code, \"holder_number\": ..., \"types\": [code, ...] or none, \"operator\": "
        "staff number, \"legal_basis\": ...}; " USE_LIST_CODE_TOLD;
    const struct body_member members[] = {
        {.name = "matter", .bytes_max = ACCESS_MATTER_BYTES_MAX, .text = &r->matter},
        {.name = "holder_number",
         .bytes_max = 4 * REGISTRY_NUMBER_BYTES_MAX,
         .text = &r->holder_number},
        {.name = "types",
         .kind = BODY_OPTIONAL_TEXTS,
         .bytes_max = REGISTRY_CODE_BYTES_MAX,
         .list = r->shown.types,
         .list_max = SHOWN_TYPES_MAX,
         .list_count = &r->shown.type_count},
        {.name = "operator", .bytes_max = OPERATOR_BYTES_MAX, .text = &r->clerk},
        {.name = "legal_basis", .bytes_max = ACCESS_TEXT_BYTES_MAX, .text = &r->legal_basis},
    };
    r->problem = PROBLEM_COUNT;
    enum step_result result = body_read(&r->op, members, sizeof members / sizeof *members, shape);
    if (result == STEP_NEXT && (!goes_into_evidence(r->matter) || !goes_into_evidence(r->clerk)))
        return operation_fail(&r->op, PROBLEM_MALFORMED_BODY, NULL, shape);
    return result;
}

static enum step_result take_quota(struct retrieve *r)
{
    return quota_take(&r->quota, &r->op);
}

/* ---- find_entry ---- */

static bool entry_has_type(const struct registry_access_request *entry, struct bytes type)
{
    for (unsigned i = 0; i < entry->type_count; i++)
        if (bytes_equal(bytes_str(entry->types[i]), type))
            return true;
    return false;
}

/* Does the entry cover what is asked? Who asks for no type asks for all that the entry has. */
static enum problem compare(struct retrieve *r)
{
    const struct registry_access_request *entry = &r->entry;
    struct shown *shown = &r->shown;
    if (!bytes_equal(r->legal_basis, bytes_str(entry->legal_basis)))
        return PROBLEM_MATTER_NOT_APPROVED;
    for (size_t i = 0; i < shown->type_count; i++) {
        if (!entry_has_type(entry, shown->types[i]))
            return PROBLEM_MATTER_NOT_APPROVED;
        if (!client_has_type(r->op.client, shown->types[i]))
            return PROBLEM_TYPE_NOT_ALLOWED;
    }
    bool all = shown->type_count == 0;
    for (unsigned i = 0; all && i < entry->type_count; i++)
        shown->types[shown->type_count++] = bytes_str(entry->types[i]);
    return PROBLEM_COUNT;
}

static enum step_result find_entry(struct retrieve *r)
{
    struct gateway_loop *home = r->op.home;
    if (r->quota.result != QUOTA_OPEN)
        return quota_refuse(&r->quota);
    switch (registry_use_entry(home->reader, r->op.asker.client, r->matter, clock_wall_s(),
                               &r->entry)) {
    case REGISTRY_OK:
        r->problem = compare(r);
        break;
    case REGISTRY_ERR_NOT_FOUND:
        r->problem = PROBLEM_MATTER_NOT_APPROVED;
        break;
    default:
        r->problem = PROBLEM_REGISTRY_UNAVAILABLE;
    }
    if (atomic_load(&home->gateway->registry_behind)) /* an approval may be one that it lost */
        r->problem = PROBLEM_REGISTRY_UNAVAILABLE;
    return STEP_NEXT;
}

static enum step_result find_licences(struct retrieve *r)
{
    if (r->problem != PROBLEM_COUNT)
        return STEP_NEXT;
    struct buf reference = BUF_OVER(r->reference);
    buf_put_hex(&reference, bytes_of(r->entry.id, sizeof r->entry.id));
    r->shown.purpose = bytes_str(r->entry.purpose);
    r->shown.allowed = r->entry.fields;
    return shown_find_holder(&r->shown, &r->op, r->holder_number);
}

/* ---- record, answer ---- */

/* A refused one has no reference. */
static enum step_result record(struct retrieve *r)
{
    struct journal_record record = {
        .kind = JOURNAL_RETRIEVE, .subject = r->clerk, .purpose = r->matter};
    if (r->problem == PROBLEM_COUNT) {
        record.reference = bytes_of(r->reference, sizeof r->reference);
        return shown_record(&r->shown, &record);
    }
    enum verdict_reason reason = r->problem == PROBLEM_REGISTRY_UNAVAILABLE
                                     ? REASON_STATUS_UNAVAILABLE
                                     : REASON_LICENCE_UNKNOWN;
    record.acting = JOURNAL_ACTING_NONE;
    record.reason = (uint8_t)reason;
    record.result = (uint8_t)verdict_reason_result(reason);
    return operation_record(&r->op, &record);
}

/* What a policy no longer knows the purpose of must not be kept. */
static void put_keep_until(const struct retrieve *r, struct buf *out)
{
    const struct policy_purpose *purpose =
        policy_purpose(r->op.home->settings->policy, bytes_str(r->entry.purpose));
    json_put_date(out, "keep_until",
                  civil_day_at(clock_wall_s()) + (int32_t)(purpose ? purpose->keep_days : 0));
}

static enum step_result answer(struct retrieve *r)
{
    struct buf out;
    if (!r->op.recorded)
        return operation_fail(&r->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    if (r->problem != PROBLEM_COUNT)
        return operation_fail(&r->op, r->problem, NULL, NULL);
    if (!r->shown.known)
        return operation_fail(&r->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    size_t room = SHOWN_JSON_BYTES(&r->shown) + ANSWER_BYTES_MAX;
    buf_init(&out, http_room(r->op.http, room), room);
    buf_put_u8(&out, '{');
    json_put_text(&out, "matter", r->matter);
    json_put_text(&out, "purpose", bytes_str(r->entry.purpose));
    put_keep_until(r, &out);
    buf_put_u8(&out, ',');
    shown_write(&r->shown, &out);
    buf_put_u8(&out, '}');
    CHECK(buf_ok(&out));
    return operation_answer_json(&r->op, 200, buf_bytes(&out));
}

FLOW_DEFINE(retrieve, RETRIEVE_STEPS);
