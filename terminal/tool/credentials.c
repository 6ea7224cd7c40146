#include "terminal/tool/credentials.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "protocol/keyring.h"

#define KEY_FILE           "client.jwk"
#define TOKEN_FILE         "officer.json"
#define COORDINATE_BYTES   32 /* of P-256; a private scalar is as long */
#define COORDINATE_LETTERS 43 /* in base64url, RFC 7518 section 6.2.1.2 */
#define KEY_FILE_BYTES_MAX 1024
#define ASSERTION_LIFE_S   60
#define CONNECT_MS         10000
#define WAIT_MS            20000

static const struct crypto_provider *const crypto = &crypto_mbedtls;

/* ---- the key ---- */

static void put_octets(struct buf *out, const char *name, const uint8_t *octets)
{
    buf_printf(out, ",\"%s\":\"", name);
    buf_put_base64url(out, bytes_of(octets, COORDINATE_BYTES));
    buf_put_u8(out, '"');
}

static bool put_jwk(struct buf *out, const struct crypto_key_pair *pair, bool with_private)
{
    buf_put_str(out,
                "{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"");
    bool named = jwk_thumbprint(crypto, pair->public_key, out) == CRYPTO_OK;
    buf_put_u8(out, '"');
    put_octets(out, "x", pair->public_key + 1);
    put_octets(out, "y", pair->public_key + 1 + COORDINATE_BYTES);
    if (with_private)
        put_octets(out, "d", pair->private_key);
    buf_put_u8(out, '}');
    return named && buf_ok(out);
}

static bool get_octets(const json_t *jwk, const char *name, uint8_t *octets)
{
    const char *text = json_string_value(json_object_get(jwk, name));
    struct buf out;
    buf_init(&out, octets, COORDINATE_BYTES);
    return text && strlen(text) == COORDINATE_LETTERS &&
           buf_put_from_base64url(&out, bytes_str(text));
}

static bool read_key(const struct device *device, struct crypto_key_pair *pair)
{
    uint8_t storage[KEY_FILE_BYTES_MAX];
    struct buf content = BUF_OVER(storage);
    enum folder_read read = folder_read(&device->folder, KEY_FILE, &content);
    json_t *jwk = json_loadb((const char *)storage, content.len, JSON_REJECT_DUPLICATES, NULL);
    pair->public_key[0] = 4; /* uncompressed, SEC 1 section 2.3.3 */
    bool good = read == FOLDER_READ && get_octets(jwk, "x", pair->public_key + 1) &&
                get_octets(jwk, "y", pair->public_key + 1 + COORDINATE_BYTES) &&
                get_octets(jwk, "d", pair->private_key);
    json_decref(jwk);
    crypto_wipe(storage, sizeof storage);
    if (!good && read != FOLDER_FAILED)
        complain("%s/" KEY_FILE ": %s", device->folder.path,
                 read == FOLDER_ABSENT
                     ? "there is no such key; 'jwb-terminal enroll' makes it"
                     : "is damaged; without it, 'jwb-terminal enroll --again' makes one");
    return good;
}

bool credentials_make_key(const struct device *device)
{
    uint8_t storage[KEY_FILE_BYTES_MAX];
    struct buf content = BUF_OVER(storage);
    struct crypto_key_pair pair;
    enum folder_read there = folder_read(&device->folder, KEY_FILE, &content);
    if (there != FOLDER_ABSENT)
        return there == FOLDER_READ;
    bool made =
        crypto->key_generate(CRYPTO_ES256, &pair) == CRYPTO_OK && put_jwk(&content, &pair, true);
    if (!made)
        complain("a key could not be made");
    made = made && folder_write(&device->folder, KEY_FILE, buf_bytes(&content));
    crypto_wipe(&pair, sizeof pair);
    crypto_wipe(storage, sizeof storage);
    return made;
}

bool credentials_public_key(const struct device *device, struct buf *jwk)
{
    struct crypto_key_pair pair;
    bool read = read_key(device, &pair);
    bool put = read && put_jwk(jwk, &pair, false);
    crypto_wipe(&pair, sizeof pair);
    if (read && !put)
        complain("the key's thumbprint could not be computed");
    return put;
}

/* ---- assertions ---- */

static bool put_header(struct buf *jwt, const struct crypto_key_pair *pair)
{
    char storage[160];
    struct buf header = BUF_OVER(storage);
    buf_put_str(&header, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"");
    bool named = jwk_thumbprint(crypto, pair->public_key, &header) == CRYPTO_OK;
    buf_put_str(&header, "\"}");
    buf_put_base64url(jwt, buf_bytes(&header));
    return named;
}

static bool put_claims(struct buf *jwt, const struct device *device)
{
    const int64_t now = clock_wall_s();
    char storage[1024];
    uint8_t jti[16];
    struct buf claims = BUF_OVER(storage);
    bool drawn = crypto->random(jti, sizeof jti) == CRYPTO_OK;
    buf_put_str(&claims, "{\"iss\":");
    buf_put_json(&claims, bytes_str(device->client));
    buf_put_str(&claims, ",\"sub\":");
    buf_put_json(&claims, bytes_str(device->client));
    buf_put_str(&claims, ",\"aud\":");
    buf_put_json(&claims, bytes_str(device->gateway));
    buf_printf(&claims, ",\"iat\":%lld,\"exp\":%lld,\"jti\":\"", (long long)now,
               (long long)now + ASSERTION_LIFE_S);
    buf_put_hex(&claims, bytes_of(jti, sizeof jti));
    buf_put_str(&claims, "\"}");
    buf_put_base64url(jwt, buf_bytes(&claims));
    return drawn && buf_ok(&claims);
}

static bool sign(struct buf *jwt, const struct crypto_key_pair *pair)
{
    uint8_t signature[CRYPTO_SIGNATURE_BYTES];
    const struct bytes message = buf_bytes(jwt);
    struct crypto_signer *signer = crypto->signer_create(CRYPTO_ES256, pair);
    bool made = signer && crypto->sign(signer, &message, 1, signature) == CRYPTO_OK;
    crypto->signer_destroy(&signer);
    buf_put_u8(jwt, '.');
    buf_put_base64url(jwt, bytes_of(signature, sizeof signature));
    return made && buf_ok(jwt);
}

/* Appends "&client_assertion=..." and what belongs to it; false after a complaint. */
static bool put_assertion(struct buf *form, const struct device *device)
{
    char storage[2048];
    struct buf jwt = BUF_OVER(storage);
    struct crypto_key_pair pair;
    if (!read_key(device, &pair))
        return false;
    bool made = put_header(&jwt, &pair);
    buf_put_u8(&jwt, '.');
    made = made && put_claims(&jwt, device) && sign(&jwt, &pair);
    crypto_wipe(&pair, sizeof pair);
    buf_put_str(form, "&client_assertion_type="
                      "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
                      "&client_assertion=");
    buf_put(form, buf_bytes(&jwt)); /* base64url and dots: nothing to encode */
    if (!made || !buf_ok(form))
        complain("the terminal's key does not sign");
    return made && buf_ok(form);
}

/* ---- tokens ---- */

struct grant {
    char *token; /* the caller frees it */
    int64_t expires_at;
};

static bool take_grant(const struct uplink_answer *answer, struct grant *grant)
{
    json_t *told = json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL);
    const char *token = json_string_value(json_object_get(told, "access_token"));
    json_int_t life_s = json_integer_value(json_object_get(told, "expires_in"));
    bool good = token && *token && strlen(token) < CREDENTIALS_TOKEN_BYTES_MAX && life_s > 0 &&
                life_s <= 86400;
    if (good)
        *grant = (struct grant){check_strdup(token), clock_wall_s() + life_s};
    json_decref(told);
    return good;
}

static enum exit_status ask_for_token(struct uplink *uplink, const struct device *device,
                                      struct buf *form, struct grant *grant)
{
    char storage[4096], text[512];
    struct uplink_answer answer = {.body = BUF_OVER(storage)};
    struct buf why = BUF_OVER(text);
    if (!put_assertion(form, device))
        return STATUS_REFUSED;
    const struct uplink_ask ask = {
        .path = "/oauth2/token",
        .content_type = "application/x-www-form-urlencoded",
        .body = buf_bytes(form),
        .connect_ms = CONNECT_MS,
        .wait_ms = WAIT_MS,
    };
    enum uplink_result result = uplink_ask(uplink, &ask, &answer);
    bool granted = result == UPLINK_ANSWERED && answer.status == 200 && take_grant(&answer, grant);
    crypto_wipe(storage, sizeof storage);
    if (granted)
        return STATUS_DONE;
    if (result != UPLINK_ANSWERED)
        buf_put_str(&why, answer.why);
    else
        uplink_problem(&answer, &why);
    complain("no access token from %s: %s", device->gateway, buf_cstr(&why));
    return result == UPLINK_UNTRUSTED ||
                   (result == UPLINK_ANSWERED && answer.status / 100 == 4 && answer.status != 429)
               ? STATUS_REFUSED
               : STATUS_NOT_NOW;
}

enum exit_status credentials_terminal_token(struct uplink *uplink, const struct device *device,
                                            struct buf *token)
{
    char storage[4096];
    struct buf form = BUF_OVER(storage);
    struct grant grant = {0};
    buf_put_str(&form, "grant_type=client_credentials");
    enum exit_status status = ask_for_token(uplink, device, &form, &grant);
    if (status == STATUS_DONE)
        buf_put_str(token, grant.token);
    free(grant.token);
    return status;
}

static void put_encoded(struct buf *form, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        buf_printf(form, "%%%02X", text.data[i]);
}

static bool keep_token(const struct device *device, const struct grant *grant)
{
    json_t *kept = json_pack("{s:s, s:I}", "access_token", grant->token, "expires_at",
                             (json_int_t)grant->expires_at);
    char *text = kept ? json_dumps(kept, 0) : NULL;
    bool done = text && folder_write(&device->folder, TOKEN_FILE, bytes_str(text));
    free(text);
    json_decref(kept);
    return done;
}

enum exit_status credentials_login(struct uplink *uplink, const struct device *device,
                                   struct bytes identity, int64_t *expires_at)
{
    char storage[3 * CREDENTIALS_IDENTITY_BYTES_MAX + 4096];
    struct buf form = BUF_OVER(storage);
    struct grant grant = {0};
    buf_put_str(&form, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
                       "&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"
                       "&subject_token=");
    put_encoded(&form, identity);
    enum exit_status status = ask_for_token(uplink, device, &form, &grant);
    crypto_wipe(storage, sizeof storage);
    *expires_at = grant.expires_at;
    if (status == STATUS_DONE && !keep_token(device, &grant))
        status = STATUS_NOT_NOW;
    free(grant.token);
    return status;
}

bool credentials_officer_token(const struct device *device, int64_t now, struct buf *token)
{
    char storage[1024];
    struct buf content = BUF_OVER(storage);
    if (folder_read(&device->folder, TOKEN_FILE, &content) != FOLDER_READ)
        return false;
    json_t *kept = json_loadb(storage, content.len, JSON_REJECT_DUPLICATES, NULL);
    const char *text = json_string_value(json_object_get(kept, "access_token"));
    bool lasts = text && now < json_integer_value(json_object_get(kept, "expires_at"));
    if (lasts)
        buf_put_str(token, text);
    json_decref(kept);
    return lasts && *buf_cstr(token);
}

bool credentials_logout(const struct device *device)
{
    return folder_remove(&device->folder, TOKEN_FILE);
}
