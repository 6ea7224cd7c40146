/* gateway/http over TLS, with OpenSSL as the client. Certificates are made here. */
#include "tests/unit/http_fixture.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static const char *folder;
static SSL_CTX *client_context;

/* NAME.crt and NAME.key: a P-256 key and its own certificate for that name. */
static void make_certificate(const char *name)
{
    char file[64];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    CHECK(key && certificate);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    CHECK(X509_sign(certificate, key, EVP_sha256()));
    snprintf(file, sizeof file, "%s.crt", name);
    FILE *out = fopen(path_in(folder, file), "w");
    CHECK(out && PEM_write_X509(out, certificate) && fclose(out) == 0);
    snprintf(file, sizeof file, "%s.key", name);
    out = fopen(path_in(folder, file), "w");
    CHECK(out && PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) && fclose(out) == 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static struct http_tls *load(const char *certificate, const char *key, struct buf *error)
{
    return http_tls_create(path_in(folder, certificate), path_in(folder, key), error);
}

static struct http_tls *load_good(const char *certificate, const char *key)
{
    char reason[512];
    struct buf error = BUF_OVER(reason);
    struct http_tls *tls = load(certificate, key, &error);
    assert_non_null(tls);
    return tls;
}

static void serve_tls(const struct http_options *options)
{
    struct http_tls *tls = load_good("one.crt", "one.key");
    serve(options, tls, 1);
    http_tls_release(tls);
}

/* False when the server does not agree. protocols: ALPN's list, or NULL. */
static bool dial_tls(struct client *c, const char *protocols)
{
    dial(c);
    c->ssl = SSL_new(client_context);
    CHECK(c->ssl && SSL_set_fd(c->ssl, c->descriptor));
    if (protocols)
        CHECK(SSL_set_alpn_protos(c->ssl, (const unsigned char *)protocols,
                                  (unsigned)strlen(protocols)) == 0);
    return SSL_connect(c->ssl) == 1;
}

static void assert_subject(struct client *c, const char *name)
{
    char subject[64];
    X509 *certificate = SSL_get1_peer_certificate(c->ssl);
    assert_non_null(certificate);
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, subject,
                              sizeof subject);
    assert_string_equal(subject, name);
    X509_free(certificate);
}

/* Requests over TLS would not be served like plain ones. */
static void requests_are_served(void **state)
{
    (void)state;
    serve_tls(&usual);
    struct client c;
    assert_true(dial_tls(&c, NULL));
    say(&c, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo");
    say(&c, "dy" GET("/later") GET("/timer"));
    assert_int_equal(hear(&c), 200);
    assert_string_equal(c.body, "POST|/a||body|||");
    assert_int_equal(hear(&c), 200);
    assert_string_equal(c.body, "later");
    assert_int_equal(hear(&c), 200);
    say(&c, GET("/large"));
    assert_int_equal(hear(&c), 200);
    assert_int_equal(c.body_len, 8u << 20);
    say(&c, GET("/close"));
    assert_int_equal(hear(&c), 503);
    assert_true(ended(&c));
    assert_int_equal(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    hang_up(&c);
    await(counter(connections) == 0);
    assert_int_equal(counter(malformed), 0);
    stop_serving(false);
}

static bool admits(void *context, struct bytes authorization)
{
    (void)context;
    return bytes_equal(authorization, BYTES("good"));
}

static struct http_options options_with_large(uint64_t bytes_max)
{
    struct http_options with_large = usual;
    with_large.large = (struct http_large){.target = "POST /spool",
                                           .folder = folder,
                                           .bytes_max = bytes_max,
                                           .at_once_max = 1,
                                           .admits = admits};
    return with_large;
}

/* A large body would be lost between TLS, h2o and the file, whose buffers are others than of plain
 * connections. */
static void large_bodies_are_spooled(void **state)
{
    (void)state;
    enum { LEN = 1000000 };
    static uint8_t body[LEN];
    const struct http_options with_large = options_with_large(LEN);
    serve_tls(&with_large);
    struct client c;
    uint64_t sum = 0;
    char wanted[64];
    for (size_t i = 0; i < LEN; i++)
        sum += (body[i] = (uint8_t)(i * 7 >> 2)) * (uint64_t)(i + 1);
    snprintf(wanted, sizeof wanted, "%d %llu", LEN, (unsigned long long)sum);
    assert_true(dial_tls(&c, NULL));
    for (int i = 0; i < 2; i++) {
        say(&c, GET("/now") "POST /spool HTTP/1.1\r\nHost: a\r\nAuthorization: good\r\n"
                            "Content-Length: 1000000\r\n\r\n");
        for (size_t at = 0; at < LEN; at += 12500)
            say_bytes(&c, bytes_of(body + at, 12500));
        assert_int_equal(hear(&c), 200);
        assert_string_equal(c.body, "now");
        assert_int_equal(hear(&c), 200);
        assert_string_equal(c.body, wanted);
    }
    say(&c, "POST /spool HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    say_bytes(&c, bytes_of(body, LEN));
    assert_int_equal(hear(&c), 200);
    assert_string_equal(c.body, "none, 0 in memory");
    hang_up(&c);
    stop_serving(false);
}

static void nothing(struct side *side, void *unused)
{
    (void)side, (void)unused;
}

/* The beginning of a TLS record shows nothing of the request yet: taken for an ordinary one, a
 * large delivery would be refused, and the connection reset. */
static void a_record_comes_in_two_parts(void **state)
{
    (void)state;
    enum { LEN = 10000, PART = 50 };
    static uint8_t body[LEN], record[LEN + 1000];
    const struct http_options with_large = options_with_large(LEN);
    serve_tls(&with_large);
    struct client c;
    assert_true(dial_tls(&c, NULL));
    for (int i = 0; i < 2; i++) { /* the first request of a connection, and another */
        BIO *sealed = BIO_new(BIO_s_mem());
        SSL_set0_wbio(c.ssl, sealed);
        say(&c, "POST /spool HTTP/1.1\r\nHost: a\r\nAuthorization: good\r\n"
                "Content-Length: 10000\r\n\r\n");
        say_bytes(&c, bytes_of(body, LEN));
        const int len = BIO_read(sealed, record, sizeof record);
        assert_in_range(len, LEN, sizeof record - 1);
        SSL_set0_wbio(c.ssl, BIO_new_socket(c.descriptor, BIO_NOCLOSE));
        assert_int_equal(send(c.descriptor, record, PART, 0), PART);
        for (int turn = 0; turn < 3; turn++)
            on_loop(0, nothing, NULL); /* it has read that */
        assert_int_equal(send(c.descriptor, record + PART, (size_t)len - PART, 0), len - PART);
        assert_int_equal(hear(&c), 200);
        assert_string_equal(c.body, "10000 0");
    }
    hang_up(&c);
    stop_serving(false);
}

/* HTTP/2 of this h2o aborts the process on a hostile client: nobody must get it. */
static void only_http_1_1_is_negotiated(void **state)
{
    (void)state;
    serve_tls(&usual);
    static const char *const offers[] = {"\x02h2\x08http/1.1", "\x08http/1.1\x02h2"};
    struct client c;
    const unsigned char *chosen;
    unsigned len;
    for (size_t i = 0; i < 2; i++) {
        assert_true(dial_tls(&c, offers[i]));
        SSL_get0_alpn_selected(c.ssl, &chosen, &len);
        assert_bytes(bytes_of(chosen, len), "http/1.1");
        say(&c, GET("/now"));
        assert_int_equal(hear(&c), 200);
        hang_up(&c);
    }
    assert_false(dial_tls(&c, "\x02h2"));
    hang_up(&c);
    assert_true(dial_tls(&c, NULL));
    say(&c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_int_equal(hear(&c), 400);
    hang_up(&c);
    await(counter(tls_failed) == 1 && counter(malformed) == 1);
    stop_serving(false);
}

/* Old protocol versions, resumption and renegotiation would come back unnoticed. */
static void the_protocol_is_modern(void **state)
{
    (void)state;
    serve_tls(&usual);
    struct client c;
    SSL_CTX_set_security_level(client_context, 0);
    SSL_CTX_set_max_proto_version(client_context, TLS1_1_VERSION);
    assert_false(dial_tls(&c, NULL));
    hang_up(&c);
    SSL_CTX_set_max_proto_version(client_context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(client_context, "AES128-SHA:ECDHE-ECDSA-AES128-SHA");
    assert_false(dial_tls(&c, NULL));
    hang_up(&c);
    SSL_CTX_set_cipher_list(client_context, "DEFAULT");
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX_set_max_proto_version(client_context, version);
        assert_true(dial_tls(&c, NULL));
        say(&c, GET("/now"));
        assert_int_equal(hear(&c), 200);
        assert_int_equal(SSL_version(c.ssl), version);
        SSL_SESSION *session = SSL_get0_session(c.ssl);
        assert_false(SSL_SESSION_has_ticket(session));
        unsigned id_len;
        SSL_SESSION_get_id(session, &id_len);
        assert_true(version == TLS1_3_VERSION || id_len == 0);
        if (version == TLS1_2_VERSION) {
            SSL_renegotiate(c.ssl);
            assert_int_not_equal(SSL_do_handshake(c.ssl), 1);
        }
        hang_up(&c);
    }
    await(counter(tls_failed) == 2);
    stop_serving(false);
}

static void swap(struct side *side, void *tls)
{
    http_set_tls(side->http_loop, 0, tls);
}

/* A renewed certificate would need a restart, or cut connections. */
static void a_certificate_is_swapped_for_new_connections(void **state)
{
    (void)state;
    serve_tls(&usual);
    struct client before, after;
    assert_true(dial_tls(&before, NULL));
    assert_subject(&before, "one");
    struct http_tls *two = load_good("two.crt", "two.key");
    on_loop(0, swap, two);
    http_tls_release(two);
    assert_true(dial_tls(&after, NULL));
    assert_subject(&after, "two");
    say(&before, GET("/now"));
    assert_int_equal(hear(&before), 200);
    say(&after, GET("/later"));
    assert_int_equal(hear(&after), 200);
    hang_up(&before), hang_up(&after);
    stop_serving(false);
}

/* A reload with the wrong files would take the service down, or say nothing useful. */
static void wrong_files_are_named(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"none.crt", "one.key", "/none.crt: no certificate chain can be read: No such file"},
        {"one.key", "one.key", "/one.key: no certificate chain can be read: "},
        {"one.crt", "none.key", "/none.key: no key for the certificate of "},
        {"one.crt", "two.key", "/two.key: no key for the certificate of "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char reason[512];
        struct buf error = BUF_OVER(reason);
        assert_null(load(cases[i][0], cases[i][1], &error));
        if (!strstr(buf_cstr(&error), cases[i][2]))
            fail_msg("%s", buf_cstr(&error));
        assert_int_equal(ERR_peek_error(), 0);
    }
}

/* Clients that break off in a handshake, or speak no TLS, would leave connections behind. */
static void broken_handshakes_leave_nothing(void **state)
{
    (void)state;
    struct http_options short_waits = usual;
    short_waits.request_timeout_ms = 60;
    serve_tls(&short_waits);
    struct client plain, silent, cut;
    dial(&plain);
    say(&plain, GET("/now"));
    while (hear_more(&plain))
        ;
    dial(&cut);
    say_bytes(&cut, BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"));
    hang_up(&cut);
    dial(&silent);
    assert_true(ended(&silent));
    await(counter(connections) == 0);
    assert_int_equal(counter(tls_failed), 3);
    hang_up(&plain), hang_up(&silent);
    stop_serving(false);
}

/* A reset or a drain while an answer is being made would crash under TLS alone. */
static void clients_may_leave_while_waiting(void **state)
{
    (void)state;
    serve_tls(&usual);
    struct client c[20];
    for (size_t i = 0; i < 20; i++) {
        assert_true(dial_tls(&c[i], NULL));
        say(&c[i], GET("/hold"));
    }
    wait_held(20);
    for (size_t i = 0; i < 20; i += 2) {
        struct linger reset = {.l_onoff = 1};
        setsockopt(c[i].descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        hang_up(&c[i]);
    }
    on_loop(0, drain, (void *)20000);
    on_loop(0, answer_held, (void *)"held");
    for (size_t i = 1; i < 20; i += 2) {
        assert_int_equal(hear(&c[i]), 200);
        assert_string_equal(c[i].body, "held");
        assert_true(ended(&c[i]));
        hang_up(&c[i]);
    }
    sem_wait(&sides[0].drained);
    stop_serving(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_served),
        cmocka_unit_test(large_bodies_are_spooled),
        cmocka_unit_test(a_record_comes_in_two_parts),
        cmocka_unit_test(only_http_1_1_is_negotiated),
        cmocka_unit_test(the_protocol_is_modern),
        cmocka_unit_test(a_certificate_is_swapped_for_new_connections),
        cmocka_unit_test(wrong_files_are_named),
        cmocka_unit_test(broken_handshakes_leave_nothing),
        cmocka_unit_test(clients_may_leave_while_waiting),
    };
    folder = temp_folder();
    make_certificate("one");
    make_certificate("two");
    client_context = SSL_CTX_new(TLS_client_method());
    CHECK(client_context);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    SSL_CTX_free(client_context);
    return failed;
}
