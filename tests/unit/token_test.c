#include "protocol/cbor.h"
#include "protocol/token.h"
#include "tests/support.h"

#define NOW 1750000000

static const struct crypto_provider *const crypto = &crypto_openssl;
static struct crypto_mac *mac;

static struct token_claims typical(void)
{
    return (struct token_claims){.role = TOKEN_ROLE_INSPECTOR,
                                 .subject = BYTES("traffic/0417"),
                                 .client = BYTES("terminal-12"),
                                 .scopes = TOKEN_SCOPE_VERIFY | TOKEN_SCOPE_STATUS,
                                 .issued_at = NOW,
                                 .expires_at = NOW + 3600};
}

static enum token_error read_at(struct bytes text, int64_t now, struct token_claims *claims)
{
    static uint8_t storage[TOKEN_TEXT_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    return token_read(guarded(0, text), now, crypto, mac, &out, claims);
}

/* Without this a token would say something else than it was made to say. */
static void claims_come_back(void **state)
{
    (void)state;
    char longest[TOKEN_SUBJECT_BYTES_MAX];
    memset(longest, '~', sizeof longest);
    for (int i = 0; i < 2; i++) {
        struct token_claims in = typical(), out;
        uint8_t text[TOKEN_TEXT_BYTES_MAX];
        struct buf token = BUF_OVER(text);
        if (i) {
            in.subject = in.client = bytes_of(longest, sizeof longest);
            in.issued_at = INT64_MAX - 1;
            in.expires_at = INT64_MAX;
        }
        assert_int_equal(token_write(&in, crypto, mac, &token), TOKEN_OK);
        assert_true(buf_ok(&token));
        assert_int_equal(read_at(buf_bytes(&token), NOW, &out), TOKEN_OK);
        assert_int_equal(out.role, in.role);
        assert_true(bytes_equal(out.subject, in.subject) && bytes_equal(out.client, in.client));
        assert_int_equal(out.scopes, in.scopes);
        assert_true(out.issued_at == in.issued_at && out.expires_at == in.expires_at);
        assert_int_equal(read_at(buf_bytes(&token), in.expires_at - 1, &out), TOKEN_OK);
        assert_int_equal(read_at(buf_bytes(&token), in.expires_at, &out), TOKEN_ERR_EXPIRED);
    }
}

/* Without this a gateway of another version would refuse the tokens that are out there (the example
 * of docs/PROTOCOL.md). */
static void the_published_example_is_written(void **state)
{
    (void)state;
    uint8_t secret[CRYPTO_SECRET_BYTES], text[TOKEN_TEXT_BYTES_MAX];
    struct token_claims in = typical();
    struct buf token = BUF_OVER(text);
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)i;
    struct crypto_mac *example = crypto->mac_create(secret);
    assert_int_equal(token_write(&in, crypto, example, &token), TOKEN_OK);
    assert_string_equal(buf_cstr(&token), "jwb1.hgJsdHJhZmZpYy8wNDE3a3Rlcm1pbmFsLTEyBhpoTuGAGmhO75A"
                                          ".4QGNAwozn-42GNQyjaE3Bg");
    crypto->mac_destroy(&example);
}

/* Without this somebody could give himself another role by altering a token. */
static void every_altered_token_is_refused(void **state)
{
    (void)state;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    struct token_claims in = typical(), out;
    uint8_t text[TOKEN_TEXT_BYTES_MAX];
    struct buf token = BUF_OVER(text);
    size_t altered = 0, cut = 0, by_mac = 0;
    assert_int_equal(token_write(&in, crypto, mac, &token), TOKEN_OK);
    for (size_t i = 0; i < token.len; i++) {
        const uint8_t right = text[i];
        for (size_t k = 0; k < sizeof alphabet - 1; k++) {
            text[i] = (uint8_t)alphabet[k];
            if (text[i] == right)
                continue;
            enum token_error error = read_at(buf_bytes(&token), NOW, &out);
            assert_true(error == TOKEN_ERR_MALFORMED || error == TOKEN_ERR_MAC);
            by_mac += error == TOKEN_ERR_MAC;
            altered++;
        }
        text[i] = right;
    }
    for (size_t len = 0; len < token.len; len++, cut++)
        assert_int_not_equal(read_at(bytes_of(text, len), NOW, &out), TOKEN_OK);
    buf_put_u8(&token, 'A');
    assert_int_not_equal(read_at(buf_bytes(&token), NOW, &out), TOKEN_OK);
    assert_true(altered > 60 * cut && by_mac > altered / 2);
}

/* Without this a token of another gateway would be taken for ours. */
static void another_gateways_token_is_refused(void **state)
{
    (void)state;
    static const uint8_t secret[CRYPTO_SECRET_BYTES] = "another test key";
    struct crypto_mac *other = crypto->mac_create(secret);
    struct token_claims in = typical(), out;
    uint8_t text[TOKEN_TEXT_BYTES_MAX];
    struct buf token = BUF_OVER(text);
    assert_int_equal(token_write(&in, crypto, other, &token), TOKEN_OK);
    assert_int_equal(read_at(buf_bytes(&token), NOW, &out), TOKEN_ERR_MAC);
    crypto->mac_destroy(&other);
}

/* Without this a MAC over nonsense (by an older or mistaken gateway) would be believed. */
static void a_genuine_mac_over_other_claims_is_malformed(void **state)
{
    (void)state;
    static const struct bytes claims[] = {
        BYTES(""),
        BYTES("\x86\x00\x60\x60\x02\x01\x1a\x7f\xff\xff\xff"),         /* role 0 */
        BYTES("\x86\x07\x60\x60\x02\x01\x1a\x7f\xff\xff\xff"),         /* an operator */
        BYTES("\x86\x08\x60\x60\x02\x01\x1a\x7f\xff\xff\xff"),         /* role 8 */
        BYTES("\x86\x01\x60\x60\x19\x20\x00\x01\x1a\x7f\xff\xff\xff"), /* an unknown scope */
        BYTES("\x86\x01\x61\x0a\x60\x02\x01\x1a\x7f\xff\xff\xff"),     /* a line feed */
        BYTES("\x86\x01\x60\x60\x02\x01\x1a\x7f\xff\xff\xff\x00"),     /* something behind it */
        BYTES("\x85\x01\x60\x60\x02\x01"),                             /* five items */
        BYTES("\x86\x01\x60\x60\x02\x20\x1a\x7f\xff\xff\xff"),         /* a negative time */
    };
    for (size_t i = 0; i <= sizeof claims / sizeof *claims; i++) {
        /* the last is in order: what the others are refused for is what is wrong with them */
        const struct bytes cbor = i < sizeof claims / sizeof *claims
                                      ? claims[i]
                                      : BYTES("\x86\x01\x60\x60\x02\x01\x1a\x7f\xff\xff\xff");
        const struct bytes parts[] = {BYTES("jwb-token-1"), cbor};
        uint8_t full[CRYPTO_HASH_BYTES], text[TOKEN_TEXT_BYTES_MAX];
        struct buf token = BUF_OVER(text);
        struct token_claims out;
        assert_int_equal(crypto->mac_compute(mac, parts, 2, full), CRYPTO_OK);
        buf_put_str(&token, "jwb1.");
        buf_put_base64url(&token, cbor);
        buf_put_str(&token, ".");
        buf_put_base64url(&token, bytes_of(full, TOKEN_MAC_BYTES));
        assert_int_equal(read_at(buf_bytes(&token), NOW, &out),
                         i < sizeof claims / sizeof *claims ? TOKEN_ERR_MALFORMED : TOKEN_OK);
    }
}

/* Without this a role in a request or a log could be another than the one in the token. */
static void roles_have_names_and_scopes(void **state)
{
    (void)state;
    enum token_role role;
    for (unsigned i = 0; i < TOKEN_ROLE_COUNT; i++) {
        assert_true(token_role_read(bytes_str(token_role_text((enum token_role)i)), &role));
        assert_int_equal(role, i);
        assert_int_equal(token_role_scopes(role) & ~TOKEN_SCOPES_ALL, 0);
    }
    assert_false(token_role_read(BYTES("Holder"), &role));
    assert_false(token_role_read(BYTES(""), &role));
    assert_true(token_role_scopes(TOKEN_ROLE_HOLDER) & TOKEN_SCOPE_DISPLAY);
    assert_false(token_role_scopes(TOKEN_ROLE_INSPECTOR) & TOKEN_SCOPE_DISPLAY);
    for (unsigned i = 0; i < TOKEN_ROLE_COUNT; i++) /* a ticket's alone */
        assert_false(token_role_scopes((enum token_role)i) & TOKEN_SCOPE_REGISTER);
}

/* Without this a client would get scopes that it did not ask for, or be told others than it got. */
static void scopes_are_words_with_spaces_between(void **state)
{
    (void)state;
    uint8_t storage[128];
    struct buf text = BUF_OVER(storage);
    unsigned scopes;
    token_scopes_write(&text, TOKEN_SCOPES_ALL);
    assert_true(
        bytes_equal(buf_bytes(&text), BYTES("display verify status check retrieve lookup consent "
                                            "enforce deliver object trace sync register")));
    for (unsigned set = 0; set <= TOKEN_SCOPES_ALL; set++) {
        text.len = 0;
        token_scopes_write(&text, set);
        assert_true(token_scopes_read(guarded(0, buf_bytes(&text)), &scopes));
        assert_int_equal(scopes, set);
    }
    static const char *const wrong[] = {"Verify", "verify  status",  " verify", "verify,status",
                                        "verif",  "verify statuses", "verify "};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(token_scopes_read(bytes_str(wrong[i]), &scopes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_come_back),
        cmocka_unit_test(the_published_example_is_written),
        cmocka_unit_test(every_altered_token_is_refused),
        cmocka_unit_test(another_gateways_token_is_refused),
        cmocka_unit_test(a_genuine_mac_over_other_claims_is_malformed),
        cmocka_unit_test(roles_have_names_and_scopes),
        cmocka_unit_test(scopes_are_words_with_spaces_between),
    };
    static const uint8_t secret[CRYPTO_SECRET_BYTES] = "a test key, nobody's but a test";
    mac = crypto->mac_create(secret);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
