/* Any octets, as a key set. One that is read is written and read again alike; one that is refused
 * leaves no key behind. */
#include "base/check.h"
#include "protocol/keyring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct keyring ring, again;
    static uint8_t storage[KEYRING_KEYS_MAX * 256];
    struct buf out = BUF_OVER(storage);
    ring.count = again.count = 0;
    if (!keyring_read_jwks(&ring, &crypto_mbedtls, bytes_of(data, size))) {
        CHECK(ring.count == 0);
        return 0;
    }
    CHECK(ring.count <= KEYRING_KEYS_MAX);
    keyring_write_jwks(&ring, 0, &out);
    CHECK(buf_ok(&out) && keyring_read_jwks(&again, &crypto_mbedtls, buf_bytes(&out)));
    CHECK(again.count == ring.count);
    for (size_t i = 0; i < ring.count; i++) {
        const struct keyring_key *a = &ring.keys[i], *b = &again.keys[i];
        CHECK(memcmp(a->kid, b->kid, sizeof a->kid) == 0);
        CHECK(memcmp(a->public_key, b->public_key, sizeof a->public_key) == 0);
        CHECK(a->use_from == b->use_from && a->retire_at == b->retire_at);
        CHECK(key_use_text(a->use) && a->use == b->use && a->use_from >= 0 && a->retire_at >= 0);
    }
    return 0;
}
