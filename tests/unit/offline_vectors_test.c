/* tests/vectors/offline.json: every case, in both algorithms, with both providers. */
#include "tests/offline_world.h"
#include "tests/support.h"

#define VECTORS_FILE "tests/vectors/offline.json"

/* As the library remembers it: of a code that was read, for as long as the test runs. */
static void remember(struct world *w, const struct offline_answer *a, int64_t now)
{
    const int64_t proven = a->authentic ? a->code.claims.issued_at - KNOWLEDGE_CLOCK_S : 0;
    struct scans_record record = {.kind = SCANS_SCAN,
                                  .mark = now > proven ? now : proven,
                                  .authentic = a->authentic,
                                  .at = now,
                                  .dead_at = INT64_MAX,
                                  .reason = a->reason};
    memcpy(record.cti, a->code.claims.cti, sizeof record.cti);
    if (a->formed)
        assert_true(scans_add(&w->scans, &record, false));
}

static void check_scan(struct world *w, const json_t *step, const char *where)
{
    const char *name = json_string_value(json_object_get(step, "scan"));
    const json_t *expect = json_object_get(step, "expect");
    const int64_t now = json_integer_value(json_object_get(step, "now"));
    struct offline_answer answer;
    world_answer(w, guarded(0, world_text(json_object_get(w->city, "codes"), name)), now, &answer);
    const char *result = verdict_result_text(answer.result),
               *reason = verdict_reason_text(answer.reason);
    if (!bytes_equal(bytes_str(result), world_text(expect, "result")) ||
        !bytes_equal(bytes_str(reason), world_text(expect, "reason")))
        fail_msg("%s: scan of %s: %s, %s", where, name, result, reason);
    remember(w, &answer, now);
}

static void check_take(struct world *w, const json_t *step, const char *where, size_t number)
{
    static uint8_t storage[WORLD_OCTETS_MAX];
    const char *word = world_take(w, step, guarded(0, world_octets(w, step, storage)));
    if (!bytes_equal(bytes_str(word), world_text(step, "expect")))
        fail_msg("%s: step %zu: %s", where, number + 1, word);
}

static void check_case(const json_t *city, const json_t *row, const struct crypto_provider *crypto)
{
    static struct world world;
    const json_t *steps = json_object_get(row, "steps"), *step;
    char where[128];
    size_t i;
    snprintf(where, sizeof where, "%s (%s, %s)", json_string_value(json_object_get(row, "name")),
             json_string_value(json_object_get(city, "alg")), crypto->name);
    world_init(&world, city, crypto, json_is_true(json_object_get(row, "single_use")));
    json_array_foreach(steps, i, step)
    {
        if (json_object_get(step, "scan"))
            check_scan(&world, step, where);
        else
            check_take(&world, step, where, i);
    }
    assert_true(i > 0);
    world_fini(&world);
}

static void all_cases(const struct crypto_provider *crypto)
{
    json_t *file = json_load_file(VECTORS_FILE, JSON_REJECT_DUPLICATES, NULL), *city, *row;
    assert_non_null(file);
    size_t c, i, count = 0;
    json_array_foreach(json_object_get(file, "cities"), c, city)
    {
        json_array_foreach(json_object_get(file, "cases"), i, row)
        {
            check_case(city, row, crypto);
            count++;
        }
    }
    assert_true(count >= 2 * 80);
    json_decref(file);
}

static void with_mbedtls(void **state)
{
    /* If this fails, a terminal answers otherwise than every other verifier of these vectors. */
    (void)state;
    all_cases(&crypto_mbedtls);
}

static void with_openssl(void **state)
{
    /* If this fails, the two providers call different signatures good. */
    (void)state;
    all_cases(&crypto_openssl);
}

/* Every reason that a terminal gives stands in the vectors. */
static void every_reason(void **state)
{
    /* If this fails, a rule of docs/TERMINAL.md is not in the vectors, and whoever writes another
     * verifier after them may forget it. */
    (void)state;
    static const enum verdict_reason reasons[] = {
        REASON_NONE,
        REASON_MALFORMED,
        REASON_CLOCK_UNTRUSTED,
        REASON_TRUST_STALE,
        REASON_KEY_REVOKED,
        REASON_UNKNOWN_KEY,
        REASON_NOT_YET_VALID,
        REASON_CODE_EXPIRED,
        REASON_BAD_SIGNATURE,
        REASON_LICENCE_EXPIRED,
        REASON_STATUS_UNAVAILABLE,
        REASON_LICENCE_INVALID,
        REASON_LICENCE_SEIZED,
        REASON_LICENCE_NOT_IN_FORCE,
        REASON_STATUS_STALE,
        REASON_CODE_ALREADY_USED,
        REASON_CATALOGUE_UNKNOWN,
    };
    json_t *file = json_load_file(VECTORS_FILE, 0, NULL);
    char *cases = json_dumps(json_object_get(file, "cases"), JSON_COMPACT);
    assert_non_null(cases);
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "\"reason\":\"%s\"", verdict_reason_text(reasons[i]));
        if (!strstr(cases, wanted))
            fail_msg("no case for %s", verdict_reason_text(reasons[i]));
    }
    free(cases);
    json_decref(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_mbedtls),
        cmocka_unit_test(with_openssl),
        cmocka_unit_test(every_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
