#include "terminal/tool/device.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "terminal/tool/verb.h"

#define SETTINGS_FILE      "settings.json"
#define SETTINGS_BYTES_MAX 4096
#define LOCK_AGAIN_MS      20

/* ---- settings ---- */

bool device_gateway_valid(const char *origin)
{
    size_t len = strlen(origin);
    return strncmp(origin, "https://", 8) == 0 && len > 8 && len <= DEVICE_GATEWAY_BYTES_MAX &&
           strspn(origin + 8, "0123456789abcdefghijklmnopqrstuvwxyz.-:[]") == len - 8;
}

static bool copy_text(const char *text, char *into, size_t cap)
{
    if (!text || strlen(text) >= cap)
        return false;
    memcpy(into, text, strlen(text) + 1);
    return true;
}

static bool take_settings(struct device *device, struct bytes content)
{
    json_t *settings =
        json_loadb((const char *)content.data, content.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *commercial = json_object_get(settings, "commercial");
    bool taken = copy_text(json_string_value(json_object_get(settings, "gateway")), device->gateway,
                           sizeof device->gateway) &&
                 copy_text(json_string_value(json_object_get(settings, "client")), device->client,
                           sizeof device->client) &&
                 json_is_boolean(commercial) && device_gateway_valid(device->gateway);
    device->commercial = json_is_true(commercial);
    json_decref(settings);
    return taken;
}

static bool read_settings(struct device *device, bool create)
{
    uint8_t storage[SETTINGS_BYTES_MAX];
    struct buf content = BUF_OVER(storage);
    enum folder_read read = folder_read(&device->folder, SETTINGS_FILE, &content);
    if (read == FOLDER_ABSENT && !create)
        complain("%s: this terminal is not enrolled: 'jwb-terminal enroll'", device->folder.path);
    if (read != FOLDER_READ)
        return read == FOLDER_ABSENT && create;
    if (take_settings(device, buf_bytes(&content)))
        return true;
    device->gateway[0] = device->client[0] = 0;
    if (create)
        return true;
    complain("%s/" SETTINGS_FILE " is damaged; 'jwb-terminal enroll --again' makes it anew",
             device->folder.path);
    return false;
}

bool device_save(const struct device *device)
{
    json_t *settings = json_pack("{s:s, s:s, s:b}", "gateway", device->gateway, "client",
                                 device->client, "commercial", (int)device->commercial);
    char *text = settings ? json_dumps(settings, JSON_INDENT(2)) : NULL;
    bool saved = text && folder_write(&device->folder, SETTINGS_FILE, bytes_str(text));
    free(text);
    json_decref(settings);
    return saved;
}

/* One that is there and can't be read is no reason to trust the system's. */
static void find_ca(struct device *device)
{
    struct buf path = BUF_OVER(device->ca);
    if (faccessat(device->folder.file, DEVICE_CA_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
        errno != ENOENT)
        buf_printf(&path, "%s/" DEVICE_CA_FILE, device->folder.path);
    buf_cstr(&path);
}

bool device_open(struct device *device, const char *folder, bool create)
{
    *device = (struct device){.folder.file = -1};
    if (!folder_open(&device->folder, folder, create))
        return false;
    find_ca(device);
    if (!read_settings(device, create))
        device_close(device);
    return device->folder.file >= 0;
}

void device_close(struct device *device)
{
    device_rest(device);
    folder_close(&device->folder);
}

/* ---- use ---- */

static bool lock(const struct device *device)
{
    const struct timespec pause = {.tv_nsec = LOCK_AGAIN_MS * 1000000};
    const uint64_t end_us = clock_mono_us() + DEVICE_WAIT_S * 1000000ull;
    while (flock(device->folder.file, LOCK_EX | LOCK_NB) != 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || clock_mono_us() > end_us) {
            complain("%s: another jwb-terminal uses it", device->folder.path);
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

struct jwbt *device_use(struct device *device)
{
    const struct jwbt_options options = {.storage = jwbt_storage_folder(device->folder.path),
                                         .commercial = device->commercial,
                                         .lists_max = DEVICE_LISTS_MAX};
    if (device->terminal || !lock(device))
        return device->terminal;
    enum jwbt_error error = jwbt_open(&options, &device->terminal);
    if (!device->terminal) {
        complain("%s", jwbt_error_text(error));
        flock(device->folder.file, LOCK_UN);
    }
    return device->terminal;
}

void device_rest(struct device *device)
{
    if (!device->terminal)
        return;
    jwbt_close(&device->terminal);
    flock(device->folder.file, LOCK_UN);
}
