#include "tests/unit/sequencer_fixture.h"

/* Broken: what was there before the gateway started would be missing in the log, or stand in it
 * twice after the next start. More than a batch here. */
static void all_that_is_there_is_taken_once(void **state)
{
    (void)state;
    journal_with(0, 0, 0, 6000);
    journal_with(0, 1, 0, 3);
    journal_with(1, 1, 0, 1000);
    event_count = 1500;
    for (int round = 0; round < 3; round++) {
        struct sequencer *sequencer = start();
        wait_for_size(sequencer, 8503);
        assert_true(sequencer_leads(sequencer));
        assert_int_equal(sequencer_events_logged(sequencer), 1500);
        stop_and_assert(&sequencer, (const uint64_t[]){6000, 3, 0, 1000}, 1500);
        assert_int_equal(told.seen, 8503);
        assert_int_equal(told.troubles, 0);
        assert_non_null(strstr(told.note, "fictional.example/evidence\n8503\n"));
        told.note[0] = 0;
    }
}

/* Broken: what comes while it runs would wait for the next start, or be lost between two files. */
static void journals_that_grow_are_followed(void **state)
{
    (void)state;
    struct writer writers[FOLDERS * LOOPS];
    const uint64_t count = 3000;
    struct sequencer *sequencer = start();
    start_writers(writers, count);
    for (unsigned i = 0; i < FOLDERS * LOOPS; i++)
        pthread_join(writers[i].thread, NULL);
    wait_for_size(sequencer, FOLDERS * LOOPS * count + event_count);
    assert_true(sequencer_counters(sequencer)->commits > 2);
    assert_int_equal(sequencer_counters(sequencer)->lag_us, 0);
    assert_int_equal(told.troubles, 0);
    stop_and_assert(&sequencer, (const uint64_t[]){count, count, count, count}, event_count);
    assert_int_equal(told.seen, FOLDERS * LOOPS * count + event_count);
    assert_int_equal(access(path_in(world.journals[1], "journal-1-00000020.jwbj"), F_OK), 0);
}

/* Broken: a killed gateway would leave a log that lacks records, or has them twice. */
static void killed_at_any_moment_it_goes_on_where_the_log_ended(void **state)
{
    (void)state;
    struct journal *journal = open_journal_sized(0, 0, 20000);
    uint64_t n = 0;
    for (int round = 0; round < 25; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            start();
            for (;;)
                pause();
        }
        for (unsigned i = 0; i < 40u + (unsigned)round * 7; i++) {
            write_records(journal, 0, n, n + 5);
            n += 5;
            event_count++; /* the child has its own count, of the moment of the fork */
        }
        wait_until_synced(journal);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
    struct sequencer *sequencer = start();
    wait_for_size(sequencer, n + event_count);
    stop_and_assert(&sequencer, (const uint64_t[]){n, 0, 0, 0}, event_count);
    journal_close(&journal);
}

/* Broken: two gateways would write one log; or nobody would, when one of them is gone; or the
 * second would answer before the first has its event in the log. */
static void one_leads_and_the_other_follows_and_takes_over(void **state)
{
    (void)state;
    journal_with(0, 0, 0, 10);
    event_count = 3;
    struct sequencer *first = start();
    wait_for_size(first, 13);
    struct sequencer *second = start();
    assert_false(sequencer_leads(second));
    wait_for_size(second, 13);
    event_count = 7;
    sequencer_wake(second);
    while (sequencer_events_logged(second) < 7)
        sched_yield();
    while (sequencer_events_logged(first) < 7) /* it tells when the disk has it already */
        sched_yield();
    assert_false(sequencer_leads(second));
    assert_int_equal(sequencer_counters(second)->entries, 0);
    sequencer_stop(&first);
    journal_with(1, 0, 0, 10);
    event_count = 9;
    wait_for_size(second, 29);
    assert_true(sequencer_leads(second));
    assert_int_equal(told.troubles, 0);
    stop_and_assert(&second, (const uint64_t[]){10, 0, 10, 0}, 9);
}

/* Broken: a gateway whose journals the log's writer does not know would answer for ever on evidence
 * that is in no log, and nobody would learn of it. */
static void a_follower_tells_that_its_journals_are_not_taken(void **state)
{
    (void)state;
    const char *known = world.journals[0];
    world.journals[0] = world.journals[1] = temp_folder();
    event_count = 3;
    struct sequencer *first = start();
    wait_for_size(first, 3);
    world.journals[0] = known;
    struct journal *journal = open_journal(0, 0);
    struct sequencer *second = start();
    write_records(journal, 0, 0, 10);
    while (sequencer_counters(second)->lag_us == 0)
        sched_yield();
    assert_int_equal(told.troubles, 0); /* not at once */
    wait_for_trouble("whoever writes this log takes nothing of");
    assert_true(trouble_has(known));
    assert_true(sequencer_counters(second)->lag_us > 5000000);
    sequencer_stop(&first); /* the second takes over */
    wait_for_size(second, 13);
    wait_for_trouble("");
    journal_close(&journal);
    stop_and_assert(&second, (const uint64_t[]){10, 0, 0, 0}, 3);
}

static void append_to(const char *path, struct bytes octets)
{
    int file = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(file, octets.data, octets.len), octets.len);
    close(file);
}

/* Broken: what a crash left half written would be taken for damage or for a record, or keep what
 * the next gateway writes in its place out of the log. */
static void a_torn_end_is_waited_for(void **state)
{
    (void)state;
    const char *path = path_in(world.journals[0], "journal-0-00000001.jwbj");
    journal_with(0, 0, 0, 20);
    struct bytes file = read_file(path);
    for (size_t torn = 1; torn < 100; torn += 14) {
        uint64_t n = 20 + torn / 14;
        append_to(path, bytes_of(file.data + 24, torn));
        struct sequencer *sequencer = start();
        event_count++;
        wait_for_size(sequencer, n + event_count);
        struct journal *journal = open_journal(0, 0); /* cuts it off */
        write_records(journal, 0, n, n + 1);
        wait_for_size(sequencer, n + 1 + event_count);
        stop_and_assert(&sequencer, (const uint64_t[]){n + 1, 0, 0, 0}, event_count);
        journal_close(&journal);
    }
    assert_int_equal(told.troubles, 0);
}

/* Broken: the log would have what the disk never got, or what is cut off again. */
static void only_what_is_synced_is_taken(void **state)
{
    (void)state;
    struct journal *journal = open_journal(0, 0);
    write_records(journal, 0, 0, 10);
    wait_until_synced(journal);
    struct sequencer *sequencer = start();
    wait_for_size(sequencer, 10);
    journal_with(1, 0, 0, 5);
    wait_for_size(sequencer, 15);
    journal_sync_held = true;
    write_records(journal, 0, 10, 20);
    for (uint64_t n = 0; n < 20; n++) { /* many commits, of others */
        event_count++;
        wait_for_size(sequencer, 16 + n);
    }
    journal_sync_held = false;
    wait_for_size(sequencer, 45);
    stop_and_assert(&sequencer, (const uint64_t[]){20, 0, 5, 0}, 20);
    journal_close(&journal);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, each_begins)
    const struct CMUnitTest tests[] = {
        TEST(all_that_is_there_is_taken_once),
        TEST(journals_that_grow_are_followed),
        TEST(killed_at_any_moment_it_goes_on_where_the_log_ended),
        TEST(one_leads_and_the_other_follows_and_takes_over),
        TEST(a_follower_tells_that_its_journals_are_not_taken),
        TEST(a_torn_end_is_waited_for),
        TEST(only_what_is_synced_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
