/* A client's quota: a token bucket in Redis, shared by all gateways, told in RateLimit-Policy and
 * RateLimit headers (draft-ietf-httpapi-ratelimit-headers-11 of May 2026). Also other buckets of a
 * client or a person. */
#ifndef GATEWAY_QUOTA_H
#define GATEWAY_QUOTA_H

#include "gateway/home.h"

struct quota {
    struct operation *op;
    struct cache_bucket bucket;
    char name[CACHE_BUCKET_NAME_MAX];
    enum quota_result {
        QUOTA_OPEN,    /* taken, or there is no quota */
        QUOTA_EMPTY,   /* used up */
        QUOTA_UNKNOWN, /* Redis can't be asked */
    } result;
};
/* In how many seconds a bucket that was empty has what was asked for. */
static inline unsigned quota_wait_s(const struct quota *quota)
{
    return quota->bucket.wait_ms / 1000 + 1;
}

/* A step that takes one from the asker's quota: STEP_NEXT, or STEP_WAIT and the flow goes on, with
 * `result` set either way. The RateLimit headers are added to the operation; QUOTA_EMPTY has set
 * op->retry_after_s. Clients without a quota cost nothing. */
enum step_result quota_take(struct quota *quota, struct operation *op);
/* Answers a quota that is not open: 429 or 503. */
enum step_result quota_refuse(const struct quota *quota);

/* Any bucket of the asker's, without headers: `what` ("refusals", "lookups") of the client or, for
 * persons, the subject; its name in Redis holds a hash of whose it is. take 0: looks alone. */
enum step_result quota_take_of(struct quota *quota, struct operation *op, const char *what,
                               unsigned size, unsigned fill_s, unsigned take);

#endif
