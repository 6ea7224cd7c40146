/* gateway/identity.h: persons, configuration, reload. Each test begins with what would be broken if
 * it failed. */
#include "tests/unit/identity_fixture.h"

/* ---- persons ---- */

/* A citizen or an inspector would be taken for somebody else, or for nobody. */
static void persons_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *person;
        enum jwt_error error;
    } rows[] = {
        {CITIZEN, JWT_OK},
        {"\"role\":\"citizen\",\"id_number\":\"11010519491231002x\"", JWT_OK},
        {"\"role\":\"inspector\",\"agency\":\"traffic\",\"officer\":\"0042\"", JWT_OK},
        {"\"role\":\"citizen\"", JWT_CLAIM},
        {"\"role\":\"citizen\",\"id_number\":\"110105194912310021\"", JWT_CLAIM}, /* its check */
        {"\"role\":\"citizen\",\"id_number\":\"110105491231002\"", JWT_CLAIM},    /* 15 digits */
        {"\"role\":\"citizen\",\"id_number\":\" 1010519491231002X\"", JWT_CLAIM},
        {"\"role\":\"citizen\",\"id_number\":110105194912310020", JWT_CLAIM},
        {"\"role\":\"citizen\",\"id_number\":\"\"", JWT_CLAIM},
        {"\"role\":\"Citizen\",\"id_number\":\"" NUMBER "\"", JWT_CLAIM},
        {"\"role\":\"holder\",\"id_number\":\"" NUMBER "\"", JWT_CLAIM},
        {"\"role\":[\"citizen\"],\"id_number\":\"" NUMBER "\"", JWT_CLAIM},
        {"\"id_number\":\"" NUMBER "\"", JWT_CLAIM},
        {"\"role\":\"inspector\",\"id_number\":\"" NUMBER "\"", JWT_CLAIM},
        {"\"role\":\"inspector\",\"agency\":\"traffic\"", JWT_CLAIM},
        {"\"role\":\"inspector\",\"agency\":\"\",\"officer\":\"0042\"", JWT_CLAIM},
        {"\"role\":\"inspector\",\"agency\":\"a/b\",\"officer\":\"0042\"", JWT_CLAIM},
        {"\"role\":\"inspector\",\"agency\":\"traffic\",\"officer\":\"00/42\"", JWT_CLAIM},
        {"\"role\":\"inspector\",\"agency\":\"traffic \",\"officer\":\"0042\"", JWT_CLAIM},
        {"\"role\":\"inspector\",\"agency\":\"交警\",\"officer\":\"0042\"", JWT_CLAIM},
        {"\"role\":\"inspector\",\"agency\":\"traffic\",\"officer\":42", JWT_CLAIM},
    };
    begin();
    create();
    struct test_ask t;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(ask_about(&t, key_a, "a", rows[i].person), rows[i].error);
        if (rows[i].error)
            assert_string_equal(t.ask.number, "");
    }
    assert_int_equal(ask_about(&t, key_a, "a", rows[1].person), JWT_OK);
    assert_int_equal(t.ask.kind, PERSON_CITIZEN);
    assert_string_equal(t.ask.number, NUMBER); /* one form */
    assert_in_range(t.ask.expires_at, clock_wall_s() + 1, clock_wall_s() + 60);
    assert_int_equal(ask_about(&t, key_a, "a", rows[2].person), JWT_OK);
    assert_int_equal(t.ask.kind, PERSON_INSPECTOR);
    assert_string_equal(t.ask.agency, "traffic");
    assert_string_equal(t.ask.officer, "0042");
    assert_string_equal(t.ask.number, "");

    char long_one[256]; /* together as long as a token's subject may be */
    for (int len = 31; len <= 33; len++) {
        snprintf(long_one, sizeof long_one,
                 "\"role\":\"inspector\",\"agency\":\"%032d\",\"officer\":\"%0*d\"", 1, len, 1);
        assert_int_equal(ask_about(&t, key_a, "a", long_one), len == 31 ? JWT_OK : JWT_CLAIM);
    }
    assert_int_equal(https_server_requests(&server), 1);
    assert_int_equal(counted(tokens[JWT_OK]), 6);
    assert_int_equal(counted(tokens[JWT_CLAIM]), sizeof rows / sizeof rows[0] - 3 + 2);
    end();
}

/* A token could be taken twice, or somebody else's stop a good one: SHA-256 of issuer, zero, jti.
 */
static void once_is_what_makes_it_this_token(void **state)
{
    (void)state;
    begin();
    create();
    struct test_ask t;
    uint8_t wanted[32];
    const struct bytes text = BYTES(ISSUER "\0j1");
    assert_int_equal(ask_about(&t, key_a, "a", CITIZEN), JWT_OK);
    CHECK(crypto_openssl.sha256(&text, 1, wanted) == CRYPTO_OK);
    assert_memory_equal(t.ask.once, wanted, sizeof wanted);
    end();
}

/* ---- configuration ---- */

/* Without a provider somebody could log in. */
static void without_an_issuer_everything_is_refused(void **state)
{
    (void)state;
    begin();
    set_text(&config->identity_issuer, "");
    set_text(&config->identity_jwks, "/nowhere");
    create();
    assert_int_equal(ask_now(key_a, "a"), JWT_ISSUER);
    assert_int_equal(counted(fetches), 0);
    end();
}

/* A mistake in the configuration would show when the first person comes, not at the start. */
static void mistakes_are_told_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *content, *jwks, *ca, *why;
    } rows[] = {
        {NULL, "", "", "identity.jwks: must be"},
        {NULL, "http://idp.test/", "", "identity.jwks: must be"},
        {NULL, "ftp://idp.test/", "", "identity.jwks: must be"},
        {NULL, "/nowhere/at.all", "", "identity.jwks: /nowhere/at.all: No such file"},
        {NULL, "/", "", "identity.jwks: /: no regular file"},
        {NULL, "https://idp.test/", "/nowhere/at.all", "identity.ca: /nowhere/at.all: No such"},
        {"", NULL, "", "is no JSON Web Key Set"},
        {"{\"keys\":[]}", NULL, "", "has no key"},
        {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}", NULL, "", "key 1 in it is not public"},
    };
    begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf why = BUF_OVER(reason);
        const char *file = path_in(folder, "jwks");
        if (rows[i].content)
            write_file(file, bytes_str(rows[i].content));
        set_text(&config->identity_jwks, rows[i].jwks ? rows[i].jwks : file);
        set_text(&config->identity_ca, rows[i].ca);
        assert_null(identity_create(config, workers, &why));
        if (!strstr(buf_cstr(&why), rows[i].why))
            fail_msg("'%s' does not say '%s'", buf_cstr(&why), rows[i].why);
    }
    static uint8_t huge[64 * 1024 + 1];
    struct buf why = BUF_OVER(reason);
    memset(huge, ' ', sizeof huge);
    write_file(path_in(folder, "jwks"), bytes_of(huge, sizeof huge));
    assert_null(identity_create(config, workers, &why));
    assert_non_null(strstr(buf_cstr(&why), "longer than 65536 bytes"));
    end();
}

static void write_set(const char *names)
{
    write_file(path_in(folder, "jwks"), make_set(set_ab, sizeof set_ab, names));
}

/* A new file, address or name would need a restart; or a bad one shut everybody out. */
static void a_reload_takes_the_new_and_refuses_the_bad(void **state)
{
    (void)state;
    struct buf why = BUF_OVER(reason);
    begin();
    write_set("a");
    set_text(&config->identity_jwks, path_in(folder, "jwks"));
    create();
    assert_int_equal(ask_now(key_a, "a"), JWT_OK);
    assert_int_equal(ask_now(key_b, "b"), JWT_KEY);
    write_set("b");
    assert_int_equal(ask_now(key_a, "a"), JWT_OK);
    assert_true(identity_reload(identity, config, &why));
    assert_int_equal(ask_now(key_a, "a"), JWT_KEY);
    assert_int_equal(ask_now(key_b, "b"), JWT_OK);
    write_file(path_in(folder, "jwks"), BYTES("{"));
    assert_false(identity_reload(identity, config, &why));
    assert_non_null(strstr(buf_cstr(&why), "is no JSON Web Key Set"));
    assert_int_equal(ask_now(key_b, "b"), JWT_OK);
    assert_int_equal(counted(fetches), 0);

    use_address();
    why = BUF_OVER(reason);
    assert_true(identity_reload(identity, config, &why));
    assert_int_equal(ask(key_a, "a"), JWT_OK);
    assert_int_equal(ask_now(key_b, "b"), JWT_KEY);
    set_text(&config->identity_audience, "https://else.test");
    assert_true(identity_reload(identity, config, &why)); /* forgets, and may ask at once */
    assert_int_equal(ask(key_a, "a"), JWT_AUDIENCE);
    assert_int_equal(https_server_requests(&server), 2);
    assert_int_equal(why.len, 0);
    end();
}

/* Keys that were asked for before a reload would be believed after it. */
static void a_reload_forgets_what_is_on_its_way(void **state)
{
    (void)state;
    struct buf why = BUF_OVER(reason);
    struct test_ask t;
    begin();
    create();
    https_server_hold(&server, true);
    prepare(&t, key_a, "a", CITIZEN);
    assert_int_equal(identity_check(identity, loop, &t.ask), IDENTITY_LATER);
    https_server_await(&server, 1);
    assert_true(identity_reload(identity, config, &why));
    https_server_hold(&server, false);
    while (!t.done)
        run(loop);
    assert_int_equal(t.ask.error, JWT_OURS);
    OFFER_B();
    settle();
    assert_int_equal(ask(key_b, "b"), JWT_OK);
    assert_int_equal(ask_now(key_a, "a"), JWT_KEY);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(persons_are_read),
        cmocka_unit_test(once_is_what_makes_it_this_token),
        cmocka_unit_test(without_an_issuer_everything_is_refused),
        cmocka_unit_test(mistakes_are_told_at_once),
        cmocka_unit_test(a_reload_takes_the_new_and_refuses_the_bad),
        cmocka_unit_test(a_reload_forgets_what_is_on_its_way),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
