/* An officer begins and ends a shift at this terminal. */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "crypto/crypto.h"
#include "terminal/tool/credentials.h"

int verb_login(const struct verb *verb, int argc, char **argv)
{
    const char *folder = NULL;
    const struct verb_option options[] = {{"folder", &folder, NULL}, {NULL, NULL, NULL}};
    char storage[CREDENTIALS_IDENTITY_BYTES_MAX], time[32];
    struct buf identity = BUF_OVER(storage), until = BUF_OVER(time);
    struct device device;
    int64_t expires_at;
    if (verb_read(verb, argc, argv, options, 0, 0) < 0)
        return STATUS_USAGE;
    if (!device_open(&device, folder, false))
        return STATUS_NOT_NOW;
    enum exit_status status = STATUS_USAGE;
    struct uplink *uplink = uplink_create(&device);
    CHECK(uplink);
    if (read_input("the identity token", &identity))
        status = credentials_login(uplink, &device, buf_bytes(&identity), &expires_at);
    if (status == STATUS_DONE) {
        buf_put_timestamp(&until, expires_at);
        printf("logged in until %s\n", buf_cstr(&until));
    }
    crypto_wipe(storage, sizeof storage);
    uplink_destroy(&uplink);
    device_close(&device);
    return status;
}

int verb_logout(const struct verb *verb, int argc, char **argv)
{
    const char *folder = NULL;
    const struct verb_option options[] = {{"folder", &folder, NULL}, {NULL, NULL, NULL}};
    struct device device;
    if (verb_read(verb, argc, argv, options, 0, 0) < 0)
        return STATUS_USAGE;
    if (!device_open(&device, folder, false))
        return STATUS_NOT_NOW;
    bool done = credentials_logout(&device);
    device_close(&device);
    return done ? STATUS_DONE : STATUS_NOT_NOW;
}
