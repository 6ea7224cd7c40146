/* Private to the room: the data of a QR symbol, once its errors are corrected (ISO/IEC 18004
 * section 7.4): segments of digits, of 45 characters, of octets. */
#ifndef QR_SEGMENTS_H
#define QR_SEGMENTS_H

#include "qr/qr.h"

/* Appends their text. Octets are not translated: the number of an encoding (ECI) is passed over.
 * QR_ERR_NOT_FOUND: a segment that does not end within the data or has an impossible value; a part
 * of a divided message; kanji and FNC1, which nobody here writes. QR_ERR_SPACE: the text does not
 * fit. After an error nothing is appended. */
enum qr_error segments_read(struct bytes data, unsigned version, struct buf *text);

#endif
