/* Replies are built one at a time in a fixed place instead of on the heap: hiredis would make some
 * 25 allocations a verify, and as many gigabytes as a deranged server claims an array to be. What
 * is longer or deeper than any answer of ours ends the connection (hiredis takes NULL for lack of
 * memory). hiredis frees each reply before it begins the next. */
#include <hiredis/hiredis.h>

#include "base/check.h"
#include "cache/redis.h"

#define ELEMENTS_MAX 8
#define TEXT_MAX     16384 /* the longest is INFO, about 2 KiB, with paths of up to 4 KiB each */

struct reply_arena {
    redisReply replies[1 + ELEMENTS_MAX];
    redisReply *elements[ELEMENTS_MAX];
    size_t reply_count, text_len;
    char text[TEXT_MAX];
};

struct reply_arena *reply_arena_create(void)
{
    return check_alloc(sizeof(struct reply_arena));
}

static redisReply *make(const redisReadTask *task)
{
    struct reply_arena *arena = task->privdata;
    if (!task->parent)
        arena->reply_count = arena->text_len = 0;
    redisReply *reply = &arena->replies[arena->reply_count++];
    *reply = (redisReply){.type = task->type};
    if (task->parent)
        ((redisReply *)task->parent->obj)->element[task->idx] = reply;
    return reply;
}

static void *make_string(const redisReadTask *task, char *text, size_t len)
{
    struct reply_arena *arena = task->privdata;
    redisReply *reply = make(task);
    if (len >= TEXT_MAX - arena->text_len)
        return NULL;
    reply->str = arena->text + arena->text_len;
    reply->len = len;
    memcpy(reply->str, text, len);
    reply->str[len] = 0; /* hiredis prints an error that nobody asked for */
    arena->text_len += len + 1;
    return reply;
}

#if HIREDIS_MAJOR >= 1
typedef size_t array_size;
#else
typedef int array_size;
#endif
static void *make_array(const redisReadTask *task, array_size elements)
{
    struct reply_arena *arena = task->privdata;
    if (task->parent || (size_t)elements > ELEMENTS_MAX)
        return NULL;
    redisReply *reply = make(task);
    reply->elements = (size_t)elements;
    reply->element = arena->elements;
    return reply;
}

static void *make_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = make(task);
    reply->integer = value;
    return reply;
}

static void *make_nil(const redisReadTask *task)
{
    redisReply *reply = make(task);
    reply->type = REDIS_REPLY_NIL; /* the task's is that of the string that is not there */
    return reply;
}

#if HIREDIS_MAJOR >= 1
/* Only of RESP3, which is never asked for. */
static void *make_double(const redisReadTask *task, double value, char *text, size_t len)
{
    (void)task, (void)value, (void)text, (void)len;
    return NULL;
}
static void *make_bool(const redisReadTask *task, int value)
{
    (void)task, (void)value;
    return NULL;
}
#endif

static void free_nothing(void *reply)
{
    (void)reply;
}

void reply_arena_attach(struct reply_arena *arena, struct redisReader *reader)
{
    static redisReplyObjectFunctions functions = {
        .createString = make_string,
        .createArray = make_array,
        .createInteger = make_integer,
        .createNil = make_nil,
#if HIREDIS_MAJOR >= 1
        .createDouble = make_double,
        .createBool = make_bool,
#endif
        .freeObject = free_nothing,
    };
    reader->fn = &functions;
    reader->privdata = arena;
}

/* ---- looking at one ---- */
bool reply_is_error(const struct redisReply *reply, const char *code)
{
    return reply->type == REDIS_REPLY_ERROR &&
           (!code || bytes_start_with(bytes_of(reply->str, reply->len), bytes_str(code)));
}

bool reply_is_array(const struct redisReply *reply, size_t elements)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == elements;
}

const struct redisReply *reply_element(const struct redisReply *reply, size_t i)
{
    return reply->element[i];
}

bool reply_text(const struct redisReply *reply, struct bytes *text)
{
    if (reply->type != REDIS_REPLY_STRING)
        return false;
    *text = bytes_of(reply->str, reply->len);
    return true;
}

bool reply_is_text(const struct redisReply *reply, struct bytes expected)
{
    struct bytes text;
    return reply_text(reply, &text) && bytes_equal(text, expected);
}

bool reply_is_nil(const struct redisReply *reply)
{
    return reply->type == REDIS_REPLY_NIL;
}

bool reply_is_ok(const struct redisReply *reply)
{
    return reply->type == REDIS_REPLY_STATUS &&
           bytes_equal(bytes_of(reply->str, reply->len), BYTES("OK"));
}

bool reply_number(const struct redisReply *reply, uint64_t max, uint64_t *number)
{
    if (reply->type != REDIS_REPLY_INTEGER || reply->integer < 0)
        return false;
    *number = (uint64_t)reply->integer;
    return *number <= max;
}
