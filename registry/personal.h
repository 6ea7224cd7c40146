/* Free texts that go into evidence, which has nobody's name or number: does one name somebody all
 * the same? Compared folded: large letters, narrow digits and letters, and neither spaces nor
 * punctuation. No I/O, allocates nothing. */
#ifndef REGISTRY_PERSONAL_H
#define REGISTRY_PERSONAL_H

#include "registry/registry.h"

#define PERSONAL_CASE_TOLD                                                                         \
    "the case number goes into evidence, which names nobody: it must not have a number of the "    \
    "licence in it, its holder's name, or a citizen number"

/* All texts have at most REGISTRY_TEXT_BYTES_MAX octets. */

/* Does `word` stand in the text? An empty one does not. */
bool personal_word_in(struct bytes text, struct bytes word);
/* Does anything in it read as a citizen number (GB 11643): 18 characters with a date of the last
 * century or this one, and the check? */
bool personal_number_in(struct bytes text);
/* Is the licence's number or identifier in it, or its holder's number (also in the former 15
 * digits) or name? */
bool personal_licence_in(struct bytes text, const struct registry_licence *licence);

#endif
