#include "gateway/ledger.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/home.h"
#include "gateway/log.h"
#include "gateway/witnessing.h"

#define EVENT_TEXTS 5 /* subject, client, purpose, reference, agency */

struct ledger {
    struct gateway *gateway;
    struct sequencer *_Atomic sequencer; /* NULL until it has started */
    struct witnessing *witnessing;       /* NULL: there are no witnesses */
    struct anomalies *anomalies;         /* the sequencer's thread */
    struct ledger_counters counters;
    char *folder, *others;

    /* the events that the sequencer reads, on its thread */
    struct registry_reader *reader;
    struct journal_record *records;
    size_t count, room;
    uint8_t texts[SEQUENCER_EVENTS_MAX][EVENT_TEXTS][EVENT_TEXT_BYTES_MAX];
};

/* ---- the registry's events, as records ---- */

/* A terminal's answer had three values, and its reason tells which. */
static enum verdict_result result_of(const struct registry_event *event)
{
    return event->kind == EVENT_OFFLINE_SCAN && event->detail < REASON_COUNT
               ? verdict_reason_result_offline((enum verdict_reason)event->detail)
           : event->result ? RESULT_VALID
                           : RESULT_INVALID;
}

void ledger_record(const struct registry_event *event, struct journal_record *record)
{
    *record = (struct journal_record){
        .kind = (enum journal_kind)event->kind,
        .request_id = event->request_id,
        .at_us = event->at_us,
        .role = (uint8_t)event->role,
        .result = (uint8_t)result_of(event),
        .reason = event->kind == EVENT_OFFLINE_SCAN ? event->detail : REASON_NONE,
        .place_known = event->has_licence,
        .list = event->list,
        .index = event->index,
        .acting = event->acting,
        .fields = event->fields,
        .licence_known = event->has_licence,
        .type = event->has_licence ? event->type : JOURNAL_TYPE_NONE,
        .status = event->status,
        .detail = event->detail,
        .number = event->number,
        .subject = event->subject,
        .client = event->client,
        .purpose = event->purpose,
        .reference = event->reference,
        .agency = event->agency,
    };
    if (event->has_licence)
        memcpy(record->licence, event->licence_reference, sizeof record->licence);
}

static void keep_text(struct bytes *text, uint8_t storage[EVENT_TEXT_BYTES_MAX])
{
    CHECK(text->len <= EVENT_TEXT_BYTES_MAX);
    if (text->len)
        memcpy(storage, text->data, text->len);
    text->data = storage;
}

static void keep_event(void *context, const struct registry_event *event)
{
    struct ledger *ledger = context;
    if (ledger->count == ledger->room)
        return;
    uint8_t(*texts)[EVENT_TEXT_BYTES_MAX] = ledger->texts[ledger->count];
    struct journal_record *record = &ledger->records[ledger->count++];
    ledger_record(event, record);
    keep_text(&record->subject, texts[0]);
    keep_text(&record->client, texts[1]);
    keep_text(&record->purpose, texts[2]);
    keep_text(&record->reference, texts[3]);
    keep_text(&record->agency, texts[4]);
}

static bool read_events(void *context, uint64_t after, struct journal_record *records,
                        size_t *count)
{
    struct ledger *ledger = context;
    ledger->records = records;
    ledger->room = *count < SEQUENCER_EVENTS_MAX ? *count : SEQUENCER_EVENTS_MAX;
    ledger->count = 0;
    enum registry_error error =
        registry_events(ledger->reader, after, ledger->room, keep_event, ledger);
    *count = ledger->count;
    return error == REGISTRY_OK;
}

/* ---- what the sequencer tells ---- */

static void told_trouble(void *context, const char *sentence)
{
    struct ledger *ledger = context;
    ledger->counters.trouble = *sentence != 0;
    if (*sentence)
        log_event(LOG_ERROR, "the evidence log is in trouble", LOG_TEXT("why", sentence));
    else
        log_event(LOG_INFO, "the evidence log goes on");
}

static void told_committed(void *context, struct bytes note)
{
    struct ledger *ledger = context;
    if (ledger->witnessing)
        witnessing_offer(ledger->witnessing, note);
}

static void told_seen(void *context, const struct journal_record *record)
{
    struct ledger *ledger = context;
    struct settings *settings = gateway_settings(ledger->gateway);
    anomalies_see(ledger->anomalies, settings->config, record);
    settings_release(&settings);
}

/* ---- anomalies ---- */

struct noted_anomaly {
    struct registry_change change;
    uint8_t whom[EVENT_TEXT_BYTES_MAX];
};

static void anomaly_noted(struct registry_change *change)
{
    if (change->error)
        log_event(LOG_WARNING, "an anomaly could not be kept as evidence",
                  LOG_TEXT("why", registry_error_text(change->error)));
    free(change->context);
}

static void found_anomaly(void *context, enum anomaly_rule rule, struct bytes whom, uint64_t found)
{
    struct ledger *ledger = context;
    struct noted_anomaly *noted = check_alloc(sizeof *noted);
    count(&ledger->counters.anomalies[rule]);
    log_event(LOG_WARNING, "anomaly", LOG_TEXT("rule", anomaly_rule_text(rule)),
              LOG_BYTES("whom", whom), LOG_NUMBER("count", found));
    CHECK(whom.len <= sizeof noted->whom);
    memcpy(noted->whom, whom.data, whom.len);
    noted->change = (struct registry_change){
        .kind = CHANGE_NOTE,
        .event_kind = EVENT_ANOMALY,
        .actor = {.role = TOKEN_ROLE_OPERATOR,
                  .acting = JOURNAL_ACTING_NONE,
                  .purpose = bytes_str(anomaly_rule_text(rule)),
                  .reference = bytes_of(noted->whom, whom.len)},
        .complete = anomaly_noted,
        .context = noted,
    };
    if (!registry_submit(ledger->gateway->registry, &noted->change)) {
        noted->change.error = REGISTRY_ERR_BUSY;
        anomaly_noted(&noted->change);
    }
}

/* ---- witnesses ---- */

static void told_cosigned(void *context, struct bytes note, bool all)
{
    struct ledger *ledger = context;
    struct sequencer *sequencer = ledger->sequencer;
    if (sequencer) /* else it is only starting: the next checkpoint comes soon */
        sequencer_publish(sequencer, note, all);
}

static void told_late(void *context, const char *witness, bool late)
{
    (void)context;
    if (late)
        log_event(LOG_ERROR, "a witness is late", LOG_TEXT("witness", witness));
    else
        log_event(LOG_INFO, "a witness cosigns again", LOG_TEXT("witness", witness));
}

/* ---- starting and stopping ---- */

/* The loops' journals, and those of the gateways that share the log. The list is cut up in place
 * and lives as long as the ledger. */
static size_t list_folders(struct ledger *ledger, const char *folders[SEQUENCER_FOLDERS_MAX])
{
    const struct config *config = ledger->gateway->started_with->config;
    size_t n = 0;
    folders[n++] = config->evidence_folder;
    if (!*config->evidence_log)
        return n; /* of its own: others have theirs */
    ledger->others = check_strdup(config->evidence_others);
    for (char *rest = ledger->others, *folder; (folder = strsep(&rest, ":")) != NULL;)
        if (*folder) {
            CHECK(n < SEQUENCER_FOLDERS_MAX); /* the configuration's rule */
            folders[n++] = folder;
        }
    return n;
}

static bool start_sequencer(struct ledger *ledger, struct buf *why)
{
    const struct config *config = ledger->gateway->started_with->config;
    struct sequencer_options options = {
        .folder = ledger->folder,
        .poll_ms = (unsigned)config->evidence_poll_ms,
        .checkpoint_ms = (unsigned)config->evidence_checkpoint_ms,
        .events = {.read = read_events, .context = ledger},
        .seen = told_seen,
        .committed = told_committed,
        .trouble = told_trouble,
        .context = ledger,
    };
    options.journal_count = list_folders(ledger, options.journals);
    if (note_key_read(config->evidence_key, &options.signer, why))
        ledger->sequencer = sequencer_start(&options, why);
    crypto_wipe(&options.signer, sizeof options.signer);
    return ledger->sequencer != NULL;
}

static bool start_witnessing(struct ledger *ledger, struct buf *why)
{
    const struct config *config = ledger->gateway->started_with->config;
    const struct witnessing_options options = {
        .file = config->evidence_witnesses,
        .folder = ledger->folder,
        .late_s = (unsigned)config->evidence_witness_late_s,
        .cosigned = told_cosigned,
        .late = told_late,
        .context = ledger,
    };
    if (!*config->evidence_witnesses)
        return true;
    ledger->witnessing = witnessing_start(&options, why);
    return ledger->witnessing != NULL;
}

struct ledger *ledger_start(struct gateway *gateway, struct buf *why)
{
    const struct config *config = gateway->started_with->config;
    struct ledger *ledger = check_alloc(sizeof *ledger);
    char path[4096];
    struct buf folder = BUF_OVER(path);
    ledger->gateway = gateway;
    config_log_folder(config, &folder);
    ledger->folder = check_strdup(buf_cstr(&folder));
    ledger->anomalies =
        anomalies_create((size_t)config->anomalies_tracked_max, found_anomaly, ledger);
    ledger->reader = registry_reader_create(gateway->registry);
    if (!ledger->reader)
        buf_printf(why, "%s: can't be opened for reading", config->registry_path);
    else if (start_witnessing(ledger, why) && start_sequencer(ledger, why))
        return ledger;
    ledger_stop(&ledger);
    return NULL;
}

void ledger_stop(struct ledger **ledger)
{
    struct ledger *l = *ledger;
    *ledger = NULL;
    if (!l)
        return;
    struct sequencer *sequencer = l->sequencer;
    if (l->witnessing)
        witnessing_stop(l->witnessing);
    if (sequencer)
        sequencer_stop(&sequencer);
    witnessing_destroy(&l->witnessing);
    anomalies_destroy(&l->anomalies);
    registry_reader_destroy(&l->reader);
    free(l->others);
    free(l->folder);
    free(l);
}

/* ---- asked by others ---- */

bool ledger_has(const struct ledger *ledger, uint64_t event)
{
    return ledger_events(ledger) >= event;
}

uint64_t ledger_events(const struct ledger *ledger)
{
    return sequencer_events_logged(ledger->sequencer);
}

struct comparison {
    struct sequencer_event logged;
    bool same;
};

static void compare_event(void *context, const struct registry_event *event)
{
    struct comparison *c = context;
    c->same = event->number == c->logged.number && event->request_id == c->logged.request_id &&
              event->at_us == c->logged.at_us && (unsigned)event->kind == c->logged.kind;
}

enum registry_error ledger_compare(const struct ledger *ledger, struct registry_reader *reader,
                                   bool *same)
{
    uint64_t last, logged = ledger_events(ledger);
    struct comparison c = {.logged = sequencer_last_event(ledger->sequencer)}; /* set before that */
    enum registry_error error = registry_last_event(reader, &last);
    if (!error && c.logged.number)
        error = registry_events(reader, c.logged.number - 1, 1, compare_event, &c);
    /* A log that can't tell its last event is damaged: then nothing vouches for the registry. */
    *same = !error && last >= logged && (logged == 0 || c.same);
    return error;
}

void ledger_wake(struct ledger *ledger)
{
    sequencer_wake(ledger->sequencer);
}

bool ledger_leads(const struct ledger *ledger)
{
    return sequencer_leads(ledger->sequencer);
}

bool ledger_checkpoint(const struct ledger *ledger, struct buf *note)
{
    struct tlog_reader *reader;
    if (tlog_reader_open(ledger->folder, &reader) != TLOG_OK)
        return false;
    enum tlog_error error = tlog_read_checkpoint(reader, false, note);
    tlog_reader_close(&reader);
    return error == TLOG_OK;
}

const struct ledger_counters *ledger_counters(const struct ledger *ledger)
{
    return &ledger->counters;
}

const struct sequencer_counters *ledger_log_counters(const struct ledger *ledger)
{
    return sequencer_counters(ledger->sequencer);
}

uint64_t ledger_untracked(const struct ledger *ledger)
{
    return anomalies_untracked(ledger->anomalies);
}

unsigned ledger_witnesses(const struct ledger *ledger, unsigned *late)
{
    *late = ledger->witnessing ? witnessing_late(ledger->witnessing) : 0;
    return ledger->witnessing ? witnessing_count(ledger->witnessing) : 0;
}
