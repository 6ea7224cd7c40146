/* The calls under way: a fixed number of them, each with its own deadline. One that was told or
 * cancelled stays until hiredis has given it every reply, and counts as under way till then. */
#include <hiredis/async.h>
#include <hiredis/sds.h>

#include "base/check.h"
#include "cache/redis.h"

#define OUTPUT_BYTES_MAX (4u << 20) /* not yet taken by Redis: sixteen rebuilds */

static void count_failure(struct cache *cache)
{
    if (++cache->failures >= cache->options.breaker_failures)
        cache_drop(cache);
}

static void tell(struct cache_call *call, bool answered)
{
    void *waiter = call->waiter;
    if (!waiter)
        return;
    call->waiter = NULL;
    *call->back = NULL;
    if (!answered)
        counter_add(&call->cache->counters.unanswered, 1);
    call->kind->tell(call, waiter, answered);
}

/* A call nobody waits for any more still trips the breaker: else cancelled ones would hide that
 * Redis is silent. */
static void on_timeout(struct loop_timer *timer)
{
    struct cache_call *call =
        (struct cache_call *)((char *)timer - offsetof(struct cache_call, timer));
    struct cache *cache = call->cache;
    call->failed = true;
    tell(call, false);
    count_failure(cache);
}

static void release(struct cache_call *call)
{
    struct cache *cache = call->cache;
    call->next = cache->idle;
    cache->idle = call;
    counter_add(&cache->counters.in_flight, -1);
}

static void finish(struct cache_call *call, bool connected)
{
    struct cache *cache = call->cache;
    bool in_time = call->timer.list != NULL;
    loop_timer_stop(&call->timer);
    tell(call, !call->failed);
    release(call);
    if (!call->failed)
        cache->failures = 0;
    else if (in_time && connected)
        count_failure(cache);
}

static void read_reply(struct cache_call *call, const struct redisReply *reply)
{
    struct cache *cache = call->cache;
    unsigned part = call->replies;
    enum reading reading = READING_FINE;
    if (reply_is_error(reply, "NOSCRIPT")) {
        cache_load_scripts(cache);
        cache->failures = 0; /* it is there, and needs no new connection */
    }
    if (call->written_us == 0) /* answered before it was asked */
        reading = READING_NONSENSE;
    else if (call->waiter && !call->failed)
        reading = call->kind->read(call, part, reply);

    if (reading != READING_FINE)
        call->failed = true;
    if (reading == READING_NONSENSE) {
        counter_add(&cache->counters.wrong_echo, 1);
        cache_drop(cache);
    }
}

static void on_reply(struct redisAsyncContext *redis, void *reply, void *context)
{
    (void)redis;
    struct cache_call *call = context;
    struct cache *cache = call->cache;
    if (reply) {
        read_reply(call, reply);
    } else {
        cache_lost(cache);
        call->failed = true;
    }
    if (++call->replies == call->commands)
        finish(call, reply != NULL);
    if (reply)
        cache_drop_unasked(cache);
}

struct cache_call *call_take(struct cache *cache, const struct call_kind *kind)
{
    struct cache_call *call = cache->idle;
    if (cache->state != CACHE_UP || !call || sdslen(cache->redis->c.obuf) > OUTPUT_BYTES_MAX) {
        counter_add(&cache->counters.refused, 1);
        return NULL;
    }
    cache->idle = call->next;
    counter_add(&cache->counters.in_flight, 1);
    call->kind = kind;
    call->waiter = NULL;
    call->commands = call->replies = 0;
    call->failed = false;
    call->written_us = 0;
    return call;
}

bool call_start(struct cache_call *call, const struct buf *commands, const size_t *ends,
                unsigned count, void *waiter, struct cache_call **back)
{
    struct cache *cache = call->cache;
    CHECK(buf_ok(commands) && count <= CALL_COMMANDS_MAX);
    for (size_t from = 0; call->commands < count; from = ends[call->commands++])
        if (redisAsyncFormattedCommand(cache->redis, on_reply, call,
                                       (const char *)commands->data + from,
                                       ends[call->commands] - from) != REDIS_OK)
            break;
    if (call->commands == 0) {
        counter_add(&cache->counters.refused, 1);
        release(call);
        return false;
    }
    call->failed = call->commands < count; /* out of memory halfway: told when the rest is in */
    call->waiter = waiter;
    call->back = back;
    if (back)
        *back = call;
    call->next = cache->unwritten;
    cache->unwritten = call;
    call->timer.fire = on_timeout;
    loop_timer_start(cache->loop, &call->timer, cache->options.trip_timeout_ms);
    counter_add(&cache->counters.trips, 1);
    return true;
}

void call_cancel(struct cache_call **back)
{
    if (!*back)
        return;
    (*back)->waiter = NULL;
    *back = NULL;
}
