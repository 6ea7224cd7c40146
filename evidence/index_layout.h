/* How an index lies on disk, and reading a journal from anywhere in it; private to this room.
 * Integers are little-endian, without gaps.
 *
 * header   0 "JWBX"   4 version u32
 * segment  0 CRC-32C of what follows up to the blocks   4 number of entries u32
 *          8 from u64, 16 to u64: octets of the journal that it covers
 *          24 time of the newest record it covers, microseconds i64
 *          32 CRC-32C of the last octets it covers, at most 32
 *          36 1: there was damage in between, u32
 *          40 for each block its first place: list u16, index u32
 *          then the blocks
 * block    0 CRC-32C of what follows   4 409 entries; the last block's rest is zeros   4094 zeros
 * entry    0 list u16   2 index u32   6 the record's offset behind `from` u32; sorted by these */
#ifndef EVIDENCE_INDEX_LAYOUT_H
#define EVIDENCE_INDEX_LAYOUT_H

#include <sys/types.h>

#include "evidence/index.h"
#include "evidence/journal_layout.h"

#define INDEX_HEADER_BYTES  8
#define INDEX_SEGMENT_BYTES 40
#define INDEX_FENCE_BYTES   6 /* for each block */
#define INDEX_ENTRY_BYTES   10
#define INDEX_BLOCK_BYTES   4096
#define INDEX_BLOCK_ENTRIES 409
/* A segment ends with the first record that reaches EVIDENCE_SEGMENT_BYTES. */
#define INDEX_ENTRIES_MAX (EVIDENCE_SEGMENT_BYTES / (JOURNAL_FRAME_BYTES + JOURNAL_FIXED_BYTES) + 1)
#define INDEX_BLOCKS_MAX  (INDEX_ENTRIES_MAX / INDEX_BLOCK_ENTRIES + 1)
#define INDEX_WITNESS_MAX 32

struct index_entry {
    struct evidence_place place;
    uint32_t offset;
};
/* By its name: NAME.jwbj. */
bool index_is_journal(const char *name);
int index_place_compare(const struct evidence_place *a, const struct evidence_place *b);

struct index_segment {
    uint64_t from, to;
    int64_t newest_us; /* INT64_MIN: no entries */
    uint32_t count;
    uint32_t witness;
    bool damaged;
    uint64_t at, end; /* where it lies in the index */
    struct evidence_place fence[INDEX_BLOCKS_MAX];
};
static inline uint32_t index_segment_blocks(const struct index_segment *segment)
{
    return (segment->count + INDEX_BLOCK_ENTRIES - 1) / INDEX_BLOCK_ENTRIES;
}
size_t index_segment_bytes(uint32_t count);

void index_header_write(struct buf *out);
bool index_header_read(int index);

/* Sets the segment's witness and writes it; `entries` are sorted, `count` many. False: the journal
 * can't be read. */
bool index_segment_write(struct index_segment *segment, int journal,
                         const struct index_entry *entries, struct buf *out);
/* The segment at `at` of the index, if a whole one is there that goes on at `from` and belongs to
 * this journal of so many octets. */
bool index_segment_read(int index, uint64_t at, uint64_t from, int journal, uint64_t journal_bytes,
                        struct index_segment *segment);
/* Its block's entries; 0: damaged. */
size_t index_block_read(int index, const struct index_segment *segment, uint32_t block,
                        struct index_entry entries[INDEX_BLOCK_ENTRIES]);

/* Reads so many octets, or fewer at the end of the file; -1: errno says why. */
ssize_t index_pread(int file, void *to, size_t len, uint64_t at);

/* Opens a journal's file and reads its header. */
enum index_journal {
    INDEX_JOURNAL_OPEN,    /* the descriptor is the caller's to close */
    INDEX_JOURNAL_BEGUN,   /* shorter than its header: it was only just begun */
    INDEX_JOURNAL_FOREIGN, /* no journal of this version */
    INDEX_JOURNAL_FAILED,  /* errno says why */
};
struct index_journal_file {
    int descriptor;
    uint64_t bytes; /* as it was opened */
    struct journal_header header;
    unsigned number; /* by its name; 0: it has another kind of name */
};
enum index_journal index_journal_open(int folder, const char *name,
                                      struct index_journal_file *file);

/* Records one after the other, from anywhere, removed ones passed over. What is read is a snapshot
 * of `size` octets; the file may grow meanwhile, and a half-written end looks like a torn one,
 * which is no damage. */
#define INDEX_WINDOW_BYTES (256 * 1024)
struct index_scan {
    int journal;
    uint64_t at, size; /* where the next record begins; octets of the file */
    bool damaged;      /* something whole followed something that was not */
    bool failed;       /* the file can't be read */
    uint64_t record_at;
    struct bytes octets; /* of the record; valid until the next call, as its texts are */
    struct journal_record record;
    uint64_t window_at;
    size_t window_len;
    uint8_t window[INDEX_WINDOW_BYTES];
};
/* From a record's octet, or the header's end, up to an octet at most. */
void index_scan_init(struct index_scan *scan, int journal, uint64_t from, uint64_t to);
/* False: no more, or failed. */
bool index_scan_next(struct index_scan *scan);

#endif
