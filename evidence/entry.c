#include "evidence/entry.h"

#include "evidence/journal_layout.h"

#define VERSION 1

_Static_assert(1 + JOURNAL_BODY_BYTES_MAX <= ENTRY_BYTES_MAX, "an entry with the longest texts");

void entry_write(const struct journal_record *record, struct buf *out)
{
    struct journal_record told = *record;
    told.place_known = record->place_known && record->number != 0;
    buf_put_u8(out, VERSION);
    journal_body_write(&told, out);
}

/* What was read is written again and compared: so nothing is an entry in two ways. */
bool entry_read(struct bytes entry, struct journal_record *record)
{
    uint8_t storage[ENTRY_BYTES_MAX];
    struct buf again = BUF_OVER(storage);
    if (entry.len == 0 || !journal_body_read(bytes_from(entry, 1), record))
        return false;
    entry_write(record, &again);
    return buf_ok(&again) && bytes_equal(buf_bytes(&again), entry);
}
