#include "gateway/indexer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "evidence/index.h"
#include "gateway/log.h"

#define WHY_BYTES_MAX 512

struct indexer {
    const char *folder;
    unsigned every_ms;
    pthread_t thread;
    _Atomic bool stop; /* changed under the lock, read by the update without */
    pthread_mutex_t lock;
    pthread_cond_t stopping;
};

/* Once per failure, not at every look. */
static void look(struct indexer *indexer, bool first, bool *failed)
{
    uint8_t storage[WHY_BYTES_MAX];
    struct buf why = BUF_OVER(storage);
    bool ok = evidence_index_update(indexer->folder, first, &indexer->stop, &why);
    if (!ok && !*failed)
        log_event(LOG_WARNING, "evidence not indexed", LOG_BYTES("why", buf_bytes(&why)));
    *failed = !ok;
}

static void *run(void *argument)
{
    struct indexer *indexer = argument;
    bool failed = false;
    for (bool first = true; !indexer->stop; first = false) {
        look(indexer, first, &failed);
        uint64_t due_us = clock_mono_us() + indexer->every_ms * UINT64_C(1000);
        const struct timespec due = {(time_t)(due_us / 1000000), (long)(due_us % 1000000 * 1000)};
        pthread_mutex_lock(&indexer->lock);
        while (!indexer->stop &&
               pthread_cond_timedwait(&indexer->stopping, &indexer->lock, &due) == 0)
            ;
        pthread_mutex_unlock(&indexer->lock);
    }
    return NULL;
}

struct indexer *indexer_start(const char *folder, unsigned every_ms)
{
    struct indexer *indexer = check_alloc(sizeof *indexer);
    pthread_condattr_t monotonic;
    sigset_t all, before;
    indexer->folder = folder;
    indexer->every_ms = every_ms;
    CHECK(pthread_mutex_init(&indexer->lock, NULL) == 0);
    CHECK(pthread_condattr_init(&monotonic) == 0);
    CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&indexer->stopping, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
    sigfillset(&all); /* signals are for the thread that composes */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool runs = pthread_create(&indexer->thread, NULL, run, indexer) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (runs)
        return indexer;
    pthread_cond_destroy(&indexer->stopping);
    pthread_mutex_destroy(&indexer->lock);
    free(indexer);
    return NULL;
}

void indexer_stop(struct indexer **indexer)
{
    struct indexer *x = *indexer;
    if (!x)
        return;
    pthread_mutex_lock(&x->lock);
    x->stop = true;
    pthread_cond_signal(&x->stopping);
    pthread_mutex_unlock(&x->lock);
    CHECK(pthread_join(x->thread, NULL) == 0);
    pthread_cond_destroy(&x->stopping);
    pthread_mutex_destroy(&x->lock);
    free(x);
    *indexer = NULL;
}
