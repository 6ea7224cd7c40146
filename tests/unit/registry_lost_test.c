/* Licences that were added after the backup: what was done to them is in the log alone, and waits
 * for their issuer to deliver them again. */
#include "registry/action.h"
#include "tests/registry_restore.h"

enum { SOME = 6 };

/* Two licences that the backup knows, then a life of some that it does not. */
static void begin(void)
{
    life = (struct life){.now = FIXTURE_NOW};
    deliver_new();
    deliver_new();
    back_up();
    for (int i = 0; i < SOME; i++)
        deliver_new();
}

static int64_t open_holds(void)
{
    return ask("SELECT count(*) FROM hold WHERE lifted IS NULL");
}

/* 2: seized, 3: revoked, 4: seized and restored, 5: revoked and valid again, 6: two holds, 7: not
 * touched. */
static void act_on_them(void)
{
    assert_int_equal(hold(CHANGE_HOLD_PLACE, 2, HOLD_SEIZED, "A", "1"), REGISTRY_OK);
    set_status(3, LICENCE_STATUS_REVOKED);
    assert_int_equal(hold(CHANGE_HOLD_PLACE, 4, HOLD_SEIZED, "A", "2"), REGISTRY_OK);
    assert_int_equal(hold(CHANGE_HOLD_LIFT, 4, 0, "A", "2"), REGISTRY_OK);
    set_status(5, LICENCE_STATUS_REVOKED);
    set_status(5, LICENCE_STATUS_VALID);
    assert_int_equal(hold(CHANGE_HOLD_PLACE, 6, HOLD_SEIZED, "A", "3"), REGISTRY_OK);
    assert_int_equal(hold(CHANGE_HOLD_PLACE, 6, HOLD_WITHDRAWN, "B", "3"), REGISTRY_OK);
}

static void check_them(void)
{
    assert_int_equal(find(2)->status, LICENCE_STATUS_SEIZED);
    assert_int_equal(find(3)->status, LICENCE_STATUS_REVOKED);
    assert_int_equal(find(4)->status, LICENCE_STATUS_VALID);
    assert_int_equal(find(5)->status, LICENCE_STATUS_VALID);
    assert_int_equal(find(6)->status, LICENCE_STATUS_WITHDRAWN);
    assert_int_equal(find(7)->status, LICENCE_STATUS_VALID);
    assert_int_equal(open_holds(), 3);
    for (int n = 0; n < life.licences; n++)
        assert_int_equal(bits_at(find(n)->list, find(n)->index),
                         licence_status_bits(find(n)->status));
    fixture_check_lists(reader);
}

static char *copy_of_backup(void)
{
    char statement[512];
    const char *present = path;
    char *copy = check_strdup(path_in(temp_folder(), "copy.db"));
    (void)remove(copy);
    snprintf(statement, sizeof statement, "VACUUM INTO '%s'", copy);
    path = backup;
    tamper(statement);
    path = present;
    return copy;
}

static void deliver_all_at_once(void)
{
    enum registry_outcome outcomes[SOME + 2];
    struct registry_change change = {.kind = CHANGE_IMPORT,
                                     .records = life.records,
                                     .outcomes = outcomes,
                                     .record_count = SOME + 2,
                                     .source = BYTES("test"),
                                     .now = life.now};
    commit(change, REGISTRY_OK);
    for (int i = 2; i < SOME + 2; i++)
        assert_int_equal(outcomes[i], OUTCOME_ADDED);
}

static void test_delivered_again(void **state)
{
    /* If this fails, a licence that was seized or revoked after the backup is valid when its issuer
     * delivers it again. */
    (void)state;
    uint8_t reference[REGISTRY_REFERENCE_BYTES];
    begin();
    act_on_them();
    check_them();
    memcpy(reference, find(2)->reference, sizeof reference);
    restore();
    reconcile(REGISTRY_OK);
    assert_int_equal(replay.lost_licences, SOME);
    assert_int_equal(replay.lost_holds, 3);
    assert_int_equal(replay.lost_statuses, 1);
    assert_int_equal(open_holds(), 0);
    deliver_all_at_once();
    check_them();
    assert_memory_equal(find(2)->reference, reference, sizeof reference);
    assert_int_equal(ask("SELECT count(*) FROM event WHERE lost IS NOT NULL"), 0);

    /* its case ends it as ever, and nothing comes back */
    assert_int_equal(hold(CHANGE_HOLD_LIFT, 2, 0, "A", "1"), REGISTRY_OK);
    life.records[2].valid_until++;
    deliver(2);
    assert_int_equal(find(2)->status, LICENCE_STATUS_VALID);
}

static void test_delivered_before(void **state)
{
    /* If this fails, whoever delivers before he reconciles makes a seized licence valid. */
    (void)state;
    begin();
    act_on_them();
    restore();
    deliver_all_at_once();
    assert_int_equal(find(2)->status, LICENCE_STATUS_VALID); /* of which nobody is told */
    reconcile(REGISTRY_OK);
    assert_int_equal(replay.lost_licences, 0);
    assert_int_equal(replay.lost_holds + replay.lost_statuses, 0);
    check_them();
}

static void test_restored_twice(void **state)
{
    /* If this fails, a second restore from the same backup forgets what the first one kept. */
    (void)state;
    begin();
    act_on_them();
    char *same = copy_of_backup();
    restore();
    reconcile(REGISTRY_OK);
    for (int n = 2; n < life.licences; n++)
        deliver(n);
    assert_int_equal(hold(CHANGE_HOLD_LIFT, 6, 0, "B", "3"), REGISTRY_OK);
    set_status(4, LICENCE_STATUS_REVOKED);
    backup = same;
    restore();
    reconcile(REGISTRY_OK);
    assert_int_equal(replay.lost_licences, SOME);
    assert_int_equal(replay.lost_holds, 2);
    deliver_all_at_once();
    assert_int_equal(find(2)->status, LICENCE_STATUS_SEIZED);
    assert_int_equal(find(3)->status, LICENCE_STATUS_REVOKED);
    assert_int_equal(find(4)->status, LICENCE_STATUS_REVOKED);
    assert_int_equal(find(5)->status, LICENCE_STATUS_VALID);
    assert_int_equal(find(6)->status, LICENCE_STATUS_SEIZED);
    assert_int_equal(find(7)->status, LICENCE_STATUS_VALID);
    assert_int_equal(open_holds(), 2);
    fixture_check_lists(reader);
}

static void test_kept_waiting(void **state)
{
    /* If this fails, what waits for a delivery is forgotten with the next backup. */
    (void)state;
    begin();
    act_on_them();
    restore();
    reconcile(REGISTRY_OK);
    back_up();
    deliver(7);
    restore();
    reconcile(REGISTRY_OK);
    assert_int_equal(replay.lost_licences, SOME);
    assert_int_equal(replay.lost_holds, 3);
    deliver_all_at_once();
    check_them();
}

static void test_other_versions(void **state)
{
    /* If this fails, an old file makes a licence valid that its issuer has revoked or changed
     * since, or its newest word counts for nothing. */
    (void)state;
    begin();
    life.records[2].source_version = 5;
    life.records[2].valid_until++;
    deliver(2);
    life.records[3].source_version = 5;
    life.records[3].issuer_status = LICENCE_STATUS_REVOKED;
    deliver(3);
    restore();
    reconcile(REGISTRY_OK);
    life.records[2].source_version = 4;
    life.records[2].valid_until--;
    life.records[2].issuer_status = LICENCE_STATUS_LAPSED;
    deliver(2);
    assert_int_equal(find(2)->status, LICENCE_STATUS_IN_DOUBT);
    deliver(2);
    assert_int_equal(find(2)->status, LICENCE_STATUS_IN_DOUBT);
    life.records[2].issuer_status = LICENCE_STATUS_VALID;
    life.records[2].source_version = 5;
    life.records[2].valid_until++;
    deliver(2);
    assert_int_equal(find(2)->status, LICENCE_STATUS_VALID);

    life.records[3].source_version = 4;
    life.records[3].issuer_status = LICENCE_STATUS_VALID;
    deliver(3);
    assert_int_equal(find(3)->status, LICENCE_STATUS_REVOKED);
    life.records[3].source_version = 6;
    deliver(3);
    assert_int_equal(find(3)->status, LICENCE_STATUS_VALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESTORE(test_delivered_again), RESTORE(test_delivered_before), RESTORE(test_restored_twice),
        RESTORE(test_kept_waiting),    RESTORE(test_other_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
