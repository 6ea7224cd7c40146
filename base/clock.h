/* Clocks and civil days. Intervals and deadlines use the monotonic clock; what a code, a token or
 * an answer says uses the wall clock. Civil days are those of China Standard Time, UTC+8 without
 * daylight saving, counted from 1970-01-01 = 0 in the proleptic Gregorian calendar. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/buf.h"

#define CLOCK_UTC8_S 28800 /* offset of China Standard Time, seconds */

uint64_t clock_mono_us(void); /* CLOCK_MONOTONIC, microseconds */
int64_t clock_wall_us(void);  /* Unix time, microseconds */
int64_t clock_wall_s(void);   /* Unix time, seconds */

/* False for a date that does not exist. Years 1900 to 9999. */
bool civil_to_days(int year, int month, int day, int32_t *days);
void civil_from_days(int32_t days, int *year, int *month, int *day);
/* The civil day in UTC+8 at a Unix time. */
int32_t civil_day_at(int64_t unix_s);
/* The Unix time at which it begins; that of the day after is when it is over. */
int64_t civil_day_begins(int32_t day);

void buf_put_date(struct buf *b, int32_t days);        /* 2023-06-01 */
void buf_put_timestamp(struct buf *b, int64_t unix_s); /* RFC 3339: 2023-06-01T08:00:00+08:00 */
/* RFC 3339 full-date; false for anything else. */
bool civil_read_date(struct bytes text, int32_t *days);
/* RFC 3339 date-time with any offset; parts of a second are dropped, leap seconds refused. False
 * for anything else. */
bool civil_read_timestamp(struct bytes text, int64_t *unix_s);

#endif
