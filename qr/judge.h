/* Private to the room: which modules are dark, from how light they were seen. */
#ifndef QR_JUDGE_H
#define QR_JUDGE_H

#include "qr/grid.h"

/* Writes darkness for symbol_read: each module against the mean of those around it, `reach` to each
 * side, because light is seldom even. `sharpen` is the part of its four neighbours that is taken
 * off before, because blur mixes them into it. */
void judge_modules(const struct samples *samples, int reach, float sharpen, float *darkness);

#endif
