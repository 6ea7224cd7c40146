/* CRC-32C (Castagnoli; RFC 3720 appendix B.4): finds torn and flipped bytes, proves nothing against
 * somebody who writes on purpose. Any thread. */
#ifndef EVIDENCE_CRC32C_H
#define EVIDENCE_CRC32C_H

#include "base/bytes.h"

uint32_t crc32c_of(struct bytes data);

#endif
