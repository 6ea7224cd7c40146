/* Files of others, with octets as they come. */
#ifndef CLI_ENCODED_H
#define CLI_ENCODED_H

#include "base/buf.h"

/* Appends what a file has: octets, or their hexadecimal or base64url (padded or not) if it is all
 * printable ASCII, white space between and around it left out. False after a complaint. */
bool encoded_file(const char *path, struct buf *octets);
/* The same of what was read already; false, without a complaint: it is neither. */
bool encoded_read(struct bytes content, struct buf *octets);

#endif
