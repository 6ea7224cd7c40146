/* Keys and signed octets of the vectors: the same for the same seed, because keys are drawn from it
 * and mbedTLS's provider signs without randomness. */
#include <stdio.h>

#include "base/check.h"
#include "cli/vectors.h"
#include "protocol/cbor.h"
#include "protocol/status_list.h"

#define KEYS_BEGIN 1700000000
#define LIST_TTL_S 300
#define PREFIX     VECTORS_ORIGIN "/v#"

static const struct crypto_provider *const crypto = &crypto_mbedtls;

/* ---- keys ---------------------------------------------------------------------------------------
 */

static enum key_use use_of(enum vectors_key key)
{
    return key == ROOT || key == NEXT_ROOT         ? KEY_USE_ROOT
           : key == STATUS || key == SECOND_STATUS ? KEY_USE_STATUS
                                                   : KEY_USE_CODE;
}

/* The private key: SHA-256 over what it is for, the first that is in range. */
static void draw_pair(uint64_t seed, enum crypto_alg alg, enum vectors_key key,
                      struct crypto_key_pair *pair)
{
    uint8_t scalar[CRYPTO_PRIVATE_BYTES];
    enum crypto_result result = CRYPTO_BAD_KEY;
    for (unsigned attempt = 0; result == CRYPTO_BAD_KEY && attempt < 8; attempt++) {
        char text[96];
        int len = snprintf(text, sizeof text, "jwb vectors %llu %s %d %u", (unsigned long long)seed,
                           key_alg_text(alg), (int)key, attempt);
        const struct bytes name = bytes_of(text, (size_t)len);
        CHECK(crypto->sha256(&name, 1, scalar) == CRYPTO_OK);
        result = crypto_mbedtls_key_pair(alg, scalar, pair);
    }
    CHECK(result == CRYPTO_OK);
}

void vectors_city_init(struct vectors_city *city, enum crypto_alg alg, uint64_t seed)
{
    city->alg = alg;
    for (int i = ROOT; i < VECTORS_KEYS; i++) {
        struct keyring_key *key = &city->keys[i];
        draw_pair(seed, alg, (enum vectors_key)i, &city->pairs[i]);
        *key = (struct keyring_key){.alg = alg,
                                    .use = use_of((enum vectors_key)i),
                                    .publish_at = KEYS_BEGIN,
                                    .use_from = KEYS_BEGIN,
                                    .retire_at = INT64_MAX};
        memcpy(key->public_key, city->pairs[i].public_key, sizeof key->public_key);
        city->signers[i] = crypto->signer_create(alg, &city->pairs[i]);
        CHECK(city->signers[i] && key_id(crypto, alg, key->public_key, key->kid) == CRYPTO_OK);
    }
}

void vectors_city_fini(struct vectors_city *city)
{
    for (int i = ROOT; i < VECTORS_KEYS; i++)
        crypto->signer_destroy(&city->signers[i]);
}

/* ---- messages -----------------------------------------------------------------------------------
 */

/* What `out` has is the payload, and becomes the message. */
static void wrap(const struct vectors_city *city, enum vectors_key key, enum vectors_oddity oddity,
                 const char *type, struct buf *out)
{
    struct crypto_signer *signer = city->signers[oddity == BY_STRANGER ? STRANGER : key];
    CHECK(cose_typed_wrap(bytes_str(type), city->alg, city->keys[key].kid, 0, crypto, signer,
                          out) == CRYPTO_OK);
}

static void prepend(struct buf *message, struct bytes octets)
{
    CHECK(buf_grow(message, octets.len));
    memmove(message->data + octets.len, message->data, message->len - octets.len);
    memcpy(message->data, octets.data, octets.len);
}

/* Those that come after signing. */
static void alter(struct buf *message, enum vectors_oddity oddity)
{
    if (oddity == FORGED)
        message->data[message->len - CRYPTO_SIGNATURE_BYTES / 2 - 8] ^= 1; /* in r */
    else if (oddity == CUT_OFF)
        message->len--;
    else if (oddity == TRAILING)
        buf_put_u8(message, 0);
    else if (oddity == UNTAGGED)
        memmove(message->data, message->data + 1, --message->len);
    else if (oddity == CWT_TAG)
        prepend(message, BYTES("\xd8\x3d"));
    CHECK(buf_ok(message));
}

/* ---- bundles ------------------------------------------------------------------------------------
 */

static const struct trust_entry types[] = {
    {2, BYTES("11100000000013127D001"), BYTES("机动车驾驶证"), BYTES("Driving licence")}};
static const struct trust_entry issuers[] = {
    {412, BYTES("11410899000000000X"), BYTES("虚构市交通运输局"), BYTES("")}};

/* Never more than one of each here. */
static void revoke(struct trust_bundle *bundle, const uint8_t kid[KID_BYTES])
{
    struct keyring *ring = &bundle->ring;
    size_t kept = 0;
    for (size_t i = 0; i < ring->count; i++)
        if (memcmp(ring->keys[i].kid, kid, KID_BYTES) != 0)
            ring->keys[kept++] = ring->keys[i];
    ring->count = kept;
    memcpy(bundle->revoked[bundle->revoked_count++], kid, KID_BYTES);
}

static void draft(const struct vectors_city *city, const struct vectors_bundle *row,
                  struct trust_bundle *bundle)
{
    const int64_t made = VECTORS_NOW - VECTORS_DAY;
    *bundle = (struct trust_bundle){
        .version = (uint64_t)(made + row->version),
        .not_before = made + row->begins,
        .expires = made + 7 * VECTORS_DAY + row->ends,
        .types = types,
        .type_count = 1,
        .issuers = issuers,
        .issuer_count = 1,
        .lists = {{0, BYTES(VECTORS_ORIGIN "/v1/status-lists/0")},
                  {1, BYTES(VECTORS_ORIGIN "/v1/status-lists/1")}},
        .list_count = 2,
        .life_max_s = 300,
        .future_s = 60,
        .past_s = 30,
    };
    struct keyring *ring = &bundle->ring;
    ring->keys[ring->count++] = city->keys[ROOT];
    for (int i = CODE; i <= SECOND_STATUS; i++)
        ring->keys[ring->count++] = city->keys[i];
    ring->keys[ring->count++] = city->other->keys[CODE];
    if (row->names)
        ring->keys[ring->count++] = city->keys[row->names];
    if (row->revokes)
        revoke(bundle, city->keys[row->revokes].kid);
    if (row->change)
        row->change(bundle);
}

void vectors_make_bundle(const struct vectors_city *city, const struct vectors_bundle *row,
                         struct buf *out)
{
    static struct trust_bundle bundle;
    draft(city, row, &bundle);
    trust_bundle_write_payload(&bundle, out);
    wrap(city, row->signer ? row->signer : ROOT, row->oddity,
         row->oddity == OTHER_TYPE ? STATUS_LIST_CWT_TYPE : TRUST_BUNDLE_TYPE, out);
    alter(out, row->oddity);
}

/* ---- lists --------------------------------------------------------------------------------------
 */

/* 16 octets of zeros, stored (RFC 1950, RFC 1951). */
static const uint8_t SHORT[] = {0x78, 0x01, 0x01, 0x10, 0x00, 0xef, 0xff, 0, 0, 0, 0,    0, 0,   0,
                                0,    0,    0,    0,    0,    0,    0,    0, 0, 0, 0x10, 0, 0x01};

static void put_array(const struct vectors_list *row, struct buf *out)
{
    static uint8_t array[STATUS_LIST_BYTES], compressed[VECTORS_OCTETS_MAX];
    struct buf lst = BUF_OVER(compressed);
    for (uint8_t i = 0; i < 4; i++)
        status_list_set(array, VECTORS_PLACE + i, i ? i : row->bits);
    CHECK(status_list_deflate(array, &lst));
    if (row->oddity == LONG_STREAM)
        buf_put_u8(&lst, 0);
    cbor_put_map(out, 2);
    cbor_put_text(out, BYTES("lst"));
    cbor_put_bytes(out,
                   row->oddity == SHORT_LIST ? bytes_of(SHORT, sizeof SHORT) : buf_bytes(&lst));
    cbor_put_text(out, BYTES("bits"));
    cbor_put_uint(out, row->oddity == FOUR_BITS ? 4 : 2);
}

static void put_claim(const struct vectors_city *city, const struct vectors_list *row,
                      int64_t claim, struct buf *out)
{
    cbor_put_int(out, claim);
    switch (claim) {
    case STATUS_LIST_CLAIM_SUB:
        cbor_put_text(out, row->list ? BYTES(VECTORS_ORIGIN "/v1/status-lists/1")
                                     : BYTES(VECTORS_ORIGIN "/v1/status-lists/0"));
        break;
    case STATUS_LIST_CLAIM_EXP:
        cbor_put_uint(out, (uint64_t)(VECTORS_NOW + 23 * 3600 + row->ends));
        break;
    case STATUS_LIST_CLAIM_IAT:
        cbor_put_uint(out, (uint64_t)(VECTORS_NOW - 3600 + row->issued));
        break;
    case STATUS_LIST_CLAIM_LIST:
        put_array(row, out);
        break;
    case STATUS_LIST_CLAIM_REVOKED:
        cbor_put_array(out, row->revokes != NO_KEY);
        if (row->revokes)
            cbor_put_bytes(out, bytes_of(city->keys[row->revokes].kid, KID_BYTES));
        break;
    default: /* the time to live, and a claim that nobody knows */
        cbor_put_uint(out, LIST_TTL_S);
    }
}

/* By hand: others write what status_list_write_cwt never would. */
void vectors_make_list(const struct vectors_city *city, const struct vectors_list *row,
                       struct buf *out)
{
    static const int64_t ordered[] = {STATUS_LIST_CLAIM_SUB, STATUS_LIST_CLAIM_EXP,
                                      STATUS_LIST_CLAIM_IAT, STATUS_LIST_CLAIM_LIST,
                                      STATUS_LIST_CLAIM_TTL, STATUS_LIST_CLAIM_REVOKED},
                         reversed[] = {-70000, STATUS_LIST_CLAIM_LIST, STATUS_LIST_CLAIM_IAT,
                                       STATUS_LIST_CLAIM_EXP, STATUS_LIST_CLAIM_SUB},
                         endless[] = {STATUS_LIST_CLAIM_SUB, STATUS_LIST_CLAIM_IAT,
                                      STATUS_LIST_CLAIM_LIST};
    const int64_t *claims = row->oddity == REVERSED ? reversed
                            : row->oddity == NO_END ? endless
                                                    : ordered;
    const size_t count = row->oddity == REVERSED ? 5 : row->oddity == NO_END ? 3 : 6;
    cbor_put_map(out, count);
    for (size_t i = 0; i < count; i++)
        put_claim(city, row, claims[i], out);
    wrap(city, row->signer ? row->signer : STATUS, row->oddity,
         row->oddity == OTHER_TYPE ? TRUST_BUNDLE_TYPE : STATUS_LIST_CWT_TYPE, out);
    alter(out, row->oddity);
}

/* ---- codes --------------------------------------------------------------------------------------
 */

static int32_t until_of(const struct vectors_code *row)
{
    const int32_t today = (VECTORS_NOW + 28800) / VECTORS_DAY; /* in UTC+8 */
    switch (row->until) {
    case WITH_LAST_DAY:
        return today + 745;
    case TODAY:
        return today;
    case YESTERDAY:
        return today - 1;
    case LONG_TERM:
        return CODE_LONG_TERM;
    }
    return 0;
}

static void sign_code(const struct vectors_city *city, const struct vectors_code *row,
                      struct buf *out)
{
    const enum vectors_key key = row->signer ? row->signer : CODE;
    const int64_t issued_at = VECTORS_NOW + row->issued;
    const struct code_claims claims = {.issued_at = issued_at,
                                       .expires_at = issued_at + (row->life ? row->life : 60),
                                       .cti = "display",
                                       .type = (uint16_t)(2 + row->type),
                                       .issuer = (uint16_t)(412 + row->issuer),
                                       .version = 1,
                                       .holder_name = BYTES("张*"),
                                       .number_tail = BYTES("0417"),
                                       .valid_until = until_of(row),
                                       .list = (uint16_t)row->list,
                                       .index = VECTORS_PLACE};
    CHECK(code_sign(&claims, row->oddity == OTHER_ALG ? city->other->alg : city->alg,
                    city->keys[key].kid, crypto,
                    city->signers[row->oddity == BY_STRANGER ? STRANGER : key], out) == CODE_OK);
    alter(out, row->oddity);
}

void vectors_make_code(const struct vectors_city *city, const struct vectors_code *row,
                       struct buf *text)
{
    uint8_t octets[CODE_COSE_BYTES_MAX + 1];
    struct buf cose = BUF_OVER(octets);
    sign_code(row->of_other_city ? city->other : city, row, &cose);
    if (row->text == SPACED)
        buf_put_str(text, "\t ");
    if (row->text == OTHER_TEXT)
        buf_put_str(text, VECTORS_ORIGIN "/menu");
    else
        code_write_text(row->text == DIGITS ? BYTES("") : BYTES(PREFIX), buf_bytes(&cose), text);
    if (row->text == A_DIGIT_MORE)
        buf_put_u8(text, '0');
    if (row->text == SPACED)
        buf_put_str(text, " \r\n");
}
