/* loop/loop.h: real descriptors, real threads, the loop run on the test's own
 * thread. The wall clock is replaced, for h2o reads it and nothing of ours may depend on it. */
#include "tests/support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "loop/loop.h"

/* ---- the wall clock as h2o sees it ---- */

static _Atomic int64_t wall_step_s;

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    (void)zone;
    struct timespec real;
    clock_gettime(CLOCK_REALTIME, &real);
    now->tv_sec = real.tv_sec + wall_step_s;
    now->tv_usec = real.tv_nsec / 1000;
    return 0;
}

/* ---- what was called, in its order ---- */

static struct loop *loop;
static char seen[4096];
static struct buf told;

static void begin(void)
{
    alarm(60); /* what would hang fails */
    loop = loop_create();
    told = BUF_OVER(seen);
    wall_step_s = 0;
}

static void end(void)
{
    loop_destroy(&loop);
    assert_null(loop);
}

#define assert_told(text) assert_string_equal(buf_cstr(&told), text)

struct named_timer {
    struct loop_timer timer;
    const char *name;
    unsigned again; /* times to restart itself */
    unsigned after_ms;
    struct named_timer *stops;
    bool last;
};

static void tell_timer(struct loop_timer *timer)
{
    struct named_timer *t = (struct named_timer *)timer;
    buf_put_str(&told, t->name);
    if (t->stops)
        loop_timer_stop(&t->stops->timer);
    if (t->again) {
        t->again--;
        loop_timer_start(loop, timer, t->after_ms);
    } else if (t->last) {
        loop_stop(loop);
    }
}

#define TIMER(...) ((struct named_timer){.timer.fire = tell_timer, .name = __VA_ARGS__})

/* Deadlines of requests would come in a wrong order, or not at all. */
static void timers_fire_in_order(void **state)
{
    (void)state;
    begin();
    struct named_timer a = TIMER("a"), b = TIMER("b"), c = TIMER("c"), d = TIMER("d", .last = true);
    loop_timer_start(loop, &d.timer, 30);
    loop_timer_start(loop, &c.timer, 20);
    loop_timer_start(loop, &a.timer, 10);
    loop_timer_start(loop, &b.timer, 10);
    loop_run(loop);
    assert_told("abcd");
    end();
}

/* A stopped deadline would answer a request a second time. */
static void stopped_timers_stay_silent(void **state)
{
    (void)state;
    begin();
    struct named_timer a = TIMER("a"), b = TIMER("b"), c = TIMER("c"),
                       last = TIMER(".", .last = true);
    loop_timer_stop(&a.timer); /* not running: nothing */
    loop_timer_start(loop, &a.timer, 5);
    loop_timer_start(loop, &b.timer, 5);
    loop_timer_start(loop, &c.timer, 5);
    a.stops = &b; /* due in the same turn */
    loop_timer_start(loop, &last.timer, 20);
    loop_run(loop);
    assert_told("ac.");
    end();
}

/* A deadline started anew would still end at its old time. */
static void a_restart_counts_anew(void **state)
{
    (void)state;
    begin();
    struct named_timer a = TIMER("a", .last = true), b = TIMER("b");
    loop_timer_start(loop, &a.timer, 10);
    loop_timer_start(loop, &b.timer, 20);
    uint64_t started_us = loop_now_us(loop);
    loop_timer_start(loop, &a.timer, 30);
    loop_run(loop);
    assert_told("ba");
    assert_true(loop_now_us(loop) - started_us >= 30000);
    end();
}

static uint64_t long_turn_us;

static void start_after_long_work(struct loop_timer *timer)
{
    struct named_timer *t = (struct named_timer *)timer;
    long_turn_us = loop_now_us(loop);
    while (clock_mono_us() - long_turn_us < 20000)
        continue;
    long_turn_us = clock_mono_us();
    loop_timer_start(loop, &t->stops->timer, 20);
}

/* A trip to Redis begun at the end of a long turn would be given up before it could be answered. */
static void a_long_turn_takes_nothing_off_a_deadline(void **state)
{
    (void)state;
    begin();
    struct named_timer b = TIMER("b", .last = true), a = TIMER("a", .stops = &b);
    a.timer.fire = start_after_long_work;
    loop_timer_start(loop, &a.timer, 1);
    loop_run(loop);
    assert_told("b");
    assert_true(loop_now_us(loop) - long_turn_us >= 20000);
    end();
}

/* A timer of 0 ms that restarts itself would hold the loop in one turn for ever. */
static void timers_of_zero_let_others_run(void **state)
{
    (void)state;
    begin();
    struct named_timer zero = TIMER("0", .again = 1000000), stop = TIMER("", .last = true);
    loop_timer_start(loop, &zero.timer, 0);
    loop_timer_start(loop, &stop.timer, 2);
    loop_run(loop);
    assert_true(zero.again > 0);
    loop_timer_stop(&zero.timer);
    end();
}

static void set_wall_back(struct loop_timer *timer)
{
    tell_timer(timer);
    wall_step_s = -3600;
}

/* One step of the wall clock, back or forth, would freeze or fire all deadlines and answers. */
static void a_step_of_the_wall_clock_changes_nothing(void **state)
{
    (void)state;
    static const int64_t steps[] = {-86400, 86400};
    for (size_t i = 0; i < 2; i++) {
        begin();
        struct named_timer back = TIMER("b"), a = TIMER("a", .again = 3, .after_ms = 5),
                           last = TIMER(".", .last = true);
        back.timer.fire = set_wall_back;
        wall_step_s = steps[i];
        loop_timer_start(loop, &back.timer, 1);
        loop_timer_start(loop, &a.timer, 5);
        loop_timer_start(loop, &last.timer, 100);
        loop_run(loop);
        assert_told("baaaa.");
        end();
    }
}

/* ---- the end of a turn ---- */

struct named_task {
    struct loop_task task;
    const char *name;
    struct named_task *queues; /* when it runs */
    enum loop_phase in;
    bool last;
};

static void tell_task(struct loop_task *task)
{
    struct named_task *t = (struct named_task *)task;
    buf_put_str(&told, t->name);
    if (t->queues) {
        loop_task_queue(loop, t->in, &t->queues->task);
        loop_task_queue(loop, t->in, &t->queues->task); /* queued already: nothing */
        t->queues = NULL;
    }
    if (t->last)
        loop_stop(loop);
}

#define TASK(...) ((struct named_task){.task.run = tell_task, .name = __VA_ARGS__})

/* An answer would leave before its evidence is written. */
static void phases_run_in_their_order(void **state)
{
    (void)state;
    begin();
    struct named_task answer = TASK("A", .last = true), record = TASK("R"), send = TASK("S"),
                      more = TASK("s");
    loop_task_queue(loop, LOOP_PHASE_ANSWER, &answer.task);
    loop_task_queue(loop, LOOP_PHASE_RECORD, &record.task);
    loop_task_queue(loop, LOOP_PHASE_SEND, &send.task);
    loop_task_queue(loop, LOOP_PHASE_SEND, &more.task);
    loop_task_queue(loop, LOOP_PHASE_SEND, &send.task);
    loop_run(loop);
    assert_told("SsRA");
    end();
}

/* What an answer queues (a next trip, another record) would be forgotten until some later event. */
static void phases_are_gone_through_again(void **state)
{
    (void)state;
    begin();
    struct named_task last = TASK("a", .last = true),
                      record = TASK("r", .queues = &last, .in = LOOP_PHASE_ANSWER),
                      send = TASK("s", .queues = &record, .in = LOOP_PHASE_RECORD),
                      first = TASK("A", .queues = &send, .in = LOOP_PHASE_SEND), other = TASK("B");
    loop_task_queue(loop, LOOP_PHASE_ANSWER, &first.task);
    loop_task_queue(loop, LOOP_PHASE_ANSWER, &other.task);
    loop_run(loop);
    assert_told("ABsra");
    end();
}

static struct named_task after_timer;

static void timer_queues(struct loop_timer *timer)
{
    tell_timer(timer);
    loop_task_queue(loop, LOOP_PHASE_ANSWER, &after_timer.task);
}

/* The answer that a deadline makes would wait for the next event. */
static void a_timer_may_queue(void **state)
{
    (void)state;
    begin();
    after_timer = TASK("A", .last = true);
    struct named_timer timer = TIMER("t");
    timer.timer.fire = timer_queues;
    loop_timer_start(loop, &timer.timer, 1);
    loop_run(loop);
    assert_told("tA");
    end();
}

/* A step back between the queueing and the turn would hold an answer for an hour. */
static void a_queued_task_survives_a_step_back(void **state)
{
    (void)state;
    begin();
    struct named_task task = TASK("A", .last = true);
    loop_task_queue(loop, LOOP_PHASE_ANSWER, &task.task);
    wall_step_s = -3600;
    loop_run(loop);
    assert_told("A");
    end();
}

/* ---- descriptors ---- */

struct reader {
    struct loop_watch *watch;
    int descriptor;
    unsigned until; /* octets, then it destroys its watch */
    unsigned read;
};

static void read_one(void *owner)
{
    struct reader *r = owner;
    char octet;
    assert_int_equal(read(r->descriptor, &octet, 1), 1);
    buf_put_u8(&told, (uint8_t)octet);
    if (++r->read == r->until) {
        loop_watch_destroy(&r->watch);
        loop_stop(loop);
    }
}

static const struct loop_watch_handlers reader_handlers = {.readable = read_one};

/* h2o would take the bytes that hiredis waits for, or close its descriptor. */
static void a_watch_leaves_bytes_and_descriptor_alone(void **state)
{
    (void)state;
    begin();
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct reader r = {.descriptor = pair[0], .until = 3};
    r.watch = loop_watch_create(loop, pair[0], &reader_handlers, &r);
    loop_watch_readable(r.watch, true);
    assert_int_equal(write(pair[1], "abcd", 4), 4);
    loop_run(loop); /* read_one destroys the watch in its own handler */
    assert_null(r.watch);
    assert_told("abc");
    char rest;
    assert_int_equal(read(pair[0], &rest, 1), 1);
    assert_int_equal(rest, 'd');
    close(pair[0]), close(pair[1]);
    end();
}

struct writer {
    struct loop_watch *watch;
    unsigned left;
};

static void tell_writable(void *owner)
{
    struct writer *w = owner;
    buf_put_str(&told, "w");
    if (--w->left) {
        loop_watch_writable(w->watch);
        loop_watch_writable(w->watch); /* armed already: nothing */
    } else {
        loop_watch_destroy(&w->watch);
        loop_stop(loop);
    }
}

/* A queue of commands that the kernel did not take at once would never be sent, or h2o abort. */
static void writable_is_told_once_per_call(void **state)
{
    (void)state;
    begin();
    static const struct loop_watch_handlers handlers = {.writable = tell_writable};
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct writer w = {.left = 3};
    w.watch = loop_watch_create(loop, pair[0], &handlers, &w);
    loop_watch_writable(w.watch);
    loop_run(loop);
    assert_told("www");
    close(pair[0]), close(pair[1]);
    end();
}

/* A connection given up while it waits to write would make h2o abort. */
static void a_watch_is_destroyed_while_armed(void **state)
{
    (void)state;
    begin();
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct writer w = {.left = 1};
    static const struct loop_watch_handlers handlers = {.readable = tell_writable,
                                                        .writable = tell_writable};
    w.watch = loop_watch_create(loop, pair[0], &handlers, &w);
    loop_watch_readable(w.watch, true);
    loop_watch_writable(w.watch);
    loop_watch_destroy(&w.watch);
    loop_watch_destroy(&w.watch); /* NULL: nothing */
    struct named_timer last = TIMER(".", .last = true);
    loop_timer_start(loop, &last.timer, 5);
    assert_int_equal(write(pair[1], "x", 1), 1);
    loop_run(loop);
    assert_told(".");
    close(pair[0]), close(pair[1]);
    end();
}

/* The other end's death would go unnoticed. */
static void a_hang_up_is_told_as_readable(void **state)
{
    (void)state;
    begin();
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct writer w = {.left = 1};
    static const struct loop_watch_handlers handlers = {.readable = tell_writable};
    w.watch = loop_watch_create(loop, pair[0], &handlers, &w);
    loop_watch_readable(w.watch, true);
    loop_watch_readable(w.watch, false);
    loop_watch_readable(w.watch, true);
    close(pair[1]);
    loop_run(loop);
    assert_told("w");
    close(pair[0]);
    end();
}

/* ---- messages ---- */

enum { POSTERS = 4, POSTS = 2000 };

struct numbered_message {
    struct loop_message message;
    unsigned poster, number;
};

static unsigned delivered[POSTERS];

static void deliver_numbered(struct loop_message *message)
{
    struct numbered_message *m = (struct numbered_message *)message;
    assert_int_equal(m->number, delivered[m->poster]);
    delivered[m->poster]++;
    unsigned all = 0;
    for (unsigned i = 0; i < POSTERS; i++)
        all += delivered[i];
    free(m);
    if (all == POSTERS * POSTS)
        loop_stop(loop);
}

static void *post_all(void *argument)
{
    for (unsigned i = 0; i < POSTS; i++) {
        struct numbered_message *m = check_alloc(sizeof *m);
        m->message.deliver = deliver_numbered;
        m->poster = (unsigned)(uintptr_t)argument;
        m->number = i;
        loop_post(loop, &m->message);
    }
    return NULL;
}

/* A completion from a worker would be lost, doubled, or overtake an earlier one. */
static void posts_arrive_once_and_in_order(void **state)
{
    (void)state;
    begin();
    pthread_t posters[POSTERS];
    for (uintptr_t i = 0; i < POSTERS; i++) {
        delivered[i] = 0;
        assert_int_equal(pthread_create(&posters[i], NULL, post_all, (void *)i), 0);
    }
    loop_run(loop);
    for (unsigned i = 0; i < POSTERS; i++) {
        pthread_join(posters[i], NULL);
        assert_int_equal(delivered[i], POSTS);
    }
    end();
}

static void *stop_it(void *argument)
{
    loop_stop(argument);
    return NULL;
}

/* A stop that comes before the loop runs, or from another thread, would hang the process. */
static void a_stop_is_not_lost(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, stop_it, loop), 0);
        if (i == 0)
            pthread_join(thread, NULL);
        loop_run(loop);
        if (i != 0)
            pthread_join(thread, NULL);
    }
    end();
}

static void ignore_signal(int number)
{
    (void)number;
}

/* Any signal would end the process. */
static void signals_do_not_end_it(void **state)
{
    (void)state;
    begin();
    struct sigaction action = {.sa_handler = ignore_signal}, before;
    sigaction(SIGALRM, &action, &before);
    struct itimerval every = {{0, 1000}, {0, 1000}}, none = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &every, NULL);
    struct named_timer a = TIMER("a", .again = 2, .after_ms = 10, .last = true);
    loop_timer_start(loop, &a.timer, 10);
    loop_run(loop);
    setitimer(ITIMER_REAL, &none, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_told("aaa");
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order),
        cmocka_unit_test(stopped_timers_stay_silent),
        cmocka_unit_test(a_restart_counts_anew),
        cmocka_unit_test(a_long_turn_takes_nothing_off_a_deadline),
        cmocka_unit_test(timers_of_zero_let_others_run),
        cmocka_unit_test(a_step_of_the_wall_clock_changes_nothing),
        cmocka_unit_test(phases_run_in_their_order),
        cmocka_unit_test(phases_are_gone_through_again),
        cmocka_unit_test(a_timer_may_queue),
        cmocka_unit_test(a_queued_task_survives_a_step_back),
        cmocka_unit_test(a_watch_leaves_bytes_and_descriptor_alone),
        cmocka_unit_test(writable_is_told_once_per_call),
        cmocka_unit_test(a_watch_is_destroyed_while_armed),
        cmocka_unit_test(a_hang_up_is_told_as_readable),
        cmocka_unit_test(posts_arrive_once_and_in_order),
        cmocka_unit_test(a_stop_is_not_lost),
        cmocka_unit_test(signals_do_not_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
