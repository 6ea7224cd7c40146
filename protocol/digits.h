/* Bytes as decimal digits, so that a QR code holds them in numeric mode: the encoding of hybrid
 * transports' QR codes (CTAP 2.2 section 11.5.1). Each 7 bytes, read little-endian, are 17
 * zero-padded digits; a tail of 1 to 6 bytes is 3, 5, 8, 10, 13 or 15 digits. */
#ifndef PROTOCOL_DIGITS_H
#define PROTOCOL_DIGITS_H

#include "base/buf.h"

/* How many digits `len` bytes become. */
size_t digits_length(size_t len);
void digits_write(struct buf *out, struct bytes bytes);
/* False for another character, a length that no byte count has, a group whose value is too large
 * for its bytes, or an overflow of `out`: all the peer's. */
bool digits_read(struct buf *out, struct bytes digits);

#endif
