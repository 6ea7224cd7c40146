/* SM4 (GB/T 32907-2016), and its authenticated encryption, for the provider whose library has none.
 * No allocation, no state but the caller's; any thread.
 *
 * The S-box is a table that is read at places which depend on the key and the text: whoever runs
 * code on the same core, or watches its memory closely, may learn the key from the times of these
 * reads. On a device that runs nothing of others' that is nobody; where others' code runs, the
 * OpenSSL provider is the one to use. */
#ifndef CRYPTO_CRYPTO_SM4_H
#define CRYPTO_CRYPTO_SM4_H

#include "crypto/crypto.h"

#define SM4_BLOCK_BYTES 16
#define SM4_KEY_BYTES   16

struct sm4 {
    uint32_t round_keys[32];
};

void sm4_init(struct sm4 *sm4, const uint8_t key[SM4_KEY_BYTES]);
/* In place is allowed. */
void sm4_encrypt(const struct sm4 *sm4, const uint8_t in[SM4_BLOCK_BYTES],
                 uint8_t out[SM4_BLOCK_BYTES]);

/* CRYPTO_SM4_CTR_HMAC_SM3, as crypto.h says. */
struct sm4_aead {
    struct sm4 sm4;
    uint8_t mac_key[CRYPTO_SECRET_BYTES];
};

void sm4_aead_init(struct sm4_aead *aead, const uint8_t secret[CRYPTO_SECRET_BYTES]);
/* Writes the ciphertext and the tag behind the nonce, which is there already; plain.len +
 * CRYPTO_AEAD_TAG_BYTES octets, not where the plaintext is. */
void sm4_aead_encrypt(const struct sm4_aead *aead, uint8_t *nonce, struct bytes aad,
                      struct bytes plain);
/* `sealed` has a nonce and a tag; `plain` has room for the rest. False, with nothing written, when
 * the tag is another's. */
bool sm4_aead_decrypt(const struct sm4_aead *aead, struct bytes aad, struct bytes sealed,
                      uint8_t *plain);

#endif
