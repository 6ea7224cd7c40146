/* Any octets, as a journal: the reader comes to an end, and what it takes for whole, torn or
 * damaged is no more than there is. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every octet, so that a sanitizer sees one too far. */
static void check_text(struct bytes text)
{
    volatile uint8_t sum = 0;
    CHECK(text.len <= JOURNAL_TEXT_BYTES_MAX);
    for (size_t i = 0; i < text.len; i++)
        sum ^= text.data[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct journal_reader *reader;
    struct journal_record record;
    char path[64];
    int file = memfd_create("journal", MFD_CLOEXEC);
    CHECK(file >= 0 && write(file, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    enum journal_error error = journal_reader_open(path, &reader);
    CHECK(error == JOURNAL_OK || error == JOURNAL_ERR_DAMAGED);
    if (reader) {
        uint64_t torn_bytes = 0;
        bool end = false;
        for (size_t records = 0; !end; records++) {
            error = journal_reader_next(reader, &record, &end, &torn_bytes);
            CHECK(error == JOURNAL_OK || error == JOURNAL_ERR_DAMAGED);
            CHECK(records <= size && torn_bytes <= size);
            if (error || end)
                continue;
            check_text(record.subject);
            check_text(record.client);
            check_text(record.purpose);
            check_text(record.reference);
            check_text(record.agency);
            CHECK(record.kind != 0 && journal_reader_at(reader) < size);
        }
    }
    journal_reader_close(&reader);
    close(file);
    return 0;
}
