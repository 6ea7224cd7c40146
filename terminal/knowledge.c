#include "terminal/knowledge.h"

#include <stdlib.h>

#include "base/check.h"

_Static_assert(KEYRING_KEYS_MAX + STATUS_LIST_REVOKED_MAX <= KNOWLEDGE_KIDS_MAX,
               "a list's kids fit beside those of the bundle's keys");

enum jwbt_error knowledge_init(struct knowledge *k, const struct crypto_provider *crypto,
                               unsigned lists_max)
{
    CHECK(lists_max >= 1 && lists_max <= KNOWLEDGE_LISTS_MAX);
    memset(k, 0, sizeof *k);
    k->crypto = crypto;
    k->lists_max = lists_max;
    k->bundle_octets = calloc(1, TRUST_BUNDLE_BYTES_MAX);
    k->spare_array = calloc(1, STATUS_LIST_BYTES);
    bool whole = k->bundle_octets && k->spare_array;
    for (unsigned i = 0; i < lists_max; i++) {
        k->lists[i].array = calloc(1, STATUS_LIST_BYTES);
        whole = whole && k->lists[i].array;
    }
    return whole ? JWBT_OK : JWBT_ERR_MEMORY;
}

static void destroy_verifiers(const struct crypto_provider *crypto,
                              struct crypto_verifier *verifiers[KEYRING_KEYS_MAX])
{
    for (size_t i = 0; i < KEYRING_KEYS_MAX; i++)
        if (verifiers[i])
            crypto->verifier_destroy(&verifiers[i]);
}

void knowledge_fini(struct knowledge *k)
{
    destroy_verifiers(k->crypto, k->verifiers);
    for (unsigned i = 0; i < k->lists_max; i++)
        free(k->lists[i].array);
    free(k->spare_array);
    free(k->bundle_octets);
}

/* ---- revoked kids ------------------------------------------------------------------------------
 */

static bool kid_in(const struct kid_set *set, const uint8_t kid[KID_BYTES])
{
    for (size_t i = 0; i < set->count; i++)
        if (memcmp(set->kids[i], kid, KID_BYTES) == 0)
            return true;
    return false;
}

/* False: the set is full, and nothing was added. */
static bool kids_add(struct kid_set *set, const uint8_t (*kids)[KID_BYTES], size_t count)
{
    const size_t before = set->count;
    for (size_t i = 0; i < count; i++) {
        if (kid_in(set, kids[i]))
            continue;
        if (set->count == KNOWLEDGE_KIDS_MAX) {
            set->count = before;
            return false;
        }
        memcpy(set->kids[set->count++], kids[i], KID_BYTES);
    }
    return true;
}

/* Forgets those for which the bundle has no key for codes: their codes are of no known key. So a
 * stolen status key can't fill the set and shut out what is revoked after it. */
static void forget_strangers(struct kid_set *set, const struct keyring *ring)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct keyring_key *key = keyring_find(ring, set->kids[i]);
        if (key && key->use == KEY_USE_CODE)
            memmove(set->kids[kept++], set->kids[i], KID_BYTES);
    }
    set->count = kept;
}

bool knowledge_revoked(const struct knowledge *k, const uint8_t kid[KID_BYTES], enum key_use use)
{
    return kid_in(&k->by_bundle, kid) || (use == KEY_USE_CODE && kid_in(&k->by_list, kid));
}

/* ---- root keys ---------------------------------------------------------------------------------
 */

/* Of a set of keys, those of use root. */
static bool read_roots(const struct crypto_provider *crypto, struct bytes jwks,
                       struct keyring *roots)
{
    roots->count = 0;
    if (!keyring_read_jwks(roots, crypto, jwks))
        return false;
    size_t kept = 0;
    for (size_t i = 0; i < roots->count; i++)
        if (roots->keys[i].use == KEY_USE_ROOT)
            roots->keys[kept++] = roots->keys[i];
    roots->count = kept;
    return kept > 0;
}

enum jwbt_error knowledge_pin(struct knowledge *k, struct bytes jwks)
{
    struct keyring roots;
    if (!read_roots(k->crypto, jwks, &roots))
        return JWBT_ERR_MALFORMED;
    destroy_verifiers(k->crypto, k->verifiers);
    k->has_bundle = false;
    k->by_bundle.count = k->by_list.count = 0;
    for (unsigned i = 0; i < k->lists_max; i++)
        k->lists[i].held = false;
    k->roots = roots;
    return JWBT_OK;
}

enum jwbt_error knowledge_pinned(const struct knowledge *k, struct bytes jwks)
{
    struct keyring roots;
    if (!read_roots(k->crypto, jwks, &roots))
        return JWBT_ERR_MALFORMED;
    for (size_t i = 0; i < roots.count; i++)
        if (!keyring_find(&k->roots, roots.keys[i].kid))
            return JWBT_ERR_ENROLLED;
    return JWBT_OK;
}

/* The pinned ones, with those of the bundle, without those that it revokes. */
static bool turn_roots(const struct trust_bundle *bundle, const struct crypto_provider *crypto,
                       const struct kid_set *revoked, const struct keyring *pinned,
                       struct keyring *turned)
{
    turned->count = 0;
    for (size_t i = 0; i < pinned->count; i++)
        if (!kid_in(revoked, pinned->keys[i].kid) &&
            !keyring_find(&bundle->ring, pinned->keys[i].kid))
            turned->keys[turned->count++] = pinned->keys[i];
    for (size_t i = 0; i < bundle->ring.count; i++) {
        const struct keyring_key *key = &bundle->ring.keys[i];
        if (key->use == KEY_USE_ROOT && !kid_in(revoked, key->kid) &&
            keyring_add(turned, crypto, key) != KEYRING_OK)
            return false;
    }
    return true;
}

/* ---- a bundle ----------------------------------------------------------------------------------
 */

static enum jwbt_error error_of(enum crypto_result result)
{
    return result == CRYPTO_OK         ? JWBT_OK
           : result == CRYPTO_MISMATCH ? JWBT_ERR_UNTRUSTED
                                       : JWBT_ERR_CRYPTO;
}

/* A key of `ring` may have signed at `at`. */
static const struct keyring_key *signer_of(const struct keyring *ring, struct bytes kid,
                                           enum key_use use, int64_t at)
{
    const struct keyring_key *key = kid.len == KID_BYTES ? keyring_find(ring, kid.data) : NULL;
    return key && key->use == use && keyring_key_vouches(key, at) ? key : NULL;
}

/* Signed by a pinned root key that was good when its time began, also by the bundle's own word. */
static enum jwbt_error check_bundle(const struct knowledge *k, const struct trust_bundle *bundle)
{
    const uint8_t *kid = bundle->message.kid;
    const struct keyring_key *root =
        signer_of(&k->roots, bytes_of(kid, KID_BYTES), KEY_USE_ROOT, bundle->not_before);
    if (!root || root->alg != bundle->message.alg || trust_bundle_revoked(bundle, kid) ||
        knowledge_revoked(k, kid, KEY_USE_ROOT) ||
        (keyring_find(&bundle->ring, kid) &&
         !signer_of(&bundle->ring, bytes_of(kid, KID_BYTES), KEY_USE_ROOT, bundle->not_before)))
        return JWBT_ERR_UNTRUSTED;
    struct crypto_verifier *verifier = k->crypto->verifier_create(root->alg, root->public_key);
    if (!verifier)
        return JWBT_ERR_MEMORY;
    enum crypto_result result = trust_bundle_check(bundle, k->crypto, verifier);
    k->crypto->verifier_destroy(&verifier);
    return error_of(result);
}

static bool create_verifiers(const struct crypto_provider *crypto, const struct keyring *ring,
                             struct crypto_verifier *verifiers[KEYRING_KEYS_MAX])
{
    memset(verifiers, 0, KEYRING_KEYS_MAX * sizeof *verifiers);
    for (size_t i = 0; i < ring->count; i++) {
        const struct keyring_key *key = &ring->keys[i];
        if (key->use != KEY_USE_CODE && key->use != KEY_USE_STATUS)
            continue;
        verifiers[i] = crypto->verifier_create(key->alg, key->public_key);
        if (!verifiers[i])
            return false;
    }
    return true;
}

static const struct keyring_key *status_key(const struct knowledge *k, struct bytes kid,
                                            int64_t issued_at)
{
    const struct keyring_key *key = signer_of(&k->bundle.ring, kid, KEY_USE_STATUS, issued_at);
    return key && !knowledge_revoked(k, key->kid, KEY_USE_STATUS) ? key : NULL;
}

/* Drops the lists that the bundle, which is another now, does not vouch for. */
static void judge_lists(struct knowledge *k)
{
    for (unsigned i = 0; i < k->lists_max; i++) {
        struct held_list *held = &k->lists[i];
        const struct trust_list *named = trust_bundle_list(&k->bundle, held->list);
        held->held = held->held && named && bytes_equal(named->uri, held->uri) &&
                     status_key(k, bytes_of(held->signer, KID_BYTES), held->issued_at);
    }
}

/* From here on it is this one, which was checked and stands in read_bundle. */
static enum jwbt_error hold_bundle(struct knowledge *k, struct bytes bundle)
{
    struct crypto_verifier *verifiers[KEYRING_KEYS_MAX];
    struct keyring roots;
    const struct trust_bundle *read = &k->read_bundle;
    if (!create_verifiers(k->crypto, &read->ring, verifiers)) {
        destroy_verifiers(k->crypto, verifiers);
        return JWBT_ERR_MEMORY;
    }
    if (!kids_add(&k->by_bundle, read->revoked, read->revoked_count) ||
        !turn_roots(read, k->crypto, &k->by_bundle, &k->roots, &roots)) {
        destroy_verifiers(k->crypto, verifiers);
        return JWBT_ERR_FULL;
    }
    destroy_verifiers(k->crypto, k->verifiers);
    memcpy(k->verifiers, verifiers, sizeof verifiers);
    k->roots = roots;
    memcpy(k->bundle_octets, bundle.data, bundle.len);
    k->bundle_len = bundle.len;
    k->has_bundle = trust_bundle_read(bytes_of(k->bundle_octets, k->bundle_len), k->crypto,
                                      &k->bundle); /* false: out of means to hash */
    if (!k->has_bundle)
        return JWBT_ERR_CRYPTO;
    judge_lists(k);
    return JWBT_OK;
}

enum jwbt_error knowledge_take_bundle(struct knowledge *k, struct bytes bundle, uint64_t floor,
                                      int64_t now)
{
    if (k->roots.count == 0)
        return JWBT_ERR_NOT_ENROLLED;
    if (bundle.len > TRUST_BUNDLE_BYTES_MAX ||
        !trust_bundle_read(bundle, k->crypto, &k->read_bundle))
        return JWBT_ERR_MALFORMED;
    enum jwbt_error error = check_bundle(k, &k->read_bundle);
    if (error)
        return error;
    if (k->read_bundle.version < floor ||
        (k->has_bundle && k->read_bundle.version <= k->bundle.version))
        return JWBT_ERR_OLDER;
    if (k->read_bundle.not_before > now + KNOWLEDGE_CLOCK_S)
        return JWBT_ERR_NOT_YET;
    if (k->read_bundle.expires <= now)
        return JWBT_ERR_EXPIRED;
    return hold_bundle(k, bundle);
}

enum jwbt_error knowledge_restore_bundle(struct knowledge *k, struct bytes bundle, uint64_t floor)
{
    if (!trust_bundle_read(bundle, k->crypto, &k->read_bundle))
        return JWBT_ERR_MALFORMED;
    enum jwbt_error error = check_bundle(k, &k->read_bundle);
    if (error)
        return error;
    return k->read_bundle.version < floor ? JWBT_ERR_OLDER : hold_bundle(k, bundle);
}

/* ---- a list ------------------------------------------------------------------------------------
 */

static struct held_list *find_list(struct knowledge *k, uint16_t list)
{
    for (unsigned i = 0; i < k->lists_max; i++)
        if (k->lists[i].held && k->lists[i].list == list)
            return &k->lists[i];
    return NULL;
}

const struct held_list *knowledge_list(const struct knowledge *k, uint16_t list)
{
    return find_list((struct knowledge *)k, list);
}

static struct held_list *free_list(struct knowledge *k)
{
    for (unsigned i = 0; i < k->lists_max; i++)
        if (!k->lists[i].held)
            return &k->lists[i];
    return NULL;
}

/* Reads a token into read_list: one that the bundle's keys vouch for, in the one form that codes
 * need. */
static enum jwbt_error check_list(struct knowledge *k, uint16_t list, struct bytes octets)
{
    struct status_list_token *token = &k->read_list;
    const struct trust_list *named = k->has_bundle ? trust_bundle_list(&k->bundle, list) : NULL;
    if (k->roots.count == 0)
        return JWBT_ERR_NOT_ENROLLED;
    if (!named)
        return JWBT_ERR_UNKNOWN_LIST;
    if (octets.len > STATUS_LIST_TOKEN_BYTES_MAX || !status_list_read(octets, token) ||
        token->bits != 2 || token->expires_at <= token->issued_at)
        return JWBT_ERR_MALFORMED;
    const struct keyring_key *key = status_key(k, token->message.kid, token->issued_at);
    if (!key)
        return JWBT_ERR_UNTRUSTED;
    enum jwbt_error error = error_of(
        status_list_check(token, key->alg, k->crypto, k->verifiers[key - k->bundle.ring.keys]));
    if (error)
        return error;
    return bytes_equal(token->subject, named->uri) ? JWBT_OK : JWBT_ERR_UNKNOWN_LIST;
}

/* The token of read_list takes the place of what is held. */
static enum jwbt_error hold_list(struct knowledge *k, uint16_t list)
{
    const struct status_list_token *token = &k->read_list;
    struct held_list *place = find_list(k, list);
    struct buf array;
    buf_init(&array, k->spare_array, STATUS_LIST_BYTES);
    if (!place)
        place = free_list(k);
    if (!place)
        return JWBT_ERR_FULL;
    if (!status_list_inflate(&k->inflater, token->lst, &array))
        return JWBT_ERR_MALFORMED;
    if (!kids_add(&k->by_list, token->revoked, token->revoked_count)) {
        forget_strangers(&k->by_list, &k->bundle.ring);
        CHECK(kids_add(&k->by_list, token->revoked, token->revoked_count)); /* 64 keys, 256 kids */
    }
    k->spare_array = place->array;
    *place = (struct held_list){.held = true,
                                .list = list,
                                .issued_at = token->issued_at,
                                .expires_at = token->expires_at,
                                .ttl_s = token->ttl_s,
                                .array = array.data};
    memcpy(place->signer, token->message.kid.data, KID_BYTES);
    memcpy(place->uri_octets, token->subject.data, token->subject.len);
    place->uri = bytes_of(place->uri_octets, token->subject.len);
    return JWBT_OK;
}

enum jwbt_error knowledge_take_list(struct knowledge *k, uint16_t list, struct bytes token,
                                    int64_t floor, int64_t now, bool *revokes)
{
    const struct held_list *held = knowledge_list(k, list);
    enum jwbt_error error = check_list(k, list, token);
    *revokes = false;
    if (error)
        return error;
    if (k->read_list.issued_at < floor || (held && k->read_list.issued_at <= held->issued_at))
        return JWBT_ERR_OLDER;
    if (k->read_list.issued_at > now + KNOWLEDGE_CLOCK_S)
        return JWBT_ERR_NOT_YET;
    for (size_t i = 0; i < k->read_list.revoked_count; i++)
        *revokes |= !kid_in(&k->by_list, k->read_list.revoked[i]);
    return hold_list(k, list);
}

enum jwbt_error knowledge_restore_list(struct knowledge *k, uint16_t list, struct bytes token,
                                       int64_t floor)
{
    enum jwbt_error error = check_list(k, list, token);
    if (error)
        return error;
    return k->read_list.issued_at < floor ? JWBT_ERR_OLDER : hold_list(k, list);
}

int64_t knowledge_time(const struct knowledge *k)
{
    int64_t time = k->has_bundle ? k->bundle.not_before : 0;
    for (unsigned i = 0; i < k->lists_max; i++)
        if (k->lists[i].held && k->lists[i].issued_at > time)
            time = k->lists[i].issued_at;
    return time;
}
