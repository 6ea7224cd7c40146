/* libjpeg reports errors by longjmp, as libpng does. Everything that one can jump over is held by a
 * struct outside of the function that called setjmp, and released there. */
#include "qr/picture.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h> /* needs what stands above */

#include <jerror.h>

/* A progressive picture of a few hundred octets can ask for any number of passes over all of its
 * pixels. Cameras and libjpeg itself make about ten. */
#define SCANS_MAX 32

struct reading {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf out;
    bool no_memory;
    uint8_t *pixels;
};

static void on_error(j_common_ptr jpeg)
{
    struct reading *r = jpeg->client_data;
    r->no_memory = jpeg->err->msg_code == JERR_OUT_OF_MEMORY;
    longjmp(r->out, 1);
}

static void on_message(j_common_ptr jpeg, int level)
{
    (void)jpeg, (void)level;
}

static void on_progress(j_common_ptr jpeg)
{
    if (((j_decompress_ptr)jpeg)->input_scan_number > SCANS_MAX)
        on_error(jpeg);
}

static void nothing(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

/* The whole file was given at once: who asks for more has a truncated one. */
static boolean take_more(j_decompress_ptr jpeg)
{
    on_error((j_common_ptr)jpeg);
    return FALSE;
}

static void skip(j_decompress_ptr jpeg, long count)
{
    if (count <= 0)
        return;
    if ((size_t)count > jpeg->src->bytes_in_buffer)
        on_error((j_common_ptr)jpeg);
    jpeg->src->next_input_byte += count;
    jpeg->src->bytes_in_buffer -= (size_t)count;
}

static void set_up(struct reading *r, struct bytes jpeg)
{
    r->jpeg.err = jpeg_std_error(&r->errors);
    r->errors.error_exit = on_error;
    r->errors.emit_message =
        on_message; /* damage within the pixels is for the code's own correction */
    r->source = (struct jpeg_source_mgr){.next_input_byte = jpeg.data,
                                         .bytes_in_buffer = jpeg.len,
                                         .init_source = nothing,
                                         .fill_input_buffer = take_more,
                                         .skip_input_data = skip,
                                         .resync_to_restart = jpeg_resync_to_restart,
                                         .term_source = nothing};
    r->progress.progress_monitor = on_progress;
    r->jpeg.client_data = r;
}

static void read_rows(struct reading *r, unsigned pixels_max)
{
    j_decompress_ptr jpeg = &r->jpeg;
    jpeg->src = &r->source;
    jpeg->progress = &r->progress;
    jpeg_read_header(jpeg, TRUE);
    if (jpeg->image_width > QR_SIDE_PIXELS_MAX || jpeg->image_height > QR_SIDE_PIXELS_MAX ||
        (uint64_t)jpeg->image_width * jpeg->image_height > pixels_max)
        on_error((j_common_ptr)jpeg);
    jpeg->out_color_space = JCS_GRAYSCALE; /* which libjpeg refuses to make of CMYK */
    jpeg_start_decompress(jpeg);
    r->pixels = malloc((size_t)jpeg->output_width * jpeg->output_height);
    if (!r->pixels)
        ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = r->pixels + (size_t)jpeg->output_scanline * jpeg->output_width;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
}

static bool read_all(struct reading *r, unsigned pixels_max)
{
    if (setjmp(r->out))
        return false;
    jpeg_create_decompress(&r->jpeg);
    read_rows(r, pixels_max);
    return true;
}

enum qr_error picture_read_jpeg(struct bytes jpeg, unsigned pixels_max, struct grey *picture)
{
    struct reading r = {.no_memory = false};
    set_up(&r, jpeg);
    bool done = read_all(&r, pixels_max);
    *picture = (struct grey){r.pixels, r.jpeg.output_width, r.jpeg.output_height};
    jpeg_destroy_decompress(&r.jpeg);
    if (done)
        return QR_OK;
    free(r.pixels);
    return r.no_memory ? QR_ERR_MEMORY : QR_ERR_PICTURE;
}
