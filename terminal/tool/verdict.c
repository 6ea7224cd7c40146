#include "terminal/tool/verdict.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "protocol/code.h"
#include "terminal/tool/credentials.h"

#define ANSWER_BYTES_MAX 16384

static const char *const RESULTS[] = {"valid", "invalid", "indeterminate"};

void verdicts_end(struct verdicts *verdicts)
{
    uplink_destroy(&verdicts->uplink);
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static bool is(const json_t *verdict, const char *result)
{
    const char *text = member(verdict, "result");
    return text && strcmp(text, result) == 0;
}

/* ---- online ---- */

/* An object with a result of the three, and a reason unless it is valid. */
static json_t *read_verdict(const struct uplink_answer *answer)
{
    json_t *told =
        json_loadb((const char *)answer->body.data, answer->body.len, JSON_REJECT_DUPLICATES, NULL);
    bool good = is(told, "valid")
                    ? json_is_null(json_object_get(told, "reason"))
                    : (is(told, "invalid") || is(told, "indeterminate")) && member(told, "reason");
    if (good)
        return told;
    json_decref(told);
    return NULL;
}

static void rest(struct verdicts *v, const char *because)
{
    v->rest_until_us = clock_mono_us() + VERDICT_REST_S * 1000000ull;
    v->rest_because = because;
}

/* What stands between may answer with anything. */
static bool is_word(const struct buf *text)
{
    for (size_t i = 0; i < text->len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_", text->data[i]) || !text->data[i])
            return false;
    return buf_ok(text) && text->len > 0;
}

/* NULL: it gave no verdict, `because` says why. */
static json_t *send(struct verdicts *v, struct bytes text, const char *token, struct buf *because)
{
    static uint8_t storage[ANSWER_BYTES_MAX];
    struct uplink_answer answer = {.body = BUF_OVER(storage)};
    const struct uplink_ask ask = {
        .path = "/v1/verify",
        .token = token,
        .content_type = "text/plain",
        .body = text,
        .connect_ms = VERDICT_CONNECT_MS,
        .wait_ms = VERDICT_WAIT_MS,
    };
    json_t *verdict = NULL;
    switch (uplink_ask(v->uplink, &ask, &answer)) {
    case UPLINK_UNREACHABLE:
        rest(v, "unreachable");
        buf_put_str(because, v->rest_because);
        break;
    case UPLINK_UNTRUSTED:
        rest(v, "untrusted");
        buf_put_str(because, v->rest_because);
        break;
    default:
        if (answer.status == 200)
            verdict = read_verdict(&answer);
        else
            uplink_problem_word(&answer, because);
        if (!verdict && !is_word(because)) {
            buf_init(because, because->data, because->cap);
            buf_put_str(because, "no_answer");
        }
    }
    return verdict;
}

static bool is_code(struct bytes text)
{
    uint8_t storage[CODE_COSE_BYTES_MAX];
    struct buf cose = BUF_OVER(storage);
    struct code code;
    return code_read_text(text, &cose) == CODE_OK && code_parse(buf_bytes(&cose), &code) == CODE_OK;
}

/* A stranger's text that is no licence code goes nowhere. */
static json_t *ask_online(struct verdicts *v, struct bytes text, struct buf *because)
{
    char storage[CREDENTIALS_TOKEN_BYTES_MAX];
    struct buf token = BUF_OVER(storage);
    json_t *verdict = NULL;
    if (v->offline)
        buf_put_str(because, "asked");
    else if (!is_code(text))
        buf_put_str(because, "not_a_code");
    else if (!credentials_officer_token(v->device, clock_wall_s(), &token))
        buf_put_str(because, "not_logged_in");
    else if (clock_mono_us() < v->rest_until_us)
        buf_put_str(because, v->rest_because);
    else {
        if (!v->uplink)
            v->uplink = uplink_create(v->device);
        CHECK(v->uplink);
        verdict = send(v, text, buf_cstr(&token), because);
    }
    crypto_wipe(storage, sizeof storage);
    return verdict;
}

/* ---- offline ---- */

static json_t *time_json(int64_t unix_s)
{
    char storage[64];
    struct buf text = BUF_OVER(storage);
    buf_put_timestamp(&text, unix_s);
    return unix_s ? json_string(buf_cstr(&text)) : json_null();
}

static json_t *entry_json(const char *code, const char *name, const char *english)
{
    return json_pack("{s:s, s:s, s:s}", "code", code, "name", name, "name_en", english);
}

static json_t *licence_json(const struct jwbt_answer *answer)
{
    char number[16];
    snprintf(number, sizeof number, "****%s", answer->number_tail);
    return json_pack("{s:o, s:s, s:s, s:o, s:o}", "type",
                     entry_json(answer->type_code, answer->type_name, answer->type_english),
                     "holder_name", answer->holder_name, "number", number, "issuer",
                     entry_json(answer->issuer_code, answer->issuer_name, answer->issuer_english),
                     "valid_until",
                     *answer->valid_until ? json_string(answer->valid_until) : json_null());
}

static json_t *find_offline(struct verdicts *v, struct bytes text, const char *because)
{
    struct jwbt *terminal = device_use(v->device);
    struct jwbt_answer answer;
    if (!terminal)
        return NULL;
    jwbt_verify(terminal, (const char *)text.data, text.len, clock_wall_s(), &answer);
    const bool by_list = answer.status_as_of != 0;
    json_t *verdict = json_pack("{s:s, s:s?, s:o, s:s?, s:s, s:s, s:n, s:n, s:o, s:o, s:b}",
                                "result", RESULTS[answer.result], "reason",
                                answer.result == JWBT_VALID ? NULL : answer.reason, "as_of",
                                time_json(answer.status_as_of), "by",
                                by_list                               ? "list"
                                : answer.result == JWBT_INDETERMINATE ? NULL
                                                                      : "code",
                                "mode", "offline", "offline_because", because, "gateway", "list",
                                "status_good_until", time_json(answer.status_good_until), "seen_at",
                                time_json(answer.seen_at), "kept", (int)answer.kept);
    if (answer.authentic)
        json_object_set_new(verdict, "licence", licence_json(&answer));
    CHECK(verdict);
    return verdict;
}

/* ---- both ---- */

static json_t *brief_json(const json_t *verdict)
{
    return json_pack("{s:O, s:O, s:O}", "result", json_object_get(verdict, "result"), "reason",
                     json_object_get(verdict, "reason"), "as_of",
                     json_object_get(verdict, "as_of"));
}

static json_t *finish_online(json_t *online, json_t *list)
{
    json_object_set_new(online, "mode", json_string("online"));
    json_object_set_new(online, "offline_because", json_null());
    json_object_set_new(online, "gateway", json_null());
    json_object_set_new(online, "list", list);
    return online;
}

json_t *verdict_of(struct verdicts *v, struct bytes text)
{
    char storage[64];
    struct buf because = BUF_OVER(storage);
    json_t *online = ask_online(v, text, &because);
    if (online && !is(online, "indeterminate"))
        return finish_online(online, json_null());
    if (online)
        buf_put_str(&because, "status_unavailable");
    json_t *offline = find_offline(v, text, buf_cstr(&because));
    if (!online)
        return offline;
    if (!offline)
        return finish_online(online, json_null());
    if (is(offline, "invalid")) {
        json_object_set_new(offline, "gateway", brief_json(online));
        json_decref(online);
        return offline;
    }
    json_t *list = brief_json(offline);
    json_decref(offline);
    return finish_online(online, list);
}
