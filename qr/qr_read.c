#include "qr/qr.h"

#include <stdlib.h>
#include <zbar.h>

#include "qr/picture.h"

/* QR only: the fewer of zbar's decoders see a peer's picture, the better. Binary: zbar otherwise
 * guesses an encoding, and takes some UTF-8 for Big5. */
static void configure(zbar_image_scanner_t *scanner)
{
    zbar_image_scanner_set_config(scanner, ZBAR_NONE, ZBAR_CFG_ENABLE, 0);
    zbar_image_scanner_set_config(scanner, ZBAR_QRCODE, ZBAR_CFG_ENABLE, 1);
    zbar_image_scanner_set_config(scanner, ZBAR_QRCODE, ZBAR_CFG_BINARY, 1);
}

static enum qr_error put_first(const zbar_symbol_t *symbol, struct buf *text)
{
    while (symbol && zbar_symbol_get_type(symbol) != ZBAR_QRCODE) /* parts of a divided message */
        symbol = zbar_symbol_next(symbol);
    if (!symbol)
        return QR_ERR_NOT_FOUND;
    buf_put(text, bytes_of(zbar_symbol_get_data(symbol), zbar_symbol_get_data_length(symbol)));
    return buf_ok(text) ? QR_OK : QR_ERR_SPACE;
}

/* The image borrows the pixels: it has no clean-up of its own for them. */
static enum qr_error scan(const uint8_t *pixels, unsigned width, unsigned height, struct buf *text)
{
    enum qr_error error = QR_ERR_MEMORY;
    zbar_image_scanner_t *scanner = zbar_image_scanner_create();
    zbar_image_t *image = zbar_image_create();
    if (scanner && image) {
        configure(scanner);
        zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
        zbar_image_set_size(image, width, height);
        zbar_image_set_data(image, pixels, (size_t)width * height, NULL);
        if (zbar_scan_image(scanner, image) >= 0)
            error = put_first(zbar_image_first_symbol(image), text);
    }
    if (image)
        zbar_image_destroy(image);
    if (scanner)
        zbar_image_scanner_destroy(scanner);
    return error;
}

enum qr_error qr_read_grey(struct bytes pixels, unsigned width, unsigned height,
                           unsigned pixels_max, struct buf *text)
{
    if (pixels_max > QR_PIXELS_MAX || pixels.len != (uint64_t)width * height)
        return QR_ERR_OPTION;
    if (width == 0 || height == 0 || width > QR_SIDE_PIXELS_MAX || height > QR_SIDE_PIXELS_MAX ||
        pixels.len > pixels_max)
        return QR_ERR_PICTURE;
    return scan(pixels.data, width, height, text);
}

enum qr_error qr_read_png(struct bytes png, unsigned pixels_max, struct buf *text)
{
    uint8_t *pixels;
    unsigned width, height;
    if (pixels_max > QR_PIXELS_MAX)
        return QR_ERR_OPTION;
    if (png.len > QR_PICTURE_BYTES_MAX)
        return QR_ERR_PICTURE;
    enum qr_error error = picture_read_png(png, pixels_max, &pixels, &width, &height);
    if (error)
        return error;
    error = scan(pixels, width, height, text);
    free(pixels);
    return error;
}
