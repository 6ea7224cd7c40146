/* Calls of cache_once and cache_take whose answers are kept. Only in one file of a program. */
#ifndef TESTS_CACHE_LIMITS_H
#define TESTS_CACHE_LIMITS_H

#include "tests/cache_world.h"

struct onced {
    struct cache_once once;
    unsigned done;
};

static inline void on_once(struct cache_once *once)
{
    ((struct onced *)once)->done++;
    loop_stop(world.loop);
}

static inline struct onced new_once(uint8_t name)
{
    struct onced onced = {.once = {.ttl_s = 60, .done = on_once}};
    memset(onced.once.name, name, sizeof onced.once.name);
    return onced;
}

static inline struct cache_once once(uint8_t name)
{
    struct onced onced = new_once(name);
    assert_true(cache_once(world.cache, &onced.once));
    assert_non_null(onced.once.call);
    WAIT(onced.done);
    assert_int_equal(onced.done, 1);
    assert_null(onced.once.call);
    assert_true(onced.once.answered || !onced.once.first);
    return onced.once;
}

struct taken {
    struct cache_bucket bucket;
    unsigned done;
};

static inline void on_taken(struct cache_bucket *bucket)
{
    ((struct taken *)bucket)->done++;
    loop_stop(world.loop);
}

static inline struct taken new_take(unsigned size, unsigned fill_s, unsigned tokens)
{
    return (struct taken){.bucket = {.name = BYTES("quota:bank-7"),
                                     .size = size,
                                     .fill_s = fill_s,
                                     .take = tokens,
                                     .done = on_taken}};
}

static inline struct cache_bucket take(unsigned size, unsigned fill_s, unsigned tokens)
{
    struct taken taken = new_take(size, fill_s, tokens);
    assert_true(cache_take(world.cache, &taken.bucket));
    assert_non_null(taken.bucket.call);
    taken.bucket.name = bytes_of(NULL, 0); /* it was borrowed until now */
    WAIT(taken.done);
    assert_int_equal(taken.done, 1);
    assert_null(taken.bucket.call);
    return taken.bucket;
}

static inline void assert_untold(const struct cache_bucket *bucket)
{
    assert_false(bucket->answered || bucket->taken);
    assert_true(bucket->left == 0 && bucket->wait_ms == 0);
}

#endif
