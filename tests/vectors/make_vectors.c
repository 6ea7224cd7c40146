/* Writes codes.json: codes that every verifier must agree about. What is expected stands here with
 * each vector; nothing is asked of the reader under test. Its output is the same at every run,
 * because mbedTLS signs deterministically (RFC 6979).
 *
 *   make build/release/libjwb.a && gcc -std=gnu11 -D_GNU_SOURCE -I. tests/vectors/make_vectors.c \
 *       tests/vectors/vectors.c build/release/libjwb.a -lmbedcrypto -o build/make_vectors
 *   build/make_vectors > tests/vectors/codes.json */
#include <stdio.h>

#include "base/check.h"
#include "protocol/cbor.h"
#include "protocol/code.h"
#include "protocol/digits.h"
#include "tests/twin.h"
#include "tests/vectors/vectors.h"

/* Nobody's keys: the first is RFC 6979's example, the others were drawn for this file. */
static const struct {
    const char *private_hex, *public_hex;
    int64_t use_from, retire_at;
    bool published;
} KEYS[] = {
    [CURRENT] = {"c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
                 "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                 "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
                 1700000000, 1800000000, true},
    [NEXT] = {"f1a0314b011576d21e2f5894b4e749f28b1915a3fd66e7caa5381b6cdebff0ef",
              "04d46f10a8dd65457719044e4bf397e5505ed86e9d2b3b975aa3aa6ad5133f3e4e"
              "d87fecf48f5aeecadafccc4c9ce93e82c60576c990cd6c56a2e905065509b836",
              1760000000, INT64_MAX, true},
    [RETIRED] = {"06625ced4edbcdfca4c675a6e88077d6756133b05ed465a79e7b557b777d2b5b",
                 "04d0cb96956bf7f8d2f2828a535c7dd7f62f8e589c1c5757ffb1886ee686d5e4ab"
                 "f95c8d839510d996ffddee7d9f8bb797ee70807662cd2f3f5916e8afe3eb31f4",
                 1600000000, 1740000000, true},
    [STRANGER] = {"d9818a4b17bd7411667634656110a539fdf910bc0debe07b035ebbe311bc2618",
                  "04c079cf4d4ca627cb8ebe4a246ec676f7eefd9c66c1c2cc90770cf3fa48cef468"
                  "5700909cdc764973196fce23df64b30c79218f3cf5aeca8e002f56ce5f08e847",
                  0, INT64_MAX, false},
};
#define KEY_COUNT (sizeof KEYS / sizeof *KEYS)

static const struct crypto_provider *const crypto = &crypto_mbedtls;
static struct crypto_signer *signers[KEY_COUNT];
static uint8_t kids[KEY_COUNT][KID_BYTES];
static struct keyring published;

static void make_keys(void)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        struct crypto_key_pair pair;
        struct buf private_key = BUF_OVER(pair.private_key), public_key = BUF_OVER(pair.public_key);
        CHECK(buf_put_from_hex(&private_key, bytes_str(KEYS[i].private_hex)));
        CHECK(buf_put_from_hex(&public_key, bytes_str(KEYS[i].public_hex)));
        signers[i] = crypto->signer_create(CRYPTO_ES256, &pair);
        CHECK(signers[i] && key_id(crypto, CRYPTO_ES256, pair.public_key, kids[i]) == CRYPTO_OK);
        struct keyring_key key = {
            .alg = CRYPTO_ES256, .use_from = KEYS[i].use_from, .retire_at = KEYS[i].retire_at};
        memcpy(key.public_key, pair.public_key, sizeof key.public_key);
        CHECK(!KEYS[i].published || keyring_add(&published, crypto, &key) == KEYRING_OK);
    }
}

/* ---- one code, piece by piece ------------------------------------------------------------------
 */

struct piece {
    uint8_t octets[256];
    struct buf buf;
};

static struct piece pieces[SLOTS];

static struct buf *piece(enum slot slot)
{
    buf_init(&pieces[slot].buf, pieces[slot].octets, sizeof pieces[slot].octets);
    return &pieces[slot].buf;
}

static void put_int(enum slot slot, int64_t value)
{
    cbor_put_int(piece(slot), value);
}

static struct code_claims claims_of(const struct vector *v)
{
    struct code_claims c = v->claims ? *v->claims : typical_claims;
    if (v->iat)
        c.issued_at = v->iat;
    if (v->iat || v->life)
        c.expires_at = c.issued_at + (v->life ? v->life : 60);
    if (v->holder_name)
        c.holder_name = bytes_str(v->holder_name);
    return c;
}

/* The pieces of a code as they should be. */
static void lay_out(const struct vector *v)
{
    const struct code_claims all = claims_of(v), *c = &all;
    for (enum slot slot = 0; slot < SLOTS; slot++)
        piece(slot);
    cbor_put_array(piece(MESSAGE_HEAD), 4);
    cbor_put_map(piece(HEADER_HEAD), 2);
    put_int(HEADER_ALG_KEY, 1);
    put_int(HEADER_ALG, CRYPTO_ES256);
    put_int(HEADER_KID_KEY, 4);
    cbor_put_bytes(piece(HEADER_KID), bytes_of(kids[v->key], KID_BYTES));
    cbor_put_map(piece(UNPROTECTED), 0);
    cbor_put_map(piece(CLAIMS_HEAD), 4);
    put_int(EXP_KEY, 4);
    put_int(EXP, c->expires_at);
    put_int(IAT_KEY, 6);
    put_int(IAT, c->issued_at);
    put_int(CTI_KEY, 7);
    cbor_put_bytes(piece(CTI), bytes_of(c->cti, CODE_CTI_BYTES));
    put_int(LICENCE_KEY, CODE_CLAIM_LICENCE);
    cbor_put_array(piece(LICENCE_HEAD), 10);
    put_int(PROFILE, 1);
    put_int(KIND, (int64_t)c->kind);
    put_int(TYPE, c->type);
    put_int(ISSUER, c->issuer);
    put_int(VERSION, c->version);
    cbor_put_text(piece(NAME), c->holder_name);
    cbor_put_text(piece(TAIL), c->number_tail);
    if (c->valid_until == CODE_LONG_TERM)
        cbor_put_null(piece(VALID_UNTIL));
    else
        put_int(VALID_UNTIL, c->valid_until);
    put_int(LIST, c->list);
    put_int(INDEX, c->index);
    for (const struct patch *p = v->patches; p->hex; p++)
        CHECK(buf_put_from_hex(piece(p->slot), bytes_str(p->hex)));
}

static void join(struct buf *out, enum slot first, enum slot last)
{
    for (enum slot slot = first; slot <= last; slot++)
        buf_put(out, buf_bytes(&pieces[slot].buf));
}

/* A string's head: the patched one if there is one. */
static void put_head(struct buf *out, enum slot slot, size_t len)
{
    if (pieces[slot].buf.len)
        buf_put(out, buf_bytes(&pieces[slot].buf));
    else
        cbor_put_bytes_head(out, len);
}

/* r or s instead of the genuine one. */
static void spoil(enum signing signing, uint8_t *r, uint8_t *s)
{
    uint8_t order[32] = {0};
    twin_make(order); /* n - 0 */
    if (signing == R_ZERO || signing == BOTH_ZERO)
        memset(r, 0, 32);
    if (signing == S_ZERO || signing == BOTH_ZERO)
        memset(s, 0, 32);
    if (signing == R_ORDER || signing == S_ORDER)
        memcpy(signing == R_ORDER ? r : s, order, 32);
    if (signing == R_LARGEST)
        memset(r, 0xFF, 32);
    if (signing == ONE_BIT)
        s[31] ^= 1;
}

static void sign(const struct vector *v, struct bytes header, struct bytes payload,
                 uint8_t *signature)
{
    uint8_t storage[512];
    struct buf tbs = BUF_OVER(storage);
    if (v->signing != OVER_PAYLOAD) {
        cbor_put_array(&tbs, 4);
        cbor_put_text(&tbs, v->signing == OTHER_CONTEXT ? BYTES("Signature") : BYTES("Signature1"));
        cbor_put_bytes(&tbs, header);
        cbor_put_bytes(&tbs, v->signing == OTHER_AAD ? BYTES("jwb") : BYTES(""));
        cbor_put_bytes(&tbs, payload);
    } else {
        buf_put(&tbs, payload);
    }
    const struct bytes message = buf_bytes(&tbs);
    size_t key = v->signing == BY_STRANGER ? STRANGER : v->key;
    CHECK(buf_ok(&tbs) && crypto->sign(signers[key], &message, 1, signature) == CRYPTO_OK);

    uint8_t twin[32]; /* of s and n - s the smaller one is meant */
    memcpy(twin, signature + 32, 32);
    twin_make(twin);
    if ((memcmp(twin, signature + 32, 32) < 0) != (v->signing == HIGH_S))
        memcpy(signature + 32, twin, 32);
    spoil(v->signing, signature, signature + 32);
}

static void write_cose(const struct vector *v, struct buf *out)
{
    uint8_t header_storage[64], payload_storage[400], signature[CRYPTO_SIGNATURE_BYTES + 1] = {0};
    struct buf header = BUF_OVER(header_storage), payload = BUF_OVER(payload_storage);
    lay_out(v);
    join(&header, HEADER_HEAD, HEADER_END);
    join(&payload, CLAIMS_HEAD, PAYLOAD_END);
    sign(v, buf_bytes(&header), buf_bytes(&payload), signature);
    if (v->signing == PAYLOAD_ALTERED) /* the last octet of the index */
        payload_storage[payload.len - 1] ^= 1;

    buf_put(out, buf_bytes(&pieces[MESSAGE_HEAD].buf));
    put_head(out, PROTECTED_HEAD, header.len);
    buf_put(out, buf_bytes(&header));
    buf_put(out, buf_bytes(&pieces[UNPROTECTED].buf));
    put_head(out, PAYLOAD_HEAD, payload.len);
    buf_put(out, buf_bytes(&payload));
    put_head(out, SIGNATURE_HEAD, CRYPTO_SIGNATURE_BYTES);
    buf_put(out, bytes_of(signature, (size_t)(CRYPTO_SIGNATURE_BYTES + v->signature_more)));
    buf_put(out, buf_bytes(&pieces[MESSAGE_END].buf));
    out->len -= v->cut;
}

/* ---- the file ----------------------------------------------------------------------------------
 */

static void put_member(struct buf *out, const char *name, struct bytes text)
{
    buf_printf(out, ",\n  \"%s\": ", name);
    buf_put_json(out, text);
}

static void put_expected(const struct vector *v, struct buf *out)
{
    const struct code_claims all = claims_of(v), *c = &all;
    buf_printf(out, ",\n  \"expect\": {\"result\": \"%s\"", v->result);
    if (strcmp(v->result, "ok") == 0) {
        buf_put_str(out, ", \"kid\": \"");
        buf_put_hex(out, bytes_of(kids[v->key], KID_BYTES));
        buf_printf(out, "\", \"claims\": {\"exp\": %lld, \"iat\": %lld, \"cti\": \"",
                   (long long)c->expires_at, (long long)c->issued_at);
        buf_put_hex(out, bytes_of(c->cti, CODE_CTI_BYTES));
        buf_printf(out, "\", \"kind\": %d, \"type\": %d, \"issuer\": %d, \"version\": %d",
                   (int)c->kind, c->type, c->issuer, c->version);
        buf_put_str(out, ", \"holder_name\": ");
        buf_put_json(out, c->holder_name);
        buf_put_str(out, ", \"number_tail\": ");
        buf_put_json(out, c->number_tail);
        buf_put_str(out, ", \"valid_until\": ");
        if (c->valid_until == CODE_LONG_TERM)
            buf_put_str(out, "null");
        else
            buf_put_decimal(out, c->valid_until);
        buf_printf(out, ", \"list\": %d, \"index\": %u}", c->list, c->index);
    }
    buf_put_str(out, "}");
}

/* The same octets for a reader that cuts numbers to 56 bits: there is room for it in 17 digits. */
static void alias(uint8_t digits[17])
{
    uint64_t value = 0;
    for (int i = 0; i < 17; i++)
        value = value * 10 + (digits[i] - '0');
    value += UINT64_C(1) << 56;
    CHECK(value < 100000000000000000);
    for (int i = 17; i-- > 0; value /= 10)
        digits[i] = (uint8_t)('0' + value % 10);
}

static void write_text(const struct vector *v, struct bytes cose, struct buf *out)
{
    buf_put(out, v->before.data ? v->before : BYTES("https://jwb.example/v#"));
    const size_t begin = out->len;
    digits_write(out, cose);
    if (v->aliased)
        alias(out->data + begin);
    buf_put(out, v->after);
}

static void put_vector(const struct vector *v, struct buf *out)
{
    uint8_t cose_storage[512], text_storage[1024];
    struct buf cose = BUF_OVER(cose_storage), text = BUF_OVER(text_storage);
    buf_put_str(out, "{\n  \"name\": ");
    buf_put_json(out, bytes_str(v->name));
    put_member(out, "description", bytes_str(v->description));
    buf_printf(out, ",\n  \"now\": %lld, \"future_s\": %d, \"past_s\": %d, \"revoked_kids\": [",
               (long long)(v->now ? v->now : claims_of(v).issued_at + 10), v->terminal ? 60 : 5,
               v->terminal ? 30 : 5);
    if (v->revoked) {
        buf_put_str(out, "\"");
        buf_put_hex(out, bytes_of(kids[v->key], KID_BYTES));
        buf_put_str(out, "\"");
    }
    buf_put_str(out, "]");
    if (v->text.data) {
        put_member(out, "text", v->text);
    } else {
        write_cose(v, &cose);
        if (!v->text_only) {
            buf_put_str(out, ",\n  \"cose\": \"");
            buf_put_hex(out, buf_bytes(&cose));
            buf_put_str(out, "\"");
        }
        write_text(v, buf_bytes(&cose), &text);
        put_member(out, "text", buf_bytes(&text));
    }
    put_expected(v, out);
    buf_put_str(out, "\n}");
    CHECK(buf_ok(&cose) && buf_ok(&text));
}

int main(void)
{
    static uint8_t storage[1 << 20];
    struct buf out = BUF_OVER(storage);
    make_keys();
    buf_put_str(&out, "{\"about\": \"Codes that every verifier must agree about; docs/PROTOCOL.md, "
                      "Vectors. The keys are nobody's: test keys.\",\n\"jwks\": ");
    keyring_write_jwks(&published, INT64_MAX, &out);
    buf_put_str(&out, ",\n\"vectors\": [\n");
    for (size_t i = 0; i < vector_count; i++) {
        put_vector(&vectors[i], &out);
        buf_put_str(&out, i + 1 < vector_count ? ",\n" : "\n]}\n");
    }
    CHECK(buf_ok(&out));
    return fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0 ? 0 : 1;
}
