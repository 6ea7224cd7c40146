/* What may happen once, and how often: not on the way of a verify, and one script each. */
#include "base/check.h"
#include "cache/redis.h"

#define BUCKET_FILL_S_MAX 86400

/* ---- once ---- */
/* key, OK or nil */
static enum reading read_once(struct cache_call *call, unsigned part,
                              const struct redisReply *reply)
{
    (void)part;
    struct cache_once *once = call->waiter;
    struct key key = key_once(once->name);
    if (reply_is_error(reply, NULL))
        return READING_UNANSWERED;
    if (!reply_is_array(reply, 2) || !reply_is_text(reply_element(reply, 0), key_bytes(&key)))
        return READING_NONSENSE;
    once->first = reply_is_ok(reply_element(reply, 1));
    return once->first || reply_is_nil(reply_element(reply, 1)) ? READING_FINE : READING_NONSENSE;
}

static void tell_once(struct cache_call *call, void *waiter, bool answered)
{
    (void)call;
    struct cache_once *once = waiter;
    once->answered = answered;
    once->first &= answered;
    once->done(once);
}

bool cache_once(struct cache *cache, struct cache_once *once)
{
    static const struct call_kind kind = {read_once, tell_once};
    CHECK(once->ttl_s >= 1);
    once->answered = once->first = false;
    struct cache_call *call = call_take(cache, &kind);
    if (!call)
        return false;
    struct buf out = command_begin(cache);
    struct key key = key_once(once->name);
    command_open_script(cache, &out, SCRIPT_ONCE, 1, 1);
    command_put(&out, key_bytes(&key));
    command_put_decimal(&out, once->ttl_s);
    return call_start(call, &out, &out.len, 1, once, &once->call);
}

/* ---- token buckets ---- */
/* key, there, left, wait: what is there, left and to be waited for must fit each other. */
static enum reading read_bucket(struct cache_call *call, unsigned part,
                                const struct redisReply *reply)
{
    (void)part;
    struct cache_bucket *bucket = call->waiter;
    struct key key = key_bucket(bytes_of(call->kept, call->kept_len));
    uint64_t there, left, wait_ms;
    if (reply_is_error(reply, NULL))
        return READING_UNANSWERED;
    if (!reply_is_array(reply, 4) || !reply_is_text(reply_element(reply, 0), key_bytes(&key)) ||
        !reply_number(reply_element(reply, 1), 1, &there) ||
        !reply_number(reply_element(reply, 2), bucket->size, &left) ||
        !reply_number(reply_element(reply, 3), bucket->fill_s * UINT64_C(1000), &wait_ms))
        return READING_NONSENSE;
    unsigned needed = bucket->take ? bucket->take : 1;
    bool fits = !there              ? left < needed && wait_ms > 0
                : bucket->take == 0 ? left > 0 && wait_ms == 0
                                    : left <= bucket->size - bucket->take && wait_ms == 0;
    if (!fits)
        return READING_NONSENSE;
    bucket->taken = there;
    bucket->left = (unsigned)left;
    bucket->wait_ms = (unsigned)wait_ms;
    return READING_FINE;
}

static void clear_bucket(struct cache_bucket *bucket)
{
    bucket->answered = bucket->taken = false;
    bucket->left = bucket->wait_ms = 0;
}

static void tell_bucket(struct cache_call *call, void *waiter, bool answered)
{
    (void)call;
    struct cache_bucket *bucket = waiter;
    if (!answered)
        clear_bucket(bucket);
    bucket->answered = answered;
    bucket->done(bucket);
}

bool cache_take(struct cache *cache, struct cache_bucket *bucket)
{
    static const struct call_kind kind = {read_bucket, tell_bucket};
    CHECK(bucket->name.len >= 1 && bucket->name.len <= CACHE_BUCKET_NAME_MAX);
    CHECK(bucket->size >= 1 && bucket->size <= CACHE_BUCKET_SIZE_MAX &&
          bucket->take <= bucket->size);
    CHECK(bucket->fill_s >= 1 && bucket->fill_s <= BUCKET_FILL_S_MAX);
    clear_bucket(bucket);
    struct cache_call *call = call_take(cache, &kind);
    if (!call)
        return false;
    memcpy(call->kept, bucket->name.data, bucket->name.len);
    call->kept_len = bucket->name.len;
    struct buf out = command_begin(cache);
    struct key key = key_bucket(bucket->name);
    command_open_script(cache, &out, SCRIPT_TAKE, 1, 3);
    command_put(&out, key_bytes(&key));
    command_put_decimal(&out, bucket->size);
    command_put_decimal(&out, bucket->fill_s * UINT64_C(1000));
    command_put_decimal(&out, bucket->take);
    return call_start(call, &out, &out.len, 1, bucket, &bucket->call);
}
