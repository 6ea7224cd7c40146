/* Errors as application/problem+json (RFC 9457) with a stable `code`, in the asker's language. */
#ifndef GATEWAY_PROBLEM_H
#define GATEWAY_PROBLEM_H

#include "base/buf.h"

enum problem {
#define PROBLEM(name, code, status, fault, english, chinese) PROBLEM_##name,
#include "gateway/problem.def"
#undef PROBLEM
    PROBLEM_COUNT,
};

enum problem_fault {
    PROBLEM_FAULT_PEER,    /* the same request will fail again */
    PROBLEM_FAULT_NOT_NOW, /* it may succeed later */
    PROBLEM_FAULT_OURS,
};

#define PROBLEM_RETRY_AFTER_S  1 /* unless the problem knows better */
#define PROBLEM_BODY_BYTES_MAX 768

const char *problem_code(enum problem problem);
unsigned problem_status(enum problem problem);
enum problem_fault problem_fault(enum problem problem);
/* The problem document. `reason` (may be NULL) is a word from a closed list; `detail` (may be NULL)
 * a sentence without personal data. */
void problem_write(struct buf *out, enum problem problem, bool english, const char *reason,
                   const char *detail, uint64_t request_id);

#endif
