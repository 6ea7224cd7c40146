#include "evidence/crc32c.h"

#include <pthread.h>

#define POLYNOMIAL 0x82F63B78u /* 0x1EDC6F41, bits reversed */

/* table[k][i]: what octet i does to the remainder when k more octets follow it. Eight at a time,
 * because a gateway reads up to a gigabyte of journal before it starts. */
static uint32_t table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void table_fill(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t rest = i;
        for (int bit = 0; bit < 8; bit++)
            rest = rest >> 1 ^ (rest & 1 ? POLYNOMIAL : 0);
        table[0][i] = rest;
    }
    for (int k = 1; k < 8; k++)
        for (int i = 0; i < 256; i++)
            table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
}

uint32_t crc32c_of(struct bytes data)
{
    const uint8_t *at = data.data, *end = at + data.len;
    uint32_t rest = ~0u;
    pthread_once(&table_once, table_fill);
    for (; end - at >= 8; at += 8)
        rest = table[7][(rest ^ at[0]) & 255] ^ table[6][(rest >> 8 ^ at[1]) & 255] ^
               table[5][(rest >> 16 ^ at[2]) & 255] ^ table[4][(rest >> 24 ^ at[3]) & 255] ^
               table[3][at[4]] ^ table[2][at[5]] ^ table[1][at[6]] ^ table[0][at[7]];
    for (; at < end; at++)
        rest = rest >> 8 ^ table[0][(rest ^ *at) & 255];
    return ~rest;
}
