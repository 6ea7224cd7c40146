/* libpng reports errors by longjmp. Everything that one can jump over is held by a struct outside
 * of the function that called setjmp, and released there. */
#include "qr/picture.h"

#include <png.h>
#include <stdlib.h>

#include "base/check.h"

#define CHUNK_BYTES_MAX 65536 /* of any chunk but the pixels: a palette with alpha needs 1 KiB */
#define CHUNKS_KEPT_MAX 8     /* of chunks that libpng would store for us: we use none */
#define ROW_BYTES_MAX                                                                              \
    ((((4 * QR_VERSION_MAX + 17) + 2 * QR_QUIET_MODULES_MAX) * QR_MODULE_PIXELS_MAX + 7) / 8)

static void *allocate(png_structp png, png_alloc_size_t size)
{
    bool *no_memory = png_get_mem_ptr(png);
    void *memory = malloc(size);
    if (!memory)
        *no_memory = true;
    return memory;
}

static void release(png_structp png, void *memory)
{
    (void)png;
    free(memory);
}

static void on_error(png_structp png, const char *message)
{
    (void)message;
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, const char *message)
{
    (void)png, (void)message;
}

/* ---- writing ------------------------------------------------------------------------------- */

struct writing {
    png_structp png;
    png_infop info;
    bool no_memory;
};

static void put(png_structp png, png_bytep data, size_t len)
{
    struct buf *out = png_get_io_ptr(png);
    buf_put(out, bytes_of(data, len));
    if (!buf_ok(out))
        png_error(png, "no space");
}

static void flush(png_structp png)
{
    (void)png;
}

static void write_rows(struct writing *w, const struct matrix *m, unsigned module_pixels)
{
    unsigned side = matrix_side_modules(m), pixels = side * module_pixels;
    png_set_IHDR(w->png, w->info, pixels, pixels, 1, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(w->png, w->info);
    for (unsigned y = 0; y < side; y++) {
        uint8_t row[ROW_BYTES_MAX] = {0}; /* the first pixel is the top bit, 1 is white */
        for (unsigned x = 0; x < pixels; x++)
            if (!matrix_dark(m, x / module_pixels, y))
                row[x / 8] |= (uint8_t)(0x80 >> x % 8);
        for (unsigned i = 0; i < module_pixels; i++)
            png_write_row(w->png, row);
    }
    png_write_end(w->png, w->info);
}

static bool write_all(struct writing *w, const struct matrix *m, unsigned module_pixels,
                      struct buf *out)
{
    if (setjmp(png_jmpbuf(w->png)))
        return false;
    png_set_write_fn(w->png, out, put, flush);
    write_rows(w, m, module_pixels);
    return true;
}

enum qr_error picture_write_png(const struct matrix *m, unsigned module_pixels, struct buf *out)
{
    struct writing w = {0};
    w.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning,
                                      &w.no_memory, allocate, release);
    w.info = w.png ? png_create_info_struct(w.png) : NULL;
    bool done = w.info && write_all(&w, m, module_pixels, out);
    png_destroy_write_struct(&w.png, &w.info);
    return done ? QR_OK : buf_ok(out) ? QR_ERR_MEMORY : QR_ERR_SPACE;
}

/* ---- reading ------------------------------------------------------------------------------- */

struct reading {
    png_structp png;
    png_infop info;
    struct bytes rest;
    unsigned width, height;
    unsigned channels; /* 1: grey; 2: grey, alpha */
    uint8_t *pixels;
    bool no_memory;
};

static void take(png_structp png, png_bytep data, size_t len)
{
    struct bytes *rest = png_get_io_ptr(png);
    if (len > rest->len)
        png_error(png, "truncated");
    memcpy(data, rest->data, len);
    *rest = bytes_from(*rest, len);
}

/* Text, profiles and the like are skipped without being unpacked; transparency is kept. */
static void read_head(struct reading *r, unsigned pixels_max)
{
    png_set_read_fn(r->png, &r->rest, take);
    png_set_user_limits(r->png, QR_SIDE_PIXELS_MAX, QR_SIDE_PIXELS_MAX);
    png_set_chunk_malloc_max(r->png, CHUNK_BYTES_MAX);
    png_set_chunk_cache_max(r->png, CHUNKS_KEPT_MAX);
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(r->png, r->info);
    r->width = png_get_image_width(r->png, r->info);
    r->height = png_get_image_height(r->png, r->info);
    if ((uint64_t)r->width * r->height > pixels_max)
        png_error(r->png, "too many pixels");
}

static void read_rows(struct reading *r)
{
    png_set_expand(r->png);
    png_set_scale_16(r->png);
    png_set_rgb_to_gray_fixed(r->png, PNG_ERROR_ACTION_NONE, PNG_RGB_TO_GRAY_DEFAULT,
                              PNG_RGB_TO_GRAY_DEFAULT);
    int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    r->channels = png_get_channels(r->png, r->info);
    size_t row_bytes = png_get_rowbytes(r->png, r->info);
    CHECK(r->channels >= 1 && r->channels <= 2 && row_bytes == (size_t)r->width * r->channels);
    r->pixels = png_malloc(r->png, row_bytes * r->height);
    while (passes--)
        for (unsigned y = 0; y < r->height; y++)
            png_read_row(r->png, r->pixels + y * row_bytes, NULL);
    png_read_end(r->png, NULL);
}

static bool read_all(struct reading *r, unsigned pixels_max)
{
    if (setjmp(png_jmpbuf(r->png)))
        return false;
    read_head(r, pixels_max);
    read_rows(r);
    return true;
}

/* Lays grey with alpha over white, in place. */
static void drop_alpha(uint8_t *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned grey = pixels[2 * i], alpha = pixels[2 * i + 1];
        pixels[i] = (uint8_t)(255 - alpha * (255 - grey) / 255);
    }
}

enum qr_error picture_read_png(struct bytes png, unsigned pixels_max, struct grey *picture)
{
    struct reading r = {.rest = png};
    r.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning,
                                     &r.no_memory, allocate, release);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    bool done = r.info && read_all(&r, pixels_max);
    bool no_memory = !r.info || r.no_memory;
    png_destroy_read_struct(&r.png, &r.info, NULL);
    if (!done) {
        free(r.pixels);
        return no_memory ? QR_ERR_MEMORY : QR_ERR_PICTURE;
    }
    if (r.channels == 2)
        drop_alpha(r.pixels, (size_t)r.width * r.height);
    *picture = (struct grey){r.pixels, r.width, r.height};
    return QR_OK;
}
