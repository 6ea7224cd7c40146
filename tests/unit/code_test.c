/* The licence code. The key is that of RFC 6979's example, so that what these tests see is the same
 * at every run; the file of vectors has what other verifiers must agree with. */
#include "base/clock.h"
#include "protocol/cbor.h"
#include "protocol/code.h"
#include "protocol/cose.h"
#include "protocol/digits.h"
#include "tests/support.h"
#include "tests/twin.h"

#define NOW      1750000000
#define FUTURE_S 5
#define PAST_S   5

static const struct crypto_provider *const gateway = &crypto_openssl;
static struct keyring ring;
static struct crypto_signer *signer;
static struct crypto_verifier *verifier;

static void make_keys(void)
{
    struct crypto_key_pair pair;
    struct buf private_key = BUF_OVER(pair.private_key), public_key = BUF_OVER(pair.public_key);
    buf_put_from_hex(&private_key,
                     BYTES("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"));
    buf_put_from_hex(&public_key,
                     BYTES("0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                           "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"));
    struct keyring_key key = {.alg = CRYPTO_ES256, .retire_at = INT64_MAX};
    memcpy(key.public_key, pair.public_key, sizeof key.public_key);
    keyring_add(&ring, gateway, &key);
    signer = crypto_mbedtls.signer_create(CRYPTO_ES256, &pair); /* deterministic */
    verifier = gateway->verifier_create(CRYPTO_ES256, pair.public_key);
}

static struct code_claims typical(void)
{
    return (struct code_claims){
        .issued_at = NOW,
        .expires_at = NOW + 60,
        .cti = {1, 2, 3, 4, 5, 6, 7, 8},
        .type = 3,
        .issuer = 412,
        .version = 1,
        .holder_name = BYTES("张*"),
        .number_tail = BYTES("0417"),
        .valid_until = 21000,
        .list = 0,
        .index = 700123,
    };
}

static char long_name[CODE_NAME_BYTES_MAX];

static struct code_claims longest(void)
{
    struct code_claims c = typical();
    memset(long_name, 'A', sizeof long_name);
    c.issued_at = UINT32_MAX - CODE_LIFE_S_MAX;
    c.expires_at = UINT32_MAX;
    c.type = c.issuer = c.version = c.list = UINT16_MAX;
    c.valid_until = UINT16_MAX;
    c.index = CODE_INDEX_MAX;
    c.holder_name = bytes_of(long_name, sizeof long_name);
    return c;
}

static void sign(const struct code_claims *claims, struct buf *cose)
{
    assert_int_equal(
        code_sign(claims, CRYPTO_ES256, ring.keys[0].kid, &crypto_mbedtls, signer, cose), CODE_OK);
    assert_true(buf_ok(cose));
}

/* The whole check of a code alone, in the order of docs/PROTOCOL.md. */
static enum code_error check_cose(struct bytes cose, int64_t now)
{
    struct code code;
    const struct keyring_key *key;
    enum code_error error = code_parse(cose, &code);
    if (error == CODE_OK)
        error = code_find_key(&code, &ring, &key);
    if (error == CODE_OK)
        error = code_check_lifetime(&code.claims, now, FUTURE_S, PAST_S);
    if (error == CODE_OK)
        error = code_check_signature(&code, gateway, verifier);
    return error;
}

static enum code_error check_text(struct bytes text, int64_t now)
{
    uint8_t storage[CODE_COSE_BYTES_MAX];
    struct buf cose = BUF_OVER(storage);
    enum code_error error = code_read_text(guarded(0, text), &cose);
    return error == CODE_OK ? check_cose(guarded(1, buf_bytes(&cose)), now) : error;
}

/* Without this a code would say something else than the licence it was made for. */
static void claims_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct code_claims in = i == 1 ? longest() : typical(), *out;
        uint8_t storage[CODE_COSE_BYTES_MAX];
        struct buf cose = BUF_OVER(storage);
        struct code code;
        if (i == 2) {
            in.number_tail = BYTES("");
            in.valid_until = CODE_LONG_TERM;
            in.kind = CODE_KIND_MATERIAL;
        }
        sign(&in, &cose);
        assert_int_equal(code_parse(guarded(0, buf_bytes(&cose)), &code), CODE_OK);
        out = &code.claims;
        assert_int_equal(code.alg, CRYPTO_ES256);
        assert_memory_equal(code.kid, ring.keys[0].kid, KID_BYTES);
        assert_int_equal(code.cose.len, cose.len);
        assert_true(out->issued_at == in.issued_at && out->expires_at == in.expires_at);
        assert_memory_equal(out->cti, in.cti, sizeof in.cti);
        assert_int_equal(out->kind, in.kind);
        assert_int_equal(out->type, in.type);
        assert_int_equal(out->issuer, in.issuer);
        assert_int_equal(out->version, in.version);
        assert_true(bytes_equal(out->holder_name, in.holder_name));
        assert_true(bytes_equal(out->number_tail, in.number_tail));
        assert_int_equal(out->valid_until, in.valid_until);
        assert_int_equal(out->list, in.list);
        assert_int_equal(out->index, in.index);
        assert_int_equal(check_cose(buf_bytes(&cose), in.issued_at), CODE_OK);
    }
}

/* Without this a code would be too dense to scan: at ECC M, behind the longest prefix, QR version 9
 * holds 142 bytes and version 12 holds 247. */
static void codes_are_small(void **state)
{
    (void)state;
    uint8_t storage[512], text_storage[CODE_TEXT_BYTES_MAX];
    struct buf cose = BUF_OVER(storage), text = BUF_OVER(text_storage);
    struct code_claims claims = typical();
    sign(&claims, &cose);
    assert_in_range(cose.len, 120, 142);
    cose.len = 0;
    claims = longest();
    sign(&claims, &cose);
    assert_in_range(cose.len, 200, CODE_COSE_BYTES_MAX);
    code_write_text(BYTES("https://abcdefghijklmnopqrstuvwx/v#"), buf_bytes(&cose), &text);
    assert_true(buf_ok(&text));
    assert_int_equal(check_text(buf_bytes(&text), claims.issued_at), CODE_OK);
}

static void refused(enum code_error error, size_t *count)
{
    assert_int_not_equal(error, CODE_OK);
    assert_int_not_equal(error, CODE_ERR_CRYPTO);
    count[error]++;
}

/* Without this a code with one bit or octet altered, added or missing could be accepted. */
static void every_altered_octet_is_refused(void **state)
{
    (void)state;
    uint8_t storage[CODE_COSE_BYTES_MAX + 1];
    struct buf cose = BUF_OVER(storage);
    struct code_claims claims = typical();
    size_t flipped[CODE_ERR_CRYPTO + 1] = {0}, cut[CODE_ERR_CRYPTO + 1] = {0};
    sign(&claims, &cose);
    assert_int_equal(check_cose(buf_bytes(&cose), NOW), CODE_OK);
    for (size_t bit = 0; bit < cose.len * 8; bit++) {
        storage[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refused(check_cose(guarded(1, buf_bytes(&cose)), NOW), flipped);
        storage[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < cose.len; len++)
        refused(check_cose(guarded(1, bytes_of(storage, len)), NOW), cut);
    for (unsigned octet = 0; octet < 256; octet++) {
        storage[cose.len] = (uint8_t)octet;
        refused(check_cose(guarded(1, bytes_of(storage, cose.len + 1)), NOW), cut);
    }
    assert_true(flipped[CODE_ERR_MALFORMED] > 100);
    assert_true(flipped[CODE_ERR_BAD_SIGNATURE] >= CRYPTO_SIGNATURE_BYTES * 8);
    assert_true(flipped[CODE_ERR_UNKNOWN_KEY] == KID_BYTES * 8);
    assert_int_equal(cut[CODE_ERR_MALFORMED], cose.len + 256);
    assert_int_equal(check_cose(buf_bytes(&cose), NOW), CODE_OK);
}

/* Without this a misread or altered text could be accepted. */
static void every_altered_digit_is_refused(void **state)
{
    (void)state;
    uint8_t storage[CODE_COSE_BYTES_MAX], text_storage[CODE_TEXT_BYTES_MAX + 1];
    struct buf cose = BUF_OVER(storage), text = BUF_OVER(text_storage);
    struct code_claims claims = typical();
    const struct bytes prefix = BYTES("https://jwb.example/v#");
    size_t altered[CODE_ERR_CRYPTO + 1] = {0}, cut[CODE_ERR_CRYPTO + 1] = {0};
    sign(&claims, &cose);
    code_write_text(prefix, buf_bytes(&cose), &text);
    assert_int_equal(check_text(buf_bytes(&text), NOW), CODE_OK);
    for (size_t i = prefix.len; i < text.len; i++) {
        const uint8_t right = text_storage[i];
        for (uint8_t digit = '0'; digit <= '9'; digit++) {
            text_storage[i] = digit;
            if (digit != right)
                refused(check_text(buf_bytes(&text), NOW), altered);
        }
        text_storage[i] = right;
    }
    size_t total = 0;
    for (size_t i = 0; i <= CODE_ERR_CRYPTO; i++)
        total += altered[i];
    assert_int_equal(total, digits_length(cose.len) * 9);
    assert_true(altered[CODE_ERR_MALFORMED] > 100 && altered[CODE_ERR_BAD_SIGNATURE] > 500);

    for (size_t len = 0; len < text.len; len++)
        refused(check_text(bytes_of(text_storage, len), NOW), cut);
    for (size_t i = prefix.len; i < text.len; i++) /* cut at the front */
        refused(check_text(bytes_from(buf_bytes(&text), i + 1), NOW), cut);
    for (uint8_t digit = '0'; digit <= '9'; digit++) {
        text_storage[text.len] = digit;
        refused(check_text(bytes_of(text_storage, text.len + 1), NOW), cut);
    }
    assert_int_equal(cut[CODE_ERR_MALFORMED], text.len + digits_length(cose.len) + 10);
}

/* Without this anybody could make a second form of a code, and writers could write the refused one:
 * of 16 signatures about half come out of a library high. */
static void only_the_low_signature_is_written_and_read(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 16; i++) {
        uint8_t storage[CODE_COSE_BYTES_MAX];
        struct buf cose = BUF_OVER(storage);
        struct code_claims claims = typical();
        claims.cti[0] = i;
        sign(&claims, &cose);
        assert_int_equal(check_cose(buf_bytes(&cose), NOW), CODE_OK);

        struct code code;
        twin_make(storage + cose.len - 32);
        assert_int_equal(check_cose(buf_bytes(&cose), NOW), CODE_ERR_BAD_SIGNATURE);
        assert_int_equal(code_parse(buf_bytes(&cose), &code), CODE_OK);
        struct buf tbs = BUF_OVER((uint8_t[256]){0});
        cbor_put_array(&tbs, 4);
        cbor_put_text(&tbs, BYTES("Signature1"));
        cbor_put_bytes(&tbs, code.protected_);
        cbor_put_bytes(&tbs, BYTES(""));
        cbor_put_bytes(&tbs, code.payload);
        const struct bytes whole = buf_bytes(&tbs);
        assert_int_equal(gateway->verify(verifier, &whole, 1, code.signature), CRYPTO_OK);
    }
}

/* Without this a text that is no code could be taken for one, or a code not be found in its URL. */
static void text_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool read;
    } cases[] = {
        {"000", true},
        {" \t\r\n000\n ", true},
        {"https://jwb.example/v#000", true},
        {"https://jwb.example/v/000", true},
        {"https://jwb.example:8443/a/b/v#000", true},
        {"https://JWB.example/v#000", true},
        {"https://1/v#000", true},
        {"https://a/v/1/v#000", true},
        {"https://abcdefghijklmnopqrstuvwx/v#000", true},
        {"https://abcdefghijklmnopqrstuvwxy/v#000", false},
        {"", false},
        {"   ", false},
        {"https://jwb.example/v#", false},
        {"https://jwb.example/v", false},
        {"https:///v#000", false},
        {"https://v#000", false},
        {"https:///v/000", false},
        {"https://.a/v#000", false},
        {"HTTPS://jwb.example/v#000", false},
        {"http://jwb.example/v#000", false},
        {"https://jwb.example/V#000", false},
        {"https://jwb.example/w#000", false},
        {"https://jwb.example/v?000", false},
        {"https://jwb.example/v#/000", false},
        {"https://jwb.example/v#%3000", false},
        {"https://a@b/v#000", false},
        {"https://a b/v#000", false},
        {"https://焦作/v#000", false},
        {"jwb.example/v#000", false},
        {"https://jwb.example/v# 000", false},
        {"0 00", false},
        {"000\v", false},
        {"00", false},
        {"00a", false},
        {"\xef\xbb\xbf"
         "000",
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t storage[CODE_COSE_BYTES_MAX];
        struct buf cose = BUF_OVER(storage);
        enum code_error error = code_read_text(guarded(0, bytes_str(cases[i].text)), &cose);
        if (error != (cases[i].read ? CODE_OK : CODE_ERR_MALFORMED))
            fail_msg("%s", cases[i].text);
    }
    char digits[CODE_DIGITS_MAX + 18];
    memset(digits, '0', sizeof digits);
    for (size_t len = CODE_DIGITS_MAX; len < sizeof digits; len++) {
        uint8_t storage[CODE_COSE_BYTES_MAX];
        struct buf cose = BUF_OVER(storage);
        assert_int_equal(code_read_text(guarded(0, bytes_of(digits, len)), &cose),
                         len == CODE_DIGITS_MAX ? CODE_OK : CODE_ERR_MALFORMED);
    }
    assert_true(code_prefix_valid(BYTES("https://jwb.example/v#")));
    assert_false(code_prefix_valid(BYTES("")));
    assert_false(code_prefix_valid(BYTES("https://jwb.example/v#0")));
}

/* Without this a code would live longer than it says, or be refused while it lives. */
static void lifetime_has_exact_edges(void **state)
{
    (void)state;
    const struct code_claims c = typical();
    assert_int_equal(code_check_lifetime(&c, NOW - 6, 5, 5), CODE_ERR_NOT_YET_VALID);
    assert_int_equal(code_check_lifetime(&c, NOW - 5, 5, 5), CODE_OK);
    assert_int_equal(code_check_lifetime(&c, NOW + 64, 5, 5), CODE_OK);
    assert_int_equal(code_check_lifetime(&c, NOW + 65, 5, 5), CODE_ERR_EXPIRED);
    assert_int_equal(code_check_lifetime(&c, NOW + 59, 0, 0), CODE_OK);
    assert_int_equal(code_check_lifetime(&c, NOW + 60, 0, 0), CODE_ERR_EXPIRED);
    assert_int_equal(code_check_lifetime(&c, NOW - 1, 0, 0), CODE_ERR_NOT_YET_VALID);
}

/* Without this a licence would end or go on at the wrong midnight: its last day is one of UTC+8. */
static void a_licence_ends_with_its_last_day(void **state)
{
    (void)state;
    struct code_claims c = typical();
    const int64_t midnight = ((int64_t)c.valid_until + 1) * 86400 - CLOCK_UTC8_S;
    assert_false(code_licence_expired(&c, midnight - 1));
    assert_true(code_licence_expired(&c, midnight));
    c.valid_until = CODE_LONG_TERM;
    assert_false(code_licence_expired(&c, midnight));
    c.valid_until = 0;
    assert_true(code_licence_expired(&c, midnight));
}

/* Without this a retired, revoked or foreign key would vouch for codes. */
static void keys_vouch_only_for_what_they_may(void **state)
{
    (void)state;
    static struct keyring own;
    uint8_t storage[CODE_COSE_BYTES_MAX];
    struct buf cose = BUF_OVER(storage);
    struct code_claims claims = typical();
    struct code code;
    const struct keyring_key *key;
    own = ring;
    struct keyring_key *mine = &own.keys[0];
    sign(&claims, &cose);
    assert_int_equal(code_parse(buf_bytes(&cose), &code), CODE_OK);
    assert_int_equal(code_find_key(&code, &own, &key), CODE_OK);
    assert_ptr_equal(key, mine);

    mine->use_from = NOW + 1;
    assert_int_equal(code_find_key(&code, &own, &key), CODE_ERR_UNKNOWN_KEY);
    assert_null(key);
    mine->use_from = NOW;
    assert_int_equal(code_find_key(&code, &own, &key), CODE_OK);
    static const int64_t unknown_to_others[] = {NOW + 1, KEY_UNPUBLISHED};
    for (size_t i = 0; i < 2; i++) {
        mine->publish_at = unknown_to_others[i];
        assert_int_equal(code_find_key(&code, &own, &key), CODE_ERR_UNKNOWN_KEY);
        assert_null(key);
    }
    mine->publish_at = NOW;
    assert_int_equal(code_find_key(&code, &own, &key), CODE_OK);
    mine->retire_at = NOW;
    assert_int_equal(code_find_key(&code, &own, &key), CODE_ERR_UNKNOWN_KEY);
    mine->revoked = true; /* says more than that it is retired */
    assert_int_equal(code_find_key(&code, &own, &key), CODE_ERR_KEY_REVOKED);
    for (enum key_use use = KEY_USE_STATUS; use <= KEY_USE_RECEIPT; use++) {
        mine->use = use;
        assert_int_equal(code_find_key(&code, &own, &key), CODE_ERR_UNKNOWN_KEY);
        assert_null(key);
    }
    *mine = ring.keys[0];
    mine->alg = CRYPTO_SM2;
    assert_int_equal(code_find_key(&code, &own, &key), CODE_ERR_UNKNOWN_KEY);
    own.count = 0;
    assert_int_equal(code_find_key(&code, &own, &key), CODE_ERR_UNKNOWN_KEY);
}

/* Without this an enterprise's long name could not be displayed, or be cut inside a character. */
static void long_names_are_cut_at_a_character(void **state)
{
    (void)state;
    for (size_t lead = 0; lead < 4; lead++) {
        uint8_t name[240], cut[CODE_NAME_BYTES_MAX];
        struct buf in = BUF_OVER(name), out = BUF_OVER(cut);
        buf_put(&in, bytes_of("abcd", lead));
        while (in.len < 200)
            buf_put_str(&in, "焦");
        code_write_name(&out, guarded(0, buf_bytes(&in)));
        assert_true(buf_ok(&out));
        assert_int_equal(out.len, 105 - (102 - lead) % 3);
        assert_memory_equal(cut + out.len - 6, "焦…", 6);
        assert_memory_equal(cut, name, out.len - 3);
    }
    uint8_t cut[CODE_NAME_BYTES_MAX];
    struct buf out = BUF_OVER(cut);
    memset(long_name, 'A', sizeof long_name);
    code_write_name(&out, guarded(0, bytes_of(long_name, sizeof long_name)));
    assert_int_equal(out.len, CODE_NAME_BYTES_MAX);
    assert_memory_equal(cut, long_name, CODE_NAME_BYTES_MAX);
}

/* Without this a provider that can't compute would make a genuine code look forged. */
static enum crypto_result no_memory(struct crypto_verifier *v, const struct bytes *parts,
                                    size_t count, const uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    (void)v, (void)parts, (void)count, (void)signature;
    return CRYPTO_FAILED;
}
static enum crypto_result no_entropy(struct crypto_signer *s, const struct bytes *parts,
                                     size_t count, uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    (void)s, (void)parts, (void)count, (void)signature;
    return CRYPTO_FAILED;
}
static void a_failing_provider_is_ours(void **state)
{
    (void)state;
    const struct crypto_provider broken = {.verify = no_memory, .sign = no_entropy};
    uint8_t storage[CODE_COSE_BYTES_MAX];
    struct buf cose = BUF_OVER(storage);
    struct code_claims claims = typical();
    struct code code;
    sign(&claims, &cose);
    assert_int_equal(code_parse(buf_bytes(&cose), &code), CODE_OK);
    assert_int_equal(code_check_signature(&code, &broken, NULL), CODE_ERR_CRYPTO);
    cose.len = 0;
    assert_int_equal(code_sign(&claims, CRYPTO_ES256, ring.keys[0].kid, &broken, NULL, &cose),
                     CODE_ERR_CRYPTO);
    assert_int_equal(cose.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_come_back),
        cmocka_unit_test(codes_are_small),
        cmocka_unit_test(every_altered_octet_is_refused),
        cmocka_unit_test(every_altered_digit_is_refused),
        cmocka_unit_test(only_the_low_signature_is_written_and_read),
        cmocka_unit_test(text_forms),
        cmocka_unit_test(lifetime_has_exact_edges),
        cmocka_unit_test(a_licence_ends_with_its_last_day),
        cmocka_unit_test(keys_vouch_only_for_what_they_may),
        cmocka_unit_test(long_names_are_cut_at_a_character),
        cmocka_unit_test(a_failing_provider_is_ours),
    };
    make_keys();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
