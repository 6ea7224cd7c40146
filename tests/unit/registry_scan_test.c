/* What terminals scanned offline: an event for each, once. */
#include "tests/registry_restore.h"

static struct seen seen;

static struct registry_scan scan_of(uint8_t id, const struct registry_licence *licence)
{
    struct registry_scan scan = {.id = {id, 0xAB},
                                 .at = FIXTURE_NOW - 3600,
                                 .reason = REASON_NONE,
                                 .status_as_of = FIXTURE_NOW - 7200,
                                 .bundle_version = 42,
                                 .authentic = licence != NULL};
    if (licence) {
        scan.list = licence->list;
        scan.index = licence->index;
        scan.version = licence->version;
        scan.fields = 7;
    }
    return scan;
}

static struct registry_change deliver_scans(const char *client, struct registry_scan *scans,
                                            size_t count, enum registry_error expected)
{
    return commit(
        (struct registry_change){
            .kind = CHANGE_SCANS,
            .actor = {.role = TOKEN_ROLE_INSPECTOR, .client = bytes_str(client), .request_id = 9},
            .agency = BYTES("traffic-police"),
            .scans = scans,
            .scan_count = count,
            .now = FIXTURE_NOW},
        expected);
}

static int set_up_terminal(void **state)
{
    set_up(state);
    add_client("terminal-1", TOKEN_ROLE_INSPECTOR);
    add_client("terminal-2", TOKEN_ROLE_INSPECTOR);
    life = (struct life){.now = FIXTURE_NOW};
    deliver_new();
    return 0;
}

static void test_event(void **state)
{
    /* If this fails, evidence does not say what was scanned, when, by whom, and what the terminal
     * answered. */
    (void)state;
    struct registry_scan scans[] = {scan_of(1, find(0)), scan_of(2, NULL)};
    uint64_t before = last_event();
    scans[1].reason = REASON_BAD_SIGNATURE;
    scans[1].status_as_of = 0;
    struct registry_change change = deliver_scans("terminal-1", scans, 2, REGISTRY_OK);
    assert_int_equal(change.event, before + 2);
    assert_false(scans[0].known || scans[1].known);
    see_events(before, &seen);
    const struct registry_event *e = &seen.events[0].event, *none = &seen.events[1].event;
    assert_int_equal(e->kind, EVENT_OFFLINE_SCAN);
    assert_int_equal(e->at_us, FIXTURE_NOW * INT64_C(1000000));
    assert_int_equal(e->role, TOKEN_ROLE_INSPECTOR);
    assert_int_equal(e->request_id, 9);
    assert_bytes(e->client, "terminal-1");
    assert_bytes(e->subject, "");
    assert_bytes(e->agency, "traffic-police");
    assert_bytes(e->reference, "01ab0000000000000000000000000000 2023-11-15T05:13:20+08:00");
    assert_bytes(e->purpose, "2023-11-15T04:13:20+08:00 42");
    assert_int_equal(e->fields, 7);
    assert_int_equal(e->detail, REASON_NONE);
    assert_true(e->result && e->has_licence);
    assert_memory_equal(e->licence, find(0)->id, REGISTRY_ID_BYTES);
    assert_int_equal(e->index, find(0)->index);
    assert_int_equal(e->status, 1);
    assert_false(none->has_licence || none->result);
    assert_int_equal(none->detail, REASON_BAD_SIGNATURE);
    assert_bytes(none->purpose, "- 42");
}

static void test_once(void **state)
{
    /* If this fails, a delivery whose answer was lost is told twice, or one terminal's ids hide
     * another's scans. */
    (void)state;
    struct registry_scan scans[] = {scan_of(1, find(0)), scan_of(2, NULL), scan_of(1, NULL)};
    deliver_scans("terminal-1", scans, 3, REGISTRY_OK);
    assert_true(!scans[0].known && !scans[1].known && scans[2].known);
    uint64_t last = last_event();
    struct registry_change change = deliver_scans("terminal-1", scans, 2, REGISTRY_OK);
    assert_true(scans[0].known && scans[1].known);
    assert_int_equal(change.event, last); /* waited for, as the first time */
    assert_int_equal(last_event(), last);
    deliver_scans("terminal-2", scans, 1, REGISTRY_OK);
    assert_false(scans[0].known);
    assert_int_equal(last_event(), last + 1);
    deliver_scans("terminal-3", scans, 1, REGISTRY_ERR_NOT_FOUND);
    assert_int_equal(last_event(), last + 1);
}

static void test_older_version(void **state)
{
    /* If this fails, the holder of a licence is told of scans of the one before him; or a place
     * that a restored registry gave to another licence tells that one's holder. */
    (void)state;
    struct registry_scan scan = scan_of(1, find(0));
    uint32_t old = find(0)->index;
    life.records[0].valid_until++;
    life.records[0].source_version++;
    deliver(0);
    uint64_t before = last_event();
    deliver_scans("terminal-1", &scan, 1, REGISTRY_OK);
    struct registry_scan other = scan_of(2, find(0));
    other.version++;
    deliver_scans("terminal-1", &other, 1, REGISTRY_OK);
    see_events(before, &seen);
    assert_true(seen.events[0].event.has_licence);
    assert_int_equal(seen.events[0].event.index, old);
    assert_int_equal(seen.events[0].event.version, 1);
    assert_int_equal(seen.events[0].event.status, 0); /* superseded */
    assert_false(seen.events[1].event.has_licence);
}

static void test_of_a_place(void **state)
{
    /* If this fails, a citizen is not told that his licence was scanned, or is told another's. */
    (void)state;
    bool more;
    struct registry_scan scans[] = {scan_of(1, find(0)), scan_of(2, find(0)), scan_of(3, NULL)};
    const uint32_t place = find(0)->index;
    deliver_scans("terminal-1", scans, 3, REGISTRY_OK);
    hold(CHANGE_HOLD_PLACE, 0, HOLD_SEIZED, "A", "1");
    const int64_t at_us = FIXTURE_NOW * INT64_C(1000000);
    const struct {
        uint32_t index;
        int64_t since, before;
        size_t max, told;
        bool more;
    } asked[] = {
        {place, 0, 0, 5, 2, false},     {place, at_us, at_us + 1, 2, 2, false},
        {place, 0, 0, 1, 1, true},      {place, at_us + 1, 0, 5, 0, false},
        {place, 0, at_us, 5, 0, false}, {place ^ 1, 0, 0, 5, 0, false},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        seen.count = 0;
        assert_int_equal(registry_place_scans(reader, 0, asked[i].index, asked[i].since,
                                              asked[i].before, asked[i].max, see_event, &seen,
                                              &more),
                         REGISTRY_OK);
        assert_int_equal(seen.count, asked[i].told);
        assert_int_equal(more, asked[i].more);
        if (seen.count) /* the newest first */
            assert_true(bytes_start_with(seen.events[0].event.reference, BYTES("02ab")));
    }
}

static void test_of_a_version(void **state)
{
    /* If this fails, whoever has a licence now is told who scanned it while it was another's. */
    (void)state;
    bool more;
    struct registry_scan old = scan_of(1, find(0));
    life.records[0].valid_until++;
    life.records[0].source_version++;
    deliver(0);
    struct registry_scan scans[] = {old, scan_of(2, find(0))};
    deliver_scans("terminal-1", scans, 2, REGISTRY_OK);
    for (int i = 0; i < 2; i++) {
        seen.count = 0;
        assert_int_equal(
            registry_place_scans(reader, 0, scans[i].index, 0, 0, 5, see_event, &seen, &more),
            REGISTRY_OK);
        assert_int_equal(seen.count, 1);
        assert_int_equal(seen.events[0].event.index, scans[i].index);
    }
}

static void test_restored(void **state)
{
    /* If this fails, a registry that was restored has lost scans that are in the log, or takes them
     * a second time when the terminal delivers them again. */
    (void)state;
    struct registry_scan scans[] = {scan_of(1, find(0)), scan_of(2, find(0)), scan_of(3, NULL)};
    deliver_scans("terminal-1", scans, 1, REGISTRY_OK);
    back_up();
    life.now += 10;
    deliver_scans("terminal-1", scans + 1, 2, REGISTRY_OK);
    add_client("terminal-9", TOKEN_ROLE_INSPECTOR);
    struct registry_scan lost = scan_of(4, find(0));
    deliver_scans("terminal-9", &lost, 1, REGISTRY_OK);
    restore();
    reconcile(REGISTRY_OK);
    compare_events();
    uint64_t last = last_event();
    deliver_scans("terminal-1", scans, 3, REGISTRY_OK);
    assert_true(scans[0].known && scans[1].known && scans[2].known);
    assert_int_equal(last_event(), last);
    assert_int_equal(ask("SELECT count(*) FROM offline_scan"), 3);
}

static void test_older_version_restored(void **state)
{
    /* If this fails, a restored registry says of a scan of an older version that it was of the
     * present one. */
    (void)state;
    struct registry_scan scan = scan_of(1, find(0));
    life.records[0].valid_until++;
    life.records[0].source_version++;
    deliver(0);
    back_up();
    deliver_scans("terminal-1", &scan, 1, REGISTRY_OK);
    restore();
    reconcile(REGISTRY_OK);
    compare_events();
}

#define TERMINAL(name) cmocka_unit_test_setup_teardown(name, set_up_terminal, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TERMINAL(test_event),
        TERMINAL(test_once),
        TERMINAL(test_older_version),
        TERMINAL(test_of_a_place),
        TERMINAL(test_of_a_version),
        TERMINAL(test_restored),
        TERMINAL(test_older_version_restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
