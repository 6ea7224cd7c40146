/* POST /v1/enforcement/actions: an inspector seizes or withdraws a licence, asks its authority to
 * cancel it, or restores what his case holds. The answer leaves when that binds everywhere and its
 * event is in the evidence log. */
#include "gateway/enforcement.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "gateway/action_receipts.h"
#include "gateway/body.h"
#include "gateway/commit.h"
#include "gateway/face.h"
#include "gateway/json.h"
#include "gateway/named.h"
#include "registry/personal.h"

#define KEY_BYTES_MIN  8
#define KEY_BYTES_MAX  64
#define WORD_BYTES_MAX 16
#define HEX_BYTES      (2 * CRYPTO_HASH_BYTES)
#define RECEIPT_TEXT   (ACTION_RECEIPT_BYTES_MAX / 3 * 4 + 4)
#define ANSWER_ROOM    (ENFORCEMENT_JSON_MAX + FACE_JSON_BYTES_MAX + RECEIPT_TEXT + 128)
#define SHAPE                                                                                      \
    "{\"licence\": id, number or identifier, or \"code\": ..., \"action\": seize, withdraw, "      \
    "request_cancel or restore, \"case_number\": ..., \"reason\": ..., \"evidence_hash\": 64 hex " \
    "digits or none}; the case number has nothing invisible in it, and no space around it"

#define PLACE_STEPS(S)                                                                             \
    S(read_action)   /* key, body -> what to do, to which licence       */                         \
    S(find_licence)  /* the registry                                    */                         \
    S(check_licence) /* is there one, is the terminal competent for it? */                         \
    S(commit_action) /* the registry's writer, with hold and event      */                         \
    S(settle)        /* it binds everywhere, and is in the log          */                         \
    S(record)        /* what of the licence is shown                    */                         \
    S(sign_receipt)  /* without one the action holds all the same       */                         \
    S(answer_place)

struct action_place {
    struct operation op;
    struct named named;
    struct bytes word, case_number, reason, evidence_hash;
    struct registry_action action;
    struct commit commit;
    struct buf shown; /* the answer's `licence` */
    uint32_t fields;  /* set of those in it */
    struct action_receipt_signing *receipt;
    bool names_somebody; /* the case number does */
};

static bool is_key(struct bytes key)
{
    bool printable = true;
    for (size_t i = 0; i < key.len; i++)
        printable &= key.data[i] >= 0x20 && key.data[i] <= 0x7E;
    return printable && key.len >= KEY_BYTES_MIN && key.len <= KEY_BYTES_MAX;
}

/* A key is its terminal's: two that happen to use the same one do not meet. Neither has a NUL. */
static bool hash_key(const struct action_place *p, struct bytes key, uint8_t hash[])
{
    const struct bytes parts[] = {BYTES("jwb-action-key-1"), p->op.asker.client, bytes_of("", 1),
                                  key};
    return crypto_openssl.sha256(parts, sizeof parts / sizeof *parts, hash) == CRYPTO_OK;
}

/* The members in a fixed order, each with its length: white space, order and escapes of the JSON do
 * not make another body of the same request. Another officer does: nobody is told that he did what
 * a colleague did. */
static bool hash_body(const struct action_place *p, uint8_t hash[])
{
    const struct bytes members[] = {p->op.asker.subject, p->named.code, p->named.licence, p->word,
                                    p->case_number,      p->reason,     p->evidence_hash};
    const size_t count = sizeof members / sizeof *members;
    uint8_t storage[4 * sizeof members / sizeof *members];
    struct buf lengths = BUF_OVER(storage);
    struct bytes parts[2 + sizeof members / sizeof *members] = {BYTES("jwb-action-body-1")};
    for (size_t i = 0; i < count; i++) {
        buf_put_u32be(&lengths, members[i].data ? (uint32_t)members[i].len : UINT32_MAX);
        parts[2 + i] = members[i];
    }
    parts[1] = buf_bytes(&lengths);
    return crypto_openssl.sha256(parts, 2 + count, hash) == CRYPTO_OK;
}

/* Whoever types it again, to restore, must hit the same: nothing that is not seen. */
static bool is_case_number(struct bytes text)
{
    return utf8_plain(text) && bytes_trim(text).len == text.len;
}

/* False: not one of the words, no case number, or no hash. */
static bool make_action(struct action_place *p)
{
    struct registry_action *action = &p->action;
    const struct bytes subject = p->op.asker.subject;
    struct buf hash = BUF_OVER(action->evidence_hash);
    action->has_evidence = p->evidence_hash.data != NULL;
    if (!action_kind_read(p->word, &action->kind) || !is_case_number(p->case_number) ||
        (action->has_evidence &&
         (p->evidence_hash.len != HEX_BYTES || !buf_put_from_hex(&hash, p->evidence_hash))))
        return false;
    body_copy(action->agency, sizeof action->agency, enforcement_agency(subject));
    body_copy(action->officer, sizeof action->officer, subject);
    body_copy(action->terminal, sizeof action->terminal, p->op.asker.client);
    body_copy(action->case_number, sizeof action->case_number, p->case_number);
    body_copy(action->reason, sizeof action->reason, p->reason);
    return true;
}

static enum step_result read_action(struct action_place *p)
{
    const struct body_member members[] = {
        NAMED_MEMBERS(&p->named),
        {.name = "action", .bytes_max = WORD_BYTES_MAX, .text = &p->word},
        {.name = "case_number", .bytes_max = REGISTRY_CASE_BYTES_MAX, .text = &p->case_number},
        {.name = "reason", .bytes_max = ACTION_REASON_BYTES_MAX, .text = &p->reason},
        {.name = "evidence_hash",
         .kind = BODY_OPTIONAL,
         .bytes_max = HEX_BYTES,
         .text = &p->evidence_hash},
    };
    const struct bytes key = http_header(p->op.http, "idempotency-key");
    if (!is_key(key))
        return operation_fail(&p->op, PROBLEM_KEY_MISSING, NULL, NULL);
    enum step_result read = body_read(&p->op, members, sizeof members / sizeof *members, SHAPE);
    if (read != STEP_NEXT)
        return read;
    if (!make_action(p))
        return operation_fail(&p->op, PROBLEM_MALFORMED_BODY, NULL, SHAPE);
    if (!hash_key(p, key, p->action.key) || !hash_body(p, p->action.body))
        return operation_fail(&p->op, PROBLEM_OURS, NULL, NULL);
    return named_read(&p->named, &p->op, SHAPE);
}

static enum step_result find_licence(struct action_place *p)
{
    return named_find(&p->named);
}

/* ---- check_licence ---- */

static struct journal_record attempt(const struct action_place *p, enum verdict_result result)
{
    struct journal_record record = {
        .kind = JOURNAL_ACTION,
        .result = (uint8_t)result,
        .acting = JOURNAL_ACTING_NONE,
        .fields = p->fields,
        .purpose = p->word,
        .reference = p->names_somebody ? BYTES("") : p->case_number,
    };
    operation_about(&record, &p->named.query.licence);
    return record;
}

/* Of a licence that there is, evidence says who tried what. */
static enum step_result refuse(struct action_place *p, enum problem problem)
{
    struct journal_record record = attempt(p, RESULT_INVALID);
    return operation_refuse_recorded(&p->op, &record, problem, NULL, NULL);
}

/* What was placed under such a number before has to end under it. */
static bool is_misnamed(const struct action_place *p)
{
    return p->names_somebody && p->action.kind != ACTION_RESTORE;
}

/* A case number that names somebody is refused, which tells whoever tries numbers and names that
 * one was right: so only who is competent is told, and evidence has it. */
static enum step_result check_licence(struct action_place *p)
{
    enum step_result checked = named_check(&p->named, PROBLEM_NO_LICENCE);
    if (checked != STEP_NEXT)
        return checked;
    p->names_somebody = personal_number_in(p->case_number) ||
                        personal_licence_in(p->case_number, &p->named.query.licence);
    if (!client_has_type(p->op.client, p->named.query.licence.type_code))
        return refuse(p, PROBLEM_TYPE_NOT_ALLOWED);
    if (!is_misnamed(p))
        return STEP_NEXT;
    struct journal_record record = attempt(p, RESULT_INVALID);
    return operation_record(&p->op, &record);
}

/* ---- commit_action, settle ---- */

/* The end of the last day on which the authority may answer. */
static int64_t due_at(const struct settings *settings)
{
    return civil_day_begins(
        calendar_add_working_days(settings->calendar, civil_day_at(clock_wall_s()),
                                  (unsigned)settings->config->enforcement_due_days) +
        1);
}

static enum step_result commit_action(struct action_place *p)
{
    const struct registry_licence *licence = &p->named.query.licence;
    if (is_misnamed(p) && !p->op.recorded)
        return operation_fail(&p->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    if (is_misnamed(p))
        return operation_fail(&p->op, PROBLEM_MALFORMED_BODY, NULL, PERSONAL_CASE_TOLD);
    memcpy(p->action.licence, licence->id, sizeof p->action.licence);
    if (p->action.kind == ACTION_REQUEST_CANCEL)
        p->action.due_at = due_at(p->op.home->settings);
    p->commit.change = (struct registry_change){.kind = CHANGE_ACT, .action = &p->action};
    memcpy(p->commit.change.licence, licence->id, sizeof p->commit.change.licence);
    return commit_submit(&p->commit, &p->op);
}

static enum step_result settle(struct action_place *p)
{
    switch (p->commit.change.error) {
    case REGISTRY_OK:
        break;
    case REGISTRY_ERR_NOT_FOUND: /* the licence was there a moment ago */
        return refuse(p, PROBLEM_HOLD_NOT_FOUND);
    case REGISTRY_ERR_REFUSED:
        return refuse(p, p->commit.change.refusal == action_key_reused ? PROBLEM_KEY_REUSED
                                                                       : PROBLEM_HOLD_EXISTS);
    default:
        return operation_fail(&p->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    }
    p->commit.change.event = p->action.event; /* also of a repeated one */
    return commit_settle(&p->commit);
}

/* ---- record, answer ---- */

static enum step_result record(struct action_place *p)
{
    const struct registry_licence *licence = &p->named.query.licence;
    const struct face face = face_of_licence(licence);
    const struct policy_rule *rule = policy_find(p->op.home->settings->policy, licence->type_code,
                                                 TOKEN_ROLE_INSPECTOR, BYTES(PURPOSE_INSPECTION));
    buf_init(&p->shown, http_room(p->op.http, FACE_JSON_BYTES_MAX), FACE_JSON_BYTES_MAX);
    p->fields = face_write(&p->shown, &face, rule, FIELDS_ALL);
    struct journal_record record = attempt(p, RESULT_VALID);
    return operation_record(&p->op, &record);
}

static enum step_result sign_receipt(struct action_place *p)
{
    p->receipt = http_room(p->op.http, sizeof *p->receipt);
    return action_receipt_sign(p->receipt, &p->op, &p->action, &p->named.query.licence);
}

/* null: it can be had later. */
static void put_receipt(const struct action_place *p, struct buf *out)
{
    if (!p->receipt->signing.made) {
        buf_put_str(out, ",\"receipt\":null");
        return;
    }
    buf_put_str(out, ",\"receipt\":\"");
    buf_put_base64url(out, buf_bytes(&p->receipt->message));
    buf_put_u8(out, '"');
}

static enum step_result answer_place(struct action_place *p)
{
    struct buf out;
    if (!p->op.recorded)
        return operation_fail(&p->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL,
                              "the action holds; ask again with the same key");
    buf_init(&out, http_room(p->op.http, ANSWER_ROOM), ANSWER_ROOM);
    buf_put_u8(&out, '{');
    enforcement_put(&p->action, &out);
    json_put_text(&out, "status",
                  bytes_str(licence_status_text(enforcement_effective(&p->action))));
    json_put_time(&out, "as_of", p->action.at);
    buf_put_str(&out, ",\"licence\":{");
    buf_put(&out, buf_bytes(&p->shown));
    buf_put_u8(&out, '}');
    put_receipt(p, &out);
    buf_put_u8(&out, '}');
    CHECK(buf_ok(&out));
    return operation_answer_json(&p->op, p->action.repeated ? 200 : 201, buf_bytes(&out));
}

FLOW_DEFINE(action_place, PLACE_STEPS);
