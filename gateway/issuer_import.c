/* POST /v1/issuer/licences:import: licences in bulk, one JSON object a line, and an answer of one
 * line for each. The body is in a file (gateway/http); batches of it are read, checked and
 * committed by a worker, each in a transaction of its own and each a job of its own, so that other
 * errands have their turn between them. What was committed stays, whatever comes after: a delivery
 * that was cut off is sent again, whole or from the line that its last answer names. */
#include "base/check.h"
#include "gateway/commit.h"
#include "gateway/home.h"
#include "gateway/issuer.h"
#include "gateway/json.h"

#define IMPORT_STEPS(S)                                                                            \
    S(open_body)                                                                                   \
    S(take_lines) /* a worker: batch by batch into the registry    */                              \
    S(settle)     /* in force, and in the evidence log             */                              \
    S(answer)

#define LINE_BYTES_MAX    320 /* of the answer: the longest is a refusal's sentence */
#define TRAILER_BYTES_MAX 320
/* A line of a licence is longer than twice its answer. What is not, and is no licence, may fill the
 * answer, and is then to be sent in parts. */
#define ANSWER_BYTES_OF(body)                                                                      \
    ((size_t)(body) / 2 + REGISTRY_BATCH_MAX * LINE_BYTES_MAX + TRAILER_BYTES_MAX)

/* One line of the body, until its batch is committed. */
struct taken {
    uint64_t line;
    const char *error, *field; /* error NULL: record */
    size_t record;             /* its place among the records */
};

struct batch {
    size_t line_count, record_count;
    uint64_t rejected, warnings;
    struct taken lines[REGISTRY_BATCH_MAX];
    struct registry_record records[REGISTRY_BATCH_MAX];
    enum registry_outcome outcomes[REGISTRY_BATCH_MAX];
    const char *refusals[REGISTRY_BATCH_MAX]; /* the registry's; NULL: taken */
    uint8_t storage[REGISTRY_BATCH_MAX][IMPORT_RECORD_BYTES_MAX];
};

struct issuer_import {
    struct operation op;
    int body;
    struct import_reader *reader;
    struct batch *batch;
    struct worker_job job;
    struct commit commit;
    struct buf answer;
    uint64_t lines, accepted, rejected;
    uint64_t next;       /* the line to go on from */
    bool ended;          /* of the body */
    const char *failure; /* why it stopped before; static */
};

/* ---- on a worker ---- */

static void take_line(struct issuer_import *im, struct import_line *line, bool readable)
{
    struct batch *batch = im->batch;
    struct taken *taken = &batch->lines[batch->line_count++];
    size_t record = batch->record_count;
    struct issuer_fault fault;
    unsigned warnings = 0;
    *taken = (struct taken){.line = line->number, .record = record};
    if (!readable) {
        taken->error = import_reason_text(line->fault.reason);
        taken->field = line->fault.field;
    } else if (!issuer_record_make(&im->op, &line->fields, batch->storage[record],
                                   &batch->records[record], &warnings, &fault)) {
        taken->error = fault.text;
        taken->field = fault.field;
    } else {
        batch->record_count++;
        batch->warnings += warnings;
        return;
    }
    batch->rejected++;
}

static void read_batch(struct issuer_import *im)
{
    struct batch *batch = im->batch;
    struct import_line line;
    batch->line_count = batch->record_count = 0;
    batch->rejected = batch->warnings = 0;
    while (batch->line_count < REGISTRY_BATCH_MAX)
        switch (import_reader_next(im->reader, &line)) {
        case IMPORT_READ_RECORD:
            take_line(im, &line, true);
            break;
        case IMPORT_READ_BAD:
            take_line(im, &line, false);
            break;
        case IMPORT_READ_END:
            im->ended = true;
            return;
        case IMPORT_READ_FAILED:
            im->failure = "the body can't be read on";
            return;
        }
}

static enum registry_error commit(struct issuer_import *im, size_t from, size_t count,
                                  bool with_counts, const char **refusal)
{
    struct batch *batch = im->batch;
    const struct operation *op = &im->op;
    struct registry_change change = {
        .kind = CHANGE_IMPORT,
        .actor = {.role = op->asker.role,
                  .subject = op->asker.subject,
                  .client = op->asker.client,
                  .request_id = op->id},
        .records = batch->records + from,
        .outcomes = batch->outcomes + from,
        .record_count = count,
        .source = op->asker.client,
        .issuer = issuer_code(op),
        .rejected = with_counts ? batch->rejected : 0,
        .warnings = with_counts ? batch->warnings : 0,
    };
    enum registry_error error = registry_commit(op->home->gateway->registry, &change);
    *refusal = change.refusal;
    if (error == REGISTRY_OK && change.event)
        im->commit.change.event = change.event;
    return error;
}

/* All together; if the registry refuses one of them, each alone. */
static enum registry_error commit_batch(struct issuer_import *im)
{
    struct batch *batch = im->batch;
    const char *refusal;
    memset(batch->refusals, 0, sizeof batch->refusals);
    if (batch->line_count == 0)
        return REGISTRY_OK;
    enum registry_error error = commit(im, 0, batch->record_count, true, &refusal);
    if (error != REGISTRY_ERR_REFUSED)
        return error;
    error = REGISTRY_OK;
    for (size_t i = 0; !error && i < batch->record_count; i++) {
        error = commit(im, i, 1, false, &batch->refusals[i]);
        if (error != REGISTRY_ERR_REFUSED)
            continue;
        batch->rejected++;
        error = REGISTRY_OK;
    }
    return error ? error : commit(im, 0, 0, true, &refusal);
}

struct search {
    const struct registry_record *record;
    uint8_t id[REGISTRY_ID_BYTES];
    bool found;
};

static void compare(struct registry_licences_query *query, const struct registry_licence *licence,
                    enum registry_acting acting)
{
    struct search *search = query->context;
    const struct registry_record *record = search->record;
    (void)acting;
    if (!bytes_equal(licence->type_code, record->type_code) ||
        !bytes_equal(licence->issuer_code, record->issuer_code) ||
        !bytes_equal(licence->number, record->number))
        return;
    memcpy(search->id, licence->id, sizeof search->id);
    search->found = true;
}

static void tell_record(struct issuer_import *im, struct registry_reader *reader, size_t i)
{
    struct search search = {.record = &im->batch->records[i]};
    struct registry_licences_query query = {.by = LICENCES_OF_NUMBER,
                                            .text = search.record->number,
                                            .each = compare,
                                            .context = &search};
    json_put_text(&im->answer, "outcome", bytes_str(issuer_outcome_text(im->batch->outcomes[i])));
    if (reader && registry_find_licences(reader, &query) == REGISTRY_NOW && search.found)
        json_put_id(&im->answer, "id", search.id);
}

static void tell_batch(struct issuer_import *im)
{
    const struct batch *batch = im->batch;
    struct registry_reader *reader = registry_reader_create(im->op.home->gateway->registry);
    for (size_t i = 0; i < batch->line_count; i++) {
        const struct taken *taken = &batch->lines[i];
        const char *error = taken->error ? taken->error : batch->refusals[taken->record];
        buf_printf(&im->answer, "{\"line\":%llu", (unsigned long long)taken->line);
        if (error) {
            json_put_text(&im->answer, "error", bytes_str(error));
            if (taken->field)
                json_put_text(&im->answer, "field", bytes_str(taken->field));
        } else {
            tell_record(im, reader, taken->record);
        }
        buf_put_str(&im->answer, "}\n");
        im->lines++;
        im->rejected += error != NULL;
        im->accepted += error == NULL;
        im->next = taken->line + 1;
    }
    registry_reader_destroy(&reader);
}

static void work(struct worker_job *job)
{
    struct issuer_import *im =
        (struct issuer_import *)((char *)job - offsetof(struct issuer_import, job));
    if (atomic_load(&im->op.home->gateway->registry_behind)) {
        im->failure = "the registry can't be asked now";
        return;
    }
    if (im->answer.cap - im->answer.len < REGISTRY_BATCH_MAX * LINE_BYTES_MAX + TRAILER_BYTES_MAX) {
        im->failure = "too many lines for one answer";
        return;
    }
    read_batch(im);
    enum registry_error error = commit_batch(im);
    if (error)
        im->failure = registry_error_text(error);
    else
        tell_batch(im);
}

/* ---- on the loop ---- */

/* The next batch, or the end. */
static void worked(struct worker_job *job)
{
    struct issuer_import *im =
        (struct issuer_import *)((char *)job - offsetof(struct issuer_import, job));
    struct gateway_loop *home = im->op.home;
    if (home->http && !im->ended && !im->failure) {
        if (worker_submit(home->gateway->errands, home->loop, job))
            return;
        im->failure = "too much to do; try again shortly";
    }
    import_reader_destroy(&im->reader);
    operation_resume(&im->op);
}

static enum step_result open_body(struct issuer_import *im)
{
    uint64_t size;
    if (!operation_body_is(&im->op, "application/x-ndjson") ||
        http_header(im->op.http, "content-encoding").len)
        return operation_fail(&im->op, PROBLEM_MEDIA_TYPE, NULL,
                              "application/x-ndjson, without a content coding");
    im->body = http_spool(im->op.http, &size);
    if (im->body < 0)
        return operation_fail(&im->op, PROBLEM_MALFORMED_BODY, NULL,
                              "a body of one JSON object a line");
    size_t room = ANSWER_BYTES_OF(size);
    buf_init(&im->answer, http_room(im->op.http, room), room); /* touched as it is written */
    im->batch = http_room(im->op.http, sizeof *im->batch);
    im->next = 1;
    return STEP_NEXT;
}

static enum step_result take_lines(struct issuer_import *im)
{
    struct gateway_loop *home = im->op.home;
    im->reader = import_reader_create_ndjson(im->body);
    im->job.work = work;
    im->job.done = worked;
    if (im->reader && worker_submit(home->gateway->errands, home->loop, &im->job))
        return STEP_WAIT;
    enum problem problem = im->reader ? PROBLEM_OVERLOADED : PROBLEM_OURS;
    import_reader_destroy(&im->reader);
    return operation_fail(&im->op, problem, NULL, NULL);
}

static enum step_result settle(struct issuer_import *im)
{
    if (im->failure && im->lines == 0) /* nothing was taken: there is no more to tell */
        return operation_fail(&im->op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    im->commit.op = &im->op;
    im->commit.change.kind = CHANGE_IMPORT;
    return im->commit.change.event ? commit_settle(&im->commit) : STEP_NEXT;
}

static enum step_result answer(struct issuer_import *im)
{
    struct buf *out = &im->answer;
    buf_printf(out, "{\"lines\":%llu,\"accepted\":%llu,\"rejected\":%llu",
               (unsigned long long)im->lines, (unsigned long long)im->accepted,
               (unsigned long long)im->rejected);
    json_put_bool(out, "complete", !im->failure);
    if (im->failure) {
        buf_printf(out, ",\"next\":%llu", (unsigned long long)im->next);
        json_put_text(out, "error", bytes_str(im->failure));
    }
    buf_put_str(out, "}\n");
    CHECK(buf_ok(out));
    return operation_answer(&im->op, 200, "application/x-ndjson", buf_bytes(out), NULL, 0);
}

FLOW_DEFINE(issuer_import, IMPORT_STEPS);
