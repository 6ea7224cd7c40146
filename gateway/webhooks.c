#include "gateway/webhooks.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/home.h"
#include "gateway/ledger.h"
#include "gateway/log.h"
#include "gateway/outbound/post.h"
#include "gateway/webhook_message.h"

#define LOOK_MS    100 /* between looks at what is due */
#define ESCALATE_S 30  /* between looks at what is overdue */
#define DAY_S      86400

/* From the moment it is chosen until what came of it is committed. */
struct attempt {
    struct post post;
    struct webhooks *webhooks;
    enum { FREE, CHOSEN, UNDER_WAY, OVER } stage;
    struct registry_delivery delivery;
    struct settings *settings; /* a reference; what they say holds to its end */
    struct registry_event event;
    uint8_t texts[3][EVENT_TEXT_BYTES_MAX]; /* the event's: purpose, reference, agency */
    char type[64], id[64], time[64], signature[WEBHOOK_SIGNATURE_BYTES_MAX + 32]; /* headers */
    uint8_t body[WEBHOOK_BODY_BYTES_MAX];
    /* OVER */
    enum delivery_state state;
    int64_t next_at;
    char error[DELIVERY_ERROR_BYTES_MAX + 1];
};

struct webhooks {
    struct gateway *gateway;
    struct registry_reader *reader; /* NULL: could not be had yet */
    struct poster *poster;
    pthread_t thread;
    _Atomic bool stop;
    bool told_no_key;
    struct attempt attempts[WEBHOOKS_AT_ONCE];
    struct registry_query query; /* of the licence; used for one attempt at a time */
    struct webhooks_counters counters;
};

/* A registry that went back owes what was told long ago, and knows nothing of what came since. */
static bool may_tell(const struct webhooks *w)
{
    return ledger_leads(w->gateway->ledger) && !atomic_load(&w->gateway->registry_behind);
}

/* ---- what came of it ---- */

static void let_go(struct attempt *attempt)
{
    settings_release(&attempt->settings);
    attempt->stage = FREE;
}

static void end_as(struct attempt *attempt, enum delivery_state state, int64_t next_at,
                   const char *error)
{
    snprintf(attempt->error, sizeof attempt->error, "%s", error);
    attempt->state = state;
    attempt->next_at = next_at;
    attempt->stage = OVER;
}

/* The address is not told: it may hold a secret. */
static void log_failure(const struct attempt *attempt, enum log_level level, const char *event)
{
    uint8_t storage[2 * REGISTRY_ID_BYTES];
    struct buf id = BUF_OVER(storage);
    buf_put_hex(&id, bytes_of(attempt->delivery.id, sizeof attempt->delivery.id));
    log_event(level, event, LOG_TEXT("client", attempt->delivery.client),
              LOG_BYTES("delivery", buf_bytes(&id)),
              LOG_NUMBER("attempts", attempt->delivery.attempts + 1),
              LOG_TEXT("why", attempt->error));
}

static void give_up(struct attempt *attempt, const char *error)
{
    end_as(attempt, DELIVERY_DEAD, 0, error);
    count(&attempt->webhooks->counters.dead);
    log_failure(attempt, LOG_ERROR, "webhook given up");
}

static void try_later(struct attempt *attempt, const char *error)
{
    const struct config *config = attempt->settings->config;
    const int64_t now = clock_wall_s();
    uint16_t chance = 0;
    crypto_openssl.random((uint8_t *)&chance, sizeof chance); /* without it: no chance */
    count(&attempt->webhooks->counters.failed);
    if (now - attempt->delivery.made_at >= (int64_t)config->webhooks_give_up_days * DAY_S) {
        give_up(attempt, error);
        return;
    }
    end_as(attempt, DELIVERY_WAITING,
           now + webhook_wait_s(attempt->delivery.attempts + 1, (unsigned)config->webhooks_retry_s,
                                (unsigned)config->webhooks_retry_max_s, chance),
           error);
    log_failure(attempt, attempt->delivery.attempts ? LOG_DEBUG : LOG_WARNING, "webhook failed");
}

static void answered(struct post *post)
{
    struct attempt *attempt = (struct attempt *)post;
    char error[64];
    if (post->status / 100 == 2) {
        count(&attempt->webhooks->counters.delivered);
        end_as(attempt, DELIVERY_DONE, 0, "");
        return;
    }
    snprintf(error, sizeof error, "answered with status %u", post->status);
    try_later(attempt, post->status ? error : post->error);
}

/* An attempt whose outcome can't be committed now keeps its room, and waits with it. True: some
 * were, and what was behind them is due. */
static bool commit_outcomes(struct webhooks *w)
{
    bool any = false;
    for (unsigned i = 0; i < WEBHOOKS_AT_ONCE; i++) {
        struct attempt *attempt = &w->attempts[i];
        if (attempt->stage != OVER)
            continue;
        struct registry_change change = {
            .kind = CHANGE_DELIVERY,
            .delivery_state = attempt->state,
            .until = attempt->next_at,
            .text = bytes_str(attempt->error),
        };
        memcpy(change.id, attempt->delivery.id, sizeof change.id);
        enum registry_error error = registry_commit(w->gateway->registry, &change);
        if (error != REGISTRY_OK && error != REGISTRY_ERR_NOT_FOUND)
            continue;
        let_go(attempt);
        any = true;
    }
    return any;
}

/* ---- making a message ---- */

static struct bytes keep(struct bytes text, uint8_t storage[EVENT_TEXT_BYTES_MAX])
{
    CHECK(text.len <= EVENT_TEXT_BYTES_MAX);
    if (text.len)
        memcpy(storage, text.data, text.len);
    return bytes_of(storage, text.len);
}

static void take_event(void *context, const struct registry_event *event)
{
    struct attempt *attempt = context;
    attempt->event = *event;
    attempt->event.purpose = keep(event->purpose, attempt->texts[0]);
    attempt->event.reference = keep(event->reference, attempt->texts[1]);
    attempt->event.agency = keep(event->agency, attempt->texts[2]);
}

static enum registry_error find_licence(struct webhooks *w, const struct attempt *attempt)
{
    w->query.by = REGISTRY_BY_ID;
    memcpy(w->query.id, attempt->delivery.licence, sizeof w->query.id);
    CHECK(registry_find(w->reader, &w->query) == REGISTRY_NOW); /* this thread has no loop */
    return w->query.error;
}

static void set_headers(struct attempt *attempt, int64_t now)
{
    struct buf id = BUF_OVER(attempt->id);
    buf_put_str(&id, "Webhook-Id: ");
    buf_put_hex(&id, bytes_of(attempt->delivery.id, sizeof attempt->delivery.id));
    attempt->post.headers[0] = "Content-Type: application/json";
    attempt->post.headers[1] = buf_cstr(&id);
    snprintf(attempt->time, sizeof attempt->time, "Webhook-Timestamp: %lld", (long long)now);
    attempt->post.headers[2] = attempt->time;
    attempt->post.headers[3] = attempt->signature;
}

/* This thread may wait for an HSM. */
static bool sign(struct attempt *attempt, const struct keyring_key *key, int64_t now)
{
    char text[256];
    struct buf why = BUF_OVER(text), header = BUF_OVER(attempt->signature);
    const size_t place = (size_t)(key - attempt->settings->keys.ring.keys);
    struct crypto_signer *signer = settings_signer_take(attempt->settings, place, &why);
    const struct webhook_signing signing = {&crypto_openssl, key, signer};
    buf_put_str(&header, "Webhook-Signature: ");
    bool made =
        signer &&
        webhook_message_sign(&signing, bytes_of(attempt->delivery.id, sizeof attempt->delivery.id),
                             now, attempt->post.body, &header) &&
        *buf_cstr(&header);
    if (signer)
        settings_signer_give(attempt->settings, place, signer);
    return made;
}

/* What there is to say. OK; NOT_FOUND: nothing any more; else not now. */
static enum registry_error write_body(struct webhooks *w, struct attempt *attempt)
{
    struct registry_action action;
    enum registry_error error =
        registry_event_of(w->reader, attempt->delivery.event, take_event, attempt);
    if (error == REGISTRY_OK)
        error = find_licence(w, attempt);
    enum registry_error found = error == REGISTRY_OK
                                    ? registry_action_of_event(w->reader, &attempt->event, &action)
                                    : error;
    if (error == REGISTRY_OK && found != REGISTRY_ERR_NOT_FOUND)
        error = found;
    const struct webhook_message message = {
        .id = bytes_of(attempt->delivery.id, sizeof attempt->delivery.id),
        .event = &attempt->event,
        .licence = &w->query.licence,
        .action = found == REGISTRY_OK ? &action : NULL,
    };
    struct buf body = BUF_OVER(attempt->body);
    if (error)
        return error;
    webhook_message_write(&message, &body);
    CHECK(buf_ok(&body)); /* the registry bounds all texts */
    attempt->post.body = buf_bytes(&body);
    return REGISTRY_OK;
}

/* The key is the caller's settings', of which the attempt has a reference. */
static void begin(struct webhooks *w, struct attempt *attempt, const struct keyring_key *key)
{
    const int64_t now = clock_wall_s();
    const struct config *config = attempt->settings->config;
    attempt->post = (struct post){
        .url = attempt->delivery.url,
        .ca_file = config->webhooks_ca,
        .timeout_ms = (unsigned)config->webhooks_timeout_ms,
        .done = answered,
    };
    enum registry_error error = write_body(w, attempt);
    if (!may_tell(w)) { /* after reading: what was read may be of a registry that went back since */
        let_go(attempt);
        return;
    }
    if (error == REGISTRY_ERR_NOT_FOUND) {
        give_up(attempt, "the registry no longer has what is to be told");
        return;
    }
    set_headers(attempt, now);
    if (error != REGISTRY_OK)
        try_later(attempt, "the registry can't be read");
    else if (!sign(attempt, key, now))
        try_later(attempt, "the key can't sign");
    else if (!poster_start(w->poster, &attempt->post))
        try_later(attempt, "no memory");
    else
        attempt->stage = UNDER_WAY;
}

/* ---- what is due ---- */

static void choose(void *context, const struct registry_delivery *delivery)
{
    struct webhooks *w = context;
    struct attempt *room = NULL;
    unsigned of_client = 0;
    for (unsigned i = 0; i < WEBHOOKS_AT_ONCE; i++) {
        struct attempt *attempt = &w->attempts[i];
        if (attempt->stage == FREE) {
            room = attempt;
            continue;
        }
        of_client += strcmp(attempt->delivery.client, delivery->client) == 0;
        if (memcmp(attempt->delivery.id, delivery->id, sizeof delivery->id) == 0)
            return;
    }
    if (!room || of_client >= WEBHOOKS_AT_ONCE_CLIENT)
        return;
    room->stage = CHOSEN;
    room->delivery = *delivery;
}

static void tell_of_key(struct webhooks *w, const struct settings *settings, bool there)
{
    if (!there && !w->told_no_key)
        log_event(LOG_ERROR, "no key to sign webhooks with",
                  LOG_TEXT("file", settings->config->keys_codes));
    w->told_no_key = !there;
}

static void begin_chosen(struct webhooks *w)
{
    struct settings *settings = gateway_settings(w->gateway);
    const struct keyring_key *key = settings_signing_key(settings, KEY_USE_WEBHOOK);
    for (unsigned i = 0; i < WEBHOOKS_AT_ONCE; i++) {
        struct attempt *attempt = &w->attempts[i];
        if (attempt->stage != CHOSEN)
            continue;
        tell_of_key(w, settings, key != NULL);
        attempt->settings = settings_take(settings);
        if (key)
            begin(w, attempt, key);
        else
            let_go(attempt);
    }
    settings_release(&settings);
}

static void look(struct webhooks *w)
{
    if (!may_tell(w))
        return;
    if (!w->reader)
        w->reader = registry_reader_create(w->gateway->registry);
    if (!w->reader)
        return;
    /* What it gave before it failed, if it did, is due all the same. */
    registry_deliveries_due(w->reader, clock_wall_s(), WEBHOOKS_AT_ONCE_CLIENT, choose, w);
    begin_chosen(w);
}

/* Requests to cancel whose day has passed: their authorities are told again, and operators. */
static void escalate(struct webhooks *w)
{
    struct registry_change change = {.kind = CHANGE_ESCALATE,
                                     .actor = {.acting = JOURNAL_ACTING_NONE}};
    if (!may_tell(w))
        return;
    if (registry_commit(w->gateway->registry, &change) != REGISTRY_OK)
        log_event(LOG_WARNING, "what is overdue could not be escalated; tried again");
    else if (change.seq)
        log_event(LOG_ERROR, "requests to cancel are overdue", LOG_NUMBER("count", change.seq));
}

/* ---- the thread ---- */

static bool is_idle(const struct webhooks *w)
{
    for (unsigned i = 0; i < WEBHOOKS_AT_ONCE; i++)
        if (w->attempts[i].stage == UNDER_WAY)
            return false;
    return true;
}

static void *run(void *argument)
{
    struct webhooks *w = argument;
    uint64_t look_us = 0, escalate_us = 0;
    while (!w->stop || !is_idle(w)) {
        uint64_t now_us = clock_mono_us();
        if (!w->stop && now_us >= escalate_us) {
            escalate(w);
            escalate_us = now_us + ESCALATE_S * UINT64_C(1000000);
        }
        if (!w->stop && now_us >= look_us) {
            look(w);
            look_us = now_us + LOOK_MS * UINT64_C(1000);
        }
        poster_turn(w->poster, LOOK_MS);
        if (commit_outcomes(w))
            look_us = 0;
    }
    return NULL;
}

struct webhooks *webhooks_start(struct gateway *gateway)
{
    struct webhooks *w = check_alloc(sizeof *w);
    sigset_t all, before;
    w->gateway = gateway;
    w->poster = poster_create();
    for (unsigned i = 0; i < WEBHOOKS_AT_ONCE; i++)
        w->attempts[i].webhooks = w;
    sigfillset(&all); /* signals are for the thread that composes */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CHECK(pthread_create(&w->thread, NULL, run, w) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return w;
}

void webhooks_stop(struct webhooks **webhooks)
{
    struct webhooks *w = *webhooks;
    *webhooks = NULL;
    if (!w)
        return;
    w->stop = true;
    poster_wake(w->poster);
    CHECK(pthread_join(w->thread, NULL) == 0);
    for (unsigned i = 0; i < WEBHOOKS_AT_ONCE; i++)
        settings_release(&w->attempts[i].settings);
    poster_destroy(&w->poster);
    registry_reader_destroy(&w->reader);
    free(w);
}

const struct webhooks_counters *webhooks_counters(const struct webhooks *webhooks)
{
    return &webhooks->counters;
}
