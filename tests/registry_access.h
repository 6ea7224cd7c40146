/* The fixture's persons and enterprises by number, who may act for whom, and clients. */
#ifndef TESTS_REGISTRY_ACCESS_H
#define TESTS_REGISTRY_ACCESS_H

#include "registry/access.h"
#include "tests/registry_one.h"

enum { NOBODY = -1 };

static inline void holder_id(struct bytes number, uint8_t id[REGISTRY_ID_BYTES])
{
    assert_int_equal(registry_holder_id(reader, number, id), REGISTRY_OK);
}

static inline void person_id(int n, uint8_t id[REGISTRY_ID_BYTES])
{
    struct fixture_texts texts;
    holder_id(fixture_record(n, &texts).holder_number, id);
}

static inline void enterprise_id(int n, uint8_t id[REGISTRY_ID_BYTES])
{
    struct fixture_texts texts, person;
    holder_id(fixture_enterprise(n, &texts, &person).holder_number, id);
}

/* The n-th enterprise's licence. */
static inline struct registry_licence *find_enterprise(int n)
{
    static struct registry_query query;
    struct fixture_texts texts, person;
    assert_int_equal(
        fixture_find_text(reader, fixture_enterprise(n, &texts, &person).number, &query),
        REGISTRY_OK);
    return &query.licence;
}

/* As what the n-th person may act for a licence; NOBODY: not. */
static inline int may_act(int n, const struct registry_licence *licence, int64_t now)
{
    uint8_t id[REGISTRY_ID_BYTES];
    enum registry_acting acting;
    person_id(n, id);
    enum registry_error error = registry_may_act(reader, id, licence, now, &acting);
    assert_true(error == REGISTRY_OK || error == REGISTRY_ERR_NOT_FOUND);
    return error ? NOBODY : (int)acting;
}

/* What commits as expected, with the id it told. */
static inline struct registry_change commit(struct registry_change change,
                                            enum registry_error expected)
{
    assert_int_equal(registry_commit(registry, &change), expected);
    assert_int_equal(change.refusal != NULL, expected == REGISTRY_ERR_REFUSED);
    return change;
}

/* The n-th person entrusts his licence to the m-th. */
static inline struct registry_change entrust(int n, int m, int64_t until)
{
    struct registry_change change = {.kind = CHANGE_ENTRUST, .until = until, .now = FIXTURE_NOW};
    memcpy(change.licence, find(n)->id, REGISTRY_ID_BYTES);
    person_id(n, change.holder);
    person_id(m, change.agent);
    return change;
}

static inline struct registry_change end_mandate(const uint8_t id[REGISTRY_ID_BYTES])
{
    struct registry_change change = {.kind = CHANGE_MANDATE_END, .now = FIXTURE_NOW + 1};
    memcpy(change.id, id, REGISTRY_ID_BYTES);
    return change;
}

static inline struct registry_client make_client(const char *id, enum token_role role)
{
    struct registry_client client = {.role = role, .scopes = TOKEN_SCOPE_VERIFY, .key_count = 1};
    snprintf(client.id, sizeof client.id, "%s", id);
    snprintf(client.organisation, sizeof client.organisation, "ORGANISATION");
    memset(client.keys[0].public_key, 1, CRYPTO_PUBLIC_BYTES);
    return client;
}

static inline enum registry_error try_add_client(const struct registry_client *client)
{
    struct registry_change change = {
        .kind = CHANGE_CLIENT_ADD, .client = client, .now = FIXTURE_NOW};
    return registry_commit(registry, &change);
}

static inline void add_client(const char *id, enum token_role role)
{
    struct registry_client client = make_client(id, role);
    assert_int_equal(try_add_client(&client), REGISTRY_OK);
}

/* Of a type; NULL: of all. */
static inline void add_client_of(const char *id, enum token_role role, const char *organisation,
                                 const char *type)
{
    struct registry_client client = make_client(id, role);
    snprintf(client.organisation, sizeof client.organisation, "%s", organisation);
    client.type_count = type != NULL;
    snprintf(client.types[0], sizeof client.types[0], "%s", type ? type : "");
    assert_int_equal(try_add_client(&client), REGISTRY_OK);
}

#endif
