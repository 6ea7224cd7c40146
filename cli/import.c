/* jwb licence import: the bad lines and the progress on stderr, then the conversion report. */
#include "registry/import.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/desk.h"

#define BAD_LINES_SHOWN  100
#define PROGRESS_EACH_US 5000000 /* when nobody looks at a terminal */

static const struct {
    const char *key, *text;
} outcomes[OUTCOME_COUNT] = {
    [OUTCOME_ADDED] = {"added", "added"},
    [OUTCOME_NEW_VERSION] = {"new_version", "new version"},
    [OUTCOME_STATUS_CHANGED] = {"status_changed", "status changed"},
    [OUTCOME_UNCHANGED] = {"unchanged", "unchanged"},
    [OUTCOME_OLDER] = {"older", "older than the registry's"},
};

/* ---- while it runs ---- */

struct screen {
    bool terminal;
    uint64_t told_us, bad_lines;
};

static void show_bad_line(void *context, uint64_t line, enum import_reason reason,
                          const char *field)
{
    struct screen *screen = context;
    if (++screen->bad_lines > BAD_LINES_SHOWN)
        return;
    fprintf(stderr, "%sline %llu: %s%s%s\n", screen->terminal ? "\r\033[K" : "",
            (unsigned long long)line, import_reason_text(reason), field ? ": " : "",
            field ? field : "");
}

static void show_progress(void *context, const struct import_report *report, uint64_t bytes_done,
                          uint64_t bytes_all)
{
    struct screen *screen = context;
    uint64_t now_us = clock_mono_us();
    if (!screen->terminal && now_us - screen->told_us < PROGRESS_EACH_US)
        return;
    screen->told_us = now_us;
    fprintf(stderr, "%s%llu lines, %llu accepted, %llu rejected, %u %%%s",
            screen->terminal ? "\r\033[K" : "", (unsigned long long)report->lines,
            (unsigned long long)report->accepted, (unsigned long long)report->rejected,
            bytes_all ? (unsigned)(bytes_done * 100 / bytes_all) : 100,
            screen->terminal ? "" : "\n");
}

static void end_screen(const struct screen *screen)
{
    if (screen->terminal)
        fputs("\r\033[K", stderr);
    if (screen->bad_lines > BAD_LINES_SHOWN)
        fprintf(stderr, "and %llu more bad lines\n",
                (unsigned long long)(screen->bad_lines - BAD_LINES_SHOWN));
}

/* ---- the report ---- */

static void print_report(FILE *out, const struct import_options *options,
                         const struct import_report *r, double seconds)
{
    fprintf(out, "file        %s (%s, %s)\n", options->path, r->format, r->encoding);
    fprintf(out, "lines       %llu in %.1f s\n", (unsigned long long)r->lines, seconds);
    if (r->resumed_at_line)
        fprintf(out, "resumed     at line %llu; %llu good lines before it were already in\n",
                (unsigned long long)r->resumed_at_line, (unsigned long long)r->passed);
    fprintf(out, "accepted    %llu\n", (unsigned long long)r->accepted);
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        if (r->outcome[i])
            fprintf(out, "  %8llu  %s\n", (unsigned long long)r->outcome[i], outcomes[i].text);
    if (r->type_count)
        fprintf(out, "by type\n");
    for (size_t i = 0; i < r->type_count; i++)
        fprintf(out, "  %8llu  %s (%s)\n", (unsigned long long)r->types[i].accepted,
                r->types[i].name, r->types[i].code);
    bool kept = r->rejected && options->reject_path;
    fprintf(out, "rejected    %llu%s%s\n", (unsigned long long)r->rejected,
            kept ? "; they are in " : "", kept ? options->reject_path : "");
    for (size_t i = 0; i < IMPORT_REASON_COUNT; i++)
        if (r->reason[i])
            fprintf(out, "  %8llu  %s\n", (unsigned long long)r->reason[i],
                    import_reason_text((enum import_reason)i));
    if (r->warnings)
        fprintf(out, "warnings    %llu credit codes with a wrong check character, accepted\n",
                (unsigned long long)r->warnings);
}

/* JSON can't hold a path in another encoding. */
static const char *utf8_path(const char *path)
{
    return path && utf8_valid(bytes_str(path)) ? path : NULL;
}

static json_t *report_json(const struct import_options *options, const struct import_report *r,
                           double seconds)
{
    json_t *by_outcome = json_object(), *types = json_array(), *reasons = json_array();
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        json_object_set_new(by_outcome, outcomes[i].key, json_integer((json_int_t)r->outcome[i]));
    for (size_t i = 0; i < r->type_count; i++)
        json_array_append_new(types, json_pack("{s:s, s:s, s:I}", "code", r->types[i].code, "name",
                                               r->types[i].name, "accepted",
                                               (json_int_t)r->types[i].accepted));
    for (size_t i = 0; i < IMPORT_REASON_COUNT; i++)
        if (r->reason[i])
            json_array_append_new(reasons, json_pack("{s:s, s:I}", "reason",
                                                     import_reason_text((enum import_reason)i),
                                                     "lines", (json_int_t)r->reason[i]));
    return json_pack("{s:s?, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:o, s:s?, s:I, s:f}",
                     "file", utf8_path(options->path), "format", r->format, "encoding", r->encoding,
                     "lines", (json_int_t)r->lines, "resumed_at_line",
                     (json_int_t)r->resumed_at_line, "passed", (json_int_t)r->passed, "accepted",
                     (json_int_t)r->accepted, "outcomes", by_outcome, "types", types, "rejected",
                     (json_int_t)r->rejected, "reasons", reasons, "rejects",
                     r->rejected ? utf8_path(options->reject_path) : NULL, "warnings",
                     (json_int_t)r->warnings, "seconds", seconds);
}

static void tell(const struct import_options *options, const struct import_report *report,
                 double seconds, bool json)
{
    print_report(json ? stderr : stdout, options, report, seconds);
    if (!json)
        return;
    json_t *object = report_json(options, report, seconds);
    if (object)
        json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(object);
}

/* Did it change what a licence was worth that was in the registry before? */
static bool changed_status(const struct import_report *report)
{
    return report->outcome[OUTCOME_NEW_VERSION] + report->outcome[OUTCOME_STATUS_CHANGED] > 0;
}

/* ---- the command ---- */

static int import(const char *config, struct import_options *options, bool json)
{
    struct desk desk;
    char text[1024];
    struct buf why = BUF_OVER(text);
    if (!desk_open(&desk, config, DESK_REGISTRY_CREATE))
        return EXIT_FAILURE;
    struct screen screen = {.terminal = isatty(STDERR_FILENO) == 1, .told_us = clock_mono_us()};
    struct import_report *report = check_alloc(sizeof *report);
    options->actor = desk_actor(&desk);
    options->rejected = show_bad_line;
    options->progress = show_progress;
    options->context = &screen;
    uint64_t began_us = clock_mono_us();
    enum import_error error = import_file(desk.registry, desk.reader, options, report, &why);
    double seconds = (double)(clock_mono_us() - began_us) / 1e6;
    end_screen(&screen);
    if (error == IMPORT_ERR_REJECTS)
        options->reject_path = NULL; /* it does not hold them all */
    if (!error || report->lines)
        tell(options, report, seconds, json);
    fflush(stdout); /* it is done, whatever happens while waiting */
    if (changed_status(report))
        desk_wait_in_force(&desk, json ? stderr : stdout);
    if (error && bytes_start_with(buf_bytes(&why), bytes_str(options->path)))
        command_failed_why(&why);
    else if (error)
        command_failed("%s: %s", options->path, buf_cstr(&why));
    free(report);
    desk_close(&desk);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

int command_licence_import(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *rejects = NULL, *source = "import", *version = NULL, *path;
    bool json = false;
    const struct command_option options[] = {
        {"config", &config, NULL},          {"rejects", &rejects, NULL}, {"source", &source, NULL},
        {"source-version", &version, NULL}, {"json", NULL, &json},       {NULL, NULL, NULL}};
    struct import_options import_options = {0};
    if (!command_read(command, argc, argv, options, &path, 1, 1) ||
        !command_number(command, "--source-version", version, 0, 999999999999999999,
                        &import_options.source_version))
        return EXIT_USAGE;
    if (!*source || strlen(source) > REGISTRY_CASE_BYTES_MAX)
        return command_misused(command, "--source has 1 to %d bytes", REGISTRY_CASE_BYTES_MAX);
    char *beside;
    CHECK(asprintf(&beside, "%s.rejects", path) >= 0);
    import_options.path = path;
    import_options.reject_path = rejects ? rejects : beside;
    import_options.source = bytes_str(source);
    int status = import(config, &import_options, json);
    free(beside);
    return status;
}
