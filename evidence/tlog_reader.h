/* What a reader of the log is made of; private to this room. */
#ifndef EVIDENCE_TLOG_READER_H
#define EVIDENCE_TLOG_READER_H

#include "evidence/tlog_layout.h"

struct tlog_reader {
    int folder;
    bool owns_folder;
    uint64_t size; /* committed, when last looked at */
    struct cached_tile {
        uint64_t index;
        unsigned width; /* 0: none */
        struct merkle_hash hashes[TLOG_TILE_HASHES];
    } tiles[TLOG_LEVELS]; /* the last one of each level: proofs go along paths */
    uint8_t octets[TLOG_BUNDLE_BYTES_MAX];
    struct tlog_state state;
};
/* A reader of a folder that is open, and stays the caller's. */
struct tlog_reader *tlog_reader_create(int folder);
/* At least `width` hashes of a tile, which the committed tree has. Valid until the next call for
 * this level. */
enum tlog_error tlog_reader_tile(struct tlog_reader *reader, unsigned level, uint64_t index,
                                 unsigned width, const struct merkle_hash **hashes);

#endif
