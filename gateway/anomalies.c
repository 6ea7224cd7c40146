#include "gateway/anomalies.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "protocol/status.h"
#include "protocol/token.h"
#include "registry/event.h"

#define HOUR_US             INT64_C(3600000000)
#define MEMBERS_PER_TRACKED 100 /* of all sets together, per one that may be tracked */
#define SET_SLOTS_LEAST     8
#define NONE                UINT32_MAX

/* Whom a count is about. */
enum kind { CLIENT, CLIENT_OFFLINE, LICENCE };

/* Different ones that were seen, by a hash of 64 bits: open addressing, at most half full; 0 is a
 * free slot. */
struct set {
    uint64_t *slots;
    uint32_t size, count;
};

/* Somebody, or a licence, in the hour that began with the first look. */
struct tracked {
    enum kind kind;
    uint8_t name_bytes;
    uint8_t name[JOURNAL_TEXT_BYTES_MAX]; /* a client's id, a licence's reference */
    int64_t began_us;
    struct set seen; /* by a client: licences; a licence: by clients */
    uint32_t checks, misses;
    uint64_t request; /* the last check's: a lookup has a record for each licence */
    bool told[ANOMALY_RULE_COUNT];
    uint32_t next_of_hash;   /* the others of its chain */
    uint32_t older, younger; /* by when the hour began */
};
_Static_assert(JOURNAL_REFERENCE_BYTES <= JOURNAL_TEXT_BYTES_MAX, "a name has room for both");

struct anomalies {
    void (*found)(void *context, enum anomaly_rule rule, struct bytes whom, uint64_t count);
    void *context;
    struct tracked *tracked; /* `max`, of which `used` were ever taken */
    uint32_t max, used;
    uint32_t *chains; /* by hash, `max` of them: the first of each */
    uint32_t oldest, youngest;
    size_t members, members_max; /* in all sets */
    _Atomic uint64_t untracked;
};

const char *anomaly_rule_text(enum anomaly_rule rule)
{
    static const char *const texts[] = {
#define R(name, word) [ANOMALY_##name] = word,
        ANOMALY_RULES(R)
#undef R
    };
    return texts[rule];
}

/* FNV-1a: the names are the registry's, not a stranger's. Never 0. */
static uint64_t hash_of(enum kind kind, struct bytes name)
{
    uint64_t hash = 0xcbf29ce484222325u ^ kind;
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ name.data[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    return hash ? hash : 1;
}

/* ---- sets ---- */

static void set_place(struct set *set, uint64_t member)
{
    uint32_t i = (uint32_t)member & (set->size - 1);
    while (set->slots[i] && set->slots[i] != member)
        i = (i + 1) & (set->size - 1);
    set->count += !set->slots[i];
    set->slots[i] = member;
}

static bool set_has(const struct set *set, uint64_t member)
{
    if (!set->size)
        return false;
    uint32_t i = (uint32_t)member & (set->size - 1);
    while (set->slots[i] && set->slots[i] != member)
        i = (i + 1) & (set->size - 1);
    return set->slots[i] == member;
}

static bool set_grow(struct set *set)
{
    struct set larger = {.size = set->size ? 2 * set->size : SET_SLOTS_LEAST};
    larger.slots = calloc(larger.size, sizeof *larger.slots);
    if (!larger.slots)
        return false;
    for (uint32_t i = 0; i < set->size; i++)
        if (set->slots[i])
            set_place(&larger, set->slots[i]);
    free(set->slots);
    *set = larger;
    return true;
}

/* A limit that was passed was told, and needs no more members. */
static void set_add(struct anomalies *a, struct set *set, uint64_t member, uint64_t limit)
{
    if (set->count > limit || set_has(set, member))
        return;
    if (a->members == a->members_max || (2 * set->count >= set->size && !set_grow(set))) {
        atomic_fetch_add_explicit(&a->untracked, 1, memory_order_relaxed);
        return;
    }
    set_place(set, member);
    a->members++;
}

static void set_clear(struct anomalies *a, struct set *set)
{
    a->members -= set->count;
    free(set->slots);
    *set = (struct set){NULL, 0, 0};
}

/* ---- who is tracked ---- */

static void leave_age(struct anomalies *a, struct tracked *t)
{
    *(t->older == NONE ? &a->oldest : &a->tracked[t->older].younger) = t->younger;
    *(t->younger == NONE ? &a->youngest : &a->tracked[t->younger].older) = t->older;
}

static void begin_hour(struct anomalies *a, struct tracked *t, int64_t now_us)
{
    const uint32_t at = (uint32_t)(t - a->tracked);
    set_clear(a, &t->seen);
    t->began_us = now_us;
    t->checks = t->misses = 0;
    memset(t->told, 0, sizeof t->told);
    t->older = a->youngest;
    t->younger = NONE;
    *(a->youngest == NONE ? &a->oldest : &a->tracked[a->youngest].younger) = at;
    a->youngest = at;
}

static uint32_t *chain_of(struct anomalies *a, enum kind kind, struct bytes name)
{
    return &a->chains[hash_of(kind, name) % a->max];
}

static bool is_over(const struct tracked *t, int64_t now_us)
{
    return now_us - t->began_us >= HOUR_US;
}

/* Room for one more: never used, or the oldest if its hour is over. */
static struct tracked *take_room(struct anomalies *a, int64_t now_us)
{
    if (a->used < a->max)
        return &a->tracked[a->used++];
    struct tracked *t = &a->tracked[a->oldest];
    if (!is_over(t, now_us))
        return NULL;
    uint32_t *link = chain_of(a, t->kind, bytes_of(t->name, t->name_bytes));
    while (*link != a->oldest)
        link = &a->tracked[*link].next_of_hash;
    *link = t->next_of_hash;
    leave_age(a, t);
    return t;
}

/* NULL: no room, which is counted. */
static struct tracked *track(struct anomalies *a, enum kind kind, struct bytes name, int64_t now_us)
{
    uint32_t *chain = chain_of(a, kind, name);
    for (uint32_t i = *chain; i != NONE; i = a->tracked[i].next_of_hash) {
        struct tracked *t = &a->tracked[i];
        if (t->kind != kind || !bytes_equal(name, bytes_of(t->name, t->name_bytes)))
            continue;
        if (is_over(t, now_us)) {
            leave_age(a, t);
            begin_hour(a, t, now_us);
        }
        return t;
    }
    struct tracked *t = take_room(a, now_us);
    if (!t) {
        atomic_fetch_add_explicit(&a->untracked, 1, memory_order_relaxed);
        return NULL;
    }
    t->kind = kind;
    t->name_bytes = (uint8_t)name.len;
    memcpy(t->name, name.data, name.len);
    t->next_of_hash = *chain;
    *chain = (uint32_t)(t - a->tracked);
    begin_hour(a, t, now_us);
    return t;
}

/* ---- the rules ---- */

static void tell(struct anomalies *a, struct tracked *t, enum anomaly_rule rule, uint64_t count)
{
    uint8_t storage[2 * JOURNAL_REFERENCE_BYTES];
    struct buf hex = BUF_OVER(storage);
    struct bytes whom = bytes_of(t->name, t->name_bytes);
    if (t->told[rule])
        return;
    t->told[rule] = true;
    if (t->kind == LICENCE) {
        buf_put_hex(&hex, whom);
        whom = buf_bytes(&hex);
    }
    a->found(a->context, rule, whom, count);
}

/* More different ones than `limit`? */
static void count_different(struct anomalies *a, struct tracked *t, uint64_t member,
                            enum anomaly_rule rule, uint64_t limit)
{
    set_add(a, &t->seen, member, limit);
    if (t->seen.count > limit)
        tell(a, t, rule, t->seen.count);
}

/* Found no licence: none of that number, name or consent, or no genuine code. A licence that is not
 * valid any more was found; what could not be found out is no guess. */
static bool is_miss(const struct journal_record *record)
{
    const bool asked_by_number = record->kind == JOURNAL_LOOKUP || record->kind == JOURNAL_RETRIEVE;
    return !record->place_known && !record->licence_known &&
           (asked_by_number ? record->reason == REASON_LICENCE_UNKNOWN
                            : record->result == RESULT_INVALID);
}

static void count_check(struct anomalies *a, const struct config *config, struct tracked *t,
                        const struct journal_record *record)
{
    if (record->request_id && record->request_id == t->request)
        return;
    t->request = record->request_id;
    t->checks++;
    t->misses += is_miss(record);
    if (t->checks >= config->anomalies_checks_min &&
        t->misses * UINT64_C(100) >= t->checks * config->anomalies_miss_percent)
        tell(a, t, ANOMALY_MISSES, t->misses);
}

/* Who looks how, and what is counted of it beside looks at a licence. A business system sees as
 * many as come to its counters; its quota is its limit. */
struct look {
    enum journal_kind kind;
    enum token_role role;
    bool people, misses;
};

static const struct look *look_of(const struct journal_record *record)
{
    static const struct look looks[] = {
        {JOURNAL_VERIFY, TOKEN_ROLE_INSPECTOR, .people = true},
        {JOURNAL_OFFLINE_SCAN, TOKEN_ROLE_INSPECTOR, .people = true},
        {JOURNAL_LOOKUP, TOKEN_ROLE_INSPECTOR, .people = true, .misses = true},
        {JOURNAL_VERIFY, TOKEN_ROLE_PARTNER, .people = true, .misses = true},
        {JOURNAL_CHECK, TOKEN_ROLE_PARTNER, .people = true, .misses = true},
        {JOURNAL_RETRIEVE, TOKEN_ROLE_SYSTEM, .misses = true},
    };
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
        if (looks[i].kind == record->kind && looks[i].role == record->role)
            return &looks[i];
    return NULL;
}

/* A terminal delivers many offline scans at once: they count in the hours that they were made in,
 * apart from what it sees meanwhile. */
static struct tracked *track_client(struct anomalies *a, const struct journal_record *record)
{
    int64_t at_s;
    if (record->kind != JOURNAL_OFFLINE_SCAN)
        return track(a, CLIENT, record->client, record->at_us);
    bool told = record->reference.len > EVENT_SCAN_TIME_AT &&
                civil_read_timestamp(bytes_from(record->reference, EVENT_SCAN_TIME_AT), &at_s);
    return track(a, CLIENT_OFFLINE, record->client, told ? at_s * 1000000 : record->at_us);
}

void anomalies_see(struct anomalies *a, const struct config *config,
                   const struct journal_record *record)
{
    const struct look *look = look_of(record);
    const struct bytes licence = bytes_of(record->licence, sizeof record->licence);
    if (!look || !record->client.len)
        return;
    struct tracked *t = track_client(a, record);
    if (t && look->misses && config->anomalies_miss_percent)
        count_check(a, config, t, record);
    if (t && look->people && record->licence_known && config->anomalies_people_per_hour)
        count_different(a, t, hash_of(LICENCE, licence), ANOMALY_PEOPLE,
                        config->anomalies_people_per_hour);
    if (!record->licence_known || !config->anomalies_looks_per_hour)
        return;
    t = track(a, LICENCE, licence, record->at_us);
    if (t)
        count_different(a, t, hash_of(CLIENT, record->client), ANOMALY_LOOKS,
                        config->anomalies_looks_per_hour);
}

/* ---- from the first to the last ---- */

struct anomalies *anomalies_create(size_t tracked_max,
                                   void (*found)(void *context, enum anomaly_rule rule,
                                                 struct bytes whom, uint64_t count),
                                   void *context)
{
    struct anomalies *a = check_alloc(sizeof *a);
    CHECK(tracked_max > 0 && tracked_max < NONE);
    a->found = found;
    a->context = context;
    a->max = (uint32_t)tracked_max;
    a->members_max = tracked_max * MEMBERS_PER_TRACKED;
    a->tracked = check_alloc(tracked_max * sizeof *a->tracked);
    a->chains = check_alloc(tracked_max * sizeof *a->chains);
    memset(a->chains, 0xFF, tracked_max * sizeof *a->chains);
    a->oldest = a->youngest = NONE;
    return a;
}

void anomalies_destroy(struct anomalies **anomalies)
{
    struct anomalies *a = *anomalies;
    *anomalies = NULL;
    if (!a)
        return;
    for (uint32_t i = 0; i < a->used; i++)
        free(a->tracked[i].seen.slots);
    free(a->tracked);
    free(a->chains);
    free(a);
}

uint64_t anomalies_untracked(const struct anomalies *anomalies)
{
    return atomic_load_explicit(&anomalies->untracked, memory_order_relaxed);
}
