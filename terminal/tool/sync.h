/* What `sync` keeps beside the library: the tags by which a gateway says "unchanged". */
#ifndef TERMINAL_TOOL_SYNC_H
#define TERMINAL_TOOL_SYNC_H

#include "terminal/tool/device.h"

/* At a new enrolment: tags and the held checkpoint. False after a complaint. */
bool sync_forget(const struct device *device);

#endif
