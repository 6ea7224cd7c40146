/* The keyring's JSON Web Key Set (RFC 7517, RFC 7518 section 6.2.1): written, and read by a small
 * scanner of its own, because a device that verifies has no JSON library. The scanner is no
 * validator: of what it skips it only finds the end. Names and values that it looks for need no
 * escapes, so they are compared as they stand. */
#include "protocol/keyring.h"

#include "base/check.h"

#define DEPTH_MAX   8  /* of what is skipped */
#define COORD_BYTES 32 /* of both curves */
#define TIME_DIGITS 12 /* Unix seconds for the next 30,000 years */

/* ---- writing -----------------------------------------------------------------------------------
 */

static void write_key(const struct keyring_key *key, struct buf *out)
{
    buf_put_str(out, "{\"kty\":\"EC\",\"crv\":");
    buf_put_json(out, bytes_str(key_curve_text(key->alg)));
    buf_put_str(out, ",\"use\":\"sig\",\"alg\":");
    buf_put_json(out, bytes_str(key_alg_text(key->alg)));
    buf_put_str(out, ",\"kid\":\"");
    buf_put_hex(out, bytes_of(key->kid, KID_BYTES));
    buf_put_str(out, "\",\"x\":\"");
    buf_put_base64url(out, bytes_of(key->public_key + 1, COORD_BYTES));
    buf_put_str(out, "\",\"y\":\"");
    buf_put_base64url(out, bytes_of(key->public_key + 1 + COORD_BYTES, COORD_BYTES));
    buf_put_str(out, "\"");
    if (key->use != KEY_USE_CODE) {
        buf_put_str(out, ",\"jwb_use\":");
        buf_put_json(out, bytes_str(key_use_text(key->use)));
    }
    if (key->use_from > 0) {
        buf_put_str(out, ",\"nbf\":");
        buf_put_decimal(out, key->use_from);
    }
    if (key->retire_at < INT64_MAX) {
        buf_put_str(out, ",\"exp\":");
        buf_put_decimal(out, key->retire_at);
    }
    buf_put_str(out, "}");
}

void keyring_write_jwks(const struct keyring *ring, int64_t now, struct buf *out)
{
    const char *between = "";
    buf_put_str(out, "{\"keys\":[");
    for (size_t i = 0; i < ring->count; i++) {
        const struct keyring_key *key = &ring->keys[i];
        if (!key_use_text(key->use) || key->revoked || key->publish_at > now)
            continue;
        buf_put_str(out, between);
        write_key(key, out);
        between = ",";
    }
    buf_put_str(out, "]}");
}

enum crypto_result jwk_thumbprint(const struct crypto_provider *crypto,
                                  const uint8_t public_key[CRYPTO_PUBLIC_BYTES], struct buf *out)
{
    uint8_t storage[160], hash[CRYPTO_HASH_BYTES];
    struct buf json = BUF_OVER(storage);
    /* RFC 7638 section 3.2: the required members alone, in this order. */
    buf_put_str(&json, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
    buf_put_base64url(&json, bytes_of(public_key + 1, COORD_BYTES));
    buf_put_str(&json, "\",\"y\":\"");
    buf_put_base64url(&json, bytes_of(public_key + 1 + COORD_BYTES, COORD_BYTES));
    buf_put_str(&json, "\"}");
    const struct bytes whole = buf_bytes(&json);
    enum crypto_result result = crypto->sha256(&whole, 1, hash);
    CHECK(buf_ok(&json));
    if (result == CRYPTO_OK)
        buf_put_base64url(out, bytes_of(hash, sizeof hash));
    return result;
}

/* ---- scanning ----------------------------------------------------------------------------------
 */

/* Like the reader of CBOR: the error is sticky, and after it nothing is left to read. */
struct scanner {
    struct bytes rest;
    bool failed;
};

static void fail(struct scanner *s)
{
    s->failed = true;
    s->rest.len = 0;
}

/* The next octet that is no white space, without taking it; 0 at the end. */
static uint8_t peek(struct scanner *s)
{
    while (s->rest.len && memchr(" \t\r\n", s->rest.data[0], 4))
        s->rest = bytes_from(s->rest, 1);
    return s->rest.len ? s->rest.data[0] : 0;
}

static bool take(struct scanner *s, uint8_t wanted)
{
    if (peek(s) != wanted)
        return false;
    s->rest = bytes_from(s->rest, 1);
    return true;
}

static void expect(struct scanner *s, uint8_t wanted)
{
    if (!take(s, wanted))
        fail(s);
}

/* What stands between the quotes. */
static struct bytes scan_string(struct scanner *s)
{
    expect(s, '"');
    const struct bytes text = s->rest;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"') {
            s->rest = bytes_from(text, i + 1);
            return bytes_of(text.data, i);
        }
        if (text.data[i] == '\\')
            i++;
    }
    fail(s);
    return bytes_of("", 0);
}

static bool is_of_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '+' || c == '-' || c == '.' ||
           c == 'E';
}

/* A number, true, false or null. */
static struct bytes scan_word(struct scanner *s)
{
    size_t n = 0;
    peek(s);
    const struct bytes text = s->rest;
    while (n < text.len && is_of_word(text.data[n]))
        n++;
    s->rest = bytes_from(text, n);
    if (n == 0)
        fail(s);
    return bytes_of(text.data, n);
}

static void skip(struct scanner *s, int depth)
{
    uint8_t open = peek(s);
    if (open == '"') {
        scan_string(s);
    } else if (open != '{' && open != '[') {
        scan_word(s);
    } else if (depth == 0) {
        fail(s);
    } else {
        const uint8_t close = open == '{' ? '}' : ']';
        take(s, open);
        if (take(s, close))
            return;
        do {
            if (open == '{') {
                scan_string(s);
                expect(s, ':');
            }
            skip(s, depth - 1);
        } while (take(s, ','));
        expect(s, close);
    }
}

/* ---- reading -----------------------------------------------------------------------------------
 */

enum member { KTY, CRV, USE, ALG, JWB_USE, KID, X, Y, NBF, EXP, MEMBERS };
static const char *const MEMBER_NAMES[MEMBERS] = {"kty", "crv", "use", "alg", "jwb_use",
                                                  "kid", "x",   "y",   "nbf", "exp"};

/* A value of any kind, as it stands. */
static struct bytes scan_value(struct scanner *s)
{
    peek(s);
    const uint8_t *begin = s->rest.data;
    skip(s, DEPTH_MAX);
    return bytes_of(begin, (size_t)(s->rest.data - begin));
}

/* The values of one key's members; data is NULL for those that are not there. */
static void scan_key(struct scanner *s, struct bytes value[MEMBERS])
{
    memset(value, 0, MEMBERS * sizeof *value);
    expect(s, '{');
    if (take(s, '}'))
        return;
    do {
        struct bytes name = scan_string(s);
        size_t m = 0;
        while (m < MEMBERS && !bytes_equal(name, bytes_str(MEMBER_NAMES[m])))
            m++;
        expect(s, ':');
        if (m == MEMBERS)
            skip(s, DEPTH_MAX);
        else if (value[m].data)
            fail(s); /* twice */
        else
            value[m] = scan_value(s);
    } while (take(s, ','));
    expect(s, '}');
}

/* What stands between the quotes of a value that is a text. */
static bool read_text(struct bytes value, struct bytes *text)
{
    if (value.len < 2 || value.data[0] != '"')
        return false;
    *text = bytes_of(value.data + 1, value.len - 2);
    return true;
}

static bool read_coordinate(struct bytes value, uint8_t *coordinate)
{
    struct bytes text;
    struct buf out;
    buf_init(&out, coordinate, COORD_BYTES);
    return read_text(value, &text) && buf_put_from_base64url(&out, text) && out.len == COORD_BYTES;
}

static bool is_point(const struct crypto_provider *crypto, const struct keyring_key *key)
{
    struct crypto_verifier *verifier = crypto->verifier_create(key->alg, key->public_key);
    const bool created = verifier != NULL;
    if (created)
        crypto->verifier_destroy(&verifier);
    return created;
}

/* A whole number of seconds; leaves *seconds alone when there is no text. */
static bool read_time(struct bytes text, int64_t *seconds)
{
    if (!text.data)
        return true;
    if (text.len > TIME_DIGITS)
        return false;
    *seconds = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *seconds = *seconds * 10 + (text.data[i] - '0');
    }
    return true;
}

/* Without the member it is a key for codes. */
static bool read_use(struct bytes value, enum key_use *use)
{
    struct bytes text;
    *use = KEY_USE_CODE;
    return !value.data || (read_text(value, &text) && key_use_read(text, use));
}

/* Is it a key of ours, of which kind, and what for? */
static bool read_kind(const struct bytes value[MEMBERS], struct keyring_key *key)
{
    struct bytes alg, curve;
    return read_use(value[JWB_USE], &key->use) && bytes_equal(value[KTY], BYTES("\"EC\"")) &&
           bytes_equal(value[USE], BYTES("\"sig\"")) && read_text(value[ALG], &alg) &&
           key_alg_read(alg, &key->alg) && read_text(value[CRV], &curve) &&
           bytes_equal(curve, bytes_str(key_curve_text(key->alg)));
}

static bool add_key(struct keyring *ring, const struct crypto_provider *crypto,
                    const struct bytes value[MEMBERS], struct keyring_key *key)
{
    uint8_t storage[2 * KID_BYTES + 2];
    struct buf kid = BUF_OVER(storage);
    key->public_key[0] = 0x04;
    key->retire_at = INT64_MAX;
    if (!read_coordinate(value[X], key->public_key + 1) ||
        !read_coordinate(value[Y], key->public_key + 1 + COORD_BYTES) ||
        !read_time(value[NBF], &key->use_from) || !read_time(value[EXP], &key->retire_at) ||
        !is_point(crypto, key) || keyring_add(ring, crypto, key) != KEYRING_OK)
        return false;
    buf_put_u8(&kid, '"');
    buf_put_hex(&kid, bytes_of(ring->keys[ring->count - 1].kid, KID_BYTES));
    buf_put_u8(&kid, '"');
    return bytes_equal(value[KID], buf_bytes(&kid));
}

static void read_keys(struct scanner *s, struct keyring *ring, const struct crypto_provider *crypto)
{
    struct bytes value[MEMBERS];
    expect(s, '[');
    if (take(s, ']'))
        return;
    do {
        struct keyring_key key = {0};
        scan_key(s, value);
        if (!s->failed && read_kind(value, &key) && !add_key(ring, crypto, value, &key))
            fail(s);
    } while (take(s, ','));
    expect(s, ']');
}

bool keyring_read_jwks(struct keyring *ring, const struct crypto_provider *crypto,
                       struct bytes json)
{
    struct scanner s = {json, false};
    const size_t before = ring->count;
    bool seen = false;
    expect(&s, '{');
    do {
        struct bytes name = scan_string(&s);
        expect(&s, ':');
        if (!bytes_equal(name, BYTES("keys")))
            skip(&s, DEPTH_MAX);
        else if (seen)
            fail(&s);
        else
            read_keys(&s, ring, crypto);
        seen |= bytes_equal(name, BYTES("keys"));
    } while (take(&s, ','));
    expect(&s, '}');
    if (!s.failed && seen && peek(&s) == 0 && s.rest.len == 0)
        return true;
    ring->count = before;
    return false;
}
