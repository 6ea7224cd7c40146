/* GET /metrics: Prometheus text format 0.0.4. Every counter of every room is read here and nowhere
 * else; labels are words of closed lists. */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/home.h"
#include "gateway/ledger.h"
#include "gateway/publisher.h"
#include "gateway/relay.h"
#include "gateway/webhooks.h"
#include "registry/issuing.h"

#define METRICS_STEPS(S) S(answer_metrics)

#define METRICS_BYTES_MAX (1024 * 1024)

struct metrics {
    struct operation op;
};

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP jwb_%s %s\n# TYPE jwb_%s %s\n", name, help, name, type);
}

/* A value without labels. */
static void put(struct buf *out, const char *name, const char *type, const char *help,
                uint64_t value)
{
    head(out, name, type, help);
    buf_printf(out, "jwb_%s %llu\n", name, (unsigned long long)value);
}

/* The same counter of all loops; `offset` is of an _Atomic uint64_t in what `part` gives of a loop.
 */
static uint64_t sum(const struct gateway *gateway, const void *(*part)(const struct gateway_loop *),
                    size_t offset)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < gateway->loop_count; i++)
        total += load((const _Atomic uint64_t *)((const char *)part(gateway->loops[i]) + offset));
    return total;
}

static const void *part_gateway(const struct gateway_loop *home)
{
    return &home->counters;
}
static const void *part_http(const struct gateway_loop *home)
{
    return http_loop_counters(home->http);
}
static const void *part_cache(const struct gateway_loop *home)
{
    return cache_counters(home->cache);
}
static const void *part_journal(const struct gateway_loop *home)
{
    return journal_counters(home->journal);
}

/* ---- the plain ones, as a table ---- */

static const struct plain {
    const char *name, *type, *help;
    const void *(*part)(const struct gateway_loop *);
    size_t offset;
} plain[] = {
/* clang-format off */
#define P(name, type, help, room, field) \
    {name, type, help, part_##room, offsetof(struct room##_counters, field)},
    P("http_connections",               "gauge",   "Connections now.",                             http, connections)
    P("http_accepted_total",            "counter", "Connections accepted.",                        http, accepted)
    P("http_refused_total",             "counter", "Connections closed over the cap.",             http, refused_full)
    P("http_tls_failed_total",          "counter", "TLS handshakes that failed.",                  http, tls_failed)
    P("http_requests_total",            "counter", "Requests received.",                           http, requests)
    P("http_malformed_total",           "counter", "Requests refused as malformed.",               http, malformed)
    P("http_spooled",                   "gauge",   "Large bodies on disk now.",                    http, spooled)
    P("signing_failures_total",         "counter", "Codes and receipts that could not be signed.", gateway, signing_failures)
    P("verify_signatures_total",        "counter", "Codes whose signature was checked.",           gateway, slow_path)
    P("tokens_given_total",             "counter", "Access tokens given.",                         gateway, tokens_given)
    P("tokens_refused_total",           "counter", "Requests for a token refused.",                gateway, tokens_refused)
    P("throttled_total",                "counter", "Requests without a token, too many from an address.", gateway, throttled)
    P("quotas_exceeded_total",          "counter", "Requests of clients beyond their quota.",      gateway, quotas_exceeded)
    P("checks_refused_total",           "counter", "Partners' checks without consent or match.",   gateway, checks_refused)
    P("guessing_total",                 "counter", "Checks of partners that had too many refused.", gateway, guessing)
    P("lookups_total",                  "counter", "Inspectors' lookups without a code.",          gateway, lookups)
    P("lookup_alerts_total",            "counter", "Lookups above the limit of a person.",         gateway, lookup_alerts)
    P("redis_trips_total",              "counter", "Trips to Redis.",                              cache, trips)
    P("redis_trips_unanswered_total",   "counter", "Trips without an answer in time.",             cache, unanswered)
    P("redis_trips_refused_total",      "counter", "Trips that could not start.",                  cache, refused)
    P("redis_wrong_echo_total",         "counter", "Answers to another question.",                 cache, wrong_echo)
    P("redis_reconnects_total",         "counter", "Connections made to Redis.",                   cache, reconnects)
    P("redis_in_flight",                "gauge",   "Trips under way.",                             cache, in_flight)
    P("evidence_records_total",         "counter", "Evidence records written.",                    journal, records)
    P("evidence_writes_total",          "counter", "Writes to the journals.",                      journal, writes)
    P("evidence_syncs_total",           "counter", "Syncs of the journals.",                       journal, syncs)
    P("evidence_failures_total",        "counter", "Writes that failed.",                          journal, failures)
    P("evidence_torn_bytes_total",      "counter", "Bytes of torn tails cut at start.",            journal, torn_bytes)
#undef P
    /* clang-format on */
};

/* ---- those with labels ---- */

static void put_answers(struct buf *out, const struct gateway *gateway)
{
    head(out, "answers_total", "counter", "Answers by route and class of status.");
    for (int route = 0; route < ROUTE_COUNT; route++)
        for (int class = 1; class < 6; class ++) {
            uint64_t n = sum(gateway, part_gateway,
                             offsetof(struct gateway_counters, answers[route][class]));
            if (n)
                buf_printf(
                    out, "jwb_answers_total{method=\"%s\",route=\"%s\",status=\"%dxx\"} %llu\n",
                    route_at(route)->method, route_at(route)->path, class, (unsigned long long)n);
        }
}

static void put_words(struct buf *out, const struct gateway *gateway)
{
    static const char *const beliefs[] = {
        [COPY_BELIEVED] = "believed",
        [COPY_ASK_STALE] = "stale",
        [COPY_ASK_SILENT] = "silent",
        [COPY_ASK_DIFFER] = "differ",
    };
    head(out, "verify_results_total", "counter", "Verifies by reason.");
    for (int i = 0; i < REASON_COUNT; i++)
        buf_printf(out, "jwb_verify_results_total{result=\"%s\",reason=\"%s\"} %llu\n",
                   verdict_result_text(verdict_reason_result(i)), verdict_reason_text(i),
                   (unsigned long long)sum(gateway, part_gateway,
                                           offsetof(struct gateway_counters, reasons[i])));
    head(out, "status_beliefs_total", "counter",
         "Verifies by what Redis and the copy said together; all but believed ask the registry.");
    for (int i = 0; i < COPY_BELIEFS; i++)
        buf_printf(out, "jwb_status_beliefs_total{belief=\"%s\"} %llu\n", beliefs[i],
                   (unsigned long long)sum(gateway, part_gateway,
                                           offsetof(struct gateway_counters, beliefs[i])));
    head(out, "assertions_total", "counter", "Clients' assertions by what was wrong with them.");
    for (int i = 0; i < JWT_ERROR_COUNT; i++)
        buf_printf(out, "jwb_assertions_total{result=\"%s\"} %llu\n", jwt_error_text(i),
                   (unsigned long long)sum(gateway, part_gateway,
                                           offsetof(struct gateway_counters, assertions[i])));
    const struct identity_counters *identity = identity_counters(gateway->identity);
    head(out, "identity_tokens_total", "counter",
         "Tokens of the identity provider by what was wrong with them.");
    for (int i = 0; i < JWT_ERROR_COUNT; i++) {
        uint64_t n = i == JWT_REPLAYED ? sum(gateway, part_gateway,
                                             offsetof(struct gateway_counters, identity_replays))
                                       : load(&identity->tokens[i]);
        buf_printf(out, "jwb_identity_tokens_total{result=\"%s\"} %llu\n", jwt_error_text(i),
                   (unsigned long long)n);
    }
    head(out, "problems_total", "counter", "Refusals by problem code.");
    for (int i = 0; i < PROBLEM_COUNT; i++)
        buf_printf(out, "jwb_problems_total{code=\"%s\"} %llu\n", problem_code(i),
                   (unsigned long long)sum(gateway, part_gateway,
                                           offsetof(struct gateway_counters, problems[i])));
}

/* ---- durations, in seconds as Prometheus wants them ---- */

static void put_bucket(struct buf *out, const char *name, const char *labels, uint64_t bound_us,
                       const struct histogram *h)
{
    buf_printf(out, "jwb_%s_bucket{%s%sle=\"%g\"} %llu\n", name, labels, *labels ? "," : "",
               (double)bound_us / 1e6, (unsigned long long)histogram_count_at_most(h, bound_us));
}

/* After its buckets. */
static void put_totals(struct buf *out, const char *name, const char *labels,
                       const struct histogram *h)
{
    uint64_t total = load(&h->count);
    buf_printf(out, "jwb_%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, *labels ? "," : "",
               (unsigned long long)total);
    buf_printf(out, "jwb_%s_sum{%s} %g\njwb_%s_count{%s} %llu\n", name, labels,
               (double)load(&h->sum_us) / 1e6, name, labels, (unsigned long long)total);
}

static void put_step(struct buf *out, const char *labels, const struct histogram *h)
{
    static const uint64_t bounds_us[] = {10,   25,   50,    100,   250,    500,
                                         1000, 2500, 10000, 50000, 250000, 1000000};
    for (size_t i = 0; i < sizeof bounds_us / sizeof *bounds_us; i++)
        put_bucket(out, "step_seconds", labels, bounds_us[i], h);
    put_totals(out, "step_seconds", labels, h);
}

/* Every bucket there is: make bench-quick compares quantiles with them. */
static void put_trips(struct buf *out, const struct histogram *h)
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++)
        put_bucket(out, "redis_trip_seconds", "", histogram_bound_us(i), h);
    put_totals(out, "redis_trip_seconds", "", h);
}

static void put_durations(struct buf *out, const struct gateway *gateway)
{
    struct histogram trips = {0};
    char labels[160];
    head(out, "step_seconds", "histogram", "Each step of each kind of request.");
    for (int id = 0; id < ROUTE_COUNT; id++) {
        const struct route *route = route_at(id);
        for (unsigned step = 0; step < route->flow->step_count; step++) {
            struct histogram all = {0};
            for (unsigned i = 0; i < gateway->loop_count; i++)
                histogram_add(&all, &gateway->loops[i]->counters.step_us[id][step]);
            if (!load(&all.count))
                continue;
            snprintf(labels, sizeof labels, "flow=\"%s\",step=\"%s\"", route->flow->name,
                     route->flow->steps[step].name);
            put_step(out, labels, &all);
        }
    }
    for (unsigned i = 0; i < gateway->loop_count; i++)
        histogram_add(&trips, &cache_counters(gateway->loops[i]->cache)->trip_us);
    head(out, "redis_trip_seconds", "histogram", "One verify's trip to Redis.");
    put_trips(out, &trips);
}

/* ---- what there is once per process ---- */

static void put_process(struct buf *out, const struct gateway *gateway)
{
    const struct registry_counters *registry = registry_counters(gateway->registry);
    const struct relay_counters *relay = relay_counters(gateway->relay);
    const struct identity_counters *identity = identity_counters(gateway->identity);
    uint64_t compared_us = copy_compared_us(gateway->copy);
    head(out, "build_info", "gauge", "The running version.");
    buf_printf(out, "jwb_build_info{version=\"%s\"} 1\n", JWB_VERSION);
    put(out, "redis_up", "gauge", "1: Redis is connected and suitable.",
        relay_cache_state(gateway->relay) == CACHE_UP);
    put(out, "registry_behind", "gauge", "1: the registry's change numbers went back.",
        atomic_load(&gateway->registry_behind));
    put(out, "registry_commits_total", "counter", "Commits.", load(&registry->commits));
    put(out, "registry_changes_total", "counter", "Changes committed.", load(&registry->changes));
    put(out, "registry_failures_total", "counter", "Commits that failed.",
        load(&registry->failures));
    put(out, "registry_waiting", "gauge", "Changes waiting for the writer.",
        load(&registry->waiting));
    put(out, "comparisons_total", "counter", "Comparisons of change numbers.",
        load(&relay->comparisons));
    put(out, "comparison_failures_total", "counter", "Comparisons that failed.",
        load(&relay->failures));
    put(out, "changes_relayed_total", "counter", "Status changes told to Redis.",
        load(&relay->changes_relayed));
    put(out, "list_rebuilds_total", "counter", "Status lists written to Redis as a whole.",
        load(&relay->rebuilds));
    put(out, "redis_restarts_total", "counter", "Restarts and losses of Redis noticed.",
        load(&relay->redis_restarts));
    put(out, "directory_clients", "gauge", "Clients known to this gateway, open or not.",
        load(&gateway->directories.clients));
    put(out, "directory_shut_out", "gauge", "Persons shut out.",
        load(&gateway->directories.shut_out));
    head(out, "directory_age_seconds", "gauge", "Since the directory was last known to be new.");
    buf_printf(out, "jwb_directory_age_seconds %g\n",
               (double)(clock_mono_us() - load(&gateway->directories.checked_us)) / 1e6);
    put(out, "identity_fetches_total", "counter", "Fetches of the identity provider's keys.",
        load(&identity->fetches));
    put(out, "identity_fetch_failures_total", "counter", "Of these, failed.",
        load(&identity->fetch_failures));
    put(out, "pictures_waiting", "gauge", "Pictures waiting for a worker.",
        worker_pool_waiting(gateway->workers));
    head(out, "comparison_age_seconds", "gauge", "Since the last comparison began; NaN: in doubt.");
    if (compared_us)
        buf_printf(out, "jwb_comparison_age_seconds %g\n",
                   (double)(clock_mono_us() - compared_us) / 1e6);
    else
        buf_put_str(out, "jwb_comparison_age_seconds NaN\n");
}

static void put_log(struct buf *out, const struct gateway *gateway)
{
    const struct ledger *ledger = gateway->ledger;
    const struct ledger_counters *told = ledger_counters(ledger);
    const struct sequencer_counters *log = ledger_log_counters(ledger);
    const struct webhooks_counters *webhooks = webhooks_counters(gateway->webhooks);
    uint64_t checkpoint_us = load(&log->checkpoint_us);
    unsigned late, witnesses = ledger_witnesses(ledger, &late);
    put(out, "log_leads", "gauge", "1: this gateway writes the evidence log.",
        ledger_leads(ledger));
    put(out, "log_trouble", "gauge", "1: the evidence log can't be written.",
        atomic_load(&told->trouble));
    put(out, "log_size", "gauge", "Entries of the evidence log.", load(&log->size));
    put(out, "log_events", "gauge", "Events of the registry that are in it.",
        ledger_events(ledger));
    put(out, "log_entries_total", "counter", "Entries written by this gateway.",
        load(&log->entries));
    put(out, "log_commits_total", "counter", "Commits, each with a checkpoint.",
        load(&log->commits));
    put(out, "log_failures_total", "counter", "Commits that failed.", load(&log->failures));
    head(out, "log_lag_seconds", "gauge", "Age of the oldest record that is not in the log yet.");
    buf_printf(out, "jwb_log_lag_seconds %g\n", (double)load(&log->lag_us) / 1e6);
    head(out, "log_checkpoint_age_seconds", "gauge", "Since the last checkpoint; NaN: none yet.");
    if (checkpoint_us)
        buf_printf(out, "jwb_log_checkpoint_age_seconds %g\n",
                   (double)(clock_mono_us() - checkpoint_us) / 1e6);
    else
        buf_put_str(out, "jwb_log_checkpoint_age_seconds NaN\n");
    put(out, "witnesses", "gauge", "Witnesses of the evidence log.", witnesses);
    put(out, "witnesses_late", "gauge", "Of these, late with a cosignature.", late);
    head(out, "anomalies_total", "counter", "What was unusual, by rule.");
    for (int rule = 0; rule < ANOMALY_RULE_COUNT; rule++)
        buf_printf(out, "jwb_anomalies_total{rule=\"%s\"} %llu\n", anomaly_rule_text(rule),
                   (unsigned long long)load(&told->anomalies[rule]));
    put(out, "anomalies_untracked_total", "counter", "Looks that could not be counted.",
        ledger_untracked(ledger));
    put(out, "webhooks_delivered_total", "counter", "Messages that authorities took.",
        load(&webhooks->delivered));
    put(out, "webhooks_failed_total", "counter", "Attempts that failed.", load(&webhooks->failed));
    put(out, "webhooks_dead_total", "counter", "Messages that were given up.",
        load(&webhooks->dead));
}

static void put_published(struct buf *out, const struct gateway *gateway)
{
    const struct publisher_counters *told = publisher_counters(gateway->publisher);
    put(out, "status_lists", "gauge", "Status lists there are.",
        publisher_list_count(gateway->publisher));
    put(out, "status_lists_made_total", "counter", "Tokens of status lists made, in both forms.",
        load(&told->made));
    put(out, "status_lists_failures_total", "counter", "Of these, could not be made.",
        load(&told->failures));
    head(out, "status_list_making_seconds", "gauge", "How long the last one took.");
    buf_printf(out, "jwb_status_list_making_seconds %g\n", (double)load(&told->made_us) / 1e6);
    put(out, "trust_bundle_expires_seconds", "gauge", "Unix time; 0: none is served.",
        (uint64_t)atomic_load(&told->bundle_expires));
    put(out, "trust_bundle_refused_total", "counter", "Files that were no good, and not served.",
        load(&told->bundle_refused));
}

/* What waits for somebody. Nothing is told of what can't be found out. */
static void put_waiting(struct buf *out, struct gateway_loop *home)
{
    const int32_t today = civil_day_at(clock_wall_s());
    uint64_t a, b;
    if (registry_actions_waiting(home->reader, &a, &b) == REGISTRY_OK) {
        put(out, "cancellations_open", "gauge", "Requests to cancel that wait for an issuer.", a);
        put(out, "cancellations_escalated", "gauge", "Of these, past their day.", b);
    }
    if (registry_deliveries_count(home->reader, &a, &b) == REGISTRY_OK) {
        put(out, "webhooks_waiting", "gauge", "Messages that authorities are owed.", a);
        put(out, "webhooks_dead", "gauge", "Messages given up: jwb outbox list --dead.", b);
    }
    if (registry_objections_waiting(home->reader, today, &a, &b) == REGISTRY_OK) {
        put(out, "objections_waiting", "gauge", "Objections that wait for an issuer.", a);
        put(out, "objections_overdue", "gauge", "Of these, past their day.", b);
    }
}

/* Nothing is told of what can't be found out. */
static void put_access_requests(struct buf *out, struct gateway_loop *home)
{
    uint64_t waiting, overdue;
    if (registry_access_waiting(home->reader, civil_day_at(clock_wall_s()), &waiting, &overdue) !=
        REGISTRY_OK)
        return;
    put(out, "access_requests_waiting", "gauge", "Applications that wait for a decision.", waiting);
    put(out, "access_requests_overdue", "gauge", "Of these, past their day.", overdue);
}

static enum step_result answer_metrics(struct metrics *m)
{
    const struct gateway *gateway = m->op.home->gateway;
    struct buf out;
    buf_init(&out, http_alloc(m->op.http, METRICS_BYTES_MAX), METRICS_BYTES_MAX);
    put_process(&out, gateway);
    put_access_requests(&out, m->op.home);
    put_log(&out, gateway);
    put_published(&out, gateway);
    put_waiting(&out, m->op.home);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        put(&out, plain[i].name, plain[i].type, plain[i].help,
            sum(gateway, plain[i].part, plain[i].offset));
    put_answers(&out, gateway);
    put_words(&out, gateway);
    put_durations(&out, gateway);
    CHECK(buf_ok(&out));
    return operation_answer(&m->op, 200, "text/plain; version=0.0.4", buf_bytes(&out), NULL, 0);
}

FLOW_DEFINE(metrics, METRICS_STEPS);
