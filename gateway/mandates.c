/* POST, GET and DELETE /v1/mandates: who acts for whom. A holder entrusts one of his licences; the
 * legal representative of an enterprise appoints agents, for the licences of the issuer that named
 * him. */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/acting.h"
#include "gateway/body.h"
#include "gateway/commit.h"
#include "gateway/face.h"
#include "gateway/json.h"
#include "gateway/quota.h"
#include "protocol/identifier.h"

#define NAMINGS_PER_HOUR 20 /* of somebody by name and number, right or wrong, by one person */
#define HOUR_S           3600

/* Its first members; `licence` NULL: an enterprise's, of an issuer or all. */
static void put_mandate(struct buf *out, const uint8_t id[REGISTRY_ID_BYTES],
                        enum registry_acting acting, const uint8_t *licence)
{
    json_put_id(out, "id", id);
    json_put_text(out, "acting", bytes_str(registry_acting_text(acting)));
    if (licence)
        json_put_id(out, "licence", licence);
    else
        json_put_text(out, "licence", (struct bytes){0});
}

/* ---- what giving and ending have in common ---- */

/* After the commit. */
static enum step_result settle_change(struct commit *commit, enum problem not_found)
{
    struct operation *op = commit->op;
    switch (commit->change.error) {
    case REGISTRY_OK:
        return commit_settle(commit);
    case REGISTRY_ERR_NOT_FOUND: /* it went in the meantime */
        return operation_fail(op, not_found, NULL, NULL);
    case REGISTRY_ERR_REFUSED:
        return operation_fail(op, PROBLEM_MALFORMED_BODY, NULL, commit->change.refusal);
    default:
        return operation_fail(op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    }
}

/* ---- POST ---- */

#define GIVE_STEPS(S)                                                                              \
    S(read_request)  /* body -> licence, to whom, until when  */                                   \
    S(find_licence)  /* the registry, by id                   */                                   \
    S(check_licence) /* is it the asker's to entrust?         */                                   \
    S(count_naming)  /* who names many may be guessing: Redis */                                   \
    S(find_person)   /* the registry: is there such a person? */                                   \
    S(commit)        /* the registry's writer                 */                                   \
    S(settle)        /* evidence before answer                */                                   \
    S(answer)

struct mandate_give {
    struct operation op;
    uint8_t licence[REGISTRY_ID_BYTES];
    struct bytes person_name, person_number, until_text;
    int64_t until;
    struct registry_query query;
    enum registry_acting acting; /* as what the other will act */
    struct quota namings;
    struct registry_licences_query person;
    bool person_known; /* of that name too */
    struct commit given;
};

static enum step_result read_request(struct mandate_give *g)
{
    static const char shape[] =
        "{\"licence\": id, \"person_name\": ..., \"person_number\": citizen number, \"until\": "
        "RFC 3339 time to come, or none}";
    const struct body_member members[] = {
        {.name = "licence", .kind = BODY_ID, .id = g->licence},
        {.name = "person_name", .bytes_max = REGISTRY_TEXT_BYTES_MAX, .text = &g->person_name},
        {.name = "person_number",
         .bytes_max = REGISTRY_NUMBER_BYTES_MAX,
         .text = &g->person_number},
        {.name = "until", .kind = BODY_OPTIONAL, .bytes_max = 64, .text = &g->until_text},
    };
    enum step_result result = body_read(&g->op, members, sizeof members / sizeof *members, shape);
    if (result == STEP_NEXT && g->until_text.data &&
        !(civil_read_timestamp(g->until_text, &g->until) && g->until > clock_wall_s()))
        return operation_fail(&g->op, PROBLEM_MALFORMED_BODY, NULL, shape);
    return result;
}

/* ---- find_licence, check_licence ---- */

static enum step_result find_licence(struct mandate_give *g)
{
    memcpy(g->query.id, g->licence, sizeof g->query.id);
    return acting_find_licence(&g->op, &g->query);
}

/* What is not his to entrust is told like what is not there. */
static enum step_result check_licence(struct mandate_give *g)
{
    const enum registry_holder_kind kind = g->query.licence.holder_kind;
    enum registry_acting acting;
    enum step_result checked = acting_check(&g->op, &g->query, PROBLEM_LICENCE_NOT_FOUND, &acting);
    if (checked != STEP_NEXT)
        return checked;
    if (acting == ACTING_HOLDER && kind == HOLDER_PERSON)
        g->acting = ACTING_ENTRUSTED;
    else if (acting == ACTING_REPRESENTATIVE && kind == HOLDER_ENTERPRISE)
        g->acting = ACTING_AGENT;
    else
        return operation_fail(&g->op, PROBLEM_LICENCE_NOT_FOUND, NULL, NULL);
    return STEP_NEXT;
}

/* ---- count_naming, find_person ---- */

/* Before the person is looked for: of guesses that come all at once only so many are answered. */
static enum step_result count_naming(struct mandate_give *g)
{
    return quota_take_of(&g->namings, &g->op, "persons", NAMINGS_PER_HOUR, HOUR_S, 1);
}

static void compare_name(struct registry_licences_query *query,
                         const struct registry_licence *licence, enum registry_acting acting)
{
    struct mandate_give *g = query->context;
    (void)acting;
    g->person_known |=
        licence->holder_kind == HOLDER_PERSON && bytes_equal(licence->holder_name, g->person_name);
}

/* That the number or the name is wrong is told alike. */
static enum step_result check_person(struct mandate_give *g)
{
    enum registry_error error = g->person.error;
    if ((error != REGISTRY_OK && error != REGISTRY_ERR_NOT_FOUND) ||
        atomic_load(&g->op.home->gateway->registry_behind))
        return operation_fail(&g->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    return g->person_known ? STEP_NEXT
                           : operation_fail(&g->op, PROBLEM_PERSON_NOT_FOUND, NULL, NULL);
}

static void person_found_later(struct registry_licences_query *query)
{
    struct mandate_give *g = query->context;
    if (check_person(g) == STEP_NEXT)
        operation_resume(&g->op);
}

static enum step_result find_person(struct mandate_give *g)
{
    struct registry_reader *reader = g->op.home->reader;
    g->op.untimed = true; /* a name takes longer to compare than a number that is not there */
    char number[CITIZEN_NUMBER_BYTES];
    if (g->namings.result == QUOTA_EMPTY) {
        g->op.retry_after_s = quota_wait_s(&g->namings);
        return operation_fail(&g->op, PROBLEM_TOO_MANY_REFUSALS, NULL, NULL);
    }
    if (g->namings.result != QUOTA_OPEN)
        return operation_fail(&g->op, PROBLEM_QUOTA_UNAVAILABLE, NULL, NULL);
    g->person.by = LICENCES_OF_HOLDER;
    g->person.each = compare_name;
    g->person.done = person_found_later;
    g->person.context = g;
    g->person.error = REGISTRY_ERR_NOT_FOUND;
    if (citizen_number_read(g->person_number, number) == IDENTIFIER_OK)
        g->person.error =
            registry_holder_id(reader, bytes_of(number, sizeof number), g->person.holder_id);
    if (g->person.error == REGISTRY_OK &&
        registry_find_licences(reader, &g->person) == REGISTRY_LATER)
        return STEP_WAIT;
    return check_person(g);
}

/* ---- commit, record, answer ---- */

static enum step_result commit(struct mandate_give *g)
{
    struct registry_change *change = &g->given.change;
    change->kind = g->acting == ACTING_ENTRUSTED ? CHANGE_ENTRUST : CHANGE_AGENT_GRANT;
    memcpy(change->licence, g->licence, sizeof change->licence);
    if (g->acting == ACTING_AGENT) /* no further than he represents it */
        change->issuer = g->query.licence.issuer_code;
    memcpy(change->holder, g->query.licence.holder_id, sizeof change->holder);
    memcpy(change->agent, g->person.holder_id, sizeof change->agent);
    change->until = g->until;
    change->actor.acting = (uint8_t)g->acting;
    change->actor.purpose = BYTES("given");
    return commit_submit(&g->given, &g->op);
}

static enum step_result settle(struct mandate_give *g)
{
    return settle_change(&g->given, PROBLEM_LICENCE_NOT_FOUND);
}

static enum step_result answer(struct mandate_give *g)
{
    struct buf body;
    buf_init(&body, http_room(g->op.http, 256), 256);
    buf_put_u8(&body, '{');
    put_mandate(&body, g->given.change.id, g->acting,
                g->acting == ACTING_ENTRUSTED ? g->licence : NULL);
    json_put_time(&body, "until", g->until);
    buf_put_u8(&body, '}');
    CHECK(buf_ok(&body));
    return operation_answer_json(&g->op, 201, buf_bytes(&body));
}

FLOW_DEFINE(mandate_give, GIVE_STEPS);

/* ---- GET ---- */

#define LIST_STEPS(S) S(answer_list) /* the registry: given first */

#define LIST_BYTES_MAX    (256 * 1024) /* a hundred are about 30 KiB */
#define MANDATE_BYTES_MAX (3 * 2 * REGISTRY_TEXT_BYTES_MAX + 384)

struct mandate_list {
    struct operation op;
    uint8_t person[REGISTRY_ID_BYTES];
    struct buf body;
    size_t count;
    bool received; /* those given are over */
};

/* Those of the authorities are theirs to end: representatives, guardians, and of agents those for
 * all of an enterprise, which is more than any representative has. */
static bool may_end(const struct registry_mandate *mandate, bool asker_gives,
                    const uint8_t person[REGISTRY_ID_BYTES])
{
    bool is_agent = memcmp(mandate->agent, person, REGISTRY_ID_BYTES) == 0;
    if (mandate->acting == ACTING_AGENT)
        return is_agent || (asker_gives && mandate->issuer_name.len);
    return mandate->acting == ACTING_ENTRUSTED && (asker_gives || is_agent);
}

static void put_name(struct buf *out, const char *name, struct bytes of,
                     enum registry_holder_kind kind)
{
    uint8_t storage[REGISTRY_TEXT_BYTES_MAX];
    struct buf masked = BUF_OVER(storage);
    face_write_masked_name(&masked, of, kind);
    json_put_text(out, name, buf_bytes(&masked));
}

static void end_of_given(struct mandate_list *l)
{
    if (!l->received)
        buf_put_str(&l->body, "],\"received\":[");
    l->received = true;
}

static void add_mandate(void *context, const struct registry_mandate *mandate, bool asker_gives)
{
    struct mandate_list *l = context;
    struct buf *body = &l->body;
    if (!asker_gives)
        end_of_given(l);
    l->count++;
    if (body->cap - body->len < MANDATE_BYTES_MAX) {
        l->count = ACCESS_MANDATES_MAX;
        return;
    }
    if (body->data[body->len - 1] == '}')
        buf_put_u8(body, ',');
    buf_put_u8(body, '{');
    put_mandate(body, mandate->id, mandate->acting, mandate->has_licence ? mandate->licence : NULL);
    json_put_text(body, "issuer",
                  mandate->issuer_name.len ? mandate->issuer_name : (struct bytes){0});
    put_name(body, "for", mandate->giver_name, mandate->giver_kind);
    put_name(body, "agent", mandate->agent_name, HOLDER_PERSON);
    json_put_time(body, "since", mandate->since);
    json_put_time(body, "until", mandate->until);
    json_put_bool(body, "yours", may_end(mandate, asker_gives, l->person));
    buf_put_u8(body, '}');
}

static enum step_result answer_list(struct mandate_list *l)
{
    struct gateway_loop *home = l->op.home;
    if (!operation_person(&l->op, l->person))
        return operation_fail(&l->op, PROBLEM_FORBIDDEN, NULL, NULL);
    buf_init(&l->body, http_room(l->op.http, LIST_BYTES_MAX), LIST_BYTES_MAX);
    buf_put_str(&l->body, "{\"given\":[");
    if (registry_mandates(home->reader, l->person, clock_wall_s(), add_mandate, l) != REGISTRY_OK ||
        atomic_load(&home->gateway->registry_behind))
        return operation_fail(&l->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    end_of_given(l);
    buf_put_str(&l->body,
                l->count >= ACCESS_MANDATES_MAX ? "],\"more\":true}" : "],\"more\":false}");
    CHECK(buf_ok(&l->body));
    return operation_answer_json(&l->op, 200, buf_bytes(&l->body));
}

FLOW_DEFINE(mandate_list, LIST_STEPS);

/* ---- DELETE ---- */

#define END_STEPS(S)                                                                               \
    S(find_mandate) /* the registry: is it his to end? */                                          \
    S(commit_end)   /* the registry's writer           */                                          \
    S(settle_end)   /* evidence before answer          */                                          \
    S(answer_end)

struct mandate_end {
    struct operation op;
    uint8_t person[REGISTRY_ID_BYTES];
    bool found;
    enum registry_acting acting;
    struct commit ended; /* its id is the mandate's */
};

static void compare_mandate(void *context, const struct registry_mandate *mandate, bool asker_gives)
{
    struct mandate_end *e = context;
    if (memcmp(mandate->id, e->ended.change.id, sizeof mandate->id) != 0 ||
        !may_end(mandate, asker_gives, e->person))
        return;
    e->found = true;
    e->acting = mandate->acting;
}

static enum step_result find_mandate(struct mandate_end *e)
{
    struct gateway_loop *home = e->op.home;
    struct buf id = BUF_OVER(e->ended.change.id);
    if (!operation_person(&e->op, e->person) || !buf_put_from_hex(&id, e->op.rest) ||
        id.len != sizeof e->ended.change.id)
        return operation_fail(&e->op, PROBLEM_MANDATE_NOT_FOUND, NULL, NULL);
    if (registry_mandates(home->reader, e->person, clock_wall_s(), compare_mandate, e) !=
            REGISTRY_OK ||
        atomic_load(&home->gateway->registry_behind))
        return operation_fail(&e->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    return e->found ? STEP_NEXT : operation_fail(&e->op, PROBLEM_MANDATE_NOT_FOUND, NULL, NULL);
}

static enum step_result commit_end(struct mandate_end *e)
{
    e->ended.change.kind = CHANGE_MANDATE_END;
    e->ended.change.actor.acting = (uint8_t)e->acting;
    e->ended.change.actor.purpose = BYTES("ended");
    return commit_submit(&e->ended, &e->op);
}

static enum step_result settle_end(struct mandate_end *e)
{
    return settle_change(&e->ended, PROBLEM_MANDATE_NOT_FOUND);
}

static enum step_result answer_end(struct mandate_end *e)
{
    return operation_answer(&e->op, 204, NULL, BYTES(""), NULL, 0);
}

FLOW_DEFINE(mandate_end, END_STEPS);
