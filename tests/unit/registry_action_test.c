/* Enforcement actions: made once however often they are asked for, decided by the issuer alone,
 * escalated, and read again. What they do to a licence's status is in registry_transition_test.c.
 */
#include "registry/issuing.h"
#include "tests/registry_events.h"

#define ISSUER "11410800005709876X"

static struct registry_action make_action(int n, enum action_kind kind, const char *key,
                                          const char *body)
{
    struct registry_action a = {.kind = kind,
                                .agency = "交警一大队",
                                .case_number = "2023-1",
                                .officer = "A/7",
                                .terminal = "PDA-1",
                                .reason = "酒后驾驶机动车",
                                .due_at = kind == ACTION_REQUEST_CANCEL ? FIXTURE_NOW + 100 : 0};
    memcpy(a.licence, find(n)->id, REGISTRY_ID_BYTES);
    snprintf((char *)a.key, sizeof a.key, "%s", key);
    snprintf((char *)a.body, sizeof a.body, "%s", body);
    return a;
}

static struct registry_change act(struct registry_action *action, enum registry_error expected)
{
    return commit((struct registry_change){.kind = CHANGE_ACT,
                                           .action = action,
                                           .actor = {.role = TOKEN_ROLE_INSPECTOR,
                                                     .subject = BYTES("A/7"),
                                                     .client = BYTES("PDA-1")},
                                           .now = FIXTURE_NOW},
                  expected);
}

static struct registry_change decide(const struct registry_action *action,
                                     enum action_decision decision, const char *issuer,
                                     enum registry_error expected)
{
    struct registry_change change = {.kind = CHANGE_ACTION_DECIDE,
                                     .decision = decision,
                                     .issuer = bytes_str(issuer),
                                     .actor = {.role = TOKEN_ROLE_ISSUER, .client = BYTES("发证")},
                                     .text = BYTES("理由充分"),
                                     .now = FIXTURE_NOW + 5};
    memcpy(change.id, action->id, sizeof change.id);
    return commit(change, expected);
}

static struct registry_action read_action(const uint8_t id[REGISTRY_ID_BYTES])
{
    struct registry_action action;
    assert_int_equal(registry_action(reader, id, &action), REGISTRY_OK);
    return action;
}

static void test_stored(void **state)
{
    /* If this fails, a receipt tells something else than what was done. */
    (void)state;
    static struct seen seen;
    fixture_import_many(registry, 0, 1);
    uint64_t before = last_event();
    struct registry_action a = make_action(0, ACTION_WITHDRAW, "k", "b");
    a.has_evidence = true;
    memset(a.evidence_hash, 7, sizeof a.evidence_hash);
    struct registry_change change = act(&a, REGISTRY_OK);
    assert_int_equal(change.effective, LICENCE_STATUS_WITHDRAWN);
    assert_int_equal(change.place_change.seq, 1);
    assert_int_equal(change.event, before + 2);
    see_events(before, &seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.events[1].event.kind, EVENT_ACTED);
    assert_int_equal(seen.events[1].event.detail, ACTION_WITHDRAW);
    assert_int_equal(strlen(seen.events[1].reference), 2 * REGISTRY_ID_BYTES);
    assert_int_equal(strlen(seen.events[1].purpose), 2 * CRYPTO_HASH_BYTES);
    assert_memory_equal(seen.events[1].purpose, "0707", 4);
    assert_string_equal(seen.events[1].agency, "交警一大队");
    assert_int_equal(seen.events[0].event.kind, EVENT_HOLD);
    assert_string_equal(seen.events[0].purpose, "withdraw");
    assert_string_equal(seen.events[0].reference, "2023-1");
    assert_string_equal(seen.events[0].agency, "交警一大队");
    assert_string_equal(seen.events[0].subject, "A/7");

    struct registry_action read = read_action(a.id);
    assert_memory_equal(read.licence, find(0)->id, REGISTRY_ID_BYTES);
    assert_int_equal(read.kind, ACTION_WITHDRAW);
    assert_string_equal(read.agency, "交警一大队");
    assert_string_equal(read.case_number, "2023-1");
    assert_string_equal(read.officer, "A/7");
    assert_string_equal(read.terminal, "PDA-1");
    assert_string_equal(read.reason, "酒后驾驶机动车");
    assert_true(read.has_evidence);
    assert_memory_equal(read.evidence_hash, a.evidence_hash, sizeof a.evidence_hash);
    assert_int_equal(read.at, FIXTURE_NOW);
    assert_int_equal(read.state, ACTION_STATE_OPEN);
    assert_int_equal(read.decided_at, 0);
    assert_string_equal(read.decision_reason, "");
    assert_int_equal(read.effective, 8);
    assert_int_equal(read.event, before + 2);
    assert_false(read.repeated);

    decide(&a, DECISION_CONFIRM, ISSUER, REGISTRY_OK);
    read = read_action(a.id);
    assert_int_equal(read.state, ACTION_STATE_CONFIRMED);
    assert_int_equal(read.decided_at, FIXTURE_NOW + 5);
    assert_string_equal(read.decided_by, "发证");
    assert_string_equal(read.decision_reason, "理由充分");
    assert_string_equal(read.reason, "酒后驾驶机动车");
    static const uint8_t unknown[REGISTRY_ID_BYTES];
    assert_int_equal(registry_action(reader, unknown, &read), REGISTRY_ERR_NOT_FOUND);
    a.agency[0] = '\0';
    memset(a.key, 9, sizeof a.key);
    act(&a, REGISTRY_ERR_REFUSED);
}

static void test_repeated(void **state)
{
    /* If this fails, a terminal that asks again because the network failed seizes twice, or is told
     * of an error. */
    (void)state;
    fixture_import_many(registry, 0, 2);
    struct registry_action first = make_action(0, ACTION_SEIZE, "k", "b");
    struct registry_change made = act(&first, REGISTRY_OK);
    struct registry_action again = make_action(0, ACTION_SEIZE, "k", "b");
    decide(&first, DECISION_CONFIRM, ISSUER, REGISTRY_OK);
    uint64_t last = last_event();
    struct registry_change change = act(&again, REGISTRY_OK);
    assert_true(again.repeated);
    assert_memory_equal(again.id, first.id, sizeof first.id);
    assert_int_equal(again.state, ACTION_STATE_CONFIRMED);
    assert_int_equal(change.event, made.event);
    assert_int_equal(change.effective, LICENCE_STATUS_SEIZED);
    assert_int_equal(last_event(), last);

    struct registry_action other = make_action(0, ACTION_SEIZE, "k", "another body");
    change = act(&other, REGISTRY_ERR_REFUSED);
    assert_string_equal(change.refusal, "this key was used for another action");
    other = make_action(0, ACTION_SEIZE, "another key", "b");
    change = act(&other, REGISTRY_ERR_REFUSED);
    assert_string_equal(change.refusal, "this case already has such a hold on the licence");
    other = make_action(1, ACTION_SEIZE, "a third", "b");
    act(&other, REGISTRY_OK);

    /* a restore, too: what it ended is not to be ended again when the case holds it anew */
    struct registry_action ends = make_action(0, ACTION_RESTORE, "r", "r");
    act(&ends, REGISTRY_OK);
    other = make_action(0, ACTION_SEIZE, "anew", "b");
    act(&other, REGISTRY_OK);
    act(&ends, REGISTRY_OK);
    assert_true(ends.repeated);
    assert_int_equal(find(0)->status, LICENCE_STATUS_SEIZED);
    memset(ends.licence, 0, sizeof ends.licence);
    memset(ends.key, 1, sizeof ends.key);
    act(&ends, REGISTRY_ERR_NOT_FOUND);
}

static void test_restored(void **state)
{
    /* If this fails, an issuer is asked to decide on what its agency has taken back, or decides on
     * it all the same. */
    (void)state;
    static struct seen seen;
    fixture_import_many(registry, 0, 1);
    struct registry_action seize = make_action(0, ACTION_SEIZE, "1", "");
    struct registry_action cancel = make_action(0, ACTION_REQUEST_CANCEL, "2", "");
    struct registry_action ends = make_action(0, ACTION_RESTORE, "3", "");
    act(&seize, REGISTRY_OK);
    act(&cancel, REGISTRY_OK);
    uint64_t before = last_event();
    struct registry_change change = act(&ends, REGISTRY_OK);
    see_events(before, &seen);
    assert_int_equal(seen.count, 3); /* the last: EVENT_ACTED */
    assert_int_equal(change.event, before + 3);
    assert_int_equal(read_action(ends.id).event, before + 3);
    assert_int_equal(seen.events[0].event.detail, HOLD_SEIZED);
    assert_int_equal(seen.events[1].event.detail, HOLD_CANCEL_REQUESTED);
    assert_int_equal(seen.events[0].event.status, 1);
    assert_int_equal(read_action(ends.id).state, ACTION_STATE_DONE);
    assert_int_equal(read_action(seize.id).state, ACTION_STATE_RESTORED);
    assert_int_equal(read_action(cancel.id).state, ACTION_STATE_RESTORED);
    assert_string_equal(read_action(cancel.id).decided_by, "PDA-1");
    for (int d = 0; d < DECISION_COUNT; d++) {
        decide(&seize, (enum action_decision)d, ISSUER, REGISTRY_ERR_REFUSED);
        decide(&cancel, (enum action_decision)d, ISSUER, REGISTRY_ERR_REFUSED);
        decide(&ends, (enum action_decision)d, ISSUER, REGISTRY_ERR_REFUSED);
    }
    assert_int_equal(find(0)->status, LICENCE_STATUS_VALID);
}

static void test_decided_twice(void **state)
{
    /* If this fails, an issuer that asks again is told of an error, or one decision undoes another.
     */
    (void)state;
    static const struct {
        enum action_kind kind;
        enum action_decision decision;
    } cases[] = {{ACTION_SEIZE, DECISION_REVERT},
                 {ACTION_WITHDRAW, DECISION_REVERT},
                 {ACTION_REQUEST_CANCEL, DECISION_REFUSE},
                 {ACTION_REQUEST_CANCEL, DECISION_CONFIRM}};
    fixture_import_many(registry, 0, 4);
    for (int i = 0; i < 4; i++) {
        char key[] = {(char)('a' + i), '\0'};
        struct registry_action a = make_action(i, cases[i].kind, key, "");
        act(&a, REGISTRY_OK);
        decide(&a, cases[i].decision, "another", REGISTRY_ERR_NOT_FOUND);
        decide(&a, cases[i].decision, ISSUER, REGISTRY_OK);
        enum licence_status status = find(i)->status;
        uint64_t last = last_event();
        struct registry_change again = decide(&a, cases[i].decision, ISSUER, REGISTRY_OK);
        assert_int_equal(again.event, last); /* it waits for the evidence of the first */
        assert_int_equal(again.effective, status);
        assert_int_equal(last_event(), last);
        for (int d = 0; d < DECISION_COUNT; d++)
            if (d != (int)cases[i].decision)
                decide(&a, (enum action_decision)d, ISSUER, REGISTRY_ERR_REFUSED);
        assert_int_equal(find(i)->status, status);
    }
}

static void test_decision_events(void **state)
{
    /* If this fails, evidence does not tell that the issuer cancelled a licence, or why a hold
     * ended. */
    (void)state;
    static struct seen seen;
    fixture_import_many(registry, 0, 1);
    struct registry_action a = make_action(0, ACTION_REQUEST_CANCEL, "1", "");
    act(&a, REGISTRY_OK);
    uint64_t before = last_event();
    struct registry_change change = decide(&a, DECISION_CONFIRM, ISSUER, REGISTRY_OK);
    assert_int_equal(change.effective, LICENCE_STATUS_CANCELLED);
    see_events(before, &seen);
    assert_int_equal(seen.count, 3);
    static const enum registry_event_kind kinds[] = {EVENT_DECISION, EVENT_STATUS, EVENT_LIFT};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(seen.events[i].event.kind, kinds[i]);
        assert_int_equal(seen.events[i].event.role, TOKEN_ROLE_ISSUER);
        assert_int_equal(seen.events[i].event.status, 4);
    }
    assert_string_equal(seen.events[0].purpose, "confirm");
    assert_string_equal(seen.events[0].reference, "2023-1");
    assert_int_equal(seen.events[1].event.detail, 4);
    assert_string_equal(seen.events[2].purpose, "confirm");
    assert_int_equal(seen.events[2].event.detail, HOLD_CANCEL_REQUESTED);
}

static void test_escalation(void **state)
{
    /* If this fails, nobody is told of a request that its issuer lets lie; or its hold ends. */
    (void)state;
    static struct seen seen;
    uint64_t open, escalated;
    struct registry_action actions[3];
    fixture_import_many(registry, 0, 3);
    for (int i = 0; i < 3; i++) {
        char key[] = {(char)('a' + i), '\0'};
        actions[i] = make_action(i, ACTION_REQUEST_CANCEL, key, "");
        actions[i].due_at = FIXTURE_NOW + 100 + i;
        act(&actions[i], REGISTRY_OK);
    }
    uint64_t before = last_event();
    struct registry_change escalate = {.kind = CHANGE_ESCALATE, .now = FIXTURE_NOW + 100};
    assert_int_equal(commit(escalate, REGISTRY_OK).seq, 0); /* not yet passed */
    assert_int_equal(last_event(), before);
    escalate.now = FIXTURE_NOW + 102;
    assert_int_equal(commit(escalate, REGISTRY_OK).seq, 2);
    see_events(before, &seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.events[0].event.kind, EVENT_ESCALATED);
    assert_string_equal(seen.events[0].reference, "2023-1");
    assert_string_equal(seen.events[0].agency, "交警一大队");
    assert_int_equal(seen.events[0].event.role, TOKEN_ROLE_ANYBODY);
    assert_int_equal(commit(escalate, REGISTRY_OK).seq, 0); /* once */
    assert_int_equal(registry_actions_waiting(reader, &open, &escalated), REGISTRY_OK);
    assert_int_equal(open, 1);
    assert_int_equal(escalated, 2);
    assert_int_equal(read_action(actions[0].id).state, ACTION_STATE_ESCALATED);
    assert_int_equal(read_action(actions[0].id).decided_at, 0);
    assert_int_equal(find(0)->status, LICENCE_STATUS_SEIZED);
    decide(&actions[0], DECISION_REFUSE, ISSUER, REGISTRY_OK);
    assert_int_equal(find(0)->status, LICENCE_STATUS_VALID);
}

static struct listed {
    int count;
    struct registry_action actions[10];
} listed;

static void list_action(void *context, const struct registry_action *action)
{
    struct listed *list = context;
    list->actions[list->count++] = *action;
}

/* A page, as indices into actions. */
static void list_page(const struct registry_page *page, const struct registry_action *actions,
                      const char *expected)
{
    listed.count = 0;
    assert_int_equal(registry_actions(reader, page, list_action, &listed), REGISTRY_OK);
    assert_int_equal(listed.count, strlen(expected));
    for (int i = 0; i < listed.count; i++)
        assert_memory_equal(listed.actions[i].id, actions[expected[i] - '0'].id, REGISTRY_ID_BYTES);
}

static void test_of_an_event(void **state)
{
    /* If this fails, an authority that is told late decides an action that it was not told of. */
    (void)state;
    static const enum action_kind kinds[] = {ACTION_SEIZE, ACTION_RESTORE, ACTION_REQUEST_CANCEL,
                                             ACTION_SEIZE, ACTION_RESTORE};
    static const int expected[] = {0, 0, 2, 3, 3, 2, -1, -1}; /* of each event */
    static struct seen seen;
    struct registry_action actions[5], found;
    fixture_import_many(registry, 0, 1);
    uint64_t before = last_event();
    for (int i = 0; i < 5; i++) {
        char key[] = {(char)('a' + i), '\0'};
        actions[i] = make_action(0, kinds[i], key, "");
        act(&actions[i], REGISTRY_OK);
    }
    struct registry_change operators =
        fixture_hold(CHANGE_HOLD_PLACE, find(0)->id, HOLD_SEIZED, "交警一大队", "2023-1");
    commit(operators, REGISTRY_OK);
    struct registry_objection objection = {
        .role = TOKEN_ROLE_INSPECTOR, .subject = BYTES("A/7"), .claimed = BYTES("x")};
    memcpy(objection.licence, find(0)->id, REGISTRY_ID_BYTES);
    commit((struct registry_change){.kind = CHANGE_OBJECT, .objection = &objection}, REGISTRY_OK);
    see_events(before, &seen);
    int told = 0;
    for (size_t i = 0; i < seen.count; i++) {
        const struct registry_event *event = &seen.events[i].event;
        if (event->kind == EVENT_ACTED) /* of which nobody is told */
            continue;
        assert_true(told < 8);
        const int of = expected[told++];
        assert_int_equal(registry_action_of_event(reader, event, &found),
                         of < 0 ? REGISTRY_ERR_NOT_FOUND : REGISTRY_OK);
        if (of >= 0)
            assert_memory_equal(found.id, actions[of].id, REGISTRY_ID_BYTES);
    }
    assert_int_equal(told, 8);
}

static void test_lists(void **state)
{
    /* If this fails, an authority is told of another's licences, or not of its own. */
    (void)state;
    struct fixture_texts texts;
    struct registry_query query;
    struct registry_record record = fixture_record(5, &texts);
    struct registry_action actions[3];
    fixture_import_many(registry, 0, 2);
    record.issuer_code = BYTES("another");
    fixture_import_one(registry, record);
    assert_int_equal(fixture_find_text(reader, record.number, &query), REGISTRY_OK);
    for (int i = 0; i < 3; i++) {
        char key[] = {(char)('a' + i), '\0'};
        actions[i] = make_action(i < 2 ? i : 5, ACTION_SEIZE, key, "");
        act(&actions[i], REGISTRY_OK);
    }
    decide(&actions[0], DECISION_CONFIRM, ISSUER, REGISTRY_OK);
    struct registry_page page = {.client = BYTES("ours"), .max = 10};
    add_client_of("ours", TOKEN_ROLE_ISSUER, ISSUER, NULL);
    add_client_of("theirs", TOKEN_ROLE_ISSUER, "another", NULL);
    list_page(&page, actions, "1");
    page.all = true;
    list_page(&page, actions, "10");
    page.max = 1;
    list_page(&page, actions, "1");
    page.client = BYTES("theirs");
    list_page(&page, actions, "2");
    page.client = BYTES("nobody");
    list_page(&page, actions, "");
}

static void test_pages(void **state)
{
    /* If this fails, an authority can't find what is due among what else it is told of. */
    (void)state;
    static const int64_t due[] = {0, 200, 0, 100, 0};
    struct registry_action actions[6];
    struct fixture_texts texts;
    fixture_import_many(registry, 0, 5);
    for (int i = 0; i < 5; i++) {
        char key[] = {(char)('a' + i), '\0'};
        actions[i] = make_action(i, due[i] ? ACTION_REQUEST_CANCEL : ACTION_SEIZE, key, "");
        actions[i].due_at = due[i] ? FIXTURE_NOW + due[i] : 0;
        act(&actions[i], REGISTRY_OK);
    }
    add_client_of("ours", TOKEN_ROLE_ISSUER, ISSUER, NULL);
    add_client_of("theirs", TOKEN_ROLE_ISSUER, "another", NULL);
    static const char *const orders[] = {"31420", "43210"};
    struct registry_page page = {.client = BYTES("ours"), .max = 2};
    for (int all = 0; all < 2; all++) {
        page.all = all;
        page.has_after = false;
        for (const char *from = orders[all]; *from; from += strnlen(from, 2)) {
            char expected[3];
            snprintf(expected, sizeof expected, "%s", from);
            list_page(&page, actions, expected);
            page.has_after = true;
            memcpy(page.after, listed.actions[listed.count - 1].id, REGISTRY_ID_BYTES);
        }
        list_page(&page, actions, "");
    }
    page.all = false;
    page.max = 10;
    memcpy(page.after, actions[1].id, REGISTRY_ID_BYTES);
    decide(&actions[1], DECISION_CONFIRM, ISSUER, REGISTRY_OK); /* since it was told */
    list_page(&page, actions, "420");
    page.client = BYTES("theirs");
    assert_int_equal(registry_actions(reader, &page, list_action, &listed), REGISTRY_ERR_NOT_FOUND);

    struct registry_record other = fixture_record(5, &texts);
    other.type_code = BYTES("OTHER");
    fixture_import_one(registry, other);
    actions[5] = make_action(5, ACTION_SEIZE, "f", "");
    act(&actions[5], REGISTRY_OK);
    add_client_of("narrow", TOKEN_ROLE_ISSUER, ISSUER, "OTHER");
    list_page(&(struct registry_page){.client = BYTES("narrow"), .max = 1}, actions, "5");
}

static void test_reasons_are_sealed(void **state)
{
    /* If this fails, what an officer wrote about somebody can be read in the file. */
    (void)state;
    static char file[4 << 20];
    fixture_import_many(registry, 0, 1);
    struct registry_action a = make_action(0, ACTION_SEIZE, "k", "b");
    act(&a, REGISTRY_OK);
    decide(&a, DECISION_CONFIRM, ISSUER, REGISTRY_OK);
    tamper("PRAGMA wal_checkpoint(TRUNCATE)");
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    size_t len = fread(file, 1, sizeof file, in);
    assert_true(feof(in));
    fclose(in);
    assert_non_null(memmem(file, len, "2023-1", 6)); /* a case number is none of a person */
    assert_null(memmem(file, len, "酒后驾驶", strlen("酒后驾驶")));
    assert_null(memmem(file, len, "理由充分", strlen("理由充分")));
}

static void test_words(void **state)
{
    /* If this fails, the interface takes one action for another. */
    (void)state;
    enum action_kind kind;
    enum action_decision decision;
    for (int i = 0; i < ACTION_KIND_COUNT; i++) {
        assert_true(action_kind_read(bytes_str(action_kind_text((enum action_kind)i)), &kind));
        assert_int_equal(kind, i);
    }
    for (int i = 0; i < DECISION_COUNT; i++) {
        assert_true(action_decision_read(bytes_str(action_decision_text((enum action_decision)i)),
                                         &decision));
        assert_int_equal(decision, i);
    }
    assert_false(action_kind_read(BYTES("seized"), &kind));
    assert_false(action_kind_read(BYTES(""), &kind));
    assert_false(action_decision_read(BYTES("confirmed"), &decision));
    assert_string_equal(action_state_text(ACTION_STATE_ESCALATED), "escalated");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stored),          TEST(test_repeated),
        TEST(test_restored),        TEST(test_decided_twice),
        TEST(test_decision_events), TEST(test_escalation),
        TEST(test_of_an_event),     TEST(test_lists),
        TEST(test_pages),           TEST(test_reasons_are_sealed),
        TEST(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
