/* Enforcement actions (执法处置) as inspectors ask for them: what placing, showing and the receipt
 * have in common. docs/PROTOCOL.md has the interface, registry/action.h what an action is. */
#ifndef GATEWAY_ENFORCEMENT_H
#define GATEWAY_ENFORCEMENT_H

#include "gateway/operation.h"
#include "registry/action.h"

/* The agency and the officer of an inspector's subject, AGENCY/OFFICER; views into it. */
struct bytes enforcement_agency(struct bytes subject);
struct bytes enforcement_officer(struct bytes subject);

/* The action whose id the path has, if it is of the asker's agency. STEP_NEXT; or it answers:
 * action_not_found, also for another agency's; 503 when that can't be found out. */
enum step_result enforcement_find(struct operation *op, struct registry_action *action);
/* Its licence, as it is now: steps as acting_find_licence; after that, 503 or STEP_NEXT. */
enum step_result enforcement_check_licence(struct operation *op,
                                           const struct registry_query *licence);

/* The members that every answer has, without braces: id, action, state, agency, case_number, at,
 * and due_at of a request to cancel. An answer of these and its own two reasons has this room. */
#define ENFORCEMENT_JSON_MAX 2048 /* texts' escapes at most double them */
void enforcement_put(const struct registry_action *action, struct buf *out);

/* The licence's status right after the action. */
enum licence_status enforcement_effective(const struct registry_action *action);

/* Evidence of who saw an action: JOURNAL_VIEW of its licence, for the action, under its case.
 * `fields` of the licence were shown. As operation_record. */
enum step_result enforcement_record_view(struct operation *op, const struct registry_action *action,
                                         const struct registry_licence *licence, uint32_t fields);

#endif
