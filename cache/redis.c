/* The connection: hiredis on the loop, who is there, when to give up, when to come back. */
#include "cache/redis.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <hiredis/async.h>
#include <hiredis/sds.h>

#include "base/check.h"
#include "base/clock.h"

#define RETRY_GROWTH_MAX 8
#define REPLY_BYTES_MAX  32768 /* of an incomplete reply; the longest of ours are about 2 KiB */

static void connect_now(struct cache *cache);

static void set_state(struct cache *cache, enum cache_state state)
{
    if (cache->state == state)
        return;
    cache->state = state;
    cache->up_since_us = state == CACHE_UP ? clock_mono_us() : 0;
    atomic_store_explicit(&cache->counters.state, (int)state, memory_order_relaxed);
    if (cache->changed)
        cache->changed(cache->context, state);
}

void cache_lost(struct cache *cache)
{
    cache->unwritten = NULL; /* their calls end with the connection */
    if (cache->state == CACHE_UP)
        set_state(cache, CACHE_AWAY);
}

void cache_drop(struct cache *cache)
{
    cache_lost(cache);
    if (cache->redis)
        redisAsyncFree(cache->redis);
}

/* ---- deadlines ---- */
static void on_deadline(struct loop_timer *timer)
{
    cache_drop((struct cache *)((char *)timer - offsetof(struct cache, deadline)));
}

static void on_retry(struct loop_timer *timer)
{
    connect_now((struct cache *)((char *)timer - offsetof(struct cache, retry)));
}

static void plan_retry(struct cache *cache)
{
    set_state(cache, cache->unsuitable ? CACHE_UNSUITABLE : CACHE_AWAY);
    loop_timer_start(cache->loop, &cache->retry, cache->retry_ms);
    if (cache->retry_ms < cache->options.retry_ms * RETRY_GROWTH_MAX)
        cache->retry_ms *= 2;
}

/* ---- who is there: its run_id, its policy; it takes the scripts; only then are we up ---- */
static bool info_field(const struct redisReply *reply, const char *name, struct bytes *value)
{
    struct bytes text;
    if (!reply_text(reply, &text))
        return false;
    const uint8_t *at = memmem(text.data, text.len, name, strlen(name));
    if (!at)
        return false;
    *value = bytes_from(text, (size_t)(at - text.data) + strlen(name));
    const uint8_t *end = memchr(value->data, '\r', value->len);
    value->len = end ? (size_t)(end - value->data) : value->len;
    return true;
}

static void on_server(redisAsyncContext *redis, void *reply, void *context)
{
    struct cache *cache = redis->data;
    struct bytes run_id;
    (void)context;
    if (!reply)
        return;
    if (!info_field(reply, "\r\nrun_id:", &run_id) || run_id.len != CACHE_RUN_ID_BYTES) {
        cache_drop(cache);
        return;
    }
    memcpy(cache->run_id, run_id.data, CACHE_RUN_ID_BYTES);
    cache_drop_unasked(cache);
}

static void on_memory(redisAsyncContext *redis, void *reply, void *context)
{
    struct cache *cache = redis->data;
    struct bytes policy;
    (void)context;
    if (!reply)
        return;
    bool told = info_field(reply, "\r\nmaxmemory_policy:", &policy);
    cache->unsuitable = told && !bytes_equal(policy, BYTES("noeviction"));
    if (!told || cache->unsuitable)
        cache_drop(cache);
    else
        cache_drop_unasked(cache);
}

static void come_up(struct cache *cache)
{
    if (cache->was_up)
        counter_add(&cache->counters.reconnects, 1);
    cache->was_up = true;
    cache->failures = 0;
    cache->retry_ms = cache->options.retry_ms;
    loop_timer_stop(&cache->deadline);
    set_state(cache, CACHE_UP);
}

static void on_script(redisAsyncContext *redis, void *reply, void *context)
{
    struct cache *cache = redis->data;
    char *sha = context;
    struct bytes text;
    if (!reply) {
        cache_lost(cache);
        return;
    }
    cache->loading--;
    if (reply_text(reply, &text) && text.len == SCRIPT_SHA_BYTES) {
        memcpy(sha, text.data, SCRIPT_SHA_BYTES);
        if (cache->loading == 0 && cache->state != CACHE_UP)
            come_up(cache);
    } else if (cache->state != CACHE_UP) {
        cache_drop(cache);
    }
    cache_drop_unasked(cache);
}

void cache_load_scripts(struct cache *cache)
{
    if (cache->loading)
        return;
    for (size_t i = 0; i < SCRIPT_COUNT; i++)
        if (redisAsyncCommand(cache->redis, on_script, cache->sha[i], "SCRIPT LOAD %s",
                              script_texts[i]) == REDIS_OK)
            cache->loading++;
}

/* hiredis frees the connection itself after a failure, and it must not be freed here. */
static void on_connect(const redisAsyncContext *redis, int status)
{
    struct cache *cache = redis->data;
    if (status != REDIS_OK)
        return;
    redisAsyncCommand(cache->redis, on_server, NULL, "INFO server");
    redisAsyncCommand(cache->redis, on_memory, NULL, "INFO memory");
    cache_load_scripts(cache);
}

/* ---- hiredis on the loop ---- */
static void arm_writable(struct cache *cache)
{
    cache->awaiting_writable = true;
    loop_watch_writable(cache->watch);
}

static void send_out(struct cache *cache)
{
    if (!cache->redis)
        return;
    uint64_t now_us = clock_mono_us();
    for (struct cache_call *call = cache->unwritten; call; call = call->next)
        call->written_us = now_us;
    cache->unwritten = NULL;
    cache->writing = true;
    redisAsyncHandleWrite(cache->redis);
    cache->writing = false;
    if (cache->redis && sdslen(cache->redis->c.obuf) > 0)
        arm_writable(cache);
}

static void on_flush(struct loop_task *task)
{
    struct cache *cache = (struct cache *)((char *)task - offsetof(struct cache, flush));
    if (cache->closing)
        free(cache);
    else
        send_out(cache);
}

static void on_writable(void *owner)
{
    struct cache *cache = owner;
    cache->awaiting_writable = false;
    send_out(cache);
}

/* hiredis asks to write at each command: all of a turn leave together at its end. */
static void on_wish_to_write(void *owner)
{
    struct cache *cache = owner;
    if (!(cache->redis->c.flags & REDIS_CONNECTED))
        arm_writable(cache);
    else if (!cache->writing && !cache->awaiting_writable)
        loop_task_queue(cache->loop, LOOP_PHASE_SEND, &cache->flush);
}

static void on_readable(void *owner)
{
    struct cache *cache = owner;
    redisAsyncContext *redis = cache->redis;
    char octet;
    cache->read_us = clock_mono_us();
    /* hiredis aborts at a reply that was not asked for: with none due nothing is let in. */
    if ((redis->c.flags & REDIS_CONNECTED) && !redis->replies.head) {
        if (recv(redis->c.fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN)
            cache_drop(cache);
        return;
    }
    redisAsyncHandleRead(redis);
    if (cache->redis && cache->redis->c.reader->len > REPLY_BYTES_MAX)
        cache_drop(cache);
}

void cache_drop_unasked(struct cache *cache)
{
    const redisReader *reader = cache->redis->c.reader;
    if (reader->pos < reader->len && !cache->redis->replies.head)
        cache_drop(cache);
}

/* The connection is about to be freed, and hiredis to close its descriptor. */
static void on_gone(void *owner)
{
    struct cache *cache = owner;
    cache_lost(cache);
    loop_timer_stop(&cache->deadline);
    loop_watch_destroy(&cache->watch);
    cache->redis = NULL;
    if (!cache->closing)
        plan_retry(cache);
}

static void connect_now(struct cache *cache)
{
    static const struct loop_watch_handlers handlers = {on_readable, on_writable};
    const struct cache_options *options = &cache->options;
    redisAsyncContext *redis = options->socket_path
                                   ? redisAsyncConnectUnix(options->socket_path)
                                   : redisAsyncConnect(options->host, options->port);
    cache->unsuitable = false;
    if (!redis || redis->err) {
        if (redis)
            redisAsyncFree(redis);
        plan_retry(cache);
        return;
    }
    cache->redis = redis;
    cache->loading = 0;
    cache->awaiting_writable = false;
    cache->watch = loop_watch_create(cache->loop, redis->c.fd, &handlers, cache);
    loop_watch_readable(cache->watch, true); /* and it stays so: no addRead */
    reply_arena_attach(cache->arena, redis->c.reader);
    redis->data = redis->ev.data = cache;
    redis->ev.addWrite = on_wish_to_write;
    redis->ev.cleanup = on_gone;
    loop_timer_start(cache->loop, &cache->deadline, options->connect_timeout_ms);
    redisAsyncSetConnectCallback(redis, on_connect);
}

/* ---- the door ---- */
struct cache *cache_create(struct loop *loop, const struct cache_options *options,
                           void (*changed)(void *context, enum cache_state state), void *context)
{
    CHECK(options->socket_path ? strlen(options->socket_path) <= CACHE_SOCKET_PATH_MAX
                               : options->host != NULL);
    CHECK(options->connect_timeout_ms && options->trip_timeout_ms && options->in_flight_max &&
          options->retry_ms && options->breaker_failures);
    struct cache *cache = check_alloc(sizeof *cache);
    cache->loop = loop;
    cache->options = *options;
    if (options->breaker_failures > options->in_flight_max) /* more can't be silent at a time */
        cache->options.breaker_failures = options->in_flight_max;
    cache->changed = changed;
    cache->context = context;
    cache->flush.run = on_flush;
    cache->deadline.fire = on_deadline;
    cache->retry.fire = on_retry;
    cache->retry_ms = options->retry_ms;
    cache->arena = reply_arena_create();
    cache->calls = check_alloc(options->in_flight_max * sizeof *cache->calls);
    for (unsigned i = 0; i < options->in_flight_max; i++) {
        cache->calls[i].cache = cache;
        cache->calls[i].next = cache->idle;
        cache->idle = &cache->calls[i];
    }
    connect_now(cache);
    return cache;
}

void cache_destroy(struct cache **cache)
{
    struct cache *c = *cache;
    if (!c)
        return;
    c->closing = true;
    c->changed = NULL;
    cache_drop(c); /* those who are told may still look at it */
    *cache = NULL;
    loop_timer_stop(&c->retry);
    free(c->calls);
    free(c->arena);
    if (!c->flush.queued)
        free(c);
}

enum cache_state cache_state(const struct cache *cache)
{
    return cache->state;
}

uint64_t cache_up_since_us(const struct cache *cache)
{
    return cache->up_since_us;
}

struct bytes cache_run_id(const struct cache *cache)
{
    return bytes_of(cache->run_id, cache->state == CACHE_UP ? CACHE_RUN_ID_BYTES : 0);
}

const struct cache_counters *cache_counters(const struct cache *cache)
{
    return &cache->counters;
}
