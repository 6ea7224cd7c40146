#include "gateway/outbound/post.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "base/check.h"
#include "gateway/outbound/transfer.h"

struct poster {
    CURLM *multi;
    struct transfer *under_way;
};

struct transfer {
    struct post *post;
    CURL *curl;
    struct curl_slist *headers;
    size_t dropped;
    struct transfer *previous, *next;
};

struct poster *poster_create(void)
{
    struct poster *poster = check_alloc(sizeof *poster);
    poster->multi = curl_multi_init();
    CHECK(poster->multi);
    return poster;
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    const size_t octets = size * count;
    t->dropped += octets;
    if (!t->post->answer)
        return t->dropped <= POST_DROPPED_BYTES_MAX ? octets : 0; /* 0 ends the transfer */
    buf_put(t->post->answer, bytes_of(data, octets));
    return buf_ok(t->post->answer) ? octets : 0;
}

#define SET(option, value) (curl_easy_setopt(t->curl, CURLOPT_##option, value) == CURLE_OK)

static bool prepare(struct transfer *t)
{
    const struct post *post = t->post;
    const struct transfer_options options = {
        .url = post->url,
        .plain = post->plain,
        .ca_file = post->ca_file,
        .timeout_ms = post->timeout_ms,
        .take_body = take_body,
        .context = t,
    };
    for (int i = 0; i < POST_HEADERS_MAX && post->headers[i]; i++) {
        struct curl_slist *headers = curl_slist_append(t->headers, post->headers[i]);
        if (!headers)
            return false;
        t->headers = headers;
    }
    return transfer_prepare(t->curl, &options) && SET(PRIVATE, t) && SET(POST, 1L) &&
           SET(HTTPHEADER, t->headers) && SET(POSTFIELDSIZE_LARGE, (curl_off_t)post->body.len) &&
           SET(POSTFIELDS, (const char *)post->body.data); /* not copied */
}

static void drop(struct transfer *t)
{
    curl_easy_cleanup(t->curl); /* NULL is fine */
    curl_slist_free_all(t->headers);
    free(t);
}

bool poster_start(struct poster *poster, struct post *post)
{
    struct transfer *t = calloc(1, sizeof *t);
    if (!t)
        return false;
    t->post = post;
    t->curl = curl_easy_init();
    if (!t->curl || !prepare(t) || curl_multi_add_handle(poster->multi, t->curl) != CURLM_OK) {
        drop(t);
        return false;
    }
    t->next = poster->under_way;
    if (t->next)
        t->next->previous = t;
    poster->under_way = t;
    post->status = 0;
    post->error = "";
    return true;
}

static void leave(struct poster *poster, struct transfer *t)
{
    *(t->previous ? &t->previous->next : &poster->under_way) = t->next;
    if (t->next)
        t->next->previous = t->previous;
    curl_multi_remove_handle(poster->multi, t->curl);
}

static void finish(struct poster *poster, CURL *curl, CURLcode code)
{
    struct transfer *t;
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_PRIVATE, (char **)&t);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    struct post *post = t->post;
    const bool cut = code == CURLE_WRITE_ERROR && !post->answer;
    if (code == CURLE_OK || cut)
        post->status = (unsigned)status;
    else
        post->error =
            code == CURLE_WRITE_ERROR ? "The answer is too long" : curl_easy_strerror(code);
    leave(poster, t);
    drop(t);
    post->done(post);
}

void poster_turn(struct poster *poster, unsigned wait_ms)
{
    int running, left;
    curl_multi_poll(poster->multi, NULL, 0, (int)wait_ms, NULL);
    curl_multi_perform(poster->multi, &running);
    for (CURLMsg *message; (message = curl_multi_info_read(poster->multi, &left));)
        if (message->msg == CURLMSG_DONE)
            finish(poster, message->easy_handle, message->data.result);
}

void poster_wake(struct poster *poster)
{
    curl_multi_wakeup(poster->multi);
}

void poster_destroy(struct poster **poster)
{
    struct poster *p = *poster;
    *poster = NULL;
    if (!p)
        return;
    while (p->under_way) {
        struct transfer *t = p->under_way;
        leave(p, t);
        drop(t);
    }
    curl_multi_cleanup(p->multi);
    free(p);
}
