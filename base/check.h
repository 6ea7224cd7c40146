/* CHECK: always on, for states that only a mistake of ours can bring about; never for what a peer
 * sends. It ends the process with file, line and the condition. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stddef.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            check_failed(__FILE__, __LINE__, #condition);                                          \
    } while (0)

__attribute__((noreturn, cold)) void check_failed(const char *file, int line,
                                                  const char *condition);

/* malloc and calloc of what the process can't run without: they end it when memory is gone. For
 * configuration and start-up; what a peer can cause to be allocated is bounded and may fail. */
void *check_alloc(size_t size);
char *check_strdup(const char *text);

#endif
