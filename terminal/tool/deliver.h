/* Kept scans go to the evidence log. */
#ifndef TERMINAL_TOOL_DELIVER_H
#define TERMINAL_TOOL_DELIVER_H

#include "terminal/tool/uplink.h"
#include "terminal/tool/verb.h"

/* Delivers all that are kept, oldest first. Each has an id by which it counts once, however often
 * it is sent: one is forgotten only when the gateway said that it has it. `token` has the scope
 * sync. Complains, and prints how many were delivered. */
enum exit_status deliver_scans(struct device *device, struct uplink *uplink, const char *token);

#endif
