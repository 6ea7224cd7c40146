/* Any octets, as a trust bundle. One that is read has, written again from what was read, the same
 * payload: no bundle has a second form, and nothing in it is lost. */
#include "base/check.h"
#include "protocol/trust_bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct trust_bundle *bundle)
{
    struct bytes rows = bundle->type_rows;
    struct trust_entry entry, found;
    size_t count = 0;
    for (; trust_bundle_next(&rows, &entry); count++)
        CHECK(trust_bundle_type(bundle, entry.index, &found) && found.index == entry.index);
    CHECK(count == bundle->type_count);
    for (size_t i = 0; i < bundle->ring.count; i++)
        CHECK(!trust_bundle_revoked(bundle, bundle->ring.keys[i].kid));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct trust_bundle bundle;
    static uint8_t storage[TRUST_BUNDLE_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    bool message = trust_bundle_read(bytes_of(data, size), &crypto_openssl, &bundle);
    if (!message && !trust_bundle_read_payload(bytes_of(data, size), &crypto_openssl, &bundle))
        return 0;
    walk(&bundle);
    trust_bundle_write_payload(&bundle, &out);
    CHECK(buf_ok(&out));
    CHECK(bytes_equal(buf_bytes(&out), message ? bundle.message.payload : bytes_of(data, size)));
    return 0;
}
