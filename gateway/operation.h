/* A request is a list of named steps, run by one driver.
 *
 * A kind of request is a `struct flow`: a name, the size of its state, and its steps. The state's
 * first member is a `struct operation`; all of it lives in the request's pool, zeroed, until the
 * answer. A step returns STEP_NEXT (go on), STEP_WAIT (a completion will call operation_resume,
 * later and once) or STEP_DONE (answered; the state is gone). A step's name is its metric and its
 * entry in Server-Timing. */
#ifndef GATEWAY_OPERATION_H
#define GATEWAY_OPERATION_H

#include "evidence/journal.h"
#include "gateway/http/http.h"
#include "gateway/problem.h"
#include "protocol/token.h"
#include "registry/registry.h"

struct directory;
struct gateway_loop;
struct operation;
struct registry_client;
struct route;

enum step_result { STEP_NEXT, STEP_WAIT, STEP_DONE };

#define FLOW_STEPS_MAX 12

#define OPERATION_EXTRA_MAX 3

struct flow {
    const char *name;
    size_t state_bytes;
    unsigned step_count;
    struct flow_step {
        const char *name;
        enum step_result (*run)(struct operation *op);
    } steps[FLOW_STEPS_MAX];
};

struct operation {
    const struct flow *flow;
    const struct route *route;
    struct gateway_loop *home;
    struct http_request *http;
    struct bytes rest; /* what the '*' of the route's path stands for */
    uint64_t id;       /* told in x-request-id, the log, and the evidence */
    bool english;
    struct token_claims asker;   /* role TOKEN_ROLE_ANYBODY without a token; views into the pool */
    struct directory *directory; /* what `client` points into; a reference until the answer */
    const struct registry_client *client;                 /* of a token that names one; else NULL */
    struct http_answer_header extra[OPERATION_EXTRA_MAX]; /* of operation_header */
    unsigned extra_count;
    bool untimed;           /* the time it took is not told */
    unsigned retry_after_s; /* told by a problem that is not now; 0: the least */
    unsigned step;
    uint64_t step_began_us;
    uint32_t step_us[FLOW_STEPS_MAX];
    bool recorded;        /* set before a step that waited for the record is resumed */
    enum problem refusal; /* of operation_refuse_recorded, else PROBLEM_COUNT */
    const char *refusal_reason, *refusal_detail;
    struct operation *next; /* of those that wait for this turn's record */
};

/* Defines `const struct flow <type>_flow` from a step list; each step is a function that takes a
 * `struct <type> *`. A thunk per step converts, so that no function pointer is cast. */
#define FLOW_DEFINE(type, STEPS)                                                                   \
    _Static_assert(offsetof(struct type, op) == 0, "the operation comes first");                   \
    STEPS(FLOW_THUNK)                                                                              \
    const struct flow type##_flow = {                                                              \
        #type, sizeof(struct type), 0 STEPS(FLOW_COUNT_STEP), {STEPS(FLOW_STEP_ENTRY)}}
#define FLOW_THUNK(step)                                                                           \
    static enum step_result thunk_##step(struct operation *op)                                     \
    {                                                                                              \
        return step((void *)op);                                                                   \
    }
#define FLOW_COUNT_STEP(step) +1
#define FLOW_STEP_ENTRY(step) {#step, thunk_##step},

/* Begins a request on its route; the flow runs until it waits or is done. */
void operation_begin(struct gateway_loop *home, const struct route *route, struct bytes rest,
                     struct http_request *request);
/* Answers a request that no route serves: 404, or 405 where `other_method` serves the same path. */
void operation_refuse(struct gateway_loop *home, const struct route *other_method,
                      struct http_request *request);
/* From a completion: the step that waited is over, the next one runs. */
void operation_resume(struct operation *op);

/* Of a request that came without a token, and was found to be by somebody who has shown who he is:
 * it does not count against his address. */
void operation_is_known(struct operation *op);

/* Is this the body's media type, parameters aside (RFC 9110 section 8.3.1)? Of a body that has none
 * it is. */
bool operation_body_is(const struct operation *op, const char *media_type);

/* accept_choose of what the asker's Accept says. */
int operation_chosen(const struct operation *op, const char *const *types, size_t count);

/* Adds a header to whatever the answer will be; the value is static or from the request's pool. */
void operation_header(struct operation *op, const char *name, struct bytes value);
/* The holder id in a holder's token; false: there is none. */
bool operation_person(const struct operation *op, uint8_t person[REGISTRY_ID_BYTES]);

/* Appends one of several records of a request; operation_record with the last one is due. False:
 * the turn's buffer is full, and the evidence can't be written. Who asks is taken from the token
 * where the record does not say it. */
bool operation_record_also(struct operation *op, struct journal_record *record);
/* Appends evidence; the step then returns what this returns. STEP_WAIT: when the turn's record is
 * written, or was not, op->recorded says which and the flow goes on. */
enum step_result operation_record(struct operation *op, struct journal_record *record);
/* Appends evidence of a refusal, and answers with it once that is written: STEP_WAIT, or STEP_DONE
 * when it can't be. `reason` and `detail` are static or from the request's pool. */
enum step_result operation_refuse_recorded(struct operation *op, struct journal_record *record,
                                           enum problem problem, const char *reason,
                                           const char *detail);
/* Says in a record which licence it is about: its place, its reference, its type. */
void operation_about(struct journal_record *record, const struct registry_licence *licence);
/* A loop's record_task: writes this turn's evidence at once, then those that waited go on. */
void operation_write_records(struct loop_task *task);

/* The answers; each returns STEP_DONE. A body is static, held (http_hold), or from the request's
 * pool. Every answer says no-store unless `headers` has a cache-control of its own; x-request-id is
 * added. */
enum step_result operation_answer(struct operation *op, unsigned status, const char *content_type,
                                  struct bytes body, const struct http_answer_header *headers,
                                  size_t header_count);
enum step_result operation_answer_json(struct operation *op, unsigned status, struct bytes body);
enum step_result operation_fail(struct operation *op, enum problem problem, const char *reason,
                                const char *detail);

#endif
