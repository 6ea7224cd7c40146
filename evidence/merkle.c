#include "evidence/merkle.h"

const struct merkle_hash merkle_empty = {{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                          0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                          0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                          0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}};

static struct bytes octets_of(const struct merkle_hash *hash)
{
    return bytes_of(hash->octets, sizeof hash->octets);
}

bool merkle_equal(const struct merkle_hash *a, const struct merkle_hash *b)
{
    return bytes_equal(octets_of(a), octets_of(b));
}

enum crypto_result merkle_leaf(const struct crypto_provider *crypto, struct bytes entry,
                               struct merkle_hash *leaf)
{
    const struct bytes parts[] = {BYTES("\x00"), entry};
    return crypto->sha256(parts, 2, leaf->octets);
}

enum crypto_result merkle_node(const struct crypto_provider *crypto, const struct merkle_hash *left,
                               const struct merkle_hash *right, struct merkle_hash *node)
{
    const struct bytes parts[] = {BYTES("\x01"), octets_of(left), octets_of(right)};
    return crypto->sha256(parts, 3, node->octets);
}

/* Where a proof's walk up the tree is: the number of the node that is followed, and of the last one
 * of its level. Between them they say on which side the proof's next hash lies. */
struct climb {
    uint64_t at, last;
};

static bool joins_from_left(const struct climb *climb)
{
    return climb->at & 1 || climb->at == climb->last;
}

static void up(struct climb *climb)
{
    climb->at >>= 1;
    climb->last >>= 1;
}

/* Behind a join from the left: the levels on which a last node without a sibling rose unhashed. */
static void up_lonely(struct climb *climb)
{
    while (!(climb->at & 1) && climb->at != 0)
        up(climb);
}

enum crypto_result merkle_root_of_inclusion(const struct crypto_provider *crypto, uint64_t index,
                                            uint64_t size, const struct merkle_hash *leaf,
                                            const struct merkle_hash *proof, size_t proof_count,
                                            struct merkle_hash *root)
{
    struct climb climb = {index, size - 1};
    enum crypto_result result = index < size ? CRYPTO_OK : CRYPTO_MISMATCH;
    *root = *leaf;
    for (size_t i = 0; result == CRYPTO_OK && i < proof_count; i++) {
        if (climb.last == 0)
            return CRYPTO_MISMATCH;
        bool left = joins_from_left(&climb);
        result = merkle_node(crypto, left ? &proof[i] : root, left ? root : &proof[i], root);
        if (left)
            up_lonely(&climb);
        up(&climb);
    }
    return result == CRYPTO_OK && climb.last != 0 ? CRYPTO_MISMATCH : result;
}

/* Both roots along one path, for 0 < old_size < new_size. */
static enum crypto_result check_growth(const struct crypto_provider *crypto, uint64_t old_size,
                                       const struct merkle_hash *old_root, uint64_t new_size,
                                       const struct merkle_hash *new_root,
                                       const struct merkle_hash *proof, size_t proof_count)
{
    struct climb climb = {old_size - 1, new_size - 1};
    size_t i = 0;
    /* A whole tree of 2^k is itself the first node; the proof leaves it out. */
    bool whole = (old_size & (old_size - 1)) == 0;
    if (!whole && proof_count == 0)
        return CRYPTO_MISMATCH;
    struct merkle_hash old_hash = whole ? *old_root : proof[i++], new_hash = old_hash;
    while (climb.at & 1)
        up(&climb);
    for (; i < proof_count; i++) {
        enum crypto_result result;
        if (climb.last == 0)
            return CRYPTO_MISMATCH;
        if (joins_from_left(&climb)) {
            result = merkle_node(crypto, &proof[i], &old_hash, &old_hash);
            if (result == CRYPTO_OK)
                result = merkle_node(crypto, &proof[i], &new_hash, &new_hash);
            up_lonely(&climb);
        } else {
            result = merkle_node(crypto, &new_hash, &proof[i], &new_hash);
        }
        if (result != CRYPTO_OK)
            return result;
        up(&climb);
    }
    return climb.last == 0 && merkle_equal(&old_hash, old_root) && merkle_equal(&new_hash, new_root)
               ? CRYPTO_OK
               : CRYPTO_MISMATCH;
}

enum crypto_result merkle_check_consistency(const struct crypto_provider *crypto, uint64_t old_size,
                                            const struct merkle_hash *old_root, uint64_t new_size,
                                            const struct merkle_hash *new_root,
                                            const struct merkle_hash *proof, size_t proof_count)
{
    if (old_size != 0 && old_size < new_size)
        return check_growth(crypto, old_size, old_root, new_size, new_root, proof, proof_count);
    bool ok = proof_count == 0 && old_size <= new_size;
    if (old_size == new_size)
        ok = ok && merkle_equal(old_root, new_root);
    return ok ? CRYPTO_OK : CRYPTO_MISMATCH;
}
