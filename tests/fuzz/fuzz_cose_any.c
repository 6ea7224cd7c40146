/* Any octets, as anybody's COSE_Sign1 and COSE_Key. What the strict reader of codes takes the
 * lenient one takes too, and sees the same. */
#include "base/check.h"
#include "protocol/cose_any.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_view(struct bytes view, const uint8_t *data, size_t size)
{
    CHECK(!view.data ||
          (view.data >= data && view.len <= size && (size_t)(view.data - data) <= size - view.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cose_any message;
    struct cose_sign1 strict;
    enum crypto_alg alg;
    uint8_t point[CRYPTO_PUBLIC_BYTES];
    const struct bytes octets = bytes_of(data, size);
    bool read = cose_any_read(octets, &message);
    if (read) {
        check_view(message.protected_, data, size);
        check_view(message.payload, data, size);
        check_view(message.signature, data, size);
        check_view(message.kid, data, size);
        check_view(message.type, data, size);
        check_view(message.content, data, size);
        CHECK(message.signature.len > 0 && (message.tagged || !message.cwt));
    }
    if (cose_sign1_read(octets, &strict))
        CHECK(read && message.alg == strict.alg && bytes_equal(message.payload, strict.payload) &&
              bytes_equal(message.kid, bytes_of(strict.kid, KID_BYTES)));
    if (cose_key_read(octets, &alg, point))
        CHECK(point[0] == 4);
    return 0;
}
