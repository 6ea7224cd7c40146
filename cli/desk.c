#include "cli/desk.h"

#include <pwd.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "evidence/journal.h"
#include "gateway/config/keyfile.h"
#include "protocol/identifier.h"
#include "registry/event.h"

#define DEFAULT_CONFIG "/etc/jwb/gateway.yaml"
#define POLL_NS        5000000
#define IN_FORCE_US    2000000 /* by then no gateway believes the old state: docs/ARCHITECTURE.md */

static bool open_registry(struct desk *desk, bool create, struct buf *why)
{
    uint8_t secret[CRYPTO_SECRET_BYTES];
    if (!secret_read(desk->config->registry_secret, secret, why))
        return false;
    struct registry_options options = {
        .path = desk->config->registry_path,
        .secret = secret,
        .crypto = &crypto_openssl,
        .cipher = config_cipher(desk->config->registry_cipher),
        .create = create,
        .queue_max = (unsigned)desk->config->registry_queue_max,
        .busy_timeout_ms = (unsigned)desk->config->registry_busy_timeout_ms,
        .checkpoint_ms = (unsigned)desk->config->registry_checkpoint_ms,
    };
    bool opened = registry_open(&options, &desk->registry, why) == REGISTRY_OK;
    crypto_wipe(secret, sizeof secret);
    if (!opened && !create && access(options.path, F_OK) != 0)
        buf_put_str(why, "; 'jwb licence import' and 'jwb client add' make a registry");
    if (!opened)
        return false;
    desk->reader = registry_reader_create(desk->registry);
    if (!desk->reader)
        buf_printf(why, "%s can't be read", options.path);
    return desk->reader;
}

static void name_operator(struct desk *desk)
{
    const struct passwd *user = getpwuid(getuid());
    if (user)
        snprintf(desk->operator, sizeof desk->operator, "%s", user->pw_name);
    else
        snprintf(desk->operator, sizeof desk->operator, "uid %u", (unsigned)getuid());
}

struct registry_actor desk_actor(const struct desk *desk)
{
    return (struct registry_actor){
        .role = TOKEN_ROLE_OPERATOR,
        .acting = JOURNAL_ACTING_NONE,
        .subject = bytes_str(desk->operator),
        .purpose = bytes_str(command_words),
    };
}

static enum registry_error commit(struct desk *desk, struct registry_change *change)
{
    const struct registry_actor given = change->actor;
    change->actor = desk_actor(desk);
    change->actor.reference = given.reference;
    if (given.purpose.len)
        change->actor.purpose = given.purpose;
    return registry_commit(desk->registry, change);
}

/* What an operator reads or changes is evidence before he sees it. */
static bool note_command(struct desk *desk, struct buf *why)
{
    struct registry_change note = {.kind = CHANGE_NOTE, .event_kind = EVENT_OPERATOR};
    enum registry_error error = commit(desk, &note);
    if (error)
        buf_printf(why, "%s: this command can't be noted as evidence: %s",
                   desk->config->registry_path, registry_error_text(error));
    return !error;
}

/* NULL: the usual place. */
static const char *named_config(const char *config_path)
{
    if (!config_path)
        config_path = getenv("JWB_CONFIG");
    return config_path && *config_path ? config_path : NULL;
}

bool desk_is_configured(const char *config_path)
{
    return named_config(config_path) || access(DEFAULT_CONFIG, F_OK) == 0;
}

bool desk_open(struct desk *desk, const char *config_path, enum desk_registry wanted)
{
    char text[1024];
    struct buf why = BUF_OVER(text);
    *desk = (struct desk){0};
    name_operator(desk);
    config_path = named_config(config_path);
    desk->config = config_read(config_path ? config_path : DEFAULT_CONFIG, &why);
    if (desk->config && (wanted == DESK_CONFIG_ONLY ||
                         (open_registry(desk, wanted == DESK_REGISTRY_CREATE, &why) &&
                          (wanted == DESK_REGISTRY_UNNOTED || note_command(desk, &why)))))
        return true;
    if (!desk->config && !config_path)
        buf_put_str(&why, " (--config or $JWB_CONFIG name another file)");
    command_failed_why(&why);
    desk_close(desk);
    return false;
}

void desk_close(struct desk *desk)
{
    if (desk->reader)
        registry_reader_destroy(&desk->reader);
    if (desk->registry)
        registry_close(&desk->registry);
    if (desk->config)
        config_destroy(&desk->config);
}

static bool is_id(struct bytes text, uint8_t id[REGISTRY_ID_BYTES])
{
    struct buf out;
    buf_init(&out, id, REGISTRY_ID_BYTES);
    return buf_put_from_hex(&out, text) && out.len == REGISTRY_ID_BYTES;
}

/* The registry here is the embedded one, which answers at once. */
static enum registry_error find(struct desk *desk, struct registry_query *query)
{
    return registry_find(desk->reader, query) == REGISTRY_NOW ? query->error : REGISTRY_ERR_BUSY;
}

bool desk_find_licence(struct desk *desk, const char *argument, struct registry_query *query)
{
    char storage[REGISTRY_TEXT_BYTES_MAX];
    struct buf text = BUF_OVER(storage);
    enum registry_error error = REGISTRY_ERR_NOT_FOUND;
    if (!command_text(argument, "the licence's number", &text))
        return false;
    query->by = REGISTRY_BY_ID;
    if (is_id(buf_bytes(&text), query->id))
        error = find(desk, query);
    if (error == REGISTRY_ERR_NOT_FOUND) {
        query->by = REGISTRY_BY_NUMBER;
        query->text = buf_bytes(&text);
        error = find(desk, query);
    }
    query->text = bytes_of(NULL, 0);
    if (error == REGISTRY_ERR_NOT_FOUND)
        command_failed("no licence has this id, number or identifier");
    else if (error == REGISTRY_ERR_REFUSED)
        command_failed("several licences have this number: name one by its identifier or id");
    else
        desk_read(error);
    return error == REGISTRY_OK;
}

bool desk_find_holder(struct desk *desk, const char *argument, const char *what,
                      uint8_t id[REGISTRY_ID_BYTES])
{
    char storage[REGISTRY_NUMBER_BYTES_MAX], citizen[CITIZEN_NUMBER_BYTES];
    struct buf text = BUF_OVER(storage);
    if (!command_text(argument, "the number", &text))
        return false;
    struct bytes number = buf_bytes(&text);
    if (citizen_number_read(number, citizen) == IDENTIFIER_OK) /* also of 15 digits, or with an x */
        number = bytes_of(citizen, sizeof citizen);
    enum registry_error error = registry_holder_id(desk->reader, number, id);
    if (error == REGISTRY_ERR_NOT_FOUND)
        command_failed("the registry knows no %s of this number", what);
    else
        desk_read(error);
    return error == REGISTRY_OK;
}

bool desk_find_client(struct desk *desk, const char *id, struct registry_client *client)
{
    enum registry_error error = registry_client(desk->reader, bytes_str(id), client);
    if (error == REGISTRY_ERR_NOT_FOUND)
        command_failed("there is no client of this id");
    else
        desk_read(error);
    return error == REGISTRY_OK;
}

bool desk_read(enum registry_error error)
{
    if (error)
        command_failed("the registry can't be read: %s", registry_error_text(error));
    return !error;
}

bool desk_commit(struct desk *desk, struct registry_change *change, const char *not_found)
{
    enum registry_error error = commit(desk, change);
    if (error == REGISTRY_OK)
        return true;
    if (error == REGISTRY_ERR_NOT_FOUND)
        command_failed("nothing was changed: %s", not_found);
    else if (error == REGISTRY_ERR_REFUSED && change->refusal)
        command_failed("nothing was changed: %s", change->refusal);
    else
        command_failed("the registry did not take the change: %s", registry_error_text(error));
    return false;
}

/* Takes away what Redis has been told. What could not be read counts as not told. */
static enum registry_error still_owed(struct desk *desk, const struct registry_outbox *owed,
                                      size_t *count)
{
    while (*count > 0) {
        const struct registry_outbox *last = &owed[*count - 1];
        enum registry_error error = registry_relayed(desk->reader, last->list, last->last_seq);
        if (error)
            return error;
        --*count;
    }
    return REGISTRY_OK;
}

void desk_wait_in_force(struct desk *desk, FILE *out)
{
    struct registry_outbox owed[REGISTRY_LISTS_MAX];
    size_t count = REGISTRY_LISTS_MAX;
    uint64_t began_us = clock_mono_us(), passed_us;
    enum registry_error read = registry_outbox(desk->reader, owed, &count), error;
    for (;;) {
        error = read ? read : still_owed(desk, owed, &count);
        passed_us = clock_mono_us() - began_us;
        if (!error || passed_us >= IN_FORCE_US)
            break;
        nanosleep(&(struct timespec){0, POLL_NS}, NULL);
    }
    fprintf(
        out, "in force everywhere after %llu ms (%s)\n", (unsigned long long)(passed_us / 1000),
        !error ? "relayed"
        : error == REGISTRY_ERR_NOT_FOUND
            ? "Redis not told yet; no gateway believes the old state any more"
            : "whether Redis was told can't be read; no gateway believes the old state any more");
}

int desk_run(const struct command *command, int argc, char **argv, bool (*act)(struct desk *))
{
    const char *config = NULL;
    const struct command_option options[] = {{"config", &config, NULL}, {NULL, NULL, NULL}};
    struct desk desk;
    if (!command_read(command, argc, argv, options, NULL, 0, 0))
        return EXIT_USAGE;
    bool done = desk_open(&desk, config, DESK_REGISTRY) && act(&desk);
    desk_close(&desk);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
