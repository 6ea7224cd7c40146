/* A change of the registry as steps of a request: committed, in force, in evidence, and only then
 * answered. */
#ifndef GATEWAY_COMMIT_H
#define GATEWAY_COMMIT_H

#include "gateway/operation.h"
#include "loop/loop.h"

/* Part of the request's state: it must outlive the request's wait. */
struct commit {
    struct registry_change change; /* asked and answered; complete, context and actor are taken */
    struct operation *op;
    struct loop_message message;
    /* commit_settle's own */
    struct loop_timer timer;
    uint64_t settling_us;
    struct registry_outbox *owed; /* to Redis, when settling began */
    size_t owed_count;
    bool in_force, logged;
};
/* STEP_WAIT: the flow goes on when the change is committed or has failed, which change.error says;
 * or it answers, when too many changes wait. The actor is whoever asks; its purpose and reference
 * stay as they were given. */
enum step_result commit_submit(struct commit *commit, struct operation *op);
/* After a change that was committed: STEP_NEXT, or STEP_WAIT until no gateway can believe what was
 * before (if the change was of a licence), and until its event is in the evidence log. It answers
 * 503 evidence_unavailable when that takes longer than evidence.wait_ms; the change holds, and its
 * evidence follows. */
enum step_result commit_settle(struct commit *commit);

#endif
