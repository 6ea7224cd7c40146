/* Forms: application/x-www-form-urlencoded (WHATWG URL section 5, RFC 6749 appendix B), read
 * strictly, because two readers of one form must not see two things in it. */
#ifndef GATEWAY_FORM_H
#define GATEWAY_FORM_H

#include "base/buf.h"

#define FORM_PARAMETERS_MAX 32 /* a token request has at most 12 that anybody defined */

struct form {
    struct form_parameter {
        struct bytes name, value; /* views into the storage */
    } parameters[FORM_PARAMETERS_MAX];
    size_t count;
};

/* Reads `text`, decoding into `storage`, which has room for text.len octets at least. False: the
 * peer's; an escape that is none, an octet that should have been escaped, a text that is not UTF-8
 * or has controls, an empty or a repeated name, an empty piece, too many. */
bool form_read(struct bytes text, struct buf *storage, struct form *form);
/* Empty with data NULL when it is not there, or has no value, which is the same (RFC 6749 section
 * 3.1). */
struct bytes form_value(const struct form *form, const char *name);
/* One text of a form or of a query, percent-encoded, into `storage`; `plus` is what a '+' stands
 * for. False as form_read. */
bool form_decode(struct bytes text, uint8_t plus, struct buf *storage, struct bytes *decoded);

#endif
