/* POST /v1/status: the status of up to 100 licences by their places in the lists, for inspectors
 * and issuers; issuers may name identifiers instead, and are told of their own licences alone. */
#include <jansson.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/home.h"

#define STATUS_STEPS(S)                                                                            \
    S(read_handles) /* body -> handles                 */                                          \
    S(ask_each)     /* the registry, one after another */                                          \
    S(record)       /* evidence before answer          */                                          \
    S(answer)

#define STATUS_HANDLES_MAX    100
#define STATUS_ROW_BYTES_MAX  256
#define STATUS_TEXT_BYTES_MAX 128 /* of an identifier */

struct status {
    struct operation op;
    size_t count, at;
    bool by_identifier;
    struct status_handle {
        uint16_t list;
        uint32_t index;
        struct bytes identifier;
    } handles[STATUS_HANDLES_MAX];
    struct registry_query query;
    struct buf body;
};

static bool read_place(json_t *pair, struct status_handle *handle)
{
    json_t *list = json_array_get(pair, 0), *index = json_array_get(pair, 1);
    if (json_array_size(pair) != 2 || !json_is_integer(list) || !json_is_integer(index))
        return false;
    json_int_t l = json_integer_value(list), i = json_integer_value(index);
    if (l < 0 || l > CODE_LIST_MAX || i < 0 || i > (json_int_t)CODE_INDEX_MAX)
        return false;
    handle->list = (uint16_t)l;
    handle->index = (uint32_t)i;
    return true;
}

static bool read_identifier(struct status *s, json_t *text, struct status_handle *handle)
{
    size_t len = json_string_length(text);
    if (!json_is_string(text) || len == 0 || len > STATUS_TEXT_BYTES_MAX)
        return false;
    void *copy = http_alloc(s->op.http, len);
    memcpy(copy, json_string_value(text), len);
    handle->identifier = bytes_of(copy, len);
    return true;
}

static bool read_all(struct status *s, json_t *document)
{
    json_t *places = json_object_get(document, "handles");
    json_t *identifiers = json_object_get(document, "identifiers");
    json_t *all = places ? places : identifiers;
    s->by_identifier = !places;
    s->count = json_array_size(all);
    if (json_object_size(document) != 1 || s->count == 0 || s->count > STATUS_HANDLES_MAX)
        return false;
    for (size_t i = 0; i < s->count; i++)
        if (!(places ? read_place(json_array_get(all, i), &s->handles[i])
                     : read_identifier(s, json_array_get(all, i), &s->handles[i])))
            return false;
    return true;
}

static enum step_result read_handles(struct status *s)
{
    struct bytes body = http_body(s->op.http);
    if (!operation_body_is(&s->op, "application/json"))
        return operation_fail(&s->op, PROBLEM_MEDIA_TYPE, NULL, "application/json");
    json_t *document = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
    bool read = read_all(s, document);
    json_decref(document);
    if (!read)
        return operation_fail(&s->op, PROBLEM_MALFORMED_BODY, NULL,
                              "{\"handles\": [[list, index], ...]} or {\"identifiers\": [...]}, "
                              "1 to 100 of them");
    if (s->by_identifier && s->op.asker.role != TOKEN_ROLE_ISSUER)
        return operation_fail(&s->op, PROBLEM_FORBIDDEN, NULL, NULL);
    size_t room = 64 + s->count * STATUS_ROW_BYTES_MAX;
    buf_init(&s->body, http_alloc(s->op.http, room), room);
    buf_put_str(&s->body, "{\"statuses\":[");
    return STEP_NEXT;
}

/* An authority's client carries its code. */
static bool may_know(const struct status *s)
{
    return s->op.asker.role != TOKEN_ROLE_ISSUER ||
           bytes_equal(bytes_str(s->op.client->organisation), s->query.licence.issuer_code);
}

/* Unknown and could-not-find-out are two different answers. */
static void put_status(struct status *s)
{
    const struct registry_licence *licence = &s->query.licence;
    enum registry_error error = s->query.error;
    if (error == REGISTRY_OK && !may_know(s))
        error = REGISTRY_ERR_NOT_FOUND;
    if (atomic_load(&s->op.home->gateway->registry_behind) ||
        (error == REGISTRY_OK && licence->status == LICENCE_STATUS_VALID &&
         gateway_knows_later(s->op.home, licence->list, licence->index)))
        error = REGISTRY_ERR_STORAGE;
    buf_put_str(&s->body, s->at ? ",{\"status\":\"" : "{\"status\":\"");
    if (error == REGISTRY_OK)
        buf_put_str(&s->body, licence_status_text(licence->status));
    else
        buf_put_str(&s->body, error == REGISTRY_ERR_NOT_FOUND || error == REGISTRY_ERR_REFUSED
                                  ? "unknown"
                                  : "unavailable");
    buf_put_u8(&s->body, '"');
    if (error == REGISTRY_OK) {
        buf_put_str(&s->body, ",\"since\":\"");
        buf_put_timestamp(&s->body, licence->status_since);
        buf_put_str(&s->body, "\",\"as_of\":\"");
        buf_put_timestamp(&s->body, clock_wall_s());
        buf_printf(&s->body, "\",\"handle\":[%u,%u]", (unsigned)licence->list,
                   (unsigned)licence->index);
    }
    buf_put_u8(&s->body, '}');
}

static enum step_result ask_each(struct status *s);

static void asked_later(struct registry_query *query)
{
    struct status *s = query->context;
    put_status(s);
    s->at++;
    if (ask_each(s) == STEP_NEXT)
        operation_resume(&s->op);
}

static enum step_result ask_each(struct status *s)
{
    for (; s->at < s->count; s->at++) {
        const struct status_handle *handle = &s->handles[s->at];
        s->query.by = s->by_identifier ? REGISTRY_BY_NUMBER : REGISTRY_BY_PLACE;
        s->query.list = handle->list;
        s->query.index = handle->index;
        s->query.text = handle->identifier;
        s->query.done = asked_later;
        s->query.context = s;
        if (registry_find(s->op.home->reader, &s->query) == REGISTRY_LATER)
            return STEP_WAIT;
        put_status(s);
    }
    return STEP_NEXT;
}

/* Places and statuses alone are told, and no face: one record for all of them. */
static enum step_result record(struct status *s)
{
    char text[16];
    struct buf asked = BUF_OVER(text);
    buf_put_decimal(&asked, s->count);
    struct journal_record record = {.kind = JOURNAL_STATUS_ASKED,
                                    .acting = JOURNAL_ACTING_NONE,
                                    .reference = buf_bytes(&asked)};
    return operation_record(&s->op, &record);
}

static enum step_result answer(struct status *s)
{
    if (!s->op.recorded)
        return operation_fail(&s->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    buf_put_str(&s->body, "]}");
    CHECK(buf_ok(&s->body));
    return operation_answer_json(&s->op, 200, buf_bytes(&s->body));
}

FLOW_DEFINE(status, STATUS_STEPS);
