#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: impossible state: !(%s)\n", file, line, condition);
    abort();
}

void *check_alloc(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    CHECK(memory);
    return memory;
}

char *check_strdup(const char *text)
{
    char *copy = strdup(text);
    CHECK(copy);
    return copy;
}
