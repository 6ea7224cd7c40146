/* loop/worker.h: real threads, the loop run on the test's own thread. */
#include "tests/support.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "loop/worker.h"

static struct loop *loop;

static void begin(void)
{
    alarm(60); /* what would hang fails */
    loop = loop_create();
}

static void end(void)
{
    loop_destroy(&loop);
    assert_null(loop);
}

enum { JOBS = 500 };

struct test_job {
    struct worker_job job;
    unsigned worked, done;
    pthread_t by;
};

static unsigned jobs_done;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void test_work(struct worker_job *job)
{
    struct test_job *j = (struct test_job *)job;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    j->by = pthread_self();
    j->worked++;
}

static void test_done(struct worker_job *job)
{
    struct test_job *j = (struct test_job *)job;
    assert_int_equal(j->worked, 1);
    assert_false(pthread_equal(j->by, pthread_self()));
    j->done++;
    if (++jobs_done == JOBS)
        loop_stop(loop);
}

static struct test_job jobs[JOBS + 1];

static void prepare_jobs(void)
{
    jobs_done = 0;
    for (unsigned i = 0; i <= JOBS; i++)
        jobs[i] = (struct test_job){.job = {.work = test_work, .done = test_done}};
}

/* A picture would be drawn twice, never, or on the loop. */
static void each_job_is_done_exactly_once(void **state)
{
    (void)state;
    begin();
    prepare_jobs();
    struct worker_pool *pool = worker_pool_create(3, JOBS);
    for (unsigned i = 0; i < JOBS; i++)
        assert_true(worker_submit(pool, loop, &jobs[i].job));
    loop_run(loop);
    assert_int_equal(worker_pool_waiting(pool), 0);
    worker_pool_destroy(&pool);
    assert_null(pool);
    for (unsigned i = 0; i < JOBS; i++)
        assert_int_equal(jobs[i].done, 1);
    end();
}

/* The queue would grow without a limit under load, or a refused job be worked on after all. */
static void a_full_queue_says_no(void **state)
{
    (void)state;
    begin();
    prepare_jobs();
    pthread_mutex_lock(&gate); /* what a worker takes stays with it */
    struct worker_pool *pool = worker_pool_create(1, JOBS - 1);
    assert_true(worker_submit(pool, loop, &jobs[0].job));
    while (worker_pool_waiting(pool)) /* until the one worker has taken it */
        sched_yield();
    for (unsigned i = 1; i < JOBS; i++)
        assert_true(worker_submit(pool, loop, &jobs[i].job));
    assert_int_equal(worker_pool_waiting(pool), JOBS - 1);
    assert_false(worker_submit(pool, loop, &jobs[JOBS].job));
    pthread_mutex_unlock(&gate);
    worker_pool_destroy(&pool); /* finishes what is queued; the loop takes the messages later */
    loop_run(loop);
    for (unsigned i = 0; i < JOBS; i++)
        assert_int_equal(jobs[i].done, 1);
    assert_int_equal(jobs[JOBS].worked + jobs[JOBS].done, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_job_is_done_exactly_once),
        cmocka_unit_test(a_full_queue_says_no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
