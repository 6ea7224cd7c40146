/* GET /v1/licences/ID/trace: one timeline of a licence. Its issue, versions, status, actions and
 * consents are events of the registry; displays, scans, checks and lookups lie in the journals. To
 * its holder, for the time that it was his; to its authority; to an auditor, by a case number. Each
 * entry comes with its proof that the evidence log has it. */
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/acting.h"
#include "gateway/form.h"
#include "gateway/json.h"
#include "gateway/ledger.h"
#include "gateway/log.h"
#include "gateway/looked.h"
#include "gateway/quota.h"
#include "gateway/trace_entry.h"

#define TRACE_STEPS(S)                                                                             \
    S(read_query)   /* before when; of which case; how often may he ask? */                        \
    S(find_licence) /* the registry, by id                               */                        \
    S(check_asker)  /* may he? of which places is he told?               */                        \
    S(read_events)  /* the registry's events of it                       */                        \
    S(search)       /* the journals, by a worker                         */                        \
    S(prove)        /* the log, by a worker                              */                        \
    S(record)       /* reading is evidence too                           */                        \
    S(answer)

#define TRACE_MAX  200
#define EVENTS_MAX 2000 /* read of one licence; each opens its texts: microseconds */
#define PLACES_MAX 512
#define TEXTS      5 /* of a record */
#define KINDS                                                                                      \
    (1u << JOURNAL_DISPLAY | 1u << JOURNAL_VERIFY | 1u << JOURNAL_CHECK | 1u << JOURNAL_LOOKUP |   \
     1u << JOURNAL_RETRIEVE | 1u << JOURNAL_VIEW)

struct trace {
    struct operation op;
    int64_t now, before; /* Unix seconds; before 0: now */
    struct bytes case_number;
    bool case_found;
    struct quota quota;
    struct registry_query query;
    struct registry_version_place places[PLACES_MAX]; /* those he is told of */
    size_t place_count;
    bool complete;

    /* events in the first half, as a ring; then the journals' records behind them */
    struct trace_entry {
        struct journal_record record; /* its views point into `texts` */
        struct evidence_where where;
        uint8_t texts[TEXTS][JOURNAL_TEXT_BYTES_MAX];
    } * entries;
    uint64_t event_count; /* all that came, which may be more than there is room for */
    size_t count;

    const char *folders[LOOKED_FOLDERS_MAX];
    struct evidence_search search;
    struct worker_job job;
    bool searched;

    char log_folder[4096];
    struct buf note;
    struct proof_wanted *proofs; /* of each entry, in the order that they are told in */
    enum tlog_error log_error;
};

static bool is(const struct trace *t, enum token_role role)
{
    return t->op.asker.role == role;
}

/* ---- read_query ---- */

#define QUERY_TOLD "?before=<RFC 3339 time>, and of auditors &case=<case number>"

static bool read_case(struct trace *t, struct bytes text)
{
    struct buf decoded;
    size_t room = text.len + 1;
    buf_init(&decoded, http_room(t->op.http, room), room);
    return is(t, TOKEN_ROLE_AUDITOR) && form_decode(text, '+', &decoded, &t->case_number) &&
           t->case_number.len >= 1 && t->case_number.len <= JOURNAL_TEXT_BYTES_MAX;
}

static bool read_pieces(struct trace *t, struct bytes query)
{
    while (query.len) {
        const uint8_t *end = memchr(query.data, '&', query.len);
        struct bytes piece = bytes_of(query.data, end ? (size_t)(end - query.data) : query.len);
        bool read = bytes_start_with(piece, BYTES("before="))
                        ? looked_read_time(bytes_from(piece, strlen("before=")), &t->before)
                        : bytes_start_with(piece, BYTES("case=")) &&
                              read_case(t, bytes_from(piece, strlen("case=")));
        if (!read)
            return false;
        query = bytes_from(query, piece.len + (end != NULL));
    }
    return is(t, TOKEN_ROLE_AUDITOR) == (t->case_number.len > 0);
}

static enum step_result read_query(struct trace *t)
{
    struct operation *op = &t->op;
    t->now = clock_wall_s();
    if (!read_pieces(t, http_query(op->http)))
        return operation_fail(op, PROBLEM_MALFORMED_BODY, NULL, QUERY_TOLD);
    return is(t, TOKEN_ROLE_HOLDER)
               ? quota_take_of(&t->quota, op, "checks",
                               (unsigned)op->home->settings->config->evidence_told_per_hour, 3600,
                               1)
               : quota_take(&t->quota, op);
}

/* ---- find_licence, check_asker ---- */

static enum problem not_found(const struct trace *t)
{
    return is(t, TOKEN_ROLE_HOLDER) ? PROBLEM_LICENCE_NOT_FOUND : PROBLEM_NO_LICENCE;
}

static enum step_result find_licence(struct trace *t)
{
    struct buf id = BUF_OVER(t->query.id);
    /* A holder who can't be counted, without Redis, is told all the same. */
    if (t->quota.result == QUOTA_EMPTY ||
        (t->quota.result != QUOTA_OPEN && !is(t, TOKEN_ROLE_HOLDER))) {
        if (is(t, TOKEN_ROLE_HOLDER))
            t->op.retry_after_s = quota_wait_s(&t->quota);
        return quota_refuse(&t->quota);
    }
    if (!buf_put_from_hex(&id, t->op.rest) || id.len != sizeof t->query.id)
        return operation_fail(&t->op, not_found(t), NULL, NULL);
    return acting_find_licence(&t->op, &t->query);
}

/* Who acts with one licence alone, or for an enterprise, is not told who looked at it. */
static enum step_result check_holder(struct trace *t)
{
    enum registry_acting acting = ACTING_COUNT;
    enum step_result checked = acting_check(&t->op, &t->query, PROBLEM_LICENCE_NOT_FOUND, &acting);
    bool told =
        acting == ACTING_HOLDER || acting == ACTING_REPRESENTATIVE || acting == ACTING_GUARDIAN;
    return checked == STEP_NEXT && !told
               ? operation_fail(&t->op, PROBLEM_LICENCE_NOT_FOUND, NULL, NULL)
               : checked;
}

static enum step_result check_client(struct trace *t)
{
    const struct registry_client *client = t->op.client;
    const struct registry_licence *licence = &t->query.licence;
    const enum registry_error error = t->query.error;
    if ((error != REGISTRY_OK && error != REGISTRY_ERR_NOT_FOUND) ||
        atomic_load(&t->op.home->gateway->registry_behind))
        return operation_fail(&t->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    bool its_own = error == REGISTRY_OK && client_has_type(client, licence->type_code) &&
                   (is(t, TOKEN_ROLE_AUDITOR) ||
                    bytes_equal(bytes_str(client->organisation), licence->issuer_code));
    return its_own ? STEP_NEXT : operation_fail(&t->op, PROBLEM_NO_LICENCE, NULL, NULL);
}

/* A holder is told of the time that it was his, and nothing of those before him. */
static void keep_own_places(struct trace *t)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->place_count; i++)
        if (memcmp(t->places[i].holder, t->query.licence.holder_id, REGISTRY_ID_BYTES) == 0)
            t->places[kept++] = t->places[i];
    t->place_count = kept;
}

static enum step_result check_asker(struct trace *t)
{
    enum step_result checked = is(t, TOKEN_ROLE_HOLDER) ? check_holder(t) : check_client(t);
    if (checked != STEP_NEXT)
        return checked;
    t->place_count = PLACES_MAX;
    if (registry_licence_places(t->op.home->reader, t->query.id, t->places, &t->place_count) !=
        REGISTRY_OK)
        return operation_fail(&t->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    t->complete = t->place_count <= PLACES_MAX;
    if (!t->complete)
        t->place_count = PLACES_MAX;
    if (is(t, TOKEN_ROLE_HOLDER))
        keep_own_places(t);
    return STEP_NEXT;
}

/* ---- read_events, search ---- */

static void keep_entry(struct trace_entry *entry, const struct journal_record *record)
{
    struct bytes *const texts[TEXTS] = {&entry->record.subject, &entry->record.client,
                                        &entry->record.purpose, &entry->record.reference,
                                        &entry->record.agency};
    entry->record = *record;
    for (int i = 0; i < TEXTS; i++) {
        CHECK(texts[i]->len <= sizeof entry->texts[i]);
        if (texts[i]->len)
            memcpy(entry->texts[i], texts[i]->data, texts[i]->len);
        texts[i]->data = entry->texts[i];
    }
}

static bool is_told_of(const struct trace *t, uint16_t list, uint32_t index)
{
    for (size_t i = 0; i < t->place_count; i++)
        if (t->places[i].list == list && t->places[i].index == index)
            return true;
    return false;
}

static bool is_of_case(const struct trace *t, const struct registry_event *event)
{
    return (event->kind == EVENT_HOLD || event->kind == EVENT_LIFT ||
            event->kind == EVENT_DECISION || event->kind == EVENT_ESCALATED) &&
           bytes_equal(event->reference, t->case_number);
}

static void keep_event(void *context, const struct registry_event *event)
{
    struct trace *t = context;
    struct journal_record record;
    t->case_found |= is_of_case(t, event);
    if (!is_told_of(t, event->list, event->index) ||
        event->kind == EVENT_ACTED || /* what it did stands before it */
        (t->before && event->at_us >= t->before * 1000000))
        return;
    ledger_record(event, &record);
    keep_entry(&t->entries[t->event_count++ % TRACE_MAX], &record);
}

static enum step_result read_events(struct trace *t)
{
    bool more;
    t->entries = http_room(t->op.http, 2 * TRACE_MAX * sizeof *t->entries);
    if (registry_licence_events(t->op.home->reader, t->query.id, EVENTS_MAX, keep_event, t, &more))
        return operation_fail(&t->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    if (is(t, TOKEN_ROLE_AUDITOR) && !t->case_found)
        return operation_fail(&t->op, PROBLEM_NO_LICENCE, NULL, NULL);
    t->complete &= !more && t->event_count <= TRACE_MAX;
    t->count = t->event_count < TRACE_MAX ? (size_t)t->event_count : TRACE_MAX;
    return STEP_NEXT;
}

static void keep_record(void *context, const struct journal_record *record)
{
    struct trace *t = context;
    struct trace_entry *entry = &t->entries[t->count++];
    keep_entry(entry, record);
    entry->where = t->search.where;
}

static struct trace *of_job(struct worker_job *job)
{
    return (struct trace *)((char *)job - offsetof(struct trace, job));
}

static void done_on_worker(struct worker_job *job)
{
    operation_resume(&of_job(job)->op);
}

static enum step_result give_to_worker(struct trace *t, void (*work)(struct worker_job *job))
{
    struct gateway_loop *home = t->op.home;
    t->job.work = work;
    t->job.done = done_on_worker;
    return worker_submit(home->gateway->errands, home->loop, &t->job)
               ? STEP_WAIT
               : operation_fail(&t->op, PROBLEM_OVERLOADED, NULL, NULL);
}

static void search_on_worker(struct worker_job *job)
{
    struct trace *t = of_job(job);
    t->searched = evidence_search(&t->search);
}

static enum step_result search(struct trace *t)
{
    struct evidence_place *places = http_room(t->op.http, (t->place_count + 1) * sizeof *places);
    for (size_t i = 0; i < t->place_count; i++)
        places[i] = (struct evidence_place){t->places[i].list, t->places[i].index};
    t->search = (struct evidence_search){
        .folders = t->folders,
        .folder_count = looked_folders(&t->op, t->folders),
        .places = places,
        .place_count = t->place_count,
        .kinds = KINDS,
        .before_us = t->before * 1000000,
        .max = TRACE_MAX,
        .each = keep_record,
        .context = t,
    };
    return give_to_worker(t, search_on_worker);
}

/* ---- prove ---- */

/* Newest first; of one moment, events in their order. */
static int compare_entries(const void *a, const void *b)
{
    const struct journal_record *x = &(*(struct trace_entry *const *)a)->record,
                                *y = &(*(struct trace_entry *const *)b)->record;
    return x->at_us != y->at_us ? (x->at_us < y->at_us) - (x->at_us > y->at_us)
                                : (x->number < y->number) - (x->number > y->number);
}

/* The entries stay where they are: their views point into them. */
static void merge(struct trace *t)
{
    struct trace_entry **sorted = http_room(t->op.http, (t->count + 1) * sizeof *sorted);
    for (size_t i = 0; i < t->count; i++)
        sorted[i] = &t->entries[i];
    qsort(sorted, t->count, sizeof *sorted, compare_entries);
    t->complete &= t->search.complete && t->count <= TRACE_MAX;
    if (t->count > TRACE_MAX)
        t->count = TRACE_MAX;
    t->proofs = http_room(t->op.http, (t->count + 1) * sizeof *t->proofs);
    for (size_t i = 0; i < t->count; i++) {
        t->proofs[i].record = &sorted[i]->record;
        t->proofs[i].where = sorted[i]->where;
    }
}

static void prove_on_worker(struct worker_job *job)
{
    struct trace *t = of_job(job);
    t->log_error = proofs_find(t->log_folder, t->proofs, t->count, &t->note);
}

static enum step_result prove(struct trace *t)
{
    struct buf folder = BUF_OVER(t->log_folder);
    if (!t->searched)
        return operation_fail(&t->op, PROBLEM_OURS, NULL, NULL);
    merge(t);
    config_log_folder(t->op.home->gateway->started_with->config, &folder);
    buf_cstr(&folder);
    buf_init(&t->note, http_room(t->op.http, NOTE_BYTES_MAX), NOTE_BYTES_MAX);
    return give_to_worker(t, prove_on_worker);
}

/* ---- record ---- */

static enum step_result record(struct trace *t)
{
    struct journal_record read = {
        .kind = JOURNAL_TRACE, .acting = JOURNAL_ACTING_NONE, .reference = t->case_number};
    if (t->log_error) {
        log_event(LOG_ERROR, "the evidence log can't be read for a trace",
                  LOG_TEXT("why", tlog_error_text(t->log_error)), LOG_ID("request", t->op.id));
        return operation_fail(&t->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    }
    operation_about(&read, &t->query.licence);
    return operation_record(&t->op, &read);
}

/* ---- answer ---- */

/* A record that the log has otherwise is told, without a proof; and operators are. */
static size_t check_proofs(struct trace *t)
{
    size_t room = 256, others = 0;
    for (size_t i = 0; i < t->count; i++) {
        room += TRACE_ENTRY_BYTES_MAX + proofs_bytes(&t->proofs[i]);
        others += t->proofs[i].state == PROOF_OTHER;
    }
    if (others) {
        t->complete = false;
        log_event(LOG_ERROR, "records contradict the evidence log: jwb evidence verify",
                  LOG_NUMBER("records", others), LOG_ID("request", t->op.id));
    }
    return room;
}

static enum step_result answer(struct trace *t)
{
    struct buf out;
    if (!t->op.recorded)
        return operation_fail(&t->op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
    size_t room = check_proofs(t);
    buf_init(&out, http_room(t->op.http, room), room);
    buf_put_u8(&out, '{');
    json_put_id(&out, "licence", t->query.licence.id);
    buf_put_str(&out, ",\"entries\":[");
    for (size_t i = 0; i < t->count; i++) {
        buf_put_str(&out, i ? "," : "");
        trace_entry_put(&out, &t->op, &t->proofs[i]);
    }
    buf_put_u8(&out, ']');
    json_put_bool(&out, "complete", t->complete);
    json_put_time(&out, "as_of", t->now);
    buf_put_u8(&out, '}');
    CHECK(buf_ok(&out));
    return operation_answer_json(&t->op, 200, buf_bytes(&out));
}

FLOW_DEFINE(trace, TRACE_STEPS);
