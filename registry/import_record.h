/* Between the parts of the import: a file becomes lines (import_read.c), a line fields
 * (import_fields.c), fields a record (import_record.c); bad lines go to a file of their own
 * (import_rejects.c). Shared with the gateway, which reads what authorities send it as an import
 * reads NDJSON. No threads. */
#ifndef REGISTRY_IMPORT_RECORD_H
#define REGISTRY_IMPORT_RECORD_H

#include "registry/import.h"

/* Names of GB/T 36903 as deployed, and the headings that stand for them. The column of a required
 * one must be there and its value not be empty; of valid until only the column must be there: an
 * empty value says that the licence has no end, a forgotten column says nothing. */
/* clang-format off */
#define IMPORT_COLUMNS(C)                                                                          \
    C(NAME,                  "ZZMC",       "证照名称",             true)                           \
    C(TYPE_CODE,             "ZZLXDM",     "证照类型代码",         true)                           \
    C(TYPE_NAME,             "ZZLXMC",     "证照类型名称",         false) /* else ZZMC */          \
    C(NUMBER,                "ZZBH",       "证照编号",             true)                           \
    C(IDENTIFIER,            "ZZBS",       "电子证照标识",         false)                          \
    C(ISSUER_NAME,           "ZZBFJG",     "颁发机构",             true)                           \
    C(ISSUER_CODE,           "ZZBFJGDM",   "颁发机构代码",         true)                           \
    C(ISSUED_ON,             "ZZBFRQ",     "颁发日期",             false)                          \
    C(HOLDER_NAME,           "CZZT",       "持证主体",             true)                           \
    C(HOLDER_NUMBER,         "CZZTDM",     "持证主体代码",         true)                           \
    C(KIND_CODE,             "CZZTDMLXDM", "持证主体代码类型代码", false)                          \
    C(KIND_NAME,             "CZZTDMLX",   "持证主体代码类型",     false)                          \
    C(VALID_FROM,            "ZZYXQQSRQ",  "有效期起始日期",       false)                          \
    C(VALID_UNTIL,           "ZZYXQJZRQ",  "有效期截止日期",       true)                           \
    C(STATUS,                "ZZZT",       "证照状态",             false) /* else valid */         \
    C(SOURCE_VERSION,        "SJBBH",      "数据版本号",           false)                          \
    C(REPRESENTATIVE_NAME,   "FDDBR",      "法定代表人",           false)                          \
    C(REPRESENTATIVE_NUMBER, "FDDBRZJH",   "法定代表人证件号",     false)
/* clang-format on */

enum import_column {
#define C(column, name, heading, required) IMPORT_COLUMN_##column,
    IMPORT_COLUMNS(C)
#undef C
        IMPORT_COLUMN_COUNT,
};
const char *import_column_name(enum import_column column); /* "ZZMC" */
bool import_column_required(enum import_column column);
/* By either name, in any case, with white space around; false for a column that is not ours. */
bool import_column_find(struct bytes heading, enum import_column *column);

/* Without white space of any script at both ends, byte order marks included. UTF-8. */
struct bytes import_trim(struct bytes text);

/* One line's values, valid UTF-8; data is NULL where there is no such column. */
struct import_fields {
    struct bytes value[IMPORT_COLUMN_COUNT];
};

struct import_fault {
    enum import_reason reason;
    const char *field; /* the column's name, or NULL; static */
};

/* All texts of one record: six of 512 octets, codes and numbers. Normalising never lengthens one.
 */
#define IMPORT_RECORD_BYTES_MAX 4096

/* Normalises and checks one line. The record's views point into `storage`. False with the first
 * fault; *warnings counts the credit codes with a wrong check character. Pure. */
bool import_record_make(const struct import_fields *fields, uint64_t source_version,
                        uint8_t storage[IMPORT_RECORD_BYTES_MAX], struct registry_record *record,
                        unsigned *warnings, struct import_fault *fault);

/* ---- a line's fields ---- */
#define IMPORT_FIELDS_MAX 256 /* columns of a CSV file */

/* The CSV record at the head of `text` (RFC 4180): its octets with the line end, and its fields.
 * False when a quote is misplaced or not closed, or the record has no end; `whole`: the text's end
 * is one. Works on GB18030 as on UTF-8: a second or fourth octet is never below 0x30, so comma,
 * quote and line end are always themselves. */
bool import_csv_span(struct bytes text, bool whole, size_t *octets, size_t *fields);
/* Splits a record without its line end into at most IMPORT_FIELDS_MAX views; doubled quotes are
 * undone in place. False when it is none. */
bool import_csv_split(uint8_t *text, size_t len, struct bytes fields[IMPORT_FIELDS_MAX],
                      size_t *count);

/* One JSON object; the fields are views into it until the next call. */
struct import_json;
struct import_json *import_json_create(void);
void import_json_destroy(struct import_json **json);
bool import_json_read(struct import_json *json, struct bytes text, struct import_fields *fields,
                      struct import_fault *fault);

/* ---- a file's lines ---- */
struct import_reader;

struct import_line {
    uint64_t number;             /* of its first physical line in the file, from 1 */
    uint64_t offset, octets;     /* in the file, with the line end */
    struct import_fields fields; /* IMPORT_READ_RECORD; until the next call */
    struct import_fault fault;   /* IMPORT_READ_BAD */
};

enum import_read {
    IMPORT_READ_RECORD,
    IMPORT_READ_BAD, /* a bad line: the next one is in step again */
    IMPORT_READ_END,
    IMPORT_READ_FAILED, /* the file can't be read on, or became shorter */
};

/* Reads the beginning of a regular file: encoding, format, heading. NULL with *error and `why`. The
 * descriptor stays the caller's; its offset is not used. Memory: about 0.5 MiB. */
struct import_reader *import_reader_create(int fd, enum import_error *error, struct buf *why);
/* The same of what is NDJSON in UTF-8 and nothing else, also of an empty file. NULL: errno. */
struct import_reader *import_reader_create_ndjson(int fd);
void import_reader_destroy(struct import_reader **reader);
const char *import_reader_encoding(const struct import_reader *reader);
const char *import_reader_format(const struct import_reader *reader);
/* Octets before the first line: byte order mark and heading. */
uint64_t import_reader_heading_octets(const struct import_reader *reader);
enum import_read import_reader_next(struct import_reader *reader, struct import_line *line);

/* ---- the reject file ---- */
struct import_rejects {
    const char *path; /* the caller's */
    int source_fd;    /* the caller's */
    int fd;           /* -1 until the first bad line */
    uint64_t heading_octets;
};

/* What stands in the source before `heading_octets` (byte order mark, heading) goes ahead of the
 * bad lines. An older reject file is removed. False when it can't be, or is the source itself, or
 * no regular file. */
bool import_rejects_init(struct import_rejects *rejects, const char *path, int source_fd,
                         uint64_t heading_octets, struct buf *why);
/* Copies a line as it was; makes the file, mode 0600, at the first. False: errno says why. */
bool import_rejects_add(struct import_rejects *rejects, const struct import_line *line);
/* Syncs and closes. */
bool import_rejects_fini(struct import_rejects *rejects);

#endif
