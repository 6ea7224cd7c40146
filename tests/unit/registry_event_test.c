/* Events: each change writes its own, in its transaction, numbered without a gap. */
#include "registry/issuing.h"
#include "tests/registry_events.h"

static struct seen seen;

static const struct registry_actor OFFICER = {.role = TOKEN_ROLE_INSPECTOR,
                                              .request_id = 0xfedcba9876543210,
                                              .subject = {(const uint8_t *)"A/7", 3},
                                              .client = {(const uint8_t *)"PDA-1", 5},
                                              .purpose = {(const uint8_t *)"why", 3},
                                              .reference = {(const uint8_t *)"which", 5}};

/* Commits a change of the officer's, and reads what it wrote. */
static struct registry_change watch(struct registry_change change, enum registry_error expected)
{
    uint64_t before = last_event();
    change.actor = OFFICER;
    change = commit(change, expected);
    see_events(before, &seen);
    assert_int_equal(change.event, seen.count ? before + seen.count : 0);
    for (size_t i = 0; i < seen.count; i++) {
        const struct registry_event *e = &seen.events[i].event;
        assert_int_equal(e->role, TOKEN_ROLE_INSPECTOR);
        assert_true(e->request_id == OFFICER.request_id);
        assert_string_equal(seen.events[i].subject, "A/7");
        assert_string_equal(seen.events[i].client, "PDA-1");
        assert_int_equal(e->acting, EVENT_NONE); /* no holder */
        if (change.now)
            assert_int_equal(e->at_us, change.now * 1000000);
    }
    return change;
}

static void expect(size_t i, enum registry_event_kind kind, const char *purpose,
                   const char *reference)
{
    assert_true(i < seen.count);
    assert_int_equal(seen.events[i].event.kind, kind);
    assert_string_equal(seen.events[i].purpose, purpose);
    assert_string_equal(seen.events[i].reference, reference);
}

static void expect_licence(size_t i, const struct registry_licence *l, uint8_t status, int detail)
{
    const struct registry_event *e = &seen.events[i].event;
    assert_true(e->has_licence);
    assert_memory_equal(e->licence, l->id, REGISTRY_ID_BYTES);
    assert_memory_equal(e->licence_reference, l->reference, REGISTRY_REFERENCE_BYTES);
    assert_int_equal(e->type, l->type);
    assert_int_equal(e->issuer, l->issuer);
    assert_int_equal(e->status, status);
    assert_int_equal(e->detail, detail);
}

static void expect_place(size_t i, uint16_t version, uint16_t list, uint32_t index)
{
    assert_int_equal(seen.events[i].event.version, version);
    assert_int_equal(seen.events[i].event.list, list);
    assert_int_equal(seen.events[i].event.index, index);
}

static struct registry_change import(const struct registry_record *records,
                                     enum registry_outcome *outcomes, size_t count)
{
    return (struct registry_change){.kind = CHANGE_IMPORT,
                                    .records = records,
                                    .outcomes = outcomes,
                                    .record_count = count,
                                    .source = BYTES("交管"),
                                    .now = FIXTURE_NOW};
}

/* ---- what is written ---- */

static void test_imports(void **state)
{
    /* If this fails, evidence does not tell what an authority delivered. */
    (void)state;
    struct fixture_texts texts[3];
    struct registry_record records[3];
    enum registry_outcome outcomes[3];
    for (int i = 0; i < 3; i++)
        records[i] = fixture_record(i, &texts[i]);
    watch(import(records, outcomes, 2), REGISTRY_OK);
    assert_int_equal(seen.count, 3);
    expect(0, EVENT_ISSUED, "import", "1");
    expect_licence(0, find(0), 1, 1);
    expect_place(0, 1, find(0)->list, find(0)->index);
    expect(1, EVENT_ISSUED, "import", "1");
    expect(2, EVENT_IMPORT, "交管", "added 2 versions 0 status 0 unchanged 0 older 0");
    assert_false(seen.events[2].event.has_licence);
    assert_int_equal(seen.events[2].event.status, EVENT_NONE);

    uint32_t old = find(0)->index;
    records[0].valid_until++;
    records[0].source_version = 7;
    records[0].issuer_status = LICENCE_STATUS_SEIZED;
    records[1].issuer_status = LICENCE_STATUS_REVOKED;
    watch(import(records, outcomes, 3), REGISTRY_OK);
    assert_int_equal(seen.count, 5);
    expect(0, EVENT_SUPERSEDED, "import", "7");
    expect_licence(0, find(0), 0, EVENT_NONE); /* told as superseded */
    expect_place(0, 1, 0, old);
    expect(1, EVENT_VERSION, "import", "7");
    expect_licence(1, find(0), 2, 2);
    expect_place(1, 2, 0, find(0)->index);
    expect(2, EVENT_STATUS, "import", "1");
    expect_licence(2, find(1), 3, 3);
    expect(3, EVENT_ISSUED, "import", "1");
    expect(4, EVENT_IMPORT, "交管", "added 1 versions 1 status 1 unchanged 0 older 0");

    records[0].source_version = 6;
    watch(import(records, outcomes, 2), REGISTRY_OK);
    assert_int_equal(seen.count, 1);
    expect(0, EVENT_IMPORT, "交管", "added 0 versions 0 status 0 unchanged 1 older 1");
}

static void test_holds_and_statuses(void **state)
{
    /* If this fails, evidence does not tell who held a licence, or for what. */
    (void)state;
    fixture_import_many(registry, 0, 1);
    const uint8_t *id = find(0)->id;
    watch(fixture_hold(CHANGE_HOLD_PLACE, id, HOLD_WITHDRAWN, "交警", "C1"), REGISTRY_OK);
    expect(0, EVENT_HOLD, "withdraw", "C1");
    assert_string_equal(seen.events[0].agency, "交警");
    expect_licence(0, find(0), 8, HOLD_WITHDRAWN);
    watch(fixture_hold(CHANGE_HOLD_PLACE, id, HOLD_WITHDRAWN, "交警", "C1"), REGISTRY_ERR_REFUSED);
    assert_int_equal(seen.count, 0);
    watch(fixture_hold(CHANGE_HOLD_PLACE, id, HOLD_CANCEL_REQUESTED, "交警", "C1"), REGISTRY_OK);
    expect(0, EVENT_HOLD, "request_cancel", "C1");
    watch(fixture_status(id, LICENCE_STATUS_REVOKED), REGISTRY_OK);
    assert_int_equal(seen.count, 1);
    expect(0, EVENT_STATUS, "why", "which");
    expect_licence(0, find(0), 3, 3);
    watch(fixture_hold(CHANGE_HOLD_LIFT, id, 0, "交警", "C2"), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(seen.count, 0);
    watch(fixture_hold(CHANGE_HOLD_LIFT, id, 0, "交警", "C1"), REGISTRY_OK);
    assert_int_equal(seen.count, 2);
    expect(0, EVENT_LIFT, "restore", "C1");
    expect_licence(0, find(0), 3, HOLD_WITHDRAWN);
    expect(1, EVENT_LIFT, "restore", "C1");
    expect_licence(1, find(0), 3, HOLD_CANCEL_REQUESTED);
}

/* Hexadecimal, as events refer to what has an id. */
static const char *hex(const uint8_t id[REGISTRY_ID_BYTES])
{
    static char text[2 * REGISTRY_ID_BYTES + 1];
    struct buf out = BUF_OVER(text);
    buf_put_hex(&out, bytes_of(id, REGISTRY_ID_BYTES));
    return buf_cstr(&out);
}

static void test_representatives(void **state)
{
    /* If this fails, evidence does not tell who may act for an enterprise, since when and until
     * when, when its authority says so. */
    (void)state;
    struct fixture_texts texts, person, second;
    struct registry_record record = fixture_enterprise(1, &texts, &person);
    enum registry_outcome outcome;
    char first[EVENT_TEXT_BYTES_MAX + 1];
    watch(import(&record, &outcome, 1), REGISTRY_OK);
    assert_int_equal(seen.count, 3);
    memcpy(first, seen.events[1].reference, sizeof first);
    expect(1, EVENT_MANDATE, "given", first);
    expect_licence(1, find_enterprise(1), 1, EVENT_NONE);
    assert_true(seen.events[1].event.result);
    watch(import(&record, &outcome, 1), REGISTRY_OK);
    assert_int_equal(seen.count, 1); /* nothing new */

    fixture_record(2, &second);
    record.representative_name = bytes_str(second.holder_name);
    record.representative_number = bytes_str(second.holder_number);
    watch(import(&record, &outcome, 1), REGISTRY_OK);
    assert_int_equal(seen.count, 5);
    assert_int_equal(seen.events[0].event.kind, EVENT_SUPERSEDED);
    assert_int_equal(seen.events[1].event.kind, EVENT_VERSION);
    expect(2, EVENT_MANDATE, "ended", first);
    assert_false(seen.events[2].event.result);
    expect(3, EVENT_MANDATE, "given", seen.events[3].reference);
    assert_string_not_equal(seen.events[3].reference, first);
    assert_true(seen.events[3].event.result);
    expect_place(3, 2, find_enterprise(1)->list, find_enterprise(1)->index);
}

static void test_mandates_and_consents(void **state)
{
    /* If this fails, evidence does not tell who was allowed to see or to show a licence. */
    (void)state;
    struct fixture_texts texts, person;
    struct registry_consent consent = {
        .partner = "bank", .purpose = "hiring", .fields = 5, .until = FIXTURE_NOW + 1000};
    fixture_import_many(registry, 0, 2);
    fixture_import_one(registry, fixture_enterprise(1, &texts, &person));
    add_client("bank", TOKEN_ROLE_PARTNER);

    struct registry_change change = watch(entrust(0, 1, 0), REGISTRY_OK);
    expect(0, EVENT_MANDATE, "why", hex(change.id));
    expect_licence(0, find(0), 1, EVENT_NONE);
    assert_true(seen.events[0].event.result);
    watch(end_mandate(change.id), REGISTRY_OK);
    expect(0, EVENT_MANDATE, "why", hex(change.id));
    expect_licence(0, find(0), 1, EVENT_NONE);
    assert_false(seen.events[0].event.result);

    struct registry_change grant = {.kind = CHANGE_AGENT_GRANT, .now = FIXTURE_NOW};
    enterprise_id(1, grant.holder);
    person_id(0, grant.agent);
    change = watch(grant, REGISTRY_OK);
    expect(0, EVENT_MANDATE, "why", hex(change.id));
    assert_false(seen.events[0].event.has_licence);
    grant.kind = CHANGE_AGENT_END;
    struct registry_change end = watch(grant, REGISTRY_OK);
    assert_memory_equal(end.id, change.id, REGISTRY_ID_BYTES);
    expect(0, EVENT_MANDATE, "why", hex(change.id));
    assert_false(seen.events[0].event.result);

    struct registry_change give = {
        .kind = CHANGE_CONSENT_GIVE, .consent = &consent, .now = FIXTURE_NOW};
    memcpy(consent.licence, find(0)->id, REGISTRY_ID_BYTES);
    memcpy(give.holder, find(0)->holder_id, REGISTRY_ID_BYTES);
    change = watch(give, REGISTRY_OK);
    expect(0, EVENT_CONSENT, "bank", hex(change.id));
    expect_licence(0, find(0), 1, EVENT_NONE);
    assert_int_equal(seen.events[0].event.fields, 5);
    change.kind = CHANGE_CONSENT_WITHDRAW;
    watch(change, REGISTRY_OK);
    expect(0, EVENT_CONSENT, "bank", hex(change.id));
    expect_licence(0, find(0), 1, EVENT_NONE);
    assert_int_equal(seen.events[0].event.fields, 5);
    assert_false(seen.events[0].event.result);
}

static void test_access(void **state)
{
    /* If this fails, evidence does not tell who was let in, or who gave a system its powers. */
    (void)state;
    struct registry_client client = make_client("system-1", TOKEN_ROLE_SYSTEM);
    struct registry_access_request r = {.system = "system-1",
                                        .matter = "M-1",
                                        .types = {"T"},
                                        .type_count = 1,
                                        .fields = 3,
                                        .purpose = "p",
                                        .legal_basis = "law"};
    watch((struct registry_change){.kind = CHANGE_CLIENT_ADD, .client = &client}, REGISTRY_OK);
    expect(0, EVENT_ACCESS, "client_add", "system-1");
    watch((struct registry_change){.kind = CHANGE_CLIENT_KEY,
                                   .client = &client,
                                   .text = BYTES("system-1")},
          REGISTRY_OK);
    expect(0, EVENT_ACCESS, "client_key", "system-1");

    struct registry_change change =
        watch((struct registry_change){.kind = CHANGE_ACCESS_SUBMIT, .request = &r}, REGISTRY_OK);
    expect(0, EVENT_APPLY, "M-1", hex(change.id));
    assert_int_equal(seen.events[0].event.fields, 3);
    assert_int_equal(seen.events[0].event.detail, ACCESS_SUBMITTED);
    r = (struct registry_access_request){
        .state = ACCESS_REFUSED, .decided_by = "office", .reason = "no"};
    memcpy(r.id, change.id, sizeof r.id);
    watch((struct registry_change){.kind = CHANGE_ACCESS_DECIDE, .request = &r}, REGISTRY_OK);
    expect(0, EVENT_APPLY, "M-1", hex(change.id));
    assert_int_equal(seen.events[0].event.detail, ACCESS_REFUSED);
    assert_int_equal(seen.events[0].event.fields, 3);
    assert_false(seen.events[0].event.result);

    watch((struct registry_change){.kind = CHANGE_CLIENT_DISABLE, .text = BYTES("system-1")},
          REGISTRY_OK);
    expect(0, EVENT_ACCESS, "client_disable", "system-1");
    struct registry_change person = {
        .kind = CHANGE_SHUT_OUT, .role = TOKEN_ROLE_INSPECTOR, .text = BYTES("A/9")};
    watch(person, REGISTRY_OK);
    expect(0, EVENT_ACCESS, "shut_out", "A/9");
    person.kind = CHANGE_LET_IN;
    watch(person, REGISTRY_OK);
    expect(0, EVENT_ACCESS, "let_in", "A/9");
}

static void test_notes(void **state)
{
    /* If this fails, an operator's command leaves no evidence, or a note passes for another event.
     */
    (void)state;
    static const unsigned kinds[] = {EVENT_OPERATOR, EVENT_ARCHIVED, EVENT_ANOMALY};
    for (int i = 0; i < 3; i++) {
        watch((struct registry_change){.kind = CHANGE_NOTE, .event_kind = kinds[i]}, REGISTRY_OK);
        assert_int_equal(seen.count, 1);
        expect(0, (enum registry_event_kind)kinds[i], "why", "which");
    }
    watch((struct registry_change){.kind = CHANGE_NOTE, .event_kind = EVENT_LIFT},
          REGISTRY_ERR_REFUSED);
    watch((struct registry_change){.kind = CHANGE_RESTORED}, REGISTRY_OK);
    expect(0, EVENT_RESTORED, "why", "which");
    watch((struct registry_change){.kind = CHANGE_REDIS_RUN}, REGISTRY_OK);
    assert_int_equal(seen.count, 0);
}

static void ignore(struct registry_change *change)
{
    (void)change;
}

static void test_undone_changes_leave_none(void **state)
{
    /* If this fails, evidence tells of what did not happen, or has gaps. */
    (void)state;
    struct fixture_texts texts[2];
    enum registry_outcome outcomes[2];
    struct registry_record records[] = {fixture_record(0, &texts[0]), fixture_record(1, &texts[1])};
    records[1].issuer_status = LICENCE_STATUS_IN_DOUBT;
    watch(import(records, outcomes, 2), REGISTRY_ERR_REFUSED);
    assert_int_equal(last_event(), 0);
    /* many changes that share transactions, of which every other one is undone */
    enum { CHANGES = 40 };
    static struct registry_change changes[CHANGES];
    static char cases[CHANGES][16];
    fixture_import_many(registry, 0, 1);
    uint64_t before = last_event();
    for (int i = 0; i < CHANGES; i++) {
        snprintf(cases[i], sizeof cases[i], "%d", i / 2);
        changes[i] = fixture_hold(CHANGE_HOLD_PLACE, find(0)->id, HOLD_SEIZED, "A", cases[i]);
        changes[i].complete = ignore;
    }
    for (int i = 0; i < CHANGES; i++)
        assert_true(registry_submit(registry, &changes[i]));
    commit((struct registry_change){.kind = CHANGE_REDIS_RUN}, REGISTRY_OK); /* behind them all */
    see_events(before, &seen);
    assert_int_equal(seen.count, CHANGES / 2);
    for (int i = 0; i < CHANGES; i++) {
        assert_int_equal(changes[i].error, i % 2 ? REGISTRY_ERR_REFUSED : REGISTRY_OK);
        assert_int_equal(changes[i].event, i % 2 ? 0 : before + 1 + (uint64_t)i / 2);
    }
}

/* ---- what is read ---- */

static void test_reference(void **state)
{
    /* If this fails, nobody can show which licence a record of the evidence is of, or anybody can
     * find out. */
    (void)state;
    static uint8_t salt[33];
    uint8_t expected[REGISTRY_REFERENCE_BYTES], first[REGISTRY_REFERENCE_BYTES];
    struct fixture_texts texts;
    sqlite3 *db;
    sqlite3_stmt *row;
    fixture_import_many(registry, 0, 2);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT salt FROM licence ORDER BY licence", -1, &row, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    assert_int_equal(sqlite3_column_bytes(row, 0), 32);
    memcpy(salt, sqlite3_column_blob(row, 0), 32);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    assert_memory_not_equal(salt, sqlite3_column_blob(row, 0), 32);
    sqlite3_finalize(row);
    sqlite3_close(db);
    struct registry_record record = fixture_record(0, &texts);
    const struct bytes parts[] = {bytes_of(salt, 32), record.type_code, bytes_of("", 1),
                                  record.issuer_code, bytes_of("", 1),  record.number};
    assert_int_equal(crypto_openssl.sha256(parts, 6, expected), CRYPTO_OK);
    memcpy(first, find(0)->reference, sizeof first);
    assert_memory_equal(first, expected, sizeof expected);
    record.valid_until++; /* it stays through versions */
    fixture_import_one(registry, record);
    assert_memory_equal(find(0)->reference, expected, sizeof expected);
    assert_memory_not_equal(find(1)->reference, expected, sizeof expected);
}

static void test_of_a_licence(void **state)
{
    /* If this fails, a licence's timeline lacks something, or tells of another's. */
    (void)state;
    struct fixture_texts texts;
    struct registry_record record = fixture_record(0, &texts);
    uint8_t id[REGISTRY_ID_BYTES];
    bool more;
    fixture_import_many(registry, 0, 2);
    set_status(1, LICENCE_STATUS_REVOKED);
    record.valid_until++;
    fixture_import_one(registry, record);
    memcpy(id, find(0)->id, sizeof id);
    seen.count = 0;
    assert_int_equal(registry_licence_events(reader, id, 3, see_event, &seen, &more), REGISTRY_OK);
    assert_false(more);
    assert_int_equal(seen.count, 3);
    expect(0, EVENT_ISSUED, "import", "1");
    expect(1, EVENT_SUPERSEDED, "import", "1");
    expect(2, EVENT_VERSION, "import", "1");
    seen.count = 0;
    assert_int_equal(registry_licence_events(reader, id, 2, see_event, &seen, &more), REGISTRY_OK);
    assert_true(more);
    assert_int_equal(seen.count, 2);
    seen.count = 0;
    assert_int_equal(registry_event_of(reader, 4, see_event, &seen), REGISTRY_OK);
    expect(0, EVENT_STATUS, "", "");
    expect_licence(0, find(1), 3, 3);
    assert_int_equal(registry_event_of(reader, 99, see_event, &seen), REGISTRY_ERR_NOT_FOUND);
    seen.count = 0;
    assert_int_equal(registry_events(reader, UINT64_MAX, 10, see_event, &seen), REGISTRY_OK);
    assert_int_equal(registry_events(reader, 0, 2, see_event, &seen), REGISTRY_OK);
    assert_int_equal(seen.count, 2);
}

static void test_places(void **state)
{
    /* If this fails, scans of a licence's earlier versions are missing from its timeline, or are
     * told to whoever holds it now. */
    (void)state;
    struct fixture_texts texts, other;
    struct registry_record record = fixture_record(0, &texts);
    struct registry_version_place places[2];
    uint8_t first_holder[REGISTRY_ID_BYTES];
    size_t count = 2;
    fixture_import_one(registry, record);
    memcpy(first_holder, find(0)->holder_id, sizeof first_holder);
    uint32_t old = find(0)->index;
    record.holder_number = fixture_record(5, &other).holder_number;
    fixture_import_one(registry, record);
    assert_int_equal(registry_licence_places(reader, find(0)->id, places, &count), REGISTRY_OK);
    assert_int_equal(count, 2);
    assert_int_equal(places[0].version, 1);
    assert_int_equal(places[0].index, old);
    assert_int_equal(places[0].until, FIXTURE_NOW);
    assert_memory_equal(places[0].holder, first_holder, sizeof first_holder);
    assert_int_equal(places[1].version, 2);
    assert_int_equal(places[1].index, find(0)->index);
    assert_int_equal(places[1].until, 0);
    assert_memory_equal(places[1].holder, find(0)->holder_id, sizeof first_holder);
    count = 1;
    assert_int_equal(registry_licence_places(reader, find(0)->id, places, &count), REGISTRY_OK);
    assert_int_equal(count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_imports),
        TEST(test_holds_and_statuses),
        TEST(test_representatives),
        TEST(test_mandates_and_consents),
        TEST(test_access),
        TEST(test_notes),
        TEST(test_undone_changes_leave_none),
        TEST(test_reference),
        TEST(test_of_a_licence),
        TEST(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
