/* What a webhook says, how it is signed, and when it is sent again: docs/PROTOCOL.md section 18.
 * Pure; any thread. */
#ifndef GATEWAY_WEBHOOK_MESSAGE_H
#define GATEWAY_WEBHOOK_MESSAGE_H

#include "protocol/keyring.h"
#include "registry/issuing.h"

#define WEBHOOK_BODY_BYTES_MAX      8192
#define WEBHOOK_SIGNATURE_BYTES_MAX 128

struct webhook_message {
    struct bytes id; /* the delivery's, REGISTRY_ID_BYTES */
    const struct registry_event *event;
    const struct registry_licence *licence; /* as it is when this is sent */
    const struct registry_action *action;   /* of the event's case; NULL: not told */
};
/* Appends the JSON. The licence's number is the authority's own; nobody is named. */
void webhook_message_write(const struct webhook_message *message, struct buf *out);

struct webhook_signing {
    const struct crypto_provider *crypto;
    const struct keyring_key *key;
    struct crypto_signer *signer; /* of this key */
};
/* Appends the value of Webhook-Signature, "es256 <kid> <signature>" or "sm2 ...", by the key's
 * algorithm, over the id as text, ".", the time in decimal, ".", the body. False: ours. */
bool webhook_message_sign(const struct webhook_signing *signing, struct bytes id, int64_t unix_s,
                          struct bytes body, struct buf *out);

/* Seconds until the next attempt after so many (from 1) have failed: least_s, twice as long after
 * each, at most most_s, less up to a quarter by chance (0 to UINT16_MAX), so that what failed
 * together does not come back together. At least 1. */
unsigned webhook_wait_s(unsigned attempts, unsigned least_s, unsigned most_s, uint16_t chance);

#endif
