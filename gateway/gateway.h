/* The whole gateway: started, changed and stopped by main.c. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "gateway/home.h"

/* Composes everything; NULL with a sentence in `why`. Takes the settings. */
struct gateway *gateway_start(struct settings *settings, struct buf *why);
/* Every loop changes to the new settings, within its current turn; takes the reference. */
void gateway_reload(struct gateway *gateway, struct settings *settings);
/* Drains, joins all threads, closes, frees. */
void gateway_stop(struct gateway **gateway);

#endif
