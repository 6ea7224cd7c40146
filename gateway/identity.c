/* What is known is an immutable, counted `struct trust`: the provider's configuration and keys of
 * one moment. The lock guards which one is the present one and what a fetch is doing, for
 * microseconds; tokens are checked outside of it. */
#include "gateway/identity.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/config/file.h"
#include "gateway/log.h"
#include "gateway/outbound/fetch.h"
#include "protocol/identifier.h"
#include "protocol/token.h"

#define JWKS_BYTES_MAX  (64 * 1024) /* JWT_KEYS_MAX keys with their certificates take 50 KiB */
#define WAITING_MAX     1024        /* tokens that wait for one fetch; one more is JWT_OURS */
#define NAME_BYTES_MAX  255
#define PLACE_BYTES_MAX 4095 /* of an address, of a path */

struct provider {
    char issuer[NAME_BYTES_MAX + 1]; /* "": there is no provider */
    char audience[NAME_BYTES_MAX + 1];
    char url[PLACE_BYTES_MAX + 1]; /* "": the keys came from a file */
    char ca[PLACE_BYTES_MAX + 1];
    unsigned skew_s, life_s_max, timeout_ms;
    uint64_t refresh_us, retry_us;
};

struct trust {
    _Atomic unsigned references;
    struct provider provider;
    uint64_t fetched_us; /* when their fetch began, CLOCK_MONOTONIC; 0: there are none yet */
    struct jwt_keys keys;
};

struct identity {
    struct worker_pool *workers;
    struct identity_counters counters;
    pthread_mutex_t lock; /* guards what follows */
    struct trust *trust;  /* never NULL */
    enum {
        FETCH_NONE,
        FETCH_RUNNING, /* tokens may wait for it */
        FETCH_OVER,    /* but the job is still the pool's */
    } fetch;
    bool fetch_failed;           /* the last one */
    uint64_t next_fetch_us;      /* none before that */
    struct worker_job fetch_job; /* the pool's unless FETCH_NONE */
    struct trust *fetch_for;     /* a reference; NULL when FETCH_NONE */
    struct worker_job *waiting;  /* of asks, by `next` */
    unsigned waiting_count;
};

/* ---- what is known -------------------------------------------------------------------------- */

static void trust_release(struct trust *trust)
{
    if (trust && atomic_fetch_sub(&trust->references, 1) == 1)
        free(trust);
}

static struct trust *trust_take(struct trust *trust)
{
    atomic_fetch_add(&trust->references, 1);
    return trust;
}

static struct trust *trust_now(struct identity *identity)
{
    pthread_mutex_lock(&identity->lock);
    struct trust *trust = trust_take(identity->trust);
    pthread_mutex_unlock(&identity->lock);
    return trust;
}

static bool copy_text(char *out, size_t cap, const char *key, const char *text, struct buf *why)
{
    size_t len = strlen(text);
    if (len >= cap) {
        buf_printf(why, "identity.%s: longer than %zu bytes", key, cap - 1);
        return false;
    }
    memcpy(out, text, len + 1);
    return true;
}

static bool read_key_file(const char *path, struct jwt_keys *keys, struct buf *why)
{
    char sentence[PLACE_BYTES_MAX + 256];
    struct buf content, wrong = BUF_OVER(sentence);
    buf_init(&content, check_alloc(JWKS_BYTES_MAX + 1), JWKS_BYTES_MAX + 1);
    bool ok = file_read(path, &content, &wrong);
    if (ok) {
        buf_printf(&wrong, "%s ", path);
        ok = jwt_keys_read(buf_bytes(&content), keys, &wrong);
    }
    if (ok && keys->count == 0) {
        buf_put_str(&wrong, "has no key for ES256 or RS256");
        ok = false;
    }
    if (!ok)
        buf_printf(why, "identity.jwks: %s", buf_cstr(&wrong));
    free(content.data);
    return ok;
}

static bool read_address(struct provider *p, const struct config *config, struct buf *why)
{
    const char *ca = config->identity_ca;
    if (*ca && access(ca, R_OK) != 0) {
        buf_printf(why, "identity.ca: %s: %s", ca, strerror(errno));
        return false;
    }
    return copy_text(p->url, sizeof p->url, "jwks", config->identity_jwks, why) &&
           copy_text(p->ca, sizeof p->ca, "ca", ca, why);
}

static bool read_source(struct trust *trust, const struct config *config, struct buf *why)
{
    const char *source = config->identity_jwks;
    if (bytes_start_with(bytes_str(source), BYTES("https://")))
        return read_address(&trust->provider, config, why);
    if (*source && !strstr(source, "://"))
        return read_key_file(source, &trust->keys, why);
    buf_put_str(why, "identity.jwks: must be an https:// address or a file");
    return false;
}

/* NULL with a sentence. */
static struct trust *trust_create(const struct config *config, struct buf *why)
{
    struct trust *trust = check_alloc(sizeof *trust);
    struct provider *p = &trust->provider;
    const char *audience =
        *config->identity_audience ? config->identity_audience : config->public_origin;
    trust->references = 1;
    p->skew_s = (unsigned)config->tokens_skew_s;
    p->life_s_max = (unsigned)config->identity_token_life_s;
    p->timeout_ms = (unsigned)config->identity_timeout_ms;
    p->refresh_us = config->identity_refresh_s * 1000000;
    p->retry_us = config->identity_retry_s * 1000000;
    if (!copy_text(p->issuer, sizeof p->issuer, "issuer", config->identity_issuer, why) ||
        !copy_text(p->audience, sizeof p->audience, "audience", audience, why) ||
        (*p->issuer && !read_source(trust, config, why))) {
        trust_release(trust);
        return NULL;
    }
    return trust;
}

static uint64_t age_us(const struct trust *trust)
{
    return clock_mono_us() - trust->fetched_us;
}

/* Are there keys, not too old to be believed? */
static bool has_keys(const struct trust *trust)
{
    return !*trust->provider.url ||
           (trust->fetched_us && age_us(trust) < IDENTITY_STALE_MAX_S * UINT64_C(1000000));
}

/* ---- one token ------------------------------------------------------------------------------ */

static bool read_name(struct bytes text, char *out)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x21 || text.data[i] > 0x7E || text.data[i] == '/')
            return false;
    if (text.len == 0 || text.len > TOKEN_SUBJECT_BYTES_MAX)
        return false;
    memcpy(out, text.data, text.len);
    out[text.len] = 0;
    return true;
}

static bool read_person(const struct jwt *jwt, struct identity_ask *ask)
{
    const struct bytes role = jwt_claim_text(jwt, "role");
    if (bytes_equal(role, BYTES("citizen"))) {
        const struct bytes number = jwt_claim_text(jwt, "id_number");
        ask->kind = PERSON_CITIZEN;
        ask->number[CITIZEN_NUMBER_BYTES] = 0;
        return number.len == CITIZEN_NUMBER_BYTES &&
               citizen_number_read(number, ask->number) == IDENTIFIER_OK;
    }
    ask->kind = PERSON_INSPECTOR;
    return bytes_equal(role, BYTES("inspector")) &&
           read_name(jwt_claim_text(jwt, "agency"), ask->agency) &&
           read_name(jwt_claim_text(jwt, "officer"), ask->officer) &&
           strlen(ask->agency) + 1 + strlen(ask->officer) <= TOKEN_SUBJECT_BYTES_MAX;
}

static enum jwt_error read_claims(const struct jwt *jwt, const struct provider *p,
                                  struct identity_ask *ask)
{
    const struct jwt_expected expected = {
        .issuer = p->issuer,
        .audiences = {p->audience},
        .now = clock_wall_s(),
        .skew_s = p->skew_s,
        .life_s_max = p->life_s_max,
    };
    const struct bytes once[] = {bytes_str(p->issuer), BYTES("\0"), jwt_claim_text(jwt, "jti")};
    enum jwt_error error = jwt_check_claims(jwt, &expected);
    if (error)
        return error;
    if (!jwt_claim_time(jwt, "exp", &ask->expires_at) || !read_person(jwt, ask))
        return JWT_CLAIM;
    return crypto_openssl.sha256(once, 3, ask->once) == CRYPTO_OK ? JWT_OK : JWT_OURS;
}

/* By what is known now. *unknown: other keys might say else. */
static enum jwt_error judge(struct identity_ask *ask, const struct trust *trust, bool *unknown)
{
    struct jwt jwt;
    *unknown = false;
    if (!*trust->provider.issuer)
        return JWT_ISSUER;
    enum jwt_error error = jwt_read(ask->token, &jwt);
    if (error)
        return error;
    error = has_keys(trust) ? jwt_check_signature(&jwt, &trust->keys) : JWT_KEY;
    *unknown = error == JWT_KEY && *trust->provider.url;
    if (!error)
        error = read_claims(&jwt, &trust->provider, ask);
    if (error)
        crypto_wipe(ask->number, sizeof ask->number);
    jwt_fini(&jwt);
    return error;
}

static void count_token(struct identity *identity, enum jwt_error error)
{
    atomic_fetch_add_explicit(&identity->counters.tokens[error], 1, memory_order_relaxed);
}

/* ---- fetching ------------------------------------------------------------------------------- */

/* After a fetch, or instead of one that may not be yet. With the lock held. */
static enum jwt_error without_key(const struct identity *identity)
{
    return identity->fetch_failed || !has_keys(identity->trust) ? JWT_OURS : JWT_KEY;
}

/* A token whose wait is over, on its loop. */
static void wait_over(struct loop_message *message)
{
    struct worker_job *job =
        (struct worker_job *)((char *)message - offsetof(struct worker_job, message));
    struct identity_ask *ask =
        (struct identity_ask *)((char *)job - offsetof(struct identity_ask, job));
    struct identity *identity = ask->identity;
    bool unknown;
    struct trust *trust = trust_now(identity);
    ask->error = judge(ask, trust, &unknown);
    trust_release(trust);
    if (unknown) {
        pthread_mutex_lock(&identity->lock);
        ask->error = without_key(identity);
        pthread_mutex_unlock(&identity->lock);
    }
    count_token(identity, ask->error);
    ask->done(ask);
}

/* What is known, with the keys as they are now; NULL with a sentence. */
static struct trust *fetch_trust(const struct trust *old, struct buf *why)
{
    const struct fetch_options options = {old->provider.url, old->provider.ca,
                                          old->provider.timeout_ms};
    struct trust *trust = calloc(1, sizeof *trust);
    uint8_t *storage = malloc(JWKS_BYTES_MAX);
    struct buf body;
    bool ok = trust && storage;
    if (ok) {
        trust->references = 1;
        trust->provider = old->provider;
        trust->fetched_us = clock_mono_us();
        buf_init(&body, storage, JWKS_BYTES_MAX);
        ok = fetch(&options, &body, why) && jwt_keys_read(buf_bytes(&body), &trust->keys, why);
    }
    free(storage);
    if (!ok) {
        free(trust);
        trust = NULL;
    }
    return trust;
}

/* On a worker. */
static void fetch_work(struct worker_job *job)
{
    struct identity *identity =
        (struct identity *)((char *)job - offsetof(struct identity, fetch_job));
    char text[512];
    struct buf why = BUF_OVER(text);
    struct trust *fetched = fetch_trust(identity->fetch_for, &why), *unused = fetched;
    if (!fetched) {
        atomic_fetch_add(&identity->counters.fetch_failures, 1);
        log_event(LOG_WARNING, "identity keys not fetched",
                  LOG_TEXT("url", identity->fetch_for->provider.url),
                  LOG_BYTES("why", buf_bytes(&why)));
    }

    pthread_mutex_lock(&identity->lock);
    if (identity->trust == identity->fetch_for) { /* not changed by a reload meanwhile */
        identity->fetch_failed = !fetched;
        if (fetched) {
            unused = identity->trust;
            identity->trust = fetched;
        }
    }
    identity->fetch = FETCH_OVER;
    struct worker_job *waiting = identity->waiting;
    identity->waiting = NULL;
    identity->waiting_count = 0;
    pthread_mutex_unlock(&identity->lock);

    trust_release(unused);
    while (waiting) {
        struct worker_job *next = waiting->next; /* once posted it may be gone */
        loop_post(waiting->loop, &waiting->message);
        waiting = next;
    }
}

static void fetch_done(struct worker_job *job)
{
    struct identity *identity =
        (struct identity *)((char *)job - offsetof(struct identity, fetch_job));
    pthread_mutex_lock(&identity->lock);
    trust_release(identity->fetch_for);
    identity->fetch_for = NULL;
    identity->fetch = FETCH_NONE;
    pthread_mutex_unlock(&identity->lock);
}

/* With the lock held; begins one unless it is too early, or one is there. */
static void begin_fetch(struct identity *identity, struct loop *loop)
{
    const uint64_t now_us = clock_mono_us();
    if (identity->fetch != FETCH_NONE || now_us < identity->next_fetch_us)
        return;
    identity->fetch_job.work = fetch_work;
    identity->fetch_job.done = fetch_done;
    identity->fetch_for = trust_take(identity->trust); /* before the worker may look */
    identity->fetch = FETCH_RUNNING;
    if (worker_submit(identity->workers, loop, &identity->fetch_job)) {
        identity->next_fetch_us = now_us + identity->trust->provider.retry_us;
        atomic_fetch_add(&identity->counters.fetches, 1);
        return;
    }
    trust_release(identity->fetch_for);
    identity->fetch_for = NULL;
    identity->fetch = FETCH_NONE;
    identity->fetch_failed = true;
}

enum next { ANSWER, WAIT, JUDGE_AGAIN };

/* After a look at `trust`: fetches keys if there is a reason to, and waits if the token needs them.
 */
static enum next look_further(struct identity *identity, const struct trust *trust,
                              struct loop *loop, struct identity_ask *ask, bool unknown)
{
    enum next next = ANSWER;
    pthread_mutex_lock(&identity->lock);
    if (identity->trust != trust) {
        next = JUDGE_AGAIN;
    } else {
        begin_fetch(identity, loop);
        if (unknown && identity->fetch == FETCH_RUNNING && identity->waiting_count < WAITING_MAX) {
            ask->job.loop = loop;
            ask->job.message.deliver = wait_over;
            ask->job.next = identity->waiting;
            identity->waiting = &ask->job;
            identity->waiting_count++;
            next = WAIT;
        } else if (unknown) {
            ask->error = identity->fetch == FETCH_RUNNING ? JWT_OURS : without_key(identity);
        }
    }
    pthread_mutex_unlock(&identity->lock);
    return next;
}

enum identity_when identity_check(struct identity *identity, struct loop *loop,
                                  struct identity_ask *ask)
{
    enum next next;
    ask->identity = identity;
    do {
        bool unknown;
        struct trust *trust = trust_now(identity);
        ask->error = judge(ask, trust, &unknown);
        const struct provider *p = &trust->provider;
        /* Also of a token that is refused: the key may be another one now, of the same kid. */
        const bool old = trust->fetched_us && age_us(trust) >= p->refresh_us;
        next = unknown || old ? look_further(identity, trust, loop, ask, unknown) : ANSWER;
        trust_release(trust);
    } while (next == JUDGE_AGAIN);
    if (next == WAIT)
        return IDENTITY_LATER;
    count_token(identity, ask->error);
    return IDENTITY_NOW;
}

/* ---- making and changing -------------------------------------------------------------------- */

struct identity *identity_create(const struct config *config, struct worker_pool *workers,
                                 struct buf *why)
{
    struct trust *trust = trust_create(config, why);
    if (!trust)
        return NULL;
    struct identity *identity = check_alloc(sizeof *identity);
    CHECK(pthread_mutex_init(&identity->lock, NULL) == 0);
    identity->workers = workers;
    identity->trust = trust;
    return identity;
}

bool identity_reload(struct identity *identity, const struct config *config, struct buf *why)
{
    struct trust *trust = trust_create(config, why);
    if (!trust)
        return false;
    pthread_mutex_lock(&identity->lock);
    struct trust *old = identity->trust;
    identity->trust = trust;
    identity->fetch_failed = false;
    identity->next_fetch_us = 0;
    pthread_mutex_unlock(&identity->lock);
    trust_release(old);
    return true;
}

void identity_destroy(struct identity **identity)
{
    struct identity *i = *identity;
    if (!i)
        return;
    trust_release(i->trust);
    trust_release(i->fetch_for);
    pthread_mutex_destroy(&i->lock);
    free(i);
    *identity = NULL;
}

const struct identity_counters *identity_counters(const struct identity *identity)
{
    return &identity->counters;
}
