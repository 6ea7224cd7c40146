/* Digests that show whether two sides hold the same licences: lines and groups. Pure; 40 octets a
 * licence, and 16 more each of the greatest group while it is told. */
#include <stdlib.h>

#include "base/clock.h"
#include "registry/issuing.h"

/* number, 20 digits, 2 digits, three dates, five line ends */
#define LINE_BYTES_MAX (REGISTRY_TEXT_BYTES_MAX + 20 + 2 + 3 * 10 + 5)
#define ENTRIES_FIRST  1024

struct entry {
    uint8_t digest[CRYPTO_HASH_BYTES];
    int32_t day;
    uint32_t type; /* index in types */
};

struct registry_digest {
    const struct crypto_provider *crypto;
    struct entry *entries;
    size_t count, room;
    char types[REGISTRY_DIGEST_TYPES_MAX][REGISTRY_CODE_BYTES_MAX + 1];
    uint32_t type_count, last_type; /* the last that was met: lines come in runs of one type */
};

static void put_day(struct buf *line, int32_t day)
{
    buf_put_u8(line, '\n');
    if (day >= 0)
        buf_put_date(line, day);
}

enum crypto_result registry_digest_line(const struct crypto_provider *crypto,
                                        const struct registry_digest_line *line,
                                        uint8_t digest[CRYPTO_HASH_BYTES])
{
    uint8_t storage[LINE_BYTES_MAX + 1]; /* printf's NUL */
    struct buf text = BUF_OVER(storage);
    buf_put(&text, line->number);
    buf_printf(&text, "\n%llu\n%02u", (unsigned long long)line->source_version,
               licence_status_code(line->status));
    put_day(&text, line->issued_on);
    put_day(&text, line->valid_from);
    put_day(&text, line->valid_until);
    if (line->number.len > REGISTRY_TEXT_BYTES_MAX || !buf_ok(&text))
        return CRYPTO_FAILED;
    struct bytes whole = buf_bytes(&text);
    return crypto->sha256(&whole, 1, digest);
}

struct registry_digest *registry_digest_create(const struct crypto_provider *crypto)
{
    struct registry_digest *digest = calloc(1, sizeof *digest);
    if (digest)
        digest->crypto = crypto;
    return digest;
}

void registry_digest_destroy(struct registry_digest **digest)
{
    if (*digest)
        free((*digest)->entries);
    free(*digest);
    *digest = NULL;
}

static bool find_type(struct registry_digest *digest, struct bytes code, uint32_t *type)
{
    uint32_t i = digest->last_type;
    if (i >= digest->type_count || !bytes_equal(bytes_str(digest->types[i]), code))
        for (i = 0; i < digest->type_count; i++)
            if (bytes_equal(bytes_str(digest->types[i]), code))
                break;
    if (i == digest->type_count) {
        if (i == REGISTRY_DIGEST_TYPES_MAX || code.len < 1 || code.len > REGISTRY_CODE_BYTES_MAX ||
            memchr(code.data, 0, code.len))
            return false;
        memcpy(digest->types[i], code.data, code.len);
        digest->type_count++;
    }
    *type = digest->last_type = i;
    return true;
}

static bool make_room(struct registry_digest *digest)
{
    if (digest->count < digest->room)
        return true;
    size_t room = digest->room ? digest->room * 2 : ENTRIES_FIRST;
    struct entry *entries = reallocarray(digest->entries, room, sizeof *entries);
    if (!entries)
        return false;
    digest->entries = entries;
    digest->room = room;
    return true;
}

bool registry_digest_add(struct registry_digest *digest, struct bytes type_code,
                         const struct registry_digest_line *line)
{
    struct entry entry = {.day = line->issued_on < 0 ? -1 : line->issued_on};
    if (registry_digest_line(digest->crypto, line, entry.digest) != CRYPTO_OK ||
        !make_room(digest) || !find_type(digest, type_code, &entry.type))
        return false;
    digest->entries[digest->count++] = entry;
    return true;
}

static int compare(const void *left, const void *right, void *context)
{
    const struct entry *a = left, *b = right;
    const struct registry_digest *digest = context;
    if (a->type != b->type)
        return strcmp(digest->types[a->type], digest->types[b->type]);
    if (a->day != b->day)
        return a->day < b->day ? -1 : 1;
    return memcmp(a->digest, b->digest, sizeof a->digest);
}

/* One type and day: entries that stand together, in the order of their digests. */
static bool tell_group(const struct registry_digest *digest, const struct entry *first,
                       size_t count,
                       void (*each)(void *context, const struct registry_digest_group *group),
                       void *context)
{
    struct registry_digest_group group = {.day = first->day, .count = count};
    struct bytes *parts = calloc(count, sizeof *parts);
    if (!parts)
        return false;
    for (size_t i = 0; i < count; i++)
        parts[i] = bytes_of(first[i].digest, sizeof first[i].digest);
    bool done = digest->crypto->sha256(parts, count, group.digest) == CRYPTO_OK;
    free(parts);
    memcpy(group.type_code, digest->types[first->type], sizeof group.type_code);
    if (done)
        each(context, &group);
    return done;
}

bool registry_digest_each(struct registry_digest *digest,
                          void (*each)(void *context, const struct registry_digest_group *group),
                          void *context)
{
    const struct entry *entries = digest->entries;
    if (digest->count)
        qsort_r(digest->entries, digest->count, sizeof *entries, compare, digest);
    for (size_t from = 0, to; from < digest->count; from = to) {
        for (to = from + 1; to < digest->count && entries[to].type == entries[from].type &&
                            entries[to].day == entries[from].day;)
            to++;
        if (!tell_group(digest, &entries[from], to - from, each, context))
            return false;
    }
    return true;
}
