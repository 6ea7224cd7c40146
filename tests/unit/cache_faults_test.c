/* What the cache does when Redis hangs, dies, comes back, or is not the one it should be. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "tests/cache_world.h"

#define WITH_IMPATIENCE(test)                                                                      \
    cmocka_unit_test_setup_teardown(test, open_impatient_world, close_world)

/* Otherwise requests wait for ever for a Redis that hangs, or a late answer writes into memory that
 * belongs to somebody else by then. */
static void test_a_frozen_redis_costs_no_more_than_the_deadline(void **state)
{
    (void)state;
    enum { CALLS = 8 };
    struct asked *asked[CALLS];
    redis_server_freeze(&world.server);
    for (int i = 0; i < CALLS; i++) {
        asked[i] = check_alloc(sizeof *asked[i]);
        *asked[i] = new_ask(1, 2, CACHE_COUNT_PARTNER, "entry");
        assert_true(cache_ask(world.cache, &asked[i]->ask));
    }
    for (int i = 0; i < CALLS; i++) {
        WAIT(asked[i]->done);
        assert_int_equal(asked[i]->done, 1);
        assert_empty_answer(&asked[i]->ask);
        free(asked[i]);
    }
    assert_int_equal(atomic_load(&cache_counters(world.cache)->unanswered), CALLS);
    assert_int_equal(in_flight(), CALLS); /* hiredis still owes the replies */
    redis_server_thaw(&world.server);
    WAIT(in_flight() == 0);
    assert_int_equal(cache_state(world.cache), CACHE_UP);
    assert_int_equal(world.told_count, 1);
}

static int open_impatient_world(void **state)
{
    open_world(state);
    close_cache();
    world.options.trip_timeout_ms = 30;
    world.told_count = 0;
    open_cache();
    WAIT(cache_state(world.cache) == CACHE_UP);
    return 0;
}

/* Otherwise a Redis that hangs takes all memory, one call at a time. */
static void test_what_is_in_flight_is_limited(void **state)
{
    (void)state;
    struct asked asked[65];
    redis_server_freeze(&world.server);
    for (int i = 0; i < 65; i++) {
        asked[i] = new_ask(1, 2, CACHE_COUNT_NONE, "");
        assert_int_equal(cache_ask(world.cache, &asked[i].ask), i < 64);
    }
    assert_null(asked[64].ask.call);
    cache_put_face(world.cache, LIST, 1, BYTES("face"), 60); /* has no place either */
    assert_int_equal(atomic_load(&cache_counters(world.cache)->refused), 2);
    redis_server_thaw(&world.server);
    WAIT(in_flight() == 0);
    for (int i = 0; i < 64; i++)
        assert_true(asked[i].done == 1 && asked[i].ask.answered);
    assert_int_equal(asked[64].done, 0);
    ask(&asked[64]);
    assert_true(asked[64].ask.answered);
}

/* Otherwise a rebuild each second to a Redis that takes nothing fills the memory. */
static void test_what_waits_to_be_written_is_limited(void **state)
{
    (void)state;
    struct listed listed[64] = {0};
    redis_server_freeze(&world.server);
    int started = 0;
    for (; started < 64; started++) {
        listed[started].call = (struct cache_list_call){
            .list = LIST, .generation = 1, .seq = 1, .array = array, .done = on_listed};
        if (!cache_list_rebuild(world.cache, &listed[started].call))
            break;
    }
    assert_in_range(started, 2, 32);
    redis_server_thaw(&world.server);
    WAIT(in_flight() == 0);
    for (int i = 0; i < started; i++)
        assert_true(listed[i].done == 1 && listed[i].call.result == CACHE_LIST_DONE);
}

/* Otherwise a connection to a Redis that hangs is kept, and each request pays the deadline. */
static void test_the_breaker_drops_a_silent_connection(void **state)
{
    (void)state;
    close_cache();
    world.options.breaker_failures = 3;
    world.options.connect_timeout_ms = 20;
    world.told_count = 0;
    open_cache();
    WAIT(cache_state(world.cache) == CACHE_UP);
    redis_server_freeze(&world.server);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cache_state(world.cache), CACHE_UP);
        struct asked asked = ask_new(1, 2, CACHE_COUNT_NONE, "");
        assert_empty_answer(&asked.ask);
    }
    assert_int_equal(cache_state(world.cache), CACHE_AWAY);
    assert_int_equal(in_flight(), 0);
    struct asked refused = new_ask(1, 2, CACHE_COUNT_NONE, "");
    assert_false(cache_ask(world.cache, &refused.ask)); /* it is not waited for any more */
    /* it still takes connections, but says nothing: each attempt ends by its own deadline */
    for (int i = 0; i < 100; i++)
        turn();
    assert_int_equal(cache_state(world.cache), CACHE_AWAY);
    redis_server_thaw(&world.server);
    WAIT(cache_state(world.cache) == CACHE_UP);
    assert_int_equal(world.told_count, 3);
    ask(&refused);
    assert_true(refused.ask.answered);
}

/* Otherwise requests that were given up hide from the breaker that Redis is silent. */
static void test_cancelled_calls_trip_the_breaker_too(void **state)
{
    (void)state;
    close_cache();
    world.options.breaker_failures = 3;
    open_cache();
    WAIT(cache_state(world.cache) == CACHE_UP);
    redis_server_freeze(&world.server);
    struct asked asked[3];
    for (int i = 0; i < 3; i++) {
        asked[i] = new_ask(1, 2, CACHE_COUNT_NONE, "");
        assert_true(cache_ask(world.cache, &asked[i].ask));
        cache_ask_cancel(&asked[i].ask);
    }
    WAIT(cache_state(world.cache) == CACHE_AWAY);
    redis_server_thaw(&world.server);
    WAIT(cache_state(world.cache) == CACHE_UP);
    assert_int_equal(asked[0].done + asked[1].done + asked[2].done, 0);
}

/* Otherwise a Redis that died takes its requests with it, or its return goes unnoticed. */
static void test_a_killed_redis_comes_back(void **state)
{
    (void)state;
    char run_id[CACHE_RUN_ID_BYTES];
    uint64_t up_us = cache_up_since_us(world.cache);
    assert_int_equal(cache_run_id(world.cache).len, CACHE_RUN_ID_BYTES);
    memcpy(run_id, cache_run_id(world.cache).data, CACHE_RUN_ID_BYTES);
    remember(1, 2, CACHE_COUNT_NONE, "");
    memset(array, 0, sizeof array);
    rebuild(1, 1, NULL);
    redis_server_dump(&world.server);

    struct asked asked = new_ask(1, 2, CACHE_COUNT_NONE, "");
    redis_server_freeze(&world.server);
    assert_true(cache_ask(world.cache, &asked.ask));
    redis_server_stop(&world.server);
    WAIT(asked.done);
    assert_empty_answer(&asked.ask);
    WAIT(cache_state(world.cache) == CACHE_AWAY);
    assert_int_equal(cache_run_id(world.cache).len, 0);
    assert_true(cache_up_since_us(world.cache) == 0);
    assert_false(cache_ask(world.cache, &asked.ask));
    cache_put_face(world.cache, LIST, 1, BYTES("face"), 60);

    redis_server_resume(&world.server); /* from the dump */
    WAIT(cache_state(world.cache) == CACHE_UP);
    assert_memory_not_equal(cache_run_id(world.cache).data, run_id, CACHE_RUN_ID_BYTES);
    assert_true(cache_up_since_us(world.cache) > up_us);
    assert_int_equal(atomic_load(&cache_counters(world.cache)->reconnects), 1);
    ask(&asked);
    assert_true(asked.ask.answered && asked.ask.code_known && asked.ask.list_present);

    redis_server_restart_empty(&world.server);
    WAIT(cache_state(world.cache) == CACHE_AWAY);
    WAIT(cache_state(world.cache) == CACHE_UP);
    ask(&asked);
    assert_true(asked.ask.answered && !asked.ask.code_known && !asked.ask.list_present);
    const enum cache_state expected[] = {CACHE_UP, CACHE_AWAY, CACHE_UP, CACHE_AWAY, CACHE_UP};
    assert_int_equal(world.told_count, 5);
    assert_memory_equal(world.told, expected, sizeof expected);
}

/* Otherwise a Redis that throws keys away to make room is trusted with single use. */
static void test_an_evicting_redis_is_not_used(void **state)
{
    (void)state;
    close_cache();
    redis_server_number(&world.server, "CONFIG SET maxmemory-policy allkeys-lru");
    world.told_count = 0;
    open_cache();
    WAIT(cache_state(world.cache) == CACHE_UNSUITABLE);
    struct asked asked = new_ask(1, 2, CACHE_COUNT_NONE, "");
    assert_false(cache_ask(world.cache, &asked.ask));
    assert_int_equal(cache_run_id(world.cache).len, 0);
    for (int i = 0; i < 50; i++) /* looked at again, several times */
        turn();
    assert_int_equal(world.told_count, 1);
    redis_server_number(&world.server, "CONFIG SET maxmemory-policy noeviction");
    WAIT(cache_state(world.cache) == CACHE_UP);
    ask(&asked);
    assert_true(asked.ask.answered);
}

/* Otherwise an operator's SCRIPT FLUSH takes the cache away until the next restart. */
static void test_forgotten_scripts_are_loaded_again(void **state)
{
    (void)state;
    remember(1, 2, CACHE_COUNT_NONE, "");
    redis_server_number(&world.server, "SCRIPT FLUSH");
    struct asked asked = ask_new(1, 2, CACHE_COUNT_NONE, "");
    assert_empty_answer(&asked.ask);
    asked = ask_new(1, 2, CACHE_COUNT_PARTNER, "entry");
    assert_true(asked.ask.answered && asked.ask.code_known && asked.ask.counted);
    assert_int_equal(list_state(1, NULL), CACHE_LIST_ABSENT);
    assert_int_equal(world.told_count, 1); /* up all the time */
}

/* Otherwise a request that was given up is told all the same, in memory that is gone. */
static void test_a_cancelled_call_is_never_told(void **state)
{
    (void)state;
    struct asked *asked = check_alloc(sizeof *asked);
    struct remembered *remembered = check_alloc(sizeof *remembered);
    struct listed *listed = check_alloc(sizeof *listed);
    *asked = new_ask(1, 2, CACHE_COUNT_NONE, "");
    *remembered = new_remember(1, 2, CACHE_COUNT_NONE, "");
    listed->call = (struct cache_list_call){.list = LIST, .done = on_listed};
    assert_true(cache_ask(world.cache, &asked->ask));
    assert_true(cache_remember(world.cache, &remembered->remember));
    assert_true(cache_list_state(world.cache, &listed->call));
    cache_ask_cancel(&asked->ask);
    cache_remember_cancel(&remembered->remember);
    cache_list_cancel(&listed->call);
    assert_null(asked->ask.call);
    cache_ask_cancel(&asked->ask); /* once more does nothing */
    assert_int_equal(asked->done + remembered->done + listed->done, 0);
    free(asked);
    free(remembered);
    free(listed);
    WAIT(in_flight() == 0);
    assert_true(look(1).answered);
}

/* Otherwise requests under way at the end are forgotten, or told twice. */
static void test_destroy_tells_each_call_once(void **state)
{
    (void)state;
    struct asked asked[2] = {new_ask(1, 2, CACHE_COUNT_NONE, ""),
                             new_ask(1, 2, CACHE_COUNT_NONE, "")};
    struct remembered remembered = new_remember(1, 2, CACHE_COUNT_NONE, "");
    struct listed listed = {.call = {.list = LIST, .done = on_listed, .result = CACHE_LIST_DONE}};
    redis_server_freeze(&world.server);
    assert_true(cache_ask(world.cache, &asked[0].ask));
    turn(); /* written; the others are not */
    assert_true(cache_ask(world.cache, &asked[1].ask));
    assert_true(cache_remember(world.cache, &remembered.remember));
    assert_true(cache_list_state(world.cache, &listed.call));
    close_cache();
    assert_true(asked[0].done == 1 && asked[1].done == 1);
    assert_true(remembered.done == 1 && listed.done == 1);
    assert_empty_answer(&asked[0].ask);
    assert_false(remembered.remember.answered);
    assert_int_equal(listed.call.result, CACHE_LIST_UNANSWERED);
    close_cache(); /* of none */
}

/* Otherwise a burst costs a system call a request. */
static void test_a_turn_leaves_in_one_write(void **state)
{
    (void)state;
    struct asked asked[16];
    for (int i = 0; i < 16; i++) {
        asked[i] = new_ask((uint8_t)i, 2, CACHE_COUNT_NONE, "");
        asked[i].ask.index = (uint32_t)i;
        assert_true(cache_ask(world.cache, &asked[i].ask));
    }
    redisReply *before = redis_server_command(&world.server, "INFO stats");
    WAIT(in_flight() == 0);
    redisReply *after = redis_server_command(&world.server, "INFO stats");
    const char *name = "total_reads_processed:";
    long reads = strtol(strstr(after->str, name) + strlen(name), NULL, 10) -
                 strtol(strstr(before->str, name) + strlen(name), NULL, 10);
    freeReplyObject(before);
    freeReplyObject(after);
    assert_in_range(reads, 1, 3); /* the write of 4 KiB, and INFO's own */
    for (int i = 0; i < 16; i++)
        assert_true(asked[i].done == 1 && asked[i].ask.answered);
}

/* Otherwise no Redis that is away at the start is ever found. */
static void test_a_redis_that_comes_later_is_found(void **state)
{
    (void)state;
    close_cache();
    redis_server_stop(&world.server);
    unlink(world.server.socket_path);
    world.told_count = 0;
    open_cache();
    for (int i = 0; i < 20; i++)
        turn();
    assert_int_equal(world.told_count, 0);
    redis_server_resume(&world.server);
    WAIT(cache_state(world.cache) == CACHE_UP);
    assert_int_equal(atomic_load(&cache_counters(world.cache)->reconnects), 0);
    assert_true(look(1).answered);
}

static uint16_t unused_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(descriptor, (struct sockaddr *)&address, len) == 0);
    CHECK(getsockname(descriptor, (struct sockaddr *)&address, &len) == 0);
    close(descriptor);
    return ntohs(address.sin_port);
}

/* Otherwise only a Redis on the gateway's own machine can be used. */
static void test_a_redis_over_tcp(void **state)
{
    (void)state;
    close_cache();
    world.options.socket_path = NULL;
    world.options.host = "127.0.0.1";
    world.options.port = unused_port();
    world.told_count = 0;
    open_cache();
    for (int i = 0; i < 20; i++) /* refused, several times */
        turn();
    assert_int_equal(world.told_count, 0);
    redis_server_number(&world.server, "CONFIG SET port %u", (unsigned)world.options.port);
    WAIT(cache_state(world.cache) == CACHE_UP);
    assert_true(look(1).answered);
    redis_server_stop(&world.server);
    WAIT(cache_state(world.cache) == CACHE_AWAY);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_IMPATIENCE(test_a_frozen_redis_costs_no_more_than_the_deadline),
        WITH_WORLD(test_what_is_in_flight_is_limited),
        WITH_WORLD(test_what_waits_to_be_written_is_limited),
        WITH_IMPATIENCE(test_the_breaker_drops_a_silent_connection),
        WITH_IMPATIENCE(test_cancelled_calls_trip_the_breaker_too),
        WITH_WORLD(test_a_killed_redis_comes_back),
        WITH_WORLD(test_an_evicting_redis_is_not_used),
        WITH_WORLD(test_forgotten_scripts_are_loaded_again),
        WITH_WORLD(test_a_cancelled_call_is_never_told),
        WITH_WORLD(test_destroy_tells_each_call_once),
        WITH_WORLD(test_a_turn_leaves_in_one_write),
        WITH_WORLD(test_a_redis_that_comes_later_is_found),
        WITH_WORLD(test_a_redis_over_tcp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
