/* What an import leaves for its authority: how good it was by day, and ids of its own. */
#include "base/clock.h"
#include "registry/issuing.h"
#include "tests/registry_access.h"

#define AUTHORITY "11410800005709876X" /* the fixture's issuer */
#define OTHER     "11410000005709876Y"
#define TODAY     19676 /* FIXTURE_NOW's day, 2023-11-15 in UTC+8 */

static struct registry_quality heard[8];
static size_t heard_count;

static void hear(void *context, const struct registry_quality *quality)
{
    assert_ptr_equal(context, heard);
    assert_in_range(heard_count, 0, 7);
    heard[heard_count++] = *quality;
}

static size_t ask(const char *issuer, int32_t since)
{
    heard_count = 0;
    assert_int_equal(registry_quality(reader, bytes_str(issuer), since, hear, heard), REGISTRY_OK);
    return heard_count;
}

static enum registry_outcome outcomes[8];

static struct registry_change import(const struct registry_record *records, size_t count)
{
    return (struct registry_change){.kind = CHANGE_IMPORT,
                                    .records = records,
                                    .outcomes = outcomes,
                                    .record_count = count,
                                    .source = BYTES("test"),
                                    .now = FIXTURE_NOW};
}

static void test_completeness(void **state)
{
    /* If this fails, an authority that leaves fields out looks as good as one that fills them. */
    (void)state;
    struct fixture_texts texts[5];
    struct registry_record records[5];
    for (int i = 0; i < 5; i++)
        records[i] = fixture_record(i, &texts[i]);
    records[1].identifier = BYTES("");
    records[2].issued_on = -1;
    records[3].valid_from = -1;
    records[4].issuer_name = BYTES("");
    records[4].issued_on = records[4].valid_from = -1;
    records[4].identifier = BYTES("");
    records[4].valid_until = -1; /* that is no fault: it has no end */
    commit(import(records, 5), REGISTRY_OK);
    assert_int_equal(ask(AUTHORITY, 0), 1);
    assert_int_equal(heard[0].day, TODAY);
    assert_int_equal(heard[0].records, 5);
    assert_int_equal(heard[0].missing, 3 + REGISTRY_QUALITY_FIELDS);
    assert_int_equal(heard[0].rejected, 0);
    assert_int_equal(heard[0].warnings, 0);
}

static void test_delay(void **state)
{
    /* If this fails, an authority that delivers late does not see it. */
    (void)state;
    struct fixture_texts texts[4];
    struct registry_record records[4];
    for (int i = 0; i < 4; i++)
        records[i] = fixture_record(i, &texts[i]);
    records[0].issued_on = TODAY - 3;
    records[1].issued_on = TODAY - 10;
    records[2].issued_on = TODAY + 2; /* from tomorrow's stack: not late */
    records[3].issued_on = -1;
    commit(import(records, 4), REGISTRY_OK);
    ask(AUTHORITY, 0);
    assert_int_equal(heard[0].delayed, 3);
    assert_int_equal(heard[0].delay_days, 13);
    assert_int_equal(heard[0].delay_days_max, 10);

    records[1].valid_until++; /* a new version was not issued so late */
    records[1].source_version++;
    commit(import(records, 4), REGISTRY_OK);
    ask(AUTHORITY, 0);
    assert_int_equal(heard[0].records, 8);
    assert_int_equal(heard[0].delayed, 3);
    assert_int_equal(heard[0].delay_days, 13);
    assert_int_equal(heard[0].delay_days_max, 10);
}

static void test_rejected(void **state)
{
    /* If this fails, rejected lines are laid at another authority's door, or at nobody's. */
    (void)state;
    struct fixture_texts texts[3];
    struct registry_record records[3];
    for (int i = 0; i < 3; i++)
        records[i] = fixture_record(i, &texts[i]);
    records[1].issuer_code = BYTES(OTHER);
    struct registry_change change = import(records, 3);
    change.rejected = 4;
    change.warnings = 2;
    commit(change, REGISTRY_OK); /* the first record's */
    assert_int_equal(ask(AUTHORITY, 0), 1);
    assert_int_equal(heard[0].records, 2);
    assert_int_equal(heard[0].rejected, 4);
    assert_int_equal(heard[0].warnings, 2);
    assert_int_equal(ask(OTHER, 0), 1);
    assert_int_equal(heard[0].records, 1);
    assert_int_equal(heard[0].rejected, 0);
    assert_int_equal(heard[0].warnings, 0);

    change = import(records, 0); /* of one that nothing was taken from, ever */
    change.rejected = 7;
    change.issuer = BYTES("NEW");
    commit(change, REGISTRY_OK);
    assert_int_equal(ask("NEW", 0), 1);
    assert_int_equal(heard[0].rejected, 7);
    assert_int_equal(heard[0].records, 0);
    change.issuer = BYTES("");
    commit(change, REGISTRY_OK); /* whose they are nobody knows */
    assert_int_equal(ask("", 0), 0);
    assert_int_equal(ask(AUTHORITY, 0), 1);
    assert_int_equal(heard[0].rejected, 4);
}

static void test_days(void **state)
{
    /* If this fails, a day's deliveries count for another day. */
    (void)state;
    struct fixture_texts texts;
    struct registry_record record = fixture_record(1, &texts);
    struct registry_change change = import(&record, 1);
    const int64_t at[] = {civil_day_begins(TODAY + 1) - 1, civil_day_begins(TODAY + 1),
                          civil_day_begins(TODAY) - 1};
    for (size_t i = 0; i < 3; i++) {
        change.now = at[i];
        commit(change, REGISTRY_OK);
    }
    assert_int_equal(ask(AUTHORITY, 0), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(heard[i].day, TODAY - 1 + (int)i);
        assert_int_equal(heard[i].records, 1);
    }
    assert_int_equal(ask(AUTHORITY, TODAY), 2);
    assert_int_equal(heard[0].day, TODAY);
    assert_int_equal(ask("NOBODY", 0), 0);
}

static void test_failed_import(void **state)
{
    /* If this fails, an import that was given back counts all the same. */
    (void)state;
    struct fixture_texts texts[2];
    struct registry_record records[2] = {fixture_record(1, &texts[0]),
                                         fixture_record(2, &texts[1])};
    records[1].number = BYTES("");
    commit(import(records, 2), REGISTRY_ERR_REFUSED);
    assert_int_equal(ask(AUTHORITY, 0), 0);
}

static void decide(const uint8_t id[REGISTRY_ID_BYTES], enum objection_state to, int32_t day)
{
    struct registry_change change = {.kind = CHANGE_OBJECTION_STATE,
                                     .objection_state = to,
                                     .text = BYTES("no"),
                                     .issuer = BYTES(AUTHORITY),
                                     .now = civil_day_begins(day)};
    memcpy(change.id, id, sizeof change.id);
    commit(change, REGISTRY_OK);
}

static void test_accuracy(void **state)
{
    /* If this fails, how often an authority's data was wrong is not seen. */
    (void)state;
    struct fixture_texts texts;
    uint8_t ids[3][REGISTRY_ID_BYTES];
    struct registry_objection objection = {.role = TOKEN_ROLE_INSPECTOR,
                                           .subject = BYTES("AGENCY/OFFICER"),
                                           .claimed = BYTES("2024-01-01"),
                                           .due_on = TODAY + 10};
    fixture_import_many(registry, 1, 1);
    memcpy(objection.licence, find(1)->id, sizeof objection.licence);
    for (int i = 0; i < 3; i++) {
        struct registry_change change = {
            .kind = CHANGE_OBJECT, .objection = &objection, .now = FIXTURE_NOW};
        memcpy(ids[i], commit(change, REGISTRY_OK).id, sizeof ids[i]);
    }
    struct registry_record record = fixture_record(1, &texts);
    record.valid_until++;
    record.source_version++;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);
    decide(ids[0], OBJECTION_STATE_CHECKING, TODAY + 1);
    decide(ids[0], OBJECTION_STATE_CORRECTED, TODAY + 2);
    decide(ids[1], OBJECTION_STATE_REFUSED, TODAY + 2);
    assert_int_equal(ask(AUTHORITY, 0), 2);
    assert_int_equal(heard[0].day, TODAY);
    assert_int_equal(heard[0].objections, 3);
    assert_int_equal(heard[0].corrected, 0);
    assert_int_equal(heard[1].day, TODAY + 2);
    assert_int_equal(heard[1].objections, 0);
    assert_int_equal(heard[1].corrected, 1);
    assert_int_equal(heard[1].records, 0);
}

/* ---- ids of the authority's own ---- */

static void put(struct registry_record record, const char *record_id, enum registry_error expected)
{
    struct registry_change change = import(&record, 1);
    change.record_id = bytes_str(record_id);
    commit(change, expected);
}

static enum registry_error licence_of(const char *issuer, const char *record_id,
                                      uint8_t licence[REGISTRY_ID_BYTES])
{
    return registry_record_licence(reader, bytes_str(issuer), bytes_str(record_id), licence);
}

static void assert_names(const char *issuer, const char *record_id, int n)
{
    uint8_t licence[REGISTRY_ID_BYTES];
    assert_int_equal(licence_of(issuer, record_id, licence), REGISTRY_OK);
    assert_memory_equal(licence, find(n)->id, sizeof licence);
}

static void test_record_ids(void **state)
{
    /* If this fails, an authority's change of one licence falls on another. */
    (void)state;
    struct fixture_texts texts[3];
    uint8_t licence[REGISTRY_ID_BYTES];
    struct registry_record first = fixture_record(1, &texts[0]);
    struct registry_record second = fixture_record(2, &texts[1]);
    struct registry_record others = fixture_record(3, &texts[2]);
    struct registry_query query;
    others.issuer_code = BYTES(OTHER);
    put(first, "r:1", REGISTRY_OK);
    put(first, "r:1", REGISTRY_OK); /* the same again */
    put(first, "also.r-1_", REGISTRY_OK);
    put(others, "r:1", REGISTRY_OK); /* another authority's own */
    assert_names(AUTHORITY, "r:1", 1);
    assert_names(AUTHORITY, "also.r-1_", 1);
    assert_names(OTHER, "r:1", 3);

    put(second, "r:1", REGISTRY_ERR_REFUSED);
    assert_int_equal(fixture_find_text(reader, second.number, &query), REGISTRY_ERR_NOT_FOUND);
    assert_names(AUTHORITY, "r:1", 1);
    put(second, "r:2", REGISTRY_OK);
    assert_names(AUTHORITY, "r:2", 2);
    second.source_version = 0; /* an older one is passed over, and is the same licence */
    put(second, "r:2b", REGISTRY_OK);
    assert_int_equal(outcomes[0], OUTCOME_OLDER);
    assert_names(AUTHORITY, "r:2b", 2);
    first.valid_until++; /* a new version is the same licence too */
    first.source_version++;
    put(first, "r:1", REGISTRY_OK);
    assert_int_equal(outcomes[0], OUTCOME_NEW_VERSION);
    assert_names(AUTHORITY, "r:1", 1);
    assert_int_equal(licence_of(AUTHORITY, "r:3", licence), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(licence_of(AUTHORITY, "", licence), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(licence_of("NOBODY", "r:1", licence), REGISTRY_ERR_NOT_FOUND);
}

static void test_record_id_forms(void **state)
{
    /* If this fails, a person's number stands in addresses, and in the logs of whoever sees them.
     */
    (void)state;
    char longest[RECORD_ID_BYTES_MAX + 2];
    struct fixture_texts texts;
    struct registry_record record = fixture_record(1, &texts);
    memset(longest, 'x', sizeof longest);
    longest[RECORD_ID_BYTES_MAX + 1] = '\0';
    put(record, longest, REGISTRY_ERR_REFUSED);
    longest[RECORD_ID_BYTES_MAX] = '\0';
    put(record, longest, REGISTRY_OK);
    static const char *const wrong[] = {"a/b",
                                        "a b",
                                        "a%20",
                                        "证",
                                        "a\n",
                                        "41080019900101000X",
                                        "41080019900101000x",
                                        "410800900101001"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        put(record, wrong[i], REGISTRY_ERR_REFUSED);
    static const char *const right[] = {"41080019900101000", "r41080019900101000X",
                                        "X10800900101001", "91410800MA00000001"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        put(record, right[i], REGISTRY_OK);
}

/* ---- older registries ---- */

static void run_file(const char *file)
{
    static char text[65536];
    FILE *in = fopen(file, "rb");
    assert_non_null(in);
    size_t len = fread(text, 1, sizeof text - 1, in);
    assert_true(len > 0 && feof(in));
    fclose(in);
    text[len] = '\0';
    tamper(text);
}

static int set_up_older(void **state)
{
    (void)state;
    path = check_strdup(path_in(temp_folder(), "registry.db"));
    run_file("tests/unit/registry_v1.sql");
    registry = fixture_open(path);
    reader = fixture_reader(registry);
    return 0;
}

static void test_older(void **state)
{
    /* If this fails, a registry that was upgraded takes no objection, record or webhook. */
    (void)state;
    struct fixture_texts texts;
    struct registry_objection objection = {.role = TOKEN_ROLE_INSPECTOR,
                                           .subject = BYTES("AGENCY/OFFICER"),
                                           .claimed = BYTES("2024-01-01"),
                                           .due_on = TODAY + 10};
    memcpy(objection.licence, find(1)->id, sizeof objection.licence);
    put(fixture_record(1, &texts), "r:1", REGISTRY_OK);
    assert_names(AUTHORITY, "r:1", 1);
    struct registry_client client = make_client("a", TOKEN_ROLE_ISSUER);
    snprintf(client.organisation, sizeof client.organisation, AUTHORITY);
    assert_int_equal(try_add_client(&client), REGISTRY_OK);
    struct registry_change webhook = {
        .kind = CHANGE_WEBHOOK, .text = BYTES("a"), .url = BYTES("https://authority.example/")};
    commit(webhook, REGISTRY_OK);
    struct registry_change change = {
        .kind = CHANGE_OBJECT, .objection = &objection, .now = FIXTURE_NOW};
    commit(change, REGISTRY_OK);
    assert_int_equal(ask(AUTHORITY, 0), 1);
    assert_int_equal(heard[0].objections, 1);
    uint64_t waiting, dead;
    assert_int_equal(registry_deliveries_count(reader, &waiting, &dead), REGISTRY_OK);
    assert_int_equal(waiting, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_completeness),
        TEST(test_delay),
        TEST(test_rejected),
        TEST(test_days),
        TEST(test_failed_import),
        TEST(test_accuracy),
        TEST(test_record_ids),
        TEST(test_record_id_forms),
        cmocka_unit_test_setup_teardown(test_older, set_up_older, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
