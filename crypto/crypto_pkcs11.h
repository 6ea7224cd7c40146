/* Signing keys in a hardware security module, by PKCS#11 (OASIS, version 2.40). ES256 alone: the
 * standard has no mechanism for SM2, and modules that have one name it as they please.
 *
 * A signer from here is one of crypto_openssl's: its sign and signer_destroy take it. It has a
 * session of its own in the module. One `struct crypto_hsm` may be used by several threads at once,
 * each signer by one; the module is told so (CKF_OS_LOCKING_OK), and refused if it can't.
 *
 * When the token is taken out, a call is CRYPTO_FAILED; the next one opens a session and finds the
 * key anew, and succeeds as soon as the module sees the token again (SoftHSM: never, until it is
 * opened anew). A PIN that was refused is not tried a second time, because tokens lock after a few.
 * How long a call takes is the module's. */
#ifndef CRYPTO_CRYPTO_PKCS11_H
#define CRYPTO_CRYPTO_PKCS11_H

#include "crypto/crypto.h"

#define CRYPTO_HSM_LABEL_BYTES_MAX 64  /* of a key */
#define CRYPTO_HSM_URI_BYTES_MAX   384 /* each octet of both labels percent-encoded */

struct crypto_hsm;

struct crypto_hsm_options {
    const char *module; /* path of the shared library */
    const char *token;  /* the token's label, up to 32 octets; exactly one token has it */
    const char *pin;    /* the user's; copied, wiped at the end */
};

/* Loads the module, finds the token, logs in. NULL, with a sentence in `why`, when one of them did
 * not work. Not for a process that forks afterwards. */
struct crypto_hsm *crypto_hsm_open(const struct crypto_hsm_options *options, struct buf *why);
/* Its signers must be gone. Accepts NULL in it. */
void crypto_hsm_close(struct crypto_hsm **hsm);

/* A P-256 pair in the token, its private half sensitive and not extractable, both under this label
 * (printable ASCII, 1 to CRYPTO_HSM_LABEL_BYTES_MAX, used by no other key); appends its URI, whose
 * overflow is the caller's to see. CRYPTO_BAD_KEY: the label; FAILED: the token; both with a
 * sentence. */
enum crypto_result crypto_hsm_key_generate(struct crypto_hsm *hsm, struct bytes label,
                                           uint8_t public_key[CRYPTO_PUBLIC_BYTES], struct buf *uri,
                                           struct buf *why);

/* `uri` (RFC 7512) names the key: pkcs11:token=...;object=..., with id and type=private if wanted,
 * and nothing else; the token is the opened one. A signature is made and checked with `public_key`,
 * so that a signer never signs as another. NULL, with a sentence in `why`, when the URI is none or
 * names no key or several, the public key is another's, or the token or memory is gone. */
struct crypto_signer *crypto_hsm_signer_create(struct crypto_hsm *hsm, struct bytes uri,
                                               const uint8_t public_key[CRYPTO_PUBLIC_BYTES],
                                               struct buf *why);

#endif
