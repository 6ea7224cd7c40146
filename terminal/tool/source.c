#include "terminal/tool/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "protocol/code.h"
#include "terminal/tool/camera.h"
#include "terminal/tool/verb.h"

#define SEEN_MAX 32 /* codes that are before a camera at about the same time */
#define FORGET_S 60 /* what is no code: told again after this */
#define DEAD_S   60 /* after its end a code is dead everywhere, and told of again */

void source_end(struct source *source)
{
    reader_end(&source->reader);
}

/* ---- pictures ---- */

static void read_picture(struct source *source, const char *path)
{
    uint8_t *octets = check_alloc(READER_PICTURE_BYTES_MAX);
    char storage[SOURCE_TEXT_BYTES_MAX];
    struct buf picture, text = BUF_OVER(storage);
    buf_init(&picture, octets, READER_PICTURE_BYTES_MAX);
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would keep us waiting */
    enum reading reading = READING_NO_FILE;
    if (file >= 0 && read_all(file, &picture))
        reading = reader_read_picture(&source->reader, buf_bytes(&picture), &text);
    else if (file >= 0 && errno == EFBIG)
        reading = READING_TOO_LARGE;
    if (file >= 0)
        close(file);
    free(octets);
    if (reading == READING_FOUND)
        source->text(source->context, path, buf_bytes(&text));
    else
        source->unread(source->context, path, reading);
}

static int is_picture(const struct dirent *entry)
{
    const char *end = strrchr(entry->d_name, '.');
    return end && end != entry->d_name &&
           (strcasecmp(end, ".png") == 0 || strcasecmp(end, ".jpg") == 0 ||
            strcasecmp(end, ".jpeg") == 0);
}

static bool read_folder(struct source *source, const char *folder)
{
    struct dirent **names;
    int count = scandir(folder, &names, is_picture, alphasort);
    if (count < 0)
        complain("%s: %s", folder, strerror(errno));
    else if (count == 0)
        complain("%s: there is no .png, .jpg or .jpeg in it", folder);
    else if (count > SOURCE_PICTURES_MAX)
        complain("%s: more than %d pictures", folder, SOURCE_PICTURES_MAX);
    for (int i = 0; i < count; i++) {
        char *path;
        CHECK(asprintf(&path, "%s/%s", folder, names[i]->d_name) >= 0);
        if (count <= SOURCE_PICTURES_MAX)
            read_picture(source, path);
        free(path);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return count > 0 && count <= SOURCE_PICTURES_MAX;
}

/* ---- lines ---- */

struct lines {
    uint8_t octets[SOURCE_TEXT_BYTES_MAX + 1];
    size_t len;
    uint64_t number;
};

static void tell_line(struct source *source, struct lines *lines, size_t len)
{
    char input[32];
    struct bytes text = bytes_trim(bytes_of(lines->octets, len));
    snprintf(input, sizeof input, "line %llu", (unsigned long long)++lines->number);
    if (text.len)
        source->text(source->context, input, text);
}

static void tell_lines(struct source *source, struct lines *lines)
{
    uint8_t *end;
    while ((end = memchr(lines->octets, '\n', lines->len))) {
        size_t len = (size_t)(end - lines->octets);
        tell_line(source, lines, len);
        lines->len -= len + 1;
        memmove(lines->octets, end + 1, lines->len);
    }
    if (lines->len == sizeof lines->octets) /* keeps its first octets: no code is so long */
        lines->len--;
}

static void rest_if_idle(struct source *source, int file)
{
    struct pollfd ready = {.fd = file, .events = POLLIN};
    if (poll(&ready, 1, 0) == 0)
        source->rest(source->context);
}

static void read_lines(struct source *source)
{
    struct lines lines = {.len = 0};
    for (;;) {
        rest_if_idle(source, STDIN_FILENO);
        ssize_t n = read(STDIN_FILENO, lines.octets + lines.len, sizeof lines.octets - lines.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            source->unread(source->context, "-", READING_NO_FILE);
        if (n <= 0)
            break;
        lines.len += (size_t)n;
        tell_lines(source, &lines);
    }
    if (lines.len)
        tell_line(source, &lines, lines.len);
}

/* ---- what an argument is ---- */

static bool is_text(const char *argument)
{
    return strncmp(argument, "https://", 8) == 0 ||
           (*argument && strspn(argument, "0123456789") == strlen(argument));
}

bool source_argument(struct source *source, const char *argument)
{
    struct stat status;
    if (strcmp(argument, "-") == 0)
        read_lines(source);
    else if (is_text(argument))
        source->text(source->context, "argument", bytes_str(argument));
    else if (stat(argument, &status) != 0) {
        complain("%s: %s; a text that is no code comes by standard input", argument,
                 strerror(errno));
        return false;
    } else if (S_ISDIR(status.st_mode))
        return read_folder(source, argument);
    else
        read_picture(source, argument);
    return true;
}

/* ---- frames ---- */

/* Codes that were just told of, so that one before a camera is told of once. */
struct seen {
    struct {
        uint8_t text[CODE_TEXT_BYTES_MAX];
        size_t len; /* 0: none */
        int64_t until;
    } codes[SEEN_MAX];
    unsigned next;
};

static int64_t forget_at(struct bytes text, int64_t now)
{
    uint8_t storage[CODE_COSE_BYTES_MAX];
    struct buf cose = BUF_OVER(storage);
    struct code code;
    if (code_read_text(text, &cose) != CODE_OK || code_parse(buf_bytes(&cose), &code) != CODE_OK)
        return now + FORGET_S;
    const int64_t end = code.claims.expires_at + DEAD_S;
    return end > now && end <= now + CODE_LIFE_S_MAX + 2 * DEAD_S ? end : now + FORGET_S;
}

/* By all of its text: another text with the same cti may be a forgery, or not the same answer. */
static bool is_new(struct seen *seen, struct bytes text)
{
    const int64_t now = clock_wall_s();
    if (text.len > CODE_TEXT_BYTES_MAX)
        text.len = CODE_TEXT_BYTES_MAX;
    for (unsigned i = 0; i < SEEN_MAX; i++)
        if (now < seen->codes[i].until &&
            bytes_equal(bytes_of(seen->codes[i].text, seen->codes[i].len), text))
            return false;
    unsigned i = seen->next++ % SEEN_MAX;
    memcpy(seen->codes[i].text, text.data, text.len);
    seen->codes[i].len = text.len;
    seen->codes[i].until = forget_at(text, now);
    return true;
}

/* A frame without a code is nothing to tell of, and neither is one that crashed the reader: others
 * follow. False: there is no reader at all. */
static bool read_frame(struct source *source, struct seen *seen, const char *input,
                       struct bytes grey, unsigned width, unsigned height)
{
    char storage[SOURCE_TEXT_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    enum reading reading = reader_read_frame(&source->reader, grey, width, height, &text);
    if (reading == READING_NO_READER)
        source->unread(source->context, input, reading);
    if (reading != READING_FOUND || !is_new(seen, buf_bytes(&text)))
        return reading != READING_NO_READER;
    source->text(source->context, input, buf_bytes(&text));
    source->rest(source->context);
    return true;
}

void source_frames(struct source *source, unsigned width, unsigned height)
{
    static struct seen seen;
    const size_t len = (size_t)width * height;
    uint8_t *octets = check_alloc(len);
    uint64_t number = 0;
    size_t got;
    bool reads = true;
    while (reads && (got = fread(octets, 1, len, stdin)) == len) {
        char input[32];
        snprintf(input, sizeof input, "frame %llu", (unsigned long long)++number);
        reads = read_frame(source, &seen, input, bytes_of(octets, len), width, height);
    }
    if (reads && (got > 0 || ferror(stdin)))
        source->unread(source->context, "last frame", READING_NO_FILE);
    else if (reads && seen.next == 0)
        source->unread(source->context, "frames", READING_NO_CODE);
    free(octets);
}

bool source_camera(struct source *source, const char *device)
{
    static struct seen seen;
    char text[256];
    struct buf why = BUF_OVER(text);
    struct camera camera;
    enum camera_result result = CAMERA_FAILED;
    if (camera_open(&camera, device, &why)) {
        const size_t len = (size_t)camera.width * camera.height;
        uint8_t *grey = check_alloc(len);
        while ((result = camera_next(&camera, grey, &why)) == CAMERA_FRAME &&
               read_frame(source, &seen, device, bytes_of(grey, len), camera.width, camera.height))
            ;
        free(grey);
        camera_close(&camera);
    }
    if (result == CAMERA_FAILED)
        complain("%s", buf_cstr(&why));
    return result != CAMERA_FAILED;
}
