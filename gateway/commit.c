#include "gateway/commit.h"

#include "base/clock.h"
#include "gateway/home.h"
#include "gateway/ledger.h"

#define SETTLE_POLL_MS 2
#define IN_FORCE_US    2000000 /* by then no gateway believes the old state: docs/ARCHITECTURE.md */

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
    struct registry_actor *actor = &commit->change.actor;
    commit->op = op;
    commit->message.deliver = delivered;
    commit->change.complete = completed;
    commit->change.context = commit;
    actor->role = op->asker.role;
    actor->subject = op->asker.subject;
    actor->client = op->asker.client;
    actor->request_id = op->id;
    if (op->asker.role != TOKEN_ROLE_HOLDER)
        actor->acting = JOURNAL_ACTING_NONE;
    return registry_submit(op->home->gateway->registry, &commit->change)
               ? STEP_WAIT
               : operation_fail(op, PROBLEM_OVERLOADED, NULL, NULL);
}

/* ---- settling ---- */

static bool moves_bits(enum registry_change_kind kind)
{
    return kind == CHANGE_HOLD_PLACE || kind == CHANGE_HOLD_LIFT || kind == CHANGE_ISSUER_STATUS ||
           kind == CHANGE_IMPORT || kind == CHANGE_ACT || kind == CHANGE_ACTION_DECIDE;
}

/* What Redis had not been told when this began, it has been told by now. What could not be read
 * counts as not told. */
static bool is_relayed(struct commit *commit)
{
    struct registry_reader *reader = commit->op->home->reader;
    while (commit->owed_count > 0) {
        const struct registry_outbox *owed = &commit->owed[commit->owed_count - 1];
        if (registry_relayed(reader, owed->list, owed->last_seq) != REGISTRY_OK)
            return false;
        commit->owed_count--;
    }
    return true;
}

static bool is_settled(struct commit *commit, uint64_t passed_us)
{
    if (!commit->in_force)
        commit->in_force = passed_us >= IN_FORCE_US || is_relayed(commit);
    struct gateway *gateway = commit->op->home->gateway;
    if (!commit->logged) /* of a registry that went back it is another event that the log has */
        commit->logged = !atomic_load(&gateway->registry_behind) &&
                         ledger_has(gateway->ledger, commit->change.event);
    return commit->in_force && commit->logged;
}

static void settle_due(struct loop_timer *timer)
{
    struct commit *commit = (struct commit *)((char *)timer - offsetof(struct commit, timer));
    struct operation *op = commit->op;
    if (!op->home->http)
        return; /* the loop has ended before its requests: nobody is answered any more */
    uint64_t passed_us = clock_mono_us() - commit->settling_us;
    if (is_settled(commit, passed_us))
        operation_resume(op);
    else if (commit->in_force && passed_us > op->home->settings->config->evidence_wait_ms * 1000)
        operation_fail(op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL,
                       "the change holds; its evidence is still to be written");
    else
        loop_timer_start(op->home->loop, &commit->timer, SETTLE_POLL_MS);
}

enum step_result commit_settle(struct commit *commit)
{
    struct operation *op = commit->op;
    struct gateway_loop *home = op->home;
    commit->settling_us = clock_mono_us();
    commit->in_force = !moves_bits(commit->change.kind);
    if (!commit->in_force) {
        size_t room = REGISTRY_LISTS_MAX * sizeof *commit->owed;
        commit->owed = http_room(op->http, room);
        commit->owed_count = REGISTRY_LISTS_MAX;
        if (registry_outbox(home->reader, commit->owed, &commit->owed_count) != REGISTRY_OK)
            return operation_fail(op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    }
    ledger_wake(home->gateway->ledger);
    if (is_settled(commit, 0))
        return STEP_NEXT;
    commit->timer.fire = settle_due;
    loop_timer_start(home->loop, &commit->timer, SETTLE_POLL_MS);
    return STEP_WAIT;
}
