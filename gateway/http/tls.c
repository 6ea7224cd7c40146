/* TLS contexts. A struct http_tls is an SSL_CTX by another name: OpenSSL counts its references and
 * lets threads share it. */
#include "gateway/http/http.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/check.h"

/* Forward secrecy and authenticated encryption only; TLS 1.3's own suites are all of that kind. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"

/* Of OpenSSL's errors the first says most. Empties its queue. */
static const char *openssl_reason(void)
{
    unsigned long error = ERR_peek_error();
    const char *reason =
        ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
    ERR_clear_error();
    return reason ? reason : "unknown error";
}

static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned offered_len, void *argument)
{
    static const unsigned char only[] = "\x08http/1.1";
    (void)ssl, (void)argument;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, only, sizeof only - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol, RFC 7301 section 3.2 */
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void configure(SSL_CTX *context)
{
    static const unsigned char session_context[] = "jwb";
    CHECK(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
    CHECK(SSL_CTX_set_cipher_list(context, CIPHERS) == 1);
    /* No resumption: no ticket key that would open recorded traffic, no cache that grows, and a
     * session never outlives its certificate. Connections are kept alive instead. */
    SSL_CTX_set_options(context,
                        SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    CHECK(SSL_CTX_set_num_tickets(context, 0) == 1);
    CHECK(SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1) ==
          1);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS); /* 34 KiB less per idle connection */
    SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
}

struct http_tls *http_tls_create(const char *certificate_file, const char *key_file,
                                 struct buf *error)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    CHECK(context);
    configure(context);
    if (SSL_CTX_use_certificate_chain_file(context, certificate_file) != 1) {
        buf_printf(error, "%s: no certificate chain can be read: %s", certificate_file,
                   openssl_reason());
    } else if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1) {
        buf_printf(error, "%s: no key for the certificate of %s can be read: %s", key_file,
                   certificate_file, openssl_reason());
    } else {
        return (struct http_tls *)context;
    }
    SSL_CTX_free(context);
    return NULL;
}

void http_tls_release(struct http_tls *tls)
{
    SSL_CTX_free((SSL_CTX *)tls);
}
