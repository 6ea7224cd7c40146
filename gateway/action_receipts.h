/* The receipts that officers file (protocol/action_receipt.h), signed with the key for receipts.
 */
#ifndef GATEWAY_ACTION_RECEIPTS_H
#define GATEWAY_ACTION_RECEIPTS_H

#include "gateway/signing.h"
#include "protocol/action_receipt.h"
#include "registry/action.h"

/* What a receipt shows of a licence: what every code says of itself. */
#define ACTION_RECEIPT_FIELDS                                                                      \
    (FIELD_BIT(FIELD_TYPE) | FIELD_BIT(FIELD_HOLDER_NAME) | FIELD_BIT(FIELD_NUMBER))

/* One of a request, from its pool. */
struct action_receipt_signing {
    struct signing signing;
    struct action_receipt_claims receipt; /* views into action, licence and name */
    uint8_t name[REGISTRY_TEXT_BYTES_MAX], storage[ACTION_RECEIPT_BYTES_MAX];
    struct buf message;
};
/* Describes an action that is in the registry, and signs that. The step returns what this returns
 * (signing_run); the next one looks at signing.made, and then has the message. `action` and
 * `licence` are the request's. The holder's name is the one that the registry has now, masked, and
 * left out when the licence had another holder since, or nobody knows: all else stays the same for
 * an action. */
enum step_result action_receipt_sign(struct action_receipt_signing *signing, struct operation *op,
                                     const struct registry_action *action,
                                     const struct registry_licence *licence);

#endif
