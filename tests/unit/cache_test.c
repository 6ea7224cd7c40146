/* What a working Redis does with the calls of cache/cache.h. */
#include "protocol/status.h"
#include "tests/cache_world.h"

/* ---- codes ---- */

/* Otherwise every verify takes the slow path, or a code that Redis does not know passes as known.
 */
static void test_a_known_code_and_an_unknown_one(void **state)
{
    (void)state;
    struct asked unknown = ask_new(1, 2, CACHE_COUNT_NONE, "");
    assert_true(unknown.ask.answered);
    assert_false(unknown.ask.code_known || unknown.ask.counted || unknown.ask.list_present);
    assert_true(unknown.ask.first.len == 0 && unknown.ask.face.len == 0);

    assert_true(remember(1, 2, CACHE_COUNT_NONE, "").remember.answered);
    struct asked known = ask_new(1, 2, CACHE_COUNT_NONE, "");
    assert_true(known.ask.answered && known.ask.code_known);
    assert_false(known.ask.counted);
    assert_int_equal(known.ask.first.len, 0);
    const struct cache_counters *counters = cache_counters(world.cache);
    assert_int_equal(atomic_load(&counters->trip_us.count), 2);
    assert_int_equal(atomic_load(&counters->trips), 3);
    assert_int_equal(atomic_load(&counters->unanswered), 0);
}

/* Otherwise others that share this Redis by docs/PROTOCOL.md look for other keys. */
static void test_keys_are_those_of_the_protocol(void **state)
{
    (void)state;
    struct remembered r = new_remember(0, 0, CACHE_COUNT_PARTNER, "entry");
    for (uint8_t i = 0; i < 8; i++)
        r.remember.cti[i] = (uint8_t)(i * 0x11);
    for (uint8_t i = 0; i < 16; i++)
        r.remember.mac[i] = (uint8_t)(0xf0 + i);
    assert_true(cache_remember(world.cache, &r.remember));
    WAIT(r.done);
    const char *key = "code:{0011223344556677}:f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
    assert_int_equal(redis_server_number(&world.server, "HLEN %s", key), 2);
    assert_int_equal(redis_server_number(&world.server, "HSTRLEN %s p", key), 5);
    redisReply *issued = redis_server_command(&world.server, "HGET %s issued", key);
    assert_string_equal(issued->str, "1700000000");
    freeReplyObject(issued);

    cache_put_face(world.cache, LIST, 1000, BYTES("sealed"), 60);
    assert_int_equal(rebuild(7, 3, NULL), CACHE_LIST_DONE);
    assert_int_equal(redis_server_number(&world.server, "STRLEN face:{12:1000}"), 6);
    assert_int_equal(redis_server_number(&world.server, "STRLEN status:{12}"), CACHE_LIST_BYTES);
    redisReply *seq = redis_server_command(&world.server, "GET status:{12}:seq");
    assert_string_equal(seq->str, "7 3");
    freeReplyObject(seq);
    assert_int_equal(redis_server_number(&world.server, "DBSIZE"), 4);
}

/* Otherwise forged codes fill Redis, or a scan counts that nobody can find again. */
static void test_a_scan_counts_only_with_its_key(void **state)
{
    (void)state;
    struct asked scan = ask_new(1, 2, CACHE_COUNT_INSPECTOR, "first");
    assert_true(scan.ask.answered);
    assert_false(scan.ask.code_known || scan.ask.counted);
    assert_int_equal(scan.ask.first.len, 0);
    assert_int_equal(redis_server_number(&world.server, "DBSIZE"), 0);
}

/* Otherwise one code works twice for a partner, or the inspector is told of the wrong first scan.
 */
static void test_the_first_scan_wins(void **state)
{
    (void)state;
    remember(1, 2, CACHE_COUNT_NONE, "");
    struct asked scan = ask_new(1, 2, CACHE_COUNT_INSPECTOR, "the first");
    assert_true(scan.ask.code_known && scan.ask.counted);
    assert_bytes(FIRST(scan), "the first");
    scan = ask_new(1, 2, CACHE_COUNT_INSPECTOR, "the second, and longer");
    assert_true(scan.ask.code_known && !scan.ask.counted);
    assert_bytes(FIRST(scan), "the first");
}

/* Otherwise an inspector's look spends the code that a partner is to accept once. */
static void test_partners_count_apart_from_inspectors(void **state)
{
    (void)state;
    remember(1, 2, CACHE_COUNT_INSPECTOR, "inspector");
    struct asked scan = ask_new(1, 2, CACHE_COUNT_PARTNER, "partner");
    assert_true(scan.ask.counted);
    assert_bytes(FIRST(scan), "partner");
    scan = ask_new(1, 2, CACHE_COUNT_INSPECTOR, "again");
    assert_false(scan.ask.counted);
    assert_bytes(FIRST(scan), "inspector");
    scan = ask_new(1, 2, CACHE_COUNT_NONE, "");
    assert_true(scan.ask.code_known && !scan.ask.counted);
    assert_int_equal(scan.ask.first.len, 0);
}

/* Otherwise somebody who saw a cti spends the genuine code by a forged one. */
static void test_a_forged_code_cannot_spend_the_genuine_one(void **state)
{
    (void)state;
    remember(1, 2, CACHE_COUNT_NONE, "");
    struct asked forged = ask_new(1, 3, CACHE_COUNT_PARTNER, "forged");
    assert_false(forged.ask.code_known || forged.ask.counted);
    struct asked genuine = ask_new(1, 2, CACHE_COUNT_PARTNER, "genuine");
    assert_true(genuine.ask.counted);
    assert_bytes(FIRST(genuine), "genuine");
}

/* Otherwise codes stay for ever, or a slow path's scan is not the first one. */
static void test_remember_creates_with_expiry_and_counts(void **state)
{
    (void)state;
    const char *key = "code:{0101010101010101}:02020202020202020202020202020202";
    struct remembered r = remember(1, 2, CACHE_COUNT_PARTNER, "first");
    assert_true(r.remember.answered && r.remember.counted);
    assert_bytes(REMEMBERED(r), "first");
    long long life_ms = redis_server_number(&world.server, "PTTL %s", key);
    assert_in_range(life_ms, 1, 120000);

    /* once more, as by a second slow path: neither the life nor the first scan begins anew */
    redis_server_number(&world.server, "PEXPIRE %s 60000", key);
    r = remember(1, 2, CACHE_COUNT_PARTNER, "second");
    assert_true(r.remember.answered && !r.remember.counted);
    assert_bytes(REMEMBERED(r), "first");
    assert_in_range(redis_server_number(&world.server, "PTTL %s", key), 1, 60000);
}

static struct cache_remember remember_acting(uint8_t cti, uint8_t acting)
{
    struct remembered r = new_remember(cti, 2, CACHE_COUNT_NONE, "");
    r.remember.acting = acting;
    assert_true(cache_remember(world.cache, &r.remember));
    WAIT(r.done);
    return r.remember;
}

/* Otherwise an inspector is not told that an agent shows the code, or anybody is told. */
static void test_what_a_code_was_displayed_as(void **state)
{
    (void)state;
    const uint8_t actings[] = {0, 4, 10, 254};
    for (uint8_t i = 0; i < sizeof actings; i++) {
        assert_true(remember_acting(i, actings[i]).answered);
        for (int scan = 1; scan <= 2; scan++) { /* the first one, and a later one */
            assert_int_equal(ask_new(i, 2, CACHE_COUNT_INSPECTOR, "i").ask.acting, actings[i]);
            assert_int_equal(ask_new(i, 2, CACHE_COUNT_PARTNER, "p").ask.acting, actings[i]);
        }
        struct asked anybody = ask_new(i, 2, CACHE_COUNT_NONE, "");
        assert_true(anybody.ask.code_known);
        assert_int_equal(anybody.ask.acting, CACHE_ACTING_UNKNOWN);
    }
    assert_int_equal(ask_new(9, 2, CACHE_COUNT_PARTNER, "p").ask.acting, CACHE_ACTING_UNKNOWN);
}

/* Otherwise a slow path, which does not know it, makes something up or forgets what was known. */
static void test_acting_is_kept_when_the_key_is_made(void **state)
{
    (void)state;
    const char *key = "code:{0101010101010101}:02020202020202020202020202020202";
    remember_acting(1, CACHE_ACTING_UNKNOWN);
    assert_int_equal(redis_server_number(&world.server, "HLEN %s", key), 1);
    remember_acting(1, 3); /* too late: the code is a slow path's */
    assert_int_equal(ask_new(1, 2, CACHE_COUNT_PARTNER, "p").ask.acting, CACHE_ACTING_UNKNOWN);

    remember_acting(2, 3);
    remember_acting(2, 4);
    assert_true(remember(2, 2, CACHE_COUNT_PARTNER, "slow").remember.counted);
    assert_int_equal(ask_new(2, 2, CACHE_COUNT_PARTNER, "p").ask.acting, 3);
}

/* Otherwise what somebody wrote into the key is an answer, or makes a genuine code fail. */
static void test_a_damaged_acting_is_unknown(void **state)
{
    (void)state;
    static const char *const values[] = {
        "",   " ",    "255",  "256", "1000", "4294967296", "18446744073709551616",
        "-1", "+1",   "1 ",   " 1",  "1.0",  "0x1",        "holder",
        "1a", "\xff", "25\n", "1e1", ":",    "/"};
    remember_acting(1, 1);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        redis_server_number(&world.server,
                            "HSET code:{0101010101010101}:02020202020202020202020202020202"
                            " acting %s",
                            values[i]);
        struct asked scan = ask_new(1, 2, CACHE_COUNT_INSPECTOR, "entry");
        assert_true(scan.ask.answered && scan.ask.code_known);
        assert_int_equal(scan.ask.counted, i == 0);
        assert_int_equal(scan.ask.acting, CACHE_ACTING_UNKNOWN);
    }
    assert_int_equal(cache_state(world.cache), CACHE_UP);
}

/* Otherwise a hash that lost its mark counts scans, and stays for ever. */
static void test_a_key_without_its_mark_is_made_anew(void **state)
{
    (void)state;
    const char *key = "code:{0101010101010101}:02020202020202020202020202020202";
    redis_server_number(&world.server, "HSET %s acting 4", key);
    assert_false(ask_new(1, 2, CACHE_COUNT_NONE, "").ask.code_known);
    struct asked scan = ask_new(1, 2, CACHE_COUNT_PARTNER, "entry");
    assert_true(scan.ask.answered && !scan.ask.code_known && !scan.ask.counted);
    assert_true(remember(1, 2, CACHE_COUNT_PARTNER, "entry").remember.counted);
    assert_in_range(redis_server_number(&world.server, "PTTL %s", key), 1, 120000);
}

/* Otherwise the longest entry is cut or refused. */
static void test_the_longest_entry(void **state)
{
    (void)state;
    char entry[CACHE_ENTRY_BYTES_MAX + 1];
    memset(entry, 'e', CACHE_ENTRY_BYTES_MAX);
    entry[CACHE_ENTRY_BYTES_MAX] = 0;
    remember(1, 2, CACHE_COUNT_PARTNER, entry);
    struct asked scan = ask_new(1, 2, CACHE_COUNT_PARTNER, "later");
    assert_int_equal(scan.ask.first.len, CACHE_ENTRY_BYTES_MAX);
    assert_memory_equal(scan.first, entry, CACHE_ENTRY_BYTES_MAX);
}

/* Otherwise a key that something else wrote there makes a scan count, or takes the cache down. */
static void test_keys_of_other_types_are_no_answers(void **state)
{
    (void)state;
    redis_server_number(&world.server,
                        "SET code:{0101010101010101}:02020202020202020202020202020202 x");
    struct asked scan = ask_new(1, 2, CACHE_COUNT_PARTNER, "entry");
    assert_empty_answer(&scan.ask);
    redis_server_number(&world.server, "LPUSH face:{12:1000} x");
    scan = ask_new(2, 2, CACHE_COUNT_NONE, "");
    assert_true(scan.ask.answered);
    assert_int_equal(scan.ask.face.len, 0);

    redis_server_number(&world.server, "LPUSH status:{12} x");
    redis_server_number(&world.server, "LPUSH status:{12}:seq x");
    assert_false(look(5).list_present);
    assert_int_equal(list_state(1, NULL), CACHE_LIST_ABSENT);
    assert_int_equal(rebuild(1, 1, NULL), CACHE_LIST_DONE);
    assert_true(look(5).list_present);
    assert_int_equal(cache_state(world.cache), CACHE_UP);
}

/* ---- faces ---- */

/* Otherwise each online answer costs the registry a read, or an old face is shown for ever. */
static void test_a_face_is_kept_for_its_time(void **state)
{
    (void)state;
    uint8_t sealed[CACHE_FACE_BYTES_MAX];
    struct seeded seed = {3};
    for (size_t i = 0; i < sizeof sealed; i++)
        sealed[i] = (uint8_t)seeded_next(&seed);
    cache_put_face(world.cache, LIST, 1000, bytes_of(sealed, sizeof sealed), 60);
    struct asked found = ask_new(1, 2, CACHE_COUNT_NONE, "");
    assert_int_equal(found.ask.face.len, sizeof sealed);
    assert_memory_equal(found.face, sealed, sizeof sealed);
    assert_in_range(redis_server_number(&world.server, "TTL face:{12:1000}"), 1, 60);

    redis_server_number(&world.server, "SET face:{12:1000} %b", array,
                        (size_t)CACHE_FACE_BYTES_MAX + 1);
    found = ask_new(1, 2, CACHE_COUNT_NONE, "");
    assert_true(found.ask.answered);
    assert_int_equal(found.ask.face.len, 0); /* longer than any of ours */
}

/* Otherwise a full Redis stops codes from counting and seizures from arriving, for the sake of
 * faces. */
static void test_short_memory_costs_the_faces_alone(void **state)
{
    (void)state;
    const struct cache_change change = {77, 2};
    assert_int_equal(rebuild(1, 1, NULL), CACHE_LIST_DONE);
    redis_server_number(&world.server, "CONFIG SET maxmemory 1000");
    cache_put_face(world.cache, LIST, 1000, BYTES("sealed"), 60);
    assert_true(remember(1, 2, CACHE_COUNT_PARTNER, "first").remember.counted);
    struct asked scan = ask_new(1, 2, CACHE_COUNT_INSPECTOR, "inspector");
    assert_true(scan.ask.answered && scan.ask.counted && scan.ask.list_present);
    assert_int_equal(scan.ask.face.len, 0);
    assert_int_equal(apply(1, 2, &change, 1, NULL), CACHE_LIST_DONE);
    assert_int_equal(look(77).bits, 2);
    assert_int_equal(redis_server_number(&world.server, "EXISTS face:{12:1000}"), 0);
    assert_int_equal(cache_state(world.cache), CACHE_UP);
}

/* ---- lists ---- */

/* Otherwise the bits of an empty or damaged list pass for a valid licence's. */
static void test_a_damaged_list_is_absent(void **state)
{
    (void)state;
    static const char *const positions[] = {"",
                                            "1",
                                            "1 ",
                                            " 1",
                                            "a 1",
                                            "1 a",
                                            "1  1",
                                            "1 1 1",
                                            "-1 1",
                                            "1 -1",
                                            "1 1\n",
                                            "1 1.5",
                                            "1 1e3",
                                            "0x10 1",
                                            "1 1000000000000000",
                                            "18446744073709551616 1",
                                            "100000000000000000000 1",
                                            "000000000000000000001 1"};
    memset(array, 0, sizeof array);
    assert_false(look(5).list_present);
    assert_int_equal(list_state(1, NULL), CACHE_LIST_ABSENT);

    assert_int_equal(rebuild(1, 1, NULL), CACHE_LIST_DONE);
    assert_true(look(5).list_present);
    for (size_t i = 0; i < sizeof positions / sizeof *positions; i++) {
        redis_server_number(&world.server, "SET status:{12}:seq %s", positions[i]);
        assert_false(look(5).list_present);
        assert_int_equal(list_state(1, NULL), CACHE_LIST_ABSENT);
        assert_int_equal(apply(1, 2, &(struct cache_change){5, 1}, 1, NULL), CACHE_LIST_ABSENT);
        assert_int_equal(rebuild(1, 1, NULL), CACHE_LIST_DONE);
    }
    redis_server_number(&world.server, "DEL status:{12}:seq");
    assert_false(look(5).list_present);

    assert_int_equal(rebuild(1, 1, NULL), CACHE_LIST_DONE);
    redis_server_number(&world.server, "APPEND status:{12} x"); /* one octet too many */
    assert_false(look(5).list_present);
    assert_int_equal(apply(1, 2, &(struct cache_change){5, 1}, 1, NULL), CACHE_LIST_ABSENT);
    redis_server_number(&world.server, "SET status:{12} %b", array, (size_t)CACHE_LIST_BYTES - 1);
    assert_false(look(5).list_present);
    redis_server_number(&world.server, "DEL status:{12}"); /* its seq stays */
    assert_false(look(5).list_present);
    assert_int_equal(list_state(1, NULL), CACHE_LIST_ABSENT);
    assert_int_equal(apply(1, 2, &(struct cache_change){5, 1}, 1, NULL), CACHE_LIST_ABSENT);
    assert_int_equal(redis_server_number(&world.server, "EXISTS status:{12}"), 0);
}

/* Otherwise a bit is written or read in a neighbour's place. */
static void test_bits_stand_where_the_lists_have_them(void **state)
{
    (void)state;
    static uint8_t expected[CACHE_LIST_BYTES];
    struct cache_change changes[CACHE_CHANGES_MAX];
    struct seeded seed = {4};
    for (size_t i = 0; i < sizeof array; i++)
        array[i] = (uint8_t)seeded_next(&seed);
    memcpy(expected, array, sizeof array);
    assert_int_equal(rebuild(GENERATION, 1, NULL), CACHE_LIST_DONE);

    uint64_t seq = 2;
    for (unsigned round = 0; round < 4; round++, seq += CACHE_CHANGES_MAX) {
        for (size_t n = 0; n < CACHE_CHANGES_MAX; n++) {
            changes[n].index = (uint32_t)(seeded_next(&seed) % (round < 2 ? 40 : 1u << 20));
            changes[n].bits = (uint8_t)(seeded_next(&seed) & 3);
            status_list_set(expected, changes[n].index, changes[n].bits);
        }
        uint64_t redis_seq;
        assert_int_equal(apply(GENERATION, seq, changes, CACHE_CHANGES_MAX, &redis_seq),
                         CACHE_LIST_DONE);
        assert_true(redis_seq == seq + CACHE_CHANGES_MAX - 1);
    }
    redisReply *reply = redis_server_command(&world.server, "GET status:{12}");
    assert_int_equal(reply->len, sizeof expected);
    assert_memory_equal(reply->str, expected, sizeof expected);
    freeReplyObject(reply);
    const uint32_t places[] = {0, 1, 2, 3, 4, 39, 1048575, 1048574, 1048573, 1048572, 524288};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct cache_ask ask = look(places[i]);
        assert_true(ask.list_present);
        assert_int_equal(ask.bits, status_list_get(expected, places[i]));
        assert_true(ask.seq == seq - 1 && ask.generation == GENERATION);
    }
}

/* Otherwise a change is lost, or an old one replayed over a newer one. */
static void test_changes_apply_in_order_only(void **state)
{
    (void)state;
    uint64_t seq;
    memset(array, 0, sizeof array);
    assert_int_equal(rebuild(GENERATION, 10, NULL), CACHE_LIST_DONE);
    const struct cache_change changes[] = {{1, 1}, {2, 2}, {3, 3}, {1, 0}};

    assert_int_equal(apply(GENERATION, 12, changes, 1, &seq), CACHE_LIST_GAP);
    assert_true(seq == 10 && look(1).bits == 0);
    assert_int_equal(apply(GENERATION, 11, changes, 3, &seq), CACHE_LIST_DONE);
    assert_true(seq == 13 && look(1).bits == 1 && look(2).bits == 2 && look(3).bits == 3);

    /* 12 and 13 are passed over, also with other bits; 14 is new */
    const struct cache_change replayed[] = {{2, 0}, {3, 0}, {1, 0}};
    assert_int_equal(apply(GENERATION, 12, replayed, 3, &seq), CACHE_LIST_DONE);
    assert_true(seq == 14 && look(1).bits == 0 && look(2).bits == 2 && look(3).bits == 3);
    assert_int_equal(apply(GENERATION, 1, changes, 3, &seq), CACHE_LIST_DONE);
    assert_true(seq == 14 && look(1).bits == 0);
    assert_int_equal(apply(GENERATION, 14, changes, 1, &seq), CACHE_LIST_DONE);
    assert_true(seq == 14 && look(1).bits == 0);
    assert_int_equal(apply(GENERATION, 16, changes, 1, &seq), CACHE_LIST_GAP);
    assert_true(seq == 14);
    assert_int_equal(list_state(GENERATION, &seq), CACHE_LIST_DONE);
    assert_true(seq == 14);
}

/* Otherwise the changes of a restored registry are mixed into an array of before. */
static void test_another_generation_is_absent(void **state)
{
    (void)state;
    const struct cache_change change = {1, 1};
    memset(array, 0, sizeof array);
    assert_int_equal(rebuild(GENERATION, 10, NULL), CACHE_LIST_DONE);
    /* a neighbour that has the same double */
    assert_int_equal(apply(GENERATION + 1, 11, &change, 1, NULL), CACHE_LIST_ABSENT);
    assert_int_equal(list_state(GENERATION + 1, NULL), CACHE_LIST_ABSENT);
    assert_int_equal(look(1).bits, 0);
    assert_int_equal(apply(GENERATION, 11, &change, 1, NULL), CACHE_LIST_DONE);
}

/* Otherwise a slow rebuild takes Redis back behind changes that were answered. */
static void test_a_rebuild_never_goes_back(void **state)
{
    (void)state;
    uint64_t seq;
    memset(array, 0, sizeof array);
    assert_int_equal(rebuild(GENERATION, 10, &seq), CACHE_LIST_DONE); /* absent */
    assert_true(seq == 10);
    memset(array, 0x55, sizeof array);
    assert_int_equal(rebuild(GENERATION, 9, &seq), CACHE_LIST_NEWER);
    assert_true(seq == 10 && look(1).bits == 0);
    assert_int_equal(rebuild(GENERATION, 10, NULL), CACHE_LIST_DONE); /* equal mends */
    assert_int_equal(look(1).bits, 1);
    memset(array, 0xaa, sizeof array);
    assert_int_equal(rebuild(GENERATION, 11, NULL), CACHE_LIST_DONE); /* lower */
    assert_int_equal(look(1).bits, 2);
    memset(array, 0xff, sizeof array);
    assert_int_equal(rebuild(GENERATION + 1, 3, &seq), CACHE_LIST_DONE); /* another generation */
    assert_true(seq == 3);
    struct cache_ask ask = look(1);
    assert_true(ask.bits == 3 && ask.seq == 3 && ask.generation == GENERATION + 1);

    redis_server_number(&world.server, "SETRANGE status:{12} 262144 x"); /* newer, but damaged */
    assert_int_equal(rebuild(GENERATION + 1, 2, NULL), CACHE_LIST_DONE);
    assert_true(look(1).seq == 2);
}

/* Otherwise the largest change number that the door allows is rounded in Redis. */
static void test_the_largest_change_number(void **state)
{
    (void)state;
    uint64_t seq;
    const struct cache_change change = {1, 1};
    assert_int_equal(rebuild(UINT64_MAX, CACHE_SEQ_MAX - 1, NULL), CACHE_LIST_DONE);
    assert_int_equal(apply(UINT64_MAX, CACHE_SEQ_MAX, &change, 1, &seq), CACHE_LIST_DONE);
    assert_true(seq == CACHE_SEQ_MAX);
    assert_true(look(1).seq == CACHE_SEQ_MAX && look(1).generation == UINT64_MAX);
    assert_int_equal(apply(UINT64_MAX, CACHE_SEQ_MAX, &change, 1, &seq), CACHE_LIST_DONE);
    assert_int_equal(rebuild(UINT64_MAX, CACHE_SEQ_MAX - 1, &seq), CACHE_LIST_NEWER);
    assert_true(seq == CACHE_SEQ_MAX);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_WORLD(test_a_known_code_and_an_unknown_one),
        WITH_WORLD(test_keys_are_those_of_the_protocol),
        WITH_WORLD(test_a_scan_counts_only_with_its_key),
        WITH_WORLD(test_the_first_scan_wins),
        WITH_WORLD(test_partners_count_apart_from_inspectors),
        WITH_WORLD(test_a_forged_code_cannot_spend_the_genuine_one),
        WITH_WORLD(test_remember_creates_with_expiry_and_counts),
        WITH_WORLD(test_what_a_code_was_displayed_as),
        WITH_WORLD(test_acting_is_kept_when_the_key_is_made),
        WITH_WORLD(test_a_damaged_acting_is_unknown),
        WITH_WORLD(test_a_key_without_its_mark_is_made_anew),
        WITH_WORLD(test_the_longest_entry),
        WITH_WORLD(test_keys_of_other_types_are_no_answers),
        WITH_WORLD(test_a_face_is_kept_for_its_time),
        WITH_WORLD(test_short_memory_costs_the_faces_alone),
        WITH_WORLD(test_a_damaged_list_is_absent),
        WITH_WORLD(test_bits_stand_where_the_lists_have_them),
        WITH_WORLD(test_changes_apply_in_order_only),
        WITH_WORLD(test_another_generation_is_absent),
        WITH_WORLD(test_a_rebuild_never_goes_back),
        WITH_WORLD(test_the_largest_change_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
