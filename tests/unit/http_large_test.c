/* gateway/http: large bodies of the one target that may have them. */
#include "tests/unit/http_fixture.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#define STRIDE  HTTP_LARGE_STRIDE_BYTES
#define POST    "POST /spool HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n"

enum { BODY_MAX = 1 << 20 };

static uint8_t body[BODY_MAX + 1];
static char folder[] = "/tmp/jwb-http-large-XXXXXX";

static bool admits(void *context, struct bytes authorization)
{
    CHECK(((struct side *)context)->loop);
    return bytes_equal(authorization, BYTES("Bearer good"));
}

static struct http_options options(void)
{
    struct http_options with_large = usual;
    with_large.large = (struct http_large){.target = "POST /spool",
                                           .folder = folder,
                                           .bytes_max = BODY_MAX,
                                           .at_once_max = 2,
                                           .admits = admits};
    return with_large;
}

static void serve_large(void)
{
    const struct http_options with_large = options();
    serve(&with_large, NULL, 1);
}

static int make_body(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(i * 31 >> 3);
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* nothing was left in it */
}

static void say_head(struct client *c, const char *head, uint64_t length)
{
    char text[512];
    snprintf(text, sizeof text, "%sContent-Length: %llu\r\n\r\n", head, (unsigned long long)length);
    say(c, text);
}

static void say_chunk(struct client *c, size_t from, size_t len, const char *extension)
{
    char line[64];
    snprintf(line, sizeof line, "%zX%s\r\n", len, extension);
    say(c, line);
    say_bytes(c, bytes_of(body + from, len));
    say(c, "\r\n");
}

/* The answer is that the first `len` octets of the body arrived. */
static void hear_whole(struct client *c, size_t len)
{
    uint64_t sum = 0;
    char wanted[64];
    for (size_t i = 0; i < len; i++)
        sum += body[i] * (uint64_t)(i + 1);
    snprintf(wanted, sizeof wanted, "%zu %llu", len, (unsigned long long)sum);
    assert_int_equal(hear(c), 200);
    assert_string_equal(c->body, wanted);
}

/* Whatever was sent before has been read by the loop. */
static void nothing(struct side *side, void *unused)
{
    (void)side, (void)unused;
}
static void let_it_read(void)
{
    for (int i = 0; i < 3; i++)
        on_loop(0, nothing, NULL);
}

static size_t count_open(void)
{
    DIR *list = opendir("/proc/self/fd");
    size_t count = 0;
    while (readdir(list))
        count++;
    closedir(list);
    return count;
}

/* An authority's delivery would be cut, doubled or mixed with what its client sends next. */
static void large_bodies_arrive_whole(void **state)
{
    (void)state;
    serve_large();
    struct client c;
    dial(&c);
    static const size_t lengths[] = {BODY_MAX, 0, 1, 4096, 4097, STRIDE, BODY_MAX - 1};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        say_head(&c, POST, lengths[i]);
        say_bytes(&c, bytes_of(body, lengths[i]));
        say(&c, "GET /now HTTP/1.1\r\nHost: a\r\n\r\n");
        hear_whole(&c, lengths[i]);
        assert_int_equal(hear(&c), 200);
        assert_string_equal(c.body, "now");
    }
    say(&c, POST "X-Test: a\r\n" CHUNKED);
    say_chunk(&c, 0, 1, ";a=\"b\"");
    say_chunk(&c, 1, 99999, "");
    say_chunk(&c, 100000, BODY_MAX - 100000, " ; x");
    say(&c, "0\r\nTrailer: x\r\n\r\nGET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    hear_whole(&c, BODY_MAX);
    assert_int_equal(hear(&c), 200);
    assert_string_equal(c.body, "later");
    assert_int_equal(counter(accepted), 1);
    assert_int_equal(counter(spooled), 0);
    hang_up(&c);
    stop_serving(false);
}

/* One that comes in pieces, or behind another request, would be taken for a small one. */
static void it_is_known_however_it_comes(void **state)
{
    (void)state;
    static const char *const before[] = {"", "GET /now HTTP/1.1\r\nHost: a\r\n\r\n",
                                         "POST /now HTTP/1.1\r\nHost: a\r\n" CHUNKED
                                         "3\r\nabc\r\n0\r\n\r\n"};
    static const char *const texts[] = {
        POST "Content-Length: 5\r\n\r\n12345",
        "POST /spool HTTP/1.1\r\nhost: a\r\nAUTHORIZATION:Bearer good\r\n"
        "TRANSFER-ENCODING: Chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n",
    };
    serve_large();
    for (size_t i = 0; i < 6; i++) {
        char all[512];
        snprintf(all, sizeof all, "%s%s", before[i / 2], texts[i % 2]);
        for (size_t piece = 0; piece < strlen(all); piece++) {
            struct client c;
            dial(&c);
            say_bytes(&c, bytes_of(all, piece));
            if (piece)
                let_it_read();
            say(&c, all + piece);
            assert_true(i / 2 == 0 || (hear(&c) == 200 && !strcmp(c.body, "now")));
            assert_int_equal(hear(&c), 200);
            assert_string_equal(c.body, "5 775");
            hang_up(&c);
        }
    }
    stop_serving(false);
}

/* Anybody could make the gateway take a megabyte, by a path that looks like the one. */
static void everything_else_stays_small(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "POST /spoo HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n",
        "POST /spooll HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n",
        "POST /spool/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n",
        "PUT /spool HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n",
        "POST /x/../spool HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n",
        "POST http://a/spool HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n",
    };
    serve_large();
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct client c;
        dial(&c);
        say_head(&c, heads[i], 4097);
        assert_int_equal(hear(&c), 413);
        hang_up(&c);
    }
    assert_int_equal(counter(spooled), 0);
    stop_serving(false);
}

/* Requests that two readers could take for different ones would reach the handler. */
static void ambiguous_ones_are_refused(void **state)
{
    (void)state;
    serve_large();
    static const char *const texts[] = {
        POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
        POST "Content-Length: 1\r\n" CHUNKED "1\r\na\r\n0\r\n\r\n",
        "POST /spool HTTP/1.1\r\nAuthorization: Bearer good\r\nContent-Length: 1\r\n\r\na",
        "POST /spool HTTP/1.0\r\nHost: a\r\nAuthorization: Bearer good\r\n" CHUNKED "0\r\n\r\n",
        POST "Content-Length: +1\r\n\r\na",
        POST "Content-Length: 1, 1\r\n\r\na",
        POST "Content-Length: 99999999999999999999\r\n\r\na",
        POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        POST "Content-Length: 1\r\n folded\r\n\r\na",
        POST CHUNKED "x\r\n",
        POST CHUNKED "1\na\r\n0\r\n\r\n",
        POST CHUNKED "1\r\nab",
        POST CHUNKED "1000000000000000\r\n",
        POST CHUNKED "\r\n",
        POST CHUNKED "1\r\na\r\n0\r\nbad\n\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(ask_once(texts[i]), 400);
    assert_int_equal(ask_once(POST "Expect: tea\r\nContent-Length: 1\r\n\r\na"), 417);
    assert_int_equal(counter(spooled), 0);
    stop_serving(false);
}

/* A stranger could fill the disk, or keep who may send from sending. */
static void who_may_not_send_is_answered_and_read_to_his_end(void **state)
{
    (void)state;
    serve_large();
    static const char *const heads[] = {
        "POST /spool HTTP/1.1\r\nHost: a\r\n",
        "POST /spool HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer bad\r\n",
    };
    for (size_t i = 0; i < 2; i++) {
        struct client c;
        dial(&c);
        say_head(&c, heads[i], 64ull << 20);
        assert_int_equal(hear(&c), 200);
        assert_string_equal(c.body, "none, 0 in memory");
        assert_non_null(strstr(c.head, "Connection: close\r\n"));
        for (size_t k = 0; k < 8; k++) /* a reset would have lost him the answer */
            say_bytes(&c, bytes_of(body, BODY_MAX));
        shutdown(c.descriptor, SHUT_WR);
        assert_true(ended(&c));
        hang_up(&c);
    }
    assert_int_equal(counter(spooled), 0);
    stop_serving(false);
}

/* A client would learn of a limit by a reset, or of none. */
static void limits_are_told(void **state)
{
    (void)state;
    serve_large();
    struct client c;
    dial(&c);
    say_head(&c, POST, BODY_MAX + 1);
    assert_int_equal(hear(&c), 413);
    assert_non_null(strstr(c.body, "\"code\":\"body_too_large\""));
    say_bytes(&c, bytes_of(body, BODY_MAX + 1));
    hang_up(&c);

    dial(&c);
    say(&c, POST CHUNKED);
    say_chunk(&c, 0, BODY_MAX, "");
    say_chunk(&c, 0, 1, "");
    assert_int_equal(hear(&c), 413);
    hang_up(&c);

    dial(&c); /* what says that it would wait is told to go on */
    say_head(&c, POST "Expect: 100-continue\r\n", 5);
    assert_int_equal(hear(&c), 100);
    say_bytes(&c, bytes_of(body, 5));
    hear_whole(&c, 5);
    say_head(&c, POST "Expect: 100-continue\r\n", BODY_MAX + 1);
    assert_int_equal(hear(&c), 413);
    hang_up(&c);
    stop_serving(false);
}

/* As many as the disk was planned for would become any number, or a place be lost for good. */
static void at_most_so_many_at_once(void **state)
{
    (void)state;
    serve_large();
    struct client working, receiving, third;
    dial(&working), dial(&receiving), dial(&third);
    say_head(&working, "POST /spool?hold HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n", 3);
    say(&working, "abc");
    wait_held(1);
    say_head(&receiving, POST, BODY_MAX);
    await(counter(spooled) == 2);
    say_head(&third, POST, 1);
    assert_int_equal(hear(&third), 503);
    assert_non_null(strstr(third.body, "\"code\":\"overloaded\""));
    assert_non_null(strstr(third.head, "retry-after: 1\r\n"));
    say(&third, "1");
    hang_up(&third);
    await(counter(connections) == 2);

    size_t open = count_open();
    hang_up(&receiving); /* who leaves gives his place back */
    await(counter(spooled) == 1);
    await(count_open() == open - 3); /* both ends and the file */
    static char done[] = "done";
    on_loop(0, answer_held, done);
    assert_int_equal(hear(&working), 200);
    assert_int_equal(counter(spooled), 0);
    say_head(&working, POST, 4);
    say_bytes(&working, bytes_of(body, 4));
    hear_whole(&working, 4);
    hang_up(&working);
    stop_serving(false);
}

/* Bodies of different clients would be mixed when they come by turns. */
static void many_at_once_stay_apart(void **state)
{
    (void)state;
    enum { CLIENTS = 16 };
    static struct client c[CLIENTS];
    struct http_options with_large = options();
    with_large.large.at_once_max = CLIENTS;
    serve(&with_large, NULL, 1);
    for (size_t i = 0; i < CLIENTS; i++) {
        dial(&c[i]);
        if (i % 2)
            say(&c[i], POST CHUNKED);
        else
            say_head(&c[i], POST, 100 * (i + 1000));
    }
    for (size_t part = 0; part < 100; part++)
        for (size_t i = 0; i < CLIENTS; i++)
            if (i % 2)
                say_chunk(&c[i], part * (i + 1000), i + 1000, "");
            else
                say_bytes(&c[i], bytes_of(body + part * (i + 1000), i + 1000));
    for (size_t i = 0; i < CLIENTS; i++) {
        if (i % 2)
            say(&c[i], "0\r\n\r\n");
        hear_whole(&c[i], 100 * (i + 1000));
        hang_up(&c[i]);
    }
    stop_serving(false);
}

/* A full disk would kill the process, or go into the registry as a body that was cut. */
static void without_room_it_is_refused_and_then_taken_again(void **state)
{
    (void)state;
    serve_large();
    struct rlimit all, little;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
    little = all;
    little.rlim_cur = 100000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    struct client c;
    dial(&c);
    say_head(&c, POST, 100001);
    say_bytes(&c, bytes_of(body, 100001));
    assert_int_equal(hear(&c), 503);
    assert_non_null(strstr(c.body, "no room"));
    hang_up(&c);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
    dial(&c);
    say_head(&c, POST, 100001);
    say_bytes(&c, bytes_of(body, 100001));
    hear_whole(&c, 100001);
    hang_up(&c);
    stop_serving(false);

    struct http_options nowhere = options();
    nowhere.large.folder = "/nowhere/at/all";
    serve(&nowhere, NULL, 1);
    assert_int_equal(ask_once(POST "Content-Length: 1\r\n\r\na"), 503);
    stop_serving(false);
}

/* A slow line could never deliver; or a client that has stopped would hold a place for ever. */
static void the_deadline_moves_with_what_comes(void **state)
{
    (void)state;
    serve_large();
    struct client c;
    dial(&c);
    say_head(&c, POST, BODY_MAX);
    for (size_t at = 0; at < BODY_MAX; at += STRIDE) {
        let_it_read();
        mono_step_s += 15;
        let_it_read();
        say_bytes(&c, bytes_of(body + at, STRIDE));
    }
    hear_whole(&c, BODY_MAX);

    say_head(&c, POST, BODY_MAX);
    for (size_t at = 0; at < 2; at++) { /* some octets, but less than a stride */
        say_bytes(&c, bytes_of(body, STRIDE / 2 - 1));
        let_it_read();
        mono_step_s += 15;
        let_it_read();
    }
    for (int turns = 0; turns < 100 && counter(connections); turns++)
        let_it_read();
    assert_int_equal(counter(connections), 0);
    assert_int_equal(counter(spooled), 0);
    assert_true(ended(&c));
    hang_up(&c);
    stop_serving(false);
}

/* A stop of the gateway would cut off a delivery that it could still have taken. */
static void a_drain_waits_for_the_body(void **state)
{
    (void)state;
    serve_large();
    struct client c;
    dial(&c);
    say_head(&c, POST, 1000);
    say_bytes(&c, bytes_of(body, 500));
    await(counter(spooled) == 1);
    on_loop(0, drain, (void *)20000);
    say_bytes(&c, bytes_of(body + 500, 500));
    hear_whole(&c, 1000);
    assert_true(ended(&c));
    sem_wait(&sides[0].drained);
    hang_up(&c);
    stop_serving(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_bodies_arrive_whole),
        cmocka_unit_test(it_is_known_however_it_comes),
        cmocka_unit_test(everything_else_stays_small),
        cmocka_unit_test(ambiguous_ones_are_refused),
        cmocka_unit_test(who_may_not_send_is_answered_and_read_to_his_end),
        cmocka_unit_test(limits_are_told),
        cmocka_unit_test(at_most_so_many_at_once),
        cmocka_unit_test(many_at_once_stay_apart),
        cmocka_unit_test(without_room_it_is_refused_and_then_taken_again),
        cmocka_unit_test(the_deadline_moves_with_what_comes),
        cmocka_unit_test(a_drain_waits_for_the_body),
    };
    return cmocka_run_group_tests(tests, make_body, drop_folder);
}
