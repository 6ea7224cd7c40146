/* How several commands print the same things, on standard output. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include "registry/registry.h"

/* A label and 32 hexadecimal digits. */
void print_id(const char *label, const uint8_t id[REGISTRY_ID_BYTES]);
/* A label and a time in RFC 3339. */
void print_time(const char *label, int64_t unix_s);
/* A label and a day; a negative one is `none`. */
void print_date(const char *label, int32_t day, const char *none);
void print_text(struct bytes text);
/* The first `head` and the last `tail` characters, stars between them. */
void print_masked(struct bytes text, size_t head, size_t tail);

#endif
