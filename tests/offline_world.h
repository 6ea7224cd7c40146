/* A terminal as the cases of tests/vectors/offline.json have it: what is taken and scanned, with
 * either provider. For the test of those cases, and for agree.c. */
#ifndef TESTS_OFFLINE_WORLD_H
#define TESTS_OFFLINE_WORLD_H

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "terminal/offline.h"

#define WORLD_LISTS_MAX  4
#define WORLD_SCANS_MAX  8
#define WORLD_OCTETS_MAX 16384

struct world {
    const json_t *city; /* keys, bundles, lists, codes of one algorithm */
    const struct crypto_provider *crypto;
    struct knowledge knowledge;
    struct jwbt_storage storage; /* that keeps nothing */
    struct crypto_aead *aead;
    struct scans scans;
    bool single_use;
};

static inline enum jwbt_stored world_read(void *context, const char *name, void *into, size_t cap,
                                          size_t *len)
{
    (void)context, (void)name, (void)into, (void)cap, (void)len;
    return JWBT_ABSENT;
}
static inline enum jwbt_stored world_write(void *context, const char *name, const void *data,
                                           size_t len)
{
    (void)context, (void)name, (void)data, (void)len;
    return JWBT_STORED;
}

static inline struct bytes world_text(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    CHECK(json_is_string(value));
    return bytes_of(json_string_value(value), json_string_length(value));
}

/* The root key of the city is pinned. */
static inline void world_init(struct world *w, const json_t *city,
                              const struct crypto_provider *crypto, bool single_use)
{
    static const uint8_t secret[CRYPTO_SECRET_BYTES];
    memset(w, 0, sizeof *w);
    w->city = city;
    w->crypto = crypto;
    w->single_use = single_use;
    w->storage = (struct jwbt_storage){NULL, world_read, world_write, world_write};
    w->aead = crypto->aead_create(CRYPTO_AES_256_GCM, secret);
    CHECK(w->aead && knowledge_init(&w->knowledge, crypto, WORLD_LISTS_MAX) == JWBT_OK);
    CHECK(scans_init(&w->scans, crypto, w->aead, &w->storage, WORLD_SCANS_MAX) == JWBT_OK);
    char *roots = json_dumps(json_object_get(city, "roots"), JSON_COMPACT);
    CHECK(roots && knowledge_pin(&w->knowledge, bytes_str(roots)) == JWBT_OK);
    free(roots);
}

static inline void world_fini(struct world *w)
{
    knowledge_fini(&w->knowledge);
    scans_fini(&w->scans);
    w->crypto->aead_destroy(&w->aead);
}

/* As the vectors name it. */
static inline const char *world_word(enum jwbt_error error)
{
    static const char *const words[] = {
        [JWBT_OK] = "ok",
        [JWBT_ERR_MALFORMED] = "malformed",
        [JWBT_ERR_UNTRUSTED] = "untrusted",
        [JWBT_ERR_OLDER] = "older",
        [JWBT_ERR_NOT_YET] = "not_yet",
        [JWBT_ERR_EXPIRED] = "expired",
        [JWBT_ERR_UNKNOWN_LIST] = "unknown_list",
    };
    const bool named = (size_t)error < sizeof words / sizeof *words && words[error];
    return named ? words[error] : jwbt_error_text(error);
}

/* The octets of a step that takes something; `storage` has WORLD_OCTETS_MAX. */
static inline struct bytes world_octets(const struct world *w, const json_t *step, uint8_t *storage)
{
    const bool bundle = json_object_get(step, "bundle");
    const char *kind = bundle ? "bundles" : "lists",
               *name = json_string_value(json_object_get(step, bundle ? "bundle" : "list"));
    struct buf octets;
    buf_init(&octets, storage, WORLD_OCTETS_MAX);
    CHECK(name && buf_put_from_hex(&octets, world_text(json_object_get(w->city, kind), name)));
    return buf_bytes(&octets);
}

static inline const char *world_take(struct world *w, const json_t *step, struct bytes octets)
{
    const int64_t now = json_integer_value(json_object_get(step, "now"));
    const uint16_t list = (uint16_t)json_integer_value(json_object_get(step, "as"));
    bool revokes;
    return world_word(json_object_get(step, "bundle")
                          ? knowledge_take_bundle(&w->knowledge, octets, 0, now)
                          : knowledge_take_list(&w->knowledge, list, octets, -1, now, &revokes));
}

static inline void world_answer(const struct world *w, struct bytes text, int64_t now,
                                struct offline_answer *answer)
{
    const struct offline_state state = {&w->knowledge, &w->scans, w->single_use};
    offline_verify(&state, text, now, answer);
}

#endif
