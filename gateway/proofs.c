#include "gateway/proofs.h"

#include "base/check.h"
#include "evidence/entry.h"
#include "evidence/sequencer.h"

#define HASH_LINE_BYTES   48            /* of a proof: base64 and an escaped newline */
#define HEAD_BYTES        512           /* of a proof, and of the object it stands in */
#define ESCAPED(bytes)    (2 * (bytes)) /* a note's newlines are */
#define ENTRY_TEXT(bytes) ((bytes) / 3 * 4 + 8)

/* ---- finding ---- */

struct search {
    struct tlog_reader *reader;
    uint64_t size; /* of the checkpoint's tree */
    struct bytes note;
};

/* Looks through a run for these octets. *removed: some of its entries are there by hash alone. */
static enum tlog_error look_through(const struct search *s, const struct tlog_run *run,
                                    struct bytes entry, uint64_t *index, bool *found, bool *removed)
{
    struct bytes entries[TLOG_BUNDLE_ENTRIES];
    uint64_t at = run->index, end = run->index + run->count;
    *found = *removed = false;
    while (at < end && at < s->size && !*found) {
        const uint64_t bundle = at / TLOG_BUNDLE_ENTRIES;
        size_t count;
        enum tlog_error error = tlog_read_bundle(s->reader, bundle, s->size, entries, &count);
        if (error)
            return error;
        for (size_t i = at % TLOG_BUNDLE_ENTRIES; i < count && at < end && !*found; i++, at++) {
            *index = at;
            *found = bytes_equal(entries[i], entry);
            *removed |= entries[i].len == 0;
        }
        if (count < TLOG_BUNDLE_ENTRIES)
            break;
    }
    return TLOG_OK;
}

static enum tlog_error prove(const struct search *s, struct proof_wanted *wanted)
{
    struct tlog_proof *proof = &wanted->proof;
    proof->note = s->note;
    if (merkle_leaf(&crypto_openssl, bytes_of(proof->entry, proof->entry_bytes), &wanted->leaf) !=
        CRYPTO_OK)
        return TLOG_ERR_CRYPTO;
    wanted->state = PROOF_FOUND;
    return tlog_prove_inclusion(s->reader, proof->index, s->size, proof->hashes,
                                &proof->hash_count);
}

static enum tlog_error find_one(const struct search *s, struct proof_wanted *wanted)
{
    const struct journal_record *record = wanted->record;
    struct tlog_proof *proof = &wanted->proof;
    struct buf entry = BUF_OVER(proof->entry);
    struct tlog_run run;
    bool found, removed;
    const bool is_event = record->number > 0;
    wanted->state = PROOF_NOT_YET;
    enum tlog_error error =
        tlog_find_run(s->reader, is_event ? SEQUENCER_REGISTRY : wanted->where.source,
                      is_event ? record->number : wanted->where.position, &run);
    if (error || run.index + run.count > s->size)
        return error == TLOG_ERR_MISSING ? TLOG_OK : error;
    entry_write(record, &entry);
    CHECK(buf_ok(&entry));
    proof->entry_bytes = entry.len;
    error = look_through(s, &run, buf_bytes(&entry), &proof->index, &found, &removed);
    if (error)
        return error;
    if (found)
        return prove(s, wanted);
    if (!removed)
        wanted->state = PROOF_OTHER;
    return TLOG_OK;
}

enum tlog_error proofs_find(const char *log_folder, struct proof_wanted *wanted, size_t count,
                            struct buf *note)
{
    struct search s;
    struct checkpoint checkpoint;
    struct bytes text;
    for (size_t i = 0; i < count; i++)
        wanted[i].state = PROOF_NOT_YET;
    enum tlog_error error = tlog_reader_open(log_folder, &s.reader);
    if (error)
        return error == TLOG_ERR_MISSING ? TLOG_OK : error;
    error = tlog_read_checkpoint(s.reader, false, note);
    if (!error && !(buf_ok(note) && checkpoint_read(buf_bytes(note), &checkpoint, &text)))
        error = TLOG_ERR_DAMAGED;
    for (size_t i = 0; i < count && !error; i++) {
        s.size = checkpoint.size;
        s.note = buf_bytes(note);
        error = find_one(&s, &wanted[i]);
    }
    tlog_reader_close(&s.reader);
    return error == TLOG_ERR_MISSING ? TLOG_OK : error;
}

/* ---- telling ---- */

size_t proofs_bytes(const struct proof_wanted *wanted)
{
    const struct tlog_proof *proof = &wanted->proof;
    return wanted->state == PROOF_FOUND
               ? HEAD_BYTES + HASH_LINE_BYTES * proof->hash_count + ESCAPED(proof->note.len) +
                     ENTRY_TEXT(proof->entry_bytes)
               : HEAD_BYTES;
}

void proofs_put(struct buf *out, const struct proof_wanted *wanted, bool whole)
{
    uint8_t storage[TLOG_PROOF_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    struct tlog_proof proof;
    if (wanted->state != PROOF_FOUND) {
        buf_put_str(out, "null");
        return;
    }
    proof = wanted->proof;
    if (!whole)
        proof.entry_bytes = 0;
    tlog_proof_write(&proof, &text);
    CHECK(buf_ok(&text));
    buf_put_str(out, "{\"index\":");
    buf_put_decimal(out, (int64_t)proof.index);
    buf_put_str(out, ",\"leaf\":\"");
    buf_put_hex(out, bytes_of(wanted->leaf.octets, MERKLE_HASH_BYTES));
    buf_put_str(out, "\",\"proof\":");
    buf_put_json(out, buf_bytes(&text));
    buf_put_u8(out, '}');
}
