/* /v1/consents: a holder, or an enterprise's representative, lets a partner check a licence without
 * a code, for one purpose, some fields, until a day; sees what was given; takes it back at once. */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/acting.h"
#include "gateway/body.h"
#include "gateway/commit.h"
#include "gateway/home.h"
#include "gateway/json.h"

#define DAYS_MAX               366   /* a consent is given for a year at most, and then anew */
#define LIST_MAX               200   /* the newest, told in a list */
#define KNOWN_MAX              10000 /* looked through for the one to be withdrawn */
#define CONSENT_JSON_BYTES_MAX 1280  /* names and titles escaped, all fields */

static enum step_result unavailable(struct operation *op)
{
    return operation_fail(op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
}

/* Consents are for a licence's holder to decide about, or for the representative of the enterprise
 * that holds it. */
static enum step_result check_decider(struct operation *op, const struct registry_query *licence,
                                      enum problem not_found, enum registry_acting *acting)
{
    enum step_result checked = acting_check(op, licence, not_found, acting);
    bool decides = *acting == ACTING_HOLDER || *acting == ACTING_REPRESENTATIVE;
    return checked == STEP_NEXT && !decides ? operation_fail(op, not_found, NULL, NULL) : checked;
}

/* ---- how a consent is told ---- */

static void put_consent(struct buf *out, const struct gateway_loop *home,
                        const struct registry_consent *consent)
{
    const struct registry_client *partner =
        directory_client(home->directory, bytes_str(consent->partner));
    const struct policy_purpose *purpose =
        policy_purpose(home->settings->policy, bytes_str(consent->purpose));
    buf_put_u8(out, '{');
    json_put_id(out, "id", consent->id);
    json_put_id(out, "licence", consent->licence);
    buf_put_str(out, ",\"partner\":{");
    json_put_text(out, "client", bytes_str(consent->partner));
    json_put_text(out, "organisation",
                  partner ? bytes_str(partner->organisation) : (struct bytes){0});
    buf_put_str(out, "},\"purpose\":{");
    json_put_text(out, "name", bytes_str(consent->purpose));
    json_put_text(out, "title", purpose ? bytes_str(purpose->title) : (struct bytes){0});
    json_put_text(out, "title_en", purpose ? bytes_str(purpose->title_en) : (struct bytes){0});
    buf_put_u8(out, '}');
    json_put_fields(out, consent->fields);
    json_put_time(out, "since", consent->since);
    json_put_time(out, "until", consent->until);
    json_put_time(out, "withdrawn", consent->withdrawn);
    buf_put_u8(out, '}');
}

/* ---- giving ---- */

#define CONSENT_GIVE_STEPS(S)                                                                      \
    S(read_gift)   /* body                                              */                         \
    S(find_given)  /* the licence, by id                                */                         \
    S(check_gift)  /* the giver's to give? the partner's to have?       */                         \
    S(write_gift)  /* registry: committed before anything is told       */                         \
    S(settle_gift) /* its event is in the evidence log                 */                          \
    S(answer_gift)
#define GIVE_SHAPE                                                                                 \
    "{\"licence\": \"<id>\", \"partner\": \"...\", \"purpose\": \"...\", \"until\": "              \
    "\"2027-06-30\", "                                                                             \
    "\"fields\": [\"...\"]}, fields optional; until at most 366 days from today"

struct consent_give {
    struct operation op;
    struct bytes partner, purpose, until, names[FIELD_COUNT];
    size_t name_count;
    struct registry_consent consent;
    struct registry_query licence;
    enum registry_acting acting;
    struct commit commit;
};

static bool read_until(struct consent_give *g)
{
    int32_t day, today = civil_day_at(clock_wall_s());
    if (!civil_read_date(g->until, &day) || day < today || day > today + DAYS_MAX)
        return false;
    g->consent.until = civil_day_begins(day + 1);
    return true;
}

static bool read_fields(struct consent_give *g)
{
    for (size_t i = 0; i < g->name_count; i++) {
        enum field field;
        if (!field_read(g->names[i], &field))
            return false;
        g->consent.fields |= FIELD_BIT(field);
    }
    return true;
}

static enum step_result read_gift(struct consent_give *g)
{
    const struct body_member members[] = {
        {.name = "licence", .kind = BODY_ID, .id = g->consent.licence},
        {.name = "partner",
         .kind = BODY_TEXT,
         .bytes_max = ACCESS_ID_BYTES_MAX,
         .text = &g->partner},
        {.name = "purpose",
         .kind = BODY_TEXT,
         .bytes_max = ACCESS_PURPOSE_BYTES_MAX,
         .text = &g->purpose},
        {.name = "until", .kind = BODY_TEXT, .bytes_max = 10, .text = &g->until},
        {.name = "fields",
         .kind = BODY_OPTIONAL_TEXTS,
         .bytes_max = ACCESS_PURPOSE_BYTES_MAX,
         .list = g->names,
         .list_max = FIELD_COUNT,
         .list_count = &g->name_count},
    };
    enum step_result read =
        body_read(&g->op, members, sizeof members / sizeof *members, GIVE_SHAPE);
    if (read == STEP_NEXT && !(read_until(g) && read_fields(g)))
        return operation_fail(&g->op, PROBLEM_MALFORMED_BODY, NULL, GIVE_SHAPE);
    return read;
}

static enum step_result find_given(struct consent_give *g)
{
    memcpy(g->licence.id, g->consent.licence, sizeof g->licence.id);
    return acting_find_licence(&g->op, &g->licence);
}

/* Has the partner this purpose, and this type of licence? */
static bool partner_may_have(const struct consent_give *g)
{
    const struct gateway_loop *home = g->op.home;
    const struct registry_client *partner = directory_client(home->directory, g->partner);
    return partner && client_is_open(partner, TOKEN_ROLE_PARTNER, clock_wall_s()) &&
           client_has_purpose(partner, g->purpose) &&
           client_has_type(partner, g->licence.licence.type_code) &&
           policy_purpose(home->settings->policy, g->purpose);
}

static enum step_result check_gift(struct consent_give *g)
{
    struct registry_consent *consent = &g->consent;
    enum step_result checked =
        check_decider(&g->op, &g->licence, PROBLEM_LICENCE_NOT_FOUND, &g->acting);
    if (checked != STEP_NEXT)
        return checked;
    if (!partner_may_have(g))
        return operation_fail(&g->op, PROBLEM_PURPOSE_NOT_ALLOWED, NULL,
                              "no partner of this name has this purpose and this type of licence");
    const struct policy_rule *rule = policy_find(
        g->op.home->settings->policy, g->licence.licence.type_code, TOKEN_ROLE_PARTNER, g->purpose);
    if (g->name_count == 0)
        consent->fields = rule->fields;
    if (consent->fields & ~rule->fields)
        return operation_fail(&g->op, PROBLEM_MALFORMED_BODY, NULL,
                              "fields that the policy does not show for this purpose");
    body_copy(consent->partner, sizeof consent->partner, g->partner);
    body_copy(consent->purpose, sizeof consent->purpose, g->purpose);
    return STEP_NEXT;
}

static enum step_result write_gift(struct consent_give *g)
{
    g->consent.since = clock_wall_s();
    g->commit.change = (struct registry_change){
        .kind = CHANGE_CONSENT_GIVE, .consent = &g->consent, .now = g->consent.since};
    g->commit.change.actor.acting = (uint8_t)g->acting;
    memcpy(g->commit.change.holder, g->licence.licence.holder_id, sizeof g->commit.change.holder);
    return commit_submit(&g->commit, &g->op);
}

static enum step_result settle_gift(struct consent_give *g)
{
    if (g->commit.change.error == REGISTRY_ERR_NOT_FOUND)
        return operation_fail(&g->op, PROBLEM_LICENCE_NOT_FOUND, NULL, NULL);
    if (g->commit.change.error != REGISTRY_OK)
        return unavailable(&g->op);
    memcpy(g->consent.id, g->commit.change.id, sizeof g->consent.id);
    return commit_settle(&g->commit);
}

static enum step_result answer_gift(struct consent_give *g)
{
    struct buf body;
    buf_init(&body, http_room(g->op.http, CONSENT_JSON_BYTES_MAX), CONSENT_JSON_BYTES_MAX);
    put_consent(&body, g->op.home, &g->consent);
    CHECK(buf_ok(&body));
    return operation_answer_json(&g->op, 201, buf_bytes(&body));
}

FLOW_DEFINE(consent_give, CONSENT_GIVE_STEPS);

/* ---- the list ---- */

#define CONSENT_LIST_STEPS(S) S(list_consents) /* newest first, past ones too */

struct consent_list {
    struct operation op;
    struct buf body;
    size_t count;
};

static void list_one(void *context, const struct registry_consent *consent)
{
    struct consent_list *l = context;
    if (l->count++ > 0)
        buf_put_u8(&l->body, ',');
    put_consent(&l->body, l->op.home, consent);
}

static enum step_result list_consents(struct consent_list *l)
{
    const size_t room = LIST_MAX * CONSENT_JSON_BYTES_MAX;
    uint8_t person[REGISTRY_ID_BYTES];
    if (!operation_person(&l->op, person))
        return operation_fail(&l->op, PROBLEM_FORBIDDEN, NULL, NULL);
    buf_init(&l->body, http_room(l->op.http, room), room);
    buf_put_str(&l->body, "{\"consents\":[");
    enum registry_error error =
        registry_consents(l->op.home->reader, person, clock_wall_s(), LIST_MAX, list_one, l);
    if (error != REGISTRY_OK || atomic_load(&l->op.home->gateway->registry_behind))
        return unavailable(&l->op);
    buf_put_str(&l->body, l->count == LIST_MAX ? "],\"more\":true}" : "],\"more\":false}");
    CHECK(buf_ok(&l->body));
    return operation_answer_json(&l->op, 200, buf_bytes(&l->body));
}

FLOW_DEFINE(consent_list, CONSENT_LIST_STEPS);

/* ---- withdrawing ---- */

#define CONSENT_WITHDRAW_STEPS(S)                                                                  \
    S(find_consent)     /* among those of the asker's licences  */                                 \
    S(find_withdrawn)   /* its licence, by id                   */                                 \
    S(write_withdrawal) /* registry                             */                                 \
    S(settle_withdrawal)                                                                           \
    S(answer_withdrawal)

struct consent_withdraw {
    struct operation op;
    uint8_t id[REGISTRY_ID_BYTES];
    bool found;
    struct registry_consent consent;
    struct registry_query licence;
    enum registry_acting acting;
    struct commit commit;
};

static void look_for(void *context, const struct registry_consent *consent)
{
    struct consent_withdraw *w = context;
    if (memcmp(consent->id, w->id, sizeof w->id) == 0) {
        w->consent = *consent;
        w->found = true;
    }
}

static enum step_result find_consent(struct consent_withdraw *w)
{
    struct buf id = BUF_OVER(w->id);
    uint8_t person[REGISTRY_ID_BYTES];
    enum registry_error error = REGISTRY_OK;
    if (operation_person(&w->op, person) && buf_put_from_hex(&id, w->op.rest) &&
        id.len == sizeof w->id)
        error =
            registry_consents(w->op.home->reader, person, clock_wall_s(), KNOWN_MAX, look_for, w);
    if (error != REGISTRY_OK || atomic_load(&w->op.home->gateway->registry_behind))
        return unavailable(&w->op);
    if (!w->found || w->consent.withdrawn)
        return operation_fail(&w->op, PROBLEM_CONSENT_NOT_FOUND, NULL, NULL);
    return STEP_NEXT;
}

static enum step_result find_withdrawn(struct consent_withdraw *w)
{
    memcpy(w->licence.id, w->consent.licence, sizeof w->licence.id);
    return acting_find_licence(&w->op, &w->licence);
}

static enum step_result write_withdrawal(struct consent_withdraw *w)
{
    enum step_result checked =
        check_decider(&w->op, &w->licence, PROBLEM_CONSENT_NOT_FOUND, &w->acting);
    if (checked != STEP_NEXT)
        return checked;
    w->commit.change = (struct registry_change){.kind = CHANGE_CONSENT_WITHDRAW};
    w->commit.change.actor.acting = (uint8_t)w->acting;
    memcpy(w->commit.change.id, w->id, sizeof w->id);
    return commit_submit(&w->commit, &w->op);
}

static enum step_result settle_withdrawal(struct consent_withdraw *w)
{
    enum registry_error error = w->commit.change.error;
    if (error == REGISTRY_ERR_NOT_FOUND || error == REGISTRY_ERR_REFUSED) /* just before us */
        return operation_fail(&w->op, PROBLEM_CONSENT_NOT_FOUND, NULL, NULL);
    if (error != REGISTRY_OK)
        return unavailable(&w->op);
    return commit_settle(&w->commit);
}

static enum step_result answer_withdrawal(struct consent_withdraw *w)
{
    return operation_answer(&w->op, 204, NULL, BYTES(""), NULL, 0);
}

FLOW_DEFINE(consent_withdraw, CONSENT_WITHDRAW_STEPS);
