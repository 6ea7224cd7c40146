/* Who is a client and who is shut out: an immutable picture of the registry. The relay makes a new
 * one when the registry says that something changed and lays it on the shelf, from where each loop
 * takes it. A token is believed only with it: what was given may have been taken back since. */
#ifndef GATEWAY_DIRECTORY_H
#define GATEWAY_DIRECTORY_H

#include <pthread.h>
#include <stdatomic.h>

#include "registry/access.h"

struct directory;

/* An older picture is not believed: what it lacks may be a refusal. */
#define DIRECTORY_AGE_MAX_S 5

struct directory_shelf {
    pthread_mutex_t lock;     /* guards newest, for an instant */
    struct directory *newest; /* NULL: none was ever made */
    _Atomic uint64_t version; /* the newest's, by registry_access_version */
    /* When the registry last said that the newest is as new as itself, CLOCK_MONOTONIC us. */
    _Atomic uint64_t checked_us;
    _Atomic uint64_t clients, shut_out; /* how many are in the newest */
};
void directory_shelf_init(struct directory_shelf *shelf);
void directory_shelf_fini(struct directory_shelf *shelf);
/* On one thread: makes a new picture if the registry has a later version than the newest's. False:
 * the registry could not be read, or has an earlier version: it went back. */
bool directory_follow(struct directory_shelf *shelf, struct registry_reader *reader);
/* On a loop: *directory becomes the newest, if it is another. False: it is too old to be believed.
 * Costs two loads when nothing changed. */
bool directory_use(struct directory_shelf *shelf, struct directory **directory);

struct directory *directory_take(struct directory *directory);
void directory_release(struct directory **directory); /* NULL in it is fine */

/* By id; NULL when there is none. Disabled and expired ones are found too. */
const struct registry_client *directory_client(const struct directory *directory, struct bytes id);
bool directory_shut_out(const struct directory *directory, enum token_role role,
                        struct bytes subject);

/* May a client of this role ask at `now`? */
bool client_is_open(const struct registry_client *client, enum token_role role, int64_t now);
bool client_has_type(const struct registry_client *client, struct bytes type);
bool client_has_purpose(const struct registry_client *client, struct bytes purpose);

#endif
