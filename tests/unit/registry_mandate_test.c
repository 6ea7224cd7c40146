/* Whose licences there are, and who may act for whom. */
#include "base/clock.h"
#include "tests/registry_access.h"

/* ---- several licences ---- */

static int listed[ACTING_COUNT];

static void count_licence(struct registry_licences_query *query,
                          const struct registry_licence *licence, enum registry_acting acting)
{
    bool own = !memcmp(query->holder_id, licence->holder_id, REGISTRY_ID_BYTES);
    assert_true(query->by == LICENCES_OF_NUMBER || own == (acting == ACTING_HOLDER));
    for (int other = ACTING_HOLDER + 1; own && other < ACTING_COUNT; other++)
        assert_int_equal(listed[other], 0); /* his own come first */
    listed[acting]++;
}

static bool list(struct registry_licences_query query)
{
    query.each = count_licence;
    memset(listed, 0, sizeof listed);
    assert_int_equal(registry_find_licences(reader, &query), REGISTRY_NOW);
    assert_int_equal(query.error, REGISTRY_OK);
    return query.more;
}

static bool list_of(const uint8_t holder[REGISTRY_ID_BYTES], int by)
{
    struct registry_licences_query query = {.by = by};
    memcpy(query.holder_id, holder, REGISTRY_ID_BYTES);
    return list(query);
}

/* How many licences the n-th person has or may act for as each of these. */
static void assert_listed(int n, int own, int representative, int agent, int guardian,
                          int entrusted)
{
    const int expected[ACTING_COUNT] = {own, representative, agent, guardian, entrusted};
    uint8_t id[REGISTRY_ID_BYTES];
    person_id(n, id);
    assert_false(list_of(id, LICENCES_OF_PERSON));
    assert_memory_equal(listed, expected, sizeof expected);
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
    assert_false(list_of(id, LICENCES_OF_PERSON));
    assert_int_equal(listed[ACTING_HOLDER], REGISTRY_HOLDER_LICENCES_MAX);
    fixture_import_one(registry, records[REGISTRY_HOLDER_LICENCES_MAX]);
    for (int by = LICENCES_OF_PERSON; by <= LICENCES_OF_HOLDER; by++) {
        assert_true(list_of(id, by));
        assert_int_equal(listed[ACTING_HOLDER], REGISTRY_HOLDER_LICENCES_MAX);
    }
}

static void test_find_for_others(void **state)
{
    /* If this fails, who looks a licence up by its number or its holder gets too much or nothing.
     */
    (void)state;
    struct fixture_texts texts, person;
    struct registry_licences_query query = {.by = LICENCES_OF_NUMBER};
    uint8_t id[REGISTRY_ID_BYTES];
    fixture_import_many(registry, 1, 2);
    fixture_import_one(registry, fixture_enterprise(1, &texts, &person));
    person_id(1, id);
    list_of(id, LICENCES_OF_HOLDER); /* not the enterprise's, whose representative he is */
    assert_int_equal(listed[ACTING_HOLDER], 1);
    assert_int_equal(listed[ACTING_REPRESENTATIVE], 0);

    struct registry_record record = fixture_record(1, &texts);
    query.text = record.number;
    list(query);
    assert_int_equal(listed[ACTING_HOLDER], 1);
    record.type_code = BYTES("11100000000013338W012"); /* another's of the same number */
    record.holder_number = fixture_record(2, &person).holder_number;
    record.identifier = bytes_of("", 0);
    fixture_import_one(registry, record);
    list(query);
    assert_int_equal(listed[ACTING_HOLDER], 2);
    query.text = bytes_str(texts.identifier);
    list(query);
    assert_int_equal(listed[ACTING_HOLDER], 1);
    query.text = BYTES("NO-999999");
    list(query);
    assert_int_equal(listed[ACTING_HOLDER], 0);

    query = (struct registry_licences_query){.by = LICENCES_OF_HOLDER, .each = count_licence};
    registry_find_licences(reader, &query);
    assert_int_equal(query.error, REGISTRY_ERR_NOT_FOUND);
}

static void test_places(void **state)
{
    /* If this fails, a person is not told who looked at an older version of his licence, or is told
     * who looked at another's. */
    (void)state;
    struct fixture_texts texts, person;
    struct registry_place places[4];
    uint8_t id[REGISTRY_ID_BYTES];
    size_t count = 4;
    fixture_import_many(registry, 1, 2);
    fixture_import_one(registry, fixture_enterprise(1, &texts, &person));
    fixture_import_one(registry, fixture_enterprise(2, &texts, &person));
    uint32_t old = find(1)->index;
    struct registry_record record = fixture_record(1, &texts);
    record.valid_until++;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);
    commit(entrust(2, 1, 0), REGISTRY_OK); /* not his: whoever looked is not told to him */

    person_id(1, id);
    assert_int_equal(registry_places_of_person(reader, id, places, &count), REGISTRY_OK);
    assert_int_equal(count, 3);
    bool now = false, before = false, enterprise = false;
    for (size_t i = 0; i < count; i++) {
        bool own = !memcmp(places[i].licence, find(1)->id, REGISTRY_ID_BYTES);
        now |= own && places[i].index == find(1)->index;
        before |= own && places[i].index == old;
        enterprise |= !memcmp(places[i].licence, find_enterprise(1)->id, REGISTRY_ID_BYTES) &&
                      places[i].index == find_enterprise(1)->index;
        assert_int_equal(places[i].list, find(1)->list);
    }
    assert_true(now && before && enterprise);

    count = 1; /* no more room than that */
    struct registry_place second = places[1];
    assert_int_equal(registry_places_of_person(reader, id, places, &count), REGISTRY_OK);
    assert_int_equal(count, 3);
    assert_memory_equal(&places[1], &second, sizeof second);
}

static void test_places_of_other_holder(void **state)
{
    /* If this fails, who holds a licence now is told who looked at it when it was another's, and
     * the other is told no more. */
    (void)state;
    struct fixture_texts texts, person;
    struct registry_place places[4];
    uint8_t id[REGISTRY_ID_BYTES];
    size_t count = 4;
    fixture_import_many(registry, 1, 2);
    uint32_t old = find(1)->index;
    struct registry_record record = fixture_record(1, &texts);
    record.holder_number = fixture_record(2, &person).holder_number;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);

    holder_id(fixture_record(1, &texts).holder_number, id);
    assert_int_equal(registry_places_of_person(reader, id, places, &count), REGISTRY_OK);
    assert_int_equal(count, 1);
    assert_int_equal(places[0].index, old);
    assert_memory_equal(places[0].licence, find(1)->id, REGISTRY_ID_BYTES);
    person_id(2, id);
    count = 4;
    assert_int_equal(registry_places_of_person(reader, id, places, &count), REGISTRY_OK);
    assert_int_equal(count, 2);
    assert_true(places[0].index != old && places[1].index != old);
}

/* ---- who may act ---- */

static void test_representative(void **state)
{
    /* If this fails, a former legal representative still displays the enterprise's licences. */
    (void)state;
    struct fixture_texts texts, first, second;
    struct registry_record record = fixture_enterprise(1, &texts, &first);
    uint8_t enterprise[REGISTRY_ID_BYTES];
    enum registry_acting acting;
    int64_t now = clock_wall_s();
    fixture_import_many(registry, 1, 2); /* both persons' own licences */
    fixture_import_one(registry, record);
    assert_int_equal(may_act(1, find(1), now), ACTING_HOLDER);
    assert_int_equal(may_act(1, find_enterprise(1), now), ACTING_REPRESENTATIVE);
    assert_int_equal(may_act(2, find_enterprise(1), now), NOBODY);
    enterprise_id(1, enterprise);
    assert_int_equal(registry_may_act(reader, enterprise, find(1), now, &acting),
                     REGISTRY_ERR_NOT_FOUND);
    assert_listed(1, 1, 1, 0, 0, 0);

    fixture_record(2, &second);
    record.representative_name = bytes_str(second.holder_name);
    record.representative_number = bytes_str(second.holder_number);
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);
    assert_int_equal(may_act(1, find_enterprise(1), now), NOBODY);
    assert_int_equal(may_act(2, find_enterprise(1), now), ACTING_REPRESENTATIVE);
    assert_listed(1, 1, 0, 0, 0, 0);

    record.representative_name = record.representative_number = bytes_of("", 0);
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);
    assert_int_equal(may_act(2, find_enterprise(1), now), ACTING_REPRESENTATIVE);
    assert_string_equal(registry_acting_text(ACTING_REPRESENTATIVE), "representative");
    assert_string_equal(registry_acting_text(ACTING_ENTRUSTED), "entrusted");
}

/* The n-th enterprise's licence of another issuer, represented by the m-th person. */
static struct registry_record elsewhere(int n, int m, struct fixture_texts *texts,
                                        struct fixture_texts *person)
{
    struct registry_record record = fixture_enterprise(n, texts, person);
    snprintf(texts->number, sizeof texts->number, "FP-%06d", n);
    record.number = bytes_str(texts->number);
    record.issuer_code = BYTES("114108000057098000");
    record.issuer_name = BYTES("另一机关");
    struct registry_record r = fixture_record(m, person);
    record.representative_name = r.holder_name;
    record.representative_number = r.holder_number;
    return record;
}

static const struct registry_licence *find_elsewhere(int n)
{
    static struct registry_query query;
    struct fixture_texts texts, person;
    assert_int_equal(fixture_find_text(reader, elsewhere(n, n, &texts, &person).number, &query),
                     REGISTRY_OK);
    return &query.licence;
}

static void test_representative_of_one_issuer(void **state)
{
    /* If this fails, an authority says who acts for an enterprise with another authority's
     * licences: it ends the other's representative, or gives its own one these licences too. */
    (void)state;
    struct fixture_texts texts, person;
    struct registry_place places[8];
    uint8_t id[REGISTRY_ID_BYTES];
    size_t count = 8;
    fixture_import_many(registry, 1, 3);
    fixture_import_one(registry, fixture_enterprise(1, &texts, &person));
    for (int n = 2; n <= 3; n++) {
        fixture_import_one(registry, elsewhere(1, n, &texts, &person));
        assert_int_equal(may_act(1, find_enterprise(1), FIXTURE_NOW), ACTING_REPRESENTATIVE);
        assert_int_equal(may_act(1, find_elsewhere(1), FIXTURE_NOW), NOBODY);
        assert_int_equal(may_act(n, find_elsewhere(1), FIXTURE_NOW), ACTING_REPRESENTATIVE);
        assert_int_equal(may_act(n, find_enterprise(1), FIXTURE_NOW), NOBODY);
        assert_listed(n, 1, 1, 0, 0, 0);
    }
    assert_int_equal(may_act(2, find_elsewhere(1), FIXTURE_NOW), NOBODY);
    assert_listed(1, 1, 1, 0, 0, 0);
    person_id(1, id);
    assert_int_equal(registry_places_of_person(reader, id, places, &count), REGISTRY_OK);
    assert_int_equal(count, 2); /* his own, and the one that he represents it for */
}

static void test_person_is_no_enterprise(void **state)
{
    /* If this fails, an authority's record makes anybody the representative of any person, who then
     * displays all the person's licences; or a person's record takes an enterprise over. */
    (void)state;
    struct fixture_texts texts, other;
    struct registry_record record = fixture_enterprise(1, &texts, &other);
    enum registry_outcome outcome;
    fixture_import_many(registry, 1, 2);
    record.holder_number = fixture_record(2, &other).holder_number;
    assert_int_equal(fixture_import(registry, &record, &outcome, 1), REGISTRY_ERR_REFUSED);
    assert_int_equal(may_act(1, find(2), clock_wall_s()), NOBODY);
    assert_listed(2, 1, 0, 0, 0, 0);

    fixture_import_one(registry, fixture_enterprise(3, &texts, &other));
    record = fixture_record(4, &other);
    record.holder_number = bytes_str(texts.holder_number);
    assert_int_equal(fixture_import(registry, &record, &outcome, 1), REGISTRY_ERR_REFUSED);
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
    enterprise_id(1, grant.holder);
    person_id(2, grant.agent);
    memcpy(end.holder, grant.holder, REGISTRY_ID_BYTES);
    memcpy(end.agent, grant.agent, REGISTRY_ID_BYTES);
    commit(end, REGISTRY_ERR_NOT_FOUND);

    grant.until = FIXTURE_NOW + 1000;
    struct registry_change first = commit(grant, REGISTRY_OK);
    assert_int_equal(may_act(2, find_enterprise(1), FIXTURE_NOW + 999), ACTING_AGENT);
    assert_int_equal(may_act(2, find_enterprise(1), FIXTURE_NOW + 1000), NOBODY);
    assert_listed(2, 1, 0, 0, 0, 0); /* it ended long ago */
    grant.until = 0;
    assert_memory_equal(commit(grant, REGISTRY_OK).id, first.id, REGISTRY_ID_BYTES);
    assert_listed(2, 1, 0, 1, 0, 0);

    /* who is also the representative lists each licence once, and stays it when the grant ends */
    fixture_record(2, &person);
    record.representative_number = bytes_str(person.holder_number);
    fixture_import_one(registry, record);
    assert_listed(2, 1, 1, 0, 0, 0);
    assert_int_equal(may_act(2, find_enterprise(1), FIXTURE_NOW), ACTING_REPRESENTATIVE);
    commit(end, REGISTRY_OK);
    commit(end, REGISTRY_ERR_NOT_FOUND);
    assert_listed(2, 1, 1, 0, 0, 0);

    struct registry_change wrong = grant; /* an enterprise acts for nobody, nobody for himself */
    memcpy(wrong.agent, grant.holder, REGISTRY_ID_BYTES);
    commit(wrong, REGISTRY_ERR_REFUSED);
    memcpy(wrong.holder, grant.agent, REGISTRY_ID_BYTES);
    commit(wrong, REGISTRY_ERR_REFUSED);
    memcpy(wrong.agent, grant.agent, REGISTRY_ID_BYTES);
    commit(wrong, REGISTRY_ERR_REFUSED);
    memset(wrong.holder, 0, REGISTRY_ID_BYTES);
    commit(wrong, REGISTRY_ERR_NOT_FOUND);
}

static void test_guardian(void **state)
{
    /* If this fails, a parent can't show a child's licence, or a child a parent's. */
    (void)state;
    struct registry_change grant = {.kind = CHANGE_AGENT_GRANT, .now = FIXTURE_NOW};
    fixture_import_many(registry, 1, 2);
    person_id(1, grant.holder);
    person_id(2, grant.agent);
    commit(entrust(1, 2, 0), REGISTRY_OK);
    assert_listed(2, 1, 0, 0, 0, 1);
    struct registry_change granted = commit(grant, REGISTRY_OK);
    assert_int_equal(may_act(2, find(1), FIXTURE_NOW), ACTING_GUARDIAN);
    assert_int_equal(may_act(1, find(2), FIXTURE_NOW), NOBODY);
    assert_listed(2, 1, 0, 0, 1, 0); /* once, although it is entrusted to him as well */
    grant.kind = CHANGE_AGENT_END;
    commit(grant, REGISTRY_OK);
    assert_int_equal(may_act(2, find(1), FIXTURE_NOW), ACTING_ENTRUSTED);
    commit(end_mandate(granted.id), REGISTRY_ERR_NOT_FOUND);
    grant.kind = CHANGE_AGENT_GRANT;
    commit(end_mandate(commit(grant, REGISTRY_OK).id), REGISTRY_OK);
    assert_listed(2, 1, 0, 0, 0, 1);
}

static void test_entrust(void **state)
{
    /* If this fails, who was entrusted with one licence shows another, or shows it for ever. */
    (void)state;
    struct fixture_texts texts, person;
    struct registry_record second = fixture_record(9, &texts);
    int64_t far = clock_wall_s() + 1000;
    fixture_import_many(registry, 1, 3);
    second.holder_number = fixture_record(1, &person).holder_number;
    fixture_import_one(registry, second);
    fixture_import_one(registry, fixture_enterprise(1, &texts, &person));

    struct registry_change given = commit(entrust(1, 2, far), REGISTRY_OK);
    assert_int_equal(may_act(2, find(1), far - 1), ACTING_ENTRUSTED);
    assert_int_equal(may_act(2, find(1), far), NOBODY);
    assert_int_equal(may_act(2, find(9), far - 1), NOBODY); /* also his, but not entrusted */
    assert_int_equal(may_act(3, find(1), far - 1), NOBODY);
    assert_listed(2, 1, 0, 0, 0, 1);
    struct registry_change again = commit(entrust(1, 2, far + 1), REGISTRY_OK);
    assert_memory_equal(again.id, given.id, REGISTRY_ID_BYTES);
    assert_int_equal(may_act(2, find(1), far), ACTING_ENTRUSTED);

    struct registry_record newer = fixture_record(1, &person); /* a new version changes nothing */
    newer.valid_until++;
    assert_int_equal(fixture_import_one(registry, newer), OUTCOME_NEW_VERSION);
    assert_int_equal(may_act(2, find(1), far), ACTING_ENTRUSTED);
    commit(end_mandate(given.id), REGISTRY_OK);
    assert_int_equal(may_act(2, find(1), far), NOBODY);
    commit(end_mandate(given.id), REGISTRY_ERR_NOT_FOUND);

    struct registry_change wrong = entrust(1, 1, 0); /* to himself */
    commit(wrong, REGISTRY_ERR_REFUSED);
    memcpy(wrong.licence, find_enterprise(1)->id, REGISTRY_ID_BYTES);
    enterprise_id(1, wrong.holder);
    commit(wrong, REGISTRY_ERR_REFUSED);
    wrong = entrust(1, 2, 0);
    memset(wrong.licence, 0, REGISTRY_ID_BYTES);
    commit(wrong, REGISTRY_ERR_NOT_FOUND);
    wrong = entrust(1, 2, 0);
    enterprise_id(1, wrong.agent);
    commit(wrong, REGISTRY_ERR_REFUSED);
    memset(wrong.agent, 0, REGISTRY_ID_BYTES);
    commit(wrong, REGISTRY_ERR_NOT_FOUND);
}

static void test_other_holder(void **state)
{
    /* If this fails, whom a former holder trusted shows the licence of the present one. */
    (void)state;
    struct fixture_texts texts, person;
    struct registry_record record = fixture_record(1, &texts);
    fixture_import_many(registry, 1, 3);
    commit(entrust(1, 2, 0), REGISTRY_OK);
    struct registry_change late = entrust(1, 2, 0);
    record.holder_number = fixture_record(3, &person).holder_number;
    assert_int_equal(fixture_import_one(registry, record), OUTCOME_NEW_VERSION);
    commit(late, REGISTRY_ERR_NOT_FOUND); /* it was his when he asked */
    assert_int_equal(may_act(2, find(1), FIXTURE_NOW), NOBODY);
    assert_int_equal(may_act(3, find(1), FIXTURE_NOW), ACTING_HOLDER);
    assert_listed(2, 1, 0, 0, 0, 0);
}

/* ---- the list of mandates ---- */

#define TOLD_MAX 8

static struct told {
    struct registry_mandate mandate;
    char giver_name[64], agent_name[64], issuer_name[64];
    bool gives;
} told[TOLD_MAX];
static int told_count;

static void keep_name(char *out, size_t size, struct bytes name)
{
    struct buf text;
    buf_init(&text, out, size);
    buf_put(&text, name);
    buf_cstr(&text);
    assert_true(buf_ok(&text));
}

static void keep_mandate(void *context, const struct registry_mandate *mandate, bool gives)
{
    assert_ptr_equal(context, &told_count);
    assert_in_range(told_count, 0, TOLD_MAX - 1);
    struct told *t = &told[told_count++];
    *t = (struct told){.mandate = *mandate, .gives = gives};
    keep_name(t->giver_name, sizeof t->giver_name, mandate->giver_name);
    keep_name(t->agent_name, sizeof t->agent_name, mandate->agent_name);
    keep_name(t->issuer_name, sizeof t->issuer_name, mandate->issuer_name);
}

/* Those of a person, which must be as many. */
static void tell(int n, int64_t now, int expected)
{
    uint8_t id[REGISTRY_ID_BYTES];
    person_id(n, id);
    told_count = 0;
    assert_int_equal(registry_mandates(reader, id, now, keep_mandate, &told_count), REGISTRY_OK);
    assert_int_equal(told_count, expected);
}

static void assert_told(const struct told *t, enum registry_acting acting, const char *giver,
                        const char *agent, bool gives)
{
    assert_int_equal(t->mandate.acting, acting);
    assert_string_equal(t->giver_name, giver);
    assert_string_equal(t->agent_name, agent);
    assert_int_equal(t->gives, gives);
}

static void test_mandates(void **state)
{
    /* If this fails, a person does not see who may act for him, or sees what is not his to see. */
    (void)state;
    struct fixture_texts texts, person;
    struct registry_record enterprise = fixture_enterprise(4, &texts, &person);
    struct registry_change grant = {.kind = CHANGE_AGENT_GRANT, .now = FIXTURE_NOW};
    snprintf(texts.holder_name, sizeof texts.holder_name, "虚构公司");
    fixture_import_one(registry, enterprise); /* its representative has no licence of his own */
    fixture_import_many(registry, 1, 3);
    enterprise_id(4, grant.holder);
    person_id(1, grant.agent);
    commit(grant, REGISTRY_OK);
    struct registry_change given = commit(entrust(1, 2, FIXTURE_NOW + 10), REGISTRY_OK);

    tell(1, FIXTURE_NOW, 2);
    assert_told(&told[0], ACTING_ENTRUSTED, "虚构者000001", "虚构者000002", true);
    assert_memory_equal(told[0].mandate.id, given.id, REGISTRY_ID_BYTES);
    assert_true(told[0].mandate.has_licence);
    assert_memory_equal(told[0].mandate.licence, find(1)->id, REGISTRY_ID_BYTES);
    assert_memory_equal(told[0].mandate.giver, find(1)->holder_id, REGISTRY_ID_BYTES);
    assert_memory_equal(told[0].mandate.agent, find(2)->holder_id, REGISTRY_ID_BYTES);
    assert_int_equal(told[0].mandate.giver_kind, HOLDER_PERSON);
    assert_int_equal(told[0].mandate.since, FIXTURE_NOW);
    assert_int_equal(told[0].mandate.until, FIXTURE_NOW + 10);
    assert_told(&told[1], ACTING_AGENT, "虚构公司", "虚构者000001", false);
    assert_false(told[1].mandate.has_licence);
    assert_int_equal(told[1].mandate.giver_kind, HOLDER_ENTERPRISE);

    tell(2, FIXTURE_NOW, 1);
    assert_told(&told[0], ACTING_ENTRUSTED, "虚构者000001", "虚构者000002", false);
    tell(2, FIXTURE_NOW + 10, 0);
    tell(3, FIXTURE_NOW, 0);

    tell(4, FIXTURE_NOW, 2); /* the enterprise's representative ends its agents, not himself */
    assert_told(&told[0], ACTING_AGENT, "虚构公司", "虚构者000001", true);
    assert_told(&told[1], ACTING_REPRESENTATIVE, "虚构公司", "虚构者000004", false);
    commit(end_mandate(told[1].mandate.id), REGISTRY_ERR_REFUSED);
    commit(end_mandate(told[0].mandate.id), REGISTRY_OK);
    tell(4, FIXTURE_NOW, 1);
}

static void test_agents_of_one_issuer(void **state)
{
    /* If this fails, a representative appoints agents for licences that are not his to show, or
     * ends those of others. */
    (void)state;
    struct fixture_texts texts, person;
    struct registry_change grant = {.kind = CHANGE_AGENT_GRANT, .now = FIXTURE_NOW};
    fixture_import_many(registry, 1, 3);
    fixture_import_one(registry, fixture_enterprise(1, &texts, &person));
    struct registry_record record = elsewhere(1, 2, &texts, &person);
    fixture_import_one(registry, record);
    enterprise_id(1, grant.holder);
    person_id(3, grant.agent);
    grant.issuer = record.issuer_code;
    commit(grant, REGISTRY_OK);
    assert_int_equal(may_act(3, find_elsewhere(1), FIXTURE_NOW), ACTING_AGENT);
    assert_int_equal(may_act(3, find_enterprise(1), FIXTURE_NOW), NOBODY);
    assert_listed(3, 1, 0, 1, 0, 0);
    tell(1, FIXTURE_NOW, 1); /* as what he is himself */
    assert_string_equal(told[0].issuer_name, "焦作市公安局交通警察支队");
    tell(2, FIXTURE_NOW, 2);
    assert_int_equal(told[0].mandate.acting, ACTING_AGENT);
    assert_true(told[0].gives);
    assert_string_equal(told[0].issuer_name, "另一机关");

    grant.issuer = bytes_of(NULL, 0); /* the operator's, for all: each licence is listed once */
    commit(grant, REGISTRY_OK);
    assert_int_equal(may_act(3, find_enterprise(1), FIXTURE_NOW), ACTING_AGENT);
    assert_listed(3, 1, 0, 2, 0, 0);
    tell(1, FIXTURE_NOW, 2);
    grant.kind = CHANGE_AGENT_END; /* all that he was granted */
    commit(grant, REGISTRY_OK);
    assert_listed(3, 1, 0, 0, 0, 0);
}

static void test_mandate_granted_again(void **state)
{
    /* If this fails, a mandate given again after it ended says that it held in between. */
    (void)state;
    fixture_import_many(registry, 1, 2);
    commit(entrust(1, 2, FIXTURE_NOW + 10), REGISTRY_OK);
    struct registry_change later = entrust(1, 2, FIXTURE_NOW + 100);
    later.now = FIXTURE_NOW + 9;
    commit(later, REGISTRY_OK);
    tell(1, FIXTURE_NOW + 50, 1);
    assert_int_equal(told[0].mandate.since, FIXTURE_NOW);
    later.now = FIXTURE_NOW + 100;
    later.until = 0;
    commit(later, REGISTRY_OK);
    tell(1, FIXTURE_NOW + 200, 1);
    assert_int_equal(told[0].mandate.since, FIXTURE_NOW + 100);
}

static void count_mandate(void *context, const struct registry_mandate *mandate, bool gives)
{
    assert_false(gives);
    assert_int_equal(mandate->giver_name.len, 0);
    *(int *)context += 1;
}

static void test_many_mandates(void **state)
{
    /* If this fails, a person with very many mandates makes an answer without bound. */
    (void)state;
    tamper("INSERT INTO holder WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
           "  WHERE i < 600) SELECT i + 100, randomblob(16), 0, randomblob(16), x'00' FROM n");
    fixture_import_many(registry, 1, 1);
    tamper("INSERT INTO mandate SELECT NULL, randomblob(16), holder, (SELECT min(holder) FROM"
           "  holder h JOIN licence USING (holder)), 3, NULL, 0, 0, NULL, NULL FROM holder"
           "  WHERE sealed = x'00'");
    uint8_t id[REGISTRY_ID_BYTES];
    int count = 0;
    person_id(1, id);
    assert_int_equal(registry_mandates(reader, id, FIXTURE_NOW, count_mandate, &count),
                     REGISTRY_OK);
    assert_int_equal(count, ACCESS_MANDATES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_many_licences),
        TEST(test_find_for_others),
        TEST(test_places),
        TEST(test_places_of_other_holder),
        TEST(test_representative),
        TEST(test_representative_of_one_issuer),
        TEST(test_person_is_no_enterprise),
        TEST(test_grant),
        TEST(test_guardian),
        TEST(test_entrust),
        TEST(test_other_holder),
        TEST(test_mandates),
        TEST(test_agents_of_one_issuer),
        TEST(test_mandate_granted_again),
        TEST(test_many_mandates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
