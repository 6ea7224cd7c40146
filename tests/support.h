/* What several tests need. Everything made here is removed when the test program ends. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

/* A copy whose last octet lies directly before a page that can't be read: reading one octet too far
 * ends the test. Released at the next call with the same slot (0 to 3). */
struct bytes guarded(int slot, struct bytes bytes);

/* A new empty folder under $TMPDIR or /tmp, removed with all in it at exit. The path is the
 * caller's for the length of the program. */
const char *temp_folder(void);
/* folder/name, valid until 16 further calls. */
const char *path_in(const char *folder, const char *name);
void write_file(const char *path, struct bytes content);

/* A reproducible stream of numbers (SplitMix64). */
struct seeded {
    uint64_t state;
};
uint64_t seeded_next(struct seeded *s);

#define assert_bytes(actual, expected_literal)                                                     \
    do {                                                                                           \
        struct bytes actual_ = (actual);                                                           \
        assert_int_equal(actual_.len, sizeof(expected_literal) - 1);                               \
        assert_memory_equal(actual_.data, expected_literal, sizeof(expected_literal) - 1);         \
    } while (0)

#endif
