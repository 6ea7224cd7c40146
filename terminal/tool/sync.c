/* Fetches what a terminal needs offline, and delivers what it saw: the trust bundle, the status
 * lists that it names, the newest checkpoint of the evidence log, then the kept scans. One that
 * can't be had does not stop the others. A list is at most 512 KiB, of a quiet city a few KiB, and
 * comes whole or not at all: what was had before a broken connection is not fetched again. */
#include "terminal/tool/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "protocol/status_list.h"
#include "protocol/trust_bundle.h"
#include "terminal/tool/credentials.h"
#include "terminal/tool/deliver.h"

#define TAGS_FILE        "tags.json"
#define CHECKPOINT_FILE  "checkpoint"
#define OTHER_FILE       "checkpoint.other"
#define LOCK_FILE        "sync.lock"
#define CHECKPOINT_BYTES 8192
#define CONNECT_MS       10000
#define WAIT_MS          60000
#define FRESH_S_MAX      3600 /* a list is asked for again after this, whatever its ttl says */
#define BODY_BYTES_MAX   STATUS_LIST_TOKEN_BYTES_MAX
_Static_assert(BODY_BYTES_MAX >= TRUST_BUNDLE_BYTES_MAX, "any of them fits");

struct sync {
    struct device device;
    struct uplink *uplink;
    bool force;
    char token[CREDENTIALS_TOKEN_BYTES_MAX]; /* empty: none could be had */
    json_t *tags; /* name: {"etag", "of"}, `of` is the version or the time of what has the tag */
    struct uplink_answer answer;
    enum exit_status status;
};

static void note(struct sync *s, enum exit_status status)
{
    s->status = status_worse(s->status, status);
}

bool sync_forget(const struct device *device)
{
    return folder_remove(&device->folder, TAGS_FILE) &&
           folder_remove(&device->folder, CHECKPOINT_FILE);
}

/* ---- tags ---- */

static void read_tags(struct sync *s)
{
    static uint8_t storage[FOLDER_FILE_BYTES_MAX];
    struct buf content = BUF_OVER(storage);
    folder_read(&s->device.folder, TAGS_FILE, &content);
    s->tags = json_loadb((const char *)storage, content.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(s->tags)) {
        json_decref(s->tags);
        s->tags = json_object();
    }
    CHECK(s->tags);
}

/* A tag counts only for what it was given with: what is held may be another one by now. */
static const char *tag_of(const struct sync *s, const char *name, int64_t held)
{
    const json_t *tag = json_object_get(s->tags, name);
    const char *text = json_string_value(json_object_get(tag, "etag"));
    return held && text && strlen(text) <= UPLINK_ETAG_BYTES_MAX &&
                   json_integer_value(json_object_get(tag, "of")) == held
               ? text
               : NULL;
}

static void keep_tag(struct sync *s, const char *name, int64_t of)
{
    json_object_set_new(s->tags, name,
                        json_pack("{s:s, s:I}", "etag", s->answer.etag, "of", (json_int_t)of));
    char *text = json_dumps(s->tags, JSON_SORT_KEYS);
    if (!text || !folder_write(&s->device.folder, TAGS_FILE, bytes_str(text)))
        note(s, STATUS_NOT_NOW);
    free(text);
}

/* ---- fetching ---- */

/* True: s->answer.body has a new one. */
static bool fetch(struct sync *s, const char *what, const char *path, const char *accept,
                  const char *etag)
{
    char text[512];
    struct buf why = BUF_OVER(text);
    const struct uplink_ask ask = {
        .path = path,
        .token = *s->token ? s->token : NULL,
        .accept = accept,
        .etag = etag,
        .connect_ms = CONNECT_MS,
        .wait_ms = WAIT_MS,
    };
    enum uplink_result result = uplink_ask(s->uplink, &ask, &s->answer);
    if (result == UPLINK_ANSWERED && s->answer.status == 200)
        return true;
    if (result == UPLINK_ANSWERED && s->answer.status == 304 && etag) {
        printf("%s: unchanged\n", what);
        return false;
    }
    if (result != UPLINK_ANSWERED)
        buf_put_str(&why, s->answer.why);
    else
        uplink_problem(&s->answer, &why);
    complain("%s: %s", what, buf_cstr(&why));
    note(s, result == UPLINK_UNTRUSTED ? STATUS_REFUSED : STATUS_NOT_NOW);
    return false;
}

/* False after a complaint, or when what is held (`holds`: something is) is as new. */
static bool taken(struct sync *s, const char *what, enum jwbt_error error, bool holds)
{
    if (error == JWBT_OK)
        return true;
    if (error == JWBT_ERR_OLDER && holds) {
        printf("%s: what is held is as new\n", what);
        return false;
    }
    complain("%s: %s", what, jwbt_error_text(error));
    note(s, error == JWBT_ERR_MALFORMED || error == JWBT_ERR_UNTRUSTED ||
                    error == JWBT_ERR_UNKNOWN_LIST
                ? STATUS_REFUSED
                : STATUS_NOT_NOW);
    return false;
}

static void print_taken(const char *what, const char *detail, int64_t until)
{
    char text[64];
    struct buf time = BUF_OVER(text);
    buf_put_timestamp(&time, until);
    printf("%s: %s, good until %s\n", what, detail, buf_cstr(&time));
}

/* ---- the trust bundle ---- */

static bool know(struct sync *s, struct jwbt_knowledge *knowledge)
{
    struct jwbt *terminal = device_use(&s->device);
    if (terminal)
        jwbt_knows(terminal, clock_wall_s(), knowledge);
    return terminal;
}

static void take_bundle(struct sync *s)
{
    struct jwbt_knowledge k;
    char detail[64];
    struct jwbt *terminal = device_use(&s->device);
    if (!terminal) {
        note(s, STATUS_NOT_NOW);
        return;
    }
    enum jwbt_error error =
        jwbt_take_bundle(terminal, s->answer.body.data, s->answer.body.len, clock_wall_s());
    jwbt_knows(terminal, clock_wall_s(), &k);
    device_rest(&s->device);
    if (!taken(s, "trust bundle", error, k.bundle_version))
        return;
    keep_tag(s, "trust-bundle", (int64_t)k.bundle_version);
    snprintf(detail, sizeof detail, "version %llu", (unsigned long long)k.bundle_version);
    print_taken("trust bundle", detail, k.bundle_expires);
}

static void sync_bundle(struct sync *s)
{
    struct jwbt_knowledge k;
    if (!know(s, &k)) {
        note(s, STATUS_NOT_NOW);
        return;
    }
    device_rest(&s->device);
    if (fetch(s, "trust bundle", "/v1/trust-bundle", NULL,
              tag_of(s, "trust-bundle", (int64_t)k.bundle_version)))
        take_bundle(s);
}

/* ---- status lists ---- */

static bool find_list(const struct jwbt *terminal, uint16_t list, struct jwbt_list *found)
{
    for (unsigned i = 0; jwbt_list_at(terminal, i, found); i++)
        if (found->list == list)
            return true;
    return false;
}

static void take_list(struct sync *s, const char *what, const char *name, uint16_t list)
{
    struct jwbt_list now_held = {0};
    char as_of[64];
    struct buf time = BUF_OVER(as_of);
    struct jwbt *terminal = device_use(&s->device);
    if (!terminal) {
        note(s, STATUS_NOT_NOW);
        return;
    }
    enum jwbt_error error =
        jwbt_take_list(terminal, list, s->answer.body.data, s->answer.body.len, clock_wall_s());
    find_list(terminal, list, &now_held);
    device_rest(&s->device);
    if (!taken(s, what, error, now_held.as_of))
        return;
    keep_tag(s, name, now_held.as_of);
    buf_put_str(&time, "as of ");
    buf_put_timestamp(&time, now_held.as_of);
    print_taken(what, buf_cstr(&time), now_held.good_until);
}

/* By its number at our gateway, wherever its URI points. */
static void sync_list(struct sync *s, const struct jwbt_list *held)
{
    const int64_t now = clock_wall_s();
    const int64_t fresh_s = held->ttl_s < FRESH_S_MAX ? held->ttl_s : FRESH_S_MAX;
    char what[32], path[64];
    snprintf(what, sizeof what, "list %u", held->list);
    snprintf(path, sizeof path, "/v1/status-lists/%u", held->list);
    if (!s->force && held->as_of && held->as_of <= now && now < held->as_of + fresh_s) {
        printf("%s: fresh\n", what);
        return;
    }
    if (fetch(s, what, path, STATUS_LIST_CWT_TYPE, tag_of(s, what, held->as_of)))
        take_list(s, what, what, held->list);
}

static void sync_lists(struct sync *s)
{
    static struct jwbt_list lists[DEVICE_LISTS_MAX];
    unsigned count = 0;
    struct jwbt *terminal = device_use(&s->device);
    while (terminal && count < DEVICE_LISTS_MAX && jwbt_list_at(terminal, count, &lists[count]))
        count++;
    device_rest(&s->device);
    for (unsigned i = 0; i < count; i++)
        sync_list(s, &lists[i]);
}

/* What is unchanged may be over: then nothing can be called valid here, and this sync did not help.
 */
static void judge(struct sync *s)
{
    struct jwbt_knowledge k;
    if (!know(s, &k))
        return;
    device_rest(&s->device);
    if (k.clock_trusted && k.bundle_expires > clock_wall_s())
        return;
    complain(k.clock_trusted ? "trust bundle: none that is in force could be had"
                             : "this device's clock is wrong, or was at a scan: set it; if it is "
                               "right, 'jwb-terminal enroll --again'");
    note(s, STATUS_NOT_NOW);
}

/* ---- the evidence log's checkpoint ---- */

/* The size of the tree: the second line of a C2SP tlog-checkpoint. False: it is none. */
static bool read_size(struct bytes note, uint64_t *size)
{
    const uint8_t *line = memchr(note.data, '\n', note.len), *end = note.data + note.len;
    *size = 0;
    if (!line || ++line == end || *line == '\n')
        return false;
    for (; line < end && *line != '\n'; line++) {
        if (*line < '0' || *line > '9' || *size > UINT64_MAX / 10 - 1)
            return false;
        *size = *size * 10 + (uint64_t)(*line - '0');
    }
    return line < end;
}

/* Origin, size and root hash: what must not differ between two of one size. */
static struct bytes tree_of(struct bytes note)
{
    const uint8_t *at = note.data;
    for (int line = 0; line < 3 && at; line++) {
        at = memchr(at, '\n', note.len - (size_t)(at - note.data));
        at += at != NULL;
    }
    return at ? bytes_of(note.data, (size_t)(at - note.data)) : note;
}

/* A log only grows: one that shrank, or is another one at the same size, was rewritten. Its
 * signatures are looked at by whoever compares; a terminal keeps what it was shown. */
static void sync_checkpoint(struct sync *s)
{
    uint8_t storage[CHECKPOINT_BYTES];
    struct buf held = BUF_OVER(storage);
    uint64_t held_size, size;
    if (!fetch(s, "checkpoint", "/evidence/checkpoint", NULL, NULL))
        return;
    struct bytes new = buf_bytes(&s->answer.body);
    if (new.len > CHECKPOINT_BYTES || !read_size(new, &size)) {
        complain("checkpoint: what came is none");
        note(s, STATUS_REFUSED);
        return;
    }
    bool holds = folder_read(&s->device.folder, CHECKPOINT_FILE, &held) == FOLDER_READ &&
                 read_size(buf_bytes(&held), &held_size);
    if (holds && (size < held_size ||
                  (size == held_size && !bytes_equal(tree_of(new), tree_of(buf_bytes(&held)))))) {
        folder_write(&s->device.folder, OTHER_FILE, new);
        complain("checkpoint: the evidence log is not the one that was seen before; take "
                 "%s/" CHECKPOINT_FILE " and " OTHER_FILE " to those who audit it",
                 s->device.folder.path);
        note(s, STATUS_REFUSED);
    } else if ((!holds || size > held_size) &&
               !folder_write(&s->device.folder, CHECKPOINT_FILE, new)) {
        note(s, STATUS_NOT_NOW);
    }
}

/* ---- all of it ---- */

static void run(struct sync *s)
{
    struct buf token = BUF_OVER(s->token);
    sync_bundle(s);
    /* Without one, lists may still be had where they are public. */
    note(s, credentials_terminal_token(s->uplink, &s->device, &token));
    buf_cstr(&token);
    sync_lists(s);
    judge(s);
    sync_checkpoint(s);
    if (*s->token)
        note(s, deliver_scans(&s->device, s->uplink, s->token));
}

/* One sync at a time; scans are verified meanwhile. A descriptor whose closing unlocks; -1 after a
 * complaint. */
static int lock(const struct device *device)
{
    int file =
        openat(device->folder.file, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0)
        return file;
    complain("%s/" LOCK_FILE ": %s", device->folder.path,
             file >= 0 && errno == EWOULDBLOCK ? "another sync is running" : strerror(errno));
    if (file >= 0)
        close(file);
    return -1;
}

int verb_sync(const struct verb *verb, int argc, char **argv)
{
    static uint8_t storage[BODY_BYTES_MAX];
    static struct sync s = {.answer.body = {storage, sizeof storage, 0, false}};
    const char *folder = NULL;
    const struct verb_option options[] = {
        {"folder", &folder, NULL}, {"force", NULL, &s.force}, {NULL, NULL, NULL}};
    if (verb_read(verb, argc, argv, options, 0, 0) < 0)
        return STATUS_USAGE;
    if (!device_open(&s.device, folder, false))
        return STATUS_NOT_NOW;
    int locked = lock(&s.device);
    if (locked < 0) {
        device_close(&s.device);
        return STATUS_NOT_NOW;
    }
    s.uplink = uplink_create(&s.device);
    CHECK(s.uplink);
    read_tags(&s);
    run(&s);
    json_decref(s.tags);
    crypto_wipe(s.token, sizeof s.token);
    uplink_destroy(&s.uplink);
    close(locked);
    device_close(&s.device);
    return s.status;
}
