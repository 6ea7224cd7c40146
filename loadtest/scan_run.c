/* scan_run PROGRAM ARGUMENT...: runs a program with its messages thrown away, and prints to the
 * standard error how much CPU time it took, in microseconds, with that of its threads. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

static long long micros(struct timeval t)
{
    return t.tv_sec * 1000000LL + t.tv_usec;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: scan_run PROGRAM ARGUMENT...\n", stderr);
        return 2;
    }
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        CHECK(nowhere >= 0 && dup2(nowhere, STDERR_FILENO) >= 0);
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    int status;
    struct rusage usage;
    CHECK(wait4(child, &status, 0, &usage) == child);
    fprintf(stderr, "%lld\n", micros(usage.ru_utime) + micros(usage.ru_stime));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
