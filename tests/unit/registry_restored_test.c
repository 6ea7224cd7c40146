/* A registry restored from a backup and reconciled with its log, case by case. A whole life of it
 * is in registry_reconcile_test.c. */
#include "registry/action.h"
#include "registry/issuing.h"
#include "tests/registry_restore.h"

static void test_in_doubt(void **state)
{
    /* If this fails, a licence in doubt is shown as one that is known; or is so for ever; or an
     * old file ends what the issuer said since. */
    (void)state;
    static struct registry_query query;
    life = (struct life){.now = FIXTURE_NOW};
    deliver_new();
    back_up();
    uint32_t old = find(0)->index;
    life.records[0].source_version = 5;
    life.records[0].valid_until++;
    deliver(0);
    uint32_t lost = find(0)->index;
    restore();
    reconcile(REGISTRY_OK);
    assert_int_equal(find(0)->status, LICENCE_STATUS_IN_DOUBT);
    assert_int_equal(find(0)->index, lost);
    assert_int_equal(bits_at(0, lost), 3);
    assert_int_equal(bits_at(0, old), 1);
    assert_int_equal(find_place(0, old, &query), REGISTRY_OK);
    assert_int_equal(query.licence.status, LICENCE_STATUS_SUPERSEDED);
    /* stricter things are told before the doubt, and end */
    assert_int_equal(hold(CHANGE_HOLD_PLACE, 0, HOLD_SEIZED, "A", "1"), REGISTRY_OK);
    assert_int_equal(find(0)->status, LICENCE_STATUS_SEIZED);
    assert_int_equal(hold(CHANGE_HOLD_LIFT, 0, 0, "A", "1"), REGISTRY_OK);
    set_status(0, LICENCE_STATUS_VALID);
    assert_int_equal(find(0)->status, LICENCE_STATUS_IN_DOUBT);
    set_status(0, LICENCE_STATUS_SEIZED);

    life.records[0].source_version = 4; /* older than what was lost */
    deliver(0);
    assert_int_equal(ask("SELECT in_doubt FROM licence"), 1);
    life.records[0].source_version = 5;
    life.records[0].valid_until--; /* also the face that the registry has */
    deliver(0);
    assert_int_equal(ask("SELECT in_doubt FROM licence"), 0);
    assert_int_equal(find(0)->status, LICENCE_STATUS_SEIZED); /* what was said since */
    assert_int_equal(find(0)->list, 1);
    assert_int_equal(find_place(0, lost, &query), REGISTRY_OK);
    assert_int_equal(query.licence.status, LICENCE_STATUS_SUPERSEDED);
    assert_int_equal(bits_at(0, lost), 1);
    struct registry_version_place places[3];
    size_t count = 3;
    assert_int_equal(registry_licence_places(reader, find(0)->id, places, &count), REGISTRY_OK);
    assert_int_equal(count, 3);
    static const uint8_t nobody[REGISTRY_ID_BYTES];
    assert_memory_equal(places[1].holder, nobody, sizeof nobody); /* whose it was is not known */
}

static void test_in_doubt_and_revoked(void **state)
{
    /* If this fails, a licence that was revoked before its version was lost is valid when its
     * issuer delivers it again. */
    (void)state;
    life = (struct life){.now = FIXTURE_NOW};
    deliver_new();
    back_up();
    set_status(0, LICENCE_STATUS_REVOKED);
    life.records[0].valid_until++; /* of the same source version, and says that it is valid */
    deliver(0);
    assert_int_equal(find(0)->status, LICENCE_STATUS_REVOKED);
    restore();
    reconcile(REGISTRY_OK);
    assert_int_equal(find(0)->status, LICENCE_STATUS_REVOKED);
    deliver(0);
    assert_int_equal(ask("SELECT in_doubt FROM licence"), 0);
    assert_int_equal(find(0)->status, LICENCE_STATUS_REVOKED);
}

static void test_own_events(void **state)
{
    /* If this fails, what was done between the restore and the reconciliation is lost, or what is
     * older undoes it. */
    (void)state;
    struct fixture_texts texts;
    static struct seen now;
    struct registry_action a = {.kind = ACTION_SEIZE, .agency = "Z", .case_number = "9"};
    life = (struct life){.now = FIXTURE_NOW};
    for (int n = 0; n < 4; n++)
        deliver_new();
    back_up();
    set_status(0, LICENCE_STATUS_REVOKED);
    set_status(1, LICENCE_STATUS_SEIZED);
    set_status(1, LICENCE_STATUS_VALID);
    assert_int_equal(hold(CHANGE_HOLD_PLACE, 3, HOLD_SEIZED, "A", "1"), REGISTRY_OK);
    assert_int_equal(hold(CHANGE_HOLD_LIFT, 3, 0, "A", "1"), REGISTRY_OK);
    deliver_new(); /* number 4 */
    uint16_t list = find(4)->list;
    uint32_t index = find(4)->index;
    restore();

    set_status(0, LICENCE_STATUS_VALID);  /* an old state of things */
    set_status(1, LICENCE_STATUS_LAPSED); /* newer than the log's */
    struct registry_change own =
        fixture_hold(CHANGE_HOLD_PLACE, find(3)->id, HOLD_SEIZED, "A", "1");
    own.now = FIXTURE_NOW + 500000;
    commit(own, REGISTRY_OK);
    memcpy(a.licence, find(2)->id, REGISTRY_ID_BYTES);
    commit((struct registry_change){.kind = CHANGE_ACT, .action = &a}, REGISTRY_OK);
    fixture_import_one(registry, fixture_record(9, &texts));
    set_status(9, LICENCE_STATUS_WITHDRAWN);
    /* as chance would have it, at the place of the lost number 4 */
    char statement[512];
    static const char *const tables[] = {"place", "licence", "event"};
    for (int i = 0; i < 3; i++) {
        snprintf(statement, sizeof statement,
                 "UPDATE %s SET place = %u WHERE licence = (SELECT max(licence) FROM licence)",
                 tables[i], index);
        tamper(statement);
    }
    snprintf(statement, sizeof statement,
             "UPDATE change SET place = %u WHERE seq = (SELECT max(seq) FROM change)", index);
    tamper(statement);
    uint64_t own_events = last_event() - backup_last;
    reconcile(REGISTRY_OK);

    assert_int_equal(replay.renumbered, own_events);
    assert_int_equal(replay.lost_licences, 1);
    assert_int_equal(find(0)->status, LICENCE_STATUS_REVOKED); /* the stricter */
    assert_int_equal(find(1)->status, LICENCE_STATUS_LAPSED);
    assert_int_equal(find(2)->status, LICENCE_STATUS_SEIZED);
    assert_int_equal(find(3)->status, LICENCE_STATUS_SEIZED); /* newer than what was lifted */
    assert_int_equal(find(9)->status, LICENCE_STATUS_WITHDRAWN);
    assert_int_equal(find(9)->list, list + 1);
    assert_int_equal(bits_at(find(9)->list, find(9)->index), 3);
    assert_int_equal(bits_at(list, index), 3);
    static struct registry_query query;
    assert_int_equal(find_place(list, index, &query), REGISTRY_ERR_NOT_FOUND);
    fixture_check_lists(reader);
    compare_events();

    see_events(log_events.count, &now);
    assert_int_equal(now.count, own_events + 1);
    struct registry_action stored;
    assert_int_equal(registry_action(reader, a.id, &stored), REGISTRY_OK);
    assert_int_equal(stored.event, a.event + replay.events);
    const struct seen_event *event = &now.events[stored.event - log_events.count - 1];
    assert_int_equal(event->event.kind, EVENT_ACTED);
    assert_string_equal(event->agency, "Z");
    for (size_t i = 0; i < now.count; i++)
        if (now.events[i].event.kind == EVENT_ISSUED) {
            assert_int_equal(now.events[i].event.list, find(9)->list);
            assert_int_equal(now.events[i].event.index, find(9)->index);
        }
}

static void test_taken_away(void **state)
{
    /* If this fails, a restore gives back what was taken away: a consent, a mandate, a client's
     * access. */
    (void)state;
    struct registry_consent consent = {
        .partner = "bank", .purpose = "p", .fields = 1, .until = FIXTURE_NOW + 1000};
    struct registry_client client = make_client("other", TOKEN_ROLE_PARTNER);
    struct registry_change shut_out = {.kind = CHANGE_SHUT_OUT,
                                       .role = TOKEN_ROLE_INSPECTOR,
                                       .text = BYTES("A/1"),
                                       .now = FIXTURE_NOW};
    life = (struct life){.now = FIXTURE_NOW};
    deliver_new();
    deliver_new();
    add_client("bank", TOKEN_ROLE_PARTNER);
    add_client("other", TOKEN_ROLE_PARTNER);
    struct registry_change mandate = commit(entrust(0, 1, 0), REGISTRY_OK);
    struct registry_change give = {
        .kind = CHANGE_CONSENT_GIVE, .consent = &consent, .now = FIXTURE_NOW};
    memcpy(consent.licence, find(0)->id, REGISTRY_ID_BYTES);
    memcpy(give.holder, find(0)->holder_id, REGISTRY_ID_BYTES);
    give = commit(give, REGISTRY_OK);
    back_up();
    commit(end_mandate(mandate.id), REGISTRY_OK);
    give.kind = CHANGE_CONSENT_WITHDRAW;
    commit(give, REGISTRY_OK);
    commit((struct registry_change){.kind = CHANGE_CLIENT_DISABLE, .text = BYTES("bank")},
           REGISTRY_OK);
    commit((struct registry_change){.kind = CHANGE_CLIENT_KEY,
                                    .text = BYTES("other"),
                                    .client = &client},
           REGISTRY_OK);
    commit(shut_out, REGISTRY_OK);
    shut_out.text = BYTES("A/2");
    commit(shut_out, REGISTRY_OK);
    shut_out.kind = CHANGE_LET_IN;
    commit(shut_out, REGISTRY_OK);
    add_client("lost", TOKEN_ROLE_PARTNER);
    commit((struct registry_change){.kind = CHANGE_CLIENT_DISABLE, .text = BYTES("lost")},
           REGISTRY_OK);
    restore();
    assert_int_equal(may_act(1, find(0), FIXTURE_NOW + 10), ACTING_ENTRUSTED);
    reconcile(REGISTRY_OK);
    assert_int_equal(may_act(1, find(0), FIXTURE_NOW + 10), NOBODY);
    assert_int_equal(registry_consent(reader, consent.licence, BYTES("bank"), BYTES("p"),
                                      FIXTURE_NOW + 10, &consent),
                     REGISTRY_ERR_NOT_FOUND);
    struct registry_client read;
    assert_int_equal(registry_client(reader, BYTES("bank"), &read), REGISTRY_OK);
    assert_true(read.disabled);
    assert_int_equal(registry_client(reader, BYTES("other"), &read), REGISTRY_OK);
    assert_int_equal(read.key_count, 0);
    assert_int_equal(ask("SELECT count(*) FROM shut_out WHERE subject = 'A/1' AND role = 2"), 1);
    assert_int_equal(ask("SELECT count(*) FROM shut_out"), 1);
}

static struct registry_action seizure(uint8_t key)
{
    struct registry_action a = {.kind = ACTION_SEIZE,
                                .agency = "A",
                                .case_number = "1",
                                .officer = "A/1",
                                .terminal = "PDA",
                                .reason = "why",
                                .key = {key},
                                .body = {1}};
    memcpy(a.licence, find(0)->id, REGISTRY_ID_BYTES);
    return a;
}

static struct registry_change act(struct registry_action *a, enum registry_error expected)
{
    return commit(
        (struct registry_change){.kind = CHANGE_ACT,
                                 .action = a,
                                 .actor = {.subject = BYTES("A/1"), .client = BYTES("PDA")},
                                 .now = life.now},
        expected);
}

static void test_actions(void **state)
{
    /* If this fails, an action that was answered is nobody's after a restore: it can't be decided,
     * does not escalate, and who asks again with its key is told something else. */
    (void)state;
    struct registry_action read;
    life = (struct life){.now = FIXTURE_NOW};
    deliver_new();
    back_up();
    struct registry_action asked = seizure(1), a = asked, b = seizure(2), c = seizure(3);
    act(&a, REGISTRY_OK);
    b.kind = ACTION_RESTORE;
    act(&b, REGISTRY_OK);
    c.kind = ACTION_REQUEST_CANCEL;
    c.due_at = FIXTURE_NOW + 10;
    act(&c, REGISTRY_OK);
    restore();
    reconcile(REGISTRY_OK);
    assert_int_equal(replay.actions, 3);
    assert_int_equal(registry_action(reader, a.id, &read), REGISTRY_OK);
    assert_int_equal(read.state, ACTION_STATE_RESTORED);
    assert_string_equal(read.reason, "");
    assert_int_equal(registry_action(reader, b.id, &read), REGISTRY_OK);
    assert_int_equal(read.state, ACTION_STATE_DONE);

    struct registry_action again = asked;
    act(&again, REGISTRY_OK);
    assert_true(again.repeated);
    assert_memory_equal(again.id, a.id, sizeof a.id);
    assert_int_equal(again.event, a.event);
    again = asked;
    snprintf(again.case_number, sizeof again.case_number, "2");
    assert_string_equal(act(&again, REGISTRY_ERR_REFUSED).refusal, action_key_reused);

    assert_int_equal(
        commit((struct registry_change){.kind = CHANGE_ESCALATE, .now = FIXTURE_NOW + 11},
               REGISTRY_OK)
            .seq,
        1);
    struct registry_change decide = {.kind = CHANGE_ACTION_DECIDE,
                                     .decision = DECISION_REFUSE,
                                     .issuer = life.records[0].issuer_code,
                                     .text = BYTES("no")};
    memcpy(decide.id, c.id, sizeof decide.id);
    assert_int_equal(commit(decide, REGISTRY_OK).effective, LICENCE_STATUS_VALID);
}

static struct registry_change object(void)
{
    struct registry_objection objection = {.role = TOKEN_ROLE_HOLDER,
                                           .subject = BYTES("somebody"),
                                           .claimed = BYTES("otherwise"),
                                           .due_on = 20000};
    memcpy(objection.licence, find(0)->id, REGISTRY_ID_BYTES);
    return commit(
        (struct registry_change){.kind = CHANGE_OBJECT, .objection = &objection, .now = life.now},
        REGISTRY_OK);
}

static void test_objections(void **state)
{
    /* If this fails, an objection that was decided waits again after a restore, or nobody knows
     * that others were lost. */
    (void)state;
    life = (struct life){.now = FIXTURE_NOW};
    deliver_new();
    struct registry_change known = object();
    object(); /* waits */
    back_up();
    known.kind = CHANGE_OBJECTION_STATE;
    known.objection_state = OBJECTION_STATE_REFUSED;
    known.issuer = life.records[0].issuer_code;
    known.text = BYTES("no");
    commit(known, REGISTRY_OK);
    object();
    restore();
    reconcile(REGISTRY_OK);
    assert_int_equal(replay.lost_objections, 1);
    assert_int_equal(ask("SELECT count(*) FROM objection WHERE state = 3 AND decided_at > 0"), 1);
    assert_int_equal(ask("SELECT count(*) FROM objection WHERE state = 0"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESTORE(test_in_doubt),   RESTORE(test_in_doubt_and_revoked),
        RESTORE(test_own_events), RESTORE(test_taken_away),
        RESTORE(test_actions),    RESTORE(test_objections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
