/* What issuing authorities are owed: `jwb outbox list|retry`, `jwb client webhook`. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/desk.h"
#include "registry/issuing.h"

#define LISTED_MAX 1000

static void print_time(const char *before, int64_t unix_s)
{
    char text[32];
    struct buf time = BUF_OVER(text);
    buf_put_timestamp(&time, unix_s);
    printf("%s%s", before, buf_cstr(&time));
}

static void print_delivery(void *context, const struct registry_delivery *delivery)
{
    char text[2 * REGISTRY_ID_BYTES + 1];
    struct buf id = BUF_OVER(text);
    size_t *count = context;
    buf_put_hex(&id, bytes_of(delivery->id, sizeof delivery->id));
    printf("%s  %-9s  %s  event %llu  attempts %u", buf_cstr(&id),
           delivery_state_text(delivery->state), delivery->client,
           (unsigned long long)delivery->event, delivery->attempts);
    print_time("  since ", delivery->made_at);
    if (delivery->state == DELIVERY_WAITING)
        print_time("  next ", delivery->next_at);
    printf("%s%s\n", *delivery->error ? "  " : "", delivery->error);
    ++*count;
}

int command_outbox_list(const struct command *command, int argc, char **argv)
{
    const char *config = NULL;
    bool dead = false, all = false;
    const struct command_option options[] = {
        {"config", &config, NULL}, {"dead", NULL, &dead}, {"all", NULL, &all}, {NULL, NULL, NULL}};
    struct desk desk;
    size_t count = 0;
    if (!command_read(command, argc, argv, options, NULL, 0, 0))
        return EXIT_USAGE;
    bool done =
        desk_open(&desk, config, DESK_REGISTRY) &&
        desk_read(registry_deliveries(desk.reader, all, dead ? DELIVERY_DEAD : DELIVERY_WAITING,
                                      LISTED_MAX, print_delivery, &count));
    desk_close(&desk);
    if (done && count == LISTED_MAX)
        fprintf(stderr, "jwb: the first %d; there may be more\n", LISTED_MAX);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_outbox_retry(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *id = NULL;
    bool dead = false;
    const struct command_option options[] = {
        {"config", &config, NULL}, {"dead", NULL, &dead}, {NULL, NULL, NULL}};
    struct registry_change change = {.kind = CHANGE_DELIVERY_RETRY};
    struct buf to = BUF_OVER(change.id);
    struct desk desk;
    if (!command_read(command, argc, argv, options, &id, 0, 1))
        return EXIT_USAGE;
    if (!id == !dead)
        return command_misused(command, "name one message, or --dead for all dead ones");
    if (id && (!buf_put_from_hex(&to, bytes_str(id)) || to.len != sizeof change.id))
        return command_misused(command, "a message's id has %d hexadecimal digits",
                               2 * REGISTRY_ID_BYTES);
    bool done = desk_open(&desk, config, DESK_REGISTRY) &&
                desk_commit(&desk, &change, "no dead message has this id");
    desk_close(&desk);
    if (done)
        puts(id ? "it is tried again" : "all dead messages are tried again");
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_client_webhook(const struct command *command, int argc, char **argv)
{
    const char *config = NULL, *url = NULL, *id;
    bool none = false;
    const struct command_option options[] = {
        {"config", &config, NULL}, {"url", &url, NULL}, {"none", NULL, &none}, {NULL, NULL, NULL}};
    struct registry_change change = {.kind = CHANGE_WEBHOOK};
    struct desk desk;
    if (!command_read(command, argc, argv, options, &id, 1, 1))
        return EXIT_USAGE;
    if (!url == !none)
        return command_misused(command, "give --url, or --none to take it away");
    if (url && (strncmp(url, "https://", 8) != 0 || strlen(url) > WEBHOOK_URL_BYTES_MAX))
        return command_misused(command, "--url begins with https:// and has at most %d characters",
                               WEBHOOK_URL_BYTES_MAX);
    change.text = bytes_str(id);
    if (url)
        change.url = bytes_str(url);
    bool done = desk_open(&desk, config, DESK_REGISTRY) &&
                desk_commit(&desk, &change, "there is no authority's client of this id");
    desk_close(&desk);
    if (done)
        printf("%s %s\n", id, url ? "is told there from now on" : "is told nothing any more");
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
