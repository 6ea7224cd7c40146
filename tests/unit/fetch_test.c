/* gateway/outbound/fetch.h, from a server in this program. Each test begins with what would be
 * broken if it failed. */
#include <stdlib.h>

#include "gateway/outbound/fetch.h"
#include "tests/https_server.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

static struct https_server server;
static char url[64], ca[512];
static uint8_t body[1000];
static struct buf out, why;

static const char *file(const char *folder, const char *name)
{
    return path_in(folder, name);
}

/* A server with a certificate of that name and life; it is the one that the client trusts. */
static void serve_as(const char *name, long life_s)
{
    const char *folder = temp_folder();
    alarm(60); /* what would hang fails */
    server.port = 0;
    https_certificate(file(folder, "crt"), file(folder, "key"), name, life_s);
    https_server_start(&server, file(folder, "crt"), file(folder, "key"));
    snprintf(url, sizeof url, "https://127.0.0.1:%u/jwks?a=1", server.port);
    snprintf(ca, sizeof ca, "%s", file(folder, "crt"));
}

static void serve(void)
{
    serve_as("IP:127.0.0.1", 3600);
}

static bool fetch_up_to(size_t bytes_max)
{
    static uint8_t reason[512];
    const struct fetch_options options = {url, ca, 20000};
    buf_init(&out, body, bytes_max);
    why = BUF_OVER(reason);
    bool ok = fetch(&options, &out, &why);
    assert_int_equal(why.len == 0, ok);
    if (!ok)
        assert_int_equal(out.len, 0);
    return ok;
}

static void assert_why(const char *part)
{
    if (!strstr(buf_cstr(&why), part))
        fail_msg("'%s' does not say '%s'", buf_cstr(&why), part);
}

/* Keys would not be had, or the server be told who asks. */
static void a_document_is_fetched(void **state)
{
    (void)state;
    serve();
    setenv("https_proxy", "http://127.0.0.1:1", 1); /* nobody there */
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    https_server_answer(&server, OK_HEAD "Set-Cookie: a=b\r\n", BYTES("{\"keys\":[]}"), false);
    for (unsigned i = 1; i <= 2; i++) {
        assert_true(fetch_up_to(sizeof body));
        assert_bytes(buf_bytes(&out), "{\"keys\":[]}");
        assert_int_equal(https_server_requests(&server), i);
        assert_memory_equal(server.asked, "GET /jwks?a=1 HTTP/1.1\r\n", 24);
        assert_null(strstr(server.asked, "User-Agent"));
        assert_null(strstr(server.asked, "Cookie"));
        assert_null(strstr(server.asked, "Accept-Encoding"));
    }
    unsetenv("https_proxy");
    unsetenv("ALL_PROXY");

    static uint8_t reason[64];
    const struct fetch_options options = {url, ca, 20000};
    buf_put_str(&out, "!");
    why = BUF_OVER(reason);
    assert_true(fetch(&options, &out, &why)); /* behind what is there */
    assert_bytes(buf_bytes(&out), "{\"keys\":[]}!{\"keys\":[]}");
    https_server_stop(&server);
}

/* A redirection would lead anywhere; an error page would be taken for keys. */
static void only_a_200_counts(void **state)
{
    (void)state;
    serve();
    static const char *const heads[] = {
        "HTTP/1.1 404 Not Found\r\n",
        "HTTP/1.1 500 Oh\r\n",
        "HTTP/1.1 206 Partial Content\r\n",
        "HTTP/1.1 301 Moved Permanently\r\nLocation: /elsewhere\r\n",
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\n",
    };
    for (unsigned i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        https_server_answer(&server, heads[i], BYTES("{\"keys\":[]}"), false);
        assert_false(fetch_up_to(sizeof body));
        assert_why("status");
        assert_int_equal(https_server_requests(&server), i + 1);
    }
    https_server_answer(&server, "nonsense\r\n", BYTES("{\"keys\":[]}"), false);
    assert_false(fetch_up_to(sizeof body));
    https_server_stop(&server);
}

/* A server could fill our memory, or the last byte that fits be lost. */
static void too_much_is_refused(void **state)
{
    (void)state;
    static const uint8_t zeros[sizeof body] = {0};
    serve();
    https_server_answer(&server, OK_HEAD, bytes_of(zeros, sizeof zeros), false);
    assert_true(fetch_up_to(sizeof body));
    assert_int_equal(out.len, sizeof zeros);
    assert_false(fetch_up_to(sizeof body - 1));
    assert_why("more than 999 bytes");
    https_server_answer(&server, OK_HEAD, bytes_of(zeros, sizeof zeros), true);
    assert_false(fetch_up_to(sizeof body));
    assert_why("more than 1000 bytes");
    https_server_stop(&server);
}

/* Whoever stands in between would give us his keys. */
static void the_certificate_must_be_right(void **state)
{
    (void)state;
    serve_as("IP:127.0.0.2,DNS:localhost", 3600);
    https_server_answer(&server, OK_HEAD, BYTES("{}"), false);
    assert_false(fetch_up_to(sizeof body)); /* for another name */
    assert_int_equal(https_server_requests(&server), 0);
    https_server_stop(&server);

    serve_as("IP:127.0.0.1", -3600);
    assert_false(fetch_up_to(sizeof body)); /* expired */
    assert_int_equal(https_server_requests(&server), 0);
    https_server_stop(&server);

    serve();
    char right[sizeof ca];
    memcpy(right, ca, sizeof ca);
    const char *folder = temp_folder();
    https_certificate(file(folder, "crt"), file(folder, "key"), "IP:127.0.0.1", 3600);
    snprintf(ca, sizeof ca, "%s", file(folder, "crt"));
    assert_false(fetch_up_to(sizeof body)); /* by another authority */
    *ca = 0;
    assert_false(fetch_up_to(sizeof body)); /* not by one of the system's */
    snprintf(ca, sizeof ca, "%s", file(folder, "missing"));
    assert_false(fetch_up_to(sizeof body));
    assert_int_equal(https_server_requests(&server), 0);
    memcpy(ca, right, sizeof ca);
    assert_true(fetch_up_to(sizeof body));
    https_server_stop(&server);
}

/* Keys would come in clear text, or from a file of ours. */
static void only_https_is_spoken(void **state)
{
    (void)state;
    serve();
    static const char *const schemes[] = {
        "http://127.0.0.1:", "ftp://127.0.0.1:", "file:///etc/hostname?"};
    for (int i = 0; i < 3; i++) {
        snprintf(url, sizeof url, "%s%u", schemes[i], server.port);
        assert_false(fetch_up_to(sizeof body));
        assert_why("not supported");
    }
    assert_int_equal(https_server_requests(&server), 0);
    https_server_stop(&server);
}

/* A worker would be kept for ever. */
static void silence_and_absence_end(void **state)
{
    (void)state;
    uint8_t reason[256];
    serve();
    https_server_hold(&server, true);
    const struct fetch_options options = {url, ca, 300};
    out = BUF_OVER(body);
    why = BUF_OVER(reason);
    assert_false(fetch(&options, &out, &why));
    assert_int_equal(https_server_requests(&server), 1);
    https_server_stop(&server);
    assert_false(fetch_up_to(sizeof body)); /* nobody is there */
}

static int start(void **state)
{
    (void)state;
    fetch_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_fetched), cmocka_unit_test(only_a_200_counts),
        cmocka_unit_test(too_much_is_refused),   cmocka_unit_test(the_certificate_must_be_right),
        cmocka_unit_test(only_https_is_spoken),  cmocka_unit_test(silence_and_absence_end),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
