#include "evidence/sequencer.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "evidence/sequencer_sources.h"

#define SENTENCE_BYTES_MAX 512
#define RETRY_MS           200     /* after what could not be written or opened */
#define LOOK_UP_GRACE_US   1000000 /* in which an event of another's log may not be there yet */
/* In which who writes the log takes something of our journals, if they have news; and 5 looks. */
#define TAKEN_GRACE_US 5000000
/* Events of one turn, so that an import does not keep the journals waiting. */
#define EVENT_READS_MAX 16
_Static_assert(2 * EVENT_READS_MAX * SEQUENCER_EVENTS_MAX <= BATCH_RECORDS_MAX,
               "half a batch is the journals'");

/* What is wrong, by whose it is; the first one is told. */
enum trouble {
    TROUBLE_LOG,
    TROUBLE_EVENTS,
    TROUBLE_JOURNALS,
    TROUBLE_PUBLISHING,
    TROUBLE_COUNT,
};

struct publication {
    uint8_t note[NOTE_BYTES_MAX];
    size_t note_bytes; /* 0: none */
};

struct sequencer {
    struct sequencer_options options;
    char *folder;

    /* the thread's */
    struct tlog *log;           /* NULL: it is another's, or can't be opened */
    struct tlog_reader *reader; /* NULL: not opened yet */
    struct sources *sources;
    struct batch batch;
    bool commit_failed;
    uint64_t event;               /* the last that was taken */
    struct sequencer_event taken; /* which that is; number 0: not known */
    struct journal_record events[SEQUENCER_EVENTS_MAX];
    struct tlog_cursor cursors[TLOG_CURSORS_MAX];
    uint64_t look_us; /* when the journals are looked at next, monotonic */
    char troubles[TROUBLE_COUNT][SENTENCE_BYTES_MAX];
    char told[SENTENCE_BYTES_MAX];

    _Atomic uint64_t events_logged, since_us;
    _Atomic bool leads;
    struct sequencer_counters counters;

    /* under the lock */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping, woken;
    struct sequencer_event logged;      /* as sequencer_last_event tells it */
    uint64_t found_us;                  /* another's log: when its last event could be told */
    struct publication publications[2]; /* the second: witnessed by all */
};

/* ---- what is wrong -------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void set_trouble(struct sequencer *s,
                                                              enum trouble trouble,
                                                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s->troubles[trouble], SENTENCE_BYTES_MAX, format, arguments);
    va_end(arguments);
}

static void clear_trouble(struct sequencer *s, enum trouble trouble)
{
    s->troubles[trouble][0] = 0;
}

/* What was written into its place. */
static void end_trouble(struct sequencer *s, enum trouble trouble, const struct buf *text)
{
    s->troubles[trouble][text->len < SENTENCE_BYTES_MAX ? text->len : SENTENCE_BYTES_MAX - 1] = 0;
}

static void tell_trouble(struct sequencer *s)
{
    const char *sentence = "";
    for (size_t i = TROUBLE_COUNT; i-- > 0;)
        if (s->troubles[i][0])
            sentence = s->troubles[i];
    if (strcmp(sentence, s->told) == 0)
        return;
    snprintf(s->told, sizeof s->told, "%s", sentence);
    s->options.trouble(s->options.context, sentence);
}

/* ---- which event is the log's last ---------------------------------------------------------- */

static struct sequencer_event event_of(const struct journal_record *record)
{
    return (struct sequencer_event){.number = record->number,
                                    .request_id = record->request_id,
                                    .at_us = record->at_us,
                                    .kind = record->kind};
}

static bool is_event(const struct journal_record *record, const struct sequencer_event *event)
{
    return record->number == event->number && record->request_id == event->request_id &&
           record->at_us == event->at_us && (unsigned)record->kind == event->kind;
}

/* What was taken last is what the log ends with. */
static void tell_event(struct sequencer *s)
{
    CHECK(pthread_mutex_lock(&s->lock) == 0);
    s->logged = s->taken;
    CHECK(pthread_mutex_unlock(&s->lock) == 0);
}

static bool reader_open(struct sequencer *s)
{
    return s->reader || tlog_reader_open(s->folder, &s->reader) == TLOG_OK;
}

/* From the log itself, where this sequencer did not bring it there. */
static bool look_up_event(struct sequencer *s, uint64_t number, uint64_t size)
{
    uint8_t storage[TLOG_ENTRY_BYTES_MAX];
    struct buf entry = BUF_OVER(storage);
    struct tlog_run run;
    struct journal_record record;
    if (!reader_open(s) || tlog_find_run(s->reader, SEQUENCER_REGISTRY, number, &run) != TLOG_OK ||
        tlog_read_entry(s->reader, run.index + (number - run.position), size, &entry) != TLOG_OK ||
        !entry_read(buf_bytes(&entry), &record) || record.number != number)
        return false;
    s->taken = event_of(&record);
    tell_event(s);
    return true;
}

/* The log ends with an event that it can't tell, or with none. */
static void tell_no_event(struct sequencer *s)
{
    s->taken = (struct sequencer_event){0};
    tell_event(s);
}

/* ---- taking --------------------------------------------------------------------------------- */

/* The events of one read, up to the first whose number does not follow, if they go on from the one
 * that was taken last. False: there are no more, or no more can be taken now. */
static bool take_events_once(struct sequencer *s)
{
    struct batch *batch = &s->batch;
    const size_t from = batch->count;
    const uint64_t first = s->event + 1;
    const size_t again = s->taken.number ? 1 : 0;
    const struct journal_record *events = s->events + again;
    size_t count = SEQUENCER_EVENTS_MAX, taken = 0;
    if (!s->options.events.read(s->options.events.context, s->event - again, s->events, &count)) {
        set_trouble(s, TROUBLE_EVENTS, "the registry's events can't be read");
        return false;
    }
    clear_trouble(s, TROUBLE_EVENTS);
    if (again && (count == 0 || !is_event(s->events, &s->taken))) {
        set_trouble(s, TROUBLE_EVENTS,
                    "the registry's event %llu is not the one that the log has: the registry went "
                    "back, or is another; nothing of it is taken",
                    (unsigned long long)s->event);
        return false;
    }
    count -= again;
    while (taken < count && events[taken].number == first + taken && batch_has_room(batch))
        batch_add(batch, &events[taken++]);
    if (taken < count && !batch->full)
        set_trouble(s, TROUBLE_EVENTS,
                    "the registry's event after %llu has number %llu: the registry went back, or "
                    "is another; nothing of it is taken",
                    (unsigned long long)(first + taken - 1),
                    (unsigned long long)events[taken].number);
    if (taken == 0)
        return false;
    enum tlog_error error =
        batch_hand(batch, from, s->log, SEQUENCER_REGISTRY, first, first + taken);
    if (!error) {
        s->event += taken;
        s->taken = event_of(&events[taken - 1]);
    } else if (!batch->full) {
        set_trouble(s, TROUBLE_EVENTS, "the registry's events can't be taken into the log: %s",
                    tlog_error_text(error));
    }
    return !error && taken == SEQUENCER_EVENTS_MAX - again;
}

/* True: there may be more. */
static bool take_events(struct sequencer *s)
{
    bool more = s->options.events.read != NULL;
    for (unsigned n = 0; more && n < EVENT_READS_MAX; n++)
        more = take_events_once(s);
    return more;
}

static void take_journals(struct sequencer *s)
{
    struct buf trouble = BUF_OVER(s->troubles[TROUBLE_JOURNALS]);
    uint64_t now_us = clock_mono_us();
    reader_open(s); /* there is nothing to read before the first commit */
    sources_take(s->sources, s->log, s->reader, &s->batch, &trouble);
    end_trouble(s, TROUBLE_JOURNALS, &trouble);
    if (!s->batch.full)
        s->look_us = now_us + s->options.checkpoint_ms * UINT64_C(1000);
}

/* ---- committing ----------------------------------------------------------------------------- */

static void tell_committed(struct sequencer *s)
{
    uint8_t storage[NOTE_BYTES_MAX];
    struct buf note = BUF_OVER(storage);
    if (!s->options.committed || tlog_size(s->log) == 0)
        return;
    if (!reader_open(s) || tlog_read_checkpoint(s->reader, false, &note) != TLOG_OK)
        set_trouble(s, TROUBLE_LOG, "%s: the checkpoint can't be read", s->folder);
    else
        s->options.committed(s->options.context, buf_bytes(&note));
}

/* What can't be committed stays in the log's memory, and is tried again as it is. */
static bool commit(struct sequencer *s)
{
    struct batch *batch = &s->batch;
    if (batch->count == 0)
        return true;
    enum tlog_error error = tlog_commit(s->log);
    s->commit_failed = error != TLOG_OK;
    if (error) {
        s->counters.failures++;
        set_trouble(s, TROUBLE_LOG, "%s: can't be committed: %s", s->folder,
                    tlog_error_text(error));
        return false;
    }
    clear_trouble(s, TROUBLE_LOG);
    s->counters.entries += batch->count;
    s->counters.commits++;
    s->since_us = 0;
    tell_event(s);
    s->events_logged = s->event;
    s->counters.size = tlog_size(s->log);
    s->counters.checkpoint_us = clock_mono_us();
    for (size_t i = 0; s->options.seen && i < batch->count; i++)
        s->options.seen(s->options.context, &batch->records[i]);
    batch_clear(batch);
    tell_committed(s);
    return true;
}

/* One look at what is new. True: there is more. */
static bool take_turn(struct sequencer *s, bool journals_too)
{
    if (s->commit_failed && !commit(s))
        return false;
    bool more = take_events(s);
    if (journals_too || clock_mono_us() >= s->look_us)
        take_journals(s);
    more |= s->batch.full;
    s->since_us = s->batch.since_us;
    return commit(s) && more;
}

/* ---- publishing ----------------------------------------------------------------------------- */

static void publish(struct sequencer *s)
{
    struct publication publication;
    for (size_t witnessed = 0; witnessed < 2; witnessed++) {
        CHECK(pthread_mutex_lock(&s->lock) == 0);
        publication = s->publications[witnessed];
        s->publications[witnessed].note_bytes = 0;
        CHECK(pthread_mutex_unlock(&s->lock) == 0);
        if (publication.note_bytes == 0 || !s->log)
            continue;
        enum tlog_error error = tlog_publish_cosigned(
            s->log, bytes_of(publication.note, publication.note_bytes), witnessed);
        clear_trouble(s, TROUBLE_PUBLISHING);
        if (!error)
            continue;
        s->counters.failures++;
        set_trouble(s, TROUBLE_PUBLISHING, "%s: a cosigned checkpoint can't be published: %s",
                    s->folder, tlog_error_text(error));
    }
}

/* ---- leading and following ------------------------------------------------------------------ */

/* Tries for the log. What a log says of itself in `why` is told. */
static enum tlog_error lead(struct sequencer *s, struct buf *why)
{
    enum tlog_error error = tlog_open(s->folder, &s->options.signer, &s->log, why);
    if (error) {
        s->log = NULL;
        return error;
    }
    const uint64_t next = tlog_cursor(s->log, SEQUENCER_REGISTRY);
    s->event = next ? next - 1 : 0;
    if (!s->event || !look_up_event(s, s->event, tlog_size(s->log)))
        tell_no_event(s);
    s->events_logged = s->event;
    s->counters.size = tlog_size(s->log);
    s->look_us = 0;
    s->leads = true;
    clear_trouble(s, TROUBLE_LOG);
    return TLOG_OK;
}

/* Who writes another's log must know our journals: nobody else can tell that it does not. */
static void watch_journals(struct sequencer *s, size_t cursor_count)
{
    const uint64_t look_us = s->options.checkpoint_ms * UINT64_C(1000);
    struct buf trouble = BUF_OVER(s->troubles[TROUBLE_JOURNALS]);
    if (clock_mono_us() < s->look_us || s->options.journal_count == 0)
        return;
    s->look_us = clock_mono_us() + look_us;
    s->since_us = sources_wait(s->sources, s->cursors, cursor_count, &trouble);
    if (s->since_us && clock_mono_us() - s->since_us > TAKEN_GRACE_US + 5 * look_us)
        buf_printf(&trouble,
                   "%s: whoever writes this log takes nothing of %s: it must be in the "
                   "evidence.others of every gateway that shares the log, and readable by it",
                   s->folder, s->options.journals[0]);
    end_trouble(s, TROUBLE_JOURNALS, &trouble);
}

static void follow_events(struct sequencer *s, uint64_t position, uint64_t size)
{
    const uint64_t number = position - 1;
    if (s->taken.number == number || look_up_event(s, number, size))
        s->found_us = clock_mono_us();
    else if (clock_mono_us() - s->found_us < LOOK_UP_GRACE_US)
        return; /* its writer was faster: at the next look */
    else
        tell_no_event(s);
    s->events_logged = number;
}

/* Reads how far another has got. */
static void follow(struct sequencer *s)
{
    uint64_t size;
    struct merkle_hash root;
    size_t count = TLOG_CURSORS_MAX;
    if (!reader_open(s) || tlog_read_state(s->reader, &size, &root, s->cursors, &count) != TLOG_OK)
        count = 0; /* it is just being made, or replaced; its writer tells if it is worse */
    else
        s->counters.size = size;
    for (size_t i = 0; i < count; i++)
        if (strcmp(s->cursors[i].source, SEQUENCER_REGISTRY) == 0 && s->cursors[i].position)
            follow_events(s, s->cursors[i].position, size);
    watch_journals(s, count);
}

/* False: not before RETRY_MS again. */
static bool try_to_lead(struct sequencer *s)
{
    uint8_t storage[SENTENCE_BYTES_MAX];
    struct buf why = BUF_OVER(storage);
    enum tlog_error error = lead(s, &why);
    if (!error) {
        tell_committed(s);
        return true;
    }
    if (error == TLOG_ERR_BUSY) {
        clear_trouble(s, TROUBLE_LOG);
        follow(s);
        return true;
    }
    s->counters.failures++;
    set_trouble(s, TROUBLE_LOG, "%s: %s: %s", s->folder, tlog_error_text(error), buf_cstr(&why));
    return false;
}

/* Until something is to be done, but no longer. False: it ends. */
static bool wait(struct sequencer *s, unsigned for_ms)
{
    uint64_t due_us = clock_mono_us() + for_ms * UINT64_C(1000);
    const struct timespec due = {(time_t)(due_us / 1000000), (long)(due_us % 1000000 * 1000)};
    CHECK(pthread_mutex_lock(&s->lock) == 0);
    while (!s->stopping && !s->woken && pthread_cond_timedwait(&s->changed, &s->lock, &due) == 0)
        ;
    s->woken = false;
    bool goes_on = !s->stopping;
    CHECK(pthread_mutex_unlock(&s->lock) == 0);
    return goes_on;
}

static void *run(void *argument)
{
    struct sequencer *s = argument;
    unsigned wait_ms = 0;
    if (s->log)
        tell_committed(s);
    while (wait(s, wait_ms)) {
        wait_ms = s->options.poll_ms;
        if (!s->log && !try_to_lead(s))
            wait_ms = RETRY_MS;
        publish(s);
        if (s->log && take_turn(s, false))
            wait_ms = 0;
        if (s->commit_failed)
            wait_ms = RETRY_MS;
        tell_trouble(s);
    }
    if (s->log)
        while (take_turn(s, true))
            ;
    publish(s);
    tell_trouble(s);
    return NULL;
}

/* ---- the door ------------------------------------------------------------------------------- */

static bool start_thread(struct sequencer *s, struct buf *why)
{
    sigset_t all, before;
    sigfillset(&all); /* signals are for the thread that composes */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int cause = pthread_create(&s->thread, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (cause)
        buf_printf(why, "%s: no thread for the log: %s", s->folder, strerror(cause));
    return cause == 0;
}

static void destroy(struct sequencer **sequencer)
{
    struct sequencer *s = *sequencer;
    if (s->log)
        tlog_close(&s->log);
    if (s->reader)
        tlog_reader_close(&s->reader);
    sources_destroy(&s->sources);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    crypto_wipe(&s->options.signer, sizeof s->options.signer);
    free(s->folder);
    free(s);
    *sequencer = NULL;
}

struct sequencer *sequencer_start(const struct sequencer_options *options, struct buf *why)
{
    struct sequencer *s = check_alloc(sizeof *s);
    pthread_condattr_t monotonic;
    CHECK(options->journal_count <= SEQUENCER_FOLDERS_MAX);
    s->options = *options;
    s->options.folder = s->folder = check_strdup(options->folder);
    s->sources = sources_create(s->options.journals, options->journal_count);
    CHECK(pthread_mutex_init(&s->lock, NULL) == 0);
    CHECK(pthread_condattr_init(&monotonic) == 0);
    CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&s->changed, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
    size_t said = why->len;
    enum tlog_error error = lead(s, why);
    if (error == TLOG_ERR_BUSY || error == TLOG_ERR_DAMAGED) { /* the thread deals with it */
        why->len = said;
        error = TLOG_OK;
        follow(s); /* how far it is, all the same, is known from the beginning */
    } else if (error && why->len == said) {
        buf_printf(why, "%s: %s", s->folder, tlog_error_text(error));
    }
    if (error || !start_thread(s, why))
        destroy(&s);
    return s;
}

void sequencer_stop(struct sequencer **sequencer)
{
    struct sequencer *s = *sequencer;
    if (!s)
        return;
    CHECK(pthread_mutex_lock(&s->lock) == 0);
    s->stopping = true;
    pthread_cond_signal(&s->changed);
    CHECK(pthread_mutex_unlock(&s->lock) == 0);
    CHECK(pthread_join(s->thread, NULL) == 0);
    destroy(sequencer);
}

uint64_t sequencer_events_logged(const struct sequencer *sequencer)
{
    return sequencer->events_logged;
}

struct sequencer_event sequencer_last_event(struct sequencer *s)
{
    CHECK(pthread_mutex_lock(&s->lock) == 0);
    struct sequencer_event event = s->logged;
    CHECK(pthread_mutex_unlock(&s->lock) == 0);
    return event;
}

bool sequencer_leads(const struct sequencer *sequencer)
{
    return sequencer->leads;
}

void sequencer_wake(struct sequencer *s)
{
    CHECK(pthread_mutex_lock(&s->lock) == 0);
    s->woken = true;
    pthread_cond_signal(&s->changed);
    CHECK(pthread_mutex_unlock(&s->lock) == 0);
}

void sequencer_publish(struct sequencer *s, struct bytes note, bool witnessed)
{
    struct publication *publication = &s->publications[witnessed];
    if (note.len > sizeof publication->note)
        return;
    CHECK(pthread_mutex_lock(&s->lock) == 0);
    memcpy(publication->note, note.data, note.len);
    publication->note_bytes = note.len;
    s->woken = true;
    pthread_cond_signal(&s->changed);
    CHECK(pthread_mutex_unlock(&s->lock) == 0);
}

const struct sequencer_counters *sequencer_counters(const struct sequencer *sequencer)
{
    struct sequencer *s = (struct sequencer *)sequencer; /* always on the heap */
    uint64_t since_us = s->since_us, now_us = clock_mono_us();
    s->counters.lag_us = since_us && now_us > since_us ? now_us - since_us : 0;
    return &s->counters;
}
