#include "gateway/gateway.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/log.h"
#include "gateway/relay.h"

/* ---- what a loop has of its own ---- */

bool gateway_mark_code(struct gateway_loop *home, struct bytes cose, uint8_t mark[CACHE_MAC_BYTES])
{
    uint8_t mac[CRYPTO_HASH_BYTES];
    const struct bytes parts[] = {BYTES("jwb-code-1"), cose};
    bool made = crypto_openssl.mac_compute(home->code_mac, parts, 2, mac) == CRYPTO_OK;
    memcpy(mark, mac, CACHE_MAC_BYTES);
    return made;
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

/* The turn's evidence leaves with one write; then those who waited for it go on. */
static void write_records(struct loop_task *task)
{
    struct gateway_loop *home =
        (struct gateway_loop *)((char *)task - offsetof(struct gateway_loop, record_task));
    struct operation *op = home->recording;
    bool written = journal_write(home->journal) == JOURNAL_OK;
    home->recording = NULL;
    home->recording_tail = &home->recording;
    if (!written)
        log_event(LOG_ERROR, "evidence can't be written", LOG_NUMBER("loop", home->index));
    while (op) {
        struct operation *next = op->next;
        op->recorded = written;
        operation_resume(op);
        op = next;
    }
}

static bool derive(const uint8_t secret[CRYPTO_SECRET_BYTES], const char *purpose,
                   uint8_t key[CRYPTO_SECRET_BYTES])
{
    return crypto_openssl.hkdf(secret, bytes_str(purpose), key, CRYPTO_SECRET_BYTES) == CRYPTO_OK;
}

/* K_token, K_code and K_face, separated by HKDF. */
static bool derive_keys(struct gateway_loop *home, const uint8_t secret[CRYPTO_SECRET_BYTES])
{
    uint8_t key[CRYPTO_SECRET_BYTES];
    bool made = derive(secret, "jwb-token-key-1", key) &&
                (home->token_mac = crypto_openssl.mac_create(key)) &&
                derive(secret, "jwb-code-key-1", key) &&
                (home->code_mac = crypto_openssl.mac_create(key)) &&
                derive(secret, "jwb-face-key-1", key) &&
                (home->face_aead = crypto_openssl.aead_create(key));
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

bool gateway_loop_use_settings(struct gateway_loop *home, struct settings *settings)
{
    const struct keyring *ring = &settings->keys.ring;
    struct loop_keys keys = {0};
    for (size_t i = 0; i < ring->count; i++) {
        keys.signers[i] = crypto_openssl.signer_create(&settings->keys.pairs[i]);
        keys.verifiers[i] = crypto_openssl.verifier_create(ring->keys[i].public_key);
        if (!keys.signers[i] || !keys.verifiers[i]) {
            drop_keys(&keys);
            return false;
        }
    }
    drop_keys(&home->keys);
    home->keys = keys;
    if (home->http && home->settings->tls && settings->tls) /* plain or not is settled at start */
        http_set_tls(home->http, ROUTE_LISTENER_PUBLIC, settings->tls);
    settings_release(&home->settings);
    home->settings = settings_take(settings);
    return true;
}

static struct cache_options cache_options(const struct config *config)
{
    return (struct cache_options){
        .socket_path = *config->cache_socket ? config->cache_socket : NULL,
        .host = config->cache_host,
        .port = (uint16_t)config->cache_port,
        .connect_timeout_ms = (unsigned)config->cache_connect_timeout_ms,
        .trip_timeout_ms = (unsigned)config->cache_trip_timeout_ms,
        .in_flight_max = (unsigned)config->cache_in_flight_max,
        .retry_ms = (unsigned)config->cache_retry_ms,
        .breaker_failures = (unsigned)config->cache_breaker_failures,
    };
}

static struct gateway_loop *loop_make(struct gateway *gateway, unsigned index,
                                      const uint8_t secret[CRYPTO_SECRET_BYTES], struct buf *why)
{
    const struct config *config = gateway->settings->config;
    struct gateway_loop *home = check_alloc(sizeof *home);
    gateway->loops[gateway->loop_count++] = home;
    home->gateway = gateway;
    home->index = index;
    home->record_task.run = write_records;
    home->recording_tail = &home->recording;
    const struct journal_options journal = {
        .folder = config->evidence_folder,
        .loop_index = index,
        .sync_ms = (unsigned)config->evidence_sync_ms,
        .file_bytes_max = config->evidence_file_bytes_max,
        .turn_bytes_max = GATEWAY_EVIDENCE_BYTES,
    };
    enum journal_error opened = journal_open(&journal, &home->journal, why);
    if (opened == JOURNAL_ERR_DAMAGED) { /* kept as it is; the next file was begun */
        log_event(LOG_ERROR, "a journal is damaged", LOG_BYTES("why", buf_bytes(why)));
        why->len = 0;
    } else if (opened != JOURNAL_OK) {
        return NULL;
    }
    home->reader = registry_reader_create(gateway->registry);
    if (!home->reader) {
        buf_printf(why, "%s: can't be opened for reading", config->registry_path);
        return NULL;
    }
    /* Request ids: unguessable enough not to collide between restarts and loops. */
    if (crypto_openssl.random((uint8_t *)&home->next_request_id, 7) != CRYPTO_OK ||
        !derive_keys(home, secret) || !gateway_loop_use_settings(home, gateway->settings)) {
        buf_put_str(why, "the crypto library refused the keys");
        return NULL;
    }
    home->loop = loop_create();
    return home;
}

static void *loop_thread(void *context)
{
    struct gateway_loop *home = context;
    loop_run(home->loop);
    return NULL;
}

/* ---- the whole ---- */

static bool listen_on(struct gateway *gateway, const char *address, uint64_t port,
                      struct http_tls *tls, http_handler *handler, uint16_t *bound, struct buf *why)
{
    *bound =
        http_listen(gateway->http, address, (uint16_t)port, tls, handler, gateway->loop_count, why);
    if (*bound)
        log_event(LOG_INFO, "listening", LOG_TEXT("address", address), LOG_NUMBER("port", *bound),
                  LOG_TEXT("protocol", tls ? "https" : "http"));
    return *bound != 0;
}

static bool open_rooms(struct gateway *gateway, struct buf *why)
{
    const struct config *config = gateway->settings->config;
    uint8_t secret[CRYPTO_SECRET_BYTES];
    if (!secret_read(config->registry_secret, secret, why))
        return false;
    const struct registry_options registry = {
        .path = config->registry_path,
        .secret = secret,
        .crypto = &crypto_openssl,
        .create = true,
        .queue_max = (unsigned)config->registry_queue_max,
        .busy_timeout_ms = (unsigned)config->registry_busy_timeout_ms,
        .checkpoint_ms = (unsigned)config->registry_checkpoint_ms,
    };
    bool opened = registry_open(&registry, &gateway->registry, why) == REGISTRY_OK &&
                  secret_read(config->keys_secret, secret, why);
    const struct http_options http = {
        .connections_max = (unsigned)config->http_connections_max,
        .body_bytes_max = (unsigned)config->http_body_bytes_max,
        .header_bytes_max = (unsigned)config->http_header_bytes_max,
        .request_timeout_ms = (unsigned)config->http_request_timeout_ms,
        .idle_timeout_ms = (unsigned)config->http_idle_timeout_ms,
        .tcp_user_timeout_ms = (unsigned)config->http_tcp_user_timeout_ms,
        .backlog = (unsigned)config->http_backlog,
    };
    gateway->copy = copy_create();
    gateway->workers = worker_pool_create((unsigned)config->loops_workers,
                                          (unsigned)config->loops_worker_queue_max);
    gateway->http = http_create(&http);
    unsigned loops = config->loops_count ? (unsigned)config->loops_count
                                         : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    for (unsigned i = 0; opened && i < loops && i < GATEWAY_LOOPS_MAX; i++)
        opened = loop_make(gateway, i, secret, why) != NULL;
    crypto_wipe(secret, sizeof secret);
    return opened;
}

struct gateway *gateway_start(struct settings *settings, struct buf *why)
{
    const struct config *config = settings->config;
    const struct cache_options cache = cache_options(config);
    struct gateway *gateway = check_alloc(sizeof *gateway);
    gateway->settings = settings;
    gateway->started_with = settings_take(settings);
    if (!open_rooms(gateway, why) ||
        !listen_on(gateway, config->public_address, config->public_port, settings->tls,
                   routes_serve_public, &gateway->public_port, why) ||
        !listen_on(gateway, config->internal_address, config->internal_port, NULL,
                   routes_serve_internal, &gateway->internal_port, why)) {
        gateway_stop(&gateway);
        return NULL;
    }
    gateway->relay = relay_start(gateway, &cache);
    for (unsigned i = 0; i < gateway->loop_count; i++) {
        struct gateway_loop *home = gateway->loops[i];
        home->cache = cache_create(home->loop, &cache, NULL, NULL);
        home->http = http_attach(gateway->http, home->loop, i, home);
        CHECK(pthread_create(&home->thread, NULL, loop_thread, home) == 0);
    }
    return gateway;
}

/* ---- messages from main's thread to a loop ---- */

struct order {
    struct loop_message message;
    struct gateway_loop *home;
    struct settings *settings; /* reload: a reference; NULL: drain */
};

static void drained(void *context)
{
    struct gateway_loop *home = context;
    loop_stop(home->loop);
}

static void order_delivered(struct loop_message *message)
{
    struct order *order = (struct order *)message;
    struct gateway_loop *home = order->home;
    if (!order->settings)
        http_drain(home->http, (unsigned)home->settings->config->http_drain_ms, drained);
    else if (!gateway_loop_use_settings(home, order->settings))
        log_event(LOG_ERROR, "reload failed on a loop: the crypto library refused a key");
    settings_release(&order->settings);
    free(order);
}

static void give_order(struct gateway_loop *home, struct settings *settings)
{
    struct order *order = check_alloc(sizeof *order);
    order->message.deliver = order_delivered;
    order->home = home;
    order->settings = settings ? settings_take(settings) : NULL;
    loop_post(home->loop, &order->message);
}

void gateway_reload(struct gateway *gateway, struct settings *settings)
{
    for (unsigned i = 0; i < gateway->loop_count; i++)
        give_order(gateway->loops[i], settings);
    settings_release(&gateway->settings);
    gateway->settings = settings;
}

static void loop_close(struct gateway_loop *home)
{
    if (home->http)
        http_detach(&home->http);
    if (home->cache)
        cache_destroy(&home->cache);
    registry_reader_destroy(&home->reader);
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

void gateway_stop(struct gateway **gateway)
{
    struct gateway *g = *gateway;
    *gateway = NULL;
    bool running = g->relay != NULL;
    if (running)
        relay_stop(g->relay);
    for (unsigned i = 0; running && i < g->loop_count; i++)
        give_order(g->loops[i], NULL);
    for (unsigned i = 0; running && i < g->loop_count; i++)
        pthread_join(g->loops[i]->thread, NULL);
    worker_pool_destroy(&g->workers);
    for (unsigned i = 0; i < g->loop_count; i++)
        loop_close(g->loops[i]);
    registry_close(&g->registry);
    relay_destroy(&g->relay);
    for (unsigned i = 0; i < g->loop_count; i++) {
        if (g->loops[i]->loop)
            loop_destroy(&g->loops[i]->loop);
        free(g->loops[i]);
    }
    http_destroy(&g->http);
    copy_destroy(&g->copy);
    settings_release(&g->settings);
    settings_release(&g->started_with);
    free(g);
}
