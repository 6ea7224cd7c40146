/* jwb policy explain: what somebody sees of a licence, and which line of the policy says so. */
#include "gateway/config/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/desk.h"

struct question {
    const char *file;
    struct bytes type, purpose;
    enum token_role role;
};

static void print_rule(const struct policy_rule *rule, const char *file)
{
    if (!rule->line) {
        printf("rule      none fits: the licence's type alone is shown\n");
        return;
    }
    printf("rule      %s:%u, for role %s, ", *file ? file : "the built-in policy", rule->line,
           token_role_text(rule->role));
    if (*rule->purpose)
        printf("purpose %s, ", rule->purpose);
    else
        printf("any purpose, ");
    for (unsigned i = 0; i < rule->type_count; i++)
        printf("%s%s", i ? " " : "types ", rule->types[i]);
    printf("%s\n", rule->type_count ? "" : "any type");
}

static void explain(const struct policy *policy, const struct question *q)
{
    const struct policy_rule *rule = policy_find(policy, q->type, q->role, q->purpose);
    const struct policy_purpose *purpose = policy_purpose(policy, q->purpose);
    print_rule(rule, q->file);
    if (purpose)
        printf("purpose   %s (%s); what was shown may be kept for %u days\n", purpose->title,
               purpose->title_en, purpose->keep_days);
    else if (q->purpose.len && (q->role == TOKEN_ROLE_PARTNER || q->role == TOKEN_ROLE_SYSTEM))
        printf("purpose   the policy does not list it, so nobody can ask for it\n");
    printf("in plain  %s sees what is graded up to %s\n\n%-14s  %-16s  shown\n",
           token_role_text(q->role), field_grade_text(policy->plain_up_to[q->role]), "field",
           "grade");
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        const char *mask = field_mask_text((enum field_mask)rule->masks[i]);
        printf(
            "%-14s  %-16s  %s%s\n", field_member((enum field)i),
            field_grade_text(policy->grades[i]),
            rule->masks[i] == MASK_HIDDEN || rule->masks[i] == MASK_PLAIN ? "" : "masked: ", mask);
    }
}

static bool load_and_explain(const struct question *q)
{
    char text[1024];
    struct buf why = BUF_OVER(text);
    struct policy *policy = policy_load(q->file, &why);
    if (policy)
        explain(policy, q);
    else
        command_failed_why(&why);
    bool done = policy;
    policy_destroy(&policy);
    return done;
}

int command_policy_explain(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *arguments[3] = {NULL, NULL, ""};
    struct question q = {.file = NULL};
    const struct command_option options[] = {
        {"config", &config, NULL}, {"file", &q.file, NULL}, {NULL, NULL, NULL}};
    struct desk desk = {0};
    if (!command_read(command, argc, argv, options, arguments, 2, 3))
        return EXIT_USAGE;
    if (!token_role_read(bytes_str(arguments[1]), &q.role))
        return command_misused(
            command, "'%s' is no role: anybody, holder, inspector, partner, issuer, system",
            arguments[1]);
    q.type = bytes_str(arguments[0]);
    q.purpose = bytes_str(arguments[2]);
    bool done = q.file || desk_open(&desk, config, DESK_CONFIG_ONLY);
    if (done && !q.file)
        q.file = desk.config->policy_file;
    done = done && load_and_explain(&q);
    desk_close(&desk);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
