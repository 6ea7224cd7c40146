/* What SIGHUP can replace: configuration, signing keys, field policy, certificate. Immutable once
 * made, but for the signers that are kept; shared by all threads, counted. */
#ifndef GATEWAY_SETTINGS_H
#define GATEWAY_SETTINGS_H

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/config/calendar.h"
#include "gateway/config/config.h"
#include "gateway/config/hsm.h"
#include "gateway/config/keyfile.h"
#include "gateway/config/policy.h"
#include "gateway/http/http.h"

struct settings {
    _Atomic unsigned references;
    struct config *config;
    struct keyfile keys; /* private parts included */
    struct policy *policy;
    struct calendar *calendar; /* working days */
    struct http_tls *tls;      /* NULL: plain HTTP */
    struct crypto_hsm *hsm;    /* NULL: no key is in one */
    struct settings *hsm_from; /* a reference to those that opened it; NULL: these */
    pthread_mutex_t signers_lock;
    struct kept_signer *signers; /* workers', that nobody uses now */
};

/* Reads the file and, of what it names, keys and certificate. NULL with a sentence in `why`;
 * nothing else is touched then. The caller has the first reference. */
struct settings *settings_load(const char *path, struct buf *why);
/* Can the secrets be read, which a start takes and a reload leaves? False with a sentence in `why`.
 */
bool settings_has_secrets(const struct settings *settings, struct buf *why);
/* At start: opens the HSM, if one is configured, and finds in it the keys that sign or will. False
 * with a sentence in `why`. */
bool settings_open_hsm(struct settings *settings, struct buf *why);
/* At a reload: goes on with what those opened. False with a sentence: they opened none, and a key
 * wants one. */
bool settings_share_hsm(struct settings *settings, struct settings *started_with, struct buf *why);
/* Are those keys in it now? False with a sentence: a reload is not refused for that, because a
 * revocation waits for no HSM. */
bool settings_try_hsm(struct settings *settings, struct buf *why);
/* Is there a key of this use to sign with now? False with a sentence in `why`. Without one for
 * codes a start is a mistake, and a reload perhaps meant, because the last key was revoked; without
 * one for receipts partners alone are not answered, without one for status lists none are made. */
bool settings_can_sign(const struct settings *settings, enum key_use use, struct buf *why);
/* The key of the configured algorithm that signs at `now`, or NULL: keyring_signing. */
const struct keyring_key *settings_signing_key_at(const struct settings *settings, enum key_use use,
                                                  int64_t now);
const struct keyring_key *settings_signing_key(const struct settings *settings, enum key_use use);

/* A signer of the ring's i-th key, for the caller's thread alone, and kept between uses: to find a
 * key in an HSM takes longer than to sign with it. NULL, ours or the module's, with a sentence in
 * `why`. It is given back also when it failed, because it finds its key anew. Any
 * thread. */
struct crypto_signer *settings_signer_take(struct settings *settings, size_t i, struct buf *why);
void settings_signer_give(struct settings *settings, size_t i, struct crypto_signer *signer);

struct settings *settings_take(struct settings *settings);
void settings_release(struct settings **settings);

#endif
