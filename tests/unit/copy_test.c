#include "tests/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "cache/copy.h"
#include "protocol/status.h"

#define UP_US      1000000 /* the connection came up */
#define BEGAN_US   2000000 /* the comparison began */
#define NOW_US     2500000
#define GENERATION 0xfedcba9876543210u
#define LIST       7
#define PLACE      5

static uint8_t array[CACHE_LIST_BYTES];

/* A copy of list LIST at seq 10, all valid but PLACE, which is suspended. */
static struct copy *compared_copy(void)
{
    struct copy *copy = copy_create();
    memset(array, 0, sizeof array);
    status_list_set(array, PLACE, 2);
    assert_true(copy_rebuild(copy, LIST, GENERATION, 10, array));
    copy_compared(copy, BEGAN_US);
    return copy;
}

static struct cache_ask answer(uint32_t index, uint64_t seq, uint8_t bits)
{
    return (struct cache_ask){.list = LIST,
                              .index = index,
                              .answered = true,
                              .list_present = true,
                              .generation = GENERATION,
                              .seq = seq,
                              .bits = bits};
}

static enum copy_belief believe(const struct copy *copy, struct cache_ask ask)
{
    return copy_believe(copy, &ask, UP_US, NOW_US);
}

/* Otherwise no verify is ever answered without the registry. */
static void test_agreeing_witnesses_are_believed(void **state)
{
    (void)state;
    struct copy *copy = compared_copy();
    assert_int_equal(believe(copy, answer(PLACE, 10, 2)), COPY_BELIEVED);
    assert_int_equal(believe(copy, answer(PLACE + 1, 10, 0)), COPY_BELIEVED);
    assert_int_equal(believe(copy, answer(STATUS_LIST_PLACES - 1, 10, 0)), COPY_BELIEVED);
    copy_destroy(&copy);
    assert_null(copy);
}

/* Otherwise a registry that went back in time is believed against what this process knows. */
static void test_the_copys_own_bits_are_told(void **state)
{
    (void)state;
    struct copy *copy = compared_copy();
    copy_doubt(copy); /* however old */
    assert_int_equal(copy_bits(copy, LIST, PLACE), 2);
    assert_int_equal(copy_bits(copy, LIST, PLACE + 1), 0);
    assert_int_equal(copy_bits(copy, LIST + 1, PLACE), 0);
    copy_destroy(&copy);
}

/* Otherwise one damaged witness decides alone what a licence is worth. */
static void test_different_bits_are_not_believed(void **state)
{
    (void)state;
    struct copy *copy = compared_copy();
    for (uint8_t bits = 0; bits < 4; bits++) {
        assert_int_equal(believe(copy, answer(PLACE, 10, bits)),
                         bits == 2 ? COPY_BELIEVED : COPY_ASK_DIFFER);
        assert_int_equal(believe(copy, answer(0, 10, bits)),
                         bits == 0 ? COPY_BELIEVED : COPY_ASK_DIFFER);
    }
    copy_destroy(&copy);
}

/* Otherwise a Redis that came back from an old dump is believed where its old bits still fit. */
static void test_redis_behind_the_copy_is_not_believed(void **state)
{
    (void)state;
    struct copy *copy = compared_copy();
    assert_int_equal(believe(copy, answer(PLACE, 9, 2)), COPY_ASK_DIFFER);
    assert_int_equal(believe(copy, answer(PLACE, 0, 2)), COPY_ASK_DIFFER);
    copy_destroy(&copy);
}

/* Otherwise, with a change applied to Redis each second, no verify is answered fast: Redis is
 * always up to a second ahead. */
static void test_redis_ahead_is_believed_where_the_bits_agree(void **state)
{
    (void)state;
    struct copy *copy = compared_copy();
    assert_int_equal(believe(copy, answer(PLACE, 11, 2)), COPY_BELIEVED);
    assert_int_equal(believe(copy, answer(PLACE, 11, 0)), COPY_ASK_DIFFER);
    copy_destroy(&copy);
}

/* Otherwise bits of a registry that was restored mix with those of before. */
static void test_another_generation_is_not_believed(void **state)
{
    (void)state;
    struct copy *copy = compared_copy();
    struct cache_ask ask = answer(PLACE, 10, 2);
    ask.generation = GENERATION + 1;
    assert_int_equal(believe(copy, ask), COPY_ASK_DIFFER);
    ask.generation = GENERATION & 0xffffffff; /* all 64 bits count */
    assert_int_equal(believe(copy, ask), COPY_ASK_DIFFER);
    copy_destroy(&copy);
}

/* Otherwise the copy alone makes a valid: an empty answer has the bits 0 of a valid licence. */
static void test_a_silent_witness_is_not_believed(void **state)
{
    (void)state;
    struct copy *copy = compared_copy();
    struct cache_ask ask = answer(0, 10, 0);
    ask.answered = false;
    assert_int_equal(believe(copy, ask), COPY_ASK_SILENT);
    ask = answer(0, 10, 0);
    ask.list_present = false;
    assert_int_equal(believe(copy, ask), COPY_ASK_SILENT);
    ask = answer(0, 10, 0);
    ask.list = LIST + 1; /* not in the copy */
    assert_int_equal(believe(copy, ask), COPY_ASK_SILENT);
    copy_destroy(&copy);
}

/* Otherwise a gateway cut off from the registry calls valid what was seized over 2 s ago. */
static void test_a_comparison_is_good_for_a_second_and_a_half(void **state)
{
    (void)state;
    struct copy *copy = compared_copy();
    struct cache_ask ask = answer(PLACE, 10, 2);
    assert_int_equal(copy_compared_us(copy), BEGAN_US);
    assert_int_equal(copy_believe(copy, &ask, UP_US, BEGAN_US + 1500000), COPY_BELIEVED);
    assert_int_equal(copy_believe(copy, &ask, UP_US, BEGAN_US + 1500001), COPY_ASK_STALE);
    assert_int_equal(copy_believe(copy, &ask, UP_US, UINT64_MAX), COPY_ASK_STALE);
    /* this loop's clock was read before the other thread's comparison began */
    assert_int_equal(copy_believe(copy, &ask, UP_US, BEGAN_US - 1), COPY_BELIEVED);
    copy_destroy(&copy);
}

/* Otherwise a Redis that nobody compared since it came back is believed. */
static void test_a_connection_newer_than_the_comparison_is_not_believed(void **state)
{
    (void)state;
    struct copy *copy = compared_copy();
    struct cache_ask ask = answer(PLACE, 10, 2);
    assert_int_equal(copy_believe(copy, &ask, BEGAN_US, NOW_US), COPY_BELIEVED);
    assert_int_equal(copy_believe(copy, &ask, BEGAN_US + 1, NOW_US), COPY_ASK_STALE);
    assert_int_equal(copy_believe(copy, &ask, 0, NOW_US), COPY_ASK_STALE); /* none */
    copy_destroy(&copy);
}

/* Otherwise a copy whose generation is in doubt goes on being believed until it is mended. */
static void test_doubt_lasts_until_the_next_comparison(void **state)
{
    (void)state;
    struct copy *copy = compared_copy();
    copy_doubt(copy);
    assert_int_equal(copy_compared_us(copy), 0);
    assert_int_equal(believe(copy, answer(PLACE, 10, 2)), COPY_ASK_STALE);
    copy_compared(copy, BEGAN_US + 1);
    assert_int_equal(believe(copy, answer(PLACE, 10, 2)), COPY_BELIEVED);
    copy_destroy(&copy);

    copy = copy_create(); /* never compared */
    assert_int_equal(copy_compared_us(copy), 0);
    assert_int_equal(believe(copy, answer(PLACE, 10, 2)), COPY_ASK_STALE);
    copy_destroy(&copy);
}

/* Otherwise a change lands in a neighbour's place, or the position lags behind the bits. */
static void test_changes_land_in_their_places(void **state)
{
    (void)state;
    struct copy *copy = compared_copy();
    struct seeded seed = {1};
    assert_false(copy_position(copy, LIST + 1).present);
    uint64_t seq = 10;
    while (seq < 500) {
        struct cache_change change = {(uint32_t)(seeded_next(&seed) % 64),
                                      (uint8_t)(seeded_next(&seed) & 3)};
        status_list_set(array, change.index, change.bits);
        copy_apply(copy, LIST, ++seq, change);
    }
    struct copy_position position = copy_position(copy, LIST);
    assert_true(position.present);
    assert_true(position.seq == 500 && position.generation == GENERATION);
    for (uint32_t i = 0; i < 70; i++)
        assert_int_equal(believe(copy, answer(i, 500, status_list_get(array, i))), COPY_BELIEVED);
    copy_destroy(&copy);
}

/* Otherwise one list too many takes memory without end instead of the registry's time. */
static void test_lists_are_limited(void **state)
{
    (void)state;
    struct copy *copy = copy_create();
    memset(array, 0, sizeof array);
    for (unsigned list = 0; list < COPY_LISTS_MAX; list++)
        assert_true(copy_rebuild(copy, (uint16_t)(65535 - list), GENERATION, 1, array));
    assert_false(copy_rebuild(copy, 3, GENERATION, 1, array));
    assert_false(copy_position(copy, 3).present);
    assert_true(copy_rebuild(copy, 65535, GENERATION + 1, 2, array)); /* one that is there */
    assert_true(copy_position(copy, 65535).generation == GENERATION + 1);
    copy_destroy(&copy);
}

/* ---- one writer, one reader ---- */
#define ROUNDS 40

struct race {
    struct copy *copy;
    _Atomic uint64_t floor; /* every change up to here is in a comparison that was told */
    atomic_bool over;
    unsigned wrong_old, wrong_mixed;
    uint64_t believed;
};

static void *read_all_the_time(void *context)
{
    struct race *race = context;
    while (!atomic_load(&race->over)) {
        uint64_t floor = atomic_load(&race->floor);
        /* an old dump: the bits of then, its seq below what was compared */
        struct cache_ask old = answer(PLACE, floor - 1, (uint8_t)((floor - 1) & 3));
        race->wrong_old += floor > 0 && believe(race->copy, old) == COPY_BELIEVED;
        /* a generation's number with the other's bits: even ones are all 0, odd ones all 3 */
        struct cache_ask mixed = answer(100, UINT64_MAX, 3);
        mixed.generation = GENERATION;
        race->wrong_mixed += believe(race->copy, mixed) == COPY_BELIEVED;
        mixed.generation = GENERATION + 1;
        mixed.bits = 0;
        race->wrong_mixed += believe(race->copy, mixed) == COPY_BELIEVED;
        mixed.bits = 3;
        race->believed += believe(race->copy, mixed) == COPY_BELIEVED;
    }
    return NULL;
}

/* Otherwise a loop that reads while the relay writes believes an old dump, or bits of one
 * generation under the number of another. */
static void test_a_reader_beside_the_writer_is_never_deceived(void **state)
{
    (void)state;
    static uint8_t all_invalid[CACHE_LIST_BYTES];
    struct race race = {.copy = copy_create()};
    pthread_t reader;
    uint64_t seq = 0, began_us = BEGAN_US;
    memset(array, 0, sizeof array);
    memset(all_invalid, 0xff, sizeof all_invalid);
    assert_true(copy_rebuild(race.copy, LIST, GENERATION, 0, array));
    assert_int_equal(pthread_create(&reader, NULL, read_all_the_time, &race), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned n = 0; n < 200; n++) {
            seq++;
            copy_apply(race.copy, LIST, seq, (struct cache_change){PLACE, (uint8_t)(seq & 3)});
            copy_compared(race.copy, ++began_us);
            atomic_store(&race.floor, seq);
        }
        copy_doubt(race.copy);
        assert_true(copy_rebuild(race.copy, LIST, GENERATION + (round + 1) % 2, seq,
                                 round % 2 ? array : all_invalid));
        copy_compared(race.copy, ++began_us);
    }
    atomic_store(&race.over, true);
    pthread_join(reader, NULL);
    assert_int_equal(race.wrong_old, 0);
    assert_int_equal(race.wrong_mixed, 0);
    copy_destroy(&race.copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agreeing_witnesses_are_believed),
        cmocka_unit_test(test_the_copys_own_bits_are_told),
        cmocka_unit_test(test_different_bits_are_not_believed),
        cmocka_unit_test(test_redis_behind_the_copy_is_not_believed),
        cmocka_unit_test(test_redis_ahead_is_believed_where_the_bits_agree),
        cmocka_unit_test(test_another_generation_is_not_believed),
        cmocka_unit_test(test_a_silent_witness_is_not_believed),
        cmocka_unit_test(test_a_comparison_is_good_for_a_second_and_a_half),
        cmocka_unit_test(test_a_connection_newer_than_the_comparison_is_not_believed),
        cmocka_unit_test(test_doubt_lasts_until_the_next_comparison),
        cmocka_unit_test(test_changes_land_in_their_places),
        cmocka_unit_test(test_lists_are_limited),
        cmocka_unit_test(test_a_reader_beside_the_writer_is_never_deceived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
