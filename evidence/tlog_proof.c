#include "evidence/note.h"
#include "evidence/note_text.h"

#define FIRST_LINE BYTES("c2sp.org/tlog-proof@v1")

void tlog_proof_write(const struct tlog_proof *proof, struct buf *out)
{
    buf_put(out, FIRST_LINE);
    if (proof->entry_bytes) {
        buf_put_str(out, "\nextra ");
        note_base64_write(bytes_of(proof->entry, proof->entry_bytes), out);
    }
    buf_put_str(out, "\nindex ");
    note_number_write(proof->index, out);
    buf_put_u8(out, '\n');
    for (size_t i = 0; i < proof->hash_count; i++) {
        note_base64_write(bytes_of(proof->hashes[i].octets, MERKLE_HASH_BYTES), out);
        buf_put_u8(out, '\n');
    }
    buf_put_u8(out, '\n');
    buf_put(out, proof->note);
}

/* The rest behind `head`, in *rest. */
static bool behind(struct bytes line, struct bytes head, struct bytes *rest)
{
    if (!bytes_start_with(line, head))
        return false;
    *rest = bytes_from(line, head.len);
    return true;
}

bool tlog_proof_read(struct bytes text, struct tlog_proof *proof)
{
    struct bytes line, value;
    struct buf entry = BUF_OVER(proof->entry);
    proof->hash_count = 0;
    if (text.len > TLOG_PROOF_BYTES_MAX || !note_line_next(&text, &line) ||
        !bytes_equal(line, FIRST_LINE) || !note_line_next(&text, &line))
        return false;
    if (behind(line, BYTES("extra "), &value) &&
        (!note_base64_read(value, &entry) || entry.len == 0 || !note_line_next(&text, &line)))
        return false;
    proof->entry_bytes = entry.len;
    if (!behind(line, BYTES("index "), &value) || !note_number_read(value, &proof->index))
        return false;
    for (;;) {
        if (!note_line_next(&text, &line))
            return false;
        if (line.len == 0)
            break;
        if (proof->hash_count == MERKLE_PROOF_MAX ||
            !note_hash_read(line, &proof->hashes[proof->hash_count++]))
            return false;
    }
    proof->note = text;
    return text.len > 0;
}

enum crypto_result tlog_proof_check(const struct crypto_provider *crypto,
                                    const struct tlog_proof *proof)
{
    struct checkpoint checkpoint;
    struct bytes text;
    struct merkle_hash leaf, root;
    if (proof->entry_bytes == 0 || !checkpoint_read(proof->note, &checkpoint, &text))
        return CRYPTO_MISMATCH;
    enum crypto_result result =
        merkle_leaf(crypto, bytes_of(proof->entry, proof->entry_bytes), &leaf);
    if (result == CRYPTO_OK)
        result = merkle_root_of_inclusion(crypto, proof->index, checkpoint.size, &leaf,
                                          proof->hashes, proof->hash_count, &root);
    return result == CRYPTO_OK && !merkle_equal(&root, &checkpoint.root) ? CRYPTO_MISMATCH : result;
}
