#include "loop/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/check.h"

struct worker_pool {
    pthread_mutex_t lock; /* guards all below but the threads */
    pthread_cond_t changed;
    struct worker_job *first, *last;
    unsigned waiting, queue_max;
    bool stopping;
    unsigned thread_count;
    pthread_t threads[];
};

static void job_done(struct loop_message *message)
{
    struct worker_job *job =
        (struct worker_job *)((char *)message - offsetof(struct worker_job, message));
    job->done(job);
}

/* The next job, or NULL when the pool is stopping and nothing is left. */
static struct worker_job *take_job(struct worker_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->stopping)
        pthread_cond_wait(&pool->changed, &pool->lock);
    struct worker_job *job = pool->first;
    if (job) {
        pool->first = job->next;
        if (!pool->first)
            pool->last = NULL;
        pool->waiting--;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *worker_main(void *argument)
{
    struct worker_pool *pool = argument;
    for (struct worker_job *job; (job = take_job(pool));) {
        job->work(job);
        loop_post(job->loop, &job->message);
    }
    return NULL;
}

struct worker_pool *worker_pool_create(unsigned threads, unsigned queue_max)
{
    struct worker_pool *pool = check_alloc(sizeof *pool + threads * sizeof pool->threads[0]);
    CHECK(pthread_mutex_init(&pool->lock, NULL) == 0);
    CHECK(pthread_cond_init(&pool->changed, NULL) == 0);
    pool->queue_max = queue_max;
    pool->thread_count = threads;

    /* Signals are for the threads that wait for them, not for these. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned i = 0; i < threads; i++)
        CHECK(pthread_create(&pool->threads[i], NULL, worker_main, pool) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool;
}

void worker_pool_destroy(struct worker_pool **pool)
{
    struct worker_pool *p = *pool;
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->thread_count; i++)
        CHECK(pthread_join(p->threads[i], NULL) == 0);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
    *pool = NULL;
}

bool worker_submit(struct worker_pool *pool, struct loop *loop, struct worker_job *job)
{
    job->loop = loop;
    job->message.deliver = job_done;
    job->next = NULL;
    pthread_mutex_lock(&pool->lock);
    bool accepted = pool->waiting < pool->queue_max;
    if (accepted) {
        if (pool->last)
            pool->last->next = job;
        else
            pool->first = job;
        pool->last = job;
        pool->waiting++;
        pthread_cond_signal(&pool->changed);
    }
    pthread_mutex_unlock(&pool->lock);
    return accepted;
}

unsigned worker_pool_waiting(struct worker_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    unsigned waiting = pool->waiting;
    pthread_mutex_unlock(&pool->lock);
    return waiting;
}
