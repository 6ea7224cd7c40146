/* Written from GB/T 32907-2016 with its names: S-box, L, L', FK, CK. */
#include "crypto/crypto_sm4.h"

#include "crypto/crypto_sm3.h"
#include "crypto/word.h"

#define ROUNDS 32

/* clang-format off */
static const uint8_t S[256] = {
    0xd6, 0x90, 0xe9, 0xfe, 0xcc, 0xe1, 0x3d, 0xb7, 0x16, 0xb6, 0x14, 0xc2, 0x28, 0xfb, 0x2c, 0x05,
    0x2b, 0x67, 0x9a, 0x76, 0x2a, 0xbe, 0x04, 0xc3, 0xaa, 0x44, 0x13, 0x26, 0x49, 0x86, 0x06, 0x99,
    0x9c, 0x42, 0x50, 0xf4, 0x91, 0xef, 0x98, 0x7a, 0x33, 0x54, 0x0b, 0x43, 0xed, 0xcf, 0xac, 0x62,
    0xe4, 0xb3, 0x1c, 0xa9, 0xc9, 0x08, 0xe8, 0x95, 0x80, 0xdf, 0x94, 0xfa, 0x75, 0x8f, 0x3f, 0xa6,
    0x47, 0x07, 0xa7, 0xfc, 0xf3, 0x73, 0x17, 0xba, 0x83, 0x59, 0x3c, 0x19, 0xe6, 0x85, 0x4f, 0xa8,
    0x68, 0x6b, 0x81, 0xb2, 0x71, 0x64, 0xda, 0x8b, 0xf8, 0xeb, 0x0f, 0x4b, 0x70, 0x56, 0x9d, 0x35,
    0x1e, 0x24, 0x0e, 0x5e, 0x63, 0x58, 0xd1, 0xa2, 0x25, 0x22, 0x7c, 0x3b, 0x01, 0x21, 0x78, 0x87,
    0xd4, 0x00, 0x46, 0x57, 0x9f, 0xd3, 0x27, 0x52, 0x4c, 0x36, 0x02, 0xe7, 0xa0, 0xc4, 0xc8, 0x9e,
    0xea, 0xbf, 0x8a, 0xd2, 0x40, 0xc7, 0x38, 0xb5, 0xa3, 0xf7, 0xf2, 0xce, 0xf9, 0x61, 0x15, 0xa1,
    0xe0, 0xae, 0x5d, 0xa4, 0x9b, 0x34, 0x1a, 0x55, 0xad, 0x93, 0x32, 0x30, 0xf5, 0x8c, 0xb1, 0xe3,
    0x1d, 0xf6, 0xe2, 0x2e, 0x82, 0x66, 0xca, 0x60, 0xc0, 0x29, 0x23, 0xab, 0x0d, 0x53, 0x4e, 0x6f,
    0xd5, 0xdb, 0x37, 0x45, 0xde, 0xfd, 0x8e, 0x2f, 0x03, 0xff, 0x6a, 0x72, 0x6d, 0x6c, 0x5b, 0x51,
    0x8d, 0x1b, 0xaf, 0x92, 0xbb, 0xdd, 0xbc, 0x7f, 0x11, 0xd9, 0x5c, 0x41, 0x1f, 0x10, 0x5a, 0xd8,
    0x0a, 0xc1, 0x31, 0x88, 0xa5, 0xcd, 0x7b, 0xbd, 0x2d, 0x74, 0xd0, 0x12, 0xb8, 0xe5, 0xb4, 0xb0,
    0x89, 0x69, 0x97, 0x4a, 0x0c, 0x96, 0x77, 0x7e, 0x65, 0xb9, 0xf1, 0x09, 0xc5, 0x6e, 0xc6, 0x84,
    0x18, 0xf0, 0x7d, 0xec, 0x3a, 0xdc, 0x4d, 0x20, 0x79, 0xee, 0x5f, 0x3e, 0xd7, 0xcb, 0x39, 0x48,
};
/* clang-format on */
static const uint32_t FK[4] = {0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc};

static uint32_t substitute(uint32_t x)
{
    return (uint32_t)S[x >> 24] << 24 | (uint32_t)S[x >> 16 & 0xff] << 16 |
           (uint32_t)S[x >> 8 & 0xff] << 8 | S[x & 0xff];
}

/* Octet j of CK[i] is 7 (4 i + j) mod 256. */
static uint32_t ck(unsigned i)
{
    uint32_t word = 0;
    for (unsigned j = 0; j < 4; j++)
        word = word << 8 | (7 * (4 * i + j) & 0xff);
    return word;
}

void sm4_init(struct sm4 *sm4, const uint8_t key[SM4_KEY_BYTES])
{
    uint32_t k[4];
    for (int i = 0; i < 4; i++)
        k[i] = word_read(key + 4 * i) ^ FK[i];
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t t = substitute(k[1] ^ k[2] ^ k[3] ^ ck(i));
        sm4->round_keys[i] = k[0] ^ t ^ word_rotate(t, 13) ^ word_rotate(t, 23);
        k[0] = k[1], k[1] = k[2], k[2] = k[3], k[3] = sm4->round_keys[i];
    }
    crypto_wipe(k, sizeof k);
}

void sm4_encrypt(const struct sm4 *sm4, const uint8_t in[SM4_BLOCK_BYTES],
                 uint8_t out[SM4_BLOCK_BYTES])
{
    uint32_t x[4];
    for (int i = 0; i < 4; i++)
        x[i] = word_read(in + 4 * i);
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t t = substitute(x[1] ^ x[2] ^ x[3] ^ sm4->round_keys[i]);
        t = x[0] ^ t ^ word_rotate(t, 2) ^ word_rotate(t, 10) ^ word_rotate(t, 18) ^
            word_rotate(t, 24);
        x[0] = x[1], x[1] = x[2], x[2] = x[3], x[3] = t;
    }
    for (int i = 0; i < 4; i++)
        word_write(out + 4 * i, x[3 - i]);
}

/* Both directions: `in` and the encrypted counter blocks nonce || u32be from 0. At most 2^32. */
static void sm4_ctr(const struct sm4 *sm4, const uint8_t nonce[CRYPTO_AEAD_NONCE_BYTES],
                    struct bytes in, uint8_t *out)
{
    uint8_t counter[SM4_BLOCK_BYTES], stream[SM4_BLOCK_BYTES];
    memcpy(counter, nonce, CRYPTO_AEAD_NONCE_BYTES);
    for (size_t at = 0; at < in.len; at++) {
        if (at % SM4_BLOCK_BYTES == 0) {
            word_write(counter + CRYPTO_AEAD_NONCE_BYTES, (uint32_t)(at / SM4_BLOCK_BYTES));
            sm4_encrypt(sm4, counter, stream);
        }
        out[at] = in.data[at] ^ stream[at % SM4_BLOCK_BYTES];
    }
    crypto_wipe(stream, sizeof stream);
}

void sm4_aead_init(struct sm4_aead *aead, const uint8_t secret[CRYPTO_SECRET_BYTES])
{
    const struct bytes sm4_label = BYTES("jwb-sm4-1"), mac_label = BYTES("jwb-hmac-sm3-1");
    uint8_t key[CRYPTO_HASH_BYTES];
    sm3_hmac(secret, &sm4_label, 1, key);
    sm4_init(&aead->sm4, key);
    sm3_hmac(secret, &mac_label, 1, aead->mac_key);
    crypto_wipe(key, sizeof key);
}

static void tag_compute(const struct sm4_aead *aead, struct bytes aad, struct bytes nonce_and_text,
                        uint8_t tag[CRYPTO_HASH_BYTES])
{
    uint8_t aad_len[8];
    word_write(aad_len, (uint32_t)((uint64_t)aad.len >> 32));
    word_write(aad_len + 4, (uint32_t)aad.len);
    const struct bytes parts[] = {bytes_of(aad_len, sizeof aad_len), aad, nonce_and_text};
    sm3_hmac(aead->mac_key, parts, 3, tag);
}

void sm4_aead_encrypt(const struct sm4_aead *aead, uint8_t *nonce, struct bytes aad,
                      struct bytes plain)
{
    uint8_t tag[CRYPTO_HASH_BYTES];
    const size_t tag_at = CRYPTO_AEAD_NONCE_BYTES + plain.len;
    sm4_ctr(&aead->sm4, nonce, plain, nonce + CRYPTO_AEAD_NONCE_BYTES);
    tag_compute(aead, aad, bytes_of(nonce, tag_at), tag);
    memcpy(nonce + tag_at, tag, CRYPTO_AEAD_TAG_BYTES);
}

bool sm4_aead_decrypt(const struct sm4_aead *aead, struct bytes aad, struct bytes sealed,
                      uint8_t *plain)
{
    uint8_t tag[CRYPTO_HASH_BYTES];
    const struct bytes untagged = bytes_of(sealed.data, sealed.len - CRYPTO_AEAD_TAG_BYTES);
    tag_compute(aead, aad, untagged, tag);
    if (!bytes_equal_secret(bytes_of(tag, CRYPTO_AEAD_TAG_BYTES), bytes_from(sealed, untagged.len)))
        return false;
    sm4_ctr(&aead->sm4, sealed.data, bytes_from(untagged, CRYPTO_AEAD_NONCE_BYTES), plain);
    return true;
}
