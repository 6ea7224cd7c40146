/* The registry as a whole: how much there is, and what is done after a restore from a backup. */
#include "registry/registry.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/desk.h"
#include "evidence/audit.h"
#include "evidence/entry.h"
#include "evidence/sequencer.h"
#include "registry/event.h"

static bool print_counts(struct desk *desk)
{
    struct registry_counts counts;
    if (!desk_read(registry_count(desk->reader, &counts)))
        return false;
    printf("holders     %llu\n"
           "licences    %llu\n"
           "places      %llu (every version of a licence has one)\n"
           "open holds  %llu\n"
           "changes     %llu\n"
           "outbox      %llu (changes that Redis was not told yet)\n",
           (unsigned long long)counts.holders, (unsigned long long)counts.licences,
           (unsigned long long)counts.places, (unsigned long long)counts.open_holds,
           (unsigned long long)counts.changes, (unsigned long long)counts.outbox);
    return true;
}

int command_registry_count(const struct command *command, int argc, char **argv)
{
    return desk_run(command, argc, argv, print_counts);
}

/* ---- restored ---- */

/* What the log has of the registry's events, one after the other. */
struct replay {
    struct tlog_reader *log;
    uint64_t size, number, last;
    uint8_t storage[TLOG_ENTRY_BYTES_MAX];
    struct buf entry;
    struct journal_record record;
};

static bool read_record(struct replay *replay, uint64_t number)
{
    struct tlog_run run;
    replay->entry = (struct buf)BUF_OVER(replay->storage);
    return tlog_find_run(replay->log, SEQUENCER_REGISTRY, number, &run) == TLOG_OK &&
           tlog_read_entry(replay->log, run.index + (number - run.position), replay->size,
                           &replay->entry) == TLOG_OK &&
           entry_read(buf_bytes(&replay->entry), &replay->record) &&
           replay->record.number == number;
}

static bool next_event(void *context, struct registry_replayed *event, bool *failed)
{
    struct replay *replay = context;
    const struct journal_record *record = &replay->record;
    if (replay->number == replay->last)
        return false;
    if (!read_record(replay, ++replay->number)) {
        *failed = true;
        return false;
    }
    *event = (struct registry_replayed){
        .number = record->number,
        .kind = (enum registry_event_kind)record->kind,
        .at_us = record->at_us,
        .has_place = record->place_known,
        .list = record->list,
        .index = record->index,
        .has_licence = record->licence_known,
        .status = record->status,
        .detail = record->detail,
        .subject = record->subject,
        .client = record->client,
        .purpose = record->purpose,
        .reference = record->reference,
        .agency = record->agency,
        .role = record->role,
        .request_id = record->request_id,
        .fields = record->fields,
        .acting = record->acting,
        .ended = record->result != RESULT_VALID,
    };
    memcpy(event->licence_reference, record->licence, sizeof event->licence_reference);
    return true;
}

/* ---- how far do registry and log agree? ---- */

struct comparison {
    const struct journal_record *logged;
    bool same;
};

static void compare_event(void *context, const struct registry_event *event)
{
    struct comparison *c = context;
    c->same = event->number == c->logged->number && event->at_us == c->logged->at_us &&
              (unsigned)event->kind == (unsigned)c->logged->kind &&
              event->request_id == c->logged->request_id;
}

/* The last event that both have alike; 0: none. */
static bool last_common(struct desk *desk, struct replay *replay, uint64_t *number)
{
    if (!desk_read(registry_last_event(desk->reader, number)))
        return false;
    if (*number > replay->last)
        *number = replay->last;
    for (; *number > 0; --*number) {
        struct comparison c = {.logged = &replay->record};
        if (!read_record(replay, *number)) {
            command_failed("event %llu can't be read from the log", (unsigned long long)*number);
            return false;
        }
        if (!desk_read(registry_events(desk->reader, *number - 1, 1, compare_event, &c)))
            return false;
        if (c.same)
            return true;
    }
    return true;
}

/* Nothing of a log is replayed on the licences of a registry with which it shares no event: it is
 * another registry's. */
static bool is_ours(struct desk *desk, const struct replay *replay, uint64_t common)
{
    struct registry_counts counts;
    uint64_t own;
    if (common > 0 || replay->last == 0)
        return true;
    if (!desk_read(registry_last_event(desk->reader, &own)) ||
        !desk_read(registry_count(desk->reader, &counts)))
        return false;
    if (own > 0 && counts.licences > 0)
        command_failed("nothing was changed: the log's first event is not this registry's, so it "
                       "is another's; look at evidence.log, evidence.folder and registry.path");
    return own == 0 || counts.licences == 0;
}

static void print_replay(const struct registry_replay *r, uint64_t from, uint64_t last)
{
    printf("events      %llu to %llu, replayed from the log\n"
           "holds       %llu placed, %llu lifted\n"
           "statuses    %llu set\n"
           "actions     %llu, without their reasons\n"
           "objections  %llu lost: to be made again\n"
           "superseded  %llu places\n"
           "in doubt    %llu licences, until their issuer delivers them again\n"
           "lost        %llu licences that the backup does not have: to be delivered again\n"
           "waiting     %llu holds and %llu statuses, in force with these deliveries\n"
           "renumbered  %llu of the registry's own events\n",
           (unsigned long long)from, (unsigned long long)last, (unsigned long long)r->holds_placed,
           (unsigned long long)r->holds_lifted, (unsigned long long)r->statuses,
           (unsigned long long)r->actions, (unsigned long long)r->lost_objections,
           (unsigned long long)r->superseded, (unsigned long long)r->in_doubt,
           (unsigned long long)r->lost_licences, (unsigned long long)r->lost_holds,
           (unsigned long long)r->lost_statuses, (unsigned long long)r->renumbered);
}

/* Nothing is replayed from a log that contradicts itself. */
static bool open_log(struct desk *desk, struct replay *replay)
{
    char path[4096], text[1024];
    struct buf folder = BUF_OVER(path), why = BUF_OVER(text);
    struct note_signer signer;
    struct audit audit;
    config_log_folder(desk->config, &folder);
    if (!note_key_read(desk->config->evidence_key, &signer, &why)) {
        command_failed_why(&why);
        return false;
    }
    crypto_wipe(signer.seed, sizeof signer.seed);
    enum tlog_error error = tlog_reader_open(buf_cstr(&folder), &replay->log);
    if (!error)
        error = audit_log(replay->log, &signer.verifier, BYTES(""), &audit, &why);
    replay->size = error ? 0 : audit.size;
    replay->last = error ? 0 : audit.event;
    if (error)
        command_failed("%s: %s%s%s; --without-log goes on without it", buf_cstr(&folder),
                       tlog_error_text(error), why.len ? ": " : "", buf_cstr(&why));
    return !error;
}

static bool reconcile(struct desk *desk)
{
    struct replay *replay = check_alloc(sizeof *replay);
    uint64_t common = 0;
    bool done = open_log(desk, replay) && last_common(desk, replay, &common) &&
                is_ours(desk, replay, common);
    if (done) {
        struct registry_replay r = {.from = common + 1, .next = next_event, .context = replay};
        struct registry_change change = {.kind = CHANGE_RECONCILE, .replay = &r};
        replay->number = common;
        done = desk_commit(desk, &change, "the log has a licence that can't be found");
        if (done)
            print_replay(&r, r.from, replay->last);
    }
    if (replay->log)
        tlog_reader_close(&replay->log);
    free(replay);
    return done;
}

static bool restore_without_log(struct desk *desk)
{
    struct registry_change change = {.kind = CHANGE_RESTORED};
    return desk_commit(desk, &change, "there is no list");
}

int command_registry_restored(const struct command *command, int argc, char **argv)
{
    const char *config = NULL;
    bool without_log = false;
    const struct command_option options[] = {
        {"config", &config, NULL}, {"without-log", NULL, &without_log}, {NULL, NULL, NULL}};
    struct desk desk;
    if (!command_read(command, argc, argv, options, NULL, 0, 0))
        return EXIT_USAGE;
    uint64_t began_us = clock_mono_us();
    bool done = desk_open(&desk, config, DESK_REGISTRY_UNNOTED) &&
                (without_log ? restore_without_log(&desk) : reconcile(&desk));
    desk_close(&desk);
    if (done)
        printf("every status list has a new generation; gateways and Redis rebuild theirs from it "
               "(%llu ms)\n",
               (unsigned long long)((clock_mono_us() - began_us) / 1000));
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
