/* PUT /v1/issuer/licences/ID: an authority delivers one licence, as it would a line of a file;
 * POST /v1/issuer/licences/ID/status: it says what one is worth. Committed, in force and in
 * evidence before it is answered. */
#include "base/check.h"
#include "gateway/body.h"
#include "gateway/commit.h"
#include "gateway/home.h"
#include "gateway/issuer.h"
#include "gateway/json.h"

#define ANSWER_BYTES_MAX 512
#define DETAIL_BYTES_MAX 160
#define STATUS_BYTES_MAX 16 /* of its longest word */

/* What evidence calls it. */
#define DELIVERY "delivery"
#define STATUS   "status"

static enum step_result unavailable(struct operation *op)
{
    return operation_fail(op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
}

/* ---- PUT ---- */

#define PUT_STEPS(S)                                                                               \
    S(read_record) /* body -> a record that can be taken         */                                \
    S(find_ours)   /* which licence does the path name?          */                                \
    S(find_theirs)                                                                                 \
    S(submit)       /* the registry's writer                      */                               \
    S(settle)       /* in force, and in the evidence log          */                               \
    S(find_present) /* what the licence is now                    */                               \
    S(answer)

struct issuer_put {
    struct operation op;
    struct registry_record record;
    uint8_t storage[IMPORT_RECORD_BYTES_MAX];
    unsigned warnings;
    struct issuer_named named;
    enum registry_outcome outcome;
    struct commit commit;
};

static enum step_result refuse_record(struct operation *op, enum problem problem, const char *field,
                                      const char *text)
{
    struct buf detail;
    buf_init(&detail, http_room(op->http, DETAIL_BYTES_MAX), DETAIL_BYTES_MAX);
    buf_printf(&detail, "%s%s%s", field ? field : "", field ? ": " : "", text);
    return issuer_refuse(op, DELIVERY, NULL, problem, buf_cstr(&detail));
}

static enum step_result read_record(struct issuer_put *p)
{
    struct import_fields fields;
    struct import_fault malformed;
    struct issuer_fault fault;
    enum step_result result = STEP_NEXT;
    if (!operation_body_is(&p->op, "application/json"))
        return operation_fail(&p->op, PROBLEM_MEDIA_TYPE, NULL, "application/json");
    struct import_json *json = import_json_create();
    if (!import_json_read(json, http_body(p->op.http), &fields, &malformed))
        result = refuse_record(&p->op, PROBLEM_MALFORMED_BODY, malformed.field,
                               import_reason_text(malformed.reason));
    else if (!issuer_record_make(&p->op, &fields, p->storage, &p->record, &p->warnings, &fault))
        result = refuse_record(&p->op, fault.problem, fault.field, fault.text);
    import_json_destroy(&json);
    return result;
}

static enum step_result find_ours(struct issuer_put *p)
{
    return issuer_find(&p->named, &p->op, DELIVERY);
}

static enum step_result find_theirs(struct issuer_put *p)
{
    return issuer_find_record(&p->named);
}

/* Type, issuer and number are what a licence is known by; the issuer's is compared already. */
static bool is_another(const struct issuer_put *p)
{
    const struct registry_licence *licence = &p->named.query.licence;
    return p->named.query.error == REGISTRY_OK &&
           (!bytes_equal(p->record.type_code, licence->type_code) ||
            !bytes_equal(p->record.number, licence->number));
}

static enum step_result submit(struct issuer_put *p)
{
    enum step_result found = issuer_found(&p->named);
    if (found != STEP_NEXT)
        return found;
    if (is_another(p))
        return issuer_refuse(&p->op, DELIVERY, &p->named.query.licence, PROBLEM_RECORD_REFUSED,
                             "the id is that of a licence with another type or number");
    p->commit.change = (struct registry_change){
        .kind = CHANGE_IMPORT,
        .records = &p->record,
        .outcomes = &p->outcome,
        .record_count = 1,
        .source = p->op.asker.client,
        .issuer = issuer_code(&p->op),
        .warnings = p->warnings,
        .record_id = p->named.record_id,
    };
    return commit_submit(&p->commit, &p->op);
}

static enum step_result settle(struct issuer_put *p)
{
    const struct registry_change *change = &p->commit.change;
    switch (change->error) {
    case REGISTRY_OK:
        return p->outcome == OUTCOME_OLDER
                   ? operation_fail(&p->op, PROBLEM_OLDER_VERSION, NULL, NULL)
                   : commit_settle(&p->commit);
    case REGISTRY_ERR_REFUSED:
        return issuer_refuse(&p->op, DELIVERY, NULL, PROBLEM_RECORD_REFUSED, change->refusal);
    default:
        return unavailable(&p->op);
    }
}

static enum step_result find_present(struct issuer_put *p)
{
    if (p->named.record_id.len)
        p->named.query.error = REGISTRY_ERR_NOT_FOUND;
    return p->named.record_id.len ? issuer_find_record(&p->named)
                                  : issuer_find(&p->named, &p->op, DELIVERY);
}

static enum step_result answer(struct issuer_put *p)
{
    const struct registry_licence *licence = &p->named.query.licence;
    struct buf out;
    if (p->named.query.error != REGISTRY_OK)
        return unavailable(&p->op);
    buf_init(&out, http_room(p->op.http, ANSWER_BYTES_MAX), ANSWER_BYTES_MAX);
    buf_put_u8(&out, '{');
    json_put_id(&out, "id", licence->id);
    json_put_text(&out, "outcome", bytes_str(issuer_outcome_text(p->outcome)));
    buf_printf(&out, ",\"version\":%u", (unsigned)licence->version);
    json_put_text(&out, "status", bytes_str(licence_status_text(licence->status)));
    json_put_time(&out, "since", licence->status_since);
    buf_put_u8(&out, '}');
    CHECK(buf_ok(&out));
    return operation_answer_json(&p->op, p->outcome == OUTCOME_ADDED ? 201 : 200, buf_bytes(&out));
}

FLOW_DEFINE(issuer_put, PUT_STEPS);

/* ---- POST status ---- */

#define STATUS_STEPS(S)                                                                            \
    S(read_status)      /* body -> the issuer's status                */                           \
    S(find_status_ours) /* which licence does the path name?          */                           \
    S(find_status_theirs)                                                                          \
    S(submit_status) /* the registry's writer                      */                              \
    S(settle_status) /* in force, and in the evidence log          */                              \
    S(answer_status)

struct issuer_status {
    struct operation op;
    struct bytes word;
    enum licence_status status;
    struct issuer_named named;
    struct commit commit;
};

static enum step_result read_status(struct issuer_status *s)
{
    static const char shape[] = "{\"status\": a word or its code, as valid or 01}";
    const struct body_member members[] = {
        {.name = "status", .bytes_max = STATUS_BYTES_MAX, .text = &s->word},
    };
    enum step_result read = body_read(&s->op, members, 1, shape);
    if (read == STEP_NEXT && !licence_status_read(s->word, &s->status))
        return operation_fail(&s->op, PROBLEM_MALFORMED_BODY, NULL, shape);
    return read;
}

static enum step_result find_status_ours(struct issuer_status *s)
{
    return issuer_find(&s->named, &s->op, STATUS);
}

static enum step_result find_status_theirs(struct issuer_status *s)
{
    return issuer_find_record(&s->named);
}

static enum step_result submit_status(struct issuer_status *s)
{
    enum step_result found = issuer_found(&s->named);
    if (found != STEP_NEXT)
        return found;
    if (s->named.query.error != REGISTRY_OK)
        return issuer_refuse(&s->op, STATUS, NULL, PROBLEM_NO_LICENCE, NULL);
    s->commit.change = (struct registry_change){.kind = CHANGE_ISSUER_STATUS, .status = s->status};
    memcpy(s->commit.change.licence, s->named.query.licence.id, sizeof s->commit.change.licence);
    return commit_submit(&s->commit, &s->op);
}

static enum step_result settle_status(struct issuer_status *s)
{
    return s->commit.change.error == REGISTRY_OK ? commit_settle(&s->commit) : unavailable(&s->op);
}

/* A hold may be stricter than the issuer's status: both are told. */
static enum step_result answer_status(struct issuer_status *s)
{
    struct buf out;
    buf_init(&out, http_room(s->op.http, ANSWER_BYTES_MAX), ANSWER_BYTES_MAX);
    buf_put_u8(&out, '{');
    json_put_id(&out, "id", s->named.query.licence.id);
    json_put_text(&out, "issuer_status", bytes_str(licence_status_text(s->status)));
    json_put_text(&out, "status", bytes_str(licence_status_text(s->commit.change.effective)));
    buf_put_u8(&out, '}');
    CHECK(buf_ok(&out));
    return operation_answer_json(&s->op, 200, buf_bytes(&out));
}

FLOW_DEFINE(issuer_status, STATUS_STEPS);
