/* What the registry keeps and answers, on a real SQLite file. */
#include <sqlite3.h>
#include <stdlib.h>

#include "base/clock.h"
#include "tests/registry_fixture.h"

static struct registry *registry;
static struct registry_reader *reader;
static const char *path;

static int set_up(void **state)
{
    (void)state;
    path = check_strdup(path_in(temp_folder(), "registry.db"));
    registry = fixture_open(path);
    reader = fixture_reader(registry);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    registry_reader_destroy(&reader);
    registry_close(&registry);
    free((void *)path);
    return 0;
}

/* Something done to the file behind the registry's back. */
static void tamper(const char *statement)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static struct registry_licence *find(int n)
{
    static struct registry_query query;
    return fixture_find(reader, n, &query);
}

static enum registry_error find_place(uint16_t list, uint32_t index, struct registry_query *query)
{
    *query = (struct registry_query){.by = REGISTRY_BY_PLACE, .list = list, .index = index};
    assert_int_equal(registry_find(reader, query), REGISTRY_NOW);
    return query->error;
}

static uint8_t bits_at(uint16_t list, uint32_t index)
{
    static uint8_t array[STATUS_LIST_BYTES];
    struct registry_list position;
    assert_int_equal(registry_list_array(reader, list, array, &position), REGISTRY_OK);
    return status_list_get(array, index);
}

static uint64_t list_seq(void)
{
    struct registry_list list;
    size_t count = 1;
    assert_int_equal(registry_lists(reader, &list, &count), REGISTRY_OK);
    return count ? list.seq : 0;
}

/* Commits and reads the answer of a hold or a status. */
static enum registry_error hold(enum registry_change_kind kind, int n, enum hold_kind what,
                                const char *agency, const char *case_number)
{
    struct registry_change change = fixture_hold(kind, find(n)->id, what, agency, case_number);
    return registry_commit(registry, &change);
}

static struct registry_change set_status(int n, enum licence_status status)
{
    struct registry_change change = fixture_status(find(n)->id, status);
    assert_int_equal(registry_commit(registry, &change), REGISTRY_OK);
    return change;
}

/* ---- opening ---- */

static enum registry_error try_open(const struct registry_options *options, const char *expect)
{
    char text[512];
    struct buf why = BUF_OVER(text);
    struct registry *none;
    enum registry_error error = registry_open(options, &none, &why);
    assert_true(error);
    assert_null(none);
    assert_non_null(strstr(buf_cstr(&why), options->path));
    assert_non_null(strstr(text, expect));
    return error;
}

static void test_reopen(void **state)
{
    /* If this fails, a restart of the gateway loses licences. */
    (void)state;
    fixture_import_many(registry, 0, 3);
    registry_reader_destroy(&reader);
    registry_close(&registry);
    registry = fixture_open(path);
    reader = fixture_reader(registry);
    assert_bytes(find(2)->holder_name, "虚构者000002");
}

static void test_wrong_key(void **state)
{
    /* If this fails, a gateway with the wrong key starts, finds nobody and seals with it. */
    (void)state;
    uint8_t other[CRYPTO_SECRET_BYTES] = {1};
    struct registry_options options = fixture_options(path);
    options.secret = other;
    assert_int_equal(try_open(&options, "another key"), REGISTRY_ERR_SEALED);
    registry_reader_destroy(&reader);
    registry_close(&registry);
    assert_int_equal(try_open(&options, "another key"), REGISTRY_ERR_SEALED);
    registry = fixture_open(path);
    reader = fixture_reader(registry);
}

static void test_newer_schema(void **state)
{
    /* If this fails, an old program writes into a database whose rules it does not know. */
    (void)state;
    struct registry_options options = fixture_options(path);
    tamper("INSERT INTO schema_version VALUES (99, 0)");
    assert_int_equal(try_open(&options, "newer version"), REGISTRY_ERR_SCHEMA);
    tamper("DELETE FROM schema_version WHERE version = 99");
}

static void test_not_a_registry(void **state)
{
    /* If this fails, a mistyped path makes a registry out of somebody else's file. */
    (void)state;
    const char *folder = temp_folder();
    struct registry_options options = fixture_options(path_in(folder, "none.db"));
    options.create = false;
    assert_int_equal(try_open(&options, "unable to open"), REGISTRY_ERR_STORAGE);

    options = fixture_options(path_in(folder, "text.db"));
    static const uint8_t text[8192] = "no database at all";
    write_file(options.path, bytes_of(text, sizeof text));
    assert_int_equal(try_open(&options, "not a database"), REGISTRY_ERR_STORAGE);

    options = fixture_options(path_in(folder, "empty.db"));
    options.create = false;
    write_file(options.path, bytes_of("", 0));
    assert_int_equal(try_open(&options, "no registry"), REGISTRY_ERR_STORAGE);

    options = fixture_options(path_in(folder, "other.db"));
    sqlite3 *db;
    assert_int_equal(sqlite3_open(options.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE theirs (a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(try_open(&options, "no registry"), REGISTRY_ERR_SCHEMA);
}

/* ---- licences ---- */

static void check_fields(const struct registry_licence *l)
{
    struct registry_catalogue_entry entry;
    assert_bytes(l->type_code, "11100000000013338W011");
    assert_bytes(l->type_name, "机动车驾驶证");
    assert_bytes(l->issuer_code, "11410800005709876X");
    assert_bytes(l->issuer_name, "焦作市公安局交通警察支队");
    assert_bytes(l->name, "中华人民共和国机动车驾驶证");
    assert_bytes(l->number, "NO-000007");
    assert_bytes(l->identifier, "1.2.156.3005.2.ID-000007");
    assert_bytes(l->holder_name, "虚构者000007");
    assert_bytes(l->holder_number, "410800199001000007");
    assert_bytes(l->source, "test");
    assert_bytes(l->hold_agency, "");
    assert_int_equal(l->holder_kind, HOLDER_PERSON);
    assert_int_equal(l->version, 1);
    assert_int_equal(l->issued_on, 18999);
    assert_int_equal(l->valid_from, 19000);
    assert_int_equal(l->valid_until, -1);
    assert_int_equal(l->issuer_status, LICENCE_STATUS_LAPSED);
    assert_int_equal(l->status, LICENCE_STATUS_LAPSED);
    assert_int_equal(l->status_since, FIXTURE_NOW);
    assert_int_equal(l->received_at, FIXTURE_NOW);
    assert_int_equal(l->source_version, 0xfedcba9876543210);
    assert_int_equal(l->list, 0);
    assert_in_range(l->index, 0, STATUS_LIST_PLACES - 1);
    assert_int_equal(registry_licence_type(reader, l->type, &entry), REGISTRY_OK);
    assert_string_equal(entry.code, "11100000000013338W011");
    assert_string_equal(entry.name, "机动车驾驶证");
    assert_int_equal(registry_issuer(reader, l->issuer, &entry), REGISTRY_OK);
    assert_string_equal(entry.code, "11410800005709876X");
}

static void test_every_field(void **state)
{
    /* If this fails, what an authority delivered is not what an inspector reads. */
    (void)state;
    static struct registry_query by_text, by_id, by_place;
    struct fixture_texts texts;
    struct registry_record record = fixture_record(7, &texts);
    uint8_t holder[REGISTRY_ID_BYTES];
    record.issued_on = 18999;
    record.valid_until = -1;
    record.issuer_status = LICENCE_STATUS_LAPSED;
    record.source_version = 0xfedcba9876543210;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_ADDED);

    assert_int_equal(fixture_find_text(reader, record.number, &by_text), REGISTRY_OK);
    check_fields(&by_text.licence);
    assert_int_equal(fixture_find_text(reader, record.identifier, &by_text), REGISTRY_OK);
    check_fields(&by_text.licence);
    by_id.by = REGISTRY_BY_ID;
    memcpy(by_id.id, by_text.licence.id, sizeof by_id.id);
    registry_find(reader, &by_id);
    assert_int_equal(by_id.error, REGISTRY_OK);
    check_fields(&by_id.licence);
    assert_int_equal(find_place(by_text.licence.list, by_text.licence.index, &by_place),
                     REGISTRY_OK);
    check_fields(&by_place.licence);
    assert_memory_equal(by_place.licence.id, by_id.id, REGISTRY_ID_BYTES);
    assert_int_equal(registry_holder_id(reader, record.holder_number, holder), REGISTRY_OK);
    assert_memory_equal(by_place.licence.holder_id, holder, REGISTRY_ID_BYTES);
}

static void test_not_found(void **state)
{
    /* If this fails, a licence nobody has is answered with somebody's. */
    (void)state;
    struct registry_query query;
    struct registry_catalogue_entry entry;
    uint8_t id[REGISTRY_ID_BYTES] = {0};
    fixture_import_many(registry, 0, 1);
    assert_int_equal(fixture_find_text(reader, BYTES("NO-999999"), &query), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(fixture_find_text(reader, bytes_of("", 0), &query), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(find_place(0, find(0)->index ^ 1, &query), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(find_place(9, find(0)->index, &query), REGISTRY_ERR_NOT_FOUND);
    query = (struct registry_query){.by = REGISTRY_BY_ID};
    registry_find(reader, &query);
    assert_int_equal(query.error, REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(registry_holder_id(reader, BYTES("410800199001999999"), id),
                     REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(registry_licence_type(reader, 1, &entry), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(registry_issuer(reader, 1, &entry), REGISTRY_ERR_NOT_FOUND);
}

static void test_ambiguous_number(void **state)
{
    /* If this fails, a number that two licences have shows one of them at random. */
    (void)state;
    struct fixture_texts texts;
    struct registry_query query;
    struct registry_record record = fixture_record(1, &texts);
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_ADDED);
    record.type_code = BYTES("11100000000013338W012");
    record.identifier = bytes_of("", 0);
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_ADDED);
    assert_int_equal(fixture_find_text(reader, record.number, &query), REGISTRY_ERR_REFUSED);
    assert_int_equal(fixture_find_text(reader, bytes_str(texts.identifier), &query), REGISTRY_OK);
}

static void test_outcomes(void **state)
{
    /* If this fails, a delivery changes what it should not, or is passed over. */
    (void)state;
    struct fixture_texts texts;
    struct registry_record record = fixture_record(1, &texts);
    record.source_version = 5;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_ADDED);
    uint32_t version, same;
    assert_int_equal(registry_data_version(reader, &version), REGISTRY_OK);
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_UNCHANGED);
    assert_int_equal(registry_data_version(reader, &same), REGISTRY_OK);
    assert_int_equal(version, same); /* nothing was written */

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
    record.valid_until++;
    record.issuer_status = LICENCE_STATUS_VALID;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);
    assert_int_equal(find(1)->version, 2);
    assert_int_equal(find(1)->status, LICENCE_STATUS_VALID);
    assert_int_equal(registry_data_version(reader, &same), REGISTRY_OK);
    assert_int_not_equal(version, same);
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
    static uint8_t text[REGISTRY_TEXT_BYTES_MAX];
    static struct registry_query query;
    static struct registry_catalogue_entry entry;
    struct fixture_texts texts;
    struct registry_record record = fixture_record(0, &texts);
    memset(text, 'y', sizeof text);
    struct bytes longest = bytes_of(text, sizeof text);
    record.type_name = record.name = record.number = record.identifier = record.issuer_name =
        record.holder_name = record.representative_name = longest;
    record.type_code = record.issuer_code = bytes_of(text, REGISTRY_CODE_BYTES_MAX);
    record.holder_number = record.representative_number = bytes_of(text, REGISTRY_NUMBER_BYTES_MAX);
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

/* ---- status and holds ---- */

static void test_strictest_wins(void **state)
{
    /* If this fails, a hold loosens what the issuer said, or the reverse. */
    (void)state;
    static const enum hold_kind kinds[] = {HOLD_SEIZED, HOLD_WITHDRAWN, HOLD_CANCEL_REQUESTED};
    fixture_import_many(registry, 0, 1);
    for (int i = 0; i < LICENCE_STATUS_COUNT; i++) {
        enum licence_status issuer = (enum licence_status)i;
        if (issuer == LICENCE_STATUS_SUPERSEDED)
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
        fixture_hold(CHANGE_HOLD_PLACE, find(0)->id, HOLD_WITHDRAWN, "交警一大队", "1");
    assert_int_equal(registry_commit(registry, &again), REGISTRY_ERR_REFUSED);
    assert_string_equal(again.refusal, "this case already holds the licence");
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
        if (status == LICENCE_STATUS_SUPERSEDED)
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

/* ---- agents ---- */

static struct {
    int own, others;
} listed;

static void count_licence(struct registry_holder_query *query,
                          const struct registry_licence *licence, bool own)
{
    assert_true(own == !memcmp(query->holder_id, licence->holder_id, REGISTRY_ID_BYTES));
    assert_false(own && listed.others); /* his own come first */
    *(own ? &listed.own : &listed.others) += 1;
}

static bool list_licences(const uint8_t holder[REGISTRY_ID_BYTES])
{
    struct registry_holder_query query = {.each = count_licence};
    memcpy(query.holder_id, holder, REGISTRY_ID_BYTES);
    listed.own = listed.others = 0;
    assert_int_equal(registry_find_of_holder(reader, &query), REGISTRY_NOW);
    assert_int_equal(query.error, REGISTRY_OK);
    return query.more;
}

static void holder_id(struct bytes number, uint8_t id[REGISTRY_ID_BYTES])
{
    assert_int_equal(registry_holder_id(reader, number, id), REGISTRY_OK);
}

static void test_representative(void **state)
{
    /* If this fails, a former legal representative still displays the enterprise's licences. */
    (void)state;
    struct fixture_texts texts, first, second;
    uint8_t enterprise[REGISTRY_ID_BYTES], one[REGISTRY_ID_BYTES], two[REGISTRY_ID_BYTES];
    struct registry_record record = fixture_enterprise(1, &texts, &first);
    int64_t now = clock_wall_s();
    fixture_import_many(registry, 1, 2); /* both persons' own licences */
    fixture_import_one(registry, record);
    fixture_record(2, &second);
    holder_id(record.holder_number, enterprise);
    holder_id(bytes_str(first.holder_number), one);
    holder_id(bytes_str(second.holder_number), two);
    assert_int_equal(registry_may_act(reader, one, one, now), REGISTRY_OK);
    assert_int_equal(registry_may_act(reader, one, enterprise, now), REGISTRY_OK);
    assert_int_equal(registry_may_act(reader, two, enterprise, now), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(registry_may_act(reader, enterprise, one, now), REGISTRY_ERR_NOT_FOUND);
    assert_false(list_licences(one));
    assert_int_equal(listed.own, 1);
    assert_int_equal(listed.others, 1);

    record.representative_name = bytes_str(second.holder_name);
    record.representative_number = bytes_str(second.holder_number);
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);
    assert_int_equal(registry_may_act(reader, one, enterprise, now), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(registry_may_act(reader, two, enterprise, now), REGISTRY_OK);
    list_licences(one);
    assert_int_equal(listed.others, 0);

    record.representative_name = record.representative_number = bytes_of("", 0);
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);
    assert_int_equal(registry_may_act(reader, two, enterprise, now), REGISTRY_OK);
}

static void test_grant(void **state)
{
    /* If this fails, an agent acts before his grant, after its end, or never. */
    (void)state;
    struct fixture_texts texts, person;
    struct registry_record record = fixture_enterprise(1, &texts, &person);
    struct registry_change grant = {.kind = CHANGE_AGENT_GRANT, .now = FIXTURE_NOW};
    struct registry_change end = {.kind = CHANGE_AGENT_END, .now = FIXTURE_NOW + 1};
    fixture_import_many(registry, 1, 2);
    fixture_import_one(registry, record);
    fixture_record(2, &person);
    holder_id(record.holder_number, grant.holder);
    holder_id(bytes_str(person.holder_number), grant.agent);
    memcpy(end.holder, grant.holder, REGISTRY_ID_BYTES);
    memcpy(end.agent, grant.agent, REGISTRY_ID_BYTES);
    assert_int_equal(registry_commit(registry, &end), REGISTRY_ERR_NOT_FOUND);

    grant.until = FIXTURE_NOW + 1000;
    assert_int_equal(registry_commit(registry, &grant), REGISTRY_OK);
    assert_int_equal(registry_may_act(reader, grant.agent, grant.holder, FIXTURE_NOW + 999),
                     REGISTRY_OK);
    assert_int_equal(registry_may_act(reader, grant.agent, grant.holder, FIXTURE_NOW + 1000),
                     REGISTRY_ERR_NOT_FOUND);
    list_licences(grant.agent); /* it ended long ago */
    assert_int_equal(listed.others, 0);
    grant.until = 0;
    assert_int_equal(registry_commit(registry, &grant), REGISTRY_OK);
    list_licences(grant.agent);
    assert_int_equal(listed.others, 1);

    /* who is also the representative lists each licence once, and stays it when the grant ends */
    record.representative_number = bytes_str(person.holder_number);
    fixture_import_one(registry, record);
    list_licences(grant.agent);
    assert_int_equal(listed.others, 1);
    assert_int_equal(registry_commit(registry, &end), REGISTRY_OK);
    assert_int_equal(registry_commit(registry, &end), REGISTRY_ERR_NOT_FOUND);
    list_licences(grant.agent);
    assert_int_equal(listed.others, 1);

    memcpy(grant.holder, end.agent, REGISTRY_ID_BYTES); /* a person has no agents */
    assert_int_equal(registry_commit(registry, &grant), REGISTRY_ERR_REFUSED);
    memset(grant.holder, 0, REGISTRY_ID_BYTES);
    assert_int_equal(registry_commit(registry, &grant), REGISTRY_ERR_NOT_FOUND);
}

static void test_many_licences(void **state)
{
    /* If this fails, a holder with very many licences makes an answer without bound. */
    (void)state;
    struct fixture_texts texts[REGISTRY_HOLDER_LICENCES_MAX + 1];
    struct registry_record records[REGISTRY_HOLDER_LICENCES_MAX + 1];
    enum registry_outcome outcomes[REGISTRY_HOLDER_LICENCES_MAX + 1];
    uint8_t id[REGISTRY_ID_BYTES];
    for (int i = 0; i <= REGISTRY_HOLDER_LICENCES_MAX; i++) {
        records[i] = fixture_record(i, &texts[i]);
        records[i].holder_number = records[0].holder_number;
    }
    assert_int_equal(fixture_import(registry, records, outcomes, REGISTRY_HOLDER_LICENCES_MAX),
                     REGISTRY_OK);
    holder_id(records[0].holder_number, id);
    assert_false(list_licences(id));
    assert_int_equal(listed.own, REGISTRY_HOLDER_LICENCES_MAX);
    fixture_import_one(registry, records[REGISTRY_HOLDER_LICENCES_MAX]);
    assert_true(list_licences(id));
    assert_int_equal(listed.own, REGISTRY_HOLDER_LICENCES_MAX);
}

/* ---- what the disk holds ---- */

static void assert_not_in_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    static uint8_t content[8 << 20];
    size_t len = fread(content, 1, sizeof content, file);
    assert_true(len > 0 && feof(file));
    fclose(file);
    assert_null(memmem(content, len, text, strlen(text)));
}

static void test_nothing_personal_on_disk(void **state)
{
    /* If this fails, who copies the disk reads names and numbers. */
    (void)state;
    struct fixture_texts texts, person;
    char wal[600];
    fixture_import_one(registry, fixture_enterprise(77, &texts, &person));
    fixture_import_many(registry, 77, 1);
    snprintf(wal, sizeof wal, "%s-wal", path);
    const char *const files[] = {path, wal};
    const char *const secrets[] = {"虚构者000077", "410800199001000077", "NO-000077",
                                   "BL-000077",    "91410800MA00000077", "ID-000077"};
    for (size_t f = 0; f < 2; f++)
        for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
            assert_not_in_file(files[f], secrets[i]);
}

static void test_moved_seal(void **state)
{
    /* If this fails, who can write to the file puts one person's name on another's licence. */
    (void)state;
    struct registry_query query;
    fixture_import_many(registry, 0, 2);
    tamper("UPDATE licence SET sealed = (SELECT sealed FROM licence WHERE licence = 1)"
           " WHERE licence = 2");
    struct fixture_texts texts;
    assert_int_equal(fixture_find_text(reader, fixture_record(1, &texts).number, &query),
                     REGISTRY_ERR_SEALED);
    tamper("UPDATE holder SET sealed = (SELECT sealed FROM holder WHERE holder = 2)"
           " WHERE holder = 1");
    assert_int_equal(fixture_find_text(reader, fixture_record(0, &texts).number, &query),
                     REGISTRY_ERR_SEALED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_reopen),
        TEST(test_wrong_key),
        TEST(test_newer_schema),
        TEST(test_not_a_registry),
        TEST(test_every_field),
        TEST(test_not_found),
        TEST(test_ambiguous_number),
        TEST(test_outcomes),
        TEST(test_redelivery_undoes_nothing),
        TEST(test_face_fields_make_versions),
        TEST(test_places_are_never_reused),
        TEST(test_full_list),
        TEST(test_refused_records),
        TEST(test_longest_record),
        TEST(test_strictest_wins),
        TEST(test_hold_belongs_to_its_case),
        TEST(test_holds_carry_over),
        TEST(test_only_bits_take_numbers),
        TEST(test_bits_follow_status),
        TEST(test_restored),
        TEST(test_outbox),
        TEST(test_marks),
        TEST(test_representative),
        TEST(test_grant),
        TEST(test_many_licences),
        TEST(test_nothing_personal_on_disk),
        TEST(test_moved_seal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
