#include "gateway/relay.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/log.h"

#define REPLAY_MAX 65536 /* a list further behind than this is rebuilt instead */

/* What the relay knows of one list in Redis. One call per list is under way at a time. */
struct relay_list {
    struct relay *relay;
    struct registry_list position; /* the registry's, at the last comparison */
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
    pthread_t thread;
    struct loop *loop;
    struct cache *cache;
    struct registry_reader *reader;
    struct loop_timer poll;
    uint64_t compare_us; /* between comparisons */
    unsigned poll_ms;
    uint64_t compared_us; /* when the last one began */
    uint32_t data_version;
    struct relay_list lists[REGISTRY_LISTS_MAX];
    size_t list_count;
    struct relay_change relayed, redis_run;
    struct vouch vouch;
    uint8_t array[STATUS_LIST_BYTES];
    struct relay_counters counters;
};

/* ---- vouching: whose single uses can this Redis vouch for? ---- */

struct vouch_message {
    struct loop_message message;
    struct gateway_loop *home;
    struct vouch vouch;
};

static void vouch_delivered(struct loop_message *message)
{
    struct vouch_message *m = (struct vouch_message *)message;
    m->home->vouch = m->vouch;
    free(m);
}

static void tell_vouch(struct relay *r)
{
    for (unsigned i = 0; i < r->gateway->loop_count; i++) {
        struct vouch_message *m = check_alloc(sizeof *m);
        m->message.deliver = vouch_delivered;
        m->home = r->gateway->loops[i];
        m->vouch = r->vouch;
        loop_post(m->home->loop, &m->message);
    }
}

static void change_completed(struct registry_change *change)
{
    struct relay_change *c = change->context;
    loop_post(c->relay->loop, &c->message);
}

static void redis_run_written(struct loop_message *message)
{
    struct relay *r =
        ((struct relay_change *)((char *)message - offsetof(struct relay_change, message)))->relay;
    r->redis_run.under_way = false;
    if (r->redis_run.change.error != REGISTRY_OK)
        return; /* asked again at the next comparison */
    memcpy(r->vouch.run_id, r->redis_run.change.run_id, sizeof r->vouch.run_id);
    r->vouch.since = r->redis_run.change.since;
    tell_vouch(r);
}

static void write_redis_run(struct relay *r, int64_t since)
{
    if (r->redis_run.under_way)
        return;
    struct registry_change *change = &r->redis_run.change;
    *change = (struct registry_change){.kind = CHANGE_REDIS_RUN,
                                       .since = since,
                                       .complete = change_completed,
                                       .context = &r->redis_run};
    memcpy(change->run_id, cache_run_id(r->cache).data, sizeof change->run_id);
    r->redis_run.under_way = registry_submit(r->gateway->registry, change);
}

/* Compares the Redis that is there with the last one that any gateway met. */
static void check_redis_run(struct relay *r)
{
    char last[REGISTRY_RUN_ID_BYTES];
    int64_t since;
    struct bytes now = cache_run_id(r->cache);
    if (now.len == 0 || bytes_equal(now, bytes_of(r->vouch.run_id, sizeof r->vouch.run_id)))
        return;
    switch (registry_redis_run(r->reader, last, &since)) {
    case REGISTRY_OK:
        if (!bytes_equal(now, bytes_of(last, sizeof last))) {
            count(&r->counters.redis_restarts);
            write_redis_run(r, clock_wall_s());
            return;
        }
        memcpy(r->vouch.run_id, last, sizeof last);
        r->vouch.since = since;
        tell_vouch(r);
        return;
    case REGISTRY_ERR_NOT_FOUND: /* no code was ever counted anywhere */
        write_redis_run(r, 0);
        return;
    default:
        return; /* could not find out: nothing is vouched for */
    }
}

/* ---- Redis's lists follow the registry's ---- */

static void advance(struct relay_list *list);
static void clear_outbox(struct relay *r);

static void relayed_written(struct loop_message *message)
{
    struct relay *r =
        ((struct relay_change *)((char *)message - offsetof(struct relay_change, message)))->relay;
    r->relayed.under_way = false;
    clear_outbox(r);
}

/* Clears the outbox of what Redis has. */
static void clear_outbox(struct relay *r)
{
    struct registry_outbox rows[16];
    size_t rows_count = sizeof rows / sizeof *rows;
    if (r->relayed.under_way || registry_outbox(r->reader, rows, &rows_count) != REGISTRY_OK)
        return;
    for (size_t i = 0; i < rows_count; i++) {
        for (size_t k = 0; k < r->list_count; k++) {
            struct relay_list *list = &r->lists[k];
            if (list->position.list != rows[i].list || !list->asked || list->absent ||
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
    switch (call->result) {
    case CACHE_LIST_UNANSWERED:
        list->asked = false;
        return; /* the next comparison asks again */
    case CACHE_LIST_ABSENT:
        list->asked = list->absent = true;
        if (list->was_there) { /* this Redis has lost data: it may have lost counted scans too */
            list->was_there = false;
            count(&r->counters.redis_restarts);
            write_redis_run(r, clock_wall_s());
        }
        break;
    case CACHE_LIST_DONE:
    case CACHE_LIST_GAP:
    case CACHE_LIST_NEWER:
        list->asked = list->was_there = true;
        list->absent = false;
        list->redis_seq = call->redis_seq;
        break;
    }
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
    if (list->under_way || cache_state(r->cache) != CACHE_UP)
        return;
    list->call.list = list->position.list;
    list->call.generation = list->position.generation;
    list->call.done = list_answered;
    if (!list->asked)
        list->under_way = cache_list_state(r->cache, &list->call);
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

/* Brings the copy of one list to at least `to`. False: it could not be; `behind` when the
 * registry's number is lower than the copy's. */
static bool move_copy(struct relay *r, const struct registry_list *to, bool *behind)
{
    struct copy *copy = r->gateway->copy;
    struct copy_position at = copy_position(copy, to->list);
    if (at.present && at.generation == to->generation && at.seq > to->seq) {
        *behind = true;
        return false;
    }
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
            n == 0)
            return false;
        for (size_t i = 0; i < n; i++)
            copy_apply(copy, to->list, changes[i].seq,
                       (struct cache_change){changes[i].index, changes[i].bits});
        at.seq = changes[n - 1].seq;
    }
    return true;
}

/* One comparison. `thorough`: Redis is asked for its positions too. */
static void compare(struct relay *r, bool thorough)
{
    struct registry_list now[REGISTRY_LISTS_MAX];
    size_t n = REGISTRY_LISTS_MAX;
    uint64_t began_us = clock_mono_us();
    bool moved = true, behind = false;
    if (registry_lists(r->reader, now, &n) != REGISTRY_OK) {
        count(&r->counters.failures);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct relay_list *list = list_of(r, now[i].list);
        moved &= list && move_copy(r, &now[i], &behind);
        if (!list)
            continue;
        if (list->position.generation != now[i].generation)
            list->asked = false;
        list->position = now[i];
        bool suspect =
            atomic_exchange(&r->gateway->list_suspect[now[i].list % REGISTRY_LISTS_MAX], false);
        if (suspect) /* the rebuild writes an equal seq again, and so mends it */
            list->asked = list->absent = true;
        else if (thorough && !list->under_way)
            list->asked = false;
        advance(list);
    }
    atomic_store(&r->gateway->registry_behind, behind);
    if (moved)
        copy_compared(r->gateway->copy, began_us);
    else
        copy_doubt(r->gateway->copy);
    count(moved ? &r->counters.comparisons : &r->counters.failures);
    r->compared_us = began_us;
}

/* ---- the thread ---- */

static void poll_due(struct loop_timer *timer)
{
    struct relay *r = (struct relay *)((char *)timer - offsetof(struct relay, poll));
    uint32_t version = r->data_version;
    bool committed =
        registry_data_version(r->reader, &version) != REGISTRY_OK || version != r->data_version;
    bool due = clock_mono_us() - r->compared_us >= r->compare_us;
    r->data_version = version;
    if (committed || due) {
        compare(r, due);
        clear_outbox(r);
    }
    if (due)
        check_redis_run(r);
    loop_timer_start(r->loop, &r->poll, r->poll_ms);
}

static void cache_changed(void *context, enum cache_state state)
{
    struct relay *r = context;
    log_event(state == CACHE_UP ? LOG_INFO : LOG_WARNING, "redis",
              LOG_TEXT("state", state == CACHE_UP     ? "up"
                                : state == CACHE_AWAY ? "away"
                                                      : "unsuitable: maxmemory-policy is not "
                                                        "noeviction"));
    for (size_t i = 0; i < r->list_count; i++)
        r->lists[i].asked = false;
    if (state != CACHE_UP)
        return;
    check_redis_run(r);
    compare(r, true);
}

static void *run(void *context)
{
    struct relay *r = context;
    loop_run(r->loop);
    return NULL;
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
    r->cache = cache_create(r->loop, options, cache_changed, r);
    r->poll.fire = poll_due;
    compare(r, false);
    loop_timer_start(r->loop, &r->poll, r->poll_ms);
    CHECK(pthread_create(&r->thread, NULL, run, r) == 0);
    return r;
}

void relay_stop(struct relay *r)
{
    loop_stop(r->loop);
    pthread_join(r->thread, NULL);
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
