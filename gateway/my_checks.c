/* GET /v1/me/checks: who displayed, scanned or looked up the asker's licences, when, why, and with
 * which answer. Read from the journals by their indices: no verify writes anything for it. What
 * terminals scanned offline is the registry's, since they delivered it. */
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "evidence/index.h"
#include "gateway/json.h"
#include "gateway/ledger.h"
#include "gateway/looked.h"
#include "gateway/quota.h"

#define MY_CHECKS_STEPS(S)                                                                         \
    S(read_query)  /* since and before when; how often may he ask?    */                           \
    S(find_places) /* the registry: where his licences are, and were  */                           \
    S(read_scans)  /* the registry: made offline                      */                           \
    S(search)      /* the journals, by a worker                       */                           \
    S(record)      /* reading is evidence too                         */                           \
    S(answer)

#define CHECKS_MAX    200
#define PLACES_MAX    2048 /* a hundred licences of twenty versions each */
#define ROW_BYTES_MAX 896
#define TEXTS         4 /* of a record: subject, client, purpose, reference */
#define KINDS                                                                                      \
    (1u << JOURNAL_DISPLAY | 1u << JOURNAL_VERIFY | 1u << JOURNAL_CHECK | 1u << JOURNAL_LOOKUP |   \
     1u << JOURNAL_RETRIEVE | 1u << JOURNAL_VIEW | 1u << JOURNAL_ACTION)

struct my_checks {
    struct operation op;
    int64_t now, since, before; /* before 0: now */
    struct quota quota;
    struct registry_place *places;
    size_t place_count;
    const char *folders[LOOKED_FOLDERS_MAX];
    struct evidence_search search;
    struct worker_job job;
    bool searched;
    struct my_check {
        struct journal_record record; /* its views point into `texts` */
        size_t order;                 /* of those of one moment */
        uint8_t texts[TEXTS][JOURNAL_TEXT_BYTES_MAX];
    } * checks; /* room for twice as many as are told */
    size_t count, kept;
    bool complete;
};

/* ---- read_query ---- */

/* "since=TIME", "before=TIME", or both with a '&' between them. */
static bool read_span(struct bytes query, int64_t *since, int64_t *before)
{
    while (query.len) {
        const uint8_t *end = memchr(query.data, '&', query.len);
        struct bytes piece = bytes_of(query.data, end ? (size_t)(end - query.data) : query.len);
        bool read = bytes_start_with(piece, BYTES("since="))
                        ? looked_read_time(bytes_from(piece, strlen("since=")), since)
                        : bytes_start_with(piece, BYTES("before=")) &&
                              looked_read_time(bytes_from(piece, strlen("before=")), before);
        if (!read)
            return false;
        query = bytes_from(query, piece.len + (end != NULL));
    }
    return true;
}

static enum step_result read_query(struct my_checks *m)
{
    struct bytes query = http_query(m->op.http);
    m->now = clock_wall_s();
    int64_t oldest = m->now - (int64_t)m->op.home->settings->config->evidence_told_days * 86400;
    m->since = oldest;
    if (!read_span(query, &m->since, &m->before))
        return operation_fail(&m->op, PROBLEM_MALFORMED_BODY, NULL,
                              "?since=<RFC 3339 time>&before=<RFC 3339 time>");
    if (m->since < oldest)
        m->since = oldest;
    return quota_take_of(&m->quota, &m->op, "checks",
                         (unsigned)m->op.home->settings->config->evidence_told_per_hour, 3600, 1);
}

/* ---- find_places ---- */

static enum step_result find_places(struct my_checks *m)
{
    struct gateway_loop *home = m->op.home;
    uint8_t person[REGISTRY_ID_BYTES];
    if (m->quota.result == QUOTA_EMPTY) { /* uncounted, without Redis, he is told all the same */
        m->op.retry_after_s = quota_wait_s(&m->quota);
        return quota_refuse(&m->quota);
    }
    if (!operation_person(&m->op, person))
        return operation_fail(&m->op, PROBLEM_FORBIDDEN, NULL, NULL);
    m->places = http_room(m->op.http, PLACES_MAX * sizeof *m->places);
    m->place_count = PLACES_MAX;
    if (registry_places_of_person(home->reader, person, m->places, &m->place_count) !=
            REGISTRY_OK ||
        atomic_load(&home->gateway->registry_behind))
        return operation_fail(&m->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    return STEP_NEXT;
}

/* ---- what is kept ---- */

static void point_to_texts(struct my_check *check)
{
    struct journal_record *r = &check->record;
    struct bytes *const texts[TEXTS] = {&r->subject, &r->client, &r->purpose, &r->reference};
    for (int i = 0; i < TEXTS; i++)
        texts[i]->data = check->texts[i];
}

static void keep_check(void *context, const struct journal_record *record)
{
    struct my_checks *m = context;
    struct my_check *check = &m->checks[m->count++];
    const struct bytes texts[TEXTS] = {record->subject, record->client, record->purpose,
                                       record->reference};
    for (int i = 0; i < TEXTS; i++)
        if (texts[i].len)
            memcpy(check->texts[i], texts[i].data, texts[i].len);
    check->record = *record;
    check->record.agency = bytes_of(NULL, 0);
    check->order = m->kept++;
    point_to_texts(check);
}

/* Newest first. */
static int compare_checks(const void *a, const void *b)
{
    const struct my_check *x = a, *y = b;
    const int64_t x_us = x->record.at_us, y_us = y->record.at_us;
    return x_us != y_us ? (x_us < y_us) - (x_us > y_us)
                        : (x->order > y->order) - (x->order < y->order);
}

static void keep_newest(struct my_checks *m)
{
    qsort(m->checks, m->count, sizeof *m->checks, compare_checks);
    for (size_t i = 0; i < m->count; i++)
        point_to_texts(&m->checks[i]);
    if (m->count > CHECKS_MAX) {
        m->count = CHECKS_MAX;
        m->complete = false;
    }
}

/* ---- read_scans ---- */

static void keep_scan(void *context, const struct registry_event *event)
{
    struct journal_record record;
    ledger_record(event, &record);
    keep_check(context, &record);
}

static enum step_result read_scans(struct my_checks *m)
{
    const size_t places = m->place_count < PLACES_MAX ? m->place_count : PLACES_MAX;
    m->complete = m->place_count <= PLACES_MAX;
    m->checks = http_room(m->op.http, (size_t)2 * CHECKS_MAX * sizeof *m->checks);
    for (size_t i = 0; i < places; i++) {
        const struct registry_place *place = &m->places[i];
        bool more;
        if (registry_place_scans(m->op.home->reader, place->list, place->index, m->since * 1000000,
                                 m->before * 1000000, CHECKS_MAX, keep_scan, m,
                                 &more) != REGISTRY_OK)
            return operation_fail(&m->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
        m->complete &= !more;
        if (m->count > CHECKS_MAX)
            keep_newest(m);
    }
    return STEP_NEXT;
}

/* ---- search ---- */

static void search_on_worker(struct worker_job *job)
{
    struct my_checks *m = (struct my_checks *)((char *)job - offsetof(struct my_checks, job));
    m->searched = evidence_search(&m->search);
}

static void searched_on_worker(struct worker_job *job)
{
    struct my_checks *m = (struct my_checks *)((char *)job - offsetof(struct my_checks, job));
    operation_resume(&m->op);
}

static enum step_result search(struct my_checks *m)
{
    struct gateway_loop *home = m->op.home;
    size_t count = m->place_count < PLACES_MAX ? m->place_count : PLACES_MAX;
    struct evidence_place *places = http_room(m->op.http, (count + 1) * sizeof *places);
    for (size_t i = 0; i < count; i++)
        places[i] = (struct evidence_place){m->places[i].list, m->places[i].index};
    m->search = (struct evidence_search){
        .folders = m->folders,
        .folder_count = looked_folders(&m->op, m->folders),
        .places = places,
        .place_count = count,
        .kinds = KINDS,
        .since_us = m->since * 1000000,
        .before_us = m->before * 1000000,
        .max = CHECKS_MAX,
        .each = keep_check,
        .context = m,
    };
    m->job.work = search_on_worker;
    m->job.done = searched_on_worker;
    return worker_submit(home->gateway->errands, home->loop, &m->job)
               ? STEP_WAIT
               : operation_fail(&m->op, PROBLEM_OVERLOADED, NULL, NULL);
}

/* ---- record, answer ---- */

static enum step_result record(struct my_checks *m)
{
    struct journal_record read = {.kind = JOURNAL_READ, .acting = JOURNAL_ACTING_NONE};
    return m->searched ? operation_record(&m->op, &read)
                       : operation_fail(&m->op, PROBLEM_OURS, NULL, NULL);
}

static void put_asker(const struct my_checks *m, const struct journal_record *r, struct buf *out)
{
    buf_put_str(out, ",\"by\":{");
    looked_put_asker(out, &m->op, r);
    if (r->kind == JOURNAL_DISPLAY || r->kind == JOURNAL_VIEW)
        looked_put_acting(out, r);
    buf_put_u8(out, '}');
}

static void put_licence(const struct my_checks *m, const struct journal_record *r, struct buf *out)
{
    const struct registry_place *place = m->places;
    while (place->list != r->list || place->index != r->index)
        place++; /* it was looked for, so it is there */
    json_put_id(out, "licence", place->licence);
}

static void put_check(const struct my_checks *m, const struct journal_record *r, struct buf *out)
{
    buf_put_u8(out, '{');
    json_put_time(out, "at", r->at_us / 1000000);
    json_put_text(out, "kind", bytes_str(journal_kind_text(r->kind)));
    put_licence(m, r, out);
    put_asker(m, r, out);
    looked_put_purpose(out, r);
    looked_put_scan(out, r);
    looked_put_result(out, r);
    json_put_fields(out, r->fields);
    buf_put_u8(out, '}');
}

static enum step_result answer(struct my_checks *m)
{
    struct buf out;
    if (!m->op.recorded)
        return operation_fail(&m->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    keep_newest(m);
    size_t room = m->count * ROW_BYTES_MAX + 128;
    buf_init(&out, http_room(m->op.http, room), room);
    buf_put_str(&out, "{\"checks\":[");
    for (size_t i = 0; i < m->count; i++) {
        if (i)
            buf_put_u8(&out, ',');
        put_check(m, &m->checks[i].record, &out);
    }
    buf_put_u8(&out, ']');
    json_put_bool(&out, "complete", m->complete && m->search.complete);
    json_put_time(&out, "as_of", m->now);
    buf_put_u8(&out, '}');
    CHECK(buf_ok(&out));
    return operation_answer_json(&m->op, 200, buf_bytes(&out));
}

FLOW_DEFINE(my_checks, MY_CHECKS_STEPS);
