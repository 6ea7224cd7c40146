/* GET /evidence/checkpoint: the newest checkpoint of the evidence log (C2SP tlog-checkpoint), for
 * whoever wants to hold the log to it later. */
#include "base/check.h"
#include "gateway/home.h"
#include "gateway/ledger.h"

#define CHECKPOINT_STEPS(S) S(answer_checkpoint)

struct checkpoint_page {
    struct operation op;
};

static enum step_result answer_checkpoint(struct checkpoint_page *page)
{
    const struct operation *op = &page->op;
    const struct http_answer_header fresh = {"cache-control", BYTES("no-cache")};
    struct buf note;
    buf_init(&note, http_room(op->http, NOTE_BYTES_MAX), NOTE_BYTES_MAX);
    if (!ledger_checkpoint(op->home->gateway->ledger, &note))
        return operation_fail(&page->op, PROBLEM_NOT_FOUND, NULL, "there is no checkpoint yet");
    CHECK(buf_ok(&note));
    return operation_answer(&page->op, 200, "text/plain; charset=utf-8", buf_bytes(&note), &fresh,
                            1);
}

FLOW_DEFINE(checkpoint_page, CHECKPOINT_STEPS);
