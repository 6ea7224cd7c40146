/* Clients: the terminals, partners, authorities and business systems that may ask a gateway. */
#include "cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/desk.h"
#include "cli/print.h"
#include "gateway/config/policy.h"

#define QUOTA_MAX     1000000
#define OVERLAP_S_MAX (30 * 86400)
#define NOT_FOUND     "there is no client of this id"
#define IN_FORCE      "gateways know it within 5 seconds"

bool client_is_name(const char *text, size_t len_max)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x21 || text[i] > 0x7E)
            return false;
    return len >= 1 && len <= len_max;
}

bool client_read_scopes(const char *text, unsigned allowed, unsigned *scopes)
{
    char words[128];
    struct buf out = BUF_OVER(words);
    for (; *text; text++)
        buf_put_u8(&out, *text == ',' ? ' ' : (uint8_t)*text);
    return buf_ok(&out) && token_scopes_read(buf_bytes(&out), scopes) && *scopes &&
           !(*scopes & ~allowed);
}

const char *client_state_text(const struct registry_client *client, int64_t now)
{
    return client->disabled                                  ? "disabled"
           : client->expires_at && now >= client->expires_at ? "expired"
                                                             : "open";
}

/* ---- its key ---- */

struct key_source {
    const char *file, *new_file; /* one of them is given, */
    bool ticket;                 /* or it gives its key itself */
};

static bool read_key_call(const struct command *command, const struct key_source *source,
                          const char *choice)
{
    bool one = !!source->file + !!source->new_file + source->ticket == 1;
    if (!one)
        command_misused(command, "either %s", choice);
    return one;
}

static bool take_key(const struct key_source *source, uint8_t public_key[CRYPTO_PUBLIC_BYTES])
{
    return source->ticket || (source->file ? client_key_read(source->file, public_key)
                                           : client_key_create(source->new_file, public_key));
}

/* Commits a change that brings a key; a new one that the registry did not take is removed. */
static bool commit_key(struct desk *desk, struct registry_change *change,
                       const struct key_source *source)
{
    bool done = desk_commit(desk, change, NOT_FOUND);
    if (!done && source->new_file)
        unlink(source->new_file);
    if (done && source->new_file)
        printf("%s: its private key, readable by you alone\n", source->new_file);
    return done;
}

/* ---- its ticket ---- */

bool client_ticket_print(const struct config *config, const struct registry_client *client)
{
    struct token_claims claims = {.role = client->role,
                                  .client = bytes_str(client->id),
                                  .scopes = TOKEN_SCOPE_REGISTER,
                                  .issued_at = clock_wall_s()};
    claims.expires_at = claims.issued_at + CLIENT_TICKET_LIFE_S;
    if (client->expires_at && client->expires_at < claims.expires_at)
        claims.expires_at = client->expires_at;
    return token_print(config, &claims);
}

static bool give_ticket(struct desk *desk, const char *id)
{
    struct registry_client client;
    if (!desk_find_client(desk, id, &client))
        return false;
    const char *state = client_state_text(&client, clock_wall_s());
    if (strcmp(state, "open") != 0)
        command_failed("the client is %s", state);
    else if (client.key_count)
        command_failed("the client has a key; jwb client rotate-key gives it another");
    else
        return client_ticket_print(desk->config, &client);
    return false;
}

int command_client_ticket(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *id;
    const struct command_option options[] = {{"config", &config, NULL}, {NULL, NULL, NULL}};
    struct desk desk;
    if (!command_read(command, argc, argv, options, &id, 1, 1))
        return EXIT_USAGE;
    bool given = desk_open(&desk, config, DESK_REGISTRY) && give_ticket(&desk, id);
    desk_close(&desk);
    return given ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- add ---- */

struct client_call {
    const char *config, *id, *role, *organisation, *scope, *quota, *expires;
    const char *types[COMMAND_REPEATS_MAX + 1], *purposes[COMMAND_REPEATS_MAX + 1];
    struct key_source key;
    struct registry_client client;
};
_Static_assert(COMMAND_REPEATS_MAX <= ACCESS_TYPES_MAX &&
                   COMMAND_REPEATS_MAX <= ACCESS_PURPOSES_MAX,
               "what may be given has room");

static bool all_of(const char *text, const char *alphabet, size_t len_max)
{
    size_t len = strlen(text);
    return len >= 1 && len <= len_max && strspn(text, alphabet) == len;
}

/* What is wrong with the lists, or NULL. */
static const char *read_lists(const struct client_call *call, struct registry_client *client)
{
    for (; call->types[client->type_count]; client->type_count++) {
        const char *type = call->types[client->type_count];
        if (!all_of(type, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", REGISTRY_CODE_BYTES_MAX))
            return "--type is a licence type's code, of 0-9 and A-Z";
        memcpy(client->types[client->type_count], type, strlen(type) + 1);
    }
    for (; call->purposes[client->purpose_count]; client->purpose_count++) {
        const char *purpose = call->purposes[client->purpose_count];
        if (client->role != TOKEN_ROLE_PARTNER)
            return "--purpose is for partners; a business system applies for its matters";
        if (!all_of(purpose, "0123456789abcdefghijklmnopqrstuvwxyz-_.", ACCESS_PURPOSE_BYTES_MAX))
            return "--purpose is one of the policy's purposes";
        memcpy(client->purposes[client->purpose_count], purpose, strlen(purpose) + 1);
    }
    return NULL;
}

/* What is wrong with the client, or NULL. */
static const char *read_client(const struct client_call *call, struct registry_client *client)
{
    if (!call->id || !call->role || !call->organisation)
        return "--id, --role and --organisation are needed";
    if (!client_is_name(call->id, ACCESS_ID_BYTES_MAX))
        return "--id has 1 to 64 printable ASCII characters, no space";
    if (!client_is_name(call->organisation, ACCESS_ID_BYTES_MAX))
        return "--organisation has 1 to 64 printable ASCII characters, no space";
    if (!token_role_read(bytes_str(call->role), &client->role) ||
        client->role < TOKEN_ROLE_INSPECTOR || client->role > TOKEN_ROLE_AUDITOR)
        return "--role is inspector (of a terminal), partner, issuer, system or auditor";
    memcpy(client->id, call->id, strlen(call->id) + 1);
    memcpy(client->organisation, call->organisation, strlen(call->organisation) + 1);
    client->scopes = token_role_scopes(client->role);
    if (call->scope && !client_read_scopes(call->scope, client->scopes, &client->scopes))
        return "--scope is a list of scopes that the role has";
    return read_lists(call, client);
}

static bool read_call(const struct command *command, struct client_call *call)
{
    struct registry_client *client = &call->client;
    uint64_t quota = 0;
    const char *wrong = read_client(call, client);
    if (wrong)
        command_misused(command, "%s", wrong);
    if (wrong || !command_number(command, "--quota", call->quota, 0, QUOTA_MAX, &quota) ||
        !command_last_day(command, "--expires", call->expires, &client->expires_at))
        return false;
    client->quota_per_minute = (uint32_t)quota;
    client->key_count = !call->key.ticket;
    return read_key_call(command, &call->key, "--key FILE, --new-key FILE or --ticket");
}

/* A purpose that the policy does not list yet may come later; a misspelt one would never. */
static void warn_of_purposes(const struct desk *desk, const struct registry_client *client)
{
    char text[1024];
    struct buf why = BUF_OVER(text);
    struct policy *policy = policy_load(desk->config->policy_file, &why);
    for (unsigned i = 0; policy && i < client->purpose_count; i++)
        if (!policy_purpose(policy, bytes_str(client->purposes[i])))
            fprintf(stderr, "jwb: warning: the policy does not list purpose %s\n",
                    client->purposes[i]);
    policy_destroy(&policy);
}

static bool add(struct desk *desk, struct client_call *call)
{
    struct registry_client *client = &call->client;
    struct registry_change change = {.kind = CHANGE_CLIENT_ADD, .client = client};
    if (!take_key(&call->key, client->keys[0].public_key) || !commit_key(desk, &change, &call->key))
        return false;
    /* where a ticket is printed, nothing else is */
    fprintf(call->key.ticket ? stderr : stdout, "client %s is added, of role %s; " IN_FORCE "\n",
            client->id, token_role_text(client->role));
    warn_of_purposes(desk, client);
    return !call->key.ticket || client_ticket_print(desk->config, client);
}

int command_client_add(const struct command *command, int argc, char **argv)
{
    struct client_call call = {0};
    const struct command_option options[] = {{"config", &call.config, NULL},
                                             {"id", &call.id, NULL},
                                             {"role", &call.role, NULL},
                                             {"organisation", &call.organisation, NULL},
                                             {"scope", &call.scope, NULL},
                                             {"type", call.types, COMMAND_REPEATED},
                                             {"purpose", call.purposes, COMMAND_REPEATED},
                                             {"quota", &call.quota, NULL},
                                             {"expires", &call.expires, NULL},
                                             {"key", &call.key.file, NULL},
                                             {"new-key", &call.key.new_file, NULL},
                                             {"ticket", NULL, &call.key.ticket},
                                             {NULL, NULL, NULL}};
    struct desk desk;
    if (!command_read(command, argc, argv, options, NULL, 0, 0) || !read_call(command, &call))
        return EXIT_USAGE;
    bool added = desk_open(&desk, call.config, DESK_REGISTRY_CREATE) && add(&desk, &call);
    desk_close(&desk);
    return added ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- list, show ---- */

static void print_row(void *context, const struct registry_client *client)
{
    const int64_t *now = context;
    printf("%-24s  %-9s  %-24s  %s\n", client->id, token_role_text(client->role),
           client->organisation, client_state_text(client, *now));
}

static bool list(struct desk *desk)
{
    int64_t now = clock_wall_s();
    return desk_read(registry_clients(desk->reader, print_row, &now));
}

int command_client_list(const struct command *command, int argc, char **argv)
{
    return desk_run(command, argc, argv, list);
}

static void print_keys(const struct registry_client *client)
{
    for (unsigned i = 0; i < client->key_count; i++) {
        const struct registry_client_key *key = &client->keys[i];
        char text[4 * CRYPTO_PUBLIC_BYTES];
        struct buf x = BUF_OVER(text);
        buf_put_base64url(&x, bytes_of(key->public_key + 1, 32));
        printf("\nkey           x %s", buf_cstr(&x));
        if (key->retire_at)
            print_time(", until ", key->retire_at);
    }
    puts(client->key_count ? "" : "\nkey           none: jwb client ticket");
}

static void print_client(const struct registry_client *client)
{
    char text[128];
    struct buf scopes = BUF_OVER(text);
    token_scopes_write(&scopes, client->scopes);
    printf("id            %s\nrole          %s\norganisation  %s\nscopes        %s\ntypes        ",
           client->id, token_role_text(client->role), client->organisation, buf_cstr(&scopes));
    for (unsigned i = 0; i < client->type_count; i++)
        printf(" %s", client->types[i]);
    printf("%s\npurposes     ", client->type_count ? "" : " all");
    for (unsigned i = 0; i < client->purpose_count; i++)
        printf(" %s", client->purposes[i]);
    printf("%s\nquota         ", client->purpose_count ? "" : " none");
    if (client->quota_per_minute)
        printf("%u a minute", client->quota_per_minute);
    else
        printf("none");
    print_time("\nsince         ", client->since);
    printf("\nstate         %s", client_state_text(client, clock_wall_s()));
    if (client->expires_at)
        print_time("\nexpires       ", client->expires_at);
    print_keys(client);
}

int command_client_show(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *id;
    const struct command_option options[] = {{"config", &config, NULL}, {NULL, NULL, NULL}};
    struct registry_client client;
    struct desk desk;
    if (!command_read(command, argc, argv, options, &id, 1, 1))
        return EXIT_USAGE;
    bool found = desk_open(&desk, config, DESK_REGISTRY) && desk_find_client(&desk, id, &client);
    if (found)
        print_client(&client);
    desk_close(&desk);
    return found ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- disable, rotate ---- */

int command_client_disable(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *id;
    const struct command_option options[] = {{"config", &config, NULL}, {NULL, NULL, NULL}};
    struct registry_change change = {.kind = CHANGE_CLIENT_DISABLE};
    struct desk desk;
    if (!command_read(command, argc, argv, options, &id, 1, 1))
        return EXIT_USAGE;
    change.text = bytes_str(id);
    bool done = desk_open(&desk, config, DESK_REGISTRY) && desk_commit(&desk, &change, NOT_FOUND);
    if (done)
        printf("client %s is disabled for good, with the tokens it has; " IN_FORCE "\n", id);
    desk_close(&desk);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_client_rotate_key(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *overlap = NULL, *id;
    struct key_source key = {0};
    const struct command_option options[] = {{"config", &config, NULL},
                                             {"key", &key.file, NULL},
                                             {"new-key", &key.new_file, NULL},
                                             {"overlap", &overlap, NULL},
                                             {NULL, NULL, NULL}};
    struct registry_client client = {.key_count = 1};
    struct registry_change change = {.kind = CHANGE_CLIENT_KEY, .client = &client};
    struct desk desk;
    uint64_t overlap_s = 0;
    if (!command_read(command, argc, argv, options, &id, 1, 1) ||
        !command_number(command, "--overlap", overlap, 0, OVERLAP_S_MAX, &overlap_s) ||
        !read_key_call(command, &key, "--key FILE or --new-key FILE"))
        return EXIT_USAGE;
    change.text = bytes_str(id);
    change.until = overlap_s ? clock_wall_s() + (int64_t)overlap_s : 0;
    bool done = desk_open(&desk, config, DESK_REGISTRY) &&
                take_key(&key, client.keys[0].public_key) && commit_key(&desk, &change, &key);
    if (done && overlap_s)
        print_time("the key before is good until ", change.until);
    if (done)
        printf("%s; " IN_FORCE "\n", overlap_s ? "" : "the key before is good no longer");
    desk_close(&desk);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
