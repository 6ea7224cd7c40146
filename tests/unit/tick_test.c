#include "gateway/tick.h"

#include "base/clock.h"
#include "gateway/home.h"
#include "gateway/routes.h"
#include "tests/support.h"

#define TICK_MS 50

/* Without this the moment of a refusal would tell of the work before it, or come too soon. */
static void a_tick_is_the_first_after_half_a_tick(void **state)
{
    (void)state;
    static const struct {
        uint64_t arrived_us, now_us, due_us;
    } cases[] = {
        {0, 0, 50000},           {25000, 25000, 50000},   {25001, 25001, 100000},
        {50000, 50000, 100000},  {75000, 75000, 100000},  {75001, 75001, 150000},
        {75001, 100001, 150000}, {25000, 50000, 50000},   {25000, 50001, 100000},
        {25000, 99999, 100000},  {25000, 170000, 200000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(tick_after(cases[i].arrived_us, cases[i].now_us, TICK_MS),
                         cases[i].due_us);
    struct seeded seeded = {7};
    for (int i = 0; i < 10000; i++) {
        uint64_t arrived_us = seeded_next(&seeded) >> 20;
        uint64_t due_us = tick_after(arrived_us, arrived_us, TICK_MS);
        assert_int_equal(due_us % 50000, 0);
        assert_true(due_us - arrived_us >= 25000 && due_us - arrived_us < 75000);
        /* Whatever the work took, up to half a tick, it leaves at the same moment. */
        uint64_t worked_us = seeded_next(&seeded) % 25001;
        assert_int_equal(tick_after(arrived_us, arrived_us + worked_us, TICK_MS), due_us);
    }
}

/* ---- waiting for it ---- */

#define WAITERS 20
static struct gateway_loop *home;
static uint64_t due_us, came_us[WAITERS];
static int came;

struct waiter {
    struct operation op;
    struct tick tick;
};

static enum step_result wait_for_tick(struct operation *op)
{
    struct waiter *waiter = (struct waiter *)op;
    return tick_wait(&waiter->tick, op, due_us);
}

static enum step_result note(struct operation *op)
{
    (void)op;
    came_us[came++] = clock_mono_us();
    if (came == WAITERS)
        loop_stop(home->loop);
    return STEP_DONE;
}

/* Without this a refusal could leave before its tick, or never. */
static void those_who_wait_go_on_at_their_tick(void **state)
{
    (void)state;
    static const struct flow flow = {
        "waiter", sizeof(struct waiter), 2, {{"wait", wait_for_tick}, {"note", note}}};
    static struct waiter waiters[WAITERS];
    home = test_calloc(1, sizeof *home);
    home->loop = loop_create();
    home->http = (struct http_loop *)home; /* not NULL: there is somebody to be answered */
    due_us = tick_after(clock_mono_us(), clock_mono_us(), 10);
    for (int i = 0; i < WAITERS; i++) {
        waiters[i].op =
            (struct operation){.flow = &flow, .route = route_at(ROUTE_PARTNER_CHECK), .home = home};
        assert_int_equal(wait_for_tick(&waiters[i].op), STEP_WAIT);
    }
    loop_run(home->loop);
    assert_int_equal(came, WAITERS);
    for (int i = 0; i < WAITERS; i++)
        assert_true(came_us[i] >= due_us);
    loop_destroy(&home->loop); /* CHECKs that nothing is watched any more */
    test_free(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tick_is_the_first_after_half_a_tick),
        cmocka_unit_test(those_who_wait_go_on_at_their_tick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
