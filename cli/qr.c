/* QR pictures from text and back. */
#include "qr/qr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "cli/command.h"

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static int save(const char *path, struct bytes picture)
{
    FILE *file = fopen(path, "wb");
    bool written = file && fwrite(picture.data, 1, picture.len, file) == picture.len;
    if (file && fclose(file) != 0)
        written = false;
    return written ? EXIT_SUCCESS : command_failed("%s: %s", path, strerror(errno));
}

static int draw(struct bytes text, enum qr_format format, const char *path)
{
    struct buf picture;
    void *storage = check_alloc(QR_PICTURE_BYTES_MAX);
    int status = EXIT_SUCCESS;
    buf_init(&picture, storage, QR_PICTURE_BYTES_MAX);
    enum qr_error error = qr_write(text, format, &QR_OPTIONS_DEFAULT, &picture);
    if (error)
        status = command_failed("%s", qr_error_text(error));
    else if (path)
        status = save(path, buf_bytes(&picture));
    else
        fwrite(picture.data, 1, picture.len, stdout);
    free(storage);
    return status;
}

int command_qr_write(const struct command *command, int argc, char **argv)
{
    const char *argument, *out = NULL;
    bool terminal = false;
    const struct command_option options[] = {
        {"out", &out, NULL}, {"terminal", NULL, &terminal}, {NULL, NULL, NULL}};
    char storage[QR_TEXT_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    if (!command_read(command, argc, argv, options, &argument, 1, 1))
        return EXIT_USAGE;
    if (!out == !terminal)
        return command_misused(command, "either --out FILE or --terminal");
    bool png = out && ends_with(out, ".png");
    if (out && !png && !ends_with(out, ".svg"))
        return command_misused(command, "the name of --out ends in .png or .svg");
    if (!command_text(argument, "the text", &text))
        return EXIT_FAILURE;
    return draw(buf_bytes(&text),
                terminal ? QR_FORMAT_TERMINAL
                : png    ? QR_FORMAT_PNG
                         : QR_FORMAT_SVG,
                out);
}

static int read_picture(const char *path, struct buf *picture)
{
    char storage[8192]; /* a version 40 symbol has at most 7089 digits */
    struct buf text = BUF_OVER(storage);
    if (!command_file(path, picture))
        return EXIT_FAILURE;
    enum qr_error error = qr_read_picture(buf_bytes(picture), &QR_READ_PICTURE, &text);
    if (error)
        return command_failed("%s: %s", path, qr_error_text(error));
    fwrite(text.data, 1, text.len, stdout);
    putchar('\n');
    return EXIT_SUCCESS;
}

int command_qr_read(const struct command *command, int argc, char **argv)
{
    const struct command_option options[] = {{NULL, NULL, NULL}};
    const char *path;
    if (!command_read(command, argc, argv, options, &path, 1, 1))
        return EXIT_USAGE;
    struct buf picture;
    void *storage = check_alloc(QR_READ_BYTES_MAX);
    buf_init(&picture, storage, QR_READ_BYTES_MAX);
    int status = read_picture(path, &picture);
    free(storage);
    return status;
}
