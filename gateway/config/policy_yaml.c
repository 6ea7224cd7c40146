/* The policy's YAML (1.1): plain mappings, sequences and scalars. Anchors, aliases and tags are
 * refused: a file means what it looks like. Complaints are "file:line: sentence"; what complains
 * returns false.
 *
 * One file, though long: its parts share libyaml's types, which stand in no header of ours. */
#include "gateway/config/policy_yaml.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/check.h"
#include "base/utf8.h"

#define WORDS_MAX        16
#define QUOTED_BYTES_MAX 64    /* a longer text is not repeated in a complaint */
#define KEEP_DAYS_MAX    36500 /* a hundred years */
#define TYPE_BYTES_MAX   63    /* of a licence type's code, as the registry has them */

struct words {
    const char *what;
    unsigned count;
    const char *list[WORDS_MAX];
};
static const struct words sections = {"section", 4, {"grades", "plain_up_to", "purposes", "rules"}};
enum section { SECTION_GRADES, SECTION_PLAIN_UP_TO, SECTION_PURPOSES, SECTION_RULES };
static const struct words purpose_members = {
    "member of a purpose", 3, {"title", "title_en", "keep_days"}};
enum purpose_member { PURPOSE_TITLE, PURPOSE_TITLE_EN, PURPOSE_KEEP_DAYS };
static const struct words rule_members = {
    "member of a rule", 5, {"role", "purpose", "kind", "types", "fields"}};
enum rule_member { RULE_ROLE, RULE_PURPOSE, RULE_KIND, RULE_TYPES, RULE_FIELDS };
static const struct words kinds = {"kind", 1, {"licence"}};

struct reader {
    yaml_document_t document;
    struct words roles, fields, grades, masks;
    const char *name;
    struct bytes yaml;
    struct buf *why;
    struct policy *policy;
};

static void words_init(struct reader *r)
{
    r->roles.what = "role";
    for (unsigned i = 0; i < TOKEN_ROLE_COUNT; i++)
        r->roles.list[r->roles.count++] = token_role_text((enum token_role)i);
    r->fields.what = "field";
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        r->fields.list[r->fields.count++] = field_member((enum field)i);
    r->grades.what = "grade";
    for (unsigned i = 0; i < GRADE_COUNT; i++)
        r->grades.list[r->grades.count++] = field_grade_text((enum field_grade)i);
    r->masks.what = "mask";
    for (unsigned i = 0; i < MASK_COUNT; i++)
        r->masks.list[r->masks.count++] = field_mask_text((enum field_mask)i);
}
_Static_assert(FIELD_COUNT <= WORDS_MAX && TOKEN_ROLE_COUNT <= WORDS_MAX, "words have room");

/* ---- complaints ----------------------------------------------------------------------------- */

static bool complain_at(struct reader *r, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool complain_at(struct reader *r, size_t line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    buf_printf(r->why, "%s:%zu: ", r->name, line);
    buf_vprintf(r->why, format, arguments);
    va_end(arguments);
    return false;
}

static unsigned line_of(const yaml_node_t *node)
{
    return (unsigned)node->start_mark.line + 1;
}

#define complain(r, node, ...) complain_at(r, line_of(node), __VA_ARGS__)

/* libyaml tells the place of what is no UTF-8 by octets, of the rest by lines. */
static bool complain_syntax(struct reader *r, const yaml_parser_t *p)
{
    size_t line = p->problem_mark.line + 1;
    if (p->error == YAML_READER_ERROR) {
        line = 1;
        for (size_t i = 0; i < p->problem_offset && i < r->yaml.len; i++)
            line += r->yaml.data[i] == '\n';
    }
    return complain_at(r, line, "not YAML: %s", p->problem ? p->problem : "out of memory");
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static const yaml_node_t *node_at(struct reader *r, int index)
{
    const yaml_node_t *node = yaml_document_get_node(&r->document, index);
    CHECK(node);
    return node;
}

/* Empty for what is no scalar. */
static struct bytes scalar_of(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE
               ? bytes_of(node->data.scalar.value, node->data.scalar.length)
               : bytes_of("", 0);
}

static bool read_word(struct reader *r, const yaml_node_t *node, const struct words *words,
                      unsigned *value)
{
    struct bytes text = scalar_of(node);
    for (*value = 0; *value < words->count; ++*value)
        if (bytes_equal(text, bytes_str(words->list[*value])))
            return true;
    if (text.len && text.len <= QUOTED_BYTES_MAX && utf8_printable(text))
        complain(r, node, "'%.*s' is no %s; there %s", (int)text.len, text.data, words->what,
                 words->count > 1 ? "are" : "is");
    else
        complain(r, node, "a %s was expected:", words->what);
    for (unsigned i = 0; i < words->count; i++)
        buf_printf(r->why, "%s %s", i ? "," : "", words->list[i]);
    return false;
}

/* The values of a mapping's keys, each of which is one of `names`; what is not given stays NULL. */
static bool read_members(struct reader *r, const yaml_node_t *map, const struct words *names,
                         const yaml_node_t **values)
{
    if (map->type != YAML_MAPPING_NODE)
        return complain(r, map, "a mapping was expected: %s: ...", names->list[0]);
    const yaml_node_pair_t *end = map->data.mapping.pairs.top;
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < end; pair++) {
        const yaml_node_t *key = node_at(r, pair->key);
        unsigned i;
        if (!read_word(r, key, names, &i))
            return false;
        if (values[i])
            return complain(r, key, "%s is given twice", names->list[i]);
        values[i] = node_at(r, pair->value);
    }
    return true;
}

/* A text for an array of bytes_max + 1. */
static bool read_text(struct reader *r, const yaml_node_t *node, const char *what, char *out,
                      size_t bytes_max)
{
    struct bytes text = scalar_of(node);
    if (!text.len || text.len > bytes_max || !utf8_printable(text))
        return complain(r, node, "%s is a text of 1 to %zu bytes", what, bytes_max);
    memcpy(out, text.data, text.len);
    return true;
}

/* ---- grades --------------------------------------------------------------------------------- */

/* A mapping of `names` to grades. */
static bool read_grades(struct reader *r, const yaml_node_t *map, const struct words *names,
                        uint8_t *grades)
{
    const yaml_node_t *values[WORDS_MAX] = {NULL};
    unsigned grade;
    if (!read_members(r, map, names, values))
        return false;
    for (unsigned i = 0; i < names->count; i++) {
        if (!values[i])
            continue;
        if (!read_word(r, values[i], &r->grades, &grade))
            return false;
        grades[i] = (uint8_t)grade;
    }
    return true;
}

static bool read_field_grades(struct reader *r, const yaml_node_t *map)
{
    return read_grades(r, map, &r->fields, r->policy->grades) &&
           (r->policy->grades[FIELD_TYPE] == GRADE_PUBLIC ||
            complain(r, map, "type is public: it is what is shown where no rule fits"));
}

/* ---- purposes ------------------------------------------------------------------------------- */

/* The purposes of a role that has no others. */
static const char *const *own_purposes(enum token_role role)
{
    static const char *const holder[] = {PURPOSE_OVERVIEW, PURPOSE_VIEW, NULL};
    static const char *const inspector[] = {PURPOSE_INSPECTION, PURPOSE_LOOKUP, NULL};
    static const char *const others[] = {PURPOSE_INSPECTION, NULL};
    return role == TOKEN_ROLE_PARTNER || role == TOKEN_ROLE_SYSTEM ? NULL
           : role == TOKEN_ROLE_HOLDER                             ? holder
           : role == TOKEN_ROLE_INSPECTOR                          ? inspector
                                                                   : others;
}

static bool is_own_purpose(const char *const *purposes, struct bytes name)
{
    while (*purposes && !bytes_equal(name, bytes_str(*purposes)))
        purposes++;
    return *purposes;
}

static bool is_purpose_name(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", text.data[i]) || !text.data[i])
            return false;
    return text.len && text.len <= POLICY_NAME_BYTES_MAX;
}

static bool read_days(struct reader *r, const yaml_node_t *node, unsigned *days)
{
    struct bytes text = scalar_of(node);
    unsigned value = 0;
    bool good = text.len && text.len <= 5 && (text.len == 1 || text.data[0] != '0');
    for (size_t i = 0; i < text.len && good; i++) {
        good = text.data[i] >= '0' && text.data[i] <= '9';
        value = value * 10 + (unsigned)(text.data[i] - '0');
    }
    if (!good || value > KEEP_DAYS_MAX)
        return complain(r, node, "keep_days is a number from 0 to %d", KEEP_DAYS_MAX);
    *days = value;
    return true;
}

static bool read_purpose(struct reader *r, const yaml_node_t *key, const yaml_node_t *map)
{
    struct policy *p = r->policy;
    const yaml_node_t *values[3] = {NULL};
    struct bytes name = scalar_of(key);
    if (!is_purpose_name(name))
        return complain(r, key, "a purpose's name has 1 to %d of a-z, 0-9, '-', '_' and '.'",
                        POLICY_NAME_BYTES_MAX);
    if (is_own_purpose(own_purposes(TOKEN_ROLE_HOLDER), name) ||
        is_own_purpose(own_purposes(TOKEN_ROLE_INSPECTOR), name))
        return complain(r, key, "%s is a purpose of the gateway's own", name.data);
    if (policy_purpose(p, name))
        return complain(r, key, "purpose %s is given twice", name.data);
    if (p->purpose_count == POLICY_PURPOSES_MAX)
        return complain(r, key, "more than %d purposes", POLICY_PURPOSES_MAX);
    if (!read_members(r, map, &purpose_members, values))
        return false;
    for (unsigned i = 0; i < purpose_members.count; i++)
        if (!values[i])
            return complain(r, key, "purpose %s has no %s", name.data, purpose_members.list[i]);
    struct policy_purpose *purpose = &p->purposes[p->purpose_count++];
    memcpy(purpose->name, name.data, name.len);
    return read_text(r, values[PURPOSE_TITLE], "title", purpose->title, POLICY_TITLE_BYTES_MAX) &&
           read_text(r, values[PURPOSE_TITLE_EN], "title_en", purpose->title_en,
                     POLICY_TITLE_BYTES_MAX) &&
           read_days(r, values[PURPOSE_KEEP_DAYS], &purpose->keep_days);
}

static bool read_purposes(struct reader *r, const yaml_node_t *map)
{
    if (map->type != YAML_MAPPING_NODE)
        return complain(r, map, "purposes is a mapping of names");
    const yaml_node_pair_t *end = map->data.mapping.pairs.top;
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < end; pair++)
        if (!read_purpose(r, node_at(r, pair->key), node_at(r, pair->value)))
            return false;
    return true;
}

/* ---- rules ---------------------------------------------------------------------------------- */

static bool read_rule_purpose(struct reader *r, const yaml_node_t *node, struct policy_rule *rule)
{
    struct bytes name = scalar_of(node);
    const char *const *own = own_purposes(rule->role), *role = token_role_text(rule->role);
    if (!own && !policy_purpose(r->policy, name))
        return complain(r, node, "a rule of role %s is for one of the purposes listed", role);
    if (own && !is_own_purpose(own, name)) {
        complain(r, node, "the purposes of role %s are", role);
        for (unsigned i = 0; own[i]; i++)
            buf_printf(r->why, "%s %s", i ? "," : "", own[i]);
        return false;
    }
    memcpy(rule->purpose, name.data, name.len);
    return true;
}

static bool is_type_code(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!(text.data[i] >= '0' && text.data[i] <= '9') &&
            !(text.data[i] >= 'A' && text.data[i] <= 'Z'))
            return false;
    return text.len && text.len <= TYPE_BYTES_MAX;
}

static bool read_types(struct reader *r, const yaml_node_t *list, struct policy_rule *rule)
{
    const yaml_node_item_t *item = list->data.sequence.items.start;
    if (list->type != YAML_SEQUENCE_NODE || item == list->data.sequence.items.top)
        return complain(r, list, "types is a list of licence types' codes; without it: any");
    rule->types = check_alloc(POLICY_RULE_TYPES_MAX * sizeof *rule->types);
    for (; item < list->data.sequence.items.top; item++) {
        const yaml_node_t *node = node_at(r, *item);
        if (!is_type_code(scalar_of(node)))
            return complain(r, node, "a licence type's code has 1 to %d of 0-9 and A-Z",
                            TYPE_BYTES_MAX);
        if (rule->type_count == POLICY_RULE_TYPES_MAX)
            return complain(r, node, "more than %d types in a rule", POLICY_RULE_TYPES_MAX);
        rule->types[rule->type_count++] = check_strdup((const char *)scalar_of(node).data);
    }
    return true;
}

/* What is wrong with a role's seeing a field so; says why. */
static bool check_mask(struct reader *r, const yaml_node_t *node, enum token_role role,
                       enum field field, enum field_mask mask)
{
    static const uint8_t masks[] = {
    /* that a field may have beside plain */
#define MASK_NONE                        MASK_PLAIN
#define FIELD(name, member, mask, grade) [FIELD_##name] = MASK_##mask,
#include "gateway/config/field.def"
#undef FIELD
#undef MASK_NONE
    };
    unsigned grade = r->policy->grades[field], limit = r->policy->plain_up_to[role];
    if (mask != MASK_HIDDEN && mask != MASK_PLAIN && mask != masks[field])
        return complain(r, node, "%s can't be masked as %s", field_member(field),
                        field_mask_text(mask));
    if (mask == MASK_PLAIN && grade > limit)
        return complain(r, node, "%s is %s, and %s sees in plain only up to %s",
                        field_member(field), field_grade_text(grade), token_role_text(role),
                        field_grade_text(limit));
    return true;
}

static bool read_fields(struct reader *r, const yaml_node_t *map, struct policy_rule *rule)
{
    const yaml_node_t *values[WORDS_MAX] = {NULL};
    unsigned mask;
    if (!read_members(r, map, &r->fields, values))
        return false;
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (!values[i])
            continue;
        if (!read_word(r, values[i], &r->masks, &mask) ||
            !check_mask(r, values[i], rule->role, (enum field)i, mask))
            return false;
        rule->masks[i] = (uint8_t)mask;
        rule->fields |= mask == MASK_HIDDEN ? 0 : FIELD_BIT(i);
    }
    return true;
}

/* Does the first rule fit wherever the second does? */
static bool covers(const struct policy_rule *first, const struct policy_rule *second)
{
    if (first->role != second->role ||
        (*first->purpose && strcmp(first->purpose, second->purpose) != 0) ||
        (first->type_count && !second->type_count))
        return false;
    for (unsigned i = 0; i < second->type_count; i++)
        if (!policy_rule_has_type(first, bytes_str(second->types[i])))
            return false;
    return true;
}

static bool read_rule(struct reader *r, const yaml_node_t *map, struct policy_rule *rule)
{
    const yaml_node_t *values[5] = {NULL};
    unsigned role, kind;
    rule->line = line_of(map);
    if (!read_members(r, map, &rule_members, values))
        return false;
    if (!values[RULE_ROLE] || !values[RULE_FIELDS])
        return complain(r, map, "a rule needs role and fields");
    if (!read_word(r, values[RULE_ROLE], &r->roles, &role))
        return false;
    rule->role = role;
    if ((values[RULE_PURPOSE] && !read_rule_purpose(r, values[RULE_PURPOSE], rule)) ||
        (values[RULE_KIND] && !read_word(r, values[RULE_KIND], &kinds, &kind)) ||
        (values[RULE_TYPES] && !read_types(r, values[RULE_TYPES], rule)) ||
        !read_fields(r, values[RULE_FIELDS], rule))
        return false;
    for (const struct policy_rule *before = r->policy->rules; before < rule; before++)
        if (covers(before, rule))
            return complain(r, map, "this rule never decides: that of line %u fits all it fits",
                            before->line);
    return true;
}

static bool read_rules(struct reader *r, const yaml_node_t *list)
{
    struct policy *p = r->policy;
    if (list->type != YAML_SEQUENCE_NODE)
        return complain(r, list, "rules is a list");
    const yaml_node_item_t *end = list->data.sequence.items.top;
    for (const yaml_node_item_t *item = list->data.sequence.items.start; item < end; item++) {
        const yaml_node_t *map = node_at(r, *item);
        if (p->rule_count == POLICY_RULES_MAX)
            return complain(r, map, "more than %d rules", POLICY_RULES_MAX);
        if (!read_rule(r, map, &p->rules[p->rule_count++]))
            return false;
    }
    return true;
}

/* ---- the file ------------------------------------------------------------------------------- */

static bool read_root(struct reader *r)
{
    const yaml_node_t *root = yaml_document_get_root_node(&r->document), *values[4] = {NULL};
    if (!root)
        return complain_at(r, 1, "the file has no rules");
    if (!read_members(r, root, &sections, values))
        return false;
    if (!values[SECTION_RULES])
        return complain(r, root, "the file has no rules");
    /* what rules are checked against comes first, wherever it stands */
    return (!values[SECTION_GRADES] || read_field_grades(r, values[SECTION_GRADES])) &&
           (!values[SECTION_PLAIN_UP_TO] ||
            read_grades(r, values[SECTION_PLAIN_UP_TO], &r->roles, r->policy->plain_up_to)) &&
           (!values[SECTION_PURPOSES] || read_purposes(r, values[SECTION_PURPOSES])) &&
           read_rules(r, values[SECTION_RULES]);
}

static void parser_init(struct reader *r, yaml_parser_t *parser)
{
    CHECK(yaml_parser_initialize(parser) == 1);
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING); /* or it would guess UTF-16 */
    yaml_parser_set_input_string(parser, r->yaml.data, r->yaml.len);
}

/* A look at the words alone: the document that libyaml makes of them no longer has these. */
static bool check_plain(struct reader *r)
{
    yaml_parser_t parser;
    bool good = true, end = false;
    parser_init(r, &parser);
    while (good && !end) {
        yaml_token_t token;
        if (!yaml_parser_scan(&parser, &token)) {
            good = complain_syntax(r, &parser);
            break;
        }
        if (token.type == YAML_ANCHOR_TOKEN || token.type == YAML_ALIAS_TOKEN)
            good = complain_at(r, token.start_mark.line + 1,
                               "anchors and aliases (& and *) are not allowed");
        else if (token.type == YAML_TAG_TOKEN)
            good = complain_at(r, token.start_mark.line + 1, "tags (!) are not allowed");
        end = token.type == YAML_STREAM_END_TOKEN;
        yaml_token_delete(&token);
    }
    yaml_parser_delete(&parser);
    return good;
}

/* The document is the only one of the file. */
static bool check_end(struct reader *r, yaml_parser_t *parser)
{
    yaml_document_t second;
    if (!yaml_parser_load(parser, &second))
        return complain_syntax(r, parser);
    const yaml_node_t *root = yaml_document_get_root_node(&second);
    bool good = !root || complain(r, root, "a second document is not allowed");
    yaml_document_delete(&second);
    return good;
}

bool policy_yaml_read(struct policy *policy, const char *name, struct bytes yaml, struct buf *why)
{
    struct reader r = {.name = name, .yaml = yaml, .why = why, .policy = policy};
    yaml_parser_t parser;
    words_init(&r);
    if (!check_plain(&r))
        return false;
    parser_init(&r, &parser);
    bool good = yaml_parser_load(&parser, &r.document) || complain_syntax(&r, &parser);
    if (good) {
        good = check_end(&r, &parser) && read_root(&r);
        yaml_document_delete(&r.document);
    }
    yaml_parser_delete(&parser);
    return good;
}
