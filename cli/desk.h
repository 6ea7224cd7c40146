/* What a command works on: the gateway's configuration, and the registry that it names. */
#ifndef CLI_DESK_H
#define CLI_DESK_H

#include "gateway/config/config.h"
#include "registry/registry.h"

struct desk {
    struct config *config;
    struct registry *registry; /* NULL: only the configuration was asked for */
    struct registry_reader *reader;
};

enum desk_registry {
    DESK_CONFIG_ONLY,
    DESK_REGISTRY,        /* which must be there */
    DESK_REGISTRY_CREATE, /* or is made */
};

/* config_path NULL: $JWB_CONFIG, else /etc/jwb/gateway.yaml. False after a complaint, with nothing
 * left open. */
bool desk_open(struct desk *desk, const char *config_path, enum desk_registry wanted);
void desk_close(struct desk *desk);

/* The licence of this id, number or identifier ("-": standard input has it), as the answer of
 * `query`. False after a complaint, which does not repeat the number. */
bool desk_find_licence(struct desk *desk, const char *argument, struct registry_query *query);
/* The id of the holder of this citizen number or credit code ("-": standard input has it). `what`
 * names him in the complaint. */
bool desk_find_holder(struct desk *desk, const char *argument, const char *what,
                      uint8_t id[REGISTRY_ID_BYTES]);
/* Commits; false after a complaint. `not_found` is the sentence for REGISTRY_ERR_NOT_FOUND. */
bool desk_commit(struct desk *desk, struct registry_change *change, const char *not_found);

#endif
