/* Writes sm2.json: hashes, signatures and sealed texts of OpenSSL's, for whoever else has SM2, SM3
 * and SM4. Keys, signatures and nonces are drawn anew at each run.
 *
 *   make build/release/libjwb.a && gcc -std=gnu11 -D_GNU_SOURCE -I. tests/vectors/make_sm2.c \
 *       build/release/libjwb.a -lcrypto -o build/make_sm2
 *   build/make_sm2 > tests/vectors/sm2.json */
#include <stdio.h>

#include "base/check.h"
#include "crypto/crypto.h"

static const struct crypto_provider *const crypto = &crypto_openssl;
static const char *between = "";

static void print_hex(const char *name, struct bytes octets)
{
    printf("%s\"%s\": \"", between, name);
    for (size_t i = 0; i < octets.len; i++)
        printf("%02x", octets.data[i]);
    printf("\"");
    between = ", ";
}

static void begin_list(const char *name)
{
    printf(",\n\"%s\": [", name);
    between = "\n{";
}

static void end_item(void)
{
    printf("}");
    between = ",\n{";
}

/* ---- hashes ---- */

static void print_hashes(void)
{
    static const size_t lengths[] = {0, 1, 55, 56, 63, 64, 65, 119, 120, 200};
    uint8_t text[200], hash[CRYPTO_HASH_BYTES];
    memset(text, 'j', sizeof text);
    begin_list("sm3");
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const struct bytes message = bytes_of(text, lengths[i]);
        CHECK(crypto->sm3(&message, 1, hash) == CRYPTO_OK);
        print_hex("message", message);
        print_hex("hash", bytes_of(hash, sizeof hash));
        end_item();
    }
    printf("]");
}

/* ---- signatures ---- */

static const uint8_t N[32] = {0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                              0xff, 0xff, 0xff, 0xff, 0xff, 0x72, 0x03, 0xdf, 0x6b, 0x21, 0xc6,
                              0x05, 0x2b, 0x53, 0xbb, 0xf4, 0x09, 0x39, 0xd5, 0x41, 0x23};

enum fault {
    NONE,
    MESSAGE_ALTERED,
    R_ALTERED,
    S_ALTERED,
    R_ZERO,
    S_ZERO,
    R_ORDER,
    S_ORDER,
    SUM_ORDER, /* r + s = n */
    HALVES_SWAPPED,
    OTHER_KEY,
};
static const char *const FAULTS[] = {
    [NONE] = "good",
    [MESSAGE_ALTERED] = "message_altered",
    [R_ALTERED] = "r_altered",
    [S_ALTERED] = "s_altered",
    [R_ZERO] = "r_zero",
    [S_ZERO] = "s_zero",
    [R_ORDER] = "r_is_n",
    [S_ORDER] = "s_is_n",
    [SUM_ORDER] = "r_and_s_make_n",
    [HALVES_SWAPPED] = "halves_swapped",
    [OTHER_KEY] = "other_key",
};

static void sum_to_order(const uint8_t r[32], uint8_t s[32])
{
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int difference = N[i] - r[i] - borrow;
        borrow = difference < 0;
        s[i] = (uint8_t)difference;
    }
}

static void spoil(enum fault fault, uint8_t *message, uint8_t *r, uint8_t *s)
{
    uint8_t was_r[32];
    memcpy(was_r, r, 32);
    switch (fault) {
    case MESSAGE_ALTERED:
        message[0] ^= 1;
        break;
    case R_ALTERED:
        r[31] ^= 1;
        break;
    case S_ALTERED:
        s[31] ^= 1;
        break;
    case R_ZERO:
        memset(r, 0, 32);
        break;
    case S_ZERO:
        memset(s, 0, 32);
        break;
    case R_ORDER:
        memcpy(r, N, 32);
        break;
    case S_ORDER:
        memcpy(s, N, 32);
        break;
    case SUM_ORDER:
        sum_to_order(r, s);
        break;
    case HALVES_SWAPPED:
        memcpy(r, s, 32);
        memcpy(s, was_r, 32);
        break;
    case NONE:
    case OTHER_KEY:
        break;
    }
}

static void print_signature(enum fault fault, size_t len)
{
    struct crypto_key_pair pair, other;
    uint8_t message[300], signature[CRYPTO_SIGNATURE_BYTES];
    memset(message, 's', sizeof message);
    CHECK(crypto->key_generate(CRYPTO_SM2, &pair) == CRYPTO_OK);
    CHECK(crypto->key_generate(CRYPTO_SM2, &other) == CRYPTO_OK);
    struct crypto_signer *signer =
        crypto->signer_create(CRYPTO_SM2, fault == OTHER_KEY ? &other : &pair);
    const struct bytes part = bytes_of(message, len);
    CHECK(signer && crypto->sign(signer, &part, 1, signature) == CRYPTO_OK);
    crypto->signer_destroy(&signer);
    spoil(fault, message, signature, signature + 32);
    printf("%s\"name\": \"%s\", \"good\": %s", between, FAULTS[fault], fault ? "false" : "true");
    between = ", ";
    print_hex("public_key", bytes_of(pair.public_key, sizeof pair.public_key));
    print_hex("message", part);
    print_hex("signature", bytes_of(signature, sizeof signature));
    end_item();
}

static void print_signatures(void)
{
    static const size_t lengths[] = {0, 1, 31, 64, 300};
    begin_list("sm2");
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        print_signature(NONE, lengths[i]);
    for (enum fault fault = MESSAGE_ALTERED; fault <= OTHER_KEY; fault++)
        print_signature(fault, 14);
    printf("]");
}

/* ---- sealed texts ---- */

static void print_sealed(void)
{
    static const size_t lengths[] = {0, 1, 15, 16, 17, 100};
    uint8_t secret[CRYPTO_SECRET_BYTES], text[100], storage[128];
    memset(text, 'p', sizeof text);
    begin_list("sm4_ctr_hmac_sm3");
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct buf sealed = BUF_OVER(storage);
        const struct bytes aad = bytes_of("licence", i), plain = bytes_of(text, lengths[i]);
        CHECK(crypto->random(secret, sizeof secret) == CRYPTO_OK);
        struct crypto_aead *aead = crypto->aead_create(CRYPTO_SM4_CTR_HMAC_SM3, secret);
        CHECK(aead && crypto->aead_seal(aead, aad, plain, &sealed) == CRYPTO_OK);
        crypto->aead_destroy(&aead);
        print_hex("secret", bytes_of(secret, sizeof secret));
        print_hex("aad", aad);
        print_hex("plain", plain);
        print_hex("sealed", buf_bytes(&sealed));
        end_item();
    }
    printf("]");
}

int main(void)
{
    printf("{\"about\": \"SM2 under the id %s, SM3, and SM4-CTR with HMAC-SM3 as crypto/crypto.h "
           "has it; made with OpenSSL 3.0 by make_sm2.c.\"",
           CRYPTO_SM2_ID);
    print_hashes();
    print_signatures();
    print_sealed();
    printf("\n}\n");
    return 0;
}
