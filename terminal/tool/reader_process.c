/* The process that reads pictures. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "qr/qr.h"
#include "terminal/tool/reader.h"

#define MEMORY_BYTES_MAX (1024ul * 1024 * 1024)

/* ---- confined ---- */

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

/* What reading, memory, clocks and the end need; all else is refused, as without permission: some
 * libraries only ask how much memory there is. Memory may not become executable. */
static bool filter_calls(void)
{
/* clang-format off */
#define LOAD(field)     BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IS(value, t, f) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), t, f)
#define RETURN(what)    BPF_STMT(BPF_RET | BPF_K, what)
#define ALLOW(call)     IS(SYS_##call, 0, 1), RETURN(SECCOMP_RET_ALLOW)
    static struct sock_filter filter[] = {
        LOAD(arch), IS(ARCH, 1, 0), RETURN(SECCOMP_RET_KILL_PROCESS), LOAD(nr),
        ALLOW(read), ALLOW(write), ALLOW(exit), ALLOW(exit_group),
        ALLOW(brk), ALLOW(munmap), ALLOW(mremap), ALLOW(madvise), ALLOW(futex),
        ALLOW(clock_gettime), ALLOW(getrusage), ALLOW(getrandom),
        ALLOW(rt_sigprocmask), ALLOW(rt_sigreturn), ALLOW(sigaltstack), ALLOW(restart_syscall),
        IS(SYS_mmap, 2, 0), IS(SYS_mprotect, 1, 0), RETURN(SECCOMP_RET_ERRNO | EPERM),
        LOAD(args[2]), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
        RETURN(SECCOMP_RET_ERRNO | EPERM), RETURN(SECCOMP_RET_ALLOW),
    };
    /* clang-format on */
    const struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static bool limit(int what, rlim_t most)
{
    const struct rlimit limits = {.rlim_cur = most, .rlim_max = most};
    return setrlimit((__rlimit_resource_t)what, &limits) == 0;
}

/* Nothing more may be opened, sent, started or made executable. False: this kernel can't. */
static bool confine(void)
{
#ifndef __SANITIZE_ADDRESS__ /* whose shadow alone is larger than any limit */
    if (!limit(RLIMIT_AS, MEMORY_BYTES_MAX))
        return false;
#endif
    return limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NOFILE, 0) &&
           limit(RLIMIT_NPROC, 0) && prctl(PR_SET_DUMPABLE, 0) == 0 &&
           prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           filter_calls();
}

/* ---- serving ---- */

static bool get(void *into, size_t len)
{
    for (uint8_t *at = into; len;) {
        ssize_t n = read(STDIN_FILENO, at, len);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static bool put(const void *from, size_t len)
{
    for (const uint8_t *at = from; len;) {
        ssize_t n = write(STDIN_FILENO, at, len);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static enum reading reading_of(enum qr_error error)
{
    switch (error) {
    case QR_OK:
        return READING_FOUND;
    case QR_ERR_PICTURE:
        return READING_NO_PICTURE;
    case QR_ERR_NOT_FOUND:
        return READING_NO_CODE;
    default:
        return READING_TOO_LARGE; /* for this memory, or for any code of ours */
    }
}

static bool answer(const struct reader_ask *ask, uint8_t *octets)
{
    char storage[READER_TEXT_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    struct bytes picture = bytes_of(octets, ask->len);
    struct reader_told told;
    if (!get(octets, ask->len))
        return false;
    enum qr_error error =
        ask->width ? qr_read_grey(picture, ask->width, ask->height, &QR_READ_FRAME, &text)
                   : qr_read_picture(picture, &QR_READ_PICTURE, &text);
    told.reading = text.len || error ? reading_of(error) : READING_NO_CODE;
    told.len = told.reading == READING_FOUND ? (uint32_t)text.len : 0;
    return put(&told, sizeof told) && put(text.data, told.len);
}

void reader_serve(void)
{
    uint8_t *octets = malloc(READER_PICTURE_BYTES_MAX);
    struct reader_ask ask;
    if (!octets || !confine())
        _exit(READER_NOT_CONFINED);
    while (get(&ask, sizeof ask) && ask.len <= READER_PICTURE_BYTES_MAX && answer(&ask, octets))
        ;
    _exit(0); /* without what a sanitizer would still want to do */
}
