/* GET /v1/licences and GET /v1/licences/{id}: a holder's own licences, and those that he may act
 * for. As the policy says for an overview or, if one is asked for with ?view=full, for a view. */
#include "base/check.h"
#include "gateway/acting.h"
#include "gateway/face.h"
#include "gateway/home.h"
#include "gateway/json.h"

#define LIST_BYTES_MAX    (256 * 1024) /* a hundred licences are about 60 KiB */
#define LICENCE_BYTES_MAX (2 * REGISTRY_LICENCE_BYTES_MAX + 512)

/* Returns the set of fields that are shown. */
static uint32_t put_licence(const struct operation *op, struct buf *out,
                            const struct registry_licence *licence, enum registry_acting acting,
                            const char *purpose)
{
    const struct face face = face_of_licence(licence);
    buf_put_u8(out, '{');
    json_put_id(out, "id", licence->id);
    json_put_text(out, "status", bytes_str(licence_status_text(licence->status)));
    json_put_time(out, "status_since", licence->status_since);
    json_put_text(out, "acting", bytes_str(registry_acting_text(acting)));
    buf_put_u8(out, ',');
    uint32_t fields = face_write(out, &face,
                                 policy_find(op->home->settings->policy, licence->type_code,
                                             TOKEN_ROLE_HOLDER, bytes_str(purpose)),
                                 FIELDS_ALL);
    buf_put_u8(out, '}');
    return fields;
}

/* ---- the list ---- */

#define LICENCES_STEPS(S)                                                                          \
    S(find_licences) /* the registry, one row after the other */                                   \
    S(record_list)   /* evidence before answer                */                                   \
    S(answer_list)

struct licences {
    struct operation op;
    struct registry_licences_query query;
    struct buf body;
    bool full;
};

static void add_licence(struct registry_licences_query *query,
                        const struct registry_licence *licence, enum registry_acting acting)
{
    struct licences *l = query->context;
    if (l->body.cap - l->body.len < LICENCE_BYTES_MAX) {
        l->full = true;
        return;
    }
    if (l->body.data[l->body.len - 1] == '}')
        buf_put_u8(&l->body, ',');
    put_licence(&l->op, &l->body, licence, acting, PURPOSE_OVERVIEW);
}

static void licences_found_later(struct registry_licences_query *query)
{
    struct licences *l = query->context;
    operation_resume(&l->op);
}

static enum step_result find_licences(struct licences *l)
{
    if (!operation_person(&l->op, l->query.holder_id))
        return operation_fail(&l->op, PROBLEM_FORBIDDEN, NULL, NULL);
    buf_init(&l->body, http_alloc(l->op.http, LIST_BYTES_MAX), LIST_BYTES_MAX);
    buf_put_str(&l->body, "{\"licences\":[");
    l->query.by = LICENCES_OF_PERSON;
    l->query.each = add_licence;
    l->query.done = licences_found_later;
    l->query.context = l;
    return registry_find_licences(l->op.home->reader, &l->query) == REGISTRY_NOW ? STEP_NEXT
                                                                                 : STEP_WAIT;
}

static enum step_result record_list(struct licences *l)
{
    struct journal_record record = {.kind = JOURNAL_LIST, .acting = JOURNAL_ACTING_NONE};
    bool behind = atomic_load(&l->op.home->gateway->registry_behind);
    if (behind || (l->query.error != REGISTRY_OK && l->query.error != REGISTRY_ERR_NOT_FOUND))
        return operation_fail(&l->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    return operation_record(&l->op, &record);
}

static enum step_result answer_list(struct licences *l)
{
    if (!l->op.recorded)
        return operation_fail(&l->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    buf_put_str(&l->body, l->query.more || l->full ? "],\"more\":true}" : "],\"more\":false}");
    CHECK(buf_ok(&l->body));
    return operation_answer_json(&l->op, 200, buf_bytes(&l->body));
}

FLOW_DEFINE(licences, LICENCES_STEPS);

/* ---- one ---- */

#define LICENCE_STEPS(S)                                                                           \
    S(find_licence) /* the registry, by id               */                                        \
    S(write_licence)                                                                               \
    S(record) /* evidence before answer              */                                            \
    S(answer_licence)

struct licence {
    struct operation op;
    struct registry_query query;
    enum registry_acting acting;
    struct buf body;
    uint32_t fields;
};

static enum step_result find_licence(struct licence *l)
{
    struct buf id = BUF_OVER(l->query.id);
    if (!buf_put_from_hex(&id, l->op.rest) || id.len != sizeof l->query.id)
        return operation_fail(&l->op, PROBLEM_LICENCE_NOT_FOUND, NULL, NULL);
    return acting_find_licence(&l->op, &l->query);
}

static enum step_result write_licence(struct licence *l)
{
    enum step_result checked =
        acting_check(&l->op, &l->query, PROBLEM_LICENCE_NOT_FOUND, &l->acting);
    if (checked != STEP_NEXT)
        return checked;
    buf_init(&l->body, http_alloc(l->op.http, LICENCE_BYTES_MAX), LICENCE_BYTES_MAX);
    bool full = bytes_equal(http_query(l->op.http), BYTES("view=full"));
    l->fields = put_licence(&l->op, &l->body, &l->query.licence, l->acting,
                            full ? PURPOSE_VIEW : PURPOSE_OVERVIEW);
    CHECK(buf_ok(&l->body));
    return STEP_NEXT;
}

static enum step_result record(struct licence *l)
{
    struct journal_record record = {
        .kind = l->acting == ACTING_HOLDER ? JOURNAL_LIST : JOURNAL_VIEW,
        .acting = (uint8_t)l->acting,
        .fields = l->fields,
    };
    operation_about(&record, &l->query.licence);
    return operation_record(&l->op, &record);
}

static enum step_result answer_licence(struct licence *l)
{
    if (!l->op.recorded)
        return operation_fail(&l->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    return operation_answer_json(&l->op, 200, buf_bytes(&l->body));
}

FLOW_DEFINE(licence, LICENCE_STEPS);
