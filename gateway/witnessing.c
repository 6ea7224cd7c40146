#include "gateway/witnessing.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "evidence/note_text.h"
#include "evidence/tlog.h"
#include "gateway/config/file.h"
#include "gateway/log.h"
#include "gateway/outbound/post.h"

#define FILE_BYTES_MAX   16384
#define URL_BYTES_MAX    512
#define TIMEOUT_MS       5000 /* of one request to a witness */
#define TURN_MS          200  /* between looks at who is to be asked again, or late */
#define ROUND_MS         500  /* between rounds: a busy log has a hundred checkpoints a second */
#define RETRY_MS         1000 /* after a failure; twice as long after each next */
#define RETRY_MAX_MS     30000
#define REQUESTS_MAX     2 /* in a round: the second when the first was told another size */
#define BODY_BYTES_MAX   (NOTE_BYTES_MAX + 4096)
#define ANSWER_BYTES_MAX 8192
#define LINE_BYTES_MAX   512 /* of a cosignature */
#define TROUBLE_BYTES    96

struct witness {
    struct post post;
    struct witnessing *witnessing;
    struct note_verifier verifier;
    char url[URL_BYTES_MAX + sizeof "/add-checkpoint"];
    uint64_t size; /* it cosigned last, by what it said; 0: not known, or nothing */
    /* of this round */
    unsigned requests;
    uint8_t line[LINE_BYTES_MAX]; /* its cosignature of the round's note */
    size_t line_bytes;            /* 0: not yet */
    /* how it does */
    uint64_t behind_us; /* since when it has something to cosign; 0: nothing */
    uint64_t retry_us;  /* not before */
    unsigned failures;
    char trouble[TROUBLE_BYTES]; /* told last */
    bool late;
    uint8_t body[BODY_BYTES_MAX], answer_storage[ANSWER_BYTES_MAX];
    struct buf answer;
};

struct witnessing {
    struct witnessing_options options;
    char *folder;
    struct witness witnesses[WITNESSES_MAX];
    unsigned count;
    _Atomic unsigned late;
    struct poster *poster;
    struct tlog_reader *reader; /* NULL: not open */
    pthread_t thread;
    _Atomic bool stop;

    pthread_mutex_t lock; /* guards the next two */
    uint8_t newest[NOTE_BYTES_MAX];
    size_t newest_bytes;

    uint64_t round_us; /* the next one, not before */
    /* the round's */
    uint8_t note[NOTE_BYTES_MAX];
    size_t note_bytes;
    struct checkpoint checkpoint; /* views into the note */
    struct bytes text;
    unsigned running; /* witnesses that were asked and have not answered */
    bool more;        /* a cosignature came */
};

/* ---- one witness's answer ---- */

static void fail(struct witness *x, enum log_level level, const char *why)
{
    uint64_t wait_ms = RETRY_MS;
    for (unsigned i = 0; i < x->failures && wait_ms < RETRY_MAX_MS; i++)
        wait_ms *= 2;
    x->failures++;
    x->retry_us =
        clock_mono_us() + (wait_ms < RETRY_MAX_MS ? wait_ms : RETRY_MAX_MS) * UINT64_C(1000);
    x->witnessing->running--;
    if (strcmp(x->trouble, why) == 0)
        return;
    snprintf(x->trouble, sizeof x->trouble, "%s", why);
    log_event(level, "a witness did not cosign", LOG_TEXT("witness", x->verifier.name),
              LOG_TEXT("why", x->trouble));
}

static void succeed(struct witness *x)
{
    x->size = x->witnessing->checkpoint.size;
    x->failures = 0;
    x->retry_us = x->behind_us = 0;
    *x->trouble = 0;
    x->witnessing->running--;
    x->witnessing->more = true;
}

/* The first line of the answer that is a good signature by the witness over the round's note. */
static bool take_cosignature(struct witness *x)
{
    const struct witnessing *w = x->witnessing;
    struct bytes rest = buf_bytes(&x->answer), line;
    for (int i = 0; i < NOTE_SIGNATURES_MAX && note_line_next(&rest, &line); i++) {
        uint8_t storage[NOTE_BYTES_MAX + LINE_BYTES_MAX];
        struct buf note = BUF_OVER(storage);
        line.len++; /* with its newline */
        buf_put(&note, w->text);
        buf_put_u8(&note, '\n');
        buf_put(&note, line);
        if (line.len > sizeof x->line || !buf_ok(&note) ||
            note_check(buf_bytes(&note), &x->verifier, NULL) != CRYPTO_OK)
            continue;
        memcpy(x->line, line.data, line.len);
        x->line_bytes = line.len;
        return true;
    }
    return false;
}

static void ask(struct witness *x);

/* It says what it cosigned last, and that is not what it was asked to go on from. */
static void take_size(struct witness *x)
{
    struct bytes rest = buf_bytes(&x->answer), line;
    uint64_t size;
    const uint64_t before = x->size;
    if (!note_line_next(&rest, &line) || rest.len || !note_number_read(line, &size)) {
        fail(x, LOG_WARNING, "it answered a conflict without a size");
        return;
    }
    /* What is larger than the log may be nonsense: the next time it is asked anew. */
    x->size = size <= x->witnessing->checkpoint.size ? size : 0;
    if (size == before)
        fail(x, LOG_ERROR, "it cosigned another tree of this size");
    else if (size > x->witnessing->checkpoint.size)
        fail(x, LOG_ERROR, "it cosigned a larger tree than there is");
    else if (x->requests == REQUESTS_MAX)
        fail(x, LOG_WARNING, "it says one size and then another");
    else
        ask(x);
}

static void answered(struct post *post)
{
    struct witness *x = (struct witness *)post;
    char why[TROUBLE_BYTES];
    if (post->status == 200 && take_cosignature(x)) {
        succeed(x);
    } else if (post->status == 200) {
        fail(x, LOG_WARNING, "its answer holds no cosignature of its own");
    } else if (post->status == 409) {
        take_size(x);
    } else if (post->status == 422) {
        fail(x, LOG_ERROR, "it says that the log was rewritten");
    } else {
        snprintf(why, sizeof why, "it answered with status %u", post->status);
        fail(x, LOG_WARNING, post->status ? why : post->error);
    }
}

/* ---- asking ---- */

static enum tlog_error prove(struct witnessing *w, uint64_t old_size,
                             struct merkle_hash proof[MERKLE_PROOF_MAX], size_t *count)
{
    enum tlog_error error = TLOG_OK;
    *count = 0;
    if (old_size == 0 || old_size >= w->checkpoint.size)
        return TLOG_OK;
    if (!w->reader)
        error = tlog_reader_open(w->folder, &w->reader);
    if (error == TLOG_OK)
        error = tlog_prove_consistency(w->reader, old_size, w->checkpoint.size, proof, count);
    if (error && w->reader)
        tlog_reader_close(&w->reader);
    return error;
}

static void ask(struct witness *x)
{
    struct witnessing *w = x->witnessing;
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    struct buf body = BUF_OVER(x->body);
    size_t count;
    enum tlog_error error = prove(w, x->size, proof, &count);
    if (error) {
        fail(x, LOG_ERROR, tlog_error_text(error));
        return;
    }
    buf_put_str(&body, "old ");
    note_number_write(x->size, &body);
    buf_put_u8(&body, '\n');
    for (size_t i = 0; i < count; i++) {
        note_base64_write(bytes_of(proof[i].octets, MERKLE_HASH_BYTES), &body);
        buf_put_u8(&body, '\n');
    }
    buf_put_u8(&body, '\n');
    buf_put(&body, bytes_of(w->note, w->note_bytes));
    CHECK(buf_ok(&body));
    x->answer = BUF_OVER(x->answer_storage);
    x->requests++;
    x->post = (struct post){
        .url = x->url,
        .plain = true,
        .timeout_ms = TIMEOUT_MS,
        .headers = {"Content-Type: text/plain"},
        .body = buf_bytes(&body),
        .answer = &x->answer,
        .done = answered,
    };
    if (!poster_start(w->poster, &x->post))
        fail(x, LOG_ERROR, "no memory");
}

/* ---- a round: one checkpoint, all who have not cosigned it ---- */

/* The newest becomes the round's. False: there is none. */
static bool take_newest(struct witnessing *w)
{
    pthread_mutex_lock(&w->lock);
    const struct bytes newest = bytes_of(w->newest, w->newest_bytes);
    const bool other = !bytes_equal(newest, bytes_of(w->note, w->note_bytes));
    if (other) {
        memcpy(w->note, newest.data, newest.len);
        w->note_bytes = newest.len;
    }
    pthread_mutex_unlock(&w->lock);
    if (other) {
        CHECK(checkpoint_read(bytes_of(w->note, w->note_bytes), &w->checkpoint, &w->text));
        for (unsigned i = 0; i < w->count; i++)
            w->witnesses[i].line_bytes = 0;
    }
    return w->note_bytes > 0;
}

static void begin_round(struct witnessing *w)
{
    const uint64_t now_us = clock_mono_us();
    if (now_us < w->round_us || !take_newest(w))
        return;
    w->round_us = now_us + ROUND_MS * UINT64_C(1000);
    w->more = false;
    for (unsigned i = 0; i < w->count; i++) {
        struct witness *x = &w->witnesses[i];
        if (x->line_bytes)
            continue;
        if (!x->behind_us)
            x->behind_us = now_us;
        if (now_us < x->retry_us)
            continue;
        x->requests = 0;
        w->running++;
        ask(x);
    }
}

static void end_round(struct witnessing *w)
{
    uint8_t storage[NOTE_BYTES_MAX + WITNESSES_MAX * LINE_BYTES_MAX];
    struct buf note = BUF_OVER(storage);
    unsigned cosigned = 0;
    if (!w->more)
        return;
    w->more = false;
    buf_put(&note, bytes_of(w->note, w->note_bytes));
    for (unsigned i = 0; i < w->count; i++) {
        const struct witness *x = &w->witnesses[i];
        buf_put(&note, bytes_of(x->line, x->line_bytes));
        cosigned += x->line_bytes > 0;
    }
    if (note.len <= NOTE_BYTES_MAX)
        w->options.cosigned(w->options.context, buf_bytes(&note), cosigned == w->count);
}

static void tell_late(struct witnessing *w)
{
    const uint64_t now_us = clock_mono_us();
    unsigned late = 0;
    for (unsigned i = 0; i < w->count; i++) {
        struct witness *x = &w->witnesses[i];
        const bool is_late =
            x->behind_us && now_us - x->behind_us > w->options.late_s * UINT64_C(1000000);
        late += is_late;
        if (is_late == x->late)
            continue;
        x->late = is_late;
        w->options.late(w->options.context, x->verifier.name, is_late);
    }
    w->late = late;
}

static void *run(void *argument)
{
    struct witnessing *w = argument;
    while (!w->stop) {
        if (!w->running)
            begin_round(w);
        poster_turn(w->poster, TURN_MS);
        if (!w->running)
            end_round(w);
        tell_late(w);
    }
    return NULL;
}

/* ---- starting and stopping ---- */

/* What is wrong with a line; NULL: nothing. */
static const char *add_witness(struct witnessing *w, struct bytes line)
{
    const uint8_t *space = memchr(line.data, ' ', line.len);
    const struct bytes key = bytes_of(line.data, space ? (size_t)(space - line.data) : 0);
    struct bytes url = bytes_trim(bytes_from(line, key.len));
    if (w->count == WITNESSES_MAX)
        return "is one witness too many";
    struct witness *x = &w->witnesses[w->count];
    if (!space || !note_verifier_read(key, &x->verifier) || x->verifier.type != NOTE_COSIGNATURE)
        return "does not begin with a verifier key of a witness";
    if (url.len > URL_BYTES_MAX || memchr(url.data, ' ', url.len) ||
        (!bytes_start_with(url, BYTES("https://")) && !bytes_start_with(url, BYTES("http://"))))
        return "does not end with an address, https:// or http://";
    for (unsigned i = 0; i < w->count; i++)
        if (memcmp(&w->witnesses[i].verifier, &x->verifier, sizeof x->verifier) == 0)
            return "names a witness again";
    while (url.data[url.len - 1] == '/')
        url.len--;
    snprintf(x->url, sizeof x->url, "%.*s/add-checkpoint", (int)url.len, (const char *)url.data);
    x->witnessing = w;
    w->count++;
    return NULL;
}

static bool read_witnesses(struct witnessing *w, const char *path, struct buf *why)
{
    uint8_t storage[FILE_BYTES_MAX + 2];
    struct buf content;
    struct bytes line;
    const char *wrong = NULL;
    buf_init(&content, storage, FILE_BYTES_MAX + 1);
    if (!file_read(path, &content, why))
        return false;
    content.data[content.len++] = '\n'; /* the last line may lack it */
    struct bytes rest = buf_bytes(&content);
    for (unsigned number = 1; !wrong && note_line_next(&rest, &line); number++) {
        line = bytes_trim(line);
        if (line.len && line.data[0] != '#')
            wrong = add_witness(w, line);
        if (wrong)
            buf_printf(why, "%s: line %u %s", path, number, wrong);
    }
    if (!wrong && !w->count)
        buf_printf(why, "%s: names no witness", path);
    return !wrong && w->count;
}

struct witnessing *witnessing_start(const struct witnessing_options *options, struct buf *why)
{
    struct witnessing *w = check_alloc(sizeof *w);
    sigset_t all, before;
    if (!read_witnesses(w, options->file, why)) {
        free(w);
        return NULL;
    }
    w->options = *options;
    w->folder = check_strdup(options->folder);
    w->poster = poster_create();
    CHECK(pthread_mutex_init(&w->lock, NULL) == 0);
    sigfillset(&all); /* signals are for the thread that composes */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CHECK(pthread_create(&w->thread, NULL, run, w) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return w;
}

void witnessing_stop(struct witnessing *w)
{
    w->stop = true;
    poster_wake(w->poster);
    CHECK(pthread_join(w->thread, NULL) == 0);
}

void witnessing_destroy(struct witnessing **witnessing)
{
    struct witnessing *w = *witnessing;
    *witnessing = NULL;
    if (!w)
        return;
    poster_destroy(&w->poster);
    if (w->reader)
        tlog_reader_close(&w->reader);
    pthread_mutex_destroy(&w->lock);
    free(w->folder);
    free(w);
}

void witnessing_offer(struct witnessing *w, struct bytes note)
{
    CHECK(note.len <= sizeof w->newest);
    pthread_mutex_lock(&w->lock);
    memcpy(w->newest, note.data, note.len);
    w->newest_bytes = note.len;
    pthread_mutex_unlock(&w->lock);
    poster_wake(w->poster);
}

unsigned witnessing_count(const struct witnessing *witnessing)
{
    return witnessing->count;
}

unsigned witnessing_late(const struct witnessing *witnessing)
{
    return witnessing->late;
}
