#include "tests/support.h"

#include <fcntl.h>
#include <iconv.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "registry/import_record.h"

/* Fictional numbers: the area 410899 does not exist. */
#define CITIZEN    "410899199003071238"
#define CITIZEN_X  "41089919900307106X"
#define ENTERPRISE "91410899MA0000012K"
#define ISSUER     "11410899000000001L"
#define IDENTIFIER "1.2.156.3005.2.111000000000000011001." ISSUER ".41089919900307123.1.R"

/* ---- one record ---- */
static struct import_fields base_fields(void)
{
    struct import_fields fields = {0};
    fields.value[IMPORT_COLUMN_NAME] = BYTES("机动车驾驶证");
    fields.value[IMPORT_COLUMN_TYPE_CODE] = BYTES("111000000000000011001");
    fields.value[IMPORT_COLUMN_NUMBER] = BYTES(CITIZEN);
    fields.value[IMPORT_COLUMN_ISSUER_NAME] = BYTES("焦作市公安局");
    fields.value[IMPORT_COLUMN_ISSUER_CODE] = BYTES(ISSUER);
    fields.value[IMPORT_COLUMN_HOLDER_NAME] = BYTES("张三");
    fields.value[IMPORT_COLUMN_HOLDER_NUMBER] = BYTES(CITIZEN);
    fields.value[IMPORT_COLUMN_VALID_UNTIL] = BYTES("2030-01-01");
    return fields;
}

static void put_day(struct buf *b, int32_t day)
{
    if (day < 0)
        buf_put_str(b, "none");
    else
        buf_put_date(b, day);
}

/* What a column became, as text. */
static const char *shown(const struct registry_record *r, enum import_column column)
{
    static uint8_t storage[2048];
    struct buf b = BUF_OVER(storage);
    switch (column) {
    case IMPORT_COLUMN_NAME:
        buf_put(&b, r->name);
        break;
    case IMPORT_COLUMN_TYPE_CODE:
        buf_put(&b, r->type_code);
        break;
    case IMPORT_COLUMN_TYPE_NAME:
        buf_put(&b, r->type_name);
        break;
    case IMPORT_COLUMN_NUMBER:
        buf_put(&b, r->number);
        break;
    case IMPORT_COLUMN_IDENTIFIER:
        buf_put(&b, r->identifier);
        break;
    case IMPORT_COLUMN_ISSUER_NAME:
        buf_put(&b, r->issuer_name);
        break;
    case IMPORT_COLUMN_ISSUER_CODE:
        buf_put(&b, r->issuer_code);
        break;
    case IMPORT_COLUMN_HOLDER_NAME:
        buf_put(&b, r->holder_name);
        break;
    case IMPORT_COLUMN_HOLDER_NUMBER:
        buf_put(&b, r->holder_number);
        break;
    case IMPORT_COLUMN_KIND_CODE:
    case IMPORT_COLUMN_KIND_NAME:
        buf_put_str(&b, r->holder_kind == HOLDER_PERSON ? "person" : "enterprise");
        break;
    case IMPORT_COLUMN_ISSUED_ON:
        put_day(&b, r->issued_on);
        break;
    case IMPORT_COLUMN_VALID_FROM:
        put_day(&b, r->valid_from);
        break;
    case IMPORT_COLUMN_VALID_UNTIL:
        put_day(&b, r->valid_until);
        break;
    case IMPORT_COLUMN_STATUS:
        buf_put_str(&b, licence_status_text(r->issuer_status));
        break;
    case IMPORT_COLUMN_SOURCE_VERSION:
        buf_put_decimal(&b, (int64_t)r->source_version);
        break;
    case IMPORT_COLUMN_REPRESENTATIVE_NAME:
        buf_put(&b, r->representative_name);
        break;
    case IMPORT_COLUMN_REPRESENTATIVE_NUMBER:
        buf_put(&b, r->representative_number);
        break;
    case IMPORT_COLUMN_COUNT:
        break;
    }
    return buf_cstr(&b);
}

static const struct {
    enum import_column column;
    const char *given, *becomes;
} accepted[] = {
    {IMPORT_COLUMN_NAME, " 机动车 　 驾驶证\t", "机动车 驾驶证"},
    {IMPORT_COLUMN_TYPE_NAME, "", "机动车驾驶证"},
    {IMPORT_COLUMN_TYPE_NAME, "驾驶证件", "驾驶证件"},
    {IMPORT_COLUMN_TYPE_CODE, "ａ１b", "A1B"},
    {IMPORT_COLUMN_TYPE_CODE, "'001", "001"},
    {IMPORT_COLUMN_NUMBER, "４１０８　９９ａ", "410899A"},
    {IMPORT_COLUMN_NUMBER, "豫（2021）第０１号", "豫（2021）第01号"},
    {IMPORT_COLUMN_IDENTIFIER, "", ""},
    {IMPORT_COLUMN_IDENTIFIER, IDENTIFIER, IDENTIFIER},
    {IMPORT_COLUMN_IDENTIFIER, "１．2.156.3005.2.a1.410800.7.001.c",
     "1.2.156.3005.2.A1.410800.7.001.C"},
    {IMPORT_COLUMN_ISSUER_CODE, "410800", "410800"},
    {IMPORT_COLUMN_HOLDER_NAME, "阿依古丽•买买提", "阿依古丽·买买提"},
    {IMPORT_COLUMN_HOLDER_NAME, "阿依古丽・买买提　", "阿依古丽·买买提"},
    {IMPORT_COLUMN_HOLDER_NAME, "\xEF\xBB\xBF张\xC2\xA0三", "张 三"},
    {IMPORT_COLUMN_HOLDER_NUMBER, "41089919900307106x", CITIZEN_X},
    {IMPORT_COLUMN_HOLDER_NUMBER, "４１０８９９１９９００３０７１０６ｘ", CITIZEN_X},
    {IMPORT_COLUMN_HOLDER_NUMBER, "410899 19900307 1238", CITIZEN},
    {IMPORT_COLUMN_HOLDER_NUMBER, "410899620515001", "410899196205150010"},
    {IMPORT_COLUMN_HOLDER_NUMBER, "91410899ma0000012k", ENTERPRISE},
    {IMPORT_COLUMN_KIND_CODE, "111", "person"},
    {IMPORT_COLUMN_KIND_CODE, "１１１", "person"},
    {IMPORT_COLUMN_KIND_NAME, "公民身份号码", "person"},
    {IMPORT_COLUMN_KIND_CODE, "", "person"},
    {IMPORT_COLUMN_ISSUED_ON, "", "none"},
    {IMPORT_COLUMN_ISSUED_ON, "2023-06-01", "2023-06-01"},
    {IMPORT_COLUMN_ISSUED_ON, "20230601", "2023-06-01"},
    {IMPORT_COLUMN_ISSUED_ON, "2023/6/1", "2023-06-01"},
    {IMPORT_COLUMN_ISSUED_ON, "2023.06.01", "2023-06-01"},
    {IMPORT_COLUMN_ISSUED_ON, "2023年6月1日", "2023-06-01"},
    {IMPORT_COLUMN_ISSUED_ON, "２０２３年０６月０１日", "2023-06-01"},
    {IMPORT_COLUMN_ISSUED_ON, "2023 年 6 月 1 日", "2023-06-01"},
    {IMPORT_COLUMN_ISSUED_ON, "2023/6/1 0:00", "2023-06-01"},
    {IMPORT_COLUMN_ISSUED_ON, "2023-06-01T14:22:05.000", "2023-06-01"},
    {IMPORT_COLUMN_ISSUED_ON, "1970-01-01", "1970-01-01"},
    {IMPORT_COLUMN_VALID_UNTIL, "", "none"},
    {IMPORT_COLUMN_VALID_UNTIL, "长期", "none"},
    {IMPORT_COLUMN_VALID_UNTIL, "长期有效", "none"},
    {IMPORT_COLUMN_VALID_UNTIL, "永久", "none"},
    {IMPORT_COLUMN_VALID_UNTIL, "99991231", "none"},
    {IMPORT_COLUMN_VALID_UNTIL, "9999-12-31", "none"},
    {IMPORT_COLUMN_VALID_UNTIL, "2149-06-07", "none"},
    {IMPORT_COLUMN_VALID_UNTIL, "2149-06-06", "2149-06-06"},
    {IMPORT_COLUMN_STATUS, "", "valid"},
    {IMPORT_COLUMN_STATUS, "2", "seized"},
    {IMPORT_COLUMN_STATUS, "０７", "rescinded"},
    {IMPORT_COLUMN_STATUS, "99", "other"},
    {IMPORT_COLUMN_STATUS, "注销", "cancelled"},
    {IMPORT_COLUMN_SOURCE_VERSION, "", "7"},
    {IMPORT_COLUMN_SOURCE_VERSION, "20230601120000", "20230601120000"},
    {IMPORT_COLUMN_REPRESENTATIVE_NAME, "李四", ""}, /* of a person: nobody's */
};

static const struct {
    enum import_column column;
    const char *given; /* NULL: no such column */
    enum import_reason reason;
} refused[] = {
    {IMPORT_COLUMN_NAME, NULL, IMPORT_REASON_FIELD_MISSING},
    {IMPORT_COLUMN_NAME, " 　\t", IMPORT_REASON_FIELD_MISSING},
    {IMPORT_COLUMN_NUMBER, "'", IMPORT_REASON_FIELD_MISSING},
    {IMPORT_COLUMN_VALID_UNTIL, NULL, IMPORT_REASON_FIELD_MISSING},
    {IMPORT_COLUMN_HOLDER_NAME, "张\n三", IMPORT_REASON_CONTROL_CHARACTER},
    {IMPORT_COLUMN_HOLDER_NAME, "张\xE2\x80\xAE三", IMPORT_REASON_CONTROL_CHARACTER},
    {IMPORT_COLUMN_TYPE_CODE, "A-1", IMPORT_REASON_TYPE_CODE},
    {IMPORT_COLUMN_TYPE_CODE, "1234567890123456789012345678901", IMPORT_REASON_TYPE_CODE},
    {IMPORT_COLUMN_ISSUED_ON, "2023-02-29", IMPORT_REASON_DATE},
    {IMPORT_COLUMN_ISSUED_ON, "2023-06/01", IMPORT_REASON_DATE},
    {IMPORT_COLUMN_ISSUED_ON, "2023年6月1", IMPORT_REASON_DATE},
    {IMPORT_COLUMN_ISSUED_ON, "230601", IMPORT_REASON_DATE},
    {IMPORT_COLUMN_ISSUED_ON, "2023-06-01Z", IMPORT_REASON_DATE},
    {IMPORT_COLUMN_ISSUED_ON, "2023-06-01 25:00", IMPORT_REASON_DATE},
    {IMPORT_COLUMN_ISSUED_ON, "1969-12-31", IMPORT_REASON_DATE},
    {IMPORT_COLUMN_ISSUED_ON, "长期", IMPORT_REASON_DATE},
    {IMPORT_COLUMN_VALID_FROM, "9999-12-31", IMPORT_REASON_DATE},
    {IMPORT_COLUMN_VALID_FROM, "2030-01-02", IMPORT_REASON_DATE_ORDER},
    {IMPORT_COLUMN_HOLDER_NUMBER, "410899199003071239", IMPORT_REASON_HOLDER_NUMBER},
    {IMPORT_COLUMN_HOLDER_NUMBER, "410899199002301232", IMPORT_REASON_HOLDER_NUMBER},
    {IMPORT_COLUMN_HOLDER_NUMBER, "410899621315001", IMPORT_REASON_HOLDER_NUMBER},
    {IMPORT_COLUMN_HOLDER_NUMBER, "E12345678", IMPORT_REASON_HOLDER_NUMBER_KIND},
    {IMPORT_COLUMN_KIND_CODE, "414", IMPORT_REASON_HOLDER_NUMBER_KIND},
    {IMPORT_COLUMN_IDENTIFIER, "1.2.156.3005.2.A1.410800.7.001.D", IMPORT_REASON_IDENTIFIER},
    {IMPORT_COLUMN_IDENTIFIER, "2.2.156", IMPORT_REASON_IDENTIFIER},
    {IMPORT_COLUMN_ISSUER_CODE, "4108", IMPORT_REASON_ISSUER_CODE},
    {IMPORT_COLUMN_ISSUER_CODE, "1141089900000000IL", IMPORT_REASON_ISSUER_CODE},
    {IMPORT_COLUMN_STATUS, "00", IMPORT_REASON_STATUS},
    {IMPORT_COLUMN_STATUS, "作废", IMPORT_REASON_STATUS},
    {IMPORT_COLUMN_SOURCE_VERSION, "-1", IMPORT_REASON_SOURCE_VERSION},
    {IMPORT_COLUMN_SOURCE_VERSION, "1234567890123456789", IMPORT_REASON_SOURCE_VERSION},
};

/* If this failed, values that deliveries really contain would be lost or stored as they came. */
static void test_values_are_normalised(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        uint8_t storage[IMPORT_RECORD_BYTES_MAX];
        struct registry_record record;
        struct import_fault fault;
        unsigned warnings;
        struct import_fields fields = base_fields();
        fields.value[accepted[i].column] = guarded(0, bytes_str(accepted[i].given));
        if (!import_record_make(&fields, 7, storage, &record, &warnings, &fault))
            fail_msg("%s: %s", accepted[i].given, import_reason_text(fault.reason));
        assert_string_equal(shown(&record, accepted[i].column), accepted[i].becomes);
    }
}

/* If this failed, a wrong record would stand in the registry, or be rejected for another reason. */
static void test_bad_values_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        uint8_t storage[IMPORT_RECORD_BYTES_MAX];
        struct registry_record record;
        struct import_fault fault;
        unsigned warnings;
        struct import_fields fields = base_fields();
        fields.value[refused[i].column] =
            refused[i].given ? guarded(0, bytes_str(refused[i].given)) : (struct bytes){NULL, 0};
        if (import_record_make(&fields, 7, storage, &record, &warnings, &fault))
            fail_msg("%s was accepted", refused[i].given ? refused[i].given : "nothing");
        if (fault.reason != refused[i].reason)
            fail_msg("%s: %s", refused[i].given, import_reason_text(fault.reason));
        assert_non_null(fault.field);
        if (fault.reason != IMPORT_REASON_DATE_ORDER)
            assert_string_equal(fault.field, import_column_name(refused[i].column));
    }
}

/* If this failed, an enterprise would come in without the person who may act for it, with a check
 * character more important than the lawful code, with a number of another shape, or with a
 * citizen's, for whom that person would act. */
static void test_enterprises(void **state)
{
    (void)state;
    uint8_t storage[IMPORT_RECORD_BYTES_MAX];
    struct registry_record record;
    struct import_fault fault;
    unsigned warnings;
    struct import_fields fields = base_fields();
    fields.value[IMPORT_COLUMN_HOLDER_NUMBER] = BYTES(ENTERPRISE);
    fields.value[IMPORT_COLUMN_REPRESENTATIVE_NAME] = BYTES("李四");
    fields.value[IMPORT_COLUMN_REPRESENTATIVE_NUMBER] = BYTES("410899620515001");
    assert_true(import_record_make(&fields, 0, storage, &record, &warnings, &fault));
    assert_int_equal(record.holder_kind, HOLDER_ENTERPRISE);
    assert_int_equal(warnings, 0);
    assert_bytes(record.representative_name, "李四");
    assert_bytes(record.representative_number, "410899196205150010");

    fields.value[IMPORT_COLUMN_HOLDER_NUMBER] = BYTES("91410899MA00000120");
    fields.value[IMPORT_COLUMN_KIND_CODE] = BYTES("1");
    assert_true(import_record_make(&fields, 0, storage, &record, &warnings, &fault));
    assert_int_equal(warnings, 1);

    fields.value[IMPORT_COLUMN_HOLDER_NUMBER] = BYTES("91410899MA000001IK");
    assert_false(import_record_make(&fields, 0, storage, &record, &warnings, &fault));
    assert_int_equal(fault.reason, IMPORT_REASON_CREDIT_CODE);

    fields.value[IMPORT_COLUMN_HOLDER_NUMBER] = BYTES(CITIZEN);
    assert_false(import_record_make(&fields, 0, storage, &record, &warnings, &fault));
    assert_int_equal(fault.reason, IMPORT_REASON_CITIZEN_AS_ENTERPRISE);
    assert_string_equal(fault.field, "CZZTDM");

    fields.value[IMPORT_COLUMN_HOLDER_NUMBER] = BYTES(ENTERPRISE);
    fields.value[IMPORT_COLUMN_REPRESENTATIVE_NUMBER] = BYTES("410899196205150011");
    assert_false(import_record_make(&fields, 0, storage, &record, &warnings, &fault));
    assert_int_equal(fault.reason, IMPORT_REASON_HOLDER_NUMBER);
    assert_string_equal(fault.field, "FDDBRZJH");
}

/* If this failed, a field could grow beyond what the registry's columns and answers hold. */
static void test_lengths_are_bounded(void **state)
{
    (void)state;
    static char text[513];
    uint8_t storage[IMPORT_RECORD_BYTES_MAX];
    struct registry_record record;
    struct import_fault fault;
    unsigned warnings;
    struct import_fields fields = base_fields();
    memset(text, 'a', sizeof text);
    for (int i = 0; i < IMPORT_COLUMN_COUNT; i++) {
        fields = base_fields();
        fields.value[i] = bytes_of(text, 513);
        assert_false(import_record_make(&fields, 0, storage, &record, &warnings, &fault));
        assert_int_equal(fault.reason, IMPORT_REASON_FIELD_TOO_LONG);
    }
    static const enum import_column texts[] = {
        IMPORT_COLUMN_NAME,        IMPORT_COLUMN_TYPE_NAME,   IMPORT_COLUMN_NUMBER,
        IMPORT_COLUMN_ISSUER_NAME, IMPORT_COLUMN_HOLDER_NAME, IMPORT_COLUMN_REPRESENTATIVE_NAME};
    fields = base_fields();
    fields.value[IMPORT_COLUMN_HOLDER_NUMBER] = BYTES(ENTERPRISE);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        fields.value[texts[i]] = bytes_of(text, 512);
    assert_true(import_record_make(&fields, 0, storage, &record, &warnings, &fault));
    assert_int_equal(record.representative_name.len, 512);
}

/* ---- files ---- */
#define HEADING "ZZMC,ZZLXDM,ZZBH,ZZBFJG,ZZBFJGDM,CZZT,CZZTDM,ZZYXQJZRQ"
#define TAIL    ",焦作市公安局," ISSUER ",张三," CITIZEN ",2030-01-01"
#define LINE(n) "机动车驾驶证,A1," n TAIL "\n"

static struct bytes to_gb18030(struct bytes text)
{
    static char out[200000];
    char *from = (char *)text.data, *to = out;
    size_t left = text.len, room = sizeof out;
    iconv_t convert = iconv_open("GB18030", "UTF-8");
    CHECK(iconv(convert, &from, &left, &to, &room) != (size_t)-1);
    iconv_close(convert);
    return bytes_of(out, sizeof out - room);
}

struct opened {
    int fd;
    struct import_reader *reader;
    enum import_error error;
    char why[256];
};

static void open_file(struct opened *o, struct bytes content)
{
    const char *path = path_in(temp_folder(), "file");
    struct buf why = BUF_OVER(o->why);
    write_file(path, content);
    o->fd = open(path, O_RDONLY);
    o->reader = import_reader_create(o->fd, &o->error, &why);
    (void)buf_cstr(&why);
}

static void close_file(struct opened *o)
{
    import_reader_destroy(&o->reader);
    close(o->fd);
}

/* Reads on and compares with a text: "2:value 3!SYNTAX" is a record on line 2 whose ZZBH is value,
 * and a bad line 3. */
static void assert_lines(struct opened *o, const char *expected)
{
    static const char *const names[] = {
#define R(name, text) #name,
        IMPORT_REASONS(R)
#undef R
    };
    static uint8_t storage[4096];
    struct buf b = BUF_OVER(storage);
    struct import_line line;
    enum import_read read;
    assert_non_null(o->reader);
    while ((read = import_reader_next(o->reader, &line)) != IMPORT_READ_END) {
        assert_int_not_equal(read, IMPORT_READ_FAILED);
        buf_printf(&b, "%s%u", b.len ? " " : "", (unsigned)line.number);
        if (read == IMPORT_READ_BAD)
            buf_printf(&b, "!%s", names[line.fault.reason]);
        else
            buf_put_u8(&b, ':');
        if (read == IMPORT_READ_RECORD)
            buf_put(&b, line.fields.value[IMPORT_COLUMN_NUMBER]);
    }
    assert_string_equal(buf_cstr(&b), expected);
}

static void assert_file(struct bytes content, const char *encoding, const char *format,
                        const char *expected)
{
    struct opened o;
    open_file(&o, content);
    if (!o.reader)
        fail_msg("%s", o.why);
    assert_string_equal(import_reader_encoding(o.reader), encoding);
    assert_string_equal(import_reader_format(o.reader), format);
    assert_lines(&o, expected);
    close_file(&o);
}

/* If this failed, a file in one of the encodings that authorities use would be read as another. */
static void test_encodings(void **state)
{
    (void)state;
    const char *text = HEADING "\n" LINE("1") LINE("2");
    assert_file(bytes_str(text), "UTF-8", "CSV", "2:1 3:2");
    assert_file(BYTES("\xEF\xBB\xBF" HEADING "\n" LINE("1")), "UTF-8", "CSV", "2:1");
    assert_file(to_gb18030(bytes_str(text)), "GB18030", "CSV", "2:1 3:2");
    /* second octets that are a backslash, a bar, a brace: 乗 815C, 亅 817C, 亄 817B */
    assert_file(to_gb18030(BYTES(HEADING "\n" LINE("乗") LINE("\"亅\"") LINE("亄"))), "GB18030",
                "CSV", "2:乗 3:亅 4:亄");
    assert_file(to_gb18030(BYTES("{\"ZZBH\": \"乗亅亄\", \"ZZMC\": \"证\"}\n")), "GB18030",
                "NDJSON", "1:乗亅亄");
    /* 䶮 and a character of four octets */
    assert_file(to_gb18030(BYTES(HEADING "\n" LINE("䶮\xF0\xAC\x8D\x9B"))), "GB18030", "CSV",
                "2:䶮\xF0\xAC\x8D\x9B");
    struct opened o;
    open_file(&o, BYTES("\xFF\xFEZ\0Z\0M\0C\0"));
    assert_int_equal(o.error, IMPORT_ERR_ENCODING);
    close_file(&o);
    open_file(&o, BYTES("\xFF\xFF\xFF,\n\xFF\xFF\xFF\n"));
    assert_int_equal(o.error, IMPORT_ERR_ENCODING);
    close_file(&o);
}

/* If this failed, one damaged line would take good ones with it. */
static void test_bad_lines_do_not_spread(void **state)
{
    (void)state;
    assert_file(BYTES(HEADING "\n" LINE("1") "机动\xFF车,A1,2" TAIL "\n" LINE("3")), "UTF-8", "CSV",
                "2:1 3!ENCODING 4:3");
    struct buf b;
    static uint8_t storage[4096];
    buf_init(&b, storage, sizeof storage);
    buf_put(&b, to_gb18030(BYTES(HEADING "\n" LINE("1"))));
    buf_put(&b, BYTES("\xD6,A1,2,,,,,\n\xFF,A1,3,,,,,\n")); /* half a character before a comma */
    buf_put(&b, to_gb18030(BYTES(LINE("4"))));
    assert_file(buf_bytes(&b), "GB18030", "CSV", "2:1 3!ENCODING 4!ENCODING 5:4");
    /* quotes: not closed at all, closed by the next quoted field, within a field, behind a field */
    assert_file(BYTES(HEADING "\n" LINE("\"1") LINE("2") LINE("3")), "UTF-8", "CSV",
                "2!SYNTAX 3:2 4:3");
    assert_file(BYTES(HEADING "\n" LINE("\"1") LINE("\"2\"") LINE("3")), "UTF-8", "CSV",
                "2!SYNTAX 3:2 4:3");
    assert_file(BYTES(HEADING "\n" LINE("1\"1") LINE("\"2\"x") LINE("3")), "UTF-8", "CSV",
                "2!SYNTAX 3!SYNTAX 4:3");
    assert_file(BYTES(HEADING "\na,\"1\n2\",b\n" LINE("3")), "UTF-8", "CSV",
                "2!FIELD_COUNT 3!SYNTAX 4:3");
    assert_file(BYTES(HEADING "\na,b\n" LINE("1,1") LINE("2")), "UTF-8", "CSV",
                "2!FIELD_COUNT 3!FIELD_COUNT 4:2");
}

/* If this failed, the report would point at wrong lines, or quoted texts would come in mangled. */
static void test_quotes_and_line_ends(void **state)
{
    (void)state;
    assert_file(BYTES(HEADING "\r\n\r\n机动车驾驶证,A1,1" TAIL "\r\n"
                              "\"机动车\n驾驶证\",A1,\"2,\"\"b\"\"\"" TAIL "\r\n  \r\n"
                              "机动车驾驶证,A1,=\"003\"" TAIL),
                "UTF-8", "CSV", "3:1 4:2,\"b\" 7:003");
}

/* If this failed, a file whose lines are objects would be misread, or a repeated key overlooked. */
static void test_ndjson(void **state)
{
    (void)state;
    assert_file(
        BYTES("{\"zzbh\": \"1\", \"其他\": [1, {}]}\n\n"
              "{\"证照编号\": 22, \"ZZMC\": null}\r\n"
              "{\"ZZBH\": \"3\", \"ZZBH\": \"3\"}\n"
              "{\"ZZBH\": \"4\", \"证照编号\": \"4\"}\n"
              "{\"ZZBH\": [5]}\n{\"ZZBH\": 1.5}\n[]\n{\"ZZBH\": \"\\u0000\"}\n{\"ZZBH\": \"8\"\n"
              "{\"ZZBH\": \"9\"}"),
        "UTF-8", "NDJSON",
        "1:1 3:22 4!SYNTAX 5!SYNTAX 6!SYNTAX 7!SYNTAX 8!SYNTAX 9!SYNTAX 10!SYNTAX 11:9");
}

/* If this failed, what an authority sends as UTF-8 would be read as another encoding or as CSV, and
 * a name be stored that nobody has. */
static void test_ndjson_by_name(void **state)
{
    (void)state;
    static const struct {
        struct bytes content;
        const char *lines;
    } cases[] = {
        {BYTES("{\"ZZBH\": \"\xD5\xC5\"}\n{\"ZZBH\": \"2\"}\n"), "1!ENCODING 2:2"},
        {BYTES(HEADING "\n" LINE("1") "{\"ZZBH\": \"3\"}"), "1!SYNTAX 2!SYNTAX 3:3"},
        {BYTES("\n\n \r\n{\"ZZBH\": \"4\"}"), "4:4"},
        {BYTES(""), ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct opened o;
        open_file(&o, cases[i].content);
        import_reader_destroy(&o.reader);
        o.reader = import_reader_create_ndjson(o.fd);
        assert_lines(&o, cases[i].lines);
        close_file(&o);
    }
}

/* If this failed, a heading with a missing or doubled column would shift or empty every record. */
static void test_headings(void **state)
{
    (void)state;
    struct opened o;
    assert_file(
        BYTES(" zzmc ,证照类型代码,\"证照编号\",颁发机构,颁发机构代码,BZ,持证主体,持证主体代码,"
              "有效期截止日期\na,b,1,,,,,,\n"),
        "UTF-8", "CSV", "2:1");
    open_file(&o, BYTES("ZZMC,ZZLXDM,ZZBH,ZZBFJG,ZZBFJGDM,CZZT\n"));
    assert_int_equal(o.error, IMPORT_ERR_HEADING);
    assert_string_equal(o.why, "the heading lacks CZZTDM, ZZYXQJZRQ");
    close_file(&o);
    open_file(&o, BYTES(HEADING ",证照编号\n"));
    assert_int_equal(o.error, IMPORT_ERR_HEADING);
    assert_string_equal(o.why, "the heading has the column ZZBH twice");
    close_file(&o);
    open_file(&o, BYTES("\"\n"));
    assert_int_equal(o.error, IMPORT_ERR_HEADING);
    close_file(&o);
    open_file(&o, BYTES(""));
    assert_int_equal(o.error, IMPORT_ERR_FILE);
    close_file(&o);
}

/* If this failed, a line without an end would fill the memory or hide the lines behind it. */
static void test_long_lines(void **state)
{
    (void)state;
    size_t cap = 1000000;
    uint8_t *storage = malloc(cap);
    struct buf b;
    buf_init(&b, storage, cap);
    buf_put_str(&b, HEADING "\n" LINE("1"));
    memset(storage + b.len, 'x', 600000); /* over two windows */
    b.len += 600000;
    buf_put_str(&b, "\n" LINE("3") "\"");
    for (int i = 0; i < 70000; i++)
        buf_put_str(&b, i % 100 ? "y" : "\n"); /* an open quote over pages: 701 lines */
    buf_put_str(&b, "\n");
    buf_put_str(&b, LINE("4"));
    struct opened o;
    open_file(&o, buf_bytes(&b));
    struct import_line line;
    assert_int_equal(import_reader_next(o.reader, &line), IMPORT_READ_RECORD);
    assert_int_equal(import_reader_next(o.reader, &line), IMPORT_READ_BAD);
    assert_int_equal(line.fault.reason, IMPORT_REASON_TOO_LONG);
    assert_int_equal(line.octets, 600001);
    assert_int_equal(import_reader_next(o.reader, &line), IMPORT_READ_RECORD);
    assert_int_equal(line.number, 4);
    enum import_read read, last = IMPORT_READ_BAD;
    size_t bad = 0;
    while ((read = import_reader_next(o.reader, &line)) != IMPORT_READ_END) {
        bad += read == IMPORT_READ_BAD;
        last = read;
    }
    assert_int_equal(bad, 701);
    assert_int_equal(last, IMPORT_READ_RECORD);
    assert_int_equal(line.number, 706);
    close_file(&o);
    free(storage);
}

/* If this failed, a line that is too long only as UTF-8 would be cut instead of rejected. */
static void test_limit_is_of_utf8(void **state)
{
    (void)state;
    size_t cap = 300000;
    uint8_t *storage = malloc(cap);
    struct buf b;
    buf_init(&b, storage, cap);
    buf_put_str(&b, HEADING "\n" LINE("1") "证,A1,2,\"");
    for (int i = 0; i < 22000; i++)
        buf_put_str(&b, "章"); /* 44,000 octets of GB18030, 66,000 of UTF-8 */
    buf_put_str(&b, "\",,,,\n" LINE("3"));
    assert_file(to_gb18030(buf_bytes(&b)), "GB18030", "CSV", "2:1 3!TOO_LONG 4:3");
    free(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_normalised),
        cmocka_unit_test(test_bad_values_are_refused_by_name),
        cmocka_unit_test(test_enterprises),
        cmocka_unit_test(test_lengths_are_bounded),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_bad_lines_do_not_spread),
        cmocka_unit_test(test_quotes_and_line_ends),
        cmocka_unit_test(test_ndjson),
        cmocka_unit_test(test_ndjson_by_name),
        cmocka_unit_test(test_headings),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_limit_is_of_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
