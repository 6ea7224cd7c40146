#include "evidence/note.h"

#include "base/utf8.h"
#include "evidence/note_text.h"

#define DASH                  BYTES("\xE2\x80\x94 ") /* U+2014 and a space */
#define COSIGNATURE_BYTES     (8 + CRYPTO_ED25519_SIGNATURE_BYTES)
#define SIGNATURE_BYTES_MAX   (NOTE_BYTES_MAX / 4 * 3)
#define COSIGNED_TIME_MAX     INT64_MAX
#define COSIGNED_HEADER_BYTES 64 /* "cosignature/v1\ntime N\n" */

/* ---- keys ----------------------------------------------------------------------------------- */

/* Unicode's White_Space. */
static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= 0x09 && c <= 0x0D) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

static bool is_key_name(struct bytes name)
{
    uint32_t c;
    bool ok = name.len > 0;
    for (size_t n; ok && name.len; name = bytes_from(name, n)) {
        n = utf8_next(name, &c);
        ok = n && c >= 0x20 && c != '+' && !is_space(c);
    }
    return ok;
}

/* Sets the key's id, by signed-note's recommendation and tlog-cosignature's rule. */
static enum crypto_result identify(struct note_verifier *v)
{
    const uint8_t type = (uint8_t)v->type;
    uint8_t hash[CRYPTO_HASH_BYTES];
    const struct bytes parts[] = {bytes_str(v->name), BYTES("\n"), bytes_of(&type, 1),
                                  bytes_of(v->public_key, sizeof v->public_key)};
    enum crypto_result result = crypto_openssl.sha256(parts, 4, hash);
    if (result == CRYPTO_OK)
        memcpy(v->id, hash, sizeof v->id);
    return result;
}

static bool name_take(struct bytes name, struct note_verifier *v)
{
    if (name.len > NOTE_NAME_BYTES_MAX || !is_key_name(name))
        return false;
    memcpy(v->name, name.data, name.len);
    v->name[name.len] = 0;
    return true;
}

bool note_verifier_read(struct bytes text, struct note_verifier *verifier)
{
    uint8_t id[NOTE_ID_BYTES], storage[1 + CRYPTO_ED25519_PUBLIC_BYTES], again[2 * NOTE_ID_BYTES];
    struct buf id_out = BUF_OVER(id), key = BUF_OVER(storage), id_text = BUF_OVER(again);
    const uint8_t *plus = text.len ? memchr(text.data, '+', text.len) : NULL;
    size_t name_len = plus ? (size_t)(plus - text.data) : 0;
    if (!plus || text.len < name_len + 2 * NOTE_ID_BYTES + 2 ||
        text.data[name_len + 1 + 2 * NOTE_ID_BYTES] != '+')
        return false;
    *verifier = (struct note_verifier){0};
    struct bytes hex = bytes_of(plus + 1, 2 * NOTE_ID_BYTES);
    if (!name_take(bytes_of(text.data, name_len), verifier) || !buf_put_from_hex(&id_out, hex) ||
        !note_base64_read(bytes_from(text, name_len + 2 * NOTE_ID_BYTES + 2), &key) ||
        key.len != sizeof storage || (storage[0] != NOTE_ED25519 && storage[0] != NOTE_COSIGNATURE))
        return false;
    buf_put_hex(&id_text, bytes_of(id, sizeof id));
    verifier->type = (enum note_type)storage[0];
    memcpy(verifier->public_key, storage + 1, sizeof verifier->public_key);
    return bytes_equal(buf_bytes(&id_text), hex) && /* lowercase, as keys are written */
           identify(verifier) == CRYPTO_OK && memcmp(id, verifier->id, sizeof id) == 0;
}

void note_verifier_write(const struct note_verifier *verifier, struct buf *out)
{
    uint8_t key[1 + CRYPTO_ED25519_PUBLIC_BYTES] = {(uint8_t)verifier->type};
    memcpy(key + 1, verifier->public_key, sizeof verifier->public_key);
    buf_put_str(out, verifier->name);
    buf_put_u8(out, '+');
    buf_put_hex(out, bytes_of(verifier->id, sizeof verifier->id));
    buf_put_u8(out, '+');
    note_base64_write(bytes_of(key, sizeof key), out);
}

enum crypto_result note_signer_init(struct note_signer *signer, const char *name,
                                    enum note_type type,
                                    const uint8_t seed[CRYPTO_ED25519_SEED_BYTES])
{
    *signer = (struct note_signer){.verifier.type = type};
    memcpy(signer->seed, seed, sizeof signer->seed);
    if (!name_take(bytes_str(name), &signer->verifier))
        return CRYPTO_BAD_KEY;
    enum crypto_result result = crypto_ed25519_public(seed, signer->verifier.public_key);
    return result == CRYPTO_OK ? identify(&signer->verifier) : result;
}

/* ---- signing -------------------------------------------------------------------------------- */

static void line_write(const struct note_verifier *v, struct bytes signature, struct buf *out)
{
    uint8_t storage[NOTE_ID_BYTES + COSIGNATURE_BYTES];
    struct buf whole = BUF_OVER(storage);
    buf_put(&whole, bytes_of(v->id, sizeof v->id));
    buf_put(&whole, signature);
    buf_put(out, DASH);
    buf_put_str(out, v->name);
    buf_put_u8(out, ' ');
    note_base64_write(buf_bytes(&whole), out);
    buf_put_u8(out, '\n');
}

enum crypto_result checkpoint_sign(const struct checkpoint *checkpoint,
                                   const struct note_signer *signer, struct buf *out)
{
    uint8_t signature[CRYPTO_ED25519_SIGNATURE_BYTES];
    size_t from = out->len;
    buf_put_str(out, signer->verifier.name);
    buf_put_u8(out, '\n');
    note_number_write(checkpoint->size, out);
    buf_put_u8(out, '\n');
    note_base64_write(bytes_of(checkpoint->root.octets, MERKLE_HASH_BYTES), out);
    buf_put_u8(out, '\n');
    if (!buf_ok(out))
        return CRYPTO_FAILED;
    enum crypto_result result =
        crypto_ed25519_sign(signer->seed, bytes_from(buf_bytes(out), from), signature);
    buf_put_u8(out, '\n');
    if (result == CRYPTO_OK)
        line_write(&signer->verifier, bytes_of(signature, sizeof signature), out);
    return result == CRYPTO_OK && !buf_ok(out) ? CRYPTO_FAILED : result;
}

/* What a cosignature is made over: tlog-cosignature, "Ed25519 signed message". */
static bool cosigned_message(struct bytes text, uint64_t unix_s, struct buf *out)
{
    buf_put_str(out, "cosignature/v1\ntime ");
    note_number_write(unix_s, out);
    buf_put_u8(out, '\n');
    buf_put(out, text);
    return buf_ok(out);
}

enum crypto_result note_cosign(struct bytes text, const struct note_signer *signer, uint64_t unix_s,
                               struct buf *out)
{
    uint8_t storage[NOTE_BYTES_MAX + COSIGNED_HEADER_BYTES], signature[COSIGNATURE_BYTES];
    struct buf message = BUF_OVER(storage);
    if (unix_s > COSIGNED_TIME_MAX || !cosigned_message(text, unix_s, &message))
        return CRYPTO_FAILED;
    for (int i = 0; i < 8; i++)
        signature[i] = (uint8_t)(unix_s >> (56 - 8 * i));
    enum crypto_result result =
        crypto_ed25519_sign(signer->seed, buf_bytes(&message), signature + 8);
    if (result == CRYPTO_OK)
        line_write(&signer->verifier, bytes_of(signature, sizeof signature), out);
    return result == CRYPTO_OK && !buf_ok(out) ? CRYPTO_FAILED : result;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The text with its last newline, and the signature lines behind the last empty line. */
static bool note_split(struct bytes note, struct bytes *text, struct bytes *lines)
{
    if (note.len > NOTE_BYTES_MAX || note.len < 3 || note.data[note.len - 1] != '\n' ||
        note.data[note.len - 2] == '\n' || !utf8_valid(note))
        return false;
    for (size_t i = 0; i < note.len; i++)
        if (note.data[i] < 0x20 && note.data[i] != '\n')
            return false;
    size_t end = note.len - 2;
    while (end > 0 && (note.data[end] != '\n' || note.data[end - 1] != '\n'))
        end--;
    *text = bytes_of(note.data, end);
    *lines = bytes_from(note, end + 1);
    return end > 0;
}

/* One signature line: its key's name, and key id and signature in `out`. */
static bool line_read(struct bytes line, struct bytes *name, struct buf *out)
{
    if (!bytes_start_with(line, DASH))
        return false;
    line = bytes_from(line, DASH.len);
    const uint8_t *space = line.len ? memchr(line.data, ' ', line.len) : NULL;
    *name = bytes_of(line.data, space ? (size_t)(space - line.data) : 0);
    return is_key_name(*name) && note_base64_read(bytes_from(line, name->len + 1), out) &&
           out->len > NOTE_ID_BYTES;
}

bool checkpoint_read(struct bytes note, struct checkpoint *checkpoint, struct bytes *text)
{
    struct bytes lines, rest, size, root, extension;
    if (!note_split(note, text, &lines))
        return false;
    rest = *text;
    if (!note_line_next(&rest, &checkpoint->origin) || checkpoint->origin.len == 0 ||
        !note_line_next(&rest, &size) || !note_number_read(size, &checkpoint->size) ||
        !note_line_next(&rest, &root) || !note_hash_read(root, &checkpoint->root))
        return false;
    while (note_line_next(&rest, &extension))
        if (extension.len == 0)
            return false;
    return true;
}

/* *cosigned_at is raised to the time of a good cosignature. */
static enum crypto_result signature_check(struct bytes text, const struct note_verifier *verifier,
                                          struct bytes signature, uint64_t *cosigned_at)
{
    uint8_t storage[NOTE_BYTES_MAX + COSIGNED_HEADER_BYTES];
    struct buf message = BUF_OVER(storage);
    uint64_t unix_s = 0;
    if (verifier->type == NOTE_ED25519)
        return signature.len == CRYPTO_ED25519_SIGNATURE_BYTES
                   ? crypto_ed25519_verify(verifier->public_key, text, signature.data)
                   : CRYPTO_MISMATCH;
    if (signature.len != COSIGNATURE_BYTES)
        return CRYPTO_MISMATCH;
    for (int i = 0; i < 8; i++)
        unix_s = unix_s << 8 | signature.data[i];
    if (unix_s > COSIGNED_TIME_MAX || !cosigned_message(text, unix_s, &message))
        return CRYPTO_MISMATCH;
    enum crypto_result result =
        crypto_ed25519_verify(verifier->public_key, buf_bytes(&message), signature.data + 8);
    if (result == CRYPTO_OK && unix_s > *cosigned_at)
        *cosigned_at = unix_s;
    return result;
}

enum crypto_result note_check(struct bytes note, const struct note_verifier *verifier,
                              uint64_t *cosigned_at)
{
    struct bytes text, lines, line, name;
    struct checkpoint checkpoint;
    uint64_t newest = 0;
    enum crypto_result found = CRYPTO_MISMATCH;
    if (cosigned_at)
        *cosigned_at = 0;
    if (!note_split(note, &text, &lines) ||
        (verifier->type == NOTE_ED25519 && checkpoint_read(note, &checkpoint, &text) &&
         !bytes_equal(checkpoint.origin, bytes_str(verifier->name))))
        return CRYPTO_MISMATCH;
    for (int i = 0; i < NOTE_SIGNATURES_MAX && note_line_next(&lines, &line); i++) {
        uint8_t storage[SIGNATURE_BYTES_MAX];
        struct buf signature = BUF_OVER(storage);
        if (!line_read(line, &name, &signature))
            return CRYPTO_MISMATCH;
        if (!bytes_equal(name, bytes_str(verifier->name)) ||
            memcmp(storage, verifier->id, sizeof verifier->id) != 0)
            continue;
        found = signature_check(text, verifier, bytes_from(buf_bytes(&signature), NOTE_ID_BYTES),
                                &newest);
        if (found != CRYPTO_OK)
            return found;
    }
    if (cosigned_at && found == CRYPTO_OK)
        *cosigned_at = newest;
    return found;
}
