/* An event loop of one thread: descriptors, deadlines, tasks at the end of a turn, messages from
 * other threads. Everything but loop_post and loop_stop is called on the loop's own thread. No call
 * here runs a callback before it returns. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

#define LOOP_DURATIONS_MAX 16 /* different timer durations in use at once */

/* Heap; CHECKs memory and descriptors: a process can't start without them. Created by the thread
 * that composes, run by one. Destroyed when it is not running and nothing is watched any more. */
struct loop *loop_create(void);
void loop_destroy(struct loop **loop);
/* Runs turns until loop_stop, which any thread may call (a signal handler may not). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* CLOCK_MONOTONIC in microseconds, read once when a turn's first event comes in. */
uint64_t loop_now_us(const struct loop *loop);

/* ---- timers: the caller's storage, zero-initialised, one shot ---- */
struct loop_timer {
    void (*fire)(struct loop_timer *timer); /* set by the caller */
    struct loop_timer *previous, *next;     /* the loop's */
    uint64_t due_us;
    void *list; /* NULL when not running */
};
/* Starts, or starts anew, from this very moment: a long turn takes nothing off what begins at its
 * end. Timers of one duration fire in the order of their starts. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, unsigned after_ms);
/* Does nothing for one that is not running. After it, fire will not run. */
void loop_timer_stop(struct loop_timer *timer);

/* ---- the end of a turn: handle the requests that came in, send what goes to Redis, write
 * evidence, answer, in this order ---- */
enum loop_phase {
    LOOP_PHASE_HANDLE,
    LOOP_PHASE_SEND,
    LOOP_PHASE_RECORD,
    LOOP_PHASE_ANSWER,
    LOOP_PHASE_COUNT,
};
struct loop_task {
    void (*run)(struct loop_task *task); /* set by the caller */
    struct loop_task *next;              /* the loop's */
    bool queued;
};
/* Runs once at the end of this turn; does nothing when already queued. A task may queue others, of
 * any phase: the phases are gone through again until none is left. */
void loop_task_queue(struct loop *loop, enum loop_phase phase, struct loop_task *task);

/* ---- descriptors: the watch is on the heap, the descriptor stays the caller's to close, after
 * loop_watch_destroy. Edge cases (error, hang-up) are told as readable. ---- */
struct loop_watch;
struct loop_watch_handlers {
    void (*readable)(void *owner);
    void (*writable)(void *owner); /* once per loop_watch_writable */
};
struct loop_watch *loop_watch_create(struct loop *loop, int descriptor,
                                     const struct loop_watch_handlers *handlers, void *owner);
void loop_watch_readable(struct loop_watch *watch, bool wanted);
void loop_watch_writable(struct loop_watch *watch);
/* May be called from its own handlers. */
void loop_watch_destroy(struct loop_watch **watch);

/* ---- from other threads: delivered on the loop's thread, in the order of one sender's posts ----
 */
struct loop_message {
    void (*deliver)(struct loop_message *message); /* set by the caller */
    struct loop_message *next;                     /* the loop's */
};
/* Any thread. The message is the loop's until it is delivered. */
void loop_post(struct loop *loop, struct loop_message *message);

#endif
