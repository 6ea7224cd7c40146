/* A thread for a loop. When the loop was stopped the thread stays until it is let go: libh2o keeps
 * what an empty buffer points to in storage of the thread that runs the loop, so what the loop
 * watches must be destroyed while the thread is still there. */
#ifndef LOOP_THREAD_H
#define LOOP_THREAD_H

#include "loop/loop.h"

struct loop_thread;

/* Runs the loop; CHECKs that there is a thread to be had. */
struct loop_thread *loop_thread_start(struct loop *loop);
/* Until the loop, which somebody stops, has stopped: from then on all that is its thread's is the
 * caller's. Once. */
void loop_thread_wait(struct loop_thread *thread);
/* Lets the thread end and joins it, when what the loop watched is destroyed; NULL in it is fine. */
void loop_thread_end(struct loop_thread **thread);

#endif
