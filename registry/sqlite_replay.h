/* Private to sqlite_reconcile.c and sqlite_replay.c: a reconciliation under way. */
#ifndef REGISTRY_SQLITE_REPLAY_H
#define REGISTRY_SQLITE_REPLAY_H

#include "registry/sqlite_change.h"

struct reconciling {
    struct sqlite_connection *c;
    struct registry_change *change;
    struct registry_replay *replay;
    uint64_t last;      /* the log's */
    int64_t superseded; /* the licence whose next event is its new version; 0: none */
};

/* Does what the log's event of this number, which is one of the registry's now, did to the registry
 * that was lost; and finds the licence that it is of. In order. */
enum registry_error replay_event(struct reconciling *r, uint64_t number);
enum registry_error licence_find_row(struct sqlite_connection *c, int64_t row,
                                     struct licence_state *l);

#endif
