#include "gateway/signing.h"

#include "gateway/log.h"

static size_t place_of(const struct signing *s)
{
    return (size_t)(s->key - s->settings->keys.ring.keys);
}

static void explain(struct signing *s, const char *text)
{
    struct buf why = BUF_OVER(s->why);
    buf_put_str(&why, text);
    buf_cstr(&why);
}

/* On the loop: counts, and tells when it begins and when it is over. */
static void note_outcome(struct signing *s)
{
    struct gateway_loop *home = s->op->home;
    if (!s->made)
        count(&home->counters.signing_failures);
    if (s->made == !home->signing_fails)
        return;
    home->signing_fails = !s->made;
    if (!*s->why)
        explain(s, s->key ? "the key did not sign" : "there is no key to sign with now");
    if (s->made)
        log_event(LOG_INFO, "keys sign again");
    else
        log_event(LOG_ERROR, "codes or receipts can't be signed", LOG_TEXT("why", s->why),
                  LOG_ID("request", s->op->id));
}

static void sign_on_worker(struct worker_job *job)
{
    struct signing *s = (struct signing *)((char *)job - offsetof(struct signing, job));
    struct buf why = BUF_OVER(s->why);
    struct crypto_signer *signer = settings_signer_take(s->settings, place_of(s), &why);
    s->made = signer && s->make(s, signer);
    if (signer)
        settings_signer_give(s->settings, place_of(s), signer);
    buf_cstr(&why);
    settings_release(&s->settings);
}

static void signed_on_worker(struct worker_job *job)
{
    struct signing *s = (struct signing *)((char *)job - offsetof(struct signing, job));
    note_outcome(s);
    operation_resume(s->op);
}

static bool takes_long(const struct signing *s)
{
    return s->key->alg == CRYPTO_SM2 || keyfile_in_hsm(&s->settings->keys, place_of(s));
}

enum step_result signing_run(struct signing *s, struct operation *op, enum key_use use, int64_t now,
                             bool (*make)(struct signing *signing, struct crypto_signer *signer))
{
    struct gateway_loop *home = op->home;
    *s = (struct signing){
        .make = make,
        .key = settings_signing_key_at(home->settings, use, now),
        .settings = home->settings,
        .op = op,
        .job = {.work = sign_on_worker, .done = signed_on_worker},
    };
    if (s->key && takes_long(s)) {
        settings_take(s->settings);
        if (worker_submit(home->gateway->workers, home->loop, &s->job))
            return STEP_WAIT;
        settings_release(&s->settings);
        explain(s, "too many wait for workers");
    } else if (s->key) {
        s->made = make(s, home->keys.signers[place_of(s)]);
    }
    note_outcome(s);
    return STEP_NEXT;
}
