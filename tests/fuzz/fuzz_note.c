/* Any octets, as a note and as a verifier's key. A checkpoint that is read has, written again, the
 * same first lines, and a key the same octets: neither has a second form. */
#include "base/check.h"
#include "evidence/note.h"
#include "evidence/note_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_checkpoint(struct bytes note)
{
    uint8_t storage[NOTE_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    struct checkpoint checkpoint;
    struct bytes text;
    if (!checkpoint_read(note, &checkpoint, &text))
        return;
    buf_put(&out, checkpoint.origin);
    buf_put_u8(&out, '\n');
    note_number_write(checkpoint.size, &out);
    buf_put_u8(&out, '\n');
    note_base64_write(bytes_of(checkpoint.root.octets, MERKLE_HASH_BYTES), &out);
    buf_put_u8(&out, '\n');
    CHECK(buf_ok(&out) && bytes_start_with(text, buf_bytes(&out)));
    CHECK(text.len < note.len && text.data == note.data && text.data[text.len - 1] == '\n');
}

static void fuzz_key(struct bytes text)
{
    uint8_t storage[NOTE_VKEY_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    struct note_verifier verifier;
    if (!note_verifier_read(text, &verifier))
        return;
    note_verifier_write(&verifier, &out);
    CHECK(buf_ok(&out) && bytes_equal(buf_bytes(&out), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {
        "example.com/vector-log+4516a1da+ARGkVJ4QEa2MOOLGBO6i7NVSJ1FQ97tIX+w+Ku0RZ6Em",
        "witness.example.com/vector+416f103d+BK/QmJFVP3SKJOqAMhFxBQPtylo3sjwWibyFDAlZKK8B"};
    const struct bytes input = bytes_of(data, size);
    fuzz_checkpoint(input);
    fuzz_key(input);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct note_verifier verifier;
        uint64_t cosigned_at;
        CHECK(note_verifier_read(bytes_str(keys[i]), &verifier));
        CHECK(note_check(input, &verifier, &cosigned_at) != CRYPTO_FAILED);
    }
    return 0;
}
