#include "gateway/witness.h"

#include <signal.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/http/http.h"
#include "gateway/throttle.h"
#include "gateway/witness_state.h"
#include "loop/thread.h"

#define WRONG_PROOFS_TOLD_PER_MINUTE 1

struct witness {
    struct witness_state *state;
    struct throttle *wrong_proofs; /* one bucket, whoever sends them */
    struct http *http;
    struct http_tls *tls;
    struct http_loop *http_loop;
    struct loop *loop;
    struct loop_thread *thread;
    struct loop_message stop;
    unsigned drain_ms;
};

/* ---- requests ---- */

static void answer(struct http_request *request, unsigned status, const char *content_type,
                   struct bytes body)
{
    http_respond(request, &(struct http_answer){
                              .status = status, .content_type = content_type, .body = body});
}

/* A log that was rewritten can prove nothing, and anybody can send a wrong proof beside a
 * checkpoint that it published: worth a look, no evidence. */
static void tell_wrong_proof(struct witness *witness, const struct witness_request *request)
{
    static const uint8_t anybody[THROTTLE_KEY_BYTES];
    unsigned wait_ms;
    if (throttle_take(witness->wrong_proofs, anybody, WRONG_PROOFS_TOLD_PER_MINUTE, 1,
                      clock_mono_us(), &wait_ms))
        log_event(LOG_WARNING, "a proof does not hold",
                  LOG_BYTES("origin", request->checkpoint.origin),
                  LOG_NUMBER("old", request->old_size), LOG_BYTES("note", request->note));
}

/* What shows that a log lies is worth keeping: the checkpoint goes into our log, with its
 * signature. */
static void tell(struct witness *witness, enum witness_verdict verdict,
                 const struct witness_request *request)
{
    const struct bytes origin = request->checkpoint.origin;
    if (verdict == WITNESS_COSIGNED)
        log_event(LOG_DEBUG, "cosigned", LOG_BYTES("origin", origin),
                  LOG_NUMBER("size", request->checkpoint.size));
    else if (verdict == WITNESS_INCONSISTENT)
        tell_wrong_proof(witness, request);
    else if (verdict == WITNESS_FORKED)
        log_event(LOG_ERROR, "a log contradicts itself", LOG_BYTES("origin", origin),
                  LOG_NUMBER("old", request->old_size), LOG_BYTES("note", request->note));
    else if (verdict == WITNESS_FAILED)
        log_event(LOG_ERROR, "can't cosign", LOG_BYTES("origin", origin));
}

static void add_checkpoint(struct witness *witness, struct http_request *request)
{
    static const unsigned statuses[WITNESS_VERDICTS] = {
        [WITNESS_COSIGNED] = 200, [WITNESS_MALFORMED] = 400,    [WITNESS_UNKNOWN] = 404,
        [WITNESS_UNSIGNED] = 403, [WITNESS_BEHIND] = 409,       [WITNESS_FORKED] = 409,
        [WITNESS_FAILED] = 500,   [WITNESS_INCONSISTENT] = 422,
    };
    struct witness_request *read = http_room(request, sizeof *read);
    struct buf body;
    buf_init(&body, http_room(request, WITNESS_LINE_BYTES_MAX), WITNESS_LINE_BYTES_MAX);
    enum witness_verdict verdict = witness_state_add(witness->state, http_body(request),
                                                     (uint64_t)clock_wall_s(), read, &body);
    tell(witness, verdict, read);
    answer(request, statuses[verdict],
           verdict == WITNESS_BEHIND || verdict == WITNESS_FORKED ? "text/x.tlog.size"
           : verdict == WITNESS_COSIGNED                          ? "text/plain; charset=utf-8"
                                                                  : NULL,
           buf_bytes(&body));
}

/* One after the other, on the one loop: what is cosigned is on disk when the next is looked at. */
static void serve(void *context, struct http_request *request)
{
    const struct bytes path = http_path(request), method = http_method(request);
    const bool post = bytes_equal(path, BYTES("/add-checkpoint"));
    if (!post && !bytes_equal(path, BYTES("/healthz")))
        answer(request, 404, NULL, BYTES(""));
    else if (!bytes_equal(method, post ? BYTES("POST") : BYTES("GET")))
        answer(request, 405, NULL, BYTES(""));
    else if (post)
        add_checkpoint(context, request);
    else
        answer(request, 200, "application/json", BYTES("{\"alive\":true}"));
}

/* ---- starting and stopping ---- */

static bool open_state(struct witness *w, const struct config *config, struct buf *why)
{
    struct note_signer signer;
    if (note_key_read(config->witness_key, &signer, why))
        w->state = witness_state_open(config->witness_logs, config->witness_folder, &signer, why);
    crypto_wipe(&signer, sizeof signer);
    return w->state != NULL;
}

static bool listen_on(struct witness *w, const struct config *config, struct buf *why)
{
    const struct http_options options = {
        .connections_max = (unsigned)config->http_connections_max,
        .body_bytes_max = WITNESS_BODY_BYTES_MAX,
        .header_bytes_max = (unsigned)config->http_header_bytes_max,
        .request_timeout_ms = (unsigned)config->http_request_timeout_ms,
        .idle_timeout_ms = (unsigned)config->http_idle_timeout_ms,
        .tcp_user_timeout_ms = (unsigned)config->http_tcp_user_timeout_ms,
        .backlog = (unsigned)config->http_backlog,
    };
    w->http = http_create(&options);
    if (!config->public_plain_http &&
        !(w->tls =
              http_tls_create(config->public_certificate, config->public_certificate_key, why)))
        return false;
    uint16_t port = http_listen(w->http, config->witness_address, (uint16_t)config->witness_port,
                                w->tls, serve, 1, why);
    if (port)
        log_event(LOG_INFO, "listening", LOG_TEXT("address", config->witness_address),
                  LOG_NUMBER("port", port), LOG_TEXT("protocol", w->tls ? "https" : "http"));
    return port != 0;
}

static void drained(void *context)
{
    struct witness *w = context;
    loop_stop(w->loop);
}

static void stop_delivered(struct loop_message *message)
{
    struct witness *w = (struct witness *)((char *)message - offsetof(struct witness, stop));
    http_drain(w->http_loop, w->drain_ms, drained);
}

static void serve_until_signal(struct witness *w)
{
    sigset_t signals;
    int number;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    w->loop = loop_create();
    w->http_loop = http_attach(w->http, w->loop, 0, w);
    w->thread = loop_thread_start(w->loop);
    log_event(LOG_INFO, "ready", LOG_TEXT("version", JWB_VERSION),
              LOG_NUMBER("logs", witness_state_logs(w->state)));
    CHECK(sigwait(&signals, &number) == 0);
    log_event(LOG_INFO, "stopping");
    w->stop.deliver = stop_delivered;
    loop_post(w->loop, &w->stop);
    loop_thread_wait(w->thread);
    CHECK(http_detach(&w->http_loop)); /* every request was answered when it came */
    loop_destroy(&w->loop);
    loop_thread_end(&w->thread);
    log_event(LOG_INFO, "stopped");
}

bool witness_serve(const struct config *config, struct buf *why)
{
    struct witness *w = check_alloc(sizeof *w);
    log_set_level(config_log_level(config));
    w->drain_ms = (unsigned)config->http_drain_ms;
    w->wrong_proofs = throttle_create(1);
    bool ok = open_state(w, config, why) && listen_on(w, config, why);
    if (ok)
        serve_until_signal(w);
    http_destroy(&w->http);
    http_tls_release(w->tls);
    witness_state_close(&w->state);
    throttle_destroy(&w->wrong_proofs);
    free(w);
    return ok;
}
