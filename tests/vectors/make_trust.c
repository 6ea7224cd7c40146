/* Writes trust.json: trust bundles and status lists that every reader must agree about. What is
 * expected stands here with each vector. Its output is the same at every run, because mbedTLS signs
 * deterministically (RFC 6979).
 *
 *   make build/release/libjwb.a && gcc -std=gnu11 -D_GNU_SOURCE -I. tests/vectors/make_trust.c \
 *       build/release/libjwb.a -lmbedcrypto -lcrypto -lz -lp11 -o build/make_trust
 *   build/make_trust > tests/vectors/trust.json */
#include <stdio.h>

#include "base/check.h"
#include "protocol/cbor.h"
#include "protocol/status_list.h"
#include "protocol/trust_bundle.h"

#define NOW    1750000000
#define ORIGIN "https://jwb.example"
#define PLACES 48

/* Nobody's keys: the first is RFC 6979's example, the others were drawn for codes.json. The SM2 key
 * is the curve's base point (GB/T 32918.5-2017). */
enum key { ROOT, CODE, STATUS, SM2_CODE, KEYS };
static const struct {
    const char *private_hex, *public_hex;
    enum key_use use;
    enum crypto_alg alg;
} KEY[KEYS] = {
    [ROOT] = {"c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
              "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
              "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
              KEY_USE_ROOT, CRYPTO_ES256},
    [CODE] = {"f1a0314b011576d21e2f5894b4e749f28b1915a3fd66e7caa5381b6cdebff0ef",
              "04d46f10a8dd65457719044e4bf397e5505ed86e9d2b3b975aa3aa6ad5133f3e4e"
              "d87fecf48f5aeecadafccc4c9ce93e82c60576c990cd6c56a2e905065509b836",
              KEY_USE_CODE, CRYPTO_ES256},
    [STATUS] = {"d9818a4b17bd7411667634656110a539fdf910bc0debe07b035ebbe311bc2618",
                "04c079cf4d4ca627cb8ebe4a246ec676f7eefd9c66c1c2cc90770cf3fa48cef468"
                "5700909cdc764973196fce23df64b30c79218f3cf5aeca8e002f56ce5f08e847",
                KEY_USE_STATUS, CRYPTO_ES256},
    [SM2_CODE] = {NULL,
                  "0432c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
                  "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0",
                  KEY_USE_CODE, CRYPTO_SM2},
};
static const struct crypto_provider *const crypto = &crypto_mbedtls;
static struct crypto_signer *signers[KEYS];
static struct keyring all;

static void make_keys(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        struct crypto_key_pair pair;
        struct keyring_key key = {.alg = KEY[i].alg,
                                  .use = KEY[i].use,
                                  .publish_at = 1700000000,
                                  .use_from = 1700000000,
                                  .retire_at = 1800000000};
        struct buf private = BUF_OVER(pair.private_key), public = BUF_OVER(pair.public_key);
        CHECK(buf_put_from_hex(&public, bytes_str(KEY[i].public_hex)));
        memcpy(key.public_key, pair.public_key, sizeof key.public_key);
        CHECK(keyring_add(&all, crypto, &key) == KEYRING_OK);
        if (!KEY[i].private_hex)
            continue;
        CHECK(buf_put_from_hex(&private, bytes_str(KEY[i].private_hex)));
        signers[i] = crypto->signer_create(KEY[i].alg, &pair);
        CHECK(signers[i]);
    }
}

/* ---- bundles ---- */

static const struct trust_entry types[] = {
    {0, BYTES("11100000MB0308732W001"), BYTES("机动车驾驶证"), BYTES("Driving licence")},
    {3, BYTES("111000000000130148001"), BYTES("食品经营许可证"), BYTES("")},
};
static const struct trust_entry issuers[] = {
    {0, BYTES("11410800000000000X"), BYTES("示例市公安局"), BYTES("")}};

static struct trust_bundle typical(void)
{
    struct trust_bundle bundle = {
        .version = NOW,
        .not_before = NOW,
        .expires = NOW + 7 * 86400,
        .ring = all,
        .revoked = {{0x00, 0x01, 0x02, 0x03}, {0xAA, 0xBB, 0xCC, 0xDD}},
        .revoked_count = 2,
        .types = types,
        .type_count = 2,
        .issuers = issuers,
        .issuer_count = 1,
        .lists = {{0, BYTES(ORIGIN "/v1/status-lists/0")}, {1, BYTES(ORIGIN "/v1/status-lists/1")}},
        .list_count = 2,
        .life_max_s = 300,
        .future_s = 60,
        .past_s = 30,
    };
    bundle.ring.keys[SM2_CODE].retire_at = INT64_MAX;
    return bundle;
}

static void nothing(struct trust_bundle *bundle)
{
    (void)bundle;
}
static void empty(struct trust_bundle *bundle)
{
    bundle->ring.count = bundle->revoked_count = bundle->list_count = 0;
    bundle->type_count = bundle->issuer_count = 0;
}
static void revoked_and_there(struct trust_bundle *bundle)
{
    memcpy(bundle->revoked[1], bundle->ring.keys[STATUS].kid, KID_BYTES);
}
static void kid_of_another(struct trust_bundle *bundle)
{
    bundle->ring.keys[CODE].kid[3] ^= 1;
}
static void type_twice(struct trust_bundle *bundle)
{
    static const struct trust_entry twice[] = {{1, BYTES("a"), BYTES("a"), BYTES("")},
                                               {1, BYTES("b"), BYTES("b"), BYTES("")}};
    bundle->types = twice;
}
static void lists_unsorted(struct trust_bundle *bundle)
{
    bundle->lists[1].list = 0;
}
static void never_valid(struct trust_bundle *bundle)
{
    bundle->expires = bundle->not_before;
}
static void long_life(struct trust_bundle *bundle)
{
    bundle->life_max_s = 301;
}
static void evidence_key(struct trust_bundle *bundle)
{
    bundle->ring.keys[CODE].use = KEY_USE_EVIDENCE;
}

enum alteration { GENUINE, ONE_BIT, ONE_MORE, UNTAGGED };
static const struct {
    const char *name, *description, *result;
    void (*change)(struct trust_bundle *bundle);
    enum key by;
    enum alteration alteration;
} bundles[] = {
    {"typical", "keys of both algorithms, gaps in a catalogue", "ok", nothing, ROOT, GENUINE},
    {"empty", "no key, no type, no list", "ok", empty, ROOT, GENUINE},
    {"altered", "one bit of the signature", "bad_signature", nothing, ROOT, ONE_BIT},
    {"by_a_code_key", "a key in the bundle itself, but no root key", "unknown_key", nothing, CODE,
     GENUINE},
    {"longer", "an octet behind the end", "malformed", nothing, ROOT, ONE_MORE},
    {"untagged", "without tag 18", "malformed", nothing, ROOT, UNTAGGED},
    {"revoked_and_there", "a kid is a key's and revoked", "malformed", revoked_and_there, ROOT,
     GENUINE},
    {"kid_of_another", "a kid that is not its key's thumbprint", "malformed", kid_of_another, ROOT,
     GENUINE},
    {"type_twice", "two rows of one index", "malformed", type_twice, ROOT, GENUINE},
    {"lists_unsorted", "lists that do not ascend", "malformed", lists_unsorted, ROOT, GENUINE},
    {"never_valid", "expires is not_before", "malformed", never_valid, ROOT, GENUINE},
    {"long_life", "codes that may live for 301 s", "malformed", long_life, ROOT, GENUINE},
    {"evidence_key", "a key of use 3", "malformed", evidence_key, ROOT, GENUINE},
};

static void put_bundle(size_t i, struct buf *out)
{
    struct trust_bundle bundle = typical();
    const struct keyring_key *by = &all.keys[bundles[i].by];
    bundles[i].change(&bundle);
    trust_bundle_write_payload(&bundle, out);
    CHECK(trust_bundle_sign(by->alg, by->kid, 0, crypto, signers[bundles[i].by], out) == CRYPTO_OK);
    if (bundles[i].alteration == ONE_BIT)
        out->data[out->len - 1] ^= 1;
    if (bundles[i].alteration == ONE_MORE)
        buf_put_u8(out, 0);
    if (bundles[i].alteration == UNTAGGED)
        memmove(out->data, out->data + 1, --out->len);
    CHECK(buf_ok(out));
}

static void put_bundles(struct buf *out)
{
    buf_put_str(out, "\"bundles\": [\n");
    for (size_t i = 0; i < sizeof bundles / sizeof *bundles; i++) {
        static uint8_t storage[8192];
        struct buf message = BUF_OVER(storage);
        put_bundle(i, &message);
        buf_printf(out, "%s{\"name\": \"%s\", \"description\": \"%s\", \"expect\": \"%s\",\n",
                   i ? ",\n" : "", bundles[i].name, bundles[i].description, bundles[i].result);
        buf_put_str(out, "  \"cose\": \"");
        buf_put_hex(out, buf_bytes(&message));
        buf_put_str(out, "\"}");
    }
    buf_put_str(out, "\n],\n");
}

/* ---- lists ---- */

static void put_list(const char *name, unsigned places, size_t revoked, struct buf *out)
{
    static uint8_t array[STATUS_LIST_BYTES], lst_storage[8192], cwt_storage[8192],
        jwt_storage[16384];
    const struct keyring_key *by = &all.keys[STATUS];
    struct buf lst = BUF_OVER(lst_storage), cwt = BUF_OVER(cwt_storage),
               jwt = BUF_OVER(jwt_storage);
    memset(array, 0, sizeof array);
    buf_printf(out, "{\"name\": \"%s\", \"places\": [", name);
    for (uint32_t i = 0; i < places; i++) {
        const uint32_t place = i ? i * 21845u + i % 4 : 0;
        status_list_set(array, place, (uint8_t)(1 + i % 3));
        buf_printf(out, "%s[%u, %u]", i ? ", " : "", place, 1 + i % 3);
    }
    CHECK(status_list_deflate(array, &lst));
    const struct status_list_token token = {.subject = BYTES(ORIGIN "/v1/status-lists/0"),
                                            .issued_at = NOW,
                                            .expires_at = NOW + 86400,
                                            .ttl_s = 300,
                                            .bits = 2,
                                            .lst = buf_bytes(&lst),
                                            .revoked = {{0, 1, 2, 3}, {0xAA, 0xBB, 0xCC, 0xDD}},
                                            .revoked_count = revoked};
    CHECK(status_list_write_cwt(&token, by->alg, by->kid, crypto, signers[STATUS], &cwt) ==
          CRYPTO_OK);
    CHECK(status_list_write_jwt(&token, by->alg, by->kid, crypto, signers[STATUS], &jwt) ==
          CRYPTO_OK);
    buf_put_str(out, "],\n  \"cwt\": \"");
    buf_put_hex(out, buf_bytes(&cwt));
    buf_put_str(out, "\",\n  \"jwt\": \"");
    buf_put(out, buf_bytes(&jwt));
    buf_printf(out, "\",\n  \"revoked\": [%s]}", revoked ? "\"00010203\", \"aabbccdd\"" : "");
}

int main(void)
{
    static uint8_t storage[1 << 18];
    struct buf out = BUF_OVER(storage);
    make_keys();
    buf_put_str(&out, "{\"about\": \"Trust bundles and status lists that every reader must agree "
                      "about; docs/PROTOCOL.md, Trust bundle and Status lists. The keys are "
                      "nobody's: test keys. Bundles are good under the root key alone.\",\n"
                      "\"jwks\": ");
    keyring_write_jwks(&all, NOW, &out);
    buf_put_str(&out, ",\n");
    put_bundles(&out);
    buf_put_str(&out,
                "\"claims\": {\"sub\": \"" ORIGIN "/v1/status-lists/0\", \"iat\": 1750000000, "
                "\"exp\": 1750086400, \"ttl\": 300, \"bits\": 2},\n\"lists\": [\n");
    put_list("nothing is wrong", 0, 0, &out);
    buf_put_str(&out, ",\n");
    put_list("some places are", PLACES, 2, &out);
    buf_put_str(&out, "\n]}\n");
    CHECK(buf_ok(&out));
    return fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0 ? 0 : 1;
}
