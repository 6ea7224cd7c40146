/* The lists: one place as a verify asks for it, and what the relay does. */
#include "base/check.h"
#include "cache/redis.h"

#define SEQ_DIGITS 15 /* of CACHE_SEQ_MAX */

enum told { /* as the scripts say it */
            TOLD_DONE = 0,
            TOLD_GAP = 1,
            TOLD_ABSENT = 2,
            TOLD_NEWER = 3,
};

/* ---- one place ---- */
void look_write(struct buf *out, size_t *ends, uint16_t list, uint32_t index)
{
    struct key array = key_list(list), position = key_list_seq(list);
    command_open(out, 2);
    command_put(out, BYTES("GET"));
    command_put(out, key_bytes(&position));
    ends[0] = out->len;

    command_open(out, 2);
    command_put(out, BYTES("STRLEN"));
    command_put(out, key_bytes(&array));
    ends[1] = out->len;

    command_open(out, 4);
    command_put(out, BYTES("GETRANGE"));
    command_put(out, key_bytes(&array));
    command_put_decimal(out, index / 4);
    command_put_decimal(out, index / 4);
    ends[2] = out->len;

    struct key place = key_face(list, index);
    command_open(out, 2);
    command_put(out, BYTES("ECHO"));
    command_put(out, key_bytes(&place));
    ends[3] = out->len;
}

/* Digits at the head of text, at most as many as given and within 64 bits; takes them off. */
static bool take_digits(struct bytes *text, size_t digits_max, uint64_t *value)
{
    size_t n = 0;
    *value = 0;
    for (; n < text->len && text->data[n] >= '0' && text->data[n] <= '9'; n++)
        if (n == digits_max || __builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, text->data[n] - '0', value))
            return false;
    *text = bytes_from(*text, n);
    return n > 0;
}

static bool read_position(struct bytes text, struct look *look)
{
    if (!take_digits(&text, 20, &look->generation) || !bytes_start_with(text, BYTES(" ")))
        return false;
    text = bytes_from(text, 1);
    return take_digits(&text, SEQ_DIGITS, &look->seq) && text.len == 0;
}

enum reading look_read(struct look *look, unsigned part, const struct redisReply *reply,
                       uint16_t list, uint32_t index)
{
    uint64_t length;
    struct bytes text;
    struct key place = key_face(list, index);
    if (reply_is_error(reply, "WRONGTYPE") || (part == 0 && reply_is_nil(reply))) {
        look->present = false; /* a key of another type is no list: a rebuild mends it */
        return READING_FINE;
    }
    if (reply_is_error(reply, NULL))
        return READING_UNANSWERED;
    if (part == 1) {
        if (!reply_number(reply, UINT64_MAX, &length))
            return READING_NONSENSE;
        look->present &= length == CACHE_LIST_BYTES;
        return READING_FINE;
    }
    if (!reply_text(reply, &text) || (part == 2 && text.len > 1) ||
        (part == 3 && !bytes_equal(text, key_bytes(&place))))
        return READING_NONSENSE;
    if (part == 0) {
        look->present = read_position(text, look);
    } else if (part == 2 && text.len == 0) {
        look->present = false;
    } else if (part == 2) {
        look->bits = (uint8_t)(text.data[0] >> (2 * (index % 4)) & 3);
    }
    return READING_FINE;
}

/* ---- the relay ---- */
static enum reading read_state(struct cache_call *call, unsigned part,
                               const struct redisReply *reply)
{
    struct cache_list_call *asked = call->waiter;
    const struct look *look = &call->look;
    enum reading reading = look_read(&call->look, part, reply, asked->list, 0);
    if (reading != READING_FINE || part + 1 < LOOK_COMMANDS)
        return reading;
    bool present = look->present && look->generation == asked->generation;
    asked->result = present ? CACHE_LIST_DONE : CACHE_LIST_ABSENT;
    asked->redis_seq = present ? look->seq : 0;
    return READING_FINE;
}

/* key, the seq asked for, result, Redis's seq */
static enum reading read_change(struct cache_call *call, const struct redisReply *reply,
                                uint64_t *result)
{
    struct cache_list_call *asked = call->waiter;
    struct key array = key_list(asked->list), digits = key_decimal(asked->seq);
    if (reply_is_error(reply, NULL))
        return READING_UNANSWERED;
    return reply_is_array(reply, 4) && reply_is_text(reply_element(reply, 0), key_bytes(&array)) &&
                   reply_is_text(reply_element(reply, 1), key_bytes(&digits)) &&
                   reply_number(reply_element(reply, 2), TOLD_NEWER, result) &&
                   reply_number(reply_element(reply, 3), CACHE_SEQ_MAX, &asked->redis_seq)
               ? READING_FINE
               : READING_NONSENSE;
}

static enum reading read_apply(struct cache_call *call, unsigned part,
                               const struct redisReply *reply)
{
    (void)part;
    struct cache_list_call *asked = call->waiter;
    uint64_t result;
    enum reading reading = read_change(call, reply, &result);
    if (reading != READING_FINE)
        return reading;
    if (result == TOLD_DONE && asked->redis_seq >= asked->seq + asked->change_count - 1)
        asked->result = CACHE_LIST_DONE;
    else if (result == TOLD_GAP && asked->redis_seq + 1 < asked->seq)
        asked->result = CACHE_LIST_GAP;
    else if (result == TOLD_ABSENT)
        asked->result = CACHE_LIST_ABSENT;
    else
        return READING_NONSENSE;
    return READING_FINE;
}

static enum reading read_rebuild(struct cache_call *call, unsigned part,
                                 const struct redisReply *reply)
{
    (void)part;
    struct cache_list_call *asked = call->waiter;
    uint64_t result;
    enum reading reading = read_change(call, reply, &result);
    if (reading != READING_FINE)
        return reading;
    if (result == TOLD_DONE && asked->redis_seq == asked->seq)
        asked->result = CACHE_LIST_DONE;
    else if (result == TOLD_NEWER && asked->redis_seq > asked->seq)
        asked->result = CACHE_LIST_NEWER;
    else
        return READING_NONSENSE;
    return READING_FINE;
}

static void tell_list(struct cache_call *call, void *waiter, bool answered)
{
    (void)call;
    struct cache_list_call *asked = waiter;
    if (!answered) {
        asked->result = CACHE_LIST_UNANSWERED;
        asked->redis_seq = 0;
    }
    asked->done(asked);
}

static struct cache_call *take_list_call(struct cache *cache, struct cache_list_call *asked,
                                         const struct call_kind *kind)
{
    asked->result = CACHE_LIST_UNANSWERED;
    asked->redis_seq = 0;
    return call_take(cache, kind);
}

bool cache_list_state(struct cache *cache, struct cache_list_call *call)
{
    static const struct call_kind kind = {read_state, tell_list};
    struct cache_call *own = take_list_call(cache, call, &kind);
    if (!own)
        return false;
    struct buf out = command_begin(cache);
    size_t ends[LOOK_COMMANDS];
    look_write(&out, ends, call->list, 0);
    return call_start(own, &out, ends, LOOK_COMMANDS, call, &call->call);
}

/* Opens a script on a list, with its two keys and the seq asked for. */
static struct buf open_change(struct cache *cache, const struct cache_list_call *asked,
                              enum script script, unsigned arguments)
{
    struct buf out = command_begin(cache);
    struct key array = key_list(asked->list), position = key_list_seq(asked->list);
    command_open_script(cache, &out, script, 2, arguments);
    command_put(&out, key_bytes(&array));
    command_put(&out, key_bytes(&position));
    command_put_decimal(&out, asked->seq);
    return out;
}

bool cache_list_apply(struct cache *cache, struct cache_list_call *call)
{
    static const struct call_kind kind = {read_apply, tell_list};
    CHECK(call->change_count >= 1 && call->change_count <= CACHE_CHANGES_MAX);
    CHECK(call->seq >= 1 && call->seq <= CACHE_SEQ_MAX - call->change_count + 1);
    struct cache_call *own = take_list_call(cache, call, &kind);
    if (!own)
        return false;
    unsigned count = (unsigned)call->change_count;
    struct buf out = open_change(cache, call, SCRIPT_APPLY, 3 + 2 * count);
    command_put_decimal(&out, call->seq + count - 1);
    command_put_decimal(&out, call->generation);
    for (size_t n = 0; n < count; n++) {
        const struct cache_change *change = &call->changes[n];
        CHECK(change->index < PLACES && change->bits <= 3);
        /* Redis counts bits from the highest of a byte, the list from the lowest. */
        command_put_decimal(&out, 8 * (change->index / 4) + 6 - 2 * (change->index % 4));
        command_put_decimal(&out, change->bits);
    }
    return call_start(own, &out, &out.len, 1, call, &call->call);
}

bool cache_list_rebuild(struct cache *cache, struct cache_list_call *call)
{
    static const struct call_kind kind = {read_rebuild, tell_list};
    CHECK(call->array && call->seq <= CACHE_SEQ_MAX);
    struct cache_call *own = take_list_call(cache, call, &kind);
    if (!own)
        return false;
    struct buf out = open_change(cache, call, SCRIPT_REBUILD, 3);
    command_put_decimal(&out, call->generation);
    command_put(&out, bytes_of(call->array, CACHE_LIST_BYTES));
    return call_start(own, &out, &out.len, 1, call, &call->call);
}

void cache_list_cancel(struct cache_list_call *call)
{
    call_cancel(&call->call);
}
