#include "loop/thread.h"

#include <pthread.h>
#include <unistd.h>

#include "tests/support.h"

static void nothing(void *owner)
{
    (void)owner;
}

struct watcher {
    struct loop_message message;
    struct loop *loop;
    int descriptor;
    struct loop_watch *watch;
};

/* The watch is made by the thread that runs the loop, as when a connection is made anew. */
static void begin_watching(struct loop_message *message)
{
    static const struct loop_watch_handlers handlers = {.readable = nothing};
    struct watcher *w = (struct watcher *)message;
    w->watch = loop_watch_create(w->loop, w->descriptor, &handlers, NULL);
    loop_watch_readable(w->watch, true);
    loop_stop(w->loop);
}

/* Without this what a loop watched could not be destroyed by who stopped it: it points into storage
 * of the loop's thread, which is unmapped with a stack too large for the C library to keep. */
static void a_watch_outlives_the_run_of_its_loop(void **state)
{
    (void)state;
    pthread_attr_t large;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pthread_attr_init(&large), 0);
    assert_int_equal(pthread_attr_setstacksize(&large, 256 << 20), 0);
    assert_int_equal(pthread_setattr_default_np(&large), 0);

    struct watcher w = {
        .message.deliver = begin_watching, .loop = loop_create(), .descriptor = ends[0]};
    struct loop_thread *thread = loop_thread_start(w.loop);
    loop_post(w.loop, &w.message);
    loop_thread_wait(thread);
    assert_non_null(w.watch);
    loop_watch_destroy(&w.watch);
    loop_destroy(&w.loop);
    loop_thread_end(&thread);
    assert_null(thread);
    close(ends[0]);
    close(ends[1]);
    pthread_attr_destroy(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watch_outlives_the_run_of_its_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
