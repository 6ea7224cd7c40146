/* floor ANSWER_BYTES [sign]: the least that a gateway on libh2o could cost. A bare POST handler
 * that answers 200 with so many octets of body, whatever was sent; with `sign` it makes one ECDSA
 * P-256 signature for each request first, with a kept OpenSSL context. Prints its port. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <h2o.h>
#include <h2o/http1.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "base/check.h"

static h2o_globalconf_t config;
static h2o_context_t context;
static h2o_iovec_t body;
static EVP_PKEY_CTX *signer;

static void sign(void)
{
    static uint8_t hash[32], signature[80];
    size_t len = sizeof signature;
    for (size_t i = 0; ++hash[i] == 0 && i + 1 < sizeof hash; i++)
        ;
    CHECK(EVP_PKEY_sign(signer, signature, &len, hash, sizeof hash) == 1);
}

static int answer(h2o_handler_t *self, h2o_req_t *req)
{
    static h2o_generator_t generator;
    (void)self;
    if (signer)
        sign();
    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = body.len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    h2o_start_response(req, &generator);
    h2o_send(req, &body, 1, H2O_SEND_STATE_FINAL);
    return 0;
}

static void on_acceptable(h2o_socket_t *listener, const char *error)
{
    h2o_accept_ctx_t accept = {.ctx = &context, .hosts = config.hosts};
    struct timeval now = {0};
    h2o_socket_t *socket;
    while (!error && (socket = h2o_evloop_socket_accept(listener)))
        h2o_http1_accept(&accept, socket, now);
}

static void listen_anywhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(descriptor >= 0 && bind(descriptor, (struct sockaddr *)&address, len) == 0 &&
          listen(descriptor, 1024) == 0 &&
          getsockname(descriptor, (struct sockaddr *)&address, &len) == 0);
    h2o_socket_t *listener =
        h2o_evloop_socket_create(context.loop, descriptor, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(listener, on_acceptable);
    printf("port %u\n", ntohs(address.sin_port));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3 || strtol(argv[1], NULL, 10) < 1) {
        fputs("usage: floor ANSWER_BYTES [sign]\n", stderr);
        return 2;
    }
    body.len = (size_t)strtol(argv[1], NULL, 10);
    body.base = check_alloc(body.len);
    memset(body.base, ' ', body.len);
    if (argc == 3) {
        EVP_PKEY *key = EVP_EC_gen("P-256");
        signer = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
        CHECK(signer && EVP_PKEY_sign_init(signer) == 1);
    }
    signal(SIGPIPE, SIG_IGN);
    h2o_config_init(&config);
    config.server_name = h2o_iovec_init("", 0); /* as the gateway: no such header */
    h2o_hostconf_t *host = h2o_config_register_host(&config, h2o_iovec_init("default", 7), 65535);
    h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(h2o_handler_t))->on_req =
        answer;
    h2o_context_init(&context, h2o_evloop_create(), &config);
    listen_anywhere();
    for (;;)
        h2o_evloop_run(context.loop, INT32_MAX);
}
