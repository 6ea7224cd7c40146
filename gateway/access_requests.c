/* POST and GET /v1/access-requests: a business system applies for an entry in the use list
 * (使用清单), matter by matter, and sees what became of it. The data's owner decides (jwb access).
 */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/body.h"
#include "gateway/commit.h"
#include "gateway/json.h"
#include "gateway/quota.h"
#include "gateway/use_list.h"
#include "registry/personal.h"

#define REQUEST_BYTES_MAX 5120 /* of one in an answer: its texts' escapes at most double them */

/* ---- POST: an application ---- */

#define SUBMIT_STEPS(S)                                                                            \
    S(read_request) /* body -> an application                            */                        \
    S(take_quota)   /* of the client's                                   */                        \
    S(check)        /* could the policy ever show this? too many waiting? */                       \
    S(submit)       /* the registry's writer                             */                        \
    S(settle)       /* evidence before answer                            */                        \
    S(answer_submit)

/* One more than so many waiting in a row is refused, until some are decided. */
#define WAITING_MAX       100
#define FIELDS_TEXT_BYTES 256 /* all names of fields, and a few words */

struct access_submit {
    struct operation op;
    struct bytes matter, purpose, legal_basis;
    struct bytes types[ACCESS_TYPES_MAX], fields[FIELD_COUNT];
    size_t type_count, field_count;
    struct quota quota;
    size_t waiting;
    struct registry_access_request request;
    struct commit commit;
};

/* False for a field that there is not, and for what is no code. The matter goes into evidence. */
static bool make_request(struct access_submit *a)
{
    struct registry_access_request *request = &a->request;
    if (!use_list_is_code(a->matter) || personal_number_in(a->matter))
        return false;
    for (size_t i = 0; i < a->field_count; i++) {
        enum field field;
        if (!field_read(a->fields[i], &field))
            return false;
        request->fields |= FIELD_BIT(field);
    }
    for (size_t i = 0; i < a->type_count; i++) {
        if (!use_list_is_code(a->types[i]))
            return false;
        body_copy(request->types[request->type_count++], sizeof *request->types, a->types[i]);
    }
    body_copy(request->system, sizeof request->system, a->op.asker.client);
    body_copy(request->matter, sizeof request->matter, a->matter);
    body_copy(request->purpose, sizeof request->purpose, a->purpose);
    body_copy(request->legal_basis, sizeof request->legal_basis, a->legal_basis);
    return true;
}

static enum step_result read_request(struct access_submit *a)
{
    static const char shape[] =
        "{\"matter\": code, \"types\": [code, ...], \"fields\": [name, ...], \"purpose\": name, "
        "\"legal_basis\": ...}, at most 16 types; " USE_LIST_CODE_TOLD;
    const struct body_member members[] = {
        {.name = "matter", .bytes_max = ACCESS_MATTER_BYTES_MAX, .text = &a->matter},
        {.name = "types",
         .kind = BODY_TEXTS,
         .bytes_max = REGISTRY_CODE_BYTES_MAX,
         .list = a->types,
         .list_max = ACCESS_TYPES_MAX,
         .list_count = &a->type_count},
        {.name = "fields",
         .kind = BODY_TEXTS,
         .bytes_max = POLICY_NAME_BYTES_MAX,
         .list = a->fields,
         .list_max = FIELD_COUNT,
         .list_count = &a->field_count},
        {.name = "purpose", .bytes_max = ACCESS_PURPOSE_BYTES_MAX, .text = &a->purpose},
        {.name = "legal_basis", .bytes_max = ACCESS_TEXT_BYTES_MAX, .text = &a->legal_basis},
    };
    enum step_result result = body_read(&a->op, members, sizeof members / sizeof *members, shape);
    if (result == STEP_NEXT && !make_request(a))
        return operation_fail(&a->op, PROBLEM_MALFORMED_BODY, NULL, shape);
    return result;
}

static enum step_result take_quota(struct access_submit *a)
{
    return quota_take(&a->quota, &a->op);
}

/* ---- check ---- */

static void count_waiting(void *context, const struct registry_access_request *request)
{
    struct access_submit *a = context;
    a->waiting += request->state == ACCESS_SUBMITTED;
}

/* The fields applied for that the policy does not show for this purpose, of some type. */
static uint32_t fields_beyond_policy(const struct access_submit *a)
{
    const struct policy *policy = a->op.home->settings->policy;
    uint32_t beyond = 0;
    for (size_t i = 0; i < a->type_count; i++)
        beyond |= a->request.fields &
                  ~policy_find(policy, a->types[i], TOKEN_ROLE_SYSTEM, a->purpose)->fields;
    return beyond;
}

static const char *name_fields(struct operation *op, uint32_t fields)
{
    struct buf out;
    buf_init(&out, http_room(op->http, FIELDS_TEXT_BYTES), FIELDS_TEXT_BYTES);
    buf_put_str(&out, "the policy does not show this purpose:");
    for (int field = 0; field < FIELD_COUNT; field++)
        if (fields & FIELD_BIT(field))
            buf_printf(&out, " %s", field_member(field));
    return buf_cstr(&out);
}

static enum step_result check(struct access_submit *a)
{
    struct gateway_loop *home = a->op.home;
    if (a->quota.result != QUOTA_OPEN)
        return quota_refuse(&a->quota);
    for (size_t i = 0; i < a->type_count; i++)
        if (!client_has_type(a->op.client, a->types[i]))
            return operation_fail(&a->op, PROBLEM_TYPE_NOT_ALLOWED, NULL, NULL);
    if (!policy_purpose(home->settings->policy, a->purpose))
        return operation_fail(&a->op, PROBLEM_PURPOSE_NOT_ALLOWED, NULL,
                              "there is no such purpose");
    uint32_t beyond = fields_beyond_policy(a);
    if (beyond)
        return operation_fail(&a->op, PROBLEM_PURPOSE_NOT_ALLOWED, "fields_not_shown",
                              name_fields(&a->op, beyond));
    if (atomic_load(&home->gateway->registry_behind) ||
        registry_access_requests(home->reader, a->op.asker.client, WAITING_MAX, count_waiting, a) !=
            REGISTRY_OK)
        return operation_fail(&a->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    if (a->waiting == WAITING_MAX) {
        a->op.retry_after_s = 86400;
        return operation_fail(&a->op, PROBLEM_QUOTA_EXCEEDED, NULL,
                              "too many applications wait for a decision");
    }
    return STEP_NEXT;
}

/* ---- submit ---- */

static enum step_result submit(struct access_submit *a)
{
    const struct settings *settings = a->op.home->settings;
    int64_t now = clock_wall_s();
    a->request.due_on = calendar_add_working_days(settings->calendar, civil_day_at(now),
                                                  (unsigned)settings->config->access_due_days);
    a->commit.change =
        (struct registry_change){.kind = CHANGE_ACCESS_SUBMIT, .request = &a->request, .now = now};
    a->commit.change.actor.purpose = a->matter;
    return commit_submit(&a->commit, &a->op);
}

/* ---- settle, answer_submit ---- */

static enum step_result settle(struct access_submit *a)
{
    if (a->commit.change.error == REGISTRY_ERR_REFUSED)
        return operation_fail(&a->op, PROBLEM_MALFORMED_BODY, NULL, a->commit.change.refusal);
    if (a->commit.change.error != REGISTRY_OK)
        return operation_fail(&a->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    return commit_settle(&a->commit);
}

static enum step_result answer_submit(struct access_submit *a)
{
    struct buf out;
    buf_init(&out, http_room(a->op.http, REQUEST_BYTES_MAX), REQUEST_BYTES_MAX);
    buf_put_u8(&out, '{');
    json_put_id(&out, "id", a->commit.change.id);
    json_put_text(&out, "state", BYTES("submitted"));
    json_put_date(&out, "due_on", a->request.due_on);
    buf_put_u8(&out, '}');
    CHECK(buf_ok(&out));
    return operation_answer_json(&a->op, 201, buf_bytes(&out));
}

FLOW_DEFINE(access_submit, SUBMIT_STEPS);

/* ---- GET: the system's own ---- */

#define LIST_STEPS(S) S(answer_list) /* the registry, newest first */

#define LIST_MAX       100
#define LIST_BYTES_MAX (256 * 1024) /* a hundred of the usual length are about 60 KiB */

struct access_list {
    struct operation op;
    int32_t today;
    struct buf body;
    size_t count;
    bool more;
};

static void put_request(struct buf *out, const struct registry_access_request *r, int32_t today)
{
    const bool submitted = r->state == ACCESS_SUBMITTED;
    buf_put_u8(out, '{');
    json_put_id(out, "id", r->id);
    json_put_text(out, "matter", bytes_str(r->matter));
    buf_put_str(out, ",\"types\":[");
    for (unsigned i = 0; i < r->type_count; i++) {
        buf_put_str(out, i ? "," : "");
        buf_put_json(out, bytes_str(r->types[i]));
    }
    buf_put_u8(out, ']');
    json_put_fields(out, r->fields);
    json_put_text(out, "purpose", bytes_str(r->purpose));
    json_put_text(out, "legal_basis", bytes_str(r->legal_basis));
    json_put_text(out, "state", bytes_str(registry_access_state_text(r->state)));
    json_put_time(out, "submitted_at", r->submitted_at);
    json_put_date(out, "due_on", r->due_on);
    json_put_bool(out, "overdue", submitted && today > r->due_on);
    json_put_time(out, "decided_at", r->decided_at);
    json_put_time(out, "expires_at", r->expires_at);
    json_put_text(out, "reason", *r->reason ? bytes_str(r->reason) : (struct bytes){0});
    buf_put_u8(out, '}');
}

static void add_request(void *context, const struct registry_access_request *request)
{
    struct access_list *l = context;
    if (l->count == LIST_MAX || l->body.cap - l->body.len < REQUEST_BYTES_MAX) {
        l->more = true;
        return;
    }
    if (l->count++)
        buf_put_u8(&l->body, ',');
    put_request(&l->body, request, l->today);
}

static enum step_result answer_list(struct access_list *l)
{
    struct gateway_loop *home = l->op.home;
    l->today = civil_day_at(clock_wall_s());
    buf_init(&l->body, http_room(l->op.http, LIST_BYTES_MAX), LIST_BYTES_MAX);
    buf_put_str(&l->body, "{\"requests\":[");
    if (atomic_load(&home->gateway->registry_behind) ||
        registry_access_requests(home->reader, l->op.asker.client, LIST_MAX + 1, add_request, l) !=
            REGISTRY_OK)
        return operation_fail(&l->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    buf_put_str(&l->body, l->more ? "],\"more\":true}" : "],\"more\":false}");
    CHECK(buf_ok(&l->body));
    return operation_answer_json(&l->op, 200, buf_bytes(&l->body));
}

FLOW_DEFINE(access_list, LIST_STEPS);
