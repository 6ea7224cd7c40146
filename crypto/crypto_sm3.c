/* Written from GB/T 32905-2016 with its names: registers A to H, words W and W', functions FF, GG,
 * P0, P1. Nothing here depends on what is hashed but its length. */
#include "crypto/crypto_sm3.h"

#include "crypto/word.h"

#define ROUNDS 64

static uint32_t p0(uint32_t x)
{
    return x ^ word_rotate(x, 9) ^ word_rotate(x, 17);
}

static uint32_t p1(uint32_t x)
{
    return x ^ word_rotate(x, 15) ^ word_rotate(x, 23);
}

/* Section 5.3.2: 16 words of the block and 52 further ones; W'[j] = W[j] ^ W[j + 4]. */
static void expand(const uint8_t *block, uint32_t w[ROUNDS + 4])
{
    for (int j = 0; j < 16; j++)
        w[j] = word_read(block + 4 * j);
    for (int j = 16; j < ROUNDS + 4; j++)
        w[j] = p1(w[j - 16] ^ w[j - 9] ^ word_rotate(w[j - 3], 15)) ^ word_rotate(w[j - 13], 7) ^
               w[j - 6];
}

/* Section 5.3.3. */
static void compress(uint32_t chain[8], const uint8_t *block)
{
    uint32_t w[ROUNDS + 4];
    uint32_t a = chain[0], b = chain[1], c = chain[2], d = chain[3];
    uint32_t e = chain[4], f = chain[5], g = chain[6], h = chain[7];
    expand(block, w);
    for (unsigned j = 0; j < ROUNDS; j++) {
        const bool first = j < 16;
        const uint32_t t = first ? 0x79cc4519 : 0x7a879d8a;
        const uint32_t ss1 = word_rotate(word_rotate(a, 12) + e + word_rotate(t, j), 7);
        const uint32_t ss2 = ss1 ^ word_rotate(a, 12);
        const uint32_t ff = first ? a ^ b ^ c : (a & b) | (a & c) | (b & c);
        const uint32_t gg = first ? e ^ f ^ g : (e & f) | (~e & g);
        const uint32_t tt1 = ff + d + ss2 + (w[j] ^ w[j + 4]);
        const uint32_t tt2 = gg + h + ss1 + w[j];
        d = c;
        c = word_rotate(b, 9);
        b = a;
        a = tt1;
        h = g;
        g = word_rotate(f, 19);
        f = e;
        e = p0(tt2);
    }
    const uint32_t registers[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; i++)
        chain[i] ^= registers[i];
    crypto_wipe(w, sizeof w);
}

void sm3_init(struct sm3 *sm3)
{
    *sm3 = (struct sm3){.chain = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc,
                                  0x163138aa, 0xe38dee4d, 0xb0fb0e4e}};
}

void sm3_update(struct sm3 *sm3, struct bytes part)
{
    while (part.len) {
        size_t used = sm3->len % SM3_BLOCK_BYTES;
        size_t n = SM3_BLOCK_BYTES - used < part.len ? SM3_BLOCK_BYTES - used : part.len;
        memcpy(sm3->block + used, part.data, n);
        sm3->len += n;
        part = bytes_from(part, n);
        if (used + n == SM3_BLOCK_BYTES)
            compress(sm3->chain, sm3->block);
    }
}

/* Section 5.2: a one bit, zeros, the length in bits. */
void sm3_final(struct sm3 *sm3, uint8_t out[CRYPTO_HASH_BYTES])
{
    uint8_t padding[SM3_BLOCK_BYTES + 8] = {0x80};
    const uint64_t bits = sm3->len * 8;
    const size_t used = sm3->len % SM3_BLOCK_BYTES;
    const size_t len = (used < 56 ? 56 : 120) - used;
    word_write(padding + len, (uint32_t)(bits >> 32));
    word_write(padding + len + 4, (uint32_t)bits);
    sm3_update(sm3, bytes_of(padding, len + 8));
    for (int i = 0; i < 8; i++)
        word_write(out + 4 * i, sm3->chain[i]);
    crypto_wipe(sm3, sizeof *sm3);
}

/* Begins a hash with the key, filled up to a block and masked. */
static void keyed_init(struct sm3 *sm3, const uint8_t key[CRYPTO_SECRET_BYTES], uint8_t mask)
{
    uint8_t block[SM3_BLOCK_BYTES] = {0};
    memcpy(block, key, CRYPTO_SECRET_BYTES);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= mask;
    sm3_init(sm3);
    sm3_update(sm3, bytes_of(block, sizeof block));
    crypto_wipe(block, sizeof block);
}

void sm3_hmac(const uint8_t key[CRYPTO_SECRET_BYTES], const struct bytes *parts, size_t count,
              uint8_t out[CRYPTO_HASH_BYTES])
{
    struct sm3 sm3;
    keyed_init(&sm3, key, 0x36);
    for (size_t i = 0; i < count; i++)
        sm3_update(&sm3, parts[i]);
    sm3_final(&sm3, out);
    keyed_init(&sm3, key, 0x5c);
    sm3_update(&sm3, bytes_of(out, CRYPTO_HASH_BYTES));
    sm3_final(&sm3, out);
}
