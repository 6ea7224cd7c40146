#include "gateway/problem.h"

#include "base/check.h"

static const struct {
    const char *code;
    unsigned status;
    enum problem_fault fault;
    const char *english, *chinese;
} problems[] = {
#define PROBLEM(name, code, status, fault, english, chinese)                                       \
    {code, status, PROBLEM_FAULT_##fault, english, chinese},
#include "gateway/problem.def"
#undef PROBLEM
};

const char *problem_code(enum problem problem)
{
    CHECK(problem < PROBLEM_COUNT);
    return problems[problem].code;
}

unsigned problem_status(enum problem problem)
{
    CHECK(problem < PROBLEM_COUNT);
    return problems[problem].status;
}

enum problem_fault problem_fault(enum problem problem)
{
    CHECK(problem < PROBLEM_COUNT);
    return problems[problem].fault;
}

void problem_write(struct buf *out, enum problem problem, bool english, const char *reason,
                   const char *detail, uint64_t request_id)
{
    CHECK(problem < PROBLEM_COUNT);
    buf_printf(out, "{\"type\":\"about:blank\",\"title\":");
    buf_put_json(out, bytes_str(english ? problems[problem].english : problems[problem].chinese));
    buf_printf(out, ",\"status\":%u,\"code\":\"%s\"", problems[problem].status,
               problems[problem].code);
    if (reason)
        buf_printf(out, ",\"reason\":\"%s\"", reason);
    if (detail) {
        buf_put_str(out, ",\"detail\":");
        buf_put_json(out, bytes_str(detail));
    }
    buf_printf(out, ",\"request\":\"%016llx\"}", (unsigned long long)request_id);
}
