/* Merkle trees as RFC 6962 section 2.1 hashes them (RFC 9162 has the same), and proofs checked
 * against roots. Pure; any thread. */
#ifndef EVIDENCE_MERKLE_H
#define EVIDENCE_MERKLE_H

#include "base/bytes.h"
#include "crypto/crypto.h"

#define MERKLE_HASH_BYTES CRYPTO_HASH_BYTES
#define MERKLE_PROOF_MAX  64 /* hashes: trees of up to 2^64 leaves */

struct merkle_hash {
    uint8_t octets[MERKLE_HASH_BYTES];
};

bool merkle_equal(const struct merkle_hash *a, const struct merkle_hash *b);
/* SHA-256(0x00 || entry). These return CRYPTO_OK, or CRYPTO_FAILED: ours. */
enum crypto_result merkle_leaf(const struct crypto_provider *crypto, struct bytes entry,
                               struct merkle_hash *leaf);
/* SHA-256(0x01 || left || right); node may be one of them. */
enum crypto_result merkle_node(const struct crypto_provider *crypto, const struct merkle_hash *left,
                               const struct merkle_hash *right, struct merkle_hash *node);
/* SHA-256 of nothing. */
extern const struct merkle_hash merkle_empty;

/* The root that an inclusion proof leads to (RFC 9162 section 2.1.3.2). CRYPTO_MISMATCH: the proof
 * has another length than such a one has, or index >= size. */
enum crypto_result merkle_root_of_inclusion(const struct crypto_provider *crypto, uint64_t index,
                                            uint64_t size, const struct merkle_hash *leaf,
                                            const struct merkle_hash *proof, size_t proof_count,
                                            struct merkle_hash *root);
/* Does the tree of new_size begin with the tree of old_size (RFC 9162 section 2.1.4.2)? CRYPTO_OK
 * or CRYPTO_MISMATCH. From the empty tree everything grows, whatever its root is said to be; the
 * proof is empty then, and when both sizes are the same. */
enum crypto_result merkle_check_consistency(const struct crypto_provider *crypto, uint64_t old_size,
                                            const struct merkle_hash *old_root, uint64_t new_size,
                                            const struct merkle_hash *new_root,
                                            const struct merkle_hash *proof, size_t proof_count);

#endif
