/* What a terminal still knows. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "crypto/crypto.h"
#include "terminal/tool/credentials.h"

struct knowledge {
    struct jwbt_knowledge own;
    struct jwbt_list lists[DEVICE_LISTS_MAX];
    unsigned list_count;
    bool logged_in;
    int64_t now;
};

static bool learn(struct device *device, struct knowledge *k)
{
    char storage[CREDENTIALS_TOKEN_BYTES_MAX];
    struct buf token = BUF_OVER(storage);
    struct jwbt *terminal = device_use(device);
    if (!terminal)
        return false;
    k->now = clock_wall_s();
    jwbt_knows(terminal, k->now, &k->own);
    while (k->list_count < DEVICE_LISTS_MAX &&
           jwbt_list_at(terminal, k->list_count, &k->lists[k->list_count]))
        k->list_count++;
    device_rest(device);
    k->logged_in = credentials_officer_token(device, k->now, &token);
    crypto_wipe(storage, sizeof storage);
    return true;
}

/* ---- for programs ---- */

static json_t *time_json(int64_t unix_s)
{
    char storage[64];
    struct buf text = BUF_OVER(storage);
    buf_put_timestamp(&text, unix_s);
    return unix_s ? json_string(buf_cstr(&text)) : json_null();
}

static void print_json(const struct device *device, const struct knowledge *k)
{
    json_t *lists = json_array();
    for (unsigned i = 0; i < k->list_count; i++)
        json_array_append_new(lists,
                              json_pack("{s:i, s:s, s:o, s:o}", "list", k->lists[i].list, "uri",
                                        k->lists[i].uri, "as_of", time_json(k->lists[i].as_of),
                                        "good_until", time_json(k->lists[i].good_until)));
    json_t *told = json_pack(
        "{s:s, s:s, s:b, s:b, s:I, s:o, s:o, s:i, s:i, s:o, s:b, s:o, s:i, s:b, s:b}", "gateway",
        device->gateway, "client", device->client, "logged_in", (int)k->logged_in, "enrolled",
        (int)k->own.enrolled, "bundle_version", (json_int_t)k->own.bundle_version,
        "bundle_not_before", time_json(k->own.bundle_not_before), "bundle_expires",
        time_json(k->own.bundle_expires), "keys", (int)k->own.keys, "revoked", (int)k->own.revoked,
        "clock_mark", time_json(k->own.clock_mark), "clock_trusted", (int)k->own.clock_trusted,
        "lists", lists, "scans", (int)k->own.scans, "storage_failed", (int)k->own.storage_failed,
        "damaged", (int)k->own.damaged);
    json_dumpf(told, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(told);
}

/* ---- for people ---- */

static void print_time(const char *label, int64_t unix_s)
{
    char storage[64];
    struct buf text = BUF_OVER(storage);
    buf_put_timestamp(&text, unix_s);
    printf("%s%s", label, buf_cstr(&text));
}

static void print_age(int64_t age_s)
{
    if (age_s >= 2 * 86400)
        printf(", %lld days ago", (long long)(age_s / 86400));
    else if (age_s >= 2 * 3600)
        printf(", %lld hours ago", (long long)(age_s / 3600));
    else
        printf(", %lld minutes ago", (long long)(age_s / 60));
}

static void print_list(const struct jwbt_list *list, int64_t now)
{
    printf("list %u", list->list);
    if (list->as_of == 0) {
        puts("       not here");
        return;
    }
    print_time("       as of ", list->as_of);
    print_age(now - list->as_of);
    print_time(now < list->good_until ? ", good until " : ", over since ", list->good_until);
    putchar('\n');
}

static void print_text(const struct device *device, const struct knowledge *k)
{
    const struct jwbt_knowledge *own = &k->own;
    printf("gateway      %s, as %s%s\n", device->gateway, device->client,
           k->logged_in ? ", an officer is logged in" : "");
    if (!own->enrolled)
        puts("root key     none: 'jwb-terminal enroll --again'");
    if (own->bundle_version) {
        printf("trust bundle version %llu, %u code keys, %u revoked",
               (unsigned long long)own->bundle_version, own->keys, own->revoked);
        print_time(k->now < own->bundle_expires ? ", good until " : ", over since ",
                   own->bundle_expires);
        putchar('\n');
    } else
        puts("trust bundle none: 'jwb-terminal sync'");
    for (unsigned i = 0; i < k->list_count; i++)
        print_list(&k->lists[i], k->now);
    print_time("clock        ", k->now);
    if (!own->clock_trusted)
        print_time(", which is wrong: it is at least ", own->clock_mark);
    printf("\nkept scans   %u\n", own->scans);
    if (own->damaged)
        puts("Something here was damaged, and is left out: 'jwb-terminal sync' fetches it anew.");
    if (own->storage_failed)
        puts("Something here can't be read or written: look at the disk.");
}

int verb_status(const struct verb *verb, int argc, char **argv)
{
    static struct knowledge k;
    const char *folder = NULL;
    bool json = false;
    const struct verb_option options[] = {
        {"folder", &folder, NULL}, {"json", NULL, &json}, {NULL, NULL, NULL}};
    struct device device;
    if (verb_read(verb, argc, argv, options, 0, 0) < 0)
        return STATUS_USAGE;
    if (!device_open(&device, folder, false))
        return STATUS_NOT_NOW;
    bool known = learn(&device, &k);
    if (known && json)
        print_json(&device, &k);
    else if (known)
        print_text(&device, &k);
    device_close(&device);
    return known ? STATUS_DONE : STATUS_NOT_NOW;
}
