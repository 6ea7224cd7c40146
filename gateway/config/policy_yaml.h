/* Between the files of the policy; private to this folder. */
#ifndef GATEWAY_CONFIG_POLICY_YAML_H
#define GATEWAY_CONFIG_POLICY_YAML_H

#include "gateway/config/policy.h"

/* Reads YAML over a fresh policy. `name` stands for the file in `why`. False: `policy` holds what
 * was read until then, for policy_destroy. */
bool policy_yaml_read(struct policy *policy, const char *name, struct bytes yaml, struct buf *why);

/* Is it a rule for this type? */
bool policy_rule_has_type(const struct policy_rule *rule, struct bytes type);

/* The text of the built-in policy: etc/policy.yaml as it was when this program was built. */
struct bytes policy_default(void);

#endif
