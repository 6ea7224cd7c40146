/* Private to the room: pictures made from pictures. Each writes to->pixels, which has room for what
 * it says, and sets the size. */
#ifndef QR_RETOUCH_H
#define QR_RETOUCH_H

#include "qr/picture.h"

/* Half the width and height, each pixel the mean of four; needs at least 2 x 2. */
void retouch_halve(const struct grey *from, struct grey *to);
/* Twice the width and height, in between what lies between. */
void retouch_double(const struct grey *from, struct grey *to);
/* Each pixel the weighted mean of 3 x 3 (1 2 1 both ways). */
void retouch_smooth(const struct grey *from, struct grey *to);

#endif
