/* Answers that leave at the multiples of a tick, so that the time they take tells nothing of the
 * work behind them. Kept by a timerfd: the loop's own timers count whole milliseconds from their
 * start, and so tell when that was. */
#ifndef GATEWAY_TICK_H
#define GATEWAY_TICK_H

#include "gateway/operation.h"

struct tick {
    struct operation *op;
    struct loop_watch *watch;
    int timer;
};

/* CLOCK_MONOTONIC microseconds: the first multiple of the tick that is at least half a tick after
 * `arrived_us` and not before `now_us`. Work that takes no longer than half a tick is never seen in
 * it. */
uint64_t tick_after(uint64_t arrived_us, uint64_t now_us, unsigned tick_ms);

/* A step that waits until then. STEP_WAIT; or it answers 503, when there is no descriptor left. */
enum step_result tick_wait(struct tick *tick, struct operation *op, uint64_t due_us);

#endif
