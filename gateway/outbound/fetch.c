#include "gateway/outbound/fetch.h"

#include <curl/curl.h>

#include "base/check.h"
#include "gateway/outbound/transfer.h"

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

static bool prepare(struct transfer *t, const struct fetch_options *options)
{
    const struct transfer_options transfer = {
        .url = options->url,
        .ca_file = options->ca_file,
        .timeout_ms = options->timeout_ms,
        .take_body = take_body,
        .context = t,
    };
    return curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK &&
           transfer_prepare(t->curl, &transfer);
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
