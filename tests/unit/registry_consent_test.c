/* Consents: to what a holder lets a partner see of a licence. */
#include "tests/registry_access.h"

/* The n-th person's licence, for "hiring" at the partner. */
static struct registry_consent make_consent(int n, const char *partner, int64_t until)
{
    struct registry_consent consent = {.purpose = "hiring", .fields = 5, .until = until};
    memcpy(consent.licence, find(n)->id, REGISTRY_ID_BYTES);
    snprintf(consent.partner, sizeof consent.partner, "%s", partner);
    return consent;
}

/* By whoever holds the licence, if it is there. */
static struct registry_change gift(const struct registry_consent *consent, int64_t now)
{
    struct registry_change change = {.kind = CHANGE_CONSENT_GIVE, .consent = consent, .now = now};
    struct registry_query query = {.by = REGISTRY_BY_ID};
    memcpy(query.id, consent->licence, sizeof query.id);
    assert_int_equal(registry_find(reader, &query), REGISTRY_NOW);
    if (query.error == REGISTRY_OK)
        memcpy(change.holder, query.licence.holder_id, sizeof change.holder);
    return change;
}

static struct registry_consent give(struct registry_consent consent, int64_t now)
{
    struct registry_change change = gift(&consent, now);
    memcpy(consent.id, commit(change, REGISTRY_OK).id, REGISTRY_ID_BYTES);
    consent.since = now;
    return consent;
}

static void assert_refused(struct registry_consent consent, enum registry_error expected)
{
    commit(gift(&consent, FIXTURE_NOW), expected);
}

static enum registry_error consented(int n, const char *partner, const char *purpose, int64_t now,
                                     struct registry_consent *consent)
{
    return registry_consent(reader, find(n)->id, bytes_str(partner), bytes_str(purpose), now,
                            consent);
}

static void withdraw(const uint8_t id[REGISTRY_ID_BYTES], int64_t now, enum registry_error expected)
{
    struct registry_change change = {.kind = CHANGE_CONSENT_WITHDRAW, .now = now};
    memcpy(change.id, id, REGISTRY_ID_BYTES);
    commit(change, expected);
}

static void test_consent(void **state)
{
    /* If this fails, a partner reads what nobody consented to, or what was withdrawn. */
    (void)state;
    int64_t end = FIXTURE_NOW + 100;
    struct registry_consent read;
    struct fixture_texts texts;
    fixture_import_many(registry, 1, 2);
    add_client("bank", TOKEN_ROLE_PARTNER);
    add_client("firm", TOKEN_ROLE_PARTNER);
    struct registry_consent given = give(make_consent(1, "firm", end), FIXTURE_NOW);
    assert_int_equal(consented(1, "firm", "hiring", end - 1, &read), REGISTRY_OK);
    assert_memory_equal(&read, &given, sizeof read);
    assert_int_equal(consented(1, "firm", "hiring", end, &read), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(consented(1, "firm", "credit", end - 1, &read), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(consented(1, "bank", "hiring", end - 1, &read), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(consented(2, "firm", "hiring", end - 1, &read), REGISTRY_ERR_NOT_FOUND);

    struct registry_record newer = fixture_record(1, &texts); /* a new version changes nothing */
    newer.valid_until++;
    assert_int_equal(fixture_import_one(registry, newer), OUTCOME_NEW_VERSION);
    assert_int_equal(consented(1, "firm", "hiring", end - 1, &read), REGISTRY_OK);
    withdraw(given.id, FIXTURE_NOW + 1, REGISTRY_OK);
    assert_int_equal(consented(1, "firm", "hiring", FIXTURE_NOW, &read), REGISTRY_ERR_NOT_FOUND);
    withdraw(given.id, FIXTURE_NOW + 2, REGISTRY_ERR_NOT_FOUND);
    withdraw(find(1)->id, FIXTURE_NOW + 2, REGISTRY_ERR_NOT_FOUND);
}

static void test_consent_superseded(void **state)
{
    /* If this fails, a consent that was narrowed comes back when the narrow one ends. */
    (void)state;
    struct registry_consent read, wide, narrow, narrower = {0};
    fixture_import_many(registry, 1, 1);
    add_client("firm", TOKEN_ROLE_PARTNER);
    wide = give(make_consent(1, "firm", FIXTURE_NOW + 1000), FIXTURE_NOW);
    narrower = make_consent(1, "firm", FIXTURE_NOW + 100);
    narrower.fields = 1;
    narrow = give(narrower, FIXTURE_NOW + 10);
    assert_int_equal(consented(1, "firm", "hiring", FIXTURE_NOW + 10, &read), REGISTRY_OK);
    assert_memory_equal(&read, &narrow, sizeof read);
    assert_int_equal(consented(1, "firm", "hiring", FIXTURE_NOW + 500, &read),
                     REGISTRY_ERR_NOT_FOUND);
    withdraw(wide.id, FIXTURE_NOW + 20, REGISTRY_ERR_NOT_FOUND); /* it is not what holds */
    withdraw(narrow.id, FIXTURE_NOW + 20, REGISTRY_OK);
    /* also where the reader's clock is behind */
    assert_int_equal(consented(1, "firm", "hiring", FIXTURE_NOW + 5, &read),
                     REGISTRY_ERR_NOT_FOUND);
}

static void test_consent_refused(void **state)
{
    /* If this fails, a consent is kept that can't be meant. */
    (void)state;
    fixture_import_many(registry, 1, 1);
    add_client("firm", TOKEN_ROLE_PARTNER);
    add_client("system", TOKEN_ROLE_SYSTEM);
    struct registry_consent wrong = make_consent(1, "firm", FIXTURE_NOW);
    assert_refused(wrong, REGISTRY_ERR_REFUSED); /* ends at once */
    wrong.until = 0;
    assert_refused(wrong, REGISTRY_ERR_REFUSED);
    assert_refused(make_consent(1, "nobody", FIXTURE_NOW + 1), REGISTRY_ERR_REFUSED);
    assert_refused(make_consent(1, "system", FIXTURE_NOW + 1), REGISTRY_ERR_REFUSED);
    wrong = make_consent(1, "firm", FIXTURE_NOW + 1);
    wrong.purpose[0] = '\0';
    assert_refused(wrong, REGISTRY_ERR_REFUSED);
    wrong = make_consent(1, "firm", FIXTURE_NOW + 1);
    wrong.licence[0] ^= 1;
    assert_refused(wrong, REGISTRY_ERR_NOT_FOUND);
}

static struct registry_consent heard[4];
static size_t heard_count;

static void hear(void *context, const struct registry_consent *consent)
{
    assert_ptr_equal(context, heard);
    assert_in_range(heard_count, 0, 3);
    heard[heard_count++] = *consent;
}

static void hear_of(int n, size_t max)
{
    uint8_t id[REGISTRY_ID_BYTES];
    person_id(n, id);
    heard_count = 0;
    assert_int_equal(registry_consents(reader, id, FIXTURE_NOW + 10, max, hear, heard),
                     REGISTRY_OK);
}

static void test_consents(void **state)
{
    /* If this fails, a holder does not see to what he consented, or sees what others did. */
    (void)state;
    struct fixture_texts texts, person;
    fixture_import_many(registry, 1, 3);
    fixture_import_one(registry, fixture_enterprise(1, &texts, &person));
    add_client("bank", TOKEN_ROLE_PARTNER);
    add_client("firm", TOKEN_ROLE_PARTNER);
    commit(entrust(2, 1, 0), REGISTRY_OK); /* that lets him show it, not see consents */
    struct registry_consent own = give(make_consent(1, "firm", FIXTURE_NOW + 5), FIXTURE_NOW);
    give(make_consent(2, "firm", FIXTURE_NOW + 5), FIXTURE_NOW);
    struct registry_consent enterprise = make_consent(1, "bank", FIXTURE_NOW + 50);
    memcpy(enterprise.licence, find_enterprise(1)->id, REGISTRY_ID_BYTES);
    enterprise = give(enterprise, FIXTURE_NOW + 1);
    withdraw(own.id, FIXTURE_NOW + 2, REGISTRY_OK);
    own.withdrawn = FIXTURE_NOW + 2;

    hear_of(1, 4);
    assert_int_equal(heard_count, 2);
    assert_memory_equal(&heard[0], &enterprise, sizeof enterprise);
    assert_memory_equal(&heard[1], &own, sizeof own);
    hear_of(1, 1);
    assert_int_equal(heard_count, 1);
    hear_of(2, 4);
    assert_int_equal(heard_count, 1);
    hear_of(3, 4);
    assert_int_equal(heard_count, 0);
}

static void test_consent_of_other_holder(void **state)
{
    /* If this fails, a partner reads a licence by the consent of one whose it was. */
    (void)state;
    struct fixture_texts texts, person;
    struct registry_record record = fixture_record(1, &texts);
    struct registry_consent read;
    fixture_import_many(registry, 1, 2);
    add_client("firm", TOKEN_ROLE_PARTNER);
    struct registry_consent given = give(make_consent(1, "firm", FIXTURE_NOW + 5), FIXTURE_NOW);
    struct registry_change late = gift(&given, FIXTURE_NOW);
    record.holder_number = fixture_record(2, &person).holder_number;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);
    commit(late, REGISTRY_ERR_NOT_FOUND); /* it was his when he asked */
    assert_int_equal(consented(1, "firm", "hiring", FIXTURE_NOW, &read), REGISTRY_ERR_NOT_FOUND);
    hear_of(1, 4);
    assert_int_equal(heard_count, 1);
    hear_of(2, 4);
    assert_int_equal(heard_count, 0);
}

static void test_nothing_personal(void **state)
{
    /* If this fails, who copies the disk reads who trusts whom. */
    (void)state;
    static char content[8 << 20];
    char wal[600];
    fixture_import_many(registry, 77, 2);
    add_client("firm", TOKEN_ROLE_PARTNER);
    commit(entrust(77, 78, 0), REGISTRY_OK);
    give(make_consent(77, "firm", FIXTURE_NOW + 5), FIXTURE_NOW);
    snprintf(wal, sizeof wal, "%s-wal", path);
    const char *const files[] = {path, wal};
    for (size_t f = 0; f < 2; f++) {
        FILE *file = fopen(files[f], "rb");
        assert_non_null(file);
        size_t len = fread(content, 1, sizeof content, file);
        assert_true(len > 0 && feof(file));
        fclose(file);
        assert_null(memmem(content, len, "虚构者", strlen("虚构者")));
        assert_null(memmem(content, len, "41080019900100007", 17));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_consent),  TEST(test_consent_superseded),      TEST(test_consent_refused),
        TEST(test_consents), TEST(test_consent_of_other_holder), TEST(test_nothing_personal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
