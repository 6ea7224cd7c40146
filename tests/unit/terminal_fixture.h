/* A city for the tests of terminals: its keys, and the codes, bundles and lists that it signs. All
 * in one algorithm, ES256 or SM2. */
#ifndef TESTS_TERMINAL_FIXTURE_H
#define TESTS_TERMINAL_FIXTURE_H

#include <stdio.h>

#include "base/check.h"
#include "protocol/code.h"
#include "terminal/knowledge.h"
#include "tests/support.h"

#define NOW       1750000000
#define LIST_URI  "https://city.example/v1/status-lists/0"
#define LIST1_URI "https://city.example/v1/status-lists/1"
#define PLACE     700123u

enum city_key { ROOT_A, ROOT_B, CODE_A, CODE_B, STATUS_A, STATUS_B, STRANGER, CITY_KEYS };

struct city_signer {
    struct keyring_key key;
    struct crypto_signer *signer;
};
struct city {
    enum crypto_alg alg;
    struct city_signer keys[CITY_KEYS];
};

static inline const struct city *city_of(enum crypto_alg alg)
{
    static const enum key_use uses[CITY_KEYS] = {KEY_USE_ROOT, KEY_USE_ROOT,   KEY_USE_CODE,
                                                 KEY_USE_CODE, KEY_USE_STATUS, KEY_USE_STATUS,
                                                 KEY_USE_CODE};
    static struct city cities[2];
    struct city *city = &cities[alg == CRYPTO_SM2];
    for (size_t i = 0; i < CITY_KEYS && !city->alg; i++) {
        struct crypto_key_pair pair;
        struct city_signer *s = &city->keys[i];
        CHECK(crypto_openssl.key_generate(alg, &pair) == CRYPTO_OK);
        s->key = (struct keyring_key){.alg = alg,
                                      .use = uses[i],
                                      .publish_at = NOW - 864000,
                                      .use_from = NOW - 864000,
                                      .retire_at = INT64_MAX};
        memcpy(s->key.public_key, pair.public_key, sizeof pair.public_key);
        CHECK(key_id(&crypto_openssl, alg, pair.public_key, s->key.kid) == CRYPTO_OK);
        s->signer = crypto_openssl.signer_create(alg, &pair);
        CHECK(s->signer);
    }
    city->alg = alg;
    return city;
}

/* ---- root keys: a set with one of them ---- */

static inline struct bytes root_set(const struct city *city, enum city_key root)
{
    static uint8_t storage[512];
    struct buf out = BUF_OVER(storage);
    const struct keyring_key *key = &city->keys[root].key;
    const char *name = city->alg == CRYPTO_SM2 ? "SM2" : "P-256";
    buf_printf(&out,
               "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"%s\",\"use\":\"sig\",\"alg\":\"%s\","
               "\"jwb_use\":\"root\",\"kid\":\"",
               name, city->alg == CRYPTO_SM2 ? name : "ES256");
    buf_put_hex(&out, bytes_of(key->kid, KID_BYTES));
    buf_put_str(&out, "\",\"x\":\"");
    buf_put_base64url(&out, bytes_of(key->public_key + 1, 32));
    buf_put_str(&out, "\",\"y\":\"");
    buf_put_base64url(&out, bytes_of(key->public_key + 33, 32));
    buf_put_str(&out, "\"}]}");
    CHECK(buf_ok(&out));
    return buf_bytes(&out);
}

/* ---- a bundle ---- */

static const struct trust_entry city_types[] = {
    {2, BYTES("11100000000013127D001"), BYTES("机动车驾驶证"), BYTES("Driving licence")},
    {3, BYTES("11100000000013127D032"), BYTES("网络预约出租汽车驾驶员证"),
     BYTES("Ride-hailing driver")},
};
static const struct trust_entry city_issuers[] = {
    {412, BYTES("11410800005709876X"), BYTES("虚构市交通运输局"), BYTES("")},
};

/* Version 10, made a day ago, good for a week; all keys of the city but the second root and the
 * stranger. Signed by ROOT_A unless `signer` says else. */
struct city_bundle {
    struct trust_bundle bundle;
    enum city_key signer;
};

static inline void bundle_name(struct trust_bundle *bundle, const struct keyring_key *key)
{
    CHECK(keyring_add(&bundle->ring, &crypto_openssl, key) == KEYRING_OK);
}

static inline void bundle_drop(struct trust_bundle *bundle, const uint8_t kid[KID_BYTES])
{
    struct keyring *ring = &bundle->ring;
    for (size_t i = 0; i < ring->count; i++)
        if (memcmp(ring->keys[i].kid, kid, KID_BYTES) == 0) {
            memmove(&ring->keys[i], &ring->keys[i + 1], (ring->count - i - 1) * sizeof *ring->keys);
            ring->count--;
        }
}

/* Revoked ones stand apart, in ascending order. */
static inline void bundle_revoke(struct trust_bundle *bundle, const struct keyring_key *key)
{
    size_t at = 0;
    bundle_drop(bundle, key->kid);
    while (at < bundle->revoked_count && memcmp(bundle->revoked[at], key->kid, KID_BYTES) < 0)
        at++;
    memmove(bundle->revoked[at + 1], bundle->revoked[at],
            (bundle->revoked_count++ - at) * KID_BYTES);
    memcpy(bundle->revoked[at], key->kid, KID_BYTES);
}

static inline void bundle_init(struct city_bundle *b, const struct city *city)
{
    memset(b, 0, sizeof *b);
    b->signer = ROOT_A;
    b->bundle = (struct trust_bundle){.version = 10,
                                      .not_before = NOW - 86400,
                                      .expires = NOW + 6 * 86400,
                                      .types = city_types,
                                      .issuers = city_issuers,
                                      .type_count = 2,
                                      .issuer_count = 1,
                                      .lists = {{0, BYTES(LIST_URI)}, {1, BYTES(LIST1_URI)}},
                                      .list_count = 2,
                                      .life_max_s = 300,
                                      .future_s = 60,
                                      .past_s = 30};
    bundle_name(&b->bundle, &city->keys[ROOT_A].key);
    for (int i = CODE_A; i <= STATUS_B; i++)
        bundle_name(&b->bundle, &city->keys[i].key);
}

static inline struct bytes bundle_sign(const struct city_bundle *b, const struct city *city)
{
    static uint8_t storage[2][16384];
    static int turn;
    turn = !turn;
    struct buf out = BUF_OVER(storage[turn]);
    const struct city_signer *s = &city->keys[b->signer];
    CHECK(trust_bundle_write(&b->bundle, s->key.alg, s->key.kid, &crypto_openssl, s->signer,
                             &out) == CRYPTO_OK);
    CHECK(buf_ok(&out));
    return buf_bytes(&out);
}

/* ---- a list ---- */

/* Issued an hour ago, good for a day, by STATUS_A; PLACE has `bits`, all others 0. */
struct city_list {
    const char *uri;
    int64_t issued_at, expires_at;
    uint8_t bits;
    enum city_key signer;
    const struct keyring_key *revokes; /* NULL: none */
    uint32_t strangers;                /* else 256 kids of no key, from this on; 0: none */
};

static inline struct city_list list_of(const char *uri)
{
    return (struct city_list){
        .uri = uri, .issued_at = NOW - 3600, .expires_at = NOW + 82800, .signer = STATUS_A};
}

static inline struct bytes list_sign(const struct city_list *list, const struct city *city)
{
    static uint8_t array[STATUS_LIST_BYTES], compressed[16384], storage[4][16384];
    static struct status_list_token token;
    static int turn;
    turn = (turn + 1) % 4;
    struct buf lst = BUF_OVER(compressed), out = BUF_OVER(storage[turn]);
    const struct city_signer *s = &city->keys[list->signer];
    status_list_set(array, PLACE, list->bits);
    CHECK(status_list_deflate(array, &lst));
    token = (struct status_list_token){.subject = bytes_str(list->uri),
                                       .issued_at = list->issued_at,
                                       .expires_at = list->expires_at,
                                       .ttl_s = 300,
                                       .bits = 2,
                                       .lst = buf_bytes(&lst)};
    if (list->revokes)
        memcpy(token.revoked[token.revoked_count++], list->revokes->kid, KID_BYTES);
    for (uint32_t i = 0; list->strangers && i < STATUS_LIST_REVOKED_MAX; i++) {
        struct buf kid = {token.revoked[token.revoked_count++], KID_BYTES, 0, false};
        buf_put_u8(&kid, 0);
        buf_put_u8(&kid, 0);
        buf_put_u8(&kid, (uint8_t)((list->strangers + i) >> 8));
        buf_put_u8(&kid, (uint8_t)(list->strangers + i));
    }
    CHECK(status_list_write_cwt(&token, s->key.alg, s->key.kid, &crypto_openssl, s->signer, &out) ==
          CRYPTO_OK);
    CHECK(buf_ok(&out));
    return buf_bytes(&out);
}

/* ---- a code ---- */

/* Issued now, for 60 s: PLACE of list 0, of a type and an issuer of the bundle. */
static inline struct code_claims claims_of(uint8_t number)
{
    return (struct code_claims){.issued_at = NOW,
                                .expires_at = NOW + 60,
                                .cti = {'d', 'i', 's', 'p', 'l', 'a', 'y', number},
                                .type = 3,
                                .issuer = 412,
                                .version = 1,
                                .holder_name = BYTES("张*"),
                                .number_tail = BYTES("0417"),
                                .valid_until = 21000,
                                .list = 0,
                                .index = PLACE};
}

#define CODE_PREFIX "https://city.example/v#"
static inline struct bytes code_text(const struct code_claims *claims, const struct city *city,
                                     enum city_key signer)
{
    static uint8_t storage[4][CODE_TEXT_BYTES_MAX];
    static int turn;
    uint8_t octets[CODE_COSE_BYTES_MAX];
    turn = (turn + 1) % 4;
    struct buf cose = BUF_OVER(octets), text = BUF_OVER(storage[turn]);
    const struct city_signer *s = &city->keys[signer];
    CHECK(code_sign(claims, s->key.alg, s->key.kid, &crypto_openssl, s->signer, &cose) == CODE_OK);
    code_write_text(BYTES(CODE_PREFIX), buf_bytes(&cose), &text);
    CHECK(buf_ok(&text));
    return buf_bytes(&text);
}

#endif
