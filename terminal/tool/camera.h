/* Frames from a camera (Video4Linux2), as grey. */
#ifndef TERMINAL_TOOL_CAMERA_H
#define TERMINAL_TOOL_CAMERA_H

#include "base/buf.h"

#define CAMERA_BUFFERS       4
#define CAMERA_FRAME_WAIT_MS 5000

struct camera {
    int file;
    unsigned width, height, line_bytes; /* as the driver gives them */
    unsigned step;                      /* octets from one pixel's grey to the next: 1 or 2 */
    void *buffers[CAMERA_BUFFERS];
    size_t buffer_bytes[CAMERA_BUFFERS];
    unsigned buffer_count;
};

/* Opens a camera that gives GREY or YUYV, and lets it stream: 1280 x 720 or what is nearest. False
 * with a sentence in `why`; then there is nothing to close. */
bool camera_open(struct camera *camera, const char *device, struct buf *why);
void camera_close(struct camera *camera);
enum camera_result {
    CAMERA_FRAME,
    CAMERA_INTERRUPTED, /* by a signal */
    CAMERA_FAILED,      /* unplugged, or no frame in time; a sentence is in `why` */
};
/* Waits for a frame and puts width x height octets into `grey`, which has room. */
enum camera_result camera_next(struct camera *camera, uint8_t *grey, struct buf *why);

#endif
