#include "gateway/commit.h"

#include "gateway/home.h"

/* On the writer's thread. */
static void completed(struct registry_change *change)
{
    struct commit *commit = change->context;
    loop_post(commit->op->home->loop, &commit->message);
}

static void delivered(struct loop_message *message)
{
    struct commit *commit = (struct commit *)((char *)message - offsetof(struct commit, message));
    operation_resume(commit->op);
}

enum step_result commit_submit(struct commit *commit, struct operation *op)
{
    commit->op = op;
    commit->message.deliver = delivered;
    commit->change.complete = completed;
    commit->change.context = commit;
    return registry_submit(op->home->gateway->registry, &commit->change)
               ? STEP_WAIT
               : operation_fail(op, PROBLEM_OVERLOADED, NULL, NULL);
}
