#include "gateway/quota.h"

#include "base/check.h"

#define MINUTE_S         60
#define NAME_OCTETS      16 /* of the hash of whose a bucket is */
#define HEADER_BYTES_MAX 64

/* Keyed, so that nobody can try out which officer's a name in Redis is. */
static bool write_name(struct quota *quota, const char *what, struct bytes whose)
{
    const struct operation *op = quota->op;
    const struct bytes parts[] = {BYTES("jwb-bucket-1:"), whose};
    uint8_t mac[CRYPTO_HASH_BYTES];
    struct buf name = BUF_OVER(quota->name);
    if (crypto_openssl.mac_compute(op->home->code_mac, parts, 2, mac) != CRYPTO_OK)
        return false;
    buf_put_str(&name, what);
    buf_put_u8(&name, ':');
    buf_put_hex(&name, bytes_of(mac, NAME_OCTETS));
    CHECK(buf_ok(&name));
    quota->bucket.name = buf_bytes(&name);
    return true;
}

static enum step_result ask(struct quota *quota, struct operation *op, const char *what,
                            struct bytes whose, void (*done)(struct cache_bucket *bucket))
{
    quota->op = op;
    quota->result = QUOTA_UNKNOWN;
    quota->bucket.done = done;
    bool asked = write_name(quota, what, whose) && cache_take(op->home->cache, &quota->bucket);
    return asked ? STEP_WAIT : STEP_NEXT;
}

static struct quota *answered(struct cache_bucket *bucket)
{
    struct quota *quota = (struct quota *)((char *)bucket - offsetof(struct quota, bucket));
    if (bucket->answered)
        quota->result = bucket->taken ? QUOTA_OPEN : QUOTA_EMPTY;
    return quota;
}

/* ---- any bucket ---- */

static void bucket_answered(struct cache_bucket *bucket)
{
    operation_resume(answered(bucket)->op);
}

enum step_result quota_take_of(struct quota *quota, struct operation *op, const char *what,
                               unsigned size, unsigned fill_s, unsigned take)
{
    const struct token_claims *asker = &op->asker;
    bool person = asker->role == TOKEN_ROLE_HOLDER || asker->role == TOKEN_ROLE_INSPECTOR;
    quota->bucket = (struct cache_bucket){.size = size, .fill_s = fill_s, .take = take};
    return ask(quota, op, what, person ? asker->subject : asker->client, bucket_answered);
}

/* ---- a client's quota ---- */

static struct buf header_room(struct operation *op)
{
    struct buf text;
    buf_init(&text, http_room(op->http, HEADER_BYTES_MAX), HEADER_BYTES_MAX);
    return text;
}

/* t: until the next one is there, which is never later than what Retry-After says. */
static void add_headers(const struct quota *quota)
{
    const struct cache_bucket *bucket = &quota->bucket;
    struct buf policy = header_room(quota->op), now = header_room(quota->op);
    unsigned next_s =
        quota->result == QUOTA_EMPTY ? quota_wait_s(quota) : (MINUTE_S - 1) / bucket->size + 1;
    buf_printf(&policy, "\"minute\";q=%u;w=%u", bucket->size, MINUTE_S);
    buf_printf(&now, "\"minute\";r=%u;t=%u", bucket->left, next_s);
    operation_header(quota->op, "ratelimit-policy", buf_bytes(&policy));
    operation_header(quota->op, "ratelimit", buf_bytes(&now));
}

static void quota_answered(struct cache_bucket *bucket)
{
    struct quota *quota = answered(bucket);
    if (quota->result != QUOTA_UNKNOWN)
        add_headers(quota);
    if (quota->result == QUOTA_EMPTY) {
        quota->op->retry_after_s = quota_wait_s(quota);
        count(&quota->op->home->counters.quotas_exceeded);
    }
    operation_resume(quota->op);
}

enum step_result quota_take(struct quota *quota, struct operation *op)
{
    const uint32_t per_minute = op->client ? op->client->quota_per_minute : 0;
    quota->result = QUOTA_OPEN;
    if (per_minute == 0)
        return STEP_NEXT;
    quota->bucket = (struct cache_bucket){
        .size = per_minute < CACHE_BUCKET_SIZE_MAX ? per_minute : CACHE_BUCKET_SIZE_MAX,
        .fill_s = MINUTE_S,
        .take = 1,
    };
    return ask(quota, op, "quota", op->asker.client, quota_answered);
}

enum step_result quota_refuse(const struct quota *quota)
{
    CHECK(quota->result != QUOTA_OPEN);
    return operation_fail(quota->op,
                          quota->result == QUOTA_EMPTY ? PROBLEM_QUOTA_EXCEEDED
                                                       : PROBLEM_QUOTA_UNAVAILABLE,
                          NULL, NULL);
}
