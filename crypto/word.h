/* Words of 32 bits, big-endian, as SM3 and SM4 have them; private to the room. */
#ifndef CRYPTO_WORD_H
#define CRYPTO_WORD_H

#include <stdint.h>

static inline uint32_t word_rotate(uint32_t x, unsigned n) /* to the left; n is taken mod 32 */
{
    return x << n % 32 | x >> (32 - n % 32) % 32;
}

static inline uint32_t word_read(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void word_write(uint8_t *at, uint32_t word)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(word >> (24 - 8 * i));
}

#endif
