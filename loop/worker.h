/* Threads for what takes too long on a loop: QR pictures, cold databases. */
#ifndef LOOP_WORKER_H
#define LOOP_WORKER_H

#include "loop/loop.h"

struct worker_pool;

/* The caller's storage. `work` runs on a worker's thread, then `done` on the loop that submitted.
 * Between worker_submit and done the job belongs to the pool: exactly one `done` per true. */
struct worker_job {
    void (*work)(struct worker_job *job);
    void (*done)(struct worker_job *job);
    struct loop *loop;           /* set by worker_submit */
    struct loop_message message; /* the pool's */
    struct worker_job *next;     /* the pool's */
};

/* queue_max: jobs that may wait, beyond those being worked on. */
struct worker_pool *worker_pool_create(unsigned threads, unsigned queue_max);
/* Finishes what is queued, then joins. The loops must still take messages, or be done for good. */
void worker_pool_destroy(struct worker_pool **pool);
/* On a loop's thread; false when the queue is full (not now) and then neither function runs. */
bool worker_submit(struct worker_pool *pool, struct loop *loop, struct worker_job *job);
/* Jobs waiting now; any thread. */
unsigned worker_pool_waiting(struct worker_pool *pool);

#endif
