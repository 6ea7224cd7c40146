#include "gateway/config/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support.h"

/* A rule that is good by itself. */
#define RULE "rules:\n  - role: anybody\n    fields: {type: plain}\n"
#define PURPOSES                                                                                   \
    "purposes:\n"                                                                                  \
    "  a: {title: 甲, title_en: A, keep_days: 1}\n"                                               \
    "  b: {title: 乙, title_en: B, keep_days: 36500}\n"

static uint8_t why_storage[1024];
static struct buf why;
static const char *folder;

static struct policy *read_bytes(struct bytes yaml)
{
    if (!folder)
        folder = temp_folder();
    write_file(path_in(folder, "policy.yaml"), yaml);
    why = BUF_OVER(why_storage);
    return policy_load(path_in(folder, "policy.yaml"), &why);
}

static struct policy *read_good(const char *yaml)
{
    struct policy *policy = read_bytes(bytes_str(yaml));
    if (!policy)
        fail_msg("%s", buf_cstr(&why));
    assert_int_equal(why.len, 0);
    return policy;
}

/* Refused, with exactly this sentence behind the file's path. */
static void assert_refused(const char *yaml, const char *sentence)
{
    const char *path = path_in(folder ? folder : (folder = temp_folder()), "policy.yaml");
    assert_null(read_bytes(bytes_str(yaml)));
    assert_memory_equal(buf_cstr(&why), path, strlen(path));
    assert_string_equal(buf_cstr(&why) + strlen(path), sentence);
}

static const struct policy_rule *find(const struct policy *policy, const char *type,
                                      enum token_role role, const char *purpose)
{
    return policy_find(policy, bytes_str(type), role, bytes_str(purpose));
}

/* Broken: the built-in policy would not be the one that docs and the installed example tell. */
static void built_in_is_the_example(void **state)
{
    (void)state;
    why = BUF_OVER(why_storage);
    struct policy *built_in = policy_load("", &why),
                  *example = policy_load("etc/policy.yaml", &why);
    assert_non_null(built_in);
    assert_non_null(example);
    assert_int_equal(why.len, 0);
    assert_memory_equal(built_in->grades, example->grades, sizeof built_in->grades);
    assert_memory_equal(built_in->plain_up_to, example->plain_up_to, sizeof built_in->plain_up_to);
    assert_memory_equal(built_in->purposes, example->purposes, sizeof built_in->purposes);
    assert_int_equal(built_in->rule_count, example->rule_count);
    for (size_t i = 0; i < built_in->rule_count; i++) {
        const struct policy_rule *a = &built_in->rules[i], *b = &example->rules[i];
        assert_int_equal(a->line, b->line);
        assert_int_equal(a->role, b->role);
        assert_string_equal(a->purpose, b->purpose);
        assert_memory_equal(a->masks, b->masks, sizeof a->masks);
        assert_int_equal(a->type_count, b->type_count);
        for (unsigned t = 0; t < a->type_count; t++)
            assert_string_equal(a->types[t], b->types[t]);
    }
    policy_destroy(&built_in);
    policy_destroy(&example);
    assert_null(example);
}

/* Broken: somebody would see more by the built-in policy than its owner was told. */
static void built_in_shows_what_it_says(void **state)
{
    (void)state;
    why = BUF_OVER(why_storage);
    struct policy *policy = policy_load("", &why);
    const char *driving = "11100000000000001M001", *other = "11100000000000002Q001";
    const struct {
        const char *type;
        enum token_role role;
        const char *purpose, *masks; /* h p n t y, in the fields' order */
    } rows[] = {
        {driving, TOKEN_ROLE_ANYBODY, "inspection", "phnhthhhhp"},
        {driving, TOKEN_ROLE_ANYBODY, "", "phnhthhhhp"},
        {other, TOKEN_ROLE_ISSUER, "inspection", "phnhthhhhp"},
        {other, TOKEN_ROLE_HOLDER, "overview", "ppnhthpppp"},
        {other, TOKEN_ROLE_HOLDER, "view", "pppppppppp"},
        {other, TOKEN_ROLE_HOLDER, "", "phhhhhhhhh"},
        {other, TOKEN_ROLE_INSPECTOR, "inspection", "pppppppppp"},
        {other, TOKEN_ROLE_INSPECTOR, "lookup", "pppppppppp"},
        {other, TOKEN_ROLE_INSPECTOR, "overview", "phhhhhhhhh"},
        {driving, TOKEN_ROLE_PARTNER, "car_rental", "ppphthphpp"},
        {other, TOKEN_ROLE_PARTNER, "car_rental", "phhhhhhhhh"},
        {other, TOKEN_ROLE_PARTNER, "hiring", "ppphthpyhp"},
        {other, TOKEN_ROLE_PARTNER, "bank_account", "ppptttpppp"},
        {other, TOKEN_ROLE_PARTNER, "", "phhhhhhhhh"},
        {other, TOKEN_ROLE_PARTNER, "service", "phhhhhhhhh"},
        {other, TOKEN_ROLE_SYSTEM, "service", "pppppppppp"},
        {other, TOKEN_ROLE_SYSTEM, "hiring", "phhhhhhhhh"},
        {other, TOKEN_ROLE_AUDITOR, "inspection", "phhhhhhhhh"},
        {other, TOKEN_ROLE_AUDITOR, "", "phhhhhhhhh"},
    };
    assert_non_null(policy);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char masks[FIELD_COUNT + 1] = {0};
        const struct policy_rule *rule = find(policy, rows[i].type, rows[i].role, rows[i].purpose);
        uint32_t fields = 0;
        for (unsigned f = 0; f < FIELD_COUNT; f++) {
            masks[f] = field_mask_text((enum field_mask)rule->masks[f])[0];
            fields |= rule->masks[f] == MASK_HIDDEN ? 0 : FIELD_BIT(f);
        }
        if (strcmp(masks, rows[i].masks) != 0)
            fail_msg("row %zu: %s", i, masks);
        assert_int_equal(rule->fields, fields);
    }
    policy_destroy(&policy);
}

/* Broken: a file that says nearly nothing would show more than nearly nothing. */
static void silence_shows_the_type_alone(void **state)
{
    (void)state;
    struct policy *policy = read_good("rules: []\n");
    for (unsigned role = 0; role < TOKEN_ROLE_COUNT; role++) {
        const struct policy_rule *rule = find(policy, "A1", (enum token_role)role, "view");
        assert_int_equal(rule->fields, FIELD_BIT(FIELD_TYPE));
        assert_int_equal(rule->masks[FIELD_TYPE], MASK_PLAIN);
        assert_int_equal(rule->line, 0);
        assert_int_equal(policy->plain_up_to[role], GRADE_PUBLIC);
    }
    assert_int_equal(policy->grades[FIELD_HOLDER_NUMBER], GRADE_HIGHLY_SENSITIVE);
    assert_null(policy_purpose(policy, BYTES("a")));
    policy_destroy(&policy);
    policy = read_good("rules:\n- {role: holder, fields: {}}\n");
    assert_int_equal(find(policy, "A1", TOKEN_ROLE_HOLDER, "view")->fields, 0); /* not even that */
    policy_destroy(&policy);
}

/* Broken: another rule than the first that fits would decide. */
static void first_that_fits_decides(void **state)
{
    (void)state;
    struct policy *policy = read_good(PURPOSES "rules:\n"
                                               "- role: partner\n"
                                               "  purpose: a\n"
                                               "  types: [T1, '2']\n"
                                               "  fields: {name: plain}\n"
                                               "- {role: partner, types: [T1], fields: {}}\n"
                                               "- {role: system, fields: {type: plain}}\n"
                                               "- role: partner\n"
                                               "  kind: licence\n"
                                               "  purpose: a\n"
                                               "  fields: {type: hidden, issuer: plain}\n"
                                               "- {role: partner, fields: {type: plain}}\n");
    assert_int_equal(find(policy, "T1", TOKEN_ROLE_PARTNER, "a")->line, 5);
    assert_int_equal(find(policy, "2", TOKEN_ROLE_PARTNER, "a")->line, 5);
    assert_int_equal(find(policy, "T1", TOKEN_ROLE_PARTNER, "b")->line, 9);
    assert_int_equal(find(policy, "T1", TOKEN_ROLE_PARTNER, "")->line, 9);
    assert_int_equal(find(policy, "T", TOKEN_ROLE_PARTNER, "a")->line, 11);
    assert_int_equal(find(policy, "T11", TOKEN_ROLE_PARTNER, "a")->line, 11);
    assert_int_equal(find(policy, "", TOKEN_ROLE_PARTNER, "a")->line, 11);
    assert_int_equal(find(policy, "", TOKEN_ROLE_PARTNER, "a")->fields, FIELD_BIT(FIELD_ISSUER));
    assert_int_equal(find(policy, "T2", TOKEN_ROLE_PARTNER, "b")->line, 15);
    assert_int_equal(find(policy, "T2", TOKEN_ROLE_PARTNER, "aa")->line, 15);
    assert_int_equal(find(policy, "T1", TOKEN_ROLE_SYSTEM, "b")->line, 10);
    assert_int_equal(find(policy, "T1", TOKEN_ROLE_ISSUER, "b")->line, 0);
    policy_destroy(&policy);
}

/* Broken: a partner would be told another purpose, or keep longer what it got. */
static void purposes_are_read(void **state)
{
    (void)state;
    struct policy *policy = read_good(RULE PURPOSES "  a-1.x_: {title: '1', title_en: \"~\", "
                                                    "keep_days: 0}\n");
    assert_int_equal(policy->purpose_count, 3);
    const struct policy_purpose *a = policy_purpose(policy, BYTES("a"));
    assert_string_equal(a->title, "甲");
    assert_string_equal(a->title_en, "A");
    assert_int_equal(a->keep_days, 1);
    assert_int_equal(policy_purpose(policy, BYTES("b"))->keep_days, 36500);
    assert_ptr_equal(policy_purpose(policy, BYTES("a-1.x_")), &policy->purposes[2]);
    assert_int_equal(policy->purposes[2].keep_days, 0);
    assert_null(policy_purpose(policy, BYTES("")));
    assert_null(policy_purpose(policy, BYTES("a-1.x")));
    policy_destroy(&policy);
}

/* Broken: a misspelt word would be passed over, and its owner believe that it holds. */
static void unknown_names_are_refused(void **state)
{
    (void)state;
    assert_refused(RULE "grade: {}\n",
                   ":4: 'grade' is no section; there are grades, plain_up_to, purposes, rules");
    assert_refused("grades: {holder_nam: public}\n" RULE,
                   ":1: 'holder_nam' is no field; there are type, name, holder_name, "
                   "holder_number, number, identifier, issuer, issued_on, valid_from, valid_until");
    assert_refused("grades:\n  name: secret\n" RULE,
                   ":2: 'secret' is no grade; there are public, internal, sensitive, "
                   "highly_sensitive");
    assert_refused("plain_up_to: {king: public}\n" RULE,
                   ":1: 'king' is no role; there are anybody, holder, inspector, partner, issuer, "
                   "system, auditor, operator");
    assert_refused("rules:\n- {role: king, fields: {}}\n",
                   ":2: 'king' is no role; there are anybody, holder, inspector, partner, issuer, "
                   "system, auditor, operator");
    assert_refused("rules:\n- role: anybody\n  fields:\n    type: open\n",
                   ":4: 'open' is no mask; there are hidden, plain, name, tail, year");
    assert_refused("rules:\n- role: anybody\n  fields:\n    face: plain\n",
                   ":4: 'face' is no field; there are type, name, holder_name, holder_number, "
                   "number, identifier, issuer, issued_on, valid_from, valid_until");
    assert_refused("rules:\n- {role: anybody, kind: material, fields: {}}\n",
                   ":2: 'material' is no kind; there is licence");
    assert_refused("rules:\n- {role: anybody, field: {}}\n",
                   ":2: 'field' is no member of a rule; there are role, purpose, kind, types, "
                   "fields");
    assert_refused("purposes: {a: {titel: x}}\n" RULE,
                   ":1: 'titel' is no member of a purpose; there are title, title_en, keep_days");
    assert_refused("rules:\n- {role: \"a\\nb\", fields: {}}\n",
                   ":2: a role was expected: anybody, holder, inspector, partner, issuer, system, "
                   "auditor, operator");
    assert_refused("rules:\n- {role: [holder], fields: {}}\n",
                   ":2: a role was expected: anybody, holder, inspector, partner, issuer, system, "
                   "auditor, operator");
}

/* Broken: of two values for one name the wrong one could be in force. */
static void duplicates_are_refused(void **state)
{
    (void)state;
    assert_refused(RULE "rules: []\n", ":4: rules is given twice");
    assert_refused("grades: {name: public,\n name: public}\n" RULE, ":2: name is given twice");
    assert_refused("rules:\n- role: holder\n  role: anybody\n", ":3: role is given twice");
    assert_refused(PURPOSES "  a: {title: x, title_en: x, keep_days: 1}\n" RULE,
                   ":4: purpose a is given twice");
}

/* Broken: a field could be shown in a way that hides nothing, or that it does not have. */
static void masks_fit_their_fields(void **state)
{
    (void)state;
    static const struct {
        const char *field, *mask;
    } good[] = {{"holder_name", "name"}, {"holder_number", "tail"}, {"number", "tail"},
                {"identifier", "tail"},  {"issued_on", "year"},     {"valid_from", "year"},
                {"valid_until", "year"}};
    char yaml[256], sentence[128];
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        for (unsigned m = MASK_NAME; m < MASK_COUNT; m++) {
            const char *field = field_member((enum field)f),
                       *mask = field_mask_text((enum field_mask)m);
            bool fits = false;
            for (size_t i = 0; i < sizeof good / sizeof *good; i++)
                fits |= strcmp(good[i].field, field) == 0 && strcmp(good[i].mask, mask) == 0;
            snprintf(yaml, sizeof yaml, "rules:\n- {role: anybody, fields: {%s: %s}}\n", field,
                     mask);
            if (fits) {
                struct policy *policy = read_good(yaml);
                assert_int_equal(policy->rules[0].masks[f], m);
                policy_destroy(&policy);
                continue;
            }
            snprintf(sentence, sizeof sentence, ":2: %s can't be masked as %s", field, mask);
            assert_refused(yaml, sentence);
        }
}

/* Broken: a role could see in plain what is graded above what it may. */
static void grades_bind_rules(void **state)
{
    (void)state;
    char yaml[512], sentence[160];
    for (unsigned grade = 0; grade < GRADE_COUNT; grade++)
        for (unsigned limit = 0; limit < GRADE_COUNT; limit++) {
            const char *high = field_grade_text((enum field_grade)grade),
                       *low = field_grade_text((enum field_grade)limit);
            snprintf(yaml, sizeof yaml,
                     "rules:\n"
                     "- {role: anybody, fields: {number: tail, name: hidden}}\n"
                     "- role: issuer\n"
                     "  fields:\n"
                     "    number: plain\n"
                     "grades: {number: %s, name: highly_sensitive}\n"
                     "plain_up_to: {issuer: %s}\n",
                     high, low);
            if (grade <= limit) {
                struct policy *policy = read_good(yaml);
                assert_int_equal(policy->plain_up_to[TOKEN_ROLE_ISSUER], limit);
                policy_destroy(&policy);
                continue;
            }
            snprintf(sentence, sizeof sentence,
                     ":5: number is %s, and issuer sees in plain only up to %s", high, low);
            assert_refused(yaml, sentence);
        }
    assert_refused("rules:\n- {role: holder, fields: {holder_name: plain}}\n",
                   ":2: holder_name is sensitive, and holder sees in plain only up to public");
    assert_refused("grades: {type: internal}\n" RULE,
                   ":1: type is public: it is what is shown where no rule fits");
}

/* Broken: a rule that its owner wrote would never hold, and he would not know. */
static void rules_behind_others_are_refused(void **state)
{
    (void)state;
    static const char *const covered[][2] = {
        {"role: holder", "role: holder"},
        {"role: holder", "role: holder, purpose: view"},
        {"role: holder", "role: holder, types: [A]"},
        {"role: holder", "role: holder, purpose: view, types: [A, B]"},
        {"role: holder, purpose: view", "role: holder, purpose: view, types: [A]"},
        {"role: holder, types: [A, B, C]", "role: holder, types: [C, A]"},
        {"role: holder, types: [A]", "role: holder, purpose: view, types: [A]"},
    };
    static const char *const open[][2] = {
        {"role: holder", "role: anybody"},
        {"role: holder, purpose: view", "role: holder"},
        {"role: holder, purpose: view", "role: holder, purpose: overview"},
        {"role: holder, types: [A]", "role: holder"},
        {"role: holder, types: [A]", "role: holder, types: [A, B]"},
        {"role: holder, purpose: view, types: [A, B]", "role: holder, types: [A]"},
    };
    char yaml[256];
    for (size_t i = 0; i < sizeof covered / sizeof *covered; i++) {
        snprintf(yaml, sizeof yaml,
                 "rules:\n- {%s, fields: {}}\n- {role: issuer, fields: {}}\n- {%s, fields: {}}\n",
                 covered[i][0], covered[i][1]);
        assert_refused(yaml, ":4: this rule never decides: that of line 2 fits all it fits");
    }
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        snprintf(yaml, sizeof yaml, "rules:\n- {%s, fields: {}}\n- {%s, fields: {}}\n", open[i][0],
                 open[i][1]);
        struct policy *policy = read_good(yaml);
        policy_destroy(&policy);
    }
}

/* Broken: a rule's purpose would be one that nobody can have. */
static void purposes_of_rules_are_known(void **state)
{
    (void)state;
    assert_refused(PURPOSES "rules:\n- {role: partner, purpose: c, fields: {}}\n",
                   ":5: a rule of role partner is for one of the purposes listed");
    assert_refused(PURPOSES "rules:\n- {role: system, purpose: view, fields: {}}\n",
                   ":5: a rule of role system is for one of the purposes listed");
    assert_refused(PURPOSES "rules:\n- {role: holder, purpose: a, fields: {}}\n",
                   ":5: the purposes of role holder are overview, view");
    assert_refused("rules:\n- {role: inspector, purpose: view, fields: {}}\n",
                   ":2: the purposes of role inspector are inspection, lookup");
    assert_refused("rules:\n- {role: anybody, purpose: '', fields: {}}\n",
                   ":2: the purposes of role anybody are inspection");
    assert_refused("purposes: {view: {title: x, title_en: x, keep_days: 1}}\n" RULE,
                   ":1: view is a purpose of the gateway's own");
    assert_refused("purposes: {lookup: {title: x, title_en: x, keep_days: 1}}\n" RULE,
                   ":1: lookup is a purpose of the gateway's own");
}

/* Broken: a value of the wrong kind would be taken for some other value. */
static void wrong_shapes_are_refused(void **state)
{
    (void)state;
#define PURPOSE(members) "purposes: {a: {" members "}}\n" RULE
    assert_refused("", ":1: the file has no rules");
    assert_refused("# nothing\n", ":1: the file has no rules");
    assert_refused("grades: {}\n", ":1: the file has no rules");
    assert_refused("rules\n", ":1: a mapping was expected: grades: ...");
    assert_refused("rules: {}\n", ":1: rules is a list");
    assert_refused("rules:\n", ":1: rules is a list");
    assert_refused("rules:\n- holder\n", ":2: a mapping was expected: role: ...");
    assert_refused("rules:\n- {role: holder}\n", ":2: a rule needs role and fields");
    assert_refused("rules:\n- {fields: {}}\n", ":2: a rule needs role and fields");
    assert_refused("rules:\n- role: holder\n  fields: all\n",
                   ":3: a mapping was expected: type: ...");
    assert_refused("rules:\n- {role: holder, fields: {}, types: []}\n",
                   ":2: types is a list of licence types' codes; without it: any");
    assert_refused("rules:\n- {role: holder, fields: {}, types: A}\n",
                   ":2: types is a list of licence types' codes; without it: any");
    assert_refused("rules:\n- {role: holder, fields: {}, types: ['A,B']}\n",
                   ":2: a licence type's code has 1 to 63 of 0-9 and A-Z");
    assert_refused("rules:\n- {role: holder, fields: {}, types: [[A]]}\n",
                   ":2: a licence type's code has 1 to 63 of 0-9 and A-Z");
    assert_refused("purposes: []\n" RULE, ":1: purposes is a mapping of names");
    assert_refused("purposes: {A: {}}\n" RULE,
                   ":1: a purpose's name has 1 to 32 of a-z, 0-9, '-', '_' and '.'");
    assert_refused("purposes: {\"a\\0b\": {}}\n" RULE,
                   ":1: a purpose's name has 1 to 32 of a-z, 0-9, '-', '_' and '.'");
    assert_refused("purposes: {abcdefghijklmnopqrstuvwxyz0123456: {}}\n" RULE,
                   ":1: a purpose's name has 1 to 32 of a-z, 0-9, '-', '_' and '.'");
    assert_refused(PURPOSE("title: x, keep_days: 1"), ":1: purpose a has no title_en");
    assert_refused(PURPOSE("title: '', title_en: x, keep_days: 1"),
                   ":1: title is a text of 1 to 96 bytes");
    assert_refused(PURPOSE("title: x, title_en: \"a\\tb\", keep_days: 1"),
                   ":1: title_en is a text of 1 to 96 bytes");
    static const char *const no_days[] = {"''", "-1", "01", "1.0", "36501", "ten", "100000", "[1]"};
    for (size_t i = 0; i < sizeof no_days / sizeof *no_days; i++) {
        char yaml[128];
        snprintf(yaml, sizeof yaml, "purposes: {a: {title: x, title_en: x, keep_days: %s}}\n" RULE,
                 no_days[i]);
        assert_refused(yaml, ":1: keep_days is a number from 0 to 36500");
    }
#undef PURPOSE
}

/* Broken: a file could mean something else than what it looks like. */
static void what_yaml_has_beyond_is_refused(void **state)
{
    (void)state;
    assert_refused("grades: &a {}\n" RULE, ":1: anchors and aliases (& and *) are not allowed");
    assert_refused(RULE "grades:\n  name: *a\n",
                   ":5: anchors and aliases (& and *) are not allowed");
    assert_refused("grades: !!map {}\n" RULE, ":1: tags (!) are not allowed");
    assert_refused(RULE "---\nrules: []\n", ":5: a second document is not allowed");
    assert_null(read_bytes(BYTES("rules: [\n")));
    assert_non_null(strstr(buf_cstr(&why), "policy.yaml:2: not YAML: "));
    assert_null(read_bytes(BYTES("rules: []\n\xff\n")));
    assert_non_null(strstr(buf_cstr(&why), "policy.yaml:2: not YAML: "));
}

/* Appends a line `count` times; %u is which one it is. */
static void put_lines(struct buf *out, const char *head, const char *end, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        buf_printf(out, "%s%u%s", head, i, end);
}

/* Broken: a large file would write past what there is room for. */
static void limits_hold(void **state)
{
    (void)state;
    struct buf yaml;
    buf_init(&yaml, malloc(POLICY_FILE_BYTES_MAX + 2), POLICY_FILE_BYTES_MAX + 2);
    for (unsigned more = 0; more < 2; more++) {
        yaml.len = 0;
        buf_put_str(&yaml, "rules:\n");
        put_lines(&yaml, "- {role: holder, types: [T", "], fields: {}}\n", POLICY_RULES_MAX + more);
        if (more)
            assert_refused(buf_cstr(&yaml), ":258: more than 256 rules");
        struct policy *policy = more ? NULL : read_good(buf_cstr(&yaml));
        policy_destroy(&policy);
        yaml.len = 0;
        buf_put_str(&yaml, "rules:\n- role: holder\n  fields: {}\n  types:\n");
        put_lines(&yaml, "  - T", "\n", POLICY_RULE_TYPES_MAX + more);
        if (more)
            assert_refused(buf_cstr(&yaml), ":69: more than 64 types in a rule");
        policy = more ? NULL : read_good(buf_cstr(&yaml));
        policy_destroy(&policy);
        yaml.len = 0;
        buf_put_str(&yaml, RULE "purposes:\n");
        put_lines(&yaml, "  p", ": {title: x, title_en: x, keep_days: 1}\n",
                  POLICY_PURPOSES_MAX + more);
        if (more)
            assert_refused(buf_cstr(&yaml), ":69: more than 64 purposes");
        policy = more ? NULL : read_good(buf_cstr(&yaml));
        policy_destroy(&policy);
        yaml.len = 0;
        buf_put_str(&yaml, RULE "#");
        memset(buf_grow(&yaml, POLICY_FILE_BYTES_MAX - yaml.len + more), 'x',
               POLICY_FILE_BYTES_MAX - strlen(RULE "#") + more);
        policy = read_bytes(buf_bytes(&yaml));
        assert_int_equal(policy != NULL, !more);
        assert_int_equal(strstr(buf_cstr(&why), ": longer than 262144 bytes") != NULL, more);
        policy_destroy(&policy);
    }
    free(yaml.data);
    why = BUF_OVER(why_storage);
    assert_null(policy_load("/nonexistent/policy.yaml", &why));
    assert_string_equal(buf_cstr(&why), "/nonexistent/policy.yaml: No such file or directory");
}

/* Broken: a consent or a record of evidence, which has fields by number, would mean others. */
static void fields_keep_their_numbers(void **state)
{
    (void)state;
    static const char *const members[] = {
        "type",       "name",   "holder_name", "holder_number", "number",
        "identifier", "issuer", "issued_on",   "valid_from",    "valid_until"};
    enum field field;
    assert_true(FIELD_COUNT >= 10);
    for (unsigned i = 0; i < 10; i++) {
        assert_string_equal(field_member((enum field)i), members[i]);
        assert_true(field_read(bytes_str(members[i]), &field));
        assert_int_equal(field, i);
    }
    assert_false(field_read(BYTES(""), &field));
    assert_false(field_read(BYTES("typ"), &field));
    assert_false(field_read(BYTES("types"), &field));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_in_is_the_example),
        cmocka_unit_test(built_in_shows_what_it_says),
        cmocka_unit_test(silence_shows_the_type_alone),
        cmocka_unit_test(first_that_fits_decides),
        cmocka_unit_test(purposes_are_read),
        cmocka_unit_test(unknown_names_are_refused),
        cmocka_unit_test(duplicates_are_refused),
        cmocka_unit_test(masks_fit_their_fields),
        cmocka_unit_test(grades_bind_rules),
        cmocka_unit_test(rules_behind_others_are_refused),
        cmocka_unit_test(purposes_of_rules_are_known),
        cmocka_unit_test(wrong_shapes_are_refused),
        cmocka_unit_test(what_yaml_has_beyond_is_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(fields_keep_their_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
