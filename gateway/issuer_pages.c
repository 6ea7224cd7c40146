/* GET /v1/issuer/reconciliation: counts and digests of an authority's licences by type and day,
 * with which both sides can prove that they hold the same; GET /v1/issuer/quality: how good what it
 * delivers is. */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/home.h"
#include "gateway/issuer.h"
#include "gateway/json.h"

static enum step_result unavailable(struct operation *op)
{
    return operation_fail(op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
}

static void put_number(struct buf *out, const char *name, uint64_t number)
{
    buf_printf(out, ",\"%s\":%llu", name, (unsigned long long)number);
}

/* ---- reconciliation ---- */

#define RECONCILIATION_STEPS(S)                                                                    \
    S(digest_all)   /* a worker reads all its licences  */                                         \
    S(write_groups) /* a worker: the answer             */                                         \
    S(record)       /* reading it is evidence           */                                         \
    S(answer)

#define GROUPS_MAX      200000 /* 30 MiB; 50 types, each day of 11 years */
#define GROUP_BYTES_MAX (REGISTRY_CODE_BYTES_MAX + 2 * CRYPTO_HASH_BYTES + 96)
#define AS_OF_BYTES_MAX 256

struct reconciliation {
    struct operation op;
    int64_t as_of;
    struct registry_digest *digest;
    bool read;
    size_t groups;
    struct worker_job job;
    struct buf body;
};

static struct reconciliation *of_job(struct worker_job *job)
{
    return (struct reconciliation *)((char *)job - offsetof(struct reconciliation, job));
}

static void count_group(void *context, const struct registry_digest_group *group)
{
    struct reconciliation *r = context;
    (void)group;
    r->groups++;
}

static void work_digest(struct worker_job *job)
{
    struct reconciliation *r = of_job(job);
    struct registry_reader *reader = registry_reader_create(r->op.home->gateway->registry);
    r->digest = registry_digest_create(&crypto_openssl);
    r->read = reader && r->digest &&
              registry_digest_licences(reader, issuer_code(&r->op), r->digest) == REGISTRY_OK &&
              registry_digest_each(r->digest, count_group, r);
    registry_reader_destroy(&reader);
}

static void put_group(void *context, const struct registry_digest_group *group)
{
    struct reconciliation *r = context;
    struct buf *out = &r->body;
    buf_put_str(out, r->groups++ ? ",{" : "{");
    json_put_text(out, "type", bytes_str(group->type_code));
    if (group->day >= 0)
        json_put_date(out, "day", group->day);
    else
        json_put_text(out, "day", (struct bytes){0});
    put_number(out, "count", group->count);
    buf_put_str(out, ",\"digest\":\"");
    buf_put_hex(out, bytes_of(group->digest, sizeof group->digest));
    buf_put_str(out, "\"}");
}

static void work_groups(struct worker_job *job)
{
    struct reconciliation *r = of_job(job);
    r->groups = 0;
    r->read = registry_digest_each(r->digest, put_group, r);
    registry_digest_destroy(&r->digest);
}

static void worked(struct worker_job *job)
{
    operation_resume(&of_job(job)->op);
}

static enum step_result begin(struct reconciliation *r, void (*work)(struct worker_job *job))
{
    struct gateway_loop *home = r->op.home;
    r->job.work = work;
    r->job.done = worked;
    if (worker_submit(home->gateway->errands, home->loop, &r->job))
        return STEP_WAIT;
    registry_digest_destroy(&r->digest);
    return operation_fail(&r->op, PROBLEM_OVERLOADED, NULL, NULL);
}

static enum step_result digest_all(struct reconciliation *r)
{
    r->as_of = clock_wall_s();
    return begin(r, work_digest);
}

static enum step_result write_groups(struct reconciliation *r)
{
    bool behind = atomic_load(&r->op.home->gateway->registry_behind);
    if (!r->read || behind || r->groups > GROUPS_MAX) {
        registry_digest_destroy(&r->digest);
        return r->read && !behind ? operation_fail(&r->op, PROBLEM_OVERLOADED, NULL,
                                                   "too many groups; jwb reconcile has no limit")
                                  : unavailable(&r->op);
    }
    size_t room = r->groups * GROUP_BYTES_MAX + AS_OF_BYTES_MAX;
    buf_init(&r->body, http_room(r->op.http, room), room);
    buf_put_u8(&r->body, '{');
    json_put_time(&r->body, "as_of", r->as_of);
    json_put_text(&r->body, "issuer", issuer_code(&r->op));
    buf_put_str(&r->body, ",\"groups\":[");
    return begin(r, work_groups);
}

static enum step_result record(struct reconciliation *r)
{
    return r->read ? issuer_record_pull(&r->op, "reconciliation")
                   : operation_fail(&r->op, PROBLEM_OURS, NULL, NULL);
}

static enum step_result answer(struct reconciliation *r)
{
    if (!r->op.recorded)
        return operation_fail(&r->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    buf_put_str(&r->body, "]}");
    CHECK(buf_ok(&r->body));
    return operation_answer_json(&r->op, 200, buf_bytes(&r->body));
}

FLOW_DEFINE(reconciliation, RECONCILIATION_STEPS);

/* ---- quality ---- */

#define QUALITY_STEPS(S)                                                                           \
    S(read_quality)   /* by day                   */                                               \
    S(record_quality) /* reading it is evidence   */                                               \
    S(answer_quality)

#define DAYS              30
#define DAYS_MAX          366
#define QUALITY_BYTES_MAX 512 /* a day's, or the sum's */

struct quality {
    struct operation op;
    uint64_t days;
    struct registry_quality sum;
    size_t rows;
    struct buf body;
};

/* In thousandths, which no rounding makes a whole that it is not; null where there is nothing. */
static void put_share(struct buf *out, const char *name, uint64_t good, uint64_t all)
{
    if (all == 0)
        buf_printf(out, ",\"%s\":null", name);
    else
        buf_printf(out, ",\"%s\":%llu.%03llu", name, (unsigned long long)(good / all),
                   (unsigned long long)(good % all * 1000 / all));
}

/* Completeness: how many of the fields that a record may leave out were there. Accuracy: how many
 * of all lines were taken, and not corrected after an objection. Delay: from issue to delivery, of
 * new licences that tell when they were issued. */
static void put_quality(struct buf *out, const struct registry_quality *q)
{
    uint64_t fields = q->records * REGISTRY_QUALITY_FIELDS, lines = q->records + q->rejected;
    put_number(out, "records", q->records);
    put_number(out, "rejected", q->rejected);
    put_number(out, "warnings", q->warnings);
    put_number(out, "objections", q->objections);
    put_number(out, "corrected", q->corrected);
    put_share(out, "completeness", fields > q->missing ? fields - q->missing : 0, fields);
    put_share(out, "accuracy", q->records > q->corrected ? q->records - q->corrected : 0, lines);
    put_share(out, "delay_days", q->delay_days, q->delayed);
    if (q->delayed)
        put_number(out, "delay_days_max", q->delay_days_max);
    else
        buf_put_str(out, ",\"delay_days_max\":null");
    buf_put_u8(out, '}');
}

static void add_day(void *context, const struct registry_quality *q)
{
    struct quality *s = context;
    struct registry_quality *sum = &s->sum;
    if (s->rows > DAYS_MAX)
        return; /* a clock that was set back */
    buf_put_str(&s->body, s->rows++ ? ",{" : "{");
    json_put_date(&s->body, "day", q->day);
    put_quality(&s->body, q);
    sum->records += q->records;
    sum->rejected += q->rejected;
    sum->warnings += q->warnings;
    sum->missing += q->missing;
    sum->delay_days += q->delay_days;
    sum->delayed += q->delayed;
    sum->objections += q->objections;
    sum->corrected += q->corrected;
    if (q->delay_days_max > sum->delay_days_max)
        sum->delay_days_max = q->delay_days_max;
}

/* Nothing, or days=N. */
static bool read_days(struct bytes query, uint64_t *days)
{
    *days = DAYS;
    if (query.len == 0)
        return true;
    if (!bytes_start_with(query, BYTES("days=")) || query.len > strlen("days=366"))
        return false;
    *days = 0;
    for (size_t i = strlen("days="); i < query.len; i++) {
        if (query.data[i] < '0' || query.data[i] > '9')
            return false;
        *days = *days * 10 + (query.data[i] - '0');
    }
    return *days >= 1 && *days <= DAYS_MAX;
}

static enum step_result read_quality(struct quality *s)
{
    const size_t room = (DAYS_MAX + 3) * QUALITY_BYTES_MAX;
    if (!read_days(http_query(s->op.http), &s->days))
        return operation_fail(&s->op, PROBLEM_MALFORMED_BODY, NULL, "?days=1 to 366");
    int32_t today = civil_day_at(clock_wall_s()), since = today - (int32_t)s->days + 1;
    buf_init(&s->body, http_room(s->op.http, room), room);
    buf_put_u8(&s->body, '{');
    json_put_text(&s->body, "issuer", issuer_code(&s->op));
    json_put_date(&s->body, "since", since);
    json_put_date(&s->body, "until", today);
    buf_put_str(&s->body, ",\"days\":[");
    if (registry_quality(s->op.home->reader, issuer_code(&s->op), since, add_day, s) !=
            REGISTRY_OK ||
        atomic_load(&s->op.home->gateway->registry_behind))
        return unavailable(&s->op);
    return STEP_NEXT;
}

static enum step_result record_quality(struct quality *s)
{
    return issuer_record_pull(&s->op, "quality");
}

static enum step_result answer_quality(struct quality *s)
{
    if (!s->op.recorded)
        return operation_fail(&s->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    buf_printf(&s->body, "],\"total\":{\"days\":%llu", (unsigned long long)s->days);
    put_quality(&s->body, &s->sum);
    buf_put_u8(&s->body, '}');
    CHECK(buf_ok(&s->body));
    return operation_answer_json(&s->op, 200, buf_bytes(&s->body));
}

FLOW_DEFINE(quality, QUALITY_STEPS);
