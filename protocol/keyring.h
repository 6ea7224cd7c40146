/* Public keys that codes are checked with, found by kid. A keyring is built once and then
 * read-only: it may be read from several threads; verifiers (crypto objects) belong to whoever
 * verifies. */
#ifndef PROTOCOL_KEYRING_H
#define PROTOCOL_KEYRING_H

#include "base/buf.h"
#include "crypto/crypto.h"

#define KID_BYTES        4 /* the first bytes of the key's RFC 9679 SHA-256 thumbprint */
#define KEYRING_KEYS_MAX 64
#define KEY_UNPUBLISHED  INT64_MAX

enum key_use {
    KEY_USE_CODE = 0,
    KEY_USE_STATUS,
    KEY_USE_ROOT,
    KEY_USE_EVIDENCE,
    KEY_USE_RECEIPT,
    KEY_USE_WEBHOOK,
};
/* The member "jwb_use" of a key in a set: "code", "status", "root", "receipt", "webhook". Evidence
 * keys are Ed25519 and in files of their own (evidence/note.h): NULL and false for them. */
const char *key_use_text(enum key_use use);
bool key_use_read(struct bytes text, enum key_use *use);
/* Its members "alg" ("ES256" or "SM2") and "crv" ("P-256" or "SM2"); those of SM2 are of private
 * use. */
const char *key_alg_text(enum crypto_alg alg);
const char *key_curve_text(enum crypto_alg alg);
bool key_alg_read(struct bytes text, enum crypto_alg *alg);

struct keyring_key {
    uint8_t kid[KID_BYTES];
    enum crypto_alg alg; /* pinned: what a message claims must equal it */
    enum key_use use;
    uint8_t public_key[CRYPTO_PUBLIC_BYTES];
    int64_t publish_at; /* Unix seconds: known to others from here; KEY_UNPUBLISHED: not yet */
    int64_t use_from;   /* see keyring_key_vouches */
    int64_t retire_at;
    bool revoked;
};

struct keyring {
    struct keyring_key keys[KEYRING_KEYS_MAX];
    size_t count;
};

enum keyring_error {
    KEYRING_OK = 0,
    KEYRING_ERR_FULL,
    KEYRING_ERR_COLLISION, /* another key has this kid, revoked ones included */
    KEYRING_ERR_CRYPTO,    /* the thumbprint could not be computed: ours */
};
const char *keyring_error_text(enum keyring_error error);

/* RFC 9679 SHA-256 thumbprint of an EC2 COSE_Key, cut to KID_BYTES. crv is 1 (P-256), or -65601 (of
 * private use) for SM2. */
#define COSE_CRV_SM2 (-65601)
enum crypto_result key_id(const struct crypto_provider *crypto, enum crypto_alg alg,
                          const uint8_t public_key[CRYPTO_PUBLIC_BYTES], uint8_t kid[KID_BYTES]);
/* Copies the key, computes its kid. */
enum keyring_error keyring_add(struct keyring *ring, const struct crypto_provider *crypto,
                               const struct keyring_key *key);
/* NULL when there is none. */
const struct keyring_key *keyring_find(const struct keyring *ring, const uint8_t kid[KID_BYTES]);
/* Does it vouch for what says that it signed it at `at`? It was published by then, and use_from <=
 * at < retire_at. Whether it was revoked, and its use, are for others. */
bool keyring_key_vouches(const struct keyring_key *key, int64_t at);
/* The key of this algorithm that signs at `now`: of those that vouch for what is signed then, not
 * revoked, the one with the latest use_from. NULL when there is none. A message that it signs has
 * this very `now` as its iat. */
const struct keyring_key *keyring_signing(const struct keyring *ring, enum key_use use,
                                          enum crypto_alg alg, int64_t now);

/* JSON Web Key Set (RFC 7517) of the keys published by `now`, revoked ones excluded; kid in
 * lowercase hexadecimal. All but those for codes have the member "jwb_use". The gateway's ring has
 * no root keys (gateway/config/keyfile.h); one of root keys gives the set that verifiers pin. */
void keyring_write_jwks(const struct keyring *ring, int64_t now, struct buf *out);
/* Reads such a set: EC keys with use "sig", and crv "P-256" with alg "ES256" or crv "SM2" with alg
 * "SM2", for codes unless "jwb_use" says else. Members it does not know are ignored;
 * keys of other kinds and uses are skipped; a point that is not on the curve, a kid that is not the
 * key's thumbprint, a duplicate or a malformed set give false, and the ring stays as it was.
 * publish_at and use_from become 0, retire_at INT64_MAX unless the extension members "nbf" and
 * "exp" (Unix seconds, as keyring_write_jwks writes them) say else. */
bool keyring_read_jwks(struct keyring *ring, const struct crypto_provider *crypto,
                       struct bytes json);

/* Appends the kid of a client's key: the SHA-256 thumbprint of an EC P-256 JSON Web Key (RFC 7638),
 * in base64url. */
enum crypto_result jwk_thumbprint(const struct crypto_provider *crypto,
                                  const uint8_t public_key[CRYPTO_PUBLIC_BYTES], struct buf *out);

#endif
