/* What the cache makes of a server that is no Redis, or a deranged one: never a crash, never a
 * wrong answer, and it connects anew. The server runs on the test's own loop. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/cache_world.h"

#define RUN_ID "0123456789abcdef0123456789abcdef01234567"
#define SERVER "# Server\r\nredis_version:7\r\nrun_id:" RUN_ID "\r\nport:0\r\n"
#define MEMORY "# Memory\r\nused_memory:1\r\nmaxmemory_policy:noeviction\r\nx:1\r\n"

/* The commands that a cache sends, by what it asks. */
enum asks {
    INFO_SERVER,
    INFO_MEMORY,
    SCRIPT_LOAD,
    SCAN,
    POSITION,
    LENGTH,
    OCTET,
    PLACE,
    FACE,
    OTHER
};

struct garbage {
    enum asks instead_of;
    const char *text; /* \1: the key asked for, as a bulk string */
    bool close;       /* and then hangs up */
};

static struct fake {
    int listener, peer;
    struct loop_watch *listening, *reading;
    const struct garbage *garbage; /* NULL: answers honestly */
    const char *postscript;        /* after an honest face */
    struct seeded seed;            /* unless 0: one octet of each trip is altered, or its end cut */
    unsigned accepted, scripts;
    size_t in_len, in_max;
    uint8_t in[1 << 16];
} fake;

static void put_bulk(struct buf *out, struct bytes text)
{
    buf_printf(out, "$%zu\r\n", text.len);
    buf_put(out, text);
    buf_put(out, BYTES("\r\n"));
}

static enum asks what_is_asked(const struct bytes *argv)
{
    if (bytes_equal(argv[0], BYTES("INFO")))
        return bytes_equal(argv[1], BYTES("server")) ? INFO_SERVER : INFO_MEMORY;
    if (bytes_equal(argv[0], BYTES("SCRIPT")))
        return SCRIPT_LOAD;
    if (bytes_equal(argv[0], BYTES("GET")))
        return bytes_start_with(argv[1], BYTES("status:")) ? POSITION : FACE;
    if (bytes_equal(argv[0], BYTES("STRLEN")))
        return LENGTH;
    if (bytes_equal(argv[0], BYTES("GETRANGE")))
        return OCTET;
    if (bytes_equal(argv[0], BYTES("ECHO")))
        return PLACE;
    return bytes_equal(argv[0], BYTES("EVALSHA")) && argv[1].data[0] == 'a' ? SCAN : OTHER;
}

static void answer_honestly(struct buf *out, enum asks asks, const struct bytes *argv)
{
    char sha[41];
    if (asks == INFO_SERVER) {
        put_bulk(out, BYTES(SERVER));
    } else if (asks == INFO_MEMORY) {
        put_bulk(out, BYTES(MEMORY));
    } else if (asks == SCRIPT_LOAD) {
        memset(sha, 'a' + (int)(fake.scripts++ % 4), 40);
        put_bulk(out, bytes_of(sha, 40));
    } else if (asks == SCAN) {
        buf_put_str(out, "*4\r\n");
        put_bulk(out, argv[3]);
        buf_put_str(out, ":1\r\n:0\r\n$-1\r\n");
    } else if (asks == POSITION) {
        put_bulk(out, BYTES("5 7"));
    } else if (asks == LENGTH) {
        buf_put_str(out, ":262144\r\n");
    } else if (asks == OCTET) {
        put_bulk(out, BYTES("\x02"));
    } else if (asks == PLACE) {
        put_bulk(out, argv[1]);
    } else {
        put_bulk(out, BYTES("face"));
        if (fake.postscript)
            buf_put_str(out, fake.postscript);
    }
}

/* True: hang up. */
static bool answer(struct buf *out, const struct bytes *argv)
{
    enum asks asks = what_is_asked(argv);
    if (!fake.garbage || fake.garbage->instead_of != asks) {
        answer_honestly(out, asks, argv);
        return false;
    }
    for (const char *c = fake.garbage->text; *c; c++)
        if (*c == '\1')
            put_bulk(out, argv[3]);
        else
            buf_put_u8(out, (uint8_t)*c);
    return fake.garbage->close;
}

/* "*2\r\n" and the like; returns the octets read, 0 when incomplete. */
static size_t read_head(struct bytes in, size_t *number)
{
    const uint8_t *end = memchr(in.data, '\n', in.len);
    if (!end)
        return 0;
    *number = strtoul((const char *)in.data + 1, NULL, 10);
    return (size_t)(end - in.data) + 1;
}

static size_t read_command(struct bytes in, struct bytes *argv)
{
    size_t argc, len, at = read_head(in, &argc);
    for (size_t i = 0; at && i < argc; i++) {
        size_t head = at < in.len ? read_head(bytes_from(in, at), &len) : 0;
        if (head == 0 || in.len - at - head < len + 2)
            return 0;
        argv[i] = bytes_of(in.data + at + head, len);
        at += head + len + 2;
    }
    return at;
}

static void hang_up(void)
{
    if (fake.peer < 0)
        return;
    loop_watch_destroy(&fake.reading);
    close(fake.peer);
    fake.peer = -1;
}

static void send_text(struct bytes text)
{
    /* the cache may have hung up meanwhile */
    CHECK(send(fake.peer, text.data, text.len, MSG_NOSIGNAL) >= 0 || errno == EPIPE);
}

static void on_readable(void *owner)
{
    (void)owner;
    uint8_t storage[32768];
    struct buf out = BUF_OVER(storage);
    struct bytes argv[16];
    bool over = false, trip = false;
    ssize_t n = read(fake.peer, fake.in + fake.in_len, sizeof fake.in - fake.in_len);
    if (n <= 0) {
        hang_up();
        return;
    }
    struct bytes in = bytes_of(fake.in, fake.in_len + (size_t)n);
    for (size_t used; !over && in.len && (used = read_command(in, argv));
         in = bytes_from(in, used)) {
        trip = what_is_asked(argv) >= SCAN;
        over = answer(&out, argv);
    }
    memmove(fake.in, in.data, in.len);
    fake.in_len = in.len;
    CHECK(buf_ok(&out));
    if (fake.seed.state && trip) {
        size_t at = seeded_next(&fake.seed) % out.len;
        if (seeded_next(&fake.seed) % 4)
            out.data[at] = (uint8_t)seeded_next(&fake.seed);
        else
            out.len = at;
    }
    send_text(buf_bytes(&out));
    if (over)
        hang_up();
}

static void on_accept(void *owner)
{
    static const struct loop_watch_handlers handlers = {.readable = on_readable};
    (void)owner;
    hang_up();
    fake.peer = accept4(fake.listener, NULL, NULL, SOCK_NONBLOCK);
    CHECK(fake.peer >= 0);
    fake.accepted++;
    fake.scripts = 0;
    fake.in_len = 0;
    fake.reading = loop_watch_create(world.loop, fake.peer, &handlers, NULL);
    loop_watch_readable(fake.reading, true);
}

static int open_fake(void **state)
{
    static const struct loop_watch_handlers handlers = {.readable = on_accept};
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    open_loop();
    memset(&fake, 0, sizeof fake);
    fake.peer = -1;
    snprintf(world.server.socket_path, sizeof world.server.socket_path, "%s",
             path_in(temp_folder(), "fake"));
    memcpy(address.sun_path, world.server.socket_path, strlen(world.server.socket_path));
    fake.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(bind(fake.listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(fake.listener, 8) == 0);
    fake.listening = loop_watch_create(world.loop, fake.listener, &handlers, NULL);
    loop_watch_readable(fake.listening, true);
    return 0;
}

static int close_fake(void **state)
{
    hang_up();
    loop_watch_destroy(&fake.listening);
    close(fake.listener);
    return close_world(state);
}

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

#define KEY "\1"

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
        {SCAN, "*5\r\n" KEY ":1\r\n:0\r\n$-1\r\n$-1\r\n", false},
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
        {SCAN, "*4\r\n" KEY ":1\r\n:0\r\n$-1\r\n", false},     /* not counted, and no first */
        {SCAN, "*4\r\n" KEY ":1\r\n:0\r\n$0\r\n\r\n", false},
        {SCAN, "*4\r\n" KEY ":1\r\n:1\r\n$5\r\nother\r\n", false},
    };
    for (size_t i = 0; i < sizeof counting / sizeof *counting; i++)
        assert_dropped_for(&counting[i], CACHE_COUNT_PARTNER);
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

#define WITH_FAKE(test) cmocka_unit_test_setup_teardown(test, open_fake, close_fake)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_FAKE(test_wrong_answers_drop_the_connection),
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
