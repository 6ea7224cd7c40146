/* Secrets and signing keys in files. A file that others can read is refused: they are 0600 or less.
 */
#ifndef GATEWAY_CONFIG_KEYFILE_H
#define GATEWAY_CONFIG_KEYFILE_H

#include "protocol/keyring.h"

/* A key file is a private JSON Web Key Set (RFC 7517): EC P-256 keys with "d", "kid" (our kid in
 * lowercase hexadecimal), "use": "sig", "jwb_use": "code", "receipt" or "webhook" (absent: code),
 * "alg": "ES256", "nbf" (use_from), "exp" (retire_at), "iat" (publish_at), in Unix seconds, and
 * "revoked": true for revoked ones. */
struct keyfile {
    struct keyring ring;
    struct crypto_key_pair pairs[KEYRING_KEYS_MAX]; /* pairs[i] belongs to ring.keys[i] */
};

/* False with a sentence naming the file in `why`. Checks that d belongs to x and y, and kids. */
bool keyfile_read(const char *path, const struct crypto_provider *crypto, struct keyfile *keys,
                  struct buf *why);
/* Writes whole: to a temporary file beside it, synced, then renamed; mode 0600. */
bool keyfile_write(const char *path, const struct keyfile *keys, struct buf *why);
void keyfile_wipe(struct keyfile *keys);

/* 64 hexadecimal digits and an optional newline. */
bool secret_read(const char *path, uint8_t secret[CRYPTO_SECRET_BYTES], struct buf *why);
/* Makes a random one; refuses to overwrite a file. */
bool secret_create(const char *path, const struct crypto_provider *crypto, struct buf *why);

#endif
