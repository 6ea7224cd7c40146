/* Who sees which field of which licence, for which purpose: one YAML file (etc/policy.yaml), read
 * at start and at SIGHUP into an immutable struct. docs/ACCESS.md explains it to those who write
 * one. Without a file the built-in policy holds, which shows partners and anybody nearly nothing.
 */
#ifndef GATEWAY_CONFIG_POLICY_H
#define GATEWAY_CONFIG_POLICY_H

#include "base/buf.h"
#include "protocol/token.h"

enum field {
#define FIELD(name, member, mask, grade) FIELD_##name,
#include "gateway/config/field.def"
#undef FIELD
    FIELD_COUNT,
};
#define FIELD_BIT(field) (1u << (field))
#define FIELDS_ALL       ((1u << FIELD_COUNT) - 1)
const char *field_member(enum field field); /* "holder_name": the JSON member, and its name */
bool field_read(struct bytes member, enum field *field);

/* 分类分级, from open to closed. */
enum field_grade {
    GRADE_PUBLIC,
    GRADE_INTERNAL,
    GRADE_SENSITIVE,
    GRADE_HIGHLY_SENSITIVE,
    GRADE_COUNT,
};
const char *field_grade_text(enum field_grade grade);

enum field_mask {
    MASK_HIDDEN, /* the field is not in the answer */
    MASK_PLAIN,
    MASK_NAME, /* a person's: the first character, '*' for each other; an enterprise's in full */
    MASK_TAIL, /* "****" and the tail that a code has: at most 4 and at most half of the octets,
                  and none of a number that does not end in ASCII */
    MASK_YEAR, /* of a date: the year */
    MASK_COUNT,
};
const char *field_mask_text(enum field_mask mask);

#define POLICY_RULES_MAX       256
#define POLICY_RULE_TYPES_MAX  64
#define POLICY_PURPOSES_MAX    64
#define POLICY_NAME_BYTES_MAX  32 /* a purpose: a-z, 0-9, '-', '_', '.' */
#define POLICY_TITLE_BYTES_MAX 96
#define POLICY_FILE_BYTES_MAX  262144

/* Built-in purposes of those who have no list of their own. */
#define PURPOSE_OVERVIEW   "overview"   /* a holder's list of licences */
#define PURPOSE_VIEW       "view"       /* a holder opens one of them */
#define PURPOSE_INSPECTION "inspection" /* an inspector's scan, and anybody's */
#define PURPOSE_LOOKUP     "lookup"     /* an inspector without a code */

struct policy_rule {
    unsigned line; /* of the file, or of the built-in text */
    enum token_role role;
    char purpose[POLICY_NAME_BYTES_MAX + 1]; /* empty: any */
    unsigned type_count;                     /* 0: any */
    char **types;                            /* codes */
    uint8_t masks[FIELD_COUNT];              /* enum field_mask */
    uint32_t fields;                         /* those not hidden */
};
struct policy_purpose {
    char name[POLICY_NAME_BYTES_MAX + 1];
    char title[POLICY_TITLE_BYTES_MAX + 1], title_en[POLICY_TITLE_BYTES_MAX + 1];
    unsigned keep_days; /* how long whoever asked may keep what he got */
};
struct policy {
    uint8_t grades[FIELD_COUNT];           /* enum field_grade */
    uint8_t plain_up_to[TOKEN_ROLE_COUNT]; /* the highest grade that a role may see unmasked */
    struct policy_purpose purposes[POLICY_PURPOSES_MAX]; /* in the file's order */
    size_t purpose_count;
    struct policy_rule
        rules[POLICY_RULES_MAX]; /* in the file's order: the first that fits decides */
    size_t rule_count;
};

/* path "" is the built-in policy. NULL: `why` says file, line and what is wrong: an unknown name, a
 * mask that the field can't have, a rule that shows a role more than its grade, a rule that can
 * never decide because one before it fits all it fits, two purposes of one name, a partner's rule
 * for a purpose that is not listed. */
struct policy *policy_load(const char *path, struct buf *why);
void policy_destroy(struct policy **policy);

/* The rule that decides; where none fits, one that shows the type alone. purpose may be empty.
 * Fractions of a microsecond. */
const struct policy_rule *policy_find(const struct policy *policy, struct bytes type,
                                      enum token_role role, struct bytes purpose);
/* NULL: no such purpose. */
const struct policy_purpose *policy_purpose(const struct policy *policy, struct bytes name);

#endif
