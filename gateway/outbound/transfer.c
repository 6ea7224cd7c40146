#include "gateway/outbound/transfer.h"

#include <curl/curl.h>

#define SET(option, value) (curl_easy_setopt(curl, CURLOPT_##option, value) == CURLE_OK)

bool transfer_prepare(void *curl, const struct transfer_options *options)
{
    const bool own_ca = options->ca_file && *options->ca_file;
    return SET(URL, options->url) && SET(PROTOCOLS_STR, options->plain ? "http,https" : "https") &&
           SET(FOLLOWLOCATION, 0L) && SET(PROXY, "") && /* "": nor that of the environment */
           SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(SSL_VERIFYPEER, 1L) &&
           SET(SSL_VERIFYHOST, 2L) &&
           /* The file instead of the system's folder, not beside it. */
           (!own_ca || (SET(CAINFO, options->ca_file) && SET(CAPATH, NULL))) && SET(NOSIGNAL, 1L) &&
           SET(TIMEOUT_MS, (long)options->timeout_ms) &&
           SET(CONNECTTIMEOUT_MS, (long)options->timeout_ms) &&
           SET(WRITEFUNCTION, options->take_body) && SET(WRITEDATA, options->context);
}
