/* The cache: Redis, asked in one pipelined trip per verify, and this process's own copy of the
 * status lists. Neither may decide alone (docs/ARCHITECTURE.md): copy_believe (cache/copy.h)
 * says when both together may. Redis must be 7.0 or later: the scripts say what they may do.
 *
 * A `struct cache` is one connection on one loop; all calls on that loop's thread. What it carries
 * is opaque to it: faces are sealed, scan entries are encoded by the gateway. A call that returns
 * false could not start and runs no callback. Otherwise `done` runs exactly once, later, on the
 * loop, unless the call was cancelled, and then never; the call's storage is the caller's and must
 * stay until then. A cancelled call's command may still take effect in Redis. The process ignores
 * SIGPIPE. */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/histogram.h"
#include "loop/loop.h"

struct cache;

#define CACHE_CTI_BYTES       8
#define CACHE_MAC_BYTES       16
#define CACHE_ENTRY_BYTES_MAX 256
#define CACHE_FACE_BYTES_MAX  1024
#define CACHE_LIST_BYTES      262144u
#define CACHE_SOCKET_PATH_MAX 107 /* characters: sun_path */
#define CACHE_RUN_ID_BYTES    40
#define CACHE_CHANGES_MAX     512              /* changes in one cache_list_apply */
#define CACHE_SEQ_MAX         999999999999999u /* 15 digits, exact in Redis's Lua (below 2^53) */

struct cache_options {
    const char *socket_path; /* a Unix socket; NULL: host and port */
    const char *host; /* an address: a name would be looked up on the loop, at each attempt */
    uint16_t port;
    unsigned connect_timeout_ms;
    unsigned trip_timeout_ms;  /* a trip that takes longer is told as unanswered */
    unsigned in_flight_max;    /* trips under way; one more can't start */
    unsigned retry_ms;         /* between attempts to connect; doubled up to 8 times as long */
    unsigned breaker_failures; /* this many unanswered trips in a row drop the connection */
};

enum cache_state {
    CACHE_AWAY, /* not connected, or still asking who is there */
    CACHE_UP,
    CACHE_UNSUITABLE, /* reached, but maxmemory-policy is not noeviction: not used; looked at again
                         as after any failed attempt */
};

/* Begins to connect. `changed` (may be NULL) is told of every change of state. The options' texts
 * are borrowed for the life of the cache. */
struct cache *cache_create(struct loop *loop, const struct cache_options *options,
                           void (*changed)(void *context, enum cache_state state), void *context);
/* Every call under way is told as unanswered first. Not from inside a callback of this cache. When
 * calls were made since the loop's last turn, the memory goes at the end of its next. */
void cache_destroy(struct cache **cache);
enum cache_state cache_state(const struct cache *cache);
/* CLOCK_MONOTONIC microseconds at which the present connection came up; 0 when away. */
uint64_t cache_up_since_us(const struct cache *cache);
/* Redis's run_id of the present connection (40 characters), empty when away. */
struct bytes cache_run_id(const struct cache *cache);

/* As what a code was displayed: a number that is opaque here, 0 to 254. This one is told when the
 * key knows none, or holds anything else there. */
#define CACHE_ACTING_UNKNOWN 255

/* ---- one verify: one write of six commands ---- */
enum cache_count {
    CACHE_COUNT_NONE,
    CACHE_COUNT_INSPECTOR, /* field `i` */
    CACHE_COUNT_PARTNER,   /* field `p` */
};
struct cache_ask {
    /* asked; views are borrowed until cache_ask returns */
    uint8_t cti[CACHE_CTI_BYTES];
    uint8_t mac[CACHE_MAC_BYTES];
    uint16_t list;
    uint32_t index;
    enum cache_count
        count; /* set field i or p to `entry` if the code's key exists and it is unset */
    struct bytes entry;
    void (*done)(struct cache_ask *ask);

    /* answered; views are valid until `done` returns */
    bool answered;      /* false: Redis did not answer in time, went away, or answered nonsense;
                           then nothing below is set. It may have counted all the same. */
    bool code_known;    /* the key of cti and mac exists: the gateway's own mark */
    bool counted;       /* this scan is the first of its kind */
    struct bytes first; /* the first entry of its kind (the own one when counted); else empty */
    uint8_t acting;     /* of a known code whose scan counts; else CACHE_ACTING_UNKNOWN */
    bool list_present;  /* false: no full-length array with its seq; the next three are not set */
    uint64_t seq, generation;
    uint8_t bits;
    struct bytes face; /* empty: not cached */

    struct cache_call *call; /* the cache's while under way, else NULL */
};
bool cache_ask(struct cache *cache, struct cache_ask *ask);
void cache_ask_cancel(struct cache_ask *ask);

/* ---- the code's key: when a code is issued, and on the slow path of one without its key ---- */
struct cache_remember {
    /* asked */
    uint8_t cti[CACHE_CTI_BYTES];
    uint8_t mac[CACHE_MAC_BYTES];
    int64_t issued_at; /* Unix seconds */
    unsigned ttl_s;    /* creates the key with this life if it is not there; >= 1 */
    uint8_t acting;    /* kept in the key if it is made and this is not CACHE_ACTING_UNKNOWN */
    enum cache_count count;
    struct bytes entry; /* as in cache_ask */
    void (*done)(struct cache_remember *remember);
    /* answered */
    bool answered;
    bool counted;
    struct bytes first;

    struct cache_call *call;
};
bool cache_remember(struct cache *cache, struct cache_remember *remember);
void cache_remember_cancel(struct cache_remember *remember);

/* Stores a sealed face; nobody is told. Does nothing when away or when memory is short in Redis. */
void cache_put_face(struct cache *cache, uint16_t list, uint32_t index, struct bytes sealed,
                    unsigned ttl_s);

/* ---- what may happen once: an assertion's identifier ----
 * A Redis that lost its data knows nothing of before, as with the codes: who must be sure asks
 * himself since when this one runs (cache_run_id). Not stopped by short memory in Redis. */
#define CACHE_ONCE_BYTES 32 /* a hash of what may happen once */
struct cache_once {
    uint8_t name[CACHE_ONCE_BYTES];
    unsigned ttl_s; /* >= 1 */
    void (*done)(struct cache_once *once);
    /* answered */
    bool answered;
    bool first; /* nobody has asked for this name within its ttl */

    struct cache_call *call;
};
bool cache_once(struct cache *cache, struct cache_once *once);

/* ---- token buckets: quotas ---- */
#define CACHE_BUCKET_NAME_MAX 80
#define CACHE_BUCKET_SIZE_MAX 1000000
struct cache_bucket {
    /* asked; the name is borrowed until the call was made */
    struct bytes name; /* plain characters, at least one: whose and what for */
    unsigned size;     /* tokens of a full bucket, 1 to CACHE_BUCKET_SIZE_MAX */
    unsigned fill_s;   /* in which an empty one is full again, 1 to 86,400 */
    unsigned take;     /* 0: look alone; else take so many (at most size), if they are there */
    void (*done)(struct cache_bucket *bucket);
    /* answered */
    bool answered;
    bool taken;       /* they were there; with take 0: at least one is */
    unsigned left;    /* whole tokens left after it */
    unsigned wait_ms; /* not taken: until they will be there, at least 1; else 0 */

    struct cache_call *call;
};
/* By Redis's clock, in one script, so that all gateways share a bucket. The size may be another the
 * next time: what was taken stays taken. A bucket that is full again, is damaged or was lost is a
 * full one. Not stopped by short memory in Redis. */
bool cache_take(struct cache *cache, struct cache_bucket *bucket);

/* ---- the lists, for the relay ---- */
enum cache_list_result {
    CACHE_LIST_UNANSWERED,
    CACHE_LIST_DONE,   /* state: told; apply: every change up to the last given is in;
                          rebuild: written */
    CACHE_LIST_GAP,    /* apply: an earlier change is missing: replay from seq + 1 */
    CACHE_LIST_ABSENT, /* state, apply: no full-length array with its seq, or of another
                          generation: rebuild */
    CACHE_LIST_NEWER,  /* rebuild: Redis has a higher seq of this generation: not written */
};
struct cache_change {
    uint32_t index;
    uint8_t bits;
};
struct cache_list_call {
    /* asked; the arrays are borrowed until the call was made */
    uint16_t list;
    uint64_t generation;
    uint64_t seq; /* apply: number of the first change; rebuild: the array's */
    const struct cache_change *changes; /* apply: gapless, in order */
    size_t change_count;                /* 1 to CACHE_CHANGES_MAX */
    const uint8_t *array;               /* rebuild: CACHE_LIST_BYTES */
    void (*done)(struct cache_list_call *call);
    /* answered */
    enum cache_list_result result;
    uint64_t redis_seq; /* with DONE, GAP, NEWER */

    struct cache_call *call;
};
bool cache_list_state(struct cache *cache, struct cache_list_call *call);
/* A change at or below Redis's seq is passed over. */
bool cache_list_apply(struct cache *cache, struct cache_list_call *call);
/* Array, seq and generation together, unless Redis has a higher seq of the same generation. An
 * equal seq is written again: it mends an array that was damaged. */
bool cache_list_rebuild(struct cache *cache, struct cache_list_call *call);
void cache_list_cancel(struct cache_list_call *call);

/* ---- counters, one set per cache; any thread may read (relaxed) ---- */
struct cache_counters {
    struct histogram trip_us; /* cache_ask: from the write to the reply */
    _Atomic uint64_t trips, unanswered, refused, wrong_echo, reconnects;
    _Atomic uint64_t in_flight; /* now */
    _Atomic int state;          /* enum cache_state */
};
const struct cache_counters *cache_counters(const struct cache *cache);

#endif
