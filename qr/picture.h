/* Private to the room: what is drawn and read. PNG by libpng, JPEG by libjpeg. */
#ifndef QR_PICTURE_H
#define QR_PICTURE_H

#include "qr/qr.h"

#define QR_QUIET_MODULES_MAX 32

/* A symbol and the quiet zone around it. */
struct matrix {
    const uint8_t *modules; /* symbol_modules squared, row by row; bit 0 is set for a dark one */
    unsigned symbol_modules;
    unsigned quiet_modules;
};

static inline unsigned matrix_side_modules(const struct matrix *m)
{
    return m->symbol_modules + 2 * m->quiet_modules;
}

/* x and y count from the corner of the quiet zone; all outside of the symbol is light. */
static inline bool matrix_dark(const struct matrix *m, unsigned x, unsigned y)
{
    unsigned column = x - m->quiet_modules, row = y - m->quiet_modules; /* wrap to large numbers */
    return column < m->symbol_modules && row < m->symbol_modules &&
           (m->modules[row * m->symbol_modules + column] & 1);
}

/* Appends the PNG. QR_OK, QR_ERR_SPACE or QR_ERR_MEMORY. */
enum qr_error picture_write_png(const struct matrix *m, unsigned module_pixels, struct buf *out);

/* Octets of grey, row by row, 0 black. */
struct grey {
    uint8_t *pixels; /* width x height; whoever holds the struct frees them */
    unsigned width, height;
};

/* Unpack a picture of at most pixels_max pixels. QR_OK, QR_ERR_PICTURE or QR_ERR_MEMORY; after an
 * error there is nothing to free. */
enum qr_error picture_read_png(struct bytes png, unsigned pixels_max, struct grey *picture);
enum qr_error picture_read_jpeg(struct bytes jpeg, unsigned pixels_max, struct grey *picture);

#endif
