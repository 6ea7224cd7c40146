/* The outbox: what is owed to authorities' webhooks, in which order, and what becomes of it. */
#include "registry/issuing.h"
#include "tests/registry_access.h"

#define AUTHORITY "11410800005709876X" /* the fixture's issuer */
#define URL       "https://authority.example/told"

static void set_webhook(const char *client, const char *url, enum registry_error expected)
{
    struct registry_change change = {.kind = CHANGE_WEBHOOK,
                                     .text = bytes_str(client),
                                     .url = bytes_str(url),
                                     .now = FIXTURE_NOW};
    commit(change, expected);
}

static void add_told(const char *id)
{
    add_client_of(id, TOKEN_ROLE_ISSUER, AUTHORITY, NULL);
    set_webhook(id, URL, REGISTRY_OK);
}

/* A hold on the n-th licence at a time; the number of its event. */
static uint64_t seize_at(int n, const char *case_number, int64_t now)
{
    struct registry_change change =
        fixture_hold(CHANGE_HOLD_PLACE, find(n)->id, HOLD_SEIZED, "AGENCY", case_number);
    change.now = now;
    assert_int_equal(registry_commit(registry, &change), REGISTRY_OK);
    assert_true(change.event > 0);
    return change.event;
}

static uint64_t seize(int n, const char *case_number)
{
    return seize_at(n, case_number, FIXTURE_NOW);
}

static struct registry_delivery heard[16];
static size_t heard_count;

static void hear(void *context, const struct registry_delivery *delivery)
{
    assert_ptr_equal(context, heard);
    assert_in_range(heard_count, 0, 15);
    heard[heard_count++] = *delivery;
}

static size_t due(int64_t now)
{
    heard_count = 0;
    assert_int_equal(registry_deliveries_due(reader, now, 16, hear, heard), REGISTRY_OK);
    return heard_count;
}

static size_t of_state(enum delivery_state state)
{
    heard_count = 0;
    assert_int_equal(registry_deliveries(reader, false, state, 16, hear, heard), REGISTRY_OK);
    return heard_count;
}

static size_t of_all(void)
{
    heard_count = 0;
    assert_int_equal(registry_deliveries(reader, true, DELIVERY_WAITING, 16, hear, heard),
                     REGISTRY_OK);
    return heard_count;
}

static void mark(const struct registry_delivery *delivery, enum delivery_state state, int64_t until,
                 const char *text, enum registry_error expected)
{
    struct registry_change change = {
        .kind = CHANGE_DELIVERY, .delivery_state = state, .until = until, .text = bytes_str(text)};
    memcpy(change.id, delivery->id, sizeof change.id);
    commit(change, expected);
}

static void test_owed(void **state)
{
    /* If this fails, an authority is not told of an action, or somebody else is. */
    (void)state;
    fixture_import_many(registry, 1, 2);
    add_told("gone");
    add_told("a");
    add_told("b");
    add_client_of("silent", TOKEN_ROLE_ISSUER, AUTHORITY, NULL);
    add_client_of("terminal", TOKEN_ROLE_INSPECTOR, AUTHORITY, NULL);
    add_client_of("other", TOKEN_ROLE_ISSUER, "11410000005709876Y", NULL);
    set_webhook("other", URL, REGISTRY_OK);
    struct registry_change disable = {.kind = CHANGE_CLIENT_DISABLE, .text = BYTES("gone")};
    commit(disable, REGISTRY_OK);

    uint64_t event = seize_at(2, "1", FIXTURE_NOW + 7);
    assert_int_equal(due(FIXTURE_NOW + 6), 0);
    assert_int_equal(due(FIXTURE_NOW + 7), 2);
    for (size_t i = 0; i < 2; i++) {
        const struct registry_delivery *d = &heard[i];
        assert_string_equal(d->client, i ? "b" : "a");
        assert_string_equal(d->url, URL);
        assert_string_equal(d->error, "");
        assert_int_equal(d->event, event);
        assert_memory_equal(d->licence, find(2)->id, REGISTRY_ID_BYTES);
        assert_int_equal(d->state, DELIVERY_WAITING);
        assert_int_equal(d->attempts, 0);
        assert_int_equal(d->made_at, FIXTURE_NOW + 7);
    }
    assert_memory_not_equal(heard[0].id, heard[1].id, REGISTRY_ID_BYTES);

    /* what the authority did itself owes nothing */
    set_status(1, LICENCE_STATUS_LAPSED);
    assert_int_equal(of_all(), 2);
    /* and what was refused neither */
    assert_int_equal(hold(CHANGE_HOLD_PLACE, 2, HOLD_SEIZED, "AGENCY", "1"), REGISTRY_ERR_REFUSED);
    assert_int_equal(of_all(), 2);
    assert_int_equal(hold(CHANGE_HOLD_LIFT, 2, HOLD_SEIZED, "AGENCY", "1"), REGISTRY_OK);
    assert_int_equal(of_all(), 4);
}

static void test_order(void **state)
{
    /* If this fails, an authority hears that a licence is given back before it was taken. */
    (void)state;
    fixture_import_many(registry, 1, 2);
    add_told("a");
    uint64_t first = seize(1, "1"), second = seize(1, "2"), third = seize(1, "3");
    uint64_t another = seize(2, "4");
    assert_int_equal(due(FIXTURE_NOW), 2);
    assert_int_equal(heard[0].event, first);
    assert_int_equal(heard[1].event, another);

    struct registry_delivery d = heard[0];
    mark(&d, DELIVERY_WAITING, FIXTURE_NOW + 60, "HTTP 500", REGISTRY_OK);
    assert_int_equal(due(FIXTURE_NOW + 59), 1); /* the second waits for the first */
    assert_int_equal(heard[0].event, another);
    assert_int_equal(due(FIXTURE_NOW + 60), 2); /* whoever has been due for longest is first */
    assert_int_equal(heard[0].event, another);
    assert_int_equal(heard[1].event, first);
    mark(&d, DELIVERY_DONE, 0, "", REGISTRY_OK);
    assert_int_equal(due(FIXTURE_NOW), 2);
    assert_int_equal(heard[0].event, second);
    d = heard[0];
    mark(&d, DELIVERY_DEAD, 0, "given up", REGISTRY_OK);
    assert_int_equal(due(FIXTURE_NOW), 2);
    assert_int_equal(heard[0].event, third);

    heard_count = 0; /* at most so many */
    assert_int_equal(registry_deliveries_due(reader, FIXTURE_NOW, 1, hear, heard), REGISTRY_OK);
    assert_int_equal(heard_count, 1);
}

static void test_order_by_client(void **state)
{
    /* If this fails, one authority's dead server keeps another from being told. */
    (void)state;
    fixture_import_many(registry, 1, 1);
    add_told("a");
    add_told("b");
    seize(1, "1");
    uint64_t second = seize(1, "2");
    assert_int_equal(due(FIXTURE_NOW), 2);
    assert_string_equal(heard[1].client, "b");
    struct registry_delivery d = heard[1];
    mark(&d, DELIVERY_DONE, 0, "", REGISTRY_OK);
    assert_int_equal(due(FIXTURE_NOW), 2);
    assert_string_equal(heard[0].client, "a");
    assert_string_equal(heard[1].client, "b");
    assert_int_equal(heard[1].event, second);
}

static void count_of_client(void *context, const struct registry_delivery *delivery)
{
    size_t *counts = context;
    counts[delivery->client[0] - 'a']++;
}

static void test_a_backlog_is_its_own(void **state)
{
    /* If this fails, one authority's dead server has all the places of what is looked at, and no
     * other authority is told of anything. */
    (void)state;
    size_t counts[2] = {0};
    fixture_import_many(registry, 1, 2);
    add_told("a");
    add_told("b");
    seize(1, "1");
    tamper(
        "DELETE FROM delivery WHERE client = (SELECT client FROM client WHERE id = 'b');"
        "WITH n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1100)"
        " INSERT INTO licence SELECT licence + 10 + n, randomblob(16), holder, type, issuer,"
        "  randomblob(16), NULL, sealed, issued_on, valid_from, valid_until, version, list, place,"
        "  issuer_status, delivered_status, status, status_since, source, source_version,"
        "  received_at, salt, in_doubt FROM licence JOIN n WHERE licence = 1;"
        "INSERT INTO delivery SELECT NULL, randomblob(16), d.event, l.licence, d.client, 0, 0,"
        "  d.made_at, d.next_at, '' FROM delivery d JOIN licence l ON l.licence > 10");
    seize_at(2, "2", FIXTURE_NOW + 1);
    assert_int_equal(registry_deliveries_due(reader, FIXTURE_NOW + 1, 4, count_of_client, counts),
                     REGISTRY_OK);
    assert_int_equal(counts[0], 4);
    assert_int_equal(counts[1], 1);
    heard_count = 0;
    assert_int_equal(registry_deliveries_due(reader, FIXTURE_NOW + 1, 2, hear, heard), REGISTRY_OK);
    assert_int_equal(heard_count, 3); /* in turn, whoever has waited for how long */
    assert_string_equal(heard[0].client, "a");
    assert_string_equal(heard[1].client, "b");
    assert_string_equal(heard[2].client, "a");
}

static void test_time_over(void **state)
{
    /* If this fails, who is no client any more is told what is done with citizens' licences. */
    (void)state;
    fixture_import_many(registry, 1, 1);
    add_told("a");
    add_told("b");
    seize(1, "1");
    tamper("UPDATE client SET expires_at = 1700000100 WHERE id = 'a'"); /* FIXTURE_NOW + 100 */
    assert_int_equal(due(FIXTURE_NOW + 99), 2);
    struct registry_delivery d = heard[0];
    assert_int_equal(due(FIXTURE_NOW + 100), 1);
    assert_string_equal(heard[0].client, "b");
    tamper("UPDATE client SET disabled = 1 WHERE id = 'b'");
    assert_int_equal(due(FIXTURE_NOW + 99), 1);
    assert_string_equal(heard[0].client, "a");
    mark(&d, DELIVERY_DEAD, 0, "no", REGISTRY_OK);
    struct registry_change again = {.kind = CHANGE_DELIVERY_RETRY, .now = FIXTURE_NOW + 100};
    assert_int_equal(commit(again, REGISTRY_OK).seq, 0);
    again.now = FIXTURE_NOW + 99;
    assert_int_equal(commit(again, REGISTRY_OK).seq, 1);
}

static void test_attempts(void **state)
{
    /* If this fails, what was delivered is delivered again, or nobody sees why it was not. */
    (void)state;
    char text[2 * DELIVERY_ERROR_BYTES_MAX];
    struct registry_delivery unknown = {.id = {1}};
    uint64_t waiting, dead;
    fixture_import_many(registry, 1, 1);
    add_told("a");
    seize(1, "1");
    due(FIXTURE_NOW);
    struct registry_delivery d = heard[0];
    memset(text, 'e', sizeof text);
    text[sizeof text - 1] = '\0';
    mark(&d, DELIVERY_WAITING, FIXTURE_NOW + 5, text, REGISTRY_OK);
    mark(&d, DELIVERY_WAITING, FIXTURE_NOW + 9, "timeout", REGISTRY_OK);
    assert_int_equal(of_state(DELIVERY_WAITING), 1);
    assert_int_equal(heard[0].attempts, 2);
    assert_int_equal(heard[0].next_at, FIXTURE_NOW + 9);
    assert_string_equal(heard[0].error, "timeout");
    mark(&d, DELIVERY_DEAD, 0, text, REGISTRY_OK);
    assert_int_equal(of_state(DELIVERY_WAITING), 0);
    assert_int_equal(of_state(DELIVERY_DEAD), 1);
    assert_int_equal(strlen(heard[0].error), DELIVERY_ERROR_BYTES_MAX);
    assert_int_equal(registry_deliveries_count(reader, &waiting, &dead), REGISTRY_OK);
    assert_int_equal(waiting, 0);
    assert_int_equal(dead, 1);

    mark(&d, DELIVERY_WAITING, FIXTURE_NOW, "late", REGISTRY_ERR_NOT_FOUND); /* it was given up */
    mark(&d, DELIVERY_DONE, 0, "", REGISTRY_OK); /* an attempt that was under way then */
    mark(&d, DELIVERY_WAITING, FIXTURE_NOW, "late", REGISTRY_ERR_NOT_FOUND);
    mark(&unknown, DELIVERY_DONE, 0, "", REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(of_all(), 1);
    assert_int_equal(heard[0].state, DELIVERY_DONE);
    assert_int_equal(heard[0].attempts, 4);
    assert_string_equal(heard[0].error, "");
}

static uint64_t retry(const uint8_t *id, enum registry_error expected)
{
    struct registry_change change = {.kind = CHANGE_DELIVERY_RETRY, .now = FIXTURE_NOW + 50};
    if (id)
        memcpy(change.id, id, sizeof change.id);
    return commit(change, expected).seq;
}

static void test_retry(void **state)
{
    /* If this fails, an operator's retry loses dead letters, or sends what was delivered. */
    (void)state;
    fixture_import_many(registry, 1, 3);
    add_told("a");
    add_told("b");
    for (int n = 1; n <= 3; n++)
        seize(n, "1");
    assert_int_equal(retry(NULL, REGISTRY_OK), 0);
    assert_int_equal(of_all(), 6);
    struct registry_delivery all[6];
    memcpy(all, heard, sizeof all);
    for (size_t i = 0; i < 6; i++)
        mark(&all[i], i < 2 ? DELIVERY_DONE : DELIVERY_DEAD, 0, "no", REGISTRY_OK);
    retry(all[0].id, REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(retry(all[2].id, REGISTRY_OK), 1);
    retry(all[2].id, REGISTRY_ERR_NOT_FOUND); /* it waits */
    assert_int_equal(due(FIXTURE_NOW + 49), 0);
    assert_int_equal(due(FIXTURE_NOW + 50), 1);
    assert_memory_equal(heard[0].id, all[2].id, REGISTRY_ID_BYTES);
    assert_int_equal(retry(all[5].id, REGISTRY_OK), 1);
    assert_int_equal(due(FIXTURE_NOW + 50), 2);
    assert_string_equal(heard[1].client, "b");
    struct registry_change disable = {.kind = CHANGE_CLIENT_DISABLE, .text = BYTES("b")};
    commit(disable, REGISTRY_OK);
    assert_int_equal(due(FIXTURE_NOW + 50), 1);
    assert_int_equal(retry(NULL, REGISTRY_OK), 1); /* of three dead ones, one is a's */
    assert_int_equal(due(FIXTURE_NOW + 50), 2);
    assert_string_equal(heard[0].client, "a");
    assert_string_equal(heard[1].client, "a");
}

static void test_webhook(void **state)
{
    /* If this fails, what concerns citizens goes to an address that it was not meant for. */
    (void)state;
    static const char *const wrong[] = {
        "http://authority.example/",
        "https://",
        "https:///path",
        "https://user@authority.example/",
        "https://authority.example/a b",
        "https://authority.example/#x",
        "https://authority.example/\n",
        "ftp://authority.example/",
    };
    char url[WEBHOOK_URL_BYTES_MAX + 2] = URL, read[WEBHOOK_URL_BYTES_MAX + 1];
    fixture_import_many(registry, 1, 1);
    add_client_of("a", TOKEN_ROLE_ISSUER, AUTHORITY, NULL);
    add_client_of("firm", TOKEN_ROLE_PARTNER, AUTHORITY, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        set_webhook("a", wrong[i], REGISTRY_ERR_REFUSED);
    memset(url + strlen(url), 'x', sizeof url - 1 - strlen(url));
    set_webhook("a", url, REGISTRY_ERR_REFUSED);
    assert_int_equal(registry_webhook(reader, BYTES("a"), read), REGISTRY_ERR_NOT_FOUND);
    url[WEBHOOK_URL_BYTES_MAX] = '\0';
    set_webhook("a", url, REGISTRY_OK);
    assert_int_equal(registry_webhook(reader, BYTES("a"), read), REGISTRY_OK);
    assert_string_equal(read, url);
    set_webhook("firm", URL, REGISTRY_ERR_NOT_FOUND);
    set_webhook("firm", "", REGISTRY_ERR_NOT_FOUND);
    set_webhook("nobody", URL, REGISTRY_ERR_NOT_FOUND);

    seize(1, "1");
    set_webhook("a", URL, REGISTRY_OK); /* what waits goes where it is told now */
    assert_int_equal(due(FIXTURE_NOW), 1);
    assert_string_equal(heard[0].url, URL);
    set_webhook("a", "", REGISTRY_OK);
    assert_int_equal(registry_webhook(reader, BYTES("a"), read), REGISTRY_ERR_NOT_FOUND);
    set_webhook("a", "", REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(due(FIXTURE_NOW), 0); /* and waits for nothing that never comes */
    assert_int_equal(of_state(DELIVERY_DEAD), 1);
    assert_string_equal(heard[0].url, "");
    assert_true(strlen(heard[0].error) > 0);
    assert_int_equal(retry(NULL, REGISTRY_OK), 0);
    set_webhook("a", URL, REGISTRY_OK);
    assert_int_equal(retry(NULL, REGISTRY_OK), 1);
}

static void hear_event(void *context, const struct registry_event *event)
{
    struct registry_event *last = context;
    last->kind = event->kind;
    last->number = event->number;
    assert_bytes(event->purpose, "webhook");
    assert_bytes(event->reference, "a");
}

static void test_webhook_event(void **state)
{
    /* If this fails, nobody can prove who turned an authority's messages elsewhere. */
    (void)state;
    struct registry_event event = {0};
    uint64_t last;
    add_told("a");
    assert_int_equal(registry_last_event(reader, &last), REGISTRY_OK);
    assert_int_equal(registry_event_of(reader, last, hear_event, &event), REGISTRY_OK);
    assert_int_equal(event.kind, EVENT_ACCESS);
    set_webhook("a", "http://authority.example/", REGISTRY_ERR_REFUSED);
    uint64_t same;
    assert_int_equal(registry_last_event(reader, &same), REGISTRY_OK);
    assert_int_equal(same, last);
    set_webhook("a", "", REGISTRY_OK);
    assert_int_equal(registry_last_event(reader, &same), REGISTRY_OK);
    assert_int_equal(same, last + 1);
    assert_int_equal(registry_event_of(reader, same, hear_event, &event), REGISTRY_OK);
}

/* What the log keeps of an event. */
struct logged {
    struct registry_replayed event;
    char reference[EVENT_TEXT_BYTES_MAX], agency[EVENT_TEXT_BYTES_MAX];
    bool given;
};

static struct bytes keep_text(char *text, struct bytes from)
{
    memcpy(text, from.data, from.len);
    return bytes_of(text, from.len);
}

static void keep_event(void *context, const struct registry_event *event)
{
    struct logged *log = context;
    log->event =
        (struct registry_replayed){.number = event->number,
                                   .kind = event->kind,
                                   .at_us = event->at_us,
                                   .has_place = true,
                                   .list = event->list,
                                   .index = event->index,
                                   .status = event->status,
                                   .detail = event->detail,
                                   .subject = BYTES(""),
                                   .client = BYTES(""),
                                   .purpose = BYTES("seize"),
                                   .reference = keep_text(log->reference, event->reference),
                                   .agency = keep_text(log->agency, event->agency)};
}

static bool give_event(void *context, struct registry_replayed *event, bool *failed)
{
    struct logged *log = context;
    bool more = !log->given;
    *event = log->event;
    *failed = false;
    log->given = true;
    return more;
}

static void test_after_a_restore(void **state)
{
    /* If this fails, an authority is never told what a restored registry forgot, or is told it as
     * another message than before. */
    (void)state;
    char backup[600], text[700];
    struct logged log = {0};
    fixture_import_many(registry, 1, 1);
    add_told("a");
    snprintf(backup, sizeof backup, "%s.backup", path);
    snprintf(text, sizeof text, "VACUUM INTO '%s'", backup);
    tamper(text);
    uint64_t number = seize(1, "1");
    assert_int_equal(of_all(), 1);
    struct registry_delivery told = heard[0];
    assert_int_equal(registry_event_of(reader, number, keep_event, &log), REGISTRY_OK);

    registry_reader_destroy(&reader);
    registry_close(&registry);
    free((void *)path);
    path = check_strdup(backup);
    registry = fixture_open(path);
    reader = fixture_reader(registry);
    assert_int_equal(of_all(), 0);
    assert_int_equal(seize_at(1, "2", FIXTURE_NOW + 1), number); /* another of that number ... */
    assert_int_equal(of_all(), 1);
    struct registry_delivery own = heard[0];
    assert_memory_not_equal(own.id, told.id, sizeof told.id); /* ... is another message */

    struct registry_replay replay = {.from = number, .next = give_event, .context = &log};
    struct registry_change change = {
        .kind = CHANGE_RECONCILE, .replay = &replay, .now = FIXTURE_NOW + 9};
    commit(change, REGISTRY_OK);
    assert_int_equal(of_all(), 2);
    assert_memory_equal(heard[0].id, told.id, sizeof told.id);
    assert_int_equal(heard[0].event, number);
    assert_int_equal(heard[0].made_at, FIXTURE_NOW + 9); /* it has all its time to be told */
    assert_memory_equal(heard[1].id, own.id, sizeof own.id);
    assert_int_equal(heard[1].event, number + 1); /* as the event is numbered now */
    assert_int_equal(due(FIXTURE_NOW + 9), 1);    /* in the order of what happened */
    assert_int_equal(heard[0].event, number);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_owed),
        TEST(test_order),
        TEST(test_order_by_client),
        TEST(test_a_backlog_is_its_own),
        TEST(test_time_over),
        TEST(test_attempts),
        TEST(test_retry),
        TEST(test_webhook),
        TEST(test_webhook_event),
        TEST(test_after_a_restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
