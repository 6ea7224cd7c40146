/* Drives an import: lines are read, checked and gathered into batches; each batch is one
 * transaction of the registry's writer, which also notes up to which line the file is in. A run
 * that follows one that was cut off reads the file from its start (reading is cheap, committing is
 * not), so that its report and reject file are whole, and submits what lies behind that line. */
#include "registry/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "registry/import_record.h"

/* Between batches the lock is free for other processes, whose writers ask for it every millisecond;
 * 4 s in a million lines. */
#define YIELD_US         2000
#define BUSY_TRIES       20 /* each takes the registry's own busy timeout */
#define PROGRESS_EACH_US 1000000
#define HASH_PIECE_BYTES 65536

/* The note of a file that is at its end: given again, it is read from its start. */
#define LINE_FINISHED 1

static const char *const reason_texts[] = {
#define R(name, text) text,
    IMPORT_REASONS(R)
#undef R
};

const char *import_reason_text(enum import_reason reason)
{
    CHECK(reason < IMPORT_REASON_COUNT);
    return reason_texts[reason];
}

struct import {
    struct registry *registry;
    const struct import_options *options;
    struct import_report *report;
    struct buf *why;
    struct import_reader *reader;
    struct import_rejects rejects;
    uint64_t done_line; /* everything up to it is in the registry */
    uint64_t bytes_done, bytes_all, told_us;
    uint8_t file[CRYPTO_HASH_BYTES];

    size_t count;                /* records in the batch */
    uint64_t batch_line;         /* of the last of them */
    uint64_t rejected, warnings; /* since the batch before, of lines that no earlier run told */
    struct registry_record records[REGISTRY_BATCH_MAX];
    enum registry_outcome outcomes[REGISTRY_BATCH_MAX];
    uint8_t storage[REGISTRY_BATCH_MAX][IMPORT_RECORD_BYTES_MAX];
};

/* What the file is known by: a chain of hashes over the source's name and the content. */
static bool hash_file(struct import *im, int fd)
{
    uint8_t *piece = check_alloc(HASH_PIECE_BYTES);
    struct bytes parts[] = {im->options->source, {im->file, 0}};
    enum crypto_result result = crypto_openssl.sha256(parts, 1, im->file);
    ssize_t n = 1;
    while (result == CRYPTO_OK && n != 0) {
        n = pread(fd, piece, HASH_PIECE_BYTES, (off_t)im->bytes_all);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        parts[0] = bytes_of(im->file, sizeof im->file);
        parts[1] = bytes_of(piece, (size_t)n);
        result = crypto_openssl.sha256(parts, 2, im->file);
        im->bytes_all += (size_t)n;
    }
    free(piece);
    return result == CRYPTO_OK && n == 0;
}

static void put_clipped(char *out, size_t cap, struct bytes text)
{
    struct buf b;
    uint32_t c;
    buf_init(&b, out, cap - 1);
    for (size_t n; (n = utf8_next(text, &c)) != 0 && n <= b.cap - b.len; text = bytes_from(text, n))
        buf_put(&b, bytes_of(text.data, n));
    out[b.len] = 0;
}

static void count_type(struct import_report *report, const struct registry_record *record)
{
    size_t i = 0;
    while (i < report->type_count &&
           !bytes_equal(bytes_str(report->types[i].code), record->type_code))
        i++;
    if (i == IMPORT_TYPES_MAX)
        return;
    if (i == report->type_count) {
        put_clipped(report->types[i].code, sizeof report->types[i].code, record->type_code);
        put_clipped(report->types[i].name, sizeof report->types[i].name, record->type_name);
        report->type_count++;
    }
    report->types[i].accepted++;
}

static void tell(struct import *im, bool now)
{
    uint64_t us = clock_mono_us();
    if (!im->options->progress || (!now && us - im->told_us < PROGRESS_EACH_US))
        return;
    im->told_us = us;
    im->options->progress(im->options->context, im->report, im->bytes_done, im->bytes_all);
}

static enum import_error commit_batch(struct import *im, uint64_t line)
{
    struct registry_change change = {.kind = CHANGE_IMPORT,
                                     .records = im->records,
                                     .outcomes = im->outcomes,
                                     .record_count = im->count,
                                     .source = im->options->source,
                                     .actor = im->options->actor,
                                     .rejected = im->rejected,
                                     .warnings = im->warnings,
                                     .import_line = line};
    memcpy(change.import_file, im->file, sizeof im->file);
    enum registry_error error = REGISTRY_ERR_BUSY;
    for (int tries = 0; error == REGISTRY_ERR_BUSY && tries < BUSY_TRIES; tries++) {
        usleep(YIELD_US);
        error = registry_commit(im->registry, &change);
    }
    if (error != REGISTRY_OK) {
        buf_printf(im->why, "the registry did not take the lines up to %llu: %s",
                   (unsigned long long)im->batch_line,
                   error == REGISTRY_ERR_REFUSED && change.refusal ? change.refusal
                                                                   : registry_error_text(error));
        return IMPORT_ERR_REGISTRY;
    }
    for (size_t i = 0; i < im->count; i++) {
        im->report->accepted++;
        im->report->outcome[im->outcomes[i]]++;
        count_type(im->report, &im->records[i]);
    }
    im->count = 0;
    im->rejected = im->warnings = 0;
    return IMPORT_OK;
}

static enum import_error reject(struct import *im, const struct import_line *line)
{
    im->report->rejected++;
    im->rejected += line->number > im->done_line;
    im->report->reason[line->fault.reason]++;
    if (!import_rejects_add(&im->rejects, line)) {
        buf_printf(im->why, "%s: %s", im->rejects.path, strerror(errno));
        return IMPORT_ERR_REJECTS;
    }
    if (im->options->rejected)
        im->options->rejected(im->options->context, line->number, line->fault.reason,
                              line->fault.field);
    return IMPORT_OK;
}

/* A line goes into the batch or to the rejects. */
static enum import_error take_line(struct import *im, struct import_line *line, bool readable)
{
    struct registry_record *record = &im->records[im->count];
    unsigned warnings = 0;
    im->report->lines++;
    im->bytes_done = line->offset + line->octets;
    if (!readable || !import_record_make(&line->fields, im->options->source_version,
                                         im->storage[im->count], record, &warnings, &line->fault))
        return reject(im, line);
    im->report->warnings += warnings;
    if (line->number <= im->done_line) {
        im->report->passed++;
        return IMPORT_OK;
    }
    im->warnings += warnings;
    im->batch_line = line->number;
    return ++im->count < REGISTRY_BATCH_MAX ? IMPORT_OK : commit_batch(im, line->number);
}

static enum import_error read_lines(struct import *im)
{
    struct import_line line;
    enum import_error error = IMPORT_OK;
    for (;;) {
        switch (import_reader_next(im->reader, &line)) {
        case IMPORT_READ_RECORD:
            error = take_line(im, &line, true);
            break;
        case IMPORT_READ_BAD:
            error = take_line(im, &line, false);
            break;
        case IMPORT_READ_END:
            return commit_batch(im, LINE_FINISHED);
        case IMPORT_READ_FAILED:
            buf_printf(im->why, "%s can't be read on, or became shorter", im->options->path);
            return IMPORT_ERR_FILE;
        }
        if (error)
            return error;
        tell(im, false);
    }
}

static enum import_error find_done_line(struct import *im, struct registry_reader *reader)
{
    enum registry_error error = registry_import_line(reader, im->file, &im->done_line);
    if (error && error != REGISTRY_ERR_NOT_FOUND) {
        buf_printf(im->why, "the registry can't be read: %s", registry_error_text(error));
        return IMPORT_ERR_REGISTRY;
    }
    if (error || im->done_line == LINE_FINISHED)
        im->done_line = 0;
    im->report->resumed_at_line = im->done_line ? im->done_line + 1 : 0;
    return IMPORT_OK;
}

static enum import_error run(struct import *im, struct registry_reader *reader, int fd)
{
    enum import_error error = find_done_line(im, reader);
    if (error)
        return error;
    if (!import_rejects_init(&im->rejects, im->options->reject_path, fd,
                             import_reader_heading_octets(im->reader), im->why))
        return IMPORT_ERR_REJECTS;
    error = read_lines(im);
    if (!import_rejects_fini(&im->rejects) && !error) {
        buf_printf(im->why, "%s: %s", im->rejects.path, strerror(errno));
        error = IMPORT_ERR_REJECTS;
    }
    tell(im, true);
    return error;
}

enum import_error import_file(struct registry *registry, struct registry_reader *reader,
                              const struct import_options *options, struct import_report *report,
                              struct buf *why)
{
    *report = (struct import_report){0};
    int fd = open(options->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        buf_printf(why, "%s: %s", options->path, strerror(errno));
        return IMPORT_ERR_FILE;
    }
    enum import_error error = IMPORT_OK;
    struct import *im = check_alloc(sizeof *im); /* 2.2 MiB, most of it the batch's texts */
    im->registry = registry;
    im->options = options;
    im->report = report;
    im->why = why;
    im->reader = import_reader_create(fd, &error, why);
    if (im->reader && hash_file(im, fd)) {
        report->encoding = import_reader_encoding(im->reader);
        report->format = import_reader_format(im->reader);
        error = run(im, reader, fd);
    } else if (im->reader) {
        buf_printf(why, "%s can't be read", options->path);
        error = IMPORT_ERR_FILE;
    }
    import_reader_destroy(&im->reader);
    free(im);
    close(fd);
    return error;
}
