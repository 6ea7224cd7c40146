/* What a verify and an issue ask: codes and faces. */
#include "base/check.h"
#include "cache/redis.h"

static struct bytes count_field(enum cache_count count)
{
    return count == CACHE_COUNT_INSPECTOR ? BYTES("i")
           : count == CACHE_COUNT_PARTNER ? BYTES("p")
                                          : BYTES("");
}

/* The own entry is kept in the call: it is the first one when this scan is counted. */
static void put_entry(struct buf *out, struct cache_call *call, enum cache_count count,
                      struct bytes entry)
{
    struct bytes field = count_field(count);
    CHECK(entry.len <= CACHE_ENTRY_BYTES_MAX && (entry.len > 0 || field.len == 0));
    if (field.len == 0)
        entry.len = 0;
    else
        memcpy(call->kept, entry.data, entry.len);
    call->kept_len = entry.len;
    command_put(out, field);
    command_put(out, entry);
}

/* ---- replies ---- */
struct scan {
    bool known, counted;
    struct bytes first;
    uint8_t acting;
};

/* Decimal digits; anything else that a key may hold is not known. */
static uint8_t acting_of(const struct redisReply *reply)
{
    struct bytes text;
    unsigned acting = 0;
    if (!reply_text(reply, &text) || text.len == 0)
        return CACHE_ACTING_UNKNOWN;
    for (size_t i = 0; i < text.len && acting < CACHE_ACTING_UNKNOWN; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return CACHE_ACTING_UNKNOWN;
        acting = acting * 10 + text.data[i] - '0';
    }
    return acting < CACHE_ACTING_UNKNOWN ? (uint8_t)acting : CACHE_ACTING_UNKNOWN;
}

/* key, exists, counted, first, and where it was asked for, acting: what may be there follows from
 * what was asked. */
static enum reading read_scan(struct cache_call *call, const struct redisReply *reply,
                              const struct key *key, enum cache_count count, bool with_acting,
                              struct scan *scan)
{
    uint64_t known, counted;
    struct bytes first;
    bool has_acting = reply_is_array(reply, 5);
    if (reply_is_error(reply, NULL))
        return READING_UNANSWERED;
    if (!(has_acting || reply_is_array(reply, 4)) ||
        !reply_is_text(reply_element(reply, 0), key_bytes(key)) ||
        !reply_number(reply_element(reply, 1), 1, &known) ||
        !reply_number(reply_element(reply, 2), 1, &counted) ||
        (counted && (!known || count == CACHE_COUNT_NONE)))
        return READING_NONSENSE;
    *scan = (struct scan){.known = known, .counted = counted, .acting = CACHE_ACTING_UNKNOWN};

    bool asked_to_count = known && count != CACHE_COUNT_NONE;
    if (has_acting != (asked_to_count && with_acting))
        return READING_NONSENSE;
    if (!asked_to_count || counted) {
        if (!reply_is_nil(reply_element(reply, 3)))
            return READING_NONSENSE;
    } else {
        if (!reply_text(reply_element(reply, 3), &first) || first.len == 0 ||
            first.len > CACHE_ENTRY_BYTES_MAX)
            return READING_NONSENSE;
        memcpy(call->kept, first.data, first.len);
        call->kept_len = first.len;
    }
    if (asked_to_count)
        scan->first = bytes_of(call->kept, call->kept_len);
    if (has_acting)
        scan->acting = acting_of(reply_element(reply, 4));
    return READING_FINE;
}

/* ---- one verify ---- */
static enum reading read_ask_scan(struct cache_call *call, const struct redisReply *reply)
{
    struct cache_ask *ask = call->waiter;
    struct key key = key_code(ask->cti, ask->mac);
    struct scan scan;
    enum reading reading = read_scan(call, reply, &key, ask->count, true, &scan);
    if (reading != READING_FINE)
        return reading;
    ask->code_known = scan.known;
    ask->counted = scan.counted;
    ask->first = scan.first;
    ask->acting = scan.acting;
    return READING_FINE;
}

static enum reading read_ask_face(struct cache_ask *ask, const struct redisReply *reply)
{
    struct bytes sealed;
    if (reply_text(reply, &sealed)) {
        if (sealed.len <= CACHE_FACE_BYTES_MAX)
            ask->face = sealed;
        return READING_FINE;
    }
    /* A key of another type is no face, and mended by the next cache_put_face. */
    return reply_is_nil(reply) || reply_is_error(reply, "WRONGTYPE") ? READING_FINE
           : reply_is_error(reply, NULL)                             ? READING_UNANSWERED
                                                                     : READING_NONSENSE;
}

/* The look comes behind the scan: a list that is there then was there when the scan was counted. */
enum { ASK_SCAN, ASK_LOOK, ASK_FACE = ASK_LOOK + LOOK_COMMANDS, ASK_COMMANDS };

static enum reading read_ask(struct cache_call *call, unsigned part, const struct redisReply *reply)
{
    struct cache_ask *ask = call->waiter;
    if (part == ASK_SCAN)
        return read_ask_scan(call, reply);
    if (part == ASK_FACE)
        return read_ask_face(ask, reply);

    const struct look *look = &call->look;
    enum reading reading = look_read(&call->look, part - ASK_LOOK, reply, ask->list, ask->index);
    if (reading != READING_FINE || part + 1 < ASK_FACE || !look->present)
        return reading;
    ask->list_present = true;
    ask->seq = look->seq;
    ask->generation = look->generation;
    ask->bits = look->bits;
    return READING_FINE;
}

static void clear_answers(struct cache_ask *ask)
{
    ask->answered = ask->code_known = ask->counted = ask->list_present = false;
    ask->seq = ask->generation = 0;
    ask->bits = 0;
    ask->acting = CACHE_ACTING_UNKNOWN;
    ask->first = ask->face = BYTES("");
}

static void tell_ask(struct cache_call *call, void *waiter, bool answered)
{
    struct cache_ask *ask = waiter;
    struct cache *cache = call->cache;
    if (answered)
        histogram_observe(&cache->counters.trip_us, cache->read_us - call->written_us);
    else
        clear_answers(ask);
    ask->answered = answered;
    ask->done(ask);
}

bool cache_ask(struct cache *cache, struct cache_ask *ask)
{
    static const struct call_kind kind = {read_ask, tell_ask};
    CHECK(ask->index < PLACES);
    clear_answers(ask);
    struct cache_call *call = call_take(cache, &kind);
    if (!call)
        return false;
    struct buf out = command_begin(cache);
    size_t ends[ASK_COMMANDS];
    struct key code = key_code(ask->cti, ask->mac);
    command_open_script(cache, &out, SCRIPT_SCAN, 1, 2);
    command_put(&out, key_bytes(&code));
    put_entry(&out, call, ask->count, ask->entry);
    ends[ASK_SCAN] = out.len;

    look_write(&out, ends + ASK_LOOK, ask->list, ask->index);

    struct key face = key_face(ask->list, ask->index);
    command_open(&out, 2);
    command_put(&out, BYTES("GET"));
    command_put(&out, key_bytes(&face));
    ends[ASK_FACE] = out.len;
    return call_start(call, &out, ends, ASK_COMMANDS, ask, &ask->call);
}

void cache_ask_cancel(struct cache_ask *ask)
{
    call_cancel(&ask->call);
}

/* ---- the code's key ---- */
static enum reading read_remember(struct cache_call *call, unsigned part,
                                  const struct redisReply *reply)
{
    (void)part;
    struct cache_remember *remember = call->waiter;
    struct key key = key_code(remember->cti, remember->mac);
    struct scan scan;
    enum reading reading = read_scan(call, reply, &key, remember->count, false, &scan);
    if (reading != READING_FINE)
        return reading;
    remember->counted = scan.counted;
    remember->first = scan.first;
    return scan.known ? READING_FINE : READING_NONSENSE;
}

static void clear_remembered(struct cache_remember *remember)
{
    remember->answered = remember->counted = false;
    remember->first = BYTES("");
}

static void tell_remember(struct cache_call *call, void *waiter, bool answered)
{
    (void)call;
    struct cache_remember *remember = waiter;
    if (!answered)
        clear_remembered(remember);
    remember->answered = answered;
    remember->done(remember);
}

bool cache_remember(struct cache *cache, struct cache_remember *remember)
{
    static const struct call_kind kind = {read_remember, tell_remember};
    CHECK(remember->ttl_s >= 1 && remember->issued_at >= 0);
    clear_remembered(remember);
    struct cache_call *call = call_take(cache, &kind);
    if (!call)
        return false;
    struct buf out = command_begin(cache);
    struct key code = key_code(remember->cti, remember->mac);
    command_open_script(cache, &out, SCRIPT_REMEMBER, 1, 5);
    command_put(&out, key_bytes(&code));
    put_entry(&out, call, remember->count, remember->entry);
    command_put_decimal(&out, (uint64_t)remember->issued_at);
    command_put_decimal(&out, remember->ttl_s);
    if (remember->acting == CACHE_ACTING_UNKNOWN)
        command_put(&out, BYTES(""));
    else
        command_put_decimal(&out, remember->acting);
    return call_start(call, &out, &out.len, 1, remember, &remember->call);
}

void cache_remember_cancel(struct cache_remember *remember)
{
    call_cancel(&remember->call);
}

/* ---- faces ---- */
void cache_put_face(struct cache *cache, uint16_t list, uint32_t index, struct bytes sealed,
                    unsigned ttl_s)
{
    static const struct call_kind nobody = {NULL, NULL};
    CHECK(index < PLACES && sealed.len <= CACHE_FACE_BYTES_MAX && ttl_s >= 1);
    struct cache_call *call = call_take(cache, &nobody);
    if (!call)
        return;
    struct buf out = command_begin(cache);
    struct key face = key_face(list, index);
    command_open(&out, 5);
    command_put(&out, BYTES("SET"));
    command_put(&out, key_bytes(&face));
    command_put(&out, sealed);
    command_put(&out, BYTES("EX"));
    command_put_decimal(&out, ttl_s);
    call_start(call, &out, &out.len, 1, NULL, NULL);
}
