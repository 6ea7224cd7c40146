#include "gateway/operation.h"

#include <endian.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/accept.h"
#include "gateway/home.h"
#include "gateway/log.h"

#define ANSWER_HEADERS_MAX 6 /* of a step's own */

static void step_over(struct operation *op)
{
    uint64_t now_us = clock_mono_us(), us = now_us - op->step_began_us;
    op->step_us[op->step] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
    histogram_observe(&op->home->counters.step_us[op->route->id][op->step], us);
    op->step++;
    op->step_began_us = now_us;
}

static void run(struct operation *op)
{
    for (;;) {
        CHECK(op->step < op->flow->step_count);
        if (op->flow->steps[op->step].run(op) != STEP_NEXT)
            return; /* it waits, or the state is gone */
        step_over(op);
    }
}

void operation_resume(struct operation *op)
{
    if (!op->home->http)
        return; /* the loop has ended before its requests: nobody is answered any more */
    step_over(op);
    run(op);
}

/* The first of en and zh in Accept-Language; Chinese when neither stands there. */
static bool prefers_english(struct bytes accepted)
{
    for (size_t i = 0; i + 1 < accepted.len; i++) {
        if (i > 0 && accepted.data[i - 1] != ',' && accepted.data[i - 1] != ' ')
            continue;
        if (!strncasecmp((const char *)accepted.data + i, "zh", 2))
            return false;
        if (!strncasecmp((const char *)accepted.data + i, "en", 2))
            return true;
    }
    return false;
}

/* What the token says, if it is ours and alive. */
static enum problem read_token(struct operation *op, struct bytes authorization)
{
    struct buf storage;
    if (authorization.len < 7 || strncasecmp((const char *)authorization.data, "Bearer ", 7))
        return PROBLEM_TOKEN_INVALID;
    buf_init(&storage, http_room(op->http, TOKEN_TEXT_BYTES_MAX), TOKEN_TEXT_BYTES_MAX);
    switch (token_read(bytes_trim(bytes_from(authorization, 7)), clock_wall_s(), &crypto_openssl,
                       op->home->token_mac, &storage, &op->asker)) {
    case TOKEN_OK:
        return PROBLEM_COUNT;
    case TOKEN_ERR_MALFORMED:
    case TOKEN_ERR_MAC:
        return PROBLEM_TOKEN_INVALID;
    case TOKEN_ERR_EXPIRED:
        return PROBLEM_TOKEN_EXPIRED;
    case TOKEN_ERR_CRYPTO:
        break;
    }
    return PROBLEM_OURS;
}

/* Are the client and the person still let in? A client's present scopes limit its token's. */
static enum problem ask_directory(struct operation *op)
{
    struct gateway_loop *home = op->home;
    struct token_claims *asker = &op->asker;
    if (!directory_use(&home->gateway->directories, &home->directory))
        return PROBLEM_DIRECTORY_UNAVAILABLE;
    if (directory_shut_out(home->directory, asker->role, asker->subject))
        return PROBLEM_TOKEN_REVOKED;
    if (asker->role == TOKEN_ROLE_HOLDER)
        return PROBLEM_COUNT;
    const struct registry_client *client = directory_client(home->directory, asker->client);
    if (!client || !client_is_open(client, asker->role, clock_wall_s()))
        return PROBLEM_TOKEN_REVOKED;
    op->directory = directory_take(home->directory);
    op->client = client;
    asker->scopes &= client->scopes | TOKEN_SCOPE_REGISTER; /* a ticket's, which no client has */
    return PROBLEM_COUNT;
}

/* By which bucket the asker is known; false: he is gone, and reads no answer. */
static bool find_bucket(const struct operation *op, uint8_t key[THROTTLE_KEY_BYTES])
{
    uint8_t peer[16];
    if (!http_peer(op->http, peer))
        return false;
    throttle_key_of(peer, http_header_list(op->http, "x-forwarded-for"),
                    op->home->settings->config->throttle_trusted_proxies, key);
    return true;
}

/* Whoever sends something without a token is known by his address alone. */
static enum problem throttle(struct operation *op)
{
    struct gateway_loop *home = op->home;
    const struct config *config = home->settings->config;
    uint8_t key[THROTTLE_KEY_BYTES];
    unsigned wait_ms = 0;
    if (config->throttle_anonymous_per_minute == 0)
        return PROBLEM_COUNT;
    if (!find_bucket(op, key))
        return PROBLEM_TOO_MANY_REQUESTS;
    if (throttle_take(home->throttle, key, (unsigned)config->throttle_anonymous_per_minute,
                      (unsigned)config->throttle_anonymous_burst, clock_mono_us(), &wait_ms))
        return PROBLEM_COUNT;
    count(&home->counters.throttled);
    op->retry_after_s = wait_ms / 1000 + 1;
    return PROBLEM_TOO_MANY_REQUESTS;
}

void operation_is_known(struct operation *op)
{
    const unsigned per_minute = (unsigned)op->home->settings->config->throttle_anonymous_per_minute;
    uint8_t key[THROTTLE_KEY_BYTES];
    if (per_minute && find_bucket(op, key))
        throttle_give(op->home->throttle, key, per_minute, clock_mono_us());
}

static enum problem authorize(struct operation *op)
{
    const struct route *route = op->route;
    struct bytes authorization = http_header(op->http, "authorization");
    bool wanted = route->roles || route->scope; /* else whoever asks, and whatever he shows */
    if (!wanted || authorization.len == 0)
        return route->roles                         ? PROBLEM_TOKEN_MISSING
               : strcmp(route->method, "POST") == 0 ? throttle(op)
                                                    : PROBLEM_COUNT;
    enum problem problem = read_token(op, authorization);
    if (problem == PROBLEM_COUNT)
        problem = ask_directory(op);
    if (problem != PROBLEM_COUNT)
        return problem;
    bool role_may = route->roles == 0 || (route->roles & 1u << op->asker.role);
    bool scope_may = (op->asker.scopes & route->scope) == route->scope;
    return role_may && scope_may ? PROBLEM_COUNT : PROBLEM_FORBIDDEN;
}

bool operation_body_is(const struct operation *op, const char *media_type)
{
    struct bytes type = http_header(op->http, "content-type");
    size_t len = strlen(media_type);
    if (type.len == 0)
        return true;
    if (type.len < len || strncasecmp((const char *)type.data, media_type, len))
        return false;
    struct bytes parameters = bytes_trim(bytes_from(type, len));
    return parameters.len == 0 || parameters.data[0] == ';';
}

static struct operation *create(struct gateway_loop *home, const struct route *route,
                                size_t state_bytes, struct http_request *request)
{
    struct operation *op = http_alloc(request, state_bytes);
    op->route = route;
    op->home = home;
    op->http = request;
    op->refusal = PROBLEM_COUNT;
    op->id = home->next_request_id++;
    op->english = prefers_english(http_header(request, "accept-language"));
    return op;
}

void operation_begin(struct gateway_loop *home, const struct route *route, struct bytes rest,
                     struct http_request *request)
{
    struct operation *op = create(home, route, route->flow->state_bytes, request);
    op->flow = route->flow;
    op->rest = rest;
    enum problem problem = authorize(op);
    if (problem == PROBLEM_COUNT && http_body(request).len > route->body_bytes_max)
        problem = PROBLEM_BODY_TOO_LARGE;
    if (problem != PROBLEM_COUNT) {
        operation_fail(op, problem, NULL, NULL);
    } else {
        op->step_began_us = clock_mono_us();
        run(op);
    }
}

void operation_refuse(struct gateway_loop *home, const struct route *other_method,
                      struct http_request *request)
{
    struct operation *op = create(home, other_method, sizeof *op, request);
    operation_fail(op, other_method ? PROBLEM_METHOD_NOT_ALLOWED : PROBLEM_NOT_FOUND, NULL, NULL);
}

int operation_chosen(const struct operation *op, const char *const *types, size_t count)
{
    return accept_choose(http_header_list(op->http, "accept"), types, count);
}

void operation_header(struct operation *op, const char *name, struct bytes value)
{
    CHECK(op->extra_count < OPERATION_EXTRA_MAX);
    op->extra[op->extra_count++] = (struct http_answer_header){name, value};
}

bool operation_person(const struct operation *op, uint8_t person[REGISTRY_ID_BYTES])
{
    struct buf id;
    buf_init(&id, person, REGISTRY_ID_BYTES);
    return op->asker.role == TOKEN_ROLE_HOLDER && buf_put_from_hex(&id, op->asker.subject) &&
           id.len == REGISTRY_ID_BYTES;
}

bool operation_record_also(struct operation *op, struct journal_record *record)
{
    record->request_id = op->id;
    record->at_us = clock_wall_us();
    if (record->role == TOKEN_ROLE_ANYBODY)
        record->role = (uint8_t)op->asker.role;
    if (record->subject.len == 0)
        record->subject = op->asker.subject;
    if (record->client.len == 0)
        record->client = op->asker.client;
    return journal_append(op->home->journal, record) == JOURNAL_OK;
}

enum step_result operation_record(struct operation *op, struct journal_record *record)
{
    struct gateway_loop *home = op->home;
    op->recorded = false;
    if (!operation_record_also(op, record))
        return STEP_NEXT;
    op->next = NULL;
    *home->recording_tail = op;
    home->recording_tail = &op->next;
    loop_task_queue(home->loop, LOOP_PHASE_RECORD, &home->record_task);
    return STEP_WAIT;
}

enum step_result operation_refuse_recorded(struct operation *op, struct journal_record *record,
                                           enum problem problem, const char *reason,
                                           const char *detail)
{
    op->refusal = problem;
    op->refusal_reason = reason;
    op->refusal_detail = detail;
    return operation_record(op, record) == STEP_WAIT
               ? STEP_WAIT
               : operation_fail(op, PROBLEM_EVIDENCE_UNAVAILABLE, NULL, NULL);
}

void operation_about(struct journal_record *record, const struct registry_licence *licence)
{
    record->place_known = record->licence_known = true;
    record->list = licence->list;
    record->index = licence->index;
    record->type = licence->type;
    memcpy(record->licence, licence->reference, sizeof record->licence);
}

static void record_is_written(struct operation *op, bool written)
{
    op->recorded = written;
    if (op->refusal == PROBLEM_COUNT)
        operation_resume(op);
    else if (op->home->http) /* else the loop has ended: nobody is answered any more */
        operation_fail(op, written ? op->refusal : PROBLEM_EVIDENCE_UNAVAILABLE,
                       written ? op->refusal_reason : NULL, written ? op->refusal_detail : NULL);
}

#define TRY_MS 1000

/* A balancer that sends nothing here any more must learn when there is room again. */
static void try_journal(struct loop_timer *timer)
{
    struct gateway_loop *home =
        (struct gateway_loop *)((char *)timer - offsetof(struct gateway_loop, try_timer));
    if (!journal_try(home->journal))
        loop_timer_start(home->loop, timer, TRY_MS);
}

/* The turn's evidence leaves with one write; then those who waited for it go on. */
void operation_write_records(struct loop_task *task)
{
    struct gateway_loop *home =
        (struct gateway_loop *)((char *)task - offsetof(struct gateway_loop, record_task));
    struct operation *op = home->recording;
    bool written = journal_write(home->journal) == JOURNAL_OK;
    home->recording = NULL;
    home->recording_tail = &home->recording;
    if (!written) {
        log_event(LOG_ERROR, "evidence can't be written", LOG_NUMBER("loop", home->index));
        home->try_timer.fire = try_journal;
        loop_timer_start(home->loop, &home->try_timer, TRY_MS);
    }
    while (op) {
        struct operation *next = op->next;
        record_is_written(op, written);
        op = next;
    }
}

/* Server-Timing (W3C): each finished step in milliseconds. */
static void put_timing(const struct operation *op, struct buf *out)
{
    for (unsigned i = 0; op->flow && i < op->step; i++)
        buf_printf(out, "%s%s;dur=%u.%03u", i ? ", " : "", op->flow->steps[i].name,
                   op->step_us[i] / 1000, op->step_us[i] % 1000);
}

static void log_answer(const struct operation *op, unsigned status)
{
    enum log_level level = status >= 500 ? LOG_WARNING : LOG_DEBUG;
    if (!log_wants(level))
        return;
    uint64_t us = 0;
    for (unsigned i = 0; i < op->step; i++)
        us += op->step_us[i];
    log_event(level, "answer", LOG_ID("request", op->id),
              LOG_TEXT("route", op->route ? op->route->path : ""), LOG_NUMBER("status", status),
              LOG_TEXT("role", token_role_text(op->asker.role)), LOG_NUMBER("us", us));
}

enum step_result operation_answer(struct operation *op, unsigned status, const char *content_type,
                                  struct bytes body, const struct http_answer_header *headers,
                                  size_t header_count)
{
    static const char no_store[] = "no-store";
    struct http_answer_header all[3 + OPERATION_EXTRA_MAX + ANSWER_HEADERS_MAX];
    char *id = http_room(op->http, 16);
    struct buf text;
    bool own_cache_control = false;
    CHECK(header_count <= ANSWER_HEADERS_MAX);
    for (size_t i = 0; i < header_count; i++) {
        all[i] = headers[i];
        own_cache_control |= !strcmp(headers[i].name, "cache-control");
    }
    buf_init(&text, id, 16);
    const uint64_t big_endian = htobe64(op->id);
    buf_put_hex(&text, bytes_of(&big_endian, sizeof big_endian));
    all[header_count++] = (struct http_answer_header){"x-request-id", buf_bytes(&text)};
    if (!own_cache_control)
        all[header_count++] =
            (struct http_answer_header){"cache-control", bytes_of(no_store, sizeof no_store - 1)};
    for (unsigned i = 0; i < op->extra_count; i++)
        all[header_count++] = op->extra[i];
    if (op->home->settings->config->http_server_timing && op->step > 0 && !op->untimed) {
        buf_init(&text, http_room(op->http, 512), 512);
        put_timing(op, &text);
        all[header_count++] = (struct http_answer_header){"server-timing", buf_bytes(&text)};
    }
    struct gateway_counters *counters = &op->home->counters;
    if (op->route)
        count(&counters->answers[op->route->id][status / 100]);
    log_answer(op, status);
    const struct http_answer answer = {.status = status,
                                       .content_type = content_type,
                                       .body = body,
                                       .headers = all,
                                       .header_count = header_count};
    if (op->step_began_us) /* a request refused before its first step has none */
        histogram_observe(&counters->step_us[op->route->id][op->step],
                          clock_mono_us() - op->step_began_us);
    directory_release(&op->directory);
    http_respond(op->http, &answer);
    return STEP_DONE;
}

enum step_result operation_answer_json(struct operation *op, unsigned status, struct bytes body)
{
    return operation_answer(op, status, "application/json", body, NULL, 0);
}

static struct bytes retry_after(const struct operation *op)
{
    struct buf text;
    buf_init(&text, http_room(op->http, 16), 16);
    buf_put_decimal(&text, op->retry_after_s ? op->retry_after_s : PROBLEM_RETRY_AFTER_S);
    return buf_bytes(&text);
}

static struct bytes allowed_methods(const struct operation *op)
{
    struct buf text;
    buf_init(&text, http_room(op->http, 64), 64);
    for (unsigned id = 0; id < ROUTE_COUNT; id++) {
        const struct route *route = route_at((enum route_id)id);
        if (strcmp(route->path, op->route->path))
            continue;
        buf_put_str(&text, text.len ? ", " : "");
        buf_put_str(&text, strcmp(route->method, "GET") ? route->method : "GET, HEAD");
    }
    return buf_bytes(&text);
}

enum step_result operation_fail(struct operation *op, enum problem problem, const char *reason,
                                const char *detail)
{
    struct buf body;
    struct http_answer_header header;
    size_t headers = 0;
    buf_init(&body, http_room(op->http, PROBLEM_BODY_BYTES_MAX), PROBLEM_BODY_BYTES_MAX);
    problem_write(&body, problem, op->english, reason, detail, op->id);
    count(&op->home->counters.problems[problem]);
    unsigned status = problem_status(problem);
    if (problem_fault(problem) == PROBLEM_FAULT_NOT_NOW)
        header = (struct http_answer_header){"retry-after", retry_after(op)}, headers = 1;
    else if (status == 401)
        header = (struct http_answer_header){"www-authenticate", BYTES("Bearer")}, headers = 1;
    else if (status == 405)
        header = (struct http_answer_header){"allow", allowed_methods(op)}, headers = 1;
    return operation_answer(op, status, "application/problem+json", buf_bytes(&body), &header,
                            headers);
}
