/* trip SOCKET RATE SECONDS: what a trip to Redis costs a client that does nothing else. RATE times
 * a second it sends the six commands of a verify in one write and waits for the six replies; it
 * asks for codes and faces that Redis has. Prints its histogram (base/histogram.h) as JSON: the
 * buckets that hold any, [inclusive bound in µs, count] each. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <hiredis/hiredis.h>

#include "base/check.h"
#include "base/clock.h"
#include "cache/redis.h"

static redisReply *ask(redisContext *redis, const char *command, const char *argument)
{
    redisReply *reply = redisCommand(redis, command, argument);
    if (!reply || reply->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "trip: %s: %s\n", command, reply ? reply->str : redis->errstr);
        exit(1);
    }
    return reply;
}

static redisReply *keys(redisContext *redis, const char *pattern)
{
    redisReply *found = ask(redis, "KEYS %s", pattern);
    if (found->elements == 0) {
        fprintf(stderr, "trip: no key fits %s\n", pattern);
        exit(1);
    }
    return found;
}

/* As cache_ask writes them. */
static void append(redisContext *redis, char *const sha[], const char *code, const char *face)
{
    static const char entry[] =
        "an entry is there already; this one is about as long as a real one";
    unsigned list, index;
    CHECK(sscanf(face, "face:{%u:%u}", &list, &index) == 2);
    redisAppendCommand(redis, "EVALSHA %s 1 %s i %s", sha[SCRIPT_SCAN], code, entry);
    redisAppendCommand(redis, "GET status:{%u}:seq", list);
    redisAppendCommand(redis, "STRLEN status:{%u}", list);
    redisAppendCommand(redis, "GETRANGE status:{%u} %u %u", list, index / 4, index / 4);
    redisAppendCommand(redis, "ECHO %s", face);
    redisAppendCommand(redis, "GET %s", face);
}

/* From the write to the last replies' arrival, as the gateway counts it. */
static uint64_t trip_us(redisContext *redis)
{
    struct pollfd readable = {.fd = redis->fd, .events = POLLIN};
    uint64_t began_us = clock_mono_us(), arrived_us = 0;
    int written = 0;
    while (!written)
        CHECK(redisBufferWrite(redis, &written) == REDIS_OK);
    for (int replies = 0; replies < 6;) {
        void *reply = NULL;
        CHECK(redisGetReplyFromReader(redis, &reply) == REDIS_OK);
        if (reply) {
            CHECK(((redisReply *)reply)->type != REDIS_REPLY_ERROR);
            freeReplyObject(reply);
            replies++;
            continue;
        }
        CHECK(poll(&readable, 1, -1) == 1);
        arrived_us = clock_mono_us();
        CHECK(redisBufferRead(redis) == REDIS_OK);
    }
    return arrived_us - began_us;
}

static void print(const struct histogram *h)
{
    const char *comma = "[";
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        if (h->bucket[i]) {
            printf("%s[%llu,%llu]", comma, (unsigned long long)histogram_bound_us(i),
                   (unsigned long long)h->bucket[i]);
            comma = ",";
        }
    printf("]\n");
}

int main(int argc, char **argv)
{
    static struct histogram trips;
    char *sha[SCRIPT_COUNT];
    double rate = argc == 4 ? strtod(argv[2], NULL) : 0;
    double seconds = argc == 4 ? strtod(argv[3], NULL) : 0;
    if (rate <= 0 || seconds <= 0) {
        fputs("usage: trip SOCKET RATE SECONDS\n", stderr);
        return 2;
    }
    redisContext *redis = redisConnectUnix(argv[1]);
    CHECK(redis && !redis->err);
    for (size_t i = 0; i < SCRIPT_COUNT; i++)
        sha[i] = ask(redis, "SCRIPT LOAD %s", script_texts[i])->str;
    redisReply *codes = keys(redis, "code:*"), *faces = keys(redis, "face:*");

    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (size_t i = 0; i < (size_t)(rate * seconds); i++) {
        append(redis, sha, codes->element[i % codes->elements]->str,
               faces->element[i % faces->elements]->str);
        histogram_observe(&trips, trip_us(redis));
        next.tv_nsec += (long)(1e9 / rate);
        next.tv_sec += next.tv_nsec / 1000000000;
        next.tv_nsec %= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    print(&trips);
    return 0;
}
