/* What the tests of the crypto room share. */
#ifndef TESTS_CRYPTO_PROVIDERS_H
#define TESTS_CRYPTO_PROVIDERS_H

#include "crypto/crypto.h"
#include "tests/support.h"

static const struct crypto_provider *const PROVIDERS[] = {&crypto_openssl, &crypto_mbedtls};
#define EACH_PROVIDER(c)                                                                           \
    for (const struct crypto_provider *const *p_ = PROVIDERS, *c;                                  \
         p_ < PROVIDERS + 2 && ((c = *p_), true); p_++)

/* Octets of a hexadecimal text; valid until eight further calls. */
static inline struct bytes hex(const char *text)
{
    static uint8_t storage[8][512];
    static int next;
    struct buf out = BUF_OVER(storage[next++ % 8]);
    assert_true(buf_put_from_hex(&out, bytes_str(text)));
    return buf_bytes(&out);
}

#define assert_hex(actual, len_, text)                                                             \
    do {                                                                                           \
        assert_int_equal(hex(text).len, len_);                                                     \
        assert_memory_equal(actual, hex(text).data, len_);                                         \
    } while (0)

#endif
