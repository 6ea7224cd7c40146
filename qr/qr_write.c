#include "qr/qr.h"

#include <errno.h>
#include <qrencode.h>

#include "qr/picture.h"

static enum qr_error encode(struct bytes text, enum qr_level level, QRcode **code)
{
    static const QRecLevel levels[] = {QR_ECLEVEL_L, QR_ECLEVEL_M, QR_ECLEVEL_Q, QR_ECLEVEL_H};
    char string[QR_TEXT_BYTES_MAX + 1];
    if (text.len == 0 || text.len > QR_TEXT_BYTES_MAX || memchr(text.data, 0, text.len))
        return QR_ERR_TEXT;
    memcpy(string, text.data, text.len);
    string[text.len] = 0;
    *code = QRcode_encodeString(string, 0, levels[level], QR_MODE_8, 1);
    if (*code)
        return QR_OK;
    return errno == ENOMEM ? QR_ERR_MEMORY : QR_ERR_TEXT;
}

/* One subpath for each horizontal run of dark modules; a module is one unit of the view box. */
static void write_svg(const struct matrix *m, unsigned module_pixels, struct buf *out)
{
    unsigned side = matrix_side_modules(m), pixels = side * module_pixels;
    buf_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\""
               " viewBox=\"0 0 %u %u\" shape-rendering=\"crispEdges\">"
               "<rect width=\"%u\" height=\"%u\" fill=\"#fff\"/><path fill=\"#000\" d=\"",
               pixels, pixels, side, side, side, side);
    for (unsigned y = 0; y < side; y++) {
        for (unsigned x = 0; x < side; x++) {
            unsigned start = x;
            while (matrix_dark(m, x, y))
                x++;
            if (x > start)
                buf_printf(out, "M%u %uh%uv1h-%uz", start, y, x - start, x - start);
        }
    }
    buf_put_str(out, "\"/></svg>\n");
}

/* Colours 16 and 231 are black and white in the 256-colour table, which themes leave alone. */
static void write_terminal(const struct matrix *m, struct buf *out)
{
    static const char *const blocks[] = {" ", "\u2580", "\u2584", "\u2588"};
    unsigned side = matrix_side_modules(m);
    for (unsigned y = 0; y < side; y += 2) {
        buf_put_str(out, "\x1b[38;5;16;48;5;231m");
        for (unsigned x = 0; x < side; x++)
            buf_put_str(out, blocks[matrix_dark(m, x, y) + 2 * matrix_dark(m, x, y + 1)]);
        buf_put_str(out, "\x1b[0m\n");
    }
}

enum qr_error qr_write(struct bytes text, enum qr_format format, const struct qr_options *options,
                       struct buf *out)
{
    if ((unsigned)options->level > QR_LEVEL_H || options->module_pixels < 1 ||
        options->module_pixels > QR_MODULE_PIXELS_MAX ||
        options->quiet_modules > QR_QUIET_MODULES_MAX)
        return QR_ERR_OPTION;
    QRcode *code;
    enum qr_error error = encode(text, options->level, &code);
    if (error)
        return error;
    struct matrix m = {code->data, (unsigned)code->width, options->quiet_modules};
    switch (format) {
    case QR_FORMAT_SVG:
        write_svg(&m, options->module_pixels, out);
        break;
    case QR_FORMAT_PNG:
        error = picture_write_png(&m, options->module_pixels, out);
        break;
    case QR_FORMAT_TERMINAL:
        write_terminal(&m, out);
        break;
    default:
        error = QR_ERR_OPTION;
    }
    QRcode_free(code);
    return error ? error : buf_ok(out) ? QR_OK : QR_ERR_SPACE;
}

unsigned qr_version(struct bytes text, enum qr_level level)
{
    QRcode *code;
    if ((unsigned)level > QR_LEVEL_H || encode(text, level, &code))
        return 0;
    unsigned version = (unsigned)code->version;
    QRcode_free(code);
    return version;
}

const char *qr_error_text(enum qr_error error)
{
    switch (error) {
    case QR_OK:
        return "no error";
    case QR_ERR_TEXT:
        return "the text is empty, has a NUL inside, or is too long for a QR code";
    case QR_ERR_OPTION:
        return "an option is out of range";
    case QR_ERR_SPACE:
        return "the result does not fit the buffer";
    case QR_ERR_PICTURE:
        return "neither PNG nor JPEG, or damaged, or too large";
    case QR_ERR_NOT_FOUND:
        return "no readable QR code in the picture";
    case QR_ERR_MEMORY:
        return "out of memory";
    }
    return "unknown error";
}
