/* What the commands for trust bundles share. */
#ifndef CLI_BUNDLE_H
#define CLI_BUNDLE_H

#include "cli/desk.h"
#include "protocol/trust_bundle.h"

/* A bundle under way, and everything that it points into. */
struct making {
    struct trust_bundle bundle;
    struct trust_entry types[TRUST_TYPES_MAX], issuers[TRUST_ISSUERS_MAX];
    uint8_t text_storage[TRUST_BUNDLE_BYTES_MAX];
    struct buf texts;

    /* What stood in the file before; version 0: nothing. */
    struct trust_bundle before;
    uint8_t before_storage[TRUST_BUNDLE_BYTES_MAX];
};
/* Empty; for free(). */
struct making *making_create(void);

/* What the desk says, for `life_s` from now on: all but root keys. `before_path` is the bundle that
 * it is to follow, if there is one: its version is lower, its revoked kids stay revoked. False
 * after a complaint. */
bool bundle_draft(const struct desk *desk, const char *before_path, int64_t life_s,
                  struct making *making);
/* Adds the keys of a file that verifiers may know, and which of them are revoked. False after a
 * complaint. */
bool bundle_add_keys(struct trust_bundle *bundle, const struct keyring *ring, int64_t now);

/* What is known of a bundle's signature, beside that it is there. */
enum bundle_signature {
    BUNDLE_UNSIGNED, /* a draft */
    BUNDLE_UNCHECKED,
    BUNDLE_GENUINE,
    BUNDLE_OF_NO_ROOT, /* its key is none of the root keys that were given */
    BUNDLE_FORGED,
    BUNDLE_NOT_CHECKED, /* ours: it could not be computed */
};

/* Shows all that stands in a bundle that was read. */
void bundle_print(const struct trust_bundle *bundle, enum bundle_signature signature);

#endif
