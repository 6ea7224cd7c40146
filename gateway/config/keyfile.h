/* Secrets and signing keys in files. A file that others can read is refused: they are 0600 or less.
 */
#ifndef GATEWAY_CONFIG_KEYFILE_H
#define GATEWAY_CONFIG_KEYFILE_H

#include "crypto/crypto_pkcs11.h"
#include "protocol/keyring.h"

#define KEY_URI_BYTES_MAX CRYPTO_HSM_URI_BYTES_MAX

/* A key file is a private JSON Web Key Set (RFC 7517): EC keys with "kid" (our kid in lowercase
 * hexadecimal), "use": "sig", "jwb_use" (absent: code), "crv" and "alg" as protocol/keyring.h has
 * them, "nbf" (use_from), "exp" (retire_at), "iat" (publish_at), in Unix seconds, "revoked": true
 * of revoked ones; and with "d", or, of a key in an HSM, with "pkcs11": its URI (RFC 7512). Root
 * keys are in a file of their own: a file has either no root key, or nothing else. */
struct keyfile {
    struct keyring ring;
    /* These belong to ring.keys[i]. */
    struct crypto_key_pair pairs[KEYRING_KEYS_MAX]; /* of a key in an HSM the public half alone */
    char uris[KEYRING_KEYS_MAX][KEY_URI_BYTES_MAX + 1]; /* "": it is not in an HSM */
};
static inline bool keyfile_in_hsm(const struct keyfile *keys, size_t i)
{
    return *keys->uris[i] != 0;
}
static inline bool keyfile_is_of_roots(const struct keyfile *keys)
{
    return keys->ring.count > 0 && keys->ring.keys[0].use == KEY_USE_ROOT;
}

/* False with a sentence naming the file in `why`. Checks that d belongs to x and y, and kids;
 * whether an HSM has the private half is for who signs with it. */
bool keyfile_read(const char *path, const struct crypto_provider *crypto, struct keyfile *keys,
                  struct buf *why);
/* Writes whole: to a temporary file beside it, synced, then renamed; mode 0600, of the owner and
 * group that the file had, or not at all. A symbolic link is replaced, not followed. */
bool keyfile_write(const char *path, const struct keyfile *keys, struct buf *why);
void keyfile_wipe(struct keyfile *keys);

/* 64 hexadecimal digits and an optional newline. */
bool secret_read(const char *path, uint8_t secret[CRYPTO_SECRET_BYTES], struct buf *why);
/* Makes a random one; refuses to overwrite a file. */
bool secret_create(const char *path, const struct crypto_provider *crypto, struct buf *why);
/* Appends the one line of a file with a PIN: printable ASCII, and an optional newline. */
bool pin_read(const char *path, struct buf *pin, struct buf *why);

#endif
