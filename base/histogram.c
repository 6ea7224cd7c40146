#include "base/histogram.h"

static size_t bucket_of(uint64_t us)
{
    if (us < 4)
        return (size_t)us;
    unsigned power = 63u - (unsigned)__builtin_clzll(us); /* >= 2 */
    size_t i = (power - 1) * 4 + ((us >> (power - 2)) & 3);
    return i < HISTOGRAM_BUCKETS ? i : HISTOGRAM_BUCKETS - 1;
}

uint64_t histogram_bound_us(size_t i)
{
    if (i >= HISTOGRAM_BUCKETS - 1)
        return UINT64_MAX;
    if (i < 4)
        return i;
    unsigned power = (unsigned)(i / 4) + 1;
    return ((uint64_t)1 << power) + (((uint64_t)(i % 4) + 1) << (power - 2)) - 1;
}

static uint64_t load(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

/* One writer: a plain addition, stored whole, is enough and costs no locked instruction. */
static void add(_Atomic uint64_t *value, uint64_t n)
{
    atomic_store_explicit(value, load(value) + n, memory_order_relaxed);
}

void histogram_observe(struct histogram *h, uint64_t us)
{
    add(&h->bucket[bucket_of(us)], 1);
    add(&h->sum_us, us);
    add(&h->count, 1);
}

uint64_t histogram_count_at_most(const struct histogram *h, uint64_t us)
{
    uint64_t total = 0;
    for (size_t i = 0; i <= bucket_of(us); i++)
        total += load(&h->bucket[i]);
    return total;
}

void histogram_add(struct histogram *total, const struct histogram *h)
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        add(&total->bucket[i], load(&h->bucket[i]));
    add(&total->sum_us, load(&h->sum_us));
    add(&total->count, load(&h->count));
}
