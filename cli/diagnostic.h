/* CBOR for people. */
#ifndef CLI_DIAGNOSTIC_H
#define CLI_DIAGNOSTIC_H

#include "base/buf.h"

/* Appends CBOR in diagnostic notation (RFC 8949 section 8), on one line. What is no CBOR, or nested
 * deeper than 16, is appended from there on in hexadecimal, behind "not CBOR"; a text with control
 * characters in hexadecimal, behind "text". */
#define DIAGNOSTIC_GROWTH 16 /* at most so many octets for one, and as many more */
void diagnostic_put(struct buf *out, struct bytes cbor);

#endif
