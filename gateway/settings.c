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

struct settings *settings_load(const char *path, struct buf *why)
{
    struct settings *settings = check_alloc(sizeof *settings);
    atomic_init(&settings->references, 1);
    settings->config = config_read(path, why);
    if (!settings->config || !check_proxies(settings->config, path, why) ||
        !keyfile_read(settings->config->keys_codes, &crypto_openssl, &settings->keys, why) ||
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

bool settings_can_sign(const struct settings *settings, enum key_use use, struct buf *why)
{
    if (keyring_signing(&settings->keys.ring, use, clock_wall_s()))
        return true;
    buf_printf(why, "%s: no key of use %s in it signs now", settings->config->keys_codes,
               key_use_text(use));
    return false;
}

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
    http_tls_release(s->tls);
    keyfile_wipe(&s->keys);
    policy_destroy(&s->policy);
    calendar_destroy(&s->calendar);
    config_destroy(&s->config);
    free(s);
}
