/* Any octets, as a proof. One that is read has, written again, the same octets: no proof has a
 * second form. */
#include "base/check.h"
#include "evidence/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t storage[TLOG_PROOF_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    struct tlog_proof proof;
    if (!tlog_proof_read(bytes_of(data, size), &proof))
        return 0;
    tlog_proof_write(&proof, &out);
    CHECK(buf_ok(&out) && bytes_equal(buf_bytes(&out), bytes_of(data, size)));
    CHECK(tlog_proof_check(&crypto_openssl, &proof) != CRYPTO_FAILED);
    return 0;
}
