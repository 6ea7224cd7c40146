/* Statuses, holds, the bits and numbers they make, and what the relay reads. */
#include "tests/registry_one.h"

/* ---- status and holds ---- */

static void test_strictest_wins(void **state)
{
    /* If this fails, a hold loosens what the issuer said, or the reverse. */
    (void)state;
    static const enum hold_kind kinds[] = {HOLD_SEIZED, HOLD_WITHDRAWN, HOLD_CANCEL_REQUESTED};
    fixture_import_many(registry, 0, 1);
    for (int i = 0; i < LICENCE_STATUS_COUNT; i++) {
        enum licence_status issuer = (enum licence_status)i;
        if (issuer == LICENCE_STATUS_SUPERSEDED || issuer == LICENCE_STATUS_IN_DOUBT)
            continue;
        for (size_t k = 0; k < 3; k++) {
            set_status(0, issuer);
            assert_int_equal(hold(CHANGE_HOLD_PLACE, 0, kinds[k], "A", "1"), REGISTRY_OK);
            struct registry_licence *l = find(0);
            enum licence_status expected =
                issuer < hold_status(kinds[k]) ? issuer : hold_status(kinds[k]);
            assert_int_equal(l->issuer_status, issuer);
            assert_int_equal(l->status, expected);
            assert_int_equal(bits_at(l->list, l->index), licence_status_bits(expected));
            assert_int_equal(hold(CHANGE_HOLD_LIFT, 0, kinds[k], "A", "1"), REGISTRY_OK);
            assert_int_equal(find(0)->status, issuer);
        }
    }
    fixture_check_lists(reader);
}

static void test_hold_belongs_to_its_case(void **state)
{
    /* If this fails, one agency's restore opens another agency's hold. */
    (void)state;
    fixture_import_many(registry, 0, 2);
    assert_int_equal(hold(CHANGE_HOLD_PLACE, 0, HOLD_SEIZED, "交警一大队", "1"), REGISTRY_OK);
    assert_int_equal(hold(CHANGE_HOLD_PLACE, 0, HOLD_WITHDRAWN, "运管局", "1"), REGISTRY_OK);
    assert_int_equal(hold(CHANGE_HOLD_PLACE, 0, HOLD_SEIZED, "交警一大队", "2"), REGISTRY_OK);
    assert_int_equal(find(0)->status, LICENCE_STATUS_WITHDRAWN);
    assert_bytes(find(0)->hold_agency, "运管局");
    assert_int_equal(find(0)->status_since, FIXTURE_NOW + 100);

    struct registry_change again =
        fixture_hold(CHANGE_HOLD_PLACE, find(0)->id, HOLD_SEIZED, "交警一大队", "1");
    assert_int_equal(registry_commit(registry, &again), REGISTRY_ERR_REFUSED);
    assert_string_equal(again.refusal, "this case already has such a hold on the licence");
    assert_int_equal(again.event, 0);
    again.hold_kind = HOLD_CANCEL_REQUESTED; /* another kind is another hold of the same case */
    assert_int_equal(registry_commit(registry, &again), REGISTRY_OK);
    assert_int_equal(hold(CHANGE_HOLD_LIFT, 0, 0, "运管局", "2"), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(hold(CHANGE_HOLD_LIFT, 1, 0, "运管局", "1"), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(hold(CHANGE_HOLD_PLACE, 0, HOLD_SEIZED, "", "1"), REGISTRY_ERR_REFUSED);

    assert_int_equal(hold(CHANGE_HOLD_LIFT, 0, 0, "运管局", "1"), REGISTRY_OK);
    assert_int_equal(find(0)->status, LICENCE_STATUS_SEIZED);
    assert_bytes(find(0)->hold_agency, "交警一大队");
    assert_int_equal(hold(CHANGE_HOLD_LIFT, 0, 0, "交警一大队", "2"), REGISTRY_OK);
    assert_int_equal(find(0)->status, LICENCE_STATUS_SEIZED);
    assert_int_equal(hold(CHANGE_HOLD_LIFT, 0, 0, "交警一大队", "1"), REGISTRY_OK);
    assert_int_equal(find(0)->status, LICENCE_STATUS_VALID);
    assert_int_equal(hold(CHANGE_HOLD_LIFT, 0, 0, "交警一大队", "1"), REGISTRY_ERR_NOT_FOUND);
    /* a case may hold it anew */
    assert_int_equal(hold(CHANGE_HOLD_PLACE, 0, HOLD_SEIZED, "交警一大队", "1"), REGISTRY_OK);
    struct registry_counts counts;
    assert_int_equal(registry_count(reader, &counts), REGISTRY_OK);
    assert_int_equal(counts.open_holds, 1);
}

static void test_holds_carry_over(void **state)
{
    /* If this fails, a seized licence becomes valid because its issuer corrected a date. */
    (void)state;
    static struct registry_query query;
    struct fixture_texts texts;
    struct registry_record record = fixture_record(0, &texts);
    fixture_import_one(registry, record);
    assert_int_equal(hold(CHANGE_HOLD_PLACE, 0, HOLD_SEIZED, "A", "1"), REGISTRY_OK);
    uint32_t old = find(0)->index;
    record.valid_until++;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);
    assert_int_equal(find(0)->status, LICENCE_STATUS_SEIZED);
    assert_int_equal(bits_at(0, old), 1);
    assert_int_equal(bits_at(0, find(0)->index), 2);
    assert_int_equal(fixture_check_lists(reader), 3);
    assert_int_equal(find_place(0, old, &query), REGISTRY_OK);
    assert_int_equal(query.licence.status, LICENCE_STATUS_SUPERSEDED);
    assert_int_equal(hold(CHANGE_HOLD_LIFT, 0, 0, "A", "1"), REGISTRY_OK);
    assert_int_equal(bits_at(0, old), 1);
    assert_int_equal(bits_at(0, find(0)->index), 0);
    set_status(0, LICENCE_STATUS_RESCINDED); /* is told before superseded */
    assert_int_equal(find_place(0, old, &query), REGISTRY_OK);
    assert_int_equal(query.licence.status, LICENCE_STATUS_RESCINDED);
}

static void test_only_bits_take_numbers(void **state)
{
    /* If this fails, the numbers say that nothing changed when it did, or the reverse. */
    (void)state;
    fixture_import_many(registry, 0, 1);
    assert_int_equal(list_seq(), 0);
    struct registry_change change = set_status(0, LICENCE_STATUS_REVOKED);
    assert_int_equal(change.place_change.seq, 1);
    assert_int_equal(change.place_change.list, 0);
    assert_int_equal(change.effective, LICENCE_STATUS_REVOKED);
    change = set_status(0, LICENCE_STATUS_RESCINDED);
    assert_int_equal(change.place_change.seq, 0);
    assert_int_equal(change.effective, LICENCE_STATUS_RESCINDED);
    assert_int_equal(find(0)->status, LICENCE_STATUS_RESCINDED);
    change = fixture_hold(CHANGE_HOLD_PLACE, find(0)->id, HOLD_SEIZED, "A", "1");
    assert_int_equal(registry_commit(registry, &change), REGISTRY_OK);
    assert_int_equal(change.place_change.seq, 0);
    change = set_status(0, LICENCE_STATUS_VALID);
    assert_int_equal(change.place_change.seq, 2);
    assert_int_equal(change.effective, LICENCE_STATUS_SEIZED);
    assert_int_equal(fixture_check_lists(reader), 2);

    change = fixture_status(find(0)->id, LICENCE_STATUS_SUPERSEDED);
    assert_int_equal(registry_commit(registry, &change), REGISTRY_ERR_REFUSED);
    change.status = LICENCE_STATUS_IN_DOUBT;
    assert_int_equal(registry_commit(registry, &change), REGISTRY_ERR_REFUSED);
    memset(change.licence, 0, sizeof change.licence);
    change.status = LICENCE_STATUS_VALID;
    assert_int_equal(registry_commit(registry, &change), REGISTRY_ERR_NOT_FOUND);
}

static void test_bits_follow_status(void **state)
{
    /* If this fails, some sequence of changes leaves a place whose bits are not its licence's. */
    (void)state;
    enum { LICENCES = 20 };
    static uint8_t array[STATUS_LIST_BYTES];
    static const char *const cases[] = {"1", "2", "3"};
    struct seeded random = {42};
    struct registry_list position;
    struct fixture_texts texts;
    int until[LICENCES] = {0};
    fixture_import_many(registry, 0, LICENCES);
    for (int step = 0; step < 400; step++) {
        int n = (int)(seeded_next(&random) % LICENCES);
        uint64_t dice = seeded_next(&random);
        enum licence_status status = (enum licence_status)(dice / 16 % LICENCE_STATUS_COUNT);
        const char *case_number = cases[dice / 16 % 3];
        if (status == LICENCE_STATUS_SUPERSEDED || status == LICENCE_STATUS_IN_DOUBT)
            status = LICENCE_STATUS_VALID;
        if (dice % 4 == 0) {
            set_status(n, status);
        } else if (dice % 4 == 1) {
            struct registry_record record = fixture_record(n, &texts);
            record.valid_until += until[n] += (int)(dice / 4 % 2);
            record.issuer_status = status;
            fixture_import_one(registry, record);
        } else {
            hold(dice % 4 == 2 ? CHANGE_HOLD_PLACE : CHANGE_HOLD_LIFT, n,
                 (enum hold_kind)(dice / 4 % HOLD_KIND_COUNT), "A", case_number);
        }
    }
    assert_int_equal(registry_list_array(reader, 0, array, &position), REGISTRY_OK);
    sqlite3 *db;
    sqlite3_stmt *place;
    int places = 0;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT place FROM place", -1, &place, NULL),
                     SQLITE_OK);
    for (; sqlite3_step(place) == SQLITE_ROW; places++) {
        static struct registry_query query;
        uint32_t index = (uint32_t)sqlite3_column_int64(place, 0);
        assert_int_equal(find_place(0, index, &query), REGISTRY_OK);
        assert_int_equal(status_list_get(array, index), licence_status_bits(query.licence.status));
        status_list_set(array, index, 0);
    }
    sqlite3_finalize(place);
    sqlite3_close(db);
    assert_true(places > LICENCES);
    for (uint32_t i = 0; i < STATUS_LIST_BYTES; i++)
        assert_int_equal(array[i], 0); /* and nothing elsewhere */
    assert_true(fixture_check_lists(reader) > 100);
}

/* ---- the relay ---- */

static void test_restored(void **state)
{
    /* If this fails, Redis and the gateways' copies survive a restore from an old backup. */
    (void)state;
    struct registry_list before, after;
    size_t count = 1;
    struct registry_change restored = {.kind = CHANGE_RESTORED};
    assert_int_equal(registry_commit(registry, &restored), REGISTRY_OK); /* with no list yet */
    fixture_import_many(registry, 0, 1);
    set_status(0, LICENCE_STATUS_OTHER);
    assert_int_equal(registry_lists(reader, &before, &count), REGISTRY_OK);
    assert_int_equal(registry_commit(registry, &restored), REGISTRY_OK);
    assert_int_equal(registry_lists(reader, &after, &count), REGISTRY_OK);
    assert_int_equal(count, 1);
    assert_true(before.generation != after.generation);
    assert_true(after.generation > 0 && after.generation <= INT64_MAX);
    assert_int_equal(before.seq, after.seq);
}

static void test_outbox(void **state)
{
    /* If this fails, a change is never told to Redis, or told as relayed when it was not. */
    (void)state;
    struct registry_outbox row;
    struct registry_change relayed = {.kind = CHANGE_RELAYED, .list = 0, .seq = 2};
    size_t count = 1;
    fixture_import_many(registry, 0, 3);
    assert_int_equal(registry_outbox(reader, &row, &count), REGISTRY_OK);
    assert_int_equal(count, 0);
    for (int n = 0; n < 3; n++)
        set_status(n, LICENCE_STATUS_REVOKED);
    count = 1;
    assert_int_equal(registry_outbox(reader, &row, &count), REGISTRY_OK);
    assert_int_equal(count, 1);
    assert_int_equal(row.first_seq, 1);
    assert_int_equal(row.last_seq, 3);
    assert_int_equal(registry_commit(registry, &relayed), REGISTRY_OK);
    assert_int_equal(registry_relayed(reader, 0, 2), REGISTRY_OK);
    assert_int_equal(registry_relayed(reader, 0, 3), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(registry_relayed(reader, 7, 0), REGISTRY_ERR_NOT_FOUND);
    relayed.seq = 1; /* late news */
    assert_int_equal(registry_commit(registry, &relayed), REGISTRY_OK);
    assert_int_equal(registry_outbox(reader, &row, &count), REGISTRY_OK);
    assert_int_equal(row.first_seq, 3);
    relayed.seq = 99; /* what was never taken can't have been relayed */
    assert_int_equal(registry_commit(registry, &relayed), REGISTRY_OK);
    assert_int_equal(registry_relayed(reader, 0, 4), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(registry_outbox(reader, &row, &count), REGISTRY_OK);
    assert_int_equal(count, 0);
    relayed.list = 7;
    assert_int_equal(registry_commit(registry, &relayed), REGISTRY_ERR_NOT_FOUND);
}

static void test_marks(void **state)
{
    /* If this fails, a restarted gateway trusts single use that a new Redis can't vouch for, or an
     * import that was cut off starts at the wrong line. */
    (void)state;
    char run_id[REGISTRY_RUN_ID_BYTES];
    int64_t since;
    uint64_t line;
    uint8_t file[CRYPTO_HASH_BYTES] = {7};
    assert_int_equal(registry_redis_run(reader, run_id, &since), REGISTRY_ERR_NOT_FOUND);
    for (int i = 1; i <= 2; i++) {
        struct registry_change run = {.kind = CHANGE_REDIS_RUN, .since = 1000 + i};
        memset(run.run_id, 'a' + i, sizeof run.run_id);
        assert_int_equal(registry_commit(registry, &run), REGISTRY_OK);
        assert_int_equal(registry_redis_run(reader, run_id, &since), REGISTRY_OK);
        assert_memory_equal(run_id, run.run_id, sizeof run_id);
        assert_int_equal(since, 1000 + i);
    }
    /* What another gateway had to say of the same Redis may be late, and is then no news. */
    struct registry_change late = {.kind = CHANGE_REDIS_RUN, .since = 1001};
    memcpy(late.run_id, run_id, sizeof run_id);
    assert_int_equal(registry_commit(registry, &late), REGISTRY_OK);
    assert_int_equal(registry_redis_run(reader, run_id, &since), REGISTRY_OK);
    assert_int_equal(since, 1002);
    assert_int_equal(registry_import_line(reader, file, &line), REGISTRY_ERR_NOT_FOUND);
    for (uint64_t i = 500; i <= 1000; i += 500) {
        struct registry_change import = {
            .kind = CHANGE_IMPORT, .source = BYTES("test"), .import_line = i};
        memcpy(import.import_file, file, sizeof file);
        assert_int_equal(registry_commit(registry, &import), REGISTRY_OK);
        assert_int_equal(registry_import_line(reader, file, &line), REGISTRY_OK);
        assert_int_equal(line, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_strictest_wins),
        TEST(test_hold_belongs_to_its_case),
        TEST(test_holds_carry_over),
        TEST(test_only_bits_take_numbers),
        TEST(test_bits_follow_status),
        TEST(test_restored),
        TEST(test_outbox),
        TEST(test_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
