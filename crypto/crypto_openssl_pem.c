#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "crypto/crypto_pem.h"

#define COORD_BYTES 32

static EVP_PKEY *read_key(struct bytes pem)
{
    BIO *source = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = source ? PEM_read_bio_PUBKEY(source, NULL, NULL, NULL) : NULL;
    if (source && !key && BIO_reset(source) == 1) {
        X509 *certificate = PEM_read_bio_X509(source, NULL, NULL, NULL);
        key = X509_get_pubkey(certificate);
        X509_free(certificate);
    }
    BIO_free(source);
    ERR_clear_error();
    return key;
}

static bool read_curve(const EVP_PKEY *key, enum crypto_alg *alg)
{
    char name[32];
    size_t len;
    if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, &len) !=
        1)
        return false;
    *alg = strcmp(name, "SM2") == 0 ? CRYPTO_SM2 : CRYPTO_ES256;
    return *alg == CRYPTO_SM2 || strcmp(name, "prime256v1") == 0;
}

/* The point's form in the file, compressed or not, does not matter. */
static bool read_coordinate(const EVP_PKEY *key, const char *name, uint8_t *out)
{
    BIGNUM *number = NULL;
    bool read = EVP_PKEY_get_bn_param(key, name, &number) == 1 &&
                BN_bn2binpad(number, out, COORD_BYTES) == COORD_BYTES;
    BN_free(number);
    return read;
}

enum crypto_result crypto_public_key_from_pem(struct bytes pem, enum crypto_alg *alg,
                                              uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    EVP_PKEY *key = pem.len <= INT16_MAX ? read_key(pem) : NULL;
    enum crypto_result result = CRYPTO_BAD_KEY;
    public_key[0] = 4; /* uncompressed, SEC 1 section 2.3.3 */
    if (key && read_curve(key, alg))
        result =
            read_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, public_key + 1) &&
                    read_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, public_key + 1 + COORD_BYTES)
                ? CRYPTO_OK
                : CRYPTO_FAILED;
    EVP_PKEY_free(key);
    return result;
}
