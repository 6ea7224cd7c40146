/* POST /v1/inspections/lookups: an inspector looks licences up that nobody displayed, for a holder
 * whose phone is dead or whose licence is seized. With a case and a reason, which evidence keeps;
 * counted per person, and reported above a rate, but always answered: it may be his duty. */
#include "base/check.h"
#include "gateway/body.h"
#include "gateway/log.h"
#include "gateway/quota.h"
#include "gateway/shown.h"
#include "registry/personal.h"

#define LOOKUP_STEPS(S)                                                                            \
    S(read_request)  /* body -> whose or which, case, reason         */                            \
    S(count_lookup)  /* per person: a trip to Redis                  */                            \
    S(find_licences) /* the registry: of types that are the terminal's */                          \
    S(record)        /* evidence before answer: one for each licence */                            \
    S(answer)

/* Why somebody looks without a code. A closed list, so that no name gets into evidence. */
#define LOOKUP_REASONS(R)                                                                          \
    R("phone_unavailable")                                                                         \
    R("licence_seized")                                                                            \
    R("accident")                                                                                  \
    R("complaint")                                                                                 \
    R("inspection_plan")

#define REASON_BYTES_MAX    32
#define LOOKUPS_COUNTED_S   3600
#define LOOKUP_ANSWER_BYTES 16 /* beside the licences */

struct lookup {
    struct operation op;
    struct bytes licence_number, holder_number, type, case_number, reason;
    struct quota count;
    struct shown shown;
};

static bool is_reason(struct bytes word)
{
#define R(text) BYTES(text),
    static const struct bytes reasons[] = {LOOKUP_REASONS(R)};
#undef R
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (bytes_equal(reasons[i], word))
            return true;
    return false;
}

/* What can be seen of that before anything was found. */
static bool case_names_somebody(const struct lookup *l)
{
    return personal_number_in(l->case_number) ||
           personal_word_in(l->case_number, l->holder_number) ||
           personal_word_in(l->case_number, l->licence_number);
}

static enum step_result read_request(struct lookup *l)
{
#define R(text) " " text
    static const char shape[] =
        "{\"licence_number\" or \"holder_number\": ..., \"type\": code or none, \"case_number\": "
        "..., \"reason\": one of" LOOKUP_REASONS(R) "}";
#undef R
    const struct body_member members[] = {
        {.name = "licence_number",
         .kind = BODY_OPTIONAL,
         .bytes_max = REGISTRY_TEXT_BYTES_MAX,
         .text = &l->licence_number},
        {.name = "holder_number",
         .kind = BODY_OPTIONAL,
         .bytes_max = REGISTRY_TEXT_BYTES_MAX,
         .text = &l->holder_number},
        {.name = "type",
         .kind = BODY_OPTIONAL,
         .bytes_max = REGISTRY_CODE_BYTES_MAX,
         .text = &l->type},
        {.name = "case_number", .bytes_max = JOURNAL_TEXT_BYTES_MAX, .text = &l->case_number},
        {.name = "reason", .bytes_max = REASON_BYTES_MAX, .text = &l->reason},
    };
    enum step_result result = body_read(&l->op, members, sizeof members / sizeof *members, shape);
    if (result != STEP_NEXT)
        return result;
    if (!l->licence_number.data == !l->holder_number.data || !is_reason(l->reason))
        return operation_fail(&l->op, PROBLEM_MALFORMED_BODY, NULL, shape);
    return case_names_somebody(l)
               ? operation_fail(&l->op, PROBLEM_MALFORMED_BODY, NULL, PERSONAL_CASE_TOLD)
               : STEP_NEXT;
}

/* ---- count_lookup ---- */

static enum step_result count_lookup(struct lookup *l)
{
    const struct config *config = l->op.home->settings->config;
    count(&l->op.home->counters.lookups);
    return quota_take_of(&l->count, &l->op, "lookups", (unsigned)config->lookups_alert_per_hour,
                         LOOKUPS_COUNTED_S, 1);
}

/* One that could not be counted is reported too: it may be above the limit. */
static void report(const struct lookup *l)
{
    if (l->count.result == QUOTA_OPEN)
        return;
    count(&l->op.home->counters.lookup_alerts);
    log_event(LOG_WARNING,
              l->count.result == QUOTA_EMPTY ? "lookups above the limit"
                                             : "a lookup could not be counted",
              LOG_TEXT("agency", l->op.client->organisation),
              LOG_TEXT("terminal", l->op.client->id), LOG_ID("request", l->op.id));
}

static enum step_result find_licences(struct lookup *l)
{
    struct shown *shown = &l->shown;
    report(l);
    shown->any_type = !l->type.data;
    shown->types[0] = l->type;
    shown->type_count = 1;
    shown->purpose = BYTES(PURPOSE_LOOKUP);
    shown->allowed = FIELDS_ALL;
    shown->text = l->case_number;
    return l->holder_number.data ? shown_find_holder(shown, &l->op, l->holder_number)
                                 : shown_find_number(shown, &l->op, l->licence_number);
}

/* ---- record, answer ---- */

/* That it is refused tells whoever tries names that one was right: so only who is competent for one
 * of the licences is told, and evidence has it. */
static bool is_refused(const struct lookup *l)
{
    return l->shown.named && l->shown.count;
}

static enum step_result record(struct lookup *l)
{
    struct journal_record record = {.kind = JOURNAL_LOOKUP,
                                    .purpose = l->reason,
                                    .reference = l->shown.named ? BYTES("") : l->case_number};
    for (size_t i = 0; is_refused(l) && i < l->shown.count; i++) {
        l->shown.about[i].fields = 0;
        l->shown.about[i].reason = REASON_NONE;
        l->shown.about[i].result = RESULT_INVALID;
    }
    return shown_record(&l->shown, &record);
}

static enum step_result answer(struct lookup *l)
{
    struct buf out;
    if (!l->op.recorded)
        return operation_fail(&l->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    if (!l->shown.known)
        return operation_fail(&l->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    if (is_refused(l))
        return operation_fail(&l->op, PROBLEM_MALFORMED_BODY, NULL, PERSONAL_CASE_TOLD);
    size_t room = SHOWN_JSON_BYTES(&l->shown) + LOOKUP_ANSWER_BYTES;
    buf_init(&out, http_room(l->op.http, room), room);
    buf_put_u8(&out, '{');
    shown_write(&l->shown, &out);
    buf_put_u8(&out, '}');
    CHECK(buf_ok(&out));
    return operation_answer_json(&l->op, 200, buf_bytes(&out));
}

FLOW_DEFINE(lookup, LOOKUP_STEPS);
