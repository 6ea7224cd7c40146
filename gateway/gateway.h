/* The whole gateway: started, changed and stopped by main.c. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "gateway/home.h"

/* Composes everything; NULL with a sentence in `why`. Takes the settings. */
struct gateway *gateway_start(struct settings *settings, struct buf *why);
/* Every loop changes to the new settings, within its current turn; takes the reference. False with
 * a sentence in `why`: nothing has changed, and the reference stays the caller's. */
bool gateway_reload(struct gateway *gateway, struct settings *settings, struct buf *why);
/* Drains, joins all threads, closes, frees. */
void gateway_stop(struct gateway **gateway);

#endif
