/* jwb-gateway --witness: a witness (C2SP tlog-witness) for other departments' logs. It serves
 * POST /add-checkpoint and /healthz on a listener of its own, needs no Redis and no registry, and
 * cosigns a checkpoint only if the log proves that it grew from what was cosigned last, which is on
 * disk, synced, before the answer leaves. */
#ifndef GATEWAY_WITNESS_H
#define GATEWAY_WITNESS_H

#include "base/buf.h"
#include "gateway/config/config.h"

/* Serves until SIGTERM or SIGINT, which the caller has blocked. False with a sentence in `why`. */
bool witness_serve(const struct config *config, struct buf *why);

#endif
