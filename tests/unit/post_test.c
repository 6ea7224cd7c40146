/* gateway/outbound/post.h, to servers in this program. Each test begins with what would be broken
 * if it failed. */
#include <stdlib.h>

#include "gateway/outbound/fetch.h"
#include "gateway/outbound/post.h"
#include "tests/https_server.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

struct party {
    struct https_server server;
    char url[64], ca[512];
    struct post post;
    unsigned done;
};
static struct party parties[2];
static struct poster *poster;

static void is_done(struct post *post)
{
    struct party *party = (struct party *)((char *)post - offsetof(struct party, post));
    party->done++;
}

static struct party *serve(int i)
{
    struct party *party = &parties[i];
    const char *folder = temp_folder();
    alarm(60); /* what would hang fails */
    memset(party, 0, sizeof *party);
    https_certificate(path_in(folder, "crt"), path_in(folder, "key"), "IP:127.0.0.1", 3600);
    https_server_start(&party->server, path_in(folder, "crt"), path_in(folder, "key"));
    snprintf(party->url, sizeof party->url, "https://127.0.0.1:%u/hook?a=1", party->server.port);
    snprintf(party->ca, sizeof party->ca, "%s", path_in(folder, "crt"));
    party->post = (struct post){.url = party->url,
                                .ca_file = party->ca,
                                .timeout_ms = 20000,
                                .headers = {"Content-Type: application/json", "Webhook-Id: 17"},
                                .body = BYTES("{\"a\":1}"),
                                .done = is_done};
    return party;
}

static void post_and_wait(struct party *party)
{
    const unsigned before = party->done;
    assert_true(poster_start(poster, &party->post));
    while (party->done == before)
        poster_turn(poster, 100);
    assert_int_equal(party->done, before + 1);
    assert_int_equal(party->post.status == 0, *party->post.error != 0);
}

/* An authority would not be told, or be told something else. */
static void a_message_arrives_as_it_is(void **state)
{
    (void)state;
    struct party *party = serve(0);
    uint8_t storage[16];
    struct buf answer = BUF_OVER(storage);
    setenv("https_proxy", "http://127.0.0.1:1", 1); /* nobody there */
    https_server_answer(&party->server, OK_HEAD, BYTES("thank you"), false);
    party->post.answer = &answer;
    post_and_wait(party);
    unsetenv("https_proxy");
    assert_int_equal(party->post.status, 200);
    assert_bytes(buf_bytes(&answer), "thank you");
    const char *asked = party->server.asked;
    assert_memory_equal(asked, "POST /hook?a=1 HTTP/1.1\r\n", 25);
    assert_non_null(strstr(asked, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(asked, "\r\nWebhook-Id: 17\r\n"));
    assert_null(strstr(asked, "User-Agent"));
    assert_string_equal(strstr(asked, "\r\n\r\n"), "\r\n\r\n{\"a\":1}");
    https_server_stop(&party->server);
}

/* A redirection would be followed with a licence's number, an error be taken for an arrival. */
static void every_status_is_told_and_none_followed(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        unsigned status;
    } rows[] = {{"HTTP/1.1 204 No Content\r\n", 204},
                {"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n", 302},
                {"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://127.0.0.1:1/\r\n", 308},
                {"HTTP/1.1 410 Gone\r\n", 410},
                {"HTTP/1.1 503 No\r\n", 503},
                {"nonsense\r\n", 0}};
    struct party *party = serve(0);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        https_server_answer(&party->server, rows[i].head, BYTES(""), false);
        post_and_wait(party);
        assert_int_equal(party->post.status, rows[i].status);
        assert_int_equal(https_server_requests(&party->server), i + 1);
    }
    https_server_stop(&party->server);
}

/* A receiver could fill our memory or keep us for ever; or its long thanks be taken for a failure,
 * and the same be sent for days. */
static void long_answers_are_cut(void **state)
{
    (void)state;
    static const uint8_t zeros[1000] = {0};
    static uint8_t storage[1000];
    struct party *party = serve(0);
    https_server_answer(&party->server, OK_HEAD, bytes_of(zeros, sizeof zeros), true);
    post_and_wait(party);
    assert_int_equal(party->post.status, 200);

    struct buf answer = BUF_OVER(storage);
    party->post.answer = &answer;
    post_and_wait(party);
    assert_int_equal(party->post.status, 0);
    assert_string_equal(party->post.error, "The answer is too long");
    https_server_answer(&party->server, OK_HEAD, bytes_of(zeros, sizeof zeros), false);
    answer = BUF_OVER(storage);
    post_and_wait(party);
    assert_int_equal(party->post.status, 200);
    assert_int_equal(answer.len, sizeof zeros);
    https_server_stop(&party->server);
}

/* Whoever stands in between would read a licence's number. */
static void the_certificate_must_be_right(void **state)
{
    (void)state;
    struct party *party = serve(0), *other = serve(1);
    party->post.ca_file = other->ca;
    post_and_wait(party);
    assert_int_equal(party->post.status, 0);
    party->post.ca_file = "";
    post_and_wait(party);
    assert_int_equal(party->post.status, 0);
    assert_int_equal(https_server_requests(&party->server), 0);
    party->post.ca_file = party->ca;
    snprintf(party->url, sizeof party->url, "http://127.0.0.1:%u/", party->server.port);
    post_and_wait(party); /* in clear text only where that was asked for */
    assert_string_equal(party->post.error, "Unsupported protocol");
    party->post.plain = true;
    post_and_wait(party); /* spoken, and not understood */
    assert_int_equal(party->post.status, 0);
    assert_string_not_equal(party->post.error, "Unsupported protocol");
    assert_null(strstr(party->post.error, "127.0.0.1"));
    https_server_stop(&party->server);
    https_server_stop(&other->server);
}

/* An authority whose server hangs would keep all others from being told. */
static void who_hangs_keeps_nobody_waiting(void **state)
{
    (void)state;
    struct party *hangs = serve(0), *other = serve(1);
    https_server_hold(&hangs->server, true);
    assert_true(poster_start(poster, &hangs->post));
    for (unsigned i = 0; i < 3; i++)
        post_and_wait(other);
    assert_int_equal(other->post.status, 200);
    assert_int_equal(hangs->done, 0);
    https_server_hold(&hangs->server, false);
    while (!hangs->done)
        poster_turn(poster, 100);
    assert_int_equal(hangs->post.status, 200);
    https_server_stop(&hangs->server);
    https_server_stop(&other->server);
}

/* A thread would be kept for ever; or what is under way be told of after its end. */
static void silence_ends_and_so_does_the_poster(void **state)
{
    (void)state;
    struct party *party = serve(0);
    https_server_hold(&party->server, true);
    party->post.timeout_ms = 300;
    post_and_wait(party);
    assert_int_equal(party->post.status, 0);
    assert_string_equal(party->post.error, "Timeout was reached");
    party->post.timeout_ms = 20000;
    assert_true(poster_start(poster, &party->post));
    https_server_hold(&party->server, false);
    https_server_hold(&party->server, true);
    poster_destroy(&poster);
    assert_int_equal(party->done, 1);
    poster = poster_create();
    https_server_stop(&party->server);
    post_and_wait(party); /* nobody is there */
    assert_int_equal(party->post.status, 0);
}

static void *wake(void *context)
{
    poster_wake(context);
    return NULL;
}

/* A gateway that is asked to stop would wait for the next message. */
static void a_waiting_turn_is_woken(void **state)
{
    (void)state;
    pthread_t thread;
    alarm(60);
    assert_int_equal(pthread_create(&thread, NULL, wake, poster), 0);
    poster_turn(poster, 3600000);
    pthread_join(thread, NULL);
}

static int begin(void **state)
{
    (void)state;
    poster = poster_create();
    return 0;
}

static int end(void **state)
{
    (void)state;
    poster_destroy(&poster);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_message_arrives_as_it_is),     TEST(every_status_is_told_and_none_followed),
        TEST(long_answers_are_cut),           TEST(the_certificate_must_be_right),
        TEST(who_hangs_keeps_nobody_waiting), TEST(silence_ends_and_so_does_the_poster),
        TEST(a_waiting_turn_is_woken),
    };
    fetch_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
