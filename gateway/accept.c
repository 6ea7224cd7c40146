#include "gateway/accept.h"

#include <string.h>
#include <strings.h>

#define WEIGHT_ONE 1000

/* The range that has the say about a type: the closest, of several the first. */
struct match {
    enum { NO_MATCH, ANY, ANY_OF_KIND, EXACT } closeness;
    unsigned weight; /* in thousandths */
    size_t place;
};

/* What stands before `at`, trimmed, and *rest what stands behind it. */
static struct bytes cut(struct bytes *rest, char at)
{
    const uint8_t *end = rest->len ? memchr(rest->data, at, rest->len) : NULL;
    struct bytes piece = bytes_of(rest->data, end ? (size_t)(end - rest->data) : rest->len);
    *rest = bytes_from(*rest, piece.len + (end != NULL));
    return bytes_trim(piece);
}

static unsigned read_weight(struct bytes text)
{
    unsigned weight = 0, unit = WEIGHT_ONE;
    for (size_t i = 0; i < text.len; i++) {
        if (i == 1 && text.data[i] == '.')
            continue;
        if (i == 1 || text.data[i] < '0' || text.data[i] > '9')
            return 0;
        weight += unit * (text.data[i] - '0');
        unit /= 10;
    }
    return text.len <= strlen("0.000") && weight <= WEIGHT_ONE ? weight : 0;
}

static unsigned find_weight(struct bytes parameters)
{
    while (parameters.len) {
        struct bytes one = cut(&parameters, ';');
        if (one.len >= 2 && strncasecmp((const char *)one.data, "q=", 2) == 0)
            return read_weight(bytes_from(one, 2));
    }
    return WEIGHT_ONE;
}

static unsigned closeness_of(struct bytes range, const char *type)
{
    const char *name = (const char *)range.data;
    const size_t len = strlen(type), kind = strcspn(type, "/") + 1;
    if (range.len == len && strncasecmp(name, type, len) == 0)
        return EXACT;
    if (range.len == kind + 1 && name[kind] == '*' && strncasecmp(name, type, kind) == 0)
        return ANY_OF_KIND;
    return bytes_equal(range, BYTES("*/*")) ? ANY : NO_MATCH;
}

static struct match find_match(struct bytes accept, const char *type)
{
    struct match match = {.closeness = NO_MATCH};
    for (size_t place = 0; accept.len; place++) {
        struct bytes parameters = cut(&accept, ',');
        unsigned closeness = closeness_of(cut(&parameters, ';'), type);
        if (closeness > match.closeness)
            match = (struct match){closeness, find_weight(parameters), place};
    }
    return match;
}

int accept_choose(struct bytes accept, const char *const *types, size_t count)
{
    struct match best = {.weight = 0};
    int chosen = -1;
    if (bytes_trim(accept).len == 0)
        return 0;
    for (size_t i = 0; i < count; i++) {
        struct match match = find_match(accept, types[i]);
        if (match.weight > best.weight ||
            (match.weight && match.weight == best.weight && match.place < best.place)) {
            best = match;
            chosen = (int)i;
        }
    }
    return chosen;
}
