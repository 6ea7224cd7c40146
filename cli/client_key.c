/* Keys of clients: public ones that are brought, pairs that are made for them. */
#include "cli/client.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "cli/command.h"
#include "protocol/keyring.h"

#define FILE_BYTES_MAX     4096
#define COORDINATE_BYTES   32 /* of P-256; a private scalar is as long */
#define COORDINATE_LETTERS 43 /* in base64url, RFC 7518 section 6.2.1.2 */

/* ---- a public key ---- */

static bool is_word(const json_t *jwk, const char *name, const char *word)
{
    const char *text = json_string_value(json_object_get(jwk, name));
    return text && strcmp(text, word) == 0;
}

static bool read_coordinate(const json_t *jwk, const char *name, uint8_t *out)
{
    const char *text = json_string_value(json_object_get(jwk, name));
    struct buf octets;
    buf_init(&octets, out, COORDINATE_BYTES);
    return text && strlen(text) == COORDINATE_LETTERS &&
           buf_put_from_base64url(&octets, bytes_str(text));
}

/* What is wrong with it; NULL: nothing. */
static const char *read_jwk(const json_t *jwk, uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    if (!is_word(jwk, "kty", "EC") || !is_word(jwk, "crv", "P-256"))
        return "is no JSON Web Key of kty EC and crv P-256";
    if ((json_object_get(jwk, "use") && !is_word(jwk, "use", "sig")) ||
        (json_object_get(jwk, "alg") && !is_word(jwk, "alg", "ES256")))
        return "is no key that signs with ES256: it has another use or alg";
    if (json_object_get(jwk, "d"))
        return "is a private key: bring the public one, and keep this to its owner";
    public_key[0] = 4; /* uncompressed, SEC 1 section 2.3.3 */
    struct crypto_verifier *verifier = NULL;
    if (read_coordinate(jwk, "x", public_key + 1) &&
        read_coordinate(jwk, "y", public_key + 1 + COORDINATE_BYTES))
        verifier = crypto_openssl.verifier_create(CRYPTO_ES256, public_key);
    bool good = verifier;
    crypto_openssl.verifier_destroy(&verifier);
    return good ? NULL : "has an x and y that are no point of P-256";
}

/* Libraries put the key's kid into an assertion's header, and the gateway takes one name alone. */
static void warn_of_kid(const char *path, const json_t *jwk, const uint8_t *public_key)
{
    char text[64];
    struct buf name = BUF_OVER(text);
    if (json_object_get(jwk, "kid") &&
        jwk_thumbprint(&crypto_openssl, public_key, &name) == CRYPTO_OK &&
        !is_word(jwk, "kid", buf_cstr(&name)))
        fprintf(stderr,
                "jwb: warning: %s has a kid that is not its thumbprint: assertions with it are "
                "refused, those without one or with %s are not\n",
                path, buf_cstr(&name));
}

bool client_key_read(const char *path, uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    uint8_t storage[FILE_BYTES_MAX];
    struct buf content = BUF_OVER(storage);
    if (!command_file(path, &content))
        return false;
    json_t *jwk = json_loadb((const char *)content.data, content.len, JSON_REJECT_DUPLICATES, NULL);
    const char *wrong = jwk ? read_jwk(jwk, public_key) : "is not JSON, or has a member twice";
    if (!wrong)
        warn_of_kid(path, jwk, public_key);
    json_decref(jwk);
    crypto_wipe(storage, sizeof storage); /* it may have been a private one */
    if (wrong)
        command_failed("%s %s", path, wrong);
    return !wrong;
}

/* ---- a new pair ---- */

static void put_coordinate(struct buf *out, const char *name, const uint8_t *octets)
{
    buf_printf(out, "\"%s\":\"", name);
    buf_put_base64url(out, bytes_of(octets, COORDINATE_BYTES));
    buf_put_u8(out, '"');
}

static bool put_pair(struct buf *out, const struct crypto_key_pair *pair)
{
    buf_put_str(out,
                "{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"");
    if (jwk_thumbprint(&crypto_openssl, pair->public_key, out) != CRYPTO_OK)
        return false;
    buf_put_str(out, "\",");
    put_coordinate(out, "x", pair->public_key + 1);
    buf_put_u8(out, ',');
    put_coordinate(out, "y", pair->public_key + 1 + COORDINATE_BYTES);
    buf_put_u8(out, ',');
    put_coordinate(out, "d", pair->private_key);
    buf_put_str(out, "}\n");
    CHECK(buf_ok(out));
    return true;
}

static bool write_private(const char *path, struct bytes content)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        command_failed("%s: %s", path, strerror(errno));
        return false;
    }
    errno = ENOSPC; /* of a short write */
    bool written =
        write(file, content.data, content.len) == (ssize_t)content.len && fsync(file) == 0;
    if (!written) {
        command_failed("%s: %s", path, strerror(errno));
        unlink(path);
    }
    close(file);
    return written;
}

bool client_key_create(const char *path, uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    uint8_t storage[512];
    struct buf text = BUF_OVER(storage);
    struct crypto_key_pair pair;
    bool made =
        crypto_openssl.key_generate(CRYPTO_ES256, &pair) == CRYPTO_OK && put_pair(&text, &pair);
    if (!made)
        command_failed("a key could not be made");
    memcpy(public_key, pair.public_key, CRYPTO_PUBLIC_BYTES);
    crypto_wipe(&pair, sizeof pair);
    bool written = made && write_private(path, buf_bytes(&text));
    crypto_wipe(storage, sizeof storage);
    return written;
}
