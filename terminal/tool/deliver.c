#include "terminal/tool/deliver.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "protocol/code.h"

#define BATCH_MAX        16 /* the gateway's limit, as is the size of a body */
#define BODY_BYTES_MAX   16384
#define ANSWER_BYTES_MAX 8192
#define CONNECT_MS       10000
#define WAIT_MS          30000
#define PUT_RIGHT_S      3600
#define AHEAD_S          86400 /* every gateway takes scans of the last day: scans.age_days */

static const char *const RESULTS[] = {"valid", "invalid", "indeterminate"};

struct batch {
    struct jwbt_scan scans[BATCH_MAX];
    unsigned count;
};

/* ---- what is sent ---- */

static const char *id_text(const struct jwbt_scan *scan, char text[2 * sizeof scan->id + 1])
{
    struct buf hex;
    buf_init(&hex, text, 2 * sizeof scan->id + 1);
    buf_put_hex(&hex, bytes_of(scan->id, sizeof scan->id));
    return buf_cstr(&hex);
}

static void put_time(struct buf *out, const char *name, int64_t unix_s)
{
    buf_printf(out, ",\"%s\":", name);
    if (unix_s == 0) {
        buf_put_str(out, "null");
        return;
    }
    buf_put_u8(out, '"');
    buf_put_timestamp(out, unix_s);
    buf_put_u8(out, '"');
}

static void put_scan(struct buf *out, const struct jwbt_scan *scan)
{
    char id[2 * sizeof scan->id + 1];
    buf_printf(out, "{\"id\":\"%s\"", id_text(scan, id));
    put_time(out, "at", scan->at);
    buf_printf(out, ",\"result\":\"%s\",\"reason\":", RESULTS[scan->result]);
    buf_printf(out, scan->result == JWBT_VALID ? "null" : "\"%s\"", scan->reason);
    put_time(out, "status_as_of", scan->status_as_of);
    buf_printf(out, ",\"bundle_version\":%llu,\"code\":\"",
               (unsigned long long)scan->bundle_version);
    code_write_text(BYTES(""), bytes_of(scan->cose, scan->cose_len), out);
    buf_put_str(out, "\"}");
}

static void put_batch(struct buf *out, const struct batch *batch)
{
    buf_put_str(out, "{\"scans\":[");
    for (unsigned i = 0; i < batch->count; i++) {
        if (i)
            buf_put_u8(out, ',');
        put_scan(out, &batch->scans[i]);
    }
    buf_put_str(out, "]}");
}

/* ---- what comes back ---- */

/* Does it name exactly these? */
static bool is_receipt(const struct uplink_answer *answer, const struct batch *batch)
{
    json_t *told = json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL);
    const json_t *scans = json_object_get(told, "scans");
    bool good = json_array_size(scans) == batch->count;
    for (unsigned i = 0; good && i < batch->count; i++) {
        char text[2 * sizeof batch->scans[i].id + 1];
        const char *id = json_string_value(json_object_get(json_array_get(scans, i), "id"));
        good = id && strcmp(id, id_text(&batch->scans[i], text)) == 0;
    }
    json_decref(told);
    return good;
}

static bool is_of_time(const struct uplink_answer *answer)
{
    char storage[64];
    struct buf word = BUF_OVER(storage);
    uplink_problem_word(answer, &word);
    return answer->status == 422 && bytes_equal(buf_bytes(&word), BYTES("scan_time_refused"));
}

/* Its time is refused, but by our clock it was made just now, or will be in a while, because the
 * clock has been put right since: it lies in the gateway's future, and will be taken when that has
 * come. Others are too old, or of a clock that was far off, and others wait behind them. */
static bool may_be_taken_later(const struct jwbt_scan *scan)
{
    const int64_t age_s = clock_wall_s() - scan->at;
    return age_s > -PUT_RIGHT_S && age_s < AHEAD_S;
}

enum sent { SENT, SENT_REFUSED /* these scans, for good */, SENT_FAILED };

static enum sent send_batch(struct uplink *uplink, const char *token, const struct batch *batch,
                            enum exit_status *status)
{
    char storage[BODY_BYTES_MAX], answer_storage[ANSWER_BYTES_MAX], text[512];
    struct buf body = BUF_OVER(storage), why = BUF_OVER(text);
    struct uplink_answer answer = {.body = BUF_OVER(answer_storage)};
    put_batch(&body, batch);
    const struct uplink_ask ask = {
        .path = "/v1/inspections/scans",
        .token = token,
        .content_type = "application/json",
        .body = buf_bytes(&body),
        .connect_ms = CONNECT_MS,
        .wait_ms = WAIT_MS,
    };
    enum uplink_result result = uplink_ask(uplink, &ask, &answer);
    if (result == UPLINK_ANSWERED && answer.status == 200 && is_receipt(&answer, batch))
        return SENT;
    const bool of_time = result == UPLINK_ANSWERED && is_of_time(&answer);
    if (of_time && batch->count > 1)
        return SENT_REFUSED; /* one of them; which it is will be told */
    const bool ahead = of_time && may_be_taken_later(&batch->scans[0]);
    const bool refused = of_time && !ahead;
    if (result != UPLINK_ANSWERED)
        buf_put_str(&why, answer.why);
    else
        uplink_problem(&answer, &why);
    *status =
        !ahead && (refused || result == UPLINK_UNTRUSTED ||
                   (result == UPLINK_ANSWERED && answer.status / 100 == 4 && answer.status != 429))
            ? STATUS_REFUSED
            : STATUS_NOT_NOW;
    if (refused)
        complain("a scan is refused, and forgotten here: %s", buf_cstr(&why));
    else if (ahead)
        complain("scans wait: this device's clock is, or was, ahead of the gateway's");
    else
        complain("scans are not delivered: %s", buf_cstr(&why));
    return refused ? SENT_REFUSED : SENT_FAILED;
}

/* ---- the kept ones ---- */

static bool read_batch(struct device *device, unsigned most, struct batch *batch)
{
    struct jwbt *terminal = device_use(device);
    batch->count = 0;
    while (terminal && batch->count < most &&
           jwbt_scan_at(terminal, batch->count, &batch->scans[batch->count]))
        batch->count++;
    device_rest(device);
    return terminal;
}

/* Others may have scanned in between, but only a sync forgets, and there is one at a time. */
static bool forget(struct device *device, const struct batch *batch)
{
    struct jwbt *terminal = device_use(device);
    enum jwbt_error error = terminal ? jwbt_scans_delivered(terminal, batch->count) : JWBT_OK;
    device_rest(device);
    if (error)
        complain("delivered scans can't be forgotten, and are sent again: %s",
                 jwbt_error_text(error));
    return terminal && !error;
}

enum exit_status deliver_scans(struct device *device, struct uplink *uplink, const char *token)
{
    enum exit_status worst = STATUS_DONE;
    unsigned delivered = 0, single = 0; /* how many more go one by one */
    for (;;) {
        enum exit_status status = STATUS_DONE;
        struct batch batch;
        if (!read_batch(device, single ? 1 : BATCH_MAX, &batch))
            return STATUS_NOT_NOW;
        if (batch.count == 0)
            break;
        enum sent sent = send_batch(uplink, token, &batch, &status);
        worst = status_worse(worst, status);
        if (sent == SENT_FAILED)
            break;
        if (sent == SENT_REFUSED && batch.count > 1) {
            single = batch.count;
            continue;
        }
        if (!forget(device, &batch))
            return STATUS_NOT_NOW;
        delivered += sent == SENT ? batch.count : 0;
        single -= single > 0;
    }
    if (delivered)
        printf("scans: %u delivered\n", delivered);
    return worst;
}

/* ---- scans list ---- */

static void print_scan(const struct jwbt_scan *scan)
{
    char id[2 * sizeof scan->id + 1], text[64];
    struct buf time = BUF_OVER(text);
    buf_put_timestamp(&time, scan->at);
    printf("%s  %s  %s%s%s\n", id_text(scan, id), buf_cstr(&time), RESULTS[scan->result],
           scan->result == JWBT_VALID ? "" : ": ", scan->result == JWBT_VALID ? "" : scan->reason);
}

int verb_scans(const struct verb *verb, int argc, char **argv)
{
    const char *folder = NULL;
    const struct verb_option options[] = {{"folder", &folder, NULL}, {NULL, NULL, NULL}};
    struct device device;
    int first = verb_read(verb, argc, argv, options, 1, 1);
    if (first < 0)
        return STATUS_USAGE;
    if (strcmp(argv[first], "list") != 0)
        return verb_misused(verb, "'list' is all there is");
    if (!device_open(&device, folder, false))
        return STATUS_NOT_NOW;
    struct jwbt *terminal = device_use(&device);
    struct jwbt_scan scan;
    for (unsigned i = 0; terminal && jwbt_scan_at(terminal, i, &scan); i++)
        print_scan(&scan);
    device_close(&device);
    return terminal ? STATUS_DONE : STATUS_NOT_NOW;
}
