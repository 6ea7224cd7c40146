/* The registry of this process: the writer's thread with its queue and group commit, and the thread
 * that checkpoints. One transaction with one full sync takes what is waiting: at most 64 changes,
 * and no longer than 1 ms of them. An import has a transaction of its own. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "registry/sqlite.h"

#define BATCH_CHANGES_MAX 64
#define BATCH_TIME_US     1000
#define IMPORT_PAUSE_US   2000 /* after an import: others poll for the lock every millisecond */

struct registry {
    struct sqlite_store store;
    unsigned queue_max, checkpoint_ms;
    struct registry_counters counters;

    pthread_mutex_t lock;  /* guards first to closing */
    pthread_cond_t wanted; /* something was queued, or closing */
    struct registry_change *first, **last;
    unsigned queued;
    bool closing;
    pthread_cond_t closed; /* what the checkpointer sleeps on */

    pthread_t writer, checkpointer;
    struct sqlite_connection writing, checkpointing; /* each its thread's */
};

const char *registry_error_text(enum registry_error error)
{
    switch (error) {
    case REGISTRY_OK:
        return "ok";
    case REGISTRY_ERR_NOT_FOUND:
        return "not found";
    case REGISTRY_ERR_REFUSED:
        return "a rule forbids it";
    case REGISTRY_ERR_BUSY:
        return "the registry is busy";
    case REGISTRY_ERR_STORAGE:
        return "the registry's storage failed";
    case REGISTRY_ERR_SEALED:
        return "a sealed field does not open with this key";
    case REGISTRY_ERR_SCHEMA:
        return "the database is of a newer version or of another program";
    }
    return "unknown";
}

const char *registry_acting_text(enum registry_acting acting)
{
    static const char *const words[] = {
#define A(name, word) [ACTING_##name] = word,
        REGISTRY_ACTINGS(A)
#undef A
    };
    return words[acting];
}

const struct sqlite_store *registry_store(const struct registry *registry)
{
    return &registry->store;
}

const struct registry_counters *registry_counters(const struct registry *registry)
{
    return &registry->counters;
}

/* ---- the queue ---- */

bool registry_submit(struct registry *registry, struct registry_change *change)
{
    pthread_mutex_lock(&registry->lock);
    bool room = registry->queued < registry->queue_max;
    if (room) {
        change->next = NULL;
        *registry->last = change;
        registry->last = &change->next;
        registry->queued++;
        atomic_store_explicit(&registry->counters.waiting, registry->queued, memory_order_relaxed);
        pthread_cond_signal(&registry->wanted);
    }
    pthread_mutex_unlock(&registry->lock);
    return room;
}

/* The next change for a batch; NULL: none waits, or an import that the batch has no place for. */
static struct registry_change *take(struct registry *registry, bool import_too)
{
    pthread_mutex_lock(&registry->lock);
    struct registry_change *change = registry->first;
    if (change && change->kind == CHANGE_IMPORT && !import_too)
        change = NULL;
    if (change) {
        registry->first = change->next;
        if (!registry->first)
            registry->last = &registry->first;
        registry->queued--;
        atomic_store_explicit(&registry->counters.waiting, registry->queued, memory_order_relaxed);
    }
    pthread_mutex_unlock(&registry->lock);
    return change;
}

/* Sleeps until something waits; false when nothing does and the registry closes. */
static bool wait_for_work(struct registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    while (!registry->first && !registry->closing)
        pthread_cond_wait(&registry->wanted, &registry->lock);
    bool work = registry->first != NULL;
    pthread_mutex_unlock(&registry->lock);
    return work;
}

/* ---- group commit ---- */

struct batch {
    struct registry_change *first, **last;
    unsigned count;
    bool import;
};

static struct registry_change *batch_take(struct batch *batch, struct registry *registry)
{
    struct registry_change *change = NULL;
    if (batch->count < BATCH_CHANGES_MAX && !batch->import)
        change = take(registry, batch->count == 0);
    if (change) {
        change->next = NULL;
        *batch->last = change;
        batch->last = &change->next;
        batch->count++;
        batch->import = change->kind == CHANGE_IMPORT;
    }
    return change;
}

static void clear_answers(struct registry_change *change)
{
    change->refusal = NULL;
    change->effective = LICENCE_STATUS_VALID;
    change->place_change.list = 0;
    change->place_change.seq = 0;
    change->event = 0;
}

/* Applies what waits and commits it. Not OK: nothing of the batch is. */
static enum registry_error apply_batch(struct registry *registry, struct batch *batch)
{
    struct registry_change *change;
    uint64_t end_us = clock_mono_us() + BATCH_TIME_US;
    bool lost = false;
    while (!lost && (batch->count == 0 || clock_mono_us() < end_us) &&
           (change = batch_take(batch, registry))) {
        clear_answers(change);
        change->error = sqlite_apply(&registry->writing, change, &lost);
    }
    if (batch->import && batch->first->error) {
        sqlite_rollback(&registry->writing);
        return REGISTRY_OK; /* its own error stands */
    }
    enum registry_error error = lost ? REGISTRY_ERR_STORAGE : sqlite_commit(&registry->writing);
    if (error)
        sqlite_rollback(&registry->writing);
    else
        atomic_fetch_add_explicit(&registry->counters.commits, 1, memory_order_relaxed);
    return error;
}

static void complete_batch(struct registry *registry, struct batch *batch,
                           enum registry_error error)
{
    struct registry_change *next;
    for (struct registry_change *change = batch->first; change; change = next) {
        next = change->next; /* the change is its owner's again once completed */
        if (error) {
            clear_answers(change);
            change->error = error;
        }
        atomic_fetch_add_explicit(change->error ? &registry->counters.failures
                                                : &registry->counters.changes,
                                  1, memory_order_relaxed);
        change->complete(change);
    }
}

static void run_batch(struct registry *registry)
{
    struct batch batch = {.last = &batch.first};
    enum registry_error error = sqlite_begin(&registry->writing);
    if (error) { /* those who waited as long fail with the first */
        while (batch_take(&batch, registry))
            continue;
    } else {
        error = apply_batch(registry, &batch);
    }
    complete_batch(registry, &batch, error);
    if (batch.import)
        nanosleep(&(struct timespec){.tv_nsec = IMPORT_PAUSE_US * 1000}, NULL);
}

static void *run_writer(void *argument)
{
    struct registry *registry = argument;
    while (wait_for_work(registry))
        run_batch(registry);
    return NULL;
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
};

static void wake_waiter(struct registry_change *change)
{
    struct waiter *waiter = change->context;
    pthread_mutex_lock(&waiter->lock);
    waiter->is_done = true;
    pthread_cond_signal(&waiter->done);
    pthread_mutex_unlock(&waiter->lock);
}

enum registry_error registry_commit(struct registry *registry, struct registry_change *change)
{
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    void (*complete)(struct registry_change *) = change->complete;
    void *context = change->context;
    change->complete = wake_waiter;
    change->context = &waiter;
    if (registry_submit(registry, change)) {
        pthread_mutex_lock(&waiter.lock);
        while (!waiter.is_done)
            pthread_cond_wait(&waiter.done, &waiter.lock);
        pthread_mutex_unlock(&waiter.lock);
    } else {
        clear_answers(change);
        change->error = REGISTRY_ERR_BUSY;
    }
    change->complete = complete;
    change->context = context;
    pthread_mutex_destroy(&waiter.lock);
    pthread_cond_destroy(&waiter.done);
    return change->error;
}

/* ---- checkpoints ---- */

static void *run_checkpointer(void *argument)
{
    struct registry *registry = argument;
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    pthread_mutex_lock(&registry->lock);
    while (!registry->closing) {
        uint64_t ns = (uint64_t)next.tv_nsec + (uint64_t)registry->checkpoint_ms * 1000000;
        next.tv_sec += (time_t)(ns / 1000000000);
        next.tv_nsec = (long)(ns % 1000000000);
        if (pthread_cond_timedwait(&registry->closed, &registry->lock, &next) != ETIMEDOUT)
            continue; /* closing, or woken for nothing */
        pthread_mutex_unlock(&registry->lock);
        sqlite_checkpoint(&registry->checkpointing); /* fails while others do it: next time */
        clock_gettime(CLOCK_MONOTONIC, &next);
        pthread_mutex_lock(&registry->lock);
    }
    pthread_mutex_unlock(&registry->lock);
    return NULL;
}

/* ---- opening and closing ---- */

static struct registry *registry_create(const struct registry_options *options)
{
    struct registry *registry = check_alloc(sizeof *registry);
    pthread_condattr_t monotonic;
    registry->store.path = check_strdup(options->path);
    memcpy(registry->store.secret, options->secret, CRYPTO_SECRET_BYTES);
    registry->store.crypto = options->crypto;
    registry->store.cipher = options->cipher;
    registry->store.busy_timeout_ms = options->busy_timeout_ms;
    registry->queue_max = options->queue_max;
    registry->checkpoint_ms = options->checkpoint_ms;
    registry->last = &registry->first;
    pthread_mutex_init(&registry->lock, NULL);
    pthread_cond_init(&registry->wanted, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&registry->closed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return registry;
}

static void registry_destroy(struct registry *registry)
{
    sqlite_close(&registry->checkpointing);
    sqlite_close(
        &registry->writing); /* the file's last connection checkpoints and removes the log */
    pthread_mutex_destroy(&registry->lock);
    pthread_cond_destroy(&registry->wanted);
    pthread_cond_destroy(&registry->closed);
    crypto_wipe(registry->store.secret, CRYPTO_SECRET_BYTES);
    free(registry->store.path);
    free(registry);
}

static void stop(struct registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    registry->closing = true;
    pthread_cond_signal(&registry->wanted);
    pthread_cond_signal(&registry->closed);
    pthread_mutex_unlock(&registry->lock);
}

static enum registry_error start(struct registry *registry, struct buf *why)
{
    if (pthread_create(&registry->writer, NULL, run_writer, registry)) {
        buf_put_str(why, "no thread for the registry's writer");
        return REGISTRY_ERR_STORAGE;
    }
    if (pthread_create(&registry->checkpointer, NULL, run_checkpointer, registry)) {
        buf_put_str(why, "no thread for the registry's checkpoints");
        stop(registry);
        pthread_join(registry->writer, NULL);
        return REGISTRY_ERR_STORAGE;
    }
    return REGISTRY_OK;
}

enum registry_error registry_open(const struct registry_options *options,
                                  struct registry **registry, struct buf *why)
{
    struct registry *r = registry_create(options);
    *registry = NULL;
    enum registry_error error = sqlite_change_open(&r->writing, &r->store, options->create, why);
    if (!error)
        error = sqlite_open(&r->checkpointing, &r->store, false, why);
    if (!error)
        error = start(r, why);
    if (error)
        registry_destroy(r);
    else
        *registry = r;
    return error;
}

void registry_close(struct registry **registry)
{
    if (!*registry)
        return;
    stop(*registry);
    pthread_join((*registry)->writer, NULL);
    pthread_join((*registry)->checkpointer, NULL);
    registry_destroy(*registry);
    *registry = NULL;
}
