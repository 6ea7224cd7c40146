/* Any octets, as the corrected data of a symbol; the first one chooses its version. */
#include "qr/segments.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t storage[QR_TEXT_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    if (size == 0)
        return 0;
    enum qr_error error =
        segments_read(bytes_of(data + 1, size - 1), 1 + data[0] % QR_VERSION_MAX, &text);
    CHECK(error == QR_OK || error == QR_ERR_NOT_FOUND || error == QR_ERR_SPACE);
    CHECK(!error || text.len == 0);
    return 0;
}
