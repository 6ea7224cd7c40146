/* Files of plausible fictional licences, as an authority would deliver them, from a seed: for the
 * demo, the tests and load. The numbers of persons and enterprises lie in the area 410899, which
 * does not exist, and are nobody's. */
#ifndef CLI_GENERATE_H
#define CLI_GENERATE_H

#include <stdio.h>

#include "base/buf.h"

#define GENERATE_COUNT_MAX 10000000 /* citizen numbers of the area do not repeat up to here */

struct generate_options {
    uint64_t count;     /* lines without the heading, 1 to GENERATE_COUNT_MAX */
    uint64_t bad_lines; /* how many of them an import must reject; less than count */
    uint64_t seed;      /* the same options and seed make the same bytes */
    bool ndjson;        /* else CSV with CRLF */
    bool gb18030;       /* else UTF-8; the CSV then with a byte order mark */
    int32_t today;      /* civil day that validities are counted from; 0: the clock's */
};

/* The first line is a 机动车驾驶证 that is valid for years. False with a sentence in `why`: options
 * out of range (the caller's), or the file can't be written. `file` stays open, and is flushed. */
bool generate_licences(const struct generate_options *options, FILE *file, struct buf *why);

#endif
