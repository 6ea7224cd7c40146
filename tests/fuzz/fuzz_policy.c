/* Any octets, as a field policy. In one that is accepted, no rule shows in plain what its role may
 * not see so, and each rule is what decides for somebody. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "gateway/config/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct policy *read_octets(const void *data, size_t size)
{
    uint8_t storage[1024];
    struct buf why = BUF_OVER(storage);
    char path[64];
    int file = memfd_create("policy", MFD_CLOEXEC);
    CHECK(file >= 0 && write(file, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct policy *policy = policy_load(path, &why);
    CHECK((policy != NULL) == (why.len == 0) && buf_ok(&why));
    close(file);
    return policy;
}

/* Whether the rule decides for one of its types; one that is for any is asked about another. */
static bool decides(const struct policy *policy, const struct policy_rule *rule)
{
    struct bytes purpose = bytes_str(rule->purpose);
    bool found = !rule->type_count && policy_find(policy, BYTES("-"), rule->role, purpose) == rule;
    for (unsigned i = 0; i < rule->type_count; i++)
        found |= policy_find(policy, bytes_str(rule->types[i]), rule->role, purpose) == rule;
    return found;
}

static void check_rule(const struct policy *policy, const struct policy_rule *rule)
{
    for (unsigned f = 0; f < FIELD_COUNT; f++) {
        CHECK((rule->masks[f] == MASK_HIDDEN) == !(rule->fields & FIELD_BIT(f)));
        CHECK(rule->masks[f] != MASK_PLAIN || policy->grades[f] <= policy->plain_up_to[rule->role]);
    }
    CHECK(rule->type_count <= POLICY_RULE_TYPES_MAX && rule->line > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct policy *policy = read_octets(data, size);
    for (size_t i = 0; policy && i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        check_rule(policy, rule);
        /* several rules before it may together fit all that it fits; one alone may not */
        CHECK(decides(policy, rule) || i >= 2);
        CHECK(!*rule->purpose || rule->role != TOKEN_ROLE_PARTNER ||
              policy_purpose(policy, bytes_str(rule->purpose)));
    }
    policy_destroy(&policy);
    return 0;
}
