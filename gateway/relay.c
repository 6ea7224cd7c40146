#include "gateway/relay.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/ledger.h"
#include "gateway/log.h"

#define REPLAY_MAX       65536   /* a list further behind than this is rebuilt instead */
#define BEHIND_LINGER_US 1000000 /* far longer than a request's one look at the registry takes */

/* What the relay knows of one list in Redis. One call per list is under way at a time. */
struct relay_list {
    struct relay *relay;
    struct registry_list position; /* the registry's, at the last comparison */
    bool went_back;                /* it lost changes, and has no new generation yet */
    bool asked;                    /* Redis's position is known */
    bool absent;                   /* Redis must be given the whole list */
    bool was_there;                /* this Redis has had the list */
    uint64_t redis_seq;
    bool under_way;
    struct cache_list_call call;
};

/* A change handed to the registry's writer; comes back as a message to the relay's loop. */
struct relay_change {
    struct relay *relay;
    struct registry_change change;
    struct loop_message message;
    bool under_way;
};

struct relay {
    struct gateway *gateway;
    struct loop_thread *thread;
    struct loop *loop;
    struct cache *cache;
    struct registry_reader *reader;
    struct loop_timer poll;
    uint64_t compare_us; /* between thorough comparisons */
    unsigned poll_ms;
    uint64_t compared_us; /* when the last thorough one began */
    uint64_t lingers_us;  /* until when the registry counts as behind; UINT64_MAX: it is */
    uint32_t data_version;
    struct relay_list lists[REGISTRY_LISTS_MAX];
    size_t list_count;
    struct relay_change relayed, redis_run;
    bool run_owed;   /* the registry must be told of this Redis before it gets a list */
    bool run_first;  /* and no other was there before it */
    bool redis_told; /* its state was logged */
    bool directory_follows;
    bool behind_known; /* one comparison was made */
    uint8_t array[STATUS_LIST_BYTES];
    struct relay_counters counters;
};

static void change_completed(struct registry_change *change)
{
    struct relay_change *c = change->context;
    loop_post(c->relay->loop, &c->message);
}

static struct relay *relay_of(struct loop_message *message)
{
    return ((struct relay_change *)((char *)message - offsetof(struct relay_change, message)))
        ->relay;
}

/* ---- single use: since when has the present Redis known every code? ----
 *
 * The registry keeps the answer for all gateways, and a partner's check reads it after its trip to
 * Redis. A Redis that lost data lacks its lists, and single use is not vouched for without them:
 * so they are written again only after the registry has been told. */

static void advance(struct relay_list *list);

static void redis_run_written(struct loop_message *message)
{
    struct relay *r = relay_of(message);
    r->redis_run.under_way = false;
    if (r->redis_run.change.error != REGISTRY_OK) {
        r->run_owed = true; /* tried again at the next comparison */
        return;
    }
    for (size_t i = 0; i < r->list_count; i++)
        advance(&r->lists[i]);
}

static void write_redis_run(struct relay *r)
{
    struct bytes now = cache_run_id(r->cache);
    if (!r->run_owed || r->redis_run.under_way || now.len == 0)
        return;
    struct registry_change *change = &r->redis_run.change;
    *change = (struct registry_change){.kind = CHANGE_REDIS_RUN,
                                       .since = r->run_first ? 0 : clock_wall_s(),
                                       .complete = change_completed,
                                       .context = &r->redis_run};
    memcpy(change->run_id, now.data, sizeof change->run_id);
    r->redis_run.under_way = registry_submit(r->gateway->registry, change);
    r->run_owed = !r->redis_run.under_way;
    r->run_first = false; /* when it is tried again, another gateway may have met one since */
}

static void owe_redis_run(struct relay *r, bool first)
{
    if (!first)
        count(&r->counters.redis_restarts);
    r->run_owed = true;
    r->run_first = first;
    write_redis_run(r);
}

/* Is the Redis that is there the last one that any gateway met? Else it is owed. */
static void meet_redis(struct relay *r)
{
    char last[REGISTRY_RUN_ID_BYTES];
    int64_t since;
    struct bytes now = cache_run_id(r->cache);
    write_redis_run(r);
    if (now.len == 0 || r->run_owed || r->redis_run.under_way)
        return;
    switch (registry_redis_run(r->reader, last, &since)) {
    case REGISTRY_OK:
        if (!bytes_equal(now, bytes_of(last, sizeof last)))
            owe_redis_run(r, false);
        return;
    case REGISTRY_ERR_NOT_FOUND: /* no code was ever counted anywhere */
        owe_redis_run(r, true);
        return;
    default:
        return; /* could not find out: asked again at the next comparison */
    }
}

/* ---- Redis's lists follow the registry's ---- */

static void compare(struct relay *r, bool thorough);
static void clear_outbox(struct relay *r);

static void relayed_written(struct loop_message *message)
{
    struct relay *r = relay_of(message);
    r->relayed.under_way = false;
    if (r->relayed.change.error == REGISTRY_OK)
        clear_outbox(r); /* else tried again at the next comparison */
}

/* Does Redis have the list, up to a change that the registry knows? */
static bool redis_has(const struct relay_list *list)
{
    return list->asked && !list->absent && !list->went_back &&
           list->redis_seq <= list->position.seq;
}

/* Clears the outbox of what Redis has. */
static void clear_outbox(struct relay *r)
{
    struct registry_outbox rows[REGISTRY_LISTS_MAX];
    size_t rows_count = REGISTRY_LISTS_MAX;
    if (r->relayed.under_way || registry_outbox(r->reader, rows, &rows_count) != REGISTRY_OK)
        return;
    for (size_t i = 0; i < rows_count; i++) {
        for (size_t k = 0; k < r->list_count; k++) {
            struct relay_list *list = &r->lists[k];
            if (list->position.list != rows[i].list || !redis_has(list) ||
                list->redis_seq < rows[i].first_seq)
                continue;
            r->relayed.change = (struct registry_change){.kind = CHANGE_RELAYED,
                                                         .list = rows[i].list,
                                                         .seq = list->redis_seq,
                                                         .complete = change_completed,
                                                         .context = &r->relayed};
            r->relayed.under_way = registry_submit(r->gateway->registry, &r->relayed.change);
            return; /* one at a time; its completion takes the next */
        }
    }
}

static void list_answered(struct cache_list_call *call)
{
    struct relay_list *list =
        (struct relay_list *)((char *)call - offsetof(struct relay_list, call));
    struct relay *r = list->relay;
    list->under_way = false;
    /* Unanswered, or about a generation that has passed: to be asked again. */
    list->asked =
        call->result != CACHE_LIST_UNANSWERED && call->generation == list->position.generation;
    if (call->result == CACHE_LIST_UNANSWERED)
        return; /* at the next poll */
    list->absent = call->result == CACHE_LIST_ABSENT;
    if (!list->absent) {
        list->was_there = true;
        list->redis_seq = call->redis_seq;
    } else if (list->was_there) { /* it may have lost counted scans too */
        list->was_there = false;
        owe_redis_run(r, false);
    }
    if (list->asked && !list->absent && list->redis_seq > list->position.seq)
        compare(r, false); /* another gateway was faster, or the registry went back */
    else
        advance(list);
    clear_outbox(r);
}

static void rebuild(struct relay_list *list)
{
    struct relay *r = list->relay;
    struct registry_list at;
    if (registry_list_array(r->reader, list->position.list, r->array, &at) != REGISTRY_OK) {
        count(&r->counters.failures);
        return;
    }
    list->call.generation = at.generation;
    list->call.seq = at.seq;
    list->call.array = r->array;
    list->under_way = cache_list_rebuild(r->cache, &list->call);
    count(&r->counters.rebuilds);
}

static void replay(struct relay_list *list)
{
    struct relay *r = list->relay;
    struct registry_list_change from[CACHE_CHANGES_MAX];
    struct cache_change to[CACHE_CHANGES_MAX];
    size_t n = CACHE_CHANGES_MAX;
    if (registry_list_changes(r->reader, list->position.list, list->redis_seq + 1, from, &n) !=
            REGISTRY_OK ||
        n == 0) {
        count(&r->counters.failures);
        return;
    }
    if (from[0].seq != list->redis_seq + 1) { /* the registry lacks changes that it once had */
        rebuild(list);
        return;
    }
    for (size_t i = 0; i < n; i++)
        to[i] = (struct cache_change){from[i].index, from[i].bits};
    list->call.seq = from[0].seq;
    list->call.changes = to;
    list->call.change_count = n;
    list->under_way = cache_list_apply(r->cache, &list->call);
    atomic_fetch_add_explicit(&r->counters.changes_relayed, n, memory_order_relaxed);
}

/* The next step for a list, if there is one: ask where Redis is, rebuild, or replay. */
static void advance(struct relay_list *list)
{
    struct relay *r = list->relay;
    if (list->under_way || list->went_back || cache_state(r->cache) != CACHE_UP)
        return;
    list->call.list = list->position.list;
    list->call.generation = list->position.generation;
    list->call.done = list_answered;
    if (!list->asked)
        list->under_way = cache_list_state(r->cache, &list->call);
    else if (list->absent && (r->run_owed || r->redis_run.under_way))
        write_redis_run(r); /* then the list */
    else if (list->absent || list->redis_seq + REPLAY_MAX < list->position.seq)
        rebuild(list);
    else if (list->redis_seq < list->position.seq)
        replay(list);
}

/* ---- the copy follows the registry ---- */

static struct relay_list *list_of(struct relay *r, uint16_t number)
{
    for (size_t i = 0; i < r->list_count; i++)
        if (r->lists[i].position.list == number)
            return &r->lists[i];
    if (r->list_count == REGISTRY_LISTS_MAX)
        return NULL;
    struct relay_list *list = &r->lists[r->list_count++];
    list->relay = r;
    list->position.list = number;
    return list;
}

/* Has the registry lost changes of this list that the copy or Redis know of? Then nothing it says
 * is taken until `jwb registry restored` gives the list a new generation: its numbers may have
 * grown past theirs by then, with other changes. */
static bool went_back(struct relay_list *list, const struct registry_list *now)
{
    struct copy_position copy = copy_position(list->relay->gateway->copy, now->list);
    if (list->position.generation != now->generation)
        list->went_back = list->asked = false;
    if (copy.present && copy.generation == now->generation && copy.seq > now->seq)
        list->went_back = true;
    if (list->asked && !list->absent && list->redis_seq > now->seq)
        list->went_back = true;
    return list->went_back;
}

/* Brings the copy of one list to at least `to`. False: it could not be. */
static bool move_copy(struct relay *r, const struct registry_list *to)
{
    struct copy *copy = r->gateway->copy;
    struct copy_position at = copy_position(copy, to->list);
    if (!at.present || at.generation != to->generation || at.seq + REPLAY_MAX < to->seq) {
        struct registry_list position;
        copy_doubt(copy);
        return registry_list_array(r->reader, to->list, r->array, &position) == REGISTRY_OK &&
               copy_rebuild(copy, to->list, position.generation, position.seq, r->array);
    }
    while (at.seq < to->seq) {
        struct registry_list_change changes[CACHE_CHANGES_MAX];
        size_t n = CACHE_CHANGES_MAX;
        if (registry_list_changes(r->reader, to->list, at.seq + 1, changes, &n) != REGISTRY_OK ||
            n == 0 || changes[0].seq != at.seq + 1)
            return false;
        for (size_t i = 0; i < n; i++)
            copy_apply(copy, to->list, changes[i].seq,
                       (struct cache_change){changes[i].index, changes[i].bits});
        at.seq = changes[n - 1].seq;
    }
    return true;
}

static void tell_behind(struct relay *r, bool behind)
{
    bool was = atomic_exchange(&r->gateway->registry_behind, behind) && r->behind_known;
    r->behind_known = true;
    if (was == behind)
        return;
    if (behind)
        log_event(LOG_ERROR, "the registry went back: jwb registry restored?");
    else
        log_event(LOG_INFO, "the registry is up to date again");
}

/* One list of a comparison. */
static void follow(struct relay_list *list, const struct registry_list *now, bool thorough)
{
    _Atomic bool *suspect = &list->relay->gateway->list_suspect[now->list % REGISTRY_LISTS_MAX];
    list->position = *now;
    if (!list->under_way) {
        if (atomic_exchange(suspect, false))
            list->asked = list->absent = true; /* an equal seq is written again, which mends it */
        else if (thorough)
            list->asked = false;
    }
    advance(list);
}

/* One comparison. `thorough`: Redis is asked for its positions too. */
static void compare(struct relay *r, bool thorough)
{
    struct registry_list now[REGISTRY_LISTS_MAX];
    size_t n = REGISTRY_LISTS_MAX;
    uint64_t began_us = clock_mono_us();
    bool same;
    /* The events first: of a registry that is put right in between, the lists are the new ones. */
    if (ledger_compare(r->gateway->ledger, r->reader, &same) != REGISTRY_OK ||
        registry_lists(r->reader, now, &n) != REGISTRY_OK) {
        count(&r->counters.failures);
        return;
    }
    /* Lists are never given up, and what the evidence log has was once committed. */
    bool moved = true, behind = n < r->list_count || !same;
    for (size_t i = 0; i < n; i++) {
        struct relay_list *list = list_of(r, now[i].list);
        bool lost = list && went_back(list, &now[i]);
        behind |= lost;
        moved &= list && !lost && move_copy(r, &now[i]);
        if (list)
            follow(list, &now[i], thorough);
    }
    /* Who read a registry while it was behind looks at the flag when he has read: late ones too. */
    if (behind)
        r->lingers_us = UINT64_MAX;
    else if (r->lingers_us == UINT64_MAX)
        r->lingers_us = began_us + BEHIND_LINGER_US;
    behind |= began_us < r->lingers_us;
    tell_behind(r, behind);
    if (moved && !behind)
        copy_compared(r->gateway->copy, began_us);
    else
        copy_doubt(r->gateway->copy);
    count(moved && !behind ? &r->counters.comparisons : &r->counters.failures);
    if (thorough)
        r->compared_us = began_us;
}

/* ---- the thread ---- */

static void tell_redis(struct relay *r, enum cache_state state)
{
    r->redis_told = true;
    log_event(state == CACHE_UP ? LOG_INFO : LOG_WARNING, "redis",
              LOG_TEXT("state", state == CACHE_UP     ? "up"
                                : state == CACHE_AWAY ? "away"
                                                      : "unsuitable: maxmemory-policy is not "
                                                        "noeviction"));
}

static void follow_directory(struct relay *r)
{
    bool follows = directory_follow(&r->gateway->directories, r->reader);
    if (follows == r->directory_follows)
        return;
    r->directory_follows = follows;
    if (follows)
        log_event(LOG_INFO, "the directory of clients is up to date again");
    else
        log_event(LOG_ERROR, "the directory of clients can't be read, or went back");
}

static void poll_due(struct loop_timer *timer)
{
    struct relay *r = (struct relay *)((char *)timer - offsetof(struct relay, poll));
    uint32_t version = r->data_version;
    bool committed =
        registry_data_version(r->reader, &version) != REGISTRY_OK || version != r->data_version;
    bool wanted = atomic_exchange(&r->gateway->compare_wanted, false);
    /* The next look would come too late for a comparison, so it is due now. */
    uint64_t next_us = clock_mono_us() + r->poll_ms * UINT64_C(1000);
    bool due = next_us - r->compared_us > r->compare_us, first = r->compared_us == 0;
    r->data_version = version;
    if (committed || wanted || due) {
        compare(r, due);
        clear_outbox(r);
    }
    if (committed || due)
        follow_directory(r);
    for (size_t i = 0; i < r->list_count; i++)
        if (!r->lists[i].asked) /* Redis left the question unanswered */
            advance(&r->lists[i]);
    if (due)
        meet_redis(r);
    if (due && !first && !r->redis_told) /* it never came up: no change of state tells that */
        tell_redis(r, CACHE_AWAY);
    loop_timer_start(r->loop, &r->poll, r->poll_ms);
}

static void cache_changed(void *context, enum cache_state state)
{
    struct relay *r = context;
    tell_redis(r, state);
    if (state == CACHE_UP)
        meet_redis(r);
    bool owed = r->run_owed || r->redis_run.under_way;
    for (size_t i = 0; i < r->list_count; i++) {
        r->lists[i].asked = false;
        r->lists[i].was_there = !owed; /* whoever met it first gave it its lists */
    }
    if (state == CACHE_UP)
        compare(r, true);
}

struct relay *relay_start(struct gateway *gateway, const struct cache_options *options)
{
    const struct config *config = gateway->settings->config;
    struct relay *r = check_alloc(sizeof *r);
    r->gateway = gateway;
    r->compare_us = config->relay_compare_ms * 1000;
    r->poll_ms = (unsigned)config->relay_poll_ms;
    r->relayed.relay = r->redis_run.relay = r;
    r->relayed.message.deliver = relayed_written;
    r->redis_run.message.deliver = redis_run_written;
    r->reader = registry_reader_create(gateway->registry);
    if (!r->reader) {
        free(r);
        return NULL;
    }
    r->loop = loop_create();
    struct cache_options own = *options; /* a list's next call begins before its last is let go */
    own.in_flight_max = 2 * REGISTRY_LISTS_MAX;
    r->cache = cache_create(r->loop, &own, cache_changed, r);
    r->poll.fire = poll_due;
    atomic_store(&gateway->registry_behind, true); /* until one comparison could be made */
    compare(r, false);
    r->directory_follows = true;
    follow_directory(r);
    loop_timer_start(r->loop, &r->poll, r->poll_ms);
    r->thread = loop_thread_start(r->loop);
    return r;
}

void relay_stop(struct relay *r)
{
    loop_stop(r->loop);
    loop_thread_wait(r->thread);
    loop_timer_stop(&r->poll);
    cache_destroy(&r->cache);
    registry_reader_destroy(&r->reader);
}

void relay_destroy(struct relay **relay)
{
    struct relay *r = *relay;
    *relay = NULL;
    if (!r)
        return;
    loop_destroy(&r->loop);
    loop_thread_end(&r->thread);
    free(r);
}

const struct relay_counters *relay_counters(const struct relay *relay)
{
    return &relay->counters;
}

enum cache_state relay_cache_state(const struct relay *relay)
{
    return (enum cache_state)atomic_load(&cache_counters(relay->cache)->state);
}
