#include "crypto/crypto_mbedtls_sm2.h"

#include <mbedtls/ecp.h>

#include "crypto/crypto_sm2.h"
#include "crypto/crypto_sm3.h"
#include "crypto/word.h"

#define WORDS 8 /* of 32 bits in a field element, the lowest first */

/* 2^(32 (8 + i)) mod p, as multiples of 2^(32 j): p = 2^256 - 2^224 - 2^96 + 2^64 - 1 makes them
 * small. */
/* clang-format off */
static const int8_t FOLD[WORDS][WORDS] = {
    {1, 0, -1, 1, 0, 0, 0, 1},
    {1, 1, -1, 0, 1, 0, 0, 1},
    {1, 1,  0, 0, 0, 1, 0, 1},
    {1, 1,  0, 1, 0, 0, 1, 1},
    {1, 1,  0, 1, 1, 0, 0, 2},
    {2, 1, -1, 2, 1, 1, 0, 2},
    {2, 2, -1, 1, 2, 1, 1, 2},
    {2, 2,  0, 1, 1, 2, 1, 3},
};
/* clang-format on */

/* Brings the sums to 32 bits each and returns what is above them. */
static int64_t carry(int64_t sums[WORDS])
{
    int64_t above = 0;
    for (int j = 0; j < WORDS; j++) {
        above += sums[j];
        sums[j] = (uint32_t)above;
        above >>= 32; /* of a negative number too: gcc and clang keep the sign */
    }
    return above;
}

/* mbedTLS's hook for the reduction mod p: x, at least 0 and of 512 bits, becomes a number congruent
 * to it, at least 0 and below 2 p. Without it mbedTLS divides, and a verification takes more than
 * twice as long. */
static int fold(mbedtls_mpi *x)
{
    uint8_t octets[2 * 4 * WORDS], folded[4 * (WORDS + 1)];
    int64_t sums[WORDS];
    int error = mbedtls_mpi_write_binary(x, octets, sizeof octets);
    if (error)
        return error;
    for (int j = 0; j < WORDS; j++) {
        sums[j] = word_read(octets + 4 * (2 * WORDS - 1 - j));
        for (int i = 0; i < WORDS; i++)
            sums[j] += FOLD[i][j] * (int64_t)word_read(octets + 4 * (WORDS - 1 - i));
    }
    int64_t above = carry(sums); /* at most 14 */
    for (int j = 0; j < WORDS; j++)
        sums[j] += FOLD[0][j] * above;
    word_write(folded, (uint32_t)carry(sums)); /* 0 or 1 */
    for (int j = 0; j < WORDS; j++)
        word_write(folded + 4 * (WORDS - j), (uint32_t)sums[j]);
    return mbedtls_mpi_read_binary(x, folded, sizeof folded);
}

/* a is left unset: mbedTLS takes that for p - 3, which it is. */
static int group_load(mbedtls_ecp_group *group)
{
    mbedtls_ecp_group_init(group);
    int error = mbedtls_mpi_read_binary(&group->P, sm2_curve.p, SM2_FIELD_BYTES);
    if (!error)
        error = mbedtls_mpi_read_binary(&group->B, sm2_curve.b, SM2_FIELD_BYTES);
    if (!error)
        error = mbedtls_mpi_read_binary(&group->N, sm2_curve.n, SM2_FIELD_BYTES);
    if (!error)
        error = mbedtls_mpi_read_binary(&group->G.X, sm2_curve.g, SM2_FIELD_BYTES);
    if (!error)
        error =
            mbedtls_mpi_read_binary(&group->G.Y, sm2_curve.g + SM2_FIELD_BYTES, SM2_FIELD_BYTES);
    if (!error)
        error = mbedtls_mpi_lset(&group->G.Z, 1);
    group->pbits = group->nbits = 8 * SM2_FIELD_BYTES;
    group->modp = fold;
    if (error)
        mbedtls_ecp_group_free(group);
    return error;
}

/* NULL: no memory. It is mbedTLS that writes to it: a table of multiples of G at the first use. */
static mbedtls_ecp_group *the_group(void)
{
    static mbedtls_ecp_group group;
    static bool loaded;
    loaded = loaded || group_load(&group) == 0;
    return loaded ? &group : NULL;
}

static int point_read(const mbedtls_ecp_group *group, mbedtls_ecp_point *point,
                      const uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    return mbedtls_ecp_point_read_binary(group, point, public_key, CRYPTO_PUBLIC_BYTES);
}

enum crypto_result mbed_sm2_check_key(const uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    const mbedtls_ecp_group *group = the_group();
    mbedtls_ecp_point point;
    if (!group)
        return CRYPTO_FAILED;
    if (public_key[0] != 4) /* uncompressed, SEC 1 section 2.3.3 */
        return CRYPTO_BAD_KEY;
    mbedtls_ecp_point_init(&point);
    int error = point_read(group, &point, public_key);
    if (!error)
        error = mbedtls_ecp_check_pubkey(group, &point);
    mbedtls_ecp_point_free(&point);
    return !error                                 ? CRYPTO_OK
           : error == MBEDTLS_ERR_ECP_INVALID_KEY ? CRYPTO_BAD_KEY
                                                  : CRYPTO_FAILED;
}

/* 1 <= x < n? */
static bool is_scalar(const mbedtls_ecp_group *group, const mbedtls_mpi *x)
{
    return mbedtls_mpi_cmp_int(x, 1) >= 0 && mbedtls_mpi_cmp_mpi(x, &group->N) < 0;
}

/* What is computed with, named as in the standard. */
struct numbers {
    mbedtls_mpi r, s, t, e, d, k;
    mbedtls_ecp_point key, sum;
};

static void numbers_init(struct numbers *n)
{
    mbedtls_mpi_init(&n->r);
    mbedtls_mpi_init(&n->s);
    mbedtls_mpi_init(&n->t);
    mbedtls_mpi_init(&n->e);
    mbedtls_mpi_init(&n->d);
    mbedtls_mpi_init(&n->k);
    mbedtls_ecp_point_init(&n->key);
    mbedtls_ecp_point_init(&n->sum);
}

static void numbers_free(struct numbers *n)
{
    mbedtls_mpi_free(&n->r);
    mbedtls_mpi_free(&n->s);
    mbedtls_mpi_free(&n->t);
    mbedtls_mpi_free(&n->e);
    mbedtls_mpi_free(&n->d); /* wipes it */
    mbedtls_mpi_free(&n->k);
    mbedtls_ecp_point_free(&n->key);
    mbedtls_ecp_point_free(&n->sum);
}

/* Steps B1 to B7 with r, s, e and the key read; *matches only after 0. */
static int verify(mbedtls_ecp_group *group, struct numbers *n, bool *matches)
{
    *matches = is_scalar(group, &n->r) && is_scalar(group, &n->s);
    if (!*matches)
        return 0;
    int error = mbedtls_mpi_add_mpi(&n->t, &n->r, &n->s);
    if (!error)
        error = mbedtls_mpi_mod_mpi(&n->t, &n->t, &group->N);
    if (error)
        return error;
    *matches = mbedtls_mpi_cmp_int(&n->t, 0) != 0;
    if (!*matches)
        return 0;
    error = mbedtls_ecp_muladd(group, &n->sum, &n->s, &group->G, &n->t, &n->key);
    if (error)
        return error;
    *matches = !mbedtls_ecp_is_zero(&n->sum); /* infinity has no x */
    if (!*matches)
        return 0;
    error = mbedtls_mpi_add_mpi(&n->e, &n->e, &n->sum.X);
    if (!error)
        error = mbedtls_mpi_mod_mpi(&n->e, &n->e, &group->N);
    *matches = !error && mbedtls_mpi_cmp_mpi(&n->e, &n->r) == 0;
    return error;
}

enum crypto_result mbed_sm2_verify(const uint8_t public_key[CRYPTO_PUBLIC_BYTES],
                                   const uint8_t hash[CRYPTO_HASH_BYTES],
                                   const uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    mbedtls_ecp_group *group = the_group();
    struct numbers n;
    bool matches = false;
    if (!group)
        return CRYPTO_FAILED;
    numbers_init(&n);
    int error = mbedtls_mpi_read_binary(&n.r, signature, 32);
    if (!error)
        error = mbedtls_mpi_read_binary(&n.s, signature + 32, 32);
    if (!error)
        error = mbedtls_mpi_read_binary(&n.e, hash, CRYPTO_HASH_BYTES);
    if (!error)
        error = point_read(group, &n.key, public_key);
    if (!error)
        error = verify(group, &n, &matches);
    numbers_free(&n);
    return error ? CRYPTO_FAILED : matches ? CRYPTO_OK : CRYPTO_MISMATCH;
}

/* ---- signing, for vectors and tests -------------------------------------------------------------
 */

enum crypto_result mbed_sm2_public(const uint8_t private_key[CRYPTO_PRIVATE_BYTES],
                                   uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    mbedtls_ecp_group *group = the_group();
    struct numbers n;
    size_t len;
    bool in_range = false;
    if (!group)
        return CRYPTO_FAILED;
    numbers_init(&n);
    int error = mbedtls_mpi_read_binary(&n.d, private_key, CRYPTO_PRIVATE_BYTES);
    if (!error)
        error = mbedtls_mpi_add_int(&n.t, &n.d, 1); /* it will be divided by */
    if (!error)
        in_range = is_scalar(group, &n.d) && is_scalar(group, &n.t);
    if (in_range)
        error = mbedtls_ecp_mul(group, &n.key, &n.d, &group->G, NULL, NULL);
    if (in_range && !error)
        error = mbedtls_ecp_point_write_binary(group, &n.key, MBEDTLS_ECP_PF_UNCOMPRESSED, &len,
                                               public_key, CRYPTO_PUBLIC_BYTES);
    numbers_free(&n);
    return error ? CRYPTO_FAILED : in_range ? CRYPTO_OK : CRYPTO_BAD_KEY;
}

/* The next k: HMAC-SM3 under the private key over the hash and a counter, if it is a scalar. */
static int draw_nonce(const mbedtls_ecp_group *group, const uint8_t *private_key,
                      const uint8_t *hash, uint8_t *counter, mbedtls_mpi *k)
{
    const struct bytes parts[] = {bytes_of(hash, CRYPTO_HASH_BYTES), bytes_of(counter, 1)};
    uint8_t octets[CRYPTO_HASH_BYTES];
    int error;
    do {
        ++*counter;
        sm3_hmac(private_key, parts, 2, octets);
        error = mbedtls_mpi_read_binary(k, octets, sizeof octets);
    } while (!error && !is_scalar(group, k));
    crypto_wipe(octets, sizeof octets);
    return error;
}

/* Steps A4 to A6 with e, d and k read. *is_good, only after 0: else another k is needed. */
static int sign(mbedtls_ecp_group *group, struct numbers *n, bool *is_good)
{
    int error = mbedtls_ecp_mul(group, &n->sum, &n->k, &group->G, NULL, NULL);
    if (!error)
        error = mbedtls_mpi_add_mpi(&n->r, &n->e, &n->sum.X);
    if (!error)
        error = mbedtls_mpi_mod_mpi(&n->r, &n->r, &group->N);
    if (!error)
        error = mbedtls_mpi_add_mpi(&n->t, &n->r, &n->k);
    if (error)
        return error;
    *is_good = mbedtls_mpi_cmp_int(&n->r, 0) != 0 && mbedtls_mpi_cmp_mpi(&n->t, &group->N) != 0;
    if (!*is_good)
        return 0;
    error = mbedtls_mpi_mul_mpi(&n->s, &n->r, &n->d);
    if (!error)
        error = mbedtls_mpi_sub_mpi(&n->s, &n->k, &n->s);
    if (!error)
        error = mbedtls_mpi_add_int(&n->t, &n->d, 1);
    if (!error)
        error = mbedtls_mpi_inv_mod(&n->t, &n->t, &group->N);
    if (!error)
        error = mbedtls_mpi_mul_mpi(&n->s, &n->s, &n->t);
    if (!error)
        error = mbedtls_mpi_mod_mpi(&n->s, &n->s, &group->N);
    *is_good = !error && mbedtls_mpi_cmp_int(&n->s, 0) != 0;
    return error;
}

enum crypto_result mbed_sm2_sign(const uint8_t private_key[CRYPTO_PRIVATE_BYTES],
                                 const uint8_t hash[CRYPTO_HASH_BYTES],
                                 uint8_t signature[CRYPTO_SIGNATURE_BYTES])
{
    mbedtls_ecp_group *group = the_group();
    struct numbers n;
    uint8_t counter = 0;
    bool is_good = false;
    if (!group)
        return CRYPTO_FAILED;
    numbers_init(&n);
    int error = mbedtls_mpi_read_binary(&n.d, private_key, CRYPTO_PRIVATE_BYTES);
    if (!error)
        error = mbedtls_mpi_read_binary(&n.e, hash, CRYPTO_HASH_BYTES);
    while (!error && !is_good) {
        error = draw_nonce(group, private_key, hash, &counter, &n.k);
        if (!error)
            error = sign(group, &n, &is_good);
    }
    if (!error)
        error = mbedtls_mpi_write_binary(&n.r, signature, 32);
    if (!error)
        error = mbedtls_mpi_write_binary(&n.s, signature + 32, 32);
    numbers_free(&n);
    return error ? CRYPTO_FAILED : CRYPTO_OK;
}
