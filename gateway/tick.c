#include "gateway/tick.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "base/check.h"
#include "gateway/home.h"

uint64_t tick_after(uint64_t arrived_us, uint64_t now_us, unsigned tick_ms)
{
    const uint64_t tick_us = UINT64_C(1000) * tick_ms, half = arrived_us + tick_us / 2;
    const uint64_t least = half > now_us ? half : now_us;
    return (least + tick_us - 1) / tick_us * tick_us;
}

static void tick_came(void *owner)
{
    struct tick *tick = owner;
    loop_watch_destroy(&tick->watch);
    close(tick->timer);
    operation_resume(tick->op);
}

enum step_result tick_wait(struct tick *tick, struct operation *op, uint64_t due_us)
{
    static const struct loop_watch_handlers handlers = {.readable = tick_came};
    const struct itimerspec due = {
        .it_value = {.tv_sec = (time_t)(due_us / 1000000),
                     .tv_nsec = (long)(due_us % 1000000 * 1000)},
    };
    op->untimed = true; /* Server-Timing would tell what the tick hides */
    tick->op = op;
    tick->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (tick->timer < 0)
        return operation_fail(op, PROBLEM_OVERLOADED, NULL, NULL);
    CHECK(timerfd_settime(tick->timer, TFD_TIMER_ABSTIME, &due, NULL) == 0);
    tick->watch = loop_watch_create(op->home->loop, tick->timer, &handlers, tick);
    loop_watch_readable(tick->watch, true);
    return STEP_WAIT;
}
