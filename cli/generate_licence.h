/* One fictional licence after the other, for cli/generate.c: fields as clean as the registry wants
 * them. Private to it. */
#ifndef CLI_GENERATE_LICENCE_H
#define CLI_GENERATE_LICENCE_H

#include "base/buf.h"

/* SplitMix64 (Steele, Lea, Flood 2014): the state is a counter, any seed is good. */
struct generate_random {
    uint64_t state;
};
uint64_t generate_next(struct generate_random *random);
uint64_t generate_below(struct generate_random *random, uint64_t bound);
bool generate_chance(struct generate_random *random, unsigned percent);

struct generate_holder {
    bool enterprise;
    char name[160], number[19];
    char representative_name[160], representative_number[19]; /* an enterprise's */
};

struct generate_licence {
    const char *name; /* 机动车驾驶证 */
    char type_code[32];
    const char *issuer;
    char issuer_code[19];
    char number[64];
    char identifier[128];           /* "" when it has none */
    int32_t issued_on, valid_until; /* civil days; -1: long-term */
    unsigned status;                /* 1 to 8, 99 */
    const struct generate_holder *holder;
};

struct generate_world {
    struct generate_random random;
    int32_t today;
    uint64_t scatter; /* where the numbers begin, from the seed */
    uint64_t holders, licences;
    struct generate_holder holder;
    unsigned licences_left; /* of this holder */
    size_t next_type;
    char citizen_name[160], citizen_number[19]; /* the last person: may also lead an enterprise */
};

void generate_world_init(struct generate_world *world, uint64_t seed, int32_t today);
/* The next licence; its holder is the world's, until the next call. */
void generate_licence_next(struct generate_world *world, struct generate_licence *licence);

#endif
