/* GET /healthz, GET /readyz: for the operator's supervisor and load balancer. */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/home.h"
#include "gateway/relay.h"

#define ALIVE_STEPS(S) S(answer_alive)

struct alive {
    struct operation op;
};

static enum step_result answer_alive(struct alive *a)
{
    return operation_answer_json(&a->op, 200, BYTES("{\"alive\":true}"));
}

FLOW_DEFINE(alive, ALIVE_STEPS);

/* Ready: the registry can be asked, its numbers were compared lately, and each loop can write its
 * evidence, without which it answers nothing. Redis away is told and
 * does not make the gateway unready: every verify then asks the registry. */
#define READY_STEPS(S) S(answer_ready)

#define READY_BYTES_MAX 512

struct ready {
    struct operation op;
};

static bool evidence_fails(const struct gateway *gateway)
{
    bool failing = false;
    for (unsigned i = 0; i < gateway->loop_count; i++)
        failing |= journal_counters(gateway->loops[i]->journal)->failing;
    return failing;
}

static enum step_result answer_ready(struct ready *r)
{
    const struct gateway *gateway = r->op.home->gateway;
    static const char *const redis[] = {
        [CACHE_AWAY] = "away", [CACHE_UP] = "up", [CACHE_UNSUITABLE] = "unsuitable"};
    uint64_t compared_us = copy_compared_us(gateway->copy), now_us = clock_mono_us();
    bool behind = atomic_load(&gateway->registry_behind);
    bool asked = compared_us != 0 && now_us - compared_us <= COPY_BELIEF_US_MAX && !behind;
    bool failing = evidence_fails(gateway), ready = asked && !failing;
    struct buf body;
    buf_init(&body, http_alloc(r->op.http, READY_BYTES_MAX), READY_BYTES_MAX);
    buf_printf(&body,
               "{\"ready\":%s,\"redis\":\"%s\",\"registry\":\"%s\",\"evidence\":\"%s\","
               "\"compared_ms_ago\":",
               ready ? "true" : "false", redis[relay_cache_state(gateway->relay)],
               behind  ? "behind the copy: restored without jwb registry restored?"
               : asked ? "up"
                       : "away",
               failing ? "can't be written" : "up");
    if (compared_us)
        buf_put_decimal(&body, (int64_t)((now_us - compared_us) / 1000));
    else
        buf_put_str(&body, "null");
    buf_put_u8(&body, '}');
    CHECK(buf_ok(&body));
    return operation_answer_json(&r->op, ready ? 200 : 503, buf_bytes(&body));
}

FLOW_DEFINE(ready, READY_STEPS);
