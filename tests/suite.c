/* suite SECONDS COMMAND...: runs one test program so that nothing of it stays behind.
 *
 * It is the reaper of all that the command starts, whatever sessions those make: when the command
 * has ended, each process that is left is a descendant of this one. They are named on stderr and
 * killed. Exit status: the command's (128 + signal, as a shell has it); 124 when the time was over;
 * 125 when the command succeeded but left a process. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_TIME 124
#define EXIT_LEFT 125

/* A process that was told to end together with its parent may need a moment for it. */
#define GRACE_MS 500

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for a signal of the set; 0 when there was none until then. */
static int wait_signal(const sigset_t *set, int64_t until_ms)
{
    int number;
    do {
        int64_t left_ms = until_ms - now_ms();
        if (left_ms <= 0)
            return 0;
        struct timespec wait = {left_ms / 1000, left_ms % 1000 * 1000000};
        number = sigtimedwait(set, NULL, &wait);
    } while (number < 0 && errno == EINTR);
    return number < 0 ? 0 : number;
}

/* Reaps what has ended. True when no child is left; *status is the command's, once it ended. */
static bool reap(pid_t command, int *status)
{
    int ended;
    pid_t pid;
    while ((pid = waitpid(-1, &ended, WNOHANG)) > 0)
        if (pid == command)
            *status = WIFSIGNALED(ended) ? 128 + WTERMSIG(ended) : WEXITSTATUS(ended);
    return pid < 0 && errno == ECHILD;
}

/* Kills the present children; orphans of those become children then, hence the caller's loop. */
static void kill_children(bool name_them)
{
    char path[64], name[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *children = fopen(path, "r");
    for (int pid; children && fscanf(children, "%d", &pid) == 1;) {
        snprintf(path, sizeof path, "/proc/%d/comm", pid);
        FILE *comm = name_them ? fopen(path, "r") : NULL;
        if (comm && fgets(name, sizeof name, comm))
            fprintf(stderr, "left running: %d %s", pid, name);
        if (comm)
            fclose(comm);
        kill(pid, SIGKILL);
    }
    if (children)
        fclose(children);
}

static pid_t start(char **command, const sigset_t *set)
{
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        signal(SIGINT, SIG_DFL); /* a shell's background jobs ignore it */
        sigprocmask(SIG_UNBLOCK, set, NULL);
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    return pid;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGTERM);

    int ended = -1, number = SIGCHLD;
    int64_t until_ms = now_ms() + atol(argv[1]) * 1000;
    pid_t command = start(argv + 2, &set);
    while (ended < 0 && number == SIGCHLD)
        if ((number = wait_signal(&set, until_ms)) == SIGCHLD)
            reap(command, &ended);

    int status = ended;
    if (status < 0) {
        fprintf(stderr, number ? "interrupted\n" : "no end within %s s\n", argv[1]);
        status = number ? 128 + number : EXIT_TIME;
    }
    bool alone = reap(command, &ended);
    until_ms = now_ms() + (status == 0 ? GRACE_MS : 0);
    while (!alone && wait_signal(&set, until_ms) == SIGCHLD)
        alone = reap(command, &ended);
    if (!alone && status == 0)
        status = EXIT_LEFT;
    for (bool first = true; !alone; first = false) {
        kill_children(first && status == EXIT_LEFT);
        wait_signal(&set, now_ms() + 100);
        alone = reap(command, &ended);
    }
    return status;
}
