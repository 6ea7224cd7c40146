/* Records as authorities deliver them: what each does to what is there. */
#include "registry/event.h"
#include "tests/registry_one.h"

static void test_outcomes(void **state)
{
    /* If this fails, a delivery changes what it should not, or is passed over. */
    (void)state;
    struct fixture_texts texts;
    struct registry_record record = fixture_record(1, &texts);
    record.source_version = 5;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_ADDED);
    uint64_t before, after;
    assert_int_equal(registry_last_event(reader, &before), REGISTRY_OK);
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_UNCHANGED);
    assert_int_equal(registry_last_event(reader, &after), REGISTRY_OK);
    assert_int_equal(after, before + 1); /* that it was delivered, and nothing else */

    record.source_version = 4;
    record.issuer_status = LICENCE_STATUS_REVOKED;
    record.valid_until++;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_OLDER);
    record = fixture_record(1, &texts);
    record.source_version = 6;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_UNCHANGED);
    assert_int_equal(find(1)->source_version, 6);

    record.issuer_status = LICENCE_STATUS_REVOKED;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_STATUS_CHANGED);
    assert_int_equal(find(1)->status, LICENCE_STATUS_REVOKED);
    assert_int_equal(find(1)->version, 1);
    assert_int_equal(registry_last_event(reader, &before), REGISTRY_OK);
    record.source_version = 7; /* that it says so, too, is known to a registry that is restored */
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_UNCHANGED);
    assert_int_equal(registry_last_event(reader, &after), REGISTRY_OK);
    assert_int_equal(after, before + 2);
    record.source_version = 8;
    record.valid_until++;
    record.issuer_status = LICENCE_STATUS_VALID;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);
    assert_int_equal(find(1)->version, 2);
    assert_int_equal(find(1)->status, LICENCE_STATUS_VALID);
}

static void test_redelivery_undoes_nothing(void **state)
{
    /* If this fails, reading an old file again makes a revoked licence valid. */
    (void)state;
    struct fixture_texts texts;
    struct registry_record record = fixture_record(1, &texts);
    fixture_import_one(registry, record);
    set_status(1, LICENCE_STATUS_REVOKED);
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_UNCHANGED);
    assert_int_equal(find(1)->status, LICENCE_STATUS_REVOKED);
    record.valid_until++;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);
    assert_int_equal(find(1)->status, LICENCE_STATUS_REVOKED);
    record.source_version++; /* a later word of the source counts */
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_STATUS_CHANGED);
    assert_int_equal(find(1)->status, LICENCE_STATUS_VALID);
}

static void test_equal_version_loosens_nothing(void **state)
{
    /* If this fails, yesterday's file, read after today's, makes a revoked licence valid. */
    (void)state;
    struct fixture_texts texts;
    struct registry_record stale = fixture_record(1, &texts), record = stale;
    stale.source_version = record.source_version = 0; /* as those that give none */
    record.issuer_status = LICENCE_STATUS_REVOKED;
    fixture_import_one(registry, stale);
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_STATUS_CHANGED);
    assert_int_equal(fixture_import_one(registry, stale), OUTCOME_UNCHANGED);
    assert_int_equal(find(1)->status, LICENCE_STATUS_REVOKED);
    stale.valid_until++; /* faces can't be put in order: the last one stands */
    assert_int_equal(fixture_import_one(registry, stale), OUTCOME_NEW_VERSION);
    assert_int_equal(find(1)->status, LICENCE_STATUS_REVOKED);
    stale.valid_until--;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);

    set_status(1, LICENCE_STATUS_VALID); /* the issuer's own word loosens, */
    fixture_import_one(registry, stale);
    fixture_import_one(registry, record);
    assert_int_equal(find(1)->status, LICENCE_STATUS_VALID); /* and what it overruled stays so */
    record.issuer_status = LICENCE_STATUS_RESCINDED;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_STATUS_CHANGED);
    stale.source_version = 1; /* so does a newer version */
    assert_int_equal(fixture_import_one(registry, stale), OUTCOME_STATUS_CHANGED);
    assert_int_equal(find(1)->status, LICENCE_STATUS_VALID);
}

static void test_face_fields_make_versions(void **state)
{
    /* If this fails, a code of the old face goes on verifying after the face changed. */
    (void)state;
    struct fixture_texts texts, other;
    for (int field = 0; field < 9; field++) {
        struct registry_record record = fixture_record(field, &texts);
        static struct registry_query query;
        record.holder_kind = HOLDER_ENTERPRISE;
        fixture_import_one(registry, record);
        uint16_t list = find(field)->list;
        uint32_t index = find(field)->index;
        fixture_record(100 + field, &other);
        switch (field) {
        case 0:
            record.name = BYTES("另一个名称");
            break;
        case 1:
            record.identifier = bytes_str(other.identifier);
            break;
        case 2:
            record.holder_name = bytes_str(other.holder_name);
            break;
        case 3:
            record.holder_number = bytes_str(other.holder_number);
            break;
        case 4:
            record.issued_on = -1;
            break;
        case 5:
            record.valid_from++;
            break;
        case 6:
            record.valid_until = -1;
            break;
        case 7:
            record.representative_name = bytes_str(other.holder_name);
            break;
        case 8:
            record.representative_number = bytes_str(other.holder_number);
            break;
        }
        assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);
        assert_int_equal(find(field)->version, 2);
        assert_int_equal(find_place(list, index, &query), REGISTRY_OK);
        assert_int_equal(query.licence.status, LICENCE_STATUS_SUPERSEDED);
        assert_int_equal(query.licence.status_since, FIXTURE_NOW);
        assert_int_equal(query.licence.version, 1);
        assert_int_equal(bits_at(list, index), 1);
        assert_int_equal(bits_at(find(field)->list, find(field)->index), 0);
    }
}

static void test_places_are_never_reused(void **state)
{
    /* If this fails, the bits of one licence's old code are another licence's. */
    (void)state;
    enum { LICENCES = 1500, VERSIONS = 3 };
    static uint8_t seen[STATUS_LIST_BYTES];
    struct registry_counts counts;
    fixture_import_many(registry, 0, LICENCES);
    for (int version = 1; version <= VERSIONS; version++) {
        for (int n = 0; n < LICENCES; n++) {
            uint32_t index = find(n)->index;
            assert_int_equal(status_list_get(seen, index), 0);
            status_list_set(seen, index, 1);
        }
        if (version == VERSIONS)
            break;
        static enum registry_outcome outcomes[REGISTRY_BATCH_MAX];
        static struct fixture_texts many[REGISTRY_BATCH_MAX];
        static struct registry_record records[REGISTRY_BATCH_MAX];
        for (int n = 0; n < LICENCES; n += REGISTRY_BATCH_MAX) {
            for (int i = 0; i < REGISTRY_BATCH_MAX; i++) {
                records[i] = fixture_record(n + i, &many[i]);
                records[i].valid_until += version;
            }
            assert_int_equal(fixture_import(registry, records, outcomes, REGISTRY_BATCH_MAX),
                             REGISTRY_OK);
        }
    }
    assert_int_equal(registry_count(reader, &counts), REGISTRY_OK);
    assert_int_equal(counts.places, LICENCES * VERSIONS);
    assert_int_equal(counts.licences, LICENCES);
    assert_int_equal(counts.holders, LICENCES);
    assert_int_equal(fixture_check_lists(reader), LICENCES * (VERSIONS - 1));
}

static void test_full_list(void **state)
{
    /* If this fails, the search for a free place gets ever slower, or places run out. */
    (void)state;
    fixture_import_many(registry, 0, 1);
    tamper("UPDATE list SET used = 1048576 / 4 * 3 - 1");
    fixture_import_many(registry, 1, 2);
    assert_int_equal(find(0)->list, 0);
    assert_int_equal(find(1)->list, 0);
    assert_int_equal(find(2)->list, 1);

    tamper("UPDATE list SET used = 1048576, list = 255 WHERE list = 1;"
           "UPDATE place SET list = 255 WHERE list = 1;"
           "UPDATE licence SET list = 255 WHERE list = 1");
    struct fixture_texts texts;
    struct registry_record record = fixture_record(3, &texts);
    enum registry_outcome outcome;
    assert_int_equal(fixture_import(registry, &record, &outcome, 1), REGISTRY_ERR_REFUSED);
}

static void test_refused_records(void **state)
{
    /* If this fails, a text that no answer has room for gets in, or half a batch does. */
    (void)state;
    static uint8_t huge[REGISTRY_TEXT_BYTES_MAX + 1];
    struct registry_counts counts;
    memset(huge, 'x', sizeof huge);
    for (int wrong = 0; wrong < 8; wrong++) {
        struct fixture_texts texts[2];
        struct registry_record records[2] = {fixture_record(0, &texts[0]),
                                             fixture_record(1, &texts[1])};
        enum registry_outcome outcomes[2];
        struct bytes too_long = bytes_of(huge, sizeof huge), none = bytes_of("", 0);
        switch (wrong) {
        case 0:
            records[1].name = too_long;
            break;
        case 1:
            records[1].number = none;
            break;
        case 2:
            records[1].type_code = bytes_of(huge, REGISTRY_CODE_BYTES_MAX + 1);
            break;
        case 3:
            records[1].issuer_code = none;
            break;
        case 4:
            records[1].holder_number = bytes_of(huge, REGISTRY_NUMBER_BYTES_MAX + 1);
            break;
        case 5:
            records[1].holder_name = none;
            break;
        case 6:
            records[1].issuer_status = LICENCE_STATUS_SUPERSEDED;
            break;
        case 7:
            records[1].representative_number = records[0].holder_number;
            break;
        }
        struct registry_change change = {.kind = CHANGE_IMPORT,
                                         .records = records,
                                         .outcomes = outcomes,
                                         .record_count = 2,
                                         .source = BYTES("test")};
        assert_int_equal(registry_commit(registry, &change), REGISTRY_ERR_REFUSED);
        assert_non_null(change.refusal);
    }
    assert_int_equal(registry_count(reader, &counts), REGISTRY_OK);
    assert_int_equal(counts.licences, 0);
    assert_int_equal(counts.holders, 0);
}

static void test_longest_record(void **state)
{
    /* If this fails, a record within all limits goes in but can't be read. */
    (void)state;
    static uint8_t text[REGISTRY_TEXT_BYTES_MAX], other[REGISTRY_NUMBER_BYTES_MAX];
    static struct registry_query query;
    static struct registry_catalogue_entry entry;
    struct fixture_texts texts;
    struct registry_record record = fixture_record(0, &texts);
    memset(text, 'y', sizeof text);
    struct bytes longest = bytes_of(text, sizeof text);
    record.type_name = record.name = record.number = record.identifier = record.issuer_name =
        record.holder_name = record.representative_name = longest;
    record.type_code = record.issuer_code = bytes_of(text, REGISTRY_CODE_BYTES_MAX);
    record.holder_number = bytes_of(text, REGISTRY_NUMBER_BYTES_MAX);
    record.representative_number = bytes_of(other, sizeof other);
    record.holder_kind = HOLDER_ENTERPRISE;
    enum registry_outcome outcome;
    struct registry_change change = {.kind = CHANGE_IMPORT,
                                     .records = &record,
                                     .outcomes = &outcome,
                                     .record_count = 1,
                                     .source = bytes_of(text, REGISTRY_CASE_BYTES_MAX)};
    assert_int_equal(registry_commit(registry, &change), REGISTRY_OK);
    assert_int_equal(fixture_find_text(reader, longest, &query), REGISTRY_OK);
    char agency[REGISTRY_CASE_BYTES_MAX + 1] = {0};
    memset(agency, 'z', REGISTRY_CASE_BYTES_MAX);
    change = fixture_hold(CHANGE_HOLD_PLACE, query.licence.id, HOLD_SEIZED, agency, agency);
    assert_int_equal(registry_commit(registry, &change), REGISTRY_OK);
    assert_int_equal(fixture_find_text(reader, longest, &query), REGISTRY_OK);
    assert_true(bytes_equal(query.licence.issuer_name, longest));
    assert_int_equal(query.licence.hold_agency.len, REGISTRY_CASE_BYTES_MAX);
    assert_int_equal(registry_licence_type(reader, 0, &entry), REGISTRY_OK);
    assert_int_equal(strlen(entry.name), REGISTRY_TEXT_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_outcomes),
        TEST(test_redelivery_undoes_nothing),
        TEST(test_equal_version_loosens_nothing),
        TEST(test_face_fields_make_versions),
        TEST(test_places_are_never_reused),
        TEST(test_full_list),
        TEST(test_refused_records),
        TEST(test_longest_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
