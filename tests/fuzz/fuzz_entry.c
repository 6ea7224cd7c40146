/* Any octets, as an entry of the log. One that is read has, written again, the same octets: no
 * record is in the log in two ways. */
#include "base/check.h"
#include "evidence/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct journal_record record;
    uint8_t storage[ENTRY_BYTES_MAX];
    struct buf again = BUF_OVER(storage);
    if (!entry_read(bytes_of(data, size), &record))
        return 0;
    entry_write(&record, &again);
    CHECK(buf_ok(&again) && bytes_equal(buf_bytes(&again), bytes_of(data, size)));
    CHECK(!record.place_known || record.number != 0);
    return 0;
}
