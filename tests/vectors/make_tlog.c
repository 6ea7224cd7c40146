/* Our side of tests/independent/evidence_test.mjs, which builds and runs it:
 *
 *   make_tlog make FOLDER SIZE          a log of SIZE entries "entry N", each with N % 50 dots;
 * FOLDER.key is its key; prints the verifier's key make_tlog cosign KEYFILE NAME TIME  a note from
 * stdin with a witness's line behind it; makes the key; prints the witness's verifier key, then the
 * note make_tlog proof FOLDER INDEX        a tlog-proof of an entry make_tlog consistency FOLDER
 * OLD    "old OLD", hashes, and the checkpoint: what a witness is sent make_tlog remove FOLDER
 * BUNDLE      removes all entries of a full bundle make_tlog check VKEY                a note from
 * stdin: prints "ok TIME" or "mismatch" make_tlog check-proof               a tlog-proof from
 * stdin: prints "ok" or "mismatch" */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "evidence/note_text.h"
#include "evidence/tlog.h"

#define COMMIT_ENTRIES 997 /* a prime: many partial tiles come and go */

static uint8_t out_storage[4 * NOTE_BYTES_MAX], in_storage[4 * NOTE_BYTES_MAX], why_storage[1024];
static struct buf out, why;

static int print(int status)
{
    CHECK(buf_ok(&out));
    fwrite(out.data, 1, out.len, stdout);
    fprintf(stderr, "%s", buf_cstr(&why));
    return status;
}

static struct bytes read_input(void)
{
    size_t len = fread(in_storage, 1, sizeof in_storage, stdin);
    CHECK(len < sizeof in_storage);
    return bytes_of(in_storage, len);
}

static void grow(struct tlog *log, uint64_t size)
{
    for (uint64_t n = 0; n < size; n++) {
        char text[128];
        int len = snprintf(text, sizeof text, "entry %" PRIu64 "%.*s", n, (int)(n % 50),
                           "..................................................");
        const struct bytes entry = bytes_of(text, (size_t)len);
        CHECK(tlog_append(log, "numbers", n, n + 1, &entry, 1) == TLOG_OK);
        if (n % COMMIT_ENTRIES == 0 || n + 1 == size)
            CHECK(tlog_commit(log) == TLOG_OK);
    }
}

static int make(const char *folder, const char *size)
{
    char path[1024];
    struct note_signer signer;
    struct tlog *log;
    snprintf(path, sizeof path, "%s.key", folder);
    if (!note_key_create(path, "city.example/evidence", NOTE_ED25519, &signer, &why) ||
        tlog_open(folder, &signer, &log, &why) != TLOG_OK)
        return print(1);
    grow(log, strtoull(size, NULL, 10));
    tlog_close(&log);
    note_verifier_write(&signer.verifier, &out);
    return print(0);
}

static int cosign(const char *path, const char *name, const char *unix_s)
{
    struct note_signer signer;
    struct checkpoint checkpoint;
    struct bytes text, note = read_input();
    if (!note_key_create(path, name, NOTE_COSIGNATURE, &signer, &why) ||
        !checkpoint_read(note, &checkpoint, &text))
        return print(1);
    note_verifier_write(&signer.verifier, &out);
    buf_put_u8(&out, '\n');
    buf_put(&out, note);
    CHECK(note_cosign(text, &signer, strtoull(unix_s, NULL, 10), &out) == CRYPTO_OK);
    return print(0);
}

/* The newest checkpoint. */
static struct tlog_reader *reader_of(const char *folder, struct buf *note,
                                     struct checkpoint *checkpoint)
{
    struct tlog_reader *reader;
    struct bytes text;
    CHECK(tlog_reader_open(folder, &reader) == TLOG_OK);
    CHECK(tlog_read_checkpoint(reader, false, note) == TLOG_OK);
    CHECK(checkpoint_read(buf_bytes(note), checkpoint, &text));
    return reader;
}

static int prove(const char *folder, const char *index)
{
    static struct tlog_proof proof;
    uint8_t note_storage[NOTE_BYTES_MAX];
    struct buf note = BUF_OVER(note_storage), entry = BUF_OVER(proof.entry);
    struct checkpoint checkpoint;
    struct tlog_reader *reader = reader_of(folder, &note, &checkpoint);
    proof.index = strtoull(index, NULL, 10);
    CHECK(tlog_read_entry(reader, proof.index, checkpoint.size, &entry) == TLOG_OK);
    CHECK(tlog_prove_inclusion(reader, proof.index, checkpoint.size, proof.hashes,
                               &proof.hash_count) == TLOG_OK);
    proof.entry_bytes = entry.len;
    proof.note = buf_bytes(&note);
    tlog_proof_write(&proof, &out);
    tlog_reader_close(&reader);
    return print(0);
}

static int prove_consistency(const char *folder, const char *old)
{
    uint8_t note_storage[NOTE_BYTES_MAX];
    struct buf note = BUF_OVER(note_storage);
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    struct checkpoint checkpoint;
    size_t count;
    struct tlog_reader *reader = reader_of(folder, &note, &checkpoint);
    CHECK(tlog_prove_consistency(reader, strtoull(old, NULL, 10), checkpoint.size, proof, &count) ==
          TLOG_OK);
    buf_printf(&out, "old %s\n", old);
    for (size_t i = 0; i < count; i++) {
        note_base64_write(bytes_of(proof[i].octets, MERKLE_HASH_BYTES), &out);
        buf_put_u8(&out, '\n');
    }
    buf_put_u8(&out, '\n');
    buf_put(&out, buf_bytes(&note));
    tlog_reader_close(&reader);
    return print(0);
}

static int remove_bundle(const char *folder, const char *bundle)
{
    bool due[TLOG_BUNDLE_ENTRIES];
    memset(due, true, sizeof due);
    return print(tlog_remove(folder, strtoull(bundle, NULL, 10), due, &why) != TLOG_OK);
}

static int check(const char *key)
{
    struct note_verifier verifier;
    uint64_t cosigned_at;
    CHECK(note_verifier_read(bytes_str(key), &verifier));
    if (note_check(read_input(), &verifier, &cosigned_at) == CRYPTO_OK)
        buf_printf(&out, "ok %" PRIu64, cosigned_at);
    else
        buf_put_str(&out, "mismatch");
    return print(0);
}

static int check_proof(void)
{
    static struct tlog_proof proof;
    bool ok = tlog_proof_read(read_input(), &proof) &&
              tlog_proof_check(&crypto_openssl, &proof) == CRYPTO_OK;
    buf_put_str(&out, ok ? "ok" : "mismatch");
    return print(0);
}

int main(int argc, char **argv)
{
    const char *const command = argc > 1 ? argv[1] : "";
    out = BUF_OVER(out_storage);
    why = BUF_OVER(why_storage);
    if (argc == 4 && strcmp(command, "make") == 0)
        return make(argv[2], argv[3]);
    if (argc == 5 && strcmp(command, "cosign") == 0)
        return cosign(argv[2], argv[3], argv[4]);
    if (argc == 4 && strcmp(command, "proof") == 0)
        return prove(argv[2], argv[3]);
    if (argc == 4 && strcmp(command, "consistency") == 0)
        return prove_consistency(argv[2], argv[3]);
    if (argc == 4 && strcmp(command, "remove") == 0)
        return remove_bundle(argv[2], argv[3]);
    if (argc == 3 && strcmp(command, "check") == 0)
        return check(argv[2]);
    if (argc == 2 && strcmp(command, "check-proof") == 0)
        return check_proof();
    fprintf(stderr, "usage: as the head of tests/vectors/make_tlog.c says\n");
    return 2;
}
