/* Digests of what an authority and the registry hold: lines, groups, and those of a registry. */
#include <openssl/sha.h>
#include <time.h>

#include "registry/issuing.h"
#include "tests/registry_one.h"

#define GROUPS_MAX 5000
#define LINES_MAX  3000

static struct registry_digest_group told[GROUPS_MAX];
static size_t told_count;

static void hear(void *context, const struct registry_digest_group *group)
{
    assert_ptr_equal(context, told);
    assert_in_range(told_count, 0, GROUPS_MAX - 1);
    told[told_count++] = *group;
}

static struct registry_digest *start(void)
{
    struct registry_digest *digest = registry_digest_create(&crypto_openssl);
    assert_non_null(digest);
    return digest;
}

static void tell(struct registry_digest *digest)
{
    told_count = 0;
    assert_true(registry_digest_each(digest, hear, told));
}

static void assert_hex(const uint8_t digest[CRYPTO_HASH_BYTES], const char *expected)
{
    char storage[2 * CRYPTO_HASH_BYTES + 1];
    struct buf hex = BUF_OVER(storage);
    buf_put_hex(&hex, bytes_of(digest, CRYPTO_HASH_BYTES));
    assert_string_equal(buf_cstr(&hex), expected);
}

/* The licences of the worked example in docs/PROTOCOL.md section 17. */
static const struct registry_digest_line example[] = {
    {BYTES("JZ-000001"), 1, LICENCE_STATUS_VALID, 19509, 19509, 21700},
    {BYTES("JZ-000002"), 1, LICENCE_STATUS_REVOKED, 19509, 19509, -1},
    {BYTES("焦虚字0003号"), 12, LICENCE_STATUS_VALID, -1, -1, -1},
};
static const char *const example_lines[] = {
    "88dc93e4f338eea305d055dcb37e090f2535f029cbbf276d94c2c8cd864db213",
    "87721fe63c9d08ff02a076b041f0e47a437e9254932330c42f3bbe4b514ffdd7",
    "c8fcde62d5771f1362baef6fdce8974b5f9f6639034829f13c9a332d9d7b33ce",
};
#define EXAMPLE_DAY     "3fb52215441424c63eaf8db5c4eafa4e13f2ecb72a0bf584f90867598a4368e0"
#define EXAMPLE_WITHOUT "a7b24c06c22144b727c10cd4189d0cd62c41df3919dfb72baba436b9460eaa93"
#define EXAMPLE_TYPE    "11100000000013338W011"

static void test_example(void **state)
{
    /* If this fails, who follows the document computes other digests than the gateway. */
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        uint8_t digest[CRYPTO_HASH_BYTES];
        assert_int_equal(registry_digest_line(&crypto_openssl, &example[i], digest), CRYPTO_OK);
        assert_hex(digest, example_lines[i]);
        assert_int_equal(registry_digest_line(&crypto_mbedtls, &example[i], digest), CRYPTO_OK);
        assert_hex(digest, example_lines[i]);
    }
    for (int turn = 0; turn < 2; turn++) { /* in either order */
        struct registry_digest *digest = start();
        for (size_t i = 0; i < 3; i++)
            assert_true(
                registry_digest_add(digest, BYTES(EXAMPLE_TYPE), &example[turn ? 2 - i : i]));
        tell(digest);
        assert_int_equal(told_count, 2);
        assert_string_equal(told[0].type_code, EXAMPLE_TYPE);
        assert_int_equal(told[0].day, -1);
        assert_int_equal(told[0].count, 1);
        assert_hex(told[0].digest, EXAMPLE_WITHOUT);
        assert_int_equal(told[1].day, 19509);
        assert_int_equal(told[1].count, 2);
        assert_hex(told[1].digest, EXAMPLE_DAY);
        registry_digest_destroy(&digest);
        assert_null(digest);
    }
}

static void test_every_part_counts(void **state)
{
    /* If this fails, two sides that hold different things are told that they hold the same. */
    (void)state;
    const struct registry_digest_line line = example[0];
    struct registry_digest_line other[6] = {line, line, line, line, line, line};
    uint8_t first[CRYPTO_HASH_BYTES], second[CRYPTO_HASH_BYTES];
    other[0].number = BYTES("JZ-000002");
    other[1].source_version++;
    other[2].status = LICENCE_STATUS_SEIZED;
    other[3].issued_on++;
    other[4].valid_from++;
    other[5].valid_until = -1;
    assert_int_equal(registry_digest_line(&crypto_openssl, &line, first), CRYPTO_OK);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(registry_digest_line(&crypto_openssl, &other[i], second), CRYPTO_OK);
        assert_memory_not_equal(first, second, sizeof first);
    }
}

static void test_order_of_groups(void **state)
{
    /* If this fails, the same licences are told as groups in another order, or one group twice. */
    (void)state;
    static const struct {
        const char *type;
        int32_t day;
    } added[] = {{"B", 5}, {"A", 7}, {"B", -1}, {"A", 6}, {"B", 5}, {"A-", -1}, {"A", 7}},
      expected[] = {{"A", 6}, {"A", 7}, {"A-", -1}, {"B", -1}, {"B", 5}};
    static const uint64_t counts[] = {1, 2, 1, 1, 2};
    struct registry_digest *digest = start();
    struct registry_digest_line line = example[0];
    tell(digest); /* nothing at all */
    assert_int_equal(told_count, 0);
    for (size_t i = 0; i < 7; i++) {
        line.issued_on = added[i].day;
        line.source_version = i;
        assert_true(registry_digest_add(digest, bytes_str(added[i].type), &line));
    }
    for (int turn = 0; turn < 2; turn++) { /* it may be told again */
        tell(digest);
        assert_int_equal(told_count, 5);
        for (size_t i = 0; i < 5; i++) {
            assert_string_equal(told[i].type_code, expected[i].type);
            assert_int_equal(told[i].day, expected[i].day);
            assert_int_equal(told[i].count, counts[i]);
        }
    }
    registry_digest_destroy(&digest);
}

static void test_limits(void **state)
{
    /* If this fails, a text that is too long is cut, and two licences become one. */
    (void)state;
    static char number[REGISTRY_TEXT_BYTES_MAX + 1], type[REGISTRY_CODE_BYTES_MAX + 1];
    struct registry_digest *digest = start();
    struct registry_digest_line line = example[0];
    memset(number, 'N', sizeof number);
    memset(type, 'T', sizeof type);
    line.source_version = UINT64_MAX;
    line.number = guarded(0, bytes_of(number, REGISTRY_TEXT_BYTES_MAX));
    assert_true(registry_digest_add(digest, guarded(1, bytes_of(type, sizeof type - 1)), &line));
    assert_false(registry_digest_add(digest, bytes_of(type, sizeof type), &line));
    assert_false(registry_digest_add(digest, BYTES(""), &line));
    line.number = bytes_of(number, sizeof number);
    assert_false(registry_digest_add(digest, BYTES("T"), &line));
    line.number = BYTES("N");
    for (int i = 2; i <= REGISTRY_DIGEST_TYPES_MAX; i++) {
        snprintf(type, sizeof type, "T%d", i);
        assert_true(registry_digest_add(digest, bytes_str(type), &line));
    }
    assert_false(registry_digest_add(digest, BYTES("ONE-TOO-MANY"), &line));
    tell(digest);
    assert_int_equal(told_count, REGISTRY_DIGEST_TYPES_MAX);
    registry_digest_destroy(&digest);
}

/* ---- a registry's ---- */

#define AUTHORITY "11410800005709876X" /* the fixture's issuer */
#define OTHER     "11410000005709876Y"

/* What was delivered, as this test remembers it. */
struct kept {
    struct registry_record record;
    struct fixture_texts texts;
    char hex[2 * SHA256_DIGEST_LENGTH + 1]; /* of its line */
};
static struct kept kept[LINES_MAX];
static size_t kept_count;

static void keep(struct seeded *numbers)
{
    static const char *const types[] = {"11100000000013338W011", "11100000MB0143028R032",
                                        "1110000000001"};
    static const enum licence_status statuses[] = {LICENCE_STATUS_VALID, LICENCE_STATUS_REVOKED,
                                                   LICENCE_STATUS_OTHER, LICENCE_STATUS_LAPSED};
    struct kept *k = &kept[kept_count];
    uint64_t n = seeded_next(numbers);
    k->record = fixture_record((int)kept_count++, &k->texts);
    k->record.type_code = bytes_str(types[n % 3]);
    k->record.issuer_code = n >> 8 & 15 ? BYTES(AUTHORITY) : BYTES(OTHER);
    k->record.issued_on = n >> 16 & 31 ? (int32_t)(19000 + (n >> 24) % 40) : -1;
    k->record.valid_from = n >> 32 & 7 ? 19100 : -1;
    k->record.valid_until = n >> 40 & 7 ? (int32_t)(20000 + (n >> 48) % 1000) : -1;
    k->record.issuer_status = statuses[n >> 20 & 3];
    k->record.source_version = n >> 60 ? n >> 60 : INT64_MAX;
}

static void deliver(void)
{
    static struct registry_record records[REGISTRY_BATCH_MAX];
    static enum registry_outcome outcomes[REGISTRY_BATCH_MAX];
    for (size_t at = 0, n; at < kept_count; at += n) {
        n = kept_count - at < REGISTRY_BATCH_MAX ? kept_count - at : REGISTRY_BATCH_MAX;
        for (size_t i = 0; i < n; i++)
            records[i] = kept[at + i].record;
        assert_int_equal(fixture_import(registry, records, outcomes, n), REGISTRY_OK);
    }
}

/* Computed otherwise than by the registry: libc's dates, OpenSSL, digests sorted as hexadecimal. */
static void put_libc_date(char *line, size_t size, int32_t day)
{
    size_t len = strlen(line);
    time_t at = (time_t)day * 86400;
    struct tm tm;
    line[len++] = '\n';
    line[len] = '\0';
    if (day >= 0)
        assert_true(strftime(line + len, size - len, "%Y-%m-%d", gmtime_r(&at, &tm)) > 0);
}

static void digest_line(struct kept *k)
{
    const struct registry_record *r = &k->record;
    char line[128];
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct buf hex = BUF_OVER(k->hex);
    static const char *const codes[LICENCE_STATUS_COUNT] = {[LICENCE_STATUS_VALID] = "01",
                                                            [LICENCE_STATUS_SEIZED] = "02",
                                                            [LICENCE_STATUS_REVOKED] = "03",
                                                            [LICENCE_STATUS_LAPSED] = "05",
                                                            [LICENCE_STATUS_OTHER] = "99"};
    snprintf(line, sizeof line, "%s\n%llu\n%s", k->texts.number,
             (unsigned long long)r->source_version, codes[r->issuer_status]);
    put_libc_date(line, sizeof line, r->issued_on);
    put_libc_date(line, sizeof line, r->valid_from);
    put_libc_date(line, sizeof line, r->valid_until);
    SHA256((const uint8_t *)line, strlen(line), digest);
    buf_put_hex(&hex, bytes_of(digest, sizeof digest));
    buf_cstr(&hex);
}

static int by_hex(const void *left, const void *right)
{
    return strcmp(((const struct kept *)left)->hex, ((const struct kept *)right)->hex);
}

static bool is_of(const struct kept *k, const struct registry_digest_group *group)
{
    return bytes_equal(k->record.issuer_code, BYTES(AUTHORITY)) &&
           bytes_equal(k->record.type_code, bytes_str(group->type_code)) &&
           k->record.issued_on == group->day;
}

/* All of `kept` that are the authority's, in the groups that were told and in no other. */
static void assert_told(void)
{
    size_t sum = 0, theirs = 0;
    for (size_t i = 0; i < kept_count; i++) {
        digest_line(&kept[i]);
        theirs += bytes_equal(kept[i].record.issuer_code, BYTES(AUTHORITY));
    }
    qsort(kept, kept_count, sizeof kept[0], by_hex);
    for (size_t g = 0; g < told_count; g++) {
        static uint8_t joined[LINES_MAX * SHA256_DIGEST_LENGTH];
        uint8_t digest[SHA256_DIGEST_LENGTH];
        struct buf whole = BUF_OVER(joined);
        for (size_t i = 0; i < kept_count; i++)
            if (is_of(&kept[i], &told[g]))
                assert_true(buf_put_from_hex(&whole, bytes_str(kept[i].hex)));
        SHA256(joined, whole.len, digest);
        assert_int_equal(told[g].count, whole.len / SHA256_DIGEST_LENGTH);
        assert_memory_equal(told[g].digest, digest, sizeof digest);
        sum += told[g].count;
    }
    assert_int_equal(sum, theirs);
}

static void tell_registry(const char *issuer)
{
    struct registry_digest *digest = start();
    assert_int_equal(registry_digest_licences(reader, bytes_str(issuer), digest), REGISTRY_OK);
    tell(digest);
    registry_digest_destroy(&digest);
}

static void test_registry(void **state)
{
    /* If this fails, the daily proof that both sides hold the same is wrong. */
    (void)state;
    struct seeded numbers = {20231114};
    kept_count = 0;
    while (kept_count < LINES_MAX)
        keep(&numbers);
    deliver();
    tell_registry(AUTHORITY);
    assert_in_range(told_count, 100, 123); /* three types, forty days and none */
    assert_told();
    tell_registry("NOBODY");
    assert_int_equal(told_count, 0);
}

static void test_what_counts(void **state)
{
    /* If this fails, an agency's hold looks like a difference, or a change of status does not. */
    (void)state;
    struct registry_digest_group before;
    kept_count = 0;
    for (int n = 1; n <= 3; n++) {
        struct kept *k = &kept[kept_count++];
        k->record = fixture_record(n, &k->texts);
    }
    deliver();
    tell_registry(AUTHORITY);
    assert_int_equal(told_count, 1);
    assert_told();
    before = told[0];
    assert_int_equal(hold(CHANGE_HOLD_PLACE, 2, HOLD_WITHDRAWN, "AGENCY", "1"), REGISTRY_OK);
    tell_registry(AUTHORITY);
    assert_memory_equal(&told[0], &before, sizeof before);

    set_status(2, LICENCE_STATUS_SEIZED); /* as the issuer said last, whatever the record said */
    tell_registry(AUTHORITY);
    assert_memory_not_equal(told[0].digest, before.digest, sizeof before.digest);
    for (size_t i = 0; i < kept_count; i++)
        if (strcmp(kept[i].texts.number, "NO-000002") == 0)
            kept[i].record.issuer_status = LICENCE_STATUS_SEIZED;
    assert_told();
}

static void test_another_key(void **state)
{
    /* If this fails, a licence that can't be read is left out, and the rest is called the same. */
    (void)state;
    fixture_import_many(registry, 1, 3);
    tamper("UPDATE licence SET sealed = (SELECT sealed FROM licence WHERE licence = 1)"
           " WHERE licence = 2");
    struct registry_digest *digest = start();
    assert_int_equal(registry_digest_licences(reader, BYTES(AUTHORITY), digest),
                     REGISTRY_ERR_SEALED);
    registry_digest_destroy(&digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_every_part_counts),
        cmocka_unit_test(test_order_of_groups),
        cmocka_unit_test(test_limits),
        TEST(test_registry),
        TEST(test_what_counts),
        TEST(test_another_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
