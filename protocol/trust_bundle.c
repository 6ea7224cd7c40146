#include "protocol/trust_bundle.h"

#include "base/check.h"
#include "base/utf8.h"
#include "protocol/cbor.h"
#include "protocol/code.h"

/* The payload's keys. */
enum {
    VERSION = 1,
    NOT_BEFORE,
    EXPIRES,
    KEYS,
    REVOKED,
    TYPES,
    ISSUERS,
    LISTS,
    LIMITS,
    MEMBERS = LIMITS,
};

#define TIME_MAX UINT32_MAX /* until 2106; as the end of a key: none */

/* ---- writing ------------------------------------------------------------------------------------
 */

static void put_key(struct buf *out, const struct keyring_key *key)
{
    cbor_put_array(out, 7);
    cbor_put_bytes(out, bytes_of(key->kid, KID_BYTES));
    cbor_put_uint(out, key->use);
    cbor_put_int(out, key->alg);
    cbor_put_bytes(out, bytes_of(key->public_key, CRYPTO_PUBLIC_BYTES));
    cbor_put_uint(out, (uint64_t)key->publish_at);
    cbor_put_uint(out, (uint64_t)key->use_from);
    cbor_put_uint(out, key->retire_at == INT64_MAX ? TIME_MAX : (uint64_t)key->retire_at);
}

static void put_entries(struct buf *out, const struct trust_entry *entries, struct bytes rows,
                        size_t count)
{
    cbor_put_array(out, count);
    if (!entries)
        buf_put(out, rows);
    for (size_t i = 0; entries && i < count; i++) {
        cbor_put_array(out, 4);
        cbor_put_uint(out, entries[i].index);
        cbor_put_text(out, entries[i].code);
        cbor_put_text(out, entries[i].name);
        cbor_put_text(out, entries[i].english);
    }
}

void trust_bundle_write_payload(const struct trust_bundle *bundle, struct buf *out)
{
    cbor_put_map(out, MEMBERS);
    cbor_put_uint(out, VERSION);
    cbor_put_uint(out, bundle->version);
    cbor_put_uint(out, NOT_BEFORE);
    cbor_put_uint(out, (uint64_t)bundle->not_before);
    cbor_put_uint(out, EXPIRES);
    cbor_put_uint(out, (uint64_t)bundle->expires);
    cbor_put_uint(out, KEYS);
    cbor_put_array(out, bundle->ring.count);
    for (size_t i = 0; i < bundle->ring.count; i++)
        put_key(out, &bundle->ring.keys[i]);
    cbor_put_uint(out, REVOKED);
    cbor_put_array(out, bundle->revoked_count);
    for (size_t i = 0; i < bundle->revoked_count; i++)
        cbor_put_bytes(out, bytes_of(bundle->revoked[i], KID_BYTES));
    cbor_put_uint(out, TYPES);
    put_entries(out, bundle->types, bundle->type_rows, bundle->type_count);
    cbor_put_uint(out, ISSUERS);
    put_entries(out, bundle->issuers, bundle->issuer_rows, bundle->issuer_count);
    cbor_put_uint(out, LISTS);
    cbor_put_array(out, bundle->list_count);
    for (size_t i = 0; i < bundle->list_count; i++) {
        cbor_put_array(out, 2);
        cbor_put_uint(out, bundle->lists[i].list);
        cbor_put_text(out, bundle->lists[i].uri);
    }
    cbor_put_uint(out, LIMITS);
    cbor_put_array(out, 3);
    cbor_put_uint(out, bundle->life_max_s);
    cbor_put_uint(out, bundle->future_s);
    cbor_put_uint(out, bundle->past_s);
}

enum crypto_result trust_bundle_sign(enum crypto_alg alg, const uint8_t kid[KID_BYTES], size_t from,
                                     const struct crypto_provider *crypto,
                                     struct crypto_signer *signer, struct buf *out)
{
    return cose_typed_wrap(BYTES(TRUST_BUNDLE_TYPE), alg, kid, from, crypto, signer, out);
}

enum crypto_result trust_bundle_write(const struct trust_bundle *bundle, enum crypto_alg alg,
                                      const uint8_t kid[KID_BYTES],
                                      const struct crypto_provider *crypto,
                                      struct crypto_signer *signer, struct buf *out)
{
    const size_t from = out->len;
    struct trust_bundle again;
    trust_bundle_write_payload(bundle, out);
    if (!buf_ok(out))
        return CRYPTO_OK;
    CHECK(trust_bundle_read_payload(bytes_from(buf_bytes(out), from), crypto, &again));
    return trust_bundle_sign(alg, kid, from, crypto, signer, out);
}

/* ---- reading ------------------------------------------------------------------------------------
 */

static void fail_unless(struct cbor_reader *r, bool good)
{
    r->failed |= !good;
}

static bool use_known(uint64_t use)
{
    return use != KEY_USE_EVIDENCE && use <= KEY_USE_WEBHOOK;
}

/* The kid is computed, and must be the one that stands there. */
static void read_key(struct cbor_reader *r, const struct crypto_provider *crypto,
                     struct keyring *ring)
{
    struct keyring_key key;
    cbor_read_array(r, 7);
    struct bytes kid = cbor_read_bytes(r, KID_BYTES, KID_BYTES);
    uint64_t use = cbor_read_uint(r, KEY_USE_WEBHOOK);
    int64_t alg = cbor_read_int(r);
    struct bytes point = cbor_read_bytes(r, CRYPTO_PUBLIC_BYTES, CRYPTO_PUBLIC_BYTES);
    key.publish_at = (int64_t)cbor_read_uint(r, TIME_MAX);
    key.use_from = (int64_t)cbor_read_uint(r, TIME_MAX);
    key.retire_at = (int64_t)cbor_read_uint(r, TIME_MAX);
    fail_unless(r, use_known(use) && (alg == CRYPTO_ES256 || alg == CRYPTO_SM2));
    if (r->failed)
        return;
    if (key.retire_at == TIME_MAX)
        key.retire_at = INT64_MAX;
    key.use = (enum key_use)use;
    key.alg = (enum crypto_alg)alg;
    key.revoked = false;
    memcpy(key.public_key, point.data, sizeof key.public_key);
    fail_unless(r, point.data[0] == 4 && keyring_add(ring, crypto, &key) == KEYRING_OK &&
                       memcmp(ring->keys[ring->count - 1].kid, kid.data, KID_BYTES) == 0);
}

static void read_revoked(struct cbor_reader *r, struct trust_bundle *bundle)
{
    bundle->revoked_count = cbor_read_array_head(r, TRUST_REVOKED_MAX);
    for (size_t i = 0; i < bundle->revoked_count && !r->failed; i++) {
        struct bytes kid = cbor_read_bytes(r, KID_BYTES, KID_BYTES);
        fail_unless(r, kid.len == KID_BYTES && !keyring_find(&bundle->ring, kid.data) &&
                           (i == 0 || memcmp(bundle->revoked[i - 1], kid.data, KID_BYTES) < 0));
        if (!r->failed)
            memcpy(bundle->revoked[i], kid.data, KID_BYTES);
    }
}

static struct trust_entry read_entry(struct cbor_reader *r)
{
    struct trust_entry entry;
    cbor_read_array(r, 4);
    entry.index = (uint16_t)cbor_read_uint(r, UINT16_MAX);
    entry.code = cbor_read_text(r, 1, TRUST_CODE_BYTES_MAX);
    entry.name = cbor_read_text(r, 0, TRUST_NAME_BYTES_MAX);
    entry.english = cbor_read_text(r, 0, TRUST_NAME_BYTES_MAX);
    return entry;
}

/* Returns the rows as they stand, behind their array's head. */
static struct bytes read_entries(struct cbor_reader *r, size_t count_max, size_t *count)
{
    int32_t before = -1;
    *count = cbor_read_array_head(r, count_max);
    const uint8_t *begin = r->rest.data;
    for (size_t i = 0; i < *count && !r->failed; i++) {
        struct trust_entry entry = read_entry(r);
        fail_unless(r, entry.index > before && utf8_printable(entry.code) &&
                           utf8_printable(entry.name) && utf8_printable(entry.english));
        before = entry.index;
    }
    return r->failed ? bytes_of("", 0) : bytes_of(begin, (size_t)(r->rest.data - begin));
}

static void read_lists(struct cbor_reader *r, struct trust_bundle *bundle)
{
    int32_t before = -1;
    bundle->list_count = cbor_read_array_head(r, TRUST_LISTS_MAX);
    for (size_t i = 0; i < bundle->list_count && !r->failed; i++) {
        struct trust_list *list = &bundle->lists[i];
        cbor_read_array(r, 2);
        list->list = (uint16_t)cbor_read_uint(r, UINT16_MAX);
        list->uri = cbor_read_text(r, 1, TRUST_URI_BYTES_MAX);
        fail_unless(r, list->list > before && utf8_printable(list->uri));
        before = list->list;
    }
}

bool trust_bundle_read_payload(struct bytes payload, const struct crypto_provider *crypto,
                               struct trust_bundle *bundle)
{
    struct cbor_reader r = cbor_reader_over(payload);
    memset(bundle, 0, sizeof *bundle);
    cbor_read_map(&r, MEMBERS);
    cbor_read_key(&r, VERSION);
    bundle->version = cbor_read_uint(&r, TRUST_VERSION_MAX);
    cbor_read_key(&r, NOT_BEFORE);
    bundle->not_before = (int64_t)cbor_read_uint(&r, TIME_MAX);
    cbor_read_key(&r, EXPIRES);
    bundle->expires = (int64_t)cbor_read_uint(&r, TIME_MAX);
    fail_unless(&r, bundle->version > 0 && bundle->not_before < bundle->expires);
    cbor_read_key(&r, KEYS);
    for (size_t i = cbor_read_array_head(&r, KEYRING_KEYS_MAX); i > 0 && !r.failed; i--)
        read_key(&r, crypto, &bundle->ring);
    cbor_read_key(&r, REVOKED);
    read_revoked(&r, bundle);
    cbor_read_key(&r, TYPES);
    bundle->type_rows = read_entries(&r, TRUST_TYPES_MAX, &bundle->type_count);
    cbor_read_key(&r, ISSUERS);
    bundle->issuer_rows = read_entries(&r, TRUST_ISSUERS_MAX, &bundle->issuer_count);
    cbor_read_key(&r, LISTS);
    read_lists(&r, bundle);
    cbor_read_key(&r, LIMITS);
    cbor_read_array(&r, 3);
    bundle->life_max_s = (uint32_t)cbor_read_uint(&r, CODE_LIFE_S_MAX);
    bundle->future_s = (uint32_t)cbor_read_uint(&r, TRUST_TOLERANCE_S_MAX);
    bundle->past_s = (uint32_t)cbor_read_uint(&r, TRUST_TOLERANCE_S_MAX);
    fail_unless(&r, bundle->life_max_s > 0);
    return cbor_read_end(&r);
}

bool trust_bundle_read(struct bytes message, const struct crypto_provider *crypto,
                       struct trust_bundle *bundle)
{
    struct cose_sign1 read;
    if (message.len > TRUST_BUNDLE_BYTES_MAX ||
        !cose_typed_read(message, BYTES(TRUST_BUNDLE_TYPE), &read) ||
        !trust_bundle_read_payload(read.payload, crypto, bundle))
        return false;
    bundle->message = read;
    return true;
}

enum crypto_result trust_bundle_check(const struct trust_bundle *bundle,
                                      const struct crypto_provider *crypto,
                                      struct crypto_verifier *verifier)
{
    return cose_sign1_verify(&bundle->message, crypto, verifier);
}

/* ---- looking up ---------------------------------------------------------------------------------
 */

bool trust_bundle_revoked(const struct trust_bundle *bundle, const uint8_t kid[KID_BYTES])
{
    for (size_t i = 0; i < bundle->revoked_count; i++)
        if (memcmp(bundle->revoked[i], kid, KID_BYTES) == 0)
            return true;
    return false;
}

bool trust_bundle_next(struct bytes *rows, struct trust_entry *entry)
{
    struct cbor_reader r = cbor_reader_over(*rows);
    if (rows->len == 0)
        return false;
    *entry = read_entry(&r);
    *rows = r.rest;
    return true;
}

static bool find_entry(struct bytes rows, uint16_t index, struct trust_entry *entry)
{
    while (trust_bundle_next(&rows, entry))
        if (entry->index == index)
            return true;
    return false;
}

bool trust_bundle_type(const struct trust_bundle *bundle, uint16_t index, struct trust_entry *type)
{
    return find_entry(bundle->type_rows, index, type);
}

bool trust_bundle_issuer(const struct trust_bundle *bundle, uint16_t index,
                         struct trust_entry *issuer)
{
    return find_entry(bundle->issuer_rows, index, issuer);
}

const struct trust_list *trust_bundle_list(const struct trust_bundle *bundle, uint16_t list)
{
    for (size_t i = 0; i < bundle->list_count; i++)
        if (bundle->lists[i].list == list)
            return &bundle->lists[i];
    return NULL;
}
