/* Signs what a request is answered with, by the key of the settings that signs now: ES256 by a key
 * in a file at once, on the loop (20 microseconds); SM2 (350) and a key in an HSM (SoftHSM 120, one
 * on a network milliseconds) by a worker. When a key can't sign, that is an error in the log, once,
 * and a counter; each request tries again. */
#ifndef GATEWAY_SIGNING_H
#define GATEWAY_SIGNING_H

#include "gateway/home.h"

/* In the request's state; the first member of a larger struct where `make` needs more. */
struct signing {
    /* Signs with key->alg, key->kid and crypto_openssl, and tells whether it could. It may be on
     * another thread: it uses nothing but what this request has of its own, and `settings`. */
    bool (*make)(struct signing *signing, struct crypto_signer *signer);
    const struct keyring_key *key;
    struct settings *settings;
    struct operation *op;
    struct worker_job job;
    bool made;
    char why[128]; /* it could not be made; for the log */
};

/* The step returns what this returns; the next one looks at signing->made. False in it: there is no
 * key, it can't be used now, or the workers are full; PROBLEM_SIGNING_UNAVAILABLE. `now` is the iat
 * of what is signed, Unix seconds. */
enum step_result signing_run(struct signing *signing, struct operation *op, enum key_use use,
                             int64_t now,
                             bool (*make)(struct signing *signing, struct crypto_signer *signer));

#endif
