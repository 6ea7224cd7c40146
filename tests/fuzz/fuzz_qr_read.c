/* Any octets, as a picture and as a raw grey frame (the first octet is its width less one). */
#include "qr/qr.h"

#define FRAME_PIXELS_MAX (512u * 512)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t storage[QR_TEXT_BYTES_MAX];
    static const struct qr_read_options options = {FRAME_PIXELS_MAX, 200};
    struct buf text = BUF_OVER(storage);
    (void)qr_read_picture(bytes_of(data, size), &options, &text);
    if (size > 1) {
        unsigned width = data[0] + 1u, height = (unsigned)((size - 1) / width);
        text = BUF_OVER(storage);
        (void)qr_read_grey(bytes_of(data + 1, (size_t)width * height), width, height, &options,
                           &text);
    }
    return 0;
}
