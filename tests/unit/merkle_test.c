/* Hashes and proofs of RFC 6962 and 9162, against a tree that is computed as the RFC defines it. */
#include "evidence/merkle.h"

#include "base/check.h"
#include "tests/support.h"

#define LEAVES 40

/* The eight leaves and the roots of the first one to eight of them that the Certificate
 * Transparency implementations test with (github.com/google/certificate-transparency,
 * cpp/merkletree/merkle_tree_test.cc, and those that came after it). */
static const char *const CT_LEAVES[] = {"",
                                        "00",
                                        "10",
                                        "2021",
                                        "3031",
                                        "40414243",
                                        "5051525354555657",
                                        "606162636465666768696a6b6c6d6e6f"};
static const char *const CT_ROOTS[] = {
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

static const struct crypto_provider *const crypto = &crypto_openssl;
static struct merkle_hash leaves[LEAVES];

static struct merkle_hash hash_of(const char *hex)
{
    struct merkle_hash hash;
    struct buf out = BUF_OVER(hash.octets);
    CHECK(buf_put_from_hex(&out, bytes_str(hex)) && out.len == sizeof hash.octets);
    return hash;
}

static void make_leaves(void)
{
    for (size_t i = 0; i < LEAVES; i++) {
        uint8_t storage[16] = {(uint8_t)i, 0xAA};
        struct buf entry = BUF_OVER(storage);
        if (i < 8)
            CHECK(buf_put_from_hex(&entry, bytes_str(CT_LEAVES[i])));
        else
            entry.len = 2;
        CHECK(merkle_leaf(crypto, buf_bytes(&entry), &leaves[i]) == CRYPTO_OK);
    }
}

static size_t split(size_t n)
{
    size_t k = 1;
    while (k * 2 < n)
        k *= 2;
    return k;
}

/* MTH, PATH and SUBPROOF, word for word. */
static struct merkle_hash root_of(const struct merkle_hash *from, size_t n)
{
    if (n == 0)
        return merkle_empty;
    if (n == 1)
        return *from;
    struct merkle_hash left = root_of(from, split(n));
    struct merkle_hash right = root_of(from + split(n), n - split(n));
    CHECK(merkle_node(crypto, &left, &right, &left) == CRYPTO_OK);
    return left;
}

static size_t path_of(size_t m, const struct merkle_hash *from, size_t n, struct merkle_hash *proof)
{
    if (n == 1)
        return 0;
    size_t k = split(n), count;
    if (m < k) {
        count = path_of(m, from, k, proof);
        proof[count] = root_of(from + k, n - k);
    } else {
        count = path_of(m - k, from + k, n - k, proof);
        proof[count] = root_of(from, k);
    }
    return count + 1;
}

static size_t subproof_of(size_t m, const struct merkle_hash *from, size_t n, bool whole,
                          struct merkle_hash *proof)
{
    if (m == n && whole)
        return 0;
    if (m == n) {
        *proof = root_of(from, n);
        return 1;
    }
    size_t k = split(n), count;
    if (m <= k) {
        count = subproof_of(m, from, k, whole, proof);
        proof[count] = root_of(from + k, n - k);
    } else {
        count = subproof_of(m - k, from + k, n - k, false, proof);
        proof[count] = root_of(from, k);
    }
    return count + 1;
}

/* Broken: our trees would be nobody else's. */
static void roots_are_those_of_other_implementations(void **state)
{
    (void)state;
    const struct bytes nothing = {NULL, 0};
    struct merkle_hash empty;
    assert_int_equal(crypto->sha256(&nothing, 1, empty.octets), CRYPTO_OK);
    assert_true(merkle_equal(&empty, &merkle_empty));
    for (size_t n = 1; n <= 8; n++) {
        struct merkle_hash root = root_of(leaves, n), expected = hash_of(CT_ROOTS[n - 1]);
        assert_true(merkle_equal(&root, &expected));
    }
}

static bool included(uint64_t index, uint64_t size, const struct merkle_hash *leaf,
                     const struct merkle_hash *proof, size_t count)
{
    struct merkle_hash found, root = root_of(leaves, (size_t)size);
    enum crypto_result result =
        merkle_root_of_inclusion(crypto, index, size, leaf, proof, count, &found);
    assert_true(result == CRYPTO_OK || result == CRYPTO_MISMATCH);
    return result == CRYPTO_OK && merkle_equal(&found, &root);
}

/* Broken: what is in the log could not be proven, or what is not could be. */
static void inclusion_is_found_at_its_own_place_alone(void **state)
{
    (void)state;
    for (size_t size = 1; size <= LEAVES; size++)
        for (size_t index = 0; index < size; index++) {
            struct merkle_hash proof[MERKLE_PROOF_MAX + 1];
            size_t count = path_of(index, leaves, size, proof);
            assert_true(included(index, size, &leaves[index], proof, count));
            for (size_t other = 0; other <= size; other++)
                if (other != index)
                    assert_false(included(other, size, &leaves[index], proof, count));
            assert_false(included(UINT64_MAX, size, &leaves[index], proof, count));
            if (count)
                assert_false(included(index, size, &leaves[index], proof, count - 1));
            proof[count] = leaves[0];
            assert_false(included(index, size, &leaves[index], proof, count + 1));
            for (size_t i = 0; i < count; i++) {
                proof[i].octets[i] ^= 1;
                assert_false(included(index, size, &leaves[index], proof, count));
                proof[i].octets[i] ^= 1;
            }
        }
}

/* Broken: a proof of another tree's size would make us shift for ever, or read behind it. */
static void sizes_at_the_edges_are_answered(void **state)
{
    (void)state;
    struct merkle_hash proof[MERKLE_PROOF_MAX] = {0}, root;
    assert_int_equal(merkle_root_of_inclusion(crypto, 0, 0, leaves, proof, 0, &root),
                     CRYPTO_MISMATCH);
    assert_int_equal(
        merkle_root_of_inclusion(crypto, UINT64_MAX - 1, UINT64_MAX, leaves, proof, 63, &root),
        CRYPTO_OK);
    assert_int_equal(
        merkle_root_of_inclusion(crypto, UINT64_MAX - 1, UINT64_MAX, leaves, proof, 64, &root),
        CRYPTO_MISMATCH);
    assert_int_equal(
        merkle_check_consistency(crypto, UINT64_MAX - 1, leaves, UINT64_MAX, leaves, proof, 64),
        CRYPTO_MISMATCH);
}

static enum crypto_result consistent(size_t old_size, const struct merkle_hash *old_root,
                                     size_t size, const struct merkle_hash *proof, size_t count)
{
    struct merkle_hash root = root_of(leaves, size);
    return merkle_check_consistency(crypto, old_size, old_root, size, &root, proof, count);
}

/* Broken: a log that was rewritten would pass for one that grew, or an honest one would not. */
static void growth_is_told_from_rewriting(void **state)
{
    (void)state;
    const struct merkle_hash three = root_of(leaves, 3);
    assert_int_equal(consistent(3, &three, 7, NULL, 0), CRYPTO_MISMATCH);
    for (size_t size = 1; size <= LEAVES; size++)
        for (size_t old_size = 1; old_size <= size; old_size++) {
            struct merkle_hash proof[MERKLE_PROOF_MAX + 1], old_root = root_of(leaves, old_size);
            size_t count = subproof_of(old_size, leaves, size, true, proof);
            assert_int_equal(consistent(old_size, &old_root, size, proof, count), CRYPTO_OK);
            old_root.octets[7] ^= 1;
            assert_int_equal(consistent(old_size, &old_root, size, proof, count), CRYPTO_MISMATCH);
            old_root.octets[7] ^= 1;
            if (count)
                assert_int_equal(consistent(old_size, &old_root, size, proof, count - 1),
                                 CRYPTO_MISMATCH);
            proof[count] = leaves[0];
            assert_int_equal(consistent(old_size, &old_root, size, proof, count + 1),
                             CRYPTO_MISMATCH);
            for (size_t i = 0; i < count; i++) {
                proof[i].octets[i] ^= 1;
                assert_int_equal(consistent(old_size, &old_root, size, proof, count),
                                 CRYPTO_MISMATCH);
                proof[i].octets[i] ^= 1;
            }
            if (old_size > 1)
                assert_int_equal(consistent(old_size - 1, &old_root, size, proof, count),
                                 CRYPTO_MISMATCH);
            if (old_size < size)
                assert_int_equal(consistent(size, &old_root, old_size, proof, count),
                                 CRYPTO_MISMATCH);
        }
}

/* Broken: a witness could not begin with a log, or would take a proof that proves nothing. */
static void from_nothing_everything_grows(void **state)
{
    (void)state;
    assert_int_equal(consistent(0, &merkle_empty, 5, NULL, 0), CRYPTO_OK);
    assert_int_equal(consistent(0, &merkle_empty, 5, leaves, 1), CRYPTO_MISMATCH);
    assert_int_equal(consistent(0, &merkle_empty, 0, NULL, 0), CRYPTO_OK);
    assert_int_equal(consistent(0, &leaves[0], 0, NULL, 0), CRYPTO_MISMATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_those_of_other_implementations),
        cmocka_unit_test(inclusion_is_found_at_its_own_place_alone),
        cmocka_unit_test(sizes_at_the_edges_are_answered),
        cmocka_unit_test(growth_is_told_from_rewriting),
        cmocka_unit_test(from_nothing_everything_grows),
    };
    make_leaves();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
