/* The body of POST /v1/inspections/scans: what a terminal saw while it was offline. Pure. */
#ifndef GATEWAY_SCAN_REPORT_H
#define GATEWAY_SCAN_REPORT_H

#include "base/buf.h"
#include "protocol/status.h"
#include "registry/event.h"

#define SCAN_REPORTS_SHAPE                                                                         \
    "{\"scans\": [{\"id\": \"<32 hex digits>\", \"at\": \"<RFC 3339 time>\", \"result\": "         \
    "\"valid\", \"invalid\" or \"indeterminate\", \"reason\": \"<its word>\" or null with valid, " \
    "\"status_as_of\": \"<RFC 3339 time>\" or null, \"bundle_version\": <number>, \"code\": "      \
    "\"<the scanned text>\"}]}, 1 to 16 of them"

struct scan_report {
    struct registry_scan scan; /* but for the code's place and fields */
    struct bytes code;         /* 1 to CODE_TEXT_BYTES_MAX octets, in `texts` */
};

/* Reads a whole body, strictly: no member missing, unknown or twice; a reason of the table, and the
 * result that a terminal gives with it. False: it is none. `texts` needs as much room as the body
 * has octets. */
bool scan_reports_read(struct bytes json, struct scan_report reports[REGISTRY_SCANS_MAX],
                       size_t *count, struct buf *texts);

#endif
