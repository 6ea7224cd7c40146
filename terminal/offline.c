#include "terminal/offline.h"

int64_t offline_time(const struct offline_state *state)
{
    const int64_t known = knowledge_time(state->knowledge), kept = state->scans->mark;
    return known > kept ? known : kept;
}

/* The bundle's limit of a code's life holds beside the code's own end. */
static struct code_claims limited(const struct knowledge *k, const struct code_claims *claims)
{
    struct code_claims c = *claims;
    const int64_t end = c.issued_at + k->bundle.life_max_s;
    if (c.expires_at > end)
        c.expires_at = end;
    return c;
}

int64_t offline_dead_at(const struct knowledge *k, const struct code_claims *claims)
{
    return k->has_bundle ? limited(k, claims).expires_at + k->bundle.past_s : claims->expires_at;
}

/* ---- the rules, in their order: each says REASON_NONE, or why not ---- */

static enum verdict_reason check_shape(struct bytes text, struct offline_answer *a)
{
    struct buf cose = BUF_OVER(a->octets);
    enum code_error error = code_read_text(text, &cose);
    if (!error)
        error = code_parse(buf_bytes(&cose), &a->code);
    a->formed = !error;
    return code_error_reason(error);
}

static enum verdict_reason check_time(const struct offline_state *state, int64_t now)
{
    const struct knowledge *k = state->knowledge;
    if (now + KNOWLEDGE_CLOCK_S < offline_time(state))
        return REASON_CLOCK_UNTRUSTED;
    /* That its time has begun follows: it moves the mark of time. */
    return k->has_bundle && now < k->bundle.expires ? REASON_NONE : REASON_TRUST_STALE;
}

static enum verdict_reason check_code(const struct knowledge *k, const struct code *code,
                                      int64_t now)
{
    const struct keyring_key *key;
    const struct code_claims claims = limited(k, &code->claims);
    if (knowledge_revoked(k, code->kid, KEY_USE_CODE))
        return REASON_KEY_REVOKED;
    enum code_error error = code_find_key(code, &k->bundle.ring, &key);
    if (!error)
        error = code_check_lifetime(&claims, now, k->bundle.future_s, k->bundle.past_s);
    if (!error)
        error = code_check_signature(code, k->crypto, k->verifiers[key - k->bundle.ring.keys]);
    return code_error_reason(error);
}

static enum verdict_reason check_status(const struct knowledge *k, int64_t now,
                                        struct offline_answer *a)
{
    const struct code_claims *claims = &a->code.claims;
    a->list = knowledge_list(k, claims->list);
    if (!a->list)
        return REASON_STATUS_UNAVAILABLE;
    enum verdict_reason negative =
        status_bits_reason(status_list_get(a->list->array, claims->index));
    if (negative)
        return negative;
    return now < a->list->expires_at ? REASON_NONE : REASON_STATUS_STALE;
}

/* What is shown of an authentic code, beside its claims. */
static bool look_up(const struct offline_state *state, struct offline_answer *a, bool *used)
{
    const struct trust_bundle *bundle = &state->knowledge->bundle;
    const bool type = trust_bundle_type(bundle, a->code.claims.type, &a->type);
    const bool issuer = trust_bundle_issuer(bundle, a->code.claims.issuer, &a->issuer);
    a->authentic = true;
    a->seen_at = scans_seen(state->scans, a->code.claims.cti, used);
    return type && issuer;
}

static enum verdict_reason check(const struct offline_state *state, struct bytes text, int64_t now,
                                 struct offline_answer *a)
{
    bool used;
    enum verdict_reason reason = check_shape(text, a);
    if (!reason)
        reason = check_time(state, now);
    if (!reason)
        reason = check_code(state->knowledge, &a->code, now);
    if (reason)
        return reason;
    const bool catalogued = look_up(state, a, &used);
    if (code_licence_expired(&a->code.claims, now))
        return REASON_LICENCE_EXPIRED;
    reason = check_status(state->knowledge, now, a);
    if (reason)
        return reason;
    if (state->single_use && used)
        return REASON_CODE_ALREADY_USED;
    return catalogued ? REASON_NONE : REASON_CATALOGUE_UNKNOWN;
}

void offline_verify(const struct offline_state *state, struct bytes text, int64_t now,
                    struct offline_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    answer->reason = check(state, text, now, answer);
    answer->result = verdict_reason_result_offline(answer->reason);
}
