#include "evidence/index_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/crc32c.h"

#define MAGIC   BYTES("JWBX")
#define VERSION 1

static void put_place(struct buf *out, const struct evidence_place *place)
{
    buf_put_little(out, place->list, 2);
    buf_put_little(out, place->index, 4);
}

static struct evidence_place get_place(const uint8_t *from)
{
    return (struct evidence_place){(uint16_t)bytes_little(from, 2),
                                   (uint32_t)bytes_little(from + 2, 4)};
}

bool index_is_journal(const char *name)
{
    size_t len = strlen(name);
    return len > 5 && strcmp(name + len - 5, ".jwbj") == 0;
}

int index_place_compare(const struct evidence_place *a, const struct evidence_place *b)
{
    if (a->list != b->list)
        return a->list < b->list ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

ssize_t index_pread(int file, void *to, size_t len, uint64_t at)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = pread(file, (uint8_t *)to + got, len - got, (off_t)(at + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

void index_header_write(struct buf *out)
{
    buf_put(out, MAGIC);
    buf_put_little(out, VERSION, 4);
}

bool index_header_read(int index)
{
    uint8_t header[INDEX_HEADER_BYTES];
    return index_pread(index, header, sizeof header, 0) == (ssize_t)sizeof header &&
           bytes_start_with(bytes_of(header, sizeof header), MAGIC) &&
           bytes_little(header + 4, 4) == VERSION;
}

/* ---- a segment ---- */

static size_t head_bytes(uint32_t blocks)
{
    return INDEX_SEGMENT_BYTES + (size_t)blocks * INDEX_FENCE_BYTES;
}

size_t index_segment_bytes(uint32_t count)
{
    const struct index_segment segment = {.count = count};
    uint32_t blocks = index_segment_blocks(&segment);
    return head_bytes(blocks) + (size_t)blocks * INDEX_BLOCK_BYTES;
}

/* A journal that was put in this one's place, or cut and written on, has other last octets. */
static bool take_witness(const struct index_segment *segment, int journal, uint32_t *witness)
{
    uint8_t last[INDEX_WITNESS_MAX];
    size_t len = segment->to < sizeof last ? (size_t)segment->to : sizeof last;
    if (index_pread(journal, last, len, segment->to - len) != (ssize_t)len)
        return false;
    *witness = crc32c_of(bytes_of(last, len));
    return true;
}

static void put_block(struct buf *out, const struct index_entry *entries, size_t count)
{
    uint8_t storage[INDEX_BLOCK_BYTES - 4] = {0};
    struct buf block = BUF_OVER(storage);
    for (size_t i = 0; i < count; i++) {
        put_place(&block, &entries[i].place);
        buf_put_little(&block, entries[i].offset, 4);
    }
    buf_put_little(out, crc32c_of(bytes_of(storage, sizeof storage)), 4);
    buf_put(out, bytes_of(storage, sizeof storage));
}

bool index_segment_write(struct index_segment *segment, int journal,
                         const struct index_entry *entries, struct buf *out)
{
    uint8_t storage[INDEX_SEGMENT_BYTES + INDEX_BLOCKS_MAX * INDEX_FENCE_BYTES];
    struct buf head = BUF_OVER(storage);
    CHECK(segment->count <= INDEX_ENTRIES_MAX);
    if (!take_witness(segment, journal, &segment->witness))
        return false;
    buf_put_little(&head, segment->count, 4);
    buf_put_little(&head, segment->from, 8);
    buf_put_little(&head, segment->to, 8);
    buf_put_little(&head, (uint64_t)segment->newest_us, 8);
    buf_put_little(&head, segment->witness, 4);
    buf_put_little(&head, segment->damaged, 4);
    for (uint32_t i = 0; i < segment->count; i += INDEX_BLOCK_ENTRIES)
        put_place(&head, &entries[i].place);
    buf_put_little(out, crc32c_of(buf_bytes(&head)), 4);
    buf_put(out, buf_bytes(&head));
    for (uint32_t i = 0; i < segment->count; i += INDEX_BLOCK_ENTRIES) {
        uint32_t left = segment->count - i;
        put_block(out, entries + i, left < INDEX_BLOCK_ENTRIES ? left : INDEX_BLOCK_ENTRIES);
    }
    return true;
}

bool index_segment_read(int index, uint64_t at, uint64_t from, int journal, uint64_t journal_bytes,
                        struct index_segment *segment)
{
    uint8_t head[INDEX_SEGMENT_BYTES + INDEX_BLOCKS_MAX * INDEX_FENCE_BYTES];
    struct stat status;
    uint32_t witness;
    ssize_t n = index_pread(index, head, sizeof head, at);
    if (n < INDEX_SEGMENT_BYTES || fstat(index, &status) != 0)
        return false;
    segment->count = (uint32_t)bytes_little(head + 4, 4);
    if (segment->count > INDEX_ENTRIES_MAX)
        return false;
    uint32_t blocks = index_segment_blocks(segment);
    if ((size_t)n < head_bytes(blocks) ||
        bytes_little(head, 4) != crc32c_of(bytes_of(head + 4, head_bytes(blocks) - 4)))
        return false;
    segment->from = bytes_little(head + 8, 8);
    segment->to = bytes_little(head + 16, 8);
    segment->newest_us = (int64_t)bytes_little(head + 24, 8);
    segment->witness = (uint32_t)bytes_little(head + 32, 4);
    segment->damaged = bytes_little(head + 36, 4) != 0;
    segment->at = at;
    segment->end = at + index_segment_bytes(segment->count);
    for (uint32_t i = 0; i < blocks; i++)
        segment->fence[i] = get_place(head + INDEX_SEGMENT_BYTES + i * INDEX_FENCE_BYTES);
    return segment->end <= (uint64_t)status.st_size && segment->from == from &&
           segment->to > from && segment->to <= journal_bytes &&
           take_witness(segment, journal, &witness) && witness == segment->witness;
}

size_t index_block_read(int index, const struct index_segment *segment, uint32_t block,
                        struct index_entry entries[INDEX_BLOCK_ENTRIES])
{
    uint8_t octets[INDEX_BLOCK_BYTES];
    uint32_t left = segment->count - block * INDEX_BLOCK_ENTRIES;
    size_t count = left < INDEX_BLOCK_ENTRIES ? left : INDEX_BLOCK_ENTRIES;
    uint64_t at = segment->at + head_bytes(index_segment_blocks(segment)) +
                  (uint64_t)block * INDEX_BLOCK_BYTES;
    if (index_pread(index, octets, sizeof octets, at) != (ssize_t)sizeof octets ||
        bytes_little(octets, 4) != crc32c_of(bytes_of(octets + 4, sizeof octets - 4)))
        return 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *entry = octets + 4 + i * INDEX_ENTRY_BYTES;
        entries[i] = (struct index_entry){get_place(entry), (uint32_t)bytes_little(entry + 6, 4)};
    }
    return count;
}

/* ---- reading a journal ---- */

static enum index_journal header_of(struct index_journal_file *file)
{
    uint8_t octets[JOURNAL_HEADER_BYTES];
    struct stat status;
    if (file->descriptor < 0 || fstat(file->descriptor, &status) != 0)
        return INDEX_JOURNAL_FAILED;
    file->bytes = (uint64_t)status.st_size;
    ssize_t n = index_pread(file->descriptor, octets, sizeof octets, 0);
    if (n < (ssize_t)sizeof octets)
        return n < 0 ? INDEX_JOURNAL_FAILED : INDEX_JOURNAL_BEGUN;
    return journal_header_read(bytes_of(octets, sizeof octets), &file->header)
               ? INDEX_JOURNAL_OPEN
               : INDEX_JOURNAL_FOREIGN;
}

enum index_journal index_journal_open(int folder, const char *name, struct index_journal_file *file)
{
    unsigned loop_index;
    if (!journal_file_name_read(name, &loop_index, &file->number))
        file->number = 0;
    file->descriptor = openat(folder, name, O_RDONLY | O_CLOEXEC);
    enum index_journal opened = header_of(file);
    if (opened != INDEX_JOURNAL_OPEN && file->descriptor >= 0) {
        int cause = errno;
        close(file->descriptor);
        errno = cause;
    }
    return opened;
}

void index_scan_init(struct index_scan *scan, int journal, uint64_t from, uint64_t to)
{
    scan->journal = journal;
    scan->at = from;
    scan->size = to;
    scan->damaged = scan->failed = false;
    scan->window_at = scan->window_len = 0;
}

/* Makes *view what the file holds from `at`: at least a record's most octets, or all there are. */
static bool look(struct index_scan *s, uint64_t at, struct bytes *view)
{
    uint64_t wanted = s->size - at;
    if (wanted > JOURNAL_RECORD_BYTES_MAX)
        wanted = JOURNAL_RECORD_BYTES_MAX;
    if (at < s->window_at || at + wanted > s->window_at + s->window_len) {
        uint64_t len = s->size - at < sizeof s->window ? s->size - at : sizeof s->window;
        ssize_t n = index_pread(s->journal, s->window, (size_t)len, at);
        if (n < 0)
            return false;
        s->window_at = at;
        s->window_len = (size_t)n;
        if ((size_t)n < len) /* it was cut meanwhile */
            s->size = at + (uint64_t)n;
    }
    uint64_t end = s->window_at + s->window_len;
    *view = bytes_of(s->window + (at - s->window_at), (size_t)(end - at));
    return true;
}

bool index_scan_next(struct index_scan *s)
{
    struct bytes view;
    for (uint64_t at = s->at; at < s->size; at++) {
        if (!look(s, at, &view)) {
            s->failed = true;
            return false;
        }
        size_t len = journal_record_read(view, &s->record);
        if (len == 0)
            continue;
        s->damaged |= at != s->at;
        s->record_at = at;
        s->octets = bytes_of(view.data, len);
        s->at = at + len;
        if (s->record.kind != JOURNAL_REMOVED)
            return true;
        at = s->at - 1;
    }
    return false;
}
