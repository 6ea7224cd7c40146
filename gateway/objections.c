/* /v1/objections (数据异议): a holder, or an inspector who scanned a code, says that a field of a
 * licence is wrong; /v1/issuer/objections: its authority checks that, and delivers a correction or
 * refuses with a reason. A correction is a new version of the licence, so the codes of the old one
 * are worth nothing any more. */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/acting.h"
#include "gateway/body.h"
#include "gateway/commit.h"
#include "gateway/home.h"
#include "gateway/issuer.h"
#include "gateway/json.h"
#include "gateway/named.h"

#define LIST_MAX       200          /* told in a list */
#define LIST_BYTES_MAX (256 * 1024) /* 200 of the usual length are about 100 KiB */
#define ROW_BYTES_MAX  4096         /* texts at most doubled by their escapes */
#define TOO_MANY_S     86400        /* an authority decides in days */

/* ---- how an objection is told ---- */

static void put_objection(struct buf *out, const struct registry_objection *o)
{
    buf_put_u8(out, '{');
    json_put_id(out, "id", o->id);
    json_put_id(out, "licence", o->licence);
    json_put_text(out, "field",
                  o->field < FIELD_COUNT ? bytes_str(field_member((enum field)o->field))
                                         : (struct bytes){0});
    json_put_text(out, "claimed", o->claimed);
    if (o->has_attachment) {
        buf_put_str(out, ",\"attachment\":\"");
        buf_put_hex(out, bytes_of(o->attachment, sizeof o->attachment));
        buf_put_u8(out, '"');
    }
    json_put_text(out, "state", bytes_str(objection_state_text(o->state)));
    json_put_time(out, "received_at", o->at);
    json_put_date(out, "due_on", o->due_on);
    json_put_time(out, "decided_at", o->decided_at);
    json_put_text(out, "reason", o->reason.len ? o->reason : (struct bytes){0});
}

/* ---- POST /v1/objections ---- */

#define OBJECT_STEPS(S)                                                                            \
    S(read_objection) /* body: a holder's licence, or a code an inspector scanned */               \
    S(find_licence)   /* the registry                                             */               \
    S(check_objector) /* his own, or of a type that is the terminal's             */               \
    S(submit)         /* the registry's writer                                    */               \
    S(settle)         /* its event is in the evidence log                         */               \
    S(answer)
#define OBJECT_SHAPE                                                                               \
    "{\"licence\": \"<id>\" (a holder) or \"code\": ... (an inspector), \"field\": ..., "          \
    "\"claimed\": ..., \"attachment\": SHA-256 as 64 hexadecimal digits or none}"

struct objection_make {
    struct operation op;
    struct named named; /* a holder's licence is found in its query too */
    struct bytes field, claimed, attachment;
    struct registry_objection objection;
    struct commit commit;
};

static bool is_holder(const struct objection_make *o)
{
    return o->op.asker.role == TOKEN_ROLE_HOLDER;
}

static bool read_id(struct objection_make *o)
{
    struct buf id = BUF_OVER(o->named.query.id);
    return !o->named.code.data && buf_put_from_hex(&id, o->named.licence) &&
           id.len == sizeof o->named.query.id;
}

static bool read_claim(struct objection_make *o)
{
    struct registry_objection *objection = &o->objection;
    struct buf attachment = BUF_OVER(objection->attachment);
    enum field field;
    if (!field_read(o->field, &field))
        return false;
    objection->field = (uint8_t)field;
    objection->claimed = o->claimed;
    objection->has_attachment = o->attachment.data != NULL;
    return !objection->has_attachment || (buf_put_from_hex(&attachment, o->attachment) &&
                                          attachment.len == sizeof objection->attachment);
}

static enum step_result read_objection(struct objection_make *o)
{
    const struct body_member members[] = {
        NAMED_MEMBERS(&o->named),
        {.name = "field", .bytes_max = POLICY_NAME_BYTES_MAX, .text = &o->field},
        {.name = "claimed", .bytes_max = OBJECTION_VALUE_BYTES_MAX, .text = &o->claimed},
        {.name = "attachment",
         .kind = BODY_OPTIONAL,
         .bytes_max = 2 * CRYPTO_HASH_BYTES,
         .text = &o->attachment},
    };
    enum step_result read =
        body_read(&o->op, members, sizeof members / sizeof *members, OBJECT_SHAPE);
    if (read != STEP_NEXT)
        return read;
    bool names_it = is_holder(o) ? read_id(o) : !o->named.licence.data;
    if (!names_it || !read_claim(o))
        return operation_fail(&o->op, PROBLEM_MALFORMED_BODY, NULL, OBJECT_SHAPE);
    return is_holder(o) ? STEP_NEXT : named_read(&o->named, &o->op, OBJECT_SHAPE);
}

static enum step_result find_licence(struct objection_make *o)
{
    return is_holder(o) ? acting_find_licence(&o->op, &o->named.query) : named_find(&o->named);
}

static enum step_result check_objector(struct objection_make *o)
{
    enum registry_acting acting;
    if (is_holder(o)) {
        enum step_result checked =
            acting_check(&o->op, &o->named.query, PROBLEM_LICENCE_NOT_FOUND, &acting);
        if (checked == STEP_NEXT)
            o->commit.change.actor.acting = (uint8_t)acting;
        return checked;
    }
    enum step_result checked = named_check(&o->named, PROBLEM_NO_LICENCE);
    return checked == STEP_NEXT && !client_has_type(o->op.client, o->named.query.licence.type_code)
               ? operation_fail(&o->op, PROBLEM_TYPE_NOT_ALLOWED, NULL, NULL)
               : checked;
}

static enum step_result submit(struct objection_make *o)
{
    const struct settings *settings = o->op.home->settings;
    struct registry_objection *objection = &o->objection;
    objection->at = clock_wall_s();
    objection->role = o->op.asker.role;
    objection->subject = o->op.asker.subject;
    objection->due_on = calendar_add_working_days(settings->calendar, civil_day_at(objection->at),
                                                  (unsigned)settings->config->objections_due_days);
    memcpy(objection->licence, o->named.query.licence.id, sizeof objection->licence);
    o->commit.change.kind = CHANGE_OBJECT;
    o->commit.change.objection = objection;
    return commit_submit(&o->commit, &o->op);
}

static enum step_result settle(struct objection_make *o)
{
    switch (o->commit.change.error) {
    case REGISTRY_OK:
        memcpy(o->objection.id, o->commit.change.id, sizeof o->objection.id);
        return commit_settle(&o->commit);
    case REGISTRY_ERR_NOT_FOUND: /* it went in the meantime */
        return operation_fail(&o->op, is_holder(o) ? PROBLEM_LICENCE_NOT_FOUND : PROBLEM_NO_LICENCE,
                              NULL, NULL);
    case REGISTRY_ERR_REFUSED:
        o->op.retry_after_s = TOO_MANY_S;
        return operation_fail(&o->op, PROBLEM_TOO_MANY_OBJECTIONS, NULL, NULL);
    default:
        return operation_fail(&o->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    }
}

static enum step_result answer(struct objection_make *o)
{
    struct buf body;
    buf_init(&body, http_room(o->op.http, ROW_BYTES_MAX), ROW_BYTES_MAX);
    put_objection(&body, &o->objection);
    buf_put_u8(&body, '}');
    CHECK(buf_ok(&body));
    return operation_answer_json(&o->op, 201, buf_bytes(&body));
}

FLOW_DEFINE(objection_make, OBJECT_STEPS);

/* ---- what both lists have in common ---- */

struct rows {
    struct operation *op;
    struct buf body;
    size_t count;
    bool more, to_issuer;
};

/* To an authority also of which licence, and who objects, without an inspector's number. */
static void put_for_issuer(struct buf *out, const struct registry_objection *objection,
                           const struct registry_licence *licence)
{
    struct bytes who = objection->subject;
    const uint8_t *slash = who.len ? memchr(who.data, '/', who.len) : NULL;
    json_put_text(out, "type", licence->type_code);
    json_put_text(out, "number", licence->number);
    json_put_text(out, "by", bytes_str(token_role_text((enum token_role)objection->role)));
    json_put_text(out, "agency",
                  objection->role == TOKEN_ROLE_INSPECTOR && slash
                      ? bytes_of(who.data, (size_t)(slash - who.data))
                      : (struct bytes){0});
}

static void add_row(void *context, const struct registry_objection *objection,
                    const struct registry_licence *licence)
{
    struct rows *rows = context;
    struct buf *out = &rows->body;
    if (rows->count == LIST_MAX || out->cap - out->len < ROW_BYTES_MAX) {
        rows->more = true;
        return;
    }
    if (rows->count++)
        buf_put_u8(out, ',');
    put_objection(out, objection);
    if (rows->to_issuer)
        put_for_issuer(out, objection, licence);
    buf_put_u8(out, '}');
}

/* A page of those to the asker's authority, else those that the asker made. */
static enum step_result read_rows(struct rows *rows, struct operation *op,
                                  const struct registry_page *page)
{
    struct registry_reader *reader = op->home->reader;
    rows->op = op;
    rows->to_issuer = page != NULL;
    buf_init(&rows->body, http_room(op->http, LIST_BYTES_MAX), LIST_BYTES_MAX);
    buf_put_str(&rows->body, "{\"objections\":[");
    enum registry_error error = page
                                    ? registry_objections_to(reader, page, add_row, rows)
                                    : registry_objections(reader, op->asker.role, op->asker.subject,
                                                          LIST_MAX + 1, add_row, rows);
    if (error == REGISTRY_ERR_NOT_FOUND)
        return operation_fail(op, PROBLEM_MALFORMED_BODY, NULL, ISSUER_PAGE_SHAPE);
    if (error != REGISTRY_OK || atomic_load(&op->home->gateway->registry_behind))
        return operation_fail(op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    return STEP_NEXT;
}

static enum step_result record_rows(struct rows *rows)
{
    struct journal_record record = {.kind = rows->to_issuer ? JOURNAL_PULL : JOURNAL_READ,
                                    .acting = JOURNAL_ACTING_NONE,
                                    .purpose = BYTES("objections")};
    return operation_record(rows->op, &record);
}

static enum step_result answer_rows(struct rows *rows)
{
    if (!rows->op->recorded)
        return operation_fail(rows->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    buf_put_str(&rows->body, rows->more ? "],\"more\":true}" : "],\"more\":false}");
    CHECK(buf_ok(&rows->body));
    return operation_answer_json(rows->op, 200, buf_bytes(&rows->body));
}

/* ---- GET /v1/objections: one's own ---- */

#define OWN_STEPS(S)                                                                               \
    S(read_own)   /* newest first                */                                                \
    S(record_own) /* reading them is evidence    */                                                \
    S(answer_own)

struct objection_list {
    struct operation op;
    struct rows rows;
};

static enum step_result read_own(struct objection_list *l)
{
    return read_rows(&l->rows, &l->op, NULL);
}

static enum step_result record_own(struct objection_list *l)
{
    return record_rows(&l->rows);
}

static enum step_result answer_own(struct objection_list *l)
{
    return answer_rows(&l->rows);
}

FLOW_DEFINE(objection_list, OWN_STEPS);

/* ---- GET /v1/issuer/objections: on an authority's licences ---- */

#define THEIRS_STEPS(S)                                                                            \
    S(read_theirs)   /* a page of open ones, or all */                                             \
    S(record_theirs) /* reading them is evidence    */                                             \
    S(answer_theirs)

struct issuer_objections {
    struct operation op;
    struct rows rows;
};

static enum step_result read_theirs(struct issuer_objections *l)
{
    struct registry_page page;
    return issuer_read_page(&l->op, LIST_MAX + 1, &page)
               ? read_rows(&l->rows, &l->op, &page)
               : operation_fail(&l->op, PROBLEM_MALFORMED_BODY, NULL, ISSUER_PAGE_SHAPE);
}

static enum step_result record_theirs(struct issuer_objections *l)
{
    return record_rows(&l->rows);
}

static enum step_result answer_theirs(struct issuer_objections *l)
{
    return answer_rows(&l->rows);
}

FLOW_DEFINE(issuer_objections, THEIRS_STEPS);

/* ---- POST /v1/issuer/objections/ID: what becomes of it ---- */

#define STATE_STEPS(S)                                                                             \
    S(read_state)   /* body, and the id in the path      */                                        \
    S(submit_state) /* the registry's writer             */                                        \
    S(settle_state) /* its event is in the evidence log  */                                        \
    S(answer_state)
#define STATE_SHAPE                                                                                \
    "{\"state\": \"checking\" or \"corrected\"} or {\"state\": \"refused\", \"reason\": ...}"

struct issuer_objection {
    struct operation op;
    uint8_t id[REGISTRY_ID_BYTES];
    struct bytes word, reason;
    enum objection_state state;
    struct commit commit;
};

static enum step_result refuse_state(struct issuer_objection *o, enum problem problem,
                                     const char *detail)
{
    return issuer_refuse(&o->op, "objection", NULL, problem, detail);
}

static enum step_result read_state(struct issuer_objection *o)
{
    const struct body_member members[] = {
        {.name = "state", .bytes_max = POLICY_NAME_BYTES_MAX, .text = &o->word},
        {.name = "reason",
         .kind = BODY_OPTIONAL,
         .bytes_max = OBJECTION_REASON_BYTES_MAX,
         .text = &o->reason},
    };
    struct buf id = BUF_OVER(o->id);
    enum step_result read =
        body_read(&o->op, members, sizeof members / sizeof *members, STATE_SHAPE);
    if (read != STEP_NEXT)
        return read;
    bool known = objection_state_read(o->word, &o->state) && o->state != OBJECTION_STATE_RECEIVED;
    if (!known || (o->reason.data != NULL) != (o->state == OBJECTION_STATE_REFUSED))
        return operation_fail(&o->op, PROBLEM_MALFORMED_BODY, NULL, STATE_SHAPE);
    if (!buf_put_from_hex(&id, o->op.rest) || id.len != sizeof o->id)
        return refuse_state(o, PROBLEM_OBJECTION_NOT_FOUND, NULL);
    if (atomic_load(&o->op.home->gateway->registry_behind))
        return operation_fail(&o->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    return STEP_NEXT;
}

static enum step_result submit_state(struct issuer_objection *o)
{
    o->commit.change = (struct registry_change){
        .kind = CHANGE_OBJECTION_STATE,
        .objection_state = o->state,
        .text = o->reason,
        .issuer = bytes_str(o->op.client->organisation),
    };
    memcpy(o->commit.change.id, o->id, sizeof o->id);
    return commit_submit(&o->commit, &o->op);
}

static enum step_result settle_state(struct issuer_objection *o)
{
    const struct registry_change *change = &o->commit.change;
    switch (change->error) {
    case REGISTRY_OK:
        return commit_settle(&o->commit);
    case REGISTRY_ERR_NOT_FOUND:
        return refuse_state(o, PROBLEM_OBJECTION_NOT_FOUND, NULL);
    case REGISTRY_ERR_REFUSED:
        return refuse_state(o,
                            change->refusal != objection_not_corrected ? PROBLEM_OBJECTION_CLOSED
                                                                       : PROBLEM_NO_NEW_VERSION,
                            change->refusal);
    default:
        return operation_fail(&o->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    }
}

static enum step_result answer_state(struct issuer_objection *o)
{
    struct buf body;
    buf_init(&body, http_room(o->op.http, ROW_BYTES_MAX), ROW_BYTES_MAX);
    buf_put_u8(&body, '{');
    json_put_id(&body, "id", o->id);
    json_put_text(&body, "state", bytes_str(objection_state_text(o->state)));
    json_put_text(&body, "reason", o->reason);
    buf_put_u8(&body, '}');
    CHECK(buf_ok(&body));
    return operation_answer_json(&o->op, 200, buf_bytes(&body));
}

FLOW_DEFINE(issuer_objection, STATE_STEPS);
