#include "gateway/publisher.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/config/file.h"
#include "gateway/log.h"
#include "protocol/status_list.h"
#include "protocol/trust_bundle.h"

#define TURN_MS         200 /* between looks for what is to be made anew */
#define BUNDLE_LOOK_MS  1000
#define ROOTS_BYTES_MAX 65536

struct published_list {
    struct registry_list position;
    uint64_t settings; /* it was made with: their serial; 0: it could not be made */
    uint64_t tried_us; /* CLOCK_MONOTONIC; 0: never */
    struct publication *forms[PUBLICATION_FORMS];
};

struct publisher {
    struct gateway *gateway;
    struct registry_reader *reader;
    struct publisher_counters counters;
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows, and the pointers to publications */
    pthread_cond_t woken;
    bool stop, wanted;
    struct publication *bundle;
    struct published_list lists[REGISTRY_LISTS_MAX];
    unsigned list_count;
    struct publication *names; /* of as many lists */

    /* the thread's own */
    struct settings *settings;
    uint64_t serial;         /* of the settings: counts those it had */
    uint64_t names_settings; /* as of a list */
    uint64_t bundle_look_us;
    struct timespec bundle_time; /* of the file that was looked at last */
    uint64_t bundle_inode, bundle_version;
    struct keyring bundle_ring; /* of the one that is served, and its lists */
    size_t bundle_lists;
    bool told_no_key, told_outdated;
    const char *trouble; /* told last, of this file's; NULL: none */
    uint8_t array[STATUS_LIST_BYTES];
    struct buf lst, token, file; /* room for the longest, kept */
    struct trust_bundle read;
};

/* ---- publications ---- */

static struct publication *publication_create(struct bytes body, int64_t made_at)
{
    struct publication *p = check_alloc(sizeof *p + body.len);
    uint8_t hash[CRYPTO_HASH_BYTES];
    struct buf etag = BUF_OVER(p->etag);
    atomic_init(&p->references, 1);
    p->made_at = made_at;
    p->body = bytes_of(p + 1, body.len);
    memcpy(p + 1, body.data, body.len);
    CHECK(crypto_openssl.sha256(&body, 1, hash) == CRYPTO_OK);
    buf_put_u8(&etag, '"');
    buf_put_hex(&etag, bytes_of(hash, 16));
    buf_put_u8(&etag, '"');
    CHECK(*buf_cstr(&etag));
    return p;
}

void publication_release(struct publication **publication)
{
    struct publication *p = *publication;
    *publication = NULL;
    if (p && atomic_fetch_sub(&p->references, 1) == 1)
        free(p);
}

/* Lays a new one where readers find it. */
static void publish(struct publisher *p, struct publication **at, struct publication *publication)
{
    pthread_mutex_lock(&p->lock);
    struct publication *before = *at;
    *at = publication;
    pthread_mutex_unlock(&p->lock);
    publication_release(&before);
}

static struct publication *take(struct publisher *p, struct publication *const *at)
{
    pthread_mutex_lock(&p->lock);
    struct publication *publication = *at;
    if (publication)
        atomic_fetch_add(&publication->references, 1);
    pthread_mutex_unlock(&p->lock);
    return publication;
}

struct publication *publisher_list(struct publisher *publisher, uint16_t list,
                                   enum publication_form form)
{
    return list < REGISTRY_LISTS_MAX ? take(publisher, &publisher->lists[list].forms[form]) : NULL;
}

struct publication *publisher_bundle(struct publisher *publisher)
{
    return take(publisher, &publisher->bundle);
}

struct publication *publisher_list_names(struct publisher *publisher)
{
    return take(publisher, &publisher->names);
}

unsigned publisher_list_count(struct publisher *publisher)
{
    pthread_mutex_lock(&publisher->lock);
    unsigned count = publisher->list_count;
    pthread_mutex_unlock(&publisher->lock);
    return count;
}

/* ---- status lists ---- */

/* Tried again after status_lists.interval_s, told once. */
static bool fail(struct publisher *p, const char *what)
{
    atomic_fetch_add(&p->counters.failures, 1);
    if (p->trouble != what)
        log_event(LOG_ERROR, "a status list can't be published", LOG_TEXT("why", what));
    p->trouble = what;
    return false;
}

/* Is what was read no older than what this process knew already? A registry that was put back is
 * noticed by the relay within a second; until then the copy tells it. */
static bool is_present(const struct publisher *p, const struct copy_position *known,
                       const struct registry_list *position)
{
    return !atomic_load(&p->gateway->registry_behind) && known->present &&
           known->generation == position->generation && known->seq <= position->seq;
}

/* A ring has its keys in the order of their making, and a token has kids ascending. */
static void collect_revoked(const struct keyring *ring, struct status_list_token *token)
{
    for (size_t i = 0; i < ring->count; i++) {
        const struct keyring_key *key = &ring->keys[i];
        size_t at = token->revoked_count;
        if (!key->revoked || key->use != KEY_USE_CODE)
            continue;
        for (; at > 0 && memcmp(token->revoked[at - 1], key->kid, KID_BYTES) > 0; at--)
            memcpy(token->revoked[at], token->revoked[at - 1], KID_BYTES);
        memcpy(token->revoked[at], key->kid, KID_BYTES);
        token->revoked_count++;
    }
}

static bool make_form(struct publisher *p, const struct status_list_token *token,
                      const struct keyring_key *key, struct crypto_signer *signer,
                      enum publication_form form, struct publication **made)
{
    p->token.len = 0;
    p->token.overflow = false;
    enum crypto_result result =
        form == PUBLICATION_CWT
            ? status_list_write_cwt(token, key->alg, key->kid, &crypto_openssl, signer, &p->token)
            : status_list_write_jwt(token, key->alg, key->kid, &crypto_openssl, signer, &p->token);
    if (result != CRYPTO_OK)
        return fail(p, "the key can't sign");
    CHECK(buf_ok(&p->token));
    *made = publication_create(buf_bytes(&p->token), token->issued_at);
    return true;
}

/* The token says what the list was when the registry was read, which is after `issued_at`. */
static bool make_list(struct publisher *p, struct published_list *list, uint16_t number,
                      const struct keyring_key *key, struct crypto_signer *signer)
{
    const struct config *config = p->settings->config;
    struct publication *made[PUBLICATION_FORMS] = {NULL};
    char uri[TRUST_URI_BYTES_MAX + 1];
    struct buf subject = BUF_OVER(uri);
    struct status_list_token token = {
        .issued_at = clock_wall_s(), .ttl_s = (uint32_t)config->status_lists_ttl_s, .bits = 2};
    const struct copy_position known = copy_position(p->gateway->copy, number);
    struct registry_list at;
    buf_printf(&subject, "%s/v1/status-lists/%u", config->public_origin, number);
    if (!buf_ok(&subject))
        return fail(p, "public.origin is too long");
    token.subject = buf_bytes(&subject);
    token.expires_at = token.issued_at + (int64_t)config->status_lists_life_s;
    collect_revoked(&p->settings->keys.ring, &token);
    if (registry_list_array(p->reader, number, p->array, &at) != REGISTRY_OK)
        return fail(p, "the registry can't be read");
    if (!is_present(p, &known, &at))
        return false; /* the relay says what is wrong */
    p->lst.len = 0;
    p->lst.overflow = false;
    if (!status_list_deflate(p->array, &p->lst))
        return fail(p, "no memory");
    token.lst = buf_bytes(&p->lst);
    bool done = make_form(p, &token, key, signer, PUBLICATION_CWT, &made[PUBLICATION_CWT]) &&
                make_form(p, &token, key, signer, PUBLICATION_JWT, &made[PUBLICATION_JWT]);
    for (int form = 0; form < PUBLICATION_FORMS; form++)
        if (done)
            publish(p, &list->forms[form], made[form]);
        else
            publication_release(&made[form]);
    if (!done)
        return false;
    p->trouble = NULL;
    list->position = at;
    list->settings = p->serial;
    atomic_fetch_add(&p->counters.made, 1);
    atomic_store(&p->counters.made_us, clock_mono_us() - list->tried_us);
    return true;
}

static bool is_due(const struct publisher *p, const struct published_list *list,
                   const struct registry_list *now)
{
    const struct config *config = p->settings->config;
    const uint64_t age_us = clock_mono_us() - list->tried_us;
    const bool other = list->position.generation != now->generation ||
                       list->position.seq != now->seq || list->settings != p->serial;
    return !list->tried_us || age_us >= config->status_lists_ttl_s * UINT64_C(1000000) ||
           (other && age_us >= config->status_lists_interval_s * UINT64_C(1000000));
}

/* Section 9.3 of the draft. */
static void name_lists(struct publisher *p, unsigned count)
{
    struct buf *out = &p->token;
    out->len = 0;
    out->overflow = false;
    buf_put_str(out, "{\"status_lists\":[");
    for (unsigned list = 0; list < count; list++)
        buf_printf(out, "%s\"%s/v1/status-lists/%u\"", list ? "," : "",
                   p->settings->config->public_origin, list);
    buf_put_str(out, "]}");
    CHECK(buf_ok(out)); /* an origin has at most 128 characters */
    publish(p, &p->names, publication_create(buf_bytes(out), clock_wall_s()));
    p->names_settings = p->serial;
    pthread_mutex_lock(&p->lock);
    p->list_count = count;
    pthread_mutex_unlock(&p->lock);
}

static void make_lists(struct publisher *p)
{
    struct registry_list now[REGISTRY_LISTS_MAX];
    size_t count = REGISTRY_LISTS_MAX;
    if (!p->reader)
        p->reader = registry_reader_create(p->gateway->registry);
    if (!p->reader || registry_lists(p->reader, now, &count) != REGISTRY_OK)
        return;
    const struct keyring *ring = &p->settings->keys.ring;
    const struct keyring_key *key = settings_signing_key(p->settings, KEY_USE_STATUS);
    if (!key && !p->told_no_key)
        log_event(LOG_WARNING, "no key to sign status lists with",
                  LOG_TEXT("file", p->settings->config->keys_codes));
    p->told_no_key = !key;
    const size_t place = key ? (size_t)(key - ring->keys) : 0;
    struct crypto_signer *signer = NULL;
    char text[256];
    struct buf why = BUF_OVER(text);
    for (size_t i = 0; key && i < count && now[i].list < REGISTRY_LISTS_MAX; i++) {
        struct published_list *list = &p->lists[now[i].list];
        const struct copy_position known = copy_position(p->gateway->copy, now[i].list);
        if (!is_due(p, list, &now[i]) || !is_present(p, &known, &now[i]))
            continue;
        list->tried_us = clock_mono_us();
        list->settings = 0;
        if (!signer && !(signer = settings_signer_take(p->settings, place, &why))) {
            fail(p, "the key can't be used");
            break;
        }
        make_list(p, list, now[i].list, key, signer);
    }
    if (signer)
        settings_signer_give(p->settings, place, signer);
    if (!p->names || count != p->list_count || p->names_settings != p->serial)
        name_lists(p, (unsigned)count);
}

/* ---- the trust bundle ---- */

/* Is it by one of the pinned root keys? False with a sentence in `why`. */
static bool check_root(struct publisher *p, struct buf *why)
{
    const char *path = p->settings->config->trust_roots;
    uint8_t storage[ROOTS_BYTES_MAX + 1];
    struct buf text = BUF_OVER(storage);
    struct keyring roots = {.count = 0};
    if (!file_read(path, &text, why))
        return false;
    if (!keyring_read_jwks(&roots, &crypto_openssl, buf_bytes(&text))) {
        buf_printf(why, "%s: no JSON Web Key Set with right kids", path);
        return false;
    }
    const struct keyring_key *root = keyring_find(&roots, p->read.message.kid);
    if (!root || root->use != KEY_USE_ROOT || root->alg != p->read.message.alg) {
        buf_printf(why, "it is not by a root key of %s", path);
        return false;
    }
    struct crypto_verifier *verifier = crypto_openssl.verifier_create(root->alg, root->public_key);
    enum crypto_result result =
        verifier ? trust_bundle_check(&p->read, &crypto_openssl, verifier) : CRYPTO_FAILED;
    crypto_openssl.verifier_destroy(&verifier);
    if (result == CRYPTO_OK)
        return true;
    buf_put_str(why, result == CRYPTO_MISMATCH ? "its signature does not verify"
                                               : "its signature could not be checked");
    return false;
}

static bool check_bundle(struct publisher *p, struct buf *why)
{
    p->file.len = 0;
    p->file.overflow = false;
    if (!file_read(p->settings->config->trust_bundle, &p->file, why))
        return false;
    if (!trust_bundle_read(buf_bytes(&p->file), &crypto_openssl, &p->read)) {
        buf_put_str(why, "it is malformed");
        return false;
    }
    if (!check_root(p, why))
        return false;
    if (p->read.version < p->bundle_version)
        buf_put_str(why, "it is older than the one that is served");
    else if (clock_wall_s() >= p->read.expires)
        buf_put_str(why, "its time is over");
    return why->len == 0;
}

/* A file that is no good changes nothing: what is served stays, and grows old. */
static void look_for_bundle(struct publisher *p)
{
    const char *path = p->settings->config->trust_bundle;
    struct stat status;
    char text[512];
    struct buf why = BUF_OVER(text);
    if (stat(path, &status) != 0 ||
        (status.st_ino == p->bundle_inode && status.st_mtim.tv_sec == p->bundle_time.tv_sec &&
         status.st_mtim.tv_nsec == p->bundle_time.tv_nsec))
        return;
    p->bundle_inode = status.st_ino;
    p->bundle_time = status.st_mtim;
    if (!check_bundle(p, &why)) {
        atomic_fetch_add(&p->counters.bundle_refused, 1);
        log_event(LOG_ERROR, "the trust bundle is not served", LOG_TEXT("file", path),
                  LOG_BYTES("why", buf_bytes(&why)));
        return;
    }
    p->bundle_version = p->read.version;
    p->bundle_ring = p->read.ring;
    p->bundle_lists = p->read.list_count;
    atomic_store(&p->counters.bundle_expires, p->read.expires);
    publish(p, &p->bundle, publication_create(buf_bytes(&p->file), p->read.not_before));
    log_event(LOG_INFO, "a trust bundle is served", LOG_NUMBER("version", p->read.version));
}

/* What is signed by a key that a bundle lacks, or stands in a list that it lacks, whoever goes by
 * it can't judge; a key that is revoked here he goes on believing. */
static bool is_outdated(const struct publisher *p)
{
    const struct keyring *ring = &p->settings->keys.ring;
    const struct keyring_key *code = settings_signing_key(p->settings, KEY_USE_CODE),
                             *status = settings_signing_key(p->settings, KEY_USE_STATUS);
    bool outdated = (code && !keyring_find(&p->bundle_ring, code->kid)) ||
                    (status && !keyring_find(&p->bundle_ring, status->kid)) ||
                    p->list_count > p->bundle_lists;
    for (size_t i = 0; i < ring->count; i++)
        outdated |= ring->keys[i].revoked && keyring_find(&p->bundle_ring, ring->keys[i].kid);
    return outdated;
}

static void compare_bundle(struct publisher *p)
{
    const bool outdated = p->bundle && is_outdated(p);
    if (outdated && !p->told_outdated)
        log_event(LOG_WARNING, "the trust bundle lacks a key, a revocation or a list; make it anew",
                  LOG_TEXT("file", p->settings->config->trust_bundle));
    p->told_outdated = outdated;
}

/* ---- the thread ---- */

static void turn(struct publisher *p)
{
    struct settings *settings = gateway_settings(p->gateway);
    const uint64_t now_us = clock_mono_us();
    if (settings != p->settings) {
        p->serial++;
        p->bundle_inode = 0; /* another file, or other roots: it is looked at again */
        p->bundle_look_us = 0;
    }
    settings_release(&p->settings);
    p->settings = settings;
    make_lists(p);
    if (now_us < p->bundle_look_us)
        return;
    p->bundle_look_us = now_us + BUNDLE_LOOK_MS * UINT64_C(1000);
    look_for_bundle(p);
    compare_bundle(p);
}

static void *run(void *argument)
{
    struct publisher *p = argument;
    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += TURN_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        while (!p->stop && !p->wanted &&
               pthread_cond_timedwait(&p->woken, &p->lock, &until) != ETIMEDOUT)
            ;
        p->wanted = false;
        pthread_mutex_unlock(&p->lock);
        turn(p);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct publisher *publisher_start(struct gateway *gateway)
{
    struct publisher *p = check_alloc(sizeof *p);
    pthread_condattr_t monotonic;
    sigset_t all, before;
    p->gateway = gateway;
    buf_init(&p->lst, check_alloc(STATUS_LIST_TOKEN_BYTES_MAX), STATUS_LIST_TOKEN_BYTES_MAX);
    buf_init(&p->token, check_alloc(STATUS_LIST_JWT_BYTES_MAX), STATUS_LIST_JWT_BYTES_MAX);
    buf_init(&p->file, check_alloc(TRUST_BUNDLE_BYTES_MAX + 1), TRUST_BUNDLE_BYTES_MAX + 1);
    CHECK(pthread_mutex_init(&p->lock, NULL) == 0 && pthread_condattr_init(&monotonic) == 0 &&
          pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
          pthread_cond_init(&p->woken, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
    turn(p);
    sigfillset(&all); /* signals are for the thread that composes */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CHECK(pthread_create(&p->thread, NULL, run, p) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return p;
}

void publisher_wake(struct publisher *publisher)
{
    pthread_mutex_lock(&publisher->lock);
    publisher->wanted = true;
    pthread_cond_signal(&publisher->woken);
    pthread_mutex_unlock(&publisher->lock);
}

void publisher_stop(struct publisher **publisher)
{
    struct publisher *p = *publisher;
    *publisher = NULL;
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->woken);
    pthread_mutex_unlock(&p->lock);
    CHECK(pthread_join(p->thread, NULL) == 0);
    for (unsigned i = 0; i < REGISTRY_LISTS_MAX; i++)
        for (int form = 0; form < PUBLICATION_FORMS; form++)
            publication_release(&p->lists[i].forms[form]);
    publication_release(&p->names);
    publication_release(&p->bundle);
    registry_reader_destroy(&p->reader);
    settings_release(&p->settings);
    pthread_cond_destroy(&p->woken);
    pthread_mutex_destroy(&p->lock);
    free(p->lst.data);
    free(p->token.data);
    free(p->file.data);
    free(p);
}

const struct publisher_counters *publisher_counters(const struct publisher *publisher)
{
    return &publisher->counters;
}
