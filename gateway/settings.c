#include "gateway/settings.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "evidence/note.h"
#include "gateway/identity.h"
#include "gateway/throttle.h"

static bool check_proxies(const struct config *config, const char *path, struct buf *why)
{
    if (throttle_prefixes_valid(config->throttle_trusted_proxies))
        return true;
    buf_printf(why,
               "%s: throttle.trusted_proxies must be prefixes with commas between them, like "
               "10.0.0.0/8, ::1, with no bits set behind a prefix (10.0.0.1/8)",
               path);
    return false;
}

static bool check_keys(const struct settings *settings, struct buf *why)
{
    if (keyfile_is_of_roots(&settings->keys))
        buf_printf(why, "%s: it holds root keys, which are not a gateway's",
                   settings->config->keys_codes);
    return !keyfile_is_of_roots(&settings->keys);
}

struct settings *settings_load(const char *path, struct buf *why)
{
    struct settings *settings = check_alloc(sizeof *settings);
    atomic_init(&settings->references, 1);
    CHECK(pthread_mutex_init(&settings->signers_lock, NULL) == 0);
    settings->config = config_read(path, why);
    if (!settings->config || !check_proxies(settings->config, path, why) ||
        !keyfile_read(settings->config->keys_codes, &crypto_openssl, &settings->keys, why) ||
        !check_keys(settings, why) ||
        !(settings->policy = policy_load(settings->config->policy_file, why)) ||
        !(settings->calendar = calendar_load(settings->config->access_holidays, why)))
        goto failed;
    struct identity *identity = identity_create(settings->config, NULL, why); /* can it be? */
    if (!identity)
        goto failed;
    identity_destroy(&identity);
    if (!settings->config->public_plain_http) {
        settings->tls = http_tls_create(settings->config->public_certificate,
                                        settings->config->public_certificate_key, why);
        if (!settings->tls)
            goto failed;
    }
    return settings;
failed:
    settings_release(&settings);
    return NULL;
}

bool settings_has_secrets(const struct settings *settings, struct buf *why)
{
    uint8_t secret[CRYPTO_SECRET_BYTES];
    struct note_signer evidence;
    bool readable = secret_read(settings->config->registry_secret, secret, why) &&
                    secret_read(settings->config->keys_secret, secret, why) &&
                    note_key_read(settings->config->evidence_key, &evidence, why);
    crypto_wipe(secret, sizeof secret);
    crypto_wipe(&evidence, sizeof evidence);
    return readable;
}

/* What was revoked or is retired signs no more, whatever became of its HSM. */
static bool is_wanted_of_hsm(const struct settings *settings, size_t i)
{
    const struct keyring_key *key = &settings->keys.ring.keys[i];
    return keyfile_in_hsm(&settings->keys, i) && !key->revoked && clock_wall_s() < key->retire_at;
}

static bool wants_hsm(const struct settings *settings)
{
    bool wanted = false;
    for (size_t i = 0; i < settings->keys.ring.count; i++)
        wanted |= is_wanted_of_hsm(settings, i);
    return wanted;
}

bool settings_open_hsm(struct settings *settings, struct buf *why)
{
    if (!*settings->config->hsm_module && !wants_hsm(settings))
        return true;
    settings->hsm = hsm_open(settings->config, why);
    return settings->hsm && settings_try_hsm(settings, why);
}

bool settings_share_hsm(struct settings *settings, struct settings *started_with, struct buf *why)
{
    if (wants_hsm(settings) && !started_with->hsm) {
        buf_printf(why, "%s: a key is in an HSM, and none was opened at the start",
                   settings->config->keys_codes);
        return false;
    }
    settings->hsm = started_with->hsm;
    settings->hsm_from = settings_take(started_with);
    return true;
}

bool settings_try_hsm(struct settings *settings, struct buf *why)
{
    for (size_t i = 0; i < settings->keys.ring.count; i++) {
        if (!is_wanted_of_hsm(settings, i))
            continue;
        struct crypto_signer *signer = settings_signer_take(settings, i, why);
        if (!signer)
            return false;
        settings_signer_give(settings, i, signer);
    }
    return true;
}

const struct keyring_key *settings_signing_key_at(const struct settings *settings, enum key_use use,
                                                  int64_t now)
{
    return keyring_signing(&settings->keys.ring, use, config_key_algorithm(settings->config), now);
}

const struct keyring_key *settings_signing_key(const struct settings *settings, enum key_use use)
{
    return settings_signing_key_at(settings, use, clock_wall_s());
}

bool settings_can_sign(const struct settings *settings, enum key_use use, struct buf *why)
{
    if (settings_signing_key(settings, use))
        return true;
    buf_printf(why, "%s: no key of use %s in it signs now with %s", settings->config->keys_codes,
               key_use_text(use), key_alg_text(config_key_algorithm(settings->config)));
    return false;
}

/* ---- signers that are kept ---- */

struct kept_signer {
    struct kept_signer *next;
    size_t key;
    struct crypto_signer *signer;
};

static struct crypto_signer *create_signer(const struct settings *settings, size_t i,
                                           struct buf *why)
{
    const struct keyring_key *key = &settings->keys.ring.keys[i];
    struct crypto_signer *signer =
        keyfile_in_hsm(&settings->keys, i)
            ? crypto_hsm_signer_create(settings->hsm, bytes_str(settings->keys.uris[i]),
                                       key->public_key, why)
            : crypto_openssl.signer_create(key->alg, &settings->keys.pairs[i]);
    if (!signer && !why->len)
        buf_put_str(why, "the crypto library refused the key");
    return signer;
}

struct crypto_signer *settings_signer_take(struct settings *settings, size_t i, struct buf *why)
{
    pthread_mutex_lock(&settings->signers_lock);
    struct kept_signer **at = &settings->signers;
    while (*at && (*at)->key != i)
        at = &(*at)->next;
    struct kept_signer *kept = *at;
    if (kept)
        *at = kept->next;
    pthread_mutex_unlock(&settings->signers_lock);
    if (!kept)
        return create_signer(settings, i, why);
    struct crypto_signer *signer = kept->signer;
    free(kept);
    return signer;
}

/* There are never more than threads that sign at once. */
void settings_signer_give(struct settings *settings, size_t i, struct crypto_signer *signer)
{
    struct kept_signer *kept = check_alloc(sizeof *kept);
    kept->key = i;
    kept->signer = signer;
    pthread_mutex_lock(&settings->signers_lock);
    kept->next = settings->signers;
    settings->signers = kept;
    pthread_mutex_unlock(&settings->signers_lock);
}

static void drop_signers(struct settings *settings)
{
    struct kept_signer *kept;
    while ((kept = settings->signers) != NULL) {
        settings->signers = kept->next;
        crypto_openssl.signer_destroy(&kept->signer);
        free(kept);
    }
}

/* ---- references ---- */

struct settings *settings_take(struct settings *settings)
{
    atomic_fetch_add(&settings->references, 1);
    return settings;
}

void settings_release(struct settings **settings)
{
    struct settings *s = *settings;
    *settings = NULL;
    if (!s || atomic_fetch_sub(&s->references, 1) != 1)
        return;
    drop_signers(s);
    if (s->hsm_from)
        settings_release(&s->hsm_from);
    else
        crypto_hsm_close(&s->hsm);
    pthread_mutex_destroy(&s->signers_lock);
    http_tls_release(s->tls);
    keyfile_wipe(&s->keys);
    policy_destroy(&s->policy);
    calendar_destroy(&s->calendar);
    config_destroy(&s->config);
    free(s);
}
