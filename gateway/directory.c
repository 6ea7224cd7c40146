#include "gateway/directory.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"

/* Open addressing over an array that is complete before anybody looks: at most half full. */
struct table {
    uint32_t *slots; /* position in the array + 1; 0: free */
    size_t mask;
};

struct directory {
    _Atomic unsigned references;
    uint64_t version;
    struct registry_client *clients;
    size_t client_count;
    struct registry_shut_out *shut_outs;
    size_t shut_out_count;
    struct table by_id, by_person;
};

/* FNV-1a; the keys are the registry's, not a stranger's. */
static uint64_t hash_of(unsigned role, struct bytes text)
{
    uint64_t hash = 0xcbf29ce484222325u ^ role;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ text.data[i]) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

static void table_make(struct table *table, size_t count)
{
    size_t size = 16;
    while (size < 2 * count)
        size *= 2;
    table->slots = check_alloc(size * sizeof *table->slots);
    table->mask = size - 1;
}

static void table_put(struct table *table, uint64_t hash, size_t at)
{
    size_t i = hash & table->mask;
    while (table->slots[i])
        i = (i + 1) & table->mask;
    table->slots[i] = (uint32_t)at + 1;
}

/* ---- making one ---- */

static void *grow(void *array, size_t count, size_t octets)
{
    if (count & (count - 1)) /* room for the next power of two is there */
        return array;
    void *larger = realloc(array, (count ? 2 * count : 1) * octets);
    CHECK(larger);
    return larger;
}

static void add_client(void *context, const struct registry_client *client)
{
    struct directory *d = context;
    d->clients = grow(d->clients, d->client_count, sizeof *d->clients);
    d->clients[d->client_count++] = *client;
}

static void add_shut_out(void *context, const struct registry_shut_out *person)
{
    struct directory *d = context;
    d->shut_outs = grow(d->shut_outs, d->shut_out_count, sizeof *d->shut_outs);
    d->shut_outs[d->shut_out_count++] = *person;
}

static struct directory *create(struct registry_reader *reader, uint64_t version)
{
    struct directory *d = check_alloc(sizeof *d);
    atomic_init(&d->references, 1);
    d->version = version;
    if (registry_clients(reader, add_client, d) != REGISTRY_OK ||
        registry_shut_outs(reader, add_shut_out, d) != REGISTRY_OK) {
        directory_release(&d);
        return NULL;
    }
    table_make(&d->by_id, d->client_count);
    for (size_t i = 0; i < d->client_count; i++)
        table_put(&d->by_id, hash_of(0, bytes_str(d->clients[i].id)), i);
    table_make(&d->by_person, d->shut_out_count);
    for (size_t i = 0; i < d->shut_out_count; i++)
        table_put(&d->by_person, hash_of(d->shut_outs[i].role, bytes_str(d->shut_outs[i].subject)),
                  i);
    return d;
}

/* ---- the shelf ---- */

void directory_shelf_init(struct directory_shelf *shelf)
{
    *shelf = (struct directory_shelf){.newest = NULL};
    CHECK(pthread_mutex_init(&shelf->lock, NULL) == 0);
}

void directory_shelf_fini(struct directory_shelf *shelf)
{
    directory_release(&shelf->newest);
    pthread_mutex_destroy(&shelf->lock);
}

bool directory_follow(struct directory_shelf *shelf, struct registry_reader *reader)
{
    uint64_t now_us = clock_mono_us(), version;
    if (registry_access_version(reader, &version) != REGISTRY_OK || version < shelf->version)
        return false;
    if (version > shelf->version || !shelf->newest) {
        /* Read after the version: it can only be newer, and is made again then. */
        struct directory *made = create(reader, version), *old = shelf->newest;
        if (!made)
            return false;
        pthread_mutex_lock(&shelf->lock);
        shelf->newest = made;
        pthread_mutex_unlock(&shelf->lock);
        atomic_store(&shelf->version, version);
        atomic_store(&shelf->clients, made->client_count);
        atomic_store(&shelf->shut_out, made->shut_out_count);
        directory_release(&old);
    }
    atomic_store(&shelf->checked_us, now_us);
    return true;
}

bool directory_use(struct directory_shelf *shelf, struct directory **directory)
{
    if (!*directory || (*directory)->version != atomic_load(&shelf->version)) {
        pthread_mutex_lock(&shelf->lock);
        struct directory *newest = shelf->newest ? directory_take(shelf->newest) : NULL;
        pthread_mutex_unlock(&shelf->lock);
        directory_release(directory);
        *directory = newest;
    }
    return *directory && clock_mono_us() - atomic_load(&shelf->checked_us) <=
                             DIRECTORY_AGE_MAX_S * UINT64_C(1000000);
}

struct directory *directory_take(struct directory *directory)
{
    atomic_fetch_add_explicit(&directory->references, 1, memory_order_relaxed);
    return directory;
}

void directory_release(struct directory **directory)
{
    struct directory *d = *directory;
    *directory = NULL;
    if (!d || atomic_fetch_sub(&d->references, 1) != 1)
        return;
    free(d->clients);
    free(d->shut_outs);
    free(d->by_id.slots);
    free(d->by_person.slots);
    free(d);
}

/* ---- asking it ---- */

const struct registry_client *directory_client(const struct directory *directory, struct bytes id)
{
    const struct table *table = &directory->by_id;
    for (size_t i = hash_of(0, id) & table->mask; table->slots[i]; i = (i + 1) & table->mask) {
        const struct registry_client *client = &directory->clients[table->slots[i] - 1];
        if (bytes_equal(id, bytes_str(client->id)))
            return client;
    }
    return NULL;
}

bool directory_shut_out(const struct directory *directory, enum token_role role,
                        struct bytes subject)
{
    const struct table *table = &directory->by_person;
    for (size_t i = hash_of(role, subject) & table->mask; table->slots[i];
         i = (i + 1) & table->mask) {
        const struct registry_shut_out *person = &directory->shut_outs[table->slots[i] - 1];
        if (person->role == role && bytes_equal(subject, bytes_str(person->subject)))
            return true;
    }
    return false;
}

/* ---- what a client may ---- */

bool client_is_open(const struct registry_client *client, enum token_role role, int64_t now)
{
    return client->role == role && !client->disabled &&
           (client->expires_at == 0 || now < client->expires_at);
}

bool client_has_type(const struct registry_client *client, struct bytes type)
{
    if (client->type_count == 0)
        return true;
    for (unsigned i = 0; i < client->type_count; i++)
        if (bytes_equal(type, bytes_str(client->types[i])))
            return true;
    return false;
}

bool client_has_purpose(const struct registry_client *client, struct bytes purpose)
{
    for (unsigned i = 0; i < client->purpose_count; i++)
        if (bytes_equal(purpose, bytes_str(client->purposes[i])))
            return true;
    return false;
}
