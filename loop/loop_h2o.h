/* The private door between the two homes of h2o: for loop, gateway/http and gateway/main.c only. */
#ifndef LOOP_LOOP_H2O_H
#define LOOP_LOOP_H2O_H

#include <h2o.h>

#include "loop/loop.h"

/* The h2o loop inside, for h2o contexts and listening sockets; it stays the loop's. Its clock is
 * the wall clock: use loop timers, not h2o's, for whatever must survive a step of it. */
h2o_loop_t *loop_h2o(struct loop *loop);

#endif
