/* A loop, a Redis and a cache for the tests of the cache, and calls whose answers are kept. Only in
 * one file of a program, hence all inline. */
#ifndef TESTS_CACHE_WORLD_H
#define TESTS_CACHE_WORLD_H

#include "base/clock.h"
#include "cache/cache.h"
#include "tests/redis_server.h"

#define GENERATION 0xfedcba9876543210u /* more than a double can hold */
#define LIST       12

/* ---- the loop is looked at each millisecond ---- */
struct world {
    struct redis_server server;
    struct cache_options options;
    struct loop *loop;
    struct cache *cache;
    struct loop_timer tick;
    enum cache_state told[16]; /* changes of state, in order */
    size_t told_count;
};
static struct world world;

static inline void on_tick(struct loop_timer *timer)
{
    (void)timer;
    loop_stop(world.loop);
}

/* Turns the loop until the condition holds; a minute without it ends the test. */
#define WAIT(condition)                                                                            \
    for (uint64_t end_us_ = clock_mono_us() + 60000000; !(condition);) {                           \
        assert_true(clock_mono_us() < end_us_);                                                    \
        turn();                                                                                    \
    }
static inline void turn(void)
{
    loop_timer_start(world.loop, &world.tick, 1);
    loop_run(world.loop);
}

static inline void on_changed(void *context, enum cache_state state)
{
    assert_ptr_equal(context, &world);
    assert_int_equal(atomic_load(&cache_counters(world.cache)->state), state);
    if (world.told_count < 16)
        world.told[world.told_count++] = state;
}

static inline void open_cache(void)
{
    world.cache = cache_create(world.loop, &world.options, on_changed, &world);
    assert_int_equal(cache_state(world.cache), CACHE_AWAY);
    assert_int_equal(cache_run_id(world.cache).len, 0);
    assert_true(cache_up_since_us(world.cache) == 0);
}

static inline void close_cache(void)
{
    cache_destroy(&world.cache);
    assert_null(world.cache);
    turn(); /* what was about to be sent */
}

static inline void open_loop(void)
{
    memset(&world, 0, sizeof world);
    world.loop = loop_create();
    world.tick.fire = on_tick;
    world.options = (struct cache_options){
        .socket_path = world.server.socket_path,
        .connect_timeout_ms = 20000,
        .trip_timeout_ms = 20000,
        .in_flight_max = 64,
        .retry_ms = 2,
        .breaker_failures = 1000,
    };
}

static inline int open_world(void **state)
{
    (void)state;
    open_loop();
    redis_server_start(&world.server, NULL);
    open_cache();
    WAIT(cache_state(world.cache) == CACHE_UP);
    return 0;
}

static inline int close_world(void **state)
{
    (void)state;
    close_cache();
    loop_timer_stop(&world.tick);
    loop_destroy(&world.loop);
    redis_server_stop(&world.server);
    return 0;
}

static inline uint64_t in_flight(void)
{
    return atomic_load(&cache_counters(world.cache)->in_flight);
}

/* ---- calls whose answers are kept ---- */
struct asked {
    struct cache_ask ask;
    unsigned done;
    uint8_t first[CACHE_ENTRY_BYTES_MAX], face[CACHE_FACE_BYTES_MAX];
};

/* Views end with `done`: the copies beside the call stay, the call keeps their lengths. */
static inline struct bytes kept(struct bytes view, uint8_t *storage)
{
    if (view.len)
        memcpy(storage, view.data, view.len);
    return bytes_of(NULL, view.len);
}
#define FIRST(asked)      bytes_of((asked).first, (asked).ask.first.len)
#define REMEMBERED(asked) bytes_of((asked).first, (asked).remember.first.len)

static inline void on_asked(struct cache_ask *ask)
{
    struct asked *asked = (struct asked *)ask;
    asked->done++;
    ask->first = kept(ask->first, asked->first);
    ask->face = kept(ask->face, asked->face);
    loop_stop(world.loop);
}

static inline struct asked new_ask(uint8_t cti, uint8_t mac, enum cache_count count,
                                   const char *entry)
{
    struct asked asked = {.ask = {.list = LIST, .index = 1000, .count = count, .done = on_asked}};
    memset(asked.ask.cti, cti, CACHE_CTI_BYTES);
    memset(asked.ask.mac, mac, CACHE_MAC_BYTES);
    asked.ask.entry = bytes_str(entry);
    return asked;
}

static inline void ask(struct asked *asked)
{
    asked->done = 0;
    assert_true(cache_ask(world.cache, &asked->ask));
    assert_non_null(asked->ask.call);
    assert_int_equal(asked->done, 0);
    WAIT(asked->done);
    assert_int_equal(asked->done, 1);
    assert_null(asked->ask.call);
}

static inline struct asked ask_new(uint8_t cti, uint8_t mac, enum cache_count count,
                                   const char *entry)
{
    struct asked asked = new_ask(cti, mac, count, entry);
    ask(&asked);
    return asked;
}

static inline void assert_empty_answer(const struct cache_ask *ask)
{
    assert_false(ask->answered || ask->code_known || ask->counted || ask->list_present);
    assert_true(ask->first.len == 0 && ask->face.len == 0);
    assert_true(ask->seq == 0 && ask->generation == 0 && ask->bits == 0);
    assert_int_equal(ask->acting, CACHE_ACTING_UNKNOWN);
}

struct remembered {
    struct cache_remember remember;
    unsigned done;
    uint8_t first[CACHE_ENTRY_BYTES_MAX];
};

static inline void on_remembered(struct cache_remember *remember)
{
    struct remembered *remembered = (struct remembered *)remember;
    remembered->done++;
    remember->first = kept(remember->first, remembered->first);
    loop_stop(world.loop);
}

static inline struct remembered new_remember(uint8_t cti, uint8_t mac, enum cache_count count,
                                             const char *entry)
{
    struct remembered r = {.remember = {.issued_at = 1700000000,
                                        .ttl_s = 120,
                                        .acting = CACHE_ACTING_UNKNOWN,
                                        .count = count,
                                        .entry = bytes_str(entry),
                                        .done = on_remembered}};
    memset(r.remember.cti, cti, CACHE_CTI_BYTES);
    memset(r.remember.mac, mac, CACHE_MAC_BYTES);
    return r;
}

static inline struct remembered remember(uint8_t cti, uint8_t mac, enum cache_count count,
                                         const char *entry)
{
    struct remembered r = new_remember(cti, mac, count, entry);
    assert_true(cache_remember(world.cache, &r.remember));
    WAIT(r.done);
    assert_int_equal(r.done, 1);
    return r;
}

struct listed {
    struct cache_list_call call;
    unsigned done;
};

static inline void on_listed(struct cache_list_call *call)
{
    ((struct listed *)call)->done++;
    loop_stop(world.loop);
}

static inline struct listed list_call(bool (*start)(struct cache *, struct cache_list_call *),
                                      struct cache_list_call call)
{
    struct listed listed = {.call = call};
    listed.call.done = on_listed;
    assert_true(start(world.cache, &listed.call));
    WAIT(listed.done);
    assert_int_equal(listed.done, 1);
    assert_null(listed.call.call);
    return listed;
}

static uint8_t array[CACHE_LIST_BYTES];

static inline enum cache_list_result rebuild(uint64_t generation, uint64_t seq, uint64_t *redis_seq)
{
    struct listed l =
        list_call(cache_list_rebuild,
                  (struct cache_list_call){
                      .list = LIST, .generation = generation, .seq = seq, .array = array});
    if (redis_seq)
        *redis_seq = l.call.redis_seq;
    return l.call.result;
}

static inline enum cache_list_result list_state(uint64_t generation, uint64_t *redis_seq)
{
    struct listed l = list_call(cache_list_state,
                                (struct cache_list_call){.list = LIST, .generation = generation});
    if (redis_seq)
        *redis_seq = l.call.redis_seq;
    return l.call.result;
}

static inline enum cache_list_result apply(uint64_t generation, uint64_t seq,
                                           const struct cache_change *changes, size_t count,
                                           uint64_t *redis_seq)
{
    struct listed l = list_call(cache_list_apply, (struct cache_list_call){.list = LIST,
                                                                           .generation = generation,
                                                                           .seq = seq,
                                                                           .changes = changes,
                                                                           .change_count = count});
    if (redis_seq)
        *redis_seq = l.call.redis_seq;
    return l.call.result;
}

static inline struct cache_ask look(uint32_t index)
{
    struct asked asked = new_ask(1, 1, CACHE_COUNT_NONE, "");
    asked.ask.index = index;
    ask(&asked);
    assert_true(asked.ask.answered);
    return asked.ask;
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

#endif
