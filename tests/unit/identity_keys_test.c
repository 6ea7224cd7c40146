/* gateway/identity.h: keys that are fetched, kept and shared. Each test begins with what would be
 * broken if it failed. */
#include "tests/unit/identity_fixture.h"

/* ---- keys ---- */

/* A new key of the provider's would be noticed late, or an old one believed on. */
static void keys_rotate(void **state)
{
    (void)state;
    begin();
    create();
    assert_int_equal(https_server_requests(&server), 0); /* only when needed */
    assert_int_equal(ask(key_a, "a"), JWT_OK);
    for (int i = 0; i < 20; i++)
        assert_int_equal(ask_now(key_a, "a"), JWT_OK);
    assert_int_equal(https_server_requests(&server), 1);

    OFFER_AB();
    passed_s += 11;
    assert_int_equal(ask(key_b, "b"), JWT_OK); /* an unknown kid: fetched, and waited for */
    assert_int_equal(ask_now(key_a, "a"), JWT_OK);
    assert_int_equal(ask_now(key_rsa, "r"), JWT_OK);
    assert_int_equal(https_server_requests(&server), 2);

    OFFER_B();
    passed_s += 599;
    assert_int_equal(ask_now(key_a, "a"), JWT_OK);
    assert_int_equal(https_server_requests(&server), 2);
    passed_s += 2; /* old: fetched behind the answer's back */
    assert_int_equal(ask_now(key_b, "b"), JWT_OK);
    settle();
    assert_int_equal(https_server_requests(&server), 3);
    assert_int_equal(ask_now(key_a, "a"), JWT_KEY); /* taken back */
    assert_int_equal(ask_now(key_b, "b"), JWT_OK);
    assert_int_equal(counted(fetches), 3);
    assert_int_equal(counted(fetch_failures), 0);
    end();
}

/* A provider that changes its key and not the kid, or has none, would be shut out for a day: no
 * token is good any more, but each has a key. */
static void a_key_that_changes_under_its_name_is_noticed(void **state)
{
    (void)state;
    begin();
    create();
    assert_int_equal(ask(key_a, "a"), JWT_OK);
    EVP_PKEY *former = key_a;
    key_a = key_b;
    OFFER_A();
    assert_int_equal(ask_now(key_b, "a"), JWT_SIGNATURE);
    passed_s += 601;
    assert_int_equal(ask_now(key_b, "a"), JWT_SIGNATURE);
    settle();
    assert_int_equal(ask_now(key_b, "a"), JWT_OK);
    assert_int_equal(ask_now(former, "a"), JWT_SIGNATURE);
    key_a = former;
    end();
}

/* Anybody could make us ask the provider as often as he likes. */
static void a_flood_of_unknown_kids_fetches_at_a_bounded_rate(void **state)
{
    (void)state;
    begin();
    create();
    assert_int_equal(ask(key_b, "b"), JWT_KEY);
    for (unsigned round = 1; round <= 3; round++) {
        char kid[16];
        for (int i = 0; i < 50; i++) {
            snprintf(kid, sizeof kid, "%u.%d", round, i);
            assert_int_equal(ask_now(key_b, kid), JWT_KEY);
        }
        assert_int_equal(ask_now(key_a, "a"), JWT_OK);
        assert_int_equal(https_server_requests(&server), round);
        passed_s += 11;
        assert_int_equal(ask(key_b, "b"), JWT_KEY);
    }
    assert_int_equal(https_server_requests(&server), 4);
    assert_int_equal(counted(tokens[JWT_KEY]), 154);
    end();
}

/* Tokens that no key could make good would cost a fetch. */
static void hopeless_tokens_fetch_nothing(void **state)
{
    (void)state;
    begin();
    create();
    static const char *const texts[] = {"", "a.b.c", "eyJhbGciOiJub25lIn0.e30.",
                                        "eyJhbGciOiJFUzI1NiIsImprdSI6IngifQ.e30.AA"};
    static const enum jwt_error errors[] = {JWT_MALFORMED, JWT_MALFORMED, JWT_ALG, JWT_HEADER};
    for (int i = 0; i < 4; i++) {
        struct identity_ask one = {.token = bytes_str(texts[i]), .done = ask_done};
        assert_int_equal(identity_check(identity, loop, &one), IDENTITY_NOW);
        assert_int_equal(one.error, errors[i]);
    }
    assert_int_equal(counted(fetches), 0);
    end();
}

/* While keys come, those who have one would wait, or those who wait be forgotten, answered on a
 * foreign loop, or each fetch for himself. */
static void one_fetch_serves_all_who_wait(void **state)
{
    (void)state;
    enum { WAITERS = 8 };
    static struct test_ask asks[WAITERS];
    begin();
    create();
    struct loop *second = loop_create();
    assert_int_equal(ask(key_a, "a"), JWT_OK);
    OFFER_AB();
    passed_s += 11;
    https_server_hold(&server, true);
    for (int i = 0; i < WAITERS; i++) {
        prepare(&asks[i], key_b, i % 4 == 3 ? "c" : "b", CITIZEN);
        asks[i].loop = i % 2 ? second : loop;
        assert_int_equal(identity_check(identity, asks[i].loop, &asks[i].ask), IDENTITY_LATER);
    }
    https_server_await(&server, 2);
    assert_int_equal(ask_now(key_a, "a"), JWT_OK);
    passed_s += 11; /* it takes long; still no second one */
    struct test_ask late;
    prepare(&late, key_b, "b", CITIZEN);
    assert_int_equal(identity_check(identity, loop, &late.ask), IDENTITY_LATER);
    https_server_hold(&server, false);
    for (int i = 0; i < WAITERS; i++)
        while (!asks[i].done)
            run(asks[i].loop);
    while (!late.done)
        run(loop);
    assert_int_equal(late.ask.error, JWT_OK);
    for (int i = 0; i < WAITERS; i++) {
        assert_int_equal(asks[i].done, 1);
        assert_int_equal(asks[i].ask.error, i % 4 == 3 ? JWT_KEY : JWT_OK);
    }
    assert_int_equal(https_server_requests(&server), 2);
    end();
    loop_destroy(&second);
}

/* Those who wait would grow without a limit while the provider is silent. */
static void waiting_is_bounded(void **state)
{
    (void)state;
    enum { MAX = 1024 };
    struct test_ask *asks = check_alloc((MAX + 1) * sizeof *asks);
    begin();
    create();
    https_server_hold(&server, true);
    prepare(&asks[0], key_a, "a", CITIZEN);
    for (int i = 1; i <= MAX; i++) {
        asks[i].loop = loop;
        asks[i].ask = asks[0].ask; /* the same token */
        assert_int_equal(identity_check(identity, loop, &asks[i].ask), IDENTITY_LATER);
    }
    assert_int_equal(identity_check(identity, loop, &asks[0].ask), IDENTITY_NOW);
    assert_int_equal(asks[0].ask.error, JWT_OURS);
    https_server_hold(&server, false);
    for (int i = 1; i <= MAX; i++) {
        while (!asks[i].done)
            run(loop);
        assert_int_equal(asks[i].ask.error, JWT_OK);
    }
    end();
    free(asks);
}

/* While the provider is away nobody could log in, or for ever with keys it may have taken back; or
 * "could not find out" would be told as "no such key". */
static void kept_keys_serve_while_the_provider_is_away(void **state)
{
    (void)state;
    begin();
    config->identity_refresh_s = 3600;
    create();
    assert_int_equal(ask(key_a, "a"), JWT_OK);
    https_server_stop(&server);
    passed_s += 11;
    assert_int_equal(ask(key_b, "b"), JWT_OURS);
    assert_int_equal(ask_now(key_b, "b"), JWT_OURS); /* not asked again so soon */
    assert_int_equal(counted(fetch_failures), 1);
    assert_int_equal(ask_now(key_a, "a"), JWT_OK);
    passed_s += 3600;
    assert_int_equal(ask_now(key_a, "a"), JWT_OK);
    settle();
    assert_int_equal(counted(fetch_failures), 2);
    assert_int_equal(ask_now(key_a, "a"), JWT_OK);
    passed_s += IDENTITY_STALE_MAX_S - 3600 - 11 - 60;
    assert_int_equal(ask_now(key_a, "a"), JWT_OK);
    settle();
    passed_s += 61;
    assert_int_equal(ask(key_a, "a"), JWT_OURS); /* a day old */
    assert_int_equal(ask_now(key_a, "a"), JWT_OURS);
    assert_int_equal(counted(fetch_failures), 4);

    serve(); /* on the same port */
    OFFER_A();
    assert_int_equal(ask_now(key_a, "a"), JWT_OURS);
    passed_s += 11;
    assert_int_equal(ask(key_a, "a"), JWT_OK);
    assert_int_equal(ask_now(key_b, "b"), JWT_KEY);
    end();
}

/* What is no key set would replace one, or a huge one fill the memory; or an empty one, by which a
 * provider takes all keys back, be ignored. */
static void bad_sets_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        struct bytes body;
        bool endless;
    } rows[] = {
        {"HTTP/1.1 500 Oh\r\n", {(const uint8_t *)"{\"keys\":[]}", 11}, false},
        {"HTTP/1.1 302 Found\r\nLocation: /b\r\n", {(const uint8_t *)"", 0}, false},
        {OK_HEAD, {(const uint8_t *)"<html>", 6}, false},
        {OK_HEAD, {(const uint8_t *)"{\"keys\":[", 9}, false},
        {OK_HEAD, {(const uint8_t *)"                ", 16}, true},
    };
    begin();
    create();
    assert_int_equal(ask(key_a, "a"), JWT_OK);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        https_server_answer(&server, rows[i].head, rows[i].body, rows[i].endless);
        passed_s += 11;
        assert_int_equal(ask(key_b, "b"), JWT_OURS);
        assert_int_equal(ask_now(key_a, "a"), JWT_OK);
        assert_int_equal(counted(fetch_failures), i + 1);
    }
    https_server_answer(&server, OK_HEAD, BYTES("{\"keys\":[]}"), false);
    passed_s += 11;
    assert_int_equal(ask(key_b, "b"), JWT_KEY);
    assert_int_equal(ask_now(key_a, "a"), JWT_KEY);
    end();
}

/* Keys of whoever stands in between would be believed. */
static void a_wrong_certificate_gives_no_keys(void **state)
{
    (void)state;
    begin();
    https_certificate(path_in(folder, "other.crt"), path_in(folder, "other.key"), "IP:127.0.0.1",
                      3600);
    set_text(&config->identity_ca, path_in(folder, "other.crt"));
    create();
    assert_int_equal(ask(key_a, "a"), JWT_OURS);
    assert_int_equal(counted(fetch_failures), 1);
    assert_int_equal(https_server_requests(&server), 0);
    end();
}

/* ---- several loops ---- */

enum { LOOPS = 3, ROUNDS = 200 };

struct asker {
    struct test_ask t;
    struct loop *loop;
    unsigned answered, good;
    bool hopeless; /* asks with an unknown kid */
    pthread_t thread;
    struct loop_message next;
};

static void asker_answered(struct asker *a)
{
    a->answered++;
    a->good += !a->t.ask.error;
    if ((a->hopeless ? a->answered : a->good) < ROUNDS)
        loop_post(a->loop, &a->next);
    else
        loop_stop(a->loop);
}

static void asker_done(struct identity_ask *one)
{
    asker_answered((struct asker *)one);
}

static void asker_next(struct loop_message *message)
{
    struct asker *a = (struct asker *)((char *)message - offsetof(struct asker, next));
    if (identity_check(identity, a->loop, &a->t.ask) == IDENTITY_NOW)
        asker_answered(a);
}

static void *asker_thread(void *context)
{
    struct asker *a = context;
    loop_run(a->loop);
    return NULL;
}

/* Loops that check while keys are fetched and the configuration is read anew would disturb each
 * other, or one be forgotten. */
static void loops_share_one_identity(void **state)
{
    (void)state;
    static struct asker askers[LOOPS];
    struct buf why = BUF_OVER(reason);
    begin();
    config->identity_refresh_s = config->identity_retry_s = 0; /* each token fetches */
    create();
    for (int i = 0; i < LOOPS; i++) {
        struct asker *a = &askers[i];
        a->hopeless = i == 0;
        prepare(&a->t, key_a, a->hopeless ? "unknown" : "a", CITIZEN);
        a->t.ask.done = asker_done;
        a->loop = loop_create();
        a->next.deliver = asker_next;
        CHECK(pthread_create(&a->thread, NULL, asker_thread, a) == 0);
        loop_post(a->loop, &a->next);
    }
    for (int i = 0; i < 20; i++)
        assert_true(identity_reload(identity, config, &why));
    for (int i = 0; i < LOOPS; i++) {
        CHECK(pthread_join(askers[i].thread, NULL) == 0);
        assert_int_equal(askers[i].good, askers[i].hopeless ? 0 : ROUNDS);
    }
    assert_true(counted(fetches) >= 1);
    end();
    for (int i = 0; i < LOOPS; i++)
        loop_destroy(&askers[i].loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_rotate),
        cmocka_unit_test(a_key_that_changes_under_its_name_is_noticed),
        cmocka_unit_test(a_flood_of_unknown_kids_fetches_at_a_bounded_rate),
        cmocka_unit_test(hopeless_tokens_fetch_nothing),
        cmocka_unit_test(one_fetch_serves_all_who_wait),
        cmocka_unit_test(waiting_is_bounded),
        cmocka_unit_test(kept_keys_serve_while_the_provider_is_away),
        cmocka_unit_test(bad_sets_change_nothing),
        cmocka_unit_test(a_wrong_certificate_gives_no_keys),
        cmocka_unit_test(loops_share_one_identity),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
