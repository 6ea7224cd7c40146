/* What all loops share, and what each has of its own. */
#ifndef GATEWAY_HOME_H
#define GATEWAY_HOME_H

#include <pthread.h>

#include "base/histogram.h"
#include "cache/copy.h"
#include "evidence/journal.h"
#include "gateway/directory.h"
#include "gateway/identity.h"
#include "gateway/operation.h"
#include "gateway/routes.h"
#include "gateway/settings.h"
#include "gateway/throttle.h"
#include "loop/thread.h"
#include "loop/worker.h"
#include "protocol/code.h"
#include "registry/registry.h"

#define GATEWAY_LOOPS_MAX      64
#define GATEWAY_CATALOGUE_MAX  1024 /* entries kept per loop; those behind are read each time */
#define GATEWAY_EVIDENCE_BYTES (1024 * 1024) /* of one turn's records */
#define CODE_KEY_LINGER_S      60 /* a code's key in Redis outlives it: docs/PROTOCOL.md */

struct indexer;
struct publisher;
struct ledger;
struct relay;
struct webhooks;

struct gateway {
    struct registry *registry;
    struct copy *copy;
    struct worker_pool *workers; /* draw pictures */
    struct worker_pool *errands; /* wait for others: a fetch of keys, a search of journals */
    struct relay *relay;
    struct identity *identity;
    struct indexer *indexer;
    struct ledger *ledger;              /* the evidence log */
    struct webhooks *webhooks;          /* what authorities are told */
    struct publisher *publisher;        /* trust bundle and status lists */
    struct directory_shelf directories; /* the relay lays, the loops take */
    struct http *http;
    struct settings *settings;     /* main's reference; each loop has its own */
    pthread_mutex_t settings_lock; /* others take it by gateway_settings */
    struct settings *started_with; /* kept: rooms borrow texts of keys that take effect at start */
    uint16_t public_port, internal_port;
    struct gateway_loop *loops[GATEWAY_LOOPS_MAX];
    unsigned loop_count;
    /* Set by the relay, read by the loops. */
    _Atomic bool registry_behind; /* it lost changes that the copy or Redis know: an old backup */
    /* Set by the loops, taken by the relay: Redis and the copy, both at the same change of this
     * list, have other bits. */
    _Atomic bool list_suspect[REGISTRY_LISTS_MAX];
    /* The same: a loop has a new connection to Redis, and believes nothing until a comparison that
     * began after it. */
    _Atomic bool compare_wanted;
};

/* A reference to the present settings. Any thread. */
struct settings *gateway_settings(struct gateway *gateway);

/* Counted by one loop, read by any thread. */
struct gateway_counters {
    _Atomic uint64_t assertions[JWT_ERROR_COUNT]; /* clients' own, by what was wrong with them */
    _Atomic uint64_t identity_replays;            /* tokens of persons, used before */
    _Atomic uint64_t tokens_given, tokens_refused;
    _Atomic uint64_t throttled;       /* asked without a token, too often */
    _Atomic uint64_t quotas_exceeded; /* by clients */
    _Atomic uint64_t checks_refused;  /* of partners, all four kinds */
    _Atomic uint64_t guessing;        /* refused checks above the limit */
    _Atomic uint64_t lookups, lookup_alerts;
    struct histogram step_us[ROUTE_COUNT][FLOW_STEPS_MAX];
    _Atomic uint64_t answers[ROUTE_COUNT][6]; /* by status / 100 */
    _Atomic uint64_t problems[PROBLEM_COUNT];
    _Atomic uint64_t reasons[REASON_COUNT];
    _Atomic uint64_t beliefs[COPY_BELIEFS]; /* by enum copy_belief */
    _Atomic uint64_t slow_path;             /* signatures checked */
    _Atomic uint64_t signing_failures;      /* codes and receipts that could not be signed */
};
static inline void count(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* By place in the key file's ring. OpenSSL's contexts are not shared between threads. */
struct loop_keys {
    struct crypto_signer *signers[KEYRING_KEYS_MAX]; /* NULL of a key in an HSM */
    struct crypto_verifier *verifiers[KEYRING_KEYS_MAX];
};

struct gateway_loop {
    struct gateway *gateway;
    unsigned index;
    struct loop_thread *thread;
    struct loop *loop; /* late completions are posted to it until the registry is closed */
    bool loop_is_left; /* it is not to be destroyed */
    struct http_loop *http;
    struct cache *cache;
    struct registry_reader *reader;
    struct journal *journal;
    struct settings *settings;   /* this loop's reference */
    struct directory *directory; /* this loop's reference */
    struct throttle *throttle;   /* of those who ask without a token */

    struct crypto_mac *token_mac, *code_mac;
    struct crypto_aead *face_aead;
    struct loop_keys keys;
    bool signing_fails; /* told in the log */

    struct loop_task record_task; /* writes this turn's evidence */
    struct loop_timer try_timer;  /* runs while that fails */
    struct operation *recording, **recording_tail;
    uint64_t next_request_id;
    struct registry_catalogue_entry *types[GATEWAY_CATALOGUE_MAX];
    struct gateway_counters counters;
};

/* Opens what a loop has of its own but its connections: journal, reader, keys, event loop. `home`
 * has its gateway and index. False with a sentence in `why`; gateway_loop_close is due either way.
 */
bool gateway_loop_open(struct gateway_loop *home, const uint8_t secret[CRYPTO_SECRET_BYTES],
                       struct buf *why);
/* Closes all but the event loop, when its thread has ended. */
void gateway_loop_close(struct gateway_loop *home);
/* At start and reload: makes the loop's contexts for the settings' keys and takes a reference.
 * False: ours, nothing has changed. */
bool gateway_loop_use_settings(struct gateway_loop *home, struct settings *settings);
/* The gateway's own mark on a code it issued: the first bytes of
 * HMAC-SHA-256(K_code, "jwb-code-1" || COSE bytes). False: ours. */
bool gateway_mark_code(struct gateway_loop *home, struct bytes cose, uint8_t mark[CACHE_MAC_BYTES]);
/* After the registry said that the licence at this place is valid: does this process know a later
 * change that says otherwise? Then the registry went back in time, however lately, and can't be
 * believed. */
bool gateway_knows_later(struct gateway_loop *home, uint16_t list, uint32_t index);
/* The type's catalogue entry, or NULL when the registry has none or can't be asked. */
const struct registry_catalogue_entry *gateway_licence_type(struct gateway_loop *home,
                                                            uint16_t index);

#endif
