#include "terminal/tool/uplink.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/utf8.h"
#include "crypto/crypto.h"

#define URL_BYTES_MAX    (DEVICE_GATEWAY_BYTES_MAX + 256)
#define HEADER_BYTES_MAX 1024

struct uplink {
    const struct device *device;
    CURL *curl;
    char error[CURL_ERROR_SIZE];
};

struct uplink *uplink_create(const struct device *device)
{
    struct uplink *uplink = calloc(1, sizeof *uplink);
    if (!uplink || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(uplink);
        return NULL;
    }
    uplink->device = device;
    uplink->curl = curl_easy_init();
    if (!uplink->curl)
        uplink_destroy(&uplink);
    return uplink;
}

void uplink_destroy(struct uplink **uplink)
{
    if (!*uplink)
        return;
    curl_easy_cleanup((*uplink)->curl);
    curl_global_cleanup();
    free(*uplink);
    *uplink = NULL;
}

/* ---- asking ---- */

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct uplink_answer *answer = context;
    buf_put(&answer->body, bytes_of(data, size * count));
    return buf_ok(&answer->body) ? size * count : 0; /* 0 ends the transfer */
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct uplink_answer *answer = context;
    struct bytes line = bytes_of(data, size * count);
    if (line.len > 5 && strncasecmp(data, "etag:", 5) == 0) {
        struct bytes value = bytes_trim(bytes_from(line, 5));
        if (value.len <= UPLINK_ETAG_BYTES_MAX && !memchr(value.data, 0, value.len)) {
            memcpy(answer->etag, value.data, value.len);
            answer->etag[value.len] = 0;
        }
    }
    return line.len;
}

static bool add_header(struct curl_slist **headers, const char *name, const char *value)
{
    char storage[HEADER_BYTES_MAX];
    struct buf line = BUF_OVER(storage);
    if (!value || !*value)
        return true;
    buf_printf(&line, "%s: %s", name, value);
    const char *text = buf_cstr(&line);
    struct curl_slist *added = *text ? curl_slist_append(*headers, text) : NULL;
    crypto_wipe(storage, sizeof storage); /* it may have been a token */
    if (added)
        *headers = added;
    return added;
}

static bool add_headers(struct curl_slist **headers, const struct uplink_ask *ask)
{
    char storage[HEADER_BYTES_MAX];
    struct buf bearer = BUF_OVER(storage);
    if (ask->token)
        buf_printf(&bearer, "Bearer %s", ask->token);
    bool added = add_header(headers, "Authorization", buf_cstr(&bearer)) &&
                 add_header(headers, "Accept", ask->accept) &&
                 add_header(headers, "If-None-Match", ask->etag) &&
                 add_header(headers, "Content-Type", ask->content_type);
    crypto_wipe(storage, sizeof storage);
    return added;
}

#define SET(option, value) (curl_easy_setopt(uplink->curl, CURLOPT_##option, value) == CURLE_OK)

static bool prepare(struct uplink *uplink, const struct uplink_ask *ask, struct curl_slist *headers,
                    struct uplink_answer *answer)
{
    char storage[URL_BYTES_MAX];
    const char *ca = uplink->device->ca;
    struct buf url = BUF_OVER(storage);
    buf_printf(&url, "%s%s", uplink->device->gateway, ask->path);
    curl_easy_reset(uplink->curl); /* but its connections */
    return SET(ERRORBUFFER, uplink->error) && SET(URL, buf_cstr(&url)) &&
           SET(PROTOCOLS_STR, "https") && SET(FOLLOWLOCATION, 0L) && SET(PROXY, "") &&
           SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(SSL_VERIFYPEER, 1L) &&
           SET(SSL_VERIFYHOST, 2L) &&
           /* The file instead of the system's folder, not beside it. */
           (!*ca || (SET(CAINFO, ca) && SET(CAPATH, NULL))) && SET(NOSIGNAL, 1L) &&
           SET(CONNECTTIMEOUT_MS, (long)ask->connect_ms) && SET(TIMEOUT_MS, (long)ask->wait_ms) &&
           SET(HTTPHEADER, headers) && SET(WRITEFUNCTION, take_body) && SET(WRITEDATA, answer) &&
           SET(HEADERFUNCTION, take_header) && SET(HEADERDATA, answer) &&
           (!ask->content_type ||
            (SET(POST, 1L) && SET(POSTFIELDSIZE_LARGE, (curl_off_t)ask->body.len) &&
             SET(POSTFIELDS, ask->body.len ? (const char *)ask->body.data : "")));
}

static enum uplink_result result_of(CURLcode code, const struct uplink_answer *answer)
{
    if (!buf_ok(&answer->body))
        return UPLINK_TOO_LARGE;
    switch (code) {
    case CURLE_OK:
        return UPLINK_ANSWERED;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return UPLINK_UNTRUSTED;
    default:
        return UPLINK_UNREACHABLE;
    }
}

enum uplink_result uplink_ask(struct uplink *uplink, const struct uplink_ask *ask,
                              struct uplink_answer *answer)
{
    struct curl_slist *headers = NULL;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    long status = 0;
    buf_init(&answer->body, answer->body.data, answer->body.cap);
    answer->etag[0] = uplink->error[0] = 0;
    if (add_headers(&headers, ask) && prepare(uplink, ask, headers, answer))
        code = curl_easy_perform(uplink->curl);
    curl_easy_getinfo(uplink->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    answer->status = (unsigned)status;
    enum uplink_result result = result_of(code, answer);
    struct buf why = BUF_OVER(answer->why);
    if (result == UPLINK_TOO_LARGE)
        buf_printf(&why, "it answered with more than %zu octets", answer->body.cap);
    else
        buf_put_str(&why, *uplink->error ? uplink->error : curl_easy_strerror(code));
    buf_cstr(&why);
    return result;
}

/* ---- problems ---- */

static const char *member(const json_t *object, const char *name, const char *other)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (!text)
        text = json_string_value(json_object_get(object, other));
    return text && utf8_printable(bytes_str(text)) ? text : "";
}

static void tell(const struct uplink_answer *answer, bool sentence, struct buf *text)
{
    json_t *problem = json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL);
    const char *word = member(problem, "code", "error");
    const char *detail = member(problem, "detail", "error_description");
    if (!*detail)
        detail = member(problem, "title", "title");
    if (!sentence)
        buf_put_str(text, word);
    else if (*word)
        buf_printf(text, "%s: %s", word, detail);
    else
        buf_printf(text, "HTTP status %u", answer->status);
    json_decref(problem);
}

void uplink_problem(const struct uplink_answer *answer, struct buf *text)
{
    tell(answer, true, text);
}

void uplink_problem_word(const struct uplink_answer *answer, struct buf *word)
{
    tell(answer, false, word);
}
