/* The receipts that partners get with their answers (docs/PROTOCOL.md section 15), signed with this
 * loop's context of the key for receipts. */
#ifndef GATEWAY_RECEIPTS_H
#define GATEWAY_RECEIPTS_H

#include "gateway/home.h"
#include "protocol/receipt.h"

#define RECEIPTS_JSON_BYTES_MAX (RECEIPT_BYTES_MAX / 3 * 4 + 32)

/* What was told, and to what question. */
struct receipts_told {
    enum receipt_kind kind;
    struct bytes subject; /* a code's cti; of a licence, receipts_subject */
    enum verdict_reason reason;
    struct bytes purpose;
    uint32_t fields;      /* those that `licence` shows */
    struct bytes licence; /* the answer's member with its braces; empty: it has none */
};

/* Is there a key for receipts now? */
bool receipts_can_sign(const struct gateway_loop *home);
/* The subject of a receipt about a licence that was asked for by number and holder's name. False:
 * ours. */
bool receipts_subject(const struct operation *op, struct bytes number, struct bytes holder_name,
                      uint8_t subject[CRYPTO_HASH_BYTES]);
/* Appends `,"receipt":"..."`: about 20 microseconds. False: there is no key, or signing failed, and
 * nothing of use was appended; the answer is then PROBLEM_SIGNING_UNAVAILABLE. */
bool receipts_put(const struct operation *op, const struct receipts_told *told, struct buf *out);

#endif
