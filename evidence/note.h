/* Signed notes and what stands in them: C2SP signed-note, tlog-checkpoint, tlog-cosignature (v1),
 * Ed25519 (RFC 8032) alone. Texts and keys here are those of the specifications, octet for octet.
 * Pure but for note_key_read and note_key_create; any thread. */
#ifndef EVIDENCE_NOTE_H
#define EVIDENCE_NOTE_H

#include "evidence/merkle.h"

#define NOTE_BYTES_MAX      16384 /* of a note with all its signatures */
#define NOTE_NAME_BYTES_MAX 128   /* of a key: an origin, a witness's name */
#define NOTE_SIGNATURES_MAX 16    /* more are not read */
#define NOTE_ID_BYTES       4
#define NOTE_VKEY_BYTES_MAX (NOTE_NAME_BYTES_MAX + 64)

enum note_type {
    NOTE_ED25519 = 0x01,     /* a log's own signature over the text */
    NOTE_COSIGNATURE = 0x04, /* a witness's: "cosignature/v1", time, text */
};

/* "name+id+base64(type || public key)", as `jwb evidence key` prints it. */
struct note_verifier {
    char name[NOTE_NAME_BYTES_MAX + 1];
    enum note_type type;
    uint8_t id[NOTE_ID_BYTES]; /* the first octets of SHA-256(name || 0x0A || type || public key) */
    uint8_t public_key[CRYPTO_ED25519_PUBLIC_BYTES];
};
/* False: not of this form, of another type, or with an id that is not its own. */
bool note_verifier_read(struct bytes text, struct note_verifier *verifier);
void note_verifier_write(const struct note_verifier *verifier, struct buf *out);

/* A private key: of a log or of a witness. In a file of its own, mode 0600, one line:
 * "PRIVATE+KEY+name+id+base64(type || seed)". */
struct note_signer {
    struct note_verifier verifier;
    uint8_t seed[CRYPTO_ED25519_SEED_BYTES];
};
/* The signer of this seed. CRYPTO_BAD_KEY: a name that is none (not empty, UTF-8, no controls, no
 * Unicode space, no '+'). */
enum crypto_result note_signer_init(struct note_signer *signer, const char *name,
                                    enum note_type type,
                                    const uint8_t seed[CRYPTO_ED25519_SEED_BYTES]);
/* False with a sentence that names the file. A file that others can read is refused. */
bool note_key_read(const char *path, struct note_signer *signer, struct buf *why);
/* A new one, into a file that is not there yet; name: printable ASCII without space and '+'. */
bool note_key_create(const char *path, const char *name, enum note_type type,
                     struct note_signer *signer, struct buf *why);

/* ---- checkpoints ---- */
struct checkpoint {
    struct bytes origin; /* a view into what was read; of what is written, the signer's name */
    uint64_t size;
    struct merkle_hash root;
};
/* Appends the text "origin\nsize\nroot\n" and its signature: a whole note. */
enum crypto_result checkpoint_sign(const struct checkpoint *checkpoint,
                                   const struct note_signer *signer, struct buf *out);
/* Reads a note whose text is a checkpoint. False: it is not one. Nothing is checked. `text` is what
 * was signed, with its last newline; extension lines are part of it and not told. */
bool checkpoint_read(struct bytes note, struct checkpoint *checkpoint, struct bytes *text);
/* CRYPTO_OK: the note has a good signature by this key, and no bad one under its name and id. A
 * log's key signs only checkpoints of the origin that is its name, and what is no checkpoint.
 * *cosigned_at (may be NULL): the newest time of its cosignatures, Unix seconds; else 0.
 * CRYPTO_MISMATCH: it has none, or a bad one. Lines under other keys are passed over. */
enum crypto_result note_check(struct bytes note, const struct note_verifier *verifier,
                              uint64_t *cosigned_at);

/* A witness's line for a note's text, with its newline. */
enum crypto_result note_cosign(struct bytes text, const struct note_signer *signer, uint64_t unix_s,
                               struct buf *out);

/* ---- proofs that stand on their own: C2SP tlog-proof ---- */
struct tlog_proof {
    uint64_t index;
    struct merkle_hash hashes[MERKLE_PROOF_MAX];
    size_t hash_count;
    struct bytes note;   /* the checkpoint with its signatures */
    uint8_t entry[1024]; /* the `extra` line: the entry itself */
    size_t entry_bytes;  /* 0: the proof has no such line */
};
#define TLOG_PROOF_BYTES_MAX (NOTE_BYTES_MAX + 1536 + MERKLE_PROOF_MAX * 45)
void tlog_proof_write(const struct tlog_proof *proof, struct buf *out);
bool tlog_proof_read(struct bytes text, struct tlog_proof *proof); /* note: a view into text */
/* Is the entry in the tree of its checkpoint? CRYPTO_MISMATCH: no, or there is no entry or no
 * checkpoint in it. The note's signatures are note_check's matter. */
enum crypto_result tlog_proof_check(const struct crypto_provider *crypto,
                                    const struct tlog_proof *proof);

#endif
