/* The app's identity provider: its keys, from a file or over HTTPS, and what its tokens say of a
 * person. One per process, shared by the loops.
 *
 * Keys are fetched on a worker, kept, and fetched again when they are older than identity.refresh_s
 * or a token names a kid that is not there; two fetches begin at least identity.retry_s apart,
 * whatever tokens come. Who needs a key that is not there waits for the fetch; all others are
 * answered by the keys that are kept. When a fetch fails, those go on being used, until they are
 * IDENTITY_STALE_MAX_S old: a provider that is away for an hour is no reason to shut a city out,
 * but one that can't be asked must not vouch for a key for ever. What can't be found out because a
 * fetch failed is JWT_OURS; a kid that keys fetched less than retry_s ago did not have is JWT_KEY.
 */
#ifndef GATEWAY_IDENTITY_H
#define GATEWAY_IDENTITY_H

#include "gateway/config/config.h"
#include "gateway/jwt.h"
#include "loop/worker.h"

struct identity;

#define IDENTITY_STALE_MAX_S 86400 /* ours; as long as identity.refresh_s can be */

/* NULL with a sentence in `why` when identity.jwks is neither an https:// address nor a file with
 * keys, or identity.ca can't be read; what comes over HTTPS is fetched when it is first needed.
 * Without identity.issuer every token is refused. A fetch keeps one of the workers for up to
 * identity.timeout_ms. Asked nothing, the pool may be NULL. */
struct identity *identity_create(const struct config *config, struct worker_pool *workers,
                                 struct buf *why);
/* When the loops and the workers have ended. */
void identity_destroy(struct identity **identity);
/* On main's thread at SIGHUP: reads a file anew, forgets what was fetched, takes the new values.
 * False with a sentence: nothing has changed. */
bool identity_reload(struct identity *identity, const struct config *config, struct buf *why);

/* One token to be believed or not; the caller's storage, zeroed. */
struct identity_ask {
    /* asked */
    struct bytes token; /* valid until done */
    void (*done)(struct identity_ask *ask);

    /* answered */
    enum jwt_error error;                           /* JWT_OURS: the keys can't be had now */
    enum { PERSON_CITIZEN, PERSON_INSPECTOR } kind; /* claim "role": citizen, inspector */
    char number[33]; /* a citizen's, claim "id_number"; wiped by the caller after use */
    char agency[65], officer[65]; /* an inspector's, claims "agency" and "officer" */
    uint8_t once[32];             /* SHA-256 of what makes this token itself: iss and jti */
    int64_t expires_at;

    struct worker_job job; /* identity's */
    struct identity *identity;
};
enum identity_when { IDENTITY_NOW, IDENTITY_LATER };
/* On a loop's thread. NOW: answered, done will not run. LATER: a worker fetches keys first; done
 * runs once on this loop. */
enum identity_when identity_check(struct identity *identity, struct loop *loop,
                                  struct identity_ask *ask);

struct identity_counters {
    _Atomic uint64_t fetches, fetch_failures;
    _Atomic uint64_t tokens[JWT_ERROR_COUNT]; /* by what was wrong with them */
};
const struct identity_counters *identity_counters(const struct identity *identity);

#endif
