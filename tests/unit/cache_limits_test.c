/* What a working Redis, and one that is not there, do with cache_once and cache_take. */
#include "tests/cache_limits.h"

#define ONCE_KEY "once:{0707070707070707070707070707070707070707070707070707070707070707}"
#define BUCKET   "bucket:{quota:bank-7}"
#define DAY_S    86400u

/* ---- once ---- */

/* Otherwise an assertion is taken twice, or a genuine one refused for the sake of another. */
static void test_a_name_is_first_once(void **state)
{
    (void)state;
    assert_true(once(7).answered && redis_server_number(&world.server, "EXISTS %s", ONCE_KEY) == 1);
    assert_in_range(redis_server_number(&world.server, "PTTL %s", ONCE_KEY), 1, 60000);
    struct cache_once again = once(7);
    assert_true(again.answered && !again.first);
    assert_true(once(8).first);

    redis_server_number(&world.server, "PEXPIRE %s 1", ONCE_KEY);
    WAIT(redis_server_number(&world.server, "EXISTS %s", ONCE_KEY) == 0);
    assert_true(once(7).first);
}

/* Otherwise a stranger's key makes an assertion pass as new. */
static void test_what_stands_there_already_is_not_first(void **state)
{
    (void)state;
    redis_server_number(&world.server, "LPUSH " ONCE_KEY " x");
    struct cache_once answer = once(7);
    assert_true(answer.answered && !answer.first);
}

/* A second gateway: another connection of its own. */
static struct cache *open_second(void)
{
    struct cache *second = cache_create(world.loop, &world.options, NULL, NULL);
    WAIT(cache_state(second) == CACHE_UP);
    return second;
}

/* Otherwise two gateways take one assertion in the same moment. */
static void test_two_gateways_agree_on_the_first(void **state)
{
    (void)state;
    enum { NAMES = 25 };
    struct cache *second = open_second();
    struct onced onced[2 * NAMES];
    for (int i = 0; i < 2 * NAMES; i++) {
        onced[i] = new_once((uint8_t)(i / 2));
        assert_true(cache_once(i % 4 == 1 || i % 4 == 2 ? second : world.cache, &onced[i].once));
    }
    for (int i = 0; i < 2 * NAMES; i += 2) {
        WAIT(onced[i].done && onced[i + 1].done);
        assert_true(onced[i].once.answered && onced[i + 1].once.answered);
        assert_int_equal(onced[i].once.first + onced[i + 1].once.first, 1);
    }
    cache_destroy(&second);
}

/* Otherwise a restart of Redis from its dump lets every assertion pass a second time. */
static void test_a_dump_keeps_what_happened(void **state)
{
    (void)state;
    assert_true(once(7).first && take(10, DAY_S, 10).taken);
    redis_server_dump(&world.server);
    redis_server_restart_from_dump(&world.server);
    WAIT(cache_state(world.cache) == CACHE_AWAY);
    WAIT(cache_state(world.cache) == CACHE_UP);
    assert_true(once(7).answered && !once(7).first);
    assert_false(take(10, DAY_S, 1).taken);

    redis_server_restart_empty(&world.server); /* what it can't know, the caller must mind */
    WAIT(cache_state(world.cache) == CACHE_AWAY);
    WAIT(cache_state(world.cache) == CACHE_UP);
    assert_true(once(7).first && take(10, DAY_S, 10).taken);
}

/* Otherwise "could not find out" passes for first, or for a full bucket. */
static void test_without_redis_nothing_is_first_or_open(void **state)
{
    (void)state;
    struct onced onced = new_once(7);
    struct taken taken = new_take(10, DAY_S, 1);
    onced.once.first = onced.once.answered = true; /* left from before */
    taken.bucket.taken = taken.bucket.answered = true;
    taken.bucket.left = 3;
    redis_server_freeze(&world.server);
    assert_true(cache_once(world.cache, &onced.once) && cache_take(world.cache, &taken.bucket));
    redis_server_stop(&world.server);
    WAIT(onced.done && taken.done);
    assert_false(onced.once.answered || onced.once.first);
    assert_untold(&taken.bucket);

    WAIT(cache_state(world.cache) == CACHE_AWAY);
    assert_false(cache_once(world.cache, &onced.once) || cache_take(world.cache, &taken.bucket));
    assert_false(onced.once.answered || onced.once.first);
    assert_untold(&taken.bucket);
    assert_true(onced.done == 1 && taken.done == 1);
}

/* Otherwise nobody gets a token, and no quota counts, when faces have filled Redis. */
static void test_short_memory_stops_neither(void **state)
{
    (void)state;
    redis_server_number(&world.server, "CONFIG SET maxmemory 1000");
    assert_true(once(7).first && !once(7).first);
    assert_true(take(1, DAY_S, 1).taken && !take(1, DAY_S, 1).taken);
}

/* ---- buckets ---- */

static void assert_bucket(struct cache_bucket bucket, bool taken, unsigned left, unsigned wait_ms)
{
    assert_true(bucket.answered);
    assert_int_equal(bucket.taken, taken);
    assert_int_equal(bucket.left, left);
    assert_int_equal(bucket.wait_ms, wait_ms);
}

/* What is missing, since a time to come: nothing has come back, whatever the clock shows. */
static void set_missing(uint64_t parts)
{
    char text[64];
    snprintf(text, sizeof text, "%llu 99999999999999", (unsigned long long)parts);
    redis_server_number(&world.server, "SET " BUCKET " %s", text);
}

/* Otherwise a quota is a token too strict or too lax, or tells a client to come back too early. */
static void test_a_bucket_is_exact_at_its_edges(void **state)
{
    (void)state;
    static const struct {
        unsigned size, fill_s, take;
        uint64_t missing; /* parts: a token has as many as fill_s has milliseconds */
        bool taken;
        unsigned left, wait_ms;
    } table[] = {
        {10, 60, 1, 0, true, 9, 0},
        {10, 60, 10, 0, true, 0, 0},
        {10, 60, 1, 1, true, 8, 0}, /* not quite nine */
        {10, 60, 10, 1, false, 9, 1},
        {10, 60, 10, 10, false, 9, 1}, /* ten parts come back in a millisecond */
        {10, 60, 10, 11, false, 9, 2},
        {10, 60, 1, 540000, true, 0, 0},
        {10, 60, 1, 540001, false, 0, 1},
        {10, 60, 2, 540000, false, 1, 6000},
        {10, 60, 1, 600000, false, 0, 6000},
        {10, 60, 10, 600000, false, 0, 60000},
        {10, 60, 1, 600001, false, 0, 6000}, /* more than it holds is never missing */
        {10, 60, 1, 999999999999999, false, 0, 6000},
        {10, 60, 0, 0, true, 10, 0}, /* a look */
        {10, 60, 0, 540000, true, 1, 0},
        {10, 60, 0, 540001, false, 0, 1},
        {10, 60, 0, 600000, false, 0, 6000},
        {1, 1, 1, 0, true, 0, 0},
        {1, 1, 1, 1, false, 0, 1},
        {1, DAY_S, 1, 86400000, false, 0, 86400000},
        {7, 60, 1, 60000 * 7 - 59999, false, 0, 1}, /* 8571.4 ms a token */
        {7, 60, 1, 60000 * 7, false, 0, 8572},
        {1000000, DAY_S, 1000000, 0, true, 0, 0},
        {1000000, DAY_S, 1, 86400000000000, false, 0, 87}, /* 86.4 ms a token */
        {1000000, DAY_S, 1, 86400000000000 - 86400000, true, 0, 0},
        {1000000, DAY_S, 1, 86400000000000 - 86400000 + 1, false, 0, 1},
        {1000000, DAY_S, 1000000, 86400000000000, false, 0, 86400000},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        set_missing(table[i].missing);
        assert_bucket(take(table[i].size, table[i].fill_s, table[i].take), table[i].taken,
                      table[i].left, table[i].wait_ms);
    }
}

/* Otherwise who looks at a quota uses it up. */
static void test_a_look_takes_nothing(void **state)
{
    (void)state;
    assert_bucket(take(3, DAY_S, 0), true, 3, 0);
    assert_int_equal(redis_server_number(&world.server, "EXISTS " BUCKET), 0);
    assert_bucket(take(3, DAY_S, 2), true, 1, 0);
    for (int i = 0; i < 5; i++)
        assert_bucket(take(3, DAY_S, 0), true, 1, 0);
    assert_bucket(take(3, DAY_S, 1), true, 0, 0);
    assert_false(take(3, DAY_S, 0).taken);
}

/* Otherwise a token that was refused is taken all the same, and the bucket never fills. */
static void test_a_refusal_takes_nothing(void **state)
{
    (void)state;
    assert_true(take(5, DAY_S, 4).taken);
    for (int i = 0; i < 5; i++) {
        struct cache_bucket refused = take(5, DAY_S, 2);
        assert_true(refused.answered && !refused.taken && refused.left == 1);
        assert_in_range(refused.wait_ms, 1, DAY_S * 1000 / 5);
    }
    assert_true(take(5, DAY_S, 1).taken);
}

/* Otherwise an empty bucket stays so, or a wait that was told is not enough. */
static void test_a_bucket_fills_by_itself(void **state)
{
    (void)state;
    assert_true(take(50, 1, 50).taken);
    struct cache_bucket bucket = take(50, 1, 50);
    unsigned waited_ms = bucket.wait_ms;
    assert_true(bucket.taken || (waited_ms >= 1 && waited_ms <= 1000));
    while (!(bucket = take(50, 1, 50)).taken) {
        assert_true(bucket.wait_ms >= 1 && bucket.wait_ms <= waited_ms); /* never further away */
        waited_ms = bucket.wait_ms;
    }
}

/* Otherwise idle clients fill Redis. */
static void test_an_idle_bucket_vanishes(void **state)
{
    (void)state;
    assert_true(take(1000, 1, 1).taken); /* one millisecond's worth */
    WAIT(redis_server_number(&world.server, "EXISTS " BUCKET) == 0);
    assert_true(take(10, DAY_S, 1).taken);
    assert_in_range(redis_server_number(&world.server, "PTTL " BUCKET), 1, DAY_S * 100);
    assert_true(take(10, DAY_S, 9).taken);
    assert_in_range(redis_server_number(&world.server, "PTTL " BUCKET), DAY_S * 500, DAY_S * 1000);
}

/* Otherwise a clock that was set back closes a quota until it has caught up. */
static void test_a_clock_set_back_costs_no_more_than_the_step(void **state)
{
    (void)state;
    set_missing(5000); /* "1 s from full, since the year 5138" */
    assert_bucket(take(5, 1, 1), false, 0, 200);
    WAIT(take(5, 1, 1).taken);
}

/* Otherwise a client's first request after a change of its quota is refused or the last is free. */
static void test_what_was_taken_stays_so_when_the_size_changes(void **state)
{
    (void)state;
    assert_bucket(take(10, DAY_S, 4), true, 6, 0);
    assert_bucket(take(20, DAY_S, 1), true, 15, 0);
    assert_bucket(take(6, DAY_S, 1), true, 0, 0);
    assert_false(take(4, DAY_S, 1).taken);
    assert_bucket(take(10, DAY_S, 0), true, 6, 0); /* 4 were all that 4 could miss */
}

/* Otherwise what a stranger wrote there stops a client for good. */
static void test_a_damaged_bucket_is_a_full_one(void **state)
{
    (void)state;
    static const char *const states[] = {"",
                                         "1",
                                         "1 ",
                                         " 1 1",
                                         "1 1 ",
                                         "-1 1",
                                         "1 -1",
                                         "1.5 1",
                                         "1e9 1",
                                         "0x10 1",
                                         "nan 1",
                                         "inf inf",
                                         "1 1\n",
                                         "1000000000000000 99999999999999",
                                         "100 1000000000000000"};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        redis_server_number(&world.server, "SET " BUCKET " %s", states[i]);
        assert_bucket(take(10, DAY_S, 10), true, 0, 0);
        assert_false(take(10, DAY_S, 1).taken);
    }
    redis_server_number(&world.server, "DEL " BUCKET);
    redis_server_number(&world.server, "LPUSH " BUCKET " x");
    assert_bucket(take(10, DAY_S, 10), true, 0, 0);
    redis_server_number(&world.server, "SET " BUCKET " %s", "864000000 0"); /* long ago */
    assert_bucket(take(10, DAY_S, 10), true, 0, 0);
    redis_server_number(&world.server, "SET " BUCKET " %s", "999999999999999 0");
    assert_bucket(take(1000000, DAY_S, 1000000), true, 0, 0);
}

/* Otherwise two gateways together let a client have more than its quota, or less. */
static void test_two_gateways_share_a_bucket(void **state)
{
    (void)state;
    enum { TAKES = 60, SIZE = 40 };
    struct cache *second = open_second();
    struct taken taken[TAKES];
    bool told[SIZE] = {false};
    unsigned count = 0;
    for (int i = 0; i < TAKES; i++) {
        taken[i] = new_take(SIZE, DAY_S, 1);
        assert_true(cache_take(i % 2 ? second : world.cache, &taken[i].bucket));
    }
    for (int i = 0; i < TAKES; i++) {
        WAIT(taken[i].done);
        const struct cache_bucket *bucket = &taken[i].bucket;
        assert_true(bucket->answered);
        if (!bucket->taken)
            continue;
        count++;
        assert_true(bucket->left < SIZE && !told[bucket->left]); /* each token once */
        told[bucket->left] = true;
    }
    assert_int_equal(count, SIZE);
    cache_destroy(&second);
}

/* Otherwise one client uses up another's quota, or the longest name has no bucket. */
static void test_buckets_go_by_their_whole_name(void **state)
{
    (void)state;
    char name[CACHE_BUCKET_NAME_MAX];
    memset(name, 'n', sizeof name);
    for (size_t len = CACHE_BUCKET_NAME_MAX; len >= CACHE_BUCKET_NAME_MAX - 1; len--) {
        struct taken taken = new_take(1, DAY_S, 1);
        taken.bucket.name = bytes_of(name, len);
        assert_true(cache_take(world.cache, &taken.bucket));
        WAIT(taken.done);
        assert_bucket(taken.bucket, true, 0, 0);
    }
    assert_int_equal(redis_server_number(&world.server, "DBSIZE"), 2);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_WORLD(test_a_name_is_first_once),
        WITH_WORLD(test_what_stands_there_already_is_not_first),
        WITH_WORLD(test_two_gateways_agree_on_the_first),
        WITH_WORLD(test_a_dump_keeps_what_happened),
        WITH_WORLD(test_without_redis_nothing_is_first_or_open),
        WITH_WORLD(test_short_memory_stops_neither),
        WITH_WORLD(test_a_bucket_is_exact_at_its_edges),
        WITH_WORLD(test_a_look_takes_nothing),
        WITH_WORLD(test_a_refusal_takes_nothing),
        WITH_WORLD(test_a_bucket_fills_by_itself),
        WITH_WORLD(test_an_idle_bucket_vanishes),
        WITH_WORLD(test_a_clock_set_back_costs_no_more_than_the_step),
        WITH_WORLD(test_what_was_taken_stays_so_when_the_size_changes),
        WITH_WORLD(test_a_damaged_bucket_is_a_full_one),
        WITH_WORLD(test_two_gateways_share_a_bucket),
        WITH_WORLD(test_buckets_go_by_their_whole_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
