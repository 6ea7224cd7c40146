/* Writes receipts.json: receipts that every reader must agree about. What is expected stands here
 * with each vector; nothing is asked of the reader under test. Its output is the same at every run,
 * because mbedTLS signs deterministically (RFC 6979).
 *
 *   make build/release/libjwb.a && gcc -std=gnu11 -D_GNU_SOURCE -I. tests/vectors/make_receipts.c \
 *       build/release/libjwb.a -lmbedcrypto -o build/make_receipts
 *   build/make_receipts > tests/vectors/receipts.json */
#include <stdio.h>

#include "base/check.h"
#include "protocol/cbor.h"
#include "protocol/keyring.h"
#include "tests/twin.h"

/* Nobody's keys: the first is RFC 6979's example, the others were drawn for codes.json. */
enum key { RECEIPTS, CODES, STRANGER, KEYS };
static const struct {
    const char *private_hex, *public_hex;
    enum key_use use;
} KEY[KEYS] = {
    [RECEIPTS] = {"c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
                  "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                  "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
                  KEY_USE_RECEIPT},
    [CODES] = {"f1a0314b011576d21e2f5894b4e749f28b1915a3fd66e7caa5381b6cdebff0ef",
               "04d46f10a8dd65457719044e4bf397e5505ed86e9d2b3b975aa3aa6ad5133f3e4e"
               "d87fecf48f5aeecadafccc4c9ce93e82c60576c990cd6c56a2e905065509b836",
               KEY_USE_CODE},
    [STRANGER] = {"d9818a4b17bd7411667634656110a539fdf910bc0debe07b035ebbe311bc2618",
                  "04c079cf4d4ca627cb8ebe4a246ec676f7eefd9c66c1c2cc90770cf3fa48cef468"
                  "5700909cdc764973196fce23df64b30c79218f3cf5aeca8e002f56ce5f08e847",
                  KEY_USE_RECEIPT},
};
static const struct crypto_provider *const crypto = &crypto_mbedtls;
static struct crypto_signer *signers[KEYS];
static uint8_t kids[KEYS][KID_BYTES];
static struct keyring published;

static void make_keys(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        struct crypto_key_pair pair;
        struct buf private_key = BUF_OVER(pair.private_key), public_key = BUF_OVER(pair.public_key);
        CHECK(buf_put_from_hex(&private_key, bytes_str(KEY[i].private_hex)));
        CHECK(buf_put_from_hex(&public_key, bytes_str(KEY[i].public_hex)));
        signers[i] = crypto->signer_create(CRYPTO_ES256, &pair);
        CHECK(signers[i] && key_id(crypto, CRYPTO_ES256, pair.public_key, kids[i]) == CRYPTO_OK);
        struct keyring_key key = {.alg = CRYPTO_ES256,
                                  .use = KEY[i].use,
                                  .use_from = 1700000000,
                                  .retire_at = 1800000000};
        memcpy(key.public_key, pair.public_key, sizeof key.public_key);
        CHECK(i == STRANGER || keyring_add(&published, crypto, &key) == KEYRING_OK);
    }
}

/* The octets of a receipt in pieces, as hexadecimal: a vector replaces some of them. */
enum piece {
    TAG,
    MESSAGE,
    HEADER_HEAD,
    HEADER_ALG,
    HEADER_KID, /* "": the key's */
    HEADER_TYP,
    HEADER_END,
    UNPROTECTED,
    CLAIMS,
    ISS,
    SUB,
    IAT,
    CTI,
    CLAIM,
    VERSION,
    KIND,
    SUBJECT,
    RESULT,
    REASON,
    PURPOSE,
    FIELDS,
    SHOWN,
    CLAIMS_END,
    END,
    PIECES,
};
#define EIGHT      "1032547698badcfe"
#define THIRTY_TWO "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
/* SHA-256 of the empty text */
#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
static const char *const TYPICAL[PIECES] = {
    [TAG] = "d2",
    [MESSAGE] = "84",
    [HEADER_HEAD] = "a3",
    [HEADER_ALG] = "0126",
    [HEADER_KID] = "",
    [HEADER_TYP] = "10781c6170706c69636174696f6e2f6a77622d726563656970742b63626f72",
    [HEADER_END] = "",
    [UNPROTECTED] = "a0",
    [CLAIMS] = "a5",
    [ISS] = "017368747470733a2f2f6a77622e6578616d706c65", /* https://jwb.example */
    [SUB] = "026a6361722d72656e74616c",                   /* car-rental */
    [IAT] = "061a684ee180",                               /* 1750000000 */
    [CTI] = "0748" EIGHT,
    [CLAIM] = "3a0001000388",
    [VERSION] = "01",
    [KIND] = "01",
    [SUBJECT] = "48a0a1a2a3a4a5a6a7",
    [RESULT] = "6576616c6964", /* valid */
    [REASON] = "f6",
    [PURPOSE] = "6a6361722d72656e74616c",              /* car-rental */
    [FIELDS] = "8264747970656b686f6c6465725f6e616d65", /* type, holder_name */
    [SHOWN] = "5820" THIRTY_TWO,
    [CLAIMS_END] = "",
    [END] = "",
};

struct vector {
    const char *name, *description, *result;
    enum key key;
    enum { GENUINE, HIGH_S, ALTERED, BY_STRANGER, OTHER_CONTEXT } signing;
    struct patch {
        enum piece piece;
        const char *hex;
    } patches[4];
    /* with ok, where it differs from the typical one: a JSON object's members */
    const char *expect;
};
/* clang-format off */
static const struct vector vectors[] = {
    {"typical", "of a code that was valid", "ok", RECEIPTS, GENUINE, {{0}},
     "\"iss\": \"https://jwb.example\", \"sub\": \"car-rental\", \"iat\": 1750000000, \"cti\": \"" EIGHT "\", "
     "\"kind\": 1, \"subject\": \"a0a1a2a3a4a5a6a7\", \"result\": \"valid\", \"reason\": null, "
     "\"purpose\": \"car-rental\", \"fields\": [\"type\", \"holder_name\"], \"shown\": \"" THIRTY_TWO "\""},
    {"licence", "of a licence without a code, seized", "ok", RECEIPTS, GENUINE,
     {{KIND, "02"}, {SUBJECT, "5820" THIRTY_TWO}, {RESULT, "67696e76616c6964"},
      {REASON, "6e6c6963656e63655f7365697a6564"}},
     "\"iss\": \"https://jwb.example\", \"sub\": \"car-rental\", \"iat\": 1750000000, \"cti\": \"" EIGHT "\", "
     "\"kind\": 2, \"subject\": \"" THIRTY_TWO "\", \"result\": \"invalid\", \"reason\": \"licence_seized\", "
     "\"purpose\": \"car-rental\", \"fields\": [\"type\", \"holder_name\"], \"shown\": \"" THIRTY_TWO "\""},
    {"nothing_shown", "indeterminate, no field, no licence object", "ok", RECEIPTS, GENUINE,
     {{RESULT, "6d696e64657465726d696e617465"}, {REASON, "727374617475735f756e617661696c61626c65"},
      {FIELDS, "80"}, {SHOWN, "5820" NOTHING}},
     "\"iss\": \"https://jwb.example\", \"sub\": \"car-rental\", \"iat\": 1750000000, \"cti\": \"" EIGHT "\", "
     "\"kind\": 1, \"subject\": \"a0a1a2a3a4a5a6a7\", \"result\": \"indeterminate\", "
     "\"reason\": \"status_unavailable\", \"purpose\": \"car-rental\", \"fields\": [], \"shown\": \"" NOTHING "\""},
    {"first_second", "iat is the key's use_from", "ok", RECEIPTS, GENUINE, {{IAT, "061a6553f100"}},
     "\"iss\": \"https://jwb.example\", \"sub\": \"car-rental\", \"iat\": 1700000000, \"cti\": \"" EIGHT "\", "
     "\"kind\": 1, \"subject\": \"a0a1a2a3a4a5a6a7\", \"result\": \"valid\", \"reason\": null, "
     "\"purpose\": \"car-rental\", \"fields\": [\"type\", \"holder_name\"], \"shown\": \"" THIRTY_TWO "\""},

    {"before_use", "iat is a second before the key's use_from", "unknown_key", RECEIPTS, GENUINE, {{IAT, "061a6553f0ff"}}, NULL},
    {"retired", "iat is the key's retire_at", "unknown_key", RECEIPTS, GENUINE, {{IAT, "061a6b49d200"}}, NULL},
    {"by_code_key", "a key for codes is none for receipts", "unknown_key", CODES, GENUINE, {{0}}, NULL},
    {"by_stranger", "no key of this kid", "unknown_key", STRANGER, GENUINE, {{0}}, NULL},
    {"signed_by_another", "under the kid of a receipt key", "bad_signature", RECEIPTS, BY_STRANGER, {{0}}, NULL},
    {"payload_altered", "the last octet of shown", "bad_signature", RECEIPTS, ALTERED, {{0}}, NULL},
    {"high_s", "s > n/2", "bad_signature", RECEIPTS, HIGH_S, {{0}}, NULL},
    {"other_context", "Signature instead of Signature1", "bad_signature", RECEIPTS, OTHER_CONTEXT, {{0}}, NULL},

    {"untagged", "as codes are", "malformed", RECEIPTS, GENUINE, {{TAG, ""}}, NULL},
    {"tag_61", "a CWT's tag in front", "malformed", RECEIPTS, GENUINE, {{TAG, "d83dd2"}}, NULL},
    {"tag_long", "tag 18 in two octets", "malformed", RECEIPTS, GENUINE, {{TAG, "d812"}}, NULL},
    {"tag_17", "COSE_Mac0", "malformed", RECEIPTS, GENUINE, {{TAG, "d1"}}, NULL},
    {"array_long", "the array's head in two octets", "malformed", RECEIPTS, GENUINE, {{MESSAGE, "9804"}}, NULL},
    {"unprotected", "something in the unprotected header", "malformed", RECEIPTS, GENUINE, {{UNPROTECTED, "a10405"}}, NULL},
    {"alg_sm2", "the alg is not the key's", "bad_signature", RECEIPTS, GENUINE, {{HEADER_ALG, "013a00010040"}}, NULL},
    {"typ_absent", "a code's protected header", "malformed", RECEIPTS, GENUINE, {{HEADER_HEAD, "a2"}, {HEADER_TYP, ""}}, NULL},
    {"typ_other", "the last letter", "malformed", RECEIPTS, GENUINE,
     {{HEADER_TYP, "10781c6170706c69636174696f6e2f6a77622d726563656970742b63626f73"}}, NULL},
    {"typ_number", "a content format", "malformed", RECEIPTS, GENUINE, {{HEADER_TYP, "1013"}}, NULL},
    {"header_more", "crit", "malformed", RECEIPTS, GENUINE, {{HEADER_HEAD, "a4"}, {HEADER_END, "182a00"}}, NULL},
    {"header_trailing", "an octet behind the header's map", "malformed", RECEIPTS, GENUINE, {{HEADER_END, "00"}}, NULL},
    {"claims_trailing", "an octet behind the claims", "malformed", RECEIPTS, GENUINE, {{CLAIMS_END, "00"}}, NULL},
    {"trailing", "an octet behind the message", "malformed", RECEIPTS, GENUINE, {{END, "00"}}, NULL},
    {"claim_more", "one claim more", "malformed", RECEIPTS, GENUINE, {{CLAIMS, "a6"}, {CLAIMS_END, "3a0001000400"}}, NULL},
    {"claim_fewer", "no cti", "malformed", RECEIPTS, GENUINE, {{CLAIMS, "a4"}, {CTI, ""}}, NULL},
    {"claims_unsorted", "sub before iss", "malformed", RECEIPTS, GENUINE,
     {{ISS, "026a6361722d72656e74616c"}, {SUB, "017368747470733a2f2f6a77622e6578616d706c65"}}, NULL},
    {"iss_twice", "and no sub", "malformed", RECEIPTS, GENUINE, {{SUB, "016a6361722d72656e74616c"}}, NULL},
    {"iss_bytes", "a byte string", "malformed", RECEIPTS, GENUINE, {{ISS, "015368747470733a2f2f6a77622e6578616d706c65"}}, NULL},
    {"sub_control", "a line feed", "malformed", RECEIPTS, GENUINE, {{SUB, "026a6361720a72656e74616c"}}, NULL},
    {"sub_not_utf8", "a lone octet C0", "malformed", RECEIPTS, GENUINE, {{SUB, "026a636172c072656e74616c"}}, NULL},
    {"iat_negative", "-1", "malformed", RECEIPTS, GENUINE, {{IAT, "0620"}}, NULL},
    {"iat_long", "in eight octets", "malformed", RECEIPTS, GENUINE, {{IAT, "061b00000000684ee180"}}, NULL},
    {"iat_float", "1750000000.0", "malformed", RECEIPTS, GENUINE, {{IAT, "06fb41da13b860000000"}}, NULL},
    {"cti_short", "7 octets", "malformed", RECEIPTS, GENUINE, {{CTI, "07471032547698badc"}}, NULL},
    {"version_2", "of a later document", "malformed", RECEIPTS, GENUINE, {{VERSION, "02"}}, NULL},
    {"kind_0", "no kind", "malformed", RECEIPTS, GENUINE, {{KIND, "00"}, {SUBJECT, "5820" THIRTY_TWO}}, NULL},
    {"kind_3", "no kind", "malformed", RECEIPTS, GENUINE, {{KIND, "03"}}, NULL},
    {"subject_of_other_kind", "8 octets for a licence", "malformed", RECEIPTS, GENUINE, {{KIND, "02"}}, NULL},
    {"result_other", "the reason is an invalid's", "malformed", RECEIPTS, GENUINE, {{REASON, "6e6c6963656e63655f7365697a6564"}}, NULL},
    {"result_alone", "invalid without a reason", "malformed", RECEIPTS, GENUINE, {{RESULT, "67696e76616c6964"}}, NULL},
    {"reason_none", "null is meant", "malformed", RECEIPTS, GENUINE, {{REASON, "646e6f6e65"}}, NULL},
    {"reason_unknown", "of no list", "malformed", RECEIPTS, GENUINE, {{RESULT, "67696e76616c6964"}, {REASON, "6474697265"}}, NULL},
    {"fields_text", "a text for a list", "malformed", RECEIPTS, GENUINE, {{FIELDS, "6474797065"}}, NULL},
    {"field_empty", "a name of no letters", "malformed", RECEIPTS, GENUINE, {{FIELDS, "8160"}}, NULL},
    {"shown_short", "31 octets", "malformed", RECEIPTS, GENUINE,
     {{SHOWN, "581f000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e"}}, NULL},
};
/* clang-format on */

static void put_pieces(const struct vector *v, enum piece first, enum piece last, struct buf *out)
{
    for (enum piece piece = first; piece <= last; piece++) {
        const char *hex = TYPICAL[piece];
        for (size_t i = 0; i < sizeof v->patches / sizeof *v->patches && v->patches[i].hex; i++)
            if (v->patches[i].piece == piece)
                hex = v->patches[i].hex;
        if (piece == HEADER_KID) {
            cbor_put_uint(out, 4);
            cbor_put_bytes(out, bytes_of(kids[v->key], KID_BYTES));
        } else {
            CHECK(buf_put_from_hex(out, bytes_str(hex)));
        }
    }
}

static void sign(const struct vector *v, struct bytes header, struct bytes claims,
                 uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    uint8_t storage[1024], twin[32];
    struct buf tbs = BUF_OVER(storage);
    cbor_put_array(&tbs, 4);
    cbor_put_text(&tbs, v->signing == OTHER_CONTEXT ? BYTES("Signature") : BYTES("Signature1"));
    cbor_put_bytes(&tbs, header);
    cbor_put_bytes(&tbs, BYTES(""));
    cbor_put_bytes(&tbs, claims);
    const struct bytes message = buf_bytes(&tbs);
    enum key key = v->signing == BY_STRANGER ? STRANGER : v->key;
    CHECK(buf_ok(&tbs) && crypto->sign(signers[key], &message, 1, signature) == CRYPTO_OK);
    memcpy(twin, signature + 32, 32); /* of s and n - s the smaller one is meant */
    twin_make(twin);
    if ((memcmp(twin, signature + 32, 32) < 0) != (v->signing == HIGH_S))
        memcpy(signature + 32, twin, 32);
}

static void put_message(const struct vector *v, struct buf *out)
{
    uint8_t header_storage[128], claims_storage[512], signature[CRYPTO_SIGNATURE_BYTES];
    struct buf header = BUF_OVER(header_storage), claims = BUF_OVER(claims_storage);
    put_pieces(v, HEADER_HEAD, HEADER_END, &header);
    put_pieces(v, CLAIMS, CLAIMS_END, &claims);
    CHECK(buf_ok(&header) && buf_ok(&claims));
    sign(v, buf_bytes(&header), buf_bytes(&claims), signature);
    if (v->signing == ALTERED)
        claims_storage[claims.len - 1] ^= 1;
    put_pieces(v, TAG, MESSAGE, out);
    cbor_put_bytes(out, buf_bytes(&header));
    put_pieces(v, UNPROTECTED, UNPROTECTED, out);
    cbor_put_bytes(out, buf_bytes(&claims));
    cbor_put_bytes(out, bytes_of(signature, sizeof signature));
    put_pieces(v, END, END, out);
}

int main(void)
{
    static uint8_t storage[1 << 18];
    const size_t count = sizeof vectors / sizeof *vectors;
    struct buf out = BUF_OVER(storage);
    make_keys();
    buf_put_str(&out, "{\"about\": \"Receipts that every reader must agree about; "
                      "docs/PROTOCOL.md, Receipts. The keys are nobody's: test keys.\",\n"
                      "\"jwks\": ");
    keyring_write_jwks(&published, INT64_MAX, &out);
    buf_put_str(&out, ",\n\"vectors\": [\n");
    for (size_t i = 0; i < count; i++) {
        uint8_t message_storage[1024];
        struct buf message = BUF_OVER(message_storage);
        put_message(&vectors[i], &message);
        CHECK(buf_ok(&message));
        buf_printf(&out, "{\"name\": \"%s\", \"description\": \"%s\",\n  \"cose\": \"",
                   vectors[i].name, vectors[i].description);
        buf_put_hex(&out, buf_bytes(&message));
        buf_printf(&out, "\",\n  \"expect\": {\"result\": \"%s\"", vectors[i].result);
        if (vectors[i].expect)
            buf_printf(&out, ",\n    \"receipt\": {%s}", vectors[i].expect);
        buf_put_str(&out, i + 1 < count ? "}},\n" : "}}\n]}\n");
    }
    CHECK(buf_ok(&out));
    return fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0 ? 0 : 1;
}
