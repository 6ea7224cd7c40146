#include "evidence/tlog_layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/crc32c.h"
#include "evidence/note_text.h"

const char *tlog_error_text(enum tlog_error error)
{
    switch (error) {
    case TLOG_OK:
        return "ok";
    case TLOG_ERR_BUSY:
        return "another process writes this log";
    case TLOG_ERR_FULL:
        return "as much as may wait waits to be committed";
    case TLOG_ERR_MISSING:
        return "not there";
    case TLOG_ERR_OPEN:
        return "can't be opened or read";
    case TLOG_ERR_WRITE:
        return "can't be written";
    case TLOG_ERR_DAMAGED:
        return "damaged";
    case TLOG_ERR_CRYPTO:
        return "hashing or signing failed";
    }
    return "?";
}

enum tlog_error tlog_tell(struct buf *why, const char *path, const char *what,
                          enum tlog_error error)
{
    int cause = errno;
    buf_printf(why, "%s%s%s", path, *path ? ": " : "", what);
    if (error == TLOG_ERR_OPEN || error == TLOG_ERR_WRITE)
        buf_printf(why, ": %s", strerror(cause));
    return error;
}

/* ---- tiles and bundles ---------------------------------------------------------------------- */

void tlog_path(unsigned level, uint64_t index, unsigned width, char path[TLOG_PATH_BYTES_MAX])
{
    struct buf out;
    uint64_t unit = 1;
    buf_init(&out, path, TLOG_PATH_BYTES_MAX);
    if (level == TLOG_BUNDLES)
        buf_put_str(&out, "tile/entries/");
    else
        buf_printf(&out, "tile/%u/", level);
    while (index / unit >= 1000)
        unit *= 1000;
    for (; unit > 1; unit /= 1000)
        buf_printf(&out, "x%03u/", (unsigned)(index / unit % 1000));
    buf_printf(&out, "%03u", (unsigned)(index % 1000));
    if (width < TLOG_TILE_HASHES)
        buf_printf(&out, ".p/%u", width);
    buf_cstr(&out);
    CHECK(buf_ok(&out));
}

unsigned tlog_width(unsigned level, uint64_t index, uint64_t size)
{
    uint64_t hashes = level == TLOG_BUNDLES ? size : size >> 8 * level;
    uint64_t from = index * TLOG_TILE_HASHES;
    if (hashes <= from)
        return 0;
    return hashes - from < TLOG_TILE_HASHES ? (unsigned)(hashes - from) : TLOG_TILE_HASHES;
}

static enum tlog_error read_all(int file, struct buf *content)
{
    for (;;) {
        uint8_t more;
        size_t room = content->cap - content->len;
        ssize_t n = read(file, room ? content->data + content->len : &more, room ? room : 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? TLOG_ERR_OPEN : TLOG_OK;
        if (!room)
            return TLOG_ERR_DAMAGED;
        content->len += (size_t)n;
    }
}

enum tlog_error tlog_file_read(int folder, const char *path, struct buf *content)
{
    int file = openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT ? TLOG_ERR_MISSING : TLOG_ERR_OPEN;
    enum tlog_error error = read_all(file, content);
    int cause = errno;
    close(file);
    errno = cause;
    return error;
}

/* Either the partial resource of this width or, once it is removed, the full one. *full says which.
 */
static enum tlog_error resource_read(int folder, unsigned level, uint64_t index, unsigned width,
                                     struct buf *content, bool *full)
{
    char path[TLOG_PATH_BYTES_MAX];
    CHECK(width > 0 && width <= TLOG_TILE_HASHES);
    tlog_path(level, index, width, path);
    enum tlog_error error = tlog_file_read(folder, path, content);
    *full = width == TLOG_TILE_HASHES;
    if (error != TLOG_ERR_MISSING || *full)
        return error;
    tlog_path(level, index, TLOG_TILE_HASHES, path);
    *full = true;
    return tlog_file_read(folder, path, content);
}

enum tlog_error tlog_tile_read(int folder, unsigned level, uint64_t index, unsigned width,
                               struct merkle_hash hashes[TLOG_TILE_HASHES])
{
    struct buf content;
    bool full;
    buf_init(&content, hashes, TLOG_TILE_HASHES * sizeof *hashes);
    enum tlog_error error = resource_read(folder, level, index, width, &content, &full);
    if (error == TLOG_OK && content.len != (full ? TLOG_TILE_HASHES : width) * sizeof *hashes)
        error = TLOG_ERR_DAMAGED;
    return error;
}

enum tlog_error tlog_bundle_read(int folder, uint64_t index, unsigned width,
                                 uint8_t octets[TLOG_BUNDLE_BYTES_MAX],
                                 struct bytes entries[TLOG_BUNDLE_ENTRIES])
{
    struct buf content;
    bool full;
    buf_init(&content, octets, TLOG_BUNDLE_BYTES_MAX);
    enum tlog_error error = resource_read(folder, TLOG_BUNDLES, index, width, &content, &full);
    if (error)
        return error;
    struct bytes rest = buf_bytes(&content);
    memset(entries, 0, TLOG_BUNDLE_ENTRIES * sizeof *entries);
    for (unsigned i = 0; i < (full ? TLOG_BUNDLE_ENTRIES : width); i++) {
        size_t len = rest.len >= 2 ? (size_t)rest.data[0] << 8 | rest.data[1] : SIZE_MAX;
        if (len > TLOG_ENTRY_BYTES_MAX || len > rest.len - 2)
            return TLOG_ERR_DAMAGED;
        entries[i] = bytes_of(rest.data + 2, len);
        rest = bytes_from(rest, 2 + len);
    }
    return rest.len ? TLOG_ERR_DAMAGED : TLOG_OK;
}

bool tlog_partials_remove(int folder, unsigned level, uint64_t index)
{
    char path[TLOG_PATH_BYTES_MAX];
    struct dirent *entry;
    tlog_path(level, index, TLOG_TILE_HASHES, path);
    strncat(path, ".p", sizeof path - strlen(path) - 1);
    int partials = openat(folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (partials < 0)
        return errno == ENOENT;
    DIR *names = fdopendir(partials);
    if (!names) {
        close(partials);
        return false;
    }
    while ((entry = readdir(names)) != NULL)
        if (entry->d_name[0] != '.')
            unlinkat(partials, entry->d_name, 0);
    closedir(names);
    return unlinkat(folder, path, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

void tlog_partials_remove_all(int folder, uint64_t from, uint64_t to)
{
    for (unsigned level = 0; level < TLOG_LEVELS; level++) {
        from /= TLOG_TILE_HASHES;
        to /= TLOG_TILE_HASHES;
        for (uint64_t index = from; index < to; index++) {
            tlog_partials_remove(folder, level, index);
            if (level == 0)
                tlog_partials_remove(folder, TLOG_BUNDLES, index);
        }
    }
}

/* ---- state ---------------------------------------------------------------------------------- */

#define STATE_FIRST BYTES("jwb-log-state/1")
#define CRC_DIGITS  8

/* What is signed: no note has a NUL, so that no signature is good for both. */
static void signed_write(const struct tlog_state *state, struct buf *out)
{
    buf_put_u8(out, 0);
    buf_put(out, STATE_FIRST);
    buf_printf(out, "\n%s\n%" PRIu64 "\n", state->origin, state->size);
    note_base64_write(bytes_of(state->root.octets, MERKLE_HASH_BYTES), out);
    buf_put_u8(out, '\n');
    for (size_t i = 0; i < state->cursor_count; i++)
        buf_printf(out, "%" PRIu64 " %s\n", state->cursors[i].position, state->cursors[i].source);
    CHECK(buf_ok(out));
}

enum crypto_result tlog_state_write(struct tlog_state *state, const struct note_signer *signer,
                                    struct buf *out)
{
    uint8_t storage[TLOG_STATE_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    memcpy(state->origin, signer->verifier.name, sizeof state->origin);
    signed_write(state, &text);
    enum crypto_result result =
        crypto_ed25519_sign(signer->seed, buf_bytes(&text), state->signature);
    buf_put(out, bytes_from(buf_bytes(&text), 1));
    note_base64_write(bytes_of(state->signature, sizeof state->signature), out);
    buf_put_u8(out, '\n');
    buf_printf(out, "%08" PRIx32 "\n", crc32c_of(buf_bytes(out)));
    return result;
}

enum crypto_result tlog_state_check(const struct tlog_state *state,
                                    const struct note_verifier *verifier)
{
    uint8_t storage[TLOG_STATE_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    if (strcmp(state->origin, verifier->name) != 0)
        return CRYPTO_MISMATCH;
    signed_write(state, &text); /* a state has one form */
    return crypto_ed25519_verify(verifier->public_key, buf_bytes(&text), state->signature);
}

static bool cursor_read(struct bytes line, struct tlog_cursor *cursor)
{
    const uint8_t *space = line.len ? memchr(line.data, ' ', line.len) : NULL;
    size_t digits = space ? (size_t)(space - line.data) : 0;
    if (!space || !note_number_read(bytes_of(line.data, digits), &cursor->position))
        return false;
    struct bytes source = bytes_from(line, digits + 1);
    if (source.len == 0 || source.len >= TLOG_SOURCE_BYTES_MAX ||
        memchr(source.data, 0, source.len))
        return false;
    memcpy(cursor->source, source.data, source.len);
    cursor->source[source.len] = 0;
    return true;
}

static bool origin_read(struct bytes line, char origin[NOTE_NAME_BYTES_MAX + 1])
{
    if (line.len == 0 || line.len > NOTE_NAME_BYTES_MAX || memchr(line.data, 0, line.len))
        return false;
    memcpy(origin, line.data, line.len);
    origin[line.len] = 0;
    return true;
}

/* Takes the last line off *text, without its newline. */
static bool last_line_take(struct bytes *text, struct bytes *line)
{
    if (text->len == 0 || text->data[text->len - 1] != '\n')
        return false;
    size_t from = text->len - 1;
    while (from > 0 && text->data[from - 1] != '\n')
        from--;
    *line = bytes_of(text->data + from, text->len - 1 - from);
    text->len = from;
    return true;
}

/* A cursor's line has a space, and is no base64. */
static void signature_take(struct bytes *text, uint8_t signature[CRYPTO_ED25519_SIGNATURE_BYTES])
{
    struct bytes rest = *text, line;
    struct buf out;
    buf_init(&out, signature, CRYPTO_ED25519_SIGNATURE_BYTES);
    if (last_line_take(&rest, &line) && note_base64_read(line, &out) && out.len == out.cap)
        *text = rest;
    else
        memset(signature, 0, CRYPTO_ED25519_SIGNATURE_BYTES);
}

static bool state_parse(struct bytes rest, struct tlog_state *state)
{
    char crc[CRC_DIGITS + 1];
    struct bytes line;
    if (!last_line_take(&rest, &line))
        return false;
    snprintf(crc, sizeof crc, "%08" PRIx32, crc32c_of(rest));
    if (!bytes_equal(line, bytes_str(crc)))
        return false;
    signature_take(&rest, state->signature);
    if (!note_line_next(&rest, &line) || !bytes_equal(line, STATE_FIRST) ||
        !note_line_next(&rest, &line) || !origin_read(line, state->origin) ||
        !note_line_next(&rest, &line) || !note_number_read(line, &state->size) ||
        !note_line_next(&rest, &line) || !note_hash_read(line, &state->root))
        return false;
    state->cursor_count = 0;
    while (note_line_next(&rest, &line))
        if (state->cursor_count == TLOG_CURSORS_MAX ||
            !cursor_read(line, &state->cursors[state->cursor_count++]))
            return false;
    return rest.len == 0;
}

enum tlog_error tlog_state_read(int folder, struct tlog_state *state)
{
    uint8_t storage[TLOG_STATE_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    enum tlog_error error = tlog_file_read(folder, "state", &text);
    if (error == TLOG_OK && !state_parse(buf_bytes(&text), state))
        error = TLOG_ERR_DAMAGED;
    return error;
}

/* ---- the edge ------------------------------------------------------------------------------- */

bool tlog_fold(const struct merkle_hash *hashes, size_t count, struct merkle_hash *root)
{
    struct merkle_hash half[TLOG_TILE_HASHES / 2];
    const struct merkle_hash *from = hashes;
    for (; count > 1; count /= 2, from = half)
        for (size_t i = 0; i < count / 2; i++)
            if (merkle_node(&crypto_openssl, &from[2 * i], &from[2 * i + 1], &half[i]))
                return false;
    *root = *from;
    return true;
}

bool tlog_edge_grow(struct tlog_edge *edge, const struct merkle_hash *leaf, tlog_grown *grown,
                    void *context)
{
    struct merkle_hash hash = *leaf;
    uint64_t index = edge->size++;
    for (unsigned level = 0; level < TLOG_LEVELS; level++) {
        edge->tiles[level][index % TLOG_TILE_HASHES] = hash;
        if (!grown(context, level, index))
            return false;
        if ((index + 1) % TLOG_TILE_HASHES)
            break;
        if (!tlog_fold(edge->tiles[level], TLOG_TILE_HASHES, &hash))
            return false;
        index /= TLOG_TILE_HASHES;
    }
    return true;
}

bool tlog_edge_root(const struct tlog_edge *edge, struct merkle_hash *root)
{
    struct merkle_hash part;
    bool begun = false;
    *root = merkle_empty;
    for (unsigned level = 0; level < TLOG_LEVELS; level++) {
        size_t width = edge->size >> 8 * level & (TLOG_TILE_HASHES - 1);
        for (size_t count = 1; width; count *= 2) { /* the smallest perfect tree is the last one */
            if (!(width & count))
                continue;
            width -= count;
            if (!tlog_fold(edge->tiles[level] + width, count, &part) ||
                (begun && merkle_node(&crypto_openssl, &part, root, &part)))
                return false;
            *root = part;
            begun = true;
        }
    }
    return true;
}
