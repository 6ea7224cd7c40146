#include "protocol/token.h"

#include "base/check.h"
#include "protocol/cbor.h"

#define MAC_CONTEXT "jwb-token-1"
#define MAC_CHARS   22 /* 16 octets of base64url */
#define CBOR_MAX    192

static const struct bytes VERSION = {(const uint8_t *)"jwb1.", 5};

static const struct {
    const char *name;
    unsigned scopes;
} ROLES[TOKEN_ROLE_COUNT] = {
    [TOKEN_ROLE_ANYBODY] = {"anybody", TOKEN_SCOPE_VERIFY},
    [TOKEN_ROLE_HOLDER] = {"holder", TOKEN_SCOPE_DISPLAY | TOKEN_SCOPE_VERIFY |
                                         TOKEN_SCOPE_CONSENT | TOKEN_SCOPE_OBJECT |
                                         TOKEN_SCOPE_TRACE},
    [TOKEN_ROLE_INSPECTOR] = {"inspector", TOKEN_SCOPE_VERIFY | TOKEN_SCOPE_STATUS |
                                               TOKEN_SCOPE_LOOKUP | TOKEN_SCOPE_ENFORCE |
                                               TOKEN_SCOPE_OBJECT | TOKEN_SCOPE_SYNC},
    [TOKEN_ROLE_PARTNER] = {"partner", TOKEN_SCOPE_VERIFY | TOKEN_SCOPE_CHECK | TOKEN_SCOPE_SYNC},
    [TOKEN_ROLE_ISSUER] = {"issuer", TOKEN_SCOPE_VERIFY | TOKEN_SCOPE_STATUS | TOKEN_SCOPE_DELIVER |
                                         TOKEN_SCOPE_TRACE},
    [TOKEN_ROLE_SYSTEM] = {"system", TOKEN_SCOPE_RETRIEVE},
    [TOKEN_ROLE_AUDITOR] = {"auditor", TOKEN_SCOPE_TRACE},
    [TOKEN_ROLE_OPERATOR] = {"operator", 0},
};

const char *token_role_text(enum token_role role)
{
    return ROLES[role].name;
}

bool token_role_read(struct bytes text, enum token_role *role)
{
    for (unsigned i = 0; i < TOKEN_ROLE_COUNT; i++) {
        *role = (enum token_role)i;
        if (bytes_equal(text, bytes_str(ROLES[i].name)))
            return true;
    }
    return false;
}

unsigned token_role_scopes(enum token_role role)
{
    return ROLES[role].scopes;
}

bool token_scopes_read(struct bytes text, unsigned *scopes)
{
    static const char *const words[] = {
#define S(name, word) word,
        TOKEN_SCOPES(S)
#undef S
    };
    *scopes = 0;
    while (text.len) {
        const uint8_t *space = memchr(text.data, ' ', text.len);
        struct bytes word = bytes_of(text.data, space ? (size_t)(space - text.data) : text.len);
        unsigned i = 0;
        while (i < TOKEN_SCOPE_COUNT && !bytes_equal(word, bytes_str(words[i])))
            i++;
        if (i == TOKEN_SCOPE_COUNT || (space && word.len + 1 == text.len))
            return false;
        *scopes |= 1u << i;
        text = bytes_from(text, word.len + (space != NULL));
    }
    return true;
}

void token_scopes_write(struct buf *out, unsigned scopes)
{
    const char *between = "";
#define S(name, word)                                                                              \
    if (scopes & TOKEN_SCOPE_##name) {                                                             \
        buf_put_str(out, between);                                                                 \
        buf_put_str(out, word);                                                                    \
        between = " ";                                                                             \
    }
    TOKEN_SCOPES(S)
#undef S
}

const char *token_error_text(enum token_error error)
{
    static const char *const texts[] = {
        [TOKEN_OK] = "ok",
        [TOKEN_ERR_MALFORMED] = "malformed",
        [TOKEN_ERR_MAC] = "altered, or made by another gateway",
        [TOKEN_ERR_EXPIRED] = "expired",
        [TOKEN_ERR_CRYPTO] = "the MAC could not be computed",
    };
    return texts[error];
}

static bool is_printable(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] > 0x7E)
            return false;
    return true;
}

static bool claims_read(struct bytes cbor, struct token_claims *c)
{
    struct cbor_reader r = cbor_reader_over(cbor);
    cbor_read_array(&r, 6);
    c->role = (enum token_role)cbor_read_uint(&r, TOKEN_ROLE_AUDITOR); /* the last that asks */
    c->subject = cbor_read_text(&r, 0, TOKEN_SUBJECT_BYTES_MAX);
    c->client = cbor_read_text(&r, 0, TOKEN_CLIENT_BYTES_MAX);
    c->scopes = (unsigned)cbor_read_uint(&r, TOKEN_SCOPES_ALL);
    c->issued_at = (int64_t)cbor_read_uint(&r, INT64_MAX);
    c->expires_at = (int64_t)cbor_read_uint(&r, INT64_MAX);
    return cbor_read_end(&r) && c->role != TOKEN_ROLE_ANYBODY && is_printable(c->subject) &&
           is_printable(c->client);
}

static void claims_write(const struct token_claims *c, struct buf *out)
{
    cbor_put_array(out, 6);
    cbor_put_uint(out, c->role);
    cbor_put_text(out, c->subject);
    cbor_put_text(out, c->client);
    cbor_put_uint(out, c->scopes);
    cbor_put_uint(out, (uint64_t)c->issued_at);
    cbor_put_uint(out, (uint64_t)c->expires_at);
}

static bool compute_mac(const struct crypto_provider *crypto, struct crypto_mac *mac,
                        struct bytes cbor, uint8_t out[CRYPTO_HASH_BYTES])
{
    const struct bytes parts[] = {BYTES(MAC_CONTEXT), cbor};
    return crypto->mac_compute(mac, parts, 2, out) == CRYPTO_OK;
}

enum token_error token_write(const struct token_claims *claims,
                             const struct crypto_provider *crypto, struct crypto_mac *mac,
                             struct buf *out)
{
    uint8_t storage[CBOR_MAX], computed[CRYPTO_HASH_BYTES];
    struct buf cbor = BUF_OVER(storage);
    struct token_claims again;
    claims_write(claims, &cbor);
    CHECK(buf_ok(&cbor) && claims_read(buf_bytes(&cbor), &again)); /* in range */
    if (!compute_mac(crypto, mac, buf_bytes(&cbor), computed))
        return TOKEN_ERR_CRYPTO;
    buf_put(out, VERSION);
    buf_put_base64url(out, buf_bytes(&cbor));
    buf_put_u8(out, '.');
    buf_put_base64url(out, bytes_of(computed, TOKEN_MAC_BYTES));
    return TOKEN_OK;
}

enum token_error token_read(struct bytes text, int64_t now, const struct crypto_provider *crypto,
                            struct crypto_mac *mac, struct buf *storage,
                            struct token_claims *claims)
{
    uint8_t given[TOKEN_MAC_BYTES], computed[CRYPTO_HASH_BYTES];
    struct buf given_mac = BUF_OVER(given);
    const size_t start = storage->len;
    if (text.len > TOKEN_TEXT_BYTES_MAX || text.len < VERSION.len + 1 + MAC_CHARS ||
        !bytes_start_with(text, VERSION))
        return TOKEN_ERR_MALFORMED;
    const size_t dot = text.len - MAC_CHARS - 1;
    const struct bytes body = bytes_of(text.data + VERSION.len, dot - VERSION.len);
    if (text.data[dot] != '.' || !buf_put_from_base64url(&given_mac, bytes_from(text, dot + 1)) ||
        !buf_put_from_base64url(storage, body))
        return TOKEN_ERR_MALFORMED;

    const struct bytes cbor = bytes_from(buf_bytes(storage), start);
    if (!compute_mac(crypto, mac, cbor, computed))
        return TOKEN_ERR_CRYPTO;
    if (!bytes_equal_secret(bytes_of(computed, TOKEN_MAC_BYTES), buf_bytes(&given_mac)))
        return TOKEN_ERR_MAC;
    if (!claims_read(cbor, claims))
        return TOKEN_ERR_MALFORMED;
    return now >= claims->expires_at ? TOKEN_ERR_EXPIRED : TOKEN_OK;
}
