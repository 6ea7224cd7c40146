/* A registry restored from a backup, after a life of all that can happen to it: what it has when it
 * was reconciled is what was lost. Single cases are in registry_restored_test.c. */
#include "registry/action.h"
#include "tests/registry_restore.h"

enum { LICENCES = 40, STEPS = 150, LISTS_MAX = 6 };

/* ---- a life ---- */

static struct seeded dice_of_life;
static struct {
    int count;
    uint8_t ids[STEPS * 2][REGISTRY_ID_BYTES];
    struct registry_action lost[STEPS * 2]; /* as they were when the registry was */
} actions;

static enum licence_status some_status(uint64_t dice)
{
    static const enum licence_status some[] = {LICENCE_STATUS_VALID, LICENCE_STATUS_REVOKED,
                                               LICENCE_STATUS_VALID, LICENCE_STATUS_SEIZED,
                                               LICENCE_STATUS_LAPSED};
    return some[dice % 5];
}

static void act(int n, uint64_t dice)
{
    static uint64_t calls;
    struct registry_action a = {.kind = (enum action_kind)(dice % ACTION_KIND_COUNT)};
    struct registry_change change = {.kind = CHANGE_ACT, .action = &a, .now = life.now};
    snprintf(a.agency, sizeof a.agency, "%s", dice / 8 % 2 ? "A" : "B");
    snprintf(a.case_number, sizeof a.case_number, "%s", dice / 16 % 2 ? "1" : "2");
    memcpy(a.licence, find(n)->id, REGISTRY_ID_BYTES);
    calls++;
    memcpy(a.key, &calls, sizeof calls);
    a.due_at = a.kind == ACTION_REQUEST_CANCEL ? life.now + 50 : 0;
    a.has_evidence = dice / 32 % 2;
    memset(a.evidence_hash, a.has_evidence ? (int)calls : 0, sizeof a.evidence_hash);
    snprintf(a.officer, sizeof a.officer, "%s/1", dice / 8 % 2 ? "A" : "B");
    snprintf(a.terminal, sizeof a.terminal, "PDA");
    change.actor = (struct registry_actor){.subject = bytes_str(a.officer), .client = BYTES("PDA")};
    if (registry_commit(registry, &change) == REGISTRY_OK)
        memcpy(actions.ids[actions.count++], a.id, REGISTRY_ID_BYTES);
}

static void decide(uint64_t dice)
{
    struct registry_change change = {.kind = CHANGE_ACTION_DECIDE,
                                     .decision = (unsigned)(dice % DECISION_COUNT),
                                     .issuer = life.records[0].issuer_code,
                                     .now = life.now};
    if (actions.count == 0)
        return;
    memcpy(change.id, actions.ids[dice / 4 % (uint64_t)actions.count], REGISTRY_ID_BYTES);
    (void)registry_commit(registry, &change);
}

static void live_one_step(bool versions)
{
    uint64_t dice = seeded_next(&dice_of_life);
    int n = (int)(dice % (uint64_t)life.licences);
    dice /= 1024;
    life.now += 7;
    switch (dice % 8) {
    case 0:
        life.records[n].source_version++;
        life.records[n].issuer_status = some_status(dice / 16);
        life.records[n].valid_until += versions;
        deliver(n);
        return;
    case 1: {
        struct registry_change change = fixture_status(find(n)->id, some_status(dice / 16));
        change.now = life.now;
        commit(change, REGISTRY_OK);
        return;
    }
    case 2:
        decide(dice / 16);
        return;
    case 3:
        if (dice / 16 % 4 == 0)
            commit((struct registry_change){.kind = CHANGE_ESCALATE, .now = life.now}, REGISTRY_OK);
        else if (dice / 16 % 4 == 1 && versions && life.licences < 3 * LICENCES)
            deliver_new();
        return;
    default:
        act(n, dice / 16);
    }
}

static void live(uint64_t seed, bool versions)
{
    life = (struct life){.now = FIXTURE_NOW};
    dice_of_life = (struct seeded){seed};
    actions.count = 0;
    for (int i = 0; i < LICENCES; i++)
        deliver_new();
    for (int i = 0; i < STEPS; i++)
        live_one_step(versions);
    back_up();
    for (int i = 0; i < STEPS; i++)
        live_one_step(versions);
}

static void lose(void)
{
    for (int i = 0; i < actions.count; i++)
        assert_int_equal(registry_action(reader, actions.ids[i], &actions.lost[i]), REGISTRY_OK);
    restore();
}

/* ---- comparing ---- */

static const struct state *state_of(const struct states *states, const char *id)
{
    for (int i = 0; i < states->count; i++)
        if (strcmp(states->licences[i].id, id) == 0)
            return &states->licences[i];
    return NULL;
}

static int stricter(int a, int b)
{
    enum licence_status x = LICENCE_STATUS_COUNT, y = LICENCE_STATUS_COUNT;
    for (int i = 0; i < LICENCE_STATUS_COUNT; i++) {
        if ((int)licence_status_code((enum licence_status)i) == a)
            x = (enum licence_status)i;
        if ((int)licence_status_code((enum licence_status)i) == b)
            y = (enum licence_status)i;
    }
    return x < y ? a : b;
}

/* A licence is what it was when it was lost; or in doubt, if its version is. */
static void compare(const struct state *now, const struct state *lost, const struct state *before)
{
    bool version_lost = lost->version != before->version;
    assert_string_equal(now->holds, lost->holds);
    assert_int_equal(now->issuer_status, lost->issuer_status);
    assert_int_equal(now->in_doubt, version_lost);
    assert_int_equal(now->status, version_lost ? stricter(lost->status, 98) : lost->status);
    assert_int_equal(now->list, lost->list);
    assert_int_equal(now->index, lost->index);
    assert_int_equal(now->version, lost->version);
}

/* Every place that was ever given out: valid only where it was when the registry was lost. */
static void compare_places(void)
{
    static uint8_t arrays[LISTS_MAX][STATUS_LIST_BYTES];
    struct registry_list positions[REGISTRY_LISTS_MAX];
    size_t lists = REGISTRY_LISTS_MAX;
    struct registry_query query;
    assert_int_equal(registry_lists(reader, positions, &lists), REGISTRY_OK);
    assert_true(lists <= LISTS_MAX);
    for (size_t i = 0; i < lists; i++)
        assert_int_equal(registry_list_array(reader, (uint16_t)i, arrays[i], &positions[i]),
                         REGISTRY_OK);
    for (size_t i = 0; i < log_events.count; i++) {
        const struct registry_event *e = &log_events.events[i].event;
        if (e->kind != EVENT_ISSUED && e->kind != EVENT_VERSION)
            continue;
        uint8_t bits = status_list_get(arrays[e->list], e->index);
        char id[2 * REGISTRY_ID_BYTES + 1];
        for (int k = 0; k < REGISTRY_ID_BYTES; k++)
            snprintf(id + 2 * k, 3, "%02X", e->licence[k]);
        const struct state *was = state_of(&lost_states, id);
        bool present = was->list == e->list && was->index == e->index;
        enum registry_error error = find_place(e->list, e->index, &query);
        if (!state_of(&backup_states, id)) {
            assert_int_equal(error, REGISTRY_ERR_NOT_FOUND);
            assert_int_equal(bits, 3);
            continue;
        }
        assert_int_equal(error, REGISTRY_OK);
        assert_int_equal(bits, licence_status_bits(query.licence.status));
        assert_int_equal(query.licence.superseded, !present);
        if (query.licence.status == LICENCE_STATUS_VALID)
            assert_true(present && was->status == 1);
    }
}

static void compare_action(const struct registry_action *a, const struct registry_action *lost)
{
    assert_int_equal(a->kind, lost->kind);
    assert_int_equal(a->state, lost->state);
    assert_string_equal(a->agency, lost->agency);
    assert_string_equal(a->case_number, lost->case_number);
    assert_string_equal(a->officer, lost->officer);
    assert_string_equal(a->terminal, lost->terminal);
    assert_int_equal(a->has_evidence, lost->has_evidence);
    assert_memory_equal(a->evidence_hash, lost->evidence_hash, sizeof a->evidence_hash);
    assert_int_equal(a->due_at, lost->due_at);
    assert_int_equal(a->at, lost->at);
    assert_int_equal(a->decided_at, lost->decided_at);
    assert_string_equal(a->decided_by, lost->decided_by);
    assert_int_equal(a->effective, lost->effective);
    assert_int_equal(a->event, lost->event);
}

/* All actions are what they were when the registry was lost; `lost_ones`: also those on licences
 * that the backup does not have. */
static void compare_actions(bool lost_ones)
{
    struct registry_action action;
    int from_log = 0, escalated = 0;
    for (int i = 0; i < actions.count; i++) {
        const struct registry_action *lost = &actions.lost[i];
        char id[2 * REGISTRY_ID_BYTES + 1];
        for (int k = 0; k < REGISTRY_ID_BYTES; k++)
            snprintf(id + 2 * k, 3, "%02X", lost->licence[k]);
        enum registry_error error = registry_action(reader, actions.ids[i], &action);
        bool there = lost_ones || state_of(&backup_states, id);
        assert_int_equal(error, there ? REGISTRY_OK : REGISTRY_ERR_NOT_FOUND);
        if (error)
            continue;
        compare_action(&action, lost);
        from_log += action.from_log;
        escalated += action.state == ACTION_STATE_ESCALATED;
    }
    assert_true(from_log > 10 && escalated > 2);
}

static void compare_all(void)
{
    static struct states now;
    int in_doubt = 0;
    read_states(&now);
    for (int i = 0; i < backup_states.count; i++) {
        const struct state *before = &backup_states.licences[i];
        const struct state *lost = state_of(&lost_states, before->id);
        compare(state_of(&now, before->id), lost, before);
        in_doubt += lost->version != before->version;
    }
    assert_int_equal(replay.in_doubt, in_doubt);
    assert_int_equal(replay.lost_licences, lost_states.count - backup_states.count);
    compare_places();
    fixture_check_lists(reader);
}

/* ---- tests ---- */

static void test_nothing_but_statuses(void **state)
{
    /* If this fails, a restored registry forgets a revocation or a hold, or invents one. */
    (void)state;
    live(1, false);
    lose();
    struct registry_list before, after;
    size_t count = 1;
    assert_int_equal(registry_lists(reader, &before, &count), REGISTRY_OK);
    struct registry_change change = reconcile(REGISTRY_OK);
    assert_int_equal(registry_lists(reader, &after, &count), REGISTRY_OK);
    assert_true(before.generation != after.generation);
    assert_int_equal(replay.events, log_events.count - backup_last);
    assert_true(replay.holds_placed > 10 && replay.holds_lifted > 10 && replay.statuses > 10);
    assert_int_equal(replay.superseded + replay.in_doubt + replay.lost_licences, 0);
    assert_int_equal(change.event, log_events.count + 1);
    compare_all();
    compare_events();
    compare_actions(false);
    assert_int_equal(replay.actions, ask("SELECT count(*) FROM action WHERE body = x''"));
}

static void test_versions_and_new_licences(void **state)
{
    /* If this fails, a licence whose present version was lost is valid or unknown, or a new one
     * gets a place that another had. */
    (void)state;
    for (uint64_t seed = 2; seed < 5; seed++) {
        live(seed, true);
        lose();
        reconcile(REGISTRY_OK);
        assert_true(replay.in_doubt > 5 && replay.lost_licences > 0 && replay.superseded > 5);
        compare_all();
        compare_events();
        compare_actions(false);

        /* Its issuer delivers all of it again: nobody is in doubt, and every place is fresh. */
        life.now += 1000;
        for (int n = 0; n < life.licences; n++)
            deliver(n);
        compare_actions(true);
        static struct states now;
        read_states(&now);
        assert_int_equal(now.count, lost_states.count);
        for (int i = 0; i < backup_states.count; i++) {
            const struct state *lost = state_of(&lost_states, backup_states.licences[i].id);
            const struct state *s = state_of(&now, lost->id);
            bool was_lost = lost->version != backup_states.licences[i].version;
            assert_int_equal(s->in_doubt, 0);
            assert_string_equal(s->holds, lost->holds);
            assert_int_equal(s->status, lost->status);
            assert_int_equal(s->version, lost->version + was_lost);
            assert_int_equal(s->list, was_lost ? 1 : lost->list);
        }
        assert_int_equal(ask("SELECT count(*) FROM licence WHERE list = 1"),
                         (int64_t)(replay.in_doubt + replay.lost_licences));
        fixture_check_lists(reader);
        tear_down(NULL);
        set_up(NULL);
    }
}

static void test_refused(void **state)
{
    /* If this fails, a log that has gaps or can't be read leaves a registry half reconciled. */
    (void)state;
    static struct states before, after;
    live(9, true);
    lose();
    read_states(&before);
    uint64_t last = last_event();
    fails_at = log_events.count - 1;
    struct registry_change change = reconcile(REGISTRY_ERR_REFUSED);
    assert_string_equal(change.refusal, "the log's records could not be read");
    fails_at = 0;
    log_events.events[log_events.count - 2].event.number++;
    reconcile(REGISTRY_ERR_REFUSED);
    log_events.events[log_events.count - 2].event.number--;
    backup_last++;
    reconcile(REGISTRY_ERR_REFUSED);
    backup_last--;
    read_states(&after);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(last_event(), last);
    reconcile(REGISTRY_OK);
    compare_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESTORE(test_nothing_but_statuses),
        RESTORE(test_versions_and_new_licences),
        RESTORE(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
