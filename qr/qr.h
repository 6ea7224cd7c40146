/* Text to a QR picture (libqrencode) and back (a reader of our own). CPU-bound, tens of
 * microseconds to milliseconds, more for pictures that are hard to read: never on an event loop.
 * Reentrant; every call may run on any thread. Reading takes about 13 octets of memory a pixel, at
 * most 90 MiB.
 *
 * A stranger's picture goes through libpng or libjpeg: read it in a process without keys. */
#ifndef QR_QR_H
#define QR_QR_H

#include "base/buf.h"

#define QR_TEXT_BYTES_MAX    1024
#define QR_QUIET_MODULES     4 /* ISO/IEC 18004: at least 4 modules around the symbol */
#define QR_MODULE_PIXELS_MAX 64
#define QR_VERSION_MAX       40
#define QR_PICTURE_BYTES_MAX (1024 * 1024)      /* largest picture written */
#define QR_READ_BYTES_MAX    (16 * 1024 * 1024) /* and read: a photograph as a phone keeps it */
#define QR_PIXELS_MAX        (16u * 1024 * 1024)
#define QR_SIDE_PIXELS_MAX   8192 /* width and height of a picture read */

enum qr_error {
    QR_OK = 0,
    QR_ERR_TEXT,      /* the caller's: empty, too long for any version, or a NUL inside */
    QR_ERR_OPTION,    /* the caller's: an option out of range */
    QR_ERR_SPACE,     /* the caller's: the picture or the text read does not fit the buffer */
    QR_ERR_PICTURE,   /* the peer's: neither PNG nor JPEG, damaged, or larger than the caps */
    QR_ERR_NOT_FOUND, /* the peer's: a picture without a readable QR code */
    QR_ERR_MEMORY,    /* ours */
};
const char *qr_error_text(enum qr_error error);

enum qr_level { QR_LEVEL_L, QR_LEVEL_M, QR_LEVEL_Q, QR_LEVEL_H };
enum qr_format { QR_FORMAT_SVG, QR_FORMAT_PNG, QR_FORMAT_TERMINAL };

struct qr_options {
    enum qr_level level;
    unsigned module_pixels; /* 1 to QR_MODULE_PIXELS_MAX; SVG: user units; terminal: ignored */
    unsigned quiet_modules; /* 0 to 32 */
};
#define QR_OPTIONS_DEFAULT ((struct qr_options){QR_LEVEL_M, 6, QR_QUIET_MODULES})

/* Appends the picture: SVG (one path, black on white), PNG (1 bit grey), or terminal text (two
 * modules a character, U+2580 half blocks with ANSI colours, so that it scans on dark and light
 * terminals). The text's mixed segments (a byte part, a numeric part) are found by libqrencode.
 * After an error what stands behind the buffer's former end is unspecified. */
enum qr_error qr_write(struct bytes text, enum qr_format format, const struct qr_options *options,
                       struct buf *out);
/* The version (1 to 40) that the text needs at a level; 0 when none holds it or memory is gone. */
unsigned qr_version(struct bytes text, enum qr_level level);

struct qr_read_options {
    unsigned pixels_max; /* larger pictures are refused before they are unpacked; at most
                            QR_PIXELS_MAX */
    unsigned effort_ms;  /* of the thread's CPU time once it is unpacked, after which no further
                            attempt begins; one takes 5 to 10 ms for a million pixels */
};
#define QR_READ_PICTURE ((struct qr_read_options){QR_PIXELS_MAX, 2000}) /* one that is kept */
#define QR_READ_FRAME   ((struct qr_read_options){QR_PIXELS_MAX, 50})   /* the next one follows */

/* Appends the text of the first QR code found, as the octets that stand in it, whatever encoding it
 * names. Versions 1 to 40, dark on light or light on dark; kanji and FNC1 modes and parts of
 * divided messages are not found. A picture is PNG or JPEG, told apart by their content, of any
 * colour type but CMYK; what is transparent is white. A frame is width x height octets of grey, 0
 * black. QR_ERR_OPTION: pixels_max too large, or a frame's length is not width x height. */
enum qr_error qr_read_picture(struct bytes picture, const struct qr_read_options *options,
                              struct buf *text);
enum qr_error qr_read_grey(struct bytes pixels, unsigned width, unsigned height,
                           const struct qr_read_options *options, struct buf *text);

#endif
