#include "terminal/tool/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

static const struct {
    const char *word, *chinese, *english;
} readings[] = {
#define R(name, word, chinese, english) {word, chinese, english},
    READINGS(R)
#undef R
};

const char *reading_word(enum reading reading)
{
    return readings[reading].word;
}

const char *reading_text(enum reading reading, bool chinese)
{
    return chinese ? readings[reading].chinese : readings[reading].english;
}

/* ---- the process ---- */

/* It begins as this program anew, not as a copy: nothing that was read here is in its memory, and
 * nothing of the environment. */
static bool start(struct reader *reader)
{
    char name[] = "jwb-terminal", word[] = READER_WORD;
    char *const arguments[] = {name, word, NULL}, *const environment[] = {NULL};
    posix_spawn_file_actions_t files;
    int line[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) != 0)
        return false;
    bool started = posix_spawn_file_actions_init(&files) == 0;
    if (started) {
        started = posix_spawn_file_actions_adddup2(&files, line[1], STDIN_FILENO) == 0 &&
                  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY,
                                                   0) == 0 &&
                  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY,
                                                   0) == 0 &&
                  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1) == 0 &&
                  posix_spawn(&reader->process, "/proc/self/exe", &files, NULL, arguments,
                              environment) == 0;
        posix_spawn_file_actions_destroy(&files);
    }
    close(line[1]);
    reader->line = line[0];
    if (!started) {
        close(line[0]);
        reader->process = 0;
    }
    return started;
}

/* How it ended: by itself because it could not be confined, or otherwise. */
static enum reading end(struct reader *reader)
{
    int status = 0;
    close(reader->line);
    kill(reader->process,
         SIGKILL); /* one that has ended waits for us: the number is still its own */
    while (waitpid(reader->process, &status, 0) < 0 && errno == EINTR)
        ;
    reader->process = 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == READER_NOT_CONFINED ? READING_NO_READER
                                                                           : READING_CRASHED;
}

void reader_end(struct reader *reader)
{
    if (reader->process)
        end(reader);
}

/* ---- the line to it ---- */

enum passed { PASSED, PASSED_TOO_LATE, PASSED_BROKEN };

/* All of `len` octets in one direction, until `end_us`. */
static enum passed pass(int line, bool out, uint8_t *octets, size_t len, uint64_t end_us)
{
    while (len) {
        uint64_t now_us = clock_mono_us();
        if (now_us >= end_us)
            return PASSED_TOO_LATE;
        struct pollfd ready = {.fd = line, .events = out ? POLLOUT : POLLIN};
        int wait_ms = (int)((end_us - now_us) / 1000) + 1;
        if (poll(&ready, 1, wait_ms) < 0 && errno != EINTR)
            return PASSED_BROKEN;
        ssize_t n = out ? send(line, octets, len, MSG_NOSIGNAL | MSG_DONTWAIT)
                        : recv(line, octets, len, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0)
            return PASSED_BROKEN;
        octets += n;
        len -= (size_t)n;
    }
    return PASSED;
}

static enum passed ask(struct reader *reader, struct reader_ask *header, struct bytes octets,
                       uint64_t end_us, struct reader_told *told, uint8_t *text)
{
    enum passed passed = pass(reader->line, true, (uint8_t *)header, sizeof *header, end_us);
    if (passed == PASSED)
        passed = pass(reader->line, true, (uint8_t *)octets.data, octets.len, end_us);
    if (passed == PASSED)
        passed = pass(reader->line, false, (uint8_t *)told, sizeof *told, end_us);
    if (passed == PASSED &&
        (told->reading > READING_TOO_LARGE || told->len > READER_TEXT_BYTES_MAX ||
         (told->reading == READING_FOUND) != (told->len > 0)))
        passed = PASSED_BROKEN;
    return passed == PASSED ? pass(reader->line, false, text, told->len, end_us) : passed;
}

static enum reading read_in_time(struct reader *reader, struct reader_ask *header,
                                 struct bytes octets, unsigned wait_ms, struct buf *text)
{
    uint8_t read[READER_TEXT_BYTES_MAX];
    struct reader_told told;
    if (!reader->process && !start(reader))
        return READING_NO_READER;
    enum passed passed =
        ask(reader, header, octets, clock_mono_us() + (uint64_t)wait_ms * 1000, &told, read);
    if (passed != PASSED) {
        enum reading ended = end(reader);
        return passed == PASSED_TOO_LATE ? READING_TOO_SLOW : ended;
    }
    buf_put(text, bytes_of(read, told.len));
    return (enum reading)told.reading;
}

enum reading reader_read_picture(struct reader *reader, struct bytes picture, struct buf *text)
{
    struct reader_ask header = {.len = (uint32_t)picture.len};
    if (picture.len > READER_PICTURE_BYTES_MAX)
        return READING_TOO_LARGE;
    return read_in_time(reader, &header, picture, READER_PICTURE_WAIT_MS, text);
}

enum reading reader_read_frame(struct reader *reader, struct bytes grey, unsigned width,
                               unsigned height, struct buf *text)
{
    struct reader_ask header = {.len = (uint32_t)grey.len, .width = width, .height = height};
    if (width > READER_SIDE_PIXELS_MAX || height > READER_SIDE_PIXELS_MAX ||
        grey.len > READER_FRAME_PIXELS_MAX)
        return READING_TOO_LARGE;
    return read_in_time(reader, &header, grey, READER_FRAME_WAIT_MS, text);
}
