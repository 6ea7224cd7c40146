/* This process's own copy of the status lists' bits, and the rule by which it and Redis together
 * are believed. One thread (the relay's) moves it; every loop reads it, without locks.
 *
 * The copy is moved by comparison with the registry's change numbers, once a second and after every
 * reconnect; the numbers and bits are handed to it, it knows no registry. The arrays are written in
 * place with atomic words: whatever moment a reader meets, the two bits of a place are an old truth
 * that the 1.5 s rule still covers, or the new one. Memory: 256 KiB a list, kept until the end. */
#ifndef CACHE_COPY_H
#define CACHE_COPY_H

#include "cache/cache.h"

#define COPY_LISTS_MAX     256     /* 256 million places; 64 MiB */
#define COPY_BELIEF_US_MAX 1500000 /* how old the beginning of the last comparison may be */

struct copy;

struct copy *copy_create(void);
void copy_destroy(struct copy **copy);

/* ---- the one writer ---- */
struct copy_position {
    bool present;
    uint64_t generation, seq;
};
struct copy_position copy_position(const struct copy *copy, uint16_t list); /* any thread */
/* The next change, seq = position's + 1 (CHECKed). */
void copy_apply(struct copy *copy, uint16_t list, uint64_t seq, struct cache_change change);
/* The whole list anew. False when COPY_LISTS_MAX or memory is reached: then the registry is asked.
 */
bool copy_rebuild(struct copy *copy, uint16_t list, uint64_t generation, uint64_t seq,
                  const uint8_t array[CACHE_LIST_BYTES]);
/* Every list is at least where the registry was at `began_us` (CLOCK_MONOTONIC). */
void copy_compared(struct copy *copy, uint64_t began_us);
/* From now on nothing is believed until the next copy_compared (before a list of another generation
 * is written, and when a change number below the copy's is met). */
void copy_doubt(struct copy *copy);

/* ---- any thread ---- */
enum copy_belief {
    COPY_BELIEVED,   /* both witnesses agree and are fresh: `bits` is the answer */
    COPY_ASK_STALE,  /* the last comparison began too long ago, or before this connection came up */
    COPY_ASK_SILENT, /* a witness has no answer: Redis unanswered or without the list, or no copy */
    COPY_ASK_DIFFER, /* the bits, generations differ, or Redis is behind the copy */
    COPY_BELIEFS,
};
/* May the answer of a trip be believed? Anything but COPY_BELIEVED: the registry decides. A
 * connection_up_since_us of 0 says that there is none, and is COPY_ASK_STALE. */
enum copy_belief copy_believe(const struct copy *copy, const struct cache_ask *ask,
                              uint64_t connection_up_since_us, uint64_t now_us);
/* The two bits of a place as the copy has them, however old; 0 when it lacks the list. */
uint8_t copy_bits(const struct copy *copy, uint16_t list, uint32_t index);
/* When the last comparison began, CLOCK_MONOTONIC microseconds; 0: never, or in doubt. */
uint64_t copy_compared_us(const struct copy *copy);

#endif
