/* An HTTPS server of a test's own, on a free port of 127.0.0.1: one thread, one request after the
 * other, each answered as the test last said. Only in one file of a program, hence all inline. */
#ifndef TESTS_HTTPS_SERVER_H
#define TESTS_HTTPS_SERVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "tests/support.h"

struct https_server {
    uint16_t port;
    int listener;
    SSL_CTX *context;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    char head[256];    /* of the answer: status line, headers but the body's length */
    struct bytes body; /* the test's */
    bool endless;      /* the body, again and again */
    bool held;         /* answers wait */
    bool stopping;
    unsigned requests; /* that came whole */
    char asked[4096];  /* the last one, head and body */
};

/* PEM files of a key and of its own certificate, for a name as OpenSSL has it ("IP:127.0.0.1") and
 * so many seconds from now. */
static inline void https_certificate(const char *crt, const char *key_path, const char *name,
                                     long life_s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    CHECK(key && x && X509_set_version(x, X509_VERSION_3));
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x), life_s);
    X509_set_pubkey(x, key);
    X509_NAME *subject = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)"test", -1, -1, 0);
    X509_set_issuer_name(x, subject);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, name);
    CHECK(names && X509_add_ext(x, names, -1) && X509_sign(x, key, EVP_sha256()));
    FILE *out = fopen(crt, "w");
    CHECK(out && PEM_write_X509(out, x) && fclose(out) == 0);
    out = fopen(key_path, "w");
    CHECK(out && PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) && fclose(out) == 0);
    X509_EXTENSION_free(names);
    X509_free(x);
    EVP_PKEY_free(key);
}

/* How long a request is by its head, or 0 while that has not come whole. */
static inline size_t https_request_bytes(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n"), *length = strstr(request, "Content-Length: ");
    if (!end)
        return 0;
    return (size_t)(end + 4 - request) +
           (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
}

/* Reads a request; false when there is none. */
static inline bool https_read_request(SSL *ssl, char *request, size_t cap)
{
    size_t len = 0, whole = 0;
    while (len < cap - 1) {
        int n = SSL_read(ssl, request + len, (int)(cap - 1 - len));
        if (n <= 0)
            return false;
        len += (size_t)n;
        request[len] = 0;
        whole = https_request_bytes(request);
        if (whole && len >= whole)
            return true;
    }
    return false;
}

static inline void https_serve(struct https_server *s, SSL *ssl)
{
    char asked[sizeof s->asked], head[sizeof s->head + 64];
    if (SSL_accept(ssl) != 1 || !https_read_request(ssl, asked, sizeof asked))
        return;
    pthread_mutex_lock(&s->lock);
    memcpy(s->asked, asked, sizeof asked);
    s->requests++;
    pthread_cond_broadcast(&s->changed);
    while (s->held && !s->stopping)
        pthread_cond_wait(&s->changed, &s->lock);
    const struct bytes body = s->body;
    const bool endless = s->endless;
    int len = snprintf(head, sizeof head, endless ? "%s\r\n" : "%sContent-Length: %zu\r\n\r\n",
                       s->head, body.len);
    pthread_mutex_unlock(&s->lock);
    bool taken = SSL_write(ssl, head, len) > 0;
    do
        taken = taken && body.len && SSL_write(ssl, body.data, (int)body.len) > 0;
    while (taken && endless);
    SSL_shutdown(ssl);
}

static inline void *https_thread(void *context)
{
    struct https_server *s = context;
    for (int peer; (peer = accept(s->listener, NULL, NULL)) >= 0;) {
        SSL *ssl = SSL_new(s->context);
        CHECK(ssl && SSL_set_fd(ssl, peer));
        https_serve(s, ssl);
        SSL_free(ssl);
        close(peer);
    }
    return NULL;
}

/* Stays on its port when it has one already. It answers 200 with an empty body. */
static inline void https_server_start(struct https_server *s, const char *crt, const char *key)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(s->port)};
    socklen_t len = sizeof address;
    const int yes = 1;
    const uint16_t port = s->port;
    signal(SIGPIPE, SIG_IGN);
    *s = (struct https_server){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                               .context = SSL_CTX_new(TLS_server_method()),
                               .head = "HTTP/1.1 200 OK\r\n"};
    CHECK(s->listener >= 0 && s->context);
    CHECK(setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0);
    CHECK(bind(s->listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(s->listener, 64) == 0);
    CHECK(getsockname(s->listener, (struct sockaddr *)&address, &len) == 0);
    s->port = ntohs(address.sin_port);
    CHECK(!port || s->port == port);
    CHECK(SSL_CTX_use_certificate_chain_file(s->context, crt) == 1);
    CHECK(SSL_CTX_use_PrivateKey_file(s->context, key, SSL_FILETYPE_PEM) == 1);
    CHECK(pthread_mutex_init(&s->lock, NULL) == 0 && pthread_cond_init(&s->changed, NULL) == 0);
    CHECK(pthread_create(&s->thread, NULL, https_thread, s) == 0);
}

/* The port stays in it, free for others. */
static inline void https_server_stop(struct https_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    shutdown(s->listener, SHUT_RDWR); /* ends accept */
    CHECK(pthread_join(s->thread, NULL) == 0);
    close(s->listener);
    SSL_CTX_free(s->context);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
}

/* From now on; `head` is status line and headers, each with its CR LF. */
static inline void https_server_answer(struct https_server *s, const char *head, struct bytes body,
                                       bool endless)
{
    pthread_mutex_lock(&s->lock);
    snprintf(s->head, sizeof s->head, "%s", head);
    s->body = body;
    s->endless = endless;
    pthread_mutex_unlock(&s->lock);
}

static inline void https_server_hold(struct https_server *s, bool held)
{
    pthread_mutex_lock(&s->lock);
    s->held = held;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static inline unsigned https_server_requests(struct https_server *s)
{
    pthread_mutex_lock(&s->lock);
    unsigned requests = s->requests;
    pthread_mutex_unlock(&s->lock);
    return requests;
}

static inline void https_server_await(struct https_server *s, unsigned requests)
{
    pthread_mutex_lock(&s->lock);
    while (s->requests < requests)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

#endif
