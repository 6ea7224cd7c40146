/* Any octets, as a terminal's file "trust" with its seal off. What is read, written again and read,
 * is the same; and no bundle in it is believed that no root key in it signed. */
#include "base/check.h"
#include "terminal/knowledge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void forget(struct knowledge *k)
{
    k->roots.count = k->by_bundle.count = k->by_list.count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct knowledge k;
    static uint8_t storage[KNOWLEDGE_FILE_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    struct bytes bundle, again;
    if (!k.crypto)
        CHECK(knowledge_init(&k, &crypto_openssl, 1) == JWBT_OK);
    forget(&k);
    if (!knowledge_read(&k, bytes_of(data, size), &bundle)) {
        CHECK(k.roots.count == 0 && k.by_bundle.count == 0 && k.by_list.count == 0);
        return 0;
    }
    const size_t roots = k.roots.count, revoked = k.by_bundle.count + k.by_list.count;
    knowledge_write(&k, &out);
    forget(&k);
    CHECK(buf_ok(&out) && knowledge_read(&k, buf_bytes(&out), &again));
    CHECK(again.len == 0 && k.roots.count == roots);
    CHECK(k.by_bundle.count + k.by_list.count == revoked);
    CHECK(roots > 0 || knowledge_restore_bundle(&k, bundle, 0) != JWBT_OK);
    return 0;
}
