/* Which civil days are worked: Monday to Friday, but for what a file of holidays says otherwise
 * (etc/holidays.txt is one). A line is a day, `off` or `work`, and perhaps a name; '#' begins a
 * comment:
 *
 *   2026-10-01 off  国庆节
 *   2026-10-10 work 国庆节调休
 *
 * The days stand in order, each once. Days are civil days of UTC+8 (base/clock.h). Immutable once
 * made; any thread may read. */
#ifndef GATEWAY_CONFIG_CALENDAR_H
#define GATEWAY_CONFIG_CALENDAR_H

#include "base/buf.h"

#define CALENDAR_FILE_BYTES_MAX 65536 /* a year takes about 40 lines */

struct calendar;

/* path "" is weekends alone. NULL: `why` says file, line and what is wrong: a day that does not
 * exist, stands twice or out of order, another word than off and work, `work` on a day that is
 * worked anyway, a name that is no text. */
struct calendar *calendar_load(const char *path, struct buf *why);
/* The same from a text; `name` is told in complaints. */
struct calendar *calendar_read(struct bytes text, const char *name, struct buf *why);
void calendar_destroy(struct calendar **calendar);

bool calendar_is_worked(const struct calendar *calendar, int32_t day);
/* The n-th working day after `day`, which does not count itself, worked or not. 0: the day. */
int32_t calendar_add_working_days(const struct calendar *calendar, int32_t day, unsigned n);

#endif
