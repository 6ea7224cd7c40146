/* A histogram of durations in microseconds: powers of two, each cut into four, from 1 µs to about
 * 67 s, so that a quantile is right to within 25 %. One thread writes, any thread reads (relaxed
 * atomics: a reader may see an observation in one field and not yet in another). Zero-initialised
 * storage is an empty histogram. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS 104

struct histogram {
    _Atomic uint64_t bucket[HISTOGRAM_BUCKETS];
    _Atomic uint64_t count;
    _Atomic uint64_t sum_us;
};

void histogram_observe(struct histogram *h, uint64_t us);
/* The inclusive upper bound of bucket i, in microseconds; the last one has UINT64_MAX. */
uint64_t histogram_bound_us(size_t i);
/* How many observations were at most `us`, rounded up to a bucket's bound. */
uint64_t histogram_count_at_most(const struct histogram *h, uint64_t us);
/* total += h */
void histogram_add(struct histogram *total, const struct histogram *h);

#endif
