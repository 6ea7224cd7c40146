/* The file "trust": roots, revoked kids and the bundle in one, so that one write moves all. */
#include "protocol/cbor.h"
#include "terminal/knowledge.h"

#define FILE_VERSION 1
#define FILE_ITEMS   5
#define ROOT_ITEMS   4

void knowledge_write(const struct knowledge *k, struct buf *file)
{
    cbor_put_array(file, FILE_ITEMS);
    cbor_put_uint(file, FILE_VERSION);
    cbor_put_array(file, k->roots.count);
    for (size_t i = 0; i < k->roots.count; i++) {
        const struct keyring_key *key = &k->roots.keys[i];
        cbor_put_array(file, ROOT_ITEMS);
        cbor_put_int(file, key->alg);
        cbor_put_bytes(file, bytes_of(key->public_key, CRYPTO_PUBLIC_BYTES));
        cbor_put_uint(file, (uint64_t)key->use_from);
        cbor_put_uint(file, (uint64_t)key->retire_at);
    }
    cbor_put_bytes(file, bytes_of(k->by_bundle.kids, k->by_bundle.count * KID_BYTES));
    cbor_put_bytes(file, bytes_of(k->by_list.kids, k->by_list.count * KID_BYTES));
    cbor_put_bytes(file, k->has_bundle ? bytes_of(k->bundle_octets, k->bundle_len) : BYTES(""));
}

static bool read_root(struct cbor_reader *r, const struct crypto_provider *crypto,
                      struct keyring *roots)
{
    struct keyring_key key = {.use = KEY_USE_ROOT};
    cbor_read_array(r, ROOT_ITEMS);
    key.alg = (enum crypto_alg)cbor_read_int(r);
    struct bytes point = cbor_read_bytes(r, CRYPTO_PUBLIC_BYTES, CRYPTO_PUBLIC_BYTES);
    key.use_from = (int64_t)cbor_read_uint(r, INT64_MAX);
    key.retire_at = (int64_t)cbor_read_uint(r, INT64_MAX);
    if (r->failed)
        return false;
    memcpy(key.public_key, point.data, point.len);
    return keyring_add(roots, crypto, &key) == KEYRING_OK;
}

static void read_kids(struct cbor_reader *r, struct kid_set *set)
{
    struct bytes kids = cbor_read_bytes(r, 0, sizeof set->kids);
    set->count = kids.len / KID_BYTES;
    memcpy(set->kids, kids.data, set->count * KID_BYTES);
}

bool knowledge_read(struct knowledge *k, struct bytes file, struct bytes *bundle)
{
    struct cbor_reader r = cbor_reader_over(file);
    cbor_read_array(&r, FILE_ITEMS);
    cbor_read_key(&r, FILE_VERSION);
    size_t count = cbor_read_array_head(&r, KEYRING_KEYS_MAX);
    for (size_t i = 0; i < count && !r.failed; i++)
        if (!read_root(&r, k->crypto, &k->roots))
            r.failed = true;
    read_kids(&r, &k->by_bundle);
    read_kids(&r, &k->by_list);
    *bundle = cbor_read_bytes(&r, 0, TRUST_BUNDLE_BYTES_MAX);
    if (cbor_read_end(&r))
        return true;
    k->roots.count = k->by_bundle.count = k->by_list.count = 0;
    return false;
}
