/* What a terminal knows: pinned root keys, the newest trust bundle, the newest status lists, and
 * every kid that was ever revoked. Bytes in, bytes out: where they are kept is terminal.c's.
 *
 * Memory is allocated by knowledge_init, but for a small object for each key of a bundle. */
#ifndef TERMINAL_KNOWLEDGE_H
#define TERMINAL_KNOWLEDGE_H

#include "protocol/status_list.h"
#include "protocol/trust_bundle.h"
#include "terminal/jwbterminal.h"

/* How far a clock may be behind what is known of time; also the tolerance for what is taken. */
#define KNOWLEDGE_CLOCK_S   60
#define KNOWLEDGE_KIDS_MAX  1024 /* four bundles' worth of revoked keys */
#define KNOWLEDGE_LISTS_MAX 64
/* The file "trust": a bundle, and at most 16 KiB of root keys and revoked kids. */
#define KNOWLEDGE_FILE_BYTES_MAX (TRUST_BUNDLE_BYTES_MAX + 16384)

struct kid_set {
    uint8_t kids[KNOWLEDGE_KIDS_MAX][KID_BYTES];
    size_t count;
};

struct held_list {
    bool held;
    uint16_t list;
    uint8_t signer[KID_BYTES];
    struct bytes uri; /* of `uri_octets` */
    uint8_t uri_octets[TRUST_URI_BYTES_MAX];
    int64_t issued_at, expires_at;
    uint32_t ttl_s;
    uint8_t *array; /* STATUS_LIST_BYTES */
};

struct knowledge {
    const struct crypto_provider *crypto;
    struct keyring roots;
    /* Never forgotten, but that of by_list strangers to the bundle make room. A bundle, signed by a
     * root key, revokes keys of every use; a status list revokes keys of codes alone, so that a
     * stolen status key can't shut out its successor. */
    struct kid_set by_bundle, by_list;

    bool has_bundle;
    struct trust_bundle bundle;                          /* views into bundle_octets */
    struct crypto_verifier *verifiers[KEYRING_KEYS_MAX]; /* of bundle.ring's code, status keys */
    uint8_t *bundle_octets;
    size_t bundle_len;

    struct held_list lists[KNOWLEDGE_LISTS_MAX];
    unsigned lists_max;

    /* scratch */
    struct trust_bundle read_bundle;
    struct status_list_token read_list;
    struct status_list_inflater inflater;
    uint8_t *spare_array; /* where a list is inflated before it takes another's place */
};

/* 1 <= lists_max <= KNOWLEDGE_LISTS_MAX. JWBT_OK, JWBT_ERR_MEMORY; in both cases knowledge_fini. */
enum jwbt_error knowledge_init(struct knowledge *k, const struct crypto_provider *crypto,
                               unsigned lists_max);
void knowledge_fini(struct knowledge *k);

/* Replaces all that is known by root keys. JWBT_ERR_MALFORMED: no set, or one without any. */
enum jwbt_error knowledge_pin(struct knowledge *k, struct bytes jwks);
/* JWBT_OK: all root keys of this set are pinned already; JWBT_ERR_ENROLLED: not all. */
enum jwbt_error knowledge_pinned(const struct knowledge *k, struct bytes jwks);

/* A bundle of a version above the held one, and not below `floor`, that of the newest which was
 * ever taken. Lists that it does not vouch for are
 * dropped. The octets are copied. */
enum jwbt_error knowledge_take_bundle(struct knowledge *k, struct bytes bundle, uint64_t floor,
                                      int64_t now);
/* A token of a list that the bundle names, issued after the held one, and not before `floor`.
 * *revokes: it names a revoked key that was not known as such. */
enum jwbt_error knowledge_take_list(struct knowledge *k, uint16_t list, struct bytes token,
                                    int64_t floor, int64_t now, bool *revokes);

/* What was taken and kept, again: as above, at any time. The bundle comes first. */
enum jwbt_error knowledge_restore_bundle(struct knowledge *k, struct bytes bundle, uint64_t floor);
enum jwbt_error knowledge_restore_list(struct knowledge *k, uint16_t list, struct bytes token,
                                       int64_t floor);

/* The file "trust": roots, revoked kids and the bundle in one, so that one write moves all. The
 * caller seals it. */
void knowledge_write(const struct knowledge *k, struct buf *file);
/* Reads roots and revoked kids into empty knowledge; *bundle is a view into `file`, empty if there
 * was none. False: nothing was read. */
bool knowledge_read(struct knowledge *k, struct bytes file, struct bytes *bundle);

bool knowledge_revoked(const struct knowledge *k, const uint8_t kid[KID_BYTES], enum key_use use);
/* NULL: it is not held. */
const struct held_list *knowledge_list(const struct knowledge *k, uint16_t list);
/* No true clock is more than KNOWLEDGE_CLOCK_S before this; 0 when nothing is known. */
int64_t knowledge_time(const struct knowledge *k);

#endif
