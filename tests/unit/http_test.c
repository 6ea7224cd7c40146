/* gateway/http over plain connections: requests, answers, limits, drain. */
#include "tests/unit/http_fixture.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

/* ---- requests and answers ---- */

/* A handler would see another request than the client sent, or each request cost a connection. */
static void requests_are_seen_as_sent(void **state)
{
    (void)state;
    serve(&usual, NULL, 1);
    struct client c;
    dial(&c);
    say(&c, "POST /a/../b%20c?x=%31&y HTTP/1.1\r\nHost: a\r\nX-Test: one\r\nACCEPT: \t*/*\r\n"
            "x-test: two\r\nContent-Length: 4\r\n\r\nbody");
    assert_int_equal(hear(&c), 200);
    assert_string_equal(c.body, "POST|/b c|x=%31&y|body|one|*/*|");
    say(&c, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n");
    assert_int_equal(hear(&c), 200);
    assert_string_equal(c.body, "PUT|/||abcde|||");
    assert_int_equal(counter(accepted), 1);
    assert_int_equal(counter(requests), 2);
    assert_null(strcasestr(c.head, "server:"));
    hang_up(&c);
    stop_serving(false);
}

/* Whoever asks too often would be taken for somebody else, or could choose for whom. */
static void the_peer_is_told(void **state)
{
    (void)state;
    serve(&usual, NULL, 1);
    struct client c;
    dial(&c);
    say(&c, GET("/peer"));
    assert_int_equal(hear(&c), 200);
    assert_string_equal(c.body, "00000000000000000000ffff7f000001|");
    say(&c, "GET /peer HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
    assert_int_equal(hear(&c), 200);
    assert_string_equal(c.body, "00000000000000000000ffff7f000001|192.0.2.1");
    say(&c, "GET /peer HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: a, b\r\nX-Forwarded: no\r\n"
            "x-forwarded-for:c\r\nX-FORWARDED-FOR: \r\nX-Forwarded-For: d,e\r\n\r\n");
    assert_int_equal(hear(&c), 200);
    assert_string_equal(c.body, "00000000000000000000ffff7f000001|a, b, c, , d,e");
    hang_up(&c);
    stop_serving(false);
}

/* Addresses of the other kind would all be one. */
static void an_ipv6_peer_is_told(void **state)
{
    (void)state;
    const struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct client c = {.descriptor = socket(AF_INET6, SOCK_STREAM, 0)};
    if (c.descriptor < 0 || bind(c.descriptor, (const struct sockaddr *)&own, sizeof own) != 0) {
        close(c.descriptor);
        skip(); /* this machine has none */
    }
    serve_at("::1", &usual, NULL, 1);
    struct sockaddr_in6 address = own;
    address.sin6_port = htons(port);
    assert_int_equal(connect(c.descriptor, (struct sockaddr *)&address, sizeof address), 0);
    say(&c, GET("/peer"));
    assert_int_equal(hear(&c), 200);
    assert_string_equal(c.body, "00000000000000000000000000000001|");
    hang_up(&c);
    stop_serving(false);
}

/* An answer would go to another request of the same client. */
static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    serve(&usual, NULL, 1);
    struct client c;
    dial(&c);
    say(&c, GET("/1") GET("/later") GET("/2") GET("/timer") GET("/now") GET("/later") "GET /3");
    static const char *const answers[] = {"GET|/1|", "later", "GET|/2|", "timer", "now", "later"};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        assert_int_equal(hear(&c), 200);
        assert_memory_equal(c.body, answers[i], strlen(answers[i]));
    }
    say(&c, " HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(hear(&c), 200);
    assert_memory_equal(c.body, "GET|/3|", 7);
    hang_up(&c);
    stop_serving(false);
}

/* Clients would wait for a body that never comes, or take it for the next answer. */
static void answers_have_the_right_form(void **state)
{
    (void)state;
    serve(&usual, NULL, 1);
    struct client c;
    dial(&c);
    say(&c, "HEAD /now HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(hear_to(&c, true), 200);
    assert_non_null(strstr(c.head, "Content-Length: 3\r\n"));
    say(&c, GET("/empty"));
    assert_int_equal(hear(&c), 204);
    assert_null(strcasestr(c.head, "content-length"));
    assert_null(strcasestr(c.head, "transfer-encoding"));
    say(&c, GET("/close") GET("/now"));
    assert_int_equal(hear(&c), 503);
    assert_string_equal(c.body, "gone");
    assert_non_null(strstr(c.head, "x-one: 1\r\n"));
    assert_non_null(strstr(c.head, "retry-after: 7\r\n"));
    assert_non_null(strstr(c.head, "Connection: close\r\n"));
    assert_true(ended(&c));
    hang_up(&c);
    stop_serving(false);
}

/* Answers made at the end of a turn or by a deadline would wait for other traffic. */
static void many_wait_and_all_are_answered(void **state)
{
    (void)state;
    serve(&usual, NULL, 1);
    enum { CLIENTS = 50 };
    static struct client c[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++)
        dial(&c[i]);
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < CLIENTS; i++)
            say(&c[i], i % 2 ? GET("/later") : GET("/timer"));
        for (size_t i = 0; i < CLIENTS; i++) {
            assert_int_equal(hear(&c[i]), 200);
            assert_string_equal(c[i].body, i % 2 ? "later" : "timer");
        }
    }
    for (size_t i = 0; i < CLIENTS; i++)
        hang_up(&c[i]);
    stop_serving(false);
}

/* A picture would be cut when the client's window is full, or views die while it is written. */
static void a_large_answer_arrives_whole(void **state)
{
    (void)state;
    serve(&usual, NULL, 1);
    struct client c;
    dial(&c);
    say(&c, GET("/large") GET("/now"));
    assert_int_equal(hear(&c), 200);
    assert_int_equal(c.body_len, 8u << 20);
    for (size_t i = 0; i < c.body_len; i++)
        if ((uint8_t)c.body[i] != (uint8_t)(i * 31 >> 4))
            fail();
    assert_int_equal(hear(&c), 200);
    assert_string_equal(c.body, "now");
    hang_up(&c);
    stop_serving(false);
}

/* ---- what is refused ---- */

/* One proxy and we would cut a stream into different requests: smuggling. */
static void ambiguous_requests_are_refused(void **state)
{
    (void)state;
    serve(&usual, NULL, 1);
    static const char *const requests[] = {
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"
        "\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nA: b\r\n Content-Length: 0\r\n\r\na",
        "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHosts: a\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\nA: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA\r\n\r\n",
        "GET /\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    };
    size_t count = sizeof requests / sizeof requests[0];
    for (size_t i = 0; i < count; i++) {
        struct client c;
        dial(&c);
        say(&c, requests[i]);
        if (hear(&c) != 400)
            fail_msg("%d for %s", c.status, requests[i]);
        assert_true(ended(&c));
        hang_up(&c);
    }
    await(counter(malformed) == count);
    assert_int_equal(ask_once("GET / HTTP/1.0\r\n\r\n"), 200);
    assert_int_equal(ask_once("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    assert_int_equal(ask_once("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                              "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"),
                     200);
    assert_int_equal(counter(malformed), count);
    stop_serving(false);
}

/* A few kilobytes of memory would become as many as a client cares to send. */
static void bodies_are_limited(void **state)
{
    (void)state;
    serve(&usual, NULL, 1);
    static char body[4096 + 1];
    memset(body, 'b', sizeof body);
    struct client c;
    dial(&c);
    say(&c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4096\r\n\r\n");
    say_bytes(&c, bytes_of(body, 4096));
    assert_int_equal(hear(&c), 200);
    say(&c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4097\r\n\r\n");
    assert_int_equal(hear(&c), 413);
    assert_non_null(strstr(c.head, "application/problem+json\r\n"));
    assert_non_null(strstr(c.body, "\"code\":\"body_too_large\""));
    assert_true(ended(&c));
    hang_up(&c);

    dial(&c);
    say(&c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1001\r\n");
    say_bytes(&c, bytes_of(body, 4097));
    assert_int_equal(hear(&c), 413);
    hang_up(&c);
    await(counter(malformed) == 2);
    stop_serving(false);
}

static void say_padded(struct client *c, size_t padding, const char *end)
{
    say(c, "GET /now HTTP/1.1\r\nHost: a\r\nX-Pad: ");
    static char pad[1024];
    memset(pad, 'p', sizeof pad);
    for (size_t part; padding; padding -= part) {
        part = padding < sizeof pad ? padding : sizeof pad;
        say_bytes(c, bytes_of(pad, part));
    }
    say(c, end);
}

/* Connections would buffer 400 KiB each, most of it before any handler could refuse. */
static void heads_are_limited(void **state)
{
    (void)state;
    serve(&usual, NULL, 1);
    struct client c;
    dial(&c);
    size_t rest = sizeof "GET /now HTTP/1.1\r\nHost: a\r\nX-Pad: \r\n\r\n" - 1;
    say_padded(&c, 2048 - rest, "\r\n\r\n");
    assert_int_equal(hear(&c), 200);
    say_padded(&c, 2049 - rest, "\r\n\r\n");
    assert_int_equal(hear(&c), 431);
    assert_non_null(strstr(c.body, "\"code\":\"header_too_large\""));
    assert_true(ended(&c));
    hang_up(&c);

    dial(&c); /* without an end, and all of it read before the answer */
    say_padded(&c, 2048 + 4096, "");
    assert_int_equal(hear(&c), 431);
    assert_true(ended(&c));
    hang_up(&c);

    char many[2048];
    struct buf head = BUF_OVER(many);
    buf_put_str(&head, "GET /now HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 100; i++)
        buf_put_str(&head, "a: b\r\n");
    buf_put_str(&head, "\r\n");
    assert_int_equal(ask_once(buf_cstr(&head)), 400);
    await(counter(malformed) == 3);
    stop_serving(false);
}

/* Paths that h2o rewrites would crash it or reach a handler as another's. */
static void strange_targets_do_no_harm(void **state)
{
    (void)state;
    serve(&usual, NULL, 1);
    static const struct {
        const char *target, *path;
    } targets[] = {
        {"/../../etc", "|/etc|"},
        {"/%2e%2e/%2E/x", "|/x|"},
        {"/a%2fb", "|/a/b|"},
        {"/%", "|/%|"},
        {"/?", "|/||"},
        {"*", "|/*|"},
        {"http://b/c", "|/http://b/c|"},
        {"/a?b?c#d", "|/a|b?c#d|"},
    };
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        struct client c;
        char text[256];
        snprintf(text, sizeof text, "OPTIONS %s HTTP/1.1\r\nHost: a\r\n\r\n", targets[i].target);
        dial(&c);
        say(&c, text);
        assert_int_equal(hear(&c), 200);
        if (!strstr(c.body, targets[i].path))
            fail_msg("%s became %s", targets[i].target, c.body);
        hang_up(&c);
    }
    stop_serving(false);
}

/* ---- connections ---- */

/* A flood of connections would take all descriptors and memory. */
static void connections_are_capped(void **state)
{
    (void)state;
    struct http_options few = usual;
    few.connections_max = 3;
    serve(&few, NULL, 1);
    struct client c[3], more;
    for (size_t i = 0; i < 3; i++) {
        dial(&c[i]);
        say(&c[i], GET("/now"));
        assert_int_equal(hear(&c[i]), 200);
    }
    dial(&more);
    assert_true(ended(&more));
    hang_up(&more);
    assert_int_equal(counter(refused_full), 1);
    assert_int_equal(counter(connections), 3);
    hang_up(&c[1]);
    await(counter(connections) == 2);
    dial(&c[1]);
    say(&c[1], GET("/now"));
    assert_int_equal(hear(&c[1]), 200);
    for (size_t i = 0; i < 3; i++)
        hang_up(&c[i]);
    await(counter(connections) == 0);
    stop_serving(false);
}

/* A client that goes away while its answer is being made would bring the process down. */
static void clients_may_leave_while_waiting(void **state)
{
    (void)state;
    serve(&usual, NULL, 1);
    enum { CLIENTS = 30 };
    static struct client c[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++) {
        dial(&c[i]);
        say(&c[i], GET("/hold"));
    }
    wait_held(CLIENTS);
    for (size_t i = 0; i < CLIENTS; i++) {
        struct linger reset = {.l_onoff = 1};
        if (i % 3 == 0) /* a reset */
            setsockopt(c[i].descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        if (i % 3 == 1) /* an end of file, and requests sent ahead */
            say(&c[i], GET("/now") GET("/hold"));
        if (i % 3 < 2)
            hang_up(&c[i]);
        else
            shutdown(c[i].descriptor, SHUT_WR); /* a half-close: wants its answer */
    }
    assert_int_equal(ask_once(GET("/now")), 200);
    on_loop(0, answer_held, (void *)"held");
    for (size_t i = 2; i < CLIENTS; i += 3) {
        assert_int_equal(hear(&c[i]), 200);
        assert_string_equal(c[i].body, "held");
        assert_true(ended(&c[i]));
        hang_up(&c[i]);
    }
    on_loop(0, answer_held, (void *)"held"); /* those sent ahead, if they were read */
    stop_serving(false);
}

/* A request sent while another is being answered would be lost or mixed with it. */
static void input_while_waiting_is_kept(void **state)
{
    (void)state;
    serve(&usual, NULL, 1);
    static char many[64000], pad[1000 + 1], long_request[2048];
    memset(pad, 'b', sizeof pad - 1);
    snprintf(long_request, sizeof long_request, "GET /now HTTP/1.1\r\nHost: %s\r\n\r\n", pad);
    struct buf ahead = BUF_OVER(many); /* more than an input buffer has room for, sent at once */
    for (unsigned i = 0; i < 40; i++)
        buf_put_str(&ahead, long_request);
    buf_put_str(&ahead, "POST /next HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nde");
    assert_true(buf_ok(&ahead));
    struct client c;
    dial(&c);
    for (unsigned i = 0; i < 5; i++) {
        say(&c, "POST /hold HTTP/1.1\r\nHost: a\r\nX-Test: t\r\nContent-Length: 3\r\n\r\nabc");
        wait_held(1);
        say_bytes(&c, buf_bytes(&ahead));
        /* The loop had turns to read it in, and another use for a buffer let go. */
        assert_int_equal(ask_once(long_request), 200);
        on_loop(0, answer_held, NULL);
        assert_int_equal(hear(&c), 200);
        assert_memory_equal(c.body, "POST|/hold||abc|t|", 18);
        for (unsigned k = 0; k < 40; k++)
            assert_int_equal(hear(&c), 200);
        say(&c, "f");
        assert_int_equal(hear(&c), 200);
        assert_memory_equal(c.body, "POST|/next||def|", 16);
    }
    hang_up(&c);
    stop_serving(false);
}

/* Idle, slow and deaf clients would keep their connections for ever, or as long as a wall clock
 * that was set back says. */
static void waits_for_clients_end(void **state)
{
    (void)state;
    struct http_options short_waits = usual;
    short_waits.request_timeout_ms = 60;
    short_waits.idle_timeout_ms = 30;
    serve(&short_waits, NULL, 1);
    struct client silent, idle, slow_head, slow_body, deaf;
    dial(&silent);
    dial(&idle);
    say(&idle, GET("/now"));
    assert_int_equal(hear(&idle), 200);
    wall_step_s = -3600;
    dial(&slow_head);
    say(&slow_head, "GET /now HTTP/1.1\r\nHost:");
    dial(&slow_body);
    say(&slow_body, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    dial(&deaf);
    say(&deaf, GET("/large"));
    assert_true(ended(&silent));
    assert_true(ended(&idle));
    assert_true(ended(&slow_head));
    assert_true(ended(&slow_body));
    await(counter(connections) == 0);
    hang_up(&silent), hang_up(&idle), hang_up(&slow_head), hang_up(&slow_body), hang_up(&deaf);
    stop_serving(false);
}

/* A wall clock set forward would close what is open. */
static void a_step_forward_closes_nobody(void **state)
{
    (void)state;
    serve(&usual, NULL, 1);
    struct client c;
    dial(&c);
    for (unsigned i = 0; i < 3; i++) {
        say(&c, GET("/now") GET("/timer") "GET /n");
        wall_step_s += 3 * 86400;
        assert_int_equal(hear(&c), 200);
        assert_int_equal(hear(&c), 200);
        wall_step_s += 3 * 86400;
        assert_int_equal(ask_once(GET("/later")), 200);
        say(&c, "ow HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_int_equal(hear(&c), 200);
    }
    hang_up(&c);
    stop_serving(false);
}

/* ---- listeners ---- */

/* One core would do all the work. */
static void loops_share_a_port(void **state)
{
    (void)state;
    serve(&usual, NULL, 2);
    struct client c[64];
    for (size_t i = 0; i < 64; i++) {
        dial(&c[i]);
        say(&c[i], GET("/later"));
    }
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(hear(&c[i]), 200);
        hang_up(&c[i]);
    }
    uint64_t first = http_loop_counters(sides[0].http_loop)->requests;
    uint64_t second = http_loop_counters(sides[1].http_loop)->requests;
    assert_int_equal(first + second, 64);
    assert_true(first && second); /* by chance not: 2^-63 */
    stop_serving(false);
}

/* An operator would not learn why nothing listens. */
static void a_listener_that_can_not_be_says_why(void **state)
{
    (void)state;
    char reason[256];
    struct buf error = BUF_OVER(reason);
    struct http *h = http_create(&usual);
    assert_int_equal(http_listen(h, "localhost", 0, NULL, app, 1, &error), 0);
    assert_string_equal(buf_cstr(&error), "localhost is not an IPv4 or IPv6 address");
    error.len = 0;
    assert_int_equal(http_listen(h, "192.0.2.1", 8443, NULL, app, 1, &error), 0);
    assert_string_equal(buf_cstr(&error),
                        "can't listen on 192.0.2.1 port 8443: Cannot assign requested address");
    http_destroy(&h);
    assert_null(h);
}

/* A restart would cut requests off, or never come to an end. */
static void a_drain_lets_requests_finish(void **state)
{
    (void)state;
    serve(&usual, NULL, 1);
    struct client held, idle, ahead;
    dial(&held);
    say(&held, GET("/hold"));
    dial(&idle);
    say(&idle, GET("/now"));
    assert_int_equal(hear(&idle), 200);
    wait_held(1);
    dial(&ahead); /* in the listener's queue, or just accepted, when the drain begins */
    say(&ahead, GET("/now"));
    on_loop(0, drain, (void *)20000);
    assert_int_equal(hear(&ahead), 200);
    assert_true(ended(&idle));
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int refused = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_not_equal(connect(refused, (struct sockaddr *)&address, sizeof address), 0);
    close(refused);
    assert_int_not_equal(sem_trywait(&sides[0].drained), 0);
    on_loop(0, answer_held, (void *)"held");
    assert_int_equal(hear(&held), 200);
    assert_non_null(strstr(held.head, "Connection: close\r\n"));
    assert_true(ended(&held));
    sem_wait(&sides[0].drained);
    hang_up(&held), hang_up(&idle), hang_up(&ahead);
    stop_serving(true);
}

/* One request that hangs would hold a restart for ever. */
static void a_drain_ends_in_time(void **state)
{
    (void)state;
    serve(&usual, NULL, 1);
    struct client held, slow;
    dial(&held);
    say(&held, GET("/hold"));
    wait_held(1);
    dial(&slow);
    say(&slow, "GET /now HT");
    await(counter(connections) == 2);
    on_loop(0, drain, (void *)30);
    assert_true(ended(&slow));
    sem_wait(&sides[0].drained);
    assert_true(ended(&held));
    on_loop(0, answer_held, (void *)"too late");
    await(counter(connections) == 0);
    hang_up(&held), hang_up(&slow);
    stop_serving(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_seen_as_sent),
        cmocka_unit_test(the_peer_is_told),
        cmocka_unit_test(an_ipv6_peer_is_told),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(answers_have_the_right_form),
        cmocka_unit_test(many_wait_and_all_are_answered),
        cmocka_unit_test(a_large_answer_arrives_whole),
        cmocka_unit_test(ambiguous_requests_are_refused),
        cmocka_unit_test(bodies_are_limited),
        cmocka_unit_test(heads_are_limited),
        cmocka_unit_test(strange_targets_do_no_harm),
        cmocka_unit_test(connections_are_capped),
        cmocka_unit_test(clients_may_leave_while_waiting),
        cmocka_unit_test(input_while_waiting_is_kept),
        cmocka_unit_test(waits_for_clients_end),
        cmocka_unit_test(a_step_forward_closes_nobody),
        cmocka_unit_test(loops_share_a_port),
        cmocka_unit_test(a_listener_that_can_not_be_says_why),
        cmocka_unit_test(a_drain_lets_requests_finish),
        cmocka_unit_test(a_drain_ends_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
