/* What displayed codes are worth. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "terminal/tool/source.h"
#include "terminal/tool/verb.h"
#include "terminal/tool/verdict.h"

#define ARGUMENTS_MAX 10000

struct verify {
    const char *folder, *frames, *camera;
    bool json;
    struct device device;
    struct verdicts verdicts;
    bool told; /* of anything: else no exit status may say valid */
    enum exit_status worst;
};

/* ---- telling ---- */

static void print(json_t *verdict)
{
    json_dumpf(verdict, stdout, JSON_COMPACT);
    putchar('\n');
}

static enum exit_status status_of(const json_t *verdict)
{
    const char *result = json_string_value(json_object_get(verdict, "result"));
    return strcmp(result, "valid") == 0     ? STATUS_DONE
           : strcmp(result, "invalid") == 0 ? STATUS_REFUSED
                                            : STATUS_NOT_NOW;
}

/* The name of a file may be no text. */
static json_t *input_json(const char *input)
{
    json_t *text = json_string(input);
    return text ? text : json_null();
}

static void take_unread(void *context, const char *input, enum reading reading)
{
    struct verify *v = context;
    v->told = true;
    v->worst = status_worse(v->worst, STATUS_NOT_NOW);
    if (v->json) {
        json_t *told = json_pack("{s:o, s:s, s:n, s:s}", "input", input_json(input), "result",
                                 "indeterminate", "reason", "unread", reading_word(reading));
        print(told);
        json_decref(told);
    } else
        verdict_tell_unread(input, reading_text(reading, verdict_in_chinese()));
}

static void take_text(void *context, const char *input, struct bytes text)
{
    struct verify *v = context;
    json_t *verdict = verdict_of(&v->verdicts, text);
    v->told = true;
    if (!verdict) {
        v->worst = status_worse(v->worst, STATUS_NOT_NOW);
        return;
    }
    v->worst = status_worse(v->worst, status_of(verdict));
    if (v->json) {
        json_object_set_new(verdict, "input", input_json(input));
        print(verdict);
    } else
        verdict_tell(verdict);
    json_decref(verdict);
}

static void rest(void *context)
{
    struct verify *v = context;
    fflush(stdout);
    device_rest(&v->device);
}

/* ---- the call ---- */

/* "640x480" */
static bool read_size(const char *text, unsigned *width, unsigned *height)
{
    char *end;
    unsigned long w = strtoul(text, &end, 10), h = 0;
    if (*end == 'x')
        h = strtoul(end + 1, &end, 10);
    *width = (unsigned)w;
    *height = (unsigned)h;
    return *end == 0 && w >= 1 && w <= READER_SIDE_PIXELS_MAX && h >= 1 &&
           h <= READER_SIDE_PIXELS_MAX && w * h <= READER_FRAME_PIXELS_MAX;
}

static enum exit_status read_sources(struct verify *v, struct source *source, char **arguments,
                                     const unsigned size[2])
{
    bool all = true;
    if (v->frames)
        source_frames(source, size[0], size[1]);
    else if (v->camera)
        all = source_camera(source, v->camera);
    for (; *arguments; arguments++)
        all &= source_argument(source, *arguments);
    if (all && !v->told)
        complain("nothing came that could be verified");
    return all && v->told ? v->worst : status_worse(v->worst, STATUS_NOT_NOW);
}

static void stop(int signal)
{
    (void)signal; /* it has done its work: a wait was interrupted */
}

int verb_verify(const struct verb *verb, int argc, char **argv)
{
    static struct verify v;
    unsigned size[2] = {0};
    const struct verb_option options[] = {
        {"folder", &v.folder, NULL}, {"frames", &v.frames, NULL},
        {"camera", &v.camera, NULL}, {"offline", NULL, &v.verdicts.offline},
        {"json", NULL, &v.json},     {NULL, NULL, NULL}};
    int first = verb_read(verb, argc, argv, options, 0, ARGUMENTS_MAX);
    if (first < 0)
        return STATUS_USAGE;
    if ((first < argc) + (v.frames != NULL) + (v.camera != NULL) != 1)
        return verb_misused(verb, "either what to verify, or --frames, or --camera");
    if (v.frames && !read_size(v.frames, &size[0], &size[1]))
        return verb_misused(verb, "--frames is a size, 640x480, of at most %d pixels",
                            READER_FRAME_PIXELS_MAX);
    if (!device_open(&v.device, v.folder, false))
        return STATUS_NOT_NOW;
    struct source source = {.text = take_text, .unread = take_unread, .rest = rest, .context = &v};
    v.verdicts.device = &v.device;
    if (v.camera)
        sigaction(SIGINT, &(const struct sigaction){.sa_handler = stop}, NULL);
    enum exit_status status = read_sources(&v, &source, argv + first, size);
    source_end(&source);
    verdicts_end(&v.verdicts);
    device_close(&v.device);
    return status;
}
