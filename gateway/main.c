/* jwb-gateway: reads its configuration, starts the gateway, waits for signals. */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>

#include <jansson.h>

#include "base/check.h"
#include "gateway/gateway.h"
#include "gateway/log.h"
#include "gateway/outbound/fetch.h"
#include "gateway/witness.h"

static const char help[] =
    "Usage: jwb-gateway --config FILE [--check-config | --print-config | --witness]\n"
    "Serves the display and the verification of electronic licences.\n"
    "\n"
    "  --config FILE    the configuration (YAML); relative files in it are beside it\n"
    "  --check-config   read it and the files it names, say whether all is well, and exit\n"
    "  --print-config   print the effective configuration with every key explained, and exit\n"
    "  --witness        cosign checkpoints of other departments' evidence logs, and nothing else\n"
    "  --version        print the version and exit\n"
    "  --help           print this and exit\n"
    "\n"
    "SIGTERM, SIGINT    finish running requests, then stop\n"
    "SIGHUP             read the configuration anew; a bad one changes nothing\n";

/* The other threads tell themselves what they can't sign. */
static void warn_of_receipts(const struct settings *settings)
{
    char text[512];
    struct buf why = BUF_OVER(text);
    if (!settings_can_sign(settings, KEY_USE_RECEIPT, &why))
        log_event(LOG_WARNING, "no key to sign receipts with", LOG_BYTES("why", buf_bytes(&why)));
}

/* NULL, with a sentence: the old ones stay. */
static struct settings *load_anew(struct gateway *gateway, const char *path, struct buf *why)
{
    struct settings *settings = settings_load(path, why);
    if (settings && !settings->tls != !gateway->started_with->tls)
        buf_put_str(why, "public.plain_http can't change while the gateway runs");
    else if (settings && settings_share_hsm(settings, gateway->started_with, why) &&
             gateway_reload(gateway, settings, why))
        return settings;
    settings_release(&settings);
    return NULL;
}

static void reload(struct gateway *gateway, const char *path)
{
    char text[512];
    struct buf why = BUF_OVER(text);
    struct settings *settings = load_anew(gateway, path, &why);
    if (!settings) {
        log_event(LOG_ERROR, "reload refused, the old configuration stays",
                  LOG_BYTES("why", buf_bytes(&why)));
        return;
    }
    if (!settings_can_sign(settings, KEY_USE_CODE, &why)) /* a revocation waits for no new key */
        log_event(LOG_ERROR, "no key to sign codes with", LOG_BYTES("why", buf_bytes(&why)));
    why.len = 0;
    if (!settings_try_hsm(settings, &why)) /* nor for an HSM */
        log_event(LOG_ERROR, "a key in the HSM can't be used", LOG_BYTES("why", buf_bytes(&why)));
    warn_of_receipts(settings);
    why.len = 0;
    config_changed_at_start(gateway->started_with->config, settings->config, &why);
    if (why.len)
        log_event(LOG_WARNING, "changes that need a restart", LOG_BYTES("keys", buf_bytes(&why)));
    log_set_level(config_log_level(settings->config));
    log_event(LOG_INFO, "reloaded");
}

static int serve(const char *path)
{
    char text[512];
    struct buf why = BUF_OVER(text);
    sigset_t signals;
    int signal_number;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error to answer, as a full disk is */
    json_object_seed(0);      /* before there are threads, as is the next */
    fetch_init();

    struct settings *settings = settings_load(path, &why);
    if (settings &&
        (!settings_can_sign(settings, KEY_USE_CODE, &why) || !settings_open_hsm(settings, &why)))
        settings_release(&settings);
    if (settings)
        log_set_level(config_log_level(settings->config));
    struct gateway *gateway = settings ? gateway_start(settings, &why) : NULL;
    if (!gateway) {
        fprintf(stderr, "jwb-gateway: %s\n", buf_cstr(&why));
        return 1;
    }
    warn_of_receipts(settings);
    log_event(LOG_INFO, "ready", LOG_TEXT("version", JWB_VERSION),
              LOG_NUMBER("loops", gateway->loop_count));
    while (sigwait(&signals, &signal_number) == 0 && signal_number == SIGHUP)
        reload(gateway, path);
    log_event(LOG_INFO, "stopping");
    gateway_stop(&gateway);
    log_event(LOG_INFO, "stopped");
    return 0;
}

static int serve_as_witness(const char *path)
{
    char text[512];
    struct buf why = BUF_OVER(text);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGXFSZ, SIG_IGN);
    struct config *config = config_read(path, &why);
    bool served = config && witness_serve(config, &why);
    if (!served)
        fprintf(stderr, "jwb-gateway: %s\n", buf_cstr(&why));
    config_destroy(&config);
    return served ? 0 : 1;
}

static int check(const char *path, bool print)
{
    char text[512];
    struct buf why = BUF_OVER(text);
    struct settings *settings = print ? NULL : settings_load(path, &why);
    struct config *config = print ? config_read(path, &why) : NULL;
    bool well = print ? config != NULL
                      : settings && settings_has_secrets(settings, &why) &&
                            settings_can_sign(settings, KEY_USE_CODE, &why) &&
                            settings_open_hsm(settings, &why);
    if (!well)
        fprintf(stderr, "jwb-gateway: %s\n", buf_cstr(&why));
    else if (print)
        config_print(config, stdout);
    else
        printf("%s: ok\n", path);
    settings_release(&settings);
    config_destroy(&config);
    return well ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check-config", no_argument, NULL, 'k'},
        {"print-config", no_argument, NULL, 'p'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {"witness", no_argument, NULL, 'w'},
        {NULL, 0, NULL, 0},
    };
    const char *path = NULL;
    int mode = 0, option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'c')
            path = optarg;
        else if (option == 'k' || option == 'p' || option == 'w')
            mode = option;
        else if (option == 'v')
            return printf("jwb-gateway %s\n", JWB_VERSION) < 0;
        else if (option == 'h')
            return fputs(help, stdout) < 0;
        else
            return 2;
    }
    if (!path || optind < argc) {
        fprintf(stderr, "jwb-gateway: %s; see --help\n",
                path ? "an argument too many" : "--config FILE is missing");
        return 2;
    }
    return mode == 'w' ? serve_as_witness(path) : mode ? check(path, mode == 'p') : serve(path);
}
