/* What a command works on: the gateway's configuration, and the registry that it names. */
#ifndef CLI_DESK_H
#define CLI_DESK_H

#include <stdio.h>

#include "gateway/config/config.h"
#include "registry/access.h"

struct command;

struct desk {
    struct config *config;
    char operator[REGISTRY_CASE_BYTES_MAX]; /* who runs the command: his name on the machine */
    struct registry *registry;              /* NULL: only the configuration was asked for */
    struct registry_reader *reader;
};

enum desk_registry {
    DESK_CONFIG_ONLY,
    DESK_REGISTRY,         /* which must be there; the command is noted in it, as evidence */
    DESK_REGISTRY_CREATE,  /* or is made */
    DESK_REGISTRY_UNNOTED, /* restored from a backup: it is to be put right first */
};

/* Is a configuration named, or in its usual place? As desk_open looks for it. */
bool desk_is_configured(const char *config_path);
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
/* The client of this id; false after a complaint. */
bool desk_find_client(struct desk *desk, const char *id, struct registry_client *client);
/* Was it read? Else complains. */
bool desk_read(enum registry_error error);
/* The operator and his command, as evidence names them; views into the desk. */
struct registry_actor desk_actor(const struct desk *desk);
/* Commits in the operator's name; false after a complaint. `not_found` is the sentence for
 * REGISTRY_ERR_NOT_FOUND. */
bool desk_commit(struct desk *desk, struct registry_change *change, const char *not_found);
/* Returns when no gateway can still believe what was before the last commit, and tells `out` after
 * how long: a relay's few milliseconds, or two seconds while Redis can't be told. */
void desk_wait_in_force(struct desk *desk, FILE *out);

/* All of a command that has no options and arguments of its own: does one thing with the registry.
 */
int desk_run(const struct command *command, int argc, char **argv, bool (*act)(struct desk *));

#endif
