/* What the two ends of the use list (使用清单) have in common: applying for an entry, and
 * retrieving by one. */
#ifndef GATEWAY_USE_LIST_H
#define GATEWAY_USE_LIST_H

#include "base/bytes.h"

/* A code of a matter or of a licence type, a clerk's staff number: 0-9, A-Z, a-z, '-', '_', '.'
 * alone. They go into evidence and lists as they come, and so must have no room for a name. */
#define USE_LIST_CODE_TOLD "codes and staff numbers have only 0-9, A-Z, a-z, '-', '_' and '.'"
static inline bool use_list_is_code(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i], large = c & 0xDF;
        if (!(c >= '0' && c <= '9') && !(large >= 'A' && large <= 'Z') && !memchr("-_.", c, 3))
            return false;
    }
    return text.len > 0;
}

#endif
