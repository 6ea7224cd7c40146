/* GET /v1/licences and GET /v1/licences/{id}: a holder's own licences, and those of the enterprises
 * he may act for. Masked, unless the holder asks for one with ?view=full. */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/face.h"
#include "gateway/home.h"

#define LIST_BYTES_MAX    (256 * 1024) /* a hundred licences are about 60 KiB */
#define LICENCE_BYTES_MAX (2 * REGISTRY_LICENCE_BYTES_MAX + 512)

static bool read_person(const struct operation *op, uint8_t person[REGISTRY_ID_BYTES])
{
    struct buf id;
    buf_init(&id, person, REGISTRY_ID_BYTES);
    return buf_put_from_hex(&id, op->asker.subject) && id.len == REGISTRY_ID_BYTES;
}

static void put_licence(struct buf *out, const struct registry_licence *licence, bool own,
                        bool full)
{
    buf_put_str(out, "{\"id\":\"");
    buf_put_hex(out, bytes_of(licence->id, sizeof licence->id));
    buf_put_str(out, "\",\"status\":\"");
    buf_put_str(out, licence_status_text(licence->status));
    buf_put_str(out, "\",\"status_since\":\"");
    buf_put_timestamp(out, licence->status_since);
    buf_put_str(out, own ? "\",\"own\":true," : "\",\"own\":false,");
    (full ? face_write_full : face_write_masked)(out, licence);
    buf_put_u8(out, '}');
}

/* ---- the list ---- */

#define LICENCES_STEPS(S)                                                                          \
    S(find_licences) /* the registry, one row after the other */                                   \
    S(answer_list)

struct licences {
    struct operation op;
    struct registry_holder_query query;
    struct buf body;
    bool full;
};

static void add_licence(struct registry_holder_query *query, const struct registry_licence *licence,
                        bool own)
{
    struct licences *l = query->context;
    if (l->body.cap - l->body.len < LICENCE_BYTES_MAX) {
        l->full = true;
        return;
    }
    if (l->body.data[l->body.len - 1] == '}')
        buf_put_u8(&l->body, ',');
    put_licence(&l->body, licence, own, false);
}

static void licences_found_later(struct registry_holder_query *query)
{
    struct licences *l = query->context;
    operation_resume(&l->op);
}

static enum step_result find_licences(struct licences *l)
{
    if (!read_person(&l->op, l->query.holder_id))
        return operation_fail(&l->op, PROBLEM_FORBIDDEN, NULL, NULL);
    buf_init(&l->body, http_alloc(l->op.http, LIST_BYTES_MAX), LIST_BYTES_MAX);
    buf_put_str(&l->body, "{\"licences\":[");
    l->query.each = add_licence;
    l->query.done = licences_found_later;
    l->query.context = l;
    return registry_find_of_holder(l->op.home->reader, &l->query) == REGISTRY_NOW ? STEP_NEXT
                                                                                  : STEP_WAIT;
}

static enum step_result answer_list(struct licences *l)
{
    bool behind = atomic_load(&l->op.home->gateway->registry_behind);
    if (behind || (l->query.error != REGISTRY_OK && l->query.error != REGISTRY_ERR_NOT_FOUND))
        return operation_fail(&l->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    buf_put_str(&l->body, l->query.more || l->full ? "],\"more\":true}" : "],\"more\":false}");
    CHECK(buf_ok(&l->body));
    return operation_answer_json(&l->op, 200, buf_bytes(&l->body));
}

FLOW_DEFINE(licences, LICENCES_STEPS);

/* ---- one ---- */

#define LICENCE_STEPS(S)                                                                           \
    S(find_licence) /* the registry, by id */                                                      \
    S(answer_licence)

struct licence {
    struct operation op;
    struct registry_query query;
};

static void licence_found_later(struct registry_query *query)
{
    struct licence *l = query->context;
    operation_resume(&l->op);
}

static enum step_result find_licence(struct licence *l)
{
    struct buf id = BUF_OVER(l->query.id);
    if (!buf_put_from_hex(&id, l->op.rest) || id.len != sizeof l->query.id)
        return operation_fail(&l->op, PROBLEM_LICENCE_NOT_FOUND, NULL, NULL);
    l->query.by = REGISTRY_BY_ID;
    l->query.done = licence_found_later;
    l->query.context = l;
    return registry_find(l->op.home->reader, &l->query) == REGISTRY_NOW ? STEP_NEXT : STEP_WAIT;
}

static enum step_result answer_licence(struct licence *l)
{
    const struct registry_licence *licence = &l->query.licence;
    uint8_t person[REGISTRY_ID_BYTES];
    enum registry_error error = l->query.error;
    if (error == REGISTRY_OK)
        error = read_person(&l->op, person) ? registry_may_act(l->op.home->reader, person,
                                                               licence->holder_id, clock_wall_s())
                                            : REGISTRY_ERR_NOT_FOUND;
    if (error == REGISTRY_ERR_NOT_FOUND) /* not there and not theirs are told alike */
        return operation_fail(&l->op, PROBLEM_LICENCE_NOT_FOUND, NULL, NULL);
    if (error != REGISTRY_OK || atomic_load(&l->op.home->gateway->registry_behind))
        return operation_fail(&l->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    struct buf body;
    buf_init(&body, http_alloc(l->op.http, LICENCE_BYTES_MAX), LICENCE_BYTES_MAX);
    put_licence(&body, licence, memcmp(person, licence->holder_id, sizeof person) == 0,
                bytes_equal(http_query(l->op.http), BYTES("view=full")));
    CHECK(buf_ok(&body));
    return operation_answer_json(&l->op, 200, buf_bytes(&body));
}

FLOW_DEFINE(licence, LICENCE_STEPS);
