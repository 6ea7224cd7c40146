/* Keys of notes in files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/note.h"
#include "evidence/note_text.h"

#define HEAD           BYTES("PRIVATE+KEY+")
#define LINE_BYTES_MAX (12 + NOTE_VKEY_BYTES_MAX)

/* Appends "path: sentence"; returns false. */
static bool complain(const char *path, const char *sentence, struct buf *why)
{
    buf_printf(why, "%s: %s", path, sentence);
    return false;
}

/* A private key is written as a verifier with the seed in the public key's place; the id is that of
 * the public key. */
static void key_write(const struct note_signer *signer, struct buf *out)
{
    struct note_verifier twin = signer->verifier;
    memcpy(twin.public_key, signer->seed, sizeof twin.public_key);
    buf_put(out, HEAD);
    note_verifier_write(&twin, out);
    buf_put_u8(out, '\n');
    crypto_wipe(&twin, sizeof twin);
}

/* The parts alone; whether they belong together shows when the key is written again. */
static bool key_parse(struct bytes line, struct note_signer *signer)
{
    char name[NOTE_NAME_BYTES_MAX + 1];
    uint8_t storage[1 + CRYPTO_ED25519_SEED_BYTES];
    struct buf octets = BUF_OVER(storage);
    struct bytes rest = bytes_start_with(line, HEAD) ? bytes_from(line, HEAD.len) : line;
    const uint8_t *plus = rest.len ? memchr(rest.data, '+', rest.len) : NULL;
    size_t name_len = plus ? (size_t)(plus - rest.data) : 0;
    size_t octets_at = name_len + 2 * NOTE_ID_BYTES + 2;
    bool ok = plus && name_len < sizeof name && rest.len > octets_at &&
              note_base64_read(bytes_from(rest, octets_at), &octets) &&
              octets.len == sizeof storage &&
              (storage[0] == NOTE_ED25519 || storage[0] == NOTE_COSIGNATURE);
    if (ok) {
        memcpy(name, rest.data, name_len);
        name[name_len] = 0;
        ok = note_signer_init(signer, name, (enum note_type)storage[0], storage + 1) == CRYPTO_OK;
    }
    crypto_wipe(storage, sizeof storage);
    return ok;
}

/* Its octets, or -1 with a sentence. */
static ssize_t private_read(const char *path, uint8_t *to, size_t cap, struct buf *why)
{
    struct stat status;
    ssize_t n = -1;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would keep us waiting */
    if (file < 0)
        complain(path, strerror(errno), why);
    else if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
        complain(path, "no regular file", why);
    else if (status.st_mode & 07177)
        complain(path, "others may read it; a private key's mode is 0600", why);
    else if ((n = read(file, to, cap)) < 0)
        complain(path, strerror(errno), why);
    if (file >= 0)
        close(file);
    return n;
}

bool note_key_read(const char *path, struct note_signer *signer, struct buf *why)
{
    uint8_t storage[LINE_BYTES_MAX + 1], again_storage[LINE_BYTES_MAX];
    struct buf again = BUF_OVER(again_storage);
    ssize_t n = private_read(path, storage, sizeof storage, why);
    if (n < 0)
        return false;
    struct bytes line = bytes_of(storage, (size_t)n);
    bool ends = line.len && line.data[line.len - 1] == '\n';
    bool ok = key_parse(bytes_of(line.data, line.len - ends), signer);
    if (ok) {
        key_write(signer, &again);
        again.len -= !ends;
        ok = bytes_equal(buf_bytes(&again), line);
    }
    crypto_wipe(storage, sizeof storage);
    crypto_wipe(again_storage, sizeof again_storage);
    return ok || complain(path, "holds no private key of a log or witness", why);
}

static bool is_plain_name(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++)
        if (name[i] <= ' ' || name[i] > '~' || name[i] == '+')
            return false;
    return len > 0 && len <= NOTE_NAME_BYTES_MAX;
}

/* Into the folder of `path` under a name of its own, synced, and only then under the right name. */
static bool private_write(const char *path, struct bytes content, struct buf *why)
{
    char *temporary, *folder = check_strdup(path), *slash = strrchr(folder, '/');
    CHECK(asprintf(&temporary, "%s.XXXXXX", path) >= 0);
    if (slash)
        slash[slash == folder] = 0;
    int folder_file = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int file = mkostemp(temporary, O_CLOEXEC); /* makes it 0600 */
    errno = file < 0 ? errno : ENOSPC;         /* of a short write */
    bool ok = file >= 0 && folder_file >= 0 &&
              write(file, content.data, content.len) == (ssize_t)content.len && fsync(file) == 0 &&
              link(temporary, path) == 0 && fsync(folder_file) == 0;
    if (!ok)
        complain(path,
                 errno == EEXIST ? "is there already and is not overwritten" : strerror(errno),
                 why);
    if (file >= 0) {
        unlink(temporary);
        close(file);
    }
    if (folder_file >= 0)
        close(folder_file);
    free(temporary);
    free(folder);
    return ok;
}

bool note_key_create(const char *path, const char *name, enum note_type type,
                     struct note_signer *signer, struct buf *why)
{
    uint8_t seed[CRYPTO_ED25519_SEED_BYTES], storage[LINE_BYTES_MAX];
    struct buf line = BUF_OVER(storage);
    if (!is_plain_name(name))
        return complain(path, "a key's name is 1 to 128 printable characters, no space, no '+'",
                        why);
    bool ok = crypto_openssl.random(seed, sizeof seed) == CRYPTO_OK &&
              note_signer_init(signer, name, type, seed) == CRYPTO_OK;
    if (!ok)
        complain(path, "no random numbers", why);
    if (ok) {
        key_write(signer, &line);
        ok = private_write(path, buf_bytes(&line), why);
    }
    crypto_wipe(seed, sizeof seed);
    crypto_wipe(storage, sizeof storage);
    return ok;
}
