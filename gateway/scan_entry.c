#include "gateway/scan_entry.h"

#include "base/check.h"
#include "base/utf8.h"
#include "crypto/crypto.h"
#include "protocol/token.h"

#define TIME_BYTES 8
#define CLIENT_AT  (TIME_BYTES + CRYPTO_HASH_BYTES) /* its length */

static const uint8_t no_key[CRYPTO_HASH_BYTES];

void scan_entry_write(struct buf *out, const struct scan_entry *entry)
{
    const struct bytes parts[] = {entry->key, bytes_of("", 1), entry->purpose};
    uint8_t hash[CRYPTO_HASH_BYTES] = {0};
    if (entry->key.len)
        CHECK(crypto_openssl.sha256(parts, 3, hash) == CRYPTO_OK);
    buf_put_u32be(out, (uint32_t)(entry->at >> 32));
    buf_put_u32be(out, (uint32_t)entry->at);
    buf_put(out, bytes_of(hash, sizeof hash));
    buf_put_u8(out, (uint8_t)entry->client.len);
    buf_put(out, entry->client);
    buf_put(out, entry->agency);
}

bool scan_entry_read(struct bytes from, struct scan_entry *entry)
{
    if (from.len <= CLIENT_AT)
        return false;
    size_t client = from.data[CLIENT_AT];
    struct bytes texts = bytes_from(from, CLIENT_AT + 1);
    if (memcmp(from.data, "\0\0\0", 4) != 0 || /* before 2106 */
        client > texts.len || texts.len - client > TOKEN_SUBJECT_BYTES_MAX ||
        !utf8_printable(texts))
        return false;
    *entry = (struct scan_entry){.client = bytes_of(texts.data, client),
                                 .agency = bytes_from(texts, client)};
    for (int i = 0; i < TIME_BYTES; i++)
        entry->at = entry->at << 8 | from.data[i];
    return true;
}

bool scan_entry_repeats(struct bytes own, struct bytes first)
{
    return memcmp(own.data + TIME_BYTES, no_key, sizeof no_key) != 0 &&
           bytes_equal(bytes_from(own, TIME_BYTES), bytes_from(first, TIME_BYTES));
}
