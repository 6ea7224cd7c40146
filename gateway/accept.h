/* Which form of an answer the asker wants: Accept (RFC 9110 section 12.5.1). */
#ifndef GATEWAY_ACCEPT_H
#define GATEWAY_ACCEPT_H

#include "base/bytes.h"

/* Which of `types`, each without parameters, weighs most in `accept`; of those that weigh the same
 * the one named first there, then here. Its place; 0 where nothing is said; -1: none of them. Of
 * parameters the weight alone counts; one that can't be read is 0. */
int accept_choose(struct bytes accept, const char *const *types, size_t count);

#endif
