/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"

/* Reads the first character: its length in octets (1 to 4), or 0 for an empty or malformed text. */
size_t utf8_next(struct bytes text, uint32_t *code_point);
/* Appends one character. */
void utf8_put(struct buf *b, uint32_t code_point);
/* Well-formed throughout. */
bool utf8_valid(struct bytes text);
/* Well-formed and without control characters (U+0000-1F, U+7F-9F). */
bool utf8_printable(struct bytes text);
/* Printable, and without what is invisible or turns the direction of writing (U+200B-200F,
 * U+2028-202E, U+2060-206F, U+FEFF): it reads as it is stored. */
bool utf8_plain(struct bytes text);
/* How many characters; the text must be valid. */
size_t utf8_count(struct bytes text);
/* The first `characters` characters, or all there are; the text must be valid. */
struct bytes utf8_head(struct bytes text, size_t characters);

#endif
