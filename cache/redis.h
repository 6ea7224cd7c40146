/* Private to this room: what the files redis*.c share. The way of a trip: redis_ask.c,
 * redis_limits.c or redis_lists.c takes a call, writes its commands by redis_command.c and hands
 * them over; redis.c sends them at the end of the turn; redis_call.c counts the replies, which
 * redis_reply.c holds, gives each to the call's kind, and tells the waiter after the last. */
#ifndef CACHE_REDIS_H
#define CACHE_REDIS_H

#include "cache/cache.h"

struct redisAsyncContext;
struct redisReader;
struct redisReply;

/* ---- the scripts: redis_scripts.c ---- */
enum script {
    SCRIPT_SCAN,
    SCRIPT_REMEMBER,
    SCRIPT_APPLY,
    SCRIPT_REBUILD,
    SCRIPT_ONCE,
    SCRIPT_TAKE,
    SCRIPT_COUNT,
};
#define SCRIPT_SHA_BYTES 40
extern const char *const script_texts[SCRIPT_COUNT];

/* ---- what a reply can be ---- */
enum reading {
    READING_FINE,
    READING_UNANSWERED, /* an error of Redis's: the call is unanswered, the connection goes on */
    READING_NONSENSE,   /* not what was asked: the connection is dropped */
};
/* ---- one place of a list: redis_lists.c ----
 * Plain commands, half a script's cost in Redis: the position, the length, the octet of the place,
 * and an echo that names list and place, so that none of the replies can be another look's. In this
 * order what is read later can only be newer than the position, which is safe. */
#define PLACES        (CACHE_LIST_BYTES * 4)
#define LOOK_COMMANDS 4
struct look {
    bool present; /* after all four; else the rest is not to be used */
    uint64_t generation, seq;
    uint8_t bits;
};
/* ends[0..3]: where each of them ends. */
void look_write(struct buf *out, size_t *ends, uint16_t list, uint32_t index);
/* The reply to the part-th of them, in order. */
enum reading look_read(struct look *look, unsigned part, const struct redisReply *reply,
                       uint16_t list, uint32_t index);

/* ---- a call under way: redis_call.c ---- */
struct call_kind {
    /* The reply to command number `part`; runs only while somebody waits. */
    enum reading (*read)(struct cache_call *call, unsigned part, const struct redisReply *reply);
    /* Once, or never after a cancel. The waiter has been taken off the call. */
    void (*tell)(struct cache_call *call, void *waiter, bool answered);
};
#define CALL_COMMANDS_MAX 6
struct cache_call {
    struct cache *cache;
    const struct call_kind *kind;
    struct cache_call *next;  /* among the free ones, or among those not written yet */
    void *waiter;             /* NULL: cancelled, told, or nobody ever waited */
    struct cache_call **back; /* where the waiter keeps this call */
    unsigned commands, replies;
    bool failed;
    uint64_t written_us;
    struct loop_timer timer;
    struct look look;
    size_t kept_len;
    uint8_t kept[CACHE_ENTRY_BYTES_MAX]; /* the own entry, or the earlier one; a bucket's name */
};

/* NULL when away or too many are under way. */
struct cache_call *call_take(struct cache *cache, const struct call_kind *kind);
/* Hands the commands over, each ending where `ends` says; false: it could not start, and the call
 * is gone. `waiter` and `back` may be NULL. */
bool call_start(struct cache_call *call, const struct buf *commands, const size_t *ends,
                unsigned count, void *waiter, struct cache_call **back);
void call_cancel(struct cache_call **back);

/* ---- the connection: redis.c ---- */
struct cache {
    struct loop *loop;
    struct cache_options options;
    void (*changed)(void *context, enum cache_state state);
    void *context;

    struct redisAsyncContext *redis; /* NULL: none */
    struct loop_watch *watch;
    struct loop_task flush;
    struct loop_timer deadline, retry;
    unsigned retry_ms;
    bool writing, awaiting_writable, closing, was_up;
    bool unsuitable;  /* what this connection's Redis said of its policy */
    unsigned loading; /* replies to SCRIPT LOAD still to come */

    enum cache_state state;
    uint64_t up_since_us;
    char run_id[CACHE_RUN_ID_BYTES];
    char sha[SCRIPT_COUNT][SCRIPT_SHA_BYTES];

    struct cache_call *calls, *idle, *unwritten;
    unsigned failures; /* unanswered in a row */
    uint64_t read_us;  /* when the replies being handled became readable */
    struct reply_arena *arena;
    struct cache_counters counters;
    /* the commands of one call: a whole list, or 512 changes of at most 22 octets, and keys */
    uint8_t scratch[CACHE_LIST_BYTES + 1024];
};
/* Gives the connection up: everything under way becomes unanswered, at once or, inside a reply,
 * after it. Connects anew later. */
void cache_drop(struct cache *cache);
/* It is gone already: no longer up, before the first of the calls under way is told so. */
void cache_lost(struct cache *cache);
/* To be called after each reply: more than was asked for has come with it. */
void cache_drop_unasked(struct cache *cache);
/* At the start, and again when Redis has forgotten them. */
void cache_load_scripts(struct cache *cache);
/* One writer, so no locked instruction is needed. */
static inline void counter_add(_Atomic uint64_t *counter, int64_t n)
{
    atomic_store_explicit(counter,
                          atomic_load_explicit(counter, memory_order_relaxed) + (uint64_t)n,
                          memory_order_relaxed);
}

/* ---- commands in Redis's protocol (RESP): redis_command.c ---- */
struct buf command_begin(struct cache *cache);
void command_open(struct buf *out, unsigned arguments);
void command_put(struct buf *out, struct bytes argument);
void command_put_decimal(struct buf *out, uint64_t argument);
/* Opens an EVALSHA of `keys` keys and `arguments` further arguments, which follow. */
void command_open_script(struct cache *cache, struct buf *out, enum script script, unsigned keys,
                         unsigned arguments);

#define KEY_BYTES_MAX 96
struct key {
    char text[KEY_BYTES_MAX];
    size_t len;
};
static inline struct bytes key_bytes(const struct key *key)
{
    return bytes_of(key->text, key->len);
}
struct key key_code(const uint8_t cti[CACHE_CTI_BYTES], const uint8_t mac[CACHE_MAC_BYTES]);
struct key key_list(uint16_t list);
struct key key_list_seq(uint16_t list);
struct key key_face(uint16_t list, uint32_t index);
struct key key_once(const uint8_t name[CACHE_ONCE_BYTES]);
struct key key_bucket(struct bytes name);
struct key key_decimal(uint64_t value);

/* ---- replies: redis_reply.c ---- */
struct reply_arena *reply_arena_create(void);
/* From now on the reader builds its replies, one at a time, in the arena. */
void reply_arena_attach(struct reply_arena *arena, struct redisReader *reader);
bool reply_is_error(const struct redisReply *reply, const char *code); /* NULL: any */
bool reply_is_array(const struct redisReply *reply, size_t elements);
bool reply_text(const struct redisReply *reply, struct bytes *text);
bool reply_is_text(const struct redisReply *reply, struct bytes expected);
bool reply_is_nil(const struct redisReply *reply);
bool reply_is_ok(const struct redisReply *reply);
/* A whole number from 0 to max. */
bool reply_number(const struct redisReply *reply, uint64_t max, uint64_t *number);
const struct redisReply *reply_element(const struct redisReply *reply, size_t i);

#endif
