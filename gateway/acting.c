#include "gateway/acting.h"

#include "base/clock.h"
#include "gateway/home.h"

static void found_later(struct registry_query *query)
{
    operation_resume(query->context);
}

enum step_result acting_find_licence(struct operation *op, struct registry_query *query)
{
    query->by = REGISTRY_BY_ID;
    query->done = found_later;
    query->context = op;
    return registry_find(op->home->reader, query) == REGISTRY_NOW ? STEP_NEXT : STEP_WAIT;
}

enum step_result acting_check(struct operation *op, const struct registry_query *query,
                              enum problem not_found, enum registry_acting *acting)
{
    uint8_t person[REGISTRY_ID_BYTES];
    enum registry_error error = query->error;
    if (error == REGISTRY_OK)
        error = operation_person(op, person)
                    ? registry_may_act(op->home->reader, person, &query->licence, clock_wall_s(),
                                       acting)
                    : REGISTRY_ERR_NOT_FOUND;
    const struct registry_licence *licence = &query->licence;
    if ((error != REGISTRY_OK && error != REGISTRY_ERR_NOT_FOUND) ||
        atomic_load(&op->home->gateway->registry_behind) ||
        (error == REGISTRY_OK && licence->status == LICENCE_STATUS_VALID &&
         gateway_knows_later(op->home, licence->list, licence->index)))
        return operation_fail(op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    return error == REGISTRY_OK ? STEP_NEXT : operation_fail(op, not_found, NULL, NULL);
}
