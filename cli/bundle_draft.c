/* The draft of a trust bundle: what the gateway's configuration, keys and registry say. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "cli/bundle.h"
#include "cli/command.h"
#include "cli/key_job.h"
#include "protocol/code.h"

struct making *making_create(void)
{
    struct making *making = check_alloc(sizeof *making);
    buf_init(&making->texts, making->text_storage, sizeof making->text_storage);
    return making;
}

/* ---- revoked kids ---- */

/* Keeps their order. A kid that is there stays once. */
static bool add_revoked(struct trust_bundle *bundle, const uint8_t kid[KID_BYTES])
{
    size_t at = 0;
    if (trust_bundle_revoked(bundle, kid))
        return true;
    if (bundle->revoked_count == TRUST_REVOKED_MAX) {
        command_failed("more than %d keys are revoked", TRUST_REVOKED_MAX);
        return false;
    }
    while (at < bundle->revoked_count && memcmp(bundle->revoked[at], kid, KID_BYTES) < 0)
        at++;
    memmove(bundle->revoked[at + 1], bundle->revoked[at], (bundle->revoked_count - at) * KID_BYTES);
    memcpy(bundle->revoked[at], kid, KID_BYTES);
    bundle->revoked_count++;
    return true;
}

/* First the revoked ones: a kid is one or the other, and one that was revoked before stays so
 * whatever the file says. */
bool bundle_add_keys(struct trust_bundle *bundle, const struct keyring *ring, int64_t now)
{
    for (size_t i = 0; i < ring->count; i++)
        if (ring->keys[i].revoked && !add_revoked(bundle, ring->keys[i].kid))
            return false;
    for (size_t i = 0; i < ring->count; i++) {
        const struct keyring_key *key = &ring->keys[i];
        if (key->publish_at > now || trust_bundle_revoked(bundle, key->kid))
            continue;
        enum keyring_error error = keyring_add(&bundle->ring, &crypto_openssl, key);
        if (error) {
            command_failed("a key does not go into the bundle: %s", keyring_error_text(error));
            return false;
        }
    }
    return true;
}

/* ---- the draft ---- */

static bool read_before(const char *path, struct making *making)
{
    struct buf content = BUF_OVER(making->before_storage);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return true;
    if (!command_file(path, &content))
        return false;
    if (!trust_bundle_read(buf_bytes(&content), &crypto_openssl, &making->before)) {
        command_failed("%s is no trust bundle; what it says of revoked keys would be lost, so move "
                       "it away if that is right",
                       path);
        return false;
    }
    for (size_t i = 0; i < making->before.revoked_count; i++)
        if (!add_revoked(&making->bundle, making->before.revoked[i]))
            return false;
    return true;
}

static bool read_code_keys(const struct desk *desk, struct making *making, int64_t now)
{
    struct keyfile *keys = check_alloc(sizeof *keys);
    char text[1024];
    struct buf why = BUF_OVER(text);
    bool read = keyfile_read(desk->config->keys_codes, &crypto_openssl, keys, &why);
    if (!read)
        command_failed_why(&why);
    if (read)
        key_drop_spent(keys, desk->config, now);
    bool added = read && bundle_add_keys(&making->bundle, &keys->ring, now);
    keyfile_wipe(keys);
    free(keys);
    return added;
}

static struct bytes kept(struct buf *texts, const char *text)
{
    const size_t from = texts->len;
    buf_put_str(texts, text);
    return bytes_from(buf_bytes(texts), from);
}

typedef enum registry_error read_entry(struct registry_reader *reader, uint16_t index,
                                       struct registry_catalogue_entry *entry);

static bool read_catalogue(const struct desk *desk, struct making *making, read_entry *read,
                           const char *what, struct trust_entry *entries, size_t max, size_t *count)
{
    struct registry_catalogue_entry entry;
    enum registry_error error;
    for (*count = 0; !(error = read(desk->reader, (uint16_t)*count, &entry)); ++*count) {
        if (*count == max) {
            command_failed("more than %zu %ss do not go into a bundle", max, what);
            return false;
        }
        if (!utf8_printable(bytes_str(entry.code)) || !utf8_printable(bytes_str(entry.name))) {
            command_failed("%s %zu of the registry has control characters in its name", what,
                           *count);
            return false;
        }
        entries[*count] = (struct trust_entry){entry.index, kept(&making->texts, entry.code),
                                               kept(&making->texts, entry.name), BYTES("")};
    }
    return error == REGISTRY_ERR_NOT_FOUND || desk_read(error);
}

static bool read_lists(const struct desk *desk, struct making *making)
{
    struct registry_list lists[REGISTRY_LISTS_MAX];
    size_t count = REGISTRY_LISTS_MAX;
    if (!desk_read(registry_lists(desk->reader, lists, &count)))
        return false;
    _Static_assert(REGISTRY_LISTS_MAX <= TRUST_LISTS_MAX, "every list goes into a bundle");
    for (size_t i = 0; i < count; i++) {
        char uri[TRUST_URI_BYTES_MAX + 1];
        struct buf text = BUF_OVER(uri);
        buf_printf(&text, "%s/v1/status-lists/%u", desk->config->public_origin, lists[i].list);
        if (!buf_ok(&text) || text.len > TRUST_URI_BYTES_MAX) {
            command_failed("public.origin is too long");
            return false;
        }
        making->bundle.lists[i] =
            (struct trust_list){lists[i].list, kept(&making->texts, buf_cstr(&text))};
    }
    making->bundle.list_count = count;
    return true;
}

bool bundle_draft(const struct desk *desk, const char *before_path, int64_t life_s,
                  struct making *making)
{
    struct trust_bundle *bundle = &making->bundle;
    const int64_t now = clock_wall_s();
    if (!read_before(before_path, making) || !read_code_keys(desk, making, now) ||
        !read_catalogue(desk, making, registry_licence_type, "licence type", making->types,
                        TRUST_TYPES_MAX, &bundle->type_count) ||
        !read_catalogue(desk, making, registry_issuer, "issuer", making->issuers, TRUST_ISSUERS_MAX,
                        &bundle->issuer_count) ||
        !read_lists(desk, making))
        return false;
    bundle->types = making->types;
    bundle->issuers = making->issuers;
    bundle->version =
        making->before.version < (uint64_t)now ? (uint64_t)now : making->before.version + 1;
    bundle->not_before = now;
    bundle->expires = now + life_s;
    bundle->life_max_s = CODE_LIFE_S_MAX;
    bundle->future_s = (uint32_t)desk->config->trust_future_s;
    bundle->past_s = (uint32_t)desk->config->trust_past_s;
    return true;
}
