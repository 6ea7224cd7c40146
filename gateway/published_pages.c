/* What verifiers without a network fetch: the trust bundle, the status lists, and which there are
 * (draft-ietf-oauth-status-list, sections 8 and 9). The publisher keeps them in memory. */
#include "base/check.h"
#include "gateway/home.h"
#include "gateway/publisher.h"
#include "protocol/status_list.h"
#include "protocol/trust_bundle.h"

#define BUNDLE_MAX_AGE_S                                                                           \
    300 /* a bundle lives for days, and its next keys stand in it before use                       \
         */
#define HEADER_BYTES_MAX 48

static void let_go(void *object)
{
    struct publication *publication = object;
    publication_release(&publication);
}

/* Answers with the very octets that lie in memory; takes the reference. `privacy` is "public" or
 * "private". */
static enum step_result answer_with(struct operation *op, struct publication *publication,
                                    const char *content_type, const char *privacy,
                                    uint64_t max_age_s)
{
    struct buf cached;
    buf_init(&cached, http_room(op->http, HEADER_BYTES_MAX), HEADER_BYTES_MAX);
    buf_printf(&cached, "%s, max-age=%llu", privacy, (unsigned long long)max_age_s);
    CHECK(buf_ok(&cached));
    http_hold(op->http, publication, let_go);
    const struct bytes etag = bytes_str(publication->etag);
    const struct bytes known = http_header_list(op->http, "if-none-match");
    const struct http_answer_header headers[] = {
        {"cache-control", buf_bytes(&cached)},
        {"etag", etag},
        {"vary", BYTES("accept, authorization")},
        {"x-content-type-options", BYTES("nosniff")},
    };
    if (bytes_equal(known, BYTES("*")) ||
        (known.len && memmem(known.data, known.len, etag.data, etag.len)))
        return operation_answer(op, 304, NULL, bytes_of(NULL, 0), headers, 4);
    return operation_answer(op, 200, content_type, publication->body, headers, 4);
}

/* Of the lists and their names. */
static enum step_result answer_published(struct operation *op, struct publication *publication,
                                         const char *content_type)
{
    const struct config *config = op->home->settings->config;
    return publication ? answer_with(op, publication, content_type,
                                     config->status_lists_public ? "public" : "private",
                                     config->status_lists_interval_s)
                       : operation_fail(op, PROBLEM_NOT_PUBLISHED, NULL, NULL);
}

/* ---- GET /v1/trust-bundle ---- */

#define TRUST_BUNDLE_STEPS(S) S(answer_bundle)

struct trust_bundle_page {
    struct operation op;
};

static enum step_result answer_bundle(struct trust_bundle_page *page)
{
    struct publication *bundle = publisher_bundle(page->op.home->gateway->publisher);
    return bundle ? answer_with(&page->op, bundle, TRUST_BUNDLE_TYPE, "public", BUNDLE_MAX_AGE_S)
                  : operation_fail(&page->op, PROBLEM_NOT_PUBLISHED, NULL, NULL);
}

FLOW_DEFINE(trust_bundle_page, TRUST_BUNDLE_STEPS);

/* ---- may this asker have the lists? ---- */

static bool may_fetch(const struct operation *op, enum problem *problem)
{
    const bool anybody = op->asker.role == TOKEN_ROLE_ANYBODY;
    *problem = anybody ? PROBLEM_TOKEN_MISSING : PROBLEM_FORBIDDEN;
    return op->home->settings->config->status_lists_public ||
           (!anybody && op->asker.scopes & TOKEN_SCOPE_SYNC);
}

/* ---- GET /v1/status-lists ---- */

#define STATUS_LISTS_STEPS(S) S(answer_lists)

struct status_lists {
    struct operation op;
};

static enum step_result answer_lists(struct status_lists *page)
{
    struct operation *op = &page->op;
    enum problem problem;
    return may_fetch(op, &problem)
               ? answer_published(op, publisher_list_names(op->home->gateway->publisher),
                                  "application/json")
               : operation_fail(op, problem, NULL, NULL);
}

FLOW_DEFINE(status_lists, STATUS_LISTS_STEPS);

/* ---- GET /v1/status-lists/<L> ---- */

#define STATUS_LIST_STEPS(S) S(answer_list)

struct status_list {
    struct operation op;
};

static const char *const forms[] = {STATUS_LIST_CWT_TYPE, STATUS_LIST_JWT_TYPE};

/* Decimal, without leading zeros. */
static bool read_number(struct bytes text, unsigned *list)
{
    *list = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *list = *list * 10 + (text.data[i] - '0');
        if (*list > CODE_LIST_MAX)
            return false;
    }
    return text.len > 0 && (text.len == 1 || text.data[0] != '0');
}

/* Section 8.4: `time`, of which there is none here. Other parameters mean nothing. */
static bool asks_history(struct bytes query)
{
    return bytes_start_with(query, BYTES("time=")) ||
           (query.len > 0 && memmem(query.data, query.len, "&time=", 6));
}

static enum step_result answer_list(struct status_list *page)
{
    struct operation *op = &page->op;
    struct publisher *publisher = op->home->gateway->publisher;
    enum problem problem;
    unsigned list;
    if (!may_fetch(op, &problem))
        return operation_fail(op, problem, NULL, NULL);
    if (!read_number(op->rest, &list) || list >= publisher_list_count(publisher))
        return operation_fail(op, PROBLEM_NOT_FOUND, NULL, NULL);
    if (asks_history(http_query(op->http)))
        return operation_fail(op, PROBLEM_NO_HISTORY, NULL, NULL);
    const int form = operation_chosen(op, forms, sizeof forms / sizeof *forms);
    if (form < 0)
        return operation_fail(op, PROBLEM_NOT_ACCEPTABLE, NULL,
                              STATUS_LIST_CWT_TYPE ", " STATUS_LIST_JWT_TYPE);
    const bool jwt = form == 1;
    return answer_published(
        op, publisher_list(publisher, (uint16_t)list, jwt ? PUBLICATION_JWT : PUBLICATION_CWT),
        jwt ? STATUS_LIST_JWT_TYPE : STATUS_LIST_CWT_TYPE);
}

FLOW_DEFINE(status_list, STATUS_LIST_STEPS);
