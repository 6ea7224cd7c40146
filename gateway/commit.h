/* A change of the registry as a step of a request. */
#ifndef GATEWAY_COMMIT_H
#define GATEWAY_COMMIT_H

#include "gateway/operation.h"

/* Part of the request's state: it must outlive the request's wait. */
struct commit {
    struct registry_change change; /* asked and answered; complete and context are taken */
    struct operation *op;
    struct loop_message message;
};
/* STEP_WAIT: the flow goes on when the change is committed or has failed, which change.error says;
 * or it answers, when too many changes wait. */
enum step_result commit_submit(struct commit *commit, struct operation *op);

#endif
