/* Private to the room: the error correction of QR symbols (ISO/IEC 18004 section 7.5): Reed-Solomon
 * codes over GF(256) with the polynomial x^8 + x^4 + x^3 + x^2 + 1 and the roots 2^0, 2^1, ... */
#ifndef QR_REED_SOLOMON_H
#define QR_REED_SOLOMON_H

#include "base/bytes.h"

#define RS_BLOCK_BYTES_MAX  153
#define RS_PARITY_BYTES_MAX 30

struct rs_field {
    uint8_t power[510]; /* of 2 */
    uint8_t log[256];
};
void rs_field_init(struct rs_field *field);

/* Corrects a block whose last `parity` octets are its parity, in place. An error costs two octets
 * of parity; `spare` of them are left to tell right from wrong. False when more is wrong than that
 * pays for, with the block unchanged. */
bool rs_correct(const struct rs_field *field, uint8_t *block, unsigned len, unsigned parity,
                unsigned spare);

#endif
