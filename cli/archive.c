/* Evidence whose time has passed: `jwb archive export|check`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/desk.h"
#include "evidence/archive.h"
#include "evidence/retention.h"
#include "evidence/sequencer.h"
#include "registry/event.h"

#define WHY_BYTES      1024
#define POLL_NS        5000000
#define LOGGED_WAIT_US 10000000

static bool failed(enum archive_error error, struct buf *why)
{
    if (error)
        command_failed_why(why);
    return error;
}

static void print_report(const char *folder, const struct archive_report *report)
{
    char hash_text[2 * CRYPTO_HASH_BYTES + 1], oldest_text[32], newest_text[32];
    struct buf hash = BUF_OVER(hash_text), oldest = BUF_OVER(oldest_text),
               newest = BUF_OVER(newest_text);
    buf_put_hex(&hash, bytes_of(report->manifest, sizeof report->manifest));
    buf_put_timestamp(&oldest, report->oldest_us / 1000000);
    buf_put_timestamp(&newest, report->newest_us / 1000000);
    printf("%s: %llu entries in %llu bundles, of %s to %s, all in the log's tree of %llu\n", folder,
           (unsigned long long)report->entries, (unsigned long long)report->bundles,
           buf_cstr(&oldest), buf_cstr(&newest), (unsigned long long)report->size);
    for (unsigned kind = 0; kind < ARCHIVE_KINDS; kind++)
        if (report->kinds[kind])
            printf("  %-12s %llu\n", journal_kind_text(kind) ? journal_kind_text(kind) : "other",
                   (unsigned long long)report->kinds[kind]);
    printf("manifest     %s\n", buf_cstr(&hash));
}

/* ---- check ---- */

int command_archive_check(const struct command *command, int argc, char **argv)
{
    const char *folder, *key = NULL;
    const struct command_option options[] = {{"key", &key, NULL}, {NULL, NULL, NULL}};
    struct note_verifier expected, own;
    struct archive_report report;
    char why_text[WHY_BYTES], key_text[NOTE_VKEY_BYTES_MAX + 1];
    struct buf why = BUF_OVER(why_text), printed = BUF_OVER(key_text);
    if (!command_read(command, argc, argv, options, &folder, 1, 1))
        return EXIT_USAGE;
    if (key && !note_verifier_read(bytes_str(key), &expected))
        return command_misused(command, "--key is no verifier key, as 'jwb evidence key' has it");
    if (failed(archive_check(folder, key ? &expected : NULL, &own, &report, &why), &why))
        return EXIT_FAILURE;
    note_verifier_write(&own, &printed);
    print_report(folder, &report);
    printf("signed by    %s%s\n", buf_cstr(&printed),
           key ? "" : " (the package's own word: --key compares it)");
    return EXIT_SUCCESS;
}

/* ---- export ---- */

struct archiving {
    const char *folder;
    int64_t before, now_us; /* Unix seconds, microseconds */
    bool remove;
    struct desk desk;
    struct note_verifier verifier;
    struct retention retention;
    struct archive_report report;
    char log[4096];
    char why_text[WHY_BYTES];
    struct buf why;
};

static bool is_due(void *context, const struct journal_record *record)
{
    const struct archiving *e = context;
    return record->at_us < e->before * 1000000 &&
           retention_is_due(&e->retention, record, e->now_us);
}

static bool type_of(void *context, struct bytes code, uint16_t *type)
{
    struct registry_reader *reader = context;
    struct registry_catalogue_entry entry;
    for (*type = 0; registry_licence_type(reader, *type, &entry) == REGISTRY_OK; ++*type)
        if (bytes_equal(bytes_str(entry.code), code))
            return true;
    return false;
}

static bool read_configuration(struct archiving *e)
{
    const struct config *config = e->desk.config;
    struct buf log = BUF_OVER(e->log);
    struct note_signer signer;
    config_log_folder(config, &log);
    buf_cstr(&log);
    bool read =
        retention_read(&e->retention, (unsigned)config->retention_days,
                       bytes_str(config->retention_kinds), bytes_str(config->retention_types),
                       type_of, e->desk.reader, &e->why) &&
        note_key_read(config->evidence_key, &signer, &e->why);
    if (!read) {
        command_failed_why(&e->why);
        return false;
    }
    e->verifier = signer.verifier;
    crypto_wipe(&signer, sizeof signer);
    return true;
}

/* What was written is read back before anything is taken away for it. */
static bool write_package(struct archiving *e)
{
    const struct archive_options options = {.log = e->log,
                                            .folder = e->folder,
                                            .verifier = &e->verifier,
                                            .witnesses = *e->desk.config->evidence_witnesses != 0,
                                            .due = is_due,
                                            .context = e};
    struct archive_report again;
    if (failed(archive_export(&options, &e->report, &e->why), &e->why))
        return false;
    if (e->report.entries == 0)
        return true;
    if (failed(archive_check(e->folder, &e->verifier, NULL, &again, &e->why), &e->why))
        return false;
    bool same = memcmp(again.manifest, e->report.manifest, sizeof again.manifest) == 0;
    if (!same)
        command_failed("%s: what was read back is not what was written", e->folder);
    return same;
}

/* The log's last event. Another process writes it: what can't be read will be. */
static uint64_t last_logged(struct tlog_reader *log)
{
    struct tlog_cursor cursors[TLOG_CURSORS_MAX];
    size_t count = TLOG_CURSORS_MAX;
    struct merkle_hash root;
    uint64_t size;
    if (tlog_read_state(log, &size, &root, cursors, &count) == TLOG_OK)
        for (size_t i = 0; i < count; i++)
            if (strcmp(cursors[i].source, SEQUENCER_REGISTRY) == 0)
                return cursors[i].position - 1;
    return 0;
}

/* All events are in the log. */
static bool wait_logged(struct archiving *e)
{
    const uint64_t began_us = clock_mono_us();
    struct tlog_reader *log;
    uint64_t number;
    if (!desk_read(registry_last_event(e->desk.reader, &number)))
        return false;
    bool logged = tlog_reader_open(e->log, &log) == TLOG_OK;
    while (logged && last_logged(log) < number) {
        logged = clock_mono_us() - began_us < LOGGED_WAIT_US;
        nanosleep(&(struct timespec){0, POLL_NS}, NULL);
    }
    tlog_reader_close(&log);
    if (!logged)
        command_failed("nothing was removed: its evidence is not in the log, which a gateway "
                       "that runs would have taken it into");
    return logged;
}

/* Before anything is removed: nothing goes without evidence of it. */
static bool note_package(struct archiving *e)
{
    char text[2 * CRYPTO_HASH_BYTES], removed_text[24 + 2 * NOTE_ID_BYTES];
    struct buf reference = BUF_OVER(text), removed = BUF_OVER(removed_text);
    buf_put_hex(&reference, bytes_of(e->report.manifest, sizeof e->report.manifest));
    buf_printf(&removed, "%llu ", (unsigned long long)e->report.entries);
    buf_put_hex(&removed, bytes_of(e->verifier.id, sizeof e->verifier.id));
    struct registry_change change = {
        .kind = CHANGE_NOTE,
        .event_kind = EVENT_ARCHIVED,
        .actor = {.purpose = buf_bytes(&removed), .reference = buf_bytes(&reference)}};
    return desk_commit(&e->desk, &change, "") && wait_logged(e);
}

/* The journals of the gateways that share the log; others' entries are in other logs. */
static bool remove_records(struct archiving *e, uint64_t *removed)
{
    const struct config *config = e->desk.config;
    char *others = check_strdup(*config->evidence_log ? config->evidence_others : "");
    const char *folder = config->evidence_folder;
    char *rest = others;
    bool good = true;
    for (; folder; folder = strsep(&rest, ":"))
        if (*folder && failed(archive_remove_records(folder, e->log, e->report.size, is_due, e,
                                                     removed, &e->why),
                              &e->why)) {
            e->why = (struct buf)BUF_OVER(e->why_text);
            good = false;
        }
    free(others);
    return good;
}

/* The journals first: the log tells what of them may go. A call that was cut off is repeated with
 * another folder; what it had removed is in the first one. */
static bool remove_exported(struct archiving *e)
{
    uint64_t removed = 0;
    if (e->report.entries && !note_package(e))
        return false;
    bool good = remove_records(e, &removed);
    good = good && (e->report.entries == 0 ||
                    !failed(archive_remove_entries(e->folder, e->log, &e->why), &e->why));
    printf("removed      %llu entries of the log, %llu records of journals%s\n",
           (unsigned long long)(good ? e->report.entries : 0), (unsigned long long)removed,
           good ? "" : "; the rest is still there");
    return good;
}

static bool export_due(struct archiving *e)
{
    if (!read_configuration(e) || !write_package(e))
        return false;
    if (e->report.entries)
        print_report(e->folder, &e->report);
    else
        printf("nothing is due; %s was not made\n", e->folder);
    return !e->remove || remove_exported(e);
}

int command_archive_export(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *before = NULL;
    struct archiving *e = check_alloc(sizeof *e);
    const struct command_option options[] = {{"config", &config, NULL},
                                             {"before", &before, NULL},
                                             {"out", &e->folder, NULL},
                                             {"remove", NULL, &e->remove},
                                             {NULL, NULL, NULL}};
    int status = EXIT_USAGE;
    e->now_us = clock_wall_us();
    e->why = (struct buf)BUF_OVER(e->why_text);
    if (command_read(command, argc, argv, options, NULL, 0, 0) &&
        command_time(command, "before", before, &e->before)) {
        if (!before || !e->folder) {
            status = command_misused(command, "--before and --out are needed");
        } else {
            bool done = desk_open(&e->desk, config, DESK_REGISTRY) && export_due(e);
            desk_close(&e->desk);
            status = done ? EXIT_SUCCESS : EXIT_FAILURE;
        }
    }
    free(e);
    return status;
}
