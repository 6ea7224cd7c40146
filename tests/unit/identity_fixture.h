/* gateway/identity.h with an identity provider in the test program: its tokens, and its keys over
 * HTTPS or in a file. The monotonic clock can be moved on. Only in one file of a program. */
#ifndef TESTS_UNIT_IDENTITY_FIXTURE_H
#define TESTS_UNIT_IDENTITY_FIXTURE_H

#include "gateway/identity.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/clock.h"
#include "gateway/outbound/fetch.h"
#include "tests/https_server.h"
#include "tests/jwt_maker.h"

#define ISSUER  "https://idp.test"
#define ORIGIN  "https://gw.test"
#define NUMBER  "11010519491231002X" /* the example of GB 11643-1999 */
#define OK_HEAD "HTTP/1.1 200 OK\r\n"

/* ---- time ---- */

static _Atomic long passed_s;

/* Instead of libc's: the monotonic clock stands passed_s ahead. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    long result = syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_MONOTONIC)
        now->tv_sec += atomic_load(&passed_s);
    return (int)result;
}

/* ---- the provider ---- */

static struct https_server server;
static EVP_PKEY *key_a, *key_b, *key_rsa;
static const char *folder;
static uint8_t set_a[2048], set_b[2048], set_ab[4096];

/* Several keys with kids by their place in `names`. */
static inline struct bytes make_set(uint8_t *storage, size_t cap, const char *names)
{
    struct buf out;
    buf_init(&out, storage, cap);
    buf_put_str(&out, "{\"keys\":[");
    for (const char *name = names; *name; name++) {
        char kid[16];
        EVP_PKEY *key = *name == 'a' ? key_a : *name == 'b' ? key_b : key_rsa;
        snprintf(kid, sizeof kid, ",\"kid\":\"%c\"", *name);
        buf_put_str(&out, name == names ? "" : ",");
        maker_put_jwk(&out, key, kid);
    }
    buf_put_str(&out, "]}");
    CHECK(buf_ok(&out));
    return buf_bytes(&out);
}

static inline void offer(const char *names, uint8_t *storage, size_t cap)
{
    https_server_answer(&server, OK_HEAD, make_set(storage, cap, names), false);
}
#define OFFER_A()  offer("a", set_a, sizeof set_a)
#define OFFER_B()  offer("b", set_b, sizeof set_b)
#define OFFER_AB() offer("abr", set_ab, sizeof set_ab)

static inline void serve(void)
{
    https_server_start(&server, path_in(folder, "crt"), path_in(folder, "key"));
}

/* ---- the gateway's side ---- */

static struct loop *loop;
static struct worker_pool *workers;
static struct config *config;
static struct identity *identity;
static char reason[512];

static inline void set_text(char **value, const char *text)
{
    free(*value);
    *value = check_strdup(text);
}

static inline void use_address(void)
{
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/jwks", server.port);
    set_text(&config->identity_jwks, url);
    set_text(&config->identity_ca, path_in(folder, "crt"));
}

static inline void create(void)
{
    struct buf why = BUF_OVER(reason);
    identity = identity_create(config, workers, &why);
    if (!identity)
        fail_msg("%s", buf_cstr(&why));
}

/* A provider that offers key a, and a gateway that asks it anew after 600 s, or 10 s after the
 * last time. */
static inline void begin(void)
{
    alarm(120); /* what would hang fails */
    server.port = 0;
    serve();
    OFFER_A();
    loop = loop_create();
    workers = worker_pool_create(1, 4);
    config = config_create();
    set_text(&config->identity_issuer, ISSUER);
    set_text(&config->public_origin, ORIGIN);
    config->identity_timeout_ms = 20000;
    use_address();
}

static inline void end(void)
{
    worker_pool_destroy(&workers);
    identity_destroy(&identity);
    assert_null(identity);
    loop_destroy(&loop);
    config_destroy(&config);
    https_server_stop(&server);
}

struct test_ask {
    struct identity_ask ask;
    uint8_t text[MAKER_TEXT_BYTES_MAX];
    struct loop *loop;
    unsigned done;
};

static struct loop *running; /* the loop that runs now */

static inline void ask_done(struct identity_ask *ask)
{
    struct test_ask *t = (struct test_ask *)ask;
    assert_ptr_equal(running, t->loop);
    t->done++;
    loop_stop(t->loop);
}

static inline void run(struct loop *its)
{
    running = its;
    loop_run(its);
    running = NULL;
}

static inline void put_claims(char *out, size_t cap, const char *person)
{
    long long now = (long long)clock_wall_s();
    snprintf(out, cap,
             "{\"iss\":\"" ISSUER "\",\"aud\":\"" ORIGIN "\",\"iat\":%lld,\"exp\":%lld,"
             "\"jti\":\"j1\",%s}",
             now, now + 60, person);
}

#define CITIZEN "\"role\":\"citizen\",\"id_number\":\"" NUMBER "\""

static inline void prepare(struct test_ask *t, EVP_PKEY *key, const char *kid, const char *person)
{
    char header[64], claims[2048];
    struct buf out = BUF_OVER(t->text);
    snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\"}",
             EVP_PKEY_is_a(key, "EC") ? "ES256" : "RS256", kid);
    put_claims(claims, sizeof claims, person);
    maker_put_token(&out, key, header, claims);
    t->ask = (struct identity_ask){.token = buf_bytes(&out), .done = ask_done};
    t->done = 0;
    t->loop = loop;
}

static inline void nothing(struct worker_job *job)
{
    (void)job;
}

static inline void settled(struct worker_job *job)
{
    (void)job;
    loop_stop(loop);
}

/* Until the one worker has nothing to do, and the loop knows: a fetch is over, whoever waits. */
static inline void settle(void)
{
    struct worker_job job = {.work = nothing, .done = settled};
    assert_true(worker_submit(workers, loop, &job));
    run(loop);
}

/* The answer, however long it takes. */
static inline enum jwt_error ask_about(struct test_ask *t, EVP_PKEY *key, const char *kid,
                                       const char *person)
{
    prepare(t, key, kid, person);
    if (identity_check(identity, loop, &t->ask) == IDENTITY_LATER) {
        assert_int_equal(t->done, 0);
        while (!t->done)
            run(loop);
        assert_int_equal(t->done, 1);
        settle();
    }
    return t->ask.error;
}

static inline enum jwt_error ask(EVP_PKEY *key, const char *kid)
{
    struct test_ask t;
    enum jwt_error error = ask_about(&t, key, kid, CITIZEN);
    assert_string_equal(t.ask.number, error ? "" : NUMBER);
    return error;
}

/* One that must be answered at once. */
static inline enum jwt_error ask_now(EVP_PKEY *key, const char *kid)
{
    struct test_ask t;
    prepare(&t, key, kid, CITIZEN);
    assert_int_equal(identity_check(identity, loop, &t.ask), IDENTITY_NOW);
    return t.ask.error;
}

#define counted(what) ((unsigned)atomic_load(&identity_counters(identity)->what))

static inline int start(void **state)
{
    (void)state;
    fetch_init();
    log_set_level(LOG_ERROR);
    folder = temp_folder();
    https_certificate(path_in(folder, "crt"), path_in(folder, "key"), "IP:127.0.0.1", 3600);
    key_a = maker_ec_key();
    key_b = maker_ec_key();
    key_rsa = maker_rsa_key();
    return 0;
}

static inline int finish(void **state)
{
    (void)state;
    EVP_PKEY_free(key_a);
    EVP_PKEY_free(key_b);
    EVP_PKEY_free(key_rsa);
    return 0;
}

#endif
