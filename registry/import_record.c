/* Fields of a line -> a record of the registry: normalising and checks. Pure, and fuzzed. */
#include "registry/import_record.h"

#include <strings.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "protocol/identifier.h"

#define TYPE_CODE_BYTES_MAX 30 /* as in the licence identifier, GB/T 36904 */
#define AREA_CODE_BYTES     6  /* GB/T 2260 */

/* Days go from 1970-01-01, for -1 says "none", to 2149-06-06, for a code has 16 bits for them. */
#define DAY_MAX 65535

static const struct {
    const char *name, *heading;
    bool required;
} columns[IMPORT_COLUMN_COUNT] = {
#define C(column, name, heading, required) {name, heading, required},
    IMPORT_COLUMNS(C)
#undef C
};

const char *import_column_name(enum import_column column)
{
    return columns[column].name;
}

bool import_column_required(enum import_column column)
{
    return columns[column].required;
}

bool import_column_find(struct bytes heading, enum import_column *column)
{
    heading = import_trim(heading);
    for (size_t i = 0; i < IMPORT_COLUMN_COUNT; i++) {
        const char *name = columns[i].name;
        if ((heading.len == strlen(name) &&
             strncasecmp((const char *)heading.data, name, heading.len) == 0) ||
            bytes_equal(heading, bytes_str(columns[i].heading))) {
            *column = (enum import_column)i;
            return true;
        }
    }
    return false;
}

static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xA0 || c == 0x3000 || c == 0xFEFF;
}

struct bytes import_trim(struct bytes text)
{
    uint32_t c;
    size_t n;
    while ((n = utf8_next(text, &c)) != 0 && is_space(c))
        text = bytes_from(text, n);
    size_t keep = 0;
    for (size_t at = 0; (n = utf8_next(bytes_from(text, at), &c)) != 0; at += n)
        if (!is_space(c))
            keep = at + n;
    return bytes_of(text.data, keep);
}

/* The middle dot of names, as it is typed: bullet, katakana dots, hyphenation point, operators. */
static bool is_middle_dot(uint32_t c)
{
    return c == 0xB7 || c == 0x2022 || c == 0x30FB || c == 0xFF65 || c == 0x2027 || c == 0x2219 ||
           c == 0x22C5;
}

enum folding {
    FOLD_TEXT,   /* runs of spaces become one */
    FOLD_NAME,   /* the same, and middle dots become U+00B7 */
    FOLD_NUMBER, /* no spaces; full-width letters and digits to ASCII; upper case */
    FOLD_CODE,   /* the same, and full-width punctuation */
    FOLD_DATE,   /* the same, but spaces stay */
};

static struct bytes fold(struct buf *out, struct bytes text, enum folding folding)
{
    size_t start = out->len;
    bool space = false, code = folding >= FOLD_NUMBER;
    uint32_t c;
    for (size_t n; (n = utf8_next(text, &c)) != 0; text = bytes_from(text, n)) {
        if (is_space(c)) {
            space = folding != FOLD_NUMBER && folding != FOLD_CODE;
            continue;
        }
        if (space)
            buf_put_u8(out, ' ');
        space = false;
        if (code && c >= 0xFF01 && c <= 0xFF5E) {
            uint32_t ascii = c - 0xFEE0;
            bool letter = (ascii >= '0' && ascii <= '9') || (ascii >= 'A' && ascii <= 'Z') ||
                          (ascii >= 'a' && ascii <= 'z');
            if (letter || folding != FOLD_NUMBER)
                c = ascii;
        }
        if (code && c == '\'' && out->len == start) /* how a spreadsheet marks digits as text */
            continue;
        if (code && c >= 'a' && c <= 'z')
            c -= 'a' - 'A';
        utf8_put(out, folding == FOLD_NAME && is_middle_dot(c) ? 0xB7 : c);
    }
    CHECK(buf_ok(out)); /* each field was at most 512 octets, and folding shortens */
    return bytes_of(out->data + start, out->len - start);
}

/* What one line's reading carries along. */
struct making {
    const struct import_fields *fields;
    struct buf out;
    unsigned warnings;
    struct import_fault *fault;
};

static bool fail(struct making *m, enum import_reason reason, enum import_column column)
{
    *m->fault = (struct import_fault){reason, columns[column].name};
    return false;
}

static struct bytes value(const struct making *m, enum import_column column)
{
    struct bytes text = m->fields->value[column];
    return text.len ? import_trim(text) : BYTES("");
}

static bool check_shapes(struct making *m)
{
    for (size_t i = 0; i < IMPORT_COLUMN_COUNT; i++) {
        enum import_column column = (enum import_column)i;
        struct bytes text = value(m, column);
        bool may_be_empty = column == IMPORT_COLUMN_VALID_UNTIL && m->fields->value[i].data;
        if (text.len > REGISTRY_TEXT_BYTES_MAX)
            return fail(m, IMPORT_REASON_FIELD_TOO_LONG, column);
        if (!utf8_plain(text)) /* a name would read otherwise than it is stored */
            return fail(m, IMPORT_REASON_CONTROL_CHARACTER, column);
        if (columns[i].required && text.len == 0 && !may_be_empty)
            return fail(m, IMPORT_REASON_FIELD_MISSING, column);
    }
    return true;
}

/* An optional text, or a required one that folding may have emptied. */
static bool take(struct making *m, enum import_column column, enum folding folding,
                 struct bytes *out)
{
    *out = fold(&m->out, value(m, column), folding);
    if (columns[column].required && out->len == 0)
        return fail(m, IMPORT_REASON_FIELD_MISSING, column);
    return true;
}

static bool is_code(struct bytes text, size_t len_max)
{
    for (size_t i = 0; i < text.len; i++)
        if (!(text.data[i] >= '0' && text.data[i] <= '9') &&
            !(text.data[i] >= 'A' && text.data[i] <= 'Z'))
            return false;
    return text.len >= 1 && text.len <= len_max;
}

static size_t count_digits(struct bytes text)
{
    size_t n = 0;
    while (n < text.len && text.data[n] >= '0' && text.data[n] <= '9')
        n++;
    return n;
}

/* A number of least to most digits at the head of *rest. */
static bool take_digits(struct bytes *rest, size_t least, size_t most, int *number)
{
    size_t n = count_digits(*rest);
    if (n < least || n > most)
        return false;
    *number = 0;
    for (size_t i = 0; i < n; i++)
        *number = *number * 10 + (rest->data[i] - '0');
    *rest = bytes_from(*rest, n);
    return true;
}

static bool take_word(struct bytes *rest, struct bytes word)
{
    while (rest->len && rest->data[0] == ' ')
        *rest = bytes_from(*rest, 1);
    if (!bytes_start_with(*rest, word))
        return false;
    *rest = bytes_from(*rest, word.len);
    while (rest->len && rest->data[0] == ' ')
        *rest = bytes_from(*rest, 1);
    return true;
}

/* Databases append a time of day to dates: 00:00:00, 0:00, 14:22:05.000. It is not needed. */
static bool is_time(struct bytes rest)
{
    int number;
    if (!take_digits(&rest, 1, 2, &number) || number > 23 || !take_word(&rest, BYTES(":")) ||
        !take_digits(&rest, 2, 2, &number) || number > 59)
        return false;
    if (take_word(&rest, BYTES(":")) && (!take_digits(&rest, 2, 2, &number) || number > 60))
        return false;
    if (take_word(&rest, BYTES(".")))
        rest = bytes_from(rest, count_digits(rest));
    return rest.len == 0;
}

/* 2023-06-01, 2023/6/1, 2023.06.01, 2023年6月1日, 20230601; a time of day may follow. */
static bool read_date(struct bytes rest, int32_t *days)
{
    static const char *const separators[][3] = {
        {"-", "-", ""}, {"/", "/", ""}, {".", ".", ""}, {"年", "月", "日"}};
    int year, month = 0, day = 0;
    if (count_digits(rest) == 8) {
        (void)take_digits(&rest, 8, 8, &year);
        day = year % 100;
        month = year / 100 % 100;
        year /= 10000;
    } else {
        if (!take_digits(&rest, 4, 4, &year))
            return false;
        size_t form = 0, forms = sizeof separators / sizeof separators[0];
        while (form < forms && !take_word(&rest, bytes_str(separators[form][0])))
            form++;
        if (form == forms || !take_digits(&rest, 1, 2, &month) ||
            !take_word(&rest, bytes_str(separators[form][1])) || !take_digits(&rest, 1, 2, &day) ||
            (*separators[form][2] && !take_word(&rest, bytes_str(separators[form][2]))))
            return false;
    }
    if (rest.len && rest.data[0] == 'T')
        rest = bytes_from(rest, 1);
    else
        (void)take_word(&rest, BYTES(""));
    return (rest.len == 0 || is_time(rest)) && civil_to_days(year, month, day, days);
}

static bool is_long_term(struct bytes text)
{
    static const char *const words[] = {"长期", "长期有效", "永久", "永久有效", "无固定期限"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (bytes_equal(text, bytes_str(words[i])))
            return true;
    return text.len == 0;
}

static bool take_date(struct making *m, enum import_column column, int32_t *days)
{
    uint8_t storage[REGISTRY_TEXT_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    struct bytes text = fold(&out, value(m, column), FOLD_DATE);
    bool until = column == IMPORT_COLUMN_VALID_UNTIL;
    *days = -1;
    if (text.len == 0 || (until && is_long_term(text)))
        return true;
    if (!read_date(text, days) || *days < 0 || (!until && *days > DAY_MAX))
        return fail(m, IMPORT_REASON_DATE, column);
    if (*days > DAY_MAX) /* 9999-12-31 and its like */
        *days = -1;
    return true;
}

static bool take_dates(struct making *m, struct registry_record *r)
{
    if (!take_date(m, IMPORT_COLUMN_ISSUED_ON, &r->issued_on) ||
        !take_date(m, IMPORT_COLUMN_VALID_FROM, &r->valid_from) ||
        !take_date(m, IMPORT_COLUMN_VALID_UNTIL, &r->valid_until))
        return false;
    if (r->valid_from >= 0 && r->valid_until >= 0 && r->valid_until < r->valid_from)
        return fail(m, IMPORT_REASON_DATE_ORDER, IMPORT_COLUMN_VALID_UNTIL);
    return true;
}

static bool take_citizen(struct making *m, enum import_column column, struct bytes text,
                         struct bytes *out)
{
    char number[CITIZEN_NUMBER_BYTES];
    if (citizen_number_read(text, number) != IDENTIFIER_OK)
        return fail(m, IMPORT_REASON_HOLDER_NUMBER, column);
    size_t start = m->out.len;
    buf_put(&m->out, bytes_of(number, sizeof number));
    CHECK(buf_ok(&m->out));
    *out = bytes_of(m->out.data + start, sizeof number);
    return true;
}

static bool check_credit_code(struct making *m, enum import_column column, struct bytes text,
                              enum import_reason reason)
{
    enum identifier_error error = credit_code_check(text);
    if (error == IDENTIFIER_ERR_CHECK)
        m->warnings++;
    else if (error != IDENTIFIER_OK)
        return fail(m, reason, column);
    return true;
}

/* What kind a number is that came without one. Nearly every number is told by its own check; a
 * wrong one by what it looks like. */
static bool kind_by_shape(struct bytes number, enum registry_holder_kind *kind)
{
    char citizen[CITIZEN_NUMBER_BYTES];
    size_t digits = count_digits(number);
    if (citizen_number_read(number, citizen) == IDENTIFIER_OK)
        *kind = HOLDER_PERSON;
    else if (credit_code_check(number) == IDENTIFIER_OK)
        *kind = HOLDER_ENTERPRISE;
    else if (number.len == 15 && digits == 15)
        *kind = HOLDER_PERSON;
    else if (number.len == CITIZEN_NUMBER_BYTES && digits >= 17 &&
             (digits == 18 || number.data[17] == 'X'))
        *kind = HOLDER_PERSON;
    else if (number.len == CREDIT_CODE_BYTES && is_code(number, CREDIT_CODE_BYTES))
        *kind = HOLDER_ENTERPRISE;
    else
        return false;
    return true;
}

static bool find_kind(struct making *m, struct bytes number, enum registry_holder_kind *kind)
{
    static const struct {
        const char *text;
        enum registry_holder_kind kind;
    } kinds[] = {
        {"111", HOLDER_PERSON},        {"公民身份号码", HOLDER_PERSON},
        {"居民身份证", HOLDER_PERSON}, {"居民身份证号码", HOLDER_PERSON},
        {"身份证", HOLDER_PERSON},     {"身份证号", HOLDER_PERSON},
        {"001", HOLDER_ENTERPRISE},    {"统一社会信用代码", HOLDER_ENTERPRISE},
        {"1", HOLDER_ENTERPRISE}, /* 001 after a spreadsheet */
    };
    uint8_t storage[REGISTRY_TEXT_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    bool coded = value(m, IMPORT_COLUMN_KIND_CODE).len != 0;
    enum import_column column = coded ? IMPORT_COLUMN_KIND_CODE : IMPORT_COLUMN_KIND_NAME;
    struct bytes text = fold(&out, value(m, column), FOLD_CODE);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (bytes_equal(text, bytes_str(kinds[i].text))) {
            *kind = kinds[i].kind;
            return true;
        }
    if (text.len == 0 && kind_by_shape(number, kind))
        return true;
    return fail(m, IMPORT_REASON_HOLDER_NUMBER_KIND,
                text.len ? column : IMPORT_COLUMN_HOLDER_NUMBER);
}

/* Who represents an enterprise acts for all of it: a citizen's number would hand him over. */
static bool check_enterprise(struct making *m, struct bytes number)
{
    char citizen[CITIZEN_NUMBER_BYTES];
    if (citizen_number_read(number, citizen) == IDENTIFIER_OK)
        return fail(m, IMPORT_REASON_CITIZEN_AS_ENTERPRISE, IMPORT_COLUMN_HOLDER_NUMBER);
    return check_credit_code(m, IMPORT_COLUMN_HOLDER_NUMBER, number, IMPORT_REASON_CREDIT_CODE);
}

static bool take_holder(struct making *m, struct registry_record *r)
{
    struct bytes number;
    if (!take(m, IMPORT_COLUMN_HOLDER_NAME, FOLD_NAME, &r->holder_name) ||
        !take(m, IMPORT_COLUMN_HOLDER_NUMBER, FOLD_CODE, &number) ||
        !find_kind(m, number, &r->holder_kind))
        return false;
    if (r->holder_kind == HOLDER_PERSON)
        return take_citizen(m, IMPORT_COLUMN_HOLDER_NUMBER, number, &r->holder_number);
    r->holder_number = number;
    if (!check_enterprise(m, number))
        return false;

    struct bytes representative;
    (void)take(m, IMPORT_COLUMN_REPRESENTATIVE_NAME, FOLD_NAME, &r->representative_name);
    (void)take(m, IMPORT_COLUMN_REPRESENTATIVE_NUMBER, FOLD_CODE, &representative);
    return representative.len == 0 || take_citizen(m, IMPORT_COLUMN_REPRESENTATIVE_NUMBER,
                                                   representative, &r->representative_number);
}

static bool take_codes(struct making *m, struct registry_record *r)
{
    struct licence_identifier identifier;
    if (!take(m, IMPORT_COLUMN_TYPE_CODE, FOLD_CODE, &r->type_code) ||
        !take(m, IMPORT_COLUMN_ISSUER_CODE, FOLD_CODE, &r->issuer_code) ||
        !take(m, IMPORT_COLUMN_IDENTIFIER, FOLD_CODE, &r->identifier))
        return false;
    if (!is_code(r->type_code, TYPE_CODE_BYTES_MAX))
        return fail(m, IMPORT_REASON_TYPE_CODE, IMPORT_COLUMN_TYPE_CODE);
    bool area =
        r->issuer_code.len == AREA_CODE_BYTES && count_digits(r->issuer_code) == AREA_CODE_BYTES;
    if (!area &&
        !check_credit_code(m, IMPORT_COLUMN_ISSUER_CODE, r->issuer_code, IMPORT_REASON_ISSUER_CODE))
        return false;
    if (r->identifier.len && licence_identifier_read(r->identifier, &identifier) != IDENTIFIER_OK)
        return fail(m, IMPORT_REASON_IDENTIFIER, IMPORT_COLUMN_IDENTIFIER);
    return true;
}

static bool take_status(struct making *m, enum licence_status *status)
{
    static const struct {
        const char *text;
        enum licence_status status;
    } names[] = {
        {"有效", LICENCE_STATUS_VALID},     {"暂扣", LICENCE_STATUS_SEIZED},
        {"撤销", LICENCE_STATUS_REVOKED},   {"注销", LICENCE_STATUS_CANCELLED},
        {"失效", LICENCE_STATUS_LAPSED},    {"转出", LICENCE_STATUS_TRANSFERRED},
        {"吊销", LICENCE_STATUS_RESCINDED}, {"收回", LICENCE_STATUS_WITHDRAWN},
        {"其他", LICENCE_STATUS_OTHER},
    };
    uint8_t storage[REGISTRY_TEXT_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    struct bytes text = fold(&out, value(m, IMPORT_COLUMN_STATUS), FOLD_CODE);
    *status = LICENCE_STATUS_VALID;
    if (text.len == 0 || licence_status_read(text, status))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (bytes_equal(text, bytes_str(names[i].text))) {
            *status = names[i].status;
            return true;
        }
    return fail(m, IMPORT_REASON_STATUS, IMPORT_COLUMN_STATUS);
}

static bool take_source_version(struct making *m, uint64_t fallback, uint64_t *version)
{
    uint8_t storage[REGISTRY_TEXT_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    struct bytes text = fold(&out, value(m, IMPORT_COLUMN_SOURCE_VERSION), FOLD_CODE);
    *version = text.len ? 0 : fallback;
    if (text.len > 18 || count_digits(text) != text.len) /* 18 digits fit a signed 64-bit column */
        return fail(m, IMPORT_REASON_SOURCE_VERSION, IMPORT_COLUMN_SOURCE_VERSION);
    for (size_t i = 0; i < text.len; i++)
        *version = *version * 10 + (uint64_t)(text.data[i] - '0');
    return true;
}

bool import_record_make(const struct import_fields *fields, uint64_t source_version,
                        uint8_t storage[IMPORT_RECORD_BYTES_MAX], struct registry_record *record,
                        unsigned *warnings, struct import_fault *fault)
{
    struct making m = {.fields = fields, .fault = fault};
    buf_init(&m.out, storage, IMPORT_RECORD_BYTES_MAX);
    *record = (struct registry_record){.valid_until = -1};
    bool ok = check_shapes(&m) && take(&m, IMPORT_COLUMN_NAME, FOLD_TEXT, &record->name) &&
              take(&m, IMPORT_COLUMN_TYPE_NAME, FOLD_TEXT, &record->type_name) &&
              take(&m, IMPORT_COLUMN_NUMBER, FOLD_NUMBER, &record->number) &&
              take(&m, IMPORT_COLUMN_ISSUER_NAME, FOLD_TEXT, &record->issuer_name) &&
              take_codes(&m, record) && take_dates(&m, record) && take_holder(&m, record) &&
              take_status(&m, &record->issuer_status) &&
              take_source_version(&m, source_version, &record->source_version);
    if (record->type_name.len == 0)
        record->type_name = record->name;
    *warnings = m.warnings;
    return ok;
}
