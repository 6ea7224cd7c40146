/* The receipts that officers file (protocol/action_receipt.h), signed with this loop's context of
 * the key for receipts. */
#ifndef GATEWAY_ACTION_RECEIPTS_H
#define GATEWAY_ACTION_RECEIPTS_H

#include "gateway/home.h"
#include "protocol/action_receipt.h"
#include "registry/action.h"

/* What a receipt shows of a licence: what every code says of itself. */
#define ACTION_RECEIPT_FIELDS                                                                      \
    (FIELD_BIT(FIELD_TYPE) | FIELD_BIT(FIELD_HOLDER_NAME) | FIELD_BIT(FIELD_NUMBER))

/* Describes an action that is in the registry. Views into all three; the masked name is written to
 * `name`. The name is the one that the registry has now, and left out when the licence had another
 * holder since, or nobody knows: all else stays the same for an action. */
struct action_receipt_claims action_receipt_of(const struct gateway_loop *home,
                                               const struct registry_action *action,
                                               const struct registry_licence *licence,
                                               struct buf *name);
#define ACTION_RECEIPT_NAME_ROOM REGISTRY_TEXT_BYTES_MAX
/* Signs and appends: about 20 microseconds. False: there is no key now, or signing failed. */
bool action_receipt_sign(const struct gateway_loop *home,
                         const struct action_receipt_claims *receipt, struct buf *message);

#endif
