/* Vectors for verifiers without a network: what a terminal takes and scans, and what it must say.
 * Tables (vectors_cases.c), of which vectors_make.c makes signed octets, once with ES256 and once
 * with SM2, and vectors.c a file. */
#ifndef CLI_VECTORS_H
#define CLI_VECTORS_H

#include "protocol/code.h"
#include "protocol/trust_bundle.h"

#define VECTORS_NOW    1750000000 /* when bundles and lists are taken */
#define VECTORS_DAY    86400
#define VECTORS_PLACE  700123u /* of the licence, in list 0 */
#define VECTORS_ORIGIN "https://jwb.example"

enum vectors_key {
    NO_KEY, /* the one that usually signs */
    ROOT,   /* pinned, and in the bundles */
    NEXT_ROOT,
    CODE,
    SECOND_CODE,
    STATUS,
    SECOND_STATUS,
    STRANGER, /* of nobody's bundle */
    VECTORS_KEYS,
};

/* What becomes of a message, or of what it says, beside what its row says. */
enum vectors_oddity {
    PLAIN,
    FORGED,      /* a bit of the signature */
    BY_STRANGER, /* the stranger's signature under the key's kid */
    OTHER_ALG,   /* a code that names the other algorithm */
    OTHER_TYPE,  /* a list that says it is a bundle, and the other way round */
    UNTAGGED,
    CWT_TAG,   /* 61 in front */
    CUT_OFF,   /* without its last octet */
    TRAILING,  /* an octet more */
    REVERSED,  /* a list's claims in another order, with one that is not known */
    NO_END,    /* a list without exp */
    FOUR_BITS, /* a list that says so */
    SHORT_LIST,
    LONG_STREAM, /* an octet behind the compressed list */
};

/* Version and times are moved by so much from those of the typical one: version NOW - 86400, begun
 * then, good for a week. */
struct vectors_bundle {
    const char *name;
    int version;
    int64_t begins, ends;
    enum vectors_key signer, revokes, names;
    void (*change)(struct trust_bundle *bundle);
    enum vectors_oddity oddity;
};
extern const struct vectors_bundle vectors_bundles[];
extern const size_t vectors_bundle_count;

/* The typical one: issued an hour ago, good for a day. */
struct vectors_list {
    const char *name;
    unsigned list; /* whose URI it has */
    int64_t issued, ends;
    uint8_t bits; /* of the licence; the places behind it have 1, 2 and 3, all others 0 */
    enum vectors_key signer, revokes;
    enum vectors_oddity oddity;
};
extern const struct vectors_list vectors_lists[];
extern const size_t vectors_list_count;

/* The typical one: displayed now for 60 s, a driving licence. */
struct vectors_code {
    const char *name;
    int64_t issued, life;
    enum { WITH_LAST_DAY, TODAY, YESTERDAY, LONG_TERM } until;
    unsigned type, issuer, list; /* added to those of the typical one */
    enum vectors_key signer;
    bool of_other_city; /* signed by the same key of the other algorithm */
    enum vectors_oddity oddity;
    enum { A_LINK, DIGITS, SPACED, A_DIGIT_MORE, OTHER_TEXT } text;
};
extern const struct vectors_code vectors_codes[];
extern const size_t vectors_code_count;

enum vectors_act { NO_ACT, TAKE_BUNDLE, TAKE_LIST, SCAN };
struct vectors_step {
    enum vectors_act act;
    const char *what; /* by name */
    unsigned list;    /* as which it is taken */
    int64_t after;    /* VECTORS_NOW: the device's clock */
    /* of what is taken: "ok", or why not; of a scan result and reason */
    const char *expect, *reason;
};
#define VECTORS_STEPS_MAX 6
struct vectors_case {
    const char *name, *description;
    bool single_use;
    struct vectors_step steps[VECTORS_STEPS_MAX];
};
extern const struct vectors_case vectors_cases[];
extern const size_t vectors_case_count;

/* ---- made of them ---- */

#define VECTORS_OCTETS_MAX 16384

struct vectors_city {
    enum crypto_alg alg;
    struct keyring_key keys[VECTORS_KEYS];
    struct crypto_key_pair pairs[VECTORS_KEYS];
    struct crypto_signer *signers[VECTORS_KEYS];
    const struct vectors_city *other; /* of the other algorithm; the caller's to set */
};
/* Draws the keys. Nothing of this fails but for want of memory, which is CHECKed. */
void vectors_city_init(struct vectors_city *city, enum crypto_alg alg, uint64_t seed);
void vectors_city_fini(struct vectors_city *city);

/* Each into an empty `out`, of VECTORS_OCTETS_MAX for the first two. */
void vectors_make_bundle(const struct vectors_city *city, const struct vectors_bundle *row,
                         struct buf *out);
void vectors_make_list(const struct vectors_city *city, const struct vectors_list *row,
                       struct buf *out);
void vectors_make_code(const struct vectors_city *city, const struct vectors_code *row,
                       struct buf *text);

#endif
