/* Imports into a real registry: the report, the reject file, and going on after a cut. */
#include <fcntl.h>
#include <iconv.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/generate.h"
#include "registry/import.h"
#include "registry/issuing.h"
#include "tests/registry_fixture.h"

static const char *folder;
static struct registry *registry;
static struct registry_reader *reader;

static void open_registry(unsigned busy_timeout_ms)
{
    struct registry_options options = fixture_options(path_in(folder, "registry.db"));
    options.busy_timeout_ms = busy_timeout_ms;
    char text[256];
    struct buf why = BUF_OVER(text);
    assert_int_equal(registry_open(&options, &registry, &why), REGISTRY_OK);
    reader = fixture_reader(registry);
}

static void close_registry(void)
{
    registry_reader_destroy(&reader);
    registry_close(&registry);
}

static int set_up(void **state)
{
    (void)state;
    folder = temp_folder();
    open_registry(2000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close_registry();
    return 0;
}

static void generate(const char *name, uint64_t count, uint64_t bad_lines, bool gb18030)
{
    const struct generate_options options = {
        .count = count, .bad_lines = bad_lines, .seed = 5, .gb18030 = gb18030, .today = 20000};
    char text[256];
    struct buf why = BUF_OVER(text);
    FILE *file = fopen(path_in(folder, name), "wb");
    assert_true(generate_licences(&options, file, &why));
    fclose(file);
}

/* What one import said; `stop` may be called at the stop_at-th bad line. */
struct told {
    struct import_report report;
    char why[512];
    size_t rejected;
    uint64_t last_line, bytes_done, bytes_all;
    char fields[1024];
    size_t stop_at;
    void (*stop)(void);
};

static void on_rejected(void *context, uint64_t line, enum import_reason reason, const char *detail)
{
    struct told *told = context;
    assert_non_null(import_reason_text(reason));
    assert_true(line > told->last_line);
    told->last_line = line;
    strncat(told->fields, detail ? detail : "-", sizeof told->fields - strlen(told->fields) - 1);
    if (++told->rejected == told->stop_at)
        told->stop();
}

static void on_progress(void *context, const struct import_report *report, uint64_t bytes_done,
                        uint64_t bytes_all)
{
    struct told *told = context;
    assert_true(report->accepted <= report->lines);
    told->bytes_done = bytes_done;
    told->bytes_all = bytes_all;
}

static enum import_error import_as(const char *name, const char *rejects, struct told *told)
{
    struct buf why = BUF_OVER(told->why);
    const struct import_options options = {
        .path = path_in(folder, name),
        .reject_path = path_in(folder, rejects),
        .source = BYTES("test"),
        .source_version = 1,
        .actor = {.role = TOKEN_ROLE_OPERATOR, .subject = BYTES("somebody")},
        .rejected = on_rejected,
        .progress = on_progress,
        .context = told};
    enum import_error error = import_file(registry, reader, &options, &told->report, &why);
    (void)buf_cstr(&why);
    return error;
}

static void add_quality(void *sum_, const struct registry_quality *quality)
{
    struct registry_quality *sum = sum_;
    sum->records += quality->records;
    sum->rejected += quality->rejected;
}

/* Of all authorities together. */
static struct registry_quality quality(void)
{
    struct registry_quality sum = {0};
    struct registry_catalogue_entry issuer;
    for (uint16_t i = 0; registry_issuer(reader, i, &issuer) == REGISTRY_OK; i++)
        assert_int_equal(registry_quality(reader, bytes_str(issuer.code), 0, add_quality, &sum),
                         REGISTRY_OK);
    return sum;
}

static void see_import(void *count, const struct registry_event *event)
{
    if (event->kind != EVENT_IMPORT)
        return;
    ++*(unsigned *)count;
    assert_int_equal(event->role, TOKEN_ROLE_OPERATOR);
    assert_bytes(event->subject, "somebody");
}

static uint64_t licences(void)
{
    struct registry_counts counts;
    assert_int_equal(registry_count(reader, &counts), REGISTRY_OK);
    return counts.licences;
}

static struct bytes read_text(const char *name)
{
    static uint8_t storage[100000];
    FILE *file = fopen(path_in(folder, name), "rb");
    assert_non_null(file);
    size_t len = fread(storage, 1, sizeof storage, file);
    fclose(file);
    return bytes_of(storage, len);
}

static size_t lines_of(struct bytes text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    return lines;
}

/* If this failed, the report would not add up, bad lines would be lost or readable for others, or
 * the same delivery twice would make new versions of everything. */
static void test_reports_rejects_and_is_idempotent(void **state)
{
    (void)state;
    struct told told = {0}, again = {0};
    generate("file", 2500, 15, true);
    assert_int_equal(import_as("file", "rejects", &told), IMPORT_OK);
    assert_int_equal(told.report.lines, 2500);
    assert_int_equal(told.report.rejected, 15);
    assert_int_equal(told.rejected, 15);
    assert_int_equal(told.report.accepted, 2485);
    assert_int_equal(told.report.outcome[OUTCOME_ADDED], 2485);
    assert_int_equal(told.report.resumed_at_line, 0);
    assert_string_equal(told.report.encoding, "GB18030");
    assert_string_equal(told.report.format, "CSV");
    assert_int_equal(told.bytes_done, told.bytes_all);
    uint64_t reasons = 0, types = 0;
    for (int i = 0; i < IMPORT_REASON_COUNT; i++)
        reasons += told.report.reason[i];
    for (size_t i = 0; i < told.report.type_count; i++)
        types += told.report.types[i].accepted;
    assert_int_equal(reasons, 15);
    assert_int_equal(types, 2485);
    assert_true(told.report.type_count >= 8);
    assert_int_equal(licences(), 2485);

    struct stat status;
    assert_int_equal(stat(path_in(folder, "rejects"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(lines_of(read_text("rejects")), 16);
    unsigned imports = 0;
    assert_int_equal(registry_events(reader, 0, 100000, see_import, &imports), REGISTRY_OK);
    assert_int_equal(imports, 5);
    assert_int_equal(quality().records, 2485);
    assert_int_equal(quality().rejected, 15);

    assert_int_equal(import_as("file", "rejects", &again), IMPORT_OK);
    assert_int_equal(again.report.outcome[OUTCOME_UNCHANGED], 2485);
    assert_int_equal(again.report.rejected, 15);
    assert_int_equal(again.report.passed, 0);
    assert_int_equal(lines_of(read_text("rejects")), 16);
    assert_int_equal(licences(), 2485);
}

#define HEADING "ZZMC,ZZLXDM,ZZBH,ZZBFJG,ZZBFJGDM,CZZT,CZZTDM,ZZYXQJZRQ,备注\r\n"
#define LINE(n, until)                                                                             \
    "居住证,A1," n ",焦作市公安局,410800,张三,410899199003071238," until ",\"乗\n,\"\r\n"

static void write_gb18030(const char *name, struct bytes text)
{
    static char out[10000];
    char *from = (char *)text.data, *to = out;
    size_t left = text.len, room = sizeof out;
    iconv_t convert = iconv_open("GB18030", "UTF-8");
    assert_int_equal(iconv(convert, &from, &left, &to, &room), 0);
    iconv_close(convert);
    write_file(path_in(folder, name), bytes_of(out, sizeof out - room));
}

/* If this failed, whoever corrects the reject file could not simply import it. */
static void test_rejects_can_be_corrected_and_imported(void **state)
{
    (void)state;
    struct told told = {0}, second = {0};
    write_gb18030("file", BYTES(HEADING LINE("1", "20300101") LINE("2", "20301301")
                                    LINE("3", "20300101") LINE("4", "2030-00-01")));
    assert_int_equal(import_as("file", "rejects", &told), IMPORT_OK);
    assert_int_equal(told.report.outcome[OUTCOME_ADDED], 2);
    assert_int_equal(told.report.reason[IMPORT_REASON_DATE], 2);
    assert_string_equal(told.fields, "ZZYXQJZRQZZYXQJZRQ");
    assert_int_equal(told.last_line, 8); /* each record has two physical lines */

    struct bytes text = read_text("rejects");
    assert_int_equal(lines_of(text), 5);
    for (uint8_t *at; (at = memmem(text.data, text.len, "20301301", 8)) != NULL;)
        memcpy(at, "20301201", 8);
    for (uint8_t *at; (at = memmem(text.data, text.len, "2030-00-01", 10)) != NULL;)
        memcpy(at, "2030-01-01", 10);
    write_file(path_in(folder, "corrected"), text);
    assert_int_equal(import_as("corrected", "rejects2", &second), IMPORT_OK);
    assert_string_equal(second.report.encoding, "GB18030");
    assert_int_equal(second.report.outcome[OUTCOME_ADDED], 2);
    assert_int_equal(second.report.rejected, 0);
    assert_int_equal(access(path_in(folder, "rejects2"), F_OK), -1);
    assert_int_equal(licences(), 4);
}

static void kill_self(void)
{
    raise(SIGKILL);
}

/* If this failed, a cut in a long import would mean beginning again, or a hole in the report. */
static void test_goes_on_after_a_kill(void **state)
{
    (void)state;
    generate("file", 3000, 30, false);
    close_registry(); /* a fork would not have its thread */
    pid_t child = fork();
    if (child == 0) {
        struct told told = {.stop_at = 20, .stop = kill_self};
        open_registry(2000);
        import_as("file", "rejects", &told);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    open_registry(2000);
    uint64_t before = licences();
    assert_true(before > 0 && before % REGISTRY_BATCH_MAX == 0 && before < 2970);

    struct told told = {0};
    assert_int_equal(import_as("file", "rejects", &told), IMPORT_OK);
    assert_true(told.report.resumed_at_line > before);
    assert_int_equal(told.report.passed, before);
    assert_int_equal(told.report.outcome[OUTCOME_ADDED], 2970 - before);
    assert_int_equal(told.report.rejected, 30);
    assert_int_equal(lines_of(read_text("rejects")), 31);
    assert_int_equal(licences(), 2970);

    struct told again = {0};
    assert_int_equal(import_as("file", "rejects", &again), IMPORT_OK);
    assert_int_equal(again.report.passed, 0);
    assert_int_equal(again.report.outcome[OUTCOME_UNCHANGED], 2970);
}

static sqlite3 *locker;

static void take_lock(void)
{
    assert_int_equal(sqlite3_open(path_in(folder, "registry.db"), &locker), SQLITE_OK);
    sqlite3_busy_timeout(locker, 10000);
    assert_int_equal(sqlite3_exec(locker, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

/* If this failed, a registry that can't be written would be called a success or a bad file. */
static void test_goes_on_after_a_failure_of_the_registry(void **state)
{
    (void)state;
    struct told told = {.stop_at = 20, .stop = take_lock}, second = {0};
    close_registry();
    open_registry(10);
    generate("file", 3000, 30, false);
    assert_int_equal(import_as("file", "rejects", &told), IMPORT_ERR_REGISTRY);
    assert_non_null(strstr(told.why, "the registry did not take"));
    sqlite3_close(locker);
    uint64_t before = licences();
    assert_int_equal(told.report.accepted, before);
    assert_true(before > 0 && before < 2970);
    assert_int_equal(import_as("file", "rejects", &second), IMPORT_OK);
    assert_int_equal(second.report.passed, before);
    assert_int_equal(licences(), 2970);
    assert_int_equal(quality().records, 2970); /* each once, whichever run told it */
    assert_int_equal(quality().rejected, 30);
}

/* If this failed, lines before the cut of a file that was changed since would never come in. */
static void test_a_changed_file_starts_over(void **state)
{
    (void)state;
    struct told told = {.stop_at = 20, .stop = take_lock}, second = {0};
    close_registry();
    open_registry(10);
    generate("file", 3000, 30, false);
    assert_int_equal(import_as("file", "rejects", &told), IMPORT_ERR_REGISTRY);
    sqlite3_close(locker);
    FILE *file = fopen(path_in(folder, "file"), "ab");
    fputs("\r\n", file);
    fclose(file);
    assert_int_equal(import_as("file", "rejects", &second), IMPORT_OK);
    assert_int_equal(second.report.resumed_at_line, 0);
    assert_int_equal(second.report.outcome[OUTCOME_UNCHANGED], told.report.accepted);
}

/* If this failed, a mistake in the command line would cost data, or look like an empty import. */
static void test_refuses_what_it_cannot_do(void **state)
{
    (void)state;
    struct told told = {0};
    assert_int_equal(import_as("nowhere", "rejects", &told), IMPORT_ERR_FILE);
    assert_int_equal(import_as(".", "rejects", &told), IMPORT_ERR_FILE);
    write_file(path_in(folder, "file"), BYTES("ZZMC,ZZBH\n1,2\n"));
    assert_int_equal(import_as("file", "rejects", &told), IMPORT_ERR_HEADING);
    assert_int_equal(told.report.lines, 0);
    generate("file", 20, 10, false);
    assert_int_equal(import_as("file", "file", &told), IMPORT_ERR_REJECTS);
    assert_int_equal(import_as("file", ".", &told), IMPORT_ERR_REJECTS);
    assert_int_equal(import_as("file", "nowhere/rejects", &told), IMPORT_ERR_REJECTS);
    assert_int_equal(licences(), 0);
    assert_int_equal(access(path_in(folder, "file"), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reports_rejects_and_is_idempotent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rejects_can_be_corrected_and_imported, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_goes_on_after_a_kill, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goes_on_after_a_failure_of_the_registry, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_changed_file_starts_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_what_it_cannot_do, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
