#include "cache/copy.h"

#include <endian.h>
#include <stdlib.h>

#include "base/check.h"

#define LISTS           65536 /* every number a list can have */
#define PLACES_PER_WORD 32
#define WORDS           (CACHE_LIST_BYTES / sizeof(uint64_t))

struct list {
    _Atomic uint64_t generation, seq;
    _Atomic uint64_t words[WORDS]; /* eight bytes of the array each, the first the lowest */
};

/* A reader takes compared_us first and looks at it again at the end. The writer's stores of bits
 * are releases and the reader's loads acquires, so that who met a bit written after a doubt meets
 * the doubt too, and who met a comparison meets every bit that it covers. On x86 this costs
 * nothing. */
struct copy {
    _Atomic uint64_t compared_us; /* 0: never, or in doubt */
    unsigned list_count;          /* the writer's */
    struct list *_Atomic lists[LISTS];
};

struct copy *copy_create(void)
{
    struct copy *copy = calloc(1, sizeof *copy); /* untouched pages of `lists` cost no memory */
    CHECK(copy);
    return copy;
}

void copy_destroy(struct copy **copy)
{
    if (!*copy)
        return;
    for (size_t i = 0; i < LISTS; i++)
        free(atomic_load_explicit(&(*copy)->lists[i], memory_order_relaxed));
    free(*copy);
    *copy = NULL;
}

static struct list *list_of(const struct copy *copy, uint16_t list)
{
    return atomic_load_explicit(&copy->lists[list], memory_order_acquire);
}

/* ---- the one writer ---- */
struct copy_position copy_position(const struct copy *copy, uint16_t list)
{
    const struct list *own = list_of(copy, list);
    if (!own)
        return (struct copy_position){false, 0, 0};
    return (struct copy_position){true,
                                  atomic_load_explicit(&own->generation, memory_order_relaxed),
                                  atomic_load_explicit(&own->seq, memory_order_relaxed)};
}

void copy_apply(struct copy *copy, uint16_t list, uint64_t seq, struct cache_change change)
{
    struct list *own = list_of(copy, list);
    CHECK(own && change.bits <= 3 && change.index < WORDS * PLACES_PER_WORD);
    CHECK(seq == atomic_load_explicit(&own->seq, memory_order_relaxed) + 1);

    _Atomic uint64_t *word = &own->words[change.index / PLACES_PER_WORD];
    unsigned shift = 2 * (change.index % PLACES_PER_WORD);
    uint64_t others = atomic_load_explicit(word, memory_order_relaxed) & ~(UINT64_C(3) << shift);
    atomic_store_explicit(word, others | (uint64_t)change.bits << shift, memory_order_release);
    atomic_store_explicit(&own->seq, seq, memory_order_release);
}

bool copy_rebuild(struct copy *copy, uint16_t list, uint64_t generation, uint64_t seq,
                  const uint8_t array[CACHE_LIST_BYTES])
{
    struct list *own = list_of(copy, list);
    if (!own) {
        if (copy->list_count == COPY_LISTS_MAX)
            return false;
        own = malloc(sizeof *own);
        if (!own)
            return false;
        copy->list_count++;
    }
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t word;
        memcpy(&word, array + i * sizeof word, sizeof word);
        atomic_store_explicit(&own->words[i], le64toh(word), memory_order_release);
    }
    atomic_store_explicit(&own->generation, generation, memory_order_release);
    atomic_store_explicit(&own->seq, seq, memory_order_release);
    atomic_store_explicit(&copy->lists[list], own, memory_order_release);
    return true;
}

void copy_compared(struct copy *copy, uint64_t began_us)
{
    atomic_store_explicit(&copy->compared_us, began_us, memory_order_release);
}

void copy_doubt(struct copy *copy)
{
    atomic_store_explicit(&copy->compared_us, 0, memory_order_release);
}

/* ---- any thread ---- */
uint64_t copy_compared_us(const struct copy *copy)
{
    return atomic_load_explicit(&copy->compared_us, memory_order_acquire);
}

uint8_t copy_bits(const struct copy *copy, uint16_t list, uint32_t index)
{
    const struct list *own = list_of(copy, list);
    if (!own)
        return 0;
    const _Atomic uint64_t *word = &own->words[index / PLACES_PER_WORD];
    unsigned shift = 2 * (index % PLACES_PER_WORD);
    return (uint8_t)(atomic_load_explicit(word, memory_order_acquire) >> shift & 3);
}

enum copy_belief copy_believe(const struct copy *copy, const struct cache_ask *ask,
                              uint64_t connection_up_since_us, uint64_t now_us)
{
    uint64_t began_us = copy_compared_us(copy);
    if (began_us == 0 || connection_up_since_us == 0 || began_us < connection_up_since_us)
        return COPY_ASK_STALE;
    /* Another thread's comparison may have begun after this loop last looked at the clock. */
    if (now_us > began_us && now_us - began_us > COPY_BELIEF_US_MAX)
        return COPY_ASK_STALE;

    const struct list *own = list_of(copy, ask->list);
    if (!ask->answered || !ask->list_present || !own)
        return COPY_ASK_SILENT;

    uint64_t generation = atomic_load_explicit(&own->generation, memory_order_acquire);
    uint64_t seq = atomic_load_explicit(&own->seq, memory_order_acquire);
    uint8_t bits = copy_bits(copy, ask->list, ask->index);
    if (ask->generation != generation || ask->seq < seq || ask->bits != bits)
        return COPY_ASK_DIFFER;

    return copy_compared_us(copy) == began_us ? COPY_BELIEVED : COPY_ASK_STALE;
}
