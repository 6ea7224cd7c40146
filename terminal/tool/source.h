/* Where scanned texts come from: the command line, lines, pictures, folders of them, frames, a
 * camera. */
#ifndef TERMINAL_TOOL_SOURCE_H
#define TERMINAL_TOOL_SOURCE_H

#include "terminal/tool/reader.h"

#define SOURCE_TEXT_BYTES_MAX READER_TEXT_BYTES_MAX
#define SOURCE_PICTURES_MAX   10000 /* of one folder */

/* Who takes what was read. `input` names what it was read from. */
struct source {
    struct reader reader;
    void (*text)(void *context, const char *input, struct bytes text);
    void (*unread)(void *context, const char *input, enum reading reading);
    /* Before a wait for somebody to display something: others may have what is held. */
    void (*rest)(void *context);
    void *context;
};
void source_end(struct source *source);

/* A code's text (digits, or https://...), the name of a picture or of a folder, "-" for lines on
 * standard input. False after a complaint: it is none of them. */
bool source_argument(struct source *source, const char *argument);
/* Frames of grey on standard input; each code once in its life. */
void source_frames(struct source *source, unsigned width, unsigned height);
/* The same from a camera, until a signal that is handled, or the camera's end. False after a
 * complaint. */
bool source_camera(struct source *source, const char *device);

#endif
