/* Private to the room: what ISO/IEC 18004 says of a QR symbol, and its text from its modules. A
 * module's place is (x, y), counted from the upper left. */
#ifndef QR_SYMBOL_H
#define QR_SYMBOL_H

#include "qr/qr.h"
#include "qr/reed_solomon.h"

#define SYMBOL_SIDE_MAX       (4 * QR_VERSION_MAX + 17)
#define SYMBOL_ALIGNMENTS_MAX 7

static inline unsigned symbol_side(unsigned version)
{
    return 4 * version + 17;
}

/* The x (and y) of the alignment patterns' middles; returns how many. */
unsigned symbol_alignments(unsigned version, uint8_t at[SYMBOL_ALIGNMENTS_MAX]);

/* What a module is for. Light and dark ones look the same in every symbol of the version. */
enum module { MODULE_LIGHT, MODULE_DARK, MODULE_FORMAT, MODULE_DATA };
/* Writes side x side of them. */
void symbol_plan(unsigned version, uint8_t *plan);

/* The codeword of 18 bits in symbols of version 7 and more; bit i is at (side - 11 + i % 3, i / 3)
 * and at (i / 3, side - 11 + i % 3). */
uint32_t symbol_version_word(unsigned version);

/* Appends the text of a symbol. `darkness` has a number for each module: above 0 for a dark one,
 * the farther from 0 the surer. QR_OK, QR_ERR_NOT_FOUND (too many errors, or no text: segments.h)
 * or QR_ERR_SPACE. */
enum qr_error symbol_read(const struct rs_field *field, unsigned version, const uint8_t *plan,
                          const float *darkness, struct buf *text);

#endif
