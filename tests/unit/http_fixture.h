/* A server of gateway/http on threads of its own, and a blocking client, for the http tests. */
#ifndef TESTS_UNIT_HTTP_FIXTURE_H
#define TESTS_UNIT_HTTP_FIXTURE_H

#include "tests/support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/check.h"
#include "gateway/http/http.h"

#define UNUSED __attribute__((unused))

/* h2o 2.2.5 keeps up to 16 buffers per thread for further use, also when the thread ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_mem_alloc_recycle";
}
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}

/* ---- the wall clock as h2o sees it, and the other one, in which some time may pass at once ----
 */

static _Atomic int64_t wall_step_s;
static _Atomic int64_t mono_step_s;

int clock_gettime(clockid_t id, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, id, now);
    if (id == CLOCK_MONOTONIC)
        now->tv_sec += mono_step_s;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    (void)zone;
    struct timespec real;
    clock_gettime(CLOCK_REALTIME, &real);
    now->tv_sec = real.tv_sec + wall_step_s;
    now->tv_usec = real.tv_nsec / 1000;
    return 0;
}

/* ---- the server ---- */

enum { LOOPS_MAX = 2, HELD_MAX = 64 };

static struct side {
    pthread_t thread;
    struct loop *loop;
    struct http_loop *http_loop;
    struct http_request *held[HELD_MAX]; /* that wait for answer_held; the loop's */
    unsigned held_count;
    _Atomic unsigned waiting; /* the same number for the test */
    sem_t drained;
} sides[LOOPS_MAX];
static struct http *http;
static unsigned loop_count;
static uint16_t port;

/* What a handler that answers later keeps. */
struct later {
    struct loop_task task;
    struct loop_timer timer;
    struct http_request *request;
};

static void answer_text(struct http_request *request, struct bytes text)
{
    http_respond(request,
                 &(struct http_answer){.status = 200, .content_type = "text/plain", .body = text});
}

static void answer_task(struct loop_task *task)
{
    answer_text(((struct later *)task)->request, BYTES("later"));
}

static void answer_timer(struct loop_timer *timer)
{
    struct later *later = (struct later *)((char *)timer - offsetof(struct later, timer));
    answer_text(later->request, BYTES("timer"));
}

/* "POST /tell?a=b" is told what the views say. */
static void answer_views(struct http_request *request)
{
    struct buf out;
    buf_init(&out, http_alloc(request, 4096), 4096);
    const struct bytes views[] = {http_method(request),
                                  http_path(request),
                                  http_query(request),
                                  http_body(request),
                                  http_header(request, "x-test"),
                                  http_header(request, "accept")};
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        buf_put(&out, views[i]);
        buf_put_u8(&out, '|');
    }
    answer_text(request, buf_bytes(&out));
}

/* The peer in hexadecimal, and all lines of a header. */
static void answer_peer(struct http_request *request)
{
    struct buf out;
    uint8_t address[16];
    buf_init(&out, http_alloc(request, 4096), 4096);
    if (http_peer(request, address))
        buf_put_hex(&out, bytes_of(address, sizeof address));
    buf_put_u8(&out, '|');
    buf_put(&out, http_header_list(request, "x-forwarded-for"));
    answer_text(request, buf_bytes(&out));
}

static void answer_large(struct http_request *request)
{
    size_t size = 8u << 20;
    uint8_t *data = http_alloc(request, size);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 31 >> 4);
    answer_text(request, bytes_of(data, size));
}

/* How long the spooled body is, and the sum of its octets, each times its place. */
static void answer_spooled(struct http_request *request)
{
    uint64_t size, sum = 0, done = 0;
    static _Thread_local uint8_t piece[65536];
    int descriptor = http_spool(request, &size);
    struct buf out;
    buf_init(&out, http_alloc(request, 128), 128);
    while (done < size) {
        ssize_t n = pread(descriptor, piece, sizeof piece, (off_t)done);
        CHECK(n > 0);
        for (ssize_t i = 0; i < n; i++)
            sum += piece[i] * ++done;
    }
    if (descriptor < 0)
        buf_printf(&out, "none, %zu in memory", http_body(request).len);
    else
        buf_printf(&out, "%llu %llu", (unsigned long long)size, (unsigned long long)sum);
    answer_text(request, buf_bytes(&out));
}

static void app(void *context, struct http_request *request)
{
    struct side *side = context;
    struct bytes path = http_path(request);
    if (bytes_equal(path, BYTES("/now"))) {
        answer_text(request, BYTES("now"));
    } else if (bytes_equal(path, BYTES("/later")) || bytes_equal(path, BYTES("/timer"))) {
        struct later *later = http_alloc(request, sizeof *later);
        later->request = request;
        later->task.run = answer_task;
        later->timer.fire = answer_timer;
        if (bytes_equal(path, BYTES("/later")))
            loop_task_queue(side->loop, LOOP_PHASE_ANSWER, &later->task);
        else
            loop_timer_start(side->loop, &later->timer, 3);
    } else if (bytes_equal(path, BYTES("/spool")) && http_query(request).len == 0) {
        answer_spooled(request);
    } else if (bytes_equal(path, BYTES("/hold")) || bytes_equal(path, BYTES("/spool"))) {
        side->held[side->held_count++] = request;
        side->waiting++;
    } else if (bytes_equal(path, BYTES("/peer"))) {
        answer_peer(request);
    } else if (bytes_equal(path, BYTES("/large"))) {
        answer_large(request);
    } else if (bytes_equal(path, BYTES("/empty"))) {
        http_respond(request, &(struct http_answer){.status = 204});
    } else if (bytes_equal(path, BYTES("/close"))) {
        static const struct http_answer_header headers[] = {
            {"x-one", {(const uint8_t *)"1", 1}}, {"retry-after", {(const uint8_t *)"7", 1}}};
        http_respond(request, &(struct http_answer){.status = 503,
                                                    .body = BYTES("gone"),
                                                    .headers = headers,
                                                    .header_count = 2,
                                                    .close = true});
    } else {
        answer_views(request);
    }
}

/* Runs a function on the loop's thread and waits for it. */
struct call {
    struct loop_message message;
    void (*function)(struct side *side, void *argument);
    struct side *side;
    void *argument;
    sem_t done;
};

static void run_call(struct loop_message *message)
{
    struct call *call = (struct call *)message;
    call->function(call->side, call->argument);
    sem_post(&call->done);
}

static void on_loop(unsigned index, void (*function)(struct side *, void *), void *argument)
{
    struct call call = {.message.deliver = run_call,
                        .function = function,
                        .side = &sides[index],
                        .argument = argument};
    sem_init(&call.done, 0, 0);
    loop_post(sides[index].loop, &call.message);
    while (sem_wait(&call.done) != 0)
        ;
    sem_destroy(&call.done);
}

/* With that text, or with what the views say now. */
static void answer_held(struct side *side, void *text)
{
    unsigned count = side->held_count;
    side->held_count = side->waiting = 0;
    for (unsigned i = 0; i < count; i++)
        if (text)
            answer_text(side->held[i], bytes_str(text));
        else
            answer_views(side->held[i]);
}

static void attach(struct side *side, void *http_)
{
    side->http_loop = http_attach(http_, side->loop, (unsigned)(side - sides), side);
}

static void detach(struct side *side, void *unused)
{
    (void)unused;
    http_detach(&side->http_loop);
}

static void note_drained(void *context)
{
    sem_post(&((struct side *)context)->drained);
}

static void drain(struct side *side, void *drain_ms)
{
    http_drain(side->http_loop, (unsigned)(uintptr_t)drain_ms, note_drained);
}

static void *run_side(void *side)
{
    loop_run(((struct side *)side)->loop);
    return NULL;
}

static const struct http_options usual = {
    .connections_max = 200,
    .body_bytes_max = 4096,
    .header_bytes_max = 2048,
    .request_timeout_ms = 20000,
    .idle_timeout_ms = 20000,
    .tcp_user_timeout_ms = 20000,
    .backlog = 128,
};

static UNUSED void serve_at(const char *address, const struct http_options *options,
                            struct http_tls *tls, unsigned loops)
{
    static char reason[256];
    struct buf error = BUF_OVER(reason);
    alarm(60); /* what would hang fails */
    wall_step_s = mono_step_s = 0;
    http = http_create(options);
    loop_count = loops;
    port = http_listen(http, address, 0, tls, app, loops, &error);
    assert_int_not_equal(port, 0);
    for (unsigned i = 0; i < loops; i++) {
        sides[i] = (struct side){.loop = loop_create()};
        sem_init(&sides[i].drained, 0, 0);
        assert_int_equal(pthread_create(&sides[i].thread, NULL, run_side, &sides[i]), 0);
        on_loop(i, attach, http);
    }
}

static UNUSED void serve(const struct http_options *options, struct http_tls *tls, unsigned loops)
{
    serve_at("127.0.0.1", options, tls, loops);
}

/* Drains what is not drained yet. */
static UNUSED void stop_serving(bool drained)
{
    for (unsigned i = 0; i < loop_count; i++) {
        struct side *side = &sides[i];
        if (!drained) {
            on_loop(i, drain, (void *)20000);
            sem_wait(&side->drained);
        }
        assert_int_equal(http_loop_counters(side->http_loop)->connections, 0);
        on_loop(i, detach, NULL);
        loop_stop(side->loop);
        pthread_join(side->thread, NULL);
        loop_destroy(&side->loop);
        sem_destroy(&side->drained);
    }
    http_destroy(&http);
}

static UNUSED void wait_held(unsigned count)
{
    while (sides[0].waiting < count)
        sched_yield();
}

#define counter(name) (http_loop_counters(sides[0].http_loop)->name)

/* Until a counter has a value, which some event under way brings about. */
#define await(condition)                                                                           \
    while (!(condition))                                                                           \
    sched_yield()

/* ---- the client ---- */

struct client {
    int descriptor;
    SSL *ssl;        /* or NULL */
    char *data;      /* what came and was not taken yet */
    size_t len, cap; /* of it */
    char head[2048]; /* of the last answer, with a NUL */
    char *body;      /* of it, with a NUL */
    size_t body_len;
    int status;
};

static void dial(struct client *c)
{
    *c = (struct client){.descriptor = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 30};
    setsockopt(c->descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(c->descriptor, (struct sockaddr *)&address, sizeof address), 0);
}

static void hang_up(struct client *c)
{
    SSL_free(c->ssl);
    close(c->descriptor);
    free(c->data);
    free(c->body);
    *c = (struct client){.descriptor = -1};
}

static void say_bytes(struct client *c, struct bytes text)
{
    if (c->ssl) {
        assert_int_equal(SSL_write(c->ssl, text.data, (int)text.len), (int)text.len);
        return;
    }
    while (text.len) {
        ssize_t sent = send(c->descriptor, text.data, text.len, MSG_NOSIGNAL);
        assert_true(sent > 0);
        text = bytes_from(text, (size_t)sent);
    }
}

static void say(struct client *c, const char *text)
{
    say_bytes(c, bytes_str(text));
}

/* Reads more; false at the end. */
static bool hear_more(struct client *c)
{
    if (c->cap - c->len < 65536)
        c->data = realloc(c->data, c->cap += 1 << 20);
    CHECK(c->data);
    ssize_t got = c->ssl ? SSL_read(c->ssl, c->data + c->len, 65536)
                         : recv(c->descriptor, c->data + c->len, 65536, 0);
    if (got <= 0)
        return false;
    c->len += (size_t)got;
    return true;
}

static void take(struct client *c, size_t len)
{
    memmove(c->data, c->data + len, c->len - len);
    c->len -= len;
}

/* Reads one answer; its status, or 0 when the connection ended before one. */
static int hear_to(struct client *c, bool is_head)
{
    char *end;
    while (!c->len || !(end = memmem(c->data, c->len, "\r\n\r\n", 4)))
        if (!hear_more(c))
            return c->status = 0;
    size_t head_len = (size_t)(end - c->data) + 4;
    assert_true(head_len < sizeof c->head);
    memcpy(c->head, c->data, head_len);
    c->head[head_len] = 0;
    take(c, head_len);
    const char *length = strstr(c->head, "Content-Length: ");
    c->body_len = length && !is_head ? strtoul(length + 16, NULL, 10) : 0;
    while (c->len < c->body_len)
        if (!hear_more(c))
            return c->status = 0;
    c->body = realloc(c->body, c->body_len + 1);
    CHECK(c->body);
    if (c->body_len)
        memcpy(c->body, c->data, c->body_len);
    c->body[c->body_len] = 0;
    if (c->body_len)
        take(c, c->body_len);
    return c->status = (int)strtol(c->head + 9, NULL, 10);
}

static UNUSED int hear(struct client *c)
{
    return hear_to(c, false);
}

static UNUSED bool ended(struct client *c)
{
    return !c->len && !hear_more(c);
}

/* One request with a connection of its own; what came instead of an answer is 0. */
static UNUSED int ask_once(const char *text)
{
    struct client c;
    dial(&c);
    say(&c, text);
    int status = hear(&c);
    hang_up(&c);
    return status;
}

#endif
