/* Tells issuing authorities what was done with their licences: one thread that takes what the
 * outbox owes (registry/issuing.h), posts it with libcurl, and tries again for days. Only on the
 * gateway that writes the evidence log, so that two do not tell the same.
 *
 * A message is JSON; its headers are Webhook-Id (the delivery's, the same at each attempt),
 * Webhook-Timestamp (Unix seconds) and Webhook-Signature: "es256 <kid> <base64url of r||s>", or
 * "sm2 ...", over id "." timestamp "." body, by the key of use webhook in the JWKS:
 * docs/PROTOCOL.md section 18. What came of an attempt is committed before the next; if a crash
 * takes it, the same is sent again under the same id. */
#ifndef GATEWAY_WEBHOOKS_H
#define GATEWAY_WEBHOOKS_H

#include <stdatomic.h>
#include <stdint.h>

struct gateway;
struct webhooks;

#define WEBHOOKS_AT_ONCE        16 /* attempts under way */
#define WEBHOOKS_AT_ONCE_CLIENT 4  /* to one client: who hangs leaves room for others */

/* After the registry, the settings and the ledger; the registry must outlive it. */
struct webhooks *webhooks_start(struct gateway *gateway);
/* Ends what is under way, after webhooks.timeout_ms at the latest. NULL in it is fine. */
void webhooks_stop(struct webhooks **webhooks);

struct webhooks_counters {
    _Atomic uint64_t delivered, failed, dead;
};
const struct webhooks_counters *webhooks_counters(const struct webhooks *webhooks);

#endif
