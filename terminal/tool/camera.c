#include "terminal/tool/camera.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "terminal/tool/reader.h"

#define WIDTH  1280
#define HEIGHT 720

static int call(const struct camera *camera, unsigned long request, void *argument)
{
    int result;
    do
        result = ioctl(camera->file, request, argument);
    while (result < 0 && errno == EINTR);
    return result;
}

/* ---- opening ---- */

static bool is_camera(const struct camera *camera)
{
    struct v4l2_capability can = {0};
    if (call(camera, VIDIOC_QUERYCAP, &can) != 0)
        return false;
    uint32_t has = can.capabilities & V4L2_CAP_DEVICE_CAPS ? can.device_caps : can.capabilities;
    return has & V4L2_CAP_VIDEO_CAPTURE && has & V4L2_CAP_STREAMING;
}

/* The driver answers with what it can: the format only counts if it is the one asked for. */
static bool set_format(struct camera *camera, uint32_t pixels, unsigned step)
{
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    struct v4l2_pix_format *p = &format.fmt.pix;
    p->width = WIDTH;
    p->height = HEIGHT;
    p->pixelformat = pixels;
    p->field = V4L2_FIELD_NONE;
    if (call(camera, VIDIOC_S_FMT, &format) != 0 || p->pixelformat != pixels || !p->width ||
        !p->height || p->width > READER_SIDE_PIXELS_MAX || p->height > READER_SIDE_PIXELS_MAX ||
        (uint64_t)p->width * p->height > READER_FRAME_PIXELS_MAX)
        return false;
    camera->width = p->width;
    camera->height = p->height;
    camera->step = step;
    camera->line_bytes = p->bytesperline > p->width * step ? p->bytesperline : p->width * step;
    return true;
}

static bool map_buffer(struct camera *camera, unsigned i)
{
    struct v4l2_buffer buffer = {
        .index = i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    if (call(camera, VIDIOC_QUERYBUF, &buffer) != 0)
        return false;
    void *at = mmap(NULL, buffer.length, PROT_READ, MAP_SHARED, camera->file, buffer.m.offset);
    if (at == MAP_FAILED)
        return false;
    camera->buffers[i] = at;
    camera->buffer_bytes[i] = buffer.length;
    camera->buffer_count++;
    return call(camera, VIDIOC_QBUF, &buffer) == 0;
}

static bool stream(struct camera *camera)
{
    struct v4l2_requestbuffers request = {
        .count = CAMERA_BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    if (call(camera, VIDIOC_REQBUFS, &request) != 0 || request.count == 0)
        return false;
    for (unsigned i = 0; i < request.count && i < CAMERA_BUFFERS; i++)
        if (!map_buffer(camera, i))
            return false;
    return call(camera, VIDIOC_STREAMON, &type) == 0;
}

bool camera_open(struct camera *camera, const char *device, struct buf *why)
{
    struct stat status;
    *camera = (struct camera){.file = open(device, O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    bool opened = false;
    if (camera->file < 0)
        buf_printf(why, "%s: %s", device, strerror(errno));
    else if (fstat(camera->file, &status) != 0 || !S_ISCHR(status.st_mode) || !is_camera(camera))
        buf_printf(why, "%s is no camera that Video4Linux2 can stream from", device);
    else if (!set_format(camera, V4L2_PIX_FMT_GREY, 1) && !set_format(camera, V4L2_PIX_FMT_YUYV, 2))
        buf_printf(why, "%s gives neither GREY nor YUYV", device);
    else if (!(opened = stream(camera)))
        buf_printf(why, "%s does not stream: %s", device, strerror(errno));
    if (!opened)
        camera_close(camera);
    return opened;
}

void camera_close(struct camera *camera)
{
    for (unsigned i = 0; i < camera->buffer_count; i++)
        munmap(camera->buffers[i], camera->buffer_bytes[i]);
    if (camera->file >= 0)
        close(camera->file);
    *camera = (struct camera){.file = -1};
}

/* ---- frames ---- */

/* False: the frame is shorter than it should be, and is passed over. */
static bool take_frame(const struct camera *camera, const struct v4l2_buffer *buffer, uint8_t *grey)
{
    const uint8_t *from = camera->buffers[buffer->index];
    if (buffer->flags & V4L2_BUF_FLAG_ERROR ||
        (size_t)camera->line_bytes * camera->height > camera->buffer_bytes[buffer->index])
        return false;
    for (unsigned y = 0; y < camera->height; y++)
        for (unsigned x = 0; x < camera->width; x++)
            *grey++ = from[(size_t)y * camera->line_bytes + (size_t)x * camera->step];
    return true;
}

enum camera_result camera_next(struct camera *camera, uint8_t *grey, struct buf *why)
{
    for (;;) {
        struct pollfd ready = {.fd = camera->file, .events = POLLIN};
        struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                     .memory = V4L2_MEMORY_MMAP};
        int polled = poll(&ready, 1, CAMERA_FRAME_WAIT_MS);
        if (polled < 0 && errno == EINTR)
            return CAMERA_INTERRUPTED;
        if (polled == 0 || ready.revents & POLLNVAL) {
            buf_put_str(why, "the camera gives no frames");
            return CAMERA_FAILED;
        }
        if (call(camera, VIDIOC_DQBUF, &buffer) != 0) {
            if (errno == EAGAIN)
                continue;
            buf_printf(why, "the camera gives no frames: %s", strerror(errno));
            return CAMERA_FAILED;
        }
        bool taken = buffer.index < camera->buffer_count && take_frame(camera, &buffer, grey);
        if (call(camera, VIDIOC_QBUF, &buffer) == 0 && taken)
            return CAMERA_FRAME;
    }
}
