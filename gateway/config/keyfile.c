#include "gateway/config/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

#define FILE_BYTES_MAX     (64 * 1024) /* KEYRING_KEYS_MAX keys in an HSM take 48 KiB */
#define COORDINATE_BYTES   32          /* of both curves; a private scalar is as long */
#define COORDINATE_LETTERS 43          /* in base64url, RFC 7518 section 6.2.1.2 */

/* Appends "path: sentence"; returns false. */
static bool complain(const char *path, struct buf *why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool complain(const char *path, struct buf *why, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    buf_printf(why, "%s: ", path);
    buf_vprintf(why, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* The whole of a file that its owner alone can read. `maker` is the command that makes one, or
 * NULL.
 */
static bool private_read(const char *path, const char *maker, struct buf *content, struct buf *why)
{
    struct stat status;
    ssize_t n = 1;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would keep us waiting */
    if (file < 0 && errno == ENOENT && maker)
        return complain(path, why, "%s; '%s' makes one", strerror(errno), maker);
    if (file < 0)
        return complain(path, why, "%s", strerror(errno));
    bool ok = fstat(file, &status) == 0 && S_ISREG(status.st_mode);
    if (!ok)
        complain(path, why, "no regular file");
    else if (!(ok = (status.st_mode & 07177) == 0))
        complain(path, why, "others may read it (mode %04o); a secret's mode is 0600",
                 (unsigned)(status.st_mode & 07777));
    while (ok && n > 0 && content->len < content->cap) {
        n = read(file, content->data + content->len, content->cap - content->len);
        if (n > 0)
            content->len += (size_t)n;
        else if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            ok = complain(path, why, "%s", strerror(errno));
    }
    if (ok && content->len == content->cap)
        ok = complain(path, why, "too long");
    close(file);
    return ok;
}

static bool put_synced(int file, struct bytes content)
{
    errno = ENOSPC; /* of a short write */
    return write(file, content.data, content.len) == (ssize_t)content.len && fsync(file) == 0;
}

/* Whoever could read the file that is replaced goes on reading it. */
static bool keep_owner(int file, const char *replaced)
{
    struct stat before;
    if (stat(replaced, &before) != 0)
        return errno == ENOENT;
    return fchown(file, before.st_uid, before.st_gid) == 0;
}

/* Into the folder of `path` under a name of its own, synced, and only then under the right name. */
static bool private_write(const char *path, struct bytes content, bool replace, struct buf *why)
{
    char *temporary, *folder = check_strdup(path), *slash = strrchr(folder, '/');
    CHECK(asprintf(&temporary, "%s.XXXXXX", path) >= 0);
    if (slash)
        slash[slash == folder] = 0;
    int file = mkostemp(temporary, O_CLOEXEC); /* makes it 0600 */
    int folder_file = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = file >= 0 && folder_file >= 0 && (!replace || keep_owner(file, path)) &&
              put_synced(file, content) &&
              (replace ? rename(temporary, path) : link(temporary, path)) == 0;
    if (!ok && errno == EEXIST)
        complain(path, why, "is there already and is not overwritten");
    else if (!ok)
        complain(path, why, "can't be written: %s", strerror(errno));
    if (file >= 0 && (!ok || !replace))
        unlink(temporary);
    if (ok && fsync(folder_file) != 0)
        ok = complain(path, why, "its folder can't be synced: %s", strerror(errno));
    if (file >= 0)
        close(file);
    if (folder_file >= 0)
        close(folder_file);
    free(temporary);
    free(folder);
    return ok;
}

/* ---- secrets -------------------------------------------------------------------------------- */

bool secret_read(const char *path, uint8_t secret[CRYPTO_SECRET_BYTES], struct buf *why)
{
    uint8_t storage[2 * CRYPTO_SECRET_BYTES + 2]; /* a newline, and one octet to see more */
    struct buf text = BUF_OVER(storage), out;
    buf_init(&out, secret, CRYPTO_SECRET_BYTES);
    bool ok = private_read(path, "jwb secret create", &text, why);
    if (ok && text.len && storage[text.len - 1] == '\n')
        text.len--;
    if (ok && (text.len != 2 * CRYPTO_SECRET_BYTES || !buf_put_from_hex(&out, buf_bytes(&text))))
        ok = complain(path, why, "must hold %d hexadecimal digits", 2 * CRYPTO_SECRET_BYTES);
    crypto_wipe(storage, sizeof storage);
    return ok;
}

bool secret_create(const char *path, const struct crypto_provider *crypto, struct buf *why)
{
    uint8_t secret[CRYPTO_SECRET_BYTES], storage[2 * CRYPTO_SECRET_BYTES + 1];
    struct buf text = BUF_OVER(storage);
    if (crypto->random(secret, sizeof secret) != CRYPTO_OK)
        return complain(path, why, "no random numbers");
    buf_put_hex(&text, bytes_of(secret, sizeof secret));
    buf_put_u8(&text, '\n');
    bool ok = private_write(path, buf_bytes(&text), false, why);
    crypto_wipe(secret, sizeof secret);
    crypto_wipe(storage, sizeof storage);
    return ok;
}

bool pin_read(const char *path, struct buf *pin, struct buf *why)
{
    if (!private_read(path, NULL, pin, why))
        return false;
    if (pin->len && pin->data[pin->len - 1] == '\n')
        pin->len--;
    bool printable = pin->len > 0;
    for (size_t i = 0; i < pin->len; i++)
        printable &= pin->data[i] >= ' ' && pin->data[i] <= '~';
    return printable || complain(path, why, "must hold one line of printable ASCII, the PIN");
}

/* ---- reading keys --------------------------------------------------------------------------- */

/* The text of a member, "" when it is missing or no text. */
static const char *text_of(const json_t *jwk, const char *name)
{
    const char *text = json_string_value(json_object_get(jwk, name));
    return text ? text : "";
}

static bool read_coordinate(const json_t *jwk, const char *name, uint8_t *out)
{
    struct bytes text = bytes_str(text_of(jwk, name));
    struct buf octets;
    buf_init(&octets, out, COORDINATE_BYTES);
    return text.len == COORDINATE_LETTERS && buf_put_from_base64url(&octets, text);
}

/* Unix seconds; absent is `absent`. */
static bool read_time(const json_t *jwk, const char *name, int64_t absent, int64_t *out)
{
    const json_t *member = json_object_get(jwk, name);
    *out = member ? json_integer_value(member) : absent;
    return !member || (json_is_integer(member) && *out >= 0);
}

/* Does what one half signs pass under the other? What is wrong; NULL: nothing. */
static const char *compare_halves(const struct crypto_provider *crypto, enum crypto_alg alg,
                                  const struct crypto_key_pair *pair, bool in_hsm)
{
    const struct bytes message = BYTES("jwb keyfile");
    uint8_t signature[CRYPTO_SIGNATURE_BYTES];
    struct crypto_signer *signer = in_hsm ? NULL : crypto->signer_create(alg, pair);
    struct crypto_verifier *verifier = crypto->verifier_create(alg, pair->public_key);
    enum crypto_result result = CRYPTO_MISMATCH; /* without a signer: d alone, or both, are none */
    if (signer && verifier) {
        result = crypto->sign(signer, &message, 1, signature);
        if (result == CRYPTO_OK)
            result = crypto->verify(verifier, &message, 1, signature);
    }
    const char *wrong = !verifier                   ? "x and y are no point of the curve"
                        : in_hsm                    ? NULL /* whoever signs with it compares */
                        : result == CRYPTO_OK       ? NULL
                        : result == CRYPTO_MISMATCH ? "d does not belong to x and y"
                                                    : "its halves could not be compared";
    crypto->signer_destroy(&signer);
    crypto->verifier_destroy(&verifier);
    return wrong;
}

/* Whether its private half is here, or where in an HSM it is. What is wrong; NULL: nothing. */
static const char *read_private(const json_t *jwk, struct crypto_key_pair *pair,
                                char uri[KEY_URI_BYTES_MAX + 1])
{
    const char *text = text_of(jwk, "pkcs11");
    if (!json_object_get(jwk, "pkcs11"))
        return read_coordinate(jwk, "d", pair->private_key)
                   ? NULL
                   : "x, y and d must be 32 octets each in base64url";
    if (json_object_get(jwk, "d"))
        return "it has both d and pkcs11: it is here, or in an HSM";
    if (strncmp(text, "pkcs11:", 7) != 0 || strlen(text) > KEY_URI_BYTES_MAX)
        return "pkcs11 must be a URI of RFC 7512";
    for (const char *c = text; *c; c++)
        if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\')
            return "pkcs11 must be a URI of RFC 7512";
    strncpy(uri, text, KEY_URI_BYTES_MAX);
    return NULL;
}

/* The same of its dates, and whether it was revoked. */
static const char *read_life(const json_t *jwk, struct keyring_key *key)
{
    const json_t *revoked = json_object_get(jwk, "revoked");
    if (!read_time(jwk, "iat", 0, &key->publish_at) || !read_time(jwk, "nbf", 0, &key->use_from) ||
        !read_time(jwk, "exp", INT64_MAX, &key->retire_at) || key->use_from >= key->retire_at)
        return "iat, nbf and exp must be Unix seconds, nbf before exp";
    if (revoked && !json_is_boolean(revoked))
        return "revoked must be true or false";
    key->revoked = json_is_true(revoked);
    return NULL;
}

/* The same of all its members by themselves. Unknown ones are refused: a misspelt "revoked" must
 * not be overlooked. */
static const char *read_members(json_t *jwk, struct keyring_key *key, struct crypto_key_pair *pair,
                                char uri[KEY_URI_BYTES_MAX + 1])
{
    static const char known[] = " kty crv x y d pkcs11 kid use jwb_use alg nbf exp iat revoked ";
    const char *name;
    json_t *member;
    json_object_foreach(jwk, name, member)
    {
        char word[16];
        snprintf(word, sizeof word, " %s ", name);
        if (strchr(name, ' ') || !strstr(known, word))
            return "it has a member that no key of ours has";
    }
    if (strcmp(text_of(jwk, "kty"), "EC") != 0 || strcmp(text_of(jwk, "use"), "sig") != 0 ||
        !key_alg_read(bytes_str(text_of(jwk, "alg")), &key->alg) ||
        strcmp(text_of(jwk, "crv"), key_curve_text(key->alg)) != 0)
        return "it must have kty EC, use sig, and crv P-256 with alg ES256 or crv SM2 with alg SM2";
    if (json_object_get(jwk, "jwb_use") &&
        !key_use_read(bytes_str(text_of(jwk, "jwb_use")), &key->use))
        return "jwb_use must be code, status, receipt, webhook or root";
    pair->public_key[0] = 4; /* uncompressed, SEC 1 section 2.3.3 */
    if (!read_coordinate(jwk, "x", pair->public_key + 1) ||
        !read_coordinate(jwk, "y", pair->public_key + 1 + COORDINATE_BYTES))
        return "x, y and d must be 32 octets each in base64url";
    memcpy(key->public_key, pair->public_key, sizeof key->public_key);
    const char *wrong = read_private(jwk, pair, uri);
    return wrong ? wrong : read_life(jwk, key);
}

/* What is wrong with a key; NULL when it was added. */
static const char *read_key(json_t *jwk, const struct crypto_provider *crypto, struct keyfile *keys)
{
    struct keyring_key key = {0};
    char kid[2 * KID_BYTES + 1];
    struct buf kid_text = BUF_OVER(kid);
    const size_t place = keys->ring.count;
    if (place == KEYRING_KEYS_MAX)
        return keyring_error_text(KEYRING_ERR_FULL);
    const char *wrong = read_members(jwk, &key, &keys->pairs[place], keys->uris[place]);
    if (!wrong)
        wrong = compare_halves(crypto, key.alg, &keys->pairs[place], keyfile_in_hsm(keys, place));
    if (wrong)
        return wrong;
    if (place > 0 && keyfile_is_of_roots(keys) != (key.use == KEY_USE_ROOT))
        return "root keys are in a file of their own, and nothing else with them";
    enum keyring_error error = keyring_add(&keys->ring, crypto, &key);
    if (error)
        return keyring_error_text(error);
    buf_put_hex(&kid_text, bytes_of(keys->ring.keys[place].kid, KID_BYTES));
    if (strcmp(text_of(jwk, "kid"), buf_cstr(&kid_text)) != 0)
        return "kid must be the first 4 octets of its thumbprint in lowercase hexadecimal";
    return NULL;
}

/* What libjansson says about the text is not told: it quotes, and what it quotes may be a key. */
static bool read_set(const char *path, struct bytes text, const struct crypto_provider *crypto,
                     struct keyfile *keys, struct buf *why)
{
    json_error_t error;
    json_t *set = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    json_t *list = json_object_get(set, "keys"), *jwk;
    bool ok = true;
    size_t i;
    if (!set)
        ok = complain(path, why, "line %d is not JSON, or has a member twice", error.line);
    else if (!json_is_array(list) || json_object_size(set) != 1)
        ok = complain(path, why, "must be {\"keys\": [...]} and nothing else");
    json_array_foreach(list, i, jwk)
    {
        const char *wrong = ok ? read_key(jwk, crypto, keys) : NULL;
        if (wrong)
            ok = complain(path, why, "key %zu: %s", i + 1, wrong);
    }
    json_decref(set);
    return ok;
}

bool keyfile_read(const char *path, const struct crypto_provider *crypto, struct keyfile *keys,
                  struct buf *why)
{
    struct buf text;
    buf_init(&text, check_alloc(FILE_BYTES_MAX), FILE_BYTES_MAX);
    *keys = (struct keyfile){0};
    bool ok = private_read(path, "jwb key create", &text, why) &&
              read_set(path, buf_bytes(&text), crypto, keys, why);
    if (!ok)
        keyfile_wipe(keys);
    crypto_wipe(text.data, text.cap);
    free(text.data);
    return ok;
}

/* ---- writing keys --------------------------------------------------------------------------- */

static void put_member(struct buf *out, const char *name, const uint8_t *coordinate)
{
    buf_printf(out, ", \"%s\": \"", name);
    buf_put_base64url(out, bytes_of(coordinate, COORDINATE_BYTES));
    buf_put_u8(out, '"');
}

static void put_key(struct buf *out, const struct keyfile *keys, size_t place)
{
    const struct keyring_key *key = &keys->ring.keys[place];
    const struct crypto_key_pair *pair = &keys->pairs[place];
    buf_printf(
        out, "  {\"kty\": \"EC\", \"crv\": \"%s\", \"use\": \"sig\", \"alg\": \"%s\", \"kid\": \"",
        key_curve_text(key->alg), key_alg_text(key->alg));
    buf_put_hex(out, bytes_of(key->kid, KID_BYTES));
    buf_put_u8(out, '"');
    if (key->use != KEY_USE_CODE)
        buf_printf(out, ", \"jwb_use\": \"%s\"", key_use_text(key->use));
    put_member(out, "x", pair->public_key + 1);
    put_member(out, "y", pair->public_key + 1 + COORDINATE_BYTES);
    if (keyfile_in_hsm(keys, place))
        buf_printf(out, ", \"pkcs11\": \"%s\"", keys->uris[place]);
    else
        put_member(out, "d", pair->private_key);
    buf_printf(out, ", \"iat\": %lld, \"nbf\": %lld, \"exp\": %lld", (long long)key->publish_at,
               (long long)key->use_from, (long long)key->retire_at);
    buf_put_str(out, key->revoked ? ", \"revoked\": true}" : "}");
}

bool keyfile_write(const char *path, const struct keyfile *keys, struct buf *why)
{
    struct buf text;
    buf_init(&text, check_alloc(FILE_BYTES_MAX), FILE_BYTES_MAX);
    buf_put_str(&text, "{\"keys\": [\n");
    for (size_t i = 0; i < keys->ring.count; i++) {
        put_key(&text, keys, i);
        buf_put_str(&text, i + 1 < keys->ring.count ? ",\n" : "\n");
    }
    buf_put_str(&text, "]}\n");
    CHECK(buf_ok(&text));
    bool ok = private_write(path, buf_bytes(&text), true, why);
    crypto_wipe(text.data, text.cap);
    free(text.data);
    return ok;
}

void keyfile_wipe(struct keyfile *keys)
{
    crypto_wipe(keys, sizeof *keys);
}
