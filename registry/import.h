/* Licences in bulk, from the files that authorities deliver: CSV or NDJSON with the field names of
 * GB/T 36903 as deployed (ZZMC, ZZLXDM, ZZBH, ZZBS, ...), in UTF-8 (with or without BOM) or
 * GB18030. Bad lines are reported and written to a reject file; good ones go in. Reading the same
 * file again changes nothing; an import that was cut off continues behind its last committed line.
 */
#ifndef REGISTRY_IMPORT_H
#define REGISTRY_IMPORT_H

#include "registry/registry.h"

#define IMPORT_LINE_BYTES_MAX 65536 /* one record, as UTF-8 */
#define IMPORT_TYPES_MAX      256

/* Why a line was rejected; the texts stand in the report and the reject file. */
#define IMPORT_REASONS(R)                                                                          \
    R(ENCODING, "not valid in the file's encoding")                                                \
    R(TOO_LONG, "longer than 65536 bytes")                                                         \
    R(SYNTAX, "not a CSV or JSON record")                                                          \
    R(FIELD_COUNT, "another number of fields than the heading")                                    \
    R(FIELD_MISSING, "a required field is missing or empty")                                       \
    R(FIELD_TOO_LONG, "a field is longer than 512 bytes")                                          \
    R(CONTROL_CHARACTER, "a control character in a field")                                         \
    R(TYPE_CODE, "the licence type's code is malformed")                                           \
    R(DATE, "a date that does not exist or has an unknown form")                                   \
    R(DATE_ORDER, "valid until lies before valid from")                                            \
    R(HOLDER_NUMBER, "the citizen number is malformed or its check character wrong")               \
    R(CREDIT_CODE, "the credit code is malformed")                                                 \
    R(CITIZEN_AS_ENTERPRISE, "a citizen number is no enterprise's")                                \
    R(HOLDER_NUMBER_KIND, "an unknown kind of holder number")                                      \
    R(IDENTIFIER, "the licence identifier is malformed or its check character wrong")              \
    R(ISSUER_CODE, "the issuer's code is malformed")                                               \
    R(STATUS, "an unknown status")                                                                 \
    R(SOURCE_VERSION, "the source version is not a number of at most 18 digits")

enum import_reason {
#define R(name, text) IMPORT_REASON_##name,
    IMPORT_REASONS(R)
#undef R
        IMPORT_REASON_COUNT,
};
const char *import_reason_text(enum import_reason reason);

enum import_error {
    IMPORT_OK = 0,
    IMPORT_ERR_FILE,     /* can't be opened, read, or is empty */
    IMPORT_ERR_HEADING,  /* no heading, or a required column is missing: nothing was changed */
    IMPORT_ERR_ENCODING, /* neither UTF-8 nor GB18030 as a whole */
    IMPORT_ERR_REJECTS,  /* the reject file can't be written */
    IMPORT_ERR_REGISTRY, /* the registry failed: what was committed stays; run it again to go on */
};

struct import_report {
    uint64_t lines;    /* records read, without heading and blank lines */
    uint64_t accepted; /* all outcomes together */
    uint64_t outcome[OUTCOME_COUNT];
    uint64_t rejected;
    uint64_t reason[IMPORT_REASON_COUNT];
    uint64_t warnings; /* credit codes whose check character is wrong: lawful early ones exist */
    uint64_t resumed_at_line; /* 0: from the start */
    uint64_t passed; /* good lines before that one: an earlier run of this file committed them */
    size_t type_count;
    struct {
        char code[64], name[128];
        uint64_t accepted;
    } types[IMPORT_TYPES_MAX]; /* the accepted by type; beyond the last: not counted apart */
    const char *encoding;      /* "UTF-8", "GB18030" */
    const char *format;        /* "CSV", "NDJSON" */
};

struct import_options {
    const char *path;
    const char *reject_path;     /* the bad lines as they were, in the file's encoding, with the
                                    heading; made, mode 0600, when the first one is met; an older
                                    one is removed */
    struct bytes source;         /* name of the delivering system */
    uint64_t source_version;     /* of records that bring none of their own */
    struct registry_actor actor; /* who imports it */
    /* Called for each bad line (number in the file, from 1) and about once a second; may be NULL.
     * `detail` names the field; never its content, which may be personal. */
    void (*rejected)(void *context, uint64_t line, enum import_reason reason, const char *detail);
    void (*progress)(void *context, const struct import_report *report, uint64_t bytes_done,
                     uint64_t bytes_all);
    void *context;
};

/* Imports a regular file. It is known again by its content and source, and how far it came stands
 * in the registry: a run that goes on reads and reports the lines before, but submits them no more.
 * A file that was finished is read from its start when it is given again. What a column accepts
 * stands in import_record.h. `why` holds a sentence on failure. The report is filled either way. */
enum import_error import_file(struct registry *registry, struct registry_reader *reader,
                              const struct import_options *options, struct import_report *report,
                              struct buf *why);

#endif
