/* Reads QR codes out of pictures and frames, in a process of its own. Pictures are strangers' data,
 * and what unpacks them is large and not ours: the process has no key, no file and no network, may
 * call next to nothing of the kernel, and is ended when it takes too long. What it says is not
 * believed either: a text is a text that somebody displayed. */
#ifndef TERMINAL_TOOL_READER_H
#define TERMINAL_TOOL_READER_H

#include <sys/types.h>

#include "qr/qr.h"

#define READER_PICTURE_BYTES_MAX QR_READ_BYTES_MAX
#define READER_FRAME_PIXELS_MAX  (4 * 1024 * 1024)
#define READER_SIDE_PIXELS_MAX   QR_SIDE_PIXELS_MAX
#define READER_TEXT_BYTES_MAX    8192 /* a version 40 symbol has at most 7089 digits */
#define READER_PICTURE_WAIT_MS   10000
#define READER_FRAME_WAIT_MS     2000

/* name, word in JSON, sentences */
/* clang-format off */
#define READINGS(R)                                                                                \
    R(FOUND,      "found",           "已读到码", "a code was found")                                \
    R(NO_CODE,    "no_code",         "图中没有读到码", "no code was found in this picture")         \
    R(NO_PICTURE, "no_picture",      "不是 PNG 或 JPEG 图片，或图片已损坏",                         \
                  "this is no PNG or JPEG, or it is damaged")                                      \
    R(TOO_LARGE,  "too_large",       "图片过大", "this picture is too large")                       \
    R(CRASHED,    "reader_crashed",  "图中没有读到码（读图程序崩溃）",                              \
                  "no code was found in this picture (the reader crashed)")                        \
    R(TOO_SLOW,   "reader_too_slow", "图中没有读到码（读图超时）",                                  \
                  "no code was found in this picture (the reader took too long)")                  \
    R(NO_FILE,    "no_file",         "无法读取", "this can't be read")                              \
    R(NO_READER,  "no_reader",       "读图程序无法启动", "the reader could not be started")
/* clang-format on */
enum reading {
#define R(name, word, chinese, english) READING_##name,
    READINGS(R)
#undef R
        READING_COUNT
};
const char *reading_word(enum reading reading);
const char *reading_text(enum reading reading, bool chinese);

/* Zeroed: no process yet. It is started when it is needed, and anew after it died. */
struct reader {
    pid_t process;
    int line; /* a socket */
};
/* Appends the text to `text` when it says READING_FOUND. */
enum reading reader_read_picture(struct reader *reader, struct bytes picture, struct buf *text);
/* width x height octets of grey, 0 black; READING_TOO_LARGE beyond the limits above. */
enum reading reader_read_frame(struct reader *reader, struct bytes grey, unsigned width,
                               unsigned height, struct buf *text);
void reader_end(struct reader *reader);

/* ---- between the two processes ---- */

#define READER_WORD         "read-pictures" /* what the process is called with */
#define READER_NOT_CONFINED 3               /* its exit status when this kernel can't hold it */
struct reader_ask {
    uint32_t len;           /* octets that follow */
    uint32_t width, height; /* of a frame; 0 for a picture */
};
struct reader_told {
    uint32_t reading; /* FOUND, NO_CODE, NO_PICTURE or TOO_LARGE */
    uint32_t len;     /* octets of text that follow */
};
/* Confines the process and answers what is asked on descriptor 0 until that ends. Exits. */
__attribute__((noreturn)) void reader_serve(void);

#endif
