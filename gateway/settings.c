#include "gateway/settings.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"

struct settings *settings_load(const char *path, struct buf *why)
{
    struct settings *settings = check_alloc(sizeof *settings);
    atomic_init(&settings->references, 1);
    settings->config = config_read(path, why);
    if (!settings->config ||
        !keyfile_read(settings->config->keys_codes, &crypto_openssl, &settings->keys, why))
        goto failed;
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
    bool readable = secret_read(settings->config->registry_secret, secret, why) &&
                    secret_read(settings->config->keys_secret, secret, why);
    crypto_wipe(secret, sizeof secret);
    return readable;
}

bool settings_can_sign(const struct settings *settings, struct buf *why)
{
    if (keyring_signing(&settings->keys.ring, KEY_USE_CODE, clock_wall_s()))
        return true;
    buf_printf(why, "%s: no key in it signs now", settings->config->keys_codes);
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
    config_destroy(&s->config);
    free(s);
}
