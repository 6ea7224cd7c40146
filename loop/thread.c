#include "loop/thread.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "base/check.h"

struct loop_thread {
    pthread_t thread;
    struct loop *loop;
    sem_t stopped, let_go;
};

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        CHECK(errno == EINTR);
}

static void *run(void *context)
{
    struct loop_thread *t = context;
    loop_run(t->loop);
    CHECK(sem_post(&t->stopped) == 0);
    wait_for(&t->let_go);
    return NULL;
}

struct loop_thread *loop_thread_start(struct loop *loop)
{
    struct loop_thread *t = check_alloc(sizeof *t);
    t->loop = loop;
    CHECK(sem_init(&t->stopped, 0, 0) == 0 && sem_init(&t->let_go, 0, 0) == 0);
    CHECK(pthread_create(&t->thread, NULL, run, t) == 0);
    return t;
}

void loop_thread_wait(struct loop_thread *thread)
{
    wait_for(&thread->stopped);
}

void loop_thread_end(struct loop_thread **thread)
{
    struct loop_thread *t = *thread;
    *thread = NULL;
    if (!t)
        return;
    CHECK(sem_post(&t->let_go) == 0 && pthread_join(t->thread, NULL) == 0);
    sem_destroy(&t->stopped);
    sem_destroy(&t->let_go);
    free(t);
}
