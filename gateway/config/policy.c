#include "gateway/config/policy_yaml.h"

#include <stdlib.h>

#include "base/check.h"
#include "gateway/config/file.h"

#define BUILT_IN_NAME "the built-in policy"

/* ---- words ---------------------------------------------------------------------------------- */

const char *field_member(enum field field)
{
    static const char *const members[] = {
#define FIELD(name, member, mask, grade) [FIELD_##name] = member,
#include "gateway/config/field.def"
#undef FIELD
    };
    return members[field];
}

bool field_read(struct bytes member, enum field *field)
{
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        *field = (enum field)i;
        if (bytes_equal(member, bytes_str(field_member(*field))))
            return true;
    }
    return false;
}

const char *field_grade_text(enum field_grade grade)
{
    static const char *const texts[] = {"public", "internal", "sensitive", "highly_sensitive"};
    return texts[grade];
}

const char *field_mask_text(enum field_mask mask)
{
    static const char *const texts[] = {"hidden", "plain", "name", "tail", "year"};
    return texts[mask];
}

/* ---- life ----------------------------------------------------------------------------------- */

static struct policy *policy_create(void)
{
    static const uint8_t grades[] = {
#define FIELD(name, member, mask, grade) GRADE_##grade,
#include "gateway/config/field.def"
#undef FIELD
    };
    struct policy *policy = check_alloc(sizeof *policy); /* every role sees what is public */
    memcpy(policy->grades, grades, sizeof grades);
    return policy;
}

struct policy *policy_load(const char *path, struct buf *why)
{
    struct policy *policy = policy_create();
    struct buf content;
    bool read;
    if (*path) {
        buf_init(&content, check_alloc(POLICY_FILE_BYTES_MAX + 1), POLICY_FILE_BYTES_MAX + 1);
        read = file_read(path, &content, why) &&
               policy_yaml_read(policy, path, buf_bytes(&content), why);
        free(content.data);
    } else {
        read = policy_yaml_read(policy, BUILT_IN_NAME, policy_default(), why);
    }
    if (!read)
        policy_destroy(&policy);
    return policy;
}

static void rule_fini(struct policy_rule *rule)
{
    for (unsigned i = 0; i < rule->type_count; i++)
        free(rule->types[i]);
    free(rule->types);
}

void policy_destroy(struct policy **policy)
{
    if (!*policy)
        return;
    for (size_t i = 0; i < (*policy)->rule_count; i++)
        rule_fini(&(*policy)->rules[i]);
    free(*policy);
    *policy = NULL;
}

/* ---- asking --------------------------------------------------------------------------------- */

bool policy_rule_has_type(const struct policy_rule *rule, struct bytes type)
{
    for (unsigned i = 0; i < rule->type_count; i++)
        if (bytes_equal(type, bytes_str(rule->types[i])))
            return true;
    return rule->type_count == 0;
}

const struct policy_rule *policy_find(const struct policy *policy, struct bytes type,
                                      enum token_role role, struct bytes purpose)
{
    static const struct policy_rule otherwise = {.masks = {[FIELD_TYPE] = MASK_PLAIN},
                                                 .fields = FIELD_BIT(FIELD_TYPE)};
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        if (rule->role == role &&
            (!*rule->purpose || bytes_equal(purpose, bytes_str(rule->purpose))) &&
            policy_rule_has_type(rule, type))
            return rule;
    }
    return &otherwise;
}

const struct policy_purpose *policy_purpose(const struct policy *policy, struct bytes name)
{
    for (size_t i = 0; i < policy->purpose_count; i++)
        if (bytes_equal(name, bytes_str(policy->purposes[i].name)))
            return &policy->purposes[i];
    return NULL;
}
