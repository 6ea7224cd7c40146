/* The event loop over h2o's. What h2o 2.2.5 has no hook for is done by one zero timeout of its own,
 * linked on demand: it runs inside h2o_evloop_run after the turn's events, and h2o then runs the
 * completions that it brought about, so that an answer made there leaves in that turn. */
#include "loop/loop_h2o.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"

/* The running timers of one duration: in the order of their starts, which is that of their ends. */
struct timer_list {
    unsigned after_ms;
    struct loop_timer *first, *last;
};

struct task_list {
    struct loop_task *first, *last;
};

/* What loop_now_us fills in on first use, behind a pointer because it takes a const loop. */
struct turn {
    uint64_t now_us; /* 0: not read yet */
};

struct loop {
    h2o_loop_t *h2o;
    h2o_timeout_t zero;      /* holds `end` only */
    h2o_timeout_entry_t end; /* linked: end_turn is to run in this turn */
    bool ending;             /* in end_turn now */
    struct turn *turn;
    struct timer_list timers[LOOP_DURATIONS_MAX];
    size_t timer_lists; /* so many of them were ever used */
    struct task_list tasks[LOOP_PHASE_COUNT];
    unsigned watches;

    /* Messages: an own list with an eventfd, for h2o_multithread_destroy_queue leaks its queue. */
    struct loop_watch *bell;
    int bell_fd;
    atomic_bool stopped;
    pthread_mutex_t lock; /* guards the two below */
    struct loop_message *first_message, *last_message;
};

struct loop_watch {
    h2o_socket_t *socket;
    struct loop *loop;
    const struct loop_watch_handlers *handlers;
    void *owner;
};

h2o_loop_t *loop_h2o(struct loop *loop)
{
    return loop->h2o;
}

uint64_t loop_now_us(const struct loop *loop)
{
    if (!loop->turn->now_us)
        loop->turn->now_us = clock_mono_us();
    return loop->turn->now_us;
}

/* ---- the end of a turn ---- */

static void end_this_turn(struct loop *loop)
{
    if (loop->ending || h2o_timeout_is_linked(&loop->end))
        return;
    h2o_timeout_link(loop->h2o, &loop->zero, &loop->end);
    loop->end.registered_at = 0; /* else a step back of the wall clock would hold it */
}

/* The running timer that is due first, or NULL. */
static struct loop_timer *first_due(const struct loop *loop)
{
    struct loop_timer *first = NULL;
    for (size_t i = 0; i < loop->timer_lists; i++) {
        struct loop_timer *timer = loop->timers[i].first;
        if (timer && (!first || timer->due_us < first->due_us))
            first = timer;
    }
    return first;
}

static struct loop_task *take_task(struct task_list *list)
{
    struct loop_task *task = list->first;
    if (!task)
        return NULL;
    list->first = task->next;
    if (!list->first)
        list->last = NULL;
    task->next = NULL;
    task->queued = false;
    return task;
}

/* True when there was any. */
static bool run_phases(struct loop *loop)
{
    bool any = false;
    for (size_t phase = 0; phase < LOOP_PHASE_COUNT; phase++)
        for (struct loop_task *task; (task = take_task(&loop->tasks[phase])); any = true)
            task->run(task);
    return any;
}

static void end_turn(h2o_timeout_entry_t *entry)
{
    struct loop *loop = H2O_STRUCT_FROM_MEMBER(struct loop, end, entry);
    loop->ending = true;
    uint64_t now_us = loop_now_us(loop);
    for (struct loop_timer *timer; (timer = first_due(loop)) && timer->due_us <= now_us;) {
        loop_timer_stop(timer);
        timer->fire(timer);
    }
    while (run_phases(loop))
        ;
    loop->ending = false;
}

void loop_task_queue(struct loop *loop, enum loop_phase phase, struct loop_task *task)
{
    if (task->queued)
        return;
    task->queued = true;
    struct task_list *list = &loop->tasks[phase];
    if (list->last)
        list->last->next = task;
    else
        list->first = task;
    list->last = task;
    end_this_turn(loop);
}

/* ---- timers ---- */

static struct timer_list *list_of(struct loop *loop, unsigned after_ms)
{
    struct timer_list *unused = NULL;
    for (size_t i = 0; i < loop->timer_lists; i++) {
        struct timer_list *list = &loop->timers[i];
        if (list->after_ms == after_ms)
            return list;
        if (!list->first)
            unused = list;
    }
    if (!unused) {
        CHECK(loop->timer_lists < LOOP_DURATIONS_MAX);
        unused = &loop->timers[loop->timer_lists++];
    }
    unused->after_ms = after_ms;
    return unused;
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, unsigned after_ms)
{
    loop_timer_stop(timer);
    struct timer_list *list = list_of(loop, after_ms);
    /* One of 0 ms is due a moment later: restarting itself, it must not hold the turn for ever. */
    timer->due_us = clock_mono_us() + (after_ms ? UINT64_C(1000) * after_ms : 1);
    timer->list = list;
    timer->next = NULL;
    timer->previous = list->last;
    if (list->last)
        list->last->next = timer;
    else
        list->first = timer;
    list->last = timer;
}

void loop_timer_stop(struct loop_timer *timer)
{
    struct timer_list *list = timer->list;
    if (!list)
        return;
    if (timer->previous)
        timer->previous->next = timer->next;
    else
        list->first = timer->next;
    if (timer->next)
        timer->next->previous = timer->previous;
    else
        list->last = timer->previous;
    timer->previous = timer->next = NULL;
    timer->list = NULL;
}

/* How long the next turn may wait for events; makes it end with the timers when one is due. */
static int32_t wait_ms(struct loop *loop)
{
    const struct loop_timer *timer = first_due(loop);
    if (!timer)
        return INT32_MAX;
    uint64_t now_us = clock_mono_us();
    if (timer->due_us <= now_us) {
        end_this_turn(loop);
        return 0;
    }
    uint64_t rest_ms = (timer->due_us - now_us + 999) / 1000;
    return rest_ms < INT32_MAX ? (int32_t)rest_ms : INT32_MAX;
}

/* ---- descriptors ---- */

static void on_readable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct loop_watch *watch = socket->data;
    watch->handlers->readable(watch->owner);
}

static void on_writable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct loop_watch *watch = socket->data;
    watch->handlers->writable(watch->owner);
}

struct loop_watch *loop_watch_create(struct loop *loop, int descriptor,
                                     const struct loop_watch_handlers *handlers, void *owner)
{
    struct loop_watch *watch = check_alloc(sizeof *watch);
    *watch = (struct loop_watch){
        /* Without this flag h2o would read the bytes itself. */
        .socket = h2o_evloop_socket_create(loop->h2o, descriptor, H2O_SOCKET_FLAG_DONT_READ),
        .loop = loop,
        .handlers = handlers,
        .owner = owner,
    };
    watch->socket->data = watch;
    loop->watches++;
    return watch;
}

void loop_watch_readable(struct loop_watch *watch, bool wanted)
{
    if (wanted)
        h2o_socket_read_start(watch->socket, on_readable);
    else
        h2o_socket_read_stop(watch->socket);
}

void loop_watch_writable(struct loop_watch *watch)
{
    if (!h2o_socket_is_writing(watch->socket)) /* h2o asserts that it is never armed twice */
        h2o_socket_notify_write(watch->socket, on_writable);
}

void loop_watch_destroy(struct loop_watch **watch)
{
    if (!*watch)
        return;
    h2o_socket_t *socket = (*watch)->socket;
    h2o_socket_export_t rest;
    socket->_cb.write = NULL; /* h2o asserts that nothing is armed */
    /* Exported and not closed: the descriptor is the caller's. h2o frees the socket when this
     * turn's callbacks are through. */
    CHECK(h2o_socket_export(socket, &rest) == 0);
    h2o_buffer_dispose(&rest.input);
    (*watch)->loop->watches--;
    free(*watch);
    *watch = NULL;
}

/* ---- messages ---- */

static void ring(struct loop *loop)
{
    uint64_t one = 1;
    ssize_t written;
    do
        written = write(loop->bell_fd, &one, sizeof one);
    while (written < 0 && errno == EINTR);
    CHECK(written == sizeof one || errno == EAGAIN); /* EAGAIN: it rings already */
}

void loop_post(struct loop *loop, struct loop_message *message)
{
    message->next = NULL;
    pthread_mutex_lock(&loop->lock);
    bool first = !loop->first_message;
    if (first)
        loop->first_message = message;
    else
        loop->last_message->next = message;
    loop->last_message = message;
    pthread_mutex_unlock(&loop->lock);
    if (first)
        ring(loop);
}

static void deliver_messages(void *owner)
{
    struct loop *loop = owner;
    uint64_t count;
    CHECK(read(loop->bell_fd, &count, sizeof count) == sizeof count || errno == EAGAIN ||
          errno == EINTR);
    pthread_mutex_lock(&loop->lock);
    struct loop_message *message = loop->first_message;
    loop->first_message = loop->last_message = NULL;
    pthread_mutex_unlock(&loop->lock);
    while (message) {
        struct loop_message *next = message->next; /* deliver may free or post it */
        message->deliver(message);
        message = next;
    }
}

/* ---- the loop ---- */

struct loop *loop_create(void)
{
    static const struct loop_watch_handlers handlers = {.readable = deliver_messages};
    struct loop *loop = check_alloc(sizeof *loop);
    loop->turn = check_alloc(sizeof *loop->turn);
    loop->h2o = h2o_evloop_create();
    h2o_timeout_init(loop->h2o, &loop->zero, 0);
    loop->end.cb = end_turn;
    CHECK(pthread_mutex_init(&loop->lock, NULL) == 0);
    loop->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(loop->bell_fd >= 0);
    loop->bell = loop_watch_create(loop, loop->bell_fd, &handlers, loop);
    loop_watch_readable(loop->bell, true);
    return loop;
}

void loop_destroy(struct loop **loop)
{
    struct loop *l = *loop;
    if (!l)
        return;
    loop_watch_destroy(&l->bell);
    CHECK(l->watches == 0);
    close(l->bell_fd);
    pthread_mutex_destroy(&l->lock);
    h2o_timeout_unlink(&l->end);
    h2o_timeout_dispose(l->h2o, &l->zero);
    h2o_evloop_destroy(l->h2o); /* h2o 2.2.5 leaves its epoll descriptor open */
    free(l->turn);
    free(l);
    *loop = NULL;
}

void loop_run(struct loop *loop)
{
    while (!atomic_load_explicit(&loop->stopped, memory_order_acquire)) {
        loop->turn->now_us = 0;
        /* A signal ends the wait before h2o ran anything: the next turn does. Anything else is a
         * descriptor closed under its watch, or one that epoll can't watch. */
        if (h2o_evloop_run(loop->h2o, wait_ms(loop)) != 0)
            CHECK(errno == EINTR);
    }
    atomic_store(&loop->stopped, false); /* it may be run again */
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stopped, true);
    ring(loop);
}
