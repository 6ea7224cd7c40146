/* What a scanned text is worth: asked of the gateway when it can be, found out offline when it
 * must.
 *
 * A verdict is a JSON object, with the members that the gateway's own answer to POST /v1/verify has
 * (result, reason, as_of, by, licence, first_scan, displayed_by), and
 *   mode                "online" or "offline": who gave the result
 *   offline_because     "asked", "not_logged_in", "not_a_code", "unreachable", "untrusted",
 *                       "no_answer", or what the gateway refused with; null online
 *   gateway             {result, reason} of a gateway that could not find out; else null
 *   list                {result, reason, as_of}: what it would be offline, when the gateway could
 * not find out and that was stricter; else null and of an offline one status_good_until   of the
 * list that told the status; null seen_at             when this code was scanned here before; null
 *   kept                whether the scan is kept for delivery
 *
 * The gateway's result stands when it is valid or invalid. When it could not find out, the stricter
 * of both stands: its registry may know of a change that our list does not have. */
#ifndef TERMINAL_TOOL_VERDICT_H
#define TERMINAL_TOOL_VERDICT_H

#include "terminal/tool/uplink.h"

struct json_t; /* jansson's */

#define VERDICT_CONNECT_MS 2000
#define VERDICT_WAIT_MS    4000
#define VERDICT_REST_S     30 /* after a gateway that did not answer: for so long none is asked */

struct verdicts {
    struct device *device;
    bool offline;           /* never ask */
    struct uplink *uplink;  /* made when it is needed */
    uint64_t rest_until_us; /* monotonic */
    const char *rest_because;
};
void verdicts_end(struct verdicts *verdicts);

/* The caller releases it. NULL after a complaint: nothing could be found out here at all. */
struct json_t *verdict_of(struct verdicts *verdicts, struct bytes text);

/* How a verdict, or a picture without a code, is told to people: on stdout, in the language that
 * the environment asks for. `input` is what it was read from. */
void verdict_tell(const struct json_t *verdict);
bool verdict_in_chinese(void);
void verdict_tell_unread(const char *input, const char *sentence);

#endif
