/* A licence, found by its id, and as what the asker may act for it. */
#ifndef GATEWAY_ACTING_H
#define GATEWAY_ACTING_H

#include "gateway/operation.h"

/* A step; query->id is set, and both are of one request. STEP_NEXT, or STEP_WAIT and the flow goes
 * on, with query->error either way. */
enum step_result acting_find_licence(struct operation *op, struct registry_query *query);

/* As what a holder acts for the licence that was found. STEP_NEXT; or it answers: `not_found` when
 * it is not there or not his to act for, which are told alike; 503 when that can't be found out. */
enum step_result acting_check(struct operation *op, const struct registry_query *query,
                              enum problem not_found, enum registry_acting *acting);

#endif
