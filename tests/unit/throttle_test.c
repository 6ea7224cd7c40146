/* Who is asking, and how often. */
#include "gateway/throttle.h"

#include <stdio.h>

#include "tests/support.h"

#define MINUTE_US UINT64_C(60000000)

/* ---- addresses ---- */

static char key_text[2 * THROTTLE_KEY_BYTES + 1];

/* The key in hexadecimal; peer in 32 digits. */
static const char *key_of(const char *peer, const char *forwarded_for, const char *trusted)
{
    uint8_t address[16], key[THROTTLE_KEY_BYTES];
    struct buf octets = BUF_OVER(address), text = BUF_OVER(key_text);
    assert_true(buf_put_from_hex(&octets, bytes_str(peer)) && octets.len == sizeof address);
    struct bytes header = bytes_str(forwarded_for);
    throttle_key_of(address, header.len ? guarded(0, header) : bytes_of(NULL, 0), trusted, key);
    buf_put_hex(&text, bytes_of(key, sizeof key));
    return buf_cstr(&text);
}

#define V4(hex) "00000000000000000000ffff" hex
#define PROXY   V4("0a010203") /* 10.1.2.3 */
#define PROXIES "10.0.0.0/8, 2001:db8:ffff::/48,192.0.2.7"

/* Broken: each neighbour would share a bucket, or one subscriber have 2^64 of them. */
static void a_key_is_an_ipv4_address_or_an_ipv6_network(void **state)
{
    (void)state;
    assert_string_equal(key_of(V4("c0000201"), "", ""), V4("c0000201"));
    assert_string_equal(key_of(V4("c0000202"), "", ""), V4("c0000202"));
    assert_string_equal(key_of("20010db8000000010002000300040005", "", ""),
                        "20010db8000000010000000000000000");
    assert_string_equal(key_of("00000000000000000000000000000001", "", ""),
                        "00000000000000000000000000000000");
    assert_string_equal(key_of("00000000000000000000fffe01020304", "", ""), /* not mapped */
                        "00000000000000000000000000000000");
}

/* Broken: anybody would be somebody else by a header, or all behind a proxy would be one. */
static void a_header_is_believed_behind_trusted_proxies_alone(void **state)
{
    (void)state;
    static const struct {
        const char *peer, *forwarded_for, *key;
    } table[] = {
        {V4("c0000201"), "198.51.100.9", V4("c0000201")}, /* a stranger's own words */
        {PROXY, "", PROXY},
        {PROXY, "198.51.100.9", V4("c6336409")},
        {PROXY, "198.51.100.9,10.9.9.9", V4("c6336409")}, /* two proxies */
        {PROXY, "198.51.100.9 ,\t10.9.9.9 , 192.0.2.7", V4("c6336409")},
        {PROXY, "203.0.113.5, 198.51.100.9", V4("c6336409")}, /* the left one is what he says */
        {PROXY, "10.9.9.9, 198.51.100.9, 10.8.8.8", V4("c6336409")},
        {PROXY, "10.9.9.9, 10.8.8.8", V4("0a090909")}, /* nobody but proxies */
        {PROXY, "192.0.2.6", V4("c0000206")},          /* 192.0.2.7 alone is trusted */
        {PROXY, "192.0.2.6, 192.0.2.7", V4("c0000206")},
        {PROXY, "2001:db8:1:2:3:4:5:6", "20010db8000100020000000000000000"},
        {PROXY, "2001:db8:1:2:3:4:5:6, 2001:DB8:FFFF:9::1", "20010db8000100020000000000000000"},
        {PROXY, "::ffff:198.51.100.9", V4("c6336409")},
        {PROXY, "198.51.100.9, ::ffff:10.9.9.9", V4("c6336409")},
        {"20010db8ffff00090000000000000001", "198.51.100.9", V4("c6336409")},
        {"20010db8fffe00090000000000000001", "198.51.100.9", "20010db8fffe00090000000000000000"},
        {"20010db8ffff00090000000000000001", "", "20010db8ffff00090000000000000000"},
        {V4("c0000207"), "198.51.100.9", V4("c6336409")},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_string_equal(key_of(table[i].peer, table[i].forwarded_for, PROXIES), table[i].key);
    assert_string_equal(key_of(PROXY, "198.51.100.9", ""), PROXY);
}

/* Broken: rubbish in the header would be an address, or hide who sent it. */
static void what_cannot_be_read_ends_the_walk(void **state)
{
    (void)state;
    static const char *const rubbish[] = {
        "unknown",
        "_hidden",
        "198.51.100",
        "198.51.100.9.1",
        "198.51.100.09",
        "0xc6336409",
        "198.51.100.9:80",
        "[2001:db8::1]:80",
        "[2001:db8::1]",
        "2001:db8::1%2",
        "2001:db8:::1",
        "198.51.100.9/32",
        "\"198.51.100.9\"",
        "for=198.51.100.9",
        "198.51.100.9 10.9.9.9",
        "-1",
        "/",
        ":",
        "198.51.100.256",
        "1111:1111:1111:1111:1111:1111:255.255.255.2555",
        "0000000000000000000000000000000000000000000000000000000000000000000000",
        "\xff\xfe"};
    for (size_t i = 0; i < sizeof rubbish / sizeof *rubbish; i++) {
        char list[256];
        assert_string_equal(key_of(PROXY, rubbish[i], PROXIES), PROXY);
        snprintf(list, sizeof list, "198.51.100.9, %s, 10.9.9.9", rubbish[i]);
        assert_string_equal(key_of(PROXY, list, PROXIES), V4("0a090909"));
    }
    static const char *const empty[] = {",", ", ", " ", "198.51.100.9,", "198.51.100.9, ,", ",,,"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
        assert_string_equal(key_of(PROXY, empty[i], PROXIES), PROXY);

    uint8_t peer[16] = {[10] = 0xff, [11] = 0xff, 10, 1, 2, 3}, key[THROTTLE_KEY_BYTES];
    throttle_key_of(peer, BYTES("198.51.100.9\0.1"), PROXIES, key);
    assert_memory_equal(key, peer, sizeof key);
}

/* Broken: a proxy would be trusted that nobody named, or a right one refused at the start. */
static void prefixes_are_checked(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       " ",
                                       "10.0.0.0/8",
                                       "10.0.0.0/8,::1",
                                       " 10.0.0.0/8 , 2001:db8::/32 ",
                                       "192.0.2.7",
                                       "192.0.2.7/32",
                                       "192.0.2.6/31",
                                       "0.0.0.0/0",
                                       "::/0",
                                       "::1/128",
                                       "::ffff:10.0.0.0/104",
                                       "128.0.0.0/1"};
    static const char *const bad[] = {",",
                                      "10.0.0.0/8,",
                                      "10.0.0.0/8,,::1",
                                      ",::1",
                                      "10.0.0.0/",
                                      "/8",
                                      "10.0.0.0/33",
                                      "::1/129",
                                      "10.0.0.0/-1",
                                      "10.0.0.0/+8",
                                      "10.0.0.0/8a",
                                      "10.0.0.0/0008",
                                      "10.0.0.1/8",
                                      "192.0.2.7/31",
                                      "2001:db8::1/32",
                                      "10.0.0.0 /8",
                                      "10.0.0.0/ 8",
                                      "10.0.0",
                                      "10/8",
                                      "localhost",
                                      "10.0.0.0/8 ::1",
                                      "10.0.0.0;::1",
                                      "10.0.0.0/8/8",
                                      "fe80::1%lo",
                                      "0.0.0.1/0",
                                      "10.0.0.0/4294967304"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!throttle_prefixes_valid(good[i]))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (throttle_prefixes_valid(bad[i]))
            fail_msg("taken: %s", bad[i]);
    /* each bit of a prefix counts, and none behind it */
    for (unsigned bits = 0; bits <= 32; bits++) {
        char trusted[32];
        snprintf(trusted, sizeof trusted, "0.0.0.0/%u", bits);
        assert_true(throttle_prefixes_valid(trusted));
        for (unsigned bit = 0; bit < 32; bit++) {
            char peer[33];
            snprintf(peer, sizeof peer, V4("%08x"), 1u << (31 - bit));
            assert_string_equal(key_of(peer, "198.51.100.9", trusted),
                                bit < bits ? peer : V4("c6336409"));
        }
    }
}

/* ---- buckets ---- */

static struct throttle *throttle;

static int open_throttle(void **state)
{
    (void)state;
    throttle = throttle_create(64);
    return 0;
}

static int close_throttle(void **state)
{
    (void)state;
    throttle_destroy(&throttle);
    assert_null(throttle);
    throttle_destroy(&throttle);
    return 0;
}

static void make_key(uint32_t address, uint8_t key[THROTTLE_KEY_BYTES])
{
    struct buf out;
    buf_init(&out, key, THROTTLE_KEY_BYTES);
    buf_put(&out, bytes_of("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12));
    buf_put_u32be(&out, address);
}

/* 0: taken; else how long to wait. */
static unsigned take(uint32_t address, unsigned per_minute, unsigned burst, uint64_t now_us)
{
    uint8_t key[THROTTLE_KEY_BYTES];
    unsigned wait_ms = 12345;
    make_key(address, key);
    bool taken = throttle_take(throttle, key, per_minute, burst, now_us, &wait_ms);
    assert_int_equal(taken, wait_ms == 0);
    return wait_ms;
}

/* Broken: an address would have more or less than it may, or be told to come back too early. */
static void a_bucket_is_exact(void **state)
{
    (void)state;
    const uint64_t now_us = 1;
    for (int i = 0; i < 5; i++)
        assert_int_equal(take(1, 60, 5, now_us), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(take(1, 60, 5, now_us), 1000); /* a refusal costs nothing */
    assert_int_equal(take(1, 60, 5, now_us + 999999), 1);
    assert_int_equal(take(1, 60, 5, now_us + 1000000), 0);
    assert_int_equal(take(1, 60, 5, now_us + 1000000), 1000);
    assert_int_equal(take(2, 60, 5, now_us), 0); /* another's is another's */

    /* 7 a minute, 8571428.57 us each: nothing is lost by rounding */
    assert_int_equal(take(3, 7, 2, now_us), 0);
    assert_int_equal(take(3, 7, 2, now_us), 0);
    for (unsigned n = 1; n <= 70; n++) {
        uint64_t due_us = now_us + (n * MINUTE_US + 6) / 7;
        assert_int_equal(take(3, 7, 2, due_us - 1), 1);
        assert_int_equal(take(3, 7, 2, due_us), 0);
    }
    assert_int_equal(take(3, 7, 2, now_us + 10 * MINUTE_US), 8572);
}

static void give(uint32_t address, unsigned per_minute, uint64_t now_us)
{
    uint8_t key[THROTTLE_KEY_BYTES];
    make_key(address, key);
    throttle_give(throttle, key, per_minute, now_us);
}

/* Broken: those who are known would use up their address, or save up for it, or for another. */
static void what_is_given_back_can_be_taken_again(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(take(1, 60, 2, 1), 0);
    give(2, 60, 1); /* there is none */
    assert_int_equal(take(1, 60, 2, 1), 1000);
    give(1, 60, 1);
    assert_int_equal(take(1, 60, 2, 1), 0);
    assert_int_equal(take(1, 60, 2, 1), 1000);
    for (int i = 0; i < 3; i++)
        give(1, 60, 1 + 500000);
    for (int i = 0; i < 2; i++)
        assert_int_equal(take(1, 60, 2, 1 + 500000), 0);
    assert_int_equal(take(1, 60, 2, 1 + 500000), 1000);
}

/* Broken: an address that rested would be refused, or have saved up more than a burst. */
static void a_bucket_fills_and_never_over(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(take(1, 3, 3, 1), 0);
    assert_int_equal(take(1, 3, 3, 1), 20000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(take(1, 3, 3, UINT64_MAX - MINUTE_US), 0);
    assert_int_equal(take(1, 3, 3, UINT64_MAX - MINUTE_US), 20000);

    const unsigned most = 1000000;
    for (unsigned i = 0; i < most; i++)
        take(2, most, most, 1);
    assert_int_equal(take(2, most, most, 1), 1);
    assert_int_equal(take(2, most, most, 61), 0);
    assert_int_equal(take(2, most, most, 120), 1);
    assert_int_equal(take(2, most, most, 121), 0);
    for (unsigned i = 0; i < most; i++)
        take(3, 1, most, 1);
    assert_int_equal(take(3, 1, most, 1), 60000);
}

/* Broken: a clock that steps back, or a reload, would shut somebody out for long. */
static void time_and_settings_may_change(void **state)
{
    (void)state;
    assert_int_equal(take(1, 60, 1, 100 * MINUTE_US), 0);
    assert_int_equal(take(1, 60, 1, MINUTE_US), 1000);
    assert_int_equal(take(1, 60, 1, MINUTE_US + 1000000), 0);

    for (int i = 0; i < 1000; i++)
        assert_int_equal(take(2, 60, 1000, MINUTE_US), 0);
    assert_int_equal(take(2, 60, 2, MINUTE_US), 1000); /* not 999 tokens more */
    assert_int_equal(take(2, 60, 2, MINUTE_US + 1000000), 0);
    assert_int_equal(take(2, 60, 1000, MINUTE_US + 1000000), 0); /* only what is missing counts */
}

/* Broken: the table would grow, or one who asks too often would be forgotten for newcomers. */
static void a_full_table_forgets_the_fullest(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        assert_int_equal(take(0xffffffff, 60, 50, MINUTE_US), 0);
    for (uint32_t address = 0; address < 100000; address++)
        assert_int_equal(take(address, 60, 50, MINUTE_US), 0);
    assert_int_equal(take(0xffffffff, 60, 50, MINUTE_US), 1000);

    unsigned kept = 0; /* of the last ones, those that are still known are at most 64 */
    for (uint32_t address = 0; address < 100000; address++)
        kept += take(address, 1, 1, MINUTE_US) != 0;
    assert_in_range(kept, 1, 64 + 8);
}

/* Broken: some addresses would share few places, and push each other out of a table that is nearly
 * empty. */
static void addresses_are_spread(void **state)
{
    (void)state;
    throttle_destroy(&throttle);
    throttle = throttle_create(4096);
    for (uint32_t address = 0; address < 128; address++) /* neighbours */
        assert_int_equal(take(address, 1, 1, MINUTE_US), 0);
    for (uint32_t address = 0; address < 128; address++)
        assert_int_equal(take(address, 1, 1, MINUTE_US), 60000);
}

#define WITH_THROTTLE(test) cmocka_unit_test_setup_teardown(test, open_throttle, close_throttle)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_an_ipv4_address_or_an_ipv6_network),
        cmocka_unit_test(a_header_is_believed_behind_trusted_proxies_alone),
        cmocka_unit_test(what_cannot_be_read_ends_the_walk),
        cmocka_unit_test(prefixes_are_checked),
        WITH_THROTTLE(a_bucket_is_exact),
        WITH_THROTTLE(what_is_given_back_can_be_taken_again),
        WITH_THROTTLE(a_bucket_fills_and_never_over),
        WITH_THROTTLE(time_and_settings_may_change),
        WITH_THROTTLE(a_full_table_forgets_the_fullest),
        WITH_THROTTLE(addresses_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
