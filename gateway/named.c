#include "gateway/named.h"

#include "base/clock.h"
#include "gateway/home.h"
#include "registry/event.h"

#define VERSIONS_MAX 256 /* of a licence that are looked at; one of more is named by its number */

/* ---- named_read ---- */

/* By a key that is not revoked, and its signature: nobody can name a licence by a code that the
 * gateway never made. */
static enum code_error check_code(struct named *named)
{
    const struct gateway_loop *home = named->op->home;
    const struct keyring *ring = &home->settings->keys.ring;
    const struct config *config = home->settings->config;
    const struct keyring_key *key;
    struct buf cose = BUF_OVER(named->cose);
    enum code_error error = code_read_text(named->code, &cose);
    if (error == CODE_OK)
        error = code_parse(buf_bytes(&cose), &named->scanned);
    if (error == CODE_OK)
        error = code_find_key(&named->scanned, ring, &key);
    if (error == CODE_OK)
        error = code_check_signature(&named->scanned, &crypto_openssl,
                                     home->keys.verifiers[key - ring->keys]);
    if (error == CODE_OK)
        error = code_check_lifetime(&named->scanned.claims, clock_wall_s(),
                                    (int64_t)config->code_future_s,
                                    (int64_t)config->enforcement_code_age_s);
    return error;
}

struct bytes named_fold(const struct operation *op, struct bytes number)
{
    struct buf out;
    buf_init(&out, http_room(op->http, number.len + 1), number.len);
    for (size_t i = 0; i < number.len; i++) {
        uint8_t c = number.data[i];
        if (c != ' ')
            buf_put_u8(&out, c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c);
    }
    return buf_bytes(&out);
}

static void read_licence(struct named *named)
{
    struct buf id = BUF_OVER(named->query.id);
    bool is_id = buf_put_from_hex(&id, named->licence) && id.len == sizeof named->query.id;
    named->number = named_fold(named->op, named->licence);
    named->query.by = is_id ? REGISTRY_BY_ID : REGISTRY_BY_NUMBER;
    named->query.text = named->number;
}

enum step_result named_read(struct named *named, struct operation *op, const char *shape)
{
    named->op = op;
    if (!named->code.data == !named->licence.data)
        return operation_fail(op, PROBLEM_MALFORMED_BODY, NULL, shape);
    if (!named->code.data) {
        read_licence(named);
        return STEP_NEXT;
    }
    enum code_error error = check_code(named);
    if (error == CODE_ERR_CRYPTO)
        return operation_fail(op, PROBLEM_OURS, NULL, NULL);
    if (error != CODE_OK)
        return operation_fail(op, PROBLEM_MALFORMED_BODY, code_error_text(error),
                              "the code names no licence");
    named->query.by = REGISTRY_BY_PLACE;
    named->query.list = named->scanned.claims.list;
    named->query.index = named->scanned.claims.index;
    return STEP_NEXT;
}

/* ---- named_find ---- */

/* Was the licence, at the older version's place, its present holder's already? Whoever has it after
 * him is not the one whose code was scanned. A registry that was restored may not know. */
static enum registry_error same_holder(const struct named *named, bool *same)
{
    static const uint8_t nobody_knows[REGISTRY_ID_BYTES];
    struct registry_version_place places[VERSIONS_MAX];
    size_t count = VERSIONS_MAX;
    const struct registry_licence *licence = &named->query.licence;
    enum registry_error error =
        registry_licence_places(named->op->home->reader, licence->id, places, &count);
    *same = false;
    for (size_t i = 0; !error && i < count && i < VERSIONS_MAX; i++) {
        if (places[i].list != licence->list || places[i].index != licence->index)
            continue;
        if (memcmp(places[i].holder, nobody_knows, sizeof nobody_knows) == 0)
            error = REGISTRY_ERR_STORAGE;
        *same = memcmp(places[i].holder, licence->holder_id, sizeof places[i].holder) == 0;
    }
    return error;
}

/* What is at an older version's place says which licence, and not how it is now. */
static bool ask_for_present(struct named *named)
{
    struct registry_query *query = &named->query;
    const struct registry_licence *licence = &query->licence;
    bool same;
    if (licence->version != named->scanned.claims.version)
        query->error = REGISTRY_ERR_STORAGE; /* another's place: the registry lost this one */
    if (query->error || !licence->superseded)
        return false;
    query->error = same_holder(named, &same);
    named->gone = query->error == REGISTRY_OK && !same;
    if (query->error || named->gone)
        return false;
    memcpy(query->id, licence->id, sizeof query->id);
    query->by = REGISTRY_BY_ID;
    return true;
}

/* Is another question due? What looks like an id may be a number. */
static bool ask_again(struct named *named)
{
    struct registry_query *query = &named->query;
    if (query->by == REGISTRY_BY_PLACE && query->error == REGISTRY_OK)
        return ask_for_present(named);
    if (query->by != REGISTRY_BY_ID || query->error != REGISTRY_ERR_NOT_FOUND || !named->number.len)
        return false;
    query->by = REGISTRY_BY_NUMBER;
    return true;
}

static enum registry_when ask(struct named *named)
{
    enum registry_when when;
    do
        when = registry_find(named->op->home->reader, &named->query);
    while (when == REGISTRY_NOW && ask_again(named));
    return when;
}

static void found_later(struct registry_query *query)
{
    struct named *named = query->context;
    if (!ask_again(named) || ask(named) == REGISTRY_NOW)
        operation_resume(named->op);
}

enum step_result named_find(struct named *named)
{
    struct registry_query *query = &named->query;
    query->done = found_later;
    query->context = named;
    if (query->by != REGISTRY_BY_NUMBER || named->number.len)
        return ask(named) == REGISTRY_NOW ? STEP_NEXT : STEP_WAIT;
    query->error = REGISTRY_ERR_NOT_FOUND; /* many a licence has no identifier */
    return STEP_NEXT;
}

/* ---- named_check ---- */

enum step_result named_check(struct named *named, enum problem not_found)
{
    struct operation *op = named->op;
    const struct registry_licence *licence = &named->query.licence;
    const enum registry_error error = named->query.error;
    if (atomic_load(&op->home->gateway->registry_behind) ||
        (error == REGISTRY_OK && licence->status == LICENCE_STATUS_VALID &&
         gateway_knows_later(op->home, licence->list, licence->index)))
        return operation_fail(op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
    if (named->gone)
        return operation_fail(op, not_found, verdict_reason_text(REASON_LICENCE_SUPERSEDED),
                              "it is another holder's now");
    if (error == REGISTRY_OK)
        return STEP_NEXT;
    if (error == REGISTRY_ERR_NOT_FOUND && !named->code.data)
        return operation_fail(op, not_found, NULL, NULL);
    if (error == REGISTRY_ERR_REFUSED)
        return operation_fail(op, PROBLEM_LICENCE_AMBIGUOUS, NULL, NULL);
    return operation_fail(op, PROBLEM_REGISTRY_UNAVAILABLE, NULL, NULL);
}
