/* What the cache makes of a server that is no Redis, or a deranged one: never a crash, never a
 * wrong answer, and it connects anew. */
#include "tests/cache_limits.h"
#include "tests/fake_redis.h"

static void open_cache_up(unsigned trip_timeout_ms)
{
    world.options.trip_timeout_ms = trip_timeout_ms;
    world.options.breaker_failures = 1;
    open_cache();
    WAIT(cache_state(world.cache) == CACHE_UP);
}

/* An honest server is believed, again and at last: a short deadline may pass now and then. */
static void assert_honest_answer(void)
{
    struct asked asked;
    fake.garbage = NULL;
    do {
        WAIT(cache_state(world.cache) == CACHE_UP);
        asked = ask_new(1, 2, CACHE_COUNT_NONE, "");
    } while (!asked.ask.answered && world.options.trip_timeout_ms < 1000);
    assert_true(asked.ask.answered && asked.ask.code_known && !asked.ask.counted);
    assert_true(asked.ask.list_present && asked.ask.bits == 2);
    assert_true(asked.ask.generation == 5 && asked.ask.seq == 7);
    assert_int_equal(asked.ask.face.len, 4);
    assert_memory_equal(asked.face, "face", 4);
}

#define KEY "\1"

static void assert_dropped_for(const struct garbage *garbage, enum cache_count count)
{
    unsigned accepted = fake.accepted;
    fake.garbage = garbage;
    struct asked asked = ask_new(1, 2, count, "entry");
    if (asked.ask.answered)
        fail_msg("believed instead of %d: %s", (int)garbage->instead_of, garbage->text);
    assert_empty_answer(&asked.ask);
    fake.garbage = NULL;
    WAIT(fake.accepted > accepted && cache_state(world.cache) == CACHE_UP);
    assert_honest_answer();
}

/* Otherwise the answer to another question, or none at all, becomes a verdict. */
static void test_wrong_answers_drop_the_connection(void **state)
{
    (void)state;
    static const struct garbage table[] = {
        {SCAN, "*4\r\n$3\r\nfoo\r\n:1\r\n:0\r\n$-1\r\n", false},
        {SCAN, "*4\r\n$0\r\n\r\n:1\r\n:0\r\n$-1\r\n", false},
        {SCAN, "*4\r\n$-1\r\n:1\r\n:0\r\n$-1\r\n", false},
        {SCAN, "*4\r\n:1\r\n:1\r\n:0\r\n$-1\r\n", false},
        {SCAN, "*3\r\n" KEY ":1\r\n:0\r\n", false},
        {SCAN, "*5\r\n" KEY ":1\r\n:0\r\n$-1\r\n$-1\r\n", false}, /* acting, for anybody */
        {SCAN, "*5\r\n" KEY ":1\r\n:0\r\n$-1\r\n$1\r\n0\r\n", false},
        {SCAN, "*4\r\n" KEY ":2\r\n:0\r\n$-1\r\n", false},
        {SCAN, "*4\r\n" KEY ":-1\r\n:0\r\n$-1\r\n", false},
        {SCAN, "*4\r\n" KEY "$1\r\n1\r\n:0\r\n$-1\r\n", false},
        {SCAN, "*4\r\n" KEY ":1\r\n:1\r\n$-1\r\n", false}, /* counted, though nobody asked */
        {SCAN, "*4\r\n" KEY ":1\r\n:0\r\n$1\r\nx\r\n", false},
        {SCAN, "*4\r\n" KEY ":1\r\n:0\r\n:7\r\n", false},
        {SCAN, "*4\r\n*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:0\r\n$-1\r\n", false},
        {SCAN, "*12\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
         false},
        {SCAN, "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", false},
        {SCAN, "*0\r\n", false},
        {SCAN, "*-1\r\n", false},
        {SCAN, "$-1\r\n", false},
        {SCAN, ":1\r\n", false},
        {SCAN, "+OK\r\n", false},
        {SCAN, "-ERR nothing of the kind\r\n", false},
        {SCAN, "*2147483647\r\n", false},
        {SCAN, "*2147483648\r\n", false},
        {SCAN, "*-2\r\n", false},
        {SCAN, "$-2\r\n", false},
        {SCAN, "HTTP/1.1 400 Bad Request\r\n\r\n", false},
        {SCAN, KEY, false},
        {POSITION, ":7\r\n", false},
        {POSITION, "*1\r\n$3\r\n5 7\r\n", false},
        {POSITION, "+5 7\r\n", false},
        {POSITION, "-ERR no\r\n", false},
        {POSITION, "", true},
        {LENGTH, "$6\r\n262144\r\n", false},
        {LENGTH, ":-1\r\n", false},
        {LENGTH, "$-1\r\n", false},
        {LENGTH, "-ERR no\r\n", false},
        {OCTET, ":2\r\n", false},
        {OCTET, "$2\r\nxx\r\n", false},
        {OCTET, "$-1\r\n", false},
        {OCTET, "-ERR no\r\n", false},
        {OCTET, "$1\r\n", true},
        {PLACE, "$14\r\nface:{12:1001}\r\n", false},
        {PLACE, "$14\r\nface:{13:1000}\r\n", false},
        {PLACE, "$0\r\n\r\n", false},
        {PLACE, "$-1\r\n", false},
        {PLACE, ":1\r\n", false},
        {PLACE, "-ERR no\r\n", false},
        /* one missing or one too many: all that follow are shifted, up to the echo */
        {POSITION, "", false},
        {LENGTH, "", false},
        {OCTET, "", false},
        {POSITION, "$3\r\n5 7\r\n$3\r\n5 7\r\n", false},
        {LENGTH, ":262144\r\n:262144\r\n", false},
        {OCTET, "$1\r\nx\r\n$1\r\nx\r\n", false},
        {FACE, ":1\r\n", false},
        {FACE, "*1\r\n$1\r\nx\r\n", false},
        {FACE, "-ERR no\r\n", false},
        {FACE, "", true},
        {SCAN, "", true},
        {SCAN, "*4\r\n$5", true},
        {SCAN, ":1\r\n*4\r\n" KEY ":1\r\n:0\r\n$-1\r\n", false}, /* all that follow are shifted */
    };
    open_cache_up(20000);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_dropped_for(&table[i], CACHE_COUNT_NONE);

    static const struct garbage counting[] = {
        {SCAN, "*4\r\n" KEY ":0\r\n:1\r\n$-1\r\n", false},     /* counted without a key */
        {SCAN, "*4\r\n" KEY ":0\r\n:0\r\n$1\r\nx\r\n", false}, /* a first scan without a key */
        {SCAN, "*5\r\n" KEY ":0\r\n:0\r\n$-1\r\n$1\r\n0\r\n", false}, /* and acting */
        {SCAN, "*4\r\n" KEY ":1\r\n:1\r\n$-1\r\n", false},            /* no word of acting */
        {SCAN, "*4\r\n" KEY ":1\r\n:0\r\n$1\r\nx\r\n", false},
        {SCAN, "*5\r\n" KEY ":1\r\n:0\r\n$-1\r\n$-1\r\n", false}, /* not counted, and no first */
        {SCAN, "*5\r\n" KEY ":1\r\n:0\r\n$0\r\n\r\n$-1\r\n", false},
        {SCAN, "*5\r\n" KEY ":1\r\n:1\r\n$5\r\nother\r\n$-1\r\n", false},
        {SCAN, "*6\r\n" KEY ":1\r\n:1\r\n$-1\r\n$-1\r\n$-1\r\n", false},
    };
    for (size_t i = 0; i < sizeof counting / sizeof *counting; i++)
        assert_dropped_for(&counting[i], CACHE_COUNT_PARTNER);
}

/* Otherwise another's answer lets an assertion pass twice, or a client exceed its quota. */
static void test_wrong_answers_about_limits_drop_the_connection(void **state)
{
    (void)state;
    static const struct garbage table[] = {
        {ONCE, "*2\r\n$3\r\nfoo\r\n+OK\r\n", false},
        {ONCE, "*1\r\n" KEY, false},
        {ONCE, "*3\r\n" KEY "+OK\r\n+OK\r\n", false},
        {ONCE, "*2\r\n" KEY "$2\r\nOK\r\n", false},
        {ONCE, "*2\r\n" KEY "+KO\r\n", false},
        {ONCE, "*2\r\n" KEY "+OKAY\r\n", false},
        {ONCE, "*2\r\n" KEY ":1\r\n", false},
        {ONCE, "+OK\r\n", false},
        {ONCE, "$-1\r\n", false},
        {ONCE, "-OOM no\r\n", false},
        {ONCE, "*2\r\n" KEY "-ERR no\r\n", false},
        {ONCE, "", true},
        {TAKE, "*4\r\n$3\r\nfoo\r\n:1\r\n:4\r\n:0\r\n", false},
        {TAKE, "*4\r\n$15\r\nbucket:{quota:}\r\n:1\r\n:4\r\n:0\r\n", false},
        {TAKE, "*3\r\n" KEY ":1\r\n:4\r\n", false},
        {TAKE, "*5\r\n" KEY ":1\r\n:4\r\n:0\r\n:0\r\n", false},
        {TAKE, "*4\r\n" KEY ":2\r\n:4\r\n:0\r\n", false},
        {TAKE, "*4\r\n" KEY "$-1\r\n:4\r\n:0\r\n", false},
        {TAKE, "*4\r\n" KEY ":1\r\n:9\r\n:0\r\n", false}, /* two were taken of ten */
        {TAKE, "*4\r\n" KEY ":1\r\n:11\r\n:0\r\n", false},
        {TAKE, "*4\r\n" KEY ":1\r\n:-1\r\n:0\r\n", false},
        {TAKE, "*4\r\n" KEY ":1\r\n:4\r\n:1\r\n", false}, /* taken, and yet to wait */
        {TAKE, "*4\r\n" KEY ":0\r\n:2\r\n:1\r\n", false}, /* there, and yet not taken */
        {TAKE, "*4\r\n" KEY ":0\r\n:1\r\n:0\r\n", false},
        {TAKE, "*4\r\n" KEY ":0\r\n:1\r\n:60001\r\n", false},
        {TAKE, "*4\r\n" KEY ":0\r\n:1\r\n$1\r\n1\r\n", false},
        {TAKE, "-ERR no\r\n", false},
        {TAKE, ":1\r\n", false},
        {TAKE, "", true},
    };
    open_cache_up(20000);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        unsigned accepted = fake.accepted;
        fake.garbage = &table[i];
        if (table[i].instead_of == ONCE) {
            assert_false(once(7).answered);
        } else {
            struct cache_bucket bucket = take(10, 60, 2);
            assert_untold(&bucket);
        }
        fake.garbage = NULL;
        WAIT(fake.accepted > accepted && cache_state(world.cache) == CACHE_UP);
        assert_true(once(7).first);
        assert_int_equal(take(10, 60, 2).left, 4);
    }
    static const struct garbage looks[] = {
        {TAKE, "*4\r\n" KEY ":1\r\n:0\r\n:0\r\n", false}, /* one is there, and yet none */
        {TAKE, "*4\r\n" KEY ":0\r\n:1\r\n:1\r\n", false},
    };
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        fake.garbage = &looks[i];
        struct cache_bucket look = take(10, 60, 0);
        assert_untold(&look);
        fake.garbage = NULL;
        WAIT(cache_state(world.cache) == CACHE_UP);
    }
}

/* Otherwise a reply longer than any of ours is gathered without end. */
static void test_endless_replies_drop_the_connection(void **state)
{
    (void)state;
    static char text[20100];
    const struct garbage garbage[] = {{SCAN, text, false}, {FACE, text, false}};
    int head = snprintf(text, sizeof text, "$20000\r\n");
    memset(text + head, 'x', 20000);
    memcpy(text + head + 20000, "\r\n", 3);
    open_cache_up(20000);
    assert_dropped_for(&garbage[0], CACHE_COUNT_NONE);
    assert_dropped_for(&garbage[1], CACHE_COUNT_NONE);
    /* and one that never ends */
    snprintf(text, sizeof text, "$100000000\r\n");
    memset(text + strlen(text), 'x', 10000);
    unsigned accepted = fake.accepted;
    struct asked asked = new_ask(1, 2, CACHE_COUNT_NONE, "");
    fake.garbage = &garbage[0];
    assert_true(cache_ask(world.cache, &asked.ask));
    WAIT(fake.in_len == 0 && in_flight() == 1);
    for (int i = 0; i < 50 && !asked.done; i++) {
        if (fake.peer >= 0)
            send_text(bytes_of(text, 8000));
        turn();
    }
    assert_int_equal(asked.done, 1);
    assert_empty_answer(&asked.ask);
    fake.garbage = NULL;
    WAIT(fake.accepted > accepted);
    assert_honest_answer();
}

/* Otherwise half an answer keeps a request waiting, or is taken for a whole one. */
static void test_half_an_answer_ends_with_the_deadline(void **state)
{
    (void)state;
    static const struct garbage table[] = {
        {SCAN, "", false},           {SCAN, "*4\r\n" KEY ":1\r\n:0\r\n$5\r\nab", false},
        {OCTET, "$1\r\n", false},    {FACE, "$4\r\nfac", false},
        {FACE, "$4\r\nface", false}, {FACE, "$100000000\r\n", false},
    };
    open_cache_up(20);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_dropped_for(&table[i], CACHE_COUNT_NONE);
}

/* Otherwise a reply that nobody asked for ends the process: hiredis asserts. */
static void test_unasked_replies_drop_the_connection(void **state)
{
    (void)state;
    static const char *const texts[] = {"+hello\r\n", "-ERR max clients\r\n", "$-1\r\n", "x", "*"};
    open_cache_up(20000);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        unsigned accepted = fake.accepted;
        assert_honest_answer();
        send_text(bytes_str(texts[i])); /* out of the blue */
        WAIT(fake.accepted > accepted && cache_state(world.cache) == CACHE_UP);

        accepted = fake.accepted;
        fake.postscript = texts[i]; /* behind the last one that was asked for */
        assert_honest_answer();
        fake.postscript = NULL;
        WAIT(fake.accepted > accepted && cache_state(world.cache) == CACHE_UP);
    }
}

static struct asked second;
static void on_first_asked(struct cache_ask *ask)
{
    on_asked(ask);
    assert_true(cache_ask(world.cache, &second.ask));
}

/* Otherwise answers that were sent before the question are taken for its own. */
static void test_answers_before_the_question_drop_the_connection(void **state)
{
    (void)state;
    open_cache_up(20000);
    fake.postscript = "*4\r\n"
                      "$56\r\ncode:{0101010101010101}:02020202020202020202020202020202\r\n"
                      ":1\r\n:0\r\n$-1\r\n"
                      "$3\r\n5 7\r\n:262144\r\n$1\r\nx\r\n$14\r\nface:{12:1000}\r\n"
                      "$4\r\nface\r\n";
    unsigned accepted = fake.accepted;
    struct asked first = new_ask(1, 2, CACHE_COUNT_NONE, "");
    first.ask.done = on_first_asked;
    second = new_ask(1, 2, CACHE_COUNT_NONE, "");
    assert_true(cache_ask(world.cache, &first.ask));
    WAIT(second.done);
    assert_true(first.done == 1 && first.ask.answered);
    assert_int_equal(second.done, 1);
    assert_empty_answer(&second.ask);
    fake.postscript = NULL;
    WAIT(fake.accepted > accepted);
    assert_honest_answer();
}

/* Otherwise two requests of one turn get each other's answers. */
static void test_answers_in_another_order_drop_the_connection(void **state)
{
    (void)state;
    static const struct garbage other = {
        SCAN,
        "*4\r\n$56\r\ncode:{0303030303030303}:02020202020202020202020202020202\r\n"
        ":1\r\n:0\r\n$-1\r\n",
        false};
    open_cache_up(20000);
    struct asked one = new_ask(1, 2, CACHE_COUNT_NONE, "");
    struct asked three = new_ask(3, 2, CACHE_COUNT_NONE, "");
    fake.garbage = &other;
    assert_true(cache_ask(world.cache, &one.ask) && cache_ask(world.cache, &three.ask));
    WAIT(one.done && three.done);
    assert_empty_answer(&one.ask);
    assert_empty_answer(&three.ask); /* everything pending, whatever it would have got */
    assert_int_equal(atomic_load(&cache_counters(world.cache)->wrong_echo), 1);
    assert_honest_answer();
}

/* Otherwise a server that is no Redis, or one that is still loading, counts as up. */
static void test_a_wrong_greeting_is_never_up(void **state)
{
    (void)state;
    static const struct garbage table[] = {
        {INFO_SERVER, "$-1\r\n", false},
        {INFO_SERVER, "$5\r\nhello\r\n", false},
        {INFO_SERVER, "$13\r\n\r\nrun_id:abc\r\n", false},
        {INFO_SERVER, "-NOAUTH Authentication required.\r\n", false},
        {INFO_SERVER, "*1\r\n:1\r\n", false},
        {INFO_SERVER, "+hello\r\n", false},
        {INFO_SERVER, "", false},
        {INFO_SERVER, "", true},
        {INFO_SERVER, "HTTP/1.1 400 Bad Request\r\n\r\n", true},
        {INFO_MEMORY, "$5\r\nhello\r\n", false},
        {INFO_MEMORY, ":1\r\n", false},
        {SCRIPT_LOAD, "-LOADING Redis is loading the dataset in memory\r\n", false},
        {SCRIPT_LOAD, "$3\r\nabc\r\n", false},
        {SCRIPT_LOAD, ":1\r\n", false},
        {SCRIPT_LOAD, "$40\r\n", false},
    };
    world.options.connect_timeout_ms = 10;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        fake.garbage = &table[i];
        fake.accepted = 0;
        world.told_count = 0;
        open_cache();
        WAIT(fake.accepted >= 3);
        assert_int_equal(world.told_count, 0);
        fake.garbage = NULL;
        WAIT(cache_state(world.cache) == CACHE_UP);
        assert_bytes(cache_run_id(world.cache), RUN_ID);
        close_cache();
    }
}

/* Otherwise some octet on the wire ends the process. */
static void test_altered_answers_do_no_harm(void **state)
{
    (void)state;
    open_cache_up(10);
    fake.seed.state = 5;
    for (int i = 0; i < 150; i++) {
        WAIT(cache_state(world.cache) == CACHE_UP);
        ask_new(1, 2, i % 2 ? CACHE_COUNT_NONE : CACHE_COUNT_PARTNER, i % 2 ? "" : "entry");
    }
    fake.seed.state = 0;
    assert_honest_answer();
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_FAKE(test_wrong_answers_drop_the_connection),
        WITH_FAKE(test_wrong_answers_about_limits_drop_the_connection),
        WITH_FAKE(test_endless_replies_drop_the_connection),
        WITH_FAKE(test_half_an_answer_ends_with_the_deadline),
        WITH_FAKE(test_unasked_replies_drop_the_connection),
        WITH_FAKE(test_answers_before_the_question_drop_the_connection),
        WITH_FAKE(test_answers_in_another_order_drop_the_connection),
        WITH_FAKE(test_a_wrong_greeting_is_never_up),
        WITH_FAKE(test_altered_answers_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
