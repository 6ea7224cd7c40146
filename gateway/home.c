#include "gateway/home.h"

#include <stdlib.h>

#include "base/check.h"
#include "gateway/log.h"

bool gateway_mark_code(struct gateway_loop *home, struct bytes cose, uint8_t mark[CACHE_MAC_BYTES])
{
    uint8_t mac[CRYPTO_HASH_BYTES];
    const struct bytes parts[] = {BYTES("jwb-code-1"), cose};
    bool made = crypto_openssl.mac_compute(home->code_mac, parts, 2, mac) == CRYPTO_OK;
    memcpy(mark, mac, CACHE_MAC_BYTES);
    return made;
}

bool gateway_knows_later(struct gateway_loop *home, uint16_t list, uint32_t index)
{
    const struct copy *copy = home->gateway->copy;
    struct registry_list lists[REGISTRY_LISTS_MAX];
    size_t n = REGISTRY_LISTS_MAX;
    if (copy_bits(copy, list, index) == 0)
        return false;
    struct copy_position at = copy_position(copy, list);
    if (registry_lists(home->reader, lists, &n) != REGISTRY_OK)
        return true;
    for (size_t i = 0; i < n; i++)
        if (lists[i].list == list)
            return lists[i].generation == at.generation && lists[i].seq < at.seq;
    return true;
}

const struct registry_catalogue_entry *gateway_licence_type(struct gateway_loop *home,
                                                            uint16_t index)
{
    if (index >= GATEWAY_CATALOGUE_MAX)
        return NULL;
    if (!home->types[index]) {
        struct registry_catalogue_entry entry;
        if (registry_licence_type(home->reader, index, &entry) != REGISTRY_OK)
            return NULL;
        home->types[index] = check_alloc(sizeof entry);
        *home->types[index] = entry;
    }
    return home->types[index];
}

static bool derive(const uint8_t secret[CRYPTO_SECRET_BYTES], const char *purpose,
                   uint8_t key[CRYPTO_SECRET_BYTES])
{
    return crypto_openssl.hkdf(secret, bytes_str(purpose), key, CRYPTO_SECRET_BYTES) == CRYPTO_OK;
}

/* K_token, K_code and K_face, separated by HKDF. */
static bool derive_keys(struct gateway_loop *home, const struct config *config,
                        const uint8_t secret[CRYPTO_SECRET_BYTES])
{
    uint8_t key[CRYPTO_SECRET_BYTES];
    bool made =
        derive(secret, TOKEN_KEY_INFO, key) && (home->token_mac = crypto_openssl.mac_create(key)) &&
        derive(secret, "jwb-code-key-1", key) &&
        (home->code_mac = crypto_openssl.mac_create(key)) &&
        derive(secret, "jwb-face-key-1", key) &&
        (home->face_aead = crypto_openssl.aead_create(config_cipher(config->keys_cipher), key));
    crypto_wipe(key, sizeof key);
    return made;
}

static void drop_keys(struct loop_keys *keys)
{
    for (size_t i = 0; i < KEYRING_KEYS_MAX; i++) {
        crypto_openssl.signer_destroy(&keys->signers[i]);
        crypto_openssl.verifier_destroy(&keys->verifiers[i]);
    }
}

/* Of a key in an HSM workers alone have signers: gateway/signing.h. */
static bool make_keys(const struct settings *settings, struct loop_keys *keys)
{
    const struct keyfile *file = &settings->keys;
    for (size_t i = 0; i < file->ring.count; i++) {
        const struct keyring_key *key = &file->ring.keys[i];
        keys->verifiers[i] = crypto_openssl.verifier_create(key->alg, key->public_key);
        if (!keyfile_in_hsm(file, i))
            keys->signers[i] = crypto_openssl.signer_create(key->alg, &file->pairs[i]);
        if (!keys->verifiers[i] || (!keys->signers[i] && !keyfile_in_hsm(file, i)))
            return false;
    }
    return true;
}

bool gateway_loop_use_settings(struct gateway_loop *home, struct settings *settings)
{
    struct loop_keys keys = {0};
    if (!make_keys(settings, &keys)) {
        drop_keys(&keys);
        return false;
    }
    drop_keys(&home->keys);
    home->keys = keys;
    if (home->http && settings->tls)
        http_set_tls(home->http, ROUTE_LISTENER_PUBLIC, settings->tls);
    settings_release(&home->settings);
    home->settings = settings_take(settings);
    return true;
}

bool gateway_loop_open(struct gateway_loop *home, const uint8_t secret[CRYPTO_SECRET_BYTES],
                       struct buf *why)
{
    struct gateway *gateway = home->gateway;
    const struct config *config = gateway->settings->config;
    char path[4096];
    struct buf log = BUF_OVER(path);
    config_log_folder(config, &log);
    const struct journal_options journal = {
        .folder = config->evidence_folder,
        .loop_index = home->index,
        .sync_ms = (unsigned)config->evidence_sync_ms,
        .file_bytes_max = config->evidence_file_bytes_max,
        .turn_bytes_max = GATEWAY_EVIDENCE_BYTES,
        .log = buf_cstr(&log),
    };
    enum journal_error opened = journal_open(&journal, &home->journal, why);
    if (opened == JOURNAL_ERR_DAMAGED) { /* kept as it is; the next file was begun */
        log_event(LOG_ERROR, "a journal is left as it is", LOG_BYTES("why", buf_bytes(why)));
        why->len = 0;
    } else if (opened != JOURNAL_OK) {
        return false;
    }
    home->reader = registry_reader_create(gateway->registry);
    if (!home->reader) {
        buf_printf(why, "%s: can't be opened for reading", config->registry_path);
        return false;
    }
    /* Request ids: unguessable enough not to collide between restarts and loops. */
    if (crypto_openssl.random((uint8_t *)&home->next_request_id, 7) != CRYPTO_OK ||
        !derive_keys(home, config, secret) || !gateway_loop_use_settings(home, gateway->settings)) {
        buf_put_str(why, "the crypto library refused the keys");
        return false;
    }
    home->throttle = throttle_create((unsigned)config->throttle_addresses_max);
    home->loop = loop_create();
    return true;
}

void gateway_loop_close(struct gateway_loop *home)
{
    if (!http_detach(&home->http))
        home->loop_is_left = true; /* with the connections that outlived it */
    if (home->loop)
        loop_timer_stop(&home->try_timer);
    if (home->cache)
        cache_destroy(&home->cache);
    registry_reader_destroy(&home->reader);
    directory_release(&home->directory);
    throttle_destroy(&home->throttle);
    if (home->journal)
        journal_close(&home->journal);
    drop_keys(&home->keys);
    crypto_openssl.mac_destroy(&home->token_mac);
    crypto_openssl.mac_destroy(&home->code_mac);
    crypto_openssl.aead_destroy(&home->face_aead);
    settings_release(&home->settings);
    for (size_t i = 0; i < GATEWAY_CATALOGUE_MAX; i++)
        free(home->types[i]);
}
