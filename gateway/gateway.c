#include "gateway/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/indexer.h"
#include "gateway/issuer.h"
#include "gateway/ledger.h"
#include "gateway/log.h"
#include "gateway/publisher.h"
#include "gateway/relay.h"
#include "gateway/webhooks.h"

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

static void cache_changed(void *context, enum cache_state state)
{
    struct gateway *gateway = context;
    if (state == CACHE_UP)
        atomic_store(&gateway->compare_wanted, true);
}

/* ---- starting ---- */

static struct gateway_loop *add_loop(struct gateway *gateway)
{
    struct gateway_loop *home = check_alloc(sizeof *home);
    home->gateway = gateway;
    home->index = gateway->loop_count;
    home->record_task.run = operation_write_records;
    home->recording_tail = &home->recording;
    return gateway->loops[gateway->loop_count++] = home;
}

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
        .cipher = config_cipher(config->registry_cipher),
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
        .large = {.target = "POST /v1/issuer/licences:import",
                  .folder = *config->imports_folder ? config->imports_folder : P_tmpdir,
                  .bytes_max = config->imports_bytes_max,
                  .at_once_max = (unsigned)config->imports_running_max,
                  .admits = issuer_admits},
    };
    gateway->copy = copy_create();
    gateway->workers = worker_pool_create((unsigned)config->loops_workers,
                                          (unsigned)config->loops_worker_queue_max);
    gateway->errands = worker_pool_create((unsigned)config->loops_errands,
                                          (unsigned)config->loops_worker_queue_max);
    gateway->http = http_create(&http);
    gateway->identity = identity_create(config, gateway->errands, why);
    opened &= gateway->identity != NULL;
    unsigned loops = config->loops_count ? (unsigned)config->loops_count
                                         : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    for (unsigned i = 0; opened && i < loops && i < GATEWAY_LOOPS_MAX; i++)
        opened = gateway_loop_open(add_loop(gateway), secret, why);
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
    CHECK(pthread_mutex_init(&gateway->settings_lock, NULL) == 0);
    directory_shelf_init(&gateway->directories);
    if (!open_rooms(gateway, why) ||
        !listen_on(gateway, config->public_address, config->public_port, settings->tls,
                   routes_serve_public, &gateway->public_port, why) ||
        !listen_on(gateway, config->internal_address, config->internal_port, NULL,
                   routes_serve_internal, &gateway->internal_port, why)) {
        gateway_stop(&gateway);
        return NULL;
    }
    gateway->ledger = ledger_start(gateway, why);
    if (!gateway->ledger) {
        gateway_stop(&gateway);
        return NULL;
    }
    gateway->relay = relay_start(gateway, &cache);
    if (!gateway->relay) {
        buf_printf(why, "%s: can't be opened for reading", config->registry_path);
        gateway_stop(&gateway);
        return NULL;
    }
    gateway->publisher = publisher_start(gateway);
    gateway->indexer = indexer_start(gateway->started_with->config->evidence_folder,
                                     (unsigned)config->evidence_index_ms);
    gateway->webhooks = webhooks_start(gateway);
    for (unsigned i = 0; i < gateway->loop_count; i++) {
        struct gateway_loop *home = gateway->loops[i];
        home->cache = cache_create(home->loop, &cache, cache_changed, gateway);
        home->http = http_attach(gateway->http, home->loop, i, home);
    }
    /* Each may be asked for the counters of all: none begins before all are there. */
    for (unsigned i = 0; i < gateway->loop_count; i++)
        gateway->loops[i]->thread = loop_thread_start(gateway->loops[i]->loop);
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

bool gateway_reload(struct gateway *gateway, struct settings *settings, struct buf *why)
{
    if (!identity_reload(gateway->identity, settings->config, why))
        return false;
    for (unsigned i = 0; i < gateway->loop_count; i++)
        give_order(gateway->loops[i], settings);
    pthread_mutex_lock(&gateway->settings_lock);
    settings_release(&gateway->settings);
    gateway->settings = settings;
    pthread_mutex_unlock(&gateway->settings_lock);
    publisher_wake(gateway->publisher);
    return true;
}

struct settings *gateway_settings(struct gateway *gateway)
{
    pthread_mutex_lock(&gateway->settings_lock);
    struct settings *settings = settings_take(gateway->settings);
    pthread_mutex_unlock(&gateway->settings_lock);
    return settings;
}

void gateway_stop(struct gateway **gateway)
{
    struct gateway *g = *gateway;
    *gateway = NULL;
    bool running = g->relay != NULL;
    for (unsigned i = 0; running && i < g->loop_count; i++)
        give_order(g->loops[i], NULL);
    for (unsigned i = 0; running && i < g->loop_count; i++)
        loop_thread_wait(g->loops[i]->thread);
    if (running) /* the last requests still needed the copy, and its state */
        relay_stop(g->relay);
    publisher_stop(&g->publisher);
    webhooks_stop(&g->webhooks);
    indexer_stop(&g->indexer);
    worker_pool_destroy(&g->workers);
    worker_pool_destroy(&g->errands);
    identity_destroy(&g->identity);
    for (unsigned i = 0; i < g->loop_count; i++)
        gateway_loop_close(g->loops[i]);
    ledger_stop(&g->ledger); /* what the journals hold by now goes into the log */
    registry_close(&g->registry);
    relay_destroy(&g->relay);
    for (unsigned i = 0; i < g->loop_count; i++) {
        if (g->loops[i]->loop && !g->loops[i]->loop_is_left)
            loop_destroy(&g->loops[i]->loop);
        loop_thread_end(&g->loops[i]->thread);
        free(g->loops[i]);
    }
    http_destroy(&g->http);
    copy_destroy(&g->copy);
    directory_shelf_fini(&g->directories);
    settings_release(&g->settings);
    settings_release(&g->started_with);
    pthread_mutex_destroy(&g->settings_lock);
    free(g);
}
