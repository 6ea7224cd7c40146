/* The receipts that partners get with their answers (docs/PROTOCOL.md section 15), signed with the
 * key for receipts. */
#ifndef GATEWAY_RECEIPTS_H
#define GATEWAY_RECEIPTS_H

#include "gateway/signing.h"
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
/* One of a request; from its pool. */
struct receipt_signing {
    struct signing signing;
    struct receipt receipt; /* views into the request's */
    uint8_t subject[CRYPTO_HASH_BYTES], storage[RECEIPT_BYTES_MAX];
    struct buf message;
};
/* The step returns what this returns (signing_run); the next one looks at signing.made. The purpose
 * in `told` is the request's. */
enum step_result receipts_sign(struct receipt_signing *signing, struct operation *op,
                               const struct receipts_told *told);
/* Appends `,"receipt":"..."`, which was made. */
void receipts_put(const struct receipt_signing *signing, struct buf *out);

#endif
