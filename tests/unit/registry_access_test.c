/* Clients and their keys, persons who are shut out, the use list. */
#include "base/clock.h"
#include "tests/registry_access.h"

static uint64_t access_version(void)
{
    uint64_t version = 0;
    assert_int_equal(registry_access_version(reader, &version), REGISTRY_OK);
    return version;
}

/* Commits what every gateway must hear of, or what changes nothing. The version is of that moment:
 * a registry that was set back and changed since has none that it had before. */
static void commit_heard(struct registry_change change, enum registry_error expected)
{
    uint64_t before = access_version(), now_us = (uint64_t)clock_wall_us();
    commit(change, expected);
    assert_int_equal(access_version() > before, expected == REGISTRY_OK);
    assert_true(access_version() >= now_us || expected != REGISTRY_OK);
}

/* ---- clients ---- */

static struct registry_client client_of(const char *id)
{
    struct registry_client client;
    assert_int_equal(registry_client(reader, bytes_str(id), &client), REGISTRY_OK);
    return client;
}

static void test_client(void **state)
{
    /* If this fails, a client may more, less or longer than it was given. */
    (void)state;
    struct registry_client given = make_client("bank-1", TOKEN_ROLE_PARTNER), read;
    snprintf(given.organisation, sizeof given.organisation, "%0*u", ACCESS_ID_BYTES_MAX, 1);
    given.type_count = ACCESS_TYPES_MAX;
    given.purpose_count = ACCESS_PURPOSES_MAX;
    for (unsigned i = 0; i < ACCESS_TYPES_MAX; i++) /* as long as they may be */
        snprintf(given.types[i], sizeof given.types[i], "%0*u", REGISTRY_CODE_BYTES_MAX, i);
    for (unsigned i = 0; i < ACCESS_PURPOSES_MAX; i++)
        snprintf(given.purposes[i], sizeof given.purposes[i], "%0*u", ACCESS_PURPOSE_BYTES_MAX, i);
    given.quota_per_minute = UINT32_MAX;
    given.expires_at = FIXTURE_NOW + 1000;
    commit_heard(
        (struct registry_change){.kind = CHANGE_CLIENT_ADD, .client = &given, .now = FIXTURE_NOW},
        REGISTRY_OK);
    given.since = FIXTURE_NOW;
    memset(&read, 0xff, sizeof read);
    assert_int_equal(registry_client(reader, BYTES("bank-1"), &read), REGISTRY_OK);
    assert_memory_equal(&read, &given, sizeof read);
    assert_int_equal(registry_client(reader, BYTES("bank-2"), &read), REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(registry_client(reader, bytes_of("", 0), &read), REGISTRY_ERR_NOT_FOUND);

    given = make_client("terminal-1", TOKEN_ROLE_INSPECTOR); /* as little as there may be */
    given.since = FIXTURE_NOW;
    assert_int_equal(try_add_client(&given), REGISTRY_OK);
    read = client_of("terminal-1");
    assert_memory_equal(&read, &given, sizeof read);
}

static void test_client_refused(void **state)
{
    /* If this fails, one client takes another's name, or has one that a token can't carry. */
    (void)state;
    struct registry_client client = make_client("bank-1", TOKEN_ROLE_PARTNER), wrong = client;
    struct registry_change change = {.kind = CHANGE_CLIENT_ADD, .client = &wrong};
    assert_int_equal(try_add_client(&client), REGISTRY_OK);
    commit_heard(change, REGISTRY_ERR_REFUSED);
    commit((struct registry_change){.kind = CHANGE_CLIENT_DISABLE, .text = BYTES("bank-1")},
           REGISTRY_OK);
    commit_heard(change, REGISTRY_ERR_REFUSED); /* disabled is for good */

    static const char *const ids[] = {"", "bank 2", "bank\n2", "银行", "\x7f"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        wrong = make_client(ids[i], TOKEN_ROLE_PARTNER);
        commit_heard(change, REGISTRY_ERR_REFUSED);
    }
    for (int role = -1; role <= TOKEN_ROLE_COUNT; role++) {
        wrong = make_client("bank-2", (enum token_role)role);
        if (role < TOKEN_ROLE_INSPECTOR || role == TOKEN_ROLE_COUNT)
            commit_heard(change, REGISTRY_ERR_REFUSED);
    }
    wrong = make_client("bank-2", TOKEN_ROLE_PARTNER);
    wrong.purpose_count = 1;
    snprintf(wrong.purposes[0], sizeof wrong.purposes[0], "Hiring");
    commit_heard(change, REGISTRY_ERR_REFUSED);
    wrong.purpose_count = 0;
    wrong.type_count = 2; /* the second is empty */
    snprintf(wrong.types[0], sizeof wrong.types[0], "T1");
    commit_heard(change, REGISTRY_ERR_REFUSED);
    wrong = make_client("terminal-2", TOKEN_ROLE_INSPECTOR);
    snprintf(wrong.organisation, sizeof wrong.organisation, "交警支队");
    commit_heard(change, REGISTRY_ERR_REFUSED);
}

static void add_id(void *context, const struct registry_client *client)
{
    buf_printf(context, "%s%s%u ", client->id, client->disabled ? "!" : "", client->key_count);
}

static void test_clients(void **state)
{
    /* If this fails, a gateway does not know a client, or not that it is disabled. */
    (void)state;
    char text[128];
    struct buf ids = BUF_OVER(text);
    assert_int_equal(registry_clients(reader, add_id, &ids), REGISTRY_OK);
    assert_string_equal(buf_cstr(&ids), "");
    add_client("c", TOKEN_ROLE_PARTNER);
    add_client("a", TOKEN_ROLE_ISSUER);
    add_client("b", TOKEN_ROLE_SYSTEM);
    struct registry_change disable = {.kind = CHANGE_CLIENT_DISABLE, .text = BYTES("b")};
    commit_heard(disable, REGISTRY_OK);
    commit(disable, REGISTRY_OK); /* it is so already */
    disable.text = BYTES("d");
    commit_heard(disable, REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(registry_clients(reader, add_id, &ids), REGISTRY_OK);
    assert_string_equal(buf_cstr(&ids), "a1 b!1 c1 ");
    assert_true(client_of("b").disabled);
    commit_heard((struct registry_change){.kind = CHANGE_RESTORED}, REGISTRY_OK);
}

static void test_keys(void **state)
{
    /* If this fails, a stolen key still opens, or a client is locked out while it changes keys. */
    (void)state;
    struct registry_client next = {.key_count = 1}, read;
    struct registry_change change = {.kind = CHANGE_CLIENT_KEY,
                                     .client = &next,
                                     .text = BYTES("bank-1"),
                                     .until = FIXTURE_NOW + 100,
                                     .now = FIXTURE_NOW};
    add_client("bank-1", TOKEN_ROLE_PARTNER);
    add_client("bank-2", TOKEN_ROLE_PARTNER);
    for (uint8_t key = 2; key <= 4; key++) { /* of three only the last two are known */
        memset(next.keys[0].public_key, key, CRYPTO_PUBLIC_BYTES);
        commit_heard(change, REGISTRY_OK);
        read = client_of("bank-1");
        assert_int_equal(read.key_count, 2);
        assert_memory_equal(read.keys[0].public_key, next.keys[0].public_key, CRYPTO_PUBLIC_BYTES);
        assert_int_equal(read.keys[0].retire_at, 0);
        assert_int_equal(read.keys[1].public_key[0], key - 1);
        assert_int_equal(read.keys[1].retire_at, FIXTURE_NOW + 100);
    }
    change.until = 0;
    memset(next.keys[0].public_key, 5, CRYPTO_PUBLIC_BYTES);
    commit_heard(change, REGISTRY_OK);
    read = client_of("bank-1");
    assert_int_equal(read.key_count, 1);
    assert_int_equal(read.keys[0].public_key[0], 5);
    assert_int_equal(client_of("bank-2").key_count, 1);
    assert_int_equal(client_of("bank-2").keys[0].public_key[0], 1);
    change.text = BYTES("bank-3");
    commit_heard(change, REGISTRY_ERR_NOT_FOUND);
}

static void test_register(void **state)
{
    /* If this fails, whoever finds a ticket later takes a client over; or one that was added
     * without a key never gets one. */
    (void)state;
    struct registry_client given = make_client("terminal-1", TOKEN_ROLE_INSPECTOR), key = {0};
    struct registry_change change = {.kind = CHANGE_CLIENT_REGISTER,
                                     .client = &key,
                                     .text = BYTES("terminal-1"),
                                     .now = FIXTURE_NOW};
    given.key_count = 0;
    assert_int_equal(try_add_client(&given), REGISTRY_OK);
    assert_int_equal(client_of("terminal-1").key_count, 0);
    memset(key.keys[0].public_key, 7, CRYPTO_PUBLIC_BYTES);
    commit_heard(change, REGISTRY_OK);
    assert_int_equal(client_of("terminal-1").key_count, 1);
    assert_memory_equal(client_of("terminal-1").keys, key.keys, sizeof key.keys[0]);

    memset(key.keys[0].public_key, 8, CRYPTO_PUBLIC_BYTES);
    commit_heard(change, REGISTRY_ERR_REFUSED);
    assert_int_equal(client_of("terminal-1").keys[0].public_key[0], 7);
    add_client("bank-1", TOKEN_ROLE_PARTNER);
    change.text = BYTES("bank-1");
    commit_heard(change, REGISTRY_ERR_REFUSED);
    change.text = BYTES("terminal-2");
    commit_heard(change, REGISTRY_ERR_NOT_FOUND);
    snprintf(given.id, sizeof given.id, "terminal-2");
    assert_int_equal(try_add_client(&given), REGISTRY_OK);
    commit((struct registry_change){.kind = CHANGE_CLIENT_DISABLE, .text = change.text},
           REGISTRY_OK);
    commit_heard(change, REGISTRY_ERR_NOT_FOUND);
}

/* ---- persons ---- */

static void add_person(void *context, const struct registry_shut_out *person)
{
    assert_int_equal(person->since, FIXTURE_NOW);
    buf_printf(context, "%s %s\n", token_role_text(person->role), person->subject);
}

static void assert_shut_out(const char *expected)
{
    char text[256];
    struct buf persons = BUF_OVER(text);
    assert_int_equal(registry_shut_outs(reader, add_person, &persons), REGISTRY_OK);
    assert_string_equal(buf_cstr(&persons), expected);
}

static void test_shut_out(void **state)
{
    /* If this fails, who was shut out still gets in, or never again. */
    (void)state;
    struct registry_change holder = {.kind = CHANGE_SHUT_OUT,
                                     .role = TOKEN_ROLE_HOLDER,
                                     .text = BYTES("000102030405060708090a0b0c0d0e0f"),
                                     .now = FIXTURE_NOW};
    struct registry_change officer = {.kind = CHANGE_SHUT_OUT,
                                      .role = TOKEN_ROLE_INSPECTOR,
                                      .text = BYTES("TRAFFIC/4711"),
                                      .now = FIXTURE_NOW};
    assert_shut_out("");
    commit_heard(officer, REGISTRY_OK);
    commit_heard(holder, REGISTRY_OK);
    holder.now++;
    commit(holder, REGISTRY_OK); /* he is already */
    assert_shut_out("holder 000102030405060708090a0b0c0d0e0f\ninspector TRAFFIC/4711\n");
    holder.kind = officer.kind = CHANGE_LET_IN;
    commit_heard(holder, REGISTRY_OK);
    commit_heard(holder, REGISTRY_ERR_NOT_FOUND);
    assert_shut_out("inspector TRAFFIC/4711\n");
    commit_heard(officer, REGISTRY_OK);
    assert_shut_out("");
}

static void test_shut_out_refused(void **state)
{
    /* If this fails, a citizen's number is written to the disk, or somebody is shut out who goes by
     * another name. */
    (void)state;
    const struct {
        enum token_role role;
        struct bytes subject;
    } wrong[] = {
        {TOKEN_ROLE_HOLDER, BYTES("410800199001000077")},
        {TOKEN_ROLE_HOLDER, BYTES("000102030405060708090A0B0C0D0E0F")},
        {TOKEN_ROLE_HOLDER, BYTES("000102030405060708090a0b0c0d0e0f00")},
        {TOKEN_ROLE_HOLDER, bytes_of(NULL, 0)},
        {TOKEN_ROLE_INSPECTOR, BYTES("TRAFFIC")},
        {TOKEN_ROLE_INSPECTOR, BYTES("TRAFFIC/4 7")},
        {TOKEN_ROLE_INSPECTOR, bytes_of(NULL, 0)},
        {TOKEN_ROLE_INSPECTOR,
         BYTES("/0123456789012345678901234567890123456789012345678901234567890123")},
        {TOKEN_ROLE_PARTNER, BYTES("TRAFFIC/4711")},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        commit_heard((struct registry_change){.kind = CHANGE_SHUT_OUT,
                                              .role = wrong[i].role,
                                              .text = wrong[i].subject},
                     REGISTRY_ERR_REFUSED);
    assert_shut_out("");
}

/* ---- the use list ---- */

static struct registry_access_request make_request(const char *system, const char *matter)
{
    struct registry_access_request r = {.type_count = 2,
                                        .types = {"T1", "T2"},
                                        .fields = 9,
                                        .purpose = "matter",
                                        .legal_basis = "《虚构条例》第九条",
                                        .due_on = 19700};
    snprintf(r.system, sizeof r.system, "%s", system);
    snprintf(r.matter, sizeof r.matter, "%s", matter);
    return r;
}

static struct registry_access_request submit(struct registry_access_request r, int64_t now)
{
    struct registry_change change = {.kind = CHANGE_ACCESS_SUBMIT, .request = &r, .now = now};
    memcpy(r.id, commit(change, REGISTRY_OK).id, REGISTRY_ID_BYTES);
    r.submitted_at = now;
    return r;
}

static void decide(struct registry_access_request *r, enum access_state decision, int64_t now,
                   enum registry_error expected)
{
    struct registry_access_request answer = *r;
    answer.state = decision;
    snprintf(answer.decided_by, sizeof answer.decided_by, "数据局");
    if (decision == ACCESS_APPROVED)
        answer.expires_at = r->expires_at ? r->expires_at : now + 1000;
    else
        snprintf(answer.reason, sizeof answer.reason, "超出法定职责");
    commit((struct registry_change){.kind = CHANGE_ACCESS_DECIDE, .request = &answer, .now = now},
           expected);
    if (expected == REGISTRY_OK) {
        *r = answer;
        r->decided_at = now;
    }
}

static struct registry_access_request listed[4];
static size_t listed_count;

static void keep_request(void *context, const struct registry_access_request *r)
{
    assert_ptr_equal(context, listed);
    assert_in_range(listed_count, 0, 3);
    listed[listed_count++] = *r;
}

static size_t list_requests(const char *system, size_t max)
{
    listed_count = 0;
    assert_int_equal(registry_access_requests(reader, bytes_str(system), max, keep_request, listed),
                     REGISTRY_OK);
    return listed_count;
}

static void test_requests(void **state)
{
    /* If this fails, an application is lost, changed, or decided twice. */
    (void)state;
    add_client("tax", TOKEN_ROLE_SYSTEM);
    add_client("housing", TOKEN_ROLE_SYSTEM);
    struct registry_access_request first = submit(make_request("tax", "M-1"), FIXTURE_NOW);
    struct registry_access_request second = submit(make_request("housing", "M-1"), FIXTURE_NOW);
    decide(&first, ACCESS_APPROVED, FIXTURE_NOW + 1, REGISTRY_OK);
    decide(&second, ACCESS_REFUSED, FIXTURE_NOW + 2, REGISTRY_OK);
    decide(&first, ACCESS_REFUSED, FIXTURE_NOW + 3, REGISTRY_ERR_REFUSED);
    decide(&second, ACCESS_APPROVED, FIXTURE_NOW + 3, REGISTRY_ERR_REFUSED);
    assert_int_equal(list_requests("", 4), 2);
    assert_memory_equal(&listed[0], &second, sizeof second);
    assert_memory_equal(&listed[1], &first, sizeof first);
    assert_int_equal(list_requests("tax", 4), 1);
    assert_memory_equal(&listed[0], &first, sizeof first);
    assert_int_equal(list_requests("", 1), 1);
    assert_int_equal(list_requests("nobody", 4), 0);
}

static void test_use_entry(void **state)
{
    /* If this fails, a system retrieves what nobody approved, or after the approval ended. */
    (void)state;
    struct registry_access_request read, entry;
    int64_t now = FIXTURE_NOW;
    add_client("tax", TOKEN_ROLE_SYSTEM);
    add_client("housing", TOKEN_ROLE_SYSTEM);
    struct registry_access_request first = submit(make_request("tax", "M-1"), now);
    assert_int_equal(registry_use_entry(reader, BYTES("tax"), BYTES("M-1"), now, &read),
                     REGISTRY_ERR_NOT_FOUND);
    decide(&first, ACCESS_APPROVED, now, REGISTRY_OK);
    assert_int_equal(registry_use_entry(reader, BYTES("tax"), BYTES("M-1"), now + 999, &read),
                     REGISTRY_OK);
    assert_memory_equal(&read, &first, sizeof read);
    assert_int_equal(registry_use_entry(reader, BYTES("tax"), BYTES("M-1"), now + 1000, &read),
                     REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(registry_use_entry(reader, BYTES("tax"), BYTES("M-2"), now, &read),
                     REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(registry_use_entry(reader, BYTES("housing"), BYTES("M-1"), now, &read),
                     REGISTRY_ERR_NOT_FOUND);

    entry = make_request("tax", "M-1"); /* a refusal leaves the entry, an approval replaces it */
    entry.fields = 1;
    struct registry_access_request refused = submit(entry, now + 1);
    struct registry_access_request newer = submit(entry, now + 1);
    decide(&refused, ACCESS_REFUSED, now + 2, REGISTRY_OK);
    assert_int_equal(registry_use_entry(reader, BYTES("tax"), BYTES("M-1"), now + 2, &read),
                     REGISTRY_OK);
    assert_memory_equal(&read, &first, sizeof read);
    decide(&newer, ACCESS_APPROVED, now + 3, REGISTRY_OK);
    assert_int_equal(registry_use_entry(reader, BYTES("tax"), BYTES("M-1"), now + 3, &read),
                     REGISTRY_OK);
    assert_memory_equal(&read, &newer, sizeof read);

    entry.fields = 2; /* the one before does not come back when this one ends */
    struct registry_access_request narrow = submit(entry, now + 4);
    narrow.expires_at = now + 100;
    decide(&narrow, ACCESS_APPROVED, now + 5, REGISTRY_OK);
    assert_int_equal(registry_use_entry(reader, BYTES("tax"), BYTES("M-1"), now + 99, &read),
                     REGISTRY_OK);
    assert_memory_equal(&read, &narrow, sizeof read);
    assert_int_equal(registry_use_entry(reader, BYTES("tax"), BYTES("M-1"), now + 100, &read),
                     REGISTRY_ERR_NOT_FOUND);
}

static void test_waiting(void **state)
{
    /* If this fails, an application that nobody decides is forgotten. */
    (void)state;
    uint64_t waiting = 9, overdue = 9;
    struct registry_access_request r = make_request("tax", "M-1");
    add_client("tax", TOKEN_ROLE_SYSTEM);
    assert_int_equal(registry_access_waiting(reader, 19701, &waiting, &overdue), REGISTRY_OK);
    assert_int_equal(waiting + overdue, 0);
    struct registry_access_request due = submit(r, FIXTURE_NOW);
    r.due_on++;
    submit(r, FIXTURE_NOW);
    assert_int_equal(registry_access_waiting(reader, 19701, &waiting, &overdue), REGISTRY_OK);
    assert_int_equal(waiting, 2);
    assert_int_equal(overdue, 1); /* not yet on the day itself */
    decide(&due, ACCESS_REFUSED, FIXTURE_NOW, REGISTRY_OK);
    assert_int_equal(registry_access_waiting(reader, 19701, &waiting, &overdue), REGISTRY_OK);
    assert_int_equal(waiting, 1);
    assert_int_equal(overdue, 0);
}

static void test_requests_refused(void **state)
{
    /* If this fails, an application without substance waits for a decision, or a decision is none.
     */
    (void)state;
    struct registry_access_request wrong;
    struct registry_change change = {
        .kind = CHANGE_ACCESS_SUBMIT, .request = &wrong, .now = FIXTURE_NOW};
    add_client("tax", TOKEN_ROLE_SYSTEM);
    add_client("bank", TOKEN_ROLE_PARTNER);
    wrong = make_request("bank", "M-1");
    commit(change, REGISTRY_ERR_REFUSED);
    wrong = make_request("tax", "M 1");
    commit(change, REGISTRY_ERR_REFUSED);
    wrong = make_request("tax", "M-1");
    wrong.type_count = 0;
    commit(change, REGISTRY_ERR_REFUSED);
    wrong = make_request("tax", "M-1");
    wrong.legal_basis[0] = '\0';
    commit(change, REGISTRY_ERR_REFUSED);
    wrong = make_request("tax", "M-1");
    wrong.purpose[0] = 'M';
    commit(change, REGISTRY_ERR_REFUSED);
    assert_int_equal(list_requests("", 4), 0);

    wrong = submit(make_request("tax", "M-1"), FIXTURE_NOW);
    change.kind = CHANGE_ACCESS_DECIDE;
    wrong.state = ACCESS_APPROVED;
    wrong.expires_at = FIXTURE_NOW + 1;
    commit(change, REGISTRY_ERR_REFUSED); /* by nobody */
    snprintf(wrong.decided_by, sizeof wrong.decided_by, "数据局");
    wrong.expires_at = FIXTURE_NOW;
    commit(change, REGISTRY_ERR_REFUSED); /* ends at once */
    wrong.state = ACCESS_REFUSED;
    commit(change, REGISTRY_ERR_REFUSED); /* without a reason */
    wrong.id[0] ^= 1;
    commit(change, REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(list_requests("", 4), 1);
    assert_int_equal(listed[0].state, ACCESS_SUBMITTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_client),   TEST(test_client_refused),   TEST(test_clients),  TEST(test_keys),
        TEST(test_shut_out), TEST(test_shut_out_refused), TEST(test_requests), TEST(test_use_entry),
        TEST(test_waiting),  TEST(test_requests_refused), TEST(test_register),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
