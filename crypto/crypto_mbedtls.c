/* The provider over mbedTLS through its PSA Crypto API, for whatever verifies as a device would.
 * Each object is one volatile key of PSA's, of which mbedTLS 2.28 holds 32 at a time. */
#include <stdatomic.h>
#include <stdlib.h>

#include <psa/crypto.h>

#include "base/check.h"
#include "crypto/crypto.h"
#include "crypto/room.h"

#define P256_BITS 256

/* All four kinds of object are a key; they differ in what it may do. */
struct crypto_mac {
    psa_key_id_t key;
};
struct crypto_aead {
    psa_key_id_t key;
};
struct crypto_signer {
    psa_key_id_t key;
};
struct crypto_verifier {
    psa_key_id_t key;
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

/* Every object begins with its key, so that these two serve all kinds. The key is taken. */
static void *object_create(size_t size, psa_key_id_t key)
{
    psa_key_id_t *object = key ? calloc(1, size) : NULL;
    if (object)
        *object = key;
    else
        psa_destroy_key(key); /* accepts 0 */
    return object;
}

static void object_destroy(void *object)
{
    const psa_key_id_t *key = object;
    if (key && enter())
        psa_destroy_key(*key); /* wipes it */
    free(object);
}

/* ---- randomness, hash, derivation --------------------------------------------------------------
 */

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

/* ---- HMAC
 * ---------------------------------------------------------------------------------------- */

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
    object_destroy(*mac);
    *mac = NULL;
}

/* ---- AES-256-GCM
 * --------------------------------------------------------------------------------- */

static struct crypto_aead *mbed_aead_create(const uint8_t secret[CRYPTO_SECRET_BYTES])
{
    return object_create(sizeof(struct crypto_aead),
                         key_import(PSA_KEY_TYPE_AES, PSA_ALG_GCM,
                                    PSA_KEY_USAGE_ENCRYPT | PSA_KEY_USAGE_DECRYPT,
                                    bytes_of(secret, CRYPTO_SECRET_BYTES)));
}

static enum crypto_result mbed_aead_seal(struct crypto_aead *aead, struct bytes aad,
                                         struct bytes plain, struct buf *out)
{
    const size_t rest = plain.len + CRYPTO_AEAD_TAG_BYTES;
    uint8_t *nonce = crypto_room(out, CRYPTO_AEAD_NONCE_BYTES + rest);
    size_t len;
    if (!nonce)
        return CRYPTO_OK; /* the overflow says it */
    enum crypto_result result = mbed_random(nonce, CRYPTO_AEAD_NONCE_BYTES);
    if (result == CRYPTO_OK)
        result = result_of(psa_aead_encrypt(aead->key, PSA_ALG_GCM, nonce, CRYPTO_AEAD_NONCE_BYTES,
                                            aad.data, aad.len, plain.data, plain.len,
                                            nonce + CRYPTO_AEAD_NONCE_BYTES, rest, &len));
    if (result == CRYPTO_OK)
        out->len += CRYPTO_AEAD_NONCE_BYTES + rest;
    return result;
}

static enum crypto_result mbed_aead_open(struct crypto_aead *aead, struct bytes aad,
                                         struct bytes sealed, struct buf *out)
{
    if (sealed.len < CRYPTO_AEAD_NONCE_BYTES + CRYPTO_AEAD_TAG_BYTES)
        return CRYPTO_MISMATCH;
    const struct bytes cipher = bytes_from(sealed, CRYPTO_AEAD_NONCE_BYTES);
    size_t len = cipher.len - CRYPTO_AEAD_TAG_BYTES;
    uint8_t *plain = crypto_room(out, len);
    if (!plain)
        return CRYPTO_OK;
    if (!enter())
        return CRYPTO_FAILED;
    enum crypto_result result =
        result_of(psa_aead_decrypt(aead->key, PSA_ALG_GCM, sealed.data, CRYPTO_AEAD_NONCE_BYTES,
                                   aad.data, aad.len, cipher.data, cipher.len, plain, len, &len));
    if (result == CRYPTO_OK)
        out->len += len;
    return result;
}

static void mbed_aead_destroy(struct crypto_aead **aead)
{
    object_destroy(*aead);
    *aead = NULL;
}

/* ---- ECDSA
 * --------------------------------------------------------------------------------------- */

static psa_key_id_t signing_key_import(const uint8_t private_key[CRYPTO_PRIVATE_BYTES])
{
    return key_import(PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1), SIGNING,
                      PSA_KEY_USAGE_SIGN_HASH, bytes_of(private_key, CRYPTO_PRIVATE_BYTES));
}

static enum crypto_result mbed_key_generate(struct crypto_key_pair *pair)
{
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

static struct crypto_signer *mbed_signer_create(const struct crypto_key_pair *pair)
{
    uint8_t public_key[CRYPTO_PUBLIC_BYTES];
    size_t len;
    psa_key_id_t key = signing_key_import(pair->private_key);
    if (key && (psa_export_public_key(key, public_key, sizeof public_key, &len) != PSA_SUCCESS ||
                memcmp(public_key, pair->public_key, sizeof public_key) != 0)) {
        psa_destroy_key(key); /* the halves do not belong together */
        key = 0;
    }
    return object_create(sizeof(struct crypto_signer), key);
}

static enum crypto_result mbed_sign(struct crypto_signer *signer, const struct bytes *parts,
                                    size_t count, uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    uint8_t hash[CRYPTO_HASH_BYTES];
    size_t len;
    enum crypto_result result = mbed_sha256(parts, count, hash);
    return result ? result
                  : result_of(psa_sign_hash(signer->key, SIGNING, hash, sizeof hash, signature,
                                            CRYPTO_SIGNATURE_BYTES, &len));
}

static void mbed_signer_destroy(struct crypto_signer **signer)
{
    object_destroy(*signer);
    *signer = NULL;
}

static struct crypto_verifier *mbed_verifier_create(const uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    return object_create(sizeof(struct crypto_verifier),
                         key_import(PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1), VERIFYING,
                                    PSA_KEY_USAGE_VERIFY_HASH,
                                    bytes_of(public_key, CRYPTO_PUBLIC_BYTES)));
}

static enum crypto_result mbed_verify(struct crypto_verifier *verifier, const struct bytes *parts,
                                      size_t count, const uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    uint8_t hash[CRYPTO_HASH_BYTES];
    enum crypto_result result = mbed_sha256(parts, count, hash);
    return result ? result
                  : result_of(psa_verify_hash(verifier->key, VERIFYING, hash, sizeof hash,
                                              signature, CRYPTO_SIGNATURE_BYTES));
}

static void mbed_verifier_destroy(struct crypto_verifier **verifier)
{
    object_destroy(*verifier);
    *verifier = NULL;
}

const struct crypto_provider crypto_mbedtls = {
    .name = "mbedtls",
    .random = mbed_random,
    .sha256 = mbed_sha256,
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
