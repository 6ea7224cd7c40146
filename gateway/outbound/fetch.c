#include "gateway/outbound/fetch.h"

#include <curl/curl.h>

#include "base/check.h"

struct transfer {
    CURL *curl;
    struct buf *out;
    char error[CURL_ERROR_SIZE];
};

void fetch_init(void)
{
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    buf_put(t->out, bytes_of(data, size * count));
    return buf_ok(t->out) ? size * count : 0; /* 0 ends the transfer */
}

#define SET(option, value) (curl_easy_setopt(t->curl, CURLOPT_##option, value) == CURLE_OK)

static bool prepare(struct transfer *t, const struct fetch_options *options)
{
    const bool own_ca = options->ca_file && *options->ca_file;
    return SET(ERRORBUFFER, t->error) && SET(URL, options->url) && SET(PROTOCOLS_STR, "https") &&
           SET(FOLLOWLOCATION, 0L) && SET(PROXY, "") && /* "": nor that of the environment */
           SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(SSL_VERIFYPEER, 1L) &&
           SET(SSL_VERIFYHOST, 2L) &&
           /* The file instead of the system's folder, not beside it. */
           (!own_ca || (SET(CAINFO, options->ca_file) && SET(CAPATH, NULL))) && SET(NOSIGNAL, 1L) &&
           SET(TIMEOUT_MS, (long)options->timeout_ms) &&
           SET(CONNECTTIMEOUT_MS, (long)options->timeout_ms) && SET(WRITEFUNCTION, take_body) &&
           SET(WRITEDATA, t);
}

static bool perform(struct transfer *t, struct buf *why)
{
    long status = 0;
    CURLcode code = curl_easy_perform(t->curl);
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if (!buf_ok(t->out))
        buf_printf(why, "more than %zu bytes", t->out->cap);
    else if (code != CURLE_OK)
        buf_put_str(why, *t->error ? t->error : curl_easy_strerror(code));
    else if (status != 200)
        buf_printf(why, "answered with status %ld", status);
    else
        return true;
    return false;
}

bool fetch(const struct fetch_options *options, struct buf *out, struct buf *why)
{
    struct transfer transfer = {.curl = curl_easy_init(), .out = out};
    const size_t before = out->len;
    bool ok = transfer.curl && prepare(&transfer, options);
    if (ok)
        ok = perform(&transfer, why);
    else
        buf_put_str(why, "no memory to fetch with");
    if (!ok)
        out->len = before;
    curl_easy_cleanup(transfer.curl);
    return ok;
}
