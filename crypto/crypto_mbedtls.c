/* The provider over mbedTLS through its PSA Crypto API, for whatever verifies as a device would.
 * A MAC, an AES key and a signer each are one volatile key of PSA's, of which mbedTLS 2.28 holds 32
 * at a time. A terminal has more keys to verify with: a verifier keeps the octets, and the key is
 * PSA's for the length of a verification. SM2, SM3 and SM4 are not in this library. */
#include <stdatomic.h>
#include <stdlib.h>

#include <psa/crypto.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "crypto/crypto_mbedtls_sm2.h"
#include "crypto/crypto_sm2.h"
#include "crypto/crypto_sm3.h"
#include "crypto/crypto_sm4.h"
#include "crypto/room.h"

#define P256_BITS 256

struct crypto_mac {
    psa_key_id_t key;
};
struct crypto_signer {
    psa_key_id_t key; /* of ES256; 0 for SM2, which has these */
    uint8_t private_key[CRYPTO_PRIVATE_BYTES], identity[CRYPTO_HASH_BYTES];
};
struct crypto_aead {
    psa_key_id_t key; /* AES-256-GCM; 0 for SM4 */
    struct sm4_aead sm4;
};
struct crypto_verifier {
    enum crypto_alg alg;
    uint8_t public_key[CRYPTO_PUBLIC_BYTES];
    uint8_t identity[CRYPTO_HASH_BYTES]; /* Z_A, of SM2 */
};

/* Deterministic (RFC 6979): a device may have poor randomness, and vectors become reproducible. Its
 * signatures are checked like any others. */
static const psa_algorithm_t SIGNING = PSA_ALG_DETERMINISTIC_ECDSA(PSA_ALG_SHA_256);
static const psa_algorithm_t VERIFYING = PSA_ALG_ECDSA(PSA_ALG_SHA_256);
static const psa_algorithm_t HMAC = PSA_ALG_HMAC(PSA_ALG_SHA_256);

/* PSA's key store is not thread-safe: the first thread that comes here is the only one. */
static bool enter(void)
{
    static _Thread_local char here;
    static _Atomic(char *) first;
    char *nobody = NULL;
    CHECK(atomic_compare_exchange_strong(&first, &nobody, &here) || nobody == &here);
    return psa_crypto_init() == PSA_SUCCESS; /* does nothing when it was done */
}

static enum crypto_result result_of(psa_status_t status)
{
    return status == PSA_SUCCESS                   ? CRYPTO_OK
           : status == PSA_ERROR_INVALID_SIGNATURE ? CRYPTO_MISMATCH
                                                   : CRYPTO_FAILED;
}

static psa_key_id_t key_import(psa_key_type_t type, psa_algorithm_t alg, psa_key_usage_t usage,
                               struct bytes material)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_key_id_t key = 0;
    psa_set_key_type(&attributes, type);
    psa_set_key_algorithm(&attributes, alg);
    psa_set_key_usage_flags(&attributes, usage);
    if (!enter() || psa_import_key(&attributes, material.data, material.len, &key) != PSA_SUCCESS)
        return 0;
    return key;
}

/* Objects that begin with their key share these two. The key is taken. */
static void *object_create(size_t size, psa_key_id_t key)
{
    psa_key_id_t *object = key ? calloc(1, size) : NULL;
    if (object)
        *object = key;
    else
        psa_destroy_key(key); /* accepts 0 */
    return object;
}

static void object_destroy(void *object, size_t size)
{
    const psa_key_id_t *key = object;
    if (!key)
        return;
    if (enter())
        psa_destroy_key(*key); /* wipes it; accepts 0 */
    crypto_wipe(object, size);
    free(object);
}

/* ---- randomness, hash, derivation ---- */

static enum crypto_result mbed_random(uint8_t *out, size_t len)
{
    return enter() ? result_of(psa_generate_random(out, len)) : CRYPTO_FAILED;
}

static enum crypto_result mbed_sha256(const struct bytes *parts, size_t count,
                                      uint8_t out[CRYPTO_HASH_BYTES])
{
    psa_hash_operation_t operation = PSA_HASH_OPERATION_INIT;
    size_t len;
    if (!enter())
        return CRYPTO_FAILED;
    psa_status_t status = psa_hash_setup(&operation, PSA_ALG_SHA_256);
    for (size_t i = 0; status == PSA_SUCCESS && i < count; i++)
        status = psa_hash_update(&operation, parts[i].data, parts[i].len);
    if (status == PSA_SUCCESS)
        status = psa_hash_finish(&operation, out, CRYPTO_HASH_BYTES, &len);
    psa_hash_abort(&operation);
    return result_of(status);
}

static enum crypto_result mbed_sm3(const struct bytes *parts, size_t count,
                                   uint8_t out[CRYPTO_HASH_BYTES])
{
    struct sm3 sm3;
    sm3_init(&sm3);
    for (size_t i = 0; i < count; i++)
        sm3_update(&sm3, parts[i]);
    sm3_final(&sm3, out);
    return CRYPTO_OK;
}

static enum crypto_result mbed_hkdf(const uint8_t secret[CRYPTO_SECRET_BYTES], struct bytes info,
                                    uint8_t *out, size_t out_len)
{
    psa_key_derivation_operation_t operation = PSA_KEY_DERIVATION_OPERATION_INIT;
    if (!enter())
        return CRYPTO_FAILED;
    psa_status_t status = psa_key_derivation_setup(&operation, PSA_ALG_HKDF(PSA_ALG_SHA_256));
    if (status == PSA_SUCCESS)
        status = psa_key_derivation_input_bytes(&operation, PSA_KEY_DERIVATION_INPUT_SECRET, secret,
                                                CRYPTO_SECRET_BYTES);
    if (status == PSA_SUCCESS)
        status = psa_key_derivation_input_bytes(&operation, PSA_KEY_DERIVATION_INPUT_INFO,
                                                info.data, info.len);
    if (status == PSA_SUCCESS)
        status = psa_key_derivation_output_bytes(&operation, out, out_len);
    psa_key_derivation_abort(&operation);
    return result_of(status);
}

/* ---- HMAC ---- */

static struct crypto_mac *mbed_mac_create(const uint8_t secret[CRYPTO_SECRET_BYTES])
{
    return object_create(sizeof(struct crypto_mac),
                         key_import(PSA_KEY_TYPE_HMAC, HMAC, PSA_KEY_USAGE_SIGN_MESSAGE,
                                    bytes_of(secret, CRYPTO_SECRET_BYTES)));
}

static enum crypto_result mbed_mac_compute(struct crypto_mac *mac, const struct bytes *parts,
                                           size_t count, uint8_t out[CRYPTO_HASH_BYTES])
{
    psa_mac_operation_t operation = PSA_MAC_OPERATION_INIT;
    size_t len;
    if (!enter())
        return CRYPTO_FAILED;
    psa_status_t status = psa_mac_sign_setup(&operation, mac->key, HMAC);
    for (size_t i = 0; status == PSA_SUCCESS && i < count; i++)
        status = psa_mac_update(&operation, parts[i].data, parts[i].len);
    if (status == PSA_SUCCESS)
        status = psa_mac_sign_finish(&operation, out, CRYPTO_HASH_BYTES, &len);
    psa_mac_abort(&operation);
    return result_of(status);
}

static void mbed_mac_destroy(struct crypto_mac **mac)
{
    object_destroy(*mac, sizeof **mac);
    *mac = NULL;
}

/* ---- authenticated encryption ---- */

static struct crypto_aead *mbed_aead_create(enum crypto_cipher cipher,
                                            const uint8_t secret[CRYPTO_SECRET_BYTES])
{
    struct crypto_aead *aead;
    switch (cipher) {
    case CRYPTO_AES_256_GCM:
        return object_create(sizeof(struct crypto_aead),
                             key_import(PSA_KEY_TYPE_AES, PSA_ALG_GCM,
                                        PSA_KEY_USAGE_ENCRYPT | PSA_KEY_USAGE_DECRYPT,
                                        bytes_of(secret, CRYPTO_SECRET_BYTES)));
    case CRYPTO_SM4_CTR_HMAC_SM3:
        aead = calloc(1, sizeof *aead);
        if (aead)
            sm4_aead_init(&aead->sm4, secret);
        return aead;
    }
    return NULL;
}

static enum crypto_result aead_encrypt(struct crypto_aead *aead, uint8_t *nonce, struct bytes aad,
                                       struct bytes plain)
{
    size_t len;
    if (aead->key)
        return result_of(psa_aead_encrypt(
            aead->key, PSA_ALG_GCM, nonce, CRYPTO_AEAD_NONCE_BYTES, aad.data, aad.len, plain.data,
            plain.len, nonce + CRYPTO_AEAD_NONCE_BYTES, plain.len + CRYPTO_AEAD_TAG_BYTES, &len));
    sm4_aead_encrypt(&aead->sm4, nonce, aad, plain);
    return CRYPTO_OK;
}

static enum crypto_result aead_decrypt(struct crypto_aead *aead, struct bytes aad,
                                       struct bytes sealed, uint8_t *plain)
{
    const struct bytes cipher = bytes_from(sealed, CRYPTO_AEAD_NONCE_BYTES);
    size_t len = cipher.len - CRYPTO_AEAD_TAG_BYTES;
    if (aead->key)
        return result_of(psa_aead_decrypt(aead->key, PSA_ALG_GCM, sealed.data,
                                          CRYPTO_AEAD_NONCE_BYTES, aad.data, aad.len, cipher.data,
                                          cipher.len, plain, len, &len));
    return sm4_aead_decrypt(&aead->sm4, aad, sealed, plain) ? CRYPTO_OK : CRYPTO_MISMATCH;
}

static enum crypto_result mbed_aead_seal(struct crypto_aead *aead, struct bytes aad,
                                         struct bytes plain, struct buf *out)
{
    const size_t len = CRYPTO_AEAD_NONCE_BYTES + plain.len + CRYPTO_AEAD_TAG_BYTES;
    uint8_t *nonce = crypto_room(out, len);
    if (!nonce)
        return CRYPTO_OK; /* the overflow says it */
    enum crypto_result result = mbed_random(nonce, CRYPTO_AEAD_NONCE_BYTES);
    if (result == CRYPTO_OK)
        result = aead_encrypt(aead, nonce, aad, plain);
    if (result == CRYPTO_OK)
        out->len += len;
    return result;
}

static enum crypto_result mbed_aead_open(struct crypto_aead *aead, struct bytes aad,
                                         struct bytes sealed, struct buf *out)
{
    if (sealed.len < CRYPTO_AEAD_NONCE_BYTES + CRYPTO_AEAD_TAG_BYTES)
        return CRYPTO_MISMATCH;
    const size_t len = sealed.len - CRYPTO_AEAD_NONCE_BYTES - CRYPTO_AEAD_TAG_BYTES;
    uint8_t *plain = crypto_room(out, len);
    if (!plain)
        return CRYPTO_OK;
    enum crypto_result result = enter() ? aead_decrypt(aead, aad, sealed, plain) : CRYPTO_FAILED;
    if (result == CRYPTO_OK)
        out->len += len;
    return result;
}

static void mbed_aead_destroy(struct crypto_aead **aead)
{
    object_destroy(*aead, sizeof **aead);
    *aead = NULL;
}

/* ---- signatures ---- */

static psa_key_id_t signing_key_import(const uint8_t private_key[CRYPTO_PRIVATE_BYTES])
{
    return key_import(PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1), SIGNING,
                      PSA_KEY_USAGE_SIGN_HASH, bytes_of(private_key, CRYPTO_PRIVATE_BYTES));
}

static enum crypto_result mbed_key_generate(enum crypto_alg alg, struct crypto_key_pair *pair)
{
    if (alg != CRYPTO_ES256)
        return CRYPTO_FAILED;
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_key_id_t key = 0;
    size_t len;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&attributes, P256_BITS);
    psa_set_key_algorithm(&attributes, SIGNING);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_EXPORT);
    if (!enter())
        return CRYPTO_FAILED;
    psa_status_t status = psa_generate_key(&attributes, &key);
    if (status == PSA_SUCCESS)
        status = psa_export_key(key, pair->private_key, CRYPTO_PRIVATE_BYTES, &len);
    if (status == PSA_SUCCESS)
        status = psa_export_public_key(key, pair->public_key, CRYPTO_PUBLIC_BYTES, &len);
    psa_destroy_key(key);
    return result_of(status);
}

enum crypto_result crypto_mbedtls_key_pair(enum crypto_alg alg,
                                           const uint8_t private_key[CRYPTO_PRIVATE_BYTES],
                                           struct crypto_key_pair *pair)
{
    size_t len;
    memcpy(pair->private_key, private_key, CRYPTO_PRIVATE_BYTES);
    if (alg == CRYPTO_SM2)
        return enter() ? mbed_sm2_public(private_key, pair->public_key) : CRYPTO_FAILED;
    psa_key_id_t key = alg == CRYPTO_ES256 ? signing_key_import(private_key) : 0;
    if (!key)
        return CRYPTO_BAD_KEY;
    psa_status_t status =
        psa_export_public_key(key, pair->public_key, sizeof pair->public_key, &len);
    psa_destroy_key(key);
    return result_of(status);
}

static void mbed_signer_destroy(struct crypto_signer **signer)
{
    object_destroy(*signer, sizeof **signer);
    *signer = NULL;
}

static struct crypto_signer *sm2_signer_create(const struct crypto_key_pair *pair)
{
    struct crypto_signer *signer = calloc(1, sizeof *signer);
    if (!signer)
        return NULL;
    memcpy(signer->private_key, pair->private_key, sizeof signer->private_key);
    if (sm2_identity(&crypto_mbedtls, pair->public_key, signer->identity) != CRYPTO_OK)
        mbed_signer_destroy(&signer);
    return signer;
}

static struct crypto_signer *mbed_signer_create(enum crypto_alg alg,
                                                const struct crypto_key_pair *pair)
{
    struct crypto_key_pair again;
    bool belong = crypto_mbedtls_key_pair(alg, pair->private_key, &again) == CRYPTO_OK &&
                  memcmp(again.public_key, pair->public_key, sizeof again.public_key) == 0;
    crypto_wipe(&again, sizeof again);
    if (!belong)
        return NULL;
    if (alg == CRYPTO_SM2)
        return sm2_signer_create(pair);
    return object_create(sizeof(struct crypto_signer), signing_key_import(pair->private_key));
}

static enum crypto_result sm2_hash(const uint8_t identity[CRYPTO_HASH_BYTES],
                                   const struct bytes *parts, size_t count,
                                   uint8_t hash[CRYPTO_HASH_BYTES])
{
    struct sm3 sm3;
    sm3_init(&sm3);
    sm3_update(&sm3, bytes_of(identity, CRYPTO_HASH_BYTES));
    for (size_t i = 0; i < count; i++)
        sm3_update(&sm3, parts[i]);
    sm3_final(&sm3, hash);
    return enter() ? CRYPTO_OK : CRYPTO_FAILED;
}

static enum crypto_result mbed_sign(struct crypto_signer *signer, const struct bytes *parts,
                                    size_t count, uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    uint8_t hash[CRYPTO_HASH_BYTES];
    size_t len;
    enum crypto_result result = signer->key ? mbed_sha256(parts, count, hash)
                                            : sm2_hash(signer->identity, parts, count, hash);
    if (result)
        return result;
    if (!signer->key)
        return mbed_sm2_sign(signer->private_key, hash, signature);
    return result_of(psa_sign_hash(signer->key, SIGNING, hash, sizeof hash, signature,
                                   CRYPTO_SIGNATURE_BYTES, &len));
}

static psa_key_id_t verifying_key_import(const uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    return key_import(PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1), VERIFYING,
                      PSA_KEY_USAGE_VERIFY_HASH, bytes_of(public_key, CRYPTO_PUBLIC_BYTES));
}

/* Is it one that can be verified with? Sets the identity of an SM2 key. */
static bool verifier_init(struct crypto_verifier *verifier)
{
    psa_key_id_t key;
    switch (verifier->alg) {
    case CRYPTO_ES256:
        key = verifying_key_import(verifier->public_key); /* checks the point */
        psa_destroy_key(key);
        return key != 0;
    case CRYPTO_SM2:
        return enter() && mbed_sm2_check_key(verifier->public_key) == CRYPTO_OK &&
               sm2_identity(&crypto_mbedtls, verifier->public_key, verifier->identity) == CRYPTO_OK;
    }
    return false;
}

static void mbed_verifier_destroy(struct crypto_verifier **verifier)
{
    free(*verifier);
    *verifier = NULL;
}

static struct crypto_verifier *mbed_verifier_create(enum crypto_alg alg,
                                                    const uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    struct crypto_verifier *verifier = calloc(1, sizeof *verifier);
    if (!verifier)
        return NULL;
    verifier->alg = alg;
    memcpy(verifier->public_key, public_key, CRYPTO_PUBLIC_BYTES);
    if (!verifier_init(verifier))
        mbed_verifier_destroy(&verifier);
    return verifier;
}

static enum crypto_result es256_verify(const struct crypto_verifier *verifier,
                                       const struct bytes *parts, size_t count,
                                       const uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    uint8_t hash[CRYPTO_HASH_BYTES];
    if (mbed_sha256(parts, count, hash) != CRYPTO_OK)
        return CRYPTO_FAILED;
    psa_key_id_t key = verifying_key_import(verifier->public_key);
    if (!key)
        return CRYPTO_FAILED; /* no memory, or no slot: the key was good when the verifier was made
                               */
    enum crypto_result result = result_of(
        psa_verify_hash(key, VERIFYING, hash, sizeof hash, signature, CRYPTO_SIGNATURE_BYTES));
    psa_destroy_key(key);
    return result;
}

static enum crypto_result sm2_verify(const struct crypto_verifier *verifier,
                                     const struct bytes *parts, size_t count,
                                     const uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    uint8_t hash[CRYPTO_HASH_BYTES];
    enum crypto_result result = sm2_hash(verifier->identity, parts, count, hash);
    return result ? result : mbed_sm2_verify(verifier->public_key, hash, signature);
}

static enum crypto_result mbed_verify(struct crypto_verifier *verifier, const struct bytes *parts,
                                      size_t count, const uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    return verifier->alg == CRYPTO_SM2 ? sm2_verify(verifier, parts, count, signature)
                                       : es256_verify(verifier, parts, count, signature);
}

const struct crypto_provider crypto_mbedtls = {
    .name = "mbedtls",
    .random = mbed_random,
    .sha256 = mbed_sha256,
    .sm3 = mbed_sm3,
    .hkdf = mbed_hkdf,
    .mac_create = mbed_mac_create,
    .mac_compute = mbed_mac_compute,
    .mac_destroy = mbed_mac_destroy,
    .aead_create = mbed_aead_create,
    .aead_seal = mbed_aead_seal,
    .aead_open = mbed_aead_open,
    .aead_destroy = mbed_aead_destroy,
    .key_generate = mbed_key_generate,
    .signer_create = mbed_signer_create,
    .sign = mbed_sign,
    .signer_destroy = mbed_signer_destroy,
    .verifier_create = mbed_verifier_create,
    .verify = mbed_verify,
    .verifier_destroy = mbed_verifier_destroy,
};
