/* Deterministic CBOR (RFC 8949 section 4.2.1), as much of it as fixed schemas need: integers, byte
 * and text strings, arrays, maps, null. No floats, no tags, no indefinite lengths, no recursion:
 * the schema is the sequence of calls, so nesting is as deep as the code that reads it.
 *
 * The reader borrows its input and returns views into it. Its error is sticky: after anything
 * unexpected every call returns zero or an empty view, and cbor_read_end says so once at the end.
 * Integers and lengths in another than their shortest form are refused everywhere; that map keys
 * are unique and in order follows from reading each key by name (cbor_read_key) in their order.
 *
 * The second half reads what others wrote, where the order of keys is theirs and some are not
 * known. */
#ifndef PROTOCOL_CBOR_H
#define PROTOCOL_CBOR_H

#include "base/buf.h"

struct cbor_reader {
    struct bytes rest;
    bool failed;
    bool lenient; /* integers and lengths in any form of definite length */
};

static inline struct cbor_reader cbor_reader_over(struct bytes bytes)
{
    return (struct cbor_reader){bytes, false, false};
}

/* Each takes the next item, which must be of this kind and within the bounds given. */
uint64_t cbor_read_uint(struct cbor_reader *r, uint64_t max);
int64_t cbor_read_int(struct cbor_reader *r);
struct bytes cbor_read_bytes(struct cbor_reader *r, size_t len_min, size_t len_max);
/* UTF-8 is not checked here. */
struct bytes cbor_read_text(struct cbor_reader *r, size_t len_min, size_t len_max);
/* The head of an array of exactly `count` items, of a map of exactly `count` pairs; its items are
 * read by further calls. */
void cbor_read_array(struct cbor_reader *r, size_t count);
void cbor_read_map(struct cbor_reader *r, size_t count);
/* The head of an array of any count up to count_max. */
size_t cbor_read_array_head(struct cbor_reader *r, size_t count_max);
/* Exactly this integer, as a map's key. */
void cbor_read_key(struct cbor_reader *r, int64_t key);
/* Takes a null if the next item is one, else nothing. */
bool cbor_read_null(struct cbor_reader *r);
/* True when all was as expected and nothing is left. */
bool cbor_read_end(const struct cbor_reader *r);

/* ---- others' CBOR ---- */

#define CBOR_DEPTH_MAX  8  /* arrays, maps and tags within each other, in what is skipped */
#define CBOR_LABELS_MAX 32 /* keys of one map, or of two that count as one */

static inline struct cbor_reader cbor_reader_lenient(struct bytes bytes)
{
    return (struct cbor_reader){bytes, false, true};
}
/* The major type of the next item (RFC 8949 section 3.1), without taking it. */
enum cbor_kind {
    CBOR_UINT = 0,
    CBOR_NEGATIVE,
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_ARRAY,
    CBOR_MAP,
    CBOR_TAG,
    CBOR_SIMPLE, /* false, true, null, floats */
    CBOR_NOTHING /* the end, or a failure before */
};
enum cbor_kind cbor_peek(const struct cbor_reader *r);
/* Takes the next item whole, whatever it is. An indefinite length is a failure. */
void cbor_skip(struct cbor_reader *r);
/* Takes a tag of this number if the next item is one, else nothing. */
bool cbor_read_tag(struct cbor_reader *r, uint64_t tag);
/* The head of a map of any count up to CBOR_LABELS_MAX. */
size_t cbor_read_map_head(struct cbor_reader *r);

/* The keys of a map that were read, so that none is taken twice (in quadratic time, within the
 * limit above). Starts zeroed. */
struct cbor_label {
    struct bytes text; /* data NULL: it is a number */
    int64_t number;    /* 0 for a text; 0 itself names nothing in COSE and CWT */
};
struct cbor_labels {
    struct cbor_label labels[CBOR_LABELS_MAX];
    size_t count;
};
/* The next key: an integer or a text; another kind, one that was there, and one too many are
 * failures. */
struct cbor_label cbor_read_label(struct cbor_reader *r, struct cbor_labels *seen);

/* ---- writing ---- */

/* Each appends one item, or the head of one, in its shortest form. */
void cbor_put_uint(struct buf *out, uint64_t value);
void cbor_put_int(struct buf *out, int64_t value);
void cbor_put_bytes(struct buf *out, struct bytes bytes);
void cbor_put_bytes_head(struct buf *out, size_t len);
void cbor_put_text(struct buf *out, struct bytes text);
void cbor_put_array(struct buf *out, size_t count);
void cbor_put_map(struct buf *out, size_t count);
void cbor_put_null(struct buf *out);

#endif
