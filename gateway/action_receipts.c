/* GET /v1/enforcement/actions/ID/receipt: the receipt of an action to file (核验回执), signed, as
 * COSE_Sign1 or as a page of PDF with the same content and the signed message as a QR code. */
#include "gateway/action_receipts.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "gateway/acting.h"
#include "gateway/action_pdf.h"
#include "gateway/enforcement.h"
#include "gateway/face.h"
#include "gateway/log.h"
#include "registry/event.h"

#define NAME_CHARACTERS_MAX 23 /* 4 octets each, and the ellipsis's 3, fit a receipt */
#define VERSIONS_MAX        64 /* of a licence that are looked at */

#define RECEIPT_STEPS(S)                                                                           \
    S(read_form)    /* Accept -> COSE or PDF                         */                            \
    S(find_action)  /* the registry: an action of the asker's agency */                            \
    S(find_licence) /* whose it was                                  */                            \
    S(sign)         /* with the key for receipts                     */                            \
    S(draw)         /* a page, if asked for, by a worker             */                            \
    S(record)       /* evidence before answer                        */                            \
    S(answer)

struct action_receipt {
    struct operation op;
    bool pdf;
    struct registry_action action;
    struct registry_query licence;
    struct action_receipt_signing receipt;
    struct buf page;
    struct worker_job job;
    enum action_pdf_error drawn;
};

/* ---- making one ---- */

/* As in a code, but for an enterprise's long name, which is cut shorter. */
static void write_name(struct buf *out, const struct registry_licence *licence)
{
    face_write_masked_name(out, licence->holder_name, licence->holder_kind);
    if (out->len > ACTION_RECEIPT_NAME_BYTES_MAX) {
        out->len = utf8_head(buf_bytes(out), NAME_CHARACTERS_MAX).len;
        utf8_put(out, 0x2026);
    }
}

/* Has it had one holder from the action on? The registry has the name of the present one alone, and
 * the action was not taken against whoever came after. False also when that can't be found out. */
static bool is_still_his(const struct gateway_loop *home, const struct registry_action *action,
                         const struct registry_licence *licence)
{
    struct registry_version_place places[VERSIONS_MAX];
    size_t count = VERSIONS_MAX;
    bool his = registry_licence_places(home->reader, licence->id, places, &count) == REGISTRY_OK &&
               count <= VERSIONS_MAX;
    for (size_t i = 0; his && i < count; i++)
        his = (places[i].until && places[i].until < action->at) ||
              memcmp(places[i].holder, licence->holder_id, sizeof places[i].holder) == 0;
    return his;
}

static void describe(const struct operation *op, const struct registry_action *action,
                     const struct registry_licence *licence, struct action_receipt_signing *s)
{
    const struct bytes origin = bytes_str(op->home->settings->config->public_origin);
    uint8_t *issuer = http_room(op->http, origin.len); /* settings may go before a page is drawn */
    struct buf name = BUF_OVER(s->name);
    memcpy(issuer, origin.data, origin.len);
    if (is_still_his(op->home, action, licence))
        write_name(&name, licence);
    s->receipt = (struct action_receipt_claims){
        .issuer = bytes_of(issuer, origin.len),
        .terminal = bytes_str(action->terminal),
        .action = bytes_str(action_kind_text(action->kind)),
        .agency = bytes_str(action->agency),
        .officer = enforcement_officer(bytes_str(action->officer)),
        .case_number = bytes_str(action->case_number),
        .type = licence->type_code,
        .holder_name = buf_bytes(&name),
        .number_tail = face_number_tail(licence->number),
        .status = enforcement_effective(action),
        .at = action->at,
        .due_at = action->due_at,
        .has_evidence = action->has_evidence,
    };
    memcpy(s->receipt.id, action->id, sizeof s->receipt.id);
    memcpy(s->receipt.licence, licence->reference, sizeof s->receipt.licence);
    memcpy(s->receipt.evidence_hash, action->evidence_hash, sizeof s->receipt.evidence_hash);
}

static bool make(struct signing *signing, struct crypto_signer *signer)
{
    struct action_receipt_signing *s = (struct action_receipt_signing *)signing;
    return action_receipt_write(&s->receipt, signing->key->alg, signing->key->kid, &crypto_openssl,
                                signer, &s->message) == CRYPTO_OK &&
           buf_ok(&s->message);
}

enum step_result action_receipt_sign(struct action_receipt_signing *s, struct operation *op,
                                     const struct registry_action *action,
                                     const struct registry_licence *licence)
{
    describe(op, action, licence, s);
    s->message = (struct buf)BUF_OVER(s->storage);
    return signing_run(&s->signing, op, KEY_USE_RECEIPT, clock_wall_s(), make);
}

/* ---- the steps ---- */

static enum step_result read_form(struct action_receipt *r)
{
    static const char *const types[] = {"application/cose", "application/pdf"};
    const int chosen = operation_chosen(&r->op, types, sizeof types / sizeof *types);
    r->pdf = chosen == 1;
    return chosen >= 0 ? STEP_NEXT
                       : operation_fail(&r->op, PROBLEM_NOT_ACCEPTABLE, NULL,
                                        "application/cose, application/pdf");
}

static enum step_result find_action(struct action_receipt *r)
{
    return enforcement_find(&r->op, &r->action);
}

static enum step_result find_licence(struct action_receipt *r)
{
    memcpy(r->licence.id, r->action.licence, sizeof r->licence.id);
    return acting_find_licence(&r->op, &r->licence);
}

static enum step_result sign(struct action_receipt *r)
{
    enum step_result checked = enforcement_check_licence(&r->op, &r->licence);
    if (checked != STEP_NEXT)
        return checked;
    return action_receipt_sign(&r->receipt, &r->op, &r->action, &r->licence.licence);
}

static void draw_on_worker(struct worker_job *job)
{
    struct action_receipt *r =
        (struct action_receipt *)((char *)job - offsetof(struct action_receipt, job));
    r->drawn = action_pdf_draw(&r->receipt.receipt, r->licence.licence.type_name,
                               buf_bytes(&r->receipt.message), &r->page);
}

static void drawn_on_worker(struct worker_job *job)
{
    struct action_receipt *r =
        (struct action_receipt *)((char *)job - offsetof(struct action_receipt, job));
    if (r->drawn == ACTION_PDF_OK) {
        operation_resume(&r->op);
        return;
    }
    log_event(LOG_ERROR, "a receipt could not be drawn",
              LOG_TEXT("why", action_pdf_error_text(r->drawn)), LOG_ID("request", r->op.id));
    operation_fail(&r->op, PROBLEM_OURS, NULL, NULL);
}

static enum step_result draw(struct action_receipt *r)
{
    if (!r->receipt.signing.made)
        return operation_fail(&r->op, PROBLEM_SIGNING_UNAVAILABLE, NULL, NULL);
    if (!r->pdf)
        return STEP_NEXT;
    buf_init(&r->page, http_room(r->op.http, ACTION_PDF_BYTES_MAX), ACTION_PDF_BYTES_MAX);
    r->job.work = draw_on_worker;
    r->job.done = drawn_on_worker;
    return worker_submit(r->op.home->gateway->workers, r->op.home->loop, &r->job)
               ? STEP_WAIT
               : operation_fail(&r->op, PROBLEM_OVERLOADED, NULL, NULL);
}

static enum step_result record(struct action_receipt *r)
{
    return enforcement_record_view(&r->op, &r->action, &r->licence.licence, ACTION_RECEIPT_FIELDS);
}

static enum step_result answer(struct action_receipt *r)
{
    const struct http_answer_header vary = {"vary", BYTES("accept")};
    if (!r->op.recorded)
        return operation_fail(&r->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    return operation_answer(&r->op, 200, r->pdf ? "application/pdf" : "application/cose",
                            buf_bytes(r->pdf ? &r->page : &r->receipt.message), &vary, 1);
}

FLOW_DEFINE(action_receipt, RECEIPT_STEPS);
