/* Any octets, as a file of licences: the lines lie one behind the other in the file, and what is
 * accepted is within the registry's bounds and normalised: read again it stays the same. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/utf8.h"
#include "registry/import_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct bytes text, size_t least, size_t most)
{
    CHECK(text.len >= least && text.len <= most && utf8_printable(text));
}

static void check_record(const struct registry_record *r)
{
    uint8_t storage[IMPORT_RECORD_BYTES_MAX];
    struct import_fault fault;
    unsigned warnings;
    check_text(r->name, 1, REGISTRY_TEXT_BYTES_MAX);
    check_text(r->type_name, 1, REGISTRY_TEXT_BYTES_MAX);
    check_text(r->number, 1, REGISTRY_TEXT_BYTES_MAX);
    check_text(r->issuer_name, 1, REGISTRY_TEXT_BYTES_MAX);
    check_text(r->holder_name, 1, REGISTRY_TEXT_BYTES_MAX);
    check_text(r->type_code, 1, REGISTRY_CODE_BYTES_MAX);
    check_text(r->issuer_code, 6, 18);
    check_text(r->holder_number, 18, 18);
    CHECK(r->valid_until >= -1 && r->valid_until <= 65535);
    CHECK(r->valid_until < 0 || r->valid_until >= r->valid_from);

    struct registry_record again;
    struct import_fields fields = {0};
    fields.value[IMPORT_COLUMN_NAME] = r->name;
    fields.value[IMPORT_COLUMN_NUMBER] = r->number;
    fields.value[IMPORT_COLUMN_TYPE_CODE] = r->type_code;
    fields.value[IMPORT_COLUMN_ISSUER_CODE] = r->issuer_code;
    fields.value[IMPORT_COLUMN_ISSUER_NAME] = r->issuer_name;
    fields.value[IMPORT_COLUMN_HOLDER_NAME] = r->holder_name;
    fields.value[IMPORT_COLUMN_HOLDER_NUMBER] = r->holder_number;
    fields.value[IMPORT_COLUMN_KIND_CODE] =
        r->holder_kind == HOLDER_PERSON ? BYTES("111") : BYTES("001");
    fields.value[IMPORT_COLUMN_VALID_UNTIL] = BYTES("");
    CHECK(import_record_make(&fields, 0, storage, &again, &warnings, &fault));
    CHECK(bytes_equal(r->name, again.name) && bytes_equal(r->number, again.number));
    CHECK(bytes_equal(r->holder_name, again.holder_name));
    CHECK(bytes_equal(r->holder_number, again.holder_number));
}

static void read_lines(struct import_reader *reader, size_t size)
{
    struct import_line line;
    enum import_read read;
    uint64_t offset = import_reader_heading_octets(reader), number = 0;
    while ((read = import_reader_next(reader, &line)) != IMPORT_READ_END) {
        uint8_t storage[IMPORT_RECORD_BYTES_MAX];
        struct registry_record record;
        unsigned warnings;
        CHECK(read != IMPORT_READ_FAILED);
        CHECK(line.number > number && line.offset >= offset && line.octets > 0);
        number = line.number;
        offset = line.offset + line.octets;
        CHECK(offset <= size);
        if (read == IMPORT_READ_RECORD &&
            import_record_make(&line.fields, 0, storage, &record, &warnings, &line.fault))
            check_record(&record);
        else
            CHECK(line.fault.reason < IMPORT_REASON_COUNT);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t text[512];
    struct buf why = BUF_OVER(text);
    enum import_error error;
    int file = memfd_create("import", MFD_CLOEXEC);
    CHECK(file >= 0 && write(file, data, size) == (ssize_t)size);
    struct import_reader *reader = import_reader_create(file, &error, &why);
    CHECK((reader != NULL) == (error == IMPORT_OK) && (reader != NULL) == (why.len == 0));
    if (reader)
        read_lines(reader, size);
    import_reader_destroy(&reader);
    reader = import_reader_create_ndjson(file);
    CHECK(reader);
    read_lines(reader, size);
    import_reader_destroy(&reader);
    close(file);
    return 0;
}
