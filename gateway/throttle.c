#include "gateway/throttle.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/check.h"
#include "crypto/crypto.h"

/* ---- buckets ---- */

#define PLACES    8 /* of an address; four cache lines */
#define PER_TOKEN UINT64_C(60000000)

/* What is missing is counted in parts of a token: as many make one as a minute has microseconds,
 * and each microsecond brings back per_minute of them. So a bucket that was never used is like one
 * that is full, and nothing is rounded: at most 10^6 tokens, 6 * 10^13 parts. */
struct bucket {
    uint8_t key[THROTTLE_KEY_BYTES];
    uint64_t missing, since_us;
};

struct throttle {
    uint64_t secrets[3]; /* else a peer that has many addresses could choose whose bucket goes */
    size_t set_count;
    struct bucket (*sets)[PLACES];
};

struct throttle *throttle_create(unsigned buckets)
{
    struct throttle *throttle = check_alloc(sizeof *throttle);
    CHECK(buckets > 0);
    CHECK(crypto_openssl.random((uint8_t *)throttle->secrets, sizeof throttle->secrets) ==
          CRYPTO_OK);
    throttle->set_count = ((size_t)buckets + PLACES - 1) / PLACES;
    throttle->sets = check_alloc(throttle->set_count * sizeof *throttle->sets);
    return throttle;
}

void throttle_destroy(struct throttle **throttle)
{
    if (!*throttle)
        return;
    free((*throttle)->sets);
    free(*throttle);
    *throttle = NULL;
}

/* Both halves of a product, as wyhash mixes. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static struct bucket *places_of(const struct throttle *throttle,
                                const uint8_t key[THROTTLE_KEY_BYTES])
{
    const uint64_t *secrets = throttle->secrets;
    uint64_t halves[2];
    memcpy(halves, key, sizeof halves);
    uint64_t hash = fold(fold(halves[0] ^ secrets[0], halves[1] ^ secrets[1]), secrets[2]);
    return throttle->sets[(size_t)((unsigned __int128)hash * throttle->set_count >> 64)];
}

static uint64_t missing_now(const struct bucket *bucket, unsigned per_minute, uint64_t now_us)
{
    uint64_t passed_us = now_us > bucket->since_us ? now_us - bucket->since_us : 0;
    return passed_us > bucket->missing / per_minute ? 0 : bucket->missing - passed_us * per_minute;
}

bool throttle_take(struct throttle *throttle, const uint8_t key[THROTTLE_KEY_BYTES],
                   unsigned per_minute, unsigned burst, uint64_t now_us, unsigned *wait_ms)
{
    CHECK(per_minute > 0 && burst > 0);
    struct bucket *places = places_of(throttle, key), *own = NULL, *fullest = places;
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < PLACES && !own; i++) {
        uint64_t missing = missing_now(&places[i], per_minute, now_us);
        if (memcmp(places[i].key, key, THROTTLE_KEY_BYTES) == 0)
            own = &places[i];
        if (missing < least) {
            least = missing;
            fullest = &places[i];
        }
    }
    if (!own) {
        own = fullest;
        memcpy(own->key, key, THROTTLE_KEY_BYTES);
        own->missing = 0;
    }

    uint64_t full = burst * PER_TOKEN, missing = missing_now(own, per_minute, now_us);
    if (missing > full) /* it was larger before a reload */
        missing = full;
    bool taken = missing + PER_TOKEN <= full;
    own->missing = taken ? missing + PER_TOKEN : missing;
    own->since_us = now_us;
    uint64_t per_ms = per_minute * UINT64_C(1000);
    *wait_ms = taken ? 0 : (unsigned)((missing + PER_TOKEN - full + per_ms - 1) / per_ms);
    return taken;
}

void throttle_give(struct throttle *throttle, const uint8_t key[THROTTLE_KEY_BYTES],
                   unsigned per_minute, uint64_t now_us)
{
    CHECK(per_minute > 0);
    struct bucket *places = places_of(throttle, key);
    for (unsigned i = 0; i < PLACES; i++) {
        struct bucket *own = &places[i];
        if (memcmp(own->key, key, THROTTLE_KEY_BYTES) != 0)
            continue;
        uint64_t missing = missing_now(own, per_minute, now_us);
        own->missing = missing > PER_TOKEN ? missing - PER_TOKEN : 0;
        own->since_us = now_us;
        return;
    }
}

/* ---- addresses ---- */

#define ADDRESS_BYTES 16

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* ::ffff:0:0/96: RFC 4291, 2.5.5.2 */

/* A numeric address of either kind, as 16 octets. */
static bool read_address(struct bytes text, uint8_t address[ADDRESS_BYTES])
{
    char terminated[INET6_ADDRSTRLEN];
    if (text.len >= sizeof terminated || (text.len && memchr(text.data, 0, text.len)))
        return false;
    if (text.len)
        memcpy(terminated, text.data, text.len);
    terminated[text.len] = 0;
    memcpy(address, mapped, sizeof mapped);
    return inet_pton(AF_INET, terminated, address + sizeof mapped) == 1 ||
           inet_pton(AF_INET6, terminated, address) == 1;
}

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned octets = bits / 8, spare = bits % 8;
    return memcmp(a, b, octets) == 0 && (spare == 0 || (a[octets] ^ b[octets]) >> (8 - spare) == 0);
}

struct prefix {
    uint8_t address[ADDRESS_BYTES];
    unsigned bits;
};

static bool read_bits(struct bytes digits, unsigned most, unsigned *bits)
{
    *bits = 0;
    if (digits.len == 0 || digits.len > 3)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        *bits = *bits * 10 + digits.data[i] - '0';
    }
    return *bits <= most;
}

static bool read_prefix(struct bytes text, struct prefix *prefix)
{
    const uint8_t *slash = text.len ? memchr(text.data, '/', text.len) : NULL;
    struct bytes address = bytes_of(text.data, slash ? (size_t)(slash - text.data) : text.len);
    if (!read_address(address, prefix->address))
        return false;
    prefix->bits = 8 * ADDRESS_BYTES;
    if (!slash)
        return true;
    bool is_v4 = !memchr(address.data, ':', address.len);
    if (!read_bits(bytes_from(text, address.len + 1), is_v4 ? 32 : 128, &prefix->bits))
        return false;
    prefix->bits += is_v4 ? 8 * sizeof mapped : 0;
    for (unsigned bit = prefix->bits; bit < 8 * ADDRESS_BYTES; bit++)
        if (prefix->address[bit / 8] >> (7 - bit % 8) & 1)
            return false;
    return true;
}

/* Takes the first entry off a list. */
static struct bytes take_first(struct bytes *list)
{
    const uint8_t *comma = memchr(list->data, ',', list->len);
    struct bytes first = bytes_of(list->data, comma ? (size_t)(comma - list->data) : list->len);
    *list = bytes_from(*list, comma ? first.len + 1 : first.len);
    return bytes_trim(first);
}

static struct bytes take_last(struct bytes *list)
{
    const uint8_t *comma = memrchr(list->data, ',', list->len);
    size_t before = comma ? (size_t)(comma - list->data) : 0;
    struct bytes last = bytes_from(*list, comma ? before + 1 : 0);
    list->len = before;
    return bytes_trim(last);
}

static bool is_trusted(struct bytes trusted, const uint8_t address[ADDRESS_BYTES])
{
    struct prefix prefix;
    while (trusted.len)
        if (read_prefix(take_first(&trusted), &prefix) &&
            same_prefix(address, prefix.address, prefix.bits))
            return true;
    return false;
}

void throttle_key_of(const uint8_t peer[16], struct bytes forwarded_for, const char *trusted,
                     uint8_t key[THROTTLE_KEY_BYTES])
{
    uint8_t before[ADDRESS_BYTES];
    memcpy(key, peer, ADDRESS_BYTES);
    while (forwarded_for.len && is_trusted(bytes_str(trusted), key) &&
           read_address(take_last(&forwarded_for), before))
        memcpy(key, before, ADDRESS_BYTES);
    if (memcmp(key, mapped, sizeof mapped) != 0)
        memset(key + 8, 0, THROTTLE_KEY_BYTES - 8);
}

bool throttle_prefixes_valid(const char *trusted)
{
    struct prefix prefix;
    struct bytes list = bytes_trim(bytes_str(trusted));
    bool valid = list.len == 0 || list.data[list.len - 1] != ',';
    while (valid && list.len)
        valid = read_prefix(take_first(&list), &prefix);
    return valid;
}
