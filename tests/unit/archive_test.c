#include "evidence/archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "evidence/retention.h"
#include "evidence/sequencer.h"
#include "tests/support.h"

#define DAY_US  INT64_C(86400000000)
#define NOW_US  INT64_C(1700000000000000)
#define RECORDS 700 /* of a journal */
#define EVENTS  100 /* of the registry, behind them: three full bundles and 32 entries */

/* ---- a log of a journal's records and the registry's events ---- */

static char why_text[2048];
static struct buf why;

struct site {
    const char *folder;
    char log[256], journals[256], source[JOURNAL_SOURCE_BYTES_MAX];
    struct note_signer signer;
    uint64_t positions[RECORDS + 1];
};

/* Two of three are old. */
static struct journal_record record_of(unsigned n)
{
    static const char client[] = "fictional-terminal";
    return (struct journal_record){
        .kind = n % 5 ? JOURNAL_VERIFY : JOURNAL_DISPLAY,
        .request_id = n + 1,
        .at_us = NOW_US - (n % 3 ? 400 : 10) * DAY_US + n,
        .place_known = true,
        .list = 3,
        .index = n,
        .acting = JOURNAL_ACTING_NONE,
        .type = JOURNAL_TYPE_NONE,
        .status = JOURNAL_CODE_NONE,
        .detail = JOURNAL_CODE_NONE,
        .client = bytes_of(client, n % sizeof client),
    };
}

static struct journal_record event_of(unsigned n)
{
    struct journal_record event = record_of(n);
    event.kind = n % 2 ? JOURNAL_HOLD : JOURNAL_CONSENT;
    event.number = n + 1;
    return event;
}

static bool is_old(void *context, const struct journal_record *record)
{
    const struct retention *retention = context;
    return retention_is_due(retention, record, NOW_US);
}

static struct retention a_year = {.days = 365};

static bool is_due(const struct journal_record *record)
{
    return is_old(&a_year, record);
}

static struct journal *open_journal(const struct site *s)
{
    const struct journal_options options = {
        .folder = s->journals, .sync_ms = 1, .file_bytes_max = 1 << 20, .turn_bytes_max = 1 << 18};
    struct journal *journal;
    assert_int_equal(journal_open(&options, &journal, &why), JOURNAL_OK);
    return journal;
}

static const char *journal_path(const struct site *s)
{
    char name[JOURNAL_FILE_NAME_BYTES_MAX];
    journal_file_name_write(0, 1, name);
    return path_in(s->journals, name);
}

static void write_journal(struct site *s)
{
    struct journal *journal = open_journal(s);
    struct journal_reader *reader;
    struct journal_record record;
    uint64_t torn;
    bool end;
    for (unsigned n = 0; n < RECORDS; n++) {
        record = record_of(n);
        assert_int_equal(journal_append(journal, &record), JOURNAL_OK);
    }
    assert_int_equal(journal_write(journal), JOURNAL_OK);
    journal_close(&journal);
    assert_int_equal(journal_reader_open(journal_path(s), &reader), JOURNAL_OK);
    snprintf(s->source, sizeof s->source, "%s", journal_reader_source(reader));
    for (unsigned n = 0; n < RECORDS; n++) {
        assert_int_equal(journal_reader_next(reader, &record, &end, &torn), JOURNAL_OK);
        s->positions[n] = journal_position(1, journal_reader_at(reader));
    }
    s->positions[RECORDS] = s->positions[RECORDS - 1] + 64;
    journal_reader_close(&reader);
}

static void append(struct tlog *log, const char *source, uint64_t position, uint64_t next,
                   const struct journal_record *record)
{
    uint8_t storage[ENTRY_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    entry_write(record, &out);
    struct bytes entry = buf_bytes(&out);
    assert_int_equal(tlog_append(log, source, position, next, &entry, 1), TLOG_OK);
}

static void make_site(struct site *s)
{
    struct tlog *log;
    why = (struct buf)BUF_OVER(why_text);
    s->folder = temp_folder();
    snprintf(s->log, sizeof s->log, "%s/log", s->folder);
    snprintf(s->journals, sizeof s->journals, "%s/journals", s->folder);
    assert_true(note_key_create(path_in(s->folder, "key"), "fictional.example/evidence",
                                NOTE_ED25519, &s->signer, &why));
    write_journal(s);
    assert_int_equal(tlog_open(s->log, &s->signer, &log, &why), TLOG_OK);
    for (unsigned n = 0; n < RECORDS; n++) {
        struct journal_record record = record_of(n);
        append(log, s->source, s->positions[n], s->positions[n + 1], &record);
    }
    for (unsigned n = 0; n < EVENTS; n++) {
        struct journal_record event = event_of(n);
        append(log, SEQUENCER_REGISTRY, n + 1, n + 2, &event);
    }
    assert_int_equal(tlog_commit(log), TLOG_OK);
    tlog_close(&log);
}

static struct archive_report report;

static bool witnesses;

static enum archive_error export_to(const struct site *s, const char *folder)
{
    const struct archive_options options = {.log = s->log,
                                            .folder = folder,
                                            .verifier = &s->signer.verifier,
                                            .witnesses = witnesses,
                                            .due = is_old,
                                            .context = &a_year};
    why = (struct buf)BUF_OVER(why_text);
    return archive_export(&options, &report, &why);
}

static enum archive_error check(const struct site *s, const char *folder)
{
    struct archive_report again;
    why = (struct buf)BUF_OVER(why_text);
    return archive_check(folder, &s->signer.verifier, NULL, &again, &why);
}

#define assert_done(call)                                                                          \
    do {                                                                                           \
        enum archive_error error_ = (call);                                                        \
        if (error_)                                                                                \
            fail_msg("%d: %s", (int)error_, buf_cstr(&why));                                       \
    } while (0)

/* What lies at n of the log; kind 0: nothing. */
static struct journal_record in_log(const struct site *s, uint64_t n)
{
    struct tlog_reader *reader;
    uint8_t storage[TLOG_ENTRY_BYTES_MAX];
    struct buf entry = BUF_OVER(storage);
    struct journal_record record = {.kind = (enum journal_kind)0};
    assert_int_equal(tlog_reader_open(s->log, &reader), TLOG_OK);
    assert_int_equal(tlog_read_entry(reader, n, RECORDS + EVENTS, &entry), TLOG_OK);
    tlog_reader_close(&reader);
    if (entry.len)
        assert_true(entry_read(buf_bytes(&entry), &record));
    return record;
}

static bool is_due_at(uint64_t n)
{
    struct journal_record record =
        n < RECORDS ? record_of((unsigned)n) : event_of((unsigned)n - RECORDS);
    return n < (RECORDS + EVENTS) / TLOG_BUNDLE_ENTRIES * TLOG_BUNDLE_ENTRIES && is_due(&record);
}

static struct bytes read_file(const char *path, uint8_t *storage, size_t room)
{
    int file = open(path, O_RDONLY);
    assert_true(file >= 0);
    ssize_t n = read(file, storage, room);
    close(file);
    assert_true(n >= 0 && (size_t)n < room);
    return bytes_of(storage, (size_t)n);
}

/* ---- writing and checking ---- */

static void exports_what_is_due(void **state)
{
    /* If this failed, an archive would lack evidence, or hold what its time has not come for. */
    struct site s;
    uint64_t due = 0, displays = 0;
    (void)state;
    make_site(&s);
    const char *package = path_in(s.folder, "package");
    assert_done(export_to(&s, package));
    for (uint64_t n = 0; n < RECORDS + EVENTS; n++) {
        due += is_due_at(n);
        displays += is_due_at(n) && n < RECORDS && record_of((unsigned)n).kind == JOURNAL_DISPLAY;
    }
    assert_true(due > 400);
    assert_int_equal(report.entries, due);
    assert_int_equal(report.bundles, 3);
    assert_int_equal(report.size, RECORDS + EVENTS);
    assert_int_equal(report.kinds[JOURNAL_DISPLAY], displays);
    assert_int_equal(report.kinds[JOURNAL_HOLD], 0);
    assert_int_equal(report.kinds[JOURNAL_CONSENT], 0); /* an event, too */
    assert_int_equal(report.first, 1);
    assert_true(report.oldest_us == record_of(1).at_us);

    struct archive_report again;
    struct note_verifier own;
    assert_done(archive_check(package, NULL, &own, &again, &why));
    assert_memory_equal(&again, &report, sizeof again);
    assert_string_equal(own.name, "fictional.example/evidence");
    /* Its bundles have exactly these. */
    static uint8_t octets[1 << 20];
    struct bytes rest = read_file(path_in(package, "tile/entries/001"), octets, sizeof octets);
    for (uint64_t n = 256; n < 512; n++) {
        size_t len = (size_t)rest.data[0] << 8 | rest.data[1];
        assert_int_equal(len > 0, is_due_at(n));
        rest = bytes_from(rest, 2 + len);
    }
    assert_int_equal(rest.len, 0);
    /* And the log has all it had. */
    for (uint64_t n = 0; n < RECORDS + EVENTS; n += 13)
        assert_true(in_log(&s, n).kind != 0);
}

/* Tries each step-th octet of a file with another value. */
static unsigned change_octets(const struct site *s, const char *package, const char *name,
                              size_t step)
{
    static uint8_t octets[1 << 20];
    const char *path = path_in(package, name);
    struct bytes content = read_file(path, octets, sizeof octets);
    unsigned found = 0;
    for (size_t at = 0; at < content.len; at += step, found++) {
        octets[at] ^= 1 << at % 8;
        write_file(path, content);
        if (check(s, package) != ARCHIVE_ERR_BAD)
            fail_msg("%s: octet %zu was changed and not found", name, at);
        octets[at] ^= 1 << at % 8;
    }
    write_file(path, content);
    return found;
}

/* An early checkpoint of the site's log, of `size` entries, as all its witnesses cosigned it last.
 */
static void make_witnessed(const struct site *s, uint64_t size)
{
    uint8_t storage[NOTE_BYTES_MAX];
    struct buf note = BUF_OVER(storage);
    const struct checkpoint early = {.size = size, .root = merkle_empty};
    assert_int_equal(checkpoint_sign(&early, &s->signer, &note), CRYPTO_OK);
    write_file(path_in(s->log, "checkpoint.witnessed"), buf_bytes(&note));
}

static void former_witnesses_hold_nothing_up(void **state)
{
    /* If this failed, nothing would ever leave a log again whose witnesses were taken out of the
     * configuration; or, while they are in it, an archive be made that none of them stands for. */
    struct site s;
    (void)state;
    make_site(&s);
    make_witnessed(&s, 10);
    witnesses = true;
    assert_done(export_to(&s, path_in(s.folder, "witnessed")));
    assert_int_equal(report.size, 10);
    assert_int_equal(report.entries, 0);
    witnesses = false;
    assert_done(export_to(&s, path_in(s.folder, "package")));
    assert_int_equal(report.size, RECORDS + EVENTS);
    assert_int_equal(report.bundles, 3);
    assert_done(check(&s, path_in(s.folder, "package")));
}

static void finds_each_changed_octet(void **state)
{
    /* If this failed, an archive could be altered and still be believed. */
    struct site s;
    (void)state;
    make_site(&s);
    const char *package = path_in(s.folder, "package");
    assert_done(export_to(&s, package));
    unsigned found = change_octets(&s, package, "manifest.json", 3) +
                     change_octets(&s, package, "checkpoint", 1) +
                     change_octets(&s, package, "tile/entries/000", 97) +
                     change_octets(&s, package, "tile/0/001", 97) +
                     change_octets(&s, package, "proof/002", 3);
    assert_true(found > 500);
    assert_done(check(&s, package));
}

static void finds_what_is_missing_or_more(void **state)
{
    /* If this failed, a part of an archive could be taken away or added unseen. */
    static const char *const names[] = {"checkpoint", "manifest.json", "tile/entries/000",
                                        "tile/0/000", "proof/000"};
    static uint8_t octets[1 << 20];
    struct site s;
    (void)state;
    make_site(&s);
    const char *package = path_in(s.folder, "package");
    assert_done(export_to(&s, package));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = path_in(package, names[i]);
        struct bytes content = read_file(path, octets, sizeof octets);
        octets[content.len] = 'x';
        write_file(path, bytes_of(octets, content.len + 1));
        assert_int_equal(check(&s, package), ARCHIVE_ERR_BAD);
        write_file(path, bytes_of(octets, content.len - 1));
        assert_int_equal(check(&s, package), ARCHIVE_ERR_BAD);
        assert_int_equal(unlink(path), 0);
        assert_true(check(&s, package) != ARCHIVE_OK);
        write_file(path, content);
    }
    assert_done(check(&s, package));
    /* A whole bundle with its lines. */
    struct bytes manifest = read_file(path_in(package, "manifest.json"), octets, sizeof octets);
    uint8_t *line = memmem(octets, manifest.len, ",\n    \"tile/entries/001", 23);
    uint8_t *next = memmem(octets, manifest.len, ",\n    \"tile/entries/002", 23);
    assert_true(line && next && next > line);
    memmove(line, next, (size_t)(octets + manifest.len - next));
    write_file(path_in(package, "manifest.json"),
               bytes_of(octets, manifest.len - (size_t)(next - line)));
    assert_int_equal(check(&s, package), ARCHIVE_ERR_BAD);
}

static void put_hash(struct buf *out, struct bytes content)
{
    uint8_t hash[CRYPTO_HASH_BYTES];
    assert_int_equal(crypto_openssl.sha256(&content, 1, hash), CRYPTO_OK);
    buf_put_hex(out, bytes_of(hash, sizeof hash));
}

/* Changes an octet of a file, and its hash in the manifest: that is nobody's secret. */
static void forge(const char *package, const char *name, size_t at)
{
    static uint8_t octets[1 << 20], manifest_octets[1 << 16];
    char before[65], after[65];
    struct buf old = BUF_OVER(before), new = BUF_OVER(after);
    const char *manifest_path = path_in(package, "manifest.json");
    struct bytes content = read_file(path_in(package, name), octets, sizeof octets);
    struct bytes manifest = read_file(manifest_path, manifest_octets, sizeof manifest_octets);
    put_hash(&old, content);
    octets[at] ^= 1;
    put_hash(&new, content);
    write_file(path_in(package, name), content);
    uint8_t *stands = memmem(manifest.data, manifest.len, before, 64);
    assert_non_null(stands);
    memcpy(stands, after, 64);
    write_file(manifest_path, manifest);
}

static void finds_what_a_new_manifest_hides(void **state)
{
    /* If this failed, whoever has an archive could alter it and write a manifest that fits. */
    static const struct {
        const char *name, *said;
        size_t at; /* the octet that is changed */
    } rows[] = {
        {"tile/entries/001", "an entry that is not the log's", 19},   /* 256 is due: its request */
        {"tile/0/001", "does not lead to the checkpoint's root", 64}, /* 258 is not: its hash */
        {"proof/001", "proof/001", 40},                               /* its first hash */
        {"proof/001", "proof/001", 600},                              /* its checkpoint */
        {"checkpoint", "checkpoint", 30},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct site s;
        make_site(&s);
        const char *package = path_in(s.folder, "package");
        assert_done(export_to(&s, package));
        forge(package, rows[i].name, rows[i].at);
        assert_int_equal(check(&s, package), ARCHIVE_ERR_BAD);
        if (!strstr(buf_cstr(&why), rows[i].said))
            fail_msg("%s: %s", rows[i].name, buf_cstr(&why));
    }
}

static void knows_another_log(void **state)
{
    /* If this failed, who writes a log of his own could hand out archives in another's name. */
    struct site s, other;
    struct archive_report again;
    struct note_verifier own;
    (void)state;
    make_site(&s);
    make_site(&other);
    const char *package = path_in(other.folder, "package");
    assert_done(export_to(&other, package));
    assert_int_equal(check(&s, package), ARCHIVE_ERR_BAD);
    assert_non_null(strstr(buf_cstr(&why), "another key"));
    assert_done(archive_check(package, NULL, &own, &again, &why));
    assert_memory_equal(own.public_key, other.signer.verifier.public_key, sizeof own.public_key);
    /* Nor is a log exported under a key that is not its own. */
    other.signer = s.signer;
    assert_int_equal(export_to(&other, path_in(other.folder, "second")), ARCHIVE_ERR_BAD);
}

static void leaves_no_folder_without_need(void **state)
{
    /* If this failed, an archive could overwrite another, or an empty one be taken for one. */
    struct site s;
    struct stat status;
    (void)state;
    make_site(&s);
    const char *package = path_in(s.folder, "package");
    a_year.days = 36500;
    assert_done(export_to(&s, package));
    a_year.days = 365;
    assert_int_equal(report.entries, 0);
    assert_int_equal(stat(package, &status), -1);
    assert_int_equal(mkdir(package, 0700), 0);
    write_file(path_in(package, "manifest.json"), BYTES("another's"));
    assert_int_equal(export_to(&s, package), ARCHIVE_ERR_EXISTS);
    uint8_t octets[64];
    assert_bytes(read_file(path_in(package, "manifest.json"), octets, sizeof octets), "another's");
}

static void a_full_disk_makes_no_archive(void **state)
{
    /* If this failed, evidence would be removed for a package that is not all there. */
    static const rlim_t limits[] = {0, 100, 500, 4000, 8191, 10000};
    struct site s;
    struct rlimit before;
    (void)state;
    make_site(&s);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        char name[32];
        snprintf(name, sizeof name, "package-%zu", i);
        const char *package = path_in(s.folder, name);
        struct rlimit limit = {limits[i], before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        enum archive_error error = export_to(&s, package);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(error, ARCHIVE_ERR_WRITE);
        assert_true(check(&s, package) != ARCHIVE_OK);
    }
    assert_done(export_to(&s, path_in(s.folder, "package")));
}

/* ---- removing ---- */

/* How many records of the journal are left; each of them is one that may be. */
static unsigned left_in_journal(const struct site *s, bool removed)
{
    struct journal_reader *reader;
    struct journal_record record;
    uint64_t torn;
    bool end = false;
    unsigned left = 0;
    assert_int_equal(journal_reader_open(journal_path(s), &reader), JOURNAL_OK);
    while (assert_int_equal(journal_reader_next(reader, &record, &end, &torn), JOURNAL_OK), !end) {
        unsigned n = (unsigned)record.request_id - 1;
        if (removed && is_due_at(n) && n / TLOG_BUNDLE_ENTRIES < 2)
            fail_msg("record %u is still there", n);
        left++;
    }
    journal_reader_close(&reader);
    return left;
}

static void removes_what_was_exported(void **state)
{
    /* If this failed, data would be kept beyond their time, or evidence lost before it. */
    struct site s;
    struct tlog_reader *reader;
    uint64_t removed = 0, size, due_records = 0;
    (void)state;
    make_site(&s);
    const char *package = path_in(s.folder, "package");
    assert_done(export_to(&s, package));
    for (uint64_t n = 0; n < RECORDS; n++)
        due_records += is_due_at(n);
    assert_int_equal(left_in_journal(&s, false), RECORDS);
    assert_done(
        archive_remove_records(s.journals, s.log, report.size, is_old, &a_year, &removed, &why));
    assert_true(removed > 300 && removed <= due_records);
    assert_int_equal(left_in_journal(&s, true), RECORDS - removed);
    assert_done(archive_remove_entries(package, s.log, &why));
    for (uint64_t n = 0; n < RECORDS + EVENTS; n++)
        assert_int_equal(in_log(&s, n).kind == 0, is_due_at(n));
    assert_int_equal(tlog_reader_open(s.log, &reader), TLOG_OK);
    assert_int_equal(
        tlog_verify(reader, &s.signer.verifier, bytes_of(NULL, 0), NULL, NULL, &size, &why),
        TLOG_OK);
    tlog_reader_close(&reader);
    assert_int_equal(size, RECORDS + EVENTS);
    /* The package stands for them, again and again; and there is nothing more to take. */
    assert_done(check(&s, package));
    assert_done(archive_remove_entries(package, s.log, &why));
    assert_done(export_to(&s, path_in(s.folder, "second")));
    assert_int_equal(report.entries, 0);
}

static void keeps_records_that_no_package_has(void **state)
{
    /* If this failed, a record would go from its journal that no archive and no log has. */
    struct site s;
    uint64_t removed = 0;
    (void)state;
    make_site(&s);
    struct journal *journal = open_journal(&s); /* written since, and not in the log yet */
    for (unsigned n = 0; n < 20; n++) {
        struct journal_record record = record_of(1);
        record.request_id = 10000 + n;
        assert_int_equal(journal_append(journal, &record), JOURNAL_OK);
    }
    assert_int_equal(journal_write(journal), JOURNAL_OK);
    journal_close(&journal);
    assert_done(archive_remove_records(s.journals, s.log, 255, is_old, &a_year, &removed, &why));
    assert_int_equal(removed, 0); /* no full bundle */
    assert_done(archive_remove_records(s.journals, s.log, RECORDS + EVENTS, is_old, &a_year,
                                       &removed, &why));
    assert_true(removed > 300);
    assert_int_equal(left_in_journal(&s, true), RECORDS + 20 - removed);
    assert_int_equal(archive_remove_records(path_in(s.folder, "none"), s.log, 768, is_old, &a_year,
                                            &removed, &why),
                     ARCHIVE_ERR_READ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exports_what_is_due),
        cmocka_unit_test(former_witnesses_hold_nothing_up),
        cmocka_unit_test(finds_each_changed_octet),
        cmocka_unit_test(finds_what_is_missing_or_more),
        cmocka_unit_test(finds_what_a_new_manifest_hides),
        cmocka_unit_test(knows_another_log),
        cmocka_unit_test(leaves_no_folder_without_need),
        cmocka_unit_test(a_full_disk_makes_no_archive),
        cmocka_unit_test(removes_what_was_exported),
        cmocka_unit_test(keeps_records_that_no_package_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
